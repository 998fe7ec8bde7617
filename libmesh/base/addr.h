/* SPDX-License-Identifier: ISC
 * addr.h - IP addresses, prefixes and UDP endpoints as small values.
 *
 * One form inside: 16 bytes; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), which is
 * also how disco writes them on the wire. Compare with memcmp. An all-zero
 * address is "none" (mesh_ip_is_none).
 * Text: as Go's netip writes it: "100.64.0.1", "fd7a:115c:a1e0::1",
 * "100.64.0.0/10", "1.2.3.4:41641", "[2001:db8::1]:41641".
 */
#ifndef MESH_BASE_ADDR_H
#define MESH_BASE_ADDR_H

#include <base/text.h>

struct mesh_ip {
	uint8_t b[16];
};

struct mesh_prefix {
	struct mesh_ip ip;
	uint8_t bits; /* of the 128-bit form: an IPv4 /10 has 96 + 10 */
};

struct mesh_endpoint {
	struct mesh_ip ip;
	uint16_t port; /* host order */
};

#define MESH_IP_TEXT 46	      /* with NUL */
#define MESH_PREFIX_TEXT 50   /* with NUL */
#define MESH_ENDPOINT_TEXT 54 /* with NUL */

bool mesh_ip_is_none(const struct mesh_ip *ip);
bool mesh_ip_is4(const struct mesh_ip *ip);
bool mesh_ip_eq(const struct mesh_ip *a, const struct mesh_ip *b);
bool mesh_endpoint_eq(const struct mesh_endpoint *a,
    const struct mesh_endpoint *b);
struct mesh_ip mesh_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
/* From 4 bytes in network order. */
struct mesh_ip mesh_ip_from4(const uint8_t b[static 4]);
/* From 16 bytes; a mapped IPv4 address is an IPv4 address. */
struct mesh_ip mesh_ip_from16(const uint8_t b[static 16]);
/* The 4 bytes of an IPv4 address. */
const uint8_t *mesh_ip_bytes4(const struct mesh_ip *ip);

/* Loopback, link-local (169.254/16, fe80::/10), multicast, unspecified,
 * RFC 1918 and fc00::/7, 100.64/10 and fd7a:115c:a1e0::/48. */
bool mesh_ip_is_loopback(const struct mesh_ip *ip);
bool mesh_ip_is_linklocal(const struct mesh_ip *ip);
bool mesh_ip_is_multicast(const struct mesh_ip *ip);
bool mesh_ip_is_private(const struct mesh_ip *ip);
bool mesh_ip_is_mesh(const struct mesh_ip *ip);

/* Does the prefix cover the address? IPv4 never lies in an IPv6 prefix. */
bool mesh_prefix_has(const struct mesh_prefix *p, const struct mesh_ip *ip);
/* Is b inside a (or equal)? */
bool mesh_prefix_covers(const struct mesh_prefix *a,
    const struct mesh_prefix *b);
bool mesh_prefix_eq(const struct mesh_prefix *a, const struct mesh_prefix *b);
/* The address alone: /32 or /128. */
struct mesh_prefix mesh_prefix_of(const struct mesh_ip *ip);
bool mesh_prefix_is_single(const struct mesh_prefix *p);
/* Length as people write it: 0-32 for IPv4. */
unsigned mesh_prefix_len(const struct mesh_prefix *p);
/* Clears the bits behind the length. */
struct mesh_prefix mesh_prefix_masked(struct mesh_prefix p);

/* MESH_ERR_FORMAT. No zones, no names, no leading zeros. prefix: "a/len"
 * needed; prefix_or_ip: "a" means the single address. */
int mesh_ip_parse(struct mesh_str s, struct mesh_ip *out);
int mesh_prefix_parse(struct mesh_str s, struct mesh_prefix *out);
int mesh_prefix_or_ip_parse(struct mesh_str s, struct mesh_prefix *out);
int mesh_endpoint_parse(struct mesh_str s, struct mesh_endpoint *out);

/* Written to out, which is returned. */
char *mesh_ip_format(const struct mesh_ip *ip, char out[static MESH_IP_TEXT]);
char *mesh_prefix_format(const struct mesh_prefix *p,
    char out[static MESH_PREFIX_TEXT]);
char *mesh_endpoint_format(const struct mesh_endpoint *e,
    char out[static MESH_ENDPOINT_TEXT]);

#endif
