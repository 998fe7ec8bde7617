/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "common/cmd.h"
#include <stdio.h>
#include <unistd.h>

static struct opts {
	uint64_t count;
	bool until;
	uint64_t timeout;
} opts;

static const struct conf_option options[] = {
	{"count", "N", "how many", CONF_UINT, offsetof(struct opts, count),
	    .letter = 'c', .max = 100},
	{"until-direct", NULL, "stop when direct", CONF_FLAG,
	    offsetof(struct opts, until)},
	{"timeout", "TIME", "give up after", CONF_DURATION,
	    offsetof(struct opts, timeout)},
	{0},
};

static int ran, ran_operands;
static struct cmd_common ran_common;

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	(void)argv;
	ran++;
	ran_operands = argc;
	ran_common = *common;
	return CMD_OK;
}

static const struct cmd plain = {
    .name = "mesh-test",
    .summary = "tests",
    .operands = "NODE",
    .min_operands = 1,
    .max_operands = 2,
    .options = options,
    .opts = &opts,
    .run = run,
};

static const struct cmd verbs[] = {
	{.name = "add", .summary = "adds", .operands = "NAME",
	    .min_operands = 1, .max_operands = 1, .options = options,
	    .opts = &opts, .run = run},
	{.name = "list", .summary = "lists", .run = run},
	{0},
};

static const struct cmd with_verbs = {
    .name = "mesh-things", .summary = "things", .verbs = verbs};

static int
call(const struct cmd *c, const char *line)
{
	char text[200], *argv[16], *p = text;
	int argc = 0;

	snprintf(text, sizeof(text), "prog %s", line);
	while (argc < 15 && (argv[argc] = strsep(&p, " ")) != NULL)
		if (*argv[argc] != 0)
			argc++;
	argv[argc] = NULL;
	memset(&opts, 0, sizeof(opts));
	ran = 0;
	return cmd_main(c, argc, argv);
}

static void
options_and_operands_mix(void **state)
{
	(void)state;
	assert_int_equal(call(&plain, "a -c 3 --timeout 1.5s b --until-direct"),
	    CMD_OK);
	assert_int_equal(ran, 1);
	assert_int_equal(ran_operands, 2);
	assert_int_equal(opts.count, 3);
	assert_true(opts.until);
	assert_true(opts.timeout == 1500 * MESH_MS);
	assert_false(ran_common.json);
	assert_int_equal(call(&plain, "--json --socket /s -- --x"), CMD_OK);
	assert_true(ran_common.json);
	assert_string_equal(ran_common.socket, "/s");
	assert_int_equal(ran_operands, 1);
}

static void
wrong_usage_is_2_and_does_not_run(void **state)
{
	static const char *const bad[] = {"", "a b c", "a --nonsense", "a -c",
	    "a -c x", "a -c 101", "a --timeout fast", "a --until-direct=x",
	    "a -z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(call(&plain, bad[i]), CMD_USAGE);
		assert_int_equal(ran, 0);
	}
}

static void
verbs_have_their_own_options(void **state)
{
	(void)state;
	assert_int_equal(call(&with_verbs, "--json add x -c 5"), CMD_OK);
	assert_int_equal(opts.count, 5);
	assert_true(ran_common.json);
	assert_int_equal(call(&with_verbs, "list --json"), CMD_OK);
	assert_int_equal(ran, 1);
	assert_int_equal(call(&with_verbs, ""), CMD_USAGE);
	assert_int_equal(call(&with_verbs, "remove x"), CMD_USAGE);
	assert_int_equal(call(&with_verbs, "list x"), CMD_USAGE);
	assert_int_equal(call(&with_verbs, "list -c 5"), CMD_USAGE);
	assert_int_equal(ran, 0);
}

static struct must_opts {
	const char *user;
} must_opts;

static const struct conf_option must_options[] = {
	{"user", "NAME", "whose", CONF_STRING, offsetof(struct must_opts, user),
	    .required = true},
	{0},
};

static const struct cmd must = {.name = "mesh-must", .summary = "needs a user",
    .options = must_options, .opts = &must_opts, .run = run};

static void
what_is_required_is_asked_for(void **state)
{
	(void)state;
	must_opts.user = NULL;
	assert_int_equal(call(&must, ""), CMD_USAGE);
	assert_int_equal(ran, 0);
	assert_int_equal(call(&must, "--user alice"), CMD_OK);
	assert_int_equal(ran, 1);
}

static void
errors_have_a_status(void **state)
{
	(void)state;
	assert_int_equal(cmd_status_of(MESH_OK), CMD_OK);
	assert_int_equal(cmd_status_of(MESH_ERR_TIMEOUT), CMD_TIMED_OUT);
	assert_int_equal(cmd_status_of(MESH_ERR_DENIED), CMD_NOT_PERMITTED);
	assert_int_equal(cmd_status_of(MESH_ERR_PROTO), CMD_REFUSED);
	assert_int_equal(cmd_status_of(MESH_ERR_NOTFOUND), CMD_NO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_operands_mix),
		cmocka_unit_test(wrong_usage_is_2_and_does_not_run),
		cmocka_unit_test(verbs_have_their_own_options),
		cmocka_unit_test(what_is_required_is_asked_for),
		cmocka_unit_test(errors_have_a_status),
	};

	return cmocka_run_group_tests_name("cmd", tests, NULL, NULL);
}
