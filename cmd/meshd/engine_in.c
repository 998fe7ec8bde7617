/* SPDX-License-Identifier: ISC
 * engine_in.c - packets from peers to the TUN.
 *
 * A batch of datagrams is told apart, opened in place, judged, put together by
 * flow and written; the bytes stay where the kernel put them.
 */
#include "engine_int.h"

#include "wire/sniff.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

void
engine_write_tun(struct engine *e)
{
	struct gro_write w;

	while (gro_next(&e->gro, &w))
		if (writev(e->tun, w.iov, w.iov_count) < 0)
			e->drop_tun += w.packets;
	gro_reset(&e->gro, e->start.flags & TBL_START_USO);
}

/* A flow that the filter ended: both ends are told. */
void
engine_cut(struct engine *e, struct peer *p, const uint8_t *packet, size_t len,
    bool from_peer)
{
	uint8_t frame[2][GSO_VNET_LEN + MESH_FILTER_ANSWER_MAX] = {0};
	uint8_t *sender = frame[0] + GSO_VNET_LEN;
	uint8_t *receiver = frame[1] + GSO_VNET_LEN;
	size_t n = mesh_filter_resets(packet, len, sender, receiver);

	if (n == 0)
		return;
	engine_send_packet(e, p, from_peer ? sender : receiver, n);
	if (write(e->tun, frame[from_peer], GSO_VNET_LEN + n) < 0)
		e->drop_tun++;
}

static void
refuse(struct engine *e, struct peer *p, const uint8_t *packet, size_t len,
    enum mesh_filter_verdict v)
{
	uint8_t answer[MESH_FILTER_ANSWER_MAX];
	size_t n;

	e->drop_filter++;
	if (v == MESH_FILTER_CUT) {
		engine_cut(e, p, packet, len, true);
		return;
	}
	n = mesh_filter_reject(packet, len, v, answer);
	if (n > 0)
		engine_send_packet(e, p, answer, n);
}

/* One opened packet of a peer. */
static void
deliver(struct engine *e, struct peer *p, uint8_t *packet, size_t len)
{
	struct mesh_ip_packet ip;
	enum mesh_filter_verdict v;

	mesh_ip_packet_parse(packet, len, &ip);
	if (ip.version == 0 || !engine_peer_owns(p, &ip.src)) {
		e->drop_noise++;
		return;
	}
	if (engine_probe_in(e, p, packet, &ip))
		return;
	v = mesh_filter_in(e->filter, packet, len, p->flags & TBL_PEER_JAILED,
	    e->now);
	if (v != MESH_FILTER_PASS) {
		refuse(e, p, packet, len, v);
		return;
	}
	if (!gro_put(&e->gro, packet, len)) {
		engine_write_tun(e);
		(void)gro_put(&e->gro, packet, len);
	}
}

/* A peer that speaks first has no WireGuard state here yet. */
static int
admit(struct engine *e, struct mesh_wg_peer **out)
{
	const struct mesh_node_key *who = mesh_wg_stranger(e->wg);
	struct peer *p = who != NULL ? engine_peer(e, who) : NULL;

	if (p == NULL || (p->flags & TBL_PEER_EXPIRED) ||
	    engine_peer_wg(e, p) == NULL)
		return MESH_ERR_NOTFOUND;
	return mesh_wg_resume(e->wg, e->now, out);
}

static void
note_source(struct engine *e, struct peer *p, const struct source *s)
{
	if (s->udp.port != 0)
		mesh_path_received_udp(e->path, p->path, &s->udp, e->now);
	else
		mesh_path_received_relay(e->path, p->path, s->region, e->now);
	p->last_rx = e->now;
}

static void
handshake(struct engine *e, const uint8_t *data, size_t len,
    const struct source *s)
{
	struct mesh_wg_source from = s->udp.port != 0
	    ? mesh_wg_source_udp(&s->udp)
	    : mesh_wg_source_relay(&s->node);
	struct mesh_wg_peer *wg = NULL;
	int rc;

	e->source = *s;
	rc = mesh_wg_input(e->wg, data, len, &from, e->now, &wg);
	if (rc == MESH_ERR_NOTFOUND)
		rc = admit(e, &wg);
	if (rc != MESH_OK)
		e->drop_noise++;
	else if (wg != NULL)
		note_source(e, mesh_wg_peer_user(wg), s);
	engine_drive(e); /* an answer goes to this source, so now */
}

