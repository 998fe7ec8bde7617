/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/arena.h"
#include "base/buf.h"

static void
grows_to_the_maximum_and_no_further(void **state)
{
	struct mesh_buf b;
	uint8_t block[300] = {0};

	(void)state;
	mesh_buf_init(&b, 1000);
	assert_int_equal(mesh_buf_add(&b, block, 300), MESH_OK);
	assert_int_equal(mesh_buf_add(&b, block, 300), MESH_OK);
	assert_int_equal(mesh_buf_add(&b, block, 300), MESH_OK);
	assert_int_equal(mesh_buf_add(&b, block, 101), MESH_ERR_LIMIT);
	assert_int_equal(b.len, 900);
	assert_int_equal(mesh_buf_add(&b, block, 1), MESH_ERR_LIMIT);
	mesh_buf_clear(&b);
	assert_int_equal(mesh_buf_add(&b, block, 300), MESH_OK);
	mesh_buf_release(&b);
	assert_null(b.data);
}

static void
consumes_from_the_front(void **state)
{
	struct mesh_buf b;

	(void)state;
	mesh_buf_init(&b, 64);
	for (int round = 0; round < 100; round++) {
		assert_int_equal(mesh_buf_printf(&b, "%d:abcdefghij", round),
		    MESH_OK);
		while (b.len > 10)
			mesh_buf_consume(&b, 1);
		assert_memory_equal(b.data, "abcdefghij", 10);
	}
	mesh_buf_consume(&b, 99);
	assert_int_equal(b.len, 0);
	assert_string_equal(mesh_buf_cstr(&b), "");
	mesh_buf_add_str(&b, "xyz");
	mesh_buf_truncate(&b, 2);
	assert_string_equal(mesh_buf_cstr(&b), "xy");
	assert_int_equal(b.len, 2);
	mesh_buf_wipe(&b);
}

static void
a_full_window_slides(void **state)
{
	struct mesh_buf b;
	uint8_t byte = 0, expect = 0;

	(void)state;
	mesh_buf_init(&b, 512);
	for (int i = 0; i < 512; i++)
		assert_int_equal(mesh_buf_add_byte(&b, byte++), MESH_OK);
	assert_int_equal(mesh_buf_add_byte(&b, 0), MESH_ERR_LIMIT);
	b.failed = false;
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(b.data[0], expect++);
		mesh_buf_consume(&b, 1);
		assert_int_equal(mesh_buf_add_byte(&b, byte++), MESH_OK);
	}
	mesh_buf_release(&b);
}

static void
arena_is_bounded_and_zeroed(void **state)
{
	struct mesh_arena a;
	char *s;

	(void)state;
	mesh_arena_init(&a, 10000);
	s = mesh_arena_strndup(&a, "hello", 4);
	assert_string_equal(s, "hell");
	for (int i = 0; i < 40; i++) {
		uint8_t *p = mesh_arena_calloc(&a, 10, 10);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (int k = 0; k < 100; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, 100);
	}
	assert_null(mesh_arena_calloc(&a, 1, 10000));
	assert_true(a.failed);
	assert_null(mesh_arena_calloc(&a, 1, 1)); /* sticks */
	mesh_arena_release(&a);
	assert_null(mesh_arena_calloc(&a, SIZE_MAX, 2));
	mesh_arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_the_maximum_and_no_further),
		cmocka_unit_test(consumes_from_the_front),
		cmocka_unit_test(a_full_window_slides),
		cmocka_unit_test(arena_is_bounded_and_zeroed),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
