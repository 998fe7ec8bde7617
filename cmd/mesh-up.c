/* SPDX-License-Identifier: ISC
 * mesh-up - join a network, or start again in the one that was joined. Returns
 * when the node is running. Again: no change, 0.
 */
#include "common/node.h"
#include "base/secret.h"
#include "local/notify.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define KEY_MAX 1024u /* bytes of an auth key, with its end of line */
#define EDIT_MAX (256u << 10)

static struct opts {
	const char *server;
	const char *key_file;
	const char *key;
	const char *hostname;
	struct conf_list tags;
	uint64_t timeout;
	bool force_login, accept_key;
} opts = {.timeout = 0};

static const struct conf_option options[] = {
	{"server", "URL", "the control server", CONF_STRING,
	    offsetof(struct opts, server)},
	{"authkey-file", "FILE", "the auth key; - for stdin, fd:N a descriptor",
	    CONF_STRING, offsetof(struct opts, key_file)},
	{"authkey", "KEY", "the auth key itself: others can see it (a warning)",
	    CONF_STRING, offsetof(struct opts, key)},
	{"hostname", "NAME", "the name to ask for", CONF_STRING,
	    offsetof(struct opts, hostname)},
	{"tag", "TAG", "a tag to ask for; may be given several times",
	    CONF_LIST, offsetof(struct opts, tags)},
	{"force-login", NULL, "log in again although logged in", CONF_FLAG,
	    offsetof(struct opts, force_login)},
	{"accept-server-key", NULL, "the server's key has changed: it is right",
	    CONF_FLAG, offsetof(struct opts, accept_key)},
	{"timeout", "TIME", "give up after; without it wait for ever",
	    CONF_DURATION, offsetof(struct opts, timeout)},
	{0},
};

/* --- the auth key */

static int
open_key(const char *where)
{
	uint64_t fd;

	if (strcmp(where, "-") == 0)
		return STDIN_FILENO;
	if (strncmp(where, "fd:", 3) == 0)
		return mesh_parse_u64(mesh_str(where + 3), 1024, &fd) == MESH_OK
		    ? (int)fd
		    : (errno = EBADF, -1);
	return open(where, O_RDONLY | O_CLOEXEC);
}

static int
read_key(const char *where, char out[static KEY_MAX])
{
	int fd = open_key(where);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return cmd_error(CMD_NO, "cannot read the auth key from '%s': %s",
		    where, strerror(errno));
	while (len < KEY_MAX - 1 &&
	    (n = read(fd, out + len, KEY_MAX - 1 - len)) > 0)
		len += (size_t)n;
	if (fd > STDERR_FILENO)
		close(fd);
	if (n < 0)
		return cmd_error(CMD_NO, "cannot read the auth key from '%s': %s",
		    where, strerror(errno));
	out[len] = 0;
	out[strcspn(out, "\r\n")] = 0;
	if (out[0] == 0)
		return cmd_error(CMD_NO, "'%s' has no auth key in it", where);
	return CMD_OK;
}

static int
get_key(char out[static KEY_MAX])
{
	out[0] = 0;
	if (opts.key_file != NULL && opts.key != NULL)
		return cmd_error(CMD_USAGE,
		    "--authkey and --authkey-file exclude each other");
	if (opts.key_file != NULL)
		return read_key(opts.key_file, out);
	if (opts.key == NULL)
		return CMD_OK;
	cmd_note("warning: other users can see a key on the command line; "
		 "use --authkey-file");
	if (mesh_str_copy(mesh_str(opts.key), out, KEY_MAX) != MESH_OK)
		return cmd_error(CMD_USAGE, "the auth key is too long");
	mesh_wipe((char *)opts.key, strlen(opts.key));
	return CMD_OK;
}

/* --- what is asked of the daemon */

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Do the options ask for something that is not so already? */
static bool
is_change(const struct mesh_prefs *p)
{
	const char *const *tags = p->advertise_tags.items;

	if (!p->want_running || p->logged_out || opts.force_login ||
	    opts.accept_key)
		return true;
	if (opts.server != NULL && !same_text(opts.server, p->control_url))
		return true;
	if (opts.hostname != NULL && !same_text(opts.hostname, p->hostname))
		return true;
	if (opts.tags.count > 0 && opts.tags.count != p->advertise_tags.count)
		return true;
	for (size_t i = 0; i < opts.tags.count; i++)
		if (!same_text(opts.tags.values[i], tags[i]))
			return true;
	return false;
}

