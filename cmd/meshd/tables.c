/* SPDX-License-Identifier: ISC
 * tables.c - tables between the monitor and the other roles, and the pieces
 * that all tables share.
 */
#include "tables_int.h"

#define IPV4_BITS 96u /* where an IPv4 prefix begins in the 128-bit form */
#define PREFIX_LEN 17u
#define LINK_ADDR_LEN (4u + 1u + PREFIX_LEN + 1u)
#define LINK_DEFAULT4 1u
#define LINK_DEFAULT6 2u

void
tbl_text_put(struct mesh_wr *w, const char *s)
{
	size_t len = strlen(s);

	if (len > TBL_TEXT_MAX)
		len = TBL_TEXT_MAX;
	mesh_wr_u8(w, (uint8_t)len);
	mesh_wr_bytes(w, s, len);
}

static const char *
text_take(struct mesh_rd *r, size_t *out_len)
{
	size_t len = mesh_rd_u8(r);
	const uint8_t *p = mesh_rd_take(r, len);

	for (size_t i = 0; p != NULL && i < len; i++) {
		if (p[i] >= 0x20 && p[i] != 0x7f)
			continue;
		r->bad = true;
		p = NULL;
	}
	*out_len = p != NULL ? len : 0;
	return (const char *)p;
}

const char *
tbl_text_get(struct mesh_rd *r, struct mesh_arena *a)
{
	size_t len;
	const char *s = text_take(r, &len);

	return s != NULL ? mesh_arena_strndup(a, s, len) : NULL;
}

void
tbl_text_copy(struct mesh_rd *r, char *out, size_t size)
{
	size_t len;
	const char *s = text_take(r, &len);

	if (len >= size) {
		r->bad = true;
		len = 0;
	}
	if (s != NULL)
		memcpy(out, s, len);
	out[len] = '\0';
}

void
tbl_ip_put(struct mesh_wr *w, const struct mesh_ip *ip)
{
	mesh_wr_bytes(w, ip->b, sizeof(ip->b));
}

void
tbl_ip_get(struct mesh_rd *r, struct mesh_ip *out)
{
	(void)mesh_rd_copy(r, out->b, sizeof(out->b));
}

void
tbl_prefix_put(struct mesh_wr *w, const struct mesh_prefix *p)
{
	tbl_ip_put(w, &p->ip);
	mesh_wr_u8(w, p->bits);
}

static bool
prefix_is_clean(const struct mesh_prefix *p)
{
	unsigned min = mesh_ip_is4(&p->ip) ? IPV4_BITS : 0;
	struct mesh_prefix masked;

	if (p->bits > 128 || p->bits < min)
		return false;
	masked = mesh_prefix_masked(*p);
	return mesh_prefix_eq(&masked, p);
}

void
tbl_prefix_get(struct mesh_rd *r, struct mesh_prefix *out)
{
	tbl_ip_get(r, &out->ip);
	out->bits = mesh_rd_u8(r);
	if (!mesh_rd_bad(r) && !prefix_is_clean(out))
		r->bad = true;
}

void
tbl_endpoint_put(struct mesh_wr *w, const struct mesh_endpoint *e)
{
	tbl_ip_put(w, &e->ip);
	mesh_wr_u16be(w, e->port);
}

void
tbl_endpoint_get(struct mesh_rd *r, struct mesh_endpoint *out)
{
	tbl_ip_get(r, &out->ip);
	out->port = mesh_rd_u16be(r);
}

int
tbl_list(struct mesh_rd *r, struct mesh_arena *a, size_t count, size_t max,
    size_t entry_len, size_t size, void *out)
{
	void *v = NULL;

	if (count > max)
		return MESH_ERR_LIMIT;
	if (mesh_rd_left(r) / entry_len < count)
		return MESH_ERR_FORMAT;
	if (count > 0 && (v = mesh_arena_calloc(a, count, size)) == NULL)
		return MESH_ERR_NOMEM;
	memcpy(out, &v, sizeof(v));
	return MESH_OK;
}

