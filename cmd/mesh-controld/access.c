/* SPDX-License-Identifier: ISC */
#include "access.h"

#include "routes.h"

#include <policy/policy.h>

#define TAGS_COUNT 128u /* of one node: TAGS_MAX bytes hold fewer */

struct access {
	struct mesh_policy *policy;
	struct mesh_policy_world *world;
	struct mesh_map users; /* ids that the world knows */
	struct bits active;    /* members that are neither gone nor expired */
	bool filters_changed;
};

static bool
is_active(const struct member *m)
{
	return !m->gone && !m->expired && !member_is_waiting(m);
}

struct access *
access_new(void)
{
	struct access *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	mesh_map_init(&a->users, sizeof(int64_t), STATE_USERS_MAX, NULL);
	if (mesh_policy_parse("", 0, &a->policy, NULL) != MESH_OK ||
	    (a->world = mesh_policy_world_new(a->policy)) == NULL) {
		access_free(a);
		return NULL;
	}
	return a;
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	mesh_policy_world_free(a->world);
	mesh_policy_free(a->policy);
	mesh_map_release(&a->users);
	bits_release(&a->active);
	free(a);
}

bool
access_is_open(const struct access *a)
{
	return mesh_policy_is_open(a->policy);
}

/* --- members into the world */

static int
put_user(struct access *a, const struct state *s, int64_t id)
{
	const struct user *u = state_user(s, id);
	struct mesh_policy_user_info info;
	int err;

	if (u == NULL || mesh_map_get(&a->users, &id) != NULL)
		return MESH_OK;
	info = (struct mesh_policy_user_info){.id = (uint64_t)id,
	    .name = u->name};
	/* People are often named by their mail address. */
	if (strchr(u->name, '@') != NULL)
		info.email = u->name;
	err = mesh_policy_user_put(a->world, &info);
	return err == MESH_OK ? mesh_map_put(&a->users, &id, a) : err;
}

static int
put_member(struct access *a, const struct state *s, struct member *m)
{
	struct mesh_ip addresses[] = {m->rec.ip4, m->rec.ip6};
	const char *tags[TAGS_COUNT];
	char text[TAGS_MAX];
	struct mesh_prefix routes[ROUTES_SERVED_MAX];
	struct mesh_str rest, tag;
	struct mesh_policy_node_info info = {
	    .id = (uint64_t)m->rec.id,
	    .user = (uint64_t)m->rec.user,
	    .tags = tags,
	    .addresses = addresses,
	    .address_count = 2,
	    .routes = routes,
	    .route_count = routes_served(m, routes),
	};
	int err = put_user(a, s, m->rec.user);

	mesh_format(text, sizeof(text), "%s", m->rec.tags);
	for (rest = mesh_str(text);
	    info.tag_count < TAGS_COUNT && tags_next(&rest, &tag);) {
		text[(size_t)(tag.p - text) + tag.len] = '\0';
		tags[info.tag_count++] = tag.p;
	}
	return err == MESH_OK
	    ? mesh_policy_node_put(a->world, &info, &m->policy) : err;
}

static int
take_member(struct access *a, const struct state *s, struct member *m)
{
	int err = MESH_OK;

	bits_put(&a->active, m->slot, is_active(m));
	if (is_active(m))
		err = put_member(a, s, m);
	else if (m->policy != NULL) {
		mesh_policy_node_remove(a->world, m->policy);
		m->policy = NULL;
	}
	return err;
}

int
access_refresh(struct access *a, struct state *s)
{
	int err = MESH_OK;

	if (bits_fit(&a->active, s->slot_count) != MESH_OK)
		return MESH_ERR_NOMEM;
	for (struct mesh_list *l = s->changed.next;
	    l != &s->changed && err == MESH_OK; l = l->next) {
		struct member *m = MESH_CONTAINER(l, struct member,
		    changed_link);

		if (!(m->changed & CHANGE_ACCESS))
			continue;
		a->filters_changed = true;
		err = take_member(a, s, m);
		if (err == MESH_OK)
			m->changed = (m->changed & ~(unsigned)CHANGE_ACCESS) |
			    CHANGE_VIEW;
	}
	return err;
}

static bool
may_route(void *arg, const struct member *m, const struct mesh_prefix *p)
{
	(void)arg;
	return m->policy != NULL && mesh_policy_may_route(m->policy, p);
}

bool
access_approve(const struct access *a, struct state *s, bool all)
{
	bool some = false;
	struct member *m;

	(void)a;
	for (uint32_t pos = 0; all && (m = state_next(s, &pos)) != NULL;)
		some |= routes_approve_auto(s, m, may_route, NULL);
	for (struct mesh_list *l = s->changed.next; l != &s->changed;
	     l = l->next)
		some |= routes_approve_auto(s,
		    MESH_CONTAINER(l, struct member, changed_link), may_route,
		    NULL);
	return some;
}

bool
access_filters_changed(struct access *a)
{
	bool changed = a->filters_changed;

	a->filters_changed = false;
	return changed;
}

/* --- policies */

