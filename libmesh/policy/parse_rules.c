/* SPDX-License-Identifier: ISC
 * parse_rules.c - acls and grants: services.md 6.5 and 6.6.
 */
#include <stdlib.h>

#include "policy/parse_int.h"

struct dst { /* one item of "dst", with where it stands */
	struct mesh_policy_target target;
	size_t offset;
	bool is_default; /* a prefix of length 0, and no host's name */
};

struct ip { /* one item of a grant's "ip" */
	unsigned proto;
	struct mesh_policy_ports ports;
};

/* An entry of either list while it is read: members come in any order. */
struct draft {
	bool grant;
	size_t offset;
	unsigned proto;
	struct mesh_policy_vec srcs; /* mesh_policy_who */
	struct mesh_policy_vec dsts; /* dst */
	struct mesh_policy_vec ips;  /* ip */
	struct mesh_policy_app app;
};

static void
draft_release(struct draft *d)
{
	free(d->srcs.items);
	free(d->dsts.items);
	free(d->ips.items);
}

/* "22,80-90" */
static void
read_ports(struct mesh_policy_parse *ps, struct mesh_str s,
    struct mesh_policy_target *out)
{
	struct mesh_policy_vec v = {0};

	if (s.len == 0)
		mesh_policy_complain(ps, s, "is no list of ports");
	while (s.p != NULL && mesh_json_err(&ps->j) == MESH_OK) {
		struct mesh_str one = mesh_str_cut(&s, ',');
		struct mesh_policy_ports ports, *to;

		if (mesh_policy_complain(ps, one,
			mesh_ports_parse(one, &ports)))
			break;
		to = mesh_policy_vec_add(ps, &v, sizeof(*to));
		if (to != NULL)
			*to = ports;
	}
	out->port_count = v.count;
	out->ports = mesh_policy_vec_keep(ps, &v, sizeof(*out->ports));
}

static void
read_src(struct mesh_policy_parse *ps, void *into)
{
	mesh_policy_read_whos(ps, MESH_SELECTOR_SRC,
	    &((struct draft *)into)->srcs);
}

/* The selector of one destination; with ports behind it in an acl. */
static void
read_target(struct mesh_policy_parse *ps, bool grant, struct mesh_str s,
    struct mesh_policy_target *out)
{
	struct mesh_str host = s, ports;
	char buf[MESH_PREFIX_TEXT];

	if (!grant && !mesh_selector_split(s, buf, &host, &ports)) {
		mesh_policy_complain(ps, s, "has no ports: as 'tag:web:443'");
		return;
	}
	if (mesh_policy_complain(ps, host,
		mesh_selector_parse(ps->p, ps->p, MESH_SELECTOR_DST, host,
		    &out->who)))
		return;
	if (!grant)
		read_ports(ps, ports, out);
}

static void
read_dst(struct mesh_policy_parse *ps, void *into)
{
	struct draft *d = into;

	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);
		struct mesh_prefix p;
		struct dst *dst;

		if (mesh_json_err(&ps->j) != MESH_OK)
			return;
		dst = mesh_policy_vec_add(ps, &d->dsts, sizeof(*dst));
		if (dst == NULL)
			return;
		dst->offset = mesh_json_offset(&ps->j);
		dst->is_default =
		    mesh_prefix_parse(mesh_str_trim(s), &p) == MESH_OK &&
		    mesh_prefix_len(&p) == 0;
		read_target(ps, d->grant, s, &dst->target);
	}
}

static void
read_action(struct mesh_policy_parse *ps, void *into)
{
	struct mesh_str s = mesh_json_string(&ps->j);

	(void)into;
	if (mesh_json_err(&ps->j) == MESH_OK && !mesh_str_eq(s, "accept"))
		mesh_policy_complain(ps, s, "is no action: only 'accept' is");
}

static void
read_proto(struct mesh_policy_parse *ps, void *into)
{
	struct mesh_str s = mesh_json_string(&ps->j);

	mesh_policy_complain(ps, s,
	    mesh_proto_parse(s, &((struct draft *)into)->proto));
}

/* "*", "443", "tcp:22-23,80", "icmp:*" */
static void
read_one_ip(struct mesh_policy_parse *ps, struct draft *d, struct mesh_str s)
{
	struct mesh_str ports = s, proto = mesh_str_cut(&ports, ':');
	struct ip ip = {.proto = MESH_POLICY_PROTO_DEFAULT}, *to;

	if (ports.p == NULL)
		ports = s;
	else if (mesh_policy_complain(ps, proto,
		     mesh_proto_parse(proto, &ip.proto)))
		return;
	do {
		struct mesh_str one = mesh_str_cut(&ports, ',');

		if (mesh_policy_complain(ps, one,
			mesh_ports_parse(one, &ip.ports)))
			return;
		to = mesh_policy_vec_add(ps, &d->ips, sizeof(*to));
		if (to != NULL)
			*to = ip;
	} while (ports.p != NULL && mesh_json_err(&ps->j) == MESH_OK);
}

