/* SPDX-License-Identifier: ISC
 * front_control.c - the requests of a node, inside Noise and HTTP/2: JSON in,
 * typed messages to the core (front.h).
 * Source: protocol/control.md 4, 5, 6.1.
 */
#include "front.h"

#include "common/log.h"
#include "msg.h"

#include <base/secret.h>
#include <control/msg.h>
#include <netmap/hostinfo.h>
#include <stdlib.h>

#define CAPVER_MAX UINT16_MAX

bool
control_start(struct front_conn *k, const uint8_t *init, size_t len)
{
	struct mesh_control_server_config cfg = {.key = k->front->key,
	    .scratch = k->front->h2, .websocket = k->ws != NULL};
	uint8_t random[MESH_CONTROL_SERVER_RANDOM];
	int err;

	front_random(random, sizeof(random));
	err = mesh_control_server_new(&cfg, init, len, random, front_now(),
	    &k->session);
	mesh_wipe(random, sizeof(random));
	if (err != MESH_OK)
		return false;
	k->phase = CONN_NOISE;
	mesh_buf_release(&k->in);
	return true;
}

/* --- requests that wait for the core */

static struct front_req *
req_new(struct front_conn *k, int32_t stream)
{
	struct front_req *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->id = ++k->front->next_id;
	r->conn = k;
	r->stream = stream;
	mesh_list_init(&r->link);
	if (mesh_map_put(&k->front->reqs, &r->id, r) != MESH_OK) {
		free(r);
		return NULL;
	}
	mesh_list_append(&k->reqs, &r->link);
	return r;
}

void
control_req_free(struct front_req *r)
{
	mesh_list_remove(&r->link);
	(void)mesh_map_remove(&r->conn->front->reqs, &r->id);
	free(r);
}

static void
respond(struct front_conn *k, int32_t stream, int status, const char *text)
{
	(void)mesh_control_server_respond(k->session, stream, status,
	    "text/plain; charset=utf-8", mesh_str(text));
}

/* --- reports */

/* What one request says, and the memory of it. */
struct decoded {
	struct mesh_arena arena;
	struct mesh_buf full, peer; /* host info, written again */
};

static void
decoded_init(struct decoded *d)
{
	mesh_arena_init(&d->arena, FRONT_ARENA);
	mesh_buf_init(&d->full, NODE_HOSTINFO);
	mesh_buf_init(&d->peer, NODE_HOSTINFO);
}

static void
decoded_release(struct decoded *d)
{
	mesh_arena_release(&d->arena);
	mesh_buf_release(&d->full);
	mesh_buf_release(&d->peer);
}

static struct mesh_str
buf_str(const struct mesh_buf *b)
{
	return (struct mesh_str){(const char *)b->data, b->len};
}

static void
write_hostinfo(const struct mesh_hostinfo *h, struct mesh_buf *out)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, &mesh_hostinfo_schema, h);
}

/* At most max bytes of text that may have been made up by anybody. */
static struct mesh_str
clip(const char *s, size_t max)
{
	struct mesh_str text = mesh_str(s);

	if (text.len > max)
		text.len = max;
	return text;
}

/* Peers learn what they need to use this node: no log ids, no versions of the
 * system. */
static struct mesh_hostinfo
for_peers(const struct mesh_hostinfo *h)
{
	return (struct mesh_hostinfo){
	    .ipn_version = h->ipn_version,
	    .os = h->os,
	    .hostname = h->hostname,
	    .shields_up = h->shields_up,
	    .services = h->services,
	    .ssh_host_keys = h->ssh_host_keys,
	    .app_connector = h->app_connector,
	    .peer_relay = h->peer_relay,
	};
}

static bool
wished_tags(const struct mesh_hostinfo *h, char out[static TAGS_MAX])
{
	const char *const *tags = h->request_tags.items;

	out[0] = '\0';
	for (size_t i = 0; i < h->request_tags.count; i++)
		if (tags_add(out, mesh_str(tags[i])) != MESH_OK)
			return false;
	return true;
}

static bool
read_report(struct decoded *d, struct mesh_str hostinfo, int32_t version,
    struct report *out, char tags[static TAGS_MAX])
{
	struct mesh_hostinfo h = {0}, peer;

