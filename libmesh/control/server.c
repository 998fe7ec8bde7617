/* SPDX-License-Identifier: ISC */
#include "server_int.h"

#include <stdlib.h>

#include "base/secret.h"
#include "control/early.h"
#include "control/upgrade.h"

/* Where the parts of the session's random bytes lie. */
#define RANDOM_EPHEMERAL 0u
#define RANDOM_CHALLENGE 32u
#define RANDOM_JITTER 64u

/* Room for the answer to the upgrade, with handshake and early payload. */
#define OUT_MAX (MESH_HTTP_HEAD_MAX + MESH_RECORD_MAX)

int
mesh_server_fail(struct mesh_control_server *s, int err, const char *fmt, ...)
{
	va_list ap;

	if (s->closed)
		return s->err;
	s->closed = true;
	s->err = err;
	s->diag = calloc(1, sizeof(*s->diag));
	if (s->diag != NULL) {
		va_start(ap, fmt);
		(void)vsnprintf(s->diag->text, sizeof(s->diag->text), fmt, ap);
		va_end(ap);
	}
	return err;
}

/* --- handshake */

static void
end_shaking(struct mesh_control_server *s)
{
	if (s->shaking == NULL)
		return;
	mesh_wipe(s->shaking, sizeof(*s->shaking));
	free(s->shaking);
	s->shaking = NULL;
}

/* Says why in clear, as nothing is secret yet. */
static void
write_error_frame(struct mesh_buf *out, const char *why)
{
	uint8_t head[MESH_HANDSHAKE_HEAD_LEN];
	struct mesh_wr w = mesh_wr_init(head, sizeof(head));

	mesh_wr_u8(&w, MESH_HANDSHAKE_ERROR);
	mesh_wr_u16be(&w, (uint16_t)strlen(why));
	(void)mesh_buf_add(out, head, sizeof(head));
	(void)mesh_buf_add_str(out, why);
}

static void
accept_init(struct mesh_control_server *s,
    const struct mesh_control_server_config *cfg, const uint8_t *init,
    size_t len)
{
	uint16_t min = cfg->version_min ? cfg->version_min
					: MESH_CONTROL_VERSION_MIN;
	struct mesh_diag diag;
	int err = mesh_handshake_accept(&s->shaking->handshake, init, len,
	    &cfg->key, min, &diag);

	if (!cfg->websocket)
		mesh_upgrade_response_write(&s->out);
	s->shaking->want_dh = err == MESH_OK;
	if (err == MESH_OK)
		return;
	write_error_frame(&s->out, diag.text);
	s->mute = true;
	(void)mesh_server_fail(s, err, "%s", diag.text);
}

int
mesh_control_server_new(const struct mesh_control_server_config *cfg,
    const uint8_t *init, size_t init_len,
    const uint8_t random[static MESH_CONTROL_SERVER_RANDOM],
    struct mesh_time now, struct mesh_control_server **out)
{
	struct mesh_control_server *s = calloc(1, sizeof(*s));
	uint32_t jitter;

	if (s == NULL)
		return MESH_ERR_NOMEM;
	s->shaking = calloc(1, sizeof(*s->shaking));
	if (s->shaking == NULL) {
		free(s);
		return MESH_ERR_NOMEM;
	}
	memcpy(s->shaking->random, random, MESH_CONTROL_SERVER_RANDOM);
	s->shaking->scratch = cfg->scratch;
	memcpy(&jitter, random + RANDOM_JITTER, sizeof(jitter));
	s->keepalive_ns = MESH_CONTROL_KEEPALIVE_NS +
	    jitter * (MESH_CONTROL_KEEPALIVE_SPAN_NS / MESH_MS) / UINT32_MAX *
		MESH_MS;
	s->aead = cfg->aead;
	s->websocket = cfg->websocket;
	s->request_max =
	    cfg->request_max ? cfg->request_max : MESH_CONTROL_REQUEST_MAX;
	s->queue_max = cfg->queue_max ? cfg->queue_max : MESH_CONTROL_QUEUE_MAX;
	s->now = now;
	s->preface_deadline = MESH_NEVER;
	s->idle_deadline = MESH_NEVER;
	mesh_list_init(&s->streams);
	mesh_list_init(&s->gone);
	mesh_buf_init(&s->out, OUT_MAX);
	accept_init(s, cfg, init, init_len);
	if (s->out.failed) {
		mesh_control_server_free(s);
		return MESH_ERR_NOMEM;
	}
	*out = s;
	return MESH_OK;
}

