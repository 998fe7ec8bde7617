/* SPDX-License-Identifier: ISC
 * buf.h - growable bytes with a maximum that is fixed at the start.
 *
 * Appending past the maximum, or without memory, fails whole: nothing is
 * written, `failed` stays set, later appends fail too; so a writer may append in
 * a row and ask once. Consuming from the front is cheap (the hole is closed when
 * it pays). The text is not terminated; mesh_buf_cstr() adds a NUL.
 */
#ifndef MESH_BASE_BUF_H
#define MESH_BASE_BUF_H

#include <mesh/base.h>
#include <stdarg.h>

struct mesh_buf { /* read data, len and failed; the rest is private */
	uint8_t *data;
	size_t len; /* bytes */
	bool failed;
	uint8_t *base;
	size_t cap;
	size_t max;
};

/* Allocates nothing. */
void mesh_buf_init(struct mesh_buf *b, size_t max);
/* Frees; b is as after init. */
void mesh_buf_release(struct mesh_buf *b);
/* Frees after wiping: for contents that are secret. */
void mesh_buf_wipe(struct mesh_buf *b);
/* Empties and forgets `failed`; keeps the memory. */
void mesh_buf_clear(struct mesh_buf *b);

/* MESH_OK, MESH_ERR_LIMIT, MESH_ERR_NOMEM. */
int mesh_buf_add(struct mesh_buf *b, const void *p, size_t len);
int mesh_buf_add_str(struct mesh_buf *b, const char *s);
int mesh_buf_add_byte(struct mesh_buf *b, uint8_t byte);
int mesh_buf_printf(struct mesh_buf *b, const char *fmt, ...) MESH_PRINTF(2, 3);
int mesh_buf_vprintf(struct mesh_buf *b, const char *fmt, va_list ap)
    MESH_PRINTF(2, 0);

/* Room for len bytes behind the contents, to be filled by the caller and then
 * counted with mesh_buf_commit(); NULL on failure. */
uint8_t *mesh_buf_reserve(struct mesh_buf *b, size_t len);
void mesh_buf_commit(struct mesh_buf *b, size_t len);

/* Drops len bytes (at most all) from the front. */
void mesh_buf_consume(struct mesh_buf *b, size_t len);
/* Drops everything from len on. */
void mesh_buf_truncate(struct mesh_buf *b, size_t len);

/* The contents with a NUL behind them (which len does not count), or "" when
 * there is no memory. Borrowed until the next call on b. */
const char *mesh_buf_cstr(struct mesh_buf *b);

#endif
