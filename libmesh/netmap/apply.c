/* SPDX-License-Identifier: ISC
 * apply.c - a frame of the map stream laid over a snapshot (control.md 6.4-6.7).
 *
 * The new snapshot begins as a copy of the old one's pointers, each with a
 * reference of its own; each part of the frame then replaces what it speaks of.
 * When something fails the copy is dropped, and nothing has happened. */
#include "netmap/diff.h"
#include "netmap/snapshot.h"

#include <stdlib.h>

struct apply {
	struct mesh_netmap *nm; /* being made */
	const struct mesh_map_response *frame;
	struct mesh_wall now;
	struct mesh_diag *diag;
};

#define VALUE_MEMORY (1u << 22) /* bytes of a value that is kept as it is */

/* --- the copy to start from */

/* A counted copy of an array of counted objects, with room for `more`. */
static bool
share(void *out_array, size_t *out_count, void *from_array, size_t count,
    size_t more)
{
	void **from = from_array, **to = NULL;

	if (count + more > 0)
		to = calloc(count + more, sizeof(*to));
	if (count + more > 0 && to == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		to[i] = mesh_counted_ref(from[i]);
	*(void ***)out_array = to;
	*out_count = count;
	return true;
}

static struct mesh_netmap *
netmap_copy(const struct mesh_netmap *old, const struct mesh_map_response *f)
{
	static const struct mesh_netmap none;
	struct mesh_netmap *nm = calloc(1, sizeof(*nm));

	if (nm == NULL)
		return NULL;
	nm->refs = 1;
	old = old ? old : &none;
	nm->self = mesh_counted_ref(old->self);
	nm->relays = mesh_counted_ref(old->relays);
	nm->dns = mesh_counted_ref(old->dns);
	nm->ssh = mesh_counted_ref(old->ssh);
	nm->health = mesh_counted_ref(old->health);
	nm->domain = mesh_counted_ref(old->domain);
	nm->lock_info = mesh_counted_ref(old->lock_info);
	nm->dial_plan = mesh_counted_ref(old->dial_plan);
	nm->client_version = mesh_counted_ref(old->client_version);
	nm->audit_log_id = mesh_counted_ref(old->audit_log_id);
	nm->collect_services = old->collect_services;
	nm->control_time = old->control_time;
	if (!share(&nm->peers, &nm->peer_count, old->peers, old->peer_count,
		f->peers_changed.count) ||
	    !share(&nm->users, &nm->user_count, old->users, old->user_count,
		f->users.count) ||
	    !share(&nm->filters, &nm->filter_count, old->filters,
		old->filter_count, f->filters.count + 1) ||
	    !share(&nm->messages, &nm->message_count, old->messages,
		old->message_count, f->messages.count)) {
		mesh_netmap_unref(nm);
		return NULL;
	}
	return nm;
}

/* Takes over the reference to `new`. */
static void
replace(void *at, void *new)
{
	void **p = at;

	mesh_counted_unref(*p);
	*p = new;
}

static bool
is_null(struct mesh_str json)
{
	return json.len == 0 || mesh_str_eq(json, "null");
}

/* --- nodes */

static int
read_node(struct apply *a, struct mesh_str json, struct mesh_node **out)
{
	struct mesh_diag detail = {{0}};
	struct mesh_node *n;
	int err;

	if (is_null(json))
		return mesh_fail(a->diag, MESH_ERR_FORMAT,
		    "map response: null among the nodes");
	err = mesh_node_parse(json, &n, &detail);
	if (err != MESH_OK)
		return mesh_fail(a->diag, err, "map response: a node: %.100s",
		    detail.text);
	err = mesh_node_upgrade(n);
	if (err != MESH_OK)
		mesh_counted_unref(n);
	else
		*out = n;
	return err;
}

static int
apply_self(struct apply *a)
{
	struct mesh_node *n;
	int err;

	if (a->frame->node.len == 0)
		return a->nm->self != NULL
		    ? MESH_OK
		    : mesh_fail(a->diag, MESH_ERR_PROTO,
			  "the first map response has no Node");
	err = read_node(a, a->frame->node, &n);
	if (err == MESH_OK)
		replace(&a->nm->self, n);
	return err;
}

/* Where the peer of this id is, or where it would have to stand. */
static size_t
peer_place(const struct mesh_netmap *nm, int64_t id, bool *out_found)
{
	size_t from = 0, to = nm->peer_count;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (nm->peers[mid]->id < id)
			from = mid + 1;
		else
			to = mid;
	}
	*out_found = from < nm->peer_count && nm->peers[from]->id == id;
	return from;
}

