/* SPDX-License-Identifier: ISC
 * test_gso.c - superpackets split and put together: round trips, and every rule
 * that keeps packets apart (protocol/dataplane.md 9.6).
 */
#include "../../cmd/meshd/gso.h"
#include "../../cmd/meshd/gso_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MSS 1000u

static uint8_t slots[64][2048];
static struct gro gro;

struct opt {
	bool is6, is_udp;
	uint32_t seq;
	uint8_t flags, port;
};

/* A packet with right checksums; its length. */
static size_t
packet(uint8_t *p, size_t payload, struct opt o)
{
	size_t ip = o.is6 ? 40 : 20, l4 = o.is_udp ? 8 : 32;
	size_t len = ip + l4 + payload;
	uint8_t proto = o.is_udp ? 17 : 6;
	uint8_t *t = p + ip;

	memset(p, 0, ip + l4);
	if (o.is6) {
		p[0] = 0x60;
		gso_put16be(p + 4, (uint16_t)(len - 40));
		p[6] = proto;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
		p[39] = 2;
	} else {
		p[0] = 0x45;
		gso_put16be(p + 2, (uint16_t)len);
		p[6] = 0x40;
		p[8] = 64;
		p[9] = proto;
		memcpy(p + 12, "\x64\x40\0\1\x64\x40\0\2", 8);
		gso_ip4_checksum(p, 20);
	}
	gso_put16be(t, 1000);
	gso_put16be(t + 2, (uint16_t)(2000 + o.port));
	if (o.is_udp) {
		gso_put16be(t + 4, (uint16_t)(8 + payload));
	} else {
		gso_put32be(t + 4, o.seq);
		t[12] = 0x80;
		t[13] = o.flags;
	}
	for (size_t i = 0; i < payload; i++)
		t[l4 + i] = (uint8_t)(o.seq + i);
	gso_put16(t + (o.is_udp ? 6 : 16),
	    gso_l4_checksum(p, o.is6, proto, t, l4 + payload));
	return len;
}

static size_t
writes(size_t *out_packets)
{
	struct gro_write w;
	size_t n = 0;

	*out_packets = 0;
	while (gro_next(&gro, &w)) {
		n++;
		*out_packets += w.packets;
	}
	return n;
}

/* Whatever gro puts together, split takes apart into the same bytes. */
static void
round_trip(bool is6, bool is_udp)
{
	static uint8_t frame[GSO_FRAME_MAX], copy[64][2048];
	struct gro_write w;
	struct gso_split s;
	size_t len[20], at = 0;

	gro_reset(&gro, true);
	for (uint32_t i = 0; i < 20; i++) {
		struct opt o = {is6, is_udp, i * MSS, MESH_TCP_ACK, 0};

		if (!is_udp && i == 19)
			o.flags |= MESH_TCP_PSH;
		len[i] = packet(slots[i], i == 19 ? 77 : MSS, o);
		if (!is6) { /* the split counts IDs up from the first */
			gso_put16be(slots[i] + 4, (uint16_t)(500 + i));
			gso_ip4_checksum(slots[i], 20);
		}
		memcpy(copy[i], slots[i], len[i]);
		assert_true(gro_put(&gro, slots[i], len[i]));
	}
	assert_true(gro_next(&gro, &w));
	assert_int_equal(w.packets, 20);
	for (int i = 0; i < w.iov_count; i++) {
		memcpy(frame + at, w.iov[i].iov_base, w.iov[i].iov_len);
		at += w.iov[i].iov_len;
	}
	assert_false(gro_next(&gro, &w));
	assert_int_equal(gso_split_init(&s, frame, at), MESH_OK);
	assert_int_equal(s.count, 20);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(gso_split_len(&s, i), len[i]);
		gso_split_write(&s, i, slots[0]);
		assert_memory_equal(slots[0], copy[i], len[i]);
	}
}

static void
test_round_trips(void **state)
{
	(void)state;
	round_trip(false, false);
	round_trip(true, false);
	round_trip(false, true);
	round_trip(true, true);
}

/* Two packets: as the first, but for one thing. */
static size_t
pair(struct opt second, size_t payload, size_t change_at, uint8_t change)
{
	struct opt first = {second.is6, second.is_udp, 0, MESH_TCP_ACK, 0};
	size_t packets;

	gro_reset(&gro, true);
	assert_true(gro_put(&gro, slots[0], packet(slots[0], MSS, first)));
	size_t len = packet(slots[1], payload, second);
	slots[1][change_at] ^= change;
	if (change_at < 20 && !second.is6)
		gso_ip4_checksum(slots[1], 20);
	assert_true(gro_put(&gro, slots[1], len));
	size_t n = writes(&packets);
	assert_int_equal(packets, 2);
	return n;
}

static void
test_kept_apart(void **state)
{
	const struct opt next = {.seq = MSS, .flags = MESH_TCP_ACK};
	struct opt o = next;

	(void)state;
	assert_int_equal(pair(next, MSS, 0, 0), 1);
	assert_int_equal(pair(next, 10, 0, 0), 1);
	assert_int_equal(pair(next, MSS + 1, 0, 0), 2); /* larger */
	assert_int_equal(pair(next, MSS, 60, 1), 2);	/* payload damaged */
	assert_int_equal(pair(next, MSS, 8, 1), 2);	/* TTL */
	assert_int_equal(pair(next, MSS, 1, 1), 2);	/* TOS */
	assert_int_equal(pair(next, MSS, 6, 0x20), 2);	/* fragment */
	o.seq = MSS + 1;
	assert_int_equal(pair(o, MSS, 0, 0), 2);
	o = next;
	o.port = 1;
	assert_int_equal(pair(o, MSS, 0, 0), 2);
	o = next;
	o.flags |= MESH_TCP_FIN;
	assert_int_equal(pair(o, MSS, 0, 0), 2);
	assert_int_equal(pair(next, 0, 0, 0), 2); /* pure ACK */
}

