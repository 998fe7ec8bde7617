/* SPDX-License-Identifier: ISC */
#include "wire/http.h"

/* tchar of RFC 9110 5.6.2 */
static bool
is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct mesh_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token_char(s.p[i]))
			return false;
	}
	return s.len > 0;
}

/* Printable, blank, tab, or beyond ASCII. */
static bool
is_text(struct mesh_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* A request target: no blanks at all. */
static bool
is_target(struct mesh_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	}
	return s.len > 0;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
mesh_http_equal(struct mesh_str a, const char *b)
{
	size_t len = strlen(b);

	for (size_t i = 0; a.len == len && i < len; i++) {
		if (lower(a.p[i]) != lower(b[i]))
			return false;
	}
	return a.len == len;
}

/* Length of the head with its empty line, or an error. */
static int
find_end(const char *p, size_t len, size_t *out_len)
{
	size_t seen = len < MESH_HTTP_HEAD_MAX ? len : MESH_HTTP_HEAD_MAX;
	const char *end = seen > 0 ? memmem(p, seen, "\r\n\r\n", 4) : NULL;

	if (end == NULL)
		return len < MESH_HTTP_HEAD_MAX ? MESH_ERR_AGAIN
						: MESH_ERR_LIMIT;
	*out_len = (size_t)(end - p) + 4;
	return MESH_OK;
}

/* The next line, which ends in CR LF and has no other. */
static bool
next_line(struct mesh_str *rest, struct mesh_str *out)
{
	struct mesh_str line = mesh_str_cut(rest, '\n');

	if (line.len == 0 || line.p[line.len - 1] != '\r')
		return false;
	line.len--;
	*out = line;
	return is_text(line);
}

static int
parse_version(struct mesh_str s, unsigned *out_minor)
{
	if (s.len != 8 || memcmp(s.p, "HTTP/", 5) != 0)
		return MESH_ERR_FORMAT;
	if (memcmp(s.p + 5, "1.", 2) != 0 || (s.p[7] != '0' && s.p[7] != '1'))
		return MESH_ERR_VERSION;
	*out_minor = (unsigned)(s.p[7] - '0');
	return MESH_OK;
}

static int
parse_request_line(struct mesh_str line, struct mesh_http_head *h)
{
	h->method = mesh_str_cut(&line, ' ');
	h->target = mesh_str_cut(&line, ' ');
	if (line.p == NULL || !is_token(h->method) || !is_target(h->target))
		return MESH_ERR_FORMAT;
	return parse_version(line, &h->minor);
}

static int
parse_status_line(struct mesh_str line, struct mesh_http_head *h)
{
	struct mesh_str version = mesh_str_cut(&line, ' ');
	struct mesh_str code = mesh_str_cut(&line, ' ');
	uint64_t status;

	int err = parse_version(version, &h->minor);
	if (err < 0)
		return err;
	if (code.len != 3 || mesh_parse_u64(code, 999, &status) < 0 ||
	    status < 100)
		return MESH_ERR_FORMAT;
	h->status = (unsigned)status;
	h->reason = line;
	return MESH_OK;
}

static int
parse_fields(struct mesh_str rest, struct mesh_http_head *h)
{
	struct mesh_str line;

	for (;;) {
		if (!next_line(&rest, &line))
			return MESH_ERR_FORMAT;
		if (line.len == 0)
			return MESH_OK;
		if (h->field_count == MESH_HTTP_FIELDS_MAX)
			return MESH_ERR_LIMIT;
		struct mesh_http_field *f = &h->fields[h->field_count++];
		f->name = mesh_str_cut(&line, ':');
		if (line.p == NULL || !is_token(f->name))
			return MESH_ERR_FORMAT;
		f->value = mesh_str_trim(line);
	}
}

/* Content-Length: all of them must agree. */
static int
parse_length(struct mesh_http_head *h, bool *out_has)
{
	bool has = false;

	for (size_t i = 0; i < h->field_count; i++) {
		uint64_t n;

		if (!mesh_http_equal(h->fields[i].name, "content-length"))
			continue;
		if (mesh_parse_u64(h->fields[i].value, INT64_MAX, &n) < 0 ||
		    (has && n != h->body_len))
			return MESH_ERR_FORMAT;
		h->body_len = n;
		has = true;
	}
	*out_has = has;
	return MESH_OK;
}

static int
parse_body(struct mesh_http_head *h)
{
	struct mesh_str coding = mesh_http_field(h, "transfer-encoding");
	bool bodyless =
	    h->status / 100 == 1 || h->status == 204 || h->status == 304;
	bool has_length;

	int err = parse_length(h, &has_length);
	if (err < 0)
		return err;
	if (coding.p != NULL) {
		if (has_length || !mesh_http_equal(coding, "chunked"))
			return MESH_ERR_FORMAT;
		h->body = MESH_HTTP_BODY_CHUNKED;
	} else if (has_length) {
		h->body = MESH_HTTP_BODY_LENGTH;
	} else {
		h->body =
		    h->status != 0 ? MESH_HTTP_BODY_CLOSE : MESH_HTTP_BODY_NONE;
	}
	if (bodyless) {
		h->body = MESH_HTTP_BODY_NONE;
		h->body_len = 0;
	}
	return MESH_OK;
}

static int
parse_head(const void *buf, size_t len,
    int (*parse_first)(struct mesh_str, struct mesh_http_head *),
    struct mesh_http_head *out)
{
	struct mesh_http_head h = {0};
	struct mesh_str rest = {buf, 0}, line;

	int err = find_end(buf, len, &h.len);
	if (err < 0)
		return err;
	rest.len = h.len;
	if (!next_line(&rest, &line))
		return MESH_ERR_FORMAT;
	err = parse_first(line, &h);
	if (err == MESH_OK)
		err = parse_fields(rest, &h);
	if (err == MESH_OK)
		err = parse_body(&h);
	if (err == MESH_OK)
		*out = h;
	return err;
}

int
mesh_http_request_parse(const void *buf, size_t len, struct mesh_http_head *out)
{
	return parse_head(buf, len, parse_request_line, out);
}

int
mesh_http_response_parse(const void *buf, size_t len,
    struct mesh_http_head *out)
{
	return parse_head(buf, len, parse_status_line, out);
}

struct mesh_str
mesh_http_field(const struct mesh_http_head *h, const char *name)
{
	for (size_t i = 0; i < h->field_count; i++) {
		if (mesh_http_equal(h->fields[i].name, name))
			return h->fields[i].value;
	}
	return (struct mesh_str){0};
}

bool
mesh_http_has_token(const struct mesh_http_head *h, const char *name,
    const char *token)
{
	for (size_t i = 0; i < h->field_count; i++) {
		struct mesh_str list = h->fields[i].value;

		if (!mesh_http_equal(h->fields[i].name, name))
			continue;
		while (list.p != NULL) {
			struct mesh_str item = mesh_str_cut(&list, ',');

			if (mesh_http_equal(mesh_str_trim(item), token))
				return true;
		}
	}
	return false;
}

struct mesh_str
mesh_http_path(const struct mesh_http_head *h)
{
	struct mesh_str target = h->target;

	return mesh_str_cut(&target, '?');
}

struct mesh_str
mesh_http_query(const struct mesh_http_head *h, const char *name)
{
	struct mesh_str rest = h->target;

	mesh_str_cut(&rest, '?');
	while (rest.p != NULL) {
		struct mesh_str value = mesh_str_cut(&rest, '&');
		struct mesh_str key = mesh_str_cut(&value, '=');

		if (mesh_str_eq(key, name))
			return value.p != NULL ? value : MESH_STR("");
	}
	return (struct mesh_str){0};
}
