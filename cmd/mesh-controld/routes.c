/* SPDX-License-Identifier: ISC */
#include "routes.h"

#include "state_int.h"

#include <stdlib.h>

/* Prefixes are keys of maps as they are. */
_Static_assert(sizeof(struct mesh_prefix) == 17, "no padding");

/* --- prefixes */

bool
route_is_default(const struct mesh_prefix *p)
{
	return mesh_prefix_len(p) == 0;
}

/* fd7a:115c:a1e0:b1a::/64: IPv4 networks of several sites, by an IPv6 prefix
 * each (services.md 7.3). They are routes, not addresses of nodes. */
static bool
is_site(const struct mesh_prefix *p)
{
	static const uint8_t site[8] = {
	    0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0x0b, 0x1a};

	return p->bits >= 64 && memcmp(p->ip.b, site, sizeof(site)) == 0;
}

bool
route_is_possible(const struct mesh_prefix *p)
{
	struct mesh_prefix masked = mesh_prefix_masked(*p);

	if (!mesh_prefix_eq(p, &masked))
		return false;
	if (route_is_default(p))
		return true;
	return (!mesh_ip_is_mesh(&p->ip) || is_site(p)) &&
	       !mesh_ip_is_loopback(&p->ip) && !mesh_ip_is_linklocal(&p->ip) &&
	       !mesh_ip_is_multicast(&p->ip) && !mesh_ip_is_none(&p->ip);
}

static int
prefix_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mesh_prefix));
}

bool
route_list_has(const struct route_list *l, const struct mesh_prefix *p)
{
	return l->count > 0 && bsearch(p, l->items, l->count, sizeof(*p),
				   prefix_compare) != NULL;
}

bool
route_list_eq(const struct route_list *a, const struct route_list *b)
{
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->items, b->items,
				     a->count * sizeof(*a->items)) == 0);
}

int
route_list_make(struct route_list *out, const struct mesh_prefix *items,
    size_t count, bool both)
{
	static const struct mesh_prefix all[] = {
	    {{{0}}, 0}, {{{[10] = 0xff, [11] = 0xff}}, 96}};
	struct mesh_prefix *list = calloc(count + 2, sizeof(*list));
	bool is_exit = false;
	size_t n = 0, kept = 0;

	if (list == NULL)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < count && n < NODE_ROUTES_MAX - 2; i++) {
		if (!route_is_possible(&items[i]))
			continue;
		is_exit |= route_is_default(&items[i]);
		list[n++] = items[i];
	}
	for (size_t i = 0; both && is_exit && i < 2; i++)
		list[n++] = all[i];
	qsort(list, n, sizeof(*list), prefix_compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !mesh_prefix_eq(&list[i], &list[kept - 1]))
			list[kept++] = list[i];
	if (kept == 0) {
		free(list);
		list = NULL;
	}
	*out = (struct route_list){list, kept};
	return MESH_OK;
}

void
node_routes_free(struct node_routes *r)
{
	if (r == NULL)
		return;
	free(r->announced.items);
	free(r->approved.items);
	free(r);
}

static int
list_copy(struct route_list *out, const struct route_list *from)
{
	return from != NULL && from->count > 0
		   ? route_list_make(out, from->items, from->count, false)
		   : MESH_OK;
}

int
node_routes_make(const struct route_list *announced,
    const struct route_list *approved, struct node_routes **out)
{
	struct node_routes *r = calloc(1, sizeof(*r));

	if (r == NULL || list_copy(&r->announced, announced) != MESH_OK ||
	    list_copy(&r->approved, approved) != MESH_OK) {
		node_routes_free(r);
		return MESH_ERR_NOMEM;
	}
	if (r->announced.count + r->approved.count == 0) {
		node_routes_free(r);
		r = NULL;
	}
	*out = r;
	return MESH_OK;
}

struct mesh_str
route_list_text(const struct route_list *l, char out[static ROUTES_TEXT])
{
	char one[MESH_PREFIX_TEXT];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < l->count; i++) {
		mesh_format(out + len, ROUTES_TEXT - len, "%s%s",
		    len > 0 ? " " : "", mesh_prefix_format(&l->items[i], one));
		len += strlen(out + len);
	}
	return (struct mesh_str){out, len};
}

