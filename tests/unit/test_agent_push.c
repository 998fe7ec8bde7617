/* SPDX-License-Identifier: ISC
 * What the agent tells the engine and the monitor when the network changes: all
 * of it first, then the difference, nothing when nothing changed. The links are
 * replaced by a list of what was sent. */
#include "test.h"

#include "meshd/agent_int.h"

#include <stdlib.h>

static struct agent a;
static struct mesh_wall wall = {1700000000, 0};

/* --- in place of the agent's other files */

struct sent {
	enum msg_type type;
	uint64_t gen;
	size_t len;
	uint8_t body[4096];
};

static struct sent sent[32];
static size_t sent_count;
static bool idle = true;
static char looked_up[64];

bool
agent_port_send(struct agent_port *p, enum msg_type type, uint64_t gen,
    const void *body, size_t len)
{
	struct sent *s = &sent[sent_count++];

	(void)p;
	assert_true(sent_count <= ARRAY_LEN(sent));
	assert_true(len <= sizeof(s->body));
	*s = (struct sent){.type = type, .gen = gen, .len = len};
	if (len > 0)
		memcpy(s->body, body, len);
	return true;
}

bool
agent_port_idle(const struct agent_port *p)
{
	(void)p;
	return idle;
}

struct agent_lookup *
agent_resolve(struct agent *agent, const char *host, agent_resolved_fn *done,
    void *arg)
{
	(void)agent;
	(void)done;
	(void)arg;
	(void)mesh_format(looked_up, sizeof(looked_up), "%s", host);
	return (struct agent_lookup *)looked_up;
}

struct mesh_time
agent_now(void)
{
	return (struct mesh_time){MESH_SEC};
}

struct mesh_wall
agent_control_wall(const struct agent *agent)
{
	(void)agent;
	return wall;
}

void
agent_random(void *p, size_t len)
{
	memset(p, 1, len);
}

void
agent_arm(struct event *timer, struct mesh_time at)
{
	(void)timer;
	(void)at;
}

void
agent_state_changed(struct agent *agent)
{
	(void)agent;
}

/* --- helpers */

#define KEY(digit) "nodekey:" digit digit digit digit
#define D16(d) d d d d d d d d d d d d d d d d
#define SELF                                                                   \
	"\"Node\":{\"ID\":1,\"Key\":\"" KEY(D16("1"))                          \
	"\",\"MachineAuthorized\":true,\"Addresses\":[\"100.64.0.1/32\"]}"
#define PEER2                                                                  \
	"{\"ID\":2,\"Key\":\"" KEY(D16("2"))                                   \
	"\",\"HomeDERP\":900,\"Online\":true,"                                 \
	"\"Addresses\":[\"100.64.0.2/32\"],\"AllowedIPs\":[\"100.64.0.2/32\"," \
	"\"10.0.0.0/8\",\"0.0.0.0/0\"],\"Endpoints\":[\"1.2.3.4:5\"]}"
#define FIRST                                                                  \
	"{" SELF ",\"Peers\":[" PEER2 "],\"PacketFilter\":[{\"SrcIPs\":"       \
	"[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,"          \
	"\"Last\":65535}}]}],\"DERPMap\":{\"Regions\":{\"900\":{\"RegionID\":" \
	"900,\"RegionCode\":\"lab\",\"Nodes\":[{\"HostName\":\"r.test\"},"     \
	"{\"HostName\":\"s.test\",\"IPv4\":\"1.1.1.1\",\"IPv6\":\"none\","     \
	"\"STUNPort\":-1,\"DERPPort\":8443}]}}}}"

static void
learn(const char *json)
{
	struct mesh_map_response frame;
	struct mesh_netmap *nm;
	struct mesh_arena m;
	unsigned changed;

	mesh_arena_init(&m, 1 << 20);
	assert_int_equal(mesh_map_response_parse(mesh_str(json), &m, &frame,
			     NULL),
	    MESH_OK);
	assert_int_equal(mesh_netmap_apply(a.nm, &frame, wall, &nm, &changed,
			     NULL),
	    MESH_OK);
	mesh_arena_release(&m);
	mesh_netmap_unref(a.nm);
	a.nm = nm;
	sent_count = 0;
	agent_push(&a);
}