	tags[0] = '\0';
	if (version < 0 || version > CAPVER_MAX)
		return false;
	out->capver = (uint16_t)version;
	if (hostinfo.len == 0)
		return true;
	if (mesh_bind_parse(hostinfo.p, hostinfo.len, &mesh_hostinfo_schema,
		&d->arena, &h, NULL) != MESH_OK || !wished_tags(&h, tags))
		return false;
	peer = for_peers(&h);
	write_hostinfo(&h, &d->full);
	write_hostinfo(&peer, &d->peer);
	out->hostname = clip(h.hostname, NODE_HOST_MAX - 1);
	out->hostinfo = buf_str(&d->full);
	out->hostinfo_peer = buf_str(&d->peer);
	out->routes = h.routable_ips.items;
	out->route_count = h.routable_ips.count < NODE_ROUTES_MAX
			       ? h.routable_ips.count
			       : NODE_ROUTES_MAX;
	if (h.netinfo != NULL && h.netinfo->preferred_derp > 0 &&
	    h.netinfo->preferred_derp <= INT32_MAX)
		out->relay = (int32_t)h.netinfo->preferred_derp;
	return !d->full.failed && !d->peer.failed;
}

/* Of use to others: not "none" (a zone of that machine), not of the link or the
 * machine alone. */
static bool
is_endpoint(const struct mesh_endpoint *e)
{
	return e->port != 0 && !mesh_ip_is_none(&e->ip) &&
	    !mesh_ip_is_loopback(&e->ip) && !mesh_ip_is_linklocal(&e->ip) &&
	    !mesh_ip_is_multicast(&e->ip);
}

static void
read_endpoints(const struct mesh_map_request *m, struct msg_map *out)
{
	const struct mesh_endpoint *all = m->endpoints.items;
	const int64_t *types = m->endpoint_types.items;
	size_t count = 0;

	for (size_t i = 0; i < m->endpoints.count && count < NODE_ENDPOINTS;
	    i++) {
		if (!is_endpoint(&all[i]))
			continue;
		out->endpoints[count].addr = all[i];
		out->endpoints[count++].type =
		    i < m->endpoint_types.count && types[i] >= 0 &&
		    types[i] <= MESH_ENDPOINT_EXPLICIT ? (uint8_t)types[i] : 0;
	}
	out->report.endpoints = out->endpoints;
	out->report.endpoint_count = count;
}

/* --- POST /machine/register */

/* The id in a followup URL: its last part. */
static struct mesh_str
followup_id(const char *url)
{
	struct mesh_str rest = mesh_str(url), id = {"", 0};

	while (rest.len > 0)
		id = mesh_str_cut(&rest, '/');
	return id.len <= MSG_FOLLOWUP ? id : MESH_STR("");
}

static int
register_ask(struct front_conn *k, struct decoded *d, struct mesh_str body,
    struct register_ask *ask, char tags[static TAGS_MAX])
{
	struct mesh_register_request m = {0};
	struct mesh_diag diag = {""};

	if (mesh_register_request_parse(body.p, body.len, &d->arena, &m,
		&diag) != MESH_OK ||
	    !read_report(d, m.hostinfo, m.version, &ask->report, tags))
		return 400;
	ask->machine = *mesh_control_server_machine(k->session);
	ask->key = m.node_key;
	ask->has_expiry = !mesh_wall_is_zero(m.expiry) &&
	    (m.expiry.sec != 0 || m.expiry.nsec != 0);
	ask->expiry = m.expiry.sec;
	ask->followup = followup_id(m.followup);
	ask->tags = mesh_str(tags);
	if (m.auth != NULL)
		ask->auth_key = clip(m.auth->auth_key, MSG_AUTH_KEY);
	return 200;
}

