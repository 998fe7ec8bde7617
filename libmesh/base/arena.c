/* SPDX-License-Identifier: ISC */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 2048u /* bytes, the least that one block holds */

struct mesh_arena_block {
	struct mesh_arena_block *next;
	size_t used; /* bytes of room[] */
	size_t size;
	max_align_t room[];
};

void
mesh_arena_init(struct mesh_arena *a, size_t max)
{
	*a = (struct mesh_arena){.max = max};
}

void
mesh_arena_release(struct mesh_arena *a)
{
	struct mesh_arena_block *b = a->head;

	while (b != NULL) {
		struct mesh_arena_block *next = b->next;

		free(b);
		b = next;
	}
	mesh_arena_init(a, a->max);
}

static struct mesh_arena_block *
arena_block(struct mesh_arena *a, size_t need)
{
	/* Blocks grow with the arena, so that large messages take few. */
	size_t size = need > ARENA_BLOCK ? need : ARENA_BLOCK;
	struct mesh_arena_block *b;

	if (size < a->used && a->used < (1u << 20))
		size = a->used;
	if (size > a->max - a->used)
		size = need;
	if (size > a->max - a->used)
		return NULL;
	b = calloc(1, sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->size = size;
	b->next = a->head;
	a->head = b;
	a->used += size;
	return b;
}

void *
mesh_arena_calloc(struct mesh_arena *a, size_t count, size_t size)
{
	const size_t align = sizeof(max_align_t);
	struct mesh_arena_block *b = a->head;
	size_t need;
	void *p;

	if (a->failed || __builtin_mul_overflow(count, size, &need) ||
	    need > a->max) {
		a->failed = true;
		return NULL;
	}
	need = need ? (need + align - 1) / align * align : align;
	if (b == NULL || b->size - b->used < need)
		b = arena_block(a, need);
	if (b == NULL) {
		a->failed = true;
		return NULL;
	}
	p = (char *)b->room + b->used;
	b->used += need;
	return p;
}

void *
mesh_arena_memdup(struct mesh_arena *a, const void *p, size_t len)
{
	void *copy = mesh_arena_calloc(a, 1, len);

	if (copy != NULL && len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *
mesh_arena_strndup(struct mesh_arena *a, const char *s, size_t len)
{
	char *copy = mesh_arena_calloc(a, 1, len + 1);

	if (copy != NULL && len > 0)
		memcpy(copy, s, len);
	return copy;
}

char *
mesh_arena_strdup(struct mesh_arena *a, const char *s)
{
	return mesh_arena_strndup(a, s, strlen(s));
}
