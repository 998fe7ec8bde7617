/* SPDX-License-Identifier: ISC */
#include "relay/server_int.h"

#include <assert.h>
#include <stdlib.h>

void
mesh_relay_queue_init(struct relay_queue *q)
{
	*q = (struct relay_queue){0};
	q->last = &q->first;
}

static struct relay_frame *
pop(struct mesh_relay_conn *c, struct relay_queue *q)
{
	struct relay_frame *f = q->first;

	q->first = f->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->count--;
	q->bytes -= f->len;
	c->server->stats.queued -= f->len;
	return f;
}

static void
push(struct mesh_relay_conn *c, struct relay_queue *q, struct relay_frame *f)
{
	f->next = NULL;
	*q->last = f;
	q->last = &f->next;
	q->count++;
	q->bytes += f->len;
	c->server->stats.queued += f->len;
}

static void
drop(struct mesh_relay_conn *c, struct relay_queue *q, enum mesh_relay_drop why)
{
	free(pop(c, q));
	c->server->stats.dropped[why]++;
}

void
mesh_relay_queue_clear(struct mesh_relay_conn *c)
{
	while (c->packets.first != NULL)
		drop(c, &c->packets, MESH_RELAY_DROP_GONE);
	while (c->disco.first != NULL)
		drop(c, &c->disco, MESH_RELAY_DROP_GONE);
}

/* To the end of the list, if it is not there. */
static void
wake(struct mesh_relay_conn *c)
{
	if (mesh_list_is_empty(&c->awake))
		mesh_list_append(&c->server->awake, &c->awake);
}

bool
mesh_relay_queue_packet(struct mesh_relay_conn *c,
    const struct mesh_node_key *from, const void *data, size_t len, bool disco)
{
	struct relay_queue *q = disco ? &c->disco : &c->packets;
	struct mesh_relay_stats *stats = &c->server->stats;
	size_t need = MESH_RELAY_PACKET_HEAD + len;
	uint64_t before = stats->dropped[MESH_RELAY_DROP_HEAD];
	struct relay_frame *f;
	struct mesh_wr w;

	while (q->count > 0 && (q->count >= MESH_RELAY_QUEUE_PACKETS ||
				   q->bytes + need > MESH_RELAY_QUEUE_BYTES))
		drop(c, q, MESH_RELAY_DROP_HEAD);
	f = stats->queued + need <= MESH_RELAY_QUEUE_ALL
		? malloc(sizeof(*f) + need)
		: NULL;
	if (f == NULL) {
		stats->dropped[MESH_RELAY_DROP_TAIL]++;
		return false;
	}
	f->len = (uint32_t)need;
	w = mesh_wr_init(f->data, need);
	mesh_relay_write_packet(&w, MESH_RELAY_RECV_PACKET, from, data, len);
	push(c, q, f);
	wake(c);
	/* A queue that was full before is one that cannot be written now. */
	if (q->count == MESH_RELAY_QUEUE_PACKETS &&
	    stats->dropped[MESH_RELAY_DROP_HEAD] == before)
		c->server->pressed = true;
	return true;
}

struct mesh_wr
mesh_relay_notice_begin(struct mesh_relay_conn *c, size_t len)
{
	uint8_t *room = NULL;

	if (c->control.len + len <= MESH_RELAY_CONTROL_BYTES)
		room = mesh_buf_reserve(&c->control, len);
	return mesh_wr_init(room, room ? len : 0);
}

bool
mesh_relay_notice_end(struct mesh_relay_conn *c, const struct mesh_wr *w)
{
	if (!mesh_wr_ok(w)) {
		c->server->stats.dropped[MESH_RELAY_DROP_NOTICE]++;
		return false;
	}
	mesh_buf_commit(&c->control, w->len);
	wake(c);
	return true;
}

void
mesh_relay_notice_gone(struct mesh_relay_conn *c,
    const struct mesh_node_key *peer, enum mesh_relay_gone reason)
{
	struct mesh_wr w = mesh_relay_notice_begin(c,
	    MESH_RELAY_HEADER_LEN + MESH_KEY_LEN + 1);

	mesh_relay_write_gone(&w, peer, reason);
	mesh_relay_notice_end(c, &w);
}

/* The queue whose turn it is; NULL when both are empty. */
static struct relay_queue *
next_queue(struct mesh_relay_conn *c)
{
	struct relay_queue *one = c->disco_next ? &c->disco : &c->packets;
	struct relay_queue *other = c->disco_next ? &c->packets : &c->disco;

	if (one->first == NULL)
		one = other;
	return one->first != NULL ? one : NULL;
}

static void
take_packets(struct mesh_relay_conn *c, struct mesh_wr *w)
{
	struct mesh_relay_stats *stats = &c->server->stats;
	struct relay_queue *q;

	while ((q = next_queue(c)) != NULL) {
		struct relay_frame *f = q->first;

		if (w->len > 0 && w->len + f->len > MESH_RELAY_COALESCE)
			return;
		pop(c, q);
		mesh_wr_bytes(w, f->data, f->len);
		stats->packets_out++;
		stats->bytes_out += f->len;
		free(f);
		c->disco_next = q == &c->packets;
	}
}

size_t
mesh_relay_conn_output(struct mesh_relay_conn *c, uint8_t *buf, size_t cap)
{
	struct mesh_wr w = mesh_wr_init(buf, cap);

	assert(cap >= MESH_RELAY_FRAME_MAX);
	if (c->control.len > 0) {
		mesh_wr_bytes(&w, c->control.data, c->control.len);
		mesh_buf_release(&c->control); /* idle clients hold nothing */
		c->pong_waits = false;
	}
	take_packets(c, &w);
	return w.len;
}
