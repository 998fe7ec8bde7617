/* SPDX-License-Identifier: ISC
 * The packet filter: dataplane.md 10 row by row, the life of a flow when rules
 * change, what is sent back, and tables that must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter/check.h"
#include "packets.h"
#include "wire/tsmp.h"

#define US "100.64.0.1"
#define US6 "fd7a:115c:a1e0::1"
#define PEER "100.64.0.2"
#define PEER6 "fd7a:115c:a1e0::2"
#define OTHER "100.64.0.3"

static const uint8_t seed[MESH_FILTER_SEED_LEN] = {1, 2, 3};

static const struct rule_text open_rules[] = {
    {PEER " " PEER6, US " " US6, 22, 80, 0},
    {PEER, US, 0, 65535, 47},
    {PEER, US, 5000, 5000, MESH_PROTO_SCTP},
    {PEER, US, 7, 7, 50}, /* not all ports: never matches */
};

static void
load(struct mesh_filter *f, const struct rule_text *rules, size_t count,
    bool shields)
{
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_diag diag;
	struct mesh_buf out;

	static const char *const local[] = {US "/32", US6 "/128",
	    "192.168.7.0/24", "169.254.169.254/32"};

	mesh_buf_init(&out, MESH_FILTER_TABLE_MAX);
	assert_non_null(b);
	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++) {
		struct mesh_prefix p;

		assert_int_equal(mesh_prefix_parse(mesh_str(local[i]), &p),
		    MESH_OK);
		mesh_filter_build_local(b, &p);
	}
	if (shields)
		mesh_filter_build_shields(b);
	for (size_t i = 0; i < count; i++)
		build_rule_text(b, &rules[i]);
	assert_int_equal(mesh_filter_build_finish(b, &out), MESH_OK);
	assert_int_equal(mesh_filter_load(f, out.data, out.len, &diag),
	    MESH_OK);
	mesh_filter_build_free(b);
	mesh_buf_release(&out);
}

static struct mesh_filter *
filter_open(void)
{
	struct mesh_filter *f = mesh_filter_new(64, seed);

	assert_non_null(f);
	load(f, open_rules, sizeof(open_rules) / sizeof(*open_rules), false);
	return f;
}

static struct packet
packet(const char *src, const char *dst, uint8_t proto, uint16_t sport,
    uint16_t dport, uint8_t what)
{
	struct mesh_ip s = ip_of(src), d = ip_of(dst);

	return packet_make(&s, &d, proto, sport, dport, what);
}

static enum mesh_filter_verdict
in(struct mesh_filter *f, struct packet p)
{
	return mesh_filter_in(f, p.b, p.len, false, (struct mesh_time){0});
}

static enum mesh_filter_verdict
out(struct mesh_filter *f, struct packet p)
{
	return mesh_filter_out(f, p.b, p.len, false, (struct mesh_time){0});
}

