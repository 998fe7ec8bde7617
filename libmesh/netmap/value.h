/* SPDX-License-Identifier: ISC
 * value.h - the small values of the control protocol, as base/bind.h codecs.
 *
 * Source of the facts: protocol/control.md 7.1 (JSON encodings of tricky
 * values). A member that is absent is all zero bytes; the zero values that Go
 * writes ("0001-01-01T00:00:00Z", "") are kept apart from it where it matters.
 */
#ifndef MESH_NETMAP_VALUE_H
#define MESH_NETMAP_VALUE_H

#include <base/addr.h>
#include <crypto/key_bind.h>

/* A line of a schema table: type, JSON name, kind, member, flags and, where the
 * kind wants it, .sub, .codec or .max. */
#define MESH_FIELD(type, json, k, member, f, ...)                              \
	{                                                                      \
		.name = (json), .kind = MESH_BIND_##k,                         \
		.offset = offsetof(type, member), .flags = (f), ##__VA_ARGS__  \
	}

/* Present and not Go's zero time. */
static inline bool
mesh_wall_is_set(struct mesh_wall w)
{
	return !(w.sec == 0 && w.nsec == 0) && !mesh_wall_is_zero(w);
}

/* struct mesh_str: any JSON value, borrowed from the text that was read (unlike
 * MESH_BIND_RAW, which copies). `null` reads as absent. */
extern const struct mesh_bind_codec mesh_bind_slice;

/* Peer endpoints: as mesh_bind_endpoint, but what we cannot use ("fe80::1%eth0"
 * has a zone of another machine) becomes "none" instead of an error. */
extern const struct mesh_bind_codec mesh_bind_candidate;

/* {"name":1.5,...}: in the order of the text. */
struct mesh_double {
	const char *name;
	double value;
};

struct mesh_doubles {
	struct mesh_double *items;
	size_t count;
	bool set; /* present and not null: {} differs from absent */
};

#define MESH_DOUBLES_MAX 2048u /* members */
extern const struct mesh_bind_codec mesh_bind_doubles;

/* {"17":true,...}: node id -> flag. */
struct mesh_id_flag {
	int64_t id;
	bool flag;
};

struct mesh_id_flags {
	struct mesh_id_flag *items;
	size_t count;
};

#define MESH_ID_FLAGS_MAX 65536u /* members */
extern const struct mesh_bind_codec mesh_bind_id_flags;

/* {"name":"text",...} */
struct mesh_text {
	const char *name;
	const char *value;
};

struct mesh_texts {
	struct mesh_text *items;
	size_t count;
};

#define MESH_TEXTS_MAX 4096u /* members */
extern const struct mesh_bind_codec mesh_bind_texts;

/* The index of a name in a map or list of names, or -1. */
ptrdiff_t mesh_bind_map_find(const struct mesh_bind_map *m, const char *name);
bool mesh_bind_list_has(const struct mesh_bind_list *strings, const char *s);

#endif
