/* SPDX-License-Identifier: ISC
 * Where to dial, when to try again, how the channel is asked for: url, backoff,
 * retry, upgrade, keyfetch and c2n of libmesh/control. */
#include "test.h"

#include <string.h>

#include "control/backoff.h"
#include "control/c2n.h"
#include "control/keyfetch.h"
#include "control/retry.h"
#include "control/upgrade.h"
#include "control/url.h"

/* --- url: protocol/vectors-control.md 4, and ours */

static void
test_ports(void **state)
{
	static const struct {
		const char *url, *host, *authority;
		bool https;
		unsigned port, https_port, http_port;
	} cases[] = {
	    {"https://example.com", "example.com", "example.com", true, 443,
		443, 80},
	    {"http://example.com", "example.com", "example.com", false, 80,
		443, 80},
	    {"https://example.com:123", "example.com", "example.com:123", true,
		123, 123, 80},
	    {"http://example.com:123", "example.com", "example.com:123", false,
		123, 443, 123},
	    {"http://127.0.0.1", "127.0.0.1", "127.0.0.1", false, 80, 0, 80},
	    {"http://127.0.0.1:8080", "127.0.0.1", "127.0.0.1:8080", false,
		8080, 0, 8080},
	    {"http://localhost", "localhost", "localhost", false, 80, 0, 80},
	    {"http://localhost:8080", "localhost", "localhost:8080", false,
		8080, 0, 8080},
	    {"http://192.168.2.3", "192.168.2.3", "192.168.2.3", false, 80, 0,
		80},
	    {"http://192.168.2.3:8080", "192.168.2.3", "192.168.2.3:8080",
		false, 8080, 0, 8080},
	    {"http://1.2.3.4", "1.2.3.4", "1.2.3.4", false, 80, 443, 80},
	    {"http://1.2.3.4:8080", "1.2.3.4", "1.2.3.4:8080", false, 8080,
		443, 8080},
	    {"https://1.2.3.4", "1.2.3.4", "1.2.3.4", true, 443, 443, 80},
	    {"https://1.2.3.4:8080", "1.2.3.4", "1.2.3.4:8080", true, 8080,
		8080, 80},
	    {"https://[2001:db8::7]:8443/", "2001:db8::7",
		"[2001:db8::7]:8443", true, 8443, 8443, 80},
	    {"http://[::1]", "::1", "[::1]", false, 80, 0, 80},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_control_url u;

		assert_int_equal(mesh_control_url_parse(cases[i].url, &u,
				     NULL),
		    MESH_OK);
		assert_string_equal(u.host, cases[i].host);
		assert_string_equal(u.authority, cases[i].authority);
		assert_int_equal(u.https, cases[i].https);
		assert_int_equal(u.port, cases[i].port);
		assert_int_equal(u.https_port, cases[i].https_port);
		assert_int_equal(u.http_port, cases[i].http_port);
	}
}

static void
test_bad_urls(void **state)
{
	static const char *const bad[] = {"", "example.com", "ftp://x",
	    "https://", "https:///", "https://:80", "https://x:", "https://x:0",
	    "https://x:65536", "https://x:8a", "https://x:1:2",
	    "https://u@x", "https://x/path", "https://x?y", "https://x#y",
	    "https://x y", "https://x\r\nHost: y", "https://[::1",
	    "https://[::1]x", "https://[::1]:", "https://[x]", "https://[]",
	    "HTTPS://x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct mesh_control_url u;
		struct mesh_diag diag = {0};

		assert_int_equal(mesh_control_url_parse(bad[i], &u, &diag),
		    MESH_ERR_FORMAT);
		assert_true(diag.text[0] != 0);
	}
}

