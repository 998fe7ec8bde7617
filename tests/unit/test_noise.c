/* SPDX-License-Identifier: ISC
 * test_noise.c - the symmetric state, driven through the patterns IK and
 * IKpsk2. Vectors: the cacophony set (protocol/vectors-control.md 2,
 * vectors-dataplane.md 1.3) and the control handshake with fixed keys
 * (vectors-control.md 3).
 */
#include "crypto/noise.h"

#include <string.h>

#include "crypto/aead.h"
#include "crypto/x25519.h"
#include "test.h"

struct handshake {
	const char *name, *prologue, *psk; /* psk NULL: the pattern IK */
	const char *init_static, *init_ephemeral;
	const char *resp_static, *resp_ephemeral;
	const char *payload[4], *message[4];
	const char *hash;
};

static const struct handshake generic_ik = {
    .name = "Noise_IK_25519_ChaChaPoly_BLAKE2s",
    .prologue = "4a6f686e2047616c74",
    .init_static = "e61ef9919cde45dd5f82166404bd08e3"
		   "8bceb5dfdfded0a34c8df7ed542214d1",
    .init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7"
		      "bac5117349a4439a6b0569da977c464a",
    .resp_static = "4a3acbfdb163dec651dfa3194dece676"
		   "d437029c62a408b4c5ea9114246e4893",
    .resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288c"
		      "add6f712d65dc7b7793d5e63da6b375b",
    .payload = {"4c756477696720766f6e204d69736573",
	"4d757272617920526f746862617264", "462e20412e20486179656b",
	"4361726c204d656e676572"},
    .message = {"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79"
		"440b03ddc7aac5123d06a1b23b71670e32e76c28239a7ca4ac8f784de7e44c"
		"1adbfc6e83fef7352a58d9d56157400c0a737b1d171ce368229c7b752ac25b"
		"8faf4eca690f6d896f543be02c996ab2b86b76",
	"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d9b5"
	"a8927f0ac9655ef76833bc7e5561f42e691ac8404efd6fbd6308b6a27c",
	"2c256ed08fcd08c2980f954ee4beaccb61c9581340f5dd2fd1cf3b",
	"d6033f70eee20945c7c9dba304e397ee3b284ff5e00fd9efb095d3"},
    .hash = "48f3cb8bc9319da4ba1e9933991b1c4e"
	    "d4034f1f126a76d3a1fbcfd7f94248d4",
};

static const struct handshake generic_psk = {
    .name = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
    .prologue = "4a6f686e2047616c74",
    .psk = "54686973206973206d79204175737472"
	   "69616e20706572737065637469766521",
    .init_static = "e61ef9919cde45dd5f82166404bd08e3"
		   "8bceb5dfdfded0a34c8df7ed542214d1",
    .init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7"
		      "bac5117349a4439a6b0569da977c464a",
    .resp_static = "4a3acbfdb163dec651dfa3194dece676"
		   "d437029c62a408b4c5ea9114246e4893",
    .resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288c"
		      "add6f712d65dc7b7793d5e63da6b375b",
    .payload = {"4c756477696720766f6e204d69736573",
	"4d757272617920526f746862617264", "462e20412e20486179656b",
	"4361726c204d656e676572"},
    .message = {"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79"
		"44001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75f"
		"bcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e"
		"832985464cf17e51ee93109008399a21f7e13f",
	"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb76"
	"5f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a",
	"8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7",
	"07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"},
    .hash = "f5191b875290abcd41347ac3622d9679"
	    "688a7e980229cb937ef748336cfde0e5",
};

