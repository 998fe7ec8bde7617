/* SPDX-License-Identifier: ISC
 * engine_out.c - packets from the TUN to peers.
 *
 * A superpacket is judged once, split straight into the buffer that will be
 * sent, sealed there, and sent with segmentation by the kernel: no packet is
 * copied to change its path.
 */
#include "engine_int.h"

#include "wire/tsmp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PAD 16u /* WireGuard pads to it, but not past the MTU */

/* A packet that waits for a session: this, then room to seal it. */
struct staged {
	struct mesh_wg_staged s;
	uint8_t packet[]; /* headroom, packet, tailroom */
};

static size_t
sealed_len(const struct engine *e, size_t len)
{
	size_t padded = (len + PAD - 1) / PAD * PAD;

	if (padded > e->start.mtu)
		padded = len > e->start.mtu ? len : e->start.mtu;
	return padded + MESH_WG_DATA_MIN;
}

/* --- waiting for a session --- */

static void
drop_one(struct engine *e, struct mesh_wg_staged *s)
{
	if (s == NULL)
		return;
	e->staged--;
	free(MESH_CONTAINER(s, struct staged, s));
}

static void
stage(struct engine *e, struct peer *p, const uint8_t *packet, size_t len)
{
	size_t room = MESH_WG_HEADROOM + len + MESH_WG_TAILROOM;
	struct staged *s;

	if (e->staged >= ENGINE_STAGED_MAX)
		drop_one(e, mesh_wg_unstage(p->wg));
	if (e->staged >= ENGINE_STAGED_MAX ||
	    (s = malloc(sizeof(*s) + room)) == NULL)
		return;
	s->s.data = s->packet + MESH_WG_HEADROOM;
	s->s.len = len;
	memcpy(s->s.data, packet, len);
	e->staged++;
	drop_one(e, mesh_wg_stage(p->wg, &s->s, e->now));
}

void
engine_drop_staged(struct engine *e, struct peer *p)
{
	struct mesh_wg_staged *s;

	while ((s = mesh_wg_unstage(p->wg)) != NULL)
		drop_one(e, s);
}

/* --- sending --- */

/* Where the packets of one read go, and those that are not yet sealed. */
struct outgoing {
	struct engine *e;
	struct peer *p;
	struct mesh_path_route route;
	struct mesh_wg_packet packets[UDP_RUN_COUNT_MAX];
	size_t count;
	size_t relay_used; /* bytes in relay_out */
	bool no_session;   /* the rest waits */
};

static bool
by_udp(const struct outgoing *o)
{
	return o->route.udp.port != 0;
}

static bool
has_way(const struct mesh_path_route *r)
{
	return r->udp.port != 0 || r->region != 0;
}

static void
send_by_relay(struct outgoing *o, size_t sealed)
{
	if (o->route.region == 0)
		return;
	for (size_t i = 0; i < sealed; i++)
		engine_relay_send(o->e, o->route.region, &o->p->node,
		    o->packets[i].data, o->packets[i].len, false);
}

/* Seals what was written, and lets what cannot be sealed wait. */
static void
seal(struct outgoing *o)
{
	size_t sealed = 0, undone = 0;

	if (o->count == 0)
		return;
	if (!o->no_session)
		sealed = mesh_wg_seal_batch(o->p->wg, o->packets, o->count,
		    o->e->now);
	o->no_session = sealed < o->count;
	for (size_t i = sealed; i < o->count; i++) {
		undone += sealed_len(o->e, o->packets[i].len);
		stage(o->e, o->p, o->packets[i].data, o->packets[i].len);
	}
	for (size_t i = 0; i < sealed && has_way(&o->route); i++)
		engine_count(&o->e->out[engine_way(&o->route.udp)],
		    o->packets[i].len);
	if (undone > 0 && by_udp(o))
		udp_tx_undo(&o->e->tx, o->count - sealed, undone);
	send_by_relay(o, sealed);
	o->count = o->relay_used = 0;
}

static uint8_t *
relay_room(struct outgoing *o, size_t len)
{
	uint8_t *room = o->e->relay_out + o->relay_used;

	if (o->relay_used + len > sizeof(o->e->relay_out))
		return NULL;
	o->relay_used += len;
	return room;
}

/* Room for a packet that will be len bytes when sealed. */
static uint8_t *
room_for(struct outgoing *o, size_t len)
{
	struct udp_tx *tx = &o->e->tx;
	uint8_t *room;

	if (o->count == UDP_RUN_COUNT_MAX)
		seal(o);
	if (!by_udp(o)) {
		room = relay_room(o, len);
		if (room == NULL) {
			seal(o);
			room = relay_room(o, len);
		}
		return room;
	}
	if (!udp_tx_fits(tx, &o->route.udp, len))
		seal(o);
	room = udp_tx_room(tx, &o->route.udp, len);
	if (room == NULL) {
		seal(o);
		udp_tx_flush(tx);
		room = udp_tx_room(tx, &o->route.udp, len);
	}
	return room;
}

/* Endpoints of a peer without disco are tried one after the other: each is for
 * a handshake, not for packets that only wait for one. */
