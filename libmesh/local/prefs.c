/* SPDX-License-Identifier: ISC */
#include "local/prefs.h"

#include <stdlib.h>

#define FIELD(type, name, kind, member, ...)                                   \
	{name, kind, offsetof(type, member), __VA_ARGS__}

static const struct mesh_field update_fields[] = {
	FIELD(struct mesh_auto_update, "Check", MESH_BIND_BOOL, check, 0),
	FIELD(struct mesh_auto_update, "Apply", MESH_BIND_OPTBOOL, apply, 0),
};
static const struct mesh_schema update_schema =
    MESH_SCHEMA(struct mesh_auto_update, update_fields);

static const struct mesh_field connector_fields[] = {
	FIELD(struct mesh_app_connector, "Advertise", MESH_BIND_BOOL,
	    advertise, 0),
};
static const struct mesh_schema connector_schema =
    MESH_SCHEMA(struct mesh_app_connector, connector_fields);

static const struct mesh_field persist_fields[] = {
	FIELD(struct mesh_persist, "PrivateNodeKey", MESH_BIND_STRING,
	    private_node_key, 0),
	FIELD(struct mesh_persist, "OldPrivateNodeKey", MESH_BIND_STRING,
	    old_private_node_key, 0),
	FIELD(struct mesh_persist, "UserProfile", MESH_BIND_INLINE, user, 0,
	    .sub = &mesh_user_schema),
	FIELD(struct mesh_persist, "NetworkLockKey", MESH_BIND_STRING,
	    network_lock_key, 0),
	FIELD(struct mesh_persist, "NodeID", MESH_BIND_STRING, node_id, 0),
};
static const struct mesh_schema persist_schema =
    MESH_SCHEMA(struct mesh_persist, persist_fields);

#define AT(member) offsetof(struct mesh_prefs, member)

static const struct mesh_field prefs_fields[] = {
	{"ControlURL", MESH_BIND_STRING, AT(control_url), 0},
	{"RouteAll", MESH_BIND_BOOL, AT(route_all), 0},
	{"ExitNodeID", MESH_BIND_STRING, AT(exit_node_id), 0},
	{"ExitNodeIP", MESH_BIND_STRING, AT(exit_node_ip), 0},
	{"AutoExitNode", MESH_BIND_STRING, AT(auto_exit_node), MESH_BIND_OMIT},
	{"InternalExitNodePrior", MESH_BIND_STRING, AT(exit_node_prior), 0},
	{"ExitNodeAllowLANAccess", MESH_BIND_BOOL, AT(exit_node_allow_lan), 0},
	{"CorpDNS", MESH_BIND_BOOL, AT(corp_dns), 0},
	{"RunSSH", MESH_BIND_BOOL, AT(run_ssh), 0},
	{"RunWebClient", MESH_BIND_BOOL, AT(run_web_client), 0},
	{"WantRunning", MESH_BIND_BOOL, AT(want_running), 0},
	{"LoggedOut", MESH_BIND_BOOL, AT(logged_out), 0},
	{"ShieldsUp", MESH_BIND_BOOL, AT(shields_up), 0},
	{"AdvertiseTags", MESH_BIND_STRINGS, AT(advertise_tags),
	    MESH_BIND_NULL},
	{"Hostname", MESH_BIND_STRING, AT(hostname), 0},
	{"NotepadURLs", MESH_BIND_BOOL, AT(notepad_urls), 0},
	{"ForceDaemon", MESH_BIND_BOOL, AT(force_daemon), MESH_BIND_OMIT},
	{"AdvertiseRoutes", MESH_BIND_CUSTOMS, AT(advertise_routes),
	    MESH_BIND_NULL, .codec = &mesh_bind_prefix},
	{"AdvertiseServices", MESH_BIND_STRINGS, AT(advertise_services),
	    MESH_BIND_NULL},
	{"Sync", MESH_BIND_OPTBOOL, AT(sync), 0},
	{"NoSNAT", MESH_BIND_BOOL, AT(no_snat), 0},
	{"NoStatefulFiltering", MESH_BIND_OPTBOOL, AT(no_stateful_filtering),
	    MESH_BIND_OMIT},
	{"NetfilterMode", MESH_BIND_INT, AT(netfilter_mode), 0},
	{"OperatorUser", MESH_BIND_STRING, AT(operator_user), MESH_BIND_OMIT},
	{"ProfileName", MESH_BIND_STRING, AT(profile_name), MESH_BIND_OMIT},
	{"AutoUpdate", MESH_BIND_INLINE, AT(auto_update), 0,
	    .sub = &update_schema},
	{"AppConnector", MESH_BIND_INLINE, AT(app_connector), 0,
	    .sub = &connector_schema},
	{"PostureChecking", MESH_BIND_BOOL, AT(posture_checking), 0},
	{"NetfilterKind", MESH_BIND_STRING, AT(netfilter_kind), 0},
	{"RemoteConfig", MESH_BIND_BOOL, AT(remote_config), 0},
	{"DriveShares", MESH_BIND_RAW, AT(drive_shares), 0},
	{"RelayServerPort", MESH_BIND_RAW, AT(relay_server_port),
	    MESH_BIND_OMIT},
	{"RelayServerStaticEndpoints", MESH_BIND_RAW,
	    AT(relay_server_endpoints), MESH_BIND_OMIT},
	{"Config", MESH_BIND_OBJECT, AT(config), 0, .sub = &persist_schema},
};
const struct mesh_schema mesh_prefs_schema =
    MESH_SCHEMA(struct mesh_prefs, prefs_fields);

