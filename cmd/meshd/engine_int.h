/* SPDX-License-Identifier: ISC
 * engine_int.h - the engine's state, between its files. Private.
 *
 *	engine.c         start, sandbox, loop, the link to the monitor
 *	engine_agent.c   the link to the agent: what it asks, what it is told
 *	engine_tables.c  the agent's tables: collected, checked, put to use
 *	engine_peers.c   peers, and whose an address is
 *	engine_out.c     packets from the TUN to peers
 *	engine_in.c      packets from peers to the TUN
 *	engine_drive.c   what WireGuard and the paths want done
 *	engine_probe.c   TSMP, pings asked for by people
 *	engine_relay.c   connections to relays   engine_tls.c  their TLS
 */
#ifndef MESHD_ENGINE_INT_H
#define MESHD_ENGINE_INT_H

#include "gso.h"
#include "link.h"
#include "tables.h"
#include "timers.h"
#include "udp.h"

#include "base/list.h"
#include "base/map.h"
#include "wg/wg.h"
#include "wire/ip.h"
#include <mesh/filter.h>
#include <mesh/path.h>

#include <event2/event.h>

#define ENGINE_STAGED_MAX 1024u /* packets that wait for sessions, all peers */
#define ENGINE_PROBES_MAX 32u	/* pings by TSMP and ICMP at the same time */
#define ENGINE_RELAYS_MAX 32u	/* connections */
#define ENGINE_REGION_MAX 4096u /* relay map, all texts of a region */
#define ENGINE_TUN_READS 32u	/* before other things get their turn */
#define ENGINE_TUN_RUNS 3u	/* full ones of 64 kB, likewise */
#define ENGINE_STAMP_AHEAD_S 600u

struct relay; /* engine_relay.c */

struct peer {
	struct engine *e;
	struct mesh_node_key node;
	struct mesh_disco_key disco; /* born with its process; zero: not told */
	uint32_t flags; /* TBL_PEER_* */
	struct mesh_prefix *allowed;
	size_t allowed_count;
	struct mesh_wg_peer *wg; /* NULL: no session wanted */
	struct mesh_path_peer *path;
	struct timer timer; /* WireGuard's */
	struct mesh_list changed; /* in engine.changed: status is to be sent */
	uint8_t stamp[MESH_WG_STAMP_LEN]; /* newest that it sent */
	uint64_t rx_bytes, tx_bytes;	  /* of the tunnel, wg objects before */
	struct mesh_time last_rx, last_tx, handshake; /* 0: never */
	bool keep; /* while tables are put to use: not removed */
};

/* A prefix that is not a single address, longest first. */
struct route {
	struct mesh_prefix net;
	struct peer *peer;
};

/* Who asked, by an address that answers go to. */
struct source {
	struct mesh_endpoint udp; /* port 0: not by UDP */
	uint16_t region;
	struct mesh_node_key node; /* by relay */
};

struct region {
	uint16_t id;
	struct tbl_region *t; /* in engine.relay_arena */
};

struct probe {
	struct engine *e;
	bool used;
	enum tbl_ping_kind kind;
	uint32_t id;
	uint16_t echo_id;
	uint8_t cookie[8];
	struct mesh_node_key node;
	struct mesh_time sent;
	struct timer timer;
};

/* Tables between BEGIN and COMMIT. */
struct pending {
	bool open, full;
	bool is_void; /* read, and not put to use */
	bool has_self, has_filter, has_relays;
	uint64_t gen;
	struct mesh_arena arena;
	struct tbl_self self;
	struct tbl_peer *peers;
	size_t peer_count, peer_cap;
	struct mesh_node_key *drops;
	size_t drop_count;
	uint8_t *filter;
	size_t filter_len;
};

struct engine {
	struct event_base *base;
	struct event *agent_event;
	int timer_fd, clock_fd;
	struct timers timers;
	struct mesh_time now, armed;
	struct link mon, agent;
	bool stop;

	struct tbl_engine_start start;
	bool started;
	int tun;
	struct mesh_wg *wg;
	struct mesh_path *path;
	struct mesh_filter *filter;
	struct mesh_disco_key disco;
	struct mesh_wall stamp_saved; /* high-water mark on disk */
	struct timer path_timer;

	uint64_t gen; /* of the tables in use; 0: none */
	uint32_t self_flags;
	uint16_t peerapi4, peerapi6;
	struct mesh_ip own[TBL_OWN_ADDRS_MAX];
	size_t own_count;
	struct mesh_map peers;	   /* by node key */
	struct mesh_map addresses; /* single allowed addresses: their peer */
	struct route *routes;
	size_t route_count;
	struct mesh_ip last_ip; /* the look-up before */
	struct peer *last_peer;
	struct pending pending;

	struct mesh_arena relay_arena;
	struct region *regions;
	size_t region_count;
	uint16_t home;
	struct relay *relays; /* ENGINE_RELAYS_MAX */

	struct source source; /* of the handshake message handed in last */
	size_t staged;
	struct probe probes[ENGINE_PROBES_MAX];
	uint16_t echo_seq;

	struct mesh_list changed; /* peers whose status is to be told */
	bool state_changed;
	bool status_wanted;
	uint32_t status_id;
	size_t status_pos;
	struct timer tell_timer;

