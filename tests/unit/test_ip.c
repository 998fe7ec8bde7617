/* SPDX-License-Identifier: ISC
 * Vectors: protocol/vectors-dataplane.md 10.1 and 10.2, which cite upstream's
 * net/packet/packet_test.go and tsmp_test.go.
 */
#include "test.h"

#include "base/addr.h"
#include "wire/tsmp.h"

#define PACKET_MAX 512

static const struct {
	const char *name, *hex;
	uint8_t version, proto;
	const char *src, *dst; /* with ports, or NULL */
	uint8_t tcp_flags;
	uint16_t sub, data;
} packets[] = {
    {"icmp4",
	"45000027dead000040018c15010203040506070808007d22726571756573745f"
	"7061796c6f6164",
	4, MESH_PROTO_ICMP4, "1.2.3.4:0", "5.6.7.8:0", 0, 20, 24},
    {"icmp6",
	"6000000000083afffe80000000000000fb571dea9c398fb7ff02000000000000"
	"00000000000000028500380400000000",
	6, MESH_PROTO_ICMP6, "[fe80::fb57:1dea:9c39:8fb7]:0", "[ff02::2]:0", 0,
	40, 44},
    {"tcp4",
	"45000037dead00004006495f0102030405060708007b02370000123400000000"
	"5012010000000000726571756573745f7061796c6f6164",
	4, MESH_PROTO_TCP, "1.2.3.4:123", "5.6.7.8:567", 0x12, 20, 40},
    {"tcp6",
	"6006efcc0028064020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200ea4600050f382a12500000000a002fd20b1c60000020405a0"
	"0402080aca76a68e0000000001030307",
	6, MESH_PROTO_TCP, "[2001:559:bc13:5400:1749:4628:3934:e1b]:42080",
	"[2607:f8b0:400a:809::200e]:80", 0x02, 40, 80},
    {"udp4",
	"4500002bdead000040118c010102030405060708007b02370017721d72657175"
	"6573745f7061796c6f6164",
	4, MESH_PROTO_UDP, "1.2.3.4:123", "5.6.7.8:567", 0, 20, 28},
    {"udp6",
	"600ec9670029114020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200ed40401bb002996845c06ae8502f5db90e0e093ed9ad99269"
	"be368a7dd7ced08af25195ffb6927010d7",
	6, MESH_PROTO_UDP, "[2001:559:bc13:5400:1749:4628:3934:e1b]:54276",
	"[2607:f8b0:400a:809::200e]:443", 0, 40, 48},
    {"igmp", "46c000200000400001024122c0a80152e00000fb9404000016000904e00000fb",
	4, MESH_PROTO_IGMP, "192.168.1.82:0", "224.0.0.251:0", 0, 24, 0},
    {"too short", "457463705f7061796c6f6164", 0, MESH_PROTO_UNKNOWN, NULL, NULL,
	0, 0, 0},
    {"IHL beyond the end", "4a000014dead000040118c010102030405060708", 4,
	MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 40, 0},
    {"tsmp reject", "4500001b0000000040635fc3645e0c0e644a4603210641007b0050", 4,
	MESH_PROTO_TSMP, "100.94.12.14:0", "100.74.70.3:0", 0, 20, 20},
    {"sctp", "450000200000000040840102645e0c0e644a4603007b01c80102030405060708",
	4, MESH_PROTO_SCTP, "100.94.12.14:123", "100.74.70.3:456", 0, 20, 32},
    {"first fragment, whole TCP header",
	"4520004c2c62200022063a0f01020304050607080050f38c58ad609425e423a8"
	"801001fdc66e00000101080aff60fbfeba31786a616161616161616161616161"
	"616161616161616161616161",
	4, MESH_PROTO_TCP, "1.2.3.4:80", "5.6.7.8:62348", 0x10, 20, 52},
    {"first fragment, TCP header cut",
	"4520001e2c62200022063c4f01020304050607080050f38c58ad60940000", 4,
	MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 20, 0},
    {"short first fragment, whole header",
	"4500004f00012000400600000102030405060708007b02370000123400000000"
	"5012010000000000616161616161616161616161616161616161616161616161"
	"616161616161616161616161616161",
	4, MESH_PROTO_TCP, "1.2.3.4:123", "5.6.7.8:567", 0x12, 20, 40},
    {"fragment at offset 8",
	"4500002800012008400600000102030405060708616161616161616161616161"
	"6161616161616161",
	4, MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 20, 0},
    {"first fragment, one byte short",
	"4500002700012000400600000102030405060708007b02370000123400000000"
	"50120100000000",
	4, MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 20, 0},
    {"60-byte header, TCP one byte short",
	"4f00004f00012000400600000102030405060708010101010101010101010101"
	"01010101010101010101010101010101010101010101010101010101007b0237"
	"000012340000000050120100000000",
	4, MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 60, 0},
    {"ipv6 first fragment",
	"6000000000182c4020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200e11000001deadbeefd40401bb002996845c06ae8502f5db90",
	6, MESH_PROTO_UDP, "[2001:559:bc13:5400:1749:4628:3934:e1b]:54276",
	"[2607:f8b0:400a:809::200e]:443", 0, 48, 56},
    {"ipv6 later fragment",
	"6000000000102c4020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200e110005c8deadbeef6161616161616161",
	6, MESH_PROTO_FRAGMENT, "[2001:559:bc13:5400:1749:4628:3934:e1b]:0",
	"[2607:f8b0:400a:809::200e]:0", 0, 48, 0},
    {"ipv6 first fragment, UDP header cut",
	"60000000000c2c4020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200e11000001deadbeefd40401bb",
	6, MESH_PROTO_UNKNOWN, "[2001:559:bc13:5400:1749:4628:3934:e1b]:0",
	"[2607:f8b0:400a:809::200e]:0", 0, 48, 0},
    {"ipv6 fragment at offset 8",
	"6000000000102c4020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200e11000008deadbeef6161616161616161",
	6, MESH_PROTO_UNKNOWN, "[2001:559:bc13:5400:1749:4628:3934:e1b]:0",
	"[2607:f8b0:400a:809::200e]:0", 0, 48, 0},
    {"ipv6 fragment header behind hop-by-hop",
	"600000000018004020010559bc1354001749462839340e1b2607f8b0400a0809"
	"000000000000200e2c0001040000000011000001deadbeefd40401bb00180000",
	6, MESH_PROTO_UNKNOWN, "[2001:559:bc13:5400:1749:4628:3934:e1b]:0",
	"[2607:f8b0:400a:809::200e]:0", 0, 40, 0},
    {"protocol 97", "45000019d18640004061751d644a46036449e54968656c6c6f", 4, 97,
	"100.74.70.3:0", "100.73.229.73:0", 0, 20, 0},
    {"protocol 255", "45000019d186400040ff751d644a46036449e54968656c6c6f", 4,
	MESH_PROTO_UNKNOWN, "100.74.70.3:0", "100.73.229.73:0", 0, 20, 0},
    {"IPv4 mapped into IPv6, as a disguise",
	"600000000008114000000000000000000000ffff644000010000000000000000"
	"0000ffff644000020035003500080000",
	6, MESH_PROTO_UNKNOWN, NULL, NULL, 0, 40, 0},
    {"TCP whose options run out of the packet",
	"4500002800000000400600000102030405060708000100020000000000000000"
	"6002000000000000",
	4, MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 20, 0},
    {"IHL of 4", "44000014000000004011000001020304050607080001000200080000", 4,
	MESH_PROTO_UNKNOWN, "1.2.3.4:0", "5.6.7.8:0", 0, 16, 0},
    {"version 5", "550000140000000040110000010203040506070800010002", 0,
	MESH_PROTO_UNKNOWN, NULL, NULL, 0, 0, 0},
};

