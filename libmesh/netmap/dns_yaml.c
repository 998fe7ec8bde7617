/* SPDX-License-Identifier: ISC */
#include "netmap/dns_yaml.h"

#include <base/addr.h>
#include <strings.h>
#include <yaml.h>

#include "netmap/dns.h"

#define NAME_MAX_LEN 253u

struct reader {
	yaml_document_t *doc;
	struct mesh_arena arena;
	struct mesh_str suffix;
	struct mesh_dns dns;
	struct mesh_bind_list global;
	bool override;
	struct mesh_diag *diag;
	int err;
};

/* The first error stays. */
static void
fail(struct reader *r, const yaml_node_t *at, const char *what,
    const char *subject)
{
	if (r->err == MESH_OK)
		r->err = mesh_fail(r->diag, MESH_ERR_FORMAT,
		    "line %zu, column %zu: %s%.80s%s%s",
		    at->start_mark.line + 1, at->start_mark.column + 1,
		    subject ? "'" : "", subject ? subject : "",
		    subject ? "' " : "", what);
}

static void
no_memory(struct reader *r)
{
	if (r->err == MESH_OK)
		r->err = mesh_fail(r->diag, MESH_ERR_NOMEM, "out of memory");
}

static yaml_node_t *
node_at(struct reader *r, int index)
{
	return yaml_document_get_node(r->doc, index);
}

static const char *
text_of(struct reader *r, const yaml_node_t *n)
{
	if (n->type == YAML_SCALAR_NODE &&
	    strlen((const char *)n->data.scalar.value) ==
		n->data.scalar.length)
		return (const char *)n->data.scalar.value;
	fail(r, n, "expected a single value", NULL);
	return "";
}

static bool
is_null(const yaml_node_t *n)
{
	const char *s;

	if (n->type != YAML_SCALAR_NODE ||
	    n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	s = (const char *)n->data.scalar.value;
	return *s == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0;
}

static bool
bool_of(struct reader *r, const yaml_node_t *n)
{
	const char *s = text_of(r, n);
	bool yes = strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0;

	if (!yes && strcasecmp(s, "false") != 0 && strcasecmp(s, "no") != 0)
		fail(r, n, "is not true or false", s);
	return yes;
}

/* Items of a sequence into an array of the arena; none when it is null. */
static struct mesh_bind_list
list_of(struct reader *r, const yaml_node_t *n, size_t size, size_t max,
    void (*read)(struct reader *r, const yaml_node_t *n, void *out))
{
	struct mesh_bind_list list = {.set = true};
	size_t count;

	if (is_null(n))
		return list;
	if (n->type != YAML_SEQUENCE_NODE) {
		fail(r, n, "expected a list", NULL);
		return list;
	}
	count = (size_t)(n->data.sequence.items.top -
	    n->data.sequence.items.start);
	if (count > max) {
		fail(r, n, "has too many items", "the list");
		return list;
	}
	list.items = mesh_arena_calloc(&r->arena, count + 1, size);
	if (list.items == NULL) {
		no_memory(r);
		return list;
	}
	for (; list.count < count; list.count++)
		read(r, node_at(r, n->data.sequence.items.start[list.count]),
		    (char *)list.items + list.count * size);
	return list;
}

/* --- values */

/* Lower case, without the dot at the end. */
static const char *
name_of(struct reader *r, const yaml_node_t *n)
{
	const char *s = text_of(r, n);
	size_t len = strlen(s), label = 0;
	char *name;

	if (len > 0 && s[len - 1] == '.')
		len--;
	name = mesh_arena_strndup(&r->arena, s, len);
	if (name == NULL) {
		no_memory(r);
		return "";
	}
	for (size_t i = 0; i <= len; i++, label++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = name[i] = (char)(c + 'a' - 'A');
		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63)
				break;
			label = (size_t)-1;
		} else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '_')
			break;
		if (i == len && len <= NAME_MAX_LEN)
			return name;
	}
	fail(r, n, "is no domain name", s);
	return "";
}

static void
read_name(struct reader *r, const yaml_node_t *n, void *out)
{
	*(const char **)out = name_of(r, n);
}

/* An address, with a port or not; or a URL of DNS over HTTPS. */
static void
read_server(struct reader *r, const yaml_node_t *n, void *out)
{
	struct mesh_resolver *to = out;
	const char *s = text_of(r, n);
	struct mesh_endpoint e;
	struct mesh_ip ip;

	if (mesh_ip_parse(mesh_str(s), &ip) != MESH_OK &&
	    mesh_endpoint_parse(mesh_str(s), &e) != MESH_OK &&
	    (!mesh_str_has_prefix(mesh_str(s), "https://") ||
		strpbrk(s, " \t\"<>\\") != NULL || strlen(s) > 500)) {
		fail(r, n, "is no address of a name server, with a port or "
		    "not, nor a URL (https://)", s);
		return;
	}
	to->addr = mesh_arena_strdup(&r->arena, s);
	if (to->addr == NULL)
		no_memory(r);
}

/* --- keys */

struct key {
	const char *name;
	void (*read)(struct reader *r, const yaml_node_t *n, void *into);
};

