/* SPDX-License-Identifier: ISC
 * The rules under a mesh_path: comparing paths, own endpoints, home region,
 * probe plans, timers. Tables: protocol/vectors-dataplane.md 6 and 7, which
 * cite upstream's netcheck_test.go, magicsock_test.go,
 * endpoint_tracker_test.go.
 */
#include "test.h"

#include "base/addr.h"
#include "path/better.h"
#include "path/endpoints.h"
#include "path/netcheck_plan.h"
#include "path/timer.h"

static struct mesh_endpoint
endpoint(const char *text)
{
	struct mesh_endpoint ep = {.port = 0};

	if (text != NULL)
		assert_int_equal(mesh_endpoint_parse(mesh_str(text), &ep),
		    MESH_OK);
	return ep;
}

/* --- better (7.1) -------------------------------------------------------- */

#define P "1.2.3.4:555"
#define Q "5.6.7.8:999"
#define V6 "[2001::5]:123"
#define PRIV "10.0.0.2:123"
#define LL "[fe80::ce8:474a:a27e:113b]:555"

static const struct {
	const char *a;
	unsigned a_ms;
	const char *b;
	unsigned b_ms;
	bool better;
} pairs[] = {
    {NULL, 0, NULL, 0, false},
    {P, 5, NULL, 0, true},
    {NULL, 0, P, 5, false},
    {P, 5, Q, 10, true},
    {P, 5, P, 10, false},
    {P, 100, Q, 100, false},
    {P, 100, Q, 101, false},
    {P, 100, Q, 103, true},
    {P, 0, Q, 0, false},
    {PRIV, 100, P, 91, true},
    {P, 91, PRIV, 100, false},
    {PRIV, 100, P, 30, false},
    {P, 30, PRIV, 100, true},
    {V6, 100, P, 91, true},
    {P, 91, V6, 100, false},
    {V6, 100, P, 30, false},
    {P, 30, V6, 100, true},
    {"192.168.0.1:555", 100, V6, 101, true},
    {V6, 101, "192.168.0.1:555", 100, false},
    {LL, 101, "[fd89:1a8a:8888:9999:aaaa:bbbb:cccc:dddd]:555", 100, true},
    {LL, 101, "[::1]:555", 100, false},
};

static void
test_better(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct mesh_path_way a = {
		    endpoint(pairs[i].a), pairs[i].a_ms * MESH_MS};
		struct mesh_path_way b = {
		    endpoint(pairs[i].b), pairs[i].b_ms * MESH_MS};

		if (mesh_path_better(&a, &b) != pairs[i].better)
			fail_msg("row %zu", i);
	}
}

/* --- home (6.1) ---------------------------------------------------------- */

struct report {
	unsigned after_s; /* since the one before */
	unsigned d1_ms, d2_ms;
};

static const struct {
	const char *name;
	struct report reports[8];
	size_t count;
	unsigned score1; /* permille */
	int heard1_ms;   /* after the start, -1: never */
	uint16_t want;
} homes[] = {
    {"first reading", {{0, 2000, 3000}}, 1, 0, -1, 1},
    {"two readings", {{0, 2000, 3000}, {1, 4000, 3000}}, 2, 0, -1, 1},
    {"d1 gone", {{0, 2000, 3000}, {1, 4000, 3000}, {2, 0, 3000}}, 3, 0, -1, 2},
    {"d1 back",
	{{0, 2000, 3000}, {1, 4000, 3000}, {2, 0, 3000}, {3, 4000, 3000}}, 4, 0,
	-1, 1},
    {"history cleaned",
	{{0, 1000, 2000}, {1, 1000, 2000}, {2, 1000, 2000}, {3, 1000, 2000},
	    {600, 4000, 3000}},
	5, 0, -1, 1},
    {"no switch, ratio", {{0, 4000, 5000}, {1, 4000, 3000}}, 2, 0, -1, 1},
    {"no switch, absolute", {{0, 4, 5}, {1, 4, 1}}, 2, 0, -1, 1},
    {"switch", {{0, 4000, 5000}, {1, 4000, 1000}}, 2, 0, -1, 2},
    {"no switch, just above 2/3", {{0, 34, 35}, {1, 34, 23}}, 2, 0, -1, 1},
    {"score helps d1", {{0, 10000, 8000}}, 1, 667, -1, 1},
    {"score not enough", {{0, 100000, 10000}}, 1, 667, -1, 2},
    {"relay traffic keeps home",
	{{0, 2000, 3000}, {2, 4000, 3000}, {2, 0, 3000}}, 3, 0, 2000 + 4000, 1},
    {"no data keeps home", {{0, 2000, 3000}, {30, 0, 0}, {2, 0, 0}}, 3, 0, 0,
	1},
    {"no data, home expires", {{0, 2000, 3000}, {30, 0, 0}, {120, 0, 0}}, 3, 0,
	0, 0},
};

