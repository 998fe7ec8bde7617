/* SPDX-License-Identifier: ISC
 * bind.h - one table per message: a C struct and its JSON object, both ways.
 *
 * A schema lists the members of an object: JSON name, kind, where the field
 * lies, when it is left out. Reading ignores unknown members, as Go does, and
 * matches names exactly; `null` leaves a field as it is (zero). What is read
 * belongs to the arena; NULL pointers and zero counts mean absent.
 *
 *	struct peer { const char *name; uint64_t id; bool online; };
 *	static const struct mesh_field peer_fields[] = {
 *		{"ID", MESH_BIND_UINT64, offsetof(struct peer, id), 0},
 *		{"Name", MESH_BIND_STRING, offsetof(struct peer, name), 0},
 *		{"Online", MESH_BIND_BOOL, offsetof(struct peer, online),
 *		    MESH_BIND_OMIT},
 *	};
 *	static const struct mesh_schema peer_schema =
 *	    MESH_SCHEMA(struct peer, peer_fields);
 */
#ifndef MESH_BASE_BIND_H
#define MESH_BASE_BIND_H

#include <base/arena.h>
#include <base/json.h>

enum mesh_bind_kind {
	MESH_BIND_STRING,  /* const char *, NUL-terminated; NULL if absent */
	MESH_BIND_BOOL,	   /* bool */
	MESH_BIND_INT,	   /* int32_t */
	MESH_BIND_INT64,   /* int64_t */
	MESH_BIND_UINT16,  /* uint16_t */
	MESH_BIND_UINT64,  /* uint64_t */
	MESH_BIND_DOUBLE,  /* double */
	MESH_BIND_OPTBOOL, /* int8_t: -1 false, 0 absent, 1 true (Go's opt.Bool
			      and *bool) */
	MESH_BIND_WALL,	   /* struct mesh_wall; absent: all zero bytes */
	MESH_BIND_RAW,	   /* struct mesh_str: any JSON value, kept as text */
	MESH_BIND_OBJECT,  /* a pointer to the struct of `sub`; NULL: absent */
	MESH_BIND_INLINE,  /* the struct of `sub`, in place */
	MESH_BIND_CUSTOM,  /* by `codec` */
	/* lists: struct mesh_bind_list */
	MESH_BIND_STRINGS, /* of const char * */
	MESH_BIND_OBJECTS, /* of structs of `sub` */
	MESH_BIND_INTS,	   /* of int64_t */
	MESH_BIND_CUSTOMS, /* of values of `codec` */
	/* maps from names to ...: struct mesh_bind_map */
	MESH_BIND_MAP_OBJECT, /* structs of `sub` */
	MESH_BIND_MAP_RAW,    /* struct mesh_str */
};

/* A list: items[0..count), each of the size that the kind says. */
struct mesh_bind_list {
	void *items;
	size_t count;
	bool set; /* present and not null (an empty list differs from none) */
};

/* A map: names[i] goes with the i-th item. A `null` value of MAP_OBJECT is kept
 * in nulls[i] = true (deltas use it for "remove"). */
struct mesh_bind_map {
	const char **names;
	void *items;
	bool *nulls;
	size_t count;
	bool set;
};

/* A value with a text or shape of its own: a key, an address. */
struct mesh_bind_codec {
	size_t size; /* of the C value */
	/* Reads exactly one value; reports errors by mesh_json_fail(). */
	void (*read)(struct mesh_json *j, struct mesh_arena *a, void *out);
	void (*write)(struct mesh_jw *w, const void *in);
	bool (*is_zero)(const void *in); /* for OMIT; NULL: all bytes zero */
};

#define MESH_BIND_OMIT 1u  /* not written when zero, empty or absent */
#define MESH_BIND_NULL 2u  /* lists: written as null, not [], when not set */
/* As OMIT, but what was given empty on purpose is written: lists and maps that
 * are set, the zero time (absent is {0, 0}). */
#define MESH_BIND_OMIT_UNSET 4u

struct mesh_schema;

struct mesh_field {
	const char *name;
	enum mesh_bind_kind kind;
	size_t offset;
	unsigned flags;
	const struct mesh_schema *sub;
	const struct mesh_bind_codec *codec;
	size_t max; /* most items of a list or map; 0: MESH_BIND_ITEMS */
};

#define MESH_BIND_ITEMS 16384u

struct mesh_schema {
	size_t size; /* of the struct */
	const struct mesh_field *fields;
	size_t count;
};

#define MESH_SCHEMA(type, table)                                               \
	{                                                                      \
		.size = sizeof(type), .fields = (table),                       \
		.count = sizeof(table) / sizeof((table)[0])                    \
	}

/* Ready codecs: struct mesh_ip, struct mesh_prefix (a bare address means the
 * single address), struct mesh_endpoint; "" and null are the zero value. */
extern const struct mesh_bind_codec mesh_bind_ip;
extern const struct mesh_bind_codec mesh_bind_prefix;
extern const struct mesh_bind_codec mesh_bind_endpoint;

/* Reads one object into *out (zeroed first by the caller). Errors stay in j. */
void mesh_bind_read(struct mesh_json *j, const struct mesh_schema *s,
    struct mesh_arena *a, void *out);
/* The whole of text is one object. Errors as mesh_json_done(), or
 * MESH_ERR_NOMEM/LIMIT of the arena. */
int mesh_bind_parse(const char *text, size_t len, const struct mesh_schema *s,
    struct mesh_arena *a, void *out, struct mesh_diag *diag);
void mesh_bind_write(struct mesh_jw *w, const struct mesh_schema *s,
    const void *in);
/* The members alone, into an object that the caller opened (and may add to). */
void mesh_bind_write_members(struct mesh_jw *w, const struct mesh_schema *s,
    const void *in);

#endif
