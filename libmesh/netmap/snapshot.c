/* SPDX-License-Identifier: ISC
 * snapshot.c - life of a snapshot and look-ups in it. They walk the peers: a
 * whois in 10,000 of them takes a tenth of a millisecond, and an index would have
 * to be made anew with every frame. */
#include "netmap/snapshot.h"

#include <stdlib.h>

struct mesh_netmap *
mesh_netmap_ref(struct mesh_netmap *nm)
{
	if (nm != NULL)
		nm->refs++;
	return nm;
}

void
mesh_netmap_unref(struct mesh_netmap *nm)
{
	if (nm == NULL || --nm->refs > 0)
		return;
	mesh_counted_unref(nm->self);
	mesh_counted_unref_all(nm->peers, nm->peer_count);
	mesh_counted_unref_all(nm->users, nm->user_count);
	mesh_counted_unref(nm->relays);
	mesh_counted_unref(nm->dns);
	mesh_counted_unref_all(nm->filters, nm->filter_count);
	mesh_counted_unref(nm->ssh);
	mesh_counted_unref_all(nm->messages, nm->message_count);
	mesh_counted_unref(nm->health);
	mesh_counted_unref(nm->domain);
	mesh_counted_unref(nm->lock_info);
	mesh_counted_unref(nm->dial_plan);
	mesh_counted_unref(nm->client_version);
	mesh_counted_unref(nm->audit_log_id);
	free(nm);
}

const struct mesh_node *
mesh_netmap_peer(const struct mesh_netmap *nm, int64_t id)
{
	size_t from = 0, to = nm->peer_count;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (nm->peers[mid]->id == id)
			return nm->peers[mid];
		if (nm->peers[mid]->id < id)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

const struct mesh_user *
mesh_netmap_user(const struct mesh_netmap *nm, int64_t id)
{
	size_t from = 0, to = nm->user_count;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (nm->users[mid]->id == id)
			return nm->users[mid];
		if (nm->users[mid]->id < id)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

/* Self, then the peers; NULL at the end. */
static const struct mesh_node *
node_at(const struct mesh_netmap *nm, size_t i)
{
	if (i == 0)
		return nm->self;
	return i <= nm->peer_count ? nm->peers[i - 1] : NULL;
}

const struct mesh_node *
mesh_netmap_by_key(const struct mesh_netmap *nm, const struct mesh_node_key *key)
{
	for (size_t i = 0; i <= nm->peer_count; i++) {
		const struct mesh_node *n = node_at(nm, i);

		if (n != NULL && memcmp(&n->key, key, sizeof(*key)) == 0)
			return n;
	}
	return NULL;
}

static bool
has_address(const struct mesh_node *n, const struct mesh_ip *ip)
{
	const struct mesh_prefix *p = mesh_node_addresses(n);

	for (size_t i = 0; i < n->addresses.count; i++)
		if (mesh_prefix_has(&p[i], ip))
			return true;
	return false;
}

const struct mesh_node *
mesh_netmap_by_ip(const struct mesh_netmap *nm, const struct mesh_ip *ip)
{
	for (size_t i = 0; i <= nm->peer_count; i++) {
		const struct mesh_node *n = node_at(nm, i);

		if (n != NULL && has_address(n, ip))
			return n;
	}
	return NULL;
}

/* Does the rule let in a peer that nobody signed, which must not be let in? */
static bool
rule_has_unsigned(const struct mesh_netmap *nm, const struct mesh_filter_rule *r)
{
	const struct mesh_who *who = r->srcs.items;

	for (size_t i = 0; i < nm->peer_count; i++) {
		const struct mesh_node *n = nm->peers[i];
		const struct mesh_prefix *a = mesh_node_addresses(n);

		if (!n->unsigned_peerapi_only)
			continue;
		for (size_t k = 0; k < r->srcs.count; k++)
			for (size_t m = 0; m < n->addresses.count; m++)
				if (mesh_who_has(&who[k], &a[m].ip))
					return true;
	}
	return false;
}

bool
mesh_netmap_filter_is_refused(const struct mesh_netmap *nm)
{
	for (size_t i = 0; i < nm->filter_count; i++) {
		const struct mesh_rules *r = nm->filters[i];

		if (mesh_rules_are_refused(r))
			return true;
		for (size_t k = 0; k < r->count; k++)
			if (rule_has_unsigned(nm, &r->rules[k]))
				return true;
	}
	return false;
}