static void
lay_options(struct mesh_prefs *p)
{
	p->want_running = true;
	p->logged_out = false;
	if (opts.server != NULL)
		p->control_url = opts.server;
	if (opts.hostname != NULL)
		p->hostname = opts.hostname;
	if (opts.tags.count > 0)
		p->advertise_tags = (struct mesh_bind_list){
		    .items = opts.tags.values,
		    .count = opts.tags.count,
		    .set = true,
		};
}

/* {"UpdatePrefs":{...},"AuthKey":"..."} */
static void
write_start(struct mesh_buf *out, const struct mesh_prefs *p, const char *key)
{
	struct mesh_jw w;

	mesh_jw_init(&w, out, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "UpdatePrefs");
	mesh_bind_write(&w, &mesh_prefs_schema, p);
	if (key[0] != 0) {
		mesh_jw_name(&w, "AuthKey");
		mesh_jw_string(&w, key);
	}
	mesh_jw_end_object(&w);
}

static int
get_prefs(struct mesh_local *l, struct mesh_arena *a, struct mesh_prefs *out)
{
	struct mesh_local_reply reply;
	struct mesh_diag diag = {""};
	int status = node_call(l, "GET", "prefs", NULL, &reply);

	if (status != CMD_OK)
		return status;
	*out = (struct mesh_prefs){0};
	if (mesh_bind_parse(reply.body, reply.len, &mesh_prefs_schema, a, out,
		&diag) != MESH_OK)
		return cmd_error(CMD_REFUSED, "the daemon's settings: %s",
		    diag.text);
	if ((out->control_url == NULL || *out->control_url == 0) &&
	    opts.server == NULL)
		return cmd_error(CMD_USAGE,
		    "which control server? give --server URL");
	return CMD_OK;
}

static int
send_start(struct mesh_local *l, struct mesh_prefs *p, const char *key,
    bool needs_login)
{
	struct mesh_local_reply reply;
	struct mesh_buf body;
	int status = CMD_OK;

	if (opts.accept_key)
		status = node_call(l, "POST", "mesh/accept-server-key", "",
		    &reply);
	if (status != CMD_OK)
		return status;
	lay_options(p);
	mesh_buf_init(&body, EDIT_MAX);
	write_start(&body, p, key);
	status = node_call(l, "POST", "start", mesh_buf_cstr(&body), &reply);
	mesh_buf_wipe(&body);
	/* With a key too: it says "go on", and the daemon uses the key. */
	if (status == CMD_OK && needs_login)
		status = node_call(l, "POST", "login-interactive", "", &reply);
	return status;
}

/* --- waiting */

struct wait {
	char url[512]; /* shown last */
	bool asked_approval;
	bool anew; /* over only when a log-in has finished */
	bool running, finished;
};

/* True when waiting is over; *out_status is what to exit with. */
static bool
take_line(struct wait *w, const struct mesh_notify *n, int *out_status)
{
	if (n->err_message != NULL && *n->err_message != 0) {
		*out_status = cmd_error(CMD_REFUSED, "%s", n->err_message);
		return true;
	}
	if (n->browse_to_url != NULL && *n->browse_to_url != 0 &&
	    !same_text(n->browse_to_url, w->url)) {
		(void)mesh_format(w->url, sizeof(w->url), "%s",
		    n->browse_to_url);
		fprintf(stderr, "To log in, visit:\n\n\t%s\n\n", w->url);
	}
	if (n->has_state && n->state == MESH_BACKEND_NEEDS_MACHINE_AUTH &&
	    !w->asked_approval) {
		w->asked_approval = true;
		cmd_note("waiting for an administrator's approval");
	}
	*out_status = CMD_OK;
	if (n->has_state)
		w->running = n->state == MESH_BACKEND_RUNNING;
	w->finished |= n->login_finished;
	return w->running && (w->finished || !w->anew);
}

