/* SPDX-License-Identifier: ISC */
#include "path/netcheck.h"

#include "base/secret.h"
#include "path/netcheck_plan.h"

void
mesh_netcheck_init(struct mesh_netcheck *n)
{
	*n = (struct mesh_netcheck){.finish = MESH_NEVER};
}

static void
free_regions(struct mesh_netcheck_region *v, size_t count)
{
	for (size_t i = 0; v != NULL && i < count; i++)
		free(v[i].nodes);
	free(v);
}

void
mesh_netcheck_release(struct mesh_netcheck *n)
{
	free_regions(n->regions, n->region_count);
	free(n->homes);
	mesh_netcheck_init(n);
}

static ptrdiff_t
find_region(const struct mesh_netcheck *n, uint16_t id)
{
	for (size_t i = 0; i < n->region_count; i++) {
		if (n->homes[i].id == id)
			return (ptrdiff_t)i;
	}
	return -1;
}

struct mesh_home_region *
mesh_netcheck_home(struct mesh_netcheck *n, uint16_t region)
{
	ptrdiff_t i = find_region(n, region);

	return i >= 0 ? &n->homes[i] : NULL;
}

static int
check_regions(const struct mesh_path_region *v, size_t count)
{
	if (count > MESH_PATH_REGIONS_MAX)
		return MESH_ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		if (v[i].id == 0)
			return MESH_ERR_ARG;
		if (v[i].node_count > MESH_PATH_REGION_NODES_MAX)
			return MESH_ERR_LIMIT;
		for (size_t k = 0; k < i; k++) {
			if (v[k].id == v[i].id)
				return MESH_ERR_ARG;
		}
	}
	return MESH_OK;
}

/* One region of the new table, with what is known of it from the old one. */
static int
copy_region(const struct mesh_netcheck *n, const struct mesh_path_region *from,
    struct mesh_netcheck_region *r, struct mesh_home_region *home)
{
	ptrdiff_t old = find_region(n, from->id);

	r->no_home = from->no_home;
	r->avoid = from->avoid;
	mesh_home_region_init(home, from->id, from->score_permille);
	if (old >= 0) {
		*home = n->homes[old];
		home->score_permille = from->score_permille;
		memcpy(r->last_ns, n->regions[old].last_ns, sizeof(r->last_ns));
	}
	if (from->node_count == 0)
		return MESH_OK;
	r->nodes = calloc(from->node_count, sizeof(*r->nodes));
	if (r->nodes == NULL)
		return MESH_ERR_NOMEM;
	memcpy(r->nodes, from->nodes, from->node_count * sizeof(*r->nodes));
	r->node_count = from->node_count;
	return MESH_OK;
}

int
mesh_netcheck_set_regions(struct mesh_netcheck *n,
    const struct mesh_path_region *regions, size_t count)
{
	struct mesh_netcheck_region *v = NULL;
	struct mesh_home_region *homes = NULL;

	int err = check_regions(regions, count);
	if (err < 0)
		return err;
	/* One more than needed: calloc(0) may give NULL. */
	v = calloc(count + 1, sizeof(*v));
	homes = calloc(count + 1, sizeof(*homes));
	err = v == NULL || homes == NULL ? MESH_ERR_NOMEM : MESH_OK;
	for (size_t i = 0; err == MESH_OK && i < count; i++)
		err = copy_region(n, &regions[i], &v[i], &homes[i]);
	if (err < 0) {
		free_regions(v, count);
		free(homes);
		return err;
	}
	free_regions(n->regions, n->region_count);
	free(n->homes);
	n->regions = v;
	n->homes = homes;
	n->region_count = count;
	n->running = false;
	n->finish = MESH_NEVER;
	return MESH_OK;
}

static bool
same_stun(const struct mesh_path_stun *a, const struct mesh_path_stun *b)
{
	return mesh_endpoint_eq(&a->v4, &b->v4) &&
	       mesh_endpoint_eq(&a->v6, &b->v6);
}

