/* SPDX-License-Identifier: ISC
 * The local API: requests, answers, shapes. Fixtures in tests/fuzz/corpus/local
 * are answers of a stock daemon (1.102.5). */
#include "test.h"

#include "local/notify.h"
#include "local/ping.h"
#include "local/server.h"
#include "local/status.h"
#include "local/whois.h"
#include <mesh/local.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mesh_str
fixture(const char *name, char *buf, size_t size)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/local/%s",
	    top ? top : ".", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	len = fread(buf, 1, size, f);
	fclose(f);
	return (struct mesh_str){buf, len};
}

/* --- the server's side */

static const char good[] = "GET /localapi/v0/whois?addr=100.64.0.1%3A22&x=a+b "
			   "HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n";

static void
requests_one_after_the_other(void **state)
{
	static const char text[] =
	    "POST /localapi/v0/start HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
	struct mesh_local_conn c;
	struct mesh_local_request r;
	char value[MESH_LOCAL_QUERY_MAX];

	(void)state;
	mesh_local_conn_init(&c, "0.1");
	/* byte by byte: nothing before the last */
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		assert_int_equal(mesh_local_conn_next(&c, &r),
		    MESH_ERR_AGAIN);
		assert_int_equal(mesh_local_conn_input(&c, good + i, 1), 0);
	}
	mesh_local_conn_input(&c, text, sizeof(text) - 1);
	assert_int_equal(mesh_local_conn_next(&c, &r), MESH_OK);
	assert_true(mesh_str_eq(r.method, "GET"));
	assert_true(mesh_str_eq(r.name, "whois"));
	assert_true(mesh_local_query(&r, "addr", value));
	assert_string_equal(value, "100.64.0.1:22");
	assert_true(mesh_local_query(&r, "x", value));
	assert_string_equal(value, "a b");
	assert_false(mesh_local_query(&r, "proto", value));
	assert_int_equal(mesh_local_conn_next(&c, &r), MESH_OK);
	assert_true(mesh_str_eq(r.name, "start"));
	assert_true(mesh_str_eq(r.body, "body"));
	assert_int_equal(mesh_local_conn_next(&c, &r), MESH_ERR_AGAIN);
	mesh_local_conn_release(&c);
}

/* As stock commands send changes; in two parts, then one more request. */
static void
chunked_requests(void **state)
{
	static const char text[] =
	    "PATCH /localapi/v0/prefs HTTP/1.1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"
	    "5\r\n{\"a\":\r\n3;x=y\r\n1}\n\r\n0\r\n\r\n"
	    "GET /localapi/v0/prefs HTTP/1.1\r\n\r\n";
	struct mesh_local_conn c;
	struct mesh_local_request r;

	(void)state;
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		int err;

		mesh_local_conn_init(&c, "0.1");
		mesh_local_conn_input(&c, text, cut);
		err = mesh_local_conn_next(&c, &r);
		mesh_local_conn_input(&c, text + cut, sizeof(text) - 1 - cut);
		if (err == MESH_ERR_AGAIN)
			err = mesh_local_conn_next(&c, &r);
		assert_int_equal(err, MESH_OK);
		assert_true(mesh_str_eq(r.body, "{\"a\":1}\n"));
		assert_int_equal(mesh_local_conn_next(&c, &r), MESH_OK);
		assert_true(mesh_str_eq(r.method, "GET"));
		assert_int_equal(r.body.len, 0);
		mesh_local_conn_release(&c);
	}
}