static struct mesh_ip
ip(const char *text)
{
	struct mesh_ip a;

	assert_int_equal(mesh_ip_parse(mesh_str(text), &a), MESH_OK);
	return a;
}

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		uint8_t buf[PACKET_MAX];
		struct mesh_ip_packet p;
		struct mesh_endpoint src, dst;
		size_t len = test_unhex(packets[i].hex, buf, sizeof(buf));

		print_message("# %s\n", packets[i].name);
		mesh_ip_packet_parse(buf, len, &p);
		assert_int_equal(p.version, packets[i].version);
		assert_int_equal(p.proto, packets[i].proto);
		assert_int_equal(p.tcp_flags, packets[i].tcp_flags);
		assert_int_equal(p.sub, packets[i].sub);
		assert_int_equal(p.data, packets[i].data);
		if (packets[i].src == NULL)
			continue;
		assert_int_equal(mesh_endpoint_parse(mesh_str(packets[i].src),
				     &src),
		    MESH_OK);
		assert_int_equal(mesh_endpoint_parse(mesh_str(packets[i].dst),
				     &dst),
		    MESH_OK);
		assert_true(mesh_ip_eq(&p.src, &src.ip));
		assert_true(mesh_ip_eq(&p.dst, &dst.ip));
		assert_int_equal(p.src_port, src.port);
		assert_int_equal(p.dst_port, dst.port);
	}
}

