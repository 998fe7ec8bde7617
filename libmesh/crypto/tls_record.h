/* SPDX-License-Identifier: ISC
 * tls_record.h - the records of a TLS 1.3 connection (RFC 8446, section 5)
 * after a handshake that OpenSSL made: with the two traffic secrets a server
 * needs its SSL object no more (11 of 15 kB of an idle client of the relay).
 *
 * Covered: the three suites below, padding, alerts, KeyUpdate both ways.
 *Nothing else may come after the handshake of a server without tickets and
 *without requests for certificates, and is refused.
 *
 *	err = mesh_tls_open(r, p, len, &used, &got);	// in place
 *	n = mesh_tls_notice(r, out);			// goes before what
 *follows n += mesh_tls_seal(r, text, text_len, out + n);
 */
#ifndef MESH_CRYPTO_TLS_RECORD_H
#define MESH_CRYPTO_TLS_RECORD_H

#include <mesh/base.h>

#define MESH_TLS_SECRET_MAX 48u  /* bytes: of a suite with SHA-384 */
#define MESH_TLS_TEXT_MAX 16384u /* bytes in one record */
#define MESH_TLS_OVERHEAD 22u    /* head, type, tag of a record of ours */
#define MESH_TLS_RECORD_MAX (5u + MESH_TLS_TEXT_MAX + 256u)
#define MESH_TLS_USELESS_MAX 32u /* records without text in a row */
#define MESH_TLS_NOTICE_MAX (5u + MESH_TLS_OVERHEAD)

/* How many bytes mesh_tls_seal() makes of so many. */
#define MESH_TLS_SEALED(len)                                                   \
	((len) + MESH_TLS_OVERHEAD *                                           \
		     (((len) + MESH_TLS_TEXT_MAX - 1) / MESH_TLS_TEXT_MAX))

/* Numbers of the suites on the wire. */
enum mesh_tls_suite {
	MESH_TLS_AES_128_GCM_SHA256 = 0x1301,
	MESH_TLS_AES_256_GCM_SHA384 = 0x1302,
	MESH_TLS_CHACHA20_POLY1305_SHA256 = 0x1303,
};

/* RFC 8446, section 6.2: those that are ours to say. */
enum mesh_tls_alert {
	MESH_TLS_CLOSE_NOTIFY = 0,
	MESH_TLS_UNEXPECTED_MESSAGE = 10,
	MESH_TLS_BAD_RECORD_MAC = 20,
	MESH_TLS_RECORD_OVERFLOW = 22,
	MESH_TLS_DECODE_ERROR = 50,
	MESH_TLS_INTERNAL_ERROR = 80,
};

struct mesh_tls_records;

/* The traffic secrets of the other side (in) and of ours (out), both of len
 * bytes, before any record was protected with them. MESH_OK; MESH_ERR_NOTFOUND:
 * another suite, or the secrets are not of its length; MESH_ERR_NOMEM. */
int mesh_tls_records_new(unsigned suite, const uint8_t *in, const uint8_t *out,
    size_t len, struct mesh_tls_records **records) MESH_MUST_USE;
/* Wipes. r may be NULL. */
void mesh_tls_records_free(struct mesh_tls_records *r);

struct mesh_tls_got {
	uint8_t *text; /* within the record */
	size_t len;    /* 0: nothing for the application */
};

/* Opens the record that p begins with, in place. MESH_OK: *used bytes are done
 * with. MESH_ERR_AGAIN: it is not whole yet, call again with more.
 * MESH_ERR_CLOSED: the other side is done. All others end the connection, and
 * mesh_tls_alert_for() says with which words: MESH_ERR_AUTH, MESH_ERR_PROTO,
 * MESH_ERR_LIMIT, MESH_ERR_FORMAT, MESH_ERR_REFUSED (it sent an alert),
 * MESH_ERR_INTERNAL. */
int mesh_tls_open(struct mesh_tls_records *r, uint8_t *p, size_t len,
    size_t *used, struct mesh_tls_got *got) MESH_MUST_USE;
enum mesh_tls_alert mesh_tls_alert_for(int err);

/* What has to be sent before the next text: bytes written to out, or 0. */
size_t mesh_tls_notice(struct mesh_tls_records *r,
    uint8_t out[static MESH_TLS_NOTICE_MAX]);

/* Protects text, in as many records as it takes: MESH_TLS_SEALED(len) bytes at
 * out, which may not overlap text. 0: the library refused; send nothing. */
size_t mesh_tls_seal(struct mesh_tls_records *r, const uint8_t *text,
    size_t len, uint8_t *out);

/* The last record: bytes written, or 0. */
size_t mesh_tls_seal_alert(struct mesh_tls_records *r, enum mesh_tls_alert a,
    uint8_t out[static MESH_TLS_NOTICE_MAX]);

/* For tests: one record of exactly this inside, its type and padding too. out:
 * len + MESH_TLS_OVERHEAD bytes; at most MESH_TLS_TEXT_MAX. */
size_t mesh_tls_seal_inner(struct mesh_tls_records *r, const uint8_t *inner,
    size_t len, uint8_t *out);

/* A line of OpenSSL's key log: is it the secret called `label`
 * ("CLIENT_TRAFFIC_SECRET_0" or "SERVER_TRAFFIC_SECRET_0")? Its length in
 * bytes, or 0. */
size_t mesh_tls_keylog(const char *line, const char *label,
    uint8_t secret[static MESH_TLS_SECRET_MAX]);

#endif
