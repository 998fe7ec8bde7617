/* SPDX-License-Identifier: ISC
 * The server session under clients that ask too much, read too slowly or leave;
 * what it answers, and what it refuses. */
#include "control_pair.h"

#include <stdlib.h>

#include "control/record.h"

static struct pair pair;

static void
begin(void (*on_request)(struct pair *,
    const struct mesh_control_server_event *))
{
	pair = (struct pair){.on_request = on_request, .now = {MESH_HOUR}};
	assert_int_equal(pair_begin(&pair, 0), MESH_OK);
}

static int
ask(const char *method, const char *path, struct mesh_str body)
{
	struct mesh_control_request req = {.method = method, .path = path,
	    .body = body};

	return mesh_control_client_request(pair.client, &req, pair.now, NULL);
}

/* Raw records from the client's side, with its key. */
static void
send_raw(const void *p, size_t len)
{
	struct mesh_record_tx tx;
	uint8_t frame[MESH_RECORD_MAX];
	uint8_t key[32];

	test_unhex("97bb1ff1b3c0030ed1e8f7d54ad3728ad885ba618751ae88d5a752c3c5f"
		   "31027",
	    key, sizeof(key));
	mesh_record_tx_init(&tx, key);
	memcpy(frame + MESH_RECORD_HEAD, p, len);
	assert_int_equal(mesh_record_seal(&tx, NULL, frame, len), MESH_OK);
	pair_to_server(&pair, frame, len + MESH_RECORD_OVERHEAD);
}

/* The server with the keys and the initiation of the vectors. */
static void
begin_raw(void)
{
	uint8_t random[MESH_CONTROL_SERVER_RANDOM], init[101];

	pair = (struct pair){.on_request = pair_serve, .now = {MESH_HOUR}};
	test_unhex("101111111111111111111111111111111111111111111111111111111"
		   "1111151",
	    pair.server_secret.b, 32);
	pair.server_cfg.key = mesh_machine_public(&pair.server_secret);
	memset(random, 0x44, sizeof(random));
	random[0] = 0x40;
	test_unhex("00910100607b0d47d93427f8311160781c7c733fd89f88970aef490d8a"
		   "a0ee19a4cb8a1b14b903b541e3810f9a9f788541f1d8f2ec482568e39b"
		   "9f0f56a9f4a7a56450f31a9dc60bcb4e75254359f9460a6bc3abd2a01b"
		   "3a2deff662afe0b9497becb6a113",
	    init, sizeof(init));
	assert_int_equal(mesh_control_server_new(&pair.server_cfg, init,
			     sizeof(init), random, pair.now, &pair.server),
	    MESH_OK);
	pair_drain_server(&pair);
	assert_non_null(strstr(pair.server_log, "version 145"));
}

static size_t
take_output(void)
{
	return mesh_control_server_output(pair.server, pair.down.data, 65536,
	    pair.now);
}

/* --- what a request looks like, and its answer */

static struct mesh_control_server_event seen;
static char seen_body[64];

static void
echo(struct pair *p, const struct mesh_control_server_event *ev)
{
	seen = *ev;
	(void)mesh_str_copy(ev->body, seen_body, sizeof(seen_body));
	assert_int_equal(mesh_control_server_respond(p->server, ev->stream,
			     404, "text/plain", ev->body),
	    MESH_OK);
	assert_int_equal(mesh_control_server_respond(p->server, ev->stream,
			     404, "text/plain", ev->body),
	    MESH_ERR_STATE);
	assert_int_equal(mesh_control_server_open(p->server, ev->stream, true,
			     true, p->now),
	    MESH_ERR_STATE);
	assert_int_equal(mesh_control_server_end(p->server, ev->stream),
	    MESH_ERR_STATE);
}

static void
test_request_and_answer(void **state)
{
	(void)state;
	begin(echo);
	assert_int_equal(ask("POST", "/machine/x?a=b", MESH_STR("hello")),
	    MESH_OK);
	pair_run(&pair);
	assert_string_equal(seen_body, "hello");
	assert_string_equal(pair.client_log,
	    "ready\nresponse REFUSED 404 hello\n");
	assert_non_null(strstr(pair.server_log, "POST /machine/x?a=b\n"));
	assert_int_equal(mesh_control_server_queued(pair.server), 0);
	pair_end(&pair);
}