static int
wait_for_running(struct mesh_local *watch)
{
	uint64_t limit = opts.timeout ? opts.timeout : MESH_NEVER.ns;
	struct wait w = {.url = "", .anew = opts.force_login || opts.accept_key};
	struct mesh_time end = mesh_time_add(cmd_clock(), limit);
	bool over = false;
	int status = CMD_OK;

	while (!over) {
		struct mesh_notify n;
		struct mesh_arena a;
		struct mesh_diag diag = {""};
		const char *line;
		int err;

		mesh_local_set_timeout(watch,
		    opts.timeout ? mesh_time_since(cmd_clock(), end)
				 : MESH_NEVER.ns);
		err = mesh_local_watch_next(watch, &line, &diag);
		if (err == MESH_ERR_TIMEOUT)
			return cmd_error(CMD_TIMED_OUT,
			    "the node is not running in time%s",
			    w.url[0] ? ": nobody has logged in" : "");
		mesh_arena_init(&a, MESH_PREFS_MEMORY);
		if (err == MESH_OK)
			err = mesh_notify_parse(line, strlen(line), &a, &n,
			    &diag);
		if (err == MESH_OK)
			over = take_line(&w, &n, &status);
		mesh_arena_release(&a);
		if (err != MESH_OK)
			return cmd_error(cmd_status_of(err), "%s", diag.text);
	}
	return status;
}

static int
begin_watch(const struct cmd_common *common, struct mesh_local **out)
{
	struct mesh_diag diag = {""};
	int err, status = node_connect(common, out);

	if (status != CMD_OK)
		return status;
	err = mesh_local_watch(*out, "watch-ipn-bus?mask=16", &diag);
	return err == MESH_OK ? CMD_OK
			      : cmd_error(cmd_status_of(err), "%s", diag.text);
}

/* What the daemon itself says is wrong. */
static void
note_health(struct mesh_local *l)
{
	struct node_status st = {0};
	const char *const *health;

	if (node_get_status(l, &st) == CMD_OK && st.s.health.count > 0) {
		health = st.s.health.items;
		cmd_note("%s", health[0]);
	}
	node_status_release(&st);
}

/* The watch begins before the change, so that nothing is missed. */
static int
bring_up(const struct cmd_common *common, struct mesh_local *l,
    struct mesh_prefs *prefs, enum mesh_backend_state state, const char *key)
{
	bool needs_login = state == MESH_BACKEND_NEEDS_LOGIN ||
	    state == MESH_BACKEND_NO_STATE || opts.force_login;
	struct mesh_local *watch = NULL;
	int status = begin_watch(common, &watch);

	if (status == CMD_OK)
		status = send_start(l, prefs, key, needs_login);
	if (status == CMD_OK)
		status = wait_for_running(watch);
	if (status == CMD_TIMED_OUT)
		note_health(l);
	mesh_local_free(watch);
	return status;
}

static int
run(const struct cmd_common *common, int argc, char **argv)
{
	struct mesh_local *l = NULL;
	struct node_status st = {0};
	struct mesh_prefs prefs;
	struct mesh_arena a;
	char key[KEY_MAX];
	int status = get_key(key);

	(void)argc;
	(void)argv;
	mesh_arena_init(&a, MESH_PREFS_MEMORY);
	if (status == CMD_OK)
		status = node_connect(common, &l);
	if (status == CMD_OK)
		status = node_get_status(l, &st);
	if (status == CMD_OK)
		status = get_prefs(l, &a, &prefs);
	if (status == CMD_OK &&
	    (is_change(&prefs) ||
		node_state(&st.s) != MESH_BACKEND_RUNNING))
		status = bring_up(common, l, &prefs, node_state(&st.s), key);
	if (status == CMD_OK && common->json)
		printf("{\"BackendState\":\"Running\"}\n");
	mesh_wipe(key, sizeof(key));
	mesh_arena_release(&a);
	node_status_release(&st);
	mesh_local_free(l);
	return status;
}

static const struct cmd command = {
    .name = "mesh-up",
    .summary = "joins a network, or starts again in the one that was joined",
    .options = options,
    .opts = &opts,
    .run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&command, argc, argv);
}
