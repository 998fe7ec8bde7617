/* SPDX-License-Identifier: ISC
 * client.h - one connection of a node to its control server, without I/O.
 *
 * From the first byte of a TCP (or TLS) connection: the HTTP/1.1 upgrade, the
 * Noise handshake, the early payload, HTTP/2, requests and the map stream.
 * The caller moves bytes and time:
 *
 *	on readable	mesh_control_client_input(c, bytes, len, now)
 *	on writable	n = mesh_control_client_output(c, buf, size, now)
 *	on the timer	mesh_control_client_tick(c, now)
 *	after each	while (mesh_control_client_event(c, &ev)) ...;
 *			arm the timer at mesh_control_client_deadline(c);
 *			watch for writable if mesh_control_client_wants_write(c)
 *
 * Requests may be made at once; they leave when the channel is up. One session
 * is one connection: after MESH_CONTROL_CLOSED it is only good for _free, and
 * the caller dials again after mesh_backoff_fail(). A node that sees
 * MESH_ERR_AUTH fetches /key again: the server has another key (a server that
 * closes without a word after the upgrade says the same).
 * Source: protocol/control.md 3 to 6, 9.
 */
#ifndef MESH_CONTROL_CLIENT_H
#define MESH_CONTROL_CLIENT_H

#include <control/msg.h>
#include <crypto/aead.h>

/* Upgrade and handshake, from _new. */
#define MESH_CONTROL_HANDSHAKE_NS (10 * MESH_SEC)
/* A map stream without a frame, keep-alive or not, from the request on. */
#define MESH_CONTROL_WATCHDOG_NS (120 * MESH_SEC)
/* Any other request without an answer; a register that waits for a person
 * (followup) has no limit. */
#define MESH_CONTROL_ANSWER_NS (60 * MESH_SEC)
/* Requests under way at a time, the map stream included. */
#define MESH_CONTROL_REQUESTS_MAX 16u
/* Random bytes that a session needs. */
#define MESH_CONTROL_CLIENT_RANDOM 32u

struct mesh_control_client; /* about 40 kB, with zstd 150 kB more */

struct mesh_control_client_config {
	struct mesh_machine_key server_key;	  /* from /key */
	const struct mesh_machine_secret *secret; /* copied, until the
						     handshake is over */
	const char *authority; /* of the server's URL: host or host:port */
	uint16_t version;      /* 0: MESH_CAPVER */
	struct mesh_aead *aead; /* the caller's; NULL: libsodium's */
	size_t frame_max;      /* bytes of a map message; 0: MESH_FRAME_MAX */
	size_t text_max;       /* decoded; 0: MESH_FRAME_TEXT_MAX */
};

/* MESH_OK, MESH_ERR_ARG (authority, keys), MESH_ERR_NOMEM. random is used up.
 */
int mesh_control_client_new(const struct mesh_control_client_config *cfg,
    const uint8_t random[static MESH_CONTROL_CLIENT_RANDOM],
    struct mesh_time now, struct mesh_control_client **out);
void mesh_control_client_free(struct mesh_control_client *c);

/* Bytes from the connection. len 0: the other side closed it. Takes all, or
 * fails; what went wrong comes as MESH_CONTROL_CLOSED too. What a stream holds
 * is bounded: the server may send more only when events were pulled. */
int mesh_control_client_input(struct mesh_control_client *c, const void *p,
    size_t len, struct mesh_time now);
/* Bytes for the connection, at most cap of them (give 4096 or more); 0: nothing
 * to send now. They must be sent all, in this order. */
size_t mesh_control_client_output(struct mesh_control_client *c, uint8_t *out,
    size_t cap, struct mesh_time now);
bool mesh_control_client_wants_write(const struct mesh_control_client *c);
void mesh_control_client_tick(struct mesh_control_client *c,
    struct mesh_time now);
struct mesh_time mesh_control_client_deadline(
    const struct mesh_control_client *c);

/* --- requests. *out_id (may be NULL) names the request in its events; never 0.
 * MESH_ERR_LIMIT: too many under way, or too long; MESH_ERR_STATE: closed;
 * MESH_ERR_NOMEM. version is filled in when it is 0. */

/* Answer: MESH_CONTROL_REGISTER. */
int mesh_control_client_register(struct mesh_control_client *c,
    const struct mesh_register_request *req, struct mesh_time now,
    uint32_t *out_id);

/* With `stream`: the long poll (an older one is cancelled without an event); it
 * gives MESH_CONTROL_MAP, _KEEPALIVE and _PING, and at last _MAP_END. Without:
 * one lite update, answered by MESH_CONTROL_RESPONSE. */
int mesh_control_client_map(struct mesh_control_client *c,
    const struct mesh_map_request *req, struct mesh_time now,
    uint32_t *out_id);

struct mesh_control_request {
	const char *method;	  /* "POST" */
	const char *path;	  /* with query */
	const char *content_type; /* NULL: none */
	struct mesh_str body;	  /* copied */
};
/* Any other request; answer: MESH_CONTROL_RESPONSE. */
int mesh_control_client_request(struct mesh_control_client *c,
    const struct mesh_control_request *req, struct mesh_time now,
    uint32_t *out_id);

/* Ends a request without an event. Unknown ids are ignored. */
void mesh_control_client_cancel(struct mesh_control_client *c, uint32_t id);

/* --- events */

enum mesh_control_client_event_kind {
	MESH_CONTROL_READY,    /* the channel is up: the server has the key */
	MESH_CONTROL_REGISTER, /* outcome and reg, or err */
	MESH_CONTROL_MAP,      /* one map response: text and map */
	MESH_CONTROL_KEEPALIVE,
	MESH_CONTROL_PING, /* to be answered by the caller: see below */
	MESH_CONTROL_MAP_END,  /* the stream is over: err, status; poll again */
	MESH_CONTROL_RESPONSE, /* status and text (the body), or err */
	MESH_CONTROL_CLOSED,   /* err, diag; the last event */
};

/* Everything that is pointed to is borrowed until the next call on the session.
 *
 * err, for REGISTER, RESPONSE and MAP_END: MESH_OK; MESH_ERR_REFUSED: a status
 * other than 200, text is the body; MESH_ERR_LIMIT: answer too long;
 * MESH_ERR_FORMAT: answer not understood, diag says where; MESH_ERR_TIMEOUT;
 * MESH_ERR_CLOSED: the server ended the stream. Requests that are under way when
 * the connection closes get no event of their own. With status 429, retry_ns is
 * what the server asked for (0: nothing usable), for mesh_backoff_retry().
 *
 * PING: c2n and HEAD pings that arrive for the control channel are answered by
 * the session, repeated ones are dropped. What remains is the caller's: without
 * types, HEAD ping->url over HTTPS; with types, ping the address and POST a
 * PingResponse to mesh_url_path(ping->url).
 */
struct mesh_control_client_event {
	enum mesh_control_client_event_kind kind;
	uint32_t id; /* of the request */
	int err;
	int status; /* HTTP; 0: none came */
	uint64_t retry_ns;
	enum mesh_register_outcome outcome;
	const struct mesh_register_response *reg;
	const struct mesh_map_head *map;
	const struct mesh_ping_request *ping;
	struct mesh_str text;
	struct mesh_diag diag;
};

/* The next event, or false. */
bool mesh_control_client_event(struct mesh_control_client *c,
    struct mesh_control_client_event *out_ev);

#endif
