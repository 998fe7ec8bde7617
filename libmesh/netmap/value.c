/* SPDX-License-Identifier: ISC */
#include "netmap/value.h"

/* Items of a list whose length shows itself only at its end. */
struct growing {
	struct mesh_json *j;
	struct mesh_arena *a;
	void *items;
	size_t size; /* of one item */
	size_t count, cap, max;
};

/* Room for one more item, or NULL and an error in j. */
static void *
grow(struct growing *g)
{
	if (g->count == g->max) {
		mesh_json_fail(g->j, MESH_ERR_LIMIT, "too many members");
		return NULL;
	}
	if (g->count == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 8;
		void *items = mesh_arena_calloc(g->a, cap, g->size);

		if (items == NULL) {
			mesh_json_fail(g->j, MESH_ERR_NOMEM, "out of memory");
			return NULL;
		}
		if (g->count > 0)
			memcpy(items, g->items, g->count * g->size);
		g->items = items;
		g->cap = cap;
	}
	return (uint8_t *)g->items + g->count++ * g->size;
}

static const char *
keep(struct growing *g, struct mesh_str s)
{
	const char *copy = mesh_arena_strndup(g->a, s.p, s.len);

	if (copy == NULL)
		mesh_json_fail(g->j, MESH_ERR_NOMEM, "out of memory");
	return copy;
}

/* --- any value, borrowed */

static void
slice_read(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct mesh_str s = mesh_json_raw(j);

	(void)a;
	if (mesh_json_err(j) == MESH_OK)
		*(struct mesh_str *)out = s;
}

static void
slice_write(struct mesh_jw *w, const void *in)
{
	const struct mesh_str *s = in;

	if (s->len == 0)
		mesh_jw_null(w);
	else
		mesh_jw_raw(w, *s);
}

static bool
slice_is_zero(const void *in)
{
	return ((const struct mesh_str *)in)->len == 0;
}

const struct mesh_bind_codec mesh_bind_slice = {
    .size = sizeof(struct mesh_str),
    .read = slice_read,
    .write = slice_write,
    .is_zero = slice_is_zero,
};

/* --- endpoints of others */

static void
candidate_read(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct mesh_str s = mesh_json_string(j);
	struct mesh_endpoint e;

	(void)a;
	if (mesh_endpoint_parse(s, &e) == MESH_OK)
		*(struct mesh_endpoint *)out = e;
}

static void
candidate_write(struct mesh_jw *w, const void *in)
{
	mesh_bind_endpoint.write(w, in);
}

const struct mesh_bind_codec mesh_bind_candidate = {
    .size = sizeof(struct mesh_endpoint),
    .read = candidate_read,
    .write = candidate_write,
};

/* --- names to numbers */

static void
doubles_read(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct growing g = {.j = j, .a = a, .max = MESH_DOUBLES_MAX,
	    .size = sizeof(struct mesh_double)};
	struct mesh_str name;

	mesh_json_object(j);
	while (mesh_json_member(j, &name)) {
		struct mesh_double *d = grow(&g);

		if (d == NULL)
			return;
		d->name = keep(&g, name);
		d->value = mesh_json_double(j);
	}
	*(struct mesh_doubles *)out =
	    (struct mesh_doubles){g.items, g.count, true};
}

static void
doubles_write(struct mesh_jw *w, const void *in)
{
	const struct mesh_doubles *d = in;

	mesh_jw_object(w);
	for (size_t i = 0; i < d->count; i++) {
		mesh_jw_name(w, d->items[i].name);
		mesh_jw_double(w, d->items[i].value);
	}
	mesh_jw_end_object(w);
}

static bool
doubles_is_zero(const void *in)
{
	return ((const struct mesh_doubles *)in)->count == 0;
}

const struct mesh_bind_codec mesh_bind_doubles = {
    .size = sizeof(struct mesh_doubles),
    .read = doubles_read,
    .write = doubles_write,
    .is_zero = doubles_is_zero,
};

/* --- node ids to flags */

static int64_t
parse_id(struct mesh_json *j, struct mesh_str name)
{
	bool negative = name.len > 0 && name.p[0] == '-';
	struct mesh_str digits = {name.p + negative, name.len - negative};
	uint64_t v = 0;

	if (mesh_parse_u64(digits, INT64_MAX, &v) != MESH_OK)
		mesh_json_fail(j, MESH_ERR_FORMAT, "not a node id");
	return negative ? -(int64_t)v : (int64_t)v;
}

static void
id_flags_read(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct growing g = {.j = j, .a = a, .max = MESH_ID_FLAGS_MAX,
	    .size = sizeof(struct mesh_id_flag)};
	struct mesh_str name;

	mesh_json_object(j);
	while (mesh_json_member(j, &name)) {
		struct mesh_id_flag *f = grow(&g);

		if (f == NULL)
			return;
		f->id = parse_id(j, name);
		f->flag = mesh_json_bool(j);
	}
	*(struct mesh_id_flags *)out =
	    (struct mesh_id_flags){g.items, g.count};
}

static void
id_flags_write(struct mesh_jw *w, const void *in)
{
	const struct mesh_id_flags *f = in;

	mesh_jw_object(w);
	for (size_t i = 0; i < f->count; i++) {
		char id[24];

		(void)mesh_format(id, sizeof(id), "%lld",
		    (long long)f->items[i].id);
		mesh_jw_name(w, id);
		mesh_jw_bool(w, f->items[i].flag);
	}
	mesh_jw_end_object(w);
}

static bool
id_flags_is_zero(const void *in)
{
	return ((const struct mesh_id_flags *)in)->count == 0;
}

const struct mesh_bind_codec mesh_bind_id_flags = {
    .size = sizeof(struct mesh_id_flags),
    .read = id_flags_read,
    .write = id_flags_write,
    .is_zero = id_flags_is_zero,
};

/* --- names to texts */

static void
texts_read(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct growing g = {.j = j, .a = a, .max = MESH_TEXTS_MAX,
	    .size = sizeof(struct mesh_text)};
	struct mesh_str name;

	mesh_json_object(j);
	while (mesh_json_member(j, &name)) {
		struct mesh_text *t = grow(&g);

		if (t == NULL)
			return;
		t->name = keep(&g, name);
		t->value = keep(&g, mesh_json_string(j));
	}
	*(struct mesh_texts *)out = (struct mesh_texts){g.items, g.count};
}

static void
texts_write(struct mesh_jw *w, const void *in)
{
	const struct mesh_texts *t = in;

	mesh_jw_object(w);
	for (size_t i = 0; i < t->count; i++) {
		mesh_jw_name(w, t->items[i].name);
		mesh_jw_string(w, t->items[i].value);
	}
	mesh_jw_end_object(w);
}

static bool
texts_is_zero(const void *in)
{
	return ((const struct mesh_texts *)in)->count == 0;
}

const struct mesh_bind_codec mesh_bind_texts = {
    .size = sizeof(struct mesh_texts),
    .read = texts_read,
    .write = texts_write,
    .is_zero = texts_is_zero,
};

/* --- looking things up */

ptrdiff_t
mesh_bind_map_find(const struct mesh_bind_map *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->names[i], name) == 0)
			return (ptrdiff_t)i;
	return -1;
}

bool
mesh_bind_list_has(const struct mesh_bind_list *strings, const char *s)
{
	const char *const *items = strings->items;

	for (size_t i = 0; i < strings->count; i++)
		if (items[i] != NULL && strcmp(items[i], s) == 0)
			return true;
	return false;
}