/* Tailnet lock asks by GET with a body (control.md 4.12); HEAD gets none. */
static void
test_get_with_body_and_head(void **state)
{
	(void)state;
	begin(echo);
	assert_int_equal(ask("GET", "/machine/tka/bootstrap", MESH_STR("{}")),
	    MESH_OK);
	pair_run(&pair);
	assert_string_equal(seen_body, "{}");
	assert_int_equal(ask("HEAD", "/x", MESH_STR("body")), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "ready\nresponse REFUSED 404 {}\nresponse REFUSED 404 \n");
	pair_end(&pair);
}

static void
no_content(struct pair *p, const struct mesh_control_server_event *ev)
{
	assert_int_equal(mesh_control_server_respond(p->server, ev->stream,
			     204, "text/plain", MESH_STR("")),
	    MESH_OK);
}

static void
test_no_content(void **state)
{
	(void)state;
	begin(no_content);
	assert_int_equal(ask("POST", "/x", MESH_STR("{}")), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "ready\nresponse REFUSED 204 \n");
	pair_end(&pair);
}

static void
test_answers_to_nobody(void **state)
{
	struct mesh_blob *b = mesh_blob_new("x", 1);

	(void)state;
	begin(echo);
	pair_run(&pair);
	assert_int_equal(mesh_control_server_respond(pair.server, 1, 200, NULL,
			     (struct mesh_str){0}),
	    MESH_ERR_NOTFOUND);
	assert_int_equal(mesh_control_server_open(pair.server, -1, true, true,
			     pair.now),
	    MESH_ERR_NOTFOUND);
	assert_int_equal(mesh_control_server_push(pair.server, 0, b, pair.now),
	    MESH_ERR_NOTFOUND);
	assert_int_equal(mesh_control_server_end(pair.server, 7),
	    MESH_ERR_NOTFOUND);
	assert_int_equal(mesh_control_server_dh(pair.server, NULL, pair.now),
	    MESH_ERR_STATE);
	mesh_blob_unref(b);
	pair_end(&pair);
}

/* --- limits */

static void
test_body_limit(void **state)
{
	char *big = calloc(1, MESH_CONTROL_REQUEST_MAX);

	(void)state;
	memset(big, 'x', MESH_CONTROL_REQUEST_MAX);
	begin(pair_serve);
	assert_int_equal(ask("POST", "/x",
			     (struct mesh_str){big, MESH_CONTROL_REQUEST_MAX}),
	    MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log, "ready\nresponse OK 200 \n");
	pair_end(&pair);

	begin(pair_serve);
	pair.server_cfg.request_max = 1000;
	assert_int_equal(ask("POST", "/x", (struct mesh_str){big, 1001}),
	    MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "ready\nresponse REFUSED 413 request body too large\n\n");
	/* The session lives on, and others are unharmed. */
	assert_int_equal(ask("POST", "/x", (struct mesh_str){big, 1000}),
	    MESH_OK);
	pair_run(&pair);
	assert_non_null(strstr(pair.client_log, "response OK 200"));
	pair_end(&pair);
	free(big);
}

/* The limit holds for all bodies of a session together. */
static void
test_bodies_share_the_limit(void **state)
{
	char body[600];

	(void)state;
	memset(body, 'x', sizeof(body));
	begin(pair_serve);
	pair.server_cfg.request_max = 1000;
	pair.chunk = 700; /* both bodies are under way at a time */
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask("POST", "/x",
				     (struct mesh_str){body, sizeof(body)}),
		    MESH_OK);
	pair_run(&pair);
	assert_non_null(strstr(pair.client_log, "response OK 200"));
	assert_non_null(strstr(pair.client_log, "response REFUSED 413"));
	pair_end(&pair);
}

static void
test_path_and_method_limits(void **state)
{
	char path[MESH_CONTROL_PATH_MAX + 2];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[MESH_CONTROL_PATH_MAX] = 0;
	begin(pair_serve);
	assert_int_equal(ask("POST", path, (struct mesh_str){0}), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log, "ready\nresponse OK 200 \n");
	pair.client_log[0] = 0;
	path[MESH_CONTROL_PATH_MAX] = 'a';
	path[MESH_CONTROL_PATH_MAX + 1] = 0;
	assert_int_equal(ask("POST", path, (struct mesh_str){0}), MESH_OK);
	assert_int_equal(ask("PROPFIND", "/x", (struct mesh_str){0}), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "response CLOSED 0 \nresponse CLOSED 0 \n");
	assert_false(pair.server_closed);
	pair_end(&pair);
}

static void
ignore(struct pair *p, const struct mesh_control_server_event *ev)
{
	(void)p, (void)ev;
}

