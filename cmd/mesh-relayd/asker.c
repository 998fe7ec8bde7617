/* SPDX-License-Identifier: ISC */
#include "asker.h"

#include "relayd.h"
#include "worker.h"

#include "base/map.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_NS (10 * MESH_SEC) /* between two lines about a server not there   \
				*/

/* What a resolver and a TLS library call. */
static const char *const calls[] = {"open", "openat", "stat", "lstat",
    "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents64", "lseek", "pread64", "socket", "connect", "bind",
    "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "sendmmsg", "recvmmsg", "ioctl", "uname", "sysinfo", "rt_sigaction",
    "getuid", "geteuid", "getgid", "getegid", "eventfd2", NULL};

/* Who was allowed, the one longest ago in front. */
struct known {
	struct mesh_list list;
	struct mesh_node_key key;
	struct mesh_time when;
};

static struct mesh_map known_keys;
static struct mesh_list known_list;
static struct mesh_ratelimit log_rate;

/* --- the URL --- */

/* The part before the path, and the path. */
static int
split(const char *url, struct mesh_control_url *out, char *path,
    struct mesh_diag *diag)
{
	struct mesh_str p = mesh_url_path(url);
	char base[MESH_URL_PATH_MAX];
	int err;

	if (p.p == NULL || p.len < 2 || url[0] == '/')
		return mesh_fail(diag, MESH_ERR_ARG,
		    "'%.80s' is not http://HOST/PATH or https://HOST/PATH",
		    url);
	err = mesh_str_copy((struct mesh_str){url, (size_t)(p.p - url)}, base,
	    sizeof(base));
	if (err == MESH_OK)
		err = mesh_str_copy(p, path, MESH_URL_PATH_MAX);
	if (err != MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG, "'%.80s' is too long",
		    url);
	return mesh_control_url_parse(base, out, diag);
}

int
asker_check_url(const char *url, struct mesh_diag *diag)
{
	struct mesh_control_url parts;
	char path[MESH_URL_PATH_MAX];

	return split(url, &parts, path, diag) == MESH_OK ? MESH_OK
							 : MESH_ERR_ARG;
}

static void
add_address(struct asker *a, const struct sockaddr *sa)
{
	const struct sockaddr_in *in4 = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;
	struct mesh_endpoint *e = &a->addresses[a->address_count];

	if (a->address_count == ASKER_ADDRESSES)
		return;
	if (sa->sa_family == AF_INET)
		e->ip = mesh_ip_from4((const uint8_t *)&in4->sin_addr);
	else if (sa->sa_family == AF_INET6)
		e->ip = mesh_ip_from16((const uint8_t *)&in6->sin6_addr);
	else
		return;
	e->port = a->url.port;
	a->address_count++;
}

/* This process waits for it; it has nothing else to do without an address. */
static void
resolve(struct asker *a)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int err = getaddrinfo(a->url.host, NULL, &hints, &list);

	a->resolved = worker_now();
	if (err != 0) { /* what was known stays */
		log_warn("cannot look up admit server=%s: %s", a->url.host,
		    gai_strerror(err));
		return;
	}
	a->address_count = 0;
	a->address = 0;
	for (struct addrinfo *i = list; i != NULL; i = i->ai_next)
		add_address(a, i->ai_addr);
	freeaddrinfo(list);
}

/* The next address, or all of them anew. */
static void
try_elsewhere(struct asker *a)
{
	if (a->address_count > 0)
		a->address = (a->address + 1) % a->address_count;
	if (mesh_time_since(a->resolved, worker_now()) >= ASKER_RESOLVE_NS)
		resolve(a);
}

/* --- who was allowed --- */

static void
forget(struct known *k)
{
	if (k == NULL)
		return;
	mesh_map_remove(&known_keys, k->key.b);
	mesh_list_remove(&k->list);
	free(k);
}

static struct known *
oldest(void)
{
	return MESH_CONTAINER(known_list.next, struct known, list);
}

static void
remember(const struct mesh_node_key *key)
{
	struct known *k = mesh_map_get(&known_keys, key->b);

	if (k == NULL) {
		if (known_keys.count == ASKER_KNOWN)
			forget(oldest());
		k = calloc(1, sizeof(*k));
		if (k == NULL)
			return;
		k->key = *key;
		mesh_list_init(&k->list);
		if (mesh_map_put(&known_keys, k->key.b, k) != MESH_OK) {
			free(k);
			return;
		}
	}
	k->when = worker_now();
	mesh_list_remove(&k->list);
	mesh_list_append(&known_list, &k->list);
}

static bool
is_known(const struct mesh_node_key *key)
{
	const struct known *k = mesh_map_get(&known_keys, key->b);

	return k != NULL &&
	       mesh_time_since(k->when, worker_now()) < ASKER_KNOWN_NS;
}

/* --- questions --- */

static void
free_question(struct question *q)
{
	mesh_list_remove(&q->list);
	free(q);
}

/* Begins as many as may be under way. */
static void
go_on(struct asker *a)
{
	while (a->busy_count < ASKER_BUSY && a->waiting_count > 0) {
		struct question *q =
		    MESH_CONTAINER(a->waiting.next, struct question, list);

		mesh_list_remove(&q->list);
		a->waiting_count--;
		if (mesh_time_since(q->since, worker_now()) >= ASKER_NS) {
			free(q); /* the client is gone by now */
			continue;
		}
		mesh_list_append(&a->busy, &q->list);
		a->busy_count++;
		post_begin(q);
	}
}

