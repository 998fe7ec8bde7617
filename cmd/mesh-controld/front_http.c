/* SPDX-License-Identifier: ISC
 * front_http.c - what is answered without a login: the server's key, the page of
 * a pending login, health, relay admission; and the way into Noise.
 * Source: protocol/control.md 2.1, 3.1, 4.13.
 */
#include "front.h"

#include "register.h"
#include "sshcheck.h"

#include <control/msg.h>
#include <control/upgrade.h>

static const char page_head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<title>Join the network</title>"
    "<style>body{font:1.1em/1.5 sans-serif;max-width:40em;margin:3em auto;"
    "padding:0 1em}code{background:#eee;padding:.5em;display:block;"
    "overflow-wrap:anywhere}</style>"
    "<h1>One more step</h1><p>A machine asks to join this network. "
    "An administrator admits it by running this on the server:</p><code>";
static const char page_tail[] =
    "</code><p>with the name of the machine's user in place of NAME. "
    "The machine goes on by itself as soon as that is done.</p></html>\n";

static const char check_head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<title>Approve a login</title>"
    "<style>body{font:1.1em/1.5 sans-serif;max-width:40em;margin:3em auto;"
    "padding:0 1em}code{background:#eee;padding:.5em;display:block;"
    "overflow-wrap:anywhere}</style>"
    "<h1>One more step</h1><p>Somebody wants to log in to a machine of this "
    "network. An administrator admits it by running this on the server:</p>"
    "<code>";
static const char check_tail[] =
    "</code><p>or refuses it with <em>reject</em> in place of "
    "<em>approve</em>. The login goes on by itself.</p></html>\n";

void
http_answer(struct front_conn *k, unsigned status, const char *type,
    struct mesh_str body)
{
	mesh_http_write_status(&k->out, status);
	mesh_http_write_field(&k->out, "Content-Type", type);
	mesh_http_write_field(&k->out, "Connection", "close");
	mesh_http_write_field(&k->out, "Cache-Control", "no-store");
	mesh_http_write_field(&k->out, "X-Content-Type-Options", "nosniff");
	mesh_http_write_field(&k->out, "X-Frame-Options", "DENY");
	mesh_http_write_field(&k->out, "Referrer-Policy", "no-referrer");
	mesh_http_write_length(&k->out, body.len);
	mesh_http_write_end(&k->out);
	mesh_buf_add(&k->out, body.p, body.len);
	k->phase = CONN_ANSWER;
}

static void
answer_text(struct front_conn *k, unsigned status, const char *text)
{
	http_answer(k, status, "text/plain; charset=utf-8", mesh_str(text));
}

static void
answer_key(struct front_conn *k, const struct mesh_http_head *head)
{
	struct mesh_server_keys keys = {.noise = k->front->key};
	struct mesh_buf body;

	(void)head;
	mesh_buf_init(&body, 1024);
	if (mesh_server_keys_write(&keys, &body) == MESH_OK)
		http_answer(k, 200, "application/json",
		    (struct mesh_str){(const char *)body.data, body.len});
	else
		answer_text(k, 500, "out of memory\n");
	mesh_buf_release(&body);
}

static void
answer_health(struct front_conn *k, const struct mesh_http_head *head)
{
	(void)head;
	http_answer(k, 200, "application/health+json",
	    MESH_STR("{\"status\":\"pass\"}"));
}

static void
answer_root(struct front_conn *k, const struct mesh_http_head *head)
{
	(void)head;
	answer_text(k, 200, "mesh-controld\n");
}

static void
answer_robots(struct front_conn *k, const struct mesh_http_head *head)
{
	(void)head;
	answer_text(k, 200, "User-agent: *\nDisallow: /\n");
}

static bool
is_pending_id(struct mesh_str id)
{
	uint8_t raw[PENDING_RANDOM];

	return id.len == PENDING_ID_LEN &&
	    mesh_hex_decode(id, raw, sizeof(raw)) == MESH_OK;
}

/* The page does not say whether such a login waits: nothing to guess at. */
static void
answer_pending(struct front_conn *k, const struct mesh_http_head *head,
    const char *before, const char *option, const char *after)
{
	struct mesh_str path = mesh_http_path(head), id = path;
	struct mesh_buf body;

	while (path.len > 0)
		id = mesh_str_cut(&path, '/');
	if (!is_pending_id(id)) {
		answer_text(k, 404, "no such login\n");
		return;
	}
	mesh_buf_init(&body, 4096);
	mesh_buf_printf(&body, "%smesh-node approve %.*s%s%s", before,
	    MESH_STR_ARG(id), option, after);
	http_answer(k, body.failed ? 500 : 200, "text/html; charset=utf-8",
	    (struct mesh_str){(const char *)body.data, body.len});
	mesh_buf_release(&body);
}

