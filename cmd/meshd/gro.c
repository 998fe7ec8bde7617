/* SPDX-License-Identifier: ISC
 * gro.c - putting packets of one flow together for one write to the TUN.
 */
#include "gso.h"

#include "gso_int.h"

#include <arpa/inet.h>

#define NONE GRO_PACKETS_MAX
#define TOTAL_MAX 65535u

/* Where one packet's parts are. head_len 0: nothing to merge with. */
struct parts {
	bool is6, is_udp, ends; /* ends: PSH, nothing may follow */
	uint16_t ip_head_len, head_len;
	uint32_t seq;
};

uint64_t
gso_pseudo(const uint8_t *ip, bool is6, uint8_t proto, size_t len)
{
	uint64_t sum = is6 ? gso_sum(0, ip + 8, 32)
			   : gso_sum(0, ip + 12, 8);

	return sum + htons(proto) + htons((uint16_t)len);
}

uint16_t
gso_l4_checksum(const uint8_t *ip, bool is6, uint8_t proto, const uint8_t *l4,
    size_t len)
{
	return (uint16_t)~gso_fold(
	    gso_sum(gso_pseudo(ip, is6, proto, len), l4, len));
}

void
gro_reset(struct gro *g, bool udp)
{
	g->udp = udp;
	g->item_count = g->group_count = g->open_count = g->written = 0;
}

static bool
ip_parts(const uint8_t *p, size_t len, struct parts *out, uint8_t *out_proto)
{
	if (len >= MESH_IP4_HEAD_LEN && p[0] == 0x45) {
		out->ip_head_len = MESH_IP4_HEAD_LEN;
		*out_proto = p[9];
		/* Whole, and not a fragment. */
		return gso_get16be(p + 2) == len &&
		    (gso_get16be(p + 6) & 0x3fff) == 0;
	}
	if (len >= MESH_IP6_HEAD_LEN && p[0] >> 4 == 6) {
		out->is6 = true;
		out->ip_head_len = MESH_IP6_HEAD_LEN;
		*out_proto = p[6];
		return gso_get16be(p + 4) == len - MESH_IP6_HEAD_LEN;
	}
	return false;
}

static bool
tcp_parts(const uint8_t *l4, size_t len, struct parts *out)
{
	size_t head;

	if (len <= TCP_HEAD_MIN)
		return false;
	head = (size_t)(l4[12] >> 4) * 4;
	if (head < TCP_HEAD_MIN || head >= len ||
	    (l4[13] & ~MESH_TCP_PSH) != MESH_TCP_ACK)
		return false;
	out->head_len = (uint16_t)(out->ip_head_len + head);
	out->ends = l4[13] & MESH_TCP_PSH;
	out->seq = gso_get32be(l4 + 4);
	return true;
}

static bool
udp_parts(const uint8_t *l4, size_t len, struct parts *out)
{
	if (len <= UDP_HEAD || gso_get16be(l4 + 4) != len ||
	    gso_get16be(l4 + UDP_CHECK) == 0)
		return false;
	out->is_udp = true;
	out->head_len = (uint16_t)(out->ip_head_len + UDP_HEAD);
	return true;
}

/* Only what is whole and whose checksums are right may be merged: the kernel
 * would take our word for it. */
static bool
look(const struct gro *g, const uint8_t *p, size_t len, struct parts *out)
{
	uint8_t proto = 0;

	*out = (struct parts){.is6 = false};
	if (!ip_parts(p, len, out, &proto))
		return false;
	const uint8_t *l4 = p + out->ip_head_len;
	size_t l4_len = len - out->ip_head_len;
	bool good = proto == MESH_PROTO_TCP ? tcp_parts(l4, l4_len, out)
	    : proto == MESH_PROTO_UDP && g->udp && udp_parts(l4, l4_len, out);
	if (good && gso_l4_checksum(p, out->is6, proto, l4, l4_len) == 0 &&
	    (out->is6 || gso_fold(gso_sum(0, p,
			     MESH_IP4_HEAD_LEN)) == 0xffff))
		return true;
	out->head_len = 0;
	return false;
}

/* Addresses and ports. */
static bool
same_flow(const uint8_t *a, const uint8_t *b, const struct parts *p)
{
	size_t at = p->is6 ? 8 : 12, n = p->is6 ? 32 : 8;

	return a[0] >> 4 == b[0] >> 4 &&
	    a[p->is6 ? 6 : 9] == b[p->is6 ? 6 : 9] &&
	    memcmp(a + at, b + at, n) == 0 &&
	    memcmp(a + p->ip_head_len, b + p->ip_head_len, 4) == 0;
}

/* Traffic class, hop limit, DF: what one header must say for all. */
static bool
same_ip(const uint8_t *a, const uint8_t *b, bool is6)
{
	if (is6)
		return memcmp(a, b, 4) == 0 && a[7] == b[7];
	return a[1] == b[1] && a[8] == b[8] && (a[6] & 0xe0) == (b[6] & 0xe0);
}

static bool
same_tcp(const uint8_t *a, const uint8_t *b, const struct parts *p)
{
	const uint8_t *x = a + p->ip_head_len, *y = b + p->ip_head_len;
	size_t head = (size_t)(p->head_len - p->ip_head_len);

	/* ACK number and header length; window; urgent pointer and options. */
	return memcmp(x + 8, y + 8, 5) == 0 && memcmp(x + 14, y + 14, 2) == 0 &&
	    memcmp(x + 18, y + 18, head - 18) == 0;
}

