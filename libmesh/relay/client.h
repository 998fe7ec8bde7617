/* SPDX-License-Identifier: ISC
 * relay/client.h - a node's connection to a relay: upgrade, handshake, packets.
 *
 * Bytes of the TLS stream in, bytes for it out; TCP and TLS are the caller's.
 *
 *	mesh_relay_client_init(&c, &conf, now);
 *	on every event (readable, writable, timer, a packet to send):
 *		p = mesh_relay_client_room(&c, &room);      read into p, then
 *		mesh_relay_client_fed(&c, n, now);
 *		while ((err = mesh_relay_client_next(&c, now, &ev)) == MESH_OK)
 *			use ev;
 *		if (err != MESH_ERR_AGAIN)
 *			close: c.diag.text says why
 *		p = mesh_relay_client_output(&c, &len);     write, then
 *		mesh_relay_client_sent(&c, n);
 *		arm one timer: mesh_relay_client_deadline(&c);
 *
 * Sequence: GET /derp with "Upgrade: DERP", 101; server key; client info (a
 * constant JSON in a box to the server's key); server info (its box must open,
 * its JSON is ignored); then packets. In fast start (the server's key is known
 * from its meta certificate) request and client info go out at once and no HTTP
 * answer comes. Packets may be sent from the first moment: they wait until the
 * client info is out, and no longer.
 * Source of the facts: protocol/dataplane.md 3.2, 3.3, 3.5, 3.10; DESIGN 4.
 *
 * Allocates its buffers, within the maxima below. Holds a copy of the node
 * secret until the client info is made.
 */
#ifndef MESH_RELAY_CLIENT_H
#define MESH_RELAY_CLIENT_H

#include "base/buf.h"
#include "crypto/box.h"
#include "relay/meta.h"
#include "wire/relay.h"

#define MESH_RELAY_CONNECT_NS (10 * MESH_SEC)  /* until server info is here */
#define MESH_RELAY_SILENCE_NS (120 * MESH_SEC) /* nothing heard: dead */
/* Something was sent and nothing heard for so long: ping; no pong after a
 * further wait: dead. (A relay that died without a word is noticed in 20 s.) */
#define MESH_RELAY_PROBE_NS (15 * MESH_SEC)
#define MESH_RELAY_PROBE_WAIT_NS (5 * MESH_SEC)
#define MESH_RELAY_IN_MAX (MESH_RELAY_FRAME_MAX + 16384u) /* bytes */
/* Unsent bytes above which packets are refused; disco packets and control
 * frames may use what is left up to OUT_MAX. */
#define MESH_RELAY_OUT_PACKETS (96u * 1024)
#define MESH_RELAY_OUT_MAX (MESH_RELAY_OUT_PACKETS + MESH_RELAY_FRAME_MAX)
#define MESH_RELAY_HOST_MAX 254u /* bytes of a host name with NUL */

struct mesh_relay_client_conf {
	const char *host; /* for the Host line: the relay's name */
	const struct mesh_node_secret *secret;
	/* The server's key by its meta certificate: fast start. NULL: normal.
	 */
	const struct mesh_node_key *server;
	const uint8_t *nonce; /* MESH_RELAY_NONCE_LEN fresh random bytes */
	bool home;            /* tell the server at once that this is home */
};

enum mesh_relay_event_kind {
	MESH_RELAY_EVENT_READY,   /* handshake done: server info is here */
	MESH_RELAY_EVENT_PACKET,  /* from peer: data[0..len) */
	MESH_RELAY_EVENT_GONE,    /* peer, reason: forget the route to it */
	MESH_RELAY_EVENT_PRESENT, /* peer (to mesh watchers only) */
	MESH_RELAY_EVENT_PONG,    /* data: the 8 bytes of our ping */
	MESH_RELAY_EVENT_HEALTH,  /* data: the problem as text; len 0: none */
	MESH_RELAY_EVENT_RESTARTING, /* reconnect after in_ms, for for_ms */
};

