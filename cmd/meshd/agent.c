/* SPDX-License-Identifier: ISC
 * agent.c - the role that talks to people and to control: its start, its loop,
 * and what it has to do with the monitor.
 */
#include "agent_int.h"

#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define ARENA_MAX (1u << 20)
#define CONTROL_EPOCH 1673395200 /* 2023-01-11: before, nobody believes it */

/* --- time, randomness, timers */

struct mesh_time
agent_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct mesh_time){(uint64_t)t.tv_sec * MESH_SEC +
	    (uint64_t)t.tv_nsec};
}

struct mesh_wall
agent_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (struct mesh_wall){t.tv_sec, (uint32_t)t.tv_nsec};
}

/* Cannot fail for so few bytes once the system is up. */
/* The time of day goes on by the clock that nobody sets. */
struct mesh_wall
agent_control_wall(const struct agent *a)
{
	struct mesh_wall t = a->control_time;
	uint64_t ns;

	if (t.sec < CONTROL_EPOCH)
		return agent_wall();
	ns = mesh_time_since(a->control_time_at, agent_now()) + t.nsec;
	t.sec += (int64_t)(ns / MESH_SEC);
	t.nsec = (uint32_t)(ns % MESH_SEC);
	return t;
}

void
agent_random(void *p, size_t len)
{
	while (getrandom(p, len, 0) != (ssize_t)len)
		if (errno != EINTR)
			_exit(1);
}

void
agent_arm(struct event *timer, struct mesh_time at)
{
	uint64_t ns = mesh_time_since(agent_now(), at);
	struct timeval tv = {.tv_sec = (time_t)(ns / MESH_SEC),
	    .tv_usec = (suseconds_t)((ns % MESH_SEC + 999) / 1000)};

	if (mesh_time_is_never(at))
		event_del(timer);
	else
		(void)event_add(timer, &tv);
}

void
agent_quit(struct agent *a, int status)
{
	a->stopping = true;
	if (status != 0)
		log_err("ends with status=%d", status);
	(void)event_base_loopbreak(a->base);
}

/* --- sockets of the monitor's making */

struct wanted_socket {
	struct mesh_list node;
	uint32_t id;
	agent_socket_fn *done; /* NULL: not wanted any more */
	void *arg;
};

uint32_t
agent_socket(struct agent *a, enum tbl_socket_kind kind, agent_socket_fn *done,
    void *arg)
{
	struct wanted_socket *w = calloc(1, sizeof(*w));
	uint8_t body[8];
	struct mesh_wr wr = mesh_wr_init(body, sizeof(body));
	struct tbl_socket t;

	if (w == NULL)
		return 0;
	if (++a->socket_id == 0)
		a->socket_id = 1;
	t = (struct tbl_socket){a->socket_id, kind};
	tbl_socket_put(&wr, &t);
	if (!agent_port_send(&a->monitor, MSG_SOCKET, 0, body, wr.len)) {
		free(w);
		return 0;
	}
	*w = (struct wanted_socket){.id = t.id, .done = done, .arg = arg};
	mesh_list_append(&a->sockets, &w->node);
	return t.id;
}

static struct wanted_socket *
find_socket(struct agent *a, uint32_t id)
{
	for (struct mesh_list *i = a->sockets.next; i != &a->sockets;
	     i = i->next) {
		struct wanted_socket *w =
		    MESH_CONTAINER(i, struct wanted_socket, node);

		if (w->id == id)
			return w;
	}
	return NULL;
}

void
agent_socket_cancel(struct agent *a, uint32_t id)
{
	struct wanted_socket *w = id ? find_socket(a, id) : NULL;

	if (w != NULL)
		w->done = NULL;
}

