/* SPDX-License-Identifier: ISC
 * Vectors: protocol/vectors-dataplane.md 5, which cites upstream's
 * net/stun/stun_test.go.
 */
#include "test.h"

#include "base/addr.h"
#include "wire/stun.h"

#define INPUT_MAX 2048

static const struct {
	const char *name, *hex, *seen;
} responses[] = {
    {"google-1",
	"0101000c2112a4422360b11e3ec68ffa93e08007002000080001c7866957856f",
	"72.69.33.45:59028"},
    {"google-2",
	"0101000c2112a442f9f121cbde7d7c75923ce271002000080001c7876957856f",
	"72.69.33.45:59029"},
    {"sipgate, plain and old attributes",
	"010100442112a442482eb64715e8b28eaead6444000100080001e4ab4845212d"
	"0004000800012710d90a44980005000800012711d9747a8a802000080001c5b9"
	"6957856f80220010566f766964612e6f726720302e393600",
	"72.69.33.45:58539"},
    {"powervoip, plain alone",
	"010100242112a4427e57966829f444609d1deaa6000100080001e9d34845212d"
	"0004000800010d964d48a9d40005000800010d974d48a9d5",
	"72.69.33.45:59859"},
    {"pion, stray bytes behind",
	"010100242112a442ebc2d36ef471217c4f3e308e8022000a656e64706f696e74"
	"65720000002000080001ce665e12a44380280004b699bb02010100242112a442",
	"127.0.0.1:61300"},
    {"stuntman, IPv6",
	"010100482112a44206f56685d28af3e69ce341e2000100140002"
	"90ce260200d1b4cfc10038b231fffeef96f6802b001400020d96"
	"2604a880000200d10000000000c57001002000140002b1dc0710"
	"a493b23aa785ea38c219620cd714",
	"[2602:d1:b4cf:c100:38b2:31ff:feef:96f6]:37070"},
    {"attribute of length 1, padded",
	"010100142112a442ebc2d36ef471217c4f3e308e802200016100000000200008"
	"0001ce665e12a443",
	"127.0.0.1:61300"},
    {"attribute of length 3, padded",
	"010100142112a442ebc2d36ef471217c4f3e308e802200036162630000200008"
	"0001ce665e12a443",
	"127.0.0.1:61300"},
    {"IPv4 in family 2",
	"010100182112a4424fd5d202dcb37d31fc773306002000140002cd3d2112a442"
	"4fd5d202dcb382ce2dc3fcc7",
	"209.180.207.193:60463"},
};

static struct mesh_endpoint
endpoint(const char *text)
{
	struct mesh_endpoint ep;

	assert_int_equal(mesh_endpoint_parse(mesh_str(text), &ep), MESH_OK);
	return ep;
}

static void
test_responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
		uint8_t buf[INPUT_MAX];
		struct mesh_stun_txid txid;
		struct mesh_endpoint seen;
		char text[MESH_ENDPOINT_TEXT];
		size_t len = test_unhex(responses[i].hex, buf, sizeof(buf));

		assert_true(mesh_stun_is(buf, len));
		assert_int_equal(mesh_stun_response_parse(buf, len, &txid,
				     &seen),
		    MESH_OK);
		assert_string_equal(mesh_endpoint_format(&seen, text),
		    responses[i].seen);
		assert_memory_equal(txid.b, buf + 8, sizeof(txid.b));
	}
}

