/* SPDX-License-Identifier: ISC
 * Records of the control channel: protocol/vectors-control.md 3.1 and 3.2, in
 * pieces, damaged, and at their limits. */
#include "test.h"

#include <string.h>

#include "control/early.h"
#include "control/record.h"

static const char to_server_hex[] =
    "97bb1ff1b3c0030ed1e8f7d54ad3728ad885ba618751ae88d5a752c3c5f31027";
static const char to_client_hex[] =
    "67e4e0ae881d024a7aef742740ca594e486443a61ac5362959c6b1350e8e5ab0";

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define EARLY_HEAD "ffffff54530000005f"
#define EARLY_JSON                                                             \
	"{\"nodeKeyChallenge\":\"chalpub:"                                     \
	"38ab664bd86f77d7e66bdd9ae0792913a94fd8b33a1260027e4b46c1f4884c67\"}"

static const struct record {
	const char *key;
	uint64_t counter;
	const char *text;     /* or ... */
	const char *text_hex;
	const char *frame;
} vectors[] = {
    {to_server_hex, 0, PREFACE, NULL,
	"0400282c9edc6e84cb4fc9d5ff5652921f127511a7f4fa45c153c324e216ebe215c575"
	"20b056cdb0e21593"},
    {to_server_hex, 1, "", NULL, "040010b2b3aee29fb66b09a3b419ebf8175be1"},
    {to_server_hex, 256, "hello", NULL,
	"040015546b6e195b2f772c033e26b3e67528936570f60f80"},
    {to_client_hex, 0, NULL, EARLY_HEAD,
	"04001908bb6ffdc3ecd54d13834be17501389e3a1bf1f4c4a72fdca8"},
    {to_client_hex, 1, EARLY_JSON, NULL,
	"04006fd6e0861494776803a121447f30dd19642e7d7bd3082446089f703d9f3beb0360"
	"bf22827affde792f30ecfee2bfc8a2bf98c1beb17eccff710236b71c35dd3c7710970a"
	"af3257dba7fc1009ab16d6be87e2c430998a43e7e93675c6903db260e76fd527799df6"
	"a26ae6a129f9e53905"},
};

static size_t
vector_text(const struct record *r, uint8_t *out, size_t max)
{
	if (r->text == NULL)
		return test_unhex(r->text_hex, out, max);
	memcpy(out, r->text, strlen(r->text));
	return strlen(r->text);
}

static void
init_rx(struct mesh_record_rx *rx, const char *key_hex, uint64_t counter)
{
	uint8_t key[32];

	test_unhex(key_hex, key, sizeof(key));
	mesh_record_rx_init(rx, key);
	rx->counter = counter;
}

static void
init_tx(struct mesh_record_tx *tx, const char *key_hex, uint64_t counter)
{
	uint8_t key[32];

	test_unhex(key_hex, key, sizeof(key));
	mesh_record_tx_init(tx, key);
	tx->counter = counter;
}

/* One whole input; the error of the first record in it. */
static int
open_one(const char *key_hex, uint64_t counter, const uint8_t *p, size_t len)
{
	uint8_t text[MESH_RECORD_MAX];
	struct mesh_rd in = mesh_rd_init(p, len);
	struct mesh_record_rx rx;
	size_t n;
	int err;

	init_rx(&rx, key_hex, counter);
	err = mesh_record_open(&rx, NULL, &in, text, &n);
	mesh_record_rx_release(&rx);
	return err;
}

static void
test_seal_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t frame[512], want[512];
		struct mesh_record_tx tx;
		size_t len = vector_text(&vectors[i], frame + MESH_RECORD_HEAD,
		    256);

		init_tx(&tx, vectors[i].key, vectors[i].counter);
		assert_int_equal(mesh_record_seal(&tx, NULL, frame, len),
		    MESH_OK);
		assert_int_equal(test_unhex(vectors[i].frame, want,
				     sizeof(want)),
		    len + MESH_RECORD_OVERHEAD);
		assert_memory_equal(frame, want, len + MESH_RECORD_OVERHEAD);
		assert_int_equal(tx.counter, vectors[i].counter + 1);
	}
}

