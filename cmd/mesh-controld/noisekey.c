/* SPDX-License-Identifier: ISC */
#include "noisekey.h"

#include <base/secret.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEMPORARY NOISEKEY_FILE ".new"

static int
failed(struct mesh_diag *diag, const char *what, int error)
{
	return mesh_fail(diag, MESH_ERR_IO, "cannot %s '%s': %s", what,
	    NOISEKEY_FILE, strerror(error));
}

/* Written under another name and renamed: there is never half a key. */
static int
key_write(int dir, const char *line, struct mesh_diag *diag)
{
	int fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(line);
	int error = 0;

	if (fd < 0)
		return failed(diag, "create", errno);
	if (write(fd, line, len) != (ssize_t)len || fsync(fd) < 0)
		error = errno != 0 ? errno : ENOSPC;
	close(fd);
	if (error == 0 && renameat(dir, TEMPORARY, dir, NOISEKEY_FILE) < 0)
		error = errno;
	if (error == 0 && fsync(dir) < 0)
		error = errno;
	if (error == 0)
		return MESH_OK;
	(void)unlinkat(dir, TEMPORARY, 0);
	return failed(diag, "write", error);
}

static int
key_make(int dir, const uint8_t random[static MESH_KEY_LEN],
    struct mesh_machine_secret *out, struct mesh_diag *diag)
{
	char text[MESH_KEY_TEXT], line[MESH_KEY_TEXT + 1];
	int err;

	mesh_machine_secret_make(out, random);
	mesh_machine_secret_format(out, text);
	mesh_format(line, sizeof(line), "%s\n", text);
	err = key_write(dir, line, diag);
	mesh_wipe(text, sizeof(text));
	mesh_wipe(line, sizeof(line));
	return err;
}

int
noisekey_load(int dir, const uint8_t random[static MESH_KEY_LEN],
    struct mesh_machine_secret *out, struct mesh_diag *diag)
{
	int fd = openat(dir, NOISEKEY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[MESH_KEY_TEXT + 2];
	struct mesh_str line;
	ssize_t len;
	int err;

	if (fd < 0 && errno == ENOENT)
		return key_make(dir, random, out, diag);
	if (fd < 0)
		return failed(diag, "read", errno);
	len = read(fd, text, sizeof(text));
	if (len < 0)
		err = failed(diag, "read", errno);
	else {
		line = mesh_str_trim((struct mesh_str){text, (size_t)len});
		err = mesh_machine_secret_parse(line.p, line.len, out);
		if (err != MESH_OK)
			mesh_fail(diag, err, "'%s' is damaged: restore it from "
			    "a backup (removing it makes a new key, and every "
			    "node has to log in again)", NOISEKEY_FILE);
	}
	close(fd);
	mesh_wipe(text, sizeof(text));
	return err;
}
