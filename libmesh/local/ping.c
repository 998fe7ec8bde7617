/* SPDX-License-Identifier: ISC */
#include "local/ping.h"

#define AT(member) offsetof(struct mesh_ping_result, member)

static const struct mesh_field ping_fields[] = {
	{"IP", MESH_BIND_STRING, AT(ip), 0},
	{"NodeIP", MESH_BIND_STRING, AT(node_ip), 0},
	{"NodeName", MESH_BIND_STRING, AT(node_name), 0},
	{"Err", MESH_BIND_STRING, AT(err), 0},
	{"LatencySeconds", MESH_BIND_DOUBLE, AT(latency_seconds), 0},
	{"Endpoint", MESH_BIND_CUSTOM, AT(endpoint), 0,
	    .codec = &mesh_bind_endpoint},
	{"PeerRelay", MESH_BIND_STRING, AT(peer_relay), 0},
	{"DERPRegionID", MESH_BIND_INT, AT(relay_region), 0},
	{"DERPRegionCode", MESH_BIND_STRING, AT(relay_code), 0},
	{"PeerAPIPort", MESH_BIND_UINT16, AT(peerapi_port), MESH_BIND_OMIT},
	{"PeerAPIURL", MESH_BIND_STRING, AT(peerapi_url), MESH_BIND_OMIT},
	{"IsLocalIP", MESH_BIND_BOOL, AT(is_local), MESH_BIND_OMIT},
};
const struct mesh_schema mesh_ping_schema =
    MESH_SCHEMA(struct mesh_ping_result, ping_fields);
