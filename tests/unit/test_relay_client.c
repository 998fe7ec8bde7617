/* SPDX-License-Identifier: ISC
 * The node's side of a relay connection: against the recorded frames of the
 * stock server, and against a server that does everything wrong. */
#include "test.h"

#include "base/secret.h"
#include "relay/client.h"
#include "relay_vectors.h"

#define ANSWER                                                                 \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n"                \
	"Connection: Upgrade\r\nDerp-Version: 2\r\n\r\n"

static const struct mesh_time start = {1000 * MESH_SEC};

struct fixture {
	struct mesh_relay_client c;
	struct mesh_node_secret secret;
	struct mesh_node_key server, peer;
	struct mesh_time now;
	struct mesh_relay_event ev;
};

static void
begin_as(struct fixture *f, bool fast, bool home)
{
	struct mesh_relay_client_conf conf = {
	    .host = "relay.test",
	    .secret = &f->secret,
	    .server = fast ? &f->server : NULL,
	    .home = home,
	};
	uint8_t nonce[MESH_RELAY_NONCE_LEN];

	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)i;
	conf.nonce = nonce;
	test_unhex(VECTOR_A_SECRET, f->secret.b, sizeof(f->secret.b));
	test_unhex(VECTOR_SERVER_PUBLIC, f->server.b, sizeof(f->server.b));
	test_unhex(VECTOR_B_PUBLIC, f->peer.b, sizeof(f->peer.b));
	f->now = start;
	assert_int_equal(mesh_relay_client_init(&f->c, &conf, f->now), MESH_OK);
}

static void
feed(struct fixture *f, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t room, n;
		uint8_t *to = mesh_relay_client_room(&f->c, &room);

		assert_non_null(to);
		n = len < room ? len : room;
		memcpy(to, p, n);
		mesh_relay_client_fed(&f->c, n, f->now);
		p += n;
		len -= n;
		if (len > 0) /* the caller drains before it reads again */
			assert_int_equal(mesh_relay_client_next(&f->c, f->now,
					     &f->ev),
			    MESH_ERR_AGAIN);
	}
}

static void
feed_hex(struct fixture *f, const char *hex)
{
	uint8_t buf[512];

	feed(f, buf, test_unhex(hex, buf, sizeof(buf)));
}

static int
next(struct fixture *f)
{
	return mesh_relay_client_next(&f->c, f->now, &f->ev);
}

/* Everything it has to say, compared with hex, and taken. */
static void
says(struct fixture *f, const char *hex)
{
	uint8_t want[512];
	size_t len, want_len = test_unhex(hex, want, sizeof(want));
	const uint8_t *out = mesh_relay_client_output(&f->c, &len);

	assert_int_equal(len, want_len);
	assert_memory_equal(out, want, len);
	mesh_relay_client_sent(&f->c, len);
}

static void
says_text(struct fixture *f, const char *text)
{
	size_t len;
	const uint8_t *out = mesh_relay_client_output(&f->c, &len);

	assert_true(len >= strlen(text));
	assert_memory_equal(out, text, strlen(text));
	mesh_relay_client_sent(&f->c, strlen(text));
}

static void
become_ready(struct fixture *f)
{
	begin_as(f, false, false);
	mesh_relay_client_sent(&f->c, f->c.out.len);
	feed(f, ANSWER, strlen(ANSWER));
	feed_hex(f, VECTOR_SERVER_KEY);
	assert_int_equal(next(f), MESH_ERR_AGAIN);
	mesh_relay_client_sent(&f->c, f->c.out.len);
	feed_hex(f, VECTOR_SERVER_INFO);
	assert_int_equal(next(f), MESH_OK);
	assert_int_equal(f->ev.kind, MESH_RELAY_EVENT_READY);
	assert_int_equal(next(f), MESH_ERR_AGAIN);
}

static void
test_handshake(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, false, true);
	says_text(&f, "GET /derp HTTP/1.1\r\nHost: relay.test\r\n"
		      "Connection: Upgrade\r\nUpgrade: DERP\r\n\r\n");
	says(&f, "");
	/* Packets may be sent at any time; they wait for the client info. */
	assert_int_equal(mesh_relay_client_send(&f.c, &f.peer, "hello", 5,
			     false, f.now),
	    MESH_OK);
	says(&f, "");
	feed(&f, ANSWER, strlen(ANSWER));
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	says(&f, "");
	feed_hex(&f, VECTOR_SERVER_KEY);
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	assert_true(mesh_node_key_equal(&f.c.server, &f.server));
	says(&f, VECTOR_CLIENT_INFO VECTOR_PREFERRED VECTOR_SEND_PACKET);
	feed_hex(&f, VECTOR_SERVER_INFO VECTOR_RECV_PACKET);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_READY);
	assert_true(mesh_ct_is_zero(&f.c.secret, sizeof(f.c.secret)));
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_PACKET);
	assert_int_equal(f.ev.len, 5);
	assert_memory_equal(f.ev.data, "hello", 5);
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	mesh_relay_client_release(&f.c);
}

