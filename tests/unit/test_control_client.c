/* SPDX-License-Identifier: ISC
 * The client session and what servers may answer: outcomes of a register, maps
 * good and bad, pings, refusals, and servers that are none. */
#include "control_pair.h"

#include <stdlib.h>

#include "control/record.h"

static struct pair pair;

/* What the server answers to everything. */
static struct {
	int status;
	const char *body;
	size_t len; /* 0: strlen(body) */
} answer;

static void
answer_all(struct pair *p, const struct mesh_control_server_event *ev)
{
	size_t len = answer.len ? answer.len : strlen(answer.body);

	(void)mesh_control_server_respond(p->server, ev->stream,
	    answer.status, NULL, (struct mesh_str){answer.body, len});
}

static void
begin(void (*on_request)(struct pair *,
    const struct mesh_control_server_event *))
{
	pair = (struct pair){.on_request = on_request, .now = {MESH_HOUR}};
	assert_int_equal(pair_begin(&pair, 0), MESH_OK);
}

/* --- register */

static enum mesh_register_outcome outcome;
static char outcome_text[128];

static void
note_outcome(struct pair *p, const struct mesh_control_client_event *ev)
{
	(void)p;
	if (ev->kind != MESH_CONTROL_REGISTER || ev->err != MESH_OK)
		return;
	outcome = ev->outcome;
	snprintf(outcome_text, sizeof(outcome_text), "%s",
	    outcome == MESH_REGISTER_AUTH_URL      ? ev->reg->auth_url
		: outcome == MESH_REGISTER_REFUSED ? ev->reg->error
						   : "");
}

