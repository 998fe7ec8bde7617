/* SPDX-License-Identifier: ISC
 * x25519.h - Diffie-Hellman on Curve25519 (RFC 7748), by libsodium.
 *
 * Secrets are clamped on use, so any 32 bytes will do. Programs call
 * sodium_init() once at their start: it picks the fastest code for the
 * processor; without it everything works, more slowly.
 */
#ifndef MESH_CRYPTO_X25519_H
#define MESH_CRYPTO_X25519_H

#include <mesh/base.h>

#define MESH_X25519_LEN 32u /* bytes of a secret, a public key, a result */

/* out = secret * public. MESH_ERR_AUTH: the result is all zero, which only
 * happens with a low-order point that no honest side sends; out is untouched.
 */
int mesh_x25519(uint8_t out[static MESH_X25519_LEN],
    const uint8_t secret[static MESH_X25519_LEN],
    const uint8_t public[static MESH_X25519_LEN]) MESH_MUST_USE;

/* out = the public key of secret. */
void mesh_x25519_public(uint8_t out[static MESH_X25519_LEN],
    const uint8_t secret[static MESH_X25519_LEN]);

/* Low three bits clear, bit 254 set, bit 255 clear: how new secrets are stored
 * (protocol/control.md 1.1). */
void mesh_x25519_clamp(uint8_t secret[static MESH_X25519_LEN]);

#endif
