/* SPDX-License-Identifier: ISC
 * tables.h - what the messages of msg.h carry, as structs; both directions.
 *
 * tbl_X_put() appends to a writer (which notes when there is no room), and
 * tbl_X_get() reads from the body of a message. Getters check every limit
 * below and every value that has a meaning; lists come out of the arena and
 * live as long as it. MESH_OK, MESH_ERR_FORMAT, MESH_ERR_LIMIT, MESH_ERR_NOMEM.
 * A body that holds several entries is read until mesh_rd_left() is 0; a body
 * with one entry must then be mesh_rd_done().
 */
#ifndef MESHD_TABLES_H
#define MESHD_TABLES_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/rd.h"
#include <mesh/key.h>

#define TBL_PEERS_MAX 16384u
#define TBL_OWN_ADDRS_MAX 8u
#define TBL_OWN_ROUTES_MAX 256u	 /* prefixes that we are a router for */
#define TBL_ALLOWED_MAX 1024u	 /* prefixes of one peer */
#define TBL_ENDPOINTS_MAX 100u	 /* of one peer */
#define TBL_REGIONS_MAX 1024u
#define TBL_RELAY_NODES_MAX 16u	 /* of one region */
#define TBL_NAME_MAX 253u	 /* bytes of a host or certificate name */
#define TBL_CODE_MAX 31u	 /* bytes of a region's code */
#define TBL_PREFIXES_MAX 16384u	 /* addresses and routes of the TUN */
#define TBL_LINK_ADDRS_MAX 256u
#define TBL_CERTS_MAX 10u	 /* of a chain */
#define TBL_CERT_LEN_MAX 16384u	 /* of one certificate, DER */
#define TBL_TEXT_MAX 255u	 /* text for people */
#define TBL_REGION_LATENCIES_MAX 256u

struct tbl_prefixes {
	struct mesh_prefix *v;
	size_t count;
};

/* config role -> monitor: the options, checked. */
struct tbl_conf {
	const char *state, *socket, *tun;
	const char *netmap;	   /* "": none */
	const char *hostname;	   /* "": the machine's */
	const char *server;	   /* "": what the state says */
	const char *operator_user; /* "": root alone */
	uint16_t port, mtu;
	uint32_t uid, gid; /* what engine and agent run as */
	uint8_t log_level; /* enum mesh_log_level */
};

/* monitor -> engine. Descriptors in this order, those that exist: TUN, udp4,
 * udp6. */
#define TBL_START_TUN 1u
#define TBL_START_UDP4 2u
#define TBL_START_UDP6 4u
#define TBL_START_VNET 8u /* the TUN speaks virtio headers, TSO */
#define TBL_START_USO 16u /* and UDP segmentation */
struct tbl_engine_start {
	uint32_t flags;
	uint16_t mtu;
	uint16_t port4, port6; /* that the sockets are bound to */
	struct mesh_node_secret node;
	uint8_t stamp[12]; /* high-water mark: u64 seconds, u32 ns, opaque here */
	uint32_t uid, gid;
	uint8_t log_level;
};

/* monitor -> agent: what the command line said that concerns it. */
struct tbl_agent_start {
	uint16_t port;
	uint16_t mtu;
	bool has_netmap;      /* NETMAP_FILE follows: no server */
	const char *tun;      /* name of the device; "userspace" */
	const char *hostname; /* --hostname, or "" */
	const char *server;   /* --server, or "" */
	const char *operator_user; /* --operator, or "" */
	uint32_t uid, gid;	   /* to become */
	uint8_t log_level;
};

/* What the kernel's links look like, latest state. An address per entry. */
struct tbl_link_addr {
	uint32_t ifindex;
	bool is_default4, is_default6; /* the default route leaves here */
	struct mesh_prefix addr;
	char name[16]; /* of the interface */
};
struct tbl_links {
	bool up; /* there is a default route, or an address at all */
	struct tbl_link_addr *v;
	size_t count;
};

enum tbl_socket_kind {
	TBL_UDP4 = 1,
	TBL_UDP6,
	TBL_TCP4,
	TBL_TCP6,
};
struct tbl_socket {
	uint32_t id; /* of the caller's choice, comes back */
	enum tbl_socket_kind kind;
};
struct tbl_socket_is {
	uint32_t id;
	uint32_t err; /* errno; 0: a descriptor comes along, non-blocking */
};

