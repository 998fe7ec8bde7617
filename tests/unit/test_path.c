/* SPDX-License-Identifier: ISC
 * What a mesh_path takes and refuses, packet by packet: protocol/dataplane.md
 * 2.5, 2.6, 3.11, 6.7-6.14. A peer is played by hand, with its own keys.
 */
#include "test.h"

#include "base/addr.h"
#include "crypto/box.h"
#include "wire/disco.h"
#include "wire/stun.h"
#include <mesh/path.h>

#define REGION 900u
#define SEARCH_ENDS_NS (200 * MESH_MS) /* after a path was found */

static size_t fail_at; /* the n-th allocation from now fails; 0: none */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return fail_at > 0 && --fail_at == 0 ? NULL : __real_calloc(n, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fail_at > 0 && --fail_at == 0 ? NULL
					     : __real_reallocarray(p, n, size);
}

struct stranger { /* somebody else's keys */
	struct mesh_node_key node;
	struct mesh_disco_secret secret;
	struct mesh_disco_key disco;
};

struct fixture {
	struct mesh_path *p;
	struct stranger self, peer, other;
	struct mesh_path_peer *handle;
	struct mesh_time now;
};

static struct mesh_endpoint
endpoint(const char *text)
{
	struct mesh_endpoint ep;

	assert_int_equal(mesh_endpoint_parse(mesh_str(text), &ep), MESH_OK);
	return ep;
}

static struct stranger
stranger(uint8_t seed)
{
	struct stranger s = {.node = {{seed, 1}}};
	uint8_t random[MESH_KEY_LEN] = {0, seed};

	mesh_disco_secret_make(&s.secret, random);
	s.disco = mesh_disco_public(&s.secret);
	return s;
}

static struct mesh_path_peer *
tell(struct fixture *f, const struct stranger *who, const char *ep_text)
{
	struct mesh_endpoint ep = {.port = 0};
	struct mesh_path_peer_info info = {
	    .node = who->node,
	    .disco = who->disco,
	    .home = REGION,
	    .endpoints = &ep,
	};
	struct mesh_path_peer *peer = NULL;

	if (ep_text != NULL) {
		ep = endpoint(ep_text);
		info.endpoint_count = 1;
	}
	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &peer),
	    MESH_OK);
	return peer;
}

/* Drops what waits; the number of datagrams among it. */
static unsigned
drain(struct fixture *f)
{
	struct mesh_path_action a;
	unsigned n = 0;

	while (mesh_path_next(f->p, f->now, &a))
		n += a.kind == MESH_PATH_SEND_UDP ||
		     a.kind == MESH_PATH_SEND_RELAY;
	return n;
}

