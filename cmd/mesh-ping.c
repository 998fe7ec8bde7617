/* SPDX-License-Identifier: ISC
 * mesh-ping - is a node there, and by which path? */
#include "common/ping.h"
#include <time.h>

#define DEFAULT_COUNT 4u
#define UNTIL_DIRECT_COUNT 10u /* pings that --until-direct tries */
#define PAUSE_NS (500 * 1000 * 1000)

static struct opts {
	uint64_t count;
	bool until_direct;
	uint64_t timeout;
} opts = {.timeout = 5 * MESH_SEC};

static const struct conf_option options[] = {
	{"count", "N", "stop after N pings (4, or 10 with --until-direct)",
	    CONF_UINT, offsetof(struct opts, count), .max = 1000000,
	    .letter = 'c'},
	{"until-direct", NULL, "stop at the first direct reply; 1 without one",
	    CONF_FLAG, offsetof(struct opts, until_direct)},
	{"timeout", "TIME", "how long to wait for each reply (5s)",
	    CONF_DURATION, offsetof(struct opts, timeout)},
	{0},
};

struct tally {
	unsigned replies, direct;
};

/* A ping's line, or its JSON as an item of a list. */
static void
show(const struct mesh_ping_result *r, int status,
    const struct mesh_local_reply *reply, bool json, bool first)
{
	char line[PING_TEXT];

	if (json) {
		if (!first)
			putchar(',');
		if (status == CMD_OK)
			fwrite(reply->body, 1, reply->len, stdout);
		else
			printf("{\"Err\":\"no reply in time\"}");
		return;
	}
	if (status == CMD_OK && ping_is_reply(r)) {
		ping_describe(r, line);
		printf("%s\n", line);
	} else {
		printf("no reply: %s\n", r->err);
	}
	fflush(stdout); /* people watch */
}

/* One ping on a connection of its own, since one that timed out is lost. */
static int
ping_and_show(const struct cmd_common *common, const struct mesh_ip *ip,
    bool first, struct tally *t)
{
	struct mesh_local_reply reply = {0};
	struct mesh_ping_result r;
	struct mesh_local *l = NULL;
	struct mesh_arena a;
	int status = node_connect(common, &l);

	if (status != CMD_OK)
		return status;
	mesh_arena_init(&a, 65536);
	status = ping_once(l, ip, opts.timeout, &a, &r, &reply);
	if (status == CMD_OK || status == CMD_TIMED_OUT) {
		show(&r, status, &reply, common->json, first);
		t->replies += status == CMD_OK && ping_is_reply(&r);
		t->direct += status == CMD_OK && ping_is_direct(&r);
		status = CMD_OK;
	}
	mesh_arena_release(&a);
	mesh_local_free(l);
	return status;
}

static int
verdict(const struct tally *t, const char *node)
{
	if (t->replies == 0)
		return cmd_error(CMD_NO, "'%s' does not reply", node);
	if (opts.until_direct && t->direct == 0)
		return cmd_error(CMD_NO, "no direct path to '%s'", node);
	return CMD_OK;
}

static int
ping_all(const struct cmd_common *common, const struct mesh_ip *ip,
    const char *node)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t count = opts.count ? opts.count
	    : opts.until_direct	    ? UNTIL_DIRECT_COUNT
				    : DEFAULT_COUNT;
	bool list = common->json && count > 1;
	struct tally t = {0};
	int status = CMD_OK;

	if (list)
		putchar('[');
	for (uint64_t i = 0; i < count && status == CMD_OK; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		status = ping_and_show(common, ip, i == 0, &t);
		if (opts.until_direct && t.direct > 0)
			break;
	}
	if (common->json)
		printf(list ? "]\n" : "\n");
	return status == CMD_OK ? verdict(&t, node) : status;
}

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	const struct mesh_peer_status *p;
	struct mesh_local *l = NULL;
	struct node_status st = {0};
	int status = node_connect(common, &l);

	(void)argc;
	if (status == CMD_OK)
		status = node_get_status(l, &st);
	if (status == CMD_OK)
		status = node_must_run(&st.s);
	if (status == CMD_OK) {
		p = node_find(&st.s, argv[0]);
		status = p == NULL ? CMD_NO
		    : node_ip(p, 0) == NULL
		    ? cmd_error(CMD_NO, "'%s' has no address", argv[0])
		    : ping_all(common, node_ip(p, 0), argv[0]);
	}
	node_status_release(&st);
	mesh_local_free(l);
	return status;
}

static const struct cmd command = {
    .name = "mesh-ping",
    .summary = "asks whether a node is there, and by which path",
    .operands = "NODE",
    .min_operands = 1,
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
