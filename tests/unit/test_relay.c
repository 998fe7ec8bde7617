/* SPDX-License-Identifier: ISC
 * Frames of the relay protocol. Vectors: protocol/vectors-dataplane.md 4. */
#include "test.h"

#include "crypto/box.h"
#include "relay_vectors.h"
#include "wire/relay.h"

static struct mesh_node_key
key_of(const char *hex)
{
	struct mesh_node_key k;

	assert_int_equal(test_unhex(hex, k.b, sizeof(k.b)), sizeof(k.b));
	return k;
}

/* The one frame that hex says, whole. buf outlives it. */
static struct mesh_relay_frame
frame_of(const char *hex, uint8_t *buf, size_t size)
{
	struct mesh_relay_frame f;
	size_t used, len = test_unhex(hex, buf, size);

	assert_int_equal(mesh_relay_frame_read(buf, len, &f, &used), MESH_OK);
	assert_int_equal(used, len);
	return f;
}

static void
same(const struct mesh_wr *w, const char *hex)
{
	uint8_t want[256];
	size_t len = test_unhex(hex, want, sizeof(want));

	assert_true(mesh_wr_ok(w));
	assert_int_equal(w->len, len);
	assert_memory_equal(w->buf, want, len);
}

static void
test_writes_vectors(void **state)
{
	const struct mesh_node_key a = key_of(VECTOR_A_PUBLIC);
	const struct mesh_node_key b = key_of(VECTOR_B_PUBLIC);
	const struct mesh_node_key server = key_of(VECTOR_SERVER_PUBLIC);
	struct mesh_relay_present present = {
	    .key = b,
	    .addr = {mesh_ip4(192, 0, 2, 7), 41641},
	    .flags = MESH_RELAY_PRESENT_REGULAR,
	};
	uint8_t buf[256];
	struct mesh_wr w;

	(void)state;
#define WRITES(hex, call)                                                      \
	do {                                                                   \
		w = mesh_wr_init(buf, sizeof(buf));                            \
		call;                                                          \
		same(&w, hex);                                                 \
	} while (0)
	WRITES(VECTOR_SERVER_KEY, mesh_relay_write_server_key(&w, &server));
	WRITES(VECTOR_SEND_PACKET, mesh_relay_write_packet(&w,
				       MESH_RELAY_SEND_PACKET, &b, "hello", 5));
	WRITES(VECTOR_RECV_PACKET, mesh_relay_write_packet(&w,
				       MESH_RELAY_RECV_PACKET, &a, "hello", 5));
	WRITES(VECTOR_PREFERRED, mesh_relay_write_preferred(&w, true));
	WRITES("0600000000", mesh_relay_write_empty(&w, MESH_RELAY_KEEP_ALIVE));
	WRITES(VECTOR_GONE,
	    mesh_relay_write_gone(&w, &b, MESH_RELAY_GONE_NOT_HERE));
	WRITES(VECTOR_PRESENT, mesh_relay_write_present(&w, &present));
	WRITES(VECTOR_FORWARD,
	    mesh_relay_write_forward(&w, &a, &b, "hello", 5));
	WRITES("12000000080102030405060708",
	    mesh_relay_write_ping(&w, MESH_RELAY_PING,
		(const uint8_t *)"\1\2\3\4\5\6\7\10"));
	WRITES("1400000003424144",
	    mesh_relay_write_health(&w, MESH_STR("BAD")));
	WRITES("1400000000", mesh_relay_write_health(&w, MESH_STR("")));
	WRITES("15000000080000000100000002",
	    mesh_relay_write_restarting(&w, 1, 2));
	WRITES("0400000400",
	    mesh_relay_write_header(&w, MESH_RELAY_SEND_PACKET, 1024));
	WRITES("05ffffffff",
	    mesh_relay_write_header(&w, MESH_RELAY_RECV_PACKET, UINT32_MAX));
#undef WRITES
}