/* Takes over n; there is room. A peer that is as it was stays the same object,
 * so that nobody takes it for a change. */
static void
put_peer(struct mesh_netmap *nm, struct mesh_node *n)
{
	bool found;
	size_t at = peer_place(nm, n->id, &found);

	if (found && mesh_node_eq(nm->peers[at], n)) {
		mesh_counted_unref(n);
	} else if (found) {
		replace(&nm->peers[at], n);
	} else {
		memmove(&nm->peers[at + 1], &nm->peers[at],
		    (nm->peer_count - at) * sizeof(nm->peers[0]));
		nm->peers[at] = n;
		nm->peer_count++;
	}
}

static void
remove_peer(struct mesh_netmap *nm, int64_t id)
{
	bool found;
	size_t at = peer_place(nm, id, &found);

	if (!found)
		return;
	mesh_counted_unref(nm->peers[at]);
	nm->peer_count--;
	memmove(&nm->peers[at], &nm->peers[at + 1],
	    (nm->peer_count - at) * sizeof(nm->peers[0]));
}

static int
put_peers(struct apply *a, const struct mesh_bind_list *nodes)
{
	const struct mesh_str *json = nodes->items;

	for (size_t i = 0; i < nodes->count; i++) {
		struct mesh_node *n;
		int err = read_node(a, json[i], &n);

		if (err != MESH_OK)
			return err;
		if (a->nm->peer_count >= MESH_NETMAP_PEERS) {
			mesh_counted_unref(n);
			return mesh_fail(a->diag, MESH_ERR_LIMIT,
			    "more than %u peers", MESH_NETMAP_PEERS);
		}
		put_peer(a->nm, n);
	}
	return MESH_OK;
}

static int
by_id(const void *a, const void *b)
{
	const struct mesh_node *x = *(struct mesh_node *const *)a;
	const struct mesh_node *y = *(struct mesh_node *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Sorted by id; of two with the same id one stays. Returns how many. */
static size_t
sort_nodes(struct mesh_node **nodes, size_t count)
{
	size_t kept = 0;

	qsort(nodes, count, sizeof(*nodes), by_id);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && nodes[kept - 1]->id == nodes[i]->id)
			mesh_counted_unref(nodes[i]);
		else
			nodes[kept++] = nodes[i];
	}
	return kept;
}

/* Peers is the complete list. */
static int
replace_peers(struct apply *a)
{
	const struct mesh_str *json = a->frame->peers.items;
	size_t max = a->frame->peers.count, count = 0;
	struct mesh_node **nodes = calloc(max, sizeof(*nodes));

	if (nodes == NULL)
		return MESH_ERR_NOMEM;
	for (; count < max; count++) {
		int err = read_node(a, json[count], &nodes[count]);

		if (err != MESH_OK) {
			mesh_counted_unref_all(nodes, count);
			return err;
		}
	}
	count = sort_nodes(nodes, count);
	for (size_t i = 0; i < count; i++) {
		const struct mesh_node *old =
		    mesh_netmap_peer(a->nm, nodes[i]->id);

		if (old != NULL && mesh_node_eq(old, nodes[i]))
			replace(&nodes[i], mesh_counted_ref((void *)old));
	}
	mesh_counted_unref_all(a->nm->peers, a->nm->peer_count);
	a->nm->peers = nodes;
	a->nm->peer_count = count;
	return MESH_OK;
}

/* Applies a patch to the peer, if we know it. */
static int
patch_peer(struct apply *a, const struct mesh_node_patch *p)
{
	struct mesh_node *n;
	bool found;
	size_t at = peer_place(a->nm, p->id, &found);
	int err;

	if (!found)
		return MESH_OK;
	err = mesh_node_copy(a->nm->peers[at], &n);
	if (err != MESH_OK)
		return err;
	err = mesh_node_apply(n, p);
	if (err != MESH_OK || mesh_node_eq(a->nm->peers[at], n))
		mesh_counted_unref(n);
	else
		replace(&a->nm->peers[at], n);
	return err;
}

