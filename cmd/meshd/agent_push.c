/* SPDX-License-Identifier: ISC
 * agent_push.c - the netmap as the engine and the monitor want it: tables of a
 * generation, whole or as a difference to the last one.
 *
 * A table is built whole and compared with what was sent before, so that what
 * has not changed is not sent; peers go by the difference of two snapshots.
 */
#include "agent_int.h"

#include "common/log.h"
#include "filter/table.h"
#include "netmap/diff.h"

#include <stdlib.h>
#include <string.h>

#define PEER_SCRATCH 32768u /* a peer at its largest fits */
#define RETRY_NAME_NS (30 * MESH_SEC)
#define RELAY_NAMES_MAX 4096u
#define MANY_ROUTES 10000u /* of single IPv4 addresses: then the whole range */
#define EXPIRY_CHECK_S 86400
#define WAY_LOG_BURST 100u
#define WAY_LOG_EVERY_NS MESH_SEC

struct agent_relay_name {
	struct mesh_list node;
	struct agent *agent;
	char host[MESH_URL_HOST_MAX];
	struct agent_lookup *lookup; /* NULL: not under way */
	struct agent_addrs addrs;
	struct mesh_time retry; /* when there was no answer */
};

static void
on_push_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	(void)fd;
	(void)what;
	agent_push_all(a); /* a peer's flags may be others by now */
	agent_state_changed(a);
}

void
agent_push_init(struct agent *a)
{
	uint8_t seed[MESH_MAP_SEED_LEN];

	agent_random(seed, sizeof(seed));
	mesh_map_init(&a->peer_status, MESH_KEY_LEN, TBL_PEERS_MAX, seed);
	a->way_log = mesh_ratelimit_init(WAY_LOG_BURST, WAY_LOG_EVERY_NS);
	mesh_buf_init(&a->pushed_self, MSG_BODY_MAX);
	mesh_buf_init(&a->pushed_filter, MSG_BULK_MAX);
	mesh_buf_init(&a->pushed_relays, MSG_BULK_MAX);
	a->push_timer = event_new(a->base, -1, 0, on_push_timer, a);
}

void
agent_push_release(struct agent *a)
{
	while (!mesh_list_is_empty(&a->relay_names)) {
		struct agent_relay_name *n = MESH_CONTAINER(a->relay_names.next,
		    struct agent_relay_name, node);

		mesh_list_remove(&n->node);
		free(n);
	}
	mesh_buf_release(&a->pushed_self);
	mesh_buf_release(&a->pushed_filter);
	mesh_buf_release(&a->pushed_relays);
	mesh_map_release(&a->peer_status);
	event_free(a->push_timer);
}

/* --- ourselves */

bool
agent_is_expired(const struct agent *a, const struct mesh_node *n)
{
	return n->expired ||
	    (mesh_wall_is_set(n->key_expiry) &&
		n->key_expiry.sec <= agent_control_wall(a).sec);
}

/* Do we take part in the network? */
static bool
is_running(const struct agent *a)
{
	const struct mesh_node *self = a->nm ? a->nm->self : NULL;

	if (self == NULL || !mesh_node_key_equal(&self->key, &a->state.node))
		return false;
	if (a->nm_is_file)
		return true;
	return a->prefs.want_running && !a->prefs.logged_out &&
	    !agent_is_expired(a, self);
}

static bool
is_own_address(const struct mesh_node *n, const struct mesh_prefix *p)
{
	const struct mesh_prefix *own = mesh_node_addresses(n);

	for (size_t i = 0; i < n->addresses.count; i++)
		if (mesh_prefix_eq(&own[i], p))
			return true;
	return false;
}

