/* SPDX-License-Identifier: ISC
 * worker.c - the process that strangers talk to. No privilege, no files: it is
 * born with its sockets, and its keys come over the link. */
#include "worker.h"

#include "link.h"
#include "relayd.h"

#include "base/secret.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_ROUNDS 16 /* connections a round */
#define PAUSE_US 20000   /* when it is enough for a moment */
#define SLICE_NS (100 * MESH_US)
#define SPARE_FILES 64u  /* descriptors that are not clients */

static const char *const calls[] = {
    "accept4", "recvmmsg", "sendmmsg", "shutdown", NULL};

struct mesh_time
worker_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (struct mesh_time){
	    (uint64_t)ts.tv_sec * MESH_SEC + (uint64_t)ts.tv_nsec};
}

bool
worker_may_log(struct worker *w)
{
	return mesh_ratelimit_allow(&w->log_rate, worker_now());
}

/* --- new connections --- */

static struct mesh_endpoint
endpoint_of(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)a;
	struct mesh_endpoint e = {0};

	if (a->ss_family == AF_INET) {
		e.ip = mesh_ip_from4((const uint8_t *)&in4->sin_addr);
		e.port = ntohs(in4->sin_port);
	} else if (a->ss_family == AF_INET6) {
		e.ip = mesh_ip_from16((const uint8_t *)&in6->sin6_addr);
		e.port = ntohs(in6->sin6_port);
	}
	return e;
}

static void
pause_listening(struct worker *w)
{
	const struct timeval tv = {.tv_usec = PAUSE_US};

	event_del(&w->listen_event);
	evtimer_add(&w->listen_pause, &tv);
}

static void
on_listen_pause(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	event_add(&w->listen_event, NULL);
}

/* Room for one more: of those who have not said who they are, the one that has
 * been at it for the longest goes. */
static bool
make_room(struct worker *w)
{
	if (w->client_count >= w->max_clients) {
		w->count.full++;
		if (worker_may_log(w))
			log_warn("no more clients: max-clients=%zu",
			    w->max_clients);
		return false;
	}
	if (w->young_count >= YOUNG_MAX) {
		w->count.evicted++;
		client_close(MESH_CONTAINER(w->young.next, struct client, list),
		    "too many who do not say who they are");
	}
	return true;
}

static void
on_listen(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_ROUNDS; i++) {
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);
		struct mesh_endpoint from;
		int client;

		if (!mesh_ratelimit_allow(&w->accept_rate, worker_now())) {
			pause_listening(w);
			return;
		}
		client = accept4(fd, (struct sockaddr *)&addr, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0) {
			if (errno != EAGAIN && errno != ECONNABORTED &&
			    errno != EINTR)
				pause_listening(w);
			return;
		}
		w->count.accepted++;
		from = endpoint_of(&addr);
		if (!make_room(w) || client_new(w, client, &from) != MESH_OK)
			close(client);
	}
}

static void
on_stun(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)what;
	stun_readable(fd, &w->count);
}

/* --- the link --- */

static void
log_stats(const struct worker *w)
{
	const struct mesh_relay_stats *s = mesh_relay_server_stats(w->relay);
	const struct worker_counters *c = &w->count;

	log_info("stats clients=%" PRIu64 " keys=%" PRIu64 " homes=%" PRIu64
		 " connections=%zu young=%zu packets_in=%" PRIu64
		 " packets_out=%" PRIu64 " bytes_out=%" PRIu64
		 " queued=%" PRIu64,
	    s->clients, s->keys, s->homes, w->client_count, w->young_count,
	    s->packets_in, s->packets_out, s->bytes_out, s->queued);
	for (int d = 0; d < MESH_RELAY_DROP_COUNT; d++)
		log_info("stats dropped reason=%s count=%" PRIu64,
		    mesh_relay_drop_name(d), s->dropped[d]);
	log_info("stats remote=%" PRIu64 " watchers=%" PRIu64
		 " forwarded_in=%" PRIu64 " forwarded_out=%" PRIu64,
	    s->remote, s->watchers, s->forwarded_in, s->forwarded_out);
	log_info("stats accepted=%" PRIu64 " full=%" PRIu64 " evicted=%" PRIu64
		 " tls_failed=%" PRIu64 " http=%" PRIu64 " upgraded=%" PRIu64
		 " joined=%" PRIu64 " refused=%" PRIu64 " stuck=%" PRIu64
		 " stun_in=%" PRIu64 " stun_out=%" PRIu64 " denied=%" PRIu64,
	    c->accepted, c->full, c->evicted, c->tls_failed, c->http,
	    c->upgraded, s->accepted, s->refused, c->stuck, c->stun_in,
	    c->stun_out, c->denied);
}

