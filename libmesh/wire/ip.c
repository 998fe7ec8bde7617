/* SPDX-License-Identifier: ISC */
#include "wire/ip.h"

#include "base/rd.h"

#define FRAG_OFFSET 0x1fff /* in blocks of 8 bytes */
#define FRAG_MIN_BLOCKS 10 /* below: could overlap a TCP header */
#define FRAG6_LEN 8u
#define PROTO6_HOPOPT 0
#define PROTO6_ROUTING 43
#define PROTO6_FRAGMENT 44
#define PROTO6_DSTOPT 60

enum {
	V4 = 1,
	V6 = 2
};

/* Transport headers that we look into: the least that must be there. */
static const struct transport {
	uint8_t proto;
	uint8_t versions;
	uint8_t len; /* bytes */
	bool ports;
} transports[] = {
    {MESH_PROTO_TCP, V4 | V6, 20, true},
    {MESH_PROTO_UDP, V4 | V6, 8, true},
    {MESH_PROTO_SCTP, V4 | V6, 12, true},
    {MESH_PROTO_ICMP4, V4, 4, false},
    {MESH_PROTO_ICMP6, V6, 4, false},
    {MESH_PROTO_IGMP, V4, 0, false},
    {MESH_PROTO_TSMP, V4 | V6, 7, false},
};

static const struct transport *
find_transport(const struct mesh_ip_packet *p)
{
	uint8_t version = p->version == 4 ? V4 : V6;

	for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++) {
		if (transports[i].proto == p->proto &&
		    (transports[i].versions & version) != 0)
			return &transports[i];
	}
	return NULL;
}

/* r is confined to the transport header and what follows. */
static void
parse_transport(struct mesh_rd r, struct mesh_ip_packet *p)
{
	const struct transport *t = find_transport(p);
	size_t head = t != NULL ? t->len : 0;
	const uint8_t *h;

	if (t == NULL)
		return;
	size_t left = r.left;
	h = mesh_rd_take(&r, head);
	if (h != NULL && p->proto == MESH_PROTO_TCP) {
		p->tcp_flags = h[13];
		head = (size_t)(h[12] >> 4) * 4;
		if (head < t->len || head > left)
			h = NULL;
	}
	if (h == NULL) {
		p->proto = MESH_PROTO_UNKNOWN;
		p->tcp_flags = 0;
		return;
	}
	if (t->ports) {
		p->src_port = (uint16_t)(h[0] << 8 | h[1]);
		p->dst_port = (uint16_t)(h[2] << 8 | h[3]);
	} else if (head == 4) {
		p->icmp_type = h[0];
		p->icmp_code = h[1];
	}
	if (p->proto == MESH_PROTO_TSMP)
		head = 0;
	if (p->proto != MESH_PROTO_IGMP)
		p->data = (uint16_t)(p->sub + head);
}

/* blocks: the fragment's offset in units of 8 bytes; 0: first, or whole. */
static void
parse_fragment(struct mesh_rd r, uint16_t blocks, struct mesh_ip_packet *p)
{
	if (blocks == 0)
		parse_transport(r, p);
	else if (blocks < FRAG_MIN_BLOCKS)
		p->proto = MESH_PROTO_UNKNOWN;
	else
		p->proto = MESH_PROTO_FRAGMENT;
}

/* 255 means "fragment" inside; nobody may send it. */
static bool
proto_is_sane(const struct mesh_ip_packet *p)
{
	if (p->version == 6 &&
	    (p->proto == PROTO6_HOPOPT || p->proto == PROTO6_ROUTING ||
		p->proto == PROTO6_FRAGMENT || p->proto == PROTO6_DSTOPT))
		return false;
	return p->proto != MESH_PROTO_FRAGMENT;
}

