/* SPDX-License-Identifier: ISC
 * map.h - hash map from small fixed-size keys (public keys, addresses, ids) to
 * pointers. Open addressing, linear probing, keyed hash (SipHash-2-4) so that
 * strangers cannot choose collisions. Owns its table and the copies of the keys,
 * not the values. Bounded: an insert past `max` entries is MESH_ERR_LIMIT.
 */
#ifndef MESH_BASE_MAP_H
#define MESH_BASE_MAP_H

#include <mesh/base.h>

#define MESH_MAP_KEY_MAX 40u /* bytes */
#define MESH_MAP_SEED_LEN 16u

struct mesh_map { /* private, but for count */
	uint8_t *slots;
	size_t count;
	size_t cap; /* a power of two, or 0 */
	size_t max;
	size_t key_len;
	uint8_t seed[MESH_MAP_SEED_LEN];
};

/* Allocates nothing. seed: random for keys that strangers choose; NULL: zero. */
void mesh_map_init(struct mesh_map *m, size_t key_len, size_t max,
    const uint8_t *seed);
void mesh_map_release(struct mesh_map *m);

/* The value, or NULL. */
void *mesh_map_get(const struct mesh_map *m, const void *key);
/* Inserts or replaces; value is not NULL. MESH_OK, MESH_ERR_LIMIT,
 * MESH_ERR_NOMEM. */
int mesh_map_put(struct mesh_map *m, const void *key, void *value);
/* The value that was there, or NULL. */
void *mesh_map_remove(struct mesh_map *m, const void *key);
/* Walk: start with *pos = 0; the next value, or NULL at the end. The map must
 * not change meanwhile. out_key (may be NULL) is borrowed. */
void *mesh_map_next(const struct mesh_map *m, size_t *pos,
    const void **out_key);

#endif
