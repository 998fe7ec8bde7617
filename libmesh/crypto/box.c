/* SPDX-License-Identifier: ISC */
#include "crypto/box.h"

#include <assert.h>
#include <sodium.h>

#include "base/secret.h"

static_assert(sizeof(struct mesh_box_key) == crypto_box_BEFORENMBYTES,
    "libsodium's shared key");
static_assert(MESH_BOX_TAG_LEN == crypto_box_MACBYTES, "libsodium's tag");

int
mesh_box_key_make(struct mesh_box_key *out, const uint8_t secret[static 32],
    const uint8_t public[static 32])
{
	struct mesh_box_key k;
	int err = MESH_OK;

	if (crypto_box_beforenm(k.b, public, secret) != 0)
		err = MESH_ERR_AUTH;
	else
		*out = k;
	mesh_box_key_wipe(&k);
	return err;
}

void
mesh_box_key_wipe(struct mesh_box_key *k)
{
	mesh_wipe(k, sizeof(*k));
}

void
mesh_box_seal(uint8_t *out, const struct mesh_box_key *k,
    const uint8_t nonce[static MESH_BOX_NONCE_LEN], const void *in, size_t len)
{
	(void)crypto_box_easy_afternm(out, in, len, nonce, k->b);
}

int
mesh_box_open(uint8_t *out, const struct mesh_box_key *k,
    const uint8_t nonce[static MESH_BOX_NONCE_LEN], const void *in, size_t len)
{
	if (len < MESH_BOX_TAG_LEN ||
	    crypto_box_open_easy_afternm(out, in, len, nonce, k->b) != 0)
		return MESH_ERR_AUTH;
	return MESH_OK;
}
