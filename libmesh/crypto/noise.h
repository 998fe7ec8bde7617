/* SPDX-License-Identifier: ISC
 * noise.h - symmetric state of a Noise handshake (Noise revision 34, section
 * 5.2) with X25519, ChaCha20-Poly1305 and BLAKE2s.
 *
 * WireGuard's IKpsk2 and the control protocol's IK are sequences of these calls
 * (protocol/dataplane.md 1.3, protocol/control.md 3.3). No heap, no pointers
 * inside; wiped by mesh_noise_split() and mesh_noise_wipe().
 *
 *	mesh_noise_init(&s, "Noise_IK_25519_ChaChaPoly_BLAKE2s");
 *	mesh_noise_mix_hash(&s, prologue, prologue_len);
 *	mesh_noise_mix_hash(&s, responder_public, 32);
 *	mesh_noise_mix_hash(&s, ephemeral_public, 32);
 *	err = mesh_noise_mix_dh(&s, ephemeral_secret, responder_public);
 *	mesh_noise_seal(&s, out, own_public, 32);
 */
#ifndef MESH_CRYPTO_NOISE_H
#define MESH_CRYPTO_NOISE_H

#include <mesh/base.h>

#define MESH_NOISE_LEN 32u     /* bytes of a key, a hash, a Diffie-Hellman */
#define MESH_NOISE_TAG_LEN 16u /* bytes that a sealed text is longer */

struct mesh_noise {
	uint8_t h[MESH_NOISE_LEN];  /* running hash; stays after the split */
	uint8_t ck[MESH_NOISE_LEN]; /* chaining key */
	uint8_t k[MESH_NOISE_LEN];  /* of the next sealed text */
	uint64_t n;                 /* its counter */
};

/* name: the protocol's, terminated. */
void mesh_noise_init(struct mesh_noise *s, const char *name);
void mesh_noise_wipe(struct mesh_noise *s);

/* Also for the prologue and the pre-messages. */
void mesh_noise_mix_hash(struct mesh_noise *s, const void *p, size_t len);
void mesh_noise_mix_key(struct mesh_noise *s, const void *p, size_t len);
/* A pre-shared key: MixKeyAndHash. */
void mesh_noise_mix_psk(struct mesh_noise *s,
    const uint8_t psk[static MESH_NOISE_LEN]);
/* Mixes DH(secret, public). MESH_ERR_AUTH: low-order point, s unchanged. */
int mesh_noise_mix_dh(struct mesh_noise *s,
    const uint8_t secret[static MESH_NOISE_LEN],
    const uint8_t public[static MESH_NOISE_LEN]) MESH_MUST_USE;

/* EncryptAndHash: out has len + 16 bytes and may be in. A key was mixed. */
void mesh_noise_seal(struct mesh_noise *s, uint8_t *out, const void *in,
    size_t len);
/* DecryptAndHash: in has len bytes with the tag, out len - 16; not overlapping.
 * MESH_ERR_AUTH: s is unchanged, out zero. */
int mesh_noise_open(struct mesh_noise *s, uint8_t *out, const void *in,
    size_t len) MESH_MUST_USE;

/* The transport keys: first of the initiator's sending, second of the
 * responder's. Wipes all but h. */
void mesh_noise_split(struct mesh_noise *s,
    uint8_t out_initiator[static MESH_NOISE_LEN],
    uint8_t out_responder[static MESH_NOISE_LEN]);

#endif