static void
test_url_paths(void **state)
{
	static const struct {
		const char *url, *path;
	} cases[] = {
	    {"https://x.org/machine/c2n/9f1c", "/machine/c2n/9f1c"},
	    {"https://x.org:8443/a?b=c&d", "/a?b=c&d"},
	    {"/machine/x", "/machine/x"},
	    {"https://x.org", ""},
	    {"https://x.org/a b", ""},
	    {"https://x.org/a#b", ""},
	    {"/a\r\nb", ""},
	    {"x", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(mesh_str_eq(mesh_url_path(cases[i].url),
		    cases[i].path));
}

/* --- backoff */

static void
test_backoff(void **state)
{
	struct mesh_backoff b = {0};

	(void)state;
	assert_int_equal(mesh_backoff_fail(&b, 0), 5 * MESH_MS);
	assert_int_equal(mesh_backoff_fail(&b, UINT32_MAX), 60 * MESH_MS);
	assert_int_equal(mesh_backoff_fail(&b, UINT32_MAX / 2 + 1) / MESH_MS,
	    90);
	for (int i = 0; i < 100; i++)
		(void)mesh_backoff_fail(&b, 0);
	assert_int_equal(mesh_backoff_fail(&b, 0), 15 * MESH_SEC);
	assert_int_equal(mesh_backoff_fail(&b, UINT32_MAX), 45 * MESH_SEC);
	b.tries = UINT32_MAX;
	assert_int_equal(mesh_backoff_fail(&b, UINT32_MAX), 45 * MESH_SEC);
	mesh_backoff_reset(&b);
	assert_int_equal(mesh_backoff_fail(&b, 0), 5 * MESH_MS);
}

static void
test_retry(void **state)
{
	static const char now[] = "Sun, 22 Nov 2026 10:00:00 GMT";
	static const struct {
		const char *value, *date;
		uint64_t sec;
	} cases[] = {
	    {"7", "", 7},
	    {"3600", "", 3600},
	    {"3601", "", 0},
	    {"0", "", 0},
	    {"-1", "", 0},
	    {"99999999999999999999", "", 0},
	    {"soon", now, 0},
	    {"", now, 0},
	    {"Sun, 22 Nov 2026 10:00:30 GMT", now, 30},
	    {"Sun, 22 Nov 2026 11:00:00 GMT", now, 3600},
	    {"Sun, 22 Nov 2026 11:00:01 GMT", now, 0},
	    {"Sun, 22 Nov 2026 09:59:59 GMT", now, 0},
	    {"Sun, 22 Nov 2026 10:00:30 GMT", "", 0},
	    {"Sun, 22 Xov 2026 10:00:30 GMT", now, 0},
	    {"Sun, 22 ovD 2026 10:00:30 GMT", now, 0},
	    {"Sun, 32 Nov 2026 10:00:30 GMT", now, 0},
	    {"Tue, 01 Dec 2026 00:00:01 GMT", "Mon, 30 Nov 2026 23:59:59 GMT",
		2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(mesh_retry_after(mesh_str(cases[i].value),
				     mesh_str(cases[i].date)),
		    cases[i].sec * MESH_SEC);
	assert_int_equal(mesh_backoff_retry(7 * MESH_SEC, 5), 7 * MESH_SEC);
	assert_int_equal(mesh_backoff_retry(0, 0), 5 * MESH_SEC);
	assert_int_equal(mesh_backoff_retry(0, UINT32_MAX), 10 * MESH_SEC);
	assert_int_equal(mesh_backoff_retry(2 * MESH_HOUR, 0), 5 * MESH_SEC);
}

/* --- upgrade */

#define INIT_TEXT                                                              \
	"AJEBAGB7DUfZNCf4MRFgeBx8cz/Yn4iXCu9JDYqg7hmky4obFLkDtUHjgQ+an3iFQfH"  \
	"Y8uxIJWjjm58PVqn0p6VkUPMancYLy051JUNZ+UYKa8Or0qAbOi3v9mKv4LlJe+y2oRM="

static void
test_upgrade_request(void **state)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN], back[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_http_head head;
	struct mesh_diag diag;
	struct mesh_buf out;
	unsigned status;
	size_t len;

	(void)state;
	assert_int_equal(mesh_base64_decode(MESH_STR(INIT_TEXT), init,
			     sizeof(init), &len),
	    MESH_OK);
	mesh_buf_init(&out, MESH_HTTP_HEAD_MAX);
	mesh_upgrade_request_write(&out, "control.test:8080", init);
	assert_string_equal(mesh_buf_cstr(&out),
	    "POST /ts2021 HTTP/1.1\r\n"
	    "Host: control.test:8080\r\n"
	    "Upgrade: tailscale-control-protocol\r\n"
	    "Connection: upgrade\r\n"
	    "X-Tailscale-Handshake: " INIT_TEXT "\r\n"
	    "Content-Length: 0\r\n\r\n");
	assert_int_equal(mesh_http_request_parse(out.data, out.len, &head),
	    MESH_OK);
	assert_int_equal(mesh_upgrade_request_check(&head, back, &len, &status,
			     &diag),
	    MESH_OK);
	assert_int_equal(len, sizeof(init));
	assert_memory_equal(back, init, sizeof(init));
	mesh_buf_release(&out);
}

#define UPGRADE                                                                \
	"Upgrade: tailscale-control-protocol\r\nConnection: upgrade\r\n"

static void
test_upgrade_refused(void **state)
{
	static const struct {
		const char *head;
		unsigned status;
		const char *why;
	} cases[] = {
	    {"GET /ts2021 HTTP/1.1\r\n" UPGRADE, 405, "method not allowed"},
	    {"POST /ts2021 HTTP/1.1\r\n", 400, "missing next protocol"},
	    {"POST /ts2021 HTTP/1.1\r\nUpgrade: websocket\r\n", 400,
		"unknown next protocol"},
	    {"POST /ts2021 HTTP/1.1\r\nUpgrade: tailscale-control-protocol\r\n",
		400, "upgrade not asked of this connection"},
	    {"POST /ts2021 HTTP/1.1\r\n" UPGRADE, 400,
		"missing X-Tailscale-Handshake"},
	    {"POST /ts2021 HTTP/1.1\r\n" UPGRADE "X-Tailscale-Handshake: !\r\n",
		400, "invalid X-Tailscale-Handshake"},
	    {"POST /ts2021 HTTP/1.1\r\n" UPGRADE
	     "X-Tailscale-Handshake: " INIT_TEXT "AAAA\r\n",
		400, "invalid X-Tailscale-Handshake"},
	    {"POST /ts2021 HTTP/1.1\r\n" UPGRADE "Content-Length: 3\r\n", 400,
		"an upgrade has no body"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t init[MESH_HANDSHAKE_INIT_LEN];
		struct mesh_http_head head;
		struct mesh_diag diag;
		char text[1024];
		unsigned status = 0;
		size_t len;

		snprintf(text, sizeof(text), "%sHost: x\r\n\r\n",
		    cases[i].head);
		assert_int_equal(mesh_http_request_parse(text, strlen(text),
				     &head),
		    MESH_OK);
		assert_int_equal(mesh_upgrade_request_check(&head, init, &len,
				     &status, &diag),
		    MESH_ERR_PROTO);
		assert_int_equal(status, cases[i].status);
		assert_string_equal(diag.text, cases[i].why);
	}
}

/* The initiation with its '+', '/' and '=' as a browser's client writes them. */
#define INIT_QUERY                                                             \
	"AJEBAGB7DUfZNCf4MRFgeBx8cz%2FYn4iXCu9JDYqg7hmky4obFLkDtUHjgQ%2Ban3iF" \
	"QfHY8uxIJWjjm58PVqn0p6VkUPMancYLy051JUNZ%2BUYKa8Or0qAbOi3v9mKv4LlJe"  \
	"%2By2oRM%3D"
#define WS_UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define WS_VERSION "Sec-WebSocket-Version: 13\r\n"
#define WS_PROTOCOL "Sec-WebSocket-Protocol: tailscale-control-protocol\r\n"
#define WS_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WS_GET(query) "GET /ts2021" query " HTTP/1.1\r\n"
#define WS_INIT WS_GET("?X-Tailscale-Handshake=" INIT_QUERY)

static int
ask_websocket(const char *fields, uint8_t init[static MESH_HANDSHAKE_INIT_LEN],
    char accept[static MESH_WS_ACCEPT_LEN + 1], unsigned *out_status)
{
	struct mesh_http_head head;
	struct mesh_diag diag = {""};
	char text[2048];
	size_t len = 0;
	int err;

	snprintf(text, sizeof(text), "%sHost: x\r\n\r\n", fields);
	assert_int_equal(mesh_http_request_parse(text, strlen(text), &head),
	    MESH_OK);
	err = mesh_upgrade_websocket_check(&head, init, &len, accept,
	    out_status, &diag);
	assert_true(err != MESH_OK || len == MESH_HANDSHAKE_INIT_LEN);
	assert_true(err == MESH_OK || diag.text[0] != '\0');
	return err;
}

static void
test_websocket(void **state)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN], want[MESH_HANDSHAKE_INIT_LEN];
	char accept[MESH_WS_ACCEPT_LEN + 1];
	unsigned status;
	size_t len;

	(void)state;
	assert_int_equal(ask_websocket(WS_INIT WS_UPGRADE WS_VERSION
				 WS_PROTOCOL WS_KEY, init, accept, &status),
	    MESH_OK);
	assert_int_equal(mesh_base64_decode(MESH_STR(INIT_TEXT), want,
			     sizeof(want), &len), MESH_OK);
	assert_memory_equal(init, want, sizeof(want));
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void
test_websocket_refused(void **state)
{
	static const struct {
		const char *fields;
		unsigned status;
	} cases[] = {
	    {WS_INIT, 405},
	    {"POST /ts2021?X-Tailscale-Handshake=" INIT_QUERY " HTTP/1.1\r\n"
	     WS_UPGRADE WS_VERSION WS_PROTOCOL WS_KEY, 405},
	    {WS_INIT "Upgrade: websocket\r\n" WS_VERSION WS_PROTOCOL WS_KEY,
		400},
	    {WS_INIT WS_UPGRADE WS_PROTOCOL WS_KEY, 426},
	    {WS_INIT WS_UPGRADE WS_VERSION WS_KEY, 400},
	    {WS_INIT WS_UPGRADE WS_VERSION WS_PROTOCOL, 400},
	    {WS_INIT WS_UPGRADE WS_VERSION WS_PROTOCOL
	     "Sec-WebSocket-Key: AAAA\r\n", 400},
	    {WS_INIT WS_UPGRADE WS_VERSION WS_PROTOCOL WS_KEY
	     "Content-Length: 3\r\n", 400},
	    {WS_GET("") WS_UPGRADE WS_VERSION WS_PROTOCOL WS_KEY, 400},
	    {WS_GET("?X-Tailscale-Handshake=AA%2") WS_UPGRADE WS_VERSION
	     WS_PROTOCOL WS_KEY, 400},
	    {WS_GET("?X-Tailscale-Handshake=" INIT_QUERY "AAAA") WS_UPGRADE
	     WS_VERSION WS_PROTOCOL WS_KEY, 400},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t init[MESH_HANDSHAKE_INIT_LEN];
		char accept[MESH_WS_ACCEPT_LEN + 1];
		unsigned status = 0;

		assert_int_equal(ask_websocket(cases[i].fields, init, accept,
				     &status), MESH_ERR_PROTO);
		assert_int_equal(status, cases[i].status);
	}
}

/* --- key */

#define KEY_HEX                                                                \
	"1e5f36ea7418137145c9a5236494bbd593a0622737916461d86c3a54a26b6c3d"
#define KEY_JSON "{\"publicKey\":\"mkey:" KEY_HEX "\"}" /* 85 bytes */

/* All of text, `step` bytes at a time, then the end of the connection. */
static int
fetch(const char *text, size_t step, struct mesh_server_keys *keys,
    struct mesh_diag *diag)
{
	struct mesh_keyfetch f;
	size_t len = strlen(text);
	int err = MESH_ERR_AGAIN;

	mesh_keyfetch_init(&f);
	assert_false(f.began);
	for (size_t at = 0; err == MESH_ERR_AGAIN && at < len; at += step)
		err = mesh_keyfetch_input(&f, text + at,
		    len - at < step ? len - at : step, keys, diag);
	assert_int_equal(f.began, len > 0);
	if (err == MESH_ERR_AGAIN)
		err = mesh_keyfetch_input(&f, NULL, 0, keys, diag);
	mesh_keyfetch_release(&f);
	return err;
}

static void
test_key_answers(void **state)
{
	static const char *const good[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 85\r\n\r\n" KEY_JSON,
	    "HTTP/1.1 200 OK\r\nContent-Length: 85\r\n\r\n" KEY_JSON "\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\n{\"pub\r\n50\r\nlicKey\":\"mkey:" KEY_HEX
	    "\"}\r\n0\r\n\r\n",
	    "HTTP/1.0 200 OK\r\n\r\n" KEY_JSON,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		for (size_t step = 1; step < 200; step += 7) {
			struct mesh_server_keys keys = {0};
			struct mesh_diag diag = {0};

			assert_int_equal(fetch(good[i], step, &keys, &diag),
			    MESH_OK);
			assert_int_equal(keys.noise.b[0], 0x1e);
		}
}

static void
test_key_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
	    {"", MESH_ERR_CLOSED},
	    {"HTTP/1.1 200 OK\r\n", MESH_ERR_CLOSED},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 86\r\n\r\n" KEY_JSON,
		MESH_ERR_CLOSED},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 84\r\n\r\n" KEY_JSON,
		MESH_ERR_FORMAT},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", MESH_ERR_FORMAT},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
		MESH_ERR_FORMAT},
	    {"HTTP/1.1 400 Bad Request\r\n\r\n", MESH_ERR_REFUSED},
	    {"HTTP/1.1 301 Moved\r\nLocation: https://x\r\n\r\n",
		MESH_ERR_REFUSED},
	    {"SSH-2.0-x\r\n\r\n", MESH_ERR_FORMAT},
	    {"HTTP/1.1 200 OK\r\n\r\n<html>", MESH_ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_server_keys keys;
		struct mesh_diag diag = {0};

		assert_int_equal(fetch(cases[i].text, 1000, &keys, &diag),
		    cases[i].err);
		assert_true(diag.text[0] != 0);
	}
}

