/* SPDX-License-Identifier: ISC
 * wire/ip.h - IP packets: just enough of their headers for filter, routing and
 * replies of our own. Source: protocol/dataplane.md 10.1; vectors 10.1.
 *
 * What a filter must not guess at is MESH_PROTO_UNKNOWN: cut packets, first
 * fragments without their whole transport header, later fragments that could
 * overlap one, IPv4 addresses mapped into an IPv6 header, IPv6 extension
 * headers other than an immediate Fragment header. Nothing is changed, copied
 * or reassembled.
 */
#ifndef MESH_WIRE_IP_H
#define MESH_WIRE_IP_H

#include "base/addr.h"

#define MESH_IP4_HEAD_LEN 20u
#define MESH_IP6_HEAD_LEN 40u
#define MESH_IP_HEAD_MAX MESH_IP6_HEAD_LEN /* of packets that we build */

/* IP protocol numbers that are treated by name; others keep their number. */
enum mesh_proto {
	MESH_PROTO_UNKNOWN = 0, /* not to be trusted: see above */
	MESH_PROTO_ICMP4 = 1,
	MESH_PROTO_IGMP = 2,
	MESH_PROTO_TCP = 6,
	MESH_PROTO_UDP = 17,
	MESH_PROTO_ICMP6 = 58,
	MESH_PROTO_TSMP = 99,
	MESH_PROTO_SCTP = 132,
	MESH_PROTO_FRAGMENT = 255, /* a later fragment, which needs a first */
};

enum { /* TCP flags */
	MESH_TCP_FIN = 0x01,
	MESH_TCP_SYN = 0x02,
	MESH_TCP_RST = 0x04,
	MESH_TCP_PSH = 0x08,
	MESH_TCP_ACK = 0x10,
};

enum { /* ICMP types that we read or write */
	MESH_ICMP4_ECHO_REPLY = 0,
	MESH_ICMP4_UNREACHABLE = 3,
	MESH_ICMP4_ECHO = 8,
	MESH_ICMP4_TIME_EXCEEDED = 11,
	MESH_ICMP4_PARAMETER = 12,
	MESH_ICMP6_UNREACHABLE = 1,
	MESH_ICMP6_TOO_BIG = 2,
	MESH_ICMP6_TIME_EXCEEDED = 3,
	MESH_ICMP6_PARAMETER = 4,
	MESH_ICMP6_ECHO = 128,
	MESH_ICMP6_ECHO_REPLY = 129,
};

/* A packet's facts. Offsets count from its first byte; 0: not known. */
struct mesh_ip_packet {
	uint8_t version;   /* 4, 6; 0: neither, nothing else is set */
	uint8_t proto;     /* enum mesh_proto, or any other number */
	uint8_t tcp_flags; /* TCP */
	uint8_t icmp_type; /* ICMP of either family */
	uint8_t icmp_code;
	uint8_t hops;                /* TTL or hop limit */
	uint16_t src_port, dst_port; /* TCP, UDP, SCTP; else 0 */
	uint32_t len;  /* bytes by the header; what is behind is no part */
	uint16_t sub;  /* offset of the transport header */
	uint16_t data; /* offset of what it carries */
	struct mesh_ip src, dst;
};

/* Always fills *out; a packet that makes no sense has proto
 * MESH_PROTO_UNKNOWN, and its addresses as far as they could be read. */
void mesh_ip_packet_parse(const void *buf, size_t len,
    struct mesh_ip_packet *out);

/* SYN set, ACK clear: the packet that opens a TCP connection. */
static inline bool
mesh_ip_is_tcp_syn(const struct mesh_ip_packet *p)
{
	return p->proto == MESH_PROTO_TCP &&
	       (p->tcp_flags & (MESH_TCP_SYN | MESH_TCP_ACK)) == MESH_TCP_SYN;
}

/* ICMP of the packet's own family: an echo reply; an error about a packet. */
bool mesh_ip_is_echo_reply(const struct mesh_ip_packet *p);
bool mesh_ip_is_icmp_error(const struct mesh_ip_packet *p);

/* The Internet checksum (RFC 1071): sum pieces of even length (the last may be
 * odd), then fold. Pseudo header: src, dst, length, protocol. */
uint64_t mesh_ip_sum(uint64_t sum, const void *p, size_t len);
uint64_t mesh_ip_sum_pseudo(const struct mesh_ip *src,
    const struct mesh_ip *dst, uint8_t proto, uint32_t len);
uint16_t mesh_ip_sum_fold(uint64_t sum);
/* RFC 1624: the checksum after `len` (even) bytes at an even offset changed
 * from old to new. */
uint16_t mesh_ip_sum_update(uint16_t check, const void *old, const void *new_,
    size_t len);

/* Replaces the source (or destination) address, of the same family, and mends
 * all checksums that cover it. pkt is the packet that p was parsed from. False,
 * nothing changed: other family, or a packet whose transport is not known. */
bool mesh_ip_rewrite_src(void *pkt, struct mesh_ip_packet *p,
    const struct mesh_ip *to);
bool mesh_ip_rewrite_dst(void *pkt, struct mesh_ip_packet *p,
    const struct mesh_ip *to);

/* Builds a packet: header, then payload. Both addresses of one family; returns
 * the length, or 0 when it does not fit or families differ. */
size_t mesh_ip_build(const struct mesh_ip *src, const struct mesh_ip *dst,
    uint8_t proto, const void *payload, size_t payload_len, void *out,
    size_t size);
/* An echo request; the reply's data begins with what was sent. */
size_t mesh_ip_build_echo(const struct mesh_ip *src, const struct mesh_ip *dst,
    uint16_t id, uint16_t seq, const void *data, size_t data_len, void *out,
    size_t size);
/* The reply to an echo request to us, of the same length. 0: it is none. */
size_t mesh_ip_build_echo_reply(const void *pkt, const struct mesh_ip_packet *p,
    void *out, size_t size);
/* "Too big, at most mtu bytes", from src to the sender of pkt; quotes it as far
 * as the RFCs allow. 0: pkt is none that may be answered so. */
size_t mesh_ip_build_too_big(const struct mesh_ip *src, const void *pkt,
    const struct mesh_ip_packet *p, uint32_t mtu, void *out, size_t size);

#endif
