/* SPDX-License-Identifier: ISC
 * admin.h - questions to mesh-controld over its admin socket.
 *
 * HTTP/1.1 with JSON on a Unix socket; paths and field names are those of
 * Headscale's API v1 (protocol/services.md 9.3). Blocking, for commands.
 *
 *	status = admin_call(common, "GET", "/api/v1/user", NULL, &reply);
 *	if (status == CMD_OK)
 *		... reply is the JSON of the answer ...
 *	mesh_buf_release(&reply);
 */
#ifndef COMMON_ADMIN_H
#define COMMON_ADMIN_H

#include "cmd.h"

#include <base/bind.h>

#define ADMIN_SOCKET "/run/mesh/controld.sock" /* unless told otherwise */
#define ADMIN_REPLY_MAX (64u << 20)	       /* bytes */
#define ADMIN_TIMEOUT_SEC 30
#define ADMIN_PATH_MAX 1024u
#define ADMIN_ARENA_MAX (256u << 20)

/* --socket, $MESH_CONTROL_SOCKET, or the default. path: percent-encoded where
 * needed (admin_escape). body: JSON, or NULL. CMD_OK when the answer was 200;
 * else an exit status, after a message that has the server's own words. The
 * caller releases out in any case. */
int admin_call(const struct cmd_common *common, const char *method,
    const char *path, const struct mesh_buf *body, struct mesh_buf *out);
/* The same, and the answer by a schema into *out (zeroed by the caller), in the
 * caller's arena. */
int admin_ask(const struct cmd_common *common, const char *method,
    const char *path, const struct mesh_buf *body,
    const struct mesh_schema *schema, struct mesh_arena *a, void *out);
/* A list: the JSON as it came with --json, else *list (a zeroed struct of the
 * schema) is filled and handed to print. */
int admin_list(const struct cmd_common *common, const char *path,
    const struct mesh_schema *schema, void *list,
    void (*print)(const void *list));

/* Text as one path segment or query value. False if it does not fit. */
bool admin_escape(const char *text, char *out, size_t size);
/* The answer as it came, and a newline. */
void admin_print_json(const struct mesh_buf *reply);

/* --- what answers hold; "list" below: of these structs */
struct admin_user {
	const char *id, *name, *created;
};
struct admin_users {
	struct mesh_bind_list list; /* "users" */
};
struct admin_key {
	const char *id, *key, *expiration, *created;
	struct admin_user user;
	bool reusable, ephemeral, used, revoked;
	struct mesh_bind_list tags; /* const char * */
};
struct admin_keys {
	struct mesh_bind_list list; /* "preAuthKeys" */
	struct admin_key key;	    /* "preAuthKey" */
};
struct admin_node {
	const char *id, *name, *hostname, *last_seen, *expiry;
	struct admin_user user;
	struct mesh_bind_list addresses; /* const char * */
	struct mesh_bind_list tags;	 /* const char * */
	/* const char *: may serve, announces, carries now */
	struct mesh_bind_list approved, available, subnets;
	bool online, waiting;
};
struct admin_nodes {
	struct mesh_bind_list list; /* "nodes" */
	struct admin_node node;	    /* "node" */
};
extern const struct mesh_schema admin_users_schema;
extern const struct mesh_schema admin_keys_schema;
extern const struct mesh_schema admin_nodes_schema;

/* {"routes": [...]}: all that the node may serve from now on. */
int admin_set_routes(const struct cmd_common *common, const char *id,
    const char *const *routes, size_t count);

/* The user of that name; CMD_NO with a message if there is none. */
int admin_find_user(const struct cmd_common *common, const char *name,
    struct mesh_arena *a, struct admin_user *out);
/* The node by name, id or address; likewise. */
int admin_find_node(const struct cmd_common *common, const char *operand,
    struct mesh_arena *a, struct admin_node *out);

#endif
