/* SPDX-License-Identifier: ISC
 * Two and more mesh_path objects in a simulated internet: who reaches whom, by
 * which way, how soon; and what happens when something dies or moves.
 */
#include "test.h"

#include "path_sim.h"

struct pair {
	struct sim s;
	unsigned a, b;
};

/* Two nodes behind NATs of their own that know of each other, and have been
 * idle for `idle`. */
static void
set_up(struct pair *t, enum sim_nat_kind left, enum sim_nat_kind right,
    uint64_t idle)
{
	sim_init(&t->s);
	t->a = sim_add_node(&t->s, sim_add_nat(&t->s, left));
	t->b = sim_add_node(&t->s, sim_add_nat(&t->s, right));
	sim_run(&t->s, 4 * MESH_SEC);
	sim_tell(&t->s, t->a, t->b);
	sim_tell(&t->s, t->b, t->a);
	sim_run(&t->s, idle);
}

/* Ms from the first packet until a sends to b directly; UINT64_MAX: never
 * within 20 s. */
static uint64_t
time_to_direct(struct pair *t)
{
	struct mesh_time t0 = t->s.now;

	while (sim_ms(&t->s, t0) < 20000) {
		sim_send(&t->s, t->a, t->b, true);
		sim_run(&t->s, 10 * MESH_MS);
		if (sim_direct(&t->s, t->a, t->b, NULL))
			return sim_ms(&t->s, t0);
	}
	return UINT64_MAX;
}

struct grid_row {
	enum sim_nat_kind left, right;
	bool direct;
};

static const struct grid_row grid[] = {
    {SIM_OPEN, SIM_OPEN, true},
    {SIM_OPEN, SIM_EASY, true},
    {SIM_OPEN, SIM_HARD, true},
    {SIM_OPEN, SIM_BLOCKED, false},
    {SIM_EASY, SIM_OPEN, true},
    {SIM_EASY, SIM_EASY, true},
    {SIM_EASY, SIM_HARD, false},
    {SIM_EASY, SIM_BLOCKED, false},
    {SIM_HARD, SIM_OPEN, true},
    {SIM_HARD, SIM_EASY, false},
    {SIM_HARD, SIM_HARD, false},
    {SIM_HARD, SIM_BLOCKED, false},
    {SIM_BLOCKED, SIM_OPEN, false},
    {SIM_BLOCKED, SIM_BLOCKED, false},
};

static void
test_grid(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(grid); i++) {
		struct pair t;

		set_up(&t, grid[i].left, grid[i].right, 0);
		struct mesh_time t0 = t.s.now;
		uint64_t ms = time_to_direct(&t);

		print_message("# %d-%d: direct after %lld ms\n", grid[i].left,
		    grid[i].right, (long long)ms);
		assert_int_equal(ms != UINT64_MAX, grid[i].direct);
		if (grid[i].direct)
			assert_true(ms <= 300);
		sim_run(&t.s, 100 * MESH_MS);
		/* By relay the first reply is there as soon as it can be. */
		assert_true(t.s.node[t.a].got_relay > 0);
		assert_true(mesh_time_since(t0, t.s.node[t.a].first_relay) <=
			    2 * SIM_RELAY_NS);
		sim_release(&t.s);
	}
}

/* Both were idle so long that their NATs have forgotten them and control's
 * knowledge is out of date. */
static void
test_forgotten_by_nats(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 10 * MESH_MIN);
	sim_reset_nat(&t.s, t.s.node[t.a].nat);
	sim_reset_nat(&t.s, t.s.node[t.b].nat);
	uint64_t ms = time_to_direct(&t);
	print_message("# direct after %lld ms\n", (long long)ms);
	assert_true(ms <= 500);
	sim_run(&t.s, 100 * MESH_MS);
	assert_true(sim_direct(&t.s, t.b, t.a, NULL));
	sim_release(&t.s);
}

static void
test_no_endpoints_in_netmap(void **state)
{
	struct pair t;
	struct mesh_path_peer *peer;
	struct mesh_path_peer_info info = {.home = SIM_REGION};

	(void)state;
	sim_init(&t.s);
	t.a = sim_add_node(&t.s, sim_add_nat(&t.s, SIM_EASY));
	t.b = sim_add_node(&t.s, sim_add_nat(&t.s, SIM_EASY));
	sim_run(&t.s, 4 * MESH_SEC);
	info.node = t.s.node[t.b].key;
	info.disco = t.s.node[t.b].disco;
	assert_int_equal(mesh_path_peer_set(t.s.node[t.a].path, &info, t.s.now,
			     &peer),
	    MESH_OK);
	info.node = t.s.node[t.a].key;
	info.disco = t.s.node[t.a].disco;
	assert_int_equal(mesh_path_peer_set(t.s.node[t.b].path, &info, t.s.now,
			     &peer),
	    MESH_OK);
	assert_true(time_to_direct(&t) <= 500);
	sim_release(&t.s);
}

