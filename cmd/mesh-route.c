/* SPDX-License-Identifier: ISC
 * mesh-route - networks behind machines: list, approve, withdraw. */
#include "common/admin.h"

#include <base/addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
has(const struct mesh_bind_list *list, const char *text)
{
	const char *const *items = list->items;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(items[i], text) == 0)
			return true;
	return false;
}

/* --- list */

static const char *
state_of(const struct admin_node *n, const char *route)
{
	if (!has(&n->available, route))
		return "not-announced";
	if (!has(&n->approved, route))
		return "waits";
	if (!has(&n->subnets, route))
		return "standby";
	return n->online ? "serving" : "offline";
}

static void
print_route(const struct admin_node *n, const char *route)
{
	printf("%-20s %-20s %s\n", route, n->name, state_of(n, route));
}

static void
print_routes(const void *list)
{
	const struct admin_nodes *nodes = list;
	const struct admin_node *n = nodes->list.items;

	for (size_t i = 0; i < nodes->list.count; i++) {
		const char *const *available = n[i].available.items;
		const char *const *approved = n[i].approved.items;

		for (size_t k = 0; k < n[i].available.count; k++)
			print_route(&n[i], available[k]);
		for (size_t k = 0; k < n[i].approved.count; k++)
			if (!has(&n[i].available, approved[k]))
				print_route(&n[i], approved[k]);
	}
}

static int
run_list(const struct cmd_common *common, int argc, char **argv)
{
	struct admin_nodes list = {0};

	(void)argc, (void)argv;
	return admin_list(common, "/api/v1/node", &admin_nodes_schema, &list,
	    print_routes);
}

/* --- what changes the approved ones of a node */

/* As the server writes them; a bare address is a network of one. */
static bool
normal(const char *text, char out[static MESH_PREFIX_TEXT])
{
	struct mesh_prefix p;

	if (mesh_prefix_or_ip_parse(mesh_str(text), &p) != MESH_OK) {
		cmd_error(CMD_USAGE, "'%s' is no prefix (as 192.168.1.0/24)",
		    text);
		return false;
	}
	mesh_prefix_format(&p, out);
	return true;
}

/* The approved ones without those that argv names, then (with add) those. */
static int
change(const struct cmd_common *common, int argc, char **argv, bool add)
{
	size_t named = (size_t)argc - 1, count = 0;
	char(*names)[MESH_PREFIX_TEXT] = calloc(named, sizeof(*names));
	const char **routes = NULL;
	struct admin_node node = {0};
	struct mesh_bind_list gone;
	struct mesh_arena a;
	int status;

	mesh_arena_init(&a, ADMIN_ARENA_MAX);
	status = admin_find_node(common, argv[0], &a, &node);
	if (status != CMD_OK)
		goto out;
	routes = calloc(node.approved.count + named, sizeof(*routes));
	if (names == NULL || routes == NULL) {
		status = cmd_error(CMD_NO, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < named && status == CMD_OK; i++) {
		if (!normal(argv[i + 1], names[i]))
			status = CMD_USAGE;
		routes[i] = names[i];
	}
	gone = (struct mesh_bind_list){(void *)routes, named, true};
	if (!add && status == CMD_OK)
		for (size_t i = 0; i < named; i++)
			if (!has(&node.approved, names[i]))
				status = cmd_error(CMD_NO,
				    "'%s' was not approved for '%s'", names[i],
				    node.name);
	if (status != CMD_OK)
		goto out;
	/* The names stay in front while the rest is compared with them. */
	count = named;
	for (size_t i = 0; i < node.approved.count; i++) {
		const char *old = ((const char *const *)node.approved.items)[i];

		if (!has(&gone, old))
			routes[count++] = old;
	}
	status = admin_set_routes(common, node.id, routes + (add ? 0 : named),
	    count - (add ? 0 : named));
out:
	mesh_arena_release(&a);
	free(routes);
	free(names);
	return status;
}

static int
run_approve(const struct cmd_common *common, int argc, char **argv)
{
	return change(common, argc, argv, true);
}

static int
run_withdraw(const struct cmd_common *common, int argc, char **argv)
{
	return change(common, argc, argv, false);
}

static const struct cmd verbs[] = {
    {.name = "list",
	.summary = "lists networks, who announces them, and who "
		   "serves them",
	.run = run_list},
    {.name = "approve",
	.summary = "lets a machine serve these networks too",
	.operands = "NODE PREFIX ...",
	.min_operands = 2,
	.max_operands = CMD_ANY,
	.run = run_approve},
    {.name = "withdraw",
	.summary = "takes networks away from a machine",
	.operands = "NODE PREFIX ...",
	.min_operands = 2,
	.max_operands = CMD_ANY,
	.run = run_withdraw},
    {0},
};

static const struct cmd command = {
    .name = "mesh-route",
    .summary = "manages the networks behind machines",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
