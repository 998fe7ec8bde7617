/* SPDX-License-Identifier: ISC
 * fuzz_control_server.c - a hostile node, and time, against the server session.
 *
 * Input: u8: 0, then bytes of an initiation and of the connection; else a good
 * handshake, and steps of u8 kind, u8 length, bytes, whose bytes go through the
 * channel, sealed: so that HTTP/2 and what lies in it are reached.
 */
#include <stdlib.h>
#include <string.h>

#include "control/frame.h"
#include "control/handshake.h"
#include "control/msg.h"
#include "control/record.h"
#include "control/server.h"
#include "crypto/x25519.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	STEP_TEXT,     /* through the channel */
	STEP_TEXT_TOO, /* (most steps should be) */
	STEP_RAW,      /* as bytes of the connection */
	STEP_TICK,     /* length seconds pass */
	STEP_DRAIN,    /* output is taken */
	STEP_PUSH,     /* length bytes into the map stream */
	STEP_END,      /* of the map stream */
	STEP_SHUTDOWN,
	STEP_COUNT,
};

struct fuzz {
	struct mesh_control_server *s;
	struct mesh_machine_secret secret;
	struct mesh_machine_key key;
	struct mesh_time now;
	struct mesh_record_tx tx;
	int32_t stream; /* the last one opened */
	uint8_t out[8192];
};

/* Reads requests as a server does; every third opens a stream. */
static void
answer(struct fuzz *f, const struct mesh_control_server_event *ev)
{
	struct mesh_register_request reg;
	struct mesh_map_request map;
	struct mesh_diag diag;
	struct mesh_arena a;

	mesh_arena_init(&a, 1 << 20);
	(void)mesh_register_request_parse(ev->body.p, ev->body.len, &a, &reg,
	    &diag);
	(void)mesh_map_request_parse(ev->body.p, ev->body.len, &a, &map,
	    &diag);
	mesh_arena_release(&a);
	if (ev->stream % 3 == 0) {
		f->stream = ev->stream;
		(void)mesh_control_server_open(f->s, ev->stream, true, true,
		    f->now);
	} else if (ev->stream % 7 != 0) {
		(void)mesh_control_server_respond(f->s, ev->stream, 200,
		    "application/json", ev->body);
	}
}

static void
drain_events(struct fuzz *f)
{
	struct mesh_control_server_event ev;
	uint8_t shared[32];

	while (mesh_control_server_event(f->s, &ev)) {
		if (ev.kind == MESH_CONTROL_SERVER_REQUEST)
			answer(f, &ev);
		if (ev.kind != MESH_CONTROL_SERVER_DH)
			continue;
		if (mesh_x25519(shared, f->secret.b, ev.point) == MESH_OK)
			(void)mesh_control_server_dh(f->s, shared, f->now);
		else
			(void)mesh_control_server_dh(f->s, NULL, f->now);
	}
}

static void
drain(struct fuzz *f)
{
	drain_events(f);
	while (mesh_control_server_output(f->s, f->out, sizeof(f->out),
		   f->now) > 0)
		continue;
	drain_events(f);
}

static void
raw(struct fuzz *f, const uint8_t *p, size_t len)
{
	(void)mesh_control_server_input(f->s, p, len, f->now);
	drain_events(f);
}

static void
text(struct fuzz *f, const uint8_t *p, size_t len)
{
	uint8_t frame[MESH_RECORD_MAX];

	memcpy(frame + MESH_RECORD_HEAD, p, len);
	if (mesh_record_seal(&f->tx, NULL, frame, len) == MESH_OK)
		raw(f, frame, len + MESH_RECORD_OVERHEAD);
}

static void
push(struct fuzz *f, size_t len)
{
	static const uint8_t bytes[256];
	struct mesh_blob *b = mesh_blob_new(bytes, len);

	if (b != NULL)
		(void)mesh_control_server_push(f->s, f->stream, b, f->now);
	mesh_blob_unref(b);
}

static void
run_step(struct fuzz *f, enum step step, const uint8_t *p, size_t len)
{
	switch (step) {
	case STEP_RAW:
		raw(f, p, len);
		break;
	case STEP_TICK:
		f->now = mesh_time_add(f->now, len * MESH_SEC);
		mesh_control_server_tick(f->s, f->now);
		break;
	case STEP_DRAIN:
		drain(f);
		break;
	case STEP_PUSH:
		push(f, len);
		break;
	case STEP_END:
		(void)mesh_control_server_end(f->s, f->stream);
		break;
	case STEP_SHUTDOWN:
		mesh_control_server_shutdown(f->s);
		break;
	default:
		text(f, p, len);
	}
}

static void
run_steps(struct fuzz *f, struct mesh_rd in)
{
	while (mesh_rd_left(&in) > 0) {
		enum step step = (enum step)(mesh_rd_u8(&in) % STEP_COUNT);
		size_t len = mesh_rd_u8(&in);
		bool has_bytes = step <= STEP_RAW;
		const uint8_t *p;

		if (len > mesh_rd_left(&in))
			len = mesh_rd_left(&in);
		p = mesh_rd_take(&in, has_bytes ? len : 0);
		if (p == NULL)
			return;
		run_step(f, step, p, len);
	}
}

static int
begin(struct fuzz *f, const uint8_t *init, size_t len)
{
	static const uint8_t random[MESH_CONTROL_SERVER_RANDOM] = {4};
	struct mesh_control_server_config cfg = {
	    .key = f->key,
	    .request_max = 2000,
	    .queue_max = 1000,
	};

	return mesh_control_server_new(&cfg, init, len, random, f->now, &f->s);
}

/* The client's half of a good handshake. */
static void
run_shaken(struct fuzz *f, struct mesh_rd in)
{
	static const uint8_t ephemeral[32] = {3};
	struct mesh_machine_secret machine = {{2}};
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_handshake_keys keys;
	struct mesh_handshake h;
	size_t n;

	if (mesh_handshake_start(&h, &machine, &f->key, 131, ephemeral, init) !=
		MESH_OK ||
	    begin(f, init, sizeof(init)) != MESH_OK)
		return;
	drain_events(f);
	n = mesh_control_server_output(f->s, f->out, sizeof(f->out), f->now);
	for (size_t i = 0; i + MESH_HANDSHAKE_RESPONSE_LEN < n; i++)
		if (memcmp(f->out + i, "\r\n\r\n\x02", 5) == 0) {
			if (mesh_handshake_finish(&h, f->out + i + 4, &keys) !=
			    MESH_OK)
				abort();
			mesh_record_tx_init(&f->tx, keys.to_server);
			run_steps(f, in);
			return;
		}
	abort(); /* the handshake cannot fail */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.secret = {{1}}, .now = {MESH_HOUR}};
	struct mesh_rd in = mesh_rd_init(data, size);
	const uint8_t *init;
	size_t len;

	if (size == 0)
		return 0;
	f.key = mesh_machine_public(&f.secret);
	if (mesh_rd_u8(&in) != 0) {
		run_shaken(&f, in);
	} else {
		len = mesh_rd_left(&in) < MESH_HANDSHAKE_INIT_LEN
		    ? mesh_rd_left(&in)
		    : MESH_HANDSHAKE_INIT_LEN;
		init = mesh_rd_take(&in, len);
		if (begin(&f, init, len) == MESH_OK) {
			drain_events(&f);
			raw(&f, in.p, mesh_rd_left(&in));
		}
	}
	if (f.s != NULL) {
		drain(&f);
		raw(&f, NULL, 0);
	}
	mesh_control_server_free(f.s);
	return 0;
}
