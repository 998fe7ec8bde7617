/* SPDX-License-Identifier: ISC
 * disco.c - conversations with peers: what comes in is opened and judged by the
 * rules of dataplane.md 2.5 and 2.6; what goes out is sealed. A packet whose
 * sender's key is not a known peer's costs one look-up and nothing else.
 */
#include "path/int.h"

#include "base/secret.h"

/* Where a message came from. */
struct source {
	const struct mesh_endpoint *udp; /* NULL: by relay */
	uint16_t region;
	const struct mesh_node_key *node; /* by relay: says the relay */
};

/* The shared key is made when it is first needed. */
static bool
ready(struct mesh_path *p, struct identity *id)
{
	if (id->state == BOX_NOT_YET)
		id->state = mesh_box_key_make(&id->box, p->secret.b,
				id->key.b) == MESH_OK
				? BOX_READY
				: BOX_BAD;
	return id->state == BOX_READY;
}

static int
open_packet(struct mesh_path *p, const void *data, size_t len,
    struct identity **out_id, struct mesh_disco_msg *out)
{
	struct mesh_disco_packet packet;
	uint8_t text[MESH_DISCO_MSG_MAX];

	int err = mesh_disco_packet_parse(data, len, &packet);
	if (err < 0) {
		p->stats.dropped_malformed++;
		return MESH_ERR_FORMAT;
	}
	*out_id = mesh_map_get(&p->identities, packet.sender.b);
	if (*out_id == NULL) {
		p->stats.dropped_unknown++;
		return MESH_ERR_STRAY;
	}
	if (!ready(p, *out_id) ||
	    mesh_box_open(text, &(*out_id)->box, packet.nonce, packet.box,
		packet.box_len) < 0) {
		p->stats.dropped_box++;
		return MESH_ERR_AUTH;
	}
	err = mesh_disco_msg_parse(text, packet.box_len - MESH_DISCO_TAG_LEN,
	    out);
	if (err < 0)
		p->stats.dropped_malformed++;
	return err;
}

static int
deny(struct mesh_path *p)
{
	p->stats.dropped_denied++;
	return MESH_ERR_DENIED;
}

/* The peer with that node key, if it has that disco key. */
static struct mesh_path_peer *
peer_of(const struct mesh_path *p, const struct identity *id,
    const struct mesh_node_key *node)
{
	struct mesh_path_peer *peer = mesh_path_peer_find(p, node);

	return peer != NULL && peer->identity == id ? peer : NULL;
}

static struct mesh_path_peer *
first_peer(const struct identity *id)
{
	return MESH_CONTAINER(id->peers.next, struct mesh_path_peer, same);
}

/* Who sent it, if that is beyond doubt; else NULL. */
static struct mesh_path_peer *
sender_of(const struct mesh_path *p, const struct identity *id,
    const struct mesh_node_key *claimed, const struct source *from)
{
	struct mesh_path_peer *peer =
	    peer_of(p, id, from->udp != NULL ? claimed : from->node);

	if (peer == NULL && from->udp != NULL && id->count == 1)
		peer = first_peer(id);
	return peer;
}

static void
send_pong(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_disco_msg *m, const struct source *from)
{
	struct out o = {
	    .kind = OUT_PONG,
	    .peer = peer,
	    .region = from->region,
	    .seen = mesh_disco_region_endpoint(from->region),
	};

	if (from->udp != NULL)
		o.to = o.seen = *from->udp;
	memcpy(o.txid, m->txid.b, sizeof(o.txid));
	mesh_path_push(p, &o);
}

/* Was this very ping seen before? Packets are repeated by networks. */
static bool
is_repeated(const struct mesh_path_peer *peer, const struct mesh_disco_msg *m,
    const struct mesh_endpoint *from)
{
	const struct candidate *c = mesh_path_candidate(peer, from);

	return c != NULL && !mesh_time_is_never(c->got_ping) &&
	       !memcmp(&c->got_txid, &m->txid, sizeof(m->txid));
}

