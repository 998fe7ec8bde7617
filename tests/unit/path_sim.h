/* SPDX-License-Identifier: ISC
 * path_sim.h - an internet in one process, for tests of mesh_path: nodes with
 * their LANs, NATs of every kind, a relay with STUN, and a clock that jumps
 * from event to event. Nothing sleeps; a run of minutes takes milliseconds.
 */
#ifndef TESTS_UNIT_PATH_SIM_H
#define TESTS_UNIT_PATH_SIM_H

#include "base/addr.h"
#include <mesh/path.h>

#define SIM_NODES 8u
#define SIM_NATS 8u
#define SIM_MAPPINGS 256u
#define SIM_REGION 900u
#define SIM_UDP_NS (20 * MESH_MS)   /* one way, over the internet */
#define SIM_LAN_NS (500 * MESH_US)  /* ... within a LAN */
#define SIM_RELAY_NS (30 * MESH_MS) /* from node through relay to node */

enum sim_nat_kind {
	SIM_OPEN, /* one public address per node, no filter */
	SIM_EASY, /* mapping independent of the endpoint, filter by ip:port */
	SIM_HARD, /* another mapping for each destination */
	SIM_BLOCKED, /* no UDP at all */
};

struct sim_mapping {
	struct mesh_endpoint inside, outside;
	struct mesh_endpoint to;          /* HARD: the one destination */
	struct mesh_endpoint allowed[32]; /* who was sent to */
	size_t allowed_count;
};

struct sim_nat {
	enum sim_nat_kind kind;
	struct mesh_ip outside;
	uint16_t next_port;
	struct sim_mapping v[SIM_MAPPINGS];
	size_t count;
};

struct sim_node {
	struct mesh_path *path;
	struct mesh_node_key key;
	struct mesh_disco_key disco;
	struct mesh_endpoint at; /* inside its LAN */
	unsigned nat;
	bool dead; /* takes nothing, sends nothing */
	bool relay_up;
	/* seen */
	struct mesh_path_action pong; /* the last one */
	unsigned pongs, homes, endpoint_reports, netinfos;
	uint64_t udp_sent, relay_sent;
	/* data packets received, and the first of each way */
	unsigned got_udp, got_relay;
	struct mesh_time first_udp, first_relay, last_got;
};

struct sim {
	struct mesh_time now;
	struct sim_node node[SIM_NODES];
	size_t node_count;
	struct sim_nat nat[SIM_NATS];
	size_t nat_count;
	struct sim_event *events; /* in the order of time */
	size_t event_count, event_cap;
	unsigned loss_percent; /* of UDP datagrams over the internet */
	uint32_t dice;
	bool relay_dead;
	bool udp_dead; /* the internet carries no UDP any more */
};

void sim_init(struct sim *s);
void sim_release(struct sim *s);
unsigned sim_add_nat(struct sim *s, enum sim_nat_kind kind);
/* A node behind a NAT; nodes of one NAT share a LAN. */
unsigned sim_add_node(struct sim *s, unsigned nat);
/* Tells a of b: as the netmap would, with the endpoints that b reported. */
struct mesh_path_peer *sim_tell(struct sim *s, unsigned a, unsigned b);
/* The node process starts anew: other disco key, same node key and socket. */
void sim_restart(struct sim *s, unsigned a);
/* The node moves into another LAN. */
void sim_move(struct sim *s, unsigned a, unsigned nat);
/* NAT mappings are lost, as after a reboot of the router. */
void sim_reset_nat(struct sim *s, unsigned nat);
/* The relay connection of a node. */
void sim_relay(struct sim *s, unsigned a, bool up);

/* A data packet from a to b; b answers with one if reply is set. */
int sim_send(struct sim *s, unsigned a, unsigned b, bool reply);
/* Pulls actions of a node; call it after using its path directly. */
void sim_drive(struct sim *s, unsigned a);
void sim_run(struct sim *s, uint64_t ns);
/* Sends a packet with reply from a to b each `every`, for `ns` in all. */
void sim_chat(struct sim *s, unsigned a, unsigned b, uint64_t every,
    uint64_t ns);
/* The path from a to b: is it direct and trusted? */
bool sim_direct(struct sim *s, unsigned a, unsigned b,
    struct mesh_path_status *out);
uint64_t sim_ms(const struct sim *s, struct mesh_time t0);

#endif