static void
test_same_lan(void **state)
{
	struct mesh_path_status st;
	struct pair t;

	(void)state;
	sim_init(&t.s);
	unsigned nat = sim_add_nat(&t.s, SIM_EASY);
	t.a = sim_add_node(&t.s, nat);
	t.b = sim_add_node(&t.s, nat);
	sim_run(&t.s, 4 * MESH_SEC);
	sim_tell(&t.s, t.a, t.b);
	sim_tell(&t.s, t.b, t.a);
	assert_true(time_to_direct(&t) <= 100);
	assert_true(sim_direct(&t.s, t.a, t.b, &st));
	assert_true(mesh_endpoint_eq(&st.direct, &t.s.node[t.b].at));
	sim_release(&t.s);
}

static void
test_loss(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	t.s.loss_percent = 20;
	uint64_t ms = time_to_direct(&t);
	print_message("# direct after %lld ms\n", (long long)ms);
	assert_true(ms <= 2000);
	unsigned lost = 0;
	for (unsigned i = 0; i < 600; i++) {
		sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 100 * MESH_MS);
		lost += !sim_direct(&t.s, t.a, t.b, NULL);
	}
	print_message("# untrusted %u of 600 times\n", lost);
	assert_true(lost < 10); /* it does not flap */
	sim_release(&t.s);
}

/* A path in use stays with heartbeats alone, and ends with the traffic. */
static void
test_idle_is_silent(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_chat(&t.s, t.a, t.b, 500 * MESH_MS, 30 * MESH_SEC);
	assert_true(sim_direct(&t.s, t.a, t.b, NULL));
	uint64_t before = t.s.node[t.a].udp_sent;
	sim_chat(&t.s, t.a, t.b, 500 * MESH_MS, 30 * MESH_SEC);
	/* 60 packets, 10 heartbeats, 10 pongs, some STUN */
	assert_in_range(t.s.node[t.a].udp_sent - before, 75, 100);
	sim_run(&t.s, 2 * MESH_MIN);
	before = t.s.node[t.a].udp_sent + t.s.node[t.a].relay_sent;
	assert_true(mesh_time_is_never(mesh_path_deadline(t.s.node[t.a].path)));
	assert_true(mesh_time_is_never(mesh_path_deadline(t.s.node[t.b].path)));
	sim_run(&t.s, 60 * MESH_MIN);
	assert_int_equal(t.s.node[t.a].udp_sent + t.s.node[t.a].relay_sent,
	    before);
	assert_false(sim_direct(&t.s, t.a, t.b, NULL));
	sim_release(&t.s);
}

/* UDP dies silently: the relay takes over when trust ends, 6.5 s after the last
 * pong at the latest; and goes when UDP is back. */
static void
test_path_dies(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 10 * MESH_SEC);
	assert_true(sim_direct(&t.s, t.a, t.b, NULL));
	t.s.udp_dead = true;
	struct mesh_time died = t.s.now;
	unsigned before = t.s.node[t.a].got_relay;
	while (t.s.node[t.a].got_relay == before) {
		sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 100 * MESH_MS);
		assert_true(sim_ms(&t.s, died) < 7000);
	}
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 20 * MESH_SEC);
	assert_false(sim_direct(&t.s, t.a, t.b, NULL));
	t.s.udp_dead = false;
	struct mesh_time back = t.s.now;
	while (!sim_direct(&t.s, t.a, t.b, NULL)) {
		sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 100 * MESH_MS);
		assert_true(sim_ms(&t.s, back) < 7000);
	}
	sim_release(&t.s);
}

static void
test_roaming(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 5 * MESH_SEC);
	assert_true(sim_direct(&t.s, t.a, t.b, NULL));
	sim_move(&t.s, t.a, sim_add_nat(&t.s, SIM_EASY));
	assert_false(sim_direct(&t.s, t.a, t.b, NULL));
	struct mesh_time moved = t.s.now;
	sim_chat(&t.s, t.a, t.b, 20 * MESH_MS, 100 * MESH_MS);
	/* The relay bridges: a reply comes at once. */
	assert_true(mesh_time_since(moved, t.s.node[t.a].last_got) <=
		    100 * MESH_MS);
	while (!sim_direct(&t.s, t.a, t.b, NULL)) {
		sim_chat(&t.s, t.a, t.b, 20 * MESH_MS, 20 * MESH_MS);
		assert_true(sim_ms(&t.s, moved) < 1000);
	}
	sim_release(&t.s);
}

