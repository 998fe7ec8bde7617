/* SPDX-License-Identifier: ISC
 * wire/wg.h - the four messages of WireGuard, as bytes.
 *
 * A codec without state: layouts and exact sizes of protocol/dataplane.md 1.2.
 * The type is one byte and three zero bytes; everything else is dropped, also
 * what is a message by type but not by size. What the fields mean: wg/wg.h.
 */
#ifndef MESH_WIRE_WG_H
#define MESH_WIRE_WG_H

#include <mesh/base.h>

#define MESH_WG_INITIATION_LEN 148u /* bytes, exactly */
#define MESH_WG_RESPONSE_LEN 92u    /* bytes, exactly */
#define MESH_WG_COOKIE_LEN 64u      /* bytes of a cookie reply, exactly */
#define MESH_WG_HEADER_LEN 16u      /* of a data message, before the text */
#define MESH_WG_TAG_LEN 16u         /* behind a sealed text */
#define MESH_WG_DATA_MIN (MESH_WG_HEADER_LEN + MESH_WG_TAG_LEN) /* keepalive   \
								 */
#define MESH_WG_MAC_LEN 16u   /* MAC1 and MAC2 end a handshake message */
#define MESH_WG_STAMP_LEN 12u /* TAI64N */
#define MESH_WG_NONCE_LEN 24u /* of a cookie reply */

enum mesh_wg_type {
	MESH_WG_NONE, /* not WireGuard, or of the wrong size */
	MESH_WG_INITIATION,
	MESH_WG_RESPONSE,
	MESH_WG_COOKIE,
	MESH_WG_DATA,
};

/* By the first four bytes and the length. */
enum mesh_wg_type mesh_wg_type(const uint8_t *buf, size_t len);

/* The receiver index of a response, cookie reply or data message; false for
 * everything else. */
bool mesh_wg_receiver(const uint8_t *buf, size_t len, uint32_t *out_index);

struct mesh_wg_initiation {
	uint32_t sender; /* index */
	uint8_t ephemeral[32];
	uint8_t sealed_static[32 + MESH_WG_TAG_LEN];
	uint8_t sealed_stamp[MESH_WG_STAMP_LEN + MESH_WG_TAG_LEN];
};

struct mesh_wg_response {
	uint32_t sender, receiver;
	uint8_t ephemeral[32];
	uint8_t sealed_empty[MESH_WG_TAG_LEN];
};

struct mesh_wg_cookie {
	uint32_t receiver;
	uint8_t nonce[MESH_WG_NONCE_LEN];
	uint8_t sealed_cookie[MESH_WG_MAC_LEN + MESH_WG_TAG_LEN];
};

struct mesh_wg_data {
	uint32_t receiver;
	uint64_t counter;
	size_t text_len; /* bytes of sealed text, without the tag */
};

/* MESH_OK; MESH_ERR_FORMAT: other type or size, out is untouched. The MACs are
 * no fields: they cover the bytes before them (mesh_wg_mac1_at). */
int mesh_wg_initiation_read(const uint8_t *buf, size_t len,
    struct mesh_wg_initiation *out);
int mesh_wg_response_read(const uint8_t *buf, size_t len,
    struct mesh_wg_response *out);
int mesh_wg_cookie_read(const uint8_t *buf, size_t len,
    struct mesh_wg_cookie *out);
int mesh_wg_data_read(const uint8_t *buf, size_t len, struct mesh_wg_data *out);

/* The MACs are written as zeros. */
void mesh_wg_initiation_write(const struct mesh_wg_initiation *m,
    uint8_t out[static MESH_WG_INITIATION_LEN]);
void mesh_wg_response_write(const struct mesh_wg_response *m,
    uint8_t out[static MESH_WG_RESPONSE_LEN]);
void mesh_wg_cookie_write(const struct mesh_wg_cookie *m,
    uint8_t out[static MESH_WG_COOKIE_LEN]);
/* Only the 16 bytes in front of the sealed text. */
void mesh_wg_data_write(uint32_t receiver, uint64_t counter,
    uint8_t out[static MESH_WG_HEADER_LEN]);

/* Where MAC1 and MAC2 lie in an initiation or response of len bytes; each
 * covers all bytes before it. */
static inline size_t
mesh_wg_mac1_at(size_t len)
{
	return len - 2 * MESH_WG_MAC_LEN;
}

static inline size_t
mesh_wg_mac2_at(size_t len)
{
	return len - MESH_WG_MAC_LEN;
}

#endif
