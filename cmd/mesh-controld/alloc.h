/* SPDX-License-Identifier: ISC
 * alloc.h - which addresses the next node gets.
 *
 * One number gives both: number 1 is 100.64.0.1 and fd7a:115c:a1e0::1, so that
 * one check for IPv4 keeps both unique. Never given: first and last address of
 * 100.64.0.0/10, 100.100.100.0/24 (services), 100.115.92.0/23 (ChromeOS), and
 * the number of fd7a:115c:a1e0::53. Source: protocol/control.md 8.1.
 */
#ifndef CONTROLD_ALLOC_H
#define CONTROLD_ALLOC_H

#include <base/addr.h>

#define ALLOC_NUMBERS (1u << 22) /* addresses in 100.64.0.0/10 */

/* May this number be given to a node at all? */
bool alloc_is_usable(uint32_t number);
struct mesh_ip alloc_ip4(uint32_t number);
struct mesh_ip alloc_ip6(uint32_t number);
/* The number of an IPv4 address of the range; 0 if it is none. */
uint32_t alloc_number(const struct mesh_ip *ip4);

/* The first number after `from` (going round) that is usable and not taken.
 * MESH_ERR_LIMIT when all are taken. */
int alloc_next(uint32_t from, bool (*is_taken)(void *arg, uint32_t number),
    void *arg, uint32_t *out);

#endif
