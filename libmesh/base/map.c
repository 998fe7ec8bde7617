/* SPDX-License-Identifier: ISC
 * map.c - linear probing with backward-shift deletion, so that there are no
 * tombstones and a table that is churned does not slow down. A slot is the
 * value's pointer (NULL: free) and the key behind it. */
#include "base/map.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAP_FIRST 16u /* slots */

static_assert(crypto_shorthash_KEYBYTES == MESH_MAP_SEED_LEN, "SipHash key");

void
mesh_map_init(struct mesh_map *m, size_t key_len, size_t max,
    const uint8_t *seed)
{
	assert(key_len > 0 && key_len <= MESH_MAP_KEY_MAX);
	*m = (struct mesh_map){.key_len = key_len, .max = max};
	if (seed != NULL)
		memcpy(m->seed, seed, sizeof(m->seed));
}

void
mesh_map_release(struct mesh_map *m)
{
	free(m->slots);
	m->slots = NULL;
	m->count = m->cap = 0;
}

static size_t
slot_size(const struct mesh_map *m)
{
	const size_t align = sizeof(void *);

	return align + (m->key_len + align - 1) / align * align;
}

static uint8_t *
slot_at(const struct mesh_map *m, size_t i)
{
	return m->slots + (i & (m->cap - 1)) * slot_size(m);
}

static void *
slot_value(const uint8_t *slot)
{
	void *v;

	memcpy(&v, slot, sizeof(v));
	return v;
}

static uint8_t *
slot_key(uint8_t *slot)
{
	return slot + sizeof(void *);
}

static size_t
key_home(const struct mesh_map *m, const void *key)
{
	unsigned char h[crypto_shorthash_BYTES];
	uint64_t v;

	crypto_shorthash(h, key, m->key_len, m->seed);
	memcpy(&v, h, sizeof(v));
	return (size_t)v & (m->cap - 1);
}

/* The slot with the key, or the free one where it belongs. cap > count. */
static uint8_t *
slot_find(const struct mesh_map *m, const void *key)
{
	size_t i = key_home(m, key);

	for (;; i++) {
		uint8_t *slot = slot_at(m, i);

		if (slot_value(slot) == NULL ||
		    memcmp(slot_key(slot), key, m->key_len) == 0)
			return slot;
	}
}

static void
slot_set(const struct mesh_map *m, uint8_t *slot, const void *key, void *value)
{
	memcpy(slot, &value, sizeof(value));
	memcpy(slot_key(slot), key, m->key_len);
}

static int
map_grow(struct mesh_map *m)
{
	struct mesh_map big = *m;

	big.cap = m->cap ? m->cap * 2 : MAP_FIRST;
	big.slots = calloc(big.cap, slot_size(m));
	if (big.slots == NULL)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		uint8_t *old = slot_at(m, i);
		void *value = slot_value(old);

		if (value != NULL)
			slot_set(&big, slot_find(&big, slot_key(old)),
			    slot_key(old), value);
	}
	free(m->slots);
	*m = big;
	return MESH_OK;
}

void *
mesh_map_get(const struct mesh_map *m, const void *key)
{
	return m->cap == 0 ? NULL : slot_value(slot_find(m, key));
}

int
mesh_map_put(struct mesh_map *m, const void *key, void *value)
{
	uint8_t *slot = m->cap == 0 ? NULL : slot_find(m, key);

	assert(value != NULL);
	if (slot != NULL && slot_value(slot) != NULL) {
		slot_set(m, slot, key, value);
		return MESH_OK;
	}
	if (m->count >= m->max)
		return MESH_ERR_LIMIT;
	if (m->cap == 0 || m->count + 1 > m->cap - m->cap / 4) {
		int err = map_grow(m);

		if (err != MESH_OK)
			return err;
		slot = slot_find(m, key);
	}
	slot_set(m, slot, key, value);
	m->count++;
	return MESH_OK;
}

/* Moves later members of the run into the hole, where their home allows. */
static void
map_close_hole(struct mesh_map *m, size_t hole)
{
	void *none = NULL;

	for (size_t i = hole + 1;; i++) {
		uint8_t *slot = slot_at(m, i);
		size_t home, want, have;

		if (slot_value(slot) == NULL)
			break;
		home = key_home(m, slot_key(slot));
		want = (hole - home) & (m->cap - 1);
		have = (i - home) & (m->cap - 1);
		if (want > have)
			continue;
		memcpy(slot_at(m, hole), slot, slot_size(m));
		hole = i;
	}
	memcpy(slot_at(m, hole), &none, sizeof(none));
}

void *
mesh_map_remove(struct mesh_map *m, const void *key)
{
	uint8_t *slot;
	void *value;

	if (m->cap == 0)
		return NULL;
	slot = slot_find(m, key);
	value = slot_value(slot);
	if (value == NULL)
		return NULL;
	map_close_hole(m, (size_t)(slot - m->slots) / slot_size(m));
	m->count--;
	return value;
}

void *
mesh_map_next(const struct mesh_map *m, size_t *pos, const void **out_key)
{
	while (*pos < m->cap) {
		uint8_t *slot = slot_at(m, (*pos)++);
		void *value = slot_value(slot);

		if (value == NULL)
			continue;
		if (out_key != NULL)
			*out_key = slot_key(slot);
		return value;
	}
	return NULL;
}
