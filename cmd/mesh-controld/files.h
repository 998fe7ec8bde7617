/* SPDX-License-Identifier: ISC
 * files.h - what main opens and reads before there are roles: configuration
 * files, the state folder, the sockets that listen. Each failure is a sentence
 * in diag: what, which, why, what to do.
 */
#ifndef CONTROLD_FILES_H
#define CONTROLD_FILES_H

#include "options.h"

#define FILES_POLICY_MAX (1u << 20) /* bytes */

/* Options that cannot be meant; also takes '/' off the end of the URL. */
int files_check(struct options *o, struct mesh_diag *diag);
/* Reads certificate, key, relay map and policy; appends what the roles need. */
int files_config(const struct options *o, struct mesh_buf *out,
    struct mesh_diag *diag);
/* The state folder, made when missing, locked against a second daemon, owned by
 * whom the roles become. A descriptor, or -1. */
int files_state(const char *path, struct mesh_diag *diag);
/* A TCP socket that listens, or -1. */
int files_listen(const char *addr, struct mesh_diag *diag);
/* A Unix socket that listens, mode 0600, or -1. One left over is replaced. */
int files_admin(const char *path, struct mesh_diag *diag);

#endif
