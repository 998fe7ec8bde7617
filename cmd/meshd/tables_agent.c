/* SPDX-License-Identifier: ISC
 * tables_agent.c - what the agent tells the engine.
 */
#include "tables_int.h"

#define ENDPOINT_LEN 18u
#define RELAY_NODE_LEN (1u + 1u + 16u + 16u + 2u + 2u + 4u)

void
tbl_self_put(struct mesh_wr *w, const struct tbl_self *t)
{
	mesh_wr_bytes(w, t->node.b, sizeof(t->node.b));
	mesh_wr_u64be(w, t->id);
	mesh_wr_u32be(w, t->flags);
	mesh_wr_u16be(w, t->home_region);
	mesh_wr_u16be(w, t->peerapi4);
	mesh_wr_u16be(w, t->peerapi6);
	tbl_prefixes_put(w, &t->addrs);
	tbl_prefixes_put(w, &t->routes);
}

static int
addrs_are_single(const struct tbl_prefixes *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (!mesh_prefix_is_single(&t->v[i]))
			return MESH_ERR_FORMAT;
	return MESH_OK;
}

int
tbl_self_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_self *out)
{
	struct tbl_self t = {.id = 0};
	int rc;

	(void)mesh_rd_copy(r, t.node.b, sizeof(t.node.b));
	t.id = mesh_rd_u64be(r);
	t.flags = mesh_rd_u32be(r);
	t.home_region = mesh_rd_u16be(r);
	t.peerapi4 = mesh_rd_u16be(r);
	t.peerapi6 = mesh_rd_u16be(r);
	rc = tbl_prefixes_get(r, a, TBL_OWN_ADDRS_MAX, &t.addrs);
	if (rc == MESH_OK)
		rc = addrs_are_single(&t.addrs);
	if (rc == MESH_OK)
		rc = tbl_prefixes_get(r, a, TBL_OWN_ROUTES_MAX, &t.routes);
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_peer_put(struct mesh_wr *w, const struct tbl_peer *t)
{
	mesh_wr_bytes(w, t->node.b, sizeof(t->node.b));
	mesh_wr_bytes(w, t->disco.b, sizeof(t->disco.b));
	mesh_wr_u64be(w, t->id);
	mesh_wr_u32be(w, t->flags);
	mesh_wr_u32be(w, t->cap);
	mesh_wr_u16be(w, t->home_region);
	tbl_prefixes_put(w, &t->allowed);
	mesh_wr_u16be(w, (uint16_t)t->endpoint_count);
	for (size_t i = 0; i < t->endpoint_count; i++)
		tbl_endpoint_put(w, &t->endpoints[i]);
}

static int
peer_endpoints_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_peer *t)
{
	int rc;

	t->endpoint_count = mesh_rd_u16be(r);
	rc = tbl_list(r, a, t->endpoint_count, TBL_ENDPOINTS_MAX, ENDPOINT_LEN,
	    sizeof(*t->endpoints), &t->endpoints);
	for (size_t i = 0; rc == MESH_OK && i < t->endpoint_count; i++)
		tbl_endpoint_get(r, &t->endpoints[i]);
	return rc;
}

