/* SPDX-License-Identifier: ISC
 * link.h - what helper and worker say to each other (SOCK_SEQPACKET).
 *
 * A message: u8 type, then fields; texts and blobs as u32be length and bytes.
 *
 *	helper to worker   SETUP   secret 32, max_clients u64, accept_rate u64,
 *	                           chain, key     first message, once
 *	                   CERT    chain, key     new certificates
 *	                   STATS                  a line into the log
 *	worker to helper   READY                  after SETUP: serving
 *
 * The end of the link is the end of the worker. The worker is the one that
 * strangers talk to, so the helper takes nothing from it but READY.
 */
#ifndef RELAYD_LINK_H
#define RELAYD_LINK_H

#include "base/rd.h"
#include <mesh/key.h>

#define LINK_MAX 160000u /* bytes of a message */

enum link_type {
	LINK_SETUP = 1,
	LINK_CERT,
	LINK_STATS,
	LINK_READY,
};

struct link_blob {
	const uint8_t *p;
	size_t len;
};

struct link_setup {
	struct mesh_node_secret secret;
	uint64_t max_clients, accept_rate;
	struct link_blob chain, key; /* PEM */
};

/* MESH_ERR_IO with errno. */
int link_send_setup(int fd, const struct link_setup *s) MESH_MUST_USE;
int link_send_cert(int fd, const struct link_setup *s) MESH_MUST_USE;
int link_send_plain(int fd, enum link_type type) MESH_MUST_USE;

/* The body behind the type; blobs point into the message. MESH_ERR_FORMAT. */
int link_read_setup(struct mesh_rd *r, struct link_setup *out) MESH_MUST_USE;
int link_read_cert(struct mesh_rd *r, struct link_setup *out) MESH_MUST_USE;

#endif
