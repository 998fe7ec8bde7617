/* SPDX-License-Identifier: ISC
 * flush.c - everybody is told what changed: sessions to which the same has to
 * be said form a group, and each group gets one text (mapper.h).
 */
#include "mapper_int.h"

#include "encode.h"

/* One word of a set that a group's sessions are told about. */
struct diff_word {
	uint32_t at; /* which word */
	uint64_t removed, full, patch;
	uint64_t routes; /* a number for what is told of routes in `full` */
};

struct group {
	struct mesh_list link;
	const struct member *like; /* one of those who are told this */
	uint64_t *reqs;
	size_t count, cap;
	size_t words;
	struct diff_word diff[];
};

/* Whom the members of one kind see. When the policy changes, every session is
 * compared with everybody, and there are far fewer kinds than members. */
#define VIEWS_MAX 64u
struct view {
	const struct member *like;
	uint64_t *see;
};

struct flush {
	struct mapper *mp;
	struct mesh_wall wall;
	struct bits any, full, patch; /* what changed */
	size_t words;		      /* of the sets */
	struct diff_word *diff;	      /* of one session: scratch */
	struct mesh_map by_diff;
	struct mesh_list groups;
	struct bits set; /* scratch */
	struct view views[VIEWS_MAX];
	size_t view_count;
};

static int
flush_init(struct flush *f, struct mapper *mp, struct mesh_wall wall)
{
	size_t slots = mp->state->slot_count;

	*f = (struct flush){.mp = mp, .wall = wall,
	    .words = BITS_WORDS(slots)};
	mesh_list_init(&f->groups);
	mesh_map_init(&f->by_diff, MESH_BLAKE2B_LEN, STATE_NODES_MAX, NULL);
	f->diff = calloc(f->words + 1, sizeof(*f->diff));
	if (f->diff == NULL || bits_fit(&f->any, slots) != MESH_OK ||
	    bits_fit(&f->full, slots) != MESH_OK ||
	    bits_fit(&f->patch, slots) != MESH_OK ||
	    bits_fit(&f->set, slots) != MESH_OK)
		return MESH_ERR_NOMEM;
	return MESH_OK;
}

static void
flush_release(struct flush *f)
{
	while (!mesh_list_is_empty(&f->groups)) {
		struct group *g = MESH_CONTAINER(f->groups.next,
		    struct group, link);

		mesh_list_remove(&g->link);
		free(g->reqs);
		free(g);
	}
	for (size_t i = 0; i < f->view_count; i++)
		free(f->views[i].see);
	mesh_map_release(&f->by_diff);
	bits_release(&f->any);
	bits_release(&f->full);
	bits_release(&f->patch);
	bits_release(&f->set);
	free(f->diff);
}

static void
flush_collect(struct flush *f)
{
	struct mesh_list *changed = &f->mp->state->changed;

	for (struct mesh_list *l = changed->next; l != changed; l = l->next) {
		struct member *m = MESH_CONTAINER(l, struct member,
		    changed_link);

		bits_set(&f->any, m->slot);
		if (m->changed & CHANGE_FULL)
			bits_set(&f->full, m->slot);
		else if (m->changed & CHANGE_PATCHABLE)
			bits_set(&f->patch, m->slot);
	}
}

/* Two viewers get the same text only if they may know the same routes. */
static uint64_t
routes_mark(const struct flush *f, const struct member *viewer,
    const struct diff_word *d)
{
	uint64_t left = d->full & bits_word(&f->mp->state->routers, d->at);
	struct mesh_prefix routes[ROUTES_SERVED_MAX];
	uint8_t hash[MESH_BLAKE2B_LEN];
	uint64_t mark = 0, one;

	while (left != 0) {
		const struct member *m =
		    f->mp->state->slots[bits_pop(&left, d->at)];
		size_t count = mapper_routes(f->mp, viewer, m, routes);

		mesh_blake2b(hash, routes, count * sizeof(*routes));
		memcpy(&one, hash, sizeof(one));
		mark = mark * 31 + one;
	}
	return mark;
}