/* Cut packets are unknown, always; what is behind a packet is no part of it. */
static void
test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		uint8_t buf[PACKET_MAX];
		struct mesh_ip_packet p;
		size_t len = test_unhex(packets[i].hex, buf, sizeof(buf));

		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = malloc(cut + 1);

			assert_non_null(copy);
			memcpy(copy, buf, cut);
			mesh_ip_packet_parse(copy, cut, &p);
			assert_int_equal(p.proto, MESH_PROTO_UNKNOWN);
			free(copy);
		}
		memset(buf + len, 0xff, 16);
		mesh_ip_packet_parse(buf, len + 16, &p);
		assert_int_equal(p.proto, packets[i].proto);
		assert_true(p.version == 0 || p.len <= len ||
			    p.proto == MESH_PROTO_UNKNOWN);
	}
}

static void
test_flipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		uint8_t buf[PACKET_MAX];
		size_t len = test_unhex(packets[i].hex, buf, sizeof(buf));

		for (size_t bit = 0; bit < len * 8; bit++) {
			struct mesh_ip_packet p;

			buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
			mesh_ip_packet_parse(buf, len, &p);
			if (p.proto != MESH_PROTO_UNKNOWN)
				assert_true(p.len <= len && p.sub <= p.len &&
					    p.data <= p.len);
			buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void
test_checksum(void **state)
{
	/* The example of RFC 1071. */
	static const uint8_t rfc[] = {0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7};
	uint8_t odd[] = {0x45, 0x00, 0x01};

	(void)state;
	assert_int_equal(mesh_ip_sum_fold(mesh_ip_sum(0, rfc, sizeof(rfc))),
	    (uint16_t)~0xddf2);
	assert_int_equal(mesh_ip_sum_fold(mesh_ip_sum(0, odd, sizeof(odd))),
	    (uint16_t) ~(0x4500 + 0x0100));
	/* The example of RFC 1624: HC = dd2f, m = 5555, m' = 3285 -> 0000. */
	assert_int_equal(mesh_ip_sum_update(0xdd2f, "\x55\x55", "\x32\x85", 2),
	    0x0000);
}

static bool
checks_out(const uint8_t *pkt, const struct mesh_ip_packet *p)
{
	uint32_t len = p->len - p->sub;
	uint64_t sum =
	    p->proto == MESH_PROTO_ICMP4
		? 0
		: mesh_ip_sum_pseudo(&p->src, &p->dst, p->proto, len);

	if (p->version == 4 &&
	    mesh_ip_sum_fold(mesh_ip_sum(0, pkt, p->sub)) != 0)
		return false;
	return mesh_ip_sum_fold(mesh_ip_sum(sum, pkt + p->sub, len)) == 0;
}

static void
test_rewrite(void **state)
{
	static const struct {
		const char *packet, *to;
	} rows[] = {
	    {"tcp6", "fd7a:115c:a1e0::1"},
	    {"udp6", "fd7a:115c:a1e0::1"},
	    {"udp4", "100.64.0.9"},
	    {"tcp4", "100.64.0.9"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[PACKET_MAX], before[PACKET_MAX];
		struct mesh_ip_packet p;
		struct mesh_ip to = ip(rows[i].to), old_src, old_dst;
		size_t len = 0, k = 0;

		while (strcmp(packets[k].name, rows[i].packet) != 0)
			k++;
		len = test_unhex(packets[k].hex, buf, sizeof(buf));
		memcpy(before, buf, len);
		mesh_ip_packet_parse(buf, len, &p);
		bool was_good = checks_out(buf, &p);
		old_src = p.src;
		old_dst = p.dst;
		assert_true(mesh_ip_rewrite_src(buf, &p, &to));
		assert_true(mesh_ip_rewrite_dst(buf, &p, &to));
		assert_int_equal(checks_out(buf, &p), was_good);
		mesh_ip_packet_parse(buf, len, &p);
		assert_true(mesh_ip_eq(&p.src, &to) && mesh_ip_eq(&p.dst, &to));
		assert_true(mesh_ip_rewrite_src(buf, &p, &old_src));
		assert_true(mesh_ip_rewrite_dst(buf, &p, &old_dst));
		assert_memory_equal(buf, before, len);
		to = ip(p.version == 4 ? "::1" : "1.2.3.4");
		assert_false(mesh_ip_rewrite_src(buf, &p, &to));
		assert_memory_equal(buf, before, len);
	}
}

static void
check_echo(const char *src_text, const char *dst_text)
{
	struct mesh_ip src = ip(src_text), dst = ip(dst_text);
	uint8_t ask[128], answer[128];
	struct mesh_ip_packet p, r;

	size_t len = mesh_ip_build_echo(&src, &dst, 0x1234, 7, "hello", 5, ask,
	    sizeof(ask));
	assert_true(len > 0);
	mesh_ip_packet_parse(ask, len, &p);
	assert_int_equal(p.len, len);
	assert_true(checks_out(ask, &p));
	assert_false(mesh_ip_is_echo_reply(&p));

	size_t n = mesh_ip_build_echo_reply(ask, &p, answer, sizeof(answer));
	assert_int_equal(n, len);
	mesh_ip_packet_parse(answer, n, &r);
	assert_true(mesh_ip_is_echo_reply(&r));
	assert_true(checks_out(answer, &r));
	assert_true(mesh_ip_eq(&r.src, &dst) && mesh_ip_eq(&r.dst, &src));
	assert_memory_equal(answer + r.data, ask + p.data, len - p.data);
	/* No answer to an answer; no packet where it does not fit. */
	assert_int_equal(mesh_ip_build_echo_reply(answer, &r, ask, sizeof(ask)),
	    0);
	assert_int_equal(mesh_ip_build_echo_reply(ask, &p, answer, len - 1), 0);
}

static void
test_echo(void **state)
{
	struct mesh_ip four = ip("1.2.3.4"), six = ip("::1");
	uint8_t out[64];

	(void)state;
	check_echo("100.64.0.1", "100.64.0.2");
	check_echo("fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2");
	assert_int_equal(mesh_ip_build(&four, &six, 6, "", 0, out, 64), 0);
}

static void
test_too_big(void **state)
{
	struct mesh_ip self4 = ip("100.64.0.1"),
		       self6 = ip("fd7a:115c:a1e0::1");
	struct mesh_ip peer4 = ip("100.64.0.2"),
		       peer6 = ip("fd7a:115c:a1e0::2");
	uint8_t big[1400], payload[1300] = {0}, out[2000];
	struct mesh_ip_packet p, r;

	(void)state;
	size_t len = mesh_ip_build(&peer4, &self4, MESH_PROTO_UDP, payload,
	    sizeof(payload), big, sizeof(big));
	mesh_ip_packet_parse(big, len, &p);
	size_t n =
	    mesh_ip_build_too_big(&self4, big, &p, 1280, out, sizeof(out));
	assert_int_equal(n, 576);
	mesh_ip_packet_parse(out, n, &r);
	assert_true(checks_out(out, &r) && mesh_ip_is_icmp_error(&r));
	assert_int_equal(r.icmp_code, 4);
	assert_int_equal(out[26] << 8 | out[27], 1280);
	/* Never an error about an error. */
	assert_int_equal(mesh_ip_build_too_big(&self4, out, &r, 1280, big,
			     sizeof(big)),
	    0);

	len = mesh_ip_build(&peer6, &self6, MESH_PROTO_UDP, payload,
	    sizeof(payload), big, sizeof(big));
	mesh_ip_packet_parse(big, len, &p);
	n = mesh_ip_build_too_big(&self6, big, &p, 1280, out, sizeof(out));
	assert_int_equal(n, 1280);
	mesh_ip_packet_parse(out, n, &r);
	assert_true(checks_out(out, &r) && mesh_ip_is_icmp_error(&r));
	assert_int_equal(mesh_ip_build_too_big(&self4, big, &p, 1280, out,
			     sizeof(out)),
	    0);
}

static const struct {
	const char *src, *dst, *hex;
	struct mesh_tsmp m;
} tsmps[] = {
    {"1.2.3.4", "4.3.2.1",
	"45000035000000004063705d0102030404030201616161616161616161616161616161"
	"61"
	"61616161616161616161616161616161"
	"61",
	{.type = MESH_TSMP_DISCO}},
    {"2001:db8::1", "2001:db8::2",
	"600000000021634020010db800000000000000000000000120010db800000000000000"
	"0000000002616161616161616161616161616161616161616161616161616161616161"
	"616161",
	{.type = MESH_TSMP_DISCO}},
    {"100.64.0.1", "100.64.0.2",
	"4500001d000000004063b1fb6440000164400002700102030405060708",
	{.type = MESH_TSMP_PING, .cookie = {1, 2, 3, 4, 5, 6, 7, 8}}},
    {"100.64.0.2", "100.64.0.1",
	"4500001f000000004063b1f964400002644000016f01020304050607081f90",
	{.type = MESH_TSMP_PONG,
	    .cookie = {1, 2, 3, 4, 5, 6, 7, 8},
	    .peerapi_port = 8080}},
    {"5.5.5.5", "1.2.3.4",
	"4500001b0000000040636c710505050501020304210641023701bb",
	{.type = MESH_TSMP_REJECT,
	    .proto = MESH_PROTO_TCP,
	    .reason = MESH_TSMP_FILTER,
	    .src_port = 567,
	    .dst_port = 443}},
    {"2::2", "1::1", NULL,
	{.type = MESH_TSMP_REJECT,
	    .proto = MESH_PROTO_UDP,
	    .reason = MESH_TSMP_SHIELDS,
	    .src_port = 567,
	    .dst_port = 443}},
    {"2::2", "1::1", NULL,
	{.type = MESH_TSMP_REJECT,
	    .proto = MESH_PROTO_UDP,
	    .reason = MESH_TSMP_FORWARDING_OFF,
	    .maybe_broken = true}},
};

static void
test_tsmp(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tsmps); i++) {
		struct mesh_tsmp m = tsmps[i].m, back;
		struct mesh_ip src = ip(tsmps[i].src), dst = ip(tsmps[i].dst);
		uint8_t out[MESH_TSMP_PACKET_MAX], want[128];
		struct mesh_ip_packet p;

		if (m.type == MESH_TSMP_DISCO)
			memset(m.disco.b, 0x61, sizeof(m.disco.b));
		size_t len = mesh_tsmp_build(&src, &dst, &m, out);
		assert_true(len > 0);
		if (tsmps[i].hex != NULL) {
			assert_int_equal(test_unhex(tsmps[i].hex, want,
					     sizeof(want)),
			    len);
			assert_memory_equal(out, want, len);
		}
		mesh_ip_packet_parse(out, len, &p);
		assert_int_equal(p.proto, MESH_PROTO_TSMP);
		assert_int_equal(mesh_tsmp_parse(out, &p, &back), MESH_OK);
		assert_memory_equal(&back, &m, sizeof(m));
	}
}