static void
answer_register(struct front_conn *k, const struct mesh_http_head *head)
{
	answer_pending(k, head, page_head, " --user NAME", page_tail);
}

static void
answer_check(struct front_conn *k, const struct mesh_http_head *head)
{
	answer_pending(k, head, check_head, "", check_tail);
}

/* --- relay admission: {"NodePublic":"nodekey:..","Source":"1.2.3.4"} */

void
http_verdict(struct front_conn *k, bool allow)
{
	http_answer(k, 200, "application/json", allow
	    ? MESH_STR("{\"Allow\":true}") : MESH_STR("{\"Allow\":false}"));
}

static void
answer_verify(struct front_conn *k, const struct mesh_http_head *head)
{
	struct mesh_str name, text = {"", 0};
	struct mesh_node_key key;
	struct mesh_json j;
	uint8_t body[8 + MESH_KEY_LEN];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	int err = MESH_ERR_FORMAT;

	mesh_json_init(&j, (const char *)k->in.data + head->len,
	    (size_t)head->body_len, 0);
	mesh_json_object(&j);
	while (mesh_json_member(&j, &name)) {
		if (!mesh_str_eq(name, "NodePublic")) {
			mesh_json_skip(&j);
			continue;
		}
		text = mesh_json_string(&j);
		err = mesh_node_key_parse(text.p, text.len, &key);
	}
	if (mesh_json_done(&j, NULL) != MESH_OK || err != MESH_OK) {
		answer_text(k, 400, "NodePublic is needed\n");
		return;
	}
	mesh_wr_u64be(&w, k->id);
	mesh_wr_bytes(&w, key.b, sizeof(key.b));
	k->phase = CONN_VERIFY;
	front_send(k->front, LINK_VERIFY, body, w.len);
}

/* --- into Noise */

static void
answer_upgrade(struct front_conn *k, const struct mesh_http_head *head)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_diag diag = {""};
	unsigned status = 400;
	size_t len;

	if (mesh_upgrade_request_check(head, init, &len, &status, &diag) !=
	    MESH_OK) {
		answer_text(k, status, diag.text);
		return;
	}
	if (!control_start(k, init, len))
		answer_text(k, 500, "out of memory\n");
}

static void
answer_websocket(struct front_conn *k, const struct mesh_http_head *head)
{
	char accept[MESH_WS_ACCEPT_LEN + 1];
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	struct mesh_diag diag = {""};
	unsigned status = 400;
	size_t len;

	if (mesh_upgrade_websocket_check(head, init, &len, accept, &status,
		&diag) != MESH_OK) {
		answer_text(k, status, diag.text);
		return;
	}
	if (!ws_start(k) || !control_start(k, init, len)) {
		answer_text(k, 500, "out of memory\n");
		return;
	}
	mesh_upgrade_websocket_write(&k->out, accept);
}

static const struct page {
	const char *method, *path;
	bool below; /* and what is behind it */
	void (*answer)(struct front_conn *k, const struct mesh_http_head *head);
} pages[] = {
    {"GET", "/key", false, answer_key},
    {"POST", MESH_UPGRADE_PATH, false, answer_upgrade},
    {"GET", MESH_UPGRADE_PATH, false, answer_websocket},
    {"GET", "/register/", true, answer_register},
    {"GET", "/auth/", true, answer_check},
    {"POST", "/verify", false, answer_verify},
    {"GET", "/health", false, answer_health},
    {"GET", "/robots.txt", false, answer_robots},
    {"GET", "/", false, answer_root},
};

static void
http_route(struct front_conn *k, const struct mesh_http_head *head)
{
	struct mesh_str path = mesh_http_path(head);
	bool known = false;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (pages[i].below ? !mesh_str_has_prefix(path, pages[i].path)
				   : !mesh_str_eq(path, pages[i].path))
			continue;
		known = true;
		if (!mesh_str_eq(head->method, pages[i].method))
			continue;
		pages[i].answer(k, head);
		return;
	}
	answer_text(k, known ? 405 : 404,
	    known ? "method not allowed\n" : "no such page\n");
}

bool
http_try(struct front_conn *k)
{
	struct mesh_http_head head;
	int err = mesh_http_request_parse(k->in.data, k->in.len, &head);

	if (err == MESH_ERR_AGAIN)
		return false;
	if (err != MESH_OK)
		answer_text(k, 400, "malformed request\n");
	else if (head.body == MESH_HTTP_BODY_CHUNKED)
		answer_text(k, 411, "Content-Length is needed\n");
	else if (head.body == MESH_HTTP_BODY_LENGTH &&
	    head.body_len > FRONT_BODY_MAX)
		answer_text(k, 413, "too long\n");
	else if (head.body == MESH_HTTP_BODY_LENGTH &&
	    k->in.len - head.len < head.body_len)
		return false;
	else
		http_route(k, &head);
	return true;
}
