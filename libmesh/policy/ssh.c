/* SPDX-License-Identifier: ISC
 * ssh.c - who may log in to a node, as its SSHPolicy (control.md 7.8) and as the
 * answer to a question. Rules that ask come before rules that accept, because the
 * node takes the first that matches.
 *
 * People are principals by the name of their log-in, so that a new machine of
 * theirs changes nothing; machines with tags by their number.
 */
#include <strings.h>

#include "policy/policy_int.h"

#define ACTION_PATH                                                            \
	"/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID"                     \
	"?local_user=$LOCAL_USER"

bool
mesh_policy_has_ssh(const struct mesh_policy_node *n)
{
	return n->world->policy->ssh_count > 0;
}

/* --- whom a rule is about */

static bool
is_destination(const struct mesh_policy_ssh *r,
    const struct mesh_policy_node *n)
{
	for (size_t i = 0; i < r->dst_count; i++)
		if (r->dsts[i].is != MESH_WHO_IS_SELF &&
		    mesh_who_names(&r->dsts[i], n))
			return true;
	return false;
}

/* Are the node's own user's machines meant? */
static bool
is_self(const struct mesh_policy_ssh *r, const struct mesh_policy_node *n)
{
	for (size_t i = 0; i < r->dst_count; i++)
		if (r->dsts[i].is == MESH_WHO_IS_SELF && n->user != NULL)
			return true;
	return false;
}

static bool
names_user(const struct mesh_policy_ssh *r, const struct mesh_policy_user *u)
{
	for (size_t i = 0; i < r->src_count; i++) {
		const struct mesh_policy_who *who = &r->srcs[i];

		if (who->is == MESH_WHO_IS_MEMBER ||
		    (who->is == MESH_WHO_IS_USER &&
			mesh_policy_user_has(u, who->index)) ||
		    (who->is == MESH_WHO_IS_GROUP &&
			mesh_bit_has(u->groups, who->index)))
			return true;
	}
	return false;
}

static bool
names_tagged(const struct mesh_policy_ssh *r, const struct mesh_policy_node *n)
{
	for (size_t i = 0; n->user == NULL && i < r->src_count; i++)
		if (mesh_who_names(&r->srcs[i], n))
			return true;
	return false;
}

/* The account that the rule makes of the user's mail address: never root's. */
static struct mesh_str
local_part(const struct mesh_policy_ssh *r, const struct mesh_policy_user *u)
{
	struct mesh_str domain = mesh_str(u->email ? u->email : "");
	struct mesh_str local = mesh_str_cut(&domain, '@');

	for (size_t i = 0; domain.len > 0 && local.len > 0 &&
	    local.len <= MESH_POLICY_ACCOUNT_MAX && i < r->domain_count; i++)
		if (domain.len == r->domains[i].len &&
		    !strncasecmp(domain.p, r->domains[i].p, domain.len) &&
		    !mesh_str_eq(local, "root"))
			return local;
	return (struct mesh_str){NULL, 0};
}

/* --- as JSON */

struct writer {
	struct mesh_jw *w;
	const struct mesh_policy_node *node;
	const char *url;
	const struct mesh_policy_ssh *rule;
};

static void
put_principal(struct mesh_jw *w, const char *name, struct mesh_str value)
{
	mesh_jw_object(w);
	mesh_jw_name(w, name);
	mesh_jw_str(w, value);
	mesh_jw_end_object(w);
}

static void
put_tagged(struct mesh_jw *w, const struct mesh_policy_node *n)
{
	char id[24];

	mesh_format(id, sizeof(id), "%llu", (unsigned long long)n->id);
	put_principal(w, "node", mesh_str(id));
}

static const struct mesh_policy_user *
user_at(const struct mesh_list *l)
{
	return MESH_CONTAINER(l, const struct mesh_policy_user, by_world);
}

/* May this user's machines come by the rule? */
static bool
admits(const struct writer *x, const struct mesh_policy_user *u)
{
	return names_user(x->rule, u) &&
	    (is_destination(x->rule, x->node) ||
		(is_self(x->rule, x->node) && u == x->node->user));
}

static void
put_principals(const struct writer *x)
{
	const struct mesh_policy_world *w = x->node->world;
	bool all = is_destination(x->rule, x->node);

	mesh_jw_name(x->w, "principals");
	mesh_jw_array(x->w);
	for (const struct mesh_list *l = w->users.next; l != &w->users;
	    l = l->next)
		if (user_at(l)->name != NULL && admits(x, user_at(l)))
			put_principal(x->w, "userLogin",
			    mesh_str(user_at(l)->name));
	for (const struct mesh_list *l = w->nodes.next; all && l != &w->nodes;
	    l = l->next) {
		const struct mesh_policy_node *n = MESH_CONTAINER(l,
		    const struct mesh_policy_node, by_world);

		if (names_tagged(x->rule, n))
			put_tagged(x->w, n);
	}
	mesh_jw_end_array(x->w);
}

static void
put_text(struct mesh_jw *w, struct mesh_str name, struct mesh_str value)
{
	char text[MESH_POLICY_ACCOUNT_MAX + 1];

	if (mesh_str_copy(name, text, sizeof(text)) != MESH_OK)
		return;
	mesh_jw_name(w, text);
	mesh_jw_str(w, value);
}

