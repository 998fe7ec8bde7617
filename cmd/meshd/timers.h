/* SPDX-License-Identifier: ISC
 * timers.h - one heap of deadlines for one loop.
 *
 * Timers live in the objects that they belong to; the heap holds pointers. An
 * object that goes takes its timer out first (timers_stop).
 */
#ifndef MESHD_TIMERS_H
#define MESHD_TIMERS_H

#include <mesh/base.h>

#define TIMERS_MAX 70000u /* a peer each, relays, and a few */

struct timer {
	struct mesh_time deadline;
	size_t place; /* 1 and up in the heap; 0: not in it */
	void (*fire)(void *arg);
	void *arg;
};

struct timers {
	struct timer **heap; /* from [1] on */
	size_t count, cap;
};

void timers_release(struct timers *t);
/* Sets the deadline, earlier or later; MESH_NEVER stops it. MESH_ERR_NOMEM: it
 * will not fire. */
int timers_set(struct timers *t, struct timer *m, struct mesh_time deadline);
void timers_stop(struct timers *t, struct timer *m);
/* The earliest, MESH_NEVER if none. */
struct mesh_time timers_next(const struct timers *t);
/* Takes out the earliest one that is due and returns it, else NULL. */
struct timer *timers_take(struct timers *t, struct mesh_time now);

#endif
