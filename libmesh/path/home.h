/* SPDX-License-Identifier: ISC
 * path/home.h - which relay region should be home? The quickest, but not for
 * every wobble: moving costs, for all peers have to be told (dataplane.md 5.5).
 */
#ifndef MESH_PATH_HOME_H
#define MESH_PATH_HOME_H

#include <mesh/base.h>

#define MESH_HOME_HISTORY_NS (305 * MESH_SEC)
#define MESH_HOME_HISTORY 16u              /* reports remembered per region */
#define MESH_HOME_GAIN_NS (10 * MESH_MS)   /* less is no reason to move */
#define MESH_HOME_HEARD_NS (8 * MESH_SEC)  /* a frame so recent: it is alive */
#define MESH_HOME_KEEP_NS (120 * MESH_SEC) /* ... without any measurement */

struct mesh_home_region {
	uint16_t id;
	uint32_t score_permille; /* 0: 1000 */
	uint64_t current_ns;     /* in this report; 0: none */
	struct mesh_time heard;  /* last frame from it; MESH_NEVER: none */
	struct {
		struct mesh_time at;
		uint64_t ns; /* 0: free */
	} history[MESH_HOME_HISTORY];
	uint8_t next;
};

void mesh_home_region_init(struct mesh_home_region *r, uint16_t id,
    uint32_t score_permille);
/* Puts current_ns of each into its history, and chooses. prev: the preferred
 * region so far, 0 for none; started: when the report's measurement began.
 * 0: nothing is known. */
uint16_t mesh_home_choose(struct mesh_home_region *v, size_t count,
    uint16_t prev, struct mesh_time started, struct mesh_time now);

#endif
