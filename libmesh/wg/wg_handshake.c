/* SPDX-License-Identifier: ISC */
#include "base/rd.h"
#include "base/secret.h"
#include "wg/wg_int.h"

static struct mesh_wg_hs_keys
keys_of(const struct mesh_wg_peer *p)
{
	return (struct mesh_wg_hs_keys){
	    .secret = &p->wg->secret,
	    .self = &p->wg->self,
	    .peer = &p->key,
	    .shared = p->shared,
	    .psk = p->psk,
	};
}

/* --- indices */

static uint32_t
new_index(struct mesh_wg *wg)
{
	uint32_t index;

	do
		index = mesh_drbg_u32(&wg->random);
	while (mesh_wg_index_get(&wg->index, index) != NULL);
	return index;
}

static void
ref_put(struct mesh_wg_peer *p, struct wg_ref *ref, uint32_t index,
    bool is_session)
{
	*ref = (struct wg_ref){p, index, is_session};
	mesh_wg_index_put(&p->wg->index, index, ref);
}

static void
ref_drop(struct wg_ref *ref)
{
	if (ref->peer != NULL)
		mesh_wg_index_remove(&ref->peer->wg->index, ref->index);
}

void
mesh_wg_int_forget_handshake(struct mesh_wg_peer *p)
{
	ref_drop(&p->handshake.ref);
	mesh_wipe(&p->handshake, sizeof(p->handshake));
}

/* --- sessions */

static void
session_drop(struct wg_session *s)
{
	if (s == NULL)
		return;
	ref_drop(&s->ref);
	mesh_wipe(s, sizeof(*s));
}

void
mesh_wg_int_forget_sessions(struct mesh_wg_peer *p)
{
	session_drop(p->previous);
	session_drop(p->current);
	session_drop(p->next);
	p->previous = p->current = p->next = NULL;
}

/* A free slot: whoever asks has dropped one of three before. */
static struct wg_session *
session_slot(struct mesh_wg_peer *p)
{
	struct wg_session *s = p->sessions;

	while (s->ref.peer != NULL)
		s++;
	return s;
}

/* Room among the slots for a session that we began. */
static void
make_room_initiator(struct mesh_wg_peer *p)
{
	session_drop(p->previous);
	if (p->next != NULL) {
		session_drop(p->current);
		p->previous = p->next;
		p->next = NULL;
	} else {
		p->previous = p->current;
	}
	p->current = NULL;
}

static void
make_room_responder(struct mesh_wg_peer *p)
{
	session_drop(p->next);
	session_drop(p->previous);
	p->previous = p->next = NULL;
}

/* Two that began at the same moment would do so again after each 120 s. Where
 * our initiation has crossed one of theirs, the greater key waits a little. */
static uint64_t
rekey_after(const struct mesh_wg_peer *p, bool initiator)
{
	bool crossed = initiator && p->next != NULL;
	bool greater = memcmp(p->wg->self.b, p->key.b, sizeof(p->key.b)) > 0;

	return WG_REKEY_AFTER_TIME +
	       (crossed && greater ? WG_REKEY_CROSSED : 0);
}

/* local and remote: the indices that the handshake agreed on. */
static void
session_begin(struct mesh_wg_peer *p, bool initiator, uint32_t local,
    uint32_t remote, struct mesh_wg_hs_session *keys, struct mesh_time now)
{
	uint64_t rekey = rekey_after(p, initiator);
	struct wg_session *s;

	if (initiator)
		make_room_initiator(p);
	else
		make_room_responder(p);
	s = session_slot(p);
	ref_put(p, &s->ref, local, true);
	s->remote = remote;
	s->initiator = initiator;
	s->created = now;
	s->rekey_after = rekey;
	s->keys = *keys;
	mesh_wipe(keys, sizeof(*keys));
	if (initiator)
		p->current = s;
	else
		p->next = s;
	mesh_wg_int_derived(p, now);
}

