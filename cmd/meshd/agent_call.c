/* SPDX-License-Identifier: ISC
 * agent_call.c - the calls of the local API (services.md 1.5), in a table. What
 * is not in it is 404, as from a stock daemon that was built without it. */
#include "agent_call.h"

#include <string.h>

void
call_json(struct agent_client *c, const struct mesh_schema *s,
    const void *object, bool indent)
{
	struct mesh_buf b;
	struct mesh_jw w;

	mesh_buf_init(&b, CALL_ANSWER_MAX);
	mesh_jw_init(&w, &b, indent);
	mesh_bind_write(&w, s, object);
	mesh_buf_add_byte(&b, '\n');
	call_buf(c, "application/json", &b);
}

void
call_buf(struct agent_client *c, const char *type, struct mesh_buf *b)
{
	if (b->failed)
		mesh_local_answer_error(&c->conn, 500, "out of memory");
	else
		mesh_local_answer(&c->conn, 200, type,
		    (struct mesh_str){(const char *)b->data, b->len});
	mesh_buf_release(b);
}

void
call_text(struct agent_client *c, unsigned status, const char *text)
{
	mesh_local_answer(&c->conn, status, "text/plain; charset=utf-8",
	    mesh_str(text));
}

void
call_failure(struct agent_client *c, int err, const struct mesh_diag *diag)
{
	unsigned status = err == MESH_ERR_STATE ? 412
	    : err == MESH_ERR_DENIED		? 403
	    : err == MESH_ERR_IO || err == MESH_ERR_NOMEM ? 500 : 400;

	mesh_local_answer_error(&c->conn, status,
	    diag->text[0] ? diag->text : mesh_strerror(err));
}

/* --- the table */

/* A name that ends in '/' stands for all that begin with it. */
static const struct call {
	const char *method, *name;
	bool changes; /* root and the operator alone */
	agent_call_fn *call;
} calls[] = {
    {"GET", "status", false, call_status},
    {"GET", "whois", false, call_whois},
    {"GET", "peer-by-id", false, call_peer_by_id},
    {"GET", "user-profile", false, call_user_profile},
    {"POST", "ping", false, call_ping},
    {"GET", "prefs", false, call_prefs},
    {"PATCH", "prefs", true, call_edit_prefs},
    {"POST", "check-prefs", true, call_check_prefs},
    {"POST", "start", true, call_start},
    {"POST", "login-interactive", true, call_login},
    {"POST", "logout", true, call_logout},
    {"POST", "reset-auth", true, call_logout},
    {"GET", "profiles/", true, call_profiles},
    {"PUT", "profiles/", true, call_new_profile},
    {"POST", "profiles/", true, call_switch_profile},
    {"DELETE", "profiles/", true, call_delete_profile},
    {"GET", "watch-ipn-bus", false, call_watch},
    {"GET", "derpmap", false, call_derpmap},
    {"GET", "dns-config", false, call_dns_config},
    {"GET", "dns-osconfig", true, call_dns_osconfig},
    {"GET", "cert-domains", false, call_cert_domains},
    {"GET", "services", false, call_services},
    {"GET", "serve-config", false, call_serve_config},
    {"POST", "serve-config", true, call_set_serve_config},
    {"POST", "reload-config", true, call_reload_config},
    {"GET", "usermetrics", false, call_usermetrics},
    {"GET", "metrics", true, call_metrics},
    {"POST", "bugreport", false, call_bugreport},
    {"GET", "mesh/netmap", false, call_netmap},
    {"POST", "mesh/accept-server-key", true, call_accept_server_key},
};

static bool
is_named(const struct call *call, struct mesh_str name)
{
	size_t len = strlen(call->name);

	if (call->name[len - 1] == '/')
		return mesh_str_has_prefix(name, call->name);
	return mesh_str_eq(name, call->name);
}

void
agent_call(struct agent_client *c, const struct mesh_local_request *r)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!is_named(&calls[i], r->name))
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
		call_text(c, 405, "method not allowed\n");
	else
		call_text(c, 404, "404 page not found\n");
}
