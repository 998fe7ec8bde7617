/* SPDX-License-Identifier: ISC */
#include "crypto/aead.h"

#ifdef __x86_64__
#include <immintrin.h>

#define LANES __attribute__((target("avx2")))
#define ALWAYS static inline __attribute__((always_inline)) LANES
#define LANES_OPS mesh_aead_avx2
#define LANES_NAME "AVX2"
#define LANES_POLY "crypto/aead_poly26.h"
#define LANES_LONGEST 1024u
#define CHACHA_LANES 8u
#define WORDS 16u

typedef __m256i vec;

ALWAYS vec
vec_add(vec a, vec b)
{
	return _mm256_add_epi32(a, b);
}

ALWAYS vec
vec_xor(vec a, vec b)
{
	return _mm256_xor_si256(a, b);
}

ALWAYS vec
vec_set1(uint32_t word)
{
	return _mm256_set1_epi32((int)word);
}

ALWAYS vec
vec_load(const uint32_t words[CHACHA_LANES])
{
	return _mm256_loadu_si256((const __m256i *)words);
}

/* Whole bytes are moved by a shuffle, which is one instruction. */
ALWAYS vec
rotate16(vec x)
{
	return _mm256_shuffle_epi8(x,
	    _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12,
		13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

ALWAYS vec
rotate8(vec x)
{
	return _mm256_shuffle_epi8(x,
	    _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13,
		14, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
}

ALWAYS vec
rotate12(vec x)
{
	return _mm256_or_si256(_mm256_slli_epi32(x, 12),
	    _mm256_srli_epi32(x, 20));
}

ALWAYS vec
rotate7(vec x)
{
	return _mm256_or_si256(_mm256_slli_epi32(x, 7),
	    _mm256_srli_epi32(x, 25));
}

/* Half a block of each lane: eight vectors of one word of every lane become
 * eight of one lane's words. */
ALWAYS void
store_halves(const vec in[8], uint8_t out[CHACHA_LANES][64], size_t at)
{
	vec a[8], b[8];

	for (size_t i = 0; i < 8; i += 2) {
		a[i] = _mm256_unpacklo_epi32(in[i], in[i + 1]);
		a[i + 1] = _mm256_unpackhi_epi32(in[i], in[i + 1]);
	}
	for (size_t i = 0; i < 8; i += 4) {
		b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
		b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
		b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
		b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
	}
	for (size_t i = 0; i < 4; i++) {
		_mm256_storeu_si256((__m256i *)(out[i] + at),
		    _mm256_permute2x128_si256(b[i], b[i + 4], 0x20));
		_mm256_storeu_si256((__m256i *)(out[i + 4] + at),
		    _mm256_permute2x128_si256(b[i], b[i + 4], 0x31));
	}
}

ALWAYS void
store_blocks(const vec x[WORDS], uint8_t out[CHACHA_LANES][64])
{
	store_halves(x, out, 0);
	store_halves(x + 8, out, 32);
}

#include "crypto/aead_lanes.h"
#endif
