/* SPDX-License-Identifier: ISC
 * engine.c - the role that carries packets: start, sandbox, loop, and the link
 * to the monitor.
 */
#include "engine_int.h"
#include "roles.h"

#include "base/secret.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NOISE_WARN_NS (60 * MESH_SEC)

/* Beyond what every loop needs: batches, sockets that the monitor made, what
 * TLS asks of them. No file, no socket(), no new process. */
static const char *const calls[] = {"recvmmsg", "sendmmsg", "recvfrom",
    "sendto", "connect", "getsockname", "getsockopt", "setsockopt",
    "shutdown", NULL};

/* --- time, randomness --- */

void
engine_random_bytes(void *p, size_t len)
{
	if (getrandom(p, len, 0) != (ssize_t)len)
		abort(); /* keys would be guessable */
}

struct mesh_wall
engine_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct mesh_wall){ts.tv_sec, (uint32_t)ts.tv_nsec};
}

void
engine_clock(struct engine *e)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	e->now.ns = (uint64_t)ts.tv_sec * MESH_SEC + (uint64_t)ts.tv_nsec;
}

static void
arm_timer(struct engine *e)
{
	struct mesh_time next = timers_next(&e->timers);
	struct itimerspec its = {.it_value = {.tv_sec = 0}};

	if (next.ns == e->armed.ns)
		return;
	e->armed = next;
	if (!mesh_time_is_never(next)) {
		its.it_value.tv_sec = (time_t)(next.ns / MESH_SEC);
		its.it_value.tv_nsec = (long)(next.ns % MESH_SEC) + 1;
		if (its.it_value.tv_nsec >= (long)MESH_SEC)
			its.it_value.tv_nsec--;
	}
	(void)timerfd_settime(e->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

void
engine_settle(struct engine *e)
{
	if (e->started) {
		engine_drive(e);
		(void)timers_set(&e->timers, &e->path_timer,
		    mesh_path_deadline(e->path));
		udp_tx_flush(&e->tx);
		engine_relays_flush(e);
		if (e->state_changed || e->status_wanted)
			engine_agent_tell(e);
	}
	arm_timer(e);
	if (e->stop)
		(void)event_base_loopbreak(e->base);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	struct timer *t;
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof(n));
	e->armed = MESH_NEVER;
	engine_clock(e);
	while ((t = timers_take(&e->timers, e->now)) != NULL)
		t->fire(t->arg);
	engine_settle(e);
}

static void
path_due(void *arg)
{
	struct engine *e = arg;

	mesh_path_tick(e->path, e->now);
}

static void
tell_due(void *arg)
{
	engine_agent_tell(arg);
}

static void
on_tun(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	(void)fd;
	(void)what;
	engine_clock(e);
	engine_tun_event(e);
	engine_settle(e);
}

static void
on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	(void)what;
	engine_clock(e);
	engine_udp_event(e, fd);
	engine_settle(e);
}

/* The wall clock was set. */
static void
on_clock(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof(n));
	engine_clock(e);
	log_info("somebody set the clock of this machine");
	if (e->started)
		mesh_wg_set_clock(e->wg, engine_wall(), e->now);
}

static void
unreachable(void *arg, const struct mesh_endpoint *to)
{
	struct engine *e = arg;
	struct mesh_path_peer *p = mesh_path_peer_at(e->path, to);

	if (p != NULL)
		mesh_path_unreachable(e->path, p, to, e->now);
}

/* --- start --- */

/* For as long as the process lives. */
static void
watch(struct engine *e, int fd, event_callback_fn fn)
{
	struct event *ev = event_new(e->base, fd, EV_READ | EV_PERSIST, fn, e);

	if (ev == NULL || event_add(ev, NULL) < 0) {
		log_err("out of memory");
		exit(1);
	}
}

