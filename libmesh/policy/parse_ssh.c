/* SPDX-License-Identifier: ISC
 * parse_ssh.c - the ssh section: services.md 6.9.
 */
#include <stdlib.h>

#include "policy/parse_int.h"

#define PERIOD_DEFAULT (12 * MESH_HOUR)
#define PERIOD_MAX (168 * MESH_HOUR)
#define NONROOT "autogroup:nonroot"
#define LOCALPART "localpart:*@"

struct draft { /* an entry while it is read: members come in any order */
	size_t offset, period_offset;
	struct mesh_policy_ssh rule;
	struct mesh_policy_vec srcs, dsts;    /* mesh_policy_who */
	struct mesh_policy_vec dst_offsets;   /* size_t */
	struct mesh_policy_vec users, domains, envs; /* mesh_str */
};

static void
draft_release(struct draft *d)
{
	free(d->srcs.items);
	free(d->dsts.items);
	free(d->dst_offsets.items);
	free(d->users.items);
	free(d->domains.items);
	free(d->envs.items);
}

static void
read_action(struct mesh_policy_parse *ps, void *into)
{
	struct draft *d = into;
	struct mesh_str s = mesh_json_string(&ps->j);

	d->rule.check = mesh_str_eq(s, "check");
	if (mesh_json_err(&ps->j) == MESH_OK && !d->rule.check &&
	    !mesh_str_eq(s, "accept"))
		mesh_policy_complain(ps, s,
		    "is no action: 'accept' and 'check' are");
}

static const char *
src_wrong(const struct mesh_policy_who *who)
{
	switch (who->is) {
	case MESH_WHO_IS_USER:
	case MESH_WHO_IS_GROUP:
	case MESH_WHO_IS_TAG:
	case MESH_WHO_IS_MEMBER:
	case MESH_WHO_IS_TAGGED:
		return NULL;
	default:
		return "cannot be a source of ssh: users, groups, tags, "
		       "autogroup:member and autogroup:tagged can";
	}
}

static const char *
dst_wrong(const struct mesh_policy_who *who)
{
	switch (who->is) {
	case MESH_WHO_IS_USER:
	case MESH_WHO_IS_TAG:
	case MESH_WHO_IS_MEMBER:
	case MESH_WHO_IS_TAGGED:
	case MESH_WHO_IS_SELF:
		return NULL;
	default:
		return "cannot be a destination of ssh: users, tags, "
		       "autogroup:self, :member and :tagged can";
	}
}

static void
read_whos(struct mesh_policy_parse *ps, struct draft *d, bool src)
{
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);
		struct mesh_policy_who who, *to;
		size_t *offset;

		if (mesh_json_err(&ps->j) != MESH_OK ||
		    mesh_policy_complain(ps, s,
			mesh_selector_parse(ps->p, ps->p,
			    src ? MESH_SELECTOR_SRC : MESH_SELECTOR_DST, s,
			    &who)) ||
		    mesh_policy_complain(ps, s,
			src ? src_wrong(&who) : dst_wrong(&who)))
			return;
		to = mesh_policy_vec_add(ps, src ? &d->srcs : &d->dsts,
		    sizeof(*to));
		if (to == NULL)
			return;
		*to = who;
		offset = src ? NULL
			     : mesh_policy_vec_add(ps, &d->dst_offsets,
				   sizeof(*offset));
		if (offset != NULL)
			*offset = mesh_json_offset(&ps->j);
	}
}

static void
read_src(struct mesh_policy_parse *ps, void *into)
{
	read_whos(ps, into, true);
}

static void
read_dst(struct mesh_policy_parse *ps, void *into)
{
	read_whos(ps, into, false);
}

/* Names of accounts are handed to nodes as they are. */
static const char *
account_wrong(struct mesh_str s)
{
	if (s.len == 0)
		return "is no account";
	if (s.len > MESH_POLICY_ACCOUNT_MAX)
		return "is too long for an account";
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
		    strchr("*=:/", s.p[i]) != NULL)
			return "is no account: a name, 'root', "
			       "'autogroup:nonroot' or 'localpart:*@domain'";
	return s.p[0] == '-' ? "is no account" : NULL;
}

static void
keep_text(struct mesh_policy_parse *ps, struct mesh_policy_vec *v,
    struct mesh_str s)
{
	struct mesh_str *to = mesh_policy_vec_add(ps, v, sizeof(*to));

	if (to == NULL)
		return;
	to->p = mesh_arena_strndup(&ps->p->arena, s.p, s.len);
	to->len = s.len;
	if (to->p == NULL)
		mesh_policy_nomem(ps);
}

static void
read_user(struct mesh_policy_parse *ps, struct draft *d, struct mesh_str s)
{
	struct mesh_str domain = {s.p + sizeof(LOCALPART) - 1,
	    s.len - (sizeof(LOCALPART) - 1)};

	if (mesh_str_eq(s, "root"))
		d->rule.root = true;
	else if (mesh_str_eq(s, NONROOT))
		d->rule.nonroot = true;
	else if (!mesh_str_has_prefix(s, LOCALPART)) {
		if (!mesh_policy_complain(ps, s, account_wrong(s)))
			keep_text(ps, &d->users, s);
	} else if (domain.len == 0 || memchr(domain.p, '@', domain.len)) {
		mesh_policy_complain(ps, s, "has no domain");
	} else {
		keep_text(ps, &d->domains, domain);
	}
}

static void
read_users(struct mesh_policy_parse *ps, void *into)
{
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);

		if (mesh_json_err(&ps->j) != MESH_OK)
			return;
		read_user(ps, into, s);
	}
}