static void
test_fast_start(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, true, false);
	says_text(&f, "GET /derp HTTP/1.1\r\nHost: relay.test\r\n"
		      "Connection: Upgrade\r\nUpgrade: DERP\r\n"
		      "Derp-Fast-Start: 1\r\n\r\n");
	says(&f, VECTOR_CLIENT_INFO);
	feed_hex(&f, VECTOR_SERVER_KEY VECTOR_SERVER_INFO);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_READY);
	mesh_relay_client_release(&f.c);
	/* The key of the certificate and that of the frame have to agree. */
	begin_as(&f, true, false);
	feed_hex(&f, "0100000028 44455250f09f9491" VECTOR_B_PUBLIC);
	assert_int_equal(next(&f), MESH_ERR_AUTH);
	mesh_relay_client_release(&f.c);
}

static void
test_byte_by_byte(void **state)
{
	struct fixture f;
	uint8_t buf[512];
	size_t len;
	int packets = 0, ready = 0;

	(void)state;
	begin_as(&f, false, false);
	memcpy(buf, ANSWER, strlen(ANSWER));
	len = strlen(ANSWER);
	len +=
	    test_unhex(VECTOR_SERVER_KEY VECTOR_SERVER_INFO VECTOR_RECV_PACKET
		"0600000000" VECTOR_GONE,
		buf + len, sizeof(buf) - len);
	for (size_t i = 0; i < len; i++) {
		feed(&f, buf + i, 1);
		while (next(&f) == MESH_OK) {
			ready += f.ev.kind == MESH_RELAY_EVENT_READY;
			packets += f.ev.kind == MESH_RELAY_EVENT_PACKET;
		}
		assert_int_equal(f.c.err, MESH_OK);
	}
	assert_int_equal(ready, 1);
	assert_int_equal(packets, 1);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_GONE);
	assert_int_equal(f.ev.reason, MESH_RELAY_GONE_NOT_HERE);
	mesh_relay_client_release(&f.c);
}

static void
test_events(void **state)
{
	struct fixture f;

	(void)state;
	become_ready(&f);
	feed_hex(&f, "1400000003424144 15000000080000000100000002"
		     "13000000080102030405060708" VECTOR_PRESENT
		     "12000000080807060504030201");
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_HEALTH);
	assert_memory_equal(f.ev.data, "BAD", 3);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_RESTARTING);
	assert_int_equal(f.ev.in_ms, 1);
	assert_int_equal(f.ev.for_ms, 2);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_PONG);
	assert_int_equal(f.ev.data[0], 1);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_PRESENT);
	assert_true(mesh_node_key_equal(&f.ev.peer, &f.peer));
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	says(&f, "13000000080807060504030201");
	mesh_relay_client_set_home(&f.c, true);
	mesh_relay_client_set_home(&f.c, true);
	says(&f, "0700000001 01");
	mesh_relay_client_set_home(&f.c, false);
	says(&f, "0700000001 00");
	mesh_relay_client_release(&f.c);
}

static void
test_unknown_frames_are_skipped(void **state)
{
	static uint8_t big[MESH_RELAY_SKIP_MAX];
	struct fixture f;

	(void)state;
	become_ready(&f);
	feed_hex(&f, "7700000003aabbcc 00000000 00");
	feed_hex(&f, "ff00100000");
	feed(&f, big, sizeof(big));
	feed_hex(&f, VECTOR_RECV_PACKET);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_PACKET);
	mesh_relay_client_release(&f.c);
}

static void
test_largest_packet(void **state)
{
	static uint8_t packet[MESH_RELAY_PACKET_MAX + 1];
	uint8_t head[MESH_RELAY_PACKET_HEAD];
	struct mesh_wr w = mesh_wr_init(head, sizeof(head));
	struct fixture f;

	(void)state;
	become_ready(&f);
	mesh_relay_write_packet_head(&w, MESH_RELAY_RECV_PACKET, &f.peer,
	    MESH_RELAY_PACKET_MAX);
	feed(&f, head, sizeof(head));
	feed(&f, packet, MESH_RELAY_PACKET_MAX);
	assert_int_equal(next(&f), MESH_OK);
	assert_int_equal(f.ev.len, MESH_RELAY_PACKET_MAX);
	assert_int_equal(mesh_relay_client_send(&f.c, &f.peer, packet,
			     sizeof(packet), false, f.now),
	    MESH_ERR_LIMIT);
	assert_int_equal(mesh_relay_client_send(&f.c, &f.peer, packet,
			     MESH_RELAY_PACKET_MAX, false, f.now),
	    MESH_OK);
	mesh_relay_client_release(&f.c);
}

