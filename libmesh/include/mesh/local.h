/* SPDX-License-Identifier: ISC
 * mesh/local.h - ask the node daemon on this machine: who is calling, who is
 * there. For services and commands.
 *
 * The daemon serves HTTP/1.1 with JSON on a Unix socket; paths and shapes are
 * those of the field's local API (protocol/services.md 1), so this client also
 * works with a stock tailscaled, and stock programs with ours. Every local user
 * may ask for status and whois; changes are for root and the operator.
 *
 * A service learns who is calling in three lines:
 *
 *	struct mesh_whois who;
 *	if (mesh_whois(NULL, "100.64.0.7:52044", &who, NULL) == MESH_OK)
 *		printf("%s on %s\n", who.user, who.node);
 *
 * This client is the one part of libmesh that opens a descriptor. It blocks, at
 * most for the time that was given; one thread at a time per handle.
 */
#ifndef MESH_LOCAL_H
#define MESH_LOCAL_H

#include <mesh/base.h>

#define MESH_LOCAL_SOCKET "/run/mesh/meshd.sock" /* unless told otherwise */
#define MESH_LOCAL_TIMEOUT (10 * MESH_SEC)	 /* what mesh_whois() waits */
#define MESH_LOCAL_REPLY_MAX (64u << 20)	 /* bytes of one answer */

struct mesh_local; /* a connection */

/* Connects. path NULL: MESH_LOCAL_SOCKET; a path longer than a Unix address
 * takes is MESH_ERR_ARG. MESH_ERR_NOTFOUND: no daemon is listening there;
 * MESH_ERR_DENIED: the socket may not be opened; MESH_ERR_TIMEOUT, MESH_ERR_IO,
 * MESH_ERR_NOMEM. diag (may be NULL) has a sentence. */
MESH_EXPORT int mesh_local_connect(const char *path, uint64_t timeout_ns,
    struct mesh_local **out, struct mesh_diag *diag) MESH_MUST_USE;
MESH_EXPORT void mesh_local_free(struct mesh_local *l);

/* The time that each later call may take; MESH_NEVER's ns: no limit. */
MESH_EXPORT void mesh_local_set_timeout(struct mesh_local *l,
    uint64_t timeout_ns);

struct mesh_local_reply {
	unsigned status;  /* of HTTP: 200, 204, 404 ... */
	const char *body; /* terminated; borrowed until the next call on l */
	size_t len;	  /* bytes of body */
};

/* One request, one answer. name: "status?peers=false", behind /localapi/v0/.
 * body may be NULL. MESH_OK also when the answer is an error of the daemon's:
 * look at reply->status, or use mesh_local_check(). MESH_ERR_TIMEOUT,
 * MESH_ERR_CLOSED, MESH_ERR_PROTO (not an answer), MESH_ERR_LIMIT (too long):
 * the connection is of no use any more. */
MESH_EXPORT int mesh_local_call(struct mesh_local *l, const char *method,
    const char *name, const char *body, struct mesh_local_reply *out_reply,
    struct mesh_diag *diag) MESH_MUST_USE;

/* The error that goes with a status: MESH_OK for 2xx, MESH_ERR_DENIED (403),
 * MESH_ERR_NOTFOUND (404), MESH_ERR_STATE (412, 503), MESH_ERR_TIMEOUT (504),
 * else MESH_ERR_REFUSED; diag gets the daemon's words. */
MESH_EXPORT int mesh_local_check(const struct mesh_local_reply *reply,
    struct mesh_diag *diag);

/* A stream of JSON lines ("watch-ipn-bus?mask=2"): begin once, then read line by
 * line; nothing else can be asked on this connection. *out_line is terminated,
 * without newline, borrowed until the next call. MESH_ERR_CLOSED: the daemon
 * ended it. MESH_ERR_TIMEOUT: no line in time; call again. */
MESH_EXPORT int mesh_local_watch(struct mesh_local *l, const char *name,
    struct mesh_diag *diag) MESH_MUST_USE;
MESH_EXPORT int mesh_local_watch_next(struct mesh_local *l,
    const char **out_line, struct mesh_diag *diag) MESH_MUST_USE;

/* Text as a query value: percent-encoded. MESH_ERR_LIMIT if it does not fit. */
MESH_EXPORT int mesh_local_escape(const char *text, char *out, size_t size);

/* Who has an address. */
#define MESH_WHOIS_TAGS 16u
struct mesh_whois {
	char node[256];	   /* name, full, without the dot at the end */
	char user[256];	   /* log-in name; "tagged-devices" for tagged nodes */
	char display[256]; /* the user's name for people */
	char tags[MESH_WHOIS_TAGS][64]; /* "tag:web" */
	size_t tag_count;  /* > 0: the node belongs to its tags, to no person */
};

/* addr: "100.64.0.7", "100.64.0.7:52044", "[fd7a:115c:a1e0::7]:52044".
 * MESH_ERR_NOTFOUND: it is nobody's; the errors of connect and call else.
 * out is untouched on error. */
MESH_EXPORT int mesh_whois(const char *path, const char *addr,
    struct mesh_whois *out, struct mesh_diag *diag) MESH_MUST_USE;

#endif