/* root stands there always: "*" would include it. */
static void
put_users(const struct writer *x)
{
	const struct mesh_policy_ssh *r = x->rule;

	mesh_jw_name(x->w, "sshUsers");
	mesh_jw_object(x->w);
	if (r->nonroot)
		put_text(x->w, MESH_STR("*"), MESH_STR("="));
	put_text(x->w, MESH_STR("root"),
	    r->root ? MESH_STR("root") : MESH_STR(""));
	for (size_t i = 0; i < r->user_count; i++)
		put_text(x->w, r->users[i], r->users[i]);
	mesh_jw_end_object(x->w);
}

static void
put_action(const struct writer *x)
{
	static const char *const allow[] = {"accept", "allowAgentForwarding",
	    "allowLocalPortForwarding", "allowRemotePortForwarding"};
	char url[MESH_POLICY_URL_MAX + sizeof(ACTION_PATH)];

	mesh_jw_name(x->w, "action");
	mesh_jw_object(x->w);
	if (x->rule->check) {
		mesh_format(url, sizeof(url), "%s" ACTION_PATH, x->url);
		mesh_jw_name(x->w, "holdAndDelegate");
		mesh_jw_string(x->w, url);
	}
	for (size_t i = 0; !x->rule->check &&
	    i < sizeof(allow) / sizeof(allow[0]); i++) {
		mesh_jw_name(x->w, allow[i]);
		mesh_jw_bool(x->w, true);
	}
	mesh_jw_end_object(x->w);
}

static void
put_rest(const struct writer *x)
{
	put_action(x);
	if (x->rule->env_count > 0) {
		mesh_jw_name(x->w, "acceptEnv");
		mesh_jw_array(x->w);
		for (size_t i = 0; i < x->rule->env_count; i++)
			mesh_jw_str(x->w, x->rule->envs[i]);
		mesh_jw_end_array(x->w);
	}
	mesh_jw_end_object(x->w);
}

/* A rule of its own for each user whose account follows from the address. */
static void
put_local_parts(const struct writer *x)
{
	const struct mesh_list *users = &x->node->world->users;

	for (const struct mesh_list *l = users->next;
	    x->rule->domain_count > 0 && l != users; l = l->next) {
		const struct mesh_policy_user *u = user_at(l);
		struct mesh_str local = local_part(x->rule, u);

		if (local.len == 0 || u->name == NULL || !admits(x, u))
			continue;
		mesh_jw_object(x->w);
		mesh_jw_name(x->w, "principals");
		mesh_jw_array(x->w);
		put_principal(x->w, "userLogin", mesh_str(u->name));
		mesh_jw_end_array(x->w);
		mesh_jw_name(x->w, "sshUsers");
		mesh_jw_object(x->w);
		put_text(x->w, local, local);
		mesh_jw_end_object(x->w);
		put_rest(x);
	}
}

void
mesh_policy_ssh_write(const struct mesh_policy_node *n, const char *url,
    struct mesh_jw *w)
{
	const struct mesh_policy *p = n->world->policy;

	mesh_jw_object(w);
	mesh_jw_name(w, "rules");
	mesh_jw_array(w);
	for (size_t i = 0; i < 2 * p->ssh_count; i++) {
		struct writer x = {w, n, url, &p->ssh[i % p->ssh_count]};

		if (x.rule->check != (i < p->ssh_count) ||
		    (!is_destination(x.rule, n) && !is_self(x.rule, n)))
			continue;
		mesh_jw_object(w);
		put_principals(&x);
		put_users(&x);
		put_rest(&x);
		put_local_parts(&x);
	}
	mesh_jw_end_array(w);
	mesh_jw_end_object(w);
}

/* --- as an answer */

static bool
maps_account(const struct mesh_policy_ssh *r,
    const struct mesh_policy_user *src, struct mesh_str account)
{
	struct mesh_str local;

	if (mesh_str_eq(account, "root"))
		return r->root;
	for (size_t i = 0; i < r->user_count; i++)
		if (r->users[i].len == account.len &&
		    memcmp(r->users[i].p, account.p, account.len) == 0)
			return true;
	if (src != NULL && r->domain_count > 0) {
		local = local_part(r, src);
		if (local.len > 0 && local.len == account.len &&
		    memcmp(local.p, account.p, local.len) == 0)
			return true;
	}
	return r->nonroot;
}

static bool
rule_lets(const struct mesh_policy_ssh *r, const struct mesh_policy_node *src,
    const struct mesh_policy_node *dst, struct mesh_str account)
{
	struct writer x = {.node = dst, .rule = r};

	if (account.len == 0 || !maps_account(r, src->user, account))
		return false;
	return src->user != NULL ? admits(&x, src->user)
				 : is_destination(r, dst) && names_tagged(r, src);
}

void
mesh_policy_ssh_ask(const struct mesh_policy_node *src,
    const struct mesh_policy_node *dst, struct mesh_str account,
    struct mesh_policy_ssh_verdict *out)
{
	const struct mesh_policy *p = dst->world->policy;

	*out = (struct mesh_policy_ssh_verdict){0};
	for (size_t i = 0; i < 2 * p->ssh_count; i++) {
		const struct mesh_policy_ssh *r = &p->ssh[i % p->ssh_count];

		if (r->check != (i < p->ssh_count) ||
		    !rule_lets(r, src, dst, account))
			continue;
		out->allowed = true;
		out->check = r->check;
		out->period_ns = r->check ? r->period_ns : 0;
		return;
	}
}
