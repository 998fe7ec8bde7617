/* SPDX-License-Identifier: ISC
 * whois.h - the answer of whois, both ways.
 *
 * Source: protocol/services.md 1.7; sample localapi-whois.json. */
#ifndef MESH_LOCAL_WHOIS_H
#define MESH_LOCAL_WHOIS_H

#include "base/buf.h"
#include "netmap/snapshot.h"
#include <mesh/local.h>

/* Reads an answer. MESH_ERR_FORMAT, MESH_ERR_NOMEM; out untouched then. */
int mesh_whois_parse(const char *text, size_t len, struct mesh_whois *out,
    struct mesh_diag *diag);

/* Writes one, indented as stock daemons do. There always is a UserProfile, an
 * empty one when the node's user is not known: programs rely on it. */
void mesh_whois_write(struct mesh_buf *out, const struct mesh_netmap *nm,
    const struct mesh_node *node);

#endif
