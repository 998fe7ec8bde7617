/* SPDX-License-Identifier: ISC
 * c2n.h - the small requests that a control server makes to a node.
 *
 * They come as HTTP/1.x in a PingRequest and are answered by a whole HTTP/1.1
 * response. Ours knows /echo (the liveness probe); everything else is 400, as
 * stock nodes say it. Source: protocol/control.md 9, 11.5.
 */
#ifndef MESH_CONTROL_C2N_H
#define MESH_CONTROL_C2N_H

#include <base/buf.h>

#define MESH_C2N_REQUEST_MAX (64u << 10) /* bytes, decoded */

/* payload: base64, as in PingRequest.Payload. Appends the response.
 * MESH_ERR_FORMAT: not a request, nothing is to be answered; MESH_ERR_LIMIT;
 * MESH_ERR_NOMEM. */
int mesh_c2n_answer(const char *payload, struct mesh_buf *out);

#endif
