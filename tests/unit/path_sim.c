/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "path_sim.h"
#include "wire/stun.h"

enum event_kind {
	TO_UDP,
	TO_RELAY,
	TO_STUN
};

#define DATAGRAM_MAX 1500u

struct sim_event {
	struct mesh_time at;
	enum event_kind kind;
	unsigned node;                 /* receiver */
	struct mesh_endpoint from, to; /* addresses on the internet, or LAN */
	struct mesh_node_key source;   /* relay */
	size_t len;
	uint8_t data[DATAGRAM_MAX];
};

static const struct mesh_endpoint stun_server = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 1}}, 3478};
static const struct mesh_endpoint stun_server2 = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 2}}, 3478};

void
sim_init(struct sim *s)
{
	*s = (struct sim){.now = {100 * MESH_SEC}, .dice = 12345};
}

void
sim_release(struct sim *s)
{
	for (size_t i = 0; i < s->node_count; i++)
		mesh_path_free(s->node[i].path);
	free(s->events);
}

uint64_t
sim_ms(const struct sim *s, struct mesh_time t0)
{
	return mesh_time_since(t0, s->now) / MESH_MS;
}

unsigned
sim_add_nat(struct sim *s, enum sim_nat_kind kind)
{
	unsigned i = (unsigned)s->nat_count++;

	assert_true(i < SIM_NATS);
	s->nat[i] = (struct sim_nat){
	    .kind = kind,
	    .outside = mesh_ip4(198, 51, 100, (uint8_t)(i + 1)),
	    .next_port = 20000,
	};
	return i;
}

/* --- the wires ----------------------------------------------------------- */

static bool
rolls(struct sim *s, unsigned percent)
{
	s->dice = s->dice * 1103515245u + 12345u;
	return (s->dice >> 16) % 100 < percent;
}

static struct sim_event *
post(struct sim *s, enum event_kind kind, uint64_t delay, const void *data,
    size_t len)
{
	struct mesh_time at = mesh_time_add(s->now, delay);
	size_t i;

	if (s->event_count == s->event_cap) {
		s->event_cap = s->event_cap ? s->event_cap * 2 : 64;
		s->events =
		    realloc(s->events, s->event_cap * sizeof(*s->events));
		assert_non_null(s->events);
	}
	for (i = s->event_count; i > 0 && s->events[i - 1].at.ns > at.ns; i--)
		s->events[i] = s->events[i - 1];
	s->event_count++;
	struct sim_event *e = &s->events[i];
	*e = (struct sim_event){.at = at, .kind = kind, .len = len};
	assert_true(len <= sizeof(e->data));
	memcpy(e->data, data, len);
	return e;
}

static struct sim_mapping *
map_out(struct sim_nat *n, const struct mesh_endpoint *inside,
    const struct mesh_endpoint *to)
{
	for (size_t i = 0; i < n->count; i++) {
		if (mesh_endpoint_eq(&n->v[i].inside, inside) &&
		    (n->kind != SIM_HARD || mesh_endpoint_eq(&n->v[i].to, to)))
			return &n->v[i];
	}
	assert_true(n->count < SIM_MAPPINGS);
	struct sim_mapping *m = &n->v[n->count++];
	*m = (struct sim_mapping){
	    .inside = *inside,
	    .outside = {n->outside, n->next_port++},
	    .to = *to,
	};
	return m;
}

static bool
is_allowed(const struct sim_mapping *m, const struct mesh_endpoint *from)
{
	for (size_t i = 0; i < m->allowed_count; i++) {
		if (mesh_endpoint_eq(&m->allowed[i], from))
			return true;
	}
	return false;
}

/* The address that a datagram leaves the NAT with. False: it does not. */
static bool
translate_out(struct sim *s, const struct sim_node *n,
    const struct mesh_endpoint *to, struct mesh_endpoint *out)
{
	struct sim_nat *nat = &s->nat[n->nat];

	if (nat->kind == SIM_BLOCKED || s->udp_dead)
		return false;
	struct sim_mapping *m = map_out(nat, &n->at, to);
	if (!is_allowed(m, to)) {
		assert_true(m->allowed_count < ARRAY_LEN(m->allowed));
		m->allowed[m->allowed_count++] = *to;
	}
	*out = m->outside;
	return true;
}

