/* SPDX-License-Identifier: ISC
 * mesh-policy - who may reach whom: the server's policy, and policies in files.
 *
 * get and set talk to mesh-controld; check and test need no server.
 */
#include "common/admin.h"
#include "common/file.h"

#include "policy/policy.h"

#define POLICY_PATH "/api/v1/policy"

static struct opts {
	const char *proto;
} opts;

static const struct conf_option test_options[] = {
	{"proto", "NAME", "tcp, udp, icmp or a number; default: the usual ones",
	    CONF_STRING, offsetof(struct opts, proto)},
	{0},
};

/* --- on the server */

struct answer {
	const char *policy;
};

static const struct mesh_field answer_fields[] = {
	{"policy", MESH_BIND_STRING, offsetof(struct answer, policy), 0},
};
static const struct mesh_schema answer_schema =
    MESH_SCHEMA(struct answer, answer_fields);

static void
print_policy(const char *text)
{
	if (text == NULL || text[0] == 0) {
		cmd_note("no policy is set: every node may reach every other");
		text = "{}";
	}
	fputs(text, stdout);
	if (text[strlen(text) - 1] != '\n')
		putchar('\n');
}

static int
get(const struct cmd_common *common, int argc, char **argv)
{
	struct answer a = {.policy = NULL};
	struct mesh_arena arena;
	struct mesh_buf reply;
	int status;

	(void)argc, (void)argv;
	if (common->json) {
		status = admin_call(common, "GET", POLICY_PATH, NULL, &reply);
		if (status == CMD_OK)
			admin_print_json(&reply);
		mesh_buf_release(&reply);
		return status;
	}
	mesh_arena_init(&arena, ADMIN_ARENA_MAX);
	status = admin_ask(common, "GET", POLICY_PATH, NULL, &answer_schema,
	    &arena, &a);
	if (status == CMD_OK)
		print_policy(a.policy);
	mesh_arena_release(&arena);
	return status;
}

static int
set(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_buf text, body, reply;
	struct mesh_jw w;
	int status = file_read(argv[0], MESH_POLICY_TEXT_MAX, &text);

	(void)argc;
	mesh_buf_init(&reply, 0);
	mesh_buf_init(&body, 8 * MESH_POLICY_TEXT_MAX);
	mesh_jw_init(&w, &body, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "policy");
	mesh_jw_str(&w,
	    (struct mesh_str){(const char *)text.data, text.len});
	mesh_jw_end_object(&w);
	if (status == CMD_OK)
		status = admin_call(common, "PUT", POLICY_PATH, &body, &reply);
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&text);
	mesh_buf_release(&body);
	mesh_buf_release(&reply);
	return status;
}

/* --- in files */

static int
load(const char *path, struct mesh_policy **out)
{
	struct mesh_diag diag = {0};
	struct mesh_buf text;
	int status = file_read(path, MESH_POLICY_TEXT_MAX, &text);

	if (status == CMD_OK &&
	    mesh_policy_parse((const char *)text.data, text.len, out, &diag) !=
		MESH_OK)
		status = cmd_error(CMD_NO, "%s: %s", path, diag.text);
	mesh_buf_release(&text);
	return status;
}

static void
print_check(const struct mesh_policy *p, const struct mesh_buf *failures,
    bool valid)
{
	struct mesh_str rest = {(const char *)failures->data, failures->len};
	struct mesh_buf out;
	struct mesh_jw w;

	mesh_buf_init(&out, ADMIN_REPLY_MAX);
	mesh_jw_init(&w, &out, true);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "valid");
	mesh_jw_bool(&w, valid);
	mesh_jw_name(&w, "allowAll");
	mesh_jw_bool(&w, mesh_policy_is_open(p));
	mesh_jw_name(&w, "tests");
	mesh_jw_uint(&w, mesh_policy_test_count(p));
	mesh_jw_name(&w, "failures");
	mesh_jw_array(&w);
	while (rest.len > 0)
		mesh_jw_str(&w, mesh_str_cut(&rest, '\n'));
	mesh_jw_end_array(&w);
	mesh_jw_end_object(&w);
	puts(mesh_buf_cstr(&out));
	mesh_buf_release(&out);
}

