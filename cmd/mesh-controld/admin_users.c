/* SPDX-License-Identifier: ISC
 * admin_users.c - users and auth keys, by the admin socket (admin.h).
 */
#include "admin_int.h"

#include "authkey.h"

#include <base/secret.h>
#include <stdlib.h>

/* --- users */

static unsigned
answer_user(struct call *k, const struct user *u)
{
	api_begin(k, "user");
	admin_write_user(&k->w, u);
	return api_end(k);
}

static int
user_compare(const void *a, const void *b)
{
	const struct user *x = *(struct user *const *)a;
	const struct user *y = *(struct user *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

unsigned
api_user_list(struct call *k)
{
	size_t count = 0, pos = 0;
	char name[API_TEXT] = "", id[API_TEXT] = "";
	bool by_name = api_query(k, "name", name), by_id = api_query(k, "id", id);
	struct user *u, *only = NULL;
	struct user **all = mesh_arena_calloc(&k->arena,
	    k->s->users.count + 1, sizeof(*all));

	if (all == NULL)
		return api_refuse(k, 500, "out of memory");
	if (by_name)
		only = state_user_named(k->s, mesh_str(name));
	else if (by_id)
		only = api_user(k, id);
	while ((u = mesh_map_next(&k->s->users, &pos, NULL)) != NULL)
		if (u == only || (!by_name && !by_id))
			all[count++] = u;
	qsort(all, count, sizeof(struct user *), user_compare);
	api_begin(k, "users");
	mesh_jw_array(&k->w);
	for (size_t i = 0; i < count; i++)
		admin_write_user(&k->w, all[i]);
	mesh_jw_end_array(&k->w);
	return api_end(k);
}

struct user_body {
	const char *name;
};

static const struct mesh_field user_fields[] = {
    {"name", MESH_BIND_STRING, offsetof(struct user_body, name), 0},
};
static const struct mesh_schema user_schema =
    MESH_SCHEMA(struct user_body, user_fields);

unsigned
api_user_add(struct call *k)
{
	struct user_body body = {0};
	struct user *u;
	int err = api_body(k, &user_schema, &body);

	if (err != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	err = state_user_add(k->s, mesh_str(body.name), core_wall().sec, &u);
	return err == MESH_OK ? answer_user(k, u) : api_refuse_err(k, err);
}

unsigned
api_user_remove(struct call *k)
{
	struct user *u = api_user(k, k->args[0]);
	int err;

	if (u == NULL)
		return api_refuse(k, 404, "no such user");
	err = state_user_remove(k->s, u);
	return err == MESH_OK ? api_empty(k) : api_refuse_err(k, err);
}

/* --- auth keys */

static int
key_compare(const void *a, const void *b)
{
	const struct auth_key *x = *(struct auth_key *const *)a;
	const struct auth_key *y = *(struct auth_key *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

unsigned
api_key_list(struct call *k)
{
	size_t count = 0, pos = 0;
	struct auth_key *key;
	struct auth_key **all = mesh_arena_calloc(&k->arena,
	    k->s->keys.count + 1, sizeof(*all));

	if (all == NULL)
		return api_refuse(k, 500, "out of memory");
	while ((key = mesh_map_next(&k->s->keys, &pos, NULL)) != NULL)
		all[count++] = key;
	qsort(all, count, sizeof(struct auth_key *), key_compare);
	api_begin(k, "preAuthKeys");
	mesh_jw_array(&k->w);
	for (size_t i = 0; i < count; i++)
		admin_write_key(&k->w, k->s, all[i], NULL);
	mesh_jw_end_array(&k->w);
	return api_end(k);
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
		api_begin(k, "preAuthKey");
		admin_write_key(&k->w, k->s, kept, text);
		api_end(k);
	} else
		status = api_refuse_err(k, err);
	mesh_wipe(random, sizeof(random));
	mesh_wipe(text, sizeof(text));
	return status;
}

unsigned
api_key_add(struct call *k)
{
	struct key_body body = {0};
	char tags[TAGS_MAX];
	struct auth_key key = {.created = core_wall().sec};
	struct user *u;

	if (api_body(k, &key_schema, &body) != MESH_OK ||
	    api_tags(k, &body.tags, tags) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	if ((u = api_user(k, body.user)) == NULL)
		return api_refuse(k, 404, "no such user");
	if (mesh_wall_is_zero(body.expiration))
		body.expiration.sec = 0;
	if (body.expiration.sec != 0 && body.expiration.sec <= key.created)
		return api_refuse(k, 400, "expiration is in the past");
	key.user = u->id;
	key.reusable = body.reusable;
	key.ephemeral = body.ephemeral;
	key.expires = body.expiration.sec;
	if ((key.tags = strdup(tags)) == NULL)
		return api_refuse(k, 500, "out of memory");
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
		return api_refuse(k, 404, "no such auth key");
	err = state_key_revoke(k->s, key);
	return err == MESH_OK ? api_empty(k) : api_refuse_err(k, err);
}

unsigned
api_key_expire(struct call *k)
{
	struct key_body body = {0};

	if (api_body(k, &key_schema, &body) != MESH_OK)
		return api_refuse_err(k, MESH_ERR_ARG);
	return key_revoke(k, body.id);
}

unsigned
api_key_remove(struct call *k)
{
	char id[API_TEXT];

	return key_revoke(k, api_query(k, "id", id) ? id : NULL);
}