static int
use_certs(struct worker *w, const struct link_setup *s)
{
	struct mesh_diag diag = {0};
	SSL_CTX *tls =
	    tls_context(s->chain.p, s->chain.len, s->key.p, s->key.len, &diag);

	if (tls == NULL) {
		log_err("%s", diag.text);
		return MESH_ERR_FORMAT;
	}
	SSL_CTX_free(w->tls); /* connections that use it keep it */
	w->tls = tls;
	return MESH_OK;
}

/* Who waits for admission is young. */
static void
take_verdict(struct worker *w, const struct link_verdict *v)
{
	struct mesh_list *at;

	for (at = w->young.next; at != &w->young; at = at->next) {
		struct client *c = MESH_CONTAINER(at, struct client, list);

		if (c->ask_id == v->id) {
			client_admit(c, v->allow);
			return;
		}
	}
}

static void
ask_helper(struct worker *w)
{
	struct mesh_relay_conn *conn;

	while ((conn = mesh_relay_server_ask(w->relay)) != NULL) {
		struct client *c = mesh_relay_conn_user(conn);
		struct link_ask ask = {
		    .id = ++w->ask_id,
		    .key = *mesh_relay_conn_claim(conn),
		    .from = c->from.ip,
		};

		c->ask_id = ask.id;
		if (link_send_ask(w->link, &ask) != MESH_OK)
			client_close(c, "cannot ask for its admission");
	}
}

static int
take_message(struct worker *w, struct mesh_rd *r, int passed)
{
	struct link_setup certs;
	struct link_verdict v;
	uint8_t which;

	switch (mesh_rd_u8(r)) {
	case LINK_STATS:
		log_stats(w);
		return MESH_OK;
	case LINK_CERT:
		if (link_read_cert(r, &certs) == MESH_OK)
			(void)use_certs(w, &certs);
		return MESH_OK;
	case LINK_DIALED:
		if (link_read_which(r, &which) != MESH_OK || passed < 0 ||
		    which >= w->region.count)
			return MESH_ERR_FORMAT;
		call_dialed(&w->others[which], passed);
		return MESH_OK;
	case LINK_VERDICT:
		if (link_read_verdict(r, &v) != MESH_OK)
			return MESH_ERR_FORMAT;
		take_verdict(w, &v);
		return MESH_OK;
	default:
		return MESH_ERR_FORMAT;
	}
}

static void
on_link(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	uint8_t *buf = malloc(LINK_MAX);
	int passed = -1;
	ssize_t n = buf ? link_recv(fd, buf, LINK_MAX, &passed) : 0;
	struct mesh_rd r = mesh_rd_init(buf, n > 0 ? (size_t)n : 0);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		; /* nothing after all */
	else if (n <= 0 || take_message(w, &r, passed) != MESH_OK)
		w->ended = true; /* the helper is gone, or not itself */
	if (n > 0)
		mesh_wipe(buf, (size_t)n);
	free(buf);
}

/* --- start --- */

static size_t
client_limit(uint64_t asked)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return asked;
	if (files.rlim_cur < SPARE_FILES * 2)
		return SPARE_FILES;
	if (asked > files.rlim_cur - SPARE_FILES) {
		log_warn("only %" PRIu64 " clients: limit of open files",
		    (uint64_t)files.rlim_cur - SPARE_FILES);
		asked = files.rlim_cur - SPARE_FILES;
	}
	return asked;
}

