/* SPDX-License-Identifier: ISC */
#include "path/endpoints.h"

#include "base/addr.h"

struct list {
	struct mesh_path_endpoint v[MESH_PATH_ENDPOINTS_MAX];
	size_t count;
};

/* How good is a local address for others? Only the best rank there is is told,
 * but for the plain ones, which all are. */
enum rank {
	USELESS,
	LOOPBACK,
	FALLBACK,
	PLAIN
};

static enum rank
rank_of(const struct mesh_ip *ip)
{
	if (mesh_ip_is_none(ip) || mesh_ip_is_multicast(ip) ||
	    mesh_ip_is_mesh(ip))
		return USELESS;
	if (mesh_ip_is_loopback(ip))
		return LOOPBACK;
	if (mesh_ip_is_linklocal(ip))
		return mesh_ip_is4(ip) ? FALLBACK : USELESS;
	if (!mesh_ip_is4(ip) && mesh_ip_is_private(ip))
		return FALLBACK;
	return PLAIN;
}

static bool
subnet_is_full(const struct mesh_endpoints *e, const struct mesh_ip *ip)
{
	unsigned n = 0;

	for (size_t i = 0; i < e->local_count; i++)
		n += !memcmp(e->local[i].ip.b, ip->b, 8);
	return !mesh_ip_is4(ip) && n >= MESH_ENDPOINTS_PER_SUBNET;
}

static void
add_local(struct mesh_endpoints *e, const struct mesh_ip *ip)
{
	uint16_t port = mesh_ip_is4(ip) ? e->port4 : e->port6;

	if (port == 0 || e->local_count == MESH_ENDPOINTS_LOCAL_MAX ||
	    subnet_is_full(e, ip))
		return;
	e->local[e->local_count++] = (struct mesh_endpoint){*ip, port};
}

void
mesh_endpoints_set_link(struct mesh_endpoints *e,
    const struct mesh_path_link *link)
{
	enum rank best = LOOPBACK;

	e->port4 = link->up4 ? link->port4 : 0;
	e->port6 = link->up6 ? link->port6 : 0;
	e->port_fixed = link->port_fixed;
	e->mapped = link->mapped;
	e->local_count = 0;
	e->fixed_count = link->fixed_count < MESH_ENDPOINTS_FIXED_MAX
			     ? link->fixed_count
			     : MESH_ENDPOINTS_FIXED_MAX;
	if (e->fixed_count > 0)
		memcpy(e->fixed, link->fixed,
		    e->fixed_count * sizeof(e->fixed[0]));
	for (size_t i = 0; i < link->address_count; i++) {
		enum rank r = rank_of(&link->addresses[i]);

		best = r > best ? r : best;
	}
	for (size_t i = 0; i < link->address_count; i++) {
		if (rank_of(&link->addresses[i]) == best)
			add_local(e, &link->addresses[i]);
	}
}

void
mesh_endpoints_forget(struct mesh_endpoints *e)
{
	e->known_count = 0;
}

static bool
has(const struct list *l, const struct mesh_endpoint *ep)
{
	for (size_t i = 0; i < l->count; i++) {
		if (mesh_endpoint_eq(&l->v[i].ep, ep))
			return true;
	}
	return false;
}

static void
add(struct list *l, const struct mesh_endpoint *ep,
    enum mesh_path_endpoint_type type)
{
	if (ep->port != 0 && !mesh_ip_is_none(&ep->ip) && !has(l, ep) &&
	    l->count < MESH_PATH_ENDPOINTS_MAX)
		l->v[l->count++] = (struct mesh_path_endpoint){*ep, type};
}

/* The one that most servers saw, then those seen more than once. */
static void
add_seen(struct list *l, const struct mesh_netcheck *n, int family)
{
	const struct mesh_netcheck_seen *v = n->seen[family];
	size_t best = 0;

	for (size_t i = 1; i < n->seen_count[family]; i++) {
		if (v[i].count > v[best].count)
			best = i;
	}
	for (size_t i = 0; i < n->seen_count[family]; i++) {
		size_t k = i == 0 ? best : i == best ? 0 : i;

		if (i == 0 || v[k].count > 1)
			add(l, &v[k].ep, MESH_PATH_ENDPOINT_STUN);
	}
}

