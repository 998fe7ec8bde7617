/* SPDX-License-Identifier: ISC */
#include "relay/server_int.h"

#include "base/json.h"
#include "base/secret.h"
#include "crypto/box.h"
#include "wire/http.h"

#include <assert.h>
#include <stdlib.h>

static const char server_info[] = "{\"version\":2}";

#define SERVER_INFO_LEN (sizeof(server_info) - 1)
#define SERVER_KEY_FRAME                                                       \
	(MESH_RELAY_HEADER_LEN + MESH_RELAY_MAGIC_LEN + MESH_KEY_LEN)
#define NOT_HERE_BURST 3u

static_assert(MESH_RELAY_RANDOM_LEN >= MESH_RELAY_NONCE_LEN + 8,
    "a nonce and the jitter");

struct mesh_relay_conn *
mesh_relay_conn_make(struct mesh_relay_server *s, void *user,
    const uint8_t random[static MESH_RELAY_RANDOM_LEN], struct mesh_time now)
{
	struct mesh_relay_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->server = s;
	c->user = user;
	c->id = ++s->next_id;
	c->heard = now;
	c->deadline = mesh_time_add(now, MESH_RELAY_HANDSHAKE_NS);
	c->not_here = mesh_ratelimit_init(NOT_HERE_BURST, MESH_SEC);
	memcpy(c->random, random, sizeof(c->random));
	mesh_buf_init(&c->in, MESH_RELAY_FRAME_MAX);
	mesh_buf_init(&c->control, SIZE_MAX); /* see notice_begin */
	mesh_relay_queue_init(&c->packets);
	mesh_relay_queue_init(&c->disco);
	mesh_list_init(&c->of_peer);
	mesh_list_init(&c->awake);
	mesh_list_init(&c->listed);
	mesh_list_init(&c->ways);
	mesh_list_init(&c->heard_from);
	mesh_list_append(&s->conns, &c->all);
	return c;
}

struct mesh_relay_conn *
mesh_relay_conn_new(struct mesh_relay_server *s, void *user,
    const uint8_t random[static MESH_RELAY_RANDOM_LEN], struct mesh_time now)
{
	struct mesh_relay_conn *c = mesh_relay_conn_make(s, user, random, now);
	struct mesh_wr w;

	if (c == NULL)
		return NULL;
	w = mesh_relay_notice_begin(c, SERVER_KEY_FRAME);
	mesh_relay_write_server_key(&w, &s->key);
	mesh_relay_notice_end(c, &w);
	return c;
}

void
mesh_relay_conn_origin(struct mesh_relay_conn *c,
    const struct mesh_endpoint *from, bool ideal)
{
	c->from = *from;
	c->not_ideal = !ideal;
}

void
mesh_relay_conn_free(struct mesh_relay_conn *c)
{
	if (c == NULL)
		return;
	mesh_relay_queue_clear(c);
	c->server->stats.watchers -=
	    c->state == RELAY_CONN_READY && !mesh_list_is_empty(&c->listed);
	mesh_list_remove(&c->listed); /* before it hears of its own end */
	mesh_relay_link_clear(c);
	mesh_relay_server_leave(c);
	mesh_list_remove(&c->all);
	mesh_list_remove(&c->awake);
	mesh_buf_release(&c->in);
	mesh_buf_release(&c->control);
	free(c);
}

void *
mesh_relay_conn_user(const struct mesh_relay_conn *c)
{
	return c->user;
}

const struct mesh_node_key *
mesh_relay_conn_key(const struct mesh_relay_conn *c)
{
	static const struct mesh_node_key none;

	return c->peer != NULL ? &c->peer->key : &none;
}

bool
mesh_relay_conn_is_mesh(const struct mesh_relay_conn *c)
{
	return c->mesh;
}

bool
mesh_relay_conn_is_up(const struct mesh_relay_conn *c)
{
	return c->state == RELAY_LINK_UP;
}

bool
mesh_relay_conn_is_ended(const struct mesh_relay_conn *c)
{
	return c->ended;
}

bool
mesh_relay_conn_is_waiting(const struct mesh_relay_conn *c)
{
	return c->state == RELAY_CONN_ASKING;
}

const struct mesh_node_key *
mesh_relay_conn_claim(const struct mesh_relay_conn *c)
{
	return &c->claim;
}

/* --- handshake --- */

