/* SPDX-License-Identifier: ISC
 * mesh-wait - until the node is running, a peer is reachable, or a path direct.
 */
#include "common/ping.h"
#include <time.h>

#define PAUSE_NS (100 * 1000 * 1000) /* between two looks */
#define PING_WAIT (2 * MESH_SEC)     /* for one reply, at most */

static struct opts {
	uint64_t timeout;
} opts = {.timeout = 10 * MESH_SEC};

static const struct conf_option options[] = {
	{"timeout", "TIME", "give up after (10s)", CONF_DURATION,
	    offsetof(struct opts, timeout)},
	{0},
};

enum goal { RUNNING, REACHABLE, DIRECT };

static const struct {
	const char *word;
	bool takes_node;
} goals[] = {
	[RUNNING] = {"running", false},
	[REACHABLE] = {"reachable", true},
	[DIRECT] = {"direct", true},
};

/* "direct=b" -> DIRECT and "b". */
static bool
parse_goal(const char *operand, enum goal *out, const char **out_node)
{
	struct mesh_str s = mesh_str(operand), word = mesh_str_cut(&s, '=');

	for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++) {
		if (!mesh_str_eq(word, goals[i].word))
			continue;
		*out = (enum goal)i;
		*out_node = s.len > 0 ? s.p : NULL;
		return goals[i].takes_node == (*out_node != NULL);
	}
	return false;
}

/* The peer without a message when it is not there (yet). */
static const struct mesh_peer_status *
find_quietly(const struct mesh_status *s, const char *node)
{
	for (size_t i = 0; i < s->peers.count; i++) {
		const struct mesh_peer_status *p = mesh_status_peer(s, i);

		if (node_is_called(p, node))
			return p;
	}
	return NULL;
}

static bool
ping_reaches(struct mesh_local *l, const struct mesh_ip *ip, enum goal goal,
    uint64_t left)
{
	struct mesh_ping_result r;
	struct mesh_arena a;
	bool there;

	mesh_arena_init(&a, 65536);
	there = ping_once(l, ip, left < PING_WAIT ? left : PING_WAIT, &a, &r,
		    NULL) == CMD_OK &&
	    (goal == DIRECT ? ping_is_direct(&r) : ping_is_reply(&r));
	mesh_arena_release(&a);
	return there;
}

/* One look, on a connection of its own. *out_there: the goal is reached. */
static int
look(const struct cmd_common *common, enum goal goal, const char *node,
    uint64_t left, bool *out_there)
{
	const struct mesh_peer_status *p;
	struct mesh_local *l = NULL;
	struct node_status st = {0};
	int status = node_connect(common, &l);

	if (status == CMD_OK)
		status = node_get_status(l, &st);
	if (status == CMD_OK && node_state(&st.s) == MESH_BACKEND_RUNNING) {
		p = goal != RUNNING ? find_quietly(&st.s, node) : NULL;
		*out_there = goal == RUNNING ||
		    (p != NULL && node_ip(p, 0) != NULL &&
			ping_reaches(l, node_ip(p, 0), goal, left));
	}
	node_status_release(&st);
	mesh_local_free(l);
	return status;
}

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct mesh_time end = mesh_time_add(cmd_clock(), opts.timeout);
	const char *node = NULL;
	enum goal goal;

	(void)argc;
	if (!parse_goal(argv[0], &goal, &node))
		return cmd_error(CMD_USAGE,
		    "'%s' is none of running, reachable=NODE, direct=NODE",
		    argv[0]);
	for (;;) {
		uint64_t left = mesh_time_since(cmd_clock(), end);
		bool there = false;
		int status = look(common, goal, node, left, &there);

		if (status != CMD_OK || there)
			return status;
		if (mesh_time_due(end, cmd_clock()))
			return cmd_error(CMD_TIMED_OUT, "not %s in time",
			    argv[0]);
		nanosleep(&pause, NULL);
	}
}

static const struct cmd command = {
    .name = "mesh-wait",
    .summary = "waits until the node runs, or a peer is reachable or direct",
    .operands = "running|reachable=NODE|direct=NODE",
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
