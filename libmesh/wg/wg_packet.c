/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/rd.h"
#include "wg/wg_int.h"

struct wg_session *
mesh_wg_int_usable(const struct mesh_wg_peer *p, struct mesh_time now)
{
	struct wg_session *s = p->current;

	return s != NULL && s->counter < MESH_WG_REJECT_AFTER_MESSAGES &&
		       mesh_time_since(s->created, now) < WG_REJECT_AFTER_TIME
		   ? s
		   : NULL;
}

/* --- out */

/* Padding hides the exact length, but must not make a packet that fits the
 * device too long for the path. */
static size_t
padded(size_t len, size_t mtu)
{
	size_t more = (len + 15) / 16 * 16;

	if (mtu == 0 || more <= mtu)
		return more;
	return len > mtu ? len : mtu;
}

size_t
mesh_wg_sealed_len(const struct mesh_wg *wg, size_t len)
{
	return padded(len, wg->mtu) + MESH_WG_DATA_MIN;
}

static size_t
seal_some(struct mesh_wg *wg, struct wg_session *s,
    struct mesh_wg_packet *packets, size_t n)
{
	struct mesh_aead_item items[MESH_WG_BATCH];

	for (size_t i = 0; i < n; i++) {
		struct mesh_wg_packet *p = &packets[i];
		size_t len = padded(p->len, wg->mtu);

		memset(p->data + p->len, 0, len - p->len);
		items[i] = (struct mesh_aead_item){
		    .data = p->data,
		    .len = len,
		    .counter = s->counter + i,
		};
		mesh_wg_data_write(s->remote, s->counter + i,
		    p->data - MESH_WG_HEADER_LEN);
	}
	s->counter += n; /* used up, whatever happens now */
	if (wg->aead->ops->seal_batch(wg->aead, s->keys.send, MESH_AEAD_LE64,
		items, n) != MESH_OK)
		return 0;
	for (size_t i = 0; i < n; i++) {
		packets[i].data -= MESH_WG_HEADER_LEN;
		packets[i].len =
		    MESH_WG_HEADER_LEN + items[i].len + MESH_WG_TAG_LEN;
	}
	return n;
}

/* The side that began a session replaces it before it runs out. */
static void
keep_fresh_sending(struct mesh_wg_peer *p, const struct wg_session *s,
    struct mesh_time now)
{
	if (s->counter > WG_REKEY_AFTER_MESSAGES ||
	    (s->initiator && mesh_time_since(s->created, now) > s->rekey_after))
		mesh_wg_int_initiate(p, false, now);
}

size_t
mesh_wg_seal_batch(struct mesh_wg_peer *p, struct mesh_wg_packet *packets,
    size_t n, struct mesh_time now)
{
	struct wg_session *s = mesh_wg_int_usable(p, now);
	size_t done = 0;
	bool data = false;

	if (s == NULL)
		return 0;
	if (n > MESH_WG_REJECT_AFTER_MESSAGES - s->counter)
		n = (size_t)(MESH_WG_REJECT_AFTER_MESSAGES - s->counter);
	while (done < n) {
		size_t some =
		    n - done < MESH_WG_BATCH ? n - done : MESH_WG_BATCH;

		for (size_t i = done; i < done + some; i++)
			data |= packets[i].len > 0;
		some = seal_some(p->wg, s, packets + done, some);
		if (some == 0)
			break;
		done += some;
	}
	for (size_t i = 0; i < done; i++)
		p->stats.tx_bytes += packets[i].len;
	if (done > 0) {
		mesh_wg_int_sent(p, data, now);
		keep_fresh_sending(p, s, now);
		mesh_wg_int_rearm(p);
	}
	return done;
}

void
mesh_wg_int_keepalive(struct mesh_wg_peer *p, struct mesh_time now)
{
	struct mesh_wg_packet empty = {
	    .data = p->keepalive + MESH_WG_HEADER_LEN};

	if (mesh_wg_seal_batch(p, &empty, 1, now) == 1)
		mesh_wg_int_todo(p, WG_TODO_KEEPALIVE);
	else
		mesh_wg_int_initiate(p, false, now);
}

/* --- in */

/* Cuts the padding off; false if it is no IP packet. */
static bool
trim(struct mesh_wg_packet *p)
{
	struct mesh_rd r = mesh_rd_init(p->data, p->len);
	uint8_t version = mesh_rd_u8(&r) >> 4;
	size_t len, head;

	if (version == 4) {
		mesh_rd_skip(&r, 1);
		len = mesh_rd_u16be(&r);
		head = 20;
	} else {
		mesh_rd_skip(&r, 3);
		head = 40;
		len = head + mesh_rd_u16be(&r);
	}
	if (mesh_rd_bad(&r) || (version != 4 && version != 6) || len < head ||
	    len > p->len)
		return false;
	p->len = len;
	return true;
}

/* The receiving end of the session's life: its beginner asks for a new one, if
 * it has nothing to send that would. */
