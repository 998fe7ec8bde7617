/* SPDX-License-Identifier: ISC */
#include "local/status.h"

#include "netmap/hostinfo.h"
#include "netmap/value.h"

const char *
mesh_backend_state_name(enum mesh_backend_state s)
{
	static const char *const names[] = {
		[MESH_BACKEND_NO_STATE] = "NoState",
		[MESH_BACKEND_IN_USE_OTHER_USER] = "InUseOtherUser",
		[MESH_BACKEND_NEEDS_LOGIN] = "NeedsLogin",
		[MESH_BACKEND_NEEDS_MACHINE_AUTH] = "NeedsMachineAuth",
		[MESH_BACKEND_STOPPED] = "Stopped",
		[MESH_BACKEND_STARTING] = "Starting",
		[MESH_BACKEND_RUNNING] = "Running",
	};

	return names[s];
}

#define AT(member) offsetof(struct mesh_peer_status, member)
#define OMIT MESH_BIND_OMIT
#define OR_NULL MESH_BIND_NULL

static const struct mesh_field peer_fields[] = {
	{"ID", MESH_BIND_STRING, AT(id), 0},
	{"NodeID", MESH_BIND_INT64, AT(node_id), 0},
	{"PublicKey", MESH_BIND_CUSTOM, AT(key), 0,
	    .codec = &mesh_bind_node_key},
	{"HostName", MESH_BIND_STRING, AT(host_name), 0},
	{"DNSName", MESH_BIND_STRING, AT(dns_name), 0},
	{"OS", MESH_BIND_STRING, AT(os), 0},
	{"UserID", MESH_BIND_INT64, AT(user), 0},
	{"TailscaleIPs", MESH_BIND_CUSTOMS, AT(ips), OR_NULL,
	    .codec = &mesh_bind_ip},
	{"AllowedIPs", MESH_BIND_CUSTOMS, AT(allowed_ips), OMIT,
	    .codec = &mesh_bind_prefix},
	{"Tags", MESH_BIND_STRINGS, AT(tags), OMIT},
	{"PrimaryRoutes", MESH_BIND_CUSTOMS, AT(primary_routes), OMIT,
	    .codec = &mesh_bind_prefix},
	{"Addrs", MESH_BIND_CUSTOMS, AT(addrs), OR_NULL,
	    .codec = &mesh_bind_endpoint},
	{"CurAddr", MESH_BIND_CUSTOM, AT(cur_addr), 0,
	    .codec = &mesh_bind_endpoint},
	{"Relay", MESH_BIND_STRING, AT(relay), 0},
	{"PeerRelay", MESH_BIND_STRING, AT(peer_relay), 0},
	{"RxBytes", MESH_BIND_INT64, AT(rx_bytes), 0},
	{"TxBytes", MESH_BIND_INT64, AT(tx_bytes), 0},
	{"Created", MESH_BIND_WALL, AT(created), 0},
	{"LastWrite", MESH_BIND_WALL, AT(last_write), 0},
	{"LastSeen", MESH_BIND_WALL, AT(last_seen), 0},
	{"LastHandshake", MESH_BIND_WALL, AT(last_handshake), 0},
	{"Online", MESH_BIND_BOOL, AT(online), 0},
	{"ExitNode", MESH_BIND_BOOL, AT(exit_node), 0},
	{"ExitNodeOption", MESH_BIND_BOOL, AT(exit_node_option), 0},
	{"Active", MESH_BIND_BOOL, AT(active), 0},
	{"PeerAPIURL", MESH_BIND_STRINGS, AT(peerapi_url), OR_NULL},
	{"TaildropTarget", MESH_BIND_INT, AT(taildrop_target), 0},
	{"NoFileSharingReason", MESH_BIND_STRING, AT(no_file_sharing_reason),
	    0},
	{"Capabilities", MESH_BIND_STRINGS, AT(capabilities), OMIT},
	{"CapMap", MESH_BIND_MAP_RAW, AT(cap_map), OMIT},
	{"sshHostKeys", MESH_BIND_STRINGS, AT(ssh_host_keys), OMIT},
	{"InNetworkMap", MESH_BIND_BOOL, AT(in_network_map), 0},
	{"InMagicSock", MESH_BIND_BOOL, AT(in_magic_sock), 0},
	{"InEngine", MESH_BIND_BOOL, AT(in_engine), 0},
	{"Expired", MESH_BIND_BOOL, AT(expired), OMIT},
	{"KeyExpiry", MESH_BIND_WALL, AT(key_expiry), OMIT},
};
const struct mesh_schema mesh_peer_status_schema =
    MESH_SCHEMA(struct mesh_peer_status, peer_fields);

static const struct mesh_field network_fields[] = {
	{"Name", MESH_BIND_STRING, offsetof(struct mesh_network_name, name),
	    0},
	{"MagicDNSSuffix", MESH_BIND_STRING,
	    offsetof(struct mesh_network_name, dns_suffix), 0},
	{"MagicDNSEnabled", MESH_BIND_BOOL,
	    offsetof(struct mesh_network_name, dns_enabled), 0},
};
static const struct mesh_schema network_schema =
    MESH_SCHEMA(struct mesh_network_name, network_fields);

