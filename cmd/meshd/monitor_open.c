/* SPDX-License-Identifier: ISC
 * monitor_open.c - what the monitor opens at the start, and undoes at the end.
 */
#include "monitor_int.h"

#include "common/log.h"
#include "common/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define API_BACKLOG 64 /* clients that wait while the agent restarts */
#define CAP(name) (UINT64_C(1) << CAP_##name)

/* For the roles that are yet to start: they need them to become somebody else.
 * NET_ADMIN for the device and marks, KILL because roles have other ids. */
#define CAPS_KEPT                                                              \
	(CAP(NET_ADMIN) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP) | CAP(KILL))

static void
make_parent(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	if (mesh_str_copy(mesh_str(path), dir, sizeof(dir)) != MESH_OK)
		return;
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return;
	*slash = '\0';
	(void)mkdir(dir, 0755);
}

/* We hold the lock on the state: a socket that is there is a dead one's, unless
 * it answers. */
static bool
is_served(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
	    connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

static int
open_api(struct monitor *m, struct mesh_diag *diag)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const char *path = m->conf.socket;

	if (mesh_str_copy(mesh_str(path), sa.sun_path, sizeof(sa.sun_path)) !=
	    MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG, "socket path is too long");
	if (is_served(&sa))
		return mesh_fail(diag, MESH_ERR_EXIST,
		    "another daemon answers at '%s'; stop it, or give this one "
		    "another with --socket", path);
	make_parent(path);
	(void)unlink(path);
	m->api = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (m->api < 0 ||
	    bind(m->api, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot bind '%s': %s",
		    path, strerror(errno));
	m->made_api = true;
	/* Who may do what is decided by peer credentials. */
	if (chmod(path, 0666) < 0 || listen(m->api, API_BACKLOG) < 0)
		return mesh_fail(diag, MESH_ERR_IO, "cannot listen on '%s': %s",
		    path, strerror(errno));
	return MESH_OK;
}

/* IPv6 may be missing on the machine; IPv4 too. One of them must be there. */
static int
open_udp(struct monitor *m, struct mesh_diag *diag)
{
	int rc = MESH_OK;
	size_t good = 0;

	for (size_t i = 0; i < MONITOR_UDP; i++) {
		m->port[i] = m->conf.port ? m->conf.port : m->port[0];
		rc = tun_udp(i == 1, &m->port[i], &m->udp[i], diag);
		if (rc == MESH_ERR_EXIST)
			return rc;
		good += rc == MESH_OK;
	}
	return good > 0 ? MESH_OK : rc;
}

static int
open_tun(struct monitor *m, struct mesh_diag *diag)
{
	int rc = tun_open(m->conf.tun, &m->tun, diag);

	if (rc != MESH_OK)
		return rc;
	if (rtnl_open(&m->rtnl) == MESH_OK &&
	    rtnl_link_up(&m->rtnl, m->tun.ifindex, m->conf.mtu) == MESH_OK)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_IO, "cannot bring up '%s': %s",
	    m->conf.tun, strerror(errno));
}

static int
open_signals(struct monitor *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return MESH_ERR_IO;
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals < 0 ? MESH_ERR_IO : MESH_OK;
}

int
monitor_open(struct monitor *m, struct mesh_diag *diag)
{
	const struct tbl_conf *c = &m->conf;
	int rc = state_open(&m->state, c->state, c->uid, c->gid, diag);

	if (rc == MESH_OK)
		rc = state_node_key(&m->state, &m->key, diag);
	if (rc == MESH_OK)
		rc = open_api(m, diag);
	if (rc == MESH_OK)
		rc = open_udp(m, diag);
	if (rc == MESH_OK)
		rc = open_tun(m, diag);
	if (rc != MESH_OK)
		return rc;
	if (open_signals(m) != MESH_OK ||
	    sandbox_drop_caps(CAPS_KEPT) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_IO, "cannot drop privilege: %s",
		    strerror(errno));
	return MESH_OK;
}

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The device goes with its last descriptor, and addresses and routes with it. */
void
monitor_close(struct monitor *m)
{
	close_one(&m->tun.fd);
	rtnl_close(&m->rtnl);
	for (size_t i = 0; i < MONITOR_UDP; i++)
		close_one(&m->udp[i]);
	if (m->made_api)
		(void)unlink(m->conf.socket);
	close_one(&m->api);
	close_one(&m->signals);
	state_close(&m->state);
	free(m->addrs.v);
	free(m->routes.v);
	explicit_bzero(&m->key, sizeof(m->key));
}
