/* SPDX-License-Identifier: ISC
 * call.c - connections to the other relays of the region: the helper dials, TLS
 * tells whether it is the right one, then we are its client. */
#include "worker.h"

#include "link.h"

#include "base/secret.h"
#include "common/log.h"
#include "wire/http.h"

#include <inttypes.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static void
arm(struct other *o, uint64_t ns)
{
	const struct timeval tv = {.tv_sec = (time_t)(ns / MESH_SEC)};

	evtimer_add(&o->again, &tv);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct other *o = arg;
	struct worker *w = o->worker;

	(void)fd;
	(void)what;
	if (o->client == NULL && link_send_which(w->link, LINK_DIAL,
				     (uint8_t)(o - w->others), -1) != MESH_OK)
		log_warn("cannot ask for a connection relay=%s",
		    o->relay->name);
	arm(o, CALL_NS); /* also when no socket comes */
}

/* With a pin the one certificate is compared after the handshake, before a word
 * is said; without, the system's authorities and the name decide in it. */
static SSL_CTX *
context(const struct region_relay *relay)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	if (relay->pinned)
		return ctx;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_default_verify_paths(ctx) != 1)
		log_warn("cannot read the system's authorities");
	return ctx;
}

int
call_start(struct worker *w)
{
	for (size_t i = 0; i < w->region.count; i++) {
		struct other *o = &w->others[i];

		*o = (struct other){.worker = w, .relay = &w->region.relays[i]};
		o->tls = context(o->relay);
		if (o->tls == NULL)
			return MESH_ERR_NOMEM;
		evtimer_assign(&o->again, w->base, on_again, o);
		arm(o, 0);
	}
	return MESH_OK;
}

/* An address is no server name (RFC 6066). */
static int
set_name(SSL *tls, const struct region_relay *relay)
{
	struct mesh_ip ip;

	if (mesh_ip_parse(mesh_str(relay->name), &ip) == MESH_OK)
		return relay->pinned ||
		       X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls),
			   relay->name);
	return SSL_set_tlsext_host_name(tls, relay->name) == 1 &&
	       (relay->pinned || SSL_set1_host(tls, relay->name) == 1);
}

void
call_dialed(struct other *o, int fd)
{
	SSL *tls = NULL;

	if (o->client == NULL)
		tls = SSL_new(o->tls);
	if (tls != NULL && SSL_set_fd(tls, fd) == 1 &&
	    set_name(tls, o->relay)) {
		SSL_set_connect_state(tls);
		o->client = client_call(o->worker, fd, tls, o);
		if (o->client != NULL)
			return;
	}
	SSL_free(tls);
	close(fd);
}

static bool
is_pinned_one(const struct client *c)
{
	const struct region_relay *relay = c->other->relay;
	X509 *leaf = SSL_get1_peer_certificate(c->tls);
	uint8_t hash[REGION_PIN];
	unsigned len = sizeof(hash);
	bool same = leaf != NULL &&
		    X509_digest(leaf, EVP_sha256(), hash, &len) == 1 &&
		    mesh_ct_equal(hash, relay->pin, sizeof(hash));

	X509_free(leaf);
	return same;
}

int
call_ask(struct client *c)
{
	const struct region_relay *relay = c->other->relay;

	c->asked = true;
	if (relay->pinned && !is_pinned_one(c)) {
		client_close(c,
		    "the certificate is not the one that is pinned");
		return MESH_ERR_AUTH;
	}
	mesh_http_write_request(&c->reply, "GET", "/derp", relay->name);
	mesh_http_write_field(&c->reply, "Connection", "Upgrade");
	mesh_http_write_field(&c->reply, "Upgrade", "DERP");
	mesh_http_write_end(&c->reply);
	return MESH_OK;
}

int
call_answer(struct client *c, size_t *out_used)
{
	struct mesh_http_head head;
	int err = mesh_http_response_parse(c->head.data, c->head.len, &head);

	if (err != MESH_OK)
		return err;
	*out_used = head.len;
	return head.status == 101 ? MESH_OK : MESH_ERR_REFUSED;
}

void
call_is_up(struct client *c)
{
	struct other *o = c->other;

	if (o->up || !mesh_relay_conn_is_up(c->relay))
		return;
	o->up = true;
	log_info("meshed relay=%s", o->relay->name);
}

void
call_ended(struct client *c, const char *why)
{
	struct other *o = c->other;

	if (o->up || worker_may_log(c->worker))
		log_warn("no mesh with relay=%s: %s", o->relay->name,
		    why ? why : "ended");
	o->up = false;
	o->client = NULL;
}