	uint64_t drop_filter, drop_noise, drop_tun;
	struct tbl_traffic in[TBL_WAYS], out[TBL_WAYS];
	uint8_t links_digest[32];

	uint8_t buf[MSG_MAX];
	uint8_t body[MSG_BODY_MAX];
	uint8_t frame[GSO_FRAME_MAX + 64]; /* one read of the TUN */
	uint8_t relay_out[UDP_RUN_MAX + 64]; /* sealed, goes by relay alone */
	uint8_t relay_in[UDP_RECV_MAX];
	struct mesh_wg_packet batch[UDP_RECV_DATAGRAMS];
	uint8_t batch_msg[UDP_RECV_DATAGRAMS]; /* message of each */
	struct gro gro;
	struct udp_tx tx;
	struct udp_rx rx;
};

/* engine.c */
void engine_random_bytes(void *p, size_t len);
struct mesh_wall engine_wall(void);
void engine_clock(struct engine *e);  /* reads it into e->now */
void engine_settle(struct engine *e); /* last in every event */
void engine_tell_monitor(struct engine *e, enum msg_type type,
    const void *body, size_t len);

/* engine_agent.c */
void engine_agent_join(struct engine *e, int fd);
void engine_agent_event(struct engine *e);
/* Sends what changed, as far as the agent reads. */
void engine_agent_tell(struct engine *e);
void engine_peer_changed(struct engine *e, struct peer *p);
void engine_send_pong(struct engine *e, const struct tbl_pong *pong);
void engine_send_cert_ask(struct engine *e, const struct tbl_cert_ask *ask);

/* engine_tables.c: MESH_OK, or the message is malformed. */
int engine_tables_message(struct engine *e, struct link_msg *m);
/* Of a half-told difference nothing stays. */
void engine_tables_forget(struct engine *e);

/* engine_peers.c */
struct peer *engine_peer(const struct engine *e,
    const struct mesh_node_key *node);
struct peer *engine_peer_for(struct engine *e, const struct mesh_ip *ip);
bool engine_peer_owns(const struct peer *p, const struct mesh_ip *ip);
int engine_peer_put(struct engine *e, const struct tbl_peer *t);
void engine_peer_remove(struct engine *e, struct peer *p);
/* After puts and removes: whose addresses are whose. */
int engine_peers_index(struct engine *e);
void engine_peers_free(struct engine *e);
struct mesh_wg_peer *engine_peer_wg(struct engine *e, struct peer *p);
void engine_peer_drop_wg(struct engine *e, struct peer *p);

static inline enum tbl_way
engine_way(const struct mesh_endpoint *udp) /* port 0: by relay */
{
	if (udp->port == 0)
		return TBL_WAY_RELAY;
	return mesh_ip_is4(&udp->ip) ? TBL_WAY_UDP4 : TBL_WAY_UDP6;
}

static inline void
engine_count(struct tbl_traffic *t, size_t len)
{
	t->packets++;
	t->bytes += len;
}

/* engine_out.c */
void engine_tun_event(struct engine *e);
/* One IP packet of our own, through the tunnel. */
void engine_send_packet(struct engine *e, struct peer *p, const void *packet,
    size_t len);
/* A datagram of the handshake or the like, by the best way. */
void engine_send_datagram(struct engine *e, struct peer *p, const void *data,
    size_t len);
void engine_send_staged(struct engine *e, struct peer *p);
void engine_drop_staged(struct engine *e, struct peer *p);

/* engine_in.c */
void engine_udp_event(struct engine *e, int fd);
void engine_relay_packet(struct engine *e, uint16_t region,
    const struct mesh_node_key *from, const uint8_t *data, size_t len);
void engine_write_tun(struct engine *e);
void engine_cut(struct engine *e, struct peer *p, const uint8_t *packet,
    size_t len, bool from_peer);

/* engine_drive.c */
void engine_drive(struct engine *e);
void engine_take_links(struct engine *e, struct link_msg *m);

/* engine_probe.c. true: the packet was for us alone. */
bool engine_probe_in(struct engine *e, struct peer *p, uint8_t *packet,
    const struct mesh_ip_packet *ip);
void engine_probe_start(struct engine *e, const struct tbl_ping *t);
void engine_probe_advertise(struct engine *e, struct peer *p);
void engine_probe_disco_done(struct engine *e,
    const struct mesh_path_action *a);

/* engine_relay.c */
int engine_relays_init(struct engine *e);
/* The table of regions changed. */
void engine_relays_changed(struct engine *e);
void engine_relay_home(struct engine *e, uint16_t region);
/* The machine has these addresses now: connections from others are dead. */
void engine_relays_moved(struct engine *e, const struct mesh_ip *own,
    size_t count);
void engine_relay_send(struct engine *e, uint16_t region,
    const struct mesh_node_key *to, const void *data, size_t len, bool urgent);
void engine_relay_socket(struct engine *e, const struct tbl_socket_is *t,
    int fd);
void engine_relay_verdict(struct engine *e, const struct tbl_cert_verdict *v);
bool engine_relay_is_up(const struct engine *e, uint16_t region);
/* What was queued in this event goes out, in one write each. */
void engine_relays_flush(struct engine *e);
void engine_relays_close(struct engine *e);
const struct tbl_region *engine_region(const struct engine *e, uint16_t id);

#endif
