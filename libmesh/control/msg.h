/* SPDX-License-Identifier: ISC
 * msg.h - the JSON messages of the control channel, by schema tables.
 *
 * Register request and answer, map request, the scalars of a map response (the
 * netmap itself is decoded by libmesh/netmap), ping request, early payload, the
 * answer of GET /key. Written as Go writes them: exact names, members that are
 * never left out are always there. Unknown members are ignored.
 * Source of the facts: protocol/control.md 2.1, 3.5, 4.2, 6.1, 6.4, 7.11.
 *
 * What a _parse function gives out belongs to the arena of the caller.
 */
#ifndef MESH_CONTROL_MSG_H
#define MESH_CONTROL_MSG_H

#include <base/addr.h>
#include <base/bind.h>
#include <mesh/key.h>

/* The capability version that our client claims, in /key, in the Noise
 * initiation and in every request alike (control.md 2.2). */
#define MESH_CAPVER 131

/* Bodies of requests and of answers other than map streams, in bytes. */
#define MESH_CONTROL_BODY_MAX (1u << 20)
/* Endpoints in one map request. */
#define MESH_CONTROL_ENDPOINTS_MAX 256u
/* When a node logs out it registers with this moment as the end of its key. */
#define MESH_REGISTER_LOGOUT ((struct mesh_wall){123, 0})

struct mesh_register_auth {
	const char *auth_key; /* secret: never logged */
};

/* POST /machine/register. All zero but for the first lines is a fair request:
 * expiry {0, 0} means no wish, as MESH_WALL_ZERO does. */
struct mesh_register_request {
	int32_t version;
	struct mesh_node_key node_key;
	struct mesh_node_key old_node_key; /* zero: none */
	const char *nl_key;	      /* "nlpub:..."; NULL: the zero key */
	struct mesh_register_auth *auth; /* NULL: none */
	struct mesh_wall expiry;      /* past: log out; zero: no wish */
	const char *followup;	      /* the AuthURL waited for; NULL: "" */
	struct mesh_str hostinfo;     /* JSON object; empty: null */
	bool ephemeral;
	struct mesh_str node_key_signature; /* JSON string; empty: null */
	const char *tailnet;
};

struct mesh_register_user {
	int64_t id;
	const char *display_name;
	const char *profile_pic_url;
	struct mesh_wall created;
};

struct mesh_register_login {
	int64_t id;
	const char *provider;
	const char *login_name;
	const char *display_name;
	const char *profile_pic_url;
};

struct mesh_register_response {
	struct mesh_register_user user;
	struct mesh_register_login login;
	bool node_key_expired;
	bool machine_authorized;
	const char *auth_url; /* NULL or "": done */
	struct mesh_str node_key_signature;
	const char *error; /* for the user, as it is; NULL or "": none */
};

/* POST /machine/map: stream for the long poll, omit_peers for a lite update. */
struct mesh_map_request {
	int32_t version;
	const char *compress; /* "zstd" or NULL */
	bool keep_alive;
	struct mesh_node_key node_key;
	struct mesh_disco_key disco_key;
	bool stream;
	struct mesh_str hostinfo; /* JSON object; empty: null */
	const char *map_session_handle;
	int64_t map_session_seq;
	struct mesh_bind_list endpoints;      /* of struct mesh_endpoint */
	struct mesh_bind_list endpoint_types; /* of int64_t, parallel */
	const char *tka_head;
	bool read_only;
	bool omit_peers;
	struct mesh_bind_list debug_flags; /* of const char * */
};

/* MapRequest.EndpointTypes. */
enum mesh_endpoint_type {
	MESH_ENDPOINT_UNKNOWN,
	MESH_ENDPOINT_LOCAL,
	MESH_ENDPOINT_STUN,
	MESH_ENDPOINT_PORTMAPPED,
	MESH_ENDPOINT_STUN4_LOCAL_PORT,
	MESH_ENDPOINT_EXPLICIT,
};

struct mesh_ping_request {
	const char *url;
	bool url_is_noise;
	bool log;
	const char *types; /* NULL: HEAD url; "c2n"; or "disco,TSMP,ICMP,peerapi" */
	struct mesh_ip ip;
	const char *payload; /* base64, for c2n */
};

struct mesh_map_debug {
	double sleep_seconds;
	bool disable_log_tail;
	struct mesh_str exit; /* JSON number or empty; ours ignores it */
};

/* What the session itself needs of a MapResponse, and what is no netmap. */
struct mesh_map_head {
	const char *map_session_handle;
	int64_t seq;
	bool keep_alive;
	struct mesh_ping_request *ping; /* NULL: none */
	const char *pop_browser_url;
	struct mesh_wall control_time; /* all zero: absent */
	struct mesh_map_debug *debug;
	struct mesh_str node; /* the self node as JSON; empty: unchanged */
	struct mesh_str control_dial_plan; /* JSON, or empty */
	struct mesh_str client_version;	   /* JSON, or empty */
};

struct mesh_early_noise {
	const char *node_key_challenge; /* "chalpub:..." */
};

/* The answer of GET /key?v=N. */
struct mesh_server_keys {
	struct mesh_machine_key legacy; /* zero on today's servers */
	struct mesh_machine_key noise;
};

extern const struct mesh_schema mesh_register_request_schema;
extern const struct mesh_schema mesh_register_response_schema;
extern const struct mesh_schema mesh_map_request_schema;
extern const struct mesh_schema mesh_map_head_schema;
extern const struct mesh_schema mesh_ping_request_schema;
extern const struct mesh_schema mesh_early_noise_schema;
extern const struct mesh_schema mesh_server_keys_schema;

/* Writers append one JSON object. MESH_OK; MESH_ERR_LIMIT: it does not fit into
 * out, or into memory. */
int mesh_register_request_write(const struct mesh_register_request *m,
    struct mesh_buf *out);
int mesh_register_response_write(const struct mesh_register_response *m,
    struct mesh_buf *out);
int mesh_map_request_write(const struct mesh_map_request *m,
    struct mesh_buf *out);
int mesh_server_keys_write(const struct mesh_server_keys *m,
    struct mesh_buf *out);

/* The whole of text is one object. MESH_ERR_FORMAT, _LIMIT, _NOMEM with the
 * place in diag (may be NULL); *out is untouched then. */
int mesh_register_request_parse(const char *text, size_t len,
    struct mesh_arena *a, struct mesh_register_request *out,
    struct mesh_diag *diag);
int mesh_register_response_parse(const char *text, size_t len,
    struct mesh_arena *a, struct mesh_register_response *out,
    struct mesh_diag *diag);
int mesh_map_request_parse(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_map_request *out, struct mesh_diag *diag);
int mesh_map_head_parse(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_map_head *out, struct mesh_diag *diag);
/* MESH_ERR_FORMAT also when the Noise key is missing or zero. */
int mesh_server_keys_parse(const char *text, size_t len,
    struct mesh_server_keys *out, struct mesh_diag *diag);

/* What the answer to a register request means, in the order in which stock
 * clients look (control.md 4.2). */
enum mesh_register_outcome {
	MESH_REGISTER_DONE,
	MESH_REGISTER_AUTH_URL, /* show auth_url, register again with followup */
	MESH_REGISTER_EXPIRED,	/* again with a new node key */
	MESH_REGISTER_RESIGN,	/* again with node_key_signature re-signed */
	MESH_REGISTER_REFUSED,	/* `error` says why */
};
enum mesh_register_outcome mesh_register_outcome(
    const struct mesh_register_response *m);

#endif