static void
test_key_body_limit(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct mesh_server_keys keys;
	struct mesh_diag diag;
	struct mesh_keyfetch f;
	char blanks[1000];
	int err;

	(void)state;
	memset(blanks, ' ', sizeof(blanks));
	mesh_keyfetch_init(&f);
	err = mesh_keyfetch_input(&f, head, strlen(head), &keys, &diag);
	for (int i = 0; i < 100 && err == MESH_ERR_AGAIN; i++)
		err = mesh_keyfetch_input(&f, blanks, sizeof(blanks), &keys,
		    &diag);
	assert_int_equal(err, MESH_ERR_LIMIT);
	mesh_keyfetch_release(&f);
}

static void
test_key_request(void **state)
{
	struct mesh_buf out;

	(void)state;
	mesh_buf_init(&out, MESH_HTTP_HEAD_MAX);
	assert_int_equal(mesh_keyfetch_request("x:80", 131, &out), MESH_OK);
	assert_string_equal(mesh_buf_cstr(&out),
	    "GET /key?v=131 HTTP/1.1\r\nHost: x:80\r\n"
	    "Accept: application/json\r\nConnection: close\r\n\r\n");
	mesh_buf_clear(&out);
	assert_int_not_equal(mesh_keyfetch_request("x\r\ny", 131, &out),
	    MESH_OK);
	mesh_buf_release(&out);
}

