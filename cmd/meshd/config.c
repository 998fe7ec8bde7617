/* SPDX-License-Identifier: ISC
 * config.c - the role that reads meshd's options, so that the monitor links
 * neither a YAML parser nor user look-ups: it says them in one message and ends.
 */
#include "link.h"
#include "roles.h"

#include "common/conf.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <linux/if.h>
#include <stdio.h>

#define EXIT_USAGE 2
#define MTU_MIN 1280u /* IPv6 asks for it */
#define MTU_MAX 65535u
#define PORT_MAX 65535u

static struct opts {
	const char *state, *socket, *tun, *netmap;
	const char *hostname, *server, *operator_user, *user;
	uint64_t port, mtu;
	bool verbose;
} opts = {
    .state = "/var/lib/mesh",
    .socket = "/run/mesh/meshd.sock",
    .tun = "mesh0",
    .netmap = "",
    .hostname = "",
    .server = "",
    .operator_user = "",
    .user = "mesh",
    .port = 41641,
    .mtu = MTU_MIN,
};

#define AT(field) offsetof(struct opts, field)

static const struct conf_option table[] = {
    {"state", "DIR", "keys and what is known of the network", CONF_STRING,
	AT(state)},
    {"socket", "PATH", "where commands reach the daemon", CONF_STRING,
	AT(socket)},
    {"tun", "NAME", "name of the network device", CONF_STRING, AT(tun)},
    {"port", "N", "UDP port; 0: any that is free", CONF_UINT, AT(port),
	.max = PORT_MAX},
    {"mtu", "N", "of the network device", CONF_UINT, AT(mtu), .max = MTU_MAX},
    {"netmap", "FILE", "the network from a file: no server at all",
	CONF_STRING, AT(netmap)},
    {"server", "URL", "control server for 'mesh up' without --server",
	CONF_STRING, AT(server)},
    {"hostname", "NAME", "instead of the machine's", CONF_STRING,
	AT(hostname)},
    {"operator", "USER", "who may change things, besides root", CONF_STRING,
	AT(operator_user)},
    {"user", "NAME", "what the unprivileged processes run as", CONF_STRING,
	AT(user)},
    {"verbose", NULL, "log more", CONF_FLAG, AT(verbose)},
    {0},
};

static const struct conf_program program = {
    .name = "meshd",
    .summary = "node daemon of a mesh network",
    .options = table,
};

static bool
fits(const char *option, const char *value, size_t max)
{
	if (strlen(value) <= max)
		return true;
	fprintf(stderr, "meshd: --%s: longer than %zu bytes\n", option, max);
	return false;
}

static bool
is_sound(const struct opts *o)
{
	if (!fits("state", o->state, TBL_TEXT_MAX) ||
	    !fits("socket", o->socket, 107) || /* sun_path */
	    !fits("tun", o->tun, IFNAMSIZ - 1) ||
	    !fits("netmap", o->netmap, TBL_TEXT_MAX) ||
	    !fits("server", o->server, TBL_TEXT_MAX) ||
	    !fits("hostname", o->hostname, 63) ||
	    !fits("operator", o->operator_user, TBL_TEXT_MAX))
		return false;
	if (o->mtu < MTU_MIN) {
		fprintf(stderr, "meshd: --mtu: less than %u\n", MTU_MIN);
		return false;
	}
	if (!strcmp(o->tun, "userspace")) {
		fprintf(stderr, "meshd: --tun userspace is not built in; "
				"give the name of a device\n");
		return false;
	}
	return true;
}

static int
tell(struct link *l, const struct opts *o)
{
	struct tbl_conf t = {
	    .state = o->state,
	    .socket = o->socket,
	    .tun = o->tun,
	    .netmap = o->netmap,
	    .hostname = o->hostname,
	    .server = o->server,
	    .operator_user = o->operator_user,
	    .port = (uint16_t)o->port,
	    .mtu = (uint16_t)o->mtu,
	    .log_level = o->verbose ? MESH_LOG_DEBUG : MESH_LOG_INFO,
	};
	uint8_t body[16 * (TBL_TEXT_MAX + 1)];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	uid_t uid;
	gid_t gid;
	int rc;

	sandbox_user(o->user, &uid, &gid);
	t.uid = uid;
	t.gid = gid;
	tbl_conf_put(&w, &t);
	rc = link_hello(l);
	if (rc == MESH_OK)
		rc = link_send(l, MSG_CONF, 0, body, w.len, NULL, 0);
	return rc;
}

int
config_main(int argc, char **argv)
{
	static uint8_t buf[MSG_MAX];
	struct link l;

	switch (conf_load(&program, argc, argv, &opts)) {
	case CONF_USAGE:
		return EXIT_USAGE;
	case CONF_DONE:
		return is_sound(&opts) ? 0 : EXIT_USAGE;
	case CONF_RUN:
		break;
	}
	if (!is_sound(&opts))
		return EXIT_USAGE;
	link_init(&l, ROLE_LINK, ROLE_CONFIG, ROLE_MONITOR, buf);
	return tell(&l, &opts) == MESH_OK ? 0 : 1;
}
