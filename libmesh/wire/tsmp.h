/* SPDX-License-Identifier: ISC
 * wire/tsmp.h - the small messages between nodes inside the tunnel: IP protocol
 * 99, a type byte, fields. Source: protocol/dataplane.md 1.8; vectors 10.2.
 */
#ifndef MESH_WIRE_TSMP_H
#define MESH_WIRE_TSMP_H

#include "wire/ip.h"
#include <mesh/key.h>

#define MESH_TSMP_COOKIE_LEN 8u /* bytes that a ping carries there and back */
#define MESH_TSMP_MIN 7u        /* bytes: below it is no TSMP */
#define MESH_TSMP_PACKET_MAX (MESH_IP_HEAD_MAX + 1u + MESH_KEY_LEN)

enum mesh_tsmp_type {
	MESH_TSMP_REJECT = '!',
	MESH_TSMP_PING = 'p',
	MESH_TSMP_PONG = 'o',
	MESH_TSMP_DISCO = 'a', /* "my disco key is" */
};

enum mesh_tsmp_reason { /* why a flow was rejected */
	MESH_TSMP_FILTER = 'A',
	MESH_TSMP_SHIELDS = 'S',
	MESH_TSMP_FORWARDING_OFF = 'F',
	MESH_TSMP_FIREWALL = 'W',
	MESH_TSMP_TRANSIT = 'T',
};

struct mesh_tsmp {
	uint8_t type; /* enum mesh_tsmp_type, or a number unknown to us */
	/* reject: the flow, as its sender would name it */
	uint8_t proto;
	uint8_t reason; /* enum mesh_tsmp_reason */
	uint16_t src_port, dst_port;
	bool maybe_broken;
	/* ping, pong */
	uint8_t cookie[MESH_TSMP_COOKIE_LEN];
	uint16_t peerapi_port; /* pong; 0: none */
	/* disco */
	struct mesh_disco_key disco;
};

/* MESH_ERR_FORMAT: no TSMP, or too short for its type, or a zero key. Unknown
 * types are no error. */
int mesh_tsmp_parse(const void *pkt, const struct mesh_ip_packet *p,
    struct mesh_tsmp *out);
/* A whole IP packet; returns its length, 0 if addresses are of two families or
 * the type is unknown. */
size_t mesh_tsmp_build(const struct mesh_ip *src, const struct mesh_ip *dst,
    const struct mesh_tsmp *m, uint8_t out[static MESH_TSMP_PACKET_MAX]);

#endif
