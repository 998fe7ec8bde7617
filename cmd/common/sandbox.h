/* SPDX-License-Identifier: ISC
 * sandbox.h - what a role gives up, once and for ever.
 *
 * First acts of a role, in this order: log, sandbox_become(), open what it
 * still needs, sandbox_enter(), loop. Each step that the kernel does not have
 * (Landlock before 5.13) is skipped with a line in the debug log; a step that
 * fails is an error, and the role ends.
 * sandbox.c needs libc alone; sandbox_seccomp.c libseccomp.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <mesh/base.h>
#include <sys/types.h>

/* Numbers for a role when the system has no user of that name (systemd's range
 * for dynamic users). */
#define SANDBOX_UID_FIRST 61184u
#define SANDBOX_UID_LAST 65519u

/* The user `name`, or a number that depends on `name` alone. */
void sandbox_user(const char *name, uid_t *out_uid, gid_t *out_gid);

/* Becomes that user with no other groups, when run by root; nothing else.
 * Capabilities in `keep` (1 << CAP_x) survive. MESH_ERR_IO. */
int sandbox_become(uid_t uid, gid_t gid, uint64_t keep) MESH_MUST_USE;

/* Capabilities but those in `keep` leave every set, the bounding set too; no
 * new privileges by exec. MESH_ERR_IO. */
int sandbox_drop_caps(uint64_t keep) MESH_MUST_USE;

#define SANDBOX_READ 1u  /* files and folders below */
#define SANDBOX_WRITE 2u /* also make, change, rename and remove them */

struct sandbox_path {
	const char *path; /* file or folder; one that is not there is left out
			   */
	unsigned access;
};

/* Landlock: no file but below `paths` (NULL-terminated list; NULL: none at
 * all), no TCP connect or bind unless `tcp`, no signals and abstract sockets to
 * the outside. Descriptors that are open stay usable. */
int sandbox_files(const struct sandbox_path *paths, bool tcp) MESH_MUST_USE;

/* seccomp: only the calls that every loop needs (memory, epoll, read and write,
 * sendmsg, clocks, exit) and those named in `calls` (NULL-terminated list of
 * names). openat, socket and such, where libraries only try, answer EACCES; all
 * else ends the process with SIGSYS. Left out in sanitizer builds. */
int sandbox_seccomp(const char *const *calls) MESH_MUST_USE;

/* All of it for a role without files: drop_caps(0), files(NULL, false),
 * seccomp(calls). */
int sandbox_enter(const char *const *calls) MESH_MUST_USE;

#endif