static void
test_home(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
		struct mesh_home_region v[2];
		struct mesh_time t0 = {1000 * MESH_SEC}, now = t0;
		uint16_t home = 0;

		mesh_home_region_init(&v[0], 1, homes[i].score1);
		mesh_home_region_init(&v[1], 2, 0);
		for (size_t k = 0; k < homes[i].count; k++) {
			const struct report *r = &homes[i].reports[k];

			now = mesh_time_add(now, r->after_s * MESH_SEC);
			if (homes[i].heard1_ms >= 0 && now.ns >= t0.ns)
				v[0].heard = mesh_time_add(t0,
				    (uint64_t)homes[i].heard1_ms * MESH_MS);
			v[0].current_ns = r->d1_ms * MESH_MS;
			v[1].current_ns = r->d2_ms * MESH_MS;
			home = mesh_home_choose(v, 2, home,
			    (struct mesh_time){now.ns - 100 * MESH_MS}, now);
		}
		if (home != homes[i].want)
			fail_msg("%s: %u", homes[i].name, home);
	}
}

/* The last frame from it is just too old to keep it, or not. */
static void
test_home_heard(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct mesh_home_region v[2];
		struct mesh_time now = {1000 * MESH_SEC};

		mesh_home_region_init(&v[0], 1, 0);
		mesh_home_region_init(&v[1], 2, 0);
		v[1].current_ns = 3 * MESH_SEC;
		v[0].heard.ns = now.ns - MESH_HOME_HEARD_NS - late;
		assert_int_equal(mesh_home_choose(v, 2, 1,
				     (struct mesh_time){now.ns - 1}, now),
		    late ? 2 : 1);
	}
}

/* --- probe plans (6.2) --------------------------------------------------- */

struct plan_row {
	unsigned region;
	unsigned tries4, tries6;
	unsigned at_ms[4];
};

static const struct {
	const char *name;
	bool full, up4, up6;
	unsigned last4[6], last6[6]; /* ms */
	uint16_t home;
	struct plan_row rows[5];
	size_t row_count;
} plans[] = {
    {"first, dual stack", true, true, true, {0}, {0}, 0,
	{{1, 3, 3, {0, 100, 200}}, {2, 3, 3, {0, 100, 200}},
	    {3, 3, 3, {0, 100, 200}}, {4, 3, 3, {0, 100, 200}},
	    {5, 3, 3, {0, 100, 200}}},
	5},
    {"first, IPv4 only", true, true, false, {0}, {0}, 0,
	{{1, 3, 0, {0, 100, 200}}, {2, 3, 0, {0, 100, 200}},
	    {3, 3, 0, {0, 100, 200}}, {4, 3, 0, {0, 100, 200}},
	    {5, 3, 0, {0, 100, 200}}},
	5},
    {"first, IPv6 only", true, false, true, {0}, {0}, 0,
	{{1, 0, 3, {0, 100, 200}}, {2, 0, 3, {0, 100, 200}},
	    {3, 0, 3, {0, 100, 200}}, {4, 0, 3, {0, 100, 200}},
	    {5, 0, 3, {0, 100, 200}}},
	5},
    {"later, IPv4 only", false, true, false, {10, 20, 30, 40}, {0}, 0,
	{{1, 2, 0, {0, 12}}, {2, 2, 0, {0, 24}}, {3, 1, 0, {0}}}, 3},
    {"later, IPv6 up but silent", false, true, true, {10, 20, 30, 40}, {0}, 0,
	{{1, 2, 1, {0, 12}}, {2, 2, 1, {0, 24}}, {3, 1, 0, {0}}}, 3},
    {"later, both", false, true, true, {10, 20}, {0, 0, 30, 40}, 0,
	{{1, 2, 2, {0, 12}}, {2, 2, 2, {0, 24}}, {3, 1, 0, {0}}}, 3},
    {"later, home first", false, true, true, {10, 20}, {0, 0, 30, 40}, 1,
	{{1, 4, 4, {0, 12, 124, 186}}, {2, 2, 2, {0, 24}}, {3, 1, 0, {0}}}, 3},
    {"later, home fourth", false, true, true, {50, 20}, {0, 0, 30, 40}, 1,
	{{1, 4, 4, {0, 60, 220, 330}}, {2, 2, 2, {0, 24}}, {3, 2, 2, {0, 36}},
	    {4, 1, 0, {0}}},
	4},
};

