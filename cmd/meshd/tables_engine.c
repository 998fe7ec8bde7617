/* SPDX-License-Identifier: ISC
 * tables_engine.c - what the engine tells the agent.
 */
#include "tables_int.h"

#define OWN_ENDPOINT_LEN 19u
#define LATENCY_LEN 10u

void
tbl_pong_put(struct mesh_wr *w, const struct tbl_pong *t)
{
	mesh_wr_u32be(w, t->id);
	mesh_wr_u16be(w, (uint16_t)-t->err);
	mesh_wr_u8(w, (uint8_t)t->kind);
	mesh_wr_u64be(w, t->latency_ns);
	tbl_endpoint_put(w, &t->endpoint);
	mesh_wr_u16be(w, t->region);
	mesh_wr_u16be(w, t->peerapi);
}

int
tbl_pong_get(struct mesh_rd *r, struct tbl_pong *out)
{
	out->id = mesh_rd_u32be(r);
	out->err = -(int)mesh_rd_u16be(r);
	unsigned kind = mesh_rd_u8(r);
	out->latency_ns = mesh_rd_u64be(r);
	tbl_endpoint_get(r, &out->endpoint);
	out->region = mesh_rd_u16be(r);
	out->peerapi = mesh_rd_u16be(r);
	if (kind < TBL_PING_DISCO || kind > TBL_PING_ICMP)
		return MESH_ERR_FORMAT;
	out->kind = (enum tbl_ping_kind)kind;
	return tbl_end(r, NULL);
}

void
tbl_cert_ask_put(struct mesh_wr *w, const struct tbl_cert_ask *t)
{
	mesh_wr_u32be(w, t->id);
	mesh_wr_u16be(w, t->region);
	tbl_text_put(w, t->name);
	mesh_wr_u8(w, (uint8_t)t->count);
	for (size_t i = 0; i < t->count; i++) {
		mesh_wr_u16be(w, (uint16_t)t->der_len[i]);
		mesh_wr_bytes(w, t->der[i], t->der_len[i]);
	}
}

int
tbl_cert_ask_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_cert_ask *out)
{
	struct tbl_cert_ask t = {.id = mesh_rd_u32be(r)};

	t.region = mesh_rd_u16be(r);
	t.name = tbl_text_get(r, a);
	t.count = mesh_rd_u8(r);
	if (t.count > TBL_CERTS_MAX)
		return MESH_ERR_LIMIT;
	for (size_t i = 0; i < t.count; i++) {
		t.der_len[i] = mesh_rd_u16be(r);
		if (t.der_len[i] > TBL_CERT_LEN_MAX)
			return MESH_ERR_LIMIT;
		t.der[i] = mesh_rd_take(r, t.der_len[i]);
	}
	int rc = tbl_end(r, a);
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

static void
traffic_put(struct mesh_wr *w, const struct tbl_traffic *t)
{
	for (size_t i = 0; i < TBL_WAYS; i++) {
		mesh_wr_u64be(w, t[i].packets);
		mesh_wr_u64be(w, t[i].bytes);
	}
}

static void
traffic_get(struct mesh_rd *r, struct tbl_traffic *out)
{
	for (size_t i = 0; i < TBL_WAYS; i++) {
		out[i].packets = mesh_rd_u64be(r);
		out[i].bytes = mesh_rd_u64be(r);
	}
}

void
tbl_engine_state_put(struct mesh_wr *w, const struct tbl_engine_state *t)
{
	mesh_wr_bytes(w, t->node.b, sizeof(t->node.b));
	mesh_wr_bytes(w, t->disco.b, sizeof(t->disco.b));
	mesh_wr_u16be(w, t->home_region);
	mesh_wr_u32be(w, t->net);
	mesh_wr_u64be(w, t->drop_filter);
	mesh_wr_u64be(w, t->drop_noise);
	traffic_put(w, t->in);
	traffic_put(w, t->out);
	mesh_wr_u16be(w, (uint16_t)t->endpoint_count);
	for (size_t i = 0; i < t->endpoint_count; i++) {
		tbl_endpoint_put(w, &t->endpoints[i].ep);
		mesh_wr_u8(w, (uint8_t)t->endpoints[i].kind);
	}
	mesh_wr_u16be(w, (uint16_t)t->latency_count);
	for (size_t i = 0; i < t->latency_count; i++) {
		mesh_wr_u16be(w, t->latencies[i].region);
		mesh_wr_u32be(w, t->latencies[i].us4);
		mesh_wr_u32be(w, t->latencies[i].us6);
	}
}

static int
own_endpoints_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_engine_state *t)
{
	int rc;

	t->endpoint_count = mesh_rd_u16be(r);
	rc = tbl_list(r, a, t->endpoint_count, TBL_ENDPOINTS_MAX,
	    OWN_ENDPOINT_LEN, sizeof(*t->endpoints), &t->endpoints);
	for (size_t i = 0; rc == MESH_OK && i < t->endpoint_count; i++) {
		tbl_endpoint_get(r, &t->endpoints[i].ep);
		unsigned kind = mesh_rd_u8(r);
		if (kind < TBL_EP_LOCAL || kind > TBL_EP_EXPLICIT)
			return MESH_ERR_FORMAT;
		t->endpoints[i].kind = (enum tbl_endpoint_kind)kind;
	}
	return rc;
}

