/* SPDX-License-Identifier: ISC */
#include "path/home.h"

void
mesh_home_region_init(struct mesh_home_region *r, uint16_t id,
    uint32_t score_permille)
{
	*r = (struct mesh_home_region){
	    .id = id,
	    .score_permille = score_permille,
	    .heard = MESH_NEVER,
	};
}

static uint64_t
scored(const struct mesh_home_region *r, uint64_t ns)
{
	uint32_t score = r->score_permille;

	return score > 0 && score != 1000 ? ns / 1000 * score : ns;
}

static void
remember(struct mesh_home_region *r, struct mesh_time now)
{
	if (r->current_ns == 0)
		return;
	r->history[r->next].at = now;
	r->history[r->next].ns = r->current_ns;
	r->next = (uint8_t)((r->next + 1) % MESH_HOME_HISTORY);
}

/* The lowest latency of late, scored. Never 0. */
static uint64_t
best_of(const struct mesh_home_region *r, struct mesh_time now)
{
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < MESH_HOME_HISTORY; i++) {
		uint64_t ns = r->history[i].ns;

		if (ns > 0 && ns < best &&
		    mesh_time_since(r->history[i].at, now) <=
			MESH_HOME_HISTORY_NS)
			best = ns;
	}
	return scored(r, best);
}

/* Was a frame heard from it at most `ns` ago, or since `started`? */
static bool
heard(const struct mesh_home_region *r, struct mesh_time started,
    struct mesh_time now, uint64_t ns)
{
	if (r == NULL || mesh_time_is_never(r->heard))
		return false;
	return r->heard.ns >= started.ns ||
	       mesh_time_since(r->heard, now) <= ns;
}

/* Should old, which can still be reached, stay although new_ is quicker? */
static bool
stays(const struct mesh_home_region *old, uint64_t new_best)
{
	uint64_t current = scored(old, old->current_ns);

	return current < new_best || current - new_best < MESH_HOME_GAIN_NS ||
	       new_best > current / 3 * 2;
}

uint16_t
mesh_home_choose(struct mesh_home_region *v, size_t count, uint16_t prev,
    struct mesh_time started, struct mesh_time now)
{
	const struct mesh_home_region *old = NULL, *best = NULL;
	uint64_t best_ns = UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		remember(&v[i], now);
		if (prev != 0 && v[i].id == prev)
			old = &v[i];
		uint64_t ns = best_of(&v[i], now);
		if (v[i].current_ns > 0 && ns < best_ns) {
			best = &v[i];
			best_ns = ns;
		}
	}
	if (best == NULL)
		return heard(old, MESH_NEVER, now, MESH_HOME_KEEP_NS) ? prev
								      : 0;
	if (old != NULL && old != best &&
	    (old->current_ns > 0 ||
		heard(old, started, now, MESH_HOME_HEARD_NS)) &&
	    stays(old, best_ns))
		return prev;
	return best->id;
}
