/* SPDX-License-Identifier: ISC
 * peer.c - the table of peers: by node key, by disco key, by address; and what
 * the netmap says of them.
 */
#include "path/int.h"

#include "base/secret.h"

struct address_key {
	uint8_t b[18];
};

static struct address_key
address_key(const struct mesh_endpoint *ep)
{
	struct address_key k;

	memcpy(k.b, ep->ip.b, sizeof(ep->ip.b));
	k.b[16] = (uint8_t)(ep->port >> 8);
	k.b[17] = (uint8_t)ep->port;
	return k;
}

bool
mesh_path_bind(struct mesh_path *p, const struct mesh_endpoint *ep,
    struct mesh_path_peer *peer)
{
	struct address_key k = address_key(ep);

	return mesh_map_put(&p->addresses, k.b, peer) == MESH_OK;
}

void
mesh_path_unbind(struct mesh_path *p, const struct mesh_endpoint *ep,
    const struct mesh_path_peer *peer)
{
	struct address_key k = address_key(ep);

	if (mesh_map_get(&p->addresses, k.b) == peer)
		mesh_map_remove(&p->addresses, k.b);
}

struct mesh_path_peer *
mesh_path_peer_at(const struct mesh_path *p, const struct mesh_endpoint *from)
{
	struct address_key k = address_key(from);

	return mesh_map_get(&p->addresses, k.b);
}

struct mesh_path_peer *
mesh_path_peer_find(const struct mesh_path *p, const struct mesh_node_key *node)
{
	return mesh_map_get(&p->peers, node->b);
}

size_t
mesh_path_peer_count(const struct mesh_path *p)
{
	return p->peers.count;
}

struct mesh_path_peer *
mesh_path_peer_next(const struct mesh_path *p, size_t *pos)
{
	return mesh_map_next(&p->peers, pos, NULL);
}

struct mesh_node_key
mesh_path_peer_node(const struct mesh_path_peer *peer)
{
	return peer->node;
}

void
mesh_path_peer_set_user(struct mesh_path_peer *peer, void *user)
{
	peer->user = user;
}

void *
mesh_path_peer_user(const struct mesh_path_peer *peer)
{
	return peer->user;
}

void
mesh_path_peer_changed(struct mesh_path *p, struct mesh_path_peer *peer)
{
	mesh_list_remove(&peer->changed);
	mesh_list_append(&p->changed, &peer->changed);
}

/* An open connection to the peer's home; else an open one by which it was
 * heard; else its home, to be opened. */
uint16_t
mesh_path_peer_relay(const struct mesh_path *p,
    const struct mesh_path_peer *peer)
{
	bool home_up = mesh_path_relay_is_up(p, peer->home);
	bool learned_up = mesh_path_relay_is_up(p, peer->learned);

	if (peer->wg_only)
		return 0;
	if (peer->home == 0 || (!home_up && learned_up))
		return peer->learned;
	return peer->home;
}

/* --- disco keys ---------------------------------------------------------- */

void
mesh_path_unidentify(struct mesh_path *p, struct mesh_path_peer *peer)
{
	struct identity *id = peer->identity;

	if (id == NULL)
		return;
	mesh_list_remove(&peer->same);
	peer->identity = NULL;
	if (--id->count > 0)
		return;
	mesh_map_remove(&p->identities, id->key.b);
	mesh_wipe(id, sizeof(*id));
	free(id);
}

static int
new_identity(struct mesh_path *p, const struct mesh_disco_key *key,
    struct identity **out)
{
	struct identity *id = calloc(1, sizeof(*id));
	int err;

	if (id == NULL)
		return MESH_ERR_NOMEM;
	id->key = *key;
	id->state = BOX_NOT_YET;
	mesh_list_init(&id->peers);
	err = mesh_map_put(&p->identities, key->b, id);
	if (err < 0)
		free(id);
	else
		*out = id;
	return err;
}

int
mesh_path_identify(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_disco_key *key)
{
	struct identity *id = mesh_map_get(&p->identities, key->b);
	int err = MESH_OK;

	if (id == NULL)
		err = new_identity(p, key, &id);
	if (err < 0)
		return err;
	mesh_path_unidentify(p, peer);
	peer->identity = id;
	id->count++;
	mesh_list_append(&id->peers, &peer->same);
	return MESH_OK;
}

/* --- life ---------------------------------------------------------------- */

static void
init_peer(struct mesh_path_peer *peer, const struct mesh_node_key *node)
{
	peer->node = *node;
	mesh_list_init(&peer->same);
	mesh_list_init(&peer->active);
	mesh_list_init(&peer->changed);
	mesh_list_init(&peer->owed);
	peer->sent = peer->heartbeat = peer->beat_again = MESH_NEVER;
	peer->swept = peer->search_began = peer->round_at = MESH_NEVER;
	peer->searches = mesh_ratelimit_init(SEARCH_BURST, SEARCH_EVERY_NS);
	peer->pings_back =
	    mesh_ratelimit_init(PING_BACK_BURST, PING_BACK_EVERY_NS);
	mesh_path_timer_init(&peer->timer);
}

