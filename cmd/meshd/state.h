/* SPDX-License-Identifier: ISC
 * state.h - the state folder, as the monitor keeps it. Needs libc alone.
 *
 *	DIR/            root, 0700, locked while a daemon runs on it
 *	DIR/node.key    "privkey:" and 64 hex digits, 0600: read by the monitor alone
 *	DIR/wg.stamp    24 hex digits: WireGuard sent no newer TAI64N time stamp
 *	DIR/agent/      the agent's own, 0700, owned by its user
 */
#ifndef MESHD_STATE_H
#define MESHD_STATE_H

#include "tables.h"
#include <sys/types.h>

#define STATE_STAMP_LEN 12u

struct state {
	int dir;   /* locked */
	int agent; /* folder that the agent gets */
};

/* Opens, locks; makes what is missing. uid, gid: of the agent (-1: as we are).
 * MESH_ERR_EXIST: another daemon uses it; MESH_ERR_DENIED; MESH_ERR_IO. */
int state_open(struct state *s, const char *path, uid_t uid, gid_t gid,
    struct mesh_diag *diag);
void state_close(struct state *s);

/* The node key; made when there is none. MESH_ERR_FORMAT: the file is no key,
 * and is left as it is. */
int state_node_key(struct state *s, struct mesh_node_secret *out,
    struct mesh_diag *diag);
/* A new one in its place. */
int state_new_node_key(struct state *s, struct mesh_node_secret *out,
    struct mesh_diag *diag);

/* Zero when there is none. */
void state_stamp(struct state *s, uint8_t out[static STATE_STAMP_LEN]);
int state_put_stamp(struct state *s, const uint8_t in[static STATE_STAMP_LEN]);

#endif
