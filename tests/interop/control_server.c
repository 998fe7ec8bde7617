/* SPDX-License-Identifier: ISC
 * control_server.c - a control server of one page around libmesh/control, to
 * be pointed at by clients that we did not write.
 *
 *	control_server [-p PORT] [-c CONNECTIONS] [-g BYTES]
 *
 * Listens on 127.0.0.1 (port 0: any) and prints "listening PORT". Admits every
 * node with the auth key "good", refuses any other ("Error"). A map stream gets
 * a first map, padded by BYTES in a peer's Hostinfo, and one delta. Prints one
 * line per request. Ends after CONNECTIONS of the control channel have closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/frame.h"
#include "control/msg.h"
#include "control/server.h"
#include "control/upgrade.h"
#include "crypto/x25519.h"

#define CONNS_MAX 64

struct conn {
	int fd; /* -1: free */
	struct mesh_buf head;
	struct mesh_control_server *session;
};

static struct server {
	int listener;
	unsigned left; /* connections until the end; 0: for ever */
	size_t padding;
	struct mesh_machine_secret secret;
	struct mesh_machine_key key;
	struct mesh_frame_writer *writer;
	struct conn conns[CONNS_MAX];
	bool done;
} server;

static struct mesh_time
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (struct mesh_time){
	    (uint64_t)ts.tv_sec * MESH_SEC + (uint64_t)ts.tv_nsec};
}

static void
random_bytes(void *p, size_t len)
{
	if (getrandom(p, len, 0) != (ssize_t)len)
		abort();
}

static void
close_conn(struct conn *c)
{
	if (c->session != NULL && server.left > 0 && --server.left == 0)
		server.done = true;
	mesh_control_server_free(c->session);
	mesh_buf_release(&c->head);
	close(c->fd);
	*c = (struct conn){.fd = -1};
}

