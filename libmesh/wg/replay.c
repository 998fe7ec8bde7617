/* SPDX-License-Identifier: ISC */
#include "wg/replay.h"

static_assert(MESH_WG_REJECT_AFTER_MESSAGES == UINT64_MAX - (UINT64_C(1) << 13),
    "2^64 - 2^13 - 1");

/* Clears the blocks between the highest counter so far and this one. */
static void
advance(struct mesh_wg_replay *r, uint64_t counter)
{
	uint64_t from = r->highest / 64;
	uint64_t blocks = counter / 64 - from;

	if (blocks > MESH_WG_REPLAY_BLOCKS)
		blocks = MESH_WG_REPLAY_BLOCKS;
	for (uint64_t i = 1; i <= blocks; i++)
		r->seen[(from + i) % MESH_WG_REPLAY_BLOCKS] = 0;
	r->highest = counter;
}

bool
mesh_wg_replay_accept(struct mesh_wg_replay *r, uint64_t counter)
{
	uint64_t bit = UINT64_C(1) << (counter % 64);
	uint64_t *block = &r->seen[counter / 64 % MESH_WG_REPLAY_BLOCKS];

	if (counter >= MESH_WG_REJECT_AFTER_MESSAGES)
		return false;
	if (counter > r->highest)
		advance(r, counter);
	else if (r->highest - counter > MESH_WG_REPLAY_WINDOW)
		return false;
	if (*block & bit)
		return false;
	*block |= bit;
	return true;
}