/* The source of a ping is a place to try. */
static void
note_ping_source(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_disco_msg *m, const struct mesh_endpoint *from, bool sure,
    struct mesh_time now)
{
	struct candidate *c =
	    mesh_path_candidate_add(p, peer, from, FROM_PING, now);

	if (c == NULL)
		return;
	c->got_txid = m->txid;
	if (sure)
		c->bound = mesh_path_bind(p, from, peer);
	mesh_path_ping_back(p, peer, c, now);
}

static int
got_ping_udp(struct mesh_path *p, struct identity *id,
    struct mesh_path_peer *sender, const struct mesh_disco_msg *m,
    const struct source *from, struct mesh_time now)
{
	struct mesh_path_peer *to = sender != NULL ? sender : first_peer(id);

	if (is_repeated(to, m, from->udp))
		return deny(p);
	send_pong(p, to, m, from); /* first: it tells the latency */
	for (struct mesh_list *l = id->peers.next; l != &id->peers;
	     l = l->next) {
		struct mesh_path_peer *peer =
		    MESH_CONTAINER(l, struct mesh_path_peer, same);

		note_ping_source(p, peer, m, from->udp, peer == sender, now);
	}
	return MESH_OK;
}

static int
got_ping(struct mesh_path *p, struct identity *id,
    const struct mesh_disco_msg *m, const struct source *from,
    struct mesh_time now)
{
	struct mesh_path_peer *sender = sender_of(p, id, &m->node, from);

	p->stats.pings_received++;
	if (from->udp != NULL)
		return got_ping_udp(p, id, sender, m, from, now);
	if (sender == NULL)
		return deny(p);
	send_pong(p, sender, m, from);
	return MESH_OK;
}

/* An answer counts only if it came the way that was asked, and by UDP only from
 * an address that the peer is known to have: a pong moves packets. */
static bool
is_answer(const struct mesh_path_peer *peer, const struct flight *f,
    const struct source *from)
{
	if (f->to.port == 0)
		return from->udp == NULL;
	return from->udp != NULL &&
	       mesh_path_candidate(peer, from->udp) != NULL;
}

static int
got_pong(struct mesh_path *p, struct identity *id,
    const struct mesh_disco_msg *m, const struct source *from,
    struct mesh_time now)
{
	struct flight f;

	for (struct mesh_list *l = id->peers.next; l != &id->peers;
	     l = l->next) {
		struct mesh_path_peer *peer =
		    MESH_CONTAINER(l, struct mesh_path_peer, same);

		if (!mesh_path_land(peer, &m->txid, &f))
			continue;
		mesh_path_peer_arm(p, peer);
		if (!is_answer(peer, &f, from))
			return deny(p);
		p->stats.pongs_received++;
		if (from->udp != NULL)
			mesh_path_got_pong(p, peer, &f, from->udp, now);
		mesh_path_pings_done(p, peer, &f, now);
		return MESH_OK;
	}
	p->stats.dropped_stray++;
	return MESH_ERR_STRAY;
}

/* The peer wants a direct path and says where it is. Both sides ping now, and
 * open their NATs for each other. */
static int
got_call(struct mesh_path *p, struct identity *id,
    const struct mesh_disco_msg *m, const struct source *from,
    struct mesh_time now)
{
	struct mesh_path_peer *peer;

	if (from->udp != NULL)
		return deny(p);
	peer = peer_of(p, id, from->node);
	if (peer == NULL || peer->wg_only)
		return deny(p);
	p->stats.calls_received++;
	p->stats.dropped_limit += m->endpoint_excess;
	mesh_path_candidates_replace(p, peer, m->endpoints, m->endpoint_count,
	    FROM_CALL, now);
	/* It opens its NAT for us right now: ping again what was in vain. */
	for (size_t i = 0; i < peer->candidate_count; i++)
		peer->candidates[i].pinged = MESH_NEVER;
	if (mesh_path_search(p, peer, false, now))
		mesh_path_doubt(peer, now);
	mesh_path_call_back(p, peer, now);
	return MESH_OK;
}

