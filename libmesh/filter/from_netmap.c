/* SPDX-License-Identifier: ISC
 * from_netmap.c - the filter that control sent, as compiled rules.
 *
 * "cap:NAME" as a source becomes the addresses of the peers that have it, so
 * that who checks packets need know nothing but addresses.
 */
#include "filter/table.h"
#include "netmap/snapshot.h"

static void
add_cap(struct mesh_filter_build *b, const struct mesh_netmap *nm,
    const char *cap)
{
	for (size_t i = 0; i < nm->peer_count; i++) {
		const struct mesh_node *peer = nm->peers[i];

		if (!mesh_node_has_cap(peer, cap))
			continue;
		for (size_t k = 0; k < peer->addresses.count; k++) {
			struct mesh_range r =
			    mesh_range_of(&mesh_node_addresses(peer)[k]);

			mesh_filter_build_source(b, &r);
		}
	}
}

static const struct mesh_range everything[] = {
	{{{[10] = 0xff, [11] = 0xff}},
	    {{[10] = 0xff, [11] = 0xff, [12] = 0xff, [13] = 0xff, [14] = 0xff,
		[15] = 0xff}}},
	{{{0}},
	    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff}}},
};

static void
add_source(struct mesh_filter_build *b, const struct mesh_netmap *nm,
    const struct mesh_who *who)
{
	switch (who->kind) {
	case MESH_WHO_ANY:
		mesh_filter_build_source(b, &everything[0]);
		mesh_filter_build_source(b, &everything[1]);
		break;
	case MESH_WHO_RANGE:
		mesh_filter_build_source(b,
		    &(struct mesh_range){who->first, who->last});
		break;
	case MESH_WHO_CAP:
		add_cap(b, nm, mesh_who_cap(who));
		break;
	case MESH_WHO_NOBODY:
		break;
	}
}

static void
add_dest(struct mesh_filter_build *b, const struct mesh_rule_dst *d)
{
	if (d->ports.first > d->ports.last)
		return;
	if (d->ip.kind == MESH_WHO_RANGE)
		mesh_filter_build_dest(b,
		    &(struct mesh_range){d->ip.first, d->ip.last},
		    d->ports.first, d->ports.last);
	if (d->ip.kind == MESH_WHO_ANY)
		for (size_t i = 0; i < 2; i++)
			mesh_filter_build_dest(b, &everything[i],
			    d->ports.first, d->ports.last);
}

static void
add_rule(struct mesh_filter_build *b, const struct mesh_netmap *nm,
    const struct mesh_filter_rule *rule)
{
	const struct mesh_who *srcs = rule->srcs.items;
	const struct mesh_rule_dst *dsts = rule->dsts.items;
	const int64_t *protos = rule->protos.items;
	bool named = false;

	for (size_t i = 0; i < rule->protos.count; i++)
		named |= protos[i] >= 0 && protos[i] <= UINT8_MAX;
	if (rule->dsts.count == 0 || (rule->protos.count > 0 && !named))
		return; /* capabilities only, or protocols that do not exist */
	mesh_filter_build_rule(b);
	for (size_t i = 0; i < rule->protos.count; i++)
		if (protos[i] >= 0 && protos[i] <= UINT8_MAX)
			mesh_filter_build_proto(b, (uint8_t)protos[i]);
	for (size_t i = 0; i < rule->srcs.count; i++)
		add_source(b, nm, &srcs[i]);
	for (size_t i = 0; i < rule->dsts.count; i++)
		add_dest(b, &dsts[i]);
}

static void
add_own(struct mesh_filter_build *b, const struct mesh_bind_list *prefixes)
{
	const struct mesh_prefix *p = prefixes->items;

	for (size_t i = 0; i < prefixes->count; i++)
		mesh_filter_build_local(b, &p[i]);
}

bool
mesh_filter_build_netmap(struct mesh_filter_build *b,
    const struct mesh_netmap *nm)
{
	if (nm->filter_count == 0)
		return false;
	if (nm->self != NULL) {
		add_own(b, &nm->self->addresses);
		add_own(b, &nm->self->allowed_ips);
	}
	if (mesh_netmap_filter_is_refused(nm))
		return true;
	for (size_t i = 0; i < nm->filter_count; i++)
		for (size_t k = 0; k < nm->filters[i]->count; k++)
			add_rule(b, nm, &nm->filters[i]->rules[k]);
	return true;
}
