/* SPDX-License-Identifier: ISC
 * agent_call_login.c - what is wanted of the daemon: settings, logging in and
 * out. Source: services.md 1.9, 1.10. */
#include "agent_call.h"

#include <string.h>

static void
answer_prefs(struct agent_client *c)
{
	call_json(c, &mesh_prefs_schema, &c->agent->prefs, true);
}

void
call_prefs(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	answer_prefs(c);
}

void
call_edit_prefs(struct agent_client *c, const struct mesh_local_request *r)
{
	struct mesh_diag diag = {{0}};
	int err = agent_login_edit(c->agent, r->body, &diag);

	if (err == MESH_OK)
		answer_prefs(c);
	else
		call_failure(c, err, &diag);
}

/* {} or {"Error": why not}; the status says nothing (services.md 1.5). */
void
call_check_prefs(struct agent_client *c, const struct mesh_local_request *r)
{
	struct mesh_prefs prefs = {0};
	struct mesh_diag diag = {{0}};
	struct mesh_arena m;
	struct mesh_buf b;
	struct mesh_jw w;
	int err;

	mesh_arena_init(&m, MESH_PREFS_MEMORY);
	err = mesh_bind_parse(r->body.p, r->body.len, &mesh_prefs_schema, &m,
	    &prefs, &diag);
	if (err == MESH_OK)
		err = mesh_prefs_check(&prefs, &diag);
	mesh_arena_release(&m);
	mesh_buf_init(&b, CALL_MEMORY);
	mesh_jw_init(&w, &b, false);
	mesh_jw_object(&w);
	if (err != MESH_OK) {
		mesh_jw_name(&w, "Error");
		mesh_jw_string(&w, diag.text);
	}
	mesh_jw_end_object(&w);
	call_buf(c, "application/json", &b);
}

struct start_body {
	struct mesh_prefs *prefs;
	const char *auth_key;
};

static const struct mesh_field start_fields[] = {
    {.name = "UpdatePrefs",
	.kind = MESH_BIND_OBJECT,
	.offset = offsetof(struct start_body, prefs),
	.sub = &mesh_prefs_schema},
    {.name = "AuthKey",
	.kind = MESH_BIND_STRING,
	.offset = offsetof(struct start_body, auth_key)},
};
static const struct mesh_schema start_schema =
    MESH_SCHEMA(struct start_body, start_fields);

void
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
		call_failure(c, err, &diag);
}

void
call_login(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	agent_login_interactive(c->agent);
	mesh_local_answer_nothing(&c->conn);
}

/* Control is told, but not waited for without end. */
#define LOGOUT_WAIT_NS (5 * MESH_SEC)

static void
answer_logout(struct agent_client *c, const struct tbl_pong *pong)
{
	(void)pong;
	if (c->agent->prefs.logged_out) {
		mesh_local_answer_nothing(&c->conn);
		return;
	}
	agent_login_forget(c->agent);
	mesh_local_answer_error(&c->conn, 500,
	    "logged out here, but control has not answered: "
	    "it may know this node for longer");
}

void
call_logout(struct agent_client *c, const struct mesh_local_request *r)
{
	(void)r;
	agent_login_logout(c->agent);
	if (c->agent->login.logging_out)
		agent_client_wait(c, agent_ask_id(c->agent), LOGOUT_WAIT_NS,
		    answer_logout);
	else
		mesh_local_answer_nothing(&c->conn);
}

/* Ours. */
void
call_accept_server_key(struct agent_client *c,
    const struct mesh_local_request *r)
{
	(void)r;
	agent_pin_forget(c->agent);
	mesh_local_answer_nothing(&c->conn);
}

void
agent_call_logged_out(struct agent *a)
{
	agent_api_resume_all(a, answer_logout);
}
