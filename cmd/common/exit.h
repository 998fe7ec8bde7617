/* SPDX-License-Identifier: ISC
 * exit.h - exit statuses, the same for all commands (mesh-exit(7)). */
#ifndef COMMON_EXIT_H
#define COMMON_EXIT_H

#include <mesh/base.h>

enum cmd_status {
	CMD_OK = 0,	       /* yes, or done */
	CMD_NO = 1,	       /* the answer is no: not found, not reachable,
				  refused by policy; a local failure */
	CMD_USAGE = 2,	       /* wrong usage */
	CMD_NOT_RUNNING = 3,   /* the daemon is not running */
	CMD_NOT_LOGGED_IN = 4, /* the node has not joined a network */
	CMD_NOT_PERMITTED = 5, /* the caller may not do this */
	CMD_TIMED_OUT = 6,
	CMD_REFUSED = 7, /* the other side refused or broke the protocol */
};

/* The status that goes with an error of libmesh. */
int cmd_status_of(int err);

#endif