int
tbl_peer_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_peer *out)
{
	struct tbl_peer t = {.id = 0};
	int rc;

	(void)mesh_rd_copy(r, t.node.b, sizeof(t.node.b));
	(void)mesh_rd_copy(r, t.disco.b, sizeof(t.disco.b));
	t.id = mesh_rd_u64be(r);
	t.flags = mesh_rd_u32be(r);
	t.cap = mesh_rd_u32be(r);
	t.home_region = mesh_rd_u16be(r);
	rc = tbl_prefixes_get(r, a, TBL_ALLOWED_MAX, &t.allowed);
	if (rc == MESH_OK)
		rc = peer_endpoints_get(r, a, &t);
	if (rc == MESH_OK)
		rc = tbl_end(r, a);
	if (rc == MESH_OK && mesh_node_key_is_zero(&t.node))
		rc = MESH_ERR_FORMAT;
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

static void
relay_node_put(struct mesh_wr *w, const struct tbl_relay_node *n)
{
	tbl_text_put(w, n->host);
	tbl_text_put(w, n->cert);
	tbl_ip_put(w, &n->ip4);
	tbl_ip_put(w, &n->ip6);
	mesh_wr_u16be(w, n->relay_port);
	mesh_wr_u16be(w, n->stun_port);
	mesh_wr_u32be(w, n->flags);
}

static void
relay_node_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_relay_node *n)
{
	n->host = tbl_text_get(r, a);
	n->cert = tbl_text_get(r, a);
	tbl_ip_get(r, &n->ip4);
	tbl_ip_get(r, &n->ip6);
	n->relay_port = mesh_rd_u16be(r);
	n->stun_port = mesh_rd_u16be(r);
	n->flags = mesh_rd_u32be(r);
}

void
tbl_region_put(struct mesh_wr *w, const struct tbl_region *t)
{
	mesh_wr_u16be(w, t->id);
	tbl_text_put(w, t->code);
	mesh_wr_u32be(w, t->flags);
	mesh_wr_u32be(w, t->score_permille);
	mesh_wr_u8(w, (uint8_t)t->node_count);
	for (size_t i = 0; i < t->node_count; i++)
		relay_node_put(w, &t->nodes[i]);
}

int
tbl_region_get(struct mesh_rd *r, struct mesh_arena *a, struct tbl_region *out)
{
	struct tbl_region t = {.id = mesh_rd_u16be(r)};
	int rc;

	tbl_text_copy(r, t.code, sizeof(t.code));
	t.flags = mesh_rd_u32be(r);
	t.score_permille = mesh_rd_u32be(r);
	t.node_count = mesh_rd_u8(r);
	rc = tbl_list(r, a, t.node_count, TBL_RELAY_NODES_MAX, RELAY_NODE_LEN,
	    sizeof(*t.nodes), &t.nodes);
	for (size_t i = 0; rc == MESH_OK && i < t.node_count; i++)
		relay_node_get(r, a, &t.nodes[i]);
	if (rc == MESH_OK)
		rc = tbl_end(r, a);
	if (rc == MESH_OK && t.id == 0)
		rc = MESH_ERR_FORMAT;
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_ping_put(struct mesh_wr *w, const struct tbl_ping *t)
{
	mesh_wr_u32be(w, t->id);
	mesh_wr_u8(w, (uint8_t)t->kind);
	mesh_wr_bytes(w, t->node.b, sizeof(t->node.b));
	tbl_ip_put(w, &t->ip);
	mesh_wr_u32be(w, t->timeout_ms);
}

int
tbl_ping_get(struct mesh_rd *r, struct tbl_ping *out)
{
	out->id = mesh_rd_u32be(r);
	unsigned kind = mesh_rd_u8(r);
	(void)mesh_rd_copy(r, out->node.b, sizeof(out->node.b));
	tbl_ip_get(r, &out->ip);
	out->timeout_ms = mesh_rd_u32be(r);
	if (kind < TBL_PING_DISCO || kind > TBL_PING_ICMP)
		return MESH_ERR_FORMAT;
	out->kind = (enum tbl_ping_kind)kind;
	return tbl_end(r, NULL);
}

void
tbl_cert_verdict_put(struct mesh_wr *w, const struct tbl_cert_verdict *t)
{
	mesh_wr_u32be(w, t->id);
	mesh_wr_u8(w, t->ok);
	tbl_text_put(w, t->text);
}

int
tbl_cert_verdict_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_cert_verdict *out)
{
	struct tbl_cert_verdict t = {.id = mesh_rd_u32be(r)};

	t.ok = mesh_rd_u8(r) == 1;
	t.text = tbl_text_get(r, a);
	int rc = tbl_end(r, a);
	if (rc == MESH_OK)
		*out = t;
	return rc;
}
