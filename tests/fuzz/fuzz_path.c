/* SPDX-License-Identifier: ISC
 * A mesh_path as a whole: the input is a program of calls, datagrams and time.
 * Each step is an opcode and its arguments; what peers say is sealed here with
 * their keys, so that the fuzzer gets behind the box.
 */
#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "crypto/box.h"
#include "wire/disco.h"
#include "wire/stun.h"
#include <mesh/path.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS 3
#define STEPS_MAX 400
#define ACTIONS_MAX 20000 /* of one input: more is a flood */

struct world {
	struct mesh_path *p;
	struct mesh_time now;
	struct mesh_disco_key self;
	struct mesh_box_key box[PEERS];
	struct mesh_disco_key disco[PEERS];
	struct mesh_node_key node[PEERS];
	/* the last of each kind that came out, to be answered */
	struct mesh_disco_txid ping[PEERS];
	struct mesh_endpoint ping_to[PEERS];
	struct mesh_stun_txid stun;
	unsigned actions;
};

static void
keep(struct world *w, const struct mesh_path_action *a)
{
	struct mesh_disco_packet packet;
	struct mesh_disco_msg m;
	uint8_t text[MESH_PATH_DATAGRAM_MAX];

	if (a->len == 0 || a->len > MESH_PATH_DATAGRAM_MAX)
		abort();
	mesh_stun_request_parse(a->data, a->len, &w->stun);
	if (mesh_disco_packet_parse(a->data, a->len, &packet) < 0)
		return;
	for (int i = 0; i < PEERS; i++) {
		if (mesh_box_open(text, &w->box[i], packet.nonce, packet.box,
			packet.box_len) < 0)
			continue;
		if (mesh_disco_msg_parse(text,
			packet.box_len - MESH_DISCO_TAG_LEN, &m) < 0)
			abort();
		if (m.type == MESH_DISCO_PING) {
			w->ping[i] = m.txid;
			w->ping_to[i] = a->to;
		}
	}
}

static void
drain(struct world *w)
{
	struct mesh_path_action a;
	size_t count;

	while (mesh_path_next(w->p, w->now, &a)) {
		if (++w->actions > ACTIONS_MAX)
			abort();
		if (a.kind == MESH_PATH_SEND_UDP ||
		    a.kind == MESH_PATH_SEND_RELAY)
			keep(w, &a);
	}
	mesh_path_endpoints(w->p, &count);
	if (count > MESH_PATH_ENDPOINTS_MAX)
		abort();
}

static struct mesh_endpoint
read_endpoint(struct mesh_rd *r)
{
	uint8_t kind = mesh_rd_u8(r), last = mesh_rd_u8(r);
	static const uint8_t four[4][4] = {
	    {192, 0, 2, 0}, {127, 0, 0, 0}, {10, 0, 0, 0}, {224, 0, 0, 0}};
	struct mesh_endpoint ep = {
	    mesh_ip_from4(four[kind % 4]), (uint16_t)(1000 + kind / 16)};

	ep.ip.b[15] = last % 8;
	if (kind & 8)
		memset(ep.ip.b, 0x20, 12);
	return ep;
}

static void
tell(struct world *w, struct mesh_rd *r, int i)
{
	struct mesh_endpoint eps[4];
	struct mesh_path_peer *peer;
	uint8_t flags = mesh_rd_u8(r);
	struct mesh_path_peer_info info = {
	    .node = w->node[i],
	    .disco = w->disco[flags & 1 ? 0 : i],
	    .home = flags & 2 ? 900 : 0,
	    .online = flags & 4,
	    .expired = (flags & 0x18) == 0x18,
	    .wg_only = (flags & 0x60) == 0x60,
	    .endpoints = eps,
	    .endpoint_count = flags >> 6,
	};

	for (size_t k = 0; k < info.endpoint_count; k++)
		eps[k] = read_endpoint(r);
	mesh_path_peer_set(w->p, &info, w->now, &peer);
}

/* A message from peer i, by UDP or relay. */
static void
say(struct world *w, int i, const void *text, size_t len,
    const struct mesh_endpoint *from)
{
	uint8_t buf[2048], nonce[MESH_DISCO_NONCE_LEN] = {(uint8_t)w->actions};
	struct mesh_wr out = mesh_wr_init(buf, sizeof(buf));

	mesh_disco_head_write(&out, &w->disco[i], nonce);
	mesh_box_seal(mesh_wr_room(&out, len + MESH_DISCO_TAG_LEN), &w->box[i],
	    nonce, text, len);
	if (from->port != 1000)
		mesh_path_disco_udp(w->p, from, buf, out.len, w->now);
	else
		mesh_path_disco_relay(w->p, 900, &w->node[i], buf, out.len,
		    w->now);
}

static void
say_bytes(struct world *w, struct mesh_rd *r, int i)
{
	struct mesh_endpoint from = read_endpoint(r);
	size_t len = mesh_rd_u8(r);
	const uint8_t *text = mesh_rd_take(r, len);

	if (text != NULL)
		say(w, i, text, len, &from);
}

static void
say_pong(struct world *w, int i)
{
	uint8_t text[MESH_DISCO_PONG_LEN];
	struct mesh_wr out = mesh_wr_init(text, sizeof(text));

	mesh_disco_pong_write(&out, &w->ping[i], &w->ping_to[i]);
	say(w, i, text, out.len, &w->ping_to[i]);
}

static void
answer_stun(struct world *w, struct mesh_rd *r)
{
	struct mesh_endpoint seen = read_endpoint(r);
	uint8_t buf[MESH_STUN_RESPONSE_MAX];

	mesh_path_stun(w->p, buf, mesh_stun_response(&w->stun, &seen, buf),
	    w->now);
}

