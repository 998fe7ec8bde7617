/* SPDX-License-Identifier: ISC */
#include "netmap/node.h"

#include "netmap/diff.h"
#include "netmap/dns.h"

#define OMIT MESH_BIND_OMIT
#define UNSET MESH_BIND_OMIT_UNSET
#define PREFIXES .codec = &mesh_bind_prefix, .max = MESH_NODE_PREFIXES
#define CANDIDATES .codec = &mesh_bind_candidate, .max = MESH_NODE_ENDPOINTS

/* In the order in which stock programs write them (control.md 7.2). */
#define F(...) MESH_FIELD(struct mesh_node, __VA_ARGS__)
static const struct mesh_field node_fields[] = {
    F("ID", INT64, id, 0),
    F("StableID", STRING, stable_id, 0),
    F("Name", STRING, name, 0),
    F("User", INT64, user, 0),
    F("Sharer", INT64, sharer, OMIT),
    F("Key", CUSTOM, key, 0, .codec = &mesh_bind_node_key),
    F("KeyExpiry", WALL, key_expiry, OMIT),
    F("KeySignature", RAW, key_signature, OMIT),
    F("Machine", CUSTOM, machine, OMIT, .codec = &mesh_bind_machine_key),
    F("DiscoKey", CUSTOM, disco, OMIT, .codec = &mesh_bind_disco_key),
    F("Addresses", CUSTOMS, addresses, MESH_BIND_NULL, PREFIXES),
    F("AllowedIPs", CUSTOMS, allowed_ips, UNSET, PREFIXES),
    F("Endpoints", CUSTOMS, endpoints, OMIT, CANDIDATES),
    F("DERP", STRING, legacy_derp, OMIT),
    F("HomeDERP", INT64, home_derp, OMIT),
    F("Hostinfo", OBJECT, hostinfo, OMIT, .sub = &mesh_hostinfo_schema),
    F("Created", WALL, created, OMIT),
    F("Cap", INT64, cap, OMIT),
    F("Tags", STRINGS, tags, OMIT, .max = MESH_NODE_TAGS),
    F("PrimaryRoutes", CUSTOMS, primary_routes, OMIT, PREFIXES),
    F("LastSeen", WALL, last_seen, UNSET),
    F("Online", OPTBOOL, online, OMIT),
    F("MachineAuthorized", BOOL, machine_authorized, OMIT),
    F("Capabilities", STRINGS, capabilities, OMIT, .max = MESH_NODE_CAPS),
    F("CapMap", MAP_RAW, cap_map, OMIT, .max = MESH_NODE_CAPS),
    F("UnsignedPeerAPIOnly", BOOL, unsigned_peerapi_only, OMIT),
    F("DataPlaneAuditLogID", STRING, audit_log_id, OMIT),
    F("Expired", BOOL, expired, OMIT),
    F("SelfNodeV4MasqAddrForThisPeer", CUSTOM, masq4, OMIT,
	.codec = &mesh_bind_ip),
    F("SelfNodeV6MasqAddrForThisPeer", CUSTOM, masq6, OMIT,
	.codec = &mesh_bind_ip),
    F("IsWireGuardOnly", BOOL, is_wireguard_only, OMIT),
    F("IsJailed", BOOL, is_jailed, OMIT),
    F("ExitNodeDNSResolvers", OBJECTS, exit_dns, OMIT,
	.sub = &mesh_resolver_schema),
};
#undef F
const struct mesh_schema mesh_node_schema =
    MESH_SCHEMA(struct mesh_node, node_fields);

#define F(...) MESH_FIELD(struct mesh_node_patch, __VA_ARGS__)
static const struct mesh_field patch_fields[] = {
    F("NodeID", INT64, id, 0),
    F("DERPRegion", INT64, home_derp, OMIT),
    F("Cap", INT64, cap, OMIT),
    F("CapMap", MAP_RAW, cap_map, UNSET, .max = MESH_NODE_CAPS),
    F("Endpoints", CUSTOMS, endpoints, UNSET, CANDIDATES),
    F("Key", CUSTOM, key, OMIT, .codec = &mesh_bind_node_key),
    F("KeySignature", RAW, key_signature, OMIT),
    F("DiscoKey", CUSTOM, disco, OMIT, .codec = &mesh_bind_disco_key),
    F("Online", OPTBOOL, online, OMIT),
    F("LastSeen", WALL, last_seen, UNSET),
    F("KeyExpiry", WALL, key_expiry, UNSET),
};
#undef F
const struct mesh_schema mesh_node_patch_schema =
    MESH_SCHEMA(struct mesh_node_patch, patch_fields);

