/* SPDX-License-Identifier: ISC */
#include "control/frame.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/rd.h"

/* zstd's own default: three quarters of the best ratio at a tenth of the time.
 */
#define COMPRESSION_LEVEL 3

/* Stored blocks: the same bytes on every machine and release of zstd. */
const uint8_t mesh_keepalive_plain[22] = "\x12\0\0\0" MESH_KEEPALIVE_TEXT;
const uint8_t mesh_keepalive_zstd[31] =
    "\x1b\0\0\0\x28\xb5\x2f\xfd\x20\x12\x91\0\0" MESH_KEEPALIVE_TEXT;

#define KEEPALIVE_LEN (sizeof(mesh_keepalive_zstd) - MESH_FRAME_HEAD)

struct mesh_frame_reader {
	ZSTD_DCtx *zstd; /* NULL: plain */
	size_t max;
	size_t text_max;
	uint8_t head[MESH_FRAME_HEAD];
	size_t head_len;
	size_t want; /* bytes of the message, once the head is whole */
	struct mesh_buf message;
	struct mesh_buf text;
	bool given; /* message and text were handed out: forget them */
};

struct mesh_frame_reader *
mesh_frame_reader_new(bool zstd, size_t max, size_t text_max)
{
	struct mesh_frame_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->max = max ? max : MESH_FRAME_MAX;
	r->text_max = text_max ? text_max : MESH_FRAME_TEXT_MAX;
	mesh_buf_init(&r->message, r->max);
	mesh_buf_init(&r->text, r->text_max);
	if (!zstd)
		return r;
	r->zstd = ZSTD_createDCtx();
	if (r->zstd == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax,
		MESH_FRAME_WINDOW_LOG))) {
		mesh_frame_reader_free(r);
		return NULL;
	}
	return r;
}

void
mesh_frame_reader_free(struct mesh_frame_reader *r)
{
	if (r == NULL)
		return;
	ZSTD_freeDCtx(r->zstd);
	mesh_buf_release(&r->message);
	mesh_buf_release(&r->text);
	free(r);
}

bool
mesh_frame_reader_partial(const struct mesh_frame_reader *r)
{
	return !r->given && r->head_len > 0;
}

/* How long the text of a message of len bytes may become. */
static size_t
text_limit(const struct mesh_frame_reader *r, size_t len)
{
	size_t grown = len * MESH_FRAME_RATIO_MAX + MESH_FRAME_RATIO_FREE;

	return grown < r->text_max ? grown : r->text_max;
}

/* Output room for the next step: what the frame says it needs at once, so that
 * zstd keeps no window of its own; else a block at a time. */
static size_t
next_room(const struct mesh_frame_reader *r, size_t limit)
{
	unsigned long long said =
	    ZSTD_getFrameContentSize(r->message.data, r->message.len);
	size_t left = limit - r->text.len;

	if (r->text.len == 0 && said < ZSTD_CONTENTSIZE_ERROR) {
		if (said > left)
			return 0;
		return said > 0 ? (size_t)said : 1;
	}
	return left < ZSTD_DStreamOutSize() ? left : ZSTD_DStreamOutSize();
}

static int
decompress(struct mesh_frame_reader *r, struct mesh_diag *diag)
{
	ZSTD_inBuffer in = {r->message.data, r->message.len, 0};
	size_t limit = text_limit(r, r->message.len), more;

	if (r->message.len < MESH_FRAME_HEAD ||
	    mesh_rd_u32le(&(struct mesh_rd){r->message.data, 4, false}) !=
		ZSTD_MAGICNUMBER)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "map message is not a zstd frame");
	ZSTD_DCtx_reset(r->zstd, ZSTD_reset_session_only);
	do {
		size_t room = next_room(r, limit);
		uint8_t *to = mesh_buf_reserve(&r->text, room);
		ZSTD_outBuffer out = {to, room, 0};

		if (room == 0)
			return mesh_fail(diag, MESH_ERR_LIMIT,
			    "map message of %zu bytes decompresses to more "
			    "than %zu",
			    r->message.len, limit);
		if (to == NULL)
			return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
		more = ZSTD_decompressStream(r->zstd, &out, &in);
		if (ZSTD_isError(more))
			return mesh_fail(diag, MESH_ERR_FORMAT,
			    "map message: zstd: %s", ZSTD_getErrorName(more));
		mesh_buf_commit(&r->text, out.pos);
		if (more != 0 && in.pos == in.size && out.pos < room)
			return mesh_fail(diag, MESH_ERR_FORMAT,
			    "map message: zstd frame is cut short");
	} while (more != 0 || in.pos < in.size); /* frames in a row are one */
	return MESH_OK;
}

