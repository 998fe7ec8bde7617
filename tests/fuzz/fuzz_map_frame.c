/* SPDX-License-Identifier: ISC
 * fuzz_map_frame.c - frames of a map stream, plain and zstd, whole and in
 * pieces: the same messages come of both. And what the writer makes of the input
 * comes back.
 */
#include <stdlib.h>
#include <string.h>

#include "control/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX (1u << 16)
#define TEXT_MAX (1u << 18)

struct sum {
	size_t messages, bytes;
	int err;
};

static struct sum
read_all(const uint8_t *data, size_t size, bool zstd, size_t step)
{
	struct mesh_frame_reader *r = mesh_frame_reader_new(zstd, FRAME_MAX,
	    TEXT_MAX);
	struct sum sum = {.err = MESH_ERR_AGAIN};
	struct mesh_diag diag;
	struct mesh_str text;
	size_t at = 0, used;

	if (r == NULL)
		abort();
	while (at < size && (sum.err == MESH_OK || sum.err == MESH_ERR_AGAIN)) {
		sum.err = mesh_frame_reader_input(r, data + at,
		    size - at < step ? size - at : step, &used, &text, &diag);
		at += used;
		if (sum.err == MESH_OK) {
			sum.messages++;
			sum.bytes += text.len;
			if (text.len > TEXT_MAX)
				abort();
		}
	}
	mesh_frame_reader_free(r);
	return sum;
}

static void
read_twice(const uint8_t *data, size_t size, bool zstd)
{
	struct sum whole = read_all(data, size, zstd, size + 1);
	struct sum pieces = read_all(data, size, zstd, 3);

	if (whole.messages != pieces.messages || whole.bytes != pieces.bytes)
		abort();
}

static void
write_and_read(const uint8_t *data, size_t size, bool zstd)
{
	struct mesh_frame_writer *w = mesh_frame_writer_new();
	struct mesh_buf out;
	struct sum sum;

	if (w == NULL)
		abort();
	mesh_buf_init(&out, FRAME_MAX);
	if (mesh_frame_writer_add(w, (const char *)data, size, zstd, &out) ==
	    MESH_OK) {
		sum = read_all(out.data, out.len, zstd, out.len);
		if (sum.err != MESH_OK || sum.messages != 1 ||
		    sum.bytes < size || sum.bytes > size + 2)
			abort();
	}
	mesh_buf_release(&out);
	mesh_frame_writer_free(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_twice(data, size, false);
	read_twice(data, size, true);
	if (size > 0 && size < TEXT_MAX / 200) {
		write_and_read(data, size, false);
		write_and_read(data, size, true);
	}
	return 0;
}
