/* SPDX-License-Identifier: ISC
 * Who may join: every flow of protocol/control.md 5, and what is refused.
 */
#include "controld_lab.h"

#include <stdlib.h>

static struct lab l;
static struct user *alice;

static int
setup(void **state)
{
	(void)state;
	lab_open(&l, ":memory:");
	alice = lab_user(&l, "alice");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	lab_close(&l);
	return 0;
}

static void
assert_refused(const struct register_ask *ask, const char *why)
{
	size_t before = l.s->node_count;
	struct register_answer a = lab_register(&l, ask);

	assert_int_equal(a.kind, REGISTER_REFUSED);
	assert_string_equal(a.error, why);
	assert_int_equal(l.s->node_count, before);
}

static void
a_key_admits(void **state)
{
	char key[AUTHKEY_TEXT], ip[MESH_IP_TEXT];
	struct register_ask ask = lab_ask(1, 1);
	struct register_answer a;
	struct member *m;

	(void)state;
	lab_key(&l, alice, false, "", key);
	ask.auth_key = mesh_str(key);
	a = lab_register(&l, &ask);
	assert_int_equal(a.kind, REGISTER_DONE);
	assert_int_equal(a.user, alice->id);
	assert_string_equal(a.owner, "alice");
	m = state_member_key(l.s, &ask.key);
	assert_non_null(m);
	assert_string_equal(m->rec.label, "host");
	assert_string_equal(mesh_ip_format(&m->rec.ip4, ip), "100.64.0.1");
	/* Each start brings the same spent key: the node key says enough. */
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_DONE);
	assert_int_equal(l.s->node_count, 1);
	/* Another machine, or a new node key: spent is spent. */
	ask = lab_ask(2, 2);
	ask.auth_key = mesh_str(key);
	assert_refused(&ask, "auth key was used already");
	ask = lab_ask(1, 9);
	ask.auth_key = mesh_str(key);
	assert_refused(&ask, "auth key was used already");
}

static void
names_and_addresses_are_unique(void **state)
{
	char key[AUTHKEY_TEXT];
	struct member *a, *b, *c;

	(void)state;
	lab_key(&l, alice, true, "", key);
	a = lab_join(&l, 1, key);
	b = lab_join(&l, 2, key);
	c = lab_join(&l, 3, key);
	assert_string_equal(a->rec.label, "host");
	assert_string_equal(b->rec.label, "host-1");
	assert_string_equal(c->rec.label, "host-2");
	assert_false(mesh_ip_eq(&a->rec.ip4, &b->rec.ip4));
	assert_false(mesh_ip_eq(&a->rec.ip6, &c->rec.ip6));
	assert_int_equal(state_node_remove(l.s, b), MESH_OK);
	state_told(l.s, b);
	b = lab_join(&l, 4, key);
	assert_string_equal(b->rec.label, "host-1");
	assert_int_equal(b->rec.id, 4); /* numbers never come again */
}

static void
node_keys_belong_to_a_machine(void **state)
{
	char key[AUTHKEY_TEXT];
	struct register_ask ask;

	(void)state;
	lab_key(&l, alice, true, "", key);
	lab_join(&l, 1, key);
	ask = lab_ask(2, 1);
	ask.auth_key = mesh_str(key);
	assert_refused(&ask, "node key belongs to another machine");
	ask.auth_key = MESH_STR("");
	assert_refused(&ask, "node key belongs to another machine");
	ask = lab_ask(2, 0);
	ask.auth_key = mesh_str(key);
	assert_refused(&ask, "node key is missing");
}

static void
tags_come_from_the_key(void **state)
{
	char key[AUTHKEY_TEXT];
	struct register_ask ask = lab_ask(1, 1);
	struct register_answer a;
	struct member *m;

	(void)state;
	lab_key(&l, alice, true, "tag:a,tag:b", key);
	ask.auth_key = mesh_str(key);
	ask.tags = MESH_STR("tag:c");
	assert_refused(&ask, "requested tags are not permitted: "
	    "the tags are those of the auth key");
	ask.tags = MESH_STR("tag:b");
	a = lab_register(&l, &ask);
	assert_int_equal(a.kind, REGISTER_DONE);
	assert_int_equal(a.user, USER_TAGGED);
	m = state_member_key(l.s, &ask.key);
	assert_string_equal(m->rec.tags, "tag:a,tag:b");
	assert_int_equal(m->rec.user, 0);
	assert_int_equal(m->rec.expires, 0);
}