int
route_list_parse(struct mesh_str text, struct route_list *out)
{
	struct mesh_prefix list[NODE_ROUTES_MAX];
	size_t count = 0;

	while (text.len > 0 && count < NODE_ROUTES_MAX)
		if (mesh_prefix_parse(mesh_str_cut(&text, ' '),
			&list[count++]) != MESH_OK)
			return MESH_ERR_FORMAT;
	return route_list_make(out, list, count, false);
}

/* --- what a member serves */

size_t
routes_served(const struct member *m,
    struct mesh_prefix out[static ROUTES_SERVED_MAX])
{
	const struct node_routes *r = m->rec.routes;
	size_t count = 0;

	for (size_t i = 0; r != NULL && i < r->announced.count; i++)
		if (route_list_has(&r->approved, &r->announced.items[i]))
			out[count++] = r->announced.items[i];
	return count;
}

size_t
routes_carried(const struct state *s, const struct member *m,
    struct mesh_prefix out[static ROUTES_SERVED_MAX])
{
	size_t count = routes_served(m, out), kept = 0;

	for (size_t i = 0; i < count; i++)
		if (route_is_default(&out[i]) ||
		    routes_primary(s, &out[i]) == m)
			out[kept++] = out[i];
	return kept;
}

struct member *
routes_primary(const struct state *s, const struct mesh_prefix *p)
{
	return mesh_map_get(&s->primaries, p);
}

/* Others learn it, the policy has to know it, and another primary may be due.
 */
static void
routes_changed(struct state *s, struct member *m)
{
	state_touch(s, m, CHANGE_FULL | CHANGE_SELF | CHANGE_ACCESS);
	s->routes_stale = true;
}

int
routes_announce(struct state *s, struct member *m,
    const struct mesh_prefix *items, size_t count, bool *out_changed)
{
	static const struct node_routes none;
	const struct node_routes *old = m->rec.routes ? m->rec.routes : &none;
	struct route_list list = {0};
	struct node_routes *fresh;
	int err = route_list_make(&list, items, count, false);

	if (err != MESH_OK || route_list_eq(&list, &old->announced)) {
		free(list.items);
		return err;
	}
	err = node_routes_make(&list, &old->approved, &fresh);
	free(list.items);
	if (err != MESH_OK)
		return err;
	node_routes_free(m->rec.routes);
	m->rec.routes = fresh;
	routes_changed(s, m);
	*out_changed = true;
	return MESH_OK;
}

int
routes_approve(struct state *s, struct member *m,
    const struct mesh_prefix *items, size_t count)
{
	struct route_list list = {0};
	struct node to = m->rec;
	char text[MESH_PREFIX_TEXT];
	int err = MESH_OK;

	if (count > NODE_ROUTES_MAX - 2)
		return state_fail(s, MESH_ERR_ARG, "at most %u routes",
		    NODE_ROUTES_MAX - 2);
	for (size_t i = 0; i < count; i++)
		if (!route_is_possible(&items[i]))
			return state_fail(s, MESH_ERR_ARG,
			    "'%s' is no route "
			    "that a node may have: not a network, or one that "
			    "is this network's own",
			    mesh_prefix_format(&items[i], text));
	to.routes = NULL;
	if (route_list_make(&list, items, count, true) != MESH_OK ||
	    node_routes_make(m->rec.routes ? &m->rec.routes->announced : NULL,
		&list, &to.routes) != MESH_OK)
		err = state_fail(s, MESH_ERR_NOMEM, "out of memory");
	if (err == MESH_OK &&
	    (err = store_node_update(s->store, &to)) != MESH_OK)
		state_fail_store(s, err, "routes of the node");
	free(list.items);
	if (err != MESH_OK) {
		node_routes_free(to.routes);
		return err;
	}
	node_routes_free(m->rec.routes);
	m->rec.routes = to.routes;
	routes_changed(s, m);
	return MESH_OK;
}

