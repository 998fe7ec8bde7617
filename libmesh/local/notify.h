/* SPDX-License-Identifier: ISC
 * notify.h - a line of watch-ipn-bus. Source: protocol/services.md 1.11; sample
 * localapi-watch.jsonl. Members are null when they have nothing to say. */
#ifndef MESH_LOCAL_NOTIFY_H
#define MESH_LOCAL_NOTIFY_H

#include "local/netmap.h"
#include "local/prefs.h"
#include "local/status.h"

/* What a watcher asks for in ?mask=. */
enum mesh_watch_mask {
	MESH_WATCH_ENGINE = 1u << 0,
	MESH_WATCH_INITIAL_STATE = 1u << 1,
	MESH_WATCH_INITIAL_PREFS = 1u << 2,
	MESH_WATCH_INITIAL_NETMAP = 1u << 3,
	MESH_WATCH_NO_PRIVATE_KEYS = 1u << 4,
	MESH_WATCH_RATE_LIMIT = 1u << 8,
	MESH_WATCH_PEER_CHANGES = 1u << 12,
	MESH_WATCH_NO_NETMAP = 1u << 13,
	MESH_WATCH_INITIAL_STATUS = 1u << 14,
	MESH_WATCH_PEER_PATCHES = 1u << 15,
};

/* Not with RATE_LIMIT. */
#define MESH_WATCH_NEW_STYLE (0xfu << 12)
#define MESH_WATCH_IN_PROCESS (1u << 16) /* never over a socket */

struct mesh_notify_engine {
	int64_t rx_bytes, tx_bytes;
	int32_t live; /* peers with a session */
	int32_t live_relays;
};

struct mesh_notify {
	const char *version;
	const char *session_id;
	const char *err_message;
	bool has_state;
	int32_t state; /* enum mesh_backend_state */
	bool login_finished;
	struct mesh_prefs *prefs;
	struct mesh_status *initial_status;
	const struct mesh_node *self_change;
	const struct mesh_netmap *netmap;
	const struct mesh_notify_engine *engine;
	struct mesh_bind_list peers_changed; /* struct mesh_str, JSON nodes */
	struct mesh_bind_list peers_removed; /* int64_t */
	const char *browse_to_url;
};

/* One line with its newline. */
void mesh_notify_write(struct mesh_buf *out, const struct mesh_notify *n);
/* What commands read of a line: state, errors, URL, prefs. */
int mesh_notify_parse(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_notify *out, struct mesh_diag *diag);

#endif
