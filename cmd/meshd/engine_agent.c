/* SPDX-License-Identifier: ISC
 * engine_agent.c - the link to the agent. The engine never waits for it: it
 * keeps what is new, and says the latest when the agent reads.
 */
#include "engine_int.h"

#include "common/log.h"

#include <stdlib.h>
#include <time.h>

#define TELL_AGAIN_NS (50 * MESH_MS)  /* the agent did not read */
#define TELL_APART_NS (20 * MESH_MS) /* changes come in bursts */
#define STATUS_LEN 110u		     /* of one tbl_peer_status */

/* --- telling --- */

static uint64_t
wall_seconds(const struct engine *e, struct mesh_time t)
{
	if (t.ns == 0 || mesh_time_is_never(t))
		return 0;
	return (uint64_t)engine_wall().sec -
	    mesh_time_since(t, e->now) / MESH_SEC;
}

static int
say(struct engine *e, enum msg_type type, uint64_t gen, const struct mesh_wr *w)
{
	if (!mesh_wr_ok(w))
		return MESH_ERR_LIMIT;
	return link_send(&e->agent, type, gen, w->buf, w->len, NULL, 0);
}

static size_t
latencies(const struct engine *e, struct tbl_region_latency *out)
{
	struct mesh_path_latency l;
	size_t pos = 0, n = 0;

	while (n < TBL_REGION_LATENCIES_MAX &&
	    mesh_path_latency_next(e->path, &pos, &l))
		out[n++] = (struct tbl_region_latency){
		    .region = l.region,
		    .us4 = (uint32_t)(l.ns4 / MESH_US),
		    .us6 = (uint32_t)(l.ns6 / MESH_US),
		};
	return n;
}

static uint32_t
net_flags(const struct engine *e, uint16_t *out_home)
{
	struct mesh_path_netinfo n;
	uint32_t flags = 0;

	mesh_path_netinfo(e->path, &n);
	*out_home = n.home;
	flags |= n.measured ? TBL_NET_MEASURED : 0;
	flags |= n.udp ? TBL_NET_UDP : 0;
	flags |= n.udp4 ? TBL_NET_IPV4 : 0;
	flags |= n.udp6 ? TBL_NET_IPV6 : 0;
	if (n.mapping_varies == MESH_PATH_YES)
		flags |= TBL_NET_MAPPING_VARIES;
	if (n.home != 0 && engine_relay_is_up(e, n.home))
		flags |= TBL_NET_RELAY_UP;
	return flags;
}

static int
tell_state(struct engine *e)
{
	static struct tbl_region_latency lat[TBL_REGION_LATENCIES_MAX];
	struct tbl_own_endpoint eps[MESH_PATH_ENDPOINTS_MAX];
	struct mesh_wr w = mesh_wr_init(e->body, sizeof(e->body));
	struct tbl_engine_state t = {
	    .node = mesh_wg_public(e->wg),
	    .disco = e->disco,
	    .endpoints = eps,
	    .latencies = lat,
	    .drop_filter = e->drop_filter,
	    .drop_noise = e->drop_noise,
	};
	const struct mesh_path_endpoint *own =
	    mesh_path_endpoints(e->path, &t.endpoint_count);

	memcpy(t.in, e->in, sizeof(t.in));
	memcpy(t.out, e->out, sizeof(t.out));
	for (size_t i = 0; i < t.endpoint_count; i++)
		eps[i] = (struct tbl_own_endpoint){own[i].ep,
		    (enum tbl_endpoint_kind)own[i].type};
	t.latency_count = latencies(e, lat);
	t.net = net_flags(e, &t.home_region);
	tbl_engine_state_put(&w, &t);
	return say(e, MSG_ENGINE_STATE, e->gen, &w);
}

static void
put_status(struct engine *e, struct peer *p, struct mesh_wr *w)
{
	struct tbl_peer_status t = {.node = p->node, .rx_bytes = p->rx_bytes,
	    .tx_bytes = p->tx_bytes};
	struct mesh_path_status s;

	mesh_path_status(e->path, p->path, e->now, &s);
	t.flags = s.active ? TBL_PEER_ACTIVE : 0;
	t.direct = s.direct;
	t.region = s.region;
	t.latency_us = (uint32_t)(s.latency_ns / MESH_US);
	if (p->wg != NULL) {
		struct mesh_wg_stats st = mesh_wg_peer_stats(p->wg);

		t.rx_bytes += st.rx_bytes;
		t.tx_bytes += st.tx_bytes;
		if (mesh_wg_peer_state(p->wg, e->now) == MESH_WG_ESTABLISHED)
			t.flags |= TBL_PEER_SESSION;
	}
	t.handshake_s = wall_seconds(e, p->handshake);
	t.rx_s = wall_seconds(e, p->last_rx);
	t.tx_s = wall_seconds(e, p->last_tx);
	tbl_peer_status_put(w, &t);
}

static bool
has_room(const struct mesh_wr *w)
{
	return w->cap - w->len >= STATUS_LEN + 64;
}

static int
tell_changed(struct engine *e)
{
	struct mesh_wr w = mesh_wr_init(e->body, sizeof(e->body));
	struct mesh_list *at = e->changed.next;
	int rc;

	for (; at != &e->changed && has_room(&w); at = at->next)
		put_status(e, MESH_CONTAINER(at, struct peer, changed), &w);
	rc = say(e, MSG_PEER_STATUS, 0, &w);
	while (rc == MESH_OK && e->changed.next != at)
		mesh_list_remove(e->changed.next);
	return rc;
}