struct mesh_relay_event {
	enum mesh_relay_event_kind kind;
	struct mesh_node_key peer;
	const uint8_t *data; /* in the input buffer: until the next _room() */
	size_t len;
	uint8_t reason; /* enum mesh_relay_gone */
	uint32_t in_ms, for_ms;
};

enum mesh_relay_state {
	MESH_RELAY_STATE_UPGRADE,    /* the HTTP answer is to come */
	MESH_RELAY_STATE_SERVER_KEY, /* the server's key is to come */
	MESH_RELAY_STATE_INFO,       /* server info is to come; may send */
	MESH_RELAY_STATE_READY,
	MESH_RELAY_STATE_DEAD, /* err says why */
};

struct mesh_relay_client { /* read state, server, dropped, diag, err */
	enum mesh_relay_state state;
	struct mesh_node_key server; /* from the server key frame on */
	uint64_t dropped;            /* packets refused: too much unsent */
	struct mesh_diag diag;
	int err;
	/* private */
	struct mesh_buf in, out;
	struct mesh_buf early; /* frames that wait for the client info */
	size_t used; /* bytes of `in` that were handed out: go at _room() */
	size_t skip; /* bytes of an unknown frame that are yet to pass */
	struct mesh_node_secret secret;
	struct mesh_node_key self;
	struct mesh_box_key box;
	uint8_t nonce[MESH_RELAY_NONCE_LEN];
	bool home, fast;
	bool unanswered;        /* sent, and nothing heard since */
	bool probing;           /* our own ping is out */
	struct mesh_time heard; /* the last bytes; before: the start */
	struct mesh_time asked; /* begin of unanswered, or of probing */
};

/* Queues the request. MESH_OK, MESH_ERR_ARG (a host that is no name), or
 * MESH_ERR_NOMEM; c may be released in any case. */
int mesh_relay_client_init(struct mesh_relay_client *c,
    const struct mesh_relay_client_conf *conf,
    struct mesh_time now) MESH_MUST_USE;
void mesh_relay_client_release(struct mesh_relay_client *c);

/* Where to read to: *out_len bytes, at least one TLS record of 16 kB unless the
 * session is dead (then NULL and 0). Events handed out before end here. */
uint8_t *mesh_relay_client_room(struct mesh_relay_client *c, size_t *out_len);
/* len bytes were read there. */
void mesh_relay_client_fed(struct mesh_relay_client *c, size_t len,
    struct mesh_time now);

/* The next event. MESH_OK; MESH_ERR_AGAIN: no more for now; any other: the
 * session is over (MESH_ERR_PROTO, _AUTH, _REFUSED, _TIMEOUT, _LIMIT, _NOMEM):
 * close the connection. */
int mesh_relay_client_next(struct mesh_relay_client *c, struct mesh_time now,
    struct mesh_relay_event *out) MESH_MUST_USE;

/* What to write: *out_len bytes (0: nothing), in one go if it can be. */
const uint8_t *mesh_relay_client_output(struct mesh_relay_client *c,
    size_t *out_len);
/* len of them were written. */
void mesh_relay_client_sent(struct mesh_relay_client *c, size_t len);

/* Queues a packet. MESH_OK; MESH_ERR_LIMIT: too much unsent (counted), or
 * longer than MESH_RELAY_PACKET_MAX; MESH_ERR_STATE: dead. urgent: disco
 * packets, which have room left when others have none. */
int mesh_relay_client_send(struct mesh_relay_client *c,
    const struct mesh_node_key *to, const void *data, size_t len, bool urgent,
    struct mesh_time now);
/* Is this relay our home? Told when it changes. */
void mesh_relay_client_set_home(struct mesh_relay_client *c, bool home);
/* Asks for a sign of life; the answer is an event PONG. */
int mesh_relay_client_ping(struct mesh_relay_client *c,
    const uint8_t data[static MESH_RELAY_PING_LEN], struct mesh_time now);

/* When to call _next() at the latest; MESH_NEVER when dead. */
struct mesh_time mesh_relay_client_deadline(const struct mesh_relay_client *c);

#endif
