/* SPDX-License-Identifier: ISC
 * The relay's side: handshake, delivery, drop policy, duplicates, notices,
 * time. Vectors: protocol/vectors-dataplane.md 4.3, 4.4, 4.6. */
#include "test.h"

#include "base/rd.h"
#include "crypto/box.h"
#include "relay/server.h"
#include "relay_vectors.h"

#include <stdlib.h>

static const struct mesh_time start = {1000 * MESH_SEC};

/* Looks like disco: magic, a key, a nonce. */
#define DISCO_LEN 62u

/* A client that speaks by the codec alone. */
struct client {
	struct mesh_relay_conn *conn;
	struct mesh_node_secret secret;
	struct mesh_node_key key;
};

struct fixture {
	struct mesh_relay_server *s;
	struct mesh_time now;
	struct mesh_diag diag;
	uint8_t out[MESH_RELAY_FRAME_MAX];
	size_t out_len, out_pos;
};

static struct fixture *
setup(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct mesh_node_secret secret;
	const uint8_t seed[16] = {7};
	struct mesh_relay_server_conf conf = {
	    .secret = &secret,
	    .seed = seed,
	    .max_clients = 8,
	};

	assert_non_null(f);
	test_unhex(VECTOR_SERVER_SECRET, secret.b, sizeof(secret.b));
	f->s = mesh_relay_server_new(&conf);
	f->now = start;
	assert_non_null(f->s);
	return f;
}

static void
teardown(struct fixture *f)
{
	mesh_relay_server_free(f->s);
	free(f);
}

/* As a program whose sockets are stuck: nothing is written meanwhile. */
static int
input(struct fixture *f, struct client *c, const void *p, size_t len)
{
	const uint8_t *data = p;
	int err = MESH_OK;

	while (err == MESH_OK && len > 0) {
		size_t used;

		err = mesh_relay_conn_input(c->conn, data, len, f->now, &used,
		    &f->diag);
		data += used;
		len -= used;
	}
	return err;
}

static int
input_hex(struct fixture *f, struct client *c, const char *hex)
{
	uint8_t buf[1024];

	return input(f, c, buf, test_unhex(hex, buf, sizeof(buf)));
}

/* The next frame that waits for the client; type 0: none. */
static struct mesh_relay_frame
output(struct fixture *f, struct client *c)
{
	struct mesh_relay_frame frame = {0};
	size_t used;

	if (f->out_pos == f->out_len) {
		f->out_pos = 0;
		f->out_len =
		    mesh_relay_conn_output(c->conn, f->out, sizeof(f->out));
	}
	if (f->out_len == 0)
		return frame;
	assert_int_equal(mesh_relay_frame_read(f->out + f->out_pos,
			     f->out_len - f->out_pos, &frame, &used),
	    MESH_OK);
	f->out_pos += used;
	return frame;
}

static void
nothing_for(struct fixture *f, struct client *c)
{
	assert_int_equal(output(f, c).type, 0);
}

static void
connect_as(struct fixture *f, struct client *c)
{
	uint8_t random[MESH_RELAY_RANDOM_LEN];

	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(0x18 + i);
	memset(random + MESH_RELAY_NONCE_LEN, 0, 8); /* no jitter */
	c->conn = mesh_relay_conn_new(f->s, c, random, f->now);
	assert_non_null(c->conn);
}

static int
say_hello(struct fixture *f, struct client *c, const char *json)
{
	uint8_t buf[1024], nonce[MESH_RELAY_NONCE_LEN] = {1};
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));
	struct mesh_box_key box;
	uint8_t *room;

	c->key = mesh_node_public(&c->secret);
	assert_int_equal(mesh_box_key_make(&box, c->secret.b,
			     mesh_relay_server_key(f->s)->b),
	    MESH_OK);
	room = mesh_relay_write_client_info(&w, &c->key, nonce,
	    strlen(json) + MESH_RELAY_TAG_LEN);
	assert_non_null(room);
	mesh_box_seal(room, &box, nonce, json, strlen(json));
	return input(f, c, buf, w.len);
}

