/* SPDX-License-Identifier: ISC
 * The compiled filter against a slow model: random rules over few addresses and
 * ports, so that packets hit them; random packets both ways; rules that change
 * while flows are open. Both must say the same, 200,000 times.
 */
#include "filter/check.h"
#include "packets.h"
#include "test.h"

#define HOSTS 6 /* of each family; hosts 0 and 1 are ours */
#define PORTS 4
#define RULES 6
#define FLOWS 4096 /* more than can differ: nothing is ever evicted */
#define ROUNDS 200
#define PACKETS 1000

struct random {
	uint64_t s;
};

static unsigned
pick(struct random *r, unsigned below)
{
	r->s = r->s * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(r->s >> 33) % below;
}

/* --- the model: plain numbers, linear searches */

struct model_rule {
	unsigned src_lo, src_hi, dst_lo, dst_hi; /* hosts */
	unsigned first, last;
	uint8_t protos[2];
	bool four, six;
};

struct model_packet {
	bool six;
	unsigned peer, ours; /* hosts */
	uint8_t proto, what;
	unsigned peer_port, our_port;
	bool in, jailed;
};

struct model_flow {
	struct model_packet key;
	bool theirs, cut;
};

struct model {
	bool loaded, shields;
	struct model_rule rules[RULES];
	unsigned rule_count;
	struct model_flow *flows;
	unsigned flow_count;
};

static bool
model_match(const struct model *m, const struct model_packet *p, bool any_port,
    bool all_ports)
{
	for (unsigned i = 0; i < m->rule_count; i++) {
		const struct model_rule *r = &m->rules[i];
		bool proto = r->protos[0] == p->proto ||
		    r->protos[1] == p->proto ||
		    (r->protos[0] == 0 &&
			(p->proto == 6 || p->proto == 17 || p->proto == 1 ||
			    p->proto == 58));
		bool port = all_ports ? r->first == 0 && r->last == UINT16_MAX
				      : r->first <= p->our_port &&
			p->our_port <= r->last;

		if ((p->six ? r->six : r->four) && r->src_lo <= p->peer &&
		    p->peer <= r->src_hi && r->dst_lo <= p->ours &&
		    p->ours <= r->dst_hi && (any_port || (proto && port)))
			return true;
	}
	return false;
}

static enum mesh_filter_verdict
model_may_start(const struct model *m, const struct model_packet *p,
    bool any_port, bool all_ports)
{
	if (!m->loaded)
		return MESH_FILTER_NO_RULES;
	if (p->jailed)
		return MESH_FILTER_JAILED;
	if (m->shields)
		return MESH_FILTER_SHIELDS;
	return model_match(m, p, any_port, all_ports) ? MESH_FILTER_PASS
						      : MESH_FILTER_REFUSED;
}

static struct model_flow *
model_flow(struct model *m, const struct model_packet *p)
{
	for (unsigned i = 0; i < m->flow_count; i++) {
		const struct model_packet *k = &m->flows[i].key;

		if (k->six == p->six && k->peer == p->peer &&
		    k->ours == p->ours && k->proto == p->proto &&
		    k->peer_port == p->peer_port && k->our_port == p->our_port)
			return &m->flows[i];
	}
	return NULL;
}

static enum mesh_filter_verdict
model_open(struct model *m, const struct model_packet *p, bool theirs)
{
	struct model_flow *f = model_flow(m, p);

	if (f == NULL) {
		assert_true(m->flow_count < FLOWS);
		f = &m->flows[m->flow_count++];
	}
	*f = (struct model_flow){.key = *p, .theirs = theirs};
	return MESH_FILTER_PASS;
}

static enum mesh_filter_verdict
model_ports(struct model *m, const struct model_packet *p)
{
	bool syn = p->proto == 6 && p->what == MESH_TCP_SYN;
	struct model_flow *f = syn ? NULL : model_flow(m, p);
	enum mesh_filter_verdict v = model_may_start(m, p, false, false);

	if (f != NULL) {
		if (f->theirs && v != MESH_FILTER_PASS)
			f->cut = true;
		return f->cut ? MESH_FILTER_CUT : MESH_FILTER_PASS;
	}
	if (p->proto == 6 && !syn)
		return model_open(m, p, v == MESH_FILTER_PASS);
	if (!p->in)
		return model_open(m, p, false);
	return v == MESH_FILTER_PASS ? model_open(m, p, true) : v;
}

