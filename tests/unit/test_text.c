/* SPDX-License-Identifier: ISC */
#include "test.h"

#include <stdio.h>

static void
durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"0", 0},
		{"500ms", 500 * MESH_MS},
		{"10s", 10 * MESH_SEC},
		{"1h", MESH_HOUR},
		{"1h30m", 90 * MESH_MIN},
		{"1.5h", 90 * MESH_MIN},
		{"0.25s", 250 * MESH_MS},
		{"90d", 90 * 24 * MESH_HOUR},
		{"1us", MESH_US},
	};
	static const char *const bad[] = {"", "1", "s", "1x", "-1s", "1.s",
	    ".5s", "1 s", "1h 2m", "1S", "99999999999h"};
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(
		    mesh_parse_duration(mesh_str(good[i].text), &ns), MESH_OK);
		assert_true(ns == good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_not_equal(
		    mesh_parse_duration(mesh_str(bad[i]), &ns), MESH_OK);
}

static void
times_of_day(void **state)
{
	static const struct {
		const char *in, *out;
		int64_t sec;
		uint32_t nsec;
	} good[] = {
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0, 0},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
		    MESH_WALL_ZERO_SEC, 0},
		{"2026-11-22T08:04:53.224357017Z",
		    "2026-11-22T08:04:53.224357017Z", 1795334693, 224357017},
		{"2024-02-29T23:59:59.500+01:00", "2024-02-29T22:59:59.5Z",
		    1709247599, 500000000},
		{"2000-03-01t00:00:00.1234567899z",
		    "2000-03-01T00:00:00.123456789Z", 951868800, 123456789},
	};
	static const char *const bad[] = {"", "2026-11-22", "2026-13-01T00:00:00Z",
	    "2025-02-29T00:00:00Z", "2026-11-22T24:00:00Z",
	    "2026-11-22T08:04:53", "2026-11-22T08:04:53.Z",
	    "2026-11-22 08:04:53Z", "2026-11-22T08:04:53+0100",
	    "2026-11-22T08:04:53Zx"};
	char text[MESH_RFC3339_MAX];
	struct mesh_wall w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(mesh_wall_parse(mesh_str(good[i].in), &w),
		    MESH_OK);
		assert_true(w.sec == good[i].sec);
		assert_int_equal(w.nsec, good[i].nsec);
		mesh_wall_format(w, text);
		assert_string_equal(text, good[i].out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(mesh_wall_parse(mesh_str(bad[i]), &w),
		    MESH_ERR_FORMAT);
}

static void
slices(void **state)
{
	struct mesh_str s = MESH_STR("a:bc::d"), part;
	char out[4];

	(void)state;
	part = mesh_str_cut(&s, ':');
	assert_true(mesh_str_eq(part, "a"));
	part = mesh_str_cut(&s, ':');
	assert_true(mesh_str_eq(part, "bc"));
	part = mesh_str_cut(&s, ':');
	assert_int_equal(part.len, 0);
	part = mesh_str_cut(&s, ':');
	assert_true(mesh_str_eq(part, "d"));
	assert_null(s.p);
	assert_true(mesh_str_eq(mesh_str_trim(MESH_STR(" \tx y\r\n")), "x y"));
	assert_int_equal(mesh_str_trim(MESH_STR(" \n")).len, 0);
	assert_int_equal(mesh_str_copy(MESH_STR("abc"), out, 4), MESH_OK);
	assert_int_equal(mesh_str_copy(MESH_STR("abcd"), out, 4),
	    MESH_ERR_LIMIT);
	assert_int_equal(mesh_str_copy(MESH_STR("a\0c"), out, 4),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_format(out, sizeof(out), "%d", 1234),
	    MESH_ERR_LIMIT);
}

static void
hex_and_base64(void **state)
{
	uint8_t b[8];
	char text[32];
	size_t len;

	(void)state;
	assert_int_equal(mesh_hex_decode(MESH_STR("00fFa5"), b, 3), MESH_OK);
	assert_memory_equal(b, "\x00\xff\xa5", 3);
	mesh_hex_encode(b, 3, text);
	assert_string_equal(text, "00ffa5");
	assert_int_equal(mesh_hex_decode(MESH_STR("00ff"), b, 3),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_hex_decode(MESH_STR("00fg00"), b, 3),
	    MESH_ERR_FORMAT);
	mesh_base64_encode((const uint8_t *)"mesh", 4, text);
	assert_string_equal(text, "bWVzaA==");
	assert_int_equal(mesh_base64_decode(MESH_STR("bWVzaA=="), b, 8, &len),
	    MESH_OK);
	assert_int_equal(len, 4);
	assert_memory_equal(b, "mesh", 4);
	assert_int_equal(mesh_base64_decode(MESH_STR("bWVzaA"), b, 8, &len),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_base64_decode(MESH_STR("bW#zaA=="), b, 8, &len),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_base64_decode(MESH_STR("bWVzaA=="), b, 3, &len),
	    MESH_ERR_LIMIT);
	assert_int_equal(mesh_base64_decode(MESH_STR(""), b, 8, &len), MESH_OK);
	assert_int_equal(len, 0);
}

static void
errors_have_texts(void **state)
{
	(void)state;
	assert_string_equal(mesh_strerror(MESH_OK), "no error");
	assert_string_equal(mesh_strerror(MESH_ERR_REPLAY), "replayed");
	assert_string_equal(mesh_err_name(MESH_ERR_REPLAY), "REPLAY");
	assert_string_equal(mesh_strerror(-1000), "unknown error");
	assert_string_equal(mesh_strerror(1), "unknown error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(times_of_day),
		cmocka_unit_test(slices),
		cmocka_unit_test(hex_and_base64),
		cmocka_unit_test(errors_have_texts),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
