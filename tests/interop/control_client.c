/* SPDX-License-Identifier: ISC
 * control_client.c - registers with a control server and prints its map stream:
 * libmesh/control over plain blocking sockets, to be pointed at servers that we
 * did not write.
 *
 *	control_client [-k AUTHKEY] [-n MESSAGES] [-t SECONDS] [-p] [-l] URL
 *
 * Prints "key mkey:...", "ready", "registered NAME", "lite 200", "map JSON" for
 * each message, "keepalive", "ping URL"; exits 0 after MESSAGES maps. -p asks
 * for plain frames; -l sends a lite update, too; -w gives a wrong server key,
 * -V claims another version. Errors go to stderr, exit status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/client.h"
#include "control/keyfetch.h"
#include "control/url.h"

#define HOSTINFO                                                               \
	"{\"IPNVersion\":\"0.1.0-mesh\",\"BackendLogID\":"                     \
	"\"5f2c3a1d9b8e7f60112233445566778899aabbccddeeff000102030405060708\"," \
	"\"OS\":\"linux\",\"Hostname\":\"control-client\","                    \
	"\"NetInfo\":{\"PreferredDERP\":900}}"

static struct opts {
	const char *auth_key;
	unsigned messages;
	unsigned seconds;
	bool plain, lite, wrong_key;
	uint16_t version;
} opts = {.messages = 1, .seconds = 10};

struct run {
	int fd;
	struct mesh_control_client *c;
	struct mesh_control_url url;
	struct mesh_node_key node;
	struct mesh_disco_key disco;
	struct mesh_time end;
	unsigned maps;
	bool lite; /* is still to be answered */
	bool done, failed;
};

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

static int
fail(const char *what, const char *why)
{
	fprintf(stderr, "control_client: %s: %s\n", what, why);
	return -1;
}

static int
dial(const char *host, uint16_t port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	char service[8];
	int fd = -1;

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return fail(host, "no such host");
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd >= 0 ? fd : fail(host, strerror(errno));
}

static int
send_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return fail("send", strerror(errno));
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
fetch_key(const struct mesh_control_url *url, struct mesh_machine_key *out)
{
	struct mesh_server_keys keys;
	struct mesh_diag diag = {0};
	struct mesh_keyfetch f;
	struct mesh_buf req;
	uint8_t buf[4096];
	int fd = dial(url->host, url->port), err = MESH_ERR_AGAIN;

	if (fd < 0)
		return -1;
	mesh_buf_init(&req, MESH_HTTP_HEAD_MAX);
	mesh_keyfetch_init(&f);
	if (mesh_keyfetch_request(url->authority, MESH_CAPVER, &req) ==
		MESH_OK &&
	    send_all(fd, req.data, req.len) == 0)
		while (err == MESH_ERR_AGAIN) {
			ssize_t n = recv(fd, buf, sizeof(buf), 0);

			err = mesh_keyfetch_input(&f, buf,
			    n > 0 ? (size_t)n : 0, &keys, &diag);
		}
	mesh_keyfetch_release(&f);
	mesh_buf_release(&req);
	close(fd);
	if (err != MESH_OK)
		return fail("GET /key", diag.text);
	*out = keys.noise;
	return 0;
}

/* --- the session */

static int
flush(struct run *r)
{
	uint8_t buf[16384];
	size_t n;

	while ((n = mesh_control_client_output(r->c, buf, sizeof(buf),
		    now())) > 0)
		if (send_all(r->fd, buf, n) < 0)
			return -1;
	return 0;
}

static void
poll_map(struct run *r, bool stream)
{
	struct mesh_map_request req = {
	    .compress = opts.plain ? NULL : "zstd",
	    .keep_alive = true,
	    .node_key = r->node,
	    .disco_key = r->disco,
	    .stream = stream,
	    .omit_peers = !stream,
	    .hostinfo = MESH_STR(HOSTINFO),
	};

	if (mesh_control_client_map(r->c, &req, now(), NULL) != MESH_OK)
		abort();
}

static void
end_with(struct run *r, const struct mesh_control_client_event *ev)
{
	fprintf(stderr, "control_client: %s, status %d: %s: %.*s\n",
	    mesh_strerror(ev->err), ev->status, ev->diag.text,
	    MESH_STR_ARG(ev->text));
	r->done = r->failed = true;
}

static void
on_register(struct run *r, const struct mesh_control_client_event *ev)
{
	if (ev->err != MESH_OK) {
		end_with(r, ev);
		return;
	}
	switch (ev->outcome) {
	case MESH_REGISTER_DONE:
		printf("registered %s\n", ev->reg->login.login_name
			? ev->reg->login.login_name
			: "-");
		r->lite = opts.lite;
		if (r->lite)
			poll_map(r, false);
		poll_map(r, true);
		return;
	case MESH_REGISTER_AUTH_URL:
		printf("visit %s\n", ev->reg->auth_url);
		break;
	case MESH_REGISTER_REFUSED:
		fprintf(stderr, "control_client: refused: %s\n",
		    ev->reg->error);
		break;
	default:
		fprintf(stderr, "control_client: outcome %d\n", ev->outcome);
	}
	r->done = r->failed = true;
}

