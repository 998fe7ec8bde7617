/* SPDX-License-Identifier: ISC
 * main.c - mesh-controld: options, files and sockets; then its roles, which it
 * starts, starts again, and ends.
 *
 * This process keeps the privilege that it was started with and reads nothing
 * but its configuration. Should a role end by itself, both start again: nodes
 * come back by themselves, and what was acknowledged is in the database.
 */
#include "core.h"
#include "files.h"
#include "front.h"

#include "common/conf.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/role.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESTARTS_MAX 5 /* in RESTARTS_SEC, then it gives up */
#define RESTARTS_SEC 60
#define STOP_MS 5000 /* for the roles to end by themselves */

static struct options opts = {
    .suffix = CONTROLD_SUFFIX,
    .socket = CONTROLD_SOCKET,
    .ephemeral_ns = 45 * MESH_SEC,
};

#define OPT(field) .offset = offsetof(struct options, field)
static const struct conf_option table[] = {
    {"state", "DIR", "where database and key are kept", CONF_STRING,
	OPT(state), .required = true},
    {"listen", "ADDR:PORT", "where nodes connect to", CONF_STRING, OPT(listen),
	.required = true},
    {"listen-plain", "ADDR:PORT", "the same without TLS, as on port 80",
	CONF_STRING, OPT(listen_plain)},
    {"url", "URL", "the server as nodes see it: https://NAME[:PORT]",
	CONF_STRING, OPT(url), .required = true},
    {"cert", "FILE", "certificate and chain, PEM", CONF_STRING, OPT(cert)},
    {"key", "FILE", "key of the certificate, PEM", CONF_STRING, OPT(key)},
    {"relay-map", "FILE", "the relays, YAML", CONF_STRING, OPT(relay_map)},
    {"policy", "FILE", "who may reach whom; then mesh-policy cannot set it",
	CONF_STRING, OPT(policy)},
    {"dns", "FILE", "name servers and records of the network, YAML",
	CONF_STRING, OPT(dns)},
    {"dns-suffix", "NAME", "names of nodes end in it (mesh.internal)",
	CONF_STRING, OPT(suffix)},
    {"socket", "PATH", "admin socket (" CONTROLD_SOCKET ")", CONF_STRING,
	OPT(socket)},
    {"node-expiry", "TIME", "a login lasts so long (0s: for ever)",
	CONF_DURATION, OPT(node_expiry_ns)},
    {"ephemeral-timeout", "TIME",
	"an ephemeral node that is away for so long goes (45s)", CONF_DURATION,
	OPT(ephemeral_ns)},
    {"random-addresses", NULL, "addresses by chance, not in turn", CONF_FLAG,
	OPT(random_addresses)},
    {"approve-nodes", NULL, "an auth key alone admits no machine: see mesh-node",
	CONF_FLAG, OPT(approve_nodes)},
    {"verbose", NULL, "log more", CONF_FLAG, OPT(verbose)},
    {0},
};

static const struct conf_program program = {
    .name = CONTROLD_NAME,
    .summary = "coordination server of a mesh network",
    .options = table,
};

struct daemon {
	int state_dir, listener, plain, admin, signals;
	struct role core, front;
	struct link core_link, front_link;
	bool core_up, front_up, ready, stopping;
	struct mesh_buf config; /* what the roles get */
	unsigned restarts;
	time_t first_restart;
};

static int
fail(const char *what)
{
	log_err("%s", what);
	return CMD_NO;
}

/* --- roles */

static void
role_end(struct role *r, struct link *l)
{
	link_release(l); /* a role ends with its link */
	if (r->pid <= 0)
		return;
	for (int waited = 0; waited < STOP_MS; waited += 20) {
		if (waitpid(r->pid, NULL, WNOHANG) == r->pid) {
			r->pid = 0;
			return;
		}
		usleep(20000);
	}
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	r->pid = 0;
}

static void
roles_end(struct daemon *d)
{
	role_end(&d->front, &d->front_link);
	role_end(&d->core, &d->core_link);
	d->core_up = d->front_up = false;
}

static int
role_begin(struct daemon *d, const char *name, const int *fds, size_t count,
    enum link_side side, struct role *r, struct link *l)
{
	if (role_spawn(CONTROLD_NAME, name, NULL, fds, count, r) != MESH_OK)
		return MESH_ERR_IO;
	if (link_init(l, r->link, LINK_MAIN, side) != MESH_OK)
		return MESH_ERR_NOMEM;
	return link_send(l, LINK_CONFIG, d->config.data, d->config.len);
}

static int
roles_begin(struct daemon *d)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return MESH_ERR_IO;
	err = role_begin(d, "core",
	    (const int[]){pair[0], d->admin, d->state_dir}, 3, LINK_CORE,
	    &d->core, &d->core_link);
	if (err == MESH_OK)
		err = role_begin(d, "front", (const int[]){pair[1],
		    d->listener, d->plain}, d->plain < 0 ? 2 : 3, LINK_FRONT,
		    &d->front, &d->front_link);
	close(pair[0]);
	close(pair[1]);
	return err;
}

/* A role ended. One follows the other when their link breaks, so both may have:
 * the one that was killed is the reason. */
static const char *
role_reason(struct daemon *d, int *out_status)
{
	struct role *roles[] = {&d->core, &d->front};
	const char *name = NULL;
	int status;

	for (size_t i = 0; i < 2; i++) {
		if (roles[i]->pid <= 0 ||
		    waitpid(roles[i]->pid, &status, WNOHANG) != roles[i]->pid)
			continue;
		roles[i]->pid = 0;
		if (name != NULL && !WIFSIGNALED(status))
			continue;
		name = i == 0 ? "core" : "front";
		*out_status = status;
	}
	return name;
}