/* NULL: too many kinds, or no memory. */
static const uint64_t *
view_of(struct flush *f, const struct member *m)
{
	struct view *v = f->views;

	for (; v < f->views + f->view_count; v++)
		if (access_alike(v->like, m))
			return v->see;
	if (m->policy == NULL || f->view_count == VIEWS_MAX ||
	    (v->see = calloc(f->words + 1, sizeof(*v->see))) == NULL)
		return NULL;
	v->like = m;
	for (size_t i = 0; i < f->words; i++)
		v->see[i] = access_kind_visible(f->mp->access, f->mp->state, m,
		    i);
	f->view_count++;
	return v->see;
}

/* What this session has to be told, word by word; and it counts as told. */
static size_t
session_diff(struct flush *f, struct session *ss, bool all)
{
	const uint64_t *view = all ? view_of(f, ss->member) : NULL;
	uint32_t self = ss->member->slot;
	size_t count = 0;

	for (size_t i = 0; i < f->words; i++) {
		uint64_t any = all ? UINT64_MAX : f->any.w[i];
		/* Who sees others may also see other routes. */
		uint64_t again =
		    f->full.w[i] |
		    (all ? bits_word(&f->mp->state->routers, i) : 0);
		uint64_t see, sent = ss->sent.w[i];
		struct diff_word d = {.at = (uint32_t)i};

		if (self / 64 == i)
			any &= ~(UINT64_C(1) << (self % 64));
		if (any == 0)
			continue;
		see = view != NULL ? view[i] & any
				   : access_visible(f->mp->access,
					 f->mp->state, ss->member, i, any);
		d.removed = any & sent & ~see;
		d.full = see & (~sent | again);
		d.patch = see & f->patch.w[i] & ~d.full;
		if ((d.removed | d.full | d.patch) == 0)
			continue;
		d.routes = routes_mark(f, ss->member, &d);
		ss->sent.w[i] = (sent & ~d.removed) | d.full;
		f->diff[count++] = d;
	}
	return count;
}

static struct group *
group_find(struct flush *f, const struct member *like, size_t words)
{
	size_t size = words * sizeof(f->diff[0]);
	uint8_t key[MESH_BLAKE2B_LEN];
	struct group *g;

	mesh_blake2b(key, f->diff, size);
	if ((g = mesh_map_get(&f->by_diff, key)) != NULL)
		return g;
	if ((g = calloc(1, sizeof(*g) + size)) == NULL)
		return NULL;
	mesh_list_init(&g->link);
	if (mesh_map_put(&f->by_diff, key, g) != MESH_OK) {
		free(g);
		return NULL;
	}
	memcpy(g->diff, f->diff, size);
	g->words = words;
	g->like = like;
	mesh_list_append(&f->groups, &g->link);
	return g;
}

static bool
group_add(struct group *g, uint64_t req)
{
	if (g->count == g->cap) {
		size_t cap = g->cap > 0 ? 2 * g->cap : 8;
		uint64_t *grown = reallocarray(g->reqs, cap, sizeof(*grown));

		if (grown == NULL)
			return false;
		g->reqs = grown;
		g->cap = cap;
	}
	g->reqs[g->count++] = req;
	return true;
}

/* Without memory to say what changed, the stream ends and the node asks. */
static void
session_join(struct flush *f, struct session *ss, struct group *g)
{
	if (g == NULL || !group_add(g, ss->req))
		f->mp->sink.end(f->mp->sink.arg, ss->req);
}

/* --- texts of a group */

static struct mesh_map_response
frame_start(const struct flush *f)
{
	return (struct mesh_map_response){.control_time = f->wall};
}

