/* SPDX-License-Identifier: ISC
 * relay/server.h - a relay's side: who is connected, and packets between them.
 *
 * A server knows its connections by node key; a connection is a session that
 * begins behind TLS and the HTTP upgrade. Bytes in, bytes out, no I/O:
 *
 *	c = mesh_relay_conn_new(s, user, random, now);
 *	readable:  err = mesh_relay_conn_input(c, buf, n, now, &used, diag);
 *		   err != MESH_OK: mesh_relay_conn_free(c)
 *		   used < n: write as below, then go on with the rest
 *	timer:	   err = mesh_relay_conn_tick(c, now); likewise
 *	writable:  n = mesh_relay_conn_output(c, buf, cap);
 *	after each round of all events:
 *		while ((c = mesh_relay_server_wake(s)) != NULL)
 *			write its output, unless its last write is stuck
 *
 * What is queued in one round for one client goes out in one write: that is
 * where a relay's time goes (PERFORMANCE.md 5). Rules of delivery, as the stock
 * relay's (protocol/dataplane.md 3.5-3.7; vectors-dataplane.md 4.6):
 * - To an unknown key: dropped; if it looks like disco, the sender hears "not
 *   here", three at once and one a second.
 * - Each client has two queues of 32 packets, for disco and for all else; when
 *   full the oldest goes. Disco and others take turns. Bytes are limited too,
 *   for each client and in all.
 * - Several connections with one key: the one that spoke last gets the packets.
 * - When a key's last connection ends, everyone who got a packet from it hears
 *   "disconnected".
 * - No client is trusted to forward, watch or close others: frames that ask for
 *   it end the connection.
 * - Who says nothing for 60 s gets a ping if it can answer, and is closed after
 *   two without an answer; others get keep-alives, every 60 to 65 s.
 */
#ifndef MESH_RELAY_SERVER_H
#define MESH_RELAY_SERVER_H

#include "base/log.h"
#include "wire/relay.h"

#define MESH_RELAY_QUEUE_PACKETS 32u      /* of each of the two queues */
#define MESH_RELAY_QUEUE_BYTES (1u << 20) /* of each */
#define MESH_RELAY_QUEUE_ALL (256u << 20) /* of all clients together */
#define MESH_RELAY_CONTROL_BYTES 16384u   /* notices that wait, a client */
#define MESH_RELAY_COALESCE 16384u        /* one TLS record */
#define MESH_RELAY_HANDSHAKE_NS (10 * MESH_SEC)
#define MESH_RELAY_KEEPALIVE_NS (60 * MESH_SEC)
#define MESH_RELAY_JITTER_NS (5 * MESH_SEC) /* added once per connection */
#define MESH_RELAY_MISSED_MAX 2u            /* pings without an answer */
#define MESH_RELAY_PEERS_OF_ONE 4096u /* receivers remembered per sender */
#define MESH_RELAY_RANDOM_LEN 32u     /* for each connection */

struct mesh_relay_server;
struct mesh_relay_conn;

enum mesh_relay_drop {
	MESH_RELAY_DROP_UNKNOWN, /* destination is not here */
	MESH_RELAY_DROP_HEAD,    /* queue full: the oldest went */
	MESH_RELAY_DROP_TAIL,    /* no room or memory for the new one */
	MESH_RELAY_DROP_GONE,    /* receiver left before it was written */
	MESH_RELAY_DROP_NOTICE,  /* a notice, not a packet */
	MESH_RELAY_DROP_COUNT,
};

struct mesh_relay_stats {
	uint64_t clients;  /* authenticated connections now */
	uint64_t keys;     /* different keys among them */
	uint64_t homes;    /* of them, those whose home is here */
	uint64_t accepted; /* handshakes completed, ever */
	uint64_t refused;  /* handshakes failed, ever */
	uint64_t packets_in;
	uint64_t packets_out;
	uint64_t bytes_out;
	uint64_t queued; /* bytes now */
	uint64_t dropped[MESH_RELAY_DROP_COUNT];
};

struct mesh_relay_server_conf {
	const struct mesh_node_secret *secret; /* the relay's own; copied */
	const uint8_t *seed; /* 16 random bytes for the table of keys */
	size_t max_clients;
};

/* NULL without memory. */
struct mesh_relay_server *
mesh_relay_server_new(const struct mesh_relay_server_conf *conf);
/* With all its connections. */
void mesh_relay_server_free(struct mesh_relay_server *s);

const struct mesh_node_key *
mesh_relay_server_key(const struct mesh_relay_server *s);
const struct mesh_relay_stats *
mesh_relay_server_stats(const struct mesh_relay_server *s);
/* The next connection that something was queued for since it came out here, or
 * NULL. */
struct mesh_relay_conn *mesh_relay_server_wake(struct mesh_relay_server *s);

/* A client that was upgraded. random: fresh bytes. user: the caller's. NULL
 * without memory. Output is waiting. */
struct mesh_relay_conn *mesh_relay_conn_new(struct mesh_relay_server *s,
    void *user, const uint8_t random[static MESH_RELAY_RANDOM_LEN],
    struct mesh_time now);
/* It leaves: its packets go, others are told. */
void mesh_relay_conn_free(struct mesh_relay_conn *c);
void *mesh_relay_conn_user(const struct mesh_relay_conn *c);
/* Zero before the handshake is over. */
const struct mesh_node_key *
mesh_relay_conn_key(const struct mesh_relay_conn *c);

/* Bytes of the client, at any cut. Frames that lie whole in data are handled in
 * place. *out_used is less than len when somebody's queue has become full: what
 * waits should be written before the rest is handled, lest it be dropped
 * without need. MESH_ERR_FORMAT or _LIMIT (malformed, too long), _AUTH (the box
 * does not open), _DENIED (asks for what it may not), _PROTO (wrong order),
 * _NOMEM: close it; diag (may be NULL) says what. */
int mesh_relay_conn_input(struct mesh_relay_conn *c, const void *data,
    size_t len, struct mesh_time now, size_t *out_used,
    struct mesh_diag *diag) MESH_MUST_USE;

/* Takes waiting frames out, whole, as many as fit into MESH_RELAY_COALESCE
 * bytes and at least one. cap: at least MESH_RELAY_FRAME_MAX. 0: nothing waits.
 */
size_t mesh_relay_conn_output(struct mesh_relay_conn *c, uint8_t *buf,
    size_t cap);

struct mesh_time mesh_relay_conn_deadline(const struct mesh_relay_conn *c);
/* MESH_ERR_TIMEOUT: close it. */
int mesh_relay_conn_tick(struct mesh_relay_conn *c,
    struct mesh_time now) MESH_MUST_USE;

/* "unknown", "head" ...: for people and metrics. */
const char *mesh_relay_drop_name(enum mesh_relay_drop d);

#endif
