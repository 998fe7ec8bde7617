/* SPDX-License-Identifier: ISC
 * admin_nodes.c - nodes and logins that wait, by the admin socket (admin.h).
 */
#include "admin_int.h"
#include "routes.h"

#include <stdlib.h>

static unsigned
answer_node(struct call *k, const struct member *m)
{
	api_begin(k, "node");
	admin_write_node(&k->w, k->s, m);
	return api_end(k);
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

static int
node_compare(const void *a, const void *b)
{
	const struct member *x = *(struct member *const *)a;
	const struct member *y = *(struct member *const *)b;

	return (x->rec.id > y->rec.id) - (x->rec.id < y->rec.id);
}

unsigned
api_node_list(struct call *k)
{
	size_t count = 0;
	uint32_t pos = 0;
	char user[API_TEXT];
	bool one = api_query(k, "user", user);
	struct member *m;
	struct member **all = mesh_arena_calloc(&k->arena,
	    k->s->node_count + 1, sizeof(*all));

	if (all == NULL)
		return api_refuse(k, 500, "out of memory");
	while ((m = state_next(k->s, &pos)) != NULL)
		if (!one || strcmp(member_owner(k->s, m), user) == 0)
			all[count++] = m;
	qsort(all, count, sizeof(struct member *), node_compare);
	api_begin(k, "nodes");
	mesh_jw_array(&k->w);
	for (size_t i = 0; i < count; i++)
		admin_write_node(&k->w, k->s, all[i]);
	mesh_jw_end_array(&k->w);
	return api_end(k);
}

unsigned
api_node_get(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);

	return m != NULL ? answer_node(k, m) : api_refuse(k, 404, "no such node");
}

unsigned
api_node_remove(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	int err;

	if (m == NULL)
		return api_refuse(k, 404, "no such node");
	err = state_node_remove(k->s, m);
	return err == MESH_OK ? api_empty(k) : api_refuse_err(k, err);
}

/* One that joined by a key, where that is not enough (ours). */
unsigned
api_node_admit(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	int err;

	if (m == NULL)
		return api_refuse(k, 404, "no such node");
	err = state_node_approve(k->s, m);
	return err == MESH_OK ? answer_node(k, m) : api_refuse_err(k, err);
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

unsigned
api_node_expire(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	struct expire_body body = {0};
	int64_t when = core_wall().sec;
	int err;

	if (m == NULL)
		return api_refuse(k, 404, "no such node");
	if (k->req->body.len > 0 &&
	    api_body(k, &expire_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	if (body.disable)
		when = 0;
	else if (body.expiry.sec != 0 && !mesh_wall_is_zero(body.expiry))
		when = body.expiry.sec;
	err = state_node_expire(k->s, m, when);
	/* Now, not with the next second. */
	if (err == MESH_OK)
		state_tick(k->s, core_now(), core_wall().sec);
	return err == MESH_OK ? answer_node(k, m) : api_refuse_err(k, err);
}

unsigned
api_node_rename(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	int err;

	if (m == NULL)
		return api_refuse(k, 404, "no such node");
	err = state_node_rename(k->s, m, mesh_str(k->args[1]));
	return err == MESH_OK ? answer_node(k, m) : api_refuse_err(k, err);
}

struct tags_body {
	struct mesh_bind_list tags;
};

static const struct mesh_field tags_fields[] = {
    {"tags", MESH_BIND_STRINGS, offsetof(struct tags_body, tags), 0},
};
static const struct mesh_schema tags_schema =
    MESH_SCHEMA(struct tags_body, tags_fields);

unsigned
api_node_tag(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	struct tags_body body = {0};
	char tags[TAGS_MAX];
	int err;

	if (m == NULL)
		return api_refuse(k, 404, "no such node");
	if (api_body(k, &tags_schema, &body) != MESH_OK ||
	    api_tags(k, &body.tags, tags) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	if (tags[0] == '\0')
		return api_refuse(k, 400, "a tagged node keeps at least one tag");
	err = state_node_tag(k->s, m, tags);
	return err == MESH_OK ? answer_node(k, m) : api_refuse_err(k, err);
}

struct routes_body {
	struct mesh_bind_list routes;
};

static const struct mesh_field routes_fields[] = {
    {"routes", MESH_BIND_CUSTOMS, offsetof(struct routes_body, routes), 0,
	.codec = &mesh_bind_prefix, .max = NODE_ROUTES_MAX},
};
static const struct mesh_schema routes_schema =
    MESH_SCHEMA(struct routes_body, routes_fields);

/* All that it may serve, in place of what it might before. The answer says what
 * it carries now, not with the next flush. */
unsigned
api_node_routes(struct call *k)
{
	struct member *m = node_by_id(k, k->args[0]);
	struct routes_body body = {0};
	int err;

	if (m == NULL)
		return api_refuse(k, 404, "no such node");
	if (api_body(k, &routes_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	err = routes_approve(k->s, m, body.routes.items, body.routes.count);
	if (err != MESH_OK)
		return api_refuse_err(k, err);
	routes_elect(k->s);
	return answer_node(k, m);
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
unsigned
api_node_approve(struct call *k)
{
	struct approve_body body = {0};
	struct pending *p;
	struct member *m;
	struct user *u;
	uint32_t seed;
	int err;

	if (api_body(k, &approve_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	if ((u = state_user_named(k->s, mesh_str(body.user))) == NULL)
		return api_refuse(k, 404, "no such user");
	if ((p = register_find(k->s, mesh_str(body.id))) == NULL)
		return api_refuse(k, 404, "no login waits under this id "
		    "(it lasts 15 minutes: log in again)");
	if (!may_give(k, u, p->tags))
		return api_refuse_err(k, MESH_ERR_ARG);
	core_random(&seed, sizeof(seed));
	err = register_approve(k->s, p, u, p->tags, seed, core_wall().sec, &m);
	return err == MESH_OK ? answer_node(k, m) : api_refuse_err(k, err);
}

/* --- logins that have to be approved */

static unsigned
check_decide(struct call *k, bool accept)
{
	struct approve_body body = {0};

	if (api_body(k, &approve_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	if (body.id == NULL || !sshcheck_decide(k->c->checks,
		mesh_str(body.id), accept, core_now()))
		return api_refuse(k, 404, "no login waits under this id "
		    "(it lasts 15 minutes)");
	core_flush_soon(k->c);
	return api_empty(k);
}

unsigned
api_check_approve(struct call *k)
{
	return check_decide(k, true);
}

unsigned
api_check_reject(struct call *k)
{
	return check_decide(k, false);
}
