/* SPDX-License-Identifier: ISC
 * filter/table.h - compiled filter rules: built where netmaps are read, sent as
 * bytes, checked and used where packets are.
 *
 * Bytes, big-endian: u32 MAGIC, u8 flags (1: shields up), u16 number of protocol
 * sets, u32 of sets, of IPv4 and of IPv6 entries. Then
 *	protocol sets  32 bytes each: bit n % 8 of byte n / 8 is protocol n
 *	sets           u32 n4, n4 * {u32 lo, hi}; u32 n6, n6 * {u8 lo[16], hi[16]},
 *	               ranges ascending, disjoint; set 0: our own addresses
 *	entries        {u32 or u8[16] lo, hi; u16 first, last; u16 protocol set;
 *	               u32 set}: who is in the set may reach lo-hi on these ports
 * Limits: mesh/filter.h. A rule with many sources has one set, however many
 * destinations it has, and rules with equal sources share it.
 */
#ifndef MESH_FILTER_TABLE_H
#define MESH_FILTER_TABLE_H

#include <base/buf.h>
#include <base/range.h>
#include <mesh/filter.h>

#define MESH_FILTER_MAGIC 0x4d465431u /* "MFT1" */
#define MESH_FILTER_SHIELDS_UP 1u     /* flag */

/* What is asked of the rules, dataplane.md 10.2 step 6. */
enum mesh_filter_match {
	MESH_FILTER_MATCH_PORT,	     /* protocol, addresses and port */
	MESH_FILTER_MATCH_ADDRESSES, /* addresses alone: ICMP */
	MESH_FILTER_MATCH_ALL_PORTS, /* protocol and addresses, all ports */
};

struct mesh_filter_ask {
	enum mesh_filter_match match;
	uint8_t proto;
	uint16_t port;		   /* of the destination */
	const struct mesh_ip *src; /* both of one family */
	const struct mesh_ip *dst;
};

struct mesh_filter_table;

/* Decodes and checks; caller frees. */
int mesh_filter_table_read(const void *bytes, size_t len,
    struct mesh_filter_table **out, struct mesh_diag *diag);
void mesh_filter_table_free(struct mesh_filter_table *t);
bool mesh_filter_table_shields(const struct mesh_filter_table *t);
/* Is it an address of ours? */
bool mesh_filter_table_local(const struct mesh_filter_table *t,
    const struct mesh_ip *ip);
/* Does a rule allow it? */
bool mesh_filter_table_allows(const struct mesh_filter_table *t,
    const struct mesh_filter_ask *ask);

/* --- making one. Calls in any order but: _rule begins a rule, and _proto,
 * _source, _dest add to the rule begun last. Errors stick and come out at the
 * end. A rule without _proto has the four of the wire: TCP, UDP and both ICMP. */

struct mesh_filter_build;

struct mesh_filter_build *mesh_filter_build_new(void);
void mesh_filter_build_free(struct mesh_filter_build *b);
void mesh_filter_build_shields(struct mesh_filter_build *b);
/* One of our addresses, or a route that we serve. A default route stands for the
 * internet without the networks that an exit node must not expose. */
void mesh_filter_build_local(struct mesh_filter_build *b,
    const struct mesh_prefix *p);
/* The network of an interface of ours, which a default route leaves out too. */
void mesh_filter_build_interface(struct mesh_filter_build *b,
    const struct mesh_prefix *p);
void mesh_filter_build_rule(struct mesh_filter_build *b);
void mesh_filter_build_proto(struct mesh_filter_build *b, uint8_t proto);
void mesh_filter_build_source(struct mesh_filter_build *b,
    const struct mesh_range *r);
void mesh_filter_build_dest(struct mesh_filter_build *b,
    const struct mesh_range *r, uint16_t first, uint16_t last);
/* What control sent: its rules, our addresses and approved routes. A refused rule
 * set (netmap/snapshot.h) gives no rule at all. False, nothing done: no filter
 * was ever received, so that the engine gets none either. */
struct mesh_netmap;
bool mesh_filter_build_netmap(struct mesh_filter_build *b,
    const struct mesh_netmap *nm);
/* Appends the bytes to out. MESH_ERR_LIMIT, MESH_ERR_NOMEM. */
int mesh_filter_build_finish(struct mesh_filter_build *b, struct mesh_buf *out);

#endif
