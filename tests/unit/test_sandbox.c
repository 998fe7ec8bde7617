/* SPDX-License-Identifier: ISC
 * What a role gave up stays given up: each case runs in a child of its own. */
#include "common/log.h"
#include "common/notify.h"
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The wait status of a child that ran fn and exits with what it returns. */
static int
in_child(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
no_files(void)
{
	static const struct sandbox_path only[] = {
	    {"/usr", SANDBOX_READ},
	    {"/does/not/exist", SANDBOX_WRITE},
	    {0},
	};

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		return 0; /* not in this kernel */
	if (sandbox_files(only, true) != MESH_OK)
		return 1;
	if (open("/usr", O_RDONLY | O_CLOEXEC) < 0)
		return 2;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		return 3;
	if (open("/tmp/test_sandbox", O_CREAT | O_WRONLY, 0600) >= 0)
		return 4;
	return sandbox_files(NULL, false) == MESH_OK &&
		       open("/usr", O_RDONLY | O_CLOEXEC) < 0
		   ? 0
		   : 5;
}

static int
no_caps(void)
{
	if (sandbox_drop_caps(0) != MESH_OK)
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 2;
	/* Needs CAP_SYS_CHROOT. */
	return syscall(SYS_chroot, "/") == 0 ? 3 : 0;
}

static int
other_user(void)
{
	uid_t uid, again;
	gid_t gid;

	sandbox_user("no-such-user-of-mesh", &uid, &gid);
	if (uid < SANDBOX_UID_FIRST || uid > SANDBOX_UID_LAST || gid != uid)
		return 1;
	sandbox_user("no-such-user-of-mesh", &again, &gid);
	if (again != uid)
		return 2;
	sandbox_user("root", &again, &gid);
	if (again != 0 || gid != 0)
		return 3;
	if (geteuid() != 0)
		return 0;
	if (sandbox_become(uid, gid, 0) != MESH_OK || getuid() != uid)
		return 4;
	return setuid(0) == 0 ? 5 : 0;
}

#ifndef MESH_SANITIZERS
static int
refused_calls(void)
{
	if (sandbox_enter(NULL) != MESH_OK)
		return 1;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 2;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EACCES)
		return 3;
	return malloc(1 << 20) != NULL && write(1, "", 0) == 0 ? 0 : 4;
}

static int
deadly_call(void)
{
	if (sandbox_enter(NULL) == MESH_OK)
		syscall(SYS_ptrace, 0, 0, 0, 0);
	return 0;
}

static int
allowed_call(void)
{
	static const char *const calls[] = {"getppid", NULL};

	if (sandbox_enter(calls) != MESH_OK)
		return 1;
	return getppid() > 0 ? 0 : 2;
}
#endif

static void
test_children(void **state)
{
	(void)state;
	assert_int_equal(in_child(no_files), 0);
	assert_int_equal(in_child(no_caps), 0);
	assert_int_equal(in_child(other_user), 0);
#ifndef MESH_SANITIZERS
	assert_int_equal(in_child(refused_calls), 0);
	assert_int_equal(in_child(allowed_call), 0);
	int status = in_child(deadly_call);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
#endif
}

static void
test_notify(void **state)
{
	struct sockaddr_un me = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/test_notify.XXXXXX", path[64], got[128] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_ready("x"), MESH_OK);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	memcpy(me.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&me, sizeof(me)), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_ready("listening"), MESH_OK);
	assert_true(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	assert_string_equal(got, "READY=1\nSTATUS=listening");
	close(fd);
	unlink(path);
	assert_int_equal(notify_stopping(), MESH_ERR_IO);
	rmdir(dir);
	unsetenv("NOTIFY_SOCKET");
}

/* What a logger writes to stderr. */
static void
capture(void (*fn)(void), char *out, size_t size)
{
	int pipe_fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(pipe_fds), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	close(pipe_fds[1]);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(pipe_fds[0], out, size - 1);
	close(pipe_fds[0]);
	out[n > 0 ? n : 0] = '\0';
}

static void
say(void)
{
	log_debug("not shown");
	log_warn("words key=%d", 7);
}

static void
test_log(void **state)
{
	char got[256];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("mesh-x", MESH_LOG_INFO);
	capture(say, got, sizeof(got));
	assert_string_equal(got, "mesh-x: words key=7\n");
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("mesh-x", MESH_LOG_INFO);
	capture(say, got, sizeof(got));
	assert_string_equal(got, "<4>mesh-x: words key=7\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_children),
	    cmocka_unit_test(test_notify),
	    cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
