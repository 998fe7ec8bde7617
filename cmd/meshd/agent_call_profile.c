/* SPDX-License-Identifier: ISC
 * agent_call_profile.c - the profile (services.md 1.5, 1.10). This daemon keeps
 * one: another is not made while somebody is logged in. */
#include "agent_call.h"

#include <string.h>

#define ROOT "profiles/"
#define ID_LEN 4u

struct network_profile {
	const char *dns_name, *domain, *display;
};

struct profile {
	const char *id, *name, *key;
	struct network_profile network;
	struct mesh_user user;
	const char *node_id, *local_user, *control_url;
};

static const struct mesh_field network_fields[] = {
    {"MagicDNSName", MESH_BIND_STRING,
	offsetof(struct network_profile, dns_name), 0},
    {"DomainName", MESH_BIND_STRING, offsetof(struct network_profile, domain),
	0},
    {"DisplayName", MESH_BIND_STRING, offsetof(struct network_profile, display),
	0},
};
static const struct mesh_schema network_schema =
    MESH_SCHEMA(struct network_profile, network_fields);

#define AT(member) offsetof(struct profile, member)
static const struct mesh_field profile_fields[] = {
    {"ID", MESH_BIND_STRING, AT(id), 0},
    {"Name", MESH_BIND_STRING, AT(name), 0},
    {"NetworkProfile", MESH_BIND_INLINE, AT(network), 0,
	.sub = &network_schema},
    {"Key", MESH_BIND_STRING, AT(key), 0},
    {"UserProfile", MESH_BIND_INLINE, AT(user), 0, .sub = &mesh_user_schema},
    {"NodeID", MESH_BIND_STRING, AT(node_id), 0},
    {"LocalUserID", MESH_BIND_STRING, AT(local_user), 0},
    {"ControlURL", MESH_BIND_STRING, AT(control_url), 0},
};
static const struct mesh_schema profile_schema =
    MESH_SCHEMA(struct profile, profile_fields);

struct texts {
	char id[2 * MESH_KEY_LEN + 1], key[32];
	struct mesh_status status; /* for the network's names */
	struct mesh_arena memory;
};

static bool
is_text(const char *s)
{
	return s != NULL && *s != 0;
}

/* All empty when nobody is logged in. */
static void
fill(const struct agent *a, struct texts *t, struct profile *out)
{
	const struct mesh_persist *who = a->prefs.config;

	*out = (struct profile){0};
	mesh_arena_init(&t->memory, CALL_MEMORY);
	agent_status_make(a, false, &t->memory, &t->status);
	mesh_hex_encode(a->machine_key.b, ID_LEN / 2, t->id);
	(void)mesh_format(t->key, sizeof(t->key), "profile-%s", t->id);
	if (a->prefs.logged_out)
		return;
	out->id = t->id;
	out->key = t->key;
	out->control_url = a->prefs.control_url;
	if (who != NULL) {
		out->user = who->user;
		out->node_id = who->node_id;
	}
	out->name = is_text(a->prefs.profile_name) ? a->prefs.profile_name
						   : out->user.login_name;
	if (t->status.network != NULL) {
		out->network.dns_name = t->status.network->dns_suffix;
		out->network.domain = t->status.network->name;
	}
}

static void
answer(struct agent_client *c, bool as_list)
{
	struct profile profile;
	struct mesh_buf b;
	struct mesh_jw w;
	struct texts t;

	fill(c->agent, &t, &profile);
	mesh_buf_init(&b, CALL_ANSWER_MAX);
	mesh_jw_init(&w, &b, false);
	if (as_list)
		mesh_jw_array(&w);
	if (!as_list || profile.id != NULL)
		mesh_bind_write(&w, &profile_schema, &profile);
	if (as_list)
		mesh_jw_end_array(&w);
	call_buf(c, "application/json", &b);
	mesh_arena_release(&t.memory);
}

/* Does the call name the profile that there is? */
static bool
is_ours(const struct agent_client *c, const struct mesh_local_request *r)
{
	char name[sizeof(ROOT) + 2 * MESH_KEY_LEN] = ROOT;

	if (c->agent->prefs.logged_out)
		return false;
	mesh_hex_encode(c->agent->machine_key.b, ID_LEN / 2,
	    name + sizeof(ROOT) - 1);
	return mesh_str_eq(r->name, name);
}

void
call_profiles(struct agent_client *c, const struct mesh_local_request *r)
{
	if (mesh_str_eq(r->name, ROOT))
		answer(c, true);
	else if (mesh_str_eq(r->name, ROOT "current") || is_ours(c, r))
		answer(c, false);
	else
		call_text(c, 404, "Profile not found\n");
}

void
call_new_profile(struct agent_client *c, const struct mesh_local_request *r)
{
	struct mesh_diag diag = {{0}};
	int err;

	if (!mesh_str_eq(r->name, ROOT)) {
		call_text(c, 405, "use POST or DELETE\n");
		return;
	}
	err = agent_login_new_profile(c->agent, &diag);
	if (err == MESH_ERR_STATE)
		call_text(c, 501, diag.text);
	else if (err != MESH_OK)
		call_failure(c, err, &diag);
	else
		mesh_local_answer(&c->conn, 201, NULL, MESH_STR(""));
}

void
call_switch_profile(struct agent_client *c, const struct mesh_local_request *r)
{
	if (is_ours(c, r))
		mesh_local_answer_nothing(&c->conn);
	else
		call_text(c, 500, "there is no such profile\n");
}

void
call_delete_profile(struct agent_client *c, const struct mesh_local_request *r)
{
	if (is_ours(c, r))
		call_logout(c, r);
	else
		call_text(c, 500, "there is no such profile\n");
}
