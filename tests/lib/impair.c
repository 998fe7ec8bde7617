/* SPDX-License-Identifier: ISC
 * impair.c - a bad line between two network devices: forwards frames both ways
 * and delays, loses, doubles and reorders some. For kernels without netem.
 *
 *	impair [OPTION ...] DEVICE DEVICE
 *
 *	--delay MS        each frame arrives so much later
 *	--jitter MS       and up to so much more; their order stays
 *	--loss PERCENT    are dropped
 *	--duplicate PERCENT  arrive twice
 *	--reorder PERCENT are overtaken: they are held for --hold MS (10) more
 *	--seed N          of the choices (1)
 *
 * The devices carry no addresses of their own (line in tests/lib/net.sh).
 * SIGTERM ends it; then it says on stderr what it did. At most QUEUE_MAX frames
 * wait; more are lost, as in a router.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX 8192u
#define FRAME_MAX (65536u + 64u + (unsigned)sizeof(struct virtio_net_hdr))
#define SOCKET_BUFFER (8 << 20)
#define READS 64 /* of one device, before the other's turn */
#define MS UINT64_C(1000000)

static struct {
	uint64_t delay, jitter, hold; /* ns */
	double loss, duplicate, reorder;
	uint64_t seed;
} opts = {.hold = 10 * MS, .seed = 1};

struct frame {
	uint64_t due, order; /* order: frames that are due at the same time */
	int to;
	size_t len;
	uint8_t *data;
};

struct counts {
	uint64_t forwarded, lost, doubled, reordered, full, failed;
};

static struct frame queue[QUEUE_MAX]; /* a heap, the next one first */
static size_t queued;
static uint64_t order, last_due[2];
static struct counts counts[2];

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

/* --- choices (splitmix64) --- */

static double
draw(void)
{
	static uint64_t n;
	uint64_t z = opts.seed + ++n * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) / 0x1p53;
}

static bool
chance(double percent)
{
	return percent > 0 && draw() * 100 < percent;
}

/* --- the queue --- */

