/* SPDX-License-Identifier: ISC */
#include "base/bind.h"

#include "base/addr.h"
#include <stdlib.h>
#include <string.h>

/* --- reading */

static void
read_text(struct mesh_json *j, struct mesh_arena *a, const char **out)
{
	struct mesh_str s = mesh_json_text(j, a);

	if (s.len > 0 && memchr(s.p, 0, s.len) != NULL)
		mesh_json_fail(j, MESH_ERR_FORMAT, "NUL in a text");
	if (mesh_json_err(j) == MESH_OK)
		*out = mesh_arena_strndup(a, s.p, s.len);
}

static void
read_wall(struct mesh_json *j, struct mesh_wall *out)
{
	struct mesh_str s = mesh_json_string(j);

	if (mesh_json_err(j) == MESH_OK && mesh_wall_parse(s, out) != MESH_OK)
		mesh_json_fail(j, MESH_ERR_FORMAT, "not an RFC 3339 time");
}

static void
read_raw(struct mesh_json *j, struct mesh_arena *a, struct mesh_str *out)
{
	struct mesh_str raw = mesh_json_raw(j);

	if (mesh_json_err(j) == MESH_OK)
		*out = (struct mesh_str){
		    mesh_arena_strndup(a, raw.p, raw.len), raw.len};
}

/* The size of one item of a list or map. */
static size_t
item_size(const struct mesh_field *f)
{
	switch (f->kind) {
	case MESH_BIND_STRINGS:
		return sizeof(const char *);
	case MESH_BIND_INTS:
		return sizeof(int64_t);
	case MESH_BIND_CUSTOMS:
		return f->codec->size;
	case MESH_BIND_MAP_RAW:
		return sizeof(struct mesh_str);
	default:
		return f->sub->size;
	}
}

static void
read_item(struct mesh_json *j, const struct mesh_field *f,
    struct mesh_arena *a, void *out)
{
	switch (f->kind) {
	case MESH_BIND_STRINGS:
		read_text(j, a, out);
		break;
	case MESH_BIND_INTS:
		*(int64_t *)out = mesh_json_int(j, INT64_MIN, INT64_MAX);
		break;
	case MESH_BIND_CUSTOMS:
		f->codec->read(j, a, out);
		break;
	case MESH_BIND_MAP_RAW:
		read_raw(j, a, out);
		break;
	default:
		mesh_bind_read(j, f->sub, a, out);
	}
}

/* The number of items of the container at the reader, without consuming it: so
 * that an array is allocated once, at its size, and after the limit was checked.
 */
static size_t
count_items(const struct mesh_json *j, const struct mesh_field *f, bool object)
{
	struct mesh_json *look = malloc(sizeof(*look));
	size_t max = f->max ? f->max : MESH_BIND_ITEMS, n = 0;
	struct mesh_str name;

	if (look == NULL)
		return SIZE_MAX;
	*look = *j;
	if (object)
		mesh_json_object(look);
	else
		mesh_json_array(look);
	while (n <= max &&
	    (object ? mesh_json_member(look, &name) : mesh_json_element(look))) {
		mesh_json_skip(look);
		n++;
	}
	free(look);
	return n;
}

static bool
fits(struct mesh_json *j, const struct mesh_field *f, size_t n)
{
	if (n == SIZE_MAX)
		mesh_json_fail(j, MESH_ERR_NOMEM, "out of memory");
	else if (n > (f->max ? f->max : MESH_BIND_ITEMS))
		mesh_json_fail(j, MESH_ERR_LIMIT, "too many items");
	return mesh_json_err(j) == MESH_OK;
}

static void
read_list(struct mesh_json *j, const struct mesh_field *f,
    struct mesh_arena *a, struct mesh_bind_list *out)
{
	size_t size = item_size(f), n;
	uint8_t *items;

