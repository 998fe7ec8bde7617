/* SPDX-License-Identifier: ISC */
#include "wire/websocket.h"

#include <openssl/evp.h>

#define FIN 0x80u
#define RESERVED 0x70u
#define OPCODE 0x0fu
#define MASKED 0x80u
#define LENGTH 0x7fu
#define LENGTH_16 126u
#define LENGTH_64 127u
#define SHA1_LEN 20u
#define KEY_BYTES 16u

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool
is_control(uint8_t op)
{
	return op >= MESH_WS_CLOSE;
}

/* Bytes of the head, as far as the ones that are there tell. */
static size_t
head_size(const struct mesh_ws *w)
{
	uint8_t code = w->head_len > 1 ? w->head[1] & LENGTH : 0;

	return 2u +
	       (code == LENGTH_16      ? 2u
		   : code == LENGTH_64 ? 8u
				       : 0u) +
	       sizeof(w->mask);
}

static uint64_t
payload_len(const struct mesh_ws *w)
{
	uint8_t code = w->head[1] & LENGTH;
	size_t bytes = code == LENGTH_16 ? 2 : code == LENGTH_64 ? 8 : 0;
	uint64_t len = 0;

	if (bytes == 0)
		return code;
	for (size_t i = 0; i < bytes; i++)
		len = len << 8 | w->head[2 + i];
	return len;
}

static int
check_frame(const struct mesh_ws *w)
{
	if (is_control(w->op))
		return w->op <= MESH_WS_PONG && w->fin &&
			       w->left <= MESH_WS_CONTROL_MAX
			   ? MESH_OK
			   : MESH_ERR_PROTO;
	if (w->op != (w->in_message ? MESH_WS_CONTINUE : MESH_WS_BINARY))
		return MESH_ERR_PROTO;
	return w->left <= MESH_WS_FRAME_MAX ? MESH_OK : MESH_ERR_LIMIT;
}

static int
begin_frame(struct mesh_ws *w)
{
	if ((w->head[0] & RESERVED) != 0 || (w->head[1] & MASKED) == 0)
		return MESH_ERR_PROTO;
	w->op = w->head[0] & OPCODE;
	w->fin = (w->head[0] & FIN) != 0;
	w->left = payload_len(w);
	memcpy(w->mask, w->head + w->head_len - sizeof(w->mask),
	    sizeof(w->mask));
	w->head_len = 0;
	w->at = 0;
	w->control_len = 0;
	w->in_frame = true;
	return check_frame(w);
}

static void
end_frame(struct mesh_ws *w)
{
	w->in_frame = false;
	if (!is_control(w->op))
		w->in_message = !w->fin;
}

/* At most len bytes of this frame, unmasked in place. */
static size_t
take_payload(struct mesh_ws *w, uint8_t *p, size_t len)
{
	size_t n = w->left < len ? (size_t)w->left : len;

	for (size_t i = 0; i < n; i++)
		p[i] ^= w->mask[w->at++ % sizeof(w->mask)];
	w->left -= n;
	return n;
}

/* True: there is a part. */
static bool
give_part(struct mesh_ws *w, const uint8_t *p, size_t n,
    struct mesh_ws_part *out)
{
	if (!is_control(w->op)) {
		*out = (struct mesh_ws_part){MESH_WS_BINARY, p, n};
		return n > 0;
	}
	if (n > 0)
		memcpy(w->control + w->control_len, p, n);
	w->control_len += n;
	*out = (struct mesh_ws_part){
	    (enum mesh_ws_op)w->op, w->control, w->control_len};
	return w->left == 0;
}

int
mesh_ws_next(struct mesh_ws *w, uint8_t *p, size_t len, size_t *out_used,
    struct mesh_ws_part *out)
{
	size_t used = 0, n;
	bool given;
	int err;

	for (;;) {
		while (!w->in_frame && used < len) {
			w->head[w->head_len++] = p[used++];
			if (w->head_len < 2 || w->head_len < head_size(w))
				continue;
			if ((err = begin_frame(w)) != MESH_OK) {
				*out_used = used;
				return err;
			}
		}
		if (!w->in_frame || (used == len && w->left > 0))
			break;
		n = take_payload(w, p + used, len - used);
		given = give_part(w, p + used, n, out);
		used += n;
		if (w->left == 0)
			end_frame(w);
		if (given) {
			*out_used = used;
			return MESH_OK;
		}
	}
	*out_used = used;
	return MESH_ERR_AGAIN;
}

size_t
mesh_ws_head(enum mesh_ws_op op, size_t len,
    uint8_t out[static MESH_WS_HEAD_MAX])
{
	out[0] = (uint8_t)(FIN | (unsigned)op);
	if (len < LENGTH_16) {
		out[1] = (uint8_t)len;
		return 2;
	}
	out[1] = LENGTH_16;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	return 4;
}

int
mesh_ws_accept(struct mesh_str key, char out[static MESH_WS_ACCEPT_LEN + 1])
{
	uint8_t raw[KEY_BYTES], digest[EVP_MAX_MD_SIZE];
	char text[MESH_WS_KEY_LEN + sizeof(guid)];
	unsigned digest_len = 0;
	size_t raw_len;

	if (key.len != MESH_WS_KEY_LEN ||
	    mesh_base64_decode(key, raw, sizeof(raw), &raw_len) != MESH_OK ||
	    raw_len != sizeof(raw))
		return MESH_ERR_FORMAT;
	memcpy(text, key.p, key.len);
	memcpy(text + key.len, guid, sizeof(guid));
	if (EVP_Digest(text, key.len + sizeof(guid) - 1, digest, &digest_len,
		EVP_sha1(), NULL) != 1 ||
	    digest_len != SHA1_LEN)
		return MESH_ERR_INTERNAL;
	mesh_base64_encode(digest, SHA1_LEN, out);
	return MESH_OK;
}
