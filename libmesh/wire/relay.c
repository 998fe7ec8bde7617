/* SPDX-License-Identifier: ISC */
#include "wire/relay.h"

static const uint8_t magic[MESH_RELAY_MAGIC_LEN] = {
    0x44, 0x45, 0x52, 0x50, 0xf0, 0x9f, 0x94, 0x91};

/* Most bytes of a body, by type; 0: a type that we do not know. What only grows
 * at its end in future versions gets some room. */
#define FUTURE 1024u

static const uint32_t body_max[] = {
    [MESH_RELAY_SERVER_KEY] = FUTURE,
    [MESH_RELAY_CLIENT_INFO] = MESH_RELAY_CLIENT_INFO_MAX,
    [MESH_RELAY_SERVER_INFO] = MESH_RELAY_BODY_MAX,
    [MESH_RELAY_SEND_PACKET] = MESH_KEY_LEN + MESH_RELAY_PACKET_MAX,
    [MESH_RELAY_RECV_PACKET] = MESH_KEY_LEN + MESH_RELAY_PACKET_MAX,
    [MESH_RELAY_KEEP_ALIVE] = FUTURE,
    [MESH_RELAY_NOTE_PREFERRED] = 1,
    [MESH_RELAY_PEER_GONE] = FUTURE,
    [MESH_RELAY_PEER_PRESENT] = FUTURE,
    [MESH_RELAY_FORWARD_PACKET] = MESH_RELAY_BODY_MAX,
    [MESH_RELAY_WATCH_CONNS] = FUTURE,
    [MESH_RELAY_CLOSE_PEER] = MESH_KEY_LEN,
    [MESH_RELAY_PING] = 1000, /* as the stock server */
    [MESH_RELAY_PONG] = 1000,
    [MESH_RELAY_HEALTH] = MESH_RELAY_BODY_MAX,
    [MESH_RELAY_RESTARTING] = FUTURE,
};

int
mesh_relay_frame_read(const void *buf, size_t len, struct mesh_relay_frame *out,
    size_t *out_used)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	uint8_t type = mesh_rd_u8(&r);
	uint32_t body_len = mesh_rd_u32be(&r);
	uint32_t max = 0;

	if (mesh_rd_bad(&r)) {
		*out_used = MESH_RELAY_HEADER_LEN;
		return MESH_ERR_AGAIN;
	}
	if (type < sizeof(body_max) / sizeof(body_max[0]))
		max = body_max[type];
	if (body_len > (max > 0 ? max : MESH_RELAY_SKIP_MAX))
		return MESH_ERR_LIMIT;
	*out_used = MESH_RELAY_HEADER_LEN + body_len;
	if (max > 0 && mesh_rd_left(&r) < body_len)
		return MESH_ERR_AGAIN;
	*out = (struct mesh_relay_frame){
	    .type = type,
	    .body = max > 0 ? mesh_rd_take(&r, body_len) : NULL,
	    .len = body_len,
	};
	return MESH_OK;
}

static struct mesh_rd
body_of(const struct mesh_relay_frame *f)
{
	return mesh_rd_init(f->body, f->body ? f->len : 0);
}

int
mesh_relay_read_server_key(const struct mesh_relay_frame *f,
    struct mesh_node_key *out)
{
	struct mesh_rd r = body_of(f);
	const uint8_t *m = mesh_rd_take(&r, sizeof(magic));
	const uint8_t *key = mesh_rd_take(&r, MESH_KEY_LEN);

	if (mesh_rd_bad(&r) || memcmp(m, magic, sizeof(magic)) != 0)
		return MESH_ERR_FORMAT;
	memcpy(out->b, key, MESH_KEY_LEN);
	return MESH_OK;
}

static int
read_box(struct mesh_rd *r, struct mesh_relay_info *info,
    struct mesh_relay_info *out)
{
	info->nonce = mesh_rd_take(r, MESH_RELAY_NONCE_LEN);
	info->box = mesh_rd_rest(r, &info->box_len);
	if (mesh_rd_bad(r) || info->box_len < MESH_RELAY_TAG_LEN)
		return MESH_ERR_FORMAT;
	*out = *info;
	return MESH_OK;
}

int
mesh_relay_read_client_info(const struct mesh_relay_frame *f,
    struct mesh_relay_info *out)
{
	struct mesh_rd r = body_of(f);
	struct mesh_relay_info info;

	mesh_rd_copy(&r, info.key.b, MESH_KEY_LEN);
	return read_box(&r, &info, out);
}

int
mesh_relay_read_server_info(const struct mesh_relay_frame *f,
    struct mesh_relay_info *out)
{
	struct mesh_rd r = body_of(f);
	struct mesh_relay_info info = {0};

