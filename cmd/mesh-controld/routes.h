/* SPDX-License-Identifier: ISC
 * routes.h - networks behind nodes: what a node announces, what an
 * administrator (or the policy's autoApprovers) allows it, and which of several
 * nodes with the same network carries it now.
 *
 * A node serves what it announces and may: only that is in the AllowedIPs of
 * its peers. Approvals stay when a node announces something else. Among the
 * nodes that serve a prefix one is the primary: it stays so while it is online,
 * then the online one with the lowest number takes over; when none is online
 * the last one stays, so that packets to that network are lost instead of going
 * where the network is not. Default routes (exit nodes) have no primary: peers
 * choose. Source: protocol/services.md 7.1, 7.2.
 */
#ifndef CONTROLD_ROUTES_H
#define CONTROLD_ROUTES_H

#include "state.h"

#define ROUTES_SERVED_MAX NODE_ROUTES_MAX

/* May it be announced at all? Not the network's own addresses (others' would be
 * taken away), nor what means each machine itself or its link; no bits behind
 * the prefix. */
bool route_is_possible(const struct mesh_prefix *p);
bool route_is_default(const struct mesh_prefix *p);

/* Copies what is possible, sorted, each once, at most NODE_ROUTES_MAX; the
 * first default route brings the other one with `both`. MESH_OK,
 * MESH_ERR_NOMEM. */
int route_list_make(struct route_list *out, const struct mesh_prefix *items,
    size_t count, bool both);
bool route_list_has(const struct route_list *l, const struct mesh_prefix *p);
bool route_list_eq(const struct route_list *a, const struct route_list *b);
void node_routes_free(struct node_routes *r);
/* A copy with these lists in place of those that are not NULL; NULL in *out
 * when both are empty. Both lists are copied. MESH_OK, MESH_ERR_NOMEM. */
int node_routes_make(const struct route_list *announced,
    const struct route_list *approved, struct node_routes **out);

/* "10.0.0.0/8 192.168.0.0/16", as the store keeps them. */
struct mesh_str route_list_text(const struct route_list *l,
    char out[static ROUTES_TEXT]);
int route_list_parse(struct mesh_str text, struct route_list *out);

/* What the member serves, into out: how many. */
size_t routes_served(const struct member *m,
    struct mesh_prefix out[static ROUTES_SERVED_MAX]);
/* Of these, what peers are told now: default routes and those it is primary of.
 */
size_t routes_carried(const struct state *s, const struct member *m,
    struct mesh_prefix out[static ROUTES_SERVED_MAX]);
/* The primary of a prefix, or NULL. */
struct member *routes_primary(const struct state *s,
    const struct mesh_prefix *p);

/* What the node says it can serve; changes are noted. MESH_OK, MESH_ERR_NOMEM.
 */
int routes_announce(struct state *s, struct member *m,
    const struct mesh_prefix *items, size_t count, bool *out_changed);
/* What it may serve, instead of what it might before. MESH_ERR_ARG: a prefix is
 * not possible; MESH_ERR_IO. */
int routes_approve(struct state *s, struct member *m,
    const struct mesh_prefix *items, size_t count) MESH_MUST_USE;
/* Asks for each announced prefix that is not approved yet; writes with the next
 * state_sync(). True: something was approved. */
bool routes_approve_auto(struct state *s, struct member *m,
    bool (*may)(void *arg, const struct member *m, const struct mesh_prefix *p),
    void *arg);

/* Chooses primaries, when something happened to a node with routes. Those who
 * lose or gain one are touched. */
void routes_elect(struct state *s);
/* The member is gone: primary of nothing. */
void routes_forget(struct state *s, struct member *m);

#endif