/* The node that a datagram reaches, or -1. */
static int
translate_in(struct sim *s, const struct mesh_endpoint *from,
    const struct mesh_endpoint *to)
{
	for (size_t i = 0; i < s->nat_count; i++) {
		struct sim_nat *nat = &s->nat[i];

		for (size_t k = 0; k < nat->count; k++) {
			struct sim_mapping *m = &nat->v[k];

			if (!mesh_endpoint_eq(&m->outside, to) ||
			    (nat->kind != SIM_OPEN && !is_allowed(m, from)))
				continue;
			for (size_t n = 0; n < s->node_count; n++) {
				if (mesh_endpoint_eq(&s->node[n].at,
					&m->inside))
					return (int)n;
			}
		}
	}
	return -1;
}

static void
send_udp(struct sim *s, struct sim_node *n, const struct mesh_endpoint *to,
    const void *data, size_t len)
{
	struct mesh_endpoint from;
	struct sim_event *e;

	n->udp_sent++;
	for (size_t i = 0; i < s->node_count; i++) { /* on the LAN? */
		if (s->node[i].nat != n->nat ||
		    !mesh_endpoint_eq(&s->node[i].at, to))
			continue;
		e = post(s, TO_UDP, SIM_LAN_NS, data, len);
		e->node = (unsigned)i;
		e->from = n->at;
		e->to = *to;
		return;
	}
	if (mesh_ip_is_private(&to->ip) || !translate_out(s, n, to, &from) ||
	    rolls(s, s->loss_percent))
		return;
	bool is_stun = mesh_endpoint_eq(to, &stun_server) ||
		       mesh_endpoint_eq(to, &stun_server2);
	e = post(s, is_stun ? TO_STUN : TO_UDP, SIM_UDP_NS, data, len);
	e->node = SIM_NODES;
	e->from = from;
	e->to = *to;
}

static void
send_relay(struct sim *s, struct sim_node *n, const struct mesh_node_key *to,
    const void *data, size_t len)
{
	n->relay_sent++;
	if (!n->relay_up || s->relay_dead)
		return;
	for (size_t i = 0; i < s->node_count; i++) {
		if (!mesh_node_key_equal(&s->node[i].key, to) ||
		    !s->node[i].relay_up)
			continue;
		struct sim_event *e =
		    post(s, TO_RELAY, SIM_RELAY_NS, data, len);
		e->node = (unsigned)i;
		e->source = n->key;
	}
}

/* --- nodes --------------------------------------------------------------- */

static void
fill_key(uint8_t *out, uint8_t kind, unsigned a, uint32_t *dice)
{
	for (size_t i = 0; i < MESH_KEY_LEN; i++) {
		*dice = *dice * 1103515245u + 12345u;
		out[i] = (uint8_t)(*dice >> 16);
	}
	out[0] = kind;
	out[1] = (uint8_t)a;
}

static void
set_link(struct sim *s, unsigned a, bool moved)
{
	struct sim_node *n = &s->node[a];
	struct mesh_path_link link = {
	    .up4 = true,
	    .port4 = n->at.port,
	    .addresses = &n->at.ip,
	    .address_count = 1,
	};

	mesh_path_set_link(n->path, &link, moved, s->now);
}

static void
start(struct sim *s, unsigned a)
{
	struct sim_node *n = &s->node[a];
	struct mesh_path_stun stun[2] = {
	    {.v4 = stun_server}, {.v4 = stun_server2}};
	/* Two regions, so that a NAT that maps by destination shows. */
	struct mesh_path_region regions[2] = {
	    {.id = SIM_REGION, .nodes = &stun[0], .node_count = 1},
	    {.id = SIM_REGION + 1, .nodes = &stun[1], .node_count = 1},
	};
	struct mesh_path_config config = {.node = n->key, .home = SIM_REGION};

	fill_key(config.disco.b, 'd', a, &s->dice);
	fill_key(config.seed, 's', a, &s->dice);
	assert_int_equal(mesh_path_new(&config, s->now, &n->path), MESH_OK);
	n->disco = mesh_path_disco_key(n->path);
	n->relay_up = true;
	set_link(s, a, true);
	assert_int_equal(mesh_path_set_regions(n->path, regions, 2, s->now),
	    MESH_OK);
	mesh_path_relay_up(n->path, SIM_REGION, true, s->now);
	sim_drive(s, a);
}

