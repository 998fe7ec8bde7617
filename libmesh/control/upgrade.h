/* SPDX-License-Identifier: ISC
 * upgrade.h - from HTTP/1.1 to the control channel: POST /ts2021, both sides.
 *
 * The request carries the Noise initiation in base64; the answer is 101 and
 * nothing else: bytes behind its empty line belong to the channel already.
 * Source: protocol/control.md 3.1. Browsers, which cannot ask for that, come by
 * websocket (3.6): GET, with the initiation in the query.
 */
#ifndef MESH_CONTROL_UPGRADE_H
#define MESH_CONTROL_UPGRADE_H

#include <control/handshake.h>
#include <wire/http.h>
#include <wire/websocket.h>

#define MESH_UPGRADE_PATH "/ts2021"
#define MESH_UPGRADE_PROTOCOL "tailscale-control-protocol"
#define MESH_UPGRADE_FIELD "X-Tailscale-Handshake"

/* --- client: the whole head of the request; errors: out->failed */
void mesh_upgrade_request_write(struct mesh_buf *out, const char *authority,
    const uint8_t init[static MESH_HANDSHAKE_INIT_LEN]);
/* MESH_OK: go on with the channel. MESH_ERR_REFUSED, MESH_ERR_PROTO: with what
 * the server said in diag. */
int mesh_upgrade_response_check(const struct mesh_http_head *head,
    struct mesh_diag *diag);

/* --- server */

/* A request for MESH_UPGRADE_PATH: *out_len bytes of initiation, which may still
 * be nonsense. MESH_OK; else *out_status and diag are the answer: 400, 405. */
int mesh_upgrade_request_check(const struct mesh_http_head *head,
    uint8_t out_init[static MESH_HANDSHAKE_INIT_LEN], size_t *out_len,
    unsigned *out_status, struct mesh_diag *diag);
void mesh_upgrade_response_write(struct mesh_buf *out);

/* The same for a websocket: out_accept proves that the client's key was read. */
int mesh_upgrade_websocket_check(const struct mesh_http_head *head,
    uint8_t out_init[static MESH_HANDSHAKE_INIT_LEN], size_t *out_len,
    char out_accept[static MESH_WS_ACCEPT_LEN + 1], unsigned *out_status,
    struct mesh_diag *diag);
void mesh_upgrade_websocket_write(struct mesh_buf *out, const char *accept);

#endif
