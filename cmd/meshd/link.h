/* SPDX-License-Identifier: ISC
 * link.h - one end of a link between two roles: messages in, messages out,
 * checked against the table in msg.c.
 *
 * The descriptor is non-blocking; who owns it polls it. A body larger than a
 * message travels as a sealed memfd without the caller's doing. One message is
 * received at a time: its body is borrowed until link_msg_release().
 */
#ifndef MESHD_LINK_H
#define MESHD_LINK_H

#include "base/rd.h"
#include "msg.h"

struct link { /* private, but for fd */
	int fd;
	enum msg_role self, other;
	enum msg_state state;
	uint32_t tx_seq, rx_seq;
	uint8_t *buf; /* MSG_MAX bytes, may be shared by links of a process */
	const char *fault;
};

struct link_msg {
	enum msg_type type;
	uint64_t gen;
	struct mesh_rd body;
	int fds[MSG_FDS_MAX]; /* take one: copy it and put -1 */
	size_t fd_count;
	void *map; /* private */
	size_t map_len;
};

/* Owns fd from now on; buf has room for MSG_MAX bytes. Send HELLO next. */
void link_init(struct link *l, int fd, enum msg_role self, enum msg_role other,
    uint8_t *buf);
/* Closes; fine on a link that is closed (fd -1). */
void link_release(struct link *l);
static inline bool
link_is_open(const struct link *l)
{
	return l->fd >= 0;
}

/* HELLO: without it the other side takes nothing. */
int link_hello(struct link *l);

/* MESH_OK; MESH_ERR_AGAIN: the other side does not read, nothing was sent;
 * MESH_ERR_CLOSED: it is gone; MESH_ERR_ARG: not in the table, or too long;
 * MESH_ERR_NOMEM. Descriptors stay the caller's. */
int link_send(struct link *l, enum msg_type type, uint64_t gen,
    const void *body, size_t len, const int *fds, size_t fd_count);

/* The next message into *out. MESH_ERR_AGAIN: none is there; MESH_ERR_CLOSED;
 * MESH_ERR_PROTO: malformed, link_fault() says how: end the sender;
 * MESH_ERR_VERSION: HELLO of another build. HELLO itself is answered with
 * MESH_OK like any other. On error *out holds nothing. */
int link_recv(struct link *l, struct link_msg *out);
/* Closes what was not taken, unmaps. */
void link_msg_release(struct link_msg *m);
/* Why the last link_recv() said MESH_ERR_PROTO; static text. */
const char *link_fault(const struct link *l);

/* A socket pair for a link, close-on-exec. MESH_OK or MESH_ERR_IO. */
int link_pair(int out_fds[static 2]);

#endif
