/* SPDX-License-Identifier: ISC
 * cert.h - certificates made and judged by OpenSSL. All texts are PEM.
 */
#ifndef RELAYD_CERT_H
#define RELAYD_CERT_H

#include "base/buf.h"
#include <mesh/key.h>

/* A self-signed one for a host name or address, P-256, ten years. */
int cert_make(const char *hostname, struct mesh_buf *out_cert,
    struct mesh_buf *out_key) MESH_MUST_USE;

/* The one that tells clients the relay's key in the TLS handshake: common name
 * "derpkey" and hex, serial number 2 (protocol/dataplane.md 3.3). Appended. */
int cert_make_meta(const struct mesh_node_key *relay,
    struct mesh_buf *chain) MESH_MUST_USE;

/* Is it a certificate with its key, good for hostname, now? MESH_ERR_FORMAT
 * with diag: it cannot be used. MESH_OK with diag->text set: it can, but
 * clients may refuse it (name, dates). out_pin: "sha256-raw:HEX" of the leaf,
 * 76 bytes. */
int cert_check(const struct mesh_buf *chain, const struct mesh_buf *key,
    const char *hostname, char *out_pin, struct mesh_diag *diag) MESH_MUST_USE;

#endif