/* Opens the first n of the batch and hands them on. */
static void
open_batch(struct engine *e, size_t n, const struct source *sources)
{
	struct peer *last = NULL;
	uint8_t last_msg = 0;

	if (n == 0)
		return;
	(void)mesh_wg_open_batch(e->wg, e->batch, n, e->now);
	for (size_t i = 0; i < n; i++) {
		struct mesh_wg_packet *k = &e->batch[i];
		struct peer *p;

		if (k->peer == NULL) {
			e->drop_noise++;
			continue;
		}
		p = mesh_wg_peer_user(k->peer);
		if (p != last || e->batch_msg[i] != last_msg)
			note_source(e, p, &sources[e->batch_msg[i]]);
		last = p;
		last_msg = e->batch_msg[i];
		if (k->len > 0)
			deliver(e, p, k->data, k->len);
	}
	engine_write_tun(e);
}

/* Tells one datagram apart; WireGuard data joins the batch. */
static size_t
sort_out(struct engine *e, uint8_t *data, size_t len, const struct source *s,
    uint8_t msg, size_t n)
{
	int rc = MESH_OK;

	switch (mesh_sniff(data, len)) {
	case MESH_SNIFF_STUN:
		rc = mesh_path_stun(e->path, data, len, e->now);
		break;
	case MESH_SNIFF_DISCO:
		rc = mesh_path_disco_udp(e->path, &s->udp, data, len, e->now);
		break;
	case MESH_SNIFF_WG:
		if (!(e->self_flags & TBL_SELF_RUNNING)) {
			rc = MESH_ERR_STATE;
			break;
		}
		engine_count(&e->in[engine_way(&s->udp)], len);
		switch (mesh_wg_type(data, len)) {
		case MESH_WG_DATA:
			e->batch[n] = (struct mesh_wg_packet){.data = data,
			    .len = len};
			e->batch_msg[n] = msg;
			return n + 1;
		case MESH_WG_NONE:
			rc = MESH_ERR_FORMAT;
			break;
		default:
			handshake(e, data, len, s);
			break;
		}
		break;
	default: /* by peer relays, which we do not use */
		rc = MESH_ERR_FORMAT;
		break;
	}
	e->drop_noise += rc != MESH_OK;
	return n;
}

void
engine_udp_event(struct engine *e, int fd)
{
	struct source sources[UDP_RECV_BATCH];
	size_t msgs = udp_rx_take(&e->rx, fd), n = 0;

	for (size_t i = 0; i < msgs; i++) {
		struct udp_msg *m = &e->rx.msgs[i];

		sources[i] = (struct source){.udp = m->from};
		for (size_t at = 0; at < m->len; at += m->seg) {
			size_t len = m->len - at < m->seg ? m->len - at : m->seg;

			if (n == UDP_RECV_DATAGRAMS)
				break;
			n = sort_out(e, m->data + at, len, &sources[i],
			    (uint8_t)i, n);
		}
	}
	open_batch(e, n, sources);
	udp_tx_flush(&e->tx);
}

void
engine_relay_packet(struct engine *e, uint16_t region,
    const struct mesh_node_key *from, const uint8_t *data, size_t len)
{
	struct source s = {.region = region, .node = *from};
	size_t n = 0;

	if (len > sizeof(e->relay_in))
		return;
	if (mesh_sniff(data, len) == MESH_SNIFF_DISCO) {
		if (mesh_path_disco_relay(e->path, region, from, data, len,
			e->now) != MESH_OK)
			e->drop_noise++;
		return;
	}
	if (engine_peer(e, from) == NULL || mesh_sniff(data, len) !=
		MESH_SNIFF_WG) {
		e->drop_noise++;
		return;
	}
	/* Opened in place, so not where the relay's stream lies. */
	memcpy(e->relay_in, data, len);
	n = sort_out(e, e->relay_in, len, &s, 0, n);
	open_batch(e, n, &s);
}
