/* SPDX-License-Identifier: ISC
 * admin_api.c - the routes of the admin socket (admin.h), and what their
 * handlers share.
 */
#include "admin_int.h"

#define API "/api/v1/"
#define ARENA_MAX (4u << 20)

/* --- answers */

unsigned
api_refuse(struct call *k, unsigned status, const char *why)
{
	mesh_buf_clear(k->out);
	mesh_jw_init(&k->w, k->out, false);
	mesh_jw_object(&k->w);
	mesh_jw_name(&k->w, "code");
	mesh_jw_uint(&k->w, status);
	mesh_jw_name(&k->w, "message");
	mesh_jw_string(&k->w, why);
	mesh_jw_end_object(&k->w);
	return status;
}

unsigned
api_refuse_err(struct call *k, int err)
{
	switch (err) {
	case MESH_ERR_EXIST:
		return api_refuse(k, 409, k->s->error);
	case MESH_ERR_NOTFOUND:
		return api_refuse(k, 404, k->s->error);
	case MESH_ERR_IO:
	case MESH_ERR_NOMEM:
		return api_refuse(k, 500, k->s->error);
	default:
		return api_refuse(k, 400, k->s->error);
	}
}

unsigned
api_empty(struct call *k)
{
	mesh_buf_add_str(k->out, "{}");
	return 200;
}

void
api_begin(struct call *k, const char *name)
{
	mesh_jw_object(&k->w);
	mesh_jw_name(&k->w, name);
}

unsigned
api_end(struct call *k)
{
	mesh_jw_end_object(&k->w);
	return 200;
}

/* --- what requests say */

bool
api_query(const struct call *k, const char *name, char out[static API_TEXT])
{
	struct mesh_str rest = k->req->query, item, key;

	while (rest.len > 0) {
		item = mesh_str_cut(&rest, '&');
		key = mesh_str_cut(&item, '=');
		if (mesh_str_eq(key, name))
			return mesh_url_decode(item, out, API_TEXT) == MESH_OK;
	}
	return false;
}

int
api_body(struct call *k, const struct mesh_schema *schema, void *out)
{
	struct mesh_diag diag = {""};
	int err = mesh_bind_parse(k->req->body.p, k->req->body.len, schema,
	    &k->arena, out, &diag);

	if (err != MESH_OK)
		state_fail(k->s, MESH_ERR_ARG, "request body: %s",
		    diag.text[0] != '\0' ? diag.text : mesh_strerror(err));
	return err;
}

struct user *
api_user(const struct call *k, const char *id)
{
	uint64_t n;

	if (id == NULL ||
	    mesh_parse_u64(mesh_str(id), INT64_MAX, &n) != MESH_OK)
		return NULL;
	return state_user(k->s, (int64_t)n);
}

int
api_tags(struct call *k, const struct mesh_bind_list *list,
    char out[static TAGS_MAX])
{
	const char *const *tags = list->items;

	out[0] = '\0';
	for (size_t i = 0; i < list->count; i++) {
		int err = tags_add(out, mesh_str(tags[i]));

		if (err == MESH_ERR_FORMAT)
			return state_fail(k->s, MESH_ERR_ARG,
			    "'%.64s' is no tag: tag:name, a letter, then "
			    "letters, digits and '-'", tags[i]);
		if (err != MESH_OK)
			return state_fail(k->s, MESH_ERR_ARG, "too many tags");
	}
	return MESH_OK;
}

/* --- policy, health */

static unsigned
answer_policy(struct call *k)
{
	const struct role_config *cfg = &k->c->cfg;

	api_begin(k, "policy");
	if (cfg->has_policy)
		mesh_jw_str(&k->w, cfg->policy);
	else
		mesh_jw_string(&k->w, k->s->policy);
	admin_write_time(&k->w, "updatedAt", k->s->policy_time);
	return api_end(k);
}

struct policy_body {
	const char *policy;
};

static const struct mesh_field policy_fields[] = {
    {"policy", MESH_BIND_STRING, offsetof(struct policy_body, policy), 0},
};
static const struct mesh_schema policy_schema =
    MESH_SCHEMA(struct policy_body, policy_fields);

