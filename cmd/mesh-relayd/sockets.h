/* SPDX-License-Identifier: ISC
 * sockets.h - the sockets that the worker is born with. Options that every
 * connection inherits are set on the listener: no call per connection.
 */
#ifndef RELAYD_SOCKETS_H
#define RELAYD_SOCKETS_H

#include <mesh/base.h>

/* what: "ADDR:PORT" as the user wrote it, for option `--NAME`. The descriptor,
 * or -1 with diag; MESH_ERR_FORMAT in *out_err means a usage error. A socket of
 * that kind passed by the service manager is taken instead of a new one. */
int socket_listen(const char *what, int *out_err, struct mesh_diag *diag);
int socket_stun(const char *what, int *out_err, struct mesh_diag *diag);

#endif
