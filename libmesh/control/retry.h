/* SPDX-License-Identifier: ISC
 * retry.h - the Retry-After of an answer, without a clock.
 *
 * Seconds, or a date (RFC 9110 10.2.3), which is compared with the Date of the
 * same answer: the server's clock against itself.
 */
#ifndef MESH_CONTROL_RETRY_H
#define MESH_CONTROL_RETRY_H

#include <base/text.h>

/* In ns; 0: absent, past, above MESH_RETRY_MAX_NS, or not understood. */
uint64_t mesh_retry_after(struct mesh_str value, struct mesh_str date);

#endif