/* A fresh filter and one packet. */
static void
test_inbound(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t proto;
		uint16_t dport;
		uint8_t what;
		enum mesh_filter_verdict verdict;
	} rows[] = {
	    {PEER, US, 6, 22, MESH_TCP_SYN, MESH_FILTER_PASS},
	    {PEER, US, 6, 80, MESH_TCP_SYN, MESH_FILTER_PASS},
	    {PEER, US, 6, 21, MESH_TCP_SYN, MESH_FILTER_REFUSED},
	    {PEER, US, 6, 81, MESH_TCP_SYN, MESH_FILTER_REFUSED},
	    {OTHER, US, 6, 22, MESH_TCP_SYN, MESH_FILTER_REFUSED},
	    {PEER6, US6, 6, 22, MESH_TCP_SYN, MESH_FILTER_PASS},
	    {"fd7a::9", US6, 6, 22, MESH_TCP_SYN, MESH_FILTER_REFUSED},
	    /* no SYN: answers to what we opened */
	    {OTHER, US, 6, 21, MESH_TCP_ACK, MESH_FILTER_PASS},
	    {OTHER, US, 6, 21, MESH_TCP_SYN | MESH_TCP_ACK, MESH_FILTER_PASS},
	    {OTHER, US, 6, 21, MESH_TCP_RST, MESH_FILTER_PASS},
	    {PEER, US, 17, 53, 0, MESH_FILTER_PASS},
	    {PEER, US, 17, 99, 0, MESH_FILTER_REFUSED},
	    {PEER, US, 132, 5000, 0, MESH_FILTER_PASS},
	    {PEER, US, 132, 22, 0, MESH_FILTER_REFUSED},
	    {PEER, US, 1, 0, MESH_ICMP4_ECHO, MESH_FILTER_PASS},
	    {PEER6, US6, 58, 0, MESH_ICMP6_ECHO, MESH_FILTER_PASS},
	    {OTHER, US, 1, 0, MESH_ICMP4_ECHO, MESH_FILTER_REFUSED},
	    {OTHER, US, 1, 0, MESH_ICMP4_ECHO_REPLY, MESH_FILTER_PASS},
	    {OTHER, US, 1, 0, MESH_ICMP4_TIME_EXCEEDED, MESH_FILTER_PASS},
	    {"fd7a::9", US6, 58, 0, MESH_ICMP6_TOO_BIG, MESH_FILTER_PASS},
	    {OTHER, US, 99, 0, 0, MESH_FILTER_PASS},
	    {PEER, US, 47, 0, 0, MESH_FILTER_PASS},
	    {OTHER, US, 47, 0, 0, MESH_FILTER_REFUSED},
	    {PEER, US, 50, 0, 0, MESH_FILTER_REFUSED},
	    {PEER, US, 58, 0, MESH_ICMP6_ECHO, MESH_FILTER_REFUSED},
	    {PEER, OTHER, 6, 22, MESH_TCP_SYN, MESH_FILTER_NOT_OURS},
	    {PEER, OTHER, 1, 0, MESH_ICMP4_ECHO_REPLY, MESH_FILTER_NOT_OURS},
	    {PEER, "192.168.7.9", 6, 22, MESH_TCP_SYN, MESH_FILTER_REFUSED},
	    {PEER, "224.0.0.1", 17, 22, 0, MESH_FILTER_MULTICAST},
	    {PEER6, "ff02::1", 17, 22, 0, MESH_FILTER_MULTICAST},
	    {PEER, "169.254.1.1", 17, 22, 0, MESH_FILTER_LINKLOCAL},
	    {PEER6, "fe80::1", 17, 22, 0, MESH_FILTER_LINKLOCAL},
	    {PEER, "169.254.169.254", 17, 22, 0, MESH_FILTER_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mesh_filter *f = filter_open();
		enum mesh_filter_verdict v = in(f,
		    packet(rows[i].src, rows[i].dst, rows[i].proto, 40000,
			rows[i].dport, rows[i].what));

		if (v != rows[i].verdict)
			fail_msg("row %zu: %s", i, mesh_filter_verdict_name(v));
		assert_int_equal(mesh_filter_count(f, MESH_FILTER_IN, v), 1);
		mesh_filter_free(f);
	}
}

static void
test_shapes(void **state)
{
	struct mesh_filter *f = filter_open();
	struct packet p = packet(OTHER, US, 17, 1, 9999, 0);

	(void)state;
	assert_int_equal(mesh_filter_in(f, p.b, 0, false, MESH_NEVER),
	    MESH_FILTER_PASS); /* keepalive */
	assert_int_equal(mesh_filter_in(f, p.b, 19, false, MESH_NEVER),
	    MESH_FILTER_MALFORMED);
	assert_int_equal(mesh_filter_in(f, p.b, p.len - 1, false, MESH_NEVER),
	    MESH_FILTER_MALFORMED);
	p.b[6] = 0x00;
	p.b[7] = 0x0a; /* a later fragment, 80 bytes in */
	assert_int_equal(in(f, p), MESH_FILTER_PASS);
	p.b[7] = 0x09; /* could overlap the transport header */
	assert_int_equal(in(f, p), MESH_FILTER_MALFORMED);
	assert_int_equal(out(f, p), MESH_FILTER_MALFORMED);
	p.b[0] = 0x55;
	assert_int_equal(in(f, p), MESH_FILTER_MALFORMED);
	mesh_filter_free(f);
}