static void
what_is_refused(void **state)
{
	static const struct {
		const char *text, *status;
	} table[] = {
		{"GET /localapi/v0/status HTTP/1.1\r\nHost: evil\r\n\r\n",
		    "HTTP/1.1 403"},
		{"GET /localapi/v0/status HTTP/1.1\r\nOrigin: http://x\r\n\r\n",
		    "HTTP/1.1 403"},
		{"GET /localapi/v0/status HTTP/1.1\r\nReferer: x\r\n\r\n",
		    "HTTP/1.1 403"},
		{"POST /localapi/v0/start HTTP/1.1\r\n"
		 "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
		    "HTTP/1.1 400"},
		{"POST /localapi/v0/start HTTP/1.1\r\n"
		 "Content-Length: 99999999\r\n\r\n",
		    "HTTP/1.1 413"},
		{"nonsense\r\n\r\n", "HTTP/1.1 400"},
		{"\x16\x03\x01\x02\r\n\r\n", "HTTP/1.1 400"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct mesh_local_conn c;
		struct mesh_local_request r;

		mesh_local_conn_init(&c, "0.1");
		mesh_local_conn_input(&c, table[i].text,
		    strlen(table[i].text));
		assert_int_not_equal(mesh_local_conn_next(&c, &r), MESH_OK);
		assert_true(c.closing);
		assert_true(c.out.len > strlen(table[i].status));
		assert_memory_equal(c.out.data, table[i].status,
		    strlen(table[i].status));
		assert_int_equal(mesh_local_conn_next(&c, &r),
		    MESH_ERR_AGAIN);
		mesh_local_conn_release(&c);
	}
}

static void
too_much_input_is_an_error(void **state)
{
	struct mesh_local_conn c;
	char block[65536] = {0};
	int err = MESH_OK;

	(void)state;
	mesh_local_conn_init(&c, "0.1");
	for (int i = 0; i < 64 && err == MESH_OK; i++)
		err = mesh_local_conn_input(&c, block, sizeof(block));
	assert_int_equal(err, MESH_ERR_LIMIT);
	mesh_local_conn_release(&c);
}

static void
bad_queries(void **state)
{
	static const char *const bad[] = {"addr=%", "addr=%4", "addr=%zz",
	    "addr=%00", "add=1", ""};
	char value[MESH_LOCAL_QUERY_MAX], longest[2 * MESH_LOCAL_QUERY_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct mesh_local_request r = {.query = mesh_str(bad[i])};

		assert_false(mesh_local_query(&r, "addr", value));
	}
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "addr=", 5);
	assert_false(mesh_local_query(
	    &(struct mesh_local_request){.query = {longest, sizeof(longest)}},
	    "addr", value));
}

/* --- shapes */

static void
a_stock_status_is_read_and_written(void **state)
{
	static char text[65536];
	struct mesh_str in = fixture("status", text, sizeof(text));
	struct mesh_status s = {0}, again = {0};
	struct mesh_arena a;
	struct mesh_buf out;
	struct mesh_jw w;

	(void)state;
	mesh_arena_init(&a, MESH_STATUS_MEMORY);
	assert_int_equal(mesh_bind_parse(in.p, in.len, &mesh_status_schema, &a,
			     &s, NULL),
	    MESH_OK);
	assert_string_equal(s.backend_state, "Running");
	assert_string_equal(s.self->dns_name, "a.mesh.test.");
	assert_int_equal(s.ips.count, 2);
	assert_int_equal(s.peers.count, 1);
	assert_string_equal(mesh_status_peer(&s, 0)->host_name, "b");
	assert_int_equal(mesh_status_peer(&s, 0)->cur_addr.port, 41641);
	assert_true(mesh_status_peer(&s, 0)->active);
	assert_int_equal(s.users.count, 1);
	mesh_buf_init(&out, 65536);
	mesh_jw_init(&w, &out, true);
	mesh_bind_write(&w, &mesh_status_schema, &s);
	assert_int_equal(mesh_bind_parse((const char *)out.data, out.len,
			     &mesh_status_schema, &a, &again, NULL),
	    MESH_OK);
	assert_string_equal(again.self->relay, "lab");
	assert_true(strstr(mesh_buf_cstr(&out), "\"ClientVersion\": null"));
	assert_true(strstr(mesh_buf_cstr(&out), "\"Addrs\": null"));
	mesh_buf_release(&out);
	mesh_arena_release(&a);
}

