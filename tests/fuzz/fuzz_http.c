/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
chunks(const uint8_t *data, size_t size)
{
	struct mesh_http_chunks c = MESH_HTTP_CHUNKS_INIT;
	struct mesh_str piece;
	size_t used;
	int err = MESH_OK;

	while (err == MESH_OK && !c.done) {
		err = mesh_http_chunks_next(&c, data, size, &used, &piece);
		if (used > size)
			abort();
		data += used;
		size -= used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_http_head h;

	chunks(data, size);
	mesh_http_response_parse(data, size, &h);
	if (mesh_http_request_parse(data, size, &h) != MESH_OK)
		return 0;
	if (h.len > size || h.target.len == 0)
		abort();
	mesh_http_has_token(&h, "connection", "upgrade");
	mesh_http_query(&h, "v");
	/* Complete heads do not change by what follows them. */
	struct mesh_http_head again;
	if (mesh_http_request_parse(data, h.len, &again) != MESH_OK)
		abort();
	return 0;
}
