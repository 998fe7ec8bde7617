/* SPDX-License-Identifier: ISC
 * engine_relay.c - connections to relays: socket from the monitor, TCP, TLS,
 * then the session of relay/client.h. They belong to the engine so that peers
 * that only a relay reaches outlive the agent.
 *
 * The home relay is kept; others are opened by the first packet and closed when
 * nothing was sent for a minute (protocol/dataplane.md 3.10, 3.11).
 */
#include "engine_int.h"

#include "engine_tls.h"

#include "common/log.h"
#include "relay/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRY_NS (3 * MESH_SEC)	 /* for one address, TCP and TLS */
#define IDLE_NS (60 * MESH_SEC)
#define HEARD_EVERY_NS (5 * MESH_SEC)
#define WAIT_MIN_NS (200 * MESH_MS)
#define WAIT_MAX_NS (5 * MESH_SEC)
#define READS_MAX 16 /* of a connection, before others get their turn */

enum relay_state {
	RELAY_UNUSED,
	RELAY_SOCKET, /* the monitor is asked for a socket */
	RELAY_CONNECT,
	RELAY_TLS,
	RELAY_OPEN, /* the session has it */
	RELAY_WAIT, /* failed: again later */
};

struct relay {
	struct engine *e;
	enum relay_state state;
	uint16_t region;
	bool up, dirty; /* dirty: there is output */
	bool in_pump;
	int fd;
	SSL *ssl;
	struct mesh_relay_client client;
	bool has_client;
	struct tls_peer tls;
	size_t attempt; /* address of the region that is tried */
	uint32_t id;	/* of the socket or verdict that is asked for */
	struct event *read_event, *write_event;
	struct timer timer;
	struct mesh_time last_write, last_heard, give_up;
	uint64_t wait_ns;
	struct mesh_ratelimit complaints;
};

static SSL_CTX *context;
static uint32_t last_id;

static void attempt_next(struct relay *r);
static void pump(struct relay *r);

/* --- looking up --- */

const struct tbl_region *
engine_region(const struct engine *e, uint16_t id)
{
	for (size_t i = 0; i < e->region_count; i++)
		if (e->regions[i].id == id)
			return e->regions[i].t;
	return NULL;
}

static struct relay *
find(const struct engine *e, uint16_t region)
{
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++)
		if (e->relays[i].state != RELAY_UNUSED &&
		    e->relays[i].region == region)
			return &e->relays[i];
	return NULL;
}

bool
engine_relay_is_up(const struct engine *e, uint16_t region)
{
	const struct relay *r = find(e, region);

	return r != NULL && r->up;
}

/* The n-th address of a region: each node's IPv4, then its IPv6. */
static bool
address(const struct engine *e, const struct tbl_region *t, size_t n,
    const struct tbl_relay_node **out_node, struct mesh_endpoint *out)
{
	for (size_t i = 0; i < 2 * t->node_count; i++) {
		const struct tbl_relay_node *node = &t->nodes[i / 2];
		const struct mesh_ip *ip = i % 2 ? &node->ip6 : &node->ip4;
		bool usable = !mesh_ip_is_none(ip) &&
		    !(node->flags & TBL_RELAY_STUN_ONLY) &&
		    (i % 2 ? e->tx.fd6 : e->tx.fd4) >= 0;

		if (!usable || n-- > 0)
			continue;
		*out_node = node;
		*out = (struct mesh_endpoint){*ip, node->relay_port};
		return true;
	}
	return false;
}

/* --- closing --- */

static void
set_up(struct relay *r, bool up)
{
	if (r->up == up)
		return;
	r->up = up;
	r->e->state_changed = true;
	mesh_path_relay_up(r->e->path, r->region, up, r->e->now);
}

static void
disconnect(struct relay *r)
{
	set_up(r, false);
	if (r->read_event != NULL)
		event_free(r->read_event);
	if (r->write_event != NULL)
		event_free(r->write_event);
	r->read_event = r->write_event = NULL;
	SSL_free(r->ssl);
	r->ssl = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->id = 0;
	if (r->has_client)
		mesh_relay_client_release(&r->client);
	r->has_client = false;
}

static void
forget(struct relay *r)
{
	disconnect(r);
	timers_stop(&r->e->timers, &r->timer);
	r->state = RELAY_UNUSED;
}

static void
set_timer(struct relay *r, struct mesh_time t)
{
	(void)timers_set(&r->e->timers, &r->timer, t);
}

