/* SPDX-License-Identifier: ISC
 * core_link.c - what the front asks, and what it is told (core.h).
 */
#include "core.h"

#include "common/exit.h"
#include "common/log.h"
#include "msg.h"

#include <base/secret.h>
#include <crypto/x25519.h>
#include <stdlib.h>

#define BATCH 256 /* messages at a time, then the loop goes on */

void
core_send(struct core *c, enum link_type type, const void *body, size_t len)
{
	int err = link_send(&c->front, type, body, len);

	if (err != MESH_OK && c->front.fd >= 0) {
		log_err("link to the front failed: %s", mesh_strerror(err));
		core_stop(c, EXIT_FAILURE);
		return;
	}
	if (link_wants_write(&c->front))
		event_add(c->front_write, NULL);
}

/* Writes a message of at most 4096 bytes and sends it. */
#define SEND(c, type, writer, message)                                         \
	do {                                                                   \
		uint8_t body_[4096];                                           \
		struct mesh_wr w_ = mesh_wr_init(body_, sizeof(body_));        \
		if (writer(&w_, message))                                      \
			core_send(c, type, body_, w_.len);                     \
	} while (0)

void
core_answer(struct core *c, const struct register_answer *answer)
{
	SEND(c, LINK_REGISTERED, msg_write_registered, answer);
}

void
core_status(struct core *c, uint64_t req, uint16_t status)
{
	struct msg_status m = {req, status};

	SEND(c, LINK_STATUS, msg_write_status, &m);
}

void
core_frame(void *core, const uint64_t *reqs, size_t count,
    struct mesh_str text)
{
	struct core *c = core;
	size_t head = 4 + 8 * count;
	uint8_t *p;
	struct mesh_wr w;

	mesh_buf_clear(&c->out);
	if ((p = mesh_buf_reserve(&c->out, head)) == NULL)
		return;
	w = mesh_wr_init(p, head);
	mesh_wr_u32be(&w, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		mesh_wr_u64be(&w, reqs[i]);
	mesh_buf_commit(&c->out, head);
	mesh_buf_add(&c->out, text.p, text.len);
	if (!c->out.failed)
		core_send(c, LINK_FRAME, c->out.data, c->out.len);
}

void
core_part(void *core, uint32_t index, struct mesh_str text)
{
	struct core *c = core;
	uint8_t head[4];
	struct mesh_wr w = mesh_wr_init(head, sizeof(head));

	mesh_wr_u32be(&w, index);
	mesh_buf_clear(&c->out);
	mesh_buf_add(&c->out, head, sizeof(head));
	mesh_buf_add(&c->out, text.p, text.len);
	if (!c->out.failed)
		core_send(c, LINK_PART, c->out.data, c->out.len);
}

void
core_whole(void *core, uint64_t req, const uint32_t *parts, size_t count,
    struct mesh_str text, size_t head_len)
{
	struct core *c = core;
	size_t fixed = 8 + 4 + 4 * count + 4;
	uint8_t *p;
	struct mesh_wr w;