/* A client with a key made of one number, past the handshake. */
static struct client
join(struct fixture *f, uint8_t number)
{
	struct client c = {.secret = {{0, number}}};

	connect_as(f, &c);
	assert_int_equal(say_hello(f, &c,
			     "{\"version\":2,\"CanAckPings\":true}"),
	    MESH_OK);
	assert_int_equal(output(f, &c).type, MESH_RELAY_SERVER_KEY);
	assert_int_equal(output(f, &c).type, MESH_RELAY_SERVER_INFO);
	nothing_for(f, &c);
	return c;
}

static int
send_len(struct fixture *f, struct client *c, const struct mesh_node_key *to,
    const void *data, size_t len)
{
	static uint8_t buf[MESH_RELAY_FRAME_MAX];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, to, data, len);
	return input(f, c, buf, w.len);
}

static void
send_text(struct fixture *f, struct client *c, const struct client *to,
    const char *text)
{
	assert_int_equal(send_len(f, c, &to->key, text, strlen(text)), MESH_OK);
}

static void
send_disco(struct fixture *f, struct client *c, const struct mesh_node_key *to)
{
	uint8_t disco[DISCO_LEN] = {0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac};

	assert_int_equal(send_len(f, c, to, disco, sizeof(disco)), MESH_OK);
}

static void
receives(struct fixture *f, struct client *c, const struct client *from,
    const char *text)
{
	struct mesh_relay_frame frame = output(f, c);
	struct mesh_relay_packet p;

	assert_int_equal(frame.type, MESH_RELAY_RECV_PACKET);
	assert_int_equal(mesh_relay_read_packet(&frame, &p), MESH_OK);
	assert_true(mesh_node_key_equal(&p.key, &from->key));
	assert_int_equal(p.len, strlen(text));
	assert_memory_equal(p.data, text, p.len);
}

static void
hears_gone(struct fixture *f, struct client *c, const struct mesh_node_key *who,
    uint8_t why)
{
	struct mesh_relay_frame frame = output(f, c);
	struct mesh_node_key key;
	uint8_t reason;

	assert_int_equal(frame.type, MESH_RELAY_PEER_GONE);
	assert_int_equal(mesh_relay_read_gone(&frame, &key, &reason), MESH_OK);
	assert_true(mesh_node_key_equal(&key, who));
	assert_int_equal(reason, why);
}

static uint64_t
dropped(const struct fixture *f, enum mesh_relay_drop why)
{
	return mesh_relay_server_stats(f->s)->dropped[why];
}

/* --- handshake --- */

static void
test_stock_handshake(void **state)
{
	struct fixture *f = setup();
	struct client c = {0};
	uint8_t want[256];
	size_t len = test_unhex(VECTOR_SERVER_KEY VECTOR_SERVER_INFO, want,
	    sizeof(want));

	(void)state;
	connect_as(f, &c);
	assert_true(mesh_node_key_is_zero(mesh_relay_conn_key(c.conn)));
	assert_int_equal(input_hex(f, &c, VECTOR_CLIENT_INFO), MESH_OK);
	assert_int_equal(mesh_relay_conn_output(c.conn, f->out, sizeof(f->out)),
	    len);
	assert_memory_equal(f->out, want, len);
	test_unhex(VECTOR_A_PUBLIC, want, sizeof(want));
	assert_memory_equal(mesh_relay_conn_key(c.conn)->b, want, MESH_KEY_LEN);
	assert_int_equal(mesh_relay_server_stats(f->s)->clients, 1);
	teardown(f);
}

