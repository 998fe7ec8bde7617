/* SPDX-License-Identifier: ISC
 * wg/wg.h - WireGuard: one key of our own, any number of peers, no I/O.
 *
 * Datagrams, inner packets and the time go in; datagrams, inner packets and the
 * next deadline come out. Endpoints are none of its business: an answer goes
 *"to peer P" or "to where this input came from", so peers never roam by
 *themselves. Source of all numbers and rules: protocol/dataplane.md 1.1 to 1.7.
 *
 * After every call on the device or a peer, drain:
 *
 *	while (mesh_wg_next(wg, &act))
 *		switch (act.kind) {
 *		case MESH_WG_SEND:    by the best path to act.peer
 *		case MESH_WG_REPLY:   to the source of the input just handed in
 *		case MESH_WG_ARM:     tick act.peer at act.deadline
 *		case MESH_WG_SESSION: unstage, seal and send what waits
 *		...
 *		}
 *
 * Packets are sealed and opened in place, in batches, without copy or
 * allocation. Memory is taken by mesh_wg_new() and mesh_wg_peer_add() alone;
 * strangers cannot make anything grow. Handshake messages beyond
 * MESH_WG_LOAD_RATE are answered by cookies until the load is gone.
 *
 * Peers come on demand: by the first packet to them, or by an initiation of
 * theirs (mesh_wg_input() says MESH_ERR_NOTFOUND, mesh_wg_stranger() who it
 * was; mesh_wg_peer_add() and mesh_wg_resume() let it in). They may be removed
 * at any time, best when MESH_WG_EXPIRED tells that their keys are gone.
 *
 * Two initiations that cross each other both succeed: our own stays open while
 * we answer the other, and the first data decides. (In the reference both fail,
 * and the next attempt is 5 s later.) Nothing of that shows on the wire.
 *
 * One thread at a time.
 */
#ifndef MESH_WG_WG_H
#define MESH_WG_WG_H

#include <base/addr.h>
#include <base/list.h>
#include <crypto/aead.h>
#include <mesh/key.h>
#include <wire/wg.h>

#define MESH_WG_PEERS 65536u /* most peers of a device */
#define MESH_WG_STAGED 128u  /* most packets that wait for a session */
#define MESH_WG_BATCH 64u    /* packets to the cipher at once; any n is fine */
/* Room that the caller leaves around an inner packet. */
#define MESH_WG_HEADROOM MESH_WG_HEADER_LEN
#define MESH_WG_TAILROOM (15u + MESH_WG_TAG_LEN) /* padding and tag */

/* Initiations and responses with a valid MAC1: so many at once and per second
 * are worked on without asking for a cookie. */
#define MESH_WG_LOAD_BURST 128u
#define MESH_WG_LOAD_RATE 500u

struct mesh_wg;
struct mesh_wg_peer;

struct mesh_wg_config {
	struct mesh_node_secret secret;
	uint8_t seed[32]; /* random, fresh: all randomness comes from it */
	const struct mesh_aead_ops *aead;
	uint32_t peers_max; /* at most MESH_WG_PEERS; 0: that */
	uint16_t mtu;       /* of the TUN device: padding stops there */
};

/* NULL without memory. The caller wipes its config. */
struct mesh_wg *mesh_wg_new(const struct mesh_wg_config *config);
/* With all peers; keys are wiped. Unstage what waits first. */
void mesh_wg_free(struct mesh_wg *wg);
struct mesh_node_key mesh_wg_public(const struct mesh_wg *wg);
void mesh_wg_set_mtu(struct mesh_wg *wg, uint16_t mtu);
/* More randomness, any time. */
void mesh_wg_stir(struct mesh_wg *wg, const uint8_t random[static 32]);

/* --- time of day: initiations carry a stamp that must grow. Tell it at the
 * start and when the clock was set; between, it runs with `now`. Stamps never
 * fall: not behind a clock that was set back, nor behind `floor`, which is
 * where a machine without a clock starts (kept on disk: a bit ahead of
 * mesh_wg_stamp_high()). */
void mesh_wg_set_clock(struct mesh_wg *wg, struct mesh_wall wall,
    struct mesh_time now);
