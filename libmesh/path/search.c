/* SPDX-License-Identifier: ISC
 * search.c - a peer's direct path: pings to its candidates, the best of those
 * that answered, trust in it, heartbeats while there is traffic.
 *
 * A sweep pings all candidates. A search is a few sweeps in short order: both
 * sides must have sent before either's NAT lets the other in, and packets get
 * lost. Between searches there is one sweep each 5 s, as stock nodes do it.
 */
#include "path/int.h"

#define BURST_AGAIN_NS (30 * MESH_SEC) /* a search without anything learnt */

static const uint64_t round_gaps[SEARCH_ROUNDS - 1] = {
    150 * MESH_MS, 300 * MESH_MS, 600 * MESH_MS};

bool
mesh_path_trusted(const struct mesh_path_peer *peer, struct mesh_time now)
{
	return peer->best.ep.port != 0 && now.ns < peer->trust_until.ns;
}

static bool
can_search(const struct mesh_path_peer *peer)
{
	return peer->identity != NULL && !peer->expired && !peer->wg_only;
}

void
mesh_path_peer_arm(struct mesh_path *p, struct mesh_path_peer *peer)
{
	struct mesh_time at = mesh_time_min(peer->heartbeat, peer->round_at);

	at = mesh_time_min(at, peer->beat_again);
	if (peer->flight_count > 0)
		at = mesh_time_min(at, mesh_time_add(peer->flights[0].sent,
					   MESH_PATH_PONG_TIMEOUT_NS));
	mesh_path_timer_set(&p->timers, &peer->timer, at);
}

static void
drop_flight(struct mesh_path_peer *peer, size_t i)
{
	peer->flight_count--;
	memmove(&peer->flights[i], &peer->flights[i + 1],
	    (peer->flight_count - i) * sizeof(peer->flights[0]));
}

static struct flight *
new_flight(struct mesh_path_peer *peer)
{
	size_t cap = peer->flight_cap;

	if (peer->flight_count == FLIGHT_MAX)
		drop_flight(peer, 0);
	if (peer->flight_count == cap) {
		cap = cap > 0 ? cap * 2 : 8;
		struct flight *v = reallocarray(peer->flights, cap, sizeof(*v));
		if (v == NULL)
			return NULL;
		peer->flights = v;
		peer->flight_cap = cap;
	}
	return &peer->flights[peer->flight_count++];
}

void
mesh_path_send_ping(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_endpoint *to, uint16_t region, struct mesh_time now)
{
	struct out o = {
	    .kind = OUT_PING, .peer = peer, .to = *to, .region = region};
	struct flight *f = new_flight(peer);

	if (f == NULL)
		return;
	mesh_drbg_bytes(&p->random, o.txid, sizeof(o.txid));
	*f = (struct flight){.to = *to, .region = region, .sent = now};
	memcpy(f->txid.b, o.txid, sizeof(o.txid));
	mesh_path_push(p, &o);
	mesh_path_peer_arm(p, peer);
}

bool
mesh_path_land(struct mesh_path_peer *peer, const struct mesh_disco_txid *txid,
    struct flight *out)
{
	for (size_t i = 0; i < peer->flight_count; i++) {
		if (memcmp(&peer->flights[i].txid, txid, sizeof(*txid)) != 0)
			continue;
		*out = peer->flights[i];
		drop_flight(peer, i);
		return true;
	}
	return false;
}

static bool
family_is_up(const struct mesh_path *p, const struct mesh_endpoint *ep)
{
	return mesh_ip_is4(&ep->ip) ? p->up4 : p->up6;
}

static void
ping_candidate(struct mesh_path *p, struct mesh_path_peer *peer,
    struct candidate *c, struct mesh_time now)
{
	if (!family_is_up(p, &c->ep))
		return;
	c->pinged = now;
	mesh_path_send_ping(p, peer, &c->ep, 0, now);
}

/* Pings every candidate that was not pinged within gap_ns, and has not answered
 * since. */
