/* SPDX-License-Identifier: ISC
 * json.c - the reader. A cursor over the text and a bit per nesting level; every
 * function leaves the cursor behind what it consumed, and the first error stops
 * all of them. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static_assert(MESH_JSON_DEPTH <= 64, "is_object has a bit per level");

void
mesh_json_init(struct mesh_json *j, const char *text, size_t len,
    unsigned flags)
{
	*j = (struct mesh_json){.text = text, .len = len, .flags = flags};
}

static void
fail_at(struct mesh_json *j, int err, size_t pos, const char *what)
{
	if (j->err != MESH_OK)
		return;
	j->err = err;
	j->err_pos = pos;
	j->err_text = what;
}

static void
fail(struct mesh_json *j, const char *what)
{
	fail_at(j, MESH_ERR_FORMAT, j->pos, what);
}

void
mesh_json_fail(struct mesh_json *j, int err, const char *what)
{
	fail_at(j, err, j->value, what);
}

int
mesh_json_err(const struct mesh_json *j)
{
	return j->err;
}

/* The byte at the cursor, 0 at the end (a NUL in the text is no token either).
 */
static char
at(const struct mesh_json *j)
{
	return j->pos < j->len ? j->text[j->pos] : 0;
}

static bool
starts_with(const struct mesh_json *j, const char *s)
{
	size_t len = strlen(s);

	return j->len - j->pos >= len && !memcmp(j->text + j->pos, s, len);
}

/* Passes over one comment; false if there is none (or it has no end). */
static bool
skip_comment(struct mesh_json *j)
{
	const char *end;

	if (!(j->flags & MESH_JSON_HUJSON))
		return false;
	if (starts_with(j, "//")) {
		end = memchr(j->text + j->pos, '\n', j->len - j->pos);
		j->pos = end ? (size_t)(end - j->text) + 1 : j->len;
		return true;
	}
	if (starts_with(j, "/*")) {
		end = memmem(j->text + j->pos + 2, j->len - j->pos - 2, "*/",
		    2);
		if (end == NULL) {
			fail(j, "comment without an end");
			return false;
		}
		j->pos = (size_t)(end - j->text) + 2;
		return true;
	}
	return false;
}

static void
skip_blanks(struct mesh_json *j)
{
	do {
		while (j->pos < j->len &&
		    (at(j) == ' ' || at(j) == '\t' || at(j) == '\n' ||
			at(j) == '\r'))
			j->pos++;
	} while (j->pos < j->len && at(j) == '/' && skip_comment(j));
}

/* The cursor is brought to a value; false on error. */
static bool
begin(struct mesh_json *j)
{
	if (j->err != MESH_OK)
		return false;
	skip_blanks(j);
	j->value = j->pos;
	return j->err == MESH_OK;
}

enum mesh_json_type
mesh_json_peek(struct mesh_json *j)
{
	if (!begin(j))
		return MESH_JSON_INVALID;
	switch (at(j)) {
	case '{':
		return MESH_JSON_OBJECT;
	case '[':
		return MESH_JSON_ARRAY;
	case '"':
		return MESH_JSON_STRING;
	case 't':
	case 'f':
		return MESH_JSON_BOOL;
	case 'n':
		return MESH_JSON_NULL;
	case '-':
	case '0' ... '9':
		return MESH_JSON_NUMBER;
	default:
		return MESH_JSON_INVALID;
	}
}

/* --- containers */

static void
enter(struct mesh_json *j, char open, const char *what)
{
	if (!begin(j))
		return;
	if (at(j) != open) {
		fail(j, what);
		return;
	}
	if (j->depth == MESH_JSON_DEPTH) {
		fail_at(j, MESH_ERR_LIMIT, j->pos, "nested too deeply");
		return;
	}
	j->pos++;
	j->is_object &= ~(UINT64_C(1) << j->depth);
	j->is_object |= (uint64_t)(open == '{') << j->depth;
	j->depth++;
	j->first = true;
}

void
mesh_json_object(struct mesh_json *j)
{
	enter(j, '{', "expected an object");
}

void
mesh_json_array(struct mesh_json *j)
{
	enter(j, '[', "expected an array");
}

static bool
in_object(const struct mesh_json *j)
{
	return j->depth > 0 && (j->is_object >> (j->depth - 1) & 1) != 0;
}

/* Between two items: passes over the comma, or over the closing bracket. True
 * if an item follows. */
