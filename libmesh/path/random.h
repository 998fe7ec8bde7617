/* SPDX-License-Identifier: ISC
 * path/random.h - nonces, transaction ids and jitter out of one seed: the
 * ChaCha20 stream under it, a fresh stream nonce for each draw.
 */
#ifndef MESH_PATH_RANDOM_H
#define MESH_PATH_RANDOM_H

#include <mesh/base.h>

struct mesh_path_random { /* private */
	uint8_t key[32];
	uint64_t draws;
};

void mesh_path_random_init(struct mesh_path_random *r,
    const uint8_t seed[static 32]);
void mesh_path_random_wipe(struct mesh_path_random *r);
void mesh_path_random_bytes(struct mesh_path_random *r, void *out, size_t len);
/* 0 to bound - 1, for jitter: not exactly uniform. bound > 0. */
uint64_t mesh_path_random_below(struct mesh_path_random *r, uint64_t bound);

#endif