bool
mesh_netcheck_has_regions(const struct mesh_netcheck *n,
    const struct mesh_path_region *regions, size_t count)
{
	if (count != n->region_count || n->regions == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct mesh_path_region *a = &regions[i];
		const struct mesh_netcheck_region *b = &n->regions[i];

		if (a->id != n->homes[i].id || a->no_home != b->no_home ||
		    a->avoid != b->avoid ||
		    a->score_permille != n->homes[i].score_permille ||
		    a->node_count != b->node_count)
			return false;
		for (size_t k = 0; k < a->node_count; k++) {
			if (!same_stun(&a->nodes[k], &b->nodes[k]))
				return false;
		}
	}
	return true;
}

static void
begin_report(struct mesh_netcheck *n, struct mesh_time now)
{
	n->running = true;
	n->started = now;
	n->finish = mesh_time_add(now, MESH_NETCHECK_WAIT_NS);
	n->answered = 0;
	n->mapping_varies = MESH_PATH_UNKNOWN;
	n->udp[0] = n->udp[1] = false;
	n->seen_count[0] = n->seen_count[1] = 0;
}

bool
mesh_netcheck_start(struct mesh_netcheck *n, bool full, bool up4, bool up6,
    uint16_t home, struct mesh_time now)
{
	if ((!up4 && !up6) || n->region_count == 0)
		return false;
	n->up[MESH_NETCHECK_V4] = up4;
	n->up[MESH_NETCHECK_V6] = up6;
	n->full = full || !n->had_full ||
		  mesh_time_since(n->last_full, now) >= MESH_NETCHECK_FULL_NS;
	begin_report(n, now);
	return mesh_netcheck_plan(n, home);
}

/* When the next try of a set is due. */
static struct mesh_time
set_due(const struct mesh_netcheck *n, const struct mesh_netcheck_set *s)
{
	if (s->done || s->sent >= s->tries)
		return MESH_NEVER;
	return mesh_time_add(n->started,
	    mesh_netcheck_delay(s, s->sent, n->full));
}

/* Would another answer from the region teach anything? */
static bool
is_useful(const struct mesh_netcheck *n, const struct mesh_netcheck_region *r,
    int family)
{
	if (r->set[0].ns == 0 && r->set[1].ns == 0)
		return true;
	return family == MESH_NETCHECK_V6
		   ? !n->udp[MESH_NETCHECK_V6]
		   : n->mapping_varies == MESH_PATH_UNKNOWN;
}

bool
mesh_netcheck_probe(struct mesh_netcheck *n, struct mesh_drbg *rnd,
    struct mesh_time now, struct mesh_endpoint *out_to,
    struct mesh_stun_txid *out_txid)
{
	for (size_t i = 0; n->running && i < n->region_count * 2; i++) {
		struct mesh_netcheck_region *r = &n->regions[i / 2];
		int family = (int)(i % 2);
		struct mesh_netcheck_set *s = &r->set[family];

		if (!mesh_time_due(set_due(n, s), now))
			continue;
		if (!is_useful(n, r, family)) {
			s->done = true;
			continue;
		}
		const struct mesh_path_stun *node =
		    &r->nodes[s->sent % r->node_count];
		*out_to = family == MESH_NETCHECK_V4 ? node->v4 : node->v6;
		mesh_drbg_bytes(rnd, s->txid[s->sent].b,
		    sizeof(s->txid[s->sent].b));
		*out_txid = s->txid[s->sent];
		s->at[s->sent++] = now;
		if (out_to->port == 0)
			continue;
		return true;
	}
	return false;
}

/* The set and the try that the answer belongs to. */
static struct mesh_netcheck_set *
find_probe(struct mesh_netcheck *n, const struct mesh_stun_txid *txid,
    size_t *out_try)
{
	for (size_t i = 0; n->running && i < n->region_count * 2; i++) {
		struct mesh_netcheck_set *s = &n->regions[i / 2].set[i % 2];

		for (size_t t = 0; !s->done && t < s->sent; t++) {
			if (mesh_ct_equal(s->txid[t].b, txid->b,
				sizeof(txid->b))) {
				*out_try = t;
				return s;
			}
		}
	}
	return NULL;
}

/* Counts an own address; true if it is new. */
static bool
note_seen(struct mesh_netcheck *n, int family, const struct mesh_endpoint *ep)
{
	struct mesh_netcheck_seen *v = n->seen[family];

	for (size_t i = 0; i < n->seen_count[family]; i++) {
		if (mesh_endpoint_eq(&v[i].ep, ep)) {
			v[i].count++;
			return false;
		}
	}
	if (n->seen_count[family] == MESH_NETCHECK_SEEN_MAX)
		return false;
	v[n->seen_count[family]++] = (struct mesh_netcheck_seen){*ep, 1};
	return true;
}