/* Each vector, cut in two at every byte. */
static void
test_open_vectors_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t frame[512], want[512], text[MESH_RECORD_MAX];
		size_t len = test_unhex(vectors[i].frame, frame,
		    sizeof(frame));
		size_t text_len = vector_text(&vectors[i], want,
		    sizeof(want));

		for (size_t cut = 1; cut <= len; cut++) {
			struct mesh_rd in = mesh_rd_init(frame, cut);
			struct mesh_record_rx rx;
			size_t n = 999;
			int err;

			init_rx(&rx, vectors[i].key, vectors[i].counter);
			err = mesh_record_open(&rx, NULL, &in, text, &n);
			if (cut < len) {
				assert_int_equal(err, MESH_ERR_AGAIN);
				assert_int_equal(mesh_rd_left(&in), 0);
				in = mesh_rd_init(frame + cut, len - cut);
				err = mesh_record_open(&rx, NULL, &in, text,
				    &n);
			}
			assert_int_equal(err, MESH_OK);
			assert_int_equal(n, text_len);
			assert_memory_equal(text, want, n);
			assert_true(rx.partial.base == NULL);
			mesh_record_rx_release(&rx);
		}
	}
}

static void
test_several_in_one_input(void **state)
{
	uint8_t bytes[256], text[MESH_RECORD_MAX];
	size_t len = test_unhex(vectors[0].frame, bytes, sizeof(bytes)), n;
	struct mesh_record_rx rx;
	struct mesh_rd in;

	(void)state;
	len += test_unhex(vectors[1].frame, bytes + len, sizeof(bytes) - len);
	init_rx(&rx, to_server_hex, 0);
	in = mesh_rd_init(bytes, len);
	assert_int_equal(mesh_record_open(&rx, NULL, &in, text, &n), MESH_OK);
	assert_int_equal(n, strlen(PREFACE));
	assert_int_equal(mesh_record_open(&rx, NULL, &in, text, &n), MESH_OK);
	assert_int_equal(n, 0);
	assert_int_equal(mesh_record_open(&rx, NULL, &in, text, &n),
	    MESH_ERR_AGAIN);
	mesh_record_rx_release(&rx);
}

