/* SPDX-License-Identifier: ISC */
#include "crypto/noise.h"

#include <assert.h>
#include <sodium.h>

#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/blake2s.h"
#include "crypto/x25519.h"

static_assert(MESH_NOISE_LEN == MESH_BLAKE2S_LEN, "hash and key sizes agree");
static_assert(MESH_NOISE_LEN == MESH_X25519_LEN, "hash and key sizes agree");

void
mesh_noise_init(struct mesh_noise *s, const char *name)
{
	size_t len = strlen(name);

	*s = (struct mesh_noise){0};
	if (len <= sizeof(s->h))
		memcpy(s->h, name, len);
	else
		mesh_blake2s_hash(s->h, name, len, NULL, 0);
	memcpy(s->ck, s->h, sizeof(s->ck));
}

void
mesh_noise_wipe(struct mesh_noise *s)
{
	mesh_wipe(s, sizeof(*s));
}

void
mesh_noise_mix_hash(struct mesh_noise *s, const void *p, size_t len)
{
	mesh_blake2s_hash(s->h, s->h, sizeof(s->h), p, len);
}

void
mesh_noise_mix_key(struct mesh_noise *s, const void *p, size_t len)
{
	uint8_t *const out[] = {s->ck, s->k};

	mesh_blake2s_kdf(out, 2, s->ck, sizeof(s->ck), p, len);
	s->n = 0;
}

void
mesh_noise_mix_psk(struct mesh_noise *s,
    const uint8_t psk[static MESH_NOISE_LEN])
{
	uint8_t tau[MESH_NOISE_LEN];
	uint8_t *const out[] = {s->ck, tau, s->k};

	mesh_blake2s_kdf(out, 3, s->ck, sizeof(s->ck), psk, MESH_NOISE_LEN);
	mesh_noise_mix_hash(s, tau, sizeof(tau));
	s->n = 0;
	mesh_wipe(tau, sizeof(tau));
}

int
mesh_noise_mix_dh(struct mesh_noise *s,
    const uint8_t secret[static MESH_NOISE_LEN],
    const uint8_t public[static MESH_NOISE_LEN])
{
	uint8_t shared[MESH_NOISE_LEN];
	int err = mesh_x25519(shared, secret, public);

	if (err == MESH_OK)
		mesh_noise_mix_key(s, shared, sizeof(shared));
	mesh_wipe(shared, sizeof(shared));
	return err;
}

void
mesh_noise_seal(struct mesh_noise *s, uint8_t *out, const void *in, size_t len)
{
	uint8_t nonce[MESH_AEAD_NONCE_LEN];

	mesh_aead_nonce(nonce, MESH_AEAD_LE64, s->n++);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, s->h,
	    sizeof(s->h), NULL, nonce, s->k);
	mesh_noise_mix_hash(s, out, len + MESH_NOISE_TAG_LEN);
}

int
mesh_noise_open(struct mesh_noise *s, uint8_t *out, const void *in, size_t len)
{
	uint8_t nonce[MESH_AEAD_NONCE_LEN];
	const uint8_t *text = in;

	if (len < MESH_NOISE_TAG_LEN)
		return MESH_ERR_AUTH;
	len -= MESH_NOISE_TAG_LEN;
	mesh_aead_nonce(nonce, MESH_AEAD_LE64, s->n);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(out, NULL, text,
		len, text + len, s->h, sizeof(s->h), nonce, s->k) != 0)
		return MESH_ERR_AUTH;
	s->n++;
	mesh_noise_mix_hash(s, in, len + MESH_NOISE_TAG_LEN);
	return MESH_OK;
}

void
mesh_noise_split(struct mesh_noise *s,
    uint8_t out_initiator[static MESH_NOISE_LEN],
    uint8_t out_responder[static MESH_NOISE_LEN])
{
	uint8_t *const out[] = {out_initiator, out_responder};

	mesh_blake2s_kdf(out, 2, s->ck, sizeof(s->ck), NULL, 0);
	mesh_wipe(s->ck, sizeof(s->ck));
	mesh_wipe(s->k, sizeof(s->k));
}
