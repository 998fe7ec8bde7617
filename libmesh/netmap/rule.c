/* SPDX-License-Identifier: ISC */
#include "netmap/rule.h"

#include <stdlib.h>

#define OMIT MESH_BIND_OMIT

/* --- sources and destinations */

/* The last address of a prefix. */
static struct mesh_ip
prefix_last(const struct mesh_prefix *p)
{
	struct mesh_ip ip = p->ip;

	for (unsigned bit = p->bits; bit < 128; bit++)
		ip.b[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
	return ip;
}

struct mesh_who
mesh_who_prefix(const struct mesh_prefix *p)
{
	struct mesh_prefix masked = mesh_prefix_masked(*p);

	return (struct mesh_who){
	    .kind = MESH_WHO_RANGE,
	    .first = masked.ip,
	    .last = prefix_last(&masked),
	};
}

/* "a-b"; false if it is none. */
static bool
parse_range(struct mesh_str s, struct mesh_who *who)
{
	struct mesh_str a = mesh_str_cut(&s, '-');

	return mesh_ip_parse(a, &who->first) == MESH_OK &&
	    mesh_ip_parse(s, &who->last) == MESH_OK &&
	    mesh_ip_is4(&who->first) == mesh_ip_is4(&who->last) &&
	    memcmp(&who->first, &who->last, sizeof(who->first)) <= 0;
}

struct mesh_who
mesh_who_parse(const char *text)
{
	struct mesh_who who = {.kind = MESH_WHO_NOBODY, .text = text};
	struct mesh_str s = mesh_str(text);
	struct mesh_prefix p;

	if (mesh_str_eq(s, "*")) {
		who.kind = MESH_WHO_ANY;
	} else if (mesh_str_has_prefix(s, "cap:")) {
		who.kind = MESH_WHO_CAP;
	} else if (mesh_prefix_or_ip_parse(s, &p) == MESH_OK) {
		struct mesh_prefix masked = mesh_prefix_masked(p);

		if (mesh_prefix_eq(&p, &masked)) {
			who = mesh_who_prefix(&p);
			who.text = text;
		}
	} else if (s.len > 0 && parse_range(s, &who)) {
		who.kind = MESH_WHO_RANGE;
	}
	return who;
}

bool
mesh_who_has(const struct mesh_who *w, const struct mesh_ip *ip)
{
	if (w->kind != MESH_WHO_RANGE)
		return w->kind == MESH_WHO_ANY;
	return mesh_ip_is4(&w->first) == mesh_ip_is4(ip) &&
	    memcmp(&w->first, ip, sizeof(*ip)) <= 0 &&
	    memcmp(ip, &w->last, sizeof(*ip)) <= 0;
}

const char *
mesh_who_cap(const struct mesh_who *w)
{
	return w->kind == MESH_WHO_CAP ? w->text + sizeof("cap:") - 1 : NULL;
}

/* The prefix that is exactly this range, if there is one. */
static bool
range_prefix(const struct mesh_who *w, struct mesh_prefix *out)
{
	unsigned least = mesh_ip_is4(&w->first) ? 96 : 0;

	for (unsigned bits = 129; bits-- > least;) {
		struct mesh_prefix p = {w->first, (uint8_t)bits};
		struct mesh_ip last = prefix_last(&p);

		p = mesh_prefix_masked(p);
		if (!mesh_ip_eq(&p.ip, &w->first))
			return false; /* not the first address any more */
		if (mesh_ip_eq(&last, &w->last)) {
			*out = p;
			return true;
		}
	}
	return false;
}

static void
write_range(struct mesh_jw *w, const struct mesh_who *who)
{
	char text[2 * MESH_IP_TEXT + 1], first[MESH_IP_TEXT], last[MESH_IP_TEXT];
	struct mesh_prefix p;

	if (mesh_ip_eq(&who->first, &who->last)) {
		mesh_ip_format(&who->first, text);
	} else if (range_prefix(who, &p)) {
		mesh_prefix_format(&p, text);
	} else {
		(void)mesh_format(text, sizeof(text), "%s-%s",
		    mesh_ip_format(&who->first, first),
		    mesh_ip_format(&who->last, last));
	}
	mesh_jw_string(w, text);
}

static void
who_read(struct mesh_json *j, struct mesh_arena *a, void *out)
{
	struct mesh_str s = mesh_json_string(j);
	char *text;

	if (mesh_json_err(j) != MESH_OK)
		return;
	text = mesh_arena_strndup(a, s.p, s.len);
	if (text != NULL)
		*(struct mesh_who *)out = mesh_who_parse(text);
}

static void
who_write(struct mesh_jw *w, const void *in)
{
	const struct mesh_who *who = in;

	if (who->text != NULL)
		mesh_jw_string(w, who->text);
	else if (who->kind == MESH_WHO_RANGE)
		write_range(w, who);
	else
		mesh_jw_string(w, who->kind == MESH_WHO_ANY ? "*" : "");
}

const struct mesh_bind_codec mesh_bind_who = {
    .size = sizeof(struct mesh_who),
    .read = who_read,
    .write = who_write,
};

/* --- tables */

#define F(...) MESH_FIELD(struct mesh_rule_ports, __VA_ARGS__)
static const struct mesh_field ports_fields[] = {
    F("First", UINT16, first, 0),
    F("Last", UINT16, last, 0),
};
#undef F
static const struct mesh_schema ports_schema =
    MESH_SCHEMA(struct mesh_rule_ports, ports_fields);

#define F(...) MESH_FIELD(struct mesh_rule_dst, __VA_ARGS__)
static const struct mesh_field dst_fields[] = {
    F("IP", CUSTOM, ip, 0, .codec = &mesh_bind_who),
    F("Bits", RAW, bits, OMIT),
    F("Ports", INLINE, ports, 0, .sub = &ports_schema),
};
#undef F
static const struct mesh_schema dst_schema =
    MESH_SCHEMA(struct mesh_rule_dst, dst_fields);

#define F(...) MESH_FIELD(struct mesh_rule_grant, __VA_ARGS__)
static const struct mesh_field grant_fields[] = {
    F("Dsts", CUSTOMS, dsts, OMIT, .codec = &mesh_bind_prefix,
	.max = MESH_RULE_ITEMS),
    F("Caps", STRINGS, caps, OMIT),
    F("CapMap", MAP_RAW, cap_map, OMIT),
};
#undef F
static const struct mesh_schema grant_schema =
    MESH_SCHEMA(struct mesh_rule_grant, grant_fields);

#define F(...) MESH_FIELD(struct mesh_filter_rule, __VA_ARGS__)
static const struct mesh_field rule_fields[] = {
    F("SrcIPs", CUSTOMS, srcs, MESH_BIND_NULL, .codec = &mesh_bind_who,
	.max = MESH_RULE_ITEMS),
    F("SrcBits", INTS, src_bits, OMIT, .max = MESH_RULE_ITEMS),
    F("DstPorts", OBJECTS, dsts, OMIT, .sub = &dst_schema,
	.max = MESH_RULE_ITEMS),
    F("IPProto", INTS, protos, OMIT),
    F("CapGrant", OBJECTS, grants, OMIT, .sub = &grant_schema),
};
#undef F
const struct mesh_schema mesh_filter_rule_schema =
    MESH_SCHEMA(struct mesh_filter_rule, rule_fields);

/* --- named filters */

static size_t
count_rules(struct mesh_str json)
{
	struct mesh_json j;
	size_t n = 0;

	mesh_json_init(&j, json.p, json.len, 0);
	mesh_json_array(&j);
	while (n <= MESH_RULES_MAX && mesh_json_element(&j)) {
		mesh_json_skip(&j);
		n++;
	}
	return n;
}

static int
read_rules(struct mesh_rules *r, struct mesh_str json, struct mesh_diag *diag)
{
	struct mesh_arena *a = &r->counted.arena;
	size_t max = count_rules(json);
	struct mesh_json j;

	if (max > MESH_RULES_MAX)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "packet filter '%s': more than %u rules", r->name,
		    MESH_RULES_MAX);
	if (max > 0)
		r->rules = mesh_arena_calloc(a, max, sizeof(*r->rules));
	mesh_json_init(&j, json.p, json.len, 0);
	mesh_json_array(&j);
	while (!a->failed && r->count < max && mesh_json_element(&j)) {
		struct mesh_filter_rule *rule = &r->rules[r->count++];

		if (!mesh_json_null(&j))
			mesh_bind_read(&j, &mesh_filter_rule_schema, a, rule);
	}
	(void)mesh_json_element(&j); /* the end of the array */
	return a->failed ? MESH_ERR_NOMEM : mesh_json_done(&j, diag);
}

