/* SPDX-License-Identifier: ISC */
#include "wg/stamp.h"

#include "base/rd.h"

#define TAI64_EPOCH UINT64_C(0x400000000000000a) /* 1970, as Go writes it */

struct mesh_wall
mesh_wg_stamp_cut(struct mesh_wall w)
{
	w.nsec -= w.nsec % MESH_WG_STAMP_TICK_NS;
	return w;
}

struct mesh_wall
mesh_wg_stamp_after(struct mesh_wall cut)
{
	cut.nsec += MESH_WG_STAMP_TICK_NS;
	if (cut.nsec >= MESH_SEC)
		cut = (struct mesh_wall){.sec = cut.sec + 1};
	return cut;
}

bool
mesh_wg_stamp_later(struct mesh_wall a, struct mesh_wall b)
{
	return a.sec != b.sec ? a.sec > b.sec : a.nsec > b.nsec;
}

void
mesh_wg_stamp_write(struct mesh_wall cut, uint8_t out[static MESH_WG_STAMP_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_WG_STAMP_LEN);

	mesh_wr_u64be(&w, TAI64_EPOCH + (uint64_t)cut.sec);
	mesh_wr_u32be(&w, cut.nsec);
}
