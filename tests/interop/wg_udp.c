/* SPDX-License-Identifier: ISC
 * wg_udp.c - our WireGuard core on a plain UDP socket, as the machine behind
 *it: answers pings and sends some. For tests against other implementations.
 *
 *	wg_udp KEY-FILE PEER-KEY LISTEN PEER-PORT OUR-IP THEIR-IP STEP ...
 *
 * Keys in base64, as wg(8) writes them. Both ends are on 127.0.0.1. The steps
 * are done in their order; a step that fails ends the program with status 1:
 *
 *	ping N BYTES   N echo requests with so many bytes, each answered in 15 s
 *	serve N        until N echo requests were answered, within 15 s
 *	psk FILE       a pre-shared key, from the next handshake on
 *	skew SECONDS   our clock leaps
 *	load           we are under load: handshakes need a cookie
 *	is WHAT N      WHAT is handshakes, cookies (sent) or begun (by us); up
 *to 15 s are given to get there
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/text.h"
#include "wg/wg.h"

#define FRAME 2048u
#define PATIENCE (15 * MESH_SEC)

struct node {
	struct mesh_wg *wg;
	struct mesh_wg_peer *peer;
	struct mesh_wg_source peer_at;
	struct mesh_time deadline;
	uint64_t skew; /* ns */
	int fd;
	uint8_t us[4], them[4];
	unsigned served, replies;
	struct mesh_wg_staged staged;
	uint8_t staged_buf[FRAME];
};

static struct mesh_time
now_of(const struct node *n)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mesh_time){
	    (uint64_t)t.tv_sec * MESH_SEC + (uint64_t)t.tv_nsec + n->skew};
}

static void
transmit(const struct node *n, const uint8_t *data, size_t len)
{
	if (send(n->fd, data, len, 0) < 0)
		warn("send");
}

/* --- ICMP echo in IPv4 */

static uint16_t
checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t
make_ping(const struct node *n, uint8_t *p, uint16_t seq, size_t payload)
{
	size_t len = 28 + payload;

	memset(p, 0, len);
	p[0] = 0x45;
	put16(p + 2, (uint16_t)len);
	p[8] = 64;
	p[9] = 1;
	memcpy(p + 12, n->us, 4);
	memcpy(p + 16, n->them, 4);
	put16(p + 10, checksum(p, 20));
	p[20] = 8;
	put16(p + 24, 0x6d77);
	put16(p + 26, seq);
	put16(p + 22, checksum(p + 20, len - 20));
	return len;
}

/* --- packets out and in */

static void
flush(struct node *n)
{
	struct mesh_wg_staged *s;

	while ((s = mesh_wg_unstage(n->peer)) != NULL) {
		struct mesh_wg_packet p = {.data = s->data, .len = s->len};

		if (mesh_wg_seal_batch(n->peer, &p, 1, now_of(n)) == 1)
			transmit(n, p.data, p.len);
	}
}

static void
drain(struct node *n)
{
	struct mesh_wg_action act;

	while (mesh_wg_next(n->wg, &act)) {
		switch (act.kind) {
		case MESH_WG_SEND:
		case MESH_WG_REPLY:
			transmit(n, act.data, act.len);
			break;
		case MESH_WG_ARM:
			n->deadline = act.deadline;
			break;
		case MESH_WG_SESSION:
			flush(n);
			break;
		case MESH_WG_FAILED:
		case MESH_WG_EXPIRED:
			while (mesh_wg_unstage(n->peer) != NULL)
				;
			break;
		}
	}
}

/* buf: room in front of it, an inner packet, room behind. Only the last one of
 * those that must wait is kept. */
static void
send_inner(struct node *n, uint8_t *buf, size_t len)
{
	struct mesh_wg_packet p = {.data = buf, .len = len};

	if (mesh_wg_seal_batch(n->peer, &p, 1, now_of(n)) == 1) {
		transmit(n, p.data, p.len);
	} else if (mesh_wg_unstage(n->peer) == NULL) {
		n->staged.data = n->staged_buf + MESH_WG_HEADROOM;
		n->staged.len = len;
		memcpy(n->staged.data, buf, len);
		mesh_wg_stage(n->peer, &n->staged, now_of(n));
	}
	drain(n);
}

