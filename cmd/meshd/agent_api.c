/* SPDX-License-Identifier: ISC
 * agent_api.c - connections to the local API. The socket is the monitor's:
 * clients wait in its backlog while the agent restarts.
 */
#include "agent_call.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 256u
#define CLIENTS_KEPT 16u /* more, for those who may change things */
#define IDLE_NS (60 * MESH_SEC) /* without a request */
#define WATCH_BACKLOG_MAX (4u << 20) /* bytes that a watcher leaves unread */
#define READ_LEN 16384u

static void
client_free(struct agent_client *c)
{
	mesh_list_remove(&c->node);
	call_ping_forget(c);
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->timer != NULL)
		event_free(c->timer);
	mesh_local_conn_release(&c->conn);
	close(c->fd);
	free(c);
}

/* False: the client is gone, and freed. */
static bool
client_flush(struct agent_client *c)
{
	struct mesh_buf *out = &c->conn.out;

	while (out->len > 0) {
		ssize_t n = send(c->fd, out->data, out->len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)event_add(c->writable, NULL);
			return true;
		}
		if (n < 0) {
			client_free(c);
			return false;
		}
		mesh_buf_consume(out, (size_t)n);
	}
	if (out->failed || (c->conn.closing && c->waits_for == 0)) {
		client_free(c);
		return false;
	}
	return true;
}

static void
client_serve(struct agent_client *c)
{
	struct mesh_local_request r;

	while (c->waits_for == 0 &&
	    mesh_local_conn_next(&c->conn, &r) == MESH_OK)
		agent_call(c, &r);
	if (c->waits_for == 0)
		agent_arm(c->timer, c->conn.streaming
			? call_watch_next(c)
			: mesh_time_add(agent_now(), IDLE_NS));
	(void)client_flush(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct agent_client *c = arg;
	uint8_t buf[READ_LEN];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 ||
	    mesh_local_conn_input(&c->conn, buf, (size_t)n) != MESH_OK)
		client_free(c);
	else
		client_serve(c);
	explicit_bzero(buf, sizeof(buf)); /* an auth key may be in it */
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)client_flush(arg);
}

static void
client_resume(struct agent_client *c, const struct tbl_pong *pong)
{
	c->waits_for = 0;
	c->resume(c, pong);
	client_serve(c);
}

void
agent_api_resume(struct agent_client *c)
{
	client_resume(c, NULL);
}

static struct agent_client *
find_resume(struct agent *a, agent_resume_fn *resume)
{
	for (struct mesh_list *i = a->clients.next; i != &a->clients;
	     i = i->next) {
		struct agent_client *c =
		    MESH_CONTAINER(i, struct agent_client, node);

		if (c->waits_for != 0 && c->resume == resume)
			return c;
	}
	return NULL;
}

void
agent_api_resume_all(struct agent *a, agent_resume_fn *resume)
{
	struct agent_client *c;

	while ((c = find_resume(a, resume)) != NULL)
		client_resume(c, NULL);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct agent_client *c = arg;

	(void)fd;
	(void)what;
	if (c->waits_for != 0) {
		client_resume(c, NULL);
	} else if (c->conn.streaming) {
		call_watch_tick(c);
		client_serve(c);
	} else {
		client_free(c);
	}
}

void
agent_client_wait(struct agent_client *c, uint32_t id, uint64_t ns,
    agent_resume_fn *resume)
{
	c->waits_for = id;
	c->resume = resume;
	agent_arm(c->timer, mesh_time_add(agent_now(), ns));
}

static struct agent_client *
find_waiting(struct agent *a, uint32_t id)
{
	for (struct mesh_list *i = a->clients.next; i != &a->clients;
	     i = i->next) {
		struct agent_client *c =
		    MESH_CONTAINER(i, struct agent_client, node);

		if (c->waits_for == id)
			return c;
	}
	return NULL;
}

void
agent_api_status_end(struct agent *a, uint32_t id)
{
	struct agent_client *c = id ? find_waiting(a, id) : NULL;

	if (c != NULL)
		client_resume(c, NULL);
}

