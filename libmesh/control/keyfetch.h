/* SPDX-License-Identifier: ISC
 * keyfetch.h - GET /key: which key a control server has, without I/O.
 *
 * This answer is all that the trust in a server rests on: it goes by the URL's
 * own scheme, with the certificate checked when that is https, and never over
 * plain HTTP for an https URL. Source: protocol/control.md 2.1.
 */
#ifndef MESH_CONTROL_KEYFETCH_H
#define MESH_CONTROL_KEYFETCH_H

#include <control/msg.h>
#include <wire/http.h>

#define MESH_KEYFETCH_BODY_MAX (64u << 10) /* bytes */
#define MESH_KEYFETCH_TIMEOUT_NS (10 * MESH_SEC)

struct mesh_keyfetch { /* read began; the rest is private */
	bool began; /* some of the answer came */
	struct mesh_buf head; /* then: framing that is not whole */
	struct mesh_buf body;
	bool in_body;
	enum mesh_http_body framing;
	uint64_t body_len;
	struct mesh_http_chunks chunks;
};

/* The request, whole: MESH_OK, MESH_ERR_NOMEM, MESH_ERR_LIMIT. authority: of the
 * server's URL. */
int mesh_keyfetch_request(const char *authority, uint16_t version,
    struct mesh_buf *out);

void mesh_keyfetch_init(struct mesh_keyfetch *f);
void mesh_keyfetch_release(struct mesh_keyfetch *f);
/* Bytes of the answer; len 0: the connection ended. MESH_ERR_AGAIN: more is
 * needed. MESH_OK: here they are. MESH_ERR_REFUSED: a status other than 200;
 * MESH_ERR_FORMAT, _LIMIT, _CLOSED, _NOMEM; with what to tell in diag. */
int mesh_keyfetch_input(struct mesh_keyfetch *f, const void *p, size_t len,
    struct mesh_server_keys *out, struct mesh_diag *diag);

#endif