/* Without the headers of control's messages; the records are another form. */
static const struct handshake control = {
    .name = "Noise_IK_25519_ChaChaPoly_BLAKE2s",
    .prologue =
	"5461696c7363616c6520436f6e74726f6c2050726f746f636f6c2076313435",
    .init_static = "20222222222222222222222222222222"
		   "22222222222222222222222222222262",
    .init_ephemeral = "30333333333333333333333333333333"
		      "33333333333333333333333333333373",
    .resp_static = "10111111111111111111111111111111"
		   "11111111111111111111111111111151",
    .resp_ephemeral = "40444444444444444444444444444444"
		      "44444444444444444444444444444444",
    .payload = {"", "", NULL, NULL},
    .message = {"7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b"
		"14b903b541e3810f9a9f788541f1d8f2ec482568e39b9f0f56a9f4a7a56450"
		"f31a9dc60bcb4e75254359f9460a6bc3abd2a01b3a2deff662afe0b9497bec"
		"b6a113",
	"ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b"
	"b724869747b9edde7346ebd00e8c83be",
	NULL, NULL},
    .hash = "06c59e2c9cf61b04919795c127f29cd2"
	    "5363c67a77723b7299ba3118c8f04886",
};

struct side {
	struct mesh_noise noise;
	uint8_t s[32], s_pub[32], e[32], e_pub[32], rs[32], re[32], psk[32];
	bool with_psk;
	uint8_t send[32], recv[32];
};

static void
side_init(struct side *me, const struct handshake *h, bool initiator)
{
	uint8_t prologue[64], init_s[32], resp_s[32];
	size_t len = test_unhex(h->prologue, prologue, sizeof(prologue));

	test_unhex(h->init_static, init_s, 32);
	test_unhex(h->resp_static, resp_s, 32);
	memcpy(me->s, initiator ? init_s : resp_s, 32);
	mesh_x25519_public(me->s_pub, me->s);
	mesh_x25519_public(me->rs, resp_s);
	test_unhex(initiator ? h->init_ephemeral : h->resp_ephemeral, me->e,
	    32);
	mesh_x25519_public(me->e_pub, me->e);
	me->with_psk = h->psk != NULL;
	if (me->with_psk)
		test_unhex(h->psk, me->psk, 32);
	mesh_noise_init(&me->noise, h->name);
	mesh_noise_mix_hash(&me->noise, prologue, len);
	mesh_noise_mix_hash(&me->noise, me->rs, 32);
}

/* A psk pattern mixes ephemeral keys into the chaining key too. */
static void
mix_ephemeral(struct side *me, const uint8_t pub[static 32])
{
	mesh_noise_mix_hash(&me->noise, pub, 32);
	if (me->with_psk)
		mesh_noise_mix_key(&me->noise, pub, 32);
}

static size_t
write_init(struct side *me, const uint8_t *payload, size_t len, uint8_t *out)
{
	memcpy(out, me->e_pub, 32);
	mix_ephemeral(me, me->e_pub);
	assert_int_equal(mesh_noise_mix_dh(&me->noise, me->e, me->rs), 0);
	mesh_noise_seal(&me->noise, out + 32, me->s_pub, 32);
	assert_int_equal(mesh_noise_mix_dh(&me->noise, me->s, me->rs), 0);
	mesh_noise_seal(&me->noise, out + 80, payload, len);
	return 96 + len;
}

static int
read_init(struct side *me, const uint8_t *in, size_t len, uint8_t *payload)
{
	int err;

	memcpy(me->re, in, 32);
	mix_ephemeral(me, me->re);
	err = mesh_noise_mix_dh(&me->noise, me->s, me->re);
	if (err == MESH_OK)
		err = mesh_noise_open(&me->noise, me->rs, in + 32, 48);
	if (err == MESH_OK)
		err = mesh_noise_mix_dh(&me->noise, me->s, me->rs);
	if (err == MESH_OK)
		err = mesh_noise_open(&me->noise, payload, in + 80, len - 80);
	return err;
}

static size_t
write_resp(struct side *me, const uint8_t *payload, size_t len, uint8_t *out)
{
	memcpy(out, me->e_pub, 32);
	mix_ephemeral(me, me->e_pub);
	assert_int_equal(mesh_noise_mix_dh(&me->noise, me->e, me->re), 0);
	assert_int_equal(mesh_noise_mix_dh(&me->noise, me->e, me->rs), 0);
	if (me->with_psk)
		mesh_noise_mix_psk(&me->noise, me->psk);
	mesh_noise_seal(&me->noise, out + 32, payload, len);
	mesh_noise_split(&me->noise, me->recv, me->send);
	return 48 + len;
}

