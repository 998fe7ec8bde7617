/* SPDX-License-Identifier: ISC
 * agent_net.c - the netmap: frames of the map stream in, changes to the engine
 * and to watchers out, and the file that a restart begins with.
 *
 * What must not come back after a restart (a removed peer, a changed key or
 * filter) is on disk within a second; who is online and where, at most every ten
 * minutes, for flash wears.
 */
#include "agent_int.h"

#include "common/log.h"
#include "netmap/diff.h"
#include "netmap/file.h"

#include <string.h>

#define SAVE_SOON_NS (200 * MESH_MS)
#define SAVE_CHURN_NS (10 * MESH_MIN)

/* --- the file */

void
agent_net_save_now(struct agent *a)
{
	struct mesh_diag diag = {{0}};
	struct mesh_buf text;

	a->save_wanted = a->save_urgent = false;
	a->saved_at = agent_now();
	event_del(a->save_timer);
	if (a->nm == NULL || a->nm_is_file)
		return;
	mesh_buf_init(&text, MESH_NETMAP_FILE_MAX);
	mesh_netmap_file_write(&text, a->nm, a->prefs.control_url,
	    agent_wall());
	if (text.failed)
		log_err("cannot write '%s': too large", AGENT_NETMAP);
	else if (agent_store_write(a->state_dir, AGENT_NETMAP, text.data,
		     text.len, &diag) != MESH_OK)
		log_err("%s", diag.text);
	mesh_buf_release(&text);
}

static void
on_save(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	agent_net_save_now(arg);
}

void
agent_net_init(struct agent *a)
{
	a->save_timer = event_new(a->base, -1, 0, on_save, a);
}

static void
save_later(struct agent *a, bool urgent)
{
	struct mesh_time soon = mesh_time_add(agent_now(), SAVE_SOON_NS);
	struct mesh_time later = mesh_time_add(a->saved_at, SAVE_CHURN_NS);

	if (a->save_wanted && (a->save_urgent || !urgent))
		return; /* it is on its way */
	a->save_wanted = true;
	a->save_urgent = urgent;
	if (urgent || mesh_time_due(later, soon))
		later = soon;
	agent_arm(a->save_timer, later);
}

/* Is there more than churn between them? */
static bool
is_urgent(const struct mesh_netmap *old, const struct mesh_netmap *new,
    unsigned changed)
{
	const unsigned calm = MESH_NETMAP_PEER_SET | MESH_NETMAP_HEALTH |
	    MESH_NETMAP_OTHER;
	struct mesh_netmap_change c;
	struct mesh_netmap_diff d;

	if (old == NULL || (changed & ~calm))
		return true;
	mesh_netmap_diff_init(&d, old, new);
	while (mesh_netmap_diff_next(&d, &c))
		if (c.old == NULL || c.new == NULL ||
		    (c.fields & ~MESH_NODE_CHURN))
			return true;
	return false;
}

/* The file of another server is no use. */
void
agent_net_load(struct agent *a)
{
	struct mesh_netmap_file head;
	struct mesh_diag diag = {{0}};
	struct mesh_netmap *nm = NULL;
	struct mesh_arena arena;
	struct mesh_buf text;
	int err;

	mesh_buf_init(&text, MESH_NETMAP_FILE_MAX);
	mesh_arena_init(&arena, 1u << 16);
	err = agent_store_read(a->state_dir, AGENT_NETMAP, MESH_NETMAP_FILE_MAX,
	    &text, &diag);
	if (err == MESH_OK)
		err = mesh_netmap_file_read((struct mesh_str){
		    (const char *)text.data, text.len}, &arena, &head, &nm,
		    &diag);
	if (err != MESH_OK && err != MESH_ERR_NOTFOUND)
		log_err("'%s' is not read, the network is asked for anew: %s",
		    AGENT_NETMAP, diag.text);
	if (err == MESH_OK && (a->prefs.logged_out || head.server == NULL ||
		a->prefs.control_url == NULL ||
		strcmp(head.server, a->prefs.control_url) != 0)) {
		mesh_netmap_unref(nm);
		nm = NULL;
	}
	if (nm != NULL)
		log_info("network from disk peers=%zu", nm->peer_count);
	a->nm = nm;
	mesh_arena_release(&arena);
	mesh_buf_release(&text);
}

