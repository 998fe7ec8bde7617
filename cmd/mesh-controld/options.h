/* SPDX-License-Identifier: ISC
 * options.h - the daemon's options, and how main hands them to its roles.
 */
#ifndef CONTROLD_OPTIONS_H
#define CONTROLD_OPTIONS_H

#include <base/buf.h>
#include <base/rd.h>
#include <base/text.h>

#define CONTROLD_NAME "mesh-controld"
#define CONTROLD_USER "mesh-control" /* the roles become it, when run by root */
#define CONTROLD_SOCKET "/run/mesh/controld.sock"
#define CONTROLD_SUFFIX "mesh.internal"
#define CONTROLD_PEM_MAX (1u << 20) /* bytes of a certificate or key file */

struct options {
	const char *state;
	const char *listen, *listen_plain;
	const char *url;
	const char *cert, *key;
	const char *relay_map;
	const char *policy;
	const char *dns;
	const char *suffix;
	const char *socket;
	uint64_t node_expiry_ns;
	uint64_t ephemeral_ns;
	bool random_addresses;
	bool approve_nodes;
	bool verbose;
};

/* What a role needs of it, files read: the body of LINK_CONFIG. Text is borrowed
 * from what it was read from. */
struct role_config {
	struct mesh_str url;
	struct mesh_str suffix;
	uint64_t node_expiry_ns;
	uint64_t ephemeral_ns;
	bool random_addresses;
	bool approve_nodes;
	bool verbose;
	struct mesh_str cert, key; /* PEM; front only */
	struct mesh_str relays;	   /* DERPMap, JSON; core only */
	struct mesh_str dns;	   /* DNSConfig, JSON; core only */
	struct mesh_str policy;	   /* the file; core only */
	bool has_policy;	   /* of a file: the admin socket may not set */
	bool plain; /* front has a second socket, without TLS */
	uint64_t owner;		   /* user id that the admin socket serves */
};

void role_config_write(const struct role_config *c, struct mesh_buf *out);
bool role_config_read(struct mesh_rd *r, struct role_config *out);

#endif
