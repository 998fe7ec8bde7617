/* SPDX-License-Identifier: ISC */
#include "local/netmap.h"

#include "netmap/hostinfo.h"

#include <strings.h>

#define CAPS_MAX 256u /* grants of one node that are told */
#define NAME_SIZE 600u

/* --- nodes */

/* "b.mesh.test." -> "b": what stock daemons add for people. */
static struct mesh_str
short_name(const struct mesh_node *n)
{
	struct mesh_str name = mesh_str(n->name ? n->name : "");

	name = mesh_str_cut(&name, '.');
	if (name.len == 0 && n->hostinfo != NULL &&
	    n->hostinfo->hostname != NULL)
		name = mesh_str(n->hostinfo->hostname);
	return name;
}

void
mesh_local_write_node(struct mesh_jw *w, const struct mesh_node *n)
{
	struct mesh_str name = short_name(n);
	const char *host = n->hostinfo ? n->hostinfo->hostname : NULL;
	char both[NAME_SIZE];

	(void)mesh_format(both, sizeof(both), "%.*s", (int)name.len, name.p);
	if (host != NULL && *host != 0 && strcasecmp(host, both) != 0)
		(void)mesh_format(both, sizeof(both), "%.*s (%s)",
		    (int)name.len, name.p, host);
	mesh_jw_object(w);
	mesh_bind_write_members(w, &mesh_node_schema, n);
	mesh_jw_name(w, "ComputedName");
	mesh_jw_str(w, name);
	mesh_jw_name(w, "ComputedNameWithHost");
	mesh_jw_string(w, both);
	mesh_jw_end_object(w);
}

/* --- what a node may do here */

struct cap {
	const char *name;
	struct mesh_str values; /* JSON: a list, or null */
};

struct caps {
	struct cap v[CAPS_MAX];
	size_t count;
};

static bool
is_source(const struct mesh_filter_rule *rule, const struct mesh_node *n,
    const struct mesh_ip *ip)
{
	const struct mesh_who *who = rule->srcs.items;

	for (size_t i = 0; i < rule->srcs.count; i++) {
		const char *cap = mesh_who_cap(&who[i]);

		if (cap != NULL ? mesh_node_has_cap(n, cap)
				: mesh_who_has(&who[i], ip))
			return true;
	}
	return false;
}

static bool
is_dest(const struct mesh_rule_grant *g, const struct mesh_ip *ip)
{
	const struct mesh_prefix *dst = g->dsts.items;

	for (size_t i = 0; i < g->dsts.count; i++)
		if (mesh_prefix_has(&dst[i], ip))
			return true;
	return false;
}

static void
add_grant(struct caps *caps, const struct mesh_rule_grant *g)
{
	const char *const *names = g->caps.items;
	const struct mesh_str *values = g->cap_map.items;

	for (size_t i = 0; i < g->caps.count && caps->count < CAPS_MAX; i++)
		caps->v[caps->count++] = (struct cap){.name = names[i]};
	for (size_t i = 0; i < g->cap_map.count && caps->count < CAPS_MAX; i++)
		caps->v[caps->count++] =
		    (struct cap){g->cap_map.names[i], values[i]};
}

static void
collect(const struct mesh_netmap *nm, const struct mesh_node *n,
    const struct mesh_ip *src, const struct mesh_ip *dst, struct caps *out)
{
	for (size_t f = 0; f < nm->filter_count; f++)
		for (size_t i = 0; i < nm->filters[f]->count; i++) {
			const struct mesh_filter_rule *rule =
			    &nm->filters[f]->rules[i];
			const struct mesh_rule_grant *g = rule->grants.items;

			if (rule->grants.count == 0 || !is_source(rule, n, src))
				continue;
			for (size_t k = 0; k < rule->grants.count; k++)
				if (is_dest(&g[k], dst))
					add_grant(out, &g[k]);
		}
}

/* The inside of "[...]", without blanks at its ends; empty of anything else. */
static struct mesh_str
inside(struct mesh_str list)
{
	list = mesh_str_trim(list);
	if (list.len < 2 || list.p[0] != '[')
		return (struct mesh_str){NULL, 0};
	return mesh_str_trim((struct mesh_str){list.p + 1, list.len - 2});
}

