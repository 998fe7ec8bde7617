/* SPDX-License-Identifier: ISC
 * wire/disco.h - disco, the messages by which two nodes find a path. Codec
 *only: the box is opened and sealed by the caller (crypto/box.h).
 *
 *	packet  magic[6] "TS" U+1F4AC, sender's disco key[32], nonce[24], box
 *	box     tag[16], then the message: u8 type, u8 version (0), fields
 *
 * All integers big endian; an address is 16 bytes of IPv6 (IPv4 mapped) and a
 * port. Source: protocol/dataplane.md 2.2-2.4; vectors 3.
 *
 * As stock nodes do: bytes behind a ping or pong are tolerated, a call-me-maybe
 * with another version or an odd length is an empty list, and a message of an
 * unknown type is no error. Types that belong to peer relays (4-9) are checked
 * for their length and not looked into.
 */
#ifndef MESH_WIRE_DISCO_H
#define MESH_WIRE_DISCO_H

#include "base/addr.h"
#include "base/rd.h"
#include <mesh/key.h>

#define MESH_DISCO_MAGIC_LEN 6u
#define MESH_DISCO_NONCE_LEN 24u
#define MESH_DISCO_TAG_LEN 16u
#define MESH_DISCO_TXID_LEN 12u /* bytes, random */
/* What a packet has in front of its box; what it adds to a message. */
#define MESH_DISCO_HEAD_LEN                                                    \
	(MESH_DISCO_MAGIC_LEN + MESH_KEY_LEN + MESH_DISCO_NONCE_LEN)
#define MESH_DISCO_OVERHEAD (MESH_DISCO_HEAD_LEN + MESH_DISCO_TAG_LEN)
/* From this length on it looks like disco (the box may be missing). */
#define MESH_DISCO_LOOKS_LEN (MESH_DISCO_MAGIC_LEN + MESH_KEY_LEN)
#define MESH_DISCO_ENDPOINT_LEN 18u
#define MESH_DISCO_PING_LEN (2u + MESH_DISCO_TXID_LEN + MESH_KEY_LEN)
#define MESH_DISCO_PONG_LEN (2u + MESH_DISCO_TXID_LEN + MESH_DISCO_ENDPOINT_LEN)

/* Limits: a message, endpoints taken from one call-me-maybe (the first ones, in
 * the sender's order of preference), endpoints written into one. */
#define MESH_DISCO_MSG_MAX 9000u /* bytes; MTU probes are padded that far */
#define MESH_DISCO_ENDPOINTS 32u
#define MESH_DISCO_CALL_LEN(n) (2u + MESH_DISCO_ENDPOINT_LEN * (n))
/* The longest message that we write. */
#define MESH_DISCO_OUT_MAX MESH_DISCO_CALL_LEN(MESH_DISCO_ENDPOINTS)

enum mesh_disco_type {
	MESH_DISCO_PING = 1,
	MESH_DISCO_PONG = 2,
	MESH_DISCO_CALL_ME_MAYBE = 3,
	MESH_DISCO_BIND = 4,
	MESH_DISCO_BIND_CHALLENGE = 5,
	MESH_DISCO_BIND_ANSWER = 6,
	MESH_DISCO_CALL_ME_MAYBE_VIA = 7,
	MESH_DISCO_ALLOCATE = 8,
	MESH_DISCO_ALLOCATED = 9,
};

struct mesh_disco_txid {
	uint8_t b[MESH_DISCO_TXID_LEN];
};

/* A packet taken apart; box points into it. */
struct mesh_disco_packet {
	struct mesh_disco_key sender;
	uint8_t nonce[MESH_DISCO_NONCE_LEN];
	const uint8_t *box;
	size_t box_len; /* at least MESH_DISCO_TAG_LEN + 2 */
};

struct mesh_disco_msg {
	uint8_t type; /* enum mesh_disco_type, or a number unknown to us */
	uint8_t version;
	/* ping and pong */
	struct mesh_disco_txid txid;
	/* ping: zero if the sender did not say */
	struct mesh_node_key node;
	size_t padding; /* ping: bytes behind the fields */
	/* pong: where the ping was seen to come from */
	struct mesh_endpoint seen;
	/* call-me-maybe; the ones in excess are counted only */
	struct mesh_endpoint endpoints[MESH_DISCO_ENDPOINTS];
	size_t endpoint_count;
	size_t endpoint_excess;
};

/* Does it begin like a disco packet? */
bool mesh_disco_is(const void *buf, size_t len);

/* MESH_ERR_FORMAT: not disco, or too short for a box. MESH_ERR_LIMIT: longer
 * than any disco packet has reason to be. */
int mesh_disco_packet_parse(const void *buf, size_t len,
    struct mesh_disco_packet *out);
/* Magic, key and nonce; the box follows. */
void mesh_disco_head_write(struct mesh_wr *w,
    const struct mesh_disco_key *sender,
    const uint8_t nonce[static MESH_DISCO_NONCE_LEN]);

/* A message, out of its box. MESH_ERR_FORMAT: too short for its type. */
int mesh_disco_msg_parse(const void *buf, size_t len,
    struct mesh_disco_msg *out);

/* node may be NULL. padding: zero bytes behind it, to probe for the MTU. */
void mesh_disco_ping_write(struct mesh_wr *w,
    const struct mesh_disco_txid *txid, const struct mesh_node_key *node,
    size_t padding);
void mesh_disco_pong_write(struct mesh_wr *w,
    const struct mesh_disco_txid *txid, const struct mesh_endpoint *seen);
/* At most MESH_DISCO_ENDPOINTS of them; the writer goes bad with more. */
void mesh_disco_call_write(struct mesh_wr *w,
    const struct mesh_endpoint *endpoints, size_t count);

/* A relay region stands in a pong as 127.3.3.40 and its number as port. */
struct mesh_endpoint mesh_disco_region_endpoint(uint16_t region);

#endif
