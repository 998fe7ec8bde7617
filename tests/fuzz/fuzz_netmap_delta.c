/* SPDX-License-Identifier: ISC
 * fuzz_netmap_delta.c - a frame, then another one laid over it, a line each. A
 * frame that is refused leaves everything as it was; one that is taken twice
 * changes nothing the second time but "seen now". */
#include "netmap/diff.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mesh_netmap *
lay(struct mesh_netmap *nm, struct mesh_str json)
{
	struct mesh_netmap *next = NULL;
	struct mesh_map_response frame;
	struct mesh_arena a;
	unsigned changed = 0;

	mesh_arena_init(&a, MESH_RESPONSE_MEMORY);
	if (mesh_map_response_parse(json, &a, &frame, NULL) == MESH_OK &&
	    mesh_netmap_apply(nm, &frame, (struct mesh_wall){1, 0}, &next,
		&changed, NULL) == MESH_OK) {
		if (changed != mesh_netmap_diff_parts(nm, next))
			abort();
		mesh_netmap_unref(nm);
		nm = next;
	}
	mesh_arena_release(&a);
	return nm;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char first[] = "{\"Node\":{\"ID\":1}}";
	struct mesh_str rest = {(const char *)data, size};
	struct mesh_netmap *nm = lay(NULL, mesh_str(first));

	while (rest.len > 0) {
		struct mesh_str line = mesh_str_cut(&rest, '\n');

		nm = lay(nm, line);
		for (size_t i = 1; i < nm->peer_count; i++)
			if (nm->peers[i - 1]->id >= nm->peers[i]->id)
				abort();
	}
	mesh_netmap_unref(nm);
	return 0;
}
