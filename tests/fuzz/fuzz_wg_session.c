/* SPDX-License-Identifier: ISC
 * Two WireGuard cores, time, and somebody in the middle who loses, repeats,
 * cuts and changes datagrams. Input: pairs of bytes, what and how much. No
 * inner packet may arrive changed, and when the middle behaves again, packets
 * must come through. */
#include "wg/wg.h"

#include "../unit/wg_lab.h"

#define STEPS_MAX 96u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
change_first(struct lab_end *e, uint8_t at)
{
	struct lab_frame *f = &e->inbox[0];

	if (e->inbox_count > 0 && f->len > 0)
		f->data[at % f->len] ^= (uint8_t)(1u << at % 8);
}

static void
cut_first(struct lab_end *e, uint8_t len)
{
	if (e->inbox_count > 0 && e->inbox[0].len > len)
		e->inbox[0].len = len;
}

static void
repeat_old(struct lab_end *e, uint8_t which)
{
	struct lab_frame *f = &e->other->kept[which % 5];

	if (f->len > 0 && e->inbox_count < LAB_QUEUE)
		e->inbox[e->inbox_count++] = *f;
}

static void
drop_first(struct lab_end *e)
{
	if (e->inbox_count > 0)
		e->inbox_count--; /* the last, which is as good */
}

static void
forget_peer(struct lab_end *e)
{
	if (e->peer == NULL)
		return;
	lab_unstage(e, false);
	mesh_wg_peer_remove(e->peer);
	e->peer = NULL;
	e->deadline = MESH_NEVER;
}

/* Pool slots may all be waiting: then there is nothing to send with. */
static void
send_some(struct lab_end *e, uint8_t n)
{
	if (e->peer == NULL && lab_know(e) != MESH_OK)
		abort();
	lab_send(e, 20 + (size_t)n * 5);
}

static void
check_inner(const struct lab_end *e)
{
	for (size_t i = 20; i < e->last.len; i++)
		if (e->last.data[i] != 0x5a)
			abort();
}

static void
step(struct lab *l, uint8_t op, uint8_t arg)
{
	struct lab_end *e = op & 1 ? &l->a : &l->b;

	switch (op / 2 % 10) {
	case 0:
		send_some(e, arg);
		break;
	case 1:
		lab_deliver(e);
		break;
	case 2:
		drop_first(e);
		break;
	case 3:
		change_first(e, arg);
		break;
	case 4:
		cut_first(e, arg);
		break;
	case 5:
		repeat_old(e, arg);
		break;
	case 6:
		lab_pass(l, arg * 700 * MESH_MS);
		break;
	case 7:
		forget_peer(e);
		break;
	case 8:
		if (e->peer != NULL)
			mesh_wg_connect(e->peer, l->now);
		lab_drain(e);
		break;
	case 9:
		lab_settle(l);
		break;
	}
	check_inner(e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lab l;
	unsigned before_a, before_b;

	lab_init(&l);
	for (size_t i = 0; i + 1 < size && i / 2 < STEPS_MAX; i += 2)
		step(&l, data[i], data[i + 1]);
	lab_pass(&l, 600 * MESH_SEC);
	before_a = l.a.received;
	before_b = l.b.received;
	send_some(&l.a, 1);
	lab_pass(&l, MESH_SEC);
	send_some(&l.b, 2);
	lab_pass(&l, 10 * MESH_SEC);
	if (l.a.received == before_a || l.b.received == before_b)
		abort();
	lab_release(&l);
	return 0;
}
