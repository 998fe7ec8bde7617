/* SPDX-License-Identifier: ISC
 * test_wg.c - two WireGuard cores, simulated time. Rules: protocol/dataplane.md
 * 1.4 to 1.7.
 */
#include "wg/wg.h"

#include "test.h"
#include "wg/load.h"
#include "wg_lab.h"

/* --- memory that runs out at the n-th call (linked with --wrap) */

static size_t fail_at; /* 0: never */
static size_t allocations;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return fail_at > 0 && --fail_at == 0 ? NULL : __real_calloc(n, size);
}

static int
setup(void **state)
{
	struct lab *l = malloc(sizeof(*l));

	if (l == NULL)
		return -1;
	lab_init(l);
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	lab_release(*state);
	free(*state);
	return 0;
}

static void
connect_both(struct lab *l)
{
	assert_int_equal(lab_know(&l->a), MESH_OK);
	assert_int_equal(lab_know(&l->b), MESH_OK);
	assert_false(lab_send(&l->a, 100));
	lab_settle(l);
	assert_int_equal(l->b.received, 1);
	assert_int_equal(l->b.last.len, 100);
}

/* --- handshake */

static void
first_packet(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	assert_int_equal(l->b.sent[MESH_WG_RESPONSE], 1);
	/* The waiting packet went instead of a keepalive. */
	assert_int_equal(l->a.sent[MESH_WG_DATA], 1);
	assert_int_equal(l->a.sessions, 1);
	assert_int_equal(l->b.sessions, 1);
	assert_int_equal(mesh_wg_peer_state(l->a.peer, l->now),
	    MESH_WG_ESTABLISHED);
	assert_int_equal(mesh_wg_peer_state(l->b.peer, l->now),
	    MESH_WG_ESTABLISHED);
	assert_true(lab_send(&l->b, 1280));
	lab_settle(l);
	assert_int_equal(l->a.received, 1);
	assert_int_equal(l->a.last.len, 1280);
	assert_int_equal(l->a.last.data[1279], 0x5a);
	assert_int_equal(mesh_wg_counts(l->a.wg).handshakes, 1);
	assert_int_equal(mesh_wg_peer_stats(l->b.peer).handshake.ns, l->now.ns);
	assert_ptr_equal(mesh_wg_peer_user(l->a.peer), &l->a);
	assert_ptr_equal(mesh_wg_peer_get(l->a.wg, &l->b.key), l->a.peer);
}

static void
connect_without_a_packet(void **state)
{
	struct lab *l = *state;

	lab_know(&l->a);
	mesh_wg_connect(l->a.peer, l->now);
	assert_int_equal(mesh_wg_peer_state(l->a.peer, l->now),
	    MESH_WG_HANDSHAKE);
	lab_settle(l);
	assert_int_equal(l->a.sent[MESH_WG_DATA], 1); /* keepalive */
	assert_int_equal(l->b.keepalives, 1);
	assert_int_equal(l->b.received, 0);
	assert_non_null(l->b.peer);         /* let in by its key */
	mesh_wg_connect(l->a.peer, l->now); /* nothing more to do */
	lab_settle(l);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
}

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

/* The responder may not send before it has heard from the initiator. */
static bool
lose_data_to_b(struct lab_end *to, const struct lab_frame *f)
{
	return to == &to->lab->b && f->data[0] == MESH_WG_DATA;
}

static void
responder_waits_for_confirmation(void **state)
{
	struct lab *l = *state;

	l->lose = lose_data_to_b;
	lab_know(&l->a);
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->a.sessions, 1);
	assert_int_equal(l->b.sessions, 0);
	assert_false(lab_send(&l->b, 100));
	l->lose = NULL;
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->b.sessions, 1);
	assert_int_equal(l->a.received, 1); /* what waited came through */
}

