/* SPDX-License-Identifier: ISC
 * wg_packets.c - what a packet costs in the WireGuard core, beside the cipher
 * alone, in one run: nanoseconds of this thread, the best of several rounds.
 *
 *	wg_packets [ROUNDS [openssl|sodium|avx2|avx512]]
 *
 * "floor" is the plain EVP sequence (new nonce, encrypt, tag) without a core
 * around it; the last columns are the core's own cost over the table's cipher,
 * and the whole against the floor. Ratios carry over to other machines, the
 * figures do not.
 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>

#include "../unit/wg_lab.h"

#define PACKETS 64u
#define ROUND_S 0.05

static uint8_t bufs[PACKETS][2048];

struct bench {
	struct lab lab;
	struct mesh_aead *aead;
	EVP_CIPHER_CTX *ctx;
	uint8_t key[32];
	size_t len;
};

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ns per packet of `work`, which does PACKETS of them. */
static double
measure(struct bench *b, void (*work)(struct bench *b), unsigned rounds)
{
	double best = 1e9;

	for (unsigned i = 0; i < rounds; i++) {
		double start = seconds(), took;
		unsigned long n = 0;

		do {
			work(b);
			n += PACKETS;
		} while ((took = seconds() - start) < ROUND_S);
		if (took / (double)n < best)
			best = took / (double)n;
	}
	return best * 1e9;
}

static void
floor_seal(struct bench *b)
{
	static uint8_t nonce[12];

	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *p = bufs[i] + MESH_WG_HEADROOM;
		int n;

		nonce[4]++;
		EVP_EncryptInit_ex(b->ctx, NULL, NULL, NULL, nonce);
		EVP_EncryptUpdate(b->ctx, p, &n, p, (int)b->len);
		EVP_EncryptFinal_ex(b->ctx, p + n, &n);
		EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_GET_TAG, 16,
		    p + b->len);
	}
}

static void
table_items(const struct bench *b, struct mesh_aead_item *items)
{
	for (size_t i = 0; i < PACKETS; i++)
		items[i] = (struct mesh_aead_item){
		    .data = bufs[i] + MESH_WG_HEADROOM,
		    .len = b->len,
		    .counter = i,
		};
}

static void
table_seal(struct bench *b)
{
	struct mesh_aead_item items[PACKETS];

	table_items(b, items);
	b->aead->ops->seal_batch(b->aead, b->key, MESH_AEAD_LE64, items,
	    PACKETS);
}

static void
table_both(struct bench *b)
{
	struct mesh_aead_item items[PACKETS];

	table_items(b, items);
	b->aead->ops->seal_batch(b->aead, b->key, MESH_AEAD_LE64, items,
	    PACKETS);
	if (b->aead->ops->open_batch(b->aead, b->key, MESH_AEAD_LE64, items,
		PACKETS) != PACKETS)
		abort();
}

static void
fill(const struct bench *b, struct mesh_wg_packet *p)
{
	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *d = bufs[i] + MESH_WG_HEADROOM;

		d[0] = 0x45;
		d[2] = (uint8_t)(b->len >> 8);
		d[3] = (uint8_t)b->len;
		p[i] = (struct mesh_wg_packet){.data = d, .len = b->len};
	}
}

static void
core_seal(struct bench *b)
{
	struct mesh_wg_packet p[PACKETS];

	fill(b, p);
	if (mesh_wg_seal_batch(b->lab.a.peer, p, PACKETS, b->lab.now) !=
	    PACKETS)
		abort();
}

static void
core_both(struct bench *b)
{
	struct mesh_wg_packet p[PACKETS];

	fill(b, p);
	if (mesh_wg_seal_batch(b->lab.a.peer, p, PACKETS, b->lab.now) !=
		PACKETS ||
	    mesh_wg_open_batch(b->lab.b.wg, p, PACKETS, b->lab.now) != PACKETS)
		abort();
}

static void
bench_size(struct bench *b, size_t len, unsigned rounds)
{
	b->len = len;

	double evp = measure(b, floor_seal, rounds);
	double ts = measure(b, table_seal, rounds);
	double to = measure(b, table_both, rounds) - ts;
	double cs = measure(b, core_seal, rounds);
	double co = measure(b, core_both, rounds) - cs;

	printf("%5zu %9.0f %9.0f %9.0f %9.0f %9.0f %7.0f %7.0f %8.2f\n", len,
	    evp, ts, to, cs, co, cs - ts, co - to, cs / evp);
}

static const struct mesh_aead_ops *
table_named(const char *name)
{
	if (name == NULL)
		return mesh_aead_best();
	if (strcmp(name, "sodium") == 0)
		return &mesh_aead_sodium;
#ifdef __x86_64__
	if (strcmp(name, "avx2") == 0)
		return &mesh_aead_avx2;
	if (strcmp(name, "avx512") == 0)
		return &mesh_aead_avx512;
#endif
	return &mesh_aead_openssl;
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = {64, 256, 608, 1280, 1424};
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5;
	const struct mesh_aead_ops *ops =
	    table_named(argc > 2 ? argv[2] : NULL);
	static struct bench b;

	if (sodium_init() < 0)
		return 2;
	lab_init_with(&b.lab, ops);
	lab_know(&b.lab.a);
	mesh_wg_set_mtu(b.lab.a.wg, 1424);
	mesh_wg_connect(b.lab.a.peer, b.lab.now);
	lab_settle(&b.lab);
	b.aead = ops->new ();
	b.ctx = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(b.ctx, EVP_chacha20_poly1305(), NULL, b.key, NULL);
	printf("ns per packet, batches of %u, cipher: %s\n", PACKETS,
	    b.aead->ops->name);
	printf("bytes EVP floor      seal      open core seal core open"
	       "   +seal   +open  x floor\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		bench_size(&b, sizes[i], rounds);
	EVP_CIPHER_CTX_free(b.ctx);
	mesh_aead_free(b.aead);
	lab_release(&b.lab);
	return 0;
}
