/* SPDX-License-Identifier: ISC */
#include "relay/client_int.h"

#include "wire/http.h"

/* Input that was not looked at yet. */
static struct mesh_str
unread(const struct mesh_relay_client *c)
{
	return (struct mesh_str){
	    (const char *)c->in.data + c->used, c->in.len - c->used};
}

static enum relay_step
stop(struct mesh_relay_client *c, int err, const char *text)
{
	mesh_relay_client_die(c, err, "%s", text);
	return RELAY_STEP_DEAD;
}

static enum relay_step
take_upgrade(struct mesh_relay_client *c)
{
	struct mesh_http_head head;
	struct mesh_str in = unread(c);
	static const char begins[] = "HTTP/1.";
	size_t n = in.len < sizeof(begins) - 1 ? in.len : sizeof(begins) - 1;
	int err = mesh_http_response_parse(in.p, in.len, &head);

	/* Others that speak first wait for us then: say so at once. */
	if (n > 0 && memcmp(in.p, begins, n) != 0)
		err = MESH_ERR_FORMAT;
	if (err == MESH_ERR_AGAIN)
		return RELAY_STEP_WAIT;
	if (err != MESH_OK)
		return stop(c, MESH_ERR_PROTO,
		    "the relay's answer is not HTTP: is it a relay?");
	if (head.status != 101) {
		mesh_relay_client_die(c, MESH_ERR_REFUSED,
		    "the relay refused: HTTP status %u", head.status);
		return RELAY_STEP_DEAD;
	}
	if (!mesh_http_has_token(&head, "Upgrade", "DERP"))
		return stop(c, MESH_ERR_PROTO,
		    "the server upgraded to something else than DERP");
	c->used += head.len;
	c->state = MESH_RELAY_STATE_SERVER_KEY;
	return RELAY_STEP_ON;
}

static enum relay_step
take_server_key(struct mesh_relay_client *c, const struct mesh_relay_frame *f)
{
	struct mesh_node_key key;

	if (mesh_relay_read_server_key(f, &key) != MESH_OK)
		return stop(c, MESH_ERR_PROTO, "malformed server key frame");
	if (c->state == MESH_RELAY_STATE_SERVER_KEY) {
		c->server = key;
		return mesh_relay_client_send_info(c) == MESH_OK
			   ? RELAY_STEP_ON
			   : RELAY_STEP_DEAD;
	}
	if (!mesh_node_key_equal(&key, &c->server))
		return stop(c, MESH_ERR_AUTH,
		    "the relay has another key than its certificate says");
	return RELAY_STEP_ON;
}

static enum relay_step
take_server_info(struct mesh_relay_client *c, const struct mesh_relay_frame *f,
    struct mesh_time now, struct mesh_relay_event *ev)
{
	struct mesh_relay_info info;
	struct mesh_buf text;
	uint8_t *room;
	int err;

	if (mesh_relay_read_server_info(f, &info) != MESH_OK)
		return stop(c, MESH_ERR_PROTO, "malformed server info frame");
	mesh_buf_init(&text, MESH_RELAY_BODY_MAX);
	room = mesh_buf_reserve(&text, info.box_len);
	if (room == NULL)
		return stop(c, MESH_ERR_NOMEM, "out of memory");
	/* What it says does not matter, only that it opens. */
	err = mesh_box_open(room, &c->box, info.nonce, info.box, info.box_len);
	mesh_buf_release(&text);
	if (err != MESH_OK)
		return stop(c, MESH_ERR_AUTH,
		    "the relay does not have the key that it claims");
	mesh_relay_client_forget(c);
	c->state = MESH_RELAY_STATE_READY;
	c->heard = now;
	*ev = (struct mesh_relay_event){.kind = MESH_RELAY_EVENT_READY};
	return RELAY_STEP_EVENT;
}

