/* SPDX-License-Identifier: ISC */
#include "wg/load.h"

#include <sodium.h>

void
mesh_wg_load_init(struct mesh_wg_load *l, uint32_t burst, uint32_t rate,
    struct mesh_drbg *random)
{
	*l = (struct mesh_wg_load){
	    .all = mesh_ratelimit_init(burst, MESH_SEC / rate),
	};
	mesh_drbg_bytes(random, l->seed, sizeof(l->seed));
}

bool
mesh_wg_load_count(struct mesh_wg_load *l, struct mesh_time now)
{
	if (!mesh_ratelimit_allow(&l->all, now))
		l->until = mesh_time_add(now, MESH_WG_LOAD_HOLD);
	return !mesh_time_due(l->until, now);
}

bool
mesh_wg_load_source(struct mesh_wg_load *l, const uint8_t *host, size_t len,
    struct mesh_time now)
{
	struct mesh_time *full;
	uint64_t hash;

	crypto_shorthash_siphash24((uint8_t *)&hash, host, len, l->seed);
	full = &l->slots[hash % MESH_WG_SOURCE_SLOTS];
	if (mesh_time_due(*full, now))
		*full = now;
	if (mesh_time_since(now, *full) >
	    (MESH_WG_SOURCE_BURST - 1) * MESH_WG_SOURCE_EVERY)
		return false;
	*full = mesh_time_add(*full, MESH_WG_SOURCE_EVERY);
	return true;
}