static void
a_stock_whois_is_read(void **state)
{
	static char text[65536];
	struct mesh_str in = fixture("whois", text, sizeof(text));
	struct mesh_whois who;
	struct mesh_diag diag;

	(void)state;
	assert_int_equal(mesh_whois_parse(in.p, in.len, &who, NULL), MESH_OK);
	assert_string_equal(who.node, "b.mesh.test");
	assert_string_equal(who.user, "alice");
	assert_int_equal(who.tag_count, 0);
	assert_int_equal(mesh_whois_parse("{}", 2, &who, &diag),
	    MESH_ERR_FORMAT);
	assert_string_equal(diag.text, "the answer has no node");
	for (size_t len = 0; len < in.len - 1; len += 7)
		assert_int_not_equal(mesh_whois_parse(in.p, len, &who, NULL),
		    MESH_OK);
}

static struct mesh_netmap *
small_network(void)
{
#define KEY(last)                                                              \
	"\"nodekey:"                                                           \
	"00000000000000000000000000000000000000000000000000000000000000" last  \
	"\""
	static const char json[] = "{\"Node\":{\"ID\":1,\"StableID\":\"1\","
	    "\"Name\":\"a.mesh.test.\",\"User\":4,\"Key\":" KEY("aa") ","
	    "\"Addresses\":[\"100.64.0.1/32\"]},\"Peers\":["
	    "{\"ID\":7,\"StableID\":\"7\",\"Name\":\"web.mesh.test.\","
	    "\"User\":3,\"Key\":" KEY("ff") ",\"Tags\":[\"tag:web\","
	    "\"tag:eu\"],\"Addresses\":[\"100.64.0.7/32\"],"
	    "\"Hostinfo\":{\"Hostname\":\"box\",\"Services\":["
	    "{\"Proto\":\"peerapi4\",\"Port\":5000}]}},"
	    "{\"ID\":8,\"StableID\":\"8\",\"Name\":\"b.mesh.test.\","
	    "\"User\":9,\"Key\":" KEY("bb") ","
	    "\"Addresses\":[\"100.64.0.8/32\"]}],"
	    "\"UserProfiles\":[{\"ID\":3,\"LoginName\":\"tagged-devices\","
	    "\"DisplayName\":\"Tagged Devices\"}],"
	    "\"PacketFilter\":[{\"SrcIPs\":[\"100.64.0.7\"],\"CapGrant\":["
	    "{\"Dsts\":[\"100.64.0.1/32\"],\"CapMap\":{\"x/one\":[1,{}],"
	    "\"x/none\":null}},{\"Dsts\":[\"100.64.0.2/32\"],"
	    "\"CapMap\":{\"x/other\":[1]}}]},{\"SrcIPs\":[\"*\"],"
	    "\"CapGrant\":[{\"Dsts\":[\"100.64.0.0/10\"],"
	    "\"CapMap\":{\"x/one\":[\"two\"]}}]}]}";
#undef KEY
	struct mesh_netmap *nm = NULL;

	assert_int_equal(mesh_netmap_parse(json, sizeof(json) - 1, &nm, NULL),
	    MESH_OK);
	return nm;
}

static void
whois_is_written_as_read(void **state)
{
	struct mesh_netmap *nm = small_network();
	struct mesh_buf out;
	struct mesh_whois who;
	const char *text;

	(void)state;
	mesh_buf_init(&out, 65536);
	mesh_whois_write(&out, nm, mesh_netmap_peer(nm, 7));
	assert_int_equal(mesh_whois_parse((const char *)out.data, out.len,
			     &who, NULL),
	    MESH_OK);
	assert_string_equal(who.node, "web.mesh.test");
	assert_string_equal(who.user, "tagged-devices");
	assert_int_equal(who.tag_count, 2);
	assert_string_equal(who.tags[1], "tag:eu");
	text = mesh_buf_cstr(&out);
	assert_non_null(strstr(text, "\"ComputedName\": \"web\""));
	assert_non_null(strstr(text,
	    "\"ComputedNameWithHost\": \"web (box)\""));
	/* granted twice: one list; to another node: not told */
	assert_non_null(strstr(text, "\"x/one\": [1,{},\"two\"]"));
	assert_non_null(strstr(text, "\"x/none\": null"));
	assert_null(strstr(text, "x/other"));

	/* a user that is not known: an empty one, programs rely on it */
	mesh_buf_clear(&out);
	mesh_whois_write(&out, nm, mesh_netmap_peer(nm, 8));
	text = mesh_buf_cstr(&out);
	assert_non_null(strstr(text, "\"LoginName\": \"\""));
	assert_non_null(strstr(text, "\"x/one\": [\"two\"]"));
	mesh_buf_release(&out);
	mesh_netmap_unref(nm);
}

