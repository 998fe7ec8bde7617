/* SPDX-License-Identifier: ISC
 * helper.c - the parent: reads files, opens sockets, starts worker and asker and
 * starts them again should they die. Talks to no stranger. */
#include "asker.h"
#include "identity.h"
#include "link.h"
#include "relayd.h"
#include "sockets.h"

#include "base/secret.h"
#include "base/text.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESTART_WAIT_MS 1000
#define STOP_WAIT_MS 3000
#define HEAR_ROUNDS 64 /* messages of the worker at once */

struct helper {
	const struct relayd_options *o;
	struct identity identity;
	struct region region;
	struct role worker; /* pid 0: not running */
	struct role asker;  /* with --admit */
	int listen, stun, signals;
	bool serving; /* the worker said READY, once at least */
	bool stopping;
	uint64_t act_at; /* ms: when roles are started or killed */
	int status;	 /* to exit with */
};

/* A failure at the start: to the one who typed the command. */
static int
fail(const struct mesh_diag *diag, int status)
{
	fprintf(stderr, "%s: %s\n", RELAYD_NAME, diag->text);
	return status;
}

static struct link_setup
setup_of(const struct helper *h)
{
	return (struct link_setup){
	    .secret = h->identity.secret,
	    .max_clients = h->o->max_clients,
	    .accept_rate = h->o->accept_rate,
	    .admit = h->o->admit != NULL,
	    .region = h->region,
	    .chain = {h->identity.chain.data, h->identity.chain.len},
	    .key = {h->identity.key.data, h->identity.key.len},
	};
}

static int
start_worker(struct helper *h)
{
	static const char *const loud[] = {"--verbose", NULL};
	const int fds[] = {h->listen, h->stun};
	struct link_setup setup = setup_of(h);
	int err = role_spawn(RELAYD_NAME, RELAYD_WORKER,
	    h->o->verbose ? loud : NULL, fds, 2, &h->worker);

	if (err == MESH_OK)
		err = link_send_setup(h->worker.link, &setup);
	mesh_wipe(&setup, sizeof(setup));
	if (err != MESH_OK)
		log_err("cannot start the worker: %s", strerror(errno));
	return err;
}

static int
start_asker(struct helper *h)
{
	int err;

	if (h->o->admit == NULL)
		return MESH_OK;
	err = role_spawn(RELAYD_NAME, RELAYD_ASKER, NULL, NULL, 0, &h->asker);
	if (err == MESH_OK)
		err = link_send_admit(h->asker.link, h->o->admit_fail_open,
		    h->o->admit);
	if (err != MESH_OK)
		log_err("cannot start the asker: %s", strerror(errno));
	return err;
}

/* Those that are not running. */
static int
start_roles(struct helper *h)
{
	if (h->worker.pid == 0 && start_worker(h) != MESH_OK)
		return MESH_ERR_IO;
	return h->asker.pid == 0 ? start_asker(h) : MESH_OK;
}

static bool
all_run(const struct helper *h)
{
	return h->worker.pid > 0 && (h->asker.pid > 0 || h->o->admit == NULL);
}

static void
say_ready(struct helper *h)
{
	char status[128];

	(void)mesh_format(status, sizeof(status), "relay on %s", h->o->listen);
	log_info("serving listen=%s stun=%s hostname=%s pin=%s", h->o->listen,
	    h->o->stun ? h->o->stun : "off", h->o->hostname, h->identity.pin);
	if (notify_ready(status) != MESH_OK)
		log_warn("cannot tell the service manager: %s",
		    strerror(errno));
	h->serving = true;
}

/* The worker may not make a socket: it gets one that connects already. */
static int
dial(struct helper *h, uint8_t which)
{
	const struct region_relay *relay = &h->region.relays[which];
	char at[MESH_ENDPOINT_TEXT];
	int err, fd = socket_dial(&relay->at);

	if (fd < 0) {
		log_warn("cannot connect relay=%s address=%s: %s", relay->name,
		    mesh_endpoint_format(&relay->at, at), strerror(errno));
		return MESH_OK; /* the worker asks again */
	}
	err = link_send_which(h->worker.link, LINK_DIALED, which, fd);
	close(fd);
	return err;
}

