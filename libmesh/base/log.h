/* SPDX-License-Identifier: ISC
 * log.h - libmesh logs to the sink that it was given; it prints nothing itself.
 *
 * One line per event: words first, then key=value. Text that strangers sent is
 * escaped by mesh_log_text(). What a stranger can trigger passes a
 * mesh_ratelimit, which takes `now`. Never a key, token or packet body.
 */
#ifndef MESH_BASE_LOG_H
#define MESH_BASE_LOG_H

#include <mesh/base.h>
#include <stdarg.h>

enum mesh_log_level {
	MESH_LOG_ERR,
	MESH_LOG_WARN,
	MESH_LOG_INFO,
	MESH_LOG_DEBUG,
};

/* The caller's: write(arg, level, line) gets a whole line without newline, at
 * most MESH_LOG_LINE bytes. A NULL log, or NULL write, drops everything. */
struct mesh_log {
	void (*write)(void *arg, enum mesh_log_level level, const char *line);
	void *arg;
	enum mesh_log_level max; /* lines above it are not even formatted */
};

#define MESH_LOG_LINE 512u /* bytes with NUL; longer lines are cut */

void mesh_log(const struct mesh_log *log, enum mesh_log_level level,
    const char *fmt, ...) MESH_PRINTF(3, 4);

/* s[0..len) with bytes outside printable ASCII, quotes and backslashes as \xHH,
 * cut to fit; always terminated. Returns out. */
char *mesh_log_text(const void *s, size_t len, char *out, size_t size);

/* `burst` events at once, then one each `every_ns`. */
struct mesh_ratelimit {
	uint64_t every_ns;
	uint32_t burst;
	uint32_t tokens;
	uint64_t dropped; /* since the last one that was allowed */
	struct mesh_time last;
};

struct mesh_ratelimit mesh_ratelimit_init(uint32_t burst, uint64_t every_ns);
bool mesh_ratelimit_allow(struct mesh_ratelimit *r, struct mesh_time now);

#endif
