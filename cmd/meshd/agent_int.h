/* SPDX-License-Identifier: ISC
 * agent_int.h - the agent's state, between its files. Private.
 *
 *	agent.c          start, the loop, the monitor's messages
 *	agent_port.c     links to monitor and engine, with a queue each
 *	agent_engine.c   what the engine says; agent_push.c: tables for it
 *	agent_control.c  the session with the control server; agent_login.c:
 *	                 who we are there
 *	agent_net.c      the netmap: frames in, changes out, the file
 *	agent_api.c      the local API's connections; agent_call.h: its calls;
 *	                 agent_status.c: what it tells
 *	agent_conn.c     TCP and TLS connections; agent_resolve.c: names
 *	agent_cert.c     is a certificate chain good?
 *	agent_pin.c      the server's key that we know
 *	agent_ping.c     what control wants to be told of by other ways
 *	agent_store.c    files in the state folder; agent_host.c: this machine
 */
#ifndef MESHD_AGENT_INT_H
#define MESHD_AGENT_INT_H

#include "link.h"
#include "roles.h"

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "control/backoff.h"
#include "control/client.h"
#include "control/keyfetch.h"
#include "control/url.h"
#include "local/notify.h"
#include "local/prefs.h"
#include "local/server.h"
#include "local/status.h"
#include "netmap/snapshot.h"

#include <event2/event.h>
#include <openssl/ssl.h>

#define AGENT_VERSION PACKAGE_VERSION "-mesh"

struct agent;

/* --- agent_port.c */

/* One end of a link; what the other side does not take at once waits. */
struct agent_port {
	struct agent *agent;
	struct link link;
	struct event *readable, *writable;
	struct mesh_list queue;
	bool (*take)(struct agent *a, struct link_msg *m); /* false: malformed */
	void (*gone)(struct agent *a);
};

/* Owns fd from now on. */
int agent_port_open(struct agent_port *p, struct agent *a, int fd,
    enum msg_role other);
void agent_port_close(struct agent_port *p);
/* Sends, or queues a copy. False without memory, or without a link. */
bool agent_port_send(struct agent_port *p, enum msg_type type, uint64_t gen,
    const void *body, size_t len);
/* Is everything on its way? */
bool agent_port_idle(const struct agent_port *p);

/* --- agent_conn.c */

struct agent_conn;

struct agent_conn_ops {
	void (*opened)(void *arg);
	void (*data)(void *arg, const uint8_t *p, size_t len);
	void (*drained)(void *arg); /* all that was given has been sent */
	void (*closed)(void *arg, const char *why); /* last, if it comes */
};

/* Dials; the callbacks come from the loop. A callback may free it. NULL without
 * memory. tls: certificate and name are checked. */
struct agent_conn *agent_conn_new(struct agent *a, const char *host,
    uint16_t port, bool tls, const struct agent_conn_ops *ops, void *arg);
void agent_conn_send(struct agent_conn *c, const void *p, size_t len);
size_t agent_conn_backlog(const struct agent_conn *c);
void agent_conn_free(struct agent_conn *c);

/* --- agent_resolve.c */

#define AGENT_ADDRS_MAX 16u

struct agent_addrs {
	struct mesh_ip v[AGENT_ADDRS_MAX];
	size_t count;
};

typedef void agent_resolved_fn(void *arg, const struct agent_addrs *addrs);

/* Looks a name up without blocking the loop; the callback comes from the loop,
 * count 0: no address. NULL without memory. */
struct agent_lookup *agent_resolve(struct agent *a, const char *host,
    agent_resolved_fn *done, void *arg);
void agent_resolve_cancel(struct agent_lookup *l);
int agent_resolve_init(struct agent *a);

/* --- sockets of the monitor's making (agent.c) */

typedef void agent_socket_fn(void *arg, int fd, int error);
uint32_t agent_socket(struct agent *a, enum tbl_socket_kind kind,
    agent_socket_fn *done, void *arg);
void agent_socket_cancel(struct agent *a, uint32_t id);

/* --- the control session */

enum agent_control_phase {
	CONTROL_OFF,	 /* not wanted */
	CONTROL_WAITING, /* until `retry` */
	CONTROL_KEY,	 /* GET /key */
	CONTROL_DIALING,
	CONTROL_CHANNEL, /* connected; handshake, then requests */
};

struct agent_control {
	enum agent_control_phase phase;
	struct mesh_control_url url;
	struct agent_conn *conn;
	struct mesh_keyfetch fetch;
	struct mesh_machine_key server_key; /* zero: not fetched yet */
	struct mesh_control_client *client;
	struct event *timer; /* of the session */
	struct event *retry;
	struct mesh_backoff backoff;
	char pop_url[512]; /* shown last because control wanted it */
	bool ready;	    /* the channel is up */
	bool registered;    /* on this channel */
	bool first_frame;   /* of the map stream: the next one */
	bool lite_wanted;
	uint32_t register_id, lite_id, map_id; /* 0: none under way */
	struct mesh_node_key register_key; /* that was asked about */
};

