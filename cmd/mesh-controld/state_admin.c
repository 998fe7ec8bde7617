/* SPDX-License-Identifier: ISC */
#include "state_int.h"

#include "label.h"
#include "routes.h"

#include <stdlib.h>

/* Letters, digits and what mail addresses have; no blanks, no ':' (tag:x). */
static bool
user_name_is_valid(struct mesh_str name)
{
	if (name.len == 0 || name.len >= USER_NAME_MAX || name.p[0] == '-')
		return false;
	/* Nodes know who owns what by name: this is nobody. */
	if (mesh_str_eq(name, USER_TAGGED_NAME))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && (c == '\0' || !strchr("-_.@+", c)))
			return false;
	}
	return true;
}

int
state_user_add(struct state *s, struct mesh_str name, int64_t now,
    struct user **out)
{
	struct user u = {.created = now};
	int err;

	if (!user_name_is_valid(name))
		return state_fail(s, MESH_ERR_ARG, "user name: letters, "
		    "digits and - _ . @ + only, at most %u", USER_NAME_MAX - 1);
	if (state_user_named(s, name) != NULL)
		return state_fail(s, MESH_ERR_EXIST,
		    "user '%.*s' exists already", MESH_STR_ARG(name));
	(void)mesh_str_copy(name, u.name, sizeof(u.name));
	if ((err = store_user_add(s->store, &u)) != MESH_OK)
		return state_fail_store(s, err, "user");
	return state_keep_user(s, &u, out);
}

int
state_user_remove(struct state *s, struct user *u)
{
	struct auth_key *k;
	struct member *m;
	int err;

	for (uint32_t pos = 0; (m = state_next(s, &pos)) != NULL;)
		if (m->rec.user == u->id)
			return state_fail(s, MESH_ERR_STATE,
			    "user '%s' still has nodes: remove them first",
			    u->name);
	if ((err = store_user_remove(s->store, u->id)) != MESH_OK)
		return state_fail_store(s, err, "removal of the user");
	for (size_t pos = 0; (k = mesh_map_next(&s->keys, &pos, NULL));)
		if (k->user == u->id) {
			state_drop_key(s, k);
			pos = 0; /* the walk does not survive a removal */
		}
	state_drop_user(s, u);
	return MESH_OK;
}

int
state_key_add(struct state *s, const struct auth_key *k,
    struct auth_key **out)
{
	struct auth_key copy = *k;
	int err = store_key_add(s->store, &copy);

	if (err == MESH_OK)
		return state_keep_key(s, &copy, out);
	auth_key_release(&copy);
	return state_fail_store(s, err, "auth key");
}

/* Writes a changed record of a key, then takes it over. */
static int
key_change(struct state *s, struct auth_key *k, const struct auth_key *to)
{
	int err = store_key_update(s->store, to);

	if (err != MESH_OK)
		return state_fail_store(s, err, "auth key");
	*k = *to;
	return MESH_OK;
}

int
state_key_revoke(struct state *s, struct auth_key *k)
{
	struct auth_key to = *k;

	to.revoked = true;
	return key_change(s, k, &to);
}

int
state_key_use(struct state *s, struct auth_key *k)
{
	struct auth_key to = *k;

	if (k->used)
		return MESH_OK;
	to.used = true;
	return key_change(s, k, &to);
}

static int
node_write(struct state *s, const struct node *to)
{
	int err = store_node_update(s->store, to);

	return err == MESH_OK ? MESH_OK : state_fail_store(s, err, "node");
}

int
state_node_rename(struct state *s, struct member *m, struct mesh_str label)
{
	struct member *other = state_member_label(s, label);
	struct node to = m->rec;
	int err;

	if (!label_is_valid(label))
		return state_fail(s, MESH_ERR_ARG, "node name: a-z, 0-9 and "
		    "'-' (not at the ends), at most %u", NODE_LABEL_MAX - 1);
	if (other != NULL && other != m)
		return state_fail(s, MESH_ERR_EXIST,
		    "node name '%.*s' is taken", MESH_STR_ARG(label));
	(void)mesh_str_copy(label, to.label, sizeof(to.label));
	to.renamed = true;
	if ((err = node_write(s, &to)) != MESH_OK)
		return err;
	m->rec.renamed = true;
	if (other == NULL)
		err = state_relabel(s, m, to.label);
	state_touch(s, m, CHANGE_FULL | CHANGE_SELF);
	return err;
}

int
state_node_tag(struct state *s, struct member *m, const char *tags)
{
	struct node to = m->rec;
	int err;

	to.user = 0;
	to.expires = 0; /* nobody is there to log in again */
	if ((to.tags = strdup(tags)) == NULL)
		return state_fail(s, MESH_ERR_NOMEM, "out of memory");
	if ((err = node_write(s, &to)) != MESH_OK) {
		free(to.tags);
		return err;
	}
	free(m->rec.tags);
	m->rec = to;
	m->expired = false;
	state_touch(s, m, CHANGE_FULL | CHANGE_SELF | CHANGE_ACCESS);
	return MESH_OK;
}

int
state_node_expire(struct state *s, struct member *m, int64_t when)
{
	struct node to = m->rec;
	int err;

	to.expires = when;
	if ((err = node_write(s, &to)) != MESH_OK)
		return err;
	m->rec.expires = when;
	state_touch(s, m, CHANGE_EXPIRY | CHANGE_SELF);
	return MESH_OK;
}

int
state_node_approve(struct state *s, struct member *m)
{
	struct node to = m->rec;
	int err;

	if (!member_is_waiting(m))
		return state_fail(s, MESH_ERR_STATE,
		    "node '%s' does not wait for approval", m->rec.label);
	to.method = REGISTER_CLI;
	if ((err = node_write(s, &to)) != MESH_OK)
		return err;
	m->rec.method = to.method;
	state_touch(s, m, CHANGE_FULL | CHANGE_SELF | CHANGE_ACCESS);
	return MESH_OK;
}

void
state_forget(struct state *s, struct member *m)
{
	routes_forget(s, m);
	state_unindex(s, m);
	s->node_count--;
	m->gone = true;
	state_touch(s, m, CHANGE_FULL | CHANGE_ACCESS);
}

int
state_node_remove(struct state *s, struct member *m)
{
	int err = store_node_remove(s->store, m->rec.id);

	if (err != MESH_OK)
		return state_fail_store(s, err, "removal of the node");
	state_forget(s, m);
	return MESH_OK;
}

int
state_policy_set(struct state *s, struct mesh_str text, int64_t now)
{
	char *copy = strndup(text.p, text.len);
	int err;

	if (copy == NULL)
		return state_fail(s, MESH_ERR_NOMEM, "out of memory");
	if ((err = store_policy_set(s->store, text, now)) != MESH_OK) {
		free(copy);
		return state_fail_store(s, err, "policy");
	}
	free(s->policy);
	s->policy = copy;
	s->policy_time = now;
	return MESH_OK;
}