/* All peers, as many messages as it takes; goes on where it stopped. A change
 * of the table meanwhile may make it say one twice or miss one, which is then
 * told as changed. */
static int
tell_all(struct engine *e)
{
	uint8_t id[4];
	struct mesh_wr idw = mesh_wr_init(id, sizeof(id));
	int rc = MESH_OK;

	for (bool more = true; more && rc == MESH_OK;) {
		struct mesh_wr w = mesh_wr_init(e->body, sizeof(e->body));
		size_t pos = e->status_pos;
		struct peer *p = NULL;

		while (has_room(&w) &&
		    (p = mesh_map_next(&e->peers, &pos, NULL)) != NULL)
			put_status(e, p, &w);
		more = p != NULL;
		rc = say(e, MSG_PEER_STATUS, 0, &w);
		if (rc == MESH_OK)
			e->status_pos = pos;
	}
	mesh_wr_u32be(&idw, e->status_id);
	if (rc == MESH_OK)
		rc = say(e, MSG_STATUS_END, 0, &idw);
	if (rc == MESH_OK)
		e->status_wanted = false;
	return rc;
}

void
engine_agent_tell(struct engine *e)
{
	int rc = MESH_OK;

	if (!link_is_open(&e->agent) || !e->started)
		return;
	if (e->state_changed && (rc = tell_state(e)) == MESH_OK)
		e->state_changed = false;
	while (rc == MESH_OK && !mesh_list_is_empty(&e->changed))
		rc = tell_changed(e);
	if (rc == MESH_OK && e->status_wanted)
		rc = tell_all(e);
	if (rc == MESH_ERR_AGAIN)
		(void)timers_set(&e->timers, &e->tell_timer,
		    mesh_time_add(e->now, TELL_AGAIN_NS));
}

void
engine_peer_changed(struct engine *e, struct peer *p)
{
	if (mesh_list_is_empty(&p->changed))
		mesh_list_append(&e->changed, &p->changed);
	if (e->tell_timer.place == 0)
		(void)timers_set(&e->timers, &e->tell_timer,
		    mesh_time_add(e->now, TELL_APART_NS));
}

void
engine_send_pong(struct engine *e, const struct tbl_pong *pong)
{
	struct mesh_wr w = mesh_wr_init(e->body, sizeof(e->body));

	tbl_pong_put(&w, pong);
	(void)say(e, MSG_PONG, 0, &w);
}

void
engine_send_cert_ask(struct engine *e, const struct tbl_cert_ask *ask)
{
	struct mesh_wr w = mesh_wr_init(e->body, sizeof(e->body));

	tbl_cert_ask_put(&w, ask);
	(void)say(e, MSG_CERT_ASK, 0, &w);
}

/* --- hearing --- */

static int
take_ping(struct engine *e, struct link_msg *m)
{
	struct tbl_ping t;
	int rc = tbl_ping_get(&m->body, &t);

	if (rc == MESH_OK)
		engine_probe_start(e, &t);
	return rc;
}

static int
take_verdict(struct engine *e, struct link_msg *m)
{
	struct mesh_arena a;
	struct tbl_cert_verdict v;
	int rc;

	mesh_arena_init(&a, 4096);
	rc = tbl_cert_verdict_get(&m->body, &a, &v);
	if (rc == MESH_OK)
		engine_relay_verdict(e, &v);
	mesh_arena_release(&a);
	return rc;
}

static int
take(struct engine *e, struct link_msg *m)
{
	switch (m->type) {
	case MSG_HELLO:
	case MSG_WANT_STATE:
		e->state_changed = true;
		return MESH_OK;
	case MSG_WANT_STATUS:
		e->status_id = mesh_rd_u32be(&m->body);
		e->status_wanted = true;
		e->status_pos = 0;
		return MESH_OK;
	case MSG_PING:
		return take_ping(e, m);
	case MSG_CERT_VERDICT:
		return take_verdict(e, m);
	default:
		return engine_tables_message(e, m);
	}
}

static void
leave(struct engine *e)
{
	if (e->agent_event != NULL)
		event_free(e->agent_event);
	e->agent_event = NULL;
	link_release(&e->agent);
	engine_tables_forget(e);
	e->status_wanted = false;
}

void
engine_agent_event(struct engine *e)
{
	struct link_msg m;
	int rc = MESH_OK;

	while (rc == MESH_OK && (rc = link_recv(&e->agent, &m)) == MESH_OK) {
		rc = e->started ? take(e, &m) : MESH_OK;
		if (rc != MESH_OK)
			log_err("agent: malformed %s: %s", msg_def(m.type)->name,
			    mesh_strerror(rc));
		link_msg_release(&m);
		if (rc != MESH_OK)
			rc = MESH_ERR_PROTO;
	}
	if (rc == MESH_ERR_AGAIN)
		return;
	if (rc != MESH_ERR_CLOSED)
		engine_tell_monitor(e, MSG_FAULT, NULL, 0);
	leave(e); /* the monitor brings a new link with a new agent */
}

static void
on_agent(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	(void)fd;
	(void)what;
	engine_clock(e);
	engine_agent_event(e);
	engine_settle(e);
}

void
engine_agent_join(struct engine *e, int fd)
{
	leave(e);
	link_init(&e->agent, fd, ROLE_ENGINE, ROLE_AGENT, e->buf);
	e->agent_event = event_new(e->base, fd, EV_READ | EV_PERSIST, on_agent,
	    e);
	if (e->agent_event == NULL || event_add(e->agent_event, NULL) < 0 ||
	    link_hello(&e->agent) != MESH_OK) {
		leave(e);
		return;
	}
	e->state_changed = true;
}
