/* SPDX-License-Identifier: ISC
 * fuzz_gso.c - a frame as the TUN gives it is split; what comes out goes through
 * the merger, and as many packets come out of it.
 */
#include "../../cmd/meshd/gso.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gro gro;

static void
merge(uint8_t *packets, const size_t *len, size_t count)
{
	struct gro_write w;
	size_t n = 0, at = 0;

	gro_reset(&gro, true);
	for (size_t i = 0; i < count; i++) {
		if (len[i] > 0 && !gro_put(&gro, packets + at, len[i]))
			abort();
		at += len[i];
		n += len[i] > 0;
	}
	while (gro_next(&gro, &w))
		n -= w.packets;
	assert(n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size + 1);
	struct gso_split s;
	size_t len[GRO_PACKETS_MAX], total = 0;

	if (frame == NULL)
		abort();
	if (size > 0)
		memcpy(frame, data, size);
	if (size <= GSO_FRAME_MAX && gso_split_init(&s, frame, size) == MESH_OK &&
	    s.count <= GRO_PACKETS_MAX) {
		for (size_t i = 0; i < s.count; i++)
			total += len[i] = gso_split_len(&s, i);
		uint8_t *out = malloc(total + 1);
		if (out == NULL)
			abort();
		for (size_t i = 0, at = 0; i < s.count; at += len[i++])
			gso_split_write(&s, i, out + at);
		merge(out, len, s.count);
		free(out);
	}
	free(frame);
	return 0;
}
