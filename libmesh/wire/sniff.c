/* SPDX-License-Identifier: ISC */
#include "wire/sniff.h"

#include "wire/disco.h"
#include "wire/stun.h"

#define GENEVE_DISCO 0x7a11
#define GENEVE_WG 0x7a12

/* The protocol of a Geneve header: version 0, no reserved bit; 0 if it is none.
 * The length of options is not looked at, nor are options parsed. */
static uint16_t
geneve_protocol(const uint8_t *p, size_t len)
{
	if (len < MESH_GENEVE_LEN || (p[0] & 0xc0) != 0 || (p[1] & 0x3f) != 0 ||
	    p[7] != 0)
		return 0;
	return (uint16_t)(p[2] << 8 | p[3]);
}

enum mesh_sniff
mesh_sniff(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint16_t geneve = geneve_protocol(p, len);

	if (mesh_stun_is(buf, len) && p[1] == 1)
		return MESH_SNIFF_STUN;
	if (geneve == GENEVE_DISCO)
		return mesh_disco_is(p + MESH_GENEVE_LEN, len - MESH_GENEVE_LEN)
			   ? MESH_SNIFF_DISCO_GENEVE
			   : MESH_SNIFF_WG;
	if (geneve == GENEVE_WG)
		return MESH_SNIFF_WG_GENEVE;
	return mesh_disco_is(buf, len) ? MESH_SNIFF_DISCO : MESH_SNIFF_WG;
}
