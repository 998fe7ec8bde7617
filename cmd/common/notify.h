/* SPDX-License-Identifier: ISC
 * notify.h - tells the service manager how the daemon is (sd_notify(3) by hand:
 * a datagram to the socket named in $NOTIFY_SOCKET). Without one nothing
 * happens and it is MESH_OK. Needs libc alone.
 */
#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

#include <mesh/base.h>

/* lines: "READY=1\nSTATUS=..." as sd_notify takes them. MESH_ERR_IO. */
int notify_send(const char *lines);

/* The daemon answers from now on. status: a word for `systemctl status`. */
int notify_ready(const char *status);
/* It reads its files again; notify_ready() afterwards. */
int notify_reloading(void);
int notify_stopping(void);

#endif
