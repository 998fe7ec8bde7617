/* SPDX-License-Identifier: ISC
 * msg.h - what the messages of the link (link.h) hold.
 *
 * Each is written into a caller's buffer and read from a body with nothing left
 * over; text that is read is borrowed from the body. A reader that returns false
 * has met a malformed message: its sender is to be ended.
 */
#ifndef CONTROLD_MSG_H
#define CONTROLD_MSG_H

#include "register.h"
#include "sshcheck.h"

#include <base/buf.h>
#include <base/rd.h>

#define MSG_AUTH_KEY 512u  /* bytes, longest accepted */
#define MSG_FOLLOWUP 64u   /* bytes of an id */
#define MSG_PARTS_MAX (STATE_NODES_MAX / 64) /* of a whole map */

struct msg_hello {
	struct mesh_machine_key key; /* of the server */
	struct mesh_str build;	     /* version: both are of one build */
};

struct msg_dh {
	uint64_t conn;
	uint8_t point[MESH_KEY_LEN];
};

struct msg_dh_result {
	uint64_t conn;
	bool ok;
	uint8_t result[MESH_KEY_LEN];
};

enum msg_map_kind {
	MSG_MAP_STREAM, /* long poll: nothing in it changes the node */
	MSG_MAP_LITE,	/* report: store it, answer with a status */
	MSG_MAP_ONCE,	/* one full map, then the end */
};

struct msg_map {
	uint64_t req;
	enum msg_map_kind kind;
	bool parts; /* a whole map may come in parts: the stream is zstd */
	struct mesh_machine_key machine;
	struct mesh_node_key key;
	struct report report;
	struct node_endpoint endpoints[NODE_ENDPOINTS]; /* of report */
	struct mesh_prefix routes[NODE_ROUTES_MAX];     /* of report */
};

struct msg_status {
	uint64_t req;
	uint16_t status; /* 200: the stream is open */
};

struct msg_answer {
	uint64_t req;
	uint16_t status;
	struct mesh_str text; /* JSON with 200, else a few words */
};

/* Text for the map streams of a list; JSON of one MapResponse. */
struct msg_frame {
	struct mesh_rd reqs; /* u64 each */
	uint32_t count;
	struct mesh_str text;
};

/* Text that whole maps have in common: the peers of 64 slots, each with a comma
 * behind it. It replaces the former of this index. */
struct msg_part {
	uint32_t index;
	struct mesh_str text;
};

/* The whole map for one stream: head, then the parts in this order, then tail. */
struct msg_whole {
	uint64_t req;
	struct mesh_rd parts; /* u32 each */
	uint32_t count;
	struct mesh_str head, tail;
};

bool msg_write_hello(struct mesh_wr *w, const struct msg_hello *m);
bool msg_read_hello(struct mesh_rd *r, struct msg_hello *out);
bool msg_write_dh(struct mesh_wr *w, const struct msg_dh *m);
bool msg_read_dh(struct mesh_rd *r, struct msg_dh *out);
bool msg_write_dh_result(struct mesh_wr *w, const struct msg_dh_result *m);
bool msg_read_dh_result(struct mesh_rd *r, struct msg_dh_result *out);
bool msg_write_register(struct mesh_wr *w, const struct register_ask *m);
bool msg_read_register(struct mesh_rd *r, struct register_ask *out);
bool msg_write_registered(struct mesh_wr *w, const struct register_answer *m);
bool msg_read_registered(struct mesh_rd *r, struct register_answer *out);
bool msg_write_map(struct mesh_wr *w, const struct msg_map *m);
bool msg_read_map(struct mesh_rd *r, struct msg_map *out);
bool msg_write_status(struct mesh_wr *w, const struct msg_status *m);
bool msg_read_status(struct mesh_rd *r, struct msg_status *out);
bool msg_write_ssh(struct mesh_wr *w, const struct sshcheck_ask *m);
bool msg_read_ssh(struct mesh_rd *r, struct sshcheck_ask *out);
bool msg_write_answer(struct mesh_wr *w, const struct msg_answer *m);
bool msg_read_answer(struct mesh_rd *r, struct msg_answer *out);
/* One request number. */
bool msg_read_req(struct mesh_rd *r, uint64_t *out_req);
bool msg_read_frame(struct mesh_rd *r, struct msg_frame *out);
bool msg_read_part(struct mesh_rd *r, struct msg_part *out);
bool msg_read_whole(struct mesh_rd *r, struct msg_whole *out);

#endif