static void
both_begin_at_once(void **state)
{
	struct lab *l = *state;

	lab_know(&l->a);
	lab_know(&l->b);
	lab_send(&l->a, 100);
	lab_send(&l->b, 200);
	lab_settle(l);
	assert_int_equal(l->a.received, 1);
	assert_int_equal(l->b.received, 1);
	assert_int_equal(l->a.last.len, 200);
	for (int i = 0; i < 10; i++) {
		assert_true(lab_send(&l->a, 100));
		assert_true(lab_send(&l->b, 100));
		lab_settle(l);
	}
	assert_int_equal(l->a.received, 11);
	assert_int_equal(l->b.received, 11);
	/* And they do not go on beginning at once for ever. */
	for (int i = 0; i < 600; i++) {
		lab_send(&l->a, 100);
		lab_send(&l->b, 100);
		lab_pass(l, MESH_SEC);
	}
	assert_int_equal(l->a.received, 611);
	assert_int_equal(l->b.received, 611);
	assert_true(l->a.sent[MESH_WG_INITIATION] +
			l->b.sent[MESH_WG_INITIATION] <=
		    8);
}

static int countdown;

static bool
lose_some(struct lab_end *to, const struct lab_frame *f)
{
	(void)to;
	(void)f;
	return countdown-- > 0;
}

static void
lost_messages_are_repeated(void **state)
{
	struct lab *l = *state;

	l->lose = lose_some;
	countdown = 3;
	lab_know(&l->a);
	lab_send(&l->a, 100);
	lab_pass(l, 4900 * MESH_MS);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	lab_pass(l, 500 * MESH_MS);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 2);
	lab_pass(l, 12 * MESH_SEC);
	assert_int_equal(l->b.received, 1);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 4);
}

static bool
lose_all(struct lab_end *to, const struct lab_frame *f)
{
	(void)to;
	(void)f;
	return true;
}

static void
gives_up_after_90_seconds(void **state)
{
	struct lab *l = *state;

	l->lose = lose_all;
	lab_know(&l->a);
	lab_send(&l->a, 100);
	lab_pass(l, 95 * MESH_SEC);
	assert_int_equal(l->a.failed, 0);
	lab_pass(l, 15 * MESH_SEC);
	assert_int_equal(l->a.failed, 1);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 20);
	assert_false(l->a.pool[0].used); /* given back */
	assert_int_equal(mesh_wg_peer_state(l->a.peer, l->now), MESH_WG_IDLE);
	lab_pass(l, 530 * MESH_SEC);
	assert_int_equal(l->a.expired, 0);
	lab_pass(l, 20 * MESH_SEC);
	assert_int_equal(l->a.expired, 1);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 20);
	assert_true(mesh_time_is_never(mesh_wg_peer_deadline(l->a.peer)));
	/* The next packet begins again. */
	l->lose = NULL;
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->b.received, 1);
}

/* --- life of a session */

static void
rekey_after_120_seconds(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	for (int i = 0; i < 119; i++) {
		lab_pass(l, MESH_SEC);
		assert_true(lab_send(&l->a, 100));
	}
	lab_settle(l);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	lab_pass(l, 2 * MESH_SEC);
	assert_true(lab_send(&l->b, 100)); /* the responder does not */
	lab_settle(l);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION] +
			     l->b.sent[MESH_WG_INITIATION],
	    1);
	assert_true(lab_send(&l->a, 100));
	lab_settle(l);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 2);
	assert_int_equal(l->a.sessions, 2);
	assert_int_equal(l->b.sessions, 2);
	assert_int_equal(l->b.received, 121);
}

/* Who only receives asks at 165 s; without that the session dies at 180 s. */
static void
rekey_of_a_receiver(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	for (int i = 0; i < 164; i++) {
		lab_pass(l, MESH_SEC);
		lab_send(&l->b, 100);
	}
	lab_settle(l);
	/* The passive keepalives of a did it before: they are sent. */
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 2);
	assert_int_equal(l->a.received, 164);
}

static bool
lose_to_b(struct lab_end *to, const struct lab_frame *f)
{
	(void)f;
	return to == &to->lab->b;
}

