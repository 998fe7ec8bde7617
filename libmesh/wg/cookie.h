/* SPDX-License-Identifier: ISC
 * cookie.h - MAC1, MAC2 and cookies, both sides.
 *
 * MAC1 shows that the sender knows whom it talks to; MAC2, made with a cookie,
 * that it can receive at the address it sends from. A receiver under load asks
 * for MAC2 before it computes anything expensive. Source: protocol/dataplane.md
 * 1.4; vectors-dataplane.md 1.4.
 */
#ifndef MESH_WG_COOKIE_H
#define MESH_WG_COOKIE_H

#include <crypto/drbg.h>
#include <mesh/key.h>
#include <wire/wg.h>

#define MESH_WG_COOKIE_LIFE (120 * MESH_SEC) /* of a cookie and its secret */

/* The receiver's side: one per key of our own. */
struct mesh_wg_checker {
	uint8_t mac1_key[32], reply_key[32];
	uint8_t secret[32]; /* cookies are MACs with it */
	struct mesh_time secret_until;
};

/* The sender's side: one per peer. */
struct mesh_wg_jar {
	uint8_t mac1_key[32], reply_key[32]; /* the peer's */
	uint8_t cookie[MESH_WG_MAC_LEN];
	struct mesh_time cookie_until; /* 0: none */
	uint8_t mac1[MESH_WG_MAC_LEN]; /* of the last message sent */
	bool sent;
};

void mesh_wg_checker_init(struct mesh_wg_checker *c,
    const struct mesh_node_key *self);
/* msg: an initiation or response. */
bool mesh_wg_checker_mac1(const struct mesh_wg_checker *c, const uint8_t *msg,
    size_t len);
/* from: the bytes that stand for the sender's address. */
bool mesh_wg_checker_mac2(const struct mesh_wg_checker *c, const uint8_t *msg,
    size_t len, const uint8_t *from, size_t from_len, struct mesh_time now);
/* The cookie reply to msg, whose sender index is `receiver`. random is for the
 * nonce, and for a new secret when the old one has aged. */
void mesh_wg_checker_reply(struct mesh_wg_checker *c, const uint8_t *msg,
    size_t len, const uint8_t *from, size_t from_len, uint32_t receiver,
    struct mesh_drbg *random, struct mesh_time now, struct mesh_wg_cookie *out);

void mesh_wg_jar_init(struct mesh_wg_jar *j, const struct mesh_node_key *peer);
/* Fills in MAC1, and MAC2 if there is a fresh cookie. */
void mesh_wg_jar_sign(struct mesh_wg_jar *j, uint8_t *msg, size_t len,
    struct mesh_time now);
/* A cookie reply of the peer. MESH_ERR_STRAY: nothing was sent; MESH_ERR_AUTH:
 * not made for the last message sent. */
int mesh_wg_jar_take(struct mesh_wg_jar *j, const struct mesh_wg_cookie *reply,
    struct mesh_time now) MESH_MUST_USE;

#endif
