/* SPDX-License-Identifier: ISC
 * agent_call_watch.c - a client that wants to hear of changes (services.md
 * 1.11). */
#include "agent_call.h"

static void
first_line(struct agent_client *c)
{
	struct agent *a = c->agent;
	char session[17];
	uint8_t random[8];
	struct mesh_notify n = {.version = AGENT_VERSION};
	struct mesh_status status;
	struct mesh_arena m;
	struct mesh_buf line;

	agent_random(random, sizeof(random));
	mesh_hex_encode(random, sizeof(random), session);
	mesh_arena_init(&m, MESH_STATUS_MEMORY);
	if (c->watch & MESH_WATCH_INITIAL_STATE) {
		n.session_id = session;
		n.has_state = true;
		n.state = agent_backend_state(a);
		if (a->login.auth_url[0] != 0)
			n.browse_to_url = a->login.auth_url;
	}
	if (c->watch & MESH_WATCH_INITIAL_PREFS)
		n.prefs = &a->prefs;
	if (c->watch & MESH_WATCH_INITIAL_NETMAP) {
		n.self_change = a->nm ? a->nm->self : NULL;
		n.netmap = a->nm;
	}
	if (c->watch & MESH_WATCH_INITIAL_STATUS) {
		agent_status_make(a, true, &m, &status);
		n.initial_status = &status;
	}
	mesh_buf_init(&line, CALL_ANSWER_MAX);
	mesh_notify_write(&line, &n);
	if (!line.failed)
		mesh_local_stream_add(&c->conn,
		    (struct mesh_str){(const char *)line.data, line.len});
	mesh_buf_release(&line);
	mesh_arena_release(&m);
}

/* --- traffic, every other second */

#define TICK_NS (2 * MESH_SEC)
#define TICK_WAIT_NS (300 * MESH_MS) /* for the engine's counters */

static void
add_traffic(const struct agent *a, struct mesh_notify_engine *out)
{
	const struct tbl_peer_status *t;
	size_t pos = 0;

	while ((t = mesh_map_next(&a->peer_status, &pos, NULL)) != NULL) {
		out->rx_bytes += (int64_t)t->rx_bytes;
		out->tx_bytes += (int64_t)t->tx_bytes;
		out->live += (t->flags & TBL_PEER_SESSION) != 0;
	}
	out->live_relays = (a->state.net & TBL_NET_RELAY_UP) != 0;
}

static void
tell_traffic(struct agent_client *c, const struct tbl_pong *pong)
{
	struct mesh_notify_engine engine = {0};
	struct mesh_notify n = {.version = AGENT_VERSION, .engine = &engine};
	struct mesh_buf line;

	(void)pong;
	add_traffic(c->agent, &engine);
	mesh_buf_init(&line, CALL_ANSWER_MAX);
	mesh_notify_write(&line, &n);
	if (!line.failed)
		mesh_local_stream_add(&c->conn,
		    (struct mesh_str){(const char *)line.data, line.len});
	mesh_buf_release(&line);
}

void
call_watch_tick(struct agent_client *c)
{
	call_want_status(c, TICK_WAIT_NS, tell_traffic);
}

struct mesh_time
call_watch_next(const struct agent_client *c)
{
	return c->watch & MESH_WATCH_ENGINE
		   ? mesh_time_add(agent_now(), TICK_NS)
		   : MESH_NEVER;
}

void
call_watch(struct agent_client *c, const struct mesh_local_request *r)
{
	char value[MESH_LOCAL_QUERY_MAX];
	uint64_t mask = 0;

	if (mesh_local_query(r, "mask", value) &&
	    mesh_parse_u64(mesh_str(value), UINT32_MAX, &mask) != MESH_OK) {
		call_text(c, 400, "bad mask\n");
		return;
	}
	if (mask & MESH_WATCH_IN_PROCESS) {
		call_text(c, 400, "this bit is not for a socket\n");
		return;
	}
	if ((mask & MESH_WATCH_RATE_LIMIT) && (mask & MESH_WATCH_NEW_STYLE)) {
		call_text(c, 400,
		    "the rate limit does not go with changes of peers\n");
		return;
	}
	c->watch = (unsigned)mask;
	mesh_local_stream_begin(&c->conn);
	if (c->watch &
	    (MESH_WATCH_INITIAL_STATE | MESH_WATCH_INITIAL_PREFS |
		MESH_WATCH_INITIAL_NETMAP | MESH_WATCH_INITIAL_STATUS))
		first_line(c);
	if (c->watch & MESH_WATCH_ENGINE)
		call_watch_tick(c);
}
