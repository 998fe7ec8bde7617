/* SPDX-License-Identifier: ISC
 * prefs.h - what the user wants of the daemon, and changes to it.
 *
 * Source: protocol/services.md 1.9; sample localapi-prefs.json. All members are
 * shown, so that stock programs find what they expect; those that this daemon
 * does not act on cannot be turned on (mesh_prefs_check). `Config` never holds
 * a key here.
 */
#ifndef MESH_LOCAL_PREFS_H
#define MESH_LOCAL_PREFS_H

#include "base/addr.h"
#include "base/bind.h"
#include "netmap/user.h"

#define MESH_PREFS_MEMORY 65536u /* bytes that decoded prefs may take */

struct mesh_auto_update {
	bool check;
	int8_t apply;
};

struct mesh_app_connector {
	bool advertise;
};

struct mesh_persist {
	const char *private_node_key; /* always the zero key's text */
	const char *old_private_node_key;
	struct mesh_user user;
	const char *network_lock_key;
	const char *node_id;
};

struct mesh_prefs {
	const char *control_url;
	bool route_all;
	const char *exit_node_id;
	const char *exit_node_ip;
	const char *auto_exit_node;
	const char *exit_node_prior;
	bool exit_node_allow_lan;
	bool corp_dns;
	bool run_ssh;
	bool run_web_client;
	bool want_running;
	bool logged_out;
	bool shields_up;
	struct mesh_bind_list advertise_tags;	   /* const char * */
	const char *hostname;
	bool notepad_urls;
	bool force_daemon;
	struct mesh_bind_list advertise_routes;   /* struct mesh_prefix */
	struct mesh_bind_list advertise_services; /* const char * */
	int8_t sync;
	bool no_snat;
	int8_t no_stateful_filtering;
	int32_t netfilter_mode;
	const char *operator_user;
	const char *profile_name;
	struct mesh_auto_update auto_update;
	struct mesh_app_connector app_connector;
	bool posture_checking;
	const char *netfilter_kind;
	bool remote_config;
	struct mesh_str drive_shares; /* JSON, as the two below */
	struct mesh_str relay_server_port;
	struct mesh_str relay_server_endpoints;
	struct mesh_persist *config;  /* NULL: not logged in */
};

extern const struct mesh_schema mesh_prefs_schema;

/* What a node starts with: DNS accepted, nothing wanted, logged out. */
#define MESH_PREFS_DEFAULT                                                     \
	((struct mesh_prefs){.corp_dns = true, .logged_out = true,             \
	    .no_stateful_filtering = 1, .netfilter_mode = 2,                   \
	    .auto_update = {.check = true}})

/* Lays a MaskedPrefs object ({"Hostname":"x","HostnameSet":true}) over prefs:
 * members whose mark is set are taken, also from an absent member (zero). Texts
 * belong to the arena. Config and InternalExitNodePrior cannot be set.
 * MESH_ERR_FORMAT, MESH_ERR_ARG (a member that cannot be set, or that is not
 * known); prefs is untouched then. */
int mesh_prefs_edit(struct mesh_prefs *prefs, const char *text, size_t len,
    struct mesh_arena *a, struct mesh_diag *diag);

/* Can this daemon do all that is wanted? MESH_ERR_ARG and a sentence if not:
 * what is not there is refused, not accepted and left undone. */
int mesh_prefs_check(const struct mesh_prefs *p, struct mesh_diag *diag);
/* Takes all that back: of a file that another release wrote. */
void mesh_prefs_drop(struct mesh_prefs *p);

#endif
