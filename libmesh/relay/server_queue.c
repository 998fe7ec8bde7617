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
void
mesh_relay_queue_wake(struct mesh_relay_conn *c)
{
	if (mesh_list_is_empty(&c->awake))
		mesh_list_append(&c->server->awake, &c->awake);
}

static bool
is_link(const struct mesh_relay_conn *c)
{
	return c->state >= RELAY_LINK_KEY;
}

/* Room for a frame of len bytes in its queue; NULL: dropped and counted. */
static struct relay_frame *
make_room(struct mesh_relay_conn *c, struct relay_queue *q, size_t len)
{
	struct mesh_relay_stats *stats = &c->server->stats;
	uint32_t packets =
	    is_link(c) ? MESH_RELAY_LINK_PACKETS : MESH_RELAY_QUEUE_PACKETS;
	size_t bytes =
	    is_link(c) ? MESH_RELAY_LINK_BYTES : MESH_RELAY_QUEUE_BYTES;
	bool dropped = false;
	struct relay_frame *f;

	while (q->count > 0 &&
	       (q->count >= packets || q->bytes + len > bytes)) {
		drop(c, q, MESH_RELAY_DROP_HEAD);
		dropped = true;
	}
	f = stats->queued + len <= MESH_RELAY_QUEUE_ALL
		? malloc(sizeof(*f) + len)
		: NULL;
	if (f == NULL) {
		stats->dropped[MESH_RELAY_DROP_TAIL]++;
		return NULL;
	}
	f->len = (uint32_t)len;
	push(c, q, f);
	mesh_relay_queue_wake(c);
	/* A queue that was full before is one that cannot be written now. */
	if (q->count == packets && !dropped)
		c->server->pressed = true;
	return f;
}

bool
mesh_relay_queue_packet(struct mesh_relay_conn *c,
    const struct mesh_node_key *from, const void *data, size_t len, bool disco)
{
	struct relay_frame *f = make_room(c, disco ? &c->disco : &c->packets,
	    MESH_RELAY_PACKET_HEAD + len);
	struct mesh_wr w = mesh_wr_init(f ? f->data : NULL, f ? f->len : 0);

	mesh_relay_write_packet(&w, MESH_RELAY_RECV_PACKET, from, data, len);
	return f != NULL;
}

bool
mesh_relay_queue_forward(struct mesh_relay_conn *link,
    const struct mesh_node_key *from, const struct mesh_relay_packet *p,
    bool disco)
{
	struct relay_frame *f =
	    make_room(link, disco ? &link->disco : &link->packets,
		MESH_RELAY_PACKET_HEAD + MESH_KEY_LEN + p->len);
	struct mesh_wr w = mesh_wr_init(f ? f->data : NULL, f ? f->len : 0);

	mesh_relay_write_forward(&w, from, &p->key, p->data, p->len);
	return f != NULL;
}

struct mesh_wr
mesh_relay_notice_begin(struct mesh_relay_conn *c, size_t len)
{
	size_t max = MESH_RELAY_CONTROL_BYTES;
	uint8_t *room = NULL;

	if (c->mesh) /* a watcher hears of all at once */
		max += c->server->max_clients * MESH_RELAY_WATCH_BYTES;
	if (c->control.len + len <= max)
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
	mesh_relay_queue_wake(c);
	return true;
}

bool
mesh_relay_notice_gone(struct mesh_relay_conn *c,
    const struct mesh_node_key *peer, enum mesh_relay_gone reason)
{
	struct mesh_wr w = mesh_relay_notice_begin(c,
	    MESH_RELAY_HEADER_LEN + MESH_KEY_LEN + 1);

	mesh_relay_write_gone(&w, peer, reason);
	return mesh_relay_notice_end(c, &w);
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
		size_t n = c->control.len < MESH_RELAY_COALESCE
			       ? c->control.len
			       : MESH_RELAY_COALESCE;

		mesh_wr_bytes(&w, c->control.data, n);
		mesh_buf_consume(&c->control, n);
		if (c->control.len > 0) /* perhaps in the midst of a frame */
			return w.len;
		mesh_buf_release(&c->control); /* idle clients hold nothing */
		c->pong_waits = false;
	}
	take_packets(c, &w);
	return w.len;
}