static void
say_failures(const char *path, const struct mesh_buf *failures)
{
	struct mesh_str rest = {(const char *)failures->data, failures->len};

	while (rest.len > 0) {
		struct mesh_str line = mesh_str_cut(&rest, '\n');

		cmd_note("%s: %.*s", path, MESH_STR_ARG(line));
	}
}

static int
check(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_policy *p = NULL;
	struct mesh_buf failures;
	int status = load(argv[0], &p), err;

	(void)argc;
	if (status != CMD_OK)
		return status;
	mesh_buf_init(&failures, ADMIN_REPLY_MAX);
	err = mesh_policy_run_tests(p, NULL, &failures, NULL);
	if (err != MESH_OK && err != MESH_ERR_DENIED)
		status = cmd_error(CMD_NO, "%s", mesh_strerror(err));
	else if (common->json)
		print_check(p, &failures, err == MESH_OK);
	else
		say_failures(argv[0], &failures);
	if (status == CMD_OK && err == MESH_ERR_DENIED)
		status = cmd_error(CMD_NO, "%s: tests failed", argv[0]);
	if (status == CMD_OK && mesh_policy_is_open(p))
		cmd_note("%s: without 'acls' or 'grants' every node may reach "
			 "every other", argv[0]);
	mesh_buf_release(&failures);
	mesh_policy_free(p);
	return status;
}

static void
print_verdict(const struct cmd_common *common, char **argv,
    const struct mesh_policy *p, const struct mesh_policy_verdict *v)
{
	struct mesh_buf out;
	struct mesh_jw w;

	if (!common->json) {
		if (!v->allowed)
			puts("refused: no rule allows it");
		else if (mesh_policy_is_open(p))
			puts("allowed: the policy has no rules");
		else
			printf("allowed by line %u\n", v->line);
		return;
	}
	mesh_buf_init(&out, ADMIN_REPLY_MAX);
	mesh_jw_init(&w, &out, true);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "source");
	mesh_jw_string(&w, argv[1]);
	mesh_jw_name(&w, "destination");
	mesh_jw_string(&w, argv[2]);
	mesh_jw_name(&w, "allowed");
	mesh_jw_bool(&w, v->allowed);
	mesh_jw_name(&w, "line");
	mesh_jw_uint(&w, v->line);
	mesh_jw_end_object(&w);
	puts(mesh_buf_cstr(&out));
	mesh_buf_release(&out);
}

static int
test(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_policy *p = NULL;
	struct mesh_policy_world *w;
	struct mesh_policy_verdict v = {0};
	struct mesh_diag diag = {0};
	int status = load(argv[0], &p), err;

	(void)argc;
	if (status != CMD_OK)
		return status;
	w = mesh_policy_world_new(p);
	err = w ? mesh_policy_world_imagine(w) : MESH_ERR_NOMEM;
	if (err == MESH_OK)
		err = mesh_policy_check(w, argv[1], argv[2], opts.proto, &v,
		    &diag);
	if (err == MESH_OK)
		print_verdict(common, argv, p, &v);
	mesh_policy_world_free(w);
	mesh_policy_free(p);
	if (err == MESH_ERR_FORMAT)
		return cmd_error(CMD_USAGE, "%s", diag.text);
	if (err != MESH_OK)
		return cmd_error(CMD_NO, "%s",
		    diag.text[0] ? diag.text : mesh_strerror(err));
	return v.allowed ? CMD_OK : CMD_NO;
}

static const struct cmd verbs[] = {
    {.name = "get", .summary = "prints the server's policy", .run = get},
    {.name = "set",
	.summary = "makes FILE the server's policy, if it is valid",
	.operands = "FILE", .min_operands = 1, .max_operands = 1, .run = set},
    {.name = "check",
	.summary = "is FILE valid, and do its tests pass? no server is asked",
	.operands = "FILE", .min_operands = 1, .max_operands = 1,
	.run = check},
    {.name = "test",
	.summary = "may SOURCE reach DESTINATION by FILE? no server is asked",
	.operands = "FILE SOURCE DESTINATION[:PORT]", .min_operands = 3,
	.max_operands = 3, .options = test_options, .opts = &opts,
	.run = test},
    {0},
};

static const struct cmd command = {
    .name = "mesh-policy",
    .summary = "shows, changes and tries the policy: who may reach whom",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
