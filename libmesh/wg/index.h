/* SPDX-License-Identifier: ISC
 * index.h - from the 32-bit index in a message to the session it belongs to.
 *
 * Indices are random and ours, so they are their own hash: open addressing, at
 * most half full. Room is taken when a peer is added (mesh_wg_index_reserve);
 * after that inserts cannot fail, and lookups of strangers touch one or two
 * slots.
 */
#ifndef MESH_WG_INDEX_H
#define MESH_WG_INDEX_H

#include <mesh/base.h>

struct mesh_wg_index_slot {
	uint32_t index;
	void *value; /* NULL: free */
};

struct mesh_wg_index { /* private; all zero: empty */
	struct mesh_wg_index_slot *slots;
	size_t cap; /* a power of two, or 0 */
	size_t count;
};

void mesh_wg_index_release(struct mesh_wg_index *t);
/* Room for count entries in all. MESH_ERR_NOMEM: nothing changed. */
int mesh_wg_index_reserve(struct mesh_wg_index *t, size_t count) MESH_MUST_USE;
/* The value, or NULL. */
void *mesh_wg_index_get(const struct mesh_wg_index *t, uint32_t index);
/* The index is new, and there is room. */
void mesh_wg_index_put(struct mesh_wg_index *t, uint32_t index, void *value);
/* Nothing happens if it is not there. */
void mesh_wg_index_remove(struct mesh_wg_index *t, uint32_t index);

#endif
