/* SPDX-License-Identifier: ISC
 * test_wg_hostile.c - what strangers and a man in the middle may try with a
 * WireGuard core, and what happens under load.
 */
#include "wg/wg.h"

#include "wg/load.h"
#include "wg_scenario.h"

static void
a_stranger_gets_no_answer(void **state)
{
	struct lab *l = *state;

	l->b.knows = false;
	lab_know(&l->a);
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->b.input_err, MESH_ERR_NOTFOUND);
	assert_int_equal(l->b.sent[MESH_WG_RESPONSE], 0);
	assert_memory_equal(mesh_wg_stranger(l->b.wg), &l->a.key, 32);
	assert_int_equal(mesh_wg_resume(l->b.wg, l->now, NULL),
	    MESH_ERR_NOTFOUND);
	/* The offer stands until the next message. */
	assert_int_equal(mesh_wg_input(l->b.wg, NULL, 0, &l->a.at, l->now,
			     NULL),
	    MESH_ERR_FORMAT);
	assert_null(mesh_wg_stranger(l->b.wg));
	assert_int_equal(mesh_wg_resume(l->b.wg, l->now, NULL), MESH_ERR_STATE);
}

static void
replayed_initiation(void **state)
{
	struct lab *l = *state;
	struct lab_frame f;

	connect_both(l);
	f = l->a.kept[MESH_WG_INITIATION];
	lab_pass(l, MESH_SEC);
	lab_input(&l->b, &f);
	assert_int_equal(l->b.input_err, MESH_ERR_REPLAY);
	assert_int_equal(l->b.sent[MESH_WG_RESPONSE], 1);
	/* Nor to a peer object made anew, if its stamp was kept. */
	uint8_t stamp[MESH_WG_STAMP_LEN];

	mesh_wg_peer_stamp(l->b.peer, stamp);
	mesh_wg_peer_remove(l->b.peer);
	lab_know(&l->b);
	mesh_wg_peer_set_stamp(l->b.peer, stamp);
	f = l->a.kept[MESH_WG_INITIATION];
	lab_input(&l->b, &f);
	assert_int_equal(l->b.input_err, MESH_ERR_REPLAY);
	assert_true(lab_send(&l->a, 100));
}

static void
initiations_too_soon(void **state)
{
	struct lab *l = *state;
	struct lab_frame first, second;

	lab_know(&l->a);
	lab_know(&l->b);
	l->lose = lose_all;
	lab_send(&l->a, 100);
	first = l->a.kept[MESH_WG_INITIATION];
	lab_pass(l, 6 * MESH_SEC);
	second = l->a.kept[MESH_WG_INITIATION];
	lab_input(&l->b, &first);
	assert_int_equal(l->b.input_err, MESH_OK);
	l->now = mesh_time_add(l->now, 10 * MESH_MS);
	lab_input(&l->b, &second);
	assert_int_equal(l->b.input_err, MESH_ERR_LIMIT);
	l->now = mesh_time_add(l->now, 11 * MESH_MS);
	second = l->a.kept[MESH_WG_INITIATION];
	lab_input(&l->b, &second);
	assert_int_equal(l->b.input_err, MESH_OK);
}

static void
replayed_and_forged_data(void **state)
{
	struct lab *l = *state;
	struct lab_frame good, f;

	connect_both(l);
	lab_send(&l->a, 100);
	l->b.inbox_count = 0;
	good = l->a.kept[MESH_WG_DATA];
	for (size_t i = 0; i < good.len; i++) {
		f = good;
		f.data[i] ^= (uint8_t)(1u << i % 8);
		lab_input(&l->b, &f);
	}
	for (size_t n = 0; n < good.len; n++) {
		f = good;
		f.len = n;
		lab_input(&l->b, &f);
	}
	assert_int_equal(l->b.received, 1);
	f = good;
	lab_input(&l->b, &f);
	assert_int_equal(l->b.received, 2);
	f = good;
	lab_input(&l->b, &f);
	assert_int_equal(l->b.received, 2);
	assert_int_equal(mesh_wg_counts(l->b.wg).replayed_data, 1);
}

