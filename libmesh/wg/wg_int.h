/* SPDX-License-Identifier: ISC
 * wg_int.h - what the files of the WireGuard core share among themselves:
 *
 *	wg.c            the device: peers, clock, actions
 *	wg_input.c      datagrams of handshakes: the door, strangers, cookies
 *	wg_handshake.c  initiations and responses, made and accepted
 *	wg_session.c    what a handshake leads to
 *	wg_packet.c     seal, open, stage
 *	wg_timer.c      what time and events do to a peer
 */
#ifndef MESH_WG_WG_INT_H
#define MESH_WG_WG_INT_H

#include "base/map.h"
#include "crypto/drbg.h"
#include "wg/cookie.h"
#include "wg/handshake.h"
#include "wg/index.h"
#include "wg/load.h"
#include "wg/replay.h"
#include "wg/stamp.h"
#include "wg/wg.h"

/* protocol/dataplane.md 1.5 */
#define WG_REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
#define WG_REKEY_AFTER_TIME (120 * MESH_SEC)
#define WG_REKEY_CROSSED (5 * MESH_SEC)      /* ours, see wg_session.c */
#define WG_REKEY_ON_RECEIVE (165 * MESH_SEC) /* 180 - 10 - 5 */
#define WG_REJECT_AFTER_TIME (180 * MESH_SEC)
#define WG_REKEY_TIMEOUT (5 * MESH_SEC)
#define WG_KEEPALIVE_AFTER (10 * MESH_SEC)
#define WG_NEW_HANDSHAKE_AFTER (15 * MESH_SEC) /* 10 + 5 */
#define WG_ZERO_AFTER (540 * MESH_SEC)         /* 3 x 180 */
#define WG_JITTER (333 * MESH_MS)
#define WG_ATTEMPTS_MAX 18u /* retries past it give up: 90 s / 5 s */
#define WG_INITIATION_GAP (20 * MESH_MS)

#define WG_SESSIONS 3u                         /* previous, current, next */
#define WG_INDICES_PER_PEER (WG_SESSIONS + 1u) /* and a handshake */

/* What an index leads to: the first member of handshake and session. */
struct wg_ref {
	struct mesh_wg_peer *peer;
	uint32_t index; /* our own */
	bool is_session;
};

/* Our initiation that waits for its response; peer NULL: none. */
struct wg_handshake {
	struct wg_ref ref;
	struct mesh_noise noise;
	uint8_t ephemeral[32];
};

struct wg_session {
	struct wg_ref ref; /* peer NULL: the slot is free */
	uint32_t remote;   /* the peer's index */
	bool initiator;
	bool rekeyed;         /* the receiving side asked for a new one */
	uint64_t counter;     /* of the next packet sent */
	uint64_t rekey_after; /* ns */
	struct mesh_time created;
	struct mesh_wg_hs_session keys;
	struct mesh_wg_replay replay;
};

enum wg_timer {
	WG_TIMER_RETRY,         /* initiation unanswered */
	WG_TIMER_KEEPALIVE,     /* received, but sent nothing since */
	WG_TIMER_NEW_HANDSHAKE, /* sent, but received nothing since */
	WG_TIMER_ZERO,          /* keys have been useless for long */
	WG_TIMER_PERSISTENT,    /* keepalives that were asked for */
	WG_TIMERS,
};

/* What mesh_wg_next() has to say about a peer, in this order. */
enum wg_todo {
	WG_TODO_FAILED = 1u << 0,
	WG_TODO_EXPIRED = 1u << 1,
	WG_TODO_HANDSHAKE = 1u << 2, /* p->message */
	WG_TODO_KEEPALIVE = 1u << 3, /* p->keepalive */
	WG_TODO_SESSION = 1u << 4,
	WG_TODO_ARM = 1u << 5,
};

struct mesh_wg_peer {
	struct mesh_wg *wg;
	void *user;
	struct mesh_node_key key;
	uint8_t shared[32]; /* DH of the static keys */
	uint8_t psk[32];
	struct mesh_wg_jar jar;

	struct wg_handshake handshake;
	struct wg_session sessions[WG_SESSIONS];
	struct wg_session *previous, *current, *next; /* or NULL */

	uint8_t stamp[MESH_WG_STAMP_LEN]; /* latest taken */
	struct mesh_time initiation_at;   /* taken; 0: none */
	struct mesh_time handshake_sent;  /* initiation or response */
	bool handshake_was_sent;
	uint32_t attempts;
	uint64_t jitter; /* ns, drawn anew with each initiation */

	struct mesh_time timers[WG_TIMERS];
	bool another_keepalive;
	uint64_t persistent; /* ns; 0: off */

