/* SPDX-License-Identifier: ISC
 * Vectors: protocol/vectors-dataplane.md 2.1 and 3, which cite upstream's
 * disco/disco_test.go and wgengine/magicsock/magicsock_test.go, and packets
 * that upstream's code made of fixed keys.
 */
#include "test.h"

#include "base/addr.h"
#include "crypto/box.h"
#include "wire/disco.h"
#include "wire/sniff.h"

static const char node_key[] = "00010200000000000000000000000000"
			       "00000000000000000000000000001e1f";
static const char a_secret[] = "a88d03dee7e2c68bb403fa51880378e4"
			       "acada9f99418eef31abf707ff5e86464";
static const char a_public[] = "195350e9dfb1b3078189957ce35de09e"
			       "db65b19ff3ddcbcce0c3742e49895e2e";
static const char b_secret[] = "f0a50897dede25653fde10f7501fa531"
			       "b16032fb5236164d47125bd998781641";
static const char b_public[] = "3f9dc0e6c262cb1cce1cd6073a846ff6"
			       "da1f13705f88cb8782151743442f8941";
static const char ping_text[] =
    "01000102030405060708090a0b0c6a8d5dc0b23855a1ffbf34a4de4ae896e0c5d0c41dbde4"
    "f776aadb6572fdd275";
static const char ping_packet[] =
    "5453f09f92ac195350e9dfb1b3078189957ce35de09edb65b19ff3ddcbcce0c3742e49895e"
    "2e000102030405060708090a0b0c0d0e0f1011121314151617937a05e809ee32637d9c5177"
    "804609e339287020ece631e57c0e4ac0689d89c153258e2c56a6dbcf630b492bc5429bd197"
    "9d2bb5befbb0a2a39d38e22de4";
static const char pong_text[] =
    "02000102030405060708090a0b0c00000000000000000000ffff0203040504d2";
static const char pong_packet[] =
    "5453f09f92ac3f9dc0e6c262cb1cce1cd6073a846ff6da1f13705f88cb8782151743442f89"
    "4118191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f7538b73955c8aaf01587d0f0"
    "ffccb9b43b1d1dc679c165aaccf57dd123d26ed2a62f685255cf351ed0a611110004c807";

static const char relay_block[] =
    "0001020000000000000000000000000000000000000000000000000000001e1f"
    "0001020300000000000000000000000000000000000000000000000000001e1f"
    "0001020004000000000000000000000000000000000000000000000000001e1f"
    "000000000000007b000001c8000000003b9aca000000000df8475800"
    "00000000000000000000ffff010203040237"
    "200100000000000000000000000034560315";

