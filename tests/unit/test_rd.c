/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/rd.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15};

static void
reads_both_orders(void **state)
{
	struct mesh_rd r = mesh_rd_init(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(mesh_rd_u8(&r), 1);
	assert_int_equal(mesh_rd_u16be(&r), 0x0203);
	assert_int_equal(mesh_rd_u32le(&r), 0x07060504);
	assert_true(mesh_rd_u64be(&r) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_true(mesh_rd_done(&r));
}

static void
errors_stick(void **state)
{
	struct mesh_rd r = mesh_rd_init(bytes, 3);

	(void)state;
	assert_int_equal(mesh_rd_u32be(&r), 0);
	assert_true(mesh_rd_bad(&r));
	assert_int_equal(mesh_rd_u8(&r), 0); /* although 3 bytes are there */
	assert_null(mesh_rd_take(&r, 0));
	assert_int_equal(mesh_rd_left(&r), 0);
	assert_false(mesh_rd_done(&r));
}

static void
sub_confines(void **state)
{
	struct mesh_rd r = mesh_rd_init(bytes, 6), sub;
	size_t len;

	(void)state;
	sub = mesh_rd_sub(&r, 4);
	mesh_rd_skip(&sub, 3);
	assert_int_equal(mesh_rd_u16be(&sub), 0);
	assert_true(mesh_rd_bad(&sub));
	assert_false(mesh_rd_bad(&r));
	assert_ptr_equal(mesh_rd_rest(&r, &len), bytes + 4);
	assert_int_equal(len, 2);
	assert_true(mesh_rd_done(&r));
	sub = mesh_rd_sub(&r, 1);
	assert_true(mesh_rd_bad(&sub));
}

static void
writes_and_stops(void **state)
{
	uint8_t out[16];
	struct mesh_wr w = mesh_wr_init(out, sizeof(out));

	(void)state;
	mesh_wr_u8(&w, 0xff);
	mesh_wr_u16le(&w, 0x0102);
	mesh_wr_u32be(&w, 0x03040506);
	mesh_wr_u64le(&w, 7);
	assert_true(mesh_wr_ok(&w));
	assert_int_equal(w.len, 15);
	assert_memory_equal(out, "\xff\x02\x01\x03\x04\x05\x06\x07\0\0", 10);
	mesh_wr_u16be(&w, 1);
	assert_false(mesh_wr_ok(&w));
	mesh_wr_u8(&w, 1); /* would fit, but the error sticks */
	assert_int_equal(w.len, 15);
	assert_null(mesh_wr_room(&w, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_orders),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(sub_confines),
		cmocka_unit_test(writes_and_stops),
	};

	return cmocka_run_group_tests_name("rd", tests, NULL, NULL);
}
