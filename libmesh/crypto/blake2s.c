/* SPDX-License-Identifier: ISC */
#include "crypto/blake2s.h"

#include <assert.h>
#include <string.h>

#include "base/secret.h"

static const uint32_t iv[8] = {
    0x6a09e667,
    0xbb67ae85,
    0x3c6ef372,
    0xa54ff53a,
    0x510e527f,
    0x9b05688c,
    0x1f83d9ab,
    0x5be0cd19,
};

static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint32_t
load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static inline uint32_t
rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static inline void
mix(uint32_t v[static 16], size_t a, size_t b, size_t c, size_t d, uint32_t x,
    uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotr(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotr(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 7);
}

static void
compress(struct mesh_blake2s *s, const uint8_t *block, bool last)
{
	uint32_t m[16], v[16];

	for (size_t i = 0; i < 16; i++)
		m[i] = load32(block + 4 * i);
	for (size_t i = 0; i < 8; i++) {
		v[i] = s->h[i];
		v[i + 8] = iv[i];
	}
	v[12] ^= (uint32_t)s->count;
	v[13] ^= (uint32_t)(s->count >> 32);
	if (last)
		v[14] = ~v[14];
	for (size_t r = 0; r < 10; r++) {
		const uint8_t *o = sigma[r];

		mix(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);
		mix(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);
		mix(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);
		mix(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);
		mix(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);
		mix(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);
		mix(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);
		mix(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);
	}
	for (size_t i = 0; i < 8; i++)
		s->h[i] ^= v[i] ^ v[i + 8];
	mesh_wipe(m, sizeof(m));
	mesh_wipe(v, sizeof(v));
}

void
mesh_blake2s_init(struct mesh_blake2s *s, size_t out_len, const void *key,
    size_t key_len)
{
	assert(out_len >= 1 && out_len <= MESH_BLAKE2S_LEN);
	assert(key_len <= MESH_BLAKE2S_LEN);
	*s = (struct mesh_blake2s){.out_len = out_len};
	memcpy(s->h, iv, sizeof(iv));
	s->h[0] ^= 0x01010000u ^ (uint32_t)key_len << 8 ^ (uint32_t)out_len;
	if (key_len > 0) {
		memcpy(s->block, key, key_len);
		s->have = MESH_BLAKE2S_BLOCK;
	}
}

void
mesh_blake2s_update(struct mesh_blake2s *s, const void *p, size_t len)
{
	const uint8_t *from = p;

	while (len > 0) {
		/* The last block is compressed by final alone. */
		if (s->have == MESH_BLAKE2S_BLOCK) {
			s->count += MESH_BLAKE2S_BLOCK;
			compress(s, s->block, false);
			s->have = 0;
		}
		size_t n = MESH_BLAKE2S_BLOCK - s->have;

		if (n > len)
			n = len;
		memcpy(s->block + s->have, from, n);
		s->have += n;
		from += n;
		len -= n;
	}
}

void
mesh_blake2s_final(struct mesh_blake2s *s, uint8_t *out)
{
	s->count += s->have;
	memset(s->block + s->have, 0, MESH_BLAKE2S_BLOCK - s->have);
	compress(s, s->block, true);
	for (size_t i = 0; i < s->out_len; i++)
		out[i] = (uint8_t)(s->h[i / 4] >> 8 * (i % 4));
	mesh_wipe(s, sizeof(*s));
}

void
mesh_blake2s_hash(uint8_t out[static MESH_BLAKE2S_LEN], const void *a,
    size_t a_len, const void *b, size_t b_len)
{
	struct mesh_blake2s s;

	mesh_blake2s_init(&s, MESH_BLAKE2S_LEN, NULL, 0);
	mesh_blake2s_update(&s, a, a_len);
	mesh_blake2s_update(&s, b, b_len);
	mesh_blake2s_final(&s, out);
}

void
mesh_blake2s_mac(uint8_t out[static MESH_BLAKE2S_MAC_LEN], const void *key,
    size_t key_len, const void *p, size_t len)
{
	struct mesh_blake2s s;

	mesh_blake2s_init(&s, MESH_BLAKE2S_MAC_LEN, key, key_len);
	mesh_blake2s_update(&s, p, len);
	mesh_blake2s_final(&s, out);
}

/* Starts a hash with the key, padded to a block, xored with pad. */
static void
hmac_start(struct mesh_blake2s *s, const void *key, size_t key_len, uint8_t pad)
{
	uint8_t block[MESH_BLAKE2S_BLOCK] = {0};

	assert(key_len <= sizeof(block));
	if (key_len > 0)
		memcpy(block, key, key_len);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= pad;
	mesh_blake2s_init(s, MESH_BLAKE2S_LEN, NULL, 0);
	mesh_blake2s_update(s, block, sizeof(block));
	mesh_wipe(block, sizeof(block));
}

void
mesh_blake2s_hmac(uint8_t out[static MESH_BLAKE2S_LEN], const void *key,
    size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len)
{
	struct mesh_blake2s inner, outer;
	uint8_t digest[MESH_BLAKE2S_LEN];

	hmac_start(&inner, key, key_len, 0x36);
	hmac_start(&outer, key, key_len, 0x5c);
	mesh_blake2s_update(&inner, a, a_len);
	mesh_blake2s_update(&inner, b, b_len);
	mesh_blake2s_final(&inner, digest);
	mesh_blake2s_update(&outer, digest, sizeof(digest));
	mesh_blake2s_final(&outer, out);
	mesh_wipe(digest, sizeof(digest));
}

void
mesh_blake2s_kdf(uint8_t *const out[], size_t n, const void *key,
    size_t key_len, const void *input, size_t input_len)
{
	uint8_t prk[MESH_BLAKE2S_LEN], t[MESH_BLAKE2S_LEN];
	size_t t_len = 0;

	assert(n >= 1 && n <= MESH_BLAKE2S_KDF_MAX);
	mesh_blake2s_hmac(prk, key, key_len, input, input_len, NULL, 0);
	for (size_t i = 0; i < n; i++) {
		uint8_t number = (uint8_t)(i + 1);

		mesh_blake2s_hmac(t, prk, sizeof(prk), t, t_len, &number, 1);
		t_len = sizeof(t);
		memcpy(out[i], t, sizeof(t));
	}
	mesh_wipe(prk, sizeof(prk));
	mesh_wipe(t, sizeof(t));
}
