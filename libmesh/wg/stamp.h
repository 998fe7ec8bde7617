/* SPDX-License-Identifier: ISC
 * stamp.h - TAI64N stamps of initiations: 12 bytes that compare as they lie.
 *
 * The low 24 bits of the nanoseconds are cleared, so that a stamp does not tell
 * the exact time: a tick is 16.8 ms. Source: protocol/dataplane.md 1.3.
 */
#ifndef MESH_WG_STAMP_H
#define MESH_WG_STAMP_H

#include <base/text.h>
#include <wire/wg.h>

#define MESH_WG_STAMP_TICK_NS (1u << 24)

/* The time of day cut to a tick. */
struct mesh_wall mesh_wg_stamp_cut(struct mesh_wall w);
/* The tick after it. */
struct mesh_wall mesh_wg_stamp_after(struct mesh_wall cut);
bool mesh_wg_stamp_later(struct mesh_wall a, struct mesh_wall b);
void mesh_wg_stamp_write(struct mesh_wall cut,
    uint8_t out[static MESH_WG_STAMP_LEN]);

#endif