static void
a_new_login_keeps_the_node(void **state)
{
	char key[AUTHKEY_TEXT];
	struct member *m, *again;
	struct mesh_node_key old;
	struct register_ask ask;

	(void)state;
	lab_key(&l, alice, true, "", key);
	m = lab_join(&l, 1, key);
	old = m->rec.key;
	assert_int_equal(state_node_expire(l.s, m, l.wall - 1), MESH_OK);
	state_tick(l.s, l.now, l.wall);
	assert_true(m->expired);
	ask = lab_ask(1, 1);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_EXPIRED);
	ask = lab_ask(1, 7);
	ask.auth_key = mesh_str(key);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_DONE);
	again = state_member_key(l.s, &ask.key);
	assert_ptr_equal(again, m);
	assert_false(m->expired);
	/* The old key serves until the new one is used. */
	assert_ptr_equal(state_member_key(l.s, &old), m);
	state_connected(l.s, m, &old);
	assert_ptr_equal(state_member_key(l.s, &old), m);
	state_connected(l.s, m, &ask.key);
	assert_null(state_member_key(l.s, &old));
}

/* It logs in with a key of another kind before it has made a new node key. */
static void
a_node_key_changes_hands(void **state)
{
	char mine[AUTHKEY_TEXT], tagged[AUTHKEY_TEXT];
	struct register_ask ask = lab_ask(1, 1);
	struct member *m;

	(void)state;
	lab_key(&l, alice, true, "", mine);
	lab_key(&l, alice, false, "tag:a", tagged);
	m = lab_join(&l, 1, mine);
	ask.auth_key = mesh_str(tagged);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_DONE);
	assert_ptr_equal(state_member_key(l.s, &ask.key), m);
	assert_int_equal(m->rec.user, 0);
	assert_string_equal(m->rec.tags, "tag:a");
	assert_int_equal(l.s->node_count, 1);
}

static void
a_key_may_not_be_enough(void **state)
{
	char key[AUTHKEY_TEXT];
	struct register_ask ask = lab_ask(1, 7);
	struct member *m;

	(void)state;
	lab_key(&l, alice, true, "", key);
	l.s->cfg.approve_nodes = true;
	m = lab_join(&l, 1, key);
	assert_true(member_is_waiting(m));
	ask.auth_key = mesh_str(key);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_DONE);
	assert_true(member_is_waiting(m)); /* asking again does not help */
	assert_int_equal(state_node_approve(l.s, m), MESH_OK);
	assert_false(member_is_waiting(m));
	assert_int_equal(state_node_approve(l.s, m), MESH_ERR_STATE);
	ask = lab_ask(1, 8);
	ask.auth_key = mesh_str(key);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_DONE);
	assert_false(member_is_waiting(m)); /* approved once is approved */
}

static void
logging_out_and_shortening(void **state)
{
	char key[AUTHKEY_TEXT];
	struct register_ask ask = lab_ask(1, 1);
	struct member *m;

	(void)state;
	lab_key(&l, alice, true, "", key);
	m = lab_join(&l, 1, key);
	ask.has_expiry = true;
	ask.expiry = l.wall + 100;
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_DONE);
	assert_int_equal(m->rec.expires, l.wall + 100);
	ask.expiry = l.wall + 200;
	assert_refused(&ask, "extending key is not allowed");
	ask.expiry = 123;
	ask.auth_key = mesh_str(key); /* may come along: logging out wins */
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_EXPIRED);
	assert_true(m->rec.expires <= l.wall);
	assert_int_equal(l.s->node_count, 1);
}

static void
ephemeral_nodes_go(void **state)
{
	char key[AUTHKEY_TEXT];
	struct register_ask ask = lab_ask(1, 1);
	struct member *m;

	(void)state;
	lab_key(&l, alice, true, "", key)->ephemeral = true;
	m = lab_join(&l, 1, key);
	state_connected(l.s, m, &m->rec.key);
	state_tick(l.s, mesh_time_add(l.now, MESH_HOUR), l.wall);
	assert_int_equal(l.s->node_count, 1);
	state_disconnected(l.s, m, l.now, l.wall);
	state_tick(l.s, mesh_time_add(l.now, 11 * MESH_SEC), l.wall);
	assert_false(m->online);
	assert_int_equal(l.s->node_count, 1);
	state_connected(l.s, m, &m->rec.key); /* back in time */
	state_disconnected(l.s, m, mesh_time_add(l.now, 20 * MESH_SEC),
	    l.wall);
	state_tick(l.s, mesh_time_add(l.now, 79 * MESH_SEC), l.wall);
	assert_int_equal(l.s->node_count, 1);
	state_tick(l.s, mesh_time_add(l.now, 80 * MESH_SEC), l.wall);
	assert_int_equal(l.s->node_count, 0);
	state_told(l.s, m);
	m = lab_join(&l, 2, key);
	ask = lab_ask(2, 2);
	ask.has_expiry = true;
	ask.expiry = 123;
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_EXPIRED);
	assert_int_equal(l.s->node_count, 0);
}