/* --- the whole */

struct agent_login {
	char auth_key[256];	/* secret; "": none */
	char auth_url[1024];	/* to be visited; "": none */
	char error[160];	/* of the last try; "": none */
	bool wanted;		/* asked for since the last success */
	bool logging_out;
	bool rekeying;		/* a new node key is on its way */
	bool fresh;		/* began logged out: no new key is needed */
	struct mesh_node_key old_key; /* the one before, zero: none */
};

struct agent_pin {
	char url[TBL_TEXT_MAX + 1];
	struct mesh_machine_key key;	 /* zero: none is known */
	struct mesh_machine_key refused; /* last, and said so */
};

struct agent {
	struct event_base *base;
	struct agent_port monitor, engine;
	struct tbl_agent_start start; /* texts in start_arena */
	struct mesh_arena start_arena;
	bool started, stopping, root_start, ready;
	uint8_t link_buf[MSG_MAX];
	int state_dir, api;
	struct event *api_event;

	struct mesh_list sockets; /* asked for */
	uint32_t socket_id;
	int lookup_pipe[2];
	struct event *lookup_event;
	SSL_CTX *tls;
	X509_STORE *trust;

	struct mesh_machine_secret machine_secret;
	struct mesh_machine_key machine_key;
	struct mesh_prefs prefs; /* texts in prefs_arena */
	struct mesh_arena prefs_arena;
	uid_t operator_uid; /* (uid_t)-1: root alone */

	struct agent_control control;
	struct agent_login login;
	struct agent_pin pin;
	struct mesh_wall control_time; /* as control said; zero: not yet */
	struct mesh_time control_time_at;

	struct mesh_netmap *nm;	    /* what we know; NULL: nothing */
	bool nm_is_file;	    /* by --netmap: no server */
	bool nm_is_fresh;	    /* from control or --netmap, not from disk */
	struct event *save_timer;
	bool save_urgent, save_wanted;
	struct mesh_time saved_at;

	struct mesh_arena state_arena;
	struct tbl_engine_state state; /* of the engine */
	bool have_state;
	uint64_t engine_gen; /* what the engine runs with; 0: nothing */
	uint64_t generation; /* of what was pushed last */
	struct mesh_netmap *pushed; /* what the engine has, NULL: not known */
	bool pushed_running, push_wanted;
	struct mesh_buf pushed_filter, pushed_relays, pushed_self;
	struct event *push_timer;
	struct mesh_map peer_status; /* node key -> struct tbl_peer_status */
	struct mesh_ratelimit way_log; /* lines about their paths */

	struct mesh_list relay_names; /* looked up: struct agent_relay_name */
	struct mesh_list errands;     /* for control: agent_ping.c */
	struct mesh_list clients;     /* of the local API */
	uint32_t ask_id;
	enum mesh_backend_state told_state;
	bool up; /* said so */
};

struct mesh_time agent_now(void);
struct mesh_wall agent_wall(void);
/* What time it is at control, as far as is known: keys end by that. */
struct mesh_wall agent_control_wall(const struct agent *a);
void agent_random(void *p, size_t len);
/* One-shot timer at a point in time; MESH_NEVER: not. */
void agent_arm(struct event *timer, struct mesh_time at);
void agent_quit(struct agent *a, int status);

/* agent_engine.c */
/* Names a question to the engine; never 0. */
uint32_t agent_ask_id(struct agent *a);
bool agent_engine_take(struct agent *a, struct link_msg *m);
void agent_engine_gone(struct agent *a);
void agent_engine_joined(struct agent *a);

/* agent_push.c: something that the engine ought to know has changed. Waits for
 * the engine when it is not there, or still reads. */
void agent_push(struct agent *a);
/* All tables anew: prefs or the time changed what they say. */
void agent_push_all(struct agent *a);
void agent_push_init(struct agent *a);
/* Is this node's key past its time? */
bool agent_is_expired(const struct agent *a, const struct mesh_node *n);
/* When no look-up of a name is under way any more. */
void agent_push_release(struct agent *a);

/* agent_net.c */
void agent_net_init(struct agent *a);
void agent_net_load(struct agent *a);
/* A frame of the map stream; fresh: the first of its stream. */
int agent_net_frame(struct agent *a, struct mesh_str json, bool fresh,
    struct mesh_diag *diag);
void agent_net_file(struct agent *a, int fd);
void agent_net_forget(struct agent *a);
void agent_net_save_now(struct agent *a);
/* Is our own key past its time? */
bool agent_net_expired(const struct agent *a);

/* agent_control.c: look at what is wanted and do what is needed. */
int agent_control_init(struct agent *a);
void agent_control_kick(struct agent *a);
/* Something that control ought to know has changed. */
void agent_control_update(struct agent *a);
/* Drop the connection; it is dialed again if it is wanted. */
void agent_control_restart(struct agent *a);
/* Asks for the register that agent_login.c wants now. */
void agent_control_register(struct agent *a);
void agent_control_poll(struct agent *a);
void agent_control_stop(struct agent *a);
/* Drops the connection; it is dialed again after a back-off. */
void agent_control_failed(struct agent *a, const char *why);

