/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/addr.h"

static void
addresses_both_ways(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"100.64.0.1", "100.64.0.1"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"fd7a:115c:a1e0::1", "fd7a:115c:a1e0::1"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
		{"1:2:3:0:5:6:7:8", "1:2:3:0:5:6:7:8"},
		{"::ffff:1.2.3.4", "1.2.3.4"},
		{"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
	};
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "01.2.3.4",
	    "256.1.1.1", "1.2.3.", "1.2.3.4 ", ":", ":::", "1::2::3", "1:2",
	    "1:2:3:4:5:6:7:8:9", "12345::", "g::", "fe80::1%eth0", "::1.2.3",
	    "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7::8:", "1:"};
	char text[MESH_IP_TEXT];
	struct mesh_ip ip;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(mesh_ip_parse(mesh_str(good[i].in), &ip),
		    MESH_OK);
		assert_string_equal(mesh_ip_format(&ip, text), good[i].out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (mesh_ip_parse(mesh_str(bad[i]), &ip) != MESH_ERR_FORMAT)
			fail_msg("'%s' was taken", bad[i]);
}

static void
prefixes(void **state)
{
	struct mesh_prefix p, q;
	struct mesh_ip ip;
	char text[MESH_PREFIX_TEXT];

	(void)state;
	assert_int_equal(mesh_prefix_parse(MESH_STR("100.64.0.0/10"), &p), 0);
	assert_int_equal(p.bits, 106);
	assert_int_equal(mesh_prefix_len(&p), 10);
	assert_string_equal(mesh_prefix_format(&p, text), "100.64.0.0/10");
	ip = mesh_ip4(100, 127, 255, 255);
	assert_true(mesh_prefix_has(&p, &ip));
	assert_true(mesh_ip_is_mesh(&ip));
	ip = mesh_ip4(100, 128, 0, 0);
	assert_false(mesh_prefix_has(&p, &ip));
	assert_int_equal(mesh_prefix_parse(MESH_STR("0.0.0.0/0"), &q), 0);
	assert_true(mesh_prefix_covers(&q, &p));
	assert_false(mesh_prefix_covers(&p, &q));
	assert_true(mesh_prefix_has(&q, &ip));
	assert_int_equal(mesh_prefix_parse(MESH_STR("::/0"), &q), 0);
	assert_false(mesh_prefix_has(&q, &ip)); /* IPv4 is not in ::/0 */
	assert_int_equal(mesh_prefix_parse(MESH_STR("10.9.8.7/12"), &p), 0);
	p = mesh_prefix_masked(p);
	assert_string_equal(mesh_prefix_format(&p, text), "10.0.0.0/12");
	assert_int_equal(mesh_prefix_or_ip_parse(MESH_STR("fd7a::1"), &p), 0);
	assert_true(mesh_prefix_is_single(&p));
	assert_int_equal(mesh_prefix_parse(MESH_STR("1.2.3.4"), &p),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_prefix_parse(MESH_STR("1.2.3.4/33"), &p),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_prefix_parse(MESH_STR("1.2.3.4/08"), &p),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_prefix_parse(MESH_STR("::1/129"), &p),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_prefix_parse(MESH_STR("::1/"), &p),
	    MESH_ERR_FORMAT);
}

static void
endpoints(void **state)
{
	static const char *const good[] = {"1.2.3.4:41641",
	    "[2001:db8::1]:41641", "0.0.0.0:0", "[::]:65535"};
	static const char *const bad[] = {"", "1.2.3.4", "1.2.3.4:", ":1",
	    "1.2.3.4:65536", "[1.2.3.4]:1", "2001:db8::1:41641", "[::1]",
	    "[::1:1", "1.2.3.4:+1", "[]:1"};
	char text[MESH_ENDPOINT_TEXT];
	struct mesh_endpoint e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(mesh_endpoint_parse(mesh_str(good[i]), &e),
		    MESH_OK);
		assert_string_equal(mesh_endpoint_format(&e, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (mesh_endpoint_parse(mesh_str(bad[i]), &e) !=
		    MESH_ERR_FORMAT)
			fail_msg("'%s' was taken", bad[i]);
}

static void
kinds(void **state)
{
	static const struct {
		const char *ip, *kind;
	} table[] = {
		{"127.0.0.1", "l"}, {"::1", "l"}, {"169.254.1.1", "k"},
		{"fe80::1", "k"}, {"224.0.0.251", "m"}, {"ff02::1", "m"},
		{"10.0.0.1", "p"}, {"172.31.0.1", "p"}, {"192.168.1.1", "p"},
		{"fd7a:115c:a1e0::1", "px"}, {"100.100.100.100", "x"},
		{"8.8.8.8", ""}, {"172.32.0.1", ""}, {"2001:db8::1", ""},
	};
	struct mesh_ip ip;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *k = table[i].kind;

		assert_int_equal(mesh_ip_parse(mesh_str(table[i].ip), &ip), 0);
		assert_int_equal(mesh_ip_is_loopback(&ip), !!strchr(k, 'l'));
		assert_int_equal(mesh_ip_is_linklocal(&ip), !!strchr(k, 'k'));
		assert_int_equal(mesh_ip_is_multicast(&ip), !!strchr(k, 'm'));
		assert_int_equal(mesh_ip_is_private(&ip), !!strchr(k, 'p'));
		assert_int_equal(mesh_ip_is_mesh(&ip), !!strchr(k, 'x'));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_both_ways),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
