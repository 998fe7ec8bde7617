/* SPDX-License-Identifier: ISC
 * public.c - the functions of mesh/netmap.h that are no more than accessors. */
#include <mesh/netmap.h>

#include "netmap/file.h"

#include <strings.h>

int
mesh_netmap_parse(const char *text, size_t len, struct mesh_netmap **out,
    struct mesh_diag *diag)
{
	struct mesh_arena a;
	int err;

	mesh_arena_init(&a, MESH_NODE_MEMORY);
	err = mesh_netmap_file_read((struct mesh_str){text, len}, &a, NULL, out,
	    diag);
	mesh_arena_release(&a);
	return err;
}

const struct mesh_node *
mesh_netmap_self(const struct mesh_netmap *nm)
{
	return nm->self;
}

size_t
mesh_netmap_peer_count(const struct mesh_netmap *nm)
{
	return nm->peer_count;
}

const struct mesh_node *
mesh_netmap_peer_at(const struct mesh_netmap *nm, size_t i)
{
	return i < nm->peer_count ? nm->peers[i] : NULL;
}

const struct mesh_node *
mesh_netmap_whois(const struct mesh_netmap *nm, const char *address)
{
	struct mesh_endpoint e;
	struct mesh_str s = mesh_str(address);

	if (mesh_ip_parse(s, &e.ip) != MESH_OK &&
	    mesh_endpoint_parse(s, &e) != MESH_OK)
		return NULL;
	return mesh_netmap_by_ip(nm, &e.ip);
}

/* "alpha", "alpha.example.net", "alpha.example.net." */
static bool
has_name(const struct mesh_node *n, struct mesh_str name)
{
	struct mesh_str full = mesh_str(n->name), first = full;

	first = mesh_str_cut(&first, '.');
	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	if (full.len > 0 && full.p[full.len - 1] == '.')
		full.len--;
	return name.len > 0 &&
	    ((name.len == full.len &&
		 strncasecmp(name.p, full.p, full.len) == 0) ||
		(name.len == first.len &&
		    strncasecmp(name.p, first.p, first.len) == 0));
}

const struct mesh_node *
mesh_netmap_find_name(const struct mesh_netmap *nm, const char *name)
{
	const struct mesh_node *found = NULL;
	struct mesh_str s = mesh_str(name);

	if (nm->self != NULL && has_name(nm->self, s))
		found = nm->self;
	for (size_t i = 0; i < nm->peer_count; i++) {
		if (!has_name(nm->peers[i], s))
			continue;
		if (found != NULL)
			return NULL; /* the label alone does not say which */
		found = nm->peers[i];
	}
	return found;
}

const struct mesh_node *
mesh_netmap_find_key(const struct mesh_netmap *nm,
    const struct mesh_node_key *key)
{
	return mesh_netmap_by_key(nm, key);
}

const char *
mesh_netmap_owner(const struct mesh_netmap *nm, const struct mesh_node *n)
{
	const struct mesh_user *u = mesh_netmap_user(nm, n->user);

	if (n->tags.count > 0 || u == NULL || u->login_name == NULL)
		return "";
	return u->login_name;
}

const char *
mesh_node_get_name(const struct mesh_node *n)
{
	return n->name ? n->name : "";
}

int64_t
mesh_node_get_id(const struct mesh_node *n)
{
	return n->id;
}

struct mesh_node_key
mesh_node_get_key(const struct mesh_node *n)
{
	return n->key;
}

int
mesh_node_get_online(const struct mesh_node *n)
{
	return n->online;
}

const char *
mesh_node_get_address(const struct mesh_node *n, size_t i,
    char out[static MESH_NETMAP_TEXT])
{
	if (i >= n->addresses.count)
		return NULL;
	return mesh_ip_format(&mesh_node_addresses(n)[i].ip, out);
}

const char *
mesh_node_get_prefix(const struct mesh_node *n, size_t i,
    char out[static MESH_NETMAP_TEXT])
{
	if (i >= n->allowed_ips.count)
		return NULL;
	return mesh_prefix_format(&mesh_node_allowed_ips(n)[i], out);
}

const char *
mesh_node_get_tag(const struct mesh_node *n, size_t i)
{
	return i < n->tags.count ? mesh_node_tags(n)[i] : NULL;
}

bool
mesh_node_has_cap(const struct mesh_node *n, const char *cap)
{
	return mesh_bind_map_find(&n->cap_map, cap) >= 0 ||
	    mesh_bind_list_has(&n->capabilities, cap);
}
