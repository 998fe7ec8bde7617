/* SPDX-License-Identifier: ISC
 * child.h - a role as the monitor sees it: started, watched, started again.
 *
 * A role that dies is back at once when it had lived for a while, and later
 * each time (up to CHILD_DELAY_MAX) when it had not.
 */
#ifndef MESHD_CHILD_H
#define MESHD_CHILD_H

#include "link.h"
#include <sys/types.h>

#define CHILD_DELAY_MIN_NS (20 * MESH_MS)
#define CHILD_DELAY_MAX_NS (5 * MESH_SEC)
#define CHILD_LIVED_NS (500 * MESH_MS) /* then it was not a crash at start */

struct child {
	enum msg_role role;
	const char *name; /* "engine" */
	const char *file; /* "meshd-engine" */
	pid_t pid;	  /* 0: not running */
	struct link link;
	struct mesh_time started, restart;
	uint64_t delay_ns;
};

/* Where the program of a role is: beside this one in a build tree, else in
 * MESH_LIBEXECDIR. */
int child_path(const char *file, char *out, size_t size);

/* Starts the process and says HELLO. buf: MSG_MAX bytes for the link. */
int child_start(struct child *c, uint8_t *buf, struct mesh_time now);
/* Ends it at once: it broke the rules. wait() tells when it is gone. */
void child_kill(struct child *c, const char *why);
/* wait() said that it is gone: notes it, and when it is to start again. */
void child_ended(struct child *c, int status, struct mesh_time now);

#endif
