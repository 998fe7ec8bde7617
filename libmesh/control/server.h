/* SPDX-License-Identifier: ISC
 * server.h - one connection of a node, seen by the control server, without I/O.
 *
 * The caller has read the HTTP/1.1 head of an upgrade to /ts2021 and taken the
 * Noise initiation out of it (control/upgrade.h). From there on: handshake,
 * early payload, HTTP/2, requests out, answers and map streams in.
 *
 *	on readable	mesh_control_server_input(s, bytes, len, now)
 *	on writable	n = mesh_control_server_output(s, buf, size, now)
 *	on the timer	mesh_control_server_tick(s, now)
 *	after each	while (mesh_control_server_event(s, &ev)) ...;
 *			arm the timer at mesh_control_server_deadline(s);
 *			watch for writable if mesh_control_server_wants_write(s)
 *
 * The server's Noise secret is not here: the session asks for the two results
 * that need it (MESH_CONTROL_SERVER_DH), one after the other, and goes on when
 * they are given. A node is who its machine key says, once CONNECTED came;
 * nothing in a request is proved by that but the machine key.
 *
 * Memory: an idle session with an open map stream takes 11 kB, most of it
 * nghttp2's (tests/bench/control_session). Output is made when it can be sent
 * and never kept: what waits is counted blobs, one copy for all sessions.
 * Source: protocol/control.md 3, 4, 6.
 */
#ifndef MESH_CONTROL_SERVER_H
#define MESH_CONTROL_SERVER_H

#include <base/text.h>
#include <control/blob.h>
#include <crypto/aead.h>
#include <mesh/key.h>

/* Lowest capability version that is let in (control.md 2.3). */
#define MESH_CONTROL_VERSION_MIN 88u
/* From the end of the handshake (the client does not answer for our own delays:
 * thousands may be before it) to the client's HTTP/2 preface; from the head of a request to the end
 * of its body; a connection without a request. */
#define MESH_CONTROL_PREFACE_NS (10 * MESH_SEC)
#define MESH_CONTROL_BODY_NS (60 * MESH_SEC)
#define MESH_CONTROL_IDLE_NS (5 * MESH_MIN)
/* A map stream is kept alive after 50 s without a frame, and up to 9 s more,
 * drawn per session. */
#define MESH_CONTROL_KEEPALIVE_NS (50 * MESH_SEC)
#define MESH_CONTROL_KEEPALIVE_SPAN_NS (9 * MESH_SEC)
/* Requests at a time on one connection; the map stream is one of them. */
#define MESH_CONTROL_STREAMS_MAX 16u
/* Bytes of :path, of all fields of a request, of all bodies that a session
 * holds at a time, of frames that wait in a stream behind those that came when it was
 * empty (the first map may be larger than that). */
#define MESH_CONTROL_PATH_MAX 1024u
#define MESH_CONTROL_FIELDS_MAX (16u << 10)
#define MESH_CONTROL_REQUEST_MAX (1u << 20)
#define MESH_CONTROL_QUEUE_MAX (256u << 10)
#define MESH_CONTROL_SERVER_RANDOM 72u

struct mesh_control_server;

struct mesh_control_server_config {
	struct mesh_machine_key key; /* the server's, public */
	uint16_t version_min;	     /* 0: MESH_CONTROL_VERSION_MIN */
	struct mesh_aead *aead;	     /* the caller's; NULL: libsodium's */
	size_t request_max;	     /* bytes; 0: MESH_CONTROL_REQUEST_MAX */
	size_t queue_max;	     /* bytes; 0: MESH_CONTROL_QUEUE_MAX */
	bool websocket; /* the caller answers the upgrade, and frames what comes
			 * and goes; no early payload */
	/* MESH_H2_SCRATCH bytes (control/h2.h) that all sessions of one thread
	 * share, and that outlive them: 5 kB less for each. NULL: none. */
	uint8_t *scratch;
};

/* init: the initiation. One that is malformed, or of a version that is too low,
 * makes a session that answers with the error frame and closes. MESH_OK,
 * MESH_ERR_NOMEM. cfg is not kept; random is used up. */
