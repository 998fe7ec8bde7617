/* SPDX-License-Identifier: ISC */
#include "crypto/tls_record.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/rd.h"
#include "base/secret.h"
#include "base/text.h"

#define HEAD_LEN 5u
#define TAG_LEN 16u
#define IV_LEN 12u
#define KEY_MAX 32u
#define HASH_MAX 64u
#define RECORD_VERSION 0x0303 /* of every record, whatever was agreed */

/* RFC 8446, 5.1: what a record holds. */
enum content {
	CONTENT_ALERT = 21,
	CONTENT_HANDSHAKE = 22,
	CONTENT_APPLICATION = 23,
};

#define KEY_UPDATE_TYPE 24
#define KEY_UPDATE_LEN 5u
#define ALERT_LEN 2u
#define ALERT_WARNING 1
#define ALERT_FATAL 2
#define ALERT_USER_CANCELED 90

struct suite {
	unsigned number;
	const EVP_CIPHER *(*cipher)(void);
	const EVP_MD *(*hash)(void);
	size_t key_len, secret_len;
};

static const struct suite suites[] = {
    {MESH_TLS_AES_128_GCM_SHA256, EVP_aes_128_gcm, EVP_sha256, 16, 32},
    {MESH_TLS_AES_256_GCM_SHA384, EVP_aes_256_gcm, EVP_sha384, 32, 48},
    {MESH_TLS_CHACHA20_POLY1305_SHA256, EVP_chacha20_poly1305, EVP_sha256, 32,
	32},
};

/* One direction. */
struct half {
	EVP_CIPHER_CTX *cipher; /* has the key */
	uint64_t seq;
	uint8_t iv[IV_LEN];
	uint8_t secret[MESH_TLS_SECRET_MAX];
};

struct mesh_tls_records {
	const struct suite *suite;
	struct half in, out;
	unsigned useless;
	bool update_asked; /* the other side wants us to take new keys */
	bool broken;       /* out of memory in the midst of that */
};

/* --- keys */

/* HKDF-Expand-Label (RFC 8446, 7.1) without context, of one block. */
static bool
expand(const struct suite *s, const uint8_t *secret, const char *label,
    uint8_t *out, size_t len)
{
	uint8_t info[32], block[HASH_MAX];
	struct mesh_wr w = mesh_wr_init(info, sizeof(info));
	unsigned block_len = 0;
	bool ok;

	mesh_wr_u16be(&w, (uint16_t)len);
	mesh_wr_u8(&w, (uint8_t)(6 + strlen(label)));
	mesh_wr_bytes(&w, "tls13 ", 6);
	mesh_wr_bytes(&w, label, strlen(label));
	mesh_wr_u8(&w, 0); /* no context */
	mesh_wr_u8(&w, 1); /* the first block */
	ok = mesh_wr_ok(&w) &&
	     HMAC(s->hash(), secret, (int)s->secret_len, info, w.len, block,
		 &block_len) != NULL &&
	     len <= block_len;
	if (ok)
		memcpy(out, block, len);
	mesh_wipe(block, sizeof(block));
	return ok;
}

static bool
half_key(struct half *h, const struct suite *s, bool seal)
{
	uint8_t key[KEY_MAX];
	bool ok = expand(s, h->secret, "key", key, s->key_len) &&
		  expand(s, h->secret, "iv", h->iv, sizeof(h->iv)) &&
		  EVP_CipherInit_ex(h->cipher, s->cipher(), NULL, key, NULL,
		      seal) == 1;

	mesh_wipe(key, sizeof(key));
	h->seq = 0;
	return ok;
}

static bool
half_init(struct half *h, const struct suite *s, const uint8_t *secret,
    bool seal)
{
	h->cipher = EVP_CIPHER_CTX_new();
	memcpy(h->secret, secret, s->secret_len);
	return h->cipher != NULL && half_key(h, s, seal);
}

/* RFC 8446, 7.2. */
static bool
half_update(struct half *h, const struct suite *s, bool seal)
{
	return expand(s, h->secret, "traffic upd", h->secret, s->secret_len) &&
	       half_key(h, s, seal);
}

int
mesh_tls_records_new(unsigned suite, const uint8_t *in, const uint8_t *out,
    size_t len, struct mesh_tls_records **records)
{
	const struct suite *s = NULL;
	struct mesh_tls_records *r;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].number == suite)
			s = &suites[i];
	if (s == NULL || len != s->secret_len)
		return MESH_ERR_NOTFOUND;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return MESH_ERR_NOMEM;
	r->suite = s;
	if (!half_init(&r->in, s, in, false) ||
	    !half_init(&r->out, s, out, true)) {
		mesh_tls_records_free(r);
		return MESH_ERR_NOMEM;
	}
	*records = r;
	return MESH_OK;
}

