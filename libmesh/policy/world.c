/* SPDX-License-Identifier: ISC
 * world.c - users and nodes under a policy: who is in which rule.
 */
#include <stdlib.h>

#include "policy/policy_int.h"

#define FIXED_RANGES 64u /* of the internet and of the mesh */

/* What nodes can have as addresses: services.md 6.3. */
static const char *const mesh_plus[] = {"100.64.0.0/10",
    "fd7a:115c:a1e0::/48"};
static const char *const mesh_minus[] = {"100.115.92.0/23"};
/* autogroup:internet: services.md 6.4 */
static const char *const internet_plus[] = {"0.0.0.0/0", "2000::/3"};
static const char *const internet_minus[] = {"10.0.0.0/8", "172.16.0.0/12",
    "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7",
    "fe80::/10"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
fixed_ranges(struct mesh_ranges *s, const char *const *plus, size_t plus_count,
    const char *const *minus, size_t minus_count)
{
	struct mesh_range r;

	mesh_ranges_init(s, FIXED_RANGES);
	for (size_t i = 0; i < plus_count; i++)
		if (mesh_range_parse(mesh_str(plus[i]), &r) == MESH_OK)
			mesh_ranges_add(s, &r);
	mesh_ranges_sort(s);
	for (size_t i = 0; i < minus_count; i++)
		if (mesh_range_parse(mesh_str(minus[i]), &r) == MESH_OK)
			mesh_ranges_remove(s, &r);
}

struct mesh_policy_world *
mesh_policy_world_new(const struct mesh_policy *p)
{
	struct mesh_policy_world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->policy = p;
	mesh_list_init(&w->users);
	mesh_list_init(&w->nodes);
	mesh_map_init(&w->user_ids, sizeof(uint64_t), MESH_POLICY_NODES_MAX,
	    NULL);
	mesh_map_init(&w->node_ids, sizeof(uint64_t), MESH_POLICY_NODES_MAX,
	    NULL);
	fixed_ranges(&w->internet, internet_plus, COUNT(internet_plus),
	    internet_minus, COUNT(internet_minus));
	fixed_ranges(&w->mesh, mesh_plus, COUNT(mesh_plus), mesh_minus,
	    COUNT(mesh_minus));
	w->words = p->rule_count / 64 + 1;
	w->self = calloc(w->words, sizeof(*w->self));
	w->sources = calloc(p->rule_count + 1, sizeof(*w->sources));
	if (w->self == NULL || w->sources == NULL || w->internet.failed ||
	    w->mesh.failed) {
		mesh_policy_world_free(w);
		return NULL;
	}
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].self)
			mesh_bit_set(w->self, i);
	return w;
}

static void
node_free(struct mesh_policy_node *n)
{
	if (n == NULL)
		return;
	mesh_list_remove(&n->by_world);
	mesh_list_remove(&n->by_user);
	free(n->tags);
	free(n->tag_names);
	free(n->addresses);
	free(n->routes);
	free(n->src);
	free(n);
}

static void
user_free(struct mesh_policy_user *u)
{
	mesh_list_remove(&u->by_world);
	free(u->name);
	free(u->email);
	free(u->provider);
	free(u->groups);
	free(u);
}

void
mesh_policy_world_free(struct mesh_policy_world *w)
{
	if (w == NULL)
		return;
	while (!mesh_list_is_empty(&w->nodes))
		node_free(MESH_CONTAINER(w->nodes.next,
		    struct mesh_policy_node, by_world));
	while (!mesh_list_is_empty(&w->users))
		user_free(MESH_CONTAINER(w->users.next,
		    struct mesh_policy_user, by_world));
	for (size_t i = 0; w->sources && i < w->policy->rule_count; i++) {
		mesh_ranges_release(&w->sources[i].ranges);
		mesh_buf_release(&w->sources[i].json);
	}
	mesh_map_release(&w->user_ids);
	mesh_map_release(&w->node_ids);
	mesh_ranges_release(&w->internet);
	mesh_ranges_release(&w->mesh);
	free(w->self);
	free(w->sources);
	free(w);
}

/* --- who is who */