static void
take_inner(struct node *n, struct mesh_wg_packet *p)
{
	uint8_t *icmp = p->data + 20;

	if (p->len < 28 || p->data[9] != 1 || checksum(icmp, p->len - 20))
		return;
	if (icmp[0] == 0) {
		n->replies++;
	} else if (icmp[0] == 8) {
		icmp[0] = 0;
		put16(icmp + 2, 0);
		put16(icmp + 2, checksum(icmp, p->len - 20));
		memcpy(p->data + 12, n->us, 4);
		memcpy(p->data + 16, n->them, 4);
		n->served++;
		send_inner(n, p->data, p->len);
	}
}

static void
receive(struct node *n)
{
	uint8_t buf[FRAME];
	ssize_t len = recv(n->fd, buf, sizeof(buf) - MESH_WG_TAILROOM, 0);
	struct mesh_wg_packet p = {.data = buf, .len = (size_t)len};

	if (len < 0)
		return;
	if (mesh_wg_type(buf, p.len) != MESH_WG_DATA)
		mesh_wg_input(n->wg, buf, p.len, &n->peer_at, now_of(n), NULL);
	else if (mesh_wg_open_batch(n->wg, &p, 1, now_of(n)) == 1)
		take_inner(n, &p);
	drain(n);
}

/* One turn: a datagram, a deadline, or 20 ms. */
static void
turn(struct node *n)
{
	struct pollfd pfd = {.fd = n->fd, .events = POLLIN};

	if (poll(&pfd, 1, 20) > 0)
		receive(n);
	if (mesh_time_due(n->deadline, now_of(n))) {
		n->deadline = MESH_NEVER;
		mesh_wg_peer_tick(n->peer, now_of(n));
		drain(n);
	}
}

/* --- steps */

static bool
step_ping(struct node *n, unsigned count, size_t payload)
{
	struct mesh_time end = mesh_time_add(now_of(n), PATIENCE);

	n->replies = 0;
	for (unsigned i = 0; i < count; i++) {
		uint8_t buf[FRAME];
		unsigned want = n->replies + 1;

		send_inner(n, buf + MESH_WG_HEADROOM,
		    make_ping(n, buf + MESH_WG_HEADROOM, (uint16_t)i, payload));
		while (n->replies < want && !mesh_time_due(end, now_of(n)))
			turn(n);
	}
	printf("%u of %u pings answered\n", n->replies, count);
	return n->replies == count;
}

static bool
step_serve(struct node *n, unsigned count)
{
	struct mesh_time end = mesh_time_add(now_of(n), PATIENCE);

	n->served = 0;
	while (n->served < count && !mesh_time_due(end, now_of(n)))
		turn(n);
	for (int i = 0; i < 5; i++) /* let the last answer go */
		turn(n);
	printf("%u pings served\n", n->served);
	return n->served == count;
}

static int
read_key(const char *text, uint8_t out[static 32])
{
	size_t len;
	int e =
	    mesh_base64_decode(mesh_str_trim(mesh_str(text)), out, 32, &len);

	return e == MESH_OK && len == 32 ? 0 : -1;
}

static void
read_key_file(const char *path, uint8_t out[static 32])
{
	char text[64] = "";
	FILE *f = fopen(path, "r");

	if (f == NULL || fgets(text, sizeof(text), f) == NULL ||
	    read_key(text, out) < 0)
		err(2, "no key in '%s'", path);
	fclose(f);
}

/* Initiations of a key that is nobody's, until cookies are asked for. */
static void
step_load(struct node *n)
{
	struct mesh_wg_config c = {.aead = &mesh_aead_openssl, .secret = {{8}}};
	struct mesh_node_key self = mesh_wg_public(n->wg);
	struct mesh_wg *stranger = mesh_wg_new(&c);
	struct mesh_wg_peer *p;
	struct mesh_wg_action act;

	if (stranger == NULL ||
	    mesh_wg_peer_add(stranger, &self, NULL, &p) != MESH_OK)
		errx(2, "out of memory");
	mesh_wg_connect(p, now_of(n));
	mesh_wg_next(stranger, &act);
	for (unsigned i = 0; i < 8 * MESH_WG_LOAD_BURST; i++)
		mesh_wg_input(n->wg, act.data, act.len, &n->peer_at, now_of(n),
		    NULL);
	while (mesh_wg_next(n->wg, &act))
		; /* the stranger hears nothing */
	mesh_wg_free(stranger);
}

