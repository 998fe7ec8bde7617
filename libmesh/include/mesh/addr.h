/* SPDX-License-Identifier: ISC
 * mesh/addr.h - addresses as small values, for mesh/path.h.
 *
 * One form: 16 bytes; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), which is also
 * how they stand on the wire. Compare with memcmp. All zero is "none".
 */
#ifndef MESH_ADDR_H
#define MESH_ADDR_H

#include <mesh/base.h>

struct mesh_ip {
	uint8_t b[16];
};

/* An address and a UDP port. */
struct mesh_endpoint {
	struct mesh_ip ip;
	uint16_t port; /* host order */
};

#define MESH_IP_TEXT 46       /* with NUL */
#define MESH_ENDPOINT_TEXT 54 /* with NUL */

/* From bytes in network order, as in_addr and in6_addr have them; a mapped IPv4
 * address among 16 bytes is an IPv4 address. */
MESH_EXPORT struct mesh_ip mesh_ip_from4(const uint8_t b[static 4]);
MESH_EXPORT struct mesh_ip mesh_ip_from16(const uint8_t b[static 16]);
MESH_EXPORT bool mesh_ip_is4(const struct mesh_ip *ip);
MESH_EXPORT bool mesh_ip_is_none(const struct mesh_ip *ip);
/* The last 4 bytes, of an IPv4 address. */
MESH_EXPORT const uint8_t *mesh_ip_bytes4(const struct mesh_ip *ip);
MESH_EXPORT bool mesh_endpoint_eq(const struct mesh_endpoint *a,
    const struct mesh_endpoint *b);

/* "100.64.0.1", "fd7a:115c:a1e0::1"; "1.2.3.4:41641", "[2001:db8::1]:41641".
 * Written to out, which is returned. */
MESH_EXPORT char *mesh_ip_format(const struct mesh_ip *ip,
    char out[static MESH_IP_TEXT]);
MESH_EXPORT char *mesh_endpoint_format(const struct mesh_endpoint *e,
    char out[static MESH_ENDPOINT_TEXT]);

#endif
