/* SPDX-License-Identifier: ISC */
#include "path/random.h"

#include <sodium.h>

#include "base/secret.h"

static_assert(crypto_stream_chacha20_KEYBYTES == 32, "seed is the key");

void
mesh_path_random_init(struct mesh_path_random *r, const uint8_t seed[static 32])
{
	memcpy(r->key, seed, sizeof(r->key));
	r->draws = 0;
}

void
mesh_path_random_wipe(struct mesh_path_random *r)
{
	mesh_wipe(r, sizeof(*r));
}

void
mesh_path_random_bytes(struct mesh_path_random *r, void *out, size_t len)
{
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};

	memcpy(nonce, &r->draws, sizeof(r->draws));
	r->draws++;
	crypto_stream_chacha20(out, len, nonce, r->key);
}

uint64_t
mesh_path_random_below(struct mesh_path_random *r, uint64_t bound)
{
	uint64_t v;

	mesh_path_random_bytes(r, &v, sizeof(v));
	return v % bound;
}
