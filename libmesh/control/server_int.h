/* SPDX-License-Identifier: ISC
 * server_int.h - inside the server session: server.c moves bytes, from the
 * handshake to HTTP/2; server_stream.c has the requests and their answers.
 */
#ifndef MESH_CONTROL_SERVER_INT_H
#define MESH_CONTROL_SERVER_INT_H

#include "base/list.h"
#include "control/h2.h"
#include "control/handshake.h"
#include "control/record.h"
#include "control/server.h"

#define SERVER_METHOD_MAX 8u /* with NUL: "CONNECT" */

enum stream_stage {
	STREAM_RECEIVING, /* head or body not whole */
	STREAM_WAITING,   /* whole, not told yet */
	STREAM_TOLD,	  /* an answer is due */
	STREAM_ANSWERED,
};

struct stream {
	struct mesh_h2_stream h2; /* first: what h2.h gives back */
	struct mesh_list link;    /* in streams, or in gone */
	enum stream_stage stage;
	bool open;	 /* a map stream */
	bool keep_alive; /* of it */
	bool zstd;
	size_t behind; /* bytes pushed behind the first frames that wait */
	char method[SERVER_METHOD_MAX];
	struct mesh_buf path;
	struct mesh_buf body;
	struct mesh_time deadline; /* of the body; of the next keep-alive */
};

/* What only the handshake needs; freed with it. */
struct shaking {
	struct mesh_handshake handshake;
	uint8_t random[MESH_CONTROL_SERVER_RANDOM];
	uint8_t *scratch;
	bool want_dh; /* not told yet */
	bool asked;   /* told: the result is due */
};

struct mesh_control_server {
	bool open; /* the handshake is done: records flow */
	bool closed;
	bool mute; /* nothing may follow what lies in out */
	bool websocket;
	bool connected_told, closed_told;
	uint16_t version;
	int err; /* why closed */
	struct mesh_machine_key peer;
	struct shaking *shaking;
	struct mesh_aead *aead;
	struct mesh_buf out; /* upgrade answer, handshake, early payload */
	struct mesh_record_rx rx;
	struct mesh_record_tx tx;
	struct mesh_h2 h2;
	struct mesh_time now;		   /* of the last call */
	struct mesh_time preface_deadline; /* NEVER once it came */
	struct mesh_time idle_deadline;	   /* NEVER while there are streams */
	uint64_t keepalive_ns;
	size_t request_max, queue_max;
	size_t held; /* bytes of bodies in memory */
	struct mesh_list streams; /* of struct stream */
	struct mesh_list gone;	  /* ended by the client, not told yet */
	struct stream *told;	  /* what the last event points to */
	struct mesh_diag *diag;	  /* why closed; NULL: no words */
};

extern const struct mesh_h2_ops mesh_server_h2_ops;

/* The session is over. Returns err. */
int mesh_server_fail(struct mesh_control_server *s, int err, const char *fmt,
    ...) MESH_PRINTF(3, 4);
void mesh_server_free_streams(struct mesh_control_server *s);
/* Bodies that do not come, keep-alives that are due. */
void mesh_server_tick_streams(struct mesh_control_server *s,
    struct mesh_time now);

#endif
