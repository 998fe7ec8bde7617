/* SPDX-License-Identifier: ISC */
#include <mesh/filter.h>

#include <stdlib.h>

#include "filter/check.h"
#include "filter/flow.h"
#include "filter/table.h"

struct mesh_filter {
	struct mesh_filter_table *table; /* NULL: nothing comes in */
	uint32_t generation;		 /* of the table */
	struct mesh_flows *flows;
	uint64_t counts[2][MESH_FILTER_VERDICTS];
};

/* One packet under judgement. */
struct judge {
	struct mesh_filter *f;
	const struct mesh_ip_packet *p;
	enum mesh_filter_way way;
	bool jailed;
	struct mesh_time now;
};

static const char *const verdict_names[MESH_FILTER_VERDICTS] = {
	[MESH_FILTER_PASS] = "pass",
	[MESH_FILTER_CUT] = "cut",
	[MESH_FILTER_REFUSED] = "refused",
	[MESH_FILTER_JAILED] = "jailed",
	[MESH_FILTER_SHIELDS] = "shields-up",
	[MESH_FILTER_NO_RULES] = "no-rules",
	[MESH_FILTER_MALFORMED] = "malformed",
	[MESH_FILTER_MULTICAST] = "multicast",
	[MESH_FILTER_LINKLOCAL] = "link-local",
	[MESH_FILTER_NOT_OURS] = "not-ours",
};

