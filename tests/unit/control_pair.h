/* SPDX-License-Identifier: ISC
 * control_pair.h - a control client and a control server joined in memory, with
 * fixed keys: for tests that look at both. Everything that happens is written as
 * text into the two logs, one event a line. Nothing here allocates. */
#ifndef TESTS_UNIT_CONTROL_PAIR_H
#define TESTS_UNIT_CONTROL_PAIR_H

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "control/client.h"
#include "control/frame.h"
#include "control/server.h"
#include "control/upgrade.h"
#include "crypto/x25519.h"

#define PAIR_PIPE_MAX (4u << 20)
#define PAIR_NEVER SIZE_MAX

/* Bytes on their way; what they went through, counted from the first one. */
struct pair_pipe {
	uint8_t data[PAIR_PIPE_MAX];
	size_t len;
	size_t seen;    /* delivered so far */
	size_t cut_at;  /* a chunk ends there */
	size_t flip_at; /* a bit of this byte is flipped */
	size_t end_at;  /* the connection ends there */
	bool ended;
};

struct pair {
	struct mesh_time now;
	size_t chunk; /* bytes delivered at a time */
	size_t room;  /* given to _output */
	struct mesh_control_client *client;
	struct mesh_control_server *server; /* once the head came */
	struct mesh_machine_secret server_secret, machine_secret;
	struct mesh_control_server_config server_cfg;
	uint8_t head[MESH_HTTP_HEAD_MAX]; /* of the request, until it is whole */
	size_t head_len;
	struct pair_pipe up, down; /* client to server, server to client */
	bool server_reads, client_reads; /* the other side is drained */
	bool client_closed, server_closed;
	void (*on_request)(struct pair *p,
	    const struct mesh_control_server_event *ev);
	void (*on_client)(struct pair *p,
	    const struct mesh_control_client_event *ev);
	char client_log[8192], server_log[8192];
	struct mesh_control_client_event last; /* without what it points to */
};

