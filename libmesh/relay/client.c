/* SPDX-License-Identifier: ISC */
#include "relay/client.h"

#include "base/secret.h"
#include "wire/http.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define READ_SIZE 16384u /* one TLS record */

/* What every client of ours says of itself; the member order is Go's. */
static const char client_info[] = "{\"version\":2,\"CanAckPings\":true}";

#define CLIENT_INFO_LEN (sizeof(client_info) - 1)
#define CLIENT_INFO_FRAME                                                      \
	(MESH_RELAY_HEADER_LEN + MESH_KEY_LEN + MESH_RELAY_NONCE_LEN +         \
	    MESH_RELAY_TAG_LEN + CLIENT_INFO_LEN)

static_assert(MESH_RELAY_NONCE_LEN == MESH_BOX_NONCE_LEN, "NaCl's nonce");
static_assert(MESH_RELAY_TAG_LEN == MESH_BOX_TAG_LEN, "NaCl's tag");

static void
forget_secrets(struct mesh_relay_client *c)
{
	mesh_node_secret_wipe(&c->secret);
	mesh_box_key_wipe(&c->box);
}

static int die(struct mesh_relay_client *c, int err, const char *fmt, ...)
    MESH_PRINTF(3, 4);

static int
die(struct mesh_relay_client *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->diag.text, sizeof(c->diag.text), fmt, ap);
	va_end(ap);
	forget_secrets(c);
	c->state = MESH_RELAY_STATE_DEAD;
	c->err = err;
	return err;
}

/* --- out --- */

/* Frames go straight out once the client info has gone. */
static struct mesh_buf *
queue_of(struct mesh_relay_client *c)
{
	return c->state >= MESH_RELAY_STATE_INFO ? &c->out : &c->early;
}

/* A writer on room for `len` bytes behind what is queued. */
static struct mesh_wr
begin(struct mesh_buf *queue, size_t len)
{
	uint8_t *room = NULL;

	if (queue->len + len <= MESH_RELAY_OUT_MAX)
		room = mesh_buf_reserve(queue, len);
	return mesh_wr_init(room, room ? len : 0);
}

static int
finish(struct mesh_buf *queue, const struct mesh_wr *w)
{
	if (!mesh_wr_ok(w))
		return MESH_ERR_LIMIT;
	mesh_buf_commit(queue, w->len);
	return MESH_OK;
}

static void
note_sent(struct mesh_relay_client *c, struct mesh_time now)
{
	if (c->unanswered)
		return;
	c->unanswered = true;
	c->asked = now;
}

static int
send_preferred(struct mesh_relay_client *c)
{
	struct mesh_wr w = begin(queue_of(c), MESH_RELAY_HEADER_LEN + 1);

	mesh_relay_write_preferred(&w, c->home);
	return finish(queue_of(c), &w);
}

static int
send_ping(struct mesh_relay_client *c, enum mesh_relay_type type,
    const uint8_t data[static MESH_RELAY_PING_LEN])
{
	struct mesh_wr w =
	    begin(queue_of(c), MESH_RELAY_HEADER_LEN + MESH_RELAY_PING_LEN);

	mesh_relay_write_ping(&w, type, data);
	return finish(queue_of(c), &w);
}

/* The client info, and behind it whatever waited for it. */
static int
send_info(struct mesh_relay_client *c)
{
	struct mesh_wr w;
	uint8_t *box;

	if (mesh_box_key_make(&c->box, c->secret.b, c->server.b) != MESH_OK)
		return die(c, MESH_ERR_AUTH, "the relay's key is no key");
	mesh_node_secret_wipe(&c->secret);
	w = begin(&c->out, CLIENT_INFO_FRAME);
	box = mesh_relay_write_client_info(&w, &c->self, c->nonce,
	    MESH_RELAY_TAG_LEN + CLIENT_INFO_LEN);
	if (box == NULL)
		return die(c, MESH_ERR_NOMEM, "out of memory");
	mesh_box_seal(box, &c->box, c->nonce, client_info, CLIENT_INFO_LEN);
	finish(&c->out, &w);
	c->state = MESH_RELAY_STATE_INFO;
	if (c->home && send_preferred(c) != MESH_OK)
		return die(c, MESH_ERR_NOMEM, "out of memory");
	if (mesh_buf_add(&c->out, c->early.data, c->early.len) != MESH_OK)
		return die(c, MESH_ERR_NOMEM, "out of memory");
	mesh_buf_release(&c->early);
	return MESH_OK;
}