/* All addresses failed, or an open connection broke. Where is home then? A node
 * that is idle would not look by itself, and nobody would reach it any more. */
static void
wait_a_bit(struct relay *r)
{
	disconnect(r);
	if (r->region == r->e->home)
		mesh_path_measure(r->e->path, r->e->now);
	r->wait_ns = r->wait_ns == 0 ? WAIT_MIN_NS : 2 * r->wait_ns;
	if (r->wait_ns > WAIT_MAX_NS)
		r->wait_ns = WAIT_MAX_NS;
	r->state = RELAY_WAIT;
	set_timer(r, mesh_time_add(r->e->now, r->wait_ns));
}

static void
failed(struct relay *r, const char *why)
{
	bool was_open = r->up;

	if (mesh_ratelimit_allow(&r->complaints, r->e->now))
		log_info("relay region=%u: %s", r->region, why);
	if (was_open || r->state == RELAY_OPEN) {
		wait_a_bit(r);
		return;
	}
	disconnect(r);
	r->attempt++;
	attempt_next(r);
}

/* --- opening --- */

static int
start_session(struct relay *r)
{
	uint8_t nonce[MESH_RELAY_NONCE_LEN];
	const struct mesh_relay_client_conf conf = {
	    .host = r->tls.node->host,
	    .secret = &r->e->start.node,
	    .nonce = nonce,
	    .home = r->region == r->e->home,
	};

	engine_random_bytes(nonce, sizeof(nonce));
	r->has_client = true;
	return mesh_relay_client_init(&r->client, &conf, r->e->now);
}

/* Packets may be queued from here on. */
static void
attempt_next(struct relay *r)
{
	const struct tbl_region *t = engine_region(r->e, r->region);
	uint8_t body[8];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct mesh_endpoint to;

	if (t == NULL || !address(r->e, t, r->attempt, &r->tls.node, &to) ||
	    start_session(r) != MESH_OK) {
		r->attempt = 0;
		wait_a_bit(r);
		return;
	}
	r->id = ++last_id;
	r->state = RELAY_SOCKET;
	r->give_up = mesh_time_add(r->e->now, TRY_NS);
	set_timer(r, r->give_up);
	struct tbl_socket ask = {r->id,
	    mesh_ip_is4(&to.ip) ? TBL_TCP4 : TBL_TCP6};
	tbl_socket_put(&w, &ask);
	engine_tell_monitor(r->e, MSG_SOCKET, body, w.len);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct engine *e = r->e;

	(void)fd;
	(void)what;
	engine_clock(e);
	pump(r);
	engine_settle(e);
}

static void
want_write(struct relay *r, bool on)
{
	if (on)
		(void)event_add(r->write_event, NULL);
	else
		(void)event_del(r->write_event);
}

static bool
connect_to(struct relay *r, const struct mesh_endpoint *to)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET,
	    .sin_port = htons(to->port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6,
	    .sin6_port = htons(to->port)};
	bool is4 = mesh_ip_is4(&to->ip);

	memcpy(&a4.sin_addr, mesh_ip_bytes4(&to->ip), 4);
	memcpy(&a6.sin6_addr, to->ip.b, 16);
	return connect(r->fd, is4 ? (struct sockaddr *)&a4
				  : (struct sockaddr *)&a6,
		   is4 ? sizeof(a4) : sizeof(a6)) == 0 ||
	    errno == EINPROGRESS;
}

void
engine_relay_socket(struct engine *e, const struct tbl_socket_is *t, int fd)
{
	const struct tbl_region *region;
	struct mesh_endpoint to;
	struct relay *r = NULL;

	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++)
		if (e->relays[i].state == RELAY_SOCKET &&
		    e->relays[i].id == t->id)
			r = &e->relays[i];
	if (r == NULL) {
		if (fd >= 0)
			close(fd); /* asked for, given up meanwhile */
		return;
	}
	region = engine_region(e, r->region);
	r->fd = fd;
	if (fd < 0 || region == NULL ||
	    !address(e, region, r->attempt, &r->tls.node, &to)) {
		failed(r, "no socket");
		return;
	}
	r->read_event = event_new(e->base, fd, EV_READ | EV_PERSIST, on_ready,
	    r);
	r->write_event = event_new(e->base, fd, EV_WRITE | EV_PERSIST,
	    on_ready, r);
	r->state = RELAY_CONNECT;
	if (r->read_event == NULL || r->write_event == NULL ||
	    !connect_to(r, &to)) {
		failed(r, "cannot connect");
		return;
	}
	want_write(r, true);
}