	return read_box(&r, &info, out);
}

int
mesh_relay_read_packet(const struct mesh_relay_frame *f,
    struct mesh_relay_packet *out)
{
	struct mesh_rd r = body_of(f);
	const uint8_t *key = mesh_rd_take(&r, MESH_KEY_LEN);

	if (key == NULL)
		return MESH_ERR_FORMAT;
	memcpy(out->key.b, key, MESH_KEY_LEN);
	out->data = mesh_rd_rest(&r, &out->len);
	return MESH_OK;
}

int
mesh_relay_read_forward(const struct mesh_relay_frame *f,
    struct mesh_node_key *out_from, struct mesh_relay_packet *out)
{
	struct mesh_rd r = body_of(f);
	const uint8_t *from = mesh_rd_take(&r, MESH_KEY_LEN);
	const uint8_t *to = mesh_rd_take(&r, MESH_KEY_LEN);

	if (mesh_rd_bad(&r) || mesh_rd_left(&r) > MESH_RELAY_PACKET_MAX)
		return MESH_ERR_FORMAT;
	memcpy(out_from->b, from, MESH_KEY_LEN);
	memcpy(out->key.b, to, MESH_KEY_LEN);
	out->data = mesh_rd_rest(&r, &out->len);
	return MESH_OK;
}

int
mesh_relay_read_close(const struct mesh_relay_frame *f,
    struct mesh_node_key *out_peer)
{
	if (f->body == NULL || f->len != MESH_KEY_LEN)
		return MESH_ERR_FORMAT;
	memcpy(out_peer->b, f->body, MESH_KEY_LEN);
	return MESH_OK;
}

int
mesh_relay_read_preferred(const struct mesh_relay_frame *f, bool *out_home)
{
	struct mesh_rd r = body_of(f);
	uint8_t v = mesh_rd_u8(&r);

	if (!mesh_rd_done(&r))
		return MESH_ERR_FORMAT;
	*out_home = v != 0; /* as the stock server */
	return MESH_OK;
}

int
mesh_relay_read_gone(const struct mesh_relay_frame *f,
    struct mesh_node_key *out_peer, uint8_t *out_reason)
{
	struct mesh_rd r = body_of(f);
	const uint8_t *key = mesh_rd_take(&r, MESH_KEY_LEN);

	if (key == NULL)
		return MESH_ERR_FORMAT;
	memcpy(out_peer->b, key, MESH_KEY_LEN);
	*out_reason = mesh_rd_left(&r) > 0 ? mesh_rd_u8(&r)
					   : MESH_RELAY_GONE_DISCONNECTED;
	return MESH_OK;
}

int
mesh_relay_read_present(const struct mesh_relay_frame *f,
    struct mesh_relay_present *out)
{
	struct mesh_rd r = body_of(f);
	const uint8_t *key = mesh_rd_take(&r, MESH_KEY_LEN), *ip;
	struct mesh_relay_present p = {0};

	if (key == NULL)
		return MESH_ERR_FORMAT;
	memcpy(p.key.b, key, MESH_KEY_LEN);
	if (mesh_rd_left(&r) >= 18) {
		ip = mesh_rd_take(&r, 16);
		p.addr.ip = mesh_ip_from16(ip);
		p.addr.port = mesh_rd_u16be(&r);
	}
	if (mesh_rd_left(&r) >= 1)
		p.flags = mesh_rd_u8(&r);
	*out = p;
	return MESH_OK;
}

int
mesh_relay_read_ping(const struct mesh_relay_frame *f, const uint8_t **out_data)
{
	struct mesh_rd r = body_of(f);
	const uint8_t *data = mesh_rd_take(&r, MESH_RELAY_PING_LEN);

	if (data == NULL)
		return MESH_ERR_FORMAT;
	*out_data = data;
	return MESH_OK;
}

int
mesh_relay_read_restarting(const struct mesh_relay_frame *f,
    uint32_t *out_in_ms, uint32_t *out_for_ms)
{
	struct mesh_rd r = body_of(f);
	uint32_t in_ms = mesh_rd_u32be(&r);
	uint32_t for_ms = mesh_rd_u32be(&r);

	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	*out_in_ms = in_ms;
	*out_for_ms = for_ms;
	return MESH_OK;
}

/* All of a frame or nothing: the writer fails before its first byte. */
static void
start(struct mesh_wr *w, enum mesh_relay_type type, size_t len)
{
	if (w->cap - w->len < MESH_RELAY_HEADER_LEN + len)
		w->bad = true;
	mesh_relay_write_header(w, (uint8_t)type, len);
}

