/* SPDX-License-Identifier: ISC
 * sockets.h - the sockets that the worker is born with. Options that every
 * connection inherits are set on the listener: no call per connection.
 */
#ifndef RELAYD_SOCKETS_H
#define RELAYD_SOCKETS_H

#include "base/addr.h"

/* Is it "ADDR:PORT"? MESH_ERR_FORMAT with a sentence. */
int socket_check(const char *what, struct mesh_diag *diag) MESH_MUST_USE;

/* what: as checked. The descriptor, or -1 with diag. A socket of that kind that
 * the service manager passed is taken instead of a new one. */
int socket_listen(const char *what, struct mesh_diag *diag);
int socket_stun(const char *what, struct mesh_diag *diag);
/* One that connects, or -1 with errno. */
int socket_dial(const struct mesh_endpoint *to);

#endif
