/* SPDX-License-Identifier: ISC
 * Relays of one region: two servers, a link between them, clients at both; and
 * admission. What a bad mesh key may not do. */
#include "test.h"

#include "base/rd.h"
#include "crypto/box.h"
#include "relay/server.h"

#include <stdlib.h>

#define KEY "6d529e9d4ef632d22d4a4214cb49da8f1ba1b72697061fb24e312984c35ec8d8"
#define OTHER "6d529e9d4ef632d22d4a4214cb49da8f1ba1b72697061fb24e312984c35ec8d9"
#define MESH_JSON "{\"meshKey\":\"" KEY "\",\"version\":2}"
#define PLAIN_JSON "{\"version\":2}"

static const struct mesh_time start = {1000 * MESH_SEC};
static uint8_t out[MESH_RELAY_FRAME_MAX];

static struct mesh_relay_server *
server(uint8_t number, bool mesh, bool admit)
{
	const struct mesh_node_secret secret = {{0, number}};
	const uint8_t seed[16] = {number};
	struct mesh_relay_mesh_key key;
	struct mesh_relay_server_conf conf = {
	    .secret = &secret,
	    .seed = seed,
	    .max_clients = 8,
	    .mesh = mesh ? &key : NULL,
	    .admit = admit,
	};
	struct mesh_relay_server *s;

	assert_int_equal(mesh_relay_mesh_key_parse(MESH_STR(" " KEY "\n"),
			     &key),
	    MESH_OK);
	s = mesh_relay_server_new(&conf);
	assert_non_null(s);
	return s;
}

static struct mesh_relay_conn *
connect_to(struct mesh_relay_server *s)
{
	const uint8_t random[MESH_RELAY_RANDOM_LEN] = {1};
	struct mesh_relay_conn *c = mesh_relay_conn_new(s, NULL, random, start);

	assert_non_null(c);
	return c;
}

static int
put(struct mesh_relay_conn *c, const uint8_t *p, size_t len)
{
	int err = MESH_OK;

	while (err == MESH_OK && len > 0) {
		size_t used;

		err = mesh_relay_conn_input(c, p, len, start, &used, NULL);
		p += used;
		len -= used;
		if (used == 0)
			break;
	}
	return err;
}

static struct mesh_node_key
key_of(uint8_t number)
{
	const struct mesh_node_secret secret = {{0, number}};

	return mesh_node_public(&secret);
}

static int
say_hello(struct mesh_relay_conn *c, struct mesh_relay_server *s,
    uint8_t number, const char *json)
{
	const struct mesh_node_secret secret = {{0, number}};
	const struct mesh_node_key key = key_of(number);
	uint8_t buf[512], nonce[MESH_RELAY_NONCE_LEN] = {1};
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));
	struct mesh_box_key box;
	uint8_t *room;

	assert_int_equal(mesh_box_key_make(&box, secret.b,
			     mesh_relay_server_key(s)->b),
	    MESH_OK);
	room = mesh_relay_write_client_info(&w, &key, nonce,
	    strlen(json) + MESH_RELAY_TAG_LEN);
	mesh_box_seal(room, &box, nonce, json, strlen(json));
	return put(c, buf, w.len);
}

/* What waits for it, of this type; type 0: nothing at all waits. */
static struct mesh_relay_frame
next(struct mesh_relay_conn *c, uint8_t type)
{
	static uint8_t *at;
	static size_t left;
	static struct mesh_relay_conn *last;
	struct mesh_relay_frame f = {0};
	size_t used;

	if (last != c)
		left = 0;
	last = c;
	do {
		if (left == 0) {
			left = mesh_relay_conn_output(c, out, sizeof(out));
			at = out;
		}
		if (left == 0) {
			assert_int_equal(type, 0);
			return (struct mesh_relay_frame){0};
		}
		assert_int_equal(mesh_relay_frame_read(at, left, &f, &used),
		    MESH_OK);
		at += used;
		left -= used;
	} while (f.type == MESH_RELAY_SERVER_KEY ||
		 f.type == MESH_RELAY_SERVER_INFO);
	assert_int_equal(f.type, type);
	return f;
}

static struct mesh_relay_conn *
join(struct mesh_relay_server *s, uint8_t number, const char *json)
{
	struct mesh_relay_conn *c = connect_to(s);

	assert_int_equal(say_hello(c, s, number, json), MESH_OK);
	return c;
}

