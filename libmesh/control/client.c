/* SPDX-License-Identifier: ISC */
#include "client_int.h"

#include <stdlib.h>

#include "base/secret.h"
#include "control/early.h"
#include "control/upgrade.h"

int
mesh_client_fail(struct mesh_control_client *c, int err, const char *fmt, ...)
{
	va_list ap;

	if (c->state == CLIENT_CLOSED)
		return c->err;
	va_start(ap, fmt);
	(void)vsnprintf(c->diag.text, sizeof(c->diag.text), fmt, ap);
	va_end(ap);
	c->err = err;
	c->state = CLIENT_CLOSED;
	mesh_handshake_wipe(&c->handshake);
	return err;
}

/* --- life */

static int
start(struct mesh_control_client *c,
    const struct mesh_control_client_config *cfg, const uint8_t *random)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	int err = mesh_handshake_start(&c->handshake, cfg->secret,
	    &cfg->server_key, c->version, random, init);

	if (err != MESH_OK)
		return MESH_ERR_ARG;
	mesh_upgrade_request_write(&c->out, c->authority, init);
	if (c->out.failed)
		return MESH_ERR_NOMEM;
	return mesh_h2_init_client(&c->h2, &mesh_client_h2_ops, c);
}

int
mesh_control_client_new(const struct mesh_control_client_config *cfg,
    const uint8_t random[static MESH_CONTROL_CLIENT_RANDOM],
    struct mesh_time now, struct mesh_control_client **out)
{
	struct mesh_control_client *c;
	int err;

	if (cfg->authority == NULL || *cfg->authority == 0 ||
	    mesh_machine_key_is_zero(&cfg->server_key))
		return MESH_ERR_ARG;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return MESH_ERR_NOMEM;
	c->version = cfg->version ? cfg->version : MESH_CAPVER;
	c->aead = cfg->aead;
	c->frame_max = cfg->frame_max;
	c->text_max = cfg->text_max;
	c->now = now;
	c->handshake_deadline = mesh_time_add(now, MESH_CONTROL_HANDSHAKE_NS);
	mesh_list_init(&c->active);
	mesh_list_init(&c->done);
	mesh_buf_init(&c->in, MESH_EARLY_MAX);
	mesh_buf_init(&c->out, MESH_HTTP_HEAD_MAX);
	mesh_buf_init(&c->rx.partial, 0);
	mesh_arena_init(&c->arena, MESH_CONTROL_BODY_MAX * 4);
	err = mesh_str_copy(mesh_str(cfg->authority), c->authority,
	    sizeof(c->authority));
	err = err == MESH_OK ? start(c, cfg, random) : MESH_ERR_ARG;
	if (err != MESH_OK) {
		mesh_control_client_free(c);
		return err;
	}
	*out = c;
	return MESH_OK;
}

static void
free_requests(struct mesh_control_client *c, struct mesh_list *list)
{
	while (!mesh_list_is_empty(list))
		mesh_client_free_request(c,
		    MESH_CONTAINER(list->next, struct request, link));
}

void
mesh_control_client_free(struct mesh_control_client *c)
{
	if (c == NULL)
		return;
	mesh_h2_release(&c->h2);
	free_requests(c, &c->active);
	free_requests(c, &c->done);
	if (c->told != NULL)
		mesh_client_free_request(c, c->told);
	mesh_record_rx_release(&c->rx);
	mesh_record_tx_release(&c->tx);
	mesh_handshake_wipe(&c->handshake);
	mesh_buf_release(&c->in);
	mesh_buf_release(&c->out);
	mesh_arena_release(&c->arena);
	free(c);
}

/* --- bytes in, state by state. Each step takes what is its own from `in`;
 * MESH_ERR_AGAIN: more is needed. */

/* Moves bytes from in until c->in has `want`. */
static int
gather(struct mesh_control_client *c, struct mesh_rd *in, size_t want)
{
	size_t need = want > c->in.len ? want - c->in.len : 0;
	size_t n = need < mesh_rd_left(in) ? need : mesh_rd_left(in);
	int err = mesh_buf_add(&c->in, mesh_rd_take(in, n), n);

	if (err != MESH_OK)
		return mesh_client_fail(c, err, "out of memory");
	return n == need ? MESH_OK : MESH_ERR_AGAIN;
}

static int
read_upgrade(struct mesh_control_client *c, struct mesh_rd *in)
{
	size_t before = c->in.len, max = MESH_HTTP_HEAD_MAX - before;
	size_t n = mesh_rd_left(in) < max ? mesh_rd_left(in) : max;
	struct mesh_http_head head;
	struct mesh_diag diag;
	int err;

	if (mesh_buf_add(&c->in, in->p, n) != MESH_OK)
		return mesh_client_fail(c, MESH_ERR_NOMEM, "out of memory");
	err = mesh_http_response_parse(c->in.data, c->in.len, &head);
	if (err == MESH_ERR_AGAIN && c->in.len < MESH_HTTP_HEAD_MAX) {
		mesh_rd_skip(in, n);
		return MESH_ERR_AGAIN;
	}
	if (err != MESH_OK)
		return mesh_client_fail(c, MESH_ERR_PROTO,
		    "server does not speak HTTP/1.1: "
		    "is it a control server?");
	err = mesh_upgrade_response_check(&head, &diag);
	if (err != MESH_OK)
		return mesh_client_fail(c, err, "%s", diag.text);
	/* What lies behind the head belongs to the channel. */
	mesh_rd_skip(in, head.len - before);
	mesh_buf_release(&c->in);
	c->state = CLIENT_SHAKE;
	return MESH_OK;
}

