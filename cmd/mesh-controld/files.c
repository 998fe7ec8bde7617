/* SPDX-License-Identifier: ISC */
#include "files.h"

#include "common/log.h"
#include "common/sandbox.h"
#include "noisekey.h"
#include "store.h"

#include <base/addr.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netmap/dns_yaml.h>
#include <netmap/relaymap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_FILE "lock"
#define BACKLOG 4096
#define PATH_TEXT 4096u
#define HOST_TEXT 256u
#define DNS_JSON_MAX (4u << 20)

/* errno in words, behind what was tried on which. */
static int
fail(struct mesh_diag *diag, const char *what, const char *subject)
{
	return mesh_fail(diag, MESH_ERR_IO, "cannot %s '%s': %s", what, subject,
	    strerror(errno));
}

/* --- options */

static struct mesh_str
url_host(struct mesh_str url)
{
	struct mesh_str rest = url, part;

	(void)mesh_str_cut(&rest, '/');
	(void)mesh_str_cut(&rest, '/');
	part = mesh_str_cut(&rest, '/');
	if (part.len > 0 && part.p[0] == '[')
		return part;
	return mesh_str_cut(&part, ':');
}

static bool
is_name(struct mesh_str s)
{
	struct mesh_str rest = s, label;

	if (s.len == 0 || s.len > 190)
		return false;
	while (rest.len > 0) {
		label = mesh_str_cut(&rest, '.');
		if (label.len == 0 || label.len > 63)
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-",
				label.p[i]))
				return false;
	}
	return s.p[s.len - 1] != '.';
}

