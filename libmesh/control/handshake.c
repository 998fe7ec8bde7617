/* SPDX-License-Identifier: ISC */
#include "control/handshake.h"

#include <assert.h>
#include <string.h>

#include "base/rd.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/x25519.h"

#define PROTOCOL "Noise_IK_25519_ChaChaPoly_BLAKE2s"
#define PROLOGUE "Tailscale Control Protocol v"
#define SEALED_KEY_LEN (MESH_KEY_LEN + MESH_NOISE_TAG_LEN)
#define INIT_PAYLOAD_LEN (MESH_KEY_LEN + SEALED_KEY_LEN + MESH_NOISE_TAG_LEN)
#define RESPONSE_PAYLOAD_LEN (MESH_KEY_LEN + MESH_NOISE_TAG_LEN)

static_assert(MESH_HANDSHAKE_INIT_LEN == 5 + INIT_PAYLOAD_LEN,
    "head and payload make the initiation");
static_assert(MESH_HANDSHAKE_RESPONSE_LEN ==
	MESH_HANDSHAKE_HEAD_LEN + RESPONSE_PAYLOAD_LEN,
    "head and payload make the response");
static_assert(sizeof(((struct mesh_handshake *)0)->rest) ==
	SEALED_KEY_LEN + MESH_NOISE_TAG_LEN,
    "the sealed parts of an initiation fit");

/* What a responder waits for. */
enum { STEP_DONE, STEP_ES, STEP_SS, STEP_REPLY };

static void
begin(struct mesh_handshake *h, uint16_t version,
    const struct mesh_machine_key *server)
{
	char prologue[sizeof(PROLOGUE) + 5];

	*h = (struct mesh_handshake){.version = version};
	(void)mesh_format(prologue, sizeof(prologue), "%s%u", PROLOGUE,
	    (unsigned)version);
	mesh_noise_init(&h->noise, PROTOCOL);
	mesh_noise_mix_hash(&h->noise, prologue, strlen(prologue));
	mesh_noise_mix_hash(&h->noise, server->b, MESH_KEY_LEN);
}

void
mesh_handshake_wipe(struct mesh_handshake *h)
{
	struct mesh_machine_key peer = h->peer;
	uint16_t version = h->version;

	mesh_wipe(h, sizeof(*h));
	h->peer = peer;
	h->version = version;
}

int
mesh_handshake_start(struct mesh_handshake *h,
    const struct mesh_machine_secret *secret,
    const struct mesh_machine_key *server, uint16_t version,
    const uint8_t ephemeral[static MESH_KEY_LEN],
    uint8_t out[static MESH_HANDSHAKE_INIT_LEN])
{
	struct mesh_machine_key self = mesh_machine_public(secret);
	struct mesh_wr w = mesh_wr_init(out, MESH_HANDSHAKE_INIT_LEN);
	uint8_t *key;

	begin(h, version, server);
	memcpy(h->ephemeral, ephemeral, MESH_KEY_LEN);
	mesh_x25519_clamp(h->ephemeral);
	h->secret = *secret;
	mesh_wr_u16be(&w, version);
	mesh_wr_u8(&w, MESH_HANDSHAKE_INIT);
	mesh_wr_u16be(&w, INIT_PAYLOAD_LEN);
	key = mesh_wr_room(&w, MESH_KEY_LEN);
	mesh_x25519_public(key, h->ephemeral);
	mesh_noise_mix_hash(&h->noise, key, MESH_KEY_LEN);
	if (mesh_noise_mix_dh(&h->noise, h->ephemeral, server->b) != MESH_OK)
		goto fail;
	mesh_noise_seal(&h->noise, mesh_wr_room(&w, SEALED_KEY_LEN), self.b,
	    MESH_KEY_LEN);
	if (mesh_noise_mix_dh(&h->noise, secret->b, server->b) != MESH_OK)
		goto fail;
	mesh_noise_seal(&h->noise, mesh_wr_room(&w, MESH_NOISE_TAG_LEN), NULL,
	    0);
	assert(mesh_wr_ok(&w) && w.len == MESH_HANDSHAKE_INIT_LEN);
	return MESH_OK;
fail:
	mesh_handshake_wipe(h);
	return MESH_ERR_AUTH;
}

int
mesh_handshake_finish(struct mesh_handshake *h,
    const uint8_t response[static MESH_HANDSHAKE_RESPONSE_LEN],
    struct mesh_handshake_keys *out)
{
	struct mesh_rd r = mesh_rd_init(response, MESH_HANDSHAKE_RESPONSE_LEN);
	uint8_t type = mesh_rd_u8(&r);
	uint16_t len = mesh_rd_u16be(&r);
	const uint8_t *key = mesh_rd_take(&r, MESH_KEY_LEN);
	const uint8_t *tag = mesh_rd_take(&r, MESH_NOISE_TAG_LEN);
	int err = MESH_ERR_PROTO;
	uint8_t nothing[1];

