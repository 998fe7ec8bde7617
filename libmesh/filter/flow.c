/* SPDX-License-Identifier: ISC */
#include "filter/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct mesh_flows {
	struct mesh_list by_opener[2]; /* oldest first */
	size_t opened[2];
	struct mesh_list free;
	size_t count, max, used; /* used: pool[0..used) was handed out once */
	struct mesh_flow *last;	 /* found last: bursts belong to one flow */
	uint64_t seed[2];
	uint32_t *buckets;
	size_t mask; /* of buckets */
	struct mesh_flow pool[];
};

struct mesh_flows *
mesh_flows_new(size_t max, const uint8_t seed[static MESH_FILTER_SEED_LEN])
{
	size_t buckets = 1;
	struct mesh_flows *t;

	assert(max > 0 && max <= MESH_FILTER_FLOWS_MAX);
	while (buckets < max)
		buckets *= 2;
	t = calloc(1, sizeof(*t) + max * sizeof(t->pool[0]));
	if (t == NULL)
		return NULL;
	t->buckets = malloc(buckets * sizeof(*t->buckets));
	if (t->buckets == NULL) {
		free(t);
		return NULL;
	}
	memset(t->buckets, 0xff, buckets * sizeof(*t->buckets)); /* NONE */
	t->mask = buckets - 1;
	t->max = max;
	memcpy(t->seed, seed, sizeof(t->seed));
	mesh_list_init(&t->by_opener[MESH_FLOW_OURS]);
	mesh_list_init(&t->by_opener[MESH_FLOW_PEERS]);
	mesh_list_init(&t->free);
	return t;
}

void
mesh_flows_free(struct mesh_flows *t)
{
	if (t == NULL)
		return;
	free(t->buckets);
	free(t);
}

size_t
mesh_flows_count(const struct mesh_flows *t)
{
	return t->count;
}

/* The high and low half of a product, folded: one multiplication mixes 16 bytes
 * (the idea of wyhash). Good enough behind a secret seed, and 4 of them are all
 * that a packet pays. */
static uint64_t
mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint32_t *
flow_bucket(struct mesh_flows *t, const struct mesh_flow_key *key)
{
	uint64_t w[5], h;

	memcpy(w, key, sizeof(w));
	h = mix(w[0] ^ t->seed[0], w[1] ^ t->seed[1]);
	h = mix(w[2] ^ h ^ t->seed[0], w[3] ^ t->seed[1]);
	h = mix(w[4] ^ h, t->seed[0] | 1);
	h = mix(h ^ t->seed[1], UINT64_C(0x9e3779b97f4a7c15));
	return &t->buckets[h & t->mask];
}

static bool
key_is(const struct mesh_flow *f, const struct mesh_flow_key *key)
{
	return !memcmp(&f->key, key, sizeof(*key));
}

static void
flow_touch(struct mesh_flows *t, struct mesh_flow *f, struct mesh_time now)
{
	struct mesh_list *list = &t->by_opener[f->opener];

	if (list->prev != &f->lru) {
		mesh_list_remove(&f->lru);
		mesh_list_append(list, &f->lru);
	}
	f->seen = now;
	t->last = f;
}

static struct mesh_flow *
flow_lookup(struct mesh_flows *t, const struct mesh_flow_key *key)
{
	if (t->last != NULL && key_is(t->last, key))
		return t->last;
	for (uint32_t i = *flow_bucket(t, key); i != NONE;
	    i = t->pool[i].next)
		if (key_is(&t->pool[i], key))
			return &t->pool[i];
	return NULL;
}

struct mesh_flow *
mesh_flows_find(struct mesh_flows *t, const struct mesh_flow_key *key,
    struct mesh_time now)
{
	struct mesh_flow *f = flow_lookup(t, key);

	if (f == NULL || (f->seen.ns == now.ns && f == t->last))
		return f;
	if (f->cut && mesh_time_since(f->seen, now) >= MESH_FILTER_CUT_NS) {
		/* silent for long enough */
		mesh_flows_forget(t, f);
		return NULL;
	}
	flow_touch(t, f, now);
	return f;
}

void
mesh_flows_forget(struct mesh_flows *t, struct mesh_flow *flow)
{
	uint32_t *link = flow_bucket(t, &flow->key);
	uint32_t at = (uint32_t)(flow - t->pool);

	while (*link != at)
		link = &t->pool[*link].next;
	*link = flow->next;
	mesh_list_remove(&flow->lru);
	mesh_list_append(&t->free, &flow->lru);
	t->opened[flow->opener]--;
	t->count--;
	if (t->last == flow)
		t->last = NULL;
}

/* A place for a new flow. */
static struct mesh_flow *
flow_take(struct mesh_flows *t)
{
	struct mesh_list *item;

	if (t->count == t->max) {
		bool peers = t->opened[MESH_FLOW_PEERS] > t->max / 2 ||
		    t->opened[MESH_FLOW_OURS] == 0;

		item = t->by_opener[peers].next;
		mesh_flows_forget(t,
		    MESH_CONTAINER(item, struct mesh_flow, lru));
	}
	if (mesh_list_is_empty(&t->free))
		return &t->pool[t->used++];
	item = t->free.next;
	mesh_list_remove(item);
	return MESH_CONTAINER(item, struct mesh_flow, lru);
}

struct mesh_flow *
mesh_flows_open(struct mesh_flows *t, const struct mesh_flow_key *key,
    enum mesh_flow_opener opener, struct mesh_time now)
{
	struct mesh_flow *f = flow_lookup(t, key);
	uint32_t *bucket;

	if (f != NULL)
		mesh_flows_forget(t, f);
	f = flow_take(t);
	bucket = flow_bucket(t, key);
	*f = (struct mesh_flow){
	    .key = *key, .opener = opener, .next = *bucket};
	*bucket = (uint32_t)(f - t->pool);
	mesh_list_init(&f->lru);
	t->opened[opener]++;
	t->count++;
	flow_touch(t, f, now);
	return f;
}
