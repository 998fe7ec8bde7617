/* SPDX-License-Identifier: ISC */
#include "identity.h"

#include "cert.h"

#include "base/secret.h"
#include "base/text.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int
path_of(const char *dir, const char *name, char out[static PATH_MAX])
{
	return mesh_format(out, PATH_MAX, "%s/%s", dir, name);
}

/* MESH_ERR_NOTFOUND (no such file), _IO, _LIMIT; errno says more. */
static int
read_file(const char *path, struct mesh_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	uint8_t *room;

	if (fd < 0)
		return errno == ENOENT ? MESH_ERR_NOTFOUND : MESH_ERR_IO;
	while (n > 0 && (room = mesh_buf_reserve(out, 4096)) != NULL) {
		n = read(fd, room, 4096);
		if (n > 0)
			mesh_buf_commit(out, (size_t)n);
	}
	close(fd);
	if (n > 0) {
		errno = EFBIG;
		return MESH_ERR_LIMIT;
	}
	return n == 0 ? MESH_OK : MESH_ERR_IO;
}

static int
write_all(int fd, const void *data, size_t len)
{
	ssize_t n = write(fd, data, len);

	if (n >= 0 && (size_t)n < len)
		errno = ENOSPC;
	return n == (ssize_t)len && fsync(fd) == 0 ? MESH_OK : MESH_ERR_IO;
}

/* Whole or not at all: a new file, then its name. */
static int
write_file(const char *dir, const char *name, mode_t mode, const void *data,
    size_t len, struct mesh_diag *diag)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	int err = MESH_ERR_IO, fd = -1;

	if (path_of(dir, name, path) == MESH_OK &&
	    mesh_format(temporary, sizeof(temporary), "%s.new", path) ==
		MESH_OK)
		fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    mode);
	if (fd >= 0) {
		err = write_all(fd, data, len);
		close(fd);
		if (err == MESH_OK && rename(temporary, path) < 0)
			err = MESH_ERR_IO;
		if (err != MESH_OK)
			unlink(temporary);
	}
	if (err != MESH_OK)
		mesh_fail(diag, err, "cannot write '%s/%s': %s", dir, name,
		    strerror(errno));
	return err;
}

static int
make_secret(struct mesh_node_secret *out, const char *dir,
    struct mesh_diag *diag)
{
	uint8_t random[MESH_KEY_LEN];
	char text[MESH_KEY_TEXT + 1];
	size_t len;
	int err;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return mesh_fail(diag, MESH_ERR_IO, "no random bytes");
	mesh_node_secret_make(out, random);
	mesh_wipe(random, sizeof(random));
	mesh_node_secret_format(out, text);
	len = strlen(text);
	text[len++] = '\n';
	err = write_file(dir, "relay.key", 0600, text, len, diag);
	mesh_wipe(text, sizeof(text));
	return err;
}

static int
load_secret(struct mesh_node_secret *out, const char *dir,
    struct mesh_diag *diag)
{
	char path[PATH_MAX];
	struct mesh_buf text;
	struct mesh_str s;
	int err = path_of(dir, "relay.key", path);

	mesh_buf_init(&text, 8192);
	if (err == MESH_OK)
		err = read_file(path, &text);
	if (err == MESH_ERR_NOTFOUND)
		return make_secret(out, dir, diag);
	if (err != MESH_OK) {
		mesh_fail(diag, err, "cannot read '%s': %s", path,
		    strerror(errno));
	} else {
		s = mesh_str_trim((struct mesh_str){
		    (const char *)text.data, text.len});
		err = mesh_node_secret_parse(s.p, s.len, out);
		if (err != MESH_OK)
			mesh_fail(diag, err,
			    "'%s' holds no key; move it away and a new one is "
			    "made",
			    path);
	}
	mesh_buf_wipe(&text);
	return err;
}

static int
take_lock(struct identity *id, const char *dir, struct mesh_diag *diag)
{
	char path[PATH_MAX];

	if (path_of(dir, "lock", path) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_LIMIT, "'%.80s': too long",
		    dir);
	id->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (id->lock < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot write '%s': %s",
		    path, strerror(errno));
	if (flock(id->lock, LOCK_EX | LOCK_NB) < 0)
		return mesh_fail(diag, MESH_ERR_EXIST,
		    "another mesh-relayd runs on '%s'", dir);
	return MESH_OK;
}

int
identity_open(struct identity *id, const char *dir, struct mesh_diag *diag)
{
	int err;

	*id = (struct identity){.lock = -1};
	mesh_buf_init(&id->chain, IDENTITY_FILE_MAX);
	mesh_buf_init(&id->key, IDENTITY_FILE_MAX);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return mesh_fail(diag, MESH_ERR_IO, "cannot make '%s': %s", dir,
		    strerror(errno));
	err = take_lock(id, dir, diag);
	if (err == MESH_OK)
		err = load_secret(&id->secret, dir, diag);
	return err;
}

