/* SPDX-License-Identifier: ISC */
#include "control/msg.h"

#include <string.h>

#include "crypto/key_bind.h"

/* The last argument: flags, then other members by name. */
#define FIELD(type, member, json, k, ...)                                      \
	{                                                                      \
		.name = (json), .kind = MESH_BIND_##k,                         \
		.offset = offsetof(struct type, member), .flags = __VA_ARGS__  \
	}

/* Deepest use of arena by the messages that are parsed into a caller's struct
 * without pointers. */
#define SMALL_ARENA 4096u

#define ZERO_NL_KEY                                                            \
	"nlpub:"                                                               \
	"0000000000000000000000000000000000000000000000000000000000000000"

static const struct mesh_field auth_fields[] = {
    FIELD(mesh_register_auth, auth_key, "AuthKey", STRING, 0),
};
static const struct mesh_schema auth_schema =
    MESH_SCHEMA(struct mesh_register_auth, auth_fields);

static const struct mesh_field register_request_fields[] = {
    FIELD(mesh_register_request, version, "Version", INT, 0),
    FIELD(mesh_register_request, node_key, "NodeKey", CUSTOM, 0,
	.codec = &mesh_bind_node_key),
    FIELD(mesh_register_request, old_node_key, "OldNodeKey", CUSTOM, 0,
	.codec = &mesh_bind_node_key),
    FIELD(mesh_register_request, nl_key, "NLKey", STRING, 0),
    FIELD(mesh_register_request, auth, "Auth", OBJECT, MESH_BIND_OMIT,
	.sub = &auth_schema),
    FIELD(mesh_register_request, expiry, "Expiry", WALL, 0),
    FIELD(mesh_register_request, followup, "Followup", STRING, 0),
    FIELD(mesh_register_request, hostinfo, "Hostinfo", RAW, 0),
    FIELD(mesh_register_request, ephemeral, "Ephemeral", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_register_request, node_key_signature, "NodeKeySignature", RAW,
	0),
    FIELD(mesh_register_request, tailnet, "Tailnet", STRING, MESH_BIND_OMIT),
};
const struct mesh_schema mesh_register_request_schema =
    MESH_SCHEMA(struct mesh_register_request, register_request_fields);

static const struct mesh_field user_fields[] = {
    FIELD(mesh_register_user, id, "ID", INT64, 0),
    FIELD(mesh_register_user, display_name, "DisplayName", STRING, 0),
    FIELD(mesh_register_user, profile_pic_url, "ProfilePicURL", STRING,
	MESH_BIND_OMIT),
    FIELD(mesh_register_user, created, "Created", WALL, MESH_BIND_OMIT),
};
static const struct mesh_schema user_schema =
    MESH_SCHEMA(struct mesh_register_user, user_fields);

static const struct mesh_field login_fields[] = {
    FIELD(mesh_register_login, id, "ID", INT64, 0),
    FIELD(mesh_register_login, provider, "Provider", STRING, 0),
    FIELD(mesh_register_login, login_name, "LoginName", STRING, 0),
    FIELD(mesh_register_login, display_name, "DisplayName", STRING, 0),
    FIELD(mesh_register_login, profile_pic_url, "ProfilePicURL", STRING,
	MESH_BIND_OMIT),
};
static const struct mesh_schema login_schema =
    MESH_SCHEMA(struct mesh_register_login, login_fields);

static const struct mesh_field register_response_fields[] = {
    FIELD(mesh_register_response, user, "User", INLINE, 0,
	.sub = &user_schema),
    FIELD(mesh_register_response, login, "Login", INLINE, 0,
	.sub = &login_schema),
    FIELD(mesh_register_response, node_key_expired, "NodeKeyExpired", BOOL, 0),
    FIELD(mesh_register_response, machine_authorized, "MachineAuthorized",
	BOOL, 0),
    FIELD(mesh_register_response, auth_url, "AuthURL", STRING, 0),
    FIELD(mesh_register_response, node_key_signature, "NodeKeySignature", RAW,
	0),
    FIELD(mesh_register_response, error, "Error", STRING, 0),
};
const struct mesh_schema mesh_register_response_schema =
    MESH_SCHEMA(struct mesh_register_response, register_response_fields);