static void
connected(struct relay *r)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ||
	    err != 0) {
		failed(r, strerror(err));
		return;
	}
	(void)event_add(r->read_event, NULL);
	if (r->tls.node->flags & TBL_RELAY_PLAIN) {
		r->state = RELAY_OPEN;
		return;
	}
	r->ssl = tls_new(context, r->fd, &r->tls);
	r->state = RELAY_TLS;
	if (r->ssl == NULL)
		failed(r, "cannot begin TLS");
}

static void
ask_agent(struct relay *r)
{
	static uint8_t der[48u << 10];
	struct tbl_cert_ask ask = {.id = ++last_id, .region = r->region};

	if (r->tls.verdict != TLS_ASK)
		return; /* asked already */
	r->id = ask.id;
	if (tls_chain(r->ssl, &ask, der, sizeof(der)) == 0)
		tls_decide(&r->tls, false);
	else
		engine_send_cert_ask(r->e, &ask);
}

static void
handshake(struct relay *r)
{
	int rc = SSL_connect(r->ssl);

	if (rc == 1) {
		r->state = RELAY_OPEN;
		return;
	}
	switch (SSL_get_error(r->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		want_write(r, false);
		break;
	case SSL_ERROR_WANT_WRITE:
		want_write(r, true);
		break;
	case SSL_ERROR_WANT_RETRY_VERIFY:
		/* Nothing to read or write until the agent has said. */
		want_write(r, false);
		(void)event_del(r->read_event);
		ask_agent(r);
		break;
	default:
		failed(r, r->tls.why != NULL ? r->tls.why
					     : "TLS handshake failed");
		break;
	}
	ERR_clear_error();
}

void
engine_relay_verdict(struct engine *e, const struct tbl_cert_verdict *v)
{
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++) {
		struct relay *r = &e->relays[i];

		if (r->state != RELAY_TLS || r->id != v->id ||
		    r->tls.verdict != TLS_ASKED)
			continue;
		if (!v->ok)
			log_warn("relay region=%u: certificate refused: %s",
			    r->region, v->text);
		tls_decide(&r->tls, v->ok);
		(void)event_add(r->read_event, NULL);
		pump(r);
	}
}

/* --- the session --- */

