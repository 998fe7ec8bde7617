/* SPDX-License-Identifier: ISC
 * box.h - NaCl box (X25519, XSalsa20, Poly1305), by libsodium: disco messages
 * and the relay handshake.
 *
 * The shared key of two sides is made once and kept: it costs a Diffie-Hellman,
 * a box with it one or two microseconds. The nonce is the caller's: 24 random
 * bytes, never twice with one key. A box is the 16-byte tag, then the text.
 */
#ifndef MESH_CRYPTO_BOX_H
#define MESH_CRYPTO_BOX_H

#include <mesh/base.h>

#define MESH_BOX_NONCE_LEN 24u /* bytes */
#define MESH_BOX_TAG_LEN 16u   /* bytes that a box is longer than its text */

struct mesh_box_key {
	uint8_t b[32];
};

/* Secret and public key are X25519 keys of 32 bytes (mesh/key.h).
 * MESH_ERR_AUTH: low-order public key; out is untouched. Same key from either
 * side. */
int mesh_box_key_make(struct mesh_box_key *out, const uint8_t secret[static 32],
    const uint8_t public[static 32]) MESH_MUST_USE;
void mesh_box_key_wipe(struct mesh_box_key *k);

/* out: len + 16 bytes; may overlap in. */
void mesh_box_seal(uint8_t *out, const struct mesh_box_key *k,
    const uint8_t nonce[static MESH_BOX_NONCE_LEN], const void *in, size_t len);
/* in: len bytes of a box; out: len - 16; may overlap. MESH_ERR_AUTH (also for
 * less than a tag): out is untouched. */
int mesh_box_open(uint8_t *out, const struct mesh_box_key *k,
    const uint8_t nonce[static MESH_BOX_NONCE_LEN], const void *in,
    size_t len) MESH_MUST_USE;

#endif
