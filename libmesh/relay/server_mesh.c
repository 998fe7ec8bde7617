/* SPDX-License-Identifier: ISC
 * server_mesh.c - relays of one region (protocol/dataplane.md 3.8). A relay is
 * a client of each other one: what it hears there are ways, which packets for
 * keys that are not here take. A forwarded packet is not forwarded again. */
#include "relay/server_int.h"

#include "base/secret.h"
#include "crypto/box.h"

#include <stdlib.h>

#define CLIENT_INFO_MAX 160u /* bytes of its JSON */

int
mesh_relay_mesh_key_parse(struct mesh_str text, struct mesh_relay_mesh_key *out)
{
	return mesh_hex_decode(mesh_str_trim(text), out->b, sizeof(out->b));
}

/* --- those who watch us --- */

static uint8_t
present_flags(const struct mesh_relay_conn *c)
{
	uint8_t flags = 0;

	if (c->prober)
		flags |= MESH_RELAY_PRESENT_PROBER;
	if (c->mesh)
		flags |= MESH_RELAY_PRESENT_MESH;
	if (c->not_ideal)
		flags |= MESH_RELAY_PRESENT_NOT_IDEAL;
	return flags != 0 ? flags : MESH_RELAY_PRESENT_REGULAR;
}

/* A watcher that did not hear all knows wrong things: it is to come anew. */
static void
notice_sent(struct mesh_relay_conn *w, bool sent)
{
	if (sent)
		return;
	w->ended = true;
	mesh_relay_queue_wake(w);
}

static void
tell_present(struct mesh_relay_conn *watcher, const struct mesh_relay_conn *c)
{
	const struct mesh_relay_present p = {
	    .key = c->peer->key,
	    .addr = c->from,
	    .flags = present_flags(c),
	};
	struct mesh_wr w = mesh_relay_notice_begin(watcher,
	    MESH_RELAY_HEADER_LEN + MESH_KEY_LEN + 16 + 2 + 1);

	mesh_relay_write_present(&w, &p);
	notice_sent(watcher, mesh_relay_notice_end(watcher, &w));
}

void
mesh_relay_watch_came(struct mesh_relay_conn *c)
{
	struct mesh_list *at, *head = &c->server->watchers;

	for (at = head->next; at != head; at = at->next)
		tell_present(MESH_CONTAINER(at, struct mesh_relay_conn, listed),
		    c);
}

void
mesh_relay_watch_left(struct mesh_relay_server *s,
    const struct mesh_node_key *key)
{
	struct mesh_list *at;

	for (at = s->watchers.next; at != &s->watchers; at = at->next) {
		struct mesh_relay_conn *watcher =
		    MESH_CONTAINER(at, struct mesh_relay_conn, listed);

		notice_sent(watcher, mesh_relay_notice_gone(watcher, key,
					 MESH_RELAY_GONE_DISCONNECTED));
	}
}

/* It hears of all who are here, and from now on of every change. */
static int
take_watch(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	struct mesh_relay_server *s = c->server;
	const struct relay_peer *p;
	size_t pos = 0;

	if (f->len != 0)
		return MESH_ERR_FORMAT;
	/* We dialled ourselves: nothing to learn; or it watches already. */
	if (mesh_node_key_equal(&c->peer->key, &s->key) ||
	    !mesh_list_is_empty(&c->listed))
		return MESH_OK;
	mesh_list_append(&s->watchers, &c->listed);
	s->stats.watchers++;
	while ((p = mesh_map_next(&s->peers, &pos, NULL)) != NULL)
		if (!mesh_list_is_empty(&p->conns))
			tell_present(c, MESH_CONTAINER(p->conns.next,
					    struct mesh_relay_conn, of_peer));
	return MESH_OK;
}

static int
take_close(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	struct mesh_node_key key;
	struct relay_peer *p;
	struct mesh_list *at;

	if (mesh_relay_read_close(f, &key) != MESH_OK)
		return MESH_ERR_FORMAT;
	p = mesh_map_get(&c->server->peers, key.b);
	for (at = p ? p->conns.next : NULL; p && at != &p->conns;
	     at = at->next) {
		struct mesh_relay_conn *target =
		    MESH_CONTAINER(at, struct mesh_relay_conn, of_peer);

		target->ended = true;
		mesh_relay_queue_wake(target);
	}
	return MESH_OK;
}