int mesh_control_server_new(const struct mesh_control_server_config *cfg,
    const uint8_t *init, size_t init_len,
    const uint8_t random[static MESH_CONTROL_SERVER_RANDOM],
    struct mesh_time now, struct mesh_control_server **out);
void mesh_control_server_free(struct mesh_control_server *s);

/* Bytes from the connection. len 0: the other side closed it. Takes all, or
 * fails; what went wrong comes as MESH_CONTROL_SERVER_CLOSED too. */
int mesh_control_server_input(struct mesh_control_server *s, const void *p,
    size_t len, struct mesh_time now);
/* Bytes for the connection, at most cap of them (give 4096 or more); 0: nothing
 * to send now. They must be sent all, in this order. After CLOSED: what is left
 * to say; then close the connection. */
size_t mesh_control_server_output(struct mesh_control_server *s, uint8_t *out,
    size_t cap, struct mesh_time now);
bool mesh_control_server_wants_write(const struct mesh_control_server *s);
void mesh_control_server_tick(struct mesh_control_server *s,
    struct mesh_time now);
struct mesh_time mesh_control_server_deadline(
    const struct mesh_control_server *s);

/* --- events */

enum mesh_control_server_event_kind {
	MESH_CONTROL_SERVER_DH,	       /* X25519(secret, point): answer by _dh */
	MESH_CONTROL_SERVER_CONNECTED, /* the node's machine key is proved */
	MESH_CONTROL_SERVER_REQUEST,   /* whole: method, path, body */
	MESH_CONTROL_SERVER_GONE,      /* the client ended a stream of ours */
	MESH_CONTROL_SERVER_CLOSED,    /* err, diag; the last event */
};

/* What is pointed to is borrowed until the next event, input or output. */
struct mesh_control_server_event {
	enum mesh_control_server_event_kind kind;
	uint8_t point[MESH_KEY_LEN]; /* DH */
	int32_t stream;		     /* REQUEST, GONE */
	struct mesh_str method;
	struct mesh_str path;
	struct mesh_str body;
	int err;
	struct mesh_diag diag;
};

bool mesh_control_server_event(struct mesh_control_server *s,
    struct mesh_control_server_event *out_ev);

/* The result that DH asked for. An all-zero one ends the handshake, as must any
 * failure to compute it: give NULL. MESH_ERR_STATE: none was asked for. */
int mesh_control_server_dh(struct mesh_control_server *s,
    const uint8_t *result, struct mesh_time now);

/* From CONNECTED on. */
const struct mesh_machine_key *mesh_control_server_machine(
    const struct mesh_control_server *s);
uint16_t mesh_control_server_version(const struct mesh_control_server *s);

/* --- answers. MESH_ERR_NOTFOUND: the stream is gone, nothing to do;
 * MESH_ERR_STATE: answered already; MESH_ERR_NOMEM: the session closes. */

/* Whole. content_type may be NULL; body is copied. */
int mesh_control_server_respond(struct mesh_control_server *s, int32_t stream,
    int status, const char *content_type, struct mesh_str body);

/* Status 200 at once; the body stays open: a map stream. It is kept alive by the
 * session, with plain or zstd frames, if keep_alive. */
int mesh_control_server_open(struct mesh_control_server *s, int32_t stream,
    bool zstd, bool keep_alive, struct mesh_time now);
/* Adds whole frames (control/frame.h) to an open stream; takes a reference of
 * its own. MESH_ERR_LIMIT: the reader is too slow; the session closes. */
int mesh_control_server_push(struct mesh_control_server *s, int32_t stream,
    struct mesh_blob *frames, struct mesh_time now);
/* The same with one frame, or several, that lie in pieces. */
int mesh_control_server_push_all(struct mesh_control_server *s, int32_t stream,
    struct mesh_blob *const *pieces, size_t count, struct mesh_time now);
/* Ends an open stream behind what waits in it. */
int mesh_control_server_end(struct mesh_control_server *s, int32_t stream);

/* Asks the client to go elsewhere (GOAWAY); streams that run may end. */
void mesh_control_server_shutdown(struct mesh_control_server *s);

/* Bytes of blobs that wait. */
size_t mesh_control_server_queued(const struct mesh_control_server *s);

#endif
