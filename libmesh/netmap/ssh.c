/* SPDX-License-Identifier: ISC */
#include "netmap/ssh.h"

#define OMIT MESH_BIND_OMIT

#define F(...) MESH_FIELD(struct mesh_ssh_principal, __VA_ARGS__)
static const struct mesh_field principal_fields[] = {
    F("node", STRING, node, OMIT),
    F("nodeIP", STRING, node_ip, OMIT),
    F("userLogin", STRING, user_login, OMIT),
    F("any", BOOL, any, OMIT),
};
#undef F
static const struct mesh_schema principal_schema =
    MESH_SCHEMA(struct mesh_ssh_principal, principal_fields);

#define F(...) MESH_FIELD(struct mesh_ssh_recording_failure, __VA_ARGS__)
static const struct mesh_field failure_fields[] = {
    F("RejectSessionWithMessage", STRING, reject_message, OMIT),
    F("TerminateSessionWithMessage", STRING, terminate_message, OMIT),
    F("NotifyURL", STRING, notify_url, OMIT),
};
#undef F
static const struct mesh_schema failure_schema =
    MESH_SCHEMA(struct mesh_ssh_recording_failure, failure_fields);

#define F(...) MESH_FIELD(struct mesh_ssh_action, __VA_ARGS__)
static const struct mesh_field action_fields[] = {
    F("message", STRING, message, OMIT),
    F("reject", BOOL, reject, OMIT),
    F("accept", BOOL, accept, OMIT),
    F("sessionDuration", INT64, session_duration, OMIT),
    F("allowAgentForwarding", BOOL, allow_agent_forwarding, OMIT),
    F("holdAndDelegate", STRING, hold_and_delegate, OMIT),
    F("allowLocalPortForwarding", BOOL, allow_local_port_forwarding, OMIT),
    F("allowRemotePortForwarding", BOOL, allow_remote_port_forwarding, OMIT),
    F("recorders", CUSTOMS, recorders, OMIT, .codec = &mesh_bind_endpoint),
    F("onRecordingFailure", OBJECT, on_recording_failure, OMIT,
	.sub = &failure_schema),
};
#undef F
static const struct mesh_schema action_schema =
    MESH_SCHEMA(struct mesh_ssh_action, action_fields);

#define F(...) MESH_FIELD(struct mesh_ssh_rule, __VA_ARGS__)
static const struct mesh_field rule_fields[] = {
    F("ruleExpires", WALL, expires, OMIT),
    F("principals", OBJECTS, principals, MESH_BIND_NULL,
	.sub = &principal_schema),
    F("sshUsers", CUSTOM, users, 0, .codec = &mesh_bind_texts),
    F("action", OBJECT, action, 0, .sub = &action_schema),
    F("acceptEnv", STRINGS, accept_env, OMIT),
};
#undef F
static const struct mesh_schema rule_schema =
    MESH_SCHEMA(struct mesh_ssh_rule, rule_fields);

#define F(...) MESH_FIELD(struct mesh_ssh_policy, __VA_ARGS__)
static const struct mesh_field policy_fields[] = {
    F("rules", OBJECTS, rules, MESH_BIND_NULL, .sub = &rule_schema,
	.max = MESH_SSH_RULES),
};
#undef F
const struct mesh_schema mesh_ssh_policy_schema =
    MESH_SCHEMA(struct mesh_ssh_policy, policy_fields);
