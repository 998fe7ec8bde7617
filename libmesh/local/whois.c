/* SPDX-License-Identifier: ISC */
#include "local/whois.h"

#include "local/netmap.h"

#define WHOIS_MEMORY (4u << 20) /* bytes that one decoded answer may take */

struct whois {
	struct mesh_node *node;
	struct mesh_user *user;
};

static const struct mesh_field whois_fields[] = {
	{"Node", MESH_BIND_OBJECT, offsetof(struct whois, node), 0,
	    .sub = &mesh_node_schema},
	{"UserProfile", MESH_BIND_OBJECT, offsetof(struct whois, user), 0,
	    .sub = &mesh_user_schema},
};
static const struct mesh_schema whois_schema =
    MESH_SCHEMA(struct whois, whois_fields);

/* Text that is too long for its place is cut: names have 255 bytes at most. */
static void
fill(char *out, size_t size, const char *text)
{
	struct mesh_str s = mesh_str(text ? text : "");

	if (s.len >= size)
		s.len = size - 1;
	memcpy(out, s.p, s.len);
	out[s.len] = 0;
}

static void
fill_tags(struct mesh_whois *w, const struct mesh_node *node)
{
	for (size_t i = 0; i < node->tags.count && i < MESH_WHOIS_TAGS; i++) {
		const char *tag = mesh_node_tags(node)[i];

		if (tag == NULL)
			continue;
		fill(w->tags[w->tag_count], sizeof(w->tags[0]), tag);
		w->tag_count++;
	}
}

static void
drop_last_dot(char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		name[len - 1] = 0;
}

int
mesh_whois_parse(const char *text, size_t len, struct mesh_whois *out,
    struct mesh_diag *diag)
{
	struct mesh_arena a;
	struct mesh_whois w = {0};
	struct whois got = {0};
	int err;

	mesh_arena_init(&a, WHOIS_MEMORY);
	err = mesh_bind_parse(text, len, &whois_schema, &a, &got, diag);
	if (err == MESH_OK && got.node == NULL)
		err = mesh_fail(diag, MESH_ERR_FORMAT,
		    "the answer has no node");
	if (err == MESH_OK) {
		fill(w.node, sizeof(w.node), got.node->name);
		drop_last_dot(w.node);
		fill_tags(&w, got.node);
		if (got.user != NULL) {
			fill(w.user, sizeof(w.user), got.user->login_name);
			fill(w.display, sizeof(w.display),
			    got.user->display_name);
		}
		*out = w;
	}
	mesh_arena_release(&a);
	return err;
}

void
mesh_whois_write(struct mesh_buf *out, const struct mesh_netmap *nm,
    const struct mesh_node *node)
{
	static const struct mesh_user nobody;
	const struct mesh_user *user = mesh_netmap_user(nm, node->user);
	struct mesh_jw w;

	mesh_jw_init(&w, out, true);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "Node");
	mesh_local_write_node(&w, node);
	mesh_jw_name(&w, "UserProfile");
	mesh_bind_write(&w, &mesh_user_schema, user ? user : &nobody);
	mesh_jw_name(&w, "CapMap");
	mesh_local_write_caps(&w, nm, node);
	mesh_jw_end_object(&w);
	mesh_buf_add_byte(out, '\n');
}