/* One message of the worker; anything but MESH_OK is its end. */
static int
take_message(struct helper *h, const uint8_t *buf, size_t n)
{
	struct mesh_rd r = mesh_rd_init(buf, n);
	struct link_ask ask;
	uint8_t which;

	switch (mesh_rd_u8(&r)) {
	case LINK_READY:
		if (!mesh_rd_done(&r))
			return MESH_ERR_FORMAT;
		if (!h->serving)
			say_ready(h);
		return MESH_OK;
	case LINK_DIAL:
		if (link_read_which(&r, &which) != MESH_OK ||
		    which >= h->region.count)
			return MESH_ERR_FORMAT;
		return dial(h, which);
	case LINK_ASK:
		if (link_read_ask(&r, &ask) != MESH_OK || h->o->admit == NULL)
			return MESH_ERR_FORMAT;
		/* Not passed on: the client waits in vain, and goes. */
		if (link_send_ask(h->asker.link, &ask) != MESH_OK)
			log_debug("a question is lost");
		return MESH_OK;
	default:
		return MESH_ERR_FORMAT;
	}
}

/* The worker's words, or its end. */
static void
hear_worker(struct helper *h)
{
	uint8_t buf[LINK_SHORT];
	int passed;

	for (int i = 0; i < HEAR_ROUNDS; i++) {
		ssize_t n = link_recv(h->worker.link, buf, sizeof(buf),
		    &passed);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (passed >= 0) /* none is due from it */
			close(passed);
		if (n > 0 && passed < 0 &&
		    take_message(h, buf, (size_t)n) == MESH_OK)
			continue;
		/* Ended, or talks nonsense: its end is what follows. */
		close(h->worker.link);
		h->worker.link = -1;
		if (n > 0)
			kill(h->worker.pid, SIGKILL);
		return;
	}
}

