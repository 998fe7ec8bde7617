/* SPDX-License-Identifier: ISC
 * relay/meta.h - the name of a relay's meta certificate: it tells the relay's
 * key in the TLS handshake already, so that a client can do without the HTTP
 * answer (fast start). Self-signed, serial number MESH_RELAY_VERSION, behind
 * the real chain. Source: protocol/dataplane.md 3.3.
 */
#ifndef MESH_RELAY_META_H
#define MESH_RELAY_META_H

#include "base/text.h"
#include <mesh/key.h>

/* The server's key in the common name of its meta certificate ("derpkey" and 64
 * hex digits). MESH_ERR_NOTFOUND when it is no such name. */
int mesh_relay_meta_name(const char *name, size_t len,
    struct mesh_node_key *out) MESH_MUST_USE;
/* The other way; terminated. */
#define MESH_RELAY_META_NAME 72u /* bytes with NUL */
char *mesh_relay_meta_name_format(const struct mesh_node_key *server,
    char out[static MESH_RELAY_META_NAME]);

#endif