static void
test_flipped(void **state)
{
	uint8_t frame[256];
	size_t len = test_unhex(vectors[2].frame, frame, sizeof(frame));

	(void)state;
	for (size_t i = 0; i < 8 * len; i++) {
		frame[i / 8] ^= (uint8_t)(1u << (i % 8));
		assert_int_not_equal(open_one(to_server_hex, 256, frame, len),
		    MESH_OK);
		frame[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	/* The counter counts: big-endian, and in order. */
	assert_int_equal(open_one(to_server_hex, 255, frame, len),
	    MESH_ERR_AUTH);
	assert_int_equal(open_one(to_server_hex, UINT64_C(1) << 48, frame,
			     len),
	    MESH_ERR_AUTH);
	assert_int_equal(open_one(to_client_hex, 256, frame, len),
	    MESH_ERR_AUTH);
	assert_int_equal(open_one(to_server_hex, 256, frame, len), MESH_OK);
}

static void
test_bad_heads(void **state)
{
	static const struct {
		uint8_t head[3];
		int err;
	} cases[] = {
	    {{4, 0, 0}, MESH_ERR_PROTO},
	    {{4, 0, 15}, MESH_ERR_PROTO},
	    {{4, 0, 16}, MESH_ERR_AGAIN},
	    {{4, 0x0f, 0xfd}, MESH_ERR_AGAIN}, /* 4093: whole 4096 */
	    {{4, 0x0f, 0xfe}, MESH_ERR_PROTO},
	    {{4, 0xff, 0xff}, MESH_ERR_PROTO},
	    {{0, 0, 16}, MESH_ERR_PROTO},
	    {{2, 0, 48}, MESH_ERR_PROTO},
	    {{3, 0, 16}, MESH_ERR_PROTO},
	    {{5, 0, 16}, MESH_ERR_PROTO},
	    {{255, 0, 16}, MESH_ERR_PROTO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(open_one(to_server_hex, 0, cases[i].head, 3),
		    cases[i].err);
}

static void
test_largest(void **state)
{
	uint8_t frame[MESH_RECORD_MAX], text[MESH_RECORD_MAX];
	struct mesh_rd in = mesh_rd_init(frame, sizeof(frame));
	struct mesh_record_tx tx;
	struct mesh_record_rx rx;
	size_t n;

	(void)state;
	memset(frame + MESH_RECORD_HEAD, 'x', MESH_RECORD_TEXT_MAX);
	init_tx(&tx, to_server_hex, 7);
	init_rx(&rx, to_server_hex, 7);
	assert_int_equal(mesh_record_seal(&tx, NULL, frame,
			     MESH_RECORD_TEXT_MAX),
	    MESH_OK);
	assert_int_equal(mesh_record_open(&rx, NULL, &in, text, &n), MESH_OK);
	assert_int_equal(n, 4077);
	assert_int_equal(text[4076], 'x');
	mesh_record_rx_release(&rx);
}

/* The last counter is never used. */
static void
test_counter_ends(void **state)
{
	uint8_t frame[64] = {0};
	struct mesh_record_tx tx;

	(void)state;
	init_tx(&tx, to_server_hex, UINT64_MAX - 1);
	assert_int_equal(mesh_record_seal(&tx, NULL, frame, 1), MESH_OK);
	assert_int_equal(open_one(to_server_hex, UINT64_MAX - 1, frame, 20),
	    MESH_OK);
	assert_int_equal(mesh_record_seal(&tx, NULL, frame, 1),
	    MESH_ERR_LIMIT);
	assert_int_equal(open_one(to_server_hex, UINT64_MAX, frame, 20),
	    MESH_ERR_LIMIT);
}

/* OpenSSL's AEAD and libsodium's understand each other. */
static void
test_aead_given(void **state)
{
	struct mesh_aead *aead = mesh_aead_openssl.new();
	uint8_t frame[64], want[64];
	struct mesh_record_tx tx;

	(void)state;
	assert_non_null(aead);
	memcpy(frame + MESH_RECORD_HEAD, "hello", 5);
	init_tx(&tx, to_server_hex, 256);
	assert_int_equal(mesh_record_seal(&tx, aead, frame, 5), MESH_OK);
	test_unhex(vectors[2].frame, want, sizeof(want));
	assert_memory_equal(frame, want, 24);
	mesh_aead_free(aead);
}

/* Both in one record, as stock servers may send it. */
static void
test_early_payload(void **state)
{
	static const char whole[] =
	    "04007808bb6ffdc3ecd54d134dbd5dc8dd071c935e7c5ab53de3f9c3cd8001ad06"
	    "6202c66dd600c63bd7aa944afc7634433c61d4381e45e150a25dbd167bb1376052"
	    "1195b99e9f5465d9df3fc9bab53acaa039d07829e9df5ff0dff01ed4e02112dae3"
	    "ed8039c58da8b61203992f21d287ce8d6309f3cc78a35a2a";
	uint8_t challenge[32], frame[256], want[256];
	struct mesh_record_tx tx;
	struct mesh_diag diag;
	uint32_t len;

	(void)state;
	test_unhex("38ab664bd86f77d7e66bdd9ae0792913a94fd8b33a1260027e4b46c1f4"
		   "884c67",
	    challenge, sizeof(challenge));
	mesh_early_write(challenge, frame + MESH_RECORD_HEAD);
	assert_true(mesh_early_head(frame + MESH_RECORD_HEAD, &len));
	assert_int_equal(len, 95);
	assert_memory_equal(frame + MESH_RECORD_HEAD + 9, EARLY_JSON, 95);
	assert_int_equal(mesh_early_check(EARLY_JSON, 95, &diag), MESH_OK);
	init_tx(&tx, to_client_hex, 0);
	assert_int_equal(mesh_record_seal(&tx, NULL, frame, MESH_EARLY_LEN),
	    MESH_OK);
	assert_int_equal(test_unhex(whole, want, sizeof(want)),
	    MESH_EARLY_LEN + MESH_RECORD_OVERHEAD);
	assert_memory_equal(frame, want,
	    MESH_EARLY_LEN + MESH_RECORD_OVERHEAD);
}

static void
test_early_refused(void **state)
{
	static const uint8_t settings[9] = {0, 0, 18, 4, 0, 0, 0, 0, 0};
	struct mesh_diag diag = {0};
	uint32_t len;

	(void)state;
	assert_false(mesh_early_head(settings, &len));
	for (size_t n = 0; n < 95; n++)
		assert_int_not_equal(mesh_early_check(EARLY_JSON, n, &diag),
		    MESH_OK);
	assert_int_not_equal(mesh_early_check("[]", 2, &diag), MESH_OK);
	assert_int_not_equal(mesh_early_check("{\"nodeKeyChallenge\":1}", 22,
				 &diag),
	    MESH_OK);
	assert_int_equal(mesh_early_check("{\"more\":[1]}", 12, &diag),
	    MESH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_seal_vectors),
	    cmocka_unit_test(test_open_vectors_in_pieces),
	    cmocka_unit_test(test_several_in_one_input),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_bad_heads),
	    cmocka_unit_test(test_largest),
	    cmocka_unit_test(test_counter_ends),
	    cmocka_unit_test(test_aead_given),
	    cmocka_unit_test(test_early_payload),
	    cmocka_unit_test(test_early_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
