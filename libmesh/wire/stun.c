/* SPDX-License-Identifier: ISC */
#include "wire/stun.h"

#include "base/rd.h"

#define COOKIE UINT32_C(0x2112a442)
#define TYPE_REQUEST 0x0001
#define TYPE_SUCCESS 0x0101
#define ATTR_MAPPED 0x0001
#define ATTR_XOR_MAPPED 0x0020
#define ATTR_XOR_MAPPED_OLD 0x8020 /* before RFC 5389 */
#define ATTR_SOFTWARE 0x8022
#define ATTR_FINGERPRINT 0x8028
#define FINGERPRINT_XOR UINT32_C(0x5354554e)
#define FINGERPRINT_LEN 8u /* bytes with the attribute's head */
#define FAMILY4 1
#define FAMILY6 2

static const char software[8] = {'t', 'a', 'i', 'l', 'n', 'o', 'd', 'e'};

struct attr {
	uint16_t type;
	struct mesh_rd value;
};

/* CRC-32 as in zlib, four bits at a time: requests are 32 bytes long, a big
 * table would not earn its cache lines. */
static uint32_t
crc32(const uint8_t *p, size_t len)
{
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8,
	    0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
	    0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

bool
mesh_stun_is(const void *buf, size_t len)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	uint8_t first = mesh_rd_u8(&r);

	mesh_rd_skip(&r, 3);
	return len >= MESH_STUN_HEAD_LEN && (first & 0xc0) == 0 &&
	       mesh_rd_u32be(&r) == COOKIE;
}

/* The header; *out_attrs reads the attributes. What lies behind the length that
 * the message states is ignored, as stock clients do. */
static int
parse_head(const void *buf, size_t len, uint16_t type,
    struct mesh_stun_txid *out_txid, struct mesh_rd *out_attrs)
{
	struct mesh_rd r = mesh_rd_init(buf, len);
	struct mesh_stun_txid txid = {0};

	if (len > MESH_STUN_INPUT_MAX || !mesh_stun_is(buf, len) ||
	    mesh_rd_u16be(&r) != type)
		return MESH_ERR_FORMAT;
	uint16_t stated = mesh_rd_u16be(&r);
	mesh_rd_skip(&r, 4);
	mesh_rd_copy(&r, txid.b, sizeof(txid.b));
	*out_attrs = mesh_rd_sub(&r, stated);
	if (mesh_rd_bad(&r))
		return MESH_ERR_FORMAT;
	*out_txid = txid;
	return MESH_OK;
}

/* The next attribute. Padding to 4 bytes may be missing behind the last one. */
static bool
next_attr(struct mesh_rd *attrs, struct attr *out)
{
	if (mesh_rd_left(attrs) == 0)
		return false;
	out->type = mesh_rd_u16be(attrs);
	size_t len = mesh_rd_u16be(attrs);
	out->value = mesh_rd_sub(attrs, len);
	size_t pad = -len & 3;
	mesh_rd_skip(attrs, pad < attrs->left ? pad : mesh_rd_left(attrs));
	return !mesh_rd_bad(attrs);
}

void
mesh_stun_request(const struct mesh_stun_txid *txid,
    uint8_t out[static MESH_STUN_REQUEST_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_STUN_REQUEST_LEN);

	mesh_wr_u16be(&w, TYPE_REQUEST);
	mesh_wr_u16be(&w, MESH_STUN_REQUEST_LEN - MESH_STUN_HEAD_LEN);
	mesh_wr_u32be(&w, COOKIE);
	mesh_wr_bytes(&w, txid->b, sizeof(txid->b));
	mesh_wr_u16be(&w, ATTR_SOFTWARE);
	mesh_wr_u16be(&w, sizeof(software));
	mesh_wr_bytes(&w, software, sizeof(software));
	uint32_t crc = crc32(out, w.len);
	mesh_wr_u16be(&w, ATTR_FINGERPRINT);
	mesh_wr_u16be(&w, 4);
	mesh_wr_u32be(&w, crc ^ FINGERPRINT_XOR);
}

int
mesh_stun_request_parse(const void *buf, size_t len,
    struct mesh_stun_txid *out_txid)
{
	struct mesh_stun_txid txid;
	struct mesh_rd attrs;
	struct attr a = {0};
	bool ours = false;

