/* SPDX-License-Identifier: ISC */
#include "crypto/aead.h"

#include <string.h>

#include "base/rd.h"

void
mesh_aead_nonce(uint8_t out[static MESH_AEAD_NONCE_LEN],
    enum mesh_aead_nonce form, uint64_t counter)
{
	struct mesh_wr w = mesh_wr_init(out, MESH_AEAD_NONCE_LEN);

	mesh_wr_zero(&w, 4);
	if (form == MESH_AEAD_LE64)
		mesh_wr_u64le(&w, counter);
	else
		mesh_wr_u64be(&w, counter);
}

int
mesh_aead_seal(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item item)
{
	return a->ops->seal_batch(a, key, form, &item, 1);
}

int
mesh_aead_open(struct mesh_aead *a, const uint8_t key[static MESH_AEAD_KEY_LEN],
    enum mesh_aead_nonce form, struct mesh_aead_item item)
{
	return a->ops->open_batch(a, key, form, &item, 1) == 1 ? MESH_OK
							       : MESH_ERR_AUTH;
}

void
mesh_aead_free(struct mesh_aead *a)
{
	if (a != NULL)
		a->ops->free(a);
}

const struct mesh_aead_ops *
mesh_aead_best(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("avx512ifma"))
		return &mesh_aead_avx512;
	if (__builtin_cpu_supports("avx2"))
		return &mesh_aead_avx2;
#endif
	return &mesh_aead_openssl;
}
