/* SPDX-License-Identifier: ISC
 * mesh-down - leave the network for now, or for good. */
#include "common/node.h"

static struct opts {
	bool logout;
} opts;

static const struct conf_option options[] = {
	{"logout", NULL, "also log out: the node's key ends", CONF_FLAG,
	    offsetof(struct opts, logout)},
	{0},
};

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	static const char stop[] =
	    "{\"WantRunning\":false,\"WantRunningSet\":true}";
	struct mesh_local_reply reply;
	struct mesh_local *l = NULL;
	int status = node_connect(common, &l);

	(void)argc;
	(void)argv;
	if (status == CMD_OK)
		status = opts.logout
		    ? node_call(l, "POST", "logout", "", &reply)
		    : node_call(l, "PATCH", "prefs", stop, &reply);
	if (status == CMD_OK && common->json)
		printf("{\"BackendState\":\"%s\"}\n",
		    opts.logout ? "NeedsLogin" : "Stopped");
	mesh_local_free(l);
	return status;
}

static const struct cmd command = {
    .name = "mesh-down",
    .summary = "leaves the network; mesh up joins it again",
    .options = options,
    .opts = &opts,
    .run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
