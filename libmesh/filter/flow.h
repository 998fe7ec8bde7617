/* SPDX-License-Identifier: ISC
 * filter/flow.h - which flows are open, and who opened them.
 *
 * A table of fixed size with a keyed hash. Two lists, least recently used first:
 * flows that we opened and flows that peers opened. When the table is full the
 * side that holds more than half of it gives one up, so that a peer cannot push
 * out our own flows.
 */
#ifndef MESH_FILTER_FLOW_H
#define MESH_FILTER_FLOW_H

#include <assert.h>
#include <base/addr.h>
#include <base/list.h>
#include <mesh/filter.h>

/* A flow as this node sees it, the same for both directions. No padding: it is
 * compared and hashed as bytes. */
struct mesh_flow_key {
	struct mesh_ip ours, peers;
	uint16_t our_port, peer_port;
	uint32_t proto;
};
static_assert(sizeof(struct mesh_flow_key) == 40, "no padding");

enum mesh_flow_opener {
	MESH_FLOW_OURS,
	MESH_FLOW_PEERS,
};

struct mesh_flow {
	struct mesh_list lru; /* private, as is next */
	uint32_t next;
	uint32_t rules; /* generation of the rules that last allowed it */
	uint32_t in;	/* the same, but of a packet that came in */
	struct mesh_flow_key key;
	struct mesh_time seen;
	enum mesh_flow_opener opener;
	bool cut; /* ended by new rules; kept to stay ended */
};

struct mesh_flows;

/* max: 1 to MESH_FILTER_FLOWS_MAX. NULL without memory. */
struct mesh_flows *mesh_flows_new(size_t max,
    const uint8_t seed[static MESH_FILTER_SEED_LEN]);
void mesh_flows_free(struct mesh_flows *t);
/* The flow, now most recently used, or NULL. */
struct mesh_flow *mesh_flows_find(struct mesh_flows *t,
    const struct mesh_flow_key *key, struct mesh_time now);
/* Makes it, or makes it anew: opener as said, not cut. Never fails; may forget
 * another one. */
struct mesh_flow *mesh_flows_open(struct mesh_flows *t,
    const struct mesh_flow_key *key, enum mesh_flow_opener opener,
    struct mesh_time now);
void mesh_flows_forget(struct mesh_flows *t, struct mesh_flow *flow);
size_t mesh_flows_count(const struct mesh_flows *t);

#endif
