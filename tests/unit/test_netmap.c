/* SPDX-License-Identifier: ISC
 * Snapshots and deltas: protocol/vectors-control.md 9, and a recorded session of
 * headscale 0.29.2 (tests/vectors/headscale-0.29-map-stream.jsonl). */
#include "test.h"

#include "netmap/diff.h"
#include "netmap/file.h"

#include <stdio.h>
#include <stdlib.h>

static const struct mesh_wall clock_now = {1700000000, 0};

/* --- memory that runs out at the n-th call (linked with --wrap) */

static size_t fail_at; /* 0: never */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool
out_of_memory(void)
{
	return fail_at > 0 && --fail_at == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return out_of_memory() ? NULL : __real_calloc(n, size);
}

void *
__wrap_malloc(size_t size)
{
	return out_of_memory() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return out_of_memory() ? NULL : __real_realloc(p, size);
}

/* --- helpers */

static int
apply_text(const struct mesh_netmap *old, const char *json, size_t len,
    struct mesh_netmap **out, unsigned *out_changed, struct mesh_diag *diag)
{
	struct mesh_map_response frame;
	struct mesh_arena a;
	int err;

	mesh_arena_init(&a, MESH_RESPONSE_MEMORY);
	err = mesh_map_response_parse((struct mesh_str){json, len}, &a, &frame,
	    diag);
	if (err == MESH_OK)
		err = mesh_netmap_apply(old, &frame, clock_now, out,
		    out_changed, diag);
	mesh_arena_release(&a);
	return err;
}

/* Takes over nm; gives the next one. */
static struct mesh_netmap *
step(struct mesh_netmap *nm, const char *json)
{
	struct mesh_netmap *next = NULL;
	struct mesh_diag diag = {{0}};
	unsigned changed;

	if (apply_text(nm, json, strlen(json), &next, &changed, &diag) != 0)
		fail_msg("%s: %s", json, diag.text);
	mesh_netmap_unref(nm);
	return next;
}

static char *
read_vector(const char *name, size_t *out_len)
{
	const char *top = getenv("top_srcdir");
	char path[512], *text = malloc(1 << 20);
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top ? top : ".",
	    name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_non_null(text);
	*out_len = fread(text, 1, 1 << 20, f);
	fclose(f);
	return text;
}

/* "1:foo 2:bar" */
static void
assert_peers(const struct mesh_netmap *nm, const char *want)
{
	char got[256] = "";

	for (size_t i = 0; i < nm->peer_count; i++) {
		size_t used = strlen(got);

		snprintf(got + used, sizeof(got) - used, "%s%lld:%s",
		    i ? " " : "", (long long)nm->peers[i]->id,
		    nm->peers[i]->name);
	}
	assert_string_equal(got, want);
}

#define SELF "\"Node\":{\"ID\":99,\"Name\":\"me\"}"
#define TWO                                                                    \
	"{" SELF ",\"Peers\":[{\"ID\":2,\"Name\":\"bar\"},"                    \
	"{\"ID\":1,\"Name\":\"foo\"}]}"

/* --- tests */

