/* SPDX-License-Identifier: ISC */
#include "path/better.h"

#include "base/addr.h"

enum {
	LOOPBACK = 50,
	LINKLOCAL = 30,
	PRIVATE = 20,
	IPV6 = 10
};

static uint64_t
points_of_kind(const struct mesh_ip *ip)
{
	uint64_t points = mesh_ip_is4(ip) ? 0 : IPV6;

	if (mesh_ip_is_loopback(ip))
		return points + LOOPBACK;
	if (mesh_ip_is_linklocal(ip))
		return points + LINKLOCAL;
	return points + (mesh_ip_is_private(ip) ? PRIVATE : 0);
}

/* How much quicker than `slow`, in percent of it. */
static uint64_t
percent_gained(uint64_t quick, uint64_t slow)
{
	return slow > 0 ? 100 - quick * 100 / slow : 0;
}

bool
mesh_path_better(const struct mesh_path_way *a, const struct mesh_path_way *b)
{
	if (mesh_endpoint_eq(&a->ep, &b->ep) || a->ep.port == 0)
		return false;
	if (b->ep.port == 0)
		return true;
	uint64_t for_a = points_of_kind(&a->ep.ip);
	uint64_t for_b = points_of_kind(&b->ep.ip);
	if (a->latency_ns > b->latency_ns)
		for_b += percent_gained(b->latency_ns, a->latency_ns);
	else
		for_a += percent_gained(a->latency_ns, b->latency_ns);
	/* One point alone is noise; it must not make paths flap. */
	return for_a > for_b && !(for_a <= 1 && for_b == 0);
}
