/* SPDX-License-Identifier: ISC
 * agent_call_ping.c - is a peer there, and by which way? */
#include "agent_call.h"

#include "local/ping.h"
#include "netmap/hostinfo.h"
#include "wire/http.h"

#include <stdlib.h>
#include <string.h>

#define PING_WAIT_MS 10000u
#define PING_WAIT_MAX_MS 60000u

static const char *
region_code(const struct agent *a, int64_t id)
{
	const struct mesh_relaymap_region *r =
	    a->nm ? mesh_relaymap_find(a->nm->relays, id) : NULL;

	return r != NULL && r->code != NULL ? r->code : "";
}

static void
short_name(const struct mesh_node *n, char *out, size_t size)
{
	if (n != NULL && n->name != NULL)
		(void)mesh_format(out, size, "%.*s", (int)strcspn(n->name, "."),
		    n->name);
}

/* The way is that of disco alone: other kinds go through the tunnel. */
static void
answer_ping(struct agent_client *c, const struct tbl_pong *pong)
{
	const struct agent *a = c->agent;
	const struct mesh_node *n =
	    a->nm ? mesh_netmap_peer(a->nm, c->ping_node) : NULL;
	char ip[MESH_IP_TEXT], name[256] = "";
	struct mesh_ping_result t = {.ip = mesh_ip_format(&c->ping_ip, ip),
	    .node_ip = ip,
	    .node_name = name};

	short_name(n, name, sizeof(name));
	if (pong == NULL) {
		t.err = "no reply in time";
	} else if (pong->err != MESH_OK) {
		t.err = mesh_strerror(pong->err);
	} else {
		t.latency_seconds = (double)pong->latency_ns / 1e9;
		t.peerapi_port = pong->peerapi;
	}
	if (pong != NULL && pong->err == MESH_OK &&
	    pong->kind == TBL_PING_DISCO) {
		t.endpoint = pong->endpoint;
		t.relay_region = pong->region;
		t.relay_code = region_code(a, pong->region);
	}
	call_json(c, &mesh_ping_schema, &t, false);
}

static bool
ping_kind(const char *name, enum tbl_ping_kind *out)
{
	static const struct {
		const char *name;
		enum tbl_ping_kind kind;
	} kinds[] = {
	    {"disco", TBL_PING_DISCO},
	    {"TSMP", TBL_PING_TSMP},
	    {"ICMP", TBL_PING_ICMP},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		*out = kinds[i].kind;
		return true;
	}
	return false;
}

/* "timeout" in ms is ours; stock clients hang up instead. */
static uint32_t
ping_timeout(const struct mesh_local_request *r)
{
	char value[MESH_LOCAL_QUERY_MAX];
	uint64_t ms;

	if (!mesh_local_query(r, "timeout", value) ||
	    mesh_parse_u64(mesh_str(value), PING_WAIT_MAX_MS, &ms) != MESH_OK ||
	    ms == 0)
		return PING_WAIT_MS;
	return (uint32_t)ms;
}

static void
send_ping(struct agent_client *c, const struct mesh_node *n,
    enum tbl_ping_kind kind, uint32_t timeout_ms)
{
	struct tbl_ping t = {.id = agent_ask_id(c->agent),
	    .kind = kind,
	    .node = n->key,
	    .ip = c->ping_ip,
	    .timeout_ms = timeout_ms};
	uint8_t body[64];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	tbl_ping_put(&w, &t);
	if (agent_port_send(&c->agent->engine, MSG_PING, 0, body, w.len))
		agent_client_wait(c, t.id, timeout_ms * MESH_MS + 500 * MESH_MS,
		    answer_ping);
	else
		mesh_local_answer_error(&c->conn, 503,
		    "the engine is not there");
}

/* --- of a peer's own API, by HTTP through the tunnel */

#define PEERAPI_HEAD_MAX 8192u

struct peerapi_ping {
	struct agent_client *client;
	struct agent_conn *conn;
	struct mesh_time begun;
	char name[256], url[80], err[160];
	struct mesh_buf in;
};

void
call_ping_forget(struct agent_client *c)
{
	struct peerapi_ping *p = c->peerapi;

	c->peerapi = NULL;
	if (p == NULL)
		return;
	agent_conn_free(p->conn);
	mesh_buf_release(&p->in);
	free(p);
}

static void
answer_peerapi(struct agent_client *c, const struct tbl_pong *pong)
{
	const struct peerapi_ping *p = c->peerapi;
	char ip[MESH_IP_TEXT];
	struct mesh_ping_result t = {.ip = mesh_ip_format(&c->ping_ip, ip),
	    .node_ip = ip,
	    .err = p->err,
	    .peerapi_url = p->url};

	(void)pong;
	if (p->err[0] == 0)
		t.node_name = p->name;
	t.latency_seconds =
	    (double)mesh_time_since(p->begun, agent_now()) / 1e9;
	call_json(c, &mesh_ping_schema, &t, false);
	call_ping_forget(c);
}