static enum mesh_filter_verdict
model_judge(struct model *m, const struct model_packet *p)
{
	if (p->in && !m->loaded)
		return MESH_FILTER_NO_RULES;
	if (p->in && p->ours > 1)
		return MESH_FILTER_NOT_OURS;
	if (p->proto == 6 || p->proto == 17 || p->proto == 132)
		return model_ports(m, p);
	if (p->proto == 99)
		return p->in ? MESH_FILTER_PASS : MESH_FILTER_REFUSED;
	if (!p->in)
		return MESH_FILTER_PASS;
	if (p->proto == (p->six ? 58 : 1)) {
		bool reply = p->what == 0 || p->what == 3 ||
		    p->what == MESH_ICMP6_ECHO_REPLY;

		if (reply && p->what != (p->six ? 0 : MESH_ICMP6_ECHO_REPLY))
			return MESH_FILTER_PASS;
		return model_may_start(m, p, true, false);
	}
	return model_may_start(m, p, false, true);
}

/* --- the same world for both */

static struct mesh_ip
host(bool six, unsigned i)
{
	if (!six)
		return mesh_ip4(100, 64, 0, (uint8_t)i);
	return (struct mesh_ip){{0xfd, 0x7a, [15] = (uint8_t)i}};
}

static void
build_rule(struct mesh_filter_build *b, const struct model_rule *r)
{
	mesh_filter_build_rule(b);
	for (unsigned i = 0; i < 2; i++)
		if (r->protos[i] != 0)
			mesh_filter_build_proto(b, r->protos[i]);
	for (int six = 0; six < 2; six++) {
		if (!(six ? r->six : r->four))
			continue;
		/* host by host: merging is part of what is proved */
		for (unsigned i = r->src_lo; i <= r->src_hi; i++)
			mesh_filter_build_source(b,
			    &(struct mesh_range){host(six, i), host(six, i)});
		mesh_filter_build_dest(b,
		    &(struct mesh_range){host(six, r->dst_lo),
			host(six, r->dst_hi)},
		    (uint16_t)r->first, (uint16_t)r->last);
	}
}

static struct model_rule
random_rule(struct random *rnd)
{
	static const uint8_t protos[] = {0, 6, 17, 132, 47};
	struct model_rule r = {
	    .src_lo = pick(rnd, HOSTS),
	    .dst_lo = pick(rnd, HOSTS),
	    .first = pick(rnd, PORTS),
	    .four = pick(rnd, 4) != 0,
	    .six = pick(rnd, 4) != 0,
	};

	r.src_hi = r.src_lo + pick(rnd, HOSTS - r.src_lo);
	r.dst_hi = r.dst_lo + pick(rnd, HOSTS - r.dst_lo);
	r.last = pick(rnd, 3) ? r.first + pick(rnd, 2) : UINT16_MAX;
	if (r.last == UINT16_MAX && pick(rnd, 2))
		r.first = 0;
	r.protos[0] = protos[pick(rnd, ARRAY_LEN(protos))];
	if (r.protos[0] != 0)
		r.protos[1] = protos[pick(rnd, ARRAY_LEN(protos))];
	return r;
}

static void
random_rules(struct random *rnd, struct model *m, struct mesh_filter *f)
{
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_buf out;

	m->loaded = pick(rnd, 10) != 0;
	m->shields = pick(rnd, 8) == 0;
	m->rule_count = pick(rnd, RULES + 1);
	mesh_buf_init(&out, MESH_FILTER_TABLE_MAX);
	for (unsigned i = 0; i < 4; i++) {
		struct mesh_ip ip = host(i & 1, i / 2);
		struct mesh_prefix p = mesh_prefix_of(&ip);

		mesh_filter_build_local(b, &p);
	}
	if (m->shields)
		mesh_filter_build_shields(b);
	for (unsigned i = 0; i < m->rule_count; i++) {
		m->rules[i] = random_rule(rnd);
		build_rule(b, &m->rules[i]);
	}
	assert_int_equal(mesh_filter_build_finish(b, &out), MESH_OK);
	if (m->loaded)
		assert_int_equal(mesh_filter_load(f, out.data, out.len, NULL),
		    MESH_OK);
	else
		mesh_filter_unload(f);
	mesh_filter_build_free(b);
	mesh_buf_release(&out);
}

