/* SPDX-License-Identifier: ISC */
#include "relay/meta.h"

#include <assert.h>
#include <string.h>

static const char meta_prefix[] = "derpkey";

static_assert(sizeof(meta_prefix) + 2 * MESH_KEY_LEN == MESH_RELAY_META_NAME,
    "prefix, hex digits, NUL");

int
mesh_relay_meta_name(const char *name, size_t len, struct mesh_node_key *out)
{
	struct mesh_str s = {name, len};
	struct mesh_node_key key;

	if (!mesh_str_has_prefix(s, meta_prefix))
		return MESH_ERR_NOTFOUND;
	s.p += sizeof(meta_prefix) - 1;
	s.len -= sizeof(meta_prefix) - 1;
	if (s.len != 2 * MESH_KEY_LEN ||
	    mesh_hex_decode(s, key.b, MESH_KEY_LEN) != MESH_OK ||
	    mesh_node_key_is_zero(&key))
		return MESH_ERR_NOTFOUND;
	*out = key;
	return MESH_OK;
}

char *
mesh_relay_meta_name_format(const struct mesh_node_key *server,
    char out[static MESH_RELAY_META_NAME])
{
	memcpy(out, meta_prefix, sizeof(meta_prefix) - 1);
	mesh_hex_encode(server->b, MESH_KEY_LEN, out + sizeof(meta_prefix) - 1);
	return out;
}
