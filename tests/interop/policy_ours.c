/* SPDX-License-Identifier: ISC
 * policy_ours.c - what we make of a policy, for peers/headscale/policydiff.
 *
 * Reads worlds, one JSON object a line: a policy, users, nodes, and probes.
 * Answers each with one line: {"error": why the policy is refused}, or for
 * every node its packet filter (as stock nodes get it), our engine's verdict
 * under that filter and the verdict of `mesh-policy test`, by addresses, on
 * every probe: one byte '0' or '1' per source, target and probe, the probe
 * innermost. Then who sees whom, and which routes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/packets.h"
#include "base/bind.h"
#include "netmap/snapshot.h"
#include "policy/policy.h"

#define MEMORY_MAX (64u << 20) /* bytes, of a world or an answer */
#define SOURCE_PORT 40000u

struct user {
	uint64_t id;
	const char *name, *email, *provider;
};

static const struct mesh_field user_fields[] = {
    {"id", MESH_BIND_UINT64, offsetof(struct user, id)},
    {"name", MESH_BIND_STRING, offsetof(struct user, name)},
    {"email", MESH_BIND_STRING, offsetof(struct user, email)},
    {"provider", MESH_BIND_STRING, offsetof(struct user, provider)},
};
static const struct mesh_schema user_schema =
    MESH_SCHEMA(struct user, user_fields);

struct machine {
	uint64_t id, user;
	struct mesh_bind_list tags;      /* const char * */
	struct mesh_bind_list addresses; /* const char * */
	struct mesh_bind_list routes;    /* const char * */
	struct mesh_bind_list targets;   /* const char * */
	struct mesh_policy_node *node;
};

static const struct mesh_field machine_fields[] = {
    {"id", MESH_BIND_UINT64, offsetof(struct machine, id)},
    {"user", MESH_BIND_UINT64, offsetof(struct machine, user)},
    {"tags", MESH_BIND_STRINGS, offsetof(struct machine, tags)},
    {"addresses", MESH_BIND_STRINGS, offsetof(struct machine, addresses)},
    {"routes", MESH_BIND_STRINGS, offsetof(struct machine, routes)},
    {"targets", MESH_BIND_STRINGS, offsetof(struct machine, targets)},
};
static const struct mesh_schema machine_schema =
    MESH_SCHEMA(struct machine, machine_fields);

struct probe {
	uint16_t proto, port;
};

static const struct mesh_field probe_fields[] = {
    {"proto", MESH_BIND_UINT16, offsetof(struct probe, proto)},
    {"port", MESH_BIND_UINT16, offsetof(struct probe, port)},
};
static const struct mesh_schema probe_schema =
    MESH_SCHEMA(struct probe, probe_fields);

struct input {
	const char *policy;
	struct mesh_bind_list users, nodes, sources, probes;
};

static const struct mesh_field input_fields[] = {
    {"policy", MESH_BIND_STRING, offsetof(struct input, policy)},
    {"users", MESH_BIND_OBJECTS, offsetof(struct input, users), 0,
	&user_schema},
    {"nodes", MESH_BIND_OBJECTS, offsetof(struct input, nodes), 0,
	&machine_schema},
    {"sources", MESH_BIND_STRINGS, offsetof(struct input, sources)},
    {"probes", MESH_BIND_OBJECTS, offsetof(struct input, probes), 0,
	&probe_schema},
};
static const struct mesh_schema input_schema =
    MESH_SCHEMA(struct input, input_fields);

/* This program is given what another one made, in one run: what cannot be read
 * is a mistake of the test. */
static void
need(int err, const char *what, const char *why)
{
	if (err == MESH_OK)
		return;
	fprintf(stderr, "policy_ours: %s: %s (%s)\n", what, why,
	    mesh_strerror(err));
	exit(1);
}

/* --- the world */