/* Sends what nobody waits for an answer to, if the channel is up. */
void agent_control_post(struct agent *a, struct mesh_str path,
    const struct mesh_buf *body);

/* agent_pin.c */
void agent_pin_load(struct agent *a);
/* MESH_OK, also when none is known; MESH_ERR_DENIED: it is another one. */
int agent_pin_check(struct agent *a, const struct mesh_machine_key *key,
    struct mesh_diag *diag);
void agent_pin_keep(struct agent *a);
void agent_pin_forget(struct agent *a);

/* agent_ping.c */
void agent_ping_control(struct agent *a, const struct mesh_ping_request *p);
void agent_ping_pong(struct agent *a, const struct tbl_pong *pong);
void agent_ping_release(struct agent *a);

/* agent_login.c */
bool agent_login_is_wanted(const struct agent *a);
void agent_login_request(struct agent *a, struct mesh_register_request *r);
void agent_login_answer(struct agent *a,
    const struct mesh_control_client_event *ev);
void agent_login_new_key(struct agent *a);
/* Says why to who waits for the login; it is tried again. */
void agent_login_failed(struct agent *a, const char *why);
enum mesh_backend_state agent_backend_state(const struct agent *a);
/* Tells watchers when the state is another. */
void agent_state_changed(struct agent *a);
int agent_login_start(struct agent *a, const struct mesh_prefs *prefs,
    const char *auth_key, struct mesh_diag *diag);
int agent_login_edit(struct agent *a, struct mesh_str patch,
    struct mesh_diag *diag);
void agent_login_interactive(struct agent *a);
void agent_login_logout(struct agent *a);
/* MESH_ERR_STATE: somebody is logged in. */
int agent_login_new_profile(struct agent *a, struct mesh_diag *diag);
/* Logged out, whether control has heard of it or not. */
void agent_login_forget(struct agent *a);
void agent_login_load(struct agent *a);
void agent_login_network_user(struct agent *a);

/* agent_api.c */

struct agent_client;
typedef void agent_resume_fn(struct agent_client *c,
    const struct tbl_pong *pong);

struct agent_client {
	struct mesh_list node;
	struct agent *agent;
	int fd;
	struct event *readable, *writable, *timer;
	struct mesh_local_conn conn;
	bool may_change;
	unsigned watch; /* mask; conn.streaming tells whether it watches */
	/* an answer that waits for the engine */
	uint32_t waits_for; /* id; 0: none */
	agent_resume_fn *resume;
	bool want_peers;
	struct mesh_ip ping_ip;
	int64_t ping_node;
	struct peerapi_ping *peerapi; /* under way, of agent_call_ping.c */
};

/* Waits for the engine's answer `id`, at most so long; then resume() is called,
 * with NULL when there is none. */
void agent_client_wait(struct agent_client *c, uint32_t id, uint64_t ns,
    agent_resume_fn *resume);
/* What it waits for has come; what all wait for that go on with this. */
void agent_api_resume(struct agent_client *c);
void agent_api_resume_all(struct agent *a, agent_resume_fn *resume);
/* agent_call.c: answers, or waits. */
void agent_call(struct agent_client *c, const struct mesh_local_request *r);
/* Whoever waits for it hears of it: a logout, the engine's state. */
void agent_call_logged_out(struct agent *a);
void agent_call_state_came(struct agent *a);
int agent_api_open(struct agent *a);
void agent_api_close(struct agent *a);
void agent_api_status_end(struct agent *a, uint32_t id);
void agent_api_pong(struct agent *a, const struct tbl_pong *pong);
/* To all who watch; NULL fields are not said. */
void agent_api_notify(struct agent *a, const struct mesh_notify *n);

/* agent_status.c */
void agent_status_make(const struct agent *a, bool peers, struct mesh_arena *m,
    struct mesh_status *out);

/* agent_cert.c */
int agent_cert_init(struct agent *a);
void agent_cert_check(struct agent *a, const struct tbl_cert_ask *ask);

/* agent_store.c */
#define AGENT_MACHINE_KEY "machine.key"
#define AGENT_PREFS "prefs.json"
#define AGENT_NETMAP "netmap.json"
#define AGENT_SERVER_KEY "server.key"
int agent_store_machine_key(struct agent *a, struct mesh_diag *diag);
/* MESH_ERR_NOTFOUND: no such file. */
int agent_store_read(int dir, const char *name, size_t max,
    struct mesh_buf *out, struct mesh_diag *diag);
int agent_store_read_fd(int fd, size_t max, struct mesh_buf *out);
/* Whole or not at all, also when the power goes. */
int agent_store_write(int dir, const char *name, const void *p, size_t len,
    struct mesh_diag *diag);
int agent_store_remove(int dir, const char *name);

/* agent_host.c: Hostinfo as JSON. */
void agent_host_write(const struct agent *a, struct mesh_buf *out);

#endif
