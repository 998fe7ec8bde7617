/* SPDX-License-Identifier: ISC
 * file.h - a netmap as a file: a versioned envelope around the stock JSON.
 *
 *	{"format":"mesh-netmap","version":1,"saved":"2026-11-22T07:26:17Z",
 *	 "server":"https://control.example.org","map":{...MapResponse...}}
 *
 * "map" is what a server sends as the first frame of a stream. A bare
 * MapResponse, as `tsp map` prints it, is read too. Encoding and decoding only:
 * the atomic write belongs to the programs. Public reader: mesh/netmap.h.
 */
#ifndef MESH_NETMAP_FILE_H
#define MESH_NETMAP_FILE_H

#include <netmap/snapshot.h>

#define MESH_NETMAP_FILE_VERSION 1
#define MESH_NETMAP_FILE_MAX (32u << 20) /* bytes of a file */

struct mesh_netmap_file {
	const char *format;
	int32_t version;
	struct mesh_wall saved;
	const char *server; /* whose netmap it is; NULL: not said */
	struct mesh_str map;
};

/* Appends the file's text. */
void mesh_netmap_file_write(struct mesh_buf *out, const struct mesh_netmap *nm,
    const char *server, struct mesh_wall saved);
/* out_head (may be NULL): the envelope, its texts in the arena, its map borrowed
 * from text. MESH_ERR_VERSION: a newer format. */
int mesh_netmap_file_read(struct mesh_str text, struct mesh_arena *a,
    struct mesh_netmap_file *out_head, struct mesh_netmap **out,
    struct mesh_diag *diag);

#endif
