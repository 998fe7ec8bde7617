/* SPDX-License-Identifier: ISC
 * gso.h - superpackets of a TUN with virtio headers: what the kernel hands us
 * whole is split into packets, packets that come in are put together again.
 *
 * Pure functions on bytes: no descriptor, no clock, no allocation. Rules and
 * their order: protocol/dataplane.md 9.6.
 *
 * Out, from the TUN: gso_split_init() looks at one read; then for each i below
 * `count`, gso_split_len() is how long the packet is, gso_split_write() makes
 * it where it is wanted.
 *
 * In, to the TUN: gro_put() takes the packets of a batch, in order; then
 * gro_next() gives one write after another: header, first packet, and the
 * payloads that follow it, gathered by iovec and never copied. The packets must
 * stay where they are, and be writable, until the last write.
 */
#ifndef MESHD_GSO_H
#define MESHD_GSO_H

#include <mesh/base.h>
#include <sys/uio.h>

#define GSO_VNET_LEN 10u /* struct virtio_net_hdr */
#define GSO_FRAME_MAX (GSO_VNET_LEN + 65535u)
#define GSO_SEGMENTS_MAX 1024u /* packets in one superpacket */

struct gso_split {
	const uint8_t *ip; /* packet, behind the virtio header */
	size_t len;
	size_t count;	 /* packets it becomes; 1: it is one already */
	size_t head_len; /* IP and transport header; 0: not split */
	size_t seg_len;	 /* payload of each but the last */
	uint16_t ip_head_len;
	bool is6, is_udp;
};

/* frame: what was read, with its virtio header; checksums that were left to us
 * are filled in. MESH_ERR_FORMAT: the header does not fit the packet;
 * MESH_ERR_LIMIT: too many pieces. */
int gso_split_init(struct gso_split *s, uint8_t *frame, size_t len)
    MESH_MUST_USE;
size_t gso_split_len(const struct gso_split *s, size_t i);
void gso_split_write(const struct gso_split *s, size_t i, uint8_t *out);

#define GRO_PACKETS_MAX 640u /* of one batch */
#define GRO_MERGED_MAX 64u   /* packets in one write */
#define GRO_OPEN_MAX 16u     /* flows that may still grow */

struct gro_item {
	uint8_t *data;
	uint16_t len;
	uint16_t next; /* item of the same group; GRO_PACKETS_MAX: none */
};

struct gro_group {
	uint16_t first, last; /* items */
	uint16_t count;
	uint16_t head_len, ip_head_len, seg_len; /* head_len 0: never grows */
	uint32_t total;				 /* bytes of the IP packet */
	uint32_t next_seq;			 /* TCP */
};

struct gro { /* private */
	bool udp; /* the kernel takes UDP superpackets */
	size_t item_count, group_count, written;
	struct gro_item items[GRO_PACKETS_MAX];
	struct gro_group groups[GRO_PACKETS_MAX];
	uint16_t open[GRO_OPEN_MAX]; /* groups, newest last */
	size_t open_count;
	uint8_t vnet[GSO_VNET_LEN];
	struct iovec iov[GRO_MERGED_MAX + 1];
};

struct gro_write {
	struct iovec *iov; /* borrowed until the next call */
	int iov_count;
	size_t packets;
};

/* Empties g for the next batch. udp: TBL_START_USO was there. */
void gro_reset(struct gro *g, bool udp);
/* false: the batch is full; write it first. len: 1 to 65535. */
bool gro_put(struct gro *g, uint8_t *packet, size_t len);
/* In the order of the first packets. false: no more. */
bool gro_next(struct gro *g, struct gro_write *out);

#endif
