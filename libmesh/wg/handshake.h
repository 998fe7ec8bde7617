/* SPDX-License-Identifier: ISC
 * handshake.h - the computation of Noise IKpsk2 as WireGuard does it: pure
 * functions from keys to messages and back, no timers, no tables.
 *
 *	initiator                       responder
 *	mesh_wg_hs_initiate()    --->   mesh_wg_hs_open() who is it?
 *	                                mesh_wg_hs_verify() is it true?
 *	mesh_wg_hs_finish()      <---   mesh_wg_hs_respond()
 *
 * Source: protocol/dataplane.md 1.3; vectors-dataplane.md 1.4.
 */
#ifndef MESH_WG_HANDSHAKE_H
#define MESH_WG_HANDSHAKE_H

#include <crypto/noise.h>
#include <mesh/key.h>
#include <wire/wg.h>

/* One side's view of the long-lived keys; pointers are borrowed. */
struct mesh_wg_hs_keys {
	const struct mesh_node_secret *secret; /* our own */
	const struct mesh_node_key *self, *peer;
	const uint8_t *shared; /* DH(secret, peer), 32 bytes */
	const uint8_t *psk;    /* 32 bytes; zero: none */
};

struct mesh_wg_hs_session {
	uint8_t send[32], recv[32];
};

/* ephemeral: a fresh secret. Everything of out but the sender index is filled
 * in. MESH_ERR_AUTH: the peer's key is a low-order point. */
int mesh_wg_hs_initiate(const struct mesh_wg_hs_keys *k,
    const uint8_t ephemeral[static 32],
    const uint8_t stamp[static MESH_WG_STAMP_LEN], struct mesh_noise *out_noise,
    struct mesh_wg_initiation *out) MESH_MUST_USE;

/* The static key that an initiation claims. MESH_ERR_AUTH: not for us. */
int mesh_wg_hs_open(const struct mesh_node_secret *secret,
    const struct mesh_node_key *self, const struct mesh_wg_initiation *m,
    struct mesh_noise *out_noise, struct mesh_node_key *out_peer) MESH_MUST_USE;
/* Proves the claim; shared: DH(secret, peer). */
int mesh_wg_hs_verify(struct mesh_noise *noise, const uint8_t *shared,
    const struct mesh_wg_initiation *m,
    uint8_t out_stamp[static MESH_WG_STAMP_LEN]) MESH_MUST_USE;
/* their: the initiation's ephemeral key. Fills in all of out but the indices.
 * Wipes noise. */
int mesh_wg_hs_respond(const struct mesh_wg_hs_keys *k,
    struct mesh_noise *noise, const uint8_t their[static 32],
    const uint8_t ephemeral[static 32], struct mesh_wg_response *out,
    struct mesh_wg_hs_session *out_session) MESH_MUST_USE;

/* noise and ephemeral as of mesh_wg_hs_initiate(), which are left as they are.
 * MESH_ERR_AUTH: not the peer's answer. */
int mesh_wg_hs_finish(const struct mesh_wg_hs_keys *k,
    const struct mesh_noise *noise, const uint8_t ephemeral[static 32],
    const struct mesh_wg_response *m,
    struct mesh_wg_hs_session *out_session) MESH_MUST_USE;

#endif