static void
parse4(struct mesh_rd r, struct mesh_ip_packet *p)
{
	size_t have = r.left;
	uint8_t ihl = mesh_rd_u8(&r) & 0x0f;

	mesh_rd_skip(&r, 1);
	p->len = mesh_rd_u16be(&r);
	mesh_rd_skip(&r, 2);
	uint16_t frag = mesh_rd_u16be(&r);
	p->hops = mesh_rd_u8(&r);
	uint8_t proto = mesh_rd_u8(&r);
	mesh_rd_skip(&r, 2);
	const uint8_t *addrs = mesh_rd_take(&r, 8);
	if (addrs == NULL) { /* shorter than a header */
		*p = (struct mesh_ip_packet){0};
		return;
	}
	p->src = mesh_ip_from4(addrs);
	p->dst = mesh_ip_from4(addrs + 4);
	p->sub = (uint16_t)(ihl * 4);
	if (p->len > have || p->sub < MESH_IP4_HEAD_LEN || p->sub > p->len)
		return;
	p->proto = proto;
	if (!proto_is_sane(p)) {
		p->proto = MESH_PROTO_UNKNOWN;
		return;
	}
	r.left = p->len - MESH_IP4_HEAD_LEN;
	mesh_rd_skip(&r, p->sub - MESH_IP4_HEAD_LEN);
	parse_fragment(r, frag & FRAG_OFFSET, p);
}

static void
parse6(struct mesh_rd r, struct mesh_ip_packet *p)
{
	mesh_rd_skip(&r, 4);
	size_t len = mesh_rd_u16be(&r);
	uint16_t blocks = 0;

	p->proto = mesh_rd_u8(&r);
	p->hops = mesh_rd_u8(&r);
	const uint8_t *src = mesh_rd_take(&r, 16);
	const uint8_t *dst = mesh_rd_take(&r, 16);
	if (dst == NULL) {
		*p = (struct mesh_ip_packet){0};
		return;
	}
	memcpy(p->src.b, src, sizeof(p->src.b));
	memcpy(p->dst.b, dst, sizeof(p->dst.b));
	p->len = (uint32_t)(MESH_IP6_HEAD_LEN + len);
	p->sub = MESH_IP6_HEAD_LEN;
	/* A mapped address here must not pass for an IPv4 address of ours. */
	if (mesh_ip_is4(&p->src) || mesh_ip_is4(&p->dst)) {
		p->proto = MESH_PROTO_UNKNOWN;
		return;
	}
	struct mesh_rd body = mesh_rd_sub(&r, len);
	if (p->proto == PROTO6_FRAGMENT) {
		p->proto = mesh_rd_u8(&body);
		mesh_rd_skip(&body, 1);
		blocks = (uint16_t)(mesh_rd_u16be(&body) >> 3);
		mesh_rd_skip(&body, 4);
		p->sub += FRAG6_LEN;
	}
	if (mesh_rd_bad(&body) || !proto_is_sane(p)) {
		p->proto = MESH_PROTO_UNKNOWN;
		return;
	}
	parse_fragment(body, blocks, p);
}

void
mesh_ip_packet_parse(const void *buf, size_t len, struct mesh_ip_packet *out)
{
	const uint8_t *b = buf;
	uint8_t version = len > 0 ? b[0] >> 4 : 0;

	*out = (struct mesh_ip_packet){.proto = MESH_PROTO_UNKNOWN};
	if (version != 4 && version != 6)
		return;
	out->version = version;
	if (version == 4)
		parse4(mesh_rd_init(buf, len), out);
	else
		parse6(mesh_rd_init(buf, len), out);
}

bool
mesh_ip_is_echo_reply(const struct mesh_ip_packet *p)
{
	return (p->proto == MESH_PROTO_ICMP4 &&
		   p->icmp_type == MESH_ICMP4_ECHO_REPLY) ||
	       (p->proto == MESH_PROTO_ICMP6 &&
		   p->icmp_type == MESH_ICMP6_ECHO_REPLY);
}

bool
mesh_ip_is_icmp_error(const struct mesh_ip_packet *p)
{
	if (p->proto == MESH_PROTO_ICMP4)
		return p->icmp_type == MESH_ICMP4_UNREACHABLE ||
		       p->icmp_type == MESH_ICMP4_TIME_EXCEEDED ||
		       p->icmp_type == MESH_ICMP4_PARAMETER;
	return p->proto == MESH_PROTO_ICMP6 &&
	       p->icmp_type >= MESH_ICMP6_UNREACHABLE &&
	       p->icmp_type <= MESH_ICMP6_PARAMETER;
}
