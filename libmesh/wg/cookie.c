/* SPDX-License-Identifier: ISC */
#include "wg/cookie.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/blake2s.h"
#include "crypto/xchacha.h"

#define LABEL_LEN 8u
static const char mac1_label[] = "mac1----";
static const char reply_label[] = "cookie--";

static void
derive_keys(const struct mesh_node_key *k, uint8_t mac1[static 32],
    uint8_t reply[static 32])
{
	mesh_blake2s_hash(mac1, mac1_label, LABEL_LEN, k->b, sizeof(k->b));
	mesh_blake2s_hash(reply, reply_label, LABEL_LEN, k->b, sizeof(k->b));
}

void
mesh_wg_checker_init(struct mesh_wg_checker *c,
    const struct mesh_node_key *self)
{
	*c = (struct mesh_wg_checker){0};
	derive_keys(self, c->mac1_key, c->reply_key);
}

bool
mesh_wg_checker_mac1(const struct mesh_wg_checker *c, const uint8_t *msg,
    size_t len)
{
	uint8_t mac[MESH_WG_MAC_LEN];
	size_t at = mesh_wg_mac1_at(len);

	mesh_blake2s_mac(mac, c->mac1_key, sizeof(c->mac1_key), msg, at);
	return mesh_ct_equal(mac, msg + at, sizeof(mac));
}

static void
make_cookie(const struct mesh_wg_checker *c, const uint8_t *from,
    size_t from_len, uint8_t out[static MESH_WG_MAC_LEN])
{
	mesh_blake2s_mac(out, c->secret, sizeof(c->secret), from, from_len);
}

bool
mesh_wg_checker_mac2(const struct mesh_wg_checker *c, const uint8_t *msg,
    size_t len, const uint8_t *from, size_t from_len, struct mesh_time now)
{
	uint8_t cookie[MESH_WG_MAC_LEN], mac[MESH_WG_MAC_LEN];
	size_t at = mesh_wg_mac2_at(len);

	if (mesh_time_due(c->secret_until, now))
		return false;
	make_cookie(c, from, from_len, cookie);
	mesh_blake2s_mac(mac, cookie, sizeof(cookie), msg, at);
	return mesh_ct_equal(mac, msg + at, sizeof(mac));
}

void
mesh_wg_checker_reply(struct mesh_wg_checker *c, const uint8_t *msg, size_t len,
    const uint8_t *from, size_t from_len, uint32_t receiver,
    struct mesh_drbg *random, struct mesh_time now, struct mesh_wg_cookie *out)
{
	uint8_t cookie[MESH_WG_MAC_LEN];

	if (mesh_time_due(c->secret_until, now)) {
		mesh_drbg_bytes(random, c->secret, sizeof(c->secret));
		c->secret_until = mesh_time_add(now, MESH_WG_COOKIE_LIFE);
	}
	make_cookie(c, from, from_len, cookie);
	out->receiver = receiver;
	mesh_drbg_bytes(random, out->nonce, sizeof(out->nonce));
	mesh_xchacha_seal(out->sealed_cookie, c->reply_key, out->nonce, cookie,
	    sizeof(cookie), msg + mesh_wg_mac1_at(len), MESH_WG_MAC_LEN);
}

void
mesh_wg_jar_init(struct mesh_wg_jar *j, const struct mesh_node_key *peer)
{
	*j = (struct mesh_wg_jar){0};
	derive_keys(peer, j->mac1_key, j->reply_key);
}

void
mesh_wg_jar_sign(struct mesh_wg_jar *j, uint8_t *msg, size_t len,
    struct mesh_time now)
{
	uint8_t *mac1 = msg + mesh_wg_mac1_at(len);
	uint8_t *mac2 = msg + mesh_wg_mac2_at(len);

	mesh_blake2s_mac(mac1, j->mac1_key, sizeof(j->mac1_key), msg,
	    mesh_wg_mac1_at(len));
	memcpy(j->mac1, mac1, sizeof(j->mac1));
	j->sent = true;
	if (!mesh_time_due(j->cookie_until, now))
		mesh_blake2s_mac(mac2, j->cookie, sizeof(j->cookie), msg,
		    mesh_wg_mac2_at(len));
}

int
mesh_wg_jar_take(struct mesh_wg_jar *j, const struct mesh_wg_cookie *reply,
    struct mesh_time now)
{
	uint8_t cookie[MESH_WG_MAC_LEN];
	int err;

	if (!j->sent)
		return MESH_ERR_STRAY;
	err = mesh_xchacha_open(cookie, j->reply_key, reply->nonce,
	    reply->sealed_cookie, sizeof(reply->sealed_cookie), j->mac1,
	    sizeof(j->mac1));
	if (err != MESH_OK)
		return err;
	memcpy(j->cookie, cookie, sizeof(j->cookie));
	j->cookie_until = mesh_time_add(now, MESH_WG_COOKIE_LIFE);
	return MESH_OK;
}