static void
test_register_outcomes(void **state)
{
	static const struct {
		const char *body;
		enum mesh_register_outcome outcome;
		const char *text;
	} cases[] = {
	    {PAIR_REGISTERED, MESH_REGISTER_DONE, ""},
	    {"{}", MESH_REGISTER_DONE, ""},
	    {"{\"AuthURL\":\"http://x/register/1\"}", MESH_REGISTER_AUTH_URL,
		"http://x/register/1"},
	    {"{\"NodeKeyExpired\":true,\"AuthURL\":\"http://x\"}",
		MESH_REGISTER_EXPIRED, ""},
	    {"{\"NodeKeySignature\":\"AAAA\",\"NodeKeyExpired\":true}",
		MESH_REGISTER_RESIGN, ""},
	    {"{\"Error\":\"no\",\"NodeKeySignature\":\"AAAA\"}",
		MESH_REGISTER_REFUSED, "no"},
	    {"{\"NodeKeySignature\":null,\"Error\":\"\",\"AuthURL\":\"\"}",
		MESH_REGISTER_DONE, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(answer_all);
		pair.on_client = note_outcome;
		answer.status = 200;
		answer.body = cases[i].body;
		outcome = (enum mesh_register_outcome)99;
		assert_int_equal(pair_register(&pair), MESH_OK);
		pair_run(&pair);
		assert_int_equal(outcome, cases[i].outcome);
		assert_string_equal(outcome_text, cases[i].text);
		pair_end(&pair);
	}
}

static void
test_register_refused(void **state)
{
	static const struct {
		int status;
		const char *body, *log;
	} cases[] = {
	    {400, "client too old", "ready\nregister REFUSED 400 -\n"},
	    {429, "slow down", "ready\nregister REFUSED 429 -\n"},
	    {200, "<html>", "ready\nregister FORMAT 200 -\n"},
	    {200, "", "ready\nregister FORMAT 200 -\n"},
	    {200, "{\"Error\":7}", "ready\nregister FORMAT 200 -\n"},
	    {200, "{\"Error\":\"x\"", "ready\nregister FORMAT 200 -\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(answer_all);
		answer.status = cases[i].status;
		answer.body = cases[i].body;
		assert_int_equal(pair_register(&pair), MESH_OK);
		pair_run(&pair);
		assert_string_equal(pair.client_log, cases[i].log);
		if (answer.status == 200)
			assert_true(pair.last.diag.text[0] != 0);
		pair_end(&pair);
	}
}

static void
test_answer_too_long(void **state)
{
	char *big = calloc(1, MESH_CONTROL_BODY_MAX + 1);

	(void)state;
	memset(big, ' ', MESH_CONTROL_BODY_MAX + 1);
	begin(answer_all);
	answer.status = 200;
	answer.body = big;
	answer.len = MESH_CONTROL_BODY_MAX + 1;
	assert_int_equal(pair_register(&pair), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "ready\nregister LIMIT 200 -\n");
	pair_end(&pair);
	/* A refusal is cut instead: its beginning is worth showing. */
	begin(answer_all);
	answer.status = 500;
	assert_int_equal(pair_register(&pair), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "ready\nregister REFUSED 500 -\n");
	assert_in_range(pair.last.text.len, 1, 4096);
	pair_end(&pair);
	answer.len = 0;
	free(big);
}

static void
test_request_too_long(void **state)
{
	char *big = calloc(1, MESH_CONTROL_BODY_MAX + 2);
	struct mesh_control_request req = {"POST", "/x", NULL,
	    {big, MESH_CONTROL_BODY_MAX + 1}};
	struct mesh_map_request map = {0};

	(void)state;
	memset(big, '1', MESH_CONTROL_BODY_MAX + 1);
	begin(answer_all);
	assert_int_equal(mesh_control_client_request(pair.client, &req,
			     pair.now, NULL),
	    MESH_ERR_LIMIT);
	map.hostinfo = req.body;
	assert_int_equal(mesh_control_client_map(pair.client, &map, pair.now,
			     NULL),
	    MESH_ERR_LIMIT);
	pair_end(&pair);
	free(big);
}

/* --- maps */

static const char *map_json;
static bool map_zstd;

static void
stream_one(struct pair *p, const struct mesh_control_server_event *ev)
{
	struct mesh_frame_writer *w = mesh_frame_writer_new();
	struct mesh_blob *b;
	struct mesh_buf frame;

	if (!mesh_str_eq(ev->path, "/machine/map")) {
		(void)mesh_control_server_respond(p->server, ev->stream, 204,
		    NULL, (struct mesh_str){0});
		mesh_frame_writer_free(w);
		return;
	}
	mesh_buf_init(&frame, 1 << 20);
	assert_int_equal(mesh_frame_writer_add(w, map_json, strlen(map_json),
			     map_zstd, &frame),
	    MESH_OK);
	b = mesh_blob_new(frame.data, frame.len);
	assert_int_equal(mesh_control_server_open(p->server, ev->stream,
			     map_zstd, true, p->now),
	    MESH_OK);
	assert_int_equal(mesh_control_server_push(p->server, ev->stream, b,
			     p->now),
	    MESH_OK);
	mesh_blob_unref(b);
	mesh_buf_release(&frame);
	mesh_frame_writer_free(w);
}

static void
poll_one(const char *json, bool zstd)
{
	begin(stream_one);
	map_json = json;
	map_zstd = zstd;
	assert_int_equal(pair_map(&pair, true, zstd, NULL), MESH_OK);
	pair_run(&pair);
}

static void
test_map_zstd(void **state)
{
	(void)state;
	poll_one(PAIR_FIRST, true);
	assert_string_equal(pair.client_log, "ready\nmap " PAIR_FIRST "\n");
	/* The server's own keep-alive is zstd, too. */
	pair_tick(&pair, 59 * MESH_SEC);
	assert_string_equal(pair.client_log,
	    "ready\nmap " PAIR_FIRST "\nkeepalive\n");
	pair_end(&pair);
}

static void
test_map_refused(void **state)
{
	static const struct {
		const char *json, *log, *diag;
	} cases[] = {
	    {"{\"Domain\":\"x\"}", "ready\nend FORMAT 200\n",
		"first map message has no Node"},
	    {"{\"Node\":null}", "ready\nend FORMAT 200\n",
		"first map message has no Node"},
	    {"{\"Node\":{}", "ready\nend FORMAT 200\n", NULL},
	    {"[]", "ready\nend FORMAT 200\n", NULL},
	    {"{\"Node\":{}} {}", "ready\nend FORMAT 200\n", NULL},
	    {"{\"Seq\":\"1\"}", "ready\nend FORMAT 200\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		poll_one(cases[i].json, false);
		assert_string_equal(pair.client_log, cases[i].log);
		if (cases[i].diag != NULL)
			assert_string_equal(pair.last.diag.text,
			    cases[i].diag);
		/* The stream is over at the server, too. */
		assert_non_null(strstr(pair.server_log, "gone 1\n"));
		assert_false(pair.client_closed);
		pair_end(&pair);
	}
}

static void
test_keepalive_may_come_first(void **state)
{
	(void)state;
	poll_one("{\"KeepAlive\":true,\"ControlTime\":"
		 "\"2026-11-22T10:00:00Z\"}",
	    false);
	assert_string_equal(pair.client_log, "ready\nkeepalive\n");
	assert_false(pair.client_closed);
	pair_end(&pair);
}

static void
test_map_status(void **state)
{
	(void)state;
	begin(answer_all);
	answer.status = 404;
	answer.body = "unknown node";
	assert_int_equal(pair_map(&pair, true, true, NULL), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log, "ready\nend REFUSED 404\n");
	pair_end(&pair);
	/* 200, and nothing: what headscale says to a request of no kind. */
	begin(pair_serve);
	pair.on_request = answer_all;
	answer.status = 200;
	answer.body = "";
	assert_int_equal(pair_map(&pair, true, true, NULL), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log, "ready\nend CLOSED 200\n");
	assert_string_equal(pair.last.diag.text,
	    "server ended the map stream");
	pair_end(&pair);
	/* A frame that is cut. */
	begin(answer_all);
	answer.body = "\x10\0\0\0{\"Node";
	answer.len = 10;
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log, "ready\nend CLOSED 200\n");
	assert_string_equal(pair.last.diag.text,
	    "server ended the map stream within a message");
	answer.len = 0;
	pair_end(&pair);
}

/* --- pings */

static char ping_answer[512];

static void
stream_ping(struct pair *p, const struct mesh_control_server_event *ev)
{
	if (!mesh_str_eq(ev->path, "/machine/map"))
		(void)mesh_str_copy(ev->body, ping_answer,
		    sizeof(ping_answer));
	stream_one(p, ev);
}

static void
ping_with(const char *json)
{
	begin(stream_ping);
	map_json = json;
	map_zstd = false;
	ping_answer[0] = 0;
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair_run(&pair);
}

#define MACHINE_LOG "connected mkey:0faa684e version 131\nPOST /machine/map\n"

static void
test_ping_c2n_echo(void **state)
{
	(void)state;
	ping_with("{\"Node\":{},\"PingRequest\":{\"URL\":"
		  "\"https://control.example.org/machine/c2n/9f1c\","
		  "\"URLIsNoise\":true,\"Types\":\"c2n\",\"Payload\":"
		  "\"R0VUIC9lY2hvIEhUVFAvMS4xDQpIb3N0OiBub2RlDQoNCg==\"}}");
	assert_string_equal(pair.server_log,
	    MACHINE_LOG "POST /machine/c2n/9f1c\n");
	assert_string_equal(ping_answer,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_null(strstr(pair.client_log, "\nping "));
	/* Its answer is nobody's event, and the request is gone. */
	assert_null(strstr(pair.client_log, "response"));
	pair_end(&pair);
}

static void
test_ping_head(void **state)
{
	(void)state;
	ping_with("{\"Node\":{},\"PingRequest\":{\"URL\":"
		  "\"https://x/machine/ping?id=1\",\"URLIsNoise\":true}}");
	assert_string_equal(pair.server_log,
	    MACHINE_LOG "HEAD /machine/ping?id=1\n");
	assert_null(strstr(pair.client_log, "\nping "));
	pair_end(&pair);
	ping_with("{\"KeepAlive\":true,\"PingRequest\":{\"URL\":"
		  "\"https://x/machine/ping-response?id=1\"}}");
	assert_string_equal(pair.client_log,
	    "ready\nkeepalive\nping https://x/machine/ping-response?id=1\n");
	assert_string_equal(pair.server_log, MACHINE_LOG);
	pair_end(&pair);
}

static void
test_ping_types(void **state)
{
	(void)state;
	ping_with("{\"Node\":{},\"PingRequest\":{\"URL\":\"https://x/y\","
		  "\"IP\":\"100.64.0.2\",\"Types\":\"disco,TSMP\"}}");
	assert_non_null(strstr(pair.client_log, "\nping https://x/y\n"));
	assert_string_equal(pair.server_log, MACHINE_LOG);
	/* The same URL again means the same ping. */
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair.client_log[0] = 0;
	pair_run(&pair);
	assert_null(strstr(pair.client_log, "\nping "));
	pair_end(&pair);
}

static void
test_ping_nonsense(void **state)
{
	static const char *const pings[] = {
	    "{\"Node\":{},\"PingRequest\":{}}",
	    "{\"Node\":{},\"PingRequest\":{\"URL\":\"\",\"URLIsNoise\":true}}",
	    "{\"Node\":{},\"PingRequest\":{\"URL\":\"https://x\","
	    "\"URLIsNoise\":true}}",
	    "{\"Node\":{},\"PingRequest\":{\"URL\":\"https://x/a b\","
	    "\"URLIsNoise\":true}}",
	    "{\"Node\":{},\"PingRequest\":{\"URL\":\"https://x/c\","
	    "\"Types\":\"c2n\"}}",
	    "{\"Node\":{},\"PingRequest\":{\"URL\":\"https://x/c\","
	    "\"Types\":\"c2n\",\"Payload\":\"!\"}}",
	    "{\"Node\":{},\"PingRequest\":{\"URL\":\"https://x/c\","
	    "\"Types\":\"c2n\",\"Payload\":\"AAAA\"}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pings); i++) {
		ping_with(pings[i]);
		assert_string_equal(pair.server_log, MACHINE_LOG);
		assert_false(pair.client_closed);
		pair_end(&pair);
	}
}

/* --- servers that are none */

static void
feed(const char *text)
{
	begin(answer_all);
	pair_collect(&pair);
	pair_to_client(&pair, (const uint8_t *)text, strlen(text));
}

static void
test_not_a_control_server(void **state)
{
	static const struct {
		const char *text, *err;
	} cases[] = {
	    {"HTTP/1.1 404 Not Found\r\n\r\n",
		"closed REFUSED: server answered 404 to the upgrade: is it a "
		"control server?\n"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"closed REFUSED: server answered 200 to the upgrade: is it a "
		"control server?\n"},
	    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
		"closed PROTO: server upgraded to another protocol\n"},
	    {"SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"closed PROTO: server does not speak HTTP/1.1: is it a control "
		"server?\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		feed(cases[i].text);
		assert_string_equal(pair.client_log, cases[i].err);
		pair_end(&pair);
	}
}

static void
test_endless_head(void **state)
{
	(void)state;
	feed("HTTP/1.1 101 Switching Protocols\r\n");
	for (int i = 0; i < 2000 && !pair.client_closed; i++)
		pair_to_client(&pair, (const uint8_t *)"A: b\r\n", 6);
	assert_true(pair.client_closed);
	pair_end(&pair);
}

#define UPGRADED                                                               \
	"HTTP/1.1 101 Switching Protocols\r\n"                                 \
	"Upgrade: tailscale-control-protocol\r\nConnection: upgrade\r\n\r\n"

static void
test_bad_handshakes(void **state)
{
	static const struct {
		const uint8_t *bytes;
		size_t len;
		const char *err;
	} cases[] = {
	    {(const uint8_t *)"\x03\x00\x05hello", 8,
		"closed REFUSED: server refused the handshake, it says: "
		"hello\n"},
	    {(const uint8_t *)"\x03\x00\x02\x1b\x07", 5,
		"closed REFUSED: server refused the handshake, it says: "
		"\\x1b\\x07\n"},
	    {(const uint8_t *)"\x03\xff\xff", 3,
		"closed PROTO: malformed handshake response (type 3, 65538 "
		"bytes)\n"},
	    {(const uint8_t *)"\x02\x00\x31", 3,
		"closed PROTO: malformed handshake response (type 2, 52 "
		"bytes)\n"},
	    {(const uint8_t *)"\x04\x00\x30", 3,
		"closed PROTO: malformed handshake response (type 4, 51 "
		"bytes)\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		feed(UPGRADED);
		pair_to_client(&pair, cases[i].bytes, cases[i].len);
		assert_string_equal(pair.client_log, cases[i].err);
		pair_end(&pair);
	}
}

/* With and without early payload, whole or in records of a byte. */
static struct mesh_record_tx server_tx;

static void
send_record(const void *p, size_t len)
{
	uint8_t frame[MESH_RECORD_MAX];

	memcpy(frame + MESH_RECORD_HEAD, p, len);
	assert_int_equal(mesh_record_seal(&server_tx, NULL, frame, len),
	    MESH_OK);
	pair_to_client(&pair, frame, len + MESH_RECORD_OVERHEAD);
}

/* A client that has just got its handshake's answer. */
static void
begin_shaken(void)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN], shared[32];
	uint8_t response[MESH_HANDSHAKE_RESPONSE_LEN], eph[32] = {0x44};
	struct mesh_handshake_keys keys;
	struct mesh_http_head head;
	struct mesh_handshake h;
	struct mesh_diag diag;
	unsigned status;
	size_t len;
	int err = MESH_ERR_AGAIN;

	feed(UPGRADED);
	assert_int_equal(mesh_http_request_parse(pair.up.data, pair.up.len,
			     &head),
	    MESH_OK);
	assert_int_equal(mesh_upgrade_request_check(&head, init, &len, &status,
			     &diag),
	    MESH_OK);
	assert_int_equal(mesh_handshake_accept(&h, init, len,
			     &pair.server_cfg.key, 1, NULL),
	    MESH_OK);
	while (err == MESH_ERR_AGAIN) {
		assert_int_equal(mesh_x25519(shared, pair.server_secret.b,
				     h.point),
		    MESH_OK);
		err = mesh_handshake_dh(&h, shared);
	}
	assert_int_equal(mesh_handshake_reply(&h, eph, response, &keys),
	    MESH_OK);
	mesh_record_tx_init(&server_tx, keys.to_client);
	pair_to_client(&pair, response, sizeof(response));
	assert_string_equal(pair.client_log, "ready\n");
}

static const uint8_t settings[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
static const uint8_t settings_ack[9] = {0, 0, 0, 4, 1, 0, 0, 0, 0};

static void
test_early_payload_forms(void **state)
{
	static const char json[] = "{\"nodeKeyChallenge\":\"chalpub:00\"}";
	uint8_t early[64] = {0xff, 0xff, 0xff, 'T', 'S', 0, 0, 0,
	    sizeof(json) - 1};
	size_t len = 9 + sizeof(json) - 1;

	(void)state;
	memcpy(early + 9, json, sizeof(json) - 1);
	begin_shaken(); /* none */
	send_record(settings, 9);
	send_record(settings_ack, 9);
	assert_string_equal(pair.client_log, "ready\n");
	pair_end(&pair);
	begin_shaken(); /* a byte a record, empty records between */
	for (size_t i = 0; i < len; i++) {
		send_record(early + i, 1);
		send_record("", 0);
	}
	for (size_t i = 0; i < 9; i++)
		send_record(settings + i, 1);
	assert_string_equal(pair.client_log, "ready\n");
	assert_true(mesh_time_is_never(
	    mesh_control_client_deadline(pair.client)));
	pair_end(&pair);
}

static void
test_early_payload_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *err;
	} cases[] = {
	    {"\xff\xff\xffTS\0\0\x40\1", 9,
		"ready\nclosed LIMIT: early payload of 16385 bytes, at most "
		"16384 are taken\n"},
	    {"\xff\xff\xffTS\xff\xff\xff\xff", 9,
		"ready\nclosed LIMIT: early payload of 4294967295 bytes, at "
		"most 16384 are taken\n"},
	    {"\xff\xff\xffTS\0\0\0\2[]", 11, "ready\nclosed FORMAT"},
	    {"\xff\xff\xffTX\0\0\0\2{}", 11, "ready\nclosed"},
	    {"HTTP/1.1 ", 9, "ready\nclosed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin_shaken();
		send_record(cases[i].bytes, cases[i].len);
		pair_collect(&pair);
		send_record(settings, 9);
		assert_int_equal(strncmp(pair.client_log, cases[i].err,
				     strlen(cases[i].err)),
		    0);
		pair_end(&pair);
	}
}

/* A server may not push, nor open streams. */
static void
test_server_push(void **state)
{
	static const uint8_t push[] = {0, 0, 7, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2,
	    0x82, 0x86, 0x84};

	(void)state;
	begin_shaken();
	send_record(settings, 9);
	assert_int_equal(pair_register(&pair), MESH_OK);
	pair_collect(&pair);
	send_record(settings_ack, 9);
	send_record(push, sizeof(push));
	pair_collect(&pair);
	pair_to_client(&pair, NULL, 0);
	assert_true(pair.client_closed);
	pair_end(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_register_outcomes),
	    cmocka_unit_test(test_register_refused),
	    cmocka_unit_test(test_answer_too_long),
	    cmocka_unit_test(test_request_too_long),
	    cmocka_unit_test(test_map_zstd),
	    cmocka_unit_test(test_map_refused),
	    cmocka_unit_test(test_keepalive_may_come_first),
	    cmocka_unit_test(test_map_status),
	    cmocka_unit_test(test_ping_c2n_echo),
	    cmocka_unit_test(test_ping_head),
	    cmocka_unit_test(test_ping_types),
	    cmocka_unit_test(test_ping_nonsense),
	    cmocka_unit_test(test_not_a_control_server),
	    cmocka_unit_test(test_endless_head),
	    cmocka_unit_test(test_bad_handshakes),
	    cmocka_unit_test(test_early_payload_forms),
	    cmocka_unit_test(test_early_payload_refused),
	    cmocka_unit_test(test_server_push),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
