/* SPDX-License-Identifier: ISC
 * monitor_int.h - the monitor's state, between its files. Private.
 */
#ifndef MESHD_MONITOR_INT_H
#define MESHD_MONITOR_INT_H

#include "child.h"
#include "rtnl.h"
#include "state.h"
#include "tun.h"

#define MONITOR_UDP 2 /* sockets: IPv4, IPv6 */

struct monitor {
	struct tbl_conf conf;
	struct state state;
	struct tun tun;
	struct rtnl rtnl;
	int udp[MONITOR_UDP]; /* -1: the family is not there */
	uint16_t port[MONITOR_UDP];
	int api, signals;
	bool made_api; /* ours to remove */
	struct mesh_node_secret key;
	struct child engine, agent;
	struct tbl_prefixes addrs, routes; /* as they are on the TUN; sorted */
	struct mesh_time links_due;	   /* tell of changed links then */
	bool stopping, ready;
	uint8_t buf[MSG_MAX];  /* for what comes in */
	uint8_t body[MSG_MAX]; /* for what goes out */
};

/* monitor_open.c: everything that needs privilege at the start, in order; what
 * failed is in diag. monitor_close() undoes it all. */
int monitor_open(struct monitor *m, struct mesh_diag *diag);
void monitor_close(struct monitor *m);

/* monitor_role.c: starting a role and serving its requests. */
void monitor_start(struct monitor *m, struct child *c, struct mesh_time now);
/* Takes what the role sent, until there is no more. */
void monitor_serve(struct monitor *m, struct child *c);
/* Tells both roles what the links look like. */
void monitor_tell_links(struct monitor *m);
int monitor_send_netmap(struct monitor *m);

#endif
