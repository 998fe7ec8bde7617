/* SPDX-License-Identifier: ISC
 * ping.h - one ping of a node by the daemon: for mesh-ping and mesh-wait. */
#ifndef COMMON_PING_H
#define COMMON_PING_H

#include "local/ping.h"
#include "node.h"

#define PING_TEXT 300u /* bytes of ping_describe() */

/* 0: the daemon answered, look at out->err (its texts belong to the arena);
 * reply (may be NULL) is the JSON. Else an exit status after a message. */
int ping_once(struct mesh_local *l, const struct mesh_ip *ip,
    uint64_t timeout_ns, struct mesh_arena *a, struct mesh_ping_result *out,
    struct mesh_local_reply *reply);

static inline bool
ping_is_reply(const struct mesh_ping_result *r)
{
	return r->err == NULL || *r->err == 0;
}

static inline bool
ping_is_direct(const struct mesh_ping_result *r)
{
	return ping_is_reply(r) && !mesh_ip_is_none(&r->endpoint.ip);
}

/* "reply from b (100.64.0.2) direct 1.2.3.4:41641 in 1.2 ms". */
void ping_describe(const struct mesh_ping_result *r,
    char out[static PING_TEXT]);

#endif
