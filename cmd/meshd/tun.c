/* SPDX-License-Identifier: ISC */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* One superpacket that is dropped costs 44 segments, and the limit is accounted
 * in what the kernel allocated, not in bytes: PERFORMANCE.md 4.3, lesson 10. */
#define RCVBUF (32 << 20)
#define SNDBUF (7 << 20)
#define TCP_TIMEOUT_MS 15000u

static int
tun_fail(struct mesh_diag *diag, const char *name)
{
	switch (errno) {
	case EPERM:
	case EACCES:
		return mesh_fail(diag, MESH_ERR_DENIED,
		    "cannot create device '%s': not permitted; "
		    "run as root or with CAP_NET_ADMIN", name);
	case EBUSY:
		return mesh_fail(diag, MESH_ERR_EXIST,
		    "device '%s' is in use; choose another name with --tun",
		    name);
	case ENOENT:
	case ENODEV:
		return mesh_fail(diag, MESH_ERR_IO,
		    "no /dev/net/tun: load the kernel module 'tun'");
	default:
		return mesh_fail(diag, MESH_ERR_IO,
		    "cannot create device '%s': %s", name, strerror(errno));
	}
}

/* TSO is as old as virtio headers; USO came with Linux 6.2. */
static uint32_t
set_offloads(int fd)
{
	unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	if (ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6) == 0)
		return TBL_START_VNET | TBL_START_USO;
	(void)ioctl(fd, TUNSETOFFLOAD, tso);
	return TBL_START_VNET;
}

int
tun_open(const char *name, struct tun *out, struct mesh_diag *diag)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd;

	if (mesh_str_copy(mesh_str(name), r.ifr_name, sizeof(r.ifr_name)) !=
	    MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG,
		    "device name '%.40s' is longer than 15 characters", name);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return tun_fail(diag, name);
	if (ioctl(fd, TUNSETIFF, &r) < 0) {
		int rc = tun_fail(diag, name);

		close(fd);
		return rc;
	}
	*out = (struct tun){
	    .fd = fd,
	    .ifindex = if_nametoindex(name),
	    .flags = set_offloads(fd),
	};
	return MESH_OK;
}

/* Beyond the system's limits when we may. */
static void
set_sizes(int fd)
{
	const int rcv = RCVBUF, snd = SNDBUF;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcv, sizeof(rcv)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcv, sizeof(rcv));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &snd, sizeof(snd)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &snd, sizeof(snd));
}

static int
marked(int family, int type)
{
	const uint32_t mark = TUN_BYPASS_MARK;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0) /* without the privilege there are no routes to avoid */
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	return fd;
}

static int
bind_port(int fd, bool is6, uint16_t *port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET,
	    .sin_port = htons(*port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6,
	    .sin6_port = htons(*port)};
	struct sockaddr *sa = is6 ? (struct sockaddr *)&a6
				  : (struct sockaddr *)&a4;
	socklen_t len = is6 ? sizeof(a6) : sizeof(a4);

	if (bind(fd, sa, len) < 0 || getsockname(fd, sa, &len) < 0)
		return -1;
	*port = ntohs(is6 ? a6.sin6_port : a4.sin_port);
	return 0;
}

int
tun_udp(bool is6, uint16_t *port, int *out_fd, struct mesh_diag *diag)
{
	const int on = 1;
	int fd = marked(is6 ? AF_INET6 : AF_INET, SOCK_DGRAM);

	if (fd < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot open a socket: %s",
		    strerror(errno));
	set_sizes(fd);
	(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	if (is6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	if (bind_port(fd, is6, port) == 0) {
		*out_fd = fd;
		return MESH_OK;
	}
	int err = errno;
	close(fd);
	if (err == EADDRINUSE)
		return mesh_fail(diag, MESH_ERR_EXIST,
		    "UDP port %u is in use; choose another with --port, "
		    "or 0 for any", *port);
	return mesh_fail(diag, MESH_ERR_IO, "cannot bind UDP port %u: %s",
	    *port, strerror(err));
}

int
tun_socket(enum tbl_socket_kind kind)
{
	bool is_tcp = kind == TBL_TCP4 || kind == TBL_TCP6;
	bool is6 = kind == TBL_UDP6 || kind == TBL_TCP6;
	const unsigned timeout = TCP_TIMEOUT_MS;
	const int on = 1;
	int fd = marked(is6 ? AF_INET6 : AF_INET,
	    is_tcp ? SOCK_STREAM : SOCK_DGRAM);

	if (fd < 0)
		return -errno;
	if (is_tcp) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
		    sizeof(timeout));
	}
	return fd;
}