static void
test_reads_vectors(void **state)
{
	const struct mesh_node_key a = key_of(VECTOR_A_PUBLIC);
	const struct mesh_node_key b = key_of(VECTOR_B_PUBLIC);
	const struct mesh_node_key server = key_of(VECTOR_SERVER_PUBLIC);
	struct mesh_relay_present present;
	struct mesh_relay_packet packet;
	struct mesh_relay_frame f;
	struct mesh_node_key key;
	const uint8_t *data;
	uint32_t in_ms, for_ms;
	uint8_t buf[256], reason;
	bool home = false;

	(void)state;
	f = frame_of(VECTOR_SERVER_KEY, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_server_key(&f, &key), MESH_OK);
	assert_true(mesh_node_key_equal(&key, &server));
	f = frame_of(VECTOR_SEND_PACKET, buf, sizeof(buf));
	assert_int_equal(f.type, MESH_RELAY_SEND_PACKET);
	assert_int_equal(mesh_relay_read_packet(&f, &packet), MESH_OK);
	assert_true(mesh_node_key_equal(&packet.key, &b));
	assert_int_equal(packet.len, 5);
	assert_memory_equal(packet.data, "hello", 5);
	assert_ptr_equal(packet.data, buf + MESH_RELAY_PACKET_HEAD);
	f = frame_of(VECTOR_RECV_PACKET, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_packet(&f, &packet), MESH_OK);
	assert_true(mesh_node_key_equal(&packet.key, &a));
	f = frame_of(VECTOR_PREFERRED, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_preferred(&f, &home), MESH_OK);
	assert_true(home);
	f = frame_of(VECTOR_GONE, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_gone(&f, &key, &reason), MESH_OK);
	assert_true(mesh_node_key_equal(&key, &b));
	assert_int_equal(reason, MESH_RELAY_GONE_NOT_HERE);
	f = frame_of(VECTOR_PRESENT, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_present(&f, &present), MESH_OK);
	assert_true(mesh_node_key_equal(&present.key, &b));
	assert_true(mesh_ip_is4(&present.addr.ip));
	assert_int_equal(present.addr.port, 41641);
	assert_int_equal(present.flags, MESH_RELAY_PRESENT_REGULAR);
	f = frame_of("12000000080102030405060708", buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_ping(&f, &data), MESH_OK);
	assert_int_equal(data[7], 8);
	f = frame_of("15000000080000000100000002", buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_restarting(&f, &in_ms, &for_ms),
	    MESH_OK);
	assert_int_equal(in_ms, 1);
	assert_int_equal(for_ms, 2);
}

/* What old servers leave out, and what new ones may add. */
static void
test_reads_shorter_and_longer(void **state)
{
	struct mesh_relay_present present;
	struct mesh_relay_frame f;
	struct mesh_node_key key;
	uint8_t buf[256], reason = 9;

	(void)state;
	f = frame_of("0800000020" VECTOR_B_PUBLIC, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_gone(&f, &key, &reason), MESH_OK);
	assert_int_equal(reason, MESH_RELAY_GONE_DISCONNECTED);
	f = frame_of("0900000020" VECTOR_B_PUBLIC, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_present(&f, &present), MESH_OK);
	assert_true(mesh_ip_is_none(&present.addr.ip));
	f = frame_of("010000002c44455250f09f9491" VECTOR_SERVER_PUBLIC
		     "00112233",
	    buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_server_key(&f, &key), MESH_OK);
}

static void
test_client_info_box(void **state)
{
	static const char json[] = "{\"version\":2,\"CanAckPings\":true}";
	struct mesh_node_key a = key_of(VECTOR_A_PUBLIC);
	struct mesh_node_key secret = key_of(VECTOR_SERVER_SECRET);
	struct mesh_relay_info info;
	struct mesh_relay_frame f;
	struct mesh_box_key box;
	uint8_t buf[256], text[64];

	(void)state;
	assert_int_equal(mesh_box_key_make(&box, secret.b, a.b), MESH_OK);
	f = frame_of(VECTOR_CLIENT_INFO, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_client_info(&f, &info), MESH_OK);
	assert_true(mesh_node_key_equal(&info.key, &a));
	assert_int_equal(mesh_box_open(text, &box, info.nonce, info.box,
			     info.box_len),
	    MESH_OK);
	assert_int_equal(info.box_len - MESH_RELAY_TAG_LEN, strlen(json));
	assert_memory_equal(text, json, strlen(json));
	f = frame_of(VECTOR_SERVER_INFO, buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_server_info(&f, &info), MESH_OK);
	assert_int_equal(mesh_box_open(text, &box, info.nonce, info.box,
			     info.box_len),
	    MESH_OK);
	assert_memory_equal(text, "{\"version\":2}", 13);
}

