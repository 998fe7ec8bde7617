/* SPDX-License-Identifier: ISC
 * engine_tls.h - TLS to relays, and who decides about certificates.
 *
 * A pin (CertName "sha256-raw:HEX") is checked here. For anything else the
 * handshake is suspended, the agent, which has the CA store, is asked, and the
 * hash of a leaf that it accepted is kept: reconnecting needs no agent.
 * Source: protocol/dataplane.md 3.3.
 */
#ifndef MESHD_ENGINE_TLS_H
#define MESHD_ENGINE_TLS_H

#include "tables.h"

#include <openssl/ssl.h>

#define TLS_ACCEPTED_MAX 32u /* leaves that are remembered */

enum tls_verdict {
	TLS_ASK, /* nobody has decided: ask, then go on with the handshake */
	TLS_ASKED,
	TLS_GOOD,
	TLS_BAD,
};

/* What one connection's certificate must be. Outlives its SSL. */
struct tls_peer {
	const struct tbl_relay_node *node;
	enum tls_verdict verdict;
	uint8_t leaf[32]; /* SHA-256 of the leaf that was asked about */
	const char *why;  /* TLS_BAD: static text */
};

/* Loads no configuration and opens no file, now or later. NULL: cannot. */
SSL_CTX *tls_context(void);

/* A connection on fd, to be driven by SSL_connect(). */
SSL *tls_new(SSL_CTX *ctx, int fd, struct tls_peer *peer);

/* The chain, for the agent: at most TBL_CERTS_MAX, in DER, in buf. 0: it does
 * not fit. */
size_t tls_chain(SSL *ssl, struct tbl_cert_ask *out, uint8_t *buf, size_t size);

/* The agent decided. A good leaf is remembered for this name. */
void tls_decide(struct tls_peer *peer, bool ok);

#endif