/* All values of one name as one list. */
static void
write_cap(struct mesh_jw *w, const struct caps *caps, const char *name)
{
	struct mesh_buf list;
	bool any = false;

	mesh_buf_init(&list, MESH_RULES_MEMORY);
	mesh_buf_add_byte(&list, '[');
	for (size_t i = 0; i < caps->count; i++) {
		struct mesh_str v = inside(caps->v[i].values);

		if (strcmp(caps->v[i].name, name) != 0 || v.len == 0)
			continue;
		if (any)
			mesh_buf_add_byte(&list, ',');
		any = true;
		mesh_buf_add(&list, v.p, v.len);
	}
	mesh_buf_add_byte(&list, ']');
	mesh_jw_name(w, name);
	if (any && !list.failed)
		mesh_jw_raw(w,
		    (struct mesh_str){(const char *)list.data, list.len});
	else
		mesh_jw_null(w);
	mesh_buf_release(&list);
}

static bool
is_named_before(const struct caps *caps, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(caps->v[k].name, caps->v[i].name) == 0)
			return true;
	return false;
}

static const struct mesh_ip *
own_address(const struct mesh_netmap *nm, bool is4)
{
	for (size_t i = 0; nm->self && i < nm->self->addresses.count; i++) {
		const struct mesh_ip *ip = &mesh_node_addresses(nm->self)[i].ip;

		if (mesh_ip_is4(ip) == is4)
			return ip;
	}
	return NULL;
}

void
mesh_local_write_caps(struct mesh_jw *w, const struct mesh_netmap *nm,
    const struct mesh_node *n)
{
	const struct mesh_ip *src =
	    n->addresses.count > 0 ? &mesh_node_addresses(n)[0].ip : NULL;
	const struct mesh_ip *dst =
	    src ? own_address(nm, mesh_ip_is4(src)) : NULL;
	struct caps caps = {.count = 0};

	if (dst != NULL && !mesh_netmap_filter_is_refused(nm))
		collect(nm, n, src, dst, &caps);
	if (caps.count == 0) {
		mesh_jw_null(w);
		return;
	}
	mesh_jw_object(w);
	for (size_t i = 0; i < caps.count; i++)
		if (!is_named_before(&caps, i))
			write_cap(w, &caps, caps.v[i].name);
	mesh_jw_end_object(w);
}

/* --- the whole */

static void
write_peers(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	mesh_jw_name(w, "Peers");
	mesh_jw_array(w);
	for (size_t i = 0; i < nm->peer_count; i++)
		mesh_local_write_node(w, nm->peers[i]);
	mesh_jw_end_array(w);
}

static void
write_users(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	mesh_jw_name(w, "UserProfiles");
	mesh_jw_object(w);
	for (size_t i = 0; i < nm->user_count; i++) {
		char id[24];

		(void)mesh_format(id, sizeof(id), "%lld",
		    (long long)nm->users[i]->id);
		mesh_jw_name(w, id);
		mesh_bind_write(w, &mesh_user_schema, nm->users[i]);
	}
	mesh_jw_end_object(w);
}

static void
write_key(struct mesh_jw *w, const char *name, const char *text)
{
	mesh_jw_name(w, name);
	mesh_jw_string(w, text);
}

void
mesh_local_write_netmap(struct mesh_jw *w, const struct mesh_netmap *nm)
{
	const struct mesh_node *self = nm ? nm->self : NULL;
	char key[MESH_KEY_TEXT];

	if (self == NULL) {
		mesh_jw_null(w);
		return;
	}
	mesh_jw_object(w);
	mesh_jw_name(w, "SelfNode");
	mesh_local_write_node(w, self);
	write_key(w, "NodeKey", mesh_node_key_format(&self->key, key));
	write_key(w, "MachineKey",
	    mesh_machine_key_format(&self->machine, key));
	write_peers(w, nm);
	if (nm->dns != NULL) {
		mesh_jw_name(w, "DNS");
		mesh_bind_write(w, &mesh_dns_schema, nm->dns);
	}
	if (nm->relays != NULL) {
		mesh_jw_name(w, "DERPMap");
		mesh_bind_write(w, &mesh_relaymap_schema, nm->relays);
	}
	if (nm->domain != NULL) {
		mesh_jw_name(w, "Domain");
		mesh_jw_raw(w, nm->domain->json);
	}
	write_users(w, nm);
	mesh_jw_end_object(w);
}
