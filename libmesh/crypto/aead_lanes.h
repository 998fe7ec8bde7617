/* SPDX-License-Identifier: ISC
 * aead_lanes.h - ChaCha20-Poly1305 over many packets at once: the body of
 * aead_avx2.c and aead_avx512.c. Each defines which instructions are allowed
 * (LANES), its vectors for ChaCha20 (vec, CHACHA_LANES and what is done with
 * them), its Poly1305 (LANES_POLY) and the name of its table (LANES_OPS).
 *
 * Packets are worked on in groups of eight. Each lane of a ChaCha20 vector
 * computes one block of any packet, so that short packets fill the vector as
 * well as long ones; each lane of a Poly1305 vector is one packet with a key of
 * its own. So no packet pays for its own start and end, which is most of the
 * cost of a short one.
 *
 * No branch and no index depends on a key or a text, only on lengths. Items
 * with associated data, and batches too small to gain, go to the plain table.
 */
#ifndef MESH_CRYPTO_AEAD_LANES_H
#define MESH_CRYPTO_AEAD_LANES_H

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "base/secret.h"
#include "crypto/aead.h"

#define GROUP 8u       /* packets */
#define GROUP_LEAST 3u /* fewer are faster one by one */
#define CHUNK 64u      /* packets that are sorted at once */
#define BUCKETS 34u    /* of blocks, longer, and not for a group */
#define BLOCK 64u
#define FOUR 4u /* lanes of Poly1305 */

/* --- ChaCha20 */

#include "crypto/aead_chacha.h"

/* A group of packets under way. */
struct group {
	uint32_t key[8];
	struct mesh_aead_item *item[GROUP];
	size_t count;
	uint32_t nonce_low[GROUP], nonce_high[GROUP];
	uint8_t poly_key[GROUP][32];
	uint8_t tag[GROUP][MESH_AEAD_TAG_LEN];
};

ALWAYS void
lane_set(struct lanes *l, size_t lane, const struct group *g, size_t i,
    uint32_t number)
{
	l->number[lane] = number;
	l->nonce_low[lane] = g->nonce_low[i];
	l->nonce_high[lane] = g->nonce_high[i];
}

/* Block 0 of each packet is the key of its tag. */
static LANES void
make_poly_keys(struct group *g)
{
	struct lanes l = {0};
	uint8_t stream[CHACHA_LANES][BLOCK];

	for (size_t i = 0; i < g->count; i++)
		lane_set(&l, i, g, i, 0);
	keystream(g->key, &l, stream);
	for (size_t i = 0; i < g->count; i++)
		memcpy(g->poly_key[i], stream[i], sizeof(g->poly_key[i]));
	mesh_wipe(stream, sizeof(stream));
}

ALWAYS void
mix_block(uint8_t *p, size_t len, const uint8_t *stream)
{
	__m256i *v = (__m256i *)p;
	const __m256i *k = (const __m256i *)stream;

	if (len >= BLOCK) {
		for (size_t i = 0; i < 2; i++)
			_mm256_storeu_si256(v + i,
			    _mm256_xor_si256(_mm256_loadu_si256(v + i),
				_mm256_loadu_si256(k + i)));
		return;
	}
	for (size_t i = 0; i < len; i++)
		p[i] ^= stream[i];
}

/* The next block of text in the group, if there is one. */
struct walk {
	size_t packet, at;
};

ALWAYS bool
walk_next(const struct group *g, struct walk *w)
{
	while (w->packet < g->count && (g->item[w->packet] == NULL ||
					   w->at >= g->item[w->packet]->len)) {
		w->packet++;
		w->at = 0;
	}
	return w->packet < g->count;
}

/* Encrypts or decrypts all texts of the group; those without item are left. */
static LANES void
mix_texts(const struct group *g)
{
	struct walk w = {0, 0};
	uint8_t stream[CHACHA_LANES][BLOCK];

	while (walk_next(g, &w)) {
		struct lanes l = {0};
		uint8_t *to[CHACHA_LANES];
		size_t len[CHACHA_LANES], n = 0;

		for (; n < CHACHA_LANES && walk_next(g, &w);
		     n++, w.at += BLOCK) {
			lane_set(&l, n, g, w.packet,
			    (uint32_t)(w.at / BLOCK + 1));
			to[n] = g->item[w.packet]->data + w.at;
			len[n] = g->item[w.packet]->len - w.at;
		}
		keystream(g->key, &l, stream);
		for (size_t i = 0; i < n; i++)
			mix_block(to[i], len[i], stream[i]);
	}
	mesh_wipe(stream, sizeof(stream));
}

/* --- Poly1305, four packets in the lanes of a vector */

/* 16 bytes of each lane as two vectors of halves. */
ALWAYS void
load_four(const uint8_t *const p[FOUR], __m256i *low, __m256i *high)
{
	__m256i a = _mm256_set_m128i(_mm_loadu_si128((const __m128i *)p[2]),
	    _mm_loadu_si128((const __m128i *)p[0]));
	__m256i b = _mm256_set_m128i(_mm_loadu_si128((const __m128i *)p[3]),
	    _mm_loadu_si128((const __m128i *)p[1]));

	*low = _mm256_unpacklo_epi64(a, b);
	*high = _mm256_unpackhi_epi64(a, b);
}