static const struct sent *
find(enum msg_type type)
{
	for (size_t i = 0; i < sent_count; i++)
		if (sent[i].type == type)
			return &sent[i];
	return NULL;
}

static struct mesh_rd
body_of(enum msg_type type)
{
	const struct sent *s = find(type);

	assert_non_null(s);
	return mesh_rd_init(s->body, s->len);
}

static int
begin(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	a.prefs = (struct mesh_prefs){.want_running = true};
	a.base = event_base_new();
	mesh_list_init(&a.relay_names);
	agent_push_init(&a);
	memset(a.state.node.b, 0x11, MESH_KEY_LEN);
	a.have_state = true;
	idle = true;
	looked_up[0] = 0;
	learn(FIRST);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	mesh_netmap_unref(a.nm);
	mesh_netmap_unref(a.pushed);
	agent_push_release(&a);
	event_base_free(a.base);
	return 0;
}

/* --- tests */

static void
sends_everything_first(void **state)
{
	static const enum msg_type order[] = {MSG_BEGIN, MSG_SELF, MSG_PEERS,
	    MSG_FILTER, MSG_RELAYS, MSG_COMMIT, MSG_ADDRESSES, MSG_ROUTES};
	struct tbl_self self;
	struct mesh_arena m;
	struct mesh_rd r;

	(void)state;
	assert_int_equal(sent_count, ARRAY_LEN(order));
	for (size_t i = 0; i < sent_count; i++)
		assert_int_equal(sent[i].type, order[i]);
	assert_int_equal(sent[0].body[0], 1);
	assert_int_equal(sent[0].gen, sent[5].gen);
	mesh_arena_init(&m, 1 << 20);
	r = body_of(MSG_SELF);
	assert_int_equal(tbl_self_get(&r, &m, &self), MESH_OK);
	assert_int_equal(self.flags, TBL_SELF_RUNNING);
	assert_int_equal(self.addrs.count, 1);
	assert_true(find(MSG_FILTER)->len > 0);
	mesh_arena_release(&m);
}

static void
gives_a_peer_its_addresses_alone(void **state)
{
	struct tbl_peer peer;
	struct mesh_arena m;
	struct mesh_rd r = body_of(MSG_PEERS);
	char text[MESH_PREFIX_TEXT];

	(void)state;
	mesh_arena_init(&m, 1 << 20);
	assert_int_equal(tbl_peer_get(&r, &m, &peer), MESH_OK);
	assert_true(mesh_rd_done(&r));
	assert_int_equal(peer.allowed.count, 1);
	assert_string_equal(mesh_prefix_format(&peer.allowed.v[0], text),
	    "100.64.0.2/32");
	assert_int_equal(peer.flags, TBL_PEER_ONLINE);
	assert_int_equal(peer.home_region, 900);
	assert_int_equal(peer.endpoint_count, 1);
	mesh_arena_release(&m);
}

static void
routes_are_taken_when_wanted(void **state)
{
	struct tbl_prefixes t;
	struct mesh_arena m;
	struct mesh_rd r;

	(void)state;
	a.prefs.route_all = true;
	sent_count = 0;
	agent_push_all(&a);
	mesh_arena_init(&m, 1 << 20);
	r = body_of(MSG_ROUTES);
	assert_int_equal(tbl_prefixes_get(&r, &m, 100, &t), MESH_OK);
	assert_int_equal(t.count, 2); /* never the default route */
	mesh_arena_release(&m);
}

static void
resolves_relays_without_address(void **state)
{
	struct tbl_region region;
	struct mesh_arena m;
	struct mesh_rd r = body_of(MSG_RELAYS);

	(void)state;
	assert_string_equal(looked_up, "r.test");
	mesh_arena_init(&m, 1 << 20);
	assert_int_equal(tbl_region_get(&r, &m, &region), MESH_OK);
	assert_string_equal(region.code, "lab");
	assert_int_equal(region.node_count, 2);
	assert_true(mesh_ip_is_none(&region.nodes[0].ip4));
	assert_int_equal(region.nodes[0].relay_port, 443);
	assert_int_equal(region.nodes[0].stun_port, 3478);
	assert_int_equal(region.nodes[1].relay_port, 8443);
	assert_int_equal(region.nodes[1].stun_port, 0);
	assert_false(mesh_ip_is_none(&region.nodes[1].ip4));
	mesh_arena_release(&m);
}

