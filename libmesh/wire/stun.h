/* SPDX-License-Identifier: ISC
 * wire/stun.h - STUN binding (RFC 5389), with the twist that stock relay hosts
 * want: a request is exactly 40 bytes, SOFTWARE "tailnode" first, FINGERPRINT
 * last. Source: protocol/dataplane.md 4; vectors 5.
 *
 * A server answers nothing but such requests, and never with more than the
 * request and 4 bytes. A client takes any well-formed answer whose transaction
 * id it has in flight; who sent it does not matter.
 */
#ifndef MESH_WIRE_STUN_H
#define MESH_WIRE_STUN_H

#include "base/addr.h"

#define MESH_STUN_HEAD_LEN 20u
#define MESH_STUN_TXID_LEN 12u     /* bytes, random */
#define MESH_STUN_REQUEST_LEN 40u  /* exactly */
#define MESH_STUN_RESPONSE_MAX 44u /* bytes that we write; 32 for IPv4 */
#define MESH_STUN_INPUT_MAX 1500u  /* longer ones are refused */
#define MESH_STUN_PORT 3478u

struct mesh_stun_txid {
	uint8_t b[MESH_STUN_TXID_LEN];
};

/* Has it the header of a STUN message (of any kind)? */
bool mesh_stun_is(const void *buf, size_t len);

void mesh_stun_request(const struct mesh_stun_txid *txid,
    uint8_t out[static MESH_STUN_REQUEST_LEN]);
/* MESH_ERR_FORMAT: not a request, or not one of our network's. */
int mesh_stun_request_parse(const void *buf, size_t len,
    struct mesh_stun_txid *out_txid);

/* The answer: "I saw you at `seen`". Returns its length. */
size_t mesh_stun_response(const struct mesh_stun_txid *txid,
    const struct mesh_endpoint *seen,
    uint8_t out[static MESH_STUN_RESPONSE_MAX]);
/* MESH_ERR_FORMAT: malformed, no success response, or without an address. */
int mesh_stun_response_parse(const void *buf, size_t len,
    struct mesh_stun_txid *out_txid, struct mesh_endpoint *out_seen);

#endif
