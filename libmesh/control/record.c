/* SPDX-License-Identifier: ISC */
#include "control/record.h"

#include <string.h>

#include "base/secret.h"

static struct mesh_aead *
aead_or_default(struct mesh_aead *aead)
{
	/* libsodium's has no state: _new gives the same constant each time. */
	return aead != NULL ? aead : mesh_aead_sodium.new();
}

void
mesh_record_rx_init(struct mesh_record_rx *rx,
    const uint8_t key[static MESH_AEAD_KEY_LEN])
{
	rx->counter = 0;
	memcpy(rx->key, key, MESH_AEAD_KEY_LEN);
	mesh_buf_init(&rx->partial, MESH_RECORD_MAX);
}

void
mesh_record_tx_init(struct mesh_record_tx *tx,
    const uint8_t key[static MESH_AEAD_KEY_LEN])
{
	tx->counter = 0;
	memcpy(tx->key, key, MESH_AEAD_KEY_LEN);
}

void
mesh_record_rx_release(struct mesh_record_rx *rx)
{
	mesh_buf_release(&rx->partial);
	mesh_wipe(rx->key, sizeof(rx->key));
}

void
mesh_record_tx_release(struct mesh_record_tx *tx)
{
	mesh_wipe(tx->key, sizeof(tx->key));
}

/* Moves bytes from in until partial has `want`, or in is empty. */
static int
gather(struct mesh_buf *partial, struct mesh_rd *in, size_t want)
{
	size_t need = want - partial->len;
	size_t n = need < mesh_rd_left(in) ? need : mesh_rd_left(in);
	int err = mesh_buf_add(partial, mesh_rd_take(in, n), n);

	if (err != MESH_OK)
		return err;
	return n == need ? MESH_OK : MESH_ERR_AGAIN;
}

/* The head's word on the length of what follows it. */
static int
read_head(const uint8_t *head, size_t *out_len)
{
	struct mesh_rd r = mesh_rd_init(head, MESH_RECORD_HEAD);
	uint8_t type = mesh_rd_u8(&r);
	size_t len = mesh_rd_u16be(&r);

	if (type != MESH_RECORD_TYPE || len < MESH_AEAD_TAG_LEN ||
	    len > MESH_RECORD_MAX - MESH_RECORD_HEAD)
		return MESH_ERR_PROTO;
	*out_len = len;
	return MESH_OK;
}

static int
open_sealed(struct mesh_record_rx *rx, struct mesh_aead *aead, uint8_t *sealed,
    size_t len)
{
	struct mesh_aead_item item = {
	    .data = sealed,
	    .len = len - MESH_AEAD_TAG_LEN,
	    .counter = rx->counter,
	};

	if (rx->counter == UINT64_MAX)
		return MESH_ERR_LIMIT;
	rx->counter++;
	return mesh_aead_open(aead_or_default(aead), rx->key, MESH_AEAD_BE64,
	    item);
}

/* A record that lies whole in the input: the common case, nothing is kept.
 * MESH_ERR_AGAIN: it does not; in is unchanged. */
static int
take_whole(struct mesh_rd *in, const uint8_t **out, size_t *out_len)
{
	struct mesh_rd ahead = *in;
	const uint8_t *head = mesh_rd_take(&ahead, MESH_RECORD_HEAD);
	int err = head != NULL ? read_head(head, out_len) : MESH_ERR_AGAIN;

	if (err != MESH_OK)
		return err;
	*out = mesh_rd_take(&ahead, *out_len);
	if (*out == NULL)
		return MESH_ERR_AGAIN;
	*in = ahead;
	return MESH_OK;
}

/* A record that comes in pieces. */
static int
take_pieces(struct mesh_buf *partial, struct mesh_rd *in, const uint8_t **out,
    size_t *out_len)
{
	int err = MESH_OK;

	if (partial->len < MESH_RECORD_HEAD)
		err = gather(partial, in, MESH_RECORD_HEAD);
	if (err == MESH_OK)
		err = read_head(partial->data, out_len);
	if (err == MESH_OK)
		err = gather(partial, in, MESH_RECORD_HEAD + *out_len);
	if (err == MESH_OK)
		*out = partial->data + MESH_RECORD_HEAD;
	return err;
}

int
mesh_record_open(struct mesh_record_rx *rx, struct mesh_aead *aead,
    struct mesh_rd *in, uint8_t text[static MESH_RECORD_MAX], size_t *out_len)
{
	const uint8_t *sealed = NULL;
	size_t len = 0;
	int err = MESH_ERR_AGAIN;

	if (rx->partial.len == 0)
		err = take_whole(in, &sealed, &len);
	if (err == MESH_ERR_AGAIN)
		err = take_pieces(&rx->partial, in, &sealed, &len);
	if (err != MESH_OK)
		return err;
	memcpy(text, sealed, len);
	mesh_buf_release(&rx->partial);
	err = open_sealed(rx, aead, text, len);
	if (err == MESH_OK)
		*out_len = len - MESH_AEAD_TAG_LEN;
	return err;
}

int
mesh_record_seal(struct mesh_record_tx *tx, struct mesh_aead *aead,
    uint8_t *frame, size_t len)
{
	struct mesh_wr w = mesh_wr_init(frame, MESH_RECORD_HEAD);
	struct mesh_aead_item item = {
	    .data = frame + MESH_RECORD_HEAD,
	    .len = len,
	    .counter = tx->counter,
	};

	if (tx->counter == UINT64_MAX)
		return MESH_ERR_LIMIT;
	tx->counter++;
	mesh_wr_u8(&w, MESH_RECORD_TYPE);
	mesh_wr_u16be(&w, (uint16_t)(len + MESH_AEAD_TAG_LEN));
	return mesh_aead_seal(aead_or_default(aead), tx->key, MESH_AEAD_BE64,
	    item);
}
