/* SPDX-License-Identifier: ISC */
#include "sandbox.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP_COUNT_MAX 63 /* bits that a set has room for */

void
sandbox_user(const char *name, uid_t *out_uid, gid_t *out_gid)
{
	const struct passwd *pw = getpwnam(name);
	uint32_t h = 2166136261u; /* FNV-1a: the same number at each start */

	if (pw != NULL) {
		*out_uid = pw->pw_uid;
		*out_gid = pw->pw_gid;
		return;
	}
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	*out_uid =
	    SANDBOX_UID_FIRST + h % (SANDBOX_UID_LAST - SANDBOX_UID_FIRST + 1);
	*out_gid = *out_uid;
}

static int
set_caps(uint64_t keep)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &head, sets) < 0)
		return MESH_ERR_IO;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));

		sets[i].permitted &= mask;
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, sets) < 0 ? MESH_ERR_IO : MESH_OK;
}

/* No exec gives back what is not in the bounding set. Without CAP_SETPCAP it
 * stays as it is: then no_new_privs alone has to see to that. */
static void
drop_bounding(uint64_t keep)
{
	for (unsigned long c = 0; c <= CAP_COUNT_MAX; c++)
		if (!(keep >> c & 1) &&
		    prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno == EINVAL)
			break; /* the kernel has no more */
}

int
sandbox_become(uid_t uid, gid_t gid, uint64_t keep)
{
	if (geteuid() != 0)
		return MESH_OK;
	drop_bounding(keep);
	if (prctl(PR_SET_KEEPCAPS, keep ? 1 : 0) < 0 ||
	    setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0) {
		log_err("cannot become user uid=%u: %s", (unsigned)uid,
		    strerror(errno));
		return MESH_ERR_IO;
	}
	return keep ? set_caps(keep) : MESH_OK;
}

int
sandbox_drop_caps(uint64_t keep)
{
	drop_bounding(keep);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 &&
	    errno != EINVAL)
		return MESH_ERR_IO;
	if (set_caps(keep) != MESH_OK ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_err("cannot drop capabilities: %s", strerror(errno));
		return MESH_ERR_IO;
	}
	return MESH_OK;
}

/* Landlock by its kernel interface: headers of older systems lack parts of it.
 * Documentation/userspace-api/landlock.rst; each ABI adds rights at the top. */
#define LL_CREATE_RULESET_VERSION 1u
#define LL_RULE_PATH_BENEATH 1u

#define LL_FS_EXECUTE (1ull << 0)
#define LL_FS_WRITE_FILE (1ull << 1)
#define LL_FS_READ_FILE (1ull << 2)
#define LL_FS_READ_DIR (1ull << 3)
#define LL_FS_REFER (1ull << 13)     /* ABI 2 */
#define LL_FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define LL_FS_IOCTL_DEV (1ull << 15) /* ABI 5 */

#define LL_FS_ABI1 ((1ull << 13) - 1)
#define LL_FS_OF_FILES                                                         \
	(LL_FS_WRITE_FILE | LL_FS_READ_FILE | LL_FS_EXECUTE | LL_FS_TRUNCATE | \
	    LL_FS_IOCTL_DEV)
#define LL_NET_ALL 3ull   /* ABI 4: bind and connect of TCP */
#define LL_SCOPE_ALL 3ull /* ABI 6: abstract sockets, signals */

struct landlock_ruleset {
	uint64_t fs, net, scope;
};

struct landlock_beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

static struct landlock_ruleset
ruleset_of(long abi, bool tcp)
{
	struct landlock_ruleset r = {.fs = LL_FS_ABI1};

	if (abi >= 2)
		r.fs |= LL_FS_REFER;
	if (abi >= 3)
		r.fs |= LL_FS_TRUNCATE;
	if (abi >= 4 && !tcp)
		r.net = LL_NET_ALL;
	if (abi >= 5)
		r.fs |= LL_FS_IOCTL_DEV;
	if (abi >= 6)
		r.scope = LL_SCOPE_ALL;
	return r;
}

static size_t
ruleset_size(long abi)
{
	if (abi < 4)
		return offsetof(struct landlock_ruleset, net);
	if (abi < 6)
		return offsetof(struct landlock_ruleset, scope);
	return sizeof(struct landlock_ruleset);
}

static int
add_path(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
	uint64_t access = LL_FS_READ_FILE | LL_FS_READ_DIR;
	struct landlock_beneath rule;
	struct stat st;
	int fd = open(p->path, O_PATH | O_CLOEXEC);
	long err;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (p->access & SANDBOX_WRITE)
		access = handled & ~LL_FS_EXECUTE;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		access &= LL_FS_OF_FILES;
	rule = (struct landlock_beneath){.access = access & handled, .fd = fd};
	err = syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH,
	    &rule, 0);
	close(fd);
	return (int)err;
}

int
sandbox_files(const struct sandbox_path *paths, bool tcp)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LL_CREATE_RULESET_VERSION);
	struct landlock_ruleset rights = ruleset_of(abi, tcp);
	int fd, err = 0;

	if (abi < 1) {
		log_debug("no Landlock in this kernel: files are not confined");
		return MESH_OK;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &rights,
	    ruleset_size(abi), 0);
	if (fd < 0)
		err = -1;
	for (; err == 0 && paths != NULL && paths->path != NULL; paths++)
		err = add_path(fd, paths, rights.fs);
	if (err == 0)
		err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (err == 0)
		err = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	if (err != 0)
		log_err("cannot confine files: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return err ? MESH_ERR_IO : MESH_OK;
}