static void
keep_fresh_receiving(struct mesh_wg_peer *p, struct wg_session *s,
    struct mesh_time now)
{
	if (!s->initiator || s->rekeyed ||
	    mesh_time_since(s->created, now) <= WG_REKEY_ON_RECEIVE)
		return;
	s->rekeyed = true;
	mesh_wg_int_initiate(p, false, now);
}

/* An authentic packet of the session: true if it is good for the caller. */
static bool
deliver(struct wg_session *s, struct mesh_wg_packet *packet,
    const struct mesh_aead_item *item, struct mesh_time now)
{
	struct mesh_wg_peer *p = s->ref.peer;

	if (!mesh_wg_replay_accept(&s->replay, item->counter)) {
		p->wg->counts.replayed_data++;
		return false;
	}
	p->stats.rx_bytes += packet->len;
	if (s == p->next)
		mesh_wg_int_confirm(p, now);
	mesh_wg_int_received(p, item->len > 0, now);
	packet->data = item->data;
	packet->len = item->len;
	if (item->len > 0 && !trim(packet)) {
		p->wg->counts.bad_data++;
		return false;
	}
	packet->peer = p;
	return true;
}

static size_t
open_run(struct mesh_wg *wg, struct wg_session *s,
    struct mesh_wg_packet *packets, struct mesh_aead_item *items, size_t n,
    struct mesh_time now)
{
	struct mesh_wg_peer *p = s->ref.peer;
	size_t authentic, good = 0;

	if (mesh_time_since(s->created, now) >= WG_REJECT_AFTER_TIME) {
		wg->counts.bad_data += n;
		return 0;
	}
	authentic = wg->aead->ops->open_batch(wg->aead, s->keys.recv,
	    MESH_AEAD_LE64, items, n);
	wg->counts.bad_data += n - authentic;
	for (size_t i = 0; i < n; i++)
		good += items[i].ok && deliver(s, &packets[i], &items[i], now);
	if (authentic > 0) {
		keep_fresh_receiving(p, s, now);
		mesh_wg_int_rearm(p);
	}
	return good;
}

/* Fills items with the packets at the front that are for one session; how many:
 * at least 1, of which *out_index tells whose they are, or 0 items if the first
 * one is no data message. */
static size_t
gather(const struct mesh_wg_packet *packets, size_t n,
    struct mesh_aead_item *items, uint32_t *out_index)
{
	struct mesh_wg_data m;
	size_t i;

	for (i = 0; i < n && i < MESH_WG_BATCH; i++) {
		if (mesh_wg_data_read(packets[i].data, packets[i].len, &m) !=
			MESH_OK ||
		    (i > 0 && m.receiver != *out_index))
			break;
		*out_index = m.receiver;
		items[i] = (struct mesh_aead_item){
		    .data = packets[i].data + MESH_WG_HEADER_LEN,
		    .len = m.text_len,
		    .counter = m.counter,
		};
	}
	return i;
}

static size_t
open_front(struct mesh_wg *wg, struct mesh_wg_packet *packets, size_t n,
    struct mesh_time now, size_t *out_good)
{
	struct mesh_aead_item items[MESH_WG_BATCH];
	struct wg_ref *ref;
	uint32_t index;
	size_t run = gather(packets, n, items, &index);

	*out_good = 0;
	if (run == 0) {
		wg->counts.bad_format++;
		return 1;
	}
	ref = mesh_wg_index_get(&wg->index, index);
	if (ref == NULL || !ref->is_session)
		wg->counts.unknown_index += run;
	else
		*out_good = open_run(wg, (struct wg_session *)(void *)ref,
		    packets, items, run, now);
	return run;
}

size_t
mesh_wg_open_batch(struct mesh_wg *wg, struct mesh_wg_packet *packets, size_t n,
    struct mesh_time now)
{
	size_t good = 0;

	for (size_t i = 0; i < n; i++)
		packets[i].peer = NULL;
	for (size_t done = 0; done < n;) {
		size_t some;

		done += open_front(wg, packets + done, n - done, now, &some);
		good += some;
	}
	return good;
}

/* --- waiting for a session */

struct mesh_wg_staged *
mesh_wg_unstage(struct mesh_wg_peer *p)
{
	struct mesh_list *first = p->staged.next;

	if (p->staged_count == 0)
		return NULL;
	mesh_list_remove(first);
	p->staged_count--;
	return MESH_CONTAINER(first, struct mesh_wg_staged, link);
}

struct mesh_wg_staged *
mesh_wg_stage(struct mesh_wg_peer *p, struct mesh_wg_staged *s,
    struct mesh_time now)
{
	struct mesh_wg_staged *oldest = NULL;

	if (p->staged_count == MESH_WG_STAGED)
		oldest = mesh_wg_unstage(p);
	mesh_list_append(&p->staged, &s->link);
	p->staged_count++;
	mesh_wg_int_initiate(p, false, now);
	mesh_wg_int_rearm(p);
	return oldest;
}