static void
send_removed(struct flush *f, const struct group *g)
{
	struct mesh_map_response r = frame_start(f);
	struct state *s = f->mp->state;
	int64_t *ids = calloc(f->words * 64 + 1, sizeof(*ids));
	size_t count = 0;

	for (size_t i = 0; ids != NULL && i < g->words; i++)
		for (uint64_t w = g->diff[i].removed; w != 0;)
			ids[count++] = s->slots[bits_pop(&w,
			    g->diff[i].at)]->rec.id;
	r.peers_removed = (struct mesh_bind_list){ids, count, true};
	if (count > 0)
		mapper_send(f->mp, &r, g->reqs, g->count);
	free(ids);
}

static void
send_full(struct flush *f, const struct group *g)
{
	struct mesh_map_response r = frame_start(f);
	uint64_t some = 0;

	bits_clear(&f->set);
	for (size_t i = 0; i < g->words; i++) {
		f->set.w[g->diff[i].at] = g->diff[i].full;
		some |= g->diff[i].full;
	}
	if (some == 0)
		return;
	r.peers_changed = mapper_peers(f->mp, g->like, &f->set);
	r.users = mapper_users(f->mp, NULL, &f->set);
	mapper_send(f->mp, &r, g->reqs, g->count);
}

/* Patches of different members differ, and so do those of one member in
 * different flushes: written into the frame as they are. */
static void
send_patches(struct flush *f, const struct group *g)
{
	struct mesh_buf *out = &f->mp->part;
	char time[MESH_RFC3339_MAX];
	bool first = true;

	mesh_buf_clear(out);
	mesh_wall_format(f->wall, time);
	mesh_buf_add_str(out, "{\"PeersChangedPatch\":[");
	for (size_t i = 0; i < g->words; i++)
		for (uint64_t w = g->diff[i].patch; w != 0;) {
			if (!first)
				mesh_buf_add_byte(out, ',');
			first = false;
			encode_patch(f->mp->state->slots[bits_pop(&w,
			    g->diff[i].at)], out);
		}
	mesh_buf_printf(out, "],\"ControlTime\":\"%s\"}", time);
	if (!first && !out->failed)
		f->mp->sink.frame(f->mp->sink.arg, g->reqs, g->count,
		    (struct mesh_str){(const char *)out->data, out->len});
}

/* --- filters: the sessions whose filter changed, grouped by the new one */

static struct session *
session_at(struct mesh_list *l)
{
	return MESH_CONTAINER(l, struct session, link);
}

static void
send_filter(struct flush *f, const struct member *like, const uint64_t *reqs,
    size_t count)
{
	struct mesh_map_response r = frame_start(f);
	struct mesh_str filter = mapper_filter(f->mp, like);
	const char *base = "base";

	r.filters = (struct mesh_bind_map){.names = &base, .items = &filter,
	    .count = 1, .set = true};
	if (!f->mp->filter.failed)
		mapper_send(f->mp, &r, reqs, count);
}

static int
mark_compare(const void *a, const void *b)
{
	const struct session *x = *(struct session *const *)a;
	const struct session *y = *(struct session *const *)b;

	return (x->filter_mark > y->filter_mark) -
	    (x->filter_mark < y->filter_mark);
}

static void
flush_filters(struct flush *f)
{
	struct mapper *mp = f->mp;
	struct session **list = calloc(mp->session_count + 1, sizeof(*list));
	uint64_t *reqs = calloc(mp->session_count + 1, sizeof(*reqs));
	size_t count = 0, first = 0;

	for (struct mesh_list *l = mp->sessions.next;
	    list != NULL && reqs != NULL && l != &mp->sessions; l = l->next) {
		struct session *ss = session_at(l);
		uint64_t mark = access_filter_mark(mp->access, ss->member);

		if (mark == ss->filter_mark)
			continue;
		ss->filter_mark = mark;
		list[count++] = ss;
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), mark_compare);
	for (size_t i = 0; i < count; i++) {
		reqs[i] = list[i]->req;
		if (i + 1 < count &&
		    list[i + 1]->filter_mark == list[i]->filter_mark)
			continue;
		send_filter(f, list[i]->member, reqs + first, i + 1 - first);
		first = i + 1;
	}
	free(list);
	free(reqs);
}

