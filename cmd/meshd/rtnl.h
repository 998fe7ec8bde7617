/* SPDX-License-Identifier: ISC
 * rtnl.h - rtnetlink for the monitor: addresses, routes and the state of the
 * TUN, and what the machine's links look like. Needs libc alone.
 *
 * Every change is sent with NLM_F_ACK and answered before the call returns.
 * Errors: MESH_ERR_IO with errno as the kernel gave it.
 */
#ifndef MESHD_RTNL_H
#define MESHD_RTNL_H

#include "tables.h"

struct rtnl {
	int ask;   /* requests and dumps */
	int watch; /* changes; poll it */
	uint32_t seq;
};

int rtnl_open(struct rtnl *n);
void rtnl_close(struct rtnl *n);

int rtnl_link_up(struct rtnl *n, unsigned ifindex, unsigned mtu);
/* add false: removes it. What is already as wanted is MESH_OK. */
int rtnl_addr(struct rtnl *n, bool add, unsigned ifindex,
    const struct mesh_prefix *p);
int rtnl_route(struct rtnl *n, bool add, unsigned ifindex,
    const struct mesh_prefix *p);

/* Drains the watch socket; true: something changed, dump again. */
bool rtnl_changed(struct rtnl *n);
/* The addresses of all links that are up, but those of `except`. v has room
 * for TBL_LINK_ADDRS_MAX entries. */
int rtnl_links(struct rtnl *n, unsigned except, struct tbl_link_addr *v,
    struct tbl_links *out);

#endif