static void
test_outbound(void **state)
{
	struct mesh_filter *f = filter_open();

	(void)state;
	assert_int_equal(out(f, packet(US, OTHER, 6, 1, 2, MESH_TCP_SYN)),
	    MESH_FILTER_PASS);
	assert_int_equal(out(f, packet(US, OTHER, 1, 0, 0, MESH_ICMP4_ECHO)),
	    MESH_FILTER_PASS);
	assert_int_equal(out(f, packet(US, OTHER, 47, 0, 0, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(out(f, packet(US, OTHER, 99, 0, 0, 0)),
	    MESH_FILTER_REFUSED);
	assert_int_equal(out(f, packet(US, "224.0.0.1", 17, 0, 0, 0)),
	    MESH_FILTER_MULTICAST);
	/* the answer to a datagram of ours, and nothing beside it */
	assert_int_equal(out(f, packet(US, OTHER, 17, 500, 53, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(OTHER, US, 17, 53, 500, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(OTHER, US, 17, 54, 500, 0)),
	    MESH_FILTER_REFUSED);
	assert_int_equal(in(f, packet(PEER, US, 17, 53, 500, 0)),
	    MESH_FILTER_REFUSED);
	mesh_filter_free(f);
}

static void
test_no_rules(void **state)
{
	struct mesh_filter *f = mesh_filter_new(64, seed);

	(void)state;
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_SYN)),
	    MESH_FILTER_NO_RULES);
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_ACK)),
	    MESH_FILTER_NO_RULES);
	assert_int_equal(out(f, packet(US, PEER, 17, 9, 22, 0)),
	    MESH_FILTER_PASS);
	load(f, NULL, 0, false);
	assert_int_equal(in(f, packet(PEER, US, 17, 22, 9, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_SYN)),
	    MESH_FILTER_REFUSED);
	mesh_filter_unload(f);
	/* not even when we go on sending */
	assert_int_equal(out(f, packet(US, PEER, 17, 9, 22, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(PEER, US, 17, 22, 9, 0)),
	    MESH_FILTER_NO_RULES);
	mesh_filter_free(f);
}

static void
test_shields_and_jail(void **state)
{
	struct mesh_filter *f = filter_open();
	struct packet syn = packet(PEER, US, 6, 9, 22, MESH_TCP_SYN);
	struct packet ack = packet(PEER, US, 6, 9, 22, MESH_TCP_ACK);
	const struct mesh_time now = {0};

	(void)state;
	assert_int_equal(mesh_filter_in(f, syn.b, syn.len, true, now),
	    MESH_FILTER_JAILED);
	assert_int_equal(in(f, syn), MESH_FILTER_PASS);
	assert_int_equal(mesh_filter_in(f, ack.b, ack.len, true, now),
	    MESH_FILTER_CUT); /* jailed while it ran */

	/* we may still talk to a jailed peer */
	struct packet ours = packet(US, PEER, 17, 7, 8, 0);
	struct packet answer = packet(PEER, US, 17, 8, 7, 0);

	assert_int_equal(mesh_filter_out(f, ours.b, ours.len, true, now),
	    MESH_FILTER_PASS);
	assert_int_equal(mesh_filter_in(f, answer.b, answer.len, true, now),
	    MESH_FILTER_PASS);

	load(f, open_rules, 1, true);
	assert_int_equal(in(f, syn), MESH_FILTER_SHIELDS);
	assert_int_equal(in(f, answer), MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(PEER, US, 1, 0, 0, MESH_ICMP4_ECHO)),
	    MESH_FILTER_SHIELDS);
	assert_int_equal(
	    in(f, packet(PEER, US, 1, 0, 0, MESH_ICMP4_ECHO_REPLY)),
	    MESH_FILTER_PASS);
	mesh_filter_free(f);
}