static struct model_packet
random_packet(struct random *rnd)
{
	static const uint8_t protos[] = {6, 6, 6, 17, 17, 132, 1, 58, 99, 47};
	static const uint8_t flags[] = {MESH_TCP_SYN, MESH_TCP_ACK,
	    MESH_TCP_SYN | MESH_TCP_ACK, MESH_TCP_RST};
	static const uint8_t types[] = {0, 3, 8, 128, 129};
	struct model_packet p = {
	    .six = pick(rnd, 2),
	    .peer = 2 + pick(rnd, HOSTS - 2),
	    .ours = pick(rnd, 12) ? pick(rnd, 2) : pick(rnd, HOSTS),
	    .proto = protos[pick(rnd, ARRAY_LEN(protos))],
	    .in = pick(rnd, 2),
	    .jailed = pick(rnd, 16) == 0,
	};

	if (!p.in && p.ours > 1)
		p.ours = 0;
	if (p.proto == 6)
		p.what = flags[pick(rnd, ARRAY_LEN(flags))];
	if (p.proto == 1 || p.proto == 58)
		p.what = types[pick(rnd, ARRAY_LEN(types))];
	if (p.proto == 6 || p.proto == 17 || p.proto == 132) {
		p.peer_port = pick(rnd, PORTS);
		p.our_port = pick(rnd, PORTS);
	}
	return p;
}

static enum mesh_filter_verdict
filter_judge(struct mesh_filter *f, const struct model_packet *p)
{
	struct mesh_ip peer = host(p->six, p->peer), us = host(p->six, p->ours);
	struct packet raw = packet_make(p->in ? &peer : &us,
	    p->in ? &us : &peer, p->proto,
	    (uint16_t)(p->in ? p->peer_port : p->our_port),
	    (uint16_t)(p->in ? p->our_port : p->peer_port), p->what);
	const struct mesh_time now = {1};

	return p->in ? mesh_filter_in(f, raw.b, raw.len, p->jailed, now)
		     : mesh_filter_out(f, raw.b, raw.len, p->jailed, now);
}

static void
test_model(void **state)
{
	static const uint8_t seed[MESH_FILTER_SEED_LEN] = {7};
	struct random rnd = {20261122};
	struct mesh_filter *f = mesh_filter_new(FLOWS, seed);
	struct model m = {.flows = calloc(FLOWS, sizeof(*m.flows))};
	unsigned seen[MESH_FILTER_VERDICTS] = {0};

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		random_rules(&rnd, &m, f);
		for (unsigned i = 0; i < PACKETS; i++) {
			struct model_packet p = random_packet(&rnd);
			enum mesh_filter_verdict want = model_judge(&m, &p);
			enum mesh_filter_verdict got = filter_judge(f, &p);

			if (got != want)
				fail_msg("round %u packet %u: proto %u %s "
					 "host %u:%u from %u:%u: %s, not %s",
				    round, i, p.proto, p.in ? "in" : "out",
				    p.ours, p.our_port, p.peer, p.peer_port,
				    mesh_filter_verdict_name(got),
				    mesh_filter_verdict_name(want));
			seen[got]++;
		}
		assert_int_equal(mesh_filter_flows(f), m.flow_count);
		if (round % 10 == 9) { /* both forget */
			mesh_filter_free(f);
			f = mesh_filter_new(FLOWS, seed);
			m.flow_count = 0;
		}
	}
	/* the packets were worth asking about */
	assert_true(seen[MESH_FILTER_PASS] > 10000);
	assert_true(seen[MESH_FILTER_CUT] > 1000);
	assert_true(seen[MESH_FILTER_REFUSED] > 1000);
	free(m.flows);
	mesh_filter_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("filter_model", tests, NULL, NULL);
}
