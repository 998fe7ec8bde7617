/* SPDX-License-Identifier: ISC */
#include "sshcheck.h"

#include <base/list.h>
#include <stdlib.h>

enum verdict { ASKED, APPROVED, REFUSED };

struct check {
	struct mesh_list link; /* oldest first */
	char id[SSHCHECK_ID_LEN + 1];
	int64_t src, dst;
	char account[SSHCHECK_ACCOUNT];
	enum verdict verdict;
	struct mesh_time since; /* it was asked, or decided */
	uint64_t waiter;	/* the request that hangs; 0: none */
};

struct sshcheck {
	struct mesh_list checks;
	size_t count;
};

struct sshcheck *
sshcheck_new(void)
{
	struct sshcheck *c = calloc(1, sizeof(*c));

	if (c != NULL)
		mesh_list_init(&c->checks);
	return c;
}

static struct check *
check_at(struct mesh_list *l)
{
	return MESH_CONTAINER(l, struct check, link);
}

static void
check_free(struct sshcheck *c, struct check *k)
{
	mesh_list_remove(&k->link);
	c->count--;
	free(k);
}

void
sshcheck_free(struct sshcheck *c)
{
	if (c == NULL)
		return;
	while (!mesh_list_is_empty(&c->checks))
		check_free(c, check_at(c->checks.next));
	free(c);
}

static bool
is_about(const struct check *k, const struct sshcheck_ask *ask)
{
	return k->src == ask->src && k->dst == ask->dst &&
	    mesh_str_eq(ask->account, k->account);
}

/* Approved, and not longer ago than the policy says. */
static bool
is_good(const struct check *k, uint64_t period_ns, struct mesh_time now)
{
	if (period_ns == 0) /* once, by the one who was told of it */
		period_ns = SSHCHECK_NS;
	return k->verdict == APPROVED &&
	    !mesh_time_due(mesh_time_add(k->since, period_ns), now);
}

static struct check *
find_approved(struct sshcheck *c, const struct sshcheck_ask *ask,
    uint64_t period_ns, struct mesh_time now)
{
	for (struct mesh_list *l = c->checks.next; l != &c->checks;
	    l = l->next) {
		struct check *k = check_at(l);

		if (period_ns > 0 && is_about(k, ask) &&
		    is_good(k, period_ns, now))
			return k;
	}
	return NULL;
}

static struct check *
find_id(struct sshcheck *c, struct mesh_str id)
{
	for (struct mesh_list *l = c->checks.next;
	    id.len > 0 && l != &c->checks; l = l->next)
		if (mesh_str_eq(id, check_at(l)->id))
			return check_at(l);
	return NULL;
}

/* The same login, which somebody was asked about already. */
static struct check *
find_asked(struct sshcheck *c, const struct sshcheck_ask *ask)
{
	for (struct mesh_list *l = c->checks.next; l != &c->checks;
	    l = l->next)
		if (check_at(l)->verdict == ASKED &&
		    is_about(check_at(l), ask))
			return check_at(l);
	return NULL;
}

/* A node that asks much pushes out what it asked itself. */
static void
make_room(struct sshcheck *c, int64_t dst)
{
	struct check *oldest = NULL;
	size_t same = 0;

	for (struct mesh_list *l = c->checks.next; l != &c->checks;
	    l = l->next) {
		struct check *k = check_at(l);

		if (k->dst != dst || k->verdict != ASKED)
			continue;
		same++;
		if (oldest == NULL)
			oldest = k;
	}
	if (same >= SSHCHECK_PER_NODE)
		check_free(c, oldest);
	else if (c->count == SSHCHECK_MAX)
		check_free(c, check_at(c->checks.next));
}

static struct check *
check_new(struct sshcheck *c, const struct sshcheck_ask *ask,
    const uint8_t random[static SSHCHECK_RANDOM], struct mesh_time now)
{
	struct check *k = calloc(1, sizeof(*k));

	if (k == NULL || mesh_str_copy(ask->account, k->account,
		sizeof(k->account)) != MESH_OK) {
		free(k);
		return NULL;
	}
	mesh_hex_encode(random, SSHCHECK_RANDOM, k->id);
	k->src = ask->src;
	k->dst = ask->dst;
	k->since = now;
	mesh_list_init(&k->link);
	mesh_list_append(&c->checks, &k->link);
	c->count++;
	return k;
}

static void
hold(struct sshcheck *c, const struct sshcheck_ask *ask,
    const uint8_t random[static SSHCHECK_RANDOM], struct mesh_time now,
    struct sshcheck_answer *out)
{
	struct check *k = find_asked(c, ask);

	if (k == NULL) {
		make_room(c, ask->dst);
		k = check_new(c, ask, random, now);
	}
	out->kind = k != NULL ? SSHCHECK_HOLD : SSHCHECK_REJECT;
	if (k != NULL)
		mesh_format(out->id, sizeof(out->id), "%s", k->id);
}

/* Asked again, with an id: by the node that was told of it, for this login. */
static void
follow_up(struct sshcheck *c, struct check *k, uint64_t period_ns,
    struct sshcheck_answer *out)
{
	switch (k->verdict) {
	case ASKED:
		k->waiter = out->req;
		out->kind = SSHCHECK_WAIT;
		return;
	case APPROVED:
		out->kind = SSHCHECK_ACCEPT;
		if (period_ns == 0) /* good for once */
			check_free(c, k);
		return;
	case REFUSED:
		out->kind = SSHCHECK_REJECT;
		check_free(c, k);
		return;
	}
}