static int
make_cores(struct engine *e)
{
	struct mesh_wg_config wc = {
	    .secret = e->start.node,
	    .aead = mesh_aead_best(),
	    .peers_max = TBL_PEERS_MAX,
	    .mtu = e->start.mtu,
	};
	struct mesh_path_config pc = {.home = e->home};
	uint8_t random[MESH_KEY_LEN], seed[MESH_FILTER_SEED_LEN];
	int rc;

	engine_random_bytes(wc.seed, sizeof(wc.seed));
	engine_random_bytes(pc.seed, sizeof(pc.seed));
	engine_random_bytes(random, sizeof(random));
	engine_random_bytes(seed, sizeof(seed));
	mesh_disco_secret_make(&pc.disco, random);
	e->disco = mesh_disco_public(&pc.disco);
	e->wg = mesh_wg_new(&wc);
	if (e->filter == NULL)
		e->filter = mesh_filter_new(MESH_FILTER_FLOWS, seed);
	rc = e->wg == NULL || e->filter == NULL ? MESH_ERR_NOMEM : MESH_OK;
	if (rc == MESH_OK) {
		pc.node = mesh_wg_public(e->wg);
		mesh_wg_set_clock(e->wg, engine_wall(), e->now);
		mesh_wg_set_stamp_floor(e->wg, e->stamp_saved);
		rc = mesh_path_new(&pc, e->now, &e->path);
	}
	mesh_wipe(&wc, sizeof(wc));
	mesh_wipe(&pc, sizeof(pc));
	mesh_wipe(random, sizeof(random));
	return rc;
}

static void
drop_cores(struct engine *e)
{
	engine_peers_free(e);
	mesh_filter_unload(e->filter);
	mesh_wg_free(e->wg);
	mesh_path_free(e->path);
	e->wg = NULL;
	e->path = NULL;
	e->gen = 0;
	e->self_flags = 0;
	engine_tables_forget(e);
}

static int
lock_down(const struct tbl_engine_start *t)
{
	const struct rlimit none = {0, 0};
	int rc = sandbox_become(t->uid, t->gid, 0);

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (rc == MESH_OK)
		rc = sandbox_drop_caps(0);
	if (rc == MESH_OK)
		rc = sandbox_files(NULL, true);
	if (rc == MESH_OK)
		rc = sandbox_seccomp(calls);
	return rc;
}

static void
take_fd(struct link_msg *m, size_t *n, int *out)
{
	if (*n < m->fd_count) {
		*out = m->fds[*n];
		m->fds[(*n)++] = -1;
	}
}

static void
take_sockets(struct engine *e, struct link_msg *m)
{
	uint32_t flags = e->start.flags;
	size_t n = 0;

	take_fd(m, &n, &e->tun);
	if (flags & TBL_START_UDP4)
		take_fd(m, &n, &e->tx.fd4);
	if (flags & TBL_START_UDP6)
		take_fd(m, &n, &e->tx.fd6);
	watch(e, e->tun, on_tun);
	if (e->tx.fd4 >= 0)
		watch(e, e->tx.fd4, on_udp);
	if (e->tx.fd6 >= 0)
		watch(e, e->tx.fd6, on_udp);
}

static int
take_start(struct engine *e, struct link_msg *m)
{
	struct mesh_rd stamp;
	int rc = e->started ? MESH_ERR_STATE
			    : tbl_engine_start_get(&m->body, &e->start);

	if (rc != MESH_OK)
		return rc;
	log_init("meshd: engine", (enum mesh_log_level)e->start.log_level);
	if (lock_down(&e->start) != MESH_OK)
		return MESH_ERR_IO;
	stamp = mesh_rd_init(e->start.stamp, sizeof(e->start.stamp));
	e->stamp_saved.sec = (int64_t)mesh_rd_u64be(&stamp);
	if (make_cores(e) != MESH_OK)
		return MESH_ERR_NOMEM;
	e->started = true;
	gro_reset(&e->gro, e->start.flags & TBL_START_USO);
	take_sockets(e, m);
	engine_tell_monitor(e, MSG_READY, NULL, 0);
	return MESH_OK;
}

/* Who we are is another now: nothing that was is of use. The agent says its
 * tables again. */
static int
take_secret(struct engine *e, struct link_msg *m)
{
	engine_relays_close(e);
	drop_cores(e);
	(void)mesh_rd_copy(&m->body, e->start.node.b, MESH_KEY_LEN);
	memset(e->links_digest, 0, sizeof(e->links_digest));
	e->state_changed = true;
	return make_cores(e);
}

static int
take_socket_is(struct engine *e, struct link_msg *m)
{
	struct tbl_socket_is t;
	int rc = tbl_socket_is_get(&m->body, &t), fd = -1;

	if (rc != MESH_OK)
		return rc;
	if (t.err == 0 && m->fd_count == 1) {
		fd = m->fds[0];
		m->fds[0] = -1;
	}
	engine_relay_socket(e, &t, fd);
	return MESH_OK;
}