/* Time passes, with a tick when one is wanted. */
static void
pass(struct fixture *f, uint64_t ns)
{
	struct mesh_time end = mesh_time_add(f->now, ns);

	while (mesh_path_deadline(f->p).ns <= end.ns) {
		f->now = mesh_path_deadline(f->p);
		mesh_path_tick(f->p, f->now);
		drain(f);
	}
	f->now = end;
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct mesh_path_config config = {.home = REGION};
	struct mesh_ip local = mesh_ip4(192, 168, 1, 2);
	struct mesh_path_link link = {.up4 = true,
	    .port4 = 41641,
	    .addresses = &local,
	    .address_count = 1};

	assert_non_null(f);
	f->now.ns = 50 * MESH_SEC;
	f->self = stranger(1);
	f->peer = stranger(2);
	f->other = stranger(3);
	config.node = f->self.node;
	config.disco = f->self.secret;
	assert_int_equal(mesh_path_new(&config, f->now, &f->p), MESH_OK);
	mesh_path_set_link(f->p, &link, true, f->now);
	mesh_path_relay_up(f->p, REGION, true, f->now);
	f->handle = tell(f, &f->peer, "192.0.2.1:1000");
	drain(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	mesh_path_free(f->p);
	free(f);
	return 0;
}

/* Seals a message from `who` to us. */
static size_t
seal(const struct fixture *f, const struct stranger *who,
    const struct mesh_wr *message, uint8_t out[static 1500])
{
	static uint8_t nonce[MESH_DISCO_NONCE_LEN];
	struct mesh_wr w = mesh_wr_init(out, 1500);
	struct mesh_box_key box;

	nonce[0]++;
	assert_int_equal(mesh_box_key_make(&box, who->secret.b,
			     f->self.disco.b),
	    MESH_OK);
	mesh_disco_head_write(&w, &who->disco, nonce);
	mesh_box_seal(mesh_wr_room(&w, message->len + MESH_DISCO_TAG_LEN), &box,
	    nonce, message->buf, message->len);
	return w.len;
}

static size_t
make_ping(const struct fixture *f, const struct stranger *who, uint8_t id,
    uint8_t out[static 1500])
{
	struct mesh_disco_txid txid = {{id}};
	uint8_t text[128];
	struct mesh_wr w = mesh_wr_init(text, sizeof(text));

	mesh_disco_ping_write(&w, &txid, &who->node, 0);
	return seal(f, who, &w, out);
}

static size_t
make_pong(const struct fixture *f, const struct stranger *who,
    const struct mesh_disco_txid *txid, uint8_t out[static 1500])
{
	struct mesh_endpoint seen = endpoint("9.9.9.9:9");
	uint8_t text[128];
	struct mesh_wr w = mesh_wr_init(text, sizeof(text));

	mesh_disco_pong_write(&w, txid, &seen);
	return seal(f, who, &w, out);
}

static size_t
make_call(const struct fixture *f, const struct stranger *who,
    const struct mesh_endpoint *eps, size_t count, uint8_t out[static 1500])
{
	uint8_t text[1024];
	struct mesh_wr w = mesh_wr_init(text, sizeof(text));

	mesh_disco_call_write(&w, eps, count);
	return seal(f, who, &w, out);
}

/* Opens what we sent to `who`. */
static struct mesh_disco_msg
unseal(const struct fixture *f, const struct stranger *who,
    const struct mesh_path_action *a)
{
	struct mesh_disco_packet p;
	struct mesh_disco_msg m;
	struct mesh_box_key box;
	uint8_t text[1500];

	assert_int_equal(mesh_disco_packet_parse(a->data, a->len, &p), MESH_OK);
	assert_memory_equal(&p.sender, &f->self.disco, sizeof(p.sender));
	assert_int_equal(mesh_box_key_make(&box, who->secret.b, p.sender.b),
	    MESH_OK);
	assert_int_equal(mesh_box_open(text, &box, p.nonce, p.box, p.box_len),
	    MESH_OK);
	assert_int_equal(mesh_disco_msg_parse(text,
			     p.box_len - MESH_DISCO_TAG_LEN, &m),
	    MESH_OK);
	return m;
}

/* The next datagram to `who` of that type; fails if there is none. */
static struct mesh_path_action
expect(struct fixture *f, const struct stranger *who, enum mesh_disco_type type,
    struct mesh_disco_msg *out)
{
	struct mesh_path_action a;

	while (mesh_path_next(f->p, f->now, &a)) {
		if (a.kind != MESH_PATH_SEND_UDP &&
		    a.kind != MESH_PATH_SEND_RELAY)
			continue;
		*out = unseal(f, who, &a);
		if (out->type == type)
			return a;
	}
	fail_msg("no datagram of type %d", type);
	return a;
}

static int
route(struct fixture *f, struct mesh_path_route *r)
{
	return mesh_path_route(f->p, f->handle, f->now, r);
}

/* Makes the path to the peer direct. */
static void
go_direct(struct fixture *f)
{
	struct mesh_path_route r;
	struct mesh_disco_msg m;
	uint8_t buf[1500];

	assert_int_equal(route(f, &r), MESH_OK);
	struct mesh_path_action a = expect(f, &f->peer, MESH_DISCO_PING, &m);
	f->now.ns += 10 * MESH_MS;
	size_t len = make_pong(f, &f->peer, &m.txid, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &a.to, buf, len, f->now),
	    MESH_OK);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &a.to));
	assert_int_equal(r.region, 0);
	f->now.ns += SEARCH_ENDS_NS;
	mesh_path_tick(f->p, f->now);
}

static void
test_ping_is_answered(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint from = endpoint("198.51.100.7:7777");
	struct mesh_disco_msg m;
	uint8_t buf[1500];
	size_t len = make_ping(f, &f->peer, 42, buf);

	assert_null(mesh_path_peer_at(f->p, &from));
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_OK);
	struct mesh_path_action a = expect(f, &f->peer, MESH_DISCO_PONG, &m);
	assert_int_equal(a.kind, MESH_PATH_SEND_UDP);
	assert_true(mesh_endpoint_eq(&a.to, &from));
	assert_true(mesh_endpoint_eq(&m.seen, &from));
	assert_int_equal(m.txid.b[0], 42);
	/* The address is the peer's now, and tried at once. */
	assert_ptr_equal(mesh_path_peer_at(f->p, &from), f->handle);
	a = expect(f, &f->peer, MESH_DISCO_PING, &m);
	assert_true(mesh_endpoint_eq(&a.to, &from));
	assert_memory_equal(&m.node, &f->self.node, sizeof(m.node));

	/* The same ping again is not answered. */
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_ERR_DENIED);
	assert_int_equal(drain(f), 0);
}