static void
test_client_json(void **state)
{
#define K "6d529e9d4ef632d22d4a4214cb49da8f1ba1b72697061fb24e312984c35ec8d8"
	static const struct {
		const char *json;
		int err;
	} cases[] = {
	    {"{}", MESH_OK},
	    {"{\"Version\":5,\"MeshKey\":\"" K "\"}", MESH_OK},
	    {"{\"version\":5,\"meshKey\":\"" K "\"}", MESH_OK},
	    {"{\"meshKey\":\"\",\"AppName\":\"x\",\"IsProber\":true}", MESH_OK},
	    {"{\"version\":5,\"meshKey\":\"abcdefg\"}", MESH_ERR_FORMAT},
	    {"{\"meshKey\":\"" K "ffff\"}", MESH_ERR_FORMAT},
	    {"{\"CanAckPings\":1}", MESH_ERR_FORMAT},
	    {"{\"version\":2", MESH_ERR_FORMAT},
	    {"[]", MESH_ERR_FORMAT},
	    {"", MESH_ERR_FORMAT},
	    {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	     "[[[[[[[[[[[[[[[[[[",
		MESH_ERR_FORMAT},
	};
#undef K

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = setup();
		struct client c = {.secret = {{0, 3}}};

		connect_as(f, &c);
		if (say_hello(f, &c, cases[i].json) != cases[i].err)
			fail_msg("%s: %s", cases[i].json, f->diag.text);
		teardown(f);
	}
}

static void
test_bad_handshakes(void **state)
{
	static const struct {
		const char *hex;
		int err;
	} cases[] = {
	    {VECTOR_SEND_PACKET, MESH_ERR_PROTO},
	    {"1200000008 0102030405060708", MESH_ERR_PROTO},
	    {"ff00000001 00", MESH_ERR_PROTO},
	    {"0200004001", MESH_ERR_LIMIT},
	    {"0200000047 " VECTOR_A_PUBLIC VECTOR_A_PUBLIC "00112233445566",
		MESH_ERR_FORMAT},
	    /* another one's key, without the box to it */
	    {"0200000048 " VECTOR_B_PUBLIC VECTOR_A_PUBLIC "0011223344556677",
		MESH_ERR_AUTH},
	    /* a key of low order */
	    {"0200000048 "
	     "000000000000000000000000000000000000000000000000000000000000000"
	     "0" VECTOR_A_PUBLIC "0011223344556677",
		MESH_ERR_AUTH},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = setup();
		struct client c = {0};

		connect_as(f, &c);
		if (input_hex(f, &c, cases[i].hex) != cases[i].err)
			fail_msg("case %zu: %s", i, f->diag.text);
		assert_true(strlen(f->diag.text) > 0);
		assert_int_equal(mesh_relay_server_stats(f->s)->refused, 1);
		assert_int_equal(mesh_relay_server_stats(f->s)->clients, 0);
		teardown(f);
	}
}

static void
test_bit_flips_of_client_info(void **state)
{
	struct fixture *f = setup();
	uint8_t info[256];
	size_t len = test_unhex(VECTOR_CLIENT_INFO, info, sizeof(info));

	(void)state;
	/* Behind the header: key, nonce and box are all authenticated. */
	for (size_t bit = 8 * MESH_RELAY_HEADER_LEN; bit < 8 * len; bit++) {
		struct client c = {0};

		if (bit == 8 * (MESH_RELAY_HEADER_LEN + MESH_KEY_LEN) - 1)
			continue; /* X25519 ignores the key's last bit */
		connect_as(f, &c);
		info[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(input(f, &c, info, len) < 0);
		info[bit / 8] ^= (uint8_t)(1u << bit % 8);
		mesh_relay_conn_free(c.conn);
	}
	teardown(f);
}

static void
test_full_relay(void **state)
{
	struct fixture *f = setup();
	struct client c = {.secret = {{0, 99}}};

	(void)state;
	for (uint8_t i = 1; i <= 8; i++)
		(void)join(f, i);
	connect_as(f, &c);
	assert_int_equal(say_hello(f, &c, "{}"), MESH_ERR_LIMIT);
	assert_string_equal(f->diag.text, "no room for another client");
	teardown(f);
}

/* --- delivery --- */

static void
test_delivers(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);

	(void)state;
	send_text(f, &a, &b, "one");
	send_text(f, &a, &b, "two");
	assert_ptr_equal(mesh_relay_server_wake(f->s), a.conn);
	assert_ptr_equal(mesh_relay_server_wake(f->s), b.conn);
	assert_null(mesh_relay_server_wake(f->s));
	receives(f, &b, &a, "one");
	receives(f, &b, &a, "two");
	nothing_for(f, &b);
	nothing_for(f, &a);
	send_text(f, &b, &b, "self");
	receives(f, &b, &b, "self");
	send_text(f, &a, &b, "");
	receives(f, &b, &a, "");
	assert_int_equal(mesh_relay_server_stats(f->s)->packets_in, 4);
	assert_int_equal(mesh_relay_server_stats(f->s)->packets_out, 4);
	assert_int_equal(mesh_relay_server_stats(f->s)->queued, 0);
	teardown(f);
}