static bool
when_down(struct question *q)
{
	struct asker *a = q->asker;
	bool allow = a->fail_open || is_known(&q->ask.key);

	if (mesh_ratelimit_allow(&log_rate, worker_now()))
		log_warn("no answer of admit server=%s; %s", a->url.host,
		    a->fail_open ? "all may come in"
				 : "only who was allowed before may come in");
	try_elsewhere(a);
	return allow;
}

void
asker_done(struct question *q, enum post_verdict v)
{
	struct asker *a = q->asker;
	struct link_verdict verdict = {q->ask.id, v == POST_YES};

	if (v == POST_DOWN)
		verdict.allow = when_down(q);
	else if (v == POST_YES)
		remember(&q->ask.key);
	else
		forget(mesh_map_get(&known_keys, q->ask.key.b));
	if (link_send_verdict(ROLE_LINK, &verdict) != MESH_OK)
		log_debug("cannot send a verdict"); /* it asks no more */
	post_end(q);
	a->busy_count--;
	free_question(q);
}

static void
take_ask(struct asker *a, const struct link_ask *ask)
{
	struct question *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return;
	q->asker = a;
	q->ask = *ask;
	q->since = worker_now();
	q->fd = -1;
	if (a->waiting_count == ASKER_WAITING) {
		free_question(MESH_CONTAINER(a->waiting.next, struct question,
		    list));
		a->waiting_count--;
	}
	mesh_list_append(&a->waiting, &q->list);
	a->waiting_count++;
}

static void
on_link(evutil_socket_t fd, short what, void *arg)
{
	struct asker *a = arg;
	uint8_t buf[LINK_SHORT];
	struct link_ask ask;
	int passed;
	ssize_t n = link_recv(fd, buf, sizeof(buf), &passed);
	struct mesh_rd r = mesh_rd_init(buf, n > 0 ? (size_t)n : 0);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && mesh_rd_u8(&r) == LINK_ASK &&
	    link_read_ask(&r, &ask) == MESH_OK)
		take_ask(a, &ask);
	else
		a->ended = true;
}

/* --- start --- */

static int
hear_setup(struct asker *a)
{
	uint8_t buf[LINK_ADMIT_MAX];
	struct mesh_diag diag = {0};
	ssize_t n = recv(ROLE_LINK, buf, sizeof(buf), 0);
	struct mesh_rd r = mesh_rd_init(buf, n > 0 ? (size_t)n : 0);
	char url[MESH_URL_PATH_MAX];

	if (mesh_rd_u8(&r) != LINK_ADMIT ||
	    link_read_admit(&r, &a->fail_open, url, sizeof(url)) != MESH_OK)
		return MESH_ERR_FORMAT;
	return split(url, &a->url, a->path, &diag);
}

static int
set_tls(struct asker *a)
{
	if (!a->url.https)
		return MESH_OK;
	a->tls = SSL_CTX_new(TLS_client_method());
	if (a->tls == NULL)
		return MESH_ERR_NOMEM;
	SSL_CTX_set_min_proto_version(a->tls, TLS1_2_VERSION);
	SSL_CTX_set_mode(a->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
				     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(a->tls, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_default_verify_paths(a->tls) != 1)
		log_warn("cannot read the system's authorities");
	return MESH_OK;
}

static int
confine(void)
{
	const struct sandbox_path paths[] = {
	    {"/etc", SANDBOX_READ},
	    {"/usr/share", SANDBOX_READ},
	    {"/usr/lib", SANDBOX_READ},
	    {"/lib", SANDBOX_READ},
	    {"/usr/local/share", SANDBOX_READ},
	    {"/run/systemd/resolve", SANDBOX_READ},
	    {NULL, 0},
	};

	return sandbox_drop_caps(0) != MESH_OK ||
		       sandbox_files(paths, true) != MESH_OK ||
		       sandbox_seccomp(calls) != MESH_OK
		   ? MESH_ERR_IO
		   : MESH_OK;
}

static int
start(struct asker *a)
{
	uid_t uid;
	gid_t gid;

	mesh_list_init(&a->waiting);
	mesh_list_init(&a->busy);
	mesh_list_init(&known_list);
	mesh_map_init(&known_keys, MESH_KEY_LEN, ASKER_KNOWN, NULL);
	log_rate = mesh_ratelimit_init(1, LOG_NS);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sandbox_user("mesh", &uid, &gid);
	if (sandbox_become(uid, gid, 0) != MESH_OK ||
	    hear_setup(a) != MESH_OK || set_tls(a) != MESH_OK)
		return MESH_ERR_IO;
	a->base = event_base_new();
	if (a->base == NULL || confine() != MESH_OK)
		return MESH_ERR_IO;
	event_assign(&a->link_event, a->base, ROLE_LINK, EV_READ | EV_PERSIST,
	    on_link, a);
	event_add(&a->link_event, NULL);
	resolve(a);
	return MESH_OK;
}

int
asker_main(void)
{
	static struct asker a;

	log_init(RELAYD_NAME ": " RELAYD_ASKER, MESH_LOG_INFO);
	if (start(&a) != MESH_OK) {
		log_err("cannot start");
		return CMD_NO;
	}
	while (!a.ended && event_base_loop(a.base, EVLOOP_ONCE) == 0)
		go_on(&a);
	_exit(CMD_OK);
}
