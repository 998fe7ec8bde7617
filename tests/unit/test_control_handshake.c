/* SPDX-License-Identifier: ISC
 * The control channel's handshake: the fixed-key vector of
 * protocol/vectors-control.md 3, and everything that must be refused. */
#include "test.h"

#include <string.h>

#include "control/handshake.h"
#include "crypto/x25519.h"

#define CAPVER 145

static const char server_priv_hex[] =
    "1011111111111111111111111111111111111111111111111111111111111151";
static const char server_pub_hex[] =
    "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13";
static const char machine_priv_hex[] =
    "2022222222222222222222222222222222222222222222222222222222222262";
static const char machine_pub_hex[] =
    "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20";
static const char client_eph_hex[] =
    "3033333333333333333333333333333333333333333333333333333333333373";
static const char server_eph_hex[] =
    "4044444444444444444444444444444444444444444444444444444444444444";
static const char init_hex[] =
    "00910100607b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14"
    "b903b541e3810f9a9f788541f1d8f2ec482568e39b9f0f56a9f4a7a56450f31a9dc60bcb4e"
    "75254359f9460a6bc3abd2a01b3a2deff662afe0b9497becb6a113";
static const char response_hex[] =
    "020030ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6bb724"
    "869747b9edde7346ebd00e8c83be";
static const char to_server_hex[] =
    "97bb1ff1b3c0030ed1e8f7d54ad3728ad885ba618751ae88d5a752c3c5f31027";
static const char to_client_hex[] =
    "67e4e0ae881d024a7aef742740ca594e486443a61ac5362959c6b1350e8e5ab0";

static struct {
	struct mesh_machine_secret server_secret, machine_secret;
	struct mesh_machine_key server, machine;
	uint8_t client_eph[32], server_eph[32];
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
} v;

static int
load_vector(void **state)
{
	(void)state;
	test_unhex(server_priv_hex, v.server_secret.b, 32);
	test_unhex(machine_priv_hex, v.machine_secret.b, 32);
	test_unhex(server_pub_hex, v.server.b, 32);
	test_unhex(machine_pub_hex, v.machine.b, 32);
	test_unhex(client_eph_hex, v.client_eph, 32);
	test_unhex(server_eph_hex, v.server_eph, 32);
	assert_int_equal(test_unhex(init_hex, v.init, sizeof(v.init)),
	    sizeof(v.init));
	assert_int_equal(test_unhex(response_hex, v.response,
			     sizeof(v.response)),
	    sizeof(v.response));
	return 0;
}

/* What the holder of the server's secret does, until it is settled. */
static int
give_results(struct mesh_handshake *h)
{
	uint8_t shared[32];
	int err = MESH_ERR_AGAIN;

	while (err == MESH_ERR_AGAIN) {
		if (mesh_x25519(shared, v.server_secret.b, h->point) !=
		    MESH_OK)
			return MESH_ERR_AUTH;
		err = mesh_handshake_dh(h, shared);
	}
	return err;
}

static int
respond(const uint8_t *init, size_t len, uint8_t *response,
    struct mesh_handshake_keys *keys)
{
	struct mesh_handshake h;
	int err = mesh_handshake_accept(&h, init, len, &v.server, 88, NULL);

	if (err == MESH_OK)
		err = give_results(&h);
	if (err == MESH_OK)
		err = mesh_handshake_reply(&h, v.server_eph, response, keys);
	return err;
}

static void
assert_hex(const uint8_t *p, const char *hex)
{
	uint8_t want[32];

	test_unhex(hex, want, sizeof(want));
	assert_memory_equal(p, want, sizeof(want));
}

static void
test_initiator_vector(void **state)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_handshake_keys keys;
	struct mesh_handshake h;

	(void)state;
	assert_int_equal(mesh_handshake_start(&h, &v.machine_secret, &v.server,
			     CAPVER, v.client_eph, init),
	    MESH_OK);
	assert_memory_equal(init, v.init, sizeof(init));
	assert_int_equal(mesh_handshake_finish(&h, v.response, &keys), MESH_OK);
	assert_hex(keys.to_server, to_server_hex);
	assert_hex(keys.to_client, to_client_hex);
}

static void
test_responder_vector(void **state)
{
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
	struct mesh_handshake_keys keys;
	struct mesh_handshake h;
	uint8_t shared[32];

	(void)state;
	assert_int_equal(mesh_handshake_accept(&h, v.init, sizeof(v.init),
			     &v.server, 88, NULL),
	    MESH_OK);
	assert_int_equal(h.version, CAPVER);
	assert_int_equal(mesh_x25519(shared, v.server_secret.b, h.point),
	    MESH_OK);
	assert_hex(shared,
	    "5bf22caf31c0316785b0b9bc60e56d48582ce59435ce5b3c028052be42631e0f");
	assert_int_equal(mesh_handshake_dh(&h, shared), MESH_ERR_AGAIN);
	assert_memory_equal(h.point, v.machine.b, 32);
	assert_int_equal(mesh_x25519(shared, v.server_secret.b, h.point),
	    MESH_OK);
	assert_hex(shared,
	    "9e004098efc091d4ec2663b4e9f5cfd4d7064571690b4bea97ab146ab9f35056");
	assert_int_equal(mesh_handshake_dh(&h, shared), MESH_OK);
	assert_int_equal(mesh_handshake_dh(&h, shared), MESH_ERR_STATE);
	assert_true(mesh_machine_key_equal(&h.peer, &v.machine));
	assert_int_equal(mesh_handshake_reply(&h, v.server_eph, response,
			     &keys),
	    MESH_OK);
	assert_memory_equal(response, v.response, sizeof(response));
	assert_hex(keys.to_server, to_server_hex);
	assert_hex(keys.to_client, to_client_hex);
	/* The peer is who it was; no secret is left. */
	assert_true(mesh_machine_key_equal(&h.peer, &v.machine));
	assert_int_equal(mesh_handshake_reply(&h, v.server_eph, response,
			     &keys),
	    MESH_ERR_STATE);
}

