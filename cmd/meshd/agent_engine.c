/* SPDX-License-Identifier: ISC
 * agent_engine.c - what the engine says: its state, paths to peers, answers.
 */
#include "agent_int.h"

#include "common/log.h"

#include <stdlib.h>
#include <string.h>

#define STATE_MEMORY (1u << 20)

void
agent_engine_joined(struct agent *a)
{
	(void)agent_port_send(&a->engine, MSG_WANT_STATE, 0, NULL, 0);
}

/* It comes back with a new link; what it knew it has lost. */
void
agent_engine_gone(struct agent *a)
{
	a->have_state = false;
	a->engine_gen = 0;
	mesh_netmap_unref(a->pushed);
	a->pushed = NULL;
}

static bool
same_own(const struct tbl_engine_state *x, const struct tbl_engine_state *y)
{
	if (x->home_region != y->home_region || x->net != y->net ||
	    x->endpoint_count != y->endpoint_count ||
	    !mesh_disco_key_equal(&x->disco, &y->disco))
		return false;
	for (size_t i = 0; i < x->endpoint_count; i++)
		if (x->endpoints[i].kind != y->endpoints[i].kind ||
		    !mesh_endpoint_eq(&x->endpoints[i].ep, &y->endpoints[i].ep))
			return false;
	return true;
}

/* The first state on a link decides whether the engine needs everything. */
static void
greet(struct agent *a, uint64_t gen)
{
	if (gen > a->generation)
		a->generation = gen;
	if (gen == 0 || a->nm_is_fresh)
		agent_push(a);
}

static bool
take_state(struct agent *a, struct link_msg *m)
{
	struct mesh_node_key had_key = a->state.node;
	struct tbl_engine_state t;
	struct mesh_arena arena;
	bool first = !a->have_state, other;
	/* A new key throws away what the engine had. */
	bool emptied = a->engine_gen != 0 && m->gen == 0;

	mesh_arena_init(&arena, STATE_MEMORY);
	if (tbl_engine_state_get(&m->body, &arena, &t) != MESH_OK) {
		mesh_arena_release(&arena);
		return false;
	}
	other = first || !same_own(&a->state, &t);
	mesh_arena_release(&a->state_arena);
	a->state_arena = arena;
	a->state = t;
	a->have_state = true;
	a->engine_gen = m->gen;
	if (first)
		greet(a, m->gen);
	else if (emptied)
		agent_push_all(a);
	if (!mesh_node_key_equal(&had_key, &t.node))
		agent_login_new_key(a);
	if (other)
		agent_control_update(a);
	agent_control_kick(a);
	agent_state_changed(a);
	agent_call_state_came(a);
	return true;
}

/* The way to a peer is another one: what a user who asks why it was slow for a
 * moment looks for. */
static void
log_way(struct agent *a, const struct tbl_peer_status *old,
    const struct tbl_peer_status *t)
{
	char name[64], was[MESH_ENDPOINT_TEXT], is[MESH_ENDPOINT_TEXT];
	const struct mesh_node *n;

	if (mesh_endpoint_eq(&old->direct, &t->direct) || a->nm == NULL ||
	    !mesh_ratelimit_allow(&a->way_log, agent_now()))
		return;
	n = mesh_netmap_by_key(a->nm, &t->node);
	if (n == NULL)
		return;
	mesh_log_text(mesh_node_get_name(n), strlen(mesh_node_get_name(n)),
	    name, sizeof(name));
	mesh_endpoint_format(&old->direct, was);
	mesh_endpoint_format(&t->direct, is);
	if (t->direct.port == 0)
		log_info("peer=%s: no answer from %s any more, by relay "
			 "region=%u", name, was, t->region);
	else if (old->direct.port == 0)
		log_info("peer=%s: direct addr=%s", name, is);
	else
		log_info("peer=%s: direct addr=%s, before %s", name, is, was);
}

static bool
take_status(struct agent *a, struct link_msg *m)
{
	while (mesh_rd_left(&m->body) > 0) {
		struct tbl_peer_status t, *kept;

		if (tbl_peer_status_get(&m->body, &t) != MESH_OK)
			return false;
		kept = mesh_map_get(&a->peer_status, t.node.b);
		if (kept == NULL) {
			kept = calloc(1, sizeof(*kept));
			if (kept == NULL ||
			    mesh_map_put(&a->peer_status, t.node.b, kept) !=
				MESH_OK) {
				free(kept);
				continue;
			}
		}
		log_way(a, kept, &t);
		*kept = t;
	}
	return !mesh_rd_bad(&m->body);
}

static bool
take_status_end(struct agent *a, struct link_msg *m)
{
	agent_api_status_end(a, mesh_rd_u32be(&m->body));
	return mesh_rd_done(&m->body);
}

static bool
take_pong(struct agent *a, struct link_msg *m)
{
	struct tbl_pong t;

	if (tbl_pong_get(&m->body, &t) != MESH_OK)
		return false;
	agent_api_pong(a, &t);
	agent_ping_pong(a, &t);
	return true;
}

static bool
take_cert(struct agent *a, struct link_msg *m)
{
	struct mesh_arena arena;
	struct tbl_cert_ask t;
	bool ok;

	mesh_arena_init(&arena, STATE_MEMORY);
	ok = tbl_cert_ask_get(&m->body, &arena, &t) == MESH_OK;
	if (ok)
		agent_cert_check(a, &t);
	mesh_arena_release(&arena);
	return ok;
}

uint32_t
agent_ask_id(struct agent *a)
{
	if (++a->ask_id == 0)
		a->ask_id = 1;
	return a->ask_id;
}

bool
agent_engine_take(struct agent *a, struct link_msg *m)
{
	switch (m->type) {
	case MSG_ENGINE_STATE:
		return take_state(a, m);
	case MSG_PEER_STATUS:
		return take_status(a, m);
	case MSG_STATUS_END:
		return take_status_end(a, m);
	case MSG_PONG:
		return take_pong(a, m);
	case MSG_CERT_ASK:
		return take_cert(a, m);
	default:
		return false;
	}
}