unsigned
sim_add_node(struct sim *s, unsigned nat)
{
	unsigned a = (unsigned)s->node_count++;
	struct sim_node *n = &s->node[a];

	assert_true(a < SIM_NODES);
	*n = (struct sim_node){
	    .nat = nat,
	    .at = {mesh_ip4(192, 168, (uint8_t)nat, (uint8_t)(10 + a)), 41641},
	};
	fill_key(n->key.b, 'n', a, &s->dice);
	start(s, a);
	return a;
}

struct mesh_path_peer *
sim_tell(struct sim *s, unsigned a, unsigned b)
{
	struct mesh_endpoint eps[MESH_PATH_ENDPOINTS_MAX];
	struct mesh_path_peer *peer;
	size_t count;
	const struct mesh_path_endpoint *v =
	    mesh_path_endpoints(s->node[b].path, &count);
	struct mesh_path_peer_info info = {
	    .node = s->node[b].key,
	    .disco = s->node[b].disco,
	    .home = SIM_REGION,
	    .online = true,
	    .endpoints = eps,
	    .endpoint_count = count,
	};

	for (size_t i = 0; i < count; i++)
		eps[i] = v[i].ep;
	assert_int_equal(mesh_path_peer_set(s->node[a].path, &info, s->now,
			     &peer),
	    MESH_OK);
	sim_drive(s, a);
	return peer;
}

void
sim_restart(struct sim *s, unsigned a)
{
	mesh_path_free(s->node[a].path);
	start(s, a);
}

void
sim_move(struct sim *s, unsigned a, unsigned nat)
{
	s->node[a].nat = nat;
	s->node[a].at.ip = mesh_ip4(192, 168, (uint8_t)nat, (uint8_t)(10 + a));
	set_link(s, a, true);
	sim_drive(s, a);
}

void
sim_reset_nat(struct sim *s, unsigned nat)
{
	s->nat[nat].count = 0;
}

void
sim_relay(struct sim *s, unsigned a, bool up)
{
	s->node[a].relay_up = up;
	mesh_path_relay_up(s->node[a].path, SIM_REGION, up, s->now);
	sim_drive(s, a);
}

void
sim_drive(struct sim *s, unsigned a)
{
	struct sim_node *n = &s->node[a];
	struct mesh_path_action act;

	while (mesh_path_next(n->path, s->now, &act)) {
		if (n->dead)
			continue;
		switch (act.kind) {
		case MESH_PATH_SEND_UDP:
			send_udp(s, n, &act.to, act.data, act.len);
			break;
		case MESH_PATH_SEND_RELAY:
			assert_int_equal(act.region, SIM_REGION);
			send_relay(s, n, &act.node, act.data, act.len);
			break;
		case MESH_PATH_HOME:
			n->homes++;
			break;
		case MESH_PATH_ENDPOINTS:
			n->endpoint_reports++;
			break;
		case MESH_PATH_NETINFO:
			n->netinfos++;
			break;
		case MESH_PATH_PEER:
			break;
		case MESH_PATH_PONG:
			n->pong = act;
			n->pongs++;
			break;
		}
	}
}

/* Data: 'd', want reply, the sender's number. */
int
sim_send(struct sim *s, unsigned a, unsigned b, bool reply)
{
	struct sim_node *n = &s->node[a];
	struct mesh_path_peer *peer =
	    mesh_path_peer_find(n->path, &s->node[b].key);
	uint8_t data[32] = {'d', reply, (uint8_t)a};
	struct mesh_path_route r;

	assert_non_null(peer);
	int err = mesh_path_route(n->path, peer, s->now, &r);
	if (err == MESH_OK && r.udp.port != 0)
		send_udp(s, n, &r.udp, data, sizeof(data));
	if (err == MESH_OK && r.region != 0)
		send_relay(s, n, &s->node[b].key, data, sizeof(data));
	sim_drive(s, a);
	return err;
}

