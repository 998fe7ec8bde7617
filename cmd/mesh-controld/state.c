/* SPDX-License-Identifier: ISC */
#include "state_int.h"

#include "alloc.h"
#include "register.h"
#include "routes.h"

#include <crypto/blake2b.h>
#include <stdio.h>
#include <stdlib.h>

#define LABEL_KEY MESH_BLAKE2B_LEN

/* Labels are longer than a map's key may be. */
static void
label_key(struct mesh_str label, uint8_t out[static LABEL_KEY])
{
	mesh_blake2b(out, label.p, label.len);
}

int
state_fail(struct state *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return err;
}

int
state_fail_store(struct state *s, int err, const char *what)
{
	return state_fail(s, err, "cannot store the %s: %s", what,
	    store_error(s->store));
}

struct user *
state_user(const struct state *s, int64_t id)
{
	return mesh_map_get(&s->users, &id);
}

struct user *
state_user_named(const struct state *s, struct mesh_str name)
{
	uint8_t key[LABEL_KEY];

	label_key(name, key);
	return mesh_map_get(&s->users_by_name, key);
}

struct auth_key *
state_key(const struct state *s, int64_t id)
{
	return mesh_map_get(&s->keys, &id);
}

struct auth_key *
state_key_ident(const struct state *s,
    const char ident[static KEY_IDENT_LEN + 1])
{
	return mesh_map_get(&s->keys_by_ident, ident);
}

struct member *
state_member(const struct state *s, int64_t id)
{
	return mesh_map_get(&s->by_id, &id);
}

struct member *
state_member_key(const struct state *s, const struct mesh_node_key *key)
{
	return mesh_map_get(&s->by_key, key->b);
}

struct member *
state_member_machine(const struct state *s,
    const struct mesh_machine_key *machine, int64_t user)
{
	struct member *m = mesh_map_get(&s->by_machine, machine->b);

	while (m != NULL && m->rec.user != user)
		m = m->same_machine;
	return m;
}

struct member *
state_member_label(const struct state *s, struct mesh_str name)
{
	uint8_t key[LABEL_KEY];

	label_key(name, key);
	return mesh_map_get(&s->by_label, key);
}

struct member *
state_member_ip(const struct state *s, const struct mesh_ip *ip)
{
	return mesh_map_get(&s->by_ip, ip->b);
}

struct member *
state_next(const struct state *s, uint32_t *pos)
{
	while (*pos < s->slot_count) {
		struct member *m = s->slots[(*pos)++];

		if (m != NULL && !m->gone)
			return m;
	}
	return NULL;
}

bool
member_is_waiting(const struct member *m)
{
	return m->rec.method == REGISTER_WAITING;
}

const char *
member_owner(const struct state *s, const struct member *m)
{
	const struct user *u = state_user(s, m->rec.user);

	return u != NULL ? u->name : USER_TAGGED_NAME;
}

void
state_touch(struct state *s, struct member *m, unsigned changed)
{
	if (m->changed == 0)
		mesh_list_append(&s->changed, &m->changed_link);
	m->changed |= changed;
	s->routes_stale |= m->rec.routes != NULL;
	s->stale[m->slot / 4096] |= UINT64_C(1) << (m->slot / 64 % 64);
	free(m->json);
	m->json = NULL;
}

/* --- index: all maps at once, or none */

int
state_index(struct state *s, struct member *m)
{
	uint8_t label[LABEL_KEY];
	int err;

	label_key(mesh_str(m->rec.label), label);
	if ((err = mesh_map_put(&s->by_id, &m->rec.id, m)) != MESH_OK ||
	    (err = mesh_map_put(&s->by_key, m->rec.key.b, m)) != MESH_OK ||
	    (err = mesh_map_put(&s->by_ip, m->rec.ip4.b, m)) != MESH_OK ||
	    (err = mesh_map_put(&s->by_ip, m->rec.ip6.b, m)) != MESH_OK ||
	    (err = mesh_map_put(&s->by_label, label, m)) != MESH_OK)
		return err;
	m->same_machine = mesh_map_get(&s->by_machine, m->rec.machine.b);
	return mesh_map_put(&s->by_machine, m->rec.machine.b, m);
}

static void
unlink_machine(struct state *s, struct member *m)
{
	struct member *first = mesh_map_get(&s->by_machine,
	    m->rec.machine.b);

	if (first == m && m->same_machine == NULL)
		(void)mesh_map_remove(&s->by_machine, m->rec.machine.b);
	else if (first == m)
		(void)mesh_map_put(&s->by_machine, m->rec.machine.b,
		    m->same_machine);
	for (; first != NULL; first = first->same_machine)
		if (first->same_machine == m)
			first->same_machine = m->same_machine;
	m->same_machine = NULL;
}

