/* SPDX-License-Identifier: ISC
 * candidate.c - addresses at which a peer might be reached: said by control, by
 * the peer itself, or seen as the source of its pings.
 */
#include "path/int.h"

#define CANDIDATES_FIRST 4u

/* May a disco ping be sent there at all? An address out of a call is the peer's
 * word alone: it must not make us talk to our own host or link. */
static bool
is_acceptable(const struct mesh_endpoint *ep, enum candidate_source from)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};
	const struct mesh_ip *ip = &ep->ip;
	bool is4 = mesh_ip_is4(ip);

	if (ep->port == 0 || mesh_ip_is_none(ip) || mesh_ip_is_multicast(ip))
		return false;
	if (is4 &&
	    (mesh_ip_bytes4(ip)[0] == 0 ||
		!memcmp(mesh_ip_bytes4(ip), broadcast, sizeof(broadcast))))
		return false;
	if (!is4 && mesh_ip_is_mesh(ip))
		return false;
	return from != FROM_CALL ||
	       !(mesh_ip_is_loopback(ip) || (!is4 && mesh_ip_is_linklocal(ip)));
}

struct candidate *
mesh_path_candidate(const struct mesh_path_peer *peer,
    const struct mesh_endpoint *ep)
{
	for (size_t i = 0; i < peer->candidate_count; i++) {
		if (mesh_endpoint_eq(&peer->candidates[i].ep, ep))
			return &peer->candidates[i];
	}
	return NULL;
}

static void
drop(struct mesh_path *p, struct mesh_path_peer *peer, size_t i)
{
	struct candidate *c = &peer->candidates[i];

	if (mesh_endpoint_eq(&peer->best.ep, &c->ep))
		mesh_path_clear_best(p, peer);
	if (c->bound)
		mesh_path_unbind(p, &c->ep, peer);
	*c = peer->candidates[--peer->candidate_count];
}

/* Makes room by dropping the one that was least lately of use. What control
 * says, and the best path, stay. */
static bool
evict(struct mesh_path *p, struct mesh_path_peer *peer)
{
	size_t worst = SIZE_MAX;
	uint64_t worst_at = 0;

	for (size_t i = 0; i < peer->candidate_count; i++) {
		const struct candidate *c = &peer->candidates[i];
		uint64_t at =
		    mesh_time_is_never(c->answered) ? 0 : c->answered.ns;

		if ((c->from & FROM_NETMAP) != 0 ||
		    mesh_endpoint_eq(&peer->best.ep, &c->ep))
			continue;
		if (worst == SIZE_MAX || at < worst_at) {
			worst = i;
			worst_at = at;
		}
	}
	if (worst == SIZE_MAX)
		return false;
	drop(p, peer, worst);
	return true;
}

static bool
make_room(struct mesh_path *p, struct mesh_path_peer *peer)
{
	size_t cap = peer->candidate_cap;

	if (peer->candidate_count == MESH_PATH_CANDIDATES_MAX) {
		p->stats.dropped_limit++;
		return evict(p, peer);
	}
	if (peer->candidate_count < cap)
		return true;
	cap = cap > 0 ? cap * 2 : CANDIDATES_FIRST;
	struct candidate *v = reallocarray(peer->candidates, cap, sizeof(*v));
	if (v == NULL)
		return false;
	peer->candidates = v;
	peer->candidate_cap = cap;
	return true;
}

struct candidate *
mesh_path_candidate_add(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_endpoint *ep, enum candidate_source from,
    struct mesh_time now)
{
	struct candidate *c = mesh_path_candidate(peer, ep);

	if (!is_acceptable(ep, from))
		return NULL;
	if (c == NULL) {
		if (!make_room(p, peer))
			return NULL;
		c = &peer->candidates[peer->candidate_count++];
		*c = (struct candidate){
		    .ep = *ep,
		    .pinged = MESH_NEVER,
		    .got_ping = MESH_NEVER,
		    .answered = MESH_NEVER,
		};
	}
	c->from |= (uint8_t)from;
	if (from == FROM_PING)
		c->got_ping = now;
	return c;
}

static void
drop_sourceless(struct mesh_path *p, struct mesh_path_peer *peer)
{
	for (size_t i = peer->candidate_count; i > 0; i--) {
		if (peer->candidates[i - 1].from == 0)
			drop(p, peer, i - 1);
	}
}

bool
mesh_path_candidates_replace(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_endpoint *eps, size_t count, enum candidate_source from,
    struct mesh_time now)
{
	bool learnt = false;

	for (size_t i = 0; i < peer->candidate_count; i++)
		peer->candidates[i].from &= (uint8_t)~from;
	for (size_t i = 0; i < count; i++) {
		bool is_new = mesh_path_candidate(peer, &eps[i]) == NULL;
		struct candidate *c =
		    mesh_path_candidate_add(p, peer, &eps[i], from, now);

		learnt |= is_new && c != NULL;
		if (c != NULL && peer->wg_only)
			c->bound = mesh_path_bind(p, &c->ep, peer);
	}
	drop_sourceless(p, peer);
	return learnt;
}

void
mesh_path_candidates_expire(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	for (size_t i = 0; i < peer->candidate_count; i++) {
		struct candidate *c = &peer->candidates[i];

		if (ago(c->got_ping, now) >= CANDIDATE_LIFE_NS &&
		    !mesh_endpoint_eq(&peer->best.ep, &c->ep))
			c->from &= (uint8_t)~FROM_PING;
	}
	drop_sourceless(p, peer);
}

void
mesh_path_candidates_clear(struct mesh_path *p, struct mesh_path_peer *peer)
{
	while (peer->candidate_count > 0)
		drop(p, peer, peer->candidate_count - 1);
	free(peer->candidates);
	peer->candidates = NULL;
	peer->candidate_cap = 0;
}
