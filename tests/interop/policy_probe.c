/* SPDX-License-Identifier: ISC
 * policy_probe.c - sends single packets of any protocol, and tells which
 *arrive.
 *
 *	policy_probe send [TIMES [MS]]   each line of stdin "SRC DST PROTO PORT
 *	                    ROUND" is a packet that opens a flow: a TCP SYN, an
 *	                    echo request, or the like; ROUND (1-60000) names it.
 *	                    All of them TIMES times, MS apart
 *	policy_probe listen DEVICE       a line "MS SRC DST PROTO PORT ROUND"
 *for each that comes in by that device; MS is the time of day, of which the
 *clock of all namespaces is one
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../unit/packets.h"

#define LINE_MAX 4096u /* probes of one list */
#define ETH_ALL 0x0300 /* ETH_P_ALL in network order */

static void
die(const char *what)
{
	fprintf(stderr, "policy_probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool
is_echo(uint8_t proto)
{
	return proto == MESH_PROTO_ICMP4 || proto == MESH_PROTO_ICMP6;
}

static struct packet
make(const char *src, const char *dst, uint8_t proto, uint16_t port,
    uint16_t round)
{
	struct mesh_ip from = ip_of(src), to = ip_of(dst);
	struct packet p;

	if (!is_echo(proto))
		return packet_make(&from, &to, proto, round, port,
		    MESH_TCP_SYN);
	p.len = mesh_ip_build_echo(&from, &to, round, 1, "probe", 5, p.b,
	    sizeof(p.b));
	return p;
}

/* --- sending */

static size_t
read_list(struct packet *list)
{
	char src[MESH_IP_TEXT], dst[MESH_IP_TEXT];
	unsigned proto, port, round;
	size_t n = 0;

	while (n < LINE_MAX && scanf("%45s %45s %u %u %u", src, dst, &proto,
				   &port, &round) == 5)
		list[n++] = make(src, dst, (uint8_t)proto, (uint16_t)port,
		    (uint16_t)round);
	return n;
}

static void
send_one(int fd4, int fd6, const struct packet *p)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	ssize_t n;

	if (p->b[0] >> 4 == 4) {
		memcpy(&to4.sin_addr, p->b + 16, 4);
		n = sendto(fd4, p->b, p->len, 0, (struct sockaddr *)&to4,
		    sizeof(to4));
	} else {
		memcpy(&to6.sin6_addr, p->b + 24, 16);
		n = sendto(fd6, p->b, p->len, 0, (struct sockaddr *)&to6,
		    sizeof(to6));
	}
	/* There may be no way to a peer that the sender is not told of. */
	if (n < 0 && errno != ENETUNREACH && errno != EHOSTUNREACH &&
	    errno != EACCES && errno != EPERM && errno != ENOBUFS)
		die("sendto");
}

static int
do_send(unsigned times, unsigned ms)
{
	struct packet *list = calloc(LINE_MAX, sizeof(*list));
	int fd4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	int fd6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	size_t count;

	if (list == NULL || fd4 < 0 || fd6 < 0)
		die("socket");
	count = read_list(list);
	for (unsigned t = 0; t < times; t++) {
		if (t > 0)
			usleep(ms * 1000);
		for (size_t i = 0; i < count; i++)
			send_one(fd4, fd6, &list[i]);
	}
	free(list);
	return 0;
}

/* --- listening */

static void
tell(const uint8_t *b, size_t len)
{
	char src[MESH_IP_TEXT], dst[MESH_IP_TEXT];
	struct mesh_ip_packet p;
	struct timespec now;
	unsigned round, port = 0;

	mesh_ip_packet_parse(b, len, &p);
	if (p.version == 0 || p.sub + 6u > len ||
	    (p.proto == MESH_PROTO_TCP && !mesh_ip_is_tcp_syn(&p)) ||
	    (is_echo(p.proto) && p.icmp_type != 8 && p.icmp_type != 128))
		return;
	round = is_echo(p.proto) ? b[p.sub + 4] << 8 | b[p.sub + 5]
				 : b[p.sub] << 8 | b[p.sub + 1];
	if (p.dst_port != 0)
		port = p.dst_port;
	clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld %s %s %u %u %u\n",
	    (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
	    mesh_ip_format(&p.src, src), mesh_ip_format(&p.dst, dst), p.proto,
	    port, round);
	fflush(stdout);
}

static void
do_listen(const char *device)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
	    .sll_protocol = ETH_ALL,
	    .sll_ifindex = (int)if_nametoindex(device)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t b[65536];

	if (at.sll_ifindex == 0 || fd < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(device);
	for (;;) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, b, sizeof(b), 0,
		    (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno != EINTR && errno != ENETDOWN)
			die(device);
		if (n > 0 && from.sll_pkttype != PACKET_OUTGOING)
			tell(b, (size_t)n);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "listen"))
		do_listen(argv[2]);
	if (argc >= 2 && argc <= 4 && !strcmp(argv[1], "send"))
		return do_send(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10)
					: 1,
		    argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 100);
	fputs("usage: policy_probe send [TIMES [MS]] | listen DEVICE\n",
	    stderr);
	return 2;
}
