/* SPDX-License-Identifier: ISC */
#include "admin.h"

#include "common/log.h"
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wire/http.h>

struct admin_conn {
	struct admin *admin;
	struct mesh_list link;
	int fd;
	struct event *read, *write;
	struct mesh_buf in, out;
	bool permitted;
};

struct admin {
	struct core *core;
	int fd;
	struct event *accept;
	struct mesh_list conns;
	size_t count;
};

static const struct timeval idle = {ADMIN_IDLE_SEC, 0};

static void
conn_free(struct admin_conn *k)
{
	mesh_list_remove(&k->link);
	k->admin->count--;
	if (k->read != NULL)
		event_free(k->read);
	if (k->write != NULL)
		event_free(k->write);
	close(k->fd);
	mesh_buf_wipe(&k->in);
	mesh_buf_wipe(&k->out); /* an answer may hold a new auth key */
	free(k);
}

/* --- the answer: one per connection */

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct admin_conn *k = arg;
	ssize_t n = -1;

	if (what & EV_WRITE)
		n = send(fd, k->out.data, k->out.len, MSG_NOSIGNAL);
	if (n < 0 && (what & EV_WRITE) && (errno == EAGAIN || errno == EINTR))
		n = 0;
	if (n >= 0)
		mesh_buf_consume(&k->out, (size_t)n);
	if (n < 0 || k->out.len == 0)
		conn_free(k);
	else
		event_add(k->write, &idle);
}

static void
conn_answer(struct admin_conn *k, unsigned status, const struct mesh_buf *body)
{
	event_del(k->read);
	mesh_http_write_status(&k->out, status);
	mesh_http_write_field(&k->out, "Content-Type", "application/json");
	mesh_http_write_field(&k->out, "Connection", "close");
	mesh_http_write_length(&k->out, body->len);
	mesh_http_write_end(&k->out);
	mesh_buf_add(&k->out, body->data, body->len);
	if (k->out.failed)
		conn_free(k);
	else
		event_add(k->write, &idle);
}

static void
conn_refuse(struct admin_conn *k, unsigned status, const char *why)
{
	struct mesh_buf body;

	mesh_buf_init(&body, 1024);
	mesh_buf_printf(&body, "{\"code\":%u,\"message\":\"%s\"}", status, why);
	conn_answer(k, status, &body);
	mesh_buf_release(&body);
}

static void
conn_run(struct admin_conn *k, const struct mesh_http_head *head)
{
	struct mesh_str target = head->target;
	struct admin_request req = {
	    .method = head->method,
	    .path = mesh_str_cut(&target, '?'),
	    .query = target,
	    .body = {(const char *)k->in.data + head->len,
		(size_t)head->body_len},
	};
	struct mesh_buf body;
	unsigned status;

	mesh_buf_init(&body, ADMIN_ANSWER_MAX);
	status = admin_route(k->admin->core, &req, &body);
	core_wake(k->admin->core);
	if (body.failed)
		conn_refuse(k, 500, "the answer is too large");
	else
		conn_answer(k, status, &body);
	mesh_buf_wipe(&body);
}

static void
conn_try(struct admin_conn *k)
{
	struct mesh_http_head head;
	int err = mesh_http_request_parse(k->in.data, k->in.len, &head);

	if (err == MESH_ERR_AGAIN)
		return;
	if (err != MESH_OK)
		conn_refuse(k, 400, "malformed request");
	else if (!k->permitted)
		conn_refuse(k, 403, "only root and the user that runs "
		    "mesh-controld may do this");
	else if (head.body == MESH_HTTP_BODY_CHUNKED)
		conn_refuse(k, 411, "Content-Length is needed");
	else if (head.body == MESH_HTTP_BODY_LENGTH &&
	    head.body_len > ADMIN_BODY_MAX)
		conn_refuse(k, 413, "the body is too large");
	else if (head.body != MESH_HTTP_BODY_LENGTH ||
	    k->in.len >= head.len + head.body_len)
		conn_run(k, &head);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct admin_conn *k = arg;
	uint8_t bytes[16384];
	ssize_t n = 0;

	if (what & EV_READ)
		n = recv(fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 ||
	    mesh_buf_add(&k->in, bytes, (size_t)n) != MESH_OK) {
		conn_free(k);
		return;
	}
	conn_try(k);
}

static bool
is_permitted(const struct admin *a, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	return who.uid == 0 || who.uid == (uid_t)a->core->cfg.owner;
}

static void
conn_new(struct admin *a, int fd)
{
	struct admin_conn *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		close(fd);
		return;
	}
	k->admin = a;
	k->fd = fd;
	k->permitted = is_permitted(a, fd);
	mesh_buf_init(&k->in, MESH_HTTP_HEAD_MAX + ADMIN_BODY_MAX);
	mesh_buf_init(&k->out, ADMIN_ANSWER_MAX + MESH_HTTP_HEAD_MAX);
	mesh_list_init(&k->link);
	mesh_list_append(&a->conns, &k->link);
	a->count++;
	k->read = event_new(a->core->base, fd, EV_READ | EV_PERSIST, on_read,
	    k);
	k->write = event_new(a->core->base, fd, EV_WRITE, on_write, k);
	if (k->read == NULL || k->write == NULL)
		conn_free(k);
	else
		event_add(k->read, &idle);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct admin *a = arg;
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (conn < 0)
		return;
	if (a->count >= ADMIN_CONNECTIONS)
		close(conn);
	else
		conn_new(a, conn);
}

struct admin *
admin_new(struct core *core, int fd)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->core = core;
	a->fd = fd;
	mesh_list_init(&a->conns);
	evutil_make_socket_nonblocking(fd);
	a->accept = event_new(core->base, fd, EV_READ | EV_PERSIST, on_accept,
	    a);
	if (a->accept == NULL) {
		free(a);
		return NULL;
	}
	event_add(a->accept, NULL);
	return a;
}

void
admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	while (!mesh_list_is_empty(&a->conns))
		conn_free(MESH_CONTAINER(a->conns.next, struct admin_conn,
		    link));
	event_free(a->accept);
	close(a->fd);
	free(a);
}
