/* SPDX-License-Identifier: ISC */
#include "front.h"

#include <openssl/err.h>
#include <openssl/pem.h>

static int
fail_tls(struct mesh_diag *diag, const char *what)
{
	unsigned long code = ERR_peek_last_error();

	return mesh_fail(diag, MESH_ERR_FORMAT, "%s: %s", what,
	    code != 0 ? ERR_reason_error_string(code) : "unknown reason");
}

/* The certificate, then those of its chain. */
static int
load_chain(SSL_CTX *ctx, struct mesh_str pem, struct mesh_diag *diag)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int err = MESH_OK;

	if (cert == NULL || SSL_CTX_use_certificate(ctx, cert) != 1)
		err = fail_tls(diag, "bad certificate file");
	X509_free(cert);
	while (err == MESH_OK &&
	    (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			X509_free(cert);
			err = fail_tls(diag, "bad certificate chain");
		}
	ERR_clear_error(); /* the end of the file */
	BIO_free(bio);
	return err;
}

static int
load_key(SSL_CTX *ctx, struct mesh_str pem, struct mesh_diag *diag)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	EVP_PKEY *key = bio
	    ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	int err = MESH_OK;

	if (key == NULL)
		err = fail_tls(diag, "bad key file");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		err = fail_tls(diag, "key and certificate do not match");
	EVP_PKEY_free(key);
	BIO_free(bio);
	return err;
}

SSL_CTX *
front_tls_new(struct mesh_str cert, struct mesh_str key,
    struct mesh_diag *diag)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL) {
		mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* No tickets, no cache: connections last, memory counts. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	if (load_chain(ctx, cert, diag) == MESH_OK &&
	    load_key(ctx, key, diag) == MESH_OK)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}