/* Bytes, 0: not now, -1: over. */
static ssize_t
stream_read(struct relay *r, void *buf, size_t len)
{
	ssize_t n;

	if (r->ssl == NULL) {
		n = read(r->fd, buf, len);
		if (n > 0)
			return n;
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	n = SSL_read(r->ssl, buf, len > INT32_MAX ? INT32_MAX : (int)len);
	if (n > 0)
		return n;
	int why = SSL_get_error(r->ssl, (int)n);
	ERR_clear_error();
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0
									 : -1;
}

static ssize_t
stream_write(struct relay *r, const void *buf, size_t len)
{
	ssize_t n;

	if (r->ssl == NULL) {
		n = send(r->fd, buf, len, MSG_NOSIGNAL);
		if (n > 0)
			return n;
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	n = SSL_write(r->ssl, buf, len > INT32_MAX ? INT32_MAX : (int)len);
	if (n > 0)
		return n;
	int why = SSL_get_error(r->ssl, (int)n);
	ERR_clear_error();
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0
									 : -1;
}

static void
take_event(struct relay *r, const struct mesh_relay_event *ev)
{
	struct engine *e = r->e;

	switch (ev->kind) {
	case MESH_RELAY_EVENT_READY:
		log_info("relay region=%u: connected", r->region);
		r->wait_ns = 0;
		r->attempt = 0;
		set_up(r, true);
		break;
	case MESH_RELAY_EVENT_PACKET:
		engine_relay_packet(e, r->region, &ev->peer, ev->data,
		    ev->len);
		break;
	case MESH_RELAY_EVENT_GONE:
		mesh_path_relay_gone(e->path, r->region, &ev->peer);
		break;
	default:
		break;
	}
	if (mesh_time_since(r->last_heard, e->now) >= HEARD_EVERY_NS) {
		r->last_heard = e->now;
		mesh_path_relay_heard(e->path, r->region, e->now);
	}
}

static bool
take_events(struct relay *r)
{
	struct mesh_relay_event ev;
	int rc;

	while ((rc = mesh_relay_client_next(&r->client, r->e->now, &ev)) ==
	    MESH_OK)
		take_event(r, &ev);
	if (rc == MESH_ERR_AGAIN)
		return true;
	failed(r, r->client.diag.text[0] ? r->client.diag.text
					 : mesh_strerror(rc));
	return false;
}

static bool
read_some(struct relay *r)
{
	for (int i = 0; i < READS_MAX; i++) {
		size_t room;
		uint8_t *p = mesh_relay_client_room(&r->client, &room);
		ssize_t n = p != NULL ? stream_read(r, p, room) : 0;

		if (n == 0)
			return true;
		if (n < 0) {
			failed(r, "connection lost");
			return false;
		}
		mesh_relay_client_fed(&r->client, (size_t)n, r->e->now);
		if (!take_events(r))
			return false;
	}
	return true;
}

static bool
write_some(struct relay *r)
{
	const uint8_t *p;
	size_t len;

	r->dirty = false;
	while ((p = mesh_relay_client_output(&r->client, &len), len > 0)) {
		ssize_t n = stream_write(r, p, len);

		if (n < 0) {
			failed(r, "connection lost");
			return false;
		}
		if (n == 0)
			break;
		mesh_relay_client_sent(&r->client, (size_t)n);
	}
	want_write(r, len > 0);
	return true;
}

static void
arm(struct relay *r)
{
	struct mesh_time t = mesh_relay_client_deadline(&r->client);

	if (r->region != r->e->home)
		t = mesh_time_min(t, mesh_time_add(r->last_write, IDLE_NS));
	if (!r->up)
		t = mesh_time_min(t, r->give_up);
	set_timer(r, t);
}

/* As far as it goes now. A packet that comes in may cause one that goes out by
 * the same relay: that one is written at the end, or when all is settled. */
static void
pump(struct relay *r)
{
	if (r->in_pump)
		return;
	r->in_pump = true;
	if (r->state == RELAY_CONNECT)
		connected(r);
	if (r->state == RELAY_TLS)
		handshake(r);
	if (r->state == RELAY_OPEN && take_events(r) && read_some(r) &&
	    write_some(r))
		arm(r);
	r->in_pump = false;
}

static void
due(void *arg)
{
	struct relay *r = arg;
	struct engine *e = r->e;

	if (r->state == RELAY_WAIT) {
		if (r->region == e->home)
			attempt_next(r);
		else
			forget(r);
	} else if (!r->up && mesh_time_due(r->give_up, e->now)) {
		failed(r, "no answer");
	} else if (r->region != e->home &&
	    mesh_time_since(r->last_write, e->now) >= IDLE_NS) {
		log_debug("relay region=%u: idle", r->region);
		forget(r);
	} else {
		pump(r);
	}
}

/* --- from outside --- */

static struct relay *
open_relay(struct engine *e, uint16_t region)
{
	struct relay *oldest = NULL;

	if (engine_region(e, region) == NULL)
		return NULL;
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++) {
		struct relay *r = &e->relays[i];

		if (r->state == RELAY_UNUSED) {
			oldest = r;
			break;
		}
		if (r->region != e->home && !r->in_pump &&
		    (oldest == NULL || r->last_write.ns < oldest->last_write.ns))
			oldest = r;
	}
	if (oldest == NULL)
		return NULL;
	if (oldest->state != RELAY_UNUSED)
		forget(oldest);
	oldest->region = region;
	oldest->last_write = e->now;
	oldest->attempt = 0;
	oldest->wait_ns = 0;
	attempt_next(oldest);
	return oldest;
}

void
engine_relay_send(struct engine *e, uint16_t region,
    const struct mesh_node_key *to, const void *data, size_t len, bool urgent)
{
	struct relay *r = find(e, region);

	if (r == NULL)
		r = open_relay(e, region);
	if (r == NULL || !r->has_client)
		return;
	r->last_write = e->now;
	r->dirty = true;
	(void)mesh_relay_client_send(&r->client, to, data, len, urgent, e->now);
}

void
engine_relays_flush(struct engine *e)
{
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++) {
		struct relay *r = &e->relays[i];

		if (r->dirty && r->state == RELAY_OPEN && write_some(r))
			arm(r);
	}
}

