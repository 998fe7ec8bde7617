/* SPDX-License-Identifier: ISC
 * Logins that have to be approved: who may ask, for what an approval is good,
 * and for how long.
 */
#include "mesh-controld/sshcheck.h"

#include "controld_lab.h"

static struct {
	struct lab lab;
	struct access *access;
	struct sshcheck *checks;
	struct member *src, *dst, *other;
	uint8_t random;
} t;

#define POLICY(rules)                                                          \
	"{\"tagOwners\": {\"tag:server\": [\"alice@\"]}, \"ssh\": [" rules "]}"
#define CHECK(period)                                                          \
	"{\"action\": \"check\", \"src\": [\"alice@\"], \"dst\": [\"tag:server\"],"\
	" \"users\": [\"root\", \"ops\"], \"checkPeriod\": \"" period "\"}"

static void
policy(const char *text)
{
	struct mesh_diag diag = {""};

	if (access_set_policy(t.access, t.lab.s, mesh_str(text), &diag) !=
	    MESH_OK)
		fail_msg("%s", diag.text);
	sshcheck_forget(t.checks);
}

static int
setup(void **state)
{
	char alice[AUTHKEY_TEXT], server[AUTHKEY_TEXT];
	struct user *u;

	(void)state;
	memset(&t, 0, sizeof(t));
	lab_open(&t.lab, ":memory:");
	u = lab_user(&t.lab, "alice");
	lab_key(&t.lab, u, true, "", alice);
	lab_key(&t.lab, u, true, "tag:server", server);
	t.src = lab_join(&t.lab, 1, alice);
	t.dst = lab_join(&t.lab, 2, server);
	t.other = lab_join(&t.lab, 3, alice);
	t.access = access_new();
	t.checks = sshcheck_new();
	assert_int_equal(access_refresh(t.access, t.lab.s), MESH_OK);
	policy(POLICY(CHECK("1h")));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	sshcheck_free(t.checks);
	access_free(t.access);
	lab_close(&t.lab);
	return 0;
}

static struct sshcheck_answer
ask(const struct member *src, const char *account, const char *id)
{
	struct sshcheck_ask a = {.req = 7, .machine = t.dst->rec.machine,
	    .src = src->rec.id, .dst = t.dst->rec.id,
	    .account = mesh_str(account), .id = mesh_str(id)};
	uint8_t random[SSHCHECK_RANDOM];
	struct sshcheck_answer out;

	memset(random, ++t.random, sizeof(random));
	sshcheck_handle(t.checks, t.lab.s, &a, random, t.lab.now, &out);
	return out;
}

static bool
decide(const char *id, bool accept)
{
	return sshcheck_decide(t.checks, mesh_str(id), accept, t.lab.now);
}

static void
pass(uint64_t ns)
{
	t.lab.now = mesh_time_add(t.lab.now, ns);
	sshcheck_tick(t.checks, t.lab.now);
}

static void
held_approved_accepted(void **state)
{
	struct sshcheck_answer a = ask(t.src, "root", ""), b;
	char url[128];

	(void)state;
	assert_int_equal(a.kind, SSHCHECK_HOLD);
	assert_string_equal(ask(t.src, "root", "").id, a.id); /* the same */
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_WAIT);
	assert_false(sshcheck_next(t.checks, &b));
	mesh_format(url, sizeof(url), "https://x/auth/%s", a.id);
	assert_true(decide(url, true));
	assert_false(decide(url, false));
	assert_true(sshcheck_next(t.checks, &b));
	assert_int_equal(b.kind, SSHCHECK_AGAIN);
	assert_int_equal(b.req, 7);
	assert_false(sshcheck_next(t.checks, &b));
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_ACCEPT);
	assert_int_equal(ask(t.src, "root", "").kind, SSHCHECK_ACCEPT);
	/* For this login only, and for an hour. */
	assert_int_equal(ask(t.src, "ops", "").kind, SSHCHECK_HOLD);
	assert_int_equal(ask(t.src, "ops", a.id).kind, SSHCHECK_HOLD);
	assert_int_equal(ask(t.other, "root", "").kind, SSHCHECK_HOLD);
	assert_int_equal(ask(t.other, "root", a.id).kind, SSHCHECK_HOLD);
	pass(MESH_HOUR);
	assert_int_equal(ask(t.src, "root", "").kind, SSHCHECK_HOLD);
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_HOLD);
}

static void
refused(void **state)
{
	struct sshcheck_answer a = ask(t.src, "root", ""), b;

	(void)state;
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_WAIT);
	assert_true(decide(a.id, false));
	assert_true(sshcheck_next(t.checks, &b));
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_REJECT);
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_HOLD);
	assert_false(decide("", true));
	assert_false(decide("0123456789abcdef01234567", true));
}