static void
six_regions(struct mesh_netcheck *n)
{
	static const struct mesh_path_stun nodes[6] = {{{{{1}}, 1}, {{{1}}, 1}},
	    {{{{2}}, 1}, {{{2}}, 1}}, {{{{3}}, 1}, {{{3}}, 1}},
	    {{{{4}}, 1}, {{{4}}, 1}}, {{{{5}}, 1}, {{{5}}, 1}},
	    {{{{6}}, 1}, {{{6}}, 1}}};
	struct mesh_path_region v[6];

	for (size_t i = 0; i < 6; i++)
		v[i] = (struct mesh_path_region){
		    .id = (uint16_t)(i + 1),
		    .no_home = i == 5,
		    .nodes = nodes,
		    .node_count = i + 1,
		};
	mesh_netcheck_init(n);
	assert_int_equal(mesh_netcheck_set_regions(n, v, 6), MESH_OK);
	assert_true(mesh_netcheck_has_regions(n, v, 6));
	v[2].node_count--;
	assert_false(mesh_netcheck_has_regions(n, v, 6));
}

static void
test_plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		struct mesh_netcheck n;
		unsigned planned = 0;

		six_regions(&n);
		n.full = plans[i].full;
		n.up[0] = plans[i].up4;
		n.up[1] = plans[i].up6;
		for (size_t r = 0; r < 6; r++) {
			n.regions[r].last_ns[0] = plans[i].last4[r] * MESH_MS;
			n.regions[r].last_ns[1] = plans[i].last6[r] * MESH_MS;
		}
		assert_true(mesh_netcheck_plan(&n, plans[i].home));
		for (size_t k = 0; k < plans[i].row_count; k++) {
			const struct plan_row *row = &plans[i].rows[k];
			const struct mesh_netcheck_region *r =
			    &n.regions[row->region - 1];
			unsigned most = row->tries4 > row->tries6 ? row->tries4
								  : row->tries6;

			if (r->set[0].tries != row->tries4 ||
			    r->set[1].tries != row->tries6)
				fail_msg("%s: region %u: %u and %u tries",
				    plans[i].name, row->region, r->set[0].tries,
				    r->set[1].tries);
			planned += row->tries4 + row->tries6;
			for (unsigned t = 0; t < most; t++)
				assert_int_equal(mesh_netcheck_delay(&r->set[0],
						     t, n.full),
				    row->at_ms[t] * MESH_MS);
		}
		for (size_t r = 0; r < 6; r++) /* and nothing else */
			planned -= n.regions[r].set[0].tries +
				   n.regions[r].set[1].tries;
		assert_int_equal(planned, 0);
		mesh_netcheck_release(&n);
	}
}

static void
test_regions_refused(void **state)
{
	struct mesh_path_stun nodes[MESH_PATH_REGION_NODES_MAX + 1] = {0};
	struct mesh_path_region v[2] = {{.id = 1}, {.id = 1}};
	struct mesh_path_region *many =
	    calloc(MESH_PATH_REGIONS_MAX + 1, sizeof(*many));
	struct mesh_netcheck n;

	(void)state;
	assert_non_null(many);
	six_regions(&n);
	assert_int_equal(mesh_netcheck_set_regions(&n, v, 2), MESH_ERR_ARG);
	v[0].id = 0;
	assert_int_equal(mesh_netcheck_set_regions(&n, v, 1), MESH_ERR_ARG);
	v[0].id = 7;
	v[0].nodes = nodes;
	v[0].node_count = ARRAY_LEN(nodes);
	assert_int_equal(mesh_netcheck_set_regions(&n, v, 1), MESH_ERR_LIMIT);
	assert_int_equal(mesh_netcheck_set_regions(&n, many,
			     MESH_PATH_REGIONS_MAX + 1),
	    MESH_ERR_LIMIT);
	assert_int_equal(n.region_count, 6); /* the old ones stay */
	assert_int_equal(mesh_netcheck_set_regions(&n, NULL, 0), MESH_OK);
	assert_false(mesh_netcheck_start(&n, true, true, true, 0,
	    (struct mesh_time){1}));
	mesh_netcheck_release(&n);
	free(many);
}

