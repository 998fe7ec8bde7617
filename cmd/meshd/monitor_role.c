/* SPDX-License-Identifier: ISC
 * monitor_role.c - what the monitor gives its roles, and the closed table of
 * what they may ask of it.
 */
#include "monitor_int.h"

#include "common/log.h"
#include "common/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_MAX (2u << 20)

/* --- giving --- */

static void
give(struct child *c, enum msg_type type, const void *body, size_t len,
    const int *fds, size_t fd_count)
{
	int rc = link_send(&c->link, type, 0, body, len, fds, fd_count);

	if (rc == MESH_ERR_AGAIN)
		log_warn("role=%s does not read: %s is lost", c->name,
		    msg_def(type)->name);
	else if (rc != MESH_OK && rc != MESH_ERR_CLOSED)
		log_err("cannot send %s to role=%s: %s", msg_def(type)->name,
		    c->name, mesh_strerror(rc));
}

static void
start_engine(struct monitor *m)
{
	struct tbl_engine_start t = {
	    .flags = TBL_START_TUN | m->tun.flags,
	    .mtu = m->conf.mtu,
	    .port4 = m->port[0],
	    .port6 = m->port[1],
	    .node = m->key,
	    .uid = m->conf.uid,
	    .gid = m->conf.gid,
	    .log_level = m->conf.log_level,
	};
	struct mesh_wr w = mesh_wr_init(m->body, sizeof(m->body));
	int fds[1 + MONITOR_UDP] = {m->tun.fd};
	size_t n = 1;

	if (m->udp[0] >= 0) {
		t.flags |= TBL_START_UDP4;
		fds[n++] = m->udp[0];
	}
	if (m->udp[1] >= 0) {
		t.flags |= TBL_START_UDP6;
		fds[n++] = m->udp[1];
	}
	state_stamp(&m->state, t.stamp);
	tbl_engine_start_put(&w, &t);
	give(&m->engine, MSG_ENGINE_START, w.buf, w.len, fds, n);
	explicit_bzero(&t, sizeof(t));
	explicit_bzero(w.buf, w.len);
}

int
monitor_send_netmap(struct monitor *m)
{
	const char *path = m->conf.netmap;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		log_err("cannot open netmap '%s': %s", path, strerror(errno));
		return MESH_ERR_IO;
	}
	give(&m->agent, MSG_NETMAP_FILE, NULL, 0, &fd, 1);
	close(fd);
	return MESH_OK;
}

static void
start_agent(struct monitor *m)
{
	struct tbl_agent_start t = {
	    .port = m->port[0],
	    .mtu = m->conf.mtu,
	    .has_netmap = m->conf.netmap[0] != '\0',
	    .tun = m->conf.tun,
	    .hostname = m->conf.hostname,
	    .server = m->conf.server,
	    .operator_user = m->conf.operator_user,
	    .uid = m->conf.uid,
	    .gid = m->conf.gid,
	    .log_level = m->conf.log_level,
	};
	struct mesh_wr w = mesh_wr_init(m->body, sizeof(m->body));
	const int fds[] = {m->state.agent, m->api};

	tbl_agent_start_put(&w, &t);
	give(&m->agent, MSG_AGENT_START, w.buf, w.len, fds, 2);
	if (t.has_netmap)
		(void)monitor_send_netmap(m);
}

/* A fresh link between the two: whatever was half said on the old one, when
 * one of them died, is forgotten by the other. */
static void
join(struct monitor *m)
{
	int pair[2];

	if (m->engine.pid == 0 || m->agent.pid == 0)
		return;
	if (link_pair(pair) != MESH_OK) {
		log_err("cannot make a link: %s", strerror(errno));
		return;
	}
	give(&m->engine, MSG_PEER_LINK, NULL, 0, &pair[0], 1);
	give(&m->agent, MSG_PEER_LINK, NULL, 0, &pair[1], 1);
	close(pair[0]);
	close(pair[1]);
}

