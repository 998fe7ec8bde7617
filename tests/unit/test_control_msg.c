/* SPDX-License-Identifier: ISC
 * The JSON messages of the control channel, on what stock programs say
 * (tests/vectors/tailscaled-*-requests.jsonl, headscale-0.29-*). */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/msg.h"

#define FILE_MAX (64u << 10)

static char file[FILE_MAX];
static struct mesh_arena arena;

/* The text of a vector file. */
static struct mesh_str
load(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top ? top : ".",
	    name);
	f = fopen(path, "r");
	if (f == NULL)
		print_error("cannot open %s\n", path);
	assert_non_null(f);
	len = fread(file, 1, sizeof(file), f);
	fclose(f);
	assert_in_range(len, 1, sizeof(file) - 1);
	return (struct mesh_str){file, len};
}

/* The "body" of a line of a request file. */
static struct mesh_str
body_of(struct mesh_str line)
{
	struct mesh_str name, body = {0};
	struct mesh_json j;

	mesh_json_init(&j, line.p, line.len, 0);
	mesh_json_object(&j);
	while (mesh_json_member(&j, &name)) {
		bool is_body = mesh_str_eq(name, "body");
		struct mesh_str raw = mesh_json_raw(&j);

		if (is_body)
			body = raw;
	}
	assert_int_equal(mesh_json_done(&j, NULL), MESH_OK);
	return body;
}

