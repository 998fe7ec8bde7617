/* SPDX-License-Identifier: ISC
 * test_index.c - the table of session indices, against a slow model; and the
 * random bytes that indices are made of.
 */
#include "wg/index.h"

#include <string.h>

#include "crypto/drbg.h"
#include "test.h"

#define ENTRIES 64u

static void
empty(void **state)
{
	struct mesh_wg_index t = {0};

	(void)state;
	assert_null(mesh_wg_index_get(&t, 7));
	mesh_wg_index_remove(&t, 7);
	mesh_wg_index_release(&t);
}

/* Few different indices, so that they collide and close holes over the end of
 * the table. */
static void
against_a_model(void **state)
{
	static const uint8_t seed[32] = {4};
	struct mesh_wg_index t = {0};
	void *model[ENTRIES] = {NULL};
	struct mesh_drbg random;
	size_t count = 0;

	(void)state;
	mesh_drbg_init(&random, seed);
	assert_int_equal(mesh_wg_index_reserve(&t, ENTRIES / 4), MESH_OK);
	for (int step = 0; step < 20000; step++) {
		uint32_t i = mesh_drbg_u32(&random) % ENTRIES;
		uint32_t index = i * 0x01010101u;

		if (step == 10000) /* grows with what is in it */
			assert_int_equal(mesh_wg_index_reserve(&t, ENTRIES),
			    MESH_OK);
		if (model[i] != NULL) {
			mesh_wg_index_remove(&t, index);
			model[i] = NULL;
			count--;
		} else if (count < (step < 10000 ? ENTRIES / 4 : ENTRIES)) {
			model[i] = &model[i];
			mesh_wg_index_put(&t, index, model[i]);
			count++;
		}
		assert_int_equal(t.count, count);
		for (uint32_t k = 0; k < ENTRIES; k++)
			assert_ptr_equal(mesh_wg_index_get(&t, k * 0x01010101u),
			    model[k]);
	}
	mesh_wg_index_release(&t);
}

static void
random_bytes(void **state)
{
	static const uint8_t seed[32] = {1}, more[32] = {2};
	struct mesh_drbg a, b;
	uint8_t x[1500], y[1500], zero[sizeof(a)] = {0};

	(void)state;
	mesh_drbg_init(&a, seed);
	mesh_drbg_init(&b, seed);
	mesh_drbg_bytes(&a, x, sizeof(x));
	for (size_t i = 0; i < sizeof(y); i++) /* however they are taken */
		mesh_drbg_bytes(&b, y + i, 1);
	assert_memory_equal(x, y, sizeof(x));
	assert_memory_equal(&a, &b, sizeof(a));
	/* Nothing that was handed out is left behind. */
	for (size_t i = 0; i + 16 <= sizeof(x); i += 16)
		assert_null(memmem(&a, sizeof(a), x + i, 16));
	mesh_drbg_stir(&b, more);
	mesh_drbg_bytes(&a, x, 32);
	mesh_drbg_bytes(&b, y, 32);
	assert_memory_not_equal(x, y, 32);
	mesh_drbg_wipe(&a);
	assert_memory_equal(&a, zero, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty),
	    cmocka_unit_test(against_a_model),
	    cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