/* --- a measurement, step by step ----------------------------------------- */

static void
test_measurement(void **state)
{
	const uint8_t seed[32] = {1};
	struct mesh_drbg rnd;
	struct mesh_netcheck n;
	struct mesh_time now = {5 * MESH_SEC};
	struct mesh_stun_txid txid[5], stray = {{9}};
	struct mesh_endpoint to, one = endpoint("192.0.2.1:1000"),
				 two = endpoint("192.0.2.1:1001");
	bool is_new;

	(void)state;
	mesh_drbg_init(&rnd, seed);
	six_regions(&n);
	assert_true(mesh_netcheck_start(&n, false, true, false, 0, now));
	assert_true(n.full); /* the first one always is */
	for (size_t i = 0; i < 5; i++)
		assert_true(mesh_netcheck_probe(&n, &rnd, now, &to, &txid[i]));
	assert_false(mesh_netcheck_probe(&n, &rnd, now, &to, &stray));
	assert_int_equal(mesh_netcheck_deadline(&n).ns, now.ns + 100 * MESH_MS);

	now.ns += 10 * MESH_MS;
	assert_int_equal(mesh_netcheck_answer(&n, &stray, &one, now, &is_new),
	    MESH_ERR_STRAY);
	assert_int_equal(mesh_netcheck_answer(&n, &txid[1], &one, now, &is_new),
	    MESH_OK);
	assert_true(is_new);
	assert_int_equal(n.mapping_varies, MESH_PATH_UNKNOWN);
	/* The same answer again is none. */
	assert_int_equal(mesh_netcheck_answer(&n, &txid[1], &one, now, &is_new),
	    MESH_ERR_STRAY);
	now.ns += 10 * MESH_MS;
	assert_int_equal(mesh_netcheck_answer(&n, &txid[0], &one, now, &is_new),
	    MESH_OK);
	assert_false(is_new);
	assert_int_equal(n.mapping_varies, MESH_PATH_NO);
	now.ns += 10 * MESH_MS;
	assert_int_equal(mesh_netcheck_answer(&n, &txid[2], &two, now, &is_new),
	    MESH_OK);
	assert_int_equal(n.mapping_varies, MESH_PATH_YES);
	/* Three regions are known: the others get twice the slowest's time. */
	assert_false(mesh_netcheck_tick(&n, now));
	assert_int_equal(mesh_netcheck_deadline(&n).ns, now.ns + 60 * MESH_MS);
	now = mesh_netcheck_deadline(&n);
	assert_true(mesh_netcheck_tick(&n, now));
	assert_int_equal(n.preferred, 2);
	assert_false(n.running);
	assert_true(mesh_time_is_never(mesh_netcheck_deadline(&n)));

	/* Nothing answers: UDP is blocked, and that takes 3 s to say. */
	assert_true(mesh_netcheck_start(&n, true, true, true, 2, now));
	struct mesh_time t0 = now;
	while (n.running) {
		now = mesh_netcheck_deadline(&n);
		while (mesh_netcheck_probe(&n, &rnd, now, &to, &stray))
			;
		mesh_netcheck_tick(&n, now);
	}
	assert_int_equal(now.ns - t0.ns, MESH_NETCHECK_WAIT_NS);
	assert_false(n.udp[0] || n.udp[1]);
	mesh_netcheck_release(&n);
}

/* --- own endpoints (7.8) ------------------------------------------------- */

#define LIFE MESH_ENDPOINTS_LIFE_NS

static const char *const letters[4] = {"1.2.3.4:12345", "5.6.7.8:12345",
    "[2a09:8280:1::1111]:12345", "[2a09:8280:1::2222]:12345"};

static void
see(struct mesh_netcheck *n, const char *which)
{
	n->seen_count[0] = n->seen_count[1] = 0;
	for (; *which != 0; which++) {
		struct mesh_endpoint ep = endpoint(letters[*which - 'a']);
		int f = mesh_ip_is4(&ep.ip) ? 0 : 1;

		n->seen[f][n->seen_count[f]++] =
		    (struct mesh_netcheck_seen){ep, 2};
	}
}

