/* SPDX-License-Identifier: ISC
 * agent_store.c - files in the agent's part of the state folder. Writing: a new
 * file beside the old one, on the disk, then renamed.
 */
#include "agent_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 128u /* bytes */

int
agent_store_read_fd(int fd, size_t max, struct mesh_buf *out)
{
	for (;;) {
		uint8_t buf[16384];
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return MESH_ERR_IO;
		if (n == 0)
			return MESH_OK;
		if (out->len + (size_t)n > max ||
		    mesh_buf_add(out, buf, (size_t)n) != MESH_OK)
			return MESH_ERR_LIMIT;
	}
}

int
agent_store_read(int dir, const char *name, size_t max, struct mesh_buf *out,
    struct mesh_diag *diag)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int err;

	if (fd < 0 && errno == ENOENT)
		return mesh_fail(diag, MESH_ERR_NOTFOUND, "no '%s'", name);
	if (fd < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot open '%s': %s",
		    name, strerror(errno));
	err = agent_store_read_fd(fd, max, out);
	close(fd);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "cannot read '%s': %s", name,
		    err == MESH_ERR_LIMIT ? "too large" : strerror(errno));
	return MESH_OK;
}

static bool
put_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

int
agent_store_write(int dir, const char *name, const void *p, size_t len,
    struct mesh_diag *diag)
{
	char new[64];
	int fd, error = 0;

	if (mesh_format(new, sizeof(new), "%s.new", name) != MESH_OK)
		return MESH_ERR_ARG;
	fd = openat(dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !put_all(fd, p, len))
		error = errno;
	if (fd >= 0)
		close(fd);
	if (error == 0 && (renameat(dir, new, dir, name) < 0 || fsync(dir) < 0))
		error = errno;
	if (error == 0)
		return MESH_OK;
	(void)unlinkat(dir, new, 0);
	return mesh_fail(diag, MESH_ERR_IO, "cannot write '%s': %s", name,
	    strerror(error));
}

int
agent_store_remove(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return MESH_ERR_IO;
	return fsync(dir) == 0 ? MESH_OK : MESH_ERR_IO;
}

/* --- the machine key */

static int
make_key(struct agent *a, struct mesh_diag *diag)
{
	uint8_t random[MESH_KEY_LEN];
	char text[MESH_KEY_TEXT];
	int err;

	agent_random(random, sizeof(random));
	mesh_machine_secret_make(&a->machine_secret, random);
	mesh_machine_secret_format(&a->machine_secret, text);
	err = agent_store_write(a->state_dir, AGENT_MACHINE_KEY, text,
	    strlen(text), diag);
	explicit_bzero(random, sizeof(random));
	explicit_bzero(text, sizeof(text));
	return err;
}

int
agent_store_machine_key(struct agent *a, struct mesh_diag *diag)
{
	struct mesh_buf text;
	struct mesh_str s;
	int err;

	mesh_buf_init(&text, KEY_FILE_MAX);
	err = agent_store_read(a->state_dir, AGENT_MACHINE_KEY, KEY_FILE_MAX,
	    &text, diag);
	if (err == MESH_ERR_NOTFOUND) {
		err = make_key(a, diag);
	} else if (err == MESH_OK) {
		s = mesh_str_trim(
		    (struct mesh_str){(const char *)text.data, text.len});
		err = mesh_machine_secret_parse(s.p, s.len, &a->machine_secret);
		if (err != MESH_OK)
			(void)mesh_fail(diag, err, "'%s' is not a key; if it is "
			    "lost, remove it and log in anew",
			    AGENT_MACHINE_KEY);
	}
	mesh_buf_wipe(&text);
	if (err == MESH_OK)
		a->machine_key = mesh_machine_public(&a->machine_secret);
	return err;
}
