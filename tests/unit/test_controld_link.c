/* SPDX-License-Identifier: ISC
 * The link between front and core: what it carries, and what ends its sender.
 */
#include "mesh-controld/link.h"
#include "mesh-controld/msg.h"

#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct link front, core;
static int raw; /* a second end of the front's, for malformed messages */

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	raw = dup(pair[0]);
	assert_int_equal(link_init(&front, pair[0], LINK_FRONT, LINK_CORE),
	    MESH_OK);
	assert_int_equal(link_init(&core, pair[1], LINK_CORE, LINK_FRONT),
	    MESH_OK);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(raw);
	link_release(&front);
	link_release(&core);
	return 0;
}

static void
messages_pass(void **state)
{
	uint8_t body[64];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct msg_dh m = {.conn = 77}, got;
	struct link_msg in;

	(void)state;
	memset(m.point, 3, sizeof(m.point));
	assert_true(msg_write_dh(&w, &m));
	assert_int_equal(link_recv(&core, &in), MESH_ERR_AGAIN);
	assert_int_equal(link_send(&front, LINK_DH, body, w.len), MESH_OK);
	assert_int_equal(link_send(&front, LINK_DH, body, w.len), MESH_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(link_recv(&core, &in), MESH_OK);
		assert_int_equal(in.type, LINK_DH);
		assert_true(msg_read_dh(&in.body, &got));
		assert_int_equal(got.conn, 77);
		link_msg_release(&in);
	}
	link_release(&front);
	close(raw);
	assert_int_equal(link_recv(&core, &in), MESH_ERR_CLOSED);
}

static void
large_ones_travel_sealed(void **state)
{
	size_t len = 12 + 300000;
	uint8_t *body = calloc(1, len);
	struct mesh_wr w = mesh_wr_init(body, len);
	struct msg_frame m;
	struct link_msg in;

	(void)state;
	mesh_wr_u32be(&w, 1);
	mesh_wr_u64be(&w, 9);
	memset(body + 12, 'x', len - 12);
	assert_int_equal(link_send(&core, LINK_FRAME, body, len), MESH_OK);
	assert_int_equal(link_recv(&front, &in), MESH_OK);
	assert_true(msg_read_frame(&in.body, &m));
	assert_int_equal(m.count, 1);
	assert_int_equal(m.text.len, len - 12);
	assert_int_equal(m.text.p[m.text.len - 1], 'x');
	link_msg_release(&in);
	free(body);
}

static void
what_cannot_go_now_waits(void **state)
{
	uint8_t body[8192] = {0, 0, 0, 1};
	struct link_msg in;
	size_t sent = 0, got = 0;

	(void)state;
	while (!link_wants_write(&core) && sent < 10000) {
		assert_int_equal(link_send(&core, LINK_FRAME, body,
		    sizeof(body)), MESH_OK);
		sent++;
	}
	assert_true(link_wants_write(&core));
	assert_int_equal(link_send(&core, LINK_FRAME, body, sizeof(body)),
	    MESH_OK);
	sent++;
	while (got < sent) {
		int err = link_recv(&front, &in);

		if (err == MESH_ERR_AGAIN) {
			assert_int_equal(link_flush(&core), MESH_OK);
			continue;
		}
		assert_int_equal(err, MESH_OK);
		link_msg_release(&in);
		got++;
	}
	assert_false(link_wants_write(&core));
}

static void
only_what_the_table_allows(void **state)
{
	uint8_t body[64] = {0};

	(void)state;
	assert_int_equal(link_send(&core, LINK_DH, body, 40), MESH_ERR_ARG);
	assert_int_equal(link_send(&front, LINK_FRAME, body, 40),
	    MESH_ERR_ARG);
	assert_int_equal(link_send(&front, LINK_CONFIG, body, 40),
	    MESH_ERR_ARG);
	assert_int_equal(link_send(&front, LINK_DH, body, 39), MESH_ERR_ARG);
	assert_int_equal(link_send(&front, LINK_DH, body, 41), MESH_ERR_ARG);
}

static void
malformed_ones_are_refused(void **state)
{
	static const struct {
		const char *hex, *fault;
	} table[] = {
	    {"00", "bad header"},
	    {"0008000200000000", "bad header"}, /* unknown flag */
	    {"0000000000000000", "type is not allowed here"},
	    {"00ff000000000000", "type is not allowed here"},
	    {"0001000000000000 01", "type is not allowed here"}, /* CONFIG */
	    {"0006000000000000", "type is not allowed here"}, /* core's own */
	    {"000d000000000000 00", "wrong size"},
	    {"000d000100000000", "bulk without descriptor"},
	    {"000d000000000007", "out of sequence"},
	};
	uint8_t bytes[64];
	struct link_msg in;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		size_t len = test_unhex(table[i].hex, bytes, sizeof(bytes));

		assert_int_equal(send(raw, bytes, len, 0), len);
		assert_int_equal(link_recv(&core, &in), MESH_ERR_PROTO);
		assert_string_equal(link_fault(&core), table[i].fault);
		teardown(state);
		setup(state);
	}
}