static int
setup(void **state)
{
	(void)state;
	mesh_arena_init(&arena, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mesh_arena_release(&arena);
	return 0;
}

static const struct {
	const char *name;
	int version;
	const char *node_key, *disco_key;
	size_t debug_flags;
} stock[] = {
    {"tailscaled-1.80-requests.jsonl", 113, NULL, NULL, 1},
    {"tailscaled-1.92-requests.jsonl", 131, NULL, NULL, 1},
    {"tailscaled-1.102-requests.jsonl", 142,
	"nodekey:445c6bf2f8a05b5e87b157a1bf1f382d439c8ff2b281db1376c75ffdd27832"
	"16",
	"discokey:e5ca68e6d6d8e0822042526bb842f55f9c4cd2099354be9792b6bad64ec8f"
	"53b",
	1},
};

/* Register, lite update, streaming map: one of each in a file. */
static void
test_stock_requests(void **state)
{
	char text[MESH_KEY_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(stock); i++) {
		struct mesh_str all = load(stock[i].name), body;
		struct mesh_register_request reg;
		struct mesh_map_request lite, map;
		struct mesh_diag diag = {0};

		body = body_of(mesh_str_cut(&all, '\n'));
		assert_int_equal(mesh_register_request_parse(body.p, body.len,
				     &arena, &reg, &diag),
		    MESH_OK);
		assert_int_equal(reg.version, stock[i].version);
		assert_non_null(reg.auth);
		assert_string_equal(reg.auth->auth_key, "hskey-test");
		assert_true(mesh_node_key_is_zero(&reg.old_node_key));
		assert_false(mesh_node_key_is_zero(&reg.node_key));
		assert_true(mesh_wall_is_zero(reg.expiry));
		assert_true(reg.hostinfo.len > 100);
		assert_int_equal(reg.node_key_signature.len, 0);
		assert_string_equal(reg.followup, "");

		body = body_of(mesh_str_cut(&all, '\n'));
		assert_int_equal(mesh_map_request_parse(body.p, body.len,
				     &arena, &lite, &diag),
		    MESH_OK);
		body = body_of(mesh_str_cut(&all, '\n'));
		assert_int_equal(mesh_map_request_parse(body.p, body.len,
				     &arena, &map, &diag),
		    MESH_OK);
		if (lite.stream) { /* in 1.80 the stream comes first */
			struct mesh_map_request first = lite;

			lite = map;
			map = first;
		}
		assert_true(lite.omit_peers && !lite.stream);
		assert_true(map.stream && !map.omit_peers);
		assert_true(map.keep_alive);
		assert_string_equal(map.compress, "zstd");
		assert_int_equal(map.version, stock[i].version);
		assert_true(mesh_node_key_equal(&map.node_key, &reg.node_key));
		assert_true(mesh_disco_key_equal(&map.disco_key,
		    &lite.disco_key));
		assert_int_equal(map.debug_flags.count, stock[i].debug_flags);
		if (stock[i].node_key == NULL)
			continue;
		assert_string_equal(mesh_node_key_format(&map.node_key, text),
		    stock[i].node_key);
		assert_string_equal(mesh_disco_key_format(&map.disco_key,
					text),
		    stock[i].disco_key);
	}
}

/* What we write carries the members of a stock request, in its order. */
static void
test_request_as_stock_writes_it(void **state)
{
	struct mesh_str all = load("tailscaled-1.102-requests.jsonl");
	struct mesh_str body = body_of(mesh_str_cut(&all, '\n'));
	struct mesh_register_request reg;
	struct mesh_map_request map;
	struct mesh_buf out;

	(void)state;
	mesh_buf_init(&out, MESH_CONTROL_BODY_MAX);
	assert_int_equal(mesh_register_request_parse(body.p, body.len, &arena,
			     &reg, NULL),
	    MESH_OK);
	assert_int_equal(mesh_register_request_write(&reg, &out), MESH_OK);
	assert_int_equal(out.len, body.len);
	assert_memory_equal(out.data, body.p, body.len);
	for (int i = 0; i < 2; i++) {
		mesh_buf_clear(&out);
		body = body_of(mesh_str_cut(&all, '\n'));
		assert_int_equal(mesh_map_request_parse(body.p, body.len,
				     &arena, &map, NULL),
		    MESH_OK);
		assert_int_equal(mesh_map_request_write(&map, &out), MESH_OK);
		assert_int_equal(out.len, body.len);
		assert_memory_equal(out.data, body.p, body.len);
	}
	mesh_buf_release(&out);
}

static void
test_smallest_requests(void **state)
{
	static const char reg_text[] =
	    "{\"Version\":131,\"NodeKey\":\"nodekey:"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "\",\"OldNodeKey\":\"nodekey:"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "\",\"NLKey\":\"nlpub:"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "\",\"Expiry\":\"0001-01-01T00:00:00Z\",\"Followup\":\"\","
	    "\"Hostinfo\":null,\"NodeKeySignature\":null}";
	struct mesh_register_request reg = {.version = 131};
	struct mesh_buf out;

	(void)state;
	mesh_buf_init(&out, MESH_CONTROL_BODY_MAX);
	assert_int_equal(mesh_register_request_write(&reg, &out), MESH_OK);
	assert_string_equal(mesh_buf_cstr(&out), reg_text);
	mesh_buf_clear(&out);
	reg.expiry = MESH_REGISTER_LOGOUT;
	assert_int_equal(mesh_register_request_write(&reg, &out), MESH_OK);
	assert_non_null(strstr(mesh_buf_cstr(&out),
	    "\"Expiry\":\"1970-01-01T00:02:03Z\""));
	mesh_buf_release(&out);
}

/* With a time zone, and beside a key: it is a log-out all the same. */
static void
test_logout_with_offset(void **state)
{
	static const char text[] = "{\"Expiry\":\"1970-01-01T01:02:03+01:00\","
				   "\"Auth\":{\"AuthKey\":\"k\"}}";
	struct mesh_register_request reg;

	(void)state;
	assert_int_equal(mesh_register_request_parse(text, strlen(text),
			     &arena, &reg, NULL),
	    MESH_OK);
	assert_int_equal(reg.expiry.sec, 123);
}

static void
test_endpoints(void **state)
{
	static const char text[] =
	    "{\"Endpoints\":[\"192.0.2.10:41641\",\"[2001:db8::7]:5\"],"
	    "\"EndpointTypes\":[2,1]}";
	struct mesh_endpoint ends[2];
	int64_t types[2] = {MESH_ENDPOINT_STUN, MESH_ENDPOINT_LOCAL};
	struct mesh_map_request map, out_map = {0};
	struct mesh_buf out;

	(void)state;
	assert_int_equal(mesh_map_request_parse(text, strlen(text), &arena,
			     &map, NULL),
	    MESH_OK);
	assert_int_equal(map.endpoints.count, 2);
	assert_int_equal(map.endpoint_types.count, 2);
	memcpy(ends, map.endpoints.items, sizeof(ends));
	assert_int_equal(ends[0].port, 41641);
	assert_int_equal(((int64_t *)map.endpoint_types.items)[1],
	    MESH_ENDPOINT_LOCAL);
	out_map.endpoints = (struct mesh_bind_list){ends, 2, true};
	out_map.endpoint_types = (struct mesh_bind_list){types, 2, true};
	mesh_buf_init(&out, MESH_CONTROL_BODY_MAX);
	assert_int_equal(mesh_map_request_write(&out_map, &out), MESH_OK);
	assert_non_null(strstr(mesh_buf_cstr(&out),
	    "\"Endpoints\":[\"192.0.2.10:41641\",\"[2001:db8::7]:5\"],"
	    "\"EndpointTypes\":[2,1]"));
	mesh_buf_release(&out);
}

static void
test_register_response(void **state)
{
	struct mesh_str text = load("headscale-0.29-register-response.json");
	struct mesh_register_response m;
	struct mesh_buf out;

	(void)state;
	assert_int_equal(mesh_register_response_parse(text.p, text.len, &arena,
			     &m, NULL),
	    MESH_OK);
	assert_int_equal(m.user.id, 1);
	assert_string_equal(m.login.login_name, "alice");
	assert_true(m.machine_authorized);
	assert_int_equal(mesh_register_outcome(&m), MESH_REGISTER_DONE);
	mesh_buf_init(&out, 4096);
	assert_int_equal(mesh_register_response_write(&m, &out), MESH_OK);
	assert_string_equal(mesh_buf_cstr(&out),
	    "{\"User\":{\"ID\":1,\"DisplayName\":\"alice\",\"Created\":"
	    "\"2026-11-22T07:24:56.540506618Z\"},\"Login\":{\"ID\":1,"
	    "\"Provider\":\"\",\"LoginName\":\"alice\",\"DisplayName\":"
	    "\"alice\"},\"NodeKeyExpired\":false,\"MachineAuthorized\":true,"
	    "\"AuthURL\":\"\",\"NodeKeySignature\":null,\"Error\":\"\"}");
	mesh_buf_release(&out);
}

static void
test_map_heads(void **state)
{
	struct mesh_str all = load("headscale-0.29-map-stream.jsonl"), line;
	unsigned count = 0, with_node = 0, with_time = 0;

	(void)state;
	while (line = mesh_str_cut(&all, '\n'), line.len > 0) {
		struct mesh_map_head m;

		assert_int_equal(mesh_map_head_parse(line.p, line.len, &arena,
				     &m, NULL),
		    MESH_OK);
		count++;
		with_node += m.node.len > 0;
		with_time += m.control_time.sec > 1700000000;
		assert_false(m.keep_alive);
	}
	assert_true(count > 1);
	assert_in_range(with_node, 1, count - 1);
	assert_int_equal(with_time, count);
}

static void
test_map_head_members(void **state)
{
	static const char text[] =
	    "{\"MapSessionHandle\":\"h\",\"Seq\":9007199254740993,"
	    "\"PingRequest\":{\"URL\":\"https://x/y\",\"URLIsNoise\":true,"
	    "\"Types\":\"c2n\",\"IP\":\"100.64.0.9\",\"Payload\":\"AAAA\"},"
	    "\"PopBrowserURL\":\"https://b\",\"Debug\":{\"SleepSeconds\":1.5,"
	    "\"DisableLogTail\":true,\"Exit\":null},\"Peers\":[{\"ID\":1}],"
	    "\"ControlDialPlan\":null,\"ClientVersion\":{\"a\":1}}";
	struct mesh_map_head m;
	struct mesh_ip ip;

	(void)state;
	assert_int_equal(mesh_map_head_parse(text, strlen(text), &arena, &m,
			     NULL),
	    MESH_OK);
	assert_string_equal(m.map_session_handle, "h");
	assert_true(m.seq == INT64_C(9007199254740993));
	assert_non_null(m.ping);
	assert_true(m.ping->url_is_noise);
	assert_string_equal(m.ping->types, "c2n");
	assert_int_equal(mesh_ip_parse(MESH_STR("100.64.0.9"), &ip), MESH_OK);
	assert_true(mesh_ip_eq(&m.ping->ip, &ip));
	assert_string_equal(m.pop_browser_url, "https://b");
	assert_true(m.debug->sleep_seconds > 1.4);
	assert_true(m.debug->disable_log_tail);
	assert_int_equal(m.debug->exit.len, 0);
	assert_int_equal(m.node.len, 0);
	assert_int_equal(m.control_dial_plan.len, 0);
	assert_true(mesh_str_eq(m.client_version, "{\"a\":1}"));
}

#define KEY_HEX                                                                \
	"1e5f36ea7418137145c9a5236494bbd593a0622737916461d86c3a54a26b6c3d"
#define ZERO_HEX                                                               \
	"0000000000000000000000000000000000000000000000000000000000000000"

static void
test_server_keys(void **state)
{
	static const char text[] = "{\"legacyPublicKey\":\"mkey:" ZERO_HEX
				   "\",\"publicKey\":\"mkey:" KEY_HEX "\"}";
	static const char *const bad[] = {
	    "",
	    "{}",
	    "null",
	    "\"" KEY_HEX "\"",
	    KEY_HEX, /* as servers of long ago answer */
	    "{\"publicKey\":\"mkey:" ZERO_HEX "\"}",
	    "{\"publicKey\":\"nodekey:" KEY_HEX "\"}",
	    "{\"publicKey\":\"mkey:" KEY_HEX "00\"}",
	    "{\"legacyPublicKey\":\"mkey:" KEY_HEX "\"}",
	    "<html></html>",
	};
	struct mesh_server_keys keys;
	struct mesh_diag diag;
	struct mesh_buf out;

	(void)state;
	assert_int_equal(mesh_server_keys_parse(text, strlen(text), &keys,
			     &diag),
	    MESH_OK);
	assert_int_equal(keys.noise.b[0], 0x1e);
	mesh_buf_init(&out, 4096);
	assert_int_equal(mesh_server_keys_write(&keys, &out), MESH_OK);
	assert_string_equal(mesh_buf_cstr(&out), text);
	mesh_buf_release(&out);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		diag.text[0] = 0;
		assert_int_not_equal(mesh_server_keys_parse(bad[i],
					 strlen(bad[i]), &keys, &diag),
		    MESH_OK);
		assert_true(diag.text[0] != 0);
	}
}