/* Either side: the handshake is over and packets may go. */
static void
session_ready(struct mesh_wg_peer *p, struct mesh_time now)
{
	mesh_wg_int_forget_handshake(p);
	mesh_wg_int_completed(p, now);
	mesh_wg_int_todo(p, WG_TODO_SESSION);
}

void
mesh_wg_int_confirm(struct mesh_wg_peer *p, struct mesh_time now)
{
	session_drop(p->previous);
	p->previous = p->current;
	p->current = p->next;
	p->next = NULL;
	session_ready(p, now);
}

/* --- sending */

static void
send_message(struct mesh_wg_peer *p, size_t len, struct mesh_time now)
{
	mesh_wg_jar_sign(&p->jar, p->message, len, now);
	p->message_len = len;
	p->handshake_sent = now;
	p->handshake_was_sent = true;
	p->stats.tx_bytes += len;
	mesh_wg_int_sent(p, false, now);
	mesh_wg_int_todo(p, WG_TODO_HANDSHAKE);
}

static int
make_initiation(struct mesh_wg_peer *p, struct mesh_time now)
{
	struct mesh_wg *wg = p->wg;
	struct wg_handshake *h = &p->handshake;
	struct mesh_wg_hs_keys keys = keys_of(p);
	struct mesh_wg_initiation m;
	uint8_t stamp[MESH_WG_STAMP_LEN];
	int err;

	mesh_wg_int_forget_handshake(p);
	mesh_drbg_bytes(&wg->random, h->ephemeral, sizeof(h->ephemeral));
	mesh_wg_int_stamp(wg, now, stamp);
	err = mesh_wg_hs_initiate(&keys, h->ephemeral, stamp, &h->noise, &m);
	if (err != MESH_OK) {
		mesh_wg_int_forget_handshake(p);
		return err;
	}
	ref_put(p, &h->ref, new_index(wg), false);
	m.sender = h->ref.index;
	mesh_wg_initiation_write(&m, p->message);
	return MESH_OK;
}

void
mesh_wg_int_initiate(struct mesh_wg_peer *p, bool retry, struct mesh_time now)
{
	struct mesh_time allowed =
	    mesh_time_add(p->handshake_sent, WG_REKEY_TIMEOUT);

	if (!retry)
		p->attempts = 0;
	if (p->handshake_was_sent && !mesh_time_due(allowed, now)) {
		/* Else a lost answer of ours would only be noticed by the next
		 * packet that somebody wants to send. */
		if (mesh_time_is_never(p->timers[WG_TIMER_RETRY]))
			mesh_wg_int_initiated(p, p->handshake_sent);
		return;
	}
	p->jitter = mesh_drbg_u32(&p->wg->random) % WG_JITTER;
	if (make_initiation(p, now) != MESH_OK)
		return;
	send_message(p, MESH_WG_INITIATION_LEN, now);
	mesh_wg_int_initiated(p, now);
	p->wg->counts.initiations_sent++;
}

void
mesh_wg_connect(struct mesh_wg_peer *p, struct mesh_time now)
{
	if (mesh_wg_peer_state(p, now) == MESH_WG_IDLE)
		mesh_wg_int_initiate(p, false, now);
	mesh_wg_int_rearm(p);
}

void
mesh_wg_renew(struct mesh_wg_peer *p, struct mesh_time now)
{
	if (mesh_wg_peer_state(p, now) != MESH_WG_HANDSHAKE)
		mesh_wg_int_initiate(p, false, now);
	mesh_wg_int_rearm(p);
}

/* --- initiations in */

static int
respond(struct mesh_wg_peer *p, const struct mesh_wg_initiation *m,
    struct mesh_noise *noise, struct mesh_time now)
{
	struct mesh_wg_hs_keys keys = keys_of(p);
	struct mesh_wg_hs_session derived;
	struct mesh_wg_response r;
	uint8_t ephemeral[32];
	int err;

