/* SPDX-License-Identifier: ISC
 * agent_call.h - the calls of the local API (services.md 1.5), between their
 * files. Private.
 *
 *	agent_call.c         the table of calls, and answers
 *	agent_call_status.c  status, whois: who is there
 *	agent_call_ping.c    pings by the engine, and of a peer's own API
 *	agent_call_login.c   settings, logging in and out
 *	agent_call_profile.c the one profile
 *	agent_call_watch.c   watch-ipn-bus
 *	agent_call_net.c     the network map and its parts
 *	agent_call_metrics.c counters, and the mark for a bug report
 */
#ifndef MESHD_AGENT_CALL_H
#define MESHD_AGENT_CALL_H

#include "agent_int.h"

#define CALL_ANSWER_MAX (64u << 20)
#define CALL_MEMORY (1u << 20)

typedef void agent_call_fn(struct agent_client *c,
    const struct mesh_local_request *r);

void call_json(struct agent_client *c, const struct mesh_schema *s,
    const void *object, bool indent);
/* type: of the content. Releases b. */
void call_buf(struct agent_client *c, const char *type, struct mesh_buf *b);
void call_text(struct agent_client *c, unsigned status, const char *text);
/* The status that goes with an error of ours. */
void call_failure(struct agent_client *c, int err,
    const struct mesh_diag *diag);

agent_call_fn call_status, call_whois, call_peer_by_id, call_user_profile;
agent_call_fn call_ping;
agent_call_fn call_prefs, call_edit_prefs, call_check_prefs, call_start;
agent_call_fn call_login, call_logout, call_accept_server_key;
agent_call_fn call_profiles, call_new_profile, call_switch_profile;
agent_call_fn call_delete_profile;
agent_call_fn call_watch;
agent_call_fn call_derpmap, call_dns_config, call_dns_osconfig;
agent_call_fn call_cert_domains, call_services, call_netmap;
agent_call_fn call_serve_config, call_set_serve_config, call_reload_config;
agent_call_fn call_usermetrics, call_metrics, call_bugreport;

/* agent_call_status.c: fresh counters of peers, then resume(); at once when the
 * engine is not there. */
void call_want_status(struct agent_client *c, uint64_t ns,
    agent_resume_fn *resume);
/* agent_call_ping.c: the client is gone. */
void call_ping_forget(struct agent_client *c);
/* agent_call_watch.c: when a watcher is to be told of traffic, and telling. */
struct mesh_time call_watch_next(const struct agent_client *c);
void call_watch_tick(struct agent_client *c);

#endif
