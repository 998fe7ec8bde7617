/* SPDX-License-Identifier: ISC
 * url.h - where to dial a control server: its URL taken apart.
 *
 * Source: protocol/control.md 3.2; vectors-control.md 4. Plain HTTP is tried
 * first, HTTPS after MESH_CONTROL_HTTPS_DELAY_NS or when HTTP failed.
 */
#ifndef MESH_CONTROL_URL_H
#define MESH_CONTROL_URL_H

#include <base/text.h>

#define MESH_URL_HOST_MAX 254u /* with NUL */
#define MESH_URL_PATH_MAX 1024u
#define MESH_CONTROL_HTTPS_DELAY_NS (500 * MESH_MS)
#define MESH_CONTROL_DIAL_TIMEOUT_NS (10 * MESH_SEC)

struct mesh_control_url {
	bool https; /* the scheme: GET /key goes this way, and this way alone */
	char host[MESH_URL_HOST_MAX]; /* name or address, without brackets */
	char authority[MESH_URL_HOST_MAX + 8]; /* as in the Host header */
	uint16_t port;	     /* that the URL says or implies */
	uint16_t https_port; /* for the channel; 0: do not try */
	uint16_t http_port;  /* for the channel; 0: do not try */
};

/* "http://127.0.0.1:8080", "https://control.example.org". A path other than
 * "/" is refused, as are user names, queries and fragments. MESH_ERR_FORMAT,
 * with what was wrong in diag (may be NULL). */
int mesh_control_url_parse(const char *url, struct mesh_control_url *out,
    struct mesh_diag *diag);

/* The path with query of an absolute URL, or of text that begins with '/': what
 * is asked for on the control channel. Borrowed from url. {NULL, 0}: none. */
struct mesh_str mesh_url_path(const char *url);

#endif
