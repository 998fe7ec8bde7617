/* SPDX-License-Identifier: ISC
 * Name settings from a YAML file: what comes out, and what is refused where. */
#include "test.h"

#include "netmap/dns_yaml.h"

static int
read_file(const char *text, struct mesh_buf *out, struct mesh_diag *diag)
{
	int err;

	mesh_buf_init(out, 1u << 20);
	err = mesh_dns_read_yaml(text, strlen(text), "mesh.test", out, diag);
	mesh_buf_add_byte(out, 0);
	return err;
}

static void
settings(void **state)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
	    {"", "{\"Routes\":{\"mesh.test\":[]},\"Domains\":[\"mesh.test\"],"
		 "\"Proxied\":true}"},
	    {"magic_dns: false\n",
		"{\"Domains\":[\"mesh.test\"]}"},
	    {"base_domain: mesh.test\nnameservers:\n  global: [9.9.9.9]\n",
		"{\"Routes\":{\"mesh.test\":[]},"
		"\"FallbackResolvers\":[{\"Addr\":\"9.9.9.9\"}],"
		"\"Domains\":[\"mesh.test\"],\"Proxied\":true}"},
	    {"override_local_dns: yes\n"
	     "nameservers:\n"
	     "  global: [9.9.9.9, \"[2620:fe::9]:5353\"]\n"
	     "  split:\n"
	     "    Corp.Example.com.: [10.1.0.53]\n"
	     "search_domains: [example.com]\n"
	     "extra_records:\n"
	     "  - {name: wiki.mesh.test, value: 100.64.0.3}\n"
	     "  - {name: v6.example.com, type: AAAA, value: \"2001:db8::1\"}\n",
		"{\"Resolvers\":[{\"Addr\":\"9.9.9.9\"},"
		"{\"Addr\":\"[2620:fe::9]:5353\"}],"
		"\"Routes\":{\"mesh.test\":[],"
		"\"corp.example.com\":[{\"Addr\":\"10.1.0.53\"}]},"
		"\"Domains\":[\"mesh.test\",\"example.com\"],\"Proxied\":true,"
		"\"ExtraRecords\":[{\"Name\":\"wiki.mesh.test\","
		"\"Value\":\"100.64.0.3\"},{\"Name\":\"v6.example.com\","
		"\"Type\":\"AAAA\",\"Value\":\"2001:db8::1\"}]}"},
	    {"{\"nameservers\": {\"global\": [\"https://dns.example.net/q\"]}}",
		"{\"Routes\":{\"mesh.test\":[]},\"FallbackResolvers\":"
		"[{\"Addr\":\"https://dns.example.net/q\"}],"
		"\"Domains\":[\"mesh.test\"],\"Proxied\":true}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_diag diag = {""};
		struct mesh_buf out;

		if (read_file(rows[i].yaml, &out, &diag) != MESH_OK)
			fail_msg("row %zu: %s", i, diag.text);
		assert_string_equal((const char *)out.data, rows[i].json);
		mesh_buf_release(&out);
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *yaml, *wrong;
	} rows[] = {
	    {"a: [", "line 2, column 1: did not find expected node content"},
	    {"- a", "line 1, column 1: expected 'key: value' lines"},
	    {"magic: true",
		"line 1, column 1: 'magic' is no key that this file can have "
		"here"},
	    {"magic_dns: maybe", "line 1, column 12: 'maybe' is not true or "
				 "false"},
	    {"base_domain: example.com",
		"line 1, column 14: 'example.com' is not the suffix of names "
		"(--dns-suffix)"},
	    {"override_local_dns: true",
		"line 1, column 1: override_local_dns needs global name "
		"servers"},
	    {"nameservers:\n  global: 9.9.9.9",
		"line 2, column 11: expected a list"},
	    {"nameservers: {global: [ns.example.com]}",
		"line 1, column 24: 'ns.example.com' is no address of a name "
		"server, with a port or not, nor a URL (https://)"},
	    {"nameservers: {split: {mesh.test: [9.9.9.9]}}",
		"line 1, column 23: 'mesh.test' is what the nodes answer "
		"themselves (--dns-suffix)"},
	    {"nameservers: {split: {\"a b\": [9.9.9.9]}}",
		"line 1, column 23: 'a b' is no domain name"},
	    {"search_domains: [.]", "line 1, column 18: '.' is no domain name"},
	    {"search_domains: [a..b]",
		"line 1, column 18: 'a..b' is no domain name"},
	    {"extra_records: [{name: a.b, type: TXT, value: x}]",
		"line 1, column 35: 'TXT' is no type that nodes answer: A and "
		"AAAA are"},
	    {"extra_records: [{name: a.b, type: A, value: \"::1\"}]",
		"line 1, column 17: '::1' is no address of the record's type"},
	    {"extra_records: [{name: a.b}]",
		"line 1, column 17: a record needs 'name' and 'value'"},
	    {"extra_records: [{name: a.b, value: c.d}]",
		"line 1, column 36: 'c.d' is no address"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_diag diag = {""};
		struct mesh_buf out;

		assert_int_equal(read_file(rows[i].yaml, &out, &diag),
		    MESH_ERR_FORMAT);
		assert_string_equal(diag.text, rows[i].wrong);
		mesh_buf_release(&out);
	}
}

static void
bounded(void **state)
{
	struct mesh_diag diag = {""};
	struct mesh_buf text, out;

	(void)state;
	mesh_buf_init(&text, 2 * MESH_DNS_FILE);
	mesh_buf_add_str(&text, "nameservers: {global: [9.9.9.9");
	for (unsigned i = 0; i < MESH_DNS_SERVERS; i++)
		mesh_buf_add_str(&text, ", 9.9.9.9");
	mesh_buf_add_str(&text, "]}");
	mesh_buf_init(&out, 1u << 20);
	assert_int_equal(mesh_dns_read_yaml((const char *)text.data, text.len,
	    "mesh.test", &out, &diag), MESH_ERR_FORMAT);
	assert_non_null(strstr(diag.text, "too many items"));
	assert_int_equal(out.len, 0);
	assert_int_equal(mesh_dns_read_yaml("x", MESH_DNS_FILE + 1,
	    "mesh.test", &out, &diag), MESH_ERR_LIMIT);
	/* No file at all. */
	assert_int_equal(mesh_dns_read_yaml(NULL, 0, "mesh.test", &out, &diag),
	    MESH_OK);
	mesh_buf_release(&text);
	mesh_buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(settings),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
