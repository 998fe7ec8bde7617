/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "policy/policy_int.h"

#define FIRST_SLOTS 64u

void
mesh_names_release(struct mesh_names *n)
{
	free(n->items);
	free(n->slots);
	*n = (struct mesh_names){0};
}

/* FNV-1a: the names come from an administrator, not from strangers. */
static uint32_t
hash(const char *p, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)p[i]) * 16777619u;
	return h;
}

/* The slot that holds s, or the free one where it belongs. */
static uint32_t *
find_slot(const struct mesh_names *n, struct mesh_str s)
{
	size_t i = hash(s.p, s.len) & (n->slot_count - 1);

	while (n->slots[i] != MESH_POLICY_NONE &&
	    !mesh_str_eq(s, n->items[n->slots[i]]))
		i = (i + 1) & (n->slot_count - 1);
	return &n->slots[i];
}

uint32_t
mesh_names_find(const struct mesh_names *n, struct mesh_str s)
{
	return n->slot_count ? *find_slot(n, s) : MESH_POLICY_NONE;
}

/* Twice the slots, and room for as many items as fill them by half. */
static bool
names_grow(struct mesh_names *n)
{
	size_t count = n->slot_count ? n->slot_count * 2 : FIRST_SLOTS;
	const char **items = reallocarray(n->items, count / 2, sizeof(*items));
	uint32_t *slots = malloc(count * sizeof(*slots));

	if (items != NULL)
		n->items = items;
	if (items == NULL || slots == NULL) {
		free(slots);
		return false;
	}
	memset(slots, 0xff, count * sizeof(*slots)); /* MESH_POLICY_NONE */
	free(n->slots);
	n->slots = slots;
	n->slot_count = count;
	n->cap = count / 2;
	for (size_t i = 0; i < n->count; i++)
		*find_slot(n, mesh_str(items[i])) = (uint32_t)i;
	return true;
}

uint32_t
mesh_names_add(struct mesh_names *n, struct mesh_arena *a, struct mesh_str s)
{
	uint32_t at = mesh_names_find(n, s);
	const char *copy;

	if (at != MESH_POLICY_NONE)
		return at;
	if (n->count == MESH_POLICY_NAMES_MAX ||
	    (n->count == n->cap && !names_grow(n)))
		return MESH_POLICY_NONE;
	copy = mesh_arena_strndup(a, s.p, s.len);
	if (copy == NULL)
		return MESH_POLICY_NONE;
	at = (uint32_t)n->count++;
	n->items[at] = copy;
	*find_slot(n, s) = at;
	return at;
}