static void
test_ping_by_relay(void **state)
{
	struct fixture *f = *state;
	struct mesh_disco_msg m;
	uint8_t buf[1500];
	size_t len = make_ping(f, &f->peer, 1, buf);

	assert_int_equal(mesh_path_disco_relay(f->p, 7, &f->peer.node, buf, len,
			     f->now),
	    MESH_OK);
	struct mesh_path_action a = expect(f, &f->peer, MESH_DISCO_PONG, &m);
	assert_int_equal(a.kind, MESH_PATH_SEND_RELAY);
	assert_int_equal(a.region, 7);
	assert_memory_equal(&a.node, &f->peer.node, sizeof(a.node));
	assert_int_equal(m.seen.port, 7);
	/* The relay says that it is from somebody else. */
	len = make_ping(f, &f->peer, 2, buf);
	assert_int_equal(mesh_path_disco_relay(f->p, 7, &f->other.node, buf,
			     len, f->now),
	    MESH_ERR_DENIED);
	assert_int_equal(drain(f), 0);
}

static void
test_strangers(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint from = endpoint("198.51.100.7:7777");
	struct mesh_path_stats s;
	uint8_t buf[1500];

	/* Not a peer. */
	size_t len = make_ping(f, &f->other, 1, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_ERR_STRAY);
	/* Every truncation and every flipped bit of a good one. */
	len = make_ping(f, &f->peer, 2, buf);
	for (size_t cut = 0; cut < len; cut++)
		assert_true(mesh_path_disco_udp(f->p, &from, buf, cut, f->now) <
			    0);
	for (size_t bit = 0; bit < len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(mesh_path_disco_udp(f->p, &from, buf, len, f->now) <
			    0);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(drain(f), 0);
	assert_null(mesh_path_peer_at(f->p, &from));
	mesh_path_stats(f->p, &s);
	assert_int_equal(s.pings_received, 0);
	assert_true(s.dropped_unknown > 0 && s.dropped_box > 0 &&
		    s.dropped_malformed > 0);
	/* Sealed well, but nonsense inside; and of a type from the future. */
	struct mesh_wr w = mesh_wr_init((uint8_t[16]){1, 0, 3}, 16);
	w.len = 13;
	uint8_t out[1500];
	len = seal(f, &f->peer, &w, out);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, out, len, f->now),
	    MESH_ERR_FORMAT);
	w.buf[0] = 77;
	len = seal(f, &f->peer, &w, out);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, out, len, f->now),
	    MESH_OK);
	assert_int_equal(drain(f), 0);
}

static void
test_pong_rules(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint elsewhere = endpoint("203.0.113.77:1");
	struct mesh_path_route r;
	struct mesh_disco_msg m;
	uint8_t buf[1500];

	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0);
	assert_int_equal(r.region, REGION);
	struct mesh_path_action a = expect(f, &f->peer, MESH_DISCO_PING, &m);

	/* An id that nobody waits for. */
	struct mesh_disco_txid wrong = {{0xee}};
	size_t len = make_pong(f, &f->peer, &wrong, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &a.to, buf, len, f->now),
	    MESH_ERR_STRAY);
	/* The right id, sealed by another peer of ours. */
	tell(f, &f->other, NULL);
	len = make_pong(f, &f->other, &m.txid, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &a.to, buf, len, f->now),
	    MESH_ERR_STRAY);
	/* By relay, though UDP was asked. */
	len = make_pong(f, &f->peer, &m.txid, buf);
	assert_int_equal(mesh_path_disco_relay(f->p, REGION, &f->peer.node, buf,
			     len, f->now),
	    MESH_ERR_DENIED);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0);

	/* From an address that is none of the peer's. */
	f->now.ns += 200 * MESH_MS;
	mesh_path_tick(f->p, f->now);
	a = expect(f, &f->peer, MESH_DISCO_PING, &m);
	len = make_pong(f, &f->peer, &m.txid, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &elsewhere, buf, len,
			     f->now),
	    MESH_ERR_DENIED);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0);

	/* Too late. */
	f->now.ns += 400 * MESH_MS;
	mesh_path_tick(f->p, f->now);
	a = expect(f, &f->peer, MESH_DISCO_PING, &m);
	f->now.ns += MESH_PATH_PONG_TIMEOUT_NS;
	mesh_path_tick(f->p, f->now);
	len = make_pong(f, &f->peer, &m.txid, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &a.to, buf, len, f->now),
	    MESH_ERR_STRAY);
}