static int
send_text(struct mesh_relay_conn *c, uint8_t to, const char *text)
{
	const struct mesh_node_key key = key_of(to);
	uint8_t buf[256];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, &key, text,
	    strlen(text));
	return put(c, buf, w.len);
}

static int
forward_text(struct mesh_relay_conn *c, uint8_t from, uint8_t to,
    const char *text)
{
	const struct mesh_node_key src = key_of(from), dst = key_of(to);
	uint8_t buf[256];
	struct mesh_wr w = mesh_wr_init(buf, sizeof(buf));

	mesh_relay_write_forward(&w, &src, &dst, text, strlen(text));
	return put(c, buf, w.len);
}

static void
receives(struct mesh_relay_conn *c, uint8_t from, const char *text)
{
	const struct mesh_node_key key = key_of(from);
	struct mesh_relay_frame f = next(c, MESH_RELAY_RECV_PACKET);
	struct mesh_relay_packet p;

	assert_int_equal(mesh_relay_read_packet(&f, &p), MESH_OK);
	assert_true(mesh_node_key_equal(&p.key, &key));
	assert_int_equal(p.len, strlen(text));
	assert_memory_equal(p.data, text, p.len);
}

static void
hears_gone(struct mesh_relay_conn *c, uint8_t who)
{
	const struct mesh_node_key key = key_of(who);
	struct mesh_relay_frame f = next(c, MESH_RELAY_PEER_GONE);
	struct mesh_node_key got;
	uint8_t reason;

	assert_int_equal(mesh_relay_read_gone(&f, &got, &reason), MESH_OK);
	assert_true(mesh_node_key_equal(&got, &key));
	assert_int_equal(reason, MESH_RELAY_GONE_DISCONNECTED);
}

static void
hears_present(struct mesh_relay_conn *c, uint8_t who, uint8_t flags)
{
	const struct mesh_node_key key = key_of(who);
	struct mesh_relay_frame f = next(c, MESH_RELAY_PEER_PRESENT);
	struct mesh_relay_present p;

	assert_int_equal(mesh_relay_read_present(&f, &p), MESH_OK);
	assert_true(mesh_node_key_equal(&p.key, &key));
	assert_int_equal(p.flags, flags);
}

static int
watch(struct mesh_relay_conn *c)
{
	return put(c, (const uint8_t *)"\x10\0\0\0", 5);
}

/* A link: `ours` in one server, `theirs` is what the other one accepted. */
struct link {
	struct mesh_relay_conn *ours, *theirs;
};

static void
shuttle(struct link *l)
{
	size_t n, m;

	do {
		n = mesh_relay_conn_output(l->theirs, out, sizeof(out));
		assert_int_equal(put(l->ours, out, n), MESH_OK);
		m = mesh_relay_conn_output(l->ours, out, sizeof(out));
		assert_int_equal(put(l->theirs, out, m), MESH_OK);
	} while (n + m > 0);
}

static struct link
link_up(struct mesh_relay_server *from, struct mesh_relay_server *to)
{
	const uint8_t random[MESH_RELAY_RANDOM_LEN] = {9};
	struct link l = {
	    .ours = mesh_relay_link_new(from, NULL, random, start),
	    .theirs = connect_to(to),
	};

	assert_non_null(l.ours);
	shuttle(&l);
	assert_true(mesh_relay_conn_is_up(l.ours));
	assert_true(mesh_relay_conn_is_mesh(l.theirs));
	return l;
}

static void
test_forwards_both_ways(void **state)
{
	struct mesh_relay_server *one = server(1, true, false);
	struct mesh_relay_server *two = server(2, true, false);
	struct mesh_relay_conn *early = join(two, 12, PLAIN_JSON);
	struct link there = link_up(one, two), back = link_up(two, one);
	struct mesh_relay_conn *a = join(one, 11, PLAIN_JSON);

	(void)state;
	shuttle(&back); /* "11 is present" */
	/* the one that was there before, the one that came later */
	assert_int_equal(send_text(a, 12, "hello"), MESH_OK);
	shuttle(&there);
	receives(early, 11, "hello");
	assert_int_equal(send_text(early, 11, "welcome"), MESH_OK);
	shuttle(&back);
	receives(a, 12, "welcome");
	assert_int_equal(mesh_relay_server_stats(one)->forwarded_out, 1);
	assert_int_equal(mesh_relay_server_stats(one)->forwarded_in, 1);

	/* gone there: told here, to who had a packet of it */
	mesh_relay_conn_free(early);
	shuttle(&there);
	hears_gone(a, 12);
	assert_int_equal(send_text(a, 12, "anybody?"), MESH_OK);
	assert_int_equal(
	    mesh_relay_server_stats(one)->dropped[MESH_RELAY_DROP_UNKNOWN], 1);
	mesh_relay_server_free(one);
	mesh_relay_server_free(two);
}

