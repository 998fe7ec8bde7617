/* SPDX-License-Identifier: ISC
 * connect.c - the convenience client: the one place in libmesh that opens a
 * descriptor. Blocking, with a deadline for each call. */
#include <mesh/local.h>

#include "base/buf.h"
#include "base/text.h"
#include "local/whois.h"
#include "wire/http.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_PIECE 16384u /* bytes asked for at once */

struct mesh_local {
	int fd;
	uint64_t timeout_ns;
	struct mesh_time deadline;
	struct mesh_buf in;   /* received, not taken yet */
	struct mesh_buf body; /* of the answer, or lines of the stream */
	struct mesh_http_chunks chunks;
	enum mesh_http_body framing; /* of the stream */
	size_t line_len;	     /* handed out last, with its newline */
	bool watching;
	bool ended;
};

static struct mesh_time
clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mesh_time){
	    (uint64_t)ts.tv_sec * MESH_SEC + (uint64_t)ts.tv_nsec};
}

static void
arm(struct mesh_local *l)
{
	l->deadline = mesh_time_add(clock_now(), l->timeout_ns);
}

/* --- the socket */

static int
wait_fd(struct mesh_local *l, short events, struct mesh_diag *diag)
{
	for (;;) {
		struct pollfd p = {.fd = l->fd, .events = events};
		uint64_t left = mesh_time_since(clock_now(), l->deadline);
		int ms = left / MESH_MS >= INT32_MAX ? -1
						     : (int)(left / MESH_MS);
		int n = poll(&p, 1, left > 0 && ms == 0 ? 1 : ms);

		if (n > 0)
			return MESH_OK;
		if (n == 0)
			return mesh_fail(diag, MESH_ERR_TIMEOUT,
			    "no answer from the daemon in time");
		if (errno != EINTR)
			return mesh_fail(diag, MESH_ERR_IO, "poll: %s",
			    strerror(errno));
	}
}

static int
connect_error(const char *path, int error, struct mesh_diag *diag)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return mesh_fail(diag, MESH_ERR_NOTFOUND,
		    "no daemon is listening at '%s'; is meshd running?", path);
	case EACCES:
	case EPERM:
		return mesh_fail(diag, MESH_ERR_DENIED, "cannot open '%s': %s",
		    path, strerror(error));
	default:
		return mesh_fail(diag, MESH_ERR_IO, "cannot connect to '%s': %s",
		    path, strerror(error));
	}
}

/* A Unix socket connects at once, or says EAGAIN while its backlog is full. */
static int
connect_fd(struct mesh_local *l, const char *path, struct mesh_diag *diag)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	if (mesh_str_copy(mesh_str(path), un.sun_path, sizeof(un.sun_path)) !=
	    MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG,
		    "the socket's path is longer than %zu bytes",
		    sizeof(un.sun_path) - 1);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return mesh_fail(diag, MESH_ERR_IO, "socket: %s",
		    strerror(errno));
	while (connect(l->fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return connect_error(path, errno, diag);
		if (mesh_time_due(l->deadline, clock_now()))
			return mesh_fail(diag, MESH_ERR_TIMEOUT,
			    "the daemon at '%s' is busy", path);
		nanosleep(&pause, NULL);
	}
	return MESH_OK;
}

int
mesh_local_connect(const char *path, uint64_t timeout_ns,
    struct mesh_local **out, struct mesh_diag *diag)
{
	struct mesh_local *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	l->fd = -1;
	l->timeout_ns = timeout_ns;
	mesh_buf_init(&l->in, MESH_HTTP_HEAD_MAX + 4 * READ_PIECE);
	mesh_buf_init(&l->body, MESH_LOCAL_REPLY_MAX);
	arm(l);
	err = connect_fd(l, path ? path : MESH_LOCAL_SOCKET, diag);
	if (err != MESH_OK) {
		mesh_local_free(l);
		return err;
	}
	*out = l;
	return MESH_OK;
}

void
mesh_local_free(struct mesh_local *l)
{
	if (l == NULL)
		return;
	if (l->fd >= 0)
		close(l->fd);
	mesh_buf_release(&l->in);
	mesh_buf_wipe(&l->body);
	free(l);
}

void
mesh_local_set_timeout(struct mesh_local *l, uint64_t timeout_ns)
{
	l->timeout_ns = timeout_ns;
}

static int
write_all(struct mesh_local *l, const struct mesh_buf *b,
    struct mesh_diag *diag)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = send(l->fd, b->data + at, b->len - at,
		    MSG_NOSIGNAL);
		int err;

		if (n >= 0) {
			at += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return mesh_fail(diag, MESH_ERR_CLOSED,
			    "the daemon closed the connection");
		err = wait_fd(l, POLLOUT, diag);
		if (err != MESH_OK)
			return err;
	}
	return MESH_OK;
}

