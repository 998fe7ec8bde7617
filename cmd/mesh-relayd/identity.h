/* SPDX-License-Identifier: ISC
 * identity.h - who the relay is: its key, its certificates, as files.
 *
 * In the state folder, all made at the first start:
 *	relay.key        "privkey:" and 64 hex digits, 0600
 *	self-signed.crt  and .key: used without --cert and --key
 *	pin              "sha256-raw:HEX", what a relay map says for that
 *	                 certificate (protocol/dataplane.md 3.12)
 *	lock             held while a daemon runs on this folder
 */
#ifndef RELAYD_IDENTITY_H
#define RELAYD_IDENTITY_H

#include "base/buf.h"
#include <mesh/key.h>

#define IDENTITY_FILE_MAX 65536u /* bytes of a certificate or key file */
#define IDENTITY_PIN 76u         /* "sha256-raw:", 64 digits, NUL */

struct identity {
	struct mesh_node_secret secret;
	struct mesh_buf chain; /* PEM: leaf, intermediates, meta certificate */
	struct mesh_buf key;   /* PEM */
	char pin[IDENTITY_PIN];
	int lock;
};

/* Makes the folder if need be, takes its lock, reads or makes relay.key. diag:
 * a sentence. */
int identity_open(struct identity *id, const char *dir,
    struct mesh_diag *diag) MESH_MUST_USE;
void identity_close(struct identity *id);

/* The certificates: cert and key are files, or NULL for the self-signed one of
 * dir. On failure id keeps what it had. */
int identity_load(struct identity *id, const char *dir, const char *hostname,
    const char *cert, const char *key, struct mesh_diag *diag) MESH_MUST_USE;

#endif
