/* SPDX-License-Identifier: ISC
 * check.c - questions to a policy: may this one reach that one?
 */
#include <stdlib.h>

#include "policy/policy_int.h"

#define TCP 6u
#define UDP 17u
#define ICMP4 1u
#define ICMP6 58u

/* One end of a question: a node, one address of a node, or addresses of nobody.
 */
struct point {
	const struct mesh_policy_node *node;
	bool by_address;
	struct mesh_range range; /* by_address, or no node */
};

/* --- one rule */

static bool
point_in(const struct point *p, const struct mesh_range *r)
{
	if (p->node == NULL || p->by_address)
		return mesh_range_covers(r, &p->range);
	for (size_t i = 0; i < p->node->address_count; i++)
		if (mesh_range_has(r, &p->node->addresses[i]))
			return true;
	return false;
}

static bool
point_in_routes(const struct point *p, const struct mesh_policy_world *w)
{
	for (struct mesh_list *i = w->nodes.next; i != &w->nodes; i = i->next) {
		const struct mesh_policy_node *n =
		    MESH_CONTAINER(i, struct mesh_policy_node, by_world);

		for (size_t k = 0; k < n->route_count; k++) {
			struct mesh_range r = mesh_range_of(&n->routes[k]);

			if (mesh_range_covers(&r, &p->range))
				return true;
		}
	}
	return false;
}

static bool
source_is(const struct mesh_policy_world *w, const struct mesh_policy_who *who,
    const struct point *p)
{
	switch (who->is) {
	case MESH_WHO_IS_DANGER_ALL:
		return true;
	case MESH_WHO_IS_ANY:
		return p->node != NULL ||
		    mesh_ranges_cover(&w->mesh, &p->range) ||
		    point_in_routes(p, w);
	case MESH_WHO_IS_RANGE:
		return point_in(p, &who->range);
	default:
		return p->node != NULL && mesh_who_names(who, p->node);
	}
}

static bool
target_is(const struct mesh_policy_world *w, const struct mesh_policy_who *who,
    const struct point *src, const struct point *dst)
{
	switch (who->is) {
	case MESH_WHO_IS_ANY:
		return true;
	case MESH_WHO_IS_RANGE:
		return point_in(dst, &who->range);
	case MESH_WHO_IS_INTERNET:
		return dst->node == NULL &&
		    mesh_ranges_cover(&w->internet, &dst->range);
	case MESH_WHO_IS_SELF:
		return src->node && dst->node && src->node->user != NULL &&
		    src->node->user == dst->node->user;
	default:
		return dst->node != NULL && mesh_who_names(who, dst->node);
	}
}

enum family {
	ANY_FAMILY, /* the question names no address */
	FAMILY4,
	FAMILY6,
	NO_FAMILY, /* one end of each: no packet is like that */
};

static enum family
point_family(const struct point *p)
{
	if (p->node != NULL && !p->by_address)
		return ANY_FAMILY;
	return mesh_ip_is4(&p->range.lo) ? FAMILY4 : FAMILY6;
}

static enum family
common_family(const struct point *src, const struct point *dst)
{
	enum family a = point_family(src), b = point_family(dst);

	if (a == ANY_FAMILY || a == b)
		return b;
	return b == ANY_FAMILY ? a : NO_FAMILY;
}

/* ICMP of the packet's family comes along with whatever is allowed
 * (services.md 6.5). */
static bool
comes_along(unsigned proto, enum family family)
{
	return (proto == ICMP4 && family != FAMILY6) ||
	       (proto == ICMP6 && family != FAMILY4);
}

static bool
is_default_proto(unsigned proto)
{
	return proto == TCP || proto == UDP || proto == ICMP4 ||
	       proto == ICMP6 || proto == MESH_POLICY_PROTO_DEFAULT;
}

static bool
proto_fits(unsigned of_rule, unsigned proto)
{
	if (of_rule == proto)
		return true;
	return (of_rule == MESH_POLICY_PROTO_DEFAULT ||
		   proto == MESH_POLICY_PROTO_DEFAULT) &&
	       is_default_proto(of_rule) && is_default_proto(proto);
}

static bool
port_fits(const struct mesh_policy_target *t,
    const struct mesh_policy_question *q)
{
	bool ports = mesh_proto_has_ports(q->proto);

	for (size_t i = 0; i < t->port_count; i++) {
		const struct mesh_policy_ports *p = &t->ports[i];

		if (ports ? q->any_port ||
				(p->first <= q->port && q->port <= p->last)
			  : p->first == 0 && p->last == UINT16_MAX)
			return true;
	}
	return false;
}

static bool
rule_allows(const struct mesh_policy_world *w,
    const struct mesh_policy_rule *rule, const struct mesh_policy_question *q,
    const struct point *src, const struct point *dst)
{
	bool along = comes_along(q->proto, common_family(src, dst)),
	     from = false;

	if (rule->app.json.len > 0)
		return false; /* lets no packet through */
	if (!along && !proto_fits(rule->proto, q->proto))
		return false;
	for (size_t i = 0; i < rule->src_count && !from; i++)
		from = source_is(w, &rule->srcs[i], src);
	for (size_t i = 0; i < rule->dst_count && from; i++)
		if (target_is(w, &rule->dsts[i].who, src, dst) &&
		    (along || port_fits(&rule->dsts[i], q)))
			return true;
	return false;
}

/* --- all points of a question */

static struct mesh_policy_node *
next_node(const struct mesh_policy_world *w, const struct mesh_list **at)
{
	*at = (*at)->next;
	if (*at == &w->nodes)
		return NULL;
	return MESH_CONTAINER(*at, struct mesh_policy_node, by_world);
}