void
mesh_control_server_free(struct mesh_control_server *s)
{
	if (s == NULL)
		return;
	mesh_h2_release(&s->h2);
	mesh_server_free_streams(s);
	end_shaking(s);
	mesh_record_rx_release(&s->rx);
	mesh_record_tx_release(&s->tx);
	mesh_buf_release(&s->out);
	free(s->diag);
	free(s);
}

/* The early payload is the first record: behind the response, in one write. Any
 * 32 bytes are a public key of X25519, and nobody asks for its secret yet. */
static int
write_early(struct mesh_control_server *s)
{
	uint8_t frame[MESH_EARLY_LEN + MESH_RECORD_OVERHEAD];

	mesh_early_write(s->shaking->random + RANDOM_CHALLENGE,
	    frame + MESH_RECORD_HEAD);
	if (mesh_record_seal(&s->tx, s->aead, frame, MESH_EARLY_LEN) !=
	    MESH_OK)
		return MESH_ERR_INTERNAL;
	return mesh_buf_add(&s->out, frame, sizeof(frame));
}

static int
reply(struct mesh_control_server *s)
{
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
	struct mesh_handshake *h = &s->shaking->handshake;
	struct mesh_handshake_keys keys;
	int err = mesh_handshake_reply(h,
	    s->shaking->random + RANDOM_EPHEMERAL, response, &keys);

	if (err != MESH_OK)
		return err;
	s->peer = h->peer;
	s->version = h->version;
	mesh_record_rx_init(&s->rx, keys.to_server);
	mesh_record_tx_init(&s->tx, keys.to_client);
	mesh_wipe(&keys, sizeof(keys));
	err = mesh_buf_add(&s->out, response, sizeof(response));
	if (err == MESH_OK && !s->websocket)
		err = write_early(s);
	if (err == MESH_OK)
		err = mesh_h2_init_server(&s->h2, MESH_CONTROL_STREAMS_MAX,
		    s->shaking->scratch, &mesh_server_h2_ops, s);
	if (err != MESH_OK)
		return err;
	end_shaking(s);
	s->open = true;
	s->preface_deadline = mesh_time_add(s->now, MESH_CONTROL_PREFACE_NS);
	return MESH_OK;
}

int
mesh_control_server_dh(struct mesh_control_server *s, const uint8_t *result,
    struct mesh_time now)
{
	int err = MESH_ERR_AUTH;

	s->now = now;
	if (s->closed || s->shaking == NULL || !s->shaking->asked)
		return MESH_ERR_STATE;
	s->shaking->asked = false;
	if (result != NULL)
		err = mesh_handshake_dh(&s->shaking->handshake, result);
	if (err == MESH_ERR_AGAIN) {
		s->shaking->want_dh = true;
		return MESH_OK;
	}
	if (err == MESH_OK)
		err = reply(s);
	if (err != MESH_OK) {
		/* As stock servers do: close behind the 101 without a word. */
		s->mute = true;
		return mesh_server_fail(s, err,
		    "handshake failed: the client has another key of this "
		    "server");
	}
	return MESH_OK;
}

/* --- bytes */

/* Behind everything that moves bytes. HTTP/2 may be over on both sides with
 * nothing wrong; and a connection that asks for nothing does not stay for ever:
 * who holds no key of a node can make it, too. */
static int
settle(struct mesh_control_server *s)
{
	if (s->closed)
		return s->err;
	if (mesh_h2_is_over(&s->h2))
		return mesh_server_fail(s, MESH_ERR_CLOSED, "session ended");
	if (!mesh_list_is_empty(&s->streams))
		s->idle_deadline = MESH_NEVER;
	else if (mesh_time_is_never(s->idle_deadline))
		s->idle_deadline = mesh_time_add(s->now, MESH_CONTROL_IDLE_NS);
	return MESH_OK;
}

