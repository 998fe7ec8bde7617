/* SPDX-License-Identifier: ISC */
#include "relay/client_int.h"

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

void
mesh_relay_client_forget(struct mesh_relay_client *c)
{
	mesh_node_secret_wipe(&c->secret);
	mesh_box_key_wipe(&c->box);
}

int
mesh_relay_client_die(struct mesh_relay_client *c, int err, const char *fmt,
    ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->diag.text, sizeof(c->diag.text), fmt, ap);
	va_end(ap);
	mesh_relay_client_forget(c);
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

void
mesh_relay_client_send_pong(struct mesh_relay_client *c,
    const uint8_t data[static MESH_RELAY_PING_LEN])
{
	/* A relay that asks but does not read gets no answers. */
	if (c->out.len < MESH_RELAY_OUT_PACKETS)
		send_ping(c, MESH_RELAY_PONG, data);
}

/* The client info, and behind it whatever waited for it. */
int
mesh_relay_client_send_info(struct mesh_relay_client *c)
{
	struct mesh_wr w;
	uint8_t *box;

	if (mesh_box_key_make(&c->box, c->secret.b, c->server.b) != MESH_OK)
		return mesh_relay_client_die(c, MESH_ERR_AUTH,
		    "the relay's key is no key");
	mesh_node_secret_wipe(&c->secret);
	w = begin(&c->out, CLIENT_INFO_FRAME);
	box = mesh_relay_write_client_info(&w, &c->self, c->nonce,
	    MESH_RELAY_TAG_LEN + CLIENT_INFO_LEN);
	if (box == NULL)
		return mesh_relay_client_die(c, MESH_ERR_NOMEM,
		    "out of memory");
	mesh_box_seal(box, &c->box, c->nonce, client_info, CLIENT_INFO_LEN);
	finish(&c->out, &w);
	c->state = MESH_RELAY_STATE_INFO;
	if (c->home && send_preferred(c) != MESH_OK)
		return mesh_relay_client_die(c, MESH_ERR_NOMEM,
		    "out of memory");
	if (mesh_buf_add(&c->out, c->early.data, c->early.len) != MESH_OK)
		return mesh_relay_client_die(c, MESH_ERR_NOMEM,
		    "out of memory");
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
		return mesh_relay_client_die(c, MESH_ERR_ARG,
		    "the relay has no host name");
	err = send_request(c, conf->host);
	if (err != MESH_OK)
		return mesh_relay_client_die(c, err,
		    "cannot write the request");
	if (!c->fast)
		return MESH_OK;
	c->server = *conf->server;
	return mesh_relay_client_send_info(c);
}

void
mesh_relay_client_release(struct mesh_relay_client *c)
{
	mesh_relay_client_forget(c);
	mesh_buf_release(&c->in);
	mesh_buf_release(&c->out);
	mesh_buf_release(&c->early);
	c->state = MESH_RELAY_STATE_DEAD;
}

/* --- in, and time --- */

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

static int
check_time(struct mesh_relay_client *c, struct mesh_time now)
{
	static const uint8_t probe[MESH_RELAY_PING_LEN] = "meshdead";

	if (!mesh_time_due(mesh_relay_client_deadline(c), now))
		return MESH_OK;
	if (c->state != MESH_RELAY_STATE_READY)
		return mesh_relay_client_die(c, MESH_ERR_TIMEOUT,
		    "no answer from the relay in 10 s");
	if (!c->unanswered || c->probing)
		return mesh_relay_client_die(c, MESH_ERR_TIMEOUT,
		    "the relay is silent");
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
	enum relay_step step = RELAY_STEP_ON;

	if (c->state == MESH_RELAY_STATE_DEAD || check_time(c, now) != MESH_OK)
		return c->err;
	while (step == RELAY_STEP_ON)
		step = mesh_relay_client_look(c, now, &ev);
	if (step == RELAY_STEP_EVENT)
		*out = ev;
	return step == RELAY_STEP_EVENT  ? MESH_OK
	       : step == RELAY_STEP_WAIT ? MESH_ERR_AGAIN
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
