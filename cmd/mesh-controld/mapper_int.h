/* SPDX-License-Identifier: ISC
 * mapper_int.h - what mapper.c (sessions, whole maps) and flush.c (differences)
 * share.
 */
#ifndef CONTROLD_MAPPER_INT_H
#define CONTROLD_MAPPER_INT_H

#include "mapper.h"
#include "routes.h"

#include <base/buf.h>
#include <crypto/blake2b.h>
#include <netmap/response.h>

#define MAPPER_TEXT_MAX (60u << 20) /* bytes of one frame's JSON */
#define MAPPER_USERS_MAX 4096u	    /* profiles in one frame */

struct session {
	struct mesh_list link;
	uint64_t req;
	struct member *member;
	struct bits sent; /* of whom the node was told */
	uint64_t filter_mark; /* of the filter that it has */
	uint64_t ssh_mark;    /* of its rules about logins; 0: never told */
};

struct part { /* of whole maps: the peers of 64 slots (whole.c) */
	uint64_t told;	 /* of whom the front has the text; 0: of none */
	uint64_t wanted; /* who was asked for last, in vain */
};

struct mapper {
	struct mapper_config cfg;
	struct state *state;
	struct access *access;
	struct mapper_sink sink;
	struct mesh_list sessions;
	struct mesh_map by_req;
	size_t session_count;
	bool policy_changed;
	/* scratch, kept for the next time */
	struct mesh_buf text, part, users, filter, routers, ssh;
	struct mesh_str *peers;
	size_t peer_cap;
	struct part *parts; /* by word */
	uint32_t *part_list;
	size_t part_cap;
	struct bits rest;
	struct mesh_str user_texts[MAPPER_USERS_MAX];
	char health[128]; /* what one node's people should read */
	const char *health_item;
	struct mesh_buf message;
	struct mesh_str message_text;
};

/* Forgets a session. */
void mapper_drop(struct mapper *mp, struct session *ss);
void mapper_send(struct mapper *mp, const struct mesh_map_response *r,
    const uint64_t *reqs, size_t count);
/* The member's rules about logins in mp->ssh, and their mark; empty (mark 0)
 * when the policy has none and `told` is 0. */
struct mesh_str mapper_ssh(struct mapper *mp, const struct member *m,
    uint64_t told, uint64_t *out_mark);
struct mesh_str mapper_filter(struct mapper *mp, const struct member *m);
/* Puts the member's own record into a frame, and what its people should read;
 * good until the next call. False without memory. */
bool mapper_self(struct mapper *mp, const struct member *m,
    struct mesh_map_response *r);
/* What the viewer may know of a router's routes: into out, how many. */
size_t mapper_routes(const struct mapper *mp, const struct member *viewer,
    const struct member *m, struct mesh_prefix out[static ROUTES_SERVED_MAX]);
/* Texts of the peers in a set as the viewer sees them, and profiles of their
 * owners (and self's, if not NULL); good until the next call. */
struct mesh_bind_list mapper_peers(struct mapper *mp,
    const struct member *viewer, const struct bits *set);
/* whole.c: the whole map, by a new text or with parts that the front has. */
int mapper_whole(struct mapper *mp, struct member *m, const struct bits *peers,
    uint64_t req, bool parts, uint64_t *out_ssh_mark, struct mesh_wall wall);
void mapper_release_whole(struct mapper *mp);
struct mesh_bind_list mapper_users(struct mapper *mp,
    const struct member *self, const struct bits *set);

#endif
