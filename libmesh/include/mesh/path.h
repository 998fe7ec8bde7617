/* SPDX-License-Identifier: ISC
 * mesh/path.h - NAT traversal: by which way does a packet reach a peer now?
 *
 * A mesh_path holds the paths of one node to all its peers. It learns the
 *node's own public addresses (STUN), chooses its home relay, talks to peers
 *over relays and UDP (the disco protocol), and keeps for each peer the best
 *direct path, with the relay to fall back to. What travels on the paths is not
 *its business: WireGuard, or whatever you send.
 *
 * It does no I/O, reads no clock, makes no randomness. The caller owns the
 *event loop, the UDP sockets and the relay connections, and after every call
 *that takes `now` it does two things:
 *
 *	struct mesh_path_action a;
 *
 *	while (mesh_path_next(path, now, &a)) {
 *		switch (a.kind) {
 *		case MESH_PATH_SEND_UDP:
 *			send_udp(&a.to, a.data, a.len);
 *			break;
 *		case MESH_PATH_SEND_RELAY:
 *			send_relay(a.region, &a.node, a.data, a.len);
 *			break;
 *		...
 *		}
 *	}
 *	arm_timer(mesh_path_deadline(path)); // then call mesh_path_tick()
 *
 * A datagram from a UDP socket is given to mesh_path_stun() or
 * mesh_path_disco_udp() when it looks like one of theirs (mesh_path_sniff());
 * a packet from a relay that looks like disco to mesh_path_disco_relay(). For
 * each batch of packets to a peer, mesh_path_route() says where to send it.
 *That call is what makes a peer active: nothing is sent on behalf of peers that
 * nobody sends to, and they need no timer.
 *
 * How it behaves, and its timing: that of stock nodes (protocol/dataplane.md 2,
 * 4-6), with these differences, which stock peers do not notice:
 *
 * - Stock nodes look for a direct path every 5 seconds. We look with the first
 *   packet, a few times within the next second, and again at once whenever
 *   something is learnt: own address, peer's address, a call from the peer, the
 *   peer came online, a relay connected. Rates per peer keep that polite.
 * - A peer is called (call-me-maybe) although no address of it is known, and
 *   before the own addresses are measured anew; again if they prove different.
 * - Who pings from an address that is not proven is pinged back at once.
 * - A heartbeat without an answer is repeated after 1 second, so that single
 *   losses do not cost the path; a path to a peer that calls has to prove
 *itself within half a second, so that a peer that moved is found again.
 * - A pong counts only by the way that was asked, and by UDP only from an
 *   address that the peer is known to have.
 *
 * One thread at a time. Peers are handles that live until they are removed.
 * Anything a stranger can cause is bounded, and counted in mesh_path_stats.
 */
#ifndef MESH_PATH_H
#define MESH_PATH_H

#include <mesh/addr.h>
#include <mesh/base.h>
#include <mesh/key.h>

/* Limits. */
#define MESH_PATH_PEERS_MAX 65536u
#define MESH_PATH_ENDPOINTS_MAX 32u   /* own ones that are told to others */
#define MESH_PATH_CANDIDATES_MAX 100u /* addresses tried for one peer */
#define MESH_PATH_REGIONS_MAX 1024u
#define MESH_PATH_REGION_NODES_MAX 16u
#define MESH_PATH_PINGS_MAX 64u /* mesh_path_ping() at the same time */
#define MESH_PATH_QUEUE_MAX                                                    \
	4096u /* datagrams that wait for mesh_path_next()                      \
	       */
#define MESH_PATH_DATAGRAM_MAX 700u /* bytes of those that we send */

/* Timing, as stock nodes have it (dataplane.md 5.1, 6.1). */
#define MESH_PATH_TRUST_NS (6500 * MESH_MS) /* in a path, after a pong */
#define MESH_PATH_HEARTBEAT_NS (3 * MESH_SEC)
#define MESH_PATH_ACTIVE_NS (45 * MESH_SEC) /* since the last packet sent */
#define MESH_PATH_PONG_TIMEOUT_NS (5 * MESH_SEC)
#define MESH_PATH_PING_GAP_NS (5 * MESH_SEC) /* between sweeps */
#define MESH_PATH_UPGRADE_NS                                                   \
	(60 * MESH_SEC)                 /* look for a better direct path       \
					 */
