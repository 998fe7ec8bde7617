/* SPDX-License-Identifier: ISC */
#include "core.h"

#include "common/exit.h"
#include "common/log.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "msg.h"
#include "noisekey.h"

#include <base/secret.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX LINK_BULK_MAX
#define STATE_PATH_FD "/proc/self/fd/%d"

struct mesh_time
core_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct mesh_time){(uint64_t)t.tv_sec * MESH_SEC +
	    (uint64_t)t.tv_nsec};
}

struct mesh_wall
core_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (struct mesh_wall){t.tv_sec, (uint32_t)t.tv_nsec};
}

void
core_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

void
core_stop(struct core *c, int status)
{
	c->status = status;
	event_base_loopbreak(c->base);
}

void
core_flush_soon(struct core *c)
{
	struct mesh_time now = core_now();
	uint64_t ns = mesh_time_since(now, c->flush_next);
	struct timeval soon;

	if (c->flush_armed)
		return;
	if (ns < CORE_FLUSH_NS)
		ns = CORE_FLUSH_NS;
	soon = (struct timeval){(time_t)(ns / MESH_SEC),
	    (suseconds_t)(ns % MESH_SEC / MESH_US)};
	c->flush_armed = true;
	event_add(c->flush_timer, &soon);
}

void
core_wake(struct core *c)
{
	if (mapper_wants_flush(c->mapper))
		core_flush_soon(c);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;
	struct register_answer answer;
	struct sshcheck_answer check;

	(void)fd, (void)what;
	c->flush_armed = false;
	while (register_next(c->state, &answer))
		core_answer(c, &answer);
	while (sshcheck_next(c->checks, &check))
		core_check_answer(c, &check);
	mapper_flush(c->mapper, core_wall());
	c->flush_next = mesh_time_add(core_now(),
	    CORE_FLUSH_NODE_NS * mapper_sessions(c->mapper));
}

/* A full disk: who asked was refused; this is for whoever reads the log. */
static void
say_trouble(struct core *c)
{
	char why[160];

	if (store_trouble(c->store, why, sizeof(why)) &&
	    mesh_ratelimit_allow(&c->troubles, core_now()))
		log_err("database '%s' cannot be written: %s", STORE_FILE, why);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;

	(void)fd, (void)what;
	state_tick(c->state, core_now(), core_wall().sec);
	register_tick(c->state, core_now());
	sshcheck_tick(c->checks, core_now());
	store_settle(c->store);
	say_trouble(c);
	if (++c->ticks % CORE_PROBE_TICKS == 0)
		mapper_probe(c->mapper, core_wall());
	core_sync(c);
	core_wake(c);
}

static void
on_front_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	core_front_read(arg);
}

static void
on_front_write(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;

	(void)fd, (void)what;
	if (link_flush(&c->front) != MESH_OK)
		core_stop(c, EXIT_FAILURE);
	else if (link_wants_write(&c->front))
		event_add(c->front_write, NULL);
	else
		core_map_wake(c);
}

/* --- configuration, at the start and when main read its files again */

static int
take_policy(struct core *c, struct mesh_diag *diag)
{
	struct mesh_str text = c->cfg.policy;
	int err;

	if (!c->cfg.has_policy && c->state->policy != NULL)
		text = mesh_str(c->state->policy);
	else if (!c->cfg.has_policy) {
		log_warn("no policy: every node may reach every other; "
		    "set one with mesh-policy");
		return MESH_OK;
	}
	err = access_set_policy(c->access, c->state, text, diag);
	if (err == MESH_OK) {
		sshcheck_forget(c->checks);
		mapper_policy_changed(c->mapper);
	}
	return err;
}

static void
take_config(struct core *c, struct link_msg *m)
{
	struct role_config cfg;
	struct mesh_diag diag = {""};

	if (!role_config_read(&m->body, &cfg)) {
		log_err("configuration is malformed");
		core_stop(c, EXIT_FAILURE);
		return;
	}
	c->cfg = cfg;
	if (cfg.has_policy && take_policy(c, &diag) != MESH_OK)
		log_err("policy is refused, the old one stays: %s", diag.text);
	mapper_set_relays(c->mapper, cfg.relays, core_wall());
	mapper_set_dns(c->mapper, cfg.dns, core_wall());
	link_msg_release(&c->cfg_msg);
	c->cfg_msg = *m;
	*m = (struct link_msg){0};
	core_wake(c);
}

