/* SPDX-License-Identifier: ISC
 * client_int.h - inside the client session: client.c moves bytes from the first
 * one to HTTP/2, client_request.c has the requests, client_event.c what comes of
 * them.
 */
#ifndef MESH_CONTROL_CLIENT_INT_H
#define MESH_CONTROL_CLIENT_INT_H

#include "base/list.h"
#include "base/log.h"
#include "control/client.h"
#include "control/frame.h"
#include "control/h2.h"
#include "control/handshake.h"
#include "control/record.h"
#include "control/url.h"
#include "wire/http.h"

/* Bytes of an answer other than 200 that are kept, for people. */
#define CLIENT_REFUSAL_MAX 4096u

enum client_state {
	CLIENT_UPGRADE, /* request sent or under way; wait for 101 */
	CLIENT_SHAKE,   /* wait for the handshake's response */
	CLIENT_EARLY,   /* channel up; wait for the first nine bytes */
	CLIENT_EARLY_JSON,
	CLIENT_OPEN,
	CLIENT_CLOSED,
};

enum request_kind {
	REQUEST_REGISTER,
	REQUEST_MAP, /* the long poll */
	REQUEST_OTHER,
	REQUEST_SILENT, /* of our own: an answered ping */
};

struct request {
	struct mesh_h2_stream h2; /* first: what h2.h gives back */
	struct mesh_list link;    /* in active, then in done */
	enum request_kind kind;
	uint32_t id;
	bool ended;     /* the server said all */
	bool finished;  /* what it came to is known */
	bool cancelled; /* no event any more: freed when over */
	bool reset;     /* we ended the stream */
	bool over;      /* the stream is closed: nghttp2 forgot it */
	bool greeted;   /* a map with the self node came */
	int err;
	int status;
	char retry_after[64];
	char date[64];
	size_t body_max;
	struct mesh_buf body; /* of a map stream: frames not decoded yet */
	struct mesh_frame_reader *reader;
	uint64_t timeout_ns; /* 0: none */
	struct mesh_time deadline;
	struct mesh_diag diag;
};

struct mesh_control_client {
	enum client_state state;
	int err; /* why closed */
	struct mesh_diag diag;
	bool ready_told, closed_told;
	bool shaken; /* the handshake is done: records flow */
	char authority[MESH_URL_HOST_MAX + 8];
	uint16_t version;
	struct mesh_aead *aead;
	size_t frame_max, text_max;
	struct mesh_time now; /* of the last call */
	struct mesh_time handshake_deadline;
	struct mesh_handshake handshake;
	struct mesh_buf in;  /* of the state: head, response, early payload */
	struct mesh_buf out; /* the head of the upgrade */
	uint32_t early_len;
	struct mesh_record_rx rx;
	struct mesh_record_tx tx;
	struct mesh_h2 h2;
	uint32_t last_id;
	size_t request_count;
	struct mesh_list active; /* of struct request */
	struct mesh_list done;   /* answered, not told yet */
	struct request *map;     /* the long poll, until its end is told */
	struct request *told;    /* what the last event points to */
	struct mesh_arena arena; /* too */
	const struct mesh_ping_request *ping; /* not told yet; in arena */
	char last_ping[MESH_URL_PATH_MAX + 1];
};

extern const struct mesh_h2_ops mesh_client_h2_ops;

/* The session is over: err and a text for people. Returns err. */
int mesh_client_fail(struct mesh_control_client *c, int err, const char *fmt,
    ...) MESH_PRINTF(3, 4);
void mesh_client_free_request(struct mesh_control_client *c,
    struct request *req);
/* A request of kind, with a copy of the body. */
int mesh_client_submit(struct mesh_control_client *c, enum request_kind kind,
    const struct mesh_control_request *what, uint64_t timeout_ns,
    struct request **out);
/* Ends a request on the wire and forgets it. */
void mesh_client_drop_request(struct mesh_control_client *c,
    struct request *req);
/* Requests whose time is up. */
void mesh_client_expire(struct mesh_control_client *c, struct mesh_time now);

#endif
