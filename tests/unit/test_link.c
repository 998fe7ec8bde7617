/* SPDX-License-Identifier: ISC
 * test_link.c - messages between roles: what the table allows passes, the rest
 * ends its sender.
 */
#include "../../cmd/meshd/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct ends {
	struct link agent, engine;
	uint8_t buf[MSG_MAX];
};

static int
setup(void **state)
{
	struct ends *e = calloc(1, sizeof(*e));
	int fds[2];

	if (e == NULL || link_pair(fds) != MESH_OK)
		return -1;
	link_init(&e->agent, fds[0], ROLE_AGENT, ROLE_ENGINE, e->buf);
	link_init(&e->engine, fds[1], ROLE_ENGINE, ROLE_AGENT, e->buf);
	*state = e;
	return 0;
}

static int
teardown(void **state)
{
	struct ends *e = *state;

	link_release(&e->agent);
	link_release(&e->engine);
	free(e);
	return 0;
}

static void
greet(struct ends *e)
{
	struct link_msg m;

	assert_int_equal(link_hello(&e->agent), MESH_OK);
	assert_int_equal(link_recv(&e->engine, &m), MESH_OK);
	assert_int_equal(m.type, MSG_HELLO);
	link_msg_release(&m);
}

static void
test_messages_pass(void **state)
{
	struct ends *e = *state;
	struct link_msg m;

	greet(e);
	assert_int_equal(link_recv(&e->engine, &m), MESH_ERR_AGAIN);
	assert_int_equal(link_send(&e->agent, MSG_WANT_STATUS, 7, "\0\0\0\5", 4,
	    NULL, 0), MESH_OK);
	assert_int_equal(link_recv(&e->engine, &m), MESH_OK);
	assert_int_equal(m.type, MSG_WANT_STATUS);
	assert_int_equal(m.gen, 7);
	assert_int_equal(mesh_rd_u32be(&m.body), 5);
	link_msg_release(&m);
	link_release(&e->agent);
	assert_int_equal(link_recv(&e->engine, &m), MESH_ERR_CLOSED);
}

/* A table longer than a message arrives as one, and cannot change under us. */
static void
test_bulk(void **state)
{
	struct ends *e = *state;
	size_t len = 3 * MSG_MAX;
	uint8_t *big = malloc(len);
	struct link_msg m;

	greet(e);
	assert_non_null(big);
	for (size_t i = 0; i < len; i++)
		big[i] = (uint8_t)(i * 7);
	assert_int_equal(link_send(&e->agent, MSG_BEGIN, 1, "\1", 1, NULL, 0),
	    MESH_OK);
	assert_int_equal(link_send(&e->agent, MSG_PEERS, 1, big, len, NULL, 0),
	    MESH_OK);
	assert_int_equal(link_recv(&e->engine, &m), MESH_OK);
	assert_int_equal(e->engine.state, MSG_IN_TABLES);
	assert_int_equal(link_recv(&e->engine, &m), MESH_OK);
	assert_int_equal(mesh_rd_left(&m.body), len);
	assert_memory_equal(m.body.p, big, len);
	link_msg_release(&m);
	free(big);
}

static void
test_descriptors(void **state)
{
	struct ends *e = *state;
	struct link mon, agt;
	int fds[2], p[2];
	struct link_msg m;

	assert_int_equal(link_pair(fds), MESH_OK);
	assert_int_equal(pipe(p), 0);
	link_init(&mon, fds[0], ROLE_MONITOR, ROLE_AGENT, e->buf);
	link_init(&agt, fds[1], ROLE_AGENT, ROLE_MONITOR, e->buf);
	assert_int_equal(link_hello(&mon), MESH_OK);
	assert_int_equal(link_recv(&agt, &m), MESH_OK);
	assert_int_equal(link_send(&mon, MSG_NETMAP_FILE, 0, NULL, 0, NULL, 0),
	    MESH_ERR_ARG);
	assert_int_equal(link_send(&mon, MSG_NETMAP_FILE, 0, NULL, 0, p, 1),
	    MESH_OK);
	assert_int_equal(link_recv(&agt, &m), MESH_OK);
	assert_int_equal(m.fd_count, 1);
	close(p[0]);
	assert_int_equal(write(p[1], "x", 1), 1); /* ours still reads */
	link_msg_release(&m);
	close(p[1]);
	link_release(&mon);
	link_release(&agt);
}

