/* SPDX-License-Identifier: ISC */
#include "base/secret.h"

#include <sodium.h>

bool
mesh_ct_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

bool
mesh_ct_is_zero(const void *p, size_t len)
{
	return sodium_is_zero(p, len) == 1;
}

void
mesh_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}