int
mesh_node_parse(struct mesh_str json, struct mesh_node **out,
    struct mesh_diag *diag)
{
	return mesh_counted_parse(json, &mesh_node_schema, MESH_NODE_MEMORY,
	    out, diag);
}

void
mesh_node_write(struct mesh_buf *out, const struct mesh_node *n)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, &mesh_node_schema, n);
}

int
mesh_node_copy(const struct mesh_node *n, struct mesh_node **out)
{
	struct mesh_buf text;
	int err = MESH_ERR_NOMEM;

	mesh_buf_init(&text, MESH_NODE_MEMORY);
	mesh_node_write(&text, n);
	if (!text.failed)
		err = mesh_node_parse((struct mesh_str){
		    (const char *)text.data, text.len}, out, NULL);
	mesh_buf_release(&text);
	return err;
}

bool
mesh_node_eq(const struct mesh_node *a, const struct mesh_node *b)
{
	return mesh_counted_eq(a, b, &mesh_node_schema, MESH_NODE_MEMORY);
}

/* --- what older servers say in other members */

/* "127.3.3.40:900" */
static int64_t
legacy_region(const char *derp)
{
	static const char magic[] = "127.3.3.40:";
	uint64_t region = 0;

	if (derp == NULL || strncmp(derp, magic, sizeof(magic) - 1) != 0 ||
	    mesh_parse_u64(mesh_str(derp + sizeof(magic) - 1), INT64_MAX,
		&region) != MESH_OK)
		return 0;
	return (int64_t)region;
}

static void
map_append(struct mesh_bind_map *m, const char *name, struct mesh_str value)
{
	m->names[m->count] = name;
	((struct mesh_str *)m->items)[m->count++] = value;
}

static void
upgrade_capabilities(struct mesh_node *n)
{
	const char *const *old = n->capabilities.items;
	const struct mesh_str *values = n->cap_map.items;
	struct mesh_arena *a = &n->counted.arena;
	size_t count = n->cap_map.count + n->capabilities.count;
	struct mesh_bind_map all = {.set = true};

	if (n->capabilities.count == 0)
		return;
	all.names = mesh_arena_calloc(a, count, sizeof(*all.names));
	all.nulls = mesh_arena_calloc(a, count, sizeof(*all.nulls));
	all.items = mesh_arena_calloc(a, count, sizeof(struct mesh_str));
	if (a->failed)
		return;
	for (size_t i = 0; i < n->cap_map.count; i++)
		map_append(&all, n->cap_map.names[i], values[i]);
	for (size_t i = 0; i < n->capabilities.count; i++)
		if (old[i] != NULL && mesh_bind_map_find(&all, old[i]) < 0)
			map_append(&all, old[i], MESH_STR("null"));
	n->cap_map = all;
	n->capabilities = (struct mesh_bind_list){0};
}

int
mesh_node_upgrade(struct mesh_node *n)
{
	if (n->home_derp == 0)
		n->home_derp = legacy_region(n->legacy_derp);
	n->legacy_derp = NULL;
	/* A node that nobody signed may be asked for files, nothing else. */
	if (!n->allowed_ips.set || n->unsigned_peerapi_only)
		n->allowed_ips = n->addresses;
	n->allowed_ips.set = true;
	upgrade_capabilities(n);
	return n->counted.arena.failed ? MESH_ERR_NOMEM : MESH_OK;
}

/* --- patches */

static void
copy_list(struct mesh_arena *a, struct mesh_bind_list *to,
    const struct mesh_bind_list *from, size_t item)
{
	*to = (struct mesh_bind_list){.count = from->count, .set = true};
	if (from->count > 0)
		to->items =
		    mesh_arena_memdup(a, from->items, from->count * item);
}

static struct mesh_str
copy_str(struct mesh_arena *a, struct mesh_str s)
{
	return (struct mesh_str){mesh_arena_strndup(a, s.p, s.len), s.len};
}