/* Plain text that nobody vouches for: shown as a hint, acted on by no one. */
static int
fail_with_hint(struct mesh_control_client *c)
{
	char hint[100];

	mesh_log_text(c->in.data + MESH_HANDSHAKE_HEAD_LEN,
	    c->in.len - MESH_HANDSHAKE_HEAD_LEN, hint, sizeof(hint));
	return mesh_client_fail(c, MESH_ERR_REFUSED,
	    "server refused the handshake, it says: %s", hint);
}

static int
finish_handshake(struct mesh_control_client *c)
{
	struct mesh_handshake_keys keys;
	int err = mesh_handshake_finish(&c->handshake, c->in.data, &keys);

	if (err != MESH_OK)
		return mesh_client_fail(c, err,
		    "handshake failed: the server does not hold the key that "
		    "its /key page gave");
	mesh_record_rx_init(&c->rx, keys.to_client);
	mesh_record_tx_init(&c->tx, keys.to_server);
	mesh_wipe(&keys, sizeof(keys));
	mesh_buf_release(&c->in);
	c->shaken = true;
	c->state = CLIENT_EARLY;
	return MESH_OK;
}

static int
read_handshake(struct mesh_control_client *c, struct mesh_rd *in)
{
	int err = gather(c, in, MESH_HANDSHAKE_HEAD_LEN);
	struct mesh_rd r;
	uint8_t type;
	size_t len;

	if (err != MESH_OK)
		return err;
	r = mesh_rd_init(c->in.data, MESH_HANDSHAKE_HEAD_LEN);
	type = mesh_rd_u8(&r);
	len = MESH_HANDSHAKE_HEAD_LEN + mesh_rd_u16be(&r);
	if (type == MESH_HANDSHAKE_ERROR &&
	    len <= MESH_HANDSHAKE_HEAD_LEN + MESH_HANDSHAKE_ERROR_MAX) {
		err = gather(c, in, len);
		return err == MESH_OK ? fail_with_hint(c) : err;
	}
	if (type != MESH_HANDSHAKE_RESPONSE ||
	    len != MESH_HANDSHAKE_RESPONSE_LEN)
		return mesh_client_fail(c, MESH_ERR_PROTO,
		    "malformed handshake response (type %u, %zu bytes)", type,
		    len);
	err = gather(c, in, len);
	return err == MESH_OK ? finish_handshake(c) : err;
}

static int
feed_http(struct mesh_control_client *c, const uint8_t *p, size_t len)
{
	struct mesh_diag diag = {0};
	int err = mesh_h2_input(&c->h2, p, len, &diag);

	if (err != MESH_OK)
		return mesh_client_fail(c, err, "%s", diag.text);
	return MESH_OK;
}

/* Nine bytes tell an early payload from HTTP/2. */
static int
read_early_head(struct mesh_control_client *c, struct mesh_rd *in)
{
	int err = gather(c, in, MESH_EARLY_HEAD_LEN);

	if (err != MESH_OK)
		return err;
	if (!mesh_early_head(c->in.data, &c->early_len)) {
		c->state = CLIENT_OPEN;
		err = feed_http(c, c->in.data, c->in.len);
	} else if (c->early_len > MESH_EARLY_MAX) {
		return mesh_client_fail(c, MESH_ERR_LIMIT,
		    "early payload of %u bytes, at most %u are taken",
		    (unsigned)c->early_len, MESH_EARLY_MAX);
	} else {
		c->state = CLIENT_EARLY_JSON;
	}
	mesh_buf_release(&c->in);
	return err;
}

static int
read_early_json(struct mesh_control_client *c, struct mesh_rd *in)
{
	int err = gather(c, in, c->early_len);
	struct mesh_diag diag;

	if (err != MESH_OK)
		return err;
	err = mesh_early_check((const char *)c->in.data, c->in.len, &diag);
	if (err != MESH_OK)
		return mesh_client_fail(c, err, "early payload: %s",
		    diag.text);
	mesh_buf_release(&c->in);
	c->state = CLIENT_OPEN;
	return MESH_OK;
}

/* The text of one record. */
static int
read_text(struct mesh_control_client *c, const uint8_t *p, size_t len)
{
	struct mesh_rd in = mesh_rd_init(p, len);
	int err = MESH_OK;

	if (c->state == CLIENT_EARLY)
		err = read_early_head(c, &in);
	if (err == MESH_OK && c->state == CLIENT_EARLY_JSON)
		err = read_early_json(c, &in);
	if (err == MESH_OK && mesh_rd_left(&in) > 0)
		err = feed_http(c, in.p, mesh_rd_left(&in));
	return err == MESH_ERR_AGAIN ? MESH_OK : err;
}

