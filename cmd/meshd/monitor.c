/* SPDX-License-Identifier: ISC
 * monitor.c - the privileged parent: opens what needs privilege, starts the
 * roles and keeps them running, serves their few requests. It reads nothing
 * from the network.
 */
#include "monitor_int.h"
#include "roles.h"

#include "common/log.h"
#include "common/notify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINKS_SETTLE_NS (250 * MESH_MS) /* changes come in bursts */
#define STOP_WAIT_NS (2 * MESH_SEC)	/* then a role is killed */

enum { POLL_SIGNALS, POLL_RTNL, POLL_ENGINE, POLL_AGENT, POLL_COUNT };

static struct mesh_time
now_is(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (struct mesh_time){(uint64_t)ts.tv_sec * MESH_SEC +
	    (uint64_t)ts.tv_nsec};
}

static void
reap(struct monitor *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->engine.pid)
			child_ended(&m->engine, status, now_is());
		else if (pid == m->agent.pid)
			child_ended(&m->agent, status, now_is());
	}
}

static void
reload(struct monitor *m)
{
	if (m->conf.netmap[0] == '\0')
		return;
	(void)notify_reloading();
	(void)monitor_send_netmap(m);
	(void)notify_ready("running");
}

static void
take_signals(struct monitor *m)
{
	struct signalfd_siginfo s;

	while (read(m->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGCHLD)
			reap(m);
		else if (s.ssi_signo == SIGHUP)
			reload(m);
		else
			m->stopping = true;
	}
}

static int
timeout_ms(const struct monitor *m, struct mesh_time now)
{
	struct mesh_time t = mesh_time_min(m->links_due,
	    mesh_time_min(m->engine.restart, m->agent.restart));
	uint64_t ms = mesh_time_since(now, t) / MESH_MS + 1;

	if (mesh_time_is_never(t))
		return -1;
	return ms > 60000 ? 60000 : (int)ms;
}

static void
do_due(struct monitor *m, struct mesh_time now)
{
	if (m->engine.pid == 0 && mesh_time_due(m->engine.restart, now))
		monitor_start(m, &m->engine, now);
	if (m->agent.pid == 0 && mesh_time_due(m->agent.restart, now))
		monitor_start(m, &m->agent, now);
	if (mesh_time_due(m->links_due, now)) {
		m->links_due = MESH_NEVER;
		monitor_tell_links(m);
	}
}

static void
loop_once(struct monitor *m)
{
	struct pollfd p[POLL_COUNT] = {
	    [POLL_SIGNALS] = {.fd = m->signals, .events = POLLIN},
	    [POLL_RTNL] = {.fd = m->rtnl.watch, .events = POLLIN},
	    [POLL_ENGINE] = {.fd = m->engine.link.fd, .events = POLLIN},
	    [POLL_AGENT] = {.fd = m->agent.link.fd, .events = POLLIN},
	};

	if (poll(p, POLL_COUNT, timeout_ms(m, now_is())) < 0)
		return;
	if (p[POLL_RTNL].revents && rtnl_changed(&m->rtnl) &&
	    mesh_time_is_never(m->links_due))
		m->links_due = mesh_time_add(now_is(), LINKS_SETTLE_NS);
	if (p[POLL_ENGINE].revents)
		monitor_serve(m, &m->engine);
	if (p[POLL_AGENT].revents)
		monitor_serve(m, &m->agent);
	if (p[POLL_SIGNALS].revents)
		take_signals(m);
}

/* Both are asked, then made. */
static void
stop_roles(struct monitor *m)
{
	struct mesh_time end = mesh_time_add(now_is(), STOP_WAIT_NS);
	struct child *both[] = {&m->agent, &m->engine};

	for (size_t i = 0; i < 2; i++)
		(void)link_send(&both[i]->link, MSG_STOP, 0, NULL, 0, NULL, 0);
	while ((m->engine.pid > 0 || m->agent.pid > 0) &&
	    !mesh_time_due(end, now_is())) {
		struct pollfd p = {.fd = m->signals, .events = POLLIN};

		(void)poll(&p, 1, 100);
		take_signals(m);
	}
	for (size_t i = 0; i < 2; i++) {
		if (both[i]->pid <= 0)
			continue;
		(void)kill(both[i]->pid, SIGKILL);
		(void)waitpid(both[i]->pid, NULL, 0);
		link_release(&both[i]->link);
	}
}

static void
init(struct monitor *m, const struct tbl_conf *conf)
{
	m->conf = *conf;
	m->state.dir = m->state.agent = -1;
	m->tun.fd = m->api = m->signals = -1;
	m->rtnl.ask = m->rtnl.watch = -1;
	m->links_due = MESH_NEVER;
	for (size_t i = 0; i < MONITOR_UDP; i++)
		m->udp[i] = -1;
	m->engine = (struct child){.role = ROLE_ENGINE, .name = "engine",
	    .file = "meshd-engine", .link = {.fd = -1}};
	m->agent = (struct child){.role = ROLE_AGENT, .name = "agent",
	    .file = "meshd-agent", .link = {.fd = -1}};
}

int
monitor_main(const struct tbl_conf *conf)
{
	static struct monitor m;
	struct mesh_diag diag = {0};
	int rc;

	init(&m, conf);
	rc = monitor_open(&m, &diag);
	if (rc == MESH_OK && conf->netmap[0] != '\0' &&
	    access(conf->netmap, R_OK) < 0)
		rc = mesh_fail(&diag, MESH_ERR_IO, "cannot read netmap '%s': %s",
		    conf->netmap, strerror(errno));
	if (rc != MESH_OK) {
		log_err("%s", diag.text);
		monitor_close(&m);
		return rc == MESH_ERR_DENIED ? 5 : 1;
	}
	while (!m.stopping) {
		do_due(&m, now_is());
		loop_once(&m);
	}
	(void)notify_stopping();
	stop_roles(&m);
	monitor_close(&m);
	return 0;
}
