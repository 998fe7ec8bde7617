/* SPDX-License-Identifier: ISC
 * test_tables.c - tables between roles: what goes in comes out; limits hold;
 * truncations are refused.
 */
#include "../../cmd/meshd/tables_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t wire[65536];
static struct mesh_arena arena;

static struct mesh_prefix
prefix(const char *s)
{
	struct mesh_prefix p;

	assert_int_equal(mesh_prefix_parse(mesh_str(s), &p), MESH_OK);
	return p;
}

static struct mesh_endpoint
endpoint(const char *s)
{
	struct mesh_endpoint e;

	assert_int_equal(mesh_endpoint_parse(mesh_str(s), &e), MESH_OK);
	return e;
}

static int
setup(void **state)
{
	(void)state;
	mesh_arena_init(&arena, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mesh_arena_release(&arena);
	return 0;
}

static size_t
a_peer(void)
{
	struct mesh_prefix nets[] = {prefix("100.64.0.7/32"),
	    prefix("10.0.0.0/8"), prefix("fd7a:115c:a1e0::7/128")};
	struct mesh_endpoint eps[] = {endpoint("192.0.2.1:41641"),
	    endpoint("[2001:db8::1]:1")};
	struct tbl_peer p = {.node = {{1}}, .disco = {{2}}, .id = 77,
	    .flags = TBL_PEER_ONLINE, .cap = 130, .home_region = 999,
	    .allowed = {nets, 3}, .endpoints = eps, .endpoint_count = 2};
	struct mesh_wr w = mesh_wr_init(wire, sizeof(wire));

	tbl_peer_put(&w, &p);
	assert_true(mesh_wr_ok(&w));
	return w.len;
}

static void
test_peer(void **state)
{
	size_t len = a_peer();
	struct mesh_rd r = mesh_rd_init(wire, len);
	struct tbl_peer p;

	(void)state;
	assert_int_equal(tbl_peer_get(&r, &arena, &p), MESH_OK);
	assert_true(mesh_rd_done(&r));
	assert_int_equal(p.id, 77);
	assert_int_equal(p.cap, 130);
	assert_int_equal(p.home_region, 999);
	assert_int_equal(p.allowed.count, 3);
	assert_int_equal(mesh_prefix_len(&p.allowed.v[1]), 8);
	assert_int_equal(p.endpoint_count, 2);
	assert_int_equal(p.endpoints[0].port, 41641);
	for (size_t cut = 0; cut < len; cut++) {
		r = mesh_rd_init(wire, cut);
		assert_int_not_equal(tbl_peer_get(&r, &arena, &p), MESH_OK);
	}
}

static void
test_peer_refused(void **state)
{
	size_t len = a_peer();
	struct mesh_rd r;
	struct tbl_peer p;

	(void)state;
	wire[0] = 0; /* no key */
	r = mesh_rd_init(wire, len);
	assert_int_equal(tbl_peer_get(&r, &arena, &p), MESH_ERR_FORMAT);
	len = a_peer();
	wire[82 + 4 + 16] = 97; /* bits behind the length of 100.64.0.7 */
	r = mesh_rd_init(wire, len);
	assert_int_equal(tbl_peer_get(&r, &arena, &p), MESH_ERR_FORMAT);
	len = a_peer();
	memset(wire + 82, 0xff, 4); /* count of prefixes */
	r = mesh_rd_init(wire, len);
	assert_int_equal(tbl_peer_get(&r, &arena, &p), MESH_ERR_LIMIT);
	mesh_arena_release(&arena);
	mesh_arena_init(&arena, 16);
	len = a_peer();
	r = mesh_rd_init(wire, len);
	assert_int_equal(tbl_peer_get(&r, &arena, &p), MESH_ERR_NOMEM);
}

static void
test_self(void **state)
{
	struct mesh_prefix own = prefix("100.64.0.1/32");
	struct mesh_prefix net = prefix("100.64.0.0/10");
	struct tbl_self s = {.node = {{9}}, .id = 5, .flags = TBL_SELF_RUNNING,
	    .peerapi4 = 80, .addrs = {&own, 1}, .routes = {&net, 1}};
	struct mesh_wr w = mesh_wr_init(wire, sizeof(wire));
	struct tbl_self got;

	(void)state;
	tbl_self_put(&w, &s);
	struct mesh_rd r = mesh_rd_init(wire, w.len);
	assert_int_equal(tbl_self_get(&r, &arena, &got), MESH_OK);
	assert_int_equal(got.peerapi4, 80);
	assert_int_equal(got.routes.count, 1);
	s.addrs.v = &net; /* an address, not a network */
	w = mesh_wr_init(wire, sizeof(wire));
	tbl_self_put(&w, &s);
	r = mesh_rd_init(wire, w.len);
	assert_int_equal(tbl_self_get(&r, &arena, &got), MESH_ERR_FORMAT);
}

static void
test_region(void **state)
{
	struct tbl_relay_node n[] = {
	    {.host = "relay.example", .cert = "sha256-raw:00", .relay_port = 443,
		.stun_port = 3478, .ip4 = {{[10] = 0xff, 0xff, 192, 0, 2, 9}}},
	    {.host = "b.example", .cert = "", .relay_port = 8443,
		.flags = TBL_RELAY_INSECURE}};
	struct tbl_region g = {.id = 999, .code = "lab", .nodes = n,
	    .node_count = 2, .score_permille = 1000};
	struct mesh_wr w = mesh_wr_init(wire, sizeof(wire));
	struct tbl_region got;

	(void)state;
	tbl_region_put(&w, &g);
	struct mesh_rd r = mesh_rd_init(wire, w.len);
	assert_int_equal(tbl_region_get(&r, &arena, &got), MESH_OK);
	assert_string_equal(got.code, "lab");
	assert_string_equal(got.nodes[1].host, "b.example");
	assert_int_equal(got.nodes[0].stun_port, 3478);
	wire[3] = '\n'; /* in the code */
	r = mesh_rd_init(wire, w.len);
	assert_int_equal(tbl_region_get(&r, &arena, &got), MESH_ERR_FORMAT);
}

static void
test_engine_state(void **state)
{
	struct tbl_own_endpoint ep = {endpoint("192.0.2.1:5"), TBL_EP_STUN};
	struct tbl_region_latency lat = {999, 1200, 0};
	struct tbl_engine_state s = {.node = {{1}}, .disco = {{2}},
	    .home_region = 999, .net = TBL_NET_UDP, .endpoints = &ep,
	    .endpoint_count = 1, .latencies = &lat, .latency_count = 1,
	    .drop_filter = 3, .in = {[TBL_WAY_UDP6] = {4, 400}},
	    .out = {[TBL_WAY_RELAY] = {5, 500}}};
	struct mesh_wr w = mesh_wr_init(wire, sizeof(wire));
	struct tbl_engine_state got;

	(void)state;
	tbl_engine_state_put(&w, &s);
	struct mesh_rd r = mesh_rd_init(wire, w.len);
	assert_int_equal(tbl_engine_state_get(&r, &arena, &got), MESH_OK);
	assert_true(mesh_rd_done(&r));
	assert_int_equal(got.endpoints[0].kind, TBL_EP_STUN);
	assert_int_equal(got.latencies[0].us4, 1200);
	assert_int_equal(got.drop_filter, 3);
	assert_int_equal(got.in[TBL_WAY_UDP6].packets, 4);
	assert_int_equal(got.out[TBL_WAY_RELAY].bytes, 500);
}

static void
test_small(void **state)
{
	struct mesh_wr w = mesh_wr_init(wire, sizeof(wire));
	struct tbl_pong pong = {.id = 1, .err = MESH_ERR_TIMEOUT,
	    .kind = TBL_PING_ICMP, .latency_ns = 5, .region = 9}, pong2;
	struct tbl_socket sock = {3, TBL_TCP6}, sock2;
	struct tbl_cert_ask ask = {.id = 4, .name = "x", .count = 1,
	    .der = {(const uint8_t *)"abc"}, .der_len = {3}}, ask2;

	(void)state;
	tbl_pong_put(&w, &pong);
	tbl_socket_put(&w, &sock);
	tbl_cert_ask_put(&w, &ask);
	struct mesh_rd r = mesh_rd_init(wire, w.len);
	assert_int_equal(tbl_pong_get(&r, &pong2), MESH_OK);
	assert_int_equal(pong2.err, MESH_ERR_TIMEOUT);
	assert_int_equal(tbl_socket_get(&r, &sock2), MESH_OK);
	assert_int_equal(sock2.kind, TBL_TCP6);
	assert_int_equal(tbl_cert_ask_get(&r, &arena, &ask2), MESH_OK);
	assert_int_equal(ask2.der_len[0], 3);
	assert_true(mesh_rd_done(&r));
	r = mesh_rd_init("\0\0\0\1\7", 5); /* no such kind of socket */
	assert_int_equal(tbl_socket_get(&r, &sock2), MESH_ERR_FORMAT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_peer), T(test_peer_refused),
	    T(test_self), T(test_region), T(test_engine_state), T(test_small)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