static void
send_all(struct conn *c, const void *p, size_t len)
{
	const uint8_t *at = p;

	while (len > 0) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

/* --- what the server answers */

static void
on_register(struct conn *c, const struct mesh_control_server_event *ev)
{
	struct mesh_register_response answer = {
	    .user = {.id = 1, .display_name = "Ada"},
	    .login = {.id = 1, .login_name = "ada", .display_name = "Ada"},
	    .machine_authorized = true,
	};
	struct mesh_register_request req;
	struct mesh_diag diag = {0};
	struct mesh_arena a;
	struct mesh_buf out;
	int status = 200;

	mesh_arena_init(&a, MESH_CONTROL_BODY_MAX * 2);
	mesh_buf_init(&out, MESH_CONTROL_BODY_MAX);
	if (mesh_register_request_parse(ev->body.p, ev->body.len, &a, &req,
		&diag) != MESH_OK) {
		status = 400;
		mesh_buf_add_str(&out, diag.text);
	} else {
		if (req.auth == NULL || req.auth->auth_key == NULL ||
		    strcmp(req.auth->auth_key, "good") != 0)
			answer = (struct mesh_register_response){
			    .error = "invalid auth key"};
		mesh_register_response_write(&answer, &out);
	}
	mesh_control_server_respond(c->session, ev->stream, status,
	    "application/json",
	    (struct mesh_str){(const char *)out.data, out.len});
	mesh_buf_release(&out);
	mesh_arena_release(&a);
}

static void
write_first_map(struct mesh_buf *out, const struct mesh_map_request *req)
{
	char node[MESH_KEY_TEXT], disco[MESH_KEY_TEXT];

	mesh_node_key_format(&req->node_key, node);
	mesh_disco_key_format(&req->disco_key, disco);
	mesh_buf_printf(out,
	    "{\"Node\":{\"ID\":1,\"StableID\":\"1\",\"Name\":\"a.mesh.test.\","
	    "\"User\":1,\"Key\":\"%s\",\"DiscoKey\":\"%s\","
	    "\"Addresses\":[\"100.64.0.1/32\"],\"Cap\":%d,"
	    "\"MachineAuthorized\":true},\"Domain\":\"mesh.test\","
	    "\"PacketFilters\":{\"base\":[]},\"UserProfiles\":[{\"ID\":1,"
	    "\"LoginName\":\"ada\",\"DisplayName\":\"Ada\"}],"
	    "\"ControlTime\":\"2026-11-22T10:00:00Z\",\"Peers\":[{\"ID\":2,"
	    "\"StableID\":\"2\",\"Name\":\"b.mesh.test.\",\"User\":1,"
	    "\"Key\":\"nodekey:"
	    "d3337e4d4ee503a66976feb1fadf5bd21ba96fc2b1571b3e980d87cf49797510"
	    "\",\"Addresses\":[\"100.64.0.2/32\"],\"Hostinfo\":{\"OS\":\"",
	    node, disco, (int)req->version);
	for (size_t i = 0; i < server.padding; i++) {
		uint8_t b;

		random_bytes(&b, 1);
		mesh_buf_add_byte(out, "0123456789abcdef"[b & 15]);
	}
	mesh_buf_add_str(out, "\"}}]}");
}

static void
push(struct conn *c, int32_t stream, const struct mesh_buf *json, bool zstd)
{
	struct mesh_blob *blob;
	struct mesh_buf frame;

	mesh_buf_init(&frame, MESH_FRAME_MAX * 2);
	if (mesh_frame_writer_add(server.writer, (const char *)json->data,
		json->len, zstd, &frame) != MESH_OK)
		abort();
	blob = mesh_blob_new(frame.data, frame.len);
	mesh_control_server_push(c->session, stream, blob, now());
	mesh_blob_unref(blob);
	mesh_buf_release(&frame);
}

static void
stream_map(struct conn *c, int32_t stream, const struct mesh_map_request *req)
{
	bool zstd = req->compress != NULL;
	struct mesh_buf json;

	mesh_control_server_open(c->session, stream, zstd, req->keep_alive,
	    now());
	mesh_buf_init(&json, MESH_FRAME_TEXT_MAX);
	write_first_map(&json, req);
	push(c, stream, &json, zstd);
	mesh_buf_clear(&json);
	mesh_buf_add_str(&json,
	    "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true}]}");
	push(c, stream, &json, zstd);
	mesh_buf_release(&json);
}

static void
on_map(struct conn *c, const struct mesh_control_server_event *ev)
{
	struct mesh_map_request req;
	struct mesh_diag diag = {0};
	struct mesh_arena a;

	mesh_arena_init(&a, MESH_CONTROL_BODY_MAX * 2);
	if (mesh_map_request_parse(ev->body.p, ev->body.len, &a, &req,
		&diag) != MESH_OK)
		mesh_control_server_respond(c->session, ev->stream, 400, NULL,
		    mesh_str(diag.text));
	else if (req.stream)
		stream_map(c, ev->stream, &req);
	else
		mesh_control_server_respond(c->session, ev->stream, 200, NULL,
		    (struct mesh_str){0});
	mesh_arena_release(&a);
}

static void
on_event(struct conn *c, const struct mesh_control_server_event *ev)
{
	uint8_t shared[MESH_X25519_LEN];
	char text[MESH_KEY_TEXT];
	bool ok;

	switch (ev->kind) {
	case MESH_CONTROL_SERVER_DH:
		ok = mesh_x25519(shared, server.secret.b, ev->point) ==
		    MESH_OK;
		mesh_control_server_dh(c->session, ok ? shared : NULL, now());
		break;
	case MESH_CONTROL_SERVER_CONNECTED:
		printf("connected %s version %u\n",
		    mesh_machine_key_format(
			mesh_control_server_machine(c->session), text),
		    mesh_control_server_version(c->session));
		break;
	case MESH_CONTROL_SERVER_REQUEST:
		printf("%.*s %.*s %.*s\n", MESH_STR_ARG(ev->method),
		    MESH_STR_ARG(ev->path), MESH_STR_ARG(ev->body));
		if (mesh_str_eq(ev->path, "/machine/register"))
			on_register(c, ev);
		else if (mesh_str_eq(ev->path, "/machine/map"))
			on_map(c, ev);
		else
			mesh_control_server_respond(c->session, ev->stream,
			    404, NULL, MESH_STR("not found\n"));
		break;
	case MESH_CONTROL_SERVER_GONE:
		printf("gone %d\n", (int)ev->stream);
		break;
	case MESH_CONTROL_SERVER_CLOSED:
		printf("closed: %s\n", ev->diag.text);
		break;
	}
	fflush(stdout);
}

/* --- connections */

static void
answer_plain(struct conn *c, unsigned status, const struct mesh_buf *body)
{
	struct mesh_buf out;

	mesh_buf_init(&out, MESH_HTTP_HEAD_MAX);
	mesh_http_write_status(&out, status);
	mesh_http_write_field(&out, "Content-Type", "application/json");
	mesh_http_write_length(&out, body->len);
	mesh_http_write_field(&out, "Connection", "close");
	mesh_http_write_end(&out);
	mesh_buf_add(&out, body->data, body->len);
	send_all(c, out.data, out.len);
	mesh_buf_release(&out);
	close_conn(c);
}

static void
answer_key(struct conn *c)
{
	struct mesh_server_keys keys = {.noise = server.key};
	struct mesh_buf body;

	mesh_buf_init(&body, 1024);
	mesh_server_keys_write(&keys, &body);
	answer_plain(c, 200, &body);
	mesh_buf_release(&body);
}

static void
upgrade(struct conn *c, const struct mesh_http_head *head)
{
	struct mesh_control_server_config cfg = {.key = server.key};
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	uint8_t random[MESH_CONTROL_SERVER_RANDOM];
	struct mesh_buf none = {0};
	struct mesh_diag diag;
	unsigned status;
	size_t len;

	if (mesh_upgrade_request_check(head, init, &len, &status, &diag) !=
	    MESH_OK) {
		answer_plain(c, status, &none);
		return;
	}
	random_bytes(random, sizeof(random));
	if (mesh_control_server_new(&cfg, init, len, random, now(),
		&c->session) != MESH_OK)
		abort();
}

static void
read_head(struct conn *c, const uint8_t *p, size_t len)
{
	struct mesh_http_head head;
	struct mesh_buf none = {0};
	int err;

	mesh_buf_add(&c->head, p, len);
	err = mesh_http_request_parse(c->head.data, c->head.len, &head);
	if (err == MESH_ERR_AGAIN)
		return;
	if (err != MESH_OK)
		answer_plain(c, 400, &none);
	else if (mesh_str_eq(mesh_http_path(&head), "/key"))
		answer_key(c);
	else if (mesh_str_eq(mesh_http_path(&head), MESH_UPGRADE_PATH))
		upgrade(c, &head);
	else
		answer_plain(c, 404, &none);
}

static void
drive(struct conn *c)
{
	struct mesh_control_server_event ev;
	bool closed = false;
	uint8_t buf[16384];
	size_t n;

	if (c->session == NULL)
		return;
	while (mesh_control_server_event(c->session, &ev)) {
		closed = closed || ev.kind == MESH_CONTROL_SERVER_CLOSED;
		on_event(c, &ev);
	}
	while ((n = mesh_control_server_output(c->session, buf, sizeof(buf),
		    now())) > 0)
		send_all(c, buf, n);
	if (closed)
		close_conn(c);
}

static void
on_readable(struct conn *c)
{
	uint8_t buf[16384];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
	size_t len = n > 0 ? (size_t)n : 0;

	if (c->session != NULL)
		(void)mesh_control_server_input(c->session, buf, len, now());
	else if (len > 0)
		read_head(c, buf, len);
	else
		close_conn(c);
}

static void
on_connect(void)
{
	int fd = accept(server.listener, NULL, NULL);

	for (size_t i = 0; fd >= 0 && i < CONNS_MAX; i++) {
		struct conn *c = &server.conns[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		mesh_buf_init(&c->head, MESH_HTTP_HEAD_MAX);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void
loop_once(void)
{
	struct pollfd pfds[CONNS_MAX + 1] = {
	    {.fd = server.listener, .events = POLLIN}};

	for (size_t i = 0; i < CONNS_MAX; i++)
		pfds[i + 1] = (struct pollfd){
		    .fd = server.conns[i].fd, .events = POLLIN};
	if (poll(pfds, CONNS_MAX + 1, 200) < 0)
		abort();
	for (size_t i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &server.conns[i];

		if (c->fd >= 0 && pfds[i + 1].revents != 0)
			on_readable(c);
		if (c->session != NULL) {
			mesh_control_server_tick(c->session, now());
			drive(c);
		}
	}
	if (pfds[0].revents != 0)
		on_connect();
}

static int
start(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int one = 1;
	uint8_t random[MESH_KEY_LEN];

	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &one,
	    sizeof(one));
	if (bind(server.listener, (struct sockaddr *)&sa, len) < 0 ||
	    listen(server.listener, 16) < 0 ||
	    getsockname(server.listener, (struct sockaddr *)&sa, &len) < 0) {
		perror("control_server");
		return -1;
	}
	random_bytes(random, sizeof(random));
	mesh_machine_secret_make(&server.secret, random);
	server.key = mesh_machine_public(&server.secret);
	server.writer = mesh_frame_writer_new();
	for (size_t i = 0; i < CONNS_MAX; i++)
		server.conns[i].fd = -1;
	printf("listening %u\n", ntohs(sa.sin_port));
	fflush(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	uint16_t port = 0;
	int opt;

	while ((opt = getopt(argc, argv, "p:c:g:")) != -1)
		switch (opt) {
		case 'p':
			port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			server.left = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'g':
			server.padding = strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	if (start(port) < 0)
		return 1;
	while (!server.done)
		loop_once();
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (server.conns[i].fd >= 0)
			close_conn(&server.conns[i]);
	mesh_frame_writer_free(server.writer);
	close(server.listener);
	return 0;
}
