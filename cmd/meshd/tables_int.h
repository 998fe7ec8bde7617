/* SPDX-License-Identifier: ISC
 * tables_int.h - the small pieces that tables are written with. Private.
 */
#ifndef MESHD_TABLES_INT_H
#define MESHD_TABLES_INT_H

#include "tables.h"

/* Text: u8 length and bytes, none of them a control character. */
void tbl_text_put(struct mesh_wr *w, const char *s);
/* Into the arena, terminated; NULL: r is bad, or the arena has failed. */
const char *tbl_text_get(struct mesh_rd *r, struct mesh_arena *a);
/* Into out[size]. */
void tbl_text_copy(struct mesh_rd *r, char *out, size_t size);

void tbl_ip_put(struct mesh_wr *w, const struct mesh_ip *ip);
void tbl_ip_get(struct mesh_rd *r, struct mesh_ip *out);
void tbl_prefix_put(struct mesh_wr *w, const struct mesh_prefix *p);
/* r goes bad when bits lie behind the length, or the length is none. */
void tbl_prefix_get(struct mesh_rd *r, struct mesh_prefix *out);
void tbl_endpoint_put(struct mesh_wr *w, const struct mesh_endpoint *e);
void tbl_endpoint_get(struct mesh_rd *r, struct mesh_endpoint *out);

/* Room in the arena for the entries that follow, each at least entry_len bytes
 * on the wire; r goes bad when they cannot all be there. *out is NULL when
 * count is 0. */
int tbl_list(struct mesh_rd *r, struct mesh_arena *a, size_t count, size_t max,
    size_t entry_len, size_t size, void *out);

/* What a getter returns: r bad is MESH_ERR_FORMAT, then the arena. */
int tbl_end(const struct mesh_rd *r, const struct mesh_arena *a);

#endif