	mesh_drbg_bytes(&p->wg->random, ephemeral, sizeof(ephemeral));
	err = mesh_wg_hs_respond(&keys, noise, m->ephemeral, ephemeral, &r,
	    &derived);
	mesh_wipe(ephemeral, sizeof(ephemeral));
	if (err != MESH_OK)
		return err;
	r.receiver = m->sender;
	r.sender = new_index(p->wg);
	session_begin(p, false, r.sender, r.receiver, &derived, now);
	mesh_wg_response_write(&r, p->message);
	send_message(p, MESH_WG_RESPONSE_LEN, now);
	p->wg->counts.responses_sent++;
	return MESH_OK;
}

/* The claim of the initiation is p's: is it true, new, and not too soon? */
static int
accept_initiation(struct mesh_wg_peer *p, const struct mesh_wg_initiation *m,
    struct mesh_noise *noise, struct mesh_time now)
{
	struct mesh_time allowed =
	    mesh_time_add(p->initiation_at, WG_INITIATION_GAP);
	uint8_t stamp[MESH_WG_STAMP_LEN];
	int err = mesh_wg_hs_verify(noise, p->shared, m, stamp);

	if (err != MESH_OK)
		return err;
	if (memcmp(stamp, p->stamp, sizeof(stamp)) <= 0)
		return MESH_ERR_REPLAY;
	if (p->initiation_at.ns != 0 && !mesh_time_due(allowed, now))
		return MESH_ERR_LIMIT;
	memcpy(p->stamp, stamp, sizeof(p->stamp));
	p->initiation_at = now;
	p->stats.rx_bytes += MESH_WG_INITIATION_LEN;
	mesh_wg_int_received(p, false, now);
	err = respond(p, m, noise, now);
	mesh_wg_int_rearm(p);
	return err;
}

static void
forget_stranger(struct mesh_wg *wg)
{
	if (!wg->has_stranger)
		return;
	wg->has_stranger = false;
	mesh_noise_wipe(&wg->stranger_noise);
}

const struct mesh_node_key *
mesh_wg_stranger(const struct mesh_wg *wg)
{
	return wg->has_stranger ? &wg->stranger_key : NULL;
}

int
mesh_wg_resume(struct mesh_wg *wg, struct mesh_time now,
    struct mesh_wg_peer **out_peer)
{
	struct mesh_wg_peer *p;
	int err;

	if (!wg->has_stranger)
		return MESH_ERR_STATE;
	p = mesh_wg_peer_get(wg, &wg->stranger_key);
	if (p == NULL)
		return MESH_ERR_NOTFOUND;
	err = accept_initiation(p, &wg->stranger, &wg->stranger_noise, now);
	forget_stranger(wg);
	if (err == MESH_OK && out_peer != NULL)
		*out_peer = p;
	return err;
}

static int
input_initiation(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    struct mesh_time now, struct mesh_wg_peer **out_peer)
{
	int err = mesh_wg_initiation_read(buf, len, &wg->stranger);

	if (err == MESH_OK)
		err = mesh_wg_hs_open(&wg->secret, &wg->self, &wg->stranger,
		    &wg->stranger_noise, &wg->stranger_key);
	if (err != MESH_OK)
		return err;
	/* Everybody is a stranger until his key is found among the peers. */
	wg->has_stranger = true;
	return mesh_wg_resume(wg, now, out_peer);
}

/* --- responses and cookies in */

static int
accept_response(struct mesh_wg_peer *p, const struct mesh_wg_response *m,
    struct mesh_time now)
{
	struct mesh_wg_hs_keys keys = keys_of(p);
	struct mesh_wg_hs_session derived;
	uint32_t local;
	int err = mesh_wg_hs_finish(&keys, &p->handshake.noise,
	    p->handshake.ephemeral, m, &derived);

	if (err != MESH_OK)
		return err;
	p->stats.rx_bytes += MESH_WG_RESPONSE_LEN;
	mesh_wg_int_received(p, false, now);
	/* The peer knows the session by the index of our initiation. */
	local = p->handshake.ref.index;
	mesh_wg_int_forget_handshake(p);
	session_begin(p, true, local, m->sender, &derived, now);
	session_ready(p, now);
	/* The other side may send when it has heard from us. */
	if (p->staged_count == 0)
		mesh_wg_int_keepalive(p, now);
	mesh_wg_int_rearm(p);
	return MESH_OK;
}

