/* SPDX-License-Identifier: ISC */
#include "base/secret.h"
#include "wg/wg_int.h"

/* --- indices */

uint32_t
mesh_wg_int_new_index(struct mesh_wg *wg)
{
	uint32_t index;

	do
		index = mesh_drbg_u32(&wg->random);
	while (mesh_wg_index_get(&wg->index, index) != NULL);
	return index;
}

void
mesh_wg_int_ref_put(struct mesh_wg_peer *p, struct wg_ref *ref, uint32_t index,
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

void
mesh_wg_int_begin(struct mesh_wg_peer *p, bool initiator, uint32_t local,
    uint32_t remote, struct mesh_wg_hs_session *keys, struct mesh_time now)
{
	uint64_t rekey = rekey_after(p, initiator);
	struct wg_session *s;

	if (initiator)
		make_room_initiator(p);
	else
		make_room_responder(p);
	s = session_slot(p);
	mesh_wg_int_ref_put(p, &s->ref, local, true);
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

void
mesh_wg_int_ready(struct mesh_wg_peer *p, struct mesh_time now)
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
	mesh_wg_int_ready(p, now);
}
