/* SPDX-License-Identifier: ISC */
#include "control/keyfetch.h"

#include "base/rd.h"

int
mesh_keyfetch_request(const char *authority, uint16_t version,
    struct mesh_buf *out)
{
	char target[sizeof("/key?v=65535")];

	(void)mesh_format(target, sizeof(target), "/key?v=%u",
	    (unsigned)version);
	mesh_http_write_request(out, "GET", target, authority);
	mesh_http_write_field(out, "Accept", "application/json");
	mesh_http_write_field(out, "Connection", "close");
	mesh_http_write_end(out);
	return out->failed ? MESH_ERR_NOMEM : MESH_OK;
}

void
mesh_keyfetch_init(struct mesh_keyfetch *f)
{
	*f = (struct mesh_keyfetch){.chunks = MESH_HTTP_CHUNKS_INIT};
	mesh_buf_init(&f->head, MESH_HTTP_HEAD_MAX + MESH_KEYFETCH_BODY_MAX);
	mesh_buf_init(&f->body, MESH_KEYFETCH_BODY_MAX);
}

void
mesh_keyfetch_release(struct mesh_keyfetch *f)
{
	mesh_buf_release(&f->head);
	mesh_buf_release(&f->body);
}

/* Takes the head from the front of in. */
static int
read_head(struct mesh_keyfetch *f, struct mesh_rd *in, struct mesh_diag *diag)
{
	size_t before = f->head.len, max = MESH_HTTP_HEAD_MAX - before;
	size_t n = mesh_rd_left(in) < max ? mesh_rd_left(in) : max;
	struct mesh_http_head head;
	int err;

	if (mesh_buf_add(&f->head, in->p, n) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	err = mesh_http_response_parse(f->head.data, f->head.len, &head);
	if (err == MESH_ERR_AGAIN && f->head.len < MESH_HTTP_HEAD_MAX)
		return MESH_ERR_AGAIN;
	if (err != MESH_OK)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "server does not speak HTTP/1.1: "
		    "is it a control server?");
	if (head.status != 200)
		return mesh_fail(diag, MESH_ERR_REFUSED,
		    "server answered %u to GET /key: is it a control server?",
		    head.status);
	f->framing = head.body;
	f->body_len = head.body_len;
	f->in_body = true;
	mesh_rd_skip(in, head.len - before);
	mesh_buf_clear(&f->head);
	return MESH_OK;
}

static int
add_body(struct mesh_keyfetch *f, const void *p, size_t len,
    struct mesh_diag *diag)
{
	int err = mesh_buf_add(&f->body, p, len);

	if (err != MESH_OK)
		return mesh_fail(diag, err,
		    "answer to GET /key is longer than %u bytes",
		    MESH_KEYFETCH_BODY_MAX);
	return MESH_OK;
}

/* A line of framing may come in pieces: what is not used yet is kept. */
static int
read_chunks(struct mesh_keyfetch *f, struct mesh_rd *in,
    struct mesh_diag *diag)
{
	struct mesh_str data;
	size_t used;
	int err = mesh_buf_add(&f->head, in->p, mesh_rd_left(in));

	if (err != MESH_OK)
		return mesh_fail(diag, err, "answer to GET /key: chunk line "
					    "too long");
	while (!f->chunks.done) {
		err = mesh_http_chunks_next(&f->chunks, f->head.data,
		    f->head.len, &used, &data);
		if (err != MESH_OK && err != MESH_ERR_AGAIN)
			return mesh_fail(diag, err,
			    "answer to GET /key: malformed chunks");
		if (data.len > 0 &&
		    add_body(f, data.p, data.len, diag) != MESH_OK)
			return MESH_ERR_LIMIT;
		mesh_buf_consume(&f->head, used);
		if (err == MESH_ERR_AGAIN)
			return err;
	}
	return MESH_OK;
}

/* MESH_OK when the body is whole. */
static int
read_body(struct mesh_keyfetch *f, struct mesh_rd *in, bool end,
    struct mesh_diag *diag)
{
	size_t n = mesh_rd_left(in);
	int err;

	if (f->framing == MESH_HTTP_BODY_CHUNKED)
		return read_chunks(f, in, diag);
	if (f->framing != MESH_HTTP_BODY_CLOSE) {
		uint64_t need = f->framing == MESH_HTTP_BODY_LENGTH
		    ? f->body_len - f->body.len
		    : 0;

		if (n > need)
			n = (size_t)need;
		end = n == need;
	}
	err = add_body(f, in->p, n, diag);
	if (err != MESH_OK)
		return err;
	return end ? MESH_OK : MESH_ERR_AGAIN;
}

int
mesh_keyfetch_input(struct mesh_keyfetch *f, const void *p, size_t len,
    struct mesh_server_keys *out, struct mesh_diag *diag)
{
	struct mesh_rd in = mesh_rd_init(len > 0 ? p : "", len);
	int err = MESH_OK;

	f->began = f->began || len > 0;
	if (!f->in_body)
		err = read_head(f, &in, diag);
	if (err == MESH_OK)
		err = read_body(f, &in, len == 0, diag);
	if (err == MESH_ERR_AGAIN && len == 0)
		return mesh_fail(diag, MESH_ERR_CLOSED,
		    "server closed the connection within its answer to "
		    "GET /key");
	if (err != MESH_OK)
		return err;
	return mesh_server_keys_parse((const char *)f->body.data, f->body.len,
	    out, diag);
}
