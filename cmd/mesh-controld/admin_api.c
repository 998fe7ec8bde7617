/* SPDX-License-Identifier: ISC
 * admin_api.c - the routes of the admin socket (admin.h).
 */
#include "admin.h"
#include "admin_json.h"
#include "authkey.h"
#include "core.h"

#include <base/bind.h>
#include <base/secret.h>
#include <stdlib.h>

#define API "/api/v1/"
#define ARENA_MAX (4u << 20)
#define ARGS_MAX 2u
#define ARG_TEXT 512u

struct call {
	struct core *c;
	struct state *s;
	const struct admin_request *req;
	char args[ARGS_MAX][ARG_TEXT]; /* what stood for '*' in the route */
	struct mesh_arena arena;       /* of what the body says */
	struct mesh_buf *out;
	struct mesh_jw w;
};

/* --- answers */

static unsigned
refuse(struct call *k, unsigned status, const char *why)
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

static unsigned
refuse_err(struct call *k, int err)
{
	switch (err) {
	case MESH_ERR_EXIST:
		return refuse(k, 409, k->s->error);
	case MESH_ERR_NOTFOUND:
		return refuse(k, 404, k->s->error);
	case MESH_ERR_IO:
	case MESH_ERR_NOMEM:
		return refuse(k, 500, k->s->error);
	default:
		return refuse(k, 400, k->s->error);
	}
}

static unsigned
empty(struct call *k)
{
	mesh_buf_add_str(k->out, "{}");
	return 200;
}

/* {"name": ... }: the caller writes the value in between. */
static void
begin(struct call *k, const char *name)
{
	mesh_jw_object(&k->w);
	mesh_jw_name(&k->w, name);
}

static unsigned
end(struct call *k)
{
	mesh_jw_end_object(&k->w);
	return 200;
}

static unsigned
answer_user(struct call *k, const struct user *u)
{
	begin(k, "user");
	admin_write_user(&k->w, u);
	return end(k);
}

static unsigned
answer_node(struct call *k, const struct member *m)
{
	begin(k, "node");
	admin_write_node(&k->w, k->s, m);
	return end(k);
}

