/* SPDX-License-Identifier: ISC
 * role.h - a daemon's processes: the program again, as a role.
 *
 * The child is "mesh-relayd: worker" (argv[0], as ps shows it), runs
 * `--role=worker` and the arguments given, and finds its link to the parent on
 * descriptor ROLE_LINK, the descriptors it is given behind that, in order;
 * every other one is closed. It dies with its parent. Its memory layout is new,
 * its environment holds only what a role may need.
 */
#ifndef COMMON_ROLE_H
#define COMMON_ROLE_H

#include <mesh/base.h>
#include <sys/types.h>

#define ROLE_LINK 3     /* in the child: SOCK_SEQPACKET to the parent */
#define ROLE_FDS_MAX 16 /* handed on, behind the link */

struct role {
	pid_t pid;
	int link; /* SOCK_SEQPACKET, close-on-exec, non-blocking */
};

/* args: more arguments, NULL-terminated, may be NULL. MESH_ERR_IO with errno.
 */
int role_spawn(const char *program, const char *role, const char *const *args,
    const int *fds, size_t fd_count, struct role *out) MESH_MUST_USE;
/* The same for a role that is another executable: `file`, by its path. */
int role_spawn_file(const char *file, const char *program, const char *role,
    const char *const *args, const int *fds, size_t fd_count,
    struct role *out) MESH_MUST_USE;

/* The name behind --role= when this process is a role, else NULL. Also sets its
 * short name (comm). */
const char *role_name(const char *program, int argc, char **argv);

/* "exit status 1", "killed by signal 31 (Bad system call)". */
void role_describe(int wait_status, char *out, size_t size);

#endif