static void
test_any_cut(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);
	uint8_t buf[256];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	(void)state;
	mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, &b.key, "one", 3);
	mesh_relay_write_header(&w, 0x77, 9); /* unknown: skipped */
	mesh_wr_zero(&w, 9);
	mesh_relay_write_empty(&w, 0x78);
	mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, &b.key, "two", 3);
	for (size_t step = 1; step <= w.len; step++) {
		for (size_t i = 0; i < w.len; i += step)
			assert_int_equal(input(f, &a, buf + i,
					     w.len - i < step ? w.len - i
							      : step),
			    MESH_OK);
		receives(f, &b, &a, "one");
		receives(f, &b, &a, "two");
		nothing_for(f, &b);
	}
	teardown(f);
}

static void
test_coalesces(void **state)
{
	static uint8_t packet[MESH_RELAY_PACKET_MAX];
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);
	const size_t frame = MESH_RELAY_PACKET_HEAD + 1300;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(send_len(f, &a, &b.key, packet, 1300),
		    MESH_OK);
	assert_int_equal(mesh_relay_conn_output(b.conn, f->out, sizeof(f->out)),
	    MESH_RELAY_COALESCE / frame * frame);
	assert_int_equal(mesh_relay_conn_output(b.conn, f->out, sizeof(f->out)),
	    (20 - MESH_RELAY_COALESCE / frame) * frame);
	/* One that is larger than a record goes alone. */
	assert_int_equal(send_len(f, &a, &b.key, packet, sizeof(packet)),
	    MESH_OK);
	assert_int_equal(send_len(f, &a, &b.key, packet, 1), MESH_OK);
	assert_int_equal(mesh_relay_conn_output(b.conn, f->out, sizeof(f->out)),
	    MESH_RELAY_PACKET_HEAD + sizeof(packet));
	teardown(f);
}

static void
test_unknown_destination(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), nobody = {.secret = {{0, 9}}};

	(void)state;
	nobody.key = mesh_node_public(&nobody.secret);
	send_text(f, &a, &nobody, "not disco: no answer");
	nothing_for(f, &a);
	for (int i = 0; i < 10; i++)
		send_disco(f, &a, &nobody.key);
	for (int i = 0; i < 3; i++)
		hears_gone(f, &a, &nobody.key, MESH_RELAY_GONE_NOT_HERE);
	nothing_for(f, &a);
	f->now = mesh_time_add(f->now, MESH_SEC);
	send_disco(f, &a, &nobody.key);
	send_disco(f, &a, &nobody.key);
	hears_gone(f, &a, &nobody.key, MESH_RELAY_GONE_NOT_HERE);
	nothing_for(f, &a);
	assert_int_equal(dropped(f, MESH_RELAY_DROP_UNKNOWN), 13);
	teardown(f);
}

/* --- drop policy --- */

