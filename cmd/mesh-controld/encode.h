/* SPDX-License-Identifier: ISC
 * encode.h - members as the wire has them: Node, UserProfile, PeerChange.
 */
#ifndef CONTROLD_ENCODE_H
#define CONTROLD_ENCODE_H

#include "state.h"

#include <base/buf.h>

#define ENCODE_NODE_MAX (4 * NODE_HOSTINFO) /* bytes of one node's JSON */

/* A member without routes as its peers see it: kept with it until it changes.
 * Empty without memory. */
struct mesh_str encode_peer(const struct state *s, struct member *m);
/* One with routes, as a peer sees it that may know of these; appended to out.
 */
void encode_router(const struct state *s, const struct member *m,
    const struct mesh_prefix *routes, size_t count, struct mesh_buf *out);
/* As it sees itself; appended to out. */
void encode_self(const struct state *s, const struct member *m,
    struct mesh_buf *out);
/* As one sees itself that has to log in again: it was removed, or never known. */
void encode_dismissed(const struct state *s, const struct mesh_node_key *key,
    const struct mesh_machine_key *machine, struct mesh_buf *out);
void encode_user(const struct state *s, int64_t user, struct mesh_buf *out);
/* A PeerChange with what member->changed names. */
void encode_patch(const struct member *m, struct mesh_buf *out);

#endif
