/* SPDX-License-Identifier: ISC
 * agent_conn.c - a TCP connection to a name, with or without TLS: look the name
 * up, ask the monitor for a socket, try each address, shake hands, move bytes.
 * TLS works on the descriptor itself, so that there is one buffer, ours.
 */
#include "agent_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_LEN 16384u
#define SEND_MAX (4u << 20)		/* bytes that wait to be sent */
#define LOOKUP_TIMEOUT_NS (10 * MESH_SEC)
#define ADDRESS_TIMEOUT_NS (4 * MESH_SEC) /* then the next one is tried */

enum conn_phase { CONN_RESOLVING, CONN_SOCKET, CONN_TCP, CONN_TLS, CONN_OPEN };

struct agent_conn {
	struct agent *agent;
	const struct agent_conn_ops *ops; /* NULL: freed, not yet gone */
	void *arg;
	char host[MESH_URL_HOST_MAX];
	uint16_t port;
	bool want_tls;
	enum conn_phase phase;
	struct agent_lookup *lookup;
	uint32_t socket_id;
	struct agent_addrs addrs;
	size_t next; /* address to try */
	int fd;
	SSL *ssl;
	struct event *readable, *writable, *timer;
	struct mesh_buf out;
	char why[160]; /* the last address failed by this */
};

static void try_next(struct agent_conn *c);
static void go_on(struct agent_conn *c);

static void
close_fd(struct agent_conn *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	c->readable = c->writable = NULL;
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void
fail(struct agent_conn *c, const char *why)
{
	close_fd(c);
	event_del(c->timer);
	if (c->ops != NULL)
		c->ops->closed(c->arg, why);
}

static void
say_why(struct agent_conn *c, const char *what, const char *why)
{
	(void)mesh_format(c->why, sizeof(c->why), "%s '%s' port %u: %s", what,
	    c->host, c->port, why);
}

/* --- TLS */

static void
say_tls_error(struct agent_conn *c)
{
	long verdict = SSL_get_verify_result(c->ssl);
	unsigned long e = ERR_peek_error();

	say_why(c, "no TLS with",
	    verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
		: e != 0 ? ERR_reason_error_string(e)
			 : "the connection was closed");
	ERR_clear_error();
}

static bool
start_tls(struct agent_conn *c)
{
	struct mesh_ip ip;
	bool is_name = mesh_ip_parse(mesh_str(c->host), &ip) != MESH_OK;

	c->ssl = SSL_new(c->agent->tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		return false;
	SSL_set_connect_state(c->ssl);
	if (is_name)
		return SSL_set_tlsext_host_name(c->ssl, c->host) == 1 &&
		    SSL_set1_host(c->ssl, c->host) == 1;
	return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), c->host) ==
	    1;
}

/* What OpenSSL waits for; false: it is over. */
static bool
tls_waits(struct agent_conn *c, int rc)
{
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return true;
	case SSL_ERROR_WANT_WRITE:
		(void)event_add(c->writable, NULL);
		return true;
	default:
		return false;
	}
}

static void
shake_hands(struct agent_conn *c)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		c->phase = CONN_OPEN;
		event_del(c->timer);
		c->ops->opened(c->arg);
		if (c->ops != NULL)
			go_on(c);
	} else if (!tls_waits(c, rc)) {
		say_tls_error(c);
		fail(c, c->why); /* another address has the same certificate */
	}
}

/* --- bytes */

/* Bytes read, 0 when there are none now, -1 at the end. */
static ssize_t
take_bytes(struct agent_conn *c, uint8_t *buf, size_t size)
{
	ssize_t n;

	if (c->ssl != NULL) {
		int rc;

		ERR_clear_error();
		rc = SSL_read(c->ssl, buf, (int)size);
		if (rc > 0)
			return rc;
		return tls_waits(c, rc) ? 0 : -1;
	}
	n = recv(c->fd, buf, size, 0);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void
read_some(struct agent_conn *c)
{
	uint8_t buf[READ_LEN];
	ssize_t n;

	do {
		n = take_bytes(c, buf, sizeof(buf));
		if (n < 0) {
			say_why(c, "connection to", "closed");
			fail(c, c->why);
			return;
		}
		if (n > 0)
			c->ops->data(c->arg, buf, (size_t)n);
	} while (n > 0 && c->ops != NULL && c->ssl != NULL &&
	    SSL_pending(c->ssl) > 0);
}

static ssize_t
give_bytes(struct agent_conn *c)
{
	ssize_t n;

	if (c->ssl != NULL) {
		int rc;

		ERR_clear_error();
		rc = SSL_write(c->ssl, c->out.data,
		    c->out.len > READ_LEN ? (int)READ_LEN : (int)c->out.len);
		if (rc > 0)
			return rc;
		return tls_waits(c, rc) ? 0 : -1;
	}
	n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* A failure to send shows itself to the reader too. */
static void
write_some(struct agent_conn *c)
{
	while (c->out.len > 0) {
		ssize_t n = give_bytes(c);

		if (n <= 0) {
			if (n == 0)
				(void)event_add(c->writable, NULL);
			return;
		}
		mesh_buf_consume(&c->out, (size_t)n);
	}
}

static void
go_on(struct agent_conn *c)
{
	size_t had = c->out.len;

	write_some(c);
	if (had > 0 && c->out.len == 0)
		c->ops->drained(c->arg);
	if (c->ops != NULL && c->fd >= 0)
		read_some(c);
}

/* --- connecting */

static void
on_connected(struct agent_conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		say_why(c, "cannot reach", strerror(error));
		close_fd(c);
		try_next(c);
		return;
	}
	if (!c->want_tls) {
		c->phase = CONN_OPEN;
		event_del(c->timer);
		c->ops->opened(c->arg);
		if (c->ops != NULL)
			go_on(c);
		return;
	}
	c->phase = CONN_TLS;
	if (start_tls(c))
		shake_hands(c);
	else
		fail(c, "out of memory");
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct agent_conn *c = arg;

	(void)fd;
	(void)what;
	switch (c->phase) {
	case CONN_TCP:
		on_connected(c);
		break;
	case CONN_TLS:
		shake_hands(c);
		break;
	case CONN_OPEN:
		go_on(c);
		break;
	default:
		break;
	}
}

static socklen_t
put_address(const struct mesh_ip *ip, uint16_t port,
    struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (mesh_ip_is4(ip)) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, mesh_ip_bytes4(ip), 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->b, 16);
	return sizeof(*in6);
}

