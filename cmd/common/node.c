/* SPDX-License-Identifier: ISC */
#include "node.h"

#include "base/addr.h"
#include <strings.h>

const char *
node_socket(const struct cmd_common *common)
{
	const char *env = getenv("MESH_SOCKET");

	if (common->socket != NULL)
		return common->socket;
	return env != NULL && *env != 0 ? env : MESH_LOCAL_SOCKET;
}

int
node_connect(const struct cmd_common *common, struct mesh_local **out)
{
	struct mesh_diag diag = {""};
	int err = mesh_local_connect(node_socket(common), NODE_TIMEOUT, out,
	    &diag);

	switch (err) {
	case MESH_OK:
		return CMD_OK;
	case MESH_ERR_NOTFOUND:
		return cmd_error(CMD_NOT_RUNNING, "%s", diag.text);
	default:
		return cmd_error(cmd_status_of(err), "%s", diag.text);
	}
}

int
node_call(struct mesh_local *l, const char *method, const char *name,
    const char *body, struct mesh_local_reply *out)
{
	struct mesh_diag diag = {""};
	int err = mesh_local_call(l, method, name, body, out, &diag);

	if (err == MESH_OK)
		err = mesh_local_check(out, &diag);
	if (err == MESH_OK)
		return CMD_OK;
	if (err == MESH_ERR_DENIED)
		return cmd_error(CMD_NOT_PERMITTED,
		    "%s; only root and the operator may do this", diag.text);
	return cmd_error(cmd_status_of(err), "%s", diag.text);
}

int
node_get_status(struct mesh_local *l, struct node_status *out)
{
	struct mesh_local_reply reply;
	struct mesh_diag diag = {""};
	int status;

	*out = (struct node_status){0};
	mesh_arena_init(&out->arena, MESH_STATUS_MEMORY);
	status = node_call(l, "GET", "status", NULL, &reply);
	if (status != CMD_OK)
		return status;
	if (mesh_bind_parse(reply.body, reply.len, &mesh_status_schema,
		&out->arena, &out->s, &diag) != MESH_OK)
		return cmd_error(CMD_REFUSED, "the daemon's status: %s",
		    diag.text);
	return CMD_OK;
}

void
node_status_release(struct node_status *st)
{
	mesh_arena_release(&st->arena);
}

enum mesh_backend_state
node_state(const struct mesh_status *s)
{
	for (int i = 0; i <= MESH_BACKEND_RUNNING; i++)
		if (s->backend_state != NULL &&
		    strcmp(s->backend_state, mesh_backend_state_name(i)) == 0)
			return i;
	return MESH_BACKEND_NO_STATE;
}

int
node_must_run(const struct mesh_status *s)
{
	switch (node_state(s)) {
	case MESH_BACKEND_RUNNING:
		return CMD_OK;
	case MESH_BACKEND_NEEDS_LOGIN:
		return cmd_error(CMD_NOT_LOGGED_IN,
		    "not logged in; join a network with mesh up");
	case MESH_BACKEND_NEEDS_MACHINE_AUTH:
		return cmd_error(CMD_NOT_LOGGED_IN,
		    "an administrator has to approve this node first");
	case MESH_BACKEND_STOPPED:
		return cmd_error(CMD_NO, "stopped; start with mesh up");
	default:
		return cmd_error(CMD_NO, "the daemon is still starting");
	}
}

struct mesh_str
node_short_name(const struct mesh_peer_status *p)
{
	struct mesh_str name = mesh_str(p->dns_name ? p->dns_name : "");

	if (name.len == 0)
		return mesh_str(p->host_name ? p->host_name : "");
	return mesh_str_cut(&name, '.');
}

static bool
same_name(struct mesh_str a, struct mesh_str b)
{
	return a.len == b.len && strncasecmp(a.p, b.p, a.len) == 0;
}

static struct mesh_str
without_dot(struct mesh_str s)
{
	if (s.len > 0 && s.p[s.len - 1] == '.')
		s.len--;
	return s;
}

bool
node_is_called(const struct mesh_peer_status *p, const char *text)
{
	const struct mesh_ip *ips = p->ips.items;
	struct mesh_str operand = mesh_str(text);
	struct mesh_ip ip;

	if (mesh_ip_parse(operand, &ip) == MESH_OK) {
		for (size_t i = 0; i < p->ips.count; i++)
			if (mesh_ip_eq(&ips[i], &ip))
				return true;
		return false;
	}
	return operand.len > 0 &&
	    (same_name(node_short_name(p), operand) ||
		same_name(without_dot(mesh_str(p->dns_name ? p->dns_name : "")),
		    without_dot(operand)));
}

const struct mesh_peer_status *
node_find(const struct mesh_status *s, const char *operand)
{
	if (s->self != NULL && node_is_called(s->self, operand))
		return s->self;
	for (size_t i = 0; i < s->peers.count; i++)
		if (node_is_called(mesh_status_peer(s, i), operand))
			return mesh_status_peer(s, i);
	cmd_note("there is no node '%s' that this one may see", operand);
	return NULL;
}

const struct mesh_ip *
node_ip(const struct mesh_peer_status *p, int family)
{
	const struct mesh_ip *ips = p->ips.items;

	for (size_t i = 0; i < p->ips.count; i++)
		if (family == 0 || mesh_ip_is4(&ips[i]) == (family == 4))
			return &ips[i];
	return NULL;
}

const char *
node_user_name(const struct mesh_status *s, int64_t id)
{
	const struct mesh_user *users = s->users.items;

	for (size_t i = 0; i < s->users.count; i++)
		if (users[i].id == id && users[i].login_name != NULL)
			return users[i].login_name;
	return "";
}

void
node_print_json(const struct mesh_local_reply *reply)
{
	size_t len = reply->len;

	while (len > 0 && reply->body[len - 1] == '\n')
		len--;
	fwrite(reply->body, 1, len, stdout);
	putchar('\n');
}
