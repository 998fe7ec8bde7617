/* SPDX-License-Identifier: ISC
 * request.c - the HTTP side of a relay host (protocol/dataplane.md 3.1, 3.2).
 */
#include "worker.h"

#include "wire/http.h"

#define CHALLENGE_MAX 64u

struct request {
	const struct mesh_http_head *head;
	struct mesh_buf *reply;
	const struct mesh_node_key *relay_key;
	bool upgrade, not_ideal;
};

static void
begin(struct request *r, unsigned status)
{
	mesh_http_write_status(r->reply, status);
}

/* Every answer but an upgrade ends the connection. */
static void
finish(struct request *r, const char *body)
{
	mesh_http_write_field(r->reply, "Connection", "close");
	mesh_http_write_length(r->reply, strlen(body));
	mesh_http_write_end(r->reply);
	if (!mesh_str_eq(r->head->method, "HEAD"))
		mesh_buf_add_str(r->reply, body);
}

static void
answer_plain(struct request *r, unsigned status, const char *body)
{
	begin(r, status);
	mesh_http_write_field(r->reply, "Content-Type",
	    "text/plain; charset=utf-8");
	finish(r, body);
}

static bool
is_get(const struct request *r)
{
	return mesh_str_eq(r->head->method, "GET") ||
	       mesh_str_eq(r->head->method, "HEAD");
}

static void
answer_derp(struct request *r)
{
	char key[2 * MESH_KEY_LEN + 1];

	if (!mesh_str_eq(r->head->method, "GET")) {
		answer_plain(r, 405, "GET it is.\n");
		return;
	}
	if (!mesh_http_has_token(r->head, "Upgrade", "DERP")) {
		begin(r, 426);
		mesh_http_write_field(r->reply, "Upgrade", "DERP");
		finish(r, "DERP requires connection upgrade\n");
		return;
	}
	r->upgrade = true;
	r->not_ideal = mesh_http_field(r->head, "Ideal-Node").len > 0;
	/* The client knows our key from the TLS handshake and sends frames
	 * already: it wants no answer. */
	if (mesh_str_eq(mesh_http_field(r->head, "Derp-Fast-Start"), "1"))
		return;
	mesh_hex_encode(r->relay_key->b, MESH_KEY_LEN, key);
	begin(r, 101);
	mesh_http_write_field(r->reply, "Upgrade", "DERP");
	mesh_http_write_field(r->reply, "Connection", "Upgrade");
	mesh_http_write_field(r->reply, "Derp-Version", "2");
	mesh_http_write_field(r->reply, "Derp-Public-Key", key);
	mesh_http_write_end(r->reply);
}

static void
answer_probe(struct request *r)
{
	if (!is_get(r)) {
		answer_plain(r, 405, "bogus probe method\n");
		return;
	}
	begin(r, 200);
	mesh_http_write_field(r->reply, "Access-Control-Allow-Origin", "*");
	finish(r, "");
}

static bool
is_challenge(struct mesh_str s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._:-";

	if (s.len == 0 || s.len > CHALLENGE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (memchr(allowed, s.p[i], sizeof(allowed) - 1) == NULL)
			return false;
	return true;
}

/* "Am I on the internet?": a captive portal would not know the challenge. */
static void
answer_no_content(struct request *r)
{
	struct mesh_str challenge =
	    mesh_http_field(r->head, "X-Tailscale-Challenge");
	char text[sizeof("response ") + CHALLENGE_MAX];

	begin(r, 204);
	if (is_challenge(challenge) &&
	    mesh_format(text, sizeof(text), "response %.*s",
		MESH_STR_ARG(challenge)) == MESH_OK)
		mesh_http_write_field(r->reply, "X-Tailscale-Response", text);
	mesh_http_write_field(r->reply, "Cache-Control",
	    "no-cache, no-store, must-revalidate, no-transform, max-age=0");
	mesh_http_write_field(r->reply, "Connection", "close");
	mesh_http_write_end(r->reply);
}

static void
answer_root(struct request *r)
{
	if (is_get(r))
		answer_plain(r, 200, "This is a relay of a mesh network.\n");
	else
		answer_plain(r, 405, "GET it is.\n");
}

static const struct {
	const char *path;
	void (*answer)(struct request *r);
} routes[] = {
    {"/derp", answer_derp},
    {"/derp/probe", answer_probe},
    {"/derp/latency-check", answer_probe},
    {"/generate_204", answer_no_content},
    {"/", answer_root},
};

static void
dispatch(struct request *r)
{
	struct mesh_str path = mesh_http_path(r->head);

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (mesh_str_eq(path, routes[i].path)) {
			routes[i].answer(r);
			return;
		}
	}
	answer_plain(r, 404, "There is nothing here but a relay.\n");
}

static unsigned
status_of(int err)
{
	return err == MESH_ERR_LIMIT     ? 431
	       : err == MESH_ERR_VERSION ? 505
					 : 400;
}

int
request_answer(struct client *c, bool *out_upgrade, size_t *out_used)
{
	struct mesh_http_head head = {0};
	struct request r = {
	    .head = &head,
	    .reply = &c->reply,
	    .relay_key = mesh_relay_server_key(c->worker->relay),
	};
	int err = mesh_http_request_parse(c->head.data, c->head.len, &head);

	if (err == MESH_ERR_AGAIN)
		return err;
	c->worker->count.http++;
	if (err != MESH_OK)
		answer_plain(&r, status_of(err), "That is no HTTP request.\n");
	else
		dispatch(&r);
	c->not_ideal = r.not_ideal;
	*out_upgrade = r.upgrade;
	*out_used = head.len;
	return c->reply.failed ? MESH_ERR_NOMEM : MESH_OK;
}
