/* SPDX-License-Identifier: ISC */
#include "ping.h"

int
ping_once(struct mesh_local *l, const struct mesh_ip *ip, uint64_t timeout_ns,
    struct mesh_arena *a, struct mesh_ping_result *out,
    struct mesh_local_reply *reply)
{
	char text[MESH_IP_TEXT], escaped[3 * MESH_IP_TEXT], name[256];
	struct mesh_local_reply own;
	struct mesh_diag diag = {""};
	int err, status;

	if (reply == NULL)
		reply = &own;
	mesh_ip_format(ip, text);
	(void)mesh_local_escape(text, escaped, sizeof(escaped));
	(void)mesh_format(name, sizeof(name), "ping?ip=%s&type=disco", escaped);
	mesh_local_set_timeout(l, timeout_ns);
	*out = (struct mesh_ping_result){0};
	err = mesh_local_call(l, "POST", name, "", reply, &diag);
	if (err == MESH_ERR_TIMEOUT) {
		out->err = "no reply in time";
		return CMD_TIMED_OUT;
	}
	status = err == MESH_OK ? cmd_status_of(mesh_local_check(reply, &diag))
				: cmd_status_of(err);
	if (status != CMD_OK)
		return cmd_error(status, "%s", diag.text);
	if (mesh_bind_parse(reply->body, reply->len, &mesh_ping_schema, a, out,
		&diag) != MESH_OK)
		return cmd_error(CMD_REFUSED, "the daemon's answer: %s",
		    diag.text);
	return CMD_OK;
}

void
ping_describe(const struct mesh_ping_result *r, char out[static PING_TEXT])
{
	char addr[MESH_ENDPOINT_TEXT], path[128] = "locally";
	struct mesh_str name = mesh_str(r->node_name ? r->node_name : "");

	name = mesh_str_cut(&name, '.');
	if (ping_is_direct(r))
		(void)mesh_format(path, sizeof(path), "direct %s",
		    mesh_endpoint_format(&r->endpoint, addr));
	else if (r->relay_region != 0)
		(void)mesh_format(path, sizeof(path), "by relay %s",
		    r->relay_code ? r->relay_code : "unknown");
	(void)mesh_format(out, PING_TEXT, "reply from %.*s (%s) %s in %.1f ms",
	    (int)(name.len < 64 ? name.len : 64), name.p,
	    r->node_ip ? r->node_ip : "", path, r->latency_seconds * 1000);
}
