/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "wire/http.h"

static const char upgrade[] = "GET /derp HTTP/1.1\r\n"
			      "Host: relay.example.org\r\n"
			      "User-Agent: Go-http-client/1.1\r\n"
			      "Connection: keep-alive, Upgrade\r\n"
			      "Upgrade: DERP\r\n"
			      "\r\nframes";

static struct mesh_http_head head; /* too big for some stacks under asan */

static int
request(const char *text)
{
	return mesh_http_request_parse(text, strlen(text), &head);
}

static int
response(const char *text)
{
	return mesh_http_response_parse(text, strlen(text), &head);
}

static void
test_upgrade(void **state)
{
	(void)state;
	assert_int_equal(request(upgrade), MESH_OK);
	assert_true(mesh_str_eq(head.method, "GET"));
	assert_true(mesh_str_eq(head.target, "/derp"));
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.field_count, 4);
	assert_string_equal(upgrade + head.len, "frames");
	assert_int_equal(head.body, MESH_HTTP_BODY_NONE);
	assert_true(mesh_str_eq(mesh_http_field(&head, "HOST"),
	    "relay.example.org"));
	assert_null(mesh_http_field(&head, "Hos").p);
	assert_true(mesh_http_has_token(&head, "connection", "upgrade"));
	assert_true(mesh_http_has_token(&head, "Connection", "Keep-Alive"));
	assert_false(mesh_http_has_token(&head, "connection", "grade"));
	assert_true(mesh_http_has_token(&head, "upgrade", "derp"));
}

static void
test_more_is_needed(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(upgrade) - sizeof("frames"); cut++)
		assert_int_equal(mesh_http_request_parse(upgrade, cut, &head),
		    MESH_ERR_AGAIN);
}

static void
test_query(void **state)
{
	(void)state;
	assert_int_equal(request("GET /key?v=145&x&y= HTTP/1.1\r\n\r\n"),
	    MESH_OK);
	assert_true(mesh_str_eq(mesh_http_path(&head), "/key"));
	assert_true(mesh_str_eq(mesh_http_query(&head, "v"), "145"));
	assert_non_null(mesh_http_query(&head, "x").p);
	assert_int_equal(mesh_http_query(&head, "y").len, 0);
	assert_null(mesh_http_query(&head, "z").p);
	assert_int_equal(request("GET /key HTTP/1.0\r\n\r\n"), MESH_OK);
	assert_int_equal(head.minor, 0);
	assert_true(mesh_str_eq(mesh_http_path(&head), "/key"));
	assert_null(mesh_http_query(&head, "v").p);
}

