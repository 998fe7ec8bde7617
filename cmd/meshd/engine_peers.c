/* SPDX-License-Identifier: ISC
 * engine_peers.c - peers, and whose an address is.
 */
#include "engine_int.h"

#include <stdlib.h>

struct peer *
engine_peer(const struct engine *e, const struct mesh_node_key *node)
{
	return mesh_map_get(&e->peers, node->b);
}

/* Single addresses by map, networks by the longest prefix; packets come in
 * runs, so the last answer is kept. */
struct peer *
engine_peer_for(struct engine *e, const struct mesh_ip *ip)
{
	struct peer *p;

	if (e->last_peer != NULL && mesh_ip_eq(&e->last_ip, ip))
		return e->last_peer;
	p = mesh_map_get(&e->addresses, ip->b);
	for (size_t i = 0; p == NULL && i < e->route_count; i++)
		if (mesh_prefix_has(&e->routes[i].net, ip))
			p = e->routes[i].peer;
	e->last_ip = *ip;
	e->last_peer = p;
	return p;
}

bool
engine_peer_owns(const struct peer *p, const struct mesh_ip *ip)
{
	for (size_t i = 0; i < p->allowed_count; i++)
		if (mesh_prefix_has(&p->allowed[i], ip))
			return true;
	return false;
}

/* --- WireGuard's side of a peer: there while there is something to say --- */

static void
wg_due(void *arg)
{
	struct peer *p = arg;

	if (p->wg != NULL)
		mesh_wg_peer_tick(p->wg, p->e->now);
}

struct mesh_wg_peer *
engine_peer_wg(struct engine *e, struct peer *p)
{
	if (p->wg != NULL)
		return p->wg;
	if (mesh_wg_peer_add(e->wg, &p->node, p, &p->wg) != MESH_OK) {
		p->wg = NULL;
		return NULL;
	}
	mesh_wg_peer_set_stamp(p->wg, p->stamp);
	return p->wg;
}

void
engine_peer_drop_wg(struct engine *e, struct peer *p)
{
	if (p->wg == NULL)
		return;
	struct mesh_wg_stats s = mesh_wg_peer_stats(p->wg);
	p->rx_bytes += s.rx_bytes;
	p->tx_bytes += s.tx_bytes;
	mesh_wg_peer_stamp(p->wg, p->stamp);
	engine_drop_staged(e, p);
	timers_stop(&e->timers, &p->timer);
	mesh_wg_peer_remove(p->wg);
	p->wg = NULL;
}

/* --- coming and going --- */

static struct peer *
peer_new(struct engine *e, const struct mesh_node_key *node)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL || mesh_map_put(&e->peers, node->b, p) != MESH_OK) {
		free(p);
		return NULL;
	}
	p->e = e;
	p->node = *node;
	p->timer.fire = wg_due;
	p->timer.arg = p;
	mesh_list_init(&p->changed);
	return p;
}

void
engine_peer_remove(struct engine *e, struct peer *p)
{
	e->last_peer = NULL;
	engine_peer_drop_wg(e, p);
	if (p->path != NULL)
		mesh_path_peer_remove(e->path, p->path);
	mesh_list_remove(&p->changed);
	(void)mesh_map_remove(&e->peers, p->node.b);
	free(p->allowed);
	free(p);
}

static int
set_allowed(struct peer *p, const struct tbl_prefixes *t)
{
	struct mesh_prefix *v = NULL;

	if (t->count > 0) {
		v = reallocarray(NULL, t->count, sizeof(*v));
		if (v == NULL)
			return MESH_ERR_NOMEM;
		memcpy(v, t->v, t->count * sizeof(*v));
	}
	free(p->allowed);
	p->allowed = v;
	p->allowed_count = t->count;
	return MESH_OK;
}

static int
set_path(struct engine *e, struct peer *p, const struct tbl_peer *t)
{
	const struct mesh_path_peer_info info = {
	    .node = t->node,
	    .disco = t->disco,
	    .home = t->home_region,
	    .online = t->flags & TBL_PEER_ONLINE,
	    .expired = t->flags & TBL_PEER_EXPIRED,
	    .wg_only = t->flags & TBL_PEER_WG_ONLY,
	    .endpoints = t->endpoints,
	    .endpoint_count = t->endpoint_count,
	};
	int rc = mesh_path_peer_set(e->path, &info, e->now, &p->path);

	if (rc == MESH_OK)
		mesh_path_peer_set_user(p->path, p);
	return rc;
}