static const struct mesh_field map_request_fields[] = {
    FIELD(mesh_map_request, version, "Version", INT, 0),
    FIELD(mesh_map_request, compress, "Compress", STRING, MESH_BIND_OMIT),
    FIELD(mesh_map_request, keep_alive, "KeepAlive", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_map_request, node_key, "NodeKey", CUSTOM, 0,
	.codec = &mesh_bind_node_key),
    FIELD(mesh_map_request, disco_key, "DiscoKey", CUSTOM, 0,
	.codec = &mesh_bind_disco_key),
    FIELD(mesh_map_request, stream, "Stream", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_map_request, hostinfo, "Hostinfo", RAW, 0),
    FIELD(mesh_map_request, map_session_handle, "MapSessionHandle", STRING,
	MESH_BIND_OMIT),
    FIELD(mesh_map_request, map_session_seq, "MapSessionSeq", INT64,
	MESH_BIND_OMIT),
    FIELD(mesh_map_request, endpoints, "Endpoints", CUSTOMS, MESH_BIND_OMIT,
	.codec = &mesh_bind_endpoint, .max = MESH_CONTROL_ENDPOINTS_MAX),
    FIELD(mesh_map_request, endpoint_types, "EndpointTypes", INTS,
	MESH_BIND_OMIT, .max = MESH_CONTROL_ENDPOINTS_MAX),
    FIELD(mesh_map_request, tka_head, "TKAHead", STRING, MESH_BIND_OMIT),
    FIELD(mesh_map_request, read_only, "ReadOnly", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_map_request, omit_peers, "OmitPeers", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_map_request, debug_flags, "DebugFlags", STRINGS, MESH_BIND_OMIT,
	.max = 64),
};
const struct mesh_schema mesh_map_request_schema =
    MESH_SCHEMA(struct mesh_map_request, map_request_fields);

static const struct mesh_field ping_request_fields[] = {
    FIELD(mesh_ping_request, url, "URL", STRING, 0),
    FIELD(mesh_ping_request, url_is_noise, "URLIsNoise", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_ping_request, log, "Log", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_ping_request, types, "Types", STRING, MESH_BIND_OMIT),
    FIELD(mesh_ping_request, ip, "IP", CUSTOM, MESH_BIND_OMIT,
	.codec = &mesh_bind_ip),
    FIELD(mesh_ping_request, payload, "Payload", STRING, MESH_BIND_OMIT),
};
const struct mesh_schema mesh_ping_request_schema =
    MESH_SCHEMA(struct mesh_ping_request, ping_request_fields);

static const struct mesh_field debug_fields[] = {
    FIELD(mesh_map_debug, sleep_seconds, "SleepSeconds", DOUBLE,
	MESH_BIND_OMIT),
    FIELD(mesh_map_debug, disable_log_tail, "DisableLogTail", BOOL,
	MESH_BIND_OMIT),
    FIELD(mesh_map_debug, exit, "Exit", RAW, MESH_BIND_OMIT),
};
static const struct mesh_schema debug_schema =
    MESH_SCHEMA(struct mesh_map_debug, debug_fields);

static const struct mesh_field map_head_fields[] = {
    FIELD(mesh_map_head, map_session_handle, "MapSessionHandle", STRING,
	MESH_BIND_OMIT),
    FIELD(mesh_map_head, seq, "Seq", INT64, MESH_BIND_OMIT),
    FIELD(mesh_map_head, keep_alive, "KeepAlive", BOOL, MESH_BIND_OMIT),
    FIELD(mesh_map_head, ping, "PingRequest", OBJECT, MESH_BIND_OMIT,
	.sub = &mesh_ping_request_schema),
    FIELD(mesh_map_head, pop_browser_url, "PopBrowserURL", STRING,
	MESH_BIND_OMIT),
    FIELD(mesh_map_head, control_time, "ControlTime", WALL, MESH_BIND_OMIT),
    FIELD(mesh_map_head, debug, "Debug", OBJECT, MESH_BIND_OMIT,
	.sub = &debug_schema),
    FIELD(mesh_map_head, node, "Node", RAW, MESH_BIND_OMIT),
    FIELD(mesh_map_head, control_dial_plan, "ControlDialPlan", RAW,
	MESH_BIND_OMIT),
    FIELD(mesh_map_head, client_version, "ClientVersion", RAW,
	MESH_BIND_OMIT),
};
const struct mesh_schema mesh_map_head_schema =
    MESH_SCHEMA(struct mesh_map_head, map_head_fields);

static const struct mesh_field early_noise_fields[] = {
    FIELD(mesh_early_noise, node_key_challenge, "nodeKeyChallenge", STRING, 0),
};
const struct mesh_schema mesh_early_noise_schema =
    MESH_SCHEMA(struct mesh_early_noise, early_noise_fields);

static const struct mesh_field server_keys_fields[] = {
    FIELD(mesh_server_keys, legacy, "legacyPublicKey", CUSTOM, 0,
	.codec = &mesh_bind_machine_key),
    FIELD(mesh_server_keys, noise, "publicKey", CUSTOM, 0,
	.codec = &mesh_bind_machine_key),
};
const struct mesh_schema mesh_server_keys_schema =
    MESH_SCHEMA(struct mesh_server_keys, server_keys_fields);

