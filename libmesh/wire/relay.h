/* SPDX-License-Identifier: ISC
 * wire/relay.h - frames of the relay (DERP) wire protocol, version 2.
 *
 * A frame: u8 type, u32be length of the body, body. Both directions are byte
 * streams of frames (TLS below); where a TLS record ends means nothing, so many
 * frames share one. Unknown types are skipped by both sides.
 * Source of the facts: protocol/dataplane.md 3.4 and 3.5; vectors
 * vectors-dataplane.md 4.
 *
 * Reading: mesh_relay_frame_read() finds a frame in bytes that lie in memory,
 * then one mesh_relay_read_*() by its type. What they hand out points into the
 * input. Writing: each mesh_relay_write_*() appends one whole frame.
 */
#ifndef MESH_WIRE_RELAY_H
#define MESH_WIRE_RELAY_H

#include "base/addr.h"
#include "base/rd.h"
#include <mesh/key.h>

#define MESH_RELAY_VERSION 2u
#define MESH_RELAY_HEADER_LEN 5u
#define MESH_RELAY_MAGIC_LEN 8u /* "DERP" and U+1F511 in UTF-8 */
#define MESH_RELAY_NONCE_LEN 24u
#define MESH_RELAY_TAG_LEN 16u /* what a box adds to its text */
#define MESH_RELAY_PING_LEN 8u

#define MESH_RELAY_PACKET_MAX 65536u /* bytes of one packet */
/* Largest body of a known type: a forwarded packet with its two keys. */
#define MESH_RELAY_BODY_MAX (2 * MESH_KEY_LEN + MESH_RELAY_PACKET_MAX)
#define MESH_RELAY_FRAME_MAX (MESH_RELAY_HEADER_LEN + MESH_RELAY_BODY_MAX)
/* Largest body of an unknown type, which is passed over. */
#define MESH_RELAY_SKIP_MAX (1u << 20)
/* In front of each packet: header and one key. */
#define MESH_RELAY_PACKET_HEAD (MESH_RELAY_HEADER_LEN + MESH_KEY_LEN)

enum mesh_relay_type {                    /* direction: S server, C client */
	MESH_RELAY_SERVER_KEY = 0x01,     /* S>C magic, server key, ... */
	MESH_RELAY_CLIENT_INFO = 0x02,    /* C>S client key, nonce, box(JSON) */
	MESH_RELAY_SERVER_INFO = 0x03,    /* S>C nonce, box(JSON) */
	MESH_RELAY_SEND_PACKET = 0x04,    /* C>S destination key, packet */
	MESH_RELAY_RECV_PACKET = 0x05,    /* S>C source key, packet */
	MESH_RELAY_KEEP_ALIVE = 0x06,     /* S>C empty */
	MESH_RELAY_NOTE_PREFERRED = 0x07, /* C>S u8: 1 this is my home */
	MESH_RELAY_PEER_GONE = 0x08,      /* S>C key, u8 reason */
	MESH_RELAY_PEER_PRESENT = 0x09, /* S>C key, ip[16], u16be port, flags */
	MESH_RELAY_FORWARD_PACKET = 0x0a, /* C>S source, destination, packet */
	MESH_RELAY_WATCH_CONNS = 0x10,    /* C>S empty */
	MESH_RELAY_CLOSE_PEER = 0x11,     /* C>S key */
	MESH_RELAY_PING = 0x12,           /* both: 8 bytes */
	MESH_RELAY_PONG = 0x13,           /* both: the same 8 bytes */
	MESH_RELAY_HEALTH = 0x14,         /* S>C text; empty: healthy */
	MESH_RELAY_RESTARTING = 0x15,     /* S>C u32be ms, u32be ms */
};

enum mesh_relay_gone {
	MESH_RELAY_GONE_DISCONNECTED = 0x00,
	MESH_RELAY_GONE_NOT_HERE = 0x01,
};

#define MESH_RELAY_PRESENT_REGULAR 1u /* set when no other flag is */
#define MESH_RELAY_PRESENT_MESH 2u
#define MESH_RELAY_PRESENT_PROBER 4u
#define MESH_RELAY_PRESENT_NOT_IDEAL 8u

struct mesh_relay_frame {
	uint8_t type;        /* enum mesh_relay_type, or unknown */
	const uint8_t *body; /* points into the input */
	uint32_t len;        /* of the body */
};

/* The frame at the front of buf. MESH_OK: it lies there whole, *out_used bytes
 * with its header. MESH_ERR_AGAIN: more input is needed; *out_used is how many
 * bytes it takes in all (MESH_RELAY_HEADER_LEN while the header is short).
 * MESH_ERR_LIMIT: its body is longer than its type allows. An unknown type
 * comes out with body NULL as soon as its header is there: pass over *out_used
 * bytes, most of which are yet to come. */
int mesh_relay_frame_read(const void *buf, size_t len,
    struct mesh_relay_frame *out, size_t *out_used) MESH_MUST_USE;

