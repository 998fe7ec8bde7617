/* SPDX-License-Identifier: ISC
 * test_wg_packet.c - packets through a WireGuard core: batches, padding, what
 * waits, what is allocated.
 */
#include "wg/wg.h"

#include "wg_scenario.h"

/* --- memory that runs out at the n-th call (linked with --wrap) */

static size_t fail_at; /* 0: never */
static size_t allocations;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return fail_at > 0 && --fail_at == 0 ? NULL : __real_calloc(n, size);
}

/* Authentic, but no IP inside. */
static void
not_ip_inside(void **state)
{
	static const struct {
		uint8_t head[6];
		size_t len, good;
	} rows[] = {
	    {{0x45, 0, 0, 20}, 20, 20},
	    {{0x45, 0, 0, 33}, 40, 33}, /* padding */
	    {{0x45, 0, 0, 19}, 32, 0},
	    {{0x45, 0, 0, 48}, 32, 0},
	    {{0x45, 0, 0xff, 0xff}, 32, 0},
	    {{0x45}, 1, 0},
	    {{0x60, 0, 0, 0, 0, 8}, 48, 48},
	    {{0x60, 0, 0, 0, 0, 0}, 48, 40},
	    {{0x60, 0, 0, 0, 0, 9}, 48, 0},
	    {{0x60, 0, 0, 0, 0, 0}, 32, 0},
	    {{0x00, 0, 0, 20}, 32, 0},
	    {{0x55, 0, 0, 20}, 32, 0},
	    {{0xf5, 0, 0, 20}, 32, 0},
	};
	struct lab *l = *state;

	connect_both(l);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[128] = {0};
		struct mesh_wg_packet p = {
		    .data = buf + MESH_WG_HEADROOM, .len = rows[i].len};

		memcpy(p.data, rows[i].head, sizeof(rows[i].head));
		assert_int_equal(mesh_wg_seal_batch(l->a.peer, &p, 1, l->now),
		    1);
		assert_int_equal(p.len % 16, 0);
		assert_int_equal(mesh_wg_open_batch(l->b.wg, &p, 1, l->now),
		    rows[i].good > 0);
		if (rows[i].good > 0)
			assert_int_equal(p.len, rows[i].good);
		else
			assert_null(p.peer);
	}
}

static void
a_batch_of_many(void **state)
{
	enum {
		COUNT = 150
	};
	static uint8_t bufs[COUNT][256];
	struct mesh_wg_packet p[COUNT];
	struct lab *l = *state;

	connect_both(l);
	for (size_t i = 0; i < COUNT; i++) {
		p[i] = (struct mesh_wg_packet){
		    .data = bufs[i] + MESH_WG_HEADROOM, .len = 20 + i % 100};
		p[i].data[0] = 0x45;
		p[i].data[3] = (uint8_t)p[i].len;
		p[i].data[19] = (uint8_t)i;
	}
	assert_int_equal(mesh_wg_seal_batch(l->a.peer, p, COUNT, l->now),
	    COUNT);
	for (size_t i = 0; i < COUNT; i += 10)
		p[i].data[20] ^= 1; /* forged */
	p[5].len = 31;              /* no message */
	p[17].data[4] ^= 1;         /* nobody's */
	assert_int_equal(mesh_wg_open_batch(l->b.wg, p, COUNT, l->now),
	    COUNT - COUNT / 10 - 2);
	for (size_t i = 0; i < COUNT; i++) {
		if (i % 10 == 0 || i == 5 || i == 17) {
			assert_null(p[i].peer);
			continue;
		}
		assert_ptr_equal(p[i].peer, l->b.peer);
		assert_int_equal(p[i].len, 20 + i % 100);
		assert_int_equal(p[i].data[19], i);
		assert_ptr_equal(p[i].data, bufs[i] + MESH_WG_HEADROOM);
	}
}

