/* SPDX-License-Identifier: ISC
 * The policy language: what is refused and where, what a node is told, who sees
 * whom, verdicts, the tests section; and the filter that Headscale sends for
 * protocol/samples/headscale-policy.hujson.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netmap/rule.h"
#include "policy/policy.h"
#include "test.h"

/* --- a small network: alice has two nodes, bob one, a tagged server, a router
 * that serves 192.168.7.0/24, an exit node */

enum { ALICE1 = 1, ALICE2, BOB, WEB, ROUTER, EXIT, NODES };

static const struct mesh_policy_user_info users[] = {
    {.id = 1, .name = "alice", .email = "alice@example.com"},
    {.id = 2, .name = "bob", .provider = "https://id.example/7"},
};

static const struct {
	uint64_t id, user;
	const char *tag, *route;
} nodes[] = {
    {ALICE1, 1, NULL, NULL},
    {ALICE2, 1, NULL, NULL},
    {BOB, 2, NULL, NULL},
    {WEB, 0, "tag:web", NULL},
    {ROUTER, 0, "tag:router", "192.168.7.0/24"},
    {EXIT, 0, "tag:exit", "0.0.0.0/0"},
};

static struct mesh_policy *
parse(const char *text)
{
	struct mesh_policy *p = NULL;
	struct mesh_diag diag = {0};
	int err = mesh_policy_parse(text, strlen(text), &p, &diag);

	if (err != MESH_OK)
		fail_msg("%s\n%s", diag.text, text);
	return p;
}

static struct mesh_policy_node *
put(struct mesh_policy_world *w, size_t i)
{
	struct mesh_ip addresses[2] = {
	    mesh_ip4(100, 64, 0, (uint8_t)nodes[i].id),
	    {{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0,
		[15] = (uint8_t)nodes[i].id}}};
	struct mesh_prefix route;
	struct mesh_policy_node_info info = {
	    .id = nodes[i].id,
	    .user = nodes[i].user,
	    .tags = &nodes[i].tag,
	    .tag_count = nodes[i].tag != NULL,
	    .addresses = addresses,
	    .address_count = 2,
	    .routes = &route,
	    .route_count = nodes[i].route != NULL,
	};
	struct mesh_policy_node *n;

	if (nodes[i].route != NULL)
		assert_int_equal(
		    mesh_prefix_parse(mesh_str(nodes[i].route), &route),
		    MESH_OK);
	assert_int_equal(mesh_policy_node_put(w, &info, &n), MESH_OK);
	return n;
}

static struct mesh_policy_world *
world(const struct mesh_policy *p)
{
	struct mesh_policy_world *w = mesh_policy_world_new(p);

	assert_non_null(w);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		assert_int_equal(mesh_policy_user_put(w, &users[i]), MESH_OK);
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		put(w, i);
	return w;
}

#define HEAD                                                                   \
	"{\"groups\":{\"group:dev\":[\"alice@\",\"carol@\"]},"                   \
	"\"hosts\":{\"office\":\"192.168.7.0/24\",\"dns\":\"8.8.8.8\"},"         \
	"\"tagOwners\":{\"tag:web\":[\"bob@\"],\"tag:router\":[\"group:dev\"],"  \
	"\"tag:exit\":[\"tag:web\"]},"

#define ACL(src, dst)                                                          \
	HEAD "\"acls\":[{\"action\":\"accept\",\"src\":[" src "],\"dst\":[" dst \
	     "]}]}"

#define SSH(action, src, dst, users, more)                                     \
	HEAD "\"ssh\":[{\"action\":" action ",\"src\":[" src "],\"dst\":[" dst \
	     "],\"users\":[" users "]" more "}]}"