	(void)mesh_json_peek(j);
	n = count_items(j, f, false);
	if (!fits(j, f, n))
		return;
	items = n > 0 ? mesh_arena_calloc(a, n, size) : NULL;
	mesh_json_array(j);
	for (size_t i = 0; mesh_json_element(j); i++) {
		if (items == NULL || i >= n) { /* the arena is exhausted */
			mesh_json_fail(j, MESH_ERR_NOMEM, "message too large");
			return;
		}
		if (!mesh_json_null(j))
			read_item(j, f, a, items + i * size);
	}
	*out = (struct mesh_bind_list){items, n, true};
}

static void
read_map(struct mesh_json *j, const struct mesh_field *f,
    struct mesh_arena *a, struct mesh_bind_map *out)
{
	struct mesh_bind_map m = {.set = true};
	size_t size = item_size(f);
	struct mesh_str name;

	(void)mesh_json_peek(j);
	m.count = count_items(j, f, true);
	if (!fits(j, f, m.count))
		return;
	if (m.count > 0) {
		m.names = mesh_arena_calloc(a, m.count, sizeof(*m.names));
		m.nulls = mesh_arena_calloc(a, m.count, sizeof(*m.nulls));
		m.items = mesh_arena_calloc(a, m.count, size);
	}
	mesh_json_object(j);
	for (size_t i = 0; mesh_json_member(j, &name); i++) {
		if (m.items == NULL || m.nulls == NULL || m.names == NULL ||
		    i >= m.count) {
			mesh_json_fail(j, MESH_ERR_NOMEM, "message too large");
			return;
		}
		m.names[i] = mesh_arena_strndup(a, name.p, name.len);
		if (f->kind == MESH_BIND_MAP_OBJECT && mesh_json_null(j))
			m.nulls[i] = true;
		else
			read_item(j, f, a, (uint8_t *)m.items + i * size);
	}
	*out = m;
}

static void
read_object(struct mesh_json *j, const struct mesh_field *f,
    struct mesh_arena *a, void **out)
{
	void *o = mesh_arena_calloc(a, 1, f->sub->size);

	if (o == NULL) {
		mesh_json_fail(j, MESH_ERR_NOMEM, "message too large");
		return;
	}
	mesh_bind_read(j, f->sub, a, o);
	*out = o;
}

static void
read_field(struct mesh_json *j, const struct mesh_field *f,
    struct mesh_arena *a, void *at)
{
	switch (f->kind) {
	case MESH_BIND_STRING:
		read_text(j, a, at);
		break;
	case MESH_BIND_BOOL:
		*(bool *)at = mesh_json_bool(j);
		break;
	case MESH_BIND_INT:
		*(int32_t *)at =
		    (int32_t)mesh_json_int(j, INT32_MIN, INT32_MAX);
		break;
	case MESH_BIND_INT64:
		*(int64_t *)at = mesh_json_int(j, INT64_MIN, INT64_MAX);
		break;
	case MESH_BIND_UINT16:
		*(uint16_t *)at = (uint16_t)mesh_json_uint(j, UINT16_MAX);
		break;
	case MESH_BIND_UINT64:
		*(uint64_t *)at = mesh_json_uint(j, UINT64_MAX);
		break;
	case MESH_BIND_DOUBLE:
		*(double *)at = mesh_json_double(j);
		break;
	case MESH_BIND_OPTBOOL:
		*(int8_t *)at = mesh_json_bool(j) ? 1 : -1;
		break;
	case MESH_BIND_WALL:
		read_wall(j, at);
		break;
	case MESH_BIND_RAW:
		read_raw(j, a, at);
		break;
	case MESH_BIND_OBJECT:
		read_object(j, f, a, at);
		break;
	case MESH_BIND_INLINE:
		mesh_bind_read(j, f->sub, a, at);
		break;
	case MESH_BIND_CUSTOM:
		f->codec->read(j, a, at);
		break;
	case MESH_BIND_STRINGS:
	case MESH_BIND_OBJECTS:
	case MESH_BIND_INTS:
	case MESH_BIND_CUSTOMS:
		read_list(j, f, a, at);
		break;
	case MESH_BIND_MAP_OBJECT:
	case MESH_BIND_MAP_RAW:
		read_map(j, f, a, at);
		break;
	}
}