#undef AT
#define AT(member) offsetof(struct mesh_status, member)

static const struct mesh_field status_fields[] = {
	{"Version", MESH_BIND_STRING, AT(version), 0},
	{"TUN", MESH_BIND_BOOL, AT(tun), 0},
	{"BackendState", MESH_BIND_STRING, AT(backend_state), 0},
	{"HaveNodeKey", MESH_BIND_BOOL, AT(have_node_key), OMIT},
	{"AuthURL", MESH_BIND_STRING, AT(auth_url), 0},
	{"TailscaleIPs", MESH_BIND_CUSTOMS, AT(ips), OR_NULL,
	    .codec = &mesh_bind_ip},
	{"Self", MESH_BIND_OBJECT, AT(self), 0,
	    .sub = &mesh_peer_status_schema},
	{"Health", MESH_BIND_STRINGS, AT(health), OR_NULL},
	{"MagicDNSSuffix", MESH_BIND_STRING, AT(dns_suffix), 0},
	{"CurrentTailnet", MESH_BIND_OBJECT, AT(network), 0,
	    .sub = &network_schema},
	{"CertDomains", MESH_BIND_STRINGS, AT(cert_domains), OR_NULL},
	{"ExtraRecords", MESH_BIND_OBJECTS, AT(extra_records), OR_NULL,
	    .sub = &mesh_dns_record_schema},
	{"Peer", MESH_BIND_MAP_OBJECT, AT(peers), OR_NULL,
	    .sub = &mesh_peer_status_schema, .max = MESH_STATUS_PEERS},
	{"User", MESH_BIND_MAP_OBJECT, AT(users), OR_NULL,
	    .sub = &mesh_user_schema, .max = MESH_STATUS_PEERS},
	{"ClientVersion", MESH_BIND_RAW, AT(client_version), 0},
};
const struct mesh_schema mesh_status_schema =
    MESH_SCHEMA(struct mesh_status, status_fields);

static struct mesh_bind_list
addresses_alone(const struct mesh_node *n, struct mesh_arena *a)
{
	struct mesh_bind_list list = {.set = true};
	struct mesh_ip *ips =
	    mesh_arena_calloc(a, n->addresses.count, sizeof(*ips));

	for (size_t i = 0; ips != NULL && i < n->addresses.count; i++)
		ips[list.count++] = mesh_node_addresses(n)[i].ip;
	list.items = ips;
	return list;
}

/* "http://100.64.0.2:46590", of each family. */
static struct mesh_bind_list
peerapi_urls(const struct mesh_node *n, struct mesh_arena *a)
{
	const char **urls = mesh_arena_calloc(a, 2, sizeof(*urls));
	struct mesh_bind_list list = {.items = urls};
	char at[MESH_ENDPOINT_TEXT], url[MESH_ENDPOINT_TEXT + 8];

	for (size_t i = 0; urls != NULL && i < n->addresses.count &&
	     list.count < 2; i++) {
		struct mesh_endpoint ep = {.ip = mesh_node_addresses(n)[i].ip};

		ep.port = mesh_hostinfo_peerapi(n->hostinfo,
		    mesh_ip_is4(&ep.ip));
		if (ep.port == 0)
			continue;
		(void)mesh_format(url, sizeof(url), "http://%s",
		    mesh_endpoint_format(&ep, at));
		urls[list.count++] = mesh_arena_strdup(a, url);
		list.set = true;
	}
	return list;
}

static bool
routes_everything(const struct mesh_node *n)
{
	bool four = false, six = false;

	for (size_t i = 0; i < n->allowed_ips.count; i++) {
		const struct mesh_prefix *p = &mesh_node_allowed_ips(n)[i];

		six |= p->bits == 0;
		four |= p->bits == 96 && mesh_ip_is4(&p->ip);
	}
	return four && six;
}

void
mesh_peer_status_from(const struct mesh_node *n, struct mesh_arena *a,
    struct mesh_peer_status *out)
{
	const struct mesh_hostinfo *h = n->hostinfo;

	*out = (struct mesh_peer_status){
	    .id = n->stable_id,
	    .node_id = n->id,
	    .key = n->key,
	    .host_name = h ? h->hostname : NULL,
	    .dns_name = n->name,
	    .os = h ? h->os : NULL,
	    .user = n->user,
	    .ips = addresses_alone(n, a),
	    .allowed_ips = n->allowed_ips,
	    .tags = n->tags,
	    .primary_routes = n->primary_routes,
	    .capabilities = n->capabilities,
	    .cap_map = n->cap_map,
	    .created = n->created,
	    .last_seen = n->online > 0 ? (struct mesh_wall){0} : n->last_seen,
	    .online = n->online > 0,
	    .exit_node_option = routes_everything(n),
	    .peerapi_url = peerapi_urls(n, a),
	    .ssh_host_keys = h ? h->ssh_host_keys : (struct mesh_bind_list){0},
	    .in_network_map = true,
	    .expired = n->expired,
	    .key_expiry = n->key_expiry,
	};
}
