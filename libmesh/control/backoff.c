/* SPDX-License-Identifier: ISC */
#include "control/backoff.h"

/* From 0 to span, by 32 random bits. */
static uint64_t
random_part(uint64_t span, uint32_t random)
{
	return (uint64_t)((double)span * random / UINT32_MAX);
}

uint64_t
mesh_backoff_fail(struct mesh_backoff *b, uint32_t random)
{
	uint64_t wait;

	if (b->tries < UINT32_MAX)
		b->tries++;
	wait = (uint64_t)b->tries * b->tries; /* at most 2^64 - 2^33 + 1 */
	if (wait > MESH_BACKOFF_MAX_NS / MESH_BACKOFF_STEP_NS)
		wait = MESH_BACKOFF_MAX_NS;
	else
		wait *= MESH_BACKOFF_STEP_NS;
	return wait / 2 + random_part(wait, random);
}

void
mesh_backoff_reset(struct mesh_backoff *b)
{
	b->tries = 0;
}

uint64_t
mesh_backoff_retry(uint64_t retry_ns, uint32_t random)
{
	if (retry_ns > 0 && retry_ns <= MESH_RETRY_MAX_NS)
		return retry_ns;
	return MESH_RETRY_MIN_NS + random_part(MESH_RETRY_SPAN_NS, random);
}