static int
read_resp(struct side *me, const uint8_t *in, size_t len, uint8_t *payload)
{
	int err;

	memcpy(me->re, in, 32);
	mix_ephemeral(me, me->re);
	err = mesh_noise_mix_dh(&me->noise, me->e, me->re);
	if (err == MESH_OK)
		err = mesh_noise_mix_dh(&me->noise, me->s, me->re);
	if (err == MESH_OK && me->with_psk)
		mesh_noise_mix_psk(&me->noise, me->psk);
	if (err == MESH_OK)
		err = mesh_noise_open(&me->noise, payload, in + 32, len - 32);
	if (err == MESH_OK)
		mesh_noise_split(&me->noise, me->send, me->recv);
	return err;
}

static void
transport(const struct handshake *h, size_t i, const struct side *from,
    const struct side *to)
{
	struct mesh_aead *a = mesh_aead_sodium.new();
	uint8_t data[64], want[64], text[64];
	size_t len;

	if (h->payload[i] == NULL)
		return;
	len = test_unhex(h->payload[i], text, sizeof(text));
	memcpy(data, text, len);
	test_unhex(h->message[i], want, sizeof(want));
	assert_int_equal(mesh_aead_seal(a, from->send, MESH_AEAD_LE64,
			     (struct mesh_aead_item){.data = data, .len = len}),
	    MESH_OK);
	assert_memory_equal(data, want, len + 16);
	assert_int_equal(mesh_aead_open(a, to->recv, MESH_AEAD_LE64,
			     (struct mesh_aead_item){.data = data, .len = len}),
	    MESH_OK);
	assert_memory_equal(data, text, len);
}

static void
run(const struct handshake *h)
{
	struct side init, resp;
	uint8_t payload[64], msg[256], want[256], got[64];
	size_t payload_len, len;

	side_init(&init, h, true);
	side_init(&resp, h, false);

	payload_len = test_unhex(h->payload[0], payload, sizeof(payload));
	len = write_init(&init, payload, payload_len, msg);
	assert_int_equal(len, test_unhex(h->message[0], want, sizeof(want)));
	assert_memory_equal(msg, want, len);
	assert_int_equal(read_init(&resp, msg, len, got), MESH_OK);
	assert_memory_equal(got, payload, payload_len);
	assert_memory_equal(resp.rs, init.s_pub, 32);

	payload_len = test_unhex(h->payload[1], payload, sizeof(payload));
	len = write_resp(&resp, payload, payload_len, msg);
	assert_int_equal(len, test_unhex(h->message[1], want, sizeof(want)));
	assert_memory_equal(msg, want, len);
	assert_int_equal(read_resp(&init, msg, len, got), MESH_OK);
	assert_memory_equal(got, payload, payload_len);

	test_unhex(h->hash, want, sizeof(want));
	assert_memory_equal(init.noise.h, want, 32);
	assert_memory_equal(resp.noise.h, want, 32);
	transport(h, 2, &init, &resp);
	transport(h, 3, &resp, &init);
}

static void
vectors(void **state)
{
	(void)state;
	run(&generic_ik);
	run(&generic_psk);
	run(&control);
}

/* h after each step of the control handshake, and its keys. */
static void
control_steps(void **state)
{
	struct side init, resp;
	uint8_t want[32], msg[128], none;

	(void)state;
	mesh_noise_init(&init.noise, control.name);
	test_unhex("bbea022b948cf3bc5857d70804229179"
		   "e1116bc40cb8cc074835349c464bca36",
	    want, sizeof(want));
	assert_memory_equal(init.noise.h, want, 32);
	assert_memory_equal(init.noise.ck, want, 32);
	side_init(&init, &control, true);
	side_init(&resp, &control, false);
	test_unhex("8d9994a359d735a1ffe4c6f3ea3a30d1"
		   "52c0f13e6942db3b8693ec5457ab8f08",
	    want, sizeof(want));
	assert_memory_equal(init.noise.h, want, 32);
	write_init(&init, NULL, 0, msg);
	test_unhex("0deec83b1e250a80e081ee3a7fd3dc34"
		   "43d5454c1a0799e877a6eebd974bee9f",
	    want, sizeof(want));
	assert_memory_equal(init.noise.ck, want, 32);
	assert_int_equal(read_init(&resp, msg, 96, &none), MESH_OK);
	write_resp(&resp, NULL, 0, msg);
	test_unhex("97bb1ff1b3c0030ed1e8f7d54ad3728a"
		   "d885ba618751ae88d5a752c3c5f31027",
	    want, sizeof(want));
	assert_memory_equal(resp.recv, want, 32);
	test_unhex("67e4e0ae881d024a7aef742740ca594e"
		   "486443a61ac5362959c6b1350e8e5ab0",
	    want, sizeof(want));
	assert_memory_equal(resp.send, want, 32);
}