#define MESH_PATH_GOOD_NS (5 * MESH_MS) /* ... unless it is that quick */
#define MESH_PATH_FRESH_NS                                                     \
	(27 * MESH_SEC) /* own endpoints are known so long                     \
			 */

struct mesh_path;
struct mesh_path_peer;

/* --- Life ---------------------------------------------------------------- */

#define MESH_PATH_SEED_LEN 32u

struct mesh_path_config {
	struct mesh_node_key node;        /* this node's public key */
	struct mesh_disco_secret disco;   /* fresh for each process; copied */
	uint8_t seed[MESH_PATH_SEED_LEN]; /* random, never used twice: nonces
					     and ids are drawn from it */
	uint16_t home; /* relay region to begin with; 0: choose by measuring */
};

/* MESH_ERR_NOMEM, MESH_ERR_ARG (a zero key). The caller wipes its config. */
MESH_EXPORT int mesh_path_new(const struct mesh_path_config *config,
    struct mesh_time now, struct mesh_path **out);
/* Peers go with it. NULL is fine. */
MESH_EXPORT void mesh_path_free(struct mesh_path *p);

/* Another disco key (control was told); what was agreed with peers by the old
 * one is forgotten. */
MESH_EXPORT void mesh_path_set_disco(struct mesh_path *p,
    const struct mesh_disco_secret *disco, struct mesh_time now);
MESH_EXPORT struct mesh_disco_key
mesh_path_disco_key(const struct mesh_path *p);

/* --- This node ----------------------------------------------------------- */

/* What the node's links are like. */
struct mesh_path_link {
	bool up4, up6; /* there is a UDP socket of that family, and a way out */
	uint16_t port4, port6; /* that the sockets are bound to */
	bool port_fixed; /* chosen by the administrator, who may have opened it
			    in a NAT: reported as a guess behind a hard NAT */
	/* Addresses of the interfaces that are up, the network's own left out.
	 * What others cannot use is left out here (loopback, link-local). */
	const struct mesh_ip *addresses;
	size_t address_count;
	/* What a port mapping (NAT-PMP, PCP, UPnP) gave; "none" if nothing. */
	struct mesh_endpoint mapped;
	/* Said by the administrator. */
	const struct mesh_endpoint *fixed;
	size_t fixed_count;
};

/* The links changed; at the start, too. moved: not in details: addresses or the
 * default route are others now, so that no path can be trusted; else only the
 * own endpoints are determined anew. Without up4 and up6 nothing is sent by
 * UDP. Nothing of link is kept. */
MESH_EXPORT void mesh_path_set_link(struct mesh_path *p,
    const struct mesh_path_link *link, bool moved, struct mesh_time now);

/* A relay region, for STUN and as a home. */
struct mesh_path_stun {
	struct mesh_endpoint v4, v6; /* "none": not by this family */
};
struct mesh_path_region {
	uint16_t id;             /* not 0 */
	bool no_home;            /* never measured, never home */
	bool avoid;              /* not measured again, unless it is home */
	uint32_t score_permille; /* factor on its latency; 0: 1000 */
	const struct mesh_path_stun *nodes; /* best first */
	size_t node_count;
};

/* Replaces the table of regions; the same one again does nothing.
 * MESH_ERR_LIMIT, MESH_ERR_ARG (a region twice, id 0), MESH_ERR_NOMEM: the old
 * one stays. */
MESH_EXPORT int mesh_path_set_regions(struct mesh_path *p,
    const struct mesh_path_region *regions, size_t count, struct mesh_time now);

/* While control cannot be reached, the home relay stays: nobody could be told.
 */
MESH_EXPORT void mesh_path_set_control(struct mesh_path *p, bool connected);

/* How the connection to a relay is doing. Up: it can carry packets at once, and
 * is preferred to one that would have to be opened. */
MESH_EXPORT void mesh_path_relay_up(struct mesh_path *p, uint16_t region,
    bool up, struct mesh_time now);
