/* SPDX-License-Identifier: ISC */
#include "cert.h"

#include "base/addr.h"
#include "relay/meta.h"
#include "wire/relay.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#define DAY (24L * 60 * 60)

static const char pin_prefix[] = "sha256-raw:";

static int
append_bio(BIO *bio, struct mesh_buf *out)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 ? mesh_buf_add(out, data, (size_t)len) : MESH_ERR_NOMEM;
}

static int
append_cert(X509 *cert, struct mesh_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int err = MESH_ERR_NOMEM;

	if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1)
		err = append_bio(bio, out);
	BIO_free(bio);
	return err;
}

static int
append_key(EVP_PKEY *key, struct mesh_buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int err = MESH_ERR_NOMEM;

	if (bio != NULL &&
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		err = append_bio(bio, out);
	BIO_free(bio);
	return err;
}

static bool
set_name(X509 *cert, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(cert);

	/* As raw UTF-8: the meta certificate's name is longer than the 64
	 * characters that MBSTRING_UTF8 would allow. */
	return X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING,
		   (const unsigned char *)common_name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1;
}

static bool
set_dates(X509 *cert, long from_days, long to_days)
{
	return X509_gmtime_adj(X509_getm_notBefore(cert), from_days * DAY) !=
		   NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), to_days * DAY) != NULL;
}

static bool
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;

	X509_EXTENSION_free(ext);
	return ok;
}

static bool
set_alt_name(X509 *cert, const char *hostname)
{
	struct mesh_ip ip;
	char value[300];
	bool is_ip = mesh_ip_parse(mesh_str(hostname), &ip) == MESH_OK;

	return mesh_format(value, sizeof(value), "%s:%s", is_ip ? "IP" : "DNS",
		   hostname) == MESH_OK &&
	       add_extension(cert, NID_subject_alt_name, value);
}

/* A version 3 certificate of `key`, but for its signature. */
static X509 *
new_cert(EVP_PKEY *key, const char *common_name, uint64_t serial)
{
	X509 *cert = X509_new();

	if (cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial) == 1 &&
	    set_name(cert, common_name) && X509_set_pubkey(cert, key) == 1)
		return cert;
	X509_free(cert);
	return NULL;
}

static uint64_t
random_serial(void)
{
	uint64_t serial = 1;

	(void)RAND_bytes((unsigned char *)&serial, sizeof(serial));
	return serial >> 1;
}

int
cert_make(const char *hostname, struct mesh_buf *out_cert,
    struct mesh_buf *out_key)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = NULL;
	int err = MESH_ERR_INTERNAL;

	if (key != NULL)
		cert = new_cert(key, "mesh-relayd", random_serial());
	if (cert != NULL && set_dates(cert, -1, 3650) &&
	    set_alt_name(cert, hostname) &&
	    add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, NID_ext_key_usage, "serverAuth") &&
	    X509_sign(cert, key, EVP_sha256()) > 0)
		err = append_cert(cert, out_cert);
	if (err == MESH_OK)
		err = append_key(key, out_key);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}

int
cert_make_meta(const struct mesh_node_key *relay, struct mesh_buf *chain)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	char name[MESH_RELAY_META_NAME];
	X509 *cert = NULL;
	int err = MESH_ERR_INTERNAL;

	if (key != NULL)
		cert = new_cert(key, mesh_relay_meta_name_format(relay, name),
		    MESH_RELAY_VERSION);
	if (cert != NULL && set_dates(cert, -30, 30) &&
	    add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	    X509_sign(cert, key, NULL) > 0)
		err = append_cert(cert, chain);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}

static X509 *
read_leaf(const struct mesh_buf *chain)
{
	BIO *bio = BIO_new_mem_buf(chain->data, (int)chain->len);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return cert;
}

/* A key with a passphrase is as good as none: nobody is there to type it. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static EVP_PKEY *
read_key(const struct mesh_buf *text)
{
	BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
	EVP_PKEY *key =
	    bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
		: NULL;

	BIO_free(bio);
	return key;
}

static bool
write_pin(X509 *cert, char *out)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	unsigned len;

	if (X509_digest(cert, EVP_sha256(), hash, &len) != 1)
		return false;
	memcpy(out, pin_prefix, sizeof(pin_prefix));
	mesh_hex_encode(hash, len, out + sizeof(pin_prefix) - 1);
	return true;
}

static int
judge(X509 *cert, EVP_PKEY *key, const char *hostname, struct mesh_diag *diag)
{
	if (cert == NULL)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "holds no certificate (PEM is wanted)");
	if (key == NULL)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "has a key file without a private key that can be read "
		    "(PEM without passphrase is wanted)");
	if (X509_check_private_key(cert, key) != 1)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "does not belong to the private key");
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		mesh_fail(diag, MESH_ERR_EXPIRED, "has expired");
	else if (X509_check_host(cert, hostname, 0, 0, NULL) != 1 &&
		 X509_check_ip_asc(cert, hostname, 0) != 1)
		mesh_fail(diag, MESH_ERR_DENIED, "is not for '%.80s'",
		    hostname);
	return MESH_OK;
}

int
cert_check(const struct mesh_buf *chain, const struct mesh_buf *key_text,
    const char *hostname, char *out_pin, struct mesh_diag *diag)
{
	X509 *cert = read_leaf(chain);
	EVP_PKEY *key = read_key(key_text);
	int err = judge(cert, key, hostname, diag);

	if (err == MESH_OK && !write_pin(cert, out_pin))
		err = mesh_fail(diag, MESH_ERR_INTERNAL, "cannot be hashed");
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}