/* A new disco key means a new process, which knows nothing of our session: ask
 * for another at once, not after 15 s without an answer. */
static void
note_restart(struct engine *e, struct peer *p, const struct tbl_peer *t)
{
	bool restarted = !mesh_disco_key_is_zero(&p->disco) &&
	    !mesh_disco_key_equal(&p->disco, &t->disco);

	p->disco = t->disco;
	if (restarted && p->wg != NULL &&
	    mesh_wg_peer_state(p->wg, e->now) == MESH_WG_ESTABLISHED)
		mesh_wg_renew(p->wg, e->now);
}

int
engine_peer_put(struct engine *e, const struct tbl_peer *t)
{
	struct peer *p = engine_peer(e, &t->node);
	bool fresh = p == NULL;
	int rc;

	if (fresh && (p = peer_new(e, &t->node)) == NULL)
		return MESH_ERR_NOMEM;
	p->keep = true;
	p->flags = t->flags;
	rc = set_allowed(p, &t->allowed);
	if (rc == MESH_OK)
		rc = set_path(e, p, t);
	if (rc != MESH_OK && fresh) {
		engine_peer_remove(e, p);
		return rc;
	}
	note_restart(e, p, t);
	if (p->flags & TBL_PEER_EXPIRED)
		engine_peer_drop_wg(e, p);
	else if (rc == MESH_OK && (p->flags & TBL_PEER_CONNECT) &&
	    engine_peer_wg(e, p) != NULL)
		mesh_wg_connect(p->wg, e->now);
	return rc;
}

static int
by_length(const void *a, const void *b)
{
	const struct route *x = a, *y = b;

	return (int)y->net.bits - (int)x->net.bits;
}

static int
index_peer(struct engine *e, struct peer *p, size_t *route)
{
	int rc = MESH_OK;

	for (size_t i = 0; rc == MESH_OK && i < p->allowed_count; i++) {
		const struct mesh_prefix *net = &p->allowed[i];

		if (!mesh_prefix_is_single(net))
			e->routes[(*route)++] = (struct route){*net, p};
		else
			rc = mesh_map_put(&e->addresses, net->ip.b, p);
	}
	return rc;
}

int
engine_peers_index(struct engine *e)
{
	size_t pos = 0, networks = 0, n = 0;
	struct peer *p;
	int rc = MESH_OK;

	e->last_peer = NULL;
	while ((p = mesh_map_next(&e->peers, &pos, NULL)) != NULL)
		for (size_t i = 0; i < p->allowed_count; i++)
			networks += !mesh_prefix_is_single(&p->allowed[i]);
	free(e->routes);
	e->route_count = 0;
	e->routes = networks ? calloc(networks, sizeof(*e->routes)) : NULL;
	if (networks > 0 && e->routes == NULL)
		return MESH_ERR_NOMEM;
	mesh_map_release(&e->addresses);
	uint8_t seed[MESH_MAP_SEED_LEN];
	engine_random_bytes(seed, sizeof(seed));
	mesh_map_init(&e->addresses, sizeof(struct mesh_ip),
	    TBL_PEERS_MAX * 8u, seed);
	pos = 0;
	while (rc == MESH_OK &&
	    (p = mesh_map_next(&e->peers, &pos, NULL)) != NULL)
		rc = index_peer(e, p, &n);
	e->route_count = n;
	if (n > 1)
		qsort(e->routes, n, sizeof(*e->routes), by_length);
	return rc;
}

void
engine_peers_free(struct engine *e)
{
	size_t pos = 0;
	struct peer *p;

	while ((p = mesh_map_next(&e->peers, &pos, NULL)) != NULL) {
		engine_peer_remove(e, p);
		pos = 0;
	}
	mesh_map_release(&e->addresses);
	free(e->routes);
	e->routes = NULL;
	e->route_count = 0;
}