	struct mesh_list staged;
	uint32_t staged_count;

	struct mesh_list busy; /* in wg->busy while todo is not 0 */
	unsigned todo;
	struct mesh_time armed; /* the deadline that the caller knows */
	uint8_t message[MESH_WG_INITIATION_LEN];
	size_t message_len;
	uint8_t keepalive[MESH_WG_DATA_MIN];
	struct mesh_wg_stats stats;
};

struct mesh_wg {
	struct mesh_node_secret secret;
	struct mesh_node_key self;
	struct mesh_aead *aead;
	struct mesh_drbg random;
	uint16_t mtu;

	struct mesh_map peers; /* by public key */
	struct mesh_wg_index index;
	struct mesh_list busy;

	struct mesh_wg_checker checker;
	struct mesh_wg_load load;
	uint8_t reply[MESH_WG_COOKIE_LEN];
	bool reply_due;

	/* An initiation whose sender is no peer, opened so far. */
	struct mesh_wg_initiation stranger;
	struct mesh_noise stranger_noise;
	struct mesh_node_key stranger_key;
	bool has_stranger;

	struct mesh_wall wall;    /* it was this time of day ... */
	struct mesh_time wall_at; /* ... then */
	struct mesh_wall stamp_high;
	struct mesh_wg_counts counts;
};

/* wg.c */
/* Something to say about p. */
void mesh_wg_int_todo(struct mesh_wg_peer *p, unsigned what);
/* Call it at the end of whatever may have moved a timer. */
void mesh_wg_int_rearm(struct mesh_wg_peer *p);
/* A stamp later than all before. */
void mesh_wg_int_stamp(struct mesh_wg *wg, struct mesh_time now,
    uint8_t out[static MESH_WG_STAMP_LEN]);

/* wg_handshake.c */
/* Sends an initiation, unless the last handshake message is too young: then it
 * is retried when that time is over. */
void mesh_wg_int_initiate(struct mesh_wg_peer *p, bool retry,
    struct mesh_time now);
/* The claim of the initiation is p's: if it is true, new, and not too soon, it
 * is answered. noise: as mesh_wg_hs_open() left it; not to be used after. */
int mesh_wg_int_accept_initiation(struct mesh_wg_peer *p,
    const struct mesh_wg_initiation *m, struct mesh_noise *noise,
    struct mesh_time now);
/* m answers the initiation that p waits with. */
int mesh_wg_int_accept_response(struct mesh_wg_peer *p,
    const struct mesh_wg_response *m, struct mesh_time now);

/* wg_session.c */
/* A random index that nobody has, and the entry for one. */
uint32_t mesh_wg_int_new_index(struct mesh_wg *wg);
void mesh_wg_int_ref_put(struct mesh_wg_peer *p, struct wg_ref *ref,
    uint32_t index, bool is_session);
/* A session with keys, which are wiped. local and remote: the indices that the
 * handshake agreed on. */
void mesh_wg_int_begin(struct mesh_wg_peer *p, bool initiator, uint32_t local,
    uint32_t remote, struct mesh_wg_hs_session *keys, struct mesh_time now);
/* Either side: the handshake is over and packets may go. */
void mesh_wg_int_ready(struct mesh_wg_peer *p, struct mesh_time now);
/* The first authentic packet on a session that was waiting for it. */
void mesh_wg_int_confirm(struct mesh_wg_peer *p, struct mesh_time now);
/* Ends our pending initiation, if any. */
void mesh_wg_int_forget_handshake(struct mesh_wg_peer *p);
/* Wipes all keys of p that pass. */
void mesh_wg_int_forget_sessions(struct mesh_wg_peer *p);

/* wg_packet.c */
/* The session to send with, or NULL. */
struct wg_session *mesh_wg_int_usable(const struct mesh_wg_peer *p,
    struct mesh_time now);
/* A keepalive, or an initiation if there is no session. */
void mesh_wg_int_keepalive(struct mesh_wg_peer *p, struct mesh_time now);

/* wg_timer.c: events. Any authentic message counts as traffic. */
void mesh_wg_int_sent(struct mesh_wg_peer *p, bool data, struct mesh_time now);
void mesh_wg_int_received(struct mesh_wg_peer *p, bool data,
    struct mesh_time now);
void mesh_wg_int_initiated(struct mesh_wg_peer *p, struct mesh_time now);
void mesh_wg_int_derived(struct mesh_wg_peer *p, struct mesh_time now);
void mesh_wg_int_completed(struct mesh_wg_peer *p, struct mesh_time now);

#endif
