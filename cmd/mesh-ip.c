/* SPDX-License-Identifier: ISC
 * mesh-ip - the addresses of this node, or of another one. */
#include "common/node.h"

static struct opts {
	bool four, six;
} opts;

static const struct conf_option options[] = {
	{"4", NULL, "IPv4 alone", CONF_FLAG, offsetof(struct opts, four),
	    .letter = '4'},
	{"6", NULL, "IPv6 alone", CONF_FLAG, offsetof(struct opts, six),
	    .letter = '6'},
	{0},
};

static bool
is_wanted(const struct mesh_ip *ip)
{
	return opts.four == opts.six || mesh_ip_is4(ip) == opts.four;
}

static int
print(const struct mesh_peer_status *p, bool json)
{
	const struct mesh_ip *ips = p->ips.items;
	char text[MESH_IP_TEXT];
	int printed = 0;

	if (json)
		putchar('[');
	for (size_t i = 0; i < p->ips.count; i++) {
		if (!is_wanted(&ips[i]))
			continue;
		mesh_ip_format(&ips[i], text);
		if (json)
			printf("%s\"%s\"", printed ? "," : "", text);
		else
			printf("%s\n", text);
		printed++;
	}
	if (json)
		printf("]\n");
	if (printed == 0)
		return cmd_error(CMD_NO, "the node has no such address");
	return CMD_OK;
}

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	const struct mesh_peer_status *p = NULL;
	struct mesh_local *l = NULL;
	struct node_status st = {0};
	int status = node_connect(common, &l);

	if (status == CMD_OK)
		status = node_get_status(l, &st);
	if (status == CMD_OK)
		status = node_must_run(&st.s);
	if (status == CMD_OK) {
		p = argc > 0 ? node_find(&st.s, argv[0]) : st.s.self;
		status = p != NULL ? print(p, common->json) : CMD_NO;
	}
	node_status_release(&st);
	mesh_local_free(l);
	return status;
}

static const struct cmd command = {
    .name = "mesh-ip",
    .summary = "prints the addresses of this node, or of NODE",
    .operands = "[NODE]",
    .max_operands = 1,
    .options = options,
    .opts = &opts,
    .run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
