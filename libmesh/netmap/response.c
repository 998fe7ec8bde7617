/* SPDX-License-Identifier: ISC */
#include "netmap/response.h"

#include "netmap/health.h"
#include "netmap/snapshot.h"

#define OMIT MESH_BIND_OMIT
#define UNSET MESH_BIND_OMIT_UNSET
#define SLICE .codec = &mesh_bind_slice
#define NODES SLICE, .max = MESH_NETMAP_PEERS

/* In the order in which stock programs write them (control.md 6.4). */
#define F(...) MESH_FIELD(struct mesh_map_response, __VA_ARGS__)
static const struct mesh_field response_fields[] = {
    F("MapSessionHandle", STRING, session_handle, OMIT),
    F("Seq", INT64, seq, OMIT),
    F("KeepAlive", BOOL, keep_alive, OMIT),
    F("PingRequest", CUSTOM, ping, OMIT, SLICE),
    F("PopBrowserURL", STRING, pop_browser_url, OMIT),
    F("Node", CUSTOM, node, OMIT, SLICE),
    F("DERPMap", CUSTOM, relays, OMIT, SLICE),
    F("Peers", CUSTOMS, peers, OMIT, NODES),
    F("PeersChanged", CUSTOMS, peers_changed, OMIT, NODES),
    F("PeersRemoved", INTS, peers_removed, OMIT, .max = MESH_NETMAP_PEERS),
    F("PeersChangedPatch", OBJECTS, peers_patched, OMIT,
	.sub = &mesh_node_patch_schema, .max = MESH_NETMAP_PEERS),
    F("PeerSeenChange", CUSTOM, peer_seen, OMIT,
	.codec = &mesh_bind_id_flags),
    F("OnlineChange", CUSTOM, online, OMIT, .codec = &mesh_bind_id_flags),
    F("DNSConfig", CUSTOM, dns, OMIT, SLICE),
    F("Domain", STRING, domain, OMIT),
    F("CollectServices", OPTBOOL, collect_services, OMIT),
    F("PacketFilter", CUSTOM, filter, OMIT, SLICE),
    F("PacketFilters", MAP_RAW, filters, OMIT, .max = MESH_NETMAP_FILTERS),
    F("UserProfiles", CUSTOMS, users, OMIT, SLICE, .max = MESH_NETMAP_USERS),
    F("Health", STRINGS, health, UNSET, .max = MESH_HEALTH_ITEMS),
    F("DisplayMessages", MAP_RAW, messages, OMIT, .max = MESH_HEALTH_ITEMS),
    F("SSHPolicy", CUSTOM, ssh, OMIT, SLICE),
    F("ControlTime", WALL, control_time, OMIT),
    F("TKAInfo", CUSTOM, lock_info, OMIT, SLICE),
    F("DomainDataPlaneAuditLogID", STRING, audit_log_id, OMIT),
    F("Debug", CUSTOM, debug, OMIT, SLICE),
    F("ControlDialPlan", CUSTOM, dial_plan, OMIT, SLICE),
    F("ClientVersion", CUSTOM, client_version, OMIT, SLICE),
    F("DefaultAutoUpdate", OPTBOOL, default_auto_update, OMIT),
};
#undef F
const struct mesh_schema mesh_map_response_schema =
    MESH_SCHEMA(struct mesh_map_response, response_fields);

int
mesh_map_response_parse(struct mesh_str json, struct mesh_arena *a,
    struct mesh_map_response *out, struct mesh_diag *diag)
{
	struct mesh_map_response r = {0};
	int err;

	if (json.len > MESH_RESPONSE_LEN)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "map response of %zu bytes, at most %u are read", json.len,
		    MESH_RESPONSE_LEN);
	err = mesh_bind_parse(json.p, json.len, &mesh_map_response_schema, a, &r,
	    diag);
	if (err != MESH_OK)
		return err;
	*out = r;
	return MESH_OK;
}

void
mesh_map_response_write(struct mesh_buf *out, const struct mesh_map_response *r)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, &mesh_map_response_schema, r);
}
