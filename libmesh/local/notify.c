/* SPDX-License-Identifier: ISC */
#include "local/notify.h"

#include <stdlib.h>

static void
write_text(struct mesh_jw *w, const char *name, const char *text)
{
	mesh_jw_name(w, name);
	if (text != NULL)
		mesh_jw_string(w, text);
	else
		mesh_jw_null(w);
}

static void
write_object(struct mesh_jw *w, const char *name, const struct mesh_schema *s,
    const void *object)
{
	mesh_jw_name(w, name);
	if (object != NULL)
		mesh_bind_write(w, s, object);
	else
		mesh_jw_null(w);
}

static void
write_state(struct mesh_jw *w, const struct mesh_notify *n)
{
	mesh_jw_name(w, "LoginFinished");
	if (n->login_finished) {
		mesh_jw_object(w);
		mesh_jw_end_object(w);
	} else {
		mesh_jw_null(w);
	}
	mesh_jw_name(w, "State");
	if (n->has_state)
		mesh_jw_int(w, n->state);
	else
		mesh_jw_null(w);
}

static void
write_peers(struct mesh_jw *w, const struct mesh_notify *n)
{
	const struct mesh_str *changed = n->peers_changed.items;
	const int64_t *removed = n->peers_removed.items;

	if (n->peers_changed.count > 0) {
		mesh_jw_name(w, "PeersChanged");
		mesh_jw_array(w);
		for (size_t i = 0; i < n->peers_changed.count; i++)
			mesh_jw_raw(w, changed[i]);
		mesh_jw_end_array(w);
	}
	if (n->peers_removed.count > 0) {
		mesh_jw_name(w, "PeersRemoved");
		mesh_jw_array(w);
		for (size_t i = 0; i < n->peers_removed.count; i++)
			mesh_jw_int(w, removed[i]);
		mesh_jw_end_array(w);
	}
}

static void
write_engine(struct mesh_jw *w, const struct mesh_notify_engine *e)
{
	mesh_jw_name(w, "Engine");
	if (e == NULL) {
		mesh_jw_null(w);
		return;
	}
	mesh_jw_object(w);
	mesh_jw_name(w, "RBytes");
	mesh_jw_int(w, e->rx_bytes);
	mesh_jw_name(w, "WBytes");
	mesh_jw_int(w, e->tx_bytes);
	mesh_jw_name(w, "NumLive");
	mesh_jw_int(w, e->live);
	mesh_jw_name(w, "LiveDERPs");
	mesh_jw_int(w, e->live_relays);
	mesh_jw_name(w, "LivePeers");
	mesh_jw_object(w);
	mesh_jw_end_object(w);
	mesh_jw_end_object(w);
}

void
mesh_notify_write(struct mesh_buf *out, const struct mesh_notify *n)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "Version");
	mesh_jw_string(&w, n->version);
	if (n->session_id != NULL)
		write_text(&w, "SessionID", n->session_id);
	write_text(&w, "ErrMessage", n->err_message);
	write_state(&w, n);
	write_object(&w, "Prefs", &mesh_prefs_schema, n->prefs);
	if (n->initial_status != NULL)
		write_object(&w, "InitialStatus", &mesh_status_schema,
		    n->initial_status);
	if (n->self_change != NULL) {
		mesh_jw_name(&w, "SelfChange");
		mesh_local_write_node(&w, n->self_change);
	}
	mesh_jw_name(&w, "NetMap");
	mesh_local_write_netmap(&w, n->netmap);
	write_peers(&w, n);
	write_engine(&w, n->engine);
	write_text(&w, "BrowseToURL", n->browse_to_url);
	mesh_jw_end_object(&w);
	mesh_buf_add_byte(out, '\n');
}

static const char *
take_text(struct mesh_json *j, struct mesh_arena *a)
{
	struct mesh_str s = mesh_json_string(j);

	return mesh_arena_strndup(a, s.p, s.len);
}

static void
take_prefs(struct mesh_json *j, struct mesh_arena *a, struct mesh_notify *out)
{
	out->prefs = mesh_arena_calloc(a, 1, sizeof(*out->prefs));
	if (out->prefs == NULL)
		mesh_json_fail(j, MESH_ERR_NOMEM, "message too large");
	else
		mesh_bind_read(j, &mesh_prefs_schema, a, out->prefs);
}

static void
take_member(struct mesh_json *j, struct mesh_str name, struct mesh_arena *a,
    struct mesh_notify *out)
{
	if (mesh_json_null(j))
		return;
	if (mesh_str_eq(name, "State")) {
		out->state =
		    (int32_t)mesh_json_int(j, 0, MESH_BACKEND_RUNNING);
		out->has_state = true;
	} else if (mesh_str_eq(name, "ErrMessage")) {
		out->err_message = take_text(j, a);
	} else if (mesh_str_eq(name, "BrowseToURL")) {
		out->browse_to_url = take_text(j, a);
	} else if (mesh_str_eq(name, "Version")) {
		out->version = take_text(j, a);
	} else if (mesh_str_eq(name, "Prefs")) {
		take_prefs(j, a, out);
	} else if (mesh_str_eq(name, "LoginFinished")) {
		out->login_finished = true;
		mesh_json_skip(j);
	} else {
		mesh_json_skip(j);
	}
}

int
mesh_notify_parse(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_notify *out, struct mesh_diag *diag)
{
	struct mesh_json *j = malloc(sizeof(*j));
	struct mesh_notify n = {0};
	struct mesh_str name;
	int err;

	if (j == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	mesh_json_init(j, text, len, 0);
	mesh_json_object(j);
	while (mesh_json_member(j, &name))
		take_member(j, name, a, &n);
	err = mesh_json_done(j, diag);
	free(j);
	if (err == MESH_OK && a->failed)
		err = mesh_fail(diag, MESH_ERR_NOMEM, "message too large");
	if (err == MESH_OK)
		*out = n;
	return err;
}