static void
rejected_after_180_seconds(void **state)
{
	struct lab *l = *state;
	struct lab_frame f;

	connect_both(l);
	assert_true(lab_send(&l->a, 100));
	l->b.inbox_count = 0;
	f = l->a.kept[MESH_WG_DATA]; /* on its way for very long */
	l->lose = lose_to_b;
	lab_pass(l, 179 * MESH_SEC);
	assert_true(lab_send(&l->a, 100));
	lab_pass(l, MESH_SEC);
	assert_false(lab_send(&l->a, 100));
	assert_int_equal(mesh_wg_peer_state(l->b.peer, l->now), MESH_WG_IDLE);
	lab_input(&l->b, &f);
	assert_int_equal(l->b.received, 1);
	assert_int_equal(mesh_wg_counts(l->b.wg).bad_data, 1);
	l->lose = NULL;
	lab_pass(l, 6 * MESH_SEC);
	assert_int_equal(l->b.received, 2);
}

static void
keys_are_wiped_after_540_seconds(void **state)
{
	struct lab *l = *state;
	uint32_t index;

	connect_both(l);
	assert_true(mesh_wg_receiver(l->a.kept[MESH_WG_DATA].data,
	    l->a.kept[MESH_WG_DATA].len, &index));
	assert_ptr_equal(mesh_wg_peer_by_index(l->b.wg, index), l->b.peer);
	lab_pass(l, 539 * MESH_SEC);
	assert_int_equal(l->b.expired, 0);
	assert_non_null(mesh_wg_peer_by_index(l->b.wg, index));
	lab_pass(l, 2 * MESH_SEC);
	assert_int_equal(l->b.expired, 1);
	assert_null(mesh_wg_peer_by_index(l->b.wg, index));
	lab_pass(l, MESH_HOUR); /* and then nothing happens any more */
	assert_int_equal(l->b.expired, 1);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
}

static void
passive_keepalive(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	lab_pass(l, 9900 * MESH_MS);
	assert_int_equal(l->b.sent[MESH_WG_DATA], 0);
	lab_pass(l, 200 * MESH_MS);
	assert_int_equal(l->b.sent[MESH_WG_DATA], 1);
	assert_int_equal(l->a.keepalives, 1);
	lab_pass(l, 60 * MESH_SEC); /* a keepalive is not answered */
	assert_int_equal(l->b.sent[MESH_WG_DATA], 1);
	assert_int_equal(l->a.sent[MESH_WG_DATA], 1);
	/* Two packets, the second while the keepalive is due: one more. */
	lab_send(&l->a, 100);
	lab_settle(l);
	lab_pass(l, 5 * MESH_SEC);
	lab_send(&l->a, 100);
	lab_pass(l, 30 * MESH_SEC);
	assert_int_equal(l->b.sent[MESH_WG_DATA], 3);
	/* Who sends anyway needs none. */
	lab_send(&l->a, 100);
	lab_settle(l);
	lab_send(&l->b, 100);
	lab_pass(l, 9 * MESH_SEC);
	assert_int_equal(l->b.sent[MESH_WG_DATA], 4);
}

static void
silence_begins_a_new_handshake(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	lab_pass(l, 30 * MESH_SEC);
	l->lose = lose_to_b;
	lab_send(&l->a, 100);
	lab_pass(l, 14900 * MESH_MS);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	lab_pass(l, 500 * MESH_MS);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 2);
}

static void
persistent_keepalive(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	mesh_wg_peer_set_keepalive(l->a.peer, 25 * MESH_SEC, l->now);
	lab_drain(&l->a);
	lab_pass(l, MESH_SEC);
	assert_int_equal(l->b.keepalives, 1);
	lab_pass(l, 100 * MESH_SEC);
	assert_int_equal(l->b.keepalives, 4); /* b's own at 10 s counts */
	lab_pass(l, 1000 * MESH_SEC);         /* keeps the session alive too */
	assert_true(l->a.sessions >= 8);
	assert_int_equal(l->a.expired, 0);
	mesh_wg_peer_set_keepalive(l->a.peer, 0, l->now);
	lab_pass(l, MESH_HOUR);
	assert_int_equal(l->a.expired, 1);
}

