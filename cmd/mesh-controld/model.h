/* SPDX-License-Identifier: ISC
 * model.h - what the coordination server knows: users, auth keys, nodes.
 *
 * Plain records, as the store keeps them. Numbers are never used twice. Wall
 * clock times are seconds since 1970, 0 means never.
 */
#ifndef CONTROLD_MODEL_H
#define CONTROLD_MODEL_H

#include <base/addr.h>
#include <mesh/key.h>

#define USER_NAME_MAX 128u  /* bytes with NUL */
#define NODE_LABEL_MAX 64u  /* bytes with NUL: a DNS label has 63 */
#define NODE_HOST_MAX 256u  /* bytes with NUL, as the node reported it */
#define NODE_ENDPOINTS 64u  /* kept of one node; stock nodes have below 20 */
#define NODE_HOSTINFO 32768u /* bytes of JSON */
#define NODE_ROUTES_MAX 256u /* announced by one node, approved for one */
#define ROUTES_TEXT (NODE_ROUTES_MAX * 50u) /* bytes of such a list */
#define TAGS_MAX 1024u	     /* bytes with NUL, all tags of one node */
#define USER_TAGGED INT64_C(2147455555) /* who owns tagged nodes, on the wire */
#define USER_TAGGED_NAME "tagged-devices"

#define KEY_IDENT_LEN 12u /* hex digits that name an auth key in public */
#define KEY_HASH_LEN 32u  /* BLAKE2b of the secret part */

struct user {
	int64_t id;
	int64_t created;
	char name[USER_NAME_MAX];
};

struct auth_key {
	int64_t id;
	int64_t user;
	int64_t created, expires;
	char ident[KEY_IDENT_LEN + 1];
	uint8_t hash[KEY_HASH_LEN];
	bool reusable, ephemeral, used, revoked;
	char *tags; /* "tag:a,tag:b", sorted; "" for none; never NULL */
};

enum register_method {
	REGISTER_UNKNOWN,
	REGISTER_AUTH_KEY,
	REGISTER_CLI,
	REGISTER_WAITING, /* by an auth key; an administrator has to approve */
};

struct node_endpoint {
	struct mesh_endpoint addr;
	uint8_t type; /* protocol/control.md 6.1: 1 local, 2 STUN, ... */
};

struct route_list { /* sorted, each once */
	struct mesh_prefix *items;
	size_t count;
};

struct node_routes {                 /* routes.h */
	struct route_list announced; /* by the node */
	struct route_list approved;  /* by administrators and the policy */
};

struct node {
	int64_t id;
	int64_t user; /* 0: tagged, owned by nobody */
	int64_t auth_key;
	int64_t created, expires, last_seen;
	struct mesh_machine_key machine;
	struct mesh_node_key key;
	struct mesh_disco_key disco;
	struct mesh_ip ip4, ip6;
	enum register_method method;
	bool ephemeral;
	bool renamed; /* by an administrator: the host name changes it no more */
	uint16_t capver;
	int32_t relay; /* home region, 0 unknown */
	uint16_t endpoint_count;
	struct node_endpoint *endpoints;
	char *tags;	     /* as in auth_key; never NULL */
	char *hostname;	     /* as the node says; never NULL */
	char *hostinfo;	     /* JSON, complete; never NULL ("{}") */
	char *hostinfo_peer; /* JSON, what peers may see; never NULL */
	struct node_routes *routes; /* NULL for most: none of either */
	char label[NODE_LABEL_MAX];
};

/* Frees what the record points to, not the record. */
void auth_key_release(struct auth_key *k);
void node_release(struct node *n);

/* "tag:name": a letter, then letters, digits, '-'. */
bool tag_is_valid(struct mesh_str tag);
/* Adds a tag to the sorted list in out[TAGS_MAX]; MESH_ERR_FORMAT,
 * MESH_ERR_LIMIT. A tag that is there already changes nothing. */
int tags_add(char *list, struct mesh_str tag);
/* Walks "tag:a,tag:b": false at the end. */
bool tags_next(struct mesh_str *rest, struct mesh_str *out_tag);

#endif