static void
test_endpoint_memory(void **state)
{
	static const struct {
		uint64_t at;
		const char *seen, *want;
		bool changed;
	} rows[] = {
	    {0, "ac", "ac", true},
	    {1 * MESH_MIN, "ac", "ac", false},
	    {2 * MESH_MIN, "c", "ac", false},
	    {3 * MESH_MIN, "a", "ac", false},
	    {4 * MESH_MIN, "bd", "abcd", true},
	    {3 * MESH_MIN + LIFE - 1, "", "abd", true},
	    {4 * MESH_MIN + LIFE + 1, "bd", "bd", true},
	    {5 * MESH_MIN + LIFE, "", "bd", false},
	};
	struct mesh_netcheck n;
	struct mesh_endpoints e = {.port4 = 0};
	struct mesh_ip local = mesh_ip4(192, 168, 1, 1);
	struct mesh_path_link link = {.up4 = true,
	    .port4 = 12345,
	    .addresses = &local,
	    .address_count = 1};

	(void)state;
	mesh_netcheck_init(&n);
	mesh_endpoints_set_link(&e, &link);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_time now = {MESH_HOUR + rows[i].at};

		see(&n, rows[i].seen);
		if (mesh_endpoints_update(&e, &n, now) != rows[i].changed)
			fail_msg("row %zu", i);
		assert_int_equal(e.count, strlen(rows[i].want) + 1);
		for (const char *w = rows[i].want; *w != 0; w++) {
			struct mesh_endpoint ep = endpoint(letters[*w - 'a']);
			bool found = false;

			for (size_t k = 0; k < e.count; k++)
				found |= mesh_endpoint_eq(&e.list[k].ep, &ep);
			if (!found)
				fail_msg("row %zu: no %c", i, *w);
		}
		assert_int_equal(e.list[e.count - 1].type,
		    MESH_PATH_ENDPOINT_LOCAL);
	}
	mesh_endpoints_forget(&e);
	see(&n, "");
	assert_true(mesh_endpoints_update(&e, &n,
	    (struct mesh_time){2 * MESH_HOUR}));
	assert_int_equal(e.count, 1);
}

/* Of one address, only so many ports are remembered: the latest. */
static void
test_endpoint_ports(void **state)
{
	struct mesh_netcheck n;
	struct mesh_endpoints e = {.port4 = 0};
	struct mesh_endpoint ep = endpoint("1.2.3.4:10000");

	(void)state;
	mesh_netcheck_init(&n);
	n.seen_count[0] = 1;
	for (uint16_t i = 0; i < 7; i++) {
		ep.port = (uint16_t)(10000 + i);
		n.seen[0][0] = (struct mesh_netcheck_seen){ep, 1};
		mesh_endpoints_update(&e, &n,
		    (struct mesh_time){(100 + i) * MESH_SEC});
	}
	assert_int_equal(e.count, MESH_ENDPOINTS_PER_IP);
	assert_int_equal(e.list[0].ep.port, 10006);
	for (size_t i = 0; i < e.count; i++)
		assert_int_not_equal(e.list[i].ep.port, 10000);
	/* Eleven at once are all told. */
	for (uint16_t i = 0; i < 11; i++) {
		ep.port = (uint16_t)(20000 + i);
		n.seen[0][i] = (struct mesh_netcheck_seen){ep, 2};
	}
	n.seen_count[0] = 11;
	mesh_endpoints_update(&e, &n, (struct mesh_time){200 * MESH_SEC});
	assert_int_equal(e.count, 11);
}

