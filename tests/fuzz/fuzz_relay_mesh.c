/* SPDX-License-Identifier: ISC
 * A relay with a mesh: bytes of the relay that it calls, bytes of one that has
 * the mesh key, an ordinary client in between. Input: records of u8 who (0 the
 * relay called, 1 the one that calls, 2 the client, 3 time), u8 length, bytes.
 * All are past the handshake. */
#include "relay/server.h"

#include "crypto/box.h"

#include <stdlib.h>

#define WHO 3u
#define HEX "6d529e9d4ef632d22d4a4214cb49da8f1ba1b72697061fb24e312984c35ec8d8"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[MESH_RELAY_FRAME_MAX];

static struct mesh_relay_server *
server(uint8_t number)
{
	const struct mesh_node_secret secret = {{0, number}};
	const uint8_t seed[16] = {0};
	struct mesh_relay_mesh_key key;
	struct mesh_relay_server_conf conf = {
	    .secret = &secret,
	    .seed = seed,
	    .max_clients = 8,
	    .mesh = &key,
	};
	struct mesh_relay_server *s;

	if (mesh_relay_mesh_key_parse(MESH_STR(HEX), &key) != MESH_OK)
		abort();
	s = mesh_relay_server_new(&conf);
	if (s == NULL)
		abort();
	return s;
}

static void
pass(struct mesh_relay_conn *from, struct mesh_relay_conn *to,
    struct mesh_time now)
{
	size_t used, n = mesh_relay_conn_output(from, out, sizeof(out));

	if (mesh_relay_conn_input(to, out, n, now, &used, NULL) != MESH_OK)
		abort();
}

/* Two servers shake hands; what they said is kept and replayed, since most of
 * the time would go there. */
static struct hello {
	uint8_t buf[512];
	size_t len;
} called[2], calls, client;

static void
record(struct hello *h, struct mesh_relay_conn *from,
    struct mesh_relay_conn *to, struct mesh_time now)
{
	size_t used;

	h->len = mesh_relay_conn_output(from, out, sizeof(out));
	if (h->len > sizeof(h->buf))
		abort();
	memcpy(h->buf, out, h->len);
	if (mesh_relay_conn_input(to, h->buf, h->len, now, &used, NULL) !=
	    MESH_OK)
		abort();
}

static void
make_client_hello(const struct mesh_node_key *relay)
{
	static const char json[] = "{\"CanAckPings\":true}";
	const uint8_t nonce[MESH_RELAY_NONCE_LEN] = {0};
	const struct mesh_node_secret secret = {{0, 9}};
	const struct mesh_node_key key = mesh_node_public(&secret);
	struct mesh_wr w = mesh_wr_init(client.buf, sizeof(client.buf));
	struct mesh_box_key box;

	if (mesh_box_key_make(&box, secret.b, relay->b) != MESH_OK)
		abort();
	mesh_box_seal(mesh_relay_write_client_info(&w, &key, nonce,
			  sizeof(json) - 1 + MESH_RELAY_TAG_LEN),
	    &box, nonce, json, sizeof(json) - 1);
	client.len = w.len;
}

static void
make_hellos(struct mesh_time now)
{
	const uint8_t random[MESH_RELAY_RANDOM_LEN] = {0};
	struct mesh_relay_server *one = server(1), *two = server(2);
	struct mesh_relay_conn *l = mesh_relay_link_new(one, NULL, random, now);
	struct mesh_relay_conn *c = mesh_relay_conn_new(two, NULL, random, now);

	record(&called[0], c, l, now);
	pass(l, c, now);
	record(&called[1], c, l, now);
	l = mesh_relay_link_new(two, NULL, random, now);
	c = mesh_relay_conn_new(one, NULL, random, now);
	pass(c, l, now);
	record(&calls, l, c, now);
	make_client_hello(mesh_relay_server_key(one));
	mesh_relay_server_free(one);
	mesh_relay_server_free(two);
}

static void
say(struct mesh_relay_conn *c, const struct hello *h, struct mesh_time now)
{
	size_t used;

	if (mesh_relay_conn_input(c, h->buf, h->len, now, &used, NULL) !=
	    MESH_OK)
		abort();
}

static struct mesh_relay_conn *
come(struct mesh_relay_server *s, unsigned who, struct mesh_time now)
{
	const uint8_t random[MESH_RELAY_RANDOM_LEN] = {0};
	struct mesh_relay_conn *c =
	    who == 0 ? mesh_relay_link_new(s, NULL, random, now)
		     : mesh_relay_conn_new(s, NULL, random, now);

	if (c == NULL)
		abort();
	if (who == 0) {
		say(c, &called[0], now);
		say(c, &called[1], now);
	} else {
		say(c, who == 1 ? &calls : &client, now);
	}
	return c;
}

static void
drain(struct mesh_relay_server *s)
{
	struct mesh_relay_conn *c;

	while ((c = mesh_relay_server_wake(s)) != NULL)
		while (mesh_relay_conn_output(c, out, sizeof(out)) > 0)
			continue;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_rd r = mesh_rd_init(data, size);
	struct mesh_time now = {MESH_SEC};
	struct mesh_relay_conn *c[WHO];
	struct mesh_relay_server *s;

	if (client.len == 0)
		make_hellos(now);
	s = server(1);
	for (unsigned i = 0; i < WHO; i++)
		c[i] = come(s, i, now);
	while (mesh_rd_left(&r) > 0) {
		unsigned who = mesh_rd_u8(&r) % (WHO + 1);
		size_t len = mesh_rd_u8(&r), used;
		int err = MESH_OK;

		if (len > mesh_rd_left(&r))
			len = mesh_rd_left(&r);
		if (who == WHO) {
			now = mesh_time_add(now, len * MESH_SEC);
			who = (unsigned)(len % WHO);
			err = mesh_relay_conn_tick(c[who], now);
		} else {
			err = mesh_relay_conn_input(c[who],
			    mesh_rd_take(&r, len), len, now, &used, NULL);
		}
		if (err != MESH_OK) {
			mesh_relay_conn_free(c[who]);
			c[who] = come(s, who, now);
		}
		drain(s);
	}
	mesh_relay_server_free(s);
	return 0;
}
