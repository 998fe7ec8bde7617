/* SPDX-License-Identifier: ISC
 * test_blake2s.c - BLAKE2s, HMAC and KDF. Vectors: RFC 7693 appendices B and E,
 * BLAKE2 reference "blake2s-kat" (keyed), wireguard-go device/kdf_test.go,
 * boringtun handshake.rs (initial values).
 */
#include "crypto/blake2s.h"

#include <string.h>

#include "test.h"

static void
expect_hex(const uint8_t *got, const char *hex)
{
	uint8_t want[64];
	size_t len = test_unhex(hex, want, sizeof(want));

	assert_memory_equal(got, want, len);
}

static void
hashes(void **state)
{
	uint8_t out[32];

	(void)state;
	mesh_blake2s_hash(out, "abc", 3, NULL, 0);
	expect_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f"
			"37458b209ed63a294d999b4c86675982");
	mesh_blake2s_hash(out, "a", 1, "bc", 2);
	expect_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f"
			"37458b209ed63a294d999b4c86675982");
	mesh_blake2s_hash(out, NULL, 0, NULL, 0);
	expect_hex(out, "69217a3079908094e11121d042354a7c"
			"1f55b6482ca1a51e1b250dfd1ed0eef9");
}

static void
noise_initial_values(void **state)
{
	static const char construction[] =
	    "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
	static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
	uint8_t out[32];

	(void)state;
	mesh_blake2s_hash(out, construction, strlen(construction), NULL, 0);
	expect_hex(out, "60e26daef327efc02ec335e2a025d2d0"
			"16eb4206f87277f52d38d1988b78cd36");
	mesh_blake2s_hash(out, out, 32, identifier, strlen(identifier));
	expect_hex(out, "2211b361081ac566691243db458ad532"
			"2d9c6c662293e8b70ee19c65ba079ef3");
}

/* The self-test of RFC 7693, appendix E: every hash size, keyed or not, over
 * lengths around the block size, hashed again. */
static void
fill(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed, b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

static void
rfc7693_self_test(void **state)
{
	static const size_t sizes[] = {16, 20, 28, 32};
	static const size_t lengths[] = {0, 3, 64, 65, 255, 1024};
	struct mesh_blake2s all, one;
	uint8_t in[1024], md[32], key[32];

	(void)state;
	mesh_blake2s_init(&all, 32, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t j = 0; j < ARRAY_LEN(lengths); j++) {
			size_t n = sizes[i], len = lengths[j];

			fill(in, len, (uint32_t)len);
			mesh_blake2s_init(&one, n, NULL, 0);
			mesh_blake2s_update(&one, in, len);
			mesh_blake2s_final(&one, md);
			mesh_blake2s_update(&all, md, n);
			fill(key, n, (uint32_t)n);
			mesh_blake2s_init(&one, n, key, n);
			mesh_blake2s_update(&one, in, len);
			mesh_blake2s_final(&one, md);
			mesh_blake2s_update(&all, md, n);
		}
	mesh_blake2s_final(&all, md);
	expect_hex(md, "6a411f08ce25adcdfb02aba641451cec"
		       "53c598b24f4fc787fbdc88797f4c1dfe");
}

/* Any way of cutting the input gives the same hash. */
static void
pieces(void **state)
{
	uint8_t in[200], whole[32], cut[32];
	struct mesh_blake2s s;

	(void)state;
	fill(in, sizeof(in), 7);
	mesh_blake2s_hash(whole, in, sizeof(in), NULL, 0);
	for (size_t at = 0; at <= sizeof(in); at++) {
		mesh_blake2s_init(&s, 32, NULL, 0);
		mesh_blake2s_update(&s, in, at);
		mesh_blake2s_update(&s, in + at, sizeof(in) - at);
		mesh_blake2s_final(&s, cut);
		assert_memory_equal(whole, cut, sizeof(whole));
	}
}

static void
kdf(void **state)
{
	static const struct {
		const char *key, *input, *t[3];
	} rows[] = {
	    {"test-key", "test-input",
		{"6f0e5ad38daba1bea8a0d213688736f1"
		 "9763239305e0f58aba697f9ffc41c633",
		    "df1194df20802a4fe594cde27e92991c"
		    "8cae66c366e8106aaa937a55fa371e8a",
		    "fac6e2745a325f5dc5d11a5b165aad08"
		    "b0ada28e7b4e666b7c077934a4d76c24"}},
	    {"wireguard", "wireguard",
		{"491d43bbfdaa8750aaf535e334ecbfe5"
		 "129967cd64635101c566d4caefda96e8",
		    "1e71a379baefd8a79aa4662212fcafe1"
		    "9a23e2b609a3db7d6bcba8f560e3d25f",
		    "31e1ae48bddfbe5de38f295e5452b190"
		    "9a1b4e38e183926af3780b0c1e1f0160"}},
	    {"", "",
		{"8387b46bf43eccfcf349552a095d8315"
		 "c4055beb90208fb1be23b894bc2ed5d0",
		    "58a0e5f6faefccf4807bff1f05fa8a92"
		    "17945762040bcec2f4b4a62bdfe0e86e",
		    "0ce6ea98ec548f8e281e93e32db65621"
		    "c45eb18dc6f0a7ad94178610a2f7338e"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 1; n <= 3; n++) {
			uint8_t t[3][32];
			uint8_t *const out[] = {t[0], t[1], t[2]};

			mesh_blake2s_kdf(out, n, rows[i].key,
			    strlen(rows[i].key), rows[i].input,
			    strlen(rows[i].input));
			for (size_t k = 0; k < n; k++)
				expect_hex(t[k], rows[i].t[k]);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(noise_initial_values),
	    cmocka_unit_test(rfc7693_self_test),
	    cmocka_unit_test(pieces),
	    cmocka_unit_test(kdf),
	};

	return cmocka_run_group_tests_name("blake2s", tests, NULL, NULL);
}
