/* SPDX-License-Identifier: ISC
 * mapper.h - what each connected node is told: the whole map once, differences
 * from then on.
 *
 * A session is an open map stream. It remembers, a bit per member, of whom its
 * node was told; a flush compares that with whom it may see now, so policy
 * changes, removals, new tags and plain news all take the same way. Sessions to
 * which the same has to be said get one text: made once, sent with the list of
 * them. Frames are either whole nodes, or patches, or a filter, never mixed.
 * Source: protocol/control.md 6.4-6.8, 10.1.
 */
#ifndef CONTROLD_MAPPER_H
#define CONTROLD_MAPPER_H

#include "access.h"

struct mapper_sink {
	/* JSON of one MapResponse for the streams of these requests. */
	void (*frame)(void *arg, const uint64_t *reqs, size_t count,
	    struct mesh_str text);
	/* This stream is over. */
	void (*end)(void *arg, uint64_t req);
	/* Text that whole maps have in common, to be kept under this index; and
	 * a map that has it: text[0..head_len), the parts, the rest of text. */
	void (*part)(void *arg, uint32_t index, struct mesh_str text);
	void (*whole)(void *arg, uint64_t req, const uint32_t *parts,
	    size_t count, struct mesh_str text, size_t head_len);
	void *arg;
};

struct mapper_config {
	const char *suffix;	/* of names */
	struct mesh_str relays; /* DERPMap, JSON; borrowed until it is set */
	struct mesh_str dns;	/* DNSConfig, likewise */
};

struct mapper;

struct mapper *mapper_new(const struct mapper_config *cfg,
    struct state *state, struct access *access,
    const struct mapper_sink *sink);
void mapper_free(struct mapper *mp);

/* Opens a stream for m and sends the whole map, in parts if it takes them; an
 * older stream of m ends. MESH_ERR_NOMEM. */
int mapper_open(struct mapper *mp, struct member *m, uint64_t req,
    const struct mesh_node_key *used, bool parts, struct mesh_wall wall);
/* Sends the whole map on a stream that is not kept. */
int mapper_once(struct mapper *mp, struct member *m, uint64_t req,
    struct mesh_wall wall);
/* Tells a node that we do not know to log in again; the stream stays open, lest
 * it asks again at once. */
void mapper_dismiss(struct mapper *mp, const struct mesh_node_key *key,
    const struct mesh_machine_key *machine, uint64_t req,
    struct mesh_wall wall);
/* The stream is gone. False: there was none of this number. */
bool mapper_close(struct mapper *mp, uint64_t req, struct mesh_time now,
    int64_t wall);

/* Everybody is told what changed since the last flush. */
void mapper_flush(struct mapper *mp, struct mesh_wall wall);
bool mapper_wants_flush(const struct mapper *mp);
/* The policy changed: filters and visibility of all are looked at. */
void mapper_policy_changed(struct mapper *mp);
/* New relays for all. */
void mapper_set_relays(struct mapper *mp, struct mesh_str relays,
    struct mesh_wall wall);

/* New settings of names for all, if they are others than before. */
void mapper_set_dns(struct mapper *mp, struct mesh_str dns,
    struct mesh_wall wall);

/* A few bytes to each node with routes: one that is gone without a word is found
 * out by the connection, and another takes over. */
void mapper_probe(struct mapper *mp, struct mesh_wall wall);

size_t mapper_sessions(const struct mapper *mp);

#endif