static void
got_data(struct sim *s, unsigned b, const struct sim_event *e)
{
	struct sim_node *n = &s->node[b];
	unsigned a = e->data[2];
	bool reply = e->data[1] != 0;
	struct mesh_path_peer *peer =
	    mesh_path_peer_find(n->path, &s->node[a].key);

	if (peer == NULL)
		return;
	n->last_got = s->now;
	if (e->kind == TO_RELAY) {
		mesh_path_received_relay(n->path, peer, SIM_REGION, s->now);
		if (n->got_relay++ == 0)
			n->first_relay = s->now;
	} else {
		mesh_path_received_udp(n->path, peer, &e->from, s->now);
		if (n->got_udp++ == 0)
			n->first_udp = s->now;
	}
	if (reply)
		sim_send(s, b, a, false);
}

static void
to_node(struct sim *s, unsigned b, const struct sim_event *e)
{
	struct sim_node *n = &s->node[b];
	enum mesh_path_datagram kind = mesh_path_sniff(e->data, e->len);

	if (n->dead)
		return;
	if (e->data[0] == 'd')
		got_data(s, b, e);
	else if (e->kind == TO_RELAY)
		mesh_path_disco_relay(n->path, SIM_REGION, &e->source, e->data,
		    e->len, s->now);
	else if (kind == MESH_PATH_STUN)
		mesh_path_stun(n->path, e->data, e->len, s->now);
	else
		mesh_path_disco_udp(n->path, &e->from, e->data, e->len, s->now);
	sim_drive(s, b);
}

static void
to_stun(struct sim *s, const struct sim_event *e)
{
	uint8_t answer[MESH_STUN_RESPONSE_MAX];
	struct mesh_stun_txid txid;

	assert_int_equal(mesh_stun_request_parse(e->data, e->len, &txid),
	    MESH_OK);
	struct sim_event *back = post(s, TO_UDP, SIM_UDP_NS, answer,
	    mesh_stun_response(&txid, &e->from, answer));
	back->node = SIM_NODES;
	back->from = e->to;
	back->to = e->from;
}

static void
deliver(struct sim *s)
{
	struct sim_event e = s->events[0];
	int to = (int)e.node;

	s->event_count--;
	memmove(&s->events[0], &s->events[1],
	    s->event_count * sizeof(s->events[0]));
	if (e.kind == TO_STUN) {
		to_stun(s, &e);
		return;
	}
	if (e.node == SIM_NODES)
		to = translate_in(s, &e.from, &e.to);
	if (to >= 0)
		to_node(s, (unsigned)to, &e);
}

void
sim_run(struct sim *s, uint64_t ns)
{
	struct mesh_time end = mesh_time_add(s->now, ns);

	for (;;) {
		struct mesh_time at = end;
		unsigned due = SIM_NODES;

		for (unsigned i = 0; i < s->node_count; i++) {
			struct mesh_time d =
			    mesh_path_deadline(s->node[i].path);

			if (d.ns <= at.ns) {
				at = d;
				due = i;
			}
		}
		if (s->event_count > 0 && s->events[0].at.ns <= at.ns) {
			s->now = s->events[0].at;
			deliver(s);
		} else if (due < SIM_NODES) {
			if (at.ns > s->now.ns)
				s->now = at;
			mesh_path_tick(s->node[due].path, s->now);
			sim_drive(s, due);
			assert_true(mesh_path_deadline(s->node[due].path).ns >
				    s->now.ns);
		} else {
			s->now = end;
			return;
		}
	}
}

void
sim_chat(struct sim *s, unsigned a, unsigned b, uint64_t every, uint64_t ns)
{
	for (uint64_t t = 0; t < ns; t += every) {
		sim_send(s, a, b, true);
		sim_run(s, every);
	}
}

bool
sim_direct(struct sim *s, unsigned a, unsigned b, struct mesh_path_status *out)
{
	struct mesh_path_status st;
	struct mesh_path_peer *peer =
	    mesh_path_peer_find(s->node[a].path, &s->node[b].key);

	assert_non_null(peer);
	mesh_path_status(s->node[a].path, peer, s->now, &st);
	if (out != NULL)
		*out = st;
	return st.trusted;
}
