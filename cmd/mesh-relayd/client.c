/* SPDX-License-Identifier: ISC
 * client.c - one connection: bytes between its TLS and the session. */
#include "worker.h"

#include "wire/http.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/log.h"

#define HEAD_BYTES (MESH_HTTP_HEAD_MAX + READ_SIZE)

static void on_io(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);

/* --- time and interest --- */

static void
arm(struct client *c, struct mesh_time at, struct mesh_time now)
{
	uint64_t ns = mesh_time_since(now, at);
	struct timeval tv = {
	    .tv_sec = (time_t)(ns / MESH_SEC),
	    .tv_usec = (suseconds_t)(ns % MESH_SEC / MESH_US),
	};

	evtimer_add(&c->timer, &tv);
}

static struct mesh_time
next_deadline(const struct client *c)
{
	struct mesh_time at = MESH_NEVER;

	if (c->state != CLIENT_RELAY || c->stuck != NULL)
		at = c->deadline;
	if (c->relay != NULL)
		at = mesh_time_min(at, mesh_relay_conn_deadline(c->relay));
	return at;
}

void
client_want(struct client *c, short what)
{
	what |= EV_PERSIST;
	if (event_get_events(&c->io) == what)
		return;
	event_del(&c->io);
	event_assign(&c->io, c->worker->base, c->fd, what, on_io, c);
	event_add(&c->io, NULL);
}

/* --- birth and end --- */

static struct client *
make(struct worker *w, int fd, SSL *tls)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->worker = w;
	c->tls = tls;
	c->fd = fd;
	mesh_buf_init(&c->head, HEAD_BYTES);
	mesh_buf_init(&c->reply, REPLY_MAX);
	mesh_buf_init(&c->part, sizeof(w->in));
	mesh_list_init(&c->list);
	evtimer_assign(&c->timer, w->base, on_timer, c);
	w->client_count++;
	return c;
}

/* From now on it has events and a time to be done in. */
static void
begin(struct client *c, short what)
{
	struct mesh_time now = worker_now();

	c->deadline = mesh_time_add(now, YOUNG_NS);
	event_assign(&c->io, c->worker->base, c->fd, what | EV_PERSIST, on_io,
	    c);
	event_add(&c->io, NULL);
	arm(c, c->deadline, now);
}

int
client_new(struct worker *w, int fd, const struct mesh_endpoint *from)
{
	SSL *tls = SSL_new(w->tls);
	struct client *c = NULL;

	if (tls != NULL && SSL_set_fd(tls, fd) == 1)
		c = make(w, fd, tls);
	if (c == NULL) {
		SSL_free(tls);
		return MESH_ERR_NOMEM;
	}
	if (stream_accept(c) != MESH_OK) {
		c->fd = -1; /* the caller's again */
		client_free(c);
		return MESH_ERR_NOMEM;
	}
	c->from = *from;
	c->young = true;
	mesh_list_append(&w->young, &c->list);
	w->young_count++;
	begin(c, EV_READ);
	return MESH_OK;
}

struct client *
client_call(struct worker *w, int fd, SSL *tls, struct other *other)
{
	struct client *c = make(w, fd, tls);

	if (c == NULL)
		return NULL;
	c->other = other;
	c->state = CLIENT_CALL;
	begin(c, EV_READ | EV_WRITE);
	return c;
}

static void
grow_up(struct client *c)
{
	if (!c->young)
		return;
	c->young = false;
	mesh_list_remove(&c->list);
	c->worker->young_count--;
}

static void
log_end(const struct client *c, const char *why)
{
	char from[MESH_ENDPOINT_TEXT], key[MESH_KEY_SHORT] = "-";

	if (why == NULL || !worker_may_log(c->worker))
		return;
	if (c->relay != NULL)
		mesh_node_key_short(mesh_relay_conn_key(c->relay), key);
	log_debug("connection closed: %s from=%s key=%s", why,
	    mesh_endpoint_format(&c->from, from), key);
}

void
client_close(struct client *c, const char *why)
{
	if (c->state == CLIENT_DEAD)
		return;
	if (c->other != NULL)
		call_ended(c, why);
	else
		log_end(c, why);
	grow_up(c);
	event_del(&c->io);
	event_del(&c->timer);
	mesh_relay_conn_free(c->relay);
	c->relay = NULL;
	c->state = CLIENT_DEAD;
	mesh_list_append(&c->worker->dead, &c->list);
}

