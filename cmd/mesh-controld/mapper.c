/* SPDX-License-Identifier: ISC */
#include "mapper.h"

#include "encode.h"
#include "mapper_int.h"

#include <netmap/health.h>

#define SESSIONS_MAX (2 * STATE_NODES_MAX)
#define MESSAGES_CAPVER 117 /* reads DisplayMessages, and Health no more */

struct mapper *
mapper_new(const struct mapper_config *cfg, struct state *state,
    struct access *access, const struct mapper_sink *sink)
{
	struct mapper *mp = calloc(1, sizeof(*mp));

	if (mp == NULL)
		return NULL;
	mp->cfg = *cfg;
	mp->state = state;
	mp->access = access;
	mp->sink = *sink;
	mesh_list_init(&mp->sessions);
	mesh_map_init(&mp->by_req, sizeof(uint64_t), SESSIONS_MAX, NULL);
	mesh_buf_init(&mp->text, MAPPER_TEXT_MAX);
	mesh_buf_init(&mp->part, MAPPER_TEXT_MAX);
	mesh_buf_init(&mp->users, MAPPER_TEXT_MAX);
	mesh_buf_init(&mp->filter, MAPPER_TEXT_MAX);
	mesh_buf_init(&mp->routers, MAPPER_TEXT_MAX);
	mesh_buf_init(&mp->ssh, MAPPER_TEXT_MAX);
	mesh_buf_init(&mp->message, 1024);
	return mp;
}

void
mapper_drop(struct mapper *mp, struct session *ss)
{
	mesh_list_remove(&ss->link);
	(void)mesh_map_remove(&mp->by_req, &ss->req);
	if (ss->member != NULL && ss->member->session == ss)
		ss->member->session = NULL;
	mp->session_count--;
	bits_release(&ss->sent);
	free(ss);
}

void
mapper_free(struct mapper *mp)
{
	if (mp == NULL)
		return;
	while (!mesh_list_is_empty(&mp->sessions))
		mapper_drop(mp, MESH_CONTAINER(mp->sessions.next,
		    struct session, link));
	mesh_map_release(&mp->by_req);
	mesh_buf_release(&mp->text);
	mesh_buf_release(&mp->part);
	mesh_buf_release(&mp->users);
	mesh_buf_release(&mp->filter);
	mesh_buf_release(&mp->routers);
	mesh_buf_release(&mp->ssh);
	mesh_buf_release(&mp->message);
	free(mp->peers);
	mapper_release_whole(mp);
	free(mp);
}

size_t
mapper_sessions(const struct mapper *mp)
{
	return mp->session_count;
}

/* --- texts */

void
mapper_send(struct mapper *mp, const struct mesh_map_response *r,
    const uint64_t *reqs, size_t count)
{
	mesh_buf_clear(&mp->text);
	mesh_map_response_write(&mp->text, r);
	if (!mp->text.failed)
		mp->sink.frame(mp->sink.arg, reqs, count,
		    (struct mesh_str){(const char *)mp->text.data,
			mp->text.len});
}

/* --- who owns what is told: each user once */

static bool
owner_is_new(struct mesh_map *seen, int64_t user)
{
	return mesh_map_get(seen, &user) == NULL &&
	    mesh_map_put(seen, &user, seen) == MESH_OK;
}

/* Fills mp->users with the profiles of the owners of peers (and of self). */
struct mesh_bind_list
mapper_users(struct mapper *mp, const struct member *self, const struct bits
    *peers)
{
	size_t count = 0, at[MAPPER_USERS_MAX + 1] = {0};
	const struct member *last = self;
	struct mesh_map seen;

	mesh_map_init(&seen, sizeof(int64_t), MAPPER_USERS_MAX, NULL);
	mesh_buf_clear(&mp->users);
	if (self != NULL && owner_is_new(&seen, self->rec.user)) {
		encode_user(mp->state, self->rec.user, &mp->users);
		at[++count] = mp->users.len;
	}
	for (size_t i = 0; i < peers->words; i++)
		for (uint64_t w = peers->w[i]; w != 0;) {
			struct member *m = mp->state->slots[bits_pop(&w, i)];

			if (last != NULL && last->rec.user == m->rec.user)
				continue; /* many have the same owner */
			last = m;
			if (!owner_is_new(&seen, m->rec.user))
				continue;
			encode_user(mp->state, m->rec.user, &mp->users);
			at[++count] = mp->users.len;
		}
	for (size_t i = 0; i < count; i++)
		mp->user_texts[i] = (struct mesh_str){
		    (const char *)mp->users.data + at[i], at[i + 1] - at[i]};
	mesh_map_release(&seen);
	return (struct mesh_bind_list){mp->user_texts, count, count > 0};
}

size_t
mapper_routes(const struct mapper *mp, const struct member *viewer,
    const struct member *m, struct mesh_prefix out[static ROUTES_SERVED_MAX])
{
	size_t count = routes_carried(mp->state, m, out), kept = 0;

	for (size_t i = 0; i < count; i++)
		if (access_route_visible(viewer, m, &out[i]))
			out[kept++] = out[i];
	return kept;
}

