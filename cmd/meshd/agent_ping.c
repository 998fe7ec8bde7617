/* SPDX-License-Identifier: ISC
 * agent_ping.c - what control asks of a node beside the channel: HEAD a URL to
 * show that it lives; ping a peer and say how that went (control.md 9).
 */
#include "agent_int.h"

#include "common/log.h"
#include "wire/http.h"

#include <stdlib.h>
#include <string.h>

#define ERRANDS_MAX 16u
#define HTTP_NS (15 * MESH_SEC)
#define PING_MS 10000u
#define PATIENCE_NS (PING_MS * MESH_MS + MESH_SEC)

/* One thing to do: first a ping, if one is asked for, then a request. */
struct errand {
	struct mesh_list node;
	struct agent *agent;
	struct event *timer; /* then it is given up */
	char url[MESH_URL_PATH_MAX + MESH_URL_HOST_MAX];
	bool noise;       /* the request goes through the channel */
	uint32_t ping_id; /* that the engine answers; 0: none */
	const char *type;
	struct mesh_ip ip;
	struct agent_conn *conn;
	struct mesh_buf out; /* the request */
};

static const struct {
	const char *name;
	enum tbl_ping_kind kind;
} kinds[] = {
    {"disco", TBL_PING_DISCO},
    {"TSMP", TBL_PING_TSMP},
    {"ICMP", TBL_PING_ICMP},
};

static void
errand_free(struct errand *e)
{
	mesh_list_remove(&e->node);
	agent_conn_free(e->conn);
	mesh_buf_release(&e->out);
	event_free(e->timer);
	free(e);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	errand_free(arg);
}

static struct errand *
errand_new(struct agent *a, const struct mesh_ping_request *p, uint64_t ns)
{
	size_t count = 0;
	struct errand *e;

	for (const struct mesh_list *i = a->errands.next; i != &a->errands;
	     i = i->next)
		count++;
	e = count < ERRANDS_MAX ? calloc(1, sizeof(*e)) : NULL;
	if (e == NULL)
		return NULL;
	e->agent = a;
	e->noise = p->url_is_noise;
	e->ip = p->ip;
	e->timer = event_new(a->base, -1, 0, on_timeout, e);
	if (e->timer == NULL ||
	    mesh_format(e->url, sizeof(e->url), "%s", p->url) != MESH_OK) {
		if (e->timer != NULL)
			event_free(e->timer);
		free(e);
		return NULL;
	}
	mesh_buf_init(&e->out, MESH_HTTP_HEAD_MAX);
	mesh_list_append(&a->errands, &e->node);
	agent_arm(e->timer, mesh_time_add(agent_now(), ns));
	return e;
}

/* --- a request outside of the channel; nobody reads the answer */

static void
http_opened(void *arg)
{
	struct errand *e = arg;

	agent_conn_send(e->conn, e->out.data, e->out.len);
}

static void
http_data(void *arg, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	errand_free(arg);
}

static void
http_drained(void *arg)
{
	(void)arg;
}

static void
http_closed(void *arg, const char *why)
{
	log_debug("control's ping: %s", why);
	errand_free(arg);
}

static const struct agent_conn_ops http_ops = {
    .opened = http_opened,
    .data = http_data,
    .drained = http_drained,
    .closed = http_closed,
};

/* The URL without its path is that of a server. */
static bool
take_url(const char *text, struct mesh_control_url *url)
{
	const char *host = strstr(text, "://");
	char base[MESH_URL_HOST_MAX + 16];
	size_t len;

	if (host == NULL)
		return false;
	len = (size_t)(host - text) + 3 + strcspn(host + 3, "/?#");
	return mesh_str_copy((struct mesh_str){text, len}, base,
		   sizeof(base)) == MESH_OK &&
	       mesh_control_url_parse(base, url, NULL) == MESH_OK;
}

/* Frees the errand when there is nothing to be done. */
static void
send_http(struct errand *e, const char *method, struct mesh_str body)
{
	struct mesh_control_url url;
	char path[MESH_URL_PATH_MAX + 1];
	struct mesh_str where = mesh_url_path(e->url);

	if (!take_url(e->url, &url) ||
	    mesh_str_copy(where, path, sizeof(path)) != MESH_OK) {
		errand_free(e);
		return;
	}
	mesh_http_write_request(&e->out, method, path[0] ? path : "/",
	    url.authority);
	mesh_http_write_field(&e->out, "Connection", "close");
	if (body.len > 0)
		mesh_http_write_length(&e->out, body.len);
	mesh_http_write_end(&e->out);
	(void)mesh_buf_add(&e->out, body.p, body.len);
	if (!e->out.failed)
		e->conn = agent_conn_new(e->agent, url.host, url.port,
		    url.https, &http_ops, e);
	if (e->conn == NULL)
		errand_free(e);
	else
		agent_arm(e->timer, mesh_time_add(agent_now(), HTTP_NS));
}

/* --- pings */