static void
test_full_queue_drops_the_oldest(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);
	char text[16];

	(void)state;
	for (int i = 0; i < 40; i++) {
		(void)mesh_format(text, sizeof(text), "packet %d", i);
		send_text(f, &a, &b, text);
	}
	assert_int_equal(dropped(f, MESH_RELAY_DROP_HEAD), 8);
	/* Disco has a queue of its own. */
	for (int i = 0; i < 33; i++)
		send_disco(f, &a, &b.key);
	assert_int_equal(dropped(f, MESH_RELAY_DROP_HEAD), 9);
	receives(f, &b, &a, "packet 8"); /* then they take turns */
	assert_int_equal(output(f, &b).len, MESH_KEY_LEN + DISCO_LEN);
	receives(f, &b, &a, "packet 9");
	assert_int_equal(output(f, &b).len, MESH_KEY_LEN + DISCO_LEN);
	for (int i = 0; i < 60; i++)
		assert_int_equal(output(f, &b).type, MESH_RELAY_RECV_PACKET);
	nothing_for(f, &b);
	teardown(f);
}

static void
test_queue_bytes_are_bounded(void **state)
{
	static uint8_t packet[MESH_RELAY_PACKET_MAX];
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(send_len(f, &a, &b.key, packet,
				     sizeof(packet)),
		    MESH_OK);
	assert_true(mesh_relay_server_stats(f->s)->queued <=
		    MESH_RELAY_QUEUE_BYTES);
	assert_true(dropped(f, MESH_RELAY_DROP_HEAD) >= 80);
	mesh_relay_conn_free(b.conn);
	assert_int_equal(mesh_relay_server_stats(f->s)->queued, 0);
	assert_true(dropped(f, MESH_RELAY_DROP_GONE) > 0);
	teardown(f);
}

/* When a queue has become full the program gets its turn, once. */
static void
test_full_queue_asks_for_a_write(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);
	static uint8_t buf[100 * (MESH_RELAY_PACKET_HEAD + 4)];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));
	const size_t frame = sizeof(buf) / 100;
	size_t used, pos = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, &b.key,
		    "text", 4);
	while (pos < sizeof(buf)) {
		assert_int_equal(mesh_relay_conn_input(a.conn, buf + pos,
				     sizeof(buf) - pos, f->now, &used, NULL),
		    MESH_OK);
		assert_true(used <= MESH_RELAY_QUEUE_PACKETS * frame);
		pos += used;
		(void)mesh_relay_conn_output(b.conn, f->out, sizeof(f->out));
	}
	assert_int_equal(mesh_relay_server_stats(f->s)->packets_out, 100);
	assert_int_equal(dropped(f, MESH_RELAY_DROP_HEAD), 0);
	/* A client that takes nothing stops nobody. */
	assert_int_equal(mesh_relay_conn_input(a.conn, buf, sizeof(buf), f->now,
			     &used, NULL),
	    MESH_OK);
	assert_int_equal(used, MESH_RELAY_QUEUE_PACKETS * frame);
	assert_int_equal(mesh_relay_conn_input(a.conn, buf, sizeof(buf), f->now,
			     &used, NULL),
	    MESH_OK);
	assert_int_equal(used, sizeof(buf));
	teardown(f);
}

static void
test_ping_flood_gets_one_pong(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(input_hex(f, &a,
				     "120000000a 0102030405060708 ffff"),
		    MESH_OK);
	assert_int_equal(output(f, &a).type, MESH_RELAY_PONG);
	nothing_for(f, &a);
	assert_int_equal(input_hex(f, &a, "1200000008 0102030405060708"),
	    MESH_OK);
	assert_int_equal(output(f, &a).type, MESH_RELAY_PONG);
	teardown(f);
}

