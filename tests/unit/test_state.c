/* SPDX-License-Identifier: ISC
 * test_state.c - the state folder: one daemon at a time, a key that is made
 * once, files that nobody else may read, bad ones refused and left alone.
 */
#include "../../cmd/meshd/state.h"

#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/mesh-test-state-XXXXXX";
static char path[64];
static struct state st;
static struct mesh_diag diag;

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	return mesh_format(path, sizeof(path), "%s/s", dir);
}

static int
drop(const char *name, const struct stat *sb, int kind, struct FTW *where)
{
	(void)sb, (void)kind, (void)where;
	return remove(name);
}

static int
teardown(void **state)
{
	(void)state;
	state_close(&st);
	return nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void
put_key(const char *text, mode_t mode)
{
	char file[80];
	int fd;

	snprintf(file, sizeof(file), "%s/node.key", path);
	unlink(file);
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
test_one_daemon(void **state)
{
	struct state second;
	struct stat sb;

	(void)state;
	assert_int_equal(state_open(&st, path, getuid(), getgid(), &diag),
	    MESH_OK);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0700);
	assert_int_equal(state_open(&second, path, getuid(), getgid(), &diag),
	    MESH_ERR_EXIST);
	assert_non_null(strstr(diag.text, "another meshd"));
}

static void
test_key(void **state)
{
	struct mesh_node_secret a, b;

	(void)state;
	assert_int_equal(state_node_key(&st, &a, &diag), MESH_OK);
	assert_int_equal(state_node_key(&st, &b, &diag), MESH_OK);
	assert_memory_equal(a.b, b.b, MESH_KEY_LEN);
	assert_int_equal(a.b[0] & 7, 0); /* clamped */
	assert_int_equal(a.b[31] & 0xc0, 0x40);
	assert_int_equal(state_new_node_key(&st, &b, &diag), MESH_OK);
	assert_memory_not_equal(a.b, b.b, MESH_KEY_LEN);
	assert_int_equal(state_node_key(&st, &a, &diag), MESH_OK);
	assert_memory_equal(a.b, b.b, MESH_KEY_LEN);
}

static void
test_bad_keys(void **state)
{
	struct mesh_node_secret k;
	const char *hex = "privkey:00112233445566778899aabbccddeeff00112233445566"
			  "778899aabbccddeeff";

	(void)state;
	put_key(hex, 0600);
	assert_int_equal(state_node_key(&st, &k, &diag), MESH_OK);
	put_key(hex, 0644); /* others can read it */
	assert_int_equal(state_node_key(&st, &k, &diag), MESH_ERR_DENIED);
	put_key("", 0600);
	assert_int_equal(state_node_key(&st, &k, &diag), MESH_ERR_FORMAT);
	put_key(hex + 1, 0600);
	assert_int_equal(state_node_key(&st, &k, &diag), MESH_ERR_FORMAT);
	put_key("privkey:xx112233445566778899aabbccddeeff0011223344556677889"
		"9aabbccddeeff", 0600);
	assert_int_equal(state_node_key(&st, &k, &diag), MESH_ERR_FORMAT);
	assert_non_null(strstr(diag.text, "node.key"));
	/* It was left as it is. */
	assert_int_equal(state_node_key(&st, &k, &diag), MESH_ERR_FORMAT);
}

static void
test_stamp(void **state)
{
	const uint8_t in[STATE_STAMP_LEN] = {1, 2, 3, 0xff};
	uint8_t out[STATE_STAMP_LEN];

	(void)state;
	state_stamp(&st, out);
	assert_int_equal(out[0], 0);
	assert_int_equal(state_put_stamp(&st, in), MESH_OK);
	state_stamp(&st, out);
	assert_memory_equal(in, out, sizeof(in));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_daemon),
	    cmocka_unit_test(test_key),
	    cmocka_unit_test(test_bad_keys),
	    cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
