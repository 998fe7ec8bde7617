/* SPDX-License-Identifier: ISC
 * ssh.h - who may log in as whom. Source: protocol/control.md 7.8. The first rule
 * that matches wins; no rule, or a rule without action, denies.
 */
#ifndef MESH_NETMAP_SSH_H
#define MESH_NETMAP_SSH_H

#include <netmap/counted.h>
#include <netmap/value.h>

#define MESH_SSH_MEMORY (1u << 22) /* bytes that a decoded policy may take */
#define MESH_SSH_RULES 4096u

struct mesh_ssh_principal { /* any member that is set and matches is enough */
	const char *node;   /* stable id */
	const char *node_ip;
	const char *user_login;
	bool any;
};

struct mesh_ssh_recording_failure {
	const char *reject_message;
	const char *terminate_message;
	const char *notify_url;
};

struct mesh_ssh_action {
	const char *message;
	bool reject;
	bool accept;
	int64_t session_duration; /* ns, 0: no limit */
	bool allow_agent_forwarding;
	const char *hold_and_delegate;
	bool allow_local_port_forwarding;
	bool allow_remote_port_forwarding;
	struct mesh_bind_list recorders; /* struct mesh_endpoint */
	struct mesh_ssh_recording_failure *on_recording_failure;
};

struct mesh_ssh_rule {
	struct mesh_wall expires;
	struct mesh_bind_list principals; /* struct mesh_ssh_principal */
	struct mesh_texts users; /* wanted or "*" -> local, "=" same, "" none */
	struct mesh_ssh_action *action;
	struct mesh_bind_list accept_env; /* const char * */
};

struct mesh_ssh_policy {
	struct mesh_counted counted;
	struct mesh_bind_list rules; /* struct mesh_ssh_rule */
};

extern const struct mesh_schema mesh_ssh_policy_schema;

#endif
