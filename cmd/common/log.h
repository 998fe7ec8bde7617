/* SPDX-License-Identifier: ISC
 * log.h - a daemon's log: one line per event on stderr, in one write.
 *
 * "mesh-relayd: listening addr=0.0.0.0:443"; under systemd each line begins
 * with its level as <3> err, <4> warn, <6> info, <7> debug (sd-daemon(3)), so
 * that journalctl -p works. Words first, then key=value. What a stranger can
 * trigger passes a mesh_ratelimit before; text of strangers goes through
 * mesh_log_text(). Needs libc alone.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "base/log.h"

/* name: "mesh-relayd" or, in a role, "mesh-relayd: worker"; borrowed for ever.
 * Levels above max are dropped. Call it before everything else. */
void log_init(const char *name, enum mesh_log_level max);

void log_err(const char *fmt, ...) MESH_PRINTF(1, 2);
void log_warn(const char *fmt, ...) MESH_PRINTF(1, 2);
void log_info(const char *fmt, ...) MESH_PRINTF(1, 2);
void log_debug(const char *fmt, ...) MESH_PRINTF(1, 2);

/* What libmesh's cores log to: the same lines. */
const struct mesh_log *log_sink(void);

#endif
