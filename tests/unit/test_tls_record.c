/* SPDX-License-Identifier: ISC
 * test_tls_record.c - records against OpenSSL: a handshake in memory, after
 * which the server's side is ours and the client's still OpenSSL's.
 */
#include "crypto/tls_record.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

struct secrets {
	uint8_t in[MESH_TLS_SECRET_MAX], out[MESH_TLS_SECRET_MAX];
	size_t in_len, out_len;
};

struct pair {
	SSL_CTX *server_ctx, *client_ctx;
	SSL *client;
	BIO *to_server, *to_client;
	struct mesh_tls_records *ours;
};

static void
on_secret(const SSL *tls, const char *line)
{
	struct secrets *s = SSL_get_app_data(tls);
	size_t len;

	if ((len = mesh_tls_keylog(line, "CLIENT_TRAFFIC_SECRET_0", s->in)) > 0)
		s->in_len = len;
	if ((len = mesh_tls_keylog(line, "SERVER_TRAFFIC_SECRET_0", s->out)) >
	    0)
		s->out_len = len;
}

static SSL_CTX *
make_server(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	assert_non_null(ctx);
	assert_non_null(key);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_keylog_callback(ctx, on_secret);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static void
pair_open(struct pair *p, const char *suite)
{
	struct secrets s = {.in_len = 0};
	SSL *server;

	p->server_ctx = make_server();
	p->client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(p->client_ctx, TLS1_3_VERSION);
	assert_int_equal(SSL_CTX_set_ciphersuites(p->client_ctx, suite), 1);
	server = SSL_new(p->server_ctx);
	p->client = SSL_new(p->client_ctx);
	p->to_server = BIO_new(BIO_s_mem());
	p->to_client = BIO_new(BIO_s_mem());
	BIO_up_ref(p->to_server);
	BIO_up_ref(p->to_client);
	SSL_set_bio(server, p->to_server, p->to_client);
	BIO_up_ref(p->to_server);
	BIO_up_ref(p->to_client);
	SSL_set_bio(p->client, p->to_client, p->to_server);
	SSL_set_app_data(server, &s);
	SSL_set_accept_state(server);
	SSL_set_connect_state(p->client);
	for (int i = 0; i < 4 && !SSL_is_init_finished(server); i++) {
		SSL_do_handshake(p->client);
		SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(server));
	assert_true(SSL_is_init_finished(p->client));
	assert_int_equal(s.in_len, s.out_len);
	assert_int_equal(
	    mesh_tls_records_new(
		SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(server)),
		s.in, s.out, s.in_len, &p->ours),
	    MESH_OK);
	SSL_free(server);
}

static void
pair_close(struct pair *p)
{
	mesh_tls_records_free(p->ours);
	SSL_free(p->client);
	SSL_CTX_free(p->client_ctx);
	SSL_CTX_free(p->server_ctx);
	BIO_free(p->to_server);
	BIO_free(p->to_client);
}

/* What the client has sent: room for all. */
static uint8_t wire[8 * MESH_TLS_RECORD_MAX];

static size_t
from_client(struct pair *p)
{
	int n = BIO_read(p->to_server, wire, sizeof(wire));

	return n > 0 ? (size_t)n : 0;
}

static void
client_hears(struct pair *p, const uint8_t *text, size_t len)
{
	static uint8_t got[4 * MESH_TLS_TEXT_MAX];
	size_t have = 0;

	while (have < len) {
		int n =
		    SSL_read(p->client, got + have, (int)(sizeof(got) - have));

		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_int_equal(have, len);
	assert_memory_equal(got, text, len);
}

static void
we_say(struct pair *p, const uint8_t *text, size_t len)
{
	static uint8_t
	    out[MESH_TLS_NOTICE_MAX + MESH_TLS_SEALED(4 * MESH_TLS_TEXT_MAX)];
	size_t n = mesh_tls_notice(p->ours, out);
	size_t sealed = mesh_tls_seal(p->ours, text, len, out + n);

	assert_int_equal(sealed, MESH_TLS_SEALED(len));
	n += sealed;
	assert_int_equal(BIO_write(p->to_client, out, (int)n), (int)n);
	client_hears(p, text, len);
}

/* All of it, in so many records at most. */
static void
we_hear(struct pair *p, const uint8_t *text, size_t len)
{
	size_t have = from_client(p), at = 0, used, heard = 0;
	struct mesh_tls_got got;

	while (at < have) {
		assert_int_equal(mesh_tls_open(p->ours, wire + at, have - at,
				     &used, &got),
		    MESH_OK);
		assert_true(heard + got.len <= len);
		assert_memory_equal(got.text, text + heard, got.len);
		heard += got.len;
		at += used;
	}
	assert_int_equal(heard, len);
}

static const char *const suites[] = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
};

