/* SPDX-License-Identifier: ISC
 * record.h - the control channel after the handshake: sealed records.
 *
 * Wire: u8 4, u16be length of what follows, text sealed with ChaCha20-Poly1305
 * (tag of 16 bytes behind it), nonce: 4 zero bytes and a BIG-endian counter per
 * direction, from 0. At most 4096 bytes whole. Empty texts are legal and mean
 * nothing; so do the boundaries between records.
 * Source: protocol/control.md 3.4; vectors-control.md 3.1, 3.2.
 */
#ifndef MESH_CONTROL_RECORD_H
#define MESH_CONTROL_RECORD_H

#include <base/buf.h>
#include <base/rd.h>
#include <crypto/aead.h>

#define MESH_RECORD_TYPE 4u
#define MESH_RECORD_HEAD 3u    /* bytes */
#define MESH_RECORD_MAX 4096u  /* bytes, whole */
#define MESH_RECORD_OVERHEAD (MESH_RECORD_HEAD + MESH_AEAD_TAG_LEN)
#define MESH_RECORD_TEXT_MAX (MESH_RECORD_MAX - MESH_RECORD_OVERHEAD)

/* One direction. Fields are private. */
struct mesh_record_rx {
	uint8_t key[MESH_AEAD_KEY_LEN];
	uint64_t counter;
	struct mesh_buf partial; /* a record that is not whole yet */
};
struct mesh_record_tx {
	uint8_t key[MESH_AEAD_KEY_LEN];
	uint64_t counter;
};

/* The key is copied; nothing is allocated. */
void mesh_record_rx_init(struct mesh_record_rx *rx,
    const uint8_t key[static MESH_AEAD_KEY_LEN]);
void mesh_record_tx_init(struct mesh_record_tx *tx,
    const uint8_t key[static MESH_AEAD_KEY_LEN]);
/* Wipe and free. */
void mesh_record_rx_release(struct mesh_record_rx *rx);
void mesh_record_tx_release(struct mesh_record_tx *tx);

/* Takes one record from the front of in, its text into text[]. MESH_OK (the text
 * may be empty); MESH_ERR_AGAIN: all of in is taken, more is needed. Final:
 * MESH_ERR_PROTO: type or length; MESH_ERR_AUTH; MESH_ERR_LIMIT: counter used
 * up; MESH_ERR_NOMEM. aead NULL: libsodium's. */
int mesh_record_open(struct mesh_record_rx *rx, struct mesh_aead *aead,
    struct mesh_rd *in, uint8_t text[static MESH_RECORD_MAX], size_t *out_len);

/* Makes a record in place: len bytes of text (at most MESH_RECORD_TEXT_MAX) lie
 * at frame + MESH_RECORD_HEAD; frame has room for len + MESH_RECORD_OVERHEAD
 * bytes. MESH_OK; MESH_ERR_LIMIT: counter used up; MESH_ERR_INTERNAL. */
int mesh_record_seal(struct mesh_record_tx *tx, struct mesh_aead *aead,
    uint8_t *frame, size_t len) MESH_MUST_USE;

#endif
