/* SPDX-License-Identifier: ISC
 * agent_status.c - what the daemon tells of itself and its peers: the netmap,
 * with the paths and counters that the engine knows.
 */
#include "agent_int.h"

#include <stdlib.h>
#include <string.h>

#define OLD_LIST                                                               \
	"HTTPS://TAILSCALE.COM/s/DEPRECATED-NODE-CAPS"                         \
	"#see-https://github.com/tailscale/tailscale/issues/11508"

static const char *
region_code(const struct agent *a, int64_t id)
{
	const struct mesh_relaymap_region *r =
	    a->nm ? mesh_relaymap_find(a->nm->relays, id) : NULL;

	return r != NULL ? r->code : NULL;
}

static struct mesh_wall
seconds(uint64_t s)
{
	return (struct mesh_wall){(int64_t)s, 0};
}

static void
add_path(const struct agent *a, const struct mesh_node *n,
    struct mesh_peer_status *out)
{
	const struct tbl_peer_status *t =
	    mesh_map_get(&a->peer_status, n->key.b);

	out->relay = region_code(a, n->home_derp);
	out->in_magic_sock = true;
	if (t == NULL)
		return;
	out->in_engine = t->flags & TBL_PEER_SESSION;
	out->active = t->flags & TBL_PEER_ACTIVE;
	out->cur_addr = t->direct;
	out->rx_bytes = (int64_t)t->rx_bytes;
	out->tx_bytes = (int64_t)t->tx_bytes;
	out->last_handshake = seconds(t->handshake_s);
	out->last_write = seconds(t->tx_s);
}

static int
compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The list that was before CapMap; its first element says so. */
static struct mesh_bind_list
list_caps(const struct mesh_bind_map *map, struct mesh_arena *m)
{
	const char **names =
	    mesh_arena_calloc(m, map->count + 1, sizeof(*names));
	struct mesh_bind_list list = {.items = names, .set = true};

	if (names == NULL || map->count == 0)
		return (struct mesh_bind_list){0};
	names[list.count++] = OLD_LIST;
	for (size_t i = 0; i < map->count; i++)
		names[list.count++] = map->names[i];
	qsort(names + 1, map->count, sizeof(*names), compare_names);
	return list;
}

/* Where we may be reached. */
static struct mesh_bind_list
own_endpoints(const struct agent *a, struct mesh_arena *m)
{
	struct mesh_bind_list list = {0};
	struct mesh_endpoint *ep =
	    mesh_arena_calloc(m, a->state.endpoint_count, sizeof(*ep));

	for (size_t i = 0; ep != NULL && i < a->state.endpoint_count; i++)
		ep[list.count++] = a->state.endpoints[i].ep;
	list.items = ep;
	list.set = list.count > 0;
	return list;
}

static void
make_self(const struct agent *a, struct mesh_arena *m, struct mesh_status *out)
{
	const struct mesh_node *n = a->nm ? a->nm->self : NULL;
	struct mesh_peer_status *self = mesh_arena_calloc(m, 1, sizeof(*self));

	if (self == NULL)
		return;
	out->self = self;
	if (n == NULL) {
		if (!a->prefs.logged_out)
			self->key = a->state.node;
		self->host_name = a->prefs.hostname;
		self->os = "linux";
		return;
	}
	mesh_peer_status_from(n, m, self);
	self->online = a->control.registered;
	self->capabilities = list_caps(&n->cap_map, m);
	self->addrs = own_endpoints(a, m);
	self->relay = region_code(a, a->state.home_region);
	out->ips = self->ips;
}

static void
make_peers(const struct agent *a, struct mesh_arena *m, struct mesh_status *out)
{
	size_t count = a->nm->peer_count;
	struct mesh_bind_map map = {.set = true};
	struct mesh_peer_status *peers;

	map.names = mesh_arena_calloc(m, count, sizeof(*map.names));
	map.nulls = mesh_arena_calloc(m, count, sizeof(*map.nulls));
	map.items = peers = mesh_arena_calloc(m, count, sizeof(*peers));
	for (size_t i = 0; i < count && !m->failed; i++) {
		const struct mesh_node *n = a->nm->peers[i];
		char key[MESH_KEY_TEXT];

		mesh_peer_status_from(n, m, &peers[i]);
		peers[i].expired = agent_is_expired(a, n);
		add_path(a, n, &peers[i]);
		map.names[i] =
		    mesh_arena_strdup(m, mesh_node_key_format(&n->key, key));
		map.count++;
	}
	if (!m->failed)
		out->peers = map;
}

