/* SPDX-License-Identifier: ISC
 * agent_cert.c - trust: the system's certificates, or those of SSL_CERT_FILE and
 * SSL_CERT_DIR. For our own connections, and for the engine's to relays.
 */
#include "agent_int.h"

#include "common/log.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* Names of hashes, as c_rehash makes them: "8d89cda1.0". */
static bool
has_hashes(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool found = false;

	while (d != NULL && !found && (e = readdir(d)) != NULL)
		found = strlen(e->d_name) == 10 && e->d_name[8] == '.';
	if (d != NULL)
		closedir(d);
	return found;
}

/* A folder is read a certificate at a time, when it is asked for; a bundle takes
 * a megabyte, so it is the last choice. */
static bool
load_trust(X509_STORE *trust)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");

	if (file != NULL)
		return X509_STORE_load_file(trust, file) == 1;
	dir = dir ? dir : X509_get_default_cert_dir();
	if (has_hashes(dir))
		return X509_STORE_load_path(trust, dir) == 1;
	return X509_STORE_load_file(trust, X509_get_default_cert_file()) == 1;
}

int
agent_cert_init(struct agent *a)
{
	static const uint8_t alpn[] = "\x08http/1.1";

	a->tls = SSL_CTX_new(TLS_client_method());
	a->trust = X509_STORE_new();
	if (a->tls == NULL || a->trust == NULL)
		return MESH_ERR_NOMEM;
	SSL_CTX_set1_cert_store(a->tls, a->trust);
	SSL_CTX_set_min_proto_version(a->tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(a->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(a->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_alpn_protos(a->tls, alpn, sizeof(alpn) - 1);
	if (!load_trust(a->trust))
		log_warn("no certificates of authorities are read: no https");
	ERR_clear_error();
	return MESH_OK;
}

/* The leaf; the others go to the list. */
static X509 *
decode_chain(const struct tbl_cert_ask *ask, STACK_OF(X509) *others)
{
	X509 *leaf = NULL;

	for (size_t i = 0; i < ask->count; i++) {
		const uint8_t *p = ask->der[i];
		X509 *x = d2i_X509(NULL, &p, (long)ask->der_len[i]);

		if (x == NULL)
			break;
		if (i == 0)
			leaf = x;
		else if (sk_X509_push(others, x) <= 0)
			X509_free(x);
	}
	return leaf;
}

static bool
set_name(X509_STORE_CTX *ctx, const char *name)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	struct mesh_ip ip;

	(void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	if (mesh_ip_parse(mesh_str(name), &ip) == MESH_OK)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

/* NULL: it is good; else why not. */
static const char *
verify(struct agent *a, const struct tbl_cert_ask *ask)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *leaf = others ? decode_chain(ask, others) : NULL;
	const char *why = "malformed certificate";

	if (leaf != NULL && ctx != NULL &&
	    X509_STORE_CTX_init(ctx, a->trust, leaf, others) == 1 &&
	    set_name(ctx, ask->name)) {
		if (X509_verify_cert(ctx) == 1)
			why = NULL;
		else
			why = X509_verify_cert_error_string(
			    X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
	ERR_clear_error();
	return why;
}

void
agent_cert_check(struct agent *a, const struct tbl_cert_ask *ask)
{
	const char *why = verify(a, ask);
	struct tbl_cert_verdict t = {.id = ask->id, .ok = why == NULL,
	    .text = why ? why : ""};
	uint8_t body[512];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	if (why != NULL)
		log_warn("relay certificate is refused name=%s: %s", ask->name,
		    why);
	tbl_cert_verdict_put(&w, &t);
	(void)agent_port_send(&a->engine, MSG_CERT_VERDICT, 0, body, w.len);
}
