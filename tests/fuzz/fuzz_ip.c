/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "wire/tsmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[70000];
	struct mesh_ip_packet p;
	struct mesh_tsmp m;

	mesh_ip_packet_parse(data, size, &p);
	if (p.proto == MESH_PROTO_UNKNOWN)
		return 0;
	if (p.len > size || p.sub > p.len || p.data > p.len)
		abort();
	mesh_tsmp_parse(data, &p, &m);
	mesh_ip_build_echo_reply(data, &p, out, sizeof(out));
	mesh_ip_build_too_big(&p.dst, data, &p, 1280, out, sizeof(out));
	memcpy(out, data, p.len);
	struct mesh_ip to = p.dst, src = p.src;
	if (!mesh_ip_rewrite_src(out, &p, &to) ||
	    !mesh_ip_rewrite_src(out, &p, &src) ||
	    memcmp(&p.src, &src, sizeof(src)) != 0)
		abort();
	return 0;
}