static void
on_main(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;
	struct link_msg m;
	int err = link_recv(&c->main, &m);

	(void)fd, (void)what;
	if (err == MESH_ERR_AGAIN)
		return;
	if (err != MESH_OK) { /* main is gone, or says so by closing */
		core_stop(c, EXIT_SUCCESS);
		return;
	}
	take_config(c, &m);
	link_msg_release(&m);
}

/* --- start */

static int
fail(const char *what, const char *why)
{
	log_err("%s%s%s", what, *what != '\0' ? ": " : "", why);
	return EXIT_FAILURE;
}

static int
wait_config(struct core *c)
{
	struct pollfd p = {.fd = c->main.fd, .events = POLLIN};
	int err;

	do {
		poll(&p, 1, -1);
		err = link_recv(&c->main, &c->cfg_msg);
	} while (err == MESH_ERR_AGAIN);
	if (err != MESH_OK || !role_config_read(&c->cfg_msg.body, &c->cfg))
		return MESH_ERR_PROTO;
	if (mesh_str_copy(c->cfg.url, c->url, sizeof(c->url)) != MESH_OK ||
	    mesh_str_copy(c->cfg.suffix, c->suffix, sizeof(c->suffix)) !=
		MESH_OK)
		return MESH_ERR_LIMIT;
	return MESH_OK;
}

static int
load_key(struct core *c, struct mesh_diag *diag)
{
	uint8_t random[MESH_KEY_LEN];
	int err;

	core_random(random, sizeof(random));
	err = noisekey_load(CORE_FD_STATE, random, &c->secret, diag);
	mesh_wipe(random, sizeof(random));
	if (err == MESH_OK)
		c->public = mesh_machine_public(&c->secret);
	return err;
}

static int
load_state(struct core *c, struct mesh_diag *diag)
{
	struct state_config cfg = {
	    .url = c->url,
	    .suffix = c->suffix,
	    .node_expiry = (int64_t)(c->cfg.node_expiry_ns / MESH_SEC),
	    .ephemeral_ns = c->cfg.ephemeral_ns,
	    .random_addresses = c->cfg.random_addresses,
	    .approve_nodes = c->cfg.approve_nodes,
	};
	struct mapper_config map = {.suffix = c->suffix,
	    .relays = c->cfg.relays, .dns = c->cfg.dns};
	struct mapper_sink sink = {core_frame, core_end, core_part, core_whole,
	    c};
	uint8_t seed[MESH_MAP_SEED_LEN];
	int err;

	core_random(seed, sizeof(seed));
	if ((err = store_open(STORE_FILE, &c->store, diag)) != MESH_OK ||
	    (err = state_new(&cfg, c->store, seed, &c->state, diag)) != MESH_OK)
		return err;
	c->access = access_new();
	c->checks = sshcheck_new();
	if (c->access == NULL || c->checks == NULL ||
	    (c->mapper = mapper_new(&map, c->state, c->access, &sink)) == NULL)
		return mesh_fail(diag, MESH_ERR_NOMEM, "out of memory");
	return take_policy(c, diag);
}

static bool
make_events(struct core *c)
{
	static const struct timeval second = {1, 0};
	struct event_config *cfg = event_config_new();

	if (cfg == NULL)
		return false;
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	c->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (c->base == NULL)
		return false;
	c->main_read = event_new(c->base, c->main.fd, EV_READ | EV_PERSIST,
	    on_main, c);
	c->front_read = event_new(c->base, c->front.fd, EV_READ | EV_PERSIST,
	    on_front_read, c);
	c->front_write = event_new(c->base, c->front.fd, EV_WRITE,
	    on_front_write, c);
	c->flush_timer = event_new(c->base, -1, 0, on_flush, c);
	c->tick_timer = event_new(c->base, -1, EV_PERSIST, on_tick, c);
	if (!c->main_read || !c->front_read || !c->front_write ||
	    !c->flush_timer || !c->tick_timer)
		return false;
	if (!core_map_init(c))
		return false;
	event_add(c->main_read, NULL);
	event_add(c->front_read, NULL);
	event_add(c->tick_timer, &second);
	return true;
}

