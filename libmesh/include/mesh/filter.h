/* SPDX-License-Identifier: ISC
 * mesh/filter.h - the packet filter of a node: who may send us what.
 *
 * A filter is fed a compiled table (mesh_filter_load) and then asked for every
 * packet of the tunnel, in both directions. No table: nothing comes in. What it
 * decides and in which order: protocol/dataplane.md 10.
 *
 *	f = mesh_filter_new(MESH_FILTER_FLOWS, seed);
 *	err = mesh_filter_load(f, table, table_len, &diag);
 *	...
 *	if (mesh_filter_in(f, pkt, len, peer->jailed, now) == MESH_FILTER_PASS)
 *		to_tun(pkt, len);
 *
 * Rules speak of packets that come in; whatever this node sends out may pass,
 * and so may the answers to it. TCP, UDP and SCTP flows are remembered with who
 * opened them, in a table of fixed size that forgets the least recently used.
 *
 * Stricter than others on purpose: a flow that the peer opened ends when new
 * rules do not allow it any more (stock nodes let such TCP streams run on). The
 * packets that show up on it, from either side, give MESH_FILTER_CUT; for TCP
 * mesh_filter_resets() makes the segments that tell both ends. Flows that we
 * opened stay. When nobody knows who opened a TCP flow (the filter is younger
 * than the flow, or forgot it) the peer is taken for the opener if the rules
 * would let it open the flow now, and we are otherwise.
 *
 * Nothing is allocated per packet. One thread at a time. Time is any monotonic
 * clock, the same for all calls.
 */
#ifndef MESH_FILTER_H
#define MESH_FILTER_H

#include <mesh/base.h>

#define MESH_FILTER_FLOWS 8192u	    /* a good number of flows to remember */
#define MESH_FILTER_FLOWS_MAX 65536u /* most that mesh_filter_new() takes */
#define MESH_FILTER_SEED_LEN 16u    /* bytes, random */
/* A flow that was cut stays cut until it is silent for this long. */
#define MESH_FILTER_CUT_NS (120 * MESH_SEC)

/* Longest compiled table, in bytes, and what may be in it. */
#define MESH_FILTER_TABLE_MAX (16u << 20)
#define MESH_FILTER_RANGES_MAX 524288u /* address ranges, all sets together */
#define MESH_FILTER_SETS_MAX 16384u    /* source sets */
#define MESH_FILTER_ENTRIES_MAX 65536u /* destinations with ports */
#define MESH_FILTER_PROTOS_MAX 256u    /* different protocol sets */

enum mesh_filter_verdict {
	MESH_FILTER_PASS,
	MESH_FILTER_CUT,       /* a flow that the rules do not allow any more */
	MESH_FILTER_REFUSED,   /* no rule allows it */
	MESH_FILTER_JAILED,    /* the peer may not start anything */
	MESH_FILTER_SHIELDS,   /* shields are up */
	MESH_FILTER_NO_RULES,  /* no table was loaded */
	MESH_FILTER_MALFORMED, /* not an IP packet that can be judged */
	MESH_FILTER_MULTICAST, /* destination */
	MESH_FILTER_LINKLOCAL, /* destination */
	MESH_FILTER_NOT_OURS,  /* destination is none of our addresses */
	MESH_FILTER_VERDICTS   /* how many there are */
};

enum mesh_filter_way {
	MESH_FILTER_IN,	 /* from the peer to us */
	MESH_FILTER_OUT, /* from us to the peer */
};

struct mesh_filter;

/* Opaque, caller frees with mesh_filter_free(). flow_max: 1 to
 * MESH_FILTER_FLOWS_MAX; seed: random, peers must not choose what collides. NULL
 * without memory or with flow_max out of range. */
MESH_EXPORT struct mesh_filter *mesh_filter_new(size_t flow_max,
    const uint8_t seed[static MESH_FILTER_SEED_LEN]);
MESH_EXPORT void mesh_filter_free(struct mesh_filter *f);

/* Takes a compiled table (of which nothing is kept), checked whole before it
 * replaces the one before: MESH_ERR_FORMAT, MESH_ERR_LIMIT, MESH_ERR_NOMEM, then
 * the old one stays. Open flows are judged by it when their next packet comes. */
MESH_EXPORT int mesh_filter_load(struct mesh_filter *f, const void *table,
    size_t len, struct mesh_diag *diag);
/* Back to no table: nothing comes in, flows that peers opened end. */
MESH_EXPORT void mesh_filter_unload(struct mesh_filter *f);

/* The verdict on one IP packet (without link header). jailed: the control
 * server said so of this peer. An empty packet is a keepalive and passes. */
MESH_EXPORT enum mesh_filter_verdict mesh_filter_in(struct mesh_filter *f,
    const void *packet, size_t len, bool jailed, struct mesh_time now);
MESH_EXPORT enum mesh_filter_verdict mesh_filter_out(struct mesh_filter *f,
    const void *packet, size_t len, bool jailed, struct mesh_time now);

/* How many packets got this verdict, this way, since _new(). */
MESH_EXPORT uint64_t mesh_filter_count(const struct mesh_filter *f,
    enum mesh_filter_way way, enum mesh_filter_verdict verdict);
/* Flows remembered now. */
MESH_EXPORT size_t mesh_filter_flows(const struct mesh_filter *f);
/* "refused", "not-ours": for metrics and logs; never NULL. */
MESH_EXPORT const char *mesh_filter_verdict_name(enum mesh_filter_verdict v);

/* Longest packet that the two below write (IPv6 and TCP header). */
#define MESH_FILTER_ANSWER_MAX 60u

/* For a TCP packet with verdict MESH_FILTER_CUT: the reset that its sender gets
 * (as if from the other end) and the one that goes on to its receiver. Each is a
 * whole IP packet; the return value is its length, the same for both, or 0 if
 * the packet needs none (no TCP, or a reset itself). */
MESH_EXPORT size_t mesh_filter_resets(const void *packet, size_t len,
    uint8_t out_sender[static MESH_FILTER_ANSWER_MAX],
    uint8_t out_receiver[static MESH_FILTER_ANSWER_MAX]);

/* For a packet from a peer that did not pass: the message that tells the peer
 * why (IPv4 TCP SYN only, as stock nodes do: dataplane.md 1.8), or 0. */
MESH_EXPORT size_t mesh_filter_reject(const void *packet, size_t len,
    enum mesh_filter_verdict why, uint8_t out[static MESH_FILTER_ANSWER_MAX]);

#endif