static void
test_trust(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_route r;

	go_direct(f);
	f->now.ns += MESH_PATH_TRUST_NS - SEARCH_ENDS_NS - 1;
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, 0);
	f->now.ns += 1;
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, REGION); /* both ways now */
	assert_int_not_equal(r.udp.port, 0);
	f->now.ns += 6 * MESH_SEC;
	mesh_path_tick(f->p, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0); /* pings were not answered */
}

static void
test_unreachable(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint other = endpoint("192.0.2.99:1");
	struct mesh_path_route r;

	go_direct(f);
	assert_int_equal(route(f, &r), MESH_OK);
	mesh_path_unreachable(f->p, f->handle, &other, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, 0);
	mesh_path_unreachable(f->p, f->handle, &r.udp, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0);
	assert_int_equal(r.region, REGION);
}

static void
test_call_rules(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint udp = endpoint("192.0.2.1:1000");
	struct mesh_endpoint eps[6] = {endpoint("198.51.100.1:1"),
	    endpoint("127.0.0.1:22"), endpoint("[fe80::1]:5"),
	    endpoint("224.0.0.1:5"), endpoint("255.255.255.255:5"),
	    endpoint("[fd7a:115c:a1e0::1]:5")};
	struct mesh_path_status st;
	struct mesh_path_action a;
	uint8_t buf[1500];
	unsigned pings = 0;

	/* By UDP, and by relay in another's name: no. */
	size_t len = make_call(f, &f->peer, eps, ARRAY_LEN(eps), buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &udp, buf, len, f->now),
	    MESH_ERR_DENIED);
	tell(f, &f->other, NULL);
	assert_int_equal(mesh_path_disco_relay(f->p, REGION, &f->other.node,
			     buf, len, f->now),
	    MESH_ERR_DENIED);
	assert_int_equal(drain(f), 0);

	/* By relay: the one good address is pinged, with the known one. */
	assert_int_equal(mesh_path_disco_relay(f->p, REGION, &f->peer.node, buf,
			     len, f->now),
	    MESH_OK);
	while (mesh_path_next(f->p, f->now, &a)) {
		if (a.kind != MESH_PATH_SEND_UDP)
			continue;
		pings++;
		assert_true(mesh_endpoint_eq(&a.to, &eps[0]) ||
			    mesh_endpoint_eq(&a.to, &udp));
	}
	assert_int_equal(pings, 2);

	/* A later call replaces an earlier one. */
	eps[0] = endpoint("198.51.100.2:2");
	len = make_call(f, &f->peer, eps, 1, buf);
	assert_int_equal(mesh_path_disco_relay(f->p, REGION, &f->peer.node, buf,
			     len, f->now),
	    MESH_OK);
	mesh_path_status(f->p, f->handle, f->now, &st);
	assert_int_equal(st.candidates, 2);

	/* A flood of calls does not become a flood of pings. */
	drain(f);
	pings = 0;
	for (unsigned i = 0; i < 1000; i++) {
		eps[0].port = (uint16_t)(100 + i);
		len = make_call(f, &f->peer, eps, 1, buf);
		assert_int_equal(mesh_path_disco_relay(f->p, REGION,
				     &f->peer.node, buf, len, f->now),
		    MESH_OK);
		pings += drain(f);
	}
	assert_true(pings <= 20);
}

/* The source of each of very many pings: bounded, and the netmap's stays. */
static void
test_candidates_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_status st;
	struct mesh_path_stats stats;
	uint8_t buf[1500];

	for (unsigned i = 0; i < 1000; i++) {
		struct mesh_endpoint from = endpoint("198.51.100.7:1");

		from.port = (uint16_t)(1000 + i);
		size_t len = make_ping(f, &f->peer, (uint8_t)i, buf);
		f->now.ns += MESH_MS;
		assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len,
				     f->now),
		    MESH_OK);
		drain(f);
	}
	mesh_path_status(f->p, f->handle, f->now, &st);
	assert_int_equal(st.candidates, MESH_PATH_CANDIDATES_MAX);
	mesh_path_stats(f->p, &stats);
	assert_true(stats.pings_sent < 100); /* one back each, by rate */
	assert_true(stats.dropped_limit > 0);
	go_direct(f);
	/* Silent for 45 s: forgotten with the next sweep. */
	struct mesh_path_route r;
	f->now.ns += 46 * MESH_SEC;
	route(f, &r);
	mesh_path_status(f->p, f->handle, f->now, &st);
	assert_int_equal(st.candidates, 1);
}

