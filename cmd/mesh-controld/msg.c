/* SPDX-License-Identifier: ISC */
#include "msg.h"

static void
put_str(struct mesh_wr *w, struct mesh_str s)
{
	mesh_wr_u32be(w, (uint32_t)s.len);
	mesh_wr_bytes(w, s.p, s.len);
}

/* Text of at most max bytes, without a NUL in it. */
static struct mesh_str
get_str(struct mesh_rd *r, size_t max)
{
	uint32_t len = mesh_rd_u32be(r);
	const uint8_t *p;

	if (len > max)
		r->bad = true;
	p = mesh_rd_take(r, len);
	if (p == NULL || (len > 0 && memchr(p, '\0', len) != NULL)) {
		r->bad = true;
		return (struct mesh_str){"", 0};
	}
	return (struct mesh_str){(const char *)p, len};
}

static bool
get_bool(struct mesh_rd *r)
{
	uint8_t v = mesh_rd_u8(r);

	if (v > 1)
		r->bad = true;
	return v == 1;
}

bool
msg_write_hello(struct mesh_wr *w, const struct msg_hello *m)
{
	mesh_wr_bytes(w, m->key.b, MESH_KEY_LEN);
	put_str(w, m->build);
	return mesh_wr_ok(w);
}

bool
msg_read_hello(struct mesh_rd *r, struct msg_hello *out)
{
	mesh_rd_copy(r, out->key.b, MESH_KEY_LEN);
	out->build = get_str(r, 64);
	return mesh_rd_done(r);
}

bool
msg_write_dh(struct mesh_wr *w, const struct msg_dh *m)
{
	mesh_wr_u64be(w, m->conn);
	mesh_wr_bytes(w, m->point, MESH_KEY_LEN);
	return mesh_wr_ok(w);
}

bool
msg_read_dh(struct mesh_rd *r, struct msg_dh *out)
{
	out->conn = mesh_rd_u64be(r);
	mesh_rd_copy(r, out->point, MESH_KEY_LEN);
	return mesh_rd_done(r);
}

bool
msg_write_dh_result(struct mesh_wr *w, const struct msg_dh_result *m)
{
	mesh_wr_u64be(w, m->conn);
	mesh_wr_u8(w, m->ok);
	mesh_wr_bytes(w, m->result, MESH_KEY_LEN);
	return mesh_wr_ok(w);
}

bool
msg_read_dh_result(struct mesh_rd *r, struct msg_dh_result *out)
{
	out->conn = mesh_rd_u64be(r);
	out->ok = get_bool(r);
	mesh_rd_copy(r, out->result, MESH_KEY_LEN);
	return mesh_rd_done(r);
}

/* --- reports; endpoints and routes are written apart, their room is the
 * reader's */

static void
put_report(struct mesh_wr *w, const struct report *m)
{
	mesh_wr_bytes(w, m->disco.b, MESH_KEY_LEN);
	mesh_wr_u16be(w, m->capver);
	mesh_wr_u32be(w, (uint32_t)m->relay);
	put_str(w, m->hostname);
	put_str(w, m->hostinfo);
	put_str(w, m->hostinfo_peer);
}

static void
get_report(struct mesh_rd *r, struct report *out)
{
	mesh_rd_copy(r, out->disco.b, MESH_KEY_LEN);
	out->capver = mesh_rd_u16be(r);
	out->relay = (int32_t)mesh_rd_u32be(r);
	out->hostname = get_str(r, NODE_HOST_MAX - 1);
	out->hostinfo = get_str(r, NODE_HOSTINFO);
	out->hostinfo_peer = get_str(r, NODE_HOSTINFO);
	if (out->relay < 0)
		r->bad = true;
}

static void
put_routes(struct mesh_wr *w, const struct report *m)
{
	mesh_wr_u16be(w, (uint16_t)m->route_count);
	for (size_t i = 0; i < m->route_count; i++) {
		mesh_wr_bytes(w, m->routes[i].ip.b, 16);
		mesh_wr_u8(w, m->routes[i].bits);
	}
}

static void
get_routes(struct mesh_rd *r, struct report *out,
    struct mesh_prefix room[static NODE_ROUTES_MAX])
{
	size_t count = mesh_rd_u16be(r);

	if (count > NODE_ROUTES_MAX)
		r->bad = true;
	for (size_t i = 0; i < count && !mesh_rd_bad(r); i++) {
		mesh_rd_copy(r, room[i].ip.b, 16);
		room[i].bits = mesh_rd_u8(r);
		if (room[i].bits > 128 ||
		    (mesh_ip_is4(&room[i].ip) && room[i].bits < 96))
			r->bad = true;
	}
	out->routes = room;
	out->route_count = mesh_rd_bad(r) ? 0 : count;
}

