/* SPDX-License-Identifier: ISC */
#include "options.h"

static void
put_u64(struct mesh_buf *out, uint64_t v)
{
	uint8_t bytes[8];
	struct mesh_wr w = mesh_wr_init(bytes, sizeof(bytes));

	mesh_wr_u64be(&w, v);
	mesh_buf_add(out, bytes, sizeof(bytes));
}

static void
put_text(struct mesh_buf *out, struct mesh_str s)
{
	put_u64(out, s.len);
	mesh_buf_add(out, s.p, s.len);
}

static struct mesh_str
get_text(struct mesh_rd *r)
{
	uint64_t len = mesh_rd_u64be(r);
	const uint8_t *p;

	if (len > mesh_rd_left(r))
		r->bad = true;
	p = mesh_rd_take(r, r->bad ? 0 : (size_t)len);
	return p != NULL ? (struct mesh_str){(const char *)p, (size_t)len}
			 : (struct mesh_str){"", 0};
}

void
role_config_write(const struct role_config *c, struct mesh_buf *out)
{
	put_text(out, c->url);
	put_text(out, c->suffix);
	put_u64(out, c->node_expiry_ns);
	put_u64(out, c->ephemeral_ns);
	put_u64(out, c->random_addresses);
	put_u64(out, c->approve_nodes);
	put_u64(out, c->verbose);
	put_text(out, c->cert);
	put_text(out, c->key);
	put_text(out, c->relays);
	put_text(out, c->dns);
	put_text(out, c->policy);
	put_u64(out, c->has_policy);
	put_u64(out, c->plain);
	put_u64(out, c->owner);
}

bool
role_config_read(struct mesh_rd *r, struct role_config *out)
{
	*out = (struct role_config){.url = get_text(r)};
	out->suffix = get_text(r);
	out->node_expiry_ns = mesh_rd_u64be(r);
	out->ephemeral_ns = mesh_rd_u64be(r);
	out->random_addresses = mesh_rd_u64be(r) != 0;
	out->approve_nodes = mesh_rd_u64be(r) != 0;
	out->verbose = mesh_rd_u64be(r) != 0;
	out->cert = get_text(r);
	out->key = get_text(r);
	out->relays = get_text(r);
	out->dns = get_text(r);
	out->policy = get_text(r);
	out->has_policy = mesh_rd_u64be(r) != 0;
	out->plain = mesh_rd_u64be(r) != 0;
	out->owner = mesh_rd_u64be(r);
	return mesh_rd_done(r);
}
