/* SPDX-License-Identifier: ISC
 * replay.h - which counters of a session were seen: a sliding window (RFC
 * 6479). Source: protocol/dataplane.md 1.6.
 */
#ifndef MESH_WG_REPLAY_H
#define MESH_WG_REPLAY_H

#include <mesh/base.h>

#define MESH_WG_REPLAY_BLOCKS 128u /* of 64 bits; a power of two */
/* How far a counter may be behind the highest. One block is being filled. */
#define MESH_WG_REPLAY_WINDOW ((MESH_WG_REPLAY_BLOCKS - 1) * 64)
/* Counters from here on are neither sent nor accepted. */
#define MESH_WG_REJECT_AFTER_MESSAGES (UINT64_MAX - (1u << 13))

struct mesh_wg_replay { /* all zero: nothing seen */
	uint64_t highest;
	uint64_t seen[MESH_WG_REPLAY_BLOCKS];
};

/* True the first time that a counter comes, if it is inside the window or above
 * it. Only for packets that are authentic. */
bool mesh_wg_replay_accept(struct mesh_wg_replay *r, uint64_t counter);

#endif
