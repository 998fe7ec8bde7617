/* SPDX-License-Identifier: ISC
 * wg_scenario.h - what the scenarios of test_wg*.c begin with. */
#ifndef TESTS_UNIT_WG_SCENARIO_H
#define TESTS_UNIT_WG_SCENARIO_H

#include "test.h"
#include "wg_lab.h"

#define SCENARIO(f)                                                            \
	cmocka_unit_test_setup_teardown(f, scenario_setup, scenario_teardown)

static inline int
scenario_setup(void **state)
{
	struct lab *l = malloc(sizeof(*l));

	if (l == NULL)
		return -1;
	lab_init(l);
	*state = l;
	return 0;
}

static inline int
scenario_teardown(void **state)
{
	lab_release(*state);
	free(*state);
	return 0;
}

/* Both know each other, and a has sent a packet that arrived. */
static inline void
connect_both(struct lab *l)
{
	assert_int_equal(lab_know(&l->a), MESH_OK);
	assert_int_equal(lab_know(&l->b), MESH_OK);
	assert_false(lab_send(&l->a, 100));
	lab_settle(l);
	assert_int_equal(l->b.received, 1);
	assert_int_equal(l->b.last.len, 100);
}

/* For lab.lose. */
static inline bool
lose_all(struct lab_end *to, const struct lab_frame *f)
{
	(void)to;
	(void)f;
	return true;
}

static inline bool
lose_to_b(struct lab_end *to, const struct lab_frame *f)
{
	(void)f;
	return to == &to->lab->b;
}

#endif