/* IPv4 alone: one answer says nothing, a second one that is equal says no, any
 * that differs says yes. */
static void
note_mapping(struct mesh_netcheck *n, bool is_new)
{
	if (n->seen_count[MESH_NETCHECK_V4] > 1)
		n->mapping_varies = MESH_PATH_YES;
	else if (!is_new)
		n->mapping_varies = MESH_PATH_NO;
}

/* With three regions known the slower ones are waited for no longer than the
 * slowest of these took (twice that in a full report). */
static void
note_region(struct mesh_netcheck *n, struct mesh_time now)
{
	uint64_t slowest = 0;

	if (++n->answered != MESH_NETCHECK_ENOUGH)
		return;
	for (size_t i = 0; i < n->region_count * 2; i++) {
		uint64_t ns = n->regions[i / 2].set[i % 2].ns;

		slowest = ns > slowest ? ns : slowest;
	}
	n->finish = mesh_time_min(n->finish,
	    mesh_time_add(now, n->full ? slowest * 2 : slowest));
}

int
mesh_netcheck_answer(struct mesh_netcheck *n, const struct mesh_stun_txid *txid,
    const struct mesh_endpoint *seen, struct mesh_time now, bool *out_new)
{
	size_t t;
	struct mesh_netcheck_set *s = find_probe(n, txid, &t);
	int family =
	    mesh_ip_is4(&seen->ip) ? MESH_NETCHECK_V4 : MESH_NETCHECK_V6;

	if (s == NULL)
		return MESH_ERR_STRAY;
	/* A set's two halves sit side by side in their region. */
	struct mesh_netcheck_region *r = NULL;
	for (size_t i = 0; i < n->region_count; i++) {
		if (s == &n->regions[i].set[0] || s == &n->regions[i].set[1])
			r = &n->regions[i];
	}
	bool first = r->set[0].ns == 0 && r->set[1].ns == 0;
	s->done = true;
	s->ns = mesh_time_since(s->at[t], now);
	s->ns += s->ns == 0; /* 0 means "none" */
	n->udp[family] = true;
	*out_new = note_seen(n, family, seen);
	if (family == MESH_NETCHECK_V4)
		note_mapping(n, *out_new);
	if (first)
		note_region(n, now);
	return MESH_OK;
}

static bool
all_done(const struct mesh_netcheck *n)
{
	for (size_t i = 0; i < n->region_count * 2; i++) {
		const struct mesh_netcheck_set *s =
		    &n->regions[i / 2].set[i % 2];

		if (!s->done && s->tries > 0)
			return false;
	}
	return true;
}

static uint64_t
quickest(const struct mesh_netcheck_region *r)
{
	uint64_t a = r->set[0].ns, b = r->set[1].ns;

	return a == 0 || (b != 0 && b < a) ? b : a;
}

static void
end_report(struct mesh_netcheck *n, struct mesh_time now)
{
	n->running = false;
	n->finish = MESH_NEVER;
	n->measured = true;
	if (n->full) {
		n->had_full = true;
		n->last_full = n->started;
	}
	for (size_t i = 0; i < n->region_count; i++) {
		struct mesh_netcheck_region *r = &n->regions[i];

		n->homes[i].current_ns = r->no_home ? 0 : quickest(r);
		r->last_ns[0] = r->set[0].ns;
		r->last_ns[1] = r->set[1].ns;
	}
	n->preferred = mesh_home_choose(n->homes, n->region_count, n->preferred,
	    n->started, now);
}

bool
mesh_netcheck_tick(struct mesh_netcheck *n, struct mesh_time now)
{
	if (!n->running || (!mesh_time_due(n->finish, now) && !all_done(n)))
		return false;
	end_report(n, now);
	return true;
}

struct mesh_time
mesh_netcheck_deadline(const struct mesh_netcheck *n)
{
	struct mesh_time at = n->finish;

	if (!n->running)
		return MESH_NEVER;
	if (all_done(n))
		return n->started;
	for (size_t i = 0; i < n->region_count * 2; i++)
		at = mesh_time_min(at,
		    set_due(n, &n->regions[i / 2].set[i % 2]));
	return at;
}
