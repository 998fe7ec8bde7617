/* SPDX-License-Identifier: ISC
 * rd.h - bounded reader and writer: the only pointer arithmetic on wire data.
 *
 * Errors stick: a read past the end gives 0 or NULL, sets bad and moves no
 * further; a write past the end sets bad and writes nothing more. So code reads
 * all fields in a row and asks once: mesh_rd_done() (everything read, nothing
 * left) or !mesh_rd_bad(), before it uses any of them. Endianness is in the
 * name. Nothing is allocated; what the reader hands out points into the input.
 */
#ifndef MESH_BASE_RD_H
#define MESH_BASE_RD_H

#include <mesh/base.h>
#include <string.h>

struct mesh_rd {
	const uint8_t *p;
	size_t left; /* bytes */
	bool bad;
};

static inline struct mesh_rd
mesh_rd_init(const void *buf, size_t len)
{
	return (struct mesh_rd){.p = buf, .left = len};
}

static inline bool
mesh_rd_bad(const struct mesh_rd *r)
{
	return r->bad;
}

/* All read, without error. */
static inline bool
mesh_rd_done(const struct mesh_rd *r)
{
	return !r->bad && r->left == 0;
}

static inline size_t
mesh_rd_left(const struct mesh_rd *r)
{
	return r->bad ? 0 : r->left;
}

/* The next n bytes, or NULL when there are fewer. */
static inline const uint8_t *
mesh_rd_take(struct mesh_rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || r->left < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

/* All that is left (may be 0 bytes); *out_len is its length. */
static inline const uint8_t *
mesh_rd_rest(struct mesh_rd *r, size_t *out_len)
{
	*out_len = mesh_rd_left(r);
	return mesh_rd_take(r, *out_len);
}

static inline bool
mesh_rd_copy(struct mesh_rd *r, void *out, size_t n)
{
	const uint8_t *p = mesh_rd_take(r, n);

	if (p != NULL)
		memcpy(out, p, n);
	return p != NULL;
}

static inline void
mesh_rd_skip(struct mesh_rd *r, size_t n)
{
	(void)mesh_rd_take(r, n);
}

/* A reader confined to the next n bytes, which r passes over. */
static inline struct mesh_rd
mesh_rd_sub(struct mesh_rd *r, size_t n)
{
	const uint8_t *p = mesh_rd_take(r, n);

	return (struct mesh_rd){.p = p, .left = p ? n : 0, .bad = p == NULL};
}

static inline uint8_t
mesh_rd_u8(struct mesh_rd *r)
{
	const uint8_t *p = mesh_rd_take(r, 1);

	return p ? p[0] : 0;
}

static inline uint64_t
mesh_rd_be(struct mesh_rd *r, size_t n)
{
	const uint8_t *p = mesh_rd_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint64_t
mesh_rd_le(struct mesh_rd *r, size_t n)
{
	const uint8_t *p = mesh_rd_take(r, n);
	uint64_t v = 0;

	for (size_t i = n; p != NULL && i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static inline uint16_t
mesh_rd_u16be(struct mesh_rd *r)
{
	return (uint16_t)mesh_rd_be(r, 2);
}

static inline uint32_t
mesh_rd_u32be(struct mesh_rd *r)
{
	return (uint32_t)mesh_rd_be(r, 4);
}

static inline uint64_t
mesh_rd_u64be(struct mesh_rd *r)
{
	return mesh_rd_be(r, 8);
}

static inline uint16_t
mesh_rd_u16le(struct mesh_rd *r)
{
	return (uint16_t)mesh_rd_le(r, 2);
}

static inline uint32_t
mesh_rd_u32le(struct mesh_rd *r)
{
	return (uint32_t)mesh_rd_le(r, 4);
}

static inline uint64_t
mesh_rd_u64le(struct mesh_rd *r)
{
	return mesh_rd_le(r, 8);
}

struct mesh_wr {
	uint8_t *buf;
	size_t len; /* bytes written */
	size_t cap;
	bool bad;
};

static inline struct mesh_wr
mesh_wr_init(void *buf, size_t cap)
{
	return (struct mesh_wr){.buf = buf, .cap = cap};
}

/* Everything fitted; the answer is buf[0..len). */
static inline bool
mesh_wr_ok(const struct mesh_wr *w)
{
	return !w->bad;
}

/* Is there room for n bytes? Sets bad when not. */
static inline bool
mesh_wr_fits(struct mesh_wr *w, size_t n)
{
	if (w->bad || w->cap - w->len < n)
		w->bad = true;
	return !w->bad;
}

/* Room for n bytes to be filled by the caller, or NULL. */
static inline uint8_t *
mesh_wr_room(struct mesh_wr *w, size_t n)
{
	uint8_t *p = w->buf + w->len;

	if (!mesh_wr_fits(w, n))
		return NULL;
	w->len += n;
	return p;
}

static inline void
mesh_wr_bytes(struct mesh_wr *w, const void *p, size_t n)
{
	if (!mesh_wr_fits(w, n) || n == 0)
		return;
	memcpy(w->buf + w->len, p, n);
	w->len += n;
}

static inline void
mesh_wr_zero(struct mesh_wr *w, size_t n)
{
	if (!mesh_wr_fits(w, n) || n == 0)
		return;
	memset(w->buf + w->len, 0, n);
	w->len += n;
}

static inline void
mesh_wr_be(struct mesh_wr *w, uint64_t v, size_t n)
{
	uint8_t *to = mesh_wr_room(w, n);

	for (size_t i = n; to != NULL && i > 0; i--, v >>= 8)
		to[i - 1] = (uint8_t)v;
}

static inline void
mesh_wr_le(struct mesh_wr *w, uint64_t v, size_t n)
{
	uint8_t *to = mesh_wr_room(w, n);

	for (size_t i = 0; to != NULL && i < n; i++, v >>= 8)
		to[i] = (uint8_t)v;
}

static inline void
mesh_wr_u8(struct mesh_wr *w, uint8_t v)
{
	mesh_wr_be(w, v, 1);
}

static inline void
mesh_wr_u16be(struct mesh_wr *w, uint16_t v)
{
	mesh_wr_be(w, v, 2);
}

static inline void
mesh_wr_u32be(struct mesh_wr *w, uint32_t v)
{
	mesh_wr_be(w, v, 4);
}

static inline void
mesh_wr_u64be(struct mesh_wr *w, uint64_t v)
{
	mesh_wr_be(w, v, 8);
}

static inline void
mesh_wr_u16le(struct mesh_wr *w, uint16_t v)
{
	mesh_wr_le(w, v, 2);
}

static inline void
mesh_wr_u32le(struct mesh_wr *w, uint32_t v)
{
	mesh_wr_le(w, v, 4);
}

static inline void
mesh_wr_u64le(struct mesh_wr *w, uint64_t v)
{
	mesh_wr_le(w, v, 8);
}

#endif