static int
latencies_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_engine_state *t)
{
	int rc;

	t->latency_count = mesh_rd_u16be(r);
	rc = tbl_list(r, a, t->latency_count, TBL_REGION_LATENCIES_MAX,
	    LATENCY_LEN, sizeof(*t->latencies), &t->latencies);
	for (size_t i = 0; rc == MESH_OK && i < t->latency_count; i++) {
		t->latencies[i].region = mesh_rd_u16be(r);
		t->latencies[i].us4 = mesh_rd_u32be(r);
		t->latencies[i].us6 = mesh_rd_u32be(r);
	}
	return rc;
}

int
tbl_engine_state_get(struct mesh_rd *r, struct mesh_arena *a,
    struct tbl_engine_state *out)
{
	struct tbl_engine_state t = {.home_region = 0};
	int rc;

	(void)mesh_rd_copy(r, t.node.b, sizeof(t.node.b));
	(void)mesh_rd_copy(r, t.disco.b, sizeof(t.disco.b));
	t.home_region = mesh_rd_u16be(r);
	t.net = mesh_rd_u32be(r);
	t.drop_filter = mesh_rd_u64be(r);
	t.drop_noise = mesh_rd_u64be(r);
	traffic_get(r, t.in);
	traffic_get(r, t.out);
	rc = own_endpoints_get(r, a, &t);
	if (rc == MESH_OK)
		rc = latencies_get(r, a, &t);
	if (rc == MESH_OK)
		rc = tbl_end(r, a);
	if (rc == MESH_OK)
		*out = t;
	return rc;
}

void
tbl_peer_status_put(struct mesh_wr *w, const struct tbl_peer_status *t)
{
	mesh_wr_bytes(w, t->node.b, sizeof(t->node.b));
	mesh_wr_u32be(w, t->flags);
	tbl_endpoint_put(w, &t->direct);
	mesh_wr_u16be(w, t->region);
	mesh_wr_u32be(w, t->latency_us);
	mesh_wr_u64be(w, t->rx_bytes);
	mesh_wr_u64be(w, t->tx_bytes);
	mesh_wr_u64be(w, t->handshake_s);
	mesh_wr_u64be(w, t->rx_s);
	mesh_wr_u64be(w, t->tx_s);
}

int
tbl_peer_status_get(struct mesh_rd *r, struct tbl_peer_status *out)
{
	(void)mesh_rd_copy(r, out->node.b, sizeof(out->node.b));
	out->flags = mesh_rd_u32be(r);
	tbl_endpoint_get(r, &out->direct);
	out->region = mesh_rd_u16be(r);
	out->latency_us = mesh_rd_u32be(r);
	out->rx_bytes = mesh_rd_u64be(r);
	out->tx_bytes = mesh_rd_u64be(r);
	out->handshake_s = mesh_rd_u64be(r);
	out->rx_s = mesh_rd_u64be(r);
	out->tx_s = mesh_rd_u64be(r);
	return tbl_end(r, NULL);
}
