/* SPDX-License-Identifier: ISC
 * bits.h - sets of slots: a bit per member, 64 a word.
 */
#ifndef CONTROLD_BITS_H
#define CONTROLD_BITS_H

#include <mesh/base.h>
#include <stdlib.h>
#include <string.h>

struct bits {
	uint64_t *w;
	size_t words;
};

#define BITS_WORDS(count) (((size_t)(count) + 63) / 64)

/* Room for `count` bits; new ones are 0. MESH_OK, MESH_ERR_NOMEM. */
static inline int
bits_fit(struct bits *b, size_t count)
{
	size_t words = BITS_WORDS(count);
	uint64_t *w;

	if (words <= b->words)
		return MESH_OK;
	w = reallocarray(b->w, words, sizeof(*w));
	if (w == NULL)
		return MESH_ERR_NOMEM;
	memset(w + b->words, 0, (words - b->words) * sizeof(*w));
	b->w = w;
	b->words = words;
	return MESH_OK;
}

static inline void
bits_release(struct bits *b)
{
	free(b->w);
	*b = (struct bits){0};
}

static inline void
bits_clear(struct bits *b)
{
	if (b->words > 0)
		memset(b->w, 0, b->words * sizeof(*b->w));
}

/* Words behind the end are 0. */
static inline uint64_t
bits_word(const struct bits *b, size_t i)
{
	return i < b->words ? b->w[i] : 0;
}

static inline bool
bits_has(const struct bits *b, uint32_t bit)
{
	return bits_word(b, bit / 64) >> (bit % 64) & 1;
}

/* The bit lies within what bits_fit() made room for. */
static inline void
bits_set(struct bits *b, uint32_t bit)
{
	b->w[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void
bits_put(struct bits *b, uint32_t bit, bool on)
{
	uint64_t mask = UINT64_C(1) << (bit % 64);

	b->w[bit / 64] = on ? b->w[bit / 64] | mask : b->w[bit / 64] & ~mask;
}

/* Takes the lowest bit out of *word: its number in the set, where *word is the
 * i-th word. *word is not 0. */
static inline uint32_t
bits_pop(uint64_t *word, size_t i)
{
	uint32_t bit = (uint32_t)__builtin_ctzll(*word);

	*word &= *word - 1;
	return (uint32_t)(i * 64) + bit;
}

#endif
