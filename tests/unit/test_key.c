/* SPDX-License-Identifier: ISC
 * test_key.c - keys and their text forms. Vectors: protocol/vectors-control.md
 * 1.1, 1.4, 1.5 (upstream: types/key/node_test.go and its neighbours).
 */
#include <mesh/key.h>

#include <ctype.h>
#include <string.h>

#include "crypto/key_bind.h"
#include "crypto/x25519.h"
#include "test.h"

#define SECRET_HEX                                                             \
	"40ab1b58e9076c7a4d9d07291f5edf9d1aa017eb949624ba683317f48a640369"
#define PUBLIC_HEX                                                             \
	"50d20b455ecf12bc453f83c2cfdb2a24925d06cf2598dcaa54e91af82ce9f765"
#define ZERO_HEX                                                               \
	"0000000000000000000000000000000000000000000000000000000000000000"

static int
parse_node(const char *text, struct mesh_node_key *out)
{
	return mesh_node_key_parse(text, strlen(text), out);
}

static void
text_forms(void **state)
{
	char text[MESH_KEY_TEXT];
	struct mesh_node_secret ns;
	struct mesh_machine_secret ms;
	struct mesh_disco_secret ds;

	(void)state;
	assert_int_equal(mesh_node_secret_parse("privkey:" SECRET_HEX,
			     strlen("privkey:" SECRET_HEX), &ns),
	    MESH_OK);
	assert_int_equal(mesh_machine_secret_parse("privkey:" SECRET_HEX,
			     strlen("privkey:" SECRET_HEX), &ms),
	    MESH_OK);
	memcpy(ds.b, ns.b, sizeof(ds.b));

	struct mesh_node_key n = mesh_node_public(&ns);
	struct mesh_machine_key m = mesh_machine_public(&ms);
	struct mesh_disco_key d = mesh_disco_public(&ds);

	assert_string_equal(mesh_node_key_format(&n, text),
	    "nodekey:" PUBLIC_HEX);
	assert_string_equal(mesh_machine_key_format(&m, text),
	    "mkey:" PUBLIC_HEX);
	assert_string_equal(mesh_disco_key_format(&d, text),
	    "discokey:" PUBLIC_HEX);
	assert_string_equal(mesh_node_secret_format(&ns, text),
	    "privkey:" SECRET_HEX);
	assert_string_equal(mesh_machine_secret_format(&ms, text),
	    "privkey:" SECRET_HEX);
	assert_string_equal(mesh_node_key_short(&n, text), "[UNILR]");
	assert_string_equal(mesh_disco_key_short(&d, text),
	    "d:50d20b455ecf12bc");
}