static void
add_public(struct list *l, const struct mesh_endpoints *e,
    const struct mesh_netcheck *n)
{
	add(l, &e->mapped, MESH_PATH_ENDPOINT_MAPPED);
	add_seen(l, n, MESH_NETCHECK_V4);
	add_seen(l, n, MESH_NETCHECK_V6);
	if (n->mapping_varies == MESH_PATH_YES && e->port_fixed) {
		struct mesh_endpoint guess = n->seen[MESH_NETCHECK_V4][0].ep;

		guess.port = e->port4;
		add(l, &guess, MESH_PATH_ENDPOINT_STUN_LOCAL_PORT);
	}
}

static unsigned
count_ip(const struct list *l, const struct mesh_ip *ip)
{
	unsigned n = 0;

	for (size_t i = 0; i < l->count; i++)
		n += mesh_ip_eq(&l->v[i].ep.ip, ip);
	return n;
}

/* The latest remembered one that may still be told and is not in the list. */
static const struct mesh_endpoints_known *
latest_known(const struct mesh_endpoints *e, const struct list *l,
    struct mesh_time now)
{
	const struct mesh_endpoints_known *best = NULL;

	for (size_t i = 0; i < e->known_count; i++) {
		const struct mesh_endpoints_known *k = &e->known[i];

		if (mesh_time_since(k->at, now) < MESH_ENDPOINTS_LIFE_NS &&
		    !has(l, &k->e.ep) &&
		    count_ip(l, &k->e.ep.ip) < MESH_ENDPOINTS_PER_IP &&
		    (best == NULL || k->at.ns > best->at.ns))
			best = k;
	}
	return best;
}

/* Remembers the public ones: those seen now, and those that were told again. */
static void
remember(struct mesh_endpoints *e, const struct list *l, size_t fresh,
    struct mesh_time now)
{
	struct mesh_endpoints_known next[MESH_PATH_ENDPOINTS_MAX];

	for (size_t i = 0; i < l->count; i++) {
		next[i] = (struct mesh_endpoints_known){l->v[i], now};
		for (size_t k = 0; i >= fresh && k < e->known_count; k++) {
			if (mesh_endpoint_eq(&e->known[k].e.ep, &l->v[i].ep))
				next[i].at = e->known[k].at;
		}
	}
	memcpy(e->known, next, l->count * sizeof(next[0]));
	e->known_count = l->count;
}

static bool
same_set(const struct mesh_endpoints *e, const struct list *l)
{
	if (e->count != l->count)
		return false;
	for (size_t i = 0; i < l->count; i++) {
		bool found = false;

		for (size_t k = 0; k < e->count; k++)
			found |= e->list[k].type == l->v[i].type &&
				 mesh_endpoint_eq(&e->list[k].ep, &l->v[i].ep);
		if (!found)
			return false;
	}
	return true;
}

bool
mesh_endpoints_update(struct mesh_endpoints *e, const struct mesh_netcheck *n,
    struct mesh_time now)
{
	const struct mesh_endpoints_known *k;
	struct list l = {.count = 0};

	add_public(&l, e, n);
	size_t fresh = l.count;
	while ((k = latest_known(e, &l, now)) != NULL &&
	       l.count < MESH_PATH_ENDPOINTS_MAX)
		add(&l, &k->e.ep, k->e.type);
	remember(e, &l, fresh, now);
	for (size_t i = 0; i < e->fixed_count; i++)
		add(&l, &e->fixed[i], MESH_PATH_ENDPOINT_FIXED);
	for (size_t i = 0; i < e->local_count; i++)
		add(&l, &e->local[i], MESH_PATH_ENDPOINT_LOCAL);
	bool changed = !same_set(e, &l);
	memcpy(e->list, l.v, l.count * sizeof(l.v[0]));
	e->count = l.count;
	return changed;
}