static void
test_endpoint_order(void **state)
{
	struct mesh_netcheck n;
	struct mesh_endpoints e = {.port4 = 0};
	struct mesh_ip addresses[7];
	struct mesh_endpoint fixed = endpoint("198.51.100.9:1");
	struct mesh_path_link link = {
	    .up4 = true,
	    .up6 = true,
	    .port4 = 41641,
	    .port6 = 41642,
	    .port_fixed = true,
	    .addresses = addresses,
	    .address_count = ARRAY_LEN(addresses),
	    .mapped = endpoint("198.51.100.1:7"),
	    .fixed = &fixed,
	    .fixed_count = 1,
	};
	static const char *const local[7] = {"127.0.0.1", "100.64.0.7",
	    "fe80::1", "2001:db8::1", "2001:db8::2", "2001:db8::3",
	    "192.168.1.5"};
	static const struct {
		const char *ep;
		enum mesh_path_endpoint_type type;
	} want[] = {
	    {"198.51.100.1:7", MESH_PATH_ENDPOINT_MAPPED},
	    {"203.0.113.5:2001", MESH_PATH_ENDPOINT_STUN},
	    {"[2001:db8:9::9]:41642", MESH_PATH_ENDPOINT_STUN},
	    {"203.0.113.5:41641", MESH_PATH_ENDPOINT_STUN_LOCAL_PORT},
	    {"198.51.100.9:1", MESH_PATH_ENDPOINT_FIXED},
	    {"[2001:db8::1]:41642", MESH_PATH_ENDPOINT_LOCAL},
	    {"[2001:db8::2]:41642", MESH_PATH_ENDPOINT_LOCAL},
	    {"192.168.1.5:41641", MESH_PATH_ENDPOINT_LOCAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		assert_int_equal(mesh_ip_parse(mesh_str(local[i]),
				     &addresses[i]),
		    MESH_OK);
	mesh_netcheck_init(&n);
	n.mapping_varies = MESH_PATH_YES;
	n.seen[0][0] =
	    (struct mesh_netcheck_seen){endpoint("203.0.113.5:2000"), 1};
	n.seen[0][1] =
	    (struct mesh_netcheck_seen){endpoint("203.0.113.5:2001"), 2};
	n.seen_count[0] = 2;
	n.seen[1][0] =
	    (struct mesh_netcheck_seen){endpoint("[2001:db8:9::9]:41642"), 1};
	n.seen_count[1] = 1;
	mesh_endpoints_set_link(&e, &link);
	assert_true(mesh_endpoints_update(&e, &n, (struct mesh_time){1}));
	assert_int_equal(e.count, ARRAY_LEN(want));
	for (size_t i = 0; i < e.count; i++) {
		char text[MESH_ENDPOINT_TEXT];

		assert_string_equal(mesh_endpoint_format(&e.list[i].ep, text),
		    want[i].ep);
		assert_int_equal(e.list[i].type, want[i].type);
	}
	/* With nothing but loopback, that is told. */
	link = (struct mesh_path_link){.up4 = true,
	    .port4 = 1,
	    .addresses = addresses,
	    .address_count = 2};
	mesh_endpoints_set_link(&e, &link);
	assert_int_equal(e.local_count, 1);
	assert_true(mesh_ip_is_loopback(&e.local[0].ip));
}

/* --- timers -------------------------------------------------------------- */

static void
test_timers(void **state)
{
	struct mesh_path_timers t = {0};
	struct mesh_path_timer v[64];
	uint32_t dice = 7;
	uint64_t last = 0;

	(void)state;
	assert_int_equal(mesh_path_timers_reserve(&t, ARRAY_LEN(v)), MESH_OK);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		mesh_path_timer_init(&v[i]);
	for (unsigned i = 0; i < 4000; i++) {
		struct mesh_path_timer *one = &v[i % ARRAY_LEN(v)];
		struct mesh_time at;

		dice = dice * 1103515245u + 12345u;
		at.ns = (dice >> 16) % 5 == 0 ? UINT64_MAX : dice >> 16;
		mesh_path_timer_set(&t, one, at);
		uint64_t least = UINT64_MAX;
		for (size_t k = 0; k < ARRAY_LEN(v); k++)
			least = v[k].at.ns < least ? v[k].at.ns : least;
		struct mesh_path_timer *first = mesh_path_timers_first(&t);
		assert_int_equal(first ? first->at.ns : UINT64_MAX, least);
	}
	while (mesh_path_timers_first(&t) != NULL) {
		assert_true(mesh_path_timers_first(&t)->at.ns >= last);
		last = mesh_path_timers_first(&t)->at.ns;
		mesh_path_timer_set(&t, mesh_path_timers_first(&t), MESH_NEVER);
	}
	mesh_path_timers_release(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_better),
	    cmocka_unit_test(test_home),
	    cmocka_unit_test(test_home_heard),
	    cmocka_unit_test(test_plans),
	    cmocka_unit_test(test_regions_refused),
	    cmocka_unit_test(test_measurement),
	    cmocka_unit_test(test_endpoint_memory),
	    cmocka_unit_test(test_endpoint_ports),
	    cmocka_unit_test(test_endpoint_order),
	    cmocka_unit_test(test_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