/* The length, when the head is whole. */
static int
read_head(struct mesh_frame_reader *r, struct mesh_rd *in,
    struct mesh_diag *diag)
{
	while (r->head_len < MESH_FRAME_HEAD && mesh_rd_left(in) > 0)
		r->head[r->head_len++] = mesh_rd_u8(in);
	if (r->head_len < MESH_FRAME_HEAD)
		return MESH_ERR_AGAIN;
	r->want = mesh_rd_u32le(
	    &(struct mesh_rd){r->head, MESH_FRAME_HEAD, false});
	if (r->want == 0)
		return mesh_fail(diag, MESH_ERR_FORMAT, "empty map message");
	if (r->want > r->max)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "map message of %zu bytes, at most %zu are taken", r->want,
		    r->max);
	return MESH_OK;
}

static int
read_message(struct mesh_frame_reader *r, struct mesh_rd *in,
    struct mesh_diag *diag)
{
	size_t need = r->want - r->message.len;
	size_t n = need < mesh_rd_left(in) ? need : mesh_rd_left(in);

	if (mesh_buf_add(&r->message, mesh_rd_take(in, n), n) != MESH_OK)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	return n == need ? MESH_OK : MESH_ERR_AGAIN;
}

/* A message was handed out: begin the next. The memory of the last goes: the
 * first map is large, what follows is small and rare. */
static void
start_over(struct mesh_frame_reader *r)
{
	r->given = false;
	r->head_len = 0;
	mesh_buf_release(&r->message);
	mesh_buf_release(&r->text);
}

int
mesh_frame_reader_input(struct mesh_frame_reader *r, const uint8_t *p,
    size_t len, size_t *out_used, struct mesh_str *out_text,
    struct mesh_diag *diag)
{
	struct mesh_rd in = mesh_rd_init(p, len);
	int err;

	if (r->given)
		start_over(r);
	err = read_head(r, &in, diag);
	if (err == MESH_OK)
		err = read_message(r, &in, diag);
	*out_used = len - mesh_rd_left(&in);
	if (err != MESH_OK)
		return err;
	if (r->zstd != NULL)
		err = decompress(r, diag);
	else if (r->message.len > r->text_max)
		err = mesh_fail(diag, MESH_ERR_LIMIT,
		    "map message of %zu bytes, at most %zu are taken",
		    r->message.len, r->text_max);
	if (err != MESH_OK)
		return err;
	r->given = true;
	*out_text = r->zstd != NULL
	    ? (struct mesh_str){(const char *)r->text.data, r->text.len}
	    : (struct mesh_str){(const char *)r->message.data,
		  r->message.len};
	return MESH_OK;
}

/* --- encoder */

struct mesh_frame_writer {
	ZSTD_CCtx *zstd;
};

struct mesh_frame_writer *
mesh_frame_writer_new(void)
{
	struct mesh_frame_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->zstd = ZSTD_createCCtx();
	if (w->zstd == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd,
		ZSTD_c_compressionLevel, COMPRESSION_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag,
		1))) {
		mesh_frame_writer_free(w);
		return NULL;
	}
	return w;
}

void
mesh_frame_writer_free(struct mesh_frame_writer *w)
{
	if (w == NULL)
		return;
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

void
mesh_frame_head(size_t len, uint8_t out[static MESH_FRAME_HEAD])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_FRAME_HEAD);

	mesh_wr_u32le(&w, (uint32_t)len);
}