/* A frame of any kind came from it (the caller may thin that out to one call in
 * 5 seconds): it is alive, even if STUN is not. */
MESH_EXPORT void mesh_path_relay_heard(struct mesh_path *p, uint16_t region,
    struct mesh_time now);
/* The relay says that the peer is not connected to it (any more). */
MESH_EXPORT void mesh_path_relay_gone(struct mesh_path *p, uint16_t region,
    const struct mesh_node_key *node);

/* Own endpoints, best first, as control and peers are to know them. */
enum mesh_path_endpoint_type { /* the numbers that control knows */
	MESH_PATH_ENDPOINT_LOCAL = 1,
	MESH_PATH_ENDPOINT_STUN = 2,
	MESH_PATH_ENDPOINT_MAPPED = 3,
	MESH_PATH_ENDPOINT_STUN_LOCAL_PORT = 4,
	MESH_PATH_ENDPOINT_FIXED = 5,
};
struct mesh_path_endpoint {
	struct mesh_endpoint ep;
	enum mesh_path_endpoint_type type;
};
/* Borrowed until the next call; *out_count at most MESH_PATH_ENDPOINTS_MAX. */
MESH_EXPORT const struct mesh_path_endpoint *
mesh_path_endpoints(const struct mesh_path *p, size_t *out_count);

/* What is known of the network that the node is in. */
enum mesh_path_tri {
	MESH_PATH_UNKNOWN,
	MESH_PATH_NO,
	MESH_PATH_YES,
};
struct mesh_path_netinfo {
	bool measured; /* a measurement has ended; else all is unknown */
	bool udp;      /* some STUN answer came */
	bool udp4, udp6;
	enum mesh_path_tri mapping_varies;     /* by destination: a hard NAT */
	uint16_t home;                         /* region; 0: none yet */
	struct mesh_endpoint public4, public6; /* "none" if unknown */
};
MESH_EXPORT void mesh_path_netinfo(const struct mesh_path *p,
    struct mesh_path_netinfo *out);
/* The latencies of the last measurement, region by region: start with *pos = 0;
 * false at the end. 0 ns: no answer by that family. */
struct mesh_path_latency {
	uint16_t region;
	uint64_t ns4, ns6;
};
MESH_EXPORT bool mesh_path_latency_next(const struct mesh_path *p, size_t *pos,
    struct mesh_path_latency *out);

/* Measure now, all regions, whatever the traffic (`mesh netcheck`). Ends with
 * MESH_PATH_NETINFO. */
MESH_EXPORT void mesh_path_measure(struct mesh_path *p, struct mesh_time now);

/* --- Peers --------------------------------------------------------------- */

struct mesh_path_peer_info {
	struct mesh_node_key node;
	struct mesh_disco_key disco; /* zero: not known */
	uint16_t home;               /* relay region; 0: not known */
	bool online;  /* control says so; when it comes online we search */
	bool expired; /* nothing may be sent to it */
	/* It speaks plain WireGuard and nothing else: no disco, no relay; its
	 * endpoints are believed, and it may move (dataplane.md 6.12). */
	bool wg_only;
	const struct mesh_endpoint *endpoints;
	size_t endpoint_count; /* the first MESH_PATH_CANDIDATES_MAX are used */
};

/* A peer as the netmap has it: new, or changed. Peers are known by node key; a
 * peer with a new node key is another peer. Nothing is sent for a new peer.
 * MESH_ERR_LIMIT, MESH_ERR_NOMEM, MESH_ERR_ARG (a zero node key; our own). */
MESH_EXPORT int mesh_path_peer_set(struct mesh_path *p,
    const struct mesh_path_peer_info *info, struct mesh_time now,
    struct mesh_path_peer **out);
/* The handle is invalid afterwards; its pings end as MESH_ERR_NOTFOUND. */
MESH_EXPORT void mesh_path_peer_remove(struct mesh_path *p,
    struct mesh_path_peer *peer);
/* NULL: not known. */
MESH_EXPORT struct mesh_path_peer *
mesh_path_peer_find(const struct mesh_path *p,
    const struct mesh_node_key *node);
/* Whose address is it, as far as disco or WireGuard have proven? Or NULL. */
MESH_EXPORT struct mesh_path_peer *mesh_path_peer_at(const struct mesh_path *p,
    const struct mesh_endpoint *from);