static void
on_register(struct front_conn *k, int32_t stream, struct mesh_str body)
{
	uint8_t bytes[LINK_MESSAGE_MAX];
	struct mesh_wr w = mesh_wr_init(bytes, sizeof(bytes) - 64);
	struct register_ask ask = {0};
	char tags[TAGS_MAX];
	struct front_req *r;
	struct decoded d;

	decoded_init(&d);
	if (register_ask(k, &d, body, &ask, tags) != 200)
		respond(k, stream, 400, "malformed register request");
	else if ((r = req_new(k, stream)) == NULL)
		respond(k, stream, 500, "out of memory");
	else {
		ask.req = r->id;
		if (msg_write_register(&w, &ask))
			front_send(k->front, LINK_REGISTER, bytes, w.len);
		else {
			control_req_free(r);
			respond(k, stream, 400, "register request is too long");
		}
	}
	mesh_wipe(bytes, sizeof(bytes)); /* an auth key was in it */
	decoded_release(&d);
}

/* --- POST /machine/map */

static int
map_ask(struct front_conn *k, struct decoded *d, struct mesh_str body,
    struct msg_map *ask, struct front_req *r)
{
	struct mesh_map_request m = {0};
	struct mesh_diag diag = {""};
	char tags[TAGS_MAX];

	if (mesh_map_request_parse(body.p, body.len, &d->arena, &m, &diag) !=
		MESH_OK ||
	    !read_report(d, m.hostinfo, m.version, &ask->report, tags))
		return 400;
	ask->machine = *mesh_control_server_machine(k->session);
	ask->key = m.node_key;
	ask->report.disco = m.disco_key;
	read_endpoints(&m, ask);
	ask->kind = m.stream ? MSG_MAP_STREAM
	    : m.omit_peers && !m.read_only ? MSG_MAP_LITE : MSG_MAP_ONCE;
	r->zstd = m.compress != NULL && strcmp(m.compress, "zstd") == 0;
	r->keep_alive = m.stream;
	ask->parts = r->zstd;
	r->lite = ask->kind == MSG_MAP_LITE;
	return 200;
}

static void
on_map(struct front_conn *k, int32_t stream, struct mesh_str body)
{
	uint8_t bytes[LINK_MESSAGE_MAX];
	struct mesh_wr w = mesh_wr_init(bytes, sizeof(bytes) - 64);
	struct front_req *r = req_new(k, stream);
	struct msg_map ask = {0};
	struct decoded d;

	if (r == NULL) {
		respond(k, stream, 500, "out of memory");
		return;
	}
	decoded_init(&d);
	ask.req = r->id;
	if (map_ask(k, &d, body, &ask, r) != 200 || !msg_write_map(&w, &ask)) {
		control_req_free(r);
		respond(k, stream, 400, "malformed map request");
	} else
		front_send(k->front, LINK_MAP, bytes, w.len);
	decoded_release(&d);
}

/* --- GET /machine/ssh/action/SRC/to/DST?local_user=NAME[&auth_id=ID] */

#define SSH_ACTION "/machine/ssh/action/"

static bool
node_number(struct mesh_str s, int64_t *out)
{
	uint64_t n;

	if (mesh_parse_u64(s, INT64_MAX, &n) != MESH_OK || n == 0)
		return false;
	*out = (int64_t)n;
	return true;
}

/* account: room for the name, decoded. */
static bool
ssh_ask(struct mesh_str path, struct sshcheck_ask *ask,
    char account[static SSHCHECK_ACCOUNT])
{
	struct mesh_str query = path, item, key, to;

	path = mesh_str_cut(&query, '?');
	path.p += sizeof(SSH_ACTION) - 1;
	path.len -= sizeof(SSH_ACTION) - 1;
	if (!node_number(mesh_str_cut(&path, '/'), &ask->src))
		return false;
	to = mesh_str_cut(&path, '/');
	if (!mesh_str_eq(to, "to") || !node_number(path, &ask->dst))
		return false;
	while (query.len > 0) {
		item = mesh_str_cut(&query, '&');
		key = mesh_str_cut(&item, '=');
		if (mesh_str_eq(key, "local_user")) {
			if (mesh_url_decode(item, account,
				SSHCHECK_ACCOUNT) != MESH_OK)
				return false;
			ask->account = mesh_str(account);
		} else if (mesh_str_eq(key, "auth_id"))
			ask->id = item;
	}
	return ask->account.len > 0 && ask->id.len <= SSHCHECK_ID_LEN;
}

