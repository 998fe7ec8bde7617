/* SPDX-License-Identifier: ISC
 * node.h - a node of the network, as control describes it; and a small change
 * to one.
 *
 * Source: protocol/control.md 7.2 and 6.5. A node that is in a netmap is
 * immutable and counted (netmap/counted.h).
 */
#ifndef MESH_NETMAP_NODE_H
#define MESH_NETMAP_NODE_H

#include <mesh/netmap.h>
#include <netmap/counted.h>
#include <netmap/hostinfo.h>

#define MESH_NODE_MEMORY (1u << 20) /* bytes that one decoded node may take */
#define MESH_NODE_PREFIXES 4096u    /* addresses, allowed prefixes, routes */
#define MESH_NODE_ENDPOINTS 256u
#define MESH_NODE_TAGS 256u
#define MESH_NODE_CAPS 1024u

struct mesh_node {
	struct mesh_counted counted;
	int64_t id;	       /* > 0, never used again by its server */
	const char *stable_id; /* opaque */
	const char *name;      /* full name with a dot at the end */
	int64_t user;
	int64_t sharer;
	struct mesh_node_key key;
	struct mesh_wall key_expiry; /* see mesh_wall_is_set() */
	struct mesh_str key_signature;	 /* JSON: base64 in quotes */
	struct mesh_machine_key machine; /* zero: not told */
	struct mesh_disco_key disco;	 /* zero: no direct paths */
	struct mesh_bind_list addresses; /* struct mesh_prefix, /32 or /128 */
	/* struct mesh_prefix; not set means the addresses: in a netmap it always
	 * is set. An empty list: nothing is routed to the node. */
	struct mesh_bind_list allowed_ips;
	struct mesh_bind_list endpoints; /* struct mesh_endpoint, some "none" */
	const char *legacy_derp;	 /* "127.3.3.40:900"; see home_derp */
	int64_t home_derp;		 /* relay region, 0 unknown */
	struct mesh_hostinfo *hostinfo;	 /* NULL: not told */
	struct mesh_wall created;
	int64_t cap;			 /* capability version */
	struct mesh_bind_list tags;	 /* const char *, "tag:x" */
	struct mesh_bind_list primary_routes; /* struct mesh_prefix */
	struct mesh_wall last_seen;
	int8_t online; /* -1 no, 0 unknown, 1 yes */
	bool machine_authorized;
	struct mesh_bind_list capabilities; /* const char *, before CapMap */
	struct mesh_bind_map cap_map;	    /* of struct mesh_str, JSON lists */
	bool unsigned_peerapi_only;
	const char *audit_log_id;
	bool expired;
	struct mesh_ip masq4; /* source address to use towards this peer */
	struct mesh_ip masq6;
	bool is_wireguard_only;
	bool is_jailed; /* may be contacted, must not initiate */
	struct mesh_bind_list exit_dns; /* struct mesh_resolver */
};

extern const struct mesh_schema mesh_node_schema;

/* One node from its JSON object, with one reference. Nothing is upgraded:
 * writing it again gives the members that were read. */
int mesh_node_parse(struct mesh_str json, struct mesh_node **out,
    struct mesh_diag *diag);
/* Appends the node's JSON object. */
void mesh_node_write(struct mesh_buf *out, const struct mesh_node *n);
/* Fills in what older servers say in other members (control.md 6.6): HomeDERP
 * from DERP, AllowedIPs from Addresses, CapMap from Capabilities. Only before
 * the node is shared. MESH_ERR_NOMEM, MESH_ERR_LIMIT. */
int mesh_node_upgrade(struct mesh_node *n);
/* A copy with one reference that may be changed until it is shared. */
int mesh_node_copy(const struct mesh_node *n, struct mesh_node **out);
/* Same members with the same values? */
bool mesh_node_eq(const struct mesh_node *a, const struct mesh_node *b);

/* List members, typed. */
static inline const struct mesh_prefix *
mesh_node_addresses(const struct mesh_node *n)
{
	return n->addresses.items;
}

static inline const struct mesh_prefix *
mesh_node_allowed_ips(const struct mesh_node *n)
{
	return n->allowed_ips.items;
}

static inline const struct mesh_endpoint *
mesh_node_endpoints(const struct mesh_node *n)
{
	return n->endpoints.items;
}

static inline const char *const *
mesh_node_tags(const struct mesh_node *n)
{
	return n->tags.items;
}

/* A change to a peer that control already told us of (PeersChangedPatch). Each
 * member counts only when it is there: numbers that are not 0, lists and maps
 * that are set, keys and times that are not absent. */
struct mesh_node_patch {
	int64_t id;
	int64_t home_derp;
	int64_t cap;
	struct mesh_bind_map cap_map;
	struct mesh_bind_list endpoints; /* struct mesh_endpoint */
	struct mesh_node_key key;
	struct mesh_str key_signature; /* JSON */
	struct mesh_disco_key disco;
	int8_t online;
	struct mesh_wall last_seen;  /* the zero time clears */
	struct mesh_wall key_expiry; /* the zero time means never */
};

extern const struct mesh_schema mesh_node_patch_schema;

/* Applies a patch to a node that is not shared yet; the values are copied. */
int mesh_node_apply(struct mesh_node *n, const struct mesh_node_patch *p);
/* The patch that makes b of a; its values are borrowed from b. False when they
 * differ in something that a patch cannot say (control.md 6.5): then the whole
 * node must be sent. With no difference p->id is 0. */
bool mesh_node_patch_between(const struct mesh_node *a,
    const struct mesh_node *b, struct mesh_node_patch *out);

#endif
