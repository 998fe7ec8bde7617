/* SPDX-License-Identifier: ISC */
#include "client_int.h"

#include <stdlib.h>

/* --- the table of requests */

void
mesh_client_free_request(struct mesh_control_client *c, struct request *req)
{
	mesh_list_remove(&req->link);
	mesh_h2_stream_release(&c->h2, &req->h2);
	mesh_frame_reader_free(req->reader);
	mesh_buf_wipe(&req->body);
	if (c->map == req)
		c->map = NULL;
	if (c->told == req)
		c->told = NULL;
	c->request_count--;
	free(req);
}

static struct request *
add_request(struct mesh_control_client *c, enum request_kind kind,
    uint64_t timeout_ns)
{
	struct request *req = calloc(1, sizeof(*req));

	if (req == NULL)
		return NULL;
	req->kind = kind;
	req->id = ++c->last_id ? c->last_id : ++c->last_id;
	req->body_max = MESH_CONTROL_BODY_MAX;
	mesh_buf_init(&req->body,
	    kind == REQUEST_MAP ? MESH_H2_CLIENT_WINDOW
				: MESH_CONTROL_BODY_MAX);
	req->timeout_ns = timeout_ns;
	req->deadline = timeout_ns ? mesh_time_add(c->now, timeout_ns)
				   : MESH_NEVER;
	mesh_list_append(&c->active, &req->link);
	c->request_count++;
	return req;
}

static void
reset_request(struct mesh_control_client *c, struct request *req)
{
	if (!req->over && !req->reset)
		mesh_h2_reset(&c->h2, &req->h2, NGHTTP2_CANCEL);
	req->reset = true;
}

/* What the request came to is known: the next events tell. The end of the map
 * stream is told behind its last frame. */
static void
finish_request(struct mesh_control_client *c, struct request *req, int err)
{
	if (req->finished)
		return;
	req->finished = true;
	req->deadline = MESH_NEVER;
	if (req->err == MESH_OK)
		req->err = err;
	if (req->kind == REQUEST_SILENT) {
		req->cancelled = true;
	} else if (req->kind != REQUEST_MAP) {
		mesh_list_remove(&req->link);
		mesh_list_append(&c->done, &req->link);
	}
}

void
mesh_client_drop_request(struct mesh_control_client *c, struct request *req)
{
	if (c->map == req)
		c->map = NULL;
	if (c->told == req)
		c->told = NULL;
	if (req->kind == REQUEST_MAP && req->body.len > 0)
		mesh_h2_consume(&c->h2, NULL, req->body.len);
	if (req->over || c->state == CLIENT_CLOSED) {
		mesh_client_free_request(c, req);
		return;
	}
	/* nghttp2 knows it still: freed when the stream closes. */
	mesh_buf_release(&req->body);
	req->cancelled = true;
	req->finished = true;
	req->deadline = MESH_NEVER;
	mesh_list_remove(&req->link);
	mesh_list_append(&c->active, &req->link);
	reset_request(c, req);
}

/* --- the requests go out */

static int
send_body(struct mesh_control_client *c, struct request *req,
    struct mesh_str body)
{
	struct mesh_blob *b;
	int err;

	if (body.len == 0)
		return MESH_OK;
	b = mesh_blob_new(body.p, body.len);
	if (b == NULL)
		return MESH_ERR_NOMEM;
	err = mesh_h2_add(&c->h2, &req->h2, b);
	mesh_blob_unref(b);
	if (err == MESH_OK)
		err = mesh_h2_end(&c->h2, &req->h2);
	return err;
}

static int
send_request(struct mesh_control_client *c, struct request *req,
    const struct mesh_control_request *what)
{
	struct mesh_h2_field fields[5] = {
	    {":method", mesh_str(what->method)},
	    {":scheme", MESH_STR("https")},
	    {":authority", mesh_str(c->authority)},
	    {":path", mesh_str(what->path)},
	};
	size_t count = 4;
	int err;

	if (what->content_type != NULL)
		fields[count++] = (struct mesh_h2_field){"content-type",
		    mesh_str(what->content_type)};
	err = mesh_h2_request(&c->h2, &req->h2, fields, count,
	    what->body.len > 0);
	if (err != MESH_OK)
		return err;
	return send_body(c, req, what->body);
}

int
mesh_client_submit(struct mesh_control_client *c, enum request_kind kind,
    const struct mesh_control_request *what, uint64_t timeout_ns,
    struct request **out)
{
	struct request *req;
	int err;

