/* SPDX-License-Identifier: ISC
 * h2.h - HTTP/2 in memory, by nghttp2: what both ends of the control channel
 * share. Bytes in, bytes out; streams are objects of the caller's.
 *
 * A caller embeds struct mesh_h2_stream in its own and gets it back in the
 * calls of struct mesh_h2_ops. What a stream sends is a queue of counted blobs,
 * copied once, into the record that leaves: nothing is buffered in between.
 * Windows are opened by the caller (mesh_h2_consume), so that a reader who does
 * not keep up holds back the other side, not memory.
 * Limits and floods: HARDENING C8. Source: protocol/control.md 3.7.
 */
#ifndef MESH_CONTROL_H2_H
#define MESH_CONTROL_H2_H

#include <base/rd.h>
#include <base/text.h>
#include <control/blob.h>
#include <nghttp2/nghttp2.h>

/* What a client lets a server send before it has consumed it, per stream and
 * for the connection, in bytes. */
#define MESH_H2_CLIENT_WINDOW (256u << 10)
/* Smallest room that mesh_h2_fill() works with: a record's. */
#define MESH_H2_FILL_MIN 1024u
/* Limits against floods. */
#define MESH_H2_SETTINGS_MAX 32u      /* entries of one frame */
#define MESH_H2_CONTINUATIONS_MAX 8u  /* frames behind one HEADERS */
#define MESH_H2_RESETS_BURST 100u     /* streams that the other side opened and
					 reset; then so many a second: */
#define MESH_H2_RESETS_RATE 4u
#define MESH_H2_ACKS_MAX 1000u	      /* that wait to be sent */
#define MESH_H2_FIELDS_MAX (16u << 10) /* bytes of the fields of a head */
/* What nghttp2 lays a frame of ours out in: of no use but within
 * mesh_h2_fill(), so that all sessions of one thread may share it. */
#define MESH_H2_SCRATCH (16u << 10 | 64u)

struct mesh_h2_chunk;

struct mesh_h2_stream { /* zero at first; read id; the rest is private */
	int32_t id;
	bool ended; /* END_STREAM behind what waits */
	size_t offset; /* bytes of first that were sent */
	size_t queued; /* bytes that wait */
	size_t fields; /* bytes of the head that came */
	struct mesh_h2_chunk *first;
	struct mesh_h2_chunk *last;
};

/* Called from within mesh_h2_input() and mesh_h2_fill(); they must not free the
 * mesh_h2. */
struct mesh_h2_ops {
	/* Server: a request begins. The stream, or NULL without memory. */
	struct mesh_h2_stream *(*begin)(void *arg);
	/* A field of the head, or of the trailer; MESH_OK, or the stream is
	 * reset. */
	int (*field)(void *arg, struct mesh_h2_stream *s, struct mesh_str name,
	    struct mesh_str value);
	/* Bytes of the body. They count against the window until consumed. */
	void (*data)(void *arg, struct mesh_h2_stream *s, const uint8_t *p,
	    size_t len);
	/* The other side has said all. */
	void (*end)(void *arg, struct mesh_h2_stream *s);
	/* The stream is over; code as in RST_STREAM. Not touched afterwards:
	 * free it, after mesh_h2_stream_release(). */
	void (*close)(void *arg, struct mesh_h2_stream *s, uint32_t code);
};

struct mesh_h2 { /* read queued and greeted; the rest is private */
	nghttp2_session *session;
	const struct mesh_h2_ops *ops;
	void *arg;
	size_t queued; /* bytes of blobs that wait, of all streams */
	bool greeted;  /* the other side's SETTINGS came */
	struct mesh_wr *room;
	uint8_t *scratch; /* the caller's, or NULL */
	bool scratch_used, starting;
	uint8_t *kept; /* the rest of a frame that did not fit */
	size_t kept_len, kept_sent;
};

struct mesh_h2_field {
	const char *name; /* lower case */
	struct mesh_str value;
};

/* streams: requests that a server admits at a time. scratch: MESH_H2_SCRATCH
 * bytes, which outlive h, or NULL: it has its own. h stays where it is. MESH_OK,
 * MESH_ERR_NOMEM. */
int mesh_h2_init_client(struct mesh_h2 *h, const struct mesh_h2_ops *ops,
    void *arg);
int mesh_h2_init_server(struct mesh_h2 *h, uint32_t streams, uint8_t *scratch,
    const struct mesh_h2_ops *ops, void *arg);
/* Streams are not closed by it: the caller knows them. */
void mesh_h2_release(struct mesh_h2 *h);
/* Drops what waits. */
void mesh_h2_stream_release(struct mesh_h2 *h, struct mesh_h2_stream *s);

/* MESH_OK; MESH_ERR_PROTO: the connection is beyond help, what is left to say
 * (GOAWAY) can still be filled; MESH_ERR_NOMEM. */
int mesh_h2_input(struct mesh_h2 *h, const uint8_t *p, size_t len,
    struct mesh_diag *diag);
/* Writes what is to be sent into out, at most cap (at least
 * MESH_H2_FILL_MIN) bytes; *out_len 0: nothing now. */
int mesh_h2_fill(struct mesh_h2 *h, uint8_t *out, size_t cap,
    size_t *out_len);
bool mesh_h2_wants_write(const struct mesh_h2 *h);
/* Nothing more will be said or heard: GOAWAY was sent or came, and the last
 * stream is closed. */
bool mesh_h2_is_over(const struct mesh_h2 *h);

/* Head of a request (client) or an answer (server) of s; values are copied.
 * body: blobs follow, until mesh_h2_end(). */
int mesh_h2_request(struct mesh_h2 *h, struct mesh_h2_stream *s,
    const struct mesh_h2_field *fields, size_t count, bool body);
int mesh_h2_respond(struct mesh_h2 *h, struct mesh_h2_stream *s,
    const struct mesh_h2_field *fields, size_t count, bool body);
/* Queues b, with a reference of its own. MESH_OK, MESH_ERR_NOMEM. */
int mesh_h2_add(struct mesh_h2 *h, struct mesh_h2_stream *s,
    struct mesh_blob *b);
int mesh_h2_end(struct mesh_h2 *h, struct mesh_h2_stream *s);
/* Bytes that wait behind the blob that is being sent. */
size_t mesh_h2_waiting(const struct mesh_h2_stream *s);
/* RST_STREAM; the stream closes when it is sent. */
void mesh_h2_reset(struct mesh_h2 *h, struct mesh_h2_stream *s,
    uint32_t code);
/* Opens the windows again: stream and connection; or, when the stream is gone
 * already, the connection's alone (s NULL). */
void mesh_h2_consume(struct mesh_h2 *h, struct mesh_h2_stream *s, size_t len);
/* Server: the stream of that id, if it is not closed. */
struct mesh_h2_stream *mesh_h2_find(const struct mesh_h2 *h, int32_t id);
/* GOAWAY: what runs goes on, new requests go elsewhere. */
void mesh_h2_goaway(struct mesh_h2 *h);

#endif
