/* SPDX-License-Identifier: ISC
 * local/netmap.h - the network map as the local API tells it: nodes with the
 * names that people see, and the whole as watchers of older releases read it.
 *
 * Source: protocol/services.md 1.7, 1.11; samples localapi-whois.json and
 * localapi-watch.jsonl. */
#ifndef MESH_LOCAL_NETMAP_H
#define MESH_LOCAL_NETMAP_H

#include "netmap/snapshot.h"

/* The node's own members, and ComputedName and ComputedNameWithHost. */
void mesh_local_write_node(struct mesh_jw *w, const struct mesh_node *n);
/* {"NAME":[values] or null,...}: what the filter's rules grant the node towards
 * us; null when nothing. */
void mesh_local_write_caps(struct mesh_jw *w, const struct mesh_netmap *nm,
    const struct mesh_node *n);
/* NetMap of a notification. nm may be NULL: null. */
void mesh_local_write_netmap(struct mesh_jw *w, const struct mesh_netmap *nm);

#endif