void
mesh_tls_records_free(struct mesh_tls_records *r)
{
	if (r == NULL)
		return;
	EVP_CIPHER_CTX_free(r->in.cipher); /* wipes its key */
	EVP_CIPHER_CTX_free(r->out.cipher);
	mesh_wipe(r, sizeof(*r));
	free(r);
}

/* The nonce of the next record (RFC 8446, 5.3). */
static void
next_nonce(struct half *h, uint8_t nonce[static IV_LEN])
{
	uint64_t seq = h->seq++;

	memcpy(nonce, h->iv, IV_LEN);
	for (size_t i = 0; i < 8; i++)
		nonce[IV_LEN - 1 - i] ^= (uint8_t)(seq >> (8 * i));
}

/* --- out */

static void
write_head(uint8_t head[static HEAD_LEN], size_t body)
{
	struct mesh_wr w = mesh_wr_init(head, HEAD_LEN);

	mesh_wr_u8(&w, CONTENT_APPLICATION);
	mesh_wr_u16be(&w, RECORD_VERSION);
	mesh_wr_u16be(&w, (uint16_t)body);
}

/* tail: the last bytes of what is sealed; the type, or nothing. */
static size_t
seal_inner(struct half *h, const uint8_t *text, size_t len, const uint8_t *tail,
    size_t tail_len, uint8_t *out)
{
	size_t inner = len + tail_len;
	EVP_CIPHER_CTX *c = h->cipher;
	uint8_t nonce[IV_LEN];
	uint8_t *body = out + HEAD_LEN;
	int n;

	assert(len <= MESH_TLS_TEXT_MAX);
	write_head(out, inner + TAG_LEN);
	next_nonce(h, nonce);
	if (EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, out, HEAD_LEN) != 1 ||
	    EVP_EncryptUpdate(c, body, &n, text, (int)len) != 1 ||
	    EVP_EncryptUpdate(c, body + len, &n, tail, (int)tail_len) != 1 ||
	    EVP_EncryptFinal_ex(c, body + inner, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
		body + inner) != 1)
		return 0;
	return HEAD_LEN + inner + TAG_LEN;
}

static size_t
seal_record(struct half *h, enum content content, const uint8_t *text,
    size_t len, uint8_t *out)
{
	uint8_t type = (uint8_t)content;

	return seal_inner(h, text, len, &type, 1, out);
}

size_t
mesh_tls_seal_inner(struct mesh_tls_records *r, const uint8_t *inner,
    size_t len, uint8_t *out)
{
	return seal_inner(&r->out, inner, len, NULL, 0, out);
}

size_t
mesh_tls_seal(struct mesh_tls_records *r, const uint8_t *text, size_t len,
    uint8_t *out)
{
	size_t done = 0;

	for (size_t at = 0; at < len && !r->broken; at += MESH_TLS_TEXT_MAX) {
		size_t part =
		    len - at < MESH_TLS_TEXT_MAX ? len - at : MESH_TLS_TEXT_MAX;
		size_t n = seal_record(&r->out, CONTENT_APPLICATION, text + at,
		    part, out + done);

		if (n == 0)
			return 0;
		done += n;
	}
	return done;
}

size_t
mesh_tls_notice(struct mesh_tls_records *r,
    uint8_t out[static MESH_TLS_NOTICE_MAX])
{
	static const uint8_t update[KEY_UPDATE_LEN] = {
	    KEY_UPDATE_TYPE, 0, 0, 1, 0};
	size_t n;

	if (!r->update_asked)
		return 0;
	r->update_asked = false;
	n = seal_record(&r->out, CONTENT_HANDSHAKE, update, sizeof(update),
	    out);
	r->broken = n == 0 || !half_update(&r->out, r->suite, true);
	return r->broken ? 0 : n;
}

size_t
mesh_tls_seal_alert(struct mesh_tls_records *r, enum mesh_tls_alert a,
    uint8_t out[static MESH_TLS_NOTICE_MAX])
{
	const uint8_t alert[ALERT_LEN] = {
	    a == MESH_TLS_CLOSE_NOTIFY ? ALERT_WARNING : ALERT_FATAL,
	    (uint8_t)a};

	return seal_record(&r->out, CONTENT_ALERT, alert, sizeof(alert), out);
}

enum mesh_tls_alert
mesh_tls_alert_for(int err)
{
	switch (err) {
	case MESH_ERR_CLOSED:
	case MESH_ERR_REFUSED:
		return MESH_TLS_CLOSE_NOTIFY;
	case MESH_ERR_AUTH:
		return MESH_TLS_BAD_RECORD_MAC;
	case MESH_ERR_LIMIT:
		return MESH_TLS_RECORD_OVERFLOW;
	case MESH_ERR_PROTO:
		return MESH_TLS_UNEXPECTED_MESSAGE;
	case MESH_ERR_FORMAT:
		return MESH_TLS_DECODE_ERROR;
	default:
		return MESH_TLS_INTERNAL_ERROR;
	}
}

