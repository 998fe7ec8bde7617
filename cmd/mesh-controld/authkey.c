/* SPDX-License-Identifier: ISC */
#include "authkey.h"

#include <base/secret.h>
#include <crypto/blake2b.h>

#define IDENT_BYTES (KEY_IDENT_LEN / 2)
#define SECRET_BYTES (AUTHKEY_RANDOM - IDENT_BYTES)

static_assert(KEY_HASH_LEN == MESH_BLAKE2B_LEN, "hash of an auth key");

void
authkey_make(struct auth_key *k, const uint8_t random[static AUTHKEY_RANDOM],
    char out[static AUTHKEY_TEXT])
{
	char secret[2 * SECRET_BYTES + 1];

	mesh_hex_encode(random, IDENT_BYTES, k->ident);
	mesh_hex_encode(random + IDENT_BYTES, SECRET_BYTES, secret);
	mesh_blake2b(k->hash, random + IDENT_BYTES, SECRET_BYTES);
	mesh_format(out, AUTHKEY_TEXT, AUTHKEY_PREFIX "%s-%s", k->ident,
	    secret);
	mesh_wipe(secret, sizeof(secret));
}

int
authkey_parse(struct mesh_str text, char ident[static KEY_IDENT_LEN + 1],
    uint8_t hash[static KEY_HASH_LEN])
{
	size_t prefix = sizeof(AUTHKEY_PREFIX) - 1;
	uint8_t raw[SECRET_BYTES], id[IDENT_BYTES];
	struct mesh_str name, secret;

	if (text.len != AUTHKEY_TEXT - 1 ||
	    !mesh_str_has_prefix(text, AUTHKEY_PREFIX) ||
	    text.p[prefix + KEY_IDENT_LEN] != '-')
		return MESH_ERR_FORMAT;
	name = (struct mesh_str){text.p + prefix, KEY_IDENT_LEN};
	secret = (struct mesh_str){name.p + KEY_IDENT_LEN + 1,
	    2 * SECRET_BYTES};
	if (mesh_hex_decode(name, id, sizeof(id)) != MESH_OK ||
	    mesh_hex_decode(secret, raw, sizeof(raw)) != MESH_OK) {
		mesh_wipe(raw, sizeof(raw));
		return MESH_ERR_FORMAT;
	}
	mesh_hex_encode(id, sizeof(id), ident);
	mesh_blake2b(hash, raw, sizeof(raw));
	mesh_wipe(raw, sizeof(raw));
	return MESH_OK;
}

const char *
authkey_refusal(const struct auth_key *k,
    const uint8_t hash[static KEY_HASH_LEN], int64_t now)
{
	if (k == NULL || !mesh_ct_equal(k->hash, hash, KEY_HASH_LEN))
		return "auth key is not valid";
	if (k->revoked)
		return "auth key was revoked";
	if (k->expires != 0 && k->expires <= now)
		return "auth key has expired";
	if (k->used && !k->reusable)
		return "auth key was used already";
	return NULL;
}
