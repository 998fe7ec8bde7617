/* SPDX-License-Identifier: ISC
 * agent_control.c - the connection to the control server: its key, the channel,
 * register, the map stream and lite updates; again after a back-off when it
 * breaks. The network does not need any of it to go on.
 */
#include "agent_int.h"

#include "common/log.h"

#include <string.h>

#define OUT_STEP 16384u
#define BACKLOG_MAX (256u << 10) /* bytes; the session keeps the rest */

static void drive(struct agent *a);
static void flush(struct agent *a);
static void dial(struct agent *a);

/* --- going down */

static void
drop_session(struct agent *a)
{
	struct agent_control *c = &a->control;

	mesh_control_client_free(c->client);
	agent_conn_free(c->conn);
	c->client = NULL;
	c->conn = NULL;
	mesh_keyfetch_release(&c->fetch);
	mesh_keyfetch_init(&c->fetch);
	event_del(c->timer);
	c->ready = c->registered = false;
	c->register_id = c->lite_id = c->map_id = 0;
}

void
agent_control_stop(struct agent *a)
{
	if (a->control.timer == NULL)
		return;
	drop_session(a);
	event_del(a->control.retry);
	a->control.phase = CONTROL_OFF;
}

static void
wait_and_retry(struct agent *a, uint64_t ns)
{
	a->control.phase = CONTROL_WAITING;
	agent_arm(a->control.retry, mesh_time_add(agent_now(), ns));
}

void
agent_control_failed(struct agent *a, const char *why)
{
	struct agent_control *c = &a->control;
	bool was_up = c->registered;
	uint32_t random;

	agent_random(&random, sizeof(random));
	if (was_up)
		log_warn("control is lost: %s", why);
	else if (c->backoff.tries == 0)
		log_warn("control is not reached: %s", why);
	else
		log_debug("control is not reached: %s", why);
	if (why != a->login.error)
		(void)mesh_format(a->login.error, sizeof(a->login.error),
		    "%.150s", why);
	drop_session(a);
	wait_and_retry(a, mesh_backoff_fail(&c->backoff, random));
	agent_state_changed(a);
}

void
agent_control_restart(struct agent *a)
{
	if (a->control.timer == NULL)
		return;
	agent_control_stop(a);
	agent_control_kick(a);
}

/* --- GET /key */

static void
key_opened(void *arg)
{
	struct agent *a = arg;
	struct mesh_buf out;

	mesh_buf_init(&out, 8192);
	if (mesh_keyfetch_request(a->control.url.authority, MESH_CAPVER,
		&out) == MESH_OK)
		agent_conn_send(a->control.conn, out.data, out.len);
	mesh_buf_release(&out);
}

static void
key_input(struct agent *a, const uint8_t *p, size_t len)
{
	struct agent_control *c = &a->control;
	struct mesh_server_keys keys;
	struct mesh_diag diag = {{0}};
	int err = mesh_keyfetch_input(&c->fetch, p, len, &keys, &diag);

	if (err == MESH_ERR_AGAIN)
		return;
	if (err != MESH_OK) {
		agent_control_failed(a, diag.text[0] ? diag.text : mesh_strerror(err));
		return;
	}
	if (agent_pin_check(a, &keys.noise, &diag) != MESH_OK) {
		agent_login_failed(a, diag.text);
		return;
	}
	c->server_key = keys.noise;
	drop_session(a);
	dial(a);
}

static void
key_data(void *arg, const uint8_t *p, size_t len)
{
	key_input(arg, p, len);
}

static void
key_closed(void *arg, const char *why)
{
	struct agent *a = arg;

	if (a->control.fetch.began) /* its end may be the end of the answer */
		key_input(a, NULL, 0);
	else
		agent_control_failed(a, why);
}

static void
nothing(void *arg)
{
	(void)arg;
}

static const struct agent_conn_ops key_ops = {
    .opened = key_opened,
    .data = key_data,
    .drained = nothing,
    .closed = key_closed,
};

