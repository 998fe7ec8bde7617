/* SPDX-License-Identifier: ISC */
#include "register_int.h"

#include "authkey.h"
#include "routes.h"

#include <stdlib.h>

void
register_refuse(struct register_answer *out, const char *why)
{
	out->kind = REGISTER_REFUSED;
	mesh_format(out->error, sizeof(out->error), "%s", why);
}

void
register_answer_member(const struct state *s, const struct member *m, int64_t wall,
    struct register_answer *out)
{
	const struct user *u = state_user(s, m->rec.user);

	out->kind = m->rec.expires != 0 && m->rec.expires <= wall
	    ? REGISTER_EXPIRED : REGISTER_DONE;
	out->user = u != NULL ? u->id : USER_TAGGED;
	out->user_created = u != NULL ? u->created : 0;
	mesh_format(out->owner, sizeof(out->owner), "%s", member_owner(s, m));
}

/* Flow E: the node says that its key ends now. */
static void
log_out(struct state *s, struct member *m, int64_t wall,
    struct register_answer *out)
{
	int err;

	register_answer_member(s, m, wall, out);
	err = m->rec.ephemeral ? state_node_remove(s, m)
			       : state_node_expire(s, m, wall);
	if (err != MESH_OK)
		register_refuse(out, s->error);
	else
		out->kind = REGISTER_EXPIRED;
}

/* Flow C: a known key, no credentials. */
static void
known_key(struct state *s, struct member *m, const struct register_ask *ask,
    int64_t wall, struct register_answer *out)
{
	if (ask->has_expiry && ask->expiry > wall) {
		if (m->rec.expires == 0 || ask->expiry < m->rec.expires) {
			if (state_node_expire(s, m, ask->expiry) != MESH_OK) {
				register_refuse(out, s->error);
				return;
			}
		} else if (ask->expiry > m->rec.expires) {
			register_refuse(out, "extending key is not allowed");
			return;
		}
	}
	register_answer_member(s, m, wall, out);
}

struct node
register_record(const struct state *s, const struct register_ask *ask,
    int64_t wall)
{
	struct node n = {
	    .machine = ask->machine,
	    .key = ask->key,
	    .created = wall,
	    .capver = ask->report.capver,
	    .relay = ask->report.relay,
	};

	if (ask->has_expiry && ask->expiry > wall)
		n.expires = ask->expiry;
	if (s->cfg.node_expiry != 0 &&
	    (n.expires == 0 || n.expires > wall + s->cfg.node_expiry))
		n.expires = wall + s->cfg.node_expiry;
	return n;
}

static char *
copy_or(struct mesh_str s, const char *other)
{
	return s.len > 0 ? strndup(s.p, s.len) : strdup(other);
}

int
register_own_texts(struct node *n, const struct report *r, const char *tags)
{
	struct route_list routes = {0};
	int err = route_list_make(&routes, r->routes, r->route_count, false);

	if (err == MESH_OK)
		err = node_routes_make(&routes, NULL, &n->routes);
	free(routes.items);
	n->tags = strdup(tags);
	n->hostname = copy_or(r->hostname, "");
	n->hostinfo = copy_or(r->hostinfo, "{}");
	n->hostinfo_peer = copy_or(r->hostinfo_peer, "{}");
	if (err == MESH_OK && n->tags && n->hostname && n->hostinfo &&
	    n->hostinfo_peer)
		return MESH_OK;
	node_release(n);
	return MESH_ERR_NOMEM;
}

int
register_admit(struct state *s, struct node *n, const struct report *r,
    const char *tags, struct auth_key *key, uint32_t seed,
    struct member **out)
{
	struct member *m = state_member_key(s, &n->key);
	int err = register_own_texts(n, r, tags);

	if (m == NULL) /* else it becomes another's: a user's, or nobody's */
		m = state_member_machine(s, &n->machine, n->user);

