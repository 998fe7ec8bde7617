/* SPDX-License-Identifier: ISC
 * addr.h - IP addresses, prefixes and UDP endpoints as small values.
 *
 * The values and their form are public: mesh/addr.h.
 * Text: as Go's netip writes it: "100.64.0.1", "fd7a:115c:a1e0::1",
 * "100.64.0.0/10", "1.2.3.4:41641", "[2001:db8::1]:41641".
 */
#ifndef MESH_BASE_ADDR_H
#define MESH_BASE_ADDR_H

#include <base/text.h>
#include <mesh/addr.h>

struct mesh_prefix {
	struct mesh_ip ip;
	uint8_t bits; /* of the 128-bit form: an IPv4 /10 has 96 + 10 */
};

#define MESH_PREFIX_TEXT 50 /* with NUL */

bool mesh_ip_eq(const struct mesh_ip *a, const struct mesh_ip *b);
struct mesh_ip mesh_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

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
char *mesh_prefix_format(const struct mesh_prefix *p,
    char out[static MESH_PREFIX_TEXT]);

#endif
