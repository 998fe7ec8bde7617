/* SPDX-License-Identifier: ISC
 * Frames of the relay protocol, one behind the other: every reader on every
 * frame, whatever its type. */
#include "wire/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
read_all(const struct mesh_relay_frame *f)
{
	struct mesh_relay_present present;
	struct mesh_relay_packet packet;
	struct mesh_relay_info info;
	struct mesh_node_key key;
	const uint8_t *ping;
	uint32_t a, b;
	uint8_t reason;
	bool home;
	unsigned sum = 0;

	sum += mesh_relay_read_server_key(f, &key) == MESH_OK && key.b[31];
	if (mesh_relay_read_client_info(f, &info) == MESH_OK)
		sum += info.nonce[23] + info.box[info.box_len - 1];
	if (mesh_relay_read_server_info(f, &info) == MESH_OK)
		sum += info.nonce[23] + info.box[info.box_len - 1];
	if (mesh_relay_read_packet(f, &packet) == MESH_OK && packet.len > 0)
		sum += packet.data[packet.len - 1];
	sum += mesh_relay_read_preferred(f, &home) == MESH_OK && home;
	sum += mesh_relay_read_gone(f, &key, &reason) == MESH_OK && reason;
	sum += mesh_relay_read_present(f, &present) == MESH_OK && present.flags;
	if (mesh_relay_read_ping(f, &ping) == MESH_OK)
		sum += ping[7];
	sum += mesh_relay_read_restarting(f, &a, &b) == MESH_OK && a == b;
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static volatile unsigned sink; /* every byte counts */
	unsigned sum = 0;

	while (size > 0) {
		struct mesh_relay_frame f;
		size_t used;

		if (mesh_relay_frame_read(data, size, &f, &used) != MESH_OK)
			break;
		sum += read_all(&f);
		if (used > size)
			break;
		data += used;
		size -= used;
	}
	sink = sum;
	(void)sink;
	return 0;
}