/* The mesh key in a client info: ours gives rights, another one none. */
static int
take_mesh_key(struct mesh_relay_conn *c, struct mesh_str text)
{
	struct mesh_relay_mesh_key key;
	int err = mesh_relay_mesh_key_parse(text, &key);

	if (err == MESH_OK)
		c->mesh = c->server->has_mesh &&
			  mesh_ct_equal(key.b, c->server->mesh.b,
			      sizeof(key.b));
	mesh_wipe(&key, sizeof(key));
	return err;
}

/* What the client says of itself. Members are matched in any case of letters,
 * as Go does. A malformed mesh key is an error for the stock server, so it is
 * for us. */
static int
read_client_json(struct mesh_relay_conn *c, const char *text, size_t len,
    struct mesh_diag *diag)
{
	struct mesh_json j;
	struct mesh_str name, key;

	mesh_json_init(&j, text, len, 0);
	mesh_json_object(&j);
	while (mesh_json_member(&j, &name)) {
		if (mesh_http_equal(name, "CanAckPings")) {
			c->can_ack = mesh_json_bool(&j);
		} else if (mesh_http_equal(name, "IsProber")) {
			c->prober = mesh_json_bool(&j);
		} else if (mesh_http_equal(name, "meshKey")) {
			key = mesh_json_string(&j);
			if (key.len > 0 && take_mesh_key(c, key) != MESH_OK)
				mesh_json_fail(&j, MESH_ERR_FORMAT,
				    "invalid mesh key");
		} else {
			mesh_json_skip(&j);
		}
	}
	return mesh_json_done(&j, diag) == MESH_OK ? MESH_OK : MESH_ERR_FORMAT;
}

static int
open_client_info(struct mesh_relay_conn *c, const struct mesh_relay_info *info,
    const struct mesh_box_key *box, struct mesh_diag *diag)
{
	size_t len = info->box_len - MESH_RELAY_TAG_LEN;
	char *text = malloc(len + 1);
	int err;

	if (text == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	err = mesh_box_open((uint8_t *)text, box, info->nonce, info->box,
	    info->box_len);
	if (err != MESH_OK)
		mesh_fail(diag, err,
		    "client does not have the key that it claims");
	else
		err = read_client_json(c, text, len, diag);
	free(text);
	return err;
}

static int
send_server_info(struct mesh_relay_conn *c, const struct mesh_box_key *box)
{
	size_t box_len = MESH_RELAY_TAG_LEN + SERVER_INFO_LEN;
	struct mesh_wr w = mesh_relay_notice_begin(c,
	    MESH_RELAY_HEADER_LEN + MESH_RELAY_NONCE_LEN + box_len);
	uint8_t *out = mesh_relay_write_server_info(&w, c->random, box_len);

	if (out == NULL)
		return MESH_ERR_NOMEM;
	mesh_box_seal(out, box, c->random, server_info, SERVER_INFO_LEN);
	mesh_relay_notice_end(c, &w);
	return MESH_OK;
}

/* The fixed part of a connection's beat, so that clients that came together do
 * not beat together. */
static uint64_t
jitter_of(const struct mesh_relay_conn *c)
{
	struct mesh_rd r = mesh_rd_init(c->random, sizeof(c->random));

	mesh_rd_skip(&r, MESH_RELAY_NONCE_LEN);
	return mesh_rd_u64le(&r) % MESH_RELAY_JITTER_NS;
}

/* In it comes, as key. */
static int
enter(struct mesh_relay_conn *c, const struct mesh_node_key *key,
    const struct mesh_box_key *box, struct mesh_time now,
    struct mesh_diag *diag)
{
	int err = mesh_relay_server_join(c, key);

	if (err != MESH_OK)
		return mesh_fail(diag, err, "no room for another client");
	err = send_server_info(c, box);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "out of memory");
	c->state = RELAY_CONN_READY;
	c->deadline =
	    mesh_time_add(now, MESH_RELAY_KEEPALIVE_NS + jitter_of(c));
	return MESH_OK;
}

static int
take_client_info(struct mesh_relay_conn *c, const struct mesh_relay_frame *f,
    struct mesh_time now, struct mesh_diag *diag)
{
	struct mesh_relay_info info;
	struct mesh_box_key box;
	int err;

	if (mesh_relay_read_client_info(f, &info) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "malformed client info: %u bytes", f->len);
	if (mesh_box_key_make(&box, c->server->secret.b, info.key.b) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_AUTH,
		    "client's key is of low order");
	err = open_client_info(c, &info, &box, diag);
	if (err == MESH_OK && c->server->admit && !c->mesh) {
		c->state = RELAY_CONN_ASKING;
		c->claim = info.key;
		mesh_list_append(&c->server->asking, &c->listed);
	} else if (err == MESH_OK) {
		err = enter(c, &info.key, &box, now, diag);
	}
	mesh_box_key_wipe(&box);
	return err;
}

