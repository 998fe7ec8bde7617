/* SPDX-License-Identifier: ISC
 * path/int.h - the insides of a mesh_path, shared by this folder.
 *
 *	path.c       the object: life, time, actions
 *	self.c       this node: home relay, own endpoints, measurements
 *	peer.c       the table of peers, and what the netmap says of them
 *	candidate.c  addresses at which a peer might be
 *	search.c     pings to them, the best path, heartbeats
 *	call.c       call-me-maybe
 *	disco.c      conversations: keys, boxes, what comes in and goes out
 *	route.c      the way of a packet
 *	pings.c      pings that the user asked for
 *	queue.c      what goes out, waiting for mesh_path_next()
 *
 * A time of MESH_NEVER means "never yet" for things that happened.
 */
#ifndef MESH_PATH_INT_H
#define MESH_PATH_INT_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "crypto/box.h"
#include "crypto/drbg.h"
#include "path/better.h"
#include "path/endpoints.h"
#include "path/netcheck.h"
#include "path/timer.h"
#include "wire/disco.h"
#include <mesh/path.h>

#define CANDIDATE_LIFE_NS                                                      \
	(45 * MESH_SEC) /* learnt from a ping, then silent                     \
			 */
#define RESTUN_MIN_NS (20 * MESH_SEC)
#define RESTUN_SPREAD_NS (6 * MESH_SEC)
#define REPORT_DELAY_NS (100 * MESH_MS) /* endpoints may come in a row */
/* A search: sweeps at 0, 150, 450 and 1050 ms; each candidate that has not
 * answered is pinged again, but never twice within QUICK_GAP_NS. */
#define SEARCH_ROUNDS 4u
#define QUICK_GAP_NS (100 * MESH_MS)
/* A ping from an address that is not proven yet is answered by one of ours,
 * unless it was pinged that lately: its NAT may have been shut then. */
#define PING_BACK_GAP_NS (20 * MESH_MS)
/* A heartbeat that is not answered is repeated so soon: single losses must not
 * cost trust. */
#define BEAT_AGAIN_NS (1 * MESH_SEC)
/* How often what is learnt may start a search, or a ping a ping, per peer. */
#define SEARCH_BURST 6u
#define SEARCH_EVERY_NS (3 * MESH_SEC)
#define PING_BACK_BURST 16u
#define PING_BACK_EVERY_NS (500 * MESH_MS)
#define FLIGHT_MAX 128u /* pings in flight to one peer */
#define ADDRESSES_MAX (4 * MESH_PATH_PEERS_MAX) /* bound to peers */
/* A peer that calls may have lost us: its path has to answer within this. */
#define DOUBT_NS (500 * MESH_MS)
#define WG_ONLY_GUESS_NS (1 * MESH_SEC)
#define WG_ONLY_TRUST_NS (5 * MESH_SEC)

/* Since t; UINT64_MAX if it never happened. */
static inline uint64_t
ago(struct mesh_time t, struct mesh_time now)
{
	return mesh_time_is_never(t) ? UINT64_MAX : mesh_time_since(t, now);
}

enum candidate_source {
	FROM_NETMAP = 1,
	FROM_PING = 2,
	FROM_CALL = 4,
};

struct candidate {
	struct mesh_endpoint ep;
	uint8_t from;                    /* enum candidate_source, or-ed */
	bool bound;                      /* in the address map, for this peer */
	struct mesh_time pinged;         /* by us */
	struct mesh_time got_ping;       /* from there */
	struct mesh_time answered;       /* our ping */
	uint64_t latency_ns;             /* of that answer */
	struct mesh_disco_txid got_txid; /* of the last ping from there */
};

struct flight { /* a ping that waits for its pong */
	struct mesh_disco_txid txid;
	struct mesh_endpoint to; /* port 0: by relay */
	uint16_t region;
	struct mesh_time sent;
};

/* A disco key of others, and what we share with it. Several peers may have the
 * same key. */
struct identity {
	struct mesh_disco_key key;
	struct mesh_box_key box;
	enum {
		BOX_NOT_YET,
		BOX_READY,
		BOX_BAD /* no key can be agreed on */
	} state;
	struct mesh_list peers; /* mesh_path_peer.same */
	size_t count;
};

