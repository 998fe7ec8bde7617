/* SPDX-License-Identifier: ISC
 * The agent's files: whole or not at all, and what is said when they are bad. */
#include "test.h"

#include "meshd/agent_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mesh-store.XXXXXX";
static struct agent a;

void
agent_random(void *p, size_t len)
{
	memset(p, 0x5a, len);
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	a.state_dir = open(folder, O_RDONLY | O_DIRECTORY);
	return a.state_dir < 0;
}

static int
drop_folder(void **state)
{
	static const char *const names[] = {AGENT_MACHINE_KEY, "f", "f.new"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlinkat(a.state_dir, names[i], 0);
	close(a.state_dir);
	return rmdir(folder);
}

static void
put(const char *name, const char *text)
{
	assert_int_equal(agent_store_write(a.state_dir, name, text,
			     strlen(text), NULL),
	    MESH_OK);
}

static void
writes_and_reads(void **state)
{
	struct mesh_buf b;
	struct stat st;

	(void)state;
	mesh_buf_init(&b, 100);
	put("f", "first");
	put("f", "second");
	assert_int_equal(agent_store_read(a.state_dir, "f", 100, &b, NULL),
	    MESH_OK);
	assert_string_equal(mesh_buf_cstr(&b), "second");
	assert_int_equal(fstatat(a.state_dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(a.state_dir, "f.new", &st, 0), -1);
	mesh_buf_release(&b);
	assert_int_equal(agent_store_remove(a.state_dir, "f"), MESH_OK);
	assert_int_equal(agent_store_remove(a.state_dir, "f"), MESH_OK);
}

static void
says_what_is_wrong(void **state)
{
	struct mesh_diag diag = {{0}};
	struct mesh_buf b;

	(void)state;
	mesh_buf_init(&b, 100);
	assert_int_equal(agent_store_read(a.state_dir, "none", 9, &b, &diag),
	    MESH_ERR_NOTFOUND);
	put("f", "0123456789");
	assert_int_equal(agent_store_read(a.state_dir, "f", 9, &b, &diag),
	    MESH_ERR_LIMIT);
	assert_non_null(strstr(diag.text, "'f'"));
	mesh_buf_release(&b);
	assert_int_equal(agent_store_write(-1, "f", "x", 1, &diag),
	    MESH_ERR_IO);
	assert_non_null(strstr(diag.text, "cannot write 'f'"));
}

/* What cannot be written leaves what was there. */
static void
keeps_the_old_file(void **state)
{
	struct mesh_buf b;

	(void)state;
	put("f", "old");
	assert_int_equal(mkdirat(a.state_dir, "f.new", 0700), 0);
	assert_int_equal(agent_store_write(a.state_dir, "f", "new", 3, NULL),
	    MESH_ERR_IO);
	assert_int_equal(unlinkat(a.state_dir, "f.new", AT_REMOVEDIR), 0);
	mesh_buf_init(&b, 100);
	assert_int_equal(agent_store_read(a.state_dir, "f", 100, &b, NULL),
	    MESH_OK);
	assert_string_equal(mesh_buf_cstr(&b), "old");
	mesh_buf_release(&b);
}

static void
makes_and_finds_the_machine_key(void **state)
{
	struct mesh_machine_key first;
	struct mesh_diag diag = {{0}};

	(void)state;
	assert_int_equal(agent_store_machine_key(&a, &diag), MESH_OK);
	first = a.machine_key;
	assert_false(mesh_machine_key_is_zero(&first));
	memset(&a.machine_key, 0, sizeof(a.machine_key));
	assert_int_equal(agent_store_machine_key(&a, &diag), MESH_OK);
	assert_true(mesh_machine_key_equal(&a.machine_key, &first));
	put(AGENT_MACHINE_KEY, "privkey:12\n");
	assert_int_equal(agent_store_machine_key(&a, &diag), MESH_ERR_FORMAT);
	assert_non_null(strstr(diag.text, "is not a key"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_and_reads),
	    cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(keeps_the_old_file),
	    cmocka_unit_test(makes_and_finds_the_machine_key),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
