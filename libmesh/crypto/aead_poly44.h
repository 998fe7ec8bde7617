/* SPDX-License-Identifier: ISC
 * aead_poly44.h - Poly1305 (RFC 8439 2.5) of four packets in the lanes of a
 * vector, in limbs of 44, 44 and 42 bits: for AVX-512IFMA, whose multiplication
 * adds the low or the high 52 bits of a product. Included by aead_avx512.c
 * alone; LANES and load_four() are aead_lanes.h's.
 */
#define LIMBS 3u
#define MASK44 0xfffffffffff
#define MASK42 0x3ffffffffff

struct poly {
	__m256i h[LIMBS];   /* the sums so far */
	__m256i r[LIMBS];   /* the multipliers */
	__m256i r20[LIMBS]; /* twenty times those: 2^132 is 20 */
};

/* Two vectors of 64-bit halves to limbs. */
ALWAYS void
to_limbs(__m256i low, __m256i high, __m256i out[LIMBS])
{
	const __m256i mask = _mm256_set1_epi64x(MASK44);

	out[0] = _mm256_and_si256(low, mask);
	out[1] = _mm256_and_si256(_mm256_or_si256(_mm256_srli_epi64(low, 44),
				      _mm256_slli_epi64(high, 20)),
	    mask);
	out[2] = _mm256_srli_epi64(high, 24);
}

/* The low and the high halves of a * x + b * y + c * z. */
ALWAYS void
mul3(const __m256i a[LIMBS], __m256i x, __m256i y, __m256i z, __m256i *low,
    __m256i *high)
{
	*low = *high = _mm256_setzero_si256();
	*low = _mm256_madd52lo_epu64(*low, a[0], x);
	*high = _mm256_madd52hi_epu64(*high, a[0], x);
	*low = _mm256_madd52lo_epu64(*low, a[1], y);
	*high = _mm256_madd52hi_epu64(*high, a[1], y);
	*low = _mm256_madd52lo_epu64(*low, a[2], z);
	*high = _mm256_madd52hi_epu64(*high, a[2], z);
}

/* What low and high exceed a limb of so many bits. */
ALWAYS __m256i
excess(__m256i low, __m256i high, int bits)
{
	return _mm256_add_epi64(_mm256_srli_epi64(low, bits),
	    _mm256_slli_epi64(high, 52 - bits));
}

/* h = (h + m) * r. Limbs stay below 2^45 and multipliers below 2^49, so that
 * sums of low halves stay below 2^54 and shifted high ones below 2^51. */
ALWAYS void
absorb(struct poly *s, __m256i low, __m256i high)
{
	const __m256i mask = _mm256_set1_epi64x(MASK44), *r = s->r;
	__m256i m[LIMBS], a[LIMBS], lo[LIMBS], hi[LIMBS], c;

	to_limbs(low, high, m);
	m[2] = _mm256_or_si256(m[2], _mm256_set1_epi64x(1ll << 40)); /* 2^128 */
	for (size_t i = 0; i < LIMBS; i++)
		a[i] = _mm256_add_epi64(s->h[i], m[i]);
	mul3(a, r[0], s->r20[2], s->r20[1], &lo[0], &hi[0]);
	mul3(a, r[1], r[0], s->r20[2], &lo[1], &hi[1]);
	mul3(a, r[2], r[1], r[0], &lo[2], &hi[2]);

	lo[1] = _mm256_add_epi64(lo[1], excess(lo[0], hi[0], 44));
	lo[0] = _mm256_and_si256(lo[0], mask);
	lo[2] = _mm256_add_epi64(lo[2], excess(lo[1], hi[1], 44));
	lo[1] = _mm256_and_si256(lo[1], mask);
	c = excess(lo[2], hi[2], 42);
	lo[2] = _mm256_and_si256(lo[2], _mm256_set1_epi64x(MASK42));
	c = _mm256_add_epi64(c, _mm256_slli_epi64(c, 2)); /* 2^130 is 5 */
	lo[0] = _mm256_add_epi64(lo[0], c);
	lo[1] = _mm256_add_epi64(lo[1], _mm256_srli_epi64(lo[0], 44));
	lo[0] = _mm256_and_si256(lo[0], mask);
	for (size_t i = 0; i < LIMBS; i++)
		s->h[i] = lo[i];
}

/* keys: 32 bytes of each lane, of which the first half is r. */
ALWAYS void
poly_init(struct poly *s, const uint8_t *const keys[FOUR])
{
	__m256i low, high;

	load_four(keys, &low, &high);
	low = _mm256_and_si256(low, _mm256_set1_epi64x(0x0ffffffc0fffffff));
	high = _mm256_and_si256(high, _mm256_set1_epi64x(0x0ffffffc0ffffffc));
	to_limbs(low, high, s->r);
	for (size_t i = 0; i < LIMBS; i++) {
		s->h[i] = _mm256_setzero_si256();
		s->r20[i] =
		    _mm256_slli_epi64(_mm256_add_epi64(s->r[i],
					  _mm256_slli_epi64(s->r[i], 2)),
			2);
	}
}

/* One lane's sum, reduced modulo 2^130 - 5, plus the second half of its key. */
static void
poly_tag(const uint64_t limb[static LIMBS], const uint8_t key[static 32],
    uint8_t tag[static MESH_AEAD_TAG_LEN])
{
	static const unsigned bits[LIMBS] = {44, 44, 42};
	struct mesh_rd pad = mesh_rd_init(key + 16, 16);
	struct mesh_wr out = mesh_wr_init(tag, MESH_AEAD_TAG_LEN);
	uint64_t h[LIMBS], g[LIMBS], c = 0, keep;
	unsigned __int128 low, high;

	memcpy(h, limb, sizeof(h));
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < LIMBS; i++) {
			h[i] += c;
			c = h[i] >> bits[i];
			h[i] &= (UINT64_C(1) << bits[i]) - 1;
		}
		c *= 5;
	}
	h[0] += c;
	/* g = h + 5 - 2^130; it is the result when it is not negative. */
	c = 5;
	for (size_t i = 0; i < LIMBS; i++) {
		g[i] = h[i] + c;
		c = g[i] >> bits[i];
		g[i] &= (UINT64_C(1) << bits[i]) - 1;
	}
	keep = c - 1; /* all ones: h is smaller than the modulus */
	for (size_t i = 0; i < LIMBS; i++)
		h[i] = (h[i] & keep) | (g[i] & ~keep);
	low = (unsigned __int128)(h[0] | h[1] << 44) + mesh_rd_u64le(&pad);
	high = (unsigned __int128)(h[1] >> 20 | h[2] << 24) +
	       mesh_rd_u64le(&pad) + (uint64_t)(low >> 64);
	mesh_wr_u64le(&out, (uint64_t)low);
	mesh_wr_u64le(&out, (uint64_t)high);
}