/* Older releases read it whole from the first line of a watch. */
static void
netmap_is_told_to_watchers(void **state)
{
	struct mesh_netmap *nm = small_network();
	struct mesh_notify_engine engine = {.rx_bytes = 1, .live_relays = 2};
	struct mesh_notify n = {.version = "1", .netmap = nm,
	    .self_change = nm->self, .engine = &engine}, got;
	struct mesh_arena a;
	struct mesh_buf out;
	const char *text;

	(void)state;
	mesh_arena_init(&a, 65536);
	mesh_buf_init(&out, 65536);
	mesh_notify_write(&out, &n);
	text = mesh_buf_cstr(&out);
	assert_int_equal(mesh_notify_parse(text, strlen(text), &a, &got, NULL),
	    MESH_OK);
	assert_non_null(strstr(text, "\"NetMap\":{\"SelfNode\":{\"ID\":1,"));
	assert_non_null(strstr(text, "\"NodeKey\":\"nodekey:0000"));
	assert_non_null(strstr(text, "\"UserProfiles\":{\"3\":{"));
	assert_non_null(strstr(text, "\"SelfChange\":{"));
	assert_non_null(strstr(text, "\"Engine\":{\"RBytes\":1,"));
	n = (struct mesh_notify){.version = "1"};
	mesh_buf_clear(&out);
	mesh_notify_write(&out, &n);
	text = mesh_buf_cstr(&out);
	assert_non_null(strstr(text, "\"NetMap\":null"));
	assert_null(strstr(text, "SelfChange"));
	mesh_buf_release(&out);
	mesh_arena_release(&a);
	mesh_netmap_unref(nm);
}

static void
peers_with_an_api(void **state)
{
	struct mesh_netmap *nm = small_network();
	struct mesh_peer_status s;
	struct mesh_arena a;

	(void)state;
	mesh_arena_init(&a, 65536);
	mesh_peer_status_from(mesh_netmap_peer(nm, 7), &a, &s);
	assert_int_equal(s.peerapi_url.count, 1);
	assert_string_equal(((const char **)s.peerapi_url.items)[0],
	    "http://100.64.0.7:5000");
	mesh_peer_status_from(mesh_netmap_peer(nm, 8), &a, &s);
	assert_false(s.peerapi_url.set);
	mesh_arena_release(&a);
	mesh_netmap_unref(nm);
}

