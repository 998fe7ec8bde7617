/* SPDX-License-Identifier: ISC
 * node_filter.c - the rules that one node is told: those whose destinations are
 * the node, its routes, or the internet behind it (services.md 6.8, step 7).
 */
#include "policy/policy_int.h"

#define SELF_MAX 65536u /* addresses of one user's nodes */

/* Where the rules go: into a text, or only into a number that stands for it. */
struct sink {
	struct mesh_jw *w; /* NULL: no text */
	uint64_t mark;
};

static void
emit(struct sink *s, const struct mesh_range *r, /* NULL: everything */
    const struct mesh_policy_ports *ports)
{
	char text[MESH_RANGE_TEXT];

	if (s->w == NULL) {
		s->mark = mesh_policy_mark(s->mark, r, r ? sizeof(*r) : 0);
		s->mark = mesh_policy_mark(s->mark, ports, sizeof(*ports));
		return;
	}
	mesh_jw_object(s->w);
	mesh_jw_name(s->w, "IP");
	mesh_jw_string(s->w, r ? mesh_range_format(r, text) : "*");
	mesh_jw_name(s->w, "Ports");
	mesh_jw_object(s->w);
	mesh_jw_name(s->w, "First");
	mesh_jw_uint(s->w, ports->first);
	mesh_jw_name(s->w, "Last");
	mesh_jw_uint(s->w, ports->last);
	mesh_jw_end_object(s->w);
	mesh_jw_end_object(s->w);
}

static void
emit_ports(struct sink *s, const struct mesh_range *r,
    const struct mesh_policy_target *t)
{
	for (size_t i = 0; i < t->port_count; i++)
		emit(s, r, &t->ports[i]);
}

static void
emit_target(struct sink *s, const struct mesh_policy_target *t,
    const struct mesh_policy_node *n)
{
	const struct mesh_ranges *net = &n->world->internet;

	switch (t->who.is) {
	case MESH_WHO_IS_ANY:
		emit_ports(s, NULL, t);
		break;
	case MESH_WHO_IS_RANGE:
		emit_ports(s, &t->who.range, t);
		break;
	case MESH_WHO_IS_INTERNET:
		for (size_t i = 0; i < net->count; i++)
			if (mesh_policy_serves(n, &net->items[i]))
				emit_ports(s, &net->items[i], t);
		break;
	default:
		for (size_t i = 0; i < n->address_count; i++)
			emit_ports(s,
			    &(struct mesh_range){n->addresses[i],
				n->addresses[i]},
			    t);
	}
}

static void
emit_targets(struct sink *s, const struct mesh_policy_node *n, size_t rule)
{
	const struct mesh_policy_rule *r = &n->world->policy->rules[rule];

	for (size_t i = 0; i < r->dst_count; i++)
		if (mesh_who_is_target(&r->dsts[i].who, n))
			emit_target(s, &r->dsts[i], n);
}

/* The same user's nodes that the rule names. */
static void
self_sources(const struct mesh_policy_node *n, size_t rule,
    struct mesh_ranges *out)
{
	const struct mesh_list *nodes = &n->user->nodes;

	for (const struct mesh_list *i = nodes->next; i != nodes; i = i->next) {
		const struct mesh_policy_node *peer = MESH_CONTAINER(i,
		    const struct mesh_policy_node, by_user);

		for (size_t k = 0;
		    mesh_bit_has(peer->src, rule) && k < peer->address_count;
		    k++)
			mesh_ranges_add(out,
			    &(struct mesh_range){peer->addresses[k],
				peer->addresses[k]});
	}
	mesh_ranges_sort(out);
}

/* The frame of a FilterRule around its destinations. */
static void
rule_open(struct sink *s, struct mesh_str sources)
{
	if (s->w == NULL)
		return;
	mesh_jw_object(s->w);
	mesh_jw_name(s->w, "SrcIPs");
	mesh_jw_raw(s->w, sources);
	mesh_jw_name(s->w, "DstPorts");
	mesh_jw_array(s->w);
}

static void
rule_close(struct sink *s, unsigned proto)
{
	s->mark = mesh_policy_mark(s->mark, &proto, sizeof(proto));
	if (s->w == NULL)
		return;
	mesh_jw_end_array(s->w);
	if (proto != MESH_POLICY_PROTO_DEFAULT) {
		mesh_jw_name(s->w, "IPProto");
		mesh_jw_array(s->w);
		mesh_jw_uint(s->w, proto);
		mesh_jw_end_array(s->w);
	}
	mesh_jw_end_object(s->w);
}