static void
read_mapping(struct reader *r, const yaml_node_t *n, const struct key *keys,
    void *into)
{
	const struct key *k;

	if (is_null(n))
		return;
	if (n->type != YAML_MAPPING_NODE) {
		fail(r, n, "expected 'key: value' lines", NULL);
		return;
	}
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start;
	    r->err == MESH_OK && p < n->data.mapping.pairs.top; p++) {
		const char *name = text_of(r, node_at(r, p->key));

		for (k = keys; k->name != NULL; k++)
			if (strcmp(k->name, name) == 0)
				break;
		if (k->name == NULL)
			fail(r, node_at(r, p->key), "is no key that this file "
			    "can have here", name);
		else
			k->read(r, node_at(r, p->value), into);
	}
}

static void
read_magic(struct reader *r, const yaml_node_t *n, void *into)
{
	(void)into;
	r->dns.proxied = bool_of(r, n);
}

static void
read_override(struct reader *r, const yaml_node_t *n, void *into)
{
	(void)into;
	r->override = bool_of(r, n);
}

static void
read_base(struct reader *r, const yaml_node_t *n, void *into)
{
	(void)into;
	if (!mesh_str_eq(r->suffix, name_of(r, n)))
		fail(r, n, "is not the suffix of names (--dns-suffix)",
		    text_of(r, n));
}

static void
read_global(struct reader *r, const yaml_node_t *n, void *into)
{
	(void)into;
	r->global = list_of(r, n, sizeof(struct mesh_resolver),
	    MESH_DNS_SERVERS, read_server);
}

/* The JSON of a list of resolvers, as the wire has it below a suffix. */
static struct mesh_str
servers_json(struct reader *r, const yaml_node_t *n)
{
	struct mesh_bind_list list = list_of(r, n,
	    sizeof(struct mesh_resolver), MESH_DNS_SERVERS, read_server);
	struct mesh_resolver *servers = list.items;
	struct mesh_str json = {"[]", 2};
	struct mesh_buf out;
	struct mesh_jw w;

	mesh_buf_init(&out, 65536);
	mesh_jw_init(&w, &out, false);
	mesh_jw_array(&w);
	for (size_t i = 0; r->err == MESH_OK && i < list.count; i++)
		mesh_bind_write(&w, &mesh_resolver_schema, &servers[i]);
	mesh_jw_end_array(&w);
	json.p = mesh_arena_strndup(&r->arena, (const char *)out.data,
	    out.len);
	json.len = out.len;
	if (json.p == NULL || out.failed)
		no_memory(r);
	mesh_buf_release(&out);
	return json;
}

static void
read_split(struct reader *r, const yaml_node_t *n, void *into)
{
	const char **names;
	struct mesh_str *values;
	size_t count = 0;

	(void)into;
	if (is_null(n))
		return;
	if (n->type != YAML_MAPPING_NODE) {
		fail(r, n, "expected 'domain: [servers]' lines", NULL);
		return;
	}
	if (n->data.mapping.pairs.top - n->data.mapping.pairs.start >
	    (ptrdiff_t)MESH_DNS_SPLIT) {
		fail(r, n, "has too many domains", "split");
		return;
	}
	names = mesh_arena_calloc(&r->arena, MESH_DNS_SPLIT + 1,
	    sizeof(*names));
	values = mesh_arena_calloc(&r->arena, MESH_DNS_SPLIT + 1,
	    sizeof(*values));
	if (names == NULL || values == NULL) {
		no_memory(r);
		return;
	}
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start;
	    r->err == MESH_OK && p < n->data.mapping.pairs.top; p++) {
		names[count] = name_of(r, node_at(r, p->key));
		if (mesh_str_eq(r->suffix, names[count]))
			fail(r, node_at(r, p->key), "is what the nodes answer "
			    "themselves (--dns-suffix)", names[count]);
		values[count++] = servers_json(r, node_at(r, p->value));
	}
	r->dns.routes = (struct mesh_bind_map){.names = names,
	    .items = values, .count = count, .set = true};
}

static void
read_servers(struct reader *r, const yaml_node_t *n, void *into)
{
	static const struct key keys[] = {
	    {"global", read_global}, {"split", read_split}, {NULL, NULL}};

	read_mapping(r, n, keys, into);
}

static void
read_search(struct reader *r, const yaml_node_t *n, void *into)
{
	(void)into;
	r->dns.domains = list_of(r, n, sizeof(const char *), MESH_DNS_SEARCH,
	    read_name);
}

static void
record_name(struct reader *r, const yaml_node_t *n, void *into)
{
	((struct mesh_dns_record *)into)->name = name_of(r, n);
}

static void
record_type(struct reader *r, const yaml_node_t *n, void *into)
{
	const char *s = text_of(r, n);

	if (strcmp(s, "A") != 0 && strcmp(s, "AAAA") != 0)
		fail(r, n, "is no type that nodes answer: A and AAAA are", s);
	((struct mesh_dns_record *)into)->type = s[1] == '\0' ? "A" : "AAAA";
}

