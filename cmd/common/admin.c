/* SPDX-License-Identifier: ISC */
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <wire/http.h>

static const char *
socket_path(const struct cmd_common *common)
{
	const char *env = getenv("MESH_CONTROL_SOCKET");

	if (common->socket != NULL)
		return common->socket;
	return env != NULL && *env != '\0' ? env : ADMIN_SOCKET;
}

static int
connect_failed(const char *path)
{
	int status = CMD_NO;

	if (errno == EACCES || errno == EPERM)
		status = CMD_NOT_PERMITTED;
	else if (errno == ENOENT || errno == ECONNREFUSED)
		status = CMD_NOT_RUNNING;
	return cmd_error(status, "cannot connect to '%s': %s%s", path,
	    strerror(errno), status == CMD_NOT_RUNNING
		? " (is mesh-controld running?)" : "");
}

static int
admin_connect(const struct cmd_common *common, int *out)
{
	const char *path = socket_path(common);
	struct timeval limit = {ADMIN_TIMEOUT_SEC, 0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, status;

	if (mesh_format(a.sun_path, sizeof(a.sun_path), "%s", path) != MESH_OK)
		return cmd_error(CMD_USAGE, "'%s' is too long for a socket",
		    path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		status = connect_failed(path);
		if (fd >= 0)
			close(fd);
		return status;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	*out = fd;
	return CMD_OK;
}

static int
io_failed(const char *what)
{
	if (errno == EAGAIN)
		return cmd_error(CMD_TIMED_OUT, "no answer within %d s",
		    ADMIN_TIMEOUT_SEC);
	return cmd_error(CMD_REFUSED, "cannot %s mesh-controld: %s", what,
	    strerror(errno));
}

static int
send_request(int fd, const char *method, const char *path,
    const struct mesh_buf *body)
{
	struct mesh_buf b;
	int status = CMD_OK;

	mesh_buf_init(&b, ADMIN_REPLY_MAX);
	mesh_http_write_request(&b, method, path, "mesh-controld");
	mesh_http_write_field(&b, "Connection", "close");
	if (body != NULL) {
		mesh_http_write_field(&b, "Content-Type", "application/json");
		mesh_http_write_length(&b, body->len);
	}
	mesh_http_write_end(&b);
	if (body != NULL)
		mesh_buf_add(&b, body->data, body->len);
	if (b.failed)
		status = cmd_error(CMD_USAGE, "the request is too long");
	while (status == CMD_OK && b.len > 0) {
		ssize_t n = send(fd, b.data, b.len, MSG_NOSIGNAL);

		if (n < 0)
			status = io_failed("write to");
		else
			mesh_buf_consume(&b, (size_t)n);
	}
	mesh_buf_wipe(&b);
	return status;
}

/* Everything until the server closes. */
static int
read_all(int fd, struct mesh_buf *in)
{
	uint8_t bytes[16384];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		if (mesh_buf_add(in, bytes, (size_t)n) != MESH_OK)
			return cmd_error(CMD_REFUSED, "the answer is too long");
	return n < 0 ? io_failed("read from") : CMD_OK;
}

static int
refused(unsigned http_status, struct mesh_str body)
{
	struct mesh_str name, text = {"", 0};
	char message[256] = "";
	struct mesh_json j;

	mesh_json_init(&j, body.p, body.len, 0);
	mesh_json_object(&j);
	while (mesh_json_member(&j, &name)) {
		if (!mesh_str_eq(name, "message")) {
			mesh_json_skip(&j);
			continue;
		}
		text = mesh_json_string(&j);
		(void)mesh_format(message, sizeof(message), "%.*s",
		    MESH_STR_ARG(text));
	}
	if (message[0] == '\0')
		return cmd_error(CMD_REFUSED, "mesh-controld answered %u",
		    http_status);
	return cmd_error(http_status == 403 ? CMD_NOT_PERMITTED : CMD_NO, "%s",
	    message);
}

static int
take_answer(struct mesh_buf *in, struct mesh_buf *out)
{
	struct mesh_http_head head;
	struct mesh_str body;

	if (mesh_http_response_parse(in->data, in->len, &head) != MESH_OK ||
	    head.body != MESH_HTTP_BODY_LENGTH ||
	    in->len - head.len != head.body_len)
		return cmd_error(CMD_REFUSED,
		    "the answer is not one of mesh-controld");
	body = (struct mesh_str){(const char *)in->data + head.len,
	    (size_t)head.body_len};
	if (head.status != 200)
		return refused(head.status, body);
	if (mesh_buf_add(out, body.p, body.len) != MESH_OK)
		return cmd_error(CMD_NO, "out of memory");
	return CMD_OK;
}

int
admin_call(const struct cmd_common *common, const char *method,
    const char *path, const struct mesh_buf *body, struct mesh_buf *out)
{
	struct mesh_buf in;
	int fd = -1, status;

	mesh_buf_init(out, ADMIN_REPLY_MAX);
	mesh_buf_init(&in, ADMIN_REPLY_MAX);
	status = admin_connect(common, &fd);
	if (status == CMD_OK)
		status = send_request(fd, method, path, body);
	if (status == CMD_OK)
		status = read_all(fd, &in);
	if (status == CMD_OK)
		status = take_answer(&in, out);
	if (fd >= 0)
		close(fd);
	mesh_buf_wipe(&in);
	return status;
}

int
admin_ask(const struct cmd_common *common, const char *method,
    const char *path, const struct mesh_buf *body,
    const struct mesh_schema *schema, struct mesh_arena *a, void *out)
{
	struct mesh_buf reply;
	struct mesh_diag diag = {""};
	int status = admin_call(common, method, path, body, &reply);

	if (status == CMD_OK && mesh_bind_parse((const char *)reply.data,
		reply.len, schema, a, out, &diag) != MESH_OK)
		status = cmd_error(CMD_REFUSED, "malformed answer: %s",
		    diag.text);
	mesh_buf_wipe(&reply);
	return status;
}

static int
list_json(const struct cmd_common *common, const char *path)
{
	struct mesh_buf reply;
	int status = admin_call(common, "GET", path, NULL, &reply);

	if (status == CMD_OK)
		admin_print_json(&reply);
	mesh_buf_release(&reply);
	return status;
}

int
admin_list(const struct cmd_common *common, const char *path,
    const struct mesh_schema *schema, void *list,
    void (*print)(const void *list))
{
	struct mesh_arena a;
	int status;

	if (common->json)
		return list_json(common, path);
	mesh_arena_init(&a, ADMIN_ARENA_MAX);
	status = admin_ask(common, "GET", path, NULL, schema, &a, list);
	if (status == CMD_OK)
		print(list);
	mesh_arena_release(&a);
	return status;
}

bool
admin_escape(const char *text, char *out, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
	size_t len = 0;

	for (; *text != '\0'; text++) {
		bool is_plain = strchr(plain, *text) != NULL;

		if (len + 4 > size)
			return false;
		if (is_plain)
			out[len++] = *text;
		else {
			(void)mesh_format(out + len, size - len, "%%%02X",
			    (unsigned char)*text);
			len += 3;
		}
	}
	if (len >= size)
		return false;
	out[len] = '\0';
	return true;
}

void
admin_print_json(const struct mesh_buf *reply)
{
	fwrite(reply->data, 1, reply->len, stdout);
	putchar('\n');
}

/* --- shapes */

#define FIELD(type, name, kind, member)                                        \
	{name, MESH_BIND_##kind, offsetof(struct type, member), 0, NULL, NULL, \
	    0}
#define SUB(type, name, kind, member, schema)                                  \
	{name, MESH_BIND_##kind, offsetof(struct type, member), 0, schema,     \
	    NULL, STATE_MAX}
#define STATE_MAX 65536u /* users, keys, nodes: as many as there may be */

static const struct mesh_field user_fields[] = {
    FIELD(admin_user, "id", STRING, id),
    FIELD(admin_user, "name", STRING, name),
    FIELD(admin_user, "createdAt", STRING, created),
};
static const struct mesh_schema user_schema =
    MESH_SCHEMA(struct admin_user, user_fields);

static const struct mesh_field users_fields[] = {
    SUB(admin_users, "users", OBJECTS, list, &user_schema),
};
const struct mesh_schema admin_users_schema =
    MESH_SCHEMA(struct admin_users, users_fields);

static const struct mesh_field key_fields[] = {
    FIELD(admin_key, "id", STRING, id),
    FIELD(admin_key, "key", STRING, key),
    FIELD(admin_key, "expiration", STRING, expiration),
    FIELD(admin_key, "createdAt", STRING, created),
    SUB(admin_key, "user", INLINE, user, &user_schema),
    FIELD(admin_key, "reusable", BOOL, reusable),
    FIELD(admin_key, "ephemeral", BOOL, ephemeral),
    FIELD(admin_key, "used", BOOL, used),
    FIELD(admin_key, "revoked", BOOL, revoked),
    FIELD(admin_key, "aclTags", STRINGS, tags),
};
static const struct mesh_schema key_schema =
    MESH_SCHEMA(struct admin_key, key_fields);

static const struct mesh_field keys_fields[] = {
    SUB(admin_keys, "preAuthKeys", OBJECTS, list, &key_schema),
    SUB(admin_keys, "preAuthKey", INLINE, key, &key_schema),
};
const struct mesh_schema admin_keys_schema =
    MESH_SCHEMA(struct admin_keys, keys_fields);

static const struct mesh_field node_fields[] = {
    FIELD(admin_node, "id", STRING, id),
    FIELD(admin_node, "givenName", STRING, name),
    FIELD(admin_node, "name", STRING, hostname),
    FIELD(admin_node, "lastSeen", STRING, last_seen),
    FIELD(admin_node, "expiry", STRING, expiry),
    SUB(admin_node, "user", INLINE, user, &user_schema),
    FIELD(admin_node, "ipAddresses", STRINGS, addresses),
    FIELD(admin_node, "tags", STRINGS, tags),
    FIELD(admin_node, "approvedRoutes", STRINGS, approved),
    FIELD(admin_node, "availableRoutes", STRINGS, available),
    FIELD(admin_node, "subnetRoutes", STRINGS, subnets),
    FIELD(admin_node, "online", BOOL, online),
    FIELD(admin_node, "waiting", BOOL, waiting),
};
static const struct mesh_schema node_schema =
    MESH_SCHEMA(struct admin_node, node_fields);

static const struct mesh_field nodes_fields[] = {
    SUB(admin_nodes, "nodes", OBJECTS, list, &node_schema),
    SUB(admin_nodes, "node", INLINE, node, &node_schema),
};
const struct mesh_schema admin_nodes_schema =
    MESH_SCHEMA(struct admin_nodes, nodes_fields);

/* --- look-ups */

int
admin_find_user(const struct cmd_common *common, const char *name,
    struct mesh_arena *a, struct admin_user *out)
{
	char path[ADMIN_PATH_MAX] = "/api/v1/user?name=";
	struct admin_users users = {0};
	size_t head = strlen(path);
	int status;

	if (!admin_escape(name, path + head, sizeof(path) - head))
		return cmd_error(CMD_USAGE, "the user's name is too long");
	status = admin_ask(common, "GET", path, NULL, &admin_users_schema, a,
	    &users);
	if (status == CMD_OK && users.list.count == 0)
		return cmd_error(CMD_NO, "no user '%s' (mesh-user add '%s')",
		    name, name);
	if (status == CMD_OK)
		*out = *(struct admin_user *)users.list.items;
	return status;
}

static bool
is_called(const struct admin_node *n, const char *operand)
{
	const char *const *addresses = n->addresses.items;

	if (strcmp(n->name, operand) == 0 || strcmp(n->id, operand) == 0)
		return true;
	for (size_t i = 0; i < n->addresses.count; i++)
		if (strcmp(addresses[i], operand) == 0)
			return true;
	return false;
}

int
admin_find_node(const struct cmd_common *common, const char *operand,
    struct mesh_arena *a, struct admin_node *out)
{
	struct admin_nodes nodes = {0};
	const struct admin_node *list;
	int status = admin_ask(common, "GET", "/api/v1/node", NULL,
	    &admin_nodes_schema, a, &nodes);

	if (status != CMD_OK)
		return status;
	list = nodes.list.items;
	for (size_t i = 0; i < nodes.list.count; i++)
		if (is_called(&list[i], operand)) {
			*out = list[i];
			return CMD_OK;
		}
	return cmd_error(CMD_NO, "no node '%s'", operand);
}

int
admin_set_routes(const struct cmd_common *common, const char *id,
    const char *const *routes, size_t count)
{
	char path[ADMIN_PATH_MAX];
	struct mesh_buf body, reply;
	struct mesh_jw w;
	int status;

	mesh_buf_init(&body, 65536);
	mesh_jw_init(&w, &body, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "routes");
	mesh_jw_array(&w);
	for (size_t i = 0; i < count; i++)
		mesh_jw_string(&w, routes[i]);
	mesh_jw_end_array(&w);
	mesh_jw_end_object(&w);
	mesh_buf_init(&reply, 0);
	if (body.failed || mesh_format(path, sizeof(path),
			       "/api/v1/node/%s/approve_routes", id) != MESH_OK)
		status = cmd_error(CMD_USAGE, "too many routes");
	else
		status = admin_call(common, "POST", path, &body, &reply);
	if (status == CMD_OK && common->json)
		admin_print_json(&reply);
	mesh_buf_release(&body);
	mesh_buf_release(&reply);
	return status;
}
