/* SPDX-License-Identifier: ISC
 * json.h - JSON (RFC 8259) and HuJSON: a pull reader and a writer, both bounded.
 *
 * The reader walks a text that lies in memory whole and allocates nothing.
 * Errors stick: after one, every call gives false, 0 or an empty text; ask
 * mesh_json_done() (or mesh_json_err()) at the end, before the values are used.
 *
 *	mesh_json_init(&j, text, len, 0);
 *	mesh_json_object(&j);
 *	while (mesh_json_member(&j, &name)) {
 *		if (mesh_str_eq(name, "port"))
 *			port = mesh_json_uint(&j, UINT16_MAX);
 *		else
 *			mesh_json_skip(&j);
 *	}
 *	err = mesh_json_done(&j, diag);
 *
 * Every value must be read or skipped. HuJSON adds comments and trailing commas.
 * Duplicate names are handed out as they come (the last one wins, as in Go).
 * Invalid UTF-8 and unpaired surrogates become U+FFFD, as in Go's encoding/json.
 * Proved on tests/unit/json (the cases of the public JSON test suite's kinds).
 */
#ifndef MESH_BASE_JSON_H
#define MESH_BASE_JSON_H

#include <base/arena.h>
#include <base/buf.h>
#include <base/text.h>

#define MESH_JSON_DEPTH 64u /* nested arrays and objects */
/* Longest text with escapes that mesh_json_string() can decode; texts without
 * escapes are borrowed from the input at any length. */
#define MESH_JSON_SCRATCH 4096u

#define MESH_JSON_HUJSON 1u /* flag: comments and trailing commas */

enum mesh_json_type {
	MESH_JSON_INVALID, /* end of text, or an error before */
	MESH_JSON_NULL,
	MESH_JSON_BOOL,
	MESH_JSON_NUMBER,
	MESH_JSON_STRING,
	MESH_JSON_ARRAY,
	MESH_JSON_OBJECT,
};

struct mesh_json { /* private */
	const char *text;
	size_t len;
	size_t pos;
	size_t value; /* where the value read last begins */
	unsigned flags;
	int err;
	size_t err_pos;
	const char *err_text;
	unsigned depth;
	bool first;	/* no element of the innermost container read yet */
	uint64_t is_object; /* a bit per depth */
	char scratch[MESH_JSON_SCRATCH];
};

/* text is borrowed until the last call. */
void mesh_json_init(struct mesh_json *j, const char *text, size_t len,
    unsigned flags);

/* The type of the next value, which is not consumed. */
enum mesh_json_type mesh_json_peek(struct mesh_json *j);

/* Enter an object or array; anything else is an error. */
void mesh_json_object(struct mesh_json *j);
void mesh_json_array(struct mesh_json *j);
/* The next member (its name is borrowed until the next call that reads text),
 * or the next element; false at the end, which is consumed, and on error. */
bool mesh_json_member(struct mesh_json *j, struct mesh_str *out_name);
bool mesh_json_element(struct mesh_json *j);

/* True and consumed if the next value is null; else nothing happens. */
bool mesh_json_null(struct mesh_json *j);
bool mesh_json_bool(struct mesh_json *j);
/* Integers only (1e3 and 1.0 are not); out of range is an error. */
int64_t mesh_json_int(struct mesh_json *j, int64_t min, int64_t max);
uint64_t mesh_json_uint(struct mesh_json *j, uint64_t max);
double mesh_json_double(struct mesh_json *j);
/* Decoded text, borrowed until the next call that reads text. */
struct mesh_str mesh_json_string(struct mesh_json *j);
/* The same at any length: a long text with escapes is decoded into the arena. */
struct mesh_str mesh_json_text(struct mesh_json *j, struct mesh_arena *a);
/* The source of the next value, which is passed over; borrowed from the input.
 */
struct mesh_str mesh_json_raw(struct mesh_json *j);
void mesh_json_skip(struct mesh_json *j);

/* Makes an error of the caller's at the value read last ("unknown protocol").
 * what: static text. The first error stays. */
void mesh_json_fail(struct mesh_json *j, int err, const char *what);

/* MESH_OK if no error so far. */
int mesh_json_err(const struct mesh_json *j);
/* MESH_OK if there was no error and nothing but blanks is left. diag (may be
 * NULL): "line 3, column 14: expected ',' or '}'". */
int mesh_json_done(struct mesh_json *j, struct mesh_diag *diag);
/* Where the reader stands (or failed), from 1; columns in bytes. */
void mesh_json_where(const struct mesh_json *j, unsigned *out_line,
    unsigned *out_column);
/* Where the value read last begins, in bytes from the start; and the line and
 * column of such a place, for complaints that come up later. */
size_t mesh_json_offset(const struct mesh_json *j);
void mesh_json_locate(struct mesh_str text, size_t offset, unsigned *out_line,
    unsigned *out_column);

/* --- writer: appends to a mesh_buf, commas and nesting are its business.
 * Output is Go's: no blanks, '<', '>', '&', U+2028, U+2029 escaped as \u00XX,
 * or indented by tabs when `indent` was asked for. Errors: buf->failed. */

struct mesh_jw { /* private */
	struct mesh_buf *out;
	unsigned depth;
	bool indent;
	bool comma;   /* a value precedes in this container */
	bool after_name;
};

void mesh_jw_init(struct mesh_jw *w, struct mesh_buf *out, bool indent);
void mesh_jw_object(struct mesh_jw *w);
void mesh_jw_end_object(struct mesh_jw *w);
void mesh_jw_array(struct mesh_jw *w);
void mesh_jw_end_array(struct mesh_jw *w);
void mesh_jw_name(struct mesh_jw *w, const char *name);
void mesh_jw_null(struct mesh_jw *w);
void mesh_jw_bool(struct mesh_jw *w, bool v);
void mesh_jw_int(struct mesh_jw *w, int64_t v);
void mesh_jw_uint(struct mesh_jw *w, uint64_t v);
void mesh_jw_double(struct mesh_jw *w, double v);
void mesh_jw_str(struct mesh_jw *w, struct mesh_str s);
void mesh_jw_string(struct mesh_jw *w, const char *s); /* NULL: "" */
/* A value that is JSON already. */
void mesh_jw_raw(struct mesh_jw *w, struct mesh_str json);

#endif
