/* SPDX-License-Identifier: ISC
 * ip_build.c - packets of our own, checksums, and addresses rewritten.
 */
#include "base/rd.h"
#include "wire/ip.h"

#define HOPS 64
#define QUOTE4_MAX 548u  /* RFC 1812: an ICMP error is at most 576 bytes */
#define QUOTE6_MAX 1232u /* RFC 4443: ... 1280 bytes */
#define ICMP_HEAD_LEN 8u
#define FRAGMENTATION_NEEDED 4
#define CHECK4 10u    /* offset of the IPv4 header checksum */
#define CHECK_TCP 16u /* offsets in transport headers */
#define CHECK_UDP 6u
#define CHECK_ICMP6 2u

uint64_t
mesh_ip_sum(uint64_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (; len >= 2; b += 2, len -= 2)
		sum += (uint64_t)(b[0] << 8 | b[1]);
	if (len > 0)
		sum += (uint64_t)b[0] << 8;
	return sum;
}

uint16_t
mesh_ip_sum_fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint64_t
mesh_ip_sum_pseudo(const struct mesh_ip *src, const struct mesh_ip *dst,
    uint8_t proto, uint32_t len)
{
	uint64_t sum = (uint64_t)len + proto;

	if (mesh_ip_is4(src)) {
		sum = mesh_ip_sum(sum, mesh_ip_bytes4(src), 4);
		return mesh_ip_sum(sum, mesh_ip_bytes4(dst), 4);
	}
	sum = mesh_ip_sum(sum, src->b, sizeof(src->b));
	return mesh_ip_sum(sum, dst->b, sizeof(dst->b));
}

uint16_t
mesh_ip_sum_update(uint16_t check, const void *old, const void *new_,
    size_t len)
{
	const uint8_t *o = old, *n = new_;
	uint64_t sum = (uint16_t)~check;

	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += (uint16_t) ~(o[i] << 8 | o[i + 1]);
		sum += (uint16_t)(n[i] << 8 | n[i + 1]);
	}
	return mesh_ip_sum_fold(sum);
}

/* The checksum at `at`; is_udp: 0 stands for "none", and is never the result.
 */
static void
mend(uint8_t *at, const uint8_t *old, const uint8_t *new_, size_t len,
    bool is_udp)
{
	uint16_t check = (uint16_t)(at[0] << 8 | at[1]);

	if (is_udp && check == 0)
		return;
	check = mesh_ip_sum_update(check, old, new_, len);
	if (is_udp && check == 0)
		check = 0xffff;
	at[0] = (uint8_t)(check >> 8);
	at[1] = (uint8_t)check;
}

/* Where the transport checksum is that covers the addresses; 0: none does. */
static size_t
transport_check(const struct mesh_ip_packet *p)
{
	switch (p->proto) {
	case MESH_PROTO_TCP:
		return p->sub + CHECK_TCP;
	case MESH_PROTO_UDP:
		return p->sub + CHECK_UDP;
	case MESH_PROTO_ICMP6:
		return p->sub + CHECK_ICMP6;
	default:
		return 0;
	}
}

static bool
rewrite(uint8_t *pkt, const struct mesh_ip_packet *p, struct mesh_ip *field,
    size_t at, const struct mesh_ip *to)
{
	bool is4 = p->version == 4;
	size_t len = is4 ? 4 : 16;
	const uint8_t *new_ = is4 ? mesh_ip_bytes4(to) : to->b;
	size_t check = transport_check(p);

	if (p->proto == MESH_PROTO_UNKNOWN || is4 != mesh_ip_is4(to))
		return false;
	if (is4)
		mend(pkt + CHECK4, pkt + at, new_, len, false);
	if (check != 0)
		mend(pkt + check, pkt + at, new_, len,
		    p->proto == MESH_PROTO_UDP);
	memcpy(pkt + at, new_, len);
	*field = *to;
	return true;
}

bool
mesh_ip_rewrite_src(void *pkt, struct mesh_ip_packet *p,
    const struct mesh_ip *to)
{
	return rewrite(pkt, p, &p->src, p->version == 4 ? 12 : 8, to);
}

bool
mesh_ip_rewrite_dst(void *pkt, struct mesh_ip_packet *p,
    const struct mesh_ip *to)
{
	return rewrite(pkt, p, &p->dst, p->version == 4 ? 16 : 24, to);
}

static void
write_head4(struct mesh_wr *w, const struct mesh_ip *src,
    const struct mesh_ip *dst, uint8_t proto, size_t payload_len)
{
	uint8_t head[MESH_IP4_HEAD_LEN];
	struct mesh_wr h = mesh_wr_init(head, sizeof(head));

	mesh_wr_u16be(&h, 0x4500);
	mesh_wr_u16be(&h, (uint16_t)(sizeof(head) + payload_len));
	mesh_wr_zero(&h, 4); /* id, fragment */
	mesh_wr_u8(&h, HOPS);
	mesh_wr_u8(&h, proto);
	mesh_wr_zero(&h, 2);
	mesh_wr_bytes(&h, mesh_ip_bytes4(src), 4);
	mesh_wr_bytes(&h, mesh_ip_bytes4(dst), 4);
	uint16_t check = mesh_ip_sum_fold(mesh_ip_sum(0, head, sizeof(head)));
	head[CHECK4] = (uint8_t)(check >> 8);
	head[CHECK4 + 1] = (uint8_t)check;
	mesh_wr_bytes(w, head, sizeof(head));
}

