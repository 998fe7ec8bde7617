/* SPDX-License-Identifier: ISC
 * status.h - what the daemon says of itself and its peers: the shape that
 * filters people already have expect.
 *
 * Source: protocol/services.md 1.6; sample localapi-status.json. All texts and
 * lists are borrowed when written, and belong to the arena when read.
 */
#ifndef MESH_LOCAL_STATUS_H
#define MESH_LOCAL_STATUS_H

#include "netmap/dns.h"
#include "netmap/node.h"
#include "netmap/user.h"

#define MESH_STATUS_PEERS 65536u
#define MESH_STATUS_MEMORY (256u << 20) /* bytes that one decoded status takes */

/* What the daemon is doing; the number is what watch-ipn-bus sends. */
enum mesh_backend_state {
	MESH_BACKEND_NO_STATE,
	MESH_BACKEND_IN_USE_OTHER_USER,
	MESH_BACKEND_NEEDS_LOGIN,
	MESH_BACKEND_NEEDS_MACHINE_AUTH,
	MESH_BACKEND_STOPPED,
	MESH_BACKEND_STARTING,
	MESH_BACKEND_RUNNING,
};

/* "Running"; static. */
const char *mesh_backend_state_name(enum mesh_backend_state s);

struct mesh_peer_status {
	const char *id; /* stable */
	int64_t node_id;
	struct mesh_node_key key;
	const char *host_name;
	const char *dns_name; /* with a dot at the end */
	const char *os;
	int64_t user;
	struct mesh_bind_list ips;	   /* struct mesh_ip */
	struct mesh_bind_list allowed_ips; /* struct mesh_prefix */
	struct mesh_bind_list tags;	   /* const char * */
	struct mesh_bind_list primary_routes;
	struct mesh_bind_list addrs;   /* struct mesh_endpoint: candidates */
	struct mesh_endpoint cur_addr; /* direct path in use, or none */
	const char *relay;	       /* code of its home region */
	const char *peer_relay;
	int64_t rx_bytes, tx_bytes;
	struct mesh_wall created, last_write, last_seen, last_handshake;
	bool online;
	bool exit_node, exit_node_option;
	bool active; /* traffic in the last two minutes */
	struct mesh_bind_list peerapi_url; /* const char * */
	int32_t taildrop_target;
	const char *no_file_sharing_reason;
	struct mesh_bind_list capabilities; /* const char *; names of cap_map */
	struct mesh_bind_map cap_map;
	struct mesh_bind_list ssh_host_keys; /* const char * */
	bool in_network_map, in_magic_sock, in_engine;
	bool expired;
	struct mesh_wall key_expiry;
};

struct mesh_network_name {
	const char *name;
	const char *dns_suffix;
	bool dns_enabled;
};

struct mesh_status {
	const char *version;
	bool tun;
	const char *backend_state;
	bool have_node_key;
	const char *auth_url;
	struct mesh_bind_list ips; /* struct mesh_ip */
	struct mesh_peer_status *self;
	struct mesh_bind_list health; /* const char * */
	const char *dns_suffix;
	struct mesh_network_name *network;
	struct mesh_bind_list cert_domains; /* const char * */
	struct mesh_bind_list extra_records; /* struct mesh_dns_record */
	struct mesh_bind_map peers; /* "nodekey:..." -> mesh_peer_status */
	struct mesh_bind_map users; /* "17" -> mesh_user */
	struct mesh_str client_version; /* JSON */
};

extern const struct mesh_schema mesh_peer_status_schema;
extern const struct mesh_schema mesh_status_schema;

/* The i-th peer. */
static inline const struct mesh_peer_status *
mesh_status_peer(const struct mesh_status *s, size_t i)
{
	return (const struct mesh_peer_status *)s->peers.items + i;
}

/* What a node of the netmap says of itself; the rest (paths, counters) is the
 * caller's. The lists are borrowed from n; ips needs memory of the arena. */
void mesh_peer_status_from(const struct mesh_node *n, struct mesh_arena *a,
    struct mesh_peer_status *out);

#endif