MESH_EXPORT size_t mesh_path_peer_count(const struct mesh_path *p);
/* All peers, in no order; start with *pos = 0; NULL at the end. */
MESH_EXPORT struct mesh_path_peer *
mesh_path_peer_next(const struct mesh_path *p, size_t *pos);
MESH_EXPORT struct mesh_node_key
mesh_path_peer_node(const struct mesh_path_peer *peer);
/* The caller's own pointer, for the way back from a handle; NULL at first. */
MESH_EXPORT void mesh_path_peer_set_user(struct mesh_path_peer *peer,
    void *user);
MESH_EXPORT void *mesh_path_peer_user(const struct mesh_path_peer *peer);

/* The peer told us its disco key inside the tunnel (TSMP), before control did.
 */
MESH_EXPORT void mesh_path_peer_set_disco(struct mesh_path *p,
    struct mesh_path_peer *peer, const struct mesh_disco_key *disco,
    struct mesh_time now);

/* --- Packets ------------------------------------------------------------- */

/* Where to send: to `udp`, by relay `region`, or both (the same packet twice:
 * the path is not trusted at the moment, and the receiver drops the second). */
struct mesh_path_route {
	struct mesh_endpoint udp; /* "none" (port 0): not by UDP */
	uint16_t region;          /* 0: not by relay */
};

/* A batch of packets goes to the peer now: where? Starts the search for a
 * direct path when there is none. MESH_OK; MESH_ERR_NOTFOUND: no way is known
 * (yet); MESH_ERR_EXPIRED: the peer may not be sent to. Cheap: call it per
 * batch. */
MESH_EXPORT int mesh_path_route(struct mesh_path *p,
    struct mesh_path_peer *peer, struct mesh_time now,
    struct mesh_path_route *out);

/* A handshake with a peer that is wg_only and is not heard from goes to its
 * other endpoints too: whichever it is at answers, and drops copies (their
 * timestamp is not newer). How many were written to out: 0 for all others. Ask
 * after mesh_path_route(). */
#define MESH_PATH_ELSEWHERE_MAX 8u
MESH_EXPORT size_t mesh_path_elsewhere(const struct mesh_path *p,
    const struct mesh_path_peer *peer,
    struct mesh_endpoint out[static MESH_PATH_ELSEWHERE_MAX]);

/* What WireGuard has authenticated as coming from the peer: from a UDP address,
 * or by a relay. Neither makes it a path to send by (only disco does), but
 * answers find their relay, and peers that are wg_only may move. Call it once
 * for each batch. */
MESH_EXPORT void mesh_path_received_udp(struct mesh_path *p,
    struct mesh_path_peer *peer, const struct mesh_endpoint *from,
    struct mesh_time now);
MESH_EXPORT void mesh_path_received_relay(struct mesh_path *p,
    struct mesh_path_peer *peer, uint16_t region, struct mesh_time now);

/* Sending to `to` failed: nothing is there (EHOSTUNREACH, ENETUNREACH). */
MESH_EXPORT void mesh_path_unreachable(struct mesh_path *p,
    struct mesh_path_peer *peer, const struct mesh_endpoint *to,
    struct mesh_time now);

/* What does a datagram on the shared UDP socket look like? */
enum mesh_path_datagram {
	MESH_PATH_OTHER, /* WireGuard, or noise */
	MESH_PATH_STUN,
	MESH_PATH_DISCO,
};
MESH_EXPORT enum mesh_path_datagram mesh_path_sniff(const void *data,
    size_t len);

/* MESH_OK, or why it was ignored, for counters: MESH_ERR_FORMAT;
 * MESH_ERR_STRAY (no answer to us, unknown sender); MESH_ERR_AUTH (box);
 * MESH_ERR_DENIED (not acceptable by this way, or from this peer). */
MESH_EXPORT int mesh_path_stun(struct mesh_path *p, const void *data,
    size_t len, struct mesh_time now);
MESH_EXPORT int mesh_path_disco_udp(struct mesh_path *p,
    const struct mesh_endpoint *from, const void *data, size_t len,
    struct mesh_time now);
