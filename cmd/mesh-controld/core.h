/* SPDX-License-Identifier: ISC
 * core.h - the role that knows: policy, registrations, netmaps, database, and
 * the server's Noise key.
 *
 * It reads typed messages of the front (msg.h) and the admin socket, whose peers
 * are root or the daemon's own user. Descriptors: ROLE_LINK to main, then the
 * link to the front, the admin socket that listens, the state folder.
 */
#ifndef CONTROLD_CORE_H
#define CONTROLD_CORE_H

#include "admin.h"
#include "link.h"
#include "mapper.h"
#include "msg.h"
#include "options.h"
#include "register.h"
#include "sshcheck.h"

#include <base/log.h>
#include <event2/event.h>
#include <mesh/key.h>

enum core_fd { /* behind ROLE_LINK */
	CORE_FD_FRONT = 4,
	CORE_FD_ADMIN,
	CORE_FD_STATE,
};

#define CORE_PROBE_TICKS 10 /* seconds between probes of nodes with routes */
/* News that come together go together; and while they keep coming, so much time
 * for each connected node lies between two flushes: a few times what it costs to
 * tell it. */
#define CORE_FLUSH_NS (10 * MESH_MS)
#define CORE_FLUSH_NODE_NS (50 * MESH_US)
#define CORE_LITE_MAX 1024 /* reports that one transaction may wait for */
#define CORE_MAPS_MAX (2 * STATE_NODES_MAX) /* whole maps that wait */

struct core {
	struct event_base *base;
	struct link main, front;
	struct event *main_read, *front_read, *front_write;
	struct event *flush_timer, *tick_timer;
	bool flush_armed;
	unsigned ticks;
	struct mesh_time flush_next; /* not before */
	struct role_config cfg;
	struct link_msg cfg_msg; /* what cfg borrows from */
	char url[512], suffix[256];
	char state_path[4096]; /* for messages; it is the current folder */
	struct mesh_machine_secret secret;
	struct mesh_machine_key public;
	struct store *store;
	struct state *state;
	struct access *access;
	struct mapper *mapper;
	struct admin *admin;
	struct sshcheck *checks;
	/* reports whose answer waits for the transaction */
	uint64_t lite[CORE_LITE_MAX];
	size_t lite_count;
	/* core_map.c: asked for and not made yet, in order; handshakes */
	struct mesh_list maps;
	struct mesh_map maps_by_req;
	struct event *map_timer;
	struct mesh_time window;
	unsigned window_count, window_before;
	struct mesh_buf out; /* scratch for messages */
	struct mesh_ratelimit refusals; /* log lines that strangers cause */
	struct mesh_ratelimit troubles; /* lines about the database */
	int status;	     /* of the process, when the loop ends */
};

/* The role: an exit status. */
int core_run(void);

/* --- for core_link.c and admin_api.c */
struct mesh_time core_now(void);
struct mesh_wall core_wall(void);
void core_random(void *out, size_t len);
/* Something changed: tell the nodes soon. */
void core_wake(struct core *c);
/* The same, also when the mapper has nothing to tell. */
void core_flush_soon(struct core *c);
/* Ends the loop; the process has this exit status. */
void core_stop(struct core *c, int status);

/* core_link.c: the front's messages, and answers to it. */
void core_front_read(struct core *c);
void core_send(struct core *c, enum link_type type, const void *body,
    size_t len);
void core_answer(struct core *c, const struct register_answer *answer);
void core_frame(void *core, const uint64_t *reqs, size_t count,
    struct mesh_str text);
void core_part(void *core, uint32_t index, struct mesh_str text);
void core_whole(void *core, uint64_t req, const uint32_t *parts, size_t count,
    struct mesh_str text, size_t head_len);
void core_end(void *core, uint64_t req);
/* The answer to a login that had to be approved. */
void core_check_answer(struct core *c, const struct sshcheck_answer *answer);
/* The transaction of the reports: then their senders get an answer. */
void core_sync(struct core *c);
void core_status(struct core *c, uint64_t req, uint16_t status);
/* The one who asks: its node key, on the machine that it belongs to; or NULL. */
struct member *core_member(struct core *c, const struct mesh_node_key *key,
    const struct mesh_machine_key *machine);

/* core_map.c: a whole map is asked for (false: no room), is not any more; the
 * link to the front has room again; a result of a handshake went out. */
bool core_map_init(struct core *c);
void core_map_release(struct core *c);
bool core_map_ask(struct core *c, const struct msg_map *m);
bool core_map_cancel(struct core *c, uint64_t req);
/* Nobody known asks: it is told to log in again. */
void core_map_refuse(struct core *c, uint64_t req, bool stream,
    const struct mesh_node_key *key, const struct mesh_machine_key *machine);
void core_map_wake(struct core *c);
void core_map_handshake(struct core *c, struct mesh_time now);

#endif