	mesh_buf_clear(&c->out);
	if ((p = mesh_buf_reserve(&c->out, fixed)) == NULL)
		return;
	w = mesh_wr_init(p, fixed);
	mesh_wr_u64be(&w, req);
	mesh_wr_u32be(&w, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		mesh_wr_u32be(&w, parts[i]);
	mesh_wr_u32be(&w, (uint32_t)head_len);
	mesh_buf_commit(&c->out, fixed);
	mesh_buf_add(&c->out, text.p, text.len);
	if (!c->out.failed)
		core_send(c, LINK_WHOLE, c->out.data, c->out.len);
}

void
core_end(void *core, uint64_t req)
{
	uint8_t body[8];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	mesh_wr_u64be(&w, req);
	core_send(core, LINK_END, body, w.len);
}

void
core_sync(struct core *c)
{
	uint16_t status = 200;

	if (state_sync(c->state) != MESH_OK) {
		log_err("%s", c->state->error);
		status = 500;
	}
	for (size_t i = 0; i < c->lite_count; i++)
		core_status(c, c->lite[i], status);
	c->lite_count = 0;
}

void
core_check_answer(struct core *c, const struct sshcheck_answer *answer)
{
	struct msg_answer m = {.req = answer->req, .status = 200};
	struct mesh_buf text;

	mesh_buf_init(&text, 2048);
	if (answer->kind == SSHCHECK_UNKNOWN) {
		m.status = 404;
		m.text = MESH_STR("no such node");
	} else if (answer->kind == SSHCHECK_STRANGER) {
		m.status = 401;
		m.text = MESH_STR("not your node");
	} else {
		sshcheck_write(answer, c->url, &text);
		m.text = (struct mesh_str){(const char *)text.data, text.len};
	}
	SEND(c, LINK_ANSWER, msg_write_answer, &m);
	mesh_buf_release(&text);
}

/* --- handlers: false ends the front */

static bool
on_dh(struct core *c, struct mesh_rd *r)
{
	struct msg_dh m;
	struct msg_dh_result out = {0};

	if (!msg_read_dh(r, &m))
		return false;
	out.conn = m.conn;
	out.ok = mesh_x25519(out.result, c->secret.b, m.point) == MESH_OK;
	SEND(c, LINK_DH_RESULT, msg_write_dh_result, &out);
	mesh_wipe(&out, sizeof(out));
	core_map_handshake(c, core_now());
	return true;
}

/* Front is not trusted to send well-formed JSON to other nodes. */
static bool
is_json_object(struct mesh_str text)
{
	struct mesh_json j;

	if (text.len == 0)
		return true;
	mesh_json_init(&j, text.p, text.len, 0);
	if (mesh_json_peek(&j) != MESH_JSON_OBJECT)
		return false;
	mesh_json_skip(&j);
	return mesh_json_done(&j, NULL) == MESH_OK;
}

static bool
report_is_fair(const struct report *r)
{
	return is_json_object(r->hostinfo) &&
	    is_json_object(r->hostinfo_peer);
}

static bool
on_register(struct core *c, struct mesh_rd *r)
{
	uint8_t random[PENDING_RANDOM];
	struct register_answer answer;
	struct register_ask ask;

	if (!msg_read_register(r, &ask) || !report_is_fair(&ask.report))
		return false;
	core_random(random, sizeof(random));
	register_handle(c->state, &ask, random, core_now(), core_wall().sec,
	    &answer);
	if (answer.kind == REGISTER_REFUSED &&
	    mesh_ratelimit_allow(&c->refusals, core_now()))
		log_info("registration refused: %s", answer.error);
	if (answer.kind != REGISTER_WAIT)
		core_answer(c, &answer);
	core_wake(c);
	return true;
}

struct member *
core_member(struct core *c, const struct mesh_node_key *key,
    const struct mesh_machine_key *machine)
{
	struct member *who = state_member_key(c->state, key);

	if (who == NULL || who->gone ||
	    !mesh_machine_key_equal(&who->rec.machine, machine))
		return NULL;
	return who;
}

static void
map_lite(struct core *c, struct member *who, const struct msg_map *m)
{
	if (state_report(c->state, who, &m->report) != MESH_OK) {
		core_status(c, m->req, 500);
		return;
	}
	c->lite[c->lite_count++] = m->req;
	if (c->lite_count == CORE_LITE_MAX)
		core_sync(c);
	core_wake(c);
}

static bool
on_map(struct core *c, struct mesh_rd *r)
{
	struct msg_map m;
	struct member *who;

	if (!msg_read_map(r, &m) || !report_is_fair(&m.report))
		return false;
	who = core_member(c, &m.key, &m.machine);
	if (who == NULL)
		core_map_refuse(c, m.req, m.kind == MSG_MAP_STREAM, &m.key,
		    &m.machine);
	else if (m.kind == MSG_MAP_LITE)
		map_lite(c, who, &m);
	else if (!core_map_ask(c, &m))
		core_status(c, m.req, 503);
	return true;
}

static bool
on_gone(struct core *c, struct mesh_rd *r)
{
	uint64_t req;

	if (!msg_read_req(r, &req))
		return false;
	if (!core_map_cancel(c, req) &&
	    !mapper_close(c->mapper, req, core_now(), core_wall().sec)) {
		register_cancel(c->state, req);
		sshcheck_cancel(c->checks, req);
	}
	core_wake(c);
	return true;
}

static bool
on_ssh(struct core *c, struct mesh_rd *r)
{
	uint8_t random[SSHCHECK_RANDOM];
	struct sshcheck_answer answer;
	struct sshcheck_ask ask;

	if (!msg_read_ssh(r, &ask))
		return false;
	core_random(random, sizeof(random));
	sshcheck_handle(c->checks, c->state, &ask, random, core_now(),
	    &answer);
	if (answer.kind == SSHCHECK_HOLD &&
	    mesh_ratelimit_allow(&c->refusals, core_now()))
		log_info("login waits for approval from=%lld to=%lld id=%s",
		    (long long)ask.src, (long long)ask.dst, answer.id);
	if (answer.kind != SSHCHECK_WAIT)
		core_check_answer(c, &answer);
	return true;
}

/* A relay asks whether it may serve this node. */
static bool
on_verify(struct core *c, struct mesh_rd *r)
{
	uint64_t req = mesh_rd_u64be(r);
	struct mesh_node_key key;
	struct member *m;
	uint8_t body[9];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	mesh_rd_copy(r, key.b, sizeof(key.b));
	if (!mesh_rd_done(r))
		return false;
	m = state_member_key(c->state, &key);
	mesh_wr_u64be(&w, req);
	mesh_wr_u8(&w, m != NULL && !m->expired &&
	    !member_is_waiting(m));
	core_send(c, LINK_VERDICT, body, w.len);
	return true;
}

static bool
handle(struct core *c, struct link_msg *m)
{
	switch (m->type) {
	case LINK_DH:
		return on_dh(c, &m->body);
	case LINK_REGISTER:
		return on_register(c, &m->body);
	case LINK_MAP:
		return on_map(c, &m->body);
	case LINK_GONE:
		return on_gone(c, &m->body);
	case LINK_SSH:
		return on_ssh(c, &m->body);
	case LINK_VERIFY:
		return on_verify(c, &m->body);
	default: /* the link's table lets nothing else through */
		return false;
	}
}

void
core_front_read(struct core *c)
{
	struct link_msg m;
	int err = MESH_OK;
	bool fair = true;

	for (int i = 0; i < BATCH && fair; i++) {
		if ((err = link_recv(&c->front, &m)) != MESH_OK)
			break;
		fair = handle(c, &m);
		if (!fair)
			log_err("front sent a malformed message type=%s",
			    link_type_name(m.type));
		link_msg_release(&m);
	}
	core_sync(c);
	if (err == MESH_ERR_PROTO)
		log_err("front broke the link: %s", link_fault(&c->front));
	if (!fair || (err != MESH_OK && err != MESH_ERR_AGAIN))
		core_stop(c, EXIT_FAILURE);
}
