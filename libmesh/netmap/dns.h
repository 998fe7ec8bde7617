/* SPDX-License-Identifier: ISC
 * dns.h - the name settings of a network. Source: protocol/control.md 7.5, 8.3.
 */
#ifndef MESH_NETMAP_DNS_H
#define MESH_NETMAP_DNS_H

#include <netmap/counted.h>
#include <netmap/value.h>

#define MESH_DNS_MEMORY (1u << 22) /* bytes that decoded settings may take */

struct mesh_resolver {
	const char *addr; /* IP, ip:port, https://..., http://node:port/... */
	struct mesh_bind_list bootstrap; /* struct mesh_ip */
	bool use_with_exit_node;
};

struct mesh_dns_record {
	const char *name;
	const char *type; /* NULL: A or AAAA, by the value */
	const char *value;
};

struct mesh_dns {
	struct mesh_counted counted;
	struct mesh_bind_list resolvers; /* struct mesh_resolver; set: override */
	/* suffix -> JSON list of resolvers; [] or null: answered by ourselves */
	struct mesh_bind_map routes;
	struct mesh_bind_list fallback_resolvers; /* struct mesh_resolver */
	struct mesh_bind_list domains;		  /* const char *, search list */
	bool proxied; /* names of nodes are answered by us */
	struct mesh_bind_list nameservers;	/* struct mesh_ip; deprecated */
	struct mesh_bind_list cert_domains;	/* const char * */
	struct mesh_bind_list extra_records;	/* struct mesh_dns_record */
	struct mesh_bind_list exit_filtered;	/* const char * */
};

extern const struct mesh_schema mesh_resolver_schema;
extern const struct mesh_schema mesh_dns_record_schema;
extern const struct mesh_schema mesh_dns_schema;

#endif
