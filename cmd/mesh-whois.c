/* SPDX-License-Identifier: ISC
 * mesh-whois - which node and user have an address. */
#include "common/node.h"
#include "local/whois.h"

static int
print_text(const char *text, size_t len)
{
	struct mesh_whois who;
	struct mesh_diag diag = {""};

	if (mesh_whois_parse(text, len, &who, &diag) != MESH_OK)
		return cmd_error(CMD_REFUSED, "%s", diag.text);
	printf("node: %s\n", who.node);
	if (who.tag_count == 0)
		printf("user: %s\n", who.user);
	for (size_t i = 0; i < who.tag_count; i++)
		printf("%s%s", i ? " " : "tags: ", who.tags[i]);
	if (who.tag_count > 0)
		putchar('\n');
	return CMD_OK;
}

/* An address that is nobody's: the plain answer "no". */
static int
not_found(const char *addr, bool json)
{
	if (json)
		printf("null\n");
	return cmd_error(CMD_NO, "no node has the address '%s'", addr);
}

static int
ask(struct mesh_local *l, const char *addr, bool json)
{
	char name[512], escaped[256];
	struct mesh_local_reply reply;
	struct mesh_diag diag = {""};
	int err;

	if (mesh_local_escape(addr, escaped, sizeof(escaped)) != MESH_OK ||
	    mesh_format(name, sizeof(name), "whois?addr=%s", escaped) !=
		MESH_OK)
		return cmd_error(CMD_USAGE, "'%.60s' is not an address", addr);
	err = mesh_local_call(l, "GET", name, NULL, &reply, &diag);
	if (err == MESH_OK && reply.status == 404)
		return not_found(addr, json);
	if (err == MESH_OK && reply.status == 400)
		return cmd_error(CMD_USAGE, "'%s' is not an address", addr);
	if (err == MESH_OK)
		err = mesh_local_check(&reply, &diag);
	if (err != MESH_OK)
		return cmd_error(cmd_status_of(err), "%s", diag.text);
	if (!json)
		return print_text(reply.body, reply.len);
	node_print_json(&reply);
	return CMD_OK;
}

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_local *l = NULL;
	int status = node_connect(common, &l);

	(void)argc;
	if (status == CMD_OK)
		status = ask(l, argv[0], common->json);
	mesh_local_free(l);
	return status;
}

static const struct cmd command = {
    .name = "mesh-whois",
    .summary = "names the node and the user that have an address",
    .operands = "ADDRESS[:PORT]",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
