/* SPDX-License-Identifier: ISC
 * front_link.c - what the core says, and to whom it goes (front.h).
 */
#include "front.h"

#include "common/log.h"
#include "msg.h"

#include <control/msg.h>
#include <stdlib.h>

#define BATCH 256 /* messages at a time, then the loop goes on */

void
front_send(struct front *f, enum link_type type, const void *body, size_t len)
{
	int err = link_send(&f->core, type, body, len);

	if (err != MESH_OK && f->core.fd >= 0) {
		log_err("link to the core failed: %s", mesh_strerror(err));
		front_stop(f, EXIT_FAILURE);
		return;
	}
	if (link_wants_write(&f->core))
		event_add(f->core_write, NULL);
}

void
front_gone(struct front *f, uint64_t req)
{
	uint8_t body[8];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	mesh_wr_u64be(&w, req);
	front_send(f, LINK_GONE, body, w.len);
}

/* --- handlers: false ends the core. Requests that are gone meanwhile are no
 * error: the news of that is on its way. */

static bool
on_hello(struct front *f, struct mesh_rd *r)
{
	struct msg_hello m;

	if (!msg_read_hello(r, &m) || !mesh_str_eq(m.build, PACKAGE_VERSION))
		return false;
	f->key = m.key;
	event_add(f->accept, NULL);
	if (f->accept_plain != NULL)
		event_add(f->accept_plain, NULL);
	link_send(&f->main, LINK_UP, NULL, 0);
	return true;
}

static bool
on_dh_result(struct front *f, struct mesh_rd *r)
{
	struct msg_dh_result m;
	struct front_conn *k;

	if (!msg_read_dh_result(r, &m))
		return false;
	k = mesh_map_get(&f->conns, &m.conn);
	if (k == NULL || k->session == NULL)
		return true;
	if (mesh_control_server_dh(k->session, m.ok ? m.result : NULL,
		front_now()) != MESH_OK)
		k->closing = true;
	conn_drive(k);
	return true;
}

static void
register_response(const struct front *f, const struct register_answer *a,
    struct mesh_buf *out)
{
	char url[1024];
	struct mesh_register_response m = {
	    .user = {.id = a->user, .display_name = a->owner,
		.created = {.sec = a->user_created}},
	    .login = {.id = a->user, .login_name = a->owner,
		.display_name = a->owner},
	    .node_key_expired = a->kind == REGISTER_EXPIRED,
	    .machine_authorized = a->kind == REGISTER_DONE,
	    .error = a->error,
	};

	if (a->kind == REGISTER_AUTH_URL) {
		mesh_format(url, sizeof(url), "%.*s/register/%s",
		    MESH_STR_ARG(f->cfg.url), a->id);
		m.auth_url = url;
	}
	(void)mesh_register_response_write(&m, out);
}

static bool
on_registered(struct front *f, struct mesh_rd *r)
{
	struct register_answer a;
	struct front_conn *k;
	struct front_req *req;
	struct mesh_buf body;

	if (!msg_read_registered(r, &a))
		return false;
	if ((req = mesh_map_get(&f->reqs, &a.req)) == NULL)
		return true;
	k = req->conn;
	mesh_buf_init(&body, 8192);
	register_response(f, &a, &body);
	(void)mesh_control_server_respond(k->session, req->stream,
	    body.failed ? 500 : 200, "application/json",
	    (struct mesh_str){(const char *)body.data, body.len});
	mesh_buf_release(&body);
	control_req_free(req);
	conn_drive(k);
	return true;
}

static bool
on_status(struct front *f, struct mesh_rd *r)
{
	struct msg_status m;
	struct front_req *req;
	struct front_conn *k;

	if (!msg_read_status(r, &m))
		return false;
	if ((req = mesh_map_get(&f->reqs, &m.req)) == NULL)
		return true;
	k = req->conn;
	if (m.status == 200 && !req->lite) {
		req->open = mesh_control_server_open(k->session, req->stream,
		    req->zstd, req->keep_alive, front_now()) == MESH_OK;
	} else {
		(void)mesh_control_server_respond(k->session, req->stream,
		    m.status, NULL, m.status == 404
		    ? MESH_STR("node is not known") : MESH_STR(""));
		control_req_free(req);
	}
	conn_drive(k);
	return true;
}

