/* SPDX-License-Identifier: ISC
 * fuzz_filter - a table, then packets both ways: u16be length of the table, the
 * table, then per packet u8 (1: outwards, 2: jailed, 4: a new table is loaded
 * first), u8 length, bytes. What comes out for a packet must be one of ours, and
 * an answer to it must be a packet that makes sense.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/rd.h"
#include "mesh/filter.h"
#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answers(const uint8_t *packet, size_t len, enum mesh_filter_verdict v)
{
	uint8_t a[MESH_FILTER_ANSWER_MAX], b[MESH_FILTER_ANSWER_MAX];
	struct mesh_ip_packet p;
	size_t n = mesh_filter_resets(packet, len, a, b);

	if (n > 0) {
		mesh_ip_packet_parse(a, n, &p);
		assert(p.proto == MESH_PROTO_TCP && p.len == n);
		mesh_ip_packet_parse(b, n, &p);
		assert(p.proto == MESH_PROTO_TCP && p.len == n);
	}
	n = mesh_filter_reject(packet, len, v, a);
	if (n > 0) {
		mesh_ip_packet_parse(a, n, &p);
		assert(p.proto == MESH_PROTO_TSMP && p.len == n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[MESH_FILTER_SEED_LEN];
	struct mesh_rd r = mesh_rd_init(data, size);
	struct mesh_filter *f = mesh_filter_new(4, seed);
	struct mesh_time now = {0};
	size_t table_len = mesh_rd_u16be(&r);
	const uint8_t *table = mesh_rd_take(&r, table_len);
	struct mesh_diag diag;

	if (f == NULL)
		abort();
	if (table != NULL)
		(void)mesh_filter_load(f, table, table_len, &diag);
	while (mesh_rd_left(&r) > 0) {
		uint8_t what = mesh_rd_u8(&r);
		size_t len = mesh_rd_u8(&r);
		const uint8_t *packet = mesh_rd_take(&r, len);
		enum mesh_filter_verdict v;

		if (packet == NULL)
			break;
		if (what & 4)
			(void)mesh_filter_load(f, table, table_len, &diag);
		now = mesh_time_add(now, MESH_SEC);
		v = what & 1
		    ? mesh_filter_out(f, packet, len, what & 2, now)
		    : mesh_filter_in(f, packet, len, what & 2, now);
		assert(v < MESH_FILTER_VERDICTS);
		assert(mesh_filter_flows(f) <= 4);
		check_answers(packet, len, v);
	}
	mesh_filter_free(f);
	return 0;
}