static void
applies_peer_vectors(void **state)
{
	static const struct {
		const char *frame, *end;
	} cases[] = {
	    {"{\"Peers\":[{\"ID\":1,\"Name\":\"foo\"},{\"ID\":2,\"Name\":"
	     "\"bar\"}],\"PeersRemoved\":[2]}",
		"1:foo 2:bar"},
	    {"{\"PeersChanged\":[{\"ID\":0,\"Name\":\"zero\"},{\"ID\":2,"
	     "\"Name\":\"bar2\"},{\"ID\":3,\"Name\":\"three\"}]}",
		"0:zero 1:foo 2:bar2 3:three"},
	    {"{\"PeersRemoved\":[1,3,4]}", "2:bar"},
	    {"{\"PeersChanged\":[{\"ID\":1,\"Name\":\"foo2\"}],"
	     "\"PeersRemoved\":[2]}",
		"1:foo2"},
	    {"{}", "1:foo 2:bar"},
	    {"{\"Peers\":[]}", "1:foo 2:bar"},
	    {"{\"Peers\":null}", "1:foo 2:bar"},
	    {"{\"Peers\":[{\"ID\":7,\"Name\":\"x\"},{\"ID\":7,\"Name\":"
	     "\"x\"}]}",
		"7:x"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_netmap *nm = step(NULL, TWO);

		assert_peers(nm, "1:foo 2:bar");
		nm = step(nm, cases[i].frame);
		assert_peers(nm, cases[i].end);
		mesh_netmap_unref(nm);
	}
}

static void
applies_online_and_seen(void **state)
{
	struct mesh_netmap *nm = step(NULL, TWO);

	(void)state;
	nm = step(nm, "{\"OnlineChange\":{\"1\":true,\"404\":true}}");
	assert_int_equal(nm->peers[0]->online, 1);
	assert_int_equal(nm->peers[1]->online, 0);
	nm = step(nm, "{\"OnlineChange\":{\"1\":false,\"2\":true}}");
	assert_int_equal(nm->peers[0]->online, -1);
	assert_int_equal(nm->peers[1]->online, 1);
	nm = step(nm, "{\"PeersChangedPatch\":[{\"NodeID\":1,"
		      "\"LastSeen\":\"1970-01-01T00:01:51Z\"}]}");
	assert_int_equal(nm->peers[0]->last_seen.sec, 111);
	nm = step(nm, "{\"PeerSeenChange\":{\"1\":false,\"2\":true}}");
	assert_false(mesh_wall_is_set(nm->peers[0]->last_seen));
	assert_int_equal(nm->peers[1]->last_seen.sec, clock_now.sec);
	mesh_netmap_unref(nm);
}

static void
applies_patches(void **state)
{
	struct mesh_netmap *nm = step(NULL,
	    "{" SELF ",\"Peers\":[{\"ID\":1,\"Name\":\"a\",\"HomeDERP\":3,"
	    "\"KeyExpiry\":\"2030-01-01T00:00:00Z\","
	    "\"Endpoints\":[\"1.2.3.4:111\",\"[fe80::1%eth0]:5\"]}]}");
	const struct mesh_node *n = nm->peers[0];
	char text[MESH_ENDPOINT_TEXT];

	(void)state;
	assert_int_equal(n->endpoints.count, 2);
	assert_true(mesh_ip_is_none(&mesh_node_endpoints(n)[1].ip));
	nm = step(nm, "{\"PeersChangedPatch\":[{\"NodeID\":1,"
		      "\"Endpoints\":[\"1.2.3.4:56\"]},{\"NodeID\":8}]}");
	n = nm->peers[0];
	assert_int_equal(n->home_derp, 3);
	assert_int_equal(n->endpoints.count, 1);
	assert_string_equal(
	    mesh_endpoint_format(&mesh_node_endpoints(n)[0], text),
	    "1.2.3.4:56");
	nm = step(nm, "{\"PeersChangedPatch\":[{\"NodeID\":1,\"DERPRegion\":2,"
		      "\"Endpoints\":[],\"Cap\":9,\"CapMap\":{},"
		      "\"KeyExpiry\":\"0001-01-01T00:00:00Z\",\"Key\":\"nodekey:"
		      "0100000000000000000000000000000000000000000000000000"
		      "000000000002\"}]}");
	n = nm->peers[0];
	assert_int_equal(n->home_derp, 2);
	assert_int_equal(n->endpoints.count, 0);
	assert_int_equal(n->cap, 9);
	assert_int_equal(n->key.b[0], 1);
	assert_int_equal(n->key.b[31], 2);
	assert_false(mesh_wall_is_set(n->key_expiry));
	mesh_netmap_unref(nm);
}

static void
upgrades_nodes(void **state)
{
	static const struct {
		const char *node;
		int64_t home;
		size_t allowed;
	} cases[] = {
	    {"{\"HomeDERP\":1,\"DERP\":\"127.3.3.40:2\"}", 1, 0},
	    {"{\"DERP\":\"127.3.3.40:2\"}", 2, 0},
	    {"{\"DERP\":\"127.3.3.41:2\"}", 0, 0},
	    {"{\"Addresses\":[\"100.64.0.1/32\",\"fd7a::1/128\"]}", 0, 2},
	    {"{\"Addresses\":[\"100.64.0.1/32\"],\"AllowedIPs\":[]}", 0, 0},
	    {"{\"UnsignedPeerAPIOnly\":true,\"Addresses\":[\"100.64.0.1/32\"],"
	     "\"AllowedIPs\":[\"100.64.0.1/32\",\"10.0.0.0/8\"]}",
		0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_node *n;

		assert_int_equal(mesh_node_parse(mesh_str(cases[i].node), &n,
				     NULL),
		    MESH_OK);
		assert_int_equal(mesh_node_upgrade(n), MESH_OK);
		assert_int_equal(n->home_derp, cases[i].home);
		assert_true(n->allowed_ips.set);
		assert_int_equal(n->allowed_ips.count, cases[i].allowed);
		mesh_counted_unref(n);
	}
}

static void
upgrades_capabilities(void **state)
{
	struct mesh_netmap *nm = step(NULL,
	    "{\"Node\":{\"ID\":1,\"Capabilities\":[\"old\",\"both\"],"
	    "\"CapMap\":{\"both\":[1],\"new\":null}}}");

	(void)state;
	assert_int_equal(nm->self->cap_map.count, 3);
	assert_true(mesh_node_has_cap(nm->self, "old"));
	assert_true(mesh_node_has_cap(nm->self, "new"));
	assert_false(mesh_node_has_cap(nm->self, "none"));
	mesh_netmap_unref(nm);
}

static const char *
filter_names(const struct mesh_netmap *nm, char out[static 64])
{
	out[0] = 0;
	for (size_t i = 0; i < nm->filter_count; i++)
		snprintf(out + strlen(out), 64 - strlen(out), "%s%s",
		    i ? " " : "", nm->filters[i]->name);
	return out;
}

static void
merges_named_filters(void **state)
{
	static const char a[] = "[{\"SrcIPs\":[\"10.0.0.1\"]}]";
	char frame[256], names[64];
	struct mesh_netmap *nm = step(NULL, TWO);

	(void)state;
	assert_int_equal(nm->filter_count, 0);
	snprintf(frame, sizeof(frame),
	    "{\"PacketFilter\":%s,\"PacketFilters\":{\"pf-b\":%s}}", a, a);
	nm = step(nm, frame);
	assert_string_equal(filter_names(nm, names), "base pf-b");
	nm = step(nm, "{}");
	assert_string_equal(filter_names(nm, names), "base pf-b");
	snprintf(frame, sizeof(frame),
	    "{\"PacketFilters\":{\"*\":null,\"pf-b\":%s}}", a);
	nm = step(nm, frame);
	assert_string_equal(filter_names(nm, names), "pf-b");
	snprintf(frame, sizeof(frame), "{\"PacketFilters\":{\"pf-a\":%s}}", a);
	nm = step(nm, frame);
	assert_string_equal(filter_names(nm, names), "pf-a pf-b");
	nm = step(nm, "{\"PacketFilter\":[]}");
	assert_string_equal(filter_names(nm, names), "base pf-a pf-b");
	assert_int_equal(nm->filters[0]->count, 0);
	nm = step(nm, "{\"PacketFilters\":{\"base\":null}}");
	assert_string_equal(filter_names(nm, names), "pf-a pf-b");
	mesh_netmap_unref(nm);
}

static void
refuses_whole_filter(void **state)
{
	static const struct {
		const char *frame;
		bool refused;
	} cases[] = {
	    {"{" SELF ",\"PacketFilter\":[{\"SrcIPs\":[\"*\"]}]}", false},
	    {"{" SELF ",\"PacketFilter\":[{\"SrcIPs\":[\"*\"],"
	     "\"SrcBits\":[8]}]}",
		true},
	    {"{" SELF ",\"PacketFilter\":[{\"SrcIPs\":[\"*\"],\"DstPorts\":"
	     "[{\"IP\":\"*\",\"Bits\":8}]}]}",
		true},
	    {"{" SELF ",\"PacketFilter\":[{\"SrcIPs\":[\"100.64.0.0/16\"]}],"
	     "\"Peers\":[{\"ID\":1,\"UnsignedPeerAPIOnly\":true,"
	     "\"Addresses\":[\"100.64.0.1/32\"]}]}",
		true},
	    {"{" SELF ",\"PacketFilter\":[{\"SrcIPs\":[\"100.65.0.0/16\"]}],"
	     "\"Peers\":[{\"ID\":1,\"UnsignedPeerAPIOnly\":true,"
	     "\"Addresses\":[\"100.64.0.1/32\"]}]}",
		false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_netmap *nm = step(NULL, cases[i].frame);

		assert_int_equal(mesh_netmap_filter_is_refused(nm),
		    cases[i].refused);
		mesh_netmap_unref(nm);
	}
}

static void
merges_messages_and_scalars(void **state)
{
	static const char m[] =
	    "{\"Title\":\"t\",\"Text\":\"x\",\"Severity\":\"low\"}";
	struct mesh_netmap *nm;
	char frame[512];

	(void)state;
	snprintf(frame, sizeof(frame),
	    "{" SELF ",\"DisplayMessages\":{\"b\":%s,\"a\":%s},"
	    "\"Domain\":\"foo.com\",\"CollectServices\":true,"
	    "\"Health\":[\"bad\"]}",
	    m, m);
	nm = step(NULL, frame);
	assert_int_equal(nm->message_count, 2);
	assert_string_equal(nm->messages[0]->id, "a");
	nm = step(nm, "{\"DisplayMessages\":{\"a\":null},\"Health\":null}");
	assert_int_equal(nm->message_count, 1);
	assert_string_equal(nm->messages[0]->id, "b");
	assert_int_equal(nm->collect_services, 1);
	assert_true(mesh_str_eq(nm->domain->json, "\"foo.com\""));
	assert_true(mesh_str_eq(nm->health->json, "[\"bad\"]"));
	snprintf(frame, sizeof(frame),
	    "{\"Health\":[],\"DisplayMessages\":{\"*\":null,\"c\":%s}}", m);
	nm = step(nm, frame);
	assert_int_equal(nm->message_count, 1);
	assert_string_equal(nm->messages[0]->id, "c");
	assert_true(mesh_str_eq(nm->health->json, "[]"));
	nm = step(nm, "{\"DisplayMessages\":{\"*\":null}}");
	assert_int_equal(nm->message_count, 0);
	mesh_netmap_unref(nm);
}

/* --- patches made (vectors 9.2) */

#define N "{\"ID\":1,\"Cap\":7"
#define E1 ",\"Endpoints\":[\"10.0.0.1:1\"]"
#define E2 ",\"Endpoints\":[\"10.0.0.2:2\"]"

static const struct {
	const char *old, *new, *patch; /* NULL: not patchable */
} patches[] = {
    {N "}", N "}", "{\"NodeID\":0}"},
    {N ",\"HomeDERP\":1}", N ",\"HomeDERP\":2}",
	"{\"NodeID\":1,\"DERPRegion\":2}"},
    {N ",\"HomeDERP\":1}", N "}", NULL},
    {N E1 "}", N E2 "}", "{\"NodeID\":1" E2 "}"},
    {N E1 "}", N "}", "{\"NodeID\":1,\"Endpoints\":[]}"},
    {N "}", "{\"ID\":1,\"Cap\":8}", "{\"NodeID\":1,\"Cap\":8,\"CapMap\":{}}"},
    {N "}", "{\"ID\":1}", NULL},
    {N ",\"Online\":false}", N ",\"Online\":true}",
	"{\"NodeID\":1,\"Online\":true}"},
    {N ",\"Online\":true}", N "}", NULL},
    {N ",\"CapMap\":{\"a\":null}}", N ",\"CapMap\":{\"a\":[true]}}",
	"{\"NodeID\":1,\"CapMap\":{\"a\":[true]}}"},
    {N ",\"CapMap\":{\"a\":null}}", N "}", "{\"NodeID\":1,\"CapMap\":{}}"},
    {N ",\"CapMap\":{\"a\":null}}", N ",\"CapMap\":{\"a\":null}}",
	"{\"NodeID\":0}"},
    {N ",\"KeyExpiry\":\"2030-01-01T00:00:00Z\"}", N "}",
	"{\"NodeID\":1,\"KeyExpiry\":\"0001-01-01T00:00:00Z\"}"},
    {N ",\"LastSeen\":\"2030-01-01T00:00:00Z\"}",
	N ",\"LastSeen\":\"2031-01-01T00:00:00Z\"}",
	"{\"NodeID\":1,\"LastSeen\":\"2031-01-01T00:00:00Z\"}"},
    {N ",\"Name\":\"a\"}", N ",\"Name\":\"b\"}", NULL},
    {N ",\"User\":1}", N ",\"User\":2}", NULL},
    {N "}", "{\"ID\":1,\"Cap\":8,\"StableID\":\"x\"}", NULL},
    {N "}", N ",\"SelfNodeV4MasqAddrForThisPeer\":\"1.2.3.4\"}", NULL},
    {N "}", N ",\"Expired\":true}", NULL},
};

static void
makes_patches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
		struct mesh_node_patch patch;
		struct mesh_node *a, *b;
		struct mesh_buf out;
		struct mesh_jw w;
		bool ok;

		assert_int_equal(
		    mesh_node_parse(mesh_str(patches[i].old), &a, NULL), 0);
		assert_int_equal(
		    mesh_node_parse(mesh_str(patches[i].new), &b, NULL), 0);
		ok = mesh_node_patch_between(a, b, &patch);
		assert_int_equal(ok, patches[i].patch != NULL);
		if (ok) {
			mesh_buf_init(&out, 4096);
			mesh_jw_init(&w, &out, false);
			mesh_bind_write(&w, &mesh_node_patch_schema, &patch);
			assert_string_equal(mesh_buf_cstr(&out),
			    patches[i].patch);
			mesh_buf_release(&out);
			assert_int_equal(mesh_node_apply(a, &patch), MESH_OK);
			assert_true(patch.id == 0 || mesh_node_eq(a, b));
		}
		mesh_counted_unref(a);
		mesh_counted_unref(b);
	}
}

/* --- a recorded session */

/* What was read is written again to the byte. */
static void
replays_recorded_session(void **state)
{
	struct mesh_netmap *nm = NULL, *next;
	struct mesh_diag diag = {{0}};
	struct mesh_buf out;
	unsigned changed;
	size_t len;
	char *text = read_vector("headscale-0.29-map-stream.jsonl", &len);
	char *line = text;

	(void)state;
	for (size_t n = 0; line < text + len; n++) {
		char *end = memchr(line, '\n', (size_t)(text + len - line));
		size_t line_len = (size_t)((end ? end : text + len) - line);

		if (apply_text(nm, line, line_len, &next, &changed, &diag))
			fail_msg("line %zu: %s", n + 1, diag.text);
		mesh_netmap_unref(nm);
		nm = next;
		if (n == 0) {
			mesh_buf_init(&out, MESH_NETMAP_FILE_MAX);
			mesh_netmap_write(&out, nm);
			assert_int_equal(out.len, line_len);
			assert_memory_equal(out.data, line, line_len);
			mesh_buf_release(&out);
		} else {
			assert_int_equal(changed, 0);
		}
		line += line_len + 1;
	}
	assert_int_equal(nm->peer_count, 2);
	assert_string_equal(mesh_netmap_owner(nm, nm->peers[0]), "alice");
	assert_string_equal(nm->self->name, "vm.mesh.test.");
	mesh_netmap_unref(nm);
	free(text);
}

static struct mesh_netmap *
recorded(void)
{
	struct mesh_netmap *nm = NULL;
	size_t len;
	char *text = read_vector("headscale-0.29-map-stream.jsonl", &len);

	assert_int_equal(mesh_netmap_parse(text,
			     (size_t)(strchr(text, '\n') - text), &nm, NULL),
	    MESH_OK);
	free(text);
	return nm;
}

static void
finds_nodes(void **state)
{
	struct mesh_netmap *nm = recorded();
	struct mesh_node_key key = nm->peers[1]->key;
	char text[MESH_NETMAP_TEXT];

	(void)state;
	assert_ptr_equal(mesh_netmap_whois(nm, "100.64.0.2"), nm->peers[1]);
	assert_ptr_equal(mesh_netmap_whois(nm, "100.64.0.3:22"), nm->self);
	assert_ptr_equal(mesh_netmap_whois(nm, "[fd7a:115c:a1e0::1]:22"),
	    nm->peers[0]);
	assert_null(mesh_netmap_whois(nm, "100.64.0.9"));
	assert_null(mesh_netmap_whois(nm, "nonsense"));
	assert_null(mesh_netmap_whois(nm, ""));
	assert_ptr_equal(mesh_netmap_find_name(nm, "A"), nm->peers[0]);
	assert_ptr_equal(mesh_netmap_find_name(nm, "b.mesh.test"),
	    nm->peers[1]);
	assert_ptr_equal(mesh_netmap_find_name(nm, "vm.mesh.test."), nm->self);
	assert_null(mesh_netmap_find_name(nm, "c"));
	assert_null(mesh_netmap_find_name(nm, ""));
	assert_null(mesh_netmap_find_name(nm, "."));
	assert_ptr_equal(mesh_netmap_find_key(nm, &key), nm->peers[1]);
	key.b[5] ^= 1;
	assert_null(mesh_netmap_find_key(nm, &key));
	assert_string_equal(mesh_node_get_address(nm->self, 0, text),
	    "100.64.0.3");
	assert_string_equal(mesh_node_get_prefix(nm->self, 1, text),
	    "fd7a:115c:a1e0::3/128");
	assert_null(mesh_node_get_address(nm->self, 2, text));
	assert_null(mesh_node_get_tag(nm->self, 0));
	assert_null(mesh_netmap_peer_at(nm, 2));
	mesh_netmap_unref(nm);
}

/* --- sharing, changes */

static void
shares_what_stays(void **state)
{
	struct mesh_netmap *old = recorded(), *new;
	static const char frame[] = "{\"OnlineChange\":{\"2\":true}}";
	unsigned changed;

	(void)state;
	assert_int_equal(apply_text(old, frame, strlen(frame), &new, &changed,
			     NULL),
	    MESH_OK);
	assert_int_equal(changed, MESH_NETMAP_PEER_SET);
	assert_ptr_equal(old->peers[0], new->peers[0]);
	assert_ptr_not_equal(old->peers[1], new->peers[1]);
	assert_ptr_equal(old->dns, new->dns);
	assert_int_equal(old->peers[1]->online, -1);
	assert_int_equal(new->peers[1]->online, 1);
	mesh_netmap_unref(old);
	assert_string_equal(new->peers[0]->name, "a.mesh.test.");
	mesh_netmap_unref(new);
}

static void
tells_differences(void **state)
{
	struct mesh_netmap *old = recorded();
	struct mesh_netmap *new = mesh_netmap_ref(old);
	struct mesh_buf out;

	(void)state;
	new = step(new,
	    "{\"PeersRemoved\":[1],\"PeersChanged\":[{\"ID\":9,\"Name\":"
	    "\"n.mesh.test.\",\"Addresses\":[\"100.64.0.9/32\"]}],"
	    "\"PeersChangedPatch\":[{\"NodeID\":2,\"DERPRegion\":1,"
	    "\"Online\":true}],\"PacketFilter\":[]}");
	mesh_buf_init(&out, 4096);
	mesh_netmap_diff_write(&out, old, new);
	assert_string_equal(mesh_buf_cstr(&out),
	    "~ filter\n"
	    "- a.mesh.test. 100.64.0.1 fd7a:115c:a1e0::1\n"
	    "~ b.mesh.test. home online\n"
	    "+ n.mesh.test. 100.64.0.9\n");
	mesh_buf_clear(&out);
	mesh_netmap_diff_write(&out, new, new);
	assert_int_equal(out.len, 0);
	mesh_buf_release(&out);
	assert_int_equal(mesh_netmap_diff_parts(NULL, NULL), 0);
	mesh_netmap_unref(old);
	mesh_netmap_unref(new);
}

/* --- refused */

static void
refuses_bad_frames_whole(void **state)
{
	static const struct {
		const char *frame;
		int err;
	} cases[] = {
	    {"", MESH_ERR_FORMAT},
	    {"[]", MESH_ERR_FORMAT},
	    {"{\"Peers\":[null]}", MESH_ERR_FORMAT},
	    {"{\"PeersChanged\":[{\"ID\":3},null]}", MESH_ERR_FORMAT},
	    {"{\"PeersChanged\":[{\"ID\":\"3\"}]}", MESH_ERR_FORMAT},
	    {"{\"PeersChanged\":[{\"ID\":3,\"Key\":\"nodekey:12\"}]}",
		MESH_ERR_FORMAT},
	    {"{\"PeersChanged\":[{\"ID\":3,\"Addresses\":[\"1.2.3\"]}]}",
		MESH_ERR_FORMAT},
	    {"{\"PeersRemoved\":[1],\"PacketFilter\":{}}", MESH_ERR_FORMAT},
	    {"{\"PeersRemoved\":[1],\"PacketFilter\":[7]}", MESH_ERR_FORMAT},
	    {"{\"PeersRemoved\":[1],\"DERPMap\":[]}", MESH_ERR_FORMAT},
	    {"{\"PeersRemoved\":[1],\"DNSConfig\":3}", MESH_ERR_FORMAT},
	    {"{\"PeersRemoved\":[1],\"SSHPolicy\":3}", MESH_ERR_FORMAT},
	    {"{\"OnlineChange\":{\"x\":true}}", MESH_ERR_FORMAT},
	    {"{\"OnlineChange\":{\"1\":1}}", MESH_ERR_FORMAT},
	    {"{\"CollectServices\":\"true\"}", MESH_ERR_FORMAT},
	};
	struct mesh_netmap *nm = step(NULL, TWO), *next = NULL;
	unsigned changed = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_diag diag = {{0}};

		if (apply_text(nm, cases[i].frame, strlen(cases[i].frame),
			&next, &changed, &diag) != cases[i].err)
			fail_msg("%s: %s", cases[i].frame, diag.text);
		assert_null(next);
		assert_int_equal(changed, 77);
		assert_int_not_equal(diag.text[0], 0);
		assert_peers(nm, "1:foo 2:bar");
	}
	mesh_netmap_unref(nm);
}

