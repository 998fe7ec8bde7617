/* SPDX-License-Identifier: ISC */
#include "client_int.h"

#include "control/c2n.h"
#include "control/retry.h"

/* The arena of a map's scalars and of other small messages is emptied with the
 * event that pointed into it. */
static void
forget_told(struct mesh_control_client *c)
{
	if (c->told != NULL)
		mesh_client_drop_request(c, c->told);
	c->told = NULL;
	if (c->ping == NULL)
		mesh_arena_release(&c->arena);
}

/* --- answers */

static void
describe(const struct request *req, struct mesh_control_client_event *ev)
{
	ev->id = req->id;
	ev->status = req->status;
	ev->err = req->err;
	ev->diag = req->diag;
	ev->text = (struct mesh_str){(const char *)req->body.data,
	    req->body.len};
	if (ev->err == MESH_OK && req->status != 200)
		ev->err = MESH_ERR_REFUSED;
	if (req->status == 429)
		ev->retry_ns = mesh_retry_after(mesh_str(req->retry_after),
		    mesh_str(req->date));
}

static void
read_register(struct mesh_control_client *c,
    struct mesh_control_client_event *ev)
{
	struct mesh_register_response *m = mesh_arena_calloc(&c->arena, 1,
	    sizeof(*m));

	ev->err = MESH_ERR_NOMEM;
	if (m != NULL)
		ev->err = mesh_register_response_parse(ev->text.p,
		    ev->text.len, &c->arena, m, &ev->diag);
	if (ev->err != MESH_OK)
		return;
	ev->outcome = mesh_register_outcome(m);
	ev->reg = m;
}

static void
tell_done(struct mesh_control_client *c, struct mesh_control_client_event *ev)
{
	struct request *req = MESH_CONTAINER(c->done.next, struct request,
	    link);

	c->told = req;
	describe(req, ev);
	ev->kind = MESH_CONTROL_RESPONSE;
	if (req->kind != REQUEST_REGISTER)
		return;
	ev->kind = MESH_CONTROL_REGISTER;
	if (ev->err == MESH_OK)
		read_register(c, ev);
}

/* --- pings */

/* A request of our own, whose answer nobody needs. */
static void
answer_ping(struct mesh_control_client *c, const char *method,
    struct mesh_str path, const struct mesh_buf *body)
{
	char path_text[MESH_URL_PATH_MAX + 1];
	struct mesh_control_request what = {.method = method,
	    .path = path_text};
	struct request *req;

	if (mesh_str_copy(path, path_text, sizeof(path_text)) != MESH_OK)
		return;
	if (body != NULL)
		what.body = (struct mesh_str){(const char *)body->data,
		    body->len};
	(void)mesh_client_submit(c, REQUEST_SILENT, &what,
	    MESH_CONTROL_ANSWER_NS, &req);
}

static void
answer_c2n(struct mesh_control_client *c, const struct mesh_ping_request *ping,
    struct mesh_str path)
{
	struct mesh_buf body;

	mesh_buf_init(&body, MESH_C2N_REQUEST_MAX + MESH_HTTP_HEAD_MAX);
	if (ping->payload != NULL &&
	    mesh_c2n_answer(ping->payload, &body) == MESH_OK)
		answer_ping(c, "POST", path, &body);
	mesh_buf_release(&body);
}

/* Each URL once; what the channel itself can answer is answered here. */
static void
consider_ping(struct mesh_control_client *c,
    const struct mesh_ping_request *ping)
{
	struct mesh_str url, path;
	bool typed;

	if (ping == NULL || ping->url == NULL)
		return;
	url = mesh_str(ping->url);
	path = mesh_url_path(ping->url);
	if (mesh_str_eq(url, c->last_ping) ||
	    mesh_str_copy(url, c->last_ping, sizeof(c->last_ping)) != MESH_OK)
		return;
	typed = ping->types != NULL && *ping->types != 0;
	if (typed && strcmp(ping->types, "c2n") == 0)
		answer_c2n(c, ping, path);
	else if (!typed && ping->url_is_noise)
		answer_ping(c, "HEAD", path, NULL);
	else
		c->ping = ping;
}

