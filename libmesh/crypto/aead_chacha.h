/* SPDX-License-Identifier: ISC
 * aead_chacha.h - ChaCha20 (RFC 8439 2.3), a block in each lane of a vector.
 * Part of aead_lanes.h; vectors and what is done with them are aead_avx2.c's or
 * aead_avx512.c's.
 */
ALWAYS void
quarter(vec x[WORDS], size_t a, size_t b, size_t c, size_t d)
{
	x[a] = vec_add(x[a], x[b]);
	x[d] = rotate16(vec_xor(x[d], x[a]));
	x[c] = vec_add(x[c], x[d]);
	x[b] = rotate12(vec_xor(x[b], x[c]));
	x[a] = vec_add(x[a], x[b]);
	x[d] = rotate8(vec_xor(x[d], x[a]));
	x[c] = vec_add(x[c], x[d]);
	x[b] = rotate7(vec_xor(x[b], x[c]));
}

/* What each lane computes: block `number` under the nonce of a packet. */
struct lanes {
	uint32_t number[CHACHA_LANES];
	uint32_t nonce_low[CHACHA_LANES], nonce_high[CHACHA_LANES];
};

static LANES void
keystream(const uint32_t key[static 8], const struct lanes *l,
    uint8_t out[static CHACHA_LANES][BLOCK])
{
	static const uint32_t constants[4] = {
	    0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	vec start[WORDS], x[WORDS];

	for (size_t i = 0; i < 4; i++)
		start[i] = vec_set1(constants[i]);
	for (size_t i = 0; i < 8; i++)
		start[4 + i] = vec_set1(key[i]);
	start[12] = vec_load(l->number);
	start[13] = vec_set1(0);
	start[14] = vec_load(l->nonce_low);
	start[15] = vec_load(l->nonce_high);
	for (size_t i = 0; i < WORDS; i++)
		x[i] = start[i];
	for (size_t i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
	for (size_t i = 0; i < WORDS; i++)
		x[i] = vec_add(x[i], start[i]);
	store_blocks(x, out);
}
