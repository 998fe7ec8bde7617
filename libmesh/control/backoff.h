/* SPDX-License-Identifier: ISC
 * backoff.h - how long to wait before the next try at a control server.
 *
 * Try n (from 1) waits min(n^2 * 10 ms, 30 s) times a factor from 0.5 to 1.5.
 * Source: protocol/control.md 5.9.
 */
#ifndef MESH_CONTROL_BACKOFF_H
#define MESH_CONTROL_BACKOFF_H

#include <mesh/base.h>

#define MESH_BACKOFF_STEP_NS (10 * MESH_MS)
#define MESH_BACKOFF_MAX_NS (30 * MESH_SEC)
/* After HTTP 429 without a usable Retry-After: 5 to 10 s; one above the
 * maximum is not usable. */
#define MESH_RETRY_MIN_NS (5 * MESH_SEC)
#define MESH_RETRY_SPAN_NS (5 * MESH_SEC)
#define MESH_RETRY_MAX_NS (MESH_HOUR)

struct mesh_backoff {
	uint32_t tries; /* failed since the last success */
};

/* One more failure: how long to wait, in ns. random: a fresh random number. */
uint64_t mesh_backoff_fail(struct mesh_backoff *b, uint32_t random);
/* A success: the next failure waits least. */
void mesh_backoff_reset(struct mesh_backoff *b);

/* How long to wait after HTTP 429. retry_ns: what the server asked for, 0 if
 * nothing usable. */
uint64_t mesh_backoff_retry(uint64_t retry_ns, uint32_t random);

#endif