static void
test_requests_at_a_time(void **state)
{
	(void)state;
	begin(ignore);
	for (unsigned i = 0; i < MESH_CONTROL_REQUESTS_MAX; i++)
		assert_int_equal(ask("POST", "/x", MESH_STR("y")), MESH_OK);
	assert_int_equal(ask("POST", "/x", MESH_STR("y")), MESH_ERR_LIMIT);
	pair_run(&pair);
	assert_false(pair.server_closed);
	pair_end(&pair);
}

/* --- map streams */

static int32_t stream_id;

static void
open_only(struct pair *p, const struct mesh_control_server_event *ev)
{
	stream_id = ev->stream;
	assert_int_equal(mesh_control_server_open(p->server, ev->stream, false,
			     true, p->now),
	    MESH_OK);
}

static void
begin_stream(size_t queue_max)
{
	begin(open_only);
	pair.server_cfg.queue_max = queue_max;
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair_run(&pair);
}

static void
test_one_blob_for_many(void **state)
{
	static const char json[] = PAIR_FIRST;
	uint8_t frame[sizeof(json) + 3];
	struct mesh_blob *b;

	(void)state;
	memcpy(frame, (uint8_t[4]){sizeof(json) - 1}, 4);
	memcpy(frame + 4, json, sizeof(json) - 1);
	b = mesh_blob_new(frame, sizeof(frame));
	begin_stream(0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(mesh_control_server_push(pair.server,
				     stream_id, b, pair.now),
		    MESH_OK);
	assert_int_equal(b->refs, 4);
	pair_run(&pair);
	assert_int_equal(b->refs, 1);
	assert_string_equal(pair.client_log,
	    "ready\nmap " PAIR_FIRST "\nmap " PAIR_FIRST "\nmap " PAIR_FIRST
	    "\n");
	pair_end(&pair);
	mesh_blob_unref(b);
	mesh_blob_unref(NULL);
}

/* References of a session that ends in the middle are given back. */
static void
test_references_at_the_end(void **state)
{
	struct mesh_blob *b = mesh_blob_new("1234", 4);

	(void)state;
	begin_stream(0);
	pair.client_reads = false;
	for (int i = 0; i < 3; i++)
		assert_int_equal(mesh_control_server_push(pair.server,
				     stream_id, b, pair.now),
		    MESH_OK);
	assert_int_equal(mesh_control_server_queued(pair.server), 12);
	pair_end(&pair);
	assert_int_equal(b->refs, 1);
	mesh_blob_unref(b);
}

/* A first map that is larger than the queue goes out; what waits behind it is
 * limited; then the session closes. */
static void
test_slow_reader(void **state)
{
	char *large = calloc(1, 20000);
	struct mesh_blob *first, *more = mesh_blob_new("0123456789", 10);

	(void)state;
	memset(large, 'x', 20000);
	first = mesh_blob_new(large, 20000);
	begin_stream(1000);
	pair.client_reads = false;
	assert_int_equal(mesh_control_server_push(pair.server, stream_id,
			     first, pair.now),
	    MESH_OK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(mesh_control_server_push(pair.server,
				     stream_id, more, pair.now),
		    MESH_OK);
	assert_int_equal(mesh_control_server_push(pair.server, stream_id, more,
			     pair.now),
	    MESH_ERR_LIMIT);
	pair_drain_server(&pair);
	assert_non_null(strstr(pair.server_log,
	    "closed LIMIT: node reads too slowly: 21000 bytes wait\n"));
	assert_false(mesh_control_server_wants_write(pair.server));
	assert_int_equal(mesh_control_server_push(pair.server, stream_id, more,
			     pair.now),
	    MESH_ERR_NOTFOUND);
	pair_end(&pair);
	assert_int_equal(first->refs, 1);
	assert_int_equal(more->refs, 1);
	mesh_blob_unref(first);
	mesh_blob_unref(more);
	free(large);
}

/* The client's window is full: the server waits, and answers others meanwhile.
 */
static void
test_windows_are_respected(void **state)
{
	size_t len = 3u << 20;
	char *json = malloc(len);

	(void)state;
	memset(json, ' ', len);
	memcpy(json, "{\"Node\":{},\"x\":\"", 16);
	memset(json + 16, 'x', len - 18);
	memcpy(json + len - 2, "\"}", 2);
	begin_stream(8u << 20);
	pair.on_request = pair_serve;
	assert_int_equal(pair_push(&pair, stream_id, json, len), MESH_OK);
	/* Collect without draining the client: its window stops the server. */
	for (int i = 0; i < 1000; i++) {
		pair_collect(&pair);
		if (pair.down.len > 0) {
			(void)mesh_control_client_input(pair.client,
			    pair.down.data, pair.down.len, pair.now);
			pair.down.len = 0;
		}
		(void)pair_deliver(&pair, &pair.up, pair_to_server);
	}
	assert_in_range(mesh_control_server_queued(pair.server), len - (1 << 20),
	    len - (200 << 10));
	/* A lite update goes past the stream that is stuck. */
	assert_int_equal(pair_map(&pair, false, false, NULL), MESH_OK);
	pair_run(&pair);
	assert_int_equal(mesh_control_server_queued(pair.server), 0);
	assert_non_null(strstr(pair.client_log, "response OK 200"));
	assert_non_null(strstr(pair.client_log, "map {\"Node\":{}"));
	pair_end(&pair);
	free(json);
}

static void
test_client_goes(void **state)
{
	uint32_t id;

	(void)state;
	begin(open_only);
	assert_int_equal(pair_map(&pair, true, false, &id), MESH_OK);
	pair_run(&pair);
	mesh_control_client_cancel(pair.client, id);
	pair_run(&pair);
	assert_non_null(strstr(pair.server_log, "gone 1\n"));
	assert_string_equal(pair.client_log, "ready\n");
	assert_int_equal(mesh_control_server_end(pair.server, stream_id),
	    MESH_ERR_NOTFOUND);
	/* A new stream takes the place of the old one by itself. */
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair_run(&pair);
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair_run(&pair);
	assert_non_null(strstr(pair.server_log, "gone 3\n"));
	assert_null(strstr(pair.server_log, "gone 5\n"));
	assert_null(strstr(pair.client_log, "end"));
	pair_end(&pair);
}

/* A connection that asks for nothing, and one that never ends its body. */
static void
test_idle_and_slow(void **state)
{
	/* Preface, SETTINGS, HEADERS: GET http://a/ without END_STREAM. */
	static const char bytes[] =
	    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
	    "\0\0\6\1\4\0\0\0\1\x82\x86\x84\1\1a";

	(void)state;
	begin(pair_serve);
	pair_run(&pair);
	pair_tick(&pair, MESH_CONTROL_IDLE_NS - 1);
	assert_false(pair.server_closed);
	pair_tick(&pair, 1);
	assert_non_null(strstr(pair.server_log,
	    "closed TIMEOUT: client asks for nothing\n"));
	assert_true(pair.client_closed);
	pair_end(&pair);

	begin_raw();
	send_raw(bytes, sizeof(bytes) - 1);
	(void)take_output();
	assert_int_equal(mesh_control_server_deadline(pair.server).ns,
	    pair.now.ns + MESH_CONTROL_BODY_NS);
	pair.now = mesh_time_add(pair.now, MESH_CONTROL_BODY_NS);
	mesh_control_server_tick(pair.server, pair.now);
	assert_true(take_output() > 0); /* RST_STREAM */
	assert_int_equal(mesh_control_server_deadline(pair.server).ns,
	    pair.now.ns + MESH_CONTROL_IDLE_NS);
	assert_null(strstr(pair.server_log, "GET"));
	pair_end(&pair);
}

/* Cancelled before it was told: nobody hears of it. */
static void
test_cancelled_at_once(void **state)
{
	uint32_t id;

	(void)state;
	begin(open_only);
	assert_int_equal(pair_map(&pair, true, false, &id), MESH_OK);
	mesh_control_client_cancel(pair.client, id);
	mesh_control_client_cancel(pair.client, id);
	mesh_control_client_cancel(pair.client, 12345);
	pair_run(&pair);
	assert_null(strstr(pair.server_log, "/machine/map"));
	assert_null(strstr(pair.server_log, "gone"));
	pair_end(&pair);
}

/* --- bytes that are no HTTP/2 */

static void
test_handshake_bytes(void **state)
{
	static const char head[] =
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: tailscale-control-protocol\r\n"
	    "Connection: upgrade\r\n\r\n";
	uint8_t response[51];

	(void)state;
	begin_raw();
	/* All in one write: 101, response, early payload, SETTINGS. */
	assert_in_range(take_output(), sizeof(head) - 1 + 51 + 123 + 30, 400);
	assert_memory_equal(pair.down.data, head, sizeof(head) - 1);
	test_unhex("020030ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419"
		   "731c1fff3e6bb724869747b9edde7346ebd00e8c83be",
	    response, sizeof(response));
	assert_memory_equal(pair.down.data + sizeof(head) - 1, response, 51);
	assert_int_equal(pair.down.data[sizeof(head) - 1 + 51], 4);
	pair_end(&pair);
}

static void
test_not_http2(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
	    /* HEADERS where SETTINGS are due. */
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\1\0\0\0\0\0", 33},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin_raw();
		(void)take_output();
		send_raw(cases[i].text, cases[i].len);
		(void)take_output(); /* GOAWAY */
		pair_drain_server(&pair);
		assert_true(pair.server_closed);
		assert_false(mesh_control_server_wants_write(pair.server));
		pair_end(&pair);
	}
}

static void
test_bytes_too_early(void **state)
{
	uint8_t random[MESH_CONTROL_SERVER_RANDOM] = {1}, init[101] = {0};

	(void)state;
	pair = (struct pair){.on_request = pair_serve, .now = {MESH_HOUR}};
	init[1] = 145;
	init[2] = 1;
	init[4] = 96;
	assert_int_equal(mesh_control_server_new(&pair.server_cfg, init,
			     sizeof(init), random, pair.now, &pair.server),
	    MESH_OK);
	assert_int_equal(take_output(), 0); /* held back for the handshake */
	assert_int_equal(mesh_control_server_input(pair.server, "x", 1,
			     pair.now),
	    MESH_ERR_PROTO);
	pair_end(&pair);
}

static void
test_malformed_initiation(void **state)
{
	static const uint8_t answer[] = "\x03\x00\x2c"
					"handshake initiation of 7 bytes, not "
					"101";
	uint8_t random[MESH_CONTROL_SERVER_RANDOM] = {1};
	size_t n;

	(void)state;
	pair = (struct pair){.on_request = pair_serve};
	assert_int_equal(mesh_control_server_new(&pair.server_cfg,
			     (const uint8_t *)"1234567", 7, random, pair.now,
			     &pair.server),
	    MESH_OK);
	n = take_output();
	assert_true(n > sizeof(answer));
	assert_string_equal(pair.down.data + n - 40, answer + 3);
	pair_drain_server(&pair);
	assert_true(pair.server_closed);
	pair_end(&pair);
}

/* Streams opened and reset by the hundred: the connection ends. */
static void
test_rapid_reset(void **state)
{
	uint8_t bytes[4000];
	size_t len = 0, frames = 0;

	(void)state;
	begin_raw();
	memcpy(bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
	len = 33;
	for (uint8_t id = 1; id < 251; id += 2, frames++) {
		/* HEADERS: GET http://a/, END_HEADERS; RST_STREAM. */
		uint8_t both[] = {0, 0, 6, 1, 4, 0, 0, 0, id, 0x82, 0x86, 0x84,
		    1, 1, 'a', 0, 0, 4, 3, 0, 0, 0, 0, id, 0, 0, 0, 8};

		if (len + sizeof(both) > sizeof(bytes))
			break;
		memcpy(bytes + len, both, sizeof(both));
		len += sizeof(both);
	}
	assert_true(frames > 110);
	send_raw(bytes, len);
	(void)take_output();
	pair_drain_server(&pair);
	assert_true(pair.server_closed);
	assert_null(strstr(pair.server_log, "GET"));
	pair_end(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request_and_answer),
	    cmocka_unit_test(test_get_with_body_and_head),
	    cmocka_unit_test(test_answers_to_nobody),
	    cmocka_unit_test(test_body_limit),
	    cmocka_unit_test(test_bodies_share_the_limit),
	    cmocka_unit_test(test_path_and_method_limits),
	    cmocka_unit_test(test_requests_at_a_time),
	    cmocka_unit_test(test_one_blob_for_many),
	    cmocka_unit_test(test_references_at_the_end),
	    cmocka_unit_test(test_slow_reader),
	    cmocka_unit_test(test_windows_are_respected),
	    cmocka_unit_test(test_client_goes),
	    cmocka_unit_test(test_cancelled_at_once),
	    cmocka_unit_test(test_idle_and_slow),
	    cmocka_unit_test(test_no_content),
	    cmocka_unit_test(test_handshake_bytes),
	    cmocka_unit_test(test_not_http2),
	    cmocka_unit_test(test_bytes_too_early),
	    cmocka_unit_test(test_malformed_initiation),
	    cmocka_unit_test(test_rapid_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