static bool
on_end(struct front *f, struct mesh_rd *r)
{
	struct front_req *req;
	struct front_conn *k;
	uint64_t id;

	if (!msg_read_req(r, &id))
		return false;
	if ((req = mesh_map_get(&f->reqs, &id)) == NULL)
		return true;
	k = req->conn;
	(void)mesh_control_server_end(k->session, req->stream);
	control_req_free(req);
	conn_drive(k);
	return true;
}

static bool
on_verdict(struct front *f, struct mesh_rd *r)
{
	uint64_t id = mesh_rd_u64be(r);
	bool allow = mesh_rd_u8(r) == 1;
	struct front_conn *k;

	if (!mesh_rd_done(r))
		return false;
	k = mesh_map_get(&f->conns, &id);
	if (k == NULL || k->phase != CONN_VERIFY)
		return true;
	http_verdict(k, allow);
	conn_drive(k);
	return true;
}

static bool
on_answer(struct front *f, struct mesh_rd *r)
{
	struct msg_answer m;
	struct front_req *req;
	struct front_conn *k;

	if (!msg_read_answer(r, &m))
		return false;
	if ((req = mesh_map_get(&f->reqs, &m.req)) == NULL)
		return true;
	k = req->conn;
	(void)mesh_control_server_respond(k->session, req->stream, m.status,
	    m.status == 200 ? "application/json" : "text/plain", m.text);
	control_req_free(req);
	conn_drive(k);
	return true;
}

/* The text as frames, plain or compressed: made once, when the first stream
 * wants it so. */
static struct mesh_blob *
frame_blob(struct front *f, struct mesh_str text, bool zstd)
{
	struct mesh_buf *b = zstd ? &f->packed : &f->plain;
	struct mesh_blob *blob = NULL;

	mesh_buf_clear(b);
	if (mesh_frame_writer_add(f->frames, text.p, text.len, zstd, b) ==
	    MESH_OK)
		blob = mesh_blob_new(b->data, b->len);
	if (b->len > FRONT_OUT_MAX)
		mesh_buf_release(b); /* a whole map: not kept for news */
	return blob;
}

static bool
on_frame(struct front *f, struct mesh_rd *r)
{
	struct mesh_blob *blobs[2] = {NULL, NULL};
	struct msg_frame m;

	if (!msg_read_frame(r, &m))
		return false;
	for (uint32_t i = 0; i < m.count; i++) {
		uint64_t id = mesh_rd_u64be(&m.reqs);
		struct front_req *req = mesh_map_get(&f->reqs, &id);

		if (req == NULL || !req->open)
			continue;
		if (blobs[req->zstd] == NULL)
			blobs[req->zstd] = frame_blob(f, m.text, req->zstd);
		if (blobs[req->zstd] == NULL ||
		    mesh_control_server_push(req->conn->session, req->stream,
			blobs[req->zstd], front_now()) != MESH_OK)
			/* A lost frame is a wrong netmap: the node asks anew. */
			(void)mesh_control_server_end(req->conn->session,
			    req->stream);
		conn_drive(req->conn);
	}
	mesh_blob_unref(blobs[0]);
	mesh_blob_unref(blobs[1]);
	return true;
}

/* --- whole maps */

/* A part of a frame, compressed, behind room for a head. */
static struct mesh_blob *
part_blob(struct front *f, struct mesh_str text, bool head)
{
	static const uint8_t room[MESH_FRAME_HEAD];
	struct mesh_buf *b = &f->packed;

	mesh_buf_clear(b);
	if ((head && mesh_buf_add(b, room, sizeof(room)) != MESH_OK) ||
	    mesh_frame_writer_part(f->frames, text.p, text.len, b) != MESH_OK)
		return NULL;
	return mesh_blob_new(b->data, b->len);
}

