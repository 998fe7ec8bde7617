/* SPDX-License-Identifier: ISC
 * mesh-user - the users of a network: add, list, remove. */
#include "common/admin.h"

#include <stdio.h>

static int
run_add(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_buf body, reply;
	struct mesh_jw w;
	int status;

	(void)argc;
	mesh_buf_init(&body, 4096);
	mesh_jw_init(&w, &body, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "name");
	mesh_jw_string(&w, argv[0]);
	mesh_jw_end_object(&w);
	status = admin_call(common, "POST", "/api/v1/user", &body, &reply);
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&body);
	mesh_buf_release(&reply);
	return status;
}

static void
print_users(const void *list)
{
	const struct admin_users *users = list;
	const struct admin_user *u = users->list.items;

	for (size_t i = 0; i < users->list.count; i++)
		printf("%-4s %-24s %s\n", u[i].id, u[i].name, u[i].created);
}

static int
run_list(const struct cmd_common *common, int argc, char **argv)
{
	struct admin_users list = {0};

	(void)argc, (void)argv;
	return admin_list(common, "/api/v1/user", &admin_users_schema, &list,
	    print_users);
}

static int
run_remove(const struct cmd_common *common, int argc, char **argv)
{
	char path[ADMIN_PATH_MAX];
	struct admin_user user;
	struct mesh_arena a;
	struct mesh_buf reply;
	int status;

	(void)argc;
	mesh_arena_init(&a, ADMIN_ARENA_MAX);
	mesh_buf_init(&reply, 0);
	status = admin_find_user(common, argv[0], &a, &user);
	if (status == CMD_OK) {
		(void)mesh_format(path, sizeof(path), "/api/v1/user/%s",
		    user.id);
		status = admin_call(common, "DELETE", path, NULL, &reply);
	}
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&reply);
	mesh_arena_release(&a);
	return status;
}

static const struct cmd verbs[] = {
    {.name = "add", .summary = "adds a user", .operands = "NAME",
	.min_operands = 1, .max_operands = 1, .run = run_add},
    {.name = "list", .summary = "lists number, name and day of all users",
	.run = run_list},
    {.name = "remove", .summary = "removes a user who has no nodes",
	.operands = "NAME", .min_operands = 1, .max_operands = 1,
	.run = run_remove},
    {0},
};

static const struct cmd command = {
    .name = "mesh-user",
    .summary = "manages the users of a network",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