struct mesh_relay_conn *
mesh_relay_server_ask(struct mesh_relay_server *s)
{
	struct mesh_list *first = s->asking.next;

	if (first == &s->asking)
		return NULL;
	mesh_list_remove(first);
	return MESH_CONTAINER(first, struct mesh_relay_conn, listed);
}

int
mesh_relay_conn_admit(struct mesh_relay_conn *c, struct mesh_time now,
    struct mesh_diag *diag)
{
	struct mesh_box_key box;
	int err;

	assert(c->state == RELAY_CONN_ASKING);
	mesh_list_remove(&c->listed);
	if (mesh_box_key_make(&box, c->server->secret.b, c->claim.b) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_AUTH,
		    "client's key is of low order");
	err = enter(c, &c->claim, &box, now, diag);
	mesh_box_key_wipe(&box);
	return err;
}

/* --- frames of a client that is known --- */

static int
take_send_packet(struct mesh_relay_conn *c, const struct mesh_relay_frame *f,
    struct mesh_time now)
{
	struct mesh_relay_packet packet;

	if (mesh_relay_read_packet(f, &packet) != MESH_OK)
		return MESH_ERR_FORMAT;
	mesh_relay_server_deliver(c, &packet, now);
	return MESH_OK;
}

static int
take_preferred(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	bool home;

	if (mesh_relay_read_preferred(f, &home) != MESH_OK)
		return MESH_ERR_FORMAT;
	c->server->stats.homes += (uint64_t)home - (uint64_t)c->home;
	c->home = home;
	return MESH_OK;
}

/* One answer waits at a time: a flood of pings costs one write a round. */
int
mesh_relay_conn_take_ping(struct mesh_relay_conn *c, const struct mesh_relay_frame *f)
{
	const uint8_t *data;
	struct mesh_wr w;

	if (mesh_relay_read_ping(f, &data) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (c->pong_waits)
		return MESH_OK;
	w = mesh_relay_notice_begin(c,
	    MESH_RELAY_HEADER_LEN + MESH_RELAY_PING_LEN);
	mesh_relay_write_ping(&w, MESH_RELAY_PONG, data);
	c->pong_waits = mesh_relay_notice_end(c, &w);
	return MESH_OK;
}

static int
take_frame(struct mesh_relay_conn *c, const struct mesh_relay_frame *f,
    struct mesh_time now, struct mesh_diag *diag)
{
	int err = MESH_OK;

	if (c->state >= RELAY_LINK_KEY)
		return mesh_relay_link_frame(c, f, now, diag);
	if (c->state == RELAY_CONN_INFO) {
		if (f->type == MESH_RELAY_CLIENT_INFO)
			return take_client_info(c, f, now, diag);
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "frame type 0x%02x before the client info", f->type);
	}
	mesh_relay_server_active(c);
	switch (f->type) {
	case MESH_RELAY_SEND_PACKET:
		err = take_send_packet(c, f, now);
		break;
	case MESH_RELAY_NOTE_PREFERRED:
		err = take_preferred(c, f);
		break;
	case MESH_RELAY_PING:
		err = mesh_relay_conn_take_ping(c, f);
		break;
	case MESH_RELAY_FORWARD_PACKET:
	case MESH_RELAY_WATCH_CONNS:
	case MESH_RELAY_CLOSE_PEER:
		err = mesh_relay_mesh_frame(c, f, now, diag);
		break;
	default: /* pongs, and what only servers send */
		break;
	}
	if (err == MESH_ERR_FORMAT)
		mesh_fail(diag, err, "malformed frame: type 0x%02x, %u bytes",
		    f->type, f->len);
	return err;
}

/* --- bytes --- */

/* One frame from the front of data, if it lies there whole. */
static int
take_one(struct mesh_relay_conn *c, const uint8_t *data, size_t len,
    size_t *out_used, struct mesh_time now, struct mesh_diag *diag)
{
	struct mesh_relay_frame f;
	int err = mesh_relay_frame_read(data, len, &f, out_used);

	if (err == MESH_ERR_LIMIT)
		return mesh_fail(diag, err, "frame type 0x%02x is too long",
		    data[0]);
	if (err != MESH_OK)
		return err;
	if (f.body != NULL)
		return take_frame(c, &f, now, diag);
	if (c->state == RELAY_CONN_INFO)
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "frame type 0x%02x before the client info", f.type);
	c->skip = f.len;
	*out_used = MESH_RELAY_HEADER_LEN;
	return MESH_OK;
}