/* --- the channel */

static void
channel_opened(void *arg)
{
	struct agent *a = arg;

	a->control.phase = CONTROL_CHANNEL;
	drive(a);
}

static void
channel_data(void *arg, const uint8_t *p, size_t len)
{
	struct agent *a = arg;

	if (a->control.client != NULL)
		(void)mesh_control_client_input(a->control.client, p, len,
		    agent_now());
	drive(a);
}

static void
channel_drained(void *arg)
{
	drive(arg);
}

static void
channel_closed(void *arg, const char *why)
{
	struct agent *a = arg;
	struct agent_control *c = &a->control;

	if (c->phase != CONTROL_CHANNEL) {
		agent_control_failed(a, why);
		return;
	}
	(void)mesh_control_client_input(c->client, NULL, 0, agent_now());
	drive(a); /* brings MESH_CONTROL_CLOSED */
}

static const struct agent_conn_ops channel_ops = {
    .opened = channel_opened,
    .data = channel_data,
    .drained = channel_drained,
    .closed = channel_closed,
};

static int
make_session(struct agent *a)
{
	struct mesh_control_client_config cfg = {
	    .server_key = a->control.server_key,
	    .secret = &a->machine_secret,
	    .authority = a->control.url.authority,
	};
	uint8_t random[MESH_CONTROL_CLIENT_RANDOM];
	int err;

	agent_random(random, sizeof(random));
	err = mesh_control_client_new(&cfg, random, agent_now(),
	    &a->control.client);
	explicit_bzero(random, sizeof(random));
	return err;
}

/* The scheme of the URL is the way for both: the key needs it, and the channel
 * then goes where the key came from. */
static void
dial(struct agent *a)
{
	struct agent_control *c = &a->control;
	bool have_key = !mesh_machine_key_is_zero(&c->server_key);
	const struct agent_conn_ops *ops = have_key ? &channel_ops : &key_ops;

	event_del(c->retry);
	c->phase = have_key ? CONTROL_DIALING : CONTROL_KEY;
	if (have_key && make_session(a) != MESH_OK) {
		agent_control_failed(a, "no session: out of memory, or a key that is none");
		return;
	}
	c->conn = agent_conn_new(a, c->url.host, c->url.port, c->url.https, ops,
	    a);
	if (c->conn == NULL)
		agent_control_failed(a, "out of memory");
}

/* --- requests */

void
agent_control_register(struct agent *a)
{
	struct agent_control *c = &a->control;
	struct mesh_register_request r = {0};
	struct mesh_buf host;

	if (!c->ready || !a->have_state || a->login.rekeying)
		return;
	if (c->register_id != 0)
		mesh_control_client_cancel(c->client, c->register_id);
	c->register_id = 0;
	mesh_buf_init(&host, MESH_CONTROL_BODY_MAX);
	agent_host_write(a, &host);
	r.hostinfo = (struct mesh_str){(const char *)host.data, host.len};
	c->register_key = a->state.node;
	agent_login_request(a, &r);
	if (host.failed ||
	    mesh_control_client_register(c->client, &r, agent_now(),
		&c->register_id) != MESH_OK)
		log_err("cannot register: request too large");
	mesh_buf_release(&host);
	flush(a);
}

/* Endpoints and their kinds, as the engine found them. */
static void
put_endpoints(const struct agent *a, struct mesh_arena *m,
    struct mesh_map_request *r)
{
	size_t count = a->state.endpoint_count;
	struct mesh_endpoint *eps = mesh_arena_calloc(m, count + 1,
	    sizeof(*eps));
	int64_t *types = mesh_arena_calloc(m, count + 1, sizeof(*types));

	if (eps == NULL || types == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		eps[i] = a->state.endpoints[i].ep;
		types[i] = a->state.endpoints[i].kind;
	}
	r->endpoints = (struct mesh_bind_list){eps, count, true};
	r->endpoint_types = (struct mesh_bind_list){types, count, true};
}

