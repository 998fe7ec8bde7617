/* SPDX-License-Identifier: ISC */
#include "wg/wg.h"

#include <stdlib.h>

#include "base/rd.h"
#include "base/secret.h"
#include "crypto/x25519.h"
#include "wg/wg_int.h"

static uint32_t
peers_max(const struct mesh_wg_config *config)
{
	return config->peers_max > 0 && config->peers_max < MESH_WG_PEERS
		   ? config->peers_max
		   : MESH_WG_PEERS;
}

struct mesh_wg *
mesh_wg_new(const struct mesh_wg_config *config)
{
	struct mesh_wg *wg = calloc(1, sizeof(*wg));
	uint8_t map_seed[MESH_MAP_SEED_LEN];

	if (wg == NULL)
		return NULL;
	wg->aead = config->aead->new ();
	if (wg->aead == NULL) {
		free(wg);
		return NULL;
	}
	wg->secret = config->secret;
	wg->self = mesh_node_public(&wg->secret);
	wg->mtu = config->mtu;
	mesh_drbg_init(&wg->random, config->seed);
	mesh_drbg_bytes(&wg->random, map_seed, sizeof(map_seed));
	mesh_map_init(&wg->peers, sizeof(wg->self.b), peers_max(config),
	    map_seed);
	mesh_list_init(&wg->busy);
	mesh_wg_checker_init(&wg->checker, &wg->self);
	mesh_wg_load_init(&wg->load, MESH_WG_LOAD_BURST, MESH_WG_LOAD_RATE,
	    &wg->random);
	return wg;
}

void
mesh_wg_free(struct mesh_wg *wg)
{
	struct mesh_wg_peer *p;
	size_t pos = 0;

	if (wg == NULL)
		return;
	while ((p = mesh_map_next(&wg->peers, &pos, NULL)) != NULL) {
		mesh_wipe(p, sizeof(*p));
		free(p);
	}
	mesh_map_release(&wg->peers);
	mesh_wg_index_release(&wg->index);
	mesh_aead_free(wg->aead);
	mesh_wipe(wg, sizeof(*wg));
	free(wg);
}

struct mesh_node_key
mesh_wg_public(const struct mesh_wg *wg)
{
	return wg->self;
}

void
mesh_wg_set_mtu(struct mesh_wg *wg, uint16_t mtu)
{
	wg->mtu = mtu;
}

void
mesh_wg_stir(struct mesh_wg *wg, const uint8_t random[static 32])
{
	mesh_drbg_stir(&wg->random, random);
}

/* --- clock */

void
mesh_wg_set_clock(struct mesh_wg *wg, struct mesh_wall wall,
    struct mesh_time now)
{
	wg->wall = wall;
	wg->wall_at = now;
}

void
mesh_wg_set_stamp_floor(struct mesh_wg *wg, struct mesh_wall floor)
{
	floor = mesh_wg_stamp_cut(floor);
	if (mesh_wg_stamp_later(floor, wg->stamp_high))
		wg->stamp_high = floor;
}

struct mesh_wall
mesh_wg_stamp_high(const struct mesh_wg *wg)
{
	return wg->stamp_high;
}

void
mesh_wg_int_stamp(struct mesh_wg *wg, struct mesh_time now,
    uint8_t out[static MESH_WG_STAMP_LEN])
{
	uint64_t ns = wg->wall.nsec + mesh_time_since(wg->wall_at, now);
	struct mesh_wall w = {
	    .sec = wg->wall.sec + (int64_t)(ns / MESH_SEC),
	    .nsec = (uint32_t)(ns % MESH_SEC),
	};

	w = mesh_wg_stamp_cut(w);
	if (!mesh_wg_stamp_later(w, wg->stamp_high))
		w = mesh_wg_stamp_after(wg->stamp_high);
	wg->stamp_high = w;
	mesh_wg_stamp_write(w, out);
}

/* --- peers */

static void
peer_free(struct mesh_wg_peer *p)
{
	mesh_wipe(p, sizeof(*p));
	free(p);
}

static struct mesh_wg_peer *
peer_new(struct mesh_wg *wg, const struct mesh_node_key *key, void *user)
{
	struct mesh_wg_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->wg = wg;
	p->user = user;
	p->key = *key;
	p->armed = MESH_NEVER;
	p->stats.handshake = MESH_NEVER;
	p->jitter = mesh_drbg_u32(&wg->random) % WG_JITTER;
	mesh_list_init(&p->staged);
	mesh_list_init(&p->busy);
	for (size_t i = 0; i < WG_TIMERS; i++)
		p->timers[i] = MESH_NEVER;
	mesh_wg_jar_init(&p->jar, key);
	return p;
}

int
mesh_wg_peer_add(struct mesh_wg *wg, const struct mesh_node_key *key,
    void *user, struct mesh_wg_peer **out)
{
	struct mesh_wg_peer *p;
	int err;

	if (mesh_node_key_equal(key, &wg->self))
		return MESH_ERR_ARG;
	if (mesh_map_get(&wg->peers, key->b) != NULL)
		return MESH_ERR_EXIST;
	err = mesh_wg_index_reserve(&wg->index,
	    (wg->peers.count + 1) * WG_INDICES_PER_PEER);
	if (err != MESH_OK)
		return err;
	p = peer_new(wg, key, user);
	if (p == NULL)
		return MESH_ERR_NOMEM;
	err = mesh_x25519(p->shared, wg->secret.b, key->b);
	if (err != MESH_OK)
		err = MESH_ERR_ARG;
	else
		err = mesh_map_put(&wg->peers, key->b, p);
	if (err != MESH_OK) {
		peer_free(p);
		return err;
	}
	*out = p;
	return MESH_OK;
}

