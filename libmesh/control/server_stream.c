/* SPDX-License-Identifier: ISC */
#include "server_int.h"

#include <stdlib.h>

#include "control/frame.h"

/* --- life of a stream */

static void
release_request(struct mesh_control_server *s, struct stream *st)
{
	s->held -= st->body.len;
	mesh_buf_release(&st->path);
	mesh_buf_wipe(&st->body); /* it may hold an auth key */
}

static void
free_stream(struct mesh_control_server *s, struct stream *st)
{
	mesh_list_remove(&st->link);
	mesh_h2_stream_release(&s->h2, &st->h2);
	release_request(s, st);
	if (s->told == st)
		s->told = NULL;
	free(st);
}

static void
free_list(struct mesh_control_server *s, struct mesh_list *list)
{
	while (!mesh_list_is_empty(list))
		free_stream(s,
		    MESH_CONTAINER(list->next, struct stream, link));
}

void
mesh_server_free_streams(struct mesh_control_server *s)
{
	free_list(s, &s->streams);
	free_list(s, &s->gone);
}

/* --- requests come in: the calls of struct mesh_h2_ops */

static struct mesh_h2_stream *
on_begin(void *arg)
{
	struct mesh_control_server *s = arg;
	struct stream *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	mesh_buf_init(&st->path, MESH_CONTROL_PATH_MAX);
	mesh_buf_init(&st->body, s->request_max);
	st->deadline = mesh_time_add(s->now, MESH_CONTROL_BODY_NS);
	mesh_list_append(&s->streams, &st->link);
	return &st->h2;
}

static int
on_field(void *arg, struct mesh_h2_stream *h2, struct mesh_str name,
    struct mesh_str value)
{
	struct stream *st = (struct stream *)h2;

	(void)arg;
	if (mesh_str_eq(name, ":method"))
		return mesh_str_copy(value, st->method, sizeof(st->method));
	if (mesh_str_eq(name, ":path"))
		return mesh_buf_add(&st->path, value.p, value.len);
	return MESH_OK;
}

static void
refuse_body(struct mesh_control_server *s, struct stream *st)
{
	release_request(s, st);
	(void)mesh_control_server_respond(s, st->h2.id, 413, "text/plain",
	    MESH_STR("request body too large\n"));
}

/* A request that nobody was told of, and nobody will. */
static void
give_up(struct mesh_control_server *s, struct stream *st, uint32_t code)
{
	release_request(s, st);
	st->stage = STREAM_ANSWERED;
	st->deadline = MESH_NEVER;
	mesh_h2_reset(&s->h2, &st->h2, code);
}

static void
on_data(void *arg, struct mesh_h2_stream *h2, const uint8_t *p, size_t len)
{
	struct stream *st = (struct stream *)h2;
	struct mesh_control_server *s = arg;

	mesh_h2_consume(&s->h2, h2, len);
	if (st->stage != STREAM_RECEIVING)
		return;
	if (len > s->request_max - s->held) {
		refuse_body(s, st);
	} else if (mesh_buf_add(&st->body, p, len) == MESH_OK) {
		s->held += len;
	} else {
		give_up(s, st, NGHTTP2_INTERNAL_ERROR);
	}
}

static void
on_end(void *arg, struct mesh_h2_stream *h2)
{
	struct stream *st = (struct stream *)h2;

	(void)arg;
	if (st->stage != STREAM_RECEIVING)
		return;
	st->stage = STREAM_WAITING;
	st->deadline = MESH_NEVER;
}

/* The caller is told of streams that it knows and has not ended. */
static void
on_close(void *arg, struct mesh_h2_stream *h2, uint32_t code)
{
	struct stream *st = (struct stream *)h2;
	struct mesh_control_server *s = arg;
	bool known = st->stage == STREAM_TOLD ||
	    (st->stage == STREAM_ANSWERED && st->open && !h2->ended);

	(void)code;
	if (!known) {
		free_stream(s, st);
		return;
	}
	mesh_h2_stream_release(&s->h2, h2);
	release_request(s, st);
	mesh_list_remove(&st->link);
	mesh_list_append(&s->gone, &st->link);
}

const struct mesh_h2_ops mesh_server_h2_ops = {
    .begin = on_begin,
    .field = on_field,
    .data = on_data,
    .end = on_end,
    .close = on_close,
};

/* --- events */

static void
forget_told(struct mesh_control_server *s)
{
	if (s->told != NULL)
		release_request(s, s->told);
	s->told = NULL;
}

static struct mesh_str
buf_str(const struct mesh_buf *b)
{
	return (struct mesh_str){(const char *)b->data, b->len};
}