/* Compresses text and `blanks` blanks behind it into room. */
static size_t
compress_padded(struct mesh_frame_writer *w, const char *text, size_t len,
    size_t blanks, uint8_t *room, size_t cap)
{
	static const char blank[2] = "  ";
	ZSTD_outBuffer out = {room, cap, 0};
	ZSTD_inBuffer in = {text, len, 0}, pad = {blank, blanks, 0};
	size_t rc;

	ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_only);
	rc = ZSTD_CCtx_setPledgedSrcSize(w->zstd, len + blanks);
	if (!ZSTD_isError(rc) && blanks > 0)
		rc = ZSTD_compressStream2(w->zstd, &out, &in, ZSTD_e_continue);
	if (!ZSTD_isError(rc))
		rc = ZSTD_compressStream2(w->zstd, &out, blanks ? &pad : &in,
		    ZSTD_e_end);
	return ZSTD_isError(rc) || rc != 0 ? 0 : out.pos;
}

static int
add_zstd(struct mesh_frame_writer *w, const char *text, size_t len,
    struct mesh_buf *out)
{
	size_t cap = ZSTD_compressBound(len + 2), n = 0;
	uint8_t *room = mesh_buf_reserve(out, MESH_FRAME_HEAD + cap);

	if (room == NULL)
		return out->max - out->len < MESH_FRAME_HEAD + cap
		    ? MESH_ERR_LIMIT
		    : MESH_ERR_NOMEM;
	/* Never as long as a keep-alive; blanks behind JSON mean nothing. */
	for (size_t blanks = 0; blanks <= 2; blanks++) {
		n = compress_padded(w, text, len, blanks,
		    room + MESH_FRAME_HEAD, cap);
		if (n != KEEPALIVE_LEN)
			break;
	}
	if (n == 0 || n > MESH_FRAME_MAX)
		return n == 0 ? MESH_ERR_NOMEM : MESH_ERR_LIMIT;
	mesh_frame_head(n, room);
	mesh_buf_commit(out, MESH_FRAME_HEAD + n);
	return MESH_OK;
}

static int
add_plain(const char *text, size_t len, struct mesh_buf *out)
{
	uint8_t *room = mesh_buf_reserve(out, MESH_FRAME_HEAD + len);

	if (room == NULL)
		return out->max - out->len < MESH_FRAME_HEAD + len
		    ? MESH_ERR_LIMIT
		    : MESH_ERR_NOMEM;
	mesh_frame_head(len, room);
	memcpy(room + MESH_FRAME_HEAD, text, len);
	mesh_buf_commit(out, MESH_FRAME_HEAD + len);
	return MESH_OK;
}

int
mesh_frame_writer_add(struct mesh_frame_writer *w, const char *text,
    size_t len, bool zstd, struct mesh_buf *out)
{
	bool failed = out->failed;
	int err;

	if (len == 0 || failed)
		return len == 0 ? MESH_ERR_ARG : MESH_ERR_LIMIT;
	if (len > MESH_FRAME_TEXT_MAX || (!zstd && len > MESH_FRAME_MAX))
		return MESH_ERR_LIMIT;
	err = zstd ? add_zstd(w, text, len, out) : add_plain(text, len, out);
	out->failed = false; /* out is as before: it may go on */
	return err;
}

/* Without its length in front: decoders of stock nodes make room for each part
 * that says its length, and move what they had. */
int
mesh_frame_writer_part(struct mesh_frame_writer *w, const char *text,
    size_t len, struct mesh_buf *out)
{
	size_t cap = ZSTD_compressBound(len), n;
	uint8_t *room;

	if (out->failed || len > MESH_FRAME_TEXT_MAX)
		return MESH_ERR_LIMIT;
	if ((room = mesh_buf_reserve(out, cap)) == NULL) {
		out->failed = false;
		return out->max - out->len < cap ? MESH_ERR_LIMIT
						 : MESH_ERR_NOMEM;
	}
	(void)ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_contentSizeFlag, 0);
	n = compress_padded(w, text, len, 0, room, cap);
	(void)ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_contentSizeFlag, 1);
	if (n == 0)
		return MESH_ERR_NOMEM;
	mesh_buf_commit(out, n);
	return MESH_OK;
}
