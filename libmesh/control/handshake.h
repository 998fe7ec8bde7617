/* SPDX-License-Identifier: ISC
 * handshake.h - the Noise IK handshake of the control channel, both sides.
 *
 * Initiation, 101 bytes: u16be version, u8 1, u16be 96, ephemeral key[32],
 * sealed machine key[48], tag[16]. Response, 51 bytes: u8 2, u16be 48,
 * ephemeral key[32], tag[16]. Error frame instead of a response: u8 3, u16be
 * length, text for people, not authenticated. The version is part of the
 * prologue, so that nobody can change it on the way.
 * Source: protocol/control.md 3.3; vectors-control.md 3.
 *
 * The responder does not hold its secret: mesh_handshake_accept() leaves a point
 * in h->point, the result of X25519(secret, point) goes in by _dh(), which asks
 * for a second one. No heap; wiped by the last step and by _wipe.
 */
#ifndef MESH_CONTROL_HANDSHAKE_H
#define MESH_CONTROL_HANDSHAKE_H

#include <crypto/noise.h>
#include <mesh/key.h>

#define MESH_HANDSHAKE_INIT_LEN 101u /* bytes */
#define MESH_HANDSHAKE_RESPONSE_LEN 51u
#define MESH_HANDSHAKE_HEAD_LEN 3u /* of everything but the initiation */
#define MESH_HANDSHAKE_ERROR_MAX 512u /* bytes of an error text */

enum mesh_handshake_type {
	MESH_HANDSHAKE_INIT = 1,
	MESH_HANDSHAKE_RESPONSE = 2,
	MESH_HANDSHAKE_ERROR = 3,
};

struct mesh_handshake { /* read version, peer and point; the rest is private */
	uint16_t version;
	struct mesh_machine_key peer; /* responder: the client, when proved */
	uint8_t point[MESH_KEY_LEN];  /* responder: what the secret is needed for */
	struct mesh_noise noise;
	uint8_t ephemeral[MESH_KEY_LEN];      /* own, secret */
	uint8_t peer_ephemeral[MESH_KEY_LEN]; /* responder */
	struct mesh_machine_secret secret;    /* initiator */
	uint8_t rest[64]; /* responder: sealed parts of the initiation */
	unsigned step;
};

/* The two keys of the transport, by direction. */
struct mesh_handshake_keys {
	uint8_t to_server[MESH_KEY_LEN];
	uint8_t to_client[MESH_KEY_LEN];
};

/* --- initiator */

/* ephemeral: 32 random bytes, used up. MESH_ERR_AUTH: the server's key is no
 * key. */
int mesh_handshake_start(struct mesh_handshake *h,
    const struct mesh_machine_secret *secret,
    const struct mesh_machine_key *server, uint16_t version,
    const uint8_t ephemeral[static MESH_KEY_LEN],
    uint8_t out[static MESH_HANDSHAKE_INIT_LEN]);
/* MESH_ERR_PROTO: malformed; MESH_ERR_AUTH: not by the holder of the server's
 * key. h is wiped in every case. */
int mesh_handshake_finish(struct mesh_handshake *h,
    const uint8_t response[static MESH_HANDSHAKE_RESPONSE_LEN],
    struct mesh_handshake_keys *out);

/* --- responder */

/* MESH_ERR_PROTO: malformed; MESH_ERR_VERSION: below version_min; the text for
 * an error frame is in diag (may be NULL). */
int mesh_handshake_accept(struct mesh_handshake *h, const uint8_t *init,
    size_t len, const struct mesh_machine_key *server, uint16_t version_min,
    struct mesh_diag *diag);
/* result: X25519 of the secret and h->point. MESH_ERR_AGAIN: the same for the
 * new h->point. MESH_OK: the initiation is authentic, h->peer is proved.
 * MESH_ERR_AUTH: it is not, or the result is all zero. */
int mesh_handshake_dh(struct mesh_handshake *h,
    const uint8_t result[static MESH_KEY_LEN]);
/* After MESH_OK of _dh. ephemeral: 32 random bytes, used up. h is wiped but for
 * peer and version. MESH_ERR_AUTH: low-order keys of the client. */
int mesh_handshake_reply(struct mesh_handshake *h,
    const uint8_t ephemeral[static MESH_KEY_LEN],
    uint8_t out[static MESH_HANDSHAKE_RESPONSE_LEN],
    struct mesh_handshake_keys *out_keys);

/* Wipes secrets; peer and version stay. */
void mesh_handshake_wipe(struct mesh_handshake *h);

#endif