/* One piece more into `in`. MESH_ERR_CLOSED at the end of the stream. */
static int
read_more(struct mesh_local *l, struct mesh_diag *diag)
{
	uint8_t *room = mesh_buf_reserve(&l->in, READ_PIECE);

	if (room == NULL)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "the daemon's answer is too long");
	for (;;) {
		ssize_t n = recv(l->fd, room, READ_PIECE, 0);
		int err;

		if (n > 0) {
			mesh_buf_commit(&l->in, (size_t)n);
			return MESH_OK;
		}
		if (n == 0)
			return mesh_fail(diag, MESH_ERR_CLOSED,
			    "the daemon closed the connection");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return mesh_fail(diag, MESH_ERR_IO,
			    "cannot read the answer: %s", strerror(errno));
		err = wait_fd(l, POLLIN, diag);
		if (err != MESH_OK)
			return err;
	}
}

/* --- requests and answers */

static int
send_request(struct mesh_local *l, const char *method, const char *name,
    const char *body, struct mesh_diag *diag)
{
	size_t len = body ? strlen(body) : 0;
	struct mesh_buf b;
	char target[1024];
	int err;

	if (mesh_format(target, sizeof(target), "/localapi/v0/%s", name) !=
	    MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG, "the request is too long");
	mesh_buf_init(&b, MESH_HTTP_HEAD_MAX + len);
	mesh_http_write_request(&b, method, target, "local-tailscaled.sock");
	if (body != NULL)
		mesh_http_write_field(&b, "Content-Type", "application/json");
	mesh_http_write_length(&b, len);
	mesh_http_write_end(&b);
	mesh_buf_add(&b, body ? body : "", len);
	err = b.failed ? mesh_fail(diag, MESH_ERR_ARG, "not a valid request")
		       : write_all(l, &b, diag);
	mesh_buf_wipe(&b); /* it may hold an auth key */
	return err;
}

static int
read_head(struct mesh_local *l, struct mesh_http_head *out,
    struct mesh_diag *diag)
{
	for (;;) {
		int err = mesh_http_response_parse(l->in.data, l->in.len, out);

		if (err == MESH_OK)
			return MESH_OK;
		if (err != MESH_ERR_AGAIN)
			return mesh_fail(diag, MESH_ERR_PROTO,
			    "what is listening there is no mesh daemon");
		err = read_more(l, diag);
		if (err != MESH_OK)
			return err;
	}
}

static int
keep(struct mesh_local *l, const void *p, size_t len, struct mesh_diag *diag)
{
	if (mesh_buf_add(&l->body, p, len) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "the daemon's answer is too long");
	return MESH_OK;
}

static int
read_length(struct mesh_local *l, uint64_t left, struct mesh_diag *diag)
{
	while (left > 0) {
		size_t n = l->in.len < left ? l->in.len : (size_t)left;
		int err = n > 0 ? keep(l, l->in.data, n, diag)
				: read_more(l, diag);

		if (err != MESH_OK)
			return err;
		mesh_buf_consume(&l->in, n);
		left -= n;
	}
	return MESH_OK;
}

/* Moves what `in` has of a chunked body to `body`. MESH_OK: the body is whole;
 * MESH_ERR_AGAIN. */
static int
take_chunks(struct mesh_local *l, struct mesh_diag *diag)
{
	while (!l->chunks.done) {
		struct mesh_str data = {NULL, 0};
		size_t used = 0;
		int err = mesh_http_chunks_next(&l->chunks, l->in.data,
		    l->in.len, &used, &data);
		int kept = data.len > 0 ? keep(l, data.p, data.len, diag)
					: MESH_OK;

		mesh_buf_consume(&l->in, used);
		if (kept != MESH_OK)
			return kept;
		if (err == MESH_ERR_AGAIN)
			return err;
		if (err != MESH_OK)
			return mesh_fail(diag, MESH_ERR_PROTO,
			    "the daemon's answer is malformed");
	}
	return MESH_OK;
}

static int
read_chunked(struct mesh_local *l, struct mesh_diag *diag)
{
	int err;

	l->chunks = MESH_HTTP_CHUNKS_INIT;
	while ((err = take_chunks(l, diag)) == MESH_ERR_AGAIN) {
		err = read_more(l, diag);
		if (err != MESH_OK)
			return err;
	}
	return err;
}

static int
read_to_end(struct mesh_local *l, struct mesh_diag *diag)
{
	int err;

	do {
		err = keep(l, l->in.data, l->in.len, diag);
		mesh_buf_consume(&l->in, l->in.len);
		if (err == MESH_OK)
			err = read_more(l, diag);
	} while (err == MESH_OK);
	l->ended = true;
	return err == MESH_ERR_CLOSED ? MESH_OK : err;
}

static int
read_body(struct mesh_local *l, const struct mesh_http_head *h,
    struct mesh_diag *diag)
{
	switch (h->body) {
	case MESH_HTTP_BODY_NONE:
		return MESH_OK;
	case MESH_HTTP_BODY_LENGTH:
		return read_length(l, h->body_len, diag);
	case MESH_HTTP_BODY_CHUNKED:
		return read_chunked(l, diag);
	case MESH_HTTP_BODY_CLOSE:
		return read_to_end(l, diag);
	}
	return MESH_ERR_INTERNAL;
}