/* New rules end what a peer opened, in both directions, and nothing else. */
static void
test_rules_change(void **state)
{
	static const struct rule_text other_rules[] = {
	    {PEER, US, 80, 80, 0},
	};
	static const uint8_t protos[] = {MESH_PROTO_TCP, MESH_PROTO_UDP};

	(void)state;
	for (size_t i = 0; i < sizeof(protos); i++) {
		uint8_t proto = protos[i];
		struct mesh_filter *f = filter_open();
		struct packet to22 = packet(PEER, US, proto, 9, 22,
		    MESH_TCP_ACK);
		struct packet from22 = packet(US, PEER, proto, 22, 9,
		    MESH_TCP_ACK);
		struct packet to80 = packet(PEER, US, proto, 9, 80,
		    MESH_TCP_ACK);
		struct packet ours = packet(US, PEER, proto, 70, 71,
		    MESH_TCP_SYN);
		struct packet back = packet(PEER, US, proto, 71, 70,
		    MESH_TCP_ACK);

		assert_int_equal(in(f, packet(PEER, US, proto, 9, 22,
				     MESH_TCP_SYN)),
		    MESH_FILTER_PASS);
		assert_int_equal(out(f, from22), MESH_FILTER_PASS);
		assert_int_equal(in(f, to80), MESH_FILTER_PASS);
		assert_int_equal(out(f, ours), MESH_FILTER_PASS);
		assert_int_equal(mesh_filter_flows(f), 3);
		load(f, other_rules, 1, false);
		assert_int_equal(out(f, from22), MESH_FILTER_CUT);
		assert_int_equal(in(f, to22), MESH_FILTER_CUT);
		assert_int_equal(in(f, to80), MESH_FILTER_PASS);
		assert_int_equal(in(f, back), MESH_FILTER_PASS);
		/* cut stays cut, even when the rules come back */
		load(f, open_rules, 1, false);
		assert_int_equal(in(f, to22), MESH_FILTER_CUT);
		mesh_filter_unload(f);
		assert_int_equal(out(f, packet(US, PEER, proto, 80, 9,
				      MESH_TCP_ACK)),
		    MESH_FILTER_CUT);
		assert_int_equal(out(f, ours), MESH_FILTER_PASS);
		mesh_filter_free(f);
	}
}

static void
test_after_cut(void **state)
{
	struct mesh_filter *f = filter_open();
	struct packet from53 = packet(US, PEER, 17, 53, 9, 0);
	struct mesh_time t = {0};

	(void)state;
	assert_int_equal(in(f, packet(PEER, US, 17, 9, 53, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_SYN)),
	    MESH_FILTER_PASS);
	load(f, NULL, 0, false);
	/* each packet keeps it cut, silence ends it */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
		    mesh_filter_out(f, from53.b, from53.len, false, t),
		    MESH_FILTER_CUT);
		t = mesh_time_add(t, MESH_FILTER_CUT_NS - 1);
	}
	t = mesh_time_add(t, 1);
	assert_int_equal(mesh_filter_out(f, from53.b, from53.len, false, t),
	    MESH_FILTER_PASS);
	/* a new connection with the same ports is a new flow */
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_ACK)),
	    MESH_FILTER_CUT);
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_SYN)),
	    MESH_FILTER_REFUSED);
	assert_int_equal(out(f, packet(US, PEER, 6, 22, 9, MESH_TCP_SYN)),
	    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_ACK)),
	    MESH_FILTER_PASS);
	mesh_filter_free(f);
}

/* The filter is younger than the connection: see mesh/filter.h. */
static void
test_unknown_opener(void **state)
{
	struct mesh_filter *f = filter_open();

	(void)state;
	assert_int_equal(out(f, packet(US, PEER, 6, 22, 9, MESH_TCP_ACK)),
	    MESH_FILTER_PASS); /* the rules allow PEER to open it: theirs */
	assert_int_equal(out(f, packet(US, PEER, 6, 4000, 443, MESH_TCP_ACK)),
	    MESH_FILTER_PASS); /* not allowed: so it was us */
	load(f, NULL, 0, false);
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_ACK)),
	    MESH_FILTER_CUT);
	assert_int_equal(in(f, packet(PEER, US, 6, 443, 4000, MESH_TCP_ACK)),
	    MESH_FILTER_PASS);
	mesh_filter_free(f);
}

