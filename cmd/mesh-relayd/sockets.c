/* SPDX-License-Identifier: ISC */
#include "sockets.h"

#include "base/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACTIVATION_FIRST 3    /* sd_listen_fds(3) */
#define USER_TIMEOUT_MS 15000 /* unacknowledged for so long: dead */
#define KEEPALIVE_S 600
#define UNSENT_MAX (256 * 1024) /* bytes in the kernel before "full" */
#define STUN_BUFFER (1 << 20)

struct option_value {
	int level, name, value;
};

static const struct option_value tcp_options[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 1},
    {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
    {IPPROTO_TCP, TCP_NODELAY, 1},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX},
};

static const struct option_value udp_options[] = {
    {SOL_SOCKET, SO_RCVBUF, STUN_BUFFER},
    {SOL_SOCKET, SO_SNDBUF, STUN_BUFFER},
};

static bool
set_options(int fd, const struct option_value *o, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (setsockopt(fd, o[i].level, o[i].name, &o[i].value,
			sizeof(o[i].value)) < 0)
			return false;
	return true;
}

/* A descriptor of this kind from the service manager (LISTEN_PID, LISTEN_FDS),
 * or -1. */
static int
passed_socket(int kind)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t for_pid, count;

	if (pid == NULL || fds == NULL ||
	    mesh_parse_u64(mesh_str(pid), INT32_MAX, &for_pid) != MESH_OK ||
	    mesh_parse_u64(mesh_str(fds), 16, &count) != MESH_OK ||
	    for_pid != (uint64_t)getpid())
		return -1;
	for (int fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + (int)count;
	     fd++) {
		int type = 0;
		socklen_t len = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == kind)
			return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

static socklen_t
to_sockaddr(const struct mesh_endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (mesh_ip_is4(&e->ip)) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(e->port);
		memcpy(&in4->sin_addr, mesh_ip_bytes4(&e->ip), 4);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(e->port);
	memcpy(&in6->sin6_addr, e->ip.b, 16);
	return sizeof(*in6);
}

/* "[::]" takes IPv4 too. */
static bool
allow_both(int fd, const struct sockaddr_storage *addr)
{
	const int off = 0;

	return addr->ss_family != AF_INET6 ||
	       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ==
		   0;
}

/* A bound socket, or -1 with errno. */
static int
new_socket(const struct mesh_endpoint *e, int kind)
{
	struct sockaddr_storage addr;
	socklen_t len = to_sockaddr(e, &addr);
	const int on = 1;
	int saved, fd = socket(addr.ss_family, kind | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* For UDP it would let a second daemon share the port. */
	if (kind == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (allow_both(fd, &addr) &&
	    bind(fd, (const struct sockaddr *)&addr, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
socket_check(const char *what, struct mesh_diag *diag)
{
	struct mesh_endpoint e;

	if (mesh_endpoint_parse(mesh_str(what), &e) == MESH_OK)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_FORMAT,
	    "'%.60s' is not ADDR:PORT, as 0.0.0.0:443 or [::]:443", what);
}

static int
open_socket(const char *what, int kind, const struct option_value *options,
    size_t count, struct mesh_diag *diag)
{
	struct mesh_endpoint e;
	int fd = passed_socket(kind);

	if (fd < 0 && mesh_endpoint_parse(mesh_str(what), &e) == MESH_OK)
		fd = new_socket(&e, kind);
	if (fd >= 0 && set_options(fd, options, count) &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
	    (kind != SOCK_STREAM || listen(fd, BACKLOG) == 0))
		return fd;
	mesh_fail(diag, MESH_ERR_IO, "cannot listen on '%.60s': %s", what,
	    strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int
socket_listen(const char *what, struct mesh_diag *diag)
{
	return open_socket(what, SOCK_STREAM, tcp_options,
	    sizeof(tcp_options) / sizeof(tcp_options[0]), diag);
}

int
socket_stun(const char *what, struct mesh_diag *diag)
{
	return open_socket(what, SOCK_DGRAM, udp_options,
	    sizeof(udp_options) / sizeof(udp_options[0]), diag);
}

int
socket_dial(const struct mesh_endpoint *to)
{
	struct sockaddr_storage addr;
	socklen_t len = to_sockaddr(to, &addr);
	int saved, fd = socket(addr.ss_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (set_options(fd, tcp_options,
		sizeof(tcp_options) / sizeof(tcp_options[0])) &&
	    (connect(fd, (const struct sockaddr *)&addr, len) == 0 ||
		errno == EINPROGRESS))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