static unsigned
policy_set(struct call *k)
{
	struct policy_body body = {0};
	struct mesh_diag diag = {""};
	struct mesh_str text;
	int err;

	if (k->c->cfg.has_policy)
		return api_refuse(k, 400, "the policy comes from a file: change "
		    "that and send SIGHUP");
	if (api_body(k, &policy_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	text = mesh_str(body.policy);
	/* Looked at, stored, taken over: so that what is in force is always in
	 * the store, and never something that is refused. */
	if (access_check_policy(k->c->access, text, &diag) != MESH_OK)
		return api_refuse(k, 400, diag.text);
	err = state_policy_set(k->s, text, core_wall().sec);
	if (err != MESH_OK)
		return api_refuse_err(k, err);
	if (access_set_policy(k->c->access, k->s, text, &diag) != MESH_OK)
		return api_refuse(k, 500, diag.text);
	sshcheck_forget(k->c->checks);
	mapper_policy_changed(k->c->mapper);
	return answer_policy(k);
}

static unsigned
policy_check(struct call *k)
{
	struct policy_body body = {0};
	struct mesh_diag diag = {""};

	if (api_body(k, &policy_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	if (access_check_policy(k->c->access, mesh_str(body.policy), &diag) !=
	    MESH_OK)
		return api_refuse(k, 400, diag.text);
	return api_empty(k);
}

static unsigned
health(struct call *k)
{
	api_begin(k, "databaseConnectivity");
	mesh_jw_bool(&k->w, true);
	return api_end(k);
}

/* --- routes */

static const struct route {
	const char *method, *path; /* '*': any one segment, an argument */
	unsigned (*run)(struct call *k);
} routes[] = {
    {"GET", "user", api_user_list},
    {"POST", "user", api_user_add},
    {"DELETE", "user/*", api_user_remove},
    {"GET", "preauthkey", api_key_list},
    {"POST", "preauthkey", api_key_add},
    {"DELETE", "preauthkey", api_key_remove},
    {"POST", "preauthkey/expire", api_key_expire},
    {"GET", "node", api_node_list},
    {"GET", "node/*", api_node_get},
    {"DELETE", "node/*", api_node_remove},
    {"POST", "node/*/expire", api_node_expire},
    {"POST", "node/*/approve", api_node_admit},
    {"POST", "node/*/rename/*", api_node_rename},
    {"POST", "node/*/tags", api_node_tag},
    {"POST", "node/*/approve_routes", api_node_routes},
    {"POST", "auth/register", api_node_approve},
    {"POST", "auth/approve", api_check_approve},
    {"POST", "auth/reject", api_check_reject},
    {"GET", "policy", answer_policy},
    {"PUT", "policy", policy_set},
    {"POST", "policy/check", policy_check},
    {"GET", "health", health},
};

static bool
path_matches(struct call *k, const char *pattern, struct mesh_str path)
{
	struct mesh_str want = mesh_str(pattern);
	size_t args = 0;

	while (want.len > 0 && path.len > 0) {
		struct mesh_str w = mesh_str_cut(&want, '/');
		struct mesh_str p = mesh_str_cut(&path, '/');

		if (mesh_str_eq(w, "*")) {
			if (p.len == 0 || args == API_ARGS ||
			    mesh_url_decode(p, k->args[args++], API_TEXT) !=
				MESH_OK)
				return false;
		} else if (p.len != w.len || memcmp(p.p, w.p, w.len) != 0)
			return false;
	}
	return want.len == 0 && path.len == 0;
}

unsigned
admin_route(struct core *c, const struct admin_request *req,
    struct mesh_buf *out)
{
	struct call k = {.c = c, .s = c->state, .req = req, .out = out};
	struct mesh_str path = req->path;
	bool known = false;
	unsigned status = 404;

	if (!mesh_str_has_prefix(path, API))
		return api_refuse(&k, 404, "no such path");
	path.p += sizeof(API) - 1;
	path.len -= sizeof(API) - 1;
	mesh_arena_init(&k.arena, ARENA_MAX);
	mesh_jw_init(&k.w, out, false);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!path_matches(&k, routes[i].path, path))
			continue;
		known = true;
		if (!mesh_str_eq(req->method, routes[i].method))
			continue;
		status = routes[i].run(&k);
		mesh_arena_release(&k.arena);
		return status;
	}
	mesh_arena_release(&k.arena);
	return api_refuse(&k, known ? 405 : 404,
	    known ? "method not allowed" : "no such path");
}