static void
on_event(struct run *r, const struct mesh_control_client_event *ev)
{
	switch (ev->kind) {
	case MESH_CONTROL_READY:
		puts("ready");
		break;
	case MESH_CONTROL_REGISTER:
		on_register(r, ev);
		break;
	case MESH_CONTROL_MAP:
		printf("map %.*s\n", MESH_STR_ARG(ev->text));
		r->maps++;
		break;
	case MESH_CONTROL_KEEPALIVE:
		puts("keepalive");
		break;
	case MESH_CONTROL_PING:
		printf("ping %s\n", ev->ping->url);
		break;
	case MESH_CONTROL_RESPONSE:
		printf("lite %d\n", ev->status);
		r->lite = false;
		break;
	case MESH_CONTROL_MAP_END:
	case MESH_CONTROL_CLOSED:
		end_with(r, ev);
		break;
	}
	r->done = r->done || (r->maps >= opts.messages && !r->lite);
	fflush(stdout);
}

static int
step(struct run *r)
{
	struct pollfd pfd = {.fd = r->fd, .events = POLLIN};
	struct mesh_control_client_event ev;
	uint8_t buf[16384];

	while (!r->done && mesh_control_client_event(r->c, &ev))
		on_event(r, &ev);
	if (r->done || flush(r) < 0)
		return -1;
	if (mesh_time_due(r->end, now()))
		return fail("timeout", "no more messages");
	if (poll(&pfd, 1, 100) > 0) {
		ssize_t n = recv(r->fd, buf, sizeof(buf), 0);

		(void)mesh_control_client_input(r->c, buf,
		    n > 0 ? (size_t)n : 0, now());
	}
	mesh_control_client_tick(r->c, now());
	return 0;
}

static int
begin(struct run *r, const struct mesh_machine_key *server)
{
	struct mesh_machine_secret machine;
	struct mesh_node_secret node;
	struct mesh_disco_secret disco;
	struct mesh_control_client_config cfg = {
	    .server_key = *server,
	    .secret = &machine,
	    .authority = r->url.authority,
	    .version = opts.version,
	};
	struct mesh_register_auth auth = {opts.auth_key};
	struct mesh_register_request req = {
	    .auth = opts.auth_key ? &auth : NULL,
	    .hostinfo = MESH_STR(HOSTINFO),
	};
	uint8_t random[3][32], seed[MESH_CONTROL_CLIENT_RANDOM];

	random_bytes(random, sizeof(random));
	random_bytes(seed, sizeof(seed));
	mesh_machine_secret_make(&machine, random[0]);
	mesh_node_secret_make(&node, random[1]);
	mesh_disco_secret_make(&disco, random[2]);
	r->node = req.node_key = mesh_node_public(&node);
	r->disco = mesh_disco_public(&disco);
	if (mesh_control_client_new(&cfg, seed, now(), &r->c) != MESH_OK ||
	    mesh_control_client_register(r->c, &req, now(), NULL) != MESH_OK)
		return fail("session", "cannot begin");
	return 0;
}

static int
run(const char *url)
{
	struct mesh_machine_key server;
	struct mesh_diag diag = {0};
	char text[MESH_KEY_TEXT];
	struct run r = {.fd = -1};
	int rc = 1;

	if (mesh_control_url_parse(url, &r.url, &diag) != MESH_OK) {
		fail(url, diag.text);
		return 1;
	}
	if (fetch_key(&r.url, &server) < 0)
		return 1;
	printf("key %s\n", mesh_machine_key_format(&server, text));
	if (opts.wrong_key)
		server.b[0] ^= 1;
	r.fd = dial(r.url.host, r.url.http_port);
	if (r.fd < 0)
		return 1;
	r.end = mesh_time_add(now(), opts.seconds * MESH_SEC);
	if (begin(&r, &server) == 0) {
		while (step(&r) == 0)
			continue;
		rc = !r.done || r.failed;
	}
	mesh_control_client_free(r.c);
	close(r.fd);
	return rc;
}

int
main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "k:n:t:V:plw")) != -1)
		switch (opt) {
		case 'k':
			opts.auth_key = optarg;
			break;
		case 'n':
			opts.messages = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			opts.seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'V':
			opts.version = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			opts.plain = true;
			break;
		case 'l':
			opts.lite = true;
			break;
		case 'w':
			opts.wrong_key = true;
			break;
		default:
			return 2;
		}
	return optind == argc - 1 ? run(argv[optind]) : 2;
}