static int
run_tests(const struct mesh_policy *p, const struct mesh_policy_world *world,
    struct mesh_diag *diag)
{
	struct mesh_buf lines;
	int err;

	mesh_buf_init(&lines, 65536);
	err = mesh_policy_run_tests(p, world, &lines, diag);
	mesh_buf_release(&lines);
	return err;
}

int
access_check_policy(const struct access *a, struct mesh_str text,
    struct mesh_diag *diag)
{
	struct mesh_policy *p = NULL;
	int err = mesh_policy_parse(text.p, text.len, &p, diag);

	if (err == MESH_OK)
		err = run_tests(p, a->world, diag);
	mesh_policy_free(p);
	return err;
}

/* The members that are there, under another policy. Handles change only when
 * all of them are made. */
static int
move_members(struct access *to, const struct state *s)
{
	uint32_t pos = 0;
	struct member *m;
	int err = MESH_OK;

	while (err == MESH_OK && (m = state_next(s, &pos)) != NULL) {
		struct mesh_policy_node *old = m->policy;

		if (old == NULL)
			continue;
		err = put_member(to, s, m);
		m->policy = old;
	}
	for (pos = 0; err == MESH_OK && (m = state_next(s, &pos)) != NULL;)
		if (m->policy != NULL)
			m->policy = mesh_policy_node_find(to->world,
			    (uint64_t)m->rec.id);
	return err;
}

int
access_set_policy(struct access *a, const struct state *s,
    struct mesh_str text, struct mesh_diag *diag)
{
	struct access to = {.active = a->active};
	int err = mesh_policy_parse(text.p, text.len, &to.policy, diag);

	mesh_map_init(&to.users, sizeof(int64_t), STATE_USERS_MAX, NULL);
	if (err == MESH_OK && (err = run_tests(to.policy, a->world, diag)) ==
	    MESH_OK && (to.world = mesh_policy_world_new(to.policy)) == NULL)
		err = mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	if (err == MESH_OK &&
	    (err = move_members(&to, s)) != MESH_OK)
		mesh_fail(diag, err, "%s", mesh_strerror(err));
	if (err == MESH_OK) {
		struct access old = *a;

		to.filters_changed = true;
		*a = to;
		to = old;
	}
	/* What is not taken over: the new one, or the old one. */
	mesh_policy_world_free(to.world);
	mesh_policy_free(to.policy);
	mesh_map_release(&to.users);
	return err;
}

bool
access_may_tag(const struct access *a, int64_t user, const char *tag)
{
	return mesh_policy_may_tag(a->world, (uint64_t)user, tag);
}

/* --- answers */

uint64_t
access_visible(const struct access *a, const struct state *s,
    const struct member *viewer, size_t i, uint64_t mask)
{
	uint64_t rest = bits_word(&a->active, i) & mask, see = 0;

	if (viewer->policy == NULL)
		return 0;
	if (mesh_policy_is_open(a->policy))
		return rest;
	while (rest != 0) {
		uint32_t slot = bits_pop(&rest, i);
		const struct member *m = s->slots[slot];

		if (m->policy != NULL &&
		    mesh_policy_visible(viewer->policy, m->policy))
			see |= UINT64_C(1) << (slot % 64);
	}
	return see;
}

bool
access_route_visible(const struct member *viewer, const struct member *owner,
    const struct mesh_prefix *route)
{
	return viewer->policy != NULL && owner->policy != NULL &&
	       mesh_policy_route_visible(viewer->policy, owner->policy, route);
}

bool
access_alike(const struct member *a, const struct member *b)
{
	return a->policy != NULL && b->policy != NULL &&
	    mesh_policy_alike(a->policy, b->policy);
}

uint64_t
access_kind_visible(const struct access *a, const struct state *s,
    const struct member *like, size_t i)
{
	uint64_t rest = bits_word(&a->active, i), see = 0;

	if (like->policy == NULL)
		return 0;
	while (rest != 0) {
		uint32_t slot = bits_pop(&rest, i);
		const struct member *m = s->slots[slot];

		if (m->policy != NULL &&
		    mesh_policy_visible_kind(like->policy, m->policy))
			see |= UINT64_C(1) << (slot % 64);
	}
	return see;
}

void
access_filter_write(const struct access *a, const struct member *m,
    struct mesh_jw *w)
{
	(void)a;
	if (m->policy != NULL) {
		mesh_policy_filter_write(m->policy, w);
		return;
	}
	mesh_jw_array(w);
	mesh_jw_end_array(w);
}

uint64_t
access_filter_mark(const struct access *a, const struct member *m)
{
	(void)a;
	return m->policy != NULL ? mesh_policy_filter_mark(m->policy) : 0;
}

bool
access_ssh_write(const struct access *a, const struct state *s,
    const struct member *m, struct mesh_jw *w)
{
	(void)a;
	if (m->policy == NULL || !mesh_policy_has_ssh(m->policy))
		return false;
	mesh_policy_ssh_write(m->policy, s->cfg.url, w);
	return true;
}
