/* SPDX-License-Identifier: ISC
 * mesh/key.h - the keys of a network and their text forms.
 *
 * All are X25519 (RFC 7748) keys of 32 bytes; a type each, so that one cannot
 * stand for another. Text: prefix and 64 lower-case hex digits; either case is
 * read. Source: protocol/control.md 1.1.
 *
 *	machine  one per installation   "mkey:"      private "privkey:"
 *	node     one per login          "nodekey:"   private "privkey:"
 *	disco    one per process        "discokey:"  private: never as text
 *
 * An all-zero public key means "absent". Secrets are wiped by their _wipe, on
 * every path. Nothing here is allocated.
 */
#ifndef MESH_KEY_H
#define MESH_KEY_H

#include <mesh/base.h>

#define MESH_KEY_LEN 32u /* bytes */

struct mesh_machine_key {
	uint8_t b[MESH_KEY_LEN];
};
struct mesh_machine_secret {
	uint8_t b[MESH_KEY_LEN];
};
struct mesh_node_key {
	uint8_t b[MESH_KEY_LEN];
};
struct mesh_node_secret {
	uint8_t b[MESH_KEY_LEN];
};
struct mesh_disco_key {
	uint8_t b[MESH_KEY_LEN];
};
struct mesh_disco_secret {
	uint8_t b[MESH_KEY_LEN];
};

/* Longest text form, with NUL ("discokey:" + 64 + 1). */
#define MESH_KEY_TEXT 74u
/* Short form for people and logs: "[" 5 base64 characters "]", or "d:" and 16
 * hex digits for disco keys; with NUL. */
#define MESH_KEY_SHORT 20u

/* random: 32 bytes from a good source (libmesh has none); they are copied and
 * clamped. The caller wipes its own copy. */
MESH_EXPORT void mesh_machine_secret_make(struct mesh_machine_secret *out,
    const uint8_t random[static MESH_KEY_LEN]);
MESH_EXPORT void mesh_node_secret_make(struct mesh_node_secret *out,
    const uint8_t random[static MESH_KEY_LEN]);
MESH_EXPORT void mesh_disco_secret_make(struct mesh_disco_secret *out,
    const uint8_t random[static MESH_KEY_LEN]);

MESH_EXPORT void mesh_machine_secret_wipe(struct mesh_machine_secret *s);
MESH_EXPORT void mesh_node_secret_wipe(struct mesh_node_secret *s);
MESH_EXPORT void mesh_disco_secret_wipe(struct mesh_disco_secret *s);

MESH_EXPORT struct mesh_machine_key mesh_machine_public(
    const struct mesh_machine_secret *s);
MESH_EXPORT struct mesh_node_key mesh_node_public(
    const struct mesh_node_secret *s);
MESH_EXPORT struct mesh_disco_key mesh_disco_public(
    const struct mesh_disco_secret *s);

/* Text of len bytes (a NUL is not needed) to key. MESH_ERR_FORMAT: wrong prefix,
 * length or digit. out is untouched then. */
MESH_EXPORT int mesh_machine_key_parse(const char *text, size_t len,
    struct mesh_machine_key *out);
MESH_EXPORT int mesh_node_key_parse(const char *text, size_t len,
    struct mesh_node_key *out);
MESH_EXPORT int mesh_disco_key_parse(const char *text, size_t len,
    struct mesh_disco_key *out);
MESH_EXPORT int mesh_machine_secret_parse(const char *text, size_t len,
    struct mesh_machine_secret *out);
MESH_EXPORT int mesh_node_secret_parse(const char *text, size_t len,
    struct mesh_node_secret *out);

/* Key to text, terminated; returns out. The caller wipes the text of a secret.
 */
MESH_EXPORT char *mesh_machine_key_format(const struct mesh_machine_key *k,
    char out[static MESH_KEY_TEXT]);
MESH_EXPORT char *mesh_node_key_format(const struct mesh_node_key *k,
    char out[static MESH_KEY_TEXT]);
MESH_EXPORT char *mesh_disco_key_format(const struct mesh_disco_key *k,
    char out[static MESH_KEY_TEXT]);
MESH_EXPORT char *mesh_machine_secret_format(
    const struct mesh_machine_secret *s, char out[static MESH_KEY_TEXT]);
MESH_EXPORT char *mesh_node_secret_format(const struct mesh_node_secret *s,
    char out[static MESH_KEY_TEXT]);
MESH_EXPORT char *mesh_node_key_short(const struct mesh_node_key *k,
    char out[static MESH_KEY_SHORT]);
MESH_EXPORT char *mesh_disco_key_short(const struct mesh_disco_key *k,
    char out[static MESH_KEY_SHORT]);

MESH_EXPORT bool mesh_machine_key_is_zero(const struct mesh_machine_key *k);
MESH_EXPORT bool mesh_node_key_is_zero(const struct mesh_node_key *k);
MESH_EXPORT bool mesh_disco_key_is_zero(const struct mesh_disco_key *k);
/* In constant time. */
MESH_EXPORT bool mesh_machine_key_equal(const struct mesh_machine_key *a,
    const struct mesh_machine_key *b);
MESH_EXPORT bool mesh_node_key_equal(const struct mesh_node_key *a,
    const struct mesh_node_key *b);
MESH_EXPORT bool mesh_disco_key_equal(const struct mesh_disco_key *a,
    const struct mesh_disco_key *b);

#endif
