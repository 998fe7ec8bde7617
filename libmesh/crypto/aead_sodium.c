/* SPDX-License-Identifier: ISC */
#include "crypto/aead.h"

#include <sodium.h>

/* libsodium needs no working memory: one constant serves all. */
static const struct mesh_aead shared = {.ops = &mesh_aead_sodium};

static struct mesh_aead *
shared_new(void)
{
	return (struct mesh_aead *)(uintptr_t)&shared;
}

static void
shared_free(struct mesh_aead *a)
{
	(void)a;
}

static int
seal_batch(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n)
{
	(void)a;
	for (size_t i = 0; i < n; i++) {
		struct mesh_aead_item *p = &items[i];
		uint8_t nonce[MESH_AEAD_NONCE_LEN];

		mesh_aead_nonce(nonce, form, p->counter);
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(p->data,
		    p->data + p->len, NULL, p->data, p->len, p->ad, p->ad_len,
		    NULL, nonce, key);
	}
	return MESH_OK;
}

static size_t
open_batch(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n)
{
	size_t good = 0;

	(void)a;
	for (size_t i = 0; i < n; i++) {
		struct mesh_aead_item *p = &items[i];
		uint8_t nonce[MESH_AEAD_NONCE_LEN];

		mesh_aead_nonce(nonce, form, p->counter);
		p->ok =
		    crypto_aead_chacha20poly1305_ietf_decrypt_detached(p->data,
			NULL, p->data, p->len, p->data + p->len, p->ad,
			p->ad_len, nonce, key) == 0;
		good += p->ok;
	}
	return good;
}

const struct mesh_aead_ops mesh_aead_sodium = {
    .name = "libsodium",
    .new = shared_new,
    .free = shared_free,
    .seal_batch = seal_batch,
    .open_batch = open_batch,
};