/* A packet and the key that goes with it: destination of SEND_PACKET, source of
 * RECV_PACKET. */
struct mesh_relay_packet {
	struct mesh_node_key key;
	const uint8_t *data;
	size_t len;
};

/* A key and a box: CLIENT_INFO; SERVER_INFO without the key. */
struct mesh_relay_info {
	struct mesh_node_key key;
	const uint8_t *nonce; /* MESH_RELAY_NONCE_LEN */
	const uint8_t *box;
	size_t box_len; /* at least MESH_RELAY_TAG_LEN */
};

#define MESH_RELAY_CLIENT_INFO_MAX 16384u /* body; stock servers take 256 kB   \
					   */

struct mesh_relay_present {
	struct mesh_node_key key;
	struct mesh_endpoint addr; /* zero when an old server left it out */
	uint8_t flags;
};

/* Bodies. MESH_OK or MESH_ERR_FORMAT (out is untouched then). Bytes behind
 * those of this version are ignored where the reference ignores them. */
int mesh_relay_read_server_key(const struct mesh_relay_frame *f,
    struct mesh_node_key *out) MESH_MUST_USE;
int mesh_relay_read_client_info(const struct mesh_relay_frame *f,
    struct mesh_relay_info *out) MESH_MUST_USE;
int mesh_relay_read_server_info(const struct mesh_relay_frame *f,
    struct mesh_relay_info *out) MESH_MUST_USE;
int mesh_relay_read_packet(const struct mesh_relay_frame *f,
    struct mesh_relay_packet *out) MESH_MUST_USE;
/* FORWARD_PACKET: out's key is the destination. */
int mesh_relay_read_forward(const struct mesh_relay_frame *f,
    struct mesh_node_key *out_from,
    struct mesh_relay_packet *out) MESH_MUST_USE;
/* CLOSE_PEER. */
int mesh_relay_read_close(const struct mesh_relay_frame *f,
    struct mesh_node_key *out_peer) MESH_MUST_USE;
int mesh_relay_read_preferred(const struct mesh_relay_frame *f,
    bool *out_home) MESH_MUST_USE;
/* Old servers send no reason: 0. */
int mesh_relay_read_gone(const struct mesh_relay_frame *f,
    struct mesh_node_key *out_peer, uint8_t *out_reason) MESH_MUST_USE;
int mesh_relay_read_present(const struct mesh_relay_frame *f,
    struct mesh_relay_present *out) MESH_MUST_USE;
/* PING and PONG: the 8 bytes, which lie in the input. */
int mesh_relay_read_ping(const struct mesh_relay_frame *f,
    const uint8_t **out_data) MESH_MUST_USE;
int mesh_relay_read_restarting(const struct mesh_relay_frame *f,
    uint32_t *out_in_ms, uint32_t *out_for_ms) MESH_MUST_USE;

void mesh_relay_write_header(struct mesh_wr *w, uint8_t type, size_t len);
/* A frame without a body: KEEP_ALIVE, WATCH_CONNS. */
void mesh_relay_write_empty(struct mesh_wr *w, enum mesh_relay_type type);
void mesh_relay_write_server_key(struct mesh_wr *w,
    const struct mesh_node_key *server);
/* box_len bytes for the caller to fill; NULL when they do not fit. */
uint8_t *mesh_relay_write_client_info(struct mesh_wr *w,
    const struct mesh_node_key *client,
    const uint8_t nonce[static MESH_RELAY_NONCE_LEN], size_t box_len);
uint8_t *mesh_relay_write_server_info(struct mesh_wr *w,
    const uint8_t nonce[static MESH_RELAY_NONCE_LEN], size_t box_len);
/* MESH_RELAY_PACKET_HEAD bytes, which go in front of a packet of len bytes;
 * type: SEND_PACKET or RECV_PACKET. For packets with headroom of their own. */
void mesh_relay_write_packet_head(struct mesh_wr *w, enum mesh_relay_type type,
    const struct mesh_node_key *key, size_t len);
void mesh_relay_write_packet(struct mesh_wr *w, enum mesh_relay_type type,
    const struct mesh_node_key *key, const void *data, size_t len);
void mesh_relay_write_forward(struct mesh_wr *w,
    const struct mesh_node_key *from, const struct mesh_node_key *to,
    const void *data, size_t len);
void mesh_relay_write_preferred(struct mesh_wr *w, bool home);
void mesh_relay_write_gone(struct mesh_wr *w, const struct mesh_node_key *peer,
    enum mesh_relay_gone reason);
void mesh_relay_write_present(struct mesh_wr *w,
    const struct mesh_relay_present *p);
/* PING or PONG. */
void mesh_relay_write_ping(struct mesh_wr *w, enum mesh_relay_type type,
    const uint8_t data[static MESH_RELAY_PING_LEN]);
void mesh_relay_write_health(struct mesh_wr *w, struct mesh_str problem);
void mesh_relay_write_restarting(struct mesh_wr *w, uint32_t in_ms,
    uint32_t for_ms);

#endif
