/* SPDX-License-Identifier: ISC
 * visible.c - who is told of whom, and of which routes.
 */
#include "policy/policy_int.h"

/* A rule that lets a send to b. */
static bool
may_reach(const struct mesh_policy_node *a, const struct mesh_policy_node *b)
{
	const struct mesh_policy_world *w = a->world;
	bool same = a->user != NULL && a->user == b->user;

	for (size_t i = 0; i < w->words; i++) {
		uint64_t both = a->src[i] & b->dst[i];

		if ((same ? both : both & ~w->self[i]) != 0)
			return true;
	}
	return false;
}

bool
mesh_policy_visible_kind(const struct mesh_policy_node *a,
    const struct mesh_policy_node *b)
{
	return a->world->policy->open || may_reach(a, b) || may_reach(b, a);
}

bool
mesh_policy_visible(const struct mesh_policy_node *a,
    const struct mesh_policy_node *b)
{
	return a == b || mesh_policy_visible_kind(a, b);
}

bool
mesh_policy_alike(const struct mesh_policy_node *a,
    const struct mesh_policy_node *b)
{
	size_t len = a->world->words * sizeof(uint64_t);

	return a->user == b->user && (len == 0 ||
	    (memcmp(a->src, b->src, len) == 0 &&
		memcmp(a->dst, b->dst, len) == 0));
}

/* Capabilities are those of nodes, not of what they serve; but a companion, which
 * goes the other way, has what they serve among its sources. */
static bool
has_companion(const struct mesh_policy_app *app)
{
	for (size_t i = 0; i < MESH_POLICY_COMPANIONS; i++)
		if (app->companions[i] != NULL)
			return true;
	return false;
}

/* Does a destination of the rule lie behind the route? */
static bool
rule_to_route(const struct mesh_policy_world *w,
    const struct mesh_policy_rule *rule, const struct mesh_range *route,
    bool is_default)
{
	for (size_t i = 0; i < rule->dst_count; i++) {
		const struct mesh_policy_who *who = &rule->dsts[i].who;

		if (who->is == MESH_WHO_IS_ANY &&
		    (rule->app.json.len == 0 || has_companion(&rule->app) ||
			mesh_ranges_overlap(&w->mesh, route)))
			return true;
		if (who->is == MESH_WHO_IS_INTERNET &&
		    (is_default || mesh_ranges_overlap(&w->internet, route)))
			return true;
		if (who->is == MESH_WHO_IS_RANGE && !is_default &&
		    mesh_range_overlaps(&who->range, route))
			return true;
		if (is_default && who->is == MESH_WHO_IS_RANGE &&
		    mesh_range_covers(&who->range, route))
			return true;
	}
	return false;
}

static bool
rule_from_route(const struct mesh_policy_rule *rule,
    const struct mesh_range *route)
{
	for (size_t i = 0; i < rule->src_count; i++) {
		const struct mesh_policy_who *who = &rule->srcs[i];

		if (who->is == MESH_WHO_IS_ANY ||
		    who->is == MESH_WHO_IS_DANGER_ALL ||
		    (who->is == MESH_WHO_IS_RANGE &&
			mesh_range_overlaps(&who->range, route)))
			return true;
	}
	return false;
}

bool
mesh_policy_route_visible(const struct mesh_policy_node *viewer,
    const struct mesh_policy_node *owner, const struct mesh_prefix *route)
{
	const struct mesh_policy *p = viewer->world->policy;
	struct mesh_range range = mesh_range_of(route);
	bool is_default = mesh_prefix_len(route) == 0;

	if (p->open || viewer == owner)
		return true;
	for (size_t i = 0; i < p->rule_count; i++) {
		if (p->rules[i].self)
			continue;
		if (mesh_bit_has(viewer->src, i) &&
		    rule_to_route(viewer->world, &p->rules[i], &range,
			is_default))
			return true;
		if (!is_default && mesh_bit_has(viewer->dst, i) &&
		    rule_from_route(&p->rules[i], &range))
			return true;
	}
	return false;
}
