/* SPDX-License-Identifier: ISC
 * aead.h - ChaCha20-Poly1305 (RFC 8439) over batches of packets, in place.
 *
 * A table of functions, so that a faster implementation can take the place of
 * the first one without a change elsewhere. A struct mesh_aead is the working
 * memory of one implementation: one per thread serves all keys, and nothing is
 * allocated per key or packet. Keys are 32 plain bytes that the caller keeps
 * and wipes.
 *
 *	struct mesh_aead *a = mesh_aead_openssl.new();
 *	struct mesh_aead_item item = {.data = p, .len = n, .counter = 7};
 *	err = a->ops->seal_batch(a, key, MESH_AEAD_LE64, &item, 1);
 */
#ifndef MESH_CRYPTO_AEAD_H
#define MESH_CRYPTO_AEAD_H

#include <mesh/base.h>

#define MESH_AEAD_KEY_LEN 32u /* bytes */
#define MESH_AEAD_TAG_LEN 16u /* bytes, behind the text */

/* Nonce: 4 zero bytes, then the counter. Sources: protocol/dataplane.md 1.1
 * (WireGuard, Noise), protocol/control.md 3.4 (control's records). */
enum mesh_aead_nonce {
	MESH_AEAD_LE64,
	MESH_AEAD_BE64,
};

struct mesh_aead_item {
	uint8_t *data; /* text, replaced by the other text; the tag behind it */
	size_t len;    /* bytes of text, without the tag */
	uint64_t counter;
	const uint8_t *ad; /* authenticated, not encrypted; NULL if ad_len 0 */
	size_t ad_len;
	bool ok; /* out, of open: authentic; if not, data is garbage */
};

struct mesh_aead {
	const struct mesh_aead_ops *ops;
};

struct mesh_aead_ops {
	const char *name;
	/* NULL without memory or when libcrypto lacks the cipher. */
	struct mesh_aead *(*new)(void);
	void (*free)(struct mesh_aead *a);
	/* MESH_OK; MESH_ERR_INTERNAL (the library refused): send nothing. */
	int (*seal_batch)(struct mesh_aead *a,
	    const uint8_t key[static MESH_AEAD_KEY_LEN],
	    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n);
	/* Sets `ok` of each item; returns how many are. */
	size_t (*open_batch)(struct mesh_aead *a,
	    const uint8_t key[static MESH_AEAD_KEY_LEN],
	    enum mesh_aead_nonce form, struct mesh_aead_item *items, size_t n);
};

/* OpenSSL's EVP: the fastest packaged one for packets above 500 bytes. */
extern const struct mesh_aead_ops mesh_aead_openssl;
/* libsodium: half the fixed cost, twice the cost per byte. */
extern const struct mesh_aead_ops mesh_aead_sodium;

#ifdef __x86_64__
/* Our own, for batches: many packets in the lanes of a vector. Only where the
 * processor has the instructions: ask mesh_aead_best(). */
extern const struct mesh_aead_ops mesh_aead_avx2;
extern const struct mesh_aead_ops mesh_aead_avx512;
#endif
/* The fastest one for batches of packets that runs on this processor. */
const struct mesh_aead_ops *mesh_aead_best(void);

/* One packet. seal as seal_batch; open: MESH_OK, MESH_ERR_AUTH. */
int mesh_aead_seal(struct mesh_aead *a,
    const uint8_t key[static MESH_AEAD_KEY_LEN], enum mesh_aead_nonce form,
    struct mesh_aead_item item) MESH_MUST_USE;
int mesh_aead_open(struct mesh_aead *a,
    const uint8_t key[static MESH_AEAD_KEY_LEN], enum mesh_aead_nonce form,
    struct mesh_aead_item item) MESH_MUST_USE;

/* a may be NULL. */
void mesh_aead_free(struct mesh_aead *a);

/* The nonce itself, for those who use a primitive directly. */
#define MESH_AEAD_NONCE_LEN 12u
void mesh_aead_nonce(uint8_t out[static MESH_AEAD_NONCE_LEN],
    enum mesh_aead_nonce form, uint64_t counter);

#endif
