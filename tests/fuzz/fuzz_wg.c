/* SPDX-License-Identifier: ISC
 * One datagram of a stranger: through the codecs, which must give back what
 * they read, and into a device that has a peer and a session, where nothing may
 * come of it. */
#include "wg/wg.h"

#include "../unit/wg_lab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	if (memcmp(a, b, len) != 0)
		abort();
}

static void
round_trip(const uint8_t *data, size_t size)
{
	uint8_t out[MESH_WG_INITIATION_LEN];
	struct mesh_wg_initiation i;
	struct mesh_wg_response r;
	struct mesh_wg_cookie c;
	struct mesh_wg_data d;

	if (mesh_wg_initiation_read(data, size, &i) == MESH_OK) {
		mesh_wg_initiation_write(&i, out);
		must_equal(data, out, mesh_wg_mac1_at(size));
	}
	if (mesh_wg_response_read(data, size, &r) == MESH_OK) {
		mesh_wg_response_write(&r, out);
		must_equal(data, out, mesh_wg_mac1_at(size));
	}
	if (mesh_wg_cookie_read(data, size, &c) == MESH_OK) {
		mesh_wg_cookie_write(&c, out);
		must_equal(data, out, size);
	}
	if (mesh_wg_data_read(data, size, &d) == MESH_OK) {
		mesh_wg_data_write(d.receiver, d.counter, out);
		must_equal(data, out, MESH_WG_HEADER_LEN);
	}
}

static void
into_a_device(const uint8_t *data, size_t size)
{
	struct lab lab;
	struct lab_frame f = {.len = size};
	struct mesh_wg_packet p = {.data = f.data, .len = size};
	struct mesh_wg_action act;

	if (size > sizeof(f.data))
		return;
	lab_init(&lab);
	lab_know(&lab.a);
	lab_send(&lab.a, 100);
	lab_settle(&lab);
	memcpy(f.data, data, size);
	if (mesh_wg_input(lab.b.wg, f.data, f.len, &lab.a.at, lab.now, NULL) ==
		MESH_OK ||
	    mesh_wg_open_batch(lab.b.wg, &p, 1, lab.now) != 0 ||
	    mesh_wg_next(lab.b.wg, &act))
		abort();
	lab_release(&lab);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	round_trip(data, size);
	into_a_device(data, size);
	return 0;
}
