/* SPDX-License-Identifier: ISC */
#include "encode.h"

#include "routes.h"

#include <netmap/node.h>
#include <netmap/user.h>
#include <stdlib.h>

#define NAME_MAX_LEN 512u /* bytes: label and suffix */
#define ADDRESSES 2u
#define DISMISSED_ID (INT64_C(1) << 52) /* no node of ours */
#define ALLOWED_MAX (ADDRESSES + ROUTES_SERVED_MAX)

/* What a wire record borrows while it is written. */
struct scratch {
	char stable_id[24];
	char name[NAME_MAX_LEN];
	struct mesh_prefix addresses[ADDRESSES];
	struct mesh_prefix allowed[ALLOWED_MAX], primary[ROUTES_SERVED_MAX];
	struct mesh_endpoint endpoints[NODE_ENDPOINTS];
	const char *tags[MESH_NODE_TAGS];
	char tag_text[TAGS_MAX];
	const char *cap_names[4];
	struct mesh_str cap_values[4];
};

static struct mesh_wall
wall_of(int64_t sec)
{
	return (struct mesh_wall){.sec = sec};
}

static struct mesh_bind_list
endpoint_list(const struct node *n, struct scratch *x)
{
	for (size_t i = 0; i < n->endpoint_count; i++)
		x->endpoints[i] = n->endpoints[i].addr;
	return (struct mesh_bind_list){x->endpoints, n->endpoint_count, true};
}

static struct mesh_bind_list
tag_list(const struct node *n, struct scratch *x)
{
	struct mesh_str rest, tag;
	size_t count = 0;

	mesh_format(x->tag_text, sizeof(x->tag_text), "%s", n->tags);
	for (rest = mesh_str(x->tag_text);
	    count < MESH_NODE_TAGS && tags_next(&rest, &tag);) {
		x->tag_text[tag.p - x->tag_text + (ptrdiff_t)tag.len] = '\0';
		x->tags[count++] = tag.p;
	}
	return (struct mesh_bind_list){x->tags, count, count > 0};
}

static struct mesh_node
wire_node(const struct state *s, const struct member *m, struct scratch *x)
{
	const struct node *n = &m->rec;
	struct mesh_node w = {
	    .id = n->id,
	    .stable_id = x->stable_id,
	    .name = x->name,
	    .user = n->user != 0 ? n->user : USER_TAGGED,
	    .key = n->key,
	    .machine = n->machine,
	    .disco = n->disco,
	    .home_derp = n->relay,
	    .created = wall_of(n->created),
	    .cap = n->capver,
	    .machine_authorized = !member_is_waiting(m),
	    .online = m->online ? 1 : -1,
	    .expired = m->expired,
	};

	mesh_format(x->stable_id, sizeof(x->stable_id), "%lld",
	    (long long)n->id);
	mesh_format(x->name, sizeof(x->name), "%s.%s.", n->label,
	    s->cfg.suffix);
	x->addresses[0] = mesh_prefix_of(&n->ip4);
	x->addresses[1] = mesh_prefix_of(&n->ip6);
	w.addresses = (struct mesh_bind_list){x->addresses, ADDRESSES, true};
	w.allowed_ips = w.addresses;
	w.endpoints = endpoint_list(n, x);
	w.tags = tag_list(n, x);
	if (n->expires != 0)
		w.key_expiry = wall_of(n->expires);
	/* Online together with LastSeen confuses stock nodes. */
	if (!m->online && n->last_seen != 0)
		w.last_seen = wall_of(n->last_seen);
	return w;
}

/* What the peer may send and be sent beside its own addresses. */
static void
add_routes(struct mesh_node *w, struct scratch *x,
    const struct mesh_prefix *routes, size_t count)
{
	size_t allowed = 0, primary = 0;

	for (; allowed < ADDRESSES; allowed++)
		x->allowed[allowed] = x->addresses[allowed];
	for (size_t i = 0; i < count; i++) {
		x->allowed[allowed++] = routes[i];
		if (!route_is_default(&routes[i]))
			x->primary[primary++] = routes[i];
	}
	w->allowed_ips = (struct mesh_bind_list){x->allowed, allowed, true};
	w->primary_routes =
	    (struct mesh_bind_list){x->primary, primary, primary > 0};
}

/* The schema's object, and behind it what we keep as JSON. Endpoints are never
 * left out: from some to absent is a change that stock nodes do not see. */
static void
write_node(const struct mesh_node *w, const char *hostinfo,
    struct mesh_buf *out)
{
	struct mesh_jw jw;

	mesh_jw_init(&jw, out, false);
	mesh_bind_write(&jw, &mesh_node_schema, w);
	if (out->failed)
		return;
	mesh_buf_truncate(out, out->len - 1);
	if (w->endpoints.count == 0)
		mesh_buf_add_str(out, ",\"Endpoints\":[]");
	mesh_buf_printf(out, ",\"Hostinfo\":%s}", hostinfo);
}

