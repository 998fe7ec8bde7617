/* SPDX-License-Identifier: ISC
 * dns_yaml.h - the name settings of a network, from a YAML file.
 *
 * The keys are those below `dns:` in Headscale's configuration:
 *
 *	magic_dns: true             names of nodes are answered by the nodes
 *	override_local_dns: false   global ones instead of the node's own
 *	nameservers:
 *	  global: [9.9.9.9]
 *	  split: {corp.example.com: [10.1.0.53, "10.2.0.53:5353"]}
 *	search_domains: [example.com]
 *	extra_records: [{name: wiki.example.com, type: A, value: 100.64.0.3}]
 */
#ifndef MESH_NETMAP_DNS_YAML_H
#define MESH_NETMAP_DNS_YAML_H

#include <base/buf.h>
#include <base/text.h>

#define MESH_DNS_FILE (1u << 20) /* bytes of a file */
#define MESH_DNS_SERVERS 16u	 /* of a list */
#define MESH_DNS_SPLIT 1024u
#define MESH_DNS_SEARCH 32u
#define MESH_DNS_RECORDS 8192u

/* Appends the network's DNSConfig (control.md 7.5), JSON. An empty text is a file
 * without keys. suffix: in which the names of nodes end. diag: "line 3, column
 * 5: ..."; MESH_ERR_FORMAT, MESH_ERR_LIMIT, MESH_ERR_NOMEM. */
int mesh_dns_read_yaml(const char *text, size_t len, const char *suffix,
    struct mesh_buf *out, struct mesh_diag *diag);

#endif