static const struct mesh_disco_txid txid = {
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

static int
parse(const char *hex, struct mesh_disco_msg *m)
{
	uint8_t buf[512] = {0};

	return mesh_disco_msg_parse(buf, test_unhex(hex, buf, sizeof(buf)), m);
}

static struct mesh_endpoint
endpoint(const char *text)
{
	struct mesh_endpoint ep;

	assert_int_equal(mesh_endpoint_parse(mesh_str(text), &ep), MESH_OK);
	return ep;
}

static void
assert_written(const struct mesh_wr *w, const char *hex)
{
	uint8_t want[512];

	assert_true(mesh_wr_ok(w));
	assert_int_equal(test_unhex(hex, want, sizeof(want)), w->len);
	assert_memory_equal(w->buf, want, w->len);
}

static void
test_ping(void **state)
{
	static const struct {
		const char *hex;
		bool has_node;
		size_t padding;
	} rows[] = {
	    {"01000102030405060708090a0b0c", false, 0},
	    {"01000102030405060708090a0b0c00010200000000000000000000000000000"
	     "00000000000000000000000001e1f",
		true, 0},
	    {"01000102030405060708090a0b0c000000", false, 3},
	    {"01000102030405060708090a0b0c00010200000000000000000000000000000"
	     "00000000000000000000000001e1f000000",
		true, 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_disco_msg m;
		struct mesh_node_key node = {{0}};
		uint8_t out[64];
		struct mesh_wr w = mesh_wr_init(out, sizeof(out));

		if (rows[i].has_node)
			test_unhex(node_key, node.b, sizeof(node.b));
		assert_int_equal(parse(rows[i].hex, &m), MESH_OK);
		assert_int_equal(m.type, MESH_DISCO_PING);
		assert_memory_equal(&m.txid, &txid, sizeof(txid));
		assert_memory_equal(&m.node, &node, sizeof(node));
		assert_int_equal(m.padding, rows[i].padding);
		mesh_disco_ping_write(&w, &txid,
		    rows[i].has_node ? &node : NULL, rows[i].padding);
		assert_written(&w, rows[i].hex);
	}
}

static void
test_pong(void **state)
{
	static const struct {
		const char *hex, *seen;
	} rows[] = {
	    {pong_text, "2.3.4.5:1234"},
	    {"02000102030405060708090a0b0cfed000000000000000000000000000121a0a",
		"[fed0::12]:6666"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_endpoint seen = endpoint(rows[i].seen);
		struct mesh_disco_msg m;
		uint8_t out[64];
		struct mesh_wr w = mesh_wr_init(out, sizeof(out));

		assert_int_equal(parse(rows[i].hex, &m), MESH_OK);
		assert_int_equal(m.type, MESH_DISCO_PONG);
		assert_true(mesh_endpoint_eq(&m.seen, &seen));
		mesh_disco_pong_write(&w, &txid, &seen);
		assert_written(&w, rows[i].hex);
	}
}

static void
test_call_me_maybe(void **state)
{
	static const char two[] =
	    "030000000000000000000000ffff0102030402372001000000000000000000000"
	    "0003456"
	    "0315";
	struct mesh_endpoint eps[MESH_DISCO_ENDPOINTS + 1] = {
	    endpoint("1.2.3.4:567"), endpoint("[2001::3456]:789")};
	struct mesh_disco_msg m;
	uint8_t out[1024];
	struct mesh_wr w = mesh_wr_init(out, sizeof(out));

	(void)state;
	assert_int_equal(parse("0300", &m), MESH_OK);
	assert_int_equal(m.endpoint_count, 0);
	assert_int_equal(parse(two, &m), MESH_OK);
	assert_int_equal(m.endpoint_count, 2);
	assert_true(mesh_endpoint_eq(&m.endpoints[0], &eps[0]));
	assert_true(mesh_endpoint_eq(&m.endpoints[1], &eps[1]));
	mesh_disco_call_write(&w, eps, 2);
	assert_written(&w, two);

	/* An odd length, or another version, is an empty list. */
	assert_int_equal(parse("030000", &m), MESH_OK);
	assert_int_equal(m.endpoint_count, 0);
	assert_int_equal(parse("030100000000000000000000ffff010203040237", &m),
	    MESH_OK);
	assert_int_equal(m.endpoint_count, 0);

	/* At the limit, and past it. */
	w = mesh_wr_init(out, sizeof(out));
	mesh_disco_call_write(&w, eps, MESH_DISCO_ENDPOINTS);
	assert_true(mesh_wr_ok(&w));
	assert_int_equal(w.len, MESH_DISCO_OUT_MAX);
	memcpy(out + w.len, out + 2, 36);
	assert_int_equal(mesh_disco_msg_parse(out, w.len + 36, &m), MESH_OK);
	assert_int_equal(m.endpoint_count, MESH_DISCO_ENDPOINTS);
	assert_int_equal(m.endpoint_excess, 2);
	w = mesh_wr_init(out, sizeof(out));
	mesh_disco_call_write(&w, eps, MESH_DISCO_ENDPOINTS + 1);
	assert_false(mesh_wr_ok(&w));
}

/* Recognised by type, checked for length, not looked into. */
static void
test_relay_messages(void **state)
{
	static const struct {
		uint8_t type;
		const char *prefix;
		bool has_block;
		size_t body; /* bytes behind type and version */
	} rows[] = {
	    {MESH_DISCO_BIND, "0400", false, 72},
	    {MESH_DISCO_BIND_CHALLENGE, "0500", false, 72},
	    {MESH_DISCO_BIND_ANSWER, "0600", false, 72},
	    {MESH_DISCO_CALL_ME_MAYBE_VIA, "0700", true, 0},
	    {MESH_DISCO_ALLOCATE, "0800", false, 68},
	    {MESH_DISCO_ALLOCATED, "090000000001", true, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_disco_msg m;
		uint8_t buf[256] = {0};
		size_t len = test_unhex(rows[i].prefix, buf, sizeof(buf));

		if (rows[i].has_block)
			len += test_unhex(relay_block, buf + len,
			    sizeof(buf) - len);
		else
			len += rows[i].body;
		assert_int_equal(mesh_disco_msg_parse(buf, len, &m), MESH_OK);
		assert_int_equal(m.type, rows[i].type);
		assert_int_equal(mesh_disco_msg_parse(buf, len - 1, &m),
		    MESH_ERR_FORMAT);
		if (!rows[i].has_block)
			continue;
		/* No address at all; and, of another version, anything. */
		assert_int_equal(mesh_disco_msg_parse(buf, len - 36, &m),
		    MESH_ERR_FORMAT);
		buf[1] = 1;
		assert_int_equal(mesh_disco_msg_parse(buf, 2, &m), MESH_OK);
	}
}

static void
test_odd_messages(void **state)
{
	struct mesh_disco_msg m;

	(void)state;
	assert_int_equal(parse("", &m), MESH_ERR_FORMAT);
	assert_int_equal(parse("01", &m), MESH_ERR_FORMAT);
	assert_int_equal(parse("0000", &m), MESH_OK);
	assert_int_equal(parse("ff00", &m), MESH_OK);
	assert_int_equal(m.type, 0xff);
	/* A ping of 11 bytes of id; one of another version, with more behind.
	 */
	assert_int_equal(parse("01000102030405060708090a0b", &m),
	    MESH_ERR_FORMAT);
	assert_int_equal(parse("01090102030405060708090a0b0c", &m), MESH_OK);
	for (size_t cut = 2; cut < sizeof(pong_text) / 2; cut++) {
		uint8_t buf[64];

		test_unhex(pong_text, buf, sizeof(buf));
		assert_int_equal(mesh_disco_msg_parse(buf, cut, &m),
		    MESH_ERR_FORMAT);
	}
}

static void
check_packet(const char *hex, const char *text_hex, const char *sender,
    const char *secret)
{
	uint8_t buf[256], text[256], want[256], key[32], public[32];
	struct mesh_disco_packet p;
	struct mesh_box_key box;
	size_t len = test_unhex(hex, buf, sizeof(buf));
	size_t text_len = test_unhex(text_hex, want, sizeof(want));

	test_unhex(secret, key, sizeof(key));
	test_unhex(sender, public, sizeof(public));
	assert_int_equal(mesh_sniff(buf, len), MESH_SNIFF_DISCO);
	assert_int_equal(mesh_disco_packet_parse(buf, len, &p), MESH_OK);
	assert_memory_equal(p.sender.b, public, sizeof(public));
	assert_int_equal(mesh_box_key_make(&box, key, p.sender.b), MESH_OK);
	assert_int_equal(mesh_box_open(text, &box, p.nonce, p.box, p.box_len),
	    MESH_OK);
	assert_int_equal(p.box_len - MESH_DISCO_TAG_LEN, text_len);
	assert_memory_equal(text, want, text_len);

	/* And back to the same bytes. */
	uint8_t out[256];
	struct mesh_wr w = mesh_wr_init(out, sizeof(out));
	mesh_disco_head_write(&w, &p.sender, p.nonce);
	mesh_box_seal(mesh_wr_room(&w, text_len + MESH_DISCO_TAG_LEN), &box,
	    p.nonce, want, text_len);
	assert_int_equal(w.len, len);
	assert_memory_equal(out, buf, len);

	for (size_t cut = 0; cut < MESH_DISCO_OVERHEAD + 2; cut++)
		assert_int_equal(mesh_disco_packet_parse(buf, cut, &p),
		    MESH_ERR_FORMAT);
}

static void
test_packets(void **state)
{
	uint8_t big[MESH_DISCO_OVERHEAD + MESH_DISCO_MSG_MAX + 1];
	struct mesh_disco_packet p;

	(void)state;
	check_packet(ping_packet, ping_text, a_public, b_secret);
	check_packet(pong_packet, pong_text, b_public, a_secret);
	memset(big, 0, sizeof(big));
	test_unhex("5453f09f92ac", big, sizeof(big));
	assert_int_equal(mesh_disco_packet_parse(big, sizeof(big) - 1, &p),
	    MESH_OK);
	assert_int_equal(mesh_disco_packet_parse(big, sizeof(big), &p),
	    MESH_ERR_LIMIT);
}

static void
test_sniff(void **state)
{
#define DISCO                                                                  \
	"5453f09f92ac00010000000000000000000000000000000000000000000000000000" \
	"00001e1f"
	static const struct {
		const char *hex;
		enum mesh_sniff want;
	} rows[] = {
	    {"", MESH_SNIFF_WG},
	    {"07", MESH_SNIFF_WG},
	    {"0101000c2112a44201010101010101010101010100200008000121ec2010a746",
		MESH_SNIFF_STUN},
	    /* a request too; it is no answer, and refused as such */
	    {"000100142112a4420102030405060708090a0b0c802200087461696c6e6f6465"
	     "80280004b32c370f",
		MESH_SNIFF_STUN},
	    {DISCO, MESH_SNIFF_DISCO},
	    {"00807a1100000100" DISCO, MESH_SNIFF_DISCO_GENEVE},
	    {"00807a11000001005453f09f92ac", MESH_SNIFF_WG},
	    {"40807a1100000100" DISCO, MESH_SNIFF_WG},
	    {"00bf7a1100000100" DISCO, MESH_SNIFF_WG},
	    {"00807a11000001ff" DISCO, MESH_SNIFF_WG},
	    {"00807a120000010001000000" DISCO, MESH_SNIFF_WG_GENEVE},
	    {"01000000" DISCO, MESH_SNIFF_WG},
	    {"02000000" DISCO, MESH_SNIFF_WG},
	    {"03000000" DISCO, MESH_SNIFF_WG},
	    {"04000000" DISCO, MESH_SNIFF_WG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[128];
		size_t len = test_unhex(rows[i].hex, buf, sizeof(buf));

		if (mesh_sniff(buf, len) != rows[i].want)
			fail_msg("row %zu: class %d", i, mesh_sniff(buf, len));
	}
}

static void
test_region_endpoint(void **state)
{
	struct mesh_endpoint ep = mesh_disco_region_endpoint(900);
	char text[MESH_ENDPOINT_TEXT];

	(void)state;
	assert_string_equal(mesh_endpoint_format(&ep, text), "127.3.3.40:900");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ping),
	    cmocka_unit_test(test_pong),
	    cmocka_unit_test(test_call_me_maybe),
	    cmocka_unit_test(test_relay_messages),
	    cmocka_unit_test(test_odd_messages),
	    cmocka_unit_test(test_packets),
	    cmocka_unit_test(test_sniff),
	    cmocka_unit_test(test_region_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