static int
send_request(struct mesh_relay_client *c, const char *host)
{
	mesh_http_write_request(&c->out, "GET", "/derp", host);
	mesh_http_write_field(&c->out, "Connection", "Upgrade");
	mesh_http_write_field(&c->out, "Upgrade", "DERP");
	if (c->fast)
		mesh_http_write_field(&c->out, "Derp-Fast-Start", "1");
	mesh_http_write_end(&c->out);
	return c->out.failed ? MESH_ERR_NOMEM : MESH_OK;
}

int
mesh_relay_client_init(struct mesh_relay_client *c,
    const struct mesh_relay_client_conf *conf, struct mesh_time now)
{
	size_t host_len = strlen(conf->host);
	int err;

	*c = (struct mesh_relay_client){
	    .state = MESH_RELAY_STATE_UPGRADE,
	    .secret = *conf->secret,
	    .self = mesh_node_public(conf->secret),
	    .home = conf->home,
	    .fast = conf->server != NULL,
	    .heard = now,
	};
	memcpy(c->nonce, conf->nonce, sizeof(c->nonce));
	mesh_buf_init(&c->in, MESH_RELAY_IN_MAX);
	mesh_buf_init(&c->early, MESH_RELAY_OUT_MAX);
	/* The handshake goes out in front of what waited for it. */
	mesh_buf_init(&c->out, MESH_RELAY_OUT_MAX + READ_SIZE);
	if (host_len == 0 || host_len >= MESH_RELAY_HOST_MAX)
		return die(c, MESH_ERR_ARG, "the relay has no host name");
	err = send_request(c, conf->host);
	if (err != MESH_OK)
		return die(c, err, "cannot write the request");
	if (!c->fast)
		return MESH_OK;
	c->server = *conf->server;
	return send_info(c);
}

void
mesh_relay_client_release(struct mesh_relay_client *c)
{
	forget_secrets(c);
	mesh_buf_release(&c->in);
	mesh_buf_release(&c->out);
	mesh_buf_release(&c->early);
	c->state = MESH_RELAY_STATE_DEAD;
}

/* --- in --- */

/* What looking at the input came to. */
enum step {
	STEP_ON,    /* go on looking */
	STEP_EVENT, /* hand it out */
	STEP_WAIT,  /* more input is needed */
	STEP_DEAD,
};

uint8_t *
mesh_relay_client_room(struct mesh_relay_client *c, size_t *out_len)
{
	uint8_t *room = NULL;

	mesh_buf_consume(&c->in, c->used);
	c->used = 0;
	if (c->state != MESH_RELAY_STATE_DEAD)
		room = mesh_buf_reserve(&c->in, READ_SIZE);
	*out_len = room ? READ_SIZE : 0;
	return room;
}

void
mesh_relay_client_fed(struct mesh_relay_client *c, size_t len,
    struct mesh_time now)
{
	if (len == 0 || c->state == MESH_RELAY_STATE_DEAD)
		return;
	mesh_buf_commit(&c->in, len);
	c->unanswered = c->probing = false;
	/* Until the handshake is over, only its start counts. */
	if (c->state == MESH_RELAY_STATE_READY)
		c->heard = now;
}

/* Input that was not looked at yet. */
static struct mesh_str
unread(const struct mesh_relay_client *c)
{
	return (struct mesh_str){
	    (const char *)c->in.data + c->used, c->in.len - c->used};
}

static enum step
stop(struct mesh_relay_client *c, int err, const char *text)
{
	die(c, err, "%s", text);
	return STEP_DEAD;
}

