/* SPDX-License-Identifier: ISC
 * register.h - who may join: what the server answers to a registration.
 *
 * Source: protocol/control.md 5; the order of the decisions is 5.10's. What
 * differs: a node that has no key of its own yet and asks with a key that it
 * may not use learns only that the key is not valid.
 */
#ifndef CONTROLD_REGISTER_H
#define CONTROLD_REGISTER_H

#include "state.h"

#define PENDING_ID_LEN 24u /* hex digits */
#define PENDING_MAX 1024u  /* then the oldest goes */
#define PENDING_PER_MACHINE 4u
#define PENDING_NS (15 * MESH_MIN)
#define PENDING_RANDOM (PENDING_ID_LEN / 2) /* bytes */

/* A registration, as the front read it. */
struct register_ask {
	uint64_t req; /* to whom the answer goes */
	struct mesh_machine_key machine;
	struct mesh_node_key key;
	bool has_expiry;
	int64_t expiry;		  /* in the past: log out */
	struct mesh_str auth_key; /* secret; empty: none */
	struct mesh_str followup; /* id of a pending login; empty: none */
	struct mesh_str tags;	  /* wished: "tag:a,tag:b" */
	struct report report;
	struct mesh_prefix routes[NODE_ROUTES_MAX]; /* room for report */
};

enum register_kind {
	REGISTER_DONE,	  /* user, owner */
	REGISTER_EXPIRED, /* the node key must be replaced */
	REGISTER_AUTH_URL, /* show URL/register/ID, and follow up */
	REGISTER_REFUSED, /* error, for the node's user */
	REGISTER_WAIT,	  /* no answer now: register_next() has it later */
};

struct register_answer {
	uint64_t req;
	enum register_kind kind;
	int64_t user;
	int64_t user_created;
	char owner[USER_NAME_MAX];
	char id[PENDING_ID_LEN + 1];
	char error[160];
};

/* A login that waits for an administrator. */
struct pending {
	char id[PENDING_ID_LEN + 1];
	struct mesh_list link;
	struct mesh_time until;
	struct mesh_machine_key machine;
	struct mesh_node_key key;
	struct node rec; /* hostname, hostinfo, capver: as reported */
	char *tags;	 /* wished */
	int64_t expiry;
	uint64_t waiter; /* the request that hangs; 0: none */
	bool done;	 /* approved: the waiter gets its answer */
};

/* random: fresh, for a pending login or random addresses. */
void register_handle(struct state *s, const struct register_ask *ask,
    const uint8_t random[static PENDING_RANDOM], struct mesh_time now,
    int64_t wall, struct register_answer *out);
/* The one that waits is gone. */
void register_cancel(struct state *s, uint64_t req);
/* The next answer to a login that was waited for; false if there is none. */
bool register_next(struct state *s, struct register_answer *out);

/* id: or a URL that ends in it. NULL if there is none. */
struct pending *register_find(const struct state *s, struct mesh_str id);
/* The node joins as the user's; with tags (those that it wished for, which the
 * user may give) it is nobody's. Reasons in s->error. */
int register_approve(struct state *s, struct pending *p, struct user *user,
    const char *tags, uint32_t seed, int64_t wall, struct member **out);
/* Those that waited too long. */
void register_tick(struct state *s, struct mesh_time now);
/* All of them: at the end. */
void state_drop_pending(struct state *s);

#endif
