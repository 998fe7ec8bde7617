/* SPDX-License-Identifier: ISC
 * roles.h - the processes of meshd, as functions.
 *
 *	meshd           monitor: libc alone
 *	meshd-engine    engine: no JSON, no HTTP, no compression linked
 *	meshd-agent     agent; also the role `config`, which reads the options
 *
 * The last two are in MESH_LIBEXECDIR (or beside meshd, in a build tree), are
 * started by the monitor alone, and find their link to it on ROLE_LINK. Each
 * runs until it is told to stop or the monitor is gone, and returns what the
 * process exits with.
 */
#ifndef MESHD_ROLES_H
#define MESHD_ROLES_H

#include "tables.h"

int monitor_main(const struct tbl_conf *conf);
int engine_main(void);
int agent_main(void);
/* argv as the user wrote it, behind the role's own two. */
int config_main(int argc, char **argv);

#endif
