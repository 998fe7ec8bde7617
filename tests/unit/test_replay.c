/* SPDX-License-Identifier: ISC
 * test_replay.c - the replay window. Sequences: protocol/vectors-dataplane.md
 * 1.6 (wireguard-go replay/replay_test.go).
 */
#include "wg/replay.h"

#include "test.h"

#define W MESH_WG_REPLAY_WINDOW
#define T (UINT64_C(1) + W)
#define R MESH_WG_REJECT_AFTER_MESSAGES

static void
one_filter(void **state)
{
	static const struct {
		uint64_t counter;
		bool ok;
	} rows[] = {
	    {0, true},
	    {1, true},
	    {1, false},
	    {9, true},
	    {8, true},
	    {7, true},
	    {7, false},
	    {T, true},
	    {T - 1, true},
	    {T - 1, false},
	    {T - 2, true},
	    {2, true},
	    {2, false},
	    {T + 16, true},
	    {3, false},
	    {T + 16, false},
	    {4 * T, true},
	    {4 * T - (T - 1), true},
	    {10, false},
	    {4 * T - T, false},
	    {4 * T - (T + 1), false},
	    {4 * T - (T - 2), true},
	    {4 * T + 1 - T, false},
	    {0, false},
	    {R, false},
	    {R - 1, true},
	    {R, false},
	    {R - 1, false},
	    {R - 2, true},
	    {R + 1, false},
	    {R + 2, false},
	    {R - 2, false},
	    {R - 3, true},
	    {0, false},
	};
	struct mesh_wg_replay r = {0};

	(void)state;
	assert_int_equal(W, 8128);
	assert_int_equal(R, UINT64_MAX - 8192);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (mesh_wg_replay_accept(&r, rows[i].counter) != rows[i].ok)
			fail_msg("call %zu", i + 1);
}

/* from to to, up or down, all accepted. */
static void
all(struct mesh_wg_replay *r, uint64_t from, uint64_t to)
{
	for (uint64_t c = from;; c += from < to ? 1 : UINT64_MAX) {
		assert_true(mesh_wg_replay_accept(r, c));
		if (c == to)
			break;
	}
}

static void
bulk_runs(void **state)
{
	struct mesh_wg_replay r = {0};

	(void)state;
	all(&r, 1, W);
	assert_true(mesh_wg_replay_accept(&r, 0));
	assert_false(mesh_wg_replay_accept(&r, 0));

	r = (struct mesh_wg_replay){0};
	all(&r, 2, W + 1);
	assert_true(mesh_wg_replay_accept(&r, 1));
	assert_false(mesh_wg_replay_accept(&r, 0));

	r = (struct mesh_wg_replay){0};
	all(&r, W + 1, 1);

	r = (struct mesh_wg_replay){0};
	all(&r, W + 2, 2);
	assert_false(mesh_wg_replay_accept(&r, 0));

	r = (struct mesh_wg_replay){0};
	all(&r, W, 1);
	assert_true(mesh_wg_replay_accept(&r, W + 1));
	assert_false(mesh_wg_replay_accept(&r, 0));

	r = (struct mesh_wg_replay){0};
	all(&r, W, 1);
	assert_true(mesh_wg_replay_accept(&r, 0));
	assert_true(mesh_wg_replay_accept(&r, W + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_filter),
	    cmocka_unit_test(bulk_runs),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
