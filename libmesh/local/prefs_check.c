/* SPDX-License-Identifier: ISC
 * prefs_check.c - what this daemon cannot do is refused by name.
 *
 * Accepted though nothing acts on them: CorpDNS and AutoUpdate.Check, which
 * every stock `up` sets; NetfilterMode, because no packet filter of the system
 * is touched in any mode. */
#include "local/prefs.h"

static bool
has_text(const char *s)
{
	return s != NULL && *s != 0;
}

/* A JSON value that says something: not null, not an empty list. */
static bool
has_json(struct mesh_str s)
{
	return s.len > 0 && !mesh_str_eq(s, "null") && !mesh_str_eq(s, "[]");
}

/* The stable order is that of the table in prefs.c. */
static const char *
cannot(const struct mesh_prefs *p)
{
	const struct {
		bool wanted;
		const char *what;
	} table[] = {
	    {has_text(p->exit_node_id) || has_text(p->exit_node_ip) ||
		    has_text(p->auto_exit_node) || p->exit_node_allow_lan,
		"use an exit node"},
	    {p->run_ssh, "run an SSH server"},
	    {p->run_web_client, "run a web client"},
	    {p->notepad_urls || p->force_daemon, "do what is for Windows"},
	    {p->advertise_routes.count > 0 || p->no_snat ||
		    p->no_stateful_filtering < 0,
		"route for others"},
	    {p->advertise_services.count > 0, "offer services"},
	    {p->sync < 0, "run without control (sync)"},
	    {p->auto_update.apply > 0, "update itself"},
	    {p->app_connector.advertise, "be an app connector"},
	    {p->posture_checking, "report its posture"},
	    {has_text(p->netfilter_kind), "choose a kind of netfilter"},
	    {p->remote_config, "be configured by control"},
	    {has_json(p->drive_shares), "share folders"},
	    {has_json(p->relay_server_port) ||
		    has_json(p->relay_server_endpoints),
		"relay for peers"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].wanted)
			return table[i].what;
	return NULL;
}

int
mesh_prefs_check(const struct mesh_prefs *p, struct mesh_diag *diag)
{
	const char *what = cannot(p);

	if (what == NULL)
		return MESH_OK;
	return mesh_fail(diag, MESH_ERR_ARG, "this daemon cannot %s", what);
}

void
mesh_prefs_drop(struct mesh_prefs *p)
{
	p->exit_node_id = p->exit_node_ip = p->auto_exit_node = NULL;
	p->exit_node_allow_lan = p->run_ssh = p->run_web_client = false;
	p->notepad_urls = p->force_daemon = p->no_snat = false;
	p->advertise_routes = p->advertise_services =
	    (struct mesh_bind_list){0};
	p->no_stateful_filtering = 1;
	p->sync = p->auto_update.apply = 0;
	p->app_connector.advertise = p->posture_checking = false;
	p->netfilter_kind = NULL;
	p->remote_config = false;
	p->drive_shares = p->relay_server_port = p->relay_server_endpoints =
	    (struct mesh_str){NULL, 0};
}
