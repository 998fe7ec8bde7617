/* SPDX-License-Identifier: ISC
 * admin.h - one question to mesh-controld over its admin socket.
 *
 * HTTP/1.1 with JSON on a Unix socket, paths and field names of Headscale's API
 * v1 (protocol/services.md 9.3). Blocking, for commands.
 *
 *	struct admin_reply reply;
 *	status = admin_call(&(struct admin_request){.name = "mesh-user",
 *	    .method = "GET", .path = "/api/v1/user"}, &reply);
 *	if (status == 0)
 *		... reply.body.data[0..reply.body.len) is the JSON ...
 *	admin_reply_release(&reply);
 */
#ifndef CMD_COMMON_ADMIN_H
#define CMD_COMMON_ADMIN_H

#include <base/buf.h>
#include <base/text.h>

#define ADMIN_SOCKET "/run/mesh/controld.sock" /* unless told otherwise */
#define ADMIN_REPLY_MAX (64u << 20)	       /* bytes */
#define ADMIN_TIMEOUT_SEC 30

struct admin_request {
	const char *name;   /* of the command, for messages */
	const char *socket; /* NULL: $MESH_CONTROL_SOCKET, or ADMIN_SOCKET */
	const char *method;
	const char *path;     /* percent-encoded where needed (admin_escape) */
	struct mesh_str body; /* JSON, or nothing */
};

struct admin_reply {
	struct mesh_buf body;
};

/* 0 when the answer was 200. Else an exit status of DESIGN 9 after a message on
 * stderr that has the server's own words: 1 no (not found, exists, refused), 2
 * wrong usage, 3 not running, 5 not permitted, 6 timed out, 7 broken answer. */
int admin_call(const struct admin_request *req, struct admin_reply *out);
void admin_reply_release(struct admin_reply *r);

/* Text as one path segment or query value; out ends with NUL. False if it does
 * not fit. */
bool admin_escape(const char *text, char *out, size_t size);

#endif