static void
wants_self_first(void **state)
{
	static const char frame[] = "{\"Peers\":[{\"ID\":1}]}";
	struct mesh_netmap *nm = NULL;
	unsigned changed;

	(void)state;
	assert_int_equal(apply_text(NULL, frame, strlen(frame), &nm, &changed,
			     NULL),
	    MESH_ERR_PROTO);
	assert_null(nm);
}

static void
survives_lack_of_memory(void **state)
{
	static const char frame[] =
	    "{\"PeersRemoved\":[1],\"PeersChanged\":[{\"ID\":5,\"Name\":\"n\"}],"
	    "\"PeersChangedPatch\":[{\"NodeID\":2,\"Endpoints\":[\"1.2.3.4:5\"]}"
	    "],\"OnlineChange\":{\"2\":true},\"DERPMap\":{\"Regions\":{\"1\":"
	    "{\"RegionID\":1}}},\"PacketFilters\":{\"x\":[{\"SrcIPs\":[\"*\"]}]"
	    "},\"UserProfiles\":[{\"ID\":3}],\"Health\":[\"h\"],\"Domain\":\"d\","
	    "\"DisplayMessages\":{\"m\":{\"Title\":\"t\"}},\"DNSConfig\":{}}";
	struct mesh_netmap *nm = recorded(), *next = NULL;
	unsigned changed = 0;
	int err = MESH_ERR_NOMEM;
	size_t n;

	(void)state;
	for (n = 1; err != MESH_OK; n++) {
		fail_at = n;
		err = apply_text(nm, frame, strlen(frame), &next, &changed,
		    NULL);
		fail_at = 0;
		assert_int_equal(nm->peer_count, 2);
		if (err != MESH_OK)
			assert_null(next);
		assert_true(n < 2000);
	}
	assert_true(n > 20);
	assert_peers(next, "2:b.mesh.test. 5:n");
	mesh_netmap_unref(next);
	mesh_netmap_unref(nm);
}

