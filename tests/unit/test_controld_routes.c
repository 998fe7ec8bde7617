/* SPDX-License-Identifier: ISC
 * Networks behind nodes: nothing is served that was not announced and approved,
 * of several nodes one carries it, and who may not use a route is not told of
 * it.
 */
#include "mesh-controld/mapper.h"
#include "mesh-controld/routes.h"

#include "controld_lab.h"

#include <netmap/response.h>
#include <stdlib.h>

#define WALL ((struct mesh_wall){1000000, 5})

static struct {
	struct lab lab;
	struct access *access;
	struct mapper *mapper;
	struct user *alice, *bob;
	char alice_key[AUTHKEY_TEXT], bob_key[AUTHKEY_TEXT];
	char *told[32]; /* by request number: the last frame */
} t;

static void
on_frame(void *arg, const uint64_t *reqs, size_t count, struct mesh_str text)
{
	(void)arg;
	for (size_t i = 0; i < count; i++) {
		assert_true(reqs[i] < ARRAY_LEN(t.told));
		free(t.told[reqs[i]]);
		t.told[reqs[i]] = strndup(text.p, text.len);
	}
}

static void
on_end(void *arg, uint64_t req)
{
	(void)arg, (void)req;
}

static int
setup(void **state)
{
	static const struct mapper_config cfg = {
	    .suffix = "mesh.test", .relays = {"{\"Regions\":{}}", 14}};
	static const struct mapper_sink sink = {on_frame, on_end, NULL, NULL,
	    NULL};

	(void)state;
	memset(&t, 0, sizeof(t));
	lab_open(&t.lab, ":memory:");
	t.alice = lab_user(&t.lab, "alice");
	t.bob = lab_user(&t.lab, "bob");
	lab_key(&t.lab, t.alice, true, "", t.alice_key);
	lab_key(&t.lab, t.bob, true, "", t.bob_key);
	t.access = access_new();
	t.mapper = mapper_new(&cfg, t.lab.s, t.access, &sink);
	return t.access != NULL && t.mapper != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t.told); i++)
		free(t.told[i]);
	mapper_free(t.mapper);
	access_free(t.access);
	lab_close(&t.lab);
	return 0;
}

/* "10.0.0.0/8 ::/0": how many. */
static size_t
prefixes(const char *text, struct mesh_prefix *out)
{
	struct mesh_str rest = mesh_str(text);
	size_t count = 0;

	while (rest.len > 0)
		assert_int_equal(mesh_prefix_parse(mesh_str_cut(&rest, ' '),
				     &out[count++]),
		    MESH_OK);
	return count;
}

static void
announce(struct member *m, const char *text)
{
	struct mesh_prefix list[8];
	struct report r = {.capver = 131,
	    .hostname = MESH_STR("host"),
	    .hostinfo = MESH_STR("{\"x\":1}"),
	    .hostinfo_peer = MESH_STR("{}"),
	    .routes = list};

	r.route_count = prefixes(text, list);
	assert_int_equal(state_report(t.lab.s, m, &r), MESH_OK);
}

static int
approve(struct member *m, const char *text)
{
	struct mesh_prefix list[8];

	return routes_approve(t.lab.s, m, list, prefixes(text, list));
}

static const char *
carried(const struct member *m)
{
	static char text[ROUTES_TEXT];
	struct mesh_prefix list[ROUTES_SERVED_MAX];
	struct route_list l = {list, routes_carried(t.lab.s, m, list)};

	route_list_text(&l, text);
	return text;
}

static struct member *
join(uint8_t n, const char *key, uint64_t req)
{
	struct member *m = lab_join(&t.lab, n, key);

	assert_int_equal(mapper_open(t.mapper, m, req, &m->rec.key,
			     false, WALL),
	    MESH_OK);
	return m;
}

static void
flush(void)
{
	for (size_t i = 0; i < ARRAY_LEN(t.told); i++) {
		free(t.told[i]);
		t.told[i] = NULL;
	}
	mapper_flush(t.mapper, WALL);
}

static bool
is_told(uint64_t req, const char *words)
{
	return t.told[req] != NULL && strstr(t.told[req], words) != NULL;
}

static void
policy(const char *text)
{
	struct mesh_diag diag = {""};

	if (access_set_policy(t.access, t.lab.s, mesh_str(text), &diag) !=
	    MESH_OK)
		fail_msg("%s", diag.text);
	mapper_policy_changed(t.mapper);
}

static void
away(struct member *m, uint64_t req)
{
	assert_true(mapper_close(t.mapper, req, t.lab.now, t.lab.wall));
	t.lab.now = mesh_time_add(t.lab.now, 2 * STATE_OFFLINE_NS);
	state_tick(t.lab.s, t.lab.now, t.lab.wall);
	assert_false(m->online);
	flush();
}