static void
put_links(struct monitor *m, struct mesh_wr *w)
{
	static struct tbl_link_addr v[TBL_LINK_ADDRS_MAX];
	struct tbl_links links;

	*w = mesh_wr_init(m->body, sizeof(m->body));
	if (rtnl_links(&m->rtnl, m->tun.ifindex, v, &links) != MESH_OK) {
		log_warn("cannot list links: %s", strerror(errno));
		return;
	}
	tbl_links_put(w, &links);
}

void
monitor_tell_links(struct monitor *m)
{
	struct mesh_wr w;

	put_links(m, &w);
	if (w.len == 0)
		return;
	if (m->engine.pid != 0)
		give(&m->engine, MSG_LINKS, w.buf, w.len, NULL, 0);
	if (m->agent.pid != 0)
		give(&m->agent, MSG_LINKS, w.buf, w.len, NULL, 0);
}

void
monitor_start(struct monitor *m, struct child *c, struct mesh_time now)
{
	struct mesh_wr w;

	if (child_start(c, m->buf, now) != MESH_OK)
		return;
	if (c == &m->engine)
		start_engine(m);
	else
		start_agent(m);
	put_links(m, &w);
	if (w.len > 0)
		give(c, MSG_LINKS, w.buf, w.len, NULL, 0);
	join(m);
}

/* --- serving --- */

/* What a handler says of a request: MESH_OK, also when the system refused what
 * was asked; anything else: the message was malformed, and its sender ends. */
typedef int request_fn(struct monitor *m, struct child *c, struct link_msg *in);

static int
serve_socket(struct monitor *m, struct child *c, struct link_msg *in)
{
	struct tbl_socket t;
	int rc = tbl_socket_get(&in->body, &t), fd;

	if (rc != MESH_OK)
		return rc;
	fd = tun_socket(t.kind);
	struct tbl_socket_is is = {t.id, fd < 0 ? (uint32_t)-fd : 0};
	struct mesh_wr w = mesh_wr_init(m->body, sizeof(m->body));
	tbl_socket_is_put(&w, &is);
	give(c, MSG_SOCKET_IS, w.buf, w.len, &fd, fd < 0 ? 0 : 1);
	if (fd >= 0)
		close(fd);
	return MESH_OK;
}

static int
compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mesh_prefix));
}

typedef int apply_fn(struct rtnl *n, bool add, unsigned ifindex,
    const struct mesh_prefix *p);

static void
apply_one(struct monitor *m, apply_fn *apply, bool add,
    const struct mesh_prefix *p)
{
	char text[MESH_PREFIX_TEXT];

	if (apply(&m->rtnl, add, m->tun.ifindex, p) != MESH_OK)
		log_warn("cannot %s prefix=%s: %s", add ? "add" : "remove",
		    mesh_prefix_format(p, text), strerror(errno));
}

/* Walks both sorted lists at once. What goes is removed first: an address may
 * move from one prefix length to another. */
static void
apply_difference(struct monitor *m, apply_fn *apply,
    const struct tbl_prefixes *old, const struct tbl_prefixes *new, bool add)
{
	const struct tbl_prefixes *want = add ? new : old;
	const struct tbl_prefixes *have = add ? old : new;
	size_t j = 0;

	for (size_t i = 0; i < want->count; i++) {
		int order = 1;

		while (j < have->count &&
		    (order = compare_prefixes(&have->v[j], &want->v[i])) < 0)
			j++;
		if (j == have->count || order != 0)
			apply_one(m, apply, add, &want->v[i]);
	}
}