void mesh_wg_set_stamp_floor(struct mesh_wg *wg, struct mesh_wall floor);
/* The latest stamp sent, or the floor. */
struct mesh_wall mesh_wg_stamp_high(const struct mesh_wg *wg);

/* --- peers */

/* user: the caller's, handed back by mesh_wg_peer_user(). MESH_ERR_ARG: the key
 * is a low-order point or our own; MESH_ERR_EXIST, MESH_ERR_LIMIT,
 * MESH_ERR_NOMEM. */
int mesh_wg_peer_add(struct mesh_wg *wg, const struct mesh_node_key *key,
    void *user, struct mesh_wg_peer **out);
/* Wipes and frees; unstage first. Pending actions of the peer are gone. */
void mesh_wg_peer_remove(struct mesh_wg_peer *p);
/* NULL if there is none. */
struct mesh_wg_peer *mesh_wg_peer_get(const struct mesh_wg *wg,
    const struct mesh_node_key *key);
/* Whose message is this? By the receiver index of a response, cookie reply or
 * data message (mesh_wg_receiver); NULL if nobody's. Proves nothing. */
struct mesh_wg_peer *mesh_wg_peer_by_index(const struct mesh_wg *wg,
    uint32_t index);

void *mesh_wg_peer_user(const struct mesh_wg_peer *p);
const struct mesh_node_key *mesh_wg_peer_key(const struct mesh_wg_peer *p);

/* For peers that speak WireGuard alone. every_ns 0: off, as with all others. */
void mesh_wg_peer_set_keepalive(struct mesh_wg_peer *p, uint64_t every_ns,
    struct mesh_time now);
/* Used from the next handshake on; all zero, as at the start: none. */
void mesh_wg_peer_set_psk(struct mesh_wg_peer *p,
    const uint8_t psk[static MESH_KEY_LEN]);

/* The latest stamp taken from the peer. Kept by the caller over remove and add,
 * an old initiation cannot be replayed to the new peer object. */
void mesh_wg_peer_stamp(const struct mesh_wg_peer *p,
    uint8_t out[static MESH_WG_STAMP_LEN]);
void mesh_wg_peer_set_stamp(struct mesh_wg_peer *p,
    const uint8_t stamp[static MESH_WG_STAMP_LEN]);

enum mesh_wg_state {
	MESH_WG_IDLE,        /* no session, none wanted */
	MESH_WG_HANDSHAKE,   /* no session, asking for one */
	MESH_WG_ESTABLISHED, /* packets can be sealed */
};
enum mesh_wg_state mesh_wg_peer_state(const struct mesh_wg_peer *p,
    struct mesh_time now);

struct mesh_wg_stats {
	uint64_t tx_bytes, rx_bytes; /* of datagrams, sent and authentic */
	struct mesh_time handshake;  /* the last completed; never: MESH_NEVER */
};
struct mesh_wg_stats mesh_wg_peer_stats(const struct mesh_wg_peer *p);

/* --- handshake messages in */

#define MESH_WG_SOURCE_MAX 20u /* bytes */

/* Where an input came from: opaque bytes that go into its cookie; inputs that
 * agree in the first host_len of them share a rate under load. */
struct mesh_wg_source {
	uint8_t b[MESH_WG_SOURCE_MAX];
	uint8_t len, host_len;
};
struct mesh_wg_source mesh_wg_source_udp(const struct mesh_endpoint *e);
struct mesh_wg_source mesh_wg_source_relay(const struct mesh_node_key *from);

/* An initiation, response or cookie reply. MESH_OK: taken (*out_peer, may be
 * NULL: whose; a response or initiation is proof of its key). Else dropped:
 *	MESH_ERR_FORMAT   not one of these
 *	MESH_ERR_AUTH     wrong MAC, key or seal: not for us, or forged
 *	MESH_ERR_STRAY    answers nothing that we asked
 *	MESH_ERR_REPLAY   an old initiation
 *	MESH_ERR_LIMIT    too many: a cookie was sent, or nothing
 *	MESH_ERR_NOTFOUND an initiation of somebody who is no peer (yet) */
int mesh_wg_input(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now,
    struct mesh_wg_peer **out_peer);
