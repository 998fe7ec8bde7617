/* SPDX-License-Identifier: ISC
 * Filter rules: every form of a source, in and out. */
#include "test.h"

#include "netmap/rule.h"

static void
reads_sources(void **state)
{
	static const struct {
		const char *text;
		enum mesh_who_kind kind;
		const char *first, *last;
	} cases[] = {
	    {"*", MESH_WHO_ANY, NULL, NULL},
	    {"100.64.0.1", MESH_WHO_RANGE, "100.64.0.1", "100.64.0.1"},
	    {"100.64.0.0/10", MESH_WHO_RANGE, "100.64.0.0", "100.127.255.255"},
	    {"0.0.0.0/0", MESH_WHO_RANGE, "0.0.0.0", "255.255.255.255"},
	    {"fd7a:115c:a1e0::/48", MESH_WHO_RANGE, "fd7a:115c:a1e0::",
		"fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff"},
	    {"100.64.0.0-100.115.91.255", MESH_WHO_RANGE, "100.64.0.0",
		"100.115.91.255"},
	    {"cap:x", MESH_WHO_CAP, NULL, NULL},
	    {"", MESH_WHO_NOBODY, NULL, NULL},
	    {"100.64.0.1/10", MESH_WHO_NOBODY, NULL, NULL}, /* host bits */
	    {"2.0.0.0-1.0.0.0", MESH_WHO_NOBODY, NULL, NULL},
	    {"1.0.0.0-fd7a::1", MESH_WHO_NOBODY, NULL, NULL},
	    {"1.0.0.0-", MESH_WHO_NOBODY, NULL, NULL},
	    {"-1.0.0.0", MESH_WHO_NOBODY, NULL, NULL},
	    {"alice", MESH_WHO_NOBODY, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_who w = mesh_who_parse(cases[i].text);
		char text[MESH_IP_TEXT];

		if (w.kind != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].text, w.kind);
		if (w.kind != MESH_WHO_RANGE)
			continue;
		assert_string_equal(mesh_ip_format(&w.first, text),
		    cases[i].first);
		assert_string_equal(mesh_ip_format(&w.last, text),
		    cases[i].last);
	}
	assert_string_equal(mesh_who_cap(&(struct mesh_who){MESH_WHO_CAP,
				{{0}}, {{0}}, "cap:x"}),
	    "x");
}

static void
knows_who_is_meant(void **state)
{
	struct mesh_who any = mesh_who_parse("*");
	struct mesh_who some = mesh_who_parse("1.0.0.1-1.0.0.5");
	struct mesh_ip in = mesh_ip4(1, 0, 0, 5), out = mesh_ip4(1, 0, 0, 6);
	struct mesh_who nobody = mesh_who_parse("x");

	(void)state;
	assert_true(mesh_who_has(&any, &in));
	assert_true(mesh_who_has(&some, &in));
	assert_false(mesh_who_has(&some, &out));
	assert_false(mesh_who_has(&nobody, &in));
}

/* A range is written as address, prefix or a-b, whichever is shortest. */
static void
writes_ranges(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"1.2.3.4-1.2.3.4", "[{\"SrcIPs\":[\"1.2.3.4\"]}]"},
	    {"1.2.3.4-1.2.3.5", "[{\"SrcIPs\":[\"1.2.3.4/31\"]}]"},
	    {"1.2.3.5-1.2.3.6", "[{\"SrcIPs\":[\"1.2.3.5-1.2.3.6\"]}]"},
	    {"0.0.0.0-255.255.255.255", "[{\"SrcIPs\":[\"0.0.0.0/0\"]}]"},
	    {"fd7a::2-fd7a::3", "[{\"SrcIPs\":[\"fd7a::2/127\"]}]"},
	    {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"[{\"SrcIPs\":[\"::/0\"]}]"},
	    {"*", "[{\"SrcIPs\":[\"*\"]}]"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_who w = mesh_who_parse(cases[i].in);
		struct mesh_filter_rule r = {.srcs = {&w, 1, true}};
		struct mesh_buf out;
		struct mesh_jw jw;

		w.text = NULL;
		mesh_buf_init(&out, 4096);
		mesh_jw_init(&jw, &out, false);
		mesh_rules_write(&jw, &r, 1);
		assert_string_equal(mesh_buf_cstr(&out), cases[i].out);
		mesh_buf_release(&out);
	}
}

static void
writes_what_it_read(void **state)
{
	static const char *const texts[] = {
	    "[]",
	    "[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":"
	    "{\"First\":0,\"Last\":65535}}]}]",
	    "[{\"SrcIPs\":[\"cap:a\",\"bad\"],\"DstPorts\":[{\"IP\":"
	    "\"1.2.3.4\",\"Bits\":8,\"Ports\":{\"First\":1,\"Last\":2}}],"
	    "\"IPProto\":[6,999]}]",
	    "[{\"SrcIPs\":null,\"CapGrant\":[{\"Dsts\":[\"100.64.0.1/32\"],"
	    "\"CapMap\":{\"a\":null,\"b\":[],\"c\":[{}]}}]}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct mesh_rules *r;
		struct mesh_buf out;
		struct mesh_jw w;

		assert_int_equal(mesh_rules_parse("base", mesh_str(texts[i]),
				     &r, NULL),
		    MESH_OK);
		mesh_buf_init(&out, 4096);
		mesh_jw_init(&w, &out, false);
		mesh_rules_write(&w, r->rules, r->count);
		assert_string_equal(mesh_buf_cstr(&out), texts[i]);
		mesh_buf_release(&out);
		mesh_counted_unref(r);
	}
}

static void
refuses_bad_rules(void **state)
{
	static const char *const texts[] = {
	    "[", "[{]", "{}", "[1]", "[{\"SrcIPs\":\"*\"}]", "[]]", "[{},]",
	    "[{\"DstPorts\":[{\"Ports\":{\"First\":65536}}]}]",
	    "[{\"DstPorts\":[{\"Ports\":{\"First\":-1}}]}]",
	    "[{\"IPProto\":[\"tcp\"]}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct mesh_rules *r = NULL;

		if (mesh_rules_parse("base", mesh_str(texts[i]), &r, NULL) ==
		    MESH_OK)
			fail_msg("taken: %s", texts[i]);
		assert_null(r);
	}
}

static void
refuses_too_many_rules(void **state)
{
	struct mesh_rules *r = NULL;
	struct mesh_buf text;

	(void)state;
	mesh_buf_init(&text, 1 << 20);
	mesh_buf_add_str(&text, "[{}");
	for (size_t i = 0; i < MESH_RULES_MAX; i++)
		mesh_buf_add_str(&text, ",{}");
	mesh_buf_add_str(&text, "]");
	assert_int_equal(mesh_rules_parse("base",
			     mesh_str(mesh_buf_cstr(&text)), &r, NULL),
	    MESH_ERR_LIMIT);
	mesh_buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_sources),
	    cmocka_unit_test(knows_who_is_meant),
	    cmocka_unit_test(writes_ranges),
	    cmocka_unit_test(writes_what_it_read),
	    cmocka_unit_test(refuses_bad_rules),
	    cmocka_unit_test(refuses_too_many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