static void
damaged_handshakes(void **state)
{
	struct lab *l = *state;
	struct lab_frame init, resp, f;

	lab_know(&l->a);
	lab_know(&l->b);
	lab_send(&l->a, 100);
	init = l->b.inbox[0];
	l->b.inbox_count = 0;
	for (size_t i = 0; i < init.len; i++) {
		f = init;
		f.data[i] ^= (uint8_t)(1u << i % 8);
		if (i < 132) { /* MAC2 is not looked at without load */
			lab_input(&l->b, &f);
			assert_int_not_equal(l->b.input_err, MESH_OK);
		}
		f = init;
		f.len = i;
		lab_input(&l->b, &f);
		assert_int_equal(l->b.input_err, MESH_ERR_FORMAT);
	}
	assert_int_equal(l->b.sent[MESH_WG_RESPONSE], 0);
	assert_int_equal(l->b.sent[MESH_WG_COOKIE], 0);
	f = init;
	lab_input(&l->b, &f);
	resp = l->a.inbox[0];
	l->a.inbox_count = 0;
	for (size_t i = 0; i < 76; i++) {
		f = resp;
		f.data[i] ^= (uint8_t)(1u << i % 8);
		lab_input(&l->a, &f);
		assert_int_not_equal(l->a.input_err, MESH_OK);
	}
	assert_int_equal(l->a.sessions, 0);
	f = resp;
	lab_input(&l->a, &f);
	assert_int_equal(l->a.sessions, 1);
	f = resp; /* once only */
	lab_input(&l->a, &f);
	assert_int_equal(l->a.input_err, MESH_ERR_STRAY);
}

/* A message for b does not pass for one to a. */
static void
wrong_receiver(void **state)
{
	struct lab *l = *state;
	struct lab_frame f;

	lab_know(&l->a);
	lab_send(&l->a, 100);
	f = l->a.kept[MESH_WG_INITIATION];
	l->b.inbox_count = 0;
	lab_input(&l->a, &f);
	assert_int_equal(l->a.input_err, MESH_ERR_AUTH);
	assert_int_equal(mesh_wg_counts(l->a.wg).bad_mac, 1);
}

static void
refused_peers(void **state)
{
	static const char *const low_order[] = {
	    "00000000000000000000000000000000"
	    "00000000000000000000000000000000",
	    "01000000000000000000000000000000"
	    "00000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46a"
	    "da098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b"
	    "04445cc4581c8e86d8224eddd09f1157",
	    "ecffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffff7f",
	};
	struct lab *l = *state;
	struct mesh_wg_peer *p = NULL;
	struct mesh_node_key k;

	for (size_t i = 0; i < ARRAY_LEN(low_order); i++) {
		test_unhex(low_order[i], k.b, sizeof(k.b));
		assert_int_equal(mesh_wg_peer_add(l->a.wg, &k, NULL, &p),
		    MESH_ERR_ARG);
	}
	assert_int_equal(mesh_wg_peer_add(l->a.wg, &l->a.key, NULL, &p),
	    MESH_ERR_ARG);
	assert_null(p);
	assert_int_equal(lab_know(&l->a), MESH_OK);
	assert_int_equal(mesh_wg_peer_add(l->a.wg, &l->b.key, NULL, &p),
	    MESH_ERR_EXIST);
	for (uint8_t i = 2; i <= 17; i++) { /* one is there, 16 are allowed */
		struct mesh_node_secret s = {{0, i}};

		k = mesh_node_public(&s);
		assert_int_equal(mesh_wg_peer_add(l->a.wg, &k, NULL, &p),
		    i < 17 ? MESH_OK : MESH_ERR_LIMIT);
	}
}

/* 10^6 of them: nothing is said, nothing grows, the tunnel works. */
static void
garbage(void **state)
{
	struct lab *l = *state;
	uint32_t x = 12345;

	connect_both(l);
	lab_settle(l);
	for (size_t i = 0; i < 1000000; i++) {
		struct mesh_wg_action act;
		uint8_t buf[192];
		size_t len;

		for (size_t k = 0; k < sizeof(buf); k += 4) {
			x = x * 1664525 + 1013904223;
			memcpy(buf + k, &x, 4);
		}
		len = x % sizeof(buf);
		if (i % 2)
			memcpy(buf, (uint8_t[]){(uint8_t)(i / 2 % 6), 0, 0, 0},
			    4);
		if (i % 4 == 3)
			len = (size_t[]){148, 92, 64, 32}[i / 4 % 4];
		struct mesh_wg_packet p = {.data = buf, .len = len};

		assert_int_not_equal(mesh_wg_input(l->b.wg, buf, len, &l->a.at,
					 l->now, NULL),
		    MESH_OK);
		assert_int_equal(mesh_wg_open_batch(l->b.wg, &p, 1, l->now), 0);
		assert_false(mesh_wg_next(l->b.wg, &act));
	}
	assert_true(lab_send(&l->a, 100));
	lab_settle(l);
	assert_int_equal(l->b.received, 2);
}