MESH_EXPORT int mesh_path_disco_relay(struct mesh_path *p, uint16_t region,
    const struct mesh_node_key *from, const void *data, size_t len,
    struct mesh_time now);

/* Asks the peer for a sign of life by the path that packets take, and by relay
 * when none is trusted. Ends with one MESH_PATH_PONG action with this id: the
 * first answer to come by whatever way, or MESH_ERR_TIMEOUT after 5 s.
 * MESH_ERR_LIMIT: too many at once; MESH_ERR_NOTFOUND: no way is known, or the
 * peer does not speak disco; MESH_ERR_EXPIRED. */
MESH_EXPORT int mesh_path_ping(struct mesh_path *p, struct mesh_path_peer *peer,
    uint64_t id, struct mesh_time now);

/* --- Time and actions ---------------------------------------------------- */

enum mesh_path_kind {
	MESH_PATH_SEND_UDP,   /* data to the UDP address `to` */
	MESH_PATH_SEND_RELAY, /* data to `node` by relay `region` */
	MESH_PATH_HOME,      /* the home relay is `region` now (0: none): keep a
				connection to it, tell control */
	MESH_PATH_ENDPOINTS, /* own endpoints changed: tell control */
	MESH_PATH_NETINFO,   /* a measurement ended: mesh_path_netinfo() */
	MESH_PATH_PEER,      /* the way to `peer` changed: mesh_path_status() */
	MESH_PATH_PONG,      /* the ping `id` to `peer` has ended */
};

struct mesh_path_action {
	enum mesh_path_kind kind;
	const uint8_t *data;     /* borrowed until the next call */
	size_t len;              /* bytes */
	struct mesh_endpoint to; /* SEND_UDP; PONG: direct by this address */
	uint16_t region;         /* SEND_RELAY, HOME; PONG: or by this relay */
	struct mesh_node_key node;   /* SEND_RELAY */
	struct mesh_path_peer *peer; /* PEER, PONG; NULL: removed meanwhile */
	uint64_t id;                 /* PONG */
	int err;                     /* PONG: MESH_OK, MESH_ERR_TIMEOUT,
					MESH_ERR_NOTFOUND */
	uint64_t latency_ns;         /* PONG */
};

/* Time has passed. Cheap when nothing is due. */
MESH_EXPORT void mesh_path_tick(struct mesh_path *p, struct mesh_time now);
/* The next thing to do; false when there is none. */
MESH_EXPORT bool mesh_path_next(struct mesh_path *p, struct mesh_time now,
    struct mesh_path_action *out);
/* When mesh_path_tick() is wanted; MESH_NEVER if not at all. */
MESH_EXPORT struct mesh_time mesh_path_deadline(const struct mesh_path *p);

/* --- Status -------------------------------------------------------------- */

struct mesh_path_status {
	bool active;                 /* sent to within MESH_PATH_ACTIVE_NS */
	struct mesh_endpoint direct; /* "none": no direct path */
	bool trusted;                /* the direct path alone is used */
	uint64_t latency_ns;         /* of the direct path; 0: not known */
	uint16_t region;             /* relay that would be used; 0: none */
	struct mesh_disco_key disco; /* zero: not known */
	size_t candidates;
};
MESH_EXPORT void mesh_path_status(const struct mesh_path *p,
    const struct mesh_path_peer *peer, struct mesh_time now,
    struct mesh_path_status *out);

/* Counted since mesh_path_new(). */
struct mesh_path_stats {
	uint64_t pings_sent, pongs_sent, calls_sent, stuns_sent;
	uint64_t pings_received, pongs_received, calls_received;
	uint64_t dropped_malformed; /* not parseable */
	uint64_t dropped_unknown;   /* disco key of nobody */
	uint64_t dropped_box;       /* did not open */
	uint64_t dropped_denied;    /* not acceptable: way, sender, repeat */
	uint64_t dropped_stray;     /* pong or STUN answer not waited for */
	uint64_t dropped_limit; /* a table, queue or rate was at its limit */
};
MESH_EXPORT void mesh_path_stats(const struct mesh_path *p,
    struct mesh_path_stats *out);

#endif