int
mesh_rules_parse(const char *name, struct mesh_str json,
    struct mesh_rules **out, struct mesh_diag *diag)
{
	struct mesh_rules *r = mesh_counted_new(sizeof(*r), MESH_RULES_MEMORY);
	int err;

	if (r == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	r->name = mesh_arena_strdup(&r->counted.arena, name);
	if (r->name == NULL)
		err = MESH_ERR_NOMEM;
	else if (json.len == 0 || mesh_str_eq(json, "null"))
		err = MESH_OK;
	else
		err = read_rules(r, json, diag);
	if (err != MESH_OK) {
		mesh_counted_unref(r);
		return err;
	}
	*out = r;
	return MESH_OK;
}

void
mesh_rules_write(struct mesh_jw *w, const struct mesh_filter_rule *rules,
    size_t count)
{
	mesh_jw_array(w);
	for (size_t i = 0; i < count; i++)
		mesh_bind_write(w, &mesh_filter_rule_schema, &rules[i]);
	mesh_jw_end_array(w);
}

bool
mesh_rules_are_refused(const struct mesh_rules *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct mesh_rule_dst *dsts = r->rules[i].dsts.items;

		if (r->rules[i].src_bits.count > 0)
			return true;
		for (size_t k = 0; k < r->rules[i].dsts.count; k++)
			if (dsts[k].bits.len > 0)
				return true;
	}
	return false;
}
