/* SPDX-License-Identifier: ISC */
#include "local/server.h"

#include "base/json.h"
#include "wire/http.h"

#define API_ROOT "/localapi/v0/"
#define CAP_VERSION "131" /* the capability version that this daemon claims */

void
mesh_local_conn_init(struct mesh_local_conn *c, const char *version)
{
	*c = (struct mesh_local_conn){.version = version};
	mesh_buf_init(&c->in, MESH_HTTP_HEAD_MAX + MESH_LOCAL_BODY_MAX);
	mesh_buf_init(&c->body, MESH_LOCAL_BODY_MAX);
	mesh_buf_init(&c->out, MESH_LOCAL_OUT_MAX);
}

void
mesh_local_conn_release(struct mesh_local_conn *c)
{
	mesh_buf_wipe(&c->in); /* it may hold an auth key */
	mesh_buf_wipe(&c->body);
	mesh_buf_release(&c->out);
}

int
mesh_local_conn_input(struct mesh_local_conn *c, const void *data, size_t len)
{
	return mesh_buf_add(&c->in, data, len);
}

/* --- answers */

static void
begin_answer(struct mesh_local_conn *c, unsigned status, const char *type)
{
	struct mesh_buf *b = &c->out;

	mesh_http_write_status(b, status);
	mesh_http_write_field(b, "Tailscale-Version", c->version);
	mesh_http_write_field(b, "Tailscale-Cap", CAP_VERSION);
	mesh_http_write_field(b, "Content-Security-Policy",
	    "default-src 'none'; frame-ancestors 'none'");
	mesh_http_write_field(b, "X-Frame-Options", "DENY");
	mesh_http_write_field(b, "X-Content-Type-Options", "nosniff");
	if (type != NULL)
		mesh_http_write_field(b, "Content-Type", type);
}

void
mesh_local_answer(struct mesh_local_conn *c, unsigned status, const char *type,
    struct mesh_str body)
{
	begin_answer(c, status, type);
	if (c->closing)
		mesh_http_write_field(&c->out, "Connection", "close");
	mesh_http_write_length(&c->out, body.len);
	mesh_http_write_end(&c->out);
	mesh_buf_add(&c->out, body.p, body.len);
}

void
mesh_local_answer_error(struct mesh_local_conn *c, unsigned status,
    const char *text)
{
	struct mesh_buf b;
	struct mesh_jw w;

	mesh_buf_init(&b, 4096);
	mesh_jw_init(&w, &b, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "error");
	mesh_jw_string(&w, text);
	mesh_jw_end_object(&w);
	mesh_local_answer(c, status, "application/json",
	    (struct mesh_str){(const char *)b.data, b.len});
	mesh_buf_release(&b);
}

void
mesh_local_answer_nothing(struct mesh_local_conn *c)
{
	begin_answer(c, 204, NULL);
	mesh_http_write_end(&c->out);
}

void
mesh_local_stream_begin(struct mesh_local_conn *c)
{
	begin_answer(c, 200, "application/json");
	mesh_http_write_field(&c->out, "Transfer-Encoding", "chunked");
	mesh_http_write_end(&c->out);
	c->streaming = true;
}

void
mesh_local_stream_add(struct mesh_local_conn *c, struct mesh_str piece)
{
	if (piece.len == 0)
		return; /* an empty chunk would end the stream */
	mesh_buf_printf(&c->out, "%zx\r\n", piece.len);
	mesh_buf_add(&c->out, piece.p, piece.len);
	mesh_buf_add_str(&c->out, "\r\n");
}

/* --- requests */

/* Answers and ends the connection. */
static int
refuse(struct mesh_local_conn *c, unsigned status, const char *why, int err)
{
	c->closing = true;
	mesh_local_answer_error(c, status, why);
	return err;
}

/* Against pages in a browser that talk to local daemons. */
static bool
is_from_browser(const struct mesh_http_head *h)
{
	struct mesh_str host = mesh_http_field(h, "Host");

	return mesh_http_field(h, "Origin").p != NULL ||
	    mesh_http_field(h, "Referer").p != NULL ||
	    (host.len > 0 && !mesh_str_eq(host, "local-tailscaled.sock"));
}

/* Puts the chunks together in c->body; *out_len is what they took of `in`, with
 * the head. Chunks that have come are gone through again when more come: bodies
 * are small, and nothing need be remembered. */
