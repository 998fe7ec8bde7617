/* SPDX-License-Identifier: ISC */
#include "path/timer.h"

#include <assert.h>

void
mesh_path_timers_release(struct mesh_path_timers *t)
{
	free(t->v);
	*t = (struct mesh_path_timers){0};
}

int
mesh_path_timers_reserve(struct mesh_path_timers *t, size_t n)
{
	if (n <= t->cap)
		return MESH_OK;
	size_t cap = t->cap * 2 > n ? t->cap * 2 : n;
	struct mesh_path_timer **v = reallocarray(t->v, cap, sizeof(*v));
	if (v == NULL)
		return MESH_ERR_NOMEM;
	t->v = v;
	t->cap = cap;
	return MESH_OK;
}

void
mesh_path_timer_init(struct mesh_path_timer *timer)
{
	*timer = (struct mesh_path_timer){.at = MESH_NEVER};
}

static void
place(struct mesh_path_timers *t, size_t slot, struct mesh_path_timer *timer)
{
	t->v[slot] = timer;
	timer->slot = slot;
}

/* Moves timer to where it belongs, from a slot that is free for it. */
static void
sift(struct mesh_path_timers *t, size_t slot, struct mesh_path_timer *timer)
{
	while (slot > 0 && timer->at.ns < t->v[(slot - 1) / 2]->at.ns) {
		place(t, slot, t->v[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	for (;;) {
		size_t child = slot * 2 + 1;

		if (child + 1 < t->count &&
		    t->v[child + 1]->at.ns < t->v[child]->at.ns)
			child++;
		if (child >= t->count || t->v[child]->at.ns >= timer->at.ns)
			break;
		place(t, slot, t->v[child]);
		slot = child;
	}
	place(t, slot, timer);
}

static void
take_out(struct mesh_path_timers *t, size_t slot)
{
	struct mesh_path_timer *last = t->v[--t->count];

	if (slot < t->count)
		sift(t, slot, last);
}

void
mesh_path_timer_set(struct mesh_path_timers *t, struct mesh_path_timer *timer,
    struct mesh_time at)
{
	bool was = !mesh_time_is_never(timer->at);
	bool is = !mesh_time_is_never(at);

	if (timer->at.ns == at.ns)
		return;
	timer->at = at;
	if (was && !is) {
		take_out(t, timer->slot);
	} else if (is) {
		assert(was || t->count < t->cap);
		if (!was)
			timer->slot = t->count++;
		sift(t, timer->slot, timer);
	}
}

struct mesh_path_timer *
mesh_path_timers_first(const struct mesh_path_timers *t)
{
	return t->count > 0 ? t->v[0] : NULL;
}