int
tbl_end(const struct mesh_rd *r, const struct mesh_arena *a)
{
	if (mesh_rd_bad(r))
		return MESH_ERR_FORMAT;
	return a != NULL && a->failed ? MESH_ERR_NOMEM : MESH_OK;
}

void
tbl_prefixes_put(struct mesh_wr *w, const struct tbl_prefixes *t)
{
	mesh_wr_u32be(w, (uint32_t)t->count);
	for (size_t i = 0; i < t->count; i++)
		tbl_prefix_put(w, &t->v[i]);
}

int
tbl_prefixes_get(struct mesh_rd *r, struct mesh_arena *a, size_t max,
    struct tbl_prefixes *out)
{
	struct tbl_prefixes t = {.count = mesh_rd_u32be(r)};
	int rc = tbl_list(r, a, t.count, max, PREFIX_LEN, sizeof(*t.v), &t.v);

	if (rc != MESH_OK)
		return rc;
	for (size_t i = 0; i < t.count; i++)
		tbl_prefix_get(r, &t.v[i]);
	if ((rc = tbl_end(r, a)) == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_conf_put(struct mesh_wr *w, const struct tbl_conf *t)
{
	tbl_text_put(w, t->state);
	tbl_text_put(w, t->socket);
	tbl_text_put(w, t->tun);
	tbl_text_put(w, t->netmap);
	tbl_text_put(w, t->hostname);
	tbl_text_put(w, t->server);
	tbl_text_put(w, t->operator_user);
	mesh_wr_u16be(w, t->port);
	mesh_wr_u16be(w, t->mtu);
	mesh_wr_u32be(w, t->uid);
	mesh_wr_u32be(w, t->gid);
	mesh_wr_u8(w, t->log_level);
}

int
tbl_conf_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_conf *out)
{
	struct tbl_conf t = {.state = tbl_text_get(r, a)};

	t.socket = tbl_text_get(r, a);
	t.tun = tbl_text_get(r, a);
	t.netmap = tbl_text_get(r, a);
	t.hostname = tbl_text_get(r, a);
	t.server = tbl_text_get(r, a);
	t.operator_user = tbl_text_get(r, a);
	t.port = mesh_rd_u16be(r);
	t.mtu = mesh_rd_u16be(r);
	t.uid = mesh_rd_u32be(r);
	t.gid = mesh_rd_u32be(r);
	t.log_level = mesh_rd_u8(r);
	int rc = tbl_end(r, a);
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_engine_start_put(struct mesh_wr *w, const struct tbl_engine_start *t)
{
	mesh_wr_u32be(w, t->flags);
	mesh_wr_u16be(w, t->mtu);
	mesh_wr_u16be(w, t->port4);
	mesh_wr_u16be(w, t->port6);
	mesh_wr_bytes(w, t->node.b, sizeof(t->node.b));
	mesh_wr_bytes(w, t->stamp, sizeof(t->stamp));
	mesh_wr_u32be(w, t->uid);
	mesh_wr_u32be(w, t->gid);
	mesh_wr_u8(w, t->log_level);
}

int
tbl_engine_start_get(struct mesh_rd *r, struct tbl_engine_start *out)
{
	out->flags = mesh_rd_u32be(r);
	out->mtu = mesh_rd_u16be(r);
	out->port4 = mesh_rd_u16be(r);
	out->port6 = mesh_rd_u16be(r);
	(void)mesh_rd_copy(r, out->node.b, sizeof(out->node.b));
	(void)mesh_rd_copy(r, out->stamp, sizeof(out->stamp));
	out->uid = mesh_rd_u32be(r);
	out->gid = mesh_rd_u32be(r);
	out->log_level = mesh_rd_u8(r);
	return tbl_end(r, NULL);
}

void
tbl_agent_start_put(struct mesh_wr *w, const struct tbl_agent_start *t)
{
	mesh_wr_u16be(w, t->port);
	mesh_wr_u16be(w, t->mtu);
	mesh_wr_u8(w, t->has_netmap);
	tbl_text_put(w, t->tun);
	tbl_text_put(w, t->hostname);
	tbl_text_put(w, t->server);
	tbl_text_put(w, t->operator_user);
	mesh_wr_u32be(w, t->uid);
	mesh_wr_u32be(w, t->gid);
	mesh_wr_u8(w, t->log_level);
}

int
tbl_agent_start_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_agent_start *out)
{
	struct tbl_agent_start t = {.port = mesh_rd_u16be(r)};

	t.mtu = mesh_rd_u16be(r);
	t.has_netmap = mesh_rd_u8(r) != 0;
	t.tun = tbl_text_get(r, a);
	t.hostname = tbl_text_get(r, a);
	t.server = tbl_text_get(r, a);
	t.operator_user = tbl_text_get(r, a);
	t.uid = mesh_rd_u32be(r);
	t.gid = mesh_rd_u32be(r);
	t.log_level = mesh_rd_u8(r);
	int rc = tbl_end(r, a);
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_links_put(struct mesh_wr *w, const struct tbl_links *t)
{
	mesh_wr_u8(w, t->up);
	mesh_wr_u16be(w, (uint16_t)t->count);
	for (size_t i = 0; i < t->count; i++) {
		const struct tbl_link_addr *l = &t->v[i];

		mesh_wr_u32be(w, l->ifindex);
		mesh_wr_u8(w, (uint8_t)((l->is_default4 ? LINK_DEFAULT4 : 0) |
		    (l->is_default6 ? LINK_DEFAULT6 : 0)));
		tbl_ip_put(w, &l->addr.ip); /* host bits are what it is about */
		mesh_wr_u8(w, l->addr.bits);
		tbl_text_put(w, l->name);
	}
}

static void
link_addr_get(struct mesh_rd *r, struct tbl_link_addr *out)
{
	unsigned flags;

	out->ifindex = mesh_rd_u32be(r);
	flags = mesh_rd_u8(r);
	out->is_default4 = flags & LINK_DEFAULT4;
	out->is_default6 = flags & LINK_DEFAULT6;
	tbl_ip_get(r, &out->addr.ip);
	out->addr.bits = mesh_rd_u8(r);
	if (out->addr.bits > 128)
		r->bad = true;
	tbl_text_copy(r, out->name, sizeof(out->name));
}

int
tbl_links_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_links *out)
{
	struct tbl_links t = {.up = mesh_rd_u8(r) != 0};
	int rc;

	t.count = mesh_rd_u16be(r);
	rc = tbl_list(r, a, t.count, TBL_LINK_ADDRS_MAX, LINK_ADDR_LEN,
	    sizeof(*t.v), &t.v);
	if (rc != MESH_OK)
		return rc;
	for (size_t i = 0; i < t.count; i++)
		link_addr_get(r, &t.v[i]);
	if ((rc = tbl_end(r, a)) == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_socket_put(struct mesh_wr *w, const struct tbl_socket *t)
{
	mesh_wr_u32be(w, t->id);
	mesh_wr_u8(w, (uint8_t)t->kind);
}

int
tbl_socket_get(struct mesh_rd *r, struct tbl_socket *out)
{
	out->id = mesh_rd_u32be(r);
	unsigned kind = mesh_rd_u8(r);

	if (kind < TBL_UDP4 || kind > TBL_TCP6)
		return MESH_ERR_FORMAT;
	out->kind = (enum tbl_socket_kind)kind;
	return tbl_end(r, NULL);
}

void
tbl_socket_is_put(struct mesh_wr *w, const struct tbl_socket_is *t)
{
	mesh_wr_u32be(w, t->id);
	mesh_wr_u32be(w, t->err);
}

int
tbl_socket_is_get(struct mesh_rd *r, struct tbl_socket_is *out)
{
	out->id = mesh_rd_u32be(r);
	out->err = mesh_rd_u32be(r);
	return tbl_end(r, NULL);
}