static void
both_are_needed(void **state)
{
	struct member *r = join(1, t.alice_key, 1);

	(void)state;
	join(2, t.alice_key, 2);
	announce(r, "10.1.0.0/16 10.2.0.0/16");
	flush();
	assert_string_equal(carried(r), "");
	assert_true(!is_told(2, "PrimaryRoutes") && !is_told(2, "10.1.0"));
	assert_int_equal(approve(r, "10.1.0.0/16 10.3.0.0/16"), MESH_OK);
	flush();
	assert_string_equal(carried(r), "10.1.0.0/16");
	assert_true(is_told(2, "\"PrimaryRoutes\":[\"10.1.0.0/16\"]"));
	assert_true(is_told(2, "\"AllowedIPs\":[\"100.64.0.1/32\","
			       "\"fd7a:115c:a1e0::1/128\",\"10.1.0.0/16\"]"));
	assert_false(is_told(2, "10.3.0.0"));
	announce(r, ""); /* the approval stays */
	flush();
	assert_string_equal(carried(r), "");
	assert_false(is_told(2, "PrimaryRoutes"));
	announce(r, "10.1.0.0/16");
	flush();
	assert_string_equal(carried(r), "10.1.0.0/16");
	assert_int_equal(approve(r, ""), MESH_OK);
	flush();
	assert_string_equal(carried(r), "");
	assert_false(is_told(2, "PrimaryRoutes"));
}

static void
one_of_several_carries_it(void **state)
{
	struct member *a = join(1, t.alice_key, 1);
	struct member *b = join(2, t.alice_key, 2);
	struct member *c = join(3, t.alice_key, 3);

	(void)state;
	announce(b, "10.1.0.0/16");
	announce(c, "10.1.0.0/16");
	assert_int_equal(approve(b, "10.1.0.0/16"), MESH_OK);
	assert_int_equal(approve(c, "10.1.0.0/16"), MESH_OK);
	flush();
	assert_string_equal(carried(b), "10.1.0.0/16");
	assert_string_equal(carried(c), "");
	away(b, 2);
	assert_string_equal(carried(b), "");
	assert_string_equal(carried(c), "10.1.0.0/16");
	assert_true(is_told(1, "\"PrimaryRoutes\":[\"10.1.0.0/16\"]"));
	/* Back, and the other one goes on. A third, older one changes nothing.
	 */
	assert_int_equal(mapper_open(t.mapper, b, 4, &b->rec.key, false,
			     WALL),
	    MESH_OK);
	announce(a, "10.1.0.0/16");
	assert_int_equal(approve(a, "10.1.0.0/16"), MESH_OK);
	flush();
	assert_string_equal(carried(c), "10.1.0.0/16");
	away(a, 1);
	away(b, 4);
	away(c, 3); /* nobody is there: the last one stays */
	assert_string_equal(carried(c), "10.1.0.0/16");
	assert_int_equal(state_node_remove(t.lab.s, c), MESH_OK);
	flush();
	assert_string_equal(carried(a), "10.1.0.0/16");
}

static void
an_expired_one_carries_nothing(void **state)
{
	struct member *r = join(1, t.alice_key, 1);

	(void)state;
	announce(r, "10.1.0.0/16");
	assert_int_equal(approve(r, "10.1.0.0/16"), MESH_OK);
	flush();
	assert_string_equal(carried(r), "10.1.0.0/16");
	assert_int_equal(state_node_expire(t.lab.s, r, t.lab.wall), MESH_OK);
	state_tick(t.lab.s, t.lab.now, t.lab.wall);
	flush();
	assert_string_equal(carried(r), "");
}

static void
only_those_with_routes_are_probed(void **state)
{
	struct member *r = join(1, t.alice_key, 1);

	(void)state;
	join(2, t.alice_key, 2);
	announce(r, "10.1.0.0/16");
	flush();
	mapper_probe(t.mapper, WALL);
	assert_true(is_told(1, "\"KeepAlive\":true"));
	assert_false(is_told(2, "\"KeepAlive\":true"));
}

static void
default_routes_come_together(void **state)
{
	struct member *r = join(1, t.alice_key, 1);

	(void)state;
	join(2, t.alice_key, 2);
	announce(r, "0.0.0.0/0 ::/0");
	assert_int_equal(approve(r, "0.0.0.0/0"), MESH_OK);
	flush();
	assert_string_equal(carried(r), "::/0 0.0.0.0/0");
	assert_true(is_told(2, "\"::/0\",\"0.0.0.0/0\"]"));
	assert_false(is_told(2, "PrimaryRoutes"));
}

