/* SPDX-License-Identifier: ISC
 * mesh/netmap.h - what a node knows of its network: nodes, owners, names.
 *
 * A netmap is immutable and counted. Read one from a file that `mesh-netmap
 * save` wrote (or from any MapResponse of the open protocol), walk it, ask whose
 * an address is:
 *
 *	struct mesh_netmap *nm;
 *	struct mesh_diag diag;
 *
 *	if (mesh_netmap_parse(text, len, &nm, &diag) != MESH_OK)
 *		errx(1, "%s", diag.text);
 *	const struct mesh_node *n = mesh_netmap_whois(nm, "100.64.0.2:5555");
 *	if (n != NULL)
 *		puts(mesh_node_get_name(n));
 *	mesh_netmap_unref(nm);
 *
 * Texts and nodes that are handed out are borrowed from the netmap: they live as
 * long as a reference to it is held. To ask a running daemon instead of a file,
 * see mesh/local.h. Counting is not atomic: one thread at a time per netmap.
 */
#ifndef MESH_NETMAP_H
#define MESH_NETMAP_H

#include <mesh/base.h>
#include <mesh/key.h>

struct mesh_netmap; /* a snapshot of the network */
struct mesh_node;   /* one machine in it */

/* Longest text of an address or prefix, with NUL. */
#define MESH_NETMAP_TEXT 50u

/* The text of a netmap file, or of a MapResponse; one reference is the caller's.
 * Nothing of text is kept. MESH_ERR_FORMAT, MESH_ERR_VERSION, MESH_ERR_LIMIT,
 * MESH_ERR_NOMEM; diag (may be NULL) says where. */
MESH_EXPORT int mesh_netmap_parse(const char *text, size_t len,
    struct mesh_netmap **out, struct mesh_diag *diag);

/* Another reference, or one less; both take NULL. */
MESH_EXPORT struct mesh_netmap *mesh_netmap_ref(struct mesh_netmap *nm);
MESH_EXPORT void mesh_netmap_unref(struct mesh_netmap *nm);

/* The node whose netmap it is. */
MESH_EXPORT const struct mesh_node *mesh_netmap_self(
    const struct mesh_netmap *nm);
/* Its peers, in the order of their ids; NULL past the end. */
MESH_EXPORT size_t mesh_netmap_peer_count(const struct mesh_netmap *nm);
MESH_EXPORT const struct mesh_node *mesh_netmap_peer_at(
    const struct mesh_netmap *nm, size_t i);

/* Whose address is it? "100.64.0.2", "100.64.0.2:5555", "[fd7a:...]:22"; self or
 * a peer; NULL: nobody's, or no address at all. */
MESH_EXPORT const struct mesh_node *mesh_netmap_whois(
    const struct mesh_netmap *nm, const char *address);
/* By full name or first label, in either case; NULL: none, or several. */
MESH_EXPORT const struct mesh_node *mesh_netmap_find_name(
    const struct mesh_netmap *nm, const char *name);
MESH_EXPORT const struct mesh_node *mesh_netmap_find_key(
    const struct mesh_netmap *nm, const struct mesh_node_key *key);

/* The owner's login name ("alice@example.org"), or "" for a tagged node or when
 * it was not told. */
MESH_EXPORT const char *mesh_netmap_owner(const struct mesh_netmap *nm,
    const struct mesh_node *n);

/* "alpha.example.net." */
MESH_EXPORT const char *mesh_node_get_name(const struct mesh_node *n);
MESH_EXPORT int64_t mesh_node_get_id(const struct mesh_node *n);
MESH_EXPORT struct mesh_node_key mesh_node_get_key(const struct mesh_node *n);
/* 1 online, -1 offline, 0 unknown. */
MESH_EXPORT int mesh_node_get_online(const struct mesh_node *n);

/* The i-th address ("100.64.0.2"), allowed prefix ("10.0.0.0/24"), tag
 * ("tag:db"); NULL past the end. out is returned. */
MESH_EXPORT const char *mesh_node_get_address(const struct mesh_node *n,
    size_t i, char out[static MESH_NETMAP_TEXT]);
MESH_EXPORT const char *mesh_node_get_prefix(const struct mesh_node *n,
    size_t i, char out[static MESH_NETMAP_TEXT]);
MESH_EXPORT const char *mesh_node_get_tag(const struct mesh_node *n, size_t i);
/* Does the node have the capability ("https://...")? */
MESH_EXPORT bool mesh_node_has_cap(const struct mesh_node *n, const char *cap);

#endif
