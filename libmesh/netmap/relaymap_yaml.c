/* SPDX-License-Identifier: ISC
 * relaymap_yaml.c - a relay map file: YAML events walk the same schema tables as
 * JSON and come out as JSON, which is then decoded as if a server had sent it. */
#include "netmap/relaymap.h"

#include <stdlib.h>
#include <strings.h>
#include <yaml.h>

#define FILE_EVENTS 200000u /* aliases are refused, so this bounds the work */

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	bool have;	    /* event must be deleted */
	unsigned events;
	struct mesh_jw w;
	struct mesh_diag *diag;
	int err;
};

static bool read_object(struct reader *r, const struct mesh_schema *s);

/* Always false, so that a reader can `return broken(...)`. */
static bool
broken(struct reader *r, int err, const char *what, const char *subject)
{
	const yaml_mark_t *at =
	    r->have ? &r->event.start_mark : &r->parser.problem_mark;

	if (r->err == MESH_OK)
		r->err = mesh_fail(r->diag, err, "line %zu, column %zu: %s%s%s%s",
		    at->line + 1, at->column + 1, what, subject ? " '" : "",
		    subject ? subject : "", subject ? "'" : "");
	return false;
}

static bool
next(struct reader *r)
{
	if (r->have)
		yaml_event_delete(&r->event);
	r->have = false;
	if (!yaml_parser_parse(&r->parser, &r->event))
		return broken(r, MESH_ERR_FORMAT,
		    r->parser.problem ? r->parser.problem : "not YAML", NULL);
	r->have = true;
	if (++r->events > FILE_EVENTS)
		return broken(r, MESH_ERR_LIMIT, "file too large", NULL);
	if (r->event.type == YAML_ALIAS_EVENT)
		return broken(r, MESH_ERR_FORMAT, "aliases are not read", NULL);
	return true;
}

static const char *
scalar(const struct reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

static bool
want(struct reader *r, yaml_event_type_t type, const char *what)
{
	return r->event.type == type || broken(r, MESH_ERR_FORMAT, what, NULL);
}

static bool
is_null(const struct reader *r)
{
	const char *s;

	if (r->event.type != YAML_SCALAR_EVENT ||
	    r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	s = scalar(r);
	return *s == 0 || strcmp(s, "~") == 0 || strcmp(s, "null") == 0;
}

static bool
put_number(struct reader *r)
{
	const char *s = scalar(r);
	char *end;
	double v = strtod(s, &end);

	if (*s == 0 || *end != 0 || v != v)
		return broken(r, MESH_ERR_FORMAT, "not a number:", s);
	if (v > -1e15 && v < 1e15 && v == (double)(int64_t)v)
		mesh_jw_int(&r->w, (int64_t)v);
	else
		mesh_jw_double(&r->w, v);
	return true;
}

static bool
put_bool(struct reader *r)
{
	const char *s = scalar(r);
	bool yes = strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0;

	if (!yes && strcasecmp(s, "false") != 0 && strcasecmp(s, "no") != 0)
		return broken(r, MESH_ERR_FORMAT, "not true or false:", s);
	mesh_jw_bool(&r->w, yes);
	return true;
}

/* {region: score, ...} */
static bool
read_scores(struct reader *r)
{
	if (!want(r, YAML_MAPPING_START_EVENT, "expected a mapping"))
		return false;
	mesh_jw_object(&r->w);
	while (next(r) && r->event.type == YAML_SCALAR_EVENT) {
		mesh_jw_name(&r->w, scalar(r));
		if (!next(r) ||
		    !want(r, YAML_SCALAR_EVENT, "expected a number") ||
		    !put_number(r))
			return false;
	}
	mesh_jw_end_object(&r->w);
	return r->err == MESH_OK;
}

static bool
read_list(struct reader *r, const struct mesh_schema *s)
{
	if (!want(r, YAML_SEQUENCE_START_EVENT, "expected a list"))
		return false;
	mesh_jw_array(&r->w);
	while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT)
		if (!read_object(r, s))
			return false;
	mesh_jw_end_array(&r->w);
	return r->err == MESH_OK;
}

/* {id: object or null, ...} */
static bool
read_map(struct reader *r, const struct mesh_schema *s)
{
	if (!want(r, YAML_MAPPING_START_EVENT, "expected a mapping"))
		return false;
	mesh_jw_object(&r->w);
	while (next(r) && r->event.type == YAML_SCALAR_EVENT) {
		uint64_t id;

		if (mesh_parse_u64(mesh_str(scalar(r)), INT32_MAX, &id) != 0 ||
		    id == 0)
			return broken(r, MESH_ERR_FORMAT,
			    "not a region number:", scalar(r));
		mesh_jw_name(&r->w, scalar(r));
		if (!next(r))
			return false;
		if (is_null(r))
			mesh_jw_null(&r->w);
		else if (!read_object(r, s))
			return false;
	}
	mesh_jw_end_object(&r->w);
	return r->err == MESH_OK &&
	    want(r, YAML_MAPPING_END_EVENT, "expected a region number");
}

static bool
read_scalar(struct reader *r, const struct mesh_field *f)
{
	if (!want(r, YAML_SCALAR_EVENT, "expected a single value"))
		return false;
	switch (f->kind) {
	case MESH_BIND_BOOL:
		return put_bool(r);
	case MESH_BIND_STRING:
		mesh_jw_string(&r->w, scalar(r));
		return true;
	default:
		return put_number(r);
	}
}

static bool
read_value(struct reader *r, const struct mesh_field *f)
{
	if (is_null(r)) {
		mesh_jw_null(&r->w);
		return true;
	}
	switch (f->kind) {
	case MESH_BIND_OBJECT:
		return read_object(r, f->sub);
	case MESH_BIND_OBJECTS:
		return read_list(r, f->sub);
	case MESH_BIND_MAP_OBJECT:
		return read_map(r, f->sub);
	case MESH_BIND_CUSTOM: /* RegionScore is the only one */
		return read_scores(r);
	default:
		return read_scalar(r, f);
	}
}

static const struct mesh_field *
find_key(const struct mesh_schema *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcasecmp(s->fields[i].name, key) == 0)
			return &s->fields[i];
	return NULL;
}