void
state_unindex(struct state *s, struct member *m)
{
	uint8_t label[LABEL_KEY];

	label_key(mesh_str(m->rec.label), label);
	(void)mesh_map_remove(&s->by_id, &m->rec.id);
	(void)mesh_map_remove(&s->by_key, m->rec.key.b);
	if (!mesh_node_key_is_zero(&m->previous))
		(void)mesh_map_remove(&s->by_key, m->previous.b);
	(void)mesh_map_remove(&s->by_ip, m->rec.ip4.b);
	(void)mesh_map_remove(&s->by_ip, m->rec.ip6.b);
	(void)mesh_map_remove(&s->by_label, label);
	unlink_machine(s, m);
}

int
state_relabel(struct state *s, struct member *m, const char *label)
{
	uint8_t old[LABEL_KEY], new[LABEL_KEY];
	int err;

	label_key(mesh_str(m->rec.label), old);
	label_key(mesh_str(label), new);
	if ((err = mesh_map_put(&s->by_label, new, m)) != MESH_OK)
		return err;
	(void)mesh_map_remove(&s->by_label, old);
	return mesh_format(m->rec.label, sizeof(m->rec.label), "%s", label);
}

/* --- slots */

static int
slot_find(struct state *s, uint32_t *out)
{
	struct member **grown;

	if (s->free_slots > 0) {
		for (*out = 0; s->slots[*out] != NULL;)
			++*out;
		s->free_slots--;
		return MESH_OK;
	}
	if (s->slot_count == STATE_NODES_MAX)
		return MESH_ERR_LIMIT;
	if (s->slot_count == s->slot_cap) {
		uint32_t cap = s->slot_cap > 0 ? 2 * s->slot_cap : 64;

		grown = reallocarray(s->slots, cap, sizeof(*grown));
		if (grown == NULL)
			return MESH_ERR_NOMEM;
		s->slots = grown;
		s->slot_cap = cap;
	}
	*out = s->slot_count++;
	return MESH_OK;
}

int
state_insert(struct state *s, struct member *m)
{
	int err = slot_find(s, &m->slot);

	if (err != MESH_OK)
		return err;
	s->slots[m->slot] = m;
	s->node_count++;
	mesh_list_init(&m->changed_link);
	mesh_list_init(&m->unsaved_link);
	m->offline_at = m->remove_at = MESH_NEVER;
	if ((err = state_index(s, m)) == MESH_OK)
		return MESH_OK;
	state_unindex(s, m);
	s->slots[m->slot] = NULL;
	s->free_slots++;
	s->node_count--;
	return err;
}

static void
member_free(struct member *m)
{
	node_release(&m->rec);
	free(m->json);
	free(m);
}

void
state_told(struct state *s, struct member *m)
{
	mesh_list_remove(&m->changed_link);
	m->changed = 0;
	if (!m->gone)
		return;
	mesh_list_remove(&m->unsaved_link);
	s->slots[m->slot] = NULL;
	s->free_slots++;
	member_free(m);
}

/* --- life */

static int
load_user(void *arg, const struct user *u)
{
	return state_keep_user(arg, u, NULL);
}

static int
load_key(void *arg, struct auth_key *k)
{
	return state_keep_key(arg, k, NULL);
}

static int
load_node(void *arg, struct node *n)
{
	struct state *s = arg;
	struct member *m = calloc(1, sizeof(*m));
	uint32_t number = alloc_number(&n->ip4);
	int err;

	if (m == NULL) {
		node_release(n);
		return MESH_ERR_NOMEM;
	}
	m->rec = *n;
	if ((err = state_insert(s, m)) != MESH_OK) {
		member_free(m);
		return err;
	}
	if (number > s->last_number)
		s->last_number = number;
	/* Nobody is connected yet; ephemeral nodes get time to come back. */
	if (m->rec.ephemeral)
		m->remove_at = (struct mesh_time){0};
	state_touch(s, m, CHANGE_ACCESS);
	return MESH_OK;
}

static int
load_policy(void *arg, struct mesh_str text, int64_t created)
{
	struct state *s = arg;

	s->policy = strndup(text.p, text.len);
	s->policy_time = created;
	return s->policy != NULL ? MESH_OK : MESH_ERR_NOMEM;
}

int
state_keep_user(struct state *s, const struct user *u, struct user **out)
{
	struct user *copy = calloc(1, sizeof(*copy));
	uint8_t name[LABEL_KEY];
	int err;

	if (copy == NULL)
		return MESH_ERR_NOMEM;
	*copy = *u;
	label_key(mesh_str(u->name), name);
	err = mesh_map_put(&s->users, &copy->id, copy);
	if (err == MESH_OK &&
	    (err = mesh_map_put(&s->users_by_name, name, copy)) != MESH_OK)
		(void)mesh_map_remove(&s->users, &copy->id);
	if (err != MESH_OK)
		free(copy);
	else if (out != NULL)
		*out = copy;
	return err;
}