/* --- files */

static void
saves_and_reads(void **state)
{
	struct mesh_netmap *nm = recorded(), *back;
	struct mesh_netmap_file head;
	struct mesh_arena a;
	struct mesh_buf out;
	struct mesh_str text;

	(void)state;
	mesh_buf_init(&out, MESH_NETMAP_FILE_MAX);
	mesh_netmap_file_write(&out, nm, "https://c.example", clock_now);
	assert_false(out.failed);
	text = (struct mesh_str){(const char *)out.data, out.len};
	mesh_arena_init(&a, MESH_NODE_MEMORY);
	assert_int_equal(mesh_netmap_file_read(text, &a, &head, &back, NULL),
	    MESH_OK);
	assert_string_equal(head.server, "https://c.example");
	assert_int_equal(head.saved.sec, clock_now.sec);
	assert_int_equal(mesh_netmap_diff_parts(nm, back), 0);
	mesh_netmap_unref(back);
	/* No part of the file is a file. */
	for (text.len = 0; text.len < out.len - 1; text.len += 7)
		assert_int_not_equal(
		    mesh_netmap_file_read(text, &a, NULL, &back, NULL),
		    MESH_OK);
	mesh_arena_release(&a);
	mesh_buf_release(&out);
	mesh_netmap_unref(nm);
}

