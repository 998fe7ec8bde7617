/* SPDX-License-Identifier: ISC
 * counted.h - immutable objects that several snapshots share.
 *
 * Each is decoded from one JSON value into an arena of its own, and lives in
 * it; the first member of its struct is a struct mesh_counted. After it has been
 * handed out nobody writes to it. Counting is not atomic: one thread at a time.
 */
#ifndef MESH_NETMAP_COUNTED_H
#define MESH_NETMAP_COUNTED_H

#include <base/arena.h>
#include <base/bind.h>

struct mesh_counted {
	struct mesh_arena arena; /* holds the object itself too */
	size_t refs;
};

/* A zeroed object of `size` bytes with one reference, whose arena takes at most
 * `max` bytes; NULL without memory. */
void *mesh_counted_new(size_t size, size_t max);

/* Decodes one JSON object by its schema (whose struct begins with struct
 * mesh_counted). MESH_ERR_FORMAT, MESH_ERR_LIMIT, MESH_ERR_NOMEM. */
int mesh_counted_parse(struct mesh_str json, const struct mesh_schema *s,
    size_t max, void *out_object, struct mesh_diag *diag);

/* Both take NULL; ref returns its argument. */
void *mesh_counted_ref(void *object);
void mesh_counted_unref(void *object);
/* Do both (either may be NULL) read the same when written, in at most max bytes?
 */
bool mesh_counted_eq(const void *a, const void *b, const struct mesh_schema *s,
    size_t max);
/* An array, from malloc, of pointers to counted objects: with all of them. */
void mesh_counted_unref_all(void *objects, size_t count);

/* A JSON value that is passed on as it is, and compared. */
struct mesh_value {
	struct mesh_counted counted;
	struct mesh_str json;
};

/* A copy with one reference; NULL without memory or past max bytes. */
struct mesh_value *mesh_value_new(struct mesh_str json, size_t max);
bool mesh_value_eq(const struct mesh_value *a, const struct mesh_value *b);

#endif