void
sshcheck_handle(struct sshcheck *c, const struct state *s,
    const struct sshcheck_ask *ask,
    const uint8_t random[static SSHCHECK_RANDOM], struct mesh_time now,
    struct sshcheck_answer *out)
{
	const struct member *dst = state_member(s, ask->dst);
	const struct member *src = state_member(s, ask->src);
	struct mesh_policy_ssh_verdict v = {0};
	struct check *k = find_id(c, ask->id);

	*out = (struct sshcheck_answer){.req = ask->req};
	if (dst == NULL) {
		out->kind = SSHCHECK_UNKNOWN;
		return;
	}
	if (!mesh_machine_key_equal(&dst->rec.machine, &ask->machine)) {
		out->kind = SSHCHECK_STRANGER;
		return;
	}
	if (src != NULL && src->policy != NULL && dst->policy != NULL)
		mesh_policy_ssh_ask(src->policy, dst->policy, ask->account,
		    &v);
	if (!v.allowed)
		out->kind = SSHCHECK_REJECT;
	else if (!v.check)
		out->kind = SSHCHECK_ACCEPT;
	else if (k != NULL && is_about(k, ask) &&
	    (k->verdict != APPROVED || is_good(k, v.period_ns, now)))
		follow_up(c, k, v.period_ns, out);
	else if (find_approved(c, ask, v.period_ns, now) != NULL)
		out->kind = SSHCHECK_ACCEPT;
	else
		hold(c, ask, random, now, out);
}

void
sshcheck_cancel(struct sshcheck *c, uint64_t req)
{
	for (struct mesh_list *l = c->checks.next; l != &c->checks;
	    l = l->next)
		if (check_at(l)->waiter == req)
			check_at(l)->waiter = 0;
}

/* The node that waits asks anew: the policy may be another one by now. */
bool
sshcheck_next(struct sshcheck *c, struct sshcheck_answer *out)
{
	for (struct mesh_list *l = c->checks.next; l != &c->checks;
	    l = l->next) {
		struct check *k = check_at(l);

		if (k->verdict == ASKED || k->waiter == 0)
			continue;
		*out = (struct sshcheck_answer){.req = k->waiter,
		    .kind = SSHCHECK_AGAIN};
		mesh_format(out->id, sizeof(out->id), "%s", k->id);
		k->waiter = 0;
		return true;
	}
	return false;
}

bool
sshcheck_decide(struct sshcheck *c, struct mesh_str id, bool accept,
    struct mesh_time now)
{
	struct mesh_str rest = id;
	struct check *k;

	while (rest.len > 0)
		id = mesh_str_cut(&rest, '/');
	k = find_id(c, id);
	if (k == NULL || k->verdict != ASKED)
		return false;
	k->verdict = accept ? APPROVED : REFUSED;
	k->since = now;
	return true;
}

void
sshcheck_forget(struct sshcheck *c)
{
	struct mesh_list *next;

	for (struct mesh_list *l = c->checks.next; l != &c->checks; l = next) {
		next = l->next;
		if (check_at(l)->verdict == APPROVED &&
		    check_at(l)->waiter == 0)
			check_free(c, check_at(l));
	}
}

/* The longest period that a policy can name (services.md 6.9). */
#define APPROVED_NS (168 * MESH_HOUR)

void
sshcheck_tick(struct sshcheck *c, struct mesh_time now)
{
	struct mesh_list *next;

	for (struct mesh_list *l = c->checks.next; l != &c->checks; l = next) {
		struct check *k = check_at(l);
		uint64_t ns = k->verdict == APPROVED ? APPROVED_NS
						     : SSHCHECK_NS;

		next = l->next;
		if (k->waiter == 0 &&
		    mesh_time_due(mesh_time_add(k->since, ns), now))
			check_free(c, k);
	}
}

static void
put_flag(struct mesh_jw *w, const char *name)
{
	mesh_jw_name(w, name);
	mesh_jw_bool(w, true);
}

static void
put_hold(struct mesh_jw *w, const char *url, const char *id, bool show)
{
	char text[2 * MESH_POLICY_URL_MAX];

	if (show) {
		mesh_format(text, sizeof(text),
		    "# This login has to be approved: %s/auth/%s\r\n", url,
		    id);
		mesh_jw_name(w, "message");
		mesh_jw_string(w, text);
	}
	mesh_format(text, sizeof(text), "%s/machine/ssh/action/$SRC_NODE_ID/to/"
	    "$DST_NODE_ID?local_user=$LOCAL_USER&auth_id=%s", url, id);
	mesh_jw_name(w, "holdAndDelegate");
	mesh_jw_string(w, text);
}

void
sshcheck_write(const struct sshcheck_answer *a, const char *url,
    struct mesh_buf *out)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	if (a->kind == SSHCHECK_HOLD || a->kind == SSHCHECK_AGAIN)
		put_hold(&w, url, a->id, a->kind == SSHCHECK_HOLD);
	else if (a->kind == SSHCHECK_ACCEPT) {
		put_flag(&w, "accept");
		put_flag(&w, "allowAgentForwarding");
		put_flag(&w, "allowLocalPortForwarding");
		put_flag(&w, "allowRemotePortForwarding");
	} else {
		put_flag(&w, "reject");
		mesh_jw_name(&w, "message");
		mesh_jw_string(&w, "# This login was refused.\r\n");
	}
	mesh_jw_end_object(&w);
}
