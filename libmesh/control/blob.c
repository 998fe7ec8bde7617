/* SPDX-License-Identifier: ISC */
#include "control/blob.h"

#include <stdlib.h>
#include <string.h>

struct mesh_blob *
mesh_blob_new(const void *p, size_t len)
{
	struct mesh_blob *b;

	if (len > SIZE_MAX - sizeof(*b))
		return NULL;
	b = malloc(sizeof(*b) + len);
	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->len = len;
	if (len > 0)
		memcpy(b->data, p, len);
	return b;
}

struct mesh_blob *
mesh_blob_ref(struct mesh_blob *b)
{
	b->refs++;
	return b;
}

void
mesh_blob_unref(struct mesh_blob *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}
