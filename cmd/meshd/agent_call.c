/* SPDX-License-Identifier: ISC
 * agent_call.c - the calls of the local API (services.md 1.5), in a table.
 */
#include "agent_int.h"

#include "common/log.h"
#include "local/ping.h"
#include "local/whois.h"
#include "netmap/file.h"

#include <stdlib.h>
#include <string.h>

#define STATUS_WAIT_NS (300 * MESH_MS) /* for the engine's counters */
#define PING_WAIT_MS 10000u
#define PING_WAIT_MAX_MS 60000u
#define ANSWER_MAX (64u << 20)
#define CALL_MEMORY (1u << 20)

static void
answer_json(struct agent_client *c, const struct mesh_schema *s,
    const void *object, bool indent)
{
	struct mesh_buf b;
	struct mesh_jw w;

	mesh_buf_init(&b, ANSWER_MAX);
	mesh_jw_init(&w, &b, indent);
	mesh_bind_write(&w, s, object);
	mesh_buf_add_byte(&b, '\n');
	if (b.failed)
		mesh_local_answer_error(&c->conn, 500, "out of memory");
	else
		mesh_local_answer(&c->conn, 200, "application/json",
		    (struct mesh_str){(const char *)b.data, b.len});
	mesh_buf_release(&b);
}

static void
answer_text(struct agent_client *c, unsigned status, const char *text)
{
	mesh_local_answer(&c->conn, status, "text/plain; charset=utf-8",
	    mesh_str(text));
}

/* The status that goes with an error of ours. */
static void
answer_failure(struct agent_client *c, int err, const struct mesh_diag *diag)
{
	unsigned status = err == MESH_ERR_STATE ? 412
	    : err == MESH_ERR_DENIED		? 403
	    : err == MESH_ERR_IO || err == MESH_ERR_NOMEM ? 500 : 400;

	mesh_local_answer_error(&c->conn, status,
	    diag->text[0] ? diag->text : mesh_strerror(err));
}

/* --- status */

static void
answer_status(struct agent_client *c, const struct tbl_pong *pong)
{
	struct mesh_status status;
	struct mesh_arena m;

	(void)pong;
	mesh_arena_init(&m, MESH_STATUS_MEMORY);
	agent_status_make(c->agent, c->want_peers, &m, &status);
	answer_json(c, &mesh_status_schema, &status, true);
	mesh_arena_release(&m);
}

static void
forget_status(struct agent *a)
{
	size_t pos = 0;
	void *t;

	while ((t = mesh_map_next(&a->peer_status, &pos, NULL)) != NULL)
		free(t);
	uint8_t seed[MESH_MAP_SEED_LEN];

	agent_random(seed, sizeof(seed));
	mesh_map_release(&a->peer_status);
	mesh_map_init(&a->peer_status, MESH_KEY_LEN, TBL_PEERS_MAX, seed);
}

static void
call_status(struct agent_client *c, const struct mesh_local_request *r)
{
	char value[MESH_LOCAL_QUERY_MAX];
	uint8_t body[4];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	uint32_t id = agent_ask_id(c->agent);

	c->want_peers = !(mesh_local_query(r, "peers", value) &&
	    strcmp(value, "false") == 0);
	mesh_wr_u32be(&w, id);
	forget_status(c->agent);
	if (agent_port_send(&c->agent->engine, MSG_WANT_STATUS, 0, body, w.len))
		agent_client_wait(c, id, STATUS_WAIT_NS, answer_status);
	else
		answer_status(c, NULL);
}

/* --- whois */