	int err = parse_head(buf, len, TYPE_REQUEST, &txid, &attrs);
	if (err < 0)
		return err;
	while (next_attr(&attrs, &a)) {
		if (a.type == ATTR_SOFTWARE && a.value.left == sizeof(software))
			ours |= !memcmp(a.value.p, software, sizeof(software));
	}
	if (!mesh_rd_done(&attrs) || !ours || a.type != ATTR_FINGERPRINT ||
	    a.value.left != 4)
		return MESH_ERR_FORMAT;
	size_t covered =
	    (size_t)(attrs.p - (const uint8_t *)buf) - FINGERPRINT_LEN;
	if (mesh_rd_u32be(&a.value) != (crc32(buf, covered) ^ FINGERPRINT_XOR))
		return MESH_ERR_FORMAT;
	*out_txid = txid;
	return MESH_OK;
}

/* The address is XORed with the cookie and the transaction id behind it. */
static void
xor_mask(const struct mesh_stun_txid *txid, uint8_t out[static 16])
{
	struct mesh_wr w = mesh_wr_init(out, 16);

	mesh_wr_u32be(&w, COOKIE);
	mesh_wr_bytes(&w, txid->b, sizeof(txid->b));
}

size_t
mesh_stun_response(const struct mesh_stun_txid *txid,
    const struct mesh_endpoint *seen,
    uint8_t out[static MESH_STUN_RESPONSE_MAX])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_STUN_RESPONSE_MAX);
	bool is4 = mesh_ip_is4(&seen->ip);
	const uint8_t *ip = is4 ? mesh_ip_bytes4(&seen->ip) : seen->ip.b;
	uint16_t ip_len = is4 ? 4 : 16;
	uint8_t mask[16];

	xor_mask(txid, mask);
	mesh_wr_u16be(&w, TYPE_SUCCESS);
	mesh_wr_u16be(&w, (uint16_t)(8 + ip_len));
	mesh_wr_u32be(&w, COOKIE);
	mesh_wr_bytes(&w, txid->b, sizeof(txid->b));
	mesh_wr_u16be(&w, ATTR_XOR_MAPPED);
	mesh_wr_u16be(&w, (uint16_t)(4 + ip_len));
	mesh_wr_u8(&w, 0);
	mesh_wr_u8(&w, is4 ? FAMILY4 : FAMILY6);
	mesh_wr_u16be(&w, (uint16_t)(seen->port ^ (COOKIE >> 16)));
	for (size_t i = 0; i < ip_len; i++)
		mesh_wr_u8(&w, ip[i] ^ mask[i]);
	return w.len;
}

/* An address attribute; mask is NULL for the plain form. */
static bool
parse_address(struct mesh_rd r, const uint8_t *mask, struct mesh_endpoint *out)
{
	uint8_t ip[16];

	mesh_rd_skip(&r, 1);
	uint8_t family = mesh_rd_u8(&r);
	uint16_t port = mesh_rd_u16be(&r);
	size_t ip_len = family == FAMILY4 ? 4 : 16;
	mesh_rd_copy(&r, ip, ip_len);
	if (!mesh_rd_done(&r) || (family != FAMILY4 && family != FAMILY6))
		return false;
	for (size_t i = 0; mask != NULL && i < ip_len; i++)
		ip[i] ^= mask[i];
	if (mask != NULL)
		port ^= (uint16_t)(COOKIE >> 16);
	out->ip = ip_len == 4 ? mesh_ip_from4(ip) : mesh_ip_from16(ip);
	out->port = port;
	return true;
}

int
mesh_stun_response_parse(const void *buf, size_t len,
    struct mesh_stun_txid *out_txid, struct mesh_endpoint *out_seen)
{
	struct mesh_stun_txid txid;
	struct mesh_endpoint seen = {0};
	struct mesh_rd attrs;
	struct attr a;
	uint8_t mask[16];
	bool plain = false, found = false;

	int err = parse_head(buf, len, TYPE_SUCCESS, &txid, &attrs);
	if (err < 0)
		return err;
	xor_mask(&txid, mask);
	while (!found && next_attr(&attrs, &a)) {
		if (a.type == ATTR_XOR_MAPPED || a.type == ATTR_XOR_MAPPED_OLD)
			found = parse_address(a.value, mask, &seen);
		else if (a.type == ATTR_MAPPED && !plain)
			plain = parse_address(a.value, NULL, &seen);
	}
	if (mesh_rd_bad(&attrs) || (!found && !plain) || seen.port == 0 ||
	    mesh_ip_is_none(&seen.ip))
		return MESH_ERR_FORMAT;
	*out_txid = txid;
	*out_seen = seen;
	return MESH_OK;
}
