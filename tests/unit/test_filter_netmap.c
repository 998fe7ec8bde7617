/* SPDX-License-Identifier: ISC
 * From what control sent to verdicts on packets: named filters, capabilities as
 * sources, bad entries, refused sets, routes.
 */
#include "filter/check.h"
#include "netmap/snapshot.h"
#include "packets.h"
#include "test.h"

static const uint8_t seed[MESH_FILTER_SEED_LEN];

#define NODE(id, ip, more)                                                     \
	"{\"ID\":" #id ",\"Name\":\"n" #id ".\",\"Addresses\":[\"" ip "/32\"]"     \
	more "}"
#define MAP(filters)                                                           \
	"{\"Node\":" NODE(1, "100.64.0.1",                                     \
	    ",\"AllowedIPs\":[\"100.64.0.1/32\",\"10.1.0.0/16\"]")               \
	",\"Peers\":[" NODE(2, "100.64.0.2",                                   \
	    ",\"CapMap\":{\"example.com/ops\":null}") ","                        \
	NODE(3, "100.64.0.3", "") "]" filters "}"
#define RULE(src, dst, first, last, more)                                      \
	"{\"SrcIPs\":[" src "],\"DstPorts\":[{\"IP\":\"" dst                       \
	"\",\"Ports\":{\"First\":" #first ",\"Last\":" #last "}}]" more "}"

enum { SYN22, SYN80, SYN22_BY3, UDP22, GRE, TO_ROUTE, PACKETS };

static void
make_packets(struct packet out[static PACKETS])
{
	struct mesh_ip us = ip_of("100.64.0.1"), two = ip_of("100.64.0.2"),
		       three = ip_of("100.64.0.3"), lan = ip_of("10.1.2.3");

	out[SYN22] = packet_make(&two, &us, 6, 9, 22, MESH_TCP_SYN);
	out[SYN80] = packet_make(&two, &us, 6, 9, 80, MESH_TCP_SYN);
	out[SYN22_BY3] = packet_make(&three, &us, 6, 9, 22, MESH_TCP_SYN);
	out[UDP22] = packet_make(&two, &us, 17, 9, 22, 0);
	out[GRE] = packet_make(&two, &us, 47, 0, 0, 0);
	out[TO_ROUTE] = packet_make(&two, &lan, 6, 9, 22, MESH_TCP_SYN);
}

/* Loads what the map says; false: there was no filter in it. */
static bool
load(struct mesh_filter *f, const char *map)
{
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_netmap *nm;
	struct mesh_diag diag = {0};
	struct mesh_buf out;
	bool any;

	if (mesh_netmap_parse(map, strlen(map), &nm, &diag) != MESH_OK)
		fail_msg("%s", diag.text);
	mesh_buf_init(&out, MESH_FILTER_TABLE_MAX);
	any = mesh_filter_build_netmap(b, nm);
	if (any) {
		assert_int_equal(mesh_filter_build_finish(b, &out), MESH_OK);
		assert_int_equal(mesh_filter_load(f, out.data, out.len, NULL),
		    MESH_OK);
	}
	mesh_filter_build_free(b);
	mesh_buf_release(&out);
	mesh_netmap_unref(nm);
	return any;
}

static void
test_netmaps(void **state)
{
	/* passes: SYN22 SYN80 SYN22_BY3 UDP22 GRE TO_ROUTE */
	static const struct {
		const char *map, *passes;
	} rows[] = {
	    {MAP(",\"PacketFilter\":[]"), "......"},
	    {MAP(",\"PacketFilters\":{\"base\":[]}"), "......"},
	    {MAP(",\"PacketFilter\":[" RULE("\"*\"", "*", 0, 65535, "") "]"),
		"1111.1"},
	    {MAP(",\"PacketFilter\":[" RULE("\"*\"", "*", 0, 65535,
		 ",\"IPProto\":[47]") "]"), "....1."},
	    {MAP(",\"PacketFilter\":[" RULE("\"100.64.0.2\"", "100.64.0.1", 22,
		 22, "") "]"), "1..1.."},
	    {MAP(",\"PacketFilter\":[" RULE("\"100.64.0.2-100.64.0.3\"",
		 "100.64.0.0/24", 22, 22, ",\"IPProto\":[6]") "]"), "1.1..."},
	    {MAP(",\"PacketFilter\":[" RULE("\"cap:example.com/ops\"", "*", 22,
		 22, "") "]"), "1..1.1"},
	    {MAP(",\"PacketFilter\":[" RULE("\"cap:other\"", "*", 22, 22, "")
		 "]"), "......"},
	    /* two names, one filter */
	    {MAP(",\"PacketFilters\":{\"a\":[" RULE("\"*\"", "100.64.0.1", 80,
		 80, "") "],\"b\":[" RULE("\"*\"", "10.1.0.0/16", 22, 22, "")
		 "]}"), ".1...1"},
	    /* entries that mean nothing are passed over */
	    {MAP(",\"PacketFilter\":[" RULE("\"nonsense\",\"100.64.0.3\"",
		 "100.64.0.1", 22, 22, "") "," RULE("\"*\"", "cap:x", 0, 65535,
		 "") "]"), "..1..."},
	    {MAP(",\"PacketFilter\":[" RULE("\"*\"", "*", 0, 65535,
		 ",\"IPProto\":[256,-1]") "]"), "......"},
	    /* the last port before the first: nothing */
	    {MAP(",\"PacketFilter\":[" RULE("\"*\"", "*", 80, 22, "") "]"),
		"......"},
	    /* legacy bits anywhere: the whole filter counts for nothing */
	    {MAP(",\"PacketFilter\":[" RULE("\"*\"", "*", 0, 65535, "") ","
		 RULE("\"*\"", "*", 0, 65535, ",\"SrcBits\":[32]") "]"),
		"......"},
	    {MAP(",\"PacketFilter\":[{\"SrcIPs\":[\"*\"],\"CapGrant\":[{"
		 "\"Dsts\":[\"100.64.0.1/32\"],\"CapMap\":{}}]}]"), "......"},
	};
	struct packet packets[PACKETS];

	(void)state;
	make_packets(packets);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_filter *f = mesh_filter_new(8, seed);

		assert_true(load(f, rows[i].map));
		for (size_t k = 0; k < PACKETS; k++) {
			enum mesh_filter_verdict v = mesh_filter_in(f,
			    packets[k].b, packets[k].len, false,
			    (struct mesh_time){0});

			if ((v == MESH_FILTER_PASS) !=
			    (rows[i].passes[k] == '1'))
				fail_msg("row %zu packet %zu: %s", i, k,
				    mesh_filter_verdict_name(v));
		}
		mesh_filter_free(f);
	}
}

static void
test_never_received(void **state)
{
	struct mesh_filter *f = mesh_filter_new(8, seed);

	(void)state;
	assert_false(load(f, MAP("")));
	mesh_filter_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_netmaps),
	    cmocka_unit_test(test_never_received),
	};

	return cmocka_run_group_tests_name("filter_netmap", tests, NULL, NULL);
}