/* What is in flight when the session changes still arrives. */
static void
previous_session_still_opens(void **state)
{
	struct lab *l = *state;
	struct lab_frame late;

	connect_both(l);
	lab_pass(l, 121 * MESH_SEC);
	lab_send(&l->b, 300);
	late = l->b.kept[MESH_WG_DATA];
	l->a.inbox_count = 0;
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->a.sessions, 2);
	lab_input(&l->a, &late);
	assert_int_equal(l->a.received, 1);
	assert_int_equal(l->a.last.len, 300);
}

/* --- hostile input */

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

/* Authentic, but no IP inside. */
static void
not_ip_inside(void **state)
{
	static const struct {
		uint8_t head[6];
		size_t len, good;
	} rows[] = {
	    {{0x45, 0, 0, 20}, 20, 20},
	    {{0x45, 0, 0, 33}, 40, 33}, /* padding */
	    {{0x45, 0, 0, 19}, 32, 0},
	    {{0x45, 0, 0, 48}, 32, 0},
	    {{0x45, 0, 0xff, 0xff}, 32, 0},
	    {{0x45}, 1, 0},
	    {{0x60, 0, 0, 0, 0, 8}, 48, 48},
	    {{0x60, 0, 0, 0, 0, 0}, 48, 40},
	    {{0x60, 0, 0, 0, 0, 9}, 48, 0},
	    {{0x60, 0, 0, 0, 0, 0}, 32, 0},
	    {{0x00, 0, 0, 20}, 32, 0},
	    {{0x55, 0, 0, 20}, 32, 0},
	    {{0xf5, 0, 0, 20}, 32, 0},
	};
	struct lab *l = *state;

	connect_both(l);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[128] = {0};
		struct mesh_wg_packet p = {
		    .data = buf + MESH_WG_HEADROOM, .len = rows[i].len};

		memcpy(p.data, rows[i].head, sizeof(rows[i].head));
		assert_int_equal(mesh_wg_seal_batch(l->a.peer, &p, 1, l->now),
		    1);
		assert_int_equal(p.len % 16, 0);
		assert_int_equal(mesh_wg_open_batch(l->b.wg, &p, 1, l->now),
		    rows[i].good > 0);
		if (rows[i].good > 0)
			assert_int_equal(p.len, rows[i].good);
		else
			assert_null(p.peer);
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

/* --- load */

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

/* --- packets */

static void
a_batch_of_many(void **state)
{
	enum {
		COUNT = 150
	};
	static uint8_t bufs[COUNT][256];
	struct mesh_wg_packet p[COUNT];
	struct lab *l = *state;

	connect_both(l);
	for (size_t i = 0; i < COUNT; i++) {
		p[i] = (struct mesh_wg_packet){
		    .data = bufs[i] + MESH_WG_HEADROOM, .len = 20 + i % 100};
		p[i].data[0] = 0x45;
		p[i].data[3] = (uint8_t)p[i].len;
		p[i].data[19] = (uint8_t)i;
	}
	assert_int_equal(mesh_wg_seal_batch(l->a.peer, p, COUNT, l->now),
	    COUNT);
	for (size_t i = 0; i < COUNT; i += 10)
		p[i].data[20] ^= 1; /* forged */
	p[5].len = 31;              /* no message */
	p[17].data[4] ^= 1;         /* nobody's */
	assert_int_equal(mesh_wg_open_batch(l->b.wg, p, COUNT, l->now),
	    COUNT - COUNT / 10 - 2);
	for (size_t i = 0; i < COUNT; i++) {
		if (i % 10 == 0 || i == 5 || i == 17) {
			assert_null(p[i].peer);
			continue;
		}
		assert_ptr_equal(p[i].peer, l->b.peer);
		assert_int_equal(p[i].len, 20 + i % 100);
		assert_int_equal(p[i].data[19], i);
		assert_ptr_equal(p[i].data, bufs[i] + MESH_WG_HEADROOM);
	}
}

static void
padding_stops_at_the_mtu(void **state)
{
	static const struct {
		size_t len, sealed;
	} rows[] = {{0, 0}, {1, 16}, {16, 16}, {17, 32}, {1270, 1275},
	    {1275, 1275}, {1276, 1276}};
	struct lab *l = *state;
	uint8_t buf[1400] = {0};

	connect_both(l);
	mesh_wg_set_mtu(l->a.wg, 1275);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_wg_packet p = {
		    .data = buf + MESH_WG_HEADROOM, .len = rows[i].len};

		assert_int_equal(mesh_wg_seal_batch(l->a.peer, &p, 1, l->now),
		    1);
		assert_int_equal(p.len, rows[i].sealed + 32);
		assert_int_equal(mesh_wg_sealed_len(l->a.wg, rows[i].len),
		    p.len);
	}
}