int
mesh_control_server_input(struct mesh_control_server *s, const void *p,
    size_t len, struct mesh_time now)
{
	struct mesh_rd in = mesh_rd_init(p, len);
	uint8_t text[MESH_RECORD_MAX];
	struct mesh_diag diag = {0};
	size_t n;
	int err;

	s->now = now;
	if (s->closed)
		return s->err;
	if (len == 0 || !s->open) {
		s->mute = true;
		return len == 0 ? mesh_server_fail(s, MESH_ERR_CLOSED,
				      "client closed the connection")
				: mesh_server_fail(s, MESH_ERR_PROTO,
				      "bytes before the handshake is done");
	}
	while ((err = mesh_record_open(&s->rx, s->aead, &in, text, &n)) ==
	    MESH_OK) {
		if (n > 0)
			err = mesh_h2_input(&s->h2, text, n, &diag);
		if (err != MESH_OK)
			return mesh_server_fail(s, err, "%s", diag.text);
	}
	if (err != MESH_ERR_AGAIN) {
		s->mute = true;
		return mesh_server_fail(s, err, "malformed record: %s",
		    mesh_strerror(err));
	}
	if (s->h2.greeted)
		s->preface_deadline = MESH_NEVER;
	return settle(s);
}

static size_t
write_head(struct mesh_control_server *s, uint8_t *out, size_t cap)
{
	size_t n = s->out.len < cap ? s->out.len : cap;

	memcpy(out, s->out.data, n);
	mesh_buf_consume(&s->out, n);
	if (s->out.len == 0)
		mesh_buf_release(&s->out);
	return n;
}

static bool
may_talk(const struct mesh_control_server *s)
{
	return s->open && !s->mute;
}

size_t
mesh_control_server_output(struct mesh_control_server *s, uint8_t *out,
    size_t cap, struct mesh_time now)
{
	size_t used = 0, len = 0;
	int err = MESH_OK;

	s->now = now;
	/* The answer to the upgrade is held back until the handshake is in it:
	 * one write, as stock servers do. */
	if (s->out.len > 0 && (s->open || s->closed))
		used = write_head(s, out, cap);
	while (may_talk(s) && err == MESH_OK && s->out.len == 0 &&
	    cap - used >= MESH_RECORD_MAX) {
		uint8_t *frame = out + used;

		err = mesh_h2_fill(&s->h2, frame + MESH_RECORD_HEAD,
		    MESH_RECORD_TEXT_MAX, &len);
		if (len == 0)
			break;
		if (mesh_record_seal(&s->tx, s->aead, frame, len) != MESH_OK)
			err = MESH_ERR_INTERNAL;
		else
			used += len + MESH_RECORD_OVERHEAD;
	}
	if (err != MESH_OK) {
		s->mute = true;
		(void)mesh_server_fail(s, err, "cannot send: %s",
		    mesh_strerror(err));
	} else if (may_talk(s)) {
		(void)settle(s);
	}
	return used;
}

bool
mesh_control_server_wants_write(const struct mesh_control_server *s)
{
	if (s->out.len > 0)
		return s->open || s->closed;
	return may_talk(s) && mesh_h2_wants_write(&s->h2);
}

void
mesh_control_server_shutdown(struct mesh_control_server *s)
{
	if (may_talk(s) && !s->closed)
		mesh_h2_goaway(&s->h2);
}

/* --- time */

void
mesh_control_server_tick(struct mesh_control_server *s, struct mesh_time now)
{
	s->now = now;
	if (s->closed)
		return;
	if (mesh_time_due(s->preface_deadline, now)) {
		s->mute = true;
		(void)mesh_server_fail(s, MESH_ERR_TIMEOUT,
		    "client did not begin HTTP/2 in time");
	} else if (mesh_time_due(s->idle_deadline, now)) {
		mesh_h2_goaway(&s->h2);
		(void)mesh_server_fail(s, MESH_ERR_TIMEOUT,
		    "client asks for nothing");
	} else {
		mesh_server_tick_streams(s, now);
	}
}

struct mesh_time
mesh_control_server_deadline(const struct mesh_control_server *s)
{
	struct mesh_time t = mesh_time_min(s->preface_deadline,
	    s->idle_deadline);

	if (s->closed)
		return MESH_NEVER;
	for (const struct mesh_list *l = s->streams.next; l != &s->streams;
	     l = l->next)
		t = mesh_time_min(t,
		    MESH_CONTAINER(l, struct stream, link)->deadline);
	return t;
}

const struct mesh_machine_key *
mesh_control_server_machine(const struct mesh_control_server *s)
{
	return &s->peer;
}

uint16_t
mesh_control_server_version(const struct mesh_control_server *s)
{
	return s->version;
}

size_t
mesh_control_server_queued(const struct mesh_control_server *s)
{
	return s->h2.queued;
}