static void
an_administrator_approves(void **state)
{
	struct register_ask ask = lab_ask(1, 1);
	struct register_answer a = lab_register(&l, &ask);
	char url[128];
	struct pending *p;
	struct member *m;

	(void)state;
	assert_int_equal(a.kind, REGISTER_AUTH_URL);
	assert_int_equal(strlen(a.id), PENDING_ID_LEN);
	mesh_format(url, sizeof(url), "http://x/register/%s", a.id);
	p = register_find(l.s, mesh_str(url));
	assert_non_null(p);
	ask.followup = mesh_str(p->id);
	ask.req = 55;
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_WAIT);
	assert_false(register_next(l.s, &a));
	assert_int_equal(register_approve(l.s, p, alice, "", 0, l.wall, &m),
	    MESH_OK);
	assert_true(register_next(l.s, &a));
	assert_int_equal(a.req, 55);
	assert_int_equal(a.kind, REGISTER_DONE);
	assert_string_equal(a.owner, "alice");
	assert_false(register_next(l.s, &a));
	assert_null(register_find(l.s, mesh_str(url)));
	/* Somebody else's followup gets a URL of its own. */
	ask = lab_ask(2, 2);
	ask.followup = mesh_str(a.id);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_AUTH_URL);
}

static void
waiting_logins_are_bounded(void **state)
{
	struct register_ask ask;
	struct register_answer a;
	char first[PENDING_ID_LEN + 1];

	(void)state;
	for (uint8_t i = 1; i <= PENDING_PER_MACHINE + 1; i++) {
		ask = lab_ask(1, i);
		a = lab_register(&l, &ask);
		assert_int_equal(a.kind, REGISTER_AUTH_URL);
		if (i == 1)
			memcpy(first, a.id, sizeof(first));
	}
	assert_int_equal(l.s->pending_by_id.count, PENDING_PER_MACHINE);
	assert_null(register_find(l.s, mesh_str(first)));
	/* Whoever waits is kept, others go when their time is over. */
	ask.followup = mesh_str(a.id);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_WAIT);
	register_tick(l.s, mesh_time_add(l.now, PENDING_NS));
	assert_int_equal(l.s->pending_by_id.count, 1);
	register_cancel(l.s, ask.req);
	register_tick(l.s, mesh_time_add(l.now, 2 * PENDING_NS));
	assert_int_equal(l.s->pending_by_id.count, 0);
}

static void
reports_change_and_are_kept(void **state)
{
	struct node_endpoint e = {.type = 2};
	char key[AUTHKEY_TEXT];
	struct member *m;
	struct report r = {.capver = 142, .relay = 900,
	    .hostname = MESH_STR("other"),
	    .hostinfo = MESH_STR("{\"OS\":\"linux\"}"),
	    .hostinfo_peer = MESH_STR("{}"), .endpoints = &e,
	    .endpoint_count = 1};

	(void)state;
	lab_key(&l, alice, true, "", key);
	m = lab_join(&l, 1, key);
	state_told(l.s, m);
	assert_int_equal(mesh_endpoint_parse(MESH_STR("192.0.2.1:41641"),
	    &e.addr), MESH_OK);
	memset(r.disco.b, 5, sizeof(r.disco.b));
	assert_int_equal(state_report(l.s, m, &r), MESH_OK);
	assert_int_equal(m->changed & CHANGE_PATCHABLE, CHANGE_ENDPOINTS |
	    CHANGE_RELAY | CHANGE_DISCO | CHANGE_CAPVER);
	assert_string_equal(m->rec.label, "other");
	state_told(l.s, m);
	assert_int_equal(state_report(l.s, m, &r), MESH_OK); /* no news */
	assert_int_equal(m->changed, 0);
	/* A chosen name stays, whatever the machine calls itself. */
	assert_int_equal(state_node_rename(l.s, m, MESH_STR("web")), MESH_OK);
	r.hostname = MESH_STR("third");
	assert_int_equal(state_report(l.s, m, &r), MESH_OK);
	assert_string_equal(m->rec.label, "web");
	assert_int_equal(state_sync(l.s), MESH_OK);
	assert_true(mesh_list_is_empty(&l.s->unsaved));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_key_admits),
	    TEST(names_and_addresses_are_unique),
	    TEST(node_keys_belong_to_a_machine),
	    TEST(tags_come_from_the_key),
	    TEST(a_new_login_keeps_the_node),
	    TEST(a_node_key_changes_hands),
	    TEST(a_key_may_not_be_enough),
	    TEST(logging_out_and_shortening),
	    TEST(ephemeral_nodes_go),
	    TEST(an_administrator_approves),
	    TEST(waiting_logins_are_bounded),
	    TEST(reports_change_and_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