static void
on_ssh(struct front_conn *k, int32_t stream, struct mesh_str path)
{
	struct sshcheck_ask ask = {
	    .machine = *mesh_control_server_machine(k->session)};
	char account[SSHCHECK_ACCOUNT];
	uint8_t bytes[512];
	struct mesh_wr w = mesh_wr_init(bytes, sizeof(bytes));
	struct front_req *r;

	if (!ssh_ask(path, &ask, account))
		respond(k, stream, 400, "malformed question");
	else if ((r = req_new(k, stream)) == NULL)
		respond(k, stream, 500, "out of memory");
	else {
		ask.req = r->id;
		if (msg_write_ssh(&w, &ask))
			front_send(k->front, LINK_SSH, bytes, w.len);
	}
}

/* --- what else stock nodes ask for (control.md 4.1) */

static const struct path {
	const char *method, *path;
	void (*run)(struct front_conn *k, int32_t stream, struct mesh_str body);
	int status; /* without run */
} paths[] = {
    {"POST", "/machine/register", on_register, 0},
    {"POST", "/machine/map", on_map, 0},
    {"POST", "/machine/set-dns", NULL, 501},
    {"POST", "/machine/feature/query", NULL, 501},
    {"POST", "/machine/id-token", NULL, 501},
    {"POST", "/machine/update-health", NULL, 204},
    {"PATCH", "/machine/set-device-attr", NULL, 501},
    {"POST", "/machine/audit-log", NULL, 501},
    {"GET", "/machine/whoami", NULL, 501},
};

static void
on_request(struct front_conn *k, const struct mesh_control_server_event *ev)
{
	struct mesh_str rest = ev->path, path = mesh_str_cut(&rest, '?');
	bool known = false;

	if (mesh_str_has_prefix(path, SSH_ACTION) &&
	    mesh_str_eq(ev->method, "GET")) {
		on_ssh(k, ev->stream, ev->path);
		return;
	}

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!mesh_str_eq(path, paths[i].path))
			continue;
		known = true;
		if (!mesh_str_eq(ev->method, paths[i].method))
			continue;
		if (paths[i].run != NULL)
			paths[i].run(k, ev->stream, ev->body);
		else
			respond(k, ev->stream, paths[i].status,
			    paths[i].status == 501 ? "Not implemented yet"
						   : "");
		return;
	}
	respond(k, ev->stream, known ? 405 : 404,
	    known ? "method not allowed" : "no such path");
}

/* The client ended a stream of ours. */
static void
on_gone(struct front_conn *k, int32_t stream)
{
	for (struct mesh_list *l = k->reqs.next; l != &k->reqs; l = l->next) {
		struct front_req *r = MESH_CONTAINER(l, struct front_req,
		    link);

		if (r->stream != stream)
			continue;
		front_gone(k->front, r->id);
		control_req_free(r);
		return;
	}
}

static void
ask_dh(struct front_conn *k, const uint8_t point[static MESH_KEY_LEN])
{
	struct msg_dh m = {.conn = k->id};
	uint8_t body[64];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	memcpy(m.point, point, MESH_KEY_LEN);
	if (msg_write_dh(&w, &m))
		front_send(k->front, LINK_DH, body, w.len);
}

bool
control_events(struct front_conn *k)
{
	struct mesh_control_server_event ev;

	while (mesh_control_server_event(k->session, &ev)) {
		switch (ev.kind) {
		case MESH_CONTROL_SERVER_DH:
			ask_dh(k, ev.point);
			break;
		case MESH_CONTROL_SERVER_CONNECTED:
			mesh_list_remove(&k->link);
			mesh_list_append(&k->front->known, &k->link);
			break;
		case MESH_CONTROL_SERVER_REQUEST:
			on_request(k, &ev);
			break;
		case MESH_CONTROL_SERVER_GONE:
			on_gone(k, ev.stream);
			break;
		case MESH_CONTROL_SERVER_CLOSED:
			log_debug("connection is over: %s", ev.diag.text[0]
			    ? ev.diag.text : mesh_strerror(ev.err));
			return false;
		}
	}
	return true;
}
