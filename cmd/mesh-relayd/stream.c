/* SPDX-License-Identifier: ISC
 * stream.c - the TLS of one connection (worker.h).
 *
 * A handshake reads no byte behind its own records (read_ahead is off), so that
 * the first record after it is ours to read. Its secrets come by OpenSSL's key
 * log, and are wiped when the records have them.
 */
#include "worker.h"

#include "base/secret.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_ROUNDS 16u /* reads of one client before others have a turn */

struct stream_secrets {
	uint8_t in[MESH_TLS_SECRET_MAX], out[MESH_TLS_SECRET_MAX];
	size_t in_len, out_len;
};

/* --- handshake */

static void
on_secret(const SSL *tls, const char *line)
{
	struct client *c = SSL_get_app_data(tls);
	struct stream_secrets *s = c != NULL ? c->secrets : NULL;
	size_t len;

	if (s == NULL)
		return;
	if ((len = mesh_tls_keylog(line, "CLIENT_TRAFFIC_SECRET_0", s->in)) > 0)
		s->in_len = len;
	else if ((len = mesh_tls_keylog(line, "SERVER_TRAFFIC_SECRET_0",
		      s->out)) > 0)
		s->out_len = len;
}

void
stream_prepare(SSL_CTX *ctx)
{
	SSL_CTX_set_keylog_callback(ctx, on_secret);
}

int
stream_accept(struct client *c)
{
	c->secrets = calloc(1, sizeof(*c->secrets));
	if (c->secrets == NULL || SSL_set_app_data(c->tls, c) != 1)
		return MESH_ERR_NOMEM;
	SSL_set_read_ahead(c->tls, 0);
	SSL_set_accept_state(c->tls);
	return MESH_OK;
}

static void
forget_secrets(struct client *c)
{
	if (c->secrets != NULL)
		mesh_wipe(c->secrets, sizeof(*c->secrets));
	free(c->secrets);
	c->secrets = NULL;
}

static const char *
tls_why(const struct client *c)
{
	long bad = SSL_get_verify_result(c->tls);

	return c->other != NULL && bad != X509_V_OK
		   ? X509_verify_cert_error_string(bad)
		   : "no TLS";
}

static void
tls_stopped(struct client *c, int result)
{
	bool shaken = SSL_is_init_finished(c->tls);

	switch (SSL_get_error(c->tls, result)) {
	case SSL_ERROR_WANT_READ:
		if (!shaken)
			client_want(c, EV_READ);
		return;
	case SSL_ERROR_WANT_WRITE:
		client_want(c, EV_READ | EV_WRITE);
		return;
	case SSL_ERROR_ZERO_RETURN:
		client_close(c, "client is done");
		return;
	default:
		c->worker->count.tls_failed += !shaken;
		client_close(c, shaken ? "connection lost" : tls_why(c));
	}
}

/* From OpenSSL's hands into ours; those of TLS 1.2 stay there. */
static int
take_over(struct client *c)
{
	const struct stream_secrets *s = c->secrets;
	int err = MESH_ERR_NOTFOUND;

	if (SSL_version(c->tls) == TLS1_3_VERSION && s->in_len > 0 &&
	    s->in_len == s->out_len && !SSL_has_pending(c->tls))
		err = mesh_tls_records_new(
		    SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(c->tls)),
		    s->in, s->out, s->in_len, &c->records);
	forget_secrets(c);
	if (err == MESH_OK) {
		SSL_free(c->tls);
		c->tls = NULL;
	} else if (err == MESH_ERR_NOTFOUND) {
		SSL_set_read_ahead(c->tls, 1); /* one read for several */
		err = MESH_OK;
	}
	return err;
}

/* Goes on with the handshake: true when it is done. */
static bool
shake(struct client *c)
{
	int n;

	if (c->tls == NULL || SSL_is_init_finished(c->tls))
		return true;
	ERR_clear_error();
	if ((n = SSL_do_handshake(c->tls)) <= 0) {
		tls_stopped(c, n);
		return false;
	}
	if (c->secrets != NULL && take_over(c) != MESH_OK) {
		client_close(c, "out of memory");
		return false;
	}
	return true;
}

/* --- in */

void
stream_begin(struct reading *r, struct client *c)
{
	*r = (struct reading){.c = c};
	if (!shake(c)) {
		r->dry = true;
		return;
	}
	if (c->part.len > 0)
		memcpy(c->worker->in, c->part.data, c->part.len);
	r->len = c->part.len;
	mesh_buf_release(&c->part);
}

static size_t
next_from_openssl(struct reading *r, uint8_t **text)
{
	struct client *c = r->c;
	int n;

	if (r->rounds == READ_ROUNDS) {
		r->more = true;
		return 0;
	}
	if (r->rounds++ > 0 && !SSL_has_pending(c->tls))
		return 0; /* the rest, if any, wakes us again */
	ERR_clear_error();
	n = SSL_read(c->tls, c->worker->in, sizeof(c->worker->in));
	if (n <= 0) {
		tls_stopped(c, n);
		return 0;
	}
	*text = c->worker->in;
	return (size_t)n;
}

