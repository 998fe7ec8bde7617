/* SPDX-License-Identifier: ISC
 * reply.c - what an answer means, and text in a query; without any I/O. */
#include <mesh/local.h>

#include "base/json.h"

#include <stdlib.h>

/* {"error": TEXT}, with the name in any case (services.md 1.3). */
static bool
json_error(const char *body, char *out, size_t size)
{
	struct mesh_json *j = malloc(sizeof(*j));
	struct mesh_str name;
	bool found = false;

	if (j == NULL)
		return false;
	mesh_json_init(j, body, strlen(body), 0);
	mesh_json_object(j);
	while (mesh_json_member(j, &name)) {
		if (mesh_str_eq(name, "error") || mesh_str_eq(name, "Error"))
			found = mesh_str_copy(mesh_json_string(j), out, size) ==
			    MESH_OK;
		else
			mesh_json_skip(j);
	}
	found = found && mesh_json_done(j, NULL) == MESH_OK;
	free(j);
	return found;
}

static int
status_error(unsigned status)
{
	switch (status) {
	case 403:
		return MESH_ERR_DENIED;
	case 404:
		return MESH_ERR_NOTFOUND;
	case 412:
	case 503:
		return MESH_ERR_STATE;
	case 504:
		return MESH_ERR_TIMEOUT;
	default:
		return status / 100 == 2 ? MESH_OK : MESH_ERR_REFUSED;
	}
}

int
mesh_local_check(const struct mesh_local_reply *reply, struct mesh_diag *diag)
{
	int err = status_error(reply->status);
	struct mesh_str text;
	char words[128];

	if (err == MESH_OK)
		return MESH_OK;
	text = mesh_str_trim(mesh_str(reply->body ? reply->body : ""));
	if (text.len > 0 && text.p[0] == '{' &&
	    json_error(reply->body, words, sizeof(words)))
		return mesh_fail(diag, err, "%s", words);
	if (text.len > 0)
		return mesh_fail(diag, err, "%.*s",
		    (int)(text.len < 150 ? text.len : 150), text.p);
	return mesh_fail(diag, err, "the daemon answered with status %u",
	    reply->status);
}

int
mesh_local_escape(const char *text, char *out, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	static const char hex[] = "0123456789ABCDEF";
	size_t at = 0;

	for (; *text != 0; text++) {
		uint8_t c = (uint8_t)*text;
		bool as_is = strchr(plain, c) != NULL;

		if (at + (as_is ? 1 : 3) >= size)
			return MESH_ERR_LIMIT;
		if (as_is) {
			out[at++] = (char)c;
			continue;
		}
		out[at++] = '%';
		out[at++] = hex[c >> 4];
		out[at++] = hex[c & 15];
	}
	if (at >= size)
		return MESH_ERR_LIMIT;
	out[at] = 0;
	return MESH_OK;
}