/* While the daemon starts, what a role said on stderr is the reason; afterwards
 * both start again. False: the daemon ends. */
static bool
reap(struct daemon *d)
{
	time_t now = time(NULL);
	int status = 0;
	const char *name = role_reason(d, &status);
	char text[64];

	if (name == NULL)
		return true;
	role_describe(status, text, sizeof(text));
	if (!d->ready) {
		if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
			log_err("%s ended: %s", name, text);
		return false;
	}
	log_err("%s ended, both roles start again: %s", name, text);
	if (now - d->first_restart > RESTARTS_SEC) {
		d->first_restart = now;
		d->restarts = 0;
	}
	if (++d->restarts > RESTARTS_MAX) {
		log_err("they ended too often: giving up");
		return false;
	}
	roles_end(d);
	return roles_begin(d) == MESH_OK;
}

static void
on_link(struct daemon *d, struct link *l, bool *up)
{
	struct link_msg m;

	if (link_recv(l, &m) != MESH_OK)
		return; /* SIGCHLD tells why */
	link_msg_release(&m);
	*up = true;
	if (!d->core_up || !d->front_up || d->ready)
		return;
	d->ready = true;
	log_info("ready listen=%s url=%s", opts.listen, opts.url);
	notify_ready("answering");
}

/* SIGHUP: the files again. What is wrong with them changes nothing. */
static void
reload(struct daemon *d)
{
	struct mesh_diag diag = {""};
	struct mesh_buf fresh;

	notify_reloading();
	mesh_buf_init(&fresh, LINK_BULK_MAX);
	if (files_config(&opts, &fresh, &diag) != MESH_OK) {
		log_err("reload refused: %s", diag.text);
		mesh_buf_wipe(&fresh);
	} else {
		mesh_buf_wipe(&d->config);
		d->config = fresh;
		link_send(&d->core_link, LINK_CONFIG, fresh.data, fresh.len);
		link_send(&d->front_link, LINK_CONFIG, fresh.data, fresh.len);
		log_info("configuration was read again");
	}
	notify_ready("answering");
}

/* False: the daemon ends. */
static bool
on_signal(struct daemon *d, int *out_status)
{
	struct signalfd_siginfo si;

	if (read(d->signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return true;
	switch (si.ssi_signo) {
	case SIGHUP:
		reload(d);
		return true;
	case SIGCHLD:
		*out_status = CMD_NO;
		return reap(d);
	default:
		*out_status = CMD_OK;
		return false;
	}
}

static int
watch(struct daemon *d)
{
	int status = CMD_OK;

	for (;;) {
		struct pollfd p[] = {{.fd = d->signals, .events = POLLIN},
		    {.fd = d->core_link.fd, .events = POLLIN},
		    {.fd = d->front_link.fd, .events = POLLIN}};

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return CMD_NO;
		if (p[1].revents & POLLIN)
			on_link(d, &d->core_link, &d->core_up);
		if (p[2].revents & POLLIN)
			on_link(d, &d->front_link, &d->front_up);
		if ((p[0].revents & POLLIN) && !on_signal(d, &status))
			return status;
		/* A link that hung up stays readable: wait for SIGCHLD. */
		if (((p[1].revents | p[2].revents) & POLLHUP) &&
		    !(p[0].revents & POLLIN))
			usleep(1000);
	}
}

static int
take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
run(void)
{
	struct daemon d = {.state_dir = -1, .listener = -1, .plain = -1,
	    .admin = -1};
	struct mesh_diag diag = {""};
	int status = CMD_NO;

	d.core_link.fd = d.front_link.fd = -1;
	mesh_buf_init(&d.config, LINK_BULK_MAX);
	if (files_config(&opts, &d.config, &diag) != MESH_OK ||
	    (d.state_dir = files_state(opts.state, &diag)) < 0 ||
	    (d.listener = files_listen(opts.listen, &diag)) < 0 ||
	    (opts.listen_plain != NULL &&
		(d.plain = files_listen(opts.listen_plain, &diag)) < 0) ||
	    (d.admin = files_admin(opts.socket, &diag)) < 0)
		status = fail(diag.text);
	else if ((d.signals = take_signals()) < 0 ||
	    roles_begin(&d) != MESH_OK)
		status = fail("cannot start the roles");
	else
		status = watch(&d);
	notify_stopping();
	roles_end(&d);
	if (d.admin >= 0)
		(void)unlink(opts.socket);
	mesh_buf_wipe(&d.config);
	return status;
}

int
main(int argc, char **argv)
{
	const char *role = role_name(CONTROLD_NAME, argc, argv);
	struct mesh_diag diag = {""};

	if (role != NULL && strcmp(role, "core") == 0) {
		log_init(CONTROLD_NAME ": core", MESH_LOG_INFO);
		return core_run();
	}
	if (role != NULL && strcmp(role, "front") == 0) {
		log_init(CONTROLD_NAME ": front", MESH_LOG_INFO);
		return front_run();
	}
	log_init(CONTROLD_NAME, MESH_LOG_INFO);
	switch (conf_load(&program, argc, argv, &opts)) {
	case CONF_DONE:
		return CMD_OK;
	case CONF_USAGE:
		return CMD_USAGE;
	case CONF_RUN:
		break;
	}
	if (files_check(&opts, &diag) != MESH_OK) {
		log_err("%s", diag.text);
		return CMD_USAGE;
	}
	return run();
}