static void
test_queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint from = endpoint("198.51.100.7:1");
	struct mesh_path_stats stats;
	uint8_t buf[1500];

	for (unsigned i = 0; i < MESH_PATH_QUEUE_MAX + 100; i++) {
		size_t len = make_ping(f, &f->peer, (uint8_t)i, buf);

		mesh_path_disco_udp(f->p, &from, buf, len, f->now);
	}
	assert_int_equal(drain(f), MESH_PATH_QUEUE_MAX);
	mesh_path_stats(f->p, &stats);
	assert_true(stats.dropped_limit >= 100);
}

static void
test_relay_choice(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_route r;

	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, REGION);
	/* Heard by another one, which is open; home is open too. */
	mesh_path_relay_up(f->p, 901, true, f->now);
	mesh_path_received_relay(f->p, f->handle, 901, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, REGION);
	mesh_path_relay_up(f->p, REGION, false, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, 901);
	mesh_path_relay_gone(f->p, REGION, &f->peer.node);
	mesh_path_relay_gone(f->p, 901, &f->other.node);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, 901);
	mesh_path_relay_gone(f->p, 901, &f->peer.node);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, REGION); /* to be opened */
	mesh_path_received_relay(f->p, f->handle, 901, f->now);
	mesh_path_relay_up(f->p, 901, false, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, REGION);
	/* Without a home: the way it came. */
	struct mesh_path_peer_info info = {
	    .node = f->peer.node, .disco = f->peer.disco};
	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &f->handle),
	    MESH_OK);
	assert_int_equal(route(f, &r), MESH_ERR_NOTFOUND);
	mesh_path_received_relay(f->p, f->handle, 901, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.region, 901);
}

static void
test_expired(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_route r;
	struct mesh_path_peer_info info = {.node = f->peer.node,
	    .disco = f->peer.disco,
	    .home = REGION,
	    .expired = true};

	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &f->handle),
	    MESH_OK);
	assert_int_equal(route(f, &r), MESH_ERR_EXPIRED);
	assert_int_equal(mesh_path_ping(f->p, f->handle, 1, f->now),
	    MESH_ERR_EXPIRED);
	assert_int_equal(drain(f), 0);
}

static void
test_wg_only(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint eps[2] = {
	    endpoint("192.0.2.50:51820"), endpoint("192.0.2.51:51820")};
	struct mesh_endpoint moved = endpoint("192.0.2.52:999");
	struct mesh_path_peer_info info = {
	    .node = {{9, 9}},
	    .wg_only = true,
	    .endpoints = eps,
	    .endpoint_count = 2,
	};
	struct mesh_endpoint others[MESH_PATH_ELSEWHERE_MAX];
	struct mesh_path_route r, again;

	assert_int_equal(mesh_path_elsewhere(f->p, f->handle, others), 0);
	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &f->handle),
	    MESH_OK);
	assert_ptr_equal(mesh_path_peer_at(f->p, &eps[1]), f->handle);
	/* One after the other, a second each. */
	assert_int_equal(route(f, &r), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &eps[0]));
	assert_int_equal(r.region, 0);
	assert_int_equal(mesh_path_elsewhere(f->p, f->handle, others), 1);
	assert_true(mesh_endpoint_eq(&others[0], &eps[1]));
	f->now.ns += MESH_SEC - 1;
	assert_int_equal(route(f, &again), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &again.udp));
	f->now.ns += 1;
	assert_int_equal(route(f, &r), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &eps[1]));
	/* Heard from one: that one, also after a silence. */
	mesh_path_received_udp(f->p, f->handle, &eps[0], f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &eps[0]));
	assert_int_equal(mesh_path_elsewhere(f->p, f->handle, others), 0);
	f->now.ns += MESH_MIN;
	assert_int_equal(route(f, &r), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &eps[0]));
	assert_int_equal(mesh_path_elsewhere(f->p, f->handle, others), 1);
	assert_true(mesh_endpoint_eq(&others[0], &eps[1]));
	/* It moves. */
	mesh_path_received_udp(f->p, f->handle, &moved, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_true(mesh_endpoint_eq(&r.udp, &moved));
	assert_ptr_equal(mesh_path_peer_at(f->p, &moved), f->handle);
	/* No disco with it, ever; and no relay. */
	assert_int_equal(drain(f), 0);
	assert_int_equal(mesh_path_ping(f->p, f->handle, 1, f->now),
	    MESH_ERR_NOTFOUND);
	assert_true(mesh_time_is_never(mesh_path_deadline(f->p)) ||
		    mesh_path_deadline(f->p).ns > f->now.ns);
}

/* A plain peer's WireGuard packets from a new address do not move its path. */
static void
test_no_roaming_without_disco(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint moved = endpoint("192.0.2.52:999");
	struct mesh_path_route r;

	mesh_path_received_udp(f->p, f->handle, &moved, f->now);
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0);
	assert_null(mesh_path_peer_at(f->p, &moved));
}