/* --- what requests say */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes; false if it is malformed or too long. */
static bool
decode(struct mesh_str s, char out[static ARG_TEXT])
{
	size_t len = 0;

	for (size_t i = 0; i < s.len && len < ARG_TEXT - 1; i++) {
		char c = s.p[i];

		if (c == '%') {
			int hi = i + 2 < s.len ? hex_value(s.p[i + 1]) : -1;
			int lo = i + 2 < s.len ? hex_value(s.p[i + 2]) : -1;

			if (i + 2 >= s.len || hi < 0 || lo < 0)
				return false;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (c == '\0')
			return false;
		out[len++] = c;
	}
	out[len] = '\0';
	return len < ARG_TEXT - 1;
}

/* The decoded value of a query parameter; false if it is not there. */
static bool
query(const struct call *k, const char *name, char out[static ARG_TEXT])
{
	struct mesh_str rest = k->req->query, item, key;

	while (rest.len > 0) {
		item = mesh_str_cut(&rest, '&');
		key = mesh_str_cut(&item, '=');
		if (mesh_str_eq(key, name))
			return decode(item, out);
	}
	return false;
}

static int
parse_body(struct call *k, const struct mesh_schema *schema, void *out)
{
	struct mesh_diag diag = {""};
	int err = mesh_bind_parse(k->req->body.p, k->req->body.len, schema,
	    &k->arena, out, &diag);

	if (err != MESH_OK)
		state_fail(k->s, MESH_ERR_ARG, "request body: %s",
		    diag.text[0] != '\0' ? diag.text : mesh_strerror(err));
	return err;
}

static struct user *
user_by_id(const struct call *k, const char *id)
{
	uint64_t n;

	if (id == NULL ||
	    mesh_parse_u64(mesh_str(id), INT64_MAX, &n) != MESH_OK)
		return NULL;
	return state_user(k->s, (int64_t)n);
}

static struct member *
node_by_id(const struct call *k, const char *id)
{
	uint64_t n;

	if (id == NULL ||
	    mesh_parse_u64(mesh_str(id), INT64_MAX, &n) != MESH_OK)
		return NULL;
	return state_member(k->s, (int64_t)n);
}

/* --- users */

static int
user_compare(const void *a, const void *b)
{
	const struct user *x = *(struct user *const *)a;
	const struct user *y = *(struct user *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static unsigned
user_list(struct call *k)
{
	size_t count = 0, pos = 0;
	char name[ARG_TEXT] = "", id[ARG_TEXT] = "";
	bool by_name = query(k, "name", name), by_id = query(k, "id", id);
	struct user *u, *only = NULL;
	struct user **all = mesh_arena_calloc(&k->arena,
	    k->s->users.count + 1, sizeof(*all));

	if (all == NULL)
		return refuse(k, 500, "out of memory");
	if (by_name)
		only = state_user_named(k->s, mesh_str(name));
	else if (by_id)
		only = user_by_id(k, id);
	while ((u = mesh_map_next(&k->s->users, &pos, NULL)) != NULL)
		if (u == only || (!by_name && !by_id))
			all[count++] = u;
	qsort(all, count, sizeof(struct user *), user_compare);
	begin(k, "users");
	mesh_jw_array(&k->w);
	for (size_t i = 0; i < count; i++)
		admin_write_user(&k->w, all[i]);
	mesh_jw_end_array(&k->w);
	return end(k);
}

struct user_body {
	const char *name;
};

static const struct mesh_field user_fields[] = {
    {"name", MESH_BIND_STRING, offsetof(struct user_body, name), 0},
};
static const struct mesh_schema user_schema =
    MESH_SCHEMA(struct user_body, user_fields);

static unsigned
user_add(struct call *k)
{
	struct user_body body = {0};
	struct user *u;
	int err = parse_body(k, &user_schema, &body);

	if (err != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	err = state_user_add(k->s, mesh_str(body.name), core_wall().sec, &u);
	return err == MESH_OK ? answer_user(k, u) : refuse_err(k, err);
}

static unsigned
user_remove(struct call *k)
{
	struct user *u = user_by_id(k, k->args[0]);
	int err;

	if (u == NULL)
		return refuse(k, 404, "no such user");
	err = state_user_remove(k->s, u);
	return err == MESH_OK ? empty(k) : refuse_err(k, err);
}

/* --- auth keys */

static int
key_compare(const void *a, const void *b)
{
	const struct auth_key *x = *(struct auth_key *const *)a;
	const struct auth_key *y = *(struct auth_key *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static unsigned
key_list(struct call *k)
{
	size_t count = 0, pos = 0;
	struct auth_key *key;
	struct auth_key **all = mesh_arena_calloc(&k->arena,
	    k->s->keys.count + 1, sizeof(*all));

	if (all == NULL)
		return refuse(k, 500, "out of memory");
	while ((key = mesh_map_next(&k->s->keys, &pos, NULL)) != NULL)
		all[count++] = key;
	qsort(all, count, sizeof(struct auth_key *), key_compare);
	begin(k, "preAuthKeys");
	mesh_jw_array(&k->w);
	for (size_t i = 0; i < count; i++)
		admin_write_key(&k->w, k->s, all[i], NULL);
	mesh_jw_end_array(&k->w);
	return end(k);
}

struct key_body {
	const char *user;
	bool reusable, ephemeral;
	struct mesh_wall expiration;
	struct mesh_bind_list tags; /* const char * */
	const char *id;
};

static const struct mesh_field key_fields[] = {
    {"user", MESH_BIND_STRING, offsetof(struct key_body, user), 0},
    {"reusable", MESH_BIND_BOOL, offsetof(struct key_body, reusable), 0},
    {"ephemeral", MESH_BIND_BOOL, offsetof(struct key_body, ephemeral), 0},
    {"expiration", MESH_BIND_WALL, offsetof(struct key_body, expiration), 0},
    {"aclTags", MESH_BIND_STRINGS, offsetof(struct key_body, tags), 0},
    {"id", MESH_BIND_STRING, offsetof(struct key_body, id), 0},
};
static const struct mesh_schema key_schema =
    MESH_SCHEMA(struct key_body, key_fields);

/* A list of tags as the model keeps it. */
static int
take_tags(struct call *k, const struct mesh_bind_list *list,
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

static unsigned
key_make(struct call *k, struct auth_key *key)
{
	uint8_t random[AUTHKEY_RANDOM];
	char text[AUTHKEY_TEXT];
	struct auth_key *kept;
	unsigned status = 200;
	int err;

	core_random(random, sizeof(random));
	authkey_make(key, random, text);
	err = state_key_add(k->s, key, &kept);
	if (err == MESH_OK) {
		begin(k, "preAuthKey");
		admin_write_key(&k->w, k->s, kept, text);
		end(k);
	} else
		status = refuse_err(k, err);
	mesh_wipe(random, sizeof(random));
	mesh_wipe(text, sizeof(text));
	return status;
}

static unsigned
key_add(struct call *k)
{
	struct key_body body = {0};
	char tags[TAGS_MAX];
	struct auth_key key = {.created = core_wall().sec};
	struct user *u;

	if (parse_body(k, &key_schema, &body) != MESH_OK ||
	    take_tags(k, &body.tags, tags) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	if ((u = user_by_id(k, body.user)) == NULL)
		return refuse(k, 404, "no such user");
	if (mesh_wall_is_zero(body.expiration))
		body.expiration.sec = 0;
	if (body.expiration.sec != 0 && body.expiration.sec <= key.created)
		return refuse(k, 400, "expiration is in the past");
	key.user = u->id;
	key.reusable = body.reusable;
	key.ephemeral = body.ephemeral;
	key.expires = body.expiration.sec;
	if ((key.tags = strdup(tags)) == NULL)
		return refuse(k, 500, "out of memory");
	return key_make(k, &key);
}

static unsigned
key_revoke(struct call *k, const char *id)
{
	struct auth_key *key = NULL;
	uint64_t n;
	int err;

	if (id != NULL &&
	    mesh_parse_u64(mesh_str(id), INT64_MAX, &n) == MESH_OK)
		key = state_key(k->s, (int64_t)n);
	if (key == NULL)
		return refuse(k, 404, "no such auth key");
	err = state_key_revoke(k->s, key);
	return err == MESH_OK ? empty(k) : refuse_err(k, err);
}

static unsigned
key_expire(struct call *k)
{
	struct key_body body = {0};

	if (parse_body(k, &key_schema, &body) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	return key_revoke(k, body.id);
}

static unsigned
key_remove(struct call *k)
{
	char id[ARG_TEXT];

	return key_revoke(k, query(k, "id", id) ? id : NULL);
}

/* --- nodes */

static int
node_compare(const void *a, const void *b)
{
	const struct member *x = *(struct member *const *)a;
	const struct member *y = *(struct member *const *)b;

	return (x->rec.id > y->rec.id) - (x->rec.id < y->rec.id);
}

static unsigned
node_list(struct call *k)
{
	size_t count = 0;
	uint32_t pos = 0;
	char user[ARG_TEXT];
	bool one = query(k, "user", user);
	struct member *m;
	struct member **all = mesh_arena_calloc(&k->arena,
	    k->s->node_count + 1, sizeof(*all));

	if (all == NULL)
		return refuse(k, 500, "out of memory");
	while ((m = state_next(k->s, &pos)) != NULL)
		if (!one || strcmp(member_owner(k->s, m), user) == 0)
			all[count++] = m;
	qsort(all, count, sizeof(struct member *), node_compare);
	begin(k, "nodes");
	mesh_jw_array(&k->w);
	for (size_t i = 0; i < count; i++)
		admin_write_node(&k->w, k->s, all[i]);
	mesh_jw_end_array(&k->w);
	return end(k);
}

static unsigned
node_get(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);

	return m != NULL ? answer_node(k, m) : refuse(k, 404, "no such node");
}

static unsigned
node_remove(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	int err;

	if (m == NULL)
		return refuse(k, 404, "no such node");
	err = state_node_remove(k->s, m);
	return err == MESH_OK ? empty(k) : refuse_err(k, err);
}

struct expire_body {
	struct mesh_wall expiry;
	bool disable;
};

static const struct mesh_field expire_fields[] = {
    {"expiry", MESH_BIND_WALL, offsetof(struct expire_body, expiry), 0},
    {"disableExpiry", MESH_BIND_BOOL, offsetof(struct expire_body, disable),
	0},
};
static const struct mesh_schema expire_schema =
    MESH_SCHEMA(struct expire_body, expire_fields);

static unsigned
node_expire(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	struct expire_body body = {0};
	int64_t when = core_wall().sec;
	int err;

	if (m == NULL)
		return refuse(k, 404, "no such node");
	if (k->req->body.len > 0 &&
	    parse_body(k, &expire_schema, &body) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	if (body.disable)
		when = 0;
	else if (body.expiry.sec != 0 && !mesh_wall_is_zero(body.expiry))
		when = body.expiry.sec;
	err = state_node_expire(k->s, m, when);
	/* Now, not with the next second. */
	if (err == MESH_OK)
		state_tick(k->s, core_now(), core_wall().sec);
	return err == MESH_OK ? answer_node(k, m) : refuse_err(k, err);
}

static unsigned
node_rename(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	int err;

	if (m == NULL)
		return refuse(k, 404, "no such node");
	err = state_node_rename(k->s, m, mesh_str(k->args[1]));
	return err == MESH_OK ? answer_node(k, m) : refuse_err(k, err);
}

struct tags_body {
	struct mesh_bind_list tags;
};

static const struct mesh_field tags_fields[] = {
    {"tags", MESH_BIND_STRINGS, offsetof(struct tags_body, tags), 0},
};
static const struct mesh_schema tags_schema =
    MESH_SCHEMA(struct tags_body, tags_fields);

static unsigned
node_tag(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	struct tags_body body = {0};
	char tags[TAGS_MAX];
	int err;

	if (m == NULL)
		return refuse(k, 404, "no such node");
	if (parse_body(k, &tags_schema, &body) != MESH_OK ||
	    take_tags(k, &body.tags, tags) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	if (tags[0] == '\0')
		return refuse(k, 400, "a tagged node keeps at least one tag");
	err = state_node_tag(k->s, m, tags);
	return err == MESH_OK ? answer_node(k, m) : refuse_err(k, err);
}

struct approve_body {
	const char *user, *id;
};

static const struct mesh_field approve_fields[] = {
    {"user", MESH_BIND_STRING, offsetof(struct approve_body, user), 0},
    {"authId", MESH_BIND_STRING, offsetof(struct approve_body, id), 0},
};
static const struct mesh_schema approve_schema =
    MESH_SCHEMA(struct approve_body, approve_fields);

/* Tags that the node wished for are the user's to give. */
static bool
may_give(struct call *k, const struct user *u, const char *tags)
{
	char text[TAGS_MAX];
	struct mesh_str rest, tag;

	mesh_format(text, sizeof(text), "%s", tags);
	for (rest = mesh_str(text); tags_next(&rest, &tag);) {
		text[(size_t)(tag.p - text) + tag.len] = '\0';
		if (access_may_tag(k->c->access, u->id, tag.p))
			continue;
		state_fail(k->s, MESH_ERR_ARG, "the node asks for %.64s, which "
		    "user '%.40s' does not own (tagOwners)", tag.p, u->name);
		return false;
	}
	return true;
}

/* user: a name, as in Headscale. */
static unsigned
node_approve(struct call *k)
{
	struct approve_body body = {0};
	struct pending *p;
	struct member *m;
	struct user *u;
	uint32_t seed;
	int err;

	if (parse_body(k, &approve_schema, &body) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	if ((u = state_user_named(k->s, mesh_str(body.user))) == NULL)
		return refuse(k, 404, "no such user");
	if ((p = register_find(k->s, mesh_str(body.id))) == NULL)
		return refuse(k, 404, "no login waits under this id "
		    "(it lasts 15 minutes: log in again)");
	if (!may_give(k, u, p->tags))
		return refuse_err(k, MESH_ERR_ARG);
	core_random(&seed, sizeof(seed));
	err = register_approve(k->s, p, u, p->tags, seed, core_wall().sec, &m);
	return err == MESH_OK ? answer_node(k, m) : refuse_err(k, err);
}

/* --- policy, health */

static unsigned
answer_policy(struct call *k)
{
	const struct role_config *cfg = &k->c->cfg;

	begin(k, "policy");
	if (cfg->has_policy)
		mesh_jw_str(&k->w, cfg->policy);
	else
		mesh_jw_string(&k->w, k->s->policy);
	admin_write_time(&k->w, "updatedAt", k->s->policy_time);
	return end(k);
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
		return refuse(k, 400, "the policy comes from a file: change "
		    "that and send SIGHUP");
	if (parse_body(k, &policy_schema, &body) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	text = mesh_str(body.policy);
	/* Looked at, stored, taken over: so that what is in force is always in
	 * the store, and never something that is refused. */
	if (access_check_policy(k->c->access, text, &diag) != MESH_OK)
		return refuse(k, 400, diag.text);
	err = state_policy_set(k->s, text, core_wall().sec);
	if (err != MESH_OK)
		return refuse_err(k, err);
	if (access_set_policy(k->c->access, k->s, text, &diag) != MESH_OK)
		return refuse(k, 500, diag.text);
	mapper_policy_changed(k->c->mapper);
	return answer_policy(k);
}

static unsigned
policy_check(struct call *k)
{
	struct policy_body body = {0};
	struct mesh_diag diag = {""};

	if (parse_body(k, &policy_schema, &body) != MESH_OK)
		return refuse_err(k, MESH_ERR_ARG);
	if (access_check_policy(k->c->access, mesh_str(body.policy), &diag) !=
	    MESH_OK)
		return refuse(k, 400, diag.text);
	return empty(k);
}

static unsigned
health(struct call *k)
{
	begin(k, "databaseConnectivity");
	mesh_jw_bool(&k->w, true);
	return end(k);
}

/* --- routes */

static const struct route {
	const char *method, *path; /* '*': any one segment, an argument */
	unsigned (*run)(struct call *k);
} routes[] = {
    {"GET", "user", user_list},
    {"POST", "user", user_add},
    {"DELETE", "user/*", user_remove},
    {"GET", "preauthkey", key_list},
    {"POST", "preauthkey", key_add},
    {"DELETE", "preauthkey", key_remove},
    {"POST", "preauthkey/expire", key_expire},
    {"GET", "node", node_list},
    {"GET", "node/*", node_get},
    {"DELETE", "node/*", node_remove},
    {"POST", "node/*/expire", node_expire},
    {"POST", "node/*/rename/*", node_rename},
    {"POST", "node/*/tags", node_tag},
    {"POST", "auth/register", node_approve},
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
			if (p.len == 0 || args == ARGS_MAX ||
			    !decode(p, k->args[args++]))
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
		return refuse(&k, 404, "no such path");
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
	return refuse(&k, known ? 405 : 404,
	    known ? "method not allowed" : "no such path");
}
