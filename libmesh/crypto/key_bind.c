/* SPDX-License-Identifier: ISC */
#include "crypto/key_bind.h"

/* Reader and writer of one key type; the codec is made of them. */
#define KEY_CODEC(type)                                                        \
	static void type##_read(struct mesh_json *j, struct mesh_arena *a,     \
	    void *out)                                                         \
	{                                                                      \
		struct mesh_str s;                                             \
                                                                               \
		(void)a;                                                       \
		if (mesh_json_null(j))                                         \
			return;                                                \
		s = mesh_json_string(j);                                       \
		if (s.len > 0 && mesh_##type##_parse(s.p, s.len, out))         \
			mesh_json_fail(j, MESH_ERR_FORMAT, "malformed key");   \
	}                                                                      \
	static void type##_write(struct mesh_jw *w, const void *in)            \
	{                                                                      \
		char text[MESH_KEY_TEXT];                                      \
                                                                               \
		mesh_jw_string(w, mesh_##type##_format(in, text));             \
	}                                                                      \
	const struct mesh_bind_codec mesh_bind_##type = {                      \
	    .size = sizeof(struct mesh_##type),                                \
	    .read = type##_read,                                               \
	    .write = type##_write,                                             \
	};

KEY_CODEC(machine_key)
KEY_CODEC(node_key)
KEY_CODEC(disco_key)
