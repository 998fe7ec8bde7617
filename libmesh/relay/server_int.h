/* SPDX-License-Identifier: ISC
 * server_int.h - what the parts of the relay server share:
 *
 *	server.c       keys and their connections; packets from one to another
 *	server_conn.c  one session: handshake, frames, time
 *	server_mesh.c  relays of one region: watching, forwarding, our links
 *	server_queue.c what waits to be written to one client
 */
#ifndef MESH_RELAY_SERVER_INT_H
#define MESH_RELAY_SERVER_INT_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "relay/server.h"

struct mesh_relay_server {
	struct mesh_node_secret secret;
	struct mesh_node_key key;
	struct mesh_map peers;  /* node key -> struct relay_peer */
	struct mesh_map edges;  /* see relay_edge */
	struct mesh_list conns; /* all, by their `all` */
	struct mesh_list awake; /* with something new to write */
	struct mesh_list asking, watchers; /* by their `listed` */
	struct mesh_relay_mesh_key mesh;
	bool has_mesh, admit;
	uint64_t next_id;
	bool pressed; /* a queue has become full: time to write */
	size_t max_clients;
	struct mesh_relay_stats stats;
};

/* A frame that waits: header, key and packet, ready to be written. */
struct relay_frame {
	struct relay_frame *next;
	uint32_t len;
	uint8_t data[];
};

struct relay_queue {
	struct relay_frame *first, **last;
	uint32_t count;
	uint32_t bytes;
};

/* A node key and its connections, the one that spoke last in front: it gets the
 * packets. Without any, the oldest way to another relay gets them. */
struct relay_peer {
	struct mesh_node_key key;
	uint64_t id;
	struct mesh_list conns;
	struct mesh_list ways; /* the oldest first */
	struct mesh_list told; /* edges to those who have its packets */
	uint32_t told_count;
};

/* "dst got a packet from src": told when src is gone. */
struct relay_edge {
	struct mesh_list of_src, of_dst;
	struct relay_peer *src;
	struct mesh_relay_conn *dst;
};

/* "peer is at the relay behind link". */
struct relay_way {
	struct mesh_list of_peer, of_link;
	struct relay_peer *peer;
	struct mesh_relay_conn *link;
};

struct relay_edge_key {
	uint64_t src, dst; /* ids, which are never used twice */
};

enum relay_conn_state {
	RELAY_CONN_INFO,   /* the client info is to come */
	RELAY_CONN_ASKING, /* may it come in? */
	RELAY_CONN_READY,
	RELAY_LINK_KEY,  /* we are the client: the server key is to come */
	RELAY_LINK_INFO, /* the server info is to come */
	RELAY_LINK_UP,
};

struct mesh_relay_conn {
	struct mesh_relay_server *server;
	void *user;
	struct relay_peer *peer; /* NULL until READY */
	uint64_t id;
	struct mesh_list all, of_peer, awake, listed;
	struct mesh_list ways; /* of a link */
	struct mesh_list heard_from; /* edges */
	uint64_t last_src;           /* id of the peer it heard from last */
	struct mesh_buf in;          /* the beginning of a frame ... */
	size_t in_want;              /* ... of which so many bytes are needed */
	struct mesh_buf control;     /* notices, in front of packets */
	struct relay_queue packets, disco;
	struct mesh_ratelimit not_here;
	struct mesh_time heard, deadline;
	uint32_t skip;   /* bytes of an unknown frame to pass */
	uint32_t missed; /* pings without an answer */
	enum relay_conn_state state;
	bool can_ack, home, pong_waits, disco_next;
	bool mesh;  /* a relay of the mesh, either way */
	bool ended; /* to be closed */
	bool prober, not_ideal;
	struct mesh_endpoint from;
	struct mesh_node_key claim; /* ASKING: the client's; LINK: the relay's
				     */
	uint8_t random[MESH_RELAY_RANDOM_LEN]; /* nonce of the server info,
						  beat, what pings say */
};

/* server.c */
int mesh_relay_server_join(struct mesh_relay_conn *c,
    const struct mesh_node_key *key);
void mesh_relay_server_leave(struct mesh_relay_conn *c);
/* It spoke: it is the active one of its key. */
void mesh_relay_server_active(struct mesh_relay_conn *c);
void mesh_relay_server_deliver(struct mesh_relay_conn *from,
    const struct mesh_relay_packet *p, struct mesh_time now);

/* A packet from another relay, for our clients alone. */
void mesh_relay_server_deliver_forward(struct mesh_relay_conn *link,
    const struct mesh_node_key *from, const struct mesh_relay_packet *p,
    struct mesh_time now);
/* The peer of that key, made if need be; NULL without memory. */
struct relay_peer *mesh_relay_peer_of(struct mesh_relay_server *s,
    const struct mesh_node_key *key);
/* Its last connection or way is gone, or was never there: the region has lost
 * it. */
void mesh_relay_peer_settle(struct mesh_relay_server *s, struct relay_peer *p);

/* server_conn.c */
struct mesh_relay_conn *mesh_relay_conn_make(struct mesh_relay_server *s,
    void *user, const uint8_t random[static MESH_RELAY_RANDOM_LEN],
    struct mesh_time now);
int mesh_relay_conn_take_ping(struct mesh_relay_conn *c,
    const struct mesh_relay_frame *f);

/* server_mesh.c */
void mesh_relay_watch_came(struct mesh_relay_conn *c);
void mesh_relay_watch_left(struct mesh_relay_server *s,
    const struct mesh_node_key *key);
/* Frames that take the mesh key. */
int mesh_relay_mesh_frame(struct mesh_relay_conn *c,
    const struct mesh_relay_frame *f, struct mesh_time now,
    struct mesh_diag *diag);
/* Frames of the relay that we are a client of. */
int mesh_relay_link_frame(struct mesh_relay_conn *c,
    const struct mesh_relay_frame *f, struct mesh_time now,
    struct mesh_diag *diag);
void mesh_relay_link_clear(struct mesh_relay_conn *c);

/* server_queue.c */
void mesh_relay_queue_wake(struct mesh_relay_conn *c);
void mesh_relay_queue_init(struct relay_queue *q);
void mesh_relay_queue_clear(struct mesh_relay_conn *c);
/* A packet for c; counts what is dropped instead. True if it waits now. */
bool mesh_relay_queue_packet(struct mesh_relay_conn *c,
    const struct mesh_node_key *from, const void *data, size_t len, bool disco);
/* The same for another relay, with both keys. */
bool mesh_relay_queue_forward(struct mesh_relay_conn *link,
    const struct mesh_node_key *from, const struct mesh_relay_packet *p,
    bool disco);
/* A writer on room for len bytes of notices (bad if there is none), and its
 * end. */
struct mesh_wr mesh_relay_notice_begin(struct mesh_relay_conn *c, size_t len);
bool mesh_relay_notice_end(struct mesh_relay_conn *c, const struct mesh_wr *w);
bool mesh_relay_notice_gone(struct mesh_relay_conn *c,
    const struct mesh_node_key *peer, enum mesh_relay_gone reason);

#endif
