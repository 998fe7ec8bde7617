/* SPDX-License-Identifier: ISC */
#include "wire/tsmp.h"

#include "base/rd.h"

#define FLAG_MAYBE_BROKEN 0x01

static void
read_reject(struct mesh_rd *r, struct mesh_tsmp *m)
{
	m->proto = mesh_rd_u8(r);
	m->reason = mesh_rd_u8(r);
	m->src_port = mesh_rd_u16be(r);
	m->dst_port = mesh_rd_u16be(r);
	if (mesh_rd_left(r) > 0)
		m->maybe_broken = (mesh_rd_u8(r) & FLAG_MAYBE_BROKEN) != 0;
}

int
mesh_tsmp_parse(const void *pkt, const struct mesh_ip_packet *p,
    struct mesh_tsmp *out)
{
	struct mesh_rd r = mesh_rd_init(pkt, p->len);
	struct mesh_tsmp m = {0};

	if (p->proto != MESH_PROTO_TSMP)
		return MESH_ERR_FORMAT;
	mesh_rd_skip(&r, p->data);
	if (mesh_rd_left(&r) < MESH_TSMP_MIN)
		return MESH_ERR_FORMAT;
	m.type = mesh_rd_u8(&r);
	switch (m.type) {
	case MESH_TSMP_REJECT:
		read_reject(&r, &m);
		break;
	case MESH_TSMP_PING:
		mesh_rd_copy(&r, m.cookie, sizeof(m.cookie));
		break;
	case MESH_TSMP_PONG:
		mesh_rd_copy(&r, m.cookie, sizeof(m.cookie));
		if (mesh_rd_left(&r) >= 2)
			m.peerapi_port = mesh_rd_u16be(&r);
		break;
	case MESH_TSMP_DISCO:
		mesh_rd_copy(&r, m.disco.b, sizeof(m.disco.b));
		if (mesh_disco_key_is_zero(&m.disco))
			return MESH_ERR_FORMAT;
		break;
	default:
		break;
	}
	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	*out = m;
	return MESH_OK;
}

static bool
write_body(struct mesh_wr *w, const struct mesh_tsmp *m)
{
	mesh_wr_u8(w, m->type);
	switch (m->type) {
	case MESH_TSMP_REJECT:
		mesh_wr_u8(w, m->proto);
		mesh_wr_u8(w, m->reason);
		mesh_wr_u16be(w, m->src_port);
		mesh_wr_u16be(w, m->dst_port);
		if (m->maybe_broken)
			mesh_wr_u8(w, FLAG_MAYBE_BROKEN);
		return true;
	case MESH_TSMP_PING:
		mesh_wr_bytes(w, m->cookie, sizeof(m->cookie));
		return true;
	case MESH_TSMP_PONG:
		mesh_wr_bytes(w, m->cookie, sizeof(m->cookie));
		mesh_wr_u16be(w, m->peerapi_port);
		return true;
	case MESH_TSMP_DISCO:
		mesh_wr_bytes(w, m->disco.b, sizeof(m->disco.b));
		return true;
	default:
		return false;
	}
}

size_t
mesh_tsmp_build(const struct mesh_ip *src, const struct mesh_ip *dst,
    const struct mesh_tsmp *m, uint8_t out[static MESH_TSMP_PACKET_MAX])
{
	uint8_t body[1 + MESH_KEY_LEN];
	struct mesh_wr w = mesh_wr_init(body, sizeof(body));

	if (!write_body(&w, m) || !mesh_wr_ok(&w))
		return 0;
	return mesh_ip_build(src, dst, MESH_PROTO_TSMP, body, w.len, out,
	    MESH_TSMP_PACKET_MAX);
}