static void
put_result(const struct errand *e, const struct mesh_node *n,
    const struct tbl_pong *pong, struct mesh_buf *out)
{
	const struct agent *a = e->agent;
	const struct mesh_relaymap_region *r =
	    pong == NULL ? NULL
			 : mesh_relaymap_find(a->nm->relays, pong->region);
	char ip[MESH_IP_TEXT], ep[MESH_ENDPOINT_TEXT], name[256];
	struct mesh_jw w;

	mesh_ip_format(&e->ip, ip);
	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "Type");
	mesh_jw_string(&w, e->type);
	mesh_jw_name(&w, "IP");
	mesh_jw_string(&w, ip);
	if (n == NULL || pong == NULL) {
		mesh_jw_name(&w, "Err");
		mesh_jw_string(&w, "no matching peer");
		mesh_jw_end_object(&w);
		return;
	}
	mesh_jw_name(&w, "NodeIP");
	mesh_jw_string(&w, ip);
	(void)mesh_format(name, sizeof(name), "%.*s",
	    (int)strcspn(n->name ? n->name : "", "."), n->name ? n->name : "");
	mesh_jw_name(&w, "NodeName");
	mesh_jw_string(&w, name);
	mesh_jw_name(&w, "LatencySeconds");
	mesh_jw_double(&w, (double)pong->latency_ns / 1e9);
	/* The way is told of disco alone: the others go through the tunnel. */
	bool way = strcmp(e->type, "disco") == 0;
	if (way && !mesh_ip_is_none(&pong->endpoint.ip)) {
		mesh_jw_name(&w, "Endpoint");
		mesh_jw_string(&w, mesh_endpoint_format(&pong->endpoint, ep));
	}
	if (way && pong->region != 0) {
		mesh_jw_name(&w, "DERPRegionID");
		mesh_jw_int(&w, pong->region);
		mesh_jw_name(&w, "DERPRegionCode");
		mesh_jw_string(&w, r != NULL && r->code ? r->code : "");
	}
	if (pong->peerapi != 0) {
		mesh_jw_name(&w, "PeerAPIPort");
		mesh_jw_int(&w, pong->peerapi);
	}
	mesh_jw_end_object(&w);
}

/* Says how it went; frees the errand now or when that is said. */
static void
tell_result(struct errand *e, const struct mesh_node *n,
    const struct tbl_pong *pong)
{
	struct mesh_buf body;

	mesh_buf_init(&body, 4096);
	put_result(e, n, pong, &body);
	if (body.failed) {
		errand_free(e);
	} else if (e->noise) {
		agent_control_post(e->agent, mesh_url_path(e->url), &body);
		errand_free(e);
	} else {
		send_http(e, "POST",
		    (struct mesh_str){(const char *)body.data, body.len});
	}
	mesh_buf_release(&body);
}

void
agent_ping_pong(struct agent *a, const struct tbl_pong *pong)
{
	for (struct mesh_list *i = a->errands.next; i != &a->errands;
	     i = i->next) {
		struct errand *e = MESH_CONTAINER(i, struct errand, node);
		const struct mesh_node *n;

		if (e->ping_id == 0 || e->ping_id != pong->id)
			continue;
		n = a->nm ? mesh_netmap_by_ip(a->nm, &e->ip) : NULL;
		if (pong->err != MESH_OK || n == NULL) /* stock says nothing */
			errand_free(e);
		else
			tell_result(e, n, pong);
		return;
	}
}

static void
ping_peer(struct agent *a, const struct mesh_ping_request *p, size_t kind)
{
	const struct mesh_node *n =
	    a->nm ? mesh_netmap_by_ip(a->nm, &p->ip) : NULL;
	struct errand *e = errand_new(a, p, PATIENCE_NS);
	uint8_t body[64];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	if (e == NULL)
		return;
	e->type = kinds[kind].name;
	if (n == NULL || n == a->nm->self) {
		tell_result(e, NULL, NULL);
		return;
	}
	e->ping_id = agent_ask_id(a);
	tbl_ping_put(&w, &(struct tbl_ping){.id = e->ping_id,
			     .kind = kinds[kind].kind,
			     .node = n->key,
			     .ip = p->ip,
			     .timeout_ms = PING_MS});
	if (!agent_port_send(&a->engine, MSG_PING, 0, body, w.len))
		errand_free(e);
}

/* "disco,TSMP": what we do not know is left out. */
static void
ping_peer_by(struct agent *a, const struct mesh_ping_request *p)
{
	struct mesh_str rest = mesh_str(p->types);

	while (rest.len > 0) {
		struct mesh_str type = mesh_str_cut(&rest, ',');

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (mesh_str_eq(type, kinds[i].name))
				ping_peer(a, p, i);
	}
}

void
agent_ping_control(struct agent *a, const struct mesh_ping_request *p)
{
	struct errand *e;

	if (p->types != NULL && *p->types != 0) {
		if (!mesh_ip_is_none(&p->ip))
			ping_peer_by(a, p);
		return;
	}
	e = errand_new(a, p, HTTP_NS);
	if (e != NULL)
		send_http(e, "HEAD", (struct mesh_str){0});
}

void
agent_ping_release(struct agent *a)
{
	while (!mesh_list_is_empty(&a->errands))
		errand_free(MESH_CONTAINER(a->errands.next, struct errand,
		    node));
}
