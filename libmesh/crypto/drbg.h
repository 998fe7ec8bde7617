/* SPDX-License-Identifier: ISC
 * drbg.h - random bytes from a seed that was handed in: libmesh has no source
 * of its own. ChaCha20 with fast key erasure: the key is replaced with every
 * refill and bytes are wiped as they go out, so what was given before cannot be
 * computed from the state. The same seed gives the same bytes: tests use that.
 */
#ifndef MESH_CRYPTO_DRBG_H
#define MESH_CRYPTO_DRBG_H

#include <mesh/base.h>

#define MESH_DRBG_SEED_LEN 32u /* bytes, from a good source */
#define MESH_DRBG_POOL 512u    /* bytes made at once */

struct mesh_drbg { /* private */
	uint8_t key[MESH_DRBG_SEED_LEN];
	uint8_t pool[MESH_DRBG_POOL];
	size_t used; /* bytes of the pool that are gone */
};

void mesh_drbg_init(struct mesh_drbg *d,
    const uint8_t seed[static MESH_DRBG_SEED_LEN]);
/* Adds randomness: the result is as good as the better of both. */
void mesh_drbg_stir(struct mesh_drbg *d,
    const uint8_t random[static MESH_DRBG_SEED_LEN]);
void mesh_drbg_bytes(struct mesh_drbg *d, void *out, size_t len);
uint32_t mesh_drbg_u32(struct mesh_drbg *d);
void mesh_drbg_wipe(struct mesh_drbg *d);

#endif
