/* SPDX-License-Identifier: ISC
 * front_conn.c - the bytes of one connection: TLS or not, in and out (front.h).
 */
#include "front.h"

#include "common/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);

/* --- one read, one write: bytes, 0 for "not now", -1 for the end */

static ssize_t
ssl_result(struct front_conn *k, int n)
{
	switch (SSL_get_error(k->ssl, n)) {
	case SSL_ERROR_NONE:
		return n;
	case SSL_ERROR_WANT_WRITE:
		k->want_write = true;
		return 0;
	case SSL_ERROR_WANT_READ:
		return 0;
	default:
		return -1;
	}
}

static ssize_t
plain_result(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static ssize_t
conn_recv(struct front_conn *k, void *buf, size_t len)
{
	ssize_t n;

	ERR_clear_error();
	if (k->ssl != NULL)
		return ssl_result(k, SSL_read(k->ssl, buf, (int)len));
	n = recv(k->fd, buf, len, 0);
	return n == 0 ? -1 : plain_result(n);
}

static ssize_t
conn_send(struct front_conn *k, const void *buf, size_t len)
{
	ERR_clear_error();
	if (k->ssl != NULL)
		return ssl_result(k, SSL_write(k->ssl, buf, (int)len));
	return plain_result(send(k->fd, buf, len, MSG_NOSIGNAL));
}

/* --- life */

static void
set_timer(struct front_conn *k, struct mesh_time when)
{
	uint64_t ns = mesh_time_since(front_now(), when);
	struct timeval tv = {(time_t)(ns / MESH_SEC),
	    (suseconds_t)(ns % MESH_SEC / MESH_US)};

	if (mesh_time_is_never(when))
		event_del(k->timer);
	else
		event_add(k->timer, &tv);
}

bool
conn_evict(struct front *f)
{
	struct front_conn *k;

	if (mesh_list_is_empty(&f->strangers))
		return false;
	k = MESH_CONTAINER(f->strangers.next, struct front_conn, link);
	if (mesh_time_since(k->since, front_now()) < FRONT_GRACE_NS)
		return false;
	conn_free(k);
	return true;
}

void
conn_new(struct front *f, int fd, bool tls)
{
	struct front_conn *k = calloc(1, sizeof(*k));
	unsigned unheard = FRONT_UNHEARD_MS;
	int on = 1;

	if (k == NULL) {
		close(fd);
		return;
	}
	k->front = f;
	k->fd = fd;
	k->id = ++f->next_id;
	k->since = front_now();
	mesh_list_init(&k->link);
	mesh_list_init(&k->reqs);
	mesh_buf_init(&k->in, MESH_HTTP_HEAD_MAX + FRONT_BODY_MAX);
	mesh_buf_init(&k->out, FRONT_OUT_MAX);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard,
	    sizeof(unheard));
	k->event = event_new(f->base, fd, EV_READ | EV_PERSIST, on_event, k);
	k->timer = event_new(f->base, -1, 0, on_timer, k);
	k->phase = CONN_HEAD;
	if (tls) {
		k->phase = CONN_TLS;
		k->ssl = SSL_new(f->tls);
	}
	if (k->event == NULL || k->timer == NULL ||
	    (tls &&
		(k->ssl == NULL || SSL_set_fd(k->ssl, fd) != 1)) ||
	    mesh_map_put(&f->conns, &k->id, k) != MESH_OK) {
		conn_free(k);
		return;
	}
	mesh_list_append(&f->strangers, &k->link);
	event_add(k->event, NULL);
	set_timer(k, mesh_time_add(k->since, FRONT_HEAD_NS));
}

void
conn_free(struct front_conn *k)
{
	while (!mesh_list_is_empty(&k->reqs)) {
		struct front_req *r = MESH_CONTAINER(k->reqs.next,
		    struct front_req, link);

		front_gone(k->front, r->id);
		control_req_free(r);
	}
	mesh_list_remove(&k->link);
	(void)mesh_map_remove(&k->front->conns, &k->id);
	mesh_control_server_free(k->session);
	free(k->ws);
	if (k->event != NULL)
		event_free(k->event);
	if (k->timer != NULL)
		event_free(k->timer);
	SSL_free(k->ssl);
	close(k->fd);
	mesh_buf_wipe(&k->in);
	mesh_buf_wipe(&k->out);
	free(k);
}

/* --- in */

/* One phase before the session takes bytes. False: the connection ends. */
static bool
head_read(struct front_conn *k)
{
	ssize_t n = conn_recv(k, k->front->bulk, FRONT_BULK);

	if (n <= 0)
		return n == 0;
	if (mesh_buf_add(&k->in, k->front->bulk, (size_t)n) != MESH_OK)
		http_answer(k, 413, "text/plain", MESH_STR("too long\n"));
	else
		(void)http_try(k);
	return true;
}

