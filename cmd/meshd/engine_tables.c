/* SPDX-License-Identifier: ISC
 * engine_tables.c - the agent's tables: collected between BEGIN and COMMIT,
 * checked again although the agent is ours, then put to use as a whole.
 */
#include "engine_int.h"

#include "common/log.h"

#include <stdlib.h>

#define ARENA_MAX (64u << 20)
#define PEERS_GROW 64u

void
engine_tables_forget(struct engine *e)
{
	struct pending *p = &e->pending;

	mesh_arena_release(&p->arena);
	free(p->peers);
	free(p->drops);
	free(p->filter);
	*p = (struct pending){.open = false};
}

static int
begin(struct engine *e, struct link_msg *m)
{
	struct pending *p = &e->pending;
	bool full = mesh_rd_u8(&m->body) == 1;

	engine_tables_forget(e);
	if (m->gen == 0)
		return MESH_ERR_STATE;
	mesh_arena_init(&p->arena, ARENA_MAX);
	p->open = true;
	/* A difference to nothing: our key was replaced while it was under way.
	 * The agent will see that in the state and say everything again. */
	p->is_void = !full && e->gen == 0;
	p->full = full;
	p->gen = m->gen;
	return MESH_OK;
}

static int
take_self(struct engine *e, struct link_msg *m)
{
	struct pending *p = &e->pending;
	int rc = tbl_self_get(&m->body, &p->arena, &p->self);
	struct mesh_node_key own = mesh_wg_public(e->wg);

	if (rc == MESH_OK && !mesh_rd_done(&m->body))
		rc = MESH_ERR_FORMAT;
	/* Another key: it was replaced while this was under way. The agent will
	 * see ours in the state and say it again. */
	p->has_self = rc == MESH_OK && mesh_node_key_equal(&p->self.node, &own);
	return rc;
}

static int
add_peer(struct pending *p, const struct tbl_peer *t)
{
	if (p->peer_count == p->peer_cap) {
		size_t cap = p->peer_cap + PEERS_GROW + p->peer_cap / 2;
		struct tbl_peer *v = reallocarray(p->peers, cap, sizeof(*v));

		if (v == NULL)
			return MESH_ERR_NOMEM;
		p->peers = v;
		p->peer_cap = cap;
	}
	if (p->peer_count == TBL_PEERS_MAX)
		return MESH_ERR_LIMIT;
	p->peers[p->peer_count++] = *t;
	return MESH_OK;
}

static int
take_peers(struct engine *e, struct link_msg *m)
{
	struct pending *p = &e->pending;
	struct tbl_peer t;
	int rc = MESH_OK;

	while (rc == MESH_OK && mesh_rd_left(&m->body) > 0) {
		rc = tbl_peer_get(&m->body, &p->arena, &t);
		if (rc == MESH_OK)
			rc = add_peer(p, &t);
	}
	return rc;
}

static int
take_drops(struct engine *e, struct link_msg *m)
{
	struct pending *p = &e->pending;
	size_t n = mesh_rd_left(&m->body) / MESH_KEY_LEN;
	struct mesh_node_key *v;

	if (mesh_rd_left(&m->body) != n * MESH_KEY_LEN ||
	    p->drop_count + n > TBL_PEERS_MAX)
		return MESH_ERR_FORMAT;
	v = reallocarray(p->drops, p->drop_count + n, sizeof(*v));
	if (v == NULL)
		return MESH_ERR_NOMEM;
	p->drops = v;
	for (size_t i = 0; i < n; i++)
		(void)mesh_rd_copy(&m->body, v[p->drop_count++].b,
		    MESH_KEY_LEN);
	return MESH_OK;
}

static int
take_filter(struct engine *e, struct link_msg *m)
{
	struct pending *p = &e->pending;

	free(p->filter);
	p->filter_len = mesh_rd_left(&m->body);
	p->filter = malloc(p->filter_len + 1);
	if (p->filter == NULL)
		return MESH_ERR_NOMEM;
	(void)mesh_rd_copy(&m->body, p->filter, p->filter_len);
	p->has_filter = true;
	return MESH_OK;
}

/* The relay map is put to use at once: it is what it is, and connections that
 * stay are not touched. */
