/* SPDX-License-Identifier: ISC
 * path/endpoints.h - the node's own endpoints, in the order in which peers
 * should try them (dataplane.md 6.3; vectors 7.8).
 *
 * Public ones that were seen a while ago stay on the list for some minutes: a
 * measurement that missed one answer must not make a path vanish.
 */
#ifndef MESH_PATH_ENDPOINTS_H
#define MESH_PATH_ENDPOINTS_H

#include "path/netcheck.h"

#define MESH_ENDPOINTS_LIFE_NS (310 * MESH_SEC)
#define MESH_ENDPOINTS_PER_IP 6u /* that are only remembered */
#define MESH_ENDPOINTS_LOCAL_MAX 16u
#define MESH_ENDPOINTS_PER_SUBNET 2u /* IPv6 addresses of one /64 */
#define MESH_ENDPOINTS_FIXED_MAX 8u

struct mesh_endpoints_known {
	struct mesh_path_endpoint e;
	struct mesh_time at; /* last seen */
};

struct mesh_endpoints {
	/* What the caller said of its links. */
	uint16_t port4, port6;
	bool port_fixed;
	struct mesh_endpoint local[MESH_ENDPOINTS_LOCAL_MAX];
	size_t local_count;
	struct mesh_endpoint mapped;
	struct mesh_endpoint fixed[MESH_ENDPOINTS_FIXED_MAX];
	size_t fixed_count;
	/* Public ones of late, in no order. */
	struct mesh_endpoints_known known[MESH_PATH_ENDPOINTS_MAX];
	size_t known_count;
	/* The answer. */
	struct mesh_path_endpoint list[MESH_PATH_ENDPOINTS_MAX];
	size_t count;
};

/* Takes ports and addresses; useless addresses are left out. */
void mesh_endpoints_set_link(struct mesh_endpoints *e,
    const struct mesh_path_link *link);
/* What was public before is so no more. */
void mesh_endpoints_forget(struct mesh_endpoints *e);
/* Makes the list anew; true if it is another set of endpoints now. */
bool mesh_endpoints_update(struct mesh_endpoints *e,
    const struct mesh_netcheck *n, struct mesh_time now);

#endif
