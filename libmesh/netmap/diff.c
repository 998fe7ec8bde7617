/* SPDX-License-Identifier: ISC */
#include "netmap/diff.h"

/* Which bit a member of Node belongs to; all others are MESH_NODE_REST. */
static const struct {
	const char *json;
	unsigned field;
	const char *word; /* for people */
} node_members[] = {
    {"Key", MESH_NODE_KEY, "key"},
    {"DiscoKey", MESH_NODE_DISCO, "disco"},
    {"Addresses", MESH_NODE_ADDRESSES, "addresses"},
    {"AllowedIPs", MESH_NODE_ALLOWED_IPS, "allowed"},
    {"Endpoints", MESH_NODE_ENDPOINT_SET, "endpoints"},
    {"HomeDERP", MESH_NODE_HOME, "home"},
    {"Online", MESH_NODE_ONLINE, "online"},
    {"LastSeen", MESH_NODE_SEEN, "seen"},
    {"KeyExpiry", MESH_NODE_EXPIRY, "expiry"},
    {"Name", MESH_NODE_NAME, "name"},
    {"User", MESH_NODE_USER, "user"},
    {"Sharer", MESH_NODE_USER, "user"},
    {"Tags", MESH_NODE_TAG_SET, "tags"},
    {"Cap", MESH_NODE_CAP_SET, "capabilities"},
    {"CapMap", MESH_NODE_CAP_SET, "capabilities"},
    {"Hostinfo", MESH_NODE_HOST, "host"},
    {"PrimaryRoutes", MESH_NODE_ROUTES, "routes"},
    {"KeySignature", MESH_NODE_SIGNATURE, "signature"},
};

#define MEMBERS (sizeof(node_members) / sizeof(node_members[0]))

static unsigned
member_field(const char *json)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (strcmp(node_members[i].json, json) == 0)
			return node_members[i].field;
	return MESH_NODE_REST;
}

unsigned
mesh_node_diff(const struct mesh_node *a, const struct mesh_node *b)
{
	unsigned fields = 0;

	if (mesh_node_eq(a, b))
		return 0;
	for (size_t i = 0; i < mesh_node_schema.count; i++) {
		const struct mesh_field *f = &mesh_node_schema.fields[i];
		const struct mesh_schema one = {
		    .size = mesh_node_schema.size, .fields = f, .count = 1};

		if (!mesh_counted_eq(a, b, &one, MESH_NODE_MEMORY))
			fields |= member_field(f->name);
	}
	return fields;
}

void
mesh_netmap_diff_init(struct mesh_netmap_diff *d, const struct mesh_netmap *old,
    const struct mesh_netmap *new)
{
	*d = (struct mesh_netmap_diff){.old = old, .new = new};
}

bool
mesh_netmap_diff_next(struct mesh_netmap_diff *d,
    struct mesh_netmap_change *out)
{
	size_t olds = d->old ? d->old->peer_count : 0;
	size_t news = d->new ? d->new->peer_count : 0;

	while (d->i < olds || d->j < news) {
		const struct mesh_node *a =
		    d->i < olds ? d->old->peers[d->i] : NULL;
		const struct mesh_node *b =
		    d->j < news ? d->new->peers[d->j] : NULL;
		unsigned fields = 0;

		if (a != NULL && b != NULL && a->id != b->id) {
			if (a->id < b->id)
				b = NULL;
			else
				a = NULL;
		}
		d->i += a != NULL;
		d->j += b != NULL;
		if (a != NULL && b != NULL) {
			fields = a == b ? 0 : mesh_node_diff(a, b);
			if (fields == 0)
				continue;
		}
		*out = (struct mesh_netmap_change){a, b, fields};
		return true;
	}
	return false;
}

/* --- parts */

static bool
rules_eq(const struct mesh_rules *a, const struct mesh_rules *b)
{
	if (a == b)
		return true;
	if (a->count != b->count || strcmp(a->name, b->name) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!mesh_counted_eq(&a->rules[i], &b->rules[i],
			&mesh_filter_rule_schema, MESH_RULES_MEMORY))
			return false;
	return true;
}

static bool
filters_eq(const struct mesh_netmap *a, const struct mesh_netmap *b)
{
	if (a->filter_count != b->filter_count)
		return false;
	for (size_t i = 0; i < a->filter_count; i++)
		if (!rules_eq(a->filters[i], b->filters[i]))
			return false;
	return true;
}

static bool
users_eq(const struct mesh_netmap *a, const struct mesh_netmap *b)
{
	if (a->user_count != b->user_count)
		return false;
	for (size_t i = 0; i < a->user_count; i++)
		if (!mesh_user_eq(a->users[i], b->users[i]))
			return false;
	return true;
}