static void
test_local_goes_first_and_link_is_forgotten(void **state)
{
	struct mesh_relay_server *one = server(1, true, false);
	struct mesh_relay_server *two = server(2, true, false);
	struct mesh_relay_conn *far = join(two, 12, PLAIN_JSON);
	struct link l = link_up(one, two);
	struct mesh_relay_conn *near = join(one, 12, PLAIN_JSON);
	struct mesh_relay_conn *a = join(one, 11, PLAIN_JSON);

	(void)state;
	assert_int_equal(send_text(a, 12, "near"), MESH_OK);
	receives(near, 11, "near");
	mesh_relay_conn_free(near); /* still in the region: not "gone" */
	assert_int_equal(send_text(a, 12, "far"), MESH_OK);
	shuttle(&l);
	receives(far, 11, "far");
	assert_int_equal(mesh_relay_server_stats(one)->remote, 1);
	mesh_relay_conn_free(l.ours);
	assert_int_equal(mesh_relay_server_stats(one)->remote, 0);
	assert_int_equal(send_text(a, 12, "lost"), MESH_OK);
	assert_int_equal(
	    mesh_relay_server_stats(one)->dropped[MESH_RELAY_DROP_UNKNOWN], 1);
	mesh_relay_server_free(one);
	mesh_relay_server_free(two);
}

/* A packet that was forwarded is not forwarded on. */
static void
test_forwards_once(void **state)
{
	struct mesh_relay_server *one = server(1, true, false);
	struct mesh_relay_server *two = server(2, true, false);
	struct mesh_relay_conn *far = join(two, 12, PLAIN_JSON);
	struct link l = link_up(one, two);
	struct mesh_relay_conn *third = join(one, 13, MESH_JSON);

	(void)state;
	assert_int_equal(forward_text(third, 11, 12, "again"), MESH_OK);
	shuttle(&l);
	next(far, 0);
	assert_int_equal(mesh_relay_server_stats(one)->forwarded_out, 0);
	mesh_relay_server_free(one);
	mesh_relay_server_free(two);
}

static void
test_watcher(void **state)
{
	struct mesh_relay_server *s = server(1, true, false);
	struct mesh_relay_conn *a = join(s, 11, PLAIN_JSON), *twin, *b;
	struct mesh_relay_conn *w = join(s, 20, MESH_JSON);
	struct mesh_endpoint from = {.port = 7};

	(void)state;
	assert_int_equal(watch(w), MESH_OK);
	if (mesh_relay_server_stats(s)->watchers != 1)
		fail();
	/* Both are there, in an order that the hash chooses. */
	next(w, MESH_RELAY_PEER_PRESENT);
	next(w, MESH_RELAY_PEER_PRESENT);
	next(w, 0);
	assert_int_equal(watch(w), MESH_OK); /* once is enough */
	next(w, 0);

	b = connect_to(s);
	mesh_relay_conn_origin(b, &from, false);
	assert_int_equal(say_hello(b, s, 12, "{\"IsProber\":true}"), MESH_OK);
	hears_present(w, 12,
	    MESH_RELAY_PRESENT_PROBER | MESH_RELAY_PRESENT_NOT_IDEAL);
	twin = join(s, 11, PLAIN_JSON);
	hears_present(w, 11, MESH_RELAY_PRESENT_REGULAR);
	mesh_relay_conn_free(a);
	next(w, 0); /* the key is still here */
	mesh_relay_conn_free(twin);
	hears_gone(w, 11);
	mesh_relay_conn_free(w);
	assert_int_equal(mesh_relay_server_stats(s)->watchers, 0);
	mesh_relay_conn_free(b);
	mesh_relay_server_free(s);
}

