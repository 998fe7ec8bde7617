/* SPDX-License-Identifier: ISC
 * path/netcheck.h - measures the network that the node is in: STUN to the relay
 * regions gives the own public addresses, whether a NAT maps them by
 * destination, and how far each region is; that chooses the home relay.
 *
 * Sans-IO: start, then pull probes and feed answers until it is done.
 * Source: protocol/dataplane.md 5; vectors 6. What it leaves out: HTTPS and
 * ICMP for nodes without UDP (the caller's connections to relays tell enough),
 * and captive portals.
 */
#ifndef MESH_PATH_NETCHECK_H
#define MESH_PATH_NETCHECK_H

#include "crypto/drbg.h"
#include "path/home.h"
#include "wire/stun.h"
#include <mesh/path.h>

#define MESH_NETCHECK_WAIT_NS (3 * MESH_SEC) /* then UDP is blocked */
#define MESH_NETCHECK_FULL_NS (5 * MESH_MIN) /* a full report so often */
#define MESH_NETCHECK_FIRST_GAP_NS (100 * MESH_MS)
#define MESH_NETCHECK_GAP_NS (200 * MESH_MS)
#define MESH_NETCHECK_ENOUGH 3u /* regions */
#define MESH_NETCHECK_TRIES_MAX 4u
#define MESH_NETCHECK_SEEN_MAX 16u /* different public addresses */

struct mesh_netcheck_seen { /* an own address, as servers saw it */
	struct mesh_endpoint ep;
	unsigned count;
};

struct mesh_netcheck_set { /* the probes to one region by one family */
	uint8_t tries;     /* planned */
	uint8_t sent;
	bool done;
	uint64_t gap_ns; /* between tries */
	bool gap_guessed;
	struct mesh_time at[MESH_NETCHECK_TRIES_MAX];
	struct mesh_stun_txid txid[MESH_NETCHECK_TRIES_MAX];
	uint64_t ns; /* this report's latency; 0: none yet */
};

struct mesh_netcheck_region {
	bool no_home;
	bool avoid;
	struct mesh_path_stun *nodes;
	size_t node_count;
	uint64_t last_ns[2]; /* of the report before, by family */
	struct mesh_netcheck_set set[2];
};

enum {
	MESH_NETCHECK_V4,
	MESH_NETCHECK_V6
};

struct mesh_netcheck {
	struct mesh_netcheck_region *regions;
	struct mesh_home_region *homes; /* same index */
	size_t region_count;
	bool running;
	bool full;
	bool had_full;
	bool up[2]; /* families to use */
	struct mesh_time started;
	struct mesh_time last_full;
	struct mesh_time finish; /* at the latest */
	size_t answered;         /* regions, in this report */
	/* Of the last report, or of the running one as far as it is. */
	bool measured; /* some report has ended */
	bool udp[2];
	enum mesh_path_tri mapping_varies;
	struct mesh_netcheck_seen seen[2][MESH_NETCHECK_SEEN_MAX];
	size_t seen_count[2];
	uint16_t preferred; /* region; 0: none */
};

void mesh_netcheck_init(struct mesh_netcheck *n);
void mesh_netcheck_release(struct mesh_netcheck *n);
/* As mesh_path_set_regions(). A running measurement is given up; what is known
 * of regions that stay is kept. */
int mesh_netcheck_set_regions(struct mesh_netcheck *n,
    const struct mesh_path_region *regions, size_t count);
/* Is this the table that it has? */
bool mesh_netcheck_has_regions(const struct mesh_netcheck *n,
    const struct mesh_path_region *regions, size_t count);
struct mesh_home_region *mesh_netcheck_home(struct mesh_netcheck *n,
    uint16_t region);

/* Starts a report, full or as due. False: nothing to measure, or no way to. */
bool mesh_netcheck_start(struct mesh_netcheck *n, bool full, bool up4, bool up6,
    uint16_t home, struct mesh_time now);
/* The next probe that is due: false if none is now. */
bool mesh_netcheck_probe(struct mesh_netcheck *n, struct mesh_drbg *rnd,
    struct mesh_time now, struct mesh_endpoint *out_to,
    struct mesh_stun_txid *out_txid);
/* An answer: MESH_OK; MESH_ERR_STRAY: not waited for. *out_new: an own address
 * that was not known so far in this report. */
int mesh_netcheck_answer(struct mesh_netcheck *n,
    const struct mesh_stun_txid *txid, const struct mesh_endpoint *seen,
    struct mesh_time now, bool *out_new);
/* True once, when the report has ended: `preferred` is chosen anew then. */
bool mesh_netcheck_tick(struct mesh_netcheck *n, struct mesh_time now);
struct mesh_time mesh_netcheck_deadline(const struct mesh_netcheck *n);

#endif
