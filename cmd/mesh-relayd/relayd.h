/* SPDX-License-Identifier: ISC
 * relayd.h - what the roles of mesh-relayd share.
 *
 *	main.c      options; which role am I?
 *	helper.c    the parent: state, certificates, sockets; starts the worker
 *	identity.c  the relay's key and its certificates, as files
 *	region.c    the other relays of this one's region, as options say
 *	link.c      what helper and worker say to each other
 *	worker.c    the loop: accept, time, writing; no files, no privilege
 *	client.c    one connection: TLS, HTTP head, relay session
 *	call.c      connections to the other relays of the region
 *	request.c   the HTTP side of a relay host
 *	stun.c      "I saw you at ..."
 *	asker.c     the process that asks --admit; post.c one question
 */
#ifndef RELAYD_H
#define RELAYD_H

#include "common/conf.h"
#include <mesh/key.h>

#define RELAYD_NAME "mesh-relayd"
#define RELAYD_WORKER "worker"
#define RELAYD_ASKER "asker"

/* Descriptors of the worker, behind its link. */
enum {
	RELAYD_FD_LISTEN = 4, /* TCP */
	RELAYD_FD_STUN = 5,   /* UDP, or /dev/null without --stun */
};

struct relayd_options {
	const char *state, *listen, *stun, *hostname, *cert, *key;
	const char *mesh_key, *admit;
	struct conf_list mesh_with;
	uint64_t max_clients, accept_rate;
	bool verbose, admit_fail_open;
};

int helper_main(const struct relayd_options *o);
int worker_main(bool verbose);

#endif
