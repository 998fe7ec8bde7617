/* SPDX-License-Identifier: ISC
 * admin_int.h - what admin_api.c (routes), admin_users.c and admin_nodes.c
 * (handlers) share: one request that is being answered.
 */
#ifndef CONTROLD_ADMIN_INT_H
#define CONTROLD_ADMIN_INT_H

#include "admin_json.h"
#include "core.h"

#include <base/bind.h>

#define API_ARGS 2u
#define API_TEXT 512u

struct call {
	struct core *c;
	struct state *s;
	const struct admin_request *req;
	char args[API_ARGS][API_TEXT]; /* what stood for '*' in the route */
	struct mesh_arena arena;       /* of what the body says */
	struct mesh_buf *out;
	struct mesh_jw w;
};

/* Answers: the status. refuse_err has the reason in s->error. */
unsigned api_refuse(struct call *k, unsigned status, const char *why);
unsigned api_refuse_err(struct call *k, int err);
unsigned api_empty(struct call *k);
/* {"name": ... }: the caller writes the value in between. */
void api_begin(struct call *k, const char *name);
unsigned api_end(struct call *k);

/* What the request says. The reasons of failures are in s->error. */
bool api_query(const struct call *k, const char *name,
    char out[static API_TEXT]);
int api_body(struct call *k, const struct mesh_schema *schema, void *out);
struct user *api_user(const struct call *k, const char *id);
/* A list of tags as the model keeps it. */
int api_tags(struct call *k, const struct mesh_bind_list *list,
    char out[static TAGS_MAX]);

unsigned api_user_list(struct call *k);
unsigned api_user_add(struct call *k);
unsigned api_user_remove(struct call *k);
unsigned api_key_list(struct call *k);
unsigned api_key_add(struct call *k);
unsigned api_key_remove(struct call *k);
unsigned api_key_expire(struct call *k);
unsigned api_node_list(struct call *k);
unsigned api_node_get(struct call *k);
unsigned api_node_remove(struct call *k);
unsigned api_node_expire(struct call *k);
unsigned api_node_admit(struct call *k);
unsigned api_node_rename(struct call *k);
unsigned api_node_tag(struct call *k);
unsigned api_node_approve(struct call *k);
unsigned api_node_routes(struct call *k);
unsigned api_check_approve(struct call *k);
unsigned api_check_reject(struct call *k);

#endif