static bool
take_socket(struct agent *a, struct link_msg *m)
{
	struct wanted_socket *w;
	struct tbl_socket_is t;
	int fd = -1;

	if (tbl_socket_is_get(&m->body, &t) != MESH_OK)
		return false;
	w = find_socket(a, t.id);
	if (w == NULL)
		return true;
	mesh_list_remove(&w->node);
	if (w->done != NULL && m->fd_count > 0) {
		fd = m->fds[0];
		m->fds[0] = -1;
	}
	if (w->done != NULL)
		w->done(w->arg, fd, fd < 0 ? (int)t.err : 0);
	free(w);
	return true;
}

/* --- what the monitor says */

static const char *
state_path(const struct agent *a, char out[static 32])
{
	(void)mesh_format(out, 32, "/proc/self/fd/%d", a->state_dir);
	return out;
}

/* Files and threads; sockets to connect and to look names up with. New code may
 * be loaded: the system's resolver has modules. */
static const char *const calls[] = {"open", "openat", "stat", "lstat",
    "newfstatat", "statx", "fstatfs", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getdents64", "lseek", "pread64", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "fsync", "ftruncate",
    "memfd_create", "pipe2", "eventfd2", "flock", "socket", "connect", "bind",
    "accept4", "shutdown", "getsockname", "getpeername", "getsockopt",
    "setsockopt", "sendmmsg", "recvmmsg", "ioctl", "uname", "sysinfo", "mmap",
    "mprotect", "clone", "clone3", "set_robust_list", "rseq", "membarrier",
    "sched_getaffinity", "sched_yield", "rt_sigaction", "sigaltstack", "tgkill",
    "getuid", "geteuid", "getgid", "getegid", "prlimit64", "timerfd_create",
    "epoll_create1", "dup", "getcwd", NULL};

/* Files that a resolver, a TLS library and a user look-up read, and ours. */
static int
enter_sandbox(struct agent *a)
{
	const char *dir = getenv("SSL_CERT_DIR");
	char state[32];
	struct sandbox_path paths[] = {
	    {state_path(a, state), SANDBOX_READ | SANDBOX_WRITE},
	    {"/etc", SANDBOX_READ},
	    {"/usr/share", SANDBOX_READ},
	    {"/usr/lib", SANDBOX_READ},
	    {"/lib", SANDBOX_READ},
	    {"/usr/local/share", SANDBOX_READ},
	    {"/run/systemd/resolve", SANDBOX_READ},
	    {"/proc/sys", SANDBOX_READ},
	    {dir, SANDBOX_READ}, /* last: NULL ends the list */
	    {NULL, 0},
	};

	if (sandbox_become(a->start.uid, a->start.gid, 0) != MESH_OK ||
	    sandbox_drop_caps(0) != MESH_OK)
		return MESH_ERR_IO;
	if (dir != NULL && access(dir, R_OK | X_OK) < 0)
		paths[sizeof(paths) / sizeof(paths[0]) - 2].path = NULL;
	if (sandbox_files(paths, true) != MESH_OK)
		return MESH_ERR_IO;
	return sandbox_seccomp(calls);
}

static int
begin(struct agent *a, struct mesh_diag *diag)
{
	int err;

	a->root_start = geteuid() == 0;
	log_init("meshd: agent", (enum mesh_log_level)a->start.log_level);
	/* $SSL_CERT_FILE may be where only root can read. */
	if (agent_cert_init(a) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_NOMEM, "no TLS: out of memory");
	if (enter_sandbox(a) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_IO, "cannot drop privilege: %s",
		    strerror(errno));
	err = agent_store_machine_key(a, diag);
	if (err == MESH_OK && (agent_resolve_init(a) != MESH_OK ||
		agent_control_init(a) != MESH_OK))
		err = mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (err != MESH_OK)
		return err;
	agent_login_load(a);
	agent_pin_load(a);
	if (!a->start.has_netmap)
		agent_net_load(a);
	err = agent_api_open(a);
	if (err != MESH_OK)
		return mesh_fail(diag, err, "cannot serve: %s",
		    mesh_strerror(err));
	return MESH_OK;
}