#include LANES_POLY

/* The text of a lane as blocks: full ones, a padded one if need be, and one
 * with the lengths (RFC 8439 2.8; there is no associated data). */
struct text {
	const uint8_t *p;
	size_t len;
};

static size_t
text_blocks(const struct text *t)
{
	return (t->len + 15) / 16 + 1;
}

/* Block i of the text: where it lies, or made up in `part`. */
static const uint8_t *
text_block(const struct text *t, size_t i, uint8_t part[static 16])
{
	struct mesh_wr w = mesh_wr_init(part, 16);
	size_t at = 16 * i;

	if (at + 16 <= t->len)
		return t->p + at;
	if (at < t->len) {
		mesh_wr_bytes(&w, t->p + at, t->len - at);
		mesh_wr_zero(&w, 16 - w.len);
	} else {
		mesh_wr_u64le(&w, 0);
		mesh_wr_u64le(&w, t->len);
	}
	return part;
}

/* What is left when one of the lanes has no full block any more. A lane that is
 * at its end keeps its sum. */
static LANES void
absorb_ends(struct poly *s, const struct text t[FOUR], size_t from)
{
	size_t blocks[FOUR], last = 0;

	for (size_t k = 0; k < FOUR; k++) {
		blocks[k] = text_blocks(&t[k]);
		if (blocks[k] > last)
			last = blocks[k];
	}
	for (size_t i = from; i < last; i++) {
		uint8_t part[FOUR][16];
		const uint8_t *p[FOUR];
		int64_t on[FOUR];
		struct poly before = *s;
		__m256i low, high, mask;

		for (size_t k = 0; k < FOUR; k++) {
			p[k] = text_block(&t[k], i, part[k]);
			on[k] = -(int64_t)(i < blocks[k]);
		}
		mask = _mm256_loadu_si256((const __m256i *)on);
		load_four(p, &low, &high);
		absorb(s, low, high);
		for (size_t k = 0; k < LIMBS; k++)
			s->h[k] =
			    _mm256_blendv_epi8(before.h[k], s->h[k], mask);
	}
}

static size_t
full_blocks(const struct text *t, size_t n)
{
	size_t least = t[0].len / 16;

	for (size_t i = 1; i < n; i++)
		if (t[i].len / 16 < least)
			least = t[i].len / 16;
	return least;
}

/* Two vectors in turn, so that one computes while the other waits. */
static LANES void
absorb_full(struct poly s[2], const struct text t[GROUP], size_t blocks)
{
	const uint8_t *p[GROUP];

	for (size_t k = 0; k < GROUP; k++)
		p[k] = t[k].p;
	for (size_t i = 0; i < blocks; i++) {
		__m256i low, high;

		load_four(p, &low, &high);
		absorb(&s[0], low, high);
		load_four(p + FOUR, &low, &high);
		absorb(&s[1], low, high);
		for (size_t k = 0; k < GROUP; k++)
			p[k] += 16;
	}
}

ALWAYS void
poly_tags(const struct poly *s, struct group *g, size_t first)
{
	uint64_t limbs[LIMBS][FOUR];

	for (size_t i = 0; i < LIMBS; i++)
		_mm256_storeu_si256((__m256i *)limbs[i], s->h[i]);
	for (size_t k = 0; k < FOUR; k++) {
		size_t packet = first + k;
		uint64_t h[LIMBS];

		for (size_t i = 0; i < LIMBS; i++)
			h[i] = limbs[i][k];
		if (packet < g->count)
			poly_tag(h, g->poly_key[packet], g->tag[packet]);
	}
}

/* The tags of the texts as they lie. */
static LANES void
make_tags(struct group *g)
{
	struct text t[GROUP];
	const uint8_t *keys[GROUP];
	struct poly s[2];
	size_t full;

	for (size_t i = 0; i < GROUP; i++) {
		/* Lanes without packet repeat the first one. */
		size_t k = i < g->count ? i : 0;

		t[i] = (struct text){g->item[k]->data, g->item[k]->len};
		keys[i] = g->poly_key[k];
	}
	full = full_blocks(t, GROUP);
	poly_init(&s[0], keys);
	poly_init(&s[1], keys + FOUR);
	absorb_full(s, t, full);
	absorb_ends(&s[0], t, full);
	absorb_ends(&s[1], t + FOUR, full);
	poly_tags(&s[0], g, 0);
	poly_tags(&s[1], g, FOUR);
	mesh_wipe(s, sizeof(s));
}

/* --- the table */

struct lanes_aead {
	struct mesh_aead base;
	struct mesh_aead *plain; /* for what is not worth a group */
};

static void
lanes_free(struct mesh_aead *a)
{
	struct lanes_aead *l = (struct lanes_aead *)(void *)a;

	mesh_aead_free(l->plain);
	free(l);
}

