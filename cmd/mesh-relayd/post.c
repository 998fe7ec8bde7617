/* SPDX-License-Identifier: ISC
 * post.c - one question to the admission server: connect, TLS if the URL says
 * so, one request, one answer, the end. */
#include "asker.h"

#include "sockets.h"

#include "base/json.h"
#include "common/log.h"
#include "wire/http.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 4096

static void
write_request(struct question *q)
{
	const struct asker *a = q->asker;
	char key[MESH_KEY_TEXT + 1], from[MESH_IP_TEXT], body[256];

	mesh_node_key_format(&q->ask.key, key);
	if (mesh_format(body, sizeof(body),
		"{\"NodePublic\":\"%s\",\"Source\":\"%s\"}", key,
		mesh_ip_format(&q->ask.from, from)) != MESH_OK)
		body[0] = '\0';
	mesh_http_write_request(&q->out, "POST", a->path, a->url.authority);
	mesh_http_write_field(&q->out, "Content-Type", "application/json");
	mesh_http_write_field(&q->out, "Connection", "close");
	mesh_http_write_length(&q->out, strlen(body));
	mesh_http_write_end(&q->out);
	mesh_buf_add_str(&q->out, body);
}

static bool
read_allow(struct mesh_str body)
{
	struct mesh_str name;
	struct mesh_json j;
	bool allow = false;

	mesh_json_init(&j, body.p, body.len, 0);
	mesh_json_object(&j);
	while (mesh_json_member(&j, &name)) {
		if (mesh_http_equal(name, "Allow"))
			allow = mesh_json_bool(&j);
		else
			mesh_json_skip(&j);
	}
	return mesh_json_done(&j, NULL) == MESH_OK && allow;
}

/* A chunked body, put together where it lies. */
static bool
unchunk(uint8_t *p, size_t len, struct mesh_str *out)
{
	struct mesh_http_chunks chunks = MESH_HTTP_CHUNKS_INIT;
	size_t at = 0, have = 0, used;
	struct mesh_str piece;

	while (!chunks.done) {
		int err = mesh_http_chunks_next(&chunks, p + at, len - at,
		    &used, &piece);

		if (err != MESH_OK)
			return false;
		memmove(p + have, piece.p, piece.len);
		have += piece.len;
		at += used;
	}
	*out = (struct mesh_str){(const char *)p, have};
	return true;
}

/* MESH_ERR_AGAIN: not whole. `ended`: no more will come. */
static int
read_answer(struct question *q, bool ended, enum post_verdict *out)
{
	struct mesh_http_head head;
	struct mesh_str body;
	int err = mesh_http_response_parse(q->in.data, q->in.len, &head);
	size_t have;

	if (err != MESH_OK)
		return err;
	have = q->in.len - head.len;
	body = (struct mesh_str){(const char *)q->in.data + head.len, have};
	*out = POST_NO;
	if (head.status != 200)
		return MESH_OK;
	if (head.body == MESH_HTTP_BODY_LENGTH) {
		if (have < head.body_len)
			return MESH_ERR_AGAIN;
		body.len = (size_t)head.body_len;
	} else if (head.body == MESH_HTTP_BODY_CHUNKED) {
		if (!ended)
			return MESH_ERR_AGAIN;
		if (!unchunk(q->in.data + head.len, have, &body))
			return MESH_OK;
	} else if (!ended) {
		return MESH_ERR_AGAIN;
	}
	if (read_allow(body))
		*out = POST_YES;
	return MESH_OK;
}

/* >0: bytes; 0: wait; <0: the end. *out_what: for what to wait. */
static int
move(struct question *q, bool out, void *p, size_t len, short *out_what)
{
	ssize_t n;

	if (q->tls == NULL) {
		n = out ? send(q->fd, p, len, MSG_NOSIGNAL)
			: recv(q->fd, p, len, 0);
		if (n > 0)
			return (int)n;
		*out_what = out ? EV_WRITE : EV_READ;
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	ERR_clear_error();
	n = out ? SSL_write(q->tls, p, (int)len)
		: SSL_read(q->tls, p, (int)len);
	if (n > 0)
		return (int)n;
	switch (SSL_get_error(q->tls, (int)n)) {
	case SSL_ERROR_WANT_READ:
		*out_what = EV_READ;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*out_what = EV_WRITE;
		return 0;
	default:
		return -1;
	}
}

static void
finish(struct question *q, bool ended)
{
	enum post_verdict v = POST_DOWN;
	int err = read_answer(q, ended, &v);

	if (err == MESH_ERR_AGAIN && !ended)
		return;
	asker_done(q, err == MESH_OK ? v : POST_DOWN);
}

static void on_io(evutil_socket_t fd, short what, void *arg);

static void
wait_until(struct question *q, short what)
{
	event_del(&q->io);
	event_assign(&q->io, q->asker->base, q->fd, what, on_io, q);
	event_add(&q->io, NULL);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct question *q = arg;
	uint8_t piece[PIECE];
	short need = EV_READ;
	int n;

	(void)fd;
	(void)what;
	while (q->out.len > 0) {
		n = move(q, true, q->out.data, q->out.len, &need);
		if (n < 0) {
			asker_done(q, POST_DOWN);
			return;
		}
		if (n == 0) {
			wait_until(q, need);
			return;
		}
		mesh_buf_consume(&q->out, (size_t)n);
	}
	n = move(q, false, piece, sizeof(piece), &need);
	if (n == 0) {
		wait_until(q, need);
	} else if (n < 0 || mesh_buf_add(&q->in, piece, (size_t)n) != MESH_OK) {
		finish(q, true);
	} else {
		/* What TLS holds would wake nobody. */
		wait_until(q, EV_READ);
		if (q->tls != NULL && SSL_has_pending(q->tls))
			event_active(&q->io, EV_READ, 0);
		finish(q, false); /* q may be gone */
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	asker_done(arg, POST_DOWN);
}

static bool
start_tls(struct question *q)
{
	const struct asker *a = q->asker;
	struct mesh_ip ip;

	if (a->tls == NULL)
		return true;
	q->tls = SSL_new(a->tls);
	if (q->tls == NULL || SSL_set_fd(q->tls, q->fd) != 1)
		return false;
	SSL_set_connect_state(q->tls);
	if (mesh_ip_parse(mesh_str(a->url.host), &ip) == MESH_OK)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(q->tls),
			   a->url.host) == 1;
	return SSL_set_tlsext_host_name(q->tls, a->url.host) == 1 &&
	       SSL_set1_host(q->tls, a->url.host) == 1;
}

void
post_begin(struct question *q)
{
	const struct asker *a = q->asker;
	const struct timeval tv = {.tv_sec = (time_t)(ASKER_NS / MESH_SEC)};

	mesh_buf_init(&q->out, PIECE);
	mesh_buf_init(&q->in, ASKER_ANSWER_MAX);
	evtimer_assign(&q->timer, a->base, on_timer, q);
	event_assign(&q->io, a->base, -1, 0, on_io, q);
	if (a->address_count > 0)
		q->fd = socket_dial(&a->addresses[a->address]);
	if (q->fd < 0 || !start_tls(q)) {
		asker_done(q, POST_DOWN);
		return;
	}
	write_request(q);
	evtimer_add(&q->timer, &tv);
	wait_until(q, EV_WRITE);
}

void
post_end(struct question *q)
{
	event_del(&q->io);
	event_del(&q->timer);
	SSL_free(q->tls);
	if (q->fd >= 0)
		close(q->fd);
	mesh_buf_release(&q->out);
	mesh_buf_release(&q->in);
}
