/* SPDX-License-Identifier: ISC
 * queue.c - what goes out. Entries say what to send; the datagram is made when
 * it is pulled, so that one buffer is enough.
 */
#include "path/int.h"

#define QUEUE_FIRST 64u

void
mesh_path_queue_release(struct queue *q)
{
	free(q->v);
	*q = (struct queue){0};
}

static bool
grow(struct queue *q)
{
	size_t cap = q->cap > 0 ? q->cap * 2 : QUEUE_FIRST;
	struct out *v;

	if (q->cap >= MESH_PATH_QUEUE_MAX)
		return false;
	v = calloc(cap, sizeof(*v));
	if (v == NULL)
		return false;
	for (size_t i = 0; i < q->count; i++)
		v[i] = q->v[(q->first + i) % q->cap];
	free(q->v);
	q->v = v;
	q->cap = cap;
	q->first = 0;
	return true;
}

void
mesh_path_push(struct mesh_path *p, const struct out *o)
{
	struct queue *q = &p->queue;

	if (q->count == q->cap && !grow(q)) {
		p->stats.dropped_limit++;
		return;
	}
	q->v[(q->first + q->count) % q->cap] = *o;
	q->count++;
}

bool
mesh_path_pop(struct mesh_path *p, struct out *out)
{
	struct queue *q = &p->queue;

	if (q->count == 0)
		return false;
	*out = q->v[q->first];
	q->first = (q->first + 1) % q->cap;
	q->count--;
	return true;
}

void
mesh_path_queue_forget(struct mesh_path *p, const struct mesh_path_peer *peer)
{
	struct queue *q = &p->queue;
	size_t kept = 0;

	for (size_t i = 0; i < q->count; i++) {
		struct out o = q->v[(q->first + i) % q->cap];

		if (o.peer != peer)
			q->v[(q->first + kept++) % q->cap] = o;
	}
	q->count = kept;
}