/* --- in */

/* *body: the length of what follows the head. */
static int
read_head(const uint8_t *p, size_t len, size_t *body)
{
	struct mesh_rd r = mesh_rd_init(p, len);

	if (mesh_rd_u8(&r) != CONTENT_APPLICATION && !mesh_rd_bad(&r))
		return MESH_ERR_PROTO;
	mesh_rd_skip(&r, 2); /* the version is to be ignored */
	*body = mesh_rd_u16be(&r);
	if (mesh_rd_bad(&r))
		return MESH_ERR_AGAIN;
	if (*body > MESH_TLS_TEXT_MAX + 256)
		return MESH_ERR_LIMIT;
	if (*body < 1 + TAG_LEN)
		return MESH_ERR_FORMAT;
	return len - HEAD_LEN < *body ? MESH_ERR_AGAIN : MESH_OK;
}

static int
decrypt(struct half *h, const uint8_t *head, uint8_t *p, size_t len)
{
	EVP_CIPHER_CTX *c = h->cipher;
	uint8_t nonce[IV_LEN];
	int n;

	next_nonce(h, nonce);
	if (EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, p + len) !=
		1 ||
	    EVP_DecryptUpdate(c, NULL, &n, head, HEAD_LEN) != 1 ||
	    EVP_DecryptUpdate(c, p, &n, p, (int)len) != 1)
		return MESH_ERR_INTERNAL;
	return EVP_DecryptFinal_ex(c, p + len, &n) == 1 ? MESH_OK
							: MESH_ERR_AUTH;
}

static int
take_alert(const uint8_t *p, size_t len)
{
	if (len != ALERT_LEN)
		return MESH_ERR_FORMAT;
	if (p[1] == MESH_TLS_CLOSE_NOTIFY)
		return MESH_ERR_CLOSED;
	return p[1] == ALERT_USER_CANCELED ? MESH_OK : MESH_ERR_REFUSED;
}

/* A KeyUpdate, whole and alone in its record, as its end is where keys change.
 */
static int
take_handshake(struct mesh_tls_records *r, const uint8_t *p, size_t len)
{
	static const uint8_t head[] = {KEY_UPDATE_TYPE, 0, 0, 1};

	if (len != KEY_UPDATE_LEN || memcmp(p, head, sizeof(head)) != 0)
		return MESH_ERR_PROTO;
	if (p[4] > 1)
		return MESH_ERR_FORMAT;
	r->update_asked |= p[4] == 1;
	return half_update(&r->in, r->suite, false) ? MESH_OK
						    : MESH_ERR_INTERNAL;
}

int
mesh_tls_open(struct mesh_tls_records *r, uint8_t *p, size_t len, size_t *used,
    struct mesh_tls_got *got)
{
	uint8_t *text = p + HEAD_LEN;
	size_t n, body;
	int err = read_head(p, len, &body);

	*used = 0;
	*got = (struct mesh_tls_got){.text = text};
	if (err != MESH_OK)
		return err;
	n = body - TAG_LEN;
	if ((err = decrypt(&r->in, p, text, n)) != MESH_OK)
		return err;
	while (n > 0 && text[n - 1] == 0) /* padding */
		n--;
	if (n == 0)
		return MESH_ERR_PROTO; /* no type at all */
	n--;
	if (n > MESH_TLS_TEXT_MAX)
		return MESH_ERR_LIMIT;
	*used = HEAD_LEN + body;
	if (text[n] == CONTENT_APPLICATION && n > 0) {
		r->useless = 0;
		got->len = n;
		return MESH_OK;
	}
	if (++r->useless > MESH_TLS_USELESS_MAX)
		return MESH_ERR_PROTO;
	switch (text[n]) {
	case CONTENT_APPLICATION:
		return MESH_OK;
	case CONTENT_ALERT:
		return take_alert(text, n);
	case CONTENT_HANDSHAKE:
		return take_handshake(r, text, n);
	default:
		return MESH_ERR_PROTO;
	}
}

/* --- OpenSSL's key log */

size_t
mesh_tls_keylog(const char *line, const char *label,
    uint8_t secret[static MESH_TLS_SECRET_MAX])
{
	struct mesh_str rest = mesh_str(line);
	size_t len;

	if (!mesh_str_eq(mesh_str_cut(&rest, ' '), label))
		return 0;
	(void)mesh_str_cut(&rest, ' '); /* the client's random */
	len = rest.len / 2;
	if (len > MESH_TLS_SECRET_MAX ||
	    mesh_hex_decode(rest, secret, len) != MESH_OK)
		return 0;
	return len;
}
