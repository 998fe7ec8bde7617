/* SPDX-License-Identifier: ISC
 * mesh-relayd - relay and STUN server of a mesh network. */
#include "asker.h"
#include "relayd.h"

#include "common/conf.h"
#include "common/exit.h"
#include "common/role.h"

#include <string.h>

static struct relayd_options options = {
    .max_clients = 20000,
    .accept_rate = 1000,
};

static const struct conf_option table[] = {
    {"state", "DIR", "where the relay's key is kept", CONF_STRING,
	.offset = offsetof(struct relayd_options, state), .required = true},
    {"listen", "ADDR:PORT", "TCP address for clients, as 0.0.0.0:443",
	CONF_STRING, .offset = offsetof(struct relayd_options, listen),
	.required = true},
    {"stun", "ADDR:PORT", "UDP address for STUN, as 0.0.0.0:3478", CONF_STRING,
	.offset = offsetof(struct relayd_options, stun)},
    {"hostname", "NAME", "the name that relay maps and certificate have",
	CONF_STRING, .offset = offsetof(struct relayd_options, hostname),
	.required = true},
    {"cert", "FILE", "certificate chain (PEM); without: self-signed",
	CONF_STRING, .offset = offsetof(struct relayd_options, cert)},
    {"key", "FILE", "its private key (PEM)", CONF_STRING,
	.offset = offsetof(struct relayd_options, key)},
    {"admit", "URL", "ask there whether a client may come in", CONF_STRING,
	.offset = offsetof(struct relayd_options, admit)},
    {"admit-fail-open", NULL, "all may come in while there is no answer",
	CONF_FLAG, .offset = offsetof(struct relayd_options, admit_fail_open)},
    {"mesh-key", "FILE", "key that the relays of a region share (64 hex digits)",
	CONF_STRING, .offset = offsetof(struct relayd_options, mesh_key)},
    {"mesh-with", "RELAY", "another relay of the region: NAME=ADDR:PORT[,PIN]",
	CONF_LIST, .offset = offsetof(struct relayd_options, mesh_with)},
    {"max-clients", "N", "connections at most (20000)", CONF_UINT,
	.offset = offsetof(struct relayd_options, max_clients), .max = 1000000},
    {"accept-rate", "N", "new connections a second at most (1000)", CONF_UINT,
	.offset = offsetof(struct relayd_options, accept_rate), .max = 100000},
    {"verbose", NULL, "log more", CONF_FLAG,
	.offset = offsetof(struct relayd_options, verbose)},
    {0},
};

static const struct conf_program program = {
    RELAYD_NAME, "Relay and STUN server of a mesh network.", table};

int
main(int argc, char **argv)
{
	const char *role = role_name(RELAYD_NAME, argc, argv);

	if (role != NULL && strcmp(role, RELAYD_ASKER) == 0)
		return asker_main();
	if (role != NULL)
		return strcmp(role, RELAYD_WORKER) == 0 ? worker_main(argc > 2)
							: CMD_USAGE;
	switch (conf_load(&program, argc, argv, &options)) {
	case CONF_DONE:
		return CMD_OK;
	case CONF_USAGE:
		return CMD_USAGE;
	case CONF_RUN:
		break;
	}
	return helper_main(&options);
}
