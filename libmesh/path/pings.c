/* SPDX-License-Identifier: ISC
 * pings.c - pings that the user asked for. They have no packets of their own:
 * the first pong of the peer to any ping that was sent since counts.
 */
#include "path/int.h"

static void
finish(struct user_ping *u, int err)
{
	u->done = true;
	u->result = (struct mesh_path_action){
	    .kind = MESH_PATH_PONG,
	    .peer = u->peer,
	    .id = u->id,
	    .err = err,
	};
}

int
mesh_path_ping(struct mesh_path *p, struct mesh_path_peer *peer, uint64_t id,
    struct mesh_time now)
{
	const struct mesh_endpoint by_relay = {.port = 0};
	uint16_t region = mesh_path_peer_relay(p, peer);
	bool trusted = mesh_path_trusted(peer, now);

	if (peer->expired)
		return MESH_ERR_EXPIRED;
	if (peer->identity == NULL || peer->wg_only ||
	    (peer->candidate_count == 0 && region == 0))
		return MESH_ERR_NOTFOUND;
	if (p->ping_count == MESH_PATH_PINGS_MAX)
		return MESH_ERR_LIMIT;
	p->pings[p->ping_count++] =
	    (struct user_ping){.id = id, .peer = peer, .sent = now};
	mesh_path_touch(p, peer, now);
	if (peer->best.ep.port != 0)
		mesh_path_send_ping(p, peer, &peer->best.ep, 0, now);
	if (!trusted && region != 0)
		mesh_path_send_ping(p, peer, &by_relay, region, now);
	if (!trusted)
		mesh_path_search_if_due(p, peer, now);
	return MESH_OK;
}

void
mesh_path_pings_done(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct flight *f, struct mesh_time now)
{
	for (size_t i = 0; i < p->ping_count; i++) {
		struct user_ping *u = &p->pings[i];

		if (u->done || u->peer != peer || u->sent.ns > f->sent.ns)
			continue;
		finish(u, MESH_OK);
		u->result.to = f->to;
		u->result.region = f->to.port == 0 ? f->region : 0;
		u->result.latency_ns = mesh_time_since(f->sent, now);
	}
}

void
mesh_path_pings_end(struct mesh_path *p, const struct mesh_path_peer *peer)
{
	for (size_t i = 0; i < p->ping_count; i++) {
		struct user_ping *u = &p->pings[i];

		if (u->peer != peer)
			continue;
		u->peer = NULL;
		u->result.peer = NULL;
		if (!u->done)
			finish(u, MESH_ERR_NOTFOUND);
	}
}

void
mesh_path_pings_expire(struct mesh_path *p, struct mesh_time now)
{
	for (size_t i = 0; i < p->ping_count; i++) {
		struct user_ping *u = &p->pings[i];

		if (!u->done &&
		    mesh_time_since(u->sent, now) >= MESH_PATH_PONG_TIMEOUT_NS)
			finish(u, MESH_ERR_TIMEOUT);
	}
}

bool
mesh_path_pings_next(struct mesh_path *p, struct mesh_path_action *out)
{
	for (size_t i = 0; i < p->ping_count; i++) {
		if (!p->pings[i].done)
			continue;
		*out = p->pings[i].result;
		p->ping_count--;
		memmove(&p->pings[i], &p->pings[i + 1],
		    (p->ping_count - i) * sizeof(p->pings[0]));
		return true;
	}
	return false;
}

struct mesh_time
mesh_path_pings_deadline(const struct mesh_path *p)
{
	for (size_t i = 0; i < p->ping_count; i++) {
		if (!p->pings[i].done)
			return mesh_time_add(p->pings[i].sent,
			    MESH_PATH_PONG_TIMEOUT_NS);
	}
	return MESH_NEVER;
}