static void
sweep(struct mesh_path *p, struct mesh_path_peer *peer, uint64_t gap_ns,
    struct mesh_time since, struct mesh_time now)
{
	peer->swept = now;
	mesh_path_candidates_expire(p, peer, now);
	for (size_t i = 0; i < peer->candidate_count; i++) {
		struct candidate *c = &peer->candidates[i];
		bool answered = !mesh_time_is_never(since) &&
				!mesh_time_is_never(c->answered) &&
				c->answered.ns >= since.ns;

		if (!answered && ago(c->pinged, now) >= gap_ns)
			ping_candidate(p, peer, c, now);
	}
}

static void
next_round(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	unsigned r = peer->round++;

	sweep(p, peer, QUICK_GAP_NS, peer->search_began, now);
	peer->round_at = r < SEARCH_ROUNDS - 1
			     ? mesh_time_add(now, round_gaps[r])
			     : MESH_NEVER;
	mesh_path_peer_arm(p, peer);
}

bool
mesh_path_search(struct mesh_path *p, struct mesh_path_peer *peer, bool call,
    struct mesh_time now)
{
	if (!can_search(peer))
		return false;
	if (!mesh_ratelimit_allow(&peer->searches, now)) {
		p->stats.dropped_limit++;
		return false;
	}
	peer->search_began = now;
	peer->round = 0;
	next_round(p, peer, now);
	if (call)
		mesh_path_call(p, peer, now);
	return true;
}

void
mesh_path_search_if_due(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	if (!can_search(peer) || !mesh_time_is_never(peer->round_at) ||
	    ago(peer->swept, now) < MESH_PATH_PING_GAP_NS)
		return;
	if (!mesh_path_trusted(peer, now) &&
	    ago(peer->search_began, now) >= BURST_AGAIN_NS) {
		mesh_path_search(p, peer, true, now);
		return;
	}
	sweep(p, peer, MESH_PATH_PING_GAP_NS, MESH_NEVER, now);
	mesh_path_call(p, peer, now);
}

void
mesh_path_ping_back(struct mesh_path *p, struct mesh_path_peer *peer,
    struct candidate *c, struct mesh_time now)
{
	bool known = !mesh_time_is_never(c->answered);

	if (!can_search(peer) || ago(c->pinged, now) < PING_BACK_GAP_NS ||
	    (known && mesh_path_trusted(peer, now)))
		return;
	if (mesh_ratelimit_allow(&peer->pings_back, now))
		ping_candidate(p, peer, c, now);
	else
		p->stats.dropped_limit++;
}

void
mesh_path_clear_best(struct mesh_path *p, struct mesh_path_peer *peer)
{
	if (peer->best.ep.port == 0)
		return;
	peer->best = (struct mesh_path_way){.latency_ns = 0};
	peer->trust_until = (struct mesh_time){0};
	mesh_path_peer_changed(p, peer);
}

void
mesh_path_touch(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	peer->sent = p->sent = now;
	if (!mesh_time_is_never(peer->heartbeat) || peer->wg_only)
		return;
	peer->heartbeat = mesh_time_add(now, MESH_PATH_HEARTBEAT_NS);
	mesh_list_append(&p->active, &peer->active);
	mesh_path_peer_arm(p, peer);
	mesh_path_measure_soon(p, now);
}

void
mesh_path_got_pong(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct flight *f, const struct mesh_endpoint *from,
    struct mesh_time now)
{
	struct mesh_path_way way = {f->to, mesh_time_since(f->sent, now)};
	struct candidate *c = mesh_path_candidate(peer, &f->to);
	struct candidate *source = mesh_path_candidate(peer, from);

	if (c == NULL || source == NULL)
		return;
	c->answered = now;
	c->latency_ns = way.latency_ns;
	source->bound = mesh_path_bind(p, from, peer);
	if (mesh_path_better(&way, &peer->best) ||
	    !mesh_path_trusted(peer, now)) {
		if (!mesh_endpoint_eq(&peer->best.ep, &way.ep))
			mesh_path_peer_changed(p, peer);
		peer->best = way;
	}
	if (mesh_endpoint_eq(&peer->best.ep, &way.ep)) {
		peer->beat_again = MESH_NEVER;
		peer->best.latency_ns = way.latency_ns;
		peer->trust_until = mesh_time_add(now, MESH_PATH_TRUST_NS);
	}
	mesh_path_peer_arm(p, peer);
}

