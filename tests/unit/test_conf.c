/* SPDX-License-Identifier: ISC */
#include "common/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A daemon reads its options once and keeps their texts (conf.h): no leak. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:take_scalar";
}

struct opts {
	const char *state;
	uint64_t port, wait;
	bool verbose;
	struct conf_list dns;
};

static const struct conf_option table[] = {
    {"state", "DIR", "where", CONF_STRING,
	.offset = offsetof(struct opts, state), .required = true},
    {"port", "N", "a port", CONF_UINT, .offset = offsetof(struct opts, port),
	.max = 65535},
    {"wait", "TIME", "how long", CONF_DURATION,
	.offset = offsetof(struct opts, wait)},
    {"verbose", NULL, "more", CONF_FLAG,
	.offset = offsetof(struct opts, verbose)},
    {"dns", "ADDR", "servers", CONF_LIST, .offset = offsetof(struct opts, dns)},
    {0},
};

static const struct conf_program program = {"mesh-test", "a test", table};

static int
read_text(const char *text, struct opts *o, struct mesh_diag *diag)
{
	return conf_read_text(table, text, strlen(text), o, diag);
}

static void
test_file(void **state)
{
	struct opts o = {0};
	struct mesh_diag diag = {0};

	(void)state;
	assert_int_equal(read_text("# all kinds\nstate: /var/lib/x\n"
				   "port: 443\nwait: 1h30m\nverbose: true\n"
				   "dns: [1.1.1.1, \"9.9.9.9\"]\n",
			     &o, &diag),
	    MESH_OK);
	assert_string_equal(o.state, "/var/lib/x");
	assert_int_equal(o.port, 443);
	assert_true(o.wait == 90 * MESH_MIN);
	assert_true(o.verbose);
	assert_int_equal(o.dns.count, 2);
	assert_string_equal(o.dns.values[1], "9.9.9.9");
	assert_int_equal(read_text("", &o, &diag), MESH_OK);
	assert_int_equal(read_text("{\"port\": 1}", &o, &diag), MESH_OK);
	assert_int_equal(o.port, 1);
}

static void
test_file_errors(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"state: /x\nlistn: 1\n", "line 2: unknown key 'listn'"},
	    {"port: 65536\n", "line 1: port: '65536' is not a number up to"},
	    {"port: -1\n", "port: '-1' is not a number"},
	    {"\n\nverbose: yes\n",
		"line 3: verbose: 'yes' is neither true nor false"},
	    {"wait: soon\n", "wait: 'soon' is not a duration"},
	    {"port: [1, 2]\n", "one value wanted for 'port'"},
	    {"port: {a: b}\n", "a value wanted for 'port'"},
	    {"dns: [[1]]\n", "a list of values wanted for 'dns'"},
	    {"- a\n- b\n", "keys wanted"},
	    {"text\n", "keys wanted"},
	    {"port: 1\n---\nport: 2\n", "one document wanted"},
	    {"? [a]\n: b\n", "a key wanted"},
	    {"state: \"a\\0b\"\n", "NUL in 'state'"},
	    {"state: *anchor\n", "a value wanted"},
	    {"state: \"open\n", "line 2: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opts o = {0};
		struct mesh_diag diag = {0};

		assert_true(read_text(cases[i].text, &o, &diag) < 0);
		if (strstr(diag.text, cases[i].says) == NULL)
			fail_msg("'%s' says '%s'", cases[i].text, diag.text);
	}
}

static void
test_file_lists_are_bounded(void **state)
{
	char text[CONF_LIST_MAX * 8 + 32] = "dns: [a";
	struct opts o = {0};
	struct mesh_diag diag = {0};

	(void)state;
	for (unsigned i = 0; i < CONF_LIST_MAX; i++)
		strncat(text, ", a", sizeof(text) - strlen(text) - 1);
	strncat(text, "]", sizeof(text) - strlen(text) - 1);
	assert_true(read_text(text, &o, &diag) < 0);
	assert_non_null(strstr(diag.text, "more than 64 values"));
}

static enum conf_verdict
load(struct opts *o, char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return conf_load(&program, argc, argv, o);
}

#define ARGV(...)                                                              \
	(char *[])                                                             \
	{                                                                      \
		"mesh-test", __VA_ARGS__, NULL                                 \
	}

static void
test_command_line(void **state)
{
	struct opts o = {.port = 7};

	(void)state;
	assert_int_equal(load(&o, ARGV("--state", "/s", "--verbose", "--dns=a",
				      "--dns", "b", "--wait=500ms")),
	    CONF_RUN);
	assert_string_equal(o.state, "/s");
	assert_int_equal(o.port, 7);
	assert_true(o.verbose);
	assert_true(o.wait == 500 * MESH_MS);
	assert_int_equal(o.dns.count, 2);
	assert_int_equal(load(&o, ARGV("--state=/s", "-n")), CONF_DONE);
	assert_int_equal(load(&o, ARGV("--version")), CONF_DONE);
}

static void
test_command_line_wins(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX";
	static const char text[] = "state: /file\nport: 1\ndns: [x, y]\n";
	int fd = mkstemp(path);
	struct opts o = {0};

	(void)state;
	assert_true(fd >= 0);
	assert_true(write(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_int_equal(load(&o, ARGV("--port", "2", "--dns", "z", "--config",
				      path)),
	    CONF_RUN);
	unlink(path);
	assert_string_equal(o.state, "/file");
	assert_int_equal(o.port, 2);
	assert_int_equal(o.dns.count, 1);
	assert_string_equal(o.dns.values[0], "z");
}

static void
test_command_line_errors(void **state)
{
	struct opts o = {0};

	(void)state;
	assert_int_equal(load(&o, ARGV("--port", "1")), CONF_USAGE);
	assert_int_equal(load(&o, ARGV("--state=/s", "--prot", "1")),
	    CONF_USAGE);
	assert_int_equal(load(&o, ARGV("--state=/s", "--port", "x")),
	    CONF_USAGE);
	assert_int_equal(load(&o, ARGV("--state=/s", "more")), CONF_USAGE);
	assert_int_equal(load(&o, ARGV("--config=/does/not/exist")),
	    CONF_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_file_errors),
	    cmocka_unit_test(test_file_lists_are_bounded),
	    cmocka_unit_test(test_command_line),
	    cmocka_unit_test(test_command_line_wins),
	    cmocka_unit_test(test_command_line_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