static void
both_ways_in_every_suite(void **state)
{
	static const size_t sizes[] = {
	    1, 15, 16, 17, 1000, 16383, 16384, 16385, 40000};
	static uint8_t text[40000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + (i >> 8));
	for (size_t s = 0; s < 3; s++) {
		struct pair p;

		pair_open(&p, suites[s]);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			we_say(&p, text, sizes[i]);
			assert_int_equal(SSL_write(p.client, text,
					     (int)sizes[i]),
			    (int)sizes[i]);
			we_hear(&p, text, sizes[i]);
		}
		pair_close(&p);
	}
}

static void
keys_are_updated_both_ways(void **state)
{
	const uint8_t *text = (const uint8_t *)"hello";

	(void)state;
	for (size_t s = 0; s < 3; s++) {
		uint8_t none[MESH_TLS_NOTICE_MAX];
		struct pair p;

		pair_open(&p, suites[s]);
		for (int asked = 0; asked < 4; asked++) {
			SSL_key_update(p.client,
			    asked % 2 ? SSL_KEY_UPDATE_REQUESTED
				      : SSL_KEY_UPDATE_NOT_REQUESTED);
			assert_int_equal(SSL_write(p.client, text, 5), 5);
			we_hear(&p, text, 5);
			we_say(&p, text, 5);
			assert_int_equal(mesh_tls_notice(p.ours, none), 0);
		}
		pair_close(&p);
	}
}

static void
closed_by_either(void **state)
{
	uint8_t record[MESH_TLS_NOTICE_MAX], byte;
	struct mesh_tls_got got;
	size_t len, used;
	struct pair p;

	(void)state;
	pair_open(&p, suites[0]);
	SSL_shutdown(p.client);
	len = from_client(&p);
	assert_int_equal(mesh_tls_open(p.ours, wire, len, &used, &got),
	    MESH_ERR_CLOSED);
	pair_close(&p);
	pair_open(&p, suites[0]);
	len = mesh_tls_seal_alert(p.ours, MESH_TLS_CLOSE_NOTIFY, record);
	BIO_write(p.to_client, record, (int)len);
	assert_true(SSL_read(p.client, &byte, 1) <= 0);
	assert_int_equal(SSL_get_shutdown(p.client), SSL_RECEIVED_SHUTDOWN);
	pair_close(&p);
}

static void
a_piece_is_waited_for(void **state)
{
	struct mesh_tls_got got;
	size_t len, used;
	struct pair p;

	(void)state;
	pair_open(&p, suites[2]);
	SSL_write(p.client, "abc", 3);
	len = from_client(&p);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(mesh_tls_open(p.ours, wire, i, &used, &got),
		    MESH_ERR_AGAIN);
		assert_int_equal(used, 0);
	}
	assert_int_equal(mesh_tls_open(p.ours, wire, len, &used, &got),
	    MESH_OK);
	assert_int_equal(used, len);
	pair_close(&p);
}

static void
nothing_forged_is_let_in(void **state)
{
	struct mesh_tls_got got;
	struct pair p;
	size_t len = 0, used;

	(void)state;
	for (size_t at = 3; at < len || len == 0; at++) {
		int err;

		pair_open(&p, suites[at % 3]);
		SSL_write(p.client, "a secret", 8);
		len = from_client(&p);
		wire[at] ^= 0x40;
		err = mesh_tls_open(p.ours, wire, len, &used, &got);
		/* The length is a length first. */
		assert_int_equal(err, at == 3 ? MESH_ERR_AGAIN
				      : at == 4 && (wire[4] & 0x40)
					  ? MESH_ERR_AGAIN
					  : MESH_ERR_AUTH);
		pair_close(&p);
	}
	/* One that was seen before, and one that was left out. */
	pair_open(&p, suites[0]);
	SSL_write(p.client, "first", 5);
	len = from_client(&p);
	uint8_t *again = malloc(len);

	memcpy(again, wire, len);
	assert_int_equal(mesh_tls_open(p.ours, wire, len, &used, &got),
	    MESH_OK);
	assert_int_equal(mesh_tls_open(p.ours, again, len, &used, &got),
	    MESH_ERR_AUTH);
	free(again);
	pair_close(&p);
	pair_open(&p, suites[0]);
	SSL_write(p.client, "first", 5);
	(void)from_client(&p);
	SSL_write(p.client, "second", 6);
	len = from_client(&p);
	assert_int_equal(mesh_tls_open(p.ours, wire, len, &used, &got),
	    MESH_ERR_AUTH);
	pair_close(&p);
}

/* --- what one who has the keys may say */

static struct mesh_tls_records *
records(uint8_t in, uint8_t out)
{
	uint8_t a[32], b[32];
	struct mesh_tls_records *r;

	memset(a, in, sizeof(a));
	memset(b, out, sizeof(b));
	assert_int_equal(mesh_tls_records_new(MESH_TLS_AES_128_GCM_SHA256, a, b,
			     sizeof(a), &r),
	    MESH_OK);
	return r;
}