static bool
next_item(struct mesh_json *j, char close, const char *what)
{
	bool comma = false;

	if (!begin(j))
		return false;
	if (!j->first) {
		if (at(j) == ',') {
			comma = true;
			j->pos++;
			skip_blanks(j);
		} else if (at(j) != close) {
			fail(j, what);
			return false;
		}
	}
	j->first = false;
	if (j->err != MESH_OK)
		return false;
	if (at(j) != close)
		return true;
	if (comma && !(j->flags & MESH_JSON_HUJSON)) {
		fail(j, "comma before the end");
		return false;
	}
	j->pos++;
	j->depth--;
	return false;
}

bool
mesh_json_element(struct mesh_json *j)
{
	if (j->err == MESH_OK && (j->depth == 0 || in_object(j)))
		fail_at(j, MESH_ERR_STATE, j->pos, "not in an array");
	return next_item(j, ']', "expected ',' or ']'");
}

bool
mesh_json_member(struct mesh_json *j, struct mesh_str *out_name)
{
	*out_name = (struct mesh_str){"", 0};
	if (j->err == MESH_OK && !in_object(j))
		fail_at(j, MESH_ERR_STATE, j->pos, "not in an object");
	if (!next_item(j, '}', "expected ',' or '}'"))
		return false;
	if (at(j) != '"') {
		fail(j, "expected a name in double quotes");
		return false;
	}
	*out_name = mesh_json_string(j);
	if (j->err != MESH_OK)
		return false;
	skip_blanks(j);
	if (at(j) != ':') {
		fail(j, "expected ':'");
		return false;
	}
	j->pos++;
	return j->err == MESH_OK;
}

/* --- words and numbers */

static bool
word(struct mesh_json *j, const char *w)
{
	if (!starts_with(j, w))
		return false;
	j->pos += strlen(w);
	return true;
}

bool
mesh_json_null(struct mesh_json *j)
{
	return begin(j) && word(j, "null");
}

bool
mesh_json_bool(struct mesh_json *j)
{
	if (!begin(j))
		return false;
	if (word(j, "true"))
		return true;
	if (!word(j, "false"))
		fail(j, "expected true or false");
	return false;
}

static size_t
pass_digits(struct mesh_json *j)
{
	size_t from = j->pos;

	while (at(j) >= '0' && at(j) <= '9')
		j->pos++;
	return j->pos - from;
}

/* The text of a number, by the grammar of RFC 8259; *out_whole if it has
 * neither fraction nor exponent. Empty on error. */
static struct mesh_str
number(struct mesh_json *j, bool *out_whole)
{
	size_t from, lead;

	*out_whole = true;
	if (!begin(j))
		return (struct mesh_str){"", 0};
	from = j->pos;
	if (at(j) == '-')
		j->pos++;
	lead = j->pos;
	if (pass_digits(j) == 0) {
		fail_at(j, MESH_ERR_FORMAT, from, "expected a number");
	} else if (j->text[lead] == '0' && j->pos - lead > 1) {
		fail_at(j, MESH_ERR_FORMAT, from, "number with leading zero");
	}
	if (at(j) == '.') {
		*out_whole = false;
		j->pos++;
		if (pass_digits(j) == 0)
			fail(j, "expected a digit");
	}
	if (at(j) == 'e' || at(j) == 'E') {
		*out_whole = false;
		j->pos++;
		if (at(j) == '+' || at(j) == '-')
			j->pos++;
		if (pass_digits(j) == 0)
			fail(j, "expected a digit");
	}
	if (j->err != MESH_OK)
		return (struct mesh_str){"", 0};
	return (struct mesh_str){j->text + from, j->pos - from};
}

static uint64_t
magnitude(struct mesh_json *j, bool *out_negative)
{
	bool whole;
	struct mesh_str s = number(j, &whole);
	uint64_t v = 0;

	*out_negative = s.len > 0 && s.p[0] == '-';
	if (*out_negative) {
		s.p++;
		s.len--;
	}
	if (s.len > 0 && !whole)
		mesh_json_fail(j, MESH_ERR_FORMAT, "expected a whole number");
	else if (s.len > 0 && mesh_parse_u64(s, UINT64_MAX, &v) != MESH_OK)
		mesh_json_fail(j, MESH_ERR_LIMIT, "number out of range");
	return v;
}

