/* SPDX-License-Identifier: ISC
 * client_int.h - between client.c (what goes out, time) and client_in.c (what
 * comes in).
 */
#ifndef MESH_RELAY_CLIENT_INT_H
#define MESH_RELAY_CLIENT_INT_H

#include "relay/client.h"

/* What looking at the input came to. */
enum relay_step {
	RELAY_STEP_ON,    /* go on looking */
	RELAY_STEP_EVENT, /* hand it out */
	RELAY_STEP_WAIT,  /* more input is needed */
	RELAY_STEP_DEAD,
};

/* client_in.c: takes one thing from the input; on RELAY_STEP_EVENT it is in
 * *ev. */
enum relay_step mesh_relay_client_look(struct mesh_relay_client *c,
    struct mesh_time now, struct mesh_relay_event *ev);

/* client.c: ends the session; returns err. */
int mesh_relay_client_die(struct mesh_relay_client *c, int err, const char *fmt,
    ...) MESH_PRINTF(3, 4);
/* The server's key is known: client info, and what waited for it. */
int mesh_relay_client_send_info(struct mesh_relay_client *c);
void mesh_relay_client_send_pong(struct mesh_relay_client *c,
    const uint8_t data[static MESH_RELAY_PING_LEN]);
void mesh_relay_client_forget(struct mesh_relay_client *c);

#endif