static void
put_self(const struct agent *a, struct mesh_buf *out)
{
	const struct mesh_node *n = a->nm ? a->nm->self : NULL;
	struct mesh_prefix addrs[TBL_OWN_ADDRS_MAX], routes[TBL_OWN_ROUTES_MAX];
	struct tbl_self t = {.node = a->state.node, .addrs.v = addrs,
	    .routes.v = routes};
	uint8_t body[16384];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	if (is_running(a))
		t.flags |= TBL_SELF_RUNNING;
	if (a->control.registered)
		t.flags |= TBL_SELF_CONTROL;
	for (size_t i = 0; n != NULL && i < n->allowed_ips.count; i++) {
		const struct mesh_prefix *p = &mesh_node_allowed_ips(n)[i];

		if (!is_own_address(n, p) && t.routes.count < TBL_OWN_ROUTES_MAX)
			routes[t.routes.count++] = *p;
	}
	for (size_t i = 0; n != NULL && i < n->addresses.count &&
	     t.addrs.count < TBL_OWN_ADDRS_MAX; i++)
		if (mesh_prefix_is_single(&mesh_node_addresses(n)[i]))
			addrs[t.addrs.count++] = mesh_node_addresses(n)[i];
	if (n != NULL) {
		t.id = (uint64_t)n->id;
		t.home_region = (uint16_t)n->home_derp;
	}
	tbl_self_put(&w, &t);
	mesh_buf_add(out, body, w.len);
}

/* --- peers */

/* Addresses always; routes when the user takes them. A default route needs to be
 * chosen as an exit, which we do not do. */
static bool
is_active_prefix(const struct agent *a, const struct mesh_node *n,
    const struct mesh_prefix *p)
{
	struct mesh_prefix masked = mesh_prefix_masked(*p);

	if (!mesh_prefix_eq(&masked, p) || mesh_prefix_len(p) == 0)
		return false;
	if (is_own_address(n, p))
		return true;
	return (mesh_prefix_is_single(p) && mesh_ip_is_mesh(&p->ip)) ||
	    a->prefs.route_all;
}

static uint32_t
peer_flags(const struct agent *a, const struct mesh_node *n)
{
	uint32_t flags = 0;

	if (n->is_wireguard_only)
		flags |= TBL_PEER_WG_ONLY;
	if (agent_is_expired(a, n))
		flags |= TBL_PEER_EXPIRED;
	if (n->online > 0)
		flags |= TBL_PEER_ONLINE;
	if (n->is_jailed)
		flags |= TBL_PEER_JAILED;
	return flags;
}

/* All tables for an engine that has none: those who had a session in the one
 * before it would notice late. */
static uint32_t
lost_session(const struct agent *a, const struct mesh_node *n)
{
	const struct tbl_peer_status *s =
	    mesh_map_get(&a->peer_status, n->key.b);
	bool had = s != NULL && (s->flags & TBL_PEER_SESSION);

	return a->pushed == NULL && had ? TBL_PEER_CONNECT : 0;
}

static void
put_peer(const struct agent *a, const struct mesh_node *n, struct mesh_buf *out)
{
	struct mesh_prefix allowed[TBL_ALLOWED_MAX];
	struct mesh_endpoint endpoints[TBL_ENDPOINTS_MAX];
	struct tbl_peer t = {
	    .node = n->key,
	    .disco = n->disco,
	    .id = (uint64_t)n->id,
	    .flags = peer_flags(a, n) | lost_session(a, n),
	    .cap = (uint32_t)n->cap,
	    .home_region = (uint16_t)n->home_derp,
	    .allowed.v = allowed,
	    .endpoints = endpoints,
	};
	uint8_t body[PEER_SCRATCH];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	if (mesh_node_key_is_zero(&n->key))
		return;
	for (size_t i = 0; i < n->allowed_ips.count &&
	     t.allowed.count < TBL_ALLOWED_MAX; i++) {
		const struct mesh_prefix *p = &mesh_node_allowed_ips(n)[i];

		if (is_active_prefix(a, n, p))
			allowed[t.allowed.count++] = *p;
	}
	for (size_t i = 0; i < n->endpoints.count &&
	     t.endpoint_count < TBL_ENDPOINTS_MAX; i++) {
		const struct mesh_endpoint *e = &mesh_node_endpoints(n)[i];

		if (!mesh_ip_is_none(&e->ip) && e->port != 0)
			endpoints[t.endpoint_count++] = *e;
	}
	tbl_peer_put(&w, &t);
	if (mesh_wr_ok(&w))
		mesh_buf_add(out, body, w.len);
}