/* --- what is new */

/* Watchers of older releases learn of a new key from the whole map. */
static void
tell_self(struct agent *a, const struct mesh_netmap *old)
{
	const struct mesh_node *self = a->nm->self;

	agent_api_notify(a, &(struct mesh_notify){.self_change = self});
	if (old == NULL || old->self == NULL ||
	    !mesh_node_key_equal(&old->self->key, &self->key))
		agent_api_notify(a, &(struct mesh_notify){.netmap = a->nm});
}

static void
take_over(struct agent *a, struct mesh_netmap *nm, unsigned changed)
{
	struct mesh_netmap *old = a->nm;
	bool first = !a->nm_is_fresh;

	a->nm = nm;
	a->nm_is_fresh = true;
	if (changed != 0)
		save_later(a, is_urgent(old, nm, changed));
	if (changed != 0 || first)
		agent_push(a);
	if ((changed & (MESH_NETMAP_SELF | MESH_NETMAP_USER_SET)) || first)
		agent_login_network_user(a);
	if ((changed & MESH_NETMAP_SELF) || first)
		tell_self(a, old);
	mesh_netmap_unref(old);
	agent_state_changed(a);
}

int
agent_net_frame(struct agent *a, struct mesh_str json, bool fresh,
    struct mesh_diag *diag)
{
	struct mesh_map_response frame;
	struct mesh_netmap *nm;
	struct mesh_arena arena;
	unsigned changed;
	int err;

	mesh_arena_init(&arena, MESH_RESPONSE_MEMORY);
	err = mesh_map_response_parse(json, &arena, &frame, diag);
	if (err == MESH_OK)
		err = mesh_netmap_apply(fresh ? NULL : a->nm, &frame,
		    agent_wall(), &nm, &changed, diag);
	mesh_arena_release(&arena);
	if (err != MESH_OK)
		return err;
	if (fresh) /* a new stream tells everything anew: what is different? */
		changed = mesh_netmap_diff_parts(a->nm, nm);
	take_over(a, nm, changed);
	return MESH_OK;
}

/* --netmap FILE, at the start and on SIGHUP. */
void
agent_net_file(struct agent *a, int fd)
{
	struct mesh_diag diag = {{0}};
	struct mesh_netmap *nm = NULL;
	struct mesh_buf text;
	int err;

	mesh_buf_init(&text, MESH_NETMAP_FILE_MAX);
	err = agent_store_read_fd(fd, MESH_NETMAP_FILE_MAX, &text);
	if (err == MESH_OK)
		err = mesh_netmap_parse((const char *)text.data, text.len, &nm,
		    &diag);
	mesh_buf_release(&text);
	if (err != MESH_OK) {
		log_err("netmap file is not taken: %s",
		    diag.text[0] ? diag.text : mesh_strerror(err));
		(void)mesh_format(a->login.error, sizeof(a->login.error),
		    "netmap file: %.140s", diag.text);
		agent_state_changed(a);
		return;
	}
	log_info("network from the file peers=%zu", nm->peer_count);
	a->nm_is_file = true;
	a->login.error[0] = 0;
	take_over(a, nm, mesh_netmap_diff_parts(a->nm, nm));
}

void
agent_net_forget(struct agent *a)
{
	mesh_netmap_unref(a->nm);
	a->nm = NULL;
	a->nm_is_fresh = false;
	a->save_wanted = false;
	event_del(a->save_timer);
	if (agent_store_remove(a->state_dir, AGENT_NETMAP) != MESH_OK)
		log_err("cannot remove '%s'", AGENT_NETMAP);
	agent_push(a);
}

bool
agent_net_expired(const struct agent *a)
{
	const struct mesh_node *n = a->nm ? a->nm->self : NULL;

	return n != NULL && agent_is_expired(a, n);
}