static void
who_may_not_ask(void **state)
{
	struct sshcheck_ask a = {.machine = t.src->rec.machine,
	    .src = t.src->rec.id, .dst = t.dst->rec.id,
	    .account = MESH_STR("root")};
	uint8_t random[SSHCHECK_RANDOM] = {0};
	struct sshcheck_answer out;

	(void)state;
	sshcheck_handle(t.checks, t.lab.s, &a, random, t.lab.now, &out);
	assert_int_equal(out.kind, SSHCHECK_STRANGER);
	a.dst = 77;
	sshcheck_handle(t.checks, t.lab.s, &a, random, t.lab.now, &out);
	assert_int_equal(out.kind, SSHCHECK_UNKNOWN);
	a.dst = t.dst->rec.id;
	a.machine = t.dst->rec.machine;
	a.src = 77; /* who is not there is not let in */
	sshcheck_handle(t.checks, t.lab.s, &a, random, t.lab.now, &out);
	assert_int_equal(out.kind, SSHCHECK_REJECT);
	assert_int_equal(ask(t.src, "nobody", "").kind, SSHCHECK_REJECT);
	assert_int_equal(ask(t.dst, "root", "").kind, SSHCHECK_REJECT);
}

static void
the_policy_is_asked_each_time(void **state)
{
	struct sshcheck_answer a = ask(t.src, "root", ""), b;

	(void)state;
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_WAIT);
	assert_true(decide(a.id, true));
	policy("{}");
	assert_true(sshcheck_next(t.checks, &b));
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_REJECT);
	policy(POLICY("{\"action\": \"accept\", \"src\": [\"alice@\"],"
	    " \"dst\": [\"tag:server\"], \"users\": [\"root\"]}"));
	assert_int_equal(ask(t.src, "root", "").kind, SSHCHECK_ACCEPT);
	policy(POLICY(CHECK("1h"))); /* what was approved is over */
	assert_int_equal(ask(t.src, "root", "").kind, SSHCHECK_HOLD);
}

static void
always_is_good_for_once(void **state)
{
	struct sshcheck_answer a;

	(void)state;
	policy(POLICY(CHECK("always")));
	a = ask(t.src, "root", "");
	assert_true(decide(a.id, true));
	assert_int_equal(ask(t.src, "root", "").kind, SSHCHECK_HOLD);
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_ACCEPT);
	assert_int_equal(ask(t.src, "root", a.id).kind, SSHCHECK_HOLD);
}

static void
what_waits_is_bounded(void **state)
{
	struct sshcheck_answer a = ask(t.src, "root", ""), b;

	(void)state;
	pass(SSHCHECK_NS);
	assert_false(decide(a.id, true));
	policy(POLICY("{\"action\": \"check\", \"src\": [\"alice@\"], \"dst\":"
	    " [\"tag:server\"], \"users\": [\"autogroup:nonroot\"]}"));
	a = ask(t.src, "first", "");
	for (unsigned i = 0; i < SSHCHECK_PER_NODE; i++) {
		char account[8];

		mesh_format(account, sizeof(account), "u%u", i);
		b = ask(t.src, account, "");
		assert_int_equal(b.kind, SSHCHECK_HOLD);
	}
	assert_false(decide(a.id, true)); /* pushed out */
	assert_true(decide(b.id, true));
	assert_int_equal(ask(t.src, "u0", "").kind, SSHCHECK_HOLD);
	sshcheck_cancel(t.checks, 7);
}

static void
actions_as_json(void **state)
{
	struct sshcheck_answer a = {.kind = SSHCHECK_HOLD, .id = "12ab"};
	struct mesh_buf out;

	(void)state;
	mesh_buf_init(&out, 4096);
	sshcheck_write(&a, "https://x", &out);
	mesh_buf_add_byte(&out, 0);
	assert_string_equal((const char *)out.data, "{\"message\":"
	    "\"# This login has to be approved: https://x/auth/12ab\\r\\n\","
	    "\"holdAndDelegate\":\"https://x/machine/ssh/action/$SRC_NODE_ID/to/"
	    "$DST_NODE_ID?local_user=$LOCAL_USER\\u0026auth_id=12ab\"}");
	mesh_buf_release(&out);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(held_approved_accepted),
	    TEST(refused),
	    TEST(who_may_not_ask),
	    TEST(the_policy_is_asked_each_time),
	    TEST(always_is_good_for_once),
	    TEST(what_waits_is_bounded),
	    TEST(actions_as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
