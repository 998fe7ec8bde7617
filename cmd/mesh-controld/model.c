/* SPDX-License-Identifier: ISC */
#include "model.h"

#include "routes.h"

#include <stdlib.h>
#include <string.h>

#define TAG_NAME_MAX 63u /* bytes behind "tag:" */

void
auth_key_release(struct auth_key *k)
{
	free(k->tags);
	k->tags = NULL;
}

void
node_release(struct node *n)
{
	free(n->endpoints);
	free(n->tags);
	free(n->hostname);
	free(n->hostinfo);
	free(n->hostinfo_peer);
	node_routes_free(n->routes);
	n->endpoints = NULL;
	n->routes = NULL;
	n->endpoint_count = 0;
	n->tags = n->hostname = n->hostinfo = n->hostinfo_peer = NULL;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
tag_is_valid(struct mesh_str tag)
{
	if (!mesh_str_has_prefix(tag, "tag:") || tag.len == 4 ||
	    tag.len > 4 + TAG_NAME_MAX || !is_letter(tag.p[4]))
		return false;
	for (size_t i = 5; i < tag.len; i++) {
		char c = tag.p[i];

		if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

bool
tags_next(struct mesh_str *rest, struct mesh_str *out_tag)
{
	if (rest->len == 0)
		return false;
	*out_tag = mesh_str_cut(rest, ',');
	return true;
}

static int
str_compare(struct mesh_str a, struct mesh_str b)
{
	int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

int
tags_add(char *list, struct mesh_str tag)
{
	struct mesh_str rest = mesh_str(list), each;
	size_t len = rest.len, at = len;
	bool last = true;

	if (!tag_is_valid(tag))
		return MESH_ERR_FORMAT;
	while (tags_next(&rest, &each)) {
		int c = str_compare(tag, each);

		if (c == 0)
			return MESH_OK;
		if (c < 0) {
			at = (size_t)(each.p - list);
			last = false;
			break;
		}
	}
	if (len + tag.len + 1 >= TAGS_MAX)
		return MESH_ERR_LIMIT;
	if (last && len > 0)
		list[at++] = ',';
	else if (!last) {
		memmove(list + at + tag.len + 1, list + at, len - at);
		list[at + tag.len] = ',';
	}
	memcpy(list + at, tag.p, tag.len);
	list[len + tag.len + (len > 0)] = '\0';
	return MESH_OK;
}