/* Peers that came or changed, and keys that are no peer's any more. */
static void
put_difference(const struct agent *a, struct mesh_buf *put,
    struct mesh_buf *drop)
{
	struct mesh_netmap_change c;
	struct mesh_netmap_diff d;

	mesh_netmap_diff_init(&d, a->pushed, a->nm);
	while (mesh_netmap_diff_next(&d, &c)) {
		if (c.new != NULL)
			put_peer(a, c.new, put);
		if (c.old != NULL && !mesh_node_key_is_zero(&c.old->key) &&
		    (c.new == NULL || (c.fields & MESH_NODE_KEY)))
			mesh_buf_add(drop, c.old->key.b, MESH_KEY_LEN);
	}
}

/* --- relays */

static void
on_name(void *arg, const struct agent_addrs *addrs)
{
	struct agent_relay_name *name = arg;

	name->lookup = NULL;
	if (addrs->count == 0) {
		log_warn("relay has no address name=%s", name->host);
		name->retry = mesh_time_add(agent_now(), RETRY_NAME_NS);
		return;
	}
	name->addrs = *addrs;
	name->retry = MESH_NEVER;
	agent_push(name->agent);
}

static struct agent_relay_name *
find_name(struct agent *a, const char *host)
{
	size_t count = 0;

	for (struct mesh_list *i = a->relay_names.next; i != &a->relay_names;
	     i = i->next, count++) {
		struct agent_relay_name *n =
		    MESH_CONTAINER(i, struct agent_relay_name, node);

		if (strcmp(n->host, host) == 0)
			return n;
	}
	struct agent_relay_name *n =
	    count < RELAY_NAMES_MAX ? calloc(1, sizeof(*n)) : NULL;

	if (n == NULL || mesh_format(n->host, sizeof(n->host), "%s", host) != 0) {
		free(n);
		return NULL;
	}
	n->agent = a;
	mesh_list_append(&a->relay_names, &n->node);
	return n; /* retry is 0: at once */
}

/* Addresses that the map does not give come from the name, when it is known. */
static void
add_looked_up(struct agent *a, struct tbl_relay_node *t, bool want4, bool want6)
{
	struct agent_relay_name *n = find_name(a, t->host);

	if (n == NULL)
		return;
	if (n->lookup == NULL && mesh_time_due(n->retry, agent_now()))
		n->lookup = agent_resolve(a, n->host, on_name, n);
	for (size_t i = 0; i < n->addrs.count; i++) {
		const struct mesh_ip *ip = &n->addrs.v[i];

		if (mesh_ip_is4(ip) && want4 && mesh_ip_is_none(&t->ip4))
			t->ip4 = *ip;
		else if (!mesh_ip_is4(ip) && want6 && mesh_ip_is_none(&t->ip6))
			t->ip6 = *ip;
	}
}

static void
make_relay(struct agent *a, const struct mesh_relaymap_host *h,
    struct tbl_relay_node *out)
{
	const char *ip4 = h->ipv4 ? h->ipv4 : "", *ip6 = h->ipv6 ? h->ipv6 : "";
	struct tbl_relay_node t = {
	    .host = h->hostname ? h->hostname : "",
	    .cert = h->cert_name ? h->cert_name : "",
	    .relay_port = h->relay_port > 0 ? (uint16_t)h->relay_port
					    : MESH_RELAY_PORT,
	};