static const struct mesh_field *
find_field(const struct mesh_schema *s, struct mesh_str name)
{
	for (size_t i = 0; i < s->count; i++)
		if (mesh_str_eq(name, s->fields[i].name))
			return &s->fields[i];
	return NULL;
}

void
mesh_bind_read(struct mesh_json *j, const struct mesh_schema *s,
    struct mesh_arena *a, void *out)
{
	struct mesh_str name;

	mesh_json_object(j);
	while (mesh_json_member(j, &name)) {
		const struct mesh_field *f = find_field(s, name);

		if (f == NULL)
			mesh_json_skip(j);
		else if (f->kind == MESH_BIND_RAW || !mesh_json_null(j))
			read_field(j, f, a, (uint8_t *)out + f->offset);
	}
	if (a->failed)
		mesh_json_fail(j, MESH_ERR_NOMEM, "message too large");
}

int
mesh_bind_parse(const char *text, size_t len, const struct mesh_schema *s,
    struct mesh_arena *a, void *out, struct mesh_diag *diag)
{
	struct mesh_json *j = malloc(sizeof(*j)); /* 4 kB: off the stack */
	int err;

	if (j == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	mesh_json_init(j, text, len, 0);
	mesh_bind_read(j, s, a, out);
	err = mesh_json_done(j, diag);
	free(j);
	return err;
}

/* --- writing */

static bool
all_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i] != 0)
			return false;
	return true;
}

static bool
is_absent_wall(const struct mesh_wall *w)
{
	return (w->sec == 0 && w->nsec == 0) || mesh_wall_is_zero(*w);
}

static bool
is_zero_field(const struct mesh_field *f, const void *at)
{
	switch (f->kind) {
	case MESH_BIND_STRING: {
		const char *const *s = at;

		return *s == NULL || **s == 0;
	}
	case MESH_BIND_BOOL:
		return !*(const bool *)at;
	case MESH_BIND_INT:
		return *(const int32_t *)at == 0;
	case MESH_BIND_INT64:
		return *(const int64_t *)at == 0;
	case MESH_BIND_UINT16:
		return *(const uint16_t *)at == 0;
	case MESH_BIND_UINT64:
		return *(const uint64_t *)at == 0;
	case MESH_BIND_DOUBLE:
		return *(const double *)at == 0;
	case MESH_BIND_OPTBOOL:
		return *(const int8_t *)at == 0;
	case MESH_BIND_WALL:
		return is_absent_wall(at);
	case MESH_BIND_RAW:
		return ((const struct mesh_str *)at)->len == 0;
	case MESH_BIND_OBJECT:
		return *(void *const *)at == NULL;
	case MESH_BIND_INLINE:
		return false;
	case MESH_BIND_CUSTOM:
		return f->codec->is_zero ? f->codec->is_zero(at)
					 : all_zero(at, f->codec->size);
	case MESH_BIND_STRINGS:
	case MESH_BIND_OBJECTS:
	case MESH_BIND_INTS:
	case MESH_BIND_CUSTOMS:
		return ((const struct mesh_bind_list *)at)->count == 0;
	case MESH_BIND_MAP_OBJECT:
	case MESH_BIND_MAP_RAW:
		return ((const struct mesh_bind_map *)at)->count == 0;
	}
	return true;
}

/* Empty, but given so: MESH_BIND_OMIT_UNSET writes it. */
static bool
is_given(const struct mesh_field *f, const void *at)
{
	switch (f->kind) {
	case MESH_BIND_WALL:
		return mesh_wall_is_zero(*(const struct mesh_wall *)at);
	case MESH_BIND_STRINGS:
	case MESH_BIND_OBJECTS:
	case MESH_BIND_INTS:
	case MESH_BIND_CUSTOMS:
		return ((const struct mesh_bind_list *)at)->set;
	case MESH_BIND_MAP_OBJECT:
	case MESH_BIND_MAP_RAW:
		return ((const struct mesh_bind_map *)at)->set;
	default:
		return false;
	}
}

