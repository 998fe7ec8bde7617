/* SPDX-License-Identifier: ISC
 * frame.h - messages in the body of a map stream: length, then JSON, plain or
 * as one zstd frame; both ways, bounded.
 *
 * Wire: u32 little-endian length, then that many bytes. With zstd exactly one
 * zstd frame, holding one JSON document. Source: protocol/control.md 6.2, 6.3;
 * vectors-control.md 5.
 */
#ifndef MESH_CONTROL_FRAME_H
#define MESH_CONTROL_FRAME_H

#include <base/buf.h>
#include <base/text.h>

#define MESH_FRAME_HEAD 4u /* bytes */
/* A message as it came, and decoded, in bytes. */
#define MESH_FRAME_MAX (16u << 20)
#define MESH_FRAME_TEXT_MAX (64u << 20)
/* Most that a compressed message may grow: ratio, and an allowance that small
 * messages need. */
#define MESH_FRAME_RATIO_MAX 100u
#define MESH_FRAME_RATIO_FREE (1u << 20)
/* Largest window that a decoder keeps (2^23: 8 MiB). */
#define MESH_FRAME_WINDOW_LOG 23

/* The keep-alive message, as text and as whole frames, plain and zstd. A
 * compressed frame of another message never has the length of this one: stock
 * clients would take it for a keep-alive and drop it (control.md 6.3). */
#define MESH_KEEPALIVE_TEXT "{\"KeepAlive\":true}"
extern const uint8_t mesh_keepalive_plain[22];
extern const uint8_t mesh_keepalive_zstd[31];

/* --- decoder: bytes of the body in, texts out */

struct mesh_frame_reader; /* one per stream */

/* zstd: what the request asked for. max, text_max: in bytes, 0 for the limits
 * above. NULL without memory. */
struct mesh_frame_reader *mesh_frame_reader_new(bool zstd, size_t max,
    size_t text_max);
void mesh_frame_reader_free(struct mesh_frame_reader *r);

/* Takes bytes of the body, up to the end of one message at most;
 * *out_used says how many. Memory grows with what has come, not with what a
 * length announces. MESH_OK: *out_text is a message (borrowed until the next
 * call). MESH_ERR_AGAIN: all was taken, more is needed. MESH_ERR_FORMAT: empty
 * message, not one whole zstd frame. MESH_ERR_LIMIT: too long, before or after
 * decoding. MESH_ERR_NOMEM. Every error is final. */
int mesh_frame_reader_input(struct mesh_frame_reader *r, const uint8_t *p,
    size_t len, size_t *out_used, struct mesh_str *out_text,
    struct mesh_diag *diag);
/* A message has begun and is not whole: the end of the body is an error. */
bool mesh_frame_reader_partial(const struct mesh_frame_reader *r);

/* --- encoder: the compressor is shared by all streams of a process */

struct mesh_frame_writer;

/* NULL without memory. */
struct mesh_frame_writer *mesh_frame_writer_new(void);
void mesh_frame_writer_free(struct mesh_frame_writer *w);

/* Appends one whole frame with the text (one JSON document). MESH_OK,
 * MESH_ERR_LIMIT, MESH_ERR_NOMEM; out is as before on failure. */
int mesh_frame_writer_add(struct mesh_frame_writer *w, const char *text,
    size_t len, bool zstd, struct mesh_buf *out);

/* A compressed frame whose parts are made one by one, and used again in other
 * frames: appends a part of the text. All parts of a frame, one behind the other
 * (each a zstd frame of its own, which decoders join), follow a head with the
 * sum of their lengths. Errors as above. */
int mesh_frame_writer_part(struct mesh_frame_writer *w, const char *text,
    size_t len, struct mesh_buf *out);
void mesh_frame_head(size_t len, uint8_t out[static MESH_FRAME_HEAD]);

#endif
