/* SPDX-License-Identifier: ISC */
#include "front.h"

#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <control/h2.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_BATCH 64 /* then the loop goes on */
#define REQS_MAX (16u * FRONT_CONNS_MAX)

struct mesh_time
front_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct mesh_time){(uint64_t)t.tv_sec * MESH_SEC +
	    (uint64_t)t.tv_nsec};
}

void
front_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

void
front_stop(struct front *f, int status)
{
	f->status = status;
	event_base_loopbreak(f->base);
}

/* Those that come wait in the kernel's queue, in order. */
static void
accept_later(struct front *f)
{
	static const struct timeval again = {0, FRONT_AGAIN_NS / MESH_US};

	if (mesh_ratelimit_allow(&f->full, front_now()))
		log_warn("no place for another connection, new ones wait "
		    "connections=%zu", f->conns.count);
	event_del(f->accept);
	if (f->accept_plain != NULL)
		event_del(f->accept_plain);
	event_add(f->again, &again);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)fd, (void)what;
	event_add(f->accept, NULL);
	if (f->accept_plain != NULL)
		event_add(f->accept_plain, NULL);
}

static bool
lacks_room(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	    err == ENOMEM;
}

static void
accept_all(struct front *f, int fd, bool tls)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		bool full = f->conns.count >= FRONT_CONNS_MAX;
		int conn = full ? -1 : accept4(fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn >= 0) {
			conn_new(f, conn, tls);
		} else if (!full && !lacks_room(errno)) {
			return;
		} else if (!conn_evict(f)) {
			accept_later(f);
			return;
		}
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)what;
	accept_all(f, fd, f->tls != NULL);
}

static void
on_accept_plain(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	accept_all(arg, fd, false);
}

static void
on_core_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	front_core_read(arg);
}

static void
on_core_write(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)fd, (void)what;
	if (link_flush(&f->core) != MESH_OK)
		front_stop(f, EXIT_FAILURE);
	else if (link_wants_write(&f->core))
		event_add(f->core_write, NULL);
}

static int
take_config(struct front *f, struct link_msg *m, struct mesh_diag *diag)
{
	struct role_config cfg;
	SSL_CTX *tls = NULL;

	if (!role_config_read(&m->body, &cfg))
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "configuration is malformed");
	if (cfg.cert.len > 0 &&
	    (tls = front_tls_new(cfg.cert, cfg.key, diag)) == NULL)
		return MESH_ERR_FORMAT;
	SSL_CTX_free(f->tls); /* connections hold on to the old one */
	f->tls = tls;
	f->cfg = cfg;
	link_msg_release(&f->cfg_msg);
	f->cfg_msg = *m;
	*m = (struct link_msg){0};
	return MESH_OK;
}

static void
on_main(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;
	struct mesh_diag diag = {""};
	struct link_msg m;
	int err = link_recv(&f->main, &m);

	(void)fd, (void)what;
	if (err == MESH_ERR_AGAIN)
		return;
	if (err != MESH_OK) { /* main is gone, or says so by closing */
		front_stop(f, EXIT_SUCCESS);
		return;
	}
	if (take_config(f, &m, &diag) != MESH_OK)
		log_err("the new configuration is refused, the old one stays: "
		    "%s", diag.text);
	link_msg_release(&m);
}

/* --- start and end */

static int
fail(const char *why)
{
	log_err("%s", why);
	return EXIT_FAILURE;
}

static int
wait_config(struct front *f, struct mesh_diag *diag)
{
	struct pollfd p = {.fd = f->main.fd, .events = POLLIN};
	struct link_msg m;
	int err;

	do {
		poll(&p, 1, -1);
		err = link_recv(&f->main, &m);
	} while (err == MESH_ERR_AGAIN);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "no configuration came from main");
	err = take_config(f, &m, diag);
	link_msg_release(&m);
	return err;
}

static bool
make_events(struct front *f)
{
	f->base = event_base_new();
	if (f->base == NULL)
		return false;
	f->main_read = event_new(f->base, f->main.fd, EV_READ | EV_PERSIST,
	    on_main, f);
	f->core_read = event_new(f->base, f->core.fd, EV_READ | EV_PERSIST,
	    on_core_read, f);
	f->core_write = event_new(f->base, f->core.fd, EV_WRITE,
	    on_core_write, f);
	f->accept = event_new(f->base, FRONT_FD_LISTEN, EV_READ | EV_PERSIST,
	    on_accept, f);
	if (f->cfg.plain)
		f->accept_plain = event_new(f->base, FRONT_FD_PLAIN,
		    EV_READ | EV_PERSIST, on_accept_plain, f);
	if (f->cfg.plain && f->accept_plain == NULL)
		return false;
	f->again = event_new(f->base, -1, 0, on_again, f);
	if (!f->main_read || !f->core_read || !f->core_write || !f->accept ||
	    !f->again)
		return false;
	event_add(f->main_read, NULL);
	event_add(f->core_read, NULL); /* accepting begins with HELLO */
	return true;
}