/* 64 places: a peer with thousands of flows cannot push ours out. */
static void
test_full(void **state)
{
	struct mesh_filter *f = filter_open();

	(void)state;
	for (uint16_t i = 0; i < 10; i++)
		assert_int_equal(out(f, packet(US, OTHER, 17, 500, i, 0)),
		    MESH_FILTER_PASS);
	for (uint16_t i = 0; i < 1000; i++)
		assert_int_equal(in(f, packet(PEER, US, 17, i, 22, 0)),
		    MESH_FILTER_PASS);
	assert_int_equal(mesh_filter_flows(f), 64);
	for (uint16_t i = 0; i < 10; i++)
		assert_int_equal(in(f, packet(OTHER, US, 17, i, 500, 0)),
		    MESH_FILTER_PASS);
	/* ours forget their oldest too */
	for (uint16_t i = 0; i < 1000; i++)
		assert_int_equal(out(f, packet(US, OTHER, 17, 501, i, 0)),
		    MESH_FILTER_PASS);
	assert_int_equal(in(f, packet(OTHER, US, 17, 0, 500, 0)),
	    MESH_FILTER_REFUSED);
	assert_int_equal(in(f, packet(OTHER, US, 17, 999, 501, 0)),
	    MESH_FILTER_PASS);
	assert_int_equal(mesh_filter_flows(f), 64);
	assert_null(mesh_filter_new(0, seed));
	assert_null(mesh_filter_new(MESH_FILTER_FLOWS_MAX + 1, seed));
	mesh_filter_free(f);
	mesh_filter_free(NULL);
}

static void
check_reset(const uint8_t *b, size_t len, const char *src, uint32_t seq,
    uint32_t ack, uint8_t flags)
{
	struct mesh_ip_packet p;
	struct mesh_ip want = ip_of(src);
	struct mesh_rd r = mesh_rd_init(b, len);

	mesh_ip_packet_parse(b, len, &p);
	assert_int_equal(p.proto, MESH_PROTO_TCP);
	assert_int_equal(p.len, len);
	assert_true(mesh_ip_eq(&p.src, &want));
	assert_int_equal(p.tcp_flags, flags);
	mesh_rd_skip(&r, p.sub + 4u);
	assert_int_equal(mesh_rd_u32be(&r), seq);
	assert_int_equal(mesh_rd_u32be(&r), ack);
	uint64_t sum = mesh_ip_sum_pseudo(&p.src, &p.dst, p.proto,
	    (uint32_t)len - p.sub);
	assert_int_equal(
	    mesh_ip_sum_fold(mesh_ip_sum(sum, b + p.sub, len - p.sub)), 0);
}

static void
test_resets(void **state)
{
	uint8_t back[MESH_FILTER_ANSWER_MAX], on[MESH_FILTER_ANSWER_MAX];
	struct packet p = packet(PEER, US, 6, 9, 22, MESH_TCP_ACK);
	size_t len = mesh_filter_resets(p.b, p.len, back, on);

	(void)state;
	assert_int_equal(len, 40);
	check_reset(back, len, US, 2000, 1004, MESH_TCP_RST);
	check_reset(on, len, PEER, 1000, 2000, MESH_TCP_RST | MESH_TCP_ACK);

	p = packet(PEER6, US6, 6, 9, 22, MESH_TCP_SYN);
	len = mesh_filter_resets(p.b, p.len, back, on);
	assert_int_equal(len, MESH_FILTER_ANSWER_MAX);
	check_reset(back, len, US6, 0, 1005, MESH_TCP_RST | MESH_TCP_ACK);

	p = packet(PEER, US, 6, 9, 22, MESH_TCP_RST);
	assert_int_equal(mesh_filter_resets(p.b, p.len, back, on), 0);
	p = packet(PEER, US, 17, 9, 22, 0);
	assert_int_equal(mesh_filter_resets(p.b, p.len, back, on), 0);
	assert_int_equal(mesh_filter_resets(p.b, 3, back, on), 0);
}

