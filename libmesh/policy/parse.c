/* SPDX-License-Identifier: ISC
 * parse.c - the text of a policy: its top level, and the sections that give
 * names to users, addresses and tags.
 */
#include <stdlib.h>
#include <strings.h>

#include "policy/parse_int.h"

#define ARENA_MAX (64u << 20) /* bytes that a compiled policy may take */
#define SHOWN 60 /* bytes of a text that are repeated in a complaint */

/* --- errors */

static void MESH_PRINTF(3, 0)
fail_va(struct mesh_policy_parse *ps, size_t offset, const char *fmt,
    va_list ap)
{
	unsigned line, column;
	size_t n;

	mesh_json_locate(ps->p->text, offset, &line, &column);
	(void)mesh_format(ps->diag.text, sizeof(ps->diag.text),
	    "line %u, column %u: ", line, column);
	n = strlen(ps->diag.text);
	(void)vsnprintf(ps->diag.text + n, sizeof(ps->diag.text) - n, fmt, ap);
	mesh_json_fail(&ps->j, MESH_ERR_FORMAT, "");
}

void
mesh_policy_fail(struct mesh_policy_parse *ps, const char *fmt, ...)
{
	va_list ap;

	if (mesh_json_err(&ps->j) != MESH_OK)
		return;
	va_start(ap, fmt);
	fail_va(ps, mesh_json_offset(&ps->j), fmt, ap);
	va_end(ap);
}

void
mesh_policy_fail_at(struct mesh_policy_parse *ps, size_t offset,
    const char *fmt, ...)
{
	va_list ap;

	if (mesh_json_err(&ps->j) != MESH_OK)
		return;
	va_start(ap, fmt);
	fail_va(ps, offset, fmt, ap);
	va_end(ap);
}

void
mesh_policy_nomem(struct mesh_policy_parse *ps)
{
	mesh_json_fail(&ps->j, MESH_ERR_NOMEM, "out of memory");
}

bool
mesh_policy_complain(struct mesh_policy_parse *ps, struct mesh_str text,
    const char *complaint)
{
	if (complaint == NULL)
		return false;
	mesh_policy_fail(ps, "'%.*s%s' %s",
	    (int)(text.len > SHOWN ? SHOWN : text.len), text.p ? text.p : "",
	    text.len > SHOWN ? "..." : "", complaint);
	return true;
}

/* --- lists */

void *
mesh_policy_vec_add(struct mesh_policy_parse *ps, struct mesh_policy_vec *v,
    size_t size)
{
	size_t cap = v->cap ? v->cap * 2 : 8;
	void *items;

	if (v->count == MESH_POLICY_LIST_MAX) {
		mesh_policy_fail(ps, "more than %u items in a list",
		    MESH_POLICY_LIST_MAX);
		return NULL;
	}
	if (v->count == v->cap) {
		items = reallocarray(v->items, cap, size);
		if (items == NULL) {
			mesh_policy_nomem(ps);
			return NULL;
		}
		v->items = items;
		v->cap = cap;
	}
	return memset((char *)v->items + v->count++ * size, 0, size);
}

void *
mesh_policy_vec_keep(struct mesh_policy_parse *ps, struct mesh_policy_vec *v,
    size_t size)
{
	void *kept = mesh_arena_memdup(&ps->p->arena, v->items,
	    v->count * size);

	if (kept == NULL && v->count > 0)
		mesh_policy_nomem(ps);
	free(v->items);
	*v = (struct mesh_policy_vec){0};
	return kept;
}

void
mesh_policy_read_whos(struct mesh_policy_parse *ps,
    enum mesh_selector_place place, struct mesh_policy_vec *out)
{
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);
		struct mesh_policy_who who, *to;

		if (mesh_json_err(&ps->j) != MESH_OK ||
		    mesh_policy_complain(ps, s,
			mesh_selector_parse(ps->p, ps->p, place, s, &who)))
			return;
		to = mesh_policy_vec_add(ps, out, sizeof(*to));
		if (to == NULL)
			return;
		*to = who;
	}
}

