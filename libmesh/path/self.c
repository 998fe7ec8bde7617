/* SPDX-License-Identifier: ISC
 * self.c - this node: its relays and which of them is home, its own endpoints,
 * and the measurements that tell.
 */
#include "path/int.h"

/* --- relays -------------------------------------------------------------- */

bool
mesh_path_relay_is_up(const struct mesh_path *p, uint16_t region)
{
	return region != 0 && (p->relays_up[region / 8] >> region % 8 & 1) != 0;
}

static void
set_home(struct mesh_path *p, uint16_t region)
{
	p->home = p->netinfo.home = region;
	p->tell_home = region != p->told_home;
}

static bool
can_be_home(const struct mesh_netcheck_region *r)
{
	return !r->no_home && r->node_count > 0;
}

/* Some region, the same each time, when nothing was measured: better than none,
 * for peers find us there. */
static uint16_t
fallback_home(const struct mesh_path *p)
{
	const struct mesh_netcheck *n = &p->netcheck;
	size_t count = 0;

	for (size_t i = 0; i < n->region_count; i++)
		count += can_be_home(&n->regions[i]);
	if (count == 0)
		return 0;
	size_t pick = p->node.b[0] % count;
	for (size_t i = 0; i < n->region_count; i++) {
		if (can_be_home(&n->regions[i]) && pick-- == 0)
			return n->homes[i].id;
	}
	return 0;
}

/* Is there no choice? Then there is nothing to wait for. */
static bool
is_only_home(const struct mesh_path *p)
{
	size_t count = 0;

	for (size_t i = 0; i < p->netcheck.region_count; i++)
		count += can_be_home(&p->netcheck.regions[i]);
	return count == 1;
}

static void
choose_home(struct mesh_path *p)
{
	uint16_t preferred = p->netcheck.preferred;

	if (p->home != 0 && (!p->control || preferred == 0))
		preferred = p->home;
	if (preferred == 0)
		preferred = fallback_home(p);
	set_home(p, preferred);
}

int
mesh_path_set_regions(struct mesh_path *p,
    const struct mesh_path_region *regions, size_t count, struct mesh_time now)
{
	int err;

	if (mesh_netcheck_has_regions(&p->netcheck, regions, count))
		return MESH_OK;
	err = mesh_netcheck_set_regions(&p->netcheck, regions, count);
	if (err < 0)
		return err;
	if (mesh_netcheck_home(&p->netcheck, p->home) == NULL)
		p->home = p->netcheck.preferred = 0;
	if (p->home == 0 && is_only_home(p))
		p->home = p->netcheck.preferred = fallback_home(p);
	set_home(p, p->home);
	p->measured = MESH_NEVER;
	mesh_path_measure_due(p, true, now);
	return MESH_OK;
}

void
mesh_path_set_control(struct mesh_path *p, bool connected)
{
	p->control = connected;
}

/* Peers that were waiting for this relay can be called now. */
static void
relay_came_up(struct mesh_path *p, uint16_t region, struct mesh_time now)
{
	for (struct mesh_list *l = p->active.next; l != &p->active;
	     l = l->next) {
		struct mesh_path_peer *peer =
		    MESH_CONTAINER(l, struct mesh_path_peer, active);

		if (peer->home == region && !mesh_path_trusted(peer, now))
			mesh_path_search(p, peer, true, now);
	}
}

void
mesh_path_relay_up(struct mesh_path *p, uint16_t region, bool up,
    struct mesh_time now)
{
	uint8_t bit = (uint8_t)(1u << region % 8);
	struct mesh_path_peer *peer;
	size_t pos = 0;

	if (region == 0 || mesh_path_relay_is_up(p, region) == up)
		return;
	p->relays_up[region / 8] ^= bit;
	if (up) {
		relay_came_up(p, region, now);
		return;
	}
	while ((peer = mesh_path_peer_next(p, &pos)) != NULL) {
		if (peer->learned == region)
			peer->learned = 0;
	}
}