void
client_free(struct client *c)
{
	mesh_list_remove(&c->list);
	stream_free(c);
	if (c->fd >= 0)
		close(c->fd);
	mesh_buf_release(&c->head);
	mesh_buf_release(&c->reply);
	free(c->stuck);
	c->worker->client_count--;
	free(c);
}

/* --- in --- */

/* It is not read until its admission is known; what came already is kept. */
static int
hold(struct client *c, const uint8_t *p, size_t len)
{
	if (mesh_buf_add(&c->head, p, len) != MESH_OK) {
		client_close(c, "out of memory");
		return MESH_ERR_NOMEM;
	}
	event_del(&c->io);
	return MESH_OK;
}

static int
take_frames(struct client *c, const uint8_t *p, size_t len)
{
	struct mesh_time now = worker_now();

	while (len > 0) {
		struct mesh_diag diag = {0};
		size_t used;
		int err =
		    mesh_relay_conn_input(c->relay, p, len, now, &used, &diag);

		if (err != MESH_OK) {
			client_close(c, diag.text);
			return err;
		}
		p += used;
		len -= used;
		if (mesh_relay_conn_is_waiting(c->relay))
			return hold(c, p, len);
		if (len > 0) /* somebody's queue is full */
			worker_write(c->worker);
		if (c->state == CLIENT_DEAD)
			return MESH_ERR_CLOSED;
	}
	if (c->other != NULL)
		call_is_up(c);
	else if (!mesh_node_key_is_zero(mesh_relay_conn_key(c->relay)))
		grow_up(c);
	return MESH_OK;
}

static int
become_relay(struct client *c, size_t used)
{
	struct mesh_relay_server *relay = c->worker->relay;
	uint8_t random[MESH_RELAY_RANDOM_LEN];
	struct mesh_buf first;
	int err = MESH_ERR_NOMEM;

	if (getrandom(random, sizeof(random), 0) == sizeof(random))
		c->relay = c->other != NULL
			       ? mesh_relay_link_new(relay, c, random,
				     worker_now())
			       : mesh_relay_conn_new(relay, c, random,
				     worker_now());
	if (c->relay == NULL) {
		client_close(c, "out of memory");
		return err;
	}
	if (c->other == NULL) {
		mesh_relay_conn_origin(c->relay, &c->from, !c->not_ideal);
		c->worker->count.upgraded++;
	}
	c->state = CLIENT_RELAY;
	first = c->head;
	mesh_buf_init(&c->head, HEAD_BYTES);
	err = take_frames(c, first.data + used, first.len - used);
	mesh_buf_release(&first);
	return err;
}

static int
take_head(struct client *c, const void *p, size_t len)
{
	bool upgrade = true;
	size_t used;
	int err = mesh_buf_add(&c->head, p, len);

	if (err == MESH_OK)
		err = c->state == CLIENT_CALL
			  ? call_answer(c, &used)
			  : request_answer(c, &upgrade, &used);
	if (err == MESH_ERR_AGAIN)
		return MESH_OK;
	if (err != MESH_OK) {
		client_close(c, c->state == CLIENT_CALL
				    ? "no upgrade to the relay protocol"
				    : "no room for the request");
		return err;
	}
	if (upgrade)
		return become_relay(c, used);
	c->state = CLIENT_LAST;
	return MESH_OK;
}

static int
take(struct client *c, const void *p, size_t len)
{
	switch (c->state) {
	case CLIENT_HEAD:
	case CLIENT_CALL:
		return take_head(c, p, len);
	case CLIENT_RELAY:
		return take_frames(c, p, len);
	default: /* what comes behind a last request */
		return MESH_OK;
	}
}

static bool
is_held(const struct client *c)
{
	return c->relay != NULL && mesh_relay_conn_is_waiting(c->relay);
}

static void
read_all(struct client *c)
{
	struct reading r;
	uint8_t *text;
	size_t n;

	stream_begin(&r, c);
	while ((n = stream_next(&r, &text)) > 0)
		if (take(c, text, n) != MESH_OK || is_held(c))
			break;
	stream_end(&r);
}

/* --- out --- */

static size_t
fill(struct client *c)
{
	struct worker *w = c->worker;
	size_t len = c->reply.len;

	if (len > 0) {
		memcpy(w->out, c->reply.data, len);
		mesh_buf_release(&c->reply);
	}
	if (c->relay != NULL)
		len += mesh_relay_conn_output(c->relay, w->out + len,
		    sizeof(w->out) - len);
	return len;
}