static void
test_close_peer(void **state)
{
	struct mesh_relay_server *s = server(1, true, false);
	struct mesh_relay_conn *a = join(s, 11, PLAIN_JSON);
	struct mesh_relay_conn *w = join(s, 20, MESH_JSON);
	const struct mesh_node_key key = key_of(11);
	uint8_t buf[64];
	struct mesh_wr wr = mesh_wr_init(buf, sizeof(buf));

	(void)state;
	while (mesh_relay_server_wake(s) != NULL)
		continue;
	mesh_relay_write_header(&wr, MESH_RELAY_CLOSE_PEER, MESH_KEY_LEN);
	mesh_wr_bytes(&wr, key.b, sizeof(key.b));
	assert_int_equal(put(w, buf, wr.len), MESH_OK);
	assert_true(mesh_relay_conn_is_ended(a));
	assert_false(mesh_relay_conn_is_ended(w));
	assert_ptr_equal(mesh_relay_server_wake(s), a);
	mesh_relay_server_free(s);
}

/* Without the key, or with another one, or at a relay that has none: nothing.
 */
static void
test_no_rights_without_the_key(void **state)
{
	static const struct {
		bool mesh;
		const char *json;
	} cases[] = {
	    {true, PLAIN_JSON},
	    {true, "{\"meshKey\":\"" OTHER "\"}"},
	    {false, MESH_JSON},
	    {false, "{\"meshKey\":\"000000000000000000000000000000000000000000"
		    "0000000000000000000000\"}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_relay_server *s = server(1, cases[i].mesh, false);
		struct mesh_relay_conn *a = join(s, 11, PLAIN_JSON);
		struct mesh_relay_conn *evil = join(s, 66, cases[i].json);

		assert_false(mesh_relay_conn_is_mesh(evil));
		assert_int_equal(watch(evil), MESH_ERR_DENIED);
		assert_int_equal(forward_text(evil, 12, 11, "forged"),
		    MESH_ERR_DENIED);
		next(a, 0);
		next(evil, 0);
		mesh_relay_server_free(s);
	}
}

/* What a relay that we call may not do to us. */
static void
test_bad_relays(void **state)
{
	struct mesh_relay_server *one = server(1, true, false), *same;
	struct link l = {0};
	const uint8_t random[MESH_RELAY_RANDOM_LEN] = {9};
	uint8_t info[MESH_RELAY_HEADER_LEN + MESH_RELAY_NONCE_LEN + 29];
	size_t n, used;

	(void)state;
	/* itself */
	same = server(1, true, false);
	l.ours = mesh_relay_link_new(one, NULL, random, start);
	l.theirs = connect_to(same);
	n = mesh_relay_conn_output(l.theirs, out, sizeof(out));
	assert_int_equal(mesh_relay_conn_input(l.ours, out, n, start, &used,
			     NULL),
	    MESH_ERR_STATE);
	mesh_relay_conn_free(l.ours);
	mesh_relay_server_free(same);

	/* a box that another key made; packets before that */
	same = server(2, true, false);
	l.ours = mesh_relay_link_new(one, NULL, random, start);
	l.theirs = connect_to(same);
	assert_int_equal(put(l.ours, (const uint8_t *)"\x06\0\0\0", 5),
	    MESH_ERR_PROTO);
	n = mesh_relay_conn_output(l.theirs, out, sizeof(out));
	assert_int_equal(put(l.ours, out, n), MESH_OK);
	memset(info, 7, sizeof(info));
	memcpy(info, "\x03\0\0\0\x35", 5);
	assert_int_equal(put(l.ours, info, sizeof(info)), MESH_ERR_AUTH);
	assert_false(mesh_relay_conn_is_up(l.ours));
	mesh_relay_server_free(same);

	/* silent for two minutes */
	same = server(2, true, false);
	l = link_up(one, same);
	assert_int_equal(mesh_relay_conn_tick(l.ours,
			     mesh_time_add(start, 119 * MESH_SEC)),
	    MESH_OK);
	assert_int_equal(mesh_relay_conn_tick(l.ours,
			     mesh_time_add(start, 120 * MESH_SEC)),
	    MESH_ERR_TIMEOUT);
	mesh_relay_server_free(same);
	mesh_relay_server_free(one);
}

/* More keys than it wants to know: the rest is unknown, and own clients still
 * come in. */
static void
test_keys_elsewhere_are_bounded(void **state)
{
	struct mesh_relay_server *one = server(1, true, false);
	struct mesh_relay_server *two = server(2, true, false);
	struct link l = link_up(one, two);
	struct mesh_relay_present p = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct mesh_wr w = mesh_wr_init(out, sizeof(out));

		p.key.b[0] = (uint8_t)i;
		p.key.b[1] = (uint8_t)(i >> 8);
		mesh_relay_write_present(&w, &p);
		assert_int_equal(put(l.ours, out, w.len), MESH_OK);
	}
	assert_int_equal(mesh_relay_server_stats(one)->remote,
	    8 * MESH_RELAY_REGION);
	for (uint8_t n = 0; n < 8; n++)
		join(one, (uint8_t)(30 + n), PLAIN_JSON);
	assert_int_equal(mesh_relay_server_stats(one)->clients, 8);
	mesh_relay_server_free(one);
	mesh_relay_server_free(two);
}

