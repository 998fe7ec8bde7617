/* SPDX-License-Identifier: ISC
 * agent_port.c - the agent's ends of its links. A link never blocks: what the
 * other side does not take waits here, in order. Nothing is sent without being
 * asked for, so a queue is at most one round of tables.
 */
#include "agent_int.h"

#include "common/log.h"

#include <stdlib.h>
#include <string.h>

struct waiting {
	struct mesh_list node;
	enum msg_type type;
	uint64_t gen;
	size_t len;
	uint8_t body[];
};

static void
drop_queue(struct agent_port *p)
{
	while (!mesh_list_is_empty(&p->queue)) {
		struct waiting *w =
		    MESH_CONTAINER(p->queue.next, struct waiting, node);

		mesh_list_remove(&w->node);
		free(w);
	}
}

void
agent_port_close(struct agent_port *p)
{
	if (p->readable != NULL)
		event_free(p->readable);
	if (p->writable != NULL)
		event_free(p->writable);
	p->readable = p->writable = NULL;
	link_release(&p->link);
	drop_queue(p);
}

static void
lost(struct agent_port *p, const char *why)
{
	struct agent *a = p->agent;

	if (why != NULL)
		log_err("link=%s is lost: %s",
		    p == &a->engine ? "engine" : "monitor", why);
	agent_port_close(p);
	p->gone(a);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct agent_port *p = arg;
	struct link_msg m;

	(void)fd;
	(void)what;
	for (;;) {
		int rc = link_recv(&p->link, &m);
		bool ok;

		if (rc == MESH_ERR_AGAIN)
			return;
		if (rc != MESH_OK) {
			lost(p, rc == MESH_ERR_PROTO ? link_fault(&p->link)
				: rc == MESH_ERR_VERSION
				? "it is of another build: restart meshd"
				: NULL);
			return;
		}
		ok = m.type == MSG_HELLO || p->take(p->agent, &m);
		link_msg_release(&m);
		if (!ok) {
			lost(p, "it sent a malformed message");
			return;
		}
		if (!link_is_open(&p->link)) /* closed by the handler */
			return;
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct agent_port *p = arg;

	(void)fd;
	(void)what;
	while (!mesh_list_is_empty(&p->queue)) {
		struct waiting *w =
		    MESH_CONTAINER(p->queue.next, struct waiting, node);
		int rc = link_send(&p->link, w->type, w->gen, w->body, w->len,
		    NULL, 0);

		if (rc == MESH_ERR_AGAIN)
			return;
		if (rc == MESH_ERR_CLOSED) /* the reader will notice */
			break;
		if (rc != MESH_OK)
			log_err("cannot send message=%s: %s",
			    msg_def(w->type)->name, mesh_strerror(rc));
		mesh_list_remove(&w->node);
		free(w);
	}
	event_del(p->writable);
	if (p->agent->push_wanted)
		agent_push(p->agent);
}

int
agent_port_open(struct agent_port *p, struct agent *a, int fd,
    enum msg_role other)
{
	agent_port_close(p);
	p->agent = a;
	link_init(&p->link, fd, ROLE_AGENT, other, a->link_buf);
	p->readable = event_new(a->base, fd, EV_READ | EV_PERSIST, on_readable,
	    p);
	p->writable = event_new(a->base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, p);
	if (p->readable == NULL || p->writable == NULL ||
	    event_add(p->readable, NULL) < 0) {
		agent_port_close(p);
		return MESH_ERR_NOMEM;
	}
	return link_hello(&p->link);
}

static bool
enqueue(struct agent_port *p, enum msg_type type, uint64_t gen,
    const void *body, size_t len)
{
	struct waiting *w = malloc(sizeof(*w) + len);

	if (w == NULL)
		return false;
	*w = (struct waiting){.type = type, .gen = gen, .len = len};
	if (len > 0)
		memcpy(w->body, body, len);
	mesh_list_append(&p->queue, &w->node);
	return event_add(p->writable, NULL) == 0;
}

bool
agent_port_send(struct agent_port *p, enum msg_type type, uint64_t gen,
    const void *body, size_t len)
{
	int rc = MESH_ERR_AGAIN;

	if (!link_is_open(&p->link))
		return false;
	if (mesh_list_is_empty(&p->queue))
		rc = link_send(&p->link, type, gen, body, len, NULL, 0);
	if (rc == MESH_ERR_AGAIN)
		return enqueue(p, type, gen, body, len);
	if (rc != MESH_OK && rc != MESH_ERR_CLOSED)
		log_err("cannot send message=%s bytes=%zu: %s",
		    msg_def(type)->name, len, mesh_strerror(rc));
	return rc == MESH_OK;
}

bool
agent_port_idle(const struct agent_port *p)
{
	return mesh_list_is_empty(&p->queue);
}
