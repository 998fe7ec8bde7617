/* SPDX-License-Identifier: ISC
 * helper.c - the parent: reads files, opens sockets, starts the worker and
 * starts it again should it die. Talks to no stranger. */
#include "identity.h"
#include "link.h"
#include "relayd.h"
#include "sockets.h"

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
#include <unistd.h>

#define RESTART_WAIT_MS 1000
#define STOP_WAIT_MS 3000

struct helper {
	const struct relayd_options *o;
	struct identity identity;
	struct role worker; /* pid 0: not running */
	int listen, stun, signals;
	bool serving; /* the worker said READY, once at least */
	bool stopping;
	int status; /* to exit with */
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
	mesh_node_secret_wipe(&setup.secret);
	if (err != MESH_OK)
		log_err("cannot start the worker: %s", strerror(errno));
	return err;
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

/* The worker's word, or its end. */
static void
hear_worker(struct helper *h)
{
	uint8_t buf[16];
	ssize_t n = recv(h->worker.link, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == 1 && buf[0] == LINK_READY) {
		if (!h->serving)
			say_ready(h);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Ended, or talks nonsense: its end is what follows. */
	close(h->worker.link);
	h->worker.link = -1;
	if (n > 0)
		kill(h->worker.pid, SIGKILL);
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
		mesh_node_secret_wipe(&setup.secret);
	}
	notify_ready("certificates read again");
}

static void
stop(struct helper *h)
{
	h->stopping = true;
	notify_stopping();
	if (h->worker.link >= 0)
		close(h->worker.link);
	h->worker.link = -1;
}

static void
bury(struct helper *h)
{
	char how[64];
	int status;

	if (h->worker.pid <= 0 ||
	    waitpid(h->worker.pid, &status, WNOHANG) != h->worker.pid)
		return;
	h->worker.pid = 0;
	if (h->worker.link >= 0)
		close(h->worker.link);
	h->worker.link = -1;
	if (h->stopping)
		return;
	role_describe(status, how, sizeof(how));
	log_err("worker ended: %s", how);
	if (!h->serving) {
		h->stopping = true;
		h->status = CMD_NO;
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
		bury(h);
	}
}

/* Until told to stop and the worker is gone. */
static int
run(struct helper *h)
{
	while (!h->stopping || h->worker.pid > 0) {
		struct pollfd fds[2] = {
		    {.fd = h->signals, .events = POLLIN},
		    {.fd = h->worker.link, .events = POLLIN},
		};
		int wait = -1, n;

		if (h->stopping)
			wait = STOP_WAIT_MS;
		else if (h->worker.pid == 0)
			wait = RESTART_WAIT_MS;
		n = poll(fds, 2, wait);
		if (n == 0 && h->stopping)
			kill(h->worker.pid, SIGKILL);
		else if (n == 0 && start_worker(h) != MESH_OK)
			return CMD_NO;
		if (fds[0].revents != 0)
			take_signal(h);
		if (fds[1].revents != 0 && h->worker.link >= 0)
			hear_worker(h);
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
check_options(const struct relayd_options *o, struct mesh_diag *diag)
{
	int err = socket_check(o->listen, diag);

	if (err == MESH_OK && o->stun != NULL)
		err = socket_check(o->stun, diag);
	if (err == MESH_OK && (o->cert == NULL) != (o->key == NULL))
		err = mesh_fail(diag, MESH_ERR_ARG,
		    "--cert and --key go together");
	return err;
}

int
helper_main(const struct relayd_options *o)
{
	struct helper h = {.o = o, .worker.link = -1, .listen = -1, .stun = -1};
	struct mesh_diag diag = {0};
	int err, status;

	if (check_options(o, &diag) != MESH_OK)
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
		err = open_sockets(&h, &diag);
	if (err != MESH_OK)
		return fail(&diag, CMD_NO);
	/* Enough to start a worker that is somebody else, and to end it. */
	if (sandbox_drop_caps(1u << CAP_SETUID | 1u << CAP_SETGID |
			      1u << CAP_SETPCAP | 1u << CAP_KILL) != MESH_OK ||
	    start_worker(&h) != MESH_OK)
		return CMD_NO;
	status = run(&h);
	identity_close(&h.identity);
	log_info("ended");
	return status;
}
