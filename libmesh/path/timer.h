/* SPDX-License-Identifier: ISC
 * path/timer.h - deadlines of many objects, the earliest first: a binary heap
 * of timers that sit in their objects. Arming cannot fail: room is reserved
 * when an object is made. A timer that is not armed costs nothing.
 */
#ifndef MESH_PATH_TIMER_H
#define MESH_PATH_TIMER_H

#include <mesh/base.h>

struct mesh_path_timer {
	struct mesh_time at; /* MESH_NEVER: not armed */
	size_t slot;
};

struct mesh_path_timers { /* private */
	struct mesh_path_timer **v;
	size_t count;
	size_t cap;
};

void mesh_path_timers_release(struct mesh_path_timers *t);
/* Room for n timers in all. MESH_ERR_NOMEM. */
int mesh_path_timers_reserve(struct mesh_path_timers *t, size_t n);

void mesh_path_timer_init(struct mesh_path_timer *timer);
/* Arms anew, later or earlier; MESH_NEVER disarms. */
void mesh_path_timer_set(struct mesh_path_timers *t,
    struct mesh_path_timer *timer, struct mesh_time at);
/* The earliest, or NULL. */
struct mesh_path_timer *
mesh_path_timers_first(const struct mesh_path_timers *t);

#endif