static bool
end_names(const struct mesh_policy_who *who, struct mesh_str user,
    const struct mesh_policy_node *n)
{
	if (who->is == MESH_WHO_IS_USER)
		return n->user != NULL && mesh_policy_user_is(n->user, user);
	if (who->is == MESH_WHO_IS_RANGE) {
		for (size_t i = 0; i < n->address_count; i++)
			if (!memcmp(&who->range.lo, &who->range.hi,
				sizeof(who->range.lo)) &&
			    mesh_ip_eq(&n->addresses[i], &who->range.lo))
				return true;
		return false;
	}
	return mesh_who_names(who, n);
}

/* The i-th point of an end: nodes first; addresses that no node has are one. */
static size_t
end_points(const struct mesh_policy_world *w,
    const struct mesh_policy_who *who, struct mesh_str user,
    struct point **out)
{
	const struct mesh_list *at = &w->nodes;
	struct mesh_policy_node *n;
	size_t count = 0;
	struct point *points = calloc(w->node_ids.count + 1, sizeof(*points));

	while (points != NULL && (n = next_node(w, &at)) != NULL)
		if (end_names(who, user, n))
			points[count++] = (struct point){
			    n, who->is == MESH_WHO_IS_RANGE, who->range};
	if (points != NULL && count == 0 && who->is == MESH_WHO_IS_RANGE)
		points[count++].range = who->range;
	*out = points;
	return count;
}

static bool
pair_allowed(struct mesh_policy_world *w,
    const struct mesh_policy_question *q, const struct point *src,
    const struct point *dst, size_t *out_offset)
{
	const struct mesh_policy *p = w->policy;

	if (common_family(src, dst) == NO_FAMILY)
		return false;
	if (p->open)
		return proto_fits(MESH_POLICY_PROTO_DEFAULT, q->proto);
	for (size_t i = 0; i < p->rule_count; i++)
		if (rule_allows(w, &p->rules[i], q, src, dst)) {
			*out_offset = p->rules[i].offset;
			return true;
		}
	return false;
}

int
mesh_policy_ask(struct mesh_policy_world *w,
    const struct mesh_policy_question *q, struct mesh_policy_verdict *out)
{
	struct point *srcs, *dsts;
	size_t src_count = end_points(w, &q->src, q->src_user, &srcs);
	size_t dst_count = end_points(w, &q->dst, q->dst_user, &dsts);
	struct mesh_policy_verdict v = {.allowed = true};
	size_t offset = 0;
	unsigned column;
	int err = MESH_OK;

	if (srcs == NULL || dsts == NULL)
		err = MESH_ERR_NOMEM;
	else if (src_count == 0 || dst_count == 0)
		err = MESH_ERR_NOTFOUND;
	for (size_t i = 0; i < src_count && err == MESH_OK; i++)
		for (size_t k = 0; k < dst_count && v.allowed; k++)
			v.allowed = pair_allowed(w, q, &srcs[i], &dsts[k],
			    &offset);
	if (err == MESH_OK) {
		if (v.allowed && !w->policy->open)
			mesh_json_locate(w->policy->text, offset, &v.line,
			    &column);
		*out = v;
	}
	free(srcs);
	free(dsts);
	return err;
}

/* --- from texts */

static int
parse_end(struct mesh_policy_world *w, struct mesh_str s,
    struct mesh_policy_who *who, struct mesh_str *user, struct mesh_diag *diag)
{
	const char *wrong = mesh_selector_parse(w->policy, NULL,
	    MESH_SELECTOR_PROBE, s, who);

	if (wrong != NULL)
		return mesh_fail(diag, MESH_ERR_FORMAT, "'%.*s' %s",
		    MESH_STR_ARG(s), wrong);
	*user = mesh_str_trim(s);
	if (w->imagining && who->is == MESH_WHO_IS_USER)
		return mesh_policy_imagine_user(w, *user);
	return MESH_OK;
}

/* A port only where the whole is no address of IPv6. */
static bool
has_port(struct mesh_str s, char buf[static MESH_PREFIX_TEXT],
    struct mesh_str *out_host, struct mesh_policy_ports *out)
{
	struct mesh_str host, ports;
	struct mesh_ip ip;

	if (mesh_ip_parse(s, &ip) == MESH_OK ||
	    !mesh_selector_split(s, buf, &host, &ports) ||
	    mesh_ports_parse(ports, out) != NULL)
		return false;
	*out_host = host;
	return true;
}

int
mesh_policy_check(struct mesh_policy_world *w, const char *src,
    const char *dst, const char *proto, struct mesh_policy_verdict *out,
    struct mesh_diag *diag)
{
	struct mesh_policy_question q = {.any_port = true};
	struct mesh_str host = mesh_str(dst);
	struct mesh_policy_ports ports;
	char buf[MESH_PREFIX_TEXT];
	const char *wrong = mesh_proto_parse(mesh_str(proto), &q.proto);
	int err;

	if (wrong != NULL)
		return mesh_fail(diag, MESH_ERR_FORMAT, "'%s' %s", proto,
		    wrong);
	if (has_port(mesh_str(dst), buf, &host, &ports)) {
		q.any_port = ports.first == 0 && ports.last == UINT16_MAX;
		q.port = ports.first;
		if (!q.any_port && ports.first != ports.last)
			return mesh_fail(diag, MESH_ERR_FORMAT,
			    "'%s' must end in one port", dst);
	}
	err = parse_end(w, mesh_str(src), &q.src, &q.src_user, diag);
	if (err == MESH_OK)
		err = parse_end(w, host, &q.dst, &q.dst_user, diag);
	if (err == MESH_OK)
		err = mesh_policy_ask(w, &q, out);
	if (err == MESH_ERR_NOTFOUND)
		return mesh_fail(diag, err, "no node is '%s', or none '%s'",
		    src, dst);
	return err;
}
