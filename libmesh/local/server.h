/* SPDX-License-Identifier: ISC
 * server.h - the daemon's side of one local API connection: bytes in, requests
 * out; answers written to a buffer.
 *
 * Source: protocol/services.md 1.3. Requests are served one after the other on a
 * connection (keep-alive); a stream ends it. Browsers are kept out: a Host other
 * than "local-tailscaled.sock" (or none), or any Origin or Referer, is 403.
 *
 *	mesh_local_conn_input(&c, data, len);
 *	while (mesh_local_conn_next(&c, &req) == MESH_OK)
 *		... answer with mesh_local_answer(&out, ...) ...
 *
 * After an error `out` has the answer that says so, and `closing` is set: write
 * what is in `out`, then close.
 */
#ifndef MESH_LOCAL_SERVER_H
#define MESH_LOCAL_SERVER_H

#include "base/buf.h"
#include "base/text.h"

#define MESH_LOCAL_BODY_MAX (1u << 20)	 /* bytes of a request's body */
#define MESH_LOCAL_OUT_MAX (64u << 20)	 /* bytes waiting to be written */
#define MESH_LOCAL_QUERY_MAX 256u	 /* bytes of a decoded query value */

struct mesh_local_request {
	struct mesh_str method; /* "GET" */
	struct mesh_str name;	/* behind "/localapi/v0/", before '?' */
	struct mesh_str query;	/* behind '?', as it stands */
	struct mesh_str body;
};

struct mesh_local_conn {
	struct mesh_buf in;  /* private */
	struct mesh_buf out; /* what to write; consume what was written */
	struct mesh_buf body; /* private: of a chunked request, put together */
	size_t taken;	     /* bytes of `in` that the last request took */
	bool closing;	     /* close when `out` is empty */
	bool streaming;	     /* chunks follow; no more requests */
	const char *version; /* of the daemon, borrowed */
};

void mesh_local_conn_init(struct mesh_local_conn *c, const char *version);
void mesh_local_conn_release(struct mesh_local_conn *c);

/* Bytes from the client. MESH_ERR_LIMIT: more than a request may have. */
int mesh_local_conn_input(struct mesh_local_conn *c, const void *data,
    size_t len);
/* The next whole request; borrowed until the next call. MESH_ERR_AGAIN: not
 * yet; other errors as described above. */
int mesh_local_conn_next(struct mesh_local_conn *c,
    struct mesh_local_request *out);

/* A query value, decoded; false if it is absent, malformed or too long. */
bool mesh_local_query(const struct mesh_local_request *r, const char *name,
    char out[static MESH_LOCAL_QUERY_MAX]);

/* A whole answer. type: "application/json" ... */
void mesh_local_answer(struct mesh_local_conn *c, unsigned status,
    const char *type, struct mesh_str body);
/* {"error":"..."} with a status. */
void mesh_local_answer_error(struct mesh_local_conn *c, unsigned status,
    const char *text);
/* 204. */
void mesh_local_answer_nothing(struct mesh_local_conn *c);

/* Begin a stream of JSON lines; then pieces, until the connection ends. */
void mesh_local_stream_begin(struct mesh_local_conn *c);
void mesh_local_stream_add(struct mesh_local_conn *c, struct mesh_str piece);

#endif