/* agent -> engine */
#define TBL_SELF_RUNNING 1u    /* wanted up: else nothing is sent or taken */
#define TBL_SELF_CONTROL 2u    /* connected to control: home may move */
struct tbl_self {
	struct mesh_node_key node; /* must be the engine's own */
	uint64_t id;
	uint32_t flags;
	uint16_t home_region; /* what control knows; 0: none yet */
	uint16_t peerapi4, peerapi6; /* ports; 0: none */
	struct tbl_prefixes addrs;   /* single addresses */
	struct tbl_prefixes routes;  /* we route for them: local too */
};

#define TBL_PEER_WG_ONLY 1u
#define TBL_PEER_EXPIRED 2u
#define TBL_PEER_ONLINE 4u
#define TBL_PEER_JAILED 8u /* may start nothing towards us */
/* A session was up in the engine before this one (TBL_PEER_SESSION in its last
 * status): ask for a new one at once, the peer would notice late. */
#define TBL_PEER_CONNECT 16u
struct tbl_peer {
	struct mesh_node_key node;
	struct mesh_disco_key disco; /* zero: none */
	uint64_t id;
	uint32_t flags;
	uint32_t cap; /* capability version */
	uint16_t home_region; /* 0: none */
	struct tbl_prefixes allowed; /* may send from, is reached at */
	struct mesh_endpoint *endpoints;
	size_t endpoint_count;
};

#define TBL_REGION_AVOID 1u /* never measured, never home */
struct tbl_region {
	uint16_t id;
	char code[TBL_CODE_MAX + 1];
	uint32_t flags;
	uint32_t score_permille; /* factor on its latency; 1000: as measured */
	struct tbl_relay_node *nodes; /* in the order of preference */
	size_t node_count;
};
#define TBL_RELAY_STUN_ONLY 1u
#define TBL_RELAY_INSECURE 2u /* InsecureForTests: TLS without verification */
#define TBL_RELAY_PLAIN 4u    /* no TLS at all (benches and labs) */
struct tbl_relay_node {
	const char *host; /* server name; addresses are resolved by the agent */
	const char *cert; /* CertName: "", a name, "sha256-raw:HEX" */
	struct mesh_ip ip4, ip6; /* none: not by this family */
	uint16_t relay_port;
	uint16_t stun_port; /* 0: no STUN */
	uint32_t flags;
};

enum tbl_ping_kind {
	TBL_PING_DISCO = 1,
	TBL_PING_TSMP,
	TBL_PING_ICMP,
};
struct tbl_ping {
	uint32_t id;
	enum tbl_ping_kind kind;
	struct mesh_node_key node;
	struct mesh_ip ip;   /* address to ask (TSMP, ICMP) */
	uint32_t timeout_ms;
};

/* engine -> agent */
struct tbl_pong {
	uint32_t id;
	int err; /* enum mesh_err: OK, TIMEOUT, NOTFOUND, STATE */
	enum tbl_ping_kind kind;
	uint64_t latency_ns;
	struct mesh_endpoint endpoint; /* direct by this */
	uint16_t region;	       /* or by this relay */
	uint16_t peerapi;	       /* from a TSMP pong; 0: none */
};

struct tbl_cert_ask {
	uint32_t id;
	uint16_t region;
	const char *name; /* the leaf must be good for it */
	const uint8_t *der[TBL_CERTS_MAX]; /* leaf first; borrowed */
	size_t der_len[TBL_CERTS_MAX];
	size_t count;
};
struct tbl_cert_verdict {
	uint32_t id;
	bool ok;
	const char *text; /* why not */
};

