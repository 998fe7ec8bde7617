/* SPDX-License-Identifier: ISC
 * authkey.h - auth keys: "mesh-auth-IDENT-SECRET".
 *
 * IDENT: 12 hex digits that name the key in lists and logs. SECRET: 64 hex
 * digits, 256 random bits; the server keeps their BLAKE2b alone (they have full
 * entropy: no salt, no slow hash) and compares in constant time.
 */
#ifndef CONTROLD_AUTHKEY_H
#define CONTROLD_AUTHKEY_H

#include "model.h"

#define AUTHKEY_PREFIX "mesh-auth-"
#define AUTHKEY_RANDOM 38u /* bytes: 6 for the ident, 32 for the secret */
#define AUTHKEY_TEXT                                                           \
	(sizeof(AUTHKEY_PREFIX) - 1 + KEY_IDENT_LEN + 1 + 64 + 1) /* with NUL */

/* Sets ident and hash of k, and the text that the user gets, once. The caller
 * wipes random and out. */
void authkey_make(struct auth_key *k,
    const uint8_t random[static AUTHKEY_RANDOM], char out[static AUTHKEY_TEXT]);

/* The ident of a key's text and the hash of its secret. MESH_ERR_FORMAT. */
int authkey_parse(struct mesh_str text, char ident[static KEY_IDENT_LEN + 1],
    uint8_t hash[static KEY_HASH_LEN]);

/* Why a key (NULL: none has this ident) admits nobody: the text for the node's
 * user, or NULL if it does. Without the right secret nothing else is told. */
const char *authkey_refusal(const struct auth_key *k,
    const uint8_t hash[static KEY_HASH_LEN], int64_t now);

#endif
