/* SPDX-License-Identifier: ISC
 * mesh-authkey - keys with which machines join a network without being asked. */
#include "common/admin.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct opts {
	const char *user;
	bool reusable, ephemeral;
	struct conf_list tags;
	uint64_t expires_ns;
} opts = {
    .expires_ns = MESH_HOUR,
};

#define OPT(field) .offset = offsetof(struct opts, field)
static const struct conf_option options[] = {
    {"user", "NAME", "whose machines join with it", CONF_STRING, OPT(user)},
    {"reusable", NULL, "for any number of machines", CONF_FLAG,
	OPT(reusable)},
    {"ephemeral", NULL, "machines go when they are away", CONF_FLAG,
	OPT(ephemeral)},
    {"tag", "tag:NAME", "machines get this tag (several times)", CONF_LIST,
	OPT(tags)},
    {"expires", "TIME", "how long it can be used (1h; 0s: for ever)",
	CONF_DURATION, OPT(expires_ns)},
    {0},
};

static void
write_expiration(struct mesh_jw *w)
{
	char text[MESH_RFC3339_MAX];
	struct mesh_wall at = {.sec = time(NULL)};

	if (opts.expires_ns == 0)
		return;
	/* Whole seconds, and never none at all. */
	at.sec += (int64_t)((opts.expires_ns + MESH_SEC - 1) / MESH_SEC);
	mesh_wall_format(at, text);
	mesh_jw_name(w, "expiration");
	mesh_jw_string(w, text);
}

static void
write_body(const struct admin_user *user, struct mesh_buf *out)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "user");
	mesh_jw_string(&w, user->id);
	mesh_jw_name(&w, "reusable");
	mesh_jw_bool(&w, opts.reusable);
	mesh_jw_name(&w, "ephemeral");
	mesh_jw_bool(&w, opts.ephemeral);
	mesh_jw_name(&w, "aclTags");
	mesh_jw_array(&w);
	for (size_t i = 0; i < opts.tags.count; i++)
		mesh_jw_string(&w, opts.tags.values[i]);
	mesh_jw_end_array(&w);
	write_expiration(&w);
	mesh_jw_end_object(&w);
}

static int
run_create(const struct cmd_common *common, int argc, char **argv)
{
	struct admin_keys answer = {0};
	struct admin_user user;
	struct mesh_buf body, reply;
	struct mesh_arena a;
	struct mesh_diag diag = {""};
	int status;

	(void)argc, (void)argv;
	if (opts.user == NULL)
		return cmd_error(CMD_USAGE, "create needs --user NAME");
	mesh_arena_init(&a, ADMIN_ARENA_MAX);
	mesh_buf_init(&body, 65536);
	mesh_buf_init(&reply, 0);
	status = admin_find_user(common, opts.user, &a, &user);
	if (status == CMD_OK) {
		write_body(&user, &body);
		status = admin_call(common, "POST", "/api/v1/preauthkey",
		    &body, &reply);
	}
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	else if (status == CMD_OK &&
	    mesh_bind_parse((const char *)reply.data, reply.len,
		&admin_keys_schema, &a, &answer, &diag) != MESH_OK)
		status = cmd_error(CMD_REFUSED, "malformed answer: %s",
		    diag.text);
	else if (status == CMD_OK)
		printf("%s\n", answer.key.key);
	mesh_buf_release(&body);
	mesh_buf_wipe(&reply);
	mesh_arena_release(&a);
	return status;
}

static void
print_keys(const void *list)
{
	const struct admin_keys *keys = list;
	const struct admin_key *k = keys->list.items;

	for (size_t i = 0; i < keys->list.count; i++) {
		const char *const *tags = k[i].tags.items;

		printf("%-4s %s %s %s%s%s%s expires %s", k[i].id, k[i].key,
		    k[i].user.name, k[i].reusable ? "reusable" : "one-time",
		    k[i].ephemeral ? " ephemeral" : "",
		    k[i].used ? " used" : "", k[i].revoked ? " revoked" : "",
		    k[i].expiration ? k[i].expiration : "never");
		for (size_t t = 0; t < k[i].tags.count; t++)
			printf(" %s", tags[t]);
		putchar('\n');
	}
}

static int
run_list(const struct cmd_common *common, int argc, char **argv)
{
	struct admin_keys list = {0};

	(void)argc, (void)argv;
	return admin_list(common, "/api/v1/preauthkey", &admin_keys_schema, &list,
	    print_keys);
}

static int
run_revoke(const struct cmd_common *common, int argc, char **argv)
{
	char path[ADMIN_PATH_MAX] = "/api/v1/preauthkey?id=";
	size_t head = strlen(path);
	struct mesh_buf reply;
	int status;

	(void)argc;
	if (!admin_escape(argv[0], path + head, sizeof(path) - head))
		return cmd_error(CMD_USAGE, "ID is the number in the list");
	status = admin_call(common, "DELETE", path, NULL, &reply);
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&reply);
	return status;
}

static const struct cmd verbs[] = {
    {.name = "create", .summary = "makes a key and prints it, this once",
	.options = options, .opts = &opts, .run = run_create},
    {.name = "list", .summary = "lists all keys, without their secrets",
	.run = run_list},
    {.name = "revoke", .summary = "nobody joins with this key any more",
	.operands = "ID", .min_operands = 1, .max_operands = 1,
	.run = run_revoke},
    {0},
};

static const struct cmd command = {
    .name = "mesh-authkey",
    .summary = "manages the keys with which machines join a network",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