static void
refused_texts(void **state)
{
	static const char *const bad[] = {
	    "",
	    "nodekey:",
	    PUBLIC_HEX,
	    "mkey:" PUBLIC_HEX,
	    "nodekey:" PUBLIC_HEX "0",
	    "nodekey:0" PUBLIC_HEX,
	    "nodekey " PUBLIC_HEX,
	    "NODEKEY:" PUBLIC_HEX,
	    "nodekey:g0d20b455ecf12bc453f83c2cfdb2a24"
	    "925d06cf2598dcaa54e91af82ce9f765",
	};
	struct mesh_node_key k = {{1}}, before = k;
	struct mesh_machine_key m = {{1}};
	struct mesh_disco_key d = {{1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_node(bad[i], &k), MESH_ERR_FORMAT);
	for (size_t len = 0; len < strlen("nodekey:" PUBLIC_HEX); len++)
		assert_int_equal(mesh_node_key_parse("nodekey:" PUBLIC_HEX, len,
				     &k),
		    MESH_ERR_FORMAT);
	assert_memory_equal(&k, &before, sizeof(k)); /* untouched */
	assert_int_equal(mesh_machine_key_parse("nodekey:" PUBLIC_HEX,
			     strlen("nodekey:" PUBLIC_HEX), &m),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_disco_key_parse("nodekey:" PUBLIC_HEX,
			     strlen("nodekey:" PUBLIC_HEX), &d),
	    MESH_ERR_FORMAT);
}

static void
accepted_texts(void **state)
{
	char upper[] = "nodekey:" PUBLIC_HEX;
	struct mesh_node_key a, b;

	(void)state;
	for (char *p = upper + strlen("nodekey:"); *p != 0; p++)
		*p = (char)toupper((unsigned char)*p);
	assert_int_equal(parse_node(upper, &a), MESH_OK);
	assert_int_equal(parse_node("nodekey:" PUBLIC_HEX, &b), MESH_OK);
	assert_true(mesh_node_key_equal(&a, &b));
	assert_false(mesh_node_key_is_zero(&a));
	a.b[31] ^= 1;
	assert_false(mesh_node_key_equal(&a, &b));
	assert_int_equal(parse_node("nodekey:" ZERO_HEX, &a), MESH_OK);
	assert_true(mesh_node_key_is_zero(&a));
}

static void
new_secrets_are_clamped(void **state)
{
	uint8_t ones[MESH_KEY_LEN], zeros[MESH_KEY_LEN] = {0};
	struct mesh_node_secret n;
	struct mesh_machine_secret m;
	struct mesh_disco_secret d;

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	mesh_node_secret_make(&n, ones);
	assert_int_equal(n.b[0], 0xf8);
	assert_int_equal(n.b[31], 0x7f);
	mesh_machine_secret_make(&m, zeros);
	assert_int_equal(m.b[0], 0);
	assert_int_equal(m.b[31], 0x40);
	mesh_disco_secret_make(&d, ones);
	assert_memory_equal(d.b, n.b, sizeof(d.b));
	mesh_node_secret_wipe(&n);
	mesh_machine_secret_wipe(&m);
	mesh_disco_secret_wipe(&d);
	assert_memory_equal(n.b, zeros, sizeof(zeros));
	assert_memory_equal(m.b, zeros, sizeof(zeros));
	assert_memory_equal(d.b, zeros, sizeof(zeros));
}

/* vectors-control.md 1.5: first byte, 30 times the second, last byte. */
static void
public_keys(void **state)
{
	static const struct {
		uint8_t first, middle, last;
		const char *public;
	} rows[] = {
	    {0xa0, 0xa1, 0x61,
		"c306fb0ef2bf8b7f93bad98155fa37da"
		"ec74db0c4cbeda6c6f1dba9d36558252"},
	    {0xa0, 0xa2, 0x62,
		"3c5c6ce2dd99e10d2c3de05d773aa15e"
		"3e6d971ed4e41389c93b4bbdda177212"},
	    {0xb0, 0xb1, 0x71,
		"d3337e4d4ee503a66976feb1fadf5bd2"
		"1ba96fc2b1571b3e980d87cf49797510"},
	    {0xc0, 0xc3, 0x43,
		"bfda3768f927db529fe9f0f6ee4ba469"
		"e432c93bb6fbb8ed5d04e87ed0a45d7b"},
	    {0xa8, 0xa9, 0x69,
		"6df9e58d8c1e92ba7495cc4d22b3bc5d"
		"5b1ff255e68c6eeffced4d7e3ba8c414"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_node_secret s;
		uint8_t want[MESH_KEY_LEN];

		memset(s.b, rows[i].middle, sizeof(s.b));
		s.b[0] = rows[i].first;
		s.b[31] = rows[i].last;
		test_unhex(rows[i].public, want, sizeof(want));
		assert_memory_equal(mesh_node_public(&s).b, want, sizeof(want));
	}
}

/* The seven of the kernel's netns.sh: no key agreement with any of them. */
static void
low_order_points(void **state)
{
	static const char *const points[] = {
	    ZERO_HEX,
	    "01000000000000000000000000000000"
	    "00000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46a"
	    "da098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b"
	    "04445cc4581c8e86d8224eddd09f1157",
	    "ecffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffff"
	    "ffffffffffffffffffffffffffffff7f",
	};
	uint8_t secret[32], public[32], out[32], before[32];

	(void)state;
	test_unhex(SECRET_HEX, secret, sizeof(secret));
	memset(out, 0xaa, sizeof(out));
	memcpy(before, out, sizeof(out));
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		test_unhex(points[i], public, sizeof(public));
		assert_int_equal(mesh_x25519(out, secret, public),
		    MESH_ERR_AUTH);
		assert_memory_equal(out, before, sizeof(out));
	}
}

struct keys {
	struct mesh_node_key node;
	struct mesh_machine_key machine;
	struct mesh_disco_key disco;
};

static const struct mesh_field key_fields[] = {
    {"Key", MESH_BIND_CUSTOM, offsetof(struct keys, node), 0,
	.codec = &mesh_bind_node_key},
    {"Machine", MESH_BIND_CUSTOM, offsetof(struct keys, machine),
	MESH_BIND_OMIT, .codec = &mesh_bind_machine_key},
    {"DiscoKey", MESH_BIND_CUSTOM, offsetof(struct keys, disco), 0,
	.codec = &mesh_bind_disco_key},
};
static const struct mesh_schema key_schema =
    MESH_SCHEMA(struct keys, key_fields);

static int
bind(const char *text, struct keys *out)
{
	struct mesh_arena a;
	int err;

	*out = (struct keys){0};
	mesh_arena_init(&a, 65536);
	err = mesh_bind_parse(text, strlen(text), &key_schema, &a, out, NULL);
	mesh_arena_release(&a);
	return err;
}

static void
json(void **state)
{
	static const char full[] =
	    "{\"Key\":\"nodekey:" PUBLIC_HEX "\",\"Machine\":\"mkey:" PUBLIC_HEX
	    "\",\"DiscoKey\":\"discokey:" PUBLIC_HEX "\"}";
	static const char none[] = "{\"Key\":\"nodekey:" ZERO_HEX
				   "\",\"DiscoKey\":\"discokey:" ZERO_HEX "\"}";
	static const char *const texts[] = {full, none};
	struct keys k;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct mesh_buf out;
		struct mesh_jw w;

		assert_int_equal(bind(texts[i], &k), MESH_OK);
		mesh_buf_init(&out, 4096);
		mesh_jw_init(&w, &out, false);
		mesh_bind_write(&w, &key_schema, &k);
		assert_string_equal(mesh_buf_cstr(&out), texts[i]);
		mesh_buf_release(&out);
	}
	assert_int_equal(bind("{\"Key\":null,\"DiscoKey\":\"\"}", &k), MESH_OK);
	assert_true(mesh_node_key_is_zero(&k.node));
	assert_int_equal(bind("{\"Key\":\"mkey:" PUBLIC_HEX "\"}", &k),
	    MESH_ERR_FORMAT);
	assert_int_equal(bind("{\"Key\":7}", &k), MESH_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_forms),
	    cmocka_unit_test(refused_texts),
	    cmocka_unit_test(accepted_texts),
	    cmocka_unit_test(new_secrets_are_clamped),
	    cmocka_unit_test(public_keys),
	    cmocka_unit_test(low_order_points),
	    cmocka_unit_test(json),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
