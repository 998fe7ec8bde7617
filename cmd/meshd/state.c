/* SPDX-License-Identifier: ISC */
#include "state.h"


#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE "node.key"
#define KEY_PREFIX "privkey:"
#define KEY_TEXT (sizeof(KEY_PREFIX) - 1 + 2 * MESH_KEY_LEN)
#define STAMP_FILE "wg.stamp"
#define AGENT_DIR "agent"
#define FILE_MAX 256u /* bytes; ours are shorter */

static int
open_dir(const char *path, struct mesh_diag *diag)
{
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		goto fail;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
fail:
	mesh_fail(diag, MESH_ERR_IO, "cannot open state folder '%s': %s", path,
	    strerror(errno));
	return -1;
}

static int
open_agent_dir(int dir, uid_t uid, gid_t gid)
{
	int fd;

	if (mkdirat(dir, AGENT_DIR, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(dir, AGENT_DIR,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && geteuid() == 0 && fchown(fd, uid, gid) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int
state_open(struct state *s, const char *path, uid_t uid, gid_t gid,
    struct mesh_diag *diag)
{
	int dir = open_dir(path, diag), agent;

	if (dir < 0)
		return errno == EACCES ? MESH_ERR_DENIED : MESH_ERR_IO;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		close(dir);
		return mesh_fail(diag, MESH_ERR_EXIST,
		    "another meshd uses the state folder '%s'; stop it, or "
		    "give this one another with --state", path);
	}
	agent = open_agent_dir(dir, uid, gid);
	if (agent < 0) {
		mesh_fail(diag, MESH_ERR_IO, "cannot make '%s/%s': %s", path,
		    AGENT_DIR, strerror(errno));
		close(dir);
		return MESH_ERR_IO;
	}
	*s = (struct state){.dir = dir, .agent = agent};
	return MESH_OK;
}

void
state_close(struct state *s)
{
	if (s->agent >= 0)
		close(s->agent);
	if (s->dir >= 0)
		close(s->dir);
	s->dir = s->agent = -1;
}

/* --- files --- */

/* A file of ours, whole; its length, or -1 with errno. */
static ssize_t
read_file(int dir, const char *name, char out[static FILE_MAX])
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = -1;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		errno = EINVAL;
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		errno = EPERM; /* others could read or change it */
	else
		n = read(fd, out, FILE_MAX);
	close(fd);
	return n;
}

/* Under a temporary name, then in one step: a power cut leaves the old file or
 * the new one. */
static int
write_file(int dir, const char *name, const char *text, size_t len)
{
	char temp[64];
	int fd;

	if (mesh_format(temp, sizeof(temp), ".%s.new", name) != MESH_OK)
		return MESH_ERR_LIMIT;
	(void)unlinkat(dir, temp, 0);
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return MESH_ERR_IO;
	bool good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	if (good && renameat(dir, temp, dir, name) == 0)
		return fsync(dir) == 0 ? MESH_OK : MESH_ERR_IO;
	(void)unlinkat(dir, temp, 0);
	return MESH_ERR_IO;
}

static int
parse_key(const char *text, size_t len, struct mesh_node_secret *out)
{
	struct mesh_str s = mesh_str_trim((struct mesh_str){text, len});

	if (s.len != KEY_TEXT || !mesh_str_has_prefix(s, KEY_PREFIX))
		return MESH_ERR_FORMAT;
	s.p += sizeof(KEY_PREFIX) - 1;
	s.len -= sizeof(KEY_PREFIX) - 1;
	return mesh_hex_decode(s, out->b, sizeof(out->b));
}

int
state_node_key(struct state *s, struct mesh_node_secret *out,
    struct mesh_diag *diag)
{
	char text[FILE_MAX];
	ssize_t n = read_file(s->dir, KEY_FILE, text);
	int rc;

	if (n < 0 && errno == ENOENT)
		return state_new_node_key(s, out, diag);
	if (n < 0 && errno == EPERM)
		return mesh_fail(diag, MESH_ERR_DENIED,
		    "'%s' can be read by others, or belongs to another user; "
		    "chown and chmod 600 it, or remove it for a new key",
		    KEY_FILE);
	if (n < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot read '%s': %s",
		    KEY_FILE, strerror(errno));
	rc = parse_key(text, (size_t)n, out);
	explicit_bzero(text, sizeof(text));
	if (rc != MESH_OK)
		mesh_fail(diag, rc, "'%s' is not a node key ('privkey:' and 64 "
		    "hex digits); restore it, or remove it for a new one",
		    KEY_FILE);
	return rc;
}

int
state_new_node_key(struct state *s, struct mesh_node_secret *out,
    struct mesh_diag *diag)
{
	char text[KEY_TEXT + 2] = KEY_PREFIX;
	int rc;

	if (getrandom(out->b, sizeof(out->b), 0) != sizeof(out->b))
		return mesh_fail(diag, MESH_ERR_IO, "no random bytes: %s",
		    strerror(errno));
	out->b[0] &= 248; /* clamped as X25519 keys are kept: RFC 7748 */
	out->b[31] = (uint8_t)((out->b[31] & 127) | 64);
	mesh_hex_encode(out->b, sizeof(out->b), text + sizeof(KEY_PREFIX) - 1);
	text[KEY_TEXT] = '\n';
	rc = write_file(s->dir, KEY_FILE, text, KEY_TEXT + 1);
	explicit_bzero(text, sizeof(text));
	if (rc != MESH_OK)
		mesh_fail(diag, rc, "cannot write '%s': %s", KEY_FILE,
		    strerror(errno));
	return rc;
}

void
state_stamp(struct state *s, uint8_t out[static STATE_STAMP_LEN])
{
	char text[FILE_MAX];
	ssize_t n = read_file(s->dir, STAMP_FILE, text);
	struct mesh_str hex = mesh_str_trim(
	    (struct mesh_str){text, n > 0 ? (size_t)n : 0});

	memset(out, 0, STATE_STAMP_LEN);
	if (hex.len == 2 * STATE_STAMP_LEN)
		(void)mesh_hex_decode(hex, out, STATE_STAMP_LEN);
}

int
state_put_stamp(struct state *s, const uint8_t in[static STATE_STAMP_LEN])
{
	char text[2 * STATE_STAMP_LEN + 1];

	mesh_hex_encode(in, STATE_STAMP_LEN, text);
	text[2 * STATE_STAMP_LEN] = '\n';
	return write_file(s->dir, STAMP_FILE, text, sizeof(text));
}