int
mesh_local_call(struct mesh_local *l, const char *method, const char *name,
    const char *body, struct mesh_local_reply *out_reply,
    struct mesh_diag *diag)
{
	struct mesh_http_head *h = malloc(sizeof(*h));
	unsigned status = 0;
	int err;

	if (h == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (l->watching || l->ended) {
		free(h);
		return mesh_fail(diag, MESH_ERR_STATE,
		    "this connection takes no more requests");
	}
	arm(l);
	mesh_buf_clear(&l->body);
	err = send_request(l, method, name, body, diag);
	if (err == MESH_OK)
		err = read_head(l, h, diag);
	if (err == MESH_OK) {
		struct mesh_http_head head = *h;

		status = h->status;
		if (mesh_http_has_token(h, "Connection", "close"))
			l->ended = true;
		mesh_buf_consume(&l->in, h->len);
		err = read_body(l, &head, diag);
	}
	free(h);
	if (err != MESH_OK) {
		l->ended = true;
		return err;
	}
	*out_reply = (struct mesh_local_reply){.status = status,
	    .body = mesh_buf_cstr(&l->body), .len = l->body.len};
	return MESH_OK;
}

/* --- streams */

int
mesh_local_watch(struct mesh_local *l, const char *name,
    struct mesh_diag *diag)
{
	struct mesh_http_head h;
	int err;

	if (l->watching || l->ended)
		return mesh_fail(diag, MESH_ERR_STATE,
		    "this connection takes no more requests");
	arm(l);
	mesh_buf_clear(&l->body);
	err = send_request(l, "GET", name, NULL, diag);
	if (err == MESH_OK)
		err = read_head(l, &h, diag);
	if (err != MESH_OK) {
		l->ended = true;
		return err;
	}
	if (h.status != 200) {
		struct mesh_local_reply reply = {.status = h.status};
		struct mesh_http_head head = h;

		mesh_buf_consume(&l->in, h.len);
		if (read_body(l, &head, diag) == MESH_OK)
			reply.body = mesh_buf_cstr(&l->body);
		l->ended = true;
		return mesh_local_check(&reply, diag);
	}
	l->watching = true;
	l->framing = h.body;
	l->chunks = MESH_HTTP_CHUNKS_INIT;
	mesh_buf_consume(&l->in, h.len);
	return MESH_OK;
}

/* Moves what has come to `body`. */
static int
take_stream(struct mesh_local *l, struct mesh_diag *diag)
{
	int err;

	if (l->framing == MESH_HTTP_BODY_CHUNKED) {
		err = take_chunks(l, diag);
		if (err == MESH_OK)
			l->ended = true;
		return err == MESH_ERR_AGAIN ? MESH_OK : err;
	}
	err = keep(l, l->in.data, l->in.len, diag);
	mesh_buf_consume(&l->in, l->in.len);
	return err;
}

int
mesh_local_watch_next(struct mesh_local *l, const char **out_line,
    struct mesh_diag *diag)
{
	int err = MESH_OK;

	if (!l->watching)
		return mesh_fail(diag, MESH_ERR_STATE, "nothing is watched");
	arm(l);
	mesh_buf_consume(&l->body, l->line_len);
	l->line_len = 0;
	for (;;) {
		uint8_t *end;

		if (err == MESH_OK)
			err = take_stream(l, diag);
		end = l->body.len ? memchr(l->body.data, '\n', l->body.len)
				  : NULL;
		if (end != NULL) {
			*end = 0;
			l->line_len = (size_t)(end - l->body.data) + 1;
			*out_line = (const char *)l->body.data;
			return MESH_OK;
		}
		if (err != MESH_OK)
			return err;
		if (l->ended)
			return mesh_fail(diag, MESH_ERR_CLOSED,
			    "the daemon ended the stream");
		err = read_more(l, diag);
		if (err != MESH_OK)
			return err;
	}
}

/* --- whois */

int
mesh_whois(const char *path, const char *addr, struct mesh_whois *out,
    struct mesh_diag *diag)
{
	struct mesh_local *l = NULL;
	struct mesh_local_reply reply;
	char name[512], escaped[256];
	int err;

	if (mesh_local_escape(addr, escaped, sizeof(escaped)) != MESH_OK ||
	    mesh_format(name, sizeof(name), "whois?addr=%s", escaped) !=
		MESH_OK)
		return mesh_fail(diag, MESH_ERR_ARG, "not an address");
	err = mesh_local_connect(path, MESH_LOCAL_TIMEOUT, &l, diag);
	if (err == MESH_OK)
		err = mesh_local_call(l, "GET", name, NULL, &reply, diag);
	if (err == MESH_OK)
		err = mesh_local_check(&reply, diag);
	if (err == MESH_OK)
		err = mesh_whois_parse(reply.body, reply.len, out, diag);
	mesh_local_free(l);
	return err;
}
