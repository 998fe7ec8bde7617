/* SPDX-License-Identifier: ISC
 * mesh-netmap - what a node knows of its network, as a file: fetch it from the
 * daemon, show it, compare two. `meshd --netmap FILE` runs with one.
 */
#include "common/file.h"
#include "common/node.h"

#include "netmap/diff.h"
#include "netmap/file.h"

/* --- fetch */

static int
fetch(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_local_reply reply;
	struct mesh_local *l = NULL;
	int status = node_connect(common, &l);

	(void)argc, (void)argv;
	if (status == CMD_OK)
		status = node_call(l, "GET", "mesh/netmap", NULL, &reply);
	if (status == CMD_OK)
		node_print_json(&reply);
	mesh_local_free(l);
	return status;
}

/* --- files */

static int
load(const char *path, struct mesh_netmap **out)
{
	struct mesh_diag diag = {""};
	struct mesh_buf text;
	int status = file_read(path, MESH_NETMAP_FILE_MAX, &text);

	if (status == CMD_OK &&
	    mesh_netmap_parse((const char *)text.data, text.len, out, &diag) !=
		MESH_OK)
		status = cmd_error(CMD_NO, "%s: %s", path, diag.text);
	mesh_buf_release(&text);
	return status;
}

static const char *
online_text(const struct mesh_node *n)
{
	return n->online > 0 ? "online" : n->online < 0 ? "offline" : "-";
}

static void
print_node(const struct mesh_netmap *nm, const struct mesh_node *n)
{
	char addr[MESH_NETMAP_TEXT], key[MESH_KEY_SHORT];
	const char *ip = mesh_node_get_address(n, 0, addr);
	const char *tag = mesh_node_get_tag(n, 0);
	struct mesh_str name = mesh_str(mesh_node_get_name(n));

	name = mesh_str_cut(&name, '.');
	printf("%-18s %-20.*s %-20s %-8s %-8s %zu endpoints\n", ip ? ip : "-",
	    MESH_STR_ARG(name), tag ? tag : mesh_netmap_owner(nm, n),
	    n == nm->self ? "self" : online_text(n),
	    mesh_node_key_short(&n->key, key), n->endpoints.count);
}

static size_t
rule_count(const struct mesh_netmap *nm)
{
	size_t n = 0;

	for (size_t i = 0; i < nm->filter_count; i++)
		n += nm->filters[i]->count;
	return n;
}

static void
print_netmap(const struct mesh_netmap *nm)
{
	print_node(nm, nm->self);
	for (size_t i = 0; i < nm->peer_count; i++)
		print_node(nm, nm->peers[i]);
	if (nm->filter_count == 0)
		puts("filter: none received, nothing may come in");
	else
		printf("filter: %zu rules\n", rule_count(nm));
	if (nm->relays != NULL)
		printf("relays: %zu regions\n", nm->relays->regions.count);
}

static int
show(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_netmap *nm = NULL;
	struct mesh_buf json;
	int status = load(argc > 0 ? argv[0] : "-", &nm);

	if (status != CMD_OK)
		return status;
	mesh_buf_init(&json, MESH_NETMAP_FILE_MAX);
	if (common->json) {
		mesh_netmap_write(&json, nm);
		puts(mesh_buf_cstr(&json));
	} else {
		print_netmap(nm);
	}
	mesh_buf_release(&json);
	mesh_netmap_unref(nm);
	return status;
}

/* --- diff */

static void
print_diff_json(const struct mesh_buf *lines)
{
	struct mesh_str rest = {(const char *)lines->data, lines->len};
	struct mesh_buf out;
	struct mesh_jw w;

	mesh_buf_init(&out, 2 * MESH_NETMAP_FILE_MAX);
	mesh_jw_init(&w, &out, true);
	mesh_jw_array(&w);
	while (rest.len > 0)
		mesh_jw_str(&w, mesh_str_cut(&rest, '\n'));
	mesh_jw_end_array(&w);
	puts(mesh_buf_cstr(&out));
	mesh_buf_release(&out);
}

static int
diff(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_netmap *old = NULL, *new = NULL;
	struct mesh_buf lines;
	int status = load(argv[0], &old);

	(void)argc;
	if (status == CMD_OK)
		status = load(argv[1], &new);
	mesh_buf_init(&lines, MESH_NETMAP_FILE_MAX);
	if (status == CMD_OK) {
		mesh_netmap_diff_write(&lines, old, new);
		if (common->json)
			print_diff_json(&lines);
		else if (lines.len > 0)
			fwrite(lines.data, 1, lines.len, stdout);
		status = lines.len > 0 ? CMD_NO : CMD_OK;
	}
	mesh_buf_release(&lines);
	mesh_netmap_unref(old);
	mesh_netmap_unref(new);
	return status;
}

static const struct cmd verbs[] = {
    {.name = "fetch", .summary = "prints the daemon's netmap, as a file",
	.run = fetch},
    {.name = "show", .summary = "lists the nodes in FILE (or stdin)",
	.operands = "[FILE]", .max_operands = 1, .run = show},
    {.name = "diff", .summary = "what NEW has that OLD had not; 0: nothing",
	.operands = "OLD NEW", .min_operands = 2, .max_operands = 2,
	.run = diff},
    {0},
};

static const struct cmd command = {
    .name = "mesh-netmap",
    .summary = "fetches, shows and compares netmaps",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
