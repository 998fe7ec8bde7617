/* SPDX-License-Identifier: ISC
 * text.h - text without surprises: slices, bounded formatting, hex, base64,
 * numbers, durations, addresses, RFC 3339 time.
 */
#ifndef MESH_BASE_TEXT_H
#define MESH_BASE_TEXT_H

#include <mesh/base.h>
#include <stdarg.h>
#include <string.h>

/* Borrowed text, not terminated. */
struct mesh_str {
	const char *p;
	size_t len; /* bytes */
};

#define MESH_STR(lit) ((struct mesh_str){lit, sizeof(lit) - 1})
/* For printf's "%.*s". */
#define MESH_STR_ARG(s) (int)(s).len, (s).p

static inline struct mesh_str
mesh_str(const char *s)
{
	return (struct mesh_str){s, s ? strlen(s) : 0};
}

static inline bool
mesh_str_eq(struct mesh_str a, const char *b)
{
	return a.len == strlen(b) && (a.len == 0 || !memcmp(a.p, b, a.len));
}

bool mesh_str_has_prefix(struct mesh_str s, const char *prefix);
/* Without blanks (space, tab, CR, LF) at both ends. */
struct mesh_str mesh_str_trim(struct mesh_str s);
/* Cuts at the first sep: the part before it, *s the part behind it; without a
 * sep the whole, and *s becomes {NULL, 0}. */
struct mesh_str mesh_str_cut(struct mesh_str *s, char sep);

/* Like snprintf, but truncation is an error: MESH_OK or MESH_ERR_LIMIT (out is
 * terminated then too, if size > 0). */
int mesh_format(char *out, size_t size, const char *fmt, ...) MESH_PRINTF(3, 4);
/* A detail into diag (may be NULL); returns err, so that a parser can
 * `return mesh_fail(diag, MESH_ERR_FORMAT, "line %u: ...", n)`. */
int mesh_fail(struct mesh_diag *diag, int err, const char *fmt, ...)
    MESH_PRINTF(3, 4);

/* Copies into out[size] with a NUL; MESH_ERR_LIMIT if it does not fit,
 * MESH_ERR_FORMAT if s has a NUL inside. */
int mesh_str_copy(struct mesh_str s, char *out, size_t size);

/* Lower-case hex; out has room for 2 * len + 1. Constant time in the bytes. */
void mesh_hex_encode(const uint8_t *p, size_t len, char *out);
/* Exactly len bytes from 2 * len digits of either case; MESH_ERR_FORMAT.
 * Constant time in the digits' values. */
int mesh_hex_decode(struct mesh_str hex, uint8_t *out, size_t len);

/* Standard base64 with padding. Encoded length without NUL: */
#define MESH_BASE64_LEN(len) (((len) + 2) / 3 * 4)
void mesh_base64_encode(const uint8_t *p, size_t len, char *out);
/* Decodes at most max bytes; MESH_ERR_FORMAT, MESH_ERR_LIMIT. */
int mesh_base64_decode(struct mesh_str text, uint8_t *out, size_t max,
    size_t *out_len);

/* Percent-decoding, of a path segment or a query value; room for NUL. '+' stays.
 * MESH_ERR_FORMAT: malformed, or a NUL in it; MESH_ERR_LIMIT. */
int mesh_url_decode(struct mesh_str s, char *out, size_t size);

/* Decimal digits only, no sign, no blanks; MESH_ERR_FORMAT, MESH_ERR_LIMIT. */
int mesh_parse_u64(struct mesh_str s, uint64_t max, uint64_t *out);

/* "500ms", "10s", "5m", "1h", "1h30m", "1.5h": Go's form of a duration. In ns.
 */
int mesh_parse_duration(struct mesh_str s, uint64_t *out_ns);

/* The time of day: seconds since 1970 and nanoseconds. The zero value is
 * "0001-01-01T00:00:00Z", which is how Go writes "no time": sec is then
 * MESH_WALL_ZERO_SEC. */
struct mesh_wall {
	int64_t sec;
	uint32_t nsec;
};
#define MESH_WALL_ZERO_SEC INT64_C(-62135596800)
#define MESH_WALL_ZERO ((struct mesh_wall){MESH_WALL_ZERO_SEC, 0})
#define MESH_RFC3339_MAX sizeof("2006-01-02T15:04:05.999999999+00:00")

static inline bool
mesh_wall_is_zero(struct mesh_wall w)
{
	return w.sec == MESH_WALL_ZERO_SEC && w.nsec == 0;
}

/* RFC 3339 with any offset in; UTC with the needed digits of the fraction
 * (none for whole seconds) out. */
int mesh_wall_parse(struct mesh_str s, struct mesh_wall *out);
void mesh_wall_format(struct mesh_wall w, char out[static MESH_RFC3339_MAX]);

#endif
