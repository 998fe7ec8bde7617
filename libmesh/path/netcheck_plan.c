/* SPDX-License-Identifier: ISC */
#include "path/netcheck_plan.h"

#define FULL_TRIES 3
#define HOME_TRIES 4
#define FAST_TRIES 2
#define FAST 2u                /* regions that get more tries */
#define LATE_NS (50 * MESH_MS) /* later tries of an incremental report */

static uint64_t
last_of(const struct mesh_netcheck_region *r)
{
	uint64_t a = r->last_ns[0], b = r->last_ns[1];

	return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool
has_family(const struct mesh_netcheck_region *r, int family)
{
	for (size_t i = 0; i < r->node_count; i++) {
		const struct mesh_path_stun *n = &r->nodes[i];
		const struct mesh_endpoint *ep =
		    family == MESH_NETCHECK_V4 ? &n->v4 : &n->v6;

		if (ep->port != 0)
			return true;
	}
	return false;
}

static void
plan_set(struct mesh_netcheck *n, struct mesh_netcheck_region *r, int family,
    unsigned tries)
{
	if (!n->up[family] || !has_family(r, family))
		tries = 0;
	r->set[family].tries = (uint8_t)tries;
}

static void
plan_full(struct mesh_netcheck *n)
{
	for (size_t i = 0; i < n->region_count; i++) {
		struct mesh_netcheck_region *r = &n->regions[i];
		unsigned tries = r->no_home ? 0 : FULL_TRIES;

		plan_set(n, r, MESH_NETCHECK_V4, tries);
		plan_set(n, r, MESH_NETCHECK_V6, tries);
	}
}

/* Place in the order of the last latencies, unknown ones last. */
static unsigned
rank_of(const struct mesh_netcheck *n, size_t at, uint16_t home)
{
	uint64_t mine = last_of(&n->regions[at]) - 1; /* unknown: the largest */
	unsigned rank = 0;

	for (size_t i = 0; i < n->region_count; i++) {
		const struct mesh_netcheck_region *r = &n->regions[i];
		uint64_t ns = last_of(r) - 1;

		if (r->no_home || (r->avoid && n->homes[i].id != home))
			continue;
		rank += ns < mine || (ns == mine && i < at);
	}
	return rank;
}

/* Which tries of a region go by IPv6 depends on whether it worked last time. */
static void
plan_later(struct mesh_netcheck *n, struct mesh_netcheck_region *r,
    unsigned rank, bool is_home, bool had4, bool had6)
{
	unsigned tries = is_home ? HOME_TRIES : rank < FAST ? FAST_TRIES : 1;
	unsigned four = tries, six = tries;

	if (!had6)
		six = is_home || rank < FAST ? 1 : 0;
	else if (had4 && tries == 1)
		*(rank % 2 == 0 ? &six : &four) = 0;
	plan_set(n, r, MESH_NETCHECK_V4, four);
	plan_set(n, r, MESH_NETCHECK_V6, six);
	for (int f = 0; f < 2; f++) {
		r->set[f].gap_ns = last_of(r);
		r->set[f].gap_guessed = r->set[f].gap_ns == 0;
		if (r->set[f].gap_guessed)
			r->set[f].gap_ns = MESH_NETCHECK_GAP_NS;
	}
}

static void
plan_incremental(struct mesh_netcheck *n, uint16_t home)
{
	bool had[2] = {false, false};

	for (size_t i = 0; i < n->region_count * 2; i++)
		had[i % 2] |= n->regions[i / 2].last_ns[i % 2] > 0;
	for (size_t i = 0; i < n->region_count; i++) {
		struct mesh_netcheck_region *r = &n->regions[i];
		bool is_home = home != 0 && n->homes[i].id == home;
		unsigned rank = rank_of(n, i, home);

		if (r->no_home || (r->avoid && !is_home) ||
		    (rank >= MESH_NETCHECK_ENOUGH && !is_home))
			continue;
		plan_later(n, r, rank, is_home, had[0], had[1]);
	}
}

bool
mesh_netcheck_plan(struct mesh_netcheck *n, uint16_t home)
{
	unsigned planned = 0;

	for (size_t i = 0; i < n->region_count * 2; i++)
		n->regions[i / 2].set[i % 2] = (struct mesh_netcheck_set){0};
	if (n->full)
		plan_full(n);
	else
		plan_incremental(n, home);
	for (size_t i = 0; i < n->region_count * 2; i++)
		planned += n->regions[i / 2].set[i % 2].tries;
	n->running = planned > 0;
	return n->running;
}

uint64_t
mesh_netcheck_delay(const struct mesh_netcheck_set *s, unsigned t, bool full)
{
	if (full)
		return t * MESH_NETCHECK_FIRST_GAP_NS;
	uint64_t gap = s->gap_guessed ? s->gap_ns : s->gap_ns * 6 / 5;
	return t * gap + (t > 1 ? t * LATE_NS : 0);
}