void
state_drop_user(struct state *s, struct user *u)
{
	uint8_t name[LABEL_KEY];

	label_key(mesh_str(u->name), name);
	(void)mesh_map_remove(&s->users, &u->id);
	(void)mesh_map_remove(&s->users_by_name, name);
	free(u);
}

int
state_keep_key(struct state *s, struct auth_key *k, struct auth_key **out)
{
	struct auth_key *copy = calloc(1, sizeof(*copy));
	int err = MESH_ERR_NOMEM;

	if (copy == NULL)
		goto fail;
	*copy = *k;
	if ((err = mesh_map_put(&s->keys, &copy->id, copy)) != MESH_OK)
		goto fail;
	if ((err = mesh_map_put(&s->keys_by_ident, copy->ident, copy)) !=
	    MESH_OK) {
		(void)mesh_map_remove(&s->keys, &copy->id);
		goto fail;
	}
	if (out != NULL)
		*out = copy;
	return MESH_OK;
fail:
	auth_key_release(k);
	free(copy);
	return err;
}

void
state_drop_key(struct state *s, struct auth_key *k)
{
	(void)mesh_map_remove(&s->keys, &k->id);
	(void)mesh_map_remove(&s->keys_by_ident, k->ident);
	auth_key_release(k);
	free(k);
}

int
state_new(const struct state_config *cfg, struct store *store,
    const uint8_t seed[static MESH_MAP_SEED_LEN], struct state **out,
    struct mesh_diag *diag)
{
	struct state *s = calloc(1, sizeof(*s));
	struct store_sink sink = {load_user, load_key, load_node, load_policy,
	    s};
	int err;

	if (s == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	s->cfg = *cfg;
	s->store = store;
	mesh_map_init(&s->by_id, sizeof(int64_t), STATE_NODES_MAX, NULL);
	mesh_map_init(&s->by_key, MESH_KEY_LEN, 2 * STATE_NODES_MAX, seed);
	mesh_map_init(&s->by_machine, MESH_KEY_LEN, STATE_NODES_MAX, seed);
	mesh_map_init(&s->by_ip, 16, 2 * STATE_NODES_MAX, NULL);
	mesh_map_init(&s->by_label, LABEL_KEY, 2 * STATE_NODES_MAX, seed);
	mesh_map_init(&s->users, sizeof(int64_t), STATE_USERS_MAX, NULL);
	mesh_map_init(&s->users_by_name, LABEL_KEY, STATE_USERS_MAX, seed);
	mesh_map_init(&s->keys, sizeof(int64_t), STATE_KEYS_MAX, NULL);
	mesh_map_init(&s->keys_by_ident, KEY_IDENT_LEN, STATE_KEYS_MAX, seed);
	mesh_map_init(&s->primaries, sizeof(struct mesh_prefix),
	    STATE_ROUTES_MAX, NULL);
	mesh_map_init(&s->pending_by_id, PENDING_ID_LEN, PENDING_MAX, seed);
	mesh_list_init(&s->changed);
	mesh_list_init(&s->unsaved);
	mesh_list_init(&s->pending);
	if ((err = store_load(store, &sink)) != MESH_OK) {
		mesh_fail(diag, err, "cannot load the database: %s",
		    err == MESH_ERR_FORMAT || err == MESH_ERR_IO
			? store_error(store) : mesh_strerror(err));
		state_free(s);
		return err;
	}
	*out = s;
	return MESH_OK;
}

void
state_free(struct state *s)
{
	void *item;

	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->slot_count; i++)
		if (s->slots[i] != NULL)
			member_free(s->slots[i]);
	for (size_t pos = 0; (item = mesh_map_next(&s->users, &pos, NULL));)
		free(item);
	for (size_t pos = 0; (item = mesh_map_next(&s->keys, &pos, NULL));) {
		auth_key_release(item);
		free(item);
	}
	state_drop_pending(s);
	mesh_map_release(&s->by_id);
	mesh_map_release(&s->by_key);
	mesh_map_release(&s->by_machine);
	mesh_map_release(&s->by_ip);
	mesh_map_release(&s->by_label);
	mesh_map_release(&s->users);
	mesh_map_release(&s->users_by_name);
	mesh_map_release(&s->keys);
	mesh_map_release(&s->keys_by_ident);
	mesh_map_release(&s->pending_by_id);
	mesh_map_release(&s->primaries);
	bits_release(&s->routers);
	free(s->slots);
	free(s->policy);
	free(s);
}
