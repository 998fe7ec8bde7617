/* SPDX-License-Identifier: ISC
 * wire/http.h - HTTP/1.1 heads (RFC 9112): upgrades, small requests, small
 * answers. A strict parser on the caller's buffer, and a writer.
 *
 * Collect bytes; call the parser each time more have come: MESH_ERR_AGAIN asks
 * for more, MESH_OK gives a head that borrows from the buffer, and `len` says
 * where the body (or, after an upgrade, the other protocol) begins.
 *
 * Refused, because two readers could disagree about it: bare CR or LF, folded
 * lines, blanks before a colon, control characters, an empty or odd field name,
 * both Content-Length and Transfer-Encoding, differing Content-Lengths, a
 * transfer coding other than "chunked", versions other than HTTP/1.0 and 1.1.
 */
#ifndef MESH_WIRE_HTTP_H
#define MESH_WIRE_HTTP_H

#include "base/buf.h"
#include "base/text.h"

#define MESH_HTTP_HEAD_MAX 8192u /* bytes with the empty line */
#define MESH_HTTP_FIELDS_MAX 64u

struct mesh_http_field {
	struct mesh_str name, value; /* value: without blanks around it */
};

enum mesh_http_body {
	MESH_HTTP_BODY_NONE,
	MESH_HTTP_BODY_LENGTH,  /* body_len bytes */
	MESH_HTTP_BODY_CHUNKED, /* mesh_http_chunks takes it apart */
	MESH_HTTP_BODY_CLOSE,   /* responses: until the connection ends */
};

struct mesh_http_head {
	struct mesh_str method, target; /* request; target is never empty */
	unsigned status;                /* response: 100-999 */
	struct mesh_str reason;         /* response: may be empty */
	unsigned minor;                 /* HTTP/1.minor */
	struct mesh_http_field fields[MESH_HTTP_FIELDS_MAX];
	size_t field_count;
	enum mesh_http_body body;
	uint64_t body_len;
	size_t len; /* bytes of the head */
};

/* MESH_OK, MESH_ERR_AGAIN, MESH_ERR_FORMAT, MESH_ERR_LIMIT (longer than
 * MESH_HTTP_HEAD_MAX, or too many fields), MESH_ERR_VERSION. out is untouched
 * but for MESH_OK. */
int mesh_http_request_parse(const void *buf, size_t len,
    struct mesh_http_head *out);
int mesh_http_response_parse(const void *buf, size_t len,
    struct mesh_http_head *out);

/* The first field of that name, in any case of letters; or {NULL, 0}. */
struct mesh_str mesh_http_field(const struct mesh_http_head *h,
    const char *name);
/* Is token an element of the comma list in a field of that name? In any case of
 * letters: "Connection: keep-alive, Upgrade" has the token "upgrade". */
bool mesh_http_has_token(const struct mesh_http_head *h, const char *name,
    const char *token);
/* Are they the same but for the case of ASCII letters? */
bool mesh_http_equal(struct mesh_str a, const char *b);
/* The target before '?', and the value of a query parameter as it stands (not
 * decoded); {NULL, 0} if there is none. */
struct mesh_str mesh_http_path(const struct mesh_http_head *h);
struct mesh_str mesh_http_query(const struct mesh_http_head *h,
    const char *name);

/* A chunked body, piece by piece. */
struct mesh_http_chunks { /* private, but for done */
	uint64_t left;    /* bytes of the current chunk */
	size_t trailer;   /* bytes of trailer seen */
	uint8_t state;
	bool done; /* the body is whole */
};

#define MESH_HTTP_CHUNKS_INIT ((struct mesh_http_chunks){0})

/* Takes framing and at most one piece of data from the front of buf:
 * *out_used bytes are consumed, *out_data (borrowed, may be empty) is what they
 * carried. MESH_ERR_AGAIN: nothing more to be had from these bytes (used still
 * counts). MESH_ERR_FORMAT, MESH_ERR_LIMIT. */
int mesh_http_chunks_next(struct mesh_http_chunks *c, const void *buf,
    size_t len, size_t *out_used, struct mesh_str *out_data);

/* A head, written in a row; the buffer's `failed` tells in the end. Text with
 * CR, LF or NUL makes it fail: nobody smuggles a field into a value. */
void mesh_http_write_request(struct mesh_buf *b, const char *method,
    const char *target, const char *host);
/* With the usual reason phrase. */
void mesh_http_write_status(struct mesh_buf *b, unsigned status);
void mesh_http_write_field(struct mesh_buf *b, const char *name,
    const char *value);
void mesh_http_write_length(struct mesh_buf *b, uint64_t body_len);
void mesh_http_write_end(struct mesh_buf *b);

#endif
