/* SPDX-License-Identifier: ISC
 * route.c - the way of a packet: asked for each batch, so short.
 */
#include "path/int.h"

#include "wire/sniff.h"

static bool
is_up(const struct mesh_path *p, const struct mesh_endpoint *ep)
{
	return ep->port != 0 && (mesh_ip_is4(&ep->ip) ? p->up4 : p->up6);
}

/* The first usable candidate of those that stand *behind or more places behind
 * the best in the list, which is a ring; *behind becomes its place. */
static const struct candidate *
candidate_behind(const struct mesh_path *p, const struct mesh_path_peer *peer,
    size_t *behind)
{
	const struct candidate *at = mesh_path_candidate(peer, &peer->best.ep);
	size_t n = peer->candidate_count;
	size_t best = at != NULL ? (size_t)(at - peer->candidates) : n - 1;

	for (; *behind <= n; ++*behind) {
		const struct candidate *c =
		    &peer->candidates[(best + *behind) % n];

		if (is_up(p, &c->ep))
			return c;
	}
	return NULL;
}

static const struct candidate *
next_candidate(const struct mesh_path *p, const struct mesh_path_peer *peer)
{
	size_t behind = 1;

	return peer->candidate_count > 0 ? candidate_behind(p, peer, &behind)
					 : NULL;
}

/* A peer that speaks plain WireGuard: the endpoint that worked last, and after
 * a silence one after the other, until it is heard from one. `round` counts the
 * choices since. */
static int
route_wg_only(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now, struct mesh_path_route *out)
{
	if (!mesh_path_trusted(peer, now)) {
		const struct candidate *c =
		    peer->round++ == 0 && is_up(p, &peer->best.ep)
			? mesh_path_candidate(peer, &peer->best.ep)
			: next_candidate(p, peer);

		if (c == NULL)
			return MESH_ERR_NOTFOUND;
		if (!mesh_endpoint_eq(&peer->best.ep, &c->ep))
			mesh_path_peer_changed(p, peer);
		peer->best.ep = c->ep;
		peer->trust_until = mesh_time_add(now, WG_ONLY_GUESS_NS);
	}
	*out = (struct mesh_path_route){.udp = peer->best.ep};
	return MESH_OK;
}

int
mesh_path_route(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now, struct mesh_path_route *out)
{
	struct mesh_path_route r = {.region = 0};

	if (peer->expired)
		return MESH_ERR_EXPIRED;
	mesh_path_touch(p, peer, now);
	if (peer->wg_only)
		return route_wg_only(p, peer, now, out);
	if (!mesh_path_trusted(peer, now))
		mesh_path_take_other(p, peer, now);
	if (is_up(p, &peer->best.ep))
		r.udp = peer->best.ep;
	if (r.udp.port == 0 || !mesh_path_trusted(peer, now)) {
		r.region = mesh_path_peer_relay(p, peer);
		mesh_path_search_if_due(p, peer, now);
	}
	if (r.udp.port == 0 && r.region == 0)
		return MESH_ERR_NOTFOUND;
	*out = r;
	return MESH_OK;
}

size_t
mesh_path_elsewhere(const struct mesh_path *p,
    const struct mesh_path_peer *peer,
    struct mesh_endpoint out[static MESH_PATH_ELSEWHERE_MAX])
{
	const struct candidate *c;
	size_t count = 0;

	if (!peer->wg_only || peer->round == 0 || peer->candidate_count == 0)
		return 0;
	for (size_t behind = 1;
	     count < MESH_PATH_ELSEWHERE_MAX &&
	     (c = candidate_behind(p, peer, &behind)) != NULL;
	     behind++)
		if (!mesh_endpoint_eq(&peer->best.ep, &c->ep))
			out[count++] = c->ep;
	return count;
}

void
mesh_path_received_udp(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_endpoint *from, struct mesh_time now)
{
	struct candidate *c;

	if (!peer->wg_only)
		return;
	if (!mesh_endpoint_eq(&peer->best.ep, from)) {
		c = mesh_path_candidate_add(p, peer, from, FROM_PING, now);
		if (c == NULL)
			return;
		c->bound = mesh_path_bind(p, from, peer);
		peer->best.ep = *from;
		mesh_path_peer_changed(p, peer);
		mesh_path_candidates_expire(p, peer, now);
	}
	peer->round = 0;
	peer->trust_until = mesh_time_add(now, WG_ONLY_TRUST_NS);
}

void
mesh_path_received_relay(struct mesh_path *p, struct mesh_path_peer *peer,
    uint16_t region, struct mesh_time now)
{
	(void)p;
	(void)now;
	if (!peer->wg_only)
		peer->learned = region;
}

void
mesh_path_unreachable(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_endpoint *to, struct mesh_time now)
{
	struct candidate *c = mesh_path_candidate(peer, to);

	if (c != NULL)
		c->answered = MESH_NEVER;
	if (!mesh_endpoint_eq(&peer->best.ep, to))
		return;
	mesh_path_clear_best(p, peer);
	mesh_path_search_if_due(p, peer, now);
}

enum mesh_path_datagram
mesh_path_sniff(const void *data, size_t len)
{
	switch (mesh_sniff(data, len)) {
	case MESH_SNIFF_STUN:
		return MESH_PATH_STUN;
	case MESH_SNIFF_DISCO:
		return MESH_PATH_DISCO;
	default:
		return MESH_PATH_OTHER;
	}
}

void
mesh_path_status(const struct mesh_path *p, const struct mesh_path_peer *peer,
    struct mesh_time now, struct mesh_path_status *out)
{
	*out = (struct mesh_path_status){
	    .active = ago(peer->sent, now) <= MESH_PATH_ACTIVE_NS,
	    .direct = peer->best.ep,
	    .trusted = mesh_path_trusted(peer, now),
	    .latency_ns = peer->best.latency_ns,
	    .region = mesh_path_peer_relay(p, peer),
	    .candidates = peer->candidate_count,
	};
	if (peer->identity != NULL)
		out->disco = peer->identity->key;
}