static void
put_machine(struct mesh_policy_world *w, struct machine *m)
{
	struct mesh_ip addresses[MESH_POLICY_ADDRESSES_MAX];
	struct mesh_prefix routes[64];
	const char *const *texts = m->addresses.items;
	struct mesh_policy_node_info info = {
	    .id = m->id,
	    .user = m->user,
	    .tags = m->tags.items,
	    .tag_count = m->tags.count,
	    .addresses = addresses,
	    .address_count = m->addresses.count,
	    .routes = routes,
	    .route_count = m->routes.count,
	};

	if (m->addresses.count > MESH_POLICY_ADDRESSES_MAX ||
	    m->routes.count > 64)
		need(MESH_ERR_LIMIT, "node", "addresses or routes");
	for (size_t i = 0; i < m->addresses.count; i++)
		addresses[i] = ip_of(texts[i]);
	texts = m->routes.items;
	for (size_t i = 0; i < m->routes.count; i++)
		need(mesh_prefix_parse(mesh_str(texts[i]), &routes[i]), "route",
		    texts[i]);
	need(mesh_policy_node_put(w, &info, &m->node), "node", "put");
}

static struct mesh_policy_world *
make_world(const struct mesh_policy *p, const struct input *in)
{
	struct mesh_policy_world *w = mesh_policy_world_new(p);
	const struct user *users = in->users.items;
	struct machine *nodes = in->nodes.items;

	if (w == NULL)
		need(MESH_ERR_NOMEM, "world", "new");
	for (size_t i = 0; i < in->users.count; i++) {
		struct mesh_policy_user_info info = {users[i].id, users[i].name,
		    users[i].email, users[i].provider};

		need(mesh_policy_user_put(w, &info), "user", users[i].name);
	}
	for (size_t i = 0; i < in->nodes.count; i++)
		put_machine(w, &nodes[i]);
	return w;
}

/* --- verdicts */

/* The engine's filter as this map would make it, as if every address were one
 * of the node: here it is about the rules alone. */
static struct mesh_filter *
load_filter(const struct mesh_buf *rules)
{
	static const uint8_t seed[MESH_FILTER_SEED_LEN];
	struct mesh_filter *f = mesh_filter_new(MESH_FILTER_FLOWS, seed);
	struct mesh_filter_build *b = mesh_filter_build_new();
	struct mesh_netmap *nm;
	struct mesh_diag diag = {0};
	struct mesh_buf map, table;

	mesh_buf_init(&map, MEMORY_MAX);
	mesh_buf_init(&table, MESH_FILTER_TABLE_MAX);
	mesh_buf_printf(&map,
	    "{\"Node\":{\"ID\":1,\"Name\":\"n.\",\"Addresses\":[],"
	    "\"AllowedIPs\":[\"0.0.0.0/1\",\"128.0.0.0/1\",\"::/1\","
	    "\"8000::/1\"]},\"PacketFilters\":{\"base\":%.*s}}",
	    (int)rules->len, (const char *)rules->data);
	need(mesh_netmap_parse((const char *)map.data, map.len, &nm, &diag),
	    "filter", diag.text);
	if (!mesh_filter_build_netmap(b, nm))
		need(MESH_ERR_FORMAT, "filter", "none");
	need(mesh_filter_build_finish(b, &table), "filter", "table");
	need(mesh_filter_load(f, table.data, table.len, &diag), "filter",
	    diag.text);
	mesh_filter_build_free(b);
	mesh_netmap_unref(nm);
	mesh_buf_release(&map);
	mesh_buf_release(&table);
	return f;
}

static bool
enforced(struct mesh_filter *f, const struct mesh_ip *src,
    const struct mesh_ip *dst, const struct probe *probe)
{
	uint8_t what = probe->proto == MESH_PROTO_TCP ? MESH_TCP_SYN
		       : probe->proto == MESH_PROTO_ICMP6
			   ? 128 /* echo requests */
			   : 8;
	struct packet p;

	if (mesh_ip_is4(src) != mesh_ip_is4(dst))
		return false;
	p = packet_make(src, dst, (uint8_t)probe->proto, SOURCE_PORT,
	    probe->port, what);
	return mesh_filter_in(f, p.b, p.len, false, (struct mesh_time){1}) ==
	       MESH_FILTER_PASS;
}