void
mesh_path_relay_heard(struct mesh_path *p, uint16_t region,
    struct mesh_time now)
{
	struct mesh_home_region *home =
	    mesh_netcheck_home(&p->netcheck, region);

	if (home != NULL)
		home->heard = now;
}

void
mesh_path_relay_gone(struct mesh_path *p, uint16_t region,
    const struct mesh_node_key *node)
{
	struct mesh_path_peer *peer = mesh_path_peer_find(p, node);

	if (peer != NULL && peer->learned == region)
		peer->learned = 0;
}

/* --- own endpoints ------------------------------------------------------- */

bool
mesh_path_endpoints_fresh(const struct mesh_path *p, struct mesh_time now)
{
	bool can = (p->up4 || p->up6) && p->netcheck.region_count > 0;

	return !can || ago(p->measured, now) <= MESH_PATH_FRESH_NS;
}

/* Peers that we look for are told where we are now. */
static void
owe_searchers(struct mesh_path *p, struct mesh_time now)
{
	for (struct mesh_list *l = p->active.next; l != &p->active;
	     l = l->next) {
		struct mesh_path_peer *peer =
		    MESH_CONTAINER(l, struct mesh_path_peer, active);

		if (mesh_path_trusted(peer, now))
			continue;
		mesh_list_remove(&peer->owed);
		mesh_list_append(&p->owed, &peer->owed);
	}
}

static void
note_endpoints(struct mesh_path *p, struct mesh_time now)
{
	if (mesh_endpoints_update(&p->endpoints, &p->netcheck, now)) {
		p->generation++;
		owe_searchers(p, now);
		if (!p->tell_endpoints)
			p->tell_endpoints_at =
			    mesh_time_add(now, REPORT_DELAY_NS);
		p->tell_endpoints = true;
	}
	mesh_path_call_owed(p, now);
}

const struct mesh_path_endpoint *
mesh_path_endpoints(const struct mesh_path *p, size_t *out_count)
{
	*out_count = p->endpoints.count;
	return p->endpoints.list;
}

/* Nothing that was known of a way holds any more. */
static void
forget_paths(struct mesh_path *p, struct mesh_time now)
{
	struct mesh_path_peer *peer;
	size_t pos = 0;

	while ((peer = mesh_path_peer_next(p, &pos)) != NULL) {
		mesh_path_clear_best(p, peer);
		peer->flight_count = 0;
		for (size_t i = 0; i < peer->candidate_count; i++)
			peer->candidates[i].pinged =
			    peer->candidates[i].answered = MESH_NEVER;
		mesh_path_peer_arm(p, peer);
	}
	for (struct mesh_list *l = p->active.next; l != &p->active; l = l->next)
		mesh_path_search(p,
		    MESH_CONTAINER(l, struct mesh_path_peer, active), true,
		    now);
}

void
mesh_path_set_link(struct mesh_path *p, const struct mesh_path_link *link,
    bool moved, struct mesh_time now)
{
	p->has_link = true;
	p->up4 = link->up4;
	p->up6 = link->up6;
	mesh_endpoints_set_link(&p->endpoints, link);
	if (moved) {
		mesh_endpoints_forget(&p->endpoints);
		p->netcheck.running = false;
		p->netcheck.seen_count[0] = p->netcheck.seen_count[1] = 0;
		p->measured = MESH_NEVER;
	}
	mesh_path_measure_due(p, moved, now);
	note_endpoints(p, now);
	if (moved)
		forget_paths(p, now);
}

/* --- measuring ----------------------------------------------------------- */

static void
send_probes(struct mesh_path *p, struct mesh_time now)
{
	struct out o = {.kind = OUT_STUN};
	struct mesh_stun_txid txid;

	while (mesh_netcheck_probe(&p->netcheck, &p->random, now, &o.to,
	    &txid)) {
		memcpy(o.txid, txid.b, sizeof(o.txid));
		mesh_path_push(p, &o);
	}
}