static void
set_link(struct world *w, struct mesh_rd *r)
{
	uint8_t flags = mesh_rd_u8(r);
	struct mesh_endpoint ep = read_endpoint(r);
	struct mesh_path_link link = {
	    .up4 = flags & 1,
	    .up6 = flags & 2,
	    .port4 = 41641,
	    .port6 = 41641,
	    .port_fixed = flags & 4,
	    .addresses = &ep.ip,
	    .address_count = 1,
	    .fixed = &ep,
	    .fixed_count = flags & 16 ? 1 : 0,
	};

	mesh_path_set_link(w->p, &link, flags & 8, w->now);
}

static void
set_regions(struct world *w, struct mesh_rd *r)
{
	struct mesh_path_stun nodes[4];
	struct mesh_path_region regions[4];
	uint8_t n = mesh_rd_u8(r);

	for (uint8_t i = 0; i < 4; i++) {
		nodes[i] = (struct mesh_path_stun){.v4 = read_endpoint(r)};
		regions[i] = (struct mesh_path_region){
		    .id = (uint16_t)(900 + i),
		    .no_home = n & 0x80 && i == 1,
		    .nodes = &nodes[i],
		    .node_count = i < 3 ? 1 : 0,
		};
	}
	mesh_path_set_regions(w->p, regions, n % 5, w->now);
}

static void
pass_time(struct world *w, uint16_t ms)
{
	struct mesh_time end = mesh_time_add(w->now, ms * MESH_MS);

	while (mesh_path_deadline(w->p).ns <= end.ns) {
		struct mesh_time at = mesh_path_deadline(w->p);

		if (at.ns > w->now.ns)
			w->now = at;
		mesh_path_tick(w->p, w->now);
		drain(w);
		if (mesh_path_deadline(w->p).ns <= w->now.ns)
			abort(); /* it would spin */
	}
	w->now = end;
}

static void
with_peer(struct world *w, struct mesh_rd *r, uint8_t op,
    struct mesh_path_peer *peer)
{
	struct mesh_endpoint ep = read_endpoint(r);
	struct mesh_path_route route;
	struct mesh_path_status st;

	switch (op) {
	case 0:
	case 1:
		if (mesh_path_route(w->p, peer, w->now, &route) == MESH_OK &&
		    route.udp.port == 0 && route.region == 0)
			abort();
		break;
	case 2:
		mesh_path_received_udp(w->p, peer, &ep, w->now);
		break;
	case 3:
		mesh_path_received_relay(w->p, peer, ep.port, w->now);
		break;
	case 4:
		mesh_path_unreachable(w->p, peer, &ep, w->now);
		break;
	case 5:
		mesh_path_ping(w->p, peer, ep.port, w->now);
		break;
	default:
		mesh_path_peer_remove(w->p, peer);
		return;
	}
	mesh_path_status(w->p, peer, w->now, &st);
	if (st.candidates > MESH_PATH_CANDIDATES_MAX)
		abort();
}

static void
step(struct world *w, struct mesh_rd *r)
{
	uint8_t op = mesh_rd_u8(r);
	int i = op >> 6 == 3 ? 0 : op >> 6;
	struct mesh_path_peer *peer = mesh_path_peer_find(w->p, &w->node[i]);

	switch (op & 15) {
	case 0:
		pass_time(w, mesh_rd_u16be(r));
		break;
	case 1:
		tell(w, r, i);
		break;
	case 2:
		say_bytes(w, r, i);
		break;
	case 3:
		say_pong(w, i);
		break;
	case 4:
		answer_stun(w, r);
		break;
	case 5:
		set_link(w, r);
		break;
	case 6:
		set_regions(w, r);
		break;
	case 7:
		mesh_path_relay_up(w->p, 900, mesh_rd_u8(r) & 1, w->now);
		break;
	case 8:
		mesh_path_set_control(w->p, mesh_rd_u8(r) & 1);
		mesh_path_measure(w->p, w->now);
		break;
	default:
		if (peer != NULL)
			with_peer(w, r, (op & 15) - 9, peer);
	}
	drain(w);
}

static void
make_world(struct world *w)
{
	struct mesh_path_config config = {.node = {{200}}};
	uint8_t random[MESH_KEY_LEN] = {0, 77};

	mesh_disco_secret_make(&config.disco, random);
	*w = (struct world){.now = {MESH_SEC}};
	w->self = mesh_disco_public(&config.disco);
	for (uint8_t i = 0; i < PEERS; i++) {
		struct mesh_disco_secret s;

		random[1] = i;
		mesh_disco_secret_make(&s, random);
		w->disco[i] = mesh_disco_public(&s);
		w->node[i].b[0] = (uint8_t)(i + 1);
		if (mesh_box_key_make(&w->box[i], s.b, w->self.b) != MESH_OK)
			abort();
	}
	if (mesh_path_new(&config, w->now, &w->p) != MESH_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_rd r = mesh_rd_init(data, size);
	struct mesh_endpoint from = {
	    mesh_ip_from4((const uint8_t[]){1, 2, 3, 4}), 5};
	struct world w;

	make_world(&w);
	mesh_path_disco_udp(w.p, &from, data, size, w.now);
	mesh_path_stun(w.p, data, size, w.now);
	for (unsigned i = 0; i < STEPS_MAX && mesh_rd_left(&r) > 0; i++)
		step(&w, &r);
	pass_time(&w, 60000);
	pass_time(&w, 60000);
	mesh_path_free(w.p);
	return 0;
}
