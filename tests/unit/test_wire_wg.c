/* SPDX-License-Identifier: ISC
 * test_wire_wg.c - WireGuard's four messages as bytes. Vectors:
 * protocol/vectors-dataplane.md 1.4 (made and taken by wireguard-go), 1.5.
 */
#include "wire/wg.h"

#include <string.h>

#include "test.h"

static const char initiation[] =
    "0100000044332211f42210a6dfb54e7d4a85886d373d5e28d21e1e16a1e82fe0ff10226e73"
    "32fa5c42be93cb294813f77f2d1034c06a00ac05d4fa93de9341e7c57e536c65bc61f14ea7"
    "83261787fb7be870cc4f5ee61d82f1564db1317076eb0788f9aea12b73e22f239dc0430abb"
    "ee5a921551426ee7b3d210baec0a089a7841160fb60000000000000000000000000000000"
    "0";
static const char response[] =
    "020000008877665544332211b554708e5ee771c21a97e2f0f299c54ba4b2a3c69f913acf6e"
    "362e9aae3b7a48560debad2fa5c12019abee3b13878e3a4f61f085580c99ed0b1d05fd84b4"
    "3c1700000000000000000000000000000000";
static const char cookie[] =
    "0300000044332211000102030405060708090a0b0c0d0e0f1011121314151617f9215abce0"
    "457c6b597fc77f7dbd58e6ce9dd0283c857b6995a5f82e0fff3c19";
static const char data[] =
    "0400000088776655010000000000000000c9bcdc5e7dc6c9f34310aa338609f70ce236410d"
    "a8f1e70fc8c18404c296d44e14b47c2d83d4bb52bcd9d55deb7832c5c19793a5948cf798d4"
    "9a35ef0f6f7f";
static const char captured[] =
    "01000000d9205f67915a500e377b409e0c3d97ca91e68654b95952de965e75df491000cce0"
    "0632678cd9e8c8525556aa8daf24e6cfc44c48812bb560ff3c1c5dee061b3f833dfaa48acf"
    "13b64bd1e0027aa4d977a3721b82fd6072338702fc3193651404980ad46dae2869ba6416cc"
    "0eb38621a4140b5b918eb6402b697202adb3002a6d0000000000000000000000000000000"
    "0";

/* Each round trip gives the bytes back, but for the MACs. */
static void
round_trips(void **state)
{
	uint8_t buf[148], out[148];
	struct mesh_wg_initiation i;
	struct mesh_wg_response r;
	struct mesh_wg_cookie c;
	struct mesh_wg_data d;
	size_t len;

	(void)state;
	len = test_unhex(initiation, buf, sizeof(buf));
	assert_int_equal(mesh_wg_initiation_read(buf, len, &i), MESH_OK);
	assert_int_equal(i.sender, 0x11223344);
	mesh_wg_initiation_write(&i, out);
	assert_memory_equal(out, buf, mesh_wg_mac1_at(len));

	len = test_unhex(response, buf, sizeof(buf));
	assert_int_equal(mesh_wg_response_read(buf, len, &r), MESH_OK);
	assert_int_equal(r.sender, 0x55667788);
	assert_int_equal(r.receiver, 0x11223344);
	mesh_wg_response_write(&r, out);
	assert_memory_equal(out, buf, mesh_wg_mac1_at(len));

	len = test_unhex(cookie, buf, sizeof(buf));
	assert_int_equal(mesh_wg_cookie_read(buf, len, &c), MESH_OK);
	assert_int_equal(c.receiver, 0x11223344);
	mesh_wg_cookie_write(&c, out);
	assert_memory_equal(out, buf, len);

	len = test_unhex(data, buf, sizeof(buf));
	assert_int_equal(mesh_wg_data_read(buf, len, &d), MESH_OK);
	assert_int_equal(d.receiver, 0x55667788);
	assert_int_equal(d.counter, 1);
	assert_int_equal(d.text_len, 48);
	mesh_wg_data_write(d.receiver, d.counter, out);
	assert_memory_equal(out, buf, MESH_WG_HEADER_LEN);
}

static const struct {
	const char *hex;
	enum mesh_wg_type type;
	bool exact;        /* one byte more is another thing */
	uint32_t receiver; /* 0: has none */
} kinds[] = {
    {initiation, MESH_WG_INITIATION, true, 0},
    {captured, MESH_WG_INITIATION, true, 0},
    {response, MESH_WG_RESPONSE, true, 0x11223344},
    {cookie, MESH_WG_COOKIE, true, 0x11223344},
    {data, MESH_WG_DATA, false, 0x55667788},
};

static void
types_and_sizes(void **state)
{
	uint8_t buf[160] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = test_unhex(kinds[i].hex, buf, sizeof(buf));
		size_t least = kinds[i].exact ? len : MESH_WG_DATA_MIN;
		uint32_t index = 0;

		assert_int_equal(mesh_wg_type(buf, len), kinds[i].type);
		assert_int_equal(mesh_wg_receiver(buf, len, &index),
		    kinds[i].receiver != 0);
		assert_int_equal(index, kinds[i].receiver);
		assert_int_equal(mesh_wg_type(buf, len + 1),
		    kinds[i].exact ? MESH_WG_NONE : MESH_WG_DATA);
		for (size_t n = 0; n < least; n++) {
			assert_int_equal(mesh_wg_type(buf, n), MESH_WG_NONE);
			assert_false(mesh_wg_receiver(buf, n, &index));
		}
		for (size_t k = 1; k < 4; k++) { /* reserved bytes */
			buf[k] = 1;
			assert_int_equal(mesh_wg_type(buf, len), MESH_WG_NONE);
			buf[k] = 0;
		}
		for (unsigned t = 0; t < 256; t++) {
			buf[0] = (uint8_t)t;
			if (t != (unsigned)kinds[i].type && t != MESH_WG_DATA)
				assert_int_equal(mesh_wg_type(buf, len),
				    MESH_WG_NONE);
		}
	}
}

/* No reader takes the message of another type, and none touches its output. */
static void
readers_refuse(void **state)
{
	uint8_t buf[160];
	struct mesh_wg_initiation i = {.sender = 7};
	struct mesh_wg_response r = {.sender = 7};
	struct mesh_wg_cookie c = {.receiver = 7};
	struct mesh_wg_data d = {.receiver = 7};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		size_t len = test_unhex(kinds[k].hex, buf, sizeof(buf));

		if (kinds[k].type != MESH_WG_INITIATION)
			assert_int_equal(mesh_wg_initiation_read(buf, len, &i),
			    MESH_ERR_FORMAT);
		if (kinds[k].type != MESH_WG_RESPONSE)
			assert_int_equal(mesh_wg_response_read(buf, len, &r),
			    MESH_ERR_FORMAT);
		if (kinds[k].type != MESH_WG_COOKIE)
			assert_int_equal(mesh_wg_cookie_read(buf, len, &c),
			    MESH_ERR_FORMAT);
		if (kinds[k].type != MESH_WG_DATA)
			assert_int_equal(mesh_wg_data_read(buf, len, &d),
			    MESH_ERR_FORMAT);
	}
	assert_int_equal(mesh_wg_data_read(NULL, 0, &d), MESH_ERR_FORMAT);
	assert_int_equal(i.sender, 7);
	assert_int_equal(r.sender, 7);
	assert_int_equal(c.receiver, 7);
	assert_int_equal(d.receiver, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trips),
	    cmocka_unit_test(types_and_sizes),
	    cmocka_unit_test(readers_refuse),
	};

	return cmocka_run_group_tests_name("wire_wg", tests, NULL, NULL);
}
