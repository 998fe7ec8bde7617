/* SPDX-License-Identifier: ISC */
#include "crypto/drbg.h"

#include <sodium.h>

#include "base/secret.h"

/* A fresh pool; its first bytes are the next key. */
static void
refill(struct mesh_drbg *d)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];

	crypto_stream_chacha20_ietf(d->pool, sizeof(d->pool), nonce, d->key);
	memcpy(d->key, d->pool, sizeof(d->key));
	mesh_wipe(d->pool, sizeof(d->key));
	d->used = sizeof(d->key);
}

void
mesh_drbg_init(struct mesh_drbg *d,
    const uint8_t seed[static MESH_DRBG_SEED_LEN])
{
	memcpy(d->key, seed, sizeof(d->key));
	refill(d);
}

void
mesh_drbg_stir(struct mesh_drbg *d,
    const uint8_t random[static MESH_DRBG_SEED_LEN])
{
	for (size_t i = 0; i < sizeof(d->key); i++)
		d->key[i] ^= random[i];
	refill(d);
}

void
mesh_drbg_bytes(struct mesh_drbg *d, void *out, size_t len)
{
	uint8_t *to = out;

	while (len > 0) {
		if (d->used == sizeof(d->pool))
			refill(d);
		size_t n = sizeof(d->pool) - d->used;

		if (n > len)
			n = len;
		memcpy(to, d->pool + d->used, n);
		mesh_wipe(d->pool + d->used, n);
		d->used += n;
		to += n;
		len -= n;
	}
}

uint32_t
mesh_drbg_u32(struct mesh_drbg *d)
{
	uint32_t v;

	mesh_drbg_bytes(d, &v, sizeof(v));
	return v;
}

void
mesh_drbg_wipe(struct mesh_drbg *d)
{
	mesh_wipe(d, sizeof(*d));
}
