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
 * - To forward, watch or close others takes the mesh key: without it, frames
 *   that ask for it end the connection.
 * - Who says nothing for 60 s gets a ping if it can answer, and is closed after
 *   two without an answer; others get keep-alives, every 60 to 65 s.
 *
 * Relays of one region form a mesh (protocol/dataplane.md 3.8): each is a client
 * of each other one, shows the mesh key, watches who is there, and hands on what
 * is for them, once. Such a connection outwards is a mesh_relay_link_new();
 * bytes, time and writing are those of any connection.
 *
 * Admission (conf.admit): a client whose box opened waits, and is not read,
 * until mesh_relay_conn_admit():
 *
 *	while ((c = mesh_relay_server_ask(s)) != NULL)
 *		ask whether mesh_relay_conn_claim(c) may come in
 */
#ifndef MESH_RELAY_SERVER_H
#define MESH_RELAY_SERVER_H

#include "base/log.h"
#include "wire/relay.h"

#define MESH_RELAY_QUEUE_PACKETS 32u      /* of each of the two queues */
#define MESH_RELAY_QUEUE_BYTES (1u << 20) /* of each */
#define MESH_RELAY_QUEUE_ALL (256u << 20) /* of all clients together */
#define MESH_RELAY_CONTROL_BYTES 16384u   /* notices that wait, a client */
#define MESH_RELAY_WATCH_BYTES 128u  /* a watcher: for each of max_clients */
#define MESH_RELAY_LINK_PACKETS 1024u    /* to another relay, each queue */
#define MESH_RELAY_LINK_BYTES (4u << 20) /* of each */
#define MESH_RELAY_REGION 8u /* keys at other relays: so many max_clients */
#define MESH_RELAY_COALESCE 16384u        /* one TLS record */
#define MESH_RELAY_HANDSHAKE_NS (10 * MESH_SEC)
#define MESH_RELAY_KEEPALIVE_NS (60 * MESH_SEC)
#define MESH_RELAY_JITTER_NS (5 * MESH_SEC) /* added once per connection */
#define MESH_RELAY_MISSED_MAX 2u            /* pings without an answer */
#define MESH_RELAY_LINK_SILENCE_NS (120 * MESH_SEC) /* as stock clients */
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
	uint64_t remote;   /* ways to keys at other relays now */
	uint64_t watchers; /* now */
	uint64_t homes;    /* of them, those whose home is here */
	uint64_t accepted; /* handshakes completed, ever */
	uint64_t refused;  /* handshakes failed, ever */
	uint64_t packets_in;
	uint64_t packets_out;
	uint64_t bytes_out;
	uint64_t forwarded_in; /* from other relays, for our clients */
	uint64_t forwarded_out;
	uint64_t queued; /* bytes now */
	uint64_t dropped[MESH_RELAY_DROP_COUNT];
};

/* What the relays of one region know and nobody else. */
struct mesh_relay_mesh_key {
	uint8_t b[MESH_KEY_LEN];
};

/* 64 hex digits, blanks around them allowed. MESH_ERR_FORMAT. */
int mesh_relay_mesh_key_parse(struct mesh_str text,
    struct mesh_relay_mesh_key *out) MESH_MUST_USE;

struct mesh_relay_server_conf {
	const struct mesh_node_secret *secret; /* the relay's own; copied */
	const uint8_t *seed; /* 16 random bytes for the table of keys */
	size_t max_clients;
	const struct mesh_relay_mesh_key *mesh; /* NULL: none; copied */
	bool admit; /* ask about each client, but relays of the mesh */
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
/* A connection of ours to another relay of the mesh, past its HTTP answer. */
struct mesh_relay_conn *mesh_relay_link_new(struct mesh_relay_server *s,
    void *user, const uint8_t random[static MESH_RELAY_RANDOM_LEN],
    struct mesh_time now);
/* Where it comes from, and whether this is the node of the region that it
 * wanted: watchers are told. */
void mesh_relay_conn_origin(struct mesh_relay_conn *c,
    const struct mesh_endpoint *from, bool ideal);
/* It leaves: its packets go, others are told. */
void mesh_relay_conn_free(struct mesh_relay_conn *c);
void *mesh_relay_conn_user(const struct mesh_relay_conn *c);
/* Zero before the handshake is over, and of a link. */
const struct mesh_node_key *
mesh_relay_conn_key(const struct mesh_relay_conn *c);
/* A relay of the mesh: either way. */
bool mesh_relay_conn_is_mesh(const struct mesh_relay_conn *c);
/* A link past its handshake. */
bool mesh_relay_conn_is_up(const struct mesh_relay_conn *c);
/* Another relay said to close it, or a watcher fell too far behind: close it. It
 * comes out of mesh_relay_server_wake() for that. */
bool mesh_relay_conn_is_ended(const struct mesh_relay_conn *c);

/* The next connection whose admission is to be asked about, or NULL. */
struct mesh_relay_conn *mesh_relay_server_ask(struct mesh_relay_server *s);
/* It waits for that: feed it nothing meanwhile. */
bool mesh_relay_conn_is_waiting(const struct mesh_relay_conn *c);
/* The key that it showed to have; while it waits. */
const struct mesh_node_key *
mesh_relay_conn_claim(const struct mesh_relay_conn *c);
/* Yes. MESH_ERR_LIMIT, _NOMEM: close it. */
int mesh_relay_conn_admit(struct mesh_relay_conn *c, struct mesh_time now,
    struct mesh_diag *diag) MESH_MUST_USE;

/* Bytes of the client, at any cut. Frames that lie whole in data are handled in
 * place. *out_used is less than len when somebody's queue has become full (what
 * waits should be written before the rest is handled, lest it be dropped
 * without need), or when it waits for admission. MESH_ERR_FORMAT or _LIMIT (malformed, too long), _AUTH (the box
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