static void
test_response(void **state)
{
	(void)state;
	assert_int_equal(response("HTTP/1.1 101 Switching Protocols\r\n"
				  "Upgrade: DERP\r\nDerp-Version: 2\r\n\r\n"),
	    MESH_OK);
	assert_int_equal(head.status, 101);
	assert_true(mesh_str_eq(head.reason, "Switching Protocols"));
	assert_int_equal(head.body, MESH_HTTP_BODY_NONE);
	assert_int_equal(response("HTTP/1.1 200\r\n\r\n"), MESH_OK);
	assert_int_equal(head.body, MESH_HTTP_BODY_CLOSE);
	assert_int_equal(head.reason.len, 0);
	assert_int_equal(
	    response("HTTP/1.0 200 OK\r\nContent-Length:\t12 \r\n\r\n"),
	    MESH_OK);
	assert_int_equal(head.body, MESH_HTTP_BODY_LENGTH);
	assert_int_equal(head.body_len, 12);
	assert_int_equal(
	    response("HTTP/1.1 304 \r\nContent-Length: 12\r\n\r\n"), MESH_OK);
	assert_int_equal(head.body, MESH_HTTP_BODY_NONE);
	assert_int_equal(
	    response("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"),
	    MESH_OK);
	assert_int_equal(head.body, MESH_HTTP_BODY_CHUNKED);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *why, *text;
		int err;
	} rows[] = {
	    {"bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", MESH_ERR_FORMAT},
	    {"bare LF inside", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"bare CR", "GET / HTTP/1.1\r\nA: b\rC\r\n\r\n", MESH_ERR_FORMAT},
	    {"folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"blank before colon", "GET / HTTP/1.1\r\nA : b\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"no colon", "GET / HTTP/1.1\r\nA\r\n\r\n", MESH_ERR_FORMAT},
	    {"empty name", "GET / HTTP/1.1\r\n: b\r\n\r\n", MESH_ERR_FORMAT},
	    {"control character", "GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"no version", "GET /\r\n\r\n", MESH_ERR_FORMAT},
	    {"empty target", "GET  HTTP/1.1\r\n\r\n", MESH_ERR_FORMAT},
	    {"two blanks", "GET  / HTTP/1.1\r\n\r\n", MESH_ERR_FORMAT},
	    {"blank behind", "GET / HTTP/1.1 \r\n\r\n", MESH_ERR_FORMAT},
	    {"odd method", "G@T / HTTP/1.1\r\n\r\n", MESH_ERR_FORMAT},
	    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\n", MESH_ERR_VERSION},
	    {"HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", MESH_ERR_VERSION},
	    {"lower-case http", "GET / http/1.1\r\n\r\n", MESH_ERR_FORMAT},
	    {"a length that is none",
		"GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"negative length", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"length beyond 63 bits",
		"GET / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"two lengths",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: "
		"2\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"length and chunks",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"other coding",
		"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		MESH_ERR_FORMAT},
	    {"empty first line", "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		MESH_ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (request(rows[i].text) != rows[i].err)
			fail_msg("%s: %s", rows[i].why,
			    mesh_strerror(request(rows[i].text)));
	}
	assert_int_equal(response("HTTP/1.1 99 x\r\n\r\n"), MESH_ERR_FORMAT);
	assert_int_equal(response("HTTP/1.1 1000 x\r\n\r\n"), MESH_ERR_FORMAT);
	assert_int_equal(response("HTTP/1.1 +20 x\r\n\r\n"), MESH_ERR_FORMAT);
	assert_int_equal(response("ICY 200 OK\r\n\r\n"), MESH_ERR_FORMAT);
	assert_int_equal(response("HTTP/3.0 200 OK\r\n\r\n"), MESH_ERR_VERSION);
	/* The same length twice is one length. */
	assert_int_equal(request("GET / HTTP/1.1\r\nContent-Length: 1\r\n"
				 "Content-Length: 1\r\n\r\n"),
	    MESH_OK);
}

static void
test_nul(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";

	(void)state;
	assert_int_equal(mesh_http_request_parse(text, sizeof(text) - 1, &head),
	    MESH_ERR_FORMAT);
}

static void
test_limits(void **state)
{
	char text[MESH_HTTP_HEAD_MAX + 64];
	size_t len = 0;

	(void)state;
	/* As many fields as allowed, and one more. */
	for (size_t extra = 0; extra < 2; extra++) {
		len =
		    (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n");
		for (size_t i = 0; i < MESH_HTTP_FIELDS_MAX + extra; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "F%zu: x\r\n", i);
		snprintf(text + len, sizeof(text) - len, "\r\n");
		assert_int_equal(request(text),
		    extra ? MESH_ERR_LIMIT : MESH_OK);
	}
	/* A head as long as allowed, and one byte more. */
	for (size_t extra = 0; extra < 2; extra++) {
		len = (size_t)snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nA: ");
		memset(text + len, 'x', MESH_HTTP_HEAD_MAX + extra - 4 - len);
		memcpy(text + MESH_HTTP_HEAD_MAX + extra - 4, "\r\n\r\n", 5);
		assert_int_equal(request(text),
		    extra ? MESH_ERR_LIMIT : MESH_OK);
	}
	/* No end in sight: refused at the limit, not later. */
	memset(text, 'x', sizeof(text));
	assert_int_equal(mesh_http_request_parse(text, MESH_HTTP_HEAD_MAX - 1,
			     &head),
	    MESH_ERR_AGAIN);
	assert_int_equal(mesh_http_request_parse(text, MESH_HTTP_HEAD_MAX,
			     &head),
	    MESH_ERR_LIMIT);
}

/* Whatever a flipped bit makes of it, pieces stay inside the input. */
static void
test_flipped(void **state)
{
	char text[sizeof(upgrade)];

	(void)state;
	memcpy(text, upgrade, sizeof(text));
	for (size_t bit = 0; bit < (sizeof(text) - 1) * 8; bit++) {
		text[bit / 8] ^= (char)(1u << bit % 8);
		if (mesh_http_request_parse(text, sizeof(text) - 1, &head) ==
		    MESH_OK)
			assert_true(head.len <= sizeof(text) &&
				    head.target.p + head.target.len <
					text + head.len);
		text[bit / 8] ^= (char)(1u << bit % 8);
	}
}

/* Feeds a chunked body in pieces of `piece` bytes; what it carried, in out. */
static int
unchunk(const char *text, size_t piece, char *out, size_t *out_used)
{
	struct mesh_http_chunks c = MESH_HTTP_CHUNKS_INIT;
	size_t len = strlen(text), from = 0, to = 0;
	int err = MESH_ERR_AGAIN;

	while (!c.done && (err == MESH_OK || err == MESH_ERR_AGAIN)) {
		struct mesh_str data;
		size_t used;

		if (err == MESH_ERR_AGAIN && to == len)
			return err;
		if (err == MESH_ERR_AGAIN)
			to = to + piece < len ? to + piece : len;
		err = mesh_http_chunks_next(&c, text + from, to - from, &used,
		    &data);
		if (data.len > 0)
			memcpy(out, data.p, data.len);
		out += data.len;
		from += used;
	}
	*out = 0;
	*out_used = from;
	return err;
}

static void
test_chunks(void **state)
{
	static const char text[] = "5\r\nhello\r\n"
				   "00c;name=\"v\"\r\n, chunky wor\r\n"
				   "2 \r\nld\r\n"
				   "0\r\nTrailer: x\r\n\r\n"
				   "next";
	char out[64];
	size_t used;

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		assert_int_equal(unchunk(text, piece, out, &used), MESH_OK);
		assert_string_equal(out, "hello, chunky world");
		assert_string_equal(text + used, "next");
	}
}

static void
test_chunks_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
	    {"x\r\n", MESH_ERR_FORMAT},
	    {"\r\n", MESH_ERR_FORMAT},
	    {"-1\r\n", MESH_ERR_FORMAT},
	    {"5\nhello", MESH_ERR_FORMAT},
	    {"5\r\nhelloX\r\n", MESH_ERR_FORMAT},
	    {"5\r\nhello\n\n", MESH_ERR_FORMAT},
	    {"1000000000000000\r\n", MESH_ERR_FORMAT},
	    {"1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "xxxxxxxxxxxxxxxxxxxxx\r\n",
		MESH_ERR_LIMIT},
	    {"5\r\nhel", MESH_ERR_AGAIN},
	};
	char out[128];
	size_t used;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(unchunk(rows[i].text, 1000, out, &used),
		    rows[i].err);
}

