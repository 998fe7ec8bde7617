/* SPDX-License-Identifier: ISC
 * front_ws.c - a session inside a websocket: browsers, and networks that let
 * nothing else through (front.h). Source: protocol/control.md 3.6.
 */
#include "front.h"

#include <stdlib.h>

bool
ws_start(struct front_conn *k)
{
	k->ws = calloc(1, sizeof(*k->ws));
	return k->ws != NULL;
}

/* A whole message of ours, behind what waits already. */
static int
ws_say(struct front_conn *k, enum mesh_ws_op op, const uint8_t *p, size_t len)
{
	uint8_t head[MESH_WS_HEAD_MAX];
	size_t head_len = mesh_ws_head(op, len, head);

	if (mesh_buf_add(&k->out, head, head_len) != MESH_OK ||
	    mesh_buf_add(&k->out, p, len) != MESH_OK)
		return MESH_ERR_LIMIT;
	k->want_write = true;
	return MESH_OK;
}

static int
ws_take(struct front_conn *k, const struct mesh_ws_part *part)
{
	switch (part->op) {
	case MESH_WS_BINARY:
		return mesh_control_server_input(k->session, part->data,
		    part->len, front_now());
	case MESH_WS_PING:
		return ws_say(k, MESH_WS_PONG, part->data, part->len);
	case MESH_WS_CLOSE: /* said back, then it is over */
		(void)ws_say(k, MESH_WS_CLOSE, part->data, part->len);
		return mesh_control_server_input(k->session, NULL, 0,
		    front_now());
	default:
		return MESH_OK;
	}
}

int
ws_input(struct front_conn *k, uint8_t *p, size_t len)
{
	struct mesh_ws_part part;
	size_t used = 0;
	int err;

	while ((err = mesh_ws_next(k->ws, p, len, &used, &part)) == MESH_OK) {
		if ((err = ws_take(k, &part)) != MESH_OK)
			return err;
		p += used;
		len -= used;
	}
	if (err == MESH_ERR_AGAIN)
		return MESH_OK;
	(void)mesh_control_server_input(k->session, NULL, 0, front_now());
	return err;
}

size_t
ws_output(struct front_conn *k, uint8_t *out, size_t cap)
{
	uint8_t head[MESH_WS_HEAD_MAX];
	size_t len = mesh_control_server_output(k->session,
	    out + MESH_WS_HEAD_MAX, cap - MESH_WS_HEAD_MAX, front_now());
	size_t head_len;

	if (len == 0)
		return 0;
	head_len = mesh_ws_head(MESH_WS_BINARY, len, head);
	memcpy(out, head, head_len);
	memmove(out + head_len, out + MESH_WS_HEAD_MAX, len);
	return head_len + len;
}
