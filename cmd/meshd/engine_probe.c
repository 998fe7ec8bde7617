/* SPDX-License-Identifier: ISC
 * engine_probe.c - TSMP from peers, and the pings that people ask for: disco
 * (paths), TSMP (the other daemon, through the tunnel), ICMP (its machine).
 */
#include "engine_int.h"

#include "wire/tsmp.h"

#define TIMEOUT_MS_MAX 60000u

static const struct mesh_ip *
own_address(const struct engine *e, const struct mesh_ip *like)
{
	for (size_t i = 0; i < e->own_count; i++)
		if (mesh_ip_is4(&e->own[i]) == mesh_ip_is4(like))
			return &e->own[i];
	return NULL;
}

static uint16_t
peerapi_port(const struct engine *e, const struct mesh_ip *own)
{
	return mesh_ip_is4(own) ? e->peerapi4 : e->peerapi6;
}

/* --- ends of pings --- */

static void
end(struct probe *b, int err, uint16_t peerapi)
{
	struct engine *e = b->e;
	struct peer *p = engine_peer(e, &b->node);
	struct tbl_pong pong = {.id = b->id, .kind = b->kind, .err = err,
	    .peerapi = peerapi};
	struct mesh_path_status s;

	timers_stop(&e->timers, &b->timer);
	b->used = false;
	if (err == MESH_OK)
		pong.latency_ns = mesh_time_since(b->sent, e->now);
	if (err == MESH_OK && p != NULL) {
		mesh_path_status(e->path, p->path, e->now, &s);
		pong.endpoint = s.direct;
		pong.region = s.direct.port == 0 ? s.region : 0;
	}
	engine_send_pong(e, &pong);
}

static void
timed_out(void *arg)
{
	end(arg, MESH_ERR_TIMEOUT, 0);
}

static void
refuse(struct engine *e, const struct tbl_ping *t, int err)
{
	const struct tbl_pong pong = {.id = t->id, .kind = t->kind, .err = err};

	engine_send_pong(e, &pong);
}

void
engine_probe_disco_done(struct engine *e, const struct mesh_path_action *a)
{
	const struct tbl_pong pong = {
	    .id = (uint32_t)a->id,
	    .kind = TBL_PING_DISCO,
	    .err = a->err,
	    .latency_ns = a->latency_ns,
	    .endpoint = a->to,
	    .region = a->region,
	};

	engine_send_pong(e, &pong);
}

/* --- starting --- */

static struct probe *
free_probe(struct engine *e)
{
	for (size_t i = 0; i < ENGINE_PROBES_MAX; i++)
		if (!e->probes[i].used)
			return &e->probes[i];
	return NULL;
}

static size_t
build(struct probe *b, const struct mesh_ip *from, const struct mesh_ip *to,
    uint8_t *out, size_t size)
{
	struct mesh_tsmp t = {.type = MESH_TSMP_PING};

	if (b->kind == TBL_PING_ICMP)
		return mesh_ip_build_echo(from, to, b->echo_id, 1, b->cookie,
		    sizeof(b->cookie), out, size);
	memcpy(t.cookie, b->cookie, sizeof(t.cookie));
	return mesh_tsmp_build(from, to, &t, out);
}

static int
start_inside(struct engine *e, struct peer *p, const struct tbl_ping *t)
{
	const struct mesh_ip *own = own_address(e, &t->ip);
	uint8_t packet[256];
	struct probe *b = free_probe(e);
	uint64_t ms = t->timeout_ms < TIMEOUT_MS_MAX ? t->timeout_ms
						     : TIMEOUT_MS_MAX;

	if (b == NULL)
		return MESH_ERR_LIMIT;
	if (own == NULL || !engine_peer_owns(p, &t->ip))
		return MESH_ERR_NOTFOUND;
	*b = (struct probe){.e = e, .used = true, .kind = t->kind, .id = t->id,
	    .node = t->node, .sent = e->now, .echo_id = ++e->echo_seq};
	engine_random_bytes(b->cookie, sizeof(b->cookie));
	b->timer.fire = timed_out;
	b->timer.arg = b;
	size_t len = build(b, own, &t->ip, packet, sizeof(packet));
	if (len == 0 || timers_set(&e->timers, &b->timer,
			    mesh_time_add(e->now, ms * MESH_MS)) != MESH_OK) {
		b->used = false;
		return MESH_ERR_NOTFOUND;
	}
	engine_send_packet(e, p, packet, len);
	return MESH_OK;
}