static uint32_t
ask_map(struct agent *a, bool stream)
{
	struct mesh_map_request r = {
	    .compress = "zstd",
	    .keep_alive = true,
	    .node_key = a->state.node,
	    .disco_key = a->state.disco,
	    .stream = stream,
	    .omit_peers = !stream,
	};
	struct mesh_arena m;
	struct mesh_buf host;
	uint32_t id = 0;

	mesh_arena_init(&m, 1u << 18);
	mesh_buf_init(&host, MESH_CONTROL_BODY_MAX);
	agent_host_write(a, &host);
	r.hostinfo = (struct mesh_str){(const char *)host.data, host.len};
	put_endpoints(a, &m, &r);
	if (mesh_control_client_map(a->control.client, &r, agent_now(), &id) !=
	    MESH_OK)
		id = 0;
	mesh_buf_release(&host);
	mesh_arena_release(&m);
	return id;
}

static void
send_lite(struct agent *a)
{
	struct agent_control *c = &a->control;

	if (!c->registered || !c->lite_wanted || c->lite_id != 0 ||
	    c->client == NULL)
		return;
	c->lite_wanted = false;
	c->lite_id = ask_map(a, false);
}

void
agent_control_update(struct agent *a)
{
	a->control.lite_wanted = true;
	send_lite(a);
	flush(a);
}

void
agent_control_poll(struct agent *a)
{
	struct agent_control *c = &a->control;

	if (c->client == NULL)
		return;
	c->registered = true;
	c->first_frame = true;
	c->map_id = ask_map(a, true);
	c->lite_wanted = true;
	send_lite(a);
	flush(a);
}

void
agent_control_post(struct agent *a, struct mesh_str path,
    const struct mesh_buf *body)
{
	char text[MESH_URL_PATH_MAX + 1];
	struct mesh_control_request r = {.method = "POST", .path = text,
	    .body = {(const char *)body->data, body->len}};

	if (a->control.client == NULL ||
	    mesh_str_copy(path, text, sizeof(text)) != MESH_OK)
		return;
	(void)mesh_control_client_request(a->control.client, &r, agent_now(),
	    NULL);
	flush(a);
}

/* --- events */

/* What any frame may say, a keep-alive too. */
static void
take_head(struct agent *a, const struct mesh_map_head *m)
{
	const char *url = m ? m->pop_browser_url : NULL;

	if (m == NULL)
		return;
	if (mesh_wall_is_set(m->control_time)) {
		a->control_time = m->control_time;
		a->control_time_at = agent_now();
	}
	if (url == NULL || *url == 0 || strcmp(url, a->control.pop_url) == 0 ||
	    mesh_format(a->control.pop_url, sizeof(a->control.pop_url), "%s",
		url) != MESH_OK)
		return;
	log_info("control wants a page to be seen url=%s", url);
	agent_api_notify(a, &(struct mesh_notify){.browse_to_url = url});
}

static void
take_map(struct agent *a, const struct mesh_control_client_event *ev)
{
	struct agent_control *c = &a->control;
	struct mesh_diag diag = {{0}};
	bool fresh = c->first_frame;
	int err;

	take_head(a, ev->map);
	if (fresh && ev->text.len == 0)
		return;
	if (fresh && (ev->map == NULL || ev->map->node.len == 0))
		return; /* not the map yet */
	err = agent_net_frame(a, ev->text, fresh, &diag);
	if (err != MESH_OK) {
		agent_control_failed(a, diag.text[0] ? diag.text : mesh_strerror(err));
		return;
	}
	if (fresh) {
		mesh_backoff_reset(&c->backoff);
		a->login.error[0] = 0;
		log_info("network from control peers=%zu", a->nm->peer_count);
	}
	c->first_frame = false;
}

/* Our node key is not known there (any more). */
static void
forgotten(struct agent *a)
{
	log_warn("control does not know this node: registering again");
	a->control.registered = false;
	agent_control_failed(a, "control does not know this node");
}