static void
test_is_stun(void **state)
{
	static const struct {
		const char *hex;
		bool is;
	} rows[] = {
	    {"", false},
	    {"0000000000000000000000000000000000000000", false},
	    {"000000002112a4420000000000000000000000", false},
	    {"000000002112a442000000000000000000000000", true},
	    {"000000002112a442000000000000000000000000666f6f", true},
	    {"f00000002112a442000000000000000000000000", false},
	    {"400000002112a442000000000000000000000000", false},
	    {"200000002112a442000000000000000000000000", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[64];
		size_t len = test_unhex(rows[i].hex, buf, sizeof(buf));

		assert_int_equal(mesh_stun_is(buf, len), rows[i].is);
	}
}

static void
test_request(void **state)
{
	static const char hex[] =
	    "000100142112a4420102030405060708090a0b0c802200087461696c6e6f6465"
	    "80280004b32c370f";
	struct mesh_stun_txid txid, back;
	uint8_t want[64], got[MESH_STUN_REQUEST_LEN];

	(void)state;
	for (uint8_t i = 0; i < sizeof(txid.b); i++)
		txid.b[i] = (uint8_t)(i + 1);
	assert_int_equal(test_unhex(hex, want, sizeof(want)), sizeof(got));
	mesh_stun_request(&txid, got);
	assert_memory_equal(got, want, sizeof(got));
	assert_int_equal(mesh_stun_request_parse(got, sizeof(got), &back),
	    MESH_OK);
	assert_memory_equal(&back, &txid, sizeof(txid));

	/* A response is no request, and the other way round. */
	struct mesh_endpoint seen;
	assert_int_equal(mesh_stun_response_parse(got, sizeof(got), &back,
			     &seen),
	    MESH_ERR_FORMAT);
}

/* A server answers nothing that differs from a request of ours in one bit, but
 * for the transaction id, which the fingerprint covers too. */
static void
test_request_mutations(void **state)
{
	struct mesh_stun_txid txid = {{7}}, back;
	uint8_t buf[MESH_STUN_REQUEST_LEN];

	(void)state;
	mesh_stun_request(&txid, buf);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(mesh_stun_request_parse(buf, i, &back),
		    MESH_ERR_FORMAT);
	for (size_t bit = 0; bit < sizeof(buf) * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(mesh_stun_request_parse(buf, sizeof(buf),
				     &back),
		    MESH_ERR_FORMAT);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
test_generate(void **state)
{
	static const struct {
		uint8_t txid;
		const char *seen, *hex;
	} rows[] = {
	    {1, "1.2.3.4:254",
		"0101000c2112a44201010101010101010101010100200008000121ec2010"
		"a746"},
	    {3, "[1:1::4]:254",
		"010100182112a44203030303030303030303030300200014000221ec2113"
		"a443030303030303030303030307"},
	    {2, "1.2.3.4:257", NULL},
	    {4, "[1::4]:257", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_endpoint seen = endpoint(rows[i].seen), back;
		struct mesh_stun_txid txid, txid_back;
		uint8_t got[MESH_STUN_RESPONSE_MAX], want[64];

		memset(txid.b, rows[i].txid, sizeof(txid.b));
		size_t len = mesh_stun_response(&txid, &seen, got);
		assert_true(len <= MESH_STUN_REQUEST_LEN + 12);
		if (rows[i].hex != NULL) {
			assert_int_equal(test_unhex(rows[i].hex, want,
					     sizeof(want)),
			    len);
			assert_memory_equal(got, want, len);
		}
		assert_int_equal(mesh_stun_response_parse(got, len, &txid_back,
				     &back),
		    MESH_OK);
		assert_true(mesh_endpoint_eq(&seen, &back));
		assert_memory_equal(&txid, &txid_back, sizeof(txid));
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(mesh_stun_response_parse(got, cut,
					     &txid_back, &back),
			    MESH_ERR_FORMAT);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *why, *hex;
	} rows[] = {
	    {"no address at all", "010100002112a442010101010101010101010101"},
	    {"error response",
		"0111000c2112a4422360b11e3ec68ffa93e08007002000080001c7866957"
		"856f"},
	    {"family 3",
		"0101000c2112a4422360b11e3ec68ffa93e08007002000080003c7866957"
		"856f"},
	    {"IPv4 address of 5 bytes",
		"010100102112a4422360b11e3ec68ffa93e08007002000090001c7866957"
		"856f01000000"},
	    {"attribute runs out of the message",
		"0101000c2112a4422360b11e3ec68ffa93e08007002000090001c7866957"
		"856f"},
	    {"length longer than the datagram",
		"0101000d2112a4422360b11e3ec68ffa93e08007002000080001c7866957"
		"856f"},
	    {"port 0",
		"0101000c2112a4422360b11e3ec68ffa93e08007000100080001000001020"
		"304"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[128];
		struct mesh_stun_txid txid;
		struct mesh_endpoint seen;
		size_t len = test_unhex(rows[i].hex, buf, sizeof(buf));

		if (mesh_stun_response_parse(buf, len, &txid, &seen) !=
		    MESH_ERR_FORMAT)
			fail_msg("taken: %s", rows[i].why);
	}
}

static void
test_limit(void **state)
{
	uint8_t buf[MESH_STUN_INPUT_MAX + 1] = {
	    1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	struct mesh_stun_txid txid;
	struct mesh_endpoint seen;

	(void)state;
	buf[3] = 12; /* one XOR-MAPPED-ADDRESS, the rest is ignored */
	memcpy(buf + 20, (const uint8_t[]){0, 0x20, 0, 8, 0, 1, 9, 9, 1, 2, 3},
	    11);
	assert_int_equal(mesh_stun_response_parse(buf, MESH_STUN_INPUT_MAX,
			     &txid, &seen),
	    MESH_OK);
	assert_int_equal(mesh_stun_response_parse(buf, sizeof(buf), &txid,
			     &seen),
	    MESH_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_responses),
	    cmocka_unit_test(test_is_stun),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_request_mutations),
	    cmocka_unit_test(test_generate),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