static void
end_peerapi(struct peerapi_ping *p, const char *err)
{
	struct agent_client *c = p->client;

	(void)mesh_format(p->err, sizeof(p->err), "%s", err);
	if (err[0] != 0)
		p->url[0] = 0;
	agent_api_resume(c);
}

static void
on_opened(void *arg)
{
	struct peerapi_ping *p = arg;
	char text[256];

	(void)mesh_format(text, sizeof(text),
	    "HEAD / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    p->url + sizeof("http://") - 1);
	agent_conn_send(p->conn, text, strlen(text));
}

static void
on_data(void *arg, const uint8_t *data, size_t len)
{
	struct peerapi_ping *p = arg;
	struct mesh_http_head head;
	char err[64];
	int rc = mesh_buf_add(&p->in, data, len);

	if (rc == MESH_OK)
		rc = mesh_http_response_parse(p->in.data, p->in.len, &head);
	if (rc == MESH_ERR_AGAIN)
		return;
	if (rc != MESH_OK) {
		end_peerapi(p, "no HTTP answer");
		return;
	}
	(void)mesh_format(err, sizeof(err), "HTTP status %u", head.status);
	end_peerapi(p, head.status == 200 ? "" : err);
}

static void
on_drained(void *arg)
{
	(void)arg;
}

static void
on_closed(void *arg, const char *why)
{
	end_peerapi(arg, why);
}

static bool
dial_peerapi(struct agent_client *c, const struct mesh_node *n, uint16_t port)
{
	static const struct agent_conn_ops ops = {
	    on_opened, on_data, on_drained, on_closed};
	struct mesh_endpoint ep = {.ip = c->ping_ip, .port = port};
	char ip[MESH_IP_TEXT], at[MESH_ENDPOINT_TEXT];
	struct peerapi_ping *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return false;
	c->peerapi = p;
	p->client = c;
	p->begun = agent_now();
	(void)mesh_format(p->err, sizeof(p->err), "no reply in time");
	(void)mesh_format(p->url, sizeof(p->url), "http://%s",
	    mesh_endpoint_format(&ep, at));
	(void)mesh_format(p->name, sizeof(p->name), "%s",
	    n->name ? n->name : "");
	mesh_buf_init(&p->in, PEERAPI_HEAD_MAX);
	p->conn = agent_conn_new(c->agent, mesh_ip_format(&c->ping_ip, ip),
	    port, false, &ops, p);
	if (p->conn == NULL)
		call_ping_forget(c);
	return p->conn != NULL;
}

static void
ping_peerapi(struct agent_client *c, const struct mesh_node *n,
    uint32_t timeout_ms)
{
	uint16_t port =
	    mesh_hostinfo_peerapi(n->hostinfo, mesh_ip_is4(&c->ping_ip));
	char ip[MESH_IP_TEXT];
	struct mesh_ping_result t = {.ip = mesh_ip_format(&c->ping_ip, ip),
	    .node_ip = ip,
	    .err = "this peer has no PeerAPI"};

	if (port == 0)
		call_json(c, &mesh_ping_schema, &t, false);
	else if (dial_peerapi(c, n, port))
		agent_client_wait(c, agent_ask_id(c->agent),
		    timeout_ms * MESH_MS, answer_peerapi);
	else
		mesh_local_answer_error(&c->conn, 500, "out of memory");
}

/* --- which */

/* Of an address of our own, or of nobody. */
static void
answer_no_peer(struct agent_client *c, bool local)
{
	char ip[MESH_IP_TEXT], words[MESH_IP_TEXT + 32];
	struct mesh_ping_result t = {.ip = mesh_ip_format(&c->ping_ip, ip),
	    .is_local = local,
	    .err = "no matching peer"};

	(void)mesh_format(words, sizeof(words), "%s is local Tailscale IP", ip);
	if (local)
		t.err = words;
	call_json(c, &mesh_ping_schema, &t, false);
}

void
call_ping(struct agent_client *c, const struct mesh_local_request *r)
{
	char ip[MESH_LOCAL_QUERY_MAX], type[MESH_LOCAL_QUERY_MAX];
	const struct mesh_netmap *nm = c->agent->nm;
	enum tbl_ping_kind kind = TBL_PING_DISCO;
	const struct mesh_node *n;
	bool peerapi;

	if (!mesh_local_query(r, "ip", ip) ||
	    mesh_ip_parse(mesh_str(ip), &c->ping_ip) != MESH_OK) {
		call_text(c, 400, "invalid 'ip' parameter\n");
		return;
	}
	peerapi =
	    mesh_local_query(r, "type", type) && strcmp(type, "peerapi") == 0;
	if (!peerapi &&
	    (!mesh_local_query(r, "type", type) || !ping_kind(type, &kind))) {
		call_text(c, 400, "invalid 'type' parameter\n");
		return;
	}
	n = nm ? mesh_netmap_by_ip(nm, &c->ping_ip) : NULL;
	if (n == NULL || n == nm->self) {
		answer_no_peer(c, n != NULL);
		return;
	}
	c->ping_node = n->id;
	if (peerapi)
		ping_peerapi(c, n, ping_timeout(r));
	else
		send_ping(c, n, kind, ping_timeout(r));
}