/* A memfd that its sender could still change is no message. */
static void
unsealed_bulk_is_refused(void **state)
{
	uint8_t header[8] = {0, LINK_FRAME, 0, 1};
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {header, sizeof(header)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct link_msg in;

	(void)state;
	assert_int_equal(ftruncate(fd, 100000), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(core.fd, &m, 0), sizeof(header));
	assert_int_equal(link_recv(&front, &in), MESH_ERR_PROTO);
	assert_string_equal(link_fault(&front), "unsealed or odd bulk");
	close(fd);
}

static void
registrations_survive_the_way(void **state)
{
	struct register_ask ask = {.req = 5, .has_expiry = true, .expiry = -7,
	    .auth_key = MESH_STR("mesh-auth-x"), .tags = MESH_STR("tag:a"),
	    .report = {.capver = 131, .relay = 900,
		.hostname = MESH_STR("host"), .hostinfo = MESH_STR("{}"),
		.hostinfo_peer = MESH_STR("{}")}}, got;
	uint8_t body[4096];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct mesh_rd r;

	(void)state;
	memset(ask.machine.b, 1, MESH_KEY_LEN);
	assert_true(msg_write_register(&w, &ask));
	r = mesh_rd_init(body, w.len);
	assert_true(msg_read_register(&r, &got));
	assert_int_equal(got.expiry, -7);
	assert_true(mesh_str_eq(got.auth_key, "mesh-auth-x"));
	assert_true(mesh_str_eq(got.report.hostname, "host"));
	for (size_t len = 0; len < w.len; len++) {
		r = mesh_rd_init(body, len);
		assert_false(msg_read_register(&r, &got));
	}
	body[w.len] = 0; /* one byte more */
	r = mesh_rd_init(body, w.len + 1);
	assert_false(msg_read_register(&r, &got));
}

static void
maps_survive_the_way(void **state)
{
	struct msg_map m = {.req = 6, .kind = MSG_MAP_LITE,
	    .report = {.capver = 142, .hostname = MESH_STR("h"),
		.hostinfo = MESH_STR("{}"), .hostinfo_peer = MESH_STR("{}"),
		.endpoint_count = 1}}, got;
	uint8_t body[4096];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct mesh_rd r;

	(void)state;
	m.endpoints[0].type = 2;
	assert_int_equal(mesh_endpoint_parse(MESH_STR("192.0.2.1:5"),
	    &m.endpoints[0].addr), MESH_OK);
	assert_true(msg_write_map(&w, &m));
	r = mesh_rd_init(body, w.len);
	assert_true(msg_read_map(&r, &got));
	assert_int_equal(got.kind, MSG_MAP_LITE);
	assert_int_equal(got.report.endpoint_count, 1);
	assert_true(mesh_endpoint_eq(&got.endpoints[0].addr,
	    &m.endpoints[0].addr));
	for (size_t len = 0; len < w.len; len++) {
		r = mesh_rd_init(body, len);
		assert_false(msg_read_map(&r, &got));
	}
}

static void
questions_about_logins_survive_the_way(void **state)
{
	struct sshcheck_ask ask = {.req = 5, .src = 3, .dst = 4,
	    .account = MESH_STR("root"), .id = MESH_STR("12ab")}, got;
	uint8_t body[512];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct mesh_rd r;

	(void)state;
	memset(ask.machine.b, 1, MESH_KEY_LEN);
	assert_true(msg_write_ssh(&w, &ask));
	r = mesh_rd_init(body, w.len);
	assert_true(msg_read_ssh(&r, &got));
	assert_int_equal(got.dst, 4);
	assert_true(mesh_str_eq(got.account, "root"));
	assert_true(mesh_str_eq(got.id, "12ab"));
	for (size_t len = 0; len < w.len; len++) {
		r = mesh_rd_init(body, len);
		assert_false(msg_read_ssh(&r, &got));
	}
}

static void
whole_maps_name_parts(void **state)
{
	static const char hex[] = "0000000000000009 00000002 00000003"
				  "000003ff 00000002 6864 7461696c";
	uint8_t bytes[64];
	size_t all = test_unhex(hex, bytes, sizeof(bytes));
	struct msg_whole whole;
	struct msg_part part;
	struct mesh_rd r = mesh_rd_init(bytes, all);

	(void)state;
	assert_true(msg_read_whole(&r, &whole));
	assert_int_equal(whole.req, 9);
	assert_int_equal(whole.count, 2);
	assert_int_equal(mesh_rd_u32be(&whole.parts), 3);
	assert_int_equal(mesh_rd_u32be(&whole.parts), 1023);
	assert_true(mesh_str_eq(whole.head, "hd"));
	assert_true(mesh_str_eq(whole.tail, "tail"));
	for (size_t len = 0; len <= all - 4; len++) { /* to an empty tail */
		r = mesh_rd_init(bytes, len);
		assert_false(msg_read_whole(&r, &whole));
	}
	r = mesh_rd_init(bytes + 16, all - 16); /* index 1023 is the last */
	assert_true(msg_read_part(&r, &part));
	assert_int_equal(part.index, 1023);
	bytes[18] = 4;
	r = mesh_rd_init(bytes + 16, all - 16);
	assert_false(msg_read_part(&r, &part));
	r = mesh_rd_init(bytes + 12, 4);
	assert_false(msg_read_part(&r, &part)); /* no text */
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(messages_pass),
	    TEST(large_ones_travel_sealed),
	    TEST(what_cannot_go_now_waits),
	    TEST(only_what_the_table_allows),
	    TEST(malformed_ones_are_refused),
	    TEST(unsealed_bulk_is_refused),
	    TEST(registrations_survive_the_way),
	    TEST(maps_survive_the_way),
	    TEST(questions_about_logins_survive_the_way),
	    TEST(whole_maps_name_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
