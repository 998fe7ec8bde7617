/* SPDX-License-Identifier: ISC
 * test_timers.c - the heap of deadlines: always the earliest, also after any
 * mix of setting, moving and stopping.
 */
#include "../../cmd/meshd/timers.h"

#include "test.h"

#define COUNT 200u

static struct timers heap;
static struct timer timer[COUNT];

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void
test_order(void **state)
{
	uint32_t r = 1;
	uint64_t last = 0;
	struct timer *t;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(timers_set(&heap, &timer[i],
		    (struct mesh_time){next_random(&r) % 1000}), MESH_OK);
	for (size_t i = 0; i < COUNT; i += 3) /* earlier or later */
		assert_int_equal(timers_set(&heap, &timer[i],
		    (struct mesh_time){next_random(&r) % 1000}), MESH_OK);
	for (size_t i = 0; i < COUNT; i += 5)
		timers_stop(&heap, &timer[i]);
	while ((t = timers_take(&heap, (struct mesh_time){999})) != NULL) {
		assert_true(t->deadline.ns >= last);
		assert_int_equal(t->place, 0);
		last = t->deadline.ns;
		n++;
	}
	assert_int_equal(n, COUNT - COUNT / 5);
	assert_true(mesh_time_is_never(timers_next(&heap)));
	timers_release(&heap);
}

static void
test_due(void **state)
{
	(void)state;
	assert_null(timers_take(&heap, MESH_NEVER));
	assert_int_equal(timers_set(&heap, &timer[0], (struct mesh_time){5}),
	    MESH_OK);
	assert_int_equal(timers_next(&heap).ns, 5);
	assert_null(timers_take(&heap, (struct mesh_time){4}));
	assert_int_equal(timers_set(&heap, &timer[0], MESH_NEVER), MESH_OK);
	assert_null(timers_take(&heap, (struct mesh_time){5}));
	timers_stop(&heap, &timer[0]); /* again: nothing */
	timers_release(&heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
