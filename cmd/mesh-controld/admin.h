/* SPDX-License-Identifier: ISC
 * admin.h - the admin socket: HTTP/1.1 with JSON, for root and the daemon's own
 * user; paths and field names are those of Headscale's API v1
 * (protocol/services.md 9.3).
 *
 * admin.c has connections and HTTP, admin_api.c the routes, admin_json.c the
 * shapes. One request at a time per connection; limits below.
 */
#ifndef CONTROLD_ADMIN_H
#define CONTROLD_ADMIN_H

#include <base/buf.h>
#include <base/text.h>

#define ADMIN_CONNECTIONS 64u
#define ADMIN_BODY_MAX (2u << 20)  /* bytes of a request's body */
#define ADMIN_ANSWER_MAX (64u << 20)
#define ADMIN_IDLE_SEC 30

struct admin;
struct core;

/* fd listens; it becomes the admin's. NULL without memory. */
struct admin *admin_new(struct core *core, int fd);
void admin_free(struct admin *a);

struct admin_request {
	struct mesh_str method;
	struct mesh_str path;  /* without query, as it came */
	struct mesh_str query; /* behind '?' */
	struct mesh_str body;
};

/* Answers: a status, and JSON in out (an error: {"code","message"}). */
unsigned admin_route(struct core *c, const struct admin_request *req,
    struct mesh_buf *out);

#endif
