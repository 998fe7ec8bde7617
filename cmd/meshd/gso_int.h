/* SPDX-License-Identifier: ISC
 * gso_int.h - header fields and checksums that gso.c and gro.c share. Private.
 *
 * Sums are kept in the machine's byte order (RFC 1071, 2 B): a checksum is
 * stored with gso_put16(), other fields are big-endian.
 */
#ifndef MESHD_GSO_INT_H
#define MESHD_GSO_INT_H

#include "wire/ip.h"

#include <string.h>

#define VNET_NEEDS_CSUM 1u
#define VNET_GSO_NONE 0u
#define VNET_GSO_TCP4 1u
#define VNET_GSO_TCP6 4u
#define VNET_GSO_UDP 5u
#define TCP_HEAD_MIN 20u
#define TCP_CHECK 16u
#define UDP_HEAD 8u
#define UDP_CHECK 6u

static inline uint16_t
gso_get16be(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
gso_get32be(const uint8_t *p)
{
	return (uint32_t)gso_get16be(p) << 16 | gso_get16be(p + 2);
}

static inline void
gso_put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static inline void
gso_put16be(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
gso_put32be(uint8_t *p, uint32_t v)
{
	gso_put16be(p, (uint16_t)(v >> 16));
	gso_put16be(p + 2, (uint16_t)v);
}

static inline uint64_t
gso_halves(uint64_t v)
{
	return (v & 0xffffffff) + (v >> 32);
}

/* The sum goes over every byte that passes, so it takes 64 bits at a time
 * (wire/ip.h's takes 16) and counts the carries, which are worth one each: 2^64
 * is 1 modulo 2^16 - 1. Two chains, so that they run side by side. */
static inline uint64_t
gso_sum(uint64_t sum, const uint8_t *p, size_t len)
{
	uint64_t a = 0, b = 0, carries = 0;
	uint64_t v[4];
	uint16_t tail = 0;

	for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
		memcpy(v, p, sizeof(v));
		a += v[0];
		carries += a < v[0];
		b += v[1];
		carries += b < v[1];
		a += v[2];
		carries += a < v[2];
		b += v[3];
		carries += b < v[3];
	}
	sum += gso_halves(a) + gso_halves(b) + carries;
	for (; len >= 2; p += 2, len -= 2) {
		memcpy(&tail, p, 2);
		sum += tail;
	}
	if (len > 0) {
		tail = 0;
		memcpy(&tail, p, 1);
		sum += tail;
	}
	return sum;
}

static inline uint16_t
gso_fold(uint64_t sum)
{
	sum = gso_halves(sum);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline void
gso_ip4_checksum(uint8_t *ip, size_t head_len)
{
	memset(ip + 10, 0, 2);
	gso_put16(ip + 10, (uint16_t)~gso_fold(gso_sum(0, ip, head_len)));
}

/* The sum of addresses, protocol and length, not folded. */
uint64_t gso_pseudo(const uint8_t *ip, bool is6, uint8_t proto, size_t len);
/* Complement of the sum over pseudo header and transport, whose field must be
 * 0 to make it, and in place to check it (then 0 is right). */
uint16_t gso_l4_checksum(const uint8_t *ip, bool is6, uint8_t proto,
    const uint8_t *l4, size_t len);

#endif
