/* SPDX-License-Identifier: ISC
 * fuzz_json.c - the JSON reader: what it takes, it takes twice; what it skips,
 * the reader of values can read; what was decoded can be written and read. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
copy_value(struct mesh_json *j, struct mesh_jw *w, unsigned depth)
{
	struct mesh_str name;

	switch (mesh_json_peek(j)) {
	case MESH_JSON_OBJECT:
		mesh_json_object(j);
		mesh_jw_object(w);
		while (mesh_json_member(j, &name)) {
			char key[MESH_JSON_SCRATCH];

			if (mesh_str_copy(name, key, sizeof(key)) != MESH_OK)
				key[0] = 0;
			mesh_jw_name(w, key);
			copy_value(j, w, depth + 1);
		}
		mesh_jw_end_object(w);
		break;
	case MESH_JSON_ARRAY:
		mesh_json_array(j);
		mesh_jw_array(w);
		while (mesh_json_element(j))
			copy_value(j, w, depth + 1);
		mesh_jw_end_array(w);
		break;
	case MESH_JSON_STRING:
		mesh_jw_str(w, mesh_json_string(j));
		break;
	default:
		mesh_jw_raw(w, mesh_json_raw(j));
	}
	if (depth > MESH_JSON_DEPTH)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (unsigned flags = 0; flags <= MESH_JSON_HUJSON; flags++) {
		struct mesh_json j;
		struct mesh_buf out;
		struct mesh_jw w;
		int skipped, copied;

		mesh_json_init(&j, (const char *)data, size, flags);
		mesh_json_skip(&j);
		skipped = mesh_json_done(&j, NULL);
		mesh_buf_init(&out, 8 * size + 64);
		mesh_jw_init(&w, &out, false);
		mesh_json_init(&j, (const char *)data, size, flags);
		copy_value(&j, &w, 0);
		copied = mesh_json_done(&j, NULL);
		if (skipped == MESH_OK && copied == MESH_ERR_FORMAT)
			abort();
		if (copied == MESH_OK && skipped != MESH_OK)
			abort();
		if (copied == MESH_OK && !out.failed) {
			mesh_json_init(&j, (const char *)out.data, out.len,
			    flags);
			mesh_json_skip(&j);
			if (mesh_json_done(&j, NULL) != MESH_OK)
				abort();
		}
		mesh_buf_release(&out);
	}
	return 0;
}
