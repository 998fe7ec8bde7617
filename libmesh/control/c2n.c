/* SPDX-License-Identifier: ISC */
#include "control/c2n.h"

#include <stdlib.h>
#include <string.h>

#include "wire/http.h"

static void
write_response(struct mesh_buf *out, unsigned status, struct mesh_str body)
{
	mesh_http_write_status(out, status);
	mesh_http_write_length(out, body.len);
	mesh_http_write_end(out);
	(void)mesh_buf_add(out, body.p, body.len);
}

/* Joins the pieces at the front of p. */
static int
join_chunks(uint8_t *p, size_t len, struct mesh_str *out)
{
	struct mesh_http_chunks c = MESH_HTTP_CHUNKS_INIT;
	size_t at = 0, joined = 0;

	while (!c.done) {
		struct mesh_str piece = {NULL, 0};
		size_t used = 0;
		int err = mesh_http_chunks_next(&c, p + at, len - at, &used,
		    &piece);

		if (err != MESH_OK && (err != MESH_ERR_AGAIN || !c.done))
			return MESH_ERR_FORMAT;
		if (piece.len > 0)
			memmove(p + joined, piece.p, piece.len);
		joined += piece.len;
		at += used;
	}
	*out = (struct mesh_str){(const char *)p, joined};
	return MESH_OK;
}

/* The body of a request that lies in memory whole, at the end of p. */
static int
find_body(const struct mesh_http_head *head, uint8_t *p, size_t len,
    struct mesh_str *out)
{
	if (head->body == MESH_HTTP_BODY_CHUNKED)
		return join_chunks(p + head->len, len - head->len, out);
	*out = (struct mesh_str){(const char *)p + head->len, 0};
	if (head->body == MESH_HTTP_BODY_LENGTH) {
		if (head->body_len > len - head->len)
			return MESH_ERR_FORMAT;
		out->len = (size_t)head->body_len;
	}
	return MESH_OK;
}

static int
answer(uint8_t *p, size_t len, struct mesh_buf *out)
{
	struct mesh_http_head head;
	struct mesh_str body;

	if (mesh_http_request_parse(p, len, &head) != MESH_OK ||
	    find_body(&head, p, len, &body) != MESH_OK)
		return MESH_ERR_FORMAT;
	if (mesh_str_eq(mesh_http_path(&head), "/echo"))
		write_response(out, 200, body);
	else
		write_response(out, 400, MESH_STR("unknown c2n path\n"));
	return out->failed ? MESH_ERR_NOMEM : MESH_OK;
}

int
mesh_c2n_answer(const char *payload, struct mesh_buf *out)
{
	struct mesh_str text = mesh_str(payload);
	size_t max = text.len / 4 * 3 + 3, len;
	uint8_t *p;
	int err;

	if (max > MESH_C2N_REQUEST_MAX)
		return MESH_ERR_LIMIT;
	p = malloc(max);
	if (p == NULL)
		return MESH_ERR_NOMEM;
	err = mesh_base64_decode(text, p, max, &len);
	if (err == MESH_OK)
		err = answer(p, len, out);
	free(p);
	return err;
}
