/* SPDX-License-Identifier: ISC
 * sandbox_seccomp.c - the list of system calls that a role may make. */
#include "sandbox.h"

#include "log.h"

#ifdef MESH_SANITIZERS

int
sandbox_seccomp(const char *const *calls)
{
	(void)calls;
	log_debug("built with sanitizers: no seccomp");
	return MESH_OK;
}

#else

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

/* What a loop on open descriptors needs. */
static const char *const base_calls[] = {"read", "readv", "write", "writev",
    "close", "recvmsg", "sendmsg", "recvfrom", "sendto", "epoll_wait",
    "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll", "ppoll",
    "timerfd_settime", "clock_gettime", "gettimeofday", "time",
    "clock_nanosleep", "getrandom", "munmap", "mremap", "brk", "madvise",
    "futex", "rt_sigreturn", "rt_sigprocmask", "restart_syscall", "getpid",
    "gettid", "fcntl", "fstat", "exit", "exit_group", NULL};

/* What libraries try and do without. */
static const char *const refused_calls[] = {"open", "openat", "openat2", "stat",
    "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "socket", "connect", "uname", "sysinfo", "prctl",
    "ioctl", "sched_getaffinity", "tgkill", NULL};

static int
add_calls(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	for (; names != NULL && *names != NULL; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		int err;

		if (nr == __NR_SCMP_ERROR)
			continue; /* this architecture has no such call */
		err = seccomp_rule_add(ctx, action, nr, 0);
		if (err < 0 && err != -EEXIST)
			return err;
	}
	return 0;
}

static bool
is_listed(const char *name, const char *const *names)
{
	for (; names != NULL && *names != NULL; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static int
add_refused(scmp_filter_ctx ctx, const char *const *calls)
{
	int err = 0;

	for (size_t i = 0; err == 0 && refused_calls[i] != NULL; i++) {
		const char *const one[] = {refused_calls[i], NULL};

		if (!is_listed(one[0], calls))
			err = add_calls(ctx, SCMP_ACT_ERRNO(EACCES), one);
	}
	return err;
}

/* New memory is never executable. */
static int
add_memory(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (err == 0)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect),
		    1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

int
sandbox_seccomp(const char *const *calls)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = ctx == NULL ? -ENOMEM : 0;

	if (err == 0)
		err = add_calls(ctx, SCMP_ACT_ALLOW, base_calls);
	if (err == 0)
		err = add_calls(ctx, SCMP_ACT_ALLOW, calls);
	if (err == 0)
		err = add_refused(ctx, calls);
	if (err == 0)
		err = add_memory(ctx);
	if (err == 0)
		err = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (err != 0)
		log_err("cannot confine system calls: %s", strerror(-err));
	return err == 0 ? MESH_OK : MESH_ERR_IO;
}

#endif

int
sandbox_enter(const char *const *calls)
{
	int err = sandbox_drop_caps(0);

	if (err == MESH_OK)
		err = sandbox_files(NULL, false);
	if (err == MESH_OK)
		err = sandbox_seccomp(calls);
	return err;
}