/* A short one ends a group, and PSH does; interleaved flows grow side by side;
 * a packet that cannot join lets none of its flow pass it. */
static void
test_groups(void **state)
{
	size_t packets;

	(void)state;
	gro_reset(&gro, false);
	for (uint32_t i = 0; i < 8; i++) {
		struct opt o = {.seq = i / 2 * MSS, .flags = MESH_TCP_ACK,
		    .port = (uint8_t)(i % 2)};

		gro_put(&gro, slots[i], packet(slots[i], MSS, o));
	}
	assert_int_equal(writes(&packets), 2);
	assert_int_equal(packets, 8);

	gro_reset(&gro, false);
	struct opt o = {.flags = MESH_TCP_ACK | MESH_TCP_PSH};
	gro_put(&gro, slots[0], packet(slots[0], MSS, o));
	o = (struct opt){.seq = MSS, .flags = MESH_TCP_ACK};
	gro_put(&gro, slots[1], packet(slots[1], MSS, o));
	assert_int_equal(writes(&packets), 2);

	gro_reset(&gro, false); /* UDP without USO stays as it is */
	o = (struct opt){.is_udp = true};
	gro_put(&gro, slots[0], packet(slots[0], MSS, o));
	gro_put(&gro, slots[1], packet(slots[1], MSS, o));
	assert_int_equal(writes(&packets), 2);
}

static void
test_full(void **state)
{
	size_t packets;

	(void)state;
	gro_reset(&gro, false);
	for (size_t i = 0; i < GRO_PACKETS_MAX; i++)
		assert_true(gro_put(&gro, slots[0], 1));
	assert_false(gro_put(&gro, slots[0], 1));
	assert_int_equal(writes(&packets), GRO_PACKETS_MAX);
}

static void
test_split_refused(void **state)
{
	static uint8_t frame[GSO_FRAME_MAX];
	struct gso_split s;
	size_t len;

	(void)state;
	len = GSO_VNET_LEN + packet(frame + GSO_VNET_LEN, 3000,
	    (struct opt){.flags = MESH_TCP_ACK});
	const uint16_t good[] = {0, 1000, 20, 16};
	for (size_t i = 0; i < 6; i++) {
		uint16_t f[4];

		memcpy(f, good, sizeof(f));
		frame[0] = 1;
		frame[1] = 1;
		if (i == 1)
			frame[1] = 4; /* TCPv6 */
		else if (i == 2)
			frame[1] = 3; /* UFO */
		else if (i == 3)
			f[1] = 0; /* no segment size */
		else if (i == 4)
			f[2] = 60000; /* header beyond the packet */
		else if (i == 5)
			f[3] = 6; /* checksum elsewhere */
		memcpy(frame + 2, f, sizeof(f));
		assert_int_equal(gso_split_init(&s, frame, len),
		    i == 0 ? MESH_OK : MESH_ERR_FORMAT);
	}
	for (size_t cut = 0; cut < 60; cut++)
		assert_int_not_equal(gso_split_init(&s, frame, cut), MESH_OK);
	const uint16_t tiny[] = {0, 1, 20, 16};
	memcpy(frame + 2, tiny, sizeof(tiny));
	assert_int_equal(gso_split_init(&s, frame, len), MESH_ERR_LIMIT);
}

/* Against the sum of wire/ip.h, at every length and with many carries. */
static void
test_sum(void **state)
{
	uint8_t b[300] = {0};

	(void)state;
	for (size_t len = 0; len <= sizeof(b); len++) {
		for (size_t i = 0; i < len; i++)
			b[i] = len % 2 ? 0xff : (uint8_t)(i * 37 + len);
		uint16_t want = mesh_ip_sum_fold(mesh_ip_sum(0, b, len));
		uint8_t got[2];

		gso_put16(got, (uint16_t)~gso_fold(gso_sum(0, b, len)));
		assert_int_equal(gso_get16be(got), want);
	}
}

static void
test_left_checksum(void **state)
{
	uint8_t frame[2048] = {1};
	const uint16_t f[] = {0, 0, 20, 16};
	struct gso_split s;

	(void)state;
	size_t len = packet(frame + 10, 100,
	    (struct opt){.flags = MESH_TCP_ACK});
	memcpy(frame + 2, f, sizeof(f));
	gso_put16(frame + 10 + 36,
	    gso_fold(gso_pseudo(frame + 10, false, 6, len - 20)));
	assert_int_equal(gso_split_init(&s, frame, len + 10), MESH_OK);
	assert_int_equal(s.count, 1);
	assert_int_equal(gso_l4_checksum(frame + 10, false, 6, frame + 30,
	    len - 20), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trips),
	    cmocka_unit_test(test_kept_apart),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_split_refused),
	    cmocka_unit_test(test_sum),
	    cmocka_unit_test(test_left_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