bool
mesh_policy_user_has(const struct mesh_policy_user *u, uint32_t token)
{
	for (size_t i = 0; i < COUNT(u->tokens); i++)
		if (u->tokens[i] == token && token != MESH_POLICY_NONE)
			return true;
	return false;
}

static bool
node_has_tag(const struct mesh_policy_node *n, uint32_t tag)
{
	for (size_t i = 0; i < n->tag_count; i++)
		if (n->tags[i] == tag && tag != MESH_POLICY_NONE)
			return true;
	return false;
}

bool
mesh_who_is_identity(const struct mesh_policy_who *who)
{
	return who->is == MESH_WHO_IS_USER || who->is == MESH_WHO_IS_GROUP ||
	    who->is == MESH_WHO_IS_TAG || who->is == MESH_WHO_IS_MEMBER ||
	    who->is == MESH_WHO_IS_TAGGED || who->is == MESH_WHO_IS_SELF;
}

bool
mesh_who_names(const struct mesh_policy_who *who,
    const struct mesh_policy_node *n)
{
	switch (who->is) {
	case MESH_WHO_IS_USER:
		return n->user && mesh_policy_user_has(n->user, who->index);
	case MESH_WHO_IS_GROUP:
		return n->user && mesh_bit_has(n->user->groups, who->index);
	case MESH_WHO_IS_TAG:
		return node_has_tag(n, who->index);
	case MESH_WHO_IS_MEMBER:
	case MESH_WHO_IS_SELF: /* the caller compares the users */
		return n->user != NULL;
	case MESH_WHO_IS_TAGGED:
		return n->user == NULL;
	default:
		return false;
	}
}

/* Does a range reach the node: an address of it, or a route that it serves? */
static bool
range_touches(const struct mesh_range *r, const struct mesh_policy_node *n)
{
	for (size_t i = 0; i < n->address_count; i++)
		if (mesh_range_has(r, &n->addresses[i]))
			return true;
	for (size_t i = 0; i < n->route_count; i++) {
		struct mesh_range route = mesh_range_of(&n->routes[i]);

		if (mesh_range_overlaps(r, &route))
			return true;
	}
	return false;
}

bool
mesh_policy_serves(const struct mesh_policy_node *n,
    const struct mesh_range *internet)
{
	bool serves = mesh_ip_is4(&internet->lo) ? n->exit4 : n->exit6;

	for (size_t i = 0; i < n->route_count && !serves; i++) {
		struct mesh_range route = mesh_range_of(&n->routes[i]);

		serves = mesh_range_overlaps(internet, &route);
	}
	return serves;
}

static bool
serves_internet(const struct mesh_policy_node *n)
{
	const struct mesh_ranges *net = &n->world->internet;
	bool serves = false;

	for (size_t i = 0; i < net->count && !serves; i++)
		serves = mesh_policy_serves(n, &net->items[i]);
	return serves;
}

/* Would the exit node n carry packets to this part of the internet? */
static bool
exit_serves(const struct mesh_policy_who *who, const struct mesh_policy_node *n)
{
	const struct mesh_range *r = &who->range;

	if (who->is != MESH_WHO_IS_RANGE)
		return false;
	if (!(mesh_ip_is4(&r->lo) ? n->exit4 : n->exit6))
		return false;
	return mesh_ranges_cover(&n->world->internet, r);
}

static bool
who_is_source(const struct mesh_policy_who *who,
    const struct mesh_policy_node *n)
{
	if (who->is == MESH_WHO_IS_ANY || who->is == MESH_WHO_IS_DANGER_ALL)
		return true;
	if (who->is == MESH_WHO_IS_RANGE)
		return range_touches(&who->range, n);
	return mesh_who_names(who, n);
}

bool
mesh_who_is_target(const struct mesh_policy_who *who,
    const struct mesh_policy_node *n)
{
	if (who->is == MESH_WHO_IS_INTERNET)
		return serves_internet(n);
	return who_is_source(who, n) || exit_serves(who, n);
}

