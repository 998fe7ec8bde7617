/* SPDX-License-Identifier: ISC
 * fanout.c - the floor under "tell everybody": how long the machine needs to
 * seal the same bytes for each of many connections and to send them, when
 * nothing has to be worked out.
 *
 *	fanout [CONNECTIONS [BYTES [ROUNDS]]]		(2000, 250, 9)
 *
 * TCP on loopback; a second process reads all of them. Per connection one key,
 * one ChaCha20-Poly1305 by OpenSSL, one send. Prints medians, as rows: "floor:
 * seen by all, ms" (the last byte read), "floor: CPU a node, ms" (of the
 *sender).
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TAG 16
#define ROUNDS_MAX 100
#define PER_ADDRESS 5000 /* ports that one source address has to give */

struct shared {                /* between sender and reader */
	_Atomic unsigned done; /* connections that have read it all */
	_Atomic double at;     /* when the last one had */
};

static void
die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static double
seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
raise_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* --- reader */

static int
dial(const struct sockaddr_in *to, unsigned i)
{
	struct sockaddr_in me = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (i / PER_ADDRESS << 8))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("connect");
	return fd;
}

static void
read_all(struct shared *sh, const struct sockaddr_in *to, unsigned count,
    size_t wire)
{
	static struct epoll_event events[1024];
	static uint8_t buf[65536];
	int *fds = calloc(count, sizeof(*fds));
	size_t *got = calloc(count, sizeof(*got));
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (fds == NULL || got == NULL || ep < 0)
		die("reader");
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};

		fds[i] = dial(to, i);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e) < 0)
			die("epoll_ctl");
	}
	for (;;) {
		int n = epoll_wait(ep, events, 1024, -1);

		for (int j = 0; j < n; j++) {
			unsigned i = events[j].data.u32;
			ssize_t len = recv(fds[i], buf, sizeof(buf), 0);

			if (len == 0)
				exit(EXIT_SUCCESS);
			got[i] += len > 0 ? (size_t)len : 0;
			if (got[i] < wire)
				continue;
			got[i] -= wire;
			atomic_store(&sh->at, seconds(CLOCK_MONOTONIC));
			atomic_fetch_add(&sh->done, 1);
		}
	}
}

/* --- sender */

struct conn {
	int fd;
	uint64_t counter;
	uint8_t key[32];
};

static int
listen_on(struct sockaddr_in *out)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	*out = a;
	return fd;
}

static void
send_one(EVP_CIPHER_CTX *c, struct conn *k, const uint8_t *text, size_t len,
    uint8_t *out)
{
	uint8_t nonce[12] = {0};
	int n;

	memcpy(nonce + 4, &k->counter, sizeof(k->counter));
	k->counter++;
	if (EVP_EncryptInit_ex(c, NULL, NULL, k->key, nonce) != 1 ||
	    EVP_EncryptUpdate(c, out, &n, text, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(c, out + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, out + len) != 1)
		die("seal");
	if (send(k->fd, out, len + TAG, MSG_NOSIGNAL) != (ssize_t)len + TAG)
		die("send");
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, unsigned count)
{
	qsort(v, count, sizeof(*v), compare);
	return v[count / 2];
}

static void
run(struct shared *sh, struct conn *all, unsigned count, size_t len,
    unsigned rounds)
{
	double took[ROUNDS_MAX], cpu[ROUNDS_MAX];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t *text = calloc(1, len), *out = malloc(len + TAG);
	const struct timespec pause = {0, 150000000}, nap = {0, 200000};

	if (c == NULL || text == NULL || out == NULL ||
	    EVP_EncryptInit_ex(c, EVP_chacha20_poly1305(), NULL, NULL, NULL) !=
		1)
		die("memory");
	for (unsigned r = 0; r < rounds; r++) {
		double t0, c0;

		nanosleep(&pause, NULL);
		atomic_store(&sh->done, 0);
		t0 = seconds(CLOCK_MONOTONIC);
		c0 = seconds(CLOCK_PROCESS_CPUTIME_ID);
		for (unsigned i = 0; i < count; i++)
			send_one(c, &all[i], text, len, out);
		cpu[r] = seconds(CLOCK_PROCESS_CPUTIME_ID) - c0;
		while (atomic_load(&sh->done) < count)
			nanosleep(&nap, NULL);
		took[r] = atomic_load(&sh->at) - t0;
	}
	printf("floor: seen by all, ms\t%.1f\n", median(took, rounds) * 1e3);
	printf("floor: CPU a node, ms\t%.4f\n",
	    median(cpu, rounds) * 1e3 / count);
	EVP_CIPHER_CTX_free(c);
	free(text);
	free(out);
}

static unsigned
number(int argc, char **argv, int i, unsigned other, unsigned max)
{
	unsigned long n = argc > i ? strtoul(argv[i], NULL, 10) : other;

	return n > 0 && n <= max ? (unsigned)n : other;
}

int
main(int argc, char **argv)
{
	unsigned count = number(argc, argv, 1, 2000, 60000);
	size_t len = number(argc, argv, 2, 250, 65536 - TAG);
	unsigned rounds = number(argc, argv, 3, 9, ROUNDS_MAX);
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct conn *all = calloc(count, sizeof(*all));
	struct sockaddr_in address;
	int fd, on = 1;
	pid_t reader;

	raise_files();
	if (sh == MAP_FAILED || all == NULL)
		die("memory");
	fd = listen_on(&address);
	if ((reader = fork()) < 0)
		die("fork");
	if (reader == 0)
		read_all(sh, &address, count, len + TAG);
	for (unsigned i = 0; i < count; i++) {
		all[i].fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		memset(all[i].key, (int)i & 255, sizeof(all[i].key));
		if (all[i].fd < 0 || setsockopt(all[i].fd, IPPROTO_TCP,
					 TCP_NODELAY, &on, sizeof(on)) < 0)
			die("accept");
	}
	run(sh, all, count, len, rounds);
	kill(reader, SIGTERM);
	waitpid(reader, NULL, 0);
	return EXIT_SUCCESS;
}
