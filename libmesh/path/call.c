/* SPDX-License-Identifier: ISC
 * call.c - call-me-maybe: by relay, "here is where I am, ping me; I ping you".
 */
#include "path/int.h"

static void
send_call(struct mesh_path *p, struct mesh_path_peer *peer)
{
	struct out o = {.kind = OUT_CALL,
	    .peer = peer,
	    .region = mesh_path_peer_relay(p, peer)};

	if (o.region == 0 || p->endpoints.count == 0)
		return;
	peer->told = p->generation;
	mesh_path_push(p, &o);
}

/* What is known is said at once; if it may be out of date, it is measured and
 * said again should it prove wrong. */
void
mesh_path_call(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	if (mesh_path_peer_relay(p, peer) == 0)
		return;
	send_call(p, peer);
	if (mesh_path_endpoints_fresh(p, now))
		return;
	mesh_list_remove(&peer->owed);
	mesh_list_append(&p->owed, &peer->owed);
	mesh_path_measure_due(p, false, now);
}

/* The peer called: it pings us now. If it does not know where we are, say so.
 */
void
mesh_path_call_back(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now)
{
	if (mesh_path_endpoints_fresh(p, now)) {
		if (peer->told != p->generation)
			send_call(p, peer);
		return;
	}
	mesh_list_remove(&peer->owed);
	mesh_list_append(&p->owed, &peer->owed);
	mesh_path_measure_due(p, false, now);
}

void
mesh_path_call_owed(struct mesh_path *p, struct mesh_time now)
{
	for (struct mesh_list *l = p->owed.next, *next; l != &p->owed;
	     l = next) {
		struct mesh_path_peer *peer =
		    MESH_CONTAINER(l, struct mesh_path_peer, owed);

		next = l->next;
		if (!mesh_path_trusted(peer, now) &&
		    peer->told != p->generation)
			send_call(p, peer);
		if (!p->netcheck.running)
			mesh_list_remove(&peer->owed);
	}
}