static enum step
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
		return STEP_WAIT;
	if (err != MESH_OK)
		return stop(c, MESH_ERR_PROTO,
		    "the relay's answer is not HTTP: is it a relay?");
	if (head.status != 101) {
		die(c, MESH_ERR_REFUSED, "the relay refused: HTTP status %u",
		    head.status);
		return STEP_DEAD;
	}
	if (!mesh_http_has_token(&head, "Upgrade", "DERP"))
		return stop(c, MESH_ERR_PROTO,
		    "the server upgraded to something else than DERP");
	c->used += head.len;
	c->state = MESH_RELAY_STATE_SERVER_KEY;
	return STEP_ON;
}

static enum step
take_server_key(struct mesh_relay_client *c, const struct mesh_relay_frame *f)
{
	struct mesh_node_key key;

	if (mesh_relay_read_server_key(f, &key) != MESH_OK)
		return stop(c, MESH_ERR_PROTO, "malformed server key frame");
	if (c->state == MESH_RELAY_STATE_SERVER_KEY) {
		c->server = key;
		return send_info(c) == MESH_OK ? STEP_ON : STEP_DEAD;
	}
	if (!mesh_node_key_equal(&key, &c->server))
		return stop(c, MESH_ERR_AUTH,
		    "the relay has another key than its certificate says");
	return STEP_ON;
}

static enum step
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
	forget_secrets(c);
	c->state = MESH_RELAY_STATE_READY;
	c->heard = now;
	*ev = (struct mesh_relay_event){.kind = MESH_RELAY_EVENT_READY};
	return STEP_EVENT;
}

/* Frames of a connection that is ready. */
static enum step
take_ping(struct mesh_relay_client *c, const uint8_t *data)
{
	/* A relay that asks but does not read gets no answers. */
	if (c->out.len < MESH_RELAY_OUT_PACKETS)
		send_ping(c, MESH_RELAY_PONG, data);
	return STEP_ON;
}

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

static enum step
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
		return STEP_ON;
	if (err != MESH_OK)
		return stop(c, MESH_ERR_PROTO,
		    "the relay sends a malformed frame");
	if (f->type == MESH_RELAY_PING)
		return take_ping(c, ev->data);
	return STEP_EVENT;
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

static enum step
look(struct mesh_relay_client *c, struct mesh_time now,
    struct mesh_relay_event *ev)
{
	struct mesh_str in;
	struct mesh_relay_frame f;
	size_t used;
	int err;

	if (c->state == MESH_RELAY_STATE_UPGRADE)
		return take_upgrade(c);
	if (!skip_unknown(c))
		return STEP_WAIT;
	in = unread(c);
	err = mesh_relay_frame_read(in.p, in.len, &f, &used);
	if (err == MESH_ERR_AGAIN)
		return STEP_WAIT;
	if (err != MESH_OK)
		return stop(c, MESH_ERR_LIMIT,
		    "the relay sends a frame that is too long: is it a relay?");
	if (f.body == NULL) {
		c->skip = used;
		return STEP_ON;
	}
	c->used += used;
	return take_frame(c, &f, now, ev);
}

static int
check_time(struct mesh_relay_client *c, struct mesh_time now)
{
	static const uint8_t probe[MESH_RELAY_PING_LEN] = "meshdead";

	if (!mesh_time_due(mesh_relay_client_deadline(c), now))
		return MESH_OK;
	if (c->state != MESH_RELAY_STATE_READY)
		return die(c, MESH_ERR_TIMEOUT,
		    "no answer from the relay in 10 s");
	if (!c->unanswered || c->probing)
		return die(c, MESH_ERR_TIMEOUT, "the relay is silent");
	c->probing = true;
	c->asked = now;
	send_ping(c, MESH_RELAY_PING, probe);
	return MESH_OK;
}

int
mesh_relay_client_next(struct mesh_relay_client *c, struct mesh_time now,
    struct mesh_relay_event *out)
{
	struct mesh_relay_event ev;
	enum step step = STEP_ON;

	if (c->state == MESH_RELAY_STATE_DEAD || check_time(c, now) != MESH_OK)
		return c->err;
	while (step == STEP_ON)
		step = look(c, now, &ev);
	if (step == STEP_EVENT)
		*out = ev;
	return step == STEP_EVENT  ? MESH_OK
	       : step == STEP_WAIT ? MESH_ERR_AGAIN
				   : c->err;
}

