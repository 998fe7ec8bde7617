/* SPDX-License-Identifier: ISC */
#include "state_int.h"

#include "alloc.h"
#include "label.h"
#include "routes.h"

#include <stdlib.h>

static bool
number_is_taken(void *arg, uint32_t number)
{
	struct mesh_ip ip = alloc_ip4(number);

	return state_member_ip(arg, &ip) != NULL;
}

static int
choose_addresses(struct state *s, uint32_t seed, struct node *n)
{
	uint32_t from = s->cfg.random_addresses ? seed : s->last_number;
	uint32_t number;

	if (alloc_next(from, number_is_taken, s, &number) != MESH_OK)
		return state_fail(s, MESH_ERR_LIMIT,
		    "no address is left in 100.64.0.0/10");
	s->last_number = number;
	n->ip4 = alloc_ip4(number);
	n->ip6 = alloc_ip6(number);
	return MESH_OK;
}

/* The label that fits the host name and is free, or is self's already. */
static void
choose_label(const struct state *s, const struct member *self,
    struct mesh_str hostname, char out[static NODE_LABEL_MAX])
{
	char base[NODE_LABEL_MAX];
	struct member *other;

	label_from_host(hostname, base);
	for (unsigned n = 0; n <= STATE_NODES_MAX; n++) {
		label_numbered(base, n, out);
		other = state_member_label(s, mesh_str(out));
		if (other == NULL || other == self)
			return;
	}
}

int
state_node_add(struct state *s, const struct node *rec, uint32_t seed,
    struct member **out)
{
	struct member *m = calloc(1, sizeof(*m));
	struct node n = *rec;
	int err = MESH_ERR_NOMEM;

	if (m == NULL) {
		state_fail(s, err, "out of memory");
		goto fail;
	}
	if (s->node_count == STATE_NODES_MAX) {
		err = state_fail(s, MESH_ERR_LIMIT, "too many nodes");
		goto fail;
	}
	choose_label(s, NULL, mesh_str(n.hostname), n.label);
	if ((err = choose_addresses(s, seed, &n)) != MESH_OK)
		goto fail;
	if ((err = store_node_add(s->store, &n)) != MESH_OK) {
		state_fail_store(s, err, "node");
		goto fail;
	}
	m->rec = n;
	if ((err = state_insert(s, m)) != MESH_OK) {
		state_fail(s, err, "%s", mesh_strerror(err));
		goto fail;
	}
	if (m->rec.ephemeral)
		m->remove_at = (struct mesh_time){0}; /* unless it connects */
	state_touch(s, m, CHANGE_FULL | CHANGE_ACCESS);
	*out = m;
	return MESH_OK;
fail:
	node_release(&n);
	free(m);
	return err;
}

/* A new node key; the former one is good until the node uses the new one. */
static int
change_key(struct state *s, struct member *m, const struct mesh_node_key *key)
{
	int err;

	if (mesh_node_key_equal(&m->rec.key, key))
		return MESH_OK;
	if ((err = mesh_map_put(&s->by_key, key->b, m)) != MESH_OK)
		return err;
	if (!mesh_node_key_is_zero(&m->previous) &&
	    !mesh_node_key_equal(&m->previous, key))
		(void)mesh_map_remove(&s->by_key, m->previous.b);
	m->previous = m->rec.key;
	m->rec.key = *key;
	return MESH_OK;
}

int
state_node_login(struct state *s, struct member *m, const struct node *rec)
{
	struct node to = m->rec;
	int err;

	to.key = rec->key;
	to.expires = rec->expires;
	to.user = rec->user;
	to.auth_key = rec->auth_key;
	/* Approved once is approved. */
	to.method = rec->method == REGISTER_WAITING && !member_is_waiting(m)
	    ? REGISTER_AUTH_KEY : rec->method;
	to.ephemeral = rec->ephemeral;
	if ((to.tags = strdup(rec->tags)) == NULL)
		return state_fail(s, MESH_ERR_NOMEM, "out of memory");
	if ((err = store_node_update(s->store, &to)) != MESH_OK) {
		free(to.tags);
		return state_fail_store(s, err, "node");
	}
	if ((err = change_key(s, m, &rec->key)) != MESH_OK) {
		free(to.tags);
		return state_fail(s, err, "%s", mesh_strerror(err));
	}
	if (m->expired || to.method != m->rec.method || to.user != m->rec.user ||
	    strcmp(to.tags, m->rec.tags) != 0)
		state_touch(s, m, CHANGE_FULL | CHANGE_ACCESS);
	free(m->rec.tags);
	m->rec = to;
	m->expired = false;
	state_touch(s, m, CHANGE_KEY | CHANGE_EXPIRY | CHANGE_SELF);
	return MESH_OK;
}