/* Each of these a stock command can ask for. */
static void
prefs_that_cannot_be(void **state)
{
	static const char *const refused[] = {
	    "{\"ExitNodeID\":\"n1\"}", "{\"ExitNodeIP\":\"100.64.0.2\"}",
	    "{\"AutoExitNode\":\"any\"}", "{\"ExitNodeAllowLANAccess\":true}",
	    "{\"RunSSH\":true}", "{\"RunWebClient\":true}",
	    "{\"ForceDaemon\":true}", "{\"NotepadURLs\":true}",
	    "{\"AdvertiseRoutes\":[\"10.0.0.0/8\"]}", "{\"NoSNAT\":true}",
	    "{\"NoStatefulFiltering\":false}",
	    "{\"AdvertiseServices\":[\"svc:x\"]}", "{\"Sync\":false}",
	    "{\"AutoUpdate\":{\"Check\":true,\"Apply\":true}}",
	    "{\"AppConnector\":{\"Advertise\":true}}",
	    "{\"PostureChecking\":true}", "{\"NetfilterKind\":\"nftables\"}",
	    "{\"RemoteConfig\":true}", "{\"DriveShares\":[{\"name\":\"x\"}]}",
	    "{\"RelayServerPort\":0}",
	    "{\"RelayServerStaticEndpoints\":[\"1.2.3.4:5\"]}",
	};
	static const char *const fine[] = {"{}",
	    "{\"CorpDNS\":true,\"RouteAll\":true,\"ShieldsUp\":true,"
	    "\"Hostname\":\"x\",\"AdvertiseTags\":[\"tag:x\"],"
	    "\"OperatorUser\":\"bob\",\"ProfileName\":\"work\","
	    "\"NetfilterMode\":0,\"NoStatefulFiltering\":true,\"Sync\":true,"
	    "\"AutoUpdate\":{\"Check\":true,\"Apply\":false},"
	    "\"DriveShares\":[],\"RelayServerPort\":null}"};
	struct mesh_arena a;
	struct mesh_diag diag;

	(void)state;
	mesh_arena_init(&a, MESH_PREFS_MEMORY);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct mesh_prefs p = {0};

		assert_int_equal(mesh_bind_parse(refused[i], strlen(refused[i]),
		    &mesh_prefs_schema, &a, &p, NULL), MESH_OK);
		assert_int_equal(mesh_prefs_check(&p, &diag), MESH_ERR_ARG);
		assert_memory_equal(diag.text, "this daemon cannot ", 19);
		mesh_prefs_drop(&p);
		assert_int_equal(mesh_prefs_check(&p, &diag), MESH_OK);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		struct mesh_prefs p = {0};

		assert_int_equal(mesh_bind_parse(fine[i], strlen(fine[i]),
		    &mesh_prefs_schema, &a, &p, NULL), MESH_OK);
		assert_int_equal(mesh_prefs_check(&p, &diag), MESH_OK);
	}
	mesh_arena_release(&a);
}

static void
prefs_change_where_marked(void **state)
{
	static const char edit[] =
	    "{\"Hostname\":\"new\",\"HostnameSet\":true,"
	    "\"WantRunning\":true,\"WantRunningSet\":true,"
	    "\"ControlURL\":\"http://x\","
	    "\"AdvertiseRoutes\":[\"10.0.0.0/8\"],\"AdvertiseRoutesSet\":true,"
	    "\"CorpDNSSet\":true,\"AutoUpdate\":{\"Check\":false,\"Apply\":true},"
	    "\"AutoUpdateSet\":{\"ApplySet\":true},\"UnknownSet\":false}";
	struct mesh_prefs p = MESH_PREFS_DEFAULT;
	struct mesh_arena a;
	struct mesh_diag diag;
	char with[64];

	(void)state;
	p.control_url = "http://old";
	mesh_arena_init(&a, MESH_PREFS_MEMORY);
	assert_int_equal(mesh_prefs_edit(&p, edit, sizeof(edit) - 1, &a, NULL),
	    MESH_OK);
	assert_string_equal(p.hostname, "new");
	assert_true(p.want_running);
	assert_string_equal(p.control_url, "http://old"); /* not marked */
	assert_int_equal(p.advertise_routes.count, 1);
	assert_false(p.corp_dns); /* marked and absent: zero */
	assert_int_equal(p.auto_update.apply, 1);
	assert_true(p.logged_out);
	assert_int_equal(p.netfilter_mode, 2);

	snprintf(with, sizeof(with), "{\"Config\":{},\"ConfigSet\":true}");
	assert_int_equal(mesh_prefs_edit(&p, with, strlen(with), &a, &diag),
	    MESH_ERR_ARG);
	assert_string_equal(diag.text, "Config cannot be set");
	snprintf(with, sizeof(with), "{\"EggSet\":true,\"Egg\":true}");
	assert_int_equal(mesh_prefs_edit(&p, with, strlen(with), &a, &diag),
	    MESH_ERR_ARG);
	assert_string_equal(diag.text, "this daemon has no setting 'Egg'");
	assert_int_equal(mesh_prefs_edit(&p, "{\"Hostname\":1}", 14, &a, NULL),
	    MESH_ERR_FORMAT);
	assert_string_equal(p.hostname, "new");
	mesh_arena_release(&a);
}