/* --- errors */

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *wrong;
	} rows[] = {
	    {"{", "line 1, column 2: expected a name in double quotes"},
	    {"[]", "line 1, column 1: expected an object"},
	    {"{} x", "line 1, column 4: something follows the value"},
	    {"{\n \"alcs\": []}",
		"line 2, column 2: 'alcs' is no section of a policy"},
	    {"{\"acls\":[],\n\"ACLs\":[]}",
		"line 2, column 1: 'ACLs' stands here twice"},
	    {"{\"postures\":{}}",
		"line 1, column 2: 'postures' is not supported by this "
		"server"},
	    {"{\"groups\":{\"dev\":[]}}",
		"line 1, column 12: 'dev' is no group name: they look like "
		"'group:dev'"},
	    {"{\"groups\":{\"group:a\":[\"group:b\"]}}",
		"line 1, column 23: 'group:b' cannot be in a group: users "
		"only, as 'name@'"},
	    {"{\"groups\":{\"group:a\":[\"bob\"]}}",
		"line 1, column 23: 'bob' cannot be in a group: users only, "
		"as 'name@'"},
	    {"{\"groups\":{\"group:a\":[],\"group:a\":[]}}",
		"line 1, column 25: 'group:a' stands here twice"},
	    {"{\"hosts\":{\"a@b\":\"1.2.3.4\"}}",
		"line 1, column 11: 'a@b' is no host name: a letter, and "
		"neither '@' nor ':'"},
	    {"{\"hosts\":{\"a\":\"b\"}}",
		"line 1, column 15: 'b' is no address or prefix (as "
		"10.0.0.0/8)"},
	    {SSH("\"deny\"", "\"bob@\"", "\"tag:web\"", "\"root\"", ""),
		"line 1, column 197: 'deny' is no action: 'accept' and 'check' "
		"are"},
	    {SSH("\"check\"", "\"office\"", "\"tag:web\"", "\"root\"", ""),
		"line 1, column 212: 'office' cannot be a source of ssh: users, "
		"groups, tags, autogroup:member and autogroup:tagged can"},
	    {SSH("\"check\"", "\"bob@\"", "\"*\"", "\"root\"", ""),
		"line 1, column 227: '*' cannot be a destination of ssh: users, "
		"tags, autogroup:self, :member and :tagged can"},
	    {SSH("\"check\"", "\"bob@\"", "\"group:dev\"", "\"root\"", ""),
		"line 1, column 227: 'group:dev' cannot be a destination of "
		"ssh: users, tags, autogroup:self, :member and :tagged can"},
	    {SSH("\"check\"", "\"bob@\"", "\"alice@\"", "\"root\"", ""),
		"line 1, column 227: a user's machines can only be reached by "
		"this user: write 'autogroup:self'"},
	    {SSH("\"check\"", "\"tag:web\"", "\"autogroup:self\"",
		 "\"root\"", ""),
		"line 1, column 230: machines with tags cannot log in to "
		"machines of users"},
	    {SSH("\"check\"", "\"bob@\"", "\"tag:web\"", "", ""),
		"line 1, column 187: an ssh rule needs at least one of "
		"'users'"},
	    {SSH("\"check\"", "\"bob@\"", "\"tag:web\"", "\"*\"", ""),
		"line 1, column 247: '*' is no account: a name, 'root', "
		"'autogroup:nonroot' or 'localpart:*@domain'"},
	    {SSH("\"check\"", "\"bob@\"", "\"tag:web\"", "\"-froot\"", ""),
		"line 1, column 247: '-froot' is no account"},
	    {SSH("\"check\"", "\"bob@\"", "\"tag:web\"",
		 "\"localpart:*@\"", ""),
		"line 1, column 247: 'localpart:*@' has no domain"},
	    {SSH("\"accept\"", "\"bob@\"", "\"tag:web\"", "\"root\"",
		 ",\"checkPeriod\":\"1h\""),
		"line 1, column 270: 'checkPeriod' goes with the action "
		"'check' only"},
	    {SSH("\"check\"", "\"bob@\"", "\"tag:web\"", "\"root\"",
		 ",\"checkPeriod\":\"169h\""),
		"line 1, column 269: '169h' is more than 168h"},
	    {"{\"ssh\":[{\"action\":\"accept\"}]}",
		"line 1, column 9: an ssh rule needs 'action', 'src', 'dst' "
		"and 'users'"},
	    {"{\"autoApprovers\":{\"routes\":{\"x\":[]}}}",
		"line 1, column 29: 'x' is no prefix (as 10.0.0.0/8)"},
	    {"{\"autoApprovers\":{\"routes\":{\"10.0.0.1/8\":[]}}}",
		"line 1, column 29: '10.0.0.1/8' has bits behind its length"},
	    {"{\"autoApprovers\":{\"exitNode\":[\"tag:no\"]}}",
		"line 1, column 31: 'tag:no' is not in 'tagOwners'"},
	    {"{\"autoApprovers\":{\"services\":{}}}",
		"line 1, column 19: 'services' is not supported by this "
		"server"},
	    {"{\"tagOwners\":{\"web\":[]}}",
		"line 1, column 15: 'web' is no tag: they look like "
		"'tag:web'"},
	    {"{\"tagOwners\":{\"tag:1\":[]}}",
		"line 1, column 15: 'tag:1' is no tag: they look like "
		"'tag:web'"},
	    {"{\"tagOwners\":{\"tag:a\":[\"group:x\"]}}",
		"line 1, column 24: 'group:x' is not in 'groups'"},
	    {"{\"tagOwners\":{\"tag:a\":[\"1.2.3.4\"]}}",
		"line 1, column 24: '1.2.3.4' cannot own a tag"},
	    {"{\"acls\":[{}]}",
		"line 1, column 10: an acl needs 'action', 'src' and 'dst'"},
	    {"{\"acls\":[{\"action\":\"drop\"}]}",
		"line 1, column 20: 'drop' is no action: only 'accept' is"},
	    {"{\"acls\":[{\"users\":[]}]}",
		"line 1, column 11: 'users' is not supported by this server"},
	    {"{\"acls\":[{\"sources\":[]}]}",
		"line 1, column 11: 'sources' is no member that can stand "
		"here"},
	    {ACL("\"tag:db\"", "\"*:*\""),
		"line 1, column 214: 'tag:db' is not in 'tagOwners'"},
	    {ACL("\"group:x\"", "\"*:*\""),
		"line 1, column 214: 'group:x' is not in 'groups'"},
	    {ACL("\"host\"", "\"*:*\""),
		"line 1, column 214: 'host' is not in 'hosts' (a user is "
		"written 'name@')"},
	    {ACL("\"autogroup:self\"", "\"*:*\""),
		"line 1, column 214: 'autogroup:self' is not possible here"},
	    {ACL("\"autogroup:admin\"", "\"*:*\""),
		"line 1, column 214: 'autogroup:admin' is no autogroup that "
		"this server knows"},
	    {ACL("\"\"", "\"*:*\""), "line 1, column 214: '' is empty"},
	    {ACL("\"ipset:x\"", "\"*:*\""),
		"line 1, column 214: 'ipset:x' is not supported"},
	    {ACL("\"*\"", "\"*\""),
		"line 1, column 226: '*' has no ports: as 'tag:web:443'"},
	    {ACL("\"*\"", "\"tag:web\""),
		"line 1, column 226: 'tag' is not in 'hosts' (a user is "
		"written 'name@')"},
	    {ACL("\"*\"", "\"*:0\""),
		"line 1, column 226: '0' is no port: they begin at 1"},
	    {ACL("\"*\"", "\"*:9-8\""),
		"line 1, column 226: '9-8' is a range that ends before it "
		"begins"},
	    {ACL("\"*\"", "\"*:70000\""),
		"line 1, column 226: '70000' is no port, range of ports, or "
		"'*'"},
	    {ACL("\"*\"", "\"*:22,\""),
		"line 1, column 226: '' is no port, range of ports, or '*'"},
	    {ACL("\"tag:web\"", "\"autogroup:self:*\""),
		"line 1, column 232: 'autogroup:self' needs sources that are "
		"users, groups or autogroup:member"},
	    {ACL("\"*\"", "\"autogroup:danger-all:*\""),
		"line 1, column 226: 'autogroup:danger-all' is not possible "
		"here"},
	    {"{\"acls\":[{\"proto\":\"*\"}]}",
		"line 1, column 19: '*' is no protocol: leave 'proto' out"},
	    {"{\"acls\":[{\"proto\":\"06\"}]}",
		"line 1, column 19: '06' is no protocol"},
	    {"{\"acls\":[{\"proto\":\"icmp\",\"action\":\"accept\",\"src\":"
	     "[\"*\"],\"dst\":[\"*:22\"]}]}",
		"line 1, column 63: this protocol has no ports: write '*'"},
	    {"{\"grants\":[{\"src\":[\"*\"],\"dst\":[\"*\"]}]}",
		"line 1, column 12: a grant needs 'src', 'dst' and 'ip' or "
		"'app'"},
	    {"{\"grants\":[{\"src\":[\"*\"],\"dst\":[\"0.0.0.0/0\"],"
	     "\"ip\":[\"*\"]}]}",
		"line 1, column 32: a grant cannot name all addresses as a "
		"prefix: write '*' or 'autogroup:internet'"},
	    {"{\"grants\":[{\"src\":[\"*\"],\"dst\":[\"*\"],\"ip\":[]}]}",
		"line 1, column 12: 'ip' and 'app' of a grant are both empty"},
#define APP(dst, app)                                                          \
	"{\"grants\":[{\"src\":[\"*\"],\"dst\":[\"" dst "\"],\"app\":" app "}]}"
	    {APP("*", "{}"),
		"line 1, column 12: 'ip' and 'app' of a grant are both empty"},
	    {APP("*", "{\"tailscale.com/cap/ingress\":[]}"),
		"line 1, column 44: 'tailscale.com/cap/ingress' is a "
		"capability that nobody can grant"},
	    {APP("*", "{\"https://example.com/x\":[]}"),
		"line 1, column 44: 'https://example.com/x' is no capability: "
		"no '://' in it"},
	    {APP("*", "{\"example.com/x\":1}"),
		"line 1, column 60: 'example.com/x' needs a list of values"},
	    {APP("autogroup:internet", "{\"example.com/x\":[]}"),
		"line 1, column 32: nobody on the internet knows 'app'"},
	    {"{\"grants\":[{\"src\":[\"*\"],\"dst\":[\"*\"],\"ip\":["
	     "\"tcp:80,\"]}]}",
		"line 1, column 43: '' is no port, range of ports, or '*'"},
	    {"{\"acls\":[{\"proto\":\"0\"}]}",
		"line 1, column 19: '0' is no protocol"},
	    {"{\"tests\":[{\"accept\":[\"1.2.3.4:5\"]}]}",
		"line 1, column 11: a test needs 'src'"},
	    {"{\"tests\":[{\"src\":\"a@\"}]}",
		"line 1, column 11: a test needs 'accept' or 'deny'"},
	    {"{\"tests\":[{\"src\":\"a@\",\"accept\":[\"b@:*\"]}]}",
		"line 1, column 33: 'b@:*' must end in one port: as "
		"'tag:web:443'"},
	    {"{\"tests\":[{\"src\":\"a@\",\"accept\":[\"10.0.0.0/8:1\"]}]}",
		"line 1, column 33: '10.0.0.0/8' is a network: a test asks "
		"for one host"},
	    {HEAD "\"tests\":[{\"src\":\"bob@\",\"deny\":[\"office:1\"]}]}",
		"line 1, column 211: 'office' is a network: a test asks for "
		"one host"},
	    {"{\"tests\":[{\"src\":\"a@\",\"proto\":\"icmp\"}]}",
		"line 1, column 31: 'icmp' has no ports: tests can ask for "
		"tcp, udp and sctp"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy *p = NULL;
		struct mesh_diag diag = {0};
		int err = mesh_policy_parse(rows[i].text,
		    strlen(rows[i].text), &p, &diag);

		if (err != MESH_ERR_FORMAT)
			fail_msg("row %zu: accepted", i);
		if (strcmp(diag.text, rows[i].wrong) != 0)
			fail_msg("row %zu: %s\n      not: %s", i, diag.text,
			    rows[i].wrong);
		assert_null(p);
	}
}

