/* SPDX-License-Identifier: ISC
 * hostinfo.c - tables only; order and names as in protocol/control.md 7.3-7.5,
 * which is the order in which stock programs write them. */
#include "netmap/hostinfo.h"

#define OMIT MESH_BIND_OMIT

#define F(...) MESH_FIELD(struct mesh_netinfo, __VA_ARGS__)
static const struct mesh_field netinfo_fields[] = {
    F("MappingVariesByDestIP", OPTBOOL, mapping_varies_by_dest_ip, OMIT),
    F("WorkingIPv6", OPTBOOL, working_ipv6, OMIT),
    F("OSHasIPv6", OPTBOOL, os_has_ipv6, OMIT),
    F("WorkingUDP", OPTBOOL, working_udp, OMIT),
    F("WorkingICMPv4", OPTBOOL, working_icmpv4, OMIT),
    F("HavePortMap", BOOL, have_portmap, OMIT),
    F("UPnP", OPTBOOL, upnp, OMIT),
    F("PMP", OPTBOOL, pmp, OMIT),
    F("PCP", OPTBOOL, pcp, OMIT),
    F("PreferredDERP", INT64, preferred_derp, OMIT),
    F("LinkType", STRING, link_type, OMIT),
    F("DERPLatency", CUSTOM, derp_latency, OMIT, .codec = &mesh_bind_doubles),
    F("FirewallMode", STRING, firewall_mode, OMIT),
};
#undef F
const struct mesh_schema mesh_netinfo_schema =
    MESH_SCHEMA(struct mesh_netinfo, netinfo_fields);

#define F(...) MESH_FIELD(struct mesh_service, __VA_ARGS__)
static const struct mesh_field service_fields[] = {
    F("Proto", STRING, proto, 0),
    F("Port", UINT16, port, 0),
    F("Description", STRING, description, OMIT),
};
#undef F
const struct mesh_schema mesh_service_schema =
    MESH_SCHEMA(struct mesh_service, service_fields);

#define F(...) MESH_FIELD(struct mesh_location, __VA_ARGS__)
static const struct mesh_field location_fields[] = {
    F("Country", STRING, country, OMIT),
    F("CountryCode", STRING, country_code, OMIT),
    F("City", STRING, city, OMIT),
    F("CityCode", STRING, city_code, OMIT),
    F("Latitude", DOUBLE, latitude, OMIT),
    F("Longitude", DOUBLE, longitude, OMIT),
    F("Priority", INT64, priority, OMIT),
};
#undef F
const struct mesh_schema mesh_location_schema =
    MESH_SCHEMA(struct mesh_location, location_fields);

#define F(...) MESH_FIELD(struct mesh_hostinfo, __VA_ARGS__)
static const struct mesh_field hostinfo_fields[] = {
    F("IPNVersion", STRING, ipn_version, OMIT),
    F("FrontendLogID", STRING, frontend_log_id, OMIT),
    F("BackendLogID", STRING, backend_log_id, OMIT),
    F("OS", STRING, os, OMIT),
    F("OSVersion", STRING, os_version, OMIT),
    F("Container", OPTBOOL, container, OMIT),
    F("Env", STRING, env, OMIT),
    F("Distro", STRING, distro, OMIT),
    F("DistroVersion", STRING, distro_version, OMIT),
    F("DistroCodeName", STRING, distro_code_name, OMIT),
    F("App", STRING, app, OMIT),
    F("Desktop", OPTBOOL, desktop, OMIT),
    F("Package", STRING, package, OMIT),
    F("DeviceModel", STRING, device_model, OMIT),
    F("PushDeviceToken", STRING, push_device_token, OMIT),
    F("Hostname", STRING, hostname, OMIT),
    F("ShieldsUp", BOOL, shields_up, OMIT),
    F("ShareeNode", BOOL, sharee_node, OMIT),
    F("NoLogsNoSupport", BOOL, no_logs_no_support, OMIT),
    F("RemoteConfig", BOOL, remote_config, OMIT),
    F("WireIngress", BOOL, wire_ingress, OMIT),
    F("IngressEnabled", BOOL, ingress_enabled, OMIT),
    F("AllowsUpdate", BOOL, allows_update, OMIT),
    F("Machine", STRING, machine, OMIT),
    F("GoArch", STRING, go_arch, OMIT),
    F("GoArchVar", STRING, go_arch_var, OMIT),
    F("GoVersion", STRING, go_version, OMIT),
    F("RoutableIPs", CUSTOMS, routable_ips, OMIT, .codec = &mesh_bind_prefix),
    F("RequestTags", STRINGS, request_tags, OMIT),
    F("WoLMACs", STRINGS, wol_macs, OMIT),
    F("Services", OBJECTS, services, OMIT, .sub = &mesh_service_schema),
    F("NetInfo", OBJECT, netinfo, OMIT, .sub = &mesh_netinfo_schema),
    F("sshHostKeys", STRINGS, ssh_host_keys, OMIT),
    F("Cloud", STRING, cloud, OMIT),
    F("Userspace", OPTBOOL, userspace, OMIT),
    F("UserspaceRouter", OPTBOOL, userspace_router, OMIT),
    F("AppConnector", OPTBOOL, app_connector, OMIT),
    F("ServicesHash", STRING, services_hash, OMIT),
    F("PeerRelay", BOOL, peer_relay, OMIT),
    F("ExitNodeID", STRING, exit_node_id, OMIT),
    F("Location", OBJECT, location, OMIT, .sub = &mesh_location_schema),
    F("TPM", RAW, tpm, OMIT),
    F("StateEncrypted", OPTBOOL, state_encrypted, OMIT),
};
#undef F
const struct mesh_schema mesh_hostinfo_schema =
    MESH_SCHEMA(struct mesh_hostinfo, hostinfo_fields);

uint16_t
mesh_hostinfo_peerapi(const struct mesh_hostinfo *h, bool ip4)
{
	const struct mesh_service *s = h ? h->services.items : NULL;
	const char *proto = ip4 ? "peerapi4" : "peerapi6";

	for (size_t i = 0; h != NULL && i < h->services.count; i++)
		if (s[i].proto != NULL && strcmp(s[i].proto, proto) == 0)
			return s[i].port;
	return 0;
}