/* --- writers */

static int
write_message(const struct mesh_schema *s, const void *m, struct mesh_buf *out)
{
	size_t before = out->len;
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, s, m);
	if (!out->failed)
		return MESH_OK;
	mesh_buf_truncate(out, before);
	return MESH_ERR_LIMIT;
}

int
mesh_register_request_write(const struct mesh_register_request *m,
    struct mesh_buf *out)
{
	struct mesh_register_request copy = *m;

	if (copy.nl_key == NULL)
		copy.nl_key = ZERO_NL_KEY;
	return write_message(&mesh_register_request_schema, &copy, out);
}

int
mesh_register_response_write(const struct mesh_register_response *m,
    struct mesh_buf *out)
{
	return write_message(&mesh_register_response_schema, m, out);
}

int
mesh_map_request_write(const struct mesh_map_request *m, struct mesh_buf *out)
{
	return write_message(&mesh_map_request_schema, m, out);
}

int
mesh_server_keys_write(const struct mesh_server_keys *m, struct mesh_buf *out)
{
	return write_message(&mesh_server_keys_schema, m, out);
}

/* --- parsers */

/* Members that keep their source have the text "null" where Go sent nil. */
static void
drop_null(struct mesh_str *raw)
{
	if (mesh_str_eq(*raw, "null"))
		*raw = (struct mesh_str){0};
}

int
mesh_register_request_parse(const char *text, size_t len,
    struct mesh_arena *a, struct mesh_register_request *out,
    struct mesh_diag *diag)
{
	struct mesh_register_request m = {0};
	int err = mesh_bind_parse(text, len, &mesh_register_request_schema, a,
	    &m, diag);

	if (err != MESH_OK)
		return err;
	drop_null(&m.hostinfo);
	drop_null(&m.node_key_signature);
	*out = m;
	return MESH_OK;
}

int
mesh_register_response_parse(const char *text, size_t len,
    struct mesh_arena *a, struct mesh_register_response *out,
    struct mesh_diag *diag)
{
	struct mesh_register_response m = {0};
	int err = mesh_bind_parse(text, len, &mesh_register_response_schema,
	    a, &m, diag);

	if (err != MESH_OK)
		return err;
	drop_null(&m.node_key_signature);
	if (mesh_str_eq(m.node_key_signature, "\"\""))
		m.node_key_signature = (struct mesh_str){0};
	*out = m;
	return MESH_OK;
}

int
mesh_map_request_parse(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_map_request *out, struct mesh_diag *diag)
{
	struct mesh_map_request m = {0};
	int err = mesh_bind_parse(text, len, &mesh_map_request_schema, a, &m,
	    diag);

	if (err != MESH_OK)
		return err;
	drop_null(&m.hostinfo);
	*out = m;
	return MESH_OK;
}

int
mesh_map_head_parse(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_map_head *out, struct mesh_diag *diag)
{
	struct mesh_map_head m = {0};
	int err = mesh_bind_parse(text, len, &mesh_map_head_schema, a, &m,
	    diag);

	if (err != MESH_OK)
		return err;
	drop_null(&m.node);
	drop_null(&m.control_dial_plan);
	drop_null(&m.client_version);
	if (m.debug != NULL)
		drop_null(&m.debug->exit);
	*out = m;
	return MESH_OK;
}

int
mesh_server_keys_parse(const char *text, size_t len,
    struct mesh_server_keys *out, struct mesh_diag *diag)
{
	struct mesh_server_keys m = {0};
	struct mesh_arena a;
	int err;

	mesh_arena_init(&a, SMALL_ARENA);
	err = mesh_bind_parse(text, len, &mesh_server_keys_schema, &a, &m,
	    diag);
	mesh_arena_release(&a);
	if (err != MESH_OK)
		return err;
	if (mesh_machine_key_is_zero(&m.noise))
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "the server gives no key: is it a control server?");
	*out = m;
	return MESH_OK;
}

static bool
is_set(const char *s)
{
	return s != NULL && *s != 0;
}

enum mesh_register_outcome
mesh_register_outcome(const struct mesh_register_response *m)
{
	if (is_set(m->error))
		return MESH_REGISTER_REFUSED;
	if (m->node_key_signature.len > 0)
		return MESH_REGISTER_RESIGN;
	if (m->node_key_expired)
		return MESH_REGISTER_EXPIRED;
	if (is_set(m->auth_url))
		return MESH_REGISTER_AUTH_URL;
	return MESH_REGISTER_DONE;
}
