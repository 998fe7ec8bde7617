/* SPDX-License-Identifier: ISC
 * wg_lab.h - two WireGuard cores, a wire between them and a clock: what the
 * scenarios of test_wg.c and fuzz_wg_session.c are played on. No I/O, no sleep.
 */
#ifndef TESTS_UNIT_WG_LAB_H
#define TESTS_UNIT_WG_LAB_H

#include <stdlib.h>
#include <string.h>

#include "wg/wg.h"

#define LAB_MTU 1280u
#define LAB_FRAME 1600u
#define LAB_QUEUE 512u /* datagrams on the way to one end */
#define LAB_STAGED 256u

struct lab_frame {
	uint8_t data[LAB_FRAME];
	size_t len;
};

struct lab_staged {
	struct mesh_wg_staged s;
	uint8_t buf[LAB_FRAME];
	bool used;
};

struct lab;

struct lab_end {
	struct lab *lab;
	struct lab_end *other;
	struct mesh_wg *wg;
	struct mesh_wg_peer *peer; /* the other end; NULL: not known yet */
	struct mesh_node_key key;
	struct mesh_wg_source at;
	struct mesh_time deadline;
	struct lab_frame *inbox;
	size_t inbox_count;
	struct lab_staged *pool;
	unsigned sent[5]; /* by enum mesh_wg_type */
	unsigned sessions, failed, expired, received, keepalives, lost;
	int input_err;            /* of the last handshake message */
	bool knows;               /* lets the other end in when it asks */
	struct lab_frame last;    /* inner packet */
	struct lab_frame kept[5]; /* the last datagram sent, by type */
};

struct lab {
	struct mesh_time now;
	struct lab_end a, b;
	/* Datagrams that get lost: asked before each delivery. */
	bool (*lose)(struct lab_end *to, const struct lab_frame *f);
};

static inline void
lab_end_init(struct lab *l, struct lab_end *e, struct lab_end *other,
    const struct mesh_aead_ops *aead, uint8_t name)
{
	struct mesh_wg_config c = {
	    .aead = aead, .peers_max = 16, .mtu = LAB_MTU};
	uint8_t random[32];

	memset(random, name, sizeof(random));
	mesh_node_secret_make(&c.secret, random);
	memset(c.seed, name + 1, sizeof(c.seed));
	*e = (struct lab_end){
	    .lab = l,
	    .other = other,
	    .wg = mesh_wg_new(&c),
	    .inbox = calloc(LAB_QUEUE, sizeof(struct lab_frame)),
	    .pool = calloc(LAB_STAGED, sizeof(struct lab_staged)),
	    .deadline = MESH_NEVER,
	    .knows = true,
	};
	e->key = mesh_wg_public(e->wg);
	e->at = mesh_wg_source_relay(&e->key);
	mesh_wg_set_clock(e->wg, (struct mesh_wall){1700000000, 0}, l->now);
}

static inline void
lab_init_with(struct lab *l, const struct mesh_aead_ops *aead)
{
	*l = (struct lab){.now = {1000 * MESH_SEC}};
	lab_end_init(l, &l->a, &l->b, aead, 'a');
	lab_end_init(l, &l->b, &l->a, aead, 'b');
}

static inline void
lab_init(struct lab *l)
{
	lab_init_with(l, &mesh_aead_sodium);
}

static inline void
lab_release(struct lab *l)
{
	struct lab_end *ends[] = {&l->a, &l->b};

	for (size_t i = 0; i < 2; i++) {
		mesh_wg_free(ends[i]->wg);
		free(ends[i]->inbox);
		free(ends[i]->pool);
	}
}

/* Makes the other end a peer. */
static inline int
lab_know(struct lab_end *e)
{
	return mesh_wg_peer_add(e->wg, &e->other->key, e, &e->peer);
}

static inline void
lab_transmit(struct lab_end *from, const uint8_t *data, size_t len)
{
	struct lab_end *to = from->other;
	enum mesh_wg_type type = mesh_wg_type(data, len);
	struct lab_frame *f;

	from->sent[type]++;
	f = &from->kept[type];
	memcpy(f->data, data, len);
	f->len = len;
	if (to->inbox_count == LAB_QUEUE ||
	    (from->lab->lose && from->lab->lose(to, f))) {
		to->lost++;
		return;
	}
	to->inbox[to->inbox_count++] = *f;
}

static inline void
lab_unstage(struct lab_end *e, bool send)
{
	struct mesh_wg_staged *s;

	while ((s = mesh_wg_unstage(e->peer)) != NULL) {
		struct mesh_wg_packet p = {.data = s->data, .len = s->len};

		if (send &&
		    mesh_wg_seal_batch(e->peer, &p, 1, e->lab->now) == 1)
			lab_transmit(e, p.data, p.len);
		MESH_CONTAINER(s, struct lab_staged, s)->used = false;
	}
}