/* The database is the only file that is still opened and changed. */
static int
enter_sandbox(void)
{
	static const struct sandbox_path paths[] = {
	    {".", SANDBOX_READ | SANDBOX_WRITE},
	    {NULL, 0},
	};
	static const char *const calls[] = {"openat", "unlink", "unlinkat",
	    "ftruncate", "fsync", "fdatasync", "pread64", "pwrite64", "fcntl",
	    "lseek", "newfstatat", "fstat", "stat", "lstat", "access",
	    "faccessat", "faccessat2", "getcwd", "readlink", "geteuid",
	    "getpid", "mremap", "accept4", "getsockopt", "setsockopt",
	    "memfd_create", "recvfrom", "sendto", "rename", "fchmod", "fchown", "umask", "utimes",
	    NULL};

	if (sandbox_drop_caps(0) != MESH_OK ||
	    sandbox_files(paths, false) != MESH_OK ||
	    sandbox_seccomp(calls) != MESH_OK)
		return MESH_ERR_IO;
	return MESH_OK;
}

static void
say_hello(struct core *c)
{
	uint8_t body[128];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));
	struct msg_hello m = {c->public, MESH_STR(PACKAGE_VERSION)};

	if (msg_write_hello(&w, &m))
		core_send(c, LINK_HELLO, body, w.len);
	link_send(&c->main, LINK_UP, NULL, 0);
}

static void
core_release(struct core *c)
{
	struct event *events[] = {c->main_read, c->front_read, c->front_write,
	    c->flush_timer, c->tick_timer};

	if (c->state != NULL && state_sync(c->state) != MESH_OK)
		log_warn("%s", c->state->error);
	core_map_release(c);
	admin_free(c->admin);
	sshcheck_free(c->checks);
	mapper_free(c->mapper);
	access_free(c->access);
	state_free(c->state);
	store_close(c->store);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	if (c->base != NULL)
		event_base_free(c->base);
	link_release(&c->front);
	link_release(&c->main);
	link_msg_release(&c->cfg_msg);
	mesh_buf_release(&c->out);
	mesh_machine_secret_wipe(&c->secret);
}

static int
core_start(struct core *c)
{
	struct mesh_diag diag = {""};
	char link[64];
	ssize_t len;
	uid_t uid;
	gid_t gid;

	if (sodium_init() < 0 ||
	    link_init(&c->main, ROLE_LINK, LINK_CORE, LINK_MAIN) != MESH_OK ||
	    link_init(&c->front, CORE_FD_FRONT, LINK_CORE, LINK_FRONT) !=
		MESH_OK)
		return fail("", "out of memory");
	mesh_buf_init(&c->out, FRAME_MAX);
	c->refusals = mesh_ratelimit_init(10, MESH_SEC);
	c->troubles = mesh_ratelimit_init(1, 60 * MESH_SEC);
	if (wait_config(c) != MESH_OK)
		return fail("", "no configuration came from main");
	if (c->cfg.verbose)
		log_init(CONTROLD_NAME ": core", MESH_LOG_DEBUG);
	sandbox_user(CONTROLD_USER, &uid, &gid);
	if (sandbox_become(uid, gid, 0) != MESH_OK)
		return fail("", "cannot give up privileges");
	mesh_format(link, sizeof(link), STATE_PATH_FD, CORE_FD_STATE);
	len = readlink(link, c->state_path, sizeof(c->state_path) - 1);
	if (len < 0 || fchdir(CORE_FD_STATE) < 0)
		return fail("", "the state folder is gone");
	c->state_path[len] = '\0';
	if (load_key(c, &diag) != MESH_OK || load_state(c, &diag) != MESH_OK)
		return fail(c->state_path, diag.text);
	if (!make_events(c) ||
	    (c->admin = admin_new(c, CORE_FD_ADMIN)) == NULL)
		return fail("", "out of memory");
	if (enter_sandbox() != MESH_OK)
		return fail("", "cannot enter the sandbox");
	say_hello(c);
	return EXIT_SUCCESS;
}

int
core_run(void)
{
	static struct core c;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* main decides, and closes the link */
	signal(SIGHUP, SIG_IGN);
	c.main.fd = c.front.fd = -1;
	c.status = core_start(&c);
	if (c.status == EXIT_SUCCESS) {
		mapper_flush(c.mapper, core_wall());
		event_base_dispatch(c.base);
	}
	core_release(&c);
	return c.status;
}
