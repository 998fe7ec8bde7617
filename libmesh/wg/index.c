/* SPDX-License-Identifier: ISC */
#include "wg/index.h"

#include <assert.h>
#include <stdlib.h>

#define CAP_MIN 16u

/* The slot of index, or the free one where it would be. */
static size_t
find(const struct mesh_wg_index *t, uint32_t index)
{
	size_t i = index & (t->cap - 1);

	while (t->slots[i].value != NULL && t->slots[i].index != index)
		i = (i + 1) & (t->cap - 1);
	return i;
}

void
mesh_wg_index_release(struct mesh_wg_index *t)
{
	free(t->slots);
	*t = (struct mesh_wg_index){0};
}

int
mesh_wg_index_reserve(struct mesh_wg_index *t, size_t count)
{
	struct mesh_wg_index bigger = {.cap = t->cap ? t->cap : CAP_MIN};

	while (bigger.cap < 2 * count)
		bigger.cap *= 2;
	if (bigger.cap == t->cap)
		return MESH_OK;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < t->cap; i++)
		if (t->slots[i].value != NULL)
			mesh_wg_index_put(&bigger, t->slots[i].index,
			    t->slots[i].value);
	mesh_wg_index_release(t);
	*t = bigger;
	return MESH_OK;
}

void *
mesh_wg_index_get(const struct mesh_wg_index *t, uint32_t index)
{
	return t->cap > 0 ? t->slots[find(t, index)].value : NULL;
}

void
mesh_wg_index_put(struct mesh_wg_index *t, uint32_t index, void *value)
{
	size_t i;

	assert(2 * (t->count + 1) <= t->cap);
	i = find(t, index);
	assert(t->slots[i].value == NULL);
	t->slots[i] = (struct mesh_wg_index_slot){index, value};
	t->count++;
}

void
mesh_wg_index_remove(struct mesh_wg_index *t, uint32_t index)
{
	size_t mask = t->cap - 1, hole, i;

	if (t->cap == 0)
		return;
	hole = find(t, index);
	if (t->slots[hole].value == NULL)
		return;
	/* Close the hole: what would no longer be found behind it moves up. */
	for (i = (hole + 1) & mask; t->slots[i].value != NULL;
	     i = (i + 1) & mask) {
		size_t home = t->slots[i].index & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole].value = NULL;
	t->count--;
}