static bool
name_is(struct mesh_str s, const char *name)
{
	return s.len == strlen(name) && !strncasecmp(s.p, name, s.len);
}

unsigned
mesh_policy_read_object(struct mesh_policy_parse *ps,
    const struct mesh_policy_member *rows, size_t count, void *into)
{
	unsigned seen = 0;
	struct mesh_str name;
	size_t i;

	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		if (name.len > 0 && name.p[0] == '#') { /* notes of editors */
			mesh_json_skip(&ps->j);
			continue;
		}
		for (i = 0; i < count && !name_is(name, rows[i].name); i++)
			continue;
		if (i == count || rows[i].read == NULL) {
			mesh_policy_complain(ps, name,
			    i == count ? "is no member that can stand here"
				       : "is not supported by this server");
			break;
		}
		if (seen & 1u << i) {
			mesh_policy_complain(ps, name, "stands here twice");
			break;
		}
		seen |= 1u << i;
		rows[i].read(ps, into);
	}
	return seen;
}

/* --- names: the first reading */

/* "group:x" with its prefix; a name behind it. */
static bool
name_check(struct mesh_policy_parse *ps, struct mesh_str name,
    const char *prefix, const char *complaint)
{
	struct mesh_str rest = name;

	if (mesh_str_has_prefix(name, prefix)) {
		rest.p += strlen(prefix);
		rest.len -= strlen(prefix);
	} else {
		rest.len = 0;
	}
	if (rest.len > 0 &&
	    ((rest.p[0] | 0x20) >= 'a' && (rest.p[0] | 0x20) <= 'z') &&
	    memchr(rest.p, ':', rest.len) == NULL &&
	    memchr(rest.p, '@', rest.len) == NULL)
		return true;
	mesh_policy_complain(ps, name, complaint);
	return false;
}

/* A name that is not there yet. */
static bool
name_add(struct mesh_policy_parse *ps, struct mesh_names *names,
    struct mesh_str name)
{
	if (mesh_names_find(names, name) != MESH_POLICY_NONE) {
		mesh_policy_complain(ps, name, "stands here twice");
		return false;
	}
	if (mesh_names_add(names, &ps->p->arena, name) != MESH_POLICY_NONE)
		return true;
	mesh_policy_fail(ps, "more than %u names", MESH_POLICY_NAMES_MAX);
	return false;
}

static void
read_group_members(struct mesh_policy_parse *ps, struct mesh_policy_whos *out)
{
	struct mesh_policy_vec v = {0};

	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);
		struct mesh_policy_who who = {0}, *to;
		const char *wrong;

		if (mesh_json_err(&ps->j) != MESH_OK)
			break;
		wrong = mesh_selector_parse(ps->p, ps->p, MESH_SELECTOR_OWNER,
		    s, &who);
		if (wrong != NULL || who.is != MESH_WHO_IS_USER) {
			mesh_policy_complain(ps, s,
			    "cannot be in a group: users only, as 'name@'");
			break;
		}
		to = mesh_policy_vec_add(ps, &v, sizeof(*to));
		if (to == NULL)
			break;
		*to = who;
	}
	out->count = v.count;
	out->items = mesh_policy_vec_keep(ps, &v, sizeof(*out->items));
}

static void
read_groups(struct mesh_policy_parse *ps)
{
	struct mesh_policy_vec v = {0};
	struct mesh_str name;

	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		struct mesh_policy_whos *whos;

		if (!name_check(ps, name, "group:",
			"is no group name: they look like 'group:dev'") ||
		    !name_add(ps, &ps->p->groups, name))
			break;
		whos = mesh_policy_vec_add(ps, &v, sizeof(*whos));
		if (whos == NULL)
			break;
		read_group_members(ps, whos);
	}
	ps->p->members = mesh_policy_vec_keep(ps, &v, sizeof(*ps->p->members));
}