static void
test_reject(void **state)
{
	uint8_t b[MESH_FILTER_ANSWER_MAX];
	struct packet p = packet(PEER, US, 6, 9, 22, MESH_TCP_SYN);
	size_t len = mesh_filter_reject(p.b, p.len, MESH_FILTER_REFUSED, b);
	struct mesh_ip_packet ip;
	struct mesh_tsmp m;

	(void)state;
	mesh_ip_packet_parse(b, len, &ip);
	assert_int_equal(mesh_tsmp_parse(b, &ip, &m), MESH_OK);
	assert_int_equal(m.type, MESH_TSMP_REJECT);
	assert_int_equal(m.reason, MESH_TSMP_FILTER);
	assert_int_equal(m.src_port, 9);
	assert_int_equal(m.dst_port, 22);
	assert_true(mesh_filter_reject(p.b, p.len, MESH_FILTER_SHIELDS, b) > 0);
	assert_int_equal(mesh_filter_reject(p.b, p.len, MESH_FILTER_NOT_OURS,
			     b),
	    0);
	p = packet(PEER6, US6, 6, 9, 22, MESH_TCP_SYN);
	assert_int_equal(mesh_filter_reject(p.b, p.len, MESH_FILTER_REFUSED,
			     b),
	    0);
	p = packet(PEER, US, 6, 9, 22, MESH_TCP_ACK);
	assert_int_equal(mesh_filter_reject(p.b, p.len, MESH_FILTER_REFUSED,
			     b),
	    0);
}

/* An exit node serves the internet, not its own network. */
static void
test_exit(void **state)
{
	static const struct {
		const char *dst;
		enum mesh_filter_verdict verdict;
	} rows[] = {
	    {"1.1.1.1", MESH_FILTER_PASS},
	    {"192.168.1.1", MESH_FILTER_NOT_OURS},
	    {"100.64.0.9", MESH_FILTER_NOT_OURS},
	    {US, MESH_FILTER_PASS},
	    {"203.0.113.7", MESH_FILTER_PASS},	  /* our host address */
	    {"203.0.113.8", MESH_FILTER_NOT_OURS}, /* our neighbour */
	};
	static const struct rule_text rule = {PEER, "0.0.0.0/0", 0, 65535, 0};
	struct mesh_filter *f = mesh_filter_new(64, seed);
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_prefix p;
	struct mesh_buf bytes;

	(void)state;
	mesh_buf_init(&bytes, MESH_FILTER_TABLE_MAX);
	(void)mesh_prefix_parse(MESH_STR("0.0.0.0/0"), &p);
	mesh_filter_build_local(b, &p);
	(void)mesh_prefix_parse(MESH_STR(US "/32"), &p);
	mesh_filter_build_local(b, &p);
	(void)mesh_prefix_parse(MESH_STR("203.0.113.7/24"), &p);
	mesh_filter_build_interface(b, &p);
	build_rule_text(b, &rule);
	assert_int_equal(mesh_filter_build_finish(b, &bytes), MESH_OK);
	assert_int_equal(mesh_filter_load(f, bytes.data, bytes.len, NULL),
	    MESH_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(in(f, packet(PEER, rows[i].dst, 17, 1, 2, 0)),
		    rows[i].verdict);
	mesh_filter_build_free(b);
	mesh_buf_release(&bytes);
	mesh_filter_free(f);
}

static void
make_table(struct mesh_buf *bytes)
{
	struct mesh_filter_build *b = mesh_filter_build_new();

	mesh_buf_init(bytes, MESH_FILTER_TABLE_MAX);
	for (size_t i = 0; i < sizeof(open_rules) / sizeof(*open_rules); i++)
		build_rule_text(b, &open_rules[i]);
	assert_int_equal(mesh_filter_build_finish(b, bytes), MESH_OK);
	mesh_filter_build_free(b);
}

/* Every cut is refused and leaves the old table; no flip does harm. */
static void
test_broken_table(void **state)
{
	struct mesh_filter *f = filter_open();
	struct mesh_diag diag;
	struct mesh_buf bytes;

	(void)state;
	make_table(&bytes);
	for (size_t i = 0; i < bytes.len; i++)
		assert_int_not_equal(
		    mesh_filter_load(f, bytes.data, i, &diag), MESH_OK);
	assert_non_null(strstr(diag.text, "filter table is broken at byte"));
	assert_int_equal(in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_SYN)),
	    MESH_FILTER_PASS);
	for (size_t i = 0; i < bytes.len * 8; i++) {
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
		(void)mesh_filter_load(f, bytes.data, bytes.len, &diag);
		(void)in(f, packet(PEER, US, 6, 9, 22, MESH_TCP_SYN));
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	(void)mesh_buf_add_byte(&bytes, 0);
	assert_int_equal(mesh_filter_load(f, bytes.data, bytes.len, &diag),
	    MESH_ERR_FORMAT);
	mesh_buf_release(&bytes);
	mesh_filter_free(f);
}