static int
set_up(struct worker *w, struct mesh_rd *r)
{
	struct mesh_relay_server_conf conf;
	struct link_setup setup;
	uint8_t seed[16];
	uint64_t rate;

	if (mesh_rd_u8(r) != LINK_SETUP ||
	    link_read_setup(r, &setup) != MESH_OK ||
	    use_certs(w, &setup) != MESH_OK ||
	    getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return MESH_ERR_FORMAT;
	rate = setup.accept_rate ? setup.accept_rate : 1;
	w->accept_rate =
	    mesh_ratelimit_init((uint32_t)(rate / 10 + 1), MESH_SEC / rate);
	w->log_rate = mesh_ratelimit_init(20, MESH_SEC);
	w->max_clients = client_limit(setup.max_clients);
	w->region = setup.region;
	conf = (struct mesh_relay_server_conf){
	    .secret = &setup.secret,
	    .seed = seed,
	    .max_clients = w->max_clients,
	    .mesh = setup.region.has_key ? &setup.region.key : NULL,
	    .admit = setup.admit,
	};
	w->relay = mesh_relay_server_new(&conf);
	mesh_wipe(&w->region.key, sizeof(w->region.key));
	mesh_wipe(&setup, sizeof(setup));
	return w->relay ? MESH_OK : MESH_ERR_NOMEM;
}

static int
hear_setup(struct worker *w)
{
	uint8_t *buf = malloc(LINK_MAX);
	ssize_t n = buf ? recv(w->link, buf, LINK_MAX, 0) : -1;
	struct mesh_rd r = mesh_rd_init(buf, n > 0 ? (size_t)n : 0);
	int err = set_up(w, &r);

	if (n > 0)
		mesh_wipe(buf, (size_t)n);
	free(buf);
	return err;
}

static int
set_events(struct worker *w)
{
	w->base = event_base_new();
	if (w->base == NULL)
		return MESH_ERR_NOMEM;
	event_assign(&w->link_event, w->base, w->link, EV_READ | EV_PERSIST,
	    on_link, w);
	event_assign(&w->listen_event, w->base, w->listen, EV_READ | EV_PERSIST,
	    on_listen, w);
	evtimer_assign(&w->listen_pause, w->base, on_listen_pause, w);
	event_assign(&w->stun_event, w->base, w->stun, EV_READ | EV_PERSIST,
	    on_stun, w);
	event_add(&w->link_event, NULL);
	event_add(&w->listen_event, NULL);
	if (w->stun >= 0)
		event_add(&w->stun_event, NULL);
	return call_start(w);
}

/* It is woken for a packet and done within microseconds: on a busy machine a
 * short slice has it run soon after, and not behind whole slices of others
 * (Linux 6.12 on; older ones pay no heed). */
static void
ask_for_short_slices(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {
	    .size = sizeof(attr),
	    .policy = SCHED_OTHER,
	    .nice = getpriority(PRIO_PROCESS, 0),
	    .runtime = SLICE_NS,
	};

	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		log_debug("no short slices: %s", strerror(errno));
}

static bool
is_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

static int
start(struct worker *w)
{
	uid_t uid;
	gid_t gid;

	w->link = ROLE_LINK;
	w->listen = RELAYD_FD_LISTEN;
	w->stun = is_socket(RELAYD_FD_STUN) ? RELAYD_FD_STUN : -1;
	mesh_list_init(&w->young);
	mesh_list_init(&w->dead);
	/* The helper ends us, by the link; a signal to the whole group is for
	 * the helper. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	ask_for_short_slices();
	sandbox_user("mesh", &uid, &gid);
	if (sandbox_become(uid, gid, 0) != MESH_OK ||
	    hear_setup(w) != MESH_OK || set_events(w) != MESH_OK ||
	    sandbox_enter(calls) != MESH_OK)
		return MESH_ERR_IO;
	return link_send_plain(w->link, LINK_READY);
}

void
worker_write(struct worker *w)
{
	struct mesh_relay_conn *conn;

	while ((conn = mesh_relay_server_wake(w->relay)) != NULL)
		client_flush(mesh_relay_conn_user(conn));
}

/* Between two rounds: write what the round has left, bury who ended. */
static void
end_round(struct worker *w)
{
	ask_helper(w);
	worker_write(w);
	while (!mesh_list_is_empty(&w->dead))
		client_free(MESH_CONTAINER(w->dead.next, struct client, list));
}

int
worker_main(bool verbose)
{
	struct worker *w = calloc(1, sizeof(*w));

	log_init(RELAYD_NAME ": " RELAYD_WORKER,
	    verbose ? MESH_LOG_DEBUG : MESH_LOG_INFO);
	if (w == NULL || start(w) != MESH_OK) {
		log_err("cannot start");
		return CMD_NO;
	}
	while (!w->ended && event_base_loop(w->base, EVLOOP_ONCE) == 0)
		end_round(w);
	/* The system closes and frees faster than we could; and what runs at
	 * an exit may want files. */
	_exit(CMD_OK);
}