/* A router's text differs from viewer to viewer: appended to mp->routers, with
 * the place where it begins for a pointer until all are there. */
static struct mesh_str
router_text(struct mapper *mp, const struct member *viewer,
    const struct member *m)
{
	struct mesh_prefix routes[ROUTES_SERVED_MAX];
	size_t count = mapper_routes(mp, viewer, m, routes);
	size_t at = mp->routers.len;

	encode_router(mp->state, m, routes, count, &mp->routers);
	return (struct mesh_str){NULL, mp->routers.len - at};
}

/* The texts of the peers in a set. */
struct mesh_bind_list
mapper_peers(struct mapper *mp, const struct member *viewer,
    const struct bits *set)
{
	size_t count = 0, at = 0;

	if (mp->peer_cap < mp->state->slot_count) {
		struct mesh_str *grown = reallocarray(mp->peers,
		    mp->state->slot_cap, sizeof(*grown));

		if (grown == NULL)
			return (struct mesh_bind_list){0};
		mp->peers = grown;
		mp->peer_cap = mp->state->slot_cap;
	}
	mesh_buf_clear(&mp->routers);
	for (size_t i = 0; i < set->words; i++)
		for (uint64_t w = set->w[i]; w != 0;) {
			struct member *m = mp->state->slots[bits_pop(&w, i)];
			struct mesh_str text = m->rec.routes == NULL
						   ? encode_peer(mp->state, m)
						   : router_text(mp, viewer, m);

			if (text.len > 0)
				mp->peers[count++] = text;
		}
	for (size_t i = 0; i < count; i++)
		if (mp->peers[i].p == NULL) {
			mp->peers[i].p = (const char *)mp->routers.data + at;
			at += mp->peers[i].len;
		}
	return (struct mesh_bind_list){mp->peers, count, count > 0};
}

/* Appends the member's filter to mp->filter: the text. */
struct mesh_str
mapper_filter(struct mapper *mp, const struct member *m)
{
	struct mesh_jw w;

	mesh_buf_clear(&mp->filter);
	mesh_jw_init(&w, &mp->filter, false);
	access_filter_write(mp->access, m, &w);
	return (struct mesh_str){(const char *)mp->filter.data,
	    mp->filter.len};
}

struct mesh_str
mapper_ssh(struct mapper *mp, const struct member *m, uint64_t told,
    uint64_t *out_mark)
{
	uint8_t hash[MESH_BLAKE2B_LEN];
	struct mesh_jw w;

	mesh_buf_clear(&mp->ssh);
	mesh_jw_init(&w, &mp->ssh, false);
	*out_mark = 0;
	if (!access_ssh_write(mp->access, mp->state, m, &w)) {
		/* None is what a node has that was told of none. */
		mesh_buf_clear(&mp->ssh);
		if (told == 0)
			return (struct mesh_str){"", 0};
		mesh_buf_add_str(&mp->ssh, "{\"rules\":[]}");
	}
	mesh_blake2b(hash, mp->ssh.data, mp->ssh.len);
	memcpy(out_mark, hash, sizeof(*out_mark));
	return (struct mesh_str){(const char *)mp->ssh.data, mp->ssh.len};
}

/* --- the node itself */

/* Nodes of before have a list of sentences, the others messages by name. */
static void
write_health(struct mapper *mp, const struct member *m,
    struct mesh_map_response *r)
{
	static const char *const name = "login-ends";
	struct mesh_health_message message = {.title = "Login ends soon",
	    .text = mp->health, .severity = "medium"};
	char when[MESH_RFC3339_MAX];
	struct mesh_jw w;

	mesh_wall_format((struct mesh_wall){.sec = m->rec.expires}, when);
	mesh_format(mp->health, sizeof(mp->health), "This machine's login ends "
	    "at %s. Log in again before that.", when);
	if (m->rec.capver < MESSAGES_CAPVER) {
		mp->health_item = mp->health;
		r->health = (struct mesh_bind_list){&mp->health_item,
		    m->expires_soon ? 1 : 0, true};
		return;
	}
	mesh_buf_clear(&mp->message);
	mesh_jw_init(&w, &mp->message, false);
	if (m->expires_soon)
		mesh_bind_write(&w, &mesh_health_message_schema, &message);
	else
		mesh_jw_null(&w);
	mp->message_text = (struct mesh_str){(const char *)mp->message.data,
	    mp->message.len};
	r->messages = (struct mesh_bind_map){.names = (const char **)&name,
	    .items = &mp->message_text, .count = 1, .set = true};
}

bool
mapper_self(struct mapper *mp, const struct member *m,
    struct mesh_map_response *r)
{
	mesh_buf_clear(&mp->part);
	encode_self(mp->state, m, &mp->part);
	r->node = (struct mesh_str){(const char *)mp->part.data, mp->part.len};
	write_health(mp, m, r);
	return !mp->part.failed && !mp->message.failed;
}

/* --- sessions */