static void
record_value(struct reader *r, const yaml_node_t *n, void *into)
{
	const char *s = text_of(r, n);
	struct mesh_ip ip;

	if (mesh_ip_parse(mesh_str(s), &ip) != MESH_OK)
		fail(r, n, "is no address", s);
	((struct mesh_dns_record *)into)->value =
	    mesh_arena_strdup(&r->arena, s);
}

static void
read_record(struct reader *r, const yaml_node_t *n, void *out)
{
	static const struct key keys[] = {{"name", record_name},
	    {"type", record_type}, {"value", record_value}, {NULL, NULL}};
	struct mesh_dns_record *to = out;
	struct mesh_ip ip;

	read_mapping(r, n, keys, to);
	if (r->err != MESH_OK)
		return;
	if (to->name == NULL || to->value == NULL) {
		fail(r, n, "a record needs 'name' and 'value'", NULL);
		return;
	}
	if (to->type != NULL &&
	    mesh_ip_parse(mesh_str(to->value), &ip) == MESH_OK &&
	    mesh_ip_is4(&ip) != (to->type[1] == '\0'))
		fail(r, n, "is no address of the record's type", to->value);
}

static void
read_records(struct reader *r, const yaml_node_t *n, void *into)
{
	(void)into;
	r->dns.extra_records = list_of(r, n, sizeof(struct mesh_dns_record),
	    MESH_DNS_RECORDS, read_record);
}

static const struct key top[] = {
    {"magic_dns", read_magic},
    {"base_domain", read_base},
    {"override_local_dns", read_override},
    {"nameservers", read_servers},
    {"search_domains", read_search},
    {"extra_records", read_records},
    {NULL, NULL},
};

/* --- the whole */

/* Names of nodes are answered by the nodes themselves, and looked for first. "[]"
 * and not null: stock nodes of some releases lose nulls (control.md 8.3). */
static void
add_suffix(struct reader *r)
{
	struct mesh_bind_map *routes = &r->dns.routes;
	size_t count = routes->count + 1, domains = r->dns.domains.count + 1;
	const char **names = mesh_arena_calloc(&r->arena, count,
	    sizeof(*names));
	struct mesh_str *values = mesh_arena_calloc(&r->arena, count,
	    sizeof(*values));
	const char **search = mesh_arena_calloc(&r->arena, domains,
	    sizeof(*search));
	const char *suffix = mesh_arena_strndup(&r->arena, r->suffix.p,
	    r->suffix.len);

	if (names == NULL || values == NULL || search == NULL ||
	    suffix == NULL) {
		no_memory(r);
		return;
	}
	names[0] = search[0] = suffix;
	values[0] = MESH_STR("[]");
	for (size_t i = 1; i < count; i++) {
		names[i] = routes->names[i - 1];
		values[i] = ((struct mesh_str *)routes->items)[i - 1];
	}
	for (size_t i = 1; i < domains; i++)
		search[i] = ((const char **)r->dns.domains.items)[i - 1];
	if (r->dns.proxied)
		*routes = (struct mesh_bind_map){.names = names,
		    .items = values, .count = count, .set = true};
	r->dns.domains = (struct mesh_bind_list){search, domains, true};
}

static void
write_dns(struct reader *r, struct mesh_buf *out)
{
	struct mesh_jw w;

	if (r->override)
		r->dns.resolvers = r->global;
	else
		r->dns.fallback_resolvers = r->global;
	add_suffix(r);
	if (r->err != MESH_OK)
		return;
	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, &mesh_dns_schema, &r->dns);
	if (out->failed)
		no_memory(r);
}

static void
read_document(struct reader *r, yaml_parser_t *parser)
{
	yaml_document_t doc;
	yaml_node_t *root;

	if (!yaml_parser_load(parser, &doc)) {
		r->err = mesh_fail(r->diag, MESH_ERR_FORMAT,
		    "line %zu, column %zu: %s", parser->problem_mark.line + 1,
		    parser->problem_mark.column + 1,
		    parser->problem ? parser->problem : "not YAML");
		return;
	}
	r->doc = &doc;
	if ((root = yaml_document_get_root_node(&doc)) != NULL) {
		read_mapping(r, root, top, NULL);
		if (r->override && r->global.count == 0)
			fail(r, root, "override_local_dns needs global "
			    "name servers", NULL);
	}
	yaml_document_delete(&doc);
}

int
mesh_dns_read_yaml(const char *text, size_t len, const char *suffix,
    struct mesh_buf *out, struct mesh_diag *diag)
{
	struct reader r = {.suffix = mesh_str(suffix), .diag = diag,
	    .dns.proxied = true};
	yaml_parser_t parser;

	if (len > MESH_DNS_FILE)
		return mesh_fail(diag, MESH_ERR_LIMIT, "file too large");
	if (!yaml_parser_initialize(&parser))
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	mesh_arena_init(&r.arena, MESH_DNS_MEMORY);
	yaml_parser_set_input_string(&parser,
	    (const unsigned char *)(len > 0 ? text : ""), len);
	read_document(&r, &parser);
	if (r.err == MESH_OK)
		write_dns(&r, out);
	yaml_parser_delete(&parser);
	mesh_arena_release(&r.arena);
	return r.err;
}
