/* SPDX-License-Identifier: ISC
 * parse_int.h - what the parts of the policy parser share.
 *
 * The text is read twice: names first (groups, hosts, tags), then what uses
 * them, so that their order in the file does not matter.
 */
#ifndef MESH_POLICY_PARSE_INT_H
#define MESH_POLICY_PARSE_INT_H

#include "policy/policy_int.h"

struct mesh_policy_parse {
	struct mesh_policy *p;
	struct mesh_json j;
	struct mesh_diag diag; /* of the first error that is ours */
	bool has_rules;	       /* acls or grants, though they be empty */
};

/* An array that grows while it is read; its owner frees items. */
struct mesh_policy_vec {
	void *items;
	size_t count, cap;
};

/* The first error stays. At the value read last, or at a place noted before. */
void mesh_policy_fail(struct mesh_policy_parse *ps, const char *fmt, ...)
    MESH_PRINTF(2, 3);
void mesh_policy_fail_at(struct mesh_policy_parse *ps, size_t offset,
    const char *fmt, ...) MESH_PRINTF(3, 4);
void mesh_policy_nomem(struct mesh_policy_parse *ps);
/* Complains about a text: "'TEXT' complaint". Returns true if there was one. */
bool mesh_policy_complain(struct mesh_policy_parse *ps, struct mesh_str text,
    const char *complaint);

/* Room for one more item, zeroed; NULL (and an error) at MESH_POLICY_LIST_MAX. */
void *mesh_policy_vec_add(struct mesh_policy_parse *ps,
    struct mesh_policy_vec *v, size_t size);
/* The items, moved into the policy's arena; the vector is empty then. */
void *mesh_policy_vec_keep(struct mesh_policy_parse *ps,
    struct mesh_policy_vec *v, size_t size);

/* A list of selectors. */
void mesh_policy_read_whos(struct mesh_policy_parse *ps,
    enum mesh_selector_place place, struct mesh_policy_vec *out);

/* A table of members: reading one calls its function, others are an error. */
struct mesh_policy_member {
	const char *name;
	void (*read)(struct mesh_policy_parse *ps, void *into);
};
/* One object; members that begin with '#' are notes. A row without a function is
 * known and refused. The mask of rows that were there. */
unsigned mesh_policy_read_object(struct mesh_policy_parse *ps,
    const struct mesh_policy_member *rows, size_t count, void *into);

/* Values of the top-level members. */
void mesh_policy_read_acls(struct mesh_policy_parse *ps);
void mesh_policy_read_app(struct mesh_policy_parse *ps,
    struct mesh_policy_app *out);
void mesh_policy_read_grants(struct mesh_policy_parse *ps);
void mesh_policy_read_tests(struct mesh_policy_parse *ps);
void mesh_policy_read_ssh(struct mesh_policy_parse *ps);
void mesh_policy_read_approvers(struct mesh_policy_parse *ps);

#endif
