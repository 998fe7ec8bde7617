/* SPDX-License-Identifier: ISC
 * path/netcheck_plan.h - which regions are probed, how often and when
 * (dataplane.md 5.2; vectors 6.2).
 */
#ifndef MESH_PATH_NETCHECK_PLAN_H
#define MESH_PATH_NETCHECK_PLAN_H

#include "path/netcheck.h"

/* Fills the sets of all regions for a report. False: there is nothing to ask.
 */
bool mesh_netcheck_plan(struct mesh_netcheck *n, uint16_t home);
/* How long after the start try t of a set is due. */
uint64_t mesh_netcheck_delay(const struct mesh_netcheck_set *s, unsigned t,
    bool full);

#endif
