/* SPDX-License-Identifier: ISC
 * agent_login.c - what the user wants, and who we are at the control server:
 * prefs, registering with a key or by a person, keys that expire, logging out.
 * Source: protocol/control.md 5; services.md 1.9, 1.10.
 */
#include "agent_int.h"

#include "common/log.h"

#include <pwd.h>
#include <string.h>

#define PREFS_FILE_MAX MESH_PREFS_MEMORY

/* Keys are never told; clients want to see some. */
#define ZEROS                                                                  \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define NO_KEY "privkey:" ZEROS
#define NO_LOCK_KEY "nlpriv:" ZEROS ZEROS

/* --- prefs */

/* A copy whose texts lie in an arena of its own takes the place of the old. */
static int
set_prefs(struct agent *a, const struct mesh_prefs *from,
    struct mesh_diag *diag)
{
	struct mesh_prefs copy = {0};
	struct mesh_arena arena;
	struct mesh_buf text;
	struct mesh_jw w;
	int err;

	mesh_arena_init(&arena, MESH_PREFS_MEMORY);
	mesh_buf_init(&text, PREFS_FILE_MAX);
	mesh_jw_init(&w, &text, true);
	mesh_bind_write(&w, &mesh_prefs_schema, from);
	err = text.failed ? MESH_ERR_LIMIT
			  : mesh_bind_parse((const char *)text.data, text.len,
				&mesh_prefs_schema, &arena, &copy, diag);
	if (err == MESH_OK)
		err = agent_store_write(a->state_dir, AGENT_PREFS, text.data,
		    text.len, diag);
	mesh_buf_release(&text);
	if (err != MESH_OK) {
		mesh_arena_release(&arena);
		return err;
	}
	mesh_arena_release(&a->prefs_arena);
	a->prefs_arena = arena;
	a->prefs = copy;
	return MESH_OK;
}

static void
find_operator(struct agent *a)
{
	const char *name = a->prefs.operator_user;
	struct passwd *p;

	a->operator_uid = (uid_t)-1;
	if (name == NULL || *name == 0)
		name = a->start.operator_user;
	if (*name == 0)
		return;
	p = getpwnam(name);
	if (p != NULL)
		a->operator_uid = p->pw_uid;
	else
		log_warn("no such user operator=%s", name);
}

void
agent_login_load(struct agent *a)
{
	struct mesh_diag diag = {{0}};
	struct mesh_buf text;
	int err;

	mesh_buf_init(&text, PREFS_FILE_MAX);
	err = agent_store_read(a->state_dir, AGENT_PREFS, PREFS_FILE_MAX, &text,
	    &diag);
	if (err == MESH_OK) {
		a->prefs = (struct mesh_prefs){0};
		err = mesh_bind_parse((const char *)text.data, text.len,
		    &mesh_prefs_schema, &a->prefs_arena, &a->prefs, &diag);
	}
	mesh_buf_release(&text);
	if (err != MESH_OK)
		a->prefs = MESH_PREFS_DEFAULT;
	if (err != MESH_OK && err != MESH_ERR_NOTFOUND)
		log_err("'%s' is not read, log in anew: %s", AGENT_PREFS,
		    diag.text);
	if (mesh_prefs_check(&a->prefs, &diag) != MESH_OK) {
		log_warn("'%s' asks for too much: %s", AGENT_PREFS, diag.text);
		mesh_prefs_drop(&a->prefs);
	}
	if (a->prefs.control_url == NULL || *a->prefs.control_url == 0)
		a->prefs.control_url = a->start.server;
	find_operator(a);
}

/* Prefs changed: everything that depends on them looks again. */
static void
prefs_changed(struct agent *a, const char *old_url)
{
	find_operator(a);
	agent_api_notify(a, &(struct mesh_notify){.prefs = &a->prefs});
	if (old_url == NULL || a->prefs.control_url == NULL ||
	    strcmp(old_url, a->prefs.control_url) != 0) {
		memset(&a->control.server_key, 0,
		    sizeof(a->control.server_key));
		a->login.auth_url[0] = 0;
		agent_net_forget(a);
		agent_control_restart(a);
	}
	agent_push_all(a);
	agent_control_update(a);
	agent_control_kick(a);
	agent_state_changed(a);
}

