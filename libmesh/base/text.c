/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <stdio.h>

bool
mesh_str_has_prefix(struct mesh_str s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.p, prefix, len) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct mesh_str
mesh_str_trim(struct mesh_str s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

struct mesh_str
mesh_str_cut(struct mesh_str *s, char sep)
{
	const char *at = s->len ? memchr(s->p, sep, s->len) : NULL;
	struct mesh_str head = *s;

	if (at == NULL) {
		*s = (struct mesh_str){NULL, 0};
		return head;
	}
	head.len = (size_t)(at - s->p);
	*s = (struct mesh_str){at + 1, s->len - head.len - 1};
	return head;
}

int
mesh_format(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(out, size, fmt, ap);
	va_end(ap);
	return len >= 0 && (size_t)len < size ? MESH_OK : MESH_ERR_LIMIT;
}

int
mesh_fail(struct mesh_diag *diag, int err, const char *fmt, ...)
{
	va_list ap;

	if (diag != NULL) {
		va_start(ap, fmt);
		vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
		va_end(ap);
	}
	return err;
}

int
mesh_str_copy(struct mesh_str s, char *out, size_t size)
{
	if (s.len >= size)
		return MESH_ERR_LIMIT;
	if (s.len > 0 && memchr(s.p, 0, s.len) != NULL)
		return MESH_ERR_FORMAT;
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = 0;
	return MESH_OK;
}

int
mesh_url_decode(struct mesh_str s, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c == '%') {
			struct mesh_str hex = {s.p + i + 1, 2};

			if (s.len - i < 3 ||
			    mesh_hex_decode(hex, &c, 1) != MESH_OK)
				return MESH_ERR_FORMAT;
			i += 2;
		}
		if (c == '\0')
			return MESH_ERR_FORMAT;
		if (len + 1 >= size)
			return MESH_ERR_LIMIT;
		out[len++] = (char)c;
	}
	if (size == 0)
		return MESH_ERR_LIMIT;
	out[len] = '\0';
	return MESH_OK;
}

int
mesh_parse_u64(struct mesh_str s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0)
		return MESH_ERR_FORMAT;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return MESH_ERR_FORMAT;
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v) ||
		    v > max)
			return MESH_ERR_LIMIT;
	}
	*out = v;
	return MESH_OK;
}

static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{"ns", 1},
	{"us", MESH_US},
	{"ms", MESH_MS},
	{"s", MESH_SEC},
	{"m", MESH_MIN},
	{"h", MESH_HOUR},
	{"d", 24 * MESH_HOUR},
};

static uint64_t
duration_unit(struct mesh_str name)
{
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(*duration_units);
	     i++)
		if (mesh_str_eq(name, duration_units[i].name))
			return duration_units[i].ns;
	return 0;
}

static size_t
digits(struct mesh_str s)
{
	size_t n = 0;

	while (n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

/* The fraction of one unit: ".25" of a second is 250 ms. */
static uint64_t
duration_fraction(struct mesh_str frac, uint64_t unit)
{
	uint64_t ns = 0, scale = unit;

	for (size_t i = 0; i < frac.len && scale >= 10; i++) {
		scale /= 10;
		ns += (uint64_t)(frac.p[i] - '0') * scale;
	}
	return ns;
}

static int
duration_part(struct mesh_str *s, uint64_t *out_ns)
{
	struct mesh_str num = {s->p, digits(*s)}, frac = {NULL, 0}, unit;
	uint64_t n, scale;
	int err = mesh_parse_u64(num, UINT64_MAX, &n);

	if (err != MESH_OK)
		return err;
	s->p += num.len;
	s->len -= num.len;
	if (s->len > 0 && s->p[0] == '.') {
		frac = (struct mesh_str){s->p + 1, s->len - 1};
		frac.len = digits(frac);
		if (frac.len == 0)
			return MESH_ERR_FORMAT;
		s->p += 1 + frac.len;
		s->len -= 1 + frac.len;
	}
	unit = (struct mesh_str){s->p, 0};
	while (unit.len < s->len && s->p[unit.len] >= 'a' &&
	    s->p[unit.len] <= 'z')
		unit.len++;
	s->p += unit.len;
	s->len -= unit.len;
	scale = duration_unit(unit);
	if (scale == 0)
		return MESH_ERR_FORMAT;
	if (__builtin_mul_overflow(n, scale, &n) ||
	    __builtin_add_overflow(n, duration_fraction(frac, scale), &n))
		return MESH_ERR_LIMIT;
	*out_ns = n;
	return MESH_OK;
}

int
mesh_parse_duration(struct mesh_str s, uint64_t *out_ns)
{
	uint64_t sum = 0, part;

	if (mesh_str_eq(s, "0")) {
		*out_ns = 0;
		return MESH_OK;
	}
	if (s.len == 0)
		return MESH_ERR_FORMAT;
	while (s.len > 0) {
		int err = duration_part(&s, &part);

		if (err != MESH_OK)
			return err;
		if (__builtin_add_overflow(sum, part, &sum))
			return MESH_ERR_LIMIT;
	}
	*out_ns = sum;
	return MESH_OK;
}