bool
msg_write_register(struct mesh_wr *w, const struct register_ask *m)
{
	mesh_wr_u64be(w, m->req);
	mesh_wr_bytes(w, m->machine.b, MESH_KEY_LEN);
	mesh_wr_bytes(w, m->key.b, MESH_KEY_LEN);
	mesh_wr_u8(w, m->has_expiry);
	mesh_wr_u64be(w, (uint64_t)m->expiry);
	put_str(w, m->auth_key);
	put_str(w, m->followup);
	put_str(w, m->tags);
	put_report(w, &m->report);
	put_routes(w, &m->report);
	return mesh_wr_ok(w);
}

bool
msg_read_register(struct mesh_rd *r, struct register_ask *out)
{
	*out = (struct register_ask){.req = mesh_rd_u64be(r)};
	mesh_rd_copy(r, out->machine.b, MESH_KEY_LEN);
	mesh_rd_copy(r, out->key.b, MESH_KEY_LEN);
	out->has_expiry = get_bool(r);
	out->expiry = (int64_t)mesh_rd_u64be(r);
	out->auth_key = get_str(r, MSG_AUTH_KEY);
	out->followup = get_str(r, MSG_FOLLOWUP);
	out->tags = get_str(r, TAGS_MAX - 1);
	get_report(r, &out->report);
	get_routes(r, &out->report, out->routes);
	return mesh_rd_done(r);
}

bool
msg_write_registered(struct mesh_wr *w, const struct register_answer *m)
{
	mesh_wr_u64be(w, m->req);
	mesh_wr_u8(w, (uint8_t)m->kind);
	mesh_wr_u64be(w, (uint64_t)m->user);
	mesh_wr_u64be(w, (uint64_t)m->user_created);
	put_str(w, mesh_str(m->owner));
	put_str(w, mesh_str(m->id));
	put_str(w, mesh_str(m->error));
	return mesh_wr_ok(w);
}

bool
msg_read_registered(struct mesh_rd *r, struct register_answer *out)
{
	struct mesh_str owner, id, error;

	*out = (struct register_answer){.req = mesh_rd_u64be(r)};
	out->kind = (enum register_kind)mesh_rd_u8(r);
	out->user = (int64_t)mesh_rd_u64be(r);
	out->user_created = (int64_t)mesh_rd_u64be(r);
	owner = get_str(r, sizeof(out->owner) - 1);
	id = get_str(r, sizeof(out->id) - 1);
	error = get_str(r, sizeof(out->error) - 1);
	if (!mesh_rd_done(r) || out->kind >= REGISTER_WAIT)
		return false;
	return mesh_str_copy(owner, out->owner, sizeof(out->owner)) ==
		MESH_OK &&
	    mesh_str_copy(id, out->id, sizeof(out->id)) == MESH_OK &&
	    mesh_str_copy(error, out->error, sizeof(out->error)) == MESH_OK;
}

bool
msg_write_map(struct mesh_wr *w, const struct msg_map *m)
{
	mesh_wr_u64be(w, m->req);
	mesh_wr_u8(w, (uint8_t)m->kind);
	mesh_wr_u8(w, m->parts);
	mesh_wr_bytes(w, m->machine.b, MESH_KEY_LEN);
	mesh_wr_bytes(w, m->key.b, MESH_KEY_LEN);
	put_report(w, &m->report);
	mesh_wr_u16be(w, (uint16_t)m->report.endpoint_count);
	for (size_t i = 0; i < m->report.endpoint_count; i++) {
		mesh_wr_u8(w, m->endpoints[i].type);
		mesh_wr_bytes(w, m->endpoints[i].addr.ip.b, 16);
		mesh_wr_u16be(w, m->endpoints[i].addr.port);
	}
	put_routes(w, &m->report);
	return mesh_wr_ok(w);
}

