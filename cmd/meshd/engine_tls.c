/* SPDX-License-Identifier: ISC */
#include "engine_tls.h"

#include "base/secret.h"
#include "relay/client.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define PIN "sha256-raw:"
#define HASH_LEN 32u

/* Accepted leaves with the name that they were accepted for; the oldest goes.
 */
static struct {
	uint8_t hash[HASH_LEN];
	char name[TBL_NAME_MAX + 1];
} accepted[TLS_ACCEPTED_MAX];
static size_t accepted_next;

static const char *
name_to_check(const struct tbl_relay_node *n)
{
	return n->cert[0] != '\0' ? n->cert : n->host;
}

static bool
is_pinned(const struct tbl_relay_node *n)
{
	return mesh_str_has_prefix(mesh_str(n->cert), PIN);
}

static bool
is_accepted(const struct tls_peer *p)
{
	for (size_t i = 0; i < TLS_ACCEPTED_MAX; i++)
		if (!strcmp(accepted[i].name, name_to_check(p->node)) &&
		    mesh_ct_equal(accepted[i].hash, p->leaf, HASH_LEN))
			return true;
	return false;
}

void
tls_decide(struct tls_peer *p, bool ok)
{
	size_t i = accepted_next;

	p->verdict = ok ? TLS_GOOD : TLS_BAD;
	p->why = "the certificate is not trusted";
	if (!ok || is_accepted(p))
		return;
	accepted_next = (accepted_next + 1) % TLS_ACCEPTED_MAX;
	memcpy(accepted[i].hash, p->leaf, HASH_LEN);
	if (mesh_str_copy(mesh_str(name_to_check(p->node)), accepted[i].name,
		sizeof(accepted[i].name)) != MESH_OK)
		accepted[i].name[0] = '\0';
}

/* The relay's own key travels in an extra certificate, which is not part of
 * the chain. */
static bool
is_meta(X509 *c)
{
	char cn[MESH_RELAY_META_NAME];
	struct mesh_node_key key;
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(c),
	    NID_commonName, cn, sizeof(cn));

	return len > 0 && mesh_relay_meta_name(cn, (size_t)len, &key) == MESH_OK;
}

static bool
is_in_time(X509 *c)
{
	return X509_cmp_current_time(X509_get0_notBefore(c)) < 0 &&
	    X509_cmp_current_time(X509_get0_notAfter(c)) > 0;
}

/* Exactly one certificate besides the meta certificate, and it is this one. */
static const char *
check_pin(const struct tls_peer *p, X509 *leaf, const STACK_OF(X509) *chain)
{
	struct mesh_str hex = mesh_str(p->node->cert + sizeof(PIN) - 1);
	uint8_t pin[HASH_LEN];
	int others = 0;

	for (int i = 0; i < sk_X509_num(chain); i++)
		others += X509_cmp(sk_X509_value(chain, i), leaf) != 0 &&
		    !is_meta(sk_X509_value(chain, i));
	if (mesh_hex_decode(hex, pin, sizeof(pin)) != MESH_OK)
		return "the pin of the relay map is not 64 hex digits";
	if (others > 0)
		return "more than the one certificate that is pinned";
	if (!mesh_ct_equal(pin, p->leaf, HASH_LEN))
		return "the certificate is not the one that is pinned";
	if (!is_in_time(leaf))
		return "the certificate is out of its dates";
	if (X509_check_host(leaf, p->node->host, 0, 0, NULL) != 1 &&
	    X509_check_ip_asc(leaf, p->node->host, 0) != 1)
		return "the certificate is for another name";
	return NULL;
}

static enum tls_verdict
judge(struct tls_peer *p, X509 *leaf, const STACK_OF(X509) *chain)
{
	unsigned len = HASH_LEN;

	if (p->node->flags & TBL_RELAY_INSECURE)
		return TLS_GOOD;
	if (X509_digest(leaf, EVP_sha256(), p->leaf, &len) != 1)
		return TLS_BAD;
	if (!is_pinned(p->node))
		return is_accepted(p) ? TLS_GOOD : TLS_ASK;
	p->why = check_pin(p, leaf, chain);
	return p->why == NULL ? TLS_GOOD : TLS_BAD;
}

/* OpenSSL's form: 1 goes on, 0 ends; suspended is 1 with retry set. */
static int
verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_peer *p = SSL_get_app_data(ssl);
	X509 *leaf = X509_STORE_CTX_get0_cert(store);

	(void)arg;
	if (p->verdict == TLS_ASK)
		p->verdict = judge(p, leaf,
		    X509_STORE_CTX_get0_untrusted(store));
	if (p->verdict == TLS_ASK || p->verdict == TLS_ASKED)
		return SSL_set_retry_verify(ssl) > 0;
	if (p->verdict == TLS_BAD)
		X509_STORE_CTX_set_error(store,
		    X509_V_ERR_APPLICATION_VERIFICATION);
	return p->verdict == TLS_GOOD;
}

SSL_CTX *
tls_context(void)
{
	SSL_CTX *ctx;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return NULL;
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
	return ctx;
}

SSL *
tls_new(SSL_CTX *ctx, int fd, struct tls_peer *peer)
{
	SSL *ssl = SSL_new(ctx);
	struct mesh_ip ip;

	if (ssl == NULL)
		return NULL;
	SSL_set_app_data(ssl, peer);
	peer->verdict = TLS_ASK;
	peer->why = NULL;
	/* An address is no server name (RFC 6066). */
	if (SSL_set_fd(ssl, fd) == 1 &&
	    (mesh_ip_parse(mesh_str(peer->node->host), &ip) == MESH_OK ||
		SSL_set_tlsext_host_name(ssl, peer->node->host) == 1))
		return ssl;
	SSL_free(ssl);
	return NULL;
}

size_t
tls_chain(SSL *ssl, struct tbl_cert_ask *out, uint8_t *buf, size_t size)
{
	const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	struct tls_peer *p = SSL_get_app_data(ssl);
	uint8_t *at = buf;

	out->count = 0;
	out->name = name_to_check(p->node);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *c = sk_X509_value(chain, i);
		int len = i2d_X509(c, NULL);

		if (is_meta(c))
			continue;
		if (out->count == TBL_CERTS_MAX || len <= 0 ||
		    (size_t)len > TBL_CERT_LEN_MAX ||
		    (size_t)len > size - (size_t)(at - buf))
			return 0;
		out->der[out->count] = at;
		out->der_len[out->count++] = (size_t)i2d_X509(c, &at);
	}
	p->verdict = TLS_ASKED;
	return out->count;
}