static void
test_endless_trailer(void **state)
{
	struct mesh_http_chunks c = MESH_HTTP_CHUNKS_INIT;
	struct mesh_str data;
	size_t used, n = 0;
	int err = mesh_http_chunks_next(&c, "0\r\n", 3, &used, &data);

	(void)state;
	while (err == MESH_ERR_AGAIN && n++ < 10000)
		err = mesh_http_chunks_next(&c, "A: b\r\n", 6, &used, &data);
	assert_int_equal(err, MESH_ERR_LIMIT);
	assert_true(n < 1000);
}

static void
test_write(void **state)
{
	struct mesh_buf b;

	(void)state;
	mesh_buf_init(&b, 1024);
	mesh_http_write_request(&b, "POST", "/ts2021", "control.example.org");
	mesh_http_write_field(&b, "Upgrade", "tailscale-control-protocol");
	mesh_http_write_length(&b, 0);
	mesh_http_write_end(&b);
	assert_string_equal(mesh_buf_cstr(&b),
	    "POST /ts2021 HTTP/1.1\r\nHost: control.example.org\r\n"
	    "Upgrade: tailscale-control-protocol\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(request(mesh_buf_cstr(&b)), MESH_OK);
	mesh_buf_clear(&b);
	mesh_http_write_status(&b, 404);
	mesh_http_write_end(&b);
	assert_string_equal(mesh_buf_cstr(&b),
	    "HTTP/1.1 404 Not Found\r\n\r\n");
	mesh_buf_clear(&b);
	mesh_http_write_field(&b, "A", "b\r\nInjected: c");
	assert_true(b.failed);
	mesh_buf_clear(&b);
	mesh_http_write_request(&b, "GET", "/\nx", "h");
	assert_true(b.failed);
	mesh_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_upgrade),
	    cmocka_unit_test(test_more_is_needed),
	    cmocka_unit_test(test_query),
	    cmocka_unit_test(test_response),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_chunks),
	    cmocka_unit_test(test_chunks_refused),
	    cmocka_unit_test(test_endless_trailer),
	    cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