void
identity_close(struct identity *id)
{
	mesh_node_secret_wipe(&id->secret);
	mesh_buf_release(&id->chain);
	mesh_buf_wipe(&id->key);
	if (id->lock >= 0)
		close(id->lock);
}

/* --- certificates --- */

static int
make_self_signed(struct identity *to, const char *dir, const char *hostname,
    struct mesh_diag *diag)
{
	int err;

	mesh_buf_clear(&to->chain);
	mesh_buf_clear(&to->key);
	if (cert_make(hostname, &to->chain, &to->key) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_INTERNAL,
		    "cannot make a certificate for '%.80s'", hostname);
	err = write_file(dir, "self-signed.key", 0600, to->key.data,
	    to->key.len, diag);
	if (err == MESH_OK)
		err = write_file(dir, "self-signed.crt", 0644, to->chain.data,
		    to->chain.len, diag);
	return err;
}

static int
read_pair(struct identity *to, const char *cert, const char *key,
    struct mesh_diag *diag)
{
	const char *which = cert;
	int err = read_file(cert, &to->chain);

	if (err == MESH_OK) {
		which = key;
		err = read_file(key, &to->key);
	}
	if (err != MESH_OK)
		mesh_fail(diag, err, "cannot read '%s': %s", which,
		    strerror(errno));
	return err;
}

/* Checks, and says what clients will not like. */
static int
check_pair(struct identity *to, const char *cert, const char *hostname,
    struct mesh_diag *diag)
{
	struct mesh_diag what = {0};
	int err = cert_check(&to->chain, &to->key, hostname, to->pin, &what);

	if (err != MESH_OK)
		return mesh_fail(diag, err, "certificate '%s' %s", cert,
		    what.text);
	if (what.text[0] != '\0')
		log_warn("certificate '%s' %s: clients will refuse it", cert,
		    what.text);
	return MESH_OK;
}

static int
load_self_signed(struct identity *to, const char *dir, const char *hostname,
    struct mesh_diag *diag)
{
	char cert[PATH_MAX], key[PATH_MAX];
	struct mesh_diag what = {0};
	int err = path_of(dir, "self-signed.crt", cert);

	if (err == MESH_OK)
		err = path_of(dir, "self-signed.key", key);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "'%.80s': too long", dir);
	if (access(cert, F_OK) == 0 || access(key, F_OK) == 0) {
		err = read_pair(to, cert, key, diag);
		if (err == MESH_OK)
			err = cert_check(&to->chain, &to->key, hostname,
			    to->pin, &what);
		if (err == MESH_OK && what.text[0] == '\0')
			return MESH_OK;
		if (what.text[0] == '\0')
			return err; /* unreadable: diag says which */
		log_warn("'%s' %s: making another, with another pin", cert,
		    what.text);
	}
	err = make_self_signed(to, dir, hostname, diag);
	return err == MESH_OK ? check_pair(to, cert, hostname, diag) : err;
}

static int
write_pin_file(const struct identity *id, const char *dir,
    struct mesh_diag *diag)
{
	char line[IDENTITY_PIN + 1];

	(void)mesh_format(line, sizeof(line), "%s\n", id->pin);
	return write_file(dir, "pin", 0644, line, strlen(line), diag);
}

int
identity_load(struct identity *id, const char *dir, const char *hostname,
    const char *cert, const char *key, struct mesh_diag *diag)
{
	struct mesh_node_key relay = mesh_node_public(&id->secret);
	struct identity next = {.lock = -1};
	int err;

	mesh_buf_init(&next.chain, IDENTITY_FILE_MAX);
	mesh_buf_init(&next.key, IDENTITY_FILE_MAX);
	if (cert == NULL) {
		err = load_self_signed(&next, dir, hostname, diag);
	} else {
		err = read_pair(&next, cert, key, diag);
		if (err == MESH_OK)
			err = check_pair(&next, cert, hostname, diag);
	}
	if (err == MESH_OK &&
	    (err = cert_make_meta(&relay, &next.chain)) != MESH_OK)
		mesh_fail(diag, err, "cannot make the meta certificate");
	if (err == MESH_OK)
		err = write_pin_file(&next, dir, diag);
	if (err == MESH_OK) {
		mesh_buf_release(&id->chain);
		mesh_buf_wipe(&id->key);
		id->chain = next.chain;
		id->key = next.key;
		memcpy(id->pin, next.pin, sizeof(id->pin));
		return MESH_OK;
	}
	identity_close(&next);
	return err;
}