bool
routes_approve_auto(struct state *s, struct member *m,
    bool (*may)(void *arg, const struct member *m, const struct mesh_prefix *p),
    void *arg)
{
	const struct node_routes *r = m->rec.routes;
	struct mesh_prefix list[2 * NODE_ROUTES_MAX];
	struct route_list approved;
	struct node_routes *fresh = NULL;
	size_t count = 0;
	int err;

	if (r == NULL || m->gone)
		return false;
	for (size_t i = 0; i < r->announced.count; i++)
		if (!route_list_has(&r->approved, &r->announced.items[i]) &&
		    may(arg, m, &r->announced.items[i]))
			list[count++] = r->announced.items[i];
	if (count == 0)
		return false;
	for (size_t i = 0; i < r->approved.count; i++)
		list[count++] = r->approved.items[i];
	if (route_list_make(&approved, list, count, true) != MESH_OK)
		return false;
	err = route_list_eq(&approved, &r->approved) /* no room for more */
		  ? MESH_ERR_LIMIT
		  : node_routes_make(&r->announced, &approved, &fresh);
	free(approved.items);
	if (err != MESH_OK)
		return false;
	node_routes_free(m->rec.routes);
	m->rec.routes = fresh;
	state_mark_unsaved(s, m);
	routes_changed(s, m);
	return true;
}

/* --- who is primary */

/* Is a better than b, for a prefix that `last` carried until now? */
static bool
is_better(const struct member *a, const struct member *b,
    const struct member *last)
{
	if (b == NULL || a->online != b->online)
		return b == NULL || a->online;
	if (a == last || b == last)
		return a == last;
	return a->rec.id < b->rec.id;
}

static int
nominate(const struct state *s, struct member *m, struct mesh_map *to)
{
	struct mesh_prefix list[ROUTES_SERVED_MAX];
	size_t count = routes_served(m, list);
	int err = MESH_OK;

	for (size_t i = 0; i < count && err == MESH_OK; i++) {
		if (route_is_default(&list[i]) ||
		    !is_better(m, mesh_map_get(to, &list[i]),
			routes_primary(s, &list[i])))
			continue;
		err = mesh_map_put(to, &list[i], m);
	}
	return err;
}

/* Members that have a prefix in one map and not in the other. */
static void
touch_changed(struct state *s, const struct mesh_map *in,
    const struct mesh_map *not_in)
{
	const void *prefix;
	struct member *m;

	for (size_t pos = 0; (m = mesh_map_next(in, &pos, &prefix));)
		if (mesh_map_get(not_in, prefix) != m && !m->gone)
			state_touch(s, m, CHANGE_FULL | CHANGE_SELF);
}

void
routes_elect(struct state *s)
{
	struct mesh_map next;
	struct member *m;
	int err = MESH_OK;

	if (!s->routes_stale)
		return;
	mesh_map_init(&next, sizeof(struct mesh_prefix), STATE_ROUTES_MAX,
	    NULL);
	if (bits_fit(&s->routers, s->slot_count) != MESH_OK)
		return;
	bits_clear(&s->routers);
	for (uint32_t pos = 0; err == MESH_OK && (m = state_next(s, &pos));) {
		if (m->rec.routes == NULL)
			continue;
		bits_set(&s->routers, m->slot);
		if (!m->expired)
			err = nominate(s, m, &next);
	}
	if (err != MESH_OK) { /* as before, until there is memory */
		mesh_map_release(&next);
		return;
	}
	touch_changed(s, &s->primaries, &next);
	touch_changed(s, &next, &s->primaries);
	mesh_map_release(&s->primaries);
	s->primaries = next;
	s->routes_stale = false;
}

void
routes_forget(struct state *s, struct member *m)
{
	struct mesh_prefix list[ROUTES_SERVED_MAX];
	size_t count = routes_served(m, list);

	for (size_t i = 0; i < count; i++)
		if (routes_primary(s, &list[i]) == m)
			(void)mesh_map_remove(&s->primaries, &list[i]);
}