static bool
read_object(struct reader *r, const struct mesh_schema *s)
{
	if (!want(r, YAML_MAPPING_START_EVENT, "expected 'key: value' lines"))
		return false;
	mesh_jw_object(&r->w);
	while (next(r) && r->event.type == YAML_SCALAR_EVENT) {
		const struct mesh_field *f = find_key(s, scalar(r));

		if (f == NULL)
			return broken(r, MESH_ERR_FORMAT, "unknown key",
			    scalar(r));
		mesh_jw_name(&r->w, f->name);
		if (!next(r) || !read_value(r, f))
			return false;
	}
	mesh_jw_end_object(&r->w);
	return r->err == MESH_OK &&
	    want(r, YAML_MAPPING_END_EVENT, "expected a key");
}

/* One document, of which the root is a relay map. */
static bool
read_document(struct reader *r)
{
	if (!next(r) || !next(r)) /* stream start, document start */
		return false;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return broken(r, MESH_ERR_FORMAT, "the file is empty", NULL);
	return next(r) && read_object(r, &mesh_relaymap_schema);
}

/* Ids that the file leaves to the place where they stand; and what JSON cannot
 * say is wrong with them. */
static int
complete(struct mesh_relaymap *m, struct mesh_diag *diag)
{
	struct mesh_relaymap_region *regions = m->regions.items;

	if (m->regions.count == 0)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "no regions: a relay map begins with 'regions:'");
	for (size_t i = 0; i < m->regions.count; i++) {
		struct mesh_relaymap_region *r = &regions[i];
		struct mesh_relaymap_host *hosts = r->hosts.items;
		int64_t id = strtoll(m->regions.names[i], NULL, 10);

		if (m->regions.nulls[i])
			continue;
		r->id = r->id ? r->id : id;
		if (r->id != id)
			return mesh_fail(diag, MESH_ERR_FORMAT,
			    "region %lld: regionid says %lld", (long long)id,
			    (long long)r->id);
		for (size_t k = 0; k < r->hosts.count; k++) {
			hosts[k].region = hosts[k].region ? hosts[k].region : id;
			if (hosts[k].region != id || hosts[k].hostname == NULL)
				return mesh_fail(diag, MESH_ERR_FORMAT,
				    "region %lld, node %zu: %s", (long long)id,
				    k + 1, hosts[k].hostname
					? "regionid of another region"
					: "no hostname");
		}
	}
	return MESH_OK;
}

static int
decode(struct mesh_str json, struct mesh_relaymap **out, struct mesh_diag *diag)
{
	struct mesh_relaymap *m;
	int err = mesh_relaymap_parse(json, &m, diag);

	if (err != MESH_OK)
		return err;
	err = complete(m, diag);
	if (err != MESH_OK)
		mesh_counted_unref(m);
	else
		*out = m;
	return err;
}

int
mesh_relaymap_read_yaml(const char *text, size_t len,
    struct mesh_relaymap **out, struct mesh_diag *diag)
{
	struct reader r = {.diag = diag};
	struct mesh_buf json;

	if (len > MESH_RELAYMAP_FILE)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "%zu bytes, at most %u are read", len, MESH_RELAYMAP_FILE);
	if (!yaml_parser_initialize(&r.parser))
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	yaml_parser_set_input_string(&r.parser, (const uint8_t *)text, len);
	mesh_buf_init(&json, 8 * MESH_RELAYMAP_FILE);
	mesh_jw_init(&r.w, &json, false);
	(void)read_document(&r);
	if (r.err == MESH_OK && json.failed)
		r.err = mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (r.err == MESH_OK)
		r.err = decode((struct mesh_str){(const char *)json.data,
		    json.len}, out, diag);
	if (r.have)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	mesh_buf_release(&json);
	return r.err;
}
