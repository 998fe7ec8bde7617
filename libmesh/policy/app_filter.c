/* SPDX-License-Identifier: ISC
 * app_filter.c - capabilities that a node is told its peers have with it, and
 * their companions, which go the other way (services.md 6.6, 6.8).
 */
#include "policy/policy_int.h"

#define RANGES_MAX 65536u
#define JSON_MAX (RANGES_MAX * MESH_RANGE_TEXT)

/* --- Dsts: the addresses of the node that these selectors name; a network that
 * a route of the node lies in, or in which it lies, as it is. */

static void
write_prefix(struct mesh_jw *w, const struct mesh_prefix *p, size_t *count)
{
	char text[MESH_PREFIX_TEXT];

	mesh_jw_string(w, mesh_prefix_format(p, text));
	++*count;
}

static bool
who_has(const struct mesh_policy_who *who, const struct mesh_policy_node *n,
    const struct mesh_ip *ip)
{
	if (who->is == MESH_WHO_IS_ANY || who->is == MESH_WHO_IS_DANGER_ALL)
		return true;
	if (who->is == MESH_WHO_IS_RANGE)
		return mesh_range_has(&who->range, ip);
	return mesh_who_names(who, n);
}

static void
write_routed(struct mesh_jw *w, const struct mesh_policy_who *who,
    const struct mesh_policy_node *n, size_t *count)
{
	char text[MESH_RANGE_TEXT];

	for (size_t i = 0; i < n->route_count; i++) {
		struct mesh_range route = mesh_range_of(&n->routes[i]);

		if (!mesh_range_overlaps(&who->range, &route))
			continue;
		mesh_range_format(&who->range, text);
		if (strchr(text, '/') != NULL) {
			mesh_jw_string(w, text);
			++*count;
		} else {
			struct mesh_prefix one = mesh_prefix_of(&who->range.lo);

			write_prefix(w, &one, count);
		}
		return;
	}
}

/* Returns how many it wrote. whos are `stride` bytes apart. */
static size_t
write_dsts(struct mesh_jw *w, const struct mesh_policy_who *whos,
    size_t who_count, size_t stride, const struct mesh_policy_node *n)
{
	size_t count = 0;

	mesh_jw_array(w);
	for (size_t i = 0; i < n->address_count; i++)
		for (size_t k = 0; k < who_count; k++) {
			const struct mesh_policy_who *who =
			    (const void *)((const char *)whos + k * stride);
			struct mesh_prefix one =
			    mesh_prefix_of(&n->addresses[i]);

			if (!who_has(who, n, &n->addresses[i]))
				continue;
			write_prefix(w, &one, &count);
			break;
		}
	for (size_t k = 0; k < who_count; k++) {
		const struct mesh_policy_who *who =
		    (const void *)((const char *)whos + k * stride);

		if (who->is == MESH_WHO_IS_RANGE)
			write_routed(w, who, n, &count);
	}
	mesh_jw_end_array(w);
	return count;
}

/* --- SrcIPs */

static void
add_addresses(struct mesh_ranges *s, const struct mesh_policy_node *n)
{
	for (size_t i = 0; i < n->address_count; i++)
		mesh_ranges_add(s,
		    &(struct mesh_range){n->addresses[i], n->addresses[i]});
}

static bool
is_peer(const struct mesh_policy_rule *rule, const struct mesh_policy_node *n,
    const struct mesh_policy_node *peer)
{
	return !rule->self || (n->user != NULL && n->user == peer->user);
}

/* Who has the capability with n. */
static void
sources_of(const struct mesh_policy_node *n, size_t rule,
    struct mesh_ranges *out)
{
	const struct mesh_policy_world *w = n->world;

	for (struct mesh_list *i = w->nodes.next; i != &w->nodes; i = i->next) {
		const struct mesh_policy_node *peer =
		    MESH_CONTAINER(i, struct mesh_policy_node, by_world);

		if (mesh_bit_has(peer->src, rule) &&
		    is_peer(&w->policy->rules[rule], n, peer))
			add_addresses(out, peer);
	}
}

/* With whom n has the capability. */
static void
targets_of(const struct mesh_policy_node *n, size_t rule,
    struct mesh_ranges *out)
{
	const struct mesh_policy_world *w = n->world;
	const struct mesh_policy_rule *r = &w->policy->rules[rule];

