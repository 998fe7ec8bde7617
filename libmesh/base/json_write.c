/* SPDX-License-Identifier: ISC
 * json_write.c - the writer: a line of text as Go's encoding/json makes it. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void
mesh_jw_init(struct mesh_jw *w, struct mesh_buf *out, bool indent)
{
	*w = (struct mesh_jw){.out = out, .indent = indent};
}

static void
new_line(struct mesh_jw *w)
{
	mesh_buf_add_byte(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		mesh_buf_add_byte(w->out, '\t');
}

/* What stands between this value (or name) and the one before. */
static void
before(struct mesh_jw *w)
{
	if (w->after_name) {
		w->after_name = false;
		return;
	}
	if (w->comma)
		mesh_buf_add_byte(w->out, ',');
	if (w->indent && w->depth > 0)
		new_line(w);
	w->comma = true;
}

static void
open_with(struct mesh_jw *w, char bracket)
{
	before(w);
	mesh_buf_add_byte(w->out, (uint8_t)bracket);
	w->depth++;
	w->comma = false;
}

static void
close_with(struct mesh_jw *w, char bracket)
{
	w->depth--;
	if (w->indent && w->comma)
		new_line(w);
	mesh_buf_add_byte(w->out, (uint8_t)bracket);
	w->comma = true;
}

void
mesh_jw_object(struct mesh_jw *w)
{
	open_with(w, '{');
}

void
mesh_jw_end_object(struct mesh_jw *w)
{
	close_with(w, '}');
}

void
mesh_jw_array(struct mesh_jw *w)
{
	open_with(w, '[');
}

void
mesh_jw_end_array(struct mesh_jw *w)
{
	close_with(w, ']');
}

void
mesh_jw_raw(struct mesh_jw *w, struct mesh_str json)
{
	before(w);
	mesh_buf_add(w->out, json.p, json.len);
}

void
mesh_jw_null(struct mesh_jw *w)
{
	mesh_jw_raw(w, MESH_STR("null"));
}

void
mesh_jw_bool(struct mesh_jw *w, bool v)
{
	mesh_jw_raw(w, v ? MESH_STR("true") : MESH_STR("false"));
}

void
mesh_jw_int(struct mesh_jw *w, int64_t v)
{
	before(w);
	mesh_buf_printf(w->out, "%lld", (long long)v);
}

void
mesh_jw_uint(struct mesh_jw *w, uint64_t v)
{
	before(w);
	mesh_buf_printf(w->out, "%llu", (unsigned long long)v);
}

/* The shortest digits that read back as the same number. */
void
mesh_jw_double(struct mesh_jw *w, double v)
{
	char text[40];

	if (!isfinite(v)) {
		mesh_jw_null(w);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		double back;

		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (sscanf(text, "%lf", &back) == 1 && back == v)
			break;
	}
	mesh_jw_raw(w, mesh_str(text));
}

static const char *
short_escape(uint8_t c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

/* Length of the sequence at p that must be escaped, 0 if p[0] may stand: Go
 * escapes what HTML or JavaScript would read otherwise. */
static size_t
must_escape(const uint8_t *p, size_t left)
{
	if (p[0] < 0x20 || p[0] == '"' || p[0] == '\\' || p[0] == '<' ||
	    p[0] == '>' || p[0] == '&')
		return 1;
	if (left >= 3 && p[0] == 0xe2 && p[1] == 0x80 &&
	    (p[2] == 0xa8 || p[2] == 0xa9))
		return 3;
	return 0;
}

static void
put_escaped(struct mesh_buf *out, const uint8_t *p, size_t len)
{
	const char *known = len == 1 ? short_escape(p[0]) : NULL;

	if (known != NULL)
		mesh_buf_add_str(out, known);
	else if (len == 3)
		mesh_buf_add_str(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
	else
		mesh_buf_printf(out, "\\u%04x", p[0]);
}

static void
put_text(struct mesh_buf *out, const uint8_t *p, size_t len)
{
	size_t from = 0, i = 0;

	mesh_buf_add_byte(out, '"');
	while (i < len) {
		size_t n = must_escape(p + i, len - i);

		if (n == 0) {
			i++;
			continue;
		}
		mesh_buf_add(out, p + from, i - from);
		put_escaped(out, p + i, n);
		i += n;
		from = i;
	}
	mesh_buf_add(out, p + from, len - from);
	mesh_buf_add_byte(out, '"');
}

void
mesh_jw_str(struct mesh_jw *w, struct mesh_str s)
{
	before(w);
	put_text(w->out, (const uint8_t *)(s.p ? s.p : ""), s.len);
}

void
mesh_jw_string(struct mesh_jw *w, const char *s)
{
	mesh_jw_str(w, mesh_str(s ? s : ""));
}

void
mesh_jw_name(struct mesh_jw *w, const char *name)
{
	mesh_jw_string(w, name);
	mesh_buf_add_str(w->out, w->indent ? ": " : ":");
	w->after_name = true;
}
