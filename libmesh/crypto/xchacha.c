/* SPDX-License-Identifier: ISC */
#include "crypto/xchacha.h"

#include <sodium.h>

void
mesh_xchacha_seal(uint8_t *out, const uint8_t key[static MESH_XCHACHA_KEY_LEN],
    const uint8_t nonce[static MESH_XCHACHA_NONCE_LEN], const void *in,
    size_t len, const void *ad, size_t ad_len)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, in, len, ad,
	    ad_len, NULL, nonce, key);
}

int
mesh_xchacha_open(uint8_t *out, const uint8_t key[static MESH_XCHACHA_KEY_LEN],
    const uint8_t nonce[static MESH_XCHACHA_NONCE_LEN], const void *in,
    size_t len, const void *ad, size_t ad_len)
{
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len,
		ad, ad_len, nonce, key) != 0)
		return MESH_ERR_AUTH;
	return MESH_OK;
}
