/* SPDX-License-Identifier: ISC */
#include "crypto/aead.h"

#include <assert.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/secret.h"

struct evp {
	struct mesh_aead base;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *seal, *open;
};

static struct evp *
evp_of(struct mesh_aead *a)
{
	assert(a->ops == &mesh_aead_openssl);
	return (struct evp *)(void *)a;
}

static void
evp_free(struct mesh_aead *a)
{
	struct evp *e = evp_of(a);

	EVP_CIPHER_CTX_free(e->seal); /* wipes the last key */
	EVP_CIPHER_CTX_free(e->open);
	EVP_CIPHER_free(e->cipher);
	free(e);
}

static struct mesh_aead *
evp_new(void)
{
	struct evp *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->base.ops = &mesh_aead_openssl;
	e->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	e->seal = EVP_CIPHER_CTX_new();
	e->open = EVP_CIPHER_CTX_new();
	if (e->cipher == NULL || e->seal == NULL || e->open == NULL ||
	    !EVP_EncryptInit_ex2(e->seal, e->cipher, NULL, NULL, NULL) ||
	    !EVP_DecryptInit_ex2(e->open, e->cipher, NULL, NULL, NULL)) {
		evp_free(&e->base);
		return NULL;
	}
	return &e->base;
}

/* key: NULL to keep the one of the packet before. */
static bool
seal_one(EVP_CIPHER_CTX *c, const uint8_t *key, const uint8_t *nonce,
    const struct mesh_aead_item *p)
{
	int n;
	OSSL_PARAM tag[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
		p->data + p->len, MESH_AEAD_TAG_LEN),
	    OSSL_PARAM_construct_end(),
	};

	return p->len <= INT_MAX && p->ad_len <= INT_MAX &&
	       EVP_EncryptInit_ex2(c, NULL, key, nonce, NULL) &&
	       (p->ad_len == 0 ||
		   EVP_EncryptUpdate(c, NULL, &n, p->ad, (int)p->ad_len)) &&
	       (p->len == 0 ||
		   EVP_EncryptUpdate(c, p->data, &n, p->data, (int)p->len)) &&
	       EVP_EncryptFinal_ex(c, p->data + p->len, &n) &&
	       EVP_CIPHER_CTX_get_params(c, tag);
}

static bool
open_one(EVP_CIPHER_CTX *c, const uint8_t *key, const uint8_t *nonce,
    const struct mesh_aead_item *p)
{
	int n;
	const OSSL_PARAM tag[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
		p->data + p->len, MESH_AEAD_TAG_LEN),
	    OSSL_PARAM_construct_end(),
	};

	return p->len <= INT_MAX && p->ad_len <= INT_MAX &&
	       EVP_DecryptInit_ex2(c, NULL, key, nonce, tag) &&
	       (p->ad_len == 0 ||
		   EVP_DecryptUpdate(c, NULL, &n, p->ad, (int)p->ad_len)) &&
	       (p->len == 0 ||
		   EVP_DecryptUpdate(c, p->data, &n, p->data, (int)p->len)) &&
	       EVP_DecryptFinal_ex(c, p->data + p->len, &n) > 0;
}

static int
seal_batch(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n)
{
	EVP_CIPHER_CTX *c = evp_of(a)->seal;

	for (size_t i = 0; i < n; i++) {
		uint8_t nonce[MESH_AEAD_NONCE_LEN];

		mesh_aead_nonce(nonce, form, items[i].counter);
		if (!seal_one(c, i == 0 ? key : NULL, nonce, &items[i]))
			return MESH_ERR_INTERNAL;
	}
	return MESH_OK;
}

static size_t
open_batch(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n)
{
	EVP_CIPHER_CTX *c = evp_of(a)->open;
	size_t good = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t nonce[MESH_AEAD_NONCE_LEN];

		mesh_aead_nonce(nonce, form, items[i].counter);
		items[i].ok =
		    open_one(c, i == 0 ? key : NULL, nonce, &items[i]);
		good += items[i].ok;
	}
	return good;
}

const struct mesh_aead_ops mesh_aead_openssl = {
    .name = "OpenSSL EVP",
    .new = evp_new,
    .free = evp_free,
    .seal_batch = seal_batch,
    .open_batch = open_batch,
};