static void
test_admission(void **state)
{
	struct mesh_relay_server *s = server(1, true, true);
	struct mesh_relay_conn *a = connect_to(s), *relay;
	const struct mesh_node_key key = key_of(11);
	size_t used;

	(void)state;
	assert_null(mesh_relay_server_ask(s));
	assert_int_equal(say_hello(a, s, 11, PLAIN_JSON), MESH_OK);
	next(a, 0); /* no server info yet */
	assert_true(mesh_relay_conn_is_waiting(a));
	assert_ptr_equal(mesh_relay_server_ask(s), a);
	assert_null(mesh_relay_server_ask(s));
	assert_true(mesh_node_key_equal(mesh_relay_conn_claim(a), &key));
	assert_true(mesh_node_key_is_zero(mesh_relay_conn_key(a)));
	assert_int_equal(mesh_relay_server_stats(s)->clients, 0);
	/* it is not heard meanwhile */
	assert_int_equal(mesh_relay_conn_input(a, "\x06\0\0\0", 5, start, &used,
			     NULL),
	    MESH_OK);
	assert_int_equal(used, 0);
	assert_int_equal(mesh_relay_conn_admit(a, start, NULL), MESH_OK);
	assert_false(mesh_relay_conn_is_waiting(a));
	assert_true(mesh_node_key_equal(mesh_relay_conn_key(a), &key));
	assert_int_equal(send_text(a, 11, "I am in"), MESH_OK);
	receives(a, 11, "I am in");

	/* relays of the mesh are no nodes: nobody would know them */
	relay = join(s, 20, MESH_JSON);
	assert_false(mesh_relay_conn_is_waiting(relay));
	assert_null(mesh_relay_server_ask(s));
	/* one leaves while it is asked about; one waits for too long */
	a = join(s, 12, PLAIN_JSON);
	mesh_relay_conn_free(a);
	assert_null(mesh_relay_server_ask(s));
	a = join(s, 13, PLAIN_JSON);
	assert_int_equal(mesh_relay_conn_tick(a,
			     mesh_time_add(start, MESH_RELAY_HANDSHAKE_NS)),
	    MESH_ERR_TIMEOUT);
	mesh_relay_server_free(s);
}

static void
test_mesh_key_text(void **state)
{
	struct mesh_relay_mesh_key key;

	(void)state;
	assert_int_equal(mesh_relay_mesh_key_parse(MESH_STR(KEY), &key),
	    MESH_OK);
	assert_int_equal(mesh_relay_mesh_key_parse(MESH_STR(KEY "0"), &key),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_relay_mesh_key_parse(MESH_STR(""), &key),
	    MESH_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forwards_both_ways),
	    cmocka_unit_test(test_local_goes_first_and_link_is_forgotten),
	    cmocka_unit_test(test_forwards_once),
	    cmocka_unit_test(test_watcher),
	    cmocka_unit_test(test_close_peer),
	    cmocka_unit_test(test_no_rights_without_the_key),
	    cmocka_unit_test(test_bad_relays),
	    cmocka_unit_test(test_keys_elsewhere_are_bounded),
	    cmocka_unit_test(test_admission),
	    cmocka_unit_test(test_mesh_key_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