static int
read_records(struct mesh_control_client *c, struct mesh_rd *in)
{
	uint8_t text[MESH_RECORD_MAX];
	size_t len;
	int err;

	while ((err = mesh_record_open(&c->rx, c->aead, in, text, &len)) ==
	    MESH_OK) {
		err = read_text(c, text, len);
		if (err != MESH_OK)
			return err;
	}
	if (err != MESH_ERR_AGAIN)
		return mesh_client_fail(c, err,
		    "malformed record in the channel: %s", mesh_strerror(err));
	if (c->state == CLIENT_OPEN && mesh_h2_is_over(&c->h2))
		return mesh_client_fail(c, MESH_ERR_CLOSED,
		    "server ended the session");
	return MESH_OK;
}

static int
read_end(struct mesh_control_client *c)
{
	if (c->state == CLIENT_SHAKE)
		return mesh_client_fail(c, MESH_ERR_AUTH,
		    "server closed the connection after the upgrade: its key "
		    "changed, or it does not admit version %u",
		    c->version);
	return mesh_client_fail(c, MESH_ERR_CLOSED,
	    "server closed the connection");
}

int
mesh_control_client_input(struct mesh_control_client *c, const void *p,
    size_t len, struct mesh_time now)
{
	struct mesh_rd in = mesh_rd_init(p, len);
	int err = MESH_OK;

	c->now = now;
	if (c->state == CLIENT_CLOSED)
		return c->err;
	if (len == 0)
		return read_end(c);
	if (c->state == CLIENT_UPGRADE)
		err = read_upgrade(c, &in);
	if (err == MESH_OK && c->state == CLIENT_SHAKE)
		err = read_handshake(c, &in);
	if (err == MESH_OK && c->state >= CLIENT_EARLY &&
	    c->state <= CLIENT_OPEN)
		err = read_records(c, &in);
	return err == MESH_ERR_AGAIN ? MESH_OK : err;
}

/* --- bytes out */

static size_t
write_head(struct mesh_control_client *c, uint8_t *out, size_t cap)
{
	size_t n = c->out.len < cap ? c->out.len : cap;

	memcpy(out, c->out.data, n);
	mesh_buf_consume(&c->out, n);
	if (c->out.len == 0)
		mesh_buf_release(&c->out);
	return n;
}

static size_t
write_records(struct mesh_control_client *c, uint8_t *out, size_t cap)
{
	size_t used = 0, len = 0;
	int err = MESH_OK;

	while (err == MESH_OK && cap - used >= MESH_RECORD_MAX) {
		uint8_t *frame = out + used;

		err = mesh_h2_fill(&c->h2, frame + MESH_RECORD_HEAD,
		    MESH_RECORD_TEXT_MAX, &len);
		if (len == 0)
			break;
		if (mesh_record_seal(&c->tx, c->aead, frame, len) != MESH_OK)
			err = MESH_ERR_INTERNAL;
		else
			used += len + MESH_RECORD_OVERHEAD;
	}
	if (err != MESH_OK)
		(void)mesh_client_fail(c, err, "cannot send: %s",
		    mesh_strerror(err));
	return used;
}

size_t
mesh_control_client_output(struct mesh_control_client *c, uint8_t *out,
    size_t cap, struct mesh_time now)
{
	c->now = now;
	if (c->state == CLIENT_UPGRADE && c->out.len > 0)
		return write_head(c, out, cap);
	if (c->shaken && c->state != CLIENT_CLOSED)
		return write_records(c, out, cap);
	return 0;
}

bool
mesh_control_client_wants_write(const struct mesh_control_client *c)
{
	if (c->state == CLIENT_UPGRADE)
		return c->out.len > 0;
	return c->shaken && c->state != CLIENT_CLOSED &&
	    mesh_h2_wants_write(&c->h2);
}

/* --- time */

void
mesh_control_client_tick(struct mesh_control_client *c, struct mesh_time now)
{
	c->now = now;
	if (c->state == CLIENT_CLOSED)
		return;
	if (c->state < CLIENT_OPEN &&
	    mesh_time_due(c->handshake_deadline, now))
		(void)mesh_client_fail(c, MESH_ERR_TIMEOUT,
		    "server did not finish the handshake in time");
	else
		mesh_client_expire(c, now);
}

struct mesh_time
mesh_control_client_deadline(const struct mesh_control_client *c)
{
	struct mesh_time t = MESH_NEVER;

	if (c->state == CLIENT_CLOSED)
		return t;
	if (c->state < CLIENT_OPEN)
		t = c->handshake_deadline;
	for (struct mesh_list *l = c->active.next; l != &c->active;
	     l = l->next)
		t = mesh_time_min(t,
		    MESH_CONTAINER(l, struct request, link)->deadline);
	return t;
}
