/* SPDX-License-Identifier: ISC */
#include "crypto/x25519.h"

#include <sodium.h>

#include "base/secret.h"

int
mesh_x25519(uint8_t out[static MESH_X25519_LEN],
    const uint8_t secret[static MESH_X25519_LEN],
    const uint8_t public[static MESH_X25519_LEN])
{
	uint8_t shared[MESH_X25519_LEN];

	/* Refuses low-order points and an all-zero result. */
	if (crypto_scalarmult_curve25519(shared, secret, public) != 0) {
		mesh_wipe(shared, sizeof(shared));
		return MESH_ERR_AUTH;
	}
	memcpy(out, shared, sizeof(shared));
	mesh_wipe(shared, sizeof(shared));
	return MESH_OK;
}

void
mesh_x25519_public(uint8_t out[static MESH_X25519_LEN],
    const uint8_t secret[static MESH_X25519_LEN])
{
	(void)crypto_scalarmult_curve25519_base(out, secret);
}

void
mesh_x25519_clamp(uint8_t secret[static MESH_X25519_LEN])
{
	secret[0] &= 0xf8;
	secret[31] = (uint8_t)((secret[31] & 0x7f) | 0x40);
}
