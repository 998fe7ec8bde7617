/* SPDX-License-Identifier: ISC
 * blake2b.h - BLAKE2b-256 (RFC 7693), by libsodium: how secrets of full entropy
 * (auth keys) are stored.
 */
#ifndef MESH_CRYPTO_BLAKE2B_H
#define MESH_CRYPTO_BLAKE2B_H

#include <mesh/base.h>

#define MESH_BLAKE2B_LEN 32u /* bytes */

void mesh_blake2b(uint8_t out[static MESH_BLAKE2B_LEN], const void *p,
    size_t len);

#endif