static void
copy_map(struct mesh_arena *a, struct mesh_bind_map *to,
    const struct mesh_bind_map *from)
{
	const struct mesh_str *values = from->items;
	struct mesh_bind_map m = {.set = true};

	m.names = mesh_arena_calloc(a, from->count, sizeof(*m.names));
	m.nulls = mesh_arena_calloc(a, from->count, sizeof(*m.nulls));
	m.items = mesh_arena_calloc(a, from->count, sizeof(struct mesh_str));
	for (size_t i = 0; !a->failed && i < from->count; i++)
		map_append(&m, mesh_arena_strdup(a, from->names[i]),
		    copy_str(a, values[i]));
	if (!a->failed)
		*to = m;
}

/* The zero time says "none". */
static struct mesh_wall
patched_wall(struct mesh_wall was, struct mesh_wall patch)
{
	if (patch.sec == 0 && patch.nsec == 0)
		return was;
	return mesh_wall_is_zero(patch) ? (struct mesh_wall){0} : patch;
}

int
mesh_node_apply(struct mesh_node *n, const struct mesh_node_patch *p)
{
	struct mesh_arena *a = &n->counted.arena;

	if (p->home_derp != 0)
		n->home_derp = p->home_derp;
	if (p->cap != 0)
		n->cap = p->cap;
	if (p->cap_map.set)
		copy_map(a, &n->cap_map, &p->cap_map);
	if (p->endpoints.set)
		copy_list(a, &n->endpoints, &p->endpoints,
		    sizeof(struct mesh_endpoint));
	if (!mesh_node_key_is_zero(&p->key))
		n->key = p->key;
	if (p->key_signature.len > 0)
		n->key_signature = copy_str(a, p->key_signature);
	if (!mesh_disco_key_is_zero(&p->disco))
		n->disco = p->disco;
	if (p->online != 0)
		n->online = p->online;
	n->last_seen = patched_wall(n->last_seen, p->last_seen);
	n->key_expiry = patched_wall(n->key_expiry, p->key_expiry);
	return a->failed ? MESH_ERR_NOMEM : MESH_OK;
}

/* What a patch can say; but none of these can become absent by one. */
#define PATCHABLE                                                              \
	(MESH_NODE_KEY | MESH_NODE_SIGNATURE | MESH_NODE_DISCO |               \
	    MESH_NODE_ENDPOINT_SET | MESH_NODE_HOME | MESH_NODE_ONLINE |       \
	    MESH_NODE_SEEN | MESH_NODE_EXPIRY | MESH_NODE_CAP_SET)

static bool
can_patch(const struct mesh_node *b, unsigned fields)
{
	if (fields & ~PATCHABLE)
		return false;
	return !((fields & MESH_NODE_SIGNATURE) && b->key_signature.len == 0) &&
	    !((fields & MESH_NODE_DISCO) && mesh_disco_key_is_zero(&b->disco)) &&
	    !((fields & MESH_NODE_HOME) && b->home_derp == 0) &&
	    !((fields & MESH_NODE_ONLINE) && b->online == 0) &&
	    !((fields & MESH_NODE_CAP_SET) && b->cap == 0);
}

bool
mesh_node_patch_between(const struct mesh_node *a, const struct mesh_node *b,
    struct mesh_node_patch *out)
{
	unsigned fields = mesh_node_diff(a, b);
	struct mesh_node_patch p = {.id = fields != 0 ? b->id : 0};

	if (!can_patch(b, fields))
		return false;
	if (fields & MESH_NODE_KEY)
		p.key = b->key;
	if (fields & MESH_NODE_SIGNATURE)
		p.key_signature = b->key_signature;
	if (fields & MESH_NODE_DISCO)
		p.disco = b->disco;
	if (fields & MESH_NODE_HOME)
		p.home_derp = b->home_derp;
	if (fields & MESH_NODE_ONLINE)
		p.online = b->online;
	if (fields & MESH_NODE_CAP_SET) {
		p.cap = a->cap != b->cap ? b->cap : 0;
		p.cap_map = b->cap_map;
		p.cap_map.set = true;
	}
	if (fields & MESH_NODE_ENDPOINT_SET) {
		p.endpoints = b->endpoints;
		p.endpoints.set = true;
	}
	/* "Seen at no time" goes without saying when a node comes online. */
	if (fields & MESH_NODE_SEEN)
		p.last_seen = b->last_seen;
	if (fields & MESH_NODE_EXPIRY)
		p.key_expiry = mesh_wall_is_set(b->key_expiry)
		    ? b->key_expiry
		    : MESH_WALL_ZERO;
	*out = p;
	return true;
}