static void
write_self_rule(struct sink *s, const struct mesh_policy_node *n, size_t rule)
{
	struct mesh_ranges sources;
	struct mesh_buf json;
	struct mesh_jw jw;

	mesh_ranges_init(&sources, SELF_MAX);
	mesh_buf_init(&json, SELF_MAX * MESH_RANGE_TEXT);
	self_sources(n, rule, &sources);
	if (sources.count > 0) {
		s->mark = mesh_policy_mark(s->mark, sources.items,
		    sources.count * sizeof(*sources.items));
		mesh_jw_init(&jw, &json, false);
		if (s->w != NULL)
			mesh_policy_sources_write(&jw, false, &sources);
		rule_open(s, (struct mesh_str){(const char *)json.data,
				 json.len});
		emit_targets(s, n, rule);
		rule_close(s, n->world->policy->rules[rule].proto);
	}
	mesh_ranges_release(&sources);
	mesh_buf_release(&json);
}

/* Can the two stand in one FilterRule? */
static bool
rules_merge(struct mesh_policy_world *w, size_t a, size_t b)
{
	const struct mesh_policy_rule *rules = w->policy->rules;
	const struct mesh_policy_sources *x, *y;

	if (rules[a].app.json.len > 0 || rules[b].app.json.len > 0 ||
	    rules[a].self || rules[b].self || rules[a].proto != rules[b].proto)
		return false;
	x = mesh_policy_rule_sources(w, a);
	y = mesh_policy_rule_sources(w, b);
	return x->mark == y->mark && x->any == y->any &&
	    mesh_ranges_eq(&x->ranges, &y->ranges);
}

/* Rule `first` and those behind it that merge with it. */
static void
write_rule(struct sink *s, const struct mesh_policy_node *n, size_t first,
    uint64_t *done)
{
	struct mesh_policy_world *w = n->world;
	const struct mesh_policy_sources *src =
	    mesh_policy_rule_sources(w, first);

	if (src->ranges.count == 0 && !src->any)
		return; /* nobody may send by it */
	s->mark = mesh_policy_mark(s->mark, &src->mark, sizeof(src->mark));
	if (s->w != NULL)
		rule_open(s, mesh_policy_sources_json(w, first));
	for (size_t i = first; i < w->policy->rule_count; i++) {
		if (!mesh_bit_has(n->dst, i) || mesh_bit_has(done, i) ||
		    !rules_merge(w, first, i))
			continue;
		mesh_bit_set(done, i);
		emit_targets(s, n, i);
	}
	rule_close(s, w->policy->rules[first].proto);
}

static void
write_open(struct sink *s)
{
	static const struct mesh_policy_ports all = {0, UINT16_MAX};

	rule_open(s, MESH_STR("[\"*\"]"));
	emit(s, NULL, &all);
	rule_close(s, MESH_POLICY_PROTO_DEFAULT);
}

/* Capabilities are few: their number is that of their text. */
static void
write_app(struct sink *s, struct mesh_policy_node *n, size_t rule)
{
	struct mesh_buf text;
	struct mesh_jw w;

	if (s->w != NULL) {
		mesh_policy_app_write(n, rule, s->w);
		return;
	}
	mesh_buf_init(&text, SELF_MAX * MESH_RANGE_TEXT);
	mesh_jw_init(&w, &text, false);
	mesh_policy_app_write(n, rule, &w);
	s->mark = mesh_policy_mark(s->mark, text.data, text.len);
	mesh_buf_release(&text);
}

static void
filter_walk(struct sink *s, struct mesh_policy_node *n)
{
	uint64_t done[MESH_POLICY_RULES_MAX / 64 + 1] = {0};
	const struct mesh_policy *p = n->world->policy;

	if (p->open) {
		write_open(s);
		return;
	}
	for (size_t i = 0; i < p->rule_count; i++) {
		if (p->rules[i].app.json.len > 0) {
			write_app(s, n, i);
			continue;
		}
		if (!mesh_bit_has(n->dst, i) || mesh_bit_has(done, i))
			continue;
		if (p->rules[i].self)
			write_self_rule(s, n, i);
		else
			write_rule(s, n, i, done);
	}
}

void
mesh_policy_filter_write(struct mesh_policy_node *n, struct mesh_jw *w)
{
	struct sink s = {.w = w, .mark = MESH_POLICY_MARK};

	mesh_jw_array(w);
	filter_walk(&s, n);
	mesh_jw_end_array(w);
}

uint64_t
mesh_policy_filter_mark(struct mesh_policy_node *n)
{
	struct sink s = {.mark = MESH_POLICY_MARK};

	filter_walk(&s, n);
	return s.mark;
}
