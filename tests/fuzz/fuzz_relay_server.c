/* SPDX-License-Identifier: ISC
 * A relay with three clients that send what they like, cut where they like.
 * Input: records of u8 who (0-2 a client, 3 time, 4 one writes out, 5 one
 * leaves and another comes), u8 length, bytes. Clients 0 and 1 are past the
 * handshake (fixed keys, the relay's own secret). */
#include "relay/server.h"

#include "crypto/box.h"

#include "../unit/relay_vectors.h"

#include <stdlib.h>

#define CLIENTS 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[MESH_RELAY_FRAME_MAX];

static void
unhex(const char *hex, uint8_t *to)
{
	if (mesh_hex_decode(mesh_str(hex), to, strlen(hex) / 2) != MESH_OK)
		abort();
}

/* The client info of A and B, made once: most of the time goes there. */
static struct hello {
	uint8_t buf[256];
	size_t len;
} hellos[2];

static void
make_hello(struct hello *h, const char *hex, const struct mesh_node_key *relay)
{
	static const char json[] = "{\"CanAckPings\":true}";
	const uint8_t nonce[MESH_RELAY_NONCE_LEN] = {0};
	struct mesh_node_secret secret;
	struct mesh_node_key key;
	struct mesh_box_key box;
	struct mesh_wr w = mesh_wr_init(h->buf, sizeof(h->buf));

	unhex(hex, secret.b);
	key = mesh_node_public(&secret);
	if (mesh_box_key_make(&box, secret.b, relay->b) != MESH_OK)
		abort();
	mesh_box_seal(mesh_relay_write_client_info(&w, &key, nonce,
			  sizeof(json) - 1 + MESH_RELAY_TAG_LEN),
	    &box, nonce, json, sizeof(json) - 1);
	h->len = w.len;
}

static struct mesh_relay_conn *
come(struct mesh_relay_server *s, unsigned who, struct mesh_time now)
{
	const uint8_t random[MESH_RELAY_RANDOM_LEN] = {0};
	struct mesh_relay_conn *c = mesh_relay_conn_new(s, NULL, random, now);
	size_t used;

	if (c == NULL)
		abort();
	if (who < 2 && mesh_relay_conn_input(c, hellos[who].buf,
			   hellos[who].len, now, &used, NULL) != MESH_OK)
		abort();
	return c;
}

static int
act(struct mesh_relay_conn *c, uint8_t op, const uint8_t *p, size_t len,
    struct mesh_time *now)
{
	size_t used;

	if (op < CLIENTS) /* what a full queue leaves over is lost here */
		return mesh_relay_conn_input(c, p, len, *now, &used, NULL);
	if (op == 3) {
		*now = mesh_time_add(*now, len * MESH_SEC);
		return mesh_relay_conn_tick(c, *now);
	}
	if (op == 4)
		mesh_relay_conn_output(c, out, sizeof(out));
	return op == 4 ? MESH_OK : MESH_ERR_CLOSED;
}

static void
step(struct mesh_relay_server *s, struct mesh_relay_conn **c, struct mesh_rd *r,
    struct mesh_time *now)
{
	uint8_t op = mesh_rd_u8(r);
	unsigned who = op % 8 < CLIENTS ? op % 8 : op / 8 % CLIENTS;
	size_t len = mesh_rd_u8(r);
	const uint8_t *p;

	if (len > mesh_rd_left(r))
		len = mesh_rd_left(r);
	p = op % 8 < CLIENTS ? mesh_rd_take(r, len) : NULL;
	if (c[who] == NULL) {
		if (op % 8 >= 5)
			c[who] = come(s, who, *now);
	} else if (act(c[who], op % 8, p, len, now) != MESH_OK) {
		mesh_relay_conn_free(c[who]);
		c[who] = NULL;
	}
	while (mesh_relay_server_wake(s) != NULL)
		continue;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_rd r = mesh_rd_init(data, size);
	struct mesh_time now = {MESH_SEC};
	struct mesh_relay_conn *c[CLIENTS];
	struct mesh_node_secret secret;
	const uint8_t seed[16] = {0};
	struct mesh_relay_server_conf conf = {
	    .secret = &secret,
	    .seed = seed,
	    .max_clients = 8,
	};
	struct mesh_relay_server *s;

	unhex(VECTOR_SERVER_SECRET, secret.b);
	s = mesh_relay_server_new(&conf);
	if (s == NULL)
		abort();
	if (hellos[0].len == 0) {
		make_hello(&hellos[0], VECTOR_A_SECRET,
		    mesh_relay_server_key(s));
		make_hello(&hellos[1], VECTOR_B_SECRET,
		    mesh_relay_server_key(s));
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		c[i] = come(s, i, now);
	while (mesh_rd_left(&r) > 0)
		step(s, c, &r, &now);
	mesh_relay_server_free(s);
	return 0;
}