static void
node_judge_rule(struct mesh_policy_node *n, size_t i)
{
	const struct mesh_policy_rule *rule = &n->world->policy->rules[i];

	for (size_t k = 0; k < rule->src_count; k++) {
		if (!who_is_source(&rule->srcs[k], n))
			continue;
		mesh_bit_set(n->src, i);
		if (mesh_who_is_identity(&rule->srcs[k]))
			mesh_bit_set(n->member, i);
	}
	/* An exit node carries packets; capabilities end at nodes. */
	for (size_t k = 0; k < rule->dst_count; k++)
		if (rule->app.json.len > 0
			? who_is_source(&rule->dsts[k].who, n)
			: mesh_who_is_target(&rule->dsts[k].who, n))
			mesh_bit_set(n->dst, i);
}

/* Sources that the node belongs to have to be made anew; those with "*" too when
 * its routes are among them. */
static void
node_stir(const struct mesh_policy_node *n)
{
	struct mesh_policy_world *w = n->world;

	for (size_t i = 0; i < w->policy->rule_count; i++) {
		const struct mesh_policy_rule *rule = &w->policy->rules[i];
		bool stir = mesh_bit_has(n->member, i);

		for (size_t k = 0; n->route_count && k < rule->src_count; k++)
			stir |= rule->srcs[k].is == MESH_WHO_IS_ANY;
		if (stir)
			w->sources[i].fresh = false;
	}
}

static void
node_judge(struct mesh_policy_node *n)
{
	struct mesh_policy_world *w = n->world;

	memset(n->src, 0, 3 * w->words * sizeof(*n->src));
	for (size_t i = 0; i < w->policy->rule_count; i++)
		node_judge_rule(n, i);
}

/* --- users */

bool
mesh_policy_user_is(const struct mesh_policy_user *u, struct mesh_str s)
{
	s = mesh_selector_user(s);
	return (u->name && mesh_str_eq(s, u->name)) ||
	    (u->email && mesh_str_eq(s, u->email)) ||
	    (u->provider && mesh_str_eq(s, u->provider));
}

static uint32_t
token_of(const struct mesh_policy *p, const char *s)
{
	if (s == NULL)
		return MESH_POLICY_NONE;
	return mesh_names_find(&p->users, mesh_selector_user(mesh_str(s)));
}

static void
user_judge(const struct mesh_policy_world *w, struct mesh_policy_user *u)
{
	const struct mesh_policy *p = w->policy;

	u->tokens[0] = token_of(p, u->name);
	u->tokens[1] = token_of(p, u->email);
	u->tokens[2] = token_of(p, u->provider);
	memset(u->groups, 0, (p->groups.count / 64 + 1) * sizeof(*u->groups));
	for (size_t g = 0; g < p->groups.count; g++)
		for (size_t i = 0; i < p->members[g].count; i++)
			if (mesh_policy_user_has(u, p->members[g].items[i].index))
				mesh_bit_set(u->groups, g);
}

static struct mesh_policy_user *
user_add(struct mesh_policy_world *w, uint64_t id)
{
	struct mesh_policy_user *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	mesh_list_init(&u->by_world);
	mesh_list_init(&u->nodes);
	u->id = id;
	u->groups = calloc(w->policy->groups.count / 64 + 1,
	    sizeof(*u->groups));
	if (u->groups == NULL || mesh_map_put(&w->user_ids, &id, u) != MESH_OK) {
		user_free(u);
		return NULL;
	}
	mesh_list_append(&w->users, &u->by_world);
	user_judge(w, u);
	return u;
}

static bool
text_set(char **to, const char *s)
{
	char *copy = s ? strdup(s) : NULL;

	if (s != NULL && copy == NULL)
		return false;
	free(*to);
	*to = copy;
	return true;
}

int
mesh_policy_user_put(struct mesh_policy_world *w,
    const struct mesh_policy_user_info *user)
{
	struct mesh_policy_user *u = mesh_map_get(&w->user_ids, &user->id);

	if (u == NULL)
		u = user_add(w, user->id);
	if (u == NULL || !text_set(&u->name, user->name) ||
	    !text_set(&u->email, user->email) ||
	    !text_set(&u->provider, user->provider))
		return MESH_ERR_NOMEM;
	user_judge(w, u);
	for (struct mesh_list *i = u->nodes.next; i != &u->nodes;
	    i = i->next) {
		struct mesh_policy_node *n =
		    MESH_CONTAINER(i, struct mesh_policy_node, by_user);

		node_stir(n);
		node_judge(n);
		node_stir(n);
	}
	return MESH_OK;
}

