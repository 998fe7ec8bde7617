/* SPDX-License-Identifier: ISC
 * test_aead.c - all implementations of the table, against the vectors of
 * WireGuard and control and against each other.
 */
#include "crypto/aead.h"

#include <string.h>

#include "crypto/blake2b.h"
#include "crypto/xchacha.h"
#include "test.h"

/* Those that run here; the others are not in the list. */
static const struct mesh_aead_ops *tables[4] = {
    &mesh_aead_openssl,
    &mesh_aead_sodium,
};
static size_t table_count = 2;

static int
find_tables(void **state)
{
	(void)state;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		tables[table_count++] = &mesh_aead_avx2;
	if (__builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("avx512ifma"))
		tables[table_count++] = &mesh_aead_avx512;
#endif
	return 0;
}

struct text {
	uint8_t data[2048];
	size_t len;
};

/* Seals the text and compares with sealed, opens it again. */
static void
both_ways(const struct mesh_aead_ops *ops, const char *key_hex,
    enum mesh_aead_nonce form, uint64_t counter, const char *text_hex,
    const char *sealed_hex)
{
	struct mesh_aead *a = ops->new ();
	uint8_t key[32], text[256], sealed[256], data[256];
	size_t len = test_unhex(text_hex, text, sizeof(text));
	struct mesh_aead_item item = {
	    .data = data, .len = len, .counter = counter};

	assert_non_null(a);
	test_unhex(key_hex, key, sizeof(key));
	assert_int_equal(test_unhex(sealed_hex, sealed, sizeof(sealed)),
	    len + MESH_AEAD_TAG_LEN);
	memcpy(data, text, len);
	assert_int_equal(mesh_aead_seal(a, key, form, item), MESH_OK);
	assert_memory_equal(data, sealed, len + MESH_AEAD_TAG_LEN);
	assert_int_equal(mesh_aead_open(a, key, form, item), MESH_OK);
	assert_memory_equal(data, text, len);
	mesh_aead_free(a);
}

/* protocol/vectors-dataplane.md 1.4, protocol/vectors-control.md 3.1 */
static void
vectors(void **state)
{
	static const char wg_key[] = "cbd2337396396ff2ddfb0a8c5c05dc50"
				     "9464779689085a897fb6a1f9b65da994";
	static const char control_key[] = "97bb1ff1b3c0030ed1e8f7d54ad3728a"
					  "d885ba618751ae88d5a752c3c5f31027";

	(void)state;
	for (size_t i = 0; i < table_count; i++) {
		both_ways(tables[i], wg_key, MESH_AEAD_LE64, 0, "",
		    "8620eab23e1aaa85a4bfc99628d20599");
		both_ways(tables[i], wg_key, MESH_AEAD_LE64, 1,
		    "45000027dead000040018c1501020304"
		    "0506070808007d22726571756573745f"
		    "7061796c6f6164000000000000000000",
		    "00c9bcdc5e7dc6c9f34310aa338609f7"
		    "0ce236410da8f1e70fc8c18404c296d4"
		    "4e14b47c2d83d4bb52bcd9d55deb7832"
		    "c5c19793a5948cf798d49a35ef0f6f7f");
		both_ways(tables[i], control_key, MESH_AEAD_BE64, 1, "",
		    "b2b3aee29fb66b09a3b419ebf8175be1");
		both_ways(tables[i], control_key, MESH_AEAD_BE64, 256,
		    "68656c6c6f", "546b6e195b2f772c033e26b3e67528936570f60f80");
	}
}

