/* SPDX-License-Identifier: ISC
 * fuzz_netmap.c - a netmap file: what is read can be written, and reads the same.
 */
#include "netmap/diff.h"
#include "netmap/dns_yaml.h"
#include "netmap/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_netmap *nm = NULL, *again = NULL;
	struct mesh_buf out;

	if (mesh_netmap_parse((const char *)data, size, &nm, NULL) != MESH_OK) {
		struct mesh_relaymap *relays = NULL;

		if (mesh_relaymap_read_yaml((const char *)data, size, &relays,
			NULL) == MESH_OK)
			mesh_counted_unref(relays);
		mesh_buf_init(&out, 1u << 22);
		(void)mesh_dns_read_yaml((const char *)data, size, "mesh.test",
		    &out, NULL);
		mesh_buf_release(&out);
		return 0;
	}
	mesh_buf_init(&out, MESH_NETMAP_FILE_MAX);
	mesh_netmap_file_write(&out, nm, NULL, MESH_WALL_ZERO);
	if (out.failed ||
	    mesh_netmap_parse((const char *)out.data, out.len, &again, NULL) !=
		MESH_OK ||
	    mesh_netmap_diff_parts(nm, again) != 0)
		abort();
	mesh_buf_release(&out);
	mesh_netmap_unref(nm);
	mesh_netmap_unref(again);
	return 0;
}
