/* SPDX-License-Identifier: ISC */
#include "admin_json.h"

#include "authkey.h"
#include "routes.h"

static void
write_id(struct mesh_jw *w, const char *name, int64_t id)
{
	char text[24];

	mesh_format(text, sizeof(text), "%lld", (long long)id);
	mesh_jw_name(w, name);
	mesh_jw_string(w, text);
}

static void
write_string(struct mesh_jw *w, const char *name, const char *value)
{
	mesh_jw_name(w, name);
	mesh_jw_string(w, value);
}

static void
write_bool(struct mesh_jw *w, const char *name, bool value)
{
	mesh_jw_name(w, name);
	mesh_jw_bool(w, value);
}

void
admin_write_time(struct mesh_jw *w, const char *name, int64_t sec)
{
	char text[MESH_RFC3339_MAX];

	mesh_jw_name(w, name);
	if (sec == 0) {
		mesh_jw_null(w);
		return;
	}
	mesh_wall_format((struct mesh_wall){.sec = sec}, text);
	mesh_jw_string(w, text);
}

static void
write_tags(struct mesh_jw *w, const char *name, const char *tags)
{
	struct mesh_str rest = mesh_str(tags), tag;

	mesh_jw_name(w, name);
	mesh_jw_array(w);
	while (tags_next(&rest, &tag))
		mesh_jw_str(w, tag);
	mesh_jw_end_array(w);
}

static void
write_user_fields(struct mesh_jw *w, int64_t id, const char *name,
    int64_t created)
{
	static const char *const empty[] = {"displayName", "email",
	    "providerId", "provider", "profilePicUrl"};

	mesh_jw_object(w);
	write_id(w, "id", id);
	write_string(w, "name", name);
	admin_write_time(w, "createdAt", created);
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		write_string(w, empty[i], "");
	mesh_jw_end_object(w);
}

void
admin_write_user(struct mesh_jw *w, const struct user *u)
{
	write_user_fields(w, u->id, u->name, u->created);
}

static void
write_owner(struct mesh_jw *w, const struct state *s, int64_t user)
{
	const struct user *u = state_user(s, user);

	mesh_jw_name(w, "user");
	if (u != NULL)
		admin_write_user(w, u);
	else
		write_user_fields(w, USER_TAGGED, USER_TAGGED_NAME, 0);
}

void
admin_write_key(struct mesh_jw *w, const struct state *s,
    const struct auth_key *k, const char *text)
{
	char masked[sizeof(AUTHKEY_PREFIX) + KEY_IDENT_LEN + 8];

	mesh_format(masked, sizeof(masked), AUTHKEY_PREFIX "%s-***", k->ident);
	mesh_jw_object(w);
	write_owner(w, s, k->user);
	write_id(w, "id", k->id);
	write_string(w, "key", text != NULL ? text : masked);
	write_bool(w, "reusable", k->reusable);
	write_bool(w, "ephemeral", k->ephemeral);
	write_bool(w, "used", k->used);
	write_bool(w, "revoked", k->revoked);
	admin_write_time(w, "expiration", k->expires);
	admin_write_time(w, "createdAt", k->created);
	write_tags(w, "aclTags", k->tags);
	mesh_jw_end_object(w);
}

static const char *
method_name(enum register_method method)
{
	switch (method) {
	case REGISTER_AUTH_KEY:
		return "REGISTER_METHOD_AUTH_KEY";
	case REGISTER_CLI:
		return "REGISTER_METHOD_CLI";
	default:
		return "REGISTER_METHOD_UNSPECIFIED";
	}
}

static void
write_addresses(struct mesh_jw *w, const struct node *n)
{
	char text[MESH_IP_TEXT];

	mesh_jw_name(w, "ipAddresses");
	mesh_jw_array(w);
	mesh_jw_string(w, mesh_ip_format(&n->ip4, text));
	mesh_jw_string(w, mesh_ip_format(&n->ip6, text));
	mesh_jw_end_array(w);
}

static void
write_prefixes(struct mesh_jw *w, const char *name,
    const struct mesh_prefix *items, size_t count)
{
	char text[MESH_PREFIX_TEXT];

	mesh_jw_name(w, name);
	mesh_jw_array(w);
	for (size_t i = 0; i < count; i++)
		mesh_jw_string(w, mesh_prefix_format(&items[i], text));
	mesh_jw_end_array(w);
}

/* May serve, announces, carries now. */
static void
write_routes(struct mesh_jw *w, const struct state *s, const struct member *m)
{
	static const struct node_routes none;
	const struct node_routes *r = m->rec.routes ? m->rec.routes : &none;
	struct mesh_prefix list[ROUTES_SERVED_MAX];

	write_prefixes(w, "approvedRoutes", r->approved.items,
	    r->approved.count);
	write_prefixes(w, "availableRoutes", r->announced.items,
	    r->announced.count);
	write_prefixes(w, "subnetRoutes", list, routes_carried(s, m, list));
}

void
admin_write_node(struct mesh_jw *w, const struct state *s,
    const struct member *m)
{
	const struct node *n = &m->rec;
	const struct auth_key *k = state_key(s, n->auth_key);
	char text[MESH_KEY_TEXT];

	mesh_jw_object(w);
	write_id(w, "id", n->id);
	write_string(w, "machineKey",
	    mesh_machine_key_format(&n->machine, text));
	write_string(w, "nodeKey", mesh_node_key_format(&n->key, text));
	write_string(w, "discoKey", mesh_disco_key_format(&n->disco, text));
	write_addresses(w, n);
	write_string(w, "name", n->hostname);
	write_owner(w, s, n->user);
	admin_write_time(w, "lastSeen", n->last_seen);
	admin_write_time(w, "expiry", n->expires);
	mesh_jw_name(w, "preAuthKey");
	if (k != NULL)
		admin_write_key(w, s, k, NULL);
	else
		mesh_jw_null(w);
	admin_write_time(w, "createdAt", n->created);
	write_string(w, "registerMethod", method_name(n->method));
	write_string(w, "givenName", n->label);
	write_bool(w, "online", m->online);
	write_bool(w, "waiting", member_is_waiting(m)); /* ours */
	write_routes(w, s, m);
	write_tags(w, "tags", n->tags);
	mesh_jw_end_object(w);
}
