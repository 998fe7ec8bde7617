/* SPDX-License-Identifier: ISC */
#include "netmap/file.h"

#define FORMAT "mesh-netmap"

#define F(...) MESH_FIELD(struct mesh_netmap_file, __VA_ARGS__)
static const struct mesh_field file_fields[] = {
    F("format", STRING, format, 0),
    F("version", INT, version, 0),
    F("saved", WALL, saved, MESH_BIND_OMIT),
    F("server", STRING, server, MESH_BIND_OMIT),
    F("map", CUSTOM, map, 0, .codec = &mesh_bind_slice),
};
#undef F
static const struct mesh_schema file_schema =
    MESH_SCHEMA(struct mesh_netmap_file, file_fields);

void
mesh_netmap_file_write(struct mesh_buf *out, const struct mesh_netmap *nm,
    const char *server, struct mesh_wall saved)
{
	struct mesh_netmap_file head = {
	    .format = FORMAT,
	    .version = MESH_NETMAP_FILE_VERSION,
	    .saved = saved,
	    .server = server,
	};
	struct mesh_buf map;
	struct mesh_jw w;

	mesh_buf_init(&map, MESH_NETMAP_FILE_MAX);
	mesh_netmap_write(&map, nm);
	head.map = (struct mesh_str){(const char *)map.data, map.len};
	mesh_jw_init(&w, out, false);
	mesh_bind_write(&w, &file_schema, &head);
	mesh_buf_add_str(out, "\n");
	if (map.failed)
		out->failed = true;
	mesh_buf_release(&map);
}

/* The envelope; a bare MapResponse has neither format nor map. */
static int
read_head(struct mesh_str text, struct mesh_arena *a,
    struct mesh_netmap_file *out, struct mesh_diag *diag)
{
	struct mesh_netmap_file head = {0};
	int err = mesh_bind_parse(text.p, text.len, &file_schema, a, &head,
	    diag);

	if (err != MESH_OK)
		return err;
	if (head.format == NULL && head.map.len == 0)
		head.map = text;
	else if (head.format == NULL || strcmp(head.format, FORMAT) != 0 ||
	    head.map.len == 0)
		return mesh_fail(diag, MESH_ERR_FORMAT,
		    "not a netmap: 'format' is not \"" FORMAT "\", or no 'map'");
	else if (head.version != MESH_NETMAP_FILE_VERSION)
		return mesh_fail(diag, MESH_ERR_VERSION,
		    "netmap file of version %d, this program reads %d",
		    head.version, MESH_NETMAP_FILE_VERSION);
	*out = head;
	return MESH_OK;
}

int
mesh_netmap_file_read(struct mesh_str text, struct mesh_arena *a,
    struct mesh_netmap_file *out_head, struct mesh_netmap **out,
    struct mesh_diag *diag)
{
	struct mesh_map_response frame;
	struct mesh_netmap_file head;
	struct mesh_arena scratch;
	unsigned changed;
	int err;

	if (text.len > MESH_NETMAP_FILE_MAX)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "netmap of %zu bytes, at most %u are read", text.len,
		    MESH_NETMAP_FILE_MAX);
	err = read_head(text, a, &head, diag);
	if (err != MESH_OK)
		return err;
	mesh_arena_init(&scratch, MESH_RESPONSE_MEMORY);
	err = mesh_map_response_parse(head.map, &scratch, &frame, diag);
	if (err == MESH_OK)
		err = mesh_netmap_apply(NULL, &frame, head.saved, out, &changed,
		    diag);
	mesh_arena_release(&scratch);
	if (err == MESH_OK && out_head != NULL)
		*out_head = head;
	return err;
}