	if (err != MESH_OK)
		return state_fail(s, err, "out of memory");
	/* The key first: should the server die in between, a one-time key is
	 * spent and not good for two nodes. */
	if (key != NULL && (err = state_key_use(s, key)) != MESH_OK) {
		node_release(n);
		return err;
	}
	if (m == NULL)
		return state_node_add(s, n, seed, out);
	err = state_node_login(s, m, n);
	if (err == MESH_OK)
		err = state_report(s, m, r);
	node_release(n);
	*out = m;
	return err;
}

/* Are all wished tags in the list? */
static bool
tags_granted(struct mesh_str wished, const char *list)
{
	struct mesh_str tag, each, rest;
	bool found;

	while (tags_next(&wished, &tag)) {
		found = false;
		for (rest = mesh_str(list); !found && tags_next(&rest, &each);)
			found = each.len == tag.len &&
			    memcmp(each.p, tag.p, tag.len) == 0;
		if (!found)
			return false;
	}
	return true;
}

static uint32_t
seed_of(const uint8_t random[static PENDING_RANDOM])
{
	return (uint32_t)random[0] << 16 | (uint32_t)random[1] << 8 |
	    random[2];
}

/* Flow A. known: the member that has this node key already, or NULL. */
static void
with_auth_key(struct state *s, struct member *known,
    const struct register_ask *ask,
    const uint8_t random[static PENDING_RANDOM], int64_t wall,
    struct register_answer *out)
{
	char ident[KEY_IDENT_LEN + 1];
	uint8_t hash[KEY_HASH_LEN];
	struct auth_key *key = NULL;
	const char *refusal;
	struct node n;
	struct member *m;

	if (authkey_parse(ask->auth_key, ident, hash) == MESH_OK)
		key = state_key_ident(s, ident);
	refusal = key != NULL || known == NULL
	    ? authkey_refusal(key, hash, wall) : "auth key is not valid";
	/* A container that gives the same spent key at each start: its node
	 * key proves more than the auth key could. */
	if (known != NULL && !known->expired &&
	    (key == NULL || refusal != NULL ||
		known->rec.user == (*key->tags != '\0' ? 0 : key->user))) {
		known_key(s, known, ask, wall, out);
		if (out->kind == REGISTER_DONE)
			return;
	}
	if (refusal == NULL && !tags_granted(ask->tags, key->tags))
		refusal = "requested tags are not permitted: "
			  "the tags are those of the auth key";
	if (refusal != NULL) {
		register_refuse(out, refusal);
		return;
	}
	n = register_record(s, ask, wall);
	n.user = *key->tags != '\0' ? 0 : key->user;
	n.expires = n.user == 0 ? 0 : n.expires;
	n.auth_key = key->id;
	n.method = s->cfg.approve_nodes ? REGISTER_WAITING : REGISTER_AUTH_KEY;
	n.ephemeral = key->ephemeral;
	if (register_admit(s, &n, &ask->report, key->tags, key, seed_of(random), &m) !=
	    MESH_OK)
		register_refuse(out, s->error);
	else
		register_answer_member(s, m, wall, out);
}

void
register_handle(struct state *s, const struct register_ask *ask,
    const uint8_t random[static PENDING_RANDOM], struct mesh_time now,
    int64_t wall, struct register_answer *out)
{
	struct member *known = state_member_key(s, &ask->key);

	*out = (struct register_answer){.req = ask->req};
	if (known != NULL &&
	    !mesh_machine_key_equal(&known->rec.machine, &ask->machine)) {
		register_refuse(out, "node key belongs to another machine");
		return;
	}
	if (mesh_node_key_is_zero(&ask->key))
		register_refuse(out, "node key is missing");
	else if (ask->has_expiry && ask->expiry <= wall && known != NULL)
		log_out(s, known, wall, out);
	else if (ask->has_expiry && ask->expiry <= wall)
		out->kind = REGISTER_EXPIRED; /* nothing to log out */
	else if (known != NULL && ask->auth_key.len == 0)
		known_key(s, known, ask, wall, out);
	else if (ask->auth_key.len > 0)
		with_auth_key(s, known, ask, random, wall, out);
	else
		pending_ask(s, ask, random, now, out);
}