static void
take_map_end(struct agent *a, const struct mesh_control_client_event *ev)
{
	a->control.map_id = 0;
	if (ev->status == 404)
		forgotten(a);
	else
		agent_control_failed(a, ev->diag.text[0] ? ev->diag.text
					   : mesh_strerror(ev->err));
}

static void
take_lite(struct agent *a, const struct mesh_control_client_event *ev)
{
	a->control.lite_id = 0;
	if (ev->status == 404)
		forgotten(a);
	else
		send_lite(a);
}

static void
take_event(struct agent *a, const struct mesh_control_client_event *ev)
{
	struct agent_control *c = &a->control;

	switch (ev->kind) {
	case MESH_CONTROL_READY:
		c->ready = true;
		agent_control_register(a);
		break;
	case MESH_CONTROL_REGISTER:
		c->register_id = 0;
		agent_login_answer(a, ev);
		break;
	case MESH_CONTROL_MAP:
		take_map(a, ev);
		break;
	case MESH_CONTROL_MAP_END:
		take_map_end(a, ev);
		break;
	case MESH_CONTROL_RESPONSE:
		if (ev->id == c->lite_id)
			take_lite(a, ev);
		break;
	case MESH_CONTROL_CLOSED:
		if (ev->err == MESH_ERR_AUTH || !c->ready)
			memset(&c->server_key, 0, sizeof(c->server_key));
		agent_control_failed(a, ev->diag.text[0] ? ev->diag.text
					   : mesh_strerror(ev->err));
		break;
	case MESH_CONTROL_PING:
		agent_ping_control(a, ev->ping);
		break;
	case MESH_CONTROL_KEEPALIVE:
		take_head(a, ev->map);
		break;
	}
}

static void
flush(struct agent *a)
{
	struct agent_control *c = &a->control;
	uint8_t buf[OUT_STEP];
	size_t n;

	if (c->phase != CONTROL_CHANNEL || c->client == NULL)
		return;
	while (agent_conn_backlog(c->conn) < BACKLOG_MAX &&
	    (n = mesh_control_client_output(c->client, buf, sizeof(buf),
		 agent_now())) > 0)
		agent_conn_send(c->conn, buf, n);
	agent_arm(c->timer, mesh_control_client_deadline(c->client));
}

/* After everything that may have moved the session. An event's handler may end
 * the session, and begin another. */
static void
drive(struct agent *a)
{
	struct agent_control *c = &a->control;
	struct mesh_control_client *client = c->client;
	struct mesh_control_client_event ev;

	while (client != NULL && client == c->client &&
	    mesh_control_client_event(client, &ev))
		take_event(a, &ev);
	if (client == NULL || client != c->client)
		return;
	flush(a);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	(void)fd;
	(void)what;
	if (a->control.client == NULL)
		return;
	mesh_control_client_tick(a->control.client, agent_now());
	drive(a);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	(void)fd;
	(void)what;
	a->control.phase = CONTROL_OFF;
	agent_control_kick(a);
}

int
agent_control_init(struct agent *a)
{
	struct agent_control *c = &a->control;

	mesh_keyfetch_init(&c->fetch);
	c->timer = event_new(a->base, -1, 0, on_timer, a);
	c->retry = event_new(a->base, -1, 0, on_retry, a);
	return c->timer != NULL && c->retry != NULL ? MESH_OK : MESH_ERR_NOMEM;
}

void
agent_control_kick(struct agent *a)
{
	struct agent_control *c = &a->control;
	struct mesh_diag diag = {{0}};

	if (c->timer == NULL)
		return;
	if (!agent_login_is_wanted(a)) {
		agent_control_stop(a);
		return;
	}
	if (c->phase != CONTROL_OFF || !a->have_state)
		return;
	if (mesh_control_url_parse(a->prefs.control_url, &c->url, &diag) !=
	    MESH_OK) {
		(void)mesh_format(a->login.error, sizeof(a->login.error),
		    "%.150s", diag.text);
		agent_state_changed(a);
		return;
	}
	dial(a);
}
