/* SPDX-License-Identifier: ISC
 * secret.h - compare and wipe without telling.
 */
#ifndef MESH_BASE_SECRET_H
#define MESH_BASE_SECRET_H

#include <mesh/base.h>

/* Equal, in time that depends on len alone. */
bool mesh_ct_equal(const void *a, const void *b, size_t len) MESH_MUST_USE;
bool mesh_ct_is_zero(const void *p, size_t len) MESH_MUST_USE;
/* Zeroes memory; the compiler may not drop it. */
void mesh_wipe(void *p, size_t len);

#endif
