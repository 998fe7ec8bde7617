/* SPDX-License-Identifier: ISC */
#include "netmap/dns.h"

#define OMIT MESH_BIND_OMIT

#define F(...) MESH_FIELD(struct mesh_resolver, __VA_ARGS__)
static const struct mesh_field resolver_fields[] = {
    F("Addr", STRING, addr, OMIT),
    F("BootstrapResolution", CUSTOMS, bootstrap, OMIT,
	.codec = &mesh_bind_ip),
    F("UseWithExitNode", BOOL, use_with_exit_node, OMIT),
};
#undef F
const struct mesh_schema mesh_resolver_schema =
    MESH_SCHEMA(struct mesh_resolver, resolver_fields);

#define F(...) MESH_FIELD(struct mesh_dns_record, __VA_ARGS__)
static const struct mesh_field record_fields[] = {
    F("Name", STRING, name, 0),
    F("Type", STRING, type, OMIT),
    F("Value", STRING, value, 0),
};
#undef F
const struct mesh_schema mesh_dns_record_schema =
    MESH_SCHEMA(struct mesh_dns_record, record_fields);

#define F(...) MESH_FIELD(struct mesh_dns, __VA_ARGS__)
static const struct mesh_field dns_fields[] = {
    F("Resolvers", OBJECTS, resolvers, OMIT, .sub = &mesh_resolver_schema),
    F("Routes", MAP_RAW, routes, OMIT),
    F("FallbackResolvers", OBJECTS, fallback_resolvers, OMIT,
	.sub = &mesh_resolver_schema),
    F("Domains", STRINGS, domains, OMIT),
    F("Proxied", BOOL, proxied, OMIT),
    F("Nameservers", CUSTOMS, nameservers, OMIT, .codec = &mesh_bind_ip),
    F("CertDomains", STRINGS, cert_domains, OMIT),
    F("ExtraRecords", OBJECTS, extra_records, OMIT, .sub = &mesh_dns_record_schema),
    F("ExitNodeFilteredSet", STRINGS, exit_filtered, OMIT),
};
#undef F
const struct mesh_schema mesh_dns_schema =
    MESH_SCHEMA(struct mesh_dns, dns_fields);