static void
test_broken_fields(void **state)
{
	static const struct {
		size_t at; /* in the head: see filter/table.h */
		uint8_t byte;
		int err;
	} rows[] = {
	    {0, 'X', MESH_ERR_FORMAT},	/* magic */
	    {4, 2, MESH_ERR_FORMAT},	/* unknown flag */
	    {5, 0xff, MESH_ERR_LIMIT},	/* protocol sets */
	    {7, 0xff, MESH_ERR_LIMIT},	/* sets */
	    {11, 0xff, MESH_ERR_LIMIT}, /* IPv4 entries */
	    {15, 0xff, MESH_ERR_LIMIT}, /* IPv6 entries */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mesh_filter *f = filter_open();
		struct mesh_buf bytes;

		make_table(&bytes);
		bytes.data[rows[i].at] = rows[i].byte;
		assert_int_equal(
		    mesh_filter_load(f, bytes.data, bytes.len, NULL),
		    rows[i].err);
		mesh_buf_release(&bytes);
		mesh_filter_free(f);
	}
}

/* Rules with the same sources share one set. */
static void
test_sharing(void **state)
{
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_buf one, many;
	struct rule_text rule = {"10.0.0.0/8 100.64.0.0/10", US, 1, 1, 0};

	(void)state;
	mesh_buf_init(&one, MESH_FILTER_TABLE_MAX);
	mesh_buf_init(&many, MESH_FILTER_TABLE_MAX);
	build_rule_text(b, &rule);
	assert_int_equal(mesh_filter_build_finish(b, &one), MESH_OK);
	mesh_filter_build_free(b);
	b = mesh_filter_build_new();
	for (uint16_t i = 0; i < 100; i++) {
		rule.first = rule.last = i;
		build_rule_text(b, &rule);
	}
	assert_int_equal(mesh_filter_build_finish(b, &many), MESH_OK);
	mesh_filter_build_free(b);
	assert_int_equal(many.len - one.len, 99 * 18); /* entries alone */
	mesh_buf_release(&one);
	mesh_buf_release(&many);
}

static void
test_build_limits(void **state)
{
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_buf out;
	struct mesh_range r;

	(void)state;
	mesh_buf_init(&out, MESH_FILTER_TABLE_MAX);
	(void)mesh_range_parse(MESH_STR(US), &r);
	mesh_filter_build_rule(b);
	for (uint32_t i = 0; i <= MESH_FILTER_ENTRIES_MAX; i++)
		mesh_filter_build_dest(b, &r, 1, 1);
	assert_int_equal(mesh_filter_build_finish(b, &out), MESH_ERR_LIMIT);
	assert_int_equal(out.len, 0);
	mesh_filter_build_free(b);
	mesh_buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inbound),
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_outbound),
	    cmocka_unit_test(test_no_rules),
	    cmocka_unit_test(test_shields_and_jail),
	    cmocka_unit_test(test_rules_change),
	    cmocka_unit_test(test_after_cut),
	    cmocka_unit_test(test_unknown_opener),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_resets),
	    cmocka_unit_test(test_reject),
	    cmocka_unit_test(test_exit),
	    cmocka_unit_test(test_broken_table),
	    cmocka_unit_test(test_broken_fields),
	    cmocka_unit_test(test_sharing),
	    cmocka_unit_test(test_build_limits),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