static int
session_input(struct front_conn *k, uint8_t *p, size_t len)
{
	if (k->ws != NULL && len > 0)
		return ws_input(k, p, len);
	return mesh_control_server_input(k->session, p, len, front_now());
}

static size_t
session_output(struct front_conn *k, uint8_t *out, size_t cap)
{
	if (k->ws != NULL)
		return ws_output(k, out, cap);
	return mesh_control_server_output(k->session, out, cap, front_now());
}

static bool
session_read(struct front_conn *k)
{
	for (;;) {
		ssize_t n = conn_recv(k, k->front->bulk, FRONT_BULK);

		if (n == 0)
			return true;
		if (n < 0)
			n = 0; /* the session says good-bye to its streams */
		if (session_input(k, k->front->bulk, (size_t)n) != MESH_OK ||
		    n == 0) {
			(void)control_events(k);
			k->closing = true;
			return n > 0;
		}
		if (!control_events(k))
			k->closing = true;
		if (n < (ssize_t)FRONT_BULK && k->ssl == NULL)
			return true;
	}
}

/* Bytes that nobody waits for: read, so that the end is seen. */
static bool
answer_read(struct front_conn *k)
{
	return conn_recv(k, k->front->bulk, FRONT_BULK) >= 0;
}

static bool
conn_read(struct front_conn *k)
{
	switch (k->phase) {
	case CONN_TLS: {
		int n;

		ERR_clear_error();
		n = SSL_accept(k->ssl);
		if (n == 1)
			k->phase = CONN_HEAD;
		return n == 1 || ssl_result(k, n) == 0;
	}
	case CONN_HEAD:
		return head_read(k);
	case CONN_VERIFY:
	case CONN_ANSWER:
		return answer_read(k);
	default:
		return k->closing || session_read(k);
	}
}

/* --- out */

/* False: the connection ends. */
static bool
flush_out(struct front_conn *k)
{
	while (k->out.len > 0) {
		ssize_t n = conn_send(k, k->out.data, k->out.len);

		if (n < 0)
			return false;
		if (n == 0) {
			k->want_write = true;
			return true;
		}
		mesh_buf_consume(&k->out, (size_t)n);
	}
	mesh_buf_release(&k->out); /* thousands of connections are idle */
	return true;
}

static bool
session_write(struct front_conn *k)
{
	uint8_t *bulk = k->front->bulk;

	while (k->out.len == 0) {
		size_t len = session_output(k, bulk, FRONT_BULK);
		ssize_t n = len > 0 ? conn_send(k, bulk, len) : 0;

		if (len == 0)
			return true;
		if (n < 0)
			return false;
		if ((size_t)n < len &&
		    mesh_buf_add(&k->out, bulk + n, len - (size_t)n) != MESH_OK)
			return false;
	}
	k->want_write = true;
	return true;
}

static bool
conn_write(struct front_conn *k)
{
	k->want_write = false;
	if (!flush_out(k))
		return false;
	if (k->phase == CONN_ANSWER && k->out.len == 0) {
		if (k->ssl != NULL)
			(void)SSL_shutdown(k->ssl);
		(void)shutdown(k->fd, SHUT_WR); /* the reader closes first */
		return true;
	}
	if (k->session != NULL && !session_write(k))
		return false;
	return !k->closing || k->out.len > 0;
}

static void
watch(struct front_conn *k)
{
	short want = (short)(EV_READ | EV_PERSIST |
	    (k->want_write ? EV_WRITE : 0));

	if (event_get_events(k->event) == want)
		return;
	event_del(k->event);
	event_assign(k->event, k->front->base, k->fd, want, on_event, k);
	event_add(k->event, NULL);
}

void
conn_drive(struct front_conn *k)
{
	if (k->session != NULL && !k->closing && !control_events(k))
		k->closing = true;
	if (!conn_write(k)) {
		conn_free(k);
		return;
	}
	watch(k);
	if (k->session != NULL)
		set_timer(k, mesh_control_server_deadline(k->session));
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct front_conn *k = arg;

	(void)fd;
	if ((what & EV_READ) || k->phase == CONN_TLS)
		if (!conn_read(k)) {
			conn_free(k);
			return;
		}
	/* TLS may have decrypted more than was asked for. */
	if (k->ssl != NULL && k->phase == CONN_HEAD && SSL_pending(k->ssl) > 0)
		if (!conn_read(k)) {
			conn_free(k);
			return;
		}
	conn_drive(k);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct front_conn *k = arg;

	(void)fd, (void)what;
	if (k->session == NULL) {
		conn_free(k);
		return;
	}
	mesh_control_server_tick(k->session, front_now());
	conn_drive(k);
}
