/* SPDX-License-Identifier: ISC
 * sources.c - the addresses that a rule allows, made once for all nodes that are
 * told of it.
 */
#include "policy/policy_int.h"

#define SOURCES_MAX (MESH_POLICY_NODES_MAX * 4u)    /* ranges of one rule */
#define JSON_MAX (SOURCES_MAX * MESH_RANGE_TEXT)    /* bytes of their text */

uint64_t
mesh_policy_mark(uint64_t mark, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		mark = (mark ^ b[i]) * UINT64_C(1099511628211);
	return mark;
}

static void
add_node(struct mesh_ranges *s, const struct mesh_policy_node *n)
{
	for (size_t i = 0; i < n->address_count; i++)
		mesh_ranges_add(s,
		    &(struct mesh_range){n->addresses[i], n->addresses[i]});
}

void
mesh_policy_add_any(struct mesh_ranges *s, const struct mesh_policy_world *w)
{
	mesh_ranges_add_set(s, &w->mesh);
	for (struct mesh_list *i = w->nodes.next; i != &w->nodes; i = i->next) {
		const struct mesh_policy_node *n =
		    MESH_CONTAINER(i, struct mesh_policy_node, by_world);

		for (size_t k = 0; k < n->route_count; k++)
			mesh_ranges_add_prefix(s, &n->routes[k]);
	}
}

static void
sources_make(struct mesh_policy_world *w, size_t index)
{
	const struct mesh_policy_rule *rule = &w->policy->rules[index];
	struct mesh_policy_sources *s = &w->sources[index];
	bool members = false;

	mesh_ranges_release(&s->ranges);
	mesh_ranges_init(&s->ranges, SOURCES_MAX);
	s->any = false;
	for (size_t i = 0; i < rule->src_count; i++) {
		const struct mesh_policy_who *who = &rule->srcs[i];

		members |= mesh_who_is_identity(who);
		s->any |= who->is == MESH_WHO_IS_DANGER_ALL;
		if (who->is == MESH_WHO_IS_ANY)
			mesh_policy_add_any(&s->ranges, w);
		else if (who->is == MESH_WHO_IS_RANGE)
			mesh_ranges_add(&s->ranges, &who->range);
	}
	for (struct mesh_list *i = w->nodes.next; members && i != &w->nodes;
	    i = i->next) {
		const struct mesh_policy_node *n =
		    MESH_CONTAINER(i, struct mesh_policy_node, by_world);

		if (mesh_bit_has(n->member, index))
			add_node(&s->ranges, n);
	}
	mesh_ranges_sort(&s->ranges);
	s->mark = mesh_policy_mark(MESH_POLICY_MARK, s->ranges.items,
	    s->ranges.count * sizeof(*s->ranges.items));
	s->mark = mesh_policy_mark(s->mark, &s->any, sizeof(s->any));
	mesh_buf_release(&s->json);
	mesh_buf_init(&s->json, JSON_MAX);
	s->fresh = true;
}

const struct mesh_policy_sources *
mesh_policy_rule_sources(struct mesh_policy_world *w, size_t rule)
{
	if (!w->sources[rule].fresh)
		sources_make(w, rule);
	return &w->sources[rule];
}

void
mesh_policy_sources_write(struct mesh_jw *w, bool any,
    const struct mesh_ranges *ranges)
{
	mesh_jw_array(w);
	if (any)
		mesh_jw_string(w, "*");
	for (size_t i = 0; !any && i < ranges->count; i++) {
		char text[MESH_RANGE_TEXT];

		mesh_jw_string(w, mesh_range_format(&ranges->items[i], text));
	}
	mesh_jw_end_array(w);
}

struct mesh_str
mesh_policy_sources_json(struct mesh_policy_world *w, size_t rule)
{
	struct mesh_policy_sources *s = &w->sources[rule];
	struct mesh_jw jw;

	if (s->json.len == 0) {
		mesh_jw_init(&jw, &s->json, false);
		mesh_policy_sources_write(&jw, s->any, &s->ranges);
	}
	return (struct mesh_str){(const char *)s->json.data, s->json.len};
}