	(void)mesh_ip_parse(mesh_str(ip4), &t.ip4);
	(void)mesh_ip_parse(mesh_str(ip6), &t.ip6);
	if (h->stun_port >= 0)
		t.stun_port = h->stun_port ? (uint16_t)h->stun_port
					   : MESH_STUN_PORT;
	if (h->stun_only)
		t.flags |= TBL_RELAY_STUN_ONLY;
	if (h->insecure_for_tests)
		t.flags |= TBL_RELAY_INSECURE;
	if (*t.host != 0 && (*ip4 == 0 || *ip6 == 0) &&
	    (mesh_ip_is_none(&t.ip4) || *ip4 == 0))
		add_looked_up(a, &t, *ip4 == 0, *ip6 == 0);
	*out = t;
}

static uint32_t
region_score(const struct mesh_relaymap *m, const char *id)
{
	const struct mesh_doubles *d = m->home ? &m->home->region_score : NULL;

	for (size_t i = 0; d != NULL && i < d->count; i++)
		if (strcmp(d->items[i].name, id) == 0 &&
		    d->items[i].value > 0 && d->items[i].value < 1000)
			return (uint32_t)(d->items[i].value * 1000);
	return 1000;
}

static void
put_region(struct agent *a, const struct mesh_relaymap_region *r,
    uint32_t score, struct mesh_buf *out)
{
	const struct mesh_relaymap_host *hosts = r->hosts.items;
	struct tbl_relay_node nodes[TBL_RELAY_NODES_MAX];
	struct tbl_region t = {
	    .id = (uint16_t)r->id,
	    .flags = r->avoid || r->no_measure_no_home ? TBL_REGION_AVOID : 0,
	    .score_permille = score,
	    .nodes = nodes,
	};
	uint8_t body[16384];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	(void)mesh_format(t.code, sizeof(t.code), "%.*s", (int)TBL_CODE_MAX,
	    r->code ? r->code : "");
	for (size_t i = 0; i < r->hosts.count && i < TBL_RELAY_NODES_MAX; i++)
		make_relay(a, &hosts[i], &nodes[t.node_count++]);
	tbl_region_put(&w, &t);
	if (mesh_wr_ok(&w))
		mesh_buf_add(out, body, w.len);
}

static void
put_relays(struct agent *a, struct mesh_buf *out)
{
	const struct mesh_relaymap *m = a->nm ? a->nm->relays : NULL;
	const struct mesh_relaymap_region *r = m ? m->regions.items : NULL;

	for (size_t i = 0; m != NULL && i < m->regions.count; i++)
		if (!m->regions.nulls[i] && r[i].id > 0 && r[i].id < UINT16_MAX)
			put_region(a, &r[i],
			    region_score(m, m->regions.names[i]), out);
}

/* --- the filter */

static void
put_filter(const struct agent *a, struct mesh_buf *out)
{
	struct mesh_filter_build *b;

	if (a->nm == NULL)
		return;
	b = mesh_filter_build_new();
	if (b == NULL) {
		out->failed = true;
		return;
	}
	if (a->prefs.shields_up)
		mesh_filter_build_shields(b);
	if (mesh_filter_build_netmap(b, a->nm) &&
	    mesh_filter_build_finish(b, out) != MESH_OK)
		out->failed = true;
	mesh_filter_build_free(b);
}

/* --- the TUN: addresses and routes, by the monitor */

static int
compare_prefixes(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct mesh_prefix));
}

static size_t
unique(struct mesh_prefix *v, size_t count)
{
	size_t kept = 0;

	if (count > 0)
		qsort(v, count, sizeof(*v), compare_prefixes);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !mesh_prefix_eq(&v[kept - 1], &v[i]))
			v[kept++] = v[i];
	return kept;
}

/* A single address of the network's ranges may stand for its range. */
static struct mesh_prefix
route_of(const struct mesh_prefix *p, bool many)
{
	struct mesh_prefix range = *p;

	if (!mesh_prefix_is_single(p) || !mesh_ip_is_mesh(&p->ip))
		return range;
	if (!mesh_ip_is4(&p->ip))
		range.bits = 48;
	else if (many)
		range.bits = 96 + 10;
	return mesh_prefix_masked(range);
}