static void
notify_lines(void **state)
{
	struct mesh_prefs prefs = MESH_PREFS_DEFAULT;
	struct mesh_notify n = {.version = "0.1", .session_id = "s",
	    .has_state = true, .state = MESH_BACKEND_NEEDS_LOGIN,
	    .browse_to_url = "http://x/?a=1&b", .prefs = &prefs};
	struct mesh_notify got;
	struct mesh_arena a;
	struct mesh_buf out;

	(void)state;
	mesh_arena_init(&a, 1 << 16);
	mesh_buf_init(&out, 65536);
	mesh_notify_write(&out, &n);
	assert_int_equal(out.data[out.len - 1], '\n');
	assert_int_equal(mesh_notify_parse((const char *)out.data, out.len, &a,
			     &got, NULL),
	    MESH_OK);
	assert_true(got.has_state);
	assert_int_equal(got.state, MESH_BACKEND_NEEDS_LOGIN);
	assert_string_equal(got.browse_to_url, "http://x/?a=1&b");
	assert_null(got.err_message);
	assert_true(got.prefs->corp_dns);
	assert_int_equal(mesh_notify_parse("{\"State\":7}", 11, &a, &got, NULL),
	    MESH_ERR_LIMIT);
	mesh_buf_release(&out);
	mesh_arena_release(&a);
}

static void
answers_mean_errors(void **state)
{
	static const struct {
		unsigned status;
		const char *body, *says;
		int err;
	} table[] = {
		{200, "", "", MESH_OK},
		{204, "", "", MESH_OK},
		{403, "{\"error\":\"access denied\"}", "access denied",
		    MESH_ERR_DENIED},
		{404, "no match for IP:port\n", "no match for IP:port",
		    MESH_ERR_NOTFOUND},
		{400, "{\"Error\":\"bad\"}", "bad", MESH_ERR_REFUSED},
		{503, "", "the daemon answered with status 503",
		    MESH_ERR_STATE},
		{500, "{broken", "{broken", MESH_ERR_REFUSED},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct mesh_local_reply r = {table[i].status, table[i].body,
		    strlen(table[i].body)};
		struct mesh_diag diag = {""};

		assert_int_equal(mesh_local_check(&r, &diag), table[i].err);
		assert_string_equal(diag.text, table[i].says);
	}
	assert_int_equal(mesh_local_escape("a:b/[1]", out, sizeof(out)), 0);
	assert_string_equal(out, "a%3Ab%2F%5B1%5D");
	assert_int_equal(mesh_local_escape("::::::", out, sizeof(out)),
	    MESH_ERR_LIMIT);
}

/* --- the client, against a server that says what it is told to */

static struct sockaddr_un where = {.sun_family = AF_UNIX};

static pid_t
serve(const char *answer)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	unlink(where.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&where,
			     sizeof(where)),
	    0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = accept(listener, NULL, NULL);
		char request[4096];

		(void)!read(fd, request, sizeof(request));
		for (size_t i = 0; answer[i] != 0; i++)
			if (write(fd, answer + i, 1) != 1)
				break;
		if (strcmp(answer, "hang") == 0)
			pause();
		_exit(0);
	}
	close(listener);
	return pid;
}

static void
reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int
ask(const char *answer, uint64_t timeout, char *body, size_t size)
{
	pid_t pid = serve(answer);
	struct mesh_local *l = NULL;
	struct mesh_local_reply r;
	int err = mesh_local_connect(where.sun_path, timeout, &l, NULL);

	if (err == MESH_OK)
		err = mesh_local_call(l, "GET", "status", NULL, &r, NULL);
	if (err == MESH_OK)
		snprintf(body, size, "%u %s", r.status, r.body);
	mesh_local_free(l);
	reap(pid);
	return err;
}

static void
client_reads_every_framing(void **state)
{
	char body[64];

	(void)state;
	assert_int_equal(ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
			     MESH_SEC * 5, body, sizeof(body)),
	    MESH_OK);
	assert_string_equal(body, "200 hi");
	assert_int_equal(ask("HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n"
			     "\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
			     MESH_SEC * 5, body, sizeof(body)),
	    MESH_OK);
	assert_string_equal(body, "404 abcd");
	assert_int_equal(ask("HTTP/1.0 200 OK\r\n\r\nto the end", MESH_SEC * 5,
			     body, sizeof(body)),
	    MESH_OK);
	assert_string_equal(body, "200 to the end");
}