static void
read_ip(struct mesh_policy_parse *ps, void *into)
{
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);

		if (mesh_json_err(&ps->j) != MESH_OK)
			return;
		read_one_ip(ps, into, s);
	}
}

static void
read_app(struct mesh_policy_parse *ps, void *into)
{
	mesh_policy_read_app(ps, &((struct draft *)into)->app);
}

/* --- from a draft to rules */

static struct mesh_policy_rule *
rule_add(struct mesh_policy_parse *ps)
{
	struct mesh_policy *p = ps->p;
	size_t cap = p->rule_cap ? p->rule_cap * 2 : 16;
	void *rules;

	if (p->rule_count == MESH_POLICY_RULES_MAX) {
		mesh_policy_fail(ps, "more than %u rules",
		    MESH_POLICY_RULES_MAX);
		return NULL;
	}
	if (p->rule_count == p->rule_cap) {
		rules = reallocarray(p->rules, cap, sizeof(*p->rules));
		if (rules == NULL) {
			mesh_policy_nomem(ps);
			return NULL;
		}
		p->rules = rules;
		p->rule_cap = cap;
	}
	return &p->rules[p->rule_count++];
}

/* Those destinations of the draft that are autogroup:self, or that are not. A
 * grant brings the ports of all its destinations. */
static void
rule_from(struct mesh_policy_parse *ps, const struct draft *d,
    const struct mesh_policy_rule *like, const struct mesh_policy_target *ports,
    bool self)
{
	const struct dst *dsts = d->dsts.items;
	struct mesh_policy_target *targets;
	struct mesh_policy_rule *rule;

	targets = mesh_arena_calloc(&ps->p->arena, d->dsts.count + 1,
	    sizeof(*targets));
	if (targets == NULL) {
		mesh_policy_nomem(ps);
		return;
	}
	size_t n = 0;
	for (size_t i = 0; i < d->dsts.count; i++) {
		if ((dsts[i].target.who.is == MESH_WHO_IS_SELF) != self)
			continue;
		targets[n] = ports ? *ports : dsts[i].target;
		targets[n++].who = dsts[i].target.who;
	}
	rule = n > 0 ? rule_add(ps) : NULL;
	if (rule == NULL)
		return;
	*rule = *like;
	rule->self = self;
	rule->dsts = targets;
	rule->dst_count = n;
}

static void
rules_from(struct mesh_policy_parse *ps, const struct draft *d,
    const struct mesh_policy_rule *like, const struct mesh_policy_target *ports)
{
	rule_from(ps, d, like, ports, false);
	rule_from(ps, d, like, ports, true);
}

/* autogroup:self needs sources that are people. */
static void
check_self(struct mesh_policy_parse *ps, const struct draft *d)
{
	const struct mesh_policy_who *srcs = d->srcs.items;
	const struct dst *dsts = d->dsts.items;

	for (size_t i = 0; i < d->dsts.count; i++) {
		if (dsts[i].target.who.is != MESH_WHO_IS_SELF)
			continue;
		for (size_t k = 0; k < d->srcs.count; k++)
			if (srcs[k].is != MESH_WHO_IS_USER &&
			    srcs[k].is != MESH_WHO_IS_GROUP &&
			    srcs[k].is != MESH_WHO_IS_MEMBER &&
			    (d->grant || srcs[k].is != MESH_WHO_IS_ANY))
				mesh_policy_fail_at(ps, dsts[i].offset,
				    "'autogroup:self' needs sources that are "
				    "users, groups or autogroup:member");
	}
}

static bool
is_all_ports(const struct mesh_policy_ports *ports)
{
	return ports->first == 0 && ports->last == UINT16_MAX;
}

static void
acl_done(struct mesh_policy_parse *ps, struct draft *d)
{
	const struct dst *dsts = d->dsts.items;
	struct mesh_policy_rule like = {
	    .offset = d->offset, .proto = d->proto, .src_count = d->srcs.count};

	for (size_t i = 0; i < d->dsts.count && !mesh_proto_has_ports(d->proto);
	    i++)
		for (size_t k = 0; k < dsts[i].target.port_count; k++)
			if (!is_all_ports(&dsts[i].target.ports[k]))
				mesh_policy_fail_at(ps, dsts[i].offset,
				    "this protocol has no ports: write '*'");
	check_self(ps, d);
	like.srcs = mesh_policy_vec_keep(ps, &d->srcs, sizeof(*like.srcs));
	rules_from(ps, d, &like, NULL);
}