struct mesh_path_peer {
	struct mesh_node_key node;
	struct identity *identity; /* NULL: disco key not known */
	struct mesh_list same;     /* identity's peers */
	struct mesh_list active;   /* those with a heartbeat */
	struct mesh_list changed;  /* those with an action PEER to give */
	struct mesh_list owed;     /* those who are to get a call-me-maybe */
	void *user;
	uint16_t home;    /* relay region */
	uint16_t learned; /* packets came from it by this region */
	bool online, expired, wg_only;

	struct candidate *candidates;
	size_t candidate_count, candidate_cap;

	struct mesh_path_way best; /* port 0: none */
	struct mesh_time trust_until;
	struct mesh_time sent; /* the last packet of the caller */

	struct mesh_time heartbeat; /* the next one */
	struct mesh_time beat_again;
	struct mesh_time swept; /* last sweep */
	struct mesh_time search_began;
	struct mesh_time round_at; /* next sweep of the search */
	unsigned round;
	uint64_t told; /* generation of endpoints in the last call; 0: none */
	struct mesh_ratelimit searches, pings_back;

	struct flight *flights; /* in the order of sending */
	size_t flight_count, flight_cap;
	struct mesh_path_timer timer;
};

enum out_kind {
	OUT_PING, /* port 0 in `to`: by relay; so the others */
	OUT_PONG,
	OUT_CALL,
	OUT_STUN, /* no peer */
};

struct out { /* sealed when it is pulled */
	enum out_kind kind;
	uint16_t region;
	struct mesh_path_peer *peer;
	struct mesh_endpoint to;
	struct mesh_endpoint seen; /* pong */
	uint8_t txid[MESH_DISCO_TXID_LEN];
};

struct queue {
	struct out *v; /* a ring */
	size_t first, count, cap;
};

struct user_ping {
	uint64_t id;
	struct mesh_path_peer *peer;
	struct mesh_time sent;
	bool done;
	struct mesh_path_action result; /* when done */
};

struct mesh_path {
	struct mesh_node_key node;
	struct mesh_disco_secret secret;
	struct mesh_disco_key disco;
	struct mesh_drbg random;

	struct mesh_map peers;      /* node key -> mesh_path_peer */
	struct mesh_map identities; /* disco key -> identity */
	struct mesh_map addresses;  /* address_key -> mesh_path_peer */
	struct mesh_list active, changed, owed;
	struct mesh_path_timers timers;

	bool up4, up6;
	bool has_link; /* was said */
	bool control;
	struct mesh_netcheck netcheck;
	bool again; /* a full measurement is wanted after the running one */
	struct mesh_path_timer measure; /* the next in time */
	struct mesh_path_netinfo netinfo;
	struct mesh_endpoints endpoints;
	uint64_t generation;       /* of the own endpoints */
	struct mesh_time measured; /* the last measurement that ended */
	struct mesh_time sent;     /* the last packet to anyone */
	uint16_t home;
	uint8_t relays_up[UINT16_MAX / 8 + 1]; /* one bit per region */

	bool tell_home, tell_netinfo, tell_endpoints;
	uint16_t told_home;
	struct mesh_time tell_endpoints_at;
	struct user_ping pings[MESH_PATH_PINGS_MAX]; /* in order of sending */
	size_t ping_count;
	struct queue queue;
	uint8_t datagram[MESH_PATH_DATAGRAM_MAX];
	struct mesh_path_stats stats;
};

/* queue.c */
void mesh_path_queue_release(struct queue *q);
/* Drops it, counted, when the queue is full. */
void mesh_path_push(struct mesh_path *p, const struct out *o);
bool mesh_path_pop(struct mesh_path *p, struct out *out);
void mesh_path_queue_forget(struct mesh_path *p,
    const struct mesh_path_peer *peer);

/* peer.c */
void mesh_path_peers_release(struct mesh_path *p);
/* The region to send by, 0 if none is known. */
uint16_t mesh_path_peer_relay(const struct mesh_path *p,
    const struct mesh_path_peer *peer);
void mesh_path_peer_changed(struct mesh_path *p, struct mesh_path_peer *peer);
int mesh_path_identify(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_disco_key *key);
void mesh_path_unidentify(struct mesh_path *p, struct mesh_path_peer *peer);
bool mesh_path_bind(struct mesh_path *p, const struct mesh_endpoint *ep,
    struct mesh_path_peer *peer);
void mesh_path_unbind(struct mesh_path *p, const struct mesh_endpoint *ep,
    const struct mesh_path_peer *peer);

/* candidate.c */
struct candidate *mesh_path_candidate(const struct mesh_path_peer *peer,
    const struct mesh_endpoint *ep);
