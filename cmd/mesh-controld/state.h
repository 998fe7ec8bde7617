/* SPDX-License-Identifier: ISC
 * state.h - the server's picture of the network in memory, and how it changes.
 *
 * No sockets and no clock: calls come with the time, changes are noted on the
 * members and collected by the mapper (mapper.h). Whatever is acknowledged is in
 * the store first: users, keys, registrations and what administrators do are
 * written before memory changes, so a full disk refuses and nothing is half
 * done. What nodes report about themselves (endpoints, host info) changes memory
 * at once and is written by state_sync(), before its senders get their answers.
 */
#ifndef CONTROLD_STATE_H
#define CONTROLD_STATE_H

#include "bits.h"
#include "store.h"

#include <base/list.h>
#include <base/map.h>

#define STATE_NODES_MAX 65536u
#define STATE_USERS_MAX 65536u
#define STATE_KEYS_MAX 65536u
#define STATE_ROUTES_MAX 65536u /* prefixes that are served */

/* What changed on a member since the mapper looked. */
enum member_change {
	CHANGE_ONLINE = 1 << 0,
	CHANGE_ENDPOINTS = 1 << 1,
	CHANGE_RELAY = 1 << 2,
	CHANGE_KEY = 1 << 3,
	CHANGE_DISCO = 1 << 4,
	CHANGE_CAPVER = 1 << 5,
	CHANGE_EXPIRY = 1 << 6,
	CHANGE_PATCHABLE = (1 << 7) - 1,
	CHANGE_FULL = 1 << 7,  /* more than a patch can say */
	CHANGE_SELF = 1 << 8,  /* the node's own record, as it sees itself */
	CHANGE_ACCESS = 1 << 9, /* who it is to the policy */
	CHANGE_VIEW = 1 << 10,	/* the policy has seen that: it may see others */
};

struct session;	       /* mapper.h */
struct mesh_policy_node; /* policy/policy.h */

struct member {
	struct node rec;
	uint32_t slot;	  /* index, small; used again after removal */
	unsigned changed; /* enum member_change */
	bool gone;	  /* removed; freed when the mapper has told all */
	bool unsaved;	  /* reports that are not in the store yet */
	bool online;
	struct mesh_node_key previous; /* valid until the new key is used */
	struct mesh_list changed_link, unsaved_link;
	bool expired, expires_soon;  /* as state_tick() saw it */
	struct mesh_time offline_at; /* the last stream ended; or never */
	struct mesh_time remove_at;  /* ephemeral and away; or never */
	struct member *same_machine; /* the next with the same machine key */
	struct session *session;     /* its map stream, or NULL */
	char *json; /* as its peers see it, made when needed */
	size_t json_len;
	struct mesh_policy_node *policy; /* access.h; NULL: sees nobody */
};

struct pending; /* register.h */

struct state_config {
	const char *url;    /* of the server, without '/' at the end */
	const char *suffix; /* of names, "mesh.example.org" */
	int64_t node_expiry; /* seconds that a key lasts; 0: for ever */
	uint64_t ephemeral_ns; /* away for so long: removed */
	bool random_addresses;
	bool approve_nodes; /* those that join by an auth key wait */
};

struct state {
	struct state_config cfg;
	struct store *store;
	struct member **slots; /* by slot; NULL where free */
	uint32_t slot_count, slot_cap;
	uint32_t free_slots; /* holes among the first slot_count */
	/* A bit for 64 slots of which one was touched; the mapper clears it. */
	uint64_t stale[STATE_NODES_MAX / 64 / 64];
	size_t node_count;
	struct mesh_map by_id, by_key, by_machine, by_ip, by_label;
	struct mesh_map users, users_by_name; /* struct user */
	struct mesh_map keys, keys_by_ident;  /* struct auth_key */
	struct mesh_map primaries; /* prefix: who carries it (routes.h) */
	struct bits routers;       /* slots of members with routes */
	bool routes_stale;         /* something happened to one of them */
	struct mesh_list changed;	      /* members, by changed_link */
	struct mesh_list unsaved;
	struct mesh_list pending; /* struct pending, oldest first */
	struct mesh_map pending_by_id;
	uint32_t last_number; /* the address given last */
	bool ticked;	      /* state_tick() was called */
	char *policy; /* text; NULL: none was ever set */
	int64_t policy_time;
	char error[160]; /* why the last call failed, for people */
};

/* seed: random, for the maps. Loads everything. diag as store_open(). */
int state_new(const struct state_config *cfg, struct store *store,
    const uint8_t seed[static MESH_MAP_SEED_LEN], struct state **out,
    struct mesh_diag *diag);
void state_free(struct state *s);