static bool
has_ports(unsigned proto)
{
	return proto == MESH_PROTO_TCP || proto == MESH_PROTO_UDP ||
	       proto == MESH_PROTO_SCTP;
}

/* As `mesh-policy test FILE SRC DST --proto PROTO` would say. */
static bool
tested(struct mesh_policy_world *w, const char *src, const char *dst,
    const struct probe *probe)
{
	bool is6 = strchr(dst, ':') != NULL;
	struct mesh_policy_verdict v = {0};
	struct mesh_diag diag = {0};
	char to[MESH_IP_TEXT + 10], proto[8];

	if ((strchr(src, ':') != NULL) != is6)
		return false;
	snprintf(proto, sizeof(proto), "%u", probe->proto);
	if (has_ports(probe->proto))
		snprintf(to, sizeof(to), is6 ? "[%s]:%u" : "%s:%u", dst,
		    probe->port);
	else
		snprintf(to, sizeof(to), "%s", dst);
	need(mesh_policy_check(w, src, to, proto, &v, &diag), to, diag.text);
	return v.allowed;
}

/* --- the answer */

static void
write_verdicts(struct mesh_policy_world *w, const struct input *in,
    const struct machine *m, struct mesh_filter *f, struct mesh_jw *jw)
{
	const char *const *sources = in->sources.items;
	const char *const *targets = m->targets.items;
	const struct probe *probes = in->probes.items;
	size_t count = in->sources.count * m->targets.count * in->probes.count;
	char *by_filter = malloc(count + 1), *by_test = malloc(count + 1);
	size_t n = 0;

	if (by_filter == NULL || by_test == NULL)
		need(MESH_ERR_NOMEM, "verdicts", "too many");
	for (size_t s = 0; s < in->sources.count; s++)
		for (size_t t = 0; t < m->targets.count; t++) {
			struct mesh_ip src = ip_of(sources[s]),
				       dst = ip_of(targets[t]);

			for (size_t p = 0; p < in->probes.count; p++, n++) {
				by_filter[n] =
				    enforced(f, &src, &dst, &probes[p]) ? '1'
									: '0';
				by_test[n] = tested(w, sources[s], targets[t],
						 &probes[p])
						 ? '1'
						 : '0';
			}
		}
	by_filter[count] = by_test[count] = '\0';
	mesh_jw_name(jw, "enforced");
	mesh_jw_string(jw, by_filter);
	mesh_jw_name(jw, "tested");
	mesh_jw_string(jw, by_test);
	free(by_filter);
	free(by_test);
}

static void
write_node(struct mesh_policy_world *w, const struct input *in,
    const struct machine *m, struct mesh_jw *jw)
{
	struct mesh_buf rules;
	struct mesh_filter *f;
	struct mesh_jw rw;

	mesh_buf_init(&rules, MEMORY_MAX);
	mesh_jw_init(&rw, &rules, false);
	mesh_policy_filter_write(m->node, &rw);
	f = load_filter(&rules);
	mesh_jw_object(jw);
	mesh_jw_name(jw, "id");
	mesh_jw_uint(jw, m->id);
	mesh_jw_name(jw, "filter");
	mesh_jw_raw(jw, (struct mesh_str){(const char *)rules.data, rules.len});
	write_verdicts(w, in, m, f, jw);
	mesh_jw_end_object(jw);
	mesh_filter_free(f);
	mesh_buf_release(&rules);
}

