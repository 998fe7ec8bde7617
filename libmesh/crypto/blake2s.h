/* SPDX-License-Identifier: ISC
 * blake2s.h - BLAKE2s (RFC 7693) and what Noise builds of it: HMAC and KDF.
 *
 * Written out here because a handshake hashes some 20 short strings: libcrypto
 * needs three times as long for each, and allocates. No heap; secrets that pass
 * through are wiped. Source: protocol/dataplane.md 1.1.
 */
#ifndef MESH_CRYPTO_BLAKE2S_H
#define MESH_CRYPTO_BLAKE2S_H

#include <mesh/base.h>

#define MESH_BLAKE2S_LEN 32u     /* bytes of a hash, of a key at most */
#define MESH_BLAKE2S_BLOCK 64u   /* bytes */
#define MESH_BLAKE2S_MAC_LEN 16u /* bytes, of mesh_blake2s_mac() */
#define MESH_BLAKE2S_KDF_MAX 3u  /* outputs */

struct mesh_blake2s { /* private */
	uint32_t h[8];
	uint64_t count; /* bytes compressed */
	size_t have;    /* bytes in block */
	size_t out_len;
	uint8_t block[MESH_BLAKE2S_BLOCK];
};

/* out_len: 1 to 32 bytes. key_len: 0 (key may be NULL) to 32: the native keyed
 * mode, not HMAC. */
void mesh_blake2s_init(struct mesh_blake2s *s, size_t out_len, const void *key,
    size_t key_len);
void mesh_blake2s_update(struct mesh_blake2s *s, const void *p, size_t len);
/* Writes out_len bytes and wipes s. */
void mesh_blake2s_final(struct mesh_blake2s *s, uint8_t *out);

/* H(a, b): the hash of one string, or of two behind each other (b_len 0: one).
 * out may be a or b. */
void mesh_blake2s_hash(uint8_t out[static MESH_BLAKE2S_LEN], const void *a,
    size_t a_len, const void *b, size_t b_len);

/* MAC(key, p): keyed BLAKE2s of 16 bytes. key_len: at most 32. */
void mesh_blake2s_mac(uint8_t out[static MESH_BLAKE2S_MAC_LEN], const void *key,
    size_t key_len, const void *p, size_t len);

/* HMAC (RFC 2104) over the unkeyed hash, of a and b behind each other. key_len:
 * at most 64. out may be key, a or b. */
void mesh_blake2s_hmac(uint8_t out[static MESH_BLAKE2S_LEN], const void *key,
    size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len);

/* KDF_n(key, input): out[0..n), n from 1 to 3 (HKDF without info, RFC 5869).
 * An output may be key itself. */
void mesh_blake2s_kdf(uint8_t *const out[], size_t n, const void *key,
    size_t key_len, const void *input, size_t input_len);

#endif