struct mesh_str
encode_peer(const struct state *s, struct member *m)
{
	struct scratch x;
	struct mesh_node w;
	struct mesh_buf out;

	if (m->json != NULL)
		return (struct mesh_str){m->json, m->json_len};
	w = wire_node(s, m, &x);
	mesh_buf_init(&out, ENCODE_NODE_MAX);
	write_node(&w, m->rec.hostinfo_peer, &out);
	if (!out.failed) {
		m->json = strndup((const char *)out.data, out.len);
		m->json_len = out.len;
	}
	mesh_buf_release(&out);
	return m->json != NULL ? (struct mesh_str){m->json, m->json_len}
			       : (struct mesh_str){"", 0};
}

void
encode_router(const struct state *s, const struct member *m,
    const struct mesh_prefix *routes, size_t count, struct mesh_buf *out)
{
	struct scratch x;
	struct mesh_node w = wire_node(s, m, &x);

	add_routes(&w, &x, routes, count);
	write_node(&w, m->rec.hostinfo_peer, out);
}

void
encode_self(const struct state *s, const struct member *m,
    struct mesh_buf *out)
{
	static const struct {
		const char *name, *value;
	} caps[] = {
	    {"default-auto-update", "[false]"},
	    {"https://tailscale.com/cap/file-sharing", "[]"},
	    {"https://tailscale.com/cap/ssh", "[]"},
	};
	size_t count = sizeof(caps) / sizeof(caps[0]);
	struct mesh_prefix routes[ROUTES_SERVED_MAX];
	struct scratch x;
	struct mesh_node w = wire_node(s, m, &x);

	add_routes(&w, &x, routes, routes_carried(s, m, routes));
	for (size_t i = 0; i < count; i++) {
		x.cap_names[i] = caps[i].name;
		x.cap_values[i] = mesh_str(caps[i].value);
	}
	w.cap_map = (struct mesh_bind_map){.names = x.cap_names,
	    .items = x.cap_values, .count = count, .set = true};
	w.online = 1; /* it is being told this */
	w.last_seen = (struct mesh_wall){0};
	write_node(&w, m->rec.hostinfo, out);
}

/* Stock nodes poll for ever when they are answered 404; a key that has expired
 * they show, and ask for a login. */
void
encode_dismissed(const struct state *s, const struct mesh_node_key *key,
    const struct mesh_machine_key *machine, struct mesh_buf *out)
{
	char name[NAME_MAX_LEN];
	struct mesh_node w = {
	    .id = DISMISSED_ID,
	    .stable_id = "dismissed",
	    .name = name,
	    .user = USER_TAGGED,
	    .key = *key,
	    .machine = *machine,
	    .key_expiry = {.sec = 1},
	    .expired = true,
	    .machine_authorized = true,
	    .addresses = {.set = true},
	};

	mesh_format(name, sizeof(name), "dismissed.%s.", s->cfg.suffix);
	write_node(&w, "{}", out);
}

void
encode_user(const struct state *s, int64_t user, struct mesh_buf *out)
{
	const struct user *u = state_user(s, user);
	struct mesh_user w = {
	    .id = u != NULL ? u->id : USER_TAGGED,
	    .login_name = u != NULL ? u->name : USER_TAGGED_NAME,
	};
	struct mesh_jw jw;

	w.display_name = w.login_name;
	mesh_jw_init(&jw, out, false);
	mesh_bind_write(&jw, &mesh_user_schema, &w);
}

void
encode_patch(const struct member *m, struct mesh_buf *out)
{
	const struct node *n = &m->rec;
	struct mesh_node_patch p = {.id = n->id};
	struct scratch x;
	struct mesh_jw jw;

	if (m->changed & CHANGE_ONLINE) {
		p.online = m->online ? 1 : -1;
		if (!m->online)
			p.last_seen = wall_of(n->last_seen);
	}
	if (m->changed & CHANGE_ENDPOINTS)
		p.endpoints = endpoint_list(n, &x);
	if (m->changed & CHANGE_RELAY)
		p.home_derp = n->relay;
	if (m->changed & CHANGE_CAPVER)
		p.cap = n->capver;
	if (m->changed & CHANGE_KEY)
		p.key = n->key;
	if (m->changed & CHANGE_EXPIRY)
		p.key_expiry = n->expires != 0 ? wall_of(n->expires)
					       : MESH_WALL_ZERO;
	if (m->changed & (CHANGE_KEY | CHANGE_DISCO)) {
		p.disco = n->disco;
		/* A stock node that had the key from the peer itself (TSMP)
		 * took it for offline until it hears otherwise. */
		if (m->online)
			p.online = 1;
	}
	mesh_jw_init(&jw, out, false);
	mesh_bind_write(&jw, &mesh_node_patch_schema, &p);
}