static int
take_prefs(struct agent *a, struct mesh_prefs *wanted, struct mesh_diag *diag)
{
	char old_url[TBL_TEXT_MAX + 1] = "";
	struct mesh_control_url url;
	int err = mesh_prefs_check(wanted, diag);

	if (err != MESH_OK)
		return err;
	if (wanted->control_url == NULL || *wanted->control_url == 0)
		wanted->control_url = a->start.server;
	if (*wanted->control_url == 0 && wanted->want_running)
		return mesh_fail(diag, MESH_ERR_ARG,
		    "no control server is known: give its URL");
	if (*wanted->control_url != 0 &&
	    mesh_control_url_parse(wanted->control_url, &url, diag) != MESH_OK)
		return MESH_ERR_ARG;
	if (a->prefs.control_url != NULL)
		(void)mesh_format(old_url, sizeof(old_url), "%s",
		    a->prefs.control_url);
	err = set_prefs(a, wanted, diag);
	if (err == MESH_OK)
		prefs_changed(a, old_url);
	return err;
}

int
agent_login_edit(struct agent *a, struct mesh_str patch,
    struct mesh_diag *diag)
{
	struct mesh_prefs wanted = a->prefs;
	struct mesh_arena arena;
	int err;

	mesh_arena_init(&arena, MESH_PREFS_MEMORY);
	err = mesh_prefs_edit(&wanted, patch.p, patch.len, &arena, diag);
	if (err == MESH_OK)
		err = take_prefs(a, &wanted, diag);
	mesh_arena_release(&arena);
	return err;
}

/* --- what is asked for */