static void
padding_stops_at_the_mtu(void **state)
{
	static const struct {
		size_t len, sealed;
	} rows[] = {{0, 0}, {1, 16}, {16, 16}, {17, 32}, {1270, 1275},
	    {1275, 1275}, {1276, 1276}};
	struct lab *l = *state;
	uint8_t buf[1400] = {0};

	connect_both(l);
	mesh_wg_set_mtu(l->a.wg, 1275);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_wg_packet p = {
		    .data = buf + MESH_WG_HEADROOM, .len = rows[i].len};

		assert_int_equal(mesh_wg_seal_batch(l->a.peer, &p, 1, l->now),
		    1);
		assert_int_equal(p.len, rows[i].sealed + 32);
		assert_int_equal(mesh_wg_sealed_len(l->a.wg, rows[i].len),
		    p.len);
	}
}

static void
staged_packets_are_bounded(void **state)
{
	struct lab *l = *state;
	size_t waiting = 0;

	lab_know(&l->a);
	l->lose = lose_all;
	for (int i = 0; i < 200; i++)
		assert_false(lab_send(&l->a, 100));
	for (size_t i = 0; i < LAB_STAGED; i++)
		waiting += l->a.pool[i].used;
	assert_int_equal(waiting, MESH_WG_STAGED);
	assert_int_equal(l->a.sent[MESH_WG_INITIATION], 1);
	l->lose = NULL;
	lab_pass(l, 6 * MESH_SEC);
	assert_int_equal(l->b.received, MESH_WG_STAGED);
}

/* Handshakes, packets and time take no memory. */
static void
nothing_is_allocated(void **state)
{
	struct lab *l = *state;
	size_t before;

	connect_both(l);
	before = allocations;
	for (int i = 0; i < 400; i++) {
		lab_send(&l->a, 1000);
		lab_send(&l->b, 1000);
		lab_pass(l, MESH_SEC);
	}
	assert_true(l->a.sessions > 3);
	assert_int_equal(allocations, before);
}

static void
without_memory(void **state)
{
	struct mesh_wg_config c = {.aead = &mesh_aead_openssl};
	struct mesh_node_secret s = {{8}};
	struct mesh_node_key k = mesh_node_public(&s);
	struct mesh_wg *wg = NULL;
	struct mesh_wg_peer *p = NULL;
	int err = MESH_ERR_NOMEM;

	(void)state;
	for (size_t n = 1; wg == NULL; n++) {
		fail_at = n;
		wg = mesh_wg_new(&c);
		assert_true(n < 10);
	}
	for (size_t n = 1; err != MESH_OK; n++) {
		fail_at = n;
		err = mesh_wg_peer_add(wg, &k, NULL, &p);
		assert_true(err == MESH_OK || err == MESH_ERR_NOMEM);
		assert_true(n < 10);
		assert_ptr_equal(mesh_wg_peer_get(wg, &k), p);
	}
	fail_at = 0;
	mesh_wg_free(wg);
	mesh_wg_free(NULL);
}

static void
sources(void **state)
{
	struct mesh_endpoint e4 = {mesh_ip4(192, 0, 2, 1), 41641};
	struct mesh_endpoint e6 = {{{0x20, 1, 0xd, 0xb8}}, 1};
	static const uint8_t want[] = {192, 0, 2, 1, 0xa9, 0xa2};
	struct mesh_wg_source s = mesh_wg_source_udp(&e4);

	(void)state;
	assert_int_equal(s.len, sizeof(want));
	assert_int_equal(s.host_len, 4);
	assert_memory_equal(s.b, want, sizeof(want));
	s = mesh_wg_source_udp(&e6);
	assert_int_equal(s.len, 18);
	assert_int_equal(s.host_len, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(not_ip_inside),
	    SCENARIO(a_batch_of_many),
	    SCENARIO(padding_stops_at_the_mtu),
	    SCENARIO(staged_packets_are_bounded),
	    SCENARIO(nothing_is_allocated),
	    SCENARIO(without_memory),
	    SCENARIO(sources),
	};

	return cmocka_run_group_tests_name("wg_packet", tests, NULL, NULL);
}
