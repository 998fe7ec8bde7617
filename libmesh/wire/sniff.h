/* SPDX-License-Identifier: ISC
 * wire/sniff.h - which protocol is a datagram on the shared UDP socket? The
 * order of the tests is that of protocol/dataplane.md 1.9; vectors 2.1.
 */
#ifndef MESH_WIRE_SNIFF_H
#define MESH_WIRE_SNIFF_H

#include <mesh/base.h>

#define MESH_GENEVE_LEN 8u /* bytes of a Geneve header, to be stripped */

enum mesh_sniff {
	MESH_SNIFF_WG, /* and everything that nothing else knows */
	MESH_SNIFF_STUN,
	MESH_SNIFF_DISCO,
	MESH_SNIFF_DISCO_GENEVE, /* through a peer relay */
	MESH_SNIFF_WG_GENEVE,
};

enum mesh_sniff mesh_sniff(const void *buf, size_t len);

#endif