static int
input_response(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    struct mesh_time now, struct mesh_wg_peer **out_peer)
{
	struct mesh_wg_response m;
	struct wg_ref *ref;
	int err = mesh_wg_response_read(buf, len, &m);

	if (err != MESH_OK)
		return err;
	ref = mesh_wg_index_get(&wg->index, m.receiver);
	if (ref == NULL || ref->is_session)
		return MESH_ERR_STRAY;
	err = accept_response(ref->peer, &m, now);
	if (err == MESH_OK && out_peer != NULL)
		*out_peer = ref->peer;
	return err;
}

static int
input_cookie(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    struct mesh_time now, struct mesh_wg_peer **out_peer)
{
	struct mesh_wg_cookie m;
	const struct wg_ref *ref;
	int err = mesh_wg_cookie_read(buf, len, &m);

	if (err != MESH_OK)
		return err;
	ref = mesh_wg_index_get(&wg->index, m.receiver);
	if (ref == NULL)
		return MESH_ERR_STRAY;
	err = mesh_wg_jar_take(&ref->peer->jar, &m, now);
	if (err == MESH_OK && out_peer != NULL)
		*out_peer = ref->peer;
	return err;
}

/* --- the door */

static void
send_cookie(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	struct mesh_wg_cookie m;
	uint32_t sender;

	mesh_rd_skip(&r, 4);
	sender = mesh_rd_u32le(&r);
	mesh_wg_checker_reply(&wg->checker, buf, len, from->b, from->len,
	    sender, &wg->random, now, &m);
	mesh_wg_cookie_write(&m, wg->reply);
	wg->reply_due = true;
	wg->counts.cookies_sent++;
}

/* Before anything that costs: is it for us, and can we afford it? */
static int
check_door(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now)
{
	if (!mesh_wg_checker_mac1(&wg->checker, buf, len)) {
		wg->counts.bad_mac++;
		return MESH_ERR_AUTH;
	}
	if (!mesh_wg_load_count(&wg->load, now))
		return MESH_OK;
	if (!mesh_wg_checker_mac2(&wg->checker, buf, len, from->b, from->len,
		now)) {
		send_cookie(wg, buf, len, from, now);
		return MESH_ERR_LIMIT;
	}
	return mesh_wg_load_source(&wg->load, from->b, from->host_len, now)
		   ? MESH_OK
		   : MESH_ERR_LIMIT;
}

static int
input(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now,
    struct mesh_wg_peer **out_peer)
{
	enum mesh_wg_type type = mesh_wg_type(buf, len);
	int err = MESH_OK;

	if (type == MESH_WG_INITIATION || type == MESH_WG_RESPONSE)
		err = check_door(wg, buf, len, from, now);
	if (err != MESH_OK)
		return err;
	switch (type) {
	case MESH_WG_INITIATION:
		return input_initiation(wg, buf, len, now, out_peer);
	case MESH_WG_RESPONSE:
		return input_response(wg, buf, len, now, out_peer);
	case MESH_WG_COOKIE:
		return input_cookie(wg, buf, len, now, out_peer);
	default:
		return MESH_ERR_FORMAT;
	}
}

int
mesh_wg_input(struct mesh_wg *wg, const uint8_t *buf, size_t len,
    const struct mesh_wg_source *from, struct mesh_time now,
    struct mesh_wg_peer **out_peer)
{
	int err;

	forget_stranger(wg);
	err = input(wg, buf, len, from, now, out_peer);
	if (err == MESH_ERR_FORMAT)
		wg->counts.bad_format++;
	else if (err == MESH_ERR_LIMIT)
		wg->counts.limited++;
	else if (err != MESH_OK && err != MESH_ERR_NOTFOUND)
		wg->counts.bad_handshake++;
	return err;
}
