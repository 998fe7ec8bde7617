/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/log.h"
#include "base/secret.h"

static void
keep(void *arg, enum mesh_log_level level, const char *line)
{
	char *out = arg;

	out[0] = (char)('0' + level);
	strncpy(out + 1, line, MESH_LOG_LINE);
}

static void
lines_go_to_the_sink(void **state)
{
	char got[MESH_LOG_LINE + 2] = "";
	struct mesh_log log = {.write = keep, .arg = got, .max = MESH_LOG_INFO};
	char longest[2 * MESH_LOG_LINE];

	(void)state;
	mesh_log(&log, MESH_LOG_WARN, "peer refused key=%s", "[abcde]");
	assert_string_equal(got, "1peer refused key=[abcde]");
	mesh_log(&log, MESH_LOG_DEBUG, "not wanted");
	assert_string_equal(got, "1peer refused key=[abcde]");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	mesh_log(&log, MESH_LOG_ERR, "%s", longest);
	assert_int_equal(strlen(got), MESH_LOG_LINE);
	mesh_log(NULL, MESH_LOG_ERR, "nobody listens");
}

static void
strangers_text_is_escaped(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(mesh_log_text("a\n\"\\\xff", 5, out, sizeof(out)),
	    "a\\x0a\\x22\\x5c");
	assert_string_equal(mesh_log_text("plain", 5, out, 4), "pla");
}

static void
rate_is_limited(void **state)
{
	struct mesh_ratelimit r = mesh_ratelimit_init(2, MESH_SEC);
	struct mesh_time t = {100 * MESH_SEC};

	(void)state;
	assert_true(mesh_ratelimit_allow(&r, t));
	assert_true(mesh_ratelimit_allow(&r, t));
	assert_false(mesh_ratelimit_allow(&r, t));
	assert_int_equal(r.dropped, 1);
	t = mesh_time_add(t, 1500 * MESH_MS);
	assert_true(mesh_ratelimit_allow(&r, t));
	assert_false(mesh_ratelimit_allow(&r, t));
	t = mesh_time_add(t, 600 * MESH_MS); /* half a token was kept */
	assert_true(mesh_ratelimit_allow(&r, t));
	t = mesh_time_add(t, MESH_HOUR);
	assert_true(mesh_ratelimit_allow(&r, t));
	assert_true(mesh_ratelimit_allow(&r, t));
	assert_false(mesh_ratelimit_allow(&r, t));
}

static void
secrets(void **state)
{
	uint8_t a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 5};

	(void)state;
	assert_false(mesh_ct_equal(a, b, 4));
	assert_true(mesh_ct_equal(a, b, 3));
	assert_false(mesh_ct_is_zero(a, 4));
	mesh_wipe(a, 4);
	assert_true(mesh_ct_is_zero(a, 4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_go_to_the_sink),
		cmocka_unit_test(strangers_text_is_escaped),
		cmocka_unit_test(rate_is_limited),
		cmocka_unit_test(secrets),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
