/* SPDX-License-Identifier: ISC
 * agent_call_metrics.c - counters in Prometheus' text format, under the names
 * that stock daemons give them (services.md 2.9); and the mark that goes with a
 * bug report. */
#include "agent_call.h"

#include "common/log.h"

#include <string.h>

#define STATE_WAIT_NS (300 * MESH_MS) /* for the engine's counters */
#define NOTE_MAX 200u

static void
head(struct mesh_buf *b, const char *name, const char *type, const char *help)
{
	mesh_buf_printf(b, "# TYPE %s %s\n# HELP %s %s\n", name, type, name,
	    help);
}

static void
gauge(struct mesh_buf *b, const char *name, const char *help, uint64_t v)
{
	head(b, name, "gauge", help);
	mesh_buf_printf(b, "%s %llu\n", name, (unsigned long long)v);
}

static void
by_way(struct mesh_buf *b, const char *name, const char *help,
    const struct tbl_traffic *t, bool bytes)
{
	static const char *const ways[TBL_WAYS] = {
	    [TBL_WAY_UDP4] = "direct_ipv4",
	    [TBL_WAY_UDP6] = "direct_ipv6",
	    [TBL_WAY_RELAY] = "derp",
	};

	head(b, name, "counter", help);
	for (size_t i = 0; i < TBL_WAYS; i++)
		mesh_buf_printf(b, "%s{path=\"%s\"} %llu\n", name, ways[i],
		    (unsigned long long)(bytes ? t[i].bytes : t[i].packets));
}

/* Prefixes that control lets us route, beyond our own addresses. */
static uint64_t
approved_routes(const struct agent *a)
{
	const struct mesh_node *self = a->nm ? a->nm->self : NULL;
	uint64_t n = 0;

	for (size_t i = 0; self != NULL && i < self->allowed_ips.count; i++)
		n += !mesh_prefix_is_single(&mesh_node_allowed_ips(self)[i]);
	return n;
}

static uint64_t
health_messages(const struct agent *a)
{
	return (a->nm ? a->nm->message_count : 0) + (a->login.error[0] != 0);
}

static void
answer_usermetrics(struct agent_client *c, const struct tbl_pong *pong)
{
	const struct agent *a = c->agent;
	const struct tbl_engine_state *s = &a->state;
	struct mesh_buf b;

	(void)pong;
	mesh_buf_init(&b, CALL_MEMORY);
	gauge(&b, "tailscaled_advertised_routes",
	    "Network routes that this node advertises",
	    a->prefs.advertise_routes.count);
	gauge(&b, "tailscaled_approved_routes",
	    "Network routes of this node that control approved",
	    approved_routes(a));
	head(&b, "tailscaled_health_messages", "gauge",
	    "Health messages by type");
	mesh_buf_printf(&b,
	    "tailscaled_health_messages{type=\"warning\"} "
	    "%llu\n",
	    (unsigned long long)health_messages(a));
	gauge(&b, "tailscaled_home_derp_region_id",
	    "Region of the home relay, 0: none", s->home_region);
	by_way(&b, "tailscaled_inbound_bytes_total",
	    "Bytes received from peers", s->in, true);
	by_way(&b, "tailscaled_inbound_packets_total",
	    "Packets received from peers", s->in, false);
	head(&b, "tailscaled_inbound_dropped_packets_total", "counter",
	    "Packets of peers that were dropped");
	mesh_buf_printf(&b,
	    "tailscaled_inbound_dropped_packets_total"
	    "{reason=\"acl\"} %llu\n",
	    (unsigned long long)s->drop_filter);
	by_way(&b, "tailscaled_outbound_bytes_total", "Bytes sent to peers",
	    s->out, true);
	by_way(&b, "tailscaled_outbound_packets_total", "Packets sent to peers",
	    s->out, false);
	call_buf(c, "text/plain; version=0.0.4; charset=utf-8", &b);
}

void
call_usermetrics(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	if (agent_port_send(&c->agent->engine, MSG_WANT_STATE, 0, NULL, 0))
		agent_client_wait(c, agent_ask_id(c->agent), STATE_WAIT_NS,
		    answer_usermetrics);
	else
		answer_usermetrics(c, NULL);
}

static void
answer_metrics(struct agent_client *c, const struct tbl_pong *pong)
{
	const struct agent *a = c->agent;
	struct mesh_buf b;

	(void)pong;
	mesh_buf_init(&b, CALL_MEMORY);
	gauge(&b, "mesh_backend_state", "What watch-ipn-bus calls State",
	    agent_backend_state(a));
	gauge(&b, "mesh_control_connected", "Is there a session with control?",
	    a->control.registered);
	gauge(&b, "mesh_peers", "Peers in the network map",
	    a->nm ? a->nm->peer_count : 0);
	gauge(&b, "mesh_tables_generation", "Of the tables that the engine has",
	    a->engine_gen);
	gauge(&b, "mesh_dropped_by_filter", "Packets that no rule lets pass",
	    a->state.drop_filter);
	gauge(&b, "mesh_dropped_as_noise", "Datagrams of nobody that we know",
	    a->state.drop_noise);
	call_buf(c, "text/plain; version=0.0.4; charset=utf-8", &b);
}

void
call_metrics(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	if (agent_port_send(&c->agent->engine, MSG_WANT_STATE, 0, NULL, 0))
		agent_client_wait(c, agent_ask_id(c->agent), STATE_WAIT_NS,
		    answer_metrics);
	else
		answer_metrics(c, NULL);
}

void
agent_call_state_came(struct agent *a)
{
	agent_api_resume_all(a, answer_usermetrics);
	agent_api_resume_all(a, answer_metrics);
}

/* No log leaves this machine, so the mark is the one of nodes without logs. */
void
call_bugreport(struct agent_client *c, const struct mesh_local_request *r)
{
	char note[MESH_LOCAL_QUERY_MAX] = "", text[NOTE_MAX];

	(void)mesh_local_query(r, "note", note);
	mesh_log_text(note, strlen(note), text, sizeof(text));
	log_info("bug report asked for version=%s note=%s", AGENT_VERSION,
	    text);
	call_text(c, 200,
	    "BUG-NO-LOGS-NO-SUPPORT-this-node-has-had-its-"
	    "logging-disabled\n");
}