/* --- look-ups: NULL if there is none */
struct user *state_user(const struct state *s, int64_t id);
struct user *state_user_named(const struct state *s, struct mesh_str name);
struct auth_key *state_key(const struct state *s, int64_t id);
struct auth_key *state_key_ident(const struct state *s,
    const char ident[static KEY_IDENT_LEN + 1]);
struct member *state_member(const struct state *s, int64_t id);
struct member *state_member_key(const struct state *s,
    const struct mesh_node_key *key);
struct member *state_member_machine(const struct state *s,
    const struct mesh_machine_key *machine, int64_t user);
struct member *state_member_label(const struct state *s, struct mesh_str name);
struct member *state_member_ip(const struct state *s, const struct mesh_ip *ip);

/* Members in order of slot, without those gone: start with *pos = 0. */
struct member *state_next(const struct state *s, uint32_t *pos);

/* Has joined, and is not approved yet: it sees nobody, and nobody sees it. */
bool member_is_waiting(const struct member *m);
/* The owner's name; "tagged-devices" for nobody's. */
const char *member_owner(const struct state *s, const struct member *m);

/* --- changes by administrators; reasons are in s->error. MESH_ERR_EXIST,
 * _NOTFOUND, _STATE (not possible now), _ARG, _IO (the store) */
int state_user_add(struct state *s, struct mesh_str name, int64_t now,
    struct user **out) MESH_MUST_USE;
int state_user_remove(struct state *s, struct user *u) MESH_MUST_USE;
/* k: user, reusable, ephemeral, tags, created, expires, ident, hash are set; its
 * tags become the state's, also on failure. */
int state_key_add(struct state *s, const struct auth_key *k,
    struct auth_key **out) MESH_MUST_USE;
int state_key_revoke(struct state *s, struct auth_key *k) MESH_MUST_USE;
int state_node_rename(struct state *s, struct member *m,
    struct mesh_str label) MESH_MUST_USE;
/* tags: a sorted list, not empty; the node is then nobody's. */
int state_node_tag(struct state *s, struct member *m, const char *tags)
    MESH_MUST_USE;
int state_node_expire(struct state *s, struct member *m, int64_t when)
    MESH_MUST_USE;
int state_node_remove(struct state *s, struct member *m) MESH_MUST_USE;
/* It waits no more. */
int state_node_approve(struct state *s, struct member *m) MESH_MUST_USE;
int state_policy_set(struct state *s, struct mesh_str text, int64_t now)
    MESH_MUST_USE;

/* --- for register.c */
/* rec: all but id, addresses and label; what it points to becomes the state's,
 * also on failure. seed chooses the addresses, if random. */
int state_node_add(struct state *s, const struct node *rec, uint32_t seed,
    struct member **out) MESH_MUST_USE;
/* A new login of a member: keys, owner, tags, expiry of rec. */
int state_node_login(struct state *s, struct member *m,
    const struct node *rec) MESH_MUST_USE;
int state_key_use(struct state *s, struct auth_key *k) MESH_MUST_USE;
/* Notes the reason in s->error; returns err. */
int state_fail(struct state *s, int err, const char *fmt, ...)
    MESH_PRINTF(3, 4);
/* The same in the words of the store, about what could not be written. */
int state_fail_store(struct state *s, int err, const char *what);

/* --- what nodes report */
struct report {
	struct mesh_disco_key disco;
	uint16_t capver;
	int32_t relay;
	struct mesh_str hostname;
	struct mesh_str hostinfo, hostinfo_peer; /* JSON; empty: unchanged */
	const struct node_endpoint *endpoints;
	size_t endpoint_count;
	const struct mesh_prefix *routes; /* announced, with the hostinfo */
	size_t route_count;
};
/* MESH_OK, MESH_ERR_NOMEM. */
int state_report(struct state *s, struct member *m, const struct report *r);
/* Writes what was reported; one transaction. */
int state_sync(struct state *s) MESH_MUST_USE;

/* A map stream begins (which confirms a new key, if it was used), or the last
 * one ends. */
void state_connected(struct state *s, struct member *m,
    const struct mesh_node_key *used);
void state_disconnected(struct state *s, struct member *m,
    struct mesh_time now, int64_t wall);
/* Once a second: the away become offline, ephemeral ones go, keys expire. */
#define STATE_OFFLINE_NS (10 * MESH_SEC) /* away for so long: offline */
#define STATE_SOON_S INT64_C(86400) /* before a login ends: its people read it */
#define STATE_RETURN_NS (5 * MESH_MIN) /* ephemeral, after our own start */
void state_tick(struct state *s, struct mesh_time now, int64_t wall);

/* Notes a change for the mapper. */
void state_touch(struct state *s, struct member *m, unsigned change);
/* The mapper has told everybody: a member that is gone is freed. */
void state_told(struct state *s, struct member *m);

#endif