/* --- nodes */

static bool
node_copy_tags(struct mesh_policy_node *n,
    const struct mesh_policy_node_info *info)
{
	size_t len = 0;
	char *text;

	for (size_t i = 0; i < info->tag_count; i++)
		len += strlen(info->tags[i]) + 1;
	n->tags = calloc(info->tag_count + 1, sizeof(*n->tags));
	n->tag_names = malloc(info->tag_count * sizeof(*n->tag_names) + len +
	    1);
	if (n->tags == NULL || n->tag_names == NULL)
		return false;
	text = (char *)(n->tag_names + info->tag_count);
	for (size_t i = 0; i < info->tag_count; i++) {
		size_t size = strlen(info->tags[i]) + 1;

		n->tag_names[i] = memcpy(text, info->tags[i], size);
		text += size;
		n->tags[i] = mesh_names_find(&n->world->policy->tags,
		    mesh_str(info->tags[i]));
	}
	n->tag_count = info->tag_count;
	return true;
}

static bool
node_copy_addresses(struct mesh_policy_node *n,
    const struct mesh_policy_node_info *info)
{
	n->addresses = calloc(info->address_count + 1, sizeof(*n->addresses));
	n->routes = calloc(info->route_count + 1, sizeof(*n->routes));
	if (n->addresses == NULL || n->routes == NULL)
		return false;
	for (size_t i = 0; i < info->address_count; i++)
		n->addresses[n->address_count++] = info->addresses[i];
	for (size_t i = 0; i < info->route_count; i++) {
		const struct mesh_prefix *p = &info->routes[i];

		if (mesh_prefix_len(p) > 0)
			n->routes[n->route_count++] = *p;
		else if (mesh_ip_is4(&p->ip))
			n->exit4 = true;
		else
			n->exit6 = true;
	}
	return true;
}

/* A node with its facts, in no list yet. */
static struct mesh_policy_node *
node_make(struct mesh_policy_world *w,
    const struct mesh_policy_node_info *info)
{
	struct mesh_policy_node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	mesh_list_init(&n->by_world);
	mesh_list_init(&n->by_user);
	n->world = w;
	n->id = info->id;
	n->src = calloc(3 * w->words, sizeof(*n->src));
	if (n->src == NULL || !node_copy_tags(n, info) ||
	    !node_copy_addresses(n, info)) {
		node_free(n);
		return NULL;
	}
	n->dst = n->src + w->words;
	n->member = n->dst + w->words;
	if (info->tag_count > 0)
		return n;
	n->user = mesh_map_get(&w->user_ids, &info->user);
	if (n->user == NULL)
		n->user = user_add(w, info->user);
	if (n->user == NULL) {
		node_free(n);
		return NULL;
	}
	return n;
}

/* The facts of fresh take the place of the old ones; the handle, and its place
 * in the world, stay. */
static void
node_replace(struct mesh_policy_node *old, struct mesh_policy_node *fresh)
{
	struct mesh_list place = old->by_world;
	struct mesh_policy_node gone;

	node_stir(old);
	mesh_list_remove(&old->by_user);
	gone = *old;
	*old = *fresh;
	*fresh = gone;
	old->by_world = place;
	mesh_list_init(&old->by_user);
	mesh_list_init(&fresh->by_world);
	mesh_list_init(&fresh->by_user);
	node_free(fresh);
}

int
mesh_policy_node_put(struct mesh_policy_world *w,
    const struct mesh_policy_node_info *node, struct mesh_policy_node **out)
{
	struct mesh_policy_node *n, *old = mesh_policy_node_find(w, node->id);
	int err;

	if (node->address_count > MESH_POLICY_ADDRESSES_MAX ||
	    node->route_count > MESH_POLICY_ROUTES_MAX ||
	    node->tag_count > MESH_POLICY_NAMES_MAX)
		return MESH_ERR_LIMIT;
	n = node_make(w, node);
	if (n == NULL)
		return MESH_ERR_NOMEM;
	if (old != NULL) {
		node_replace(old, n);
		n = old;
	} else {
		err = mesh_map_put(&w->node_ids, &node->id, n);
		if (err != MESH_OK) {
			node_free(n);
			return err;
		}
		mesh_list_append(&w->nodes, &n->by_world);
	}
	if (n->user != NULL)
		mesh_list_append(&n->user->nodes, &n->by_user);
	node_judge(n);
	node_stir(n);
	*out = n;
	return MESH_OK;
}