static void
refuses_strange_files(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
	    {"{}", MESH_ERR_PROTO},
	    {"{\"format\":\"mesh-netmap\",\"version\":1}", MESH_ERR_FORMAT},
	    {"{\"format\":\"other\",\"version\":1,\"map\":{}}",
		MESH_ERR_FORMAT},
	    {"{\"format\":\"mesh-netmap\",\"version\":2,\"map\":{}}",
		MESH_ERR_VERSION},
	    {"{\"format\":\"mesh-netmap\",\"version\":1,\"map\":7}",
		MESH_ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_netmap *nm = NULL;
		struct mesh_diag diag = {{0}};

		assert_int_equal(mesh_netmap_parse(cases[i].text,
				     strlen(cases[i].text), &nm, &diag),
		    cases[i].err);
		assert_null(nm);
		assert_int_not_equal(diag.text[0], 0);
	}
}

/* --- limits */

/* {Node, Peers: count nodes} */
static void
write_many(struct mesh_buf *out, size_t count)
{
	mesh_buf_add_str(out, "{" SELF ",\"Peers\":[");
	for (size_t i = 0; i < count; i++)
		mesh_buf_printf(out,
		    "%s{\"ID\":%zu,\"Name\":\"n%zu.mesh.test.\","
		    "\"Addresses\":[\"100.%zu.%zu.%zu/32\"]}",
		    i ? "," : "", count - i, i, 64 + (i >> 16),
		    (i >> 8) & 255, i & 255);
	mesh_buf_add_str(out, "]}");
}

