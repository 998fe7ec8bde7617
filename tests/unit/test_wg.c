/* SPDX-License-Identifier: ISC
 * test_wg.c - two WireGuard cores, simulated time. Rules: protocol/dataplane.md
 * 1.4 to 1.7.
 */
#include "wg/wg.h"

#include "wg_scenario.h"

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

/* The peer was started anew: a session at once, though there is one. */
static void
renewed_session(void **state)
{
	struct lab *l = *state;

	connect_both(l);
	mesh_wg_renew(l->a.peer, l->now); /* too soon after the first */
	lab_pass(l, 4 * MESH_SEC);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	lab_pass(l, 2 * MESH_SEC);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 2);
	lab_pass(l, 10 * MESH_SEC);
	mesh_wg_renew(l->b.peer, l->now);
	assert_int_equal(mesh_wg_peer_state(l->b.peer, l->now),
	    MESH_WG_ESTABLISHED);
	lab_settle(l);
	assert_int_equal(l->b.sent[MESH_WG_INITIATION], 1);
	assert_int_equal(l->a.sessions, 3);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(first_packet),
	    SCENARIO(connect_without_a_packet),
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
	    SCENARIO(renewed_session),
	    SCENARIO(previous_session_still_opens),
	    SCENARIO(pre_shared_key),
	    SCENARIO(stamps_never_fall),
	    SCENARIO(removed_peers_leave_nothing),
	};

	return cmocka_run_group_tests_name("wg", tests, NULL, NULL);
}