int
files_check(struct options *o, struct mesh_diag *diag)
{
	struct mesh_str url = mesh_str(o->url), host, suffix;
	struct mesh_endpoint e;

	while (url.len > 0 && url.p[url.len - 1] == '/')
		url.len--;
	host = url_host(url);
	if ((!mesh_str_has_prefix(url, "http://") &&
		!mesh_str_has_prefix(url, "https://")) ||
	    host.len == 0 || url.len >= 400)
		return mesh_fail(diag, MESH_ERR_ARG, "--url '%s': needs "
		    "http:// or https:// and a name", o->url);
	if ((o->url = strndup(url.p, url.len)) == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (mesh_endpoint_parse(mesh_str(o->listen), &e) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG, "--listen '%s': needs an "
		    "address and a port, as 0.0.0.0:443 or [::]:443",
		    o->listen);
	if (o->listen_plain != NULL &&
	    mesh_endpoint_parse(mesh_str(o->listen_plain), &e) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG, "--listen-plain '%s': "
		    "needs an address and a port, as 0.0.0.0:80 or [::]:80",
		    o->listen_plain);
	if ((o->cert == NULL) != (o->key == NULL))
		return mesh_fail(diag, MESH_ERR_ARG,
		    "--cert and --key go together");
	suffix = mesh_str(o->suffix);
	if (!is_name(suffix))
		return mesh_fail(diag, MESH_ERR_ARG, "--dns-suffix '%s': "
		    "lower-case labels with dots between them", o->suffix);
	/* Nodes would ask each other for the server's name. */
	host = url_host(mesh_str(o->url));
	if (host.len >= suffix.len &&
	    memcmp(host.p + host.len - suffix.len, suffix.p, suffix.len) == 0 &&
	    (host.len == suffix.len || host.p[host.len - suffix.len - 1] == '.'))
		return mesh_fail(diag, MESH_ERR_ARG, "--dns-suffix '%s': the "
		    "server's own name ends in it: choose another", o->suffix);
	return MESH_OK;
}

/* --- files */

static int
read_file(const char *path, size_t max, struct mesh_buf *out,
    struct mesh_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[16384];
	ssize_t n = -1;

	mesh_buf_init(out, max);
	if (fd < 0)
		return fail(diag, "read", path);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (mesh_buf_add(out, bytes, (size_t)n) != MESH_OK)
			break;
	if (n < 0)
		fail(diag, "read", path);
	else if (n > 0)
		mesh_fail(diag, MESH_ERR_LIMIT,
		    "'%s' is larger than %zu bytes", path, max);
	close(fd);
	return n == 0 ? MESH_OK : MESH_ERR_IO;
}

static struct mesh_str
text_of(const struct mesh_buf *b)
{
	return (struct mesh_str){(const char *)b->data, b->len};
}

static int
read_relays(const char *path, struct mesh_buf *out, struct mesh_diag *diag)
{
	struct mesh_relaymap *map = NULL;
	struct mesh_diag where = {""};
	struct mesh_buf text;
	struct mesh_jw w;
	int err = read_file(path, MESH_RELAYMAP_FILE, &text, diag);

	if (err == MESH_OK) {
		err = mesh_relaymap_read_yaml((const char *)text.data,
		    text.len, &map, &where);
		if (err != MESH_OK)
			mesh_fail(diag, err, "relay map '%s': %s", path,
			    where.text[0] ? where.text : mesh_strerror(err));
	}
	if (err == MESH_OK) {
		mesh_jw_init(&w, out, false);
		mesh_bind_write(&w, &mesh_relaymap_schema, map);
		mesh_counted_unref(&map->counted);
	}
	mesh_buf_release(&text);
	return err;
}

static int
read_dns(const struct options *o, struct mesh_buf *out,
    struct mesh_diag *diag)
{
	struct mesh_diag where = {""};
	struct mesh_buf text;
	int err = MESH_OK;

	mesh_buf_init(&text, 0);
	if (o->dns != NULL)
		err = read_file(o->dns, MESH_DNS_FILE, &text, diag);
	if (err == MESH_OK) {
		err = mesh_dns_read_yaml((const char *)text.data, text.len,
		    o->suffix, out, &where);
		if (err != MESH_OK)
			mesh_fail(diag, err, "dns settings '%s': %s",
			    o->dns != NULL ? o->dns : "-", where.text);
	}
	mesh_buf_release(&text);
	return err;
}

/* What is not given is empty. */
static int
read_optional(const char *path, size_t max, struct mesh_buf *out,
    struct mesh_diag *diag)
{
	mesh_buf_init(out, max);
	return path == NULL ? MESH_OK : read_file(path, max, out, diag);
}

int
files_config(const struct options *o, struct mesh_buf *out,
    struct mesh_diag *diag)
{
	struct mesh_buf cert, key, policy, relays, dns;
	struct role_config c = {
	    .url = mesh_str(o->url),
	    .suffix = mesh_str(o->suffix),
	    .node_expiry_ns = o->node_expiry_ns,
	    .ephemeral_ns = o->ephemeral_ns,
	    .random_addresses = o->random_addresses,
	    .approve_nodes = o->approve_nodes,
	    .verbose = o->verbose,
	    .has_policy = o->policy != NULL,
	    .plain = o->listen_plain != NULL,
	    .owner = geteuid(),
	};
	int err;

	mesh_buf_init(&key, 0);
	mesh_buf_init(&policy, 0);
	mesh_buf_init(&relays, MESH_RELAYMAP_MEMORY);
	mesh_buf_init(&dns, DNS_JSON_MAX);
	err = read_optional(o->cert, CONTROLD_PEM_MAX, &cert, diag);
	if (err == MESH_OK)
		err = read_optional(o->key, CONTROLD_PEM_MAX, &key, diag);
	if (err == MESH_OK)
		err = read_optional(o->policy, FILES_POLICY_MAX, &policy, diag);
	if (err == MESH_OK)
		err = read_dns(o, &dns, diag);
	if (err == MESH_OK && o->relay_map != NULL)
		err = read_relays(o->relay_map, &relays, diag);
	else if (err == MESH_OK) {
		log_warn("no --relay-map: nodes without a direct path to each "
		    "other stay apart");
		mesh_buf_add_str(&relays, "{\"Regions\":{}}");
	}
	if (err == MESH_OK) {
		c.cert = text_of(&cert);
		c.key = text_of(&key);
		c.policy = text_of(&policy);
		c.relays = text_of(&relays);
		c.dns = text_of(&dns);
		role_config_write(&c, out);
		if (out->failed)
			err = mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	}
	mesh_buf_release(&cert);
	mesh_buf_wipe(&key);
	mesh_buf_release(&policy);
	mesh_buf_release(&relays);
	mesh_buf_release(&dns);
	return err;
}

/* --- state folder */

/* The roles run as another user when this is root: what is theirs, they own. */
static int
give_away(int dir, const char *path, struct mesh_diag *diag)
{
	static const char *const files[] = {NOISEKEY_FILE, STORE_FILE,
	    STORE_FILE "-wal", STORE_FILE "-shm"};
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		return MESH_OK;
	sandbox_user(CONTROLD_USER, &uid, &gid);
	if (fchown(dir, uid, gid) < 0)
		return fail(diag, "give away", path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (fchownat(dir, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) <
			0 && errno != ENOENT)
			return fail(diag, "give away", files[i]);
	return MESH_OK;
}

int
files_state(const char *path, struct mesh_diag *diag)
{
	int dir, lock = -1;

	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		fail(diag, "create state folder", path);
		return -1;
	}
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		fail(diag, "open state folder", path);
		return -1;
	}
	/* Held until this process ends. */
	lock = openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (lock < 0)
		fail(diag, "write to state folder", path);
	else if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		mesh_fail(diag, MESH_ERR_STATE, "another mesh-controld runs on "
		    "state folder '%s'", path);
	else if (give_away(dir, path, diag) == MESH_OK)
		return dir;
	if (lock >= 0)
		close(lock);
	close(dir);
	return -1;
}