static bool
has_address(int fd, const struct mesh_ip *own, size_t count)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);
	struct mesh_ip ip;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return false;
	if (sa.sin6_family == AF_INET6)
		ip = mesh_ip_from16(sa.sin6_addr.s6_addr);
	else
		ip = mesh_ip_from4((const uint8_t *)&sa +
		    offsetof(struct sockaddr_in, sin_addr));
	for (size_t i = 0; i < count; i++)
		if (mesh_ip_eq(&ip, &own[i]))
			return true;
	return mesh_ip_is_loopback(&ip);
}

void
engine_relays_moved(struct engine *e, const struct mesh_ip *own, size_t count)
{
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++) {
		struct relay *r = &e->relays[i];

		if (r->state == RELAY_WAIT) {
			r->wait_ns = 0; /* the way may be there again */
			set_timer(r, e->now);
		} else if (r->fd >= 0 && !has_address(r->fd, own, count)) {
			failed(r, "our address is gone");
		}
	}
}

void
engine_relay_home(struct engine *e, uint16_t region)
{
	struct relay *old = find(e, e->home), *r;

	e->home = region;
	if (old != NULL && old->has_client && old->region != region) {
		mesh_relay_client_set_home(&old->client, false);
		old->dirty = true;
	}
	if (region == 0)
		return;
	r = find(e, region);
	if (r == NULL) {
		(void)open_relay(e, region);
	} else if (r->has_client) {
		mesh_relay_client_set_home(&r->client, true);
		r->dirty = true;
	}
}

static int
tell_path(struct engine *e)
{
	struct mesh_path_region *v;
	struct mesh_path_stun *stun;
	int rc;

	v = calloc(e->region_count + 1, sizeof(*v));
	stun = calloc(e->region_count * TBL_RELAY_NODES_MAX + 1, sizeof(*stun));
	for (size_t i = 0; v != NULL && stun != NULL && i < e->region_count;
	     i++) {
		const struct tbl_region *t = e->regions[i].t;
		struct mesh_path_stun *s = &stun[i * TBL_RELAY_NODES_MAX];

		v[i] = (struct mesh_path_region){
		    .id = t->id,
		    .no_home = t->flags & TBL_REGION_AVOID,
		    .score_permille = t->score_permille,
		    .nodes = s,
		};
		for (size_t k = 0; k < t->node_count; k++) {
			const struct tbl_relay_node *n = &t->nodes[k];

			if (n->stun_port == 0)
				continue;
			if (!mesh_ip_is_none(&n->ip4))
				s->v4 = (struct mesh_endpoint){n->ip4,
				    n->stun_port};
			if (!mesh_ip_is_none(&n->ip6))
				s->v6 = (struct mesh_endpoint){n->ip6,
				    n->stun_port};
			s++;
			v[i].node_count++;
		}
	}
	rc = v == NULL || stun == NULL
	    ? MESH_ERR_NOMEM
	    : mesh_path_set_regions(e->path, v, e->region_count, e->now);
	free(v);
	free(stun);
	return rc;
}

void
engine_relays_changed(struct engine *e)
{
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++) {
		struct relay *r = &e->relays[i];
		const struct tbl_region *t = engine_region(e, r->region);
		struct mesh_endpoint to;

		if (r->state == RELAY_UNUSED)
			continue;
		/* The node it was on lies in the old table. */
		if (t == NULL || !address(e, t, r->attempt, &r->tls.node, &to))
			forget(r);
	}
	if (tell_path(e) != MESH_OK)
		log_err("relay map refused");
	if (e->home != 0 && find(e, e->home) == NULL)
		(void)open_relay(e, e->home);
}

int
engine_relays_init(struct engine *e)
{
	e->relays = calloc(ENGINE_RELAYS_MAX, sizeof(*e->relays));
	context = tls_context();
	if (e->relays == NULL || context == NULL)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < ENGINE_RELAYS_MAX; i++) {
		struct relay *r = &e->relays[i];

		r->e = e;
		r->fd = -1;
		r->complaints = mesh_ratelimit_init(5, MESH_MIN);
		r->timer.fire = due;
		r->timer.arg = r;
	}
	return MESH_OK;
}

void
engine_relays_close(struct engine *e)
{
	for (size_t i = 0; e->relays != NULL && i < ENGINE_RELAYS_MAX; i++)
		if (e->relays[i].state != RELAY_UNUSED)
			forget(&e->relays[i]);
}
