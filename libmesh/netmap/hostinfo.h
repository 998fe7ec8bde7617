/* SPDX-License-Identifier: ISC
 * hostinfo.h - what a node says about itself, and how it is connected.
 *
 * Source: protocol/control.md 7.3, 7.4, 7.5. Every member is left out when it is
 * zero. Servers replace it whole: always send everything.
 */
#ifndef MESH_NETMAP_HOSTINFO_H
#define MESH_NETMAP_HOSTINFO_H

#include <netmap/value.h>

struct mesh_netinfo {
	int8_t mapping_varies_by_dest_ip; /* -1 no, 0 unknown, 1 yes; all int8 */
	int8_t working_ipv6;
	int8_t os_has_ipv6;
	int8_t working_udp;
	int8_t working_icmpv4;
	bool have_portmap;
	int8_t upnp;
	int8_t pmp;
	int8_t pcp;
	int64_t preferred_derp; /* home relay region, 0 unknown */
	const char *link_type;
	struct mesh_doubles derp_latency; /* "900-v4": seconds */
	const char *firewall_mode;
};

struct mesh_service {
	const char *proto; /* tcp, udp, peerapi4, peerapi6, peerapi-dns-proxy */
	uint16_t port;
	const char *description;
};

struct mesh_location {
	const char *country;
	const char *country_code;
	const char *city;
	const char *city_code;
	double latitude;
	double longitude;
	int64_t priority;
};

struct mesh_hostinfo {
	const char *ipn_version; /* free text */
	const char *frontend_log_id;
	const char *backend_log_id;
	const char *os; /* linux, windows, macOS, ... */
	const char *os_version;
	int8_t container;
	const char *env;
	const char *distro;
	const char *distro_version;
	const char *distro_code_name;
	const char *app;
	int8_t desktop;
	const char *package;
	const char *device_model;
	const char *push_device_token;
	const char *hostname; /* as the machine has it; not a DNS label */
	bool shields_up;
	bool sharee_node;
	bool no_logs_no_support;
	bool remote_config;
	bool wire_ingress;
	bool ingress_enabled;
	bool allows_update;
	const char *machine; /* x86_64, aarch64 */
	const char *go_arch;
	const char *go_arch_var;
	const char *go_version;
	struct mesh_bind_list routable_ips;  /* struct mesh_prefix */
	struct mesh_bind_list request_tags;  /* const char * */
	struct mesh_bind_list wol_macs;	     /* const char * */
	struct mesh_bind_list services;	     /* struct mesh_service */
	struct mesh_netinfo *netinfo;	     /* NULL: not known */
	struct mesh_bind_list ssh_host_keys; /* const char * */
	const char *cloud;
	int8_t userspace;
	int8_t userspace_router;
	int8_t app_connector;
	const char *services_hash;
	bool peer_relay;
	const char *exit_node_id;
	struct mesh_location *location;
	struct mesh_str tpm; /* JSON */
	int8_t state_encrypted;
};

extern const struct mesh_schema mesh_netinfo_schema;
extern const struct mesh_schema mesh_service_schema;
extern const struct mesh_schema mesh_location_schema;
extern const struct mesh_schema mesh_hostinfo_schema;

/* The port of its API for peers, by family; 0: it has none. h may be NULL. */
uint16_t mesh_hostinfo_peerapi(const struct mesh_hostinfo *h, bool ip4);

#endif