/* A flip in the version changes the prologue, too. */
static void
test_flipped_initiation(void **state)
{
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
	struct mesh_handshake_keys keys;

	(void)state;
	for (size_t i = 0; i < 8 * sizeof(v.init); i++) {
		uint8_t bad[sizeof(v.init)];

		/* X25519 ignores the top bit of a point (RFC 7748), but the
		 * hash does not. */
		memcpy(bad, v.init, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1u << (i % 8));
		assert_int_not_equal(respond(bad, sizeof(bad), response,
					 &keys),
		    MESH_OK);
	}
}

static void
test_cut_initiation(void **state)
{
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
	uint8_t longer[sizeof(v.init) + 1] = {0};
	struct mesh_handshake_keys keys;

	(void)state;
	for (size_t len = 0; len < sizeof(v.init); len++)
		assert_int_equal(respond(v.init, len, response, &keys),
		    MESH_ERR_PROTO);
	memcpy(longer, v.init, sizeof(v.init));
	assert_int_equal(respond(longer, sizeof(longer), response, &keys),
	    MESH_ERR_PROTO);
}

static void
test_flipped_response(void **state)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_handshake_keys keys;
	struct mesh_handshake h;

	(void)state;
	for (size_t i = 0; i < 8 * sizeof(v.response); i++) {
		uint8_t bad[sizeof(v.response)];

		memcpy(bad, v.response, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(mesh_handshake_start(&h, &v.machine_secret,
				     &v.server, CAPVER, v.client_eph, init),
		    MESH_OK);
		assert_int_not_equal(mesh_handshake_finish(&h, bad, &keys),
		    MESH_OK);
	}
}

static void
test_version_minimum(void **state)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_diag diag = {0};
	struct mesh_handshake h;

	(void)state;
	assert_int_equal(mesh_handshake_start(&h, &v.machine_secret, &v.server,
			     87, v.client_eph, init),
	    MESH_OK);
	assert_int_equal(mesh_handshake_accept(&h, init, sizeof(init),
			     &v.server, 88, &diag),
	    MESH_ERR_VERSION);
	assert_string_equal(diag.text,
	    "client too old: capability version 87, at least 88 is needed");
	assert_int_equal(mesh_handshake_accept(&h, init, sizeof(init),
			     &v.server, 87, &diag),
	    MESH_OK);
	assert_int_equal(give_results(&h), MESH_OK);
}

/* The client knows another key of the server. */
static void
test_wrong_server_key(void **state)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];
	struct mesh_handshake_keys keys;
	struct mesh_handshake h;

	(void)state;
	assert_int_equal(mesh_handshake_start(&h, &v.machine_secret,
			     &v.machine, CAPVER, v.client_eph, init),
	    MESH_OK);
	assert_int_equal(respond(init, sizeof(init), response, &keys),
	    MESH_ERR_AUTH);
}

/* Points of low order give the shared secret zero, whoever holds what key. */
static void
test_low_order(void **state)
{
	static const uint8_t zero[32], one[32] = {1};
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_machine_key bad = {{0}};
	struct mesh_handshake_keys keys;
	struct mesh_handshake h;
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN];

	(void)state;
	assert_int_equal(mesh_handshake_start(&h, &v.machine_secret, &bad,
			     CAPVER, v.client_eph, init),
	    MESH_ERR_AUTH);
	memcpy(init, v.init, sizeof(init));
	memcpy(init + 5, one, 32);
	assert_int_equal(respond(init, sizeof(init), response, &keys),
	    MESH_ERR_AUTH);
	assert_int_equal(mesh_handshake_accept(&h, v.init, sizeof(v.init),
			     &v.server, 88, NULL),
	    MESH_OK);
	assert_int_equal(mesh_handshake_dh(&h, zero), MESH_ERR_AUTH);
	assert_int_equal(mesh_handshake_dh(&h, one), MESH_ERR_STATE);
	assert_int_equal(mesh_handshake_start(&h, &v.machine_secret, &v.server,
			     CAPVER, v.client_eph, init),
	    MESH_OK);
	memcpy(response, v.response, sizeof(response));
	memcpy(response + 3, zero, 32);
	assert_int_equal(mesh_handshake_finish(&h, response, &keys),
	    MESH_ERR_AUTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_initiator_vector),
	    cmocka_unit_test(test_responder_vector),
	    cmocka_unit_test(test_flipped_initiation),
	    cmocka_unit_test(test_cut_initiation),
	    cmocka_unit_test(test_flipped_response),
	    cmocka_unit_test(test_version_minimum),
	    cmocka_unit_test(test_wrong_server_key),
	    cmocka_unit_test(test_low_order),
	};

	return cmocka_run_group_tests(tests, load_vector, NULL);
}