/* More bytes behind those that are left; false: none now. */
static bool
read_more(struct reading *r)
{
	struct client *c = r->c;
	uint8_t *in = c->worker->in;
	size_t room;
	ssize_t n;

	if (r->dry)
		return false;
	if (r->rounds++ == READ_ROUNDS) {
		r->more = true;
		return false;
	}
	memmove(in, in + r->at, r->len - r->at);
	r->len -= r->at;
	r->at = 0;
	room = sizeof(c->worker->in) - r->len;
	n = read(c->fd, in + r->len, room);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		client_close(c, "connection lost");
		return false;
	}
	r->dry = n < (ssize_t)room; /* what comes later wakes us again */
	r->len += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static const char *
end_word(int err)
{
	switch (err) {
	case MESH_ERR_CLOSED:
		return "client is done";
	case MESH_ERR_REFUSED:
		return "client sent a TLS alert";
	default:
		return "malformed TLS record";
	}
}

static void
say_alert(struct client *c, enum mesh_tls_alert alert)
{
	uint8_t record[MESH_TLS_NOTICE_MAX];
	size_t len = mesh_tls_seal_alert(c->records, alert, record);

	if (c->stuck == NULL && len > 0 && write(c->fd, record, len) < 0)
		return; /* it was a courtesy */
}

static size_t
next_from_records(struct reading *r, uint8_t **text)
{
	struct client *c = r->c;
	struct mesh_tls_got got;
	size_t used;
	int err;

	do {
		err = r->at < r->len
			  ? mesh_tls_open(c->records, c->worker->in + r->at,
				r->len - r->at, &used, &got)
			  : MESH_ERR_AGAIN;
		if (err == MESH_OK) {
			r->at += used;
			*text = got.text;
			if (got.len > 0)
				return got.len;
		} else if (err != MESH_ERR_AGAIN) {
			say_alert(c, mesh_tls_alert_for(err));
			client_close(c, end_word(err));
			return 0;
		}
	} while (err == MESH_OK || read_more(r));
	return 0;
}

size_t
stream_next(struct reading *r, uint8_t **text)
{
	if (r->c->state == CLIENT_DEAD)
		return 0;
	if (r->c->tls == NULL)
		return next_from_records(r, text);
	return SSL_is_init_finished(r->c->tls) ? next_from_openssl(r, text) : 0;
}

void
stream_end(struct reading *r)
{
	struct client *c = r->c;

	if (c->state == CLIENT_DEAD)
		return;
	if (r->at < r->len && mesh_buf_add(&c->part, c->worker->in + r->at,
				  r->len - r->at) != MESH_OK)
		client_close(c, "out of memory");
	else if (r->more)
		event_active(&c->io, EV_READ, 0);
}

bool
stream_has_pending(const struct client *c)
{
	return c->tls != NULL ? SSL_has_pending(c->tls) : c->part.len > 0;
}

/* --- out */

const uint8_t *
stream_seal(struct client *c, size_t *len)
{
	struct worker *w = c->worker;
	size_t notice, n;

	if (c->tls != NULL)
		return w->out;
	notice = mesh_tls_notice(c->records, w->sealed);
	n = mesh_tls_seal(c->records, w->out, *len, w->sealed + notice);
	if (n == 0) {
		client_close(c, "its records cannot be sealed");
		return NULL;
	}
	*len = notice + n;
	return w->sealed;
}

static size_t
write_openssl(struct client *c, const uint8_t *p, size_t len)
{
	size_t done = 0;

	while (done < len) {
		int n;

		ERR_clear_error();
		n = SSL_write(c->tls, p + done, (int)(len - done));
		if (n <= 0) {
			tls_stopped(c, n);
			break;
		}
		done += (size_t)n;
	}
	return done;
}

static size_t
write_socket(struct client *c, const uint8_t *p, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(c->fd, p + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN) {
			client_want(c, EV_READ | EV_WRITE);
			break;
		} else if (n == 0 || errno != EINTR) {
			client_close(c, "connection lost");
			break;
		}
	}
	return done;
}

size_t
stream_write(struct client *c, const uint8_t *p, size_t len)
{
	return c->tls != NULL ? write_openssl(c, p, len)
			      : write_socket(c, p, len);
}

void
stream_goodbye(struct client *c)
{
	if (c->tls != NULL)
		SSL_shutdown(c->tls);
	else
		say_alert(c, MESH_TLS_CLOSE_NOTIFY);
}

void
stream_free(struct client *c)
{
	forget_secrets(c);
	SSL_free(c->tls);
	mesh_tls_records_free(c->records);
	mesh_buf_release(&c->part);
}