static void
fill_netinfo(struct mesh_path *p)
{
	const struct mesh_netcheck *n = &p->netcheck;
	struct mesh_path_netinfo *i = &p->netinfo;

	*i = (struct mesh_path_netinfo){
	    .measured = true,
	    .udp = n->udp[0] || n->udp[1],
	    .udp4 = n->udp[MESH_NETCHECK_V4],
	    .udp6 = n->udp[MESH_NETCHECK_V6],
	    .mapping_varies = n->mapping_varies,
	    .home = p->home,
	};
	if (n->seen_count[MESH_NETCHECK_V4] > 0)
		i->public4 = n->seen[MESH_NETCHECK_V4][0].ep;
	if (n->seen_count[MESH_NETCHECK_V6] > 0)
		i->public6 = n->seen[MESH_NETCHECK_V6][0].ep;
}

/* What follows from a measurement, or from there being none to make. */
static void
conclude(struct mesh_path *p, struct mesh_time now)
{
	p->measured = now;
	choose_home(p);
	note_endpoints(p, now);
}

void
mesh_path_measure_due(struct mesh_path *p, bool full, struct mesh_time now)
{
	if (p->netcheck.running) {
		p->again |= full;
		return;
	}
	p->again = false;
	if (mesh_netcheck_start(&p->netcheck, full, p->up4, p->up6, p->home,
		now))
		send_probes(p, now);
	else if (p->has_link)
		conclude(p, now);
}

void
mesh_path_measure_pump(struct mesh_path *p, struct mesh_time now)
{
	send_probes(p, now);
	if (!mesh_netcheck_tick(&p->netcheck, now))
		return;
	conclude(p, now);
	fill_netinfo(p);
	p->tell_netinfo = true;
	if (p->again)
		mesh_path_measure_due(p, true, now);
}

void
mesh_path_measure_soon(struct mesh_path *p, struct mesh_time now)
{
	uint64_t wait = RESTUN_MIN_NS + mesh_drbg_u32(&p->random) %
					    (RESTUN_SPREAD_NS / MESH_MS) *
					    MESH_MS;

	if (mesh_time_is_never(p->measure.at))
		mesh_path_timer_set(&p->timers, &p->measure,
		    mesh_time_add(now, wait));
}

void
mesh_path_measure_tick(struct mesh_path *p, struct mesh_time now)
{
	mesh_path_timer_set(&p->timers, &p->measure, MESH_NEVER);
	if (ago(p->sent, now) > MESH_PATH_ACTIVE_NS || p->peers.count == 0)
		return;
	mesh_path_measure_due(p, false, now);
	mesh_path_measure_soon(p, now);
}

void
mesh_path_measure(struct mesh_path *p, struct mesh_time now)
{
	mesh_path_measure_due(p, true, now);
	if (!p->netcheck.running)
		p->tell_netinfo = true; /* nothing to measure: say so */
}

int
mesh_path_stun(struct mesh_path *p, const void *data, size_t len,
    struct mesh_time now)
{
	struct mesh_stun_txid txid;
	struct mesh_endpoint seen;
	bool is_new;

	if (mesh_stun_response_parse(data, len, &txid, &seen) < 0) {
		p->stats.dropped_malformed++;
		return MESH_ERR_FORMAT;
	}
	if (mesh_netcheck_answer(&p->netcheck, &txid, &seen, now, &is_new) <
	    0) {
		p->stats.dropped_stray++;
		return MESH_ERR_STRAY;
	}
	if (is_new)
		note_endpoints(p, now);
	mesh_path_measure_pump(p, now);
	return MESH_OK;
}

void
mesh_path_netinfo(const struct mesh_path *p, struct mesh_path_netinfo *out)
{
	*out = p->netinfo;
}

bool
mesh_path_latency_next(const struct mesh_path *p, size_t *pos,
    struct mesh_path_latency *out)
{
	const struct mesh_netcheck *n = &p->netcheck;

	if (*pos >= n->region_count)
		return false;
	*out = (struct mesh_path_latency){
	    .region = n->homes[*pos].id,
	    .ns4 = n->regions[*pos].last_ns[MESH_NETCHECK_V4],
	    .ns6 = n->regions[*pos].last_ns[MESH_NETCHECK_V6],
	};
	(*pos)++;
	return true;
}
