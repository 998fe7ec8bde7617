/* SPDX-License-Identifier: ISC
 * fuzz_tables.c - the getters of meshd's tables: the first byte chooses one,
 * the rest is its body. What was read is written and must read the same again.
 */
#include "../../cmd/meshd/tables.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_MAX (1u << 20)

/* Reads with `get`, writes with `put`, and compares with the bytes read. */
#define ROUND(name, get_call)                                                  \
	do {                                                                   \
		struct tbl_##name t;                                           \
		if ((get_call) != MESH_OK)                                     \
			break;                                                 \
		tbl_##name##_put(&w, &t);                                      \
		assert(mesh_wr_ok(&w) && w.len == size - r.left);              \
	} while (0)

static void
one(uint8_t which, const uint8_t *data, size_t size, struct mesh_arena *a)
{
	uint8_t *back = malloc(size + 1);
	struct mesh_rd r = mesh_rd_init(data, size);
	struct mesh_wr w = mesh_wr_init(back, size);

	if (back == NULL)
		abort();
	switch (which % 13) {
	case 0:
		ROUND(prefixes, tbl_prefixes_get(&r, a, TBL_PREFIXES_MAX, &t));
		break;
	case 1:
		ROUND(engine_start, tbl_engine_start_get(&r, &t));
		break;
	case 2:
		ROUND(agent_start, tbl_agent_start_get(&r, a, &t));
		break;
	case 3:
		ROUND(links, tbl_links_get(&r, a, &t));
		break;
	case 4:
		ROUND(socket, tbl_socket_get(&r, &t));
		break;
	case 5:
		ROUND(self, tbl_self_get(&r, a, &t));
		break;
	case 6:
		ROUND(peer, tbl_peer_get(&r, a, &t));
		break;
	case 7:
		ROUND(region, tbl_region_get(&r, a, &t));
		break;
	case 8:
		ROUND(ping, tbl_ping_get(&r, &t));
		break;
	case 9:
		ROUND(pong, tbl_pong_get(&r, &t));
		break;
	case 10:
		ROUND(cert_ask, tbl_cert_ask_get(&r, a, &t));
		break;
	case 11:
		ROUND(engine_state, tbl_engine_state_get(&r, a, &t));
		break;
	default:
		ROUND(cert_verdict, tbl_cert_verdict_get(&r, a, &t));
		break;
	}
	free(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_arena a;

	if (size == 0)
		return 0;
	mesh_arena_init(&a, ARENA_MAX);
	one(data[0], data + 1, size - 1, &a);
	mesh_arena_release(&a);
	return 0;
}