	for (size_t k = 0; k < r->dst_count; k++) {
		const struct mesh_policy_who *who = &r->dsts[k].who;

		if (who->is == MESH_WHO_IS_RANGE)
			mesh_ranges_add(out, &who->range);
		if (who->is == MESH_WHO_IS_ANY)
			mesh_policy_add_any(out, w);
		if (!mesh_who_is_identity(who))
			continue;
		for (struct mesh_list *i = w->nodes.next; i != &w->nodes;
		     i = i->next) {
			const struct mesh_policy_node *peer = MESH_CONTAINER(i,
			    struct mesh_policy_node, by_world);

			if (mesh_who_names(who, peer) && is_peer(r, n, peer))
				add_addresses(out, peer);
		}
	}
}

/* --- rules */

/* Writes nothing when no address of n is meant. dsts: JSON. */
static void
write_grant(struct mesh_jw *w, struct mesh_str sources, struct mesh_str dsts,
    struct mesh_str caps)
{
	mesh_jw_object(w);
	mesh_jw_name(w, "SrcIPs");
	mesh_jw_raw(w, sources);
	mesh_jw_name(w, "CapGrant");
	mesh_jw_array(w);
	mesh_jw_object(w);
	mesh_jw_name(w, "Dsts");
	mesh_jw_raw(w, dsts);
	mesh_jw_name(w, "CapMap");
	mesh_jw_raw(w, caps);
	mesh_jw_end_object(w);
	mesh_jw_end_array(w);
	mesh_jw_end_object(w);
}

static struct mesh_str
text_of(const struct mesh_buf *b)
{
	return (struct mesh_str){(const char *)b->data, b->len};
}

static void
write_granted(struct mesh_policy_node *n, size_t rule, struct mesh_jw *w)
{
	const struct mesh_policy_rule *r = &n->world->policy->rules[rule];
	struct mesh_ranges sources;
	struct mesh_buf dsts, json;
	struct mesh_jw dw, sw;

	mesh_ranges_init(&sources, RANGES_MAX);
	mesh_buf_init(&dsts, JSON_MAX);
	mesh_buf_init(&json, JSON_MAX);
	mesh_jw_init(&dw, &dsts, false);
	mesh_jw_init(&sw, &json, false);
	if (write_dsts(&dw, &r->dsts->who, r->dst_count, sizeof(*r->dsts), n) >
	    0) {
		if (r->self) {
			sources_of(n, rule, &sources);
			mesh_ranges_sort(&sources);
			mesh_policy_sources_write(&sw, false, &sources);
			write_grant(w, text_of(&json), text_of(&dsts),
			    r->app.json);
		} else {
			(void)mesh_policy_rule_sources(n->world, rule);
			write_grant(w, mesh_policy_sources_json(n->world, rule),
			    text_of(&dsts), r->app.json);
		}
	}
	mesh_ranges_release(&sources);
	mesh_buf_release(&dsts);
	mesh_buf_release(&json);
}

static void
write_companion(const struct mesh_policy_node *n, size_t rule,
    const char *companion, struct mesh_jw *w)
{
	const struct mesh_policy_rule *r = &n->world->policy->rules[rule];
	struct mesh_ranges targets;
	struct mesh_buf dsts, json, caps;
	struct mesh_jw dw, sw;

	mesh_ranges_init(&targets, RANGES_MAX);
	mesh_buf_init(&dsts, JSON_MAX);
	mesh_buf_init(&json, JSON_MAX);
	mesh_buf_init(&caps, 256);
	mesh_jw_init(&dw, &dsts, false);
	mesh_jw_init(&sw, &json, false);
	targets_of(n, rule, &targets);
	mesh_ranges_sort(&targets);
	if (write_dsts(&dw, r->srcs, r->src_count, sizeof(*r->srcs), n) > 0 &&
	    targets.count > 0) {
		mesh_policy_sources_write(&sw, false, &targets);
		mesh_buf_printf(&caps, "{\"%s\":null}", companion);
		write_grant(w, text_of(&json), text_of(&dsts), text_of(&caps));
	}
	mesh_ranges_release(&targets);
	mesh_buf_release(&dsts);
	mesh_buf_release(&json);
	mesh_buf_release(&caps);
}

void
mesh_policy_app_write(struct mesh_policy_node *n, size_t rule,
    struct mesh_jw *w)
{
	const struct mesh_policy_rule *r = &n->world->policy->rules[rule];

	if (r->self && n->user == NULL)
		return;
	if (mesh_bit_has(n->dst, rule))
		write_granted(n, rule, w);
	for (size_t i = 0; i < MESH_POLICY_COMPANIONS; i++)
		if (r->app.companions[i] != NULL && mesh_bit_has(n->src, rule))
			write_companion(n, rule, r->app.companions[i], w);
}
