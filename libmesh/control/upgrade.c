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