static bool
only_waits(const struct engine *e, const struct peer *p)
{
	return (p->flags & TBL_PEER_WG_ONLY) &&
	    mesh_wg_peer_state(p->wg, e->now) != MESH_WG_ESTABLISHED;
}

static bool
begin(struct outgoing *o, struct engine *e, struct peer *p)
{
	o->e = e;
	o->p = p;
	o->count = o->relay_used = 0;
	o->no_session = false;
	if (engine_peer_wg(e, p) == NULL)
		return false;
	p->last_tx = e->now;
	/* Without a way yet, the packet waits with the handshake. */
	if (!only_waits(e, p) &&
	    mesh_path_route(e->path, p->path, e->now, &o->route) == MESH_OK)
		return true;
	o->route = (struct mesh_path_route){.region = 0};
	return true;
}

static void
add(struct outgoing *o, size_t len, uint8_t **out_at)
{
	uint8_t *room = room_for(o, sealed_len(o->e, len));

	*out_at = NULL;
	if (room == NULL)
		return;
	*out_at = room + MESH_WG_HEADROOM;
	o->packets[o->count++] = (struct mesh_wg_packet){
	    .data = *out_at,
	    .len = len,
	};
}

void
engine_send_packet(struct engine *e, struct peer *p, const void *packet,
    size_t len)
{
	struct outgoing o;
	uint8_t *at;

	if (!begin(&o, e, p))
		return;
	add(&o, len, &at);
	if (at != NULL)
		memcpy(at, packet, len);
	seal(&o);
}

void
engine_send_staged(struct engine *e, struct peer *p)
{
	struct mesh_wg_staged *s;
	struct outgoing o;
	uint8_t *at;

	if (!begin(&o, e, p))
		return;
	while ((s = mesh_wg_unstage(p->wg)) != NULL) {
		add(&o, s->len, &at);
		if (at != NULL)
			memcpy(at, s->data, s->len);
		drop_one(e, s);
	}
	seal(&o);
}

static void
send_elsewhere(struct engine *e, struct peer *p, const void *data, size_t len)
{
	struct mesh_endpoint others[MESH_PATH_ELSEWHERE_MAX];
	size_t count = mesh_path_elsewhere(e->path, p->path, others);

	for (size_t i = 0; i < count; i++) {
		engine_count(&e->out[engine_way(&others[i])], len);
		udp_tx_one(&e->tx, &others[i], data, len);
	}
}

void
engine_send_datagram(struct engine *e, struct peer *p, const void *data,
    size_t len)
{
	struct mesh_path_route r;

	if (mesh_path_route(e->path, p->path, e->now, &r) != MESH_OK)
		return;
	if (has_way(&r))
		engine_count(&e->out[engine_way(&r.udp)], len);
	if (r.udp.port != 0)
		udp_tx_one(&e->tx, &r.udp, data, len);
	if (r.region != 0)
		engine_relay_send(e, r.region, &p->node, data, len, false);
	if (len == MESH_WG_INITIATION_LEN)
		send_elsewhere(e, p, data, len);
}

/* --- from the TUN --- */

static struct peer *
judge(struct engine *e, const struct gso_split *s)
{
	struct mesh_ip_packet ip;
	enum mesh_filter_verdict v;
	struct peer *p;

	mesh_ip_packet_parse(s->ip, s->len, &ip);
	if (ip.version == 0 || ip.proto == MESH_PROTO_TSMP)
		return NULL;
	p = engine_peer_for(e, &ip.dst);
	if (p == NULL || (p->flags & TBL_PEER_EXPIRED))
		return NULL;
	v = mesh_filter_out(e->filter, s->ip, s->len,
	    p->flags & TBL_PEER_JAILED, e->now);
	if (v == MESH_FILTER_PASS)
		return p;
	if (v == MESH_FILTER_CUT)
		engine_cut(e, p, s->ip, s->len, false);
	e->drop_filter += s->count;
	return NULL;
}

static void
take_frame(struct engine *e, size_t len)
{
	struct gso_split s;
	struct outgoing o;
	struct peer *p;
	uint8_t *at;

	if (gso_split_init(&s, e->frame, len) != MESH_OK) {
		e->drop_tun++;
		return;
	}
	if (!(e->self_flags & TBL_SELF_RUNNING) || (p = judge(e, &s)) == NULL ||
	    !begin(&o, e, p))
		return;
	for (size_t i = 0; i < s.count; i++) {
		add(&o, gso_split_len(&s, i), &at);
		if (at != NULL)
			gso_split_write(&s, i, at);
	}
	seal(&o);
}

void
engine_tun_event(struct engine *e)
{
	/* Drained while there is more, but not for so long that what is ready
	 * to go waits for it. */
	for (size_t i = 0; i < ENGINE_TUN_READS &&
	     e->tx.count < ENGINE_TUN_RUNS; i++) {
		ssize_t n = read(e->tun, e->frame, GSO_FRAME_MAX);

		if (n <= 0)
			break;
		take_frame(e, (size_t)n);
	}
	udp_tx_flush(&e->tx);
}