static void
write_head(struct mesh_wr *w, const struct mesh_ip *src,
    const struct mesh_ip *dst, uint8_t proto, size_t payload_len)
{
	size_t head = mesh_ip_is4(src) ? MESH_IP4_HEAD_LEN : 0;

	if (mesh_ip_is4(src) != mesh_ip_is4(dst) ||
	    payload_len > UINT16_MAX - head) {
		w->bad = true;
		return;
	}
	if (mesh_ip_is4(src)) {
		write_head4(w, src, dst, proto, payload_len);
		return;
	}
	mesh_wr_u32be(w, UINT32_C(6) << 28);
	mesh_wr_u16be(w, (uint16_t)payload_len);
	mesh_wr_u8(w, proto);
	mesh_wr_u8(w, HOPS);
	mesh_wr_bytes(w, src->b, sizeof(src->b));
	mesh_wr_bytes(w, dst->b, sizeof(dst->b));
}

size_t
mesh_ip_build(const struct mesh_ip *src, const struct mesh_ip *dst,
    uint8_t proto, const void *payload, size_t payload_len, void *out,
    size_t size)
{
	struct mesh_wr w = mesh_wr_init(out, size);

	write_head(&w, src, dst, proto, payload_len);
	mesh_wr_bytes(&w, payload, payload_len);
	return mesh_wr_ok(&w) ? w.len : 0;
}

/* A whole ICMP packet: 4 bytes behind the checksum, then data. */
static size_t
build_icmp(const struct mesh_ip *src, const struct mesh_ip *dst,
    const uint8_t type_code[2], uint32_t word, const void *data,
    size_t data_len, void *out, size_t size)
{
	struct mesh_wr w = mesh_wr_init(out, size);
	bool is4 = mesh_ip_is4(src);
	uint8_t proto = is4 ? MESH_PROTO_ICMP4 : MESH_PROTO_ICMP6;
	size_t icmp_len = ICMP_HEAD_LEN + data_len;

	write_head(&w, src, dst, proto, icmp_len);
	uint8_t *icmp = mesh_wr_room(&w, icmp_len);
	if (icmp == NULL)
		return 0;
	struct mesh_wr i = mesh_wr_init(icmp, icmp_len);
	mesh_wr_bytes(&i, type_code, 2);
	mesh_wr_u16be(&i, 0);
	mesh_wr_u32be(&i, word);
	mesh_wr_bytes(&i, data, data_len);
	uint64_t sum =
	    is4 ? 0 : mesh_ip_sum_pseudo(src, dst, proto, (uint32_t)icmp_len);
	uint16_t check = mesh_ip_sum_fold(mesh_ip_sum(sum, icmp, icmp_len));
	icmp[2] = (uint8_t)(check >> 8);
	icmp[3] = (uint8_t)check;
	return w.len;
}

size_t
mesh_ip_build_echo(const struct mesh_ip *src, const struct mesh_ip *dst,
    uint16_t id, uint16_t seq, const void *data, size_t data_len, void *out,
    size_t size)
{
	const uint8_t type_code[2] = {
	    mesh_ip_is4(src) ? MESH_ICMP4_ECHO : MESH_ICMP6_ECHO, 0};

	return build_icmp(src, dst, type_code, (uint32_t)id << 16 | seq, data,
	    data_len, out, size);
}

size_t
mesh_ip_build_echo_reply(const void *pkt, const struct mesh_ip_packet *p,
    void *out, size_t size)
{
	bool is4 = p->proto == MESH_PROTO_ICMP4;
	uint8_t ask = is4 ? MESH_ICMP4_ECHO : MESH_ICMP6_ECHO;
	const uint8_t type_code[2] = {
	    is4 ? MESH_ICMP4_ECHO_REPLY : MESH_ICMP6_ECHO_REPLY, 0};
	struct mesh_rd r = mesh_rd_init(pkt, p->len);

	if ((!is4 && p->proto != MESH_PROTO_ICMP6) || p->icmp_type != ask)
		return 0;
	mesh_rd_skip(&r, p->data);
	uint32_t word = mesh_rd_u32be(&r);
	size_t len;
	const uint8_t *data = mesh_rd_rest(&r, &len);
	if (data == NULL)
		return 0;
	return build_icmp(&p->dst, &p->src, type_code, word, data, len, out,
	    size);
}

size_t
mesh_ip_build_too_big(const struct mesh_ip *src, const void *pkt,
    const struct mesh_ip_packet *p, uint32_t mtu, void *out, size_t size)
{
	bool is4 = p->version == 4;
	const uint8_t four[2] = {MESH_ICMP4_UNREACHABLE, FRAGMENTATION_NEEDED};
	const uint8_t six[2] = {MESH_ICMP6_TOO_BIG, 0};
	size_t max = is4 ? QUOTE4_MAX : QUOTE6_MAX;

	if (p->proto == MESH_PROTO_UNKNOWN || p->proto == MESH_PROTO_FRAGMENT ||
	    mesh_ip_is_icmp_error(p) || mesh_ip_is_multicast(&p->src) ||
	    mesh_ip_is_multicast(&p->dst) || mesh_ip_is_none(&p->src) ||
	    mesh_ip_is4(src) != is4)
		return 0;
	return build_icmp(src, &p->src, is4 ? four : six, mtu, pkt,
	    p->len < max ? p->len : max, out, size);
}