/* The asker's verdicts. */
static void
hear_asker(struct helper *h)
{
	uint8_t buf[LINK_SHORT];
	struct link_verdict v;
	int passed;

	for (int i = 0; i < HEAR_ROUNDS; i++) {
		ssize_t n = link_recv(h->asker.link, buf, sizeof(buf),
		    &passed);
		struct mesh_rd r = mesh_rd_init(buf, n > 0 ? (size_t)n : 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (passed >= 0)
			close(passed);
		if (n > 0 && mesh_rd_u8(&r) == LINK_VERDICT &&
		    link_read_verdict(&r, &v) == MESH_OK) {
			if (h->worker.link >= 0 &&
			    link_send_verdict(h->worker.link, &v) != MESH_OK)
				log_debug("a verdict is lost");
			continue;
		}
		close(h->asker.link);
		h->asker.link = -1;
		if (n > 0)
			kill(h->asker.pid, SIGKILL);
		return;
	}
}

static void
reload(struct helper *h)
{
	struct mesh_diag diag = {0};
	struct link_setup setup;

	notify_reloading();
	if (identity_load(&h->identity, h->o->state, h->o->hostname, h->o->cert,
		h->o->key, &diag) != MESH_OK) {
		log_err("%s; serving with the certificate of before",
		    diag.text);
	} else {
		setup = setup_of(h);
		if (h->worker.link >= 0 &&
		    link_send_cert(h->worker.link, &setup) == MESH_OK)
			log_info("certificates read again pin=%s",
			    h->identity.pin);
		mesh_wipe(&setup, sizeof(setup));
	}
	notify_ready("certificates read again");
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
cut(struct role *role)
{
	if (role->link >= 0)
		close(role->link);
	role->link = -1;
}

static void
stop(struct helper *h)
{
	h->stopping = true;
	h->act_at = now_ms() + STOP_WAIT_MS;
	notify_stopping();
	cut(&h->worker);
	cut(&h->asker);
}

static void
bury(struct helper *h, struct role *role, const char *name)
{
	char how[64];
	int status;

	if (role->pid <= 0 ||
	    waitpid(role->pid, &status, WNOHANG) != role->pid)
		return;
	role->pid = 0;
	cut(role);
	if (h->stopping)
		return;
	h->act_at = now_ms() + RESTART_WAIT_MS;
	role_describe(status, how, sizeof(how));
	log_err("%s ended: %s", name, how);
	if (!h->serving) {
		h->stopping = true;
		h->act_at = now_ms() + STOP_WAIT_MS;
		h->status = CMD_NO;
		cut(&h->worker);
		cut(&h->asker);
	}
}

static void
take_signal(struct helper *h)
{
	struct signalfd_siginfo si;

	if (read(h->signals, &si, sizeof(si)) != sizeof(si))
		return;
	switch (si.ssi_signo) {
	case SIGTERM:
	case SIGINT:
		stop(h);
		break;
	case SIGHUP:
		reload(h);
		break;
	case SIGUSR1:
		if (h->worker.link >= 0 &&
		    link_send_plain(h->worker.link, LINK_STATS) != MESH_OK)
			log_warn("worker does not listen");
		break;
	default: /* SIGCHLD */
		bury(h, &h->worker, RELAYD_WORKER);
		bury(h, &h->asker, RELAYD_ASKER);
	}
}

/* How long nothing may happen, in ms; -1: for ever. */
static int
wait_of(const struct helper *h)
{
	uint64_t now = now_ms();

	if (!h->stopping && all_run(h))
		return -1;
	return h->act_at > now ? (int)(h->act_at - now) : 0;
}

static void
kill_roles(const struct helper *h)
{
	if (h->worker.pid > 0)
		kill(h->worker.pid, SIGKILL);
	if (h->asker.pid > 0)
		kill(h->asker.pid, SIGKILL);
}

/* What is due: roles that ended come back, and those that do not end are made
 * to. Signals and messages do not put it off. */
static int
act(struct helper *h)
{
	if (wait_of(h) != 0)
		return MESH_OK;
	if (!h->stopping)
		return start_roles(h);
	kill_roles(h);
	h->act_at = now_ms() + STOP_WAIT_MS;
	return MESH_OK;
}

/* Until told to stop and the roles are gone. */
static int
run(struct helper *h)
{
	while (!h->stopping || h->worker.pid > 0 || h->asker.pid > 0) {
		struct pollfd fds[3] = {
		    {.fd = h->signals, .events = POLLIN},
		    {.fd = h->worker.link, .events = POLLIN},
		    {.fd = h->asker.link, .events = POLLIN},
		};

		(void)poll(fds, 3, wait_of(h));
		if (fds[0].revents != 0)
			take_signal(h);
		if (fds[1].revents != 0 && h->worker.link >= 0)
			hear_worker(h);
		if (fds[2].revents != 0 && h->asker.link >= 0)
			hear_asker(h);
		if (act(h) != MESH_OK)
			return CMD_NO;
	}
	return h->status;
}

/* Connections are descriptors: as many as the system lets us have. */
static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
open_sockets(struct helper *h, struct mesh_diag *diag)
{
	h->listen = socket_listen(h->o->listen, diag);
	if (h->listen < 0)
		return MESH_ERR_IO;
	h->stun = h->o->stun != NULL ? socket_stun(h->o->stun, diag)
				     : open("/dev/null", O_RDONLY | O_CLOEXEC);
	return h->stun < 0 ? MESH_ERR_IO : MESH_OK;
}

/* What can be said before anything is touched. */
static int
check_options(struct helper *h, struct mesh_diag *diag)
{
	const struct relayd_options *o = h->o;
	int err = socket_check(o->listen, diag);

	if (err == MESH_OK && o->stun != NULL)
		err = socket_check(o->stun, diag);
	if (err == MESH_OK && (o->cert == NULL) != (o->key == NULL))
		err = mesh_fail(diag, MESH_ERR_ARG,
		    "--cert and --key go together");
	if (err == MESH_OK && o->admit != NULL)
		err = asker_check_url(o->admit, diag);
	if (err == MESH_OK)
		err = region_parse(&h->region, &o->mesh_with, o->mesh_key,
		    diag);
	return err;
}

int
helper_main(const struct relayd_options *o)
{
	struct helper h = {.o = o, .worker.link = -1, .asker.link = -1,
	    .listen = -1, .stun = -1};
	struct mesh_diag diag = {0};
	int err, status;

	if (check_options(&h, &diag) != MESH_OK)
		return fail(&diag, CMD_USAGE);
	log_init(RELAYD_NAME, o->verbose ? MESH_LOG_DEBUG : MESH_LOG_INFO);
	umask(022);
	raise_file_limit();
	h.signals = open_signals();
	err = identity_open(&h.identity, o->state, &diag);
	if (err == MESH_OK)
		err = identity_load(&h.identity, o->state, o->hostname, o->cert,
		    o->key, &diag);
	if (err == MESH_OK)
		err = region_load_key(&h.region, o->mesh_key, &diag);
	if (err == MESH_OK)
		err = open_sockets(&h, &diag);
	if (err != MESH_OK)
		return fail(&diag, CMD_NO);
	/* Enough to start a worker that is somebody else, and to end it. */
	if (sandbox_drop_caps(1u << CAP_SETUID | 1u << CAP_SETGID |
			      1u << CAP_SETPCAP | 1u << CAP_KILL) != MESH_OK ||
	    start_roles(&h) != MESH_OK)
		return CMD_NO;
	status = run(&h);
	identity_close(&h.identity);
	mesh_wipe(&h.region.key, sizeof(h.region.key));
	log_info("ended");
	return status;
}