static bool
tell_request(struct mesh_control_server *s,
    struct mesh_control_server_event *ev)
{
	for (struct mesh_list *l = s->streams.next; l != &s->streams;
	     l = l->next) {
		struct stream *st = MESH_CONTAINER(l, struct stream, link);

		if (st->stage != STREAM_WAITING)
			continue;
		st->stage = STREAM_TOLD;
		s->told = st;
		ev->kind = MESH_CONTROL_SERVER_REQUEST;
		ev->stream = st->h2.id;
		ev->method = mesh_str(st->method);
		ev->path = buf_str(&st->path);
		ev->body = buf_str(&st->body);
		return true;
	}
	return false;
}

static void
tell_dh(struct mesh_control_server *s, struct mesh_control_server_event *ev)
{
	s->shaking->want_dh = false;
	s->shaking->asked = true;
	ev->kind = MESH_CONTROL_SERVER_DH;
	memcpy(ev->point, s->shaking->handshake.point, sizeof(ev->point));
}

static void
tell_gone(struct mesh_control_server *s, struct mesh_control_server_event *ev)
{
	struct stream *st = MESH_CONTAINER(s->gone.next, struct stream, link);

	ev->kind = MESH_CONTROL_SERVER_GONE;
	ev->stream = st->h2.id;
	free_stream(s, st);
}

static void
tell_closed(struct mesh_control_server *s,
    struct mesh_control_server_event *ev)
{
	s->closed_told = true;
	ev->kind = MESH_CONTROL_SERVER_CLOSED;
	ev->err = s->err;
	if (s->diag != NULL)
		ev->diag = *s->diag;
}

bool
mesh_control_server_event(struct mesh_control_server *s,
    struct mesh_control_server_event *out_ev)
{
	struct mesh_control_server_event ev = {0};
	bool some = true;

	forget_told(s);
	if (s->closed) {
		some = !s->closed_told;
		if (some)
			tell_closed(s, &ev);
	} else if (s->shaking != NULL && s->shaking->want_dh) {
		tell_dh(s, &ev);
	} else if (s->open && !s->connected_told) {
		s->connected_told = true;
		ev.kind = MESH_CONTROL_SERVER_CONNECTED;
	} else if (!mesh_list_is_empty(&s->gone)) {
		tell_gone(s, &ev);
	} else {
		some = tell_request(s, &ev);
	}
	if (some)
		*out_ev = ev;
	return some;
}

/* --- answers */

/* The stream that waits for an answer. */
static int
find_told(struct mesh_control_server *s, int32_t id, struct stream **out)
{
	struct stream *st;

	if (s->closed || !s->open)
		return MESH_ERR_NOTFOUND;
	st = (struct stream *)mesh_h2_find(&s->h2, id);
	if (st == NULL)
		return MESH_ERR_NOTFOUND;
	if (st->stage == STREAM_ANSWERED)
		return MESH_ERR_STATE;
	*out = st;
	return MESH_OK;
}

static int
find_open(struct mesh_control_server *s, int32_t id, struct stream **out)
{
	struct stream *st;

	if (s->closed || !s->open)
		return MESH_ERR_NOTFOUND;
	st = (struct stream *)mesh_h2_find(&s->h2, id);
	if (st == NULL)
		return MESH_ERR_NOTFOUND;
	if (!st->open || st->h2.ended)
		return MESH_ERR_STATE;
	*out = st;
	return MESH_OK;
}

/* A node that misses an answer or a delta knows something wrong: better it
 * comes again. */
static int
fail_if(struct mesh_control_server *s, int err)
{
	if (err != MESH_OK)
		(void)mesh_server_fail(s, err, "cannot answer: %s",
		    mesh_strerror(err));
	return err;
}

static int
send_body(struct mesh_control_server *s, struct stream *st,
    struct mesh_str body)
{
	struct mesh_blob *b = mesh_blob_new(body.p, body.len);
	int err;

	if (b == NULL)
		return MESH_ERR_NOMEM;
	err = mesh_h2_add(&s->h2, &st->h2, b);
	mesh_blob_unref(b);
	if (err == MESH_OK)
		err = mesh_h2_end(&s->h2, &st->h2);
	return err;
}

int
mesh_control_server_respond(struct mesh_control_server *s, int32_t stream,
    int status, const char *content_type, struct mesh_str body)
{
	char status_text[4], length_text[24];
	struct mesh_h2_field fields[3] = {{":status", {0}}};
	struct stream *st;
	size_t count = 1;
	bool with_body;
	int err = find_told(s, stream, &st);

	if (err != MESH_OK)
		return err;
	if (mesh_format(status_text, sizeof(status_text), "%03d", status) !=
	    MESH_OK)
		return MESH_ERR_ARG;
	(void)mesh_format(length_text, sizeof(length_text), "%zu", body.len);
	fields[0].value = mesh_str(status_text);
	if (status != 204) /* RFC 9110 8.6 */
		fields[count++] = (struct mesh_h2_field){"content-length",
		    mesh_str(length_text)};
	if (content_type != NULL && body.len > 0)
		fields[count++] = (struct mesh_h2_field){"content-type",
		    mesh_str(content_type)};
	with_body = body.len > 0 && strcmp(st->method, "HEAD") != 0;
	err = mesh_h2_respond(&s->h2, &st->h2, fields, count, with_body);
	st->stage = STREAM_ANSWERED;
	st->deadline = MESH_NEVER;
	if (err == MESH_OK && with_body)
		err = send_body(s, st, body);
	return fail_if(s, err);
}

