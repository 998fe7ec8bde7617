/* SPDX-License-Identifier: ISC
 * parse_app.c - "app" of a grant: capabilities that its sources have with its
 * destinations, each with a list of values (services.md 6.6).
 */
#include "policy/parse_int.h"

#define APP_MAX 65536u /* bytes of one grant's capabilities, as JSON */

/* Those of the product's own domain that may be granted, and what the other
 * side is told along with one. */
static const struct {
	const char *name, *companion;
} own[] = {
    {"tailscale.com/cap/drive", "tailscale.com/cap/drive-sharer"},
    {"tailscale.com/cap/relay", "tailscale.com/cap/relay-target"},
    {"tailscale.com/cap/webui", NULL},
    {"tailscale.com/cap/kubernetes", NULL},
    {"tailscale.com/cap/tsidp", NULL},
};

/* What is wrong with the name, or NULL; companion: left alone if there is none.
 */
static const char *
name_check(struct mesh_str name, struct mesh_policy_app *app)
{
	struct mesh_str rest = name;

	if (name.len == 0)
		return "is no capability: they look like 'example.com/name'";
	for (; rest.len > 2; rest.p++, rest.len--)
		if (!memcmp(rest.p, "://", 3))
			return "is no capability: no '://' in it";
	if (!mesh_str_has_prefix(name, "tailscale.com/"))
		return NULL;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		if (!mesh_str_eq(name, own[i].name))
			continue;
		if (own[i].companion != NULL)
			app->companions[i] = own[i].companion;
		return NULL;
	}
	return "is a capability that nobody can grant";
}

/* One value without the blanks and comments of HuJSON. The reader bounds the
 * depth. */
static void
copy_value(struct mesh_json *j, struct mesh_jw *w)
{
	struct mesh_str name;
	char text[MESH_JSON_SCRATCH];

	switch (mesh_json_peek(j)) {
	case MESH_JSON_OBJECT:
		mesh_json_object(j);
		mesh_jw_object(w);
		while (mesh_json_member(j, &name)) {
			if (mesh_str_copy(name, text, sizeof(text)) !=
			    MESH_OK) {
				mesh_json_fail(j, MESH_ERR_FORMAT,
				    "the name is too long");
				return;
			}
			mesh_jw_name(w, text);
			copy_value(j, w);
		}
		mesh_jw_end_object(w);
		break;
	case MESH_JSON_ARRAY:
		mesh_json_array(j);
		mesh_jw_array(w);
		while (mesh_json_element(j))
			copy_value(j, w);
		mesh_jw_end_array(w);
		break;
	default:
		mesh_jw_raw(w, mesh_json_raw(j));
	}
}

static void
read_capability(struct mesh_policy_parse *ps, struct mesh_str name,
    struct mesh_jw *w, struct mesh_policy_app *app)
{
	char text[256];

	if (mesh_policy_complain(ps, name, name_check(name, app)))
		return;
	if (mesh_str_copy(name, text, sizeof(text)) != MESH_OK) {
		mesh_policy_complain(ps, name, "is too long");
		return;
	}
	mesh_jw_name(w, text);
	if (mesh_json_peek(&ps->j) != MESH_JSON_ARRAY)
		mesh_policy_fail(ps, "'%s' needs a list of values", text);
	else
		copy_value(&ps->j, w);
}

void
mesh_policy_read_app(struct mesh_policy_parse *ps, struct mesh_policy_app *out)
{
	struct mesh_str name;
	struct mesh_buf json;
	struct mesh_jw w;
	size_t count = 0;

	mesh_buf_init(&json, APP_MAX);
	mesh_jw_init(&w, &json, false);
	mesh_json_object(&ps->j);
	mesh_jw_object(&w);
	while (mesh_json_member(&ps->j, &name)) {
		read_capability(ps, name, &w, out);
		count++;
	}
	mesh_jw_end_object(&w);
	if (json.failed)
		mesh_policy_fail(ps, "'app' is longer than %u bytes", APP_MAX);
	else if (count > 0 && mesh_json_err(&ps->j) == MESH_OK) {
		out->json.p = mesh_arena_strndup(&ps->p->arena,
		    (const char *)json.data, json.len);
		out->json.len = json.len;
		if (out->json.p == NULL)
			mesh_policy_nomem(ps);
	}
	mesh_buf_release(&json);
}