/* How long a write may take. */
static uint64_t
patience(const struct client *c)
{
	return c->relay != NULL && mesh_relay_conn_is_mesh(c->relay)
		   ? WRITE_MESH_NS
		   : WRITE_NS;
}

static void
get_stuck(struct client *c, const uint8_t *p, size_t len)
{
	struct mesh_time now = worker_now();

	c->stuck = malloc(len);
	if (c->stuck == NULL) {
		client_close(c, "out of memory");
		return;
	}
	memcpy(c->stuck, p, len);
	c->stuck_len = len;
	c->stuck_at = 0;
	c->deadline = mesh_time_add(now, patience(c));
	arm(c, next_deadline(c), now);
}

/* Goes on with what is stuck; true when nothing is any more. */
static bool
write_stuck(struct client *c)
{
	size_t n;

	if (c->stuck == NULL)
		return true;
	n = stream_write(c, c->stuck + c->stuck_at, c->stuck_len - c->stuck_at);
	if (c->state == CLIENT_DEAD)
		return false;
	c->stuck_at += n;
	if (n > 0)
		c->deadline = mesh_time_add(worker_now(), patience(c));
	if (c->stuck_at < c->stuck_len)
		return false;
	free(c->stuck);
	c->stuck = NULL;
	client_want(c, EV_READ);
	return true;
}

static void
write_all(struct client *c)
{
	const uint8_t *p;
	size_t len, done;

	while (c->state != CLIENT_DEAD && (len = fill(c)) > 0) {
		if ((p = stream_seal(c, &len)) == NULL)
			return;
		done = stream_write(c, p, len);
		if (c->state == CLIENT_DEAD)
			return;
		if (done < len) {
			get_stuck(c, p + done, len - done);
			return;
		}
	}
	if (c->state == CLIENT_LAST) {
		stream_goodbye(c);
		client_close(c, NULL);
	}
}

void
client_flush(struct client *c)
{
	if (c->relay != NULL && mesh_relay_conn_is_ended(c->relay))
		client_close(c, "ended by another relay, or too far behind");
	if (c->state != CLIENT_DEAD && c->stuck == NULL)
		write_all(c);
}

static void
log_denied(const struct client *c)
{
	char from[MESH_ENDPOINT_TEXT], key[MESH_KEY_SHORT];

	if (!worker_may_log(c->worker))
		return;
	mesh_node_key_short(mesh_relay_conn_claim(c->relay), key);
	log_info("not admitted from=%s key=%s",
	    mesh_endpoint_format(&c->from, from), key);
}

void
client_admit(struct client *c, bool allow)
{
	struct mesh_buf kept = c->head;
	struct mesh_diag diag = {0};

	if (!is_held(c))
		return;
	c->ask_id = 0;
	if (!allow) {
		c->worker->count.denied++;
		log_denied(c);
		client_close(c, NULL);
		return;
	}
	if (mesh_relay_conn_admit(c->relay, worker_now(), &diag) != MESH_OK) {
		client_close(c, diag.text);
		return;
	}
	event_add(&c->io, NULL);
	mesh_buf_init(&c->head, HEAD_BYTES);
	if (take_frames(c, kept.data, kept.len) == MESH_OK &&
	    stream_has_pending(c))
		event_active(&c->io, EV_READ, 0);
	mesh_buf_release(&kept);
}

/* --- events --- */

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	if ((what & EV_WRITE) && c->stuck != NULL && write_stuck(c))
		write_all(c);
	else if ((what & EV_WRITE) && c->state != CLIENT_DEAD &&
		 c->stuck == NULL)
		client_want(c, EV_READ);
	if (c->state != CLIENT_DEAD)
		read_all(c);
	if (c->state == CLIENT_CALL && !c->asked &&
	    SSL_is_init_finished(c->tls) && call_ask(c) != MESH_OK)
		return;
	/* Frames wait for the end of the round; an answer goes at once. */
	if (c->reply.len > 0)
		client_flush(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct mesh_time now = worker_now();

	(void)fd;
	(void)what;
	if (c->stuck != NULL && mesh_time_due(c->deadline, now)) {
		c->worker->count.stuck++;
		client_close(c, "client does not read");
	} else if (c->state != CLIENT_RELAY &&
		   mesh_time_due(c->deadline, now)) {
		client_close(c, "client says nothing");
	} else if (c->relay != NULL &&
		   mesh_relay_conn_tick(c->relay, now) != MESH_OK) {
		client_close(c, "client is silent");
	} else {
		arm(c, next_deadline(c), now);
	}
}
