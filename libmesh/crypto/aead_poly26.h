/* SPDX-License-Identifier: ISC
 * aead_poly26.h - Poly1305 (RFC 8439 2.5) of four packets in the lanes of a
 * vector, in limbs of 26 bits: for AVX2. Included by aead_avx2.c alone; LANES
 * and load_four() are aead_lanes.h's.
 */
#define LIMBS 5u
#define LIMB_BITS 26
#define LIMB_MASK 0x3ffffff

struct poly {
	__m256i h[LIMBS];  /* the sums so far */
	__m256i r[LIMBS];  /* the multipliers */
	__m256i r5[LIMBS]; /* five times those: 2^130 is 5 */
};

/* Two vectors of 64-bit halves to limbs. */
ALWAYS void
to_limbs(__m256i low, __m256i high, __m256i out[LIMBS])
{
	const __m256i mask = _mm256_set1_epi64x(LIMB_MASK);

	out[0] = _mm256_and_si256(low, mask);
	out[1] = _mm256_and_si256(_mm256_srli_epi64(low, 26), mask);
	out[2] = _mm256_and_si256(_mm256_or_si256(_mm256_srli_epi64(low, 52),
				      _mm256_slli_epi64(high, 12)),
	    mask);
	out[3] = _mm256_and_si256(_mm256_srli_epi64(high, 14), mask);
	out[4] = _mm256_srli_epi64(high, 40);
}

ALWAYS __m256i
mul(__m256i a, __m256i b)
{
	return _mm256_mul_epu32(a, b);
}

ALWAYS __m256i
sum(__m256i a, __m256i b, __m256i c, __m256i d, __m256i e)
{
	return _mm256_add_epi64(_mm256_add_epi64(_mm256_add_epi64(a, b),
				    _mm256_add_epi64(c, d)),
	    e);
}

/* Moves what exceeds a limb from *from to *to. */
ALWAYS void
carry(__m256i *from, __m256i *to)
{
	*to = _mm256_add_epi64(*to, _mm256_srli_epi64(*from, LIMB_BITS));
	*from = _mm256_and_si256(*from, _mm256_set1_epi64x(LIMB_MASK));
}

/* From the top limb to the bottom one: times five. */
ALWAYS void
carry_around(__m256i *from, __m256i *to)
{
	__m256i c = _mm256_srli_epi64(*from, LIMB_BITS);

	*to =
	    _mm256_add_epi64(*to, _mm256_add_epi64(c, _mm256_slli_epi64(c, 2)));
	*from = _mm256_and_si256(*from, _mm256_set1_epi64x(LIMB_MASK));
}

/* h = (h + m) * r. Limbs stay below 2^27, so that sums of five products with a
 * factor of five stay below 2^58. */
ALWAYS void
absorb(struct poly *s, __m256i low, __m256i high)
{
	const __m256i *r = s->r, *t = s->r5;
	__m256i m[LIMBS], a[LIMBS], d[LIMBS];

	to_limbs(low, high, m);
	m[4] = _mm256_or_si256(m[4], _mm256_set1_epi64x(1 << 24)); /* 2^128 */
	for (size_t i = 0; i < LIMBS; i++)
		a[i] = _mm256_add_epi64(s->h[i], m[i]);
	d[0] = sum(mul(a[0], r[0]), mul(a[1], t[4]), mul(a[2], t[3]),
	    mul(a[3], t[2]), mul(a[4], t[1]));
	d[1] = sum(mul(a[0], r[1]), mul(a[1], r[0]), mul(a[2], t[4]),
	    mul(a[3], t[3]), mul(a[4], t[2]));
	d[2] = sum(mul(a[0], r[2]), mul(a[1], r[1]), mul(a[2], r[0]),
	    mul(a[3], t[4]), mul(a[4], t[3]));
	d[3] = sum(mul(a[0], r[3]), mul(a[1], r[2]), mul(a[2], r[1]),
	    mul(a[3], r[0]), mul(a[4], t[4]));
	d[4] = sum(mul(a[0], r[4]), mul(a[1], r[3]), mul(a[2], r[2]),
	    mul(a[3], r[1]), mul(a[4], r[0]));
	/* Two chains side by side. */
	carry(&d[0], &d[1]);
	carry(&d[3], &d[4]);
	carry(&d[1], &d[2]);
	carry_around(&d[4], &d[0]);
	carry(&d[2], &d[3]);
	carry(&d[0], &d[1]);
	carry(&d[3], &d[4]);
	for (size_t i = 0; i < LIMBS; i++)
		s->h[i] = d[i];
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
		s->r5[i] =
		    _mm256_add_epi64(s->r[i], _mm256_slli_epi64(s->r[i], 2));
	}
}

/* One lane's sum, reduced modulo 2^130 - 5, plus the second half of its key. */
static void
poly_tag(const uint64_t limb[static LIMBS], const uint8_t key[static 32],
    uint8_t tag[static MESH_AEAD_TAG_LEN])
{
	struct mesh_rd pad = mesh_rd_init(key + 16, 16);
	struct mesh_wr out = mesh_wr_init(tag, MESH_AEAD_TAG_LEN);
	uint64_t h[LIMBS], g[LIMBS], c = 0, keep;
	unsigned __int128 low, high;

	memcpy(h, limb, sizeof(h));
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < LIMBS; i++) {
			h[i] += c;
			c = h[i] >> LIMB_BITS;
			h[i] &= LIMB_MASK;
		}
		c *= 5;
	}
	h[0] += c;
	/* g = h + 5 - 2^130; it is the result when it is not negative. */
	c = 5;
	for (size_t i = 0; i < LIMBS; i++) {
		g[i] = h[i] + c;
		c = g[i] >> LIMB_BITS;
		g[i] &= LIMB_MASK;
	}
	keep = c - 1; /* all ones: h is smaller than the modulus */
	for (size_t i = 0; i < LIMBS; i++)
		h[i] = (h[i] & keep) | (g[i] & ~keep);
	low = (unsigned __int128)(h[0] | h[1] << 26 | h[2] << 52) +
	      mesh_rd_u64le(&pad);
	high = (unsigned __int128)(h[2] >> 12 | h[3] << 14 | h[4] << 40) +
	       mesh_rd_u64le(&pad) + (uint64_t)(low >> 64);
	mesh_wr_u64le(&out, (uint64_t)low);
	mesh_wr_u64le(&out, (uint64_t)high);
}