void
engine_probe_start(struct engine *e, const struct tbl_ping *t)
{
	struct peer *p = engine_peer(e, &t->node);
	int rc;

	if (p == NULL)
		rc = MESH_ERR_NOTFOUND;
	else if (!(e->self_flags & TBL_SELF_RUNNING))
		rc = MESH_ERR_STATE;
	else if (t->kind == TBL_PING_DISCO)
		rc = mesh_path_ping(e->path, p->path, t->id, e->now);
	else
		rc = start_inside(e, p, t);
	if (rc != MESH_OK)
		refuse(e, t, rc);
}

/* Tells the peer our disco key, through the tunnel: after a restart it may not
 * have heard of it from control, and ignores our disco until it has. Not needed
 * where disco has found a path. */
void
engine_probe_advertise(struct engine *e, struct peer *p)
{
	struct mesh_tsmp t = {.type = MESH_TSMP_DISCO, .disco = e->disco};
	uint8_t packet[MESH_TSMP_PACKET_MAX];
	struct mesh_path_status st;
	const struct mesh_ip *own;
	size_t len;

	if ((p->flags & TBL_PEER_WG_ONLY) || p->allowed_count == 0)
		return;
	mesh_path_status(e->path, p->path, e->now, &st);
	own = own_address(e, &p->allowed[0].ip);
	if (st.trusted || own == NULL)
		return;
	len = mesh_tsmp_build(own, &p->allowed[0].ip, &t, packet);
	if (len > 0)
		engine_send_packet(e, p, packet, len);
}

/* --- what comes in --- */

static void
answer_ping(struct engine *e, struct peer *p, const struct mesh_ip_packet *ip,
    const struct mesh_tsmp *ping)
{
	struct mesh_tsmp pong = {.type = MESH_TSMP_PONG};
	uint8_t packet[MESH_TSMP_PACKET_MAX];
	const struct mesh_ip *own = own_address(e, &ip->dst);
	size_t len;

	if (own == NULL || !mesh_ip_eq(own, &ip->dst))
		return;
	memcpy(pong.cookie, ping->cookie, sizeof(pong.cookie));
	pong.peerapi_port = peerapi_port(e, own);
	len = mesh_tsmp_build(own, &ip->src, &pong, packet);
	if (len > 0)
		engine_send_packet(e, p, packet, len);
}

static void
take_pong(struct engine *e, struct peer *p, const struct mesh_tsmp *t)
{
	for (size_t i = 0; i < ENGINE_PROBES_MAX; i++) {
		struct probe *b = &e->probes[i];

		if (b->used && b->kind == TBL_PING_TSMP &&
		    mesh_node_key_equal(&b->node, &p->node) &&
		    memcmp(b->cookie, t->cookie, sizeof(b->cookie)) == 0)
			end(b, MESH_OK, t->peerapi_port);
	}
}

static bool
take_tsmp(struct engine *e, struct peer *p, const uint8_t *packet,
    const struct mesh_ip_packet *ip)
{
	struct mesh_tsmp t;

	if (mesh_tsmp_parse(packet, ip, &t) != MESH_OK)
		return true;
	switch (t.type) {
	case MESH_TSMP_PING:
		answer_ping(e, p, ip, &t);
		return true;
	case MESH_TSMP_DISCO:
		/* From inside the tunnel, so it is the peer's word; it may be
		 * newer than control's, which may be out of reach. */
		p->disco = t.disco;
		mesh_path_peer_set_disco(e->path, p->path, &t.disco, e->now);
		return true;
	case MESH_TSMP_PONG:
		take_pong(e, p, &t);
		return false; /* the host may look too */
	default:
		return false;
	}
}

/* The reply to an echo request of ours: ID and data are those we chose. */
static bool
take_echo(struct engine *e, struct peer *p, const uint8_t *packet,
    const struct mesh_ip_packet *ip)
{
	for (size_t i = 0; i < ENGINE_PROBES_MAX; i++) {
		struct probe *b = &e->probes[i];
		const uint8_t *icmp = packet + ip->sub;

		if (!b->used || b->kind != TBL_PING_ICMP ||
		    !mesh_node_key_equal(&b->node, &p->node) ||
		    ip->len < ip->sub + 8u + sizeof(b->cookie) ||
		    (icmp[4] << 8 | icmp[5]) != b->echo_id ||
		    memcmp(icmp + 8, b->cookie, sizeof(b->cookie)) != 0)
			continue;
		end(b, MESH_OK, 0);
		return true;
	}
	return false;
}

bool
engine_probe_in(struct engine *e, struct peer *p, uint8_t *packet,
    const struct mesh_ip_packet *ip)
{
	if (ip->proto == MESH_PROTO_TSMP)
		return take_tsmp(e, p, packet, ip);
	if (mesh_ip_is_echo_reply(ip))
		return take_echo(e, p, packet, ip);
	return false;
}
