/* SPDX-License-Identifier: ISC
 * xchacha.h - XChaCha20-Poly1305 with random 24-byte nonces, by libsodium; used
 * for WireGuard's cookie replies.
 */
#ifndef MESH_CRYPTO_XCHACHA_H
#define MESH_CRYPTO_XCHACHA_H

#include <mesh/base.h>

#define MESH_XCHACHA_KEY_LEN 32u   /* bytes */
#define MESH_XCHACHA_NONCE_LEN 24u /* bytes */
#define MESH_XCHACHA_TAG_LEN 16u   /* bytes, behind the text */

/* out: len + 16 bytes. */
void mesh_xchacha_seal(uint8_t *out,
    const uint8_t key[static MESH_XCHACHA_KEY_LEN],
    const uint8_t nonce[static MESH_XCHACHA_NONCE_LEN], const void *in,
    size_t len, const void *ad, size_t ad_len);

/* in: len bytes with the tag; out: len - 16. MESH_ERR_AUTH, also for less than
 * a tag; out holds nothing of the text then. */
int mesh_xchacha_open(uint8_t *out,
    const uint8_t key[static MESH_XCHACHA_KEY_LEN],
    const uint8_t nonce[static MESH_XCHACHA_NONCE_LEN], const void *in,
    size_t len, const void *ad, size_t ad_len) MESH_MUST_USE;

#endif