static void
write_visible(const struct input *in, struct mesh_jw *jw)
{
	const struct machine *nodes = in->nodes.items;

	mesh_jw_array(jw);
	for (size_t i = 0; i < in->nodes.count; i++)
		for (size_t k = i + 1; k < in->nodes.count; k++) {
			if (!mesh_policy_visible(nodes[i].node, nodes[k].node))
				continue;
			mesh_jw_array(jw);
			mesh_jw_uint(jw, nodes[i].id);
			mesh_jw_uint(jw, nodes[k].id);
			mesh_jw_end_array(jw);
		}
	mesh_jw_end_array(jw);
}

static void
write_routes(const struct machine *viewer, const struct machine *owner,
    struct mesh_jw *jw)
{
	const char *const *routes = owner->routes.items;

	for (size_t i = 0; i < owner->routes.count; i++) {
		struct mesh_prefix p;

		(void)mesh_prefix_parse(mesh_str(routes[i]), &p);
		if (viewer == owner ||
		    !mesh_policy_route_visible(viewer->node, owner->node, &p))
			continue;
		mesh_jw_object(jw);
		mesh_jw_name(jw, "viewer");
		mesh_jw_uint(jw, viewer->id);
		mesh_jw_name(jw, "owner");
		mesh_jw_uint(jw, owner->id);
		mesh_jw_name(jw, "route");
		mesh_jw_string(jw, routes[i]);
		mesh_jw_end_object(jw);
	}
}

static void
answer(const struct input *in, struct mesh_jw *jw)
{
	const struct machine *nodes = in->nodes.items;
	struct mesh_policy *p = NULL;
	struct mesh_policy_world *w;
	struct mesh_diag diag = {0};
	struct mesh_buf failures;

	mesh_jw_object(jw);
	if (mesh_policy_parse(in->policy, strlen(in->policy), &p, &diag) !=
	    MESH_OK) {
		mesh_jw_name(jw, "error");
		mesh_jw_string(jw, diag.text);
		mesh_jw_end_object(jw);
		return;
	}
	w = make_world(p, in);
	mesh_buf_init(&failures, MEMORY_MAX);
	if (mesh_policy_run_tests(p, w, &failures, &diag) != MESH_OK) {
		mesh_jw_name(jw, "error");
		mesh_jw_string(jw, diag.text);
	}
	mesh_buf_release(&failures);
	mesh_jw_name(jw, "nodes");
	mesh_jw_array(jw);
	for (size_t i = 0; i < in->nodes.count; i++)
		write_node(w, in, &nodes[i], jw);
	mesh_jw_end_array(jw);
	mesh_jw_name(jw, "visible");
	write_visible(in, jw);
	mesh_jw_name(jw, "routes");
	mesh_jw_array(jw);
	for (size_t i = 0; i < in->nodes.count; i++)
		for (size_t k = 0; k < in->nodes.count; k++)
			write_routes(&nodes[i], &nodes[k], jw);
	mesh_jw_end_array(jw);
	mesh_jw_end_object(jw);
	mesh_policy_world_free(w);
	mesh_policy_free(p);
}

static void
one_line(const char *line, size_t len)
{
	struct input in = {.policy = ""};
	struct mesh_diag diag = {0};
	struct mesh_arena arena;
	struct mesh_buf out;
	struct mesh_jw jw;

	mesh_arena_init(&arena, MEMORY_MAX);
	mesh_buf_init(&out, MEMORY_MAX);
	need(mesh_bind_parse(line, len, &input_schema, &arena, &in, &diag),
	    "input", diag.text);
	mesh_jw_init(&jw, &out, false);
	answer(&in, &jw);
	if (out.failed)
		need(MESH_ERR_LIMIT, "answer", "too long");
	puts(mesh_buf_cstr(&out));
	fflush(stdout);
	mesh_buf_release(&out);
	mesh_arena_release(&arena);
}

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, stdin)) > 0)
		one_line(line, (size_t)len);
	free(line);
	return 0;
}