/* --- reports */

static int
replace_text(char **text, struct mesh_str with, bool *changed)
{
	char *copy;

	if (mesh_str_eq(with, *text))
		return MESH_OK;
	if ((copy = strndup(with.p, with.len)) == NULL)
		return MESH_ERR_NOMEM;
	free(*text);
	*text = copy;
	*changed = true;
	return MESH_OK;
}

static bool
endpoints_equal(const struct node *n, const struct report *r)
{
	if (n->endpoint_count != r->endpoint_count)
		return false;
	for (size_t i = 0; i < r->endpoint_count; i++)
		if (n->endpoints[i].type != r->endpoints[i].type ||
		    !mesh_endpoint_eq(&n->endpoints[i].addr,
			&r->endpoints[i].addr))
			return false;
	return true;
}

static int
report_endpoints(struct node *n, const struct report *r, bool *changed)
{
	struct node_endpoint *copy = NULL;

	if (endpoints_equal(n, r))
		return MESH_OK;
	if (r->endpoint_count > 0) {
		copy = calloc(r->endpoint_count, sizeof(*copy));
		if (copy == NULL)
			return MESH_ERR_NOMEM;
		memcpy(copy, r->endpoints, r->endpoint_count * sizeof(*copy));
	}
	free(n->endpoints);
	n->endpoints = copy;
	n->endpoint_count = (uint16_t)r->endpoint_count;
	*changed = true;
	return MESH_OK;
}

/* A new host name renames the node, unless an administrator chose the name. */
static int
report_hostname(struct state *s, struct member *m, struct mesh_str hostname,
    unsigned *changed)
{
	char label[NODE_LABEL_MAX];
	bool renamed = false;
	int err = replace_text(&m->rec.hostname, hostname, &renamed);

	if (err != MESH_OK || !renamed || m->rec.renamed)
		return err;
	choose_label(s, m, hostname, label);
	if (strcmp(label, m->rec.label) == 0)
		return MESH_OK;
	*changed |= CHANGE_FULL | CHANGE_SELF;
	return state_relabel(s, m, label);
}

static int
report_hostinfo(struct state *s, struct member *m, const struct report *r,
    unsigned *changed, bool *unsaved)
{
	bool mine = false, peers = false;
	int err;

	if (r->hostinfo.len == 0)
		return MESH_OK;
	if ((err = replace_text(&m->rec.hostinfo, r->hostinfo, &mine)) !=
		MESH_OK ||
	    (err = replace_text(&m->rec.hostinfo_peer, r->hostinfo_peer,
		 &peers)) != MESH_OK ||
	    (err = routes_announce(s, m, r->routes, r->route_count, &mine)) !=
		MESH_OK ||
	    (err = report_hostname(s, m, r->hostname, changed)) != MESH_OK)
		return err;
	*unsaved |= mine;
	*changed |= peers ? CHANGE_FULL : 0;
	if (r->relay != 0 && r->relay != m->rec.relay) {
		m->rec.relay = r->relay;
		*changed |= CHANGE_RELAY;
	}
	return MESH_OK;
}

void
state_mark_unsaved(struct state *s, struct member *m)
{
	if (!m->unsaved)
		mesh_list_append(&s->unsaved, &m->unsaved_link);
	m->unsaved = true;
}