static bool
make_memory(struct front *f)
{
	uint8_t seed[MESH_MAP_SEED_LEN] = {0}; /* ids are our own */

	mesh_map_init(&f->conns, sizeof(uint64_t), FRONT_CONNS_MAX + 1, seed);
	mesh_map_init(&f->reqs, sizeof(uint64_t), REQS_MAX, seed);
	f->full = mesh_ratelimit_init(1, 10 * MESH_SEC);
	mesh_list_init(&f->strangers);
	mesh_list_init(&f->known);
	mesh_buf_init(&f->plain, MESH_FRAME_TEXT_MAX + MESH_FRAME_HEAD);
	mesh_buf_init(&f->packed, MESH_FRAME_TEXT_MAX + MESH_FRAME_HEAD);
	f->frames = mesh_frame_writer_new();
	f->bulk = malloc(FRONT_BULK);
	f->h2 = malloc(MESH_H2_SCRATCH);
	return f->frames != NULL && f->bulk != NULL && f->h2 != NULL &&
	    link_init(&f->main, ROLE_LINK, LINK_FRONT, LINK_MAIN) == MESH_OK &&
	    link_init(&f->core, FRONT_FD_CORE, LINK_FRONT, LINK_CORE) ==
		MESH_OK;
}

/* A descriptor per node: as many as we may have. */
static void
raise_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int
front_start(struct front *f)
{
	static const char *const calls[] = {"accept4", "recvfrom", "sendto",
	    "setsockopt", "getsockopt", "shutdown", "lseek", NULL};
	struct mesh_diag diag = {""};
	uid_t uid;
	gid_t gid;

	if (sodium_init() < 0 || !make_memory(f))
		return fail("out of memory");
	if (wait_config(f, &diag) != MESH_OK)
		return fail(diag.text);
	if (f->cfg.verbose)
		log_init(CONTROLD_NAME ": front", MESH_LOG_DEBUG);
	raise_files();
	evutil_make_socket_nonblocking(FRONT_FD_LISTEN);
	if (f->cfg.plain)
		evutil_make_socket_nonblocking(FRONT_FD_PLAIN);
	if (!make_events(f))
		return fail("out of memory");
	sandbox_user(CONTROLD_USER, &uid, &gid);
	if (sandbox_become(uid, gid, 0) != MESH_OK ||
	    sandbox_enter(calls) != MESH_OK)
		return fail("cannot enter the sandbox");
	return EXIT_SUCCESS;
}

static void
free_all(struct mesh_list *conns)
{
	while (!mesh_list_is_empty(conns))
		conn_free(MESH_CONTAINER(conns->next, struct front_conn,
		    link));
}

static void
front_release(struct front *f)
{
	struct event *events[] = {f->main_read, f->core_read, f->core_write,
	    f->accept, f->accept_plain, f->again};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	link_release(&f->core);
	link_release(&f->main);
	free_all(&f->strangers);
	free_all(&f->known);
	if (f->base != NULL)
		event_base_free(f->base);
	link_msg_release(&f->cfg_msg);
	mesh_map_release(&f->conns);
	mesh_map_release(&f->reqs);
	for (size_t i = 0; i < MSG_PARTS_MAX; i++)
		mesh_blob_unref(f->parts[i]);
	mesh_frame_writer_free(f->frames);
	mesh_buf_release(&f->plain);
	mesh_buf_release(&f->packed);
	SSL_CTX_free(f->tls);
	free(f->bulk);
	free(f->h2);
}

int
front_run(void)
{
	static struct front f;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* main decides, and closes the link */
	signal(SIGHUP, SIG_IGN);
	f.main.fd = f.core.fd = -1;
	mesh_list_init(&f.strangers);
	mesh_list_init(&f.known);
	f.status = front_start(&f);
	if (f.status == EXIT_SUCCESS)
		event_base_dispatch(f.base);
	front_release(&f);
	return f.status;
}
