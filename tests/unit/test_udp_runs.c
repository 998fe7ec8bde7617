/* SPDX-License-Identifier: ISC
 * test_udp_runs.c - datagrams laid back to back for one send: what may share a
 * run; and a round trip through the kernel's segmentation on loopback.
 */
#include "../../cmd/meshd/udp.h"

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static struct udp_tx tx;
static struct udp_rx rx;

static struct mesh_endpoint
at(const char *s)
{
	struct mesh_endpoint e;

	assert_int_equal(mesh_endpoint_parse(mesh_str(s), &e), MESH_OK);
	return e;
}

static void
test_runs(void **state)
{
	struct mesh_endpoint a = at("192.0.2.1:1"), b = at("192.0.2.2:1");
	uint8_t *first, *second;

	(void)state;
	tx.count = 0;
	first = udp_tx_room(&tx, &a, 100);
	assert_true(udp_tx_fits(&tx, &a, 100));
	second = udp_tx_room(&tx, &a, 100);
	assert_ptr_equal(second, first + 100);
	assert_false(udp_tx_fits(&tx, &a, 101)); /* larger */
	assert_false(udp_tx_fits(&tx, &b, 100)); /* elsewhere */
	assert_non_null(udp_tx_room(&tx, &a, 40));
	assert_false(udp_tx_fits(&tx, &a, 40)); /* a short one ends it */
	udp_tx_undo(&tx, 1, 40);
	assert_true(udp_tx_fits(&tx, &a, 100));
	udp_tx_undo(&tx, 2, 200);
	assert_int_equal(tx.count, 0);
}

static void
test_limits(void **state)
{
	struct mesh_endpoint a = at("192.0.2.1:1");
	size_t n = 0;

	(void)state;
	tx.count = 0;
	assert_null(udp_tx_room(&tx, &a, UDP_RUN_MAX + 1));
	while (udp_tx_room(&tx, &a, 10) != NULL)
		n++;
	assert_int_equal(n, UDP_RUNS * UDP_RUN_COUNT_MAX);
	tx.count = 0;
	n = 0;
	while (udp_tx_room(&tx, &a, 30000) != NULL)
		n++;
	assert_int_equal(n, 2 * UDP_RUNS);
	tx.count = 0;
}

static int
bound(struct mesh_endpoint *out)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*out = (struct mesh_endpoint){mesh_ip4(127, 0, 0, 1),
	    ntohs(sa.sin_port)};
	return fd;
}

/* What the kernel says to segments that the path does not take. */
static int narrow;

int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);

int
__wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	if (narrow != 0 && m[0].msg_hdr.msg_controllen > 0) {
		errno = narrow;
		return -1;
	}
	return __real_sendmmsg(fd, m, n, flags);
}

static void
round_trip(int out, const struct mesh_endpoint *here, int in,
    const struct mesh_endpoint *there)
{
	size_t got = 0;

	tx.fd4 = out;
	tx.fd6 = -1;
	tx.count = 0;
	for (uint8_t i = 0; i < 20; i++) {
		uint8_t *p = udp_tx_room(&tx, there, i == 19 ? 7 : 500);

		memset(p, i, i == 19 ? 7 : 500);
	}
	udp_tx_flush(&tx);
	assert_int_equal(tx.count, 0);
	assert_int_equal(tx.lost, 0);
	while (got < 20) {
		struct pollfd p = {.fd = in, .events = POLLIN};
		size_t n;

		assert_int_equal(poll(&p, 1, 5000), 1);
		n = udp_rx_take(&rx, in);
		for (size_t i = 0; i < n; i++, got++) {
			const struct udp_msg *m = &rx.msgs[i];

			assert_true(mesh_endpoint_eq(&m->from, here));
			assert_int_equal(m->len, got == 19 ? 7 : 500);
			assert_int_equal(m->data[m->len - 1], got);
		}
	}
}

static void
test_kernel(void **state)
{
	struct mesh_endpoint here, there;
	int out = bound(&here), in = bound(&there);

	(void)state;
	tx.no_gso = tx.gso_works = false;
	round_trip(out, &here, in, &there);
	/* A path that is too narrow for segments: one by one, nothing is lost,
	 * and other paths go on as before. Older kernels say EINVAL. */
	tx.gso_works = true;
	for (size_t i = 0; i < 2; i++) {
		narrow = i == 0 ? EMSGSIZE : EINVAL;
		round_trip(out, &here, in, &there);
		assert_false(tx.no_gso);
	}
	/* A kernel that never segmented anything: not tried again. */
	tx.gso_works = false;
	round_trip(out, &here, in, &there);
	assert_true(tx.no_gso);
	narrow = 0;
	close(out);
	close(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_runs),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
