/* SPDX-License-Identifier: ISC
 * mesh-key - makes keys and shows what belongs to them. One step each, text in,
 * text out.
 */
#include "common/cmd.h"
#include "common/file.h"

#include "base/secret.h"
#include "base/text.h"
#include <errno.h>
#include <mesh/key.h>
#include <sys/random.h>

#define TEXT_MAX 256u /* bytes of a file with one key in it */

enum kind { MACHINE, NODE };

static int
parse_kind(const char *operand, enum kind *out)
{
	if (strcmp(operand, "machine") == 0)
		*out = MACHINE;
	else if (strcmp(operand, "node") == 0)
		*out = NODE;
	else
		return cmd_error(CMD_USAGE,
		    "'%s' is no kind of key: machine or node", operand);
	return CMD_OK;
}

static void
print_text(const struct cmd_common *common, const char *name, const char *text)
{
	if (common->json)
		printf("{\"%s\":\"%s\"}\n", name, text);
	else
		puts(text);
}

/* --- make */

static int
make(const struct cmd_common *common, int argc, char **argv)
{
	uint8_t random[MESH_KEY_LEN];
	char text[MESH_KEY_TEXT];
	enum kind kind = MACHINE;
	int status = parse_kind(argv[0], &kind);

	(void)argc;
	if (status != CMD_OK)
		return status;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return cmd_error(CMD_NO, "no random bytes: %s",
		    strerror(errno));
	if (kind == MACHINE) {
		struct mesh_machine_secret s;

		mesh_machine_secret_make(&s, random);
		mesh_machine_secret_format(&s, text);
		mesh_machine_secret_wipe(&s);
	} else {
		struct mesh_node_secret s;

		mesh_node_secret_make(&s, random);
		mesh_node_secret_format(&s, text);
		mesh_node_secret_wipe(&s);
	}
	print_text(common, "private", text);
	mesh_wipe(random, sizeof(random));
	mesh_wipe(text, sizeof(text));
	return CMD_OK;
}

/* --- public */

/* The public key of a private one, as text. */
static int
derive(enum kind kind, struct mesh_str s, char out[static MESH_KEY_TEXT])
{
	struct mesh_machine_secret machine;
	struct mesh_machine_key machine_key;
	struct mesh_node_secret node;
	struct mesh_node_key node_key;
	int err;

	if (kind == MACHINE) {
		err = mesh_machine_secret_parse(s.p, s.len, &machine);
		if (err != MESH_OK)
			return err;
		machine_key = mesh_machine_public(&machine);
		mesh_machine_key_format(&machine_key, out);
		mesh_machine_secret_wipe(&machine);
		return MESH_OK;
	}
	err = mesh_node_secret_parse(s.p, s.len, &node);
	if (err != MESH_OK)
		return err;
	node_key = mesh_node_public(&node);
	mesh_node_key_format(&node_key, out);
	mesh_node_secret_wipe(&node);
	return MESH_OK;
}

static int
public(const struct cmd_common *common, int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "-";
	char text[MESH_KEY_TEXT];
	struct mesh_buf file;
	enum kind kind = MACHINE;
	int status = parse_kind(argv[0], &kind);

	if (status != CMD_OK)
		return status;
	status = file_read(path, TEXT_MAX, &file);
	if (status == CMD_OK &&
	    derive(kind, mesh_str_trim((struct mesh_str){
			     (const char *)file.data, file.len}),
		text) != MESH_OK)
		status = cmd_error(CMD_NO,
		    "'%s' has no private key in it ('privkey:' and 64 hex "
		    "digits)", path);
	if (status == CMD_OK)
		print_text(common, "public", text);
	mesh_buf_wipe(&file);
	return status;
}

/* --- show */

/* The kind of a public key, and how logs name it (machine keys: not at all). */
static const char *
describe(struct mesh_str s, char out_short[static MESH_KEY_SHORT])
{
	struct mesh_machine_key machine;
	struct mesh_disco_key disco;
	struct mesh_node_key node;

	out_short[0] = 0;
	if (mesh_node_key_parse(s.p, s.len, &node) == MESH_OK) {
		mesh_node_key_short(&node, out_short);
		return "node";
	}
	if (mesh_disco_key_parse(s.p, s.len, &disco) == MESH_OK) {
		mesh_disco_key_short(&disco, out_short);
		return "disco";
	}
	if (mesh_machine_key_parse(s.p, s.len, &machine) == MESH_OK)
		return "machine";
	return NULL;
}

static int
show(const struct cmd_common *common, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char brief[MESH_KEY_SHORT];
		const char *kind = describe(mesh_str(argv[i]), brief);

		if (kind == NULL)
			return cmd_error(CMD_NO, "'%.80s' is no public key: "
			    "'nodekey:', 'mkey:' or 'discokey:', and 64 hex "
			    "digits", argv[i]);
		if (common->json)
			printf("{\"kind\":\"%s\",\"short\":\"%s\"}\n", kind,
			    brief);
		else
			printf("%s%s%s\n", kind, brief[0] ? " " : "", brief);
	}
	return CMD_OK;
}

static const struct cmd verbs[] = {
    {.name = "make", .summary = "makes a private key: machine or node",
	.operands = "KIND", .min_operands = 1, .max_operands = 1, .run = make},
    {.name = "public", .summary = "the public key of a private one in FILE",
	.operands = "KIND [FILE]", .min_operands = 1, .max_operands = 2,
	.run = public},
    {.name = "show", .summary = "what a public key is, and how logs name it",
	.operands = "KEY ...", .min_operands = 1, .max_operands = CMD_ANY,
	.run = show},
    {0},
};

static const struct cmd command = {
    .name = "mesh-key",
    .summary = "makes keys and shows what belongs to them",
    .verbs = verbs,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