static void
staged_packets_are_bounded(void **state)
{
	struct lab *l = *state;
	size_t waiting = 0;

	lab_know(&l->a);
	l->lose = lose_all;
	for (int i = 0; i < 200; i++)
		assert_false(lab_send(&l->a, 100));
	for (size_t i = 0; i < LAB_STAGED; i++)
		waiting += l->a.pool[i].used;
	assert_int_equal(waiting, MESH_WG_STAGED);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	l->lose = NULL;
	lab_pass(l, 6 * MESH_SEC);
	assert_int_equal(l->b.received, MESH_WG_STAGED);
}

static void
pre_shared_key(void **state)
{
	struct lab *l = *state;
	uint8_t psk[32] = {1, 2, 3};

	lab_know(&l->a);
	lab_know(&l->b);
	mesh_wg_peer_set_psk(l->a.peer, psk);
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->a.sessions, 0);
	assert_int_equal(l->a.input_err, MESH_ERR_AUTH);
	mesh_wg_peer_set_psk(l->b.peer, psk);
	lab_pass(l, 6 * MESH_SEC);
	assert_int_equal(l->b.received, 1);
}

/* --- time of day */

static void
initiate_again(struct lab *l, uint8_t *out_stamp)
{
	l->lose = NULL;
	mesh_wg_peer_remove(l->a.peer);
	lab_know(&l->a);
	l->now = mesh_time_add(l->now, 30 * MESH_MS);
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->b.input_err, MESH_OK);
	mesh_wg_peer_stamp(l->b.peer, out_stamp);
}

static void
stamps_never_fall(void **state)
{
	struct lab *l = *state;
	uint8_t one[MESH_WG_STAMP_LEN], two[MESH_WG_STAMP_LEN];
	struct mesh_wall high;

	lab_know(&l->a);
	initiate_again(l, one);
	/* The clock is set back by a day: still accepted, a tick later. */
	mesh_wg_set_clock(l->a.wg, (struct mesh_wall){1699913600, 0}, l->now);
	initiate_again(l, two);
	assert_true(memcmp(two, one, sizeof(one)) > 0);
	high = mesh_wg_stamp_high(l->a.wg);
	assert_int_equal(high.sec, 1700000000);
	/* A floor from the disk lifts them; a lower one does nothing. */
	mesh_wg_set_stamp_floor(l->a.wg, (struct mesh_wall){1700009999, 5});
	mesh_wg_set_stamp_floor(l->a.wg, (struct mesh_wall){5, 5});
	initiate_again(l, one);
	assert_true(memcmp(one, two, sizeof(one)) > 0);
	assert_int_equal(mesh_wg_stamp_high(l->a.wg).sec, 1700009999);
}

/* --- memory */

static void
removed_peers_leave_nothing(void **state)
{
	struct lab *l = *state;
	struct mesh_wg_action act;

	connect_both(l);
	lab_send(&l->a, 100);
	l->b.inbox_count = 0;
	mesh_wg_connect(l->b.peer, l->now);
	mesh_wg_peer_remove(l->b.peer);
	l->b.peer = NULL;
	l->b.deadline = MESH_NEVER;
	assert_false(mesh_wg_next(l->b.wg, &act));
	assert_null(mesh_wg_peer_get(l->b.wg, &l->a.key));
	lab_input(&l->b, &l->a.kept[MESH_WG_DATA]);
	assert_int_equal(l->b.received, 1);
	assert_int_equal(mesh_wg_counts(l->b.wg).unknown_index, 1);
	/* The other side notices the silence and comes back. */
	lab_pass(l, 16 * MESH_SEC);
	lab_send(&l->a, 100);
	lab_settle(l);
	assert_int_equal(l->b.received, 2);
}

