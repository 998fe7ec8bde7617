/* SPDX-License-Identifier: ISC
 * access.h - who may see whom and what may reach whom: the policy, over the
 * members that are there.
 */
#ifndef CONTROLD_ACCESS_H
#define CONTROLD_ACCESS_H

#include "bits.h"
#include "state.h"

#include <base/json.h>

struct access;

/* All may reach all, until a policy is set. */
struct access *access_new(void);
void access_free(struct access *a);

/* Checks and compiles a policy, runs its tests, and takes it over; the one before
 * stays on failure. diag: line and column. */
int access_set_policy(struct access *a, const struct state *s,
    struct mesh_str text, struct mesh_diag *diag) MESH_MUST_USE;
/* Only looks. */
int access_check_policy(const struct access *a, struct mesh_str text,
    struct mesh_diag *diag) MESH_MUST_USE;
/* May this user give a machine this tag? (tagOwners) */
bool access_may_tag(const struct access *a, int64_t user, const char *tag);
/* Is everything allowed, for want of rules? */
bool access_is_open(const struct access *a);

/* Approves what the policy lets them serve (autoApprovers), of the members that
 * changed, or of all. True: something is, and another refresh is due. */
bool access_approve(const struct access *a, struct state *s, bool all);

/* Takes in the members that changed (CHANGE_ACCESS). MESH_OK, MESH_ERR_NOMEM,
 * MESH_ERR_LIMIT. */
int access_refresh(struct access *a, struct state *s) MESH_MUST_USE;
/* Did any filter change since this was asked last? */
bool access_filters_changed(struct access *a);

/* --- as of the last refresh */

/* Those of the members in `mask` (of the i-th word of slots) that the viewer is
 * told of. It may itself be among them. */
uint64_t access_visible(const struct access *a, const struct state *s,
    const struct member *viewer, size_t i, uint64_t mask);
/* Is a route of the owner of any use to the viewer? */
bool access_route_visible(const struct member *viewer,
    const struct member *owner, const struct mesh_prefix *route);
/* Do both see the same others? */
bool access_alike(const struct member *a, const struct member *b);
/* All of the i-th word that a member like this one is told of. The member itself
 * is among them if those like it see each other. */
uint64_t access_kind_visible(const struct access *a, const struct state *s,
    const struct member *like, size_t i);
/* The rules for what may come in: JSON, an array. */
void access_filter_write(const struct access *a, const struct member *m,
    struct mesh_jw *w);
/* Who may log in to the member: SSHPolicy, JSON. False: no rule ever says so. */
bool access_ssh_write(const struct access *a, const struct state *s,
    const struct member *m, struct mesh_jw *w);
/* Equal for equal filters. */
uint64_t access_filter_mark(const struct access *a, const struct member *m);

#endif
