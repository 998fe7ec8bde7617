/* SPDX-License-Identifier: ISC
 * controld_lab.h - a coordination server's state on a database in memory, for
 * tests: users, keys, nodes that register. Time is a number.
 */
#ifndef TESTS_UNIT_CONTROLD_LAB_H
#define TESTS_UNIT_CONTROLD_LAB_H

#include "mesh-controld/authkey.h"
#include "mesh-controld/register.h"

#include "test.h"

struct lab {
	struct store *store;
	struct state *s;
	struct mesh_time now;
	int64_t wall;
	uint8_t random; /* of the next that needs some */
};

static inline void
lab_open(struct lab *l, const char *path)
{
	static const struct state_config cfg = {.url = "http://x",
	    .suffix = "mesh.test", .ephemeral_ns = 60 * MESH_SEC};
	static const uint8_t seed[MESH_MAP_SEED_LEN] = {1};
	struct mesh_diag diag = {""};

	*l = (struct lab){.now = {1000 * MESH_SEC}, .wall = 1000000};
	assert_int_equal(store_open(path, &l->store, &diag), MESH_OK);
	assert_int_equal(state_new(&cfg, l->store, seed, &l->s, &diag),
	    MESH_OK);
}

static inline void
lab_close(struct lab *l)
{
	state_free(l->s);
	store_close(l->store);
}

static inline struct user *
lab_user(struct lab *l, const char *name)
{
	struct user *u = NULL;

	assert_int_equal(state_user_add(l->s, mesh_str(name), l->wall, &u),
	    MESH_OK);
	return u;
}

/* A key of the user; its text goes to out. */
static inline struct auth_key *
lab_key(struct lab *l, const struct user *u, bool reusable, const char *tags,
    char out[static AUTHKEY_TEXT])
{
	struct auth_key k = {.user = u->id, .reusable = reusable,
	    .created = l->wall, .tags = strdup(tags)};
	uint8_t random[AUTHKEY_RANDOM];
	struct auth_key *kept = NULL;

	memset(random, ++l->random, sizeof(random));
	authkey_make(&k, random, out);
	assert_int_equal(state_key_add(l->s, &k, &kept), MESH_OK);
	return kept;
}

/* A machine numbered n asks with node key number key. */
static inline struct register_ask
lab_ask(uint8_t n, uint8_t key)
{
	struct register_ask ask = {.req = n,
	    .report = {.capver = 131, .hostname = MESH_STR("host")}};

	memset(ask.machine.b, n, sizeof(ask.machine.b));
	memset(ask.key.b, key, sizeof(ask.key.b));
	return ask;
}

static inline struct register_answer
lab_register(struct lab *l, const struct register_ask *ask)
{
	uint8_t random[PENDING_RANDOM];
	struct register_answer a;

	memset(random, ++l->random, sizeof(random));
	register_handle(l->s, ask, random, l->now, l->wall, &a);
	return a;
}

/* Joins with a key; it must work. */
static inline struct member *
lab_join(struct lab *l, uint8_t n, const char *key)
{
	struct register_ask ask = lab_ask(n, n);

	ask.auth_key = mesh_str(key);
	assert_int_equal(lab_register(l, &ask).kind, REGISTER_DONE);
	return state_member_key(l->s, &ask.key);
}

#endif
