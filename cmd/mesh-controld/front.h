/* SPDX-License-Identifier: ISC
 * front.h - the role that talks to strangers: sockets, TLS, HTTP, Noise records,
 * HTTP/2, JSON syntax, limits. No file, no database, no long-term key but that of
 * the certificate; it asks the core for both results of each handshake.
 *
 * front.c has the loop and the listener, front_tls.c the certificate,
 * front_conn.c a connection's bytes, front_ws.c websockets, front_http.c what is answered without a
 * login, front_control.c the requests inside Noise, front_link.c the core.
 * Descriptors: ROLE_LINK to main, then the link to the core, the socket that
 * listens, and the one that does so without TLS.
 */
#ifndef CONTROLD_FRONT_H
#define CONTROLD_FRONT_H

#include "link.h"
#include "msg.h"
#include "options.h"

#include <base/list.h>
#include <base/log.h>
#include <base/map.h>
#include <control/frame.h>
#include <control/server.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <wire/http.h>
#include <wire/websocket.h>

enum front_fd { /* behind ROLE_LINK */
	FRONT_FD_CORE = 4,
	FRONT_FD_LISTEN,
	FRONT_FD_PLAIN, /* if cfg.plain */
};

/* When all places are taken, or no descriptor is left: a connection without a
 * login that had its time goes; else those that come wait to be accepted. */
#define FRONT_CONNS_MAX 20000u
#define FRONT_GRACE_NS (3 * MESH_SEC)
#define FRONT_AGAIN_NS (100 * MESH_MS) /* until accepting is tried again */
#define FRONT_HEAD_NS (10 * MESH_SEC) /* until a request is whole, and for an
				       * answer without a login to be read */
#define FRONT_UNHEARD_MS 20000u /* nothing of ours was acknowledged: it is gone */
#define FRONT_BODY_MAX 4096u	/* of a request without a login: /verify */
#define FRONT_OUT_MAX (64u << 10) /* bytes that wait in a connection */
#define FRONT_ARENA (4u << 20)	/* what one decoded request may take */

struct front;

/* A request that the core answers, or a map stream. */
struct front_req {
	uint64_t id;
	struct front_conn *conn;
	struct mesh_list link; /* of the connection */
	int32_t stream;
	bool zstd, keep_alive, lite, open;
};

enum conn_phase {
	CONN_TLS,    /* handshake */
	CONN_HEAD,   /* a request without a login */
	CONN_VERIFY, /* the core is asked about a node */
	CONN_ANSWER, /* the answer goes out, then the end */
	CONN_NOISE,  /* session has it */
};

struct front_conn {
	struct front *front;
	uint64_t id;
	struct mesh_list link; /* of front->strangers, or of front->known */
	struct mesh_time since;
	int fd;
	SSL *ssl; /* NULL: plain */
	struct event *event, *timer;
	enum conn_phase phase;
	bool want_write; /* the event watches for it */
	bool closing;	 /* the session is over: what is left, then the end */
	struct mesh_ws *ws; /* the session is inside a websocket; or NULL */
	struct mesh_buf in;  /* phases before NOISE */
	struct mesh_buf out; /* bytes that did not go out yet */
	struct mesh_control_server *session;
	struct mesh_list reqs;
};

struct front {
	struct event_base *base;
	struct link main, core;
	struct event *main_read, *core_read, *core_write, *again;
	struct event *accept, *accept_plain; /* the latter may be NULL */
	struct mesh_ratelimit full; /* log lines that strangers cause */
	struct role_config cfg;
	struct link_msg cfg_msg; /* what cfg borrows from */
	SSL_CTX *tls;
	struct mesh_machine_key key; /* the server's, public */
	uint64_t next_id;	     /* of connections and requests */
	struct mesh_map conns, reqs; /* by id */
	struct mesh_list strangers, known;
	struct mesh_frame_writer *frames;
	struct mesh_buf plain, packed; /* scratch: frames */
	struct mesh_blob *parts[MSG_PARTS_MAX]; /* of whole maps, compressed */
	uint8_t *bulk;		       /* scratch: bytes in and out */
	uint8_t *h2;		       /* scratch of all sessions */
	int status;
};

#define FRONT_BULK 16384u /* bytes of it */

/* The role: an exit status. */
int front_run(void);

struct mesh_time front_now(void);
void front_random(void *out, size_t len);
void front_stop(struct front *f, int status);

/* front_tls.c: NULL with diag: unreadable, do not belong together... */
SSL_CTX *front_tls_new(struct mesh_str cert, struct mesh_str key,
    struct mesh_diag *diag);

/* front_conn.c */
void conn_new(struct front *f, int fd, bool tls);
void conn_free(struct front_conn *k);
/* Ends the connection that is without a login for longest. False: it may stay,
 * or there is none. */
bool conn_evict(struct front *f);
/* Moves what can be moved; k may be freed. */
void conn_drive(struct front_conn *k);

/* front_http.c: a request without a login is in k->in, whole or not. False:
 * more is needed. */
bool http_try(struct front_conn *k);
void http_answer(struct front_conn *k, unsigned status, const char *type,
    struct mesh_str body);
void http_verdict(struct front_conn *k, bool allow);

/* front_ws.c: bytes of the session in a websocket. */
bool ws_start(struct front_conn *k);
/* As mesh_control_server_input(); p is changed. */
int ws_input(struct front_conn *k, uint8_t *p, size_t len);
/* As mesh_control_server_output(). */
size_t ws_output(struct front_conn *k, uint8_t *out, size_t cap);

/* front_control.c: what the session says. False: the connection ends. */
bool control_start(struct front_conn *k, const uint8_t *init, size_t len);
bool control_events(struct front_conn *k);
void control_req_free(struct front_req *r);

/* front_link.c */
void front_core_read(struct front *f);
void front_send(struct front *f, enum link_type type, const void *body,
    size_t len);
void front_gone(struct front *f, uint64_t req);

#endif