static void
put_key(struct mesh_wr *w, const struct mesh_node_key *key)
{
	mesh_wr_bytes(w, key->b, MESH_KEY_LEN);
}

void
mesh_relay_write_header(struct mesh_wr *w, uint8_t type, size_t len)
{
	mesh_wr_u8(w, type);
	mesh_wr_u32be(w, (uint32_t)len);
}

void
mesh_relay_write_empty(struct mesh_wr *w, enum mesh_relay_type type)
{
	start(w, type, 0);
}

void
mesh_relay_write_server_key(struct mesh_wr *w,
    const struct mesh_node_key *server)
{
	start(w, MESH_RELAY_SERVER_KEY, sizeof(magic) + MESH_KEY_LEN);
	mesh_wr_bytes(w, magic, sizeof(magic));
	put_key(w, server);
}

uint8_t *
mesh_relay_write_client_info(struct mesh_wr *w,
    const struct mesh_node_key *client,
    const uint8_t nonce[static MESH_RELAY_NONCE_LEN], size_t box_len)
{
	start(w, MESH_RELAY_CLIENT_INFO,
	    MESH_KEY_LEN + MESH_RELAY_NONCE_LEN + box_len);
	put_key(w, client);
	mesh_wr_bytes(w, nonce, MESH_RELAY_NONCE_LEN);
	return mesh_wr_room(w, box_len);
}

uint8_t *
mesh_relay_write_server_info(struct mesh_wr *w,
    const uint8_t nonce[static MESH_RELAY_NONCE_LEN], size_t box_len)
{
	start(w, MESH_RELAY_SERVER_INFO, MESH_RELAY_NONCE_LEN + box_len);
	mesh_wr_bytes(w, nonce, MESH_RELAY_NONCE_LEN);
	return mesh_wr_room(w, box_len);
}

void
mesh_relay_write_packet_head(struct mesh_wr *w, enum mesh_relay_type type,
    const struct mesh_node_key *key, size_t len)
{
	mesh_relay_write_header(w, (uint8_t)type, MESH_KEY_LEN + len);
	put_key(w, key);
}

void
mesh_relay_write_packet(struct mesh_wr *w, enum mesh_relay_type type,
    const struct mesh_node_key *key, const void *data, size_t len)
{
	start(w, type, MESH_KEY_LEN + len);
	put_key(w, key);
	mesh_wr_bytes(w, data, len);
}

void
mesh_relay_write_forward(struct mesh_wr *w, const struct mesh_node_key *from,
    const struct mesh_node_key *to, const void *data, size_t len)
{
	start(w, MESH_RELAY_FORWARD_PACKET, 2 * MESH_KEY_LEN + len);
	put_key(w, from);
	put_key(w, to);
	mesh_wr_bytes(w, data, len);
}

void
mesh_relay_write_preferred(struct mesh_wr *w, bool home)
{
	start(w, MESH_RELAY_NOTE_PREFERRED, 1);
	mesh_wr_u8(w, home ? 1 : 0);
}

void
mesh_relay_write_gone(struct mesh_wr *w, const struct mesh_node_key *peer,
    enum mesh_relay_gone reason)
{
	start(w, MESH_RELAY_PEER_GONE, MESH_KEY_LEN + 1);
	put_key(w, peer);
	mesh_wr_u8(w, (uint8_t)reason);
}

void
mesh_relay_write_present(struct mesh_wr *w, const struct mesh_relay_present *p)
{
	start(w, MESH_RELAY_PEER_PRESENT, MESH_KEY_LEN + 16 + 2 + 1);
	put_key(w, &p->key);
	mesh_wr_bytes(w, p->addr.ip.b, 16);
	mesh_wr_u16be(w, p->addr.port);
	mesh_wr_u8(w, p->flags);
}

void
mesh_relay_write_ping(struct mesh_wr *w, enum mesh_relay_type type,
    const uint8_t data[static MESH_RELAY_PING_LEN])
{
	start(w, type, MESH_RELAY_PING_LEN);
	mesh_wr_bytes(w, data, MESH_RELAY_PING_LEN);
}

void
mesh_relay_write_health(struct mesh_wr *w, struct mesh_str problem)
{
	start(w, MESH_RELAY_HEALTH, problem.len);
	mesh_wr_bytes(w, problem.p, problem.len);
}

void
mesh_relay_write_restarting(struct mesh_wr *w, uint32_t in_ms, uint32_t for_ms)
{
	start(w, MESH_RELAY_RESTARTING, 8);
	mesh_wr_u32be(w, in_ms);
	mesh_wr_u32be(w, for_ms);
}