/* Two nodes with one disco key (one machine, shared with two users). */
static void
test_shared_disco_key(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint from = endpoint("198.51.100.7:7777");
	struct stranger twin = f->peer;
	struct mesh_path_status st;
	struct mesh_disco_msg m;
	uint8_t buf[1500];

	twin.node.b[0] = 77;
	struct mesh_path_peer *second = tell(f, &twin, NULL);
	/* The ping says which of them it is. */
	size_t len = make_ping(f, &twin, 1, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_OK);
	assert_ptr_equal(mesh_path_peer_at(f->p, &from), second);
	expect(f, &twin, MESH_DISCO_PONG, &m);
	/* Both may be there. */
	mesh_path_status(f->p, f->handle, f->now, &st);
	assert_int_equal(st.candidates, 2);
	mesh_path_peer_remove(f->p, second);
	assert_null(mesh_path_peer_at(f->p, &from));
	drain(f);
	len = make_ping(f, &twin, 2, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_OK);
	assert_ptr_equal(mesh_path_peer_at(f->p, &from), f->handle);
}

static void
test_removed_peer(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_route r;
	uint8_t buf[1500];
	struct mesh_endpoint from = endpoint("192.0.2.1:1000");

	go_direct(f);
	f->now.ns += 10 * MESH_SEC;
	assert_int_equal(route(f, &r), MESH_OK); /* pings wait to be sent */
	mesh_path_peer_remove(f->p, f->handle);
	assert_int_equal(drain(f), 0);
	assert_null(mesh_path_peer_find(f->p, &f->peer.node));
	assert_null(mesh_path_peer_at(f->p, &from));
	assert_int_equal(mesh_path_peer_count(f->p), 0);
	size_t len = make_ping(f, &f->peer, 1, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_ERR_STRAY);
	f->now.ns += MESH_MIN;
	mesh_path_tick(f->p, f->now);
	assert_int_equal(drain(f), 0);
	assert_true(mesh_time_is_never(mesh_path_deadline(f->p)));
}

static void
test_peer_refused(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_peer_info info = {.home = REGION};
	struct mesh_path_peer *peer = NULL;

	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &peer),
	    MESH_ERR_ARG);
	info.node = f->self.node;
	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &peer),
	    MESH_ERR_ARG);
	assert_null(peer);
	/* A disco key that no secret can be shared with. */
	info.node = f->other.node;
	info.disco = (struct mesh_disco_key){{1}};
	assert_int_equal(mesh_path_peer_set(f->p, &info, f->now, &f->handle),
	    MESH_OK);
	assert_int_equal(mesh_path_ping(f->p, f->handle, 1, f->now), MESH_OK);
	assert_int_equal(drain(f), 0);
}

static void
test_user_pings_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_action a;
	unsigned timeouts = 0;

	for (uint64_t i = 0; i < MESH_PATH_PINGS_MAX; i++)
		assert_int_equal(mesh_path_ping(f->p, f->handle, i, f->now),
		    MESH_OK);
	assert_int_equal(mesh_path_ping(f->p, f->handle, 99, f->now),
	    MESH_ERR_LIMIT);
	drain(f);
	while (timeouts == 0) {
		f->now = mesh_path_deadline(f->p);
		mesh_path_tick(f->p, f->now);
		while (mesh_path_next(f->p, f->now, &a)) {
			if (a.kind == MESH_PATH_PONG) {
				assert_int_equal(a.err, MESH_ERR_TIMEOUT);
				assert_int_equal(a.id, timeouts++);
			}
		}
	}
	assert_int_equal(timeouts, MESH_PATH_PINGS_MAX);
	assert_int_equal(mesh_path_ping(f->p, f->handle, 1, f->now), MESH_OK);
}

static void
test_own_key_rotates(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint from = endpoint("198.51.100.7:7777");
	struct mesh_disco_msg m;
	uint8_t buf[1500];
	size_t old_len = make_ping(f, &f->peer, 1, buf);
	struct stranger fresh = stranger(50);

	mesh_path_set_disco(f->p, &fresh.secret, f->now);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, old_len, f->now),
	    MESH_ERR_AUTH);
	f->self.secret = fresh.secret;
	f->self.disco = fresh.disco;
	size_t len = make_ping(f, &f->peer, 2, buf);
	assert_int_equal(mesh_path_disco_udp(f->p, &from, buf, len, f->now),
	    MESH_OK);
	expect(f, &f->peer, MESH_DISCO_PONG, &m);
}

