/* SPDX-License-Identifier: ISC */
#include "wire/disco.h"

static const uint8_t magic[MESH_DISCO_MAGIC_LEN] = {
    'T', 'S', 0xf0, 0x9f, 0x92, 0xac};

/* Relay messages: the length behind type and version that stock nodes insist
 * on; a list has at least one address and nothing else behind it. */
static const struct {
	uint8_t type;
	uint8_t len; /* bytes */
	bool list;
	bool any_version;
} relay_types[] = {
    {MESH_DISCO_BIND, 72, false, true},
    {MESH_DISCO_BIND_CHALLENGE, 72, false, true},
    {MESH_DISCO_BIND_ANSWER, 72, false, true},
    {MESH_DISCO_CALL_ME_MAYBE_VIA, 124, true, false},
    {MESH_DISCO_ALLOCATE, 68, false, false},
    {MESH_DISCO_ALLOCATED, 128, true, false},
};

bool
mesh_disco_is(const void *buf, size_t len)
{
	return len >= MESH_DISCO_LOOKS_LEN &&
	       !memcmp(buf, magic, sizeof(magic));
}

int
mesh_disco_packet_parse(const void *buf, size_t len,
    struct mesh_disco_packet *out)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	struct mesh_disco_packet p = {0};

	if (!mesh_disco_is(buf, len))
		return MESH_ERR_FORMAT;
	if (len > MESH_DISCO_OVERHEAD + MESH_DISCO_MSG_MAX)
		return MESH_ERR_LIMIT;
	mesh_rd_skip(&r, sizeof(magic));
	mesh_rd_copy(&r, p.sender.b, sizeof(p.sender.b));
	mesh_rd_copy(&r, p.nonce, sizeof(p.nonce));
	p.box = mesh_rd_rest(&r, &p.box_len);
	if (mesh_rd_bad(&r) || p.box_len < MESH_DISCO_TAG_LEN + 2)
		return MESH_ERR_FORMAT;
	*out = p;
	return MESH_OK;
}

void
mesh_disco_head_write(struct mesh_wr *w, const struct mesh_disco_key *sender,
    const uint8_t nonce[static MESH_DISCO_NONCE_LEN])
{
	mesh_wr_bytes(w, magic, sizeof(magic));
	mesh_wr_bytes(w, sender->b, sizeof(sender->b));
	mesh_wr_bytes(w, nonce, MESH_DISCO_NONCE_LEN);
}

static struct mesh_endpoint
read_endpoint(struct mesh_rd *r)
{
	struct mesh_endpoint ep = {0};
	const uint8_t *ip = mesh_rd_take(r, 16);

	if (ip != NULL)
		ep.ip = mesh_ip_from16(ip);
	ep.port = mesh_rd_u16be(r);
	return ep;
}

static void
read_ping(struct mesh_rd *r, struct mesh_disco_msg *m)
{
	mesh_rd_copy(r, m->txid.b, sizeof(m->txid.b));
	if (mesh_rd_left(r) >= sizeof(m->node.b))
		mesh_rd_copy(r, m->node.b, sizeof(m->node.b));
	m->padding = mesh_rd_left(r);
}

static void
read_pong(struct mesh_rd *r, struct mesh_disco_msg *m)
{
	mesh_rd_copy(r, m->txid.b, sizeof(m->txid.b));
	m->seen = read_endpoint(r);
}

static void
read_call(struct mesh_rd *r, struct mesh_disco_msg *m)
{
	size_t left = mesh_rd_left(r);

	if (m->version != 0 || left % MESH_DISCO_ENDPOINT_LEN != 0)
		return;
	size_t n = left / MESH_DISCO_ENDPOINT_LEN;
	m->endpoint_count = n < MESH_DISCO_ENDPOINTS ? n : MESH_DISCO_ENDPOINTS;
	m->endpoint_excess = n - m->endpoint_count;
	for (size_t i = 0; i < m->endpoint_count; i++)
		m->endpoints[i] = read_endpoint(r);
}

static void
check_relay(struct mesh_rd *r, const struct mesh_disco_msg *m)
{
	for (size_t i = 0; i < sizeof(relay_types) / sizeof(*relay_types);
	     i++) {
		if (relay_types[i].type != m->type ||
		    (m->version != 0 && !relay_types[i].any_version))
			continue;
		mesh_rd_skip(r, relay_types[i].len);
		size_t rest = mesh_rd_left(r);
		if (relay_types[i].list &&
		    (rest == 0 || rest % MESH_DISCO_ENDPOINT_LEN != 0))
			r->bad = true;
	}
}

int
mesh_disco_msg_parse(const void *buf, size_t len, struct mesh_disco_msg *out)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	struct mesh_disco_msg m = {0};

	m.type = mesh_rd_u8(&r);
	m.version = mesh_rd_u8(&r);
	switch (m.type) {
	case MESH_DISCO_PING:
		read_ping(&r, &m);
		break;
	case MESH_DISCO_PONG:
		read_pong(&r, &m);
		break;
	case MESH_DISCO_CALL_ME_MAYBE:
		read_call(&r, &m);
		break;
	default:
		check_relay(&r, &m);
	}
	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	*out = m;
	return MESH_OK;
}

static void
write_endpoint(struct mesh_wr *w, const struct mesh_endpoint *ep)
{
	mesh_wr_bytes(w, ep->ip.b, sizeof(ep->ip.b));
	mesh_wr_u16be(w, ep->port);
}

static void
write_type(struct mesh_wr *w, enum mesh_disco_type type)
{
	mesh_wr_u8(w, (uint8_t)type);
	mesh_wr_u8(w, 0); /* version */
}

void
mesh_disco_ping_write(struct mesh_wr *w, const struct mesh_disco_txid *txid,
    const struct mesh_node_key *node, size_t padding)
{
	write_type(w, MESH_DISCO_PING);
	mesh_wr_bytes(w, txid->b, sizeof(txid->b));
	if (node != NULL)
		mesh_wr_bytes(w, node->b, sizeof(node->b));
	mesh_wr_zero(w, padding);
}

void
mesh_disco_pong_write(struct mesh_wr *w, const struct mesh_disco_txid *txid,
    const struct mesh_endpoint *seen)
{
	write_type(w, MESH_DISCO_PONG);
	mesh_wr_bytes(w, txid->b, sizeof(txid->b));
	write_endpoint(w, seen);
}

void
mesh_disco_call_write(struct mesh_wr *w, const struct mesh_endpoint *endpoints,
    size_t count)
{
	write_type(w, MESH_DISCO_CALL_ME_MAYBE);
	if (count > MESH_DISCO_ENDPOINTS)
		w->bad = true;
	for (size_t i = 0; mesh_wr_ok(w) && i < count; i++)
		write_endpoint(w, &endpoints[i]);
}

struct mesh_endpoint
mesh_disco_region_endpoint(uint16_t region)
{
	return (struct mesh_endpoint){mesh_ip4(127, 3, 3, 40), region};
}