static void
test_peer_roams(void **state)
{
	struct mesh_path_status st;
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 5 * MESH_SEC);
	unsigned nat = sim_add_nat(&t.s, SIM_EASY);
	sim_move(&t.s, t.b, nat);
	struct mesh_time moved = t.s.now;
	do {
		sim_chat(&t.s, t.a, t.b, 20 * MESH_MS, 20 * MESH_MS);
		sim_direct(&t.s, t.a, t.b, &st);
		assert_true(sim_ms(&t.s, moved) < 1500);
	} while (!st.trusted ||
		 !mesh_ip_eq(&st.direct.ip, &t.s.nat[nat].outside));
	print_message("# direct again after %llu ms\n",
	    (unsigned long long)sim_ms(&t.s, moved));
	sim_release(&t.s);
}

/* b comes back with another disco key; a learns it from control a bit later. */
static void
test_restart(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 5 * MESH_SEC);
	sim_restart(&t.s, t.b);
	sim_tell(&t.s, t.b, t.a);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 10 * MESH_SEC);
	assert_false(sim_direct(&t.s, t.a, t.b, NULL));
	sim_tell(&t.s, t.a, t.b);
	struct mesh_time told = t.s.now;
	while (!sim_direct(&t.s, t.a, t.b, NULL)) {
		sim_chat(&t.s, t.a, t.b, 20 * MESH_MS, 20 * MESH_MS);
		assert_true(sim_ms(&t.s, told) < 500);
	}
	sim_release(&t.s);
}

/* The same without control: the key comes through the tunnel. */
static void
test_restart_tsmp(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 5 * MESH_SEC);
	sim_restart(&t.s, t.b);
	sim_tell(&t.s, t.b, t.a);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 10 * MESH_SEC);
	struct sim_node *a = &t.s.node[t.a];
	mesh_path_peer_set_disco(a->path,
	    mesh_path_peer_find(a->path, &t.s.node[t.b].key),
	    &t.s.node[t.b].disco, t.s.now);
	sim_drive(&t.s, t.a);
	sim_chat(&t.s, t.a, t.b, 20 * MESH_MS, 500 * MESH_MS);
	assert_true(sim_direct(&t.s, t.a, t.b, NULL));
	sim_release(&t.s);
}

static void
test_relay_comes_late(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	sim_relay(&t.s, t.a, false);
	sim_chat(&t.s, t.a, t.b, 100 * MESH_MS, 3 * MESH_SEC);
	assert_false(sim_direct(&t.s, t.a, t.b, NULL));
	sim_relay(&t.s, t.a, true);
	sim_chat(&t.s, t.a, t.b, 20 * MESH_MS, 300 * MESH_MS);
	assert_true(sim_direct(&t.s, t.a, t.b, NULL));
	sim_release(&t.s);
}

static void
test_ping(void **state)
{
	struct pair t;

	(void)state;
	set_up(&t, SIM_EASY, SIM_EASY, 0);
	struct sim_node *a = &t.s.node[t.a];
	struct mesh_path_peer *b =
	    mesh_path_peer_find(a->path, &t.s.node[t.b].key);

	assert_int_equal(mesh_path_ping(a->path, b, 7, t.s.now), MESH_OK);
	sim_drive(&t.s, t.a);
	sim_run(&t.s, MESH_SEC);
	assert_int_equal(a->pongs, 1);
	assert_int_equal(a->pong.err, MESH_OK);
	assert_int_equal(a->pong.id, 7);
	assert_ptr_equal(a->pong.peer, b);
	assert_int_equal(a->pong.region, SIM_REGION);
	assert_int_equal(a->pong.latency_ns, 2 * SIM_RELAY_NS);

	/* By now there is a direct path. */
	assert_int_equal(mesh_path_ping(a->path, b, 8, t.s.now), MESH_OK);
	sim_drive(&t.s, t.a);
	sim_run(&t.s, MESH_SEC);
	assert_int_equal(a->pongs, 2);
	assert_int_equal(a->pong.id, 8);
	assert_int_equal(a->pong.region, 0);
	assert_int_equal(a->pong.latency_ns, 2 * SIM_UDP_NS);
	assert_true(mesh_ip_eq(&a->pong.to.ip,
	    &t.s.nat[t.s.node[t.b].nat].outside));

	t.s.node[t.b].dead = true;
	assert_int_equal(mesh_path_ping(a->path, b, 9, t.s.now), MESH_OK);
	sim_drive(&t.s, t.a);
	sim_run(&t.s, 6 * MESH_SEC);
	assert_int_equal(a->pongs, 3);
	assert_int_equal(a->pong.err, MESH_ERR_TIMEOUT);

	assert_int_equal(mesh_path_ping(a->path, b, 10, t.s.now), MESH_OK);
	mesh_path_peer_remove(a->path, b);
	sim_drive(&t.s, t.a);
	assert_int_equal(a->pongs, 4);
	assert_int_equal(a->pong.err, MESH_ERR_NOTFOUND);
	assert_null(a->pong.peer);
	sim_run(&t.s, 10 * MESH_SEC);
	sim_release(&t.s);
}