static bool
is_left_out(const struct mesh_field *f, const void *at)
{
	if (f->flags & MESH_BIND_OMIT_UNSET)
		return is_zero_field(f, at) && !is_given(f, at);
	return (f->flags & MESH_BIND_OMIT) && is_zero_field(f, at);
}

static void
write_wall(struct mesh_jw *w, const struct mesh_wall *v)
{
	char text[MESH_RFC3339_MAX];

	mesh_wall_format(is_absent_wall(v) ? MESH_WALL_ZERO : *v, text);
	mesh_jw_string(w, text);
}

static void
write_raw(struct mesh_jw *w, const struct mesh_str *s)
{
	if (s->len == 0)
		mesh_jw_null(w);
	else
		mesh_jw_raw(w, *s);
}

static void
write_item(struct mesh_jw *w, const struct mesh_field *f, const void *at)
{
	switch (f->kind) {
	case MESH_BIND_STRINGS:
		mesh_jw_string(w, *(const char *const *)at);
		break;
	case MESH_BIND_INTS:
		mesh_jw_int(w, *(const int64_t *)at);
		break;
	case MESH_BIND_CUSTOMS:
		f->codec->write(w, at);
		break;
	case MESH_BIND_MAP_RAW:
		write_raw(w, at);
		break;
	default:
		mesh_bind_write(w, f->sub, at);
	}
}

static void
write_list(struct mesh_jw *w, const struct mesh_field *f,
    const struct mesh_bind_list *l)
{
	const uint8_t *items = l->items;

	if (!l->set && l->count == 0 && (f->flags & MESH_BIND_NULL)) {
		mesh_jw_null(w);
		return;
	}
	mesh_jw_array(w);
	for (size_t i = 0; i < l->count; i++)
		write_item(w, f, items + i * item_size(f));
	mesh_jw_end_array(w);
}

static void
write_map(struct mesh_jw *w, const struct mesh_field *f,
    const struct mesh_bind_map *m)
{
	const uint8_t *items = m->items;

	if (!m->set && m->count == 0 && (f->flags & MESH_BIND_NULL)) {
		mesh_jw_null(w);
		return;
	}
	mesh_jw_object(w);
	for (size_t i = 0; i < m->count; i++) {
		mesh_jw_name(w, m->names[i]);
		if (m->nulls != NULL && m->nulls[i])
			mesh_jw_null(w);
		else
			write_item(w, f, items + i * item_size(f));
	}
	mesh_jw_end_object(w);
}

static void
write_object(struct mesh_jw *w, const struct mesh_field *f, const void *o)
{
	if (o == NULL)
		mesh_jw_null(w);
	else
		mesh_bind_write(w, f->sub, o);
}

