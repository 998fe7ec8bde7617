/* SPDX-License-Identifier: ISC
 * udp.h - the UDP side of the packet path: many datagrams a call, with
 * segmentation and coalescing by the kernel.
 *
 * Out: datagrams of one size to one address lie back to back in a run, which is
 * one message with UDP_SEGMENT. The caller writes into the room that a run
 * gives it; several runs go in one sendmmsg. In: a batch of messages, each of
 * which the kernel may have made of many datagrams of one size.
 * protocol/dataplane.md 9.7; PERFORMANCE: 2-3 x of everything else.
 */
#ifndef MESHD_UDP_H
#define MESHD_UDP_H

#include "base/addr.h"

#include <sys/socket.h>

#define UDP_RUNS 8u	       /* that wait to be sent */
#define UDP_RUN_MAX 65000u     /* bytes; IPv4 allows 65507 */
#define UDP_RUN_COUNT_MAX 60u  /* datagrams; the kernel allows 64 */
#define UDP_RECV_BATCH 8u      /* messages of one recvmmsg */
#define UDP_RECV_MAX 65536u
#define UDP_RECV_DATAGRAMS (UDP_RECV_BATCH * 64u) /* most that come at once */

struct udp_run {
	struct mesh_endpoint to;
	size_t len;
	uint16_t seg, count;
	bool closed; /* the last one was shorter */
	uint8_t buf[UDP_RUN_MAX + 64];
};

struct udp_tx {
	int fd4, fd6; /* -1: no such family */
	bool no_gso;  /* the device cannot: learnt from an error */
	bool gso_works; /* seen; then errors are about one path */
	size_t count; /* runs in use; the last one may grow */
	struct udp_run runs[UDP_RUNS];
	uint64_t lost; /* messages that the kernel did not take */
	/* Told of addresses that cannot be reached. */
	void (*unreachable)(void *arg, const struct mesh_endpoint *to);
	void *arg;
};

/* Room for a datagram of len bytes to `to`; the run of which it is, is the last
 * one. NULL: all runs are in use (flush), or len is too much. */
uint8_t *udp_tx_room(struct udp_tx *tx, const struct mesh_endpoint *to,
    size_t len);
/* Does the next datagram go to the same run? Else what was written must be
 * sealed before more room is taken. */
bool udp_tx_fits(const struct udp_tx *tx, const struct mesh_endpoint *to,
    size_t len);
/* Takes back the last n datagrams, of len bytes together. */
void udp_tx_undo(struct udp_tx *tx, size_t n, size_t len);
/* Sends all runs. */
void udp_tx_flush(struct udp_tx *tx);
/* One datagram at once, beside the runs. */
void udp_tx_one(struct udp_tx *tx, const struct mesh_endpoint *to,
    const void *data, size_t len);

struct udp_msg {
	struct mesh_endpoint from;
	uint8_t *data;
	size_t len;
	size_t seg; /* each datagram but the last has this length */
};

struct udp_rx {
	struct udp_msg msgs[UDP_RECV_BATCH];
	uint8_t bufs[UDP_RECV_BATCH][UDP_RECV_MAX];
};

/* What is there, up to a batch; the number of messages. */
size_t udp_rx_take(struct udp_rx *rx, int fd);

#endif