static void
send_prefixes(struct agent *a, enum msg_type type, struct mesh_prefix *v,
    size_t count)
{
	size_t size = 16 + count * 32;
	uint8_t *body = malloc(size);
	struct tbl_prefixes t = {v, count};

	if (body == NULL)
		return;
	struct mesh_wr w = mesh_wr_init(body, size);
	tbl_prefixes_put(&w, &t);
	if (mesh_wr_ok(&w))
		(void)agent_port_send(&a->monitor, type, 0, body, w.len);
	free(body);
}

static bool
has_family(const struct mesh_node *n, bool is4)
{
	for (size_t i = 0; i < n->addresses.count; i++)
		if (mesh_ip_is4(&mesh_node_addresses(n)[i].ip) == is4)
			return true;
	return false;
}

static void
send_routes(struct agent *a, bool running)
{
	bool many = a->nm != NULL && a->nm->peer_count > MANY_ROUTES;
	struct mesh_prefix *v = calloc(TBL_PREFIXES_MAX, sizeof(*v));
	size_t count = 0;

	if (v == NULL)
		return;
	for (size_t i = 0; running && i < a->nm->peer_count; i++) {
		const struct mesh_node *n = a->nm->peers[i];
		const struct mesh_prefix *p = mesh_node_allowed_ips(n);

		if (count + n->allowed_ips.count > TBL_PREFIXES_MAX)
			count = unique(v, count);
		for (size_t k = 0; k < n->allowed_ips.count &&
		     count < TBL_PREFIXES_MAX; k++)
			if (is_active_prefix(a, n, &p[k]) &&
			    has_family(a->nm->self, mesh_ip_is4(&p[k].ip)))
				v[count++] = route_of(&p[k], many);
	}
	send_prefixes(a, MSG_ROUTES, v, unique(v, count));
	free(v);
}

static void
send_tun(struct agent *a, bool running)
{
	struct mesh_prefix v[TBL_OWN_ADDRS_MAX];
	size_t count = 0;

	if (running) {
		const struct mesh_node *n = a->nm->self;

		for (size_t i = 0; i < n->addresses.count &&
		     count < TBL_OWN_ADDRS_MAX; i++)
			v[count++] = mesh_node_addresses(n)[i];
	}
	send_prefixes(a, MSG_ADDRESSES, v, count);
	send_routes(a, running);
}

/* --- pushing */

/* Sends a table that is not what it was; keeps it. */
static bool
is_other(const struct mesh_buf *new, const struct mesh_buf *old)
{
	return !new->failed && (new->len != old->len ||
	    (new->len > 0 && memcmp(new->data, old->data, new->len) != 0));
}

static void
replace_buf(struct mesh_buf *old, struct mesh_buf *new)
{
	mesh_buf_release(old);
	*old = *new;
}

/* Keys expire without anybody saying so. */
static void
arm_expiry(struct agent *a)
{
	int64_t now = agent_control_wall(a).sec, next = now + EXPIRY_CHECK_S;

	for (size_t i = 0; a->nm != NULL && i <= a->nm->peer_count; i++) {
		const struct mesh_node *n =
		    i == 0 ? a->nm->self : a->nm->peers[i - 1];

		if (mesh_wall_is_set(n->key_expiry) &&
		    n->key_expiry.sec > now && n->key_expiry.sec < next)
			next = n->key_expiry.sec;
	}
	agent_arm(a->push_timer, mesh_time_add(agent_now(),
	    (uint64_t)(next - now + 1) * MESH_SEC));
}

struct round {
	struct mesh_buf self, put, drop, filter, relays;
	bool full;
};