#define FIELDS (sizeof(prefs_fields) / sizeof(prefs_fields[0]))

static bool
may_be_set(const struct mesh_field *f)
{
	return strcmp(f->name, "Config") != 0 &&
	    strcmp(f->name, "InternalExitNodePrior") != 0;
}

static size_t
field_size(const struct mesh_field *f)
{
	const struct mesh_field *next = f + 1;

	/* Members stand in the order of the table, so one ends where the next
	 * begins (padding included). */
	return (next < prefs_fields + FIELDS ? next->offset
					     : sizeof(struct mesh_prefs)) -
	    f->offset;
}

static bool
is_mark(struct mesh_str *name)
{
	if (name->len < 3 || memcmp(name->p + name->len - 3, "Set", 3) != 0)
		return false;
	name->len -= 3;
	return true;
}

static const struct mesh_field *
find_marked(struct mesh_str name)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (mesh_str_eq(name, prefs_fields[i].name))
			return &prefs_fields[i];
	return NULL;
}

/* {"CheckSet":true,"ApplySet":true}: the mark of AutoUpdate is an object. Any
 * mark in it takes the whole of AutoUpdate. */
static bool
read_mark(struct mesh_json *j)
{
	struct mesh_str name;
	bool any = false;

	if (mesh_json_peek(j) != MESH_JSON_OBJECT)
		return mesh_json_bool(j);
	mesh_json_object(j);
	while (mesh_json_member(j, &name))
		any |= mesh_json_bool(j);
	return any;
}

#define NAME_SIZE 64u /* of a name in an error */

/* What somebody wants and what is not known here must not be lost in silence:
 * the first such name goes to `unknown`. */
static void
read_marks(struct mesh_json *j, bool marks[static FIELDS],
    char unknown[static NAME_SIZE])
{
	struct mesh_str name;

	mesh_json_object(j);
	while (mesh_json_member(j, &name)) {
		char text[NAME_SIZE] = "of a long name";
		const struct mesh_field *f;

		if (!is_mark(&name)) {
			mesh_json_skip(j);
			continue;
		}
		f = find_marked(name);
		(void)mesh_str_copy(name, text, sizeof(text));
		if (mesh_json_null(j) || !read_mark(j))
			continue;
		if (f != NULL)
			marks[f - prefs_fields] = true;
		else
			memcpy(unknown, text, sizeof(text));
	}
}

int
mesh_prefs_edit(struct mesh_prefs *prefs, const char *text, size_t len,
    struct mesh_arena *a, struct mesh_diag *diag)
{
	struct mesh_json *j = malloc(sizeof(*j));
	bool marks[FIELDS] = {false};
	char unknown[NAME_SIZE] = "";
	struct mesh_prefs fresh = {0};
	int err;

	if (j == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	mesh_json_init(j, text, len, 0);
	read_marks(j, marks, unknown);
	err = mesh_json_done(j, diag);
	free(j);
	if (err == MESH_OK && unknown[0] != 0)
		err = mesh_fail(diag, MESH_ERR_ARG,
		    "this daemon has no setting '%s'", unknown);
	if (err == MESH_OK)
		err = mesh_bind_parse(text, len, &mesh_prefs_schema, a, &fresh,
		    diag);
	for (size_t i = 0; err == MESH_OK && i < FIELDS; i++)
		if (marks[i] && !may_be_set(&prefs_fields[i]))
			err = mesh_fail(diag, MESH_ERR_ARG,
			    "%s cannot be set", prefs_fields[i].name);
	for (size_t i = 0; err == MESH_OK && i < FIELDS; i++) {
		size_t at = prefs_fields[i].offset;

		if (marks[i])
			memcpy((char *)prefs + at, (char *)&fresh + at,
			    field_size(&prefs_fields[i]));
	}
	return err;
}