bool
msg_read_map(struct mesh_rd *r, struct msg_map *out)
{
	*out = (struct msg_map){.req = mesh_rd_u64be(r)};
	out->kind = (enum msg_map_kind)mesh_rd_u8(r);
	out->parts = mesh_rd_u8(r) == 1;
	mesh_rd_copy(r, out->machine.b, MESH_KEY_LEN);
	mesh_rd_copy(r, out->key.b, MESH_KEY_LEN);
	get_report(r, &out->report);
	out->report.endpoint_count = mesh_rd_u16be(r);
	if (out->report.endpoint_count > NODE_ENDPOINTS ||
	    out->kind > MSG_MAP_ONCE)
		return false;
	for (size_t i = 0; i < out->report.endpoint_count; i++) {
		out->endpoints[i].type = mesh_rd_u8(r);
		mesh_rd_copy(r, out->endpoints[i].addr.ip.b, 16);
		out->endpoints[i].addr.port = mesh_rd_u16be(r);
	}
	out->report.endpoints = out->endpoints;
	get_routes(r, &out->report, out->routes);
	return mesh_rd_done(r);
}

bool
msg_write_status(struct mesh_wr *w, const struct msg_status *m)
{
	mesh_wr_u64be(w, m->req);
	mesh_wr_u16be(w, m->status);
	return mesh_wr_ok(w);
}

bool
msg_read_status(struct mesh_rd *r, struct msg_status *out)
{
	out->req = mesh_rd_u64be(r);
	out->status = mesh_rd_u16be(r);
	return mesh_rd_done(r) && out->status >= 200 && out->status < 600;
}

bool
msg_write_ssh(struct mesh_wr *w, const struct sshcheck_ask *m)
{
	mesh_wr_u64be(w, m->req);
	mesh_wr_bytes(w, m->machine.b, MESH_KEY_LEN);
	mesh_wr_u64be(w, (uint64_t)m->src);
	mesh_wr_u64be(w, (uint64_t)m->dst);
	put_str(w, m->account);
	put_str(w, m->id);
	return mesh_wr_ok(w);
}

bool
msg_read_ssh(struct mesh_rd *r, struct sshcheck_ask *out)
{
	*out = (struct sshcheck_ask){.req = mesh_rd_u64be(r)};
	mesh_rd_copy(r, out->machine.b, MESH_KEY_LEN);
	out->src = (int64_t)mesh_rd_u64be(r);
	out->dst = (int64_t)mesh_rd_u64be(r);
	out->account = get_str(r, SSHCHECK_ACCOUNT - 1);
	out->id = get_str(r, SSHCHECK_ID_LEN);
	return mesh_rd_done(r) && out->src > 0 && out->dst > 0;
}

bool
msg_write_answer(struct mesh_wr *w, const struct msg_answer *m)
{
	mesh_wr_u64be(w, m->req);
	mesh_wr_u16be(w, m->status);
	mesh_wr_bytes(w, m->text.p, m->text.len);
	return mesh_wr_ok(w);
}

bool
msg_read_answer(struct mesh_rd *r, struct msg_answer *out)
{
	out->req = mesh_rd_u64be(r);
	out->status = mesh_rd_u16be(r);
	out->text.p = (const char *)mesh_rd_rest(r, &out->text.len);
	return !mesh_rd_bad(r) && out->status >= 200 && out->status < 600;
}

bool
msg_read_req(struct mesh_rd *r, uint64_t *out_req)
{
	*out_req = mesh_rd_u64be(r);
	return mesh_rd_done(r);
}

bool
msg_read_frame(struct mesh_rd *r, struct msg_frame *out)
{
	size_t len;

	out->count = mesh_rd_u32be(r);
	if (out->count == 0 || out->count > mesh_rd_left(r) / 8)
		return false;
	out->reqs = mesh_rd_sub(r, (size_t)out->count * 8);
	out->text.p = (const char *)mesh_rd_rest(r, &len);
	out->text.len = len;
	return !mesh_rd_bad(r) && len > 0;
}

bool
msg_read_part(struct mesh_rd *r, struct msg_part *out)
{
	size_t len;

	out->index = mesh_rd_u32be(r);
	out->text.p = (const char *)mesh_rd_rest(r, &len);
	out->text.len = len;
	return !mesh_rd_bad(r) && len > 0 && out->index < MSG_PARTS_MAX;
}

bool
msg_read_whole(struct mesh_rd *r, struct msg_whole *out)
{
	size_t len;

	out->req = mesh_rd_u64be(r);
	out->count = mesh_rd_u32be(r);
	if (out->count == 0 || out->count > MSG_PARTS_MAX)
		return false;
	out->parts = mesh_rd_sub(r, (size_t)out->count * 4);
	out->head.len = mesh_rd_u32be(r);
	out->head.p = (const char *)mesh_rd_take(r, out->head.len);
	out->tail.p = (const char *)mesh_rd_rest(r, &len);
	out->tail.len = len;
	return !mesh_rd_bad(r) && out->head.len > 0 && len > 0;
}
