/* SPDX-License-Identifier: ISC */
#include "relay/server_int.h"

#include "base/secret.h"
#include "wire/disco.h"

#include <stdlib.h>

/* Edges in all: few clients talk to many. */
#define EDGES_PER_CLIENT 64u

struct mesh_relay_server *
mesh_relay_server_new(const struct mesh_relay_server_conf *conf)
{
	struct mesh_relay_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->secret = *conf->secret;
	s->key = mesh_node_public(conf->secret);
	s->max_clients = conf->max_clients;
	s->admit = conf->admit;
	s->has_mesh = conf->mesh != NULL;
	if (conf->mesh != NULL)
		s->mesh = *conf->mesh;
	mesh_map_init(&s->peers, MESH_KEY_LEN,
	    conf->max_clients * (s->has_mesh ? 1 + MESH_RELAY_REGION : 1),
	    conf->seed);
	mesh_map_init(&s->edges, sizeof(struct relay_edge_key),
	    conf->max_clients * EDGES_PER_CLIENT, conf->seed);
	mesh_list_init(&s->conns);
	mesh_list_init(&s->awake);
	mesh_list_init(&s->asking);
	mesh_list_init(&s->watchers);
	return s;
}

void
mesh_relay_server_free(struct mesh_relay_server *s)
{
	if (s == NULL)
		return;
	while (!mesh_list_is_empty(&s->conns))
		mesh_relay_conn_free(MESH_CONTAINER(s->conns.next,
		    struct mesh_relay_conn, all));
	mesh_map_release(&s->peers);
	mesh_map_release(&s->edges);
	mesh_node_secret_wipe(&s->secret);
	mesh_wipe(&s->mesh, sizeof(s->mesh));
	free(s);
}

const struct mesh_node_key *
mesh_relay_server_key(const struct mesh_relay_server *s)
{
	return &s->key;
}

const struct mesh_relay_stats *
mesh_relay_server_stats(const struct mesh_relay_server *s)
{
	return &s->stats;
}

const char *
mesh_relay_drop_name(enum mesh_relay_drop d)
{
	static const char *const names[MESH_RELAY_DROP_COUNT] = {
	    [MESH_RELAY_DROP_UNKNOWN] = "unknown",
	    [MESH_RELAY_DROP_HEAD] = "head",
	    [MESH_RELAY_DROP_TAIL] = "tail",
	    [MESH_RELAY_DROP_GONE] = "gone",
	    [MESH_RELAY_DROP_NOTICE] = "notice",
	};

	return d < MESH_RELAY_DROP_COUNT ? names[d] : "?";
}

struct mesh_relay_conn *
mesh_relay_server_wake(struct mesh_relay_server *s)
{
	struct mesh_list *first = s->awake.next;

	if (first == &s->awake)
		return NULL;
	mesh_list_remove(first);
	return MESH_CONTAINER(first, struct mesh_relay_conn, awake);
}

/* --- keys and their connections --- */

struct relay_peer *
mesh_relay_peer_of(struct mesh_relay_server *s, const struct mesh_node_key *key)
{
	struct relay_peer *p = mesh_map_get(&s->peers, key->b);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL || mesh_map_put(&s->peers, key->b, p) != MESH_OK) {
		free(p);
		return NULL;
	}
	p->key = *key;
	p->id = ++s->next_id;
	mesh_list_init(&p->conns);
	mesh_list_init(&p->ways);
	mesh_list_init(&p->told);
	return p;
}

int
mesh_relay_server_join(struct mesh_relay_conn *c,
    const struct mesh_node_key *key)
{
	struct relay_peer *p;

	if (c->server->stats.clients >= c->server->max_clients)
		return MESH_ERR_LIMIT;
	p = mesh_relay_peer_of(c->server, key);
	if (p == NULL)
		return MESH_ERR_NOMEM;
	c->peer = p;
	c->server->stats.keys += mesh_list_is_empty(&p->conns);
	mesh_list_prepend(&p->conns, &c->of_peer);
	c->server->stats.clients++;
	c->server->stats.accepted++;
	mesh_relay_watch_came(c);
	return MESH_OK;
}

void
mesh_relay_server_active(struct mesh_relay_conn *c)
{
	if (c->peer->conns.next == &c->of_peer)
		return;
	mesh_list_remove(&c->of_peer);
	mesh_list_prepend(&c->peer->conns, &c->of_peer);
}

/* --- who has packets of whom --- */

static void
edge_remove(struct mesh_relay_server *s, struct relay_edge *e)
{
	struct relay_edge_key key = {e->src->id, e->dst->id};

	mesh_map_remove(&s->edges, &key);
	mesh_list_remove(&e->of_src);
	mesh_list_remove(&e->of_dst);
	e->src->told_count--;
	free(e);
}

/* Past the limits nothing is remembered, and nothing told later: the receiver
 * then learns of the loss when it sends. */