/* Every member with a value of another type is refused, with the place. */
static void
test_wrong_types(void **state)
{
	static const char *const members[] = {"Version", "NodeKey", "Auth",
	    "Expiry", "Followup", "Ephemeral", "Compress", "KeepAlive",
	    "DiscoKey", "Stream", "Endpoints", "EndpointTypes", "TKAHead",
	    "OmitPeers", "DebugFlags"};
	static const char *const values[] = {"{\"a\":[]}", "[{}]", "1.5",
	    "\"\\u0000\"", "tru"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			struct mesh_register_request reg;
			struct mesh_map_request map;
			struct mesh_diag diag = {0};
			char text[128];
			int err;

			snprintf(text, sizeof(text), "{\"%s\":%s}", members[i],
			    values[k]);
			err = mesh_register_request_parse(text, strlen(text),
			    &arena, &reg, &diag);
			if (err == MESH_OK)
				err = mesh_map_request_parse(text,
				    strlen(text), &arena, &map, &diag);
			if (err == MESH_OK && strcmp(members[i], "Auth") == 0)
				continue; /* {"a":[]} is an Auth without key */
			assert_int_equal(err, MESH_ERR_FORMAT);
			assert_non_null(strstr(diag.text, "line 1"));
		}
}

static void
test_too_many(void **state)
{
	struct mesh_map_request map;
	struct mesh_buf b;

	(void)state;
	mesh_buf_init(&b, 1 << 20);
	mesh_buf_add_str(&b, "{\"EndpointTypes\":[0");
	for (unsigned i = 1; i < MESH_CONTROL_ENDPOINTS_MAX; i++)
		mesh_buf_add_str(&b, ",0");
	mesh_buf_add_str(&b, "]}");
	assert_int_equal(mesh_map_request_parse((char *)b.data, b.len, &arena,
			     &map, NULL),
	    MESH_OK);
	mesh_buf_truncate(&b, b.len - 2);
	mesh_buf_add_str(&b, ",0]}");
	assert_int_equal(mesh_map_request_parse((char *)b.data, b.len, &arena,
			     &map, NULL),
	    MESH_ERR_LIMIT);
	mesh_buf_release(&b);
}