/* Who it was, after MESH_ERR_NOTFOUND, until the next call; NULL else. */
const struct mesh_node_key *mesh_wg_stranger(const struct mesh_wg *wg);
/* Goes on with that initiation, now that the peer was added. */
int mesh_wg_resume(struct mesh_wg *wg, struct mesh_time now,
    struct mesh_wg_peer **out_peer);

/* --- packets */

struct mesh_wg_packet {
	uint8_t *data; /* moves to where the other form begins */
	size_t len;
	struct mesh_wg_peer *peer; /* out, of open: whose; NULL: dropped */
};

/* Inner packets to data messages for p: header in front, padding and tag
 * behind; MESH_WG_HEADROOM and _TAILROOM must be there. Returns how many from
 * the front were sealed: all, or 0 when there is no session (stage them), or
 * fewer when the last number of the session was used up. */
size_t mesh_wg_seal_batch(struct mesh_wg_peer *p,
    struct mesh_wg_packet *packets, size_t n, struct mesh_time now);

/* How long an inner packet of len bytes will be. */
size_t mesh_wg_sealed_len(const struct mesh_wg *wg, size_t len);

/* Data messages to inner packets, each of any peer, best in runs of the same.
 * Returns how many are good. Of those, data and len are the IP packet without
 * padding, or len is 0: a keepalive. The rest have peer NULL, and their bytes
 * are garbage: stale, forged, replayed, or not IP. The caller checks that the
 * inner source address is the peer's. */
size_t mesh_wg_open_batch(struct mesh_wg *wg, struct mesh_wg_packet *packets,
    size_t n, struct mesh_time now);

/* A packet that waits for a session, in the caller's memory. */
struct mesh_wg_staged {
	struct mesh_list link; /* private */
	uint8_t *data;         /* the caller's, as len */
	size_t len;
};

/* Keeps s and asks for a session. Returns the oldest of MESH_WG_STAGED if it
 * had to go, else NULL. */
struct mesh_wg_staged *mesh_wg_stage(struct mesh_wg_peer *p,
    struct mesh_wg_staged *s, struct mesh_time now);
/* Gives back the oldest, or NULL. */
struct mesh_wg_staged *mesh_wg_unstage(struct mesh_wg_peer *p);

/* Asks for a session without a packet, if there is none and none is coming. */
void mesh_wg_connect(struct mesh_wg_peer *p, struct mesh_time now);
/* Asks for a new session although there is one: the peer has probably lost it
 * (it was started anew). The old one serves until then. */
void mesh_wg_renew(struct mesh_wg_peer *p, struct mesh_time now);

/* --- time in, actions out */

/* The next thing that time will do to p; MESH_NEVER if none. */
struct mesh_time mesh_wg_peer_deadline(const struct mesh_wg_peer *p);
void mesh_wg_peer_tick(struct mesh_wg_peer *p, struct mesh_time now);

enum mesh_wg_kind {
	MESH_WG_SEND,    /* data[0..len) to the peer */
	MESH_WG_REPLY,   /* data[0..len) to the source of the last input */
	MESH_WG_ARM,     /* tick the peer at deadline (a later arming stands) */
	MESH_WG_SESSION, /* a new session: what is staged may go */
	MESH_WG_FAILED,  /* no answer in 90 s: what is staged is hopeless */
	MESH_WG_EXPIRED, /* silent for 540 s, keys are wiped; as FAILED */
};

struct mesh_wg_action {
	enum mesh_wg_kind kind;
	struct mesh_wg_peer *peer; /* NULL for REPLY */
	const uint8_t *data;       /* borrowed until the next call */
	size_t len;
	struct mesh_time deadline;
};

bool mesh_wg_next(struct mesh_wg *wg, struct mesh_wg_action *out);

/* --- counts since the start, for metrics */
struct mesh_wg_counts {
	uint64_t initiations_sent, responses_sent, cookies_sent;
	uint64_t handshakes;    /* completed, either side */
	uint64_t bad_format;    /* type or size */
	uint64_t bad_mac;       /* MAC1 */
	uint64_t bad_handshake; /* stray, forged or replayed */
	uint64_t limited;       /* under load, or too soon */
	uint64_t unknown_index; /* data for no session */
	uint64_t bad_data;      /* forged, stale, or not IP inside */
	uint64_t replayed_data;
};
struct mesh_wg_counts mesh_wg_counts(const struct mesh_wg *wg);

#endif