/* Of everybody, or our own alone. */
static void
make_users(const struct agent *a, bool all, struct mesh_arena *m,
    struct mesh_status *out)
{
	size_t count = a->nm->user_count;
	struct mesh_bind_map map = {.set = true};
	struct mesh_user *users;

	map.names = mesh_arena_calloc(m, count, sizeof(*map.names));
	map.nulls = mesh_arena_calloc(m, count, sizeof(*map.nulls));
	map.items = users = mesh_arena_calloc(m, count, sizeof(*users));
	for (size_t i = 0; i < count && !m->failed; i++) {
		const struct mesh_user *u = a->nm->users[i];
		char id[24];

		if (!all && (a->nm->self == NULL || u->id != a->nm->self->user))
			continue;
		users[map.count] = *u;
		(void)mesh_format(id, sizeof(id), "%lld", (long long)u->id);
		map.names[map.count++] = mesh_arena_strdup(m, id);
	}
	if (!m->failed)
		out->users = map;
}

/* "mesh.test" of "a.mesh.test." */
static const char *
dns_suffix(const struct mesh_node *self, struct mesh_arena *m)
{
	const char *dot = self && self->name ? strchr(self->name, '.') : NULL;
	size_t len = dot ? strlen(dot + 1) : 0;

	if (len > 0 && dot[len] == '.')
		len--;
	return dot ? mesh_arena_strndup(m, dot + 1, len) : NULL;
}

static void
make_network(const struct agent *a, struct mesh_arena *m,
    struct mesh_status *out)
{
	struct mesh_network_name *n = mesh_arena_calloc(m, 1, sizeof(*n));
	struct mesh_str domain =
	    a->nm && a->nm->domain ? a->nm->domain->json : MESH_STR("\"\"");

	if (n == NULL || a->nm == NULL)
		return;
	out->dns_suffix = dns_suffix(a->nm->self, m);
	n->name = mesh_arena_strndup(m, domain.p + 1, domain.len - 2);
	n->dns_suffix = out->dns_suffix;
	n->dns_enabled = a->nm->dns != NULL && a->nm->dns->proxied;
	out->network = n;
	if (a->nm->dns == NULL)
		return;
	if (a->nm->dns->cert_domains.count > 0)
		out->cert_domains = a->nm->dns->cert_domains;
	if (a->nm->dns->extra_records.count > 0)
		out->extra_records = a->nm->dns->extra_records;
}

/* The list that was before messages had names; those replace it. */
static void
add_health(struct mesh_str json, struct mesh_arena *m, const char **text,
    size_t *count)
{
	struct mesh_json j;
	size_t n = 0;

	mesh_json_init(&j, json.p, json.len, 0);
	mesh_json_array(&j);
	while (n < MESH_HEALTH_ITEMS && mesh_json_element(&j)) {
		struct mesh_str s = mesh_json_text(&j, m);

		text[*count] = mesh_arena_strndup(m, s.p, s.len);
		if (text[*count] != NULL)
			(*count)++;
		n++;
	}
}

/* What people should know: what went wrong, and what control wants to say. */
static void
make_health(const struct agent *a, struct mesh_arena *m,
    struct mesh_status *out)
{
	size_t messages = a->nm ? a->nm->message_count : 0;
	const char **text = mesh_arena_calloc(m,
	    messages + MESH_HEALTH_ITEMS + 1, sizeof(*text));

	out->health.set = true;
	if (text == NULL)
		return;
	out->health.items = text;
	if (a->login.error[0] != 0)
		text[out->health.count++] = a->login.error;
	for (size_t i = 0; i < messages; i++)
		text[out->health.count++] = a->nm->messages[i]->text;
	if (messages == 0 && a->nm != NULL && a->nm->health != NULL)
		add_health(a->nm->health->json, m, text, &out->health.count);
}

void
agent_status_make(const struct agent *a, bool peers, struct mesh_arena *m,
    struct mesh_status *out)
{
	*out = (struct mesh_status){
	    .version = AGENT_VERSION,
	    .tun = true,
	    .backend_state = mesh_backend_state_name(agent_backend_state(a)),
	    .have_node_key = a->nm_is_file || !a->prefs.logged_out,
	    .auth_url = a->login.auth_url,
	};
	make_self(a, m, out);
	make_health(a, m, out);
	make_network(a, m, out);
	if (a->nm != NULL)
		make_users(a, peers, m, out);
	if (a->nm != NULL && peers)
		make_peers(a, m, out);
}