static int
serve_prefixes(struct monitor *m, struct link_msg *in, size_t max,
    apply_fn *apply, struct tbl_prefixes *current)
{
	struct tbl_prefixes t, copy = {.count = 0};
	struct mesh_arena a;

	mesh_arena_init(&a, ARENA_MAX);
	int rc = tbl_prefixes_get(&in->body, &a, max, &t);
	if (rc == MESH_OK && !mesh_rd_done(&in->body))
		rc = MESH_ERR_FORMAT;
	if (rc == MESH_OK && t.count > 0) {
		qsort(t.v, t.count, sizeof(*t.v), compare_prefixes);
		copy.v = reallocarray(NULL, t.count, sizeof(*t.v));
		if (copy.v == NULL)
			rc = MESH_ERR_NOMEM;
	}
	if (rc == MESH_OK) {
		copy.count = t.count;
		if (t.count > 0)
			memcpy(copy.v, t.v, t.count * sizeof(*t.v));
		apply_difference(m, apply, current, &copy, false);
		apply_difference(m, apply, current, &copy, true);
		free(current->v);
		*current = copy;
	}
	mesh_arena_release(&a);
	return rc;
}

static int
serve_addresses(struct monitor *m, struct child *c, struct link_msg *in)
{
	(void)c;
	return serve_prefixes(m, in, TBL_OWN_ADDRS_MAX, rtnl_addr, &m->addrs);
}

static int
serve_routes(struct monitor *m, struct child *c, struct link_msg *in)
{
	(void)c;
	return serve_prefixes(m, in, TBL_PREFIXES_MAX, rtnl_route, &m->routes);
}

static int
serve_rekey(struct monitor *m, struct child *c, struct link_msg *in)
{
	struct mesh_diag diag = {0};

	(void)c;
	(void)in;
	if (state_new_node_key(&m->state, &m->key, &diag) != MESH_OK)
		log_err("%s", diag.text);
	else if (m->engine.pid != 0)
		give(&m->engine, MSG_NODE_SECRET, m->key.b, sizeof(m->key.b),
		    NULL, 0);
	return MESH_OK;
}

static int
serve_stamp(struct monitor *m, struct child *c, struct link_msg *in)
{
	(void)c;
	if (state_put_stamp(&m->state, in->body.p) != MESH_OK)
		log_warn("cannot write 'wg.stamp': %s", strerror(errno));
	return MESH_OK;
}

static int
serve_ready(struct monitor *m, struct child *c, struct link_msg *in)
{
	(void)in;
	if (c != &m->agent || m->ready)
		return MESH_OK;
	m->ready = true;
	log_info("ready socket=%s port=%u", m->conf.socket, m->port[0]);
	(void)notify_ready("running");
	return MESH_OK;
}

static int
serve_fault(struct monitor *m, struct child *c, struct link_msg *in)
{
	(void)in;
	child_kill(c == &m->engine ? &m->agent : &m->engine,
	    "it sent a malformed message to the other role");
	return MESH_OK;
}

static int
serve_hello(struct monitor *m, struct child *c, struct link_msg *in)
{
	(void)m;
	(void)c;
	(void)in;
	return MESH_OK;
}

static request_fn *const requests[MSG_TYPE_COUNT] = {
    [MSG_HELLO] = serve_hello,
    [MSG_SOCKET] = serve_socket,
    [MSG_ADDRESSES] = serve_addresses,
    [MSG_ROUTES] = serve_routes,
    [MSG_REKEY] = serve_rekey,
    [MSG_STAMP] = serve_stamp,
    [MSG_READY] = serve_ready,
    [MSG_FAULT] = serve_fault,
};

void
monitor_serve(struct monitor *m, struct child *c)
{
	struct link_msg in;
	int rc;

	while ((rc = link_recv(&c->link, &in)) == MESH_OK) {
		rc = requests[in.type] ? requests[in.type](m, c, &in)
				       : MESH_ERR_PROTO;
		link_msg_release(&in);
		if (rc != MESH_OK) {
			child_kill(c, "it sent a malformed request");
			return;
		}
	}
	if (rc == MESH_ERR_PROTO)
		child_kill(c, link_fault(&c->link));
	else if (rc == MESH_ERR_VERSION)
		child_kill(c, "it is of another build: restart meshd");
	else if (rc != MESH_ERR_AGAIN)
		link_release(&c->link); /* wait() will tell the rest */
}
