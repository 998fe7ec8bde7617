/* SPDX-License-Identifier: ISC
 * response.h - one frame of the map stream (MapResponse), both ways.
 *
 * Source: protocol/control.md 6.4. Large members stay JSON: a client decodes
 * them into counted objects when it applies the frame (snapshot.h), a server
 * writes each node once and uses the text in the frames of many clients. An
 * absent member has length 0; `null` reads as absent except in the maps.
 */
#ifndef MESH_NETMAP_RESPONSE_H
#define MESH_NETMAP_RESPONSE_H

#include <netmap/node.h>

#define MESH_RESPONSE_LEN (16u << 20)	 /* bytes of a decoded frame */
#define MESH_RESPONSE_MEMORY (16u << 20) /* bytes of its decoded members */
#define MESH_NETMAP_PEERS 65536u	 /* nodes of a netmap, or of a frame */

struct mesh_map_response {
	const char *session_handle;
	int64_t seq;
	bool keep_alive;
	struct mesh_str ping; /* PingRequest: control/msg.h */
	const char *pop_browser_url;
	struct mesh_str node;		 /* Node: ourselves */
	struct mesh_str relays;		 /* DERPMap */
	struct mesh_bind_list peers;	 /* struct mesh_str: Node; all of them */
	struct mesh_bind_list peers_changed; /* struct mesh_str: Node */
	struct mesh_bind_list peers_removed; /* int64_t */
	struct mesh_bind_list peers_patched; /* struct mesh_node_patch */
	struct mesh_id_flags peer_seen;
	struct mesh_id_flags online;
	struct mesh_str dns;	     /* DNSConfig */
	const char *domain;	     /* "" or NULL: unchanged */
	int8_t collect_services;     /* 0: unchanged */
	struct mesh_str filter;	     /* [FilterRule]; [] denies all */
	struct mesh_bind_map filters; /* struct mesh_str: [FilterRule] or null */
	struct mesh_bind_list users; /* struct mesh_str: UserProfile */
	struct mesh_bind_list health; /* const char *; set and empty: healthy */
	struct mesh_bind_map messages; /* struct mesh_str: DisplayMessage, null */
	struct mesh_str ssh;	     /* SSHPolicy */
	struct mesh_wall control_time;
	struct mesh_str lock_info; /* TKAInfo */
	const char *audit_log_id;
	struct mesh_str debug; /* Debug */
	struct mesh_str dial_plan;	/* ControlDialPlan */
	struct mesh_str client_version; /* ClientVersion */
	int8_t default_auto_update;	/* deprecated */
};

extern const struct mesh_schema mesh_map_response_schema;

/* Reads a frame's JSON into *out; what is large is borrowed from json, the rest
 * lies in the arena. MESH_ERR_FORMAT, MESH_ERR_LIMIT, MESH_ERR_NOMEM. */
int mesh_map_response_parse(struct mesh_str json, struct mesh_arena *a,
    struct mesh_map_response *out, struct mesh_diag *diag);
/* Appends the frame's JSON. */
void mesh_map_response_write(struct mesh_buf *out,
    const struct mesh_map_response *r);

#endif
