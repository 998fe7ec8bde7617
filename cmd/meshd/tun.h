/* SPDX-License-Identifier: ISC
 * tun.h - the TUN device and the sockets of the daemon, opened by the monitor.
 * Needs libc alone.
 */
#ifndef MESHD_TUN_H
#define MESHD_TUN_H

#include "tables.h"

/* Of the fwmark that keeps our own traffic out of our own routes; the value
 * that Tailscale uses (protocol/dataplane.md 9.4). */
#define TUN_BYPASS_MARK 0x80000u

struct tun {
	int fd;
	unsigned ifindex;
	uint32_t flags; /* TBL_START_VNET, TBL_START_USO */
};

/* Creates the device, non-blocking, with virtio headers and offloads. diag says
 * what failed. MESH_ERR_DENIED, _EXIST (the name is in use), _IO. */
int tun_open(const char *name, struct tun *out, struct mesh_diag *diag);

/* A UDP socket on the port (0: the kernel chooses; *port becomes it), marked
 * and sized, non-blocking. MESH_ERR_EXIST: in use; MESH_ERR_IO. */
int tun_udp(bool is6, uint16_t *port, int *out_fd, struct mesh_diag *diag);

/* A socket for a role's request; negative errno when it failed. */
int tun_socket(enum tbl_socket_kind kind);

#endif
