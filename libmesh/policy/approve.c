/* SPDX-License-Identifier: ISC
 * approve.c - autoApprovers: whose nodes may serve which networks without
 * asking an administrator. services.md 6.7.
 */
#include <stdlib.h>

#include "policy/parse_int.h"

/* A list of users, groups and tags. */
static void
read_approvers(struct mesh_policy_parse *ps, struct mesh_policy_whos *out)
{
	struct mesh_policy_vec v = {0};

	mesh_policy_read_whos(ps, MESH_SELECTOR_OWNER, &v);
	out->count = v.count;
	out->items = mesh_policy_vec_keep(ps, &v, sizeof(*out->items));
}

static void
read_routes(struct mesh_policy_parse *ps, void *into)
{
	struct mesh_policy_vec v = {0};
	struct mesh_str name;

	(void)into;
	mesh_json_object(&ps->j);
	while (mesh_json_member(&ps->j, &name)) {
		struct mesh_policy_approver *a;
		struct mesh_prefix p, masked;

		if (mesh_prefix_or_ip_parse(mesh_str_trim(name), &p) !=
		    MESH_OK) {
			mesh_policy_complain(ps, name,
			    "is no prefix (as 10.0.0.0/8)");
			break;
		}
		masked = mesh_prefix_masked(p);
		if (!mesh_prefix_eq(&p, &masked)) {
			mesh_policy_complain(ps, name,
			    "has bits behind its length");
			break;
		}
		a = mesh_policy_vec_add(ps, &v, sizeof(*a));
		if (a == NULL)
			break;
		a->prefix = p;
		read_approvers(ps, &a->whos);
	}
	ps->p->approver_count = v.count;
	ps->p->approvers =
	    mesh_policy_vec_keep(ps, &v, sizeof(*ps->p->approvers));
}

static void
read_exit(struct mesh_policy_parse *ps, void *into)
{
	(void)into;
	read_approvers(ps, &ps->p->exit_approvers);
}

static const struct mesh_policy_member members[] = {
    {"routes", read_routes},
    {"exitNode", read_exit},
    {"services", NULL},
};

void
mesh_policy_read_approvers(struct mesh_policy_parse *ps)
{
	(void)mesh_policy_read_object(ps, members,
	    sizeof(members) / sizeof(*members), NULL);
}

static bool
is_among(const struct mesh_policy_whos *whos, const struct mesh_policy_node *n)
{
	for (size_t i = 0; i < whos->count; i++)
		if (mesh_who_names(&whos->items[i], n))
			return true;
	return false;
}

/* An entry for 0.0.0.0/0 speaks of all networks, but not of exit nodes. */
bool
mesh_policy_may_route(const struct mesh_policy_node *n,
    const struct mesh_prefix *route)
{
	const struct mesh_policy *p = n->world->policy;

	if (mesh_prefix_len(route) == 0)
		return is_among(&p->exit_approvers, n);
	for (size_t i = 0; i < p->approver_count; i++)
		if (mesh_prefix_covers(&p->approvers[i].prefix, route) &&
		    is_among(&p->approvers[i].whos, n))
			return true;
	return false;
}