static int
apply_flags(struct apply *a)
{
	const struct mesh_id_flags *seen = &a->frame->peer_seen;
	const struct mesh_id_flags *online = &a->frame->online;
	int err = MESH_OK;

	for (size_t i = 0; err == MESH_OK && i < seen->count; i++)
		err = patch_peer(a, &(struct mesh_node_patch){
		    .id = seen->items[i].id,
		    .last_seen = seen->items[i].flag ? a->now : MESH_WALL_ZERO,
		});
	for (size_t i = 0; err == MESH_OK && i < online->count; i++)
		err = patch_peer(a, &(struct mesh_node_patch){
		    .id = online->items[i].id,
		    .online = online->items[i].flag ? 1 : -1,
		});
	return err;
}

/* In the order of control.md 6.5. */
static int
apply_peers(struct apply *a)
{
	const struct mesh_map_response *f = a->frame;
	const int64_t *removed = f->peers_removed.items;
	const struct mesh_node_patch *patches = f->peers_patched.items;
	int err;

	if (f->peers.count > 0)
		return replace_peers(a);
	for (size_t i = 0; i < f->peers_removed.count; i++)
		remove_peer(a->nm, removed[i]);
	err = put_peers(a, &f->peers_changed);
	if (err == MESH_OK)
		err = apply_flags(a);
	for (size_t i = 0; err == MESH_OK && i < f->peers_patched.count; i++)
		err = patch_peer(a, &patches[i]);
	return err;
}

/* --- users */

static int
put_user(struct mesh_netmap *nm, struct mesh_user *u)
{
	size_t at = 0;

	while (at < nm->user_count && nm->users[at]->id < u->id)
		at++;
	if (at < nm->user_count && nm->users[at]->id == u->id) {
		if (mesh_user_eq(nm->users[at], u))
			mesh_counted_unref(u);
		else
			replace(&nm->users[at], u);
		return MESH_OK;
	}
	if (nm->user_count >= MESH_NETMAP_USERS)
		return MESH_ERR_LIMIT;
	memmove(&nm->users[at + 1], &nm->users[at],
	    (nm->user_count - at) * sizeof(nm->users[0]));
	nm->users[at] = u;
	nm->user_count++;
	return MESH_OK;
}

static int
apply_users(struct apply *a)
{
	const struct mesh_str *json = a->frame->users.items;

	for (size_t i = 0; i < a->frame->users.count; i++) {
		struct mesh_user *u;
		int err;

		if (is_null(json[i]))
			continue;
		err = mesh_counted_parse(json[i], &mesh_user_schema,
		    MESH_USER_MEMORY, &u, a->diag);
		if (err != MESH_OK)
			return err;
		err = put_user(a->nm, u);
		if (err != MESH_OK) {
			mesh_counted_unref(u);
			return mesh_fail(a->diag, err, "more than %u users",
			    MESH_NETMAP_USERS);
		}
	}
	return MESH_OK;
}

/* --- named filters and messages: sorted by name; "*": null clears all */

static int
put_filter(struct apply *a, const char *name, struct mesh_str json)
{
	struct mesh_netmap *nm = a->nm;
	struct mesh_rules *r;
	size_t at = 0;
	int err = mesh_rules_parse(name, json, &r, a->diag);

	if (err != MESH_OK)
		return err;
	while (at < nm->filter_count && strcmp(nm->filters[at]->name, name) < 0)
		at++;
	if (at < nm->filter_count && strcmp(nm->filters[at]->name, name) == 0) {
		replace(&nm->filters[at], r);
		return MESH_OK;
	}
	if (nm->filter_count >= MESH_NETMAP_FILTERS) {
		mesh_counted_unref(r);
		return mesh_fail(a->diag, MESH_ERR_LIMIT,
		    "more than %u packet filters", MESH_NETMAP_FILTERS);
	}
	memmove(&nm->filters[at + 1], &nm->filters[at],
	    (nm->filter_count - at) * sizeof(nm->filters[0]));
	nm->filters[at] = r;
	nm->filter_count++;
	return MESH_OK;
}