	if (c->state == CLIENT_CLOSED)
		return MESH_ERR_STATE;
	if (c->request_count >= MESH_CONTROL_REQUESTS_MAX ||
	    what->body.len > MESH_CONTROL_BODY_MAX)
		return MESH_ERR_LIMIT;
	req = add_request(c, kind, timeout_ns);
	if (req == NULL)
		return MESH_ERR_NOMEM;
	err = send_request(c, req, what);
	if (err != MESH_OK) {
		/* A stream without its body must not be sent: the session ends
		 * when nghttp2 holds it already. */
		if (req->h2.id != 0)
			(void)mesh_client_fail(c, err, "out of memory");
		else
			mesh_client_free_request(c, req);
		return err;
	}
	*out = req;
	return MESH_OK;
}

/* One message as the body of a POST. */
static int
submit_message(struct mesh_control_client *c, enum request_kind kind,
    const char *path, const struct mesh_buf *body, uint64_t timeout_ns,
    struct request **out)
{
	struct mesh_control_request what = {
	    .method = "POST",
	    .path = path,
	    .body = {(const char *)body->data, body->len},
	};

	return mesh_client_submit(c, kind, &what, timeout_ns, out);
}

static void
tell_id(const struct request *req, uint32_t *out_id)
{
	if (out_id != NULL)
		*out_id = req->id;
}

int
mesh_control_client_register(struct mesh_control_client *c,
    const struct mesh_register_request *req, struct mesh_time now,
    uint32_t *out_id)
{
	struct mesh_register_request m = *req;
	bool waits = m.followup != NULL && *m.followup != 0;
	struct mesh_buf body;
	struct request *r;
	int err;

	c->now = now;
	if (m.version == 0)
		m.version = c->version;
	mesh_buf_init(&body, MESH_CONTROL_BODY_MAX);
	err = mesh_register_request_write(&m, &body);
	if (err == MESH_OK)
		err = submit_message(c, REQUEST_REGISTER, "/machine/register",
		    &body, waits ? 0 : MESH_CONTROL_ANSWER_NS, &r);
	mesh_buf_wipe(&body); /* it may hold an auth key */
	if (err == MESH_OK)
		tell_id(r, out_id);
	return err;
}

static int
open_map(struct mesh_control_client *c, const struct mesh_map_request *m,
    const struct mesh_buf *body, struct request **out)
{
	bool zstd = m->compress != NULL && strcmp(m->compress, "zstd") == 0;
	struct mesh_frame_reader *reader = mesh_frame_reader_new(zstd,
	    c->frame_max, c->text_max);
	int err;

	if (reader == NULL)
		return MESH_ERR_NOMEM;
	if (c->map != NULL)
		mesh_client_drop_request(c, c->map);
	err = submit_message(c, REQUEST_MAP, "/machine/map", body,
	    MESH_CONTROL_WATCHDOG_NS, out);
	if (err != MESH_OK) {
		mesh_frame_reader_free(reader);
		return err;
	}
	(*out)->reader = reader;
	c->map = *out;
	return MESH_OK;
}

int
mesh_control_client_map(struct mesh_control_client *c,
    const struct mesh_map_request *req, struct mesh_time now, uint32_t *out_id)
{
	struct mesh_map_request m = *req;
	struct mesh_buf body;
	struct request *r;
	int err;

	c->now = now;
	if (m.version == 0)
		m.version = c->version;
	mesh_buf_init(&body, MESH_CONTROL_BODY_MAX);
	err = mesh_map_request_write(&m, &body);
	if (err == MESH_OK)
		err = m.stream ? open_map(c, &m, &body, &r)
			       : submit_message(c, REQUEST_OTHER,
				     "/machine/map", &body,
				     MESH_CONTROL_ANSWER_NS, &r);
	mesh_buf_release(&body);
	if (err == MESH_OK)
		tell_id(r, out_id);
	return err;
}

int
mesh_control_client_request(struct mesh_control_client *c,
    const struct mesh_control_request *req, struct mesh_time now,
    uint32_t *out_id)
{
	struct request *r;
	int err;

	c->now = now;
	err = mesh_client_submit(c, REQUEST_OTHER, req, MESH_CONTROL_ANSWER_NS,
	    &r);
	if (err == MESH_OK)
		tell_id(r, out_id);
	return err;
}