static int
input(struct mesh_path *p, const struct source *from, const void *data,
    size_t len, struct mesh_time now)
{
	struct mesh_disco_msg m;
	struct identity *id;

	int err = open_packet(p, data, len, &id, &m);
	if (err < 0)
		return err;
	if (from->udp == NULL && peer_of(p, id, from->node) != NULL)
		peer_of(p, id, from->node)->learned = from->region;
	switch (m.type) {
	case MESH_DISCO_PING:
		return got_ping(p, id, &m, from, now);
	case MESH_DISCO_PONG:
		return got_pong(p, id, &m, from, now);
	case MESH_DISCO_CALL_ME_MAYBE:
		return got_call(p, id, &m, from, now);
	default:
		return MESH_OK; /* peer relays, or the future */
	}
}

int
mesh_path_disco_udp(struct mesh_path *p, const struct mesh_endpoint *from,
    const void *data, size_t len, struct mesh_time now)
{
	return input(p, &(struct source){.udp = from}, data, len, now);
}

int
mesh_path_disco_relay(struct mesh_path *p, uint16_t region,
    const struct mesh_node_key *from, const void *data, size_t len,
    struct mesh_time now)
{
	return input(p, &(struct source){.region = region, .node = from}, data,
	    len, now);
}

/* --- out ----------------------------------------------------------------- */

static void
write_call(const struct mesh_path *p, struct mesh_wr *w)
{
	struct mesh_endpoint eps[MESH_PATH_ENDPOINTS_MAX];

	static_assert(MESH_PATH_ENDPOINTS_MAX <= MESH_DISCO_ENDPOINTS,
	    "all own endpoints fit a call-me-maybe");
	for (size_t i = 0; i < p->endpoints.count; i++)
		eps[i] = p->endpoints.list[i].ep;
	mesh_disco_call_write(w, eps, p->endpoints.count);
}

static void
write_message(struct mesh_path *p, const struct out *o, struct mesh_wr *w)
{
	struct mesh_disco_txid txid;

	memcpy(txid.b, o->txid, sizeof(txid.b));
	switch (o->kind) {
	case OUT_PING:
		mesh_disco_ping_write(w, &txid, &p->node, 0);
		p->stats.pings_sent++;
		break;
	case OUT_PONG:
		mesh_disco_pong_write(w, &txid, &o->seen);
		p->stats.pongs_sent++;
		break;
	case OUT_CALL:
		write_call(p, w);
		p->stats.calls_sent++;
		break;
	case OUT_STUN:
		break;
	}
}

size_t
mesh_path_compose(struct mesh_path *p, const struct out *o)
{
	uint8_t text[MESH_DISCO_OUT_MAX], nonce[MESH_DISCO_NONCE_LEN];
	struct mesh_wr message = mesh_wr_init(text, sizeof(text));
	struct mesh_wr w = mesh_wr_init(p->datagram, sizeof(p->datagram));

	static_assert(MESH_DISCO_OVERHEAD + MESH_DISCO_OUT_MAX <=
			  MESH_PATH_DATAGRAM_MAX,
	    "room for the longest message");
	if (o->kind == OUT_STUN) {
		struct mesh_stun_txid txid;

		memcpy(txid.b, o->txid, sizeof(txid.b));
		mesh_stun_request(&txid, p->datagram);
		p->stats.stuns_sent++;
		return MESH_STUN_REQUEST_LEN;
	}
	struct identity *id = o->peer->identity;
	if (id == NULL || !ready(p, id))
		return 0;
	write_message(p, o, &message);
	mesh_drbg_bytes(&p->random, nonce, sizeof(nonce));
	mesh_disco_head_write(&w, &p->disco, nonce);
	mesh_box_seal(mesh_wr_room(&w, message.len + MESH_DISCO_TAG_LEN),
	    &id->box, nonce, text, message.len);
	return w.len;
}