static void
test_too_long(void **state)
{
	char *text = malloc(MESH_POLICY_TEXT_MAX + 1);
	struct mesh_policy *p;
	struct mesh_diag diag;

	(void)state;
	memset(text, ' ', MESH_POLICY_TEXT_MAX + 1);
	assert_int_equal(mesh_policy_parse(text, MESH_POLICY_TEXT_MAX + 1, &p,
			     &diag),
	    MESH_ERR_LIMIT);
	assert_int_equal(mesh_policy_parse(text, MESH_POLICY_TEXT_MAX, &p,
			     &diag),
	    MESH_OK); /* blank: open */
	mesh_policy_free(p);
	free(text);
}

static void
test_open(void **state)
{
	static const struct {
		const char *text;
		bool open;
	} rows[] = {
	    {"", true},
	    {" // nothing yet\n", true},
	    {"{}", true},
	    {"{\"groups\":{}}", true},
	    {"{\"acls\":null}", true},
	    {"{\"acls\":[]}", false},
	    {"{\"grants\":[]}", false},
	    {"{\"ACLs\":[],}", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy *p = parse(rows[i].text);

		assert_int_equal(mesh_policy_is_open(p), rows[i].open);
		assert_true(mesh_str_eq(mesh_policy_text(p), rows[i].text));
		mesh_policy_free(p);
	}
}

static void
test_kept(void **state)
{
	struct mesh_policy *p = parse("{\"sshTests\": [{\"x\": 1}], // kept\n"
				      "\"autoApprovers\":{},\"nodeAttrs\":[],"
				      "\"randomizeClientPort\":true}");

	(void)state;
	assert_true(mesh_str_eq(mesh_policy_section(p, "sshTests"),
	    "[{\"x\": 1}]"));
	assert_true(mesh_str_eq(mesh_policy_section(p, "nodeAttrs"), "[]"));
	assert_int_equal(mesh_policy_section(p, "acls").len, 0);
	mesh_policy_free(p);
}

static bool
may_route(struct mesh_policy_world *w, size_t i, const char *route)
{
	struct mesh_prefix p;

	assert_int_equal(mesh_prefix_parse(mesh_str(route), &p), MESH_OK);
	return mesh_policy_may_route(put(w, i), &p);
}

static void
test_approvers(void **state)
{
	struct mesh_policy *p = parse(HEAD
	    "\"autoApprovers\":{\"routes\":{"
	    "\"10.0.0.0/8\":[\"group:dev\"],\"0.0.0.0/0\":[\"tag:router\"]},"
	    "\"exitNode\":[\"tag:exit\"]}}");
	struct mesh_policy_world *w = world(p);
	size_t alice = 0, router = 0, exits = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		if (nodes[i].tag && strcmp(nodes[i].tag, "tag:router") == 0)
			router = i;
		else if (nodes[i].tag && strcmp(nodes[i].tag, "tag:exit") == 0)
			exits = i;
	}
	assert_true(may_route(w, alice, "10.0.0.0/8"));
	assert_true(may_route(w, alice, "10.1.2.0/24"));
	assert_false(may_route(w, alice, "0.0.0.0/1")); /* more than 10/8 */
	assert_false(may_route(w, alice, "192.168.0.0/16"));
	assert_false(may_route(w, alice, "fd00::/8"));
	assert_true(may_route(w, router, "192.168.0.0/16"));
	assert_false(may_route(w, router, "0.0.0.0/0")); /* not by `routes` */
	assert_false(may_route(w, router, "fd00::/8"));
	assert_true(may_route(w, exits, "0.0.0.0/0"));
	assert_true(may_route(w, exits, "::/0"));
	assert_false(may_route(w, exits, "10.0.0.0/8"));
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* --- logins */

static void
ssh_is(struct mesh_policy_world *w, size_t i, const char *want)
{
	struct mesh_buf got;
	struct mesh_jw jw;

	mesh_buf_init(&got, 1u << 16);
	mesh_jw_init(&jw, &got, false);
	mesh_policy_ssh_write(put(w, i), "https://x", &jw);
	mesh_buf_add_byte(&got, 0);
	assert_string_equal((const char *)got.data, want);
	mesh_buf_release(&got);
}

static bool
ssh_lets(struct mesh_policy_world *w, size_t src, size_t dst,
    const char *account, bool check)
{
	struct mesh_policy_ssh_verdict v;

	mesh_policy_ssh_ask(put(w, src), put(w, dst), mesh_str(account), &v);
	return v.allowed && v.check == check;
}

#define ACCEPT                                                                 \
	"\"action\":{\"accept\":true,\"allowAgentForwarding\":true,"           \
	"\"allowLocalPortForwarding\":true,"                                   \
	"\"allowRemotePortForwarding\":true}"
#define CHECK                                                                  \
	"\"action\":{\"holdAndDelegate\":\"https://x/machine/ssh/action/"       \
	"$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER\"}"

static void
test_ssh(void **state)
{
	struct mesh_policy *p = parse(HEAD "\"ssh\":["
	    "{\"action\":\"accept\",\"src\":[\"group:dev\",\"tag:web\"],"
	    "\"dst\":[\"tag:web\",\"tag:exit\"],\"users\":[\"deploy\"]},"
	    "{\"action\":\"check\",\"src\":[\"alice@\"],\"dst\":[\"tag:exit\"],"
	    "\"users\":[\"root\"],\"checkPeriod\":\"1h\","
	    "\"acceptEnv\":[\"LANG\"]},"
	    "{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
	    "\"dst\":[\"autogroup:self\"],\"users\":[\"autogroup:nonroot\"]},"
	    "{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
	    "\"dst\":[\"tag:router\"],\"users\":[\"localpart:*@Example.com\"]}"
	    "]}");
	struct mesh_policy_world *w = world(p);
	enum { A1, A2, B, W, R, E }; /* rows of nodes */
	struct mesh_policy_ssh_verdict v;

	(void)state;
	ssh_is(w, W, "{\"rules\":[{\"principals\":[{\"userLogin\":\"alice\"},"
	    "{\"node\":\"4\"}],\"sshUsers\":{\"root\":\"\","
	    "\"deploy\":\"deploy\"}," ACCEPT "}]}");
	ssh_is(w, E, "{\"rules\":[{\"principals\":[{\"userLogin\":\"alice\"}],"
	    "\"sshUsers\":{\"root\":\"root\"}," CHECK
	    ",\"acceptEnv\":[\"LANG\"]},"
	    "{\"principals\":[{\"userLogin\":\"alice\"},{\"node\":\"4\"}],"
	    "\"sshUsers\":{\"root\":\"\",\"deploy\":\"deploy\"}," ACCEPT "}]}");
	ssh_is(w, B, "{\"rules\":[{\"principals\":[{\"userLogin\":\"bob\"}],"
	    "\"sshUsers\":{\"*\":\"=\",\"root\":\"\"}," ACCEPT "}]}");
	ssh_is(w, R, "{\"rules\":[{\"principals\":[{\"userLogin\":\"alice\"},"
	    "{\"userLogin\":\"bob\"}],\"sshUsers\":{\"root\":\"\"}," ACCEPT "},"
	    "{\"principals\":[{\"userLogin\":\"alice\"}],"
	    "\"sshUsers\":{\"alice\":\"alice\"}," ACCEPT "}]}");
	assert_true(ssh_lets(w, A1, E, "root", true));
	assert_true(ssh_lets(w, A1, E, "deploy", false));
	assert_false(ssh_lets(w, A1, E, "nobody", false));
	assert_false(ssh_lets(w, A1, E, "", false));
	assert_false(ssh_lets(w, B, E, "root", true));
	assert_false(ssh_lets(w, B, E, "deploy", false));
	assert_true(ssh_lets(w, W, E, "deploy", false));
	assert_false(ssh_lets(w, R, E, "deploy", false));
	assert_true(ssh_lets(w, A1, A2, "any", false));
	assert_false(ssh_lets(w, A1, A2, "root", false));
	assert_false(ssh_lets(w, A1, B, "any", false));
	assert_true(ssh_lets(w, A1, R, "alice", false));
	assert_false(ssh_lets(w, B, R, "alice", false));
	mesh_policy_ssh_ask(put(w, A1), put(w, E), MESH_STR("root"), &v);
	assert_true(v.period_ns == MESH_HOUR);
	mesh_policy_world_free(w);
	mesh_policy_free(p);
	p = parse("{}");
	w = world(p);
	assert_false(mesh_policy_has_ssh(put(w, A1)));
	ssh_is(w, A1, "{\"rules\":[]}");
	assert_false(ssh_lets(w, A1, A2, "any", false));
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* --- what nodes are told */

static void
filter_text(struct mesh_policy_node *n, struct mesh_buf *out)
{
	struct mesh_jw w;

	mesh_buf_init(out, 1u << 20);
	mesh_jw_init(&w, out, false);
	mesh_policy_filter_write(n, &w);
	assert_false(out->failed);
}

#define ALL_PORTS "\"Ports\":{\"First\":0,\"Last\":65535}}"
#define STAR                                                                   \
	"\"100.64.0.0-100.115.91.255\",\"100.115.94.0-100.127.255.255\","      \
	"\"192.168.7.0/24\",\"fd7a:115c:a1e0::/48\""
#define SRC_ALICE "{\"SrcIPs\":[\"100.64.0.1-100.64.0.2\","                    \
		  "\"fd7a:115c:a1e0::1-fd7a:115c:a1e0::2\"],"
#define AT(ip, first, last)                                                    \
	"{\"IP\":\"" ip "\",\"Ports\":{\"First\":" first ",\"Last\":" last "}}"

static void
test_filters(void **state)
{
	static const struct {
		const char *text;
		uint64_t node;
		const char *filter;
	} rows[] = {
	    {"", BOB,
		"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\"," ALL_PORTS
		"]}]"},
	    {"{\"acls\":[]}", BOB, "[]"},
	    {ACL("\"*\"", "\"*:*\""), BOB,
		"[{\"SrcIPs\":[" STAR "],\"DstPorts\":[{\"IP\":\"*\"," ALL_PORTS
		"]}]"},
	    {ACL("\"autogroup:danger-all\"", "\"*:*\""), BOB,
		"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\"," ALL_PORTS
		"]}]"},
	    {ACL("\"alice@\"", "\"tag:web:22,80-90\""), WEB,
		"[" SRC_ALICE "\"DstPorts\":[" AT("100.64.0.4", "22", "22")
		"," AT("100.64.0.4", "80", "90") "," AT("fd7a:115c:a1e0::4",
		    "22", "22") "," AT("fd7a:115c:a1e0::4", "80", "90") "]}]"},
	    {ACL("\"alice@\"", "\"tag:web:22\""), BOB, "[]"},
	    /* nobody is carol yet */
	    {ACL("\"carol@\"", "\"*:*\""), BOB, "[]"},
	    {ACL("\"group:dev\"", "\"100.64.0.3:22\""), BOB,
		"[" SRC_ALICE "\"DstPorts\":[" AT("100.64.0.3", "22", "22")
		"]}]"},
	    {ACL("\"alice@example.com\"", "\"[fd7a:115c:a1e0::3]:22\""), BOB,
		"[" SRC_ALICE "\"DstPorts\":[" AT("fd7a:115c:a1e0::3", "22",
		    "22") "]}]"},
	    {ACL("\"1.2.3.4\"", "\"[fd7a:115c:a1e0::]/48:22\""), BOB,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"DstPorts\":["
		AT("fd7a:115c:a1e0::/48", "22", "22") "]}]"},
	    {ACL("\"1.2.3.4\"", "\"office:22\""), ROUTER,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"DstPorts\":["
		AT("192.168.7.0/24", "22", "22") "]}]"},
	    {ACL("\"1.2.3.4\"", "\"office:22\""), BOB, "[]"},
	    {ACL("\"office\"", "\"autogroup:member:22\""), BOB,
		"[{\"SrcIPs\":[\"192.168.7.0/24\"],\"DstPorts\":["
		AT("100.64.0.3", "22", "22") "," AT("fd7a:115c:a1e0::3", "22",
		    "22") "]}]"},
	    {ACL("\"office\"", "\"autogroup:tagged:22\""), BOB, "[]"},
	    /* self: own nodes only, and never tagged ones */
	    {ACL("\"*\"", "\"autogroup:self:*\""), ALICE1,
		"[" SRC_ALICE "\"DstPorts\":[" AT("100.64.0.1", "0", "65535")
		"," AT("fd7a:115c:a1e0::1", "0", "65535") "]}]"},
	    {ACL("\"alice@\"", "\"autogroup:self:*\""), BOB,
		"[]"},
	    {ACL("\"autogroup:member\"", "\"autogroup:self:*\""), WEB, "[]"},
	    {ACL("\"1.2.3.4\"", "\"autogroup:internet:443\""), BOB, "[]"},
	    {ACL("\"1.2.3.4\"", "\"dns:53\""), EXIT,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"DstPorts\":["
		AT("8.8.8.8", "53", "53") "]}]"},
	    /* a route to a part of the internet; another one has none there */
	    {ACL("\"1.2.3.4\"", "\"autogroup:internet:443\""), ROUTER, "[]"},
	    {"{\"acls\":[{\"action\":\"accept\",\"proto\":\"GRE\",\"src\":["
	     "\"1.2.3.4\"],\"dst\":[\"*:*\"]}]}", BOB,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"DstPorts\":[{\"IP\":\"*\","
		ALL_PORTS "],\"IPProto\":[47]}]"},
	    {"{\"acls\":[{\"#ha-meta\":{},\"action\":\"accept\",\"src\":["
	     "\"1.2.3.4\"],\"dst\":[\"*:1\"]},{\"action\":\"accept\",\"src\":["
	     "\"1.2.3.4\"],\"dst\":[\"*:2\"]}]}", BOB,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"DstPorts\":[" AT("*", "1", "1")
		"," AT("*", "2", "2") "]}]"},
	    /* capabilities, by comments and all, and one that goes both ways */
	    {HEAD "\"grants\":[{\"src\":[\"alice@\"],\"dst\":[\"tag:web\"],\"app\":{"
	     "\"example.com/x\":[{\"a\":[1,/* so */true,]},null]}}]}", WEB,
		"[" SRC_ALICE "\"CapGrant\":[{\"Dsts\":[\"100.64.0.4/32\","
		"\"fd7a:115c:a1e0::4/128\"],\"CapMap\":{\"example.com/x\":["
		"{\"a\":[1,true]},null]}}]}]"},
#define DRIVE(src, dst)                                                        \
	HEAD "\"grants\":[{\"src\":[" src "],\"dst\":[" dst "],\"app\":{"        \
	     "\"tailscale.com/cap/drive\":[]}}]}"
	    {DRIVE("\"1.2.3.4\"", "\"tag:web\""), BOB, "[]"},
	    {DRIVE("\"1.2.3.4\"", "\"office\""), ROUTER,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"CapGrant\":[{\"Dsts\":["
		"\"192.168.7.0/24\"],\"CapMap\":{\"tailscale.com/cap/drive\":[]"
		"}}]}]"},
	    {DRIVE("\"bob@\"", "\"tag:web\""), BOB,
		"[{\"SrcIPs\":[\"100.64.0.4\",\"fd7a:115c:a1e0::4\"],"
		"\"CapGrant\":[{\"Dsts\":[\"100.64.0.3/32\","
		"\"fd7a:115c:a1e0::3/128\"],\"CapMap\":{"
		"\"tailscale.com/cap/drive-sharer\":null}}]}]"},
	    {DRIVE("\"autogroup:member\"", "\"autogroup:self\""), WEB, "[]"},
	    {"{\"grants\":[{\"src\":[\"1.2.3.4\"],\"dst\":[\"*\"],\"ip\":["
	     "\"22\",\"tcp:80\",\"443-444,9\"]}]}", BOB,
		"[{\"SrcIPs\":[\"1.2.3.4\"],\"DstPorts\":[" AT("*", "22", "22")
		"," AT("*", "443", "444") "," AT("*", "9", "9") "]},{\"SrcIPs\":[\"1.2.3.4\"],"
		"\"DstPorts\":[" AT("*", "80", "80") "],\"IPProto\":[6]}]"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy *p = parse(rows[i].text);
		struct mesh_policy_world *w = world(p);
		struct mesh_buf got;

		filter_text(mesh_policy_node_find(w, rows[i].node), &got);
		if (strcmp(mesh_buf_cstr(&got), rows[i].filter) != 0)
			fail_msg("row %zu: %s\n     not: %s", i,
			    mesh_buf_cstr(&got), rows[i].filter);
		mesh_buf_release(&got);
		mesh_policy_world_free(w);
		mesh_policy_free(p);
	}
}

/* Who serves a public network takes what is meant for the internet there. */
static void
test_public_route(void **state)
{
	static const char want[] = "{\"IP\":\"0.0.0.0-9.255.255.255\","
				   "\"Ports\":{\"First\":443,\"Last\":443}}";
	struct mesh_policy *p = parse(ACL("\"bob@\"",
	    "\"autogroup:internet:443\""));
	struct mesh_policy_world *w = world(p);
	struct mesh_ip ip = mesh_ip4(100, 64, 0, ROUTER);
	struct mesh_prefix route = {mesh_ip4(8, 8, 8, 0), 96 + 24};
	const struct mesh_policy_node_info info = {.id = ROUTER, .user = 1,
	    .addresses = &ip, .address_count = 1, .routes = &route,
	    .route_count = 1};
	struct mesh_policy_node *n, *bob = mesh_policy_node_find(w, BOB);
	struct mesh_buf got;

	(void)state;
	assert_int_equal(mesh_policy_node_put(w, &info, &n), MESH_OK);
	filter_text(n, &got);
	assert_non_null(strstr(mesh_buf_cstr(&got), want));
	mesh_buf_release(&got);
	assert_true(mesh_policy_visible(bob, n));
	assert_true(mesh_policy_route_visible(bob, n, &route));
	assert_false(mesh_policy_route_visible(mesh_policy_node_find(w, WEB), n,
	    &route));
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* Headscale's own answer, from protocol/samples: the same rules for node 3 (it
 * writes merged prefixes where we write the node's addresses). */
static void
test_headscale(void **state)
{
	static const char text[] =
	    "{ \"groups\": {\"group:dev\": [\"alice@\"]},\n"
	    "  \"tagOwners\": {\"tag:web\": [\"alice@\"]},\n"
	    "  \"hosts\": {\"office\": \"192.168.7.0/24\"},\n"
	    "  \"acls\": [\n"
	    "    {\"action\":\"accept\",\"src\":[\"group:dev\"],"
	    "\"dst\":[\"alice@:22,80\",\"tag:web:443\",\"office:*\"]},\n"
	    "    {\"action\":\"accept\",\"src\":[\"*\"],\"proto\":\"icmp\","
	    "\"dst\":[\"*:*\"]},\n"
	    "  ],\n"
	    "  \"ssh\": [{\"action\":\"accept\",\"src\":[\"autogroup:member\"],"
	    "\"dst\":[\"autogroup:self\"],"
	    "\"users\":[\"root\",\"autogroup:nonroot\"]}],\n"
	    "}\n";
	static const char want[] =
	    "[" SRC_ALICE "\"DstPorts\":[" AT("100.64.0.2", "22", "22") ","
	    AT("100.64.0.2", "80", "80") "," AT("fd7a:115c:a1e0::2", "22",
		"22") "," AT("fd7a:115c:a1e0::2", "80", "80") "]},"
	    "{\"SrcIPs\":[\"100.64.0.0-100.115.91.255\","
	    "\"100.115.94.0-100.127.255.255\",\"fd7a:115c:a1e0::/48\"],"
	    "\"DstPorts\":[{\"IP\":\"*\"," ALL_PORTS "],\"IPProto\":[1]}]";
	struct mesh_policy *p = parse(text);
	struct mesh_policy_world *w = mesh_policy_world_new(p);
	struct mesh_buf got;

	(void)state;
	assert_int_equal(mesh_policy_user_put(w, &users[0]), MESH_OK);
	(void)put(w, 0);
	filter_text(put(w, 1), &got);
	assert_string_equal(mesh_buf_cstr(&got), want);
	mesh_buf_release(&got);
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* --- who sees whom */

static void
test_visible(void **state)
{
	static const struct {
		const char *text;
		/* rows and columns: alice's, bob, web, router, exit */
		const char *seen[NODES - 1];
	} rows[] = {
	    {"", {"111111", "111111", "111111", "111111", "111111", "111111"}},
	    {"{\"acls\":[]}",
		{"1.....", ".1....", "..1...", "...1..", "....1.", ".....1"}},
	    {ACL("\"*\"", "\"*:22\""),
		{"111111", "111111", "111111", "111111", "111111", "111111"}},
	    {ACL("\"alice@\"", "\"tag:web:443\""),
		{"1..1..", ".1.1..", "..1...", "11.1..", "....1.", ".....1"}},
	    {ACL("\"*\"", "\"autogroup:self:*\""),
		{"11....", "11....", "..1...", "...1..", "....1.", ".....1"}},
	    {ACL("\"bob@\"", "\"office:80\""),
		{"1.....", ".1....", "..1.1.", "...1..", "..1.1.", ".....1"}},
	    {ACL("\"office\"", "\"bob@:80\""),
		{"1.....", ".1....", "..1.1.", "...1..", "..1.1.", ".....1"}},
	    {ACL("\"bob@\"", "\"autogroup:internet:*\""),
		{"1.....", ".1....", "..1..1", "...1..", "....1.", "..1..1"}},
	    {ACL("\"100.64.0.3\"", "\"100.64.0.1:1\""),
		{"1.1...", ".1....", "1.1...", "...1..", "....1.", ".....1"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy *p = parse(rows[i].text);
		struct mesh_policy_world *w = world(p);

		for (size_t a = 0; a < NODES - 1; a++)
			for (size_t b = 0; b < NODES - 1; b++) {
				bool got = mesh_policy_visible(
				    mesh_policy_node_find(w, a + 1),
				    mesh_policy_node_find(w, b + 1));

				if (got != (rows[i].seen[a][b] == '1'))
					fail_msg("row %zu: %zu and %zu", i, a,
					    b);
			}
		mesh_policy_world_free(w);
		mesh_policy_free(p);
	}
}

static void
test_routes(void **state)
{
	static const struct {
		const char *text;
		uint64_t viewer;
		bool office, internet;
	} rows[] = {
	    {"", BOB, true, true},
	    {"{\"acls\":[]}", BOB, false, false},
	    {ACL("\"*\"", "\"*:*\""), BOB, true, true},
	    {ACL("\"bob@\"", "\"office:80\""), BOB, true, false},
	    {ACL("\"bob@\"", "\"192.168.7.9:80\""), BOB, true, false},
	    {ACL("\"bob@\"", "\"office:80\""), ALICE1, false, false},
	    {ACL("\"office\"", "\"bob@:80\""), BOB, true, false},
	    {ACL("\"bob@\"", "\"autogroup:internet:*\""), BOB, false, true},
	    {ACL("\"bob@\"", "\"tag:exit:*\""), BOB, false, false},
	    {ACL("\"bob@\"", "\"0.0.0.0/0:*\""), BOB, true, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy *p = parse(rows[i].text);
		struct mesh_policy_world *w = world(p);
		const struct mesh_policy_node *viewer =
		    mesh_policy_node_find(w, rows[i].viewer);
		struct mesh_prefix office, all;

		(void)mesh_prefix_parse(MESH_STR("192.168.7.0/24"), &office);
		(void)mesh_prefix_parse(MESH_STR("0.0.0.0/0"), &all);
		assert_int_equal(mesh_policy_route_visible(viewer,
				     mesh_policy_node_find(w, ROUTER),
				     &office),
		    rows[i].office);
		assert_int_equal(mesh_policy_route_visible(viewer,
				     mesh_policy_node_find(w, EXIT), &all),
		    rows[i].internet);
		mesh_policy_world_free(w);
		mesh_policy_free(p);
	}
}

/* --- a world that changes */

static void
test_change(void **state)
{
	struct mesh_policy *p = parse(ACL("\"alice@\"", "\"bob@:22\""));
	struct mesh_policy_world *w = mesh_policy_world_new(p);
	struct mesh_policy_node *a, *b, *c;
	struct mesh_policy_user_info renamed = {.id = 2, .name = "robert"};
	uint64_t before, with_alice;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		assert_int_equal(mesh_policy_user_put(w, &users[i]), MESH_OK);
	b = put(w, 2);
	before = mesh_policy_filter_mark(b);
	a = put(w, 0);
	assert_true(mesh_policy_visible(a, b));
	with_alice = mesh_policy_filter_mark(b);
	assert_int_not_equal(before, with_alice);
	/* the same again: no change */
	assert_ptr_equal(put(w, 0), a);
	assert_int_equal(mesh_policy_filter_mark(b), with_alice);
	/* a node that the rule does not name */
	c = put(w, 3);
	assert_int_equal(mesh_policy_filter_mark(b), with_alice);
	assert_false(mesh_policy_visible(b, c));
	/* a second node of alice comes and goes */
	(void)put(w, 1);
	assert_int_not_equal(mesh_policy_filter_mark(b), with_alice);
	mesh_policy_node_remove(w, mesh_policy_node_find(w, ALICE2));
	assert_null(mesh_policy_node_find(w, ALICE2));
	assert_int_equal(mesh_policy_filter_mark(b), with_alice);
	/* bob is bob no more */
	assert_int_equal(mesh_policy_user_put(w, &renamed), MESH_OK);
	assert_false(mesh_policy_visible(a, b));
	assert_int_equal(mesh_policy_user_put(w, &users[1]), MESH_OK);
	assert_true(mesh_policy_visible(a, b));
	assert_int_equal(mesh_policy_filter_mark(b), with_alice);
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* The mark changes exactly when the text does, over all pairs of policies. */
static void
test_marks(void **state)
{
	static const char *const texts[] = {
	    "",
	    "{\"acls\":[]}",
	    ACL("\"*\"", "\"*:*\""),
	    ACL("\"*\"", "\"*:22\""),
	    ACL("\"alice@\"", "\"*:22\""),
	    ACL("\"group:dev\"", "\"*:22\""),
	    ACL("\"alice@\"", "\"tag:web:22\""),
	    ACL("\"alice@\"", "\"autogroup:self:22\""),
	};
	struct mesh_buf text[ARRAY_LEN(texts)];
	uint64_t mark[ARRAY_LEN(texts)];

	(void)state;
	for (uint64_t id = 1; id < NODES; id++) {
		for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
			struct mesh_policy *p = parse(texts[i]);
			struct mesh_policy_world *w = world(p);
			struct mesh_policy_node *n =
			    mesh_policy_node_find(w, id);

			mark[i] = mesh_policy_filter_mark(n);
			filter_text(n, &text[i]);
			mesh_policy_world_free(w);
			mesh_policy_free(p);
		}
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			for (size_t k = 0; k < ARRAY_LEN(texts); k++)
				assert_int_equal(mark[i] == mark[k],
				    !strcmp(mesh_buf_cstr(&text[i]),
					mesh_buf_cstr(&text[k])));
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			mesh_buf_release(&text[i]);
	}
}

/* Every filter is one that the netmap layer reads. */
static void
test_readable(void **state)
{
	struct mesh_policy *p = parse(ACL("\"*\",\"alice@\"",
	    "\"*:*\",\"alice@:22\",\"office:80\",\"autogroup:internet:*\","
	    "\"autogroup:self:9\""));
	struct mesh_policy_world *w = world(p);

	(void)state;
	for (uint64_t id = 1; id < NODES; id++) {
		struct mesh_rules *rules;
		struct mesh_diag diag;
		struct mesh_buf text;

		filter_text(mesh_policy_node_find(w, id), &text);
		assert_int_equal(mesh_rules_parse("base",
				     (struct mesh_str){
					 (const char *)text.data, text.len},
				     &rules, &diag),
		    MESH_OK);
		for (size_t i = 0; i < rules->count; i++) {
			const struct mesh_who *srcs =
			    rules->rules[i].srcs.items;

			for (size_t k = 0; k < rules->rules[i].srcs.count; k++)
				assert_int_equal(srcs[k].kind, MESH_WHO_RANGE);
		}
		mesh_counted_unref(rules);
		mesh_buf_release(&text);
	}
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

static void
test_tags(void **state)
{
	struct mesh_policy *p = parse(HEAD "}");
	struct mesh_policy_world *w = world(p);

	(void)state;
	assert_true(mesh_policy_has_tag(p, "tag:web"));
	assert_false(mesh_policy_has_tag(p, "tag:db"));
	assert_true(mesh_policy_may_tag(w, 2, "tag:web"));
	assert_false(mesh_policy_may_tag(w, 1, "tag:web"));
	assert_true(mesh_policy_may_tag(w, 1, "tag:router")); /* by group */
	assert_true(mesh_policy_may_tag(w, 2, "tag:exit"));   /* by tag:web */
	assert_false(mesh_policy_may_tag(w, 9, "tag:web"));
	assert_false(mesh_policy_may_tag(w, 2, "tag:db"));
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* --- verdicts */

#define RULES                                                                  \
	HEAD "\"acls\":[\n"                                                    \
	     "{\"action\":\"accept\",\"src\":[\"alice@\"],"                     \
	     "\"dst\":[\"tag:web:443\"]},\n"                                   \
	     "{\"action\":\"accept\",\"proto\":\"udp\",\"src\":[\"*\"],"         \
	     "\"dst\":[\"*:53\"]},\n"                                          \
	     "{\"action\":\"accept\",\"src\":[\"group:dev\"],"                  \
	     "\"dst\":[\"autogroup:self:*\",\"office:80\"]},\n"                 \
	     "{\"action\":\"accept\",\"src\":[\"tag:web\"],"                    \
	     "\"dst\":[\"autogroup:internet:443\"]}]"

static void
test_check(void **state)
{
	static const struct {
		const char *src, *dst, *proto;
		int err;
		bool allowed;
		unsigned line;
	} rows[] = {
	    {"alice@", "tag:web:443", "tcp", 0, true, 2},
	    {"alice@", "tag:web:443", NULL, 0, true, 2},
	    {"alice@", "tag:web", "tcp", 0, true, 2},
	    {"alice@", "tag:web:80", "tcp", 0, false, 0},
	    {"alice@", "tag:web:53", "tcp", 0, false, 0},
	    {"alice@", "tag:web:53", "udp", 0, true, 3},
	    {"alice@", "tag:web:53", "", 0, true, 3},
	    {"alice@", "tag:web", "icmp", 0, true, 2},
	    {"alice@example.com", "100.64.0.4:443", "6", 0, true, 2},
	    {"fd7a:115c:a1e0::1", "[fd7a:115c:a1e0::4]:443", "tcp", 0, true, 2},
	    {"fd7a:115c:a1e0::1", "fd7a:115c:a1e0::4", "tcp", 0, true, 2},
	    /* no packet has one address of each family */
	    {"100.64.0.1", "[fd7a:115c:a1e0::4]:443", "tcp", 0, false, 0},
	    {"alice@", "[fd7a:115c:a1e0::4]:443", "tcp", 0, true, 2},
	    /* ICMP comes along, but not that of the other family */
	    {"100.64.0.1", "100.64.0.4", "icmp", 0, true, 2},
	    {"100.64.0.1", "100.64.0.4", "ipv6-icmp", 0, false, 0},
	    {"bob@", "tag:web:443", "tcp", 0, false, 0},
	    {"https://id.example/7@", "tag:web:53", "udp", 0, true, 3},
	    {"alice@", "alice@:22", "tcp", 0, true, 4},
	    {"alice@", "bob@:22", "tcp", 0, false, 0},
	    {"group:dev", "office:80", "tcp", 0, true, 4},
	    {"group:dev", "192.168.7.9:80", "tcp", 0, true, 4},
	    {"group:dev", "192.168.8.9:80", "tcp", 0, false, 0},
	    {"tag:web", "1.1.1.1:443", "tcp", 0, true, 5},
	    {"tag:web", "10.1.1.1:443", "tcp", 0, false, 0},
	    {"192.168.7.3", "bob@:53", "udp", 0, true, 3}, /* a served route */
	    {"192.168.8.3", "bob@:53", "udp", 0, false, 0},
	    {"autogroup:member", "tag:web:443", "tcp", 0, false, 0},
	    {"autogroup:member", "tag:web:53", "udp", 0, true, 3},
	    {"dave@", "tag:web:443", "tcp", MESH_ERR_NOTFOUND, false, 0},
	    {"carol@", "tag:web:443", "tcp", MESH_ERR_NOTFOUND, false, 0},
	    {"alice@", "tag:db:443", "tcp", MESH_ERR_FORMAT, false, 0},
	    {"alice@", "tag:web:1-2", "tcp", MESH_ERR_FORMAT, false, 0},
	    {"alice@", "tag:web:1", "tpc", MESH_ERR_FORMAT, false, 0},
	    {"*", "tag:web:1", "tcp", MESH_ERR_FORMAT, false, 0},
	    {"alice", "tag:web:1", "tcp", MESH_ERR_FORMAT, false, 0},
	};
	struct mesh_policy *p = parse(RULES "}");
	struct mesh_policy_world *w = world(p);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy_verdict v = {0};
		struct mesh_diag diag = {0};
		int err = mesh_policy_check(w, rows[i].src, rows[i].dst,
		    rows[i].proto, &v, &diag);

		if (err != rows[i].err || v.allowed != rows[i].allowed ||
		    v.line != rows[i].line)
			fail_msg("row %zu: %d allowed %d line %u %s", i, err,
			    v.allowed, v.line, diag.text);
		assert_int_equal(err == MESH_OK, diag.text[0] == 0);
	}
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

/* Before anybody has joined. */
static void
test_imagined(void **state)
{
	static const struct {
		const char *src, *dst;
		bool allowed;
	} rows[] = {
	    {"alice@", "tag:web:443", true},
	    {"carol@", "carol@:22", true},
	    {"dave@", "tag:web:443", false},
	    {"dave@", "alice@:53", true},
	    {"tag:web", "8.8.8.8:443", true},
	};
	struct mesh_policy *p = parse(RULES "}");
	struct mesh_policy_world *w = mesh_policy_world_new(p);

	(void)state;
	assert_int_equal(mesh_policy_world_imagine(w), MESH_OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mesh_policy_verdict v;

		assert_int_equal(mesh_policy_check(w, rows[i].src, rows[i].dst,
				     NULL, &v, NULL),
		    MESH_OK);
		assert_int_equal(v.allowed, rows[i].allowed);
	}
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

static void
test_tests(void **state)
{
	static const struct {
		const char *tests, *failures;
	} rows[] = {
	    {"[]", ""},
	    {"[{\"src\":\"alice@\",\"accept\":[\"tag:web:443\",\"alice@:1\"],"
	     "\"deny\":[\"bob@:22\"]}]", ""},
	    {"[{\"src\":\"carol@\",\"accept\":[\"192.168.7.9:80\"],\"proto\":\"tcp\"}]",
		""},
	    {"[{\"src\":\"bob@\",\"accept\":[\"tag:web:443\",\"bob@:22\"]}]",
		"line 6, column 34: bob@ cannot reach tag:web:443, but should\n"
		"line 6, column 48: bob@ cannot reach bob@:22, but should\n"},
	    {"[{\"src\":\"alice@\",\"deny\":[\"tag:web:443\"]}]",
		"line 6, column 34: alice@ can reach tag:web:443, but should "
		"not\n"},
	    {"[{\"src\":\"autogroup:tagged\",\"deny\":[\"alice@:22\"]}]", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int real = 0; real < 2; real++) {
			char text[2048];
			struct mesh_policy *p;
			struct mesh_policy_world *w;
			struct mesh_buf out;
			struct mesh_diag diag = {0};

			assert_int_equal(mesh_format(text, sizeof(text),
					     RULES ",\n\"tests\":%s}",
					     rows[i].tests),
			    MESH_OK);
			p = parse(text);
			w = world(p);
			mesh_buf_init(&out, 4096);
			int err = mesh_policy_run_tests(p, real ? w : NULL,
			    &out, &diag);

			assert_string_equal(mesh_buf_cstr(&out),
			    rows[i].failures);
			assert_int_equal(err,
			    rows[i].failures[0] ? MESH_ERR_DENIED : MESH_OK);
			if (err != MESH_OK)
				assert_memory_equal(diag.text,
				    "test failed: line 6", 19);
			mesh_buf_release(&out);
			mesh_policy_world_free(w);
			mesh_policy_free(p);
		}
	}
}

/* --- limits */

static void
test_limits(void **state)
{
	struct mesh_policy *p = parse("");
	struct mesh_policy_world *w = mesh_policy_world_new(p);
	static struct mesh_prefix routes[MESH_POLICY_ROUTES_MAX + 1];
	static struct mesh_ip addresses[MESH_POLICY_ADDRESSES_MAX + 1];
	struct mesh_policy_node_info info = {.id = 1, .user = 1,
	    .addresses = addresses, .routes = routes};
	struct mesh_policy_node *n = NULL;

	(void)state;
	info.address_count = MESH_POLICY_ADDRESSES_MAX + 1;
	assert_int_equal(mesh_policy_node_put(w, &info, &n), MESH_ERR_LIMIT);
	info.address_count = MESH_POLICY_ADDRESSES_MAX;
	info.route_count = MESH_POLICY_ROUTES_MAX + 1;
	assert_int_equal(mesh_policy_node_put(w, &info, &n), MESH_ERR_LIMIT);
	assert_null(n);
	info.route_count = MESH_POLICY_ROUTES_MAX;
	assert_int_equal(mesh_policy_node_put(w, &info, &n), MESH_OK);
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

static void
test_many(void **state)
{
	struct mesh_buf text;
	struct mesh_policy *p = NULL;
	struct mesh_diag diag;

	(void)state;
	mesh_buf_init(&text, 2 * MESH_POLICY_TEXT_MAX);
	mesh_buf_add_str(&text, "{\"acls\":[");
	for (size_t i = 0; i <= MESH_POLICY_RULES_MAX; i++)
		mesh_buf_add_str(&text, "{\"action\":\"accept\",\"src\":[\"*\"],"
					"\"dst\":[\"*:1\"]},\n");
	mesh_buf_add_str(&text, "]}");
	assert_true(text.len < MESH_POLICY_TEXT_MAX);
	assert_int_equal(mesh_policy_parse((const char *)text.data, text.len,
			     &p, &diag),
	    MESH_ERR_FORMAT);
	assert_non_null(strstr(diag.text, "more than 8192 rules"));
	mesh_buf_release(&text);
}

/* Every truncation is refused or a policy; nothing else happens. */
static void
test_cut(void **state)
{
	static const char text[] = RULES
	    ",\"tests\":[{\"src\":\"a@\",\"accept\":[\"b@:1\"]}]}";

	(void)state;
	for (size_t i = 1; i + 1 < sizeof(text); i++) {
		char *copy = malloc(i);
		struct mesh_policy *p = NULL;

		memcpy(copy, text, i);
		if (mesh_policy_parse(copy, i, &p, NULL) == MESH_OK)
			fail_msg("cut at %zu was accepted", i);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_approvers),
	    cmocka_unit_test(test_ssh),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_public_route),
	    cmocka_unit_test(test_headscale),
	    cmocka_unit_test(test_visible),
	    cmocka_unit_test(test_routes),
	    cmocka_unit_test(test_change),
	    cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_readable),
	    cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_imagined),
	    cmocka_unit_test(test_tests),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