static inline void
lab_drain(struct lab_end *e)
{
	struct mesh_wg_action act;

	while (mesh_wg_next(e->wg, &act)) {
		switch (act.kind) {
		case MESH_WG_SEND:
		case MESH_WG_REPLY:
			lab_transmit(e, act.data, act.len);
			break;
		case MESH_WG_ARM:
			e->deadline = mesh_time_min(e->deadline, act.deadline);
			break;
		case MESH_WG_SESSION:
			e->sessions++;
			lab_unstage(e, true);
			break;
		case MESH_WG_FAILED:
			e->failed++;
			lab_unstage(e, false);
			break;
		case MESH_WG_EXPIRED:
			e->expired++;
			lab_unstage(e, false);
			break;
		}
	}
}

/* One datagram in, as a program would do it. */
static inline void
lab_input(struct lab_end *e, struct lab_frame *f)
{
	struct mesh_wg_packet p = {.data = f->data, .len = f->len};

	if (mesh_wg_type(f->data, f->len) != MESH_WG_DATA) {
		e->input_err = mesh_wg_input(e->wg, f->data, f->len,
		    &e->other->at, e->lab->now, NULL);
		if (e->input_err == MESH_ERR_NOTFOUND && e->knows) {
			const struct mesh_node_key *k = mesh_wg_stranger(e->wg);

			if (mesh_node_key_equal(k, &e->other->key) &&
			    lab_know(e) == MESH_OK)
				e->input_err =
				    mesh_wg_resume(e->wg, e->lab->now, NULL);
		}
	} else if (mesh_wg_open_batch(e->wg, &p, 1, e->lab->now) == 1) {
		if (p.len == 0) {
			e->keepalives++;
		} else {
			e->received++;
			memcpy(e->last.data, p.data, p.len);
			e->last.len = p.len;
		}
	}
	lab_drain(e);
}

static inline bool
lab_deliver(struct lab_end *e)
{
	size_t n = e->inbox_count;
	struct lab_frame *f;

	if (n == 0)
		return false;
	f = malloc(sizeof(*f)); /* the inbox may fill up meanwhile */
	if (f == NULL)
		return false;
	*f = e->inbox[0];
	memmove(e->inbox, e->inbox + 1, (n - 1) * sizeof(*f));
	e->inbox_count--;
	lab_input(e, f);
	free(f);
	return true;
}

/* Until the wire is silent. */
static inline void
lab_settle(struct lab *l)
{
	lab_drain(&l->a);
	lab_drain(&l->b);
	while (lab_deliver(&l->a) || lab_deliver(&l->b))
		;
}

static inline void
lab_tick(struct lab_end *e)
{
	if (e->peer == NULL || !mesh_time_due(e->deadline, e->lab->now))
		return;
	e->deadline = MESH_NEVER;
	mesh_wg_peer_tick(e->peer, e->lab->now);
	lab_drain(e);
}

/* Lets time pass, deadline by deadline. */
static inline void
lab_pass(struct lab *l, uint64_t ns)
{
	struct mesh_time end = mesh_time_add(l->now, ns);

	for (;;) {
		struct mesh_time next =
		    mesh_time_min(l->a.deadline, l->b.deadline);

		lab_settle(l);
		next = mesh_time_min(l->a.deadline, l->b.deadline);
		if (next.ns > end.ns)
			break;
		if (next.ns > l->now.ns)
			l->now = next;
		lab_tick(&l->a);
		lab_tick(&l->b);
		lab_settle(l);
	}
	l->now = end;
}

/* An IPv4 packet of len bytes (at least 20) from e to the other end; true if it
 * went out at once, false if it waits. */
static inline bool
lab_send(struct lab_end *e, size_t len)
{
	struct lab_staged *slot = e->pool;
	struct mesh_wg_packet p;
	bool sent;

	while (slot->used)
		slot++;
	p = (struct mesh_wg_packet){
	    .data = slot->buf + MESH_WG_HEADROOM, .len = len};
	memset(p.data, 0x5a, len);
	p.data[0] = 0x45;
	p.data[2] = (uint8_t)(len >> 8);
	p.data[3] = (uint8_t)len;
	sent = mesh_wg_seal_batch(e->peer, &p, 1, e->lab->now) == 1;
	if (sent) {
		lab_transmit(e, p.data, p.len);
	} else {
		struct mesh_wg_staged *old;

		slot->used = true;
		slot->s.data = p.data;
		slot->s.len = p.len;
		old = mesh_wg_stage(e->peer, &slot->s, e->lab->now);
		if (old != NULL)
			MESH_CONTAINER(old, struct lab_staged, s)->used = false;
	}
	lab_drain(e);
	return sent;
}

#endif