void
mesh_wg_peer_remove(struct mesh_wg_peer *p)
{
	mesh_wg_int_forget_handshake(p);
	mesh_wg_int_forget_sessions(p);
	mesh_list_remove(&p->busy);
	mesh_map_remove(&p->wg->peers, p->key.b);
	peer_free(p);
}

struct mesh_wg_peer *
mesh_wg_peer_get(const struct mesh_wg *wg, const struct mesh_node_key *key)
{
	return mesh_map_get(&wg->peers, key->b);
}

struct mesh_wg_peer *
mesh_wg_peer_by_index(const struct mesh_wg *wg, uint32_t index)
{
	const struct wg_ref *ref = mesh_wg_index_get(&wg->index, index);

	return ref ? ref->peer : NULL;
}

void *
mesh_wg_peer_user(const struct mesh_wg_peer *p)
{
	return p->user;
}

const struct mesh_node_key *
mesh_wg_peer_key(const struct mesh_wg_peer *p)
{
	return &p->key;
}

void
mesh_wg_peer_set_psk(struct mesh_wg_peer *p,
    const uint8_t psk[static MESH_KEY_LEN])
{
	memcpy(p->psk, psk, sizeof(p->psk));
}

void
mesh_wg_peer_stamp(const struct mesh_wg_peer *p,
    uint8_t out[static MESH_WG_STAMP_LEN])
{
	memcpy(out, p->stamp, sizeof(p->stamp));
}

void
mesh_wg_peer_set_stamp(struct mesh_wg_peer *p,
    const uint8_t stamp[static MESH_WG_STAMP_LEN])
{
	memcpy(p->stamp, stamp, sizeof(p->stamp));
}

enum mesh_wg_state
mesh_wg_peer_state(const struct mesh_wg_peer *p, struct mesh_time now)
{
	if (mesh_wg_int_usable(p, now) != NULL)
		return MESH_WG_ESTABLISHED;
	return mesh_time_is_never(p->timers[WG_TIMER_RETRY])
		   ? MESH_WG_IDLE
		   : MESH_WG_HANDSHAKE;
}

struct mesh_wg_stats
mesh_wg_peer_stats(const struct mesh_wg_peer *p)
{
	return p->stats;
}

struct mesh_wg_counts
mesh_wg_counts(const struct mesh_wg *wg)
{
	return wg->counts;
}

/* --- where inputs come from */

struct mesh_wg_source
mesh_wg_source_udp(const struct mesh_endpoint *e)
{
	bool is4 = mesh_ip_is4(&e->ip);
	struct mesh_wg_source s = {.host_len = is4 ? 4 : 16};
	struct mesh_wr w = mesh_wr_init(s.b, sizeof(s.b));

	mesh_wr_bytes(&w, is4 ? mesh_ip_bytes4(&e->ip) : e->ip.b, s.host_len);
	mesh_wr_u16le(&w, e->port);
	s.len = (uint8_t)w.len;
	return s;
}

struct mesh_wg_source
mesh_wg_source_relay(const struct mesh_node_key *from)
{
	struct mesh_wg_source s = {
	    .len = MESH_WG_SOURCE_MAX, .host_len = MESH_WG_SOURCE_MAX};

	memcpy(s.b, from->b, sizeof(s.b));
	return s;
}

/* --- actions */

void
mesh_wg_int_todo(struct mesh_wg_peer *p, unsigned what)
{
	if (p->todo == 0)
		mesh_list_append(&p->wg->busy, &p->busy);
	p->todo |= what;
}

void
mesh_wg_int_rearm(struct mesh_wg_peer *p)
{
	if (mesh_wg_peer_deadline(p).ns < p->armed.ns)
		mesh_wg_int_todo(p, WG_TODO_ARM);
}

static bool
next_reply(struct mesh_wg *wg, struct mesh_wg_action *out)
{
	if (!wg->reply_due)
		return false;
	wg->reply_due = false;
	*out = (struct mesh_wg_action){
	    .kind = MESH_WG_REPLY,
	    .data = wg->reply,
	    .len = sizeof(wg->reply),
	};
	return true;
}

/* The lowest bit of p->todo as an action. */
static void
next_of_peer(struct mesh_wg_peer *p, struct mesh_wg_action *out)
{
	unsigned bit = p->todo & -p->todo;

	*out = (struct mesh_wg_action){.peer = p};
	p->todo &= ~bit;
	switch ((enum wg_todo)bit) {
	case WG_TODO_FAILED:
		out->kind = MESH_WG_FAILED;
		break;
	case WG_TODO_EXPIRED:
		out->kind = MESH_WG_EXPIRED;
		break;
	case WG_TODO_HANDSHAKE:
		out->kind = MESH_WG_SEND;
		out->data = p->message;
		out->len = p->message_len;
		break;
	case WG_TODO_KEEPALIVE:
		out->kind = MESH_WG_SEND;
		out->data = p->keepalive;
		out->len = sizeof(p->keepalive);
		break;
	case WG_TODO_SESSION:
		out->kind = MESH_WG_SESSION;
		break;
	case WG_TODO_ARM:
		out->kind = MESH_WG_ARM;
		p->armed = mesh_wg_peer_deadline(p);
		out->deadline = p->armed;
		break;
	}
	if (p->todo == 0)
		mesh_list_remove(&p->busy);
}

bool
mesh_wg_next(struct mesh_wg *wg, struct mesh_wg_action *out)
{
	if (next_reply(wg, out))
		return true;
	if (mesh_list_is_empty(&wg->busy))
		return false;
	next_of_peer(MESH_CONTAINER(wg->busy.next, struct mesh_wg_peer, busy),
	    out);
	return true;
}
