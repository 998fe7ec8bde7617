/* SPDX-License-Identifier: ISC
 * The packet around the box, and the input taken as a message out of one. */
#include <stdlib.h>

#include "wire/disco.h"
#include "wire/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_disco_packet packet;
	struct mesh_disco_msg m, again;
	uint8_t out[MESH_DISCO_OUT_MAX];
	struct mesh_wr w = mesh_wr_init(out, sizeof(out));

	mesh_sniff(data, size);
	if (mesh_disco_packet_parse(data, size, &packet) == MESH_OK &&
	    packet.box + packet.box_len != data + size)
		abort();
	if (mesh_disco_msg_parse(data, size, &m) != MESH_OK)
		return 0;
	if (m.type == MESH_DISCO_PING)
		mesh_disco_ping_write(&w, &m.txid, &m.node, 0);
	else if (m.type == MESH_DISCO_PONG)
		mesh_disco_pong_write(&w, &m.txid, &m.seen);
	else if (m.type == MESH_DISCO_CALL_ME_MAYBE)
		mesh_disco_call_write(&w, m.endpoints, m.endpoint_count);
	else
		return 0;
	if (!mesh_wr_ok(&w) ||
	    mesh_disco_msg_parse(out, w.len, &again) != MESH_OK ||
	    again.type != m.type || again.endpoint_count != m.endpoint_count)
		abort();
	return 0;
}
