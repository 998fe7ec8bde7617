/* SPDX-License-Identifier: ISC */
#include "label.h"

#define LABEL_LEN (NODE_LABEL_MAX - 1)

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static struct mesh_str
without_suffix(struct mesh_str s, const char *suffix)
{
	size_t len = strlen(suffix);

	if (s.len >= len && memcmp(s.p + s.len - len, suffix, len) == 0)
		s.len -= len;
	return s;
}

/* The character of the label for one of the host name; 0: dropped. */
static char
label_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if (is_alnum(c) || c == '-')
		return c;
	return c == ' ' || c == '.' || c == '@' || c == '_' ? '-' : '\0';
}

void
label_from_host(struct mesh_str host, char out[static NODE_LABEL_MAX])
{
	static const char *const suffixes[] = {".local", ".localdomain",
	    ".lan"};
	size_t len = 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		host = without_suffix(host, suffixes[i]);
	if (host.len > LABEL_LEN)
		host.len = LABEL_LEN;
	while (host.len > 0 && !is_alnum(host.p[0])) {
		host.p++;
		host.len--;
	}
	while (host.len > 0 && !is_alnum(host.p[host.len - 1]))
		host.len--;
	for (size_t i = 0; i < host.len; i++) {
		char c = label_char(host.p[i]);

		if (c != '\0')
			out[len++] = c;
	}
	out[len] = '\0';
	if (len == 0)
		mesh_format(out, NODE_LABEL_MAX, "node");
}

void
label_numbered(const char *base, unsigned n, char out[static NODE_LABEL_MAX])
{
	char suffix[16] = "";
	size_t room;

	if (n > 0)
		mesh_format(suffix, sizeof(suffix), "-%u", n);
	room = LABEL_LEN - strlen(suffix);
	mesh_format(out, NODE_LABEL_MAX, "%.*s%s", (int)room, base, suffix);
}

bool
label_is_valid(struct mesh_str label)
{
	if (label.len == 0 || label.len > LABEL_LEN || label.p[0] == '-' ||
	    label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (label_char(label.p[i]) != label.p[i])
			return false;
	return true;
}
