/* SPDX-License-Identifier: ISC
 * answer.c - what is sent back for packets that did not pass.
 */
#include <assert.h>

#include "base/rd.h"
#include "filter/check.h"
#include "wire/tsmp.h"

#define TCP_HEAD_LEN 20u
#define TCP_CHECK 16u /* offset of the checksum */
#define TCP_DATA_OFFSET 0x50u

static_assert(MESH_IP6_HEAD_LEN + TCP_HEAD_LEN == MESH_FILTER_ANSWER_MAX,
    "the longest answer");

struct reset {
	const struct mesh_ip *src, *dst;
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint8_t flags;
};

static size_t
reset_build(const struct reset *t, uint8_t *out)
{
	uint8_t tcp[TCP_HEAD_LEN];
	struct mesh_wr w = mesh_wr_init(tcp, sizeof(tcp));
	uint64_t sum;
	uint16_t check;

	mesh_wr_u16be(&w, t->src_port);
	mesh_wr_u16be(&w, t->dst_port);
	mesh_wr_u32be(&w, t->seq);
	mesh_wr_u32be(&w, t->ack);
	mesh_wr_u8(&w, TCP_DATA_OFFSET);
	mesh_wr_u8(&w, t->flags);
	mesh_wr_zero(&w, 6); /* window, checksum, urgent */
	sum = mesh_ip_sum_pseudo(t->src, t->dst, MESH_PROTO_TCP, sizeof(tcp));
	check = mesh_ip_sum_fold(mesh_ip_sum(sum, tcp, sizeof(tcp)));
	tcp[TCP_CHECK] = (uint8_t)(check >> 8);
	tcp[TCP_CHECK + 1] = (uint8_t)check;
	return mesh_ip_build(t->src, t->dst, MESH_PROTO_TCP, tcp, sizeof(tcp),
	    out, MESH_FILTER_ANSWER_MAX);
}

/* Sequence space that the segment takes: its data, SYN and FIN. */
static uint32_t
segment_len(const struct mesh_ip_packet *p)
{
	return p->len - p->data + ((p->tcp_flags & MESH_TCP_SYN) != 0) +
	    ((p->tcp_flags & MESH_TCP_FIN) != 0);
}

size_t
mesh_filter_resets(const void *packet, size_t len,
    uint8_t out_sender[static MESH_FILTER_ANSWER_MAX],
    uint8_t out_receiver[static MESH_FILTER_ANSWER_MAX])
{
	struct mesh_ip_packet p;
	struct mesh_rd r = mesh_rd_init(packet, len);
	uint32_t seq, ack;

	mesh_ip_packet_parse(packet, len, &p);
	if (p.proto != MESH_PROTO_TCP || (p.tcp_flags & MESH_TCP_RST) != 0)
		return 0;
	mesh_rd_skip(&r, p.sub + 4u);
	seq = mesh_rd_u32be(&r);
	ack = mesh_rd_u32be(&r);

	/* RFC 9293 3.10.7.1: what a host without the connection would send */
	bool has_ack = (p.tcp_flags & MESH_TCP_ACK) != 0;
	const struct reset back = {&p.dst, &p.src, p.dst_port, p.src_port,
	    has_ack ? ack : 0, seq + segment_len(&p),
	    has_ack ? MESH_TCP_RST : MESH_TCP_RST | MESH_TCP_ACK};
	/* in place of the segment; if others are still on their way the receiver
	 * asks (RFC 5961), and gets the exact answer above */
	const struct reset on = {&p.src, &p.dst, p.src_port, p.dst_port, seq,
	    ack, has_ack ? MESH_TCP_RST | MESH_TCP_ACK : MESH_TCP_RST};

	(void)reset_build(&on, out_receiver);
	return reset_build(&back, out_sender);
}

size_t
mesh_filter_reject(const void *packet, size_t len,
    enum mesh_filter_verdict why, uint8_t out[static MESH_FILTER_ANSWER_MAX])
{
	struct mesh_ip_packet p;
	uint8_t whole[MESH_TSMP_PACKET_MAX];
	size_t n;

	if (why != MESH_FILTER_REFUSED && why != MESH_FILTER_SHIELDS &&
	    why != MESH_FILTER_JAILED)
		return 0;
	mesh_ip_packet_parse(packet, len, &p);
	if (p.version != 4 || p.proto != MESH_PROTO_TCP ||
	    (p.tcp_flags & MESH_TCP_SYN) == 0)
		return 0;

	const struct mesh_tsmp reject = {
	    .type = MESH_TSMP_REJECT,
	    .proto = MESH_PROTO_TCP,
	    .reason = why == MESH_FILTER_REFUSED ? MESH_TSMP_FILTER
						 : MESH_TSMP_SHIELDS,
	    .src_port = p.src_port,
	    .dst_port = p.dst_port,
	};
	n = mesh_tsmp_build(&p.dst, &p.src, &reject, whole);
	if (n > MESH_FILTER_ANSWER_MAX)
		return 0;
	memcpy(out, whole, n);
	return n;
}