/* One rule for each protocol among "ip". */
static void
grant_proto(struct mesh_policy_parse *ps, struct draft *d,
    const struct mesh_policy_rule *base, unsigned proto)
{
	const struct ip *ips = d->ips.items;
	struct mesh_policy_target ports = {0};
	struct mesh_policy_rule like = *base;

	ports.ports = mesh_arena_calloc(&ps->p->arena, d->ips.count,
	    sizeof(*ports.ports));
	if (ports.ports == NULL) {
		mesh_policy_nomem(ps);
		return;
	}
	for (size_t i = 0; i < d->ips.count; i++)
		if (ips[i].proto == proto)
			ports.ports[ports.port_count++] = ips[i].ports;
	like.proto = proto;
	rules_from(ps, d, &like, &ports);
}

static void
grant_done(struct mesh_policy_parse *ps, struct draft *d)
{
	const struct dst *dsts = d->dsts.items;
	const struct ip *ips = d->ips.items;
	struct mesh_policy_rule base = {
	    .offset = d->offset, .src_count = d->srcs.count};

	if (d->ips.count == 0 && d->app.json.len == 0)
		mesh_policy_fail_at(ps, d->offset,
		    "'ip' and 'app' of a grant are both empty");
	for (size_t i = 0; i < d->dsts.count; i++)
		if (dsts[i].is_default)
			mesh_policy_fail_at(ps, dsts[i].offset,
			    "a grant cannot name all addresses as a prefix: "
			    "write '*' or 'autogroup:internet'");
	for (size_t i = 0; i < d->dsts.count && d->app.json.len > 0; i++)
		if (dsts[i].target.who.is == MESH_WHO_IS_INTERNET)
			mesh_policy_fail_at(ps, dsts[i].offset,
			    "nobody on the internet knows 'app'");
	for (size_t i = 0; i < d->ips.count; i++)
		if (!mesh_proto_has_ports(ips[i].proto) &&
		    !is_all_ports(&ips[i].ports))
			mesh_policy_fail_at(ps, d->offset,
			    "a protocol in 'ip' has no ports: write '*'");
	check_self(ps, d);
	base.srcs = mesh_policy_vec_keep(ps, &d->srcs, sizeof(*base.srcs));
	for (size_t i = 0; i < d->ips.count; i++) {
		size_t first = 0;

		while (ips[first].proto != ips[i].proto)
			first++;
		if (first == i)
			grant_proto(ps, d, &base, ips[i].proto);
	}
	if (d->app.json.len > 0) {
		base.app = d->app;
		base.proto = MESH_POLICY_PROTO_DEFAULT;
		rules_from(ps, d, &base, &(struct mesh_policy_target){0});
	}
}

/* --- the lists */

static const struct mesh_policy_member acl_members[] = {
	{"src", read_src},
	{"dst", read_dst},
	{"action", read_action},
	{"proto", read_proto},
	{"srcPosture", NULL},
	{"users", NULL},
	{"ports", NULL},
};

static const struct mesh_policy_member grant_members[] = {
	{"src", read_src},
	{"dst", read_dst},
	{"ip", read_ip},
	{"app", read_app},
	{"via", NULL},
	{"srcPosture", NULL},
};

/* The first three members of either; of a grant two and 'ip' or 'app'. */
#define NEED_ALL 7u
#define NEED_BOTH 3u

static void
read_entry(struct mesh_policy_parse *ps, bool grant)
{
	struct draft d = {.grant = grant, .proto = MESH_POLICY_PROTO_DEFAULT};
	unsigned seen;

	(void)mesh_json_peek(&ps->j);
	d.offset = mesh_json_offset(&ps->j);
	if (grant)
		seen = mesh_policy_read_object(ps, grant_members,
		    sizeof(grant_members) / sizeof(*grant_members), &d);
	else
		seen = mesh_policy_read_object(ps, acl_members,
		    sizeof(acl_members) / sizeof(*acl_members), &d);
	if (grant ? (seen & NEED_BOTH) != NEED_BOTH || seen == NEED_BOTH
		  : (seen & NEED_ALL) != NEED_ALL)
		mesh_policy_fail_at(ps, d.offset,
		    grant ? "a grant needs 'src', 'dst' and 'ip' or 'app'"
			  : "an acl needs 'action', 'src' and 'dst'");
	if (mesh_json_err(&ps->j) == MESH_OK) {
		if (grant)
			grant_done(ps, &d);
		else
			acl_done(ps, &d);
	}
	draft_release(&d);
}

static void
read_entries(struct mesh_policy_parse *ps, bool grant)
{
	if (mesh_json_null(&ps->j))
		return;
	ps->has_rules = true;
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j))
		read_entry(ps, grant);
}

void
mesh_policy_read_acls(struct mesh_policy_parse *ps)
{
	read_entries(ps, false);
}

void
mesh_policy_read_grants(struct mesh_policy_parse *ps)
{
	read_entries(ps, true);
}
