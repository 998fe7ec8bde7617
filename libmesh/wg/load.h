/* SPDX-License-Identifier: ISC
 * load.h - when handshakes are too many, and whose.
 *
 * The first MESH_WG_LOAD_BURST handshake messages, and MESH_WG_LOAD_RATE a
 * second, are worked on at once; past that the device is under load, until one
 * second after it happened last. Then senders must show a cookie, and each may
 * have 20 a second, 5 at once. The table of senders is fixed: two that fall on
 * one slot share its rate, and nothing grows. Source: protocol/dataplane.md
 * 1.4; the rate is ours, as the reference measures the length of a queue.
 */
#ifndef MESH_WG_LOAD_H
#define MESH_WG_LOAD_H

#include <base/log.h>
#include <crypto/drbg.h>

#define MESH_WG_LOAD_HOLD MESH_SEC
#define MESH_WG_SOURCE_EVERY (MESH_SEC / 20)
#define MESH_WG_SOURCE_BURST 5u
#define MESH_WG_SOURCE_SLOTS 1024u /* a power of two */

struct mesh_wg_load { /* private */
	struct mesh_ratelimit all;
	struct mesh_time until;
	uint8_t seed[16]; /* strangers cannot choose their slot */
	/* When the slot will have all its tokens back. */
	struct mesh_time slots[MESH_WG_SOURCE_SLOTS];
};

void mesh_wg_load_init(struct mesh_wg_load *l, uint32_t burst, uint32_t rate,
    struct mesh_drbg *random);
/* Counts a message; true: under load. */
bool mesh_wg_load_count(struct mesh_wg_load *l, struct mesh_time now);
/* May this sender, who has shown a cookie, have one more? */
bool mesh_wg_load_source(struct mesh_wg_load *l, const uint8_t *host,
    size_t len, struct mesh_time now);

#endif