static void
test_stun_is_ours(void **state)
{
	struct fixture *f = *state;
	struct mesh_stun_txid txid = {{1}};
	struct mesh_endpoint seen = endpoint("203.0.113.1:5");
	uint8_t buf[MESH_STUN_RESPONSE_MAX];
	size_t len = mesh_stun_response(&txid, &seen, buf), count;

	assert_int_equal(mesh_path_sniff(buf, len), MESH_PATH_STUN);
	assert_int_equal(mesh_path_stun(f->p, buf, len, f->now),
	    MESH_ERR_STRAY);
	assert_int_equal(mesh_path_stun(f->p, buf, len - 1, f->now),
	    MESH_ERR_FORMAT);
	mesh_path_endpoints(f->p, &count);
	assert_int_equal(count, 1); /* the local one */
}

static void
test_single_home_at_once(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_region regions[2] = {{.id = 5}, {.id = 6}};
	struct mesh_path_stun stun = {.v4 = endpoint("203.0.113.1:3478")};
	struct mesh_path_action a;
	unsigned homes = 0;

	regions[0].nodes = regions[1].nodes = &stun;
	regions[0].node_count = regions[1].node_count = 1;
	regions[1].no_home = true;
	assert_int_equal(mesh_path_set_regions(f->p, regions, 2, f->now),
	    MESH_OK);
	while (mesh_path_next(f->p, f->now, &a)) {
		if (a.kind == MESH_PATH_HOME) {
			assert_int_equal(a.region, 5);
			homes++;
		}
	}
	assert_int_equal(homes, 1);
	/* The same table again: nothing happens. */
	f->now.ns += MESH_SEC;
	assert_int_equal(mesh_path_set_regions(f->p, regions, 2, f->now),
	    MESH_OK);
	assert_int_equal(drain(f), 0);
}

/* 7.6: while control is away home stays, unless there was none. */
static void
test_home_without_control(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_region regions[2] = {{.id = REGION}, {.id = 6}};
	struct mesh_path_stun stun[2] = {{.v4 = endpoint("203.0.113.1:3478")},
	    {.v4 = endpoint("203.0.113.2:3478")}};
	struct mesh_path_netinfo info;

	for (size_t i = 0; i < 2; i++) {
		regions[i].nodes = &stun[i];
		regions[i].node_count = 1;
	}
	for (unsigned connected = 0; connected < 2; connected++) {
		struct mesh_path_action a;

		mesh_path_set_control(f->p, connected);
		regions[0].score_permille = 900 + connected; /* another table */
		assert_int_equal(mesh_path_set_regions(f->p, regions, 2,
				     f->now),
		    MESH_OK);
		/* Only region 6 answers. */
		while (mesh_path_next(f->p, f->now, &a)) {
			uint8_t buf[MESH_STUN_RESPONSE_MAX];
			struct mesh_stun_txid txid;

			if (a.kind != MESH_PATH_SEND_UDP ||
			    !mesh_endpoint_eq(&a.to, &stun[1].v4))
				continue;
			assert_int_equal(mesh_stun_request_parse(a.data, a.len,
					     &txid),
			    MESH_OK);
			f->now.ns += MESH_MS;
			mesh_path_stun(f->p, buf,
			    mesh_stun_response(&txid, &a.to, buf), f->now);
		}
		f->now.ns += 4 * MESH_SEC;
		mesh_path_tick(f->p, f->now);
		mesh_path_netinfo(f->p, &info);
		assert_int_equal(info.home, connected ? 6 : REGION);
		drain(f);
	}
}

/* A host with no UDP at all still has a home relay. */
static void
test_home_without_udp(void **state)
{
	struct fixture *f = *state;
	struct mesh_path_region regions[3] = {{.id = 5}, {.id = 6}, {.id = 7}};
	struct mesh_path_stun stun = {.v4 = endpoint("203.0.113.1:3478")};
	struct mesh_path_link none = {.up4 = false};
	struct mesh_path_netinfo info;
	struct mesh_path_route r;

	for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
		regions[i].nodes = &stun;
		regions[i].node_count = 1;
	}
	mesh_path_set_link(f->p, &none, true, f->now);
	assert_int_equal(mesh_path_set_regions(f->p, regions, 3, f->now),
	    MESH_OK);
	mesh_path_netinfo(f->p, &info);
	assert_in_range(info.home, 5, 7);
	/* And the tunnel goes by relay, with no datagram by UDP. */
	assert_int_equal(route(f, &r), MESH_OK);
	assert_int_equal(r.udp.port, 0);
	struct mesh_path_action a;
	while (mesh_path_next(f->p, f->now, &a))
		assert_int_not_equal(a.kind, MESH_PATH_SEND_UDP);
	/* No region any more: no home. */
	assert_int_equal(mesh_path_set_regions(f->p, NULL, 0, f->now), MESH_OK);
	assert_true(mesh_path_next(f->p, f->now, &a));
	assert_int_equal(a.kind, MESH_PATH_HOME);
	assert_int_equal(a.region, 0);
}

