/* SPDX-License-Identifier: ISC */
#include "crypto/blake2b.h"

#include <sodium.h>

void
mesh_blake2b(uint8_t out[static MESH_BLAKE2B_LEN], const void *p, size_t len)
{
	(void)crypto_generichash_blake2b(out, MESH_BLAKE2B_LEN, p, len, NULL,
	    0);
}