struct mesh_filter *
mesh_filter_new(size_t flow_max,
    const uint8_t seed[static MESH_FILTER_SEED_LEN])
{
	struct mesh_filter *f;

	if (flow_max == 0 || flow_max > MESH_FILTER_FLOWS_MAX)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->generation = 1; /* 0: no rules at all */
	f->flows = mesh_flows_new(flow_max, seed);
	if (f->flows == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

void
mesh_filter_free(struct mesh_filter *f)
{
	if (f == NULL)
		return;
	mesh_filter_table_free(f->table);
	mesh_flows_free(f->flows);
	free(f);
}

static void
filter_swap(struct mesh_filter *f, struct mesh_filter_table *table)
{
	mesh_filter_table_free(f->table);
	f->table = table;
	f->generation++;
}

int
mesh_filter_load(struct mesh_filter *f, const void *table, size_t len,
    struct mesh_diag *diag)
{
	struct mesh_filter_table *t;
	int err = mesh_filter_table_read(table, len, &t, diag);

	if (err == MESH_OK)
		filter_swap(f, t);
	return err;
}

void
mesh_filter_unload(struct mesh_filter *f)
{
	filter_swap(f, NULL);
}

/* May the peer start this? Asked with the peer's address and ours, whichever way
 * the packet at hand goes. */
static enum mesh_filter_verdict
judge_rules(const struct judge *j, enum mesh_filter_match match)
{
	const struct mesh_ip_packet *p = j->p;
	bool in = j->way == MESH_FILTER_IN;
	const struct mesh_filter_ask ask = {
	    .match = match,
	    .proto = p->proto,
	    .src = in ? &p->src : &p->dst,
	    .dst = in ? &p->dst : &p->src,
	    .port = in ? p->dst_port : p->src_port,
	};

	if (j->f->table == NULL)
		return MESH_FILTER_NO_RULES;
	if (j->jailed)
		return MESH_FILTER_JAILED;
	if (mesh_filter_table_shields(j->f->table))
		return MESH_FILTER_SHIELDS;
	return mesh_filter_table_allows(j->f->table, &ask)
	    ? MESH_FILTER_PASS
	    : MESH_FILTER_REFUSED;
}

static struct mesh_flow_key
judge_key(const struct judge *j)
{
	const struct mesh_ip_packet *p = j->p;
	bool in = j->way == MESH_FILTER_IN;

	return (struct mesh_flow_key){
	    .ours = in ? p->dst : p->src,
	    .peers = in ? p->src : p->dst,
	    .our_port = in ? p->dst_port : p->src_port,
	    .peer_port = in ? p->src_port : p->dst_port,
	    .proto = p->proto,
	};
}

/* The flow may go on, until other rules come. */
static enum mesh_filter_verdict
judge_pass(const struct judge *j, struct mesh_flow *flow)
{
	flow->rules = j->f->generation;
	if (j->way == MESH_FILTER_IN)
		flow->in = j->f->generation;
	return MESH_FILTER_PASS;
}

/* A flow that we know, under rules that it has not met. */
static enum mesh_filter_verdict
judge_known(const struct judge *j, struct mesh_flow *flow)
{
	if (flow->cut)
		return MESH_FILTER_CUT;
	if (flow->opener == MESH_FLOW_PEERS &&
	    judge_rules(j, MESH_FILTER_MATCH_PORT) != MESH_FILTER_PASS) {
		flow->cut = true;
		return MESH_FILTER_CUT;
	}
	return judge_pass(j, flow);
}

static enum mesh_filter_verdict
judge_open(const struct judge *j, const struct mesh_flow_key *key,
    enum mesh_flow_opener opener)
{
	return judge_pass(j,
	    mesh_flows_open(j->f->flows, key, opener, j->now));
}

/* The middle of a TCP connection whose start we did not see: see the header. */
static enum mesh_filter_verdict
judge_stray(const struct judge *j, const struct mesh_flow_key *key)
{
	bool theirs =
	    judge_rules(j, MESH_FILTER_MATCH_PORT) == MESH_FILTER_PASS;

	return judge_open(j, key, theirs ? MESH_FLOW_PEERS : MESH_FLOW_OURS);
}

static bool
has_flows(const struct mesh_ip_packet *p)
{
	return p->proto == MESH_PROTO_TCP || p->proto == MESH_PROTO_UDP ||
	    p->proto == MESH_PROTO_SCTP;
}

/* Most packets end here: they belong to a flow that passed under these rules, so
 * that nothing about its addresses and ports has to be asked again. */
static bool
judge_fast(const struct judge *j)
{
	struct mesh_flow_key key;
	const struct mesh_flow *flow;

	if (!has_flows(j->p) || mesh_ip_is_tcp_syn(j->p))
		return false;
	key = judge_key(j);
	flow = mesh_flows_find(j->f->flows, &key, j->now);
	if (flow == NULL || flow->cut ||
	    (j->way == MESH_FILTER_IN && flow->in != j->f->generation))
		return false;
	return flow->opener == MESH_FLOW_OURS ||
	    (flow->rules == j->f->generation && !j->jailed);
}

/* TCP, UDP, SCTP: protocols with ports. */
static enum mesh_filter_verdict
judge_flow(const struct judge *j)
{
	struct mesh_flow_key key = judge_key(j);
	bool tcp = j->p->proto == MESH_PROTO_TCP;
	bool syn = mesh_ip_is_tcp_syn(j->p);
	enum mesh_filter_verdict verdict;

	if (!syn) {
		struct mesh_flow *flow =
		    mesh_flows_find(j->f->flows, &key, j->now);

		if (flow != NULL)
			return judge_known(j, flow);
		if (tcp)
			return judge_stray(j, &key);
	}
	if (j->way == MESH_FILTER_OUT)
		return judge_open(j, &key, MESH_FLOW_OURS);
	verdict = judge_rules(j, MESH_FILTER_MATCH_PORT);
	if (verdict == MESH_FILTER_PASS)
		return judge_open(j, &key, MESH_FLOW_PEERS);
	return verdict;
}

/* An address that metadata services of clouds answer on. */
static bool
is_metadata(const struct mesh_ip *ip)
{
	static const uint8_t metadata[] = {169, 254, 169, 254};

	return mesh_ip_is4(ip) &&
	    !memcmp(mesh_ip_bytes4(ip), metadata, sizeof(metadata));
}

/* Before any rule, both ways. */
static enum mesh_filter_verdict
judge_shape(const struct mesh_ip_packet *p)
{
	if (p->version == 0 || p->proto == MESH_PROTO_UNKNOWN)
		return MESH_FILTER_MALFORMED;
	if (mesh_ip_is_multicast(&p->dst))
		return MESH_FILTER_MULTICAST;
	if (mesh_ip_is_linklocal(&p->dst) && !is_metadata(&p->dst))
		return MESH_FILTER_LINKLOCAL;
	return MESH_FILTER_PASS;
}

static bool
is_own_icmp(const struct mesh_ip_packet *p)
{
	return p->proto ==
	    (p->version == 4 ? MESH_PROTO_ICMP4 : MESH_PROTO_ICMP6);
}

static enum mesh_filter_verdict
judge_in(const struct judge *j)
{
	const struct mesh_ip_packet *p = j->p;
	enum mesh_filter_verdict shape;

	if (j->f->table == NULL)
		return MESH_FILTER_NO_RULES;
	shape = judge_shape(p);
	if (shape != MESH_FILTER_PASS || p->proto == MESH_PROTO_FRAGMENT)
		return shape;
	if (!mesh_filter_table_local(j->f->table, &p->dst))
		return MESH_FILTER_NOT_OURS;
	if (has_flows(p))
		return judge_flow(j);
	if (is_own_icmp(p)) {
		if (mesh_ip_is_echo_reply(p) || mesh_ip_is_icmp_error(p))
			return MESH_FILTER_PASS;
		return judge_rules(j, MESH_FILTER_MATCH_ADDRESSES);
	}
	if (p->proto == MESH_PROTO_TSMP)
		return MESH_FILTER_PASS;
	return judge_rules(j, MESH_FILTER_MATCH_ALL_PORTS);
}

static enum mesh_filter_verdict
judge_out(const struct judge *j)
{
	enum mesh_filter_verdict shape = judge_shape(j->p);

	if (shape != MESH_FILTER_PASS)
		return shape;
	if (has_flows(j->p))
		return judge_flow(j);
	/* TSMP is between nodes, not between hosts. */
	return j->p->proto == MESH_PROTO_TSMP ? MESH_FILTER_REFUSED
					      : MESH_FILTER_PASS;
}

enum mesh_filter_verdict
mesh_filter_check_in(struct mesh_filter *f, const struct mesh_ip_packet *p,
    bool jailed, struct mesh_time now)
{
	const struct judge j = {f, p, MESH_FILTER_IN, jailed, now};
	enum mesh_filter_verdict verdict =
	    judge_fast(&j) ? MESH_FILTER_PASS : judge_in(&j);

	f->counts[MESH_FILTER_IN][verdict]++;
	return verdict;
}

enum mesh_filter_verdict
mesh_filter_check_out(struct mesh_filter *f, const struct mesh_ip_packet *p,
    bool jailed, struct mesh_time now)
{
	const struct judge j = {f, p, MESH_FILTER_OUT, jailed, now};
	enum mesh_filter_verdict verdict =
	    judge_fast(&j) ? MESH_FILTER_PASS : judge_out(&j);

	f->counts[MESH_FILTER_OUT][verdict]++;
	return verdict;
}

enum mesh_filter_verdict
mesh_filter_in(struct mesh_filter *f, const void *packet, size_t len,
    bool jailed, struct mesh_time now)
{
	struct mesh_ip_packet p;

	if (len == 0)
		return MESH_FILTER_PASS;
	mesh_ip_packet_parse(packet, len, &p);
	return mesh_filter_check_in(f, &p, jailed, now);
}

enum mesh_filter_verdict
mesh_filter_out(struct mesh_filter *f, const void *packet, size_t len,
    bool jailed, struct mesh_time now)
{
	struct mesh_ip_packet p;

	if (len == 0)
		return MESH_FILTER_PASS;
	mesh_ip_packet_parse(packet, len, &p);
	return mesh_filter_check_out(f, &p, jailed, now);
}

uint64_t
mesh_filter_count(const struct mesh_filter *f, enum mesh_filter_way way,
    enum mesh_filter_verdict verdict)
{
	return f->counts[way][verdict];
}

size_t
mesh_filter_flows(const struct mesh_filter *f)
{
	return mesh_flows_count(f->flows);
}

const char *
mesh_filter_verdict_name(enum mesh_filter_verdict v)
{
	return v < MESH_FILTER_VERDICTS ? verdict_names[v] : "unknown";
}