static void
drop_filters(struct mesh_netmap *nm, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < nm->filter_count; i++) {
		struct mesh_rules *r = nm->filters[i];

		if (name == NULL || strcmp(r->name, name) == 0)
			mesh_counted_unref(r);
		else
			nm->filters[kept++] = r;
	}
	nm->filter_count = kept;
}

static bool
clears_all(const struct mesh_bind_map *m)
{
	const struct mesh_str *json = m->items;
	ptrdiff_t i = mesh_bind_map_find(m, "*");

	return i >= 0 && is_null(json[i]);
}

static int
apply_filters(struct apply *a)
{
	const struct mesh_bind_map *m = &a->frame->filters;
	const struct mesh_str *json = m->items;
	int err = MESH_OK;

	if (!is_null(a->frame->filter))
		err = put_filter(a, "base", a->frame->filter);
	if (clears_all(m))
		drop_filters(a->nm, NULL);
	for (size_t i = 0; err == MESH_OK && i < m->count; i++) {
		if (is_null(json[i]))
			drop_filters(a->nm, m->names[i]);
		else
			err = put_filter(a, m->names[i], json[i]);
	}
	return err;
}

static int
put_message(struct apply *a, const char *id, struct mesh_str json)
{
	struct mesh_netmap *nm = a->nm;
	struct mesh_health_message *m;
	size_t at = 0;
	int err = mesh_counted_parse(json, &mesh_health_message_schema,
	    MESH_HEALTH_MEMORY, &m, a->diag);

	if (err != MESH_OK)
		return err;
	m->id = mesh_arena_strdup(&m->counted.arena, id);
	if (m->id == NULL || nm->message_count >= MESH_HEALTH_ITEMS) {
		err = m->id ? MESH_ERR_LIMIT : MESH_ERR_NOMEM;
		mesh_counted_unref(m);
		return mesh_fail(a->diag, err, "too many messages for people");
	}
	while (at < nm->message_count && strcmp(nm->messages[at]->id, id) < 0)
		at++;
	if (at < nm->message_count && strcmp(nm->messages[at]->id, id) == 0) {
		replace(&nm->messages[at], m);
		return MESH_OK;
	}
	memmove(&nm->messages[at + 1], &nm->messages[at],
	    (nm->message_count - at) * sizeof(nm->messages[0]));
	nm->messages[at] = m;
	nm->message_count++;
	return MESH_OK;
}

static void
drop_messages(struct mesh_netmap *nm, const char *id)
{
	size_t kept = 0;

	for (size_t i = 0; i < nm->message_count; i++) {
		struct mesh_health_message *m = nm->messages[i];

		if (id == NULL || strcmp(m->id, id) == 0)
			mesh_counted_unref(m);
		else
			nm->messages[kept++] = m;
	}
	nm->message_count = kept;
}

static int
apply_messages(struct apply *a)
{
	const struct mesh_bind_map *m = &a->frame->messages;
	const struct mesh_str *json = m->items;
	int err = MESH_OK;

	if (clears_all(m))
		drop_messages(a->nm, NULL);
	for (size_t i = 0; err == MESH_OK && i < m->count; i++) {
		if (is_null(json[i]))
			drop_messages(a->nm, m->names[i]);
		else
			err = put_message(a, m->names[i], json[i]);
	}
	return err;
}

/* --- what is replaced whole */

static int
apply_relays(struct apply *a)
{
	struct mesh_relaymap *next, *merged;
	int err;

	if (is_null(a->frame->relays))
		return MESH_OK;
	err = mesh_relaymap_parse(a->frame->relays, &next, a->diag);
	if (err != MESH_OK)
		return err;
	err = mesh_relaymap_merge(a->nm->relays, next, &merged);
	mesh_counted_unref(next);
	if (err == MESH_OK)
		replace(&a->nm->relays, merged);
	return err;
}

static int
apply_object(struct apply *a, struct mesh_str json,
    const struct mesh_schema *schema, size_t max, void *at)
{
	void *object;
	int err;

	if (is_null(json))
		return MESH_OK;
	err = mesh_counted_parse(json, schema, max, &object, a->diag);
	if (err == MESH_OK)
		replace(at, object);
	return err;
}