static struct mesh_time
next_keepalive(const struct mesh_control_server *s, const struct stream *st,
    struct mesh_time now)
{
	return st->keep_alive ? mesh_time_add(now, s->keepalive_ns)
			      : MESH_NEVER;
}

int
mesh_control_server_open(struct mesh_control_server *s, int32_t stream,
    bool zstd, bool keep_alive, struct mesh_time now)
{
	static const struct mesh_h2_field fields[] = {
	    {":status", {"200", 3}},
	};
	struct stream *st;
	int err = find_told(s, stream, &st);

	if (err != MESH_OK)
		return err;
	err = mesh_h2_respond(&s->h2, &st->h2, fields, 1, true);
	st->stage = STREAM_ANSWERED;
	st->open = true;
	st->zstd = zstd;
	st->keep_alive = keep_alive;
	st->deadline = next_keepalive(s, st, now);
	return fail_if(s, err);
}

/* May so many bytes more wait? */
static bool
has_room(const struct mesh_control_server *s, struct stream *st, size_t len)
{
	if (st->h2.queued == 0) {
		st->behind = 0;
		return true;
	}
	if (st->behind > st->h2.queued)
		st->behind = st->h2.queued;
	if (len > s->queue_max || st->behind > s->queue_max - len)
		return false;
	st->behind += len;
	return true;
}

int
mesh_control_server_push_all(struct mesh_control_server *s, int32_t stream,
    struct mesh_blob *const *pieces, size_t count, struct mesh_time now)
{
	struct stream *st;
	size_t len = 0;
	int err = find_open(s, stream, &st);

	for (size_t i = 0; i < count; i++)
		len += pieces[i]->len;
	if (err != MESH_OK)
		return err;
	if (!has_room(s, st, len)) {
		s->mute = true;
		return mesh_server_fail(s, MESH_ERR_LIMIT,
		    "node reads too slowly: %zu bytes wait", st->h2.queued);
	}
	st->deadline = next_keepalive(s, st, now);
	for (size_t i = 0; i < count && err == MESH_OK; i++)
		err = mesh_h2_add(&s->h2, &st->h2, pieces[i]);
	return fail_if(s, err);
}

int
mesh_control_server_push(struct mesh_control_server *s, int32_t stream,
    struct mesh_blob *frames, struct mesh_time now)
{
	return mesh_control_server_push_all(s, stream, &frames, 1, now);
}

int
mesh_control_server_end(struct mesh_control_server *s, int32_t stream)
{
	struct stream *st;
	int err = find_open(s, stream, &st);

	if (err != MESH_OK)
		return err;
	st->deadline = MESH_NEVER;
	return mesh_h2_end(&s->h2, &st->h2);
}

static void
push_keepalive(struct mesh_control_server *s, struct stream *st,
    struct mesh_time now)
{
	struct mesh_blob *b = st->zstd
	    ? mesh_blob_new(mesh_keepalive_zstd, sizeof(mesh_keepalive_zstd))
	    : mesh_blob_new(mesh_keepalive_plain,
		  sizeof(mesh_keepalive_plain));

	st->deadline = next_keepalive(s, st, now);
	if (b == NULL)
		return; /* the client's watchdog allows for one that is lost */
	(void)mesh_h2_add(&s->h2, &st->h2, b);
	mesh_blob_unref(b);
}

static void
tick_stream(struct mesh_control_server *s, struct stream *st,
    struct mesh_time now)
{
	if (st->stage == STREAM_RECEIVING)
		give_up(s, st, NGHTTP2_CANCEL);
	else if (st->h2.queued > 0)
		/* While bytes wait, more of them keep nobody alive. */
		st->deadline = next_keepalive(s, st, now);
	else
		push_keepalive(s, st, now);
}

void
mesh_server_tick_streams(struct mesh_control_server *s, struct mesh_time now)
{
	for (struct mesh_list *l = s->streams.next; l != &s->streams;
	     l = l->next) {
		struct stream *st = MESH_CONTAINER(l, struct stream, link);

		if (mesh_time_due(st->deadline, now))
			tick_stream(s, st, now);
	}
}