static void
a_short_name_is_padded(void **state)
{
	struct mesh_noise s;
	uint8_t want[32] = "short";

	(void)state;
	mesh_noise_init(&s, "short");
	assert_memory_equal(s.h, want, sizeof(want));
}

/* Each bit of both messages counts; a failure leaves the state as it was. */
static void
damaged(void **state)
{
	struct side init, resp;
	uint8_t msg[96], out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(msg); i++) {
		side_init(&init, &generic_psk, true);
		side_init(&resp, &generic_psk, false);
		write_init(&init, NULL, 0, msg);
		msg[i] ^= (uint8_t)(1u << i % 7);
		assert_int_equal(read_init(&resp, msg, 96, out), MESH_ERR_AUTH);
	}
	for (size_t i = 0; i < 48; i++) {
		struct mesh_noise before;

		side_init(&init, &generic_psk, true);
		side_init(&resp, &generic_psk, false);
		write_init(&init, NULL, 0, msg);
		assert_int_equal(read_init(&resp, msg, 96, out), MESH_OK);
		write_resp(&resp, NULL, 0, msg);
		msg[i] ^= (uint8_t)(1u << i % 7);
		assert_int_equal(read_resp(&init, msg, 48, out), MESH_ERR_AUTH);
		before = init.noise;
		assert_int_equal(mesh_noise_open(&init.noise, out, msg, 15),
		    MESH_ERR_AUTH);
		assert_int_equal(mesh_noise_open(&init.noise, out, msg, 48),
		    MESH_ERR_AUTH);
		assert_memory_equal(&init.noise, &before, sizeof(before));
	}
}

static void
other_prologue_or_psk(void **state)
{
	struct handshake other = generic_psk;
	struct side init, resp;
	uint8_t msg[96], out[64];

	(void)state;
	other.prologue = "4a6f686e2047616c75";
	side_init(&init, &generic_psk, true);
	side_init(&resp, &other, false);
	write_init(&init, NULL, 0, msg);
	assert_int_equal(read_init(&resp, msg, 96, out), MESH_ERR_AUTH);

	side_init(&init, &generic_psk, true);
	side_init(&resp, &generic_psk, false);
	resp.psk[0] ^= 1;
	write_init(&init, NULL, 0, msg);
	assert_int_equal(read_init(&resp, msg, 96, out), MESH_OK);
	write_resp(&resp, NULL, 0, msg);
	assert_int_equal(read_resp(&init, msg, 48, out), MESH_ERR_AUTH);
}

static void
low_order_ephemeral(void **state)
{
	struct side resp;
	struct mesh_noise before;
	uint8_t zero[32] = {0};

	(void)state;
	side_init(&resp, &generic_ik, false);
	before = resp.noise;
	assert_int_equal(mesh_noise_mix_dh(&resp.noise, resp.s, zero),
	    MESH_ERR_AUTH);
	assert_memory_equal(&resp.noise, &before, sizeof(before));
	mesh_noise_wipe(&resp.noise);
	assert_memory_equal(resp.noise.ck, zero, sizeof(zero));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(control_steps),
	    cmocka_unit_test(a_short_name_is_padded),
	    cmocka_unit_test(damaged),
	    cmocka_unit_test(other_prologue_or_psk),
	    cmocka_unit_test(low_order_ephemeral),
	};

	return cmocka_run_group_tests_name("noise", tests, NULL, NULL);
}