static int
inner(const void *text, size_t len)
{
	struct mesh_tls_records *us = records(1, 2), *them = records(2, 1);
	static uint8_t record[MESH_TLS_RECORD_MAX];
	struct mesh_tls_got got;
	size_t used, n = mesh_tls_seal_inner(them, text, len, record);
	int err = mesh_tls_open(us, record, n, &used, &got);

	mesh_tls_records_free(us);
	mesh_tls_records_free(them);
	return err;
}

static void
what_a_record_may_hold(void **state)
{
	static const struct {
		const char *what, *inner;
		size_t len;
		int err;
	} rows[] = {
	    {"text", "a\x17", 2, MESH_OK},
	    {"text and padding", "a\x17\0\0\0", 5, MESH_OK},
	    {"no text", "\x17", 1, MESH_OK},
	    {"padding alone", "\0\0\0", 3, MESH_ERR_PROTO},
	    {"nothing", "", 0, MESH_ERR_FORMAT},
	    {"close_notify", "\x01\x00\x15", 3, MESH_ERR_CLOSED},
	    {"user_canceled", "\x01\x5a\x15", 3, MESH_OK},
	    {"another alert", "\x02\x28\x15", 3, MESH_ERR_REFUSED},
	    {"half an alert", "\x01\x15", 2, MESH_ERR_FORMAT},
	    {"two alerts", "\x01\x5a\x01\x5a\x15", 5, MESH_ERR_FORMAT},
	    {"KeyUpdate", "\x18\0\0\x01\0\x16", 6, MESH_OK},
	    {"KeyUpdate, asking", "\x18\0\0\x01\x01\x16", 6, MESH_OK},
	    {"KeyUpdate of 2", "\x18\0\0\x01\x02\x16", 6, MESH_ERR_FORMAT},
	    {"half a KeyUpdate", "\x18\0\0\x16", 4, MESH_ERR_PROTO},
	    {"a ticket", "\x04\0\0\x01\0\x16", 6, MESH_ERR_PROTO},
	    {"change_cipher_spec", "\x01\x14", 2, MESH_ERR_PROTO},
	    {"no known type", "abc\x63", 4, MESH_ERR_PROTO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (inner(rows[i].inner, rows[i].len) != rows[i].err)
			fail_msg("%s", rows[i].what);
}

static void
limits(void **state)
{
	struct mesh_tls_records *us = records(1, 2), *them = records(2, 1);
	static uint8_t big[5 + MESH_TLS_TEXT_MAX + 257];
	uint8_t record[64], secret[32] = {0};
	struct mesh_tls_records *none;
	struct mesh_tls_got got;
	size_t used, n;

	(void)state;
	/* Longer than any record is, and not a record. */
	big[0] = 23;
	big[3] = (MESH_TLS_TEXT_MAX + 257) >> 8;
	big[4] = (MESH_TLS_TEXT_MAX + 257) & 0xff;
	assert_int_equal(mesh_tls_open(us, big, 5, &used, &got),
	    MESH_ERR_LIMIT);
	big[0] = 22;
	assert_int_equal(mesh_tls_open(us, big, 1, &used, &got),
	    MESH_ERR_PROTO);
	for (unsigned i = 0; i <= MESH_TLS_USELESS_MAX; i++) {
		n = mesh_tls_seal_inner(them, (const uint8_t *)"\x17", 1,
		    record);
		assert_int_equal(mesh_tls_open(us, record, n, &used, &got),
		    i < MESH_TLS_USELESS_MAX ? MESH_OK : MESH_ERR_PROTO);
	}
	mesh_tls_records_free(us);
	mesh_tls_records_free(them);
	assert_int_equal(mesh_tls_records_new(0x1304, secret, secret, 32,
			     &none),
	    MESH_ERR_NOTFOUND);
	assert_int_equal(mesh_tls_records_new(MESH_TLS_AES_256_GCM_SHA384,
			     secret, secret, 32, &none),
	    MESH_ERR_NOTFOUND);
}

static void
lines_of_the_key_log(void **state)
{
	uint8_t s[MESH_TLS_SECRET_MAX];

	(void)state;
	assert_int_equal(mesh_tls_keylog("A 00 0102ff", "A", s), 3);
	assert_int_equal(s[2], 0xff);
	assert_int_equal(mesh_tls_keylog("B 00 0102ff", "A", s), 0);
	assert_int_equal(mesh_tls_keylog("A 00 0102f", "A", s), 0);
	assert_int_equal(mesh_tls_keylog("A 00 xy", "A", s), 0);
	assert_int_equal(mesh_tls_keylog("A", "A", s), 0);
	assert_int_equal(mesh_tls_keylog("", "A", s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ways_in_every_suite),
	    cmocka_unit_test(keys_are_updated_both_ways),
	    cmocka_unit_test(closed_by_either),
	    cmocka_unit_test(a_piece_is_waited_for),
	    cmocka_unit_test(nothing_forged_is_let_in),
	    cmocka_unit_test(what_a_record_may_hold),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(lines_of_the_key_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