/* Valid initiations of a key that nobody knows, until b asks for cookies. */
static void
flood(struct lab *l, unsigned n)
{
	struct mesh_wg_config c = {.aead = &mesh_aead_sodium, .secret = {{8}}};
	struct mesh_wg *wg = mesh_wg_new(&c);
	struct mesh_wg_peer *p;
	struct mesh_wg_action act;

	assert_int_equal(mesh_wg_peer_add(wg, &l->b.key, NULL, &p), MESH_OK);
	mesh_wg_connect(p, l->now);
	assert_true(mesh_wg_next(wg, &act));
	l->b.knows = false;
	for (unsigned i = 0; i < n; i++) {
		struct lab_frame f = {.len = act.len};

		memcpy(f.data, act.data, act.len);
		lab_input(&l->b, &f);
	}
	l->b.knows = true;
	mesh_wg_free(wg);
}

static void
cookie_under_load(void **state)
{
	struct lab *l = *state;

	flood(l, MESH_WG_LOAD_BURST);
	assert_int_equal(l->b.input_err, MESH_ERR_NOTFOUND);
	assert_int_equal(l->b.sent[MESH_WG_COOKIE], 0);
	flood(l, 1);
	assert_int_equal(l->b.input_err, MESH_ERR_LIMIT);
	assert_int_equal(l->b.sent[MESH_WG_COOKIE], 1);
	assert_int_equal(l->b.kept[MESH_WG_COOKIE].len, 64);
	l->a.inbox_count = 0;
	/* A friend is asked too; he comes again with the cookie. */
	lab_know(&l->a);
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->b.sent[MESH_WG_COOKIE], 2);
	assert_int_equal(l->b.received, 0);
	assert_int_equal(l->a.input_err, MESH_OK);
	for (int i = 0; i < 11; i++) { /* the flood goes on meanwhile */
		lab_pass(l, 500 * MESH_MS);
		flood(l, 400);
		l->a.inbox_count = 0;
	}
	lab_settle(l);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 2);
	assert_int_equal(l->b.received, 1);
	/* A second after the load the door is open again. */
	lab_pass(l, 2 * MESH_SEC);
	flood(l, 1);
	assert_int_equal(l->b.input_err, MESH_ERR_NOTFOUND);
}

static void
sources_have_a_rate(void **state)
{
	static const uint8_t seed[32] = {1};
	struct mesh_drbg random;
	struct mesh_wg_load load;
	struct mesh_time now = {MESH_SEC};
	uint8_t one[4] = {192, 0, 2, 1}, two[4] = {192, 0, 2, 2};

	(void)state;
	mesh_drbg_init(&random, seed);
	mesh_wg_load_init(&load, 10, 100, &random);
	for (int i = 0; i < 5; i++)
		assert_true(mesh_wg_load_source(&load, one, 4, now));
	assert_false(mesh_wg_load_source(&load, one, 4, now));
	assert_true(mesh_wg_load_source(&load, two, 4, now));
	now = mesh_time_add(now, 50 * MESH_MS);
	assert_true(mesh_wg_load_source(&load, one, 4, now));
	assert_false(mesh_wg_load_source(&load, one, 4, now));
	now = mesh_time_add(now, MESH_SEC);
	for (int i = 0; i < 5; i++)
		assert_true(mesh_wg_load_source(&load, one, 4, now));
	assert_false(mesh_wg_load_source(&load, one, 4, now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(a_stranger_gets_no_answer),
	    SCENARIO(replayed_initiation),
	    SCENARIO(initiations_too_soon),
	    SCENARIO(replayed_and_forged_data),
	    SCENARIO(damaged_handshakes),
	    SCENARIO(wrong_receiver),
	    SCENARIO(refused_peers),
	    SCENARIO(garbage),
	    SCENARIO(cookie_under_load),
	    SCENARIO(sources_have_a_rate),
	};

	return cmocka_run_group_tests_name("wg_hostile", tests, NULL, NULL);
}