static uint64_t
count_of(const struct node *n, const char *what)
{
	struct mesh_wg_counts c = mesh_wg_counts(n->wg);

	return strcmp(what, "handshakes") == 0 ? c.handshakes
	       : strcmp(what, "cookies") == 0  ? c.cookies_sent
					       : c.initiations_sent;
}

static bool
step_is(struct node *n, const char *what, unsigned want)
{
	struct mesh_time end = mesh_time_add(now_of(n), PATIENCE);

	while (count_of(n, what) < want && !mesh_time_due(end, now_of(n)))
		turn(n);
	printf("%llu %s\n", (unsigned long long)count_of(n, what), what);
	return count_of(n, what) == want;
}

static unsigned
number(const char *text)
{
	uint64_t v;

	if (text == NULL || mesh_parse_u64(mesh_str(text), 1000000, &v))
		errx(2, "not a number: '%s'", text ? text : "");
	return (unsigned)v;
}

static bool
run_steps(struct node *n, char **s)
{
	bool good = true;

	while (good && *s != NULL) {
		if (strcmp(*s, "ping") == 0) {
			good = step_ping(n, number(s[1]), number(s[2]));
			s += 3;
		} else if (strcmp(*s, "serve") == 0) {
			good = step_serve(n, number(s[1]));
			s += 2;
		} else if (strcmp(*s, "psk") == 0) {
			uint8_t psk[32];

			read_key_file(s[1], psk);
			mesh_wg_peer_set_psk(n->peer, psk);
			s += 2;
		} else if (strcmp(*s, "skew") == 0) {
			n->skew += number(s[1]) * MESH_SEC;
			s += 2;
		} else if (strcmp(*s, "load") == 0) {
			step_load(n);
			s += 1;
		} else if (strcmp(*s, "is") == 0) {
			good = step_is(n, s[1], number(s[2]));
			s += 3;
		} else {
			errx(2, "no such step: '%s'", *s);
		}
	}
	return good;
}

static int
open_socket(uint16_t port, uint16_t peer_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		err(2, "cannot bind port %u", port);
	a.sin_port = htons(peer_port);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		err(2, "connect");
	return fd;
}

int
main(int argc, char **argv)
{
	struct mesh_wg_config c = {.aead = &mesh_aead_openssl, .mtu = 1420};
	struct node n = {.deadline = MESH_NEVER};
	struct mesh_node_key peer;
	struct timespec t;
	bool good;

	if (argc < 7)
		errx(2, "see the head of wg_udp.c");
	if (sodium_init() < 0 ||
	    getrandom(c.seed, sizeof(c.seed), 0) != sizeof(c.seed))
		errx(2, "no randomness");
	read_key_file(argv[1], c.secret.b);
	if (read_key(argv[2], peer.b) < 0)
		errx(2, "no key: '%s'", argv[2]);
	n.fd =
	    open_socket((uint16_t)number(argv[3]), (uint16_t)number(argv[4]));
	n.peer_at = mesh_wg_source_udp(&(struct mesh_endpoint){
	    mesh_ip4(127, 0, 0, 1), (uint16_t)number(argv[4])});
	if (inet_pton(AF_INET, argv[5], n.us) != 1 ||
	    inet_pton(AF_INET, argv[6], n.them) != 1)
		errx(2, "no address");
	n.wg = mesh_wg_new(&c);
	if (n.wg == NULL ||
	    mesh_wg_peer_add(n.wg, &peer, NULL, &n.peer) != MESH_OK)
		errx(2, "cannot make the peer");
	clock_gettime(CLOCK_REALTIME, &t);
	mesh_wg_set_clock(n.wg,
	    (struct mesh_wall){t.tv_sec, (uint32_t)t.tv_nsec}, now_of(&n));
	setvbuf(stdout, NULL, _IOLBF, 0);
	good = run_steps(&n, argv + 7);
	mesh_wg_free(n.wg);
	close(n.fd);
	return good ? 0 : 1;
}
