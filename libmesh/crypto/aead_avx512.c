/* SPDX-License-Identifier: ISC */
#include "crypto/aead.h"

#ifdef __x86_64__
#include <immintrin.h>

#define LANES __attribute__((target("avx2,avx512f,avx512vl,avx512ifma")))
#define ALWAYS static inline __attribute__((always_inline)) LANES
#define LANES_OPS mesh_aead_avx512
#define LANES_NAME "AVX-512"
#define LANES_POLY "crypto/aead_poly44.h"
#define LANES_LONGEST SIZE_MAX
#define CHACHA_LANES 16u
#define WORDS 16u

typedef __m512i vec;

ALWAYS vec
vec_add(vec a, vec b)
{
	return _mm512_add_epi32(a, b);
}

ALWAYS vec
vec_xor(vec a, vec b)
{
	return _mm512_xor_si512(a, b);
}

ALWAYS vec
vec_set1(uint32_t word)
{
	return _mm512_set1_epi32((int)word);
}

ALWAYS vec
vec_load(const uint32_t words[CHACHA_LANES])
{
	return _mm512_loadu_si512(words);
}

ALWAYS vec
rotate16(vec x)
{
	return _mm512_rol_epi32(x, 16);
}

ALWAYS vec
rotate12(vec x)
{
	return _mm512_rol_epi32(x, 12);
}

ALWAYS vec
rotate8(vec x)
{
	return _mm512_rol_epi32(x, 8);
}

ALWAYS vec
rotate7(vec x)
{
	return _mm512_rol_epi32(x, 7);
}

/* Words 4j to 4j+3 of lanes m, m+4, m+8, m+12: one vector of out[4j + m]. */
ALWAYS void
gather_quarters(const vec x[WORDS], vec out[WORDS])
{
	for (size_t i = 0; i < WORDS; i += 4) {
		vec a = _mm512_unpacklo_epi32(x[i], x[i + 1]);
		vec b = _mm512_unpackhi_epi32(x[i], x[i + 1]);
		vec c = _mm512_unpacklo_epi32(x[i + 2], x[i + 3]);
		vec d = _mm512_unpackhi_epi32(x[i + 2], x[i + 3]);

		out[i] = _mm512_unpacklo_epi64(a, c);
		out[i + 1] = _mm512_unpackhi_epi64(a, c);
		out[i + 2] = _mm512_unpacklo_epi64(b, d);
		out[i + 3] = _mm512_unpackhi_epi64(b, d);
	}
}

/* Vectors of one word of every lane become blocks of one lane's words. */
ALWAYS void
store_blocks(const vec x[WORDS], uint8_t out[CHACHA_LANES][64])
{
	vec q[WORDS];

	gather_quarters(x, q);
	for (size_t m = 0; m < 4; m++) {
		vec a = _mm512_shuffle_i32x4(q[m], q[4 + m], 0x44);
		vec b = _mm512_shuffle_i32x4(q[8 + m], q[12 + m], 0x44);
		vec c = _mm512_shuffle_i32x4(q[m], q[4 + m], 0xee);
		vec d = _mm512_shuffle_i32x4(q[8 + m], q[12 + m], 0xee);

		_mm512_storeu_si512(out[m], _mm512_shuffle_i32x4(a, b, 0x88));
		_mm512_storeu_si512(out[4 + m],
		    _mm512_shuffle_i32x4(a, b, 0xdd));
		_mm512_storeu_si512(out[8 + m],
		    _mm512_shuffle_i32x4(c, d, 0x88));
		_mm512_storeu_si512(out[12 + m],
		    _mm512_shuffle_i32x4(c, d, 0xdd));
	}
}

#include "crypto/aead_lanes.h"
#endif