static bool
earlier(const struct frame *a, const struct frame *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void
swap(size_t a, size_t b)
{
	struct frame f = queue[a];

	queue[a] = queue[b];
	queue[b] = f;
}

static void
put(uint64_t due, int to, const uint8_t *data, size_t len)
{
	size_t i = queued;
	uint8_t *copy = queued < QUEUE_MAX ? malloc(len) : NULL;

	if (copy == NULL) {
		counts[to].full++;
		return;
	}
	memcpy(copy, data, len);
	queue[queued++] = (struct frame){due, order++, to, len, copy};
	for (; i > 0 && earlier(&queue[i], &queue[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static struct frame
take(void)
{
	struct frame first = queue[0];
	size_t i = 0, child;

	queue[0] = queue[--queued];
	while ((child = 2 * i + 1) < queued) {
		if (child + 1 < queued &&
		    earlier(&queue[child + 1], &queue[child]))
			child++;
		if (!earlier(&queue[child], &queue[i]))
			break;
		swap(i, child);
		i = child;
	}
	return first;
}

/* --- frames --- */

static void
judge(int to, const uint8_t *data, size_t len)
{
	uint64_t due = now_ns() + opts.delay;

	if (chance(opts.loss)) {
		counts[to].lost++;
		return;
	}
	if (opts.jitter > 0) {
		due += (uint64_t)(draw() * (double)opts.jitter);
		if (due < last_due[to])
			due = last_due[to];
		last_due[to] = due;
	}
	if (chance(opts.reorder)) {
		due += opts.hold;
		counts[to].reordered++;
	}
	put(due, to, data, len);
	if (chance(opts.duplicate)) {
		counts[to].doubled++;
		put(due, to, data, len);
	}
}

static void
receive(const int *fd, int from)
{
	static uint8_t buf[FRAME_MAX];

	for (int i = 0; i < READS; i++) {
		struct sockaddr_ll sa;
		socklen_t sa_len = sizeof(sa);
		ssize_t n = recvfrom(fd[from], buf, sizeof(buf), MSG_DONTWAIT,
		    (struct sockaddr *)&sa, &sa_len);

		if (n < 0)
			return;
		if (sa.sll_pkttype != PACKET_OUTGOING) /* that is us */
			judge(!from, buf, (size_t)n);
	}
}

static void
deliver(const int *fd)
{
	while (queued > 0 && queue[0].due <= now_ns()) {
		struct frame f = take();

		if (send(fd[f.to], f.data, f.len, 0) < 0)
			counts[f.to].failed++;
		else
			counts[f.to].forwarded++;
		free(f.data);
	}
}

/* Frames come with the header that says what the sending machine left to its
 * card: checksums, segments. They go with it, too. */
static int
open_device(const char *name)
{
	struct sockaddr_ll sa = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq all = {
	    .mr_ifindex = sa.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, size = SOCKET_BUFFER;

	if (sa.sll_ifindex == 0)
		err(1, "no device '%s'", name);
	if (fd < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
		sizeof(all)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		err(1, "cannot use '%s'", name);
	return fd;
}

/* --- the program --- */

static double
number(const char *s, double max)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end != '\0' || !(v >= 0 && v <= max))
		errx(2, "'%s' is no number from 0 to %g", s, max);
	return v;
}

static void
parse(int argc, char **argv)
{
	static const struct option table[] = {
	    {"delay", required_argument, NULL, 'd'},
	    {"jitter", required_argument, NULL, 'j'},
	    {"loss", required_argument, NULL, 'l'},
	    {"duplicate", required_argument, NULL, '2'},
	    {"reorder", required_argument, NULL, 'r'},
	    {"hold", required_argument, NULL, 'h'},
	    {"seed", required_argument, NULL, 's'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		switch (c) {
		case 'd':
			opts.delay = (uint64_t)(number(optarg, 1e5) * 1e6);
			break;
		case 'j':
			opts.jitter = (uint64_t)(number(optarg, 1e5) * 1e6);
			break;
		case 'h':
			opts.hold = (uint64_t)(number(optarg, 1e5) * 1e6);
			break;
		case 'l':
			opts.loss = number(optarg, 100);
			break;
		case '2':
			opts.duplicate = number(optarg, 100);
			break;
		case 'r':
			opts.reorder = number(optarg, 100);
			break;
		case 's':
			opts.seed = (uint64_t)number(optarg, 1e9);
			break;
		default:
			exit(2);
		}
	if (argc - optind != 2)
		errx(2, "usage: impair [OPTION ...] DEVICE DEVICE");
}

static int
open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, 0);
	if (fd < 0)
		err(1, "signalfd");
	return fd;
}

static void
report(char **names)
{
	for (int to = 0; to < 2; to++) {
		const struct counts *c = &counts[to];

		fprintf(stderr,
		    "impair: to %s: forwarded=%ju lost=%ju doubled=%ju "
		    "reordered=%ju full=%ju failed=%ju\n",
		    names[to], (uintmax_t)c->forwarded, (uintmax_t)c->lost,
		    (uintmax_t)c->doubled, (uintmax_t)c->reordered,
		    (uintmax_t)c->full, (uintmax_t)c->failed);
	}
}

static struct timespec
until_next(void)
{
	uint64_t now = now_ns(), due = queue[0].due;
	uint64_t ns = due > now ? due - now : 0;

	return (struct timespec){
	    (time_t)(ns / (1000 * MS)), (long)(ns % (1000 * MS))};
}

int
main(int argc, char **argv)
{
	int fd[2], signals;

	parse(argc, argv);
	signals = open_signals();
	for (int i = 0; i < 2; i++)
		fd[i] = open_device(argv[optind + i]);
	for (;;) {
		struct pollfd p[] = {{.fd = fd[0], .events = POLLIN},
		    {.fd = fd[1], .events = POLLIN},
		    {.fd = signals, .events = POLLIN}};
		struct timespec wait =
		    queued > 0 ? until_next() : (struct timespec){3600, 0};

		if (ppoll(p, 3, &wait, NULL) < 0 && errno != EINTR)
			err(1, "poll");
		if (p[2].revents)
			break;
		receive(fd, 0);
		receive(fd, 1);
		deliver(fd);
	}
	report(argv + optind);
	return 0;
}
