/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "control/upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out of frames in pieces of `step` bytes: its length and a sum. */
static uint64_t
read_all(const uint8_t *data, size_t size, size_t step)
{
	uint8_t *copy = malloc(size + 1);
	struct mesh_ws w = {0};
	struct mesh_ws_part part;
	uint64_t sum = 0;
	size_t used, at = 0;
	int err = MESH_OK;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	while (at < size && (err == MESH_OK || err == MESH_ERR_AGAIN)) {
		size_t end = size - at < step ? size : at + step;

		while ((err = mesh_ws_next(&w, copy + at, end - at, &used,
			    &part)) == MESH_OK) {
			if (used > end - at ||
			    (part.op != MESH_WS_BINARY &&
				part.len > MESH_WS_CONTROL_MAX))
				abort();
			at += used;
			for (size_t i = 0; i < part.len; i++)
				sum = sum * 31 + part.data[i] + 1;
		}
		if (err == MESH_ERR_AGAIN && at + used != end)
			abort();
		at += used;
	}
	free(copy);
	return sum;
}

static void
ask(const uint8_t *data, size_t size)
{
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	char accept[MESH_WS_ACCEPT_LEN + 1];
	struct mesh_http_head head;
	struct mesh_diag diag;
	unsigned status = 0;
	size_t len = 0;

	if (mesh_http_request_parse(data, size, &head) != MESH_OK)
		return;
	if (mesh_upgrade_websocket_check(&head, init, &len, accept, &status,
		&diag) == MESH_OK ? len > sizeof(init) : status < 400)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[MESH_WS_ACCEPT_LEN + 1];

	ask(data, size);
	/* How it is cut makes no difference. */
	if (read_all(data, size, size + 1) != read_all(data, size, 1))
		abort();
	(void)mesh_ws_accept((struct mesh_str){(const char *)data, size}, text);
	return 0;
}