static void
test_limits(void **state)
{
	static const struct {
		const char *header;
		int err;
	} cases[] = {
	    {"04 00010020", MESH_ERR_AGAIN}, /* 65536 + 32 */
	    {"04 00010021", MESH_ERR_LIMIT},
	    {"05 00010021", MESH_ERR_LIMIT},
	    {"0a 00010040", MESH_ERR_AGAIN},
	    {"0a 00010041", MESH_ERR_LIMIT},
	    {"02 00004000", MESH_ERR_AGAIN},
	    {"02 00004001", MESH_ERR_LIMIT},
	    {"07 00000002", MESH_ERR_LIMIT},
	    {"11 00000021", MESH_ERR_LIMIT},
	    {"12 000003e8", MESH_ERR_AGAIN},
	    {"12 000003e9", MESH_ERR_LIMIT},
	    {"ff 00100000", MESH_OK}, /* unknown: to be passed over */
	    {"ff 00100001", MESH_ERR_LIMIT},
	    {"00 ffffffff", MESH_ERR_LIMIT},
	    {"04 7fffffff", MESH_ERR_LIMIT},
	    {"04 000000", MESH_ERR_AGAIN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_relay_frame f;
		uint8_t buf[8];
		size_t used, len = test_unhex(cases[i].header, buf, 8);

		if (mesh_relay_frame_read(buf, len, &f, &used) != cases[i].err)
			fail_msg("%s", cases[i].header);
	}
}

static int
read_any(const struct mesh_relay_frame *f)
{
	struct mesh_relay_present present;
	struct mesh_relay_packet packet;
	struct mesh_relay_info info;
	struct mesh_node_key key;
	const uint8_t *data;
	uint32_t a, b;
	uint8_t reason;
	bool home;

	switch (f->type) {
	case MESH_RELAY_SERVER_KEY:
		return mesh_relay_read_server_key(f, &key);
	case MESH_RELAY_CLIENT_INFO:
		return mesh_relay_read_client_info(f, &info);
	case MESH_RELAY_SERVER_INFO:
		return mesh_relay_read_server_info(f, &info);
	case MESH_RELAY_SEND_PACKET:
	case MESH_RELAY_RECV_PACKET:
		return mesh_relay_read_packet(f, &packet);
	case MESH_RELAY_NOTE_PREFERRED:
		return mesh_relay_read_preferred(f, &home);
	case MESH_RELAY_PEER_GONE:
		return mesh_relay_read_gone(f, &key, &reason);
	case MESH_RELAY_PEER_PRESENT:
		return mesh_relay_read_present(f, &present);
	case MESH_RELAY_PING:
		return mesh_relay_read_ping(f, &data);
	case MESH_RELAY_RESTARTING:
		return mesh_relay_read_restarting(f, &a, &b);
	default:
		return MESH_OK;
	}
}

/* Each frame cut at each byte asks for more; each body shorter than its type
 * needs is refused. */
static void
test_truncations(void **state)
{
	static const struct {
		const char *hex;
		size_t least; /* bytes of body */
	} cases[] = {
	    {VECTOR_SERVER_KEY, 40},
	    {VECTOR_CLIENT_INFO, 72},
	    {VECTOR_SERVER_INFO, 40},
	    {VECTOR_SEND_PACKET, 32},
	    {VECTOR_RECV_PACKET, 32},
	    {VECTOR_PREFERRED, 1},
	    {VECTOR_GONE, 32},
	    {VECTOR_PRESENT, 32},
	    {"12000000080102030405060708", 8},
	    {"15000000080000000100000002", 8},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t buf[256];
		struct mesh_relay_frame f =
		    frame_of(cases[i].hex, buf, sizeof(buf));
		struct mesh_relay_frame cut;
		size_t used;

		assert_int_equal(read_any(&f), MESH_OK);
		for (size_t n = 0; n < MESH_RELAY_HEADER_LEN + f.len; n++)
			assert_int_equal(mesh_relay_frame_read(buf, n, &cut,
					     &used),
			    MESH_ERR_AGAIN);
		for (f.len = 0; f.len < cases[i].least; f.len++)
			assert_int_equal(read_any(&f), MESH_ERR_FORMAT);
		assert_int_equal(read_any(&f), MESH_OK);
	}
}

static void
test_refuses_bodies(void **state)
{
	struct mesh_relay_frame f;
	struct mesh_node_key key;
	uint8_t buf[256];
	bool home;

	(void)state;
	f = frame_of(VECTOR_SERVER_KEY, buf, sizeof(buf));
	for (size_t i = 0; i < MESH_RELAY_MAGIC_LEN; i++) {
		buf[MESH_RELAY_HEADER_LEN + i] ^= 1;
		assert_int_equal(mesh_relay_read_server_key(&f, &key),
		    MESH_ERR_FORMAT);
		buf[MESH_RELAY_HEADER_LEN + i] ^= 1;
	}
	f = frame_of("0700000001 02", buf, sizeof(buf));
	assert_int_equal(mesh_relay_read_preferred(&f, &home), MESH_OK);
	assert_true(home);
}

/* A frame that does not fit leaves no part of itself behind. */
static void
test_writes_whole_or_nothing(void **state)
{
	const struct mesh_node_key b = key_of(VECTOR_B_PUBLIC);
	uint8_t buf[64];

	(void)state;
	for (size_t cap = 0; cap < MESH_RELAY_PACKET_HEAD + 5; cap++) {
		struct mesh_wr w = mesh_wr_init(buf, cap);

		mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, &b, "hello",
		    5);
		assert_false(mesh_wr_ok(&w));
		assert_int_equal(w.len, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_writes_vectors),
	    cmocka_unit_test(test_reads_vectors),
	    cmocka_unit_test(test_reads_shorter_and_longer),
	    cmocka_unit_test(test_client_info_box),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_truncations),
	    cmocka_unit_test(test_refuses_bodies),
	    cmocka_unit_test(test_writes_whole_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