/* A value that is kept as JSON; len 0 leaves the old one. */
static int
apply_value(struct mesh_str json, struct mesh_value **at)
{
	struct mesh_value *v;

	if (is_null(json))
		return MESH_OK;
	v = mesh_value_new(json, VALUE_MEMORY);
	if (v == NULL)
		return MESH_ERR_NOMEM;
	replace(at, v);
	return MESH_OK;
}

static int
apply_text(const char *text, struct mesh_value **at)
{
	struct mesh_buf json;
	struct mesh_jw w;
	int err = MESH_ERR_NOMEM;

	if (text == NULL || *text == 0)
		return MESH_OK;
	mesh_buf_init(&json, VALUE_MEMORY);
	mesh_jw_init(&w, &json, false);
	mesh_jw_string(&w, text);
	if (!json.failed)
		err = apply_value((struct mesh_str){(const char *)json.data,
		    json.len}, at);
	mesh_buf_release(&json);
	return err;
}

static int
apply_health(struct apply *a)
{
	const char *const *text = a->frame->health.items;
	struct mesh_buf json;
	struct mesh_jw w;
	int err = MESH_ERR_NOMEM;

	if (!a->frame->health.set)
		return MESH_OK;
	mesh_buf_init(&json, VALUE_MEMORY);
	mesh_jw_init(&w, &json, false);
	mesh_jw_array(&w);
	for (size_t i = 0; i < a->frame->health.count; i++)
		mesh_jw_string(&w, text[i]);
	mesh_jw_end_array(&w);
	if (!json.failed)
		err = apply_value((struct mesh_str){(const char *)json.data,
		    json.len}, &a->nm->health);
	mesh_buf_release(&json);
	return err;
}

static int
apply_rest(struct apply *a)
{
	const struct mesh_map_response *f = a->frame;
	struct mesh_netmap *nm = a->nm;
	int err;

	if (f->collect_services != 0)
		nm->collect_services = f->collect_services;
	if (mesh_wall_is_set(f->control_time))
		nm->control_time = f->control_time;
	if ((err = apply_health(a)) != MESH_OK ||
	    (err = apply_text(f->domain, &nm->domain)) != MESH_OK ||
	    (err = apply_text(f->audit_log_id, &nm->audit_log_id)) != MESH_OK ||
	    (err = apply_value(f->lock_info, &nm->lock_info)) != MESH_OK ||
	    (err = apply_value(f->dial_plan, &nm->dial_plan)) != MESH_OK)
		return err;
	return apply_value(f->client_version, &nm->client_version);
}

static int
apply_all(struct apply *a)
{
	const struct mesh_map_response *f = a->frame;
	int err;

	if ((err = apply_self(a)) != MESH_OK ||
	    (err = apply_peers(a)) != MESH_OK ||
	    (err = apply_users(a)) != MESH_OK ||
	    (err = apply_filters(a)) != MESH_OK ||
	    (err = apply_messages(a)) != MESH_OK ||
	    (err = apply_relays(a)) != MESH_OK ||
	    (err = apply_object(a, f->dns, &mesh_dns_schema, MESH_DNS_MEMORY,
		&a->nm->dns)) != MESH_OK ||
	    (err = apply_object(a, f->ssh, &mesh_ssh_policy_schema,
		MESH_SSH_MEMORY, &a->nm->ssh)) != MESH_OK)
		return err;
	return apply_rest(a);
}

int
mesh_netmap_apply(const struct mesh_netmap *old,
    const struct mesh_map_response *frame, struct mesh_wall now,
    struct mesh_netmap **out, unsigned *out_changed, struct mesh_diag *diag)
{
	struct apply a = {.nm = netmap_copy(old, frame), .frame = frame,
	    .now = now, .diag = diag};
	int err;

	if (a.nm == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	err = apply_all(&a);
	if (err != MESH_OK) {
		mesh_netmap_unref(a.nm);
		if (err == MESH_ERR_NOMEM)
			(void)mesh_fail(diag, err, "out of memory");
		return err;
	}
	*out_changed = mesh_netmap_diff_parts(old, a.nm);
	*out = a.nm;
	return MESH_OK;
}
