/* SPDX-License-Identifier: ISC
 * mesh/base.h - what every public header of libmesh uses: time, errors, text.
 *
 * libmesh reads no clock, opens nothing and prints nothing; time is an
 * argument of its own type.
 */
#ifndef MESH_BASE_H
#define MESH_BASE_H

#include <mesh/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESH_EXPORT __attribute__((visibility("default")))
#define MESH_MUST_USE __attribute__((warn_unused_result))
#define MESH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* A point on one monotonic clock of the caller's choice (the daemons use
 * CLOCK_BOOTTIME), in nanoseconds. Never mixed with the time of day. */
struct mesh_time {
	uint64_t ns;
};

#define MESH_US UINT64_C(1000) /* in ns */
#define MESH_MS (1000 * MESH_US)
#define MESH_SEC (1000 * MESH_MS)
#define MESH_MIN (60 * MESH_SEC)
#define MESH_HOUR (60 * MESH_MIN)

/* The deadline that never comes. */
#define MESH_NEVER ((struct mesh_time){UINT64_MAX})

static inline struct mesh_time
mesh_time_add(struct mesh_time t, uint64_t ns)
{
	return t.ns > UINT64_MAX - ns ? MESH_NEVER
				      : (struct mesh_time){t.ns + ns};
}

/* From a to b in ns; 0 if b is not later. */
static inline uint64_t
mesh_time_since(struct mesh_time a, struct mesh_time b)
{
	return b.ns > a.ns ? b.ns - a.ns : 0;
}

static inline bool
mesh_time_due(struct mesh_time deadline, struct mesh_time now)
{
	return deadline.ns <= now.ns;
}

static inline bool
mesh_time_is_never(struct mesh_time t)
{
	return t.ns == UINT64_MAX;
}

static inline struct mesh_time
mesh_time_min(struct mesh_time a, struct mesh_time b)
{
	return a.ns < b.ns ? a : b;
}

/* A detail for people, beside an error: what, where, what to do. One line,
 * always terminated, never a secret. text[0] is 0 when there is none. */
struct mesh_diag {
	char text[160];
};

/* The text of an error ("malformed input"); the enum value's name ("FORMAT").
 * Static; never NULL, also for numbers that are no error of ours. */
MESH_EXPORT const char *mesh_strerror(int err);
MESH_EXPORT const char *mesh_err_name(int err);

#endif
