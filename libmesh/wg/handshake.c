/* SPDX-License-Identifier: ISC */
#include "wg/handshake.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/x25519.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* Up to the initiator's ephemeral key, which both sides know. */
static void
start(struct mesh_noise *s, const struct mesh_node_key *responder,
    const uint8_t ephemeral[static 32])
{
	mesh_noise_init(s, construction);
	mesh_noise_mix_hash(s, identifier, strlen(identifier));
	mesh_noise_mix_hash(s, responder->b, sizeof(responder->b));
	mesh_noise_mix_hash(s, ephemeral, 32);
	mesh_noise_mix_key(s, ephemeral, 32);
}

int
mesh_wg_hs_initiate(const struct mesh_wg_hs_keys *k,
    const uint8_t ephemeral[static 32],
    const uint8_t stamp[static MESH_WG_STAMP_LEN], struct mesh_noise *out_noise,
    struct mesh_wg_initiation *out)
{
	struct mesh_noise s;
	int err;

	mesh_x25519_public(out->ephemeral, ephemeral);
	start(&s, k->peer, out->ephemeral);
	err = mesh_noise_mix_dh(&s, ephemeral, k->peer->b);
	if (err == MESH_OK) {
		mesh_noise_seal(&s, out->sealed_static, k->self->b,
		    sizeof(k->self->b));
		mesh_noise_mix_key(&s, k->shared, 32);
		mesh_noise_seal(&s, out->sealed_stamp, stamp,
		    MESH_WG_STAMP_LEN);
		*out_noise = s;
	}
	mesh_noise_wipe(&s);
	return err;
}

int
mesh_wg_hs_open(const struct mesh_node_secret *secret,
    const struct mesh_node_key *self, const struct mesh_wg_initiation *m,
    struct mesh_noise *out_noise, struct mesh_node_key *out_peer)
{
	struct mesh_noise s;
	struct mesh_node_key peer;
	int err;

	start(&s, self, m->ephemeral);
	err = mesh_noise_mix_dh(&s, secret->b, m->ephemeral);
	if (err == MESH_OK)
		err = mesh_noise_open(&s, peer.b, m->sealed_static,
		    sizeof(m->sealed_static));
	if (err == MESH_OK) {
		*out_noise = s;
		*out_peer = peer;
	}
	mesh_noise_wipe(&s);
	return err;
}

int
mesh_wg_hs_verify(struct mesh_noise *noise, const uint8_t *shared,
    const struct mesh_wg_initiation *m,
    uint8_t out_stamp[static MESH_WG_STAMP_LEN])
{
	uint8_t stamp[MESH_WG_STAMP_LEN];
	int err;

	mesh_noise_mix_key(noise, shared, 32);
	err = mesh_noise_open(noise, stamp, m->sealed_stamp,
	    sizeof(m->sealed_stamp));
	if (err == MESH_OK)
		memcpy(out_stamp, stamp, sizeof(stamp));
	return err;
}

int
mesh_wg_hs_respond(const struct mesh_wg_hs_keys *k, struct mesh_noise *noise,
    const uint8_t their[static 32], const uint8_t ephemeral[static 32],
    struct mesh_wg_response *out, struct mesh_wg_hs_session *out_session)
{
	int err;

	mesh_x25519_public(out->ephemeral, ephemeral);
	mesh_noise_mix_hash(noise, out->ephemeral, sizeof(out->ephemeral));
	mesh_noise_mix_key(noise, out->ephemeral, sizeof(out->ephemeral));
	err = mesh_noise_mix_dh(noise, ephemeral, their);
	if (err == MESH_OK)
		err = mesh_noise_mix_dh(noise, ephemeral, k->peer->b);
	if (err == MESH_OK) {
		mesh_noise_mix_psk(noise, k->psk);
		mesh_noise_seal(noise, out->sealed_empty, NULL, 0);
		mesh_noise_split(noise, out_session->recv, out_session->send);
	}
	mesh_noise_wipe(noise);
	return err;
}

int
mesh_wg_hs_finish(const struct mesh_wg_hs_keys *k,
    const struct mesh_noise *noise, const uint8_t ephemeral[static 32],
    const struct mesh_wg_response *m, struct mesh_wg_hs_session *out_session)
{
	struct mesh_noise s = *noise;
	uint8_t none;
	int err;

	mesh_noise_mix_hash(&s, m->ephemeral, sizeof(m->ephemeral));
	mesh_noise_mix_key(&s, m->ephemeral, sizeof(m->ephemeral));
	err = mesh_noise_mix_dh(&s, ephemeral, m->ephemeral);
	if (err == MESH_OK)
		err = mesh_noise_mix_dh(&s, k->secret->b, m->ephemeral);
	if (err == MESH_OK) {
		mesh_noise_mix_psk(&s, k->psk);
		err = mesh_noise_open(&s, &none, m->sealed_empty,
		    sizeof(m->sealed_empty));
	}
	if (err == MESH_OK)
		mesh_noise_split(&s, out_session->send, out_session->recv);
	mesh_noise_wipe(&s);
	return err;
}