static void
test_tsmp_refused(void **state)
{
	struct mesh_ip src = ip("100.64.0.1"), dst = ip("100.64.0.2");
	static const struct {
		const char *why, *payload;
		int err;
	} rows[] = {
	    {"reject of 6 bytes", "210641003500", MESH_ERR_FORMAT},
	    {"ping of 7 bytes", "70010203040506", MESH_ERR_FORMAT},
	    {"pong of 8 bytes", "6f01020304050607", MESH_ERR_FORMAT},
	    {"key of 31 bytes",
		"6161616161616161616161616161616161616161616161616161616161616"
		"161",
		MESH_ERR_FORMAT},
	    {"key of zeros",
		"6100000000000000000000000000000000000000000000000000000000000"
		"00000",
		MESH_ERR_FORMAT},
	    {"unknown type", "ff000000000000", MESH_OK},
	    {"pong without port", "6f0102030405060708", MESH_OK},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t payload[64], out[128];
		struct mesh_ip_packet p;
		struct mesh_tsmp m;
		size_t n =
		    test_unhex(rows[i].payload, payload, sizeof(payload));
		size_t len = mesh_ip_build(&src, &dst, MESH_PROTO_TSMP, payload,
		    n, out, sizeof(out));

		mesh_ip_packet_parse(out, len, &p);
		if (mesh_tsmp_parse(out, &p, &m) != rows[i].err)
			fail_msg("%s", rows[i].why);
	}
	struct mesh_tsmp unknown = {.type = 0xff};
	uint8_t out[MESH_TSMP_PACKET_MAX];
	assert_int_equal(mesh_tsmp_build(&src, &dst, &unknown, out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_checksum),
	    cmocka_unit_test(test_rewrite),
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_too_big),
	    cmocka_unit_test(test_tsmp),
	    cmocka_unit_test(test_tsmp_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