static void
read_period(struct mesh_policy_parse *ps, void *into)
{
	struct draft *d = into;
	struct mesh_str s = mesh_json_string(&ps->j);

	d->period_offset = mesh_json_offset(&ps->j);
	d->rule.period_ns = 0;
	if (mesh_json_err(&ps->j) != MESH_OK || mesh_str_eq(s, "always"))
		return;
	if (mesh_parse_duration(s, &d->rule.period_ns) != MESH_OK)
		mesh_policy_complain(ps, s,
		    "is no time: as '12h', or 'always'");
	else if (d->rule.period_ns > PERIOD_MAX)
		mesh_policy_complain(ps, s, "is more than 168h");
}

static void
read_env(struct mesh_policy_parse *ps, void *into)
{
	struct draft *d = into;

	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);

		if (mesh_json_err(&ps->j) != MESH_OK)
			return;
		if (s.len == 0) {
			mesh_policy_complain(ps, s, "is no variable");
			return;
		}
		keep_text(ps, &d->envs, s);
	}
}

static const struct mesh_policy_member ssh_members[] = {
	{"action", read_action},
	{"src", read_src},
	{"dst", read_dst},
	{"users", read_users},
	{"checkPeriod", read_period},
	{"acceptEnv", read_env},
	{"srcPosture", NULL},
};

#define NEED 15u   /* the first four */
#define PERIOD 16u /* the fifth */

/* What may reach what: people their own machines, everybody machines that are
 * nobody's; nobody somebody else's. */
static void
check_pairs(struct mesh_policy_parse *ps, const struct draft *d)
{
	const struct mesh_policy_who *srcs = d->srcs.items;
	const struct mesh_policy_who *dsts = d->dsts.items;
	const size_t *offsets = d->dst_offsets.items;
	bool tagged = false;

	for (size_t i = 0; i < d->srcs.count; i++)
		tagged |= srcs[i].is == MESH_WHO_IS_TAG ||
		    srcs[i].is == MESH_WHO_IS_TAGGED;
	for (size_t i = 0; i < d->dsts.count; i++) {
		bool tag = dsts[i].is == MESH_WHO_IS_TAG ||
		    dsts[i].is == MESH_WHO_IS_TAGGED;

		if (tagged && !tag)
			mesh_policy_fail_at(ps, offsets[i],
			    "machines with tags cannot log in to machines of "
			    "users");
		for (size_t k = 0; dsts[i].is == MESH_WHO_IS_USER &&
		    k < d->srcs.count; k++)
			if (srcs[k].is != MESH_WHO_IS_USER ||
			    srcs[k].index != dsts[i].index)
				mesh_policy_fail_at(ps, offsets[i],
				    "a user's machines can only be reached by "
				    "this user: write 'autogroup:self'");
	}
}

static void
draft_keep(struct mesh_policy_parse *ps, struct draft *d)
{
	struct mesh_policy_ssh *r = &d->rule;

	r->offset = d->offset;
	r->src_count = d->srcs.count;
	r->dst_count = d->dsts.count;
	r->user_count = d->users.count;
	r->domain_count = d->domains.count;
	r->env_count = d->envs.count;
	r->srcs = mesh_policy_vec_keep(ps, &d->srcs, sizeof(*r->srcs));
	r->dsts = mesh_policy_vec_keep(ps, &d->dsts, sizeof(*r->dsts));
	r->users = mesh_policy_vec_keep(ps, &d->users, sizeof(*r->users));
	r->domains = mesh_policy_vec_keep(ps, &d->domains,
	    sizeof(*r->domains));
	r->envs = mesh_policy_vec_keep(ps, &d->envs, sizeof(*r->envs));
}

static void
read_entry(struct mesh_policy_parse *ps, struct mesh_policy_vec *rules)
{
	struct draft d = {.rule.period_ns = PERIOD_DEFAULT};
	struct mesh_policy_ssh *to;
	unsigned seen;

	(void)mesh_json_peek(&ps->j);
	d.offset = mesh_json_offset(&ps->j);
	seen = mesh_policy_read_object(ps, ssh_members,
	    sizeof(ssh_members) / sizeof(*ssh_members), &d);
	if ((seen & NEED) != NEED)
		mesh_policy_fail_at(ps, d.offset, "an ssh rule needs 'action', "
		    "'src', 'dst' and 'users'");
	if (!d.rule.root && !d.rule.nonroot && d.users.count == 0 &&
	    d.domains.count == 0)
		mesh_policy_fail_at(ps, d.offset,
		    "an ssh rule needs at least one of 'users'");
	if ((seen & PERIOD) && !d.rule.check)
		mesh_policy_fail_at(ps, d.period_offset,
		    "'checkPeriod' goes with the action 'check' only");
	if (rules->count == MESH_POLICY_SSH_MAX)
		mesh_policy_fail_at(ps, d.offset, "more than %u ssh rules",
		    MESH_POLICY_SSH_MAX);
	check_pairs(ps, &d);
	if (mesh_json_err(&ps->j) == MESH_OK)
		draft_keep(ps, &d);
	if (mesh_json_err(&ps->j) == MESH_OK &&
	    (to = mesh_policy_vec_add(ps, rules, sizeof(*to))) != NULL)
		*to = d.rule;
	draft_release(&d);
}

void
mesh_policy_read_ssh(struct mesh_policy_parse *ps)
{
	struct mesh_policy_vec rules = {0};

	if (mesh_json_null(&ps->j))
		return;
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j))
		read_entry(ps, &rules);
	ps->p->ssh_count = rules.count;
	ps->p->ssh = mesh_policy_vec_keep(ps, &rules, sizeof(*ps->p->ssh));
}