void
mesh_control_client_cancel(struct mesh_control_client *c, uint32_t id)
{
	struct mesh_list *const lists[] = {&c->active, &c->done};

	for (size_t i = 0; i < 2; i++)
		for (struct mesh_list *l = lists[i]->next; l != lists[i];
		     l = l->next) {
			struct request *req = MESH_CONTAINER(l, struct request,
			    link);

			if (req->id == id && !req->cancelled) {
				mesh_client_drop_request(c, req);
				return;
			}
		}
}

void
mesh_client_expire(struct mesh_control_client *c, struct mesh_time now)
{
	struct mesh_list *l = c->active.next, *next;

	for (; l != &c->active; l = next) {
		struct request *req = MESH_CONTAINER(l, struct request, link);

		next = l->next;
		if (!mesh_time_due(req->deadline, now))
			continue;
		(void)mesh_fail(&req->diag, MESH_ERR_TIMEOUT,
		    req->kind == REQUEST_MAP
			? "map stream: nothing came for 120 s"
			: "no answer in time");
		reset_request(c, req);
		finish_request(c, req, MESH_ERR_TIMEOUT);
	}
}

/* --- answers come in: the calls of struct mesh_h2_ops */

static void
keep_text(struct mesh_str value, char *out, size_t size)
{
	if (mesh_str_copy(value, out, size) != MESH_OK)
		out[0] = 0;
}

static int
on_field(void *arg, struct mesh_h2_stream *s, struct mesh_str name,
    struct mesh_str value)
{
	struct request *req = (struct request *)s;
	uint64_t status;

	(void)arg;
	if (mesh_str_eq(name, ":status") &&
	    mesh_parse_u64(value, 999, &status) == MESH_OK)
		req->status = (int)status;
	else if (mesh_str_eq(name, "retry-after"))
		keep_text(value, req->retry_after, sizeof(req->retry_after));
	else if (mesh_str_eq(name, "date"))
		keep_text(value, req->date, sizeof(req->date));
	if (req->status != 200 && req->status != 0)
		req->body_max = CLIENT_REFUSAL_MAX;
	return MESH_OK;
}

/* Frames of the map stream stay in the window until they are decoded. */
static bool
is_map_data(const struct request *req)
{
	return req->kind == REQUEST_MAP && req->status == 200;
}

static void
add_answer(struct mesh_control_client *c, struct request *req,
    const uint8_t *p, size_t len)
{
	size_t room = req->body_max - req->body.len;
	size_t n = len < room ? len : room;

	if (mesh_buf_add(&req->body, p, n) != MESH_OK)
		req->err = MESH_ERR_NOMEM;
	else if (n < len && req->status == 200)
		req->err = MESH_ERR_LIMIT;
	if (req->err != MESH_OK)
		reset_request(c, req);
}

static void
add_frames(struct mesh_control_client *c, struct request *req,
    const uint8_t *p, size_t len)
{
	if (mesh_buf_add(&req->body, p, len) == MESH_OK)
		return;
	req->err = MESH_ERR_NOMEM;
	mesh_h2_consume(&c->h2, &req->h2, len);
	reset_request(c, req);
}

static void
on_data(void *arg, struct mesh_h2_stream *s, const uint8_t *p, size_t len)
{
	struct request *req = (struct request *)s;
	struct mesh_control_client *c = arg;
	bool wanted = !req->finished && req->err == MESH_OK;

	if (wanted && req->timeout_ns != 0)
		req->deadline = mesh_time_add(c->now, req->timeout_ns);
	if (wanted && is_map_data(req)) {
		add_frames(c, req, p, len);
		return;
	}
	mesh_h2_consume(&c->h2, s, len);
	if (wanted)
		add_answer(c, req, p, len);
}

static void
on_end(void *arg, struct mesh_h2_stream *s)
{
	(void)arg;
	((struct request *)s)->ended = true;
}

static void
on_close(void *arg, struct mesh_h2_stream *s, uint32_t code)
{
	struct request *req = (struct request *)s;
	struct mesh_control_client *c = arg;

	req->over = true;
	if (!req->ended && !req->finished && req->err == MESH_OK)
		(void)mesh_fail(&req->diag, MESH_ERR_CLOSED,
		    "server ended the request (HTTP/2 code %u)",
		    (unsigned)code);
	finish_request(c, req, req->ended ? MESH_OK : MESH_ERR_CLOSED);
	if (req->cancelled)
		mesh_client_free_request(c, req);
}

const struct mesh_h2_ops mesh_client_h2_ops = {
    .field = on_field,
    .data = on_data,
    .end = on_end,
    .close = on_close,
};
