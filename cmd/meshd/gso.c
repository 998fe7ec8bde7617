/* SPDX-License-Identifier: ISC
 * gso.c - splitting superpackets that came from the TUN.
 */
#include "gso.h"

#include "gso_int.h"

struct vnet {
	uint8_t flags, type;
	uint16_t seg_len, csum_start, csum_offset;
};

static struct vnet
read_vnet(const uint8_t *p)
{
	struct vnet v = {.flags = p[0], .type = p[1]};

	memcpy(&v.seg_len, p + 4, 2);
	memcpy(&v.csum_start, p + 6, 2);
	memcpy(&v.csum_offset, p + 8, 2);
	return v;
}

/* The kernel left a checksum to us: the field holds the sum of the pseudo
 * header. */
static int
fill_checksum(const struct vnet *v, uint8_t *ip, size_t len)
{
	size_t at = (size_t)v->csum_start + v->csum_offset;

	if (!(v->flags & VNET_NEEDS_CSUM))
		return MESH_OK;
	if (v->csum_start >= len || at + 2 > len)
		return MESH_ERR_FORMAT;
	uint64_t sum = gso_sum(0, ip + v->csum_start, len - v->csum_start);
	gso_put16(ip + at, (uint16_t)~gso_fold(sum));
	return MESH_OK;
}

/* hdr_len of the virtio header is not to be trusted: it is computed. */
static int
split_heads(struct gso_split *s, const struct vnet *v)
{
	size_t at = v->csum_start;
	size_t check_at = s->is_udp ? UDP_CHECK : TCP_CHECK;
	size_t min = s->is6 ? MESH_IP6_HEAD_LEN : MESH_IP4_HEAD_LEN;

	if (at < min || v->csum_offset != check_at ||
	    at + TCP_HEAD_MIN > s->len + (s->is_udp ? TCP_HEAD_MIN - UDP_HEAD
						    : 0))
		return MESH_ERR_FORMAT;
	size_t head = s->is_udp ? UDP_HEAD : (size_t)(s->ip[at + 12] >> 4) * 4;
	if (!s->is_udp && head < TCP_HEAD_MIN)
		return MESH_ERR_FORMAT;
	if (at + head >= s->len || v->seg_len == 0)
		return MESH_ERR_FORMAT;
	s->ip_head_len = (uint16_t)at;
	s->head_len = at + head;
	s->seg_len = v->seg_len;
	s->count = (s->len - s->head_len + s->seg_len - 1) / s->seg_len;
	return s->count > GSO_SEGMENTS_MAX ? MESH_ERR_LIMIT : MESH_OK;
}

int
gso_split_init(struct gso_split *s, uint8_t *frame, size_t len)
{
	struct vnet v;

	if (len < GSO_VNET_LEN + MESH_IP4_HEAD_LEN)
		return MESH_ERR_FORMAT;
	v = read_vnet(frame);
	*s = (struct gso_split){.ip = frame + GSO_VNET_LEN,
	    .len = len - GSO_VNET_LEN, .count = 1};
	s->is6 = s->ip[0] >> 4 == 6;
	switch (v.type) {
	case VNET_GSO_NONE:
		return fill_checksum(&v, frame + GSO_VNET_LEN, s->len);
	case VNET_GSO_TCP4:
		if (s->is6)
			return MESH_ERR_FORMAT;
		break;
	case VNET_GSO_TCP6:
		if (!s->is6)
			return MESH_ERR_FORMAT;
		break;
	case VNET_GSO_UDP:
		s->is_udp = true;
		break;
	default:
		return MESH_ERR_FORMAT;
	}
	return split_heads(s, &v);
}

static size_t
payload_at(const struct gso_split *s, size_t i)
{
	return s->head_len + i * s->seg_len;
}

size_t
gso_split_len(const struct gso_split *s, size_t i)
{
	if (s->head_len == 0)
		return s->len;
	size_t left = s->len - payload_at(s, i);
	return s->head_len + (left < s->seg_len ? left : s->seg_len);
}

static void
fix_ip(const struct gso_split *s, size_t i, uint8_t *out, size_t len)
{
	if (s->is6) {
		gso_put16be(out + 4, (uint16_t)(len - MESH_IP6_HEAD_LEN));
		return;
	}
	gso_put16be(out + 2, (uint16_t)len);
	gso_put16be(out + 4, (uint16_t)(gso_get16be(out + 4) + i));
	gso_ip4_checksum(out, s->ip_head_len);
}

static void
fix_tcp(const struct gso_split *s, size_t i, uint8_t *tcp)
{
	uint32_t seq = gso_get32be(tcp + 4);

	gso_put32be(tcp + 4, seq + (uint32_t)(i * s->seg_len));
	if (i + 1 < s->count)
		tcp[13] &= (uint8_t)~(MESH_TCP_FIN | MESH_TCP_PSH);
}

void
gso_split_write(const struct gso_split *s, size_t i, uint8_t *out)
{
	size_t len = gso_split_len(s, i);

	if (s->head_len == 0) {
		memcpy(out, s->ip, len);
		return;
	}
	memcpy(out, s->ip, s->head_len);
	memcpy(out + s->head_len, s->ip + payload_at(s, i), len - s->head_len);
	uint8_t *l4 = out + s->ip_head_len;
	size_t l4_len = len - s->ip_head_len;
	uint8_t proto = s->is_udp ? MESH_PROTO_UDP : MESH_PROTO_TCP;
	uint8_t *check = l4 + (s->is_udp ? UDP_CHECK : TCP_CHECK);
	fix_ip(s, i, out, len);
	if (s->is_udp)
		gso_put16be(l4 + 4, (uint16_t)l4_len);
	else
		fix_tcp(s, i, l4);
	memset(check, 0, 2);
	uint16_t sum = gso_l4_checksum(out, s->is6, proto, l4, l4_len);
	gso_put16(check, sum == 0 && s->is_udp ? 0xffff : sum);
}
