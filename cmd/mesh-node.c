/* SPDX-License-Identifier: ISC
 * mesh-node - the machines of a network: list, approve, expire, remove, rename,
 * tag, approve-routes. */
#include "common/admin.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOT_GIVEN UINT64_MAX

static struct opts {
	const char *user;
	uint64_t in_ns;
	bool never;
} opts = {
    .in_ns = NOT_GIVEN,
};

static const struct conf_option approve_options[] = {
    {"user", "NAME", "whose machine it is", CONF_STRING,
	.offset = offsetof(struct opts, user)},
    {0},
};

static const struct conf_option expire_options[] = {
    {"in", "TIME", "not now, but when that time has passed", CONF_DURATION,
	.offset = offsetof(struct opts, in_ns)},
    {"never", NULL, "the login lasts for ever", CONF_FLAG,
	.offset = offsetof(struct opts, never)},
    {0},
};

/* --- list */

static void
print_nodes(const void *list)
{
	const struct admin_nodes *nodes = list;
	const struct admin_node *n = nodes->list.items;

	for (size_t i = 0; i < nodes->list.count; i++) {
		const char *const *addresses = n[i].addresses.items;
		const char *const *tags = n[i].tags.items;

		printf("%-4s %-20s %-15s %-16s %s", n[i].id, n[i].name,
		    n[i].addresses.count > 0 ? addresses[0] : "-",
		    n[i].user.name, n[i].online ? "online" : "offline");
		if (n[i].waiting)
			printf(" waiting");
		if (n[i].expiry != NULL)
			printf(" expires %s", n[i].expiry);
		for (size_t t = 0; t < n[i].tags.count; t++)
			printf(" %s", tags[t]);
		putchar('\n');
	}
}

static int
run_list(const struct cmd_common *common, int argc, char **argv)
{
	struct admin_nodes list = {0};

	(void)argc, (void)argv;
	return admin_list(common, "/api/v1/node", &admin_nodes_schema, &list,
	    print_nodes);
}

/* --- what changes one node */

/* METHOD /api/v1/node/ID/TAIL, for the node that operand names. */
static int
change(const struct cmd_common *common, const char *operand,
    const char *method, const char *tail, const struct mesh_buf *body)
{
	char path[ADMIN_PATH_MAX];
	struct admin_node node;
	struct mesh_arena a;
	struct mesh_buf reply;
	int status;

	mesh_arena_init(&a, ADMIN_ARENA_MAX);
	mesh_buf_init(&reply, 0);
	status = admin_find_node(common, operand, &a, &node);
	if (status == CMD_OK && mesh_format(path, sizeof(path),
		"/api/v1/node/%s%s", node.id, tail) != MESH_OK)
		status = cmd_error(CMD_USAGE, "the name is too long");
	if (status == CMD_OK)
		status = admin_call(common, method, path, body, &reply);
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&reply);
	mesh_arena_release(&a);
	return status;
}

static void
write_expiry(struct mesh_buf *out)
{
	struct mesh_wall at = {.sec = time(NULL)};
	char text[MESH_RFC3339_MAX];
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	if (opts.never) {
		mesh_jw_name(&w, "disableExpiry");
		mesh_jw_bool(&w, true);
	} else if (opts.in_ns != NOT_GIVEN) {
		at.sec += (int64_t)(opts.in_ns / MESH_SEC);
		mesh_wall_format(at, text);
		mesh_jw_name(&w, "expiry");
		mesh_jw_string(&w, text);
	}
	mesh_jw_end_object(&w);
}

static int
run_expire(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_buf body;
	int status;

	(void)argc;
	if (opts.never && opts.in_ns != NOT_GIVEN)
		return cmd_error(CMD_USAGE, "--in and --never exclude each other");
	mesh_buf_init(&body, 64);
	write_expiry(&body);
	status = change(common, argv[0], "POST", "/expire", &body);
	mesh_buf_release(&body);
	return status;
}

static int
run_admit(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_buf body;

	(void)argc;
	mesh_buf_init(&body, 0); /* POST with an empty body */
	return change(common, argv[0], "POST", "/approve", &body);
}

static int
run_remove(const struct cmd_common *common, int argc, char **argv)
{
	(void)argc;
	return change(common, argv[0], "DELETE", "", NULL);
}

static int
run_rename(const struct cmd_common *common, int argc, char **argv)
{
	char tail[ADMIN_PATH_MAX] = "/rename/";
	size_t head = strlen(tail);
	struct mesh_buf body;

	(void)argc;
	if (!admin_escape(argv[1], tail + head, sizeof(tail) - head))
		return cmd_error(CMD_USAGE, "the name is too long");
	mesh_buf_init(&body, 0); /* POST with an empty body */
	return change(common, argv[0], "POST", tail, &body);
}