static void
test_many_idle_peers(void **state)
{
	struct sim s;
	struct mesh_endpoint ep = {mesh_ip4(192, 0, 2, 1), 1};
	struct mesh_path_peer_info info = {.home = SIM_REGION,
	    .online = true,
	    .endpoints = &ep,
	    .endpoint_count = 1};

	(void)state;
	sim_init(&s);
	unsigned a = sim_add_node(&s, sim_add_nat(&s, SIM_EASY));
	sim_run(&s, 10 * MESH_SEC);
	uint64_t before = s.node[a].udp_sent + s.node[a].relay_sent;
	for (unsigned i = 0; i < 1000; i++) {
		struct mesh_path_peer *peer;

		info.node.b[0] = info.disco.b[0] = (uint8_t)(i + 1);
		info.node.b[1] = info.disco.b[1] = (uint8_t)(i >> 8);
		info.node.b[2] = info.disco.b[2] = 1;
		ep.port = (uint16_t)(1000 + i);
		info.online = i % 2;
		assert_int_equal(mesh_path_peer_set(s.node[a].path, &info,
				     s.now, &peer),
		    MESH_OK);
		info.online = true;
		assert_int_equal(mesh_path_peer_set(s.node[a].path, &info,
				     s.now, &peer),
		    MESH_OK);
	}
	assert_int_equal(mesh_path_peer_count(s.node[a].path), 1000);
	sim_drive(&s, a);
	sim_run(&s, 24 * MESH_HOUR);
	assert_int_equal(s.node[a].udp_sent + s.node[a].relay_sent, before);
	assert_true(mesh_time_is_never(mesh_path_deadline(s.node[a].path)));
	sim_release(&s);
}

static void
test_netinfo(void **state)
{
	static const struct {
		enum sim_nat_kind kind;
		bool udp;
		enum mesh_path_tri varies;
	} rows[] = {
	    {SIM_OPEN, true, MESH_PATH_NO},
	    {SIM_EASY, true, MESH_PATH_NO},
	    {SIM_HARD, true, MESH_PATH_YES},
	    {SIM_BLOCKED, false, MESH_PATH_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_path_netinfo info;
		struct sim s;

		sim_init(&s);
		unsigned a = sim_add_node(&s, sim_add_nat(&s, rows[i].kind));
		sim_run(&s, 10 * MESH_SEC);
		mesh_path_netinfo(s.node[a].path, &info);
		assert_true(info.measured);
		assert_int_equal(info.udp, rows[i].udp);
		assert_int_equal(info.mapping_varies, rows[i].varies);
		assert_int_equal(info.home, SIM_REGION);
		assert_int_equal(s.node[a].homes, 1);
		assert_true(s.node[a].netinfos >= 1);
		assert_in_range(s.node[a].endpoint_reports, 1, 2);
		sim_release(&s);
	}
}

/* Polite when there is no hope: one sweep and one call each 5 s. */
static void
test_hopeless_is_polite(void **state)
{
	struct pair t;
	struct mesh_path_stats a, b;

	(void)state;
	set_up(&t, SIM_HARD, SIM_HARD, 0);
	sim_chat(&t.s, t.a, t.b, 50 * MESH_MS, 2 * MESH_MIN);
	mesh_path_stats(t.s.node[t.a].path, &a);
	mesh_path_stats(t.s.node[t.b].path, &b);
	print_message("# both in 2 min: %llu pings, %llu calls, %llu STUN\n",
	    (unsigned long long)(a.pings_sent + b.pings_sent),
	    (unsigned long long)(a.calls_sent + b.calls_sent),
	    (unsigned long long)(a.stuns_sent + b.stuns_sent));
	assert_in_range(a.calls_sent + b.calls_sent, 20, 60);
	assert_true(a.pings_sent + b.pings_sent <= 1000);
	sim_release(&t.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grid),
	    cmocka_unit_test(test_forgotten_by_nats),
	    cmocka_unit_test(test_no_endpoints_in_netmap),
	    cmocka_unit_test(test_same_lan),
	    cmocka_unit_test(test_loss),
	    cmocka_unit_test(test_idle_is_silent),
	    cmocka_unit_test(test_path_dies),
	    cmocka_unit_test(test_roaming),
	    cmocka_unit_test(test_peer_roams),
	    cmocka_unit_test(test_restart),
	    cmocka_unit_test(test_restart_tsmp),
	    cmocka_unit_test(test_relay_comes_late),
	    cmocka_unit_test(test_ping),
	    cmocka_unit_test(test_many_idle_peers),
	    cmocka_unit_test(test_netinfo),
	    cmocka_unit_test(test_hopeless_is_polite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