	if (!mesh_rd_done(&r) || type != MESH_HANDSHAKE_RESPONSE ||
	    len != RESPONSE_PAYLOAD_LEN)
		goto out;
	mesh_noise_mix_hash(&h->noise, key, MESH_KEY_LEN);
	err = mesh_noise_mix_dh(&h->noise, h->ephemeral, key);
	if (err == MESH_OK)
		err = mesh_noise_mix_dh(&h->noise, h->secret.b, key);
	if (err == MESH_OK)
		err = mesh_noise_open(&h->noise, nothing, tag,
		    MESH_NOISE_TAG_LEN);
	if (err == MESH_OK)
		mesh_noise_split(&h->noise, out->to_server, out->to_client);
out:
	mesh_handshake_wipe(h);
	return err;
}

int
mesh_handshake_accept(struct mesh_handshake *h, const uint8_t *init,
    size_t len, const struct mesh_machine_key *server, uint16_t version_min,
    struct mesh_diag *diag)
{
	struct mesh_rd r = mesh_rd_init(init, len);
	uint16_t version = mesh_rd_u16be(&r);
	uint8_t type = mesh_rd_u8(&r);
	uint16_t payload = mesh_rd_u16be(&r);
	const uint8_t *key = mesh_rd_take(&r, MESH_KEY_LEN);
	const uint8_t *rest = mesh_rd_take(&r, sizeof(h->rest));

	if (!mesh_rd_done(&r))
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "handshake initiation of %zu bytes, not %u", len,
		    MESH_HANDSHAKE_INIT_LEN);
	if (type != MESH_HANDSHAKE_INIT || payload != INIT_PAYLOAD_LEN)
		return mesh_fail(diag, MESH_ERR_PROTO,
		    "handshake initiation of type %u, length %u", type,
		    payload);
	if (version < version_min)
		return mesh_fail(diag, MESH_ERR_VERSION,
		    "client too old: capability version %u, at least %u is "
		    "needed",
		    version, version_min);
	begin(h, version, server);
	mesh_noise_mix_hash(&h->noise, key, MESH_KEY_LEN);
	memcpy(h->peer_ephemeral, key, MESH_KEY_LEN);
	memcpy(h->point, key, MESH_KEY_LEN);
	memcpy(h->rest, rest, sizeof(h->rest));
	h->step = STEP_ES;
	return MESH_OK;
}

/* The first result opens the client's machine key; the second needs it. */
static int
open_machine_key(struct mesh_handshake *h)
{
	if (mesh_noise_open(&h->noise, h->point, h->rest, SEALED_KEY_LEN) !=
	    MESH_OK)
		return MESH_ERR_AUTH;
	h->step = STEP_SS;
	return MESH_ERR_AGAIN;
}

static int
open_payload(struct mesh_handshake *h)
{
	uint8_t nothing[1];

	if (mesh_noise_open(&h->noise, nothing, h->rest + SEALED_KEY_LEN,
		MESH_NOISE_TAG_LEN) != MESH_OK)
		return MESH_ERR_AUTH;
	memcpy(h->peer.b, h->point, MESH_KEY_LEN);
	h->step = STEP_REPLY;
	return MESH_OK;
}

int
mesh_handshake_dh(struct mesh_handshake *h,
    const uint8_t result[static MESH_KEY_LEN])
{
	int err = MESH_ERR_AUTH;

	if (h->step != STEP_ES && h->step != STEP_SS)
		return MESH_ERR_STATE;
	if (!mesh_ct_is_zero(result, MESH_KEY_LEN)) {
		mesh_noise_mix_key(&h->noise, result, MESH_KEY_LEN);
		err = h->step == STEP_ES ? open_machine_key(h)
					 : open_payload(h);
	}
	if (err == MESH_ERR_AUTH)
		mesh_handshake_wipe(h);
	return err;
}

int
mesh_handshake_reply(struct mesh_handshake *h,
    const uint8_t ephemeral[static MESH_KEY_LEN],
    uint8_t out[static MESH_HANDSHAKE_RESPONSE_LEN],
    struct mesh_handshake_keys *out_keys)
{
	struct mesh_wr w = mesh_wr_init(out, MESH_HANDSHAKE_RESPONSE_LEN);
	uint8_t *key;
	int err;

	if (h->step != STEP_REPLY)
		return MESH_ERR_STATE;
	memcpy(h->ephemeral, ephemeral, MESH_KEY_LEN);
	mesh_x25519_clamp(h->ephemeral);
	mesh_wr_u8(&w, MESH_HANDSHAKE_RESPONSE);
	mesh_wr_u16be(&w, RESPONSE_PAYLOAD_LEN);
	key = mesh_wr_room(&w, MESH_KEY_LEN);
	mesh_x25519_public(key, h->ephemeral);
	mesh_noise_mix_hash(&h->noise, key, MESH_KEY_LEN);
	err = mesh_noise_mix_dh(&h->noise, h->ephemeral, h->peer_ephemeral);
	if (err == MESH_OK)
		err = mesh_noise_mix_dh(&h->noise, h->ephemeral, h->peer.b);
	if (err == MESH_OK) {
		mesh_noise_seal(&h->noise,
		    mesh_wr_room(&w, MESH_NOISE_TAG_LEN), NULL, 0);
		mesh_noise_split(&h->noise, out_keys->to_server,
		    out_keys->to_client);
	}
	mesh_handshake_wipe(h);
	return err;
}