static struct mesh_aead *
lanes_new(void)
{
	struct lanes_aead *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->base.ops = &LANES_OPS;
	l->plain = mesh_aead_openssl.new();
	if (l->plain == NULL) {
		free(l);
		return NULL;
	}
	return &l->base;
}

static struct mesh_aead *
plain_of(struct mesh_aead *a)
{
	return ((struct lanes_aead *)(void *)a)->plain;
}

/* One call of the table. */
struct job {
	struct mesh_aead *plain;
	const uint8_t *key;
	enum mesh_aead_nonce form;
	bool seal;
};

static void
group_init(struct group *g, const struct job *j,
    struct mesh_aead_item *const *items, size_t n)
{
	struct mesh_rd r = mesh_rd_init(j->key, MESH_AEAD_KEY_LEN);

	for (size_t i = 0; i < 8; i++)
		g->key[i] = mesh_rd_u32le(&r);
	g->count = n;
	for (size_t i = 0; i < n; i++) {
		uint64_t c = items[i]->counter;

		if (j->form == MESH_AEAD_BE64)
			c = __builtin_bswap64(c);
		g->item[i] = items[i];
		g->nonce_low[i] = (uint32_t)c;
		g->nonce_high[i] = (uint32_t)(c >> 32);
	}
}

static size_t
seal_group(struct group *g)
{
	make_poly_keys(g);
	mix_texts(g);
	make_tags(g);
	for (size_t i = 0; i < g->count; i++)
		memcpy(g->item[i]->data + g->item[i]->len, g->tag[i],
		    MESH_AEAD_TAG_LEN);
	return g->count;
}

/* Only what is authentic is decrypted. */
static size_t
open_group(struct group *g)
{
	size_t good = 0;

	make_poly_keys(g);
	make_tags(g);
	for (size_t i = 0; i < g->count; i++) {
		struct mesh_aead_item *p = g->item[i];

		p->ok = mesh_ct_equal(p->data + p->len, g->tag[i],
		    MESH_AEAD_TAG_LEN);
		good += p->ok;
		if (!p->ok)
			g->item[i] = NULL;
	}
	mix_texts(g);
	return good;
}

static size_t
work_one(const struct job *j, struct mesh_aead_item *item)
{
	struct mesh_aead *a = j->plain;

	if (j->seal)
		return a->ops->seal_batch(a, j->key, j->form, item, 1) ==
		       MESH_OK;
	return a->ops->open_batch(a, j->key, j->form, item, 1);
}

/* Where an item comes in the order of lengths. What is not for a group comes
 * last: a text longer than LANES_LONGEST gains nothing there. */
static size_t
bucket_of(const struct mesh_aead_item *item)
{
	size_t blocks = item->len / BLOCK;

	if (item->ad_len > 0 || item->len > LANES_LONGEST)
		return BUCKETS - 1;
	return blocks < BUCKETS - 2 ? blocks : BUCKETS - 2;
}

/* Texts of about the same length next to each other, so that the lanes of a
 * group end together. Returns how many are for groups. */
static size_t
sort(struct mesh_aead_item *items, size_t n, struct mesh_aead_item **out)
{
	size_t at[BUCKETS + 1] = {0}, grouped;

	for (size_t i = 0; i < n; i++)
		at[bucket_of(&items[i]) + 1]++;
	for (size_t b = 1; b < BUCKETS; b++)
		at[b] += at[b - 1];
	grouped = at[BUCKETS - 1];
	for (size_t i = 0; i < n; i++)
		out[at[bucket_of(&items[i])]++] = &items[i];
	return grouped;
}

/* At most CHUNK items; how many were sealed, or are authentic. */
static size_t
work_chunk(const struct job *j, struct mesh_aead_item *items, size_t n)
{
	struct mesh_aead_item *order[CHUNK];
	size_t grouped = sort(items, n, order), done = 0, good = 0;
	struct group g;

	while (grouped - done >= GROUP_LEAST) {
		size_t some = grouped - done < GROUP ? grouped - done : GROUP;

		group_init(&g, j, order + done, some);
		good += j->seal ? seal_group(&g) : open_group(&g);
		done += some;
	}
	if (done > 0)
		mesh_wipe(&g, sizeof(g));
	for (; done < n; done++)
		good += work_one(j, order[done]);
	return good;
}

static size_t
work(const struct job *j, struct mesh_aead_item *items, size_t n)
{
	size_t good = 0;

	for (size_t done = 0; done < n; done += CHUNK)
		good += work_chunk(j, items + done,
		    n - done < CHUNK ? n - done : CHUNK);
	return good;
}

static int
seal_batch(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n)
{
	struct job j = {plain_of(a), key, form, true};

	return work(&j, items, n) == n ? MESH_OK : MESH_ERR_INTERNAL;
}

static size_t
open_batch(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n)
{
	struct job j = {plain_of(a), key, form, false};

	return work(&j, items, n);
}

const struct mesh_aead_ops LANES_OPS = {
    .name = LANES_NAME,
    .new = lanes_new,
    .free = lanes_free,
    .seal_batch = seal_batch,
    .open_batch = open_batch,
};

#endif