static int
take_relays(struct engine *e, struct link_msg *m)
{
	struct region *v = NULL;
	struct mesh_arena a;
	size_t n = 0;
	int rc = MESH_OK;

	mesh_arena_init(&a, ARENA_MAX);
	while (rc == MESH_OK && mesh_rd_left(&m->body) > 0) {
		struct tbl_region *t = mesh_arena_calloc(&a, 1, sizeof(*t));
		struct region *bigger = reallocarray(v, n + 1, sizeof(*v));

		if (bigger != NULL)
			v = bigger;
		if (t == NULL || bigger == NULL)
			rc = MESH_ERR_NOMEM;
		else if (n == TBL_REGIONS_MAX)
			rc = MESH_ERR_LIMIT;
		else
			rc = tbl_region_get(&m->body, &a, t);
		if (rc == MESH_OK)
			v[n++] = (struct region){t->id, t};
	}
	if (rc != MESH_OK) {
		free(v);
		mesh_arena_release(&a);
		return rc;
	}
	free(e->regions);
	mesh_arena_release(&e->relay_arena);
	e->relay_arena = a;
	e->regions = v;
	e->region_count = n;
	engine_relays_changed(e);
	return MESH_OK;
}

/* --- putting to use --- */

static void
use_self(struct engine *e, const struct tbl_self *t)
{
	e->self_flags = t->flags;
	e->peerapi4 = t->peerapi4;
	e->peerapi6 = t->peerapi6;
	e->own_count = t->addrs.count;
	for (size_t i = 0; i < t->addrs.count; i++)
		e->own[i] = t->addrs.v[i].ip;
	mesh_path_set_control(e->path, t->flags & TBL_SELF_CONTROL);
}

static void
sweep(struct engine *e)
{
	size_t pos = 0;
	struct peer *p;

	while ((p = mesh_map_next(&e->peers, &pos, NULL)) != NULL) {
		if (p->keep)
			continue;
		engine_peer_remove(e, p);
		pos = 0; /* the map changed */
	}
}

static void
mark_all(struct engine *e, bool keep)
{
	size_t pos = 0;
	struct peer *p;

	while ((p = mesh_map_next(&e->peers, &pos, NULL)) != NULL)
		p->keep = keep;
}

static int
use_peers(struct engine *e, const struct pending *p)
{
	int rc = MESH_OK;

	mark_all(e, !p->full);
	for (size_t i = 0; i < p->drop_count; i++) {
		struct peer *gone = engine_peer(e, &p->drops[i]);

		if (gone != NULL)
			gone->keep = false;
	}
	for (size_t i = 0; rc == MESH_OK && i < p->peer_count; i++)
		rc = engine_peer_put(e, &p->peers[i]);
	sweep(e);
	return rc == MESH_OK ? engine_peers_index(e) : rc;
}

static int
use_filter(struct engine *e, const struct pending *p)
{
	struct mesh_diag diag = {0};
	int rc = MESH_OK;

	if (p->filter_len == 0)
		mesh_filter_unload(e->filter);
	else
		rc = mesh_filter_load(e->filter, p->filter, p->filter_len,
		    &diag);
	if (rc != MESH_OK) {
		log_err("filter refused: %s", diag.text);
		mesh_filter_unload(e->filter); /* fail closed */
	}
	return rc;
}

static int
commit(struct engine *e, struct link_msg *m)
{
	struct pending *p = &e->pending;
	int rc = m->gen == p->gen ? MESH_OK : MESH_ERR_FORMAT;

	if (rc == MESH_OK && (p->is_void || (p->full && !p->has_self))) {
		engine_tables_forget(e);
		e->state_changed = true; /* of another key: say which is ours */
		return MESH_OK;
	}
	/* The filter first: no peer may speak before it is there. */
	if (rc == MESH_OK && (p->full || p->has_filter))
		rc = use_filter(e, p);
	if (rc == MESH_OK && p->has_self)
		use_self(e, &p->self);
	if (rc == MESH_OK)
		rc = use_peers(e, p);
	if (rc == MESH_OK) {
		e->gen = p->gen;
		e->state_changed = true;
		log_debug("tables generation=%llu peers=%zu",
		    (unsigned long long)e->gen, e->peers.count);
	}
	engine_tables_forget(e);
	return rc;
}

int
engine_tables_message(struct engine *e, struct link_msg *m)
{
	switch (m->type) {
	case MSG_BEGIN:
		return begin(e, m);
	case MSG_SELF:
		return take_self(e, m);
	case MSG_PEERS:
		return take_peers(e, m);
	case MSG_PEERS_DROP:
		return take_drops(e, m);
	case MSG_FILTER:
		return take_filter(e, m);
	case MSG_RELAYS:
		return take_relays(e, m);
	case MSG_COMMIT:
		return commit(e, m);
	default:
		return MESH_ERR_PROTO;
	}
}