/* --- sockets */

static int
listen_on(int fd, const struct sockaddr *addr, socklen_t len)
{
	int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, addr, len) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	return 0;
}

int
files_listen(const char *text, struct mesh_diag *diag)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	struct mesh_endpoint e;
	bool is4;
	int fd;

	if (mesh_endpoint_parse(mesh_str(text), &e) != MESH_OK)
		return -1; /* files_check() has said so */
	is4 = mesh_ip_is4(&e.ip);
	a4.sin_port = a6.sin6_port = htons(e.port);
	memcpy(&a6.sin6_addr, e.ip.b, sizeof(e.ip.b));
	if (is4)
		memcpy(&a4.sin_addr, mesh_ip_bytes4(&e.ip), 4);
	fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && listen_on(fd, is4 ? (const struct sockaddr *)&a4
					 : (const struct sockaddr *)&a6,
		is4 ? sizeof(a4) : sizeof(a6)) == 0)
		return fd;
	fail(diag, "listen on", text);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Nobody answers at a socket that was left over. */
static bool
is_dead(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool dead = fd >= 0 &&
	    connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 &&
	    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return dead;
}

static void
make_parent(const char *path)
{
	char parent[PATH_TEXT];
	char *slash;

	if (mesh_format(parent, sizeof(parent), "%s", path) != MESH_OK ||
	    (slash = strrchr(parent, '/')) == NULL || slash == parent)
		return;
	*slash = '\0';
	(void)mkdir(parent, 0755); /* else bind() says what is wrong */
}

int
files_admin(const char *path, struct mesh_diag *diag)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd;

	if (mesh_format(a.sun_path, sizeof(a.sun_path), "%s", path) !=
	    MESH_OK) {
		mesh_fail(diag, MESH_ERR_ARG, "--socket '%s': a socket's path "
		    "has at most %zu bytes", path, sizeof(a.sun_path) - 1);
		return -1;
	}
	make_parent(path);
	if (is_dead(&a))
		(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mask = umask(0177);
	if (fd >= 0 &&
	    listen_on(fd, (const struct sockaddr *)&a, sizeof(a)) == 0) {
		umask(mask);
		return fd;
	}
	umask(mask);
	fail(diag, "listen on", path);
	if (fd >= 0)
		close(fd);
	return -1;
}