static int
take_chunks(struct mesh_local_conn *c, const struct mesh_http_head *h,
    size_t *out_len)
{
	struct mesh_http_chunks chunks = MESH_HTTP_CHUNKS_INIT;
	size_t at = h->len;

	mesh_buf_clear(&c->body);
	while (!chunks.done) {
		struct mesh_str data = {NULL, 0};
		size_t used = 0;
		int err = mesh_http_chunks_next(&chunks, c->in.data + at,
		    c->in.len - at, &used, &data);

		if (err != MESH_OK && err != MESH_ERR_AGAIN)
			return refuse(c, 400, "malformed chunks", err);
		at += used;
		if (mesh_buf_add(&c->body, data.p, data.len) != MESH_OK)
			return refuse(c, 413, "the request is too long",
			    MESH_ERR_LIMIT);
		if (err == MESH_ERR_AGAIN)
			return err;
	}
	*out_len = at;
	return MESH_OK;
}

/* The body, and the length of it with the head; or an error. */
static int
take_body(struct mesh_local_conn *c, const struct mesh_http_head *h,
    size_t *out_len, struct mesh_str *out_body)
{
	if (h->body == MESH_HTTP_BODY_CHUNKED) {
		int err = take_chunks(c, h, out_len);

		*out_body = (struct mesh_str){(const char *)c->body.data,
		    c->body.len};
		return err;
	}
	if (h->body == MESH_HTTP_BODY_LENGTH &&
	    h->body_len > MESH_LOCAL_BODY_MAX)
		return refuse(c, 413, "the request is too long",
		    MESH_ERR_LIMIT);
	*out_len = h->len +
	    (h->body == MESH_HTTP_BODY_LENGTH ? (size_t)h->body_len : 0);
	*out_body = (struct mesh_str){(const char *)c->in.data + h->len,
	    *out_len - h->len};
	return c->in.len < *out_len ? MESH_ERR_AGAIN : MESH_OK;
}

static int
take_request(struct mesh_local_conn *c, const struct mesh_http_head *h,
    struct mesh_local_request *out)
{
	struct mesh_str target = h->target, name, body = {NULL, 0};
	size_t len = 0;
	int err = take_body(c, h, &len, &body);

	if (err != MESH_OK)
		return err;
	if (is_from_browser(h))
		return refuse(c, 403, "not for browsers", MESH_ERR_DENIED);
	if (mesh_http_has_token(h, "Connection", "close") || h->minor == 0)
		c->closing = true;
	name = mesh_str_cut(&target, '?');
	if (mesh_str_has_prefix(name, API_ROOT)) {
		name.p += sizeof(API_ROOT) - 1;
		name.len -= sizeof(API_ROOT) - 1;
	} else {
		name.len = 0; /* no name: the caller answers 404 */
	}
	*out = (struct mesh_local_request){
	    .method = h->method,
	    .name = name,
	    .query = target,
	    .body = body,
	};
	c->taken = len;
	return MESH_OK;
}

int
mesh_local_conn_next(struct mesh_local_conn *c, struct mesh_local_request *out)
{
	struct mesh_http_head h;
	int err;

	mesh_buf_consume(&c->in, c->taken);
	c->taken = 0;
	if (c->closing || c->streaming)
		return MESH_ERR_AGAIN;
	err = mesh_http_request_parse(c->in.data, c->in.len, &h);
	if (err == MESH_OK)
		return take_request(c, &h, out);
	if (err == MESH_ERR_AGAIN)
		return err;
	return refuse(c, 400, "not an HTTP request", err);
}

/* --- queries */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
unescape(struct mesh_str s, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int hi = i + 1 < s.len ? hex_digit(s.p[i + 1]) : -1;
			int lo = i + 2 < s.len ? hex_digit(s.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return false;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (c == 0 || at + 1 >= size)
			return false;
		out[at++] = c;
	}
	out[at] = 0;
	return true;
}

bool
mesh_local_query(const struct mesh_local_request *r, const char *name,
    char out[static MESH_LOCAL_QUERY_MAX])
{
	struct mesh_str left = r->query;

	while (left.len > 0) {
		struct mesh_str value = mesh_str_cut(&left, '&');
		struct mesh_str key = mesh_str_cut(&value, '=');

		if (mesh_str_eq(key, name))
			return unescape(value, out, MESH_LOCAL_QUERY_MAX);
	}
	return false;
}