static void
tell_ping(struct mesh_control_client *c, struct mesh_control_client_event *ev)
{
	ev->kind = MESH_CONTROL_PING;
	ev->ping = c->ping;
	c->ping = NULL;
}

/* --- the map stream */

static void
end_map(struct mesh_control_client *c, struct request *req, int err,
    struct mesh_control_client_event *ev)
{
	c->map = NULL;
	c->told = req;
	describe(req, ev);
	ev->kind = MESH_CONTROL_MAP_END;
	if (err != MESH_OK)
		ev->err = err;
	if (req->status == 200)
		ev->text = (struct mesh_str){0};
}

static void
tell_message(struct mesh_control_client *c, struct request *req,
    struct mesh_str text, struct mesh_control_client_event *ev)
{
	struct mesh_map_head *head = mesh_arena_calloc(&c->arena, 1,
	    sizeof(*head));
	int err = MESH_ERR_NOMEM;

	if (head != NULL)
		err = mesh_map_head_parse(text.p, text.len, &c->arena, head,
		    &req->diag);
	if (err == MESH_OK && !head->keep_alive && !req->greeted &&
	    head->node.len == 0)
		err = mesh_fail(&req->diag, MESH_ERR_FORMAT,
		    "first map message has no Node");
	if (err != MESH_OK) {
		end_map(c, req, err, ev);
		return;
	}
	ev->id = req->id;
	ev->map = head;
	ev->kind =
	    head->keep_alive ? MESH_CONTROL_KEEPALIVE : MESH_CONTROL_MAP;
	if (!head->keep_alive) {
		ev->text = text;
		req->greeted = true;
	}
	consider_ping(c, head->ping);
}

/* Decodes the next message out of what has come. */
static int
next_message(struct mesh_control_client *c, struct request *req,
    struct mesh_str *out_text)
{
	const uint8_t *p =
	    req->body.len > 0 ? req->body.data : (const uint8_t *)"";
	size_t used = 0;
	int err = mesh_frame_reader_input(req->reader, p, req->body.len, &used,
	    out_text, &req->diag);

	mesh_buf_consume(&req->body, used);
	if (used > 0)
		mesh_h2_consume(&c->h2, req->over ? NULL : &req->h2, used);
	if (req->body.len == 0)
		mesh_buf_release(&req->body);
	return err;
}

static bool
tell_map(struct mesh_control_client *c, struct mesh_control_client_event *ev)
{
	struct request *req = c->map;
	struct mesh_str text;
	int err = MESH_ERR_AGAIN;

	if (req->status == 200)
		err = next_message(c, req, &text);
	if (err == MESH_OK) {
		tell_message(c, req, text, ev);
		return true;
	}
	if (err == MESH_ERR_AGAIN) {
		if (!req->finished)
			return false;
		err = req->status == 200 ? req->err : MESH_OK;
		if (req->status == 200 && err == MESH_OK)
			err = mesh_fail(&req->diag, MESH_ERR_CLOSED,
			    mesh_frame_reader_partial(req->reader)
				? "server ended the map stream within a "
				  "message"
				: "server ended the map stream");
	}
	end_map(c, req, err, ev);
	return true;
}

bool
mesh_control_client_event(struct mesh_control_client *c,
    struct mesh_control_client_event *out_ev)
{
	struct mesh_control_client_event ev = {0};
	bool some = true;

	forget_told(c);
	if (c->shaken && !c->ready_told) {
		c->ready_told = true;
		ev.kind = MESH_CONTROL_READY;
	} else if (c->ping != NULL) {
		tell_ping(c, &ev);
	} else if (!mesh_list_is_empty(&c->done)) {
		tell_done(c, &ev);
	} else if (c->map != NULL && tell_map(c, &ev)) {
		/* told */
	} else if (c->state == CLIENT_CLOSED && !c->closed_told) {
		c->closed_told = true;
		ev.kind = MESH_CONTROL_CLOSED;
		ev.err = c->err;
		ev.diag = c->diag;
	} else {
		some = false;
	}
	if (some)
		*out_ev = ev;
	return some;
}
