/* SPDX-License-Identifier: ISC
 * mesh-status - this node and its peers: who, where, by which path. */
#include "common/node.h"

static struct opts {
	bool no_peers;
} opts;

static const struct conf_option options[] = {
	{"no-peers", NULL, "this node alone", CONF_FLAG,
	    offsetof(struct opts, no_peers)},
	{0},
};

static const char *
path_text(const struct mesh_peer_status *p, char *out, size_t size)
{
	char addr[MESH_ENDPOINT_TEXT];

	if (p->expired)
		return "key expired";
	if (!p->online)
		return "offline";
	if (!p->active)
		return "idle";
	if (!mesh_ip_is_none(&p->cur_addr.ip))
		(void)mesh_format(out, size, "direct %s",
		    mesh_endpoint_format(&p->cur_addr, addr));
	else
		(void)mesh_format(out, size, "relay %s",
		    p->relay && *p->relay ? p->relay : "unknown");
	return out;
}

static void
print_row(const struct mesh_status *s, const struct mesh_peer_status *p,
    bool self)
{
	const struct mesh_ip *ip = node_ip(p, 0);
	struct mesh_str name = node_short_name(p);
	const char *const *tags = p->tags.items;
	char addr[MESH_IP_TEXT] = "-", path[80], traffic[64] = "";

	if (ip != NULL)
		mesh_ip_format(ip, addr);
	if (p->rx_bytes > 0 || p->tx_bytes > 0)
		(void)mesh_format(traffic, sizeof(traffic),
		    ", tx %lld rx %lld", (long long)p->tx_bytes,
		    (long long)p->rx_bytes);
	printf("%-17s %-20.*s %-20s %-8s %s%s\n", addr, MESH_STR_ARG(name),
	    p->tags.count > 0 ? tags[0] : node_user_name(s, p->user),
	    p->os ? p->os : "-",
	    self ? "this node" : path_text(p, path, sizeof(path)), traffic);
}

static int
by_address(const void *a, const void *b)
{
	const struct mesh_peer_status *const *x = a, *const *y = b;
	const struct mesh_ip *ix = node_ip(*x, 0), *iy = node_ip(*y, 0);

	if (ix == NULL || iy == NULL)
		return (ix != NULL) - (iy != NULL);
	return memcmp(ix->b, iy->b, sizeof(ix->b));
}

static int
print_peers(const struct mesh_status *s)
{
	const struct mesh_peer_status **row =
	    calloc(s->peers.count + 1, sizeof(*row));

	if (row == NULL)
		return cmd_error(CMD_NO, "out of memory");
	for (size_t i = 0; i < s->peers.count; i++)
		row[i] = mesh_status_peer(s, i);
	qsort(row, s->peers.count, sizeof(*row), by_address);
	for (size_t i = 0; i < s->peers.count; i++)
		print_row(s, row[i], false);
	free(row);
	return CMD_OK;
}

static int
print_text(const struct mesh_status *s)
{
	const char *const *health = s->health.items;
	int status = CMD_OK;

	if (node_state(s) == MESH_BACKEND_NEEDS_LOGIN && s->auth_url != NULL &&
	    *s->auth_url != 0)
		printf("to log in, visit: %s\n", s->auth_url);
	status = node_must_run(s);
	if (status != CMD_OK)
		return status;
	if (s->self != NULL)
		print_row(s, s->self, true);
	if (!opts.no_peers)
		status = print_peers(s);
	for (size_t i = 0; i < s->health.count; i++)
		cmd_note("warning: %s", health[i]);
	return status;
}

static int
run_json(struct mesh_local *l)
{
	struct mesh_local_reply reply;
	int status = node_call(l, "GET",
	    opts.no_peers ? "status?peers=false" : "status", NULL, &reply);

	if (status == CMD_OK)
		node_print_json(&reply);
	return status;
}

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_local *l = NULL;
	struct node_status st = {0};
	int status = node_connect(common, &l);

	(void)argc;
	(void)argv;
	if (status == CMD_OK && common->json)
		status = run_json(l);
	else if (status == CMD_OK)
		status = node_get_status(l, &st);
	if (status == CMD_OK && !common->json)
		status = print_text(&st.s);
	node_status_release(&st);
	mesh_local_free(l);
	return status;
}

static const struct cmd command = {
    .name = "mesh-status",
    .summary = "shows this node and its peers: who, where, by which path",
    .options = options,
    .opts = &opts,
    .run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