int64_t
mesh_json_int(struct mesh_json *j, int64_t min, int64_t max)
{
	bool negative;
	uint64_t v = magnitude(j, &negative);
	int64_t i;

	if (j->err != MESH_OK)
		return 0;
	if (v > (uint64_t)INT64_MAX + negative) {
		mesh_json_fail(j, MESH_ERR_LIMIT, "number out of range");
		return 0;
	}
	i = negative ? (int64_t)(0 - v) : (int64_t)v;
	if (i < min || i > max) {
		mesh_json_fail(j, MESH_ERR_LIMIT, "number out of range");
		return 0;
	}
	return i;
}

uint64_t
mesh_json_uint(struct mesh_json *j, uint64_t max)
{
	bool negative;
	uint64_t v = magnitude(j, &negative);

	if (j->err != MESH_OK)
		return 0;
	if ((negative && v != 0) || v > max) {
		mesh_json_fail(j, MESH_ERR_LIMIT, "number out of range");
		return 0;
	}
	return v;
}

double
mesh_json_double(struct mesh_json *j)
{
	bool whole;
	struct mesh_str s = number(j, &whole);
	char text[64];
	double v;

	if (s.len == 0)
		return 0;
	if (mesh_str_copy(s, text, sizeof(text)) != MESH_OK) {
		mesh_json_fail(j, MESH_ERR_LIMIT, "number too long");
		return 0;
	}
	v = strtod(text, NULL);
	if (!isfinite(v)) {
		mesh_json_fail(j, MESH_ERR_LIMIT, "number out of range");
		return 0;
	}
	return v;
}

/* --- text */

/* The cursor stands behind the opening quote; moves it behind the closing one.
 * Returns the raw text between them. *out_plain: no escapes, only ASCII. */
static struct mesh_str
raw_string(struct mesh_json *j, bool *out_plain)
{
	size_t from;

	*out_plain = true;
	if (!begin(j))
		return (struct mesh_str){"", 0};
	if (at(j) != '"') {
		fail(j, "expected a text in double quotes");
		return (struct mesh_str){"", 0};
	}
	from = ++j->pos;
	for (; j->pos < j->len; j->pos++) {
		uint8_t c = (uint8_t)j->text[j->pos];

		if (c == '"') {
			j->pos++;
			return (struct mesh_str){j->text + from,
			    j->pos - 1 - from};
		}
		if (c < 0x20) {
			fail(j, "control character in a text");
			return (struct mesh_str){"", 0};
		}
		*out_plain &= c != '\\' && c < 0x80;
		if (c == '\\')
			j->pos++;
	}
	j->pos = j->len;
	fail_at(j, MESH_ERR_FORMAT, from - 1, "text without an end");
	return (struct mesh_str){"", 0};
}

/* Appends a code point as UTF-8. */
static void
put_rune(char *out, size_t *len, uint32_t r)
{
	uint8_t *p = (uint8_t *)out + *len;

	if (r < 0x80) {
		p[0] = (uint8_t)r;
		*len += 1;
	} else if (r < 0x800) {
		p[0] = (uint8_t)(0xc0 | r >> 6);
		p[1] = (uint8_t)(0x80 | (r & 0x3f));
		*len += 2;
	} else if (r < 0x10000) {
		p[0] = (uint8_t)(0xe0 | r >> 12);
		p[1] = (uint8_t)(0x80 | (r >> 6 & 0x3f));
		p[2] = (uint8_t)(0x80 | (r & 0x3f));
		*len += 3;
	} else {
		p[0] = (uint8_t)(0xf0 | r >> 18);
		p[1] = (uint8_t)(0x80 | (r >> 12 & 0x3f));
		p[2] = (uint8_t)(0x80 | (r >> 6 & 0x3f));
		p[3] = (uint8_t)(0x80 | (r & 0x3f));
		*len += 4;
	}
}

#define RUNE_BAD 0xfffdu /* the replacement character */

/* Four hex digits at s[0..4), or -1. */
static int32_t
hex4(struct mesh_str s)
{
	uint8_t b[2];

	if (s.len < 4 ||
	    mesh_hex_decode((struct mesh_str){s.p, 4}, b, 2) != MESH_OK)
		return -1;
	return b[0] << 8 | b[1];
}

/* "\uXXXX", and its second half when it is a surrogate pair; s stands behind the
 * "u". False if the digits are wrong. */