void
agent_api_pong(struct agent *a, const struct tbl_pong *pong)
{
	struct agent_client *c = pong->id ? find_waiting(a, pong->id) : NULL;

	if (c != NULL)
		client_resume(c, pong);
}

/* Root, the operator, and whoever runs a daemon that has no root at all. */
static bool
may_change(const struct agent *a, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	return who.uid == 0 ||
	    (a->operator_uid != (uid_t)-1 && who.uid == a->operator_uid) ||
	    (!a->root_start && who.uid == getuid());
}

static size_t
count_clients(const struct agent *a)
{
	size_t n = 0;

	for (const struct mesh_list *i = a->clients.next; i != &a->clients;
	     i = i->next)
		n++;
	return n;
}

/* Takes over fd. */
static bool
client_new(struct agent *a, int fd)
{
	bool change = may_change(a, fd);
	size_t max = CLIENTS_MAX + (change ? CLIENTS_KEPT : 0);
	struct agent_client *c =
	    count_clients(a) < max ? calloc(1, sizeof(*c)) : NULL;

	if (c == NULL) {
		close(fd);
		return false;
	}
	c->agent = a;
	c->fd = fd;
	c->may_change = change;
	mesh_local_conn_init(&c->conn, AGENT_VERSION);
	mesh_list_append(&a->clients, &c->node);
	c->readable = event_new(a->base, fd, EV_READ | EV_PERSIST, on_readable,
	    c);
	c->writable = event_new(a->base, fd, EV_WRITE, on_writable, c);
	c->timer = event_new(a->base, -1, 0, on_timeout, c);
	if (c->readable == NULL || c->writable == NULL || c->timer == NULL ||
	    event_add(c->readable, NULL) < 0) {
		client_free(c);
		return false;
	}
	agent_arm(c->timer, mesh_time_add(agent_now(), IDLE_NS));
	return true;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	(void)what;
	for (;;) {
		int client = accept4(fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client < 0)
			return;
		(void)client_new(a, client);
	}
}

int
agent_api_open(struct agent *a)
{
	a->api_event = event_new(a->base, a->api, EV_READ | EV_PERSIST,
	    on_accept, a);
	if (a->api_event == NULL || event_add(a->api_event, NULL) < 0)
		return MESH_ERR_NOMEM;
	return MESH_OK;
}

void
agent_api_close(struct agent *a)
{
	while (!mesh_list_is_empty(&a->clients))
		client_free(MESH_CONTAINER(a->clients.next,
		    struct agent_client, node));
}

/* A watcher that does not read is let go: it would grow. */
static void
tell_watcher(struct agent_client *c, const struct mesh_buf *line)
{
	if (c->conn.out.len > WATCH_BACKLOG_MAX) {
		client_free(c);
		return;
	}
	mesh_local_stream_add(&c->conn,
	    (struct mesh_str){(const char *)line->data, line->len});
	(void)client_flush(c);
}

static bool
has_watcher(const struct agent *a)
{
	for (const struct mesh_list *i = a->clients.next; i != &a->clients;
	     i = i->next)
		if (MESH_CONTAINER((struct mesh_list *)(uintptr_t)i,
			struct agent_client, node)->conn.streaming)
			return true;
	return false;
}

void
agent_api_notify(struct agent *a, const struct mesh_notify *n)
{
	struct mesh_notify said = *n;
	struct mesh_list *i = a->clients.next, *next;
	struct mesh_buf line;

	if (!has_watcher(a))
		return;
	said.version = AGENT_VERSION;
	mesh_buf_init(&line, WATCH_BACKLOG_MAX);
	mesh_notify_write(&line, &said);
	for (; i != &a->clients; i = next) {
		struct agent_client *c =
		    MESH_CONTAINER(i, struct agent_client, node);

		next = i->next;
		if (!c->conn.streaming || line.failed ||
		    (n->netmap != NULL && (c->watch & MESH_WATCH_NO_NETMAP)))
			continue;
		tell_watcher(c, &line);
	}
	mesh_buf_release(&line);
}