static int
run_tag(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_buf body;
	struct mesh_jw w;
	int status;

	mesh_buf_init(&body, 65536);
	mesh_jw_init(&w, &body, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "tags");
	mesh_jw_array(&w);
	for (int i = 1; i < argc; i++)
		mesh_jw_string(&w, argv[i]);
	mesh_jw_end_array(&w);
	mesh_jw_end_object(&w);
	status = body.failed ? cmd_error(CMD_USAGE, "too many tags")
			     : change(common, argv[0], "POST", "/tags", &body);
	mesh_buf_release(&body);
	return status;
}

static int
run_routes(const struct cmd_common *common, int argc, char **argv)
{
	struct admin_node node;
	struct mesh_arena a;
	int status;

	mesh_arena_init(&a, ADMIN_ARENA_MAX);
	status = admin_find_node(common, argv[0], &a, &node);
	if (status == CMD_OK)
		status = admin_set_routes(common, node.id,
		    (const char *const *)argv + 1, (size_t)argc - 1);
	mesh_arena_release(&a);
	return status;
}

/* --- approve */

/* POST {"user": , "authId": } */
static int
decide(const struct cmd_common *common, const char *path, const char *user,
    const char *id)
{
	struct mesh_buf body, reply;
	struct mesh_jw w;
	int status;

	mesh_buf_init(&body, 4096);
	mesh_jw_init(&w, &body, false);
	mesh_jw_object(&w);
	if (user != NULL) {
		mesh_jw_name(&w, "user");
		mesh_jw_string(&w, user);
	}
	mesh_jw_name(&w, "authId");
	mesh_jw_string(&w, id);
	mesh_jw_end_object(&w);
	status = admin_call(common, "POST", path, &body, &reply);
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&body);
	mesh_buf_release(&reply);
	return status;
}

/* With a user a machine joins; without one somebody logs in to a machine. */
static int
run_approve(const struct cmd_common *common, int argc, char **argv)
{
	(void)argc;
	if (opts.user == NULL && strstr(argv[0], "/register/") != NULL)
		return cmd_error(CMD_USAGE,
		    "a machine joins as somebody's: approve needs --user NAME");
	return decide(common,
	    opts.user != NULL ? "/api/v1/auth/register"
			      : "/api/v1/auth/approve",
	    opts.user, argv[0]);
}

static int
run_reject(const struct cmd_common *common, int argc, char **argv)
{
	(void)argc;
	return decide(common, "/api/v1/auth/reject", NULL, argv[0]);
}

/* clang-format off */
static const struct cmd verbs[] = {
    {.name = "list", .summary = "lists number, name, address, user and state",
	.run = run_list},
    {.name = "approve", .summary = "admits a machine, or a login, that waits "
	"at its URL", .operands = "ID-OR-URL", .min_operands = 1,
	.max_operands = 1, .options = approve_options, .opts = &opts,
	.run = run_approve},
    {.name = "reject", .summary = "refuses a login that waits at its URL",
	.operands = "ID-OR-URL", .min_operands = 1, .max_operands = 1,
	.run = run_reject},
    {.name = "admit", .summary = "admits a machine that joined with a key",
	.operands = "NODE", .min_operands = 1, .max_operands = 1,
	.run = run_admit},
    {.name = "expire", .summary = "ends a machine's login: it has to log in "
	"again", .operands = "NODE", .min_operands = 1, .max_operands = 1,
	.options = expire_options, .opts = &opts, .run = run_expire},
    {.name = "remove", .summary = "removes a machine from the network",
	.operands = "NODE", .min_operands = 1, .max_operands = 1,
	.run = run_remove},
    {.name = "rename", .summary = "gives a machine another name",
	.operands = "NODE NAME", .min_operands = 2, .max_operands = 2,
	.run = run_rename},
    {.name = "tag", .summary = "gives a machine these tags, and no owner",
	.operands = "NODE tag:X ...", .min_operands = 2,
	.max_operands = CMD_ANY, .run = run_tag},
    {.name = "approve-routes", .summary = "lets it serve these networks alone",
	.operands = "NODE [PREFIX ...]", .min_operands = 1,
	.max_operands = CMD_ANY, .run = run_routes},
    {0},
};
/* clang-format on */

static const struct cmd command = {
    .name = "mesh-node",
    .summary = "manages the machines of a network",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
