/* SPDX-License-Identifier: ISC
 * path/better.h - comparing two direct paths (dataplane.md 6.10).
 */
#ifndef MESH_PATH_BETTER_H
#define MESH_PATH_BETTER_H

#include <mesh/addr.h>

struct mesh_path_way {
	struct mesh_endpoint ep; /* port 0: none */
	uint64_t latency_ns;     /* 0: not known */
};

/* Should a take the place of b? */
bool mesh_path_better(const struct mesh_path_way *a,
    const struct mesh_path_way *b);

#endif
