/* SPDX-License-Identifier: ISC
 * ping.h - the answer of ping. Source: protocol/services.md 1.8; sample
 * localapi-ping.json. `err` is set when there was no reply: the HTTP status is
 * 200 then too. */
#ifndef MESH_LOCAL_PING_H
#define MESH_LOCAL_PING_H

#include "base/addr.h"
#include "base/bind.h"

struct mesh_ping_result {
	const char *ip;	  /* that was asked for */
	const char *node_ip;
	const char *node_name;
	const char *err;
	double latency_seconds;
	struct mesh_endpoint endpoint; /* direct, or none */
	const char *peer_relay;
	int32_t relay_region;	/* by relay, or 0 */
	const char *relay_code; /* "fra" */
	bool is_local;		/* our own address */
	uint16_t peerapi_port;	/* from a TSMP reply; 0: none */
	const char *peerapi_url; /* that answered a peerapi ping */
};

extern const struct mesh_schema mesh_ping_schema;

#endif