static void
what_is_no_route(void **state)
{
	static const char *const bad[] = {"100.64.0.7/32", "100.100.0.0/16",
	    "fd7a:115c:a1e0::7/128", "127.0.0.0/8", "169.254.0.0/16",
	    "224.0.0.0/4", "fe80::/10", "ff00::/8", "::1/128"};
	struct member *r = join(1, t.alice_key, 1);
	struct mesh_prefix p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		announce(r, bad[i]);
		assert_null(r->rec.routes);
		assert_int_equal(approve(r, bad[i]), MESH_ERR_ARG);
		assert_non_null(strstr(t.lab.s->error, bad[i]));
	}
	assert_int_equal(mesh_prefix_parse(MESH_STR("10.0.0.0/8"), &p),
	    MESH_OK);
	assert_true(route_is_possible(&p));
	p.ip.b[15] = 1; /* bits behind the length */
	assert_false(route_is_possible(&p));
	announce(r, "fd7a:115c:a1e0:b1a:0:7:a01:100/120"); /* 4via6 */
	assert_int_equal(r->rec.routes->announced.count, 1);
}

static void
the_policy_decides_who_is_told(void **state)
{
	struct member *r = join(1, t.bob_key, 1);

	(void)state;
	join(2, t.alice_key, 2);
	join(3, t.bob_key, 3);
	announce(r, "10.1.0.0/16 10.2.0.0/16");
	assert_int_equal(approve(r, "10.1.0.0/16 10.2.0.0/16"), MESH_OK);
	policy("{\"acls\": [{\"action\": \"accept\", \"src\": [\"bob@\"],"
	       " \"dst\": [\"bob@:*\", \"10.1.0.0/16:*\"]},"
	       "{\"action\": \"accept\", \"src\": [\"alice@\"],"
	       " \"dst\": [\"bob@:22\"]}]}");
	flush();
	assert_true(is_told(3, "\"PrimaryRoutes\":[\"10.1.0.0/16\"]"));
	assert_true(is_told(2, "\"ID\":1"));
	assert_false(is_told(2, "10.1.0.0"));
	/* Another policy, other routes, for nodes that were visible before. */
	policy("{\"acls\": [{\"action\": \"accept\", \"src\": [\"alice@\","
	       " \"bob@\"], \"dst\": [\"bob@:*\", \"10.2.0.0/16:*\"]}]}");
	flush();
	assert_true(is_told(2, "\"PrimaryRoutes\":[\"10.2.0.0/16\"]"));
	assert_true(is_told(3, "\"PrimaryRoutes\":[\"10.2.0.0/16\"]"));
}

static void
the_policy_approves(void **state)
{
	struct member *a = join(1, t.alice_key, 1);
	struct member *b = join(2, t.bob_key, 2);

	(void)state;
	announce(a, "10.1.0.0/16 0.0.0.0/0 ::/0");
	announce(b, "10.1.7.0/24 0.0.0.0/0 ::/0");
	policy("{\"acls\": [{\"action\": \"accept\", \"src\": [\"*\"],"
	       " \"dst\": [\"*:*\"]}], \"autoApprovers\": {\"routes\":"
	       " {\"10.0.0.0/8\": [\"bob@\"], \"0.0.0.0/0\": [\"bob@\"]},"
	       " \"exitNode\": [\"alice@\"]}}");
	flush();
	assert_string_equal(carried(a), "::/0 0.0.0.0/0");
	assert_string_equal(carried(b), "10.1.7.0/24");
	announce(b, "10.1.7.0/24 192.168.0.0/16");
	flush();
	assert_string_equal(carried(b), "10.1.7.0/24 192.168.0.0/16");
	policy("");
	flush();
	assert_string_equal(carried(b), "10.1.7.0/24 192.168.0.0/16");
	assert_int_equal(state_sync(t.lab.s), MESH_OK);
}

static void
routes_are_kept(void **state)
{
	static const uint8_t seed[MESH_MAP_SEED_LEN] = {1};
	struct member *r = join(1, t.alice_key, 1);
	struct state_config cfg = t.lab.s->cfg;
	struct mesh_diag diag = {""};
	struct state *again = NULL;
	struct member *m;

	(void)state;
	announce(r, "10.1.0.0/16 10.2.0.0/16");
	assert_int_equal(approve(r, "10.1.0.0/16 10.9.0.0/16"), MESH_OK);
	assert_int_equal(state_sync(t.lab.s), MESH_OK);
	assert_int_equal(state_new(&cfg, t.lab.store, seed, &again, &diag),
	    MESH_OK);
	m = state_member(again, r->rec.id);
	assert_true(route_list_eq(&m->rec.routes->announced,
	    &r->rec.routes->announced));
	assert_true(route_list_eq(&m->rec.routes->approved,
	    &r->rec.routes->approved));
	state_free(again);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(both_are_needed),
	    TEST(one_of_several_carries_it),
	    TEST(an_expired_one_carries_nothing),
	    TEST(only_those_with_routes_are_probed),
	    TEST(default_routes_come_together),
	    TEST(what_is_no_route),
	    TEST(the_policy_decides_who_is_told),
	    TEST(the_policy_approves),
	    TEST(routes_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
