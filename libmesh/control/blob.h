/* SPDX-License-Identifier: ISC
 * blob.h - immutable bytes that many sessions send: one copy, counted.
 * Not for several threads.
 */
#ifndef MESH_CONTROL_BLOB_H
#define MESH_CONTROL_BLOB_H

#include <mesh/base.h>

struct mesh_blob { /* read len and data */
	size_t refs;
	size_t len; /* bytes */
	uint8_t data[];
};

/* A copy of p[0..len) with one reference, which is the caller's; NULL without
 * memory. */
struct mesh_blob *mesh_blob_new(const void *p, size_t len);
struct mesh_blob *mesh_blob_ref(struct mesh_blob *b);
/* The last one frees. NULL is fine. */
void mesh_blob_unref(struct mesh_blob *b);

#endif