/* --- who may log in: for each node its own */

static void
flush_ssh(struct flush *f)
{
	struct mapper *mp = f->mp;

	for (struct mesh_list *l = mp->sessions.next; l != &mp->sessions;
	    l = l->next) {
		struct session *ss = session_at(l);
		struct mesh_map_response r = frame_start(f);
		uint64_t mark;

		r.ssh = mapper_ssh(mp, ss->member, ss->ssh_mark, &mark);
		if (mark == ss->ssh_mark || mp->ssh.failed)
			continue;
		ss->ssh_mark = mark;
		mapper_send(mp, &r, &ss->req, 1);
	}
}

/* --- the node's own record */

static void
flush_self(struct flush *f)
{
	struct mesh_list *changed = &f->mp->state->changed;

	for (struct mesh_list *l = changed->next; l != changed; l = l->next) {
		struct member *m = MESH_CONTAINER(l, struct member,
		    changed_link);
		struct mesh_map_response r = frame_start(f);

		if (!(m->changed & CHANGE_SELF) || m->session == NULL)
			continue;
		if (mapper_self(f->mp, m, &r))
			mapper_send(f->mp, &r, &m->session->req, 1);
	}
}

static void
flush_access(struct flush *f)
{
	flush_filters(f);
	flush_ssh(f);
}

static void
flush_peers(struct flush *f, bool all)
{
	struct mapper *mp = f->mp;

	for (struct mesh_list *l = mp->sessions.next; l != &mp->sessions;
	    l = l->next) {
		struct session *ss = session_at(l);
		size_t words;

		if (bits_fit(&ss->sent, mp->state->slot_count) != MESH_OK) {
			mp->sink.end(mp->sink.arg, ss->req);
			continue;
		}
		words = session_diff(f, ss,
		    all || (ss->member->changed & CHANGE_VIEW) != 0);
		if (words > 0)
			session_join(f, ss, group_find(f, ss->member, words));
	}
	for (struct mesh_list *l = f->groups.next; l != &f->groups;
	    l = l->next) {
		struct group *g = MESH_CONTAINER(l, struct group, link);

		if (g->count == 0)
			continue;
		send_removed(f, g);
		send_full(f, g);
		send_patches(f, g);
	}
}

/* Members that are gone are told so on their own streams. */
static void
flush_gone(struct flush *f)
{
	struct mesh_list *changed = &f->mp->state->changed;

	for (struct mesh_list *l = changed->next; l != changed; l = l->next) {
		struct member *m = MESH_CONTAINER(l, struct member,
		    changed_link);

		if (!m->gone || m->session == NULL)
			continue;
		mapper_dismiss(f->mp, &m->rec.key, &m->rec.machine,
		    m->session->req, f->wall);
		mapper_drop(f->mp, m->session);
	}
}

/* The policy knows of the changes, and the changes that come of them are made:
 * routes that it approves, and who carries them. */
static int
settle(struct mapper *mp, bool all)
{
	int err = access_refresh(mp->access, mp->state);

	if (err == MESH_OK && access_approve(mp->access, mp->state, all))
		err = access_refresh(mp->access, mp->state);
	if (err == MESH_OK)
		routes_elect(mp->state);
	return err;
}

void
mapper_flush(struct mapper *mp, struct mesh_wall wall)
{
	struct mesh_list *changed = &mp->state->changed;
	bool all = mp->policy_changed;
	struct flush f;

	if (flush_init(&f, mp, wall) == MESH_OK && settle(mp, all) == MESH_OK) {
		flush_gone(&f);
		flush_collect(&f);
		/* What is no longer allowed ends before anything else. */
		if (access_filters_changed(mp->access) || all)
			flush_access(&f);
		flush_peers(&f, all);
		flush_self(&f);
		mp->policy_changed = false;
		while (!mesh_list_is_empty(changed)) {
			struct member *m = MESH_CONTAINER(changed->next,
			    struct member, changed_link);

			state_told(mp->state, m);
		}
	}
	flush_release(&f);
}