static void
without_memory(void **state)
{
	struct mesh_wg_config c = {.aead = &mesh_aead_openssl};
	struct mesh_node_secret s = {{8}};
	struct mesh_node_key k = mesh_node_public(&s);
	struct mesh_wg *wg = NULL;
	struct mesh_wg_peer *p = NULL;
	int err = MESH_ERR_NOMEM;

	(void)state;
	for (size_t n = 1; wg == NULL; n++) {
		fail_at = n;
		wg = mesh_wg_new(&c);
		assert_true(n < 10);
	}
	for (size_t n = 1; err != MESH_OK; n++) {
		fail_at = n;
		err = mesh_wg_peer_add(wg, &k, NULL, &p);
		assert_true(err == MESH_OK || err == MESH_ERR_NOMEM);
		assert_true(n < 10);
		assert_ptr_equal(mesh_wg_peer_get(wg, &k), p);
	}
	fail_at = 0;
	mesh_wg_free(wg);
	mesh_wg_free(NULL);
}

/* Handshakes, packets and time take no memory. */
static void
nothing_is_allocated(void **state)
{
	struct lab *l = *state;
	size_t before;

	connect_both(l);
	before = allocations;
	for (int i = 0; i < 400; i++) {
		lab_send(&l->a, 1000);
		lab_send(&l->b, 1000);
		lab_pass(l, MESH_SEC);
	}
	assert_true(l->a.sessions > 3);
	assert_int_equal(allocations, before);
}

static void
sources(void **state)
{
	struct mesh_endpoint e4 = {mesh_ip4(192, 0, 2, 1), 41641};
	struct mesh_endpoint e6 = {{{0x20, 1, 0xd, 0xb8}}, 1};
	static const uint8_t want[] = {192, 0, 2, 1, 0xa9, 0xa2};
	struct mesh_wg_source s = mesh_wg_source_udp(&e4);

	(void)state;
	assert_int_equal(s.len, sizeof(want));
	assert_int_equal(s.host_len, 4);
	assert_memory_equal(s.b, want, sizeof(want));
	s = mesh_wg_source_udp(&e6);
	assert_int_equal(s.len, 18);
	assert_int_equal(s.host_len, 16);
}

#define SCENARIO(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(first_packet),
	    SCENARIO(connect_without_a_packet),
	    SCENARIO(a_stranger_gets_no_answer),
	    SCENARIO(responder_waits_for_confirmation),
	    SCENARIO(both_begin_at_once),
	    SCENARIO(lost_messages_are_repeated),
	    SCENARIO(gives_up_after_90_seconds),
	    SCENARIO(rekey_after_120_seconds),
	    SCENARIO(rekey_of_a_receiver),
	    SCENARIO(rejected_after_180_seconds),
	    SCENARIO(keys_are_wiped_after_540_seconds),
	    SCENARIO(passive_keepalive),
	    SCENARIO(silence_begins_a_new_handshake),
	    SCENARIO(persistent_keepalive),
	    SCENARIO(previous_session_still_opens),
	    SCENARIO(replayed_initiation),
	    SCENARIO(initiations_too_soon),
	    SCENARIO(replayed_and_forged_data),
	    SCENARIO(damaged_handshakes),
	    SCENARIO(wrong_receiver),
	    SCENARIO(refused_peers),
	    SCENARIO(not_ip_inside),
	    SCENARIO(garbage),
	    SCENARIO(cookie_under_load),
	    SCENARIO(sources_have_a_rate),
	    SCENARIO(a_batch_of_many),
	    SCENARIO(padding_stops_at_the_mtu),
	    SCENARIO(staged_packets_are_bounded),
	    SCENARIO(pre_shared_key),
	    SCENARIO(stamps_never_fall),
	    SCENARIO(removed_peers_leave_nothing),
	    SCENARIO(without_memory),
	    SCENARIO(nothing_is_allocated),
	    SCENARIO(sources),
	};

	return cmocka_run_group_tests_name("wg", tests, NULL, NULL);
}
