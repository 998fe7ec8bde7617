/* SPDX-License-Identifier: ISC */
#include "wire/wg.h"

#include "base/rd.h"

enum mesh_wg_type
mesh_wg_type(const uint8_t *buf, size_t len)
{
	struct mesh_rd r = mesh_rd_init(buf, len);

	/* One little-endian number: the three bytes behind the type are zero.
	 */
	switch (mesh_rd_u32le(&r)) {
	case MESH_WG_INITIATION:
		return len == MESH_WG_INITIATION_LEN ? MESH_WG_INITIATION
						     : MESH_WG_NONE;
	case MESH_WG_RESPONSE:
		return len == MESH_WG_RESPONSE_LEN ? MESH_WG_RESPONSE
						   : MESH_WG_NONE;
	case MESH_WG_COOKIE:
		return len == MESH_WG_COOKIE_LEN ? MESH_WG_COOKIE
						 : MESH_WG_NONE;
	case MESH_WG_DATA:
		return len >= MESH_WG_DATA_MIN ? MESH_WG_DATA : MESH_WG_NONE;
	default:
		return MESH_WG_NONE;
	}
}

bool
mesh_wg_receiver(const uint8_t *buf, size_t len, uint32_t *out_index)
{
	struct mesh_rd r = mesh_rd_init(buf, len);

	mesh_rd_skip(&r, 4);
	switch (mesh_wg_type(buf, len)) {
	case MESH_WG_RESPONSE:
		mesh_rd_skip(&r, 4); /* the sender's index */
		break;
	case MESH_WG_COOKIE:
	case MESH_WG_DATA:
		break;
	default:
		return false;
	}
	*out_index = mesh_rd_u32le(&r);
	return true;
}

/* A reader behind the type field of a message of that type, or a bad one. */
static struct mesh_rd
open_message(const uint8_t *buf, size_t len, enum mesh_wg_type type)
{
	struct mesh_rd r = mesh_rd_init(buf, len);

	if (mesh_wg_type(buf, len) != type)
		r.bad = true;
	mesh_rd_skip(&r, 4);
	return r;
}

int
mesh_wg_initiation_read(const uint8_t *buf, size_t len,
    struct mesh_wg_initiation *out)
{
	struct mesh_rd r = open_message(buf, len, MESH_WG_INITIATION);

	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	out->sender = mesh_rd_u32le(&r);
	mesh_rd_copy(&r, out->ephemeral, sizeof(out->ephemeral));
	mesh_rd_copy(&r, out->sealed_static, sizeof(out->sealed_static));
	mesh_rd_copy(&r, out->sealed_stamp, sizeof(out->sealed_stamp));
	return MESH_OK;
}

int
mesh_wg_response_read(const uint8_t *buf, size_t len,
    struct mesh_wg_response *out)
{
	struct mesh_rd r = open_message(buf, len, MESH_WG_RESPONSE);

	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	out->sender = mesh_rd_u32le(&r);
	out->receiver = mesh_rd_u32le(&r);
	mesh_rd_copy(&r, out->ephemeral, sizeof(out->ephemeral));
	mesh_rd_copy(&r, out->sealed_empty, sizeof(out->sealed_empty));
	return MESH_OK;
}

int
mesh_wg_cookie_read(const uint8_t *buf, size_t len, struct mesh_wg_cookie *out)
{
	struct mesh_rd r = open_message(buf, len, MESH_WG_COOKIE);

	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	out->receiver = mesh_rd_u32le(&r);
	mesh_rd_copy(&r, out->nonce, sizeof(out->nonce));
	mesh_rd_copy(&r, out->sealed_cookie, sizeof(out->sealed_cookie));
	return MESH_OK;
}

int
mesh_wg_data_read(const uint8_t *buf, size_t len, struct mesh_wg_data *out)
{
	struct mesh_rd r = open_message(buf, len, MESH_WG_DATA);

	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	out->receiver = mesh_rd_u32le(&r);
	out->counter = mesh_rd_u64le(&r);
	out->text_len = len - MESH_WG_DATA_MIN;
	return MESH_OK;
}

void
mesh_wg_initiation_write(const struct mesh_wg_initiation *m,
    uint8_t out[static MESH_WG_INITIATION_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_WG_INITIATION_LEN);

	mesh_wr_u32le(&w, MESH_WG_INITIATION);
	mesh_wr_u32le(&w, m->sender);
	mesh_wr_bytes(&w, m->ephemeral, sizeof(m->ephemeral));
	mesh_wr_bytes(&w, m->sealed_static, sizeof(m->sealed_static));
	mesh_wr_bytes(&w, m->sealed_stamp, sizeof(m->sealed_stamp));
	mesh_wr_zero(&w, 2 * MESH_WG_MAC_LEN);
}

void
mesh_wg_response_write(const struct mesh_wg_response *m,
    uint8_t out[static MESH_WG_RESPONSE_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_WG_RESPONSE_LEN);

	mesh_wr_u32le(&w, MESH_WG_RESPONSE);
	mesh_wr_u32le(&w, m->sender);
	mesh_wr_u32le(&w, m->receiver);
	mesh_wr_bytes(&w, m->ephemeral, sizeof(m->ephemeral));
	mesh_wr_bytes(&w, m->sealed_empty, sizeof(m->sealed_empty));
	mesh_wr_zero(&w, 2 * MESH_WG_MAC_LEN);
}

void
mesh_wg_cookie_write(const struct mesh_wg_cookie *m,
    uint8_t out[static MESH_WG_COOKIE_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_WG_COOKIE_LEN);

	mesh_wr_u32le(&w, MESH_WG_COOKIE);
	mesh_wr_u32le(&w, m->receiver);
	mesh_wr_bytes(&w, m->nonce, sizeof(m->nonce));
	mesh_wr_bytes(&w, m->sealed_cookie, sizeof(m->sealed_cookie));
}

void
mesh_wg_data_write(uint32_t receiver, uint64_t counter,
    uint8_t out[static MESH_WG_HEADER_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_WG_HEADER_LEN);

	mesh_wr_u32le(&w, MESH_WG_DATA);
	mesh_wr_u32le(&w, receiver);
	mesh_wr_u64le(&w, counter);
}
