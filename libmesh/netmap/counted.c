/* SPDX-License-Identifier: ISC */
#include "netmap/counted.h"

#include <stdlib.h>

void *
mesh_counted_new(size_t size, size_t max)
{
	struct mesh_arena arena;
	struct mesh_counted *c;

	mesh_arena_init(&arena, max);
	c = mesh_arena_calloc(&arena, 1, size);
	if (c == NULL) {
		mesh_arena_release(&arena);
		return NULL;
	}
	c->arena = arena; /* from here on the arena lies in what it holds */
	c->refs = 1;
	return c;
}

int
mesh_counted_parse(struct mesh_str json, const struct mesh_schema *s,
    size_t max, void *out_object, struct mesh_diag *diag)
{
	struct mesh_counted *c = mesh_counted_new(s->size, max);
	int err;

	if (c == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	err = mesh_bind_parse(json.p, json.len, s, &c->arena, c, diag);
	if (err != MESH_OK) {
		mesh_counted_unref(c);
		return err;
	}
	*(void **)out_object = c;
	return MESH_OK;
}

void *
mesh_counted_ref(void *object)
{
	struct mesh_counted *c = object;

	if (c != NULL)
		c->refs++;
	return object;
}

void
mesh_counted_unref(void *object)
{
	struct mesh_counted *c = object;
	struct mesh_arena arena;

	if (c == NULL || --c->refs > 0)
		return;
	arena = c->arena;
	mesh_arena_release(&arena);
}

bool
mesh_counted_eq(const void *a, const void *b, const struct mesh_schema *s,
    size_t max)
{
	struct mesh_buf text;
	struct mesh_jw w;
	size_t half;
	bool eq;

	if (a == b || a == NULL || b == NULL)
		return a == b;
	mesh_buf_init(&text, 2 * max);
	mesh_jw_init(&w, &text, false);
	mesh_bind_write(&w, s, a);
	half = text.len;
	mesh_jw_init(&w, &text, false);
	mesh_bind_write(&w, s, b);
	eq = !text.failed && text.len == 2 * half &&
	    memcmp(text.data, text.data + half, half) == 0;
	mesh_buf_release(&text);
	return eq;
}

void
mesh_counted_unref_all(void *objects, size_t count)
{
	void **o = objects;

	for (size_t i = 0; i < count; i++)
		mesh_counted_unref(o[i]);
	free(o);
}

struct mesh_value *
mesh_value_new(struct mesh_str json, size_t max)
{
	struct mesh_value *v = mesh_counted_new(sizeof(*v), max);

	if (v == NULL)
		return NULL;
	v->json.p = mesh_arena_strndup(&v->counted.arena, json.p, json.len);
	v->json.len = json.len;
	if (v->json.p == NULL) {
		mesh_counted_unref(v);
		return NULL;
	}
	return v;
}

bool
mesh_value_eq(const struct mesh_value *a, const struct mesh_value *b)
{
	if (a == b)
		return true;
	return a != NULL && b != NULL && a->json.len == b->json.len &&
	    memcmp(a->json.p, b->json.p, a->json.len) == 0;
}
