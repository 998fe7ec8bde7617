/* SPDX-License-Identifier: ISC
 * A node's relay session with bytes from a hostile relay and time. Input: first
 * byte bit 0 fast start; then u8 n: 0 time passes, else n bytes arrive. Behind
 * a valid handshake when bit 1 is set (fixed keys and nonces). */
#include "relay/client.h"

#include "../unit/relay_vectors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
unhex(const char *hex, uint8_t *out)
{
	if (mesh_hex_decode(mesh_str(hex), out, strlen(hex) / 2) != MESH_OK)
		abort();
}

static void
feed(struct mesh_relay_client *c, struct mesh_time now, const uint8_t *p,
    size_t len)
{
	struct mesh_relay_event ev;
	size_t room;
	uint8_t *to = mesh_relay_client_room(c, &room);

	if (to == NULL || room < len)
		return;
	memcpy(to, p, len);
	mesh_relay_client_fed(c, len, now);
	while (mesh_relay_client_next(c, now, &ev) == MESH_OK)
		if (ev.len > 0 && ev.data[ev.len - 1] == 1)
			mesh_relay_client_send(c, &ev.peer, ev.data, ev.len,
			    false, now);
}

static void
handshake(struct mesh_relay_client *c, struct mesh_time now)
{
	static const char answer[] =
	    "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n\r\n";
	uint8_t frames[256];
	size_t len = strlen(VECTOR_SERVER_KEY VECTOR_SERVER_INFO) / 2;

	unhex(VECTOR_SERVER_KEY VECTOR_SERVER_INFO, frames);
	if (c->state == MESH_RELAY_STATE_UPGRADE)
		feed(c, now, (const uint8_t *)answer, sizeof(answer) - 1);
	feed(c, now, frames, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_rd r = mesh_rd_init(data, size);
	uint8_t flags = mesh_rd_u8(&r);
	uint8_t nonce[MESH_RELAY_NONCE_LEN] = {0};
	struct mesh_time now = {MESH_SEC};
	struct mesh_node_secret secret;
	struct mesh_node_key server;
	struct mesh_relay_client_conf conf = {
	    .host = "relay.test",
	    .secret = &secret,
	    .server = flags & 1 ? &server : NULL,
	    .nonce = nonce,
	};
	struct mesh_relay_client c;

	unhex(VECTOR_A_SECRET, secret.b);
	unhex(VECTOR_SERVER_PUBLIC, server.b);
	if (mesh_relay_client_init(&c, &conf, now) != MESH_OK)
		abort();
	if (flags & 2)
		handshake(&c, now);
	while (mesh_rd_left(&r) > 0) {
		size_t n = mesh_rd_u8(&r);

		if (n > mesh_rd_left(&r))
			n = mesh_rd_left(&r);
		if (n == 0)
			now = mesh_time_add(now, 7 * MESH_SEC);
		feed(&c, now, mesh_rd_take(&r, n), n);
		if (c.out.len > MESH_RELAY_OUT_MAX + 16384)
			abort();
	}
	mesh_relay_client_release(&c);
	return 0;
}