static void
nonces(void **state)
{
	uint8_t out[MESH_AEAD_NONCE_LEN];
	static const uint8_t le[] = {0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
	static const uint8_t be[] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	mesh_aead_nonce(out, MESH_AEAD_LE64, UINT64_C(0x0102030405060708));
	assert_memory_equal(out, le, sizeof(le));
	mesh_aead_nonce(out, MESH_AEAD_BE64, UINT64_C(0x0102030405060708));
	assert_memory_equal(out, be, sizeof(be));
}

/* Batches of packets of many sizes, with and without associated data, sealed by
 * one implementation and opened by the other; every second one is damaged. */
static void
batches(void **state)
{
	enum {
		COUNT = 40
	};
	static struct text texts[COUNT];
	static const uint8_t ad[20] = "associated";
	struct mesh_aead_item items[COUNT];
	uint8_t key[32];

	(void)state;
	memset(key, 7, sizeof(key));
	for (size_t t = 0; t < 2; t++) {
		struct mesh_aead *a = tables[t]->new ();
		struct mesh_aead *b = tables[1 - t]->new ();

		for (size_t i = 0; i < COUNT; i++) {
			texts[i].len = i * 37;
			memset(texts[i].data, (int)i, texts[i].len);
			items[i] = (struct mesh_aead_item){
			    .data = texts[i].data,
			    .len = texts[i].len,
			    .counter = 1000 + i,
			    .ad = i % 3 ? ad : NULL,
			    .ad_len = i % 3 ? i % sizeof(ad) : 0,
			};
		}
		assert_int_equal(a->ops->seal_batch(a, key, MESH_AEAD_LE64,
				     items, COUNT),
		    MESH_OK);
		for (size_t i = 1; i < COUNT; i += 2)
			texts[i].data[(i * 91) % (texts[i].len + 16)] ^=
			    (uint8_t)(1u << i % 8);
		assert_int_equal(b->ops->open_batch(b, key, MESH_AEAD_LE64,
				     items, COUNT),
		    COUNT / 2);
		for (size_t i = 0; i < COUNT; i++) {
			assert_int_equal(items[i].ok, i % 2 == 0);
			for (size_t k = 0; items[i].ok && k < texts[i].len; k++)
				assert_int_equal(texts[i].data[k], i);
		}
		mesh_aead_free(a);
		mesh_aead_free(b);
	}
}

/* Every number of packets and every length around the sizes of blocks, mixed;
 * libsodium says what is right. */
static void
any_shape(void **state)
{
	enum {
		COUNT = 19
	};
	static struct text got[COUNT], want[COUNT];
	static const size_t jumps[] = {
	    0, 1, 15, 16, 17, 63, 64, 65, 127, 512, 1279, 1280, 1424, 2000};
	struct mesh_aead *sodium = mesh_aead_sodium.new();
	uint32_t x = 7;

	(void)state;
	for (size_t round = 0; round < 300; round++) {
		const struct mesh_aead_ops *ops = tables[round % table_count];
		struct mesh_aead *a = ops->new ();
		struct mesh_aead_item items[COUNT], model[COUNT];
		enum mesh_aead_nonce form =
		    round % 5 == 0 ? MESH_AEAD_BE64 : MESH_AEAD_LE64;
		size_t n = 1 + round * 7 % COUNT;
		uint8_t key[32];

		for (size_t i = 0; i < sizeof(key); i++)
			key[i] =
			    (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
		for (size_t i = 0; i < n; i++) {
			x = x * 1664525 + 1013904223;
			got[i].len = round % 2
					 ? jumps[(x >> 16) % ARRAY_LEN(jumps)]
					 : jumps[round / 2 % ARRAY_LEN(jumps)];
			for (size_t k = 0; k < got[i].len; k++)
				got[i].data[k] =
				    (uint8_t)(round & 4 ? 0xff : x >> k % 24);
			want[i] = got[i];
			items[i] = (struct mesh_aead_item){
			    .data = got[i].data,
			    .len = got[i].len,
			    .counter = ((uint64_t)x << 32) + i,
			};
			model[i] = items[i];
			model[i].data = want[i].data;
		}
		sodium->ops->seal_batch(sodium, key, form, model, n);
		assert_int_equal(a->ops->seal_batch(a, key, form, items, n),
		    MESH_OK);
		for (size_t i = 0; i < n; i++)
			assert_memory_equal(got[i].data, want[i].data,
			    got[i].len + 16);
		got[n / 2].data[got[n / 2].len] ^= 0x80;
		assert_int_equal(a->ops->open_batch(a, key, form, items, n),
		    n - 1);
		sodium->ops->open_batch(sodium, key, form, model, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(items[i].ok, i != n / 2);
			if (items[i].ok)
				assert_memory_equal(got[i].data, want[i].data,
				    got[i].len);
		}
		mesh_aead_free(a);
	}
}

/* A key is forgotten with its batch: two keys in turn do not mix. */
static void
keys_in_turn(void **state)
{
	(void)state;
	for (size_t t = 0; t < table_count; t++) {
		struct mesh_aead *a = tables[t]->new ();
		uint8_t keys[2][32], data[2][64] = {{0}};

		memset(keys, 1, sizeof(keys[0]));
		memset(keys[1], 2, sizeof(keys[1]));
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(mesh_aead_seal(a, keys[i],
					     MESH_AEAD_LE64,
					     (struct mesh_aead_item){
						 .data = data[i], .len = 32}),
			    MESH_OK);
		assert_memory_not_equal(data[0], data[1], 48);
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(mesh_aead_open(a, keys[i],
					     MESH_AEAD_LE64,
					     (struct mesh_aead_item){
						 .data = data[i], .len = 32}),
			    MESH_OK);
		mesh_aead_free(a);
	}
	mesh_aead_free(NULL);
}

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
static void
xchacha(void **state)
{
	static const char text[] =
	    "Ladies and Gentlemen of the class of '99: If I could offer you "
	    "only one tip for the future, sunscreen would be it.";
	uint8_t key[32], nonce[24], ad[12], out[sizeof(text) + 15];
	uint8_t back[sizeof(text)], tag[16];
	size_t len = strlen(text);

	(void)state;
	test_unhex("808182838485868788898a8b8c8d8e8f"
		   "909192939495969798999a9b9c9d9e9f",
	    key, sizeof(key));
	test_unhex("404142434445464748494a4b4c4d4e4f5051525354555657", nonce,
	    sizeof(nonce));
	test_unhex("50515253c0c1c2c3c4c5c6c7", ad, sizeof(ad));
	test_unhex("c0875924c1c7987947deafd8780acf49", tag, sizeof(tag));
	mesh_xchacha_seal(out, key, nonce, text, len, ad, sizeof(ad));
	assert_memory_equal(out + len, tag, sizeof(tag));
	assert_int_equal(mesh_xchacha_open(back, key, nonce, out, len + 16, ad,
			     sizeof(ad)),
	    MESH_OK);
	assert_memory_equal(back, text, len);
	for (size_t n = 0; n < len + 16; n++)
		assert_int_equal(mesh_xchacha_open(back, key, nonce, out, n, ad,
				     sizeof(ad)),
		    MESH_ERR_AUTH);
	out[3] ^= 4;
	assert_int_equal(mesh_xchacha_open(back, key, nonce, out, len + 16, ad,
			     sizeof(ad)),
	    MESH_ERR_AUTH);
}

static void
blake2b(void **state)
{
	uint8_t out[MESH_BLAKE2B_LEN], want[MESH_BLAKE2B_LEN];

	(void)state;
	/* Python: hashlib.blake2b(b"abc", digest_size=32) */
	test_unhex("bddd813c634239723171ef3fee98579b"
		   "94964e3bb1cb3e427262c8c068d52319",
	    want, sizeof(want));
	mesh_blake2b(out, "abc", 3);
	assert_memory_equal(out, want, sizeof(want));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(nonces),
	    cmocka_unit_test(batches),
	    cmocka_unit_test(any_shape),
	    cmocka_unit_test(keys_in_turn),
	    cmocka_unit_test(xchacha),
	    cmocka_unit_test(blake2b),
	};

	return cmocka_run_group_tests_name("aead", tests, find_tables, NULL);
}
