/* SPDX-License-Identifier: ISC
 * Relay maps: merging (protocol/vectors-control.md 9.4) and YAML files. */
#include "test.h"

#include "netmap/relaymap.h"

static struct mesh_relaymap *
parse(const char *json)
{
	struct mesh_relaymap *m = NULL;
	struct mesh_diag diag = {{0}};

	if (mesh_relaymap_parse(mesh_str(json), &m, &diag) != MESH_OK)
		fail_msg("%s: %s", json, diag.text);
	return m;
}

/* Takes over m. */
static struct mesh_relaymap *
merge(struct mesh_relaymap *m, const char *json)
{
	struct mesh_relaymap *next = parse(json), *out = NULL;

	assert_int_equal(mesh_relaymap_merge(m, next, &out), MESH_OK);
	mesh_counted_unref(m);
	mesh_counted_unref(next);
	return out;
}

static void
merges(void **state)
{
	struct mesh_relaymap *m = NULL;

	(void)state;
	m = merge(m, "{\"Regions\":{\"1\":{\"RegionID\":1}},"
		     "\"omitDefaultRegions\":true}");
	m = merge(m, "{}");
	assert_non_null(mesh_relaymap_find(m, 1));
	assert_true(m->omit_default_regions);
	m = merge(m, "{\"Regions\":{\"2\":{\"RegionID\":2},\"3\":null}}");
	assert_null(mesh_relaymap_find(m, 1));
	assert_non_null(mesh_relaymap_find(m, 2));
	assert_int_equal(m->regions.count, 1);
	assert_false(m->omit_default_regions);
	m = merge(m, "{\"HomeParams\":{\"RegionScore\":{\"2\":0.5}}}");
	assert_non_null(mesh_relaymap_find(m, 2));
	assert_int_equal(m->home->region_score.count, 1);
	assert_true(m->home->region_score.items[0].value == 0.5);
	m = merge(m, "{\"HomeParams\":{}}");
	assert_int_equal(m->home->region_score.count, 1);
	m = merge(m, "{\"HomeParams\":{\"RegionScore\":{}}}");
	assert_int_equal(m->home->region_score.count, 0);
	mesh_counted_unref(m);
}

static const char file[] =
    "# two relays\n"
    "regions:\n"
    "  900:\n"
    "    regionid: 900\n"
    "    regioncode: home\n"
    "    regionname: \"Home\"\n"
    "    nodes:\n"
    "      - name: 900a\n"
    "        hostname: relay.example.org\n"
    "        certname: sha256-raw:"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    "        ipv4: 198.51.100.1\n"
    "        ipv6: none\n"
    "        stunport: -1\n"
    "        derpport: 8443\n"
    "        canport80: false\n"
    "  901:\n"
    "    RegionCode: away\n"
    "    Latitude: 48.5\n"
    "    Nodes: [{HostName: r2, STUNOnly: true}]\n"
    "  902: null\n"
    "homeparams: {regionscore: {900: 0.5}}\n";

static void
reads_yaml(void **state)
{
	const struct mesh_relaymap_region *r;
	const struct mesh_relaymap_host *h;
	uint8_t pin[MESH_RELAY_PIN_LEN];
	struct mesh_relaymap *m = NULL;
	struct mesh_diag diag = {{0}};

	(void)state;
	if (mesh_relaymap_read_yaml(file, strlen(file), &m, &diag) != MESH_OK)
		fail_msg("%s", diag.text);
	r = mesh_relaymap_find(m, 900);
	assert_non_null(r);
	assert_string_equal(r->code, "home");
	h = r->hosts.items;
	assert_string_equal(h->hostname, "relay.example.org");
	assert_int_equal(h->region, 900);
	assert_int_equal(h->stun_port, -1);
	assert_int_equal(h->relay_port, 8443);
	assert_true(mesh_relaymap_pin(h, pin));
	assert_int_equal(pin[31], 0x1f);
	r = mesh_relaymap_find(m, 901);
	assert_non_null(r);
	assert_true(r->latitude == 48.5);
	h = r->hosts.items;
	assert_true(h->stun_only);
	assert_false(mesh_relaymap_pin(h, pin));
	assert_null(mesh_relaymap_find(m, 902));
	mesh_counted_unref(m);
}

static void
reads_json_as_yaml(void **state)
{
	static const char json[] =
	    "{\"Regions\":{\"7\":{\"RegionID\":7,\"Nodes\":[{\"Name\":\"7a\","
	    "\"RegionID\":7,\"HostName\":\"h\",\"InsecureForTests\":true}]}}}";
	struct mesh_relaymap *m = NULL;

	(void)state;
	assert_int_equal(mesh_relaymap_read_yaml(json, strlen(json), &m, NULL),
	    MESH_OK);
	assert_non_null(mesh_relaymap_find(m, 7));
	mesh_counted_unref(m);
}

static void
refuses_bad_yaml(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"", "empty"},
	    {"regions:\n", "no regions"},
	    {"- 1\n", "line 1, column 1: expected 'key: value'"},
	    {"regions:\n  900:\n    nodes:\n    - hostnam: x\n",
		"line 4, column 7: unknown key 'hostnam'"},
	    {"regions:\n  x: {}\n", "line 2, column 3: not a region number"},
	    {"regions:\n  0: {}\n", "not a region number"},
	    {"regions:\n  1: {regionid: 2}\n", "regionid says 2"},
	    {"regions:\n  1: {nodes: [{name: a}]}\n", "no hostname"},
	    {"regions:\n  1: {nodes: [{hostname: a, regionid: 3}]}\n",
		"another region"},
	    {"regions:\n  1: {nodes: [{hostname: a, derpport: x}]}\n",
		"not a number: 'x'"},
	    {"regions:\n  1: {avoid: maybe}\n", "not true or false"},
	    {"regions:\n  1: {nodes: 5}\n", "expected a list"},
	    {"regions:\n  1: {regioncode: [a]}\n", "expected a single value"},
	    {"regions: &a\n  1: *a\n", "aliases"},
	    {"regions: [\n", "line"},
	    {"regions:\n\t1: {}\n", "line 2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_relaymap *m = NULL;
		struct mesh_diag diag = {{0}};

		assert_int_not_equal(mesh_relaymap_read_yaml(cases[i].text,
					 strlen(cases[i].text), &m, &diag),
		    MESH_OK);
		assert_null(m);
		if (strstr(diag.text, cases[i].says) == NULL)
			fail_msg("'%s' does not say '%s'", diag.text,
			    cases[i].says);
	}
}

static void
refuses_large_files(void **state)
{
	struct mesh_relaymap *m = NULL;

	(void)state;
	assert_int_equal(
	    mesh_relaymap_read_yaml(file, MESH_RELAYMAP_FILE + 1, &m, NULL),
	    MESH_ERR_LIMIT);
}

static void
survives_truncation(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(file) - 1; len++) {
		struct mesh_relaymap *m = NULL;

		if (mesh_relaymap_read_yaml(file, len, &m, NULL) == MESH_OK)
			mesh_counted_unref(m);
		else
			assert_null(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(merges),
	    cmocka_unit_test(reads_yaml),
	    cmocka_unit_test(reads_json_as_yaml),
	    cmocka_unit_test(refuses_bad_yaml),
	    cmocka_unit_test(refuses_large_files),
	    cmocka_unit_test(survives_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