void
mesh_path_doubt(struct mesh_path_peer *peer, struct mesh_time now)
{
	uint64_t ns = peer->best.latency_ns * 4;

	peer->trust_until = mesh_time_min(peer->trust_until,
	    mesh_time_add(now, ns > DOUBT_NS ? ns : DOUBT_NS));
}

void
mesh_path_take_other(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	const struct candidate *old = mesh_path_candidate(peer, &peer->best.ep);
	const struct candidate *other = NULL;

	for (size_t i = 0; i < peer->candidate_count; i++) {
		const struct candidate *c = &peer->candidates[i];
		bool later = old == NULL || mesh_time_is_never(old->answered) ||
			     c->answered.ns > old->answered.ns;

		if (ago(c->answered, now) < MESH_PATH_TRUST_NS && later &&
		    (other == NULL || c->answered.ns > other->answered.ns))
			other = c;
	}
	if (other == NULL)
		return;
	peer->best = (struct mesh_path_way){other->ep, other->latency_ns};
	peer->trust_until = mesh_time_add(other->answered, MESH_PATH_TRUST_NS);
	mesh_path_peer_changed(p, peer);
}

static bool
wants_sweep(const struct mesh_path_peer *peer, struct mesh_time now)
{
	return !mesh_path_trusted(peer, now) ||
	       mesh_time_is_never(peer->swept) ||
	       (peer->best.latency_ns > MESH_PATH_GOOD_NS &&
		   ago(peer->swept, now) >= MESH_PATH_UPGRADE_NS);
}

/* Pings the path in use, until it answers or is replaced. */
static void
ping_best(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	struct candidate *c = mesh_path_candidate(peer, &peer->best.ep);

	peer->beat_again = MESH_NEVER;
	if (c == NULL)
		return;
	peer->beat_again = mesh_time_add(now, BEAT_AGAIN_NS);
	ping_candidate(p, peer, c, now);
}

static void
beat(struct mesh_path *p, struct mesh_path_peer *peer, struct mesh_time now)
{
	if (ago(peer->sent, now) > MESH_PATH_ACTIVE_NS || !can_search(peer)) {
		peer->heartbeat = peer->beat_again = MESH_NEVER;
		mesh_list_remove(&peer->active);
		return;
	}
	peer->heartbeat = mesh_time_add(now, MESH_PATH_HEARTBEAT_NS);
	ping_best(p, peer, now);
	if (wants_sweep(peer, now))
		mesh_path_search_if_due(p, peer, now);
}

/* Pings that nobody answered; a path that they were sent to is lost. */
static void
expire_flights(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	while (peer->flight_count > 0 &&
	       mesh_time_since(peer->flights[0].sent, now) >=
		   MESH_PATH_PONG_TIMEOUT_NS) {
		struct mesh_endpoint to = peer->flights[0].to;

		drop_flight(peer, 0);
		if (mesh_endpoint_eq(&peer->best.ep, &to) &&
		    !mesh_path_trusted(peer, now))
			mesh_path_clear_best(p, peer);
	}
}

/* Has the search found what it was for: has the best path answered since? */
static bool
is_found(const struct mesh_path_peer *peer, struct mesh_time now)
{
	const struct candidate *c = mesh_path_candidate(peer, &peer->best.ep);

	return mesh_path_trusted(peer, now) && c != NULL &&
	       !mesh_time_is_never(c->answered) &&
	       c->answered.ns >= peer->search_began.ns;
}

void
mesh_path_peer_tick(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	expire_flights(p, peer, now);
	if (!mesh_path_trusted(peer, now))
		mesh_path_take_other(p, peer, now);
	if (mesh_time_due(peer->round_at, now)) {
		if (!can_search(peer) || is_found(peer, now))
			peer->round_at = MESH_NEVER;
		else
			next_round(p, peer, now);
	}
	if (mesh_time_due(peer->heartbeat, now))
		beat(p, peer, now);
	else if (mesh_time_due(peer->beat_again, now))
		ping_best(p, peer, now);
	mesh_path_peer_arm(p, peer);
}