static void
make_round(struct agent *a, struct round *r)
{
	r->full = a->pushed == NULL;
	mesh_buf_init(&r->self, MSG_BODY_MAX);
	mesh_buf_init(&r->put, MSG_BULK_MAX);
	mesh_buf_init(&r->drop, MSG_BULK_MAX);
	mesh_buf_init(&r->filter, MSG_BULK_MAX);
	mesh_buf_init(&r->relays, MSG_BULK_MAX);
	put_self(a, &r->self);
	put_difference(a, &r->put, &r->drop);
	put_filter(a, &r->filter);
	put_relays(a, &r->relays);
}

static void
send_round(struct agent *a, struct round *r)
{
	struct agent_port *e = &a->engine;
	uint64_t gen = ++a->generation;
	uint8_t full = r->full;
	bool filter = full || is_other(&r->filter, &a->pushed_filter);
	bool relays = full || is_other(&r->relays, &a->pushed_relays);

	(void)agent_port_send(e, MSG_BEGIN, gen, &full, 1);
	if (full || is_other(&r->self, &a->pushed_self))
		(void)agent_port_send(e, MSG_SELF, gen, r->self.data,
		    r->self.len);
	if (r->drop.len > 0 && !full)
		(void)agent_port_send(e, MSG_PEERS_DROP, gen, r->drop.data,
		    r->drop.len);
	if (r->put.len > 0)
		(void)agent_port_send(e, MSG_PEERS, gen, r->put.data,
		    r->put.len);
	if (filter)
		(void)agent_port_send(e, MSG_FILTER, gen, r->filter.data,
		    r->filter.len);
	if (relays)
		(void)agent_port_send(e, MSG_RELAYS, gen, r->relays.data,
		    r->relays.len);
	(void)agent_port_send(e, MSG_COMMIT, gen, NULL, 0);
}

static bool
is_needed(const struct agent *a, const struct round *r)
{
	return r->full || r->put.len > 0 || r->drop.len > 0 ||
	    is_other(&r->self, &a->pushed_self) ||
	    is_other(&r->filter, &a->pushed_filter) ||
	    is_other(&r->relays, &a->pushed_relays);
}

/* What the engine has from now on; an empty network is one too. */
static void
keep_round(struct agent *a, struct round *r)
{
	static struct mesh_netmap none = {.refs = 1};

	mesh_netmap_unref(a->pushed);
	a->pushed = mesh_netmap_ref(a->nm ? a->nm : &none);
	replace_buf(&a->pushed_self, &r->self);
	replace_buf(&a->pushed_filter, &r->filter);
	replace_buf(&a->pushed_relays, &r->relays);
	mesh_buf_release(&r->put);
	mesh_buf_release(&r->drop);
}

void
agent_push_all(struct agent *a)
{
	mesh_netmap_unref(a->pushed);
	a->pushed = NULL;
	agent_push(a);
}

void
agent_push(struct agent *a)
{
	bool running;
	struct round r;

	a->push_wanted = true;
	if (!a->have_state || !agent_port_idle(&a->engine))
		return; /* when it is there, when it has read */
	a->push_wanted = false;
	running = is_running(a);
	if (a->nm != NULL && !running && a->nm_is_file &&
	    !mesh_node_key_equal(&a->nm->self->key, &a->state.node))
		log_err("the netmap file is another node's: Node.Key is not "
			"our key");
	make_round(a, &r);
	if (r.put.failed || r.drop.failed || r.filter.failed ||
	    r.relays.failed) {
		log_err("the network is too large for the engine: nothing is "
			"changed");
		mesh_buf_release(&r.filter);
		mesh_buf_release(&r.relays);
		mesh_buf_release(&r.self);
		mesh_buf_release(&r.put);
		mesh_buf_release(&r.drop);
		return;
	}
	if (is_needed(a, &r)) {
		send_round(a, &r);
		send_tun(a, running);
	}
	keep_round(a, &r);
	arm_expiry(a);
}
