/* SPDX-License-Identifier: ISC
 * diff.h - which peers differ between two snapshots, and in what.
 *
 * Cheap: shared nodes are told by their pointers. Peers come by id.
 *
 *	mesh_netmap_diff_init(&d, old, new);
 *	while (mesh_netmap_diff_next(&d, &c))
 *		...
 */
#ifndef MESH_NETMAP_DIFF_H
#define MESH_NETMAP_DIFF_H

#include <netmap/snapshot.h>

enum mesh_node_field {
	MESH_NODE_KEY = 1u << 0,
	MESH_NODE_DISCO = 1u << 1,
	MESH_NODE_ADDRESSES = 1u << 2,
	MESH_NODE_ALLOWED_IPS = 1u << 3,
	MESH_NODE_ENDPOINT_SET = 1u << 4,
	MESH_NODE_HOME = 1u << 5, /* home relay */
	MESH_NODE_ONLINE = 1u << 6,
	MESH_NODE_SEEN = 1u << 7,   /* last_seen */
	MESH_NODE_EXPIRY = 1u << 8, /* key_expiry */
	MESH_NODE_NAME = 1u << 9,
	MESH_NODE_USER = 1u << 10, /* user, sharer */
	MESH_NODE_TAG_SET = 1u << 11,
	MESH_NODE_CAP_SET = 1u << 12, /* cap, cap_map */
	MESH_NODE_HOST = 1u << 13,    /* hostinfo */
	MESH_NODE_ROUTES = 1u << 14,  /* primary_routes */
	MESH_NODE_SIGNATURE = 1u << 15, /* key_signature */
	MESH_NODE_REST = 1u << 16,    /* anything else */
};

/* What a saved netmap may lose for some minutes: endpoints, online, seen, home
 * relay, what the node says about itself. Everything else is written within a
 * second. */
#define MESH_NODE_CHURN                                                        \
	(MESH_NODE_ENDPOINT_SET | MESH_NODE_HOME | MESH_NODE_ONLINE |          \
	    MESH_NODE_SEEN | MESH_NODE_HOST)

/* Which fields of a node differ; 0: none. */
unsigned mesh_node_diff(const struct mesh_node *a, const struct mesh_node *b);

struct mesh_netmap_change {
	const struct mesh_node *old; /* NULL: the peer is new */
	const struct mesh_node *new; /* NULL: the peer is gone */
	unsigned fields;	     /* of enum mesh_node_field, if both are */
};

struct mesh_netmap_diff { /* private */
	const struct mesh_netmap *old, *new;
	size_t i, j;
};

/* Both may be NULL (empty); they must outlive the walk. */
void mesh_netmap_diff_init(struct mesh_netmap_diff *d,
    const struct mesh_netmap *old, const struct mesh_netmap *new);
bool mesh_netmap_diff_next(struct mesh_netmap_diff *d,
    struct mesh_netmap_change *out);
/* Of enum mesh_netmap_part: which parts differ in value. */
unsigned mesh_netmap_diff_parts(const struct mesh_netmap *old,
    const struct mesh_netmap *new);

/* For people, a line per difference: "+ name ADDR", "- name ADDR",
 * "~ name endpoints online", "~ filter". */
void mesh_netmap_diff_write(struct mesh_buf *out, const struct mesh_netmap *old,
    const struct mesh_netmap *new);

#endif
