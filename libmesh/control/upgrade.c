/* SPDX-License-Identifier: ISC */
#include "control/upgrade.h"

#define INIT_TEXT_LEN MESH_BASE64_LEN(MESH_HANDSHAKE_INIT_LEN)

void
mesh_upgrade_request_write(struct mesh_buf *out, const char *authority,
    const uint8_t init[static MESH_HANDSHAKE_INIT_LEN])
{
	char text[INIT_TEXT_LEN + 1];

	mesh_base64_encode(init, MESH_HANDSHAKE_INIT_LEN, text);
	mesh_http_write_request(out, "POST", MESH_UPGRADE_PATH, authority);
	mesh_http_write_field(out, "Upgrade", MESH_UPGRADE_PROTOCOL);
	mesh_http_write_field(out, "Connection", "upgrade");
	mesh_http_write_field(out, MESH_UPGRADE_FIELD, text);
	mesh_http_write_length(out, 0);
	mesh_http_write_end(out);
}

int
mesh_upgrade_response_check(const struct mesh_http_head *head,
    struct mesh_diag *diag)
{
	if (head->status != 101)
		return mesh_fail(diag, MESH_ERR_REFUSED,
		    "server answered %u to the upgrade: "
		    "is it a control server?",
		    head->status);
	if (!mesh_str_eq(mesh_http_field(head, "Upgrade"),
		MESH_UPGRADE_PROTOCOL))
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "server upgraded to another protocol");
	return MESH_OK;
}

static int
refuse(unsigned status, const char *why, unsigned *out_status,
    struct mesh_diag *diag)
{
	*out_status = status;
	return mesh_fail(diag, MESH_ERR_PROTO, "%s", why);
}

int
mesh_upgrade_request_check(const struct mesh_http_head *head,
    uint8_t out_init[static MESH_HANDSHAKE_INIT_LEN], size_t *out_len,
    unsigned *out_status, struct mesh_diag *diag)
{
	struct mesh_str next = mesh_http_field(head, "Upgrade");
	struct mesh_str text = mesh_http_field(head, MESH_UPGRADE_FIELD);

	if (!mesh_str_eq(head->method, "POST"))
		return refuse(405, "method not allowed", out_status, diag);
	if (next.len == 0)
		return refuse(400, "missing next protocol", out_status, diag);
	if (!mesh_http_equal(next, MESH_UPGRADE_PROTOCOL))
		return refuse(400, "unknown next protocol", out_status, diag);
	if (!mesh_http_has_token(head, "Connection", "upgrade"))
		return refuse(400, "upgrade not asked of this connection",
		    out_status, diag);
	if (head->body == MESH_HTTP_BODY_CHUNKED ||
	    (head->body == MESH_HTTP_BODY_LENGTH && head->body_len > 0))
		return refuse(400, "an upgrade has no body", out_status, diag);
	if (text.len == 0)
		return refuse(400, "missing " MESH_UPGRADE_FIELD, out_status,
		    diag);
	if (mesh_base64_decode(text, out_init, MESH_HANDSHAKE_INIT_LEN,
		out_len) != MESH_OK)
		return refuse(400, "invalid " MESH_UPGRADE_FIELD, out_status,
		    diag);
	return MESH_OK;
}

void
mesh_upgrade_response_write(struct mesh_buf *out)
{
	mesh_http_write_status(out, 101);
	mesh_http_write_field(out, "Upgrade", MESH_UPGRADE_PROTOCOL);
	mesh_http_write_field(out, "Connection", "upgrade");
	mesh_http_write_end(out);
}

/* --- websocket */

/* A query's value: "%2B" is '+'. Returns the length, 0 if it is malformed. */
static size_t
query_decode(struct mesh_str in, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < in.len && len < size; i++) {
		if (in.p[i] != '%') {
			out[len++] = in.p[i];
			continue;
		}
		if (in.len - i < 3 ||
		    mesh_hex_decode((struct mesh_str){in.p + i + 1, 2},
			(uint8_t *)&out[len++], 1) != MESH_OK)
			return 0;
		i += 2;
	}
	return len;
}

int
mesh_upgrade_websocket_check(const struct mesh_http_head *head,
    uint8_t out_init[static MESH_HANDSHAKE_INIT_LEN], size_t *out_len,
    char out_accept[static MESH_WS_ACCEPT_LEN + 1], unsigned *out_status,
    struct mesh_diag *diag)
{
	struct mesh_str value = mesh_http_query(head, MESH_UPGRADE_FIELD);
	char text[INIT_TEXT_LEN + 1]; /* one more: too long is an error */
	size_t len = query_decode(value, text, sizeof(text));

	if (!mesh_str_eq(head->method, "GET") ||
	    !mesh_http_equal(mesh_http_field(head, "Upgrade"), "websocket"))
		return refuse(405, "method not allowed", out_status, diag);
	if (!mesh_http_has_token(head, "Connection", "upgrade"))
		return refuse(400, "upgrade not asked of this connection",
		    out_status, diag);
	if (head->body != MESH_HTTP_BODY_NONE)
		return refuse(400, "an upgrade has no body", out_status, diag);
	if (!mesh_str_eq(mesh_http_field(head, "Sec-WebSocket-Version"), "13"))
		return refuse(426, "websocket version 13 is needed", out_status,
		    diag);
	if (!mesh_http_has_token(head, "Sec-WebSocket-Protocol",
		MESH_UPGRADE_PROTOCOL))
		return refuse(400, "unknown subprotocol", out_status, diag);
	if (value.len == 0)
		return refuse(400, "missing " MESH_UPGRADE_FIELD, out_status,
		    diag);
	if (len == 0 ||
	    mesh_base64_decode((struct mesh_str){text, len}, out_init,
		MESH_HANDSHAKE_INIT_LEN, out_len) != MESH_OK)
		return refuse(400, "invalid " MESH_UPGRADE_FIELD, out_status,
		    diag);
	if (mesh_ws_accept(mesh_http_field(head, "Sec-WebSocket-Key"),
		out_accept) != MESH_OK)
		return refuse(400, "invalid Sec-WebSocket-Key", out_status,
		    diag);
	return MESH_OK;
}

void
mesh_upgrade_websocket_write(struct mesh_buf *out, const char *accept)
{
	mesh_http_write_status(out, 101);
	mesh_http_write_field(out, "Upgrade", "websocket");
	mesh_http_write_field(out, "Connection", "Upgrade");
	mesh_http_write_field(out, "Sec-WebSocket-Accept", accept);
	mesh_http_write_field(out, "Sec-WebSocket-Protocol",
	    MESH_UPGRADE_PROTOCOL);
	mesh_http_write_end(out);
}