/* Frames of a connection that is ready. */
static int
read_event(const struct mesh_relay_frame *f, struct mesh_relay_event *ev)
{
	struct mesh_relay_packet packet;
	struct mesh_relay_present present;
	int err = MESH_OK;

	*ev = (struct mesh_relay_event){0};
	switch (f->type) {
	case MESH_RELAY_RECV_PACKET:
		ev->kind = MESH_RELAY_EVENT_PACKET;
		err = mesh_relay_read_packet(f, &packet);
		if (err == MESH_OK) {
			ev->peer = packet.key;
			ev->data = packet.data;
			ev->len = packet.len;
		}
		break;
	case MESH_RELAY_PEER_GONE:
		ev->kind = MESH_RELAY_EVENT_GONE;
		err = mesh_relay_read_gone(f, &ev->peer, &ev->reason);
		break;
	case MESH_RELAY_PEER_PRESENT:
		ev->kind = MESH_RELAY_EVENT_PRESENT;
		err = mesh_relay_read_present(f, &present);
		if (err == MESH_OK)
			ev->peer = present.key;
		break;
	case MESH_RELAY_PING:
	case MESH_RELAY_PONG:
		ev->kind = MESH_RELAY_EVENT_PONG;
		ev->len = MESH_RELAY_PING_LEN;
		err = mesh_relay_read_ping(f, &ev->data);
		break;
	case MESH_RELAY_HEALTH:
		ev->kind = MESH_RELAY_EVENT_HEALTH;
		ev->data = f->body;
		ev->len = f->len;
		break;
	case MESH_RELAY_RESTARTING:
		ev->kind = MESH_RELAY_EVENT_RESTARTING;
		err = mesh_relay_read_restarting(f, &ev->in_ms, &ev->for_ms);
		break;
	default: /* keep-alive, and what only clients send */
		err = MESH_ERR_NOTFOUND;
	}
	return err;
}

static enum relay_step
take_frame(struct mesh_relay_client *c, const struct mesh_relay_frame *f,
    struct mesh_time now, struct mesh_relay_event *ev)
{
	int err;

	if (c->state != MESH_RELAY_STATE_READY) {
		if (f->type == MESH_RELAY_SERVER_KEY)
			return take_server_key(c, f);
		if (f->type == MESH_RELAY_SERVER_INFO &&
		    c->state == MESH_RELAY_STATE_INFO)
			return take_server_info(c, f, now, ev);
		return stop(c, MESH_ERR_PROTO,
		    "the relay sends frames before the handshake is over");
	}
	err = read_event(f, ev);
	if (err == MESH_ERR_NOTFOUND)
		return RELAY_STEP_ON;
	if (err != MESH_OK)
		return stop(c, MESH_ERR_PROTO,
		    "the relay sends a malformed frame");
	if (f->type == MESH_RELAY_PING) {
		mesh_relay_client_send_pong(c, ev->data);
		return RELAY_STEP_ON;
	}
	return RELAY_STEP_EVENT;
}

/* Passes over what is left of a frame of unknown type. */
static bool
skip_unknown(struct mesh_relay_client *c)
{
	size_t have = c->in.len - c->used;
	size_t n = have < c->skip ? have : c->skip;

	c->used += n;
	c->skip -= n;
	return c->skip == 0;
}

enum relay_step
mesh_relay_client_look(struct mesh_relay_client *c, struct mesh_time now,
    struct mesh_relay_event *ev)
{
	struct mesh_str in;
	struct mesh_relay_frame f;
	size_t used;
	int err;

	if (c->state == MESH_RELAY_STATE_UPGRADE)
		return take_upgrade(c);
	if (!skip_unknown(c))
		return RELAY_STEP_WAIT;
	in = unread(c);
	err = mesh_relay_frame_read(in.p, in.len, &f, &used);
	if (err == MESH_ERR_AGAIN)
		return RELAY_STEP_WAIT;
	if (err != MESH_OK)
		return stop(c, MESH_ERR_LIMIT,
		    "the relay sends a frame that is too long: is it a relay?");
	if (f.body == NULL) {
		c->skip = used;
		return RELAY_STEP_ON;
	}
	c->used += used;
	return take_frame(c, &f, now, ev);
}