static void
test_refused_frames(void **state)
{
	static const struct {
		const char *hex;
		int err;
	} cases[] = {
	    {VECTOR_FORWARD, MESH_ERR_DENIED},
	    {"1000000000", MESH_ERR_DENIED},
	    {"1100000020" VECTOR_B_PUBLIC, MESH_ERR_DENIED},
	    {"040000001f" VECTOR_B_PUBLIC, MESH_ERR_FORMAT},
	    {"0400010021", MESH_ERR_LIMIT},
	    {"0700000000", MESH_ERR_FORMAT},
	    {"0700000002", MESH_ERR_LIMIT},
	    {"1200000007 01020304050607", MESH_ERR_FORMAT},
	    {"12000003e9", MESH_ERR_LIMIT},
	    {"ff00100001", MESH_ERR_LIMIT},
	    {"00ffffffff", MESH_ERR_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = setup();
		struct client a = join(f, 1);

		if (input_hex(f, &a, cases[i].hex) != cases[i].err)
			fail_msg("%s: %s", cases[i].hex, f->diag.text);
		assert_true(strlen(f->diag.text) > 0);
		teardown(f);
	}
}

static void
test_home(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2);

	(void)state;
	assert_int_equal(input_hex(f, &a, "0700000001 01 0700000001 01"),
	    MESH_OK);
	assert_int_equal(input_hex(f, &b, "0700000001 01"), MESH_OK);
	assert_int_equal(mesh_relay_server_stats(f->s)->homes, 2);
	assert_int_equal(input_hex(f, &a, "0700000001 00"), MESH_OK);
	mesh_relay_conn_free(b.conn);
	assert_int_equal(mesh_relay_server_stats(f->s)->homes, 0);
	teardown(f);
}

/* --- duplicates and departures --- */

static void
test_last_speaker_is_active(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), c1 = join(f, 2), c2 = join(f, 2);

	(void)state;
	assert_int_equal(mesh_relay_server_stats(f->s)->clients, 3);
	assert_int_equal(mesh_relay_server_stats(f->s)->keys, 2);
	send_text(f, &a, &c1, "newest"); /* +c1 +c2: c2 */
	receives(f, &c2, &a, "newest");
	nothing_for(f, &c1);
	send_text(f, &c1, &a, "act"); /* act c1: c1 */
	send_text(f, &a, &c1, "to one");
	receives(f, &c1, &a, "to one");
	nothing_for(f, &c2);
	send_text(f, &c2, &a, "act"); /* act c2: c2 */
	send_text(f, &a, &c1, "to two");
	receives(f, &c2, &a, "to two");
	mesh_relay_conn_free(c2.conn); /* -c2: c1 */
	send_text(f, &a, &c1, "to one again");
	receives(f, &c1, &a, "to one again");
	receives(f, &a, &c1, "act");
	receives(f, &a, &c1, "act");
	mesh_relay_conn_free(c1.conn); /* -c1: key unknown */
	hears_gone(f, &a, &c1.key, MESH_RELAY_GONE_DISCONNECTED);
	assert_int_equal(mesh_relay_server_stats(f->s)->keys, 1);
	teardown(f);
}

static void
test_gone_is_told_to_receivers(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2), c = join(f, 3);
	struct client twin = join(f, 1);

	(void)state;
	send_text(f, &a, &b, "x");
	send_text(f, &a, &b, "y");
	send_text(f, &twin, &b, "z");
	for (int i = 0; i < 3; i++)
		assert_int_equal(output(f, &b).type, MESH_RELAY_RECV_PACKET);
	mesh_relay_conn_free(a.conn);
	nothing_for(f, &b); /* the key is still here */
	mesh_relay_conn_free(twin.conn);
	hears_gone(f, &b, &a.key, MESH_RELAY_GONE_DISCONNECTED);
	nothing_for(f, &b); /* once */
	nothing_for(f, &c); /* never had a packet */
	/* Come back and gone again without a word to b: nothing to tell. */
	a = join(f, 1);
	mesh_relay_conn_free(a.conn);
	nothing_for(f, &b);
	teardown(f);
}

static void
test_receiver_leaves_first(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), b = join(f, 2), c = join(f, 3);

	(void)state;
	send_text(f, &a, &b, "x");
	send_text(f, &a, &c, "x");
	send_text(f, &b, &a, "x");
	receives(f, &a, &b, "x");
	receives(f, &c, &a, "x");
	mesh_relay_conn_free(b.conn);
	hears_gone(f, &a, &b.key, MESH_RELAY_GONE_DISCONNECTED);
	mesh_relay_conn_free(a.conn);
	hears_gone(f, &c, &a.key, MESH_RELAY_GONE_DISCONNECTED);
	teardown(f);
}