struct mesh_time
mesh_relay_client_deadline(const struct mesh_relay_client *c)
{
	struct mesh_time at;

	if (c->state == MESH_RELAY_STATE_DEAD)
		return MESH_NEVER;
	if (c->state != MESH_RELAY_STATE_READY)
		return mesh_time_add(c->heard, MESH_RELAY_CONNECT_NS);
	at = mesh_time_add(c->heard, MESH_RELAY_SILENCE_NS);
	if (c->probing)
		return mesh_time_min(at,
		    mesh_time_add(c->asked, MESH_RELAY_PROBE_WAIT_NS));
	if (c->unanswered)
		return mesh_time_min(at,
		    mesh_time_add(c->asked, MESH_RELAY_PROBE_NS));
	return at;
}

/* --- the caller's side of out --- */

const uint8_t *
mesh_relay_client_output(struct mesh_relay_client *c, size_t *out_len)
{
	*out_len = c->state == MESH_RELAY_STATE_DEAD ? 0 : c->out.len;
	return c->out.data;
}

void
mesh_relay_client_sent(struct mesh_relay_client *c, size_t len)
{
	mesh_buf_consume(&c->out, len);
}

int
mesh_relay_client_send(struct mesh_relay_client *c,
    const struct mesh_node_key *to, const void *data, size_t len, bool urgent,
    struct mesh_time now)
{
	struct mesh_buf *queue = queue_of(c);
	size_t need = MESH_RELAY_PACKET_HEAD + len;
	struct mesh_wr w;

	if (c->state == MESH_RELAY_STATE_DEAD)
		return MESH_ERR_STATE;
	if (len > MESH_RELAY_PACKET_MAX ||
	    (!urgent && queue->len + need > MESH_RELAY_OUT_PACKETS)) {
		c->dropped++;
		return MESH_ERR_LIMIT;
	}
	w = begin(queue, need);
	mesh_relay_write_packet(&w, MESH_RELAY_SEND_PACKET, to, data, len);
	if (finish(queue, &w) != MESH_OK) {
		c->dropped++;
		return MESH_ERR_LIMIT;
	}
	note_sent(c, now);
	return MESH_OK;
}

void
mesh_relay_client_set_home(struct mesh_relay_client *c, bool home)
{
	if (c->home == home)
		return;
	c->home = home;
	/* Before, it goes with the client info. */
	if (c->state == MESH_RELAY_STATE_INFO ||
	    c->state == MESH_RELAY_STATE_READY)
		send_preferred(c);
}

int
mesh_relay_client_ping(struct mesh_relay_client *c,
    const uint8_t data[static MESH_RELAY_PING_LEN], struct mesh_time now)
{
	int err;

	if (c->state == MESH_RELAY_STATE_DEAD)
		return MESH_ERR_STATE;
	err = send_ping(c, MESH_RELAY_PING, data);
	if (err == MESH_OK)
		note_sent(c, now);
	return err;
}

/* --- the meta certificate --- */

static const char meta_prefix[] = "derpkey";

static_assert(sizeof(meta_prefix) + 2 * MESH_KEY_LEN == MESH_RELAY_META_NAME,
    "prefix, hex digits, NUL");

int
mesh_relay_meta_name(const char *name, size_t len, struct mesh_node_key *out)
{
	struct mesh_str s = {name, len};
	struct mesh_node_key key;

	if (!mesh_str_has_prefix(s, meta_prefix))
		return MESH_ERR_NOTFOUND;
	s.p += sizeof(meta_prefix) - 1;
	s.len -= sizeof(meta_prefix) - 1;
	if (s.len != 2 * MESH_KEY_LEN ||
	    mesh_hex_decode(s, key.b, MESH_KEY_LEN) != MESH_OK ||
	    mesh_node_key_is_zero(&key))
		return MESH_ERR_NOTFOUND;
	*out = key;
	return MESH_OK;
}

char *
mesh_relay_meta_name_format(const struct mesh_node_key *server,
    char out[static MESH_RELAY_META_NAME])
{
	memcpy(out, meta_prefix, sizeof(meta_prefix) - 1);
	mesh_hex_encode(server->b, MESH_KEY_LEN, out + sizeof(meta_prefix) - 1);
	return out;
}