static void
edge_add(struct relay_peer *src, struct mesh_relay_conn *dst)
{
	struct mesh_map *edges = &dst->server->edges;
	struct relay_edge_key key = {src->id, dst->id};
	struct relay_edge *e;

	if (dst->last_src == src->id)
		return;
	if (mesh_map_get(edges, &key) != NULL) {
		dst->last_src = src->id;
		return;
	}
	if (src->told_count >= MESH_RELAY_PEERS_OF_ONE)
		return;
	e = calloc(1, sizeof(*e));
	if (e == NULL || mesh_map_put(edges, &key, e) != MESH_OK) {
		free(e);
		return;
	}
	e->src = src;
	e->dst = dst;
	mesh_list_append(&src->told, &e->of_src);
	mesh_list_append(&dst->heard_from, &e->of_dst);
	src->told_count++;
	dst->last_src = src->id;
}

static void
peer_free(struct mesh_relay_server *s, struct relay_peer *p)
{
	while (!mesh_list_is_empty(&p->told)) {
		struct relay_edge *e =
		    MESH_CONTAINER(p->told.next, struct relay_edge, of_src);

		mesh_relay_notice_gone(e->dst, &p->key,
		    MESH_RELAY_GONE_DISCONNECTED);
		edge_remove(s, e);
	}
	mesh_map_remove(&s->peers, p->key.b);
	free(p);
}

void
mesh_relay_peer_settle(struct mesh_relay_server *s, struct relay_peer *p)
{
	if (mesh_list_is_empty(&p->conns) && mesh_list_is_empty(&p->ways))
		peer_free(s, p);
}

void
mesh_relay_server_leave(struct mesh_relay_conn *c)
{
	struct mesh_relay_server *s = c->server;
	struct relay_peer *p = c->peer;

	while (!mesh_list_is_empty(&c->heard_from))
		edge_remove(s, MESH_CONTAINER(c->heard_from.next,
				   struct relay_edge, of_dst));
	if (p == NULL)
		return;
	c->peer = NULL;
	mesh_list_remove(&c->of_peer);
	s->stats.clients--;
	s->stats.homes -= c->home;
	if (!mesh_list_is_empty(&p->conns))
		return;
	s->stats.keys--;
	mesh_relay_watch_left(s, &p->key);
	mesh_relay_peer_settle(s, p);
}

/* --- packets --- */

static struct mesh_relay_conn *
conn_of(const struct relay_peer *p)
{
	if (p == NULL || mesh_list_is_empty(&p->conns))
		return NULL;
	return MESH_CONTAINER(p->conns.next, struct mesh_relay_conn, of_peer);
}

static struct mesh_relay_conn *
link_of(const struct relay_peer *p)
{
	if (p == NULL || mesh_list_is_empty(&p->ways))
		return NULL;
	return MESH_CONTAINER(p->ways.next, struct relay_way, of_peer)->link;
}

static void
not_here(struct mesh_relay_conn *from, const struct mesh_node_key *to,
    bool disco, struct mesh_time now)
{
	from->server->stats.dropped[MESH_RELAY_DROP_UNKNOWN]++;
	if (disco && mesh_ratelimit_allow(&from->not_here, now))
		mesh_relay_notice_gone(from, to, MESH_RELAY_GONE_NOT_HERE);
}

void
mesh_relay_server_deliver(struct mesh_relay_conn *from,
    const struct mesh_relay_packet *packet, struct mesh_time now)
{
	struct mesh_relay_server *s = from->server;
	struct relay_peer *to = mesh_map_get(&s->peers, packet->key.b);
	bool disco = mesh_disco_is(packet->data, packet->len);
	struct mesh_relay_conn *dst = conn_of(to), *link = link_of(to);

	s->stats.packets_in++;
	if (dst != NULL) {
		if (mesh_relay_queue_packet(dst, &from->peer->key, packet->data,
			packet->len, disco))
			edge_add(from->peer, dst);
	} else if (link != NULL) {
		s->stats.forwarded_out += mesh_relay_queue_forward(link,
		    &from->peer->key, packet, disco);
	} else {
		not_here(from, &packet->key, disco, now);
	}
}

void
mesh_relay_server_deliver_forward(struct mesh_relay_conn *link,
    const struct mesh_node_key *from, const struct mesh_relay_packet *packet,
    struct mesh_time now)
{
	struct mesh_relay_server *s = link->server;
	struct mesh_relay_conn *dst =
	    conn_of(mesh_map_get(&s->peers, packet->key.b));
	struct relay_peer *src = mesh_map_get(&s->peers, from->b);
	bool disco = mesh_disco_is(packet->data, packet->len);

	s->stats.forwarded_in++;
	if (dst == NULL)
		not_here(link, &packet->key, disco, now);
	else if (mesh_relay_queue_packet(dst, from, packet->data, packet->len,
		     disco) &&
		 src != NULL)
		edge_add(src, dst);
}