static void
holds_many_nodes(void **state)
{
	struct mesh_netmap *nm;
	struct mesh_buf text;
	const struct mesh_node *n;

	(void)state;
	mesh_buf_init(&text, MESH_RESPONSE_LEN);
	write_many(&text, 10000);
	nm = step(NULL, mesh_buf_cstr(&text));
	mesh_buf_release(&text);
	assert_int_equal(nm->peer_count, 10000);
	n = mesh_netmap_whois(nm, "100.64.39.15");
	assert_non_null(n);
	assert_ptr_equal(mesh_netmap_peer(nm, n->id), n);
	for (size_t i = 1; i < nm->peer_count; i++)
		assert_true(nm->peers[i - 1]->id < nm->peers[i]->id);
	mesh_netmap_unref(nm);
}

static void
refuses_too_many_nodes(void **state)
{
	struct mesh_netmap *nm = NULL;
	struct mesh_buf text;
	unsigned changed;

	(void)state;
	mesh_buf_init(&text, MESH_RESPONSE_LEN);
	write_many(&text, MESH_NETMAP_PEERS + 1);
	assert_false(text.failed);
	assert_int_equal(apply_text(NULL, (const char *)text.data, text.len,
			     &nm, &changed, NULL),
	    MESH_ERR_LIMIT);
	mesh_buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(applies_peer_vectors),
	    cmocka_unit_test(applies_online_and_seen),
	    cmocka_unit_test(applies_patches),
	    cmocka_unit_test(upgrades_nodes),
	    cmocka_unit_test(upgrades_capabilities),
	    cmocka_unit_test(merges_named_filters),
	    cmocka_unit_test(refuses_whole_filter),
	    cmocka_unit_test(merges_messages_and_scalars),
	    cmocka_unit_test(makes_patches),
	    cmocka_unit_test(replays_recorded_session),
	    cmocka_unit_test(finds_nodes),
	    cmocka_unit_test(shares_what_stays),
	    cmocka_unit_test(tells_differences),
	    cmocka_unit_test(refuses_bad_frames_whole),
	    cmocka_unit_test(wants_self_first),
	    cmocka_unit_test(survives_lack_of_memory),
	    cmocka_unit_test(saves_and_reads),
	    cmocka_unit_test(refuses_strange_files),
	    cmocka_unit_test(holds_many_nodes),
	    cmocka_unit_test(refuses_too_many_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
