/* SPDX-License-Identifier: ISC */
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 64
#define ENV_MAX 16

/* What a role may need to know of the environment. */
static const char *const env_names[] = {"JOURNAL_STREAM", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
    "LD_LIBRARY_PATH", "TZ", "PATH", NULL};

static void
make_env(char *env[ENV_MAX])
{
	size_t n = 0;

	for (size_t i = 0; env_names[i] != NULL && n < ENV_MAX - 1; i++) {
		const char *value = getenv(env_names[i]);
		char *pair = NULL;

		if (value != NULL &&
		    asprintf(&pair, "%s=%s", env_names[i], value) >= 0)
			env[n++] = pair;
	}
	env[n] = NULL;
}

/* Puts link and fds on ROLE_LINK and behind it, and closes all others. They are
 * first moved out of that range, so that none lands on another. */
static int
place_fds(int link, const int *fds, size_t count)
{
	int moved[ROLE_FDS_MAX + 1];

	for (size_t i = 0; i <= count; i++) {
		moved[i] = fcntl(i == 0 ? link : fds[i - 1], F_DUPFD,
		    ROLE_LINK + ROLE_FDS_MAX + 1);
		if (moved[i] < 0)
			return -1;
	}
	for (size_t i = 0; i <= count; i++)
		if (dup2(moved[i], ROLE_LINK + (int)i) < 0)
			return -1;
	return (int)syscall(SYS_close_range, ROLE_LINK + (unsigned)count + 1,
	    ~0u, 0);
}

static void
run_child(const char *file, char **argv, char **env, int link, const int *fds, size_t count,
    pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (place_fds(link, fds, count) < 0)
		_exit(1);
	execve(file, argv, env);
	_exit(127);
}

int
role_spawn(const char *program, const char *role, const char *const *args,
    const int *fds, size_t fd_count, struct role *out)
{
	return role_spawn_file("/proc/self/exe", program, role, args, fds,
	    fd_count, out);
}

int
role_spawn_file(const char *file, const char *program, const char *role,
    const char *const *args, const int *fds, size_t fd_count,
    struct role *out)
{
	char title[64], option[64];
	char *argv[ARGS_MAX + 3] = {title, option, NULL};
	char *env[ENV_MAX];
	pid_t parent = getpid(), pid;
	int pair[2];

	if (fd_count > ROLE_FDS_MAX)
		return MESH_ERR_ARG;
	snprintf(title, sizeof(title), "%s: %s", program, role);
	snprintf(option, sizeof(option), "--role=%s", role);
	for (size_t i = 0; args != NULL && args[i] != NULL; i++) {
		if (i == ARGS_MAX)
			return MESH_ERR_ARG;
		argv[i + 2] = (char *)(uintptr_t)args[i];
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return MESH_ERR_IO;
	make_env(env);
	pid = fork();
	if (pid == 0)
		run_child(file, argv, env, pair[1], fds, fd_count, parent);
	for (size_t i = 0; env[i] != NULL; i++)
		free(env[i]);
	close(pair[1]);
	if (pid < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
		close(pair[0]);
		return MESH_ERR_IO;
	}
	*out = (struct role){.pid = pid, .link = pair[0]};
	return MESH_OK;
}

const char *
role_name(const char *program, int argc, char **argv)
{
	static const char prefix[] = "--role=";
	char comm[64];

	if (argc < 2 || strncmp(argv[1], prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	snprintf(comm, sizeof(comm), "%s: %s", program,
	    argv[1] + sizeof(prefix) - 1);
	prctl(PR_SET_NAME, comm); /* the kernel keeps 15 bytes */
	return argv[1] + sizeof(prefix) - 1;
}

void
role_describe(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}
