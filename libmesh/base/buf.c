/* SPDX-License-Identifier: ISC */
#include "base/buf.h"

#include "base/secret.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256u /* bytes, the first allocation */

void
mesh_buf_init(struct mesh_buf *b, size_t max)
{
	*b = (struct mesh_buf){.max = max};
}

void
mesh_buf_release(struct mesh_buf *b)
{
	free(b->base);
	mesh_buf_init(b, b->max);
}

void
mesh_buf_wipe(struct mesh_buf *b)
{
	if (b->base != NULL)
		mesh_wipe(b->base, b->cap);
	mesh_buf_release(b);
}

void
mesh_buf_clear(struct mesh_buf *b)
{
	b->data = b->base;
	b->len = 0;
	b->failed = false;
}

/* Free room behind the contents, when the hole in front stays. */
static size_t
buf_tail(const struct mesh_buf *b)
{
	return b->base == NULL ? 0
			       : b->cap - (size_t)(b->data - b->base) - b->len;
}

static void
buf_close_hole(struct mesh_buf *b)
{
	if (b->len > 0)
		memmove(b->base, b->data, b->len);
	b->data = b->base;
}

static int
buf_grow(struct mesh_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	uint8_t *base;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap > b->max)
		cap = b->max;
	/* Not realloc: the old copy may be a secret that _wipe must reach. */
	base = malloc(cap);
	if (base == NULL)
		return MESH_ERR_NOMEM;
	if (b->len > 0)
		memcpy(base, b->data, b->len);
	if (b->base != NULL) {
		mesh_wipe(b->base, b->cap);
		free(b->base);
	}
	b->base = b->data = base;
	b->cap = cap;
	return MESH_OK;
}

static int
buf_make_room(struct mesh_buf *b, size_t len)
{
	int err = MESH_OK;

	if (b->failed)
		return MESH_ERR_LIMIT;
	if (buf_tail(b) >= len && b->base != NULL)
		return MESH_OK;
	if (len > b->max - b->len)
		err = MESH_ERR_LIMIT;
	else if (b->base != NULL && b->cap - b->len >= len &&
	    (size_t)(b->data - b->base) >= b->len)
		buf_close_hole(b);
	else if (b->cap < b->max || b->base == NULL)
		err = buf_grow(b, b->len + len);
	else
		buf_close_hole(b);
	b->failed = err != MESH_OK;
	return err;
}

uint8_t *
mesh_buf_reserve(struct mesh_buf *b, size_t len)
{
	return buf_make_room(b, len) == MESH_OK ? b->data + b->len : NULL;
}

void
mesh_buf_commit(struct mesh_buf *b, size_t len)
{
	b->len += len;
}

int
mesh_buf_add(struct mesh_buf *b, const void *p, size_t len)
{
	int err = buf_make_room(b, len);

	if (err != MESH_OK)
		return err;
	if (len > 0)
		memcpy(b->data + b->len, p, len);
	b->len += len;
	return MESH_OK;
}

int
mesh_buf_add_str(struct mesh_buf *b, const char *s)
{
	return mesh_buf_add(b, s, strlen(s));
}

int
mesh_buf_add_byte(struct mesh_buf *b, uint8_t byte)
{
	return mesh_buf_add(b, &byte, 1);
}

int
mesh_buf_vprintf(struct mesh_buf *b, const char *fmt, va_list ap)
{
	va_list again;
	uint8_t *room;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0) {
		b->failed = true;
		return MESH_ERR_FORMAT;
	}
	room = mesh_buf_reserve(b, (size_t)len + 1);
	if (room == NULL)
		return MESH_ERR_LIMIT;
	vsnprintf((char *)room, (size_t)len + 1, fmt, ap);
	b->len += (size_t)len;
	return MESH_OK;
}

int
mesh_buf_printf(struct mesh_buf *b, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = mesh_buf_vprintf(b, fmt, ap);
	va_end(ap);
	return err;
}

void
mesh_buf_consume(struct mesh_buf *b, size_t len)
{
	if (len >= b->len) {
		b->data = b->base;
		b->len = 0;
		return;
	}
	b->data += len;
	b->len -= len;
}

void
mesh_buf_truncate(struct mesh_buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
}

const char *
mesh_buf_cstr(struct mesh_buf *b)
{
	uint8_t *room = mesh_buf_reserve(b, 1);

	if (room == NULL)
		return "";
	*room = 0;
	return (const char *)b->data;
}