static int
take_forward(struct mesh_relay_conn *c, const struct mesh_relay_frame *f,
    struct mesh_time now)
{
	struct mesh_relay_packet packet;
	struct mesh_node_key from;

	if (mesh_relay_read_forward(f, &from, &packet) != MESH_OK)
		return MESH_ERR_FORMAT;
	mesh_relay_server_deliver_forward(c, &from, &packet, now);
	return MESH_OK;
}

int
mesh_relay_mesh_frame(struct mesh_relay_conn *c,
    const struct mesh_relay_frame *f, struct mesh_time now,
    struct mesh_diag *diag)
{
	if (!c->mesh)
		return mesh_fail(diag, MESH_ERR_DENIED,
		    "frame type 0x%02x is for relays of the same mesh alone",
		    f->type);
	if (f->type == MESH_RELAY_FORWARD_PACKET)
		return take_forward(c, f, now);
	return f->type == MESH_RELAY_WATCH_CONNS ? take_watch(c, f)
						 : take_close(c, f);
}

/* --- those whom we watch --- */

struct mesh_relay_conn *
mesh_relay_link_new(struct mesh_relay_server *s, void *user,
    const uint8_t random[static MESH_RELAY_RANDOM_LEN], struct mesh_time now)
{
	struct mesh_relay_conn *c = mesh_relay_conn_make(s, user, random, now);

	if (c == NULL)
		return NULL;
	c->state = RELAY_LINK_KEY;
	c->mesh = true;
	return c;
}

static void
way_free(struct relay_way *way)
{
	struct mesh_relay_server *s = way->link->server;

	mesh_list_remove(&way->of_peer);
	mesh_list_remove(&way->of_link);
	s->stats.remote--;
	mesh_relay_peer_settle(s, way->peer);
	free(way);
}

void
mesh_relay_link_clear(struct mesh_relay_conn *c)
{
	while (!mesh_list_is_empty(&c->ways))
		way_free(MESH_CONTAINER(c->ways.next, struct relay_way,
		    of_link));
}

/* The way by that link, or NULL: a key has as many as there are relays. */
static struct relay_way *
way_by(const struct relay_peer *p, const struct mesh_relay_conn *link)
{
	struct mesh_list *at;

	for (at = p->ways.next; at != &p->ways; at = at->next) {
		struct relay_way *way =
		    MESH_CONTAINER(at, struct relay_way, of_peer);

		if (way->link == link)
			return way;
	}
	return NULL;
}

/* Past the limit a key is not known to be there: its packets are dropped, and
 * that is counted. */