int
state_report(struct state *s, struct member *m, const struct report *r)
{
	unsigned changed = 0;
	bool endpoints = false, unsaved = false;
	int err = report_endpoints(&m->rec, r, &endpoints);

	if (err == MESH_OK)
		err = report_hostinfo(s, m, r, &changed, &unsaved);
	changed |= endpoints ? CHANGE_ENDPOINTS : 0;
	if (!mesh_disco_key_is_zero(&r->disco) &&
	    !mesh_disco_key_equal(&r->disco, &m->rec.disco)) {
		m->rec.disco = r->disco;
		changed |= CHANGE_DISCO;
	}
	if (r->capver != m->rec.capver) {
		m->rec.capver = r->capver;
		changed |= CHANGE_CAPVER;
	}
	if (changed != 0)
		state_touch(s, m, changed);
	if (changed != 0 || unsaved)
		state_mark_unsaved(s, m);
	return err;
}

int
state_sync(struct state *s)
{
	int err = MESH_OK;

	if (mesh_list_is_empty(&s->unsaved))
		return MESH_OK;
	if ((err = store_begin(s->store)) != MESH_OK)
		return state_fail_store(s, err, "reports of nodes");
	for (struct mesh_list *l = s->unsaved.next;
	    l != &s->unsaved && err == MESH_OK; l = l->next) {
		struct member *m = MESH_CONTAINER(l, struct member,
		    unsaved_link);

		if (!m->gone)
			err = store_node_update(s->store, &m->rec);
	}
	if (err == MESH_OK)
		err = store_commit(s->store);
	if (err != MESH_OK) { /* they stay unsaved, for the next time */
		state_fail_store(s, err, "reports of nodes");
		store_rollback(s->store);
		return err;
	}
	while (!mesh_list_is_empty(&s->unsaved)) {
		struct member *m = MESH_CONTAINER(s->unsaved.next,
		    struct member, unsaved_link);

		mesh_list_remove(&m->unsaved_link);
		m->unsaved = false;
	}
	return MESH_OK;
}

/* --- presence and time */

void
state_connected(struct state *s, struct member *m,
    const struct mesh_node_key *used)
{
	if (!mesh_node_key_is_zero(&m->previous) &&
	    mesh_node_key_equal(used, &m->rec.key)) {
		(void)mesh_map_remove(&s->by_key, m->previous.b);
		memset(&m->previous, 0, sizeof(m->previous));
	}
	m->offline_at = m->remove_at = MESH_NEVER;
	if (m->online)
		return;
	m->online = true;
	state_touch(s, m, CHANGE_ONLINE);
}

void
state_disconnected(struct state *s, struct member *m, struct mesh_time now,
    int64_t wall)
{
	m->rec.last_seen = wall;
	state_mark_unsaved(s, m);
	m->offline_at = mesh_time_add(now, STATE_OFFLINE_NS);
	if (m->rec.ephemeral)
		m->remove_at = mesh_time_add(now, s->cfg.ephemeral_ns);
}

static void
member_expiry(struct state *s, struct member *m, int64_t wall)
{
	int64_t at = m->rec.expires;
	bool expired = at != 0 && at <= wall;
	bool soon = at != 0 && !expired && at - wall <= STATE_SOON_S;

	if (expired != m->expired)
		state_touch(s, m, CHANGE_FULL | CHANGE_SELF | CHANGE_ACCESS);
	if (soon != m->expires_soon)
		state_touch(s, m, CHANGE_SELF);
	m->expired = expired;
	m->expires_soon = soon;
}

static void
member_tick(struct state *s, struct member *m, struct mesh_time now,
    int64_t wall)
{
	if (mesh_time_due(m->offline_at, now)) {
		m->offline_at = MESH_NEVER;
		m->online = false;
		state_touch(s, m, CHANGE_ONLINE);
	}
	member_expiry(s, m, wall);
	if (m->remove_at.ns == 0) /* new, or loaded: away from now on */
		m->remove_at = mesh_time_add(now, s->ticked ||
			s->cfg.ephemeral_ns > STATE_RETURN_NS
		    ? s->cfg.ephemeral_ns : STATE_RETURN_NS);
	if (mesh_time_due(m->remove_at, now) &&
	    state_node_remove(s, m) != MESH_OK)
		m->remove_at = mesh_time_add(now, MESH_MIN); /* disk trouble */
}

void
state_tick(struct state *s, struct mesh_time now, int64_t wall)
{
	struct member *m;

	for (uint32_t pos = 0; (m = state_next(s, &pos)) != NULL;)
		member_tick(s, m, now, wall);
	s->ticked = true;
}
