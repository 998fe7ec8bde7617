/* SPDX-License-Identifier: ISC
 * range.h - sets of IP addresses as sorted, disjoint ranges.
 *
 * Policy and filter calculate with them: "all of it minus the private parts" has
 * no short form as prefixes. A range is of one family, which its first address
 * tells; IPv4 ranges sort before IPv6 ones, and neither family ever contains an
 * address of the other.
 * Text: "100.64.0.1", "10.0.0.0/8" or "100.64.0.0-100.115.91.255".
 */
#ifndef MESH_BASE_RANGE_H
#define MESH_BASE_RANGE_H

#include <base/addr.h>

struct mesh_range {
	struct mesh_ip lo, hi; /* inclusive */
};

struct mesh_ranges { /* read items, count and failed; the rest is private */
	struct mesh_range *items;
	size_t count;
	bool failed; /* no memory, or more than max ranges */
	size_t cap;
	size_t max;
};

#define MESH_RANGE_TEXT (2 * MESH_IP_TEXT) /* with NUL */

struct mesh_range mesh_range_of(const struct mesh_prefix *p);
bool mesh_range_has(const struct mesh_range *r, const struct mesh_ip *ip);
/* Have they an address in common? Is b inside a? */
bool mesh_range_overlaps(const struct mesh_range *a,
    const struct mesh_range *b);
bool mesh_range_covers(const struct mesh_range *a, const struct mesh_range *b);
/* An address, a prefix without bits behind its length, or first-last of one
 * family in this order; MESH_ERR_FORMAT. */
int mesh_range_parse(struct mesh_str s, struct mesh_range *out);
/* The shortest form; returns out. */
char *mesh_range_format(const struct mesh_range *r,
    char out[static MESH_RANGE_TEXT]);

/* Allocates nothing. max: most ranges, also while it grows. */
void mesh_ranges_init(struct mesh_ranges *s, size_t max);
void mesh_ranges_release(struct mesh_ranges *s);
/* Additions may come in any order and overlap; they set `failed`, which the
 * caller asks once. mesh_ranges_sort() has to follow before anything is asked. */
void mesh_ranges_add(struct mesh_ranges *s, const struct mesh_range *r);
void mesh_ranges_add_prefix(struct mesh_ranges *s, const struct mesh_prefix *p);
void mesh_ranges_add_set(struct mesh_ranges *s, const struct mesh_ranges *from);
/* Every address of both families. */
void mesh_ranges_add_all(struct mesh_ranges *s);
void mesh_ranges_sort(struct mesh_ranges *s);

/* s must be sorted for all that follow, and stays so. */
void mesh_ranges_remove(struct mesh_ranges *s, const struct mesh_range *r);
void mesh_ranges_remove_prefix(struct mesh_ranges *s,
    const struct mesh_prefix *p);
bool mesh_ranges_has(const struct mesh_ranges *s, const struct mesh_ip *ip);
bool mesh_ranges_overlap(const struct mesh_ranges *s,
    const struct mesh_range *r);
/* Does one piece without gaps cover all of r? */
bool mesh_ranges_cover(const struct mesh_ranges *s, const struct mesh_range *r);
bool mesh_ranges_eq(const struct mesh_ranges *a, const struct mesh_ranges *b);

#endif
