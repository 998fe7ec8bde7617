/* SPDX-License-Identifier: ISC
 * node.h - what the commands about this node share: its daemon, its status, and
 * NODE operands.
 *
 * Functions give an exit status (exit.h) after a message on stderr; 0 is good.
 */
#ifndef COMMON_NODE_H
#define COMMON_NODE_H

#include "cmd.h"
#include "local/status.h"
#include <mesh/local.h>

#define NODE_TIMEOUT (30 * MESH_SEC) /* for one answer of the daemon */

/* --socket, $MESH_SOCKET, or the default. */
const char *node_socket(const struct cmd_common *common);

/* The caller frees with mesh_local_free(). */
int node_connect(const struct cmd_common *common, struct mesh_local **out);

/* One request that must succeed. */
int node_call(struct mesh_local *l, const char *method, const char *name,
    const char *body, struct mesh_local_reply *out);

struct node_status {
	struct mesh_arena arena;
	struct mesh_status s;
};

/* The caller releases, also after an error. */
int node_get_status(struct mesh_local *l, struct node_status *out);
void node_status_release(struct node_status *st);

enum mesh_backend_state node_state(const struct mesh_status *s);
/* 0 if the node is running; else a message: CMD_NOT_LOGGED_IN when it has not
 * joined, CMD_NO when it is stopped or still starting. */
int node_must_run(const struct mesh_status *s);

/* Is that its short name, full name, or an address of it? */
bool node_is_called(const struct mesh_peer_status *p, const char *operand);
/* Self or a peer by short name, full name or address (of either family); NULL
 * and a message when there is none. */
const struct mesh_peer_status *node_find(const struct mesh_status *s,
    const char *operand);
/* "b" of "b.mesh.test."; borrowed. */
struct mesh_str node_short_name(const struct mesh_peer_status *p);
/* The first address of a family (4 or 6), or any (0); NULL if there is none. */
const struct mesh_ip *node_ip(const struct mesh_peer_status *p, int family);
/* The log-in name of a user in the status, or "". */
const char *node_user_name(const struct mesh_status *s, int64_t id);

/* JSON as it came, with one newline at the end. */
void node_print_json(const struct mesh_local_reply *reply);

#endif