void
mesh_policy_node_remove(struct mesh_policy_world *w,
    struct mesh_policy_node *n)
{
	node_stir(n);
	(void)mesh_map_remove(&w->node_ids, &n->id);
	node_free(n);
}

struct mesh_policy_node *
mesh_policy_node_find(const struct mesh_policy_world *w, uint64_t id)
{
	return mesh_map_get(&w->node_ids, &id);
}

/* --- a copy, and tags */

static int
node_copy(struct mesh_policy_world *w, const struct mesh_policy_node *n)
{
	struct mesh_prefix routes[MESH_POLICY_ROUTES_MAX + 2];
	struct mesh_policy_node_info info = {
	    .id = n->id,
	    .user = n->user ? n->user->id : 0,
	    .tags = n->tag_names,
	    .tag_count = n->tag_count,
	    .addresses = n->addresses,
	    .address_count = n->address_count,
	    .routes = routes,
	    .route_count = n->route_count,
	};
	struct mesh_policy_node *copy;

	memcpy(routes, n->routes, n->route_count * sizeof(*routes));
	if (n->exit4)
		routes[info.route_count++] =
		    (struct mesh_prefix){mesh_ip4(0, 0, 0, 0), 96};
	if (n->exit6)
		routes[info.route_count++] = (struct mesh_prefix){.bits = 0};
	return mesh_policy_node_put(w, &info, &copy);
}

struct mesh_policy_world *
mesh_policy_world_copy(const struct mesh_policy *p,
    const struct mesh_policy_world *from)
{
	struct mesh_policy_world *w = mesh_policy_world_new(p);
	int err = w ? MESH_OK : MESH_ERR_NOMEM;

	for (const struct mesh_list *i = from->users.next;
	    i != &from->users && err == MESH_OK; i = i->next) {
		const struct mesh_policy_user *u =
		    MESH_CONTAINER(i, const struct mesh_policy_user, by_world);

		err = mesh_policy_user_put(w,
		    &(struct mesh_policy_user_info){u->id, u->name, u->email,
			u->provider});
	}
	for (const struct mesh_list *i = from->nodes.next;
	    i != &from->nodes && err == MESH_OK; i = i->next)
		err = node_copy(w, MESH_CONTAINER(i,
		    const struct mesh_policy_node, by_world));
	if (err == MESH_OK)
		return w;
	mesh_policy_world_free(w);
	return NULL;
}

#define OWNERS_DEPTH 8u /* tags that own tags that own tags... */

static bool
user_owns(const struct mesh_policy *p, const struct mesh_policy_user *u,
    uint32_t tag, unsigned depth)
{
	const struct mesh_policy_whos *owners = &p->owners[tag];

	for (size_t i = 0; i < owners->count; i++) {
		const struct mesh_policy_who *who = &owners->items[i];

		if ((who->is == MESH_WHO_IS_USER &&
			mesh_policy_user_has(u, who->index)) ||
		    (who->is == MESH_WHO_IS_GROUP &&
			mesh_bit_has(u->groups, who->index)) ||
		    (who->is == MESH_WHO_IS_TAG && depth < OWNERS_DEPTH &&
			user_owns(p, u, who->index, depth + 1)))
			return true;
	}
	return false;
}

bool
mesh_policy_may_tag(const struct mesh_policy_world *w, uint64_t user,
    const char *tag)
{
	const struct mesh_policy_user *u = mesh_map_get(&w->user_ids, &user);
	uint32_t index = mesh_names_find(&w->policy->tags, mesh_str(tag));

	return u != NULL && index != MESH_POLICY_NONE &&
	    user_owns(w->policy, u, index, 0);
}