static void
sends_nothing_without_change(void **state)
{
	(void)state;
	learn("{}");
	assert_int_equal(sent_count, 0);
	learn("{\"UserProfiles\":[{\"ID\":7}]}");
	assert_int_equal(sent_count, 0);
}

static void
sends_the_difference(void **state)
{
	const struct sent *drop;

	(void)state;
	learn("{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":false}]}");
	assert_int_equal(sent[0].body[0], 0);
	assert_non_null(find(MSG_PEERS));
	assert_null(find(MSG_FILTER));
	assert_null(find(MSG_RELAYS));
	assert_null(find(MSG_SELF));
	assert_null(find(MSG_PEERS_DROP));

	learn("{\"PeersChangedPatch\":[{\"NodeID\":2,\"Key\":\"" KEY(D16("3"))
	      "\"}]}");
	drop = find(MSG_PEERS_DROP);
	assert_non_null(drop);
	assert_int_equal(drop->len, MESH_KEY_LEN);
	assert_int_equal(drop->body[0], 0x22);
	assert_non_null(find(MSG_PEERS));

	learn("{\"PeersRemoved\":[2],\"PacketFilter\":[]}");
	assert_int_equal(find(MSG_PEERS_DROP)->body[0], 0x33);
	assert_null(find(MSG_PEERS));
	assert_non_null(find(MSG_FILTER));
}

static void
generations_rise(void **state)
{
	uint64_t gen = a.generation;

	(void)state;
	learn("{\"PeersRemoved\":[2]}");
	assert_int_equal(a.generation, gen + 1);
	assert_int_equal(find(MSG_COMMIT)->gen, gen + 1);
}

static void
waits_for_a_busy_engine(void **state)
{
	(void)state;
	idle = false;
	learn("{\"PeersRemoved\":[2]}");
	assert_int_equal(sent_count, 0);
	assert_true(a.push_wanted);
	idle = true;
	agent_push(&a);
	assert_non_null(find(MSG_PEERS_DROP));
}

static void
assert_stopped(void)
{
	struct tbl_prefixes t;
	struct tbl_self self;
	struct mesh_arena m;
	struct mesh_rd r;

	mesh_arena_init(&m, 1 << 20);
	r = body_of(MSG_SELF);
	assert_int_equal(tbl_self_get(&r, &m, &self), MESH_OK);
	assert_int_equal(self.flags & TBL_SELF_RUNNING, 0);
	r = body_of(MSG_ADDRESSES);
	assert_int_equal(tbl_prefixes_get(&r, &m, 100, &t), MESH_OK);
	assert_int_equal(t.count, 0);
	mesh_arena_release(&m);
}

static void
stops_when_not_wanted(void **state)
{
	(void)state;
	a.prefs.want_running = false;
	sent_count = 0;
	agent_push(&a);
	assert_stopped();
}

static void
stops_when_the_key_is_too_old(void **state)
{
	(void)state;
	learn("{\"Node\":{\"ID\":1,\"Key\":\"" KEY(D16("1"))
	      "\",\"KeyExpiry\":\"2020-01-01T00:00:00Z\"}}");
	assert_stopped();
}

static void
stops_when_the_netmap_is_anothers(void **state)
{
	(void)state;
	learn("{\"Node\":{\"ID\":1,\"Key\":\"" KEY(D16("9")) "\"}}");
	assert_stopped();
}

static void
nothing_is_left_after_log_out(void **state)
{
	(void)state;
	mesh_netmap_unref(a.nm);
	a.nm = NULL;
	sent_count = 0;
	agent_push(&a);
	assert_stopped();
	assert_int_equal(find(MSG_PEERS_DROP)->len, MESH_KEY_LEN);
	assert_int_equal(find(MSG_FILTER)->len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sends_everything_first),
	    TEST(gives_a_peer_its_addresses_alone),
	    TEST(routes_are_taken_when_wanted),
	    TEST(resolves_relays_without_address),
	    TEST(sends_nothing_without_change),
	    TEST(sends_the_difference),
	    TEST(generations_rise),
	    TEST(waits_for_a_busy_engine),
	    TEST(stops_when_not_wanted),
	    TEST(stops_when_the_key_is_too_old),
	    TEST(stops_when_the_netmap_is_anothers),
	    TEST(nothing_is_left_after_log_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