/* --- time --- */

static void
test_handshake_times_out(void **state)
{
	struct fixture *f = setup();
	struct client c = {0};

	(void)state;
	connect_as(f, &c);
	assert_true(mesh_relay_conn_deadline(c.conn).ns ==
		    start.ns + MESH_RELAY_HANDSHAKE_NS);
	assert_int_equal(mesh_relay_conn_tick(c.conn,
			     mesh_time_add(start, MESH_RELAY_HANDSHAKE_NS - 1)),
	    MESH_OK);
	assert_int_equal(mesh_relay_conn_tick(c.conn,
			     mesh_time_add(start, MESH_RELAY_HANDSHAKE_NS)),
	    MESH_ERR_TIMEOUT);
	teardown(f);
}

static int
beat(struct fixture *f, struct client *c)
{
	f->now = mesh_relay_conn_deadline(c->conn);
	return mesh_relay_conn_tick(c->conn, f->now);
}

static void
test_silent_client_is_pinged_then_closed(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1);

	(void)state;
	assert_int_equal(beat(f, &a), MESH_OK);
	assert_int_equal(output(f, &a).type, MESH_RELAY_PING);
	assert_int_equal(input_hex(f, &a, "1300000008 0000000000000000"),
	    MESH_OK);
	for (unsigned i = 0; i < MESH_RELAY_MISSED_MAX; i++) {
		assert_int_equal(beat(f, &a), MESH_OK);
		assert_int_equal(output(f, &a).type, MESH_RELAY_PING);
	}
	assert_int_equal(beat(f, &a), MESH_ERR_TIMEOUT);
	teardown(f);
}

static void
test_busy_or_mute_client_gets_keep_alives(void **state)
{
	struct fixture *f = setup();
	struct client a = join(f, 1), mute = {.secret = {{0, 2}}};

	(void)state;
	connect_as(f, &mute);
	assert_int_equal(say_hello(f, &mute, "{\"version\":2}"), MESH_OK);
	(void)output(f, &mute);
	(void)output(f, &mute);
	for (int i = 0; i < 10; i++) {
		f->now = mesh_time_add(f->now, 30 * MESH_SEC);
		send_text(f, &a, &a, "busy");
		receives(f, &a, &a, "busy");
		assert_int_equal(beat(f, &a), MESH_OK);
		assert_int_equal(output(f, &a).type, MESH_RELAY_KEEP_ALIVE);
		assert_int_equal(beat(f, &mute), MESH_OK);
		assert_int_equal(output(f, &mute).type, MESH_RELAY_KEEP_ALIVE);
	}
	teardown(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stock_handshake),
	    cmocka_unit_test(test_client_json),
	    cmocka_unit_test(test_bad_handshakes),
	    cmocka_unit_test(test_bit_flips_of_client_info),
	    cmocka_unit_test(test_full_relay),
	    cmocka_unit_test(test_delivers),
	    cmocka_unit_test(test_any_cut),
	    cmocka_unit_test(test_coalesces),
	    cmocka_unit_test(test_unknown_destination),
	    cmocka_unit_test(test_full_queue_drops_the_oldest),
	    cmocka_unit_test(test_queue_bytes_are_bounded),
	    cmocka_unit_test(test_full_queue_asks_for_a_write),
	    cmocka_unit_test(test_ping_flood_gets_one_pong),
	    cmocka_unit_test(test_refused_frames),
	    cmocka_unit_test(test_home),
	    cmocka_unit_test(test_last_speaker_is_active),
	    cmocka_unit_test(test_gone_is_told_to_receivers),
	    cmocka_unit_test(test_receiver_leaves_first),
	    cmocka_unit_test(test_handshake_times_out),
	    cmocka_unit_test(test_silent_client_is_pinged_then_closed),
	    cmocka_unit_test(test_busy_or_mute_client_gets_keep_alives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