static bool
on_part(struct front *f, struct mesh_rd *r)
{
	struct msg_part m;

	if (!msg_read_part(r, &m))
		return false;
	mesh_blob_unref(f->parts[m.index]);
	f->parts[m.index] = part_blob(f, m.text, false);
	return true;
}

/* Fills pieces, of which the first and the last are the caller's. */
static int
whole_pieces(struct front *f, struct msg_whole *m,
    struct mesh_blob *pieces[static MSG_PARTS_MAX + 2])
{
	size_t last = m->count + 1, len = 0;

	pieces[0] = part_blob(f, m->head, true);
	pieces[last] = part_blob(f, m->tail, false);
	for (size_t i = 1; i < last; i++) {
		uint32_t index = mesh_rd_u32be(&m->parts);

		pieces[i] = index < MSG_PARTS_MAX ? f->parts[index] : NULL;
	}
	for (size_t i = 0; i <= last; i++) {
		if (pieces[i] == NULL)
			return MESH_ERR_NOMEM;
		len += pieces[i]->len;
	}
	if (len > MESH_FRAME_MAX)
		return MESH_ERR_LIMIT;
	mesh_frame_head(len - MESH_FRAME_HEAD, pieces[0]->data);
	return MESH_OK;
}

static bool
on_whole(struct front *f, struct mesh_rd *r)
{
	struct mesh_blob *pieces[MSG_PARTS_MAX + 2] = {NULL};
	struct front_req *req;
	struct front_conn *k;
	struct msg_whole m;

	if (!msg_read_whole(r, &m))
		return false;
	req = mesh_map_get(&f->reqs, &m.req);
	if (req == NULL || !req->open)
		return true;
	k = req->conn;
	if (whole_pieces(f, &m, pieces) != MESH_OK ||
	    mesh_control_server_push_all(k->session, req->stream, pieces,
		m.count + 2, front_now()) != MESH_OK)
		(void)mesh_control_server_end(k->session, req->stream);
	mesh_blob_unref(pieces[0]);
	mesh_blob_unref(pieces[m.count + 1]);
	conn_drive(k);
	return true;
}

static bool
handle(struct front *f, struct link_msg *m)
{
	switch (m->type) {
	case LINK_HELLO:
		return on_hello(f, &m->body);
	case LINK_DH_RESULT:
		return on_dh_result(f, &m->body);
	case LINK_REGISTERED:
		return on_registered(f, &m->body);
	case LINK_STATUS:
		return on_status(f, &m->body);
	case LINK_FRAME:
		return on_frame(f, &m->body);
	case LINK_PART:
		return on_part(f, &m->body);
	case LINK_WHOLE:
		return on_whole(f, &m->body);
	case LINK_END:
		return on_end(f, &m->body);
	case LINK_ANSWER:
		return on_answer(f, &m->body);
	case LINK_VERDICT:
		return on_verdict(f, &m->body);
	default: /* the link's table lets nothing else through */
		return false;
	}
}

void
front_core_read(struct front *f)
{
	struct link_msg m;
	int err = MESH_OK;
	bool fair = true;

	for (int i = 0; i < BATCH && fair; i++) {
		if ((err = link_recv(&f->core, &m)) != MESH_OK)
			break;
		fair = handle(f, &m);
		if (!fair)
			log_err("core sent a malformed message type=%s",
			    link_type_name(m.type));
		link_msg_release(&m);
	}
	if (err == MESH_ERR_PROTO)
		log_err("core broke the link: %s", link_fault(&f->core));
	if (!fair || (err != MESH_OK && err != MESH_ERR_AGAIN))
		front_stop(f, EXIT_FAILURE);
}