/* "100.64.0.2", "100.64.0.2:22", "nodekey:..." */
static int
find_node(const struct agent *a, const char *addr, const struct mesh_node **out)
{
	struct mesh_str s = mesh_str(addr);
	struct mesh_node_key key;
	struct mesh_endpoint e;

	*out = NULL;
	if (mesh_node_key_parse(s.p, s.len, &key) == MESH_OK) {
		if (a->nm != NULL)
			*out = mesh_netmap_by_key(a->nm, &key);
		return MESH_OK;
	}
	if (mesh_ip_parse(s, &e.ip) != MESH_OK &&
	    mesh_endpoint_parse(s, &e) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (a->nm != NULL)
		*out = mesh_netmap_by_ip(a->nm, &e.ip);
	return MESH_OK;
}

static void
call_whois(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct mesh_netmap *nm = c->agent->nm;
	char addr[MESH_LOCAL_QUERY_MAX];
	const struct mesh_node *n;
	struct mesh_buf b;

	if (!mesh_local_query(r, "addr", addr) ||
	    find_node(c->agent, addr, &n) != MESH_OK) {
		answer_text(c, 400, "invalid 'addr' parameter\n");
		return;
	}
	if (n == NULL) {
		answer_text(c, 404, "no match for IP:port\n");
		return;
	}
	mesh_buf_init(&b, ANSWER_MAX);
	mesh_whois_write(&b, n, mesh_netmap_user(nm, n->user));
	mesh_local_answer(&c->conn, 200, "application/json",
	    (struct mesh_str){(const char *)b.data, b.len});
	mesh_buf_release(&b);
}

/* --- ping */

static const char *
region_code(const struct agent *a, int64_t id)
{
	const struct mesh_relaymap_region *r =
	    a->nm ? mesh_relaymap_find(a->nm->relays, id) : NULL;

	return r != NULL && r->code != NULL ? r->code : "";
}

static void
answer_ping(struct agent_client *c, const struct tbl_pong *pong)
{
	const struct agent *a = c->agent;
	const struct mesh_node *n =
	    a->nm ? mesh_netmap_peer(a->nm, c->ping_node) : NULL;
	char ip[MESH_IP_TEXT], name[256] = "";
	struct mesh_ping_result t = {.ip = mesh_ip_format(&c->ping_ip, ip),
	    .node_ip = ip, .node_name = name};

	if (n != NULL && n->name != NULL)
		(void)mesh_format(name, sizeof(name), "%.*s",
		    (int)strcspn(n->name, "."), n->name);
	if (pong == NULL) {
		t.err = "no reply in time";
	} else if (pong->err != MESH_OK) {
		t.err = mesh_strerror(pong->err);
	} else {
		t.latency_seconds = (double)pong->latency_ns / 1e9;
		t.endpoint = pong->endpoint;
		t.relay_region = pong->region;
		t.relay_code = region_code(a, pong->region);
	}
	answer_json(c, &mesh_ping_schema, &t, false);
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
	struct tbl_ping t = {.id = agent_ask_id(c->agent), .kind = kind,
	    .node = n->key, .ip = c->ping_ip, .timeout_ms = timeout_ms};
	uint8_t body[64];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	tbl_ping_put(&w, &t);
	if (agent_port_send(&c->agent->engine, MSG_PING, 0, body, w.len))
		agent_client_wait(c, t.id,
		    timeout_ms * MESH_MS + 500 * MESH_MS, answer_ping);
	else
		mesh_local_answer_error(&c->conn, 503,
		    "the engine is not there");
}

static void
call_ping(struct agent_client *c, const struct mesh_local_request *r)
{
	char ip[MESH_LOCAL_QUERY_MAX], type[MESH_LOCAL_QUERY_MAX];
	const struct mesh_netmap *nm = c->agent->nm;
	const struct mesh_node *n;
	enum tbl_ping_kind kind;

	if (!mesh_local_query(r, "ip", ip) ||
	    mesh_ip_parse(mesh_str(ip), &c->ping_ip) != MESH_OK) {
		answer_text(c, 400, "invalid 'ip' parameter\n");
		return;
	}
	if (!mesh_local_query(r, "type", type) || !ping_kind(type, &kind)) {
		answer_text(c, 400, "invalid 'type' parameter\n");
		return;
	}
	n = nm ? mesh_netmap_by_ip(nm, &c->ping_ip) : NULL;
	if (n == NULL || n == nm->self) {
		struct mesh_ping_result t = {.ip = ip, .node_ip = n ? ip : NULL,
		    .is_local = n != NULL,
		    .err = n ? NULL : "no matching peer"};

		if (n != NULL)
			t.err = "is local IP";
		answer_json(c, &mesh_ping_schema, &t, false);
		return;
	}
	c->ping_node = n->id;
	send_ping(c, n, kind, ping_timeout(r));
}

/* --- prefs and logging in */

static void
answer_prefs(struct agent_client *c)
{
	answer_json(c, &mesh_prefs_schema, &c->agent->prefs, true);
}

static void
call_prefs(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	answer_prefs(c);
}

static void
call_edit_prefs(struct agent_client *c, const struct mesh_local_request *r)
{
	struct mesh_diag diag = {{0}};
	int err = agent_login_edit(c->agent, r->body, &diag);

	if (err == MESH_OK)
		answer_prefs(c);
	else
		answer_failure(c, err, &diag);
}

static void
call_check_prefs(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	mesh_local_answer(&c->conn, 200, "application/json",
	    MESH_STR("{}\n"));
}

struct start_body {
	struct mesh_prefs *prefs;
	const char *auth_key;
};

static const struct mesh_field start_fields[] = {
    {.name = "UpdatePrefs", .kind = MESH_BIND_OBJECT,
	.offset = offsetof(struct start_body, prefs),
	.sub = &mesh_prefs_schema},
    {.name = "AuthKey", .kind = MESH_BIND_STRING,
	.offset = offsetof(struct start_body, auth_key)},
};
static const struct mesh_schema start_schema =
    MESH_SCHEMA(struct start_body, start_fields);

static void
call_start(struct agent_client *c, const struct mesh_local_request *r)
{
	struct start_body body = {0};
	struct mesh_diag diag = {{0}};
	struct mesh_arena m;
	int err;

	mesh_arena_init(&m, CALL_MEMORY);
	err = mesh_bind_parse(r->body.p, r->body.len, &start_schema, &m, &body,
	    &diag);
	if (err == MESH_OK)
		err = agent_login_start(c->agent, body.prefs, body.auth_key,
		    &diag);
	if (body.auth_key != NULL)
		explicit_bzero((void *)(uintptr_t)body.auth_key,
		    strlen(body.auth_key));
	mesh_arena_release(&m);
	if (err == MESH_OK)
		mesh_local_answer_nothing(&c->conn);
	else
		answer_failure(c, err, &diag);
}

static void
call_login(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	agent_login_interactive(c->agent);
	mesh_local_answer_nothing(&c->conn);
}

static void
call_logout(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	agent_login_logout(c->agent);
	mesh_local_answer_nothing(&c->conn);
}

/* --- watching */

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
	if (c->watch & MESH_WATCH_INITIAL_STATUS) {
		agent_status_make(a, true, &m, &status);
		n.initial_status = &status;
	}
	mesh_buf_init(&line, ANSWER_MAX);
	mesh_notify_write(&line, &n);
	if (!line.failed)
		mesh_local_stream_add(&c->conn, (struct mesh_str){
		    (const char *)line.data, line.len});
	mesh_buf_release(&line);
	mesh_arena_release(&m);
}