enum tbl_endpoint_kind { /* the numbers that control knows */
	TBL_EP_LOCAL = 1,
	TBL_EP_STUN = 2,
	TBL_EP_PORTMAP = 3,
	TBL_EP_STUN_LOCALPORT = 4,
	TBL_EP_EXPLICIT = 5,
};
struct tbl_own_endpoint {
	struct mesh_endpoint ep;
	enum tbl_endpoint_kind kind;
};
struct tbl_region_latency {
	uint16_t region;
	uint32_t us4, us6; /* 0: unknown */
};
#define TBL_NET_UDP 1u
#define TBL_NET_IPV4 2u
#define TBL_NET_IPV6 4u
#define TBL_NET_MAPPING_VARIES 8u
#define TBL_NET_MEASURED 16u /* the flags above mean something */
#define TBL_NET_RELAY_UP 32u /* connected to the home relay */
enum tbl_way { TBL_WAY_UDP4, TBL_WAY_UDP6, TBL_WAY_RELAY, TBL_WAYS };
struct tbl_traffic { /* WireGuard's packets, sealed */
	uint64_t packets, bytes;
};
struct tbl_engine_state {
	struct mesh_node_key node;
	struct mesh_disco_key disco;
	uint16_t home_region; /* 0: none */
	uint32_t net;	      /* TBL_NET_* */
	struct tbl_own_endpoint *endpoints;
	size_t endpoint_count;
	struct tbl_region_latency *latencies;
	size_t latency_count;
	uint64_t drop_filter, drop_noise; /* packets: refused, not understood */
	struct tbl_traffic in[TBL_WAYS], out[TBL_WAYS];
};

#define TBL_PEER_ACTIVE 1u  /* sent to within 45 s */
#define TBL_PEER_SESSION 2u /* WireGuard session is up */
struct tbl_peer_status {
	struct mesh_node_key node;
	uint32_t flags;
	struct mesh_endpoint direct; /* none: not direct */
	uint16_t region;	     /* of the relay in use; 0: none */
	uint32_t latency_us;	     /* of the direct path */
	uint64_t rx_bytes, tx_bytes;
	uint64_t handshake_s, rx_s, tx_s; /* wall clock, seconds; 0: never */
};

void tbl_prefixes_put(struct mesh_wr *w, const struct tbl_prefixes *t);
int tbl_prefixes_get(struct mesh_rd *r, struct mesh_arena *a, size_t max,
    struct tbl_prefixes *out);
void tbl_conf_put(struct mesh_wr *w, const struct tbl_conf *t);
int tbl_conf_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_conf *out);
void tbl_engine_start_put(struct mesh_wr *w, const struct tbl_engine_start *t);
int tbl_engine_start_get(struct mesh_rd *r, struct tbl_engine_start *out);
void tbl_agent_start_put(struct mesh_wr *w, const struct tbl_agent_start *t);
int tbl_agent_start_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_agent_start *out);
void tbl_links_put(struct mesh_wr *w, const struct tbl_links *t);
int tbl_links_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_links *out);
void tbl_socket_put(struct mesh_wr *w, const struct tbl_socket *t);
int tbl_socket_get(struct mesh_rd *r, struct tbl_socket *out);
void tbl_socket_is_put(struct mesh_wr *w, const struct tbl_socket_is *t);
int tbl_socket_is_get(struct mesh_rd *r, struct tbl_socket_is *out);
void tbl_self_put(struct mesh_wr *w, const struct tbl_self *t);
int tbl_self_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_self *out);
void tbl_peer_put(struct mesh_wr *w, const struct tbl_peer *t);
int tbl_peer_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_peer *out);
void tbl_region_put(struct mesh_wr *w, const struct tbl_region *t);
int tbl_region_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_region *out);
void tbl_ping_put(struct mesh_wr *w, const struct tbl_ping *t);
int tbl_ping_get(struct mesh_rd *r, struct tbl_ping *out);
void tbl_pong_put(struct mesh_wr *w, const struct tbl_pong *t);
int tbl_pong_get(struct mesh_rd *r, struct tbl_pong *out);
void tbl_cert_ask_put(struct mesh_wr *w, const struct tbl_cert_ask *t);
int tbl_cert_ask_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_cert_ask *out);
void tbl_cert_verdict_put(struct mesh_wr *w, const struct tbl_cert_verdict *t);
int tbl_cert_verdict_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_cert_verdict *out);
void tbl_engine_state_put(struct mesh_wr *w, const struct tbl_engine_state *t);
int tbl_engine_state_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_engine_state *out);
void tbl_peer_status_put(struct mesh_wr *w, const struct tbl_peer_status *t);
int tbl_peer_status_get(struct mesh_rd *r, struct tbl_peer_status *out);

#endif