static bool
fits(const struct gro *g, const struct gro_group *t, const uint8_t *p,
    size_t len, const struct parts *parts)
{
	const uint8_t *first = g->items[t->first].data;
	size_t payload = len - parts->head_len;

	return t->head_len == parts->head_len && payload <= t->seg_len &&
	    t->count < GRO_MERGED_MAX && t->total + payload <= TOTAL_MAX &&
	    same_ip(first, p, parts->is6) &&
	    (parts->is_udp ||
		(t->next_seq == parts->seq && same_tcp(first, p, parts)));
}

static void
close_open(struct gro *g, size_t i)
{
	g->open_count--;
	memmove(&g->open[i], &g->open[i + 1],
	    (g->open_count - i) * sizeof(g->open[0]));
}

static void
start_group(struct gro *g, uint16_t item, const struct parts *p)
{
	struct gro_item *it = &g->items[item];
	uint16_t id = (uint16_t)g->group_count++;

	g->groups[id] = (struct gro_group){
	    .first = item,
	    .last = item,
	    .count = 1,
	    .head_len = p->head_len,
	    .ip_head_len = p->ip_head_len,
	    .seg_len = (uint16_t)(it->len - p->head_len),
	    .total = it->len,
	    .next_seq = p->seq + (uint32_t)(it->len - p->head_len),
	};
	if (p->head_len == 0 || p->ends)
		return;
	if (g->open_count == GRO_OPEN_MAX)
		close_open(g, 0);
	g->open[g->open_count++] = id;
}

static void
join_group(struct gro *g, size_t open, uint16_t item, const struct parts *p)
{
	struct gro_group *t = &g->groups[g->open[open]];
	struct gro_item *it = &g->items[item];
	uint16_t payload = (uint16_t)(it->len - p->head_len);

	g->items[t->last].next = item;
	t->last = item;
	t->count++;
	t->total += payload;
	t->next_seq += payload;
	if (p->ends) /* the merged packet says so */
		g->items[t->first].data[t->ip_head_len + 13] |= MESH_TCP_PSH;
	if (p->ends || payload < t->seg_len)
		close_open(g, open);
}

bool
gro_put(struct gro *g, uint8_t *packet, size_t len)
{
	struct parts p;

	if (g->item_count == GRO_PACKETS_MAX)
		return false;
	uint16_t item = (uint16_t)g->item_count++;
	g->items[item] = (struct gro_item){packet, (uint16_t)len, NONE};
	(void)look(g, packet, len, &p);
	for (size_t i = g->open_count; i-- > 0 && p.ip_head_len != 0;) {
		struct gro_group *t = &g->groups[g->open[i]];

		if (len < (size_t)p.ip_head_len + 4 ||
		    !same_flow(g->items[t->first].data, packet, &p))
			continue;
		if (p.head_len != 0 && fits(g, t, packet, len, &p)) {
			join_group(g, i, item, &p);
			return true;
		}
		close_open(g, i); /* nothing may overtake this packet */
		break;
	}
	start_group(g, item, &p);
	return true;
}

/* --- writing --- */

static void
finish_header(struct gro *g, const struct gro_group *t)
{
	uint8_t *ip = g->items[t->first].data, *l4 = ip + t->ip_head_len;
	bool is6 = ip[0] >> 4 == 6;
	uint8_t proto = is6 ? ip[6] : ip[9];
	bool is_udp = proto == MESH_PROTO_UDP;
	size_t l4_len = t->total - t->ip_head_len;
	const uint16_t fields[] = {t->head_len, t->seg_len, t->ip_head_len,
	    is_udp ? UDP_CHECK : TCP_CHECK};

	g->vnet[0] = VNET_NEEDS_CSUM;
	g->vnet[1] = is_udp ? VNET_GSO_UDP
	    : is6	    ? VNET_GSO_TCP6
			    : VNET_GSO_TCP4;
	memcpy(g->vnet + 2, fields, sizeof(fields));
	if (is6) {
		gso_put16be(ip + 4, (uint16_t)l4_len);
	} else {
		gso_put16be(ip + 2, (uint16_t)t->total);
		gso_ip4_checksum(ip, t->ip_head_len);
	}
	if (is_udp)
		gso_put16be(l4 + 4, (uint16_t)l4_len);
	/* The kernel adds the rest. */
	gso_put16(l4 + (is_udp ? UDP_CHECK : TCP_CHECK),
	    gso_fold(gso_pseudo(ip, is6, proto, l4_len)));
}

bool
gro_next(struct gro *g, struct gro_write *out)
{
	if (g->written == g->group_count)
		return false;
	const struct gro_group *t = &g->groups[g->written++];
	int n = 1;

	memset(g->vnet, 0, sizeof(g->vnet));
	if (t->count > 1)
		finish_header(g, t);
	g->iov[0] = (struct iovec){g->vnet, sizeof(g->vnet)};
	for (uint16_t i = t->first; i != NONE; i = g->items[i].next) {
		size_t skip = i == t->first ? 0 : t->head_len;

		g->iov[n++] = (struct iovec){g->items[i].data + skip,
		    g->items[i].len - skip};
	}
	*out = (struct gro_write){g->iov, n, t->count};
	return true;
}