static int
new_peer(struct mesh_path *p, const struct mesh_node_key *node,
    struct mesh_path_peer **out)
{
	struct mesh_path_peer *peer;
	int err;

	/* One timer each, and the one for measuring. */
	err = mesh_path_timers_reserve(&p->timers, p->peers.count + 2);
	if (err < 0)
		return err;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return MESH_ERR_NOMEM;
	init_peer(peer, node);
	err = mesh_map_put(&p->peers, node->b, peer);
	if (err < 0)
		free(peer);
	else
		*out = peer;
	return err;
}

static void
free_peer(struct mesh_path *p, struct mesh_path_peer *peer)
{
	mesh_path_candidates_clear(p, peer);
	mesh_path_unidentify(p, peer);
	mesh_path_timer_set(&p->timers, &peer->timer, MESH_NEVER);
	mesh_list_remove(&peer->active);
	mesh_list_remove(&peer->changed);
	mesh_list_remove(&peer->owed);
	free(peer->flights);
	free(peer);
}

void
mesh_path_peer_remove(struct mesh_path *p, struct mesh_path_peer *peer)
{
	mesh_path_pings_end(p, peer);
	mesh_path_queue_forget(p, peer);
	mesh_map_remove(&p->peers, peer->node.b);
	free_peer(p, peer);
}

void
mesh_path_peers_release(struct mesh_path *p)
{
	struct mesh_path_peer *peer;
	size_t pos = 0;

	while ((peer = mesh_map_next(&p->peers, &pos, NULL)) != NULL)
		free_peer(p, peer);
	mesh_map_release(&p->peers);
	mesh_map_release(&p->identities);
	mesh_map_release(&p->addresses);
}

/* --- what the netmap says ------------------------------------------------ */

static int
set_disco(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_disco_key *key, bool *learnt)
{
	if (mesh_disco_key_is_zero(key)) {
		mesh_path_unidentify(p, peer);
		return MESH_OK;
	}
	if (peer->identity != NULL &&
	    mesh_disco_key_equal(&peer->identity->key, key))
		return MESH_OK;
	*learnt = true;
	return mesh_path_identify(p, peer, key);
}

static bool
is_active(const struct mesh_path_peer *peer)
{
	return !mesh_time_is_never(peer->heartbeat);
}

static int
update(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_path_peer_info *info, struct mesh_time now)
{
	bool learnt = false;
	size_t count = info->endpoint_count < MESH_PATH_CANDIDATES_MAX
			   ? info->endpoint_count
			   : MESH_PATH_CANDIDATES_MAX;

	int err = set_disco(p, peer, &info->disco, &learnt);
	if (err < 0)
		return err;
	bool moved = learnt;
	learnt |= info->online && !peer->online;
	learnt |= info->home != 0 && info->home != peer->home;
	peer->home = info->home;
	peer->online = info->online;
	peer->expired = info->expired;
	peer->wg_only = info->wg_only;
	learnt |= mesh_path_candidates_replace(p, peer, info->endpoints, count,
	    FROM_NETMAP, now);
	if (learnt && is_active(peer) &&
	    (moved || !mesh_path_trusted(peer, now)))
		mesh_path_search(p, peer, true, now);
	return MESH_OK;
}

int
mesh_path_peer_set(struct mesh_path *p, const struct mesh_path_peer_info *info,
    struct mesh_time now, struct mesh_path_peer **out)
{
	struct mesh_path_peer *peer = mesh_path_peer_find(p, &info->node);
	bool is_new = peer == NULL;
	int err = MESH_OK;

	if (mesh_node_key_is_zero(&info->node) ||
	    mesh_node_key_equal(&info->node, &p->node))
		return MESH_ERR_ARG;
	if (is_new)
		err = new_peer(p, &info->node, &peer);
	if (err < 0)
		return err;
	err = update(p, peer, info, now);
	if (err < 0 && is_new) {
		mesh_path_peer_remove(p, peer);
		return err;
	}
	if (err == MESH_OK)
		*out = peer;
	return err;
}

void
mesh_path_peer_set_disco(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_disco_key *disco, struct mesh_time now)
{
	bool learnt = false;

	if (peer->wg_only || mesh_disco_key_is_zero(disco) ||
	    set_disco(p, peer, disco, &learnt) < 0)
		return;
	if (learnt && is_active(peer))
		mesh_path_search(p, peer, true, now);
}