static bool
take_unicode(struct mesh_str *s, uint32_t *out)
{
	int32_t hi = hex4(*s), lo;

	if (hi < 0)
		return false;
	s->p += 4;
	s->len -= 4;
	*out = (uint32_t)hi;
	if (hi < 0xd800 || hi > 0xdfff)
		return true;
	*out = RUNE_BAD;
	if (hi > 0xdbff || s->len < 6 || s->p[0] != '\\' || s->p[1] != 'u')
		return true;
	lo = hex4((struct mesh_str){s->p + 2, s->len - 2});
	if (lo < 0xdc00 || lo > 0xdfff)
		return true; /* alone; what follows is read by itself */
	*out = 0x10000u + ((uint32_t)(hi - 0xd800) << 10) +
	    (uint32_t)(lo - 0xdc00);
	s->p += 6;
	s->len -= 6;
	return true;
}

static bool
take_escape(struct mesh_str *s, uint32_t *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c;

	if (s->len == 0)
		return false;
	c = s->p[0];
	s->p++;
	s->len--;
	if (c == 'u')
		return take_unicode(s, out);
	found = c ? strchr(from, c) : NULL;
	if (found == NULL)
		return false;
	*out = (uint8_t)to[found - from];
	return true;
}

/* One code point of UTF-8; a byte that begins no valid sequence (too long,
 * surrogate, past U+10FFFF) counts as one bad rune, as in Go. */
static uint32_t
take_utf8(struct mesh_str *s)
{
	const uint8_t *p = (const uint8_t *)s->p;
	unsigned more = p[0] < 0x80 ? 0
	    : p[0] >= 0xc2 && p[0] < 0xe0 ? 1
	    : p[0] >= 0xe0 && p[0] < 0xf0 ? 2
	    : p[0] >= 0xf0 && p[0] < 0xf5 ? 3
					  : 4;
	uint32_t r = more == 0 ? p[0] : p[0] & (0x3fu >> more);
	bool ok = more < 4 && s->len > more;

	for (unsigned i = 1; ok && i <= more; i++) {
		ok = (p[i] & 0xc0) == 0x80;
		r = r << 6 | (p[i] & 0x3fu);
	}
	ok = ok && (more != 2 || (r >= 0x800 && (r < 0xd800 || r > 0xdfff))) &&
	    (more != 3 || (r >= 0x10000 && r <= 0x10ffff));
	s->p += ok ? more + 1 : 1;
	s->len -= ok ? more + 1 : 1;
	return ok ? r : RUNE_BAD;
}

/* Decodes raw into out[cap]. */
static struct mesh_str
decode(struct mesh_json *j, struct mesh_str raw, char *out, size_t cap)
{
	size_t len = 0;

	while (raw.len > 0) {
		uint32_t r;

		if (len + 4 > cap) {
			mesh_json_fail(j, MESH_ERR_LIMIT,
			    "text with escapes is too long");
			return (struct mesh_str){"", 0};
		}
		if (raw.p[0] != '\\') {
			r = take_utf8(&raw);
		} else {
			raw.p++;
			raw.len--;
			if (!take_escape(&raw, &r)) {
				fail_at(j, MESH_ERR_FORMAT,
				    (size_t)(raw.p - j->text),
				    "unknown escape in a text");
				return (struct mesh_str){"", 0};
			}
		}
		put_rune(out, &len, r);
	}
	return (struct mesh_str){out, len};
}

/* Nothing to decode: no escape, and valid UTF-8. */
static bool
is_clean(struct mesh_str s)
{
	while (s.len > 0) {
		if (s.p[0] == '\\')
			return false;
		if (take_utf8(&s) == RUNE_BAD)
			return false;
	}
	return true;
}

struct mesh_str
mesh_json_string(struct mesh_json *j)
{
	bool plain;
	struct mesh_str raw = raw_string(j, &plain);

	if (j->err != MESH_OK)
		return (struct mesh_str){"", 0};
	return plain || is_clean(raw)
	    ? raw : decode(j, raw, j->scratch, sizeof(j->scratch));
}

struct mesh_str
mesh_json_text(struct mesh_json *j, struct mesh_arena *a)
{
	bool plain;
	struct mesh_str raw = raw_string(j, &plain);
	/* A byte that is no UTF-8 becomes three. */
	size_t cap = 3 * raw.len + 4;
	char *out;

	if (j->err != MESH_OK)
		return (struct mesh_str){"", 0};
	if (plain || is_clean(raw))
		return raw;
	if (cap <= sizeof(j->scratch))
		return decode(j, raw, j->scratch, sizeof(j->scratch));
	out = mesh_arena_calloc(a, cap, 1);
	if (out == NULL) {
		mesh_json_fail(j, MESH_ERR_LIMIT, "text is too long");
		return (struct mesh_str){"", 0};
	}
	return decode(j, raw, out, cap);
}