/* What is not a relay, or not the right one: a clear end. */
static void
test_refusals(void **state)
{
	static const struct {
		const char *answer, *hex;
		int err;
		const char *says;
	} cases[] = {
	    {"HTTP/1.1 404 Not Found\r\n\r\n", "", MESH_ERR_REFUSED,
		"HTTP status 404"},
	    {"SSH-2.0-OpenSSH_9.2\r\n", "", MESH_ERR_PROTO, "not HTTP"},
	    {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", "", MESH_ERR_PROTO,
		"something else"},
	    {ANSWER, "0100000028 44455250f09f9490" VECTOR_SERVER_PUBLIC,
		MESH_ERR_PROTO, "server key"},
	    {ANSWER,
		"0100000028 44455250f09f9491"
		"0000000000000000000000000000000000000000000000000000000000"
		"000000",
		MESH_ERR_AUTH, "no key"},
	    {ANSWER, VECTOR_RECV_PACKET, MESH_ERR_PROTO, "before"},
	    {ANSWER, VECTOR_SERVER_INFO, MESH_ERR_PROTO, "before"},
	    {ANSWER, VECTOR_SERVER_KEY VECTOR_RECV_PACKET, MESH_ERR_PROTO,
		"before"},
	    {ANSWER,
		VECTOR_SERVER_KEY "0300000010 00000000000000000000000000"
				  "000000",
		MESH_ERR_PROTO, "server info"},
	    {ANSWER,
		VECTOR_SERVER_KEY "0300000028 000000000000000000000000"
				  "000000000000000000000000"
				  "00000000000000000000000000000000",
		MESH_ERR_AUTH, "does not have the key"},
	    {ANSWER, "05ffffffff", MESH_ERR_LIMIT, "too long"},
	    {ANSWER, VECTOR_SERVER_KEY VECTOR_SERVER_INFO "0800000001 00",
		MESH_ERR_PROTO, "malformed"},
	    {ANSWER,
		VECTOR_SERVER_KEY VECTOR_SERVER_INFO
		"050000001f 00010203"
		"0405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
		MESH_ERR_PROTO, "malformed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		int err;

		begin_as(&f, false, false);
		feed(&f, cases[i].answer, strlen(cases[i].answer));
		feed_hex(&f, cases[i].hex);
		while ((err = next(&f)) == MESH_OK)
			assert_int_equal(f.ev.kind, MESH_RELAY_EVENT_READY);
		if (err != cases[i].err ||
		    strstr(f.c.diag.text, cases[i].says) == NULL)
			fail_msg("case %zu: %d '%s'", i, err, f.c.diag.text);
		/* And it stays so. */
		assert_int_equal(next(&f), err);
		assert_int_equal(mesh_relay_client_send(&f.c, &f.peer, "x", 1,
				     false, f.now),
		    MESH_ERR_STATE);
		assert_true(
		    mesh_time_is_never(mesh_relay_client_deadline(&f.c)));
		mesh_relay_client_release(&f.c);
	}
}

static void
test_host_names(void **state)
{
	static const char *const bad[] = {"", "a\r\nHost: b", NULL};
	char longest[MESH_RELAY_HOST_MAX + 1];
	struct mesh_node_secret secret = {{1}};
	uint8_t nonce[MESH_RELAY_NONCE_LEN] = {0};
	struct mesh_relay_client_conf conf = {
	    .secret = &secret,
	    .nonce = nonce,
	};
	struct mesh_relay_client c;

	(void)state;
	for (size_t i = 0; bad[i] != NULL; i++) {
		conf.host = bad[i];
		assert_true(mesh_relay_client_init(&c, &conf, start) < 0);
		mesh_relay_client_release(&c);
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	conf.host = longest;
	assert_true(mesh_relay_client_init(&c, &conf, start) < 0);
	mesh_relay_client_release(&c);
}

/* --- time --- */

static void
at(struct fixture *f, uint64_t after_ns)
{
	f->now = mesh_time_add(f->now, after_ns);
}

static void
test_handshake_times_out(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, false, false);
	assert_true(mesh_relay_client_deadline(&f.c).ns ==
		    start.ns + MESH_RELAY_CONNECT_NS);
	at(&f, MESH_RELAY_CONNECT_NS - 1);
	feed(&f, ANSWER, strlen(ANSWER)); /* does not prolong it */
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	at(&f, 1);
	assert_int_equal(next(&f), MESH_ERR_TIMEOUT);
	mesh_relay_client_release(&f.c);
}

static void
test_silence(void **state)
{
	struct fixture f;

	(void)state;
	become_ready(&f);
	at(&f, MESH_RELAY_SILENCE_NS - 1);
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	feed_hex(&f, "0600000000");
	at(&f, MESH_RELAY_SILENCE_NS - 1);
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	says(&f, ""); /* who sends nothing asks nothing */
	at(&f, 1);
	assert_int_equal(next(&f), MESH_ERR_TIMEOUT);
	mesh_relay_client_release(&f.c);
}

static void
test_dead_relay_is_noticed(void **state)
{
	struct fixture f;

	(void)state;
	become_ready(&f);
	mesh_relay_client_send(&f.c, &f.peer, "hello", 5, false, f.now);
	mesh_relay_client_sent(&f.c, f.c.out.len);
	at(&f, MESH_RELAY_PROBE_NS);
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	says(&f, "1200000008 6d65736864656164");
	assert_true(mesh_relay_client_deadline(&f.c).ns ==
		    f.now.ns + MESH_RELAY_PROBE_WAIT_NS);
	feed_hex(&f, "1300000008 6d65736864656164"); /* lives */
	at(&f, MESH_RELAY_PROBE_WAIT_NS);
	assert_int_equal(next(&f), MESH_OK);
	mesh_relay_client_send(&f.c, &f.peer, "hello", 5, false, f.now);
	at(&f, MESH_RELAY_PROBE_NS);
	assert_int_equal(next(&f), MESH_ERR_AGAIN);
	at(&f, MESH_RELAY_PROBE_WAIT_NS);
	assert_int_equal(next(&f), MESH_ERR_TIMEOUT);
	mesh_relay_client_release(&f.c);
}

/* --- bounds --- */

static void
test_unsent_is_bounded(void **state)
{
	static uint8_t packet[1280];
	struct fixture f;
	size_t sent = 0;

	(void)state;
	become_ready(&f);
	while (mesh_relay_client_send(&f.c, &f.peer, packet, sizeof(packet),
		   false, f.now) == MESH_OK)
		sent++;
	assert_in_range(sent, 32, 96);
	assert_int_equal(f.c.dropped, 1);
	/* Disco has room left; even that ends. */
	assert_int_equal(mesh_relay_client_send(&f.c, &f.peer, packet, 100,
			     true, f.now),
	    MESH_OK);
	for (int i = 0; i < 10000; i++) {
		mesh_relay_client_send(&f.c, &f.peer, packet, 1000, true,
		    f.now);
		mesh_relay_client_ping(&f.c, packet, f.now);
	}
	assert_true(f.c.out.len <= MESH_RELAY_OUT_MAX);
	mesh_relay_client_sent(&f.c, f.c.out.len);
	assert_int_equal(mesh_relay_client_send(&f.c, &f.peer, packet, 1000,
			     false, f.now),
	    MESH_OK);
	mesh_relay_client_release(&f.c);
}

static void
test_ping_flood(void **state)
{
	struct fixture f;

	(void)state;
	become_ready(&f);
	for (int i = 0; i < 100000; i++) {
		feed_hex(&f, "12000000080102030405060708");
		assert_int_equal(next(&f), MESH_ERR_AGAIN);
	}
	assert_true(f.c.out.len < MESH_RELAY_OUT_PACKETS + 64);
	mesh_relay_client_release(&f.c);
}

static void
test_meta_name(void **state)
{
	struct mesh_node_key key, server;
	char name[MESH_RELAY_META_NAME];

	(void)state;
	test_unhex(VECTOR_SERVER_PUBLIC, server.b, sizeof(server.b));
	assert_string_equal(mesh_relay_meta_name_format(&server, name),
	    "derpkey" VECTOR_SERVER_PUBLIC);
	assert_int_equal(mesh_relay_meta_name(name, strlen(name), &key),
	    MESH_OK);
	assert_true(mesh_node_key_equal(&key, &server));
	for (size_t n = 0; n < strlen(name); n++)
		assert_int_equal(mesh_relay_meta_name(name, n, &key),
		    MESH_ERR_NOTFOUND);
	name[10] = 'x';
	assert_int_equal(mesh_relay_meta_name(name, strlen(name), &key),
	    MESH_ERR_NOTFOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_handshake),
	    cmocka_unit_test(test_fast_start),
	    cmocka_unit_test(test_byte_by_byte),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_unknown_frames_are_skipped),
	    cmocka_unit_test(test_largest_packet),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_host_names),
	    cmocka_unit_test(test_handshake_times_out),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_dead_relay_is_noticed),
	    cmocka_unit_test(test_unsent_is_bounded),
	    cmocka_unit_test(test_ping_flood),
	    cmocka_unit_test(test_meta_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
