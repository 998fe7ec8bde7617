/* SPDX-License-Identifier: ISC
 * Two nodes find each other by what the installed headers offer and nothing
 * else: this is also the shortest program that uses mesh/path.h. The "internet"
 * is a list of datagrams on its way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mesh/path.h>

#define LATENCY_NS (10 * MESH_MS)
#define MAIL_MAX 64

struct node {
	struct mesh_path *path;
	struct mesh_endpoint at;
	struct mesh_node_key key;
	struct mesh_path_action pong; /* kind PONG once there was one */
};

struct mail {
	struct mesh_time due;
	struct mesh_endpoint from, to;
	size_t len;
	uint8_t data[MESH_PATH_DATAGRAM_MAX];
};

struct internet {
	struct mesh_time now;
	struct node nodes[2];
	struct mail mail[MAIL_MAX];
	size_t first, count;
};

/* Does what the path asks for: here, all is put into the mail. */
static void
drive(struct internet *net, struct node *n)
{
	struct mesh_path_action a;

	while (mesh_path_next(n->path, net->now, &a)) {
		if (a.kind == MESH_PATH_PONG)
			n->pong = a;
		if (a.kind != MESH_PATH_SEND_UDP)
			continue;
		assert_true(net->count < MAIL_MAX);
		struct mail *m =
		    &net->mail[(net->first + net->count++) % MAIL_MAX];
		m->due = mesh_time_add(net->now, LATENCY_NS);
		m->from = n->at;
		m->to = a.to;
		m->len = a.len;
		memcpy(m->data, a.data, a.len);
	}
}

static void
deliver(struct internet *net, const struct mail *m)
{
	for (size_t i = 0; i < 2; i++) {
		struct node *n = &net->nodes[i];

		if (!mesh_endpoint_eq(&n->at, &m->to))
			continue;
		assert_int_equal(mesh_path_sniff(m->data, m->len),
		    MESH_PATH_DISCO);
		assert_int_equal(mesh_path_disco_udp(n->path, &m->from, m->data,
				     m->len, net->now),
		    MESH_OK);
		drive(net, n);
	}
}

/* The event loop: whatever is due first, until `end`. */
static void
run(struct internet *net, struct mesh_time end)
{
	for (;;) {
		struct mesh_time at = end;
		struct node *timer = NULL;

		for (size_t i = 0; i < 2; i++) {
			struct node *n = &net->nodes[i];

			if (mesh_path_deadline(n->path).ns >= at.ns)
				continue;
			at = mesh_path_deadline(n->path);
			timer = n;
		}
		if (net->count > 0 && net->mail[net->first].due.ns <= at.ns) {
			struct mail m = net->mail[net->first];

			net->first = (net->first + 1) % MAIL_MAX;
			net->count--;
			net->now = m.due;
			deliver(net, &m);
		} else if (timer != NULL) {
			net->now = at;
			mesh_path_tick(timer->path, net->now);
			drive(net, timer);
		} else {
			net->now = end;
			return;
		}
	}
}

static void
start(struct internet *net, struct node *n, uint8_t number)
{
	const uint8_t ip[4] = {192, 0, 2, number};
	uint8_t random[MESH_KEY_LEN] = {0, number};
	struct mesh_path_config config = {.seed = {number}};
	struct mesh_node_secret node;

	mesh_node_secret_make(&node, random);
	random[2] = 1;
	mesh_disco_secret_make(&config.disco, random);
	n->key = config.node = mesh_node_public(&node);
	n->at = (struct mesh_endpoint){mesh_ip_from4(ip), 41641};
	assert_int_equal(mesh_path_new(&config, net->now, &n->path), MESH_OK);
	mesh_disco_secret_wipe(&config.disco);
	mesh_node_secret_wipe(&node);

	const struct mesh_path_link link = {
	    .up4 = true,
	    .port4 = n->at.port,
	    .addresses = &n->at.ip,
	    .address_count = 1,
	};
	mesh_path_set_link(n->path, &link, true, net->now);
	drive(net, n);
}

/* What a netmap would say of `who`. */
static struct mesh_path_peer *
introduce(struct internet *net, struct node *n, const struct node *who)
{
	const struct mesh_path_peer_info info = {
	    .node = who->key,
	    .disco = mesh_path_disco_key(who->path),
	    .endpoints = &who->at,
	    .endpoint_count = 1,
	};
	struct mesh_path_peer *peer = NULL;

	assert_int_equal(mesh_path_peer_set(n->path, &info, net->now, &peer),
	    MESH_OK);
	drive(net, n);
	return peer;
}

static void
test_two_nodes(void **state)
{
	struct internet *net = calloc(1, sizeof(*net));
	struct mesh_path_status st;
	struct mesh_path_route route;

	(void)state;
	assert_non_null(net);
	net->now.ns = 1000 * MESH_SEC;
	struct node *a = &net->nodes[0], *b = &net->nodes[1];
	start(net, a, 1);
	start(net, b, 2);
	struct mesh_path_peer *peer = introduce(net, a, b);
	introduce(net, b, a);

	/* The first packet has no way yet, and starts the search for one. */
	assert_int_equal(mesh_path_route(a->path, peer, net->now, &route),
	    MESH_ERR_NOTFOUND);
	drive(net, a);
	run(net, mesh_time_add(net->now, 50 * MESH_MS));
	assert_int_equal(mesh_path_route(a->path, peer, net->now, &route),
	    MESH_OK);
	assert_true(mesh_endpoint_eq(&route.udp, &b->at));
	mesh_path_status(a->path, peer, net->now, &st);
	assert_true(st.trusted);
	assert_int_equal(st.latency_ns, 2 * LATENCY_NS);

	assert_int_equal(mesh_path_ping(a->path, peer, 7, net->now), MESH_OK);
	drive(net, a);
	run(net, mesh_time_add(net->now, 50 * MESH_MS));
	assert_int_equal(a->pong.kind, MESH_PATH_PONG);
	assert_int_equal(a->pong.id, 7);
	assert_int_equal(a->pong.err, MESH_OK);
	assert_int_equal(a->pong.latency_ns, 2 * LATENCY_NS);

	mesh_path_free(a->path);
	mesh_path_free(b->path);
	free(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
