/* SPDX-License-Identifier: ISC
 * link.h - what helper and worker say to each other (SOCK_SEQPACKET).
 *
 * A message: u8 type, then fields; texts and blobs as u32be length and bytes.
 *
 *	helper to worker   SETUP    secret 32, max_clients u64, accept_rate u64,
 *	                            admit u8, region (below), chain, key
 *	                            first message, once
 *	                   CERT     chain, key     new certificates
 *	                   STATS                   a line into the log
 *	                   DIALED   u8 which, and a socket that connects
 *	                   VERDICT  id u64, u8 may it come in
 *	worker to helper   READY                   after SETUP: serving
 *	                   DIAL     u8 which       of the other relays
 *	                   ASK      id u64, key 32, address 16
 *
 *	helper to asker    ADMIT    u8 fail open, URL as text   first message
 *	                   ASK      as above
 *	asker to helper    VERDICT  as above
 *
 * region: u8 is there a mesh key, key 32, u8 count; of each other relay its name
 * as text, u8 is it pinned, pin 32. Its address is the helper's affair.
 *
 * The end of the link is the end of the worker. The worker is the one that
 * strangers talk to, so the helper takes nothing from it but these: DIAL once a
 * second at most, ASK as many as may wait.
 */
#ifndef RELAYD_LINK_H
#define RELAYD_LINK_H

#include "region.h"

#include "base/rd.h"
#include <mesh/key.h>

#define LINK_MAX 160000u /* bytes of a message */
#define LINK_SHORT 64u   /* of any but SETUP, CERT and ADMIT */
#define LINK_ADMIT_MAX 2048u

enum link_type {
	LINK_SETUP = 1,
	LINK_CERT,
	LINK_STATS,
	LINK_READY,
	LINK_DIAL,
	LINK_DIALED,
	LINK_ASK,
	LINK_VERDICT,
	LINK_ADMIT,
};

struct link_blob {
	const uint8_t *p;
	size_t len;
};

struct link_setup {
	struct mesh_node_secret secret;
	uint64_t max_clients, accept_rate;
	bool admit;
	struct region region;
	struct link_blob chain, key; /* PEM */
};

struct link_ask {
	uint64_t id;
	struct mesh_node_key key;
	struct mesh_ip from;
};

struct link_verdict {
	uint64_t id;
	bool allow;
};

/* MESH_ERR_IO with errno. */
int link_send_setup(int fd, const struct link_setup *s) MESH_MUST_USE;
int link_send_cert(int fd, const struct link_setup *s) MESH_MUST_USE;
int link_send_plain(int fd, enum link_type type) MESH_MUST_USE;
/* DIAL, DIALED; passed: a descriptor that goes along, or -1. */
int link_send_which(int fd, enum link_type type, uint8_t which,
    int passed) MESH_MUST_USE;
/* ASK, VERDICT: never waits. */
int link_send_ask(int fd, const struct link_ask *ask) MESH_MUST_USE;
int link_send_verdict(int fd, const struct link_verdict *v) MESH_MUST_USE;
int link_send_admit(int fd, bool fail_open, const char *url) MESH_MUST_USE;

/* One message without waiting: its length; -1: errno (EAGAIN: none); 0: the end.
 * *out_passed: a descriptor that came along, or -1. */
ssize_t link_recv(int fd, uint8_t *buf, size_t size, int *out_passed);

/* The body behind the type; blobs point into the message. MESH_ERR_FORMAT. */
int link_read_setup(struct mesh_rd *r, struct link_setup *out) MESH_MUST_USE;
int link_read_cert(struct mesh_rd *r, struct link_setup *out) MESH_MUST_USE;
int link_read_which(struct mesh_rd *r, uint8_t *out) MESH_MUST_USE;
int link_read_ask(struct mesh_rd *r, struct link_ask *out) MESH_MUST_USE;
int link_read_verdict(struct mesh_rd *r, struct link_verdict *out)
    MESH_MUST_USE;
int link_read_admit(struct mesh_rd *r, bool *out_fail_open, char *url,
    size_t size) MESH_MUST_USE;

#endif