static void
read_hosts(struct mesh_policy_parse *ps)
{
	struct mesh_policy_vec v = {0};
	struct mesh_str name, s;

	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		struct mesh_range *range;
		struct mesh_prefix p;

		if (!name_check(ps, name, "",
			"is no host name: a letter, and neither '@' nor ':'") ||
		    !name_add(ps, &ps->p->hosts, name))
			break;
		s = mesh_json_string(&ps->j);
		if (mesh_json_err(&ps->j) != MESH_OK)
			break;
		if (mesh_prefix_or_ip_parse(mesh_str_trim(s), &p) != MESH_OK) {
			mesh_policy_complain(ps, s,
			    "is no address or prefix (as 10.0.0.0/8)");
			break;
		}
		range = mesh_policy_vec_add(ps, &v, sizeof(*range));
		if (range == NULL)
			break;
		*range = mesh_range_of(&p);
	}
	ps->p->host_ranges = mesh_policy_vec_keep(ps, &v,
	    sizeof(*ps->p->host_ranges));
}

static void
read_tags(struct mesh_policy_parse *ps)
{
	struct mesh_str name;

	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		if (!name_check(ps, name, "tag:",
			"is no tag: they look like 'tag:web'") ||
		    !name_add(ps, &ps->p->tags, name))
			return;
		mesh_json_skip(&ps->j);
	}
}

/* --- what uses names: the second reading */

static void
read_owners(struct mesh_policy_parse *ps)
{
	struct mesh_str name;
	size_t i = 0;

	if (ps->p->tags.count == 0) {
		mesh_json_skip(&ps->j);
		return;
	}
	ps->p->owners = mesh_arena_calloc(&ps->p->arena, ps->p->tags.count,
	    sizeof(*ps->p->owners));
	if (ps->p->owners == NULL) {
		mesh_policy_nomem(ps);
		return;
	}
	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		struct mesh_policy_whos *owners = &ps->p->owners[i++];
		struct mesh_policy_vec v = {0};

		mesh_policy_read_whos(ps, MESH_SELECTOR_OWNER, &v);
		owners->count = v.count;
		owners->items = mesh_policy_vec_keep(ps, &v,
		    sizeof(*owners->items));
	}
}

static void
read_bool(struct mesh_policy_parse *ps)
{
	(void)mesh_json_bool(&ps->j);
}

static void
read_kept(struct mesh_policy_parse *ps)
{
	mesh_json_skip(&ps->j);
}

/* In which of the two readings a member is looked at; never: refused. */
static const struct top {
	const char *name;
	void (*first)(struct mesh_policy_parse *ps);
	void (*second)(struct mesh_policy_parse *ps);
} tops[] = {
    {"groups", read_groups, NULL},
    {"hosts", read_hosts, NULL},
    {"tagOwners", read_tags, read_owners},
    {"acls", NULL, mesh_policy_read_acls},
    {"grants", NULL, mesh_policy_read_grants},
    {"tests", NULL, mesh_policy_read_tests},
    {"ssh", NULL, mesh_policy_read_ssh},
    {"sshTests", read_kept, NULL},
    {"nodeAttrs", read_kept, NULL},
    {"autoApprovers", NULL, mesh_policy_read_approvers},
    {"randomizeClientPort", read_bool, NULL},
    {"postures", NULL, NULL},
    {"defaultSrcPosture", NULL, NULL},
    {"ipsets", NULL, NULL},
    {"derpMap", NULL, NULL},
    {"disableIPv4", NULL, NULL},
    {"OneCGNATRoute", NULL, NULL},
};

#define TOPS (sizeof(tops) / sizeof(*tops))

static void
note_section(struct mesh_policy_parse *ps, const char *name, size_t offset)
{
	struct mesh_policy *p = ps->p;

	if (mesh_json_err(&ps->j) != MESH_OK ||
	    p->section_count == MESH_POLICY_SECTIONS)
		return;
	p->sections[p->section_count++] = (struct mesh_policy_section){name,
	    {p->text.p + offset, ps->j.pos - offset}};
}