static void
on_socket(void *arg, int fd, int error)
{
	struct agent_conn *c = arg;
	struct sockaddr_storage sa;
	socklen_t len = put_address(&c->addrs.v[c->next - 1], c->port, &sa);

	c->socket_id = 0;
	c->fd = fd;
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) < 0 &&
	    errno != EINPROGRESS)
		error = errno;
	if (fd < 0 || error != 0) {
		say_why(c, "cannot reach", strerror(error));
		close_fd(c);
		try_next(c);
		return;
	}
	c->phase = CONN_TCP;
	c->readable = event_new(c->agent->base, fd, EV_READ | EV_PERSIST,
	    on_ready, c);
	c->writable = event_new(c->agent->base, fd, EV_WRITE, on_ready, c);
	if (c->readable == NULL || c->writable == NULL ||
	    event_add(c->readable, NULL) < 0 ||
	    event_add(c->writable, NULL) < 0)
		fail(c, "out of memory");
}

static void
try_next(struct agent_conn *c)
{
	const struct mesh_ip *ip;

	if (c->next >= c->addrs.count) {
		fail(c, c->why);
		return;
	}
	ip = &c->addrs.v[c->next++];
	c->phase = CONN_SOCKET;
	agent_arm(c->timer, mesh_time_add(agent_now(), ADDRESS_TIMEOUT_NS));
	c->socket_id = agent_socket(c->agent,
	    mesh_ip_is4(ip) ? TBL_TCP4 : TBL_TCP6, on_socket, c);
	if (c->socket_id == 0)
		fail(c, "no socket from the monitor");
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct agent_conn *c = arg;

	(void)fd;
	(void)what;
	say_why(c, "cannot reach",
	    c->lookup != NULL ? "the name is not answered" : "no answer");
	agent_resolve_cancel(c->lookup);
	c->lookup = NULL;
	agent_socket_cancel(c->agent, c->socket_id);
	c->socket_id = 0;
	close_fd(c);
	try_next(c);
}

static void
on_resolved(void *arg, const struct agent_addrs *addrs)
{
	struct agent_conn *c = arg;

	c->lookup = NULL;
	c->addrs = *addrs;
	say_why(c, "cannot reach", "the name has no address");
	try_next(c);
}

struct agent_conn *
agent_conn_new(struct agent *a, const char *host, uint16_t port, bool tls,
    const struct agent_conn_ops *ops, void *arg)
{
	struct agent_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->agent = a;
	c->fd = -1;
	c->ops = ops;
	c->arg = arg;
	c->port = port;
	c->want_tls = tls;
	mesh_buf_init(&c->out, SEND_MAX);
	(void)mesh_format(c->host, sizeof(c->host), "%s", host);
	c->timer = event_new(a->base, -1, 0, on_timeout, c);
	c->lookup = agent_resolve(a, host, on_resolved, c);
	if (c->timer == NULL || c->lookup == NULL) {
		agent_conn_free(c);
		return NULL;
	}
	agent_arm(c->timer, mesh_time_add(agent_now(), LOOKUP_TIMEOUT_NS));
	return c;
}

void
agent_conn_send(struct agent_conn *c, const void *p, size_t len)
{
	if (mesh_buf_add(&c->out, p, len) == MESH_OK && c->phase == CONN_OPEN &&
	    c->fd >= 0)
		write_some(c);
}

size_t
agent_conn_backlog(const struct agent_conn *c)
{
	return c->out.len;
}

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	free(arg);
}

/* It may stand in one of its own callbacks: the memory goes by the loop. */
void
agent_conn_free(struct agent_conn *c)
{
	static const struct timeval at_once;

	if (c == NULL)
		return;
	c->ops = NULL;
	agent_resolve_cancel(c->lookup);
	agent_socket_cancel(c->agent, c->socket_id);
	close_fd(c);
	if (c->timer != NULL)
		event_free(c->timer);
	c->timer = NULL;
	mesh_buf_release(&c->out);
	if (event_base_once(c->agent->base, -1, EV_TIMEOUT, on_gone, c,
		&at_once) < 0)
		free(c);
}