/* Keeps the next bytes until the frame that they begin is whole. */
static int
keep(struct mesh_relay_conn *c, struct mesh_rd *r, size_t n)
{
	if (n > mesh_rd_left(r))
		n = mesh_rd_left(r);
	return mesh_buf_add(&c->in, mesh_rd_take(r, n), n);
}

/* Adds to the frame whose beginning is kept; handles it when it is whole. */
static int
take_rest(struct mesh_relay_conn *c, struct mesh_rd *r, struct mesh_time now,
    struct mesh_diag *diag)
{
	int err;

	if (keep(c, r, c->in_want - c->in.len) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (c->in.len < c->in_want)
		return MESH_OK;
	err = take_one(c, c->in.data, c->in.len, &c->in_want, now, diag);
	if (err == MESH_ERR_AGAIN) /* only the header was whole */
		return MESH_OK;
	mesh_buf_release(&c->in);
	return err;
}

static int
take_bytes(struct mesh_relay_conn *c, struct mesh_rd *r, struct mesh_time now,
    struct mesh_diag *diag)
{
	size_t used;
	int err;

	if (c->skip > 0) {
		used = mesh_rd_left(r) < c->skip ? mesh_rd_left(r) : c->skip;
		mesh_rd_skip(r, used);
		c->skip -= (uint32_t)used;
		return MESH_OK;
	}
	if (c->in.len > 0)
		return take_rest(c, r, now, diag);
	err = take_one(c, r->p, mesh_rd_left(r), &used, now, diag);
	if (err == MESH_OK)
		mesh_rd_skip(r, used);
	if (err != MESH_ERR_AGAIN)
		return err;
	c->in_want = used;
	return keep(c, r, mesh_rd_left(r));
}

int
mesh_relay_conn_input(struct mesh_relay_conn *c, const void *data, size_t len,
    struct mesh_time now, size_t *out_used, struct mesh_diag *diag)
{
	struct mesh_rd r = mesh_rd_init(data, len);
	int err = MESH_OK;

	c->heard = now;
	c->missed = 0;
	c->server->pressed = false;
	while (err == MESH_OK && mesh_rd_left(&r) > 0 && !c->server->pressed &&
	       c->state != RELAY_CONN_ASKING)
		err = take_bytes(c, &r, now, diag);
	if (err != MESH_OK && c->state == RELAY_CONN_INFO)
		c->server->stats.refused++;
	*out_used = len - mesh_rd_left(&r);
	return err;
}

/* --- time --- */

struct mesh_time
mesh_relay_conn_deadline(const struct mesh_relay_conn *c)
{
	return c->deadline;
}

static void
send_sign_of_life(struct mesh_relay_conn *c, bool ping)
{
	struct mesh_wr w = mesh_relay_notice_begin(c,
	    MESH_RELAY_HEADER_LEN + MESH_RELAY_PING_LEN);

	if (ping)
		mesh_relay_write_ping(&w, MESH_RELAY_PING, c->random);
	else
		mesh_relay_write_empty(&w, MESH_RELAY_KEEP_ALIVE);
	mesh_relay_notice_end(c, &w);
}

int
mesh_relay_conn_tick(struct mesh_relay_conn *c, struct mesh_time now)
{
	bool quiet = mesh_time_since(c->heard, now) >= MESH_RELAY_KEEPALIVE_NS;

	if (!mesh_time_due(c->deadline, now))
		return MESH_OK;
	if (c->state == RELAY_LINK_UP) { /* the other side beats */
		c->deadline = mesh_time_add(c->heard,
		    MESH_RELAY_LINK_SILENCE_NS);
		return mesh_time_due(c->deadline, now) ? MESH_ERR_TIMEOUT
						       : MESH_OK;
	}
	if (c->state != RELAY_CONN_READY || c->missed >= MESH_RELAY_MISSED_MAX)
		return MESH_ERR_TIMEOUT;
	c->deadline =
	    mesh_time_add(now, MESH_RELAY_KEEPALIVE_NS + jitter_of(c));
	quiet = quiet && c->can_ack;
	c->missed += quiet;
	send_sign_of_life(c, quiet);
	return MESH_OK;
}