/* Cut anywhere, a message is refused, and nothing is written. */
static void
test_cut(void **state)
{
	struct mesh_str text = load("headscale-0.29-register-response.json");
	struct mesh_register_response m, before;

	(void)state;
	text = mesh_str_trim(text);
	memset(&m, 0x55, sizeof(m));
	memset(&before, 0x55, sizeof(before));
	for (size_t len = 0; len < text.len; len++) {
		assert_int_equal(mesh_register_response_parse(text.p, len,
				     &arena, &m, NULL),
		    MESH_ERR_FORMAT);
		assert_memory_equal(&m, &before, sizeof(m));
	}
}

static void
test_does_not_fit(void **state)
{
	struct mesh_register_request reg = {.version = 1};
	struct mesh_buf out;

	(void)state;
	mesh_buf_init(&out, 100);
	mesh_buf_add_str(&out, "x");
	assert_int_equal(mesh_register_request_write(&reg, &out),
	    MESH_ERR_LIMIT);
	assert_int_equal(out.len, 1);
	mesh_buf_release(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_stock_requests),
	    TEST(test_request_as_stock_writes_it),
	    TEST(test_smallest_requests),
	    TEST(test_logout_with_offset),
	    TEST(test_endpoints),
	    TEST(test_register_response),
	    TEST(test_map_heads),
	    TEST(test_map_head_members),
	    TEST(test_server_keys),
	    TEST(test_wrong_types),
	    TEST(test_too_many),
	    TEST(test_cut),
	    TEST(test_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