static int
take(struct engine *e, struct link_msg *m)
{
	switch (m->type) {
	case MSG_HELLO:
		return MESH_OK;
	case MSG_ENGINE_START:
		return take_start(e, m);
	case MSG_NODE_SECRET:
		return e->started ? take_secret(e, m) : MESH_ERR_STATE;
	case MSG_LINKS:
		engine_take_links(e, m);
		return MESH_OK;
	case MSG_PEER_LINK:
		engine_agent_join(e, m->fds[0]);
		m->fds[0] = -1;
		return MESH_OK;
	case MSG_SOCKET_IS:
		return take_socket_is(e, m);
	case MSG_STOP:
		e->stop = true;
		return MESH_OK;
	default:
		return MESH_ERR_PROTO;
	}
}

static void
on_monitor(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	struct link_msg m;
	int rc = MESH_OK;

	(void)fd;
	(void)what;
	engine_clock(e);
	while (rc == MESH_OK && (rc = link_recv(&e->mon, &m)) == MESH_OK) {
		rc = take(e, &m);
		if (m.type == MSG_ENGINE_START || m.type == MSG_NODE_SECRET)
			mesh_wipe(e->buf, MSG_HEADER_LEN + 128);
		link_msg_release(&m);
	}
	if (rc != MESH_ERR_AGAIN) {
		if (rc != MESH_ERR_CLOSED)
			log_err("monitor: %s", mesh_strerror(rc));
		e->stop = true; /* without a monitor there is no engine */
	}
	engine_settle(e);
}

void
engine_tell_monitor(struct engine *e, enum msg_type type, const void *body,
    size_t len)
{
	if (link_send(&e->mon, type, 0, body, len, NULL, 0) != MESH_OK)
		log_warn("monitor does not take %s", msg_def(type)->name);
}

/* --- the role --- */

static int
init(struct engine *e)
{
	struct event_config *config = event_config_new();
	uint8_t seed[MESH_MAP_SEED_LEN];

	if (config == NULL)
		return MESH_ERR_NOMEM;
	/* Our own timers: libevent's need no more than to be there. */
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
	    EVENT_BASE_FLAG_IGNORE_ENV);
	e->base = event_base_new_with_config(config);
	event_config_free(config);
	e->timer_fd = timerfd_create(CLOCK_BOOTTIME,
	    TFD_NONBLOCK | TFD_CLOEXEC);
	if (e->base == NULL || e->timer_fd < 0 ||
	    engine_relays_init(e) != MESH_OK)
		return MESH_ERR_NOMEM;
	e->tun = e->tx.fd4 = e->tx.fd6 = -1;
	e->tx.unreachable = unreachable;
	e->tx.arg = e;
	e->agent.fd = -1;
	e->armed = MESH_NEVER;
	e->path_timer = (struct timer){.fire = path_due, .arg = e};
	e->tell_timer = (struct timer){.fire = tell_due, .arg = e};
	mesh_list_init(&e->changed);
	engine_random_bytes(seed, sizeof(seed));
	mesh_map_init(&e->peers, MESH_KEY_LEN, TBL_PEERS_MAX, seed);
	mesh_map_init(&e->addresses, sizeof(struct mesh_ip),
	    TBL_PEERS_MAX * 8u, seed);
	watch(e, e->timer_fd, on_timer);
	return MESH_OK;
}

/* Wakes when somebody sets the wall clock: a timer that would be cancelled by
 * that. */
static void
watch_wall_clock(struct engine *e)
{
	const struct itimerspec far = {.it_value = {.tv_sec = INT32_MAX}};

	e->clock_fd = timerfd_create(CLOCK_REALTIME,
	    TFD_NONBLOCK | TFD_CLOEXEC);
	if (e->clock_fd >= 0 &&
	    timerfd_settime(e->clock_fd,
		TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) == 0)
		watch(e, e->clock_fd, on_clock);
}

int
engine_main(void)
{
	static struct engine e;
	int rc;

	log_init("meshd: engine", MESH_LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN); /* the monitor says when */
	(void)signal(SIGINT, SIG_IGN);
	engine_clock(&e);
	link_init(&e.mon, ROLE_LINK, ROLE_ENGINE, ROLE_MONITOR, e.buf);
	if (init(&e) != MESH_OK) {
		log_err("out of memory");
		return 1;
	}
	watch_wall_clock(&e);
	watch(&e, ROLE_LINK, on_monitor);
	rc = link_hello(&e.mon);
	if (rc == MESH_OK)
		(void)event_base_dispatch(e.base);
	engine_relays_close(&e);
	udp_tx_flush(&e.tx);
	if (e.started)
		drop_cores(&e);
	mesh_wipe(&e.start, sizeof(e.start));
	return e.stop && rc == MESH_OK ? 0 : 1;
}