/* --- c2n */

static void
test_c2n(void **state)
{
	static const struct {
		const char *payload, *answer;
	} cases[] = {
	    /* GET /echo HTTP/1.1, Host: node */
	    {"R0VUIC9lY2hvIEhUVFAvMS4xDQpIb3N0OiBub2RlDQoNCg==",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	    /* POST /echo with a body of 2 bytes: hi */
	    {"UE9TVCAvZWNobyBIVFRQLzEuMQ0KSG9zdDogbm9kZQ0KQ29udGVudC1MZW5ndGg6"
	     "IDINCg0KaGk=",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	    /* GET /debug/prefs */
	    {"R0VUIC9kZWJ1Zy9wcmVmcyBIVFRQLzEuMQ0KSG9zdDogbm9kZQ0KDQo=",
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\n"
		"unknown c2n path\n"},
	    /* POST /echo in chunks: hello, !! */
	    {"UE9TVCAvZWNobyBIVFRQLzEuMQ0KSG9zdDogbm9kZQ0KVHJhbnNmZXItRW5jb2Rp"
	     "bmc6IGNodW5rZWQNCg0KNQ0KaGVsbG8NCjINCiEhDQowDQoNCg==",
		"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello!!"},
	    /* the same, cut off: hel */
	    {"UE9TVCAvZWNobyBIVFRQLzEuMQ0KSG9zdDogbm9kZQ0KVHJhbnNmZXItRW5jb2Rp"
	     "bmc6IGNodW5rZWQNCg0KNQ0KaGVs", NULL},
	    {"", NULL},
	    {"!!!!", NULL},
	    {"R0VU", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mesh_buf out;
		int err;

		mesh_buf_init(&out, 65536);
		err = mesh_c2n_answer(cases[i].payload, &out);
		if (cases[i].answer != NULL) {
			assert_int_equal(err, MESH_OK);
			assert_string_equal(mesh_buf_cstr(&out),
			    cases[i].answer);
		} else {
			assert_int_equal(err, MESH_ERR_FORMAT);
		}
		mesh_buf_release(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_bad_urls),
	    cmocka_unit_test(test_url_paths),
	    cmocka_unit_test(test_backoff),
	    cmocka_unit_test(test_retry),
	    cmocka_unit_test(test_upgrade_request),
	    cmocka_unit_test(test_upgrade_refused),
	    cmocka_unit_test(test_websocket),
	    cmocka_unit_test(test_websocket_refused),
	    cmocka_unit_test(test_key_answers),
	    cmocka_unit_test(test_key_refused),
	    cmocka_unit_test(test_key_body_limit),
	    cmocka_unit_test(test_key_request),
	    cmocka_unit_test(test_c2n),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
