/* SPDX-License-Identifier: ISC
 * packets.h - IP packets and filter tables for tests, made of short texts.
 */
#ifndef MESH_TEST_PACKETS_H
#define MESH_TEST_PACKETS_H

#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "filter/table.h"
#include "wire/ip.h"

struct packet {
	uint8_t b[120];
	size_t len;
};

static inline struct mesh_ip
ip_of(const char *text)
{
	struct mesh_ip ip;

	if (mesh_ip_parse(mesh_str(text), &ip) != MESH_OK)
		abort();
	return ip;
}

/* what: TCP flags, or the ICMP type. */
static inline struct packet
packet_make(const struct mesh_ip *src, const struct mesh_ip *dst,
    uint8_t proto, uint16_t sport, uint16_t dport, uint8_t what)
{
	uint8_t body[24] = {0};
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct packet p;

	if (proto == MESH_PROTO_ICMP4 || proto == MESH_PROTO_ICMP6) {
		mesh_wr_u8(&w, what);
	} else if (proto == MESH_PROTO_TSMP) {
		mesh_wr_u8(&w, 'p');
	} else {
		mesh_wr_u16be(&w, sport);
		mesh_wr_u16be(&w, dport);
	}
	if (proto == MESH_PROTO_TCP) {
		mesh_wr_u32be(&w, 1000); /* sequence number */
		mesh_wr_u32be(&w, 2000); /* acknowledged */
		mesh_wr_u8(&w, 0x50);
		mesh_wr_u8(&w, what);
	}
	p.len = mesh_ip_build(src, dst, proto, body, sizeof(body), p.b,
	    sizeof(p.b));
	if (p.len == 0)
		abort();
	return p;
}

/* Ranges in a text, one blank between them; "*" is everything. */
static inline void
each_range(const char *text,
    void (*add)(struct mesh_filter_build *, const struct mesh_range *),
    struct mesh_filter_build *b)
{
	struct mesh_str rest = mesh_str(text), one;
	struct mesh_range r;

	while (rest.p != NULL && rest.len > 0) {
		one = mesh_str_cut(&rest, ' ');
		if (mesh_str_eq(one, "*")) {
			(void)mesh_range_parse(MESH_STR("0.0.0.0/0"), &r);
			add(b, &r);
			one = MESH_STR("::/0");
		}
		if (mesh_range_parse(one, &r) != MESH_OK)
			abort();
		add(b, &r);
	}
}

struct rule_text {
	const char *src, *dst;
	uint16_t first, last;
	uint8_t proto; /* 0: the default ones */
};

static inline void
build_rule_text(struct mesh_filter_build *b, const struct rule_text *rule)
{
	struct mesh_str rest = mesh_str(rule->dst), one;
	struct mesh_range r;

	mesh_filter_build_rule(b);
	if (rule->proto != 0)
		mesh_filter_build_proto(b, rule->proto);
	each_range(rule->src, mesh_filter_build_source, b);
	while (rest.p != NULL && rest.len > 0) {
		one = mesh_str_cut(&rest, ' ');
		if (mesh_range_parse(one, &r) != MESH_OK)
			abort();
		mesh_filter_build_dest(b, &r, rule->first, rule->last);
	}
}

#endif
