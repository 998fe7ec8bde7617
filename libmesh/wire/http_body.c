/* SPDX-License-Identifier: ISC
 * http_body.c - chunked bodies, and heads of our own.
 */
#include "wire/http.h"

#define SIZE_LINE_MAX 64u   /* bytes; extensions are allowed, and ignored */
#define TRAILER_MAX 4096u   /* bytes, thrown away */
#define CHUNK_DIGITS_MAX 15 /* of hex: below 2^60 */

enum state {
	AT_SIZE,
	IN_DATA,
	AFTER_DATA,
	IN_TRAILER
};

/* A line that ends in CR LF from the front of buf, without its end. */
static int
take_line(struct mesh_str buf, size_t max, struct mesh_str *out,
    size_t *out_used)
{
	size_t seen = buf.len < max ? buf.len : max;
	const char *lf = seen > 0 ? memchr(buf.p, '\n', seen) : NULL;

	if (lf == NULL)
		return seen == max ? MESH_ERR_LIMIT : MESH_ERR_AGAIN;
	if (lf == buf.p || lf[-1] != '\r')
		return MESH_ERR_FORMAT;
	*out = (struct mesh_str){buf.p, (size_t)(lf - buf.p) - 1};
	*out_used += (size_t)(lf - buf.p) + 1;
	return MESH_OK;
}

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

static int
parse_size(struct mesh_str line, uint64_t *out)
{
	struct mesh_str digits = mesh_str_trim(mesh_str_cut(&line, ';'));
	uint64_t n = 0;

	if (digits.len == 0 || digits.len > CHUNK_DIGITS_MAX)
		return MESH_ERR_FORMAT;
	for (size_t i = 0; i < digits.len; i++) {
		int d = hex_digit(digits.p[i]);

		if (d < 0)
			return MESH_ERR_FORMAT;
		n = n << 4 | (unsigned)d;
	}
	*out = n;
	return MESH_OK;
}

static int
step_size(struct mesh_http_chunks *c, struct mesh_str buf, size_t *used)
{
	struct mesh_str line;

	int err = take_line(buf, SIZE_LINE_MAX, &line, used);
	if (err == MESH_OK)
		err = parse_size(line, &c->left);
	if (err == MESH_OK)
		c->state = c->left > 0 ? IN_DATA : IN_TRAILER;
	return err;
}

static int
step_trailer(struct mesh_http_chunks *c, struct mesh_str buf, size_t *used)
{
	struct mesh_str line;
	size_t before = *used;

	int err = take_line(buf, TRAILER_MAX - c->trailer, &line, used);
	if (err < 0)
		return err;
	c->trailer += *used - before;
	c->done = line.len == 0;
	return c->trailer < TRAILER_MAX ? MESH_OK : MESH_ERR_LIMIT;
}

/* One step. *data is set when the step found some. */
static int
step(struct mesh_http_chunks *c, struct mesh_str buf, size_t *used,
    struct mesh_str *data)
{
	struct mesh_str line;
	int err;

	switch ((enum state)c->state) {
	case AT_SIZE:
		return step_size(c, buf, used);
	case IN_DATA:
		if (buf.len == 0)
			return MESH_ERR_AGAIN;
		data->p = buf.p;
		data->len = buf.len < c->left ? buf.len : (size_t)c->left;
		*used += data->len;
		c->left -= data->len;
		c->state = c->left > 0 ? IN_DATA : AFTER_DATA;
		return MESH_OK;
	case AFTER_DATA:
		err = take_line(buf, 2, &line, used);
		if (err == MESH_OK)
			c->state = AT_SIZE;
		return err == MESH_ERR_LIMIT ? MESH_ERR_FORMAT : err;
	case IN_TRAILER:
		return step_trailer(c, buf, used);
	}
	return MESH_ERR_INTERNAL;
}

int
mesh_http_chunks_next(struct mesh_http_chunks *c, const void *buf, size_t len,
    size_t *out_used, struct mesh_str *out_data)
{
	struct mesh_str data = {0};
	size_t used = 0;
	int err = MESH_OK;

	while (err == MESH_OK && !c->done && data.len == 0)
		err = step(c,
		    (struct mesh_str){(const char *)buf + used, len - used},
		    &used, &data);
	*out_used = used;
	*out_data = data;
	return err;
}

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *
reason_of(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "";
}

/* Text into the head; one that could end a line makes the head fail. */
static void
put(struct mesh_buf *b, const char *text)
{
	if (strpbrk(text, "\r\n") != NULL)
		b->failed = true;
	else
		mesh_buf_add_str(b, text);
}

void
mesh_http_write_request(struct mesh_buf *b, const char *method,
    const char *target, const char *host)
{
	put(b, method);
	put(b, " ");
	put(b, target);
	mesh_buf_add_str(b, " HTTP/1.1\r\n");
	mesh_http_write_field(b, "Host", host);
}

void
mesh_http_write_status(struct mesh_buf *b, unsigned status)
{
	mesh_buf_printf(b, "HTTP/1.1 %03u %s\r\n", status % 1000,
	    reason_of(status));
}

void
mesh_http_write_field(struct mesh_buf *b, const char *name, const char *value)
{
	put(b, name);
	put(b, ": ");
	put(b, value);
	mesh_buf_add_str(b, "\r\n");
}

void
mesh_http_write_length(struct mesh_buf *b, uint64_t body_len)
{
	mesh_buf_printf(b, "Content-Length: %llu\r\n",
	    (unsigned long long)body_len);
}

void
mesh_http_write_end(struct mesh_buf *b)
{
	mesh_buf_add_str(b, "\r\n");
}