static bool
health_eq(const struct mesh_netmap *a, const struct mesh_netmap *b)
{
	if (a->message_count != b->message_count ||
	    !mesh_value_eq(a->health, b->health))
		return false;
	for (size_t i = 0; i < a->message_count; i++)
		if (strcmp(a->messages[i]->id, b->messages[i]->id) != 0 ||
		    !mesh_counted_eq(a->messages[i], b->messages[i],
			&mesh_health_message_schema, MESH_HEALTH_MEMORY))
			return false;
	return true;
}

static bool
rest_eq(const struct mesh_netmap *a, const struct mesh_netmap *b)
{
	return mesh_value_eq(a->domain, b->domain) &&
	    mesh_value_eq(a->lock_info, b->lock_info) &&
	    mesh_value_eq(a->dial_plan, b->dial_plan) &&
	    mesh_value_eq(a->client_version, b->client_version) &&
	    mesh_value_eq(a->audit_log_id, b->audit_log_id) &&
	    a->collect_services == b->collect_services;
}

unsigned
mesh_netmap_diff_parts(const struct mesh_netmap *old,
    const struct mesh_netmap *new)
{
	static const struct mesh_netmap none;
	const struct mesh_netmap *a = old ? old : &none;
	const struct mesh_netmap *b = new ? new : &none;
	struct mesh_netmap_change change;
	struct mesh_netmap_diff peers;
	unsigned parts = 0;

	mesh_netmap_diff_init(&peers, a, b);
	if (!mesh_node_eq(a->self, b->self))
		parts |= MESH_NETMAP_SELF;
	if (mesh_netmap_diff_next(&peers, &change))
		parts |= MESH_NETMAP_PEER_SET;
	if (!mesh_counted_eq(a->relays, b->relays, &mesh_relaymap_schema,
		MESH_RELAYMAP_MEMORY))
		parts |= MESH_NETMAP_RELAYS;
	if (!mesh_counted_eq(a->dns, b->dns, &mesh_dns_schema,
		MESH_DNS_MEMORY))
		parts |= MESH_NETMAP_DNS;
	if (!filters_eq(a, b))
		parts |= MESH_NETMAP_FILTER;
	if (!users_eq(a, b))
		parts |= MESH_NETMAP_USER_SET;
	if (!mesh_counted_eq(a->ssh, b->ssh, &mesh_ssh_policy_schema,
		MESH_SSH_MEMORY))
		parts |= MESH_NETMAP_SSH;
	if (!health_eq(a, b))
		parts |= MESH_NETMAP_HEALTH;
	if (!rest_eq(a, b))
		parts |= MESH_NETMAP_OTHER;
	return parts;
}

/* --- for people */

static void
write_node(struct mesh_buf *out, char sign, const struct mesh_node *n)
{
	const struct mesh_prefix *a = mesh_node_addresses(n);
	char text[MESH_IP_TEXT];

	mesh_buf_printf(out, "%c %s", sign, n->name ? n->name : "?");
	for (size_t i = 0; i < n->addresses.count; i++)
		mesh_buf_printf(out, " %s", mesh_ip_format(&a[i].ip, text));
	mesh_buf_add_str(out, "\n");
}

static void
write_change(struct mesh_buf *out, const struct mesh_netmap_change *c)
{
	unsigned said = 0;

	if (c->old == NULL || c->new == NULL) {
		write_node(out, c->old ? '-' : '+', c->old ? c->old : c->new);
		return;
	}
	mesh_buf_printf(out, "~ %s", c->new->name ? c->new->name : "?");
	for (size_t i = 0; i < MEMBERS; i++) {
		unsigned field = node_members[i].field;

		if ((c->fields & field) && !(said & field))
			mesh_buf_printf(out, " %s", node_members[i].word);
		said |= field;
	}
	if (c->fields & MESH_NODE_REST)
		mesh_buf_add_str(out, " other");
	mesh_buf_add_str(out, "\n");
}

void
mesh_netmap_diff_write(struct mesh_buf *out, const struct mesh_netmap *old,
    const struct mesh_netmap *new)
{
	static const struct {
		unsigned part;
		const char *word;
	} words[] = {
	    {MESH_NETMAP_SELF, "self"}, {MESH_NETMAP_RELAYS, "relays"},
	    {MESH_NETMAP_DNS, "dns"}, {MESH_NETMAP_FILTER, "filter"},
	    {MESH_NETMAP_USER_SET, "users"}, {MESH_NETMAP_SSH, "ssh"},
	    {MESH_NETMAP_HEALTH, "health"}, {MESH_NETMAP_OTHER, "other"},
	};
	unsigned parts = mesh_netmap_diff_parts(old, new);
	struct mesh_netmap_change change;
	struct mesh_netmap_diff d;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (parts & words[i].part)
			mesh_buf_printf(out, "~ %s\n", words[i].word);
	mesh_netmap_diff_init(&d, old, new);
	while (mesh_netmap_diff_next(&d, &change))
		write_change(out, &change);
}