static bool
take_start(struct agent *a, struct link_msg *m)
{
	struct mesh_diag diag = {{0}};

	if (a->started || tbl_agent_start_get(&m->body, &a->start_arena,
			      &a->start) != MESH_OK)
		return false;
	a->started = true;
	a->state_dir = m->fds[0];
	a->api = m->fds[1];
	m->fds[0] = m->fds[1] = -1;
	if (begin(a, &diag) != MESH_OK) {
		log_err("%s", diag.text);
		agent_quit(a, 1);
		return true;
	}
	(void)agent_port_send(&a->monitor, MSG_READY, 0, NULL, 0);
	agent_control_kick(a);
	return true;
}

static bool
take_netmap_file(struct agent *a, struct link_msg *m)
{
	if (!a->started)
		return false;
	agent_net_file(a, m->fds[0]);
	return true;
}

static bool
take_peer_link(struct agent *a, struct link_msg *m)
{
	int fd = m->fds[0];

	m->fds[0] = -1;
	agent_port_close(&a->engine);
	a->engine.take = agent_engine_take;
	a->engine.gone = agent_engine_gone;
	if (agent_port_open(&a->engine, a, fd, ROLE_ENGINE) != MESH_OK)
		log_err("cannot open the link to the engine");
	else
		agent_engine_joined(a);
	return true;
}

static bool
monitor_take(struct agent *a, struct link_msg *m)
{
	switch (m->type) {
	case MSG_AGENT_START:
		return take_start(a, m);
	case MSG_NETMAP_FILE:
		return take_netmap_file(a, m);
	case MSG_PEER_LINK:
		return take_peer_link(a, m);
	case MSG_SOCKET_IS:
		return take_socket(a, m);
	case MSG_LINKS: /* the network changed: try at once, not at the next
			   turn of the back-off */
		if (a->started) {
			mesh_backoff_reset(&a->control.backoff);
			if (a->control.phase == CONTROL_WAITING)
				agent_control_restart(a);
		}
		return true;
	case MSG_STOP:
		agent_quit(a, 0);
		return true;
	default:
		return false;
	}
}

static void
monitor_gone(struct agent *a)
{
	agent_quit(a, a->stopping ? 0 : 1);
}

/* --- the role */

static bool
init(struct agent *a)
{
	a->base = event_base_new();
	if (a->base == NULL)
		return false;
	a->state_dir = a->api = -1;
	a->lookup_pipe[0] = a->lookup_pipe[1] = -1;
	a->engine.link.fd = a->monitor.link.fd = -1;
	a->operator_uid = (uid_t)-1;
	a->prefs = MESH_PREFS_DEFAULT;
	mesh_list_init(&a->sockets);
	mesh_list_init(&a->clients);
	mesh_list_init(&a->relay_names);
	mesh_list_init(&a->errands);
	mesh_list_init(&a->engine.queue);
	mesh_list_init(&a->monitor.queue);
	mesh_arena_init(&a->start_arena, ARENA_MAX);
	mesh_arena_init(&a->prefs_arena, MESH_PREFS_MEMORY);
	mesh_arena_init(&a->state_arena, ARENA_MAX);
	agent_push_init(a);
	agent_net_init(a);
	a->monitor.take = monitor_take;
	a->monitor.gone = monitor_gone;
	return agent_port_open(&a->monitor, a, ROLE_LINK, ROLE_MONITOR) ==
	    MESH_OK;
}

/* What is not written yet is written; connections end with the process. */
static void
finish(struct agent *a)
{
	if (a->started && a->save_wanted)
		agent_net_save_now(a);
	agent_api_close(a);
	agent_control_stop(a);
	agent_ping_release(a);
	agent_push_release(a);
	mesh_machine_secret_wipe(&a->machine_secret);
	explicit_bzero(a->login.auth_key, sizeof(a->login.auth_key));
}

int
agent_main(void)
{
	static struct agent a;

	log_init("meshd: agent", MESH_LOG_INFO);
	if (!init(&a))
		return 1;
	(void)event_base_dispatch(a.base);
	finish(&a);
	return a.stopping ? 0 : 1;
}