/* Finds or adds; NULL: no address to be used so, or no room. */
struct candidate *mesh_path_candidate_add(struct mesh_path *p,
    struct mesh_path_peer *peer, const struct mesh_endpoint *ep,
    enum candidate_source from, struct mesh_time now);
/* The list of that source is this one now. True if an address is new. */
bool mesh_path_candidates_replace(struct mesh_path *p,
    struct mesh_path_peer *peer, const struct mesh_endpoint *eps, size_t count,
    enum candidate_source from, struct mesh_time now);
/* Forgets those learnt from pings that have been silent. */
void mesh_path_candidates_expire(struct mesh_path *p,
    struct mesh_path_peer *peer, struct mesh_time now);
void mesh_path_candidates_clear(struct mesh_path *p,
    struct mesh_path_peer *peer);

/* search.c */
bool mesh_path_trusted(const struct mesh_path_peer *peer, struct mesh_time now);
/* Pings by UDP, or by relay with port 0. */
void mesh_path_send_ping(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct mesh_endpoint *to, uint16_t region, struct mesh_time now);
/* Something was learnt: look for a direct path now, with several sweeps, if the
 * rate allows (else false). call: and ask the peer to do so. */
bool mesh_path_search(struct mesh_path *p, struct mesh_path_peer *peer,
    bool call, struct mesh_time now);
/* The best path must prove itself at once, or it is not trusted any more. */
void mesh_path_doubt(struct mesh_path_peer *peer, struct mesh_time now);
/* Without a trusted path: takes another that has answered of late. */
void mesh_path_take_other(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now);
/* What a packet sent calls for: one more sweep if one is due. */
void mesh_path_search_if_due(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now);
/* The peer pinged us from there: see whether it works the other way, too. */
void mesh_path_ping_back(struct mesh_path *p, struct mesh_path_peer *peer,
    struct candidate *c, struct mesh_time now);
void mesh_path_clear_best(struct mesh_path *p, struct mesh_path_peer *peer);
/* The peer was sent something. */
void mesh_path_touch(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now);
/* Takes the flight with that id out. False: there is none. */
bool mesh_path_land(struct mesh_path_peer *peer,
    const struct mesh_disco_txid *txid, struct flight *out);
void mesh_path_got_pong(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct flight *f, const struct mesh_endpoint *from,
    struct mesh_time now);
void mesh_path_peer_tick(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now);
/* Arms the peer's timer for what comes next. */
void mesh_path_peer_arm(struct mesh_path *p, struct mesh_path_peer *peer);

/* call.c */
/* The peer is to get a call-me-maybe. */
void mesh_path_call(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now);
/* The peer called us: tell it our endpoints, if it does not have them. */
void mesh_path_call_back(struct mesh_path *p, struct mesh_path_peer *peer,
    struct mesh_time now);
/* The own endpoints are known now, or better: to those who wait for it. */
void mesh_path_call_owed(struct mesh_path *p, struct mesh_time now);

/* disco.c */
/* The datagram for o into p->datagram; 0: it cannot be made any more. */
size_t mesh_path_compose(struct mesh_path *p, const struct out *o);

/* pings.c */
/* A pong came: pings of the user to that peer, sent before, are answered. */
void mesh_path_pings_done(struct mesh_path *p, struct mesh_path_peer *peer,
    const struct flight *f, struct mesh_time now);
/* The peer goes: its pings end. */
void mesh_path_pings_end(struct mesh_path *p,
    const struct mesh_path_peer *peer);
void mesh_path_pings_expire(struct mesh_path *p, struct mesh_time now);
bool mesh_path_pings_next(struct mesh_path *p, struct mesh_path_action *out);
struct mesh_time mesh_path_pings_deadline(const struct mesh_path *p);

/* self.c */
bool mesh_path_relay_is_up(const struct mesh_path *p, uint16_t region);
/* Are the own endpoints known well enough to tell them? */
bool mesh_path_endpoints_fresh(const struct mesh_path *p, struct mesh_time now);
/* Measures now, unless that is being done. */
void mesh_path_measure_due(struct mesh_path *p, bool full,
    struct mesh_time now);
/* There is traffic: measure now and then. */
void mesh_path_measure_soon(struct mesh_path *p, struct mesh_time now);
/* The time for that has come. */
void mesh_path_measure_tick(struct mesh_path *p, struct mesh_time now);
/* Sends what is due, and notices when the report has ended. */
void mesh_path_measure_pump(struct mesh_path *p, struct mesh_time now);

#endif
