/* SPDX-License-Identifier: ISC
 * worker.h - what the parts of the worker share: one loop, one thread. A
 * connection that is to end is put aside and freed between two rounds, never
 * inside a callback of its own.
 */
#ifndef RELAYD_WORKER_H
#define RELAYD_WORKER_H

#include "region.h"

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "crypto/tls_record.h"
#include "relay/server.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/types.h>

#define YOUNG_MAX 1024u          /* connections that did not say who they are */
#define YOUNG_NS (10 * MESH_SEC) /* TLS and HTTP head have to be done in */
#define WRITE_NS (2 * MESH_SEC)  /* a client that takes nothing so long goes */
#define WRITE_MESH_NS (30 * MESH_SEC) /* another relay: as the stock one */
#define CALL_NS (5 * MESH_SEC)   /* between two calls of another relay */
#define READ_SIZE (2 * MESH_TLS_RECORD_MAX)
#define REPLY_MAX 1024u          /* bytes of an HTTP answer of ours */
#define OUT_SIZE (MESH_RELAY_FRAME_MAX + REPLY_MAX)

struct worker_counters {
	uint64_t accepted, full, evicted, tls_failed, http, upgraded, stuck;
	uint64_t stun_in, stun_out, denied;
};

struct worker;
struct client;

/* Another relay of the region, which we call and watch. */
struct other {
	struct worker *worker;
	const struct region_relay *relay;
	SSL_CTX *tls;
	struct event again;
	struct client *client; /* NULL: not connected */
	bool up;	       /* said in the log */
};

struct worker {
	struct event_base *base;
	struct mesh_relay_server *relay;
	SSL_CTX *tls;
	int link, listen, stun;
	struct event link_event, listen_event, listen_pause, stun_event;
	struct mesh_list young; /* clients, the oldest first */
	struct mesh_list dead;  /* to be freed after the round */
	size_t young_count, client_count, max_clients;
	uint64_t ask_id;
	struct mesh_ratelimit accept_rate, log_rate;
	struct worker_counters count;
	struct region region;
	struct other others[REGION_MAX];
	bool ended;
	uint8_t in[READ_SIZE];
	uint8_t out[OUT_SIZE];
	uint8_t sealed[MESH_TLS_NOTICE_MAX + MESH_TLS_SEALED(OUT_SIZE)];
};

enum client_state {
	CLIENT_HEAD,  /* TLS handshake, then the HTTP request */
	CLIENT_CALL,  /* ours to another relay: TLS, then the HTTP answer */
	CLIENT_RELAY, /* upgraded */
	CLIENT_LAST,  /* answered; to be closed when that is written */
	CLIENT_DEAD,
};

struct client {
	struct worker *worker;
	SSL *tls; /* NULL: its handshake is over, and records are ours */
	struct mesh_tls_records *records;
	struct stream_secrets *secrets; /* for them, during the handshake */
	struct mesh_buf part;           /* of a record, as far as it came */
	struct mesh_relay_conn *relay; /* CLIENT_RELAY */
	struct event io, timer;
	struct mesh_list list; /* young or dead, or in none */
	struct mesh_buf head;  /* the request as far as it came */
	struct mesh_buf reply; /* to be written in front of frames */
	uint8_t *stuck;        /* what the socket did not take */
	size_t stuck_len, stuck_at;
	struct mesh_time deadline; /* of the head, or of the write */
	struct mesh_endpoint from;
	struct other *other; /* the relay that we called, or NULL */
	uint64_t ask_id;     /* while it waits for admission */
	int fd;
	enum client_state state;
	bool young;
	bool asked;	/* CLIENT_CALL: the request went out */
	bool not_ideal; /* the client wanted another node of the region */
};

struct mesh_time worker_now(void);
/* Writes what waits for anybody. */
void worker_write(struct worker *w);
/* May a line that a stranger caused go to the log? */
bool worker_may_log(struct worker *w);

/* client.c */
int client_new(struct worker *w, int fd, const struct mesh_endpoint *from);
/* A connection that we opened; tls: its own, in connect state. Takes both. */
struct client *client_call(struct worker *w, int fd, SSL *tls,
    struct other *other);
/* why: words for the log; NULL: nothing to say. */
void client_close(struct client *c, const char *why);
void client_free(struct client *c);
/* Writes what waits, unless its last write is stuck. */
void client_flush(struct client *c);
/* The word about one that waits for admission. */
void client_admit(struct client *c, bool allow);
/* The events to wait for. */
void client_want(struct client *c, short what);

/* stream.c: the TLS of a connection. OpenSSL makes the handshake; then those of
 * clients that speak TLS 1.3 shed their SSL object, which has most of the
 * memory of an idle client and a sixth of the work of a small frame. */
struct reading {
	struct client *c;
	size_t at, len; /* what is in worker->in */
	unsigned rounds;
	bool dry, more; /* the socket has nothing; it may have, come back */
};
/* ctx: a server's, whose connections are to be taken over. */
void stream_prepare(SSL_CTX *ctx);
int stream_accept(struct client *c);
/* begin, which goes on with the handshake; next until 0; end. next: how many
 * bytes of text are at *text; 0: no more now, or the connection was closed. */
void stream_begin(struct reading *r, struct client *c);
size_t stream_next(struct reading *r, uint8_t **text);
void stream_end(struct reading *r);
/* Is there something to read that would wake nobody? */
bool stream_has_pending(const struct client *c);
/* Makes of worker->out what goes to stream_write(): its place, and its new
 * length in *len. NULL: the connection was closed. */
const uint8_t *stream_seal(struct client *c, size_t *len);
/* How much of it the socket took. */
size_t stream_write(struct client *c, const uint8_t *p, size_t len);
void stream_goodbye(struct client *c);
void stream_free(struct client *c);

/* call.c: the other relays. */
int call_start(struct worker *w);
/* The helper's socket. */
void call_dialed(struct other *o, int fd);
/* TLS is done: is it that relay? Its request is in c->reply then. */
int call_ask(struct client *c);
/* The HTTP answer so far; as request_answer(). MESH_ERR_REFUSED. */
int call_answer(struct client *c, size_t *out_used);
void call_is_up(struct client *c);
void call_ended(struct client *c, const char *why);

/* request.c: looks at the head collected so far. MESH_ERR_AGAIN: not whole yet.
 * MESH_OK: the answer is in c->reply (may be none), *out_upgrade says whether
 * frames follow, *out_used where they begin. */
int request_answer(struct client *c, bool *out_upgrade, size_t *out_used);

/* stun.c: answers what waits on the socket. */
void stun_readable(int fd, struct worker_counters *count);

/* tls.c: a server context from PEM texts; NULL with diag. */
SSL_CTX *tls_context(const void *chain, size_t chain_len, const void *key,
    size_t key_len, struct mesh_diag *diag);

#endif