static void
client_refuses_the_rest(void **state)
{
	char body[64];

	(void)state;
	assert_int_equal(ask("SSH-2.0-OpenSSH_9.2\r\n\r\n", MESH_SEC * 5, body,
			     sizeof(body)),
	    MESH_ERR_PROTO);
	assert_int_equal(ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
			     MESH_SEC * 5, body, sizeof(body)),
	    MESH_ERR_CLOSED);
	assert_int_equal(ask("", MESH_SEC * 5, body, sizeof(body)),
	    MESH_ERR_CLOSED);
	assert_int_equal(ask("hang", 50 * MESH_MS, body, sizeof(body)),
	    MESH_ERR_TIMEOUT);
}

static void
client_finds_no_daemon(void **state)
{
	struct mesh_local *l = NULL;
	struct mesh_diag diag;
	char longest[300];

	(void)state;
	assert_int_equal(mesh_local_connect("/nonexistent/sock", MESH_SEC, &l,
			     &diag),
	    MESH_ERR_NOTFOUND);
	assert_string_equal(diag.text, "no daemon is listening at "
				       "'/nonexistent/sock'; is meshd running?");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(mesh_local_connect(longest, MESH_SEC, &l, NULL),
	    MESH_ERR_ARG);
	assert_null(l);
}

static void
client_watches_lines(void **state)
{
	pid_t pid = serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "4\r\n{\"a\"\r\n8\r\n:1}\n{}\n{\r\n0\r\n\r\n");
	struct mesh_local *l = NULL;
	struct mesh_local_reply r;
	const char *line;

	(void)state;
	assert_int_equal(mesh_local_connect(where.sun_path, MESH_SEC * 5, &l,
			     NULL),
	    MESH_OK);
	assert_int_equal(mesh_local_watch(l, "watch-ipn-bus?mask=2", NULL), 0);
	assert_int_equal(mesh_local_call(l, "GET", "status", NULL, &r, NULL),
	    MESH_ERR_STATE);
	assert_int_equal(mesh_local_watch_next(l, &line, NULL), MESH_OK);
	assert_string_equal(line, "{\"a\":1}");
	assert_int_equal(mesh_local_watch_next(l, &line, NULL), MESH_OK);
	assert_string_equal(line, "{}");
	assert_int_equal(mesh_local_watch_next(l, &line, NULL),
	    MESH_ERR_CLOSED);
	mesh_local_free(l);
	reap(pid);
}

static int
make_place(void **state)
{
	static char dir[] = "/tmp/mesh-local.XXXXXX";

	*state = mkdtemp(dir);
	snprintf(where.sun_path, sizeof(where.sun_path), "%s/sock", dir);
	return *state ? 0 : -1;
}

static int
drop_place(void **state)
{
	unlink(where.sun_path);
	return rmdir(*state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_one_after_the_other),
		cmocka_unit_test(chunked_requests),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(too_much_input_is_an_error),
		cmocka_unit_test(bad_queries),
		cmocka_unit_test(a_stock_status_is_read_and_written),
		cmocka_unit_test(a_stock_whois_is_read),
		cmocka_unit_test(whois_is_written_as_read),
		cmocka_unit_test(prefs_change_where_marked),
		cmocka_unit_test(prefs_that_cannot_be),
		cmocka_unit_test(netmap_is_told_to_watchers),
		cmocka_unit_test(peers_with_an_api),
		cmocka_unit_test(notify_lines),
		cmocka_unit_test(answers_mean_errors),
		cmocka_unit_test(client_reads_every_framing),
		cmocka_unit_test(client_refuses_the_rest),
		cmocka_unit_test(client_finds_no_daemon),
		cmocka_unit_test(client_watches_lines),
	};

	return cmocka_run_group_tests_name("local", tests, make_place,
	    drop_place);
}