static int
take_present(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	struct mesh_relay_server *s = c->server;
	struct mesh_relay_present present;
	struct relay_way *way;
	struct relay_peer *p;

	if (mesh_relay_read_present(f, &present) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (mesh_node_key_equal(&present.key, &s->key) ||
	    s->stats.remote >= s->max_clients * MESH_RELAY_REGION)
		return MESH_OK;
	p = mesh_relay_peer_of(s, &present.key);
	if (p == NULL)
		return MESH_ERR_NOMEM;
	if (way_by(p, c) != NULL)
		return MESH_OK;
	way = calloc(1, sizeof(*way));
	if (way == NULL) {
		mesh_relay_peer_settle(s, p);
		return MESH_ERR_NOMEM;
	}
	way->peer = p;
	way->link = c;
	mesh_list_append(&p->ways, &way->of_peer);
	mesh_list_append(&c->ways, &way->of_link);
	s->stats.remote++;
	return MESH_OK;
}

static int
take_gone(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	struct mesh_node_key key;
	struct relay_way *way;
	struct relay_peer *p;
	uint8_t reason;

	if (mesh_relay_read_gone(f, &key, &reason) != MESH_OK)
		return MESH_ERR_FORMAT;
	p = mesh_map_get(&c->server->peers, key.b);
	way = p ? way_by(p, c) : NULL;
	if (way != NULL)
		way_free(way);
	return MESH_OK;
}

/* Who we are, with the mesh key; then we watch. */
static int
send_client_info(struct mesh_relay_conn *c)
{
	char hex[2 * MESH_KEY_LEN + 1], text[CLIENT_INFO_MAX];
	struct mesh_box_key box;
	struct mesh_wr w;
	uint8_t *out = NULL;
	size_t len;

	if (mesh_box_key_make(&box, c->server->secret.b, c->claim.b) != MESH_OK)
		return MESH_ERR_AUTH;
	mesh_hex_encode(c->server->mesh.b, MESH_KEY_LEN, hex);
	if (mesh_format(text, sizeof(text),
		"{\"meshKey\":\"%s\",\"version\":2,\"CanAckPings\":true}",
		hex) == MESH_OK) {
		len = strlen(text);
		w = mesh_relay_notice_begin(c,
		    2 * MESH_RELAY_HEADER_LEN + MESH_KEY_LEN +
			MESH_RELAY_NONCE_LEN + MESH_RELAY_TAG_LEN + len);
		out = mesh_relay_write_client_info(&w, &c->server->key,
		    c->random, len + MESH_RELAY_TAG_LEN);
		if (out != NULL)
			mesh_box_seal(out, &box, c->random, text, len);
		mesh_relay_write_empty(&w, MESH_RELAY_WATCH_CONNS);
		if (!mesh_relay_notice_end(c, &w))
			out = NULL;
	}
	mesh_wipe(hex, sizeof(hex));
	mesh_wipe(text, sizeof(text));
	mesh_box_key_wipe(&box);
	return out != NULL ? MESH_OK : MESH_ERR_NOMEM;
}

static int
take_server_key(struct mesh_relay_conn *c, const struct mesh_relay_frame *f,
    struct mesh_diag *diag)
{
	int err;

	if (mesh_relay_read_server_key(f, &c->claim) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (mesh_node_key_equal(&c->claim, &c->server->key))
		return mesh_fail(diag, MESH_ERR_STATE,
		    "that relay is this one");
	err = send_client_info(c);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "cannot say who we are");
	c->state = RELAY_LINK_INFO;
	return MESH_OK;
}

/* Only the relay with that key can have made the box. What is in it does not
 * matter. */
static int
take_server_info(struct mesh_relay_conn *c, const struct mesh_relay_frame *f,
    struct mesh_time now, struct mesh_diag *diag)
{
	struct mesh_relay_info info;
	struct mesh_box_key box;
	uint8_t *text;
	int err;

	if (mesh_relay_read_server_info(f, &info) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (mesh_box_key_make(&box, c->server->secret.b, c->claim.b) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_AUTH, "bad key of the relay");
	text = malloc(info.box_len);
	err = text == NULL ? MESH_ERR_NOMEM
			   : mesh_box_open(text, &box, info.nonce, info.box,
				 info.box_len);
	free(text);
	mesh_box_key_wipe(&box);
	if (err != MESH_OK)
		return mesh_fail(diag, err,
		    "the relay does not have the key that it claims");
	c->state = RELAY_LINK_UP;
	c->deadline = mesh_time_add(now, MESH_RELAY_LINK_SILENCE_NS);
	return MESH_OK;
}

static int
take_up(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	switch (f->type) {
	case MESH_RELAY_PEER_PRESENT:
		return take_present(c, f);
	case MESH_RELAY_PEER_GONE:
		return take_gone(c, f);
	case MESH_RELAY_PING:
		return mesh_relay_conn_take_ping(c, f);
	default: /* keep-alives; packets to a relay's own key */
		return MESH_OK;
	}
}

int
mesh_relay_link_frame(struct mesh_relay_conn *c,
    const struct mesh_relay_frame *f, struct mesh_time now,
    struct mesh_diag *diag)
{
	bool key = f->type == MESH_RELAY_SERVER_KEY;
	bool info = f->type == MESH_RELAY_SERVER_INFO;
	int err;

	if (c->state == RELAY_LINK_KEY && key)
		err = take_server_key(c, f, diag);
	else if (c->state == RELAY_LINK_INFO && info)
		err = take_server_info(c, f, now, diag);
	else if (c->state == RELAY_LINK_UP)
		err = take_up(c, f);
	else
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "frame type 0x%02x out of turn", f->type);
	if (err == MESH_ERR_FORMAT)
		mesh_fail(diag, err, "malformed frame: type 0x%02x, %u bytes",
		    f->type, f->len);
	else if (err == MESH_ERR_NOMEM)
		mesh_fail(diag, err, "out of memory");
	return err;
}