static void
read_top(struct mesh_policy_parse *ps, bool second)
{
	bool seen[TOPS] = {false};
	struct mesh_str name;

	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		size_t i, offset;

		for (i = 0; i < TOPS && !name_is(name, tops[i].name); i++)
			continue;
		if (i == TOPS || (!tops[i].first && !tops[i].second)) {
			mesh_policy_complain(ps, name,
			    i == TOPS ? "is no section of a policy"
				      : "is not supported by this server");
			return;
		}
		if (seen[i]) {
			mesh_policy_complain(ps, name, "stands here twice");
			return;
		}
		seen[i] = true;
		(void)mesh_json_peek(&ps->j);
		offset = mesh_json_offset(&ps->j);
		if (second && tops[i].second != NULL)
			tops[i].second(ps);
		else if (!second && tops[i].first != NULL)
			tops[i].first(ps);
		else
			mesh_json_skip(&ps->j);
		if (!second)
			note_section(ps, tops[i].name, offset);
	}
}

static int
read_text(struct mesh_policy_parse *ps, bool second, struct mesh_diag *diag)
{
	int err;

	mesh_json_init(&ps->j, ps->p->text.p, ps->p->text.len,
	    MESH_JSON_HUJSON);
	read_top(ps, second);
	err = mesh_json_done(&ps->j, diag);
	if (err == MESH_ERR_FORMAT && ps->diag.text[0] != 0 && diag != NULL)
		*diag = ps->diag;
	return err;
}

/* --- a policy */

static bool
is_blank(struct mesh_str text)
{
	struct mesh_json j;

	mesh_json_init(&j, text.p, text.len, MESH_JSON_HUJSON);
	(void)mesh_json_peek(&j); /* passes over blanks and comments */
	return mesh_json_err(&j) == MESH_OK && mesh_json_offset(&j) == text.len;
}

static int
policy_read(struct mesh_policy *p, struct mesh_diag *diag)
{
	struct mesh_policy_parse ps = {.p = p};
	int err;

	if (is_blank(p->text)) {
		p->open = true;
		return MESH_OK;
	}
	err = read_text(&ps, false, diag);
	if (err == MESH_OK)
		err = read_text(&ps, true, diag);
	p->open = !ps.has_rules;
	return err;
}

int
mesh_policy_parse(const char *text, size_t len, struct mesh_policy **out,
    struct mesh_diag *diag)
{
	struct mesh_policy *p;
	int err;

	if (len > MESH_POLICY_TEXT_MAX)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "a policy of %zu bytes is too long: at most %u", len,
		    MESH_POLICY_TEXT_MAX);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	mesh_arena_init(&p->arena, ARENA_MAX);
	p->text.p = mesh_arena_strndup(&p->arena, len ? text : "", len);
	p->text.len = len;
	err = p->text.p ? policy_read(p, diag)
			: mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (err != MESH_OK) {
		mesh_policy_free(p);
		return err;
	}
	*out = p;
	return MESH_OK;
}

void
mesh_policy_free(struct mesh_policy *p)
{
	if (p == NULL)
		return;
	mesh_names_release(&p->users);
	mesh_names_release(&p->groups);
	mesh_names_release(&p->tags);
	mesh_names_release(&p->hosts);
	free(p->rules);
	mesh_arena_release(&p->arena);
	free(p);
}

struct mesh_str
mesh_policy_text(const struct mesh_policy *p)
{
	return p->text;
}

bool
mesh_policy_is_open(const struct mesh_policy *p)
{
	return p->open;
}

struct mesh_str
mesh_policy_section(const struct mesh_policy *p, const char *name)
{
	for (size_t i = 0; i < p->section_count; i++)
		if (!strcmp(p->sections[i].name, name))
			return p->sections[i].text;
	return (struct mesh_str){"", 0};
}

size_t
mesh_policy_test_count(const struct mesh_policy *p)
{
	return p->test_count;
}

bool
mesh_policy_has_tag(const struct mesh_policy *p, const char *tag)
{
	return mesh_names_find(&p->tags, mesh_str(tag)) != MESH_POLICY_NONE;
}