/* The visible ones without the member itself. */
static int
visible_peers(struct mapper *mp, const struct member *m, struct bits *out)
{
	if (access_refresh(mp->access, mp->state) != MESH_OK ||
	    bits_fit(out, mp->state->slot_count) != MESH_OK)
		return MESH_ERR_NOMEM;
	for (size_t i = 0; i < out->words; i++)
		out->w[i] = access_visible(mp->access, mp->state, m, i,
		    UINT64_MAX);
	bits_put(out, m->slot, false);
	return MESH_OK;
}

int
mapper_once(struct mapper *mp, struct member *m, uint64_t req,
    struct mesh_wall wall)
{
	struct bits peers = {0};
	uint64_t ssh_mark;
	int err = visible_peers(mp, m, &peers);

	if (err == MESH_OK)
		err = mapper_whole(mp, m, &peers, req, false, &ssh_mark,
		    wall);
	bits_release(&peers);
	mp->sink.end(mp->sink.arg, req);
	return err;
}

int
mapper_open(struct mapper *mp, struct member *m, uint64_t req,
    const struct mesh_node_key *used, bool parts, struct mesh_wall wall)
{
	struct session *ss = calloc(1, sizeof(*ss));
	int err = MESH_ERR_NOMEM;

	if (ss == NULL)
		return err;
	ss->req = req;
	mesh_list_init(&ss->link);
	state_connected(mp->state, m, used);
	if ((err = visible_peers(mp, m, &ss->sent)) != MESH_OK ||
	    (err = mesh_map_put(&mp->by_req, &req, ss)) != MESH_OK) {
		bits_release(&ss->sent);
		free(ss);
		return err;
	}
	mp->session_count++;
	mesh_list_append(&mp->sessions, &ss->link);
	ss->filter_mark = access_filter_mark(mp->access, m);
	if (m->session != NULL) {
		uint64_t old = m->session->req;

		mapper_drop(mp, m->session);
		mp->sink.end(mp->sink.arg, old);
	}
	m->session = ss;
	ss->member = m;
	return mapper_whole(mp, m, &ss->sent, req, parts, &ss->ssh_mark,
	    wall);
}

void
mapper_dismiss(struct mapper *mp, const struct mesh_node_key *key,
    const struct mesh_machine_key *machine, uint64_t req,
    struct mesh_wall wall)
{
	/* Relays: a stock node that had them and has none closes the connection
	 * to its home relay, and does not open it again when it has them back. */
	struct mesh_map_response r = {.collect_services = -1,
	    .relays = mp->cfg.relays, .control_time = wall};

	mesh_buf_clear(&mp->part);
	encode_dismissed(mp->state, key, machine, &mp->part);
	r.node = (struct mesh_str){(const char *)mp->part.data, mp->part.len};
	if (mp->part.failed)
		mp->sink.end(mp->sink.arg, req);
	else
		mapper_send(mp, &r, &req, 1);
}

bool
mapper_close(struct mapper *mp, uint64_t req, struct mesh_time now,
    int64_t wall)
{
	struct session *ss = mesh_map_get(&mp->by_req, &req);

	if (ss == NULL)
		return false;
	if (ss->member != NULL && !ss->member->gone)
		state_disconnected(mp->state, ss->member, now, wall);
	mapper_drop(mp, ss);
	return true;
}

static bool
has_routes(const struct session *ss)
{
	return ss->member != NULL && ss->member->rec.routes != NULL;
}

/* All, or only those who serve routes. */
static void
tell(struct mapper *mp, const struct mesh_map_response *r, bool routers)
{
	uint64_t *reqs = calloc(mp->session_count + 1, sizeof(*reqs));
	size_t count = 0;

	if (reqs == NULL)
		return;
	for (struct mesh_list *l = mp->sessions.next; l != &mp->sessions;
	    l = l->next)
		if (!routers ||
		    has_routes(MESH_CONTAINER(l, struct session, link)))
			reqs[count++] =
			    MESH_CONTAINER(l, struct session, link)->req;
	if (count > 0)
		mapper_send(mp, r, reqs, count);
	free(reqs);
}

void
mapper_set_relays(struct mapper *mp, struct mesh_str relays,
    struct mesh_wall wall)
{
	struct mesh_map_response r = {.relays = relays, .control_time = wall};

	mp->cfg.relays = relays;
	tell(mp, &r, false);
}

void
mapper_probe(struct mapper *mp, struct mesh_wall wall)
{
	struct mesh_map_response r = {.keep_alive = true,
	    .control_time = wall};

	tell(mp, &r, true);
}

void
mapper_set_dns(struct mapper *mp, struct mesh_str dns, struct mesh_wall wall)
{
	struct mesh_map_response r = {.dns = dns, .control_time = wall};
	bool same = mp->cfg.dns.len == dns.len &&
	    (dns.len == 0 || memcmp(mp->cfg.dns.p, dns.p, dns.len) == 0);

	mp->cfg.dns = dns;
	if (!same)
		tell(mp, &r, false);
}

bool
mapper_wants_flush(const struct mapper *mp)
{
	return mp->policy_changed || !mesh_list_is_empty(&mp->state->changed);
}

void
mapper_policy_changed(struct mapper *mp)
{
	mp->policy_changed = true;
}