static void
refused(struct ends *e, const void *packet, size_t len, const char *why)
{
	struct link_msg m;

	assert_int_equal(send(e->agent.fd, packet, len, 0), len);
	assert_int_equal(link_recv(&e->engine, &m), MESH_ERR_PROTO);
	assert_string_equal(link_fault(&e->engine), why);
}

#define HEAD(type, flags, seq) 0, type, 0, flags, 0, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0, 0

static void
test_refused(void **state)
{
	struct ends *e = *state;
	const uint8_t status[] = {HEAD(MSG_WANT_STATUS, 0, 1), 0, 0, 0, 1};
	const uint8_t seq[] = {HEAD(MSG_WANT_STATUS, 0, 9), 0, 0, 0, 1};
	const uint8_t shorter[] = {HEAD(MSG_WANT_STATUS, 0, 1), 0, 0};
	const uint8_t flags[] = {HEAD(MSG_WANT_STATUS, 8, 1), 0, 0, 0, 1};
	const uint8_t bulk[] = {HEAD(MSG_PEERS, 1, 1), 0, 1, 0, 0};
	const uint8_t pong[] = {HEAD(MSG_PONG, 0, 1)};
	const uint8_t none[] = {HEAD(200, 0, 1)};
	const uint8_t commit[] = {HEAD(MSG_COMMIT, 0, 1)};

	refused(e, status, sizeof(status), "message out of place");
	greet(e);
	refused(e, seq, sizeof(seq), "message out of sequence");
	refused(e, shorter, sizeof(shorter), "message of a wrong size");
	refused(e, flags, sizeof(flags), "unknown flags");
	refused(e, pong, sizeof(pong), "not a message of this sender");
	refused(e, none, sizeof(none), "not a message of this sender");
	refused(e, commit, sizeof(commit), "message out of place");
	refused(e, status, 15, "message without header");
	e->engine.state = MSG_IN_TABLES;
	refused(e, bulk, sizeof(bulk), "malformed table");
}

/* A memfd that its sender could still write is no table. */
static void
test_unsealed(void **state)
{
	struct ends *e = *state;
	uint8_t packet[] = {HEAD(MSG_PEERS, 1, 1), 0, 2, 0, 0};
	struct iovec iov = {packet, sizeof(packet)};
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = ctl,
	    .msg_controllen = sizeof(ctl)};
	int fd = memfd_create("t", MFD_CLOEXEC);
	struct link_msg m;

	greet(e);
	e->engine.state = MSG_IN_TABLES;
	assert_int_equal(ftruncate(fd, 0x20000), 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	assert_true(sendmsg(e->agent.fd, &msg, 0) > 0);
	assert_int_equal(link_recv(&e->engine, &m), MESH_ERR_PROTO);
	assert_string_equal(link_fault(&e->engine),
	    "table is not a sealed memfd of its size");
	close(fd);
}

static void
test_other_build(void **state)
{
	struct ends *e = *state;
	const uint8_t hello[] = {HEAD(MSG_HELLO, 0, 0), 1, 2, 3, 4, 5, 6, 7, 8};
	struct link_msg m;

	assert_int_equal(send(e->agent.fd, hello, sizeof(hello), 0),
	    sizeof(hello));
	assert_int_equal(link_recv(&e->engine, &m), MESH_ERR_VERSION);
}

/* Somebody who does not read costs an error, not a wait. */
static void
test_full(void **state)
{
	struct ends *e = *state;
	int rc = link_hello(&e->agent);

	for (int i = 0; rc == MESH_OK && i < 100000; i++)
		rc = link_send(&e->agent, MSG_WANT_STATE, 0, NULL, 0, NULL, 0);
	assert_int_equal(rc, MESH_ERR_AGAIN);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_messages_pass), T(test_bulk),
	    T(test_descriptors), T(test_refused), T(test_unsealed),
	    T(test_other_build), T(test_full)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
