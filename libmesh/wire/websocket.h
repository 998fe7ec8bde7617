/* SPDX-License-Identifier: ISC
 * wire/websocket.h - frames of RFC 6455, the server's side: what a client sends
 * becomes bytes again, whatever its messages and fragments are; what it is sent
 * is one binary message each time.
 *
 * Only binary data is taken: text, extensions, frames without a mask, control
 * frames that are long or in fragments, and data frames above MESH_WS_FRAME_MAX
 * end the connection. No heap: 150 bytes, copy it, embed it.
 */
#ifndef MESH_WIRE_WEBSOCKET_H
#define MESH_WIRE_WEBSOCKET_H

#include "base/buf.h"
#include "base/text.h"

#define MESH_WS_FRAME_MAX (UINT64_C(1) << 20) /* bytes of one data frame */
#define MESH_WS_CONTROL_MAX 125u
#define MESH_WS_HEAD_MAX 4u     /* of what we send */
#define MESH_WS_SEND_MAX 65535u /* bytes of one message that we send */
#define MESH_WS_KEY_LEN 24u     /* of Sec-WebSocket-Key */
#define MESH_WS_ACCEPT_LEN 28u  /* of Sec-WebSocket-Accept */

enum mesh_ws_op {
	MESH_WS_CONTINUE = 0,
	MESH_WS_TEXT = 1,
	MESH_WS_BINARY = 2,
	MESH_WS_CLOSE = 8,
	MESH_WS_PING = 9,
	MESH_WS_PONG = 10,
};

struct mesh_ws { /* private; zero at the start */
	uint8_t head[14], mask[4];
	uint8_t head_len;
	uint8_t op; /* of this frame */
	bool fin, in_frame, in_message;
	uint64_t left; /* bytes of this frame's payload */
	size_t at;     /* of the mask */
	uint8_t control[MESH_WS_CONTROL_MAX];
	size_t control_len;
};

struct mesh_ws_part {
	enum mesh_ws_op op;  /* BINARY: bytes; CLOSE, PING, PONG: whole */
	const uint8_t *data; /* borrowed from p, or until the next call */
	size_t len;
};

/* Takes frames from the front of p, which is unmasked in place: *out_used bytes
 * are consumed. MESH_OK: a part; call again with the rest. MESH_ERR_AGAIN: all
 * was taken. MESH_ERR_PROTO, MESH_ERR_LIMIT: the connection ends. */
int mesh_ws_next(struct mesh_ws *w, uint8_t *p, size_t len, size_t *out_used,
    struct mesh_ws_part *out);

/* The head of a whole message of len <= MESH_WS_SEND_MAX bytes: its length. */
size_t mesh_ws_head(enum mesh_ws_op op, size_t len,
    uint8_t out[static MESH_WS_HEAD_MAX]);

/* What proves to the client that its key was read. MESH_OK, MESH_ERR_FORMAT:
 * the key is not 16 bytes in base64; MESH_ERR_INTERNAL. */
int mesh_ws_accept(struct mesh_str key,
    char out[static MESH_WS_ACCEPT_LEN + 1]);

#endif