/* --- whole values */

/* Passes over the text without decoding; its escapes are checked all the same. */
static void
skip_string(struct mesh_json *j)
{
	bool plain;
	struct mesh_str raw = raw_string(j, &plain);
	uint32_t r;

	while (!plain && raw.len > 0) {
		if (raw.p[0] != '\\') {
			(void)take_utf8(&raw);
			continue;
		}
		raw.p++;
		raw.len--;
		if (!take_escape(&raw, &r)) {
			fail_at(j, MESH_ERR_FORMAT, (size_t)(raw.p - j->text),
			    "unknown escape in a text");
			return;
		}
	}
}

static void
skip_name(struct mesh_json *j)
{
	if (at(j) != '"') {
		fail(j, "expected a name in double quotes");
		return;
	}
	skip_string(j);
	skip_blanks(j);
	if (at(j) == ':')
		j->pos++;
	else
		fail(j, "expected ':'");
}

/* A value that is no container; or enters one, and says so. */
static bool
skip_scalar(struct mesh_json *j)
{
	bool whole;

	switch (mesh_json_peek(j)) {
	case MESH_JSON_OBJECT:
		mesh_json_object(j);
		return false;
	case MESH_JSON_ARRAY:
		mesh_json_array(j);
		return false;
	case MESH_JSON_STRING:
		skip_string(j);
		break;
	case MESH_JSON_NUMBER:
		(void)number(j, &whole);
		break;
	case MESH_JSON_BOOL:
		(void)mesh_json_bool(j);
		break;
	case MESH_JSON_NULL:
		if (!mesh_json_null(j))
			fail(j, "expected null");
		break;
	case MESH_JSON_INVALID:
		fail(j, j->pos < j->len ? "expected a value"
					: "the text ends too early");
	}
	return true;
}

void
mesh_json_skip(struct mesh_json *j)
{
	unsigned base = j->depth;

	if (skip_scalar(j))
		return;
	/* A loop, not recursion: the depth is bounded by enter(). */
	while (j->err == MESH_OK && j->depth > base) {
		bool object = in_object(j);

		if (!next_item(j, object ? '}' : ']',
			object ? "expected ',' or '}'" : "expected ',' or ']'"))
			continue;
		if (object)
			skip_name(j);
		skip_scalar(j);
	}
}

struct mesh_str
mesh_json_raw(struct mesh_json *j)
{
	size_t from;

	if (!begin(j))
		return (struct mesh_str){"", 0};
	from = j->pos;
	mesh_json_skip(j);
	if (j->err != MESH_OK)
		return (struct mesh_str){"", 0};
	return (struct mesh_str){j->text + from, j->pos - from};
}

/* --- the end */

size_t
mesh_json_offset(const struct mesh_json *j)
{
	return j->value;
}

void
mesh_json_locate(struct mesh_str text, size_t offset, unsigned *out_line,
    unsigned *out_column)
{
	size_t start = 0;

	*out_line = 1;
	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.p[i] != '\n')
			continue;
		++*out_line;
		start = i + 1;
	}
	*out_column = (unsigned)(offset - start) + 1;
}

void
mesh_json_where(const struct mesh_json *j, unsigned *out_line,
    unsigned *out_column)
{
	size_t pos = j->err != MESH_OK ? j->err_pos : j->pos;

	mesh_json_locate((struct mesh_str){j->text, j->len}, pos, out_line,
	    out_column);
}

int
mesh_json_done(struct mesh_json *j, struct mesh_diag *diag)
{
	unsigned line, column;

	if (j->err == MESH_OK && j->depth > 0)
		fail_at(j, MESH_ERR_STATE, j->pos, "value not read to its end");
	if (j->err == MESH_OK) {
		skip_blanks(j);
		if (j->pos < j->len)
			fail(j, "something follows the value");
	}
	if (j->err == MESH_OK)
		return MESH_OK;
	mesh_json_where(j, &line, &column);
	return mesh_fail(diag, j->err, "line %u, column %u: %s", line, column,
	    j->err_text);
}
