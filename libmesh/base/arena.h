/* SPDX-License-Identifier: ISC
 * arena.h - memory that is freed all at once: what one decoded message owns.
 *
 * Bounded by a maximum; a failure sticks (`failed`), so a decoder asks once.
 * Memory is zeroed and aligned for any type.
 */
#ifndef MESH_BASE_ARENA_H
#define MESH_BASE_ARENA_H

#include <mesh/base.h>

struct mesh_arena_block;

struct mesh_arena { /* private, but for failed and used */
	struct mesh_arena_block *head;
	size_t used; /* bytes taken from the system */
	size_t max;
	bool failed;
};

/* Allocates nothing. */
void mesh_arena_init(struct mesh_arena *a, size_t max);
void mesh_arena_release(struct mesh_arena *a);

/* count * size zeroed bytes; NULL when the maximum or memory is exhausted. */
void *mesh_arena_calloc(struct mesh_arena *a, size_t count, size_t size);
/* A copy of s[0..len) with a NUL behind it; NULL as above. */
char *mesh_arena_strndup(struct mesh_arena *a, const char *s, size_t len);
char *mesh_arena_strdup(struct mesh_arena *a, const char *s);
/* A copy of p[0..len). */
void *mesh_arena_memdup(struct mesh_arena *a, const void *p, size_t len);

#endif