/* A call makes a dead path lose its trust within half a second; a path that
 * answers keeps it. */
static void
test_call_casts_doubt(void **state)
{
	struct fixture *f = *state;
	struct mesh_endpoint eps[1] = {endpoint("198.51.100.1:1")};
	struct mesh_path_route r;
	struct mesh_disco_msg m;
	uint8_t buf[1500];

	for (unsigned alive = 0; alive < 2; alive++) {
		go_direct(f);
		drain(f);
		size_t len = make_call(f, &f->peer, eps, 1, buf);
		assert_int_equal(mesh_path_disco_relay(f->p, REGION,
				     &f->peer.node, buf, len, f->now),
		    MESH_OK);
		if (alive) {
			struct mesh_path_action a =
			    expect(f, &f->peer, MESH_DISCO_PING, &m);
			len = make_pong(f, &f->peer, &m.txid, buf);
			assert_int_equal(mesh_path_disco_udp(f->p, &a.to, buf,
					     len, f->now),
			    MESH_OK);
		}
		assert_int_equal(route(f, &r), MESH_OK);
		assert_int_equal(r.region, 0);
		f->now.ns += 501 * MESH_MS;
		assert_int_equal(route(f, &r), MESH_OK);
		assert_int_equal(r.region, alive ? 0 : REGION);
		pass(f, MESH_MIN);
	}
}

/* One story with every allocation failing once: nothing crashes or leaks, and
 * what was refused can be asked again. */
static void
test_allocation_fails(void **state)
{
	struct fixture base = *(struct fixture *)*state;
	struct mesh_path_config config = {
	    .node = base.self.node, .disco = base.self.secret};
	struct mesh_path_stun stun = {.v4 = endpoint("203.0.113.1:3478")};
	struct mesh_path_region region = {
	    .id = REGION, .nodes = &stun, .node_count = 1};
	struct mesh_endpoint eps[20], local = endpoint("192.168.1.2:1");
	struct mesh_path_link link = {.up4 = true,
	    .port4 = 1,
	    .addresses = &local.ip,
	    .address_count = 1};
	struct mesh_path_peer_info info = {.node = base.peer.node,
	    .disco = base.peer.disco,
	    .home = REGION,
	    .endpoints = eps,
	    .endpoint_count = ARRAY_LEN(eps)};
	bool failed = true;

	for (size_t i = 0; i < ARRAY_LEN(eps); i++) {
		eps[i] = endpoint("192.0.2.1:1");
		eps[i].port = (uint16_t)(i + 1);
	}
	for (size_t n = 1; failed; n++) {
		struct fixture f = base;
		struct mesh_path_route r;
		uint8_t buf[1500];
		int err;

		fail_at = n;
		err = mesh_path_new(&config, f.now, &f.p);
		if (err == MESH_OK) {
			mesh_path_set_link(f.p, &link, true, f.now);
			(void)mesh_path_set_regions(f.p, &region, 1, f.now);
			err = mesh_path_peer_set(f.p, &info, f.now, &f.handle);
			if (err == MESH_OK)
				(void)route(&f, &r);
			size_t len = make_ping(&f, &f.peer, 1, buf);
			(void)mesh_path_disco_udp(f.p, &local, buf, len, f.now);
			drain(&f);
			failed = fail_at == 0;
			fail_at = 0;
			assert_int_equal(mesh_path_peer_set(f.p, &info, f.now,
					     &f.handle),
			    MESH_OK);
			mesh_path_free(f.p);
		}
		assert_true(err == MESH_OK || err == MESH_ERR_NOMEM);
	}
	fail_at = 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(test_ping_is_answered),
	    T(test_ping_by_relay),
	    T(test_strangers),
	    T(test_pong_rules),
	    T(test_trust),
	    T(test_unreachable),
	    T(test_call_rules),
	    T(test_candidates_are_bounded),
	    T(test_queue_is_bounded),
	    T(test_relay_choice),
	    T(test_expired),
	    T(test_wg_only),
	    T(test_no_roaming_without_disco),
	    T(test_shared_disco_key),
	    T(test_removed_peer),
	    T(test_peer_refused),
	    T(test_user_pings_are_bounded),
	    T(test_own_key_rotates),
	    T(test_stun_is_ours),
	    T(test_single_home_at_once),
	    T(test_home_without_control),
	    T(test_home_without_udp),
	    T(test_call_casts_doubt),
	    T(test_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