static void
call_watch(struct agent_client *c, const struct mesh_local_request *r)
{
	char value[MESH_LOCAL_QUERY_MAX];
	uint64_t mask = 0;

	if (mesh_local_query(r, "mask", value) &&
	    mesh_parse_u64(mesh_str(value), UINT32_MAX, &mask) != MESH_OK) {
		answer_text(c, 400, "bad mask\n");
		return;
	}
	c->watch = (unsigned)mask;
	mesh_local_stream_begin(&c->conn);
	if (c->watch & (MESH_WATCH_INITIAL_STATE | MESH_WATCH_INITIAL_PREFS |
			   MESH_WATCH_INITIAL_NETMAP |
			   MESH_WATCH_INITIAL_STATUS))
		first_line(c);
}

/* --- the network as it is */

static void
call_derpmap(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct mesh_netmap *nm = c->agent->nm;

	(void)r;
	if (nm == NULL || nm->relays == NULL)
		mesh_local_answer(&c->conn, 200, "application/json",
		    MESH_STR("null\n"));
	else
		answer_json(c, &mesh_relaymap_schema, nm->relays, true);
}

static void
call_nothing(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	mesh_local_answer(&c->conn, 200, "application/json", MESH_STR("{}\n"));
}

/* Ours: the whole netmap, as a file for --netmap. */
static void
call_netmap(struct agent_client *c, const struct mesh_local_request *r)
{
	const struct agent *a = c->agent;
	struct mesh_buf b;

	(void)r;
	if (a->nm == NULL) {
		mesh_local_answer_error(&c->conn, 503, "no netmap");
		return;
	}
	mesh_buf_init(&b, ANSWER_MAX);
	mesh_netmap_file_write(&b, a->nm, a->prefs.control_url, agent_wall());
	if (b.failed)
		mesh_local_answer_error(&c->conn, 500, "out of memory");
	else
		mesh_local_answer(&c->conn, 200, "application/json",
		    (struct mesh_str){(const char *)b.data, b.len});
	mesh_buf_release(&b);
}

/* --- the table */

static const struct {
	const char *method, *name;
	bool changes; /* root and the operator alone */
	void (*call)(struct agent_client *c, const struct mesh_local_request *r);
} calls[] = {
    {"GET", "status", false, call_status},
    {"GET", "whois", false, call_whois},
    {"POST", "ping", false, call_ping},
    {"GET", "prefs", false, call_prefs},
    {"PATCH", "prefs", true, call_edit_prefs},
    {"POST", "check-prefs", true, call_check_prefs},
    {"POST", "start", true, call_start},
    {"POST", "login-interactive", true, call_login},
    {"POST", "logout", true, call_logout},
    {"GET", "watch-ipn-bus", false, call_watch},
    {"GET", "derpmap", false, call_derpmap},
    {"GET", "serve-config", false, call_nothing},
    {"GET", "mesh/netmap", false, call_netmap},
};

void
agent_call(struct agent_client *c, const struct mesh_local_request *r)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!mesh_str_eq(r->name, calls[i].name))
			continue;
		known = true;
		if (!mesh_str_eq(r->method, calls[i].method))
			continue;
		if (calls[i].changes && !c->may_change)
			mesh_local_answer_error(&c->conn, 403, "access denied");
		else
			calls[i].call(c, r);
		return;
	}
	if (known)
		answer_text(c, 405, "method not allowed\n");
	else
		answer_text(c, 404, "404 page not found\n");
}