/* Tags are a matter of registering; servers refuse them then, or not at all. */
static bool
same_tags(const struct mesh_prefs *x, const struct mesh_prefs *y)
{
	const char *const *a = x->advertise_tags.items;
	const char *const *b = y->advertise_tags.items;

	if (x->advertise_tags.count != y->advertise_tags.count)
		return false;
	for (size_t i = 0; i < x->advertise_tags.count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

int
agent_login_start(struct agent *a, const struct mesh_prefs *prefs,
    const char *auth_key, struct mesh_diag *diag)
{
	struct mesh_prefs wanted = prefs ? *prefs : a->prefs;
	bool other_tags = !same_tags(&wanted, &a->prefs);
	int err;

	if (a->nm_is_file)
		return mesh_fail(diag, MESH_ERR_STATE,
		    "this daemon runs with a netmap file and no server");
	/* A key is for the server that it was given with, and for no other. */
	explicit_bzero(a->login.auth_key, sizeof(a->login.auth_key));
	if (auth_key != NULL && mesh_format(a->login.auth_key,
	    sizeof(a->login.auth_key), "%s", auth_key) != MESH_OK) {
		explicit_bzero(a->login.auth_key, sizeof(a->login.auth_key));
		return mesh_fail(diag, MESH_ERR_ARG, "auth key too long");
	}
	wanted.config = a->prefs.config; /* who we are is not for users */
	wanted.logged_out = a->prefs.logged_out;
	a->login.fresh = a->prefs.logged_out || agent_net_expired(a);
	a->login.wanted = wanted.want_running;
	a->login.error[0] = 0;
	mesh_backoff_reset(&a->control.backoff);
	err = take_prefs(a, &wanted, diag);
	if (err != MESH_OK)
		return err;
	if (a->control.phase == CONTROL_WAITING)
		agent_control_restart(a);
	else if (a->control.ready && (!a->control.registered || other_tags))
		agent_control_register(a);
	a->told_state = MESH_BACKEND_NO_STATE; /* who asked waits to hear it */
	agent_state_changed(a);
	return MESH_OK;
}

/* A new node key is made by the monitor; the engine tells when it has it. */
static void
ask_new_key(struct agent *a)
{
	log_info("the node key is replaced");
	a->login.old_key = a->state.node;
	a->login.rekeying = true;
	(void)agent_port_send(&a->monitor, MSG_REKEY, 0, NULL, 0);
}

/* After a start it goes on with what that began; of a node that is in it means
 * to log in anew. */
void
agent_login_interactive(struct agent *a)
{
	bool fresh = a->login.fresh;

	a->login.fresh = false;
	a->login.wanted = true;
	a->login.error[0] = 0;
	if (a->login.auth_url[0] != 0) {
		agent_api_notify(a, &(struct mesh_notify){
		    .browse_to_url = a->login.auth_url});
		return;
	}
	if (a->nm != NULL && !agent_net_expired(a) && a->control.registered) {
		if (!fresh && !a->login.rekeying)
			ask_new_key(a);
		return;
	}
	agent_control_kick(a);
	if (a->control.ready)
		agent_control_register(a);
}

void
agent_login_logout(struct agent *a)
{
	a->login.wanted = false;
	a->login.auth_url[0] = 0;
	explicit_bzero(a->login.auth_key, sizeof(a->login.auth_key));
	if (a->prefs.logged_out) {
		agent_control_kick(a);
		return;
	}
	a->login.logging_out = true;
	if (a->control.ready)
		agent_control_register(a);
	else
		agent_control_restart(a);
}

/* Told, or not to be told: from here on we are nobody there. The settings go
 * with the profile, as in stock daemons; the server's URL stays. */
void
agent_login_forget(struct agent *a)
{
	struct mesh_prefs wanted = MESH_PREFS_DEFAULT;
	struct mesh_diag diag = {{0}};

	a->login.logging_out = false;
	wanted.control_url = a->prefs.control_url;
	if (set_prefs(a, &wanted, &diag) != MESH_OK)
		log_err("%s", diag.text);
	find_operator(a);
	memset(&a->login.old_key, 0, sizeof(a->login.old_key));
	(void)agent_port_send(&a->monitor, MSG_REKEY, 0, NULL, 0);
	agent_control_stop(a);
	agent_net_forget(a);
	agent_api_notify(a, &(struct mesh_notify){.prefs = &a->prefs});
	agent_state_changed(a);
	agent_call_logged_out(a);
}

/* As after the first start; the login command of stock programs counts on a
 * ControlURL that is empty. */
int
agent_login_new_profile(struct agent *a, struct mesh_diag *diag)
{
	int err;

	if (!a->prefs.logged_out)
		return mesh_fail(diag, MESH_ERR_STATE,
		    "this daemon keeps one profile: log out first");
	err = set_prefs(a, &MESH_PREFS_DEFAULT, diag);
	if (err == MESH_OK)
		prefs_changed(a, NULL);
	return err;
}

bool
agent_login_is_wanted(const struct agent *a)
{
	if (a->nm_is_file || a->start.has_netmap ||
	    a->prefs.control_url == NULL || *a->prefs.control_url == 0)
		return false;
	if (a->login.logging_out)
		return true;
	return a->prefs.want_running &&
	    (!a->prefs.logged_out || a->login.wanted);
}

/* --- registering */

void
agent_login_request(struct agent *a, struct mesh_register_request *r)
{
	static struct mesh_register_auth auth;

	r->node_key = a->state.node;
	r->old_node_key = a->login.old_key;
	if (a->login.auth_key[0] != 0) {
		auth.auth_key = a->login.auth_key;
		r->auth = &auth;
	}
	if (a->login.logging_out)
		r->expiry = MESH_REGISTER_LOGOUT;
	else if (a->login.auth_url[0] != 0)
		r->followup = a->login.auth_url;
}

void
agent_login_new_key(struct agent *a)
{
	if (!a->login.rekeying ||
	    mesh_node_key_equal(&a->state.node, &a->login.old_key))
		return;
	a->login.rekeying = false;
	agent_control_register(a);
}

static void
show_url(struct agent *a, const char *url)
{
	if (mesh_format(a->login.auth_url, sizeof(a->login.auth_url), "%s",
		url) != MESH_OK) {
		a->login.auth_url[0] = 0;
		return;
	}
	log_info("log in url=%s", url);
	agent_api_notify(a,
	    &(struct mesh_notify){.browse_to_url = a->login.auth_url});
	agent_state_changed(a);
	agent_control_register(a); /* hangs until a person is done */
}

/* Keeps who we are in the prefs. */
static void
succeeded(struct agent *a)
{
	struct mesh_prefs wanted = a->prefs;
	struct mesh_diag diag = {{0}};
	bool finished = a->login.wanted;

	a->login.auth_url[0] = 0;
	a->login.error[0] = 0;
	a->login.wanted = false;
	explicit_bzero(a->login.auth_key, sizeof(a->login.auth_key));
	wanted.logged_out = false;
	if (a->prefs.logged_out && set_prefs(a, &wanted, &diag) != MESH_OK)
		log_err("%s", diag.text);
	if (finished)
		agent_api_notify(a,
		    &(struct mesh_notify){.login_finished = true});
	log_info("registered url=%s", a->prefs.control_url);
	agent_pin_keep(a);
	agent_control_poll(a);
	agent_push(a);
	agent_state_changed(a);
}

void
agent_login_failed(struct agent *a, const char *why)
{
	(void)mesh_format(a->login.error, sizeof(a->login.error), "%.159s",
	    why);
	explicit_bzero(a->login.auth_key, sizeof(a->login.auth_key));
	agent_api_notify(a,
	    &(struct mesh_notify){.err_message = a->login.error});
	a->login.wanted = false;
	if (agent_login_is_wanted(a)) { /* it was in before: it may be again */
		agent_control_failed(a, a->login.error);
		return;
	}
	agent_control_stop(a);
	agent_state_changed(a);
}

static void
refused(struct agent *a, const char *why)
{
	char text[256];

	mesh_log_text(why, strlen(why), text, sizeof(text));
	log_err("control refuses this node: %s", text);
	agent_login_failed(a, text);
}

void
agent_login_answer(struct agent *a, const struct mesh_control_client_event *ev)
{
	if (a->login.logging_out) {
		agent_login_forget(a);
		return;
	}
	if (ev->err != MESH_OK) { /* not a no: it is tried again */
		agent_control_failed(a, ev->diag.text[0] ? ev->diag.text
							 : mesh_strerror(ev->err));
		return;
	}
	switch (ev->outcome) {
	case MESH_REGISTER_DONE:
		succeeded(a);
		break;
	case MESH_REGISTER_AUTH_URL:
		show_url(a, ev->reg->auth_url);
		break;
	case MESH_REGISTER_EXPIRED:
		ask_new_key(a);
		break;
	case MESH_REGISTER_RESIGN:
		refused(a, "this network is locked: node keys need a signature "
			   "that this program cannot make");
		break;
	case MESH_REGISTER_REFUSED:
		refused(a, ev->reg->error ? ev->reg->error : "no reason given");
		break;
	}
}

/* The netmap tells who owns us: prefs show it. */
void
agent_login_network_user(struct agent *a)
{
	const struct mesh_node *self = a->nm ? a->nm->self : NULL;
	const struct mesh_user *user =
	    self ? mesh_netmap_user(a->nm, self->user) : NULL;
	struct mesh_persist *old = a->prefs.config;
	struct mesh_prefs wanted = a->prefs;
	struct mesh_persist config = {0};
	struct mesh_diag diag = {{0}};

	if (self == NULL || a->nm_is_file)
		return;
	config.node_id = self->stable_id;
	config.private_node_key = config.old_private_node_key = NO_KEY;
	config.network_lock_key = NO_LOCK_KEY;
	if (user != NULL)
		config.user = *user;
	if (old != NULL && old->node_id != NULL && self->stable_id != NULL &&
	    strcmp(old->node_id, self->stable_id) == 0 &&
	    mesh_user_eq(&old->user, &config.user))
		return;
	wanted.config = &config;
	if (set_prefs(a, &wanted, &diag) != MESH_OK)
		log_err("%s", diag.text);
}

/* --- the state */

enum mesh_backend_state
agent_backend_state(const struct agent *a)
{
	const struct mesh_node *self = a->nm ? a->nm->self : NULL;

	if (!a->nm_is_file && !a->start.has_netmap) {
		if (!a->prefs.want_running)
			return a->prefs.logged_out ? MESH_BACKEND_NEEDS_LOGIN
						   : MESH_BACKEND_STOPPED;
		if (a->login.auth_url[0] != 0 || agent_net_expired(a) ||
		    (a->prefs.logged_out && !a->login.wanted))
			return MESH_BACKEND_NEEDS_LOGIN;
		if (self != NULL && !self->machine_authorized)
			return MESH_BACKEND_NEEDS_MACHINE_AUTH;
	}
	if (self == NULL || (a->pushed == NULL && a->engine_gen == 0))
		return MESH_BACKEND_STARTING;
	return MESH_BACKEND_RUNNING;
}

void
agent_state_changed(struct agent *a)
{
	enum mesh_backend_state s = agent_backend_state(a);

	if (s == a->told_state)
		return;
	a->told_state = s;
	log_info("state=%s", mesh_backend_state_name(s));
	agent_api_notify(a,
	    &(struct mesh_notify){.has_state = true, .state = s});
}
