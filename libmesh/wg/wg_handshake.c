/* SPDX-License-Identifier: ISC */
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
	mesh_wg_int_ref_put(p, &h->ref, mesh_wg_int_new_index(wg), false);
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

/* --- accepting */

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
	r.sender = mesh_wg_int_new_index(p->wg);
	mesh_wg_int_begin(p, false, r.sender, r.receiver, &derived, now);
	mesh_wg_response_write(&r, p->message);
	send_message(p, MESH_WG_RESPONSE_LEN, now);
	p->wg->counts.responses_sent++;
	return MESH_OK;
}

int
mesh_wg_int_accept_initiation(struct mesh_wg_peer *p,
    const struct mesh_wg_initiation *m, struct mesh_noise *noise,
    struct mesh_time now)
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

int
mesh_wg_int_accept_response(struct mesh_wg_peer *p,
    const struct mesh_wg_response *m, struct mesh_time now)
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
	mesh_wg_int_begin(p, true, local, m->sender, &derived, now);
	mesh_wg_int_ready(p, now);
	/* The other side may send when it has heard from us. */
	if (p->staged_count == 0)
		mesh_wg_int_keepalive(p, now);
	mesh_wg_int_rearm(p);
	return MESH_OK;
}
