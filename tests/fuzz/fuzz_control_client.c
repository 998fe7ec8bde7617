/* SPDX-License-Identifier: ISC
 * fuzz_control_client.c - a hostile control server, and time, against the client
 * session.
 *
 * Input: steps of u8 kind, u8 length, bytes. After the handshake the bytes go
 * through the channel, sealed: so that HTTP/2 and what lies in it are reached.
 */
#include <stdlib.h>
#include <string.h>

#include "control/client.h"
#include "control/record.h"
#include "control/upgrade.h"
#include "crypto/x25519.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	STEP_TEXT,	/* through the channel */
	STEP_TEXT_TOO,	/* (most steps should be) */
	STEP_RAW,	/* as bytes of the connection */
	STEP_SHAKE,	/* the upgrade's answer and the handshake's */
	STEP_TICK,	/* length seconds pass */
	STEP_REGISTER,
	STEP_MAP,	/* plain, or zstd if the length is odd */
	STEP_REQUEST,
	STEP_CANCEL,	/* request number length */
	STEP_DRAIN,	/* output is taken */
	STEP_COUNT,
};

struct fuzz {
	struct mesh_control_client *c;
	struct mesh_machine_secret secret;
	struct mesh_machine_key key;
	struct mesh_time now;
	bool shaken;
	struct mesh_record_tx tx;
	uint8_t out[8192];
};

static void
drain(struct fuzz *f)
{
	struct mesh_control_client_event ev;

	while (mesh_control_client_event(f->c, &ev)) {
		/* What is handed out can be read. */
		volatile char last = 0;

		if (ev.text.len > 0)
			last = ev.text.p[ev.text.len - 1];
		(void)last;
	}
	while (mesh_control_client_output(f->c, f->out, sizeof(f->out),
		   f->now) > 0)
		continue;
}

static void
raw(struct fuzz *f, const uint8_t *p, size_t len)
{
	(void)mesh_control_client_input(f->c, p, len, f->now);
}

static void
text(struct fuzz *f, const uint8_t *p, size_t len)
{
	uint8_t frame[MESH_RECORD_MAX];

	if (!f->shaken)
		return;
	memcpy(frame + MESH_RECORD_HEAD, p, len);
	if (mesh_record_seal(&f->tx, NULL, frame, len) == MESH_OK)
		raw(f, frame, len + MESH_RECORD_OVERHEAD);
}

static int
answer(const struct fuzz *f, const uint8_t *init, size_t len,
    uint8_t *response, struct mesh_handshake_keys *keys)
{
	static const uint8_t ephemeral[32] = {4};
	struct mesh_handshake h;
	uint8_t shared[32];
	int err = mesh_handshake_accept(&h, init, len, &f->key, 1, NULL);

	if (err == MESH_OK)
		err = MESH_ERR_AGAIN;
	while (err == MESH_ERR_AGAIN) {
		err = mesh_x25519(shared, f->secret.b, h.point);
		if (err == MESH_OK)
			err = mesh_handshake_dh(&h, shared);
	}
	if (err == MESH_OK)
		err = mesh_handshake_reply(&h, ephemeral, response, keys);
	return err;
}

static void
shake(struct fuzz *f)
{
	static const char head[] =
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: "
	    "tailscale-control-protocol\r\nConnection: upgrade\r\n\r\n";
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
	struct mesh_handshake_keys keys;
	struct mesh_http_head request;
	struct mesh_diag diag;
	unsigned status;
	size_t len, n = mesh_control_client_output(f->c, f->out,
		    sizeof(f->out), f->now);

	if (f->shaken ||
	    mesh_http_request_parse(f->out, n, &request) != MESH_OK ||
	    mesh_upgrade_request_check(&request, init, &len, &status, &diag) !=
		MESH_OK ||
	    answer(f, init, len, response, &keys) != MESH_OK)
		return;
	mesh_record_tx_init(&f->tx, keys.to_client);
	f->shaken = true;
	raw(f, (const uint8_t *)head, strlen(head));
	raw(f, response, sizeof(response));
}

static void
ask_map(struct fuzz *f, bool zstd)
{
	struct mesh_map_request req = {.stream = true,
	    .compress = zstd ? "zstd" : NULL};

	(void)mesh_control_client_map(f->c, &req, f->now, NULL);
}

static void
run_step(struct fuzz *f, enum step step, const uint8_t *p, size_t len)
{
	struct mesh_register_request reg = {0};
	struct mesh_control_request req = {"POST", "/x", NULL, {0}};

	switch (step) {
	case STEP_RAW:
		raw(f, p, len);
		break;
	case STEP_SHAKE:
		shake(f);
		break;
	case STEP_TICK:
		f->now = mesh_time_add(f->now, len * MESH_SEC);
		mesh_control_client_tick(f->c, f->now);
		break;
	case STEP_REGISTER:
		(void)mesh_control_client_register(f->c, &reg, f->now, NULL);
		break;
	case STEP_MAP:
		ask_map(f, len % 2 == 1);
		break;
	case STEP_REQUEST:
		(void)mesh_control_client_request(f->c, &req, f->now, NULL);
		break;
	case STEP_CANCEL:
		mesh_control_client_cancel(f->c, (uint32_t)len);
		break;
	case STEP_DRAIN:
		drain(f);
		break;
	default:
		text(f, p, len);
	}
}

static void
run(struct fuzz *f, struct mesh_rd in)
{
	while (mesh_rd_left(&in) > 0) {
		enum step step = (enum step)(mesh_rd_u8(&in) % STEP_COUNT);
		size_t len = mesh_rd_u8(&in);
		/* Ticks and the like use the length alone. */
		bool has_bytes = step <= STEP_RAW;
		const uint8_t *p;

		if (len > mesh_rd_left(&in))
			len = mesh_rd_left(&in);
		p = mesh_rd_take(&in, has_bytes ? len : 0);
		if (p == NULL)
			return;
		run_step(f, step, p, len);
	}
	drain(f);
	raw(f, NULL, 0);
	drain(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t random[MESH_CONTROL_CLIENT_RANDOM] = {3};
	struct mesh_machine_secret machine = {{2}};
	struct fuzz f = {.secret = {{1}}, .now = {MESH_HOUR}};
	struct mesh_control_client_config cfg = {
	    .secret = &machine,
	    .authority = "x",
	    .frame_max = 1 << 16,
	    .text_max = 1 << 18,
	};

	cfg.server_key = f.key = mesh_machine_public(&f.secret);
	if (size == 0 ||
	    mesh_control_client_new(&cfg, random, f.now, &f.c) != MESH_OK)
		return 0;
	run(&f, mesh_rd_init(data, size));
	mesh_control_client_free(f.c);
	return 0;
}