static inline void MESH_PRINTF(3, 4)
pair_note(char *log, size_t size, const char *fmt, ...)
{
	size_t len = strlen(log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(log + len, size - len, fmt, ap);
	va_end(ap);
}

#define NOTE(p, side, ...)                                                     \
	pair_note((p)->side##_log, sizeof((p)->side##_log), __VA_ARGS__)

/* Fixed keys of protocol/vectors-control.md 3; version 0: ours. MESH_OK or the
 * client's error. */
static inline int
pair_begin(struct pair *p, uint16_t version)
{
	uint8_t random[MESH_CONTROL_CLIENT_RANDOM];
	struct mesh_control_client_config cfg = {
	    .secret = &p->machine_secret,
	    .authority = "control.test:8080",
	    .version = version,
	};

	p->chunk = PAIR_NEVER;
	p->room = 16384;
	p->server_reads = p->client_reads = true;
	p->up.cut_at = p->up.flip_at = p->up.end_at = PAIR_NEVER;
	p->down.cut_at = p->down.flip_at = p->down.end_at = PAIR_NEVER;
	memset(p->server_secret.b, 0x11, 32);
	memset(p->machine_secret.b, 0x22, 32);
	memset(random, 0x33, sizeof(random));
	cfg.server_key = mesh_machine_public(&p->server_secret);
	p->server_cfg.key = cfg.server_key;
	return mesh_control_client_new(&cfg, random, p->now, &p->client);
}

static inline void
pair_end(struct pair *p)
{
	mesh_control_client_free(p->client);
	mesh_control_server_free(p->server);
	p->client = NULL;
	p->server = NULL;
}

/* --- the server's page */

static inline void
pair_server_event(struct pair *p, const struct mesh_control_server_event *ev)
{
	char text[MESH_KEY_TEXT];
	uint8_t shared[32];

	switch (ev->kind) {
	case MESH_CONTROL_SERVER_DH:
		if (mesh_x25519(shared, p->server_secret.b, ev->point) ==
		    MESH_OK)
			mesh_control_server_dh(p->server, shared, p->now);
		else
			mesh_control_server_dh(p->server, NULL, p->now);
		break;
	case MESH_CONTROL_SERVER_CONNECTED:
		NOTE(p, server, "connected %.13s version %u\n",
		    mesh_machine_key_format(mesh_control_server_machine(
						p->server),
			text),
		    mesh_control_server_version(p->server));
		break;
	case MESH_CONTROL_SERVER_REQUEST:
		NOTE(p, server, "%.*s %.*s\n", MESH_STR_ARG(ev->method),
		    MESH_STR_ARG(ev->path));
		p->on_request(p, ev);
		break;
	case MESH_CONTROL_SERVER_GONE:
		NOTE(p, server, "gone %d\n", (int)ev->stream);
		break;
	case MESH_CONTROL_SERVER_CLOSED:
		NOTE(p, server, "closed %s: %s\n", mesh_err_name(ev->err),
		    ev->diag.text);
		p->server_closed = true;
		break;
	}
}

/* The HTTP/1.1 head of the upgrade, as a front reads it. */
static inline void
pair_read_head(struct pair *p, const uint8_t *bytes, size_t len)
{
	uint8_t random[MESH_CONTROL_SERVER_RANDOM];
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_http_head head;
	struct mesh_diag diag;
	unsigned status = 400;
	size_t init_len;
	int err = MESH_ERR_LIMIT;

	if (len <= sizeof(p->head) - p->head_len) {
		memcpy(p->head + p->head_len, bytes, len);
		p->head_len += len;
		err = mesh_http_request_parse(p->head, p->head_len, &head);
	}
	if (err == MESH_ERR_AGAIN)
		return;
	if (err == MESH_OK)
		err = mesh_upgrade_request_check(&head, init, &init_len,
		    &status, &diag);
	if (err == MESH_OK) {
		memset(random, 0x44, sizeof(random));
		err = mesh_control_server_new(&p->server_cfg, init, init_len,
		    random, p->now, &p->server);
	}
	if (err != MESH_OK) {
		NOTE(p, server, "upgrade %u\n", status);
		p->server_closed = true;
	}
}

static inline void
pair_drain_server(struct pair *p)
{
	struct mesh_control_server_event ev;

	while (p->server != NULL && mesh_control_server_event(p->server, &ev))
		pair_server_event(p, &ev);
}

static inline void
pair_to_server(struct pair *p, const uint8_t *bytes, size_t len)
{
	if (p->server_closed)
		return;
	if (p->server == NULL && len > 0)
		pair_read_head(p, bytes, len);
	else if (p->server == NULL)
		p->server_closed = true;
	else
		(void)mesh_control_server_input(p->server, bytes, len, p->now);
	pair_drain_server(p);
}

/* --- the client's page */

static inline void
pair_client_event(struct pair *p, const struct mesh_control_client_event *ev)
{
	p->last = *ev;
	switch (ev->kind) {
	case MESH_CONTROL_READY:
		NOTE(p, client, "ready\n");
		break;
	case MESH_CONTROL_REGISTER:
		NOTE(p, client, "register %s %d %s\n", mesh_err_name(ev->err),
		    ev->status,
		    ev->reg != NULL && ev->reg->login.login_name != NULL
			? ev->reg->login.login_name
			: "-");
		break;
	case MESH_CONTROL_MAP:
		NOTE(p, client, "map %.*s\n", MESH_STR_ARG(ev->text));
		break;
	case MESH_CONTROL_KEEPALIVE:
		NOTE(p, client, "keepalive\n");
		break;
	case MESH_CONTROL_PING:
		NOTE(p, client, "ping %s\n", ev->ping->url);
		break;
	case MESH_CONTROL_MAP_END:
		NOTE(p, client, "end %s %d\n", mesh_err_name(ev->err),
		    ev->status);
		break;
	case MESH_CONTROL_RESPONSE:
		NOTE(p, client, "response %s %d %.*s\n",
		    mesh_err_name(ev->err), ev->status,
		    ev->text.len < 100 ? (int)ev->text.len : 100, ev->text.p);
		break;
	case MESH_CONTROL_CLOSED:
		NOTE(p, client, "closed %s: %s\n", mesh_err_name(ev->err),
		    ev->diag.text);
		p->client_closed = true;
		break;
	}
	if (p->on_client != NULL)
		p->on_client(p, ev);
}

static inline void
pair_drain_client(struct pair *p)
{
	struct mesh_control_client_event ev;

	while (mesh_control_client_event(p->client, &ev))
		pair_client_event(p, &ev);
}

static inline void
pair_to_client(struct pair *p, const uint8_t *bytes, size_t len)
{
	if (p->client_closed)
		return;
	(void)mesh_control_client_input(p->client, bytes, len, p->now);
	pair_drain_client(p);
}

/* --- the wire */

/* The next bytes of a pipe: at most chunk, up to where it is cut or ends. */
static inline size_t
pair_next(struct pair_pipe *pipe, size_t chunk)
{
	size_t n = pipe->len < chunk ? pipe->len : chunk;
	size_t stops[] = {pipe->cut_at, pipe->end_at};

	for (size_t i = 0; i < 2; i++)
		if (stops[i] > pipe->seen && stops[i] - pipe->seen < n)
			n = stops[i] - pipe->seen;
	return n;
}

static inline bool
pair_deliver(struct pair *p, struct pair_pipe *pipe,
    void (*to)(struct pair *, const uint8_t *, size_t))
{
	static uint8_t chunk[PAIR_PIPE_MAX];
	size_t n = pair_next(pipe, p->chunk);

	if (pipe->ended)
		pipe->len = n = 0;
	if (n == 0)
		return false;
	memcpy(chunk, pipe->data, n);
	if (pipe->flip_at >= pipe->seen && pipe->flip_at < pipe->seen + n)
		chunk[pipe->flip_at - pipe->seen] ^= 0x10;
	pipe->len -= n;
	memmove(pipe->data, pipe->data + n, pipe->len);
	pipe->seen += n;
	to(p, chunk, n);
	if (pipe->seen == pipe->end_at) {
		pipe->ended = true;
		to(p, NULL, 0);
	}
	return true;
}

static inline void
pair_collect(struct pair *p)
{
	size_t n;

	while (p->server_reads && !p->client_closed &&
	    (n = mesh_control_client_output(p->client, p->up.data + p->up.len,
		 p->room, p->now)) > 0)
		p->up.len += n;
	while (p->client_reads && p->server != NULL &&
	    (n = mesh_control_server_output(p->server,
		 p->down.data + p->down.len, p->room, p->now)) > 0)
		p->down.len += n;
}

/* Until nothing moves any more. */
static inline void
pair_run(struct pair *p)
{
	bool moved = true;

	while (moved) {
		pair_drain_client(p);
		pair_collect(p);
		moved = pair_deliver(p, &p->up, pair_to_server);
		pair_collect(p);
		pair_drain_server(p);
		moved |= pair_deliver(p, &p->down, pair_to_client);
		/* A closed server has its last words out: the end. */
		if (!moved && p->server_closed && !p->down.ended &&
		    p->client_reads) {
			p->down.ended = moved = true;
			pair_to_client(p, NULL, 0);
		}
	}
}

static inline void
pair_tick(struct pair *p, uint64_t ns)
{
	p->now = mesh_time_add(p->now, ns);
	mesh_control_client_tick(p->client, p->now);
	if (p->server != NULL)
		mesh_control_server_tick(p->server, p->now);
	pair_drain_server(p);
	pair_run(p);
}

/* --- requests and answers that most tests use */

#define PAIR_FIRST "{\"Node\":{\"ID\":1},\"Domain\":\"mesh.test\"}"
#define PAIR_DELTA                                                             \
	"{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true}],"             \
	"\"ControlTime\":\"2026-11-22T10:00:00Z\"}"
#define PAIR_REGISTERED                                                        \
	"{\"User\":{\"ID\":7,\"DisplayName\":\"Ada\"},\"Login\":{\"ID\":7,"    \
	"\"LoginName\":\"ada\"},\"MachineAuthorized\":true}"

static inline int
pair_push(struct pair *p, int32_t stream, const char *json, size_t len)
{
	uint8_t head[4] = {(uint8_t)len, (uint8_t)(len >> 8),
	    (uint8_t)(len >> 16), (uint8_t)(len >> 24)};
	struct mesh_blob *b = mesh_blob_new(head, sizeof(head));
	struct mesh_blob *c = mesh_blob_new(json, len);
	int err = MESH_ERR_NOMEM;

	if (b != NULL && c != NULL)
		err = mesh_control_server_push(p->server, stream, b, p->now);
	if (err == MESH_OK)
		err = mesh_control_server_push(p->server, stream, c, p->now);
	mesh_blob_unref(b);
	mesh_blob_unref(c);
	return err;
}

static inline bool
pair_wants_stream(const struct mesh_control_server_event *ev)
{
	static const char member[] = "\"Stream\":true";

	return ev->body.len > 0 &&
	    memmem(ev->body.p, ev->body.len, member, strlen(member)) != NULL;
}

/* Registers everybody, answers lite updates, streams two plain frames. */
static inline void
pair_serve(struct pair *p, const struct mesh_control_server_event *ev)
{
	if (mesh_str_eq(ev->path, "/machine/register")) {
		(void)mesh_control_server_respond(p->server, ev->stream, 200,
		    "application/json", MESH_STR(PAIR_REGISTERED));
	} else if (pair_wants_stream(ev)) {
		(void)mesh_control_server_open(p->server, ev->stream, false,
		    true, p->now);
		(void)pair_push(p, ev->stream, PAIR_FIRST, strlen(PAIR_FIRST));
		(void)pair_push(p, ev->stream, PAIR_DELTA, strlen(PAIR_DELTA));
	} else {
		(void)mesh_control_server_respond(p->server, ev->stream, 200,
		    NULL, (struct mesh_str){0});
	}
}

static inline int
pair_register(struct pair *p)
{
	struct mesh_register_auth auth = {"key"};
	struct mesh_register_request req = {
	    .auth = &auth, .hostinfo = MESH_STR("{\"OS\":\"linux\"}")};

	return mesh_control_client_register(p->client, &req, p->now, NULL);
}

static inline int
pair_map(struct pair *p, bool stream, bool zstd, uint32_t *out_id)
{
	struct mesh_map_request req = {
	    .stream = stream,
	    .omit_peers = !stream,
	    .compress = zstd ? "zstd" : NULL,
	    .keep_alive = true,
	    .hostinfo = MESH_STR("{\"OS\":\"linux\"}"),
	};

	return mesh_control_client_map(p->client, &req, p->now, out_id);
}

#endif
