/* SPDX-License-Identifier: ISC
 * timers.c - a binary heap that knows where each timer is.
 */
#include "timers.h"

#include <stdlib.h>

#define GROW 64u

static void
put(struct timers *t, size_t at, struct timer *m)
{
	t->heap[at] = m;
	m->place = at;
}

static void
sift_up(struct timers *t, size_t at, struct timer *m)
{
	for (; at > 1 && t->heap[at / 2]->deadline.ns > m->deadline.ns; at /= 2)
		put(t, at, t->heap[at / 2]);
	put(t, at, m);
}

static void
sift_down(struct timers *t, size_t at, struct timer *m)
{
	for (size_t child; (child = 2 * at) <= t->count; at = child) {
		if (child < t->count &&
		    t->heap[child + 1]->deadline.ns <
			t->heap[child]->deadline.ns)
			child++;
		if (t->heap[child]->deadline.ns >= m->deadline.ns)
			break;
		put(t, at, t->heap[child]);
	}
	put(t, at, m);
}

static int
make_room(struct timers *t)
{
	struct timer **heap;

	if (t->count + 1 < t->cap)
		return MESH_OK;
	if (t->count >= TIMERS_MAX)
		return MESH_ERR_LIMIT;
	heap = reallocarray(t->heap, t->cap + GROW, sizeof(*heap));
	if (heap == NULL)
		return MESH_ERR_NOMEM;
	t->heap = heap;
	t->cap += GROW;
	return MESH_OK;
}

void
timers_release(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){.count = 0};
}

int
timers_set(struct timers *t, struct timer *m, struct mesh_time deadline)
{
	size_t at = m->place;
	int rc;

	if (mesh_time_is_never(deadline)) {
		timers_stop(t, m);
		return MESH_OK;
	}
	if (at == 0) {
		if ((rc = make_room(t)) != MESH_OK)
			return rc;
		at = ++t->count;
		put(t, at, m);
	}
	m->deadline = deadline;
	sift_up(t, at, m);
	sift_down(t, m->place, m);
	return MESH_OK;
}

void
timers_stop(struct timers *t, struct timer *m)
{
	size_t at = m->place;
	struct timer *last;

	if (at == 0)
		return;
	m->place = 0;
	last = t->heap[t->count--];
	if (last == m)
		return;
	put(t, at, last);
	sift_up(t, at, last);
	sift_down(t, last->place, last);
}

struct mesh_time
timers_next(const struct timers *t)
{
	return t->count > 0 ? t->heap[1]->deadline : MESH_NEVER;
}

struct timer *
timers_take(struct timers *t, struct mesh_time now)
{
	struct timer *m;

	if (t->count == 0 || !mesh_time_due(t->heap[1]->deadline, now))
		return NULL;
	m = t->heap[1];
	timers_stop(t, m);
	return m;
}
