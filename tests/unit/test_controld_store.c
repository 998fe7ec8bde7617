/* SPDX-License-Identifier: ISC
 * The database: what is written is there again, whole; what is not a database of
 * ours is refused with a sentence.
 */
#include "controld_lab.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/mesh-store-XXXXXX";
static char path[64];

static int
setup(void **state)
{
	(void)state;
	mesh_format(path, sizeof(path), "%s/x.db", dir);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		mesh_format(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
	return 0;
}

static void
raw(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
assert_open_fails(int err, const char *words)
{
	struct store *s = NULL;
	struct mesh_diag diag = {""};

	assert_int_equal(store_open(path, &s, &diag), err);
	assert_non_null(strstr(diag.text, words));
	assert_null(s);
}

static void
everything_comes_back(void **state)
{
	struct node_endpoint e[2] = {{.type = 1}, {.type = 2}};
	char key[AUTHKEY_TEXT], tagged[AUTHKEY_TEXT], ip[MESH_IP_TEXT];
	struct report r = {.capver = 142, .relay = 900, .endpoints = e,
	    .endpoint_count = 2, .hostname = MESH_STR("host"),
	    .hostinfo = MESH_STR("{\"OS\":\"linux\"}"),
	    .hostinfo_peer = MESH_STR("{\"OS\":\"l\"}")};
	struct member *m;
	struct lab l;

	(void)state;
	lab_open(&l, path);
	lab_key(&l, lab_user(&l, "alice"), false, "", key);
	lab_key(&l, state_user(l.s, 1), true, "tag:a,tag:b", tagged);
	m = lab_join(&l, 1, key);
	lab_join(&l, 2, tagged);
	mesh_endpoint_parse(MESH_STR("10.0.0.5:1"), &e[0].addr);
	mesh_endpoint_parse(MESH_STR("[2001:db8::1]:2"), &e[1].addr);
	assert_int_equal(state_report(l.s, m, &r), MESH_OK);
	assert_int_equal(state_sync(l.s), MESH_OK);
	assert_int_equal(state_node_rename(l.s, m, MESH_STR("web")), MESH_OK);
	assert_int_equal(state_policy_set(l.s, MESH_STR("{\"acls\":[]}"), 7),
	    MESH_OK);
	lab_close(&l);

	lab_open(&l, path);
	assert_string_equal(state_user(l.s, 1)->name, "alice");
	assert_true(state_key(l.s, 1)->used);
	assert_string_equal(state_key(l.s, 2)->tags, "tag:a,tag:b");
	m = state_member_label(l.s, MESH_STR("web"));
	assert_non_null(m);
	assert_int_equal(m->rec.user, 1);
	assert_int_equal(m->rec.relay, 900);
	assert_int_equal(m->rec.endpoint_count, 2);
	assert_int_equal(m->rec.endpoints[1].type, 2);
	assert_true(mesh_endpoint_eq(&m->rec.endpoints[1].addr, &e[1].addr));
	assert_string_equal(m->rec.hostinfo, "{\"OS\":\"linux\"}");
	assert_string_equal(mesh_ip_format(&m->rec.ip6, ip),
	    "fd7a:115c:a1e0::1");
	assert_int_equal(state_member(l.s, 2)->rec.user, 0);
	assert_string_equal(l.s->policy, "{\"acls\":[]}");
	assert_int_equal(l.s->policy_time, 7);
	/* Addresses go on where they were. */
	assert_string_equal(mesh_ip_format(&lab_join(&l, 3, tagged)->rec.ip4,
	    ip), "100.64.0.3");
	lab_close(&l);
}

static void
numbers_are_never_used_again(void **state)
{
	struct lab l;
	struct user *u;

	(void)state;
	lab_open(&l, path);
	assert_int_equal(state_user_remove(l.s, lab_user(&l, "a")), MESH_OK);
	lab_close(&l);
	lab_open(&l, path);
	u = lab_user(&l, "b");
	assert_int_equal(u->id, 2);
	lab_close(&l);
}

static void
a_user_with_nodes_stays(void **state)
{
	char key[AUTHKEY_TEXT];
	struct member *m;
	struct user *u;
	struct lab l;

	(void)state;
	lab_open(&l, path);
	u = lab_user(&l, "alice");
	lab_key(&l, u, true, "", key);
	m = lab_join(&l, 1, key);
	assert_int_equal(state_user_remove(l.s, u), MESH_ERR_STATE);
	assert_int_equal(state_node_remove(l.s, m), MESH_OK);
	state_told(l.s, m);
	assert_int_equal(state_user_remove(l.s, u), MESH_OK);
	assert_int_equal(l.s->keys.count, 0); /* its keys went along */
	lab_close(&l);
	lab_open(&l, path);
	assert_int_equal(l.s->keys.count, 0);
	lab_close(&l);
}

static void
old_policies_are_kept_for_a_while(void **state)
{
	struct lab l;
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;

	(void)state;
	lab_open(&l, path);
	for (int i = 0; i < STORE_POLICIES + 5; i++)
		assert_int_equal(state_policy_set(l.s, MESH_STR("{}"), i),
		    MESH_OK);
	lab_close(&l);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_prepare_v2(db, "SELECT count(*) FROM policy", -1, &st, NULL);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), STORE_POLICIES);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* What can neither be written nor read must not be in memory either. */
static void
what_is_not_stored_did_not_happen(void **state)
{
	char key[AUTHKEY_TEXT];
	struct register_ask ask = lab_ask(1, 1);
	struct member *m;
	struct lab l;

	(void)state;
	lab_open(&l, path);
	lab_key(&l, lab_user(&l, "alice"), true, "", key);
	m = lab_join(&l, 5, key);
	raw("CREATE TRIGGER t1 BEFORE INSERT ON node BEGIN SELECT "
	    "RAISE(FAIL, 'no space on the disk'); END;"
	    "CREATE TRIGGER t2 BEFORE UPDATE ON node BEGIN SELECT "
	    "RAISE(FAIL, 'no space on the disk'); END;"
	    "CREATE TRIGGER t3 BEFORE DELETE ON node BEGIN SELECT "
	    "RAISE(FAIL, 'no space on the disk'); END;"
	    "CREATE TRIGGER t4 BEFORE INSERT ON user BEGIN SELECT "
	    "RAISE(FAIL, 'no space on the disk'); END");
	ask.auth_key = mesh_str(key);
	assert_int_equal(lab_register(&l, &ask).kind, REGISTER_REFUSED);
	assert_non_null(strstr(l.s->error, "no space on the disk"));
	assert_int_equal(l.s->node_count, 1);
	assert_null(state_member_key(l.s, &ask.key));
	assert_true(state_node_rename(l.s, m, MESH_STR("web")) != MESH_OK);
	assert_string_equal(m->rec.label, "host");
	assert_true(state_node_tag(l.s, m, "tag:x") != MESH_OK);
	assert_string_equal(m->rec.tags, "");
	assert_true(state_node_remove(l.s, m) != MESH_OK);
	assert_int_equal(l.s->node_count, 1);
	assert_true(state_user_add(l.s, MESH_STR("bob"), 1, NULL) != MESH_OK);
	assert_null(state_user_named(l.s, MESH_STR("bob")));
	/* Reports stay to be written until that works. */
	state_disconnected(l.s, m, l.now, l.wall + 5);
	assert_true(state_sync(l.s) != MESH_OK);
	assert_false(mesh_list_is_empty(&l.s->unsaved));
	raw("DROP TRIGGER t2");
	assert_int_equal(state_sync(l.s), MESH_OK);
	lab_close(&l);
}

static void
odd_files_are_refused(void **state)
{
	struct store *s = NULL;
	struct mesh_diag diag = {""};
	FILE *f;

	(void)state;
	raw("CREATE TABLE other (x)");
	assert_open_fails(MESH_ERR_FORMAT, "not a database of mesh-controld");
	teardown(NULL);
	assert_int_equal(store_open(path, &s, &diag), MESH_OK);
	store_close(s);
	raw("PRAGMA user_version = 99");
	assert_open_fails(MESH_ERR_VERSION, "newer mesh-controld");
	teardown(NULL);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("hello, this is some text that is no database at all", f);
	fclose(f);
	assert_open_fails(MESH_ERR_IO, "not a database");
}

/* Whatever of the database is missing at its end is noticed; a journal that was
 * settled is empty, so that nothing can be missing of it. */
static void
what_was_cut_off_is_noticed(void **state)
{
	char journal[80], key[AUTHKEY_TEXT];
	struct stat st;
	struct lab l;

	(void)state;
	lab_open(&l, path);
	lab_key(&l, lab_user(&l, "alice"), true, "", key);
	lab_join(&l, 1, key);
	mesh_format(journal, sizeof(journal), "%s-wal", path);
	assert_int_equal(stat(journal, &st), 0);
	assert_true(st.st_size > 0);
	store_settle(l.s->store);
	assert_int_equal(stat(journal, &st), 0);
	assert_int_equal(st.st_size, 0);
	lab_close(&l);
	assert_int_equal(stat(path, &st), 0);
	for (off_t len = st.st_size - 1; len >= 0; len = len / 512 * 512 - 1) {
		struct store *s = NULL;
		struct mesh_diag diag = {""};

		assert_int_equal(truncate(path, len), 0);
		assert_true(store_open(path, &s, &diag) != MESH_OK);
		assert_non_null(strstr(diag.text, "database"));
		assert_int_equal(truncate(path, len / 512 * 512), 0);
		assert_true(store_open(path, &s, &diag) != MESH_OK);
	}
}

static void
a_bad_row_is_named(void **state)
{
	static const struct state_config cfg = {.url = "", .suffix = ""};
	static const uint8_t seed[MESH_MAP_SEED_LEN] = {0};
	struct mesh_diag diag = {""};
	char key[AUTHKEY_TEXT];
	struct store *st = NULL;
	struct state *s = NULL;
	struct lab l;

	(void)state;
	lab_open(&l, path);
	lab_key(&l, lab_user(&l, "alice"), true, "", key);
	lab_join(&l, 1, key);
	lab_close(&l);
	raw("UPDATE node SET ip4 = 'rubbish'");
	assert_int_equal(store_open(path, &st, &diag), MESH_OK);
	assert_int_equal(state_new(&cfg, st, seed, &s, &diag),
	    MESH_ERR_FORMAT);
	assert_non_null(strstr(diag.text, "node 1"));
	store_close(st);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(everything_comes_back),
	    TEST(numbers_are_never_used_again),
	    TEST(a_user_with_nodes_stays),
	    TEST(old_policies_are_kept_for_a_while),
	    TEST(what_is_not_stored_did_not_happen),
	    TEST(odd_files_are_refused),
	    TEST(what_was_cut_off_is_noticed),
	    TEST(a_bad_row_is_named),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