static void
write_field(struct mesh_jw *w, const struct mesh_field *f, const void *at)
{
	switch (f->kind) {
	case MESH_BIND_STRING:
		mesh_jw_string(w, *(const char *const *)at);
		break;
	case MESH_BIND_BOOL:
		mesh_jw_bool(w, *(const bool *)at);
		break;
	case MESH_BIND_INT:
		mesh_jw_int(w, *(const int32_t *)at);
		break;
	case MESH_BIND_INT64:
		mesh_jw_int(w, *(const int64_t *)at);
		break;
	case MESH_BIND_UINT16:
		mesh_jw_uint(w, *(const uint16_t *)at);
		break;
	case MESH_BIND_UINT64:
		mesh_jw_uint(w, *(const uint64_t *)at);
		break;
	case MESH_BIND_DOUBLE:
		mesh_jw_double(w, *(const double *)at);
		break;
	case MESH_BIND_OPTBOOL:
		if (*(const int8_t *)at == 0)
			mesh_jw_null(w);
		else
			mesh_jw_bool(w, *(const int8_t *)at > 0);
		break;
	case MESH_BIND_WALL:
		write_wall(w, at);
		break;
	case MESH_BIND_RAW:
		write_raw(w, at);
		break;
	case MESH_BIND_OBJECT:
		write_object(w, f, *(void *const *)at);
		break;
	case MESH_BIND_INLINE:
		mesh_bind_write(w, f->sub, at);
		break;
	case MESH_BIND_CUSTOM:
		f->codec->write(w, at);
		break;
	case MESH_BIND_STRINGS:
	case MESH_BIND_OBJECTS:
	case MESH_BIND_INTS:
	case MESH_BIND_CUSTOMS:
		write_list(w, f, at);
		break;
	case MESH_BIND_MAP_OBJECT:
	case MESH_BIND_MAP_RAW:
		write_map(w, f, at);
		break;
	}
}

void
mesh_bind_write_members(struct mesh_jw *w, const struct mesh_schema *s,
    const void *in)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct mesh_field *f = &s->fields[i];
		const void *at = (const uint8_t *)in + f->offset;

		if (is_left_out(f, at))
			continue;
		mesh_jw_name(w, f->name);
		write_field(w, f, at);
	}
}

void
mesh_bind_write(struct mesh_jw *w, const struct mesh_schema *s, const void *in)
{
	mesh_jw_object(w);
	mesh_bind_write_members(w, s, in);
	mesh_jw_end_object(w);
}

/* --- ready codecs */

static void
read_ip(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct mesh_str s = mesh_json_string(j);

	(void)a;
	if (s.len > 0 && mesh_ip_parse(s, out) != MESH_OK)
		mesh_json_fail(j, MESH_ERR_FORMAT, "not an IP address");
}

static void
write_ip(struct mesh_jw *w, const void *in)
{
	char text[MESH_IP_TEXT];

	mesh_jw_string(w,
	    mesh_ip_is_none(in) ? "" : mesh_ip_format(in, text));
}

static void
read_prefix(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct mesh_str s = mesh_json_string(j);

	(void)a;
	if (s.len > 0 && mesh_prefix_or_ip_parse(s, out) != MESH_OK)
		mesh_json_fail(j, MESH_ERR_FORMAT, "not an IP prefix");
}

static void
write_prefix(struct mesh_jw *w, const void *in)
{
	const struct mesh_prefix *p = in;
	char text[MESH_PREFIX_TEXT];
	bool none = p->bits == 0 && all_zero(p, sizeof(*p));

	/* The zero prefix is "::/0" as much as "none": a list holds the former. */
	mesh_jw_string(w, none ? "::/0" : mesh_prefix_format(p, text));
}

static void
read_endpoint(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct mesh_str s = mesh_json_string(j);

	(void)a;
	if (s.len > 0 && mesh_endpoint_parse(s, out) != MESH_OK)
		mesh_json_fail(j, MESH_ERR_FORMAT, "not an address and port");
}

static void
write_endpoint(struct mesh_jw *w, const void *in)
{
	const struct mesh_endpoint *e = in;
	char text[MESH_ENDPOINT_TEXT];

	mesh_jw_string(w,
	    mesh_ip_is_none(&e->ip) && e->port == 0
		? ""
		: mesh_endpoint_format(e, text));
}

const struct mesh_bind_codec mesh_bind_ip = {
    .size = sizeof(struct mesh_ip),
    .read = read_ip,
    .write = write_ip,
};
const struct mesh_bind_codec mesh_bind_prefix = {
    .size = sizeof(struct mesh_prefix),
    .read = read_prefix,
    .write = write_prefix,
};
const struct mesh_bind_codec mesh_bind_endpoint = {
    .size = sizeof(struct mesh_endpoint),
    .read = read_endpoint,
    .write = write_endpoint,
};
