/* SPDX-License-Identifier: ISC
 * test_box.c - NaCl box. Vectors: protocol/vectors-dataplane.md 3.2 (a disco
 * ping and pong, opened by the reference).
 */
#include "crypto/box.h"

#include <string.h>

#include "test.h"

static const char a_secret[] = "a88d03dee7e2c68bb403fa51880378e4"
			       "acada9f99418eef31abf707ff5e86464";
static const char a_public[] = "195350e9dfb1b3078189957ce35de09e"
			       "db65b19ff3ddcbcce0c3742e49895e2e";
static const char b_secret[] = "f0a50897dede25653fde10f7501fa531"
			       "b16032fb5236164d47125bd998781641";
static const char b_public[] = "3f9dc0e6c262cb1cce1cd6073a846ff6"
			       "da1f13705f88cb8782151743442f8941";
static const char shared[] = "5465ee6cb12e8c522ccf7167f8f54ee5"
			     "d461bf152e9e9932d3469ab63d4f1738";

static const struct {
	const char *nonce, *text, *box;
} rows[] = {
    {"000102030405060708090a0b0c0d0e0f1011121314151617",
	"01000102030405060708090a0b0c6a8d5dc0b23855a1ffbf34a4de4ae896e0c5"
	"d0c41dbde4f776aadb6572fdd275",
	"937a05e809ee32637d9c5177804609e339287020ece631e57c0e4ac0689d89c1"
	"53258e2c56a6dbcf630b492bc5429bd1979d2bb5befbb0a2a39d38e22de4"},
    {"18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f",
	"02000102030405060708090a0b0c00000000000000000000ffff0203040504d2",
	"7538b73955c8aaf01587d0f0ffccb9b43b1d1dc679c165aaccf57dd123d26ed2"
	"a62f685255cf351ed0a611110004c807"},
};

static void
make_keys(struct mesh_box_key *ab, struct mesh_box_key *ba)
{
	uint8_t as[32], ap[32], bs[32], bp[32];

	test_unhex(a_secret, as, 32);
	test_unhex(a_public, ap, 32);
	test_unhex(b_secret, bs, 32);
	test_unhex(b_public, bp, 32);
	assert_int_equal(mesh_box_key_make(ab, as, bp), MESH_OK);
	assert_int_equal(mesh_box_key_make(ba, bs, ap), MESH_OK);
}

static void
both_sides_share_a_key(void **state)
{
	struct mesh_box_key ab, ba;
	uint8_t want[32], zero[32] = {0};

	(void)state;
	make_keys(&ab, &ba);
	test_unhex(shared, want, sizeof(want));
	assert_memory_equal(ab.b, want, sizeof(want));
	assert_memory_equal(ba.b, want, sizeof(want));
	mesh_box_key_wipe(&ba);
	assert_memory_equal(ba.b, zero, sizeof(zero));
	/* A low-order public key. */
	assert_int_equal(mesh_box_key_make(&ab, want, zero), MESH_ERR_AUTH);
	assert_memory_equal(ab.b, want, sizeof(want));
}

static void
vectors(void **state)
{
	struct mesh_box_key ab, ba;

	(void)state;
	make_keys(&ab, &ba);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t nonce[24], text[128], box[128], buf[128];
		size_t len = test_unhex(rows[i].text, text, sizeof(text));
		size_t box_len = test_unhex(rows[i].box, box, sizeof(box));

		test_unhex(rows[i].nonce, nonce, sizeof(nonce));
		assert_int_equal(box_len, len + MESH_BOX_TAG_LEN);
		mesh_box_seal(buf, &ab, nonce, text, len);
		assert_memory_equal(buf, box, box_len);
		assert_int_equal(mesh_box_open(buf, &ba, nonce, buf, box_len),
		    MESH_OK); /* in place */
		assert_memory_equal(buf, text, len);
	}
}

static void
damaged(void **state)
{
	struct mesh_box_key ab, ba;
	uint8_t nonce[24], box[128], out[128], before[128];
	size_t len = test_unhex(rows[0].box, box, sizeof(box));

	(void)state;
	make_keys(&ab, &ba);
	test_unhex(rows[0].nonce, nonce, sizeof(nonce));
	memset(out, 0xaa, sizeof(out));
	memcpy(before, out, sizeof(out));
	for (size_t n = 0; n < len; n++)
		assert_int_equal(mesh_box_open(out, &ab, nonce, box, n),
		    MESH_ERR_AUTH);
	for (size_t i = 0; i < len; i++) {
		box[i] ^= 0x10;
		assert_int_equal(mesh_box_open(out, &ab, nonce, box, len),
		    MESH_ERR_AUTH);
		box[i] ^= 0x10;
	}
	assert_memory_equal(out, before, sizeof(out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides_share_a_key),
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests_name("box", tests, NULL, NULL);
}
