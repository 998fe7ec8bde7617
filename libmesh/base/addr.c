/* SPDX-License-Identifier: ISC */
#include "base/addr.h"

#include <stdio.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool
mesh_ip_is_none(const struct mesh_ip *ip)
{
	static const struct mesh_ip none;

	return mesh_ip_eq(ip, &none);
}

bool
mesh_ip_is4(const struct mesh_ip *ip)
{
	return memcmp(ip->b, mapped, sizeof(mapped)) == 0;
}

bool
mesh_ip_eq(const struct mesh_ip *a, const struct mesh_ip *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool
mesh_endpoint_eq(const struct mesh_endpoint *a, const struct mesh_endpoint *b)
{
	return a->port == b->port && mesh_ip_eq(&a->ip, &b->ip);
}

struct mesh_ip
mesh_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return mesh_ip_from4((uint8_t[]){a, b, c, d});
}

struct mesh_ip
mesh_ip_from4(const uint8_t b[static 4])
{
	struct mesh_ip ip;

	memcpy(ip.b, mapped, sizeof(mapped));
	memcpy(ip.b + 12, b, 4);
	return ip;
}

struct mesh_ip
mesh_ip_from16(const uint8_t b[static 16])
{
	struct mesh_ip ip;

	memcpy(ip.b, b, 16);
	return ip;
}

const uint8_t *
mesh_ip_bytes4(const struct mesh_ip *ip)
{
	return ip->b + 12;
}

/* Ranges in the 128-bit form: an IPv4 length counts 96 more. */
#define RANGE4(a, b, len)                                                      \
	{                                                                      \
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), 0, 0}},  \
		    96 + (len)                                                 \
	}

static const struct mesh_prefix loopback[] = {
	RANGE4(127, 0, 8),
	{{{[15] = 1}}, 128},
};
static const struct mesh_prefix linklocal[] = {
	RANGE4(169, 254, 16),
	{{{0xfe, 0x80}}, 10},
};
static const struct mesh_prefix multicast[] = {
	RANGE4(224, 0, 4),
	{{{0xff}}, 8},
};
static const struct mesh_prefix private[] = {
	RANGE4(10, 0, 8),
	RANGE4(172, 16, 12),
	RANGE4(192, 168, 16),
	{{{0xfc}}, 7},
};
static const struct mesh_prefix mesh[] = {
	RANGE4(100, 64, 10),
	{{{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0}}, 48},
};

#define IN(ip, table) in_ranges(ip, table, sizeof(table) / sizeof(*(table)))

static bool
in_ranges(const struct mesh_ip *ip, const struct mesh_prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (mesh_prefix_has(&p[i], ip))
			return true;
	return false;
}

bool
mesh_ip_is_loopback(const struct mesh_ip *ip)
{
	return IN(ip, loopback);
}

bool
mesh_ip_is_linklocal(const struct mesh_ip *ip)
{
	return IN(ip, linklocal);
}

bool
mesh_ip_is_multicast(const struct mesh_ip *ip)
{
	return IN(ip, multicast);
}

bool
mesh_ip_is_private(const struct mesh_ip *ip)
{
	return IN(ip, private);
}

bool
mesh_ip_is_mesh(const struct mesh_ip *ip)
{
	return IN(ip, mesh);
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return memcmp(a, b, whole) == 0 &&
	    (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

bool
mesh_prefix_has(const struct mesh_prefix *p, const struct mesh_ip *ip)
{
	/* ::/0 is all of IPv6 and nothing of IPv4. */
	if (p->bits < 96 && mesh_ip_is4(ip))
		return false;
	return same_bits(p->ip.b, ip->b, p->bits);
}

bool
mesh_prefix_covers(const struct mesh_prefix *a, const struct mesh_prefix *b)
{
	return a->bits <= b->bits && mesh_prefix_has(a, &b->ip);
}

bool
mesh_prefix_eq(const struct mesh_prefix *a, const struct mesh_prefix *b)
{
	return a->bits == b->bits && mesh_ip_eq(&a->ip, &b->ip);
}

struct mesh_prefix
mesh_prefix_of(const struct mesh_ip *ip)
{
	return (struct mesh_prefix){*ip, 128};
}

bool
mesh_prefix_is_single(const struct mesh_prefix *p)
{
	return p->bits == 128;
}

unsigned
mesh_prefix_len(const struct mesh_prefix *p)
{
	return p->bits >= 96 && mesh_ip_is4(&p->ip) ? p->bits - 96u : p->bits;
}

struct mesh_prefix
mesh_prefix_masked(struct mesh_prefix p)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = p.bits > 8 * i ? p.bits - 8 * i : 0;

		if (keep < 8)
			p.ip.b[i] = (uint8_t)(p.ip.b[i] & (0xff00u >> keep));
	}
	return p;
}

/* "a.b.c.d" whole, without leading zeros. */
static bool
parse_quad(struct mesh_str s, uint8_t out[static 4])
{
	for (int i = 0; i < 4; i++) {
		struct mesh_str part = mesh_str_cut(&s, '.');
		uint64_t v;

		if (part.len > 3 || (part.len > 1 && part.p[0] == '0') ||
		    mesh_parse_u64(part, 255, &v) != MESH_OK)
			return false;
		out[i] = (uint8_t)v;
	}
	return s.p == NULL;
}

static bool
parse_group(struct mesh_str s, uint8_t out[static 2])
{
	unsigned v = 0;

	if (s.len == 0 || s.len > 4)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v |= (unsigned)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v |= (unsigned)(c - 'A' + 10);
		else
			return false;
	}
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
	return true;
}

/* Groups separated by colons, the last perhaps a dotted quad, into out; the
 * number of bytes, or -1. An empty text is no group. */
static int
parse_groups(struct mesh_str s, uint8_t out[static 16])
{
	int len = 0;

	while (s.len > 0) {
		struct mesh_str part = mesh_str_cut(&s, ':');
		bool last = s.p == NULL;

		if (!last && s.len == 0)
			return -1; /* a colon at the end */
		if (last && part.len > 0 &&
		    memchr(part.p, '.', part.len) != NULL) {
			if (len > 12 || !parse_quad(part, out + len))
				return -1;
			return len + 4;
		}
		if (len > 14 || !parse_group(part, out + len))
			return -1;
		len += 2;
	}
	return len;
}

static const char *
find_gap(struct mesh_str s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.p[i] == ':' && s.p[i + 1] == ':')
			return s.p + i;
	return NULL;
}

static bool
parse_ip6(struct mesh_str s, struct mesh_ip *out)
{
	const char *gap = find_gap(s);
	uint8_t head[16] = {0}, tail[16] = {0};
	struct mesh_str left = s, right = {NULL, 0};
	int head_len, tail_len = 0;

	if (gap != NULL) {
		left.len = (size_t)(gap - s.p);
		right = (struct mesh_str){gap + 2, s.len - left.len - 2};
		tail_len = parse_groups(right, tail);
		if (left.len > 0 && memchr(left.p, '.', left.len) != NULL)
			return false;
	}
	head_len = parse_groups(left, head);
	if (head_len < 0 || tail_len < 0 ||
	    (gap ? head_len + tail_len > 14 : head_len != 16))
		return false;
	memset(out->b, 0, sizeof(out->b));
	memcpy(out->b, head, (size_t)head_len);
	memcpy(out->b + 16 - tail_len, tail, (size_t)tail_len);
	return true;
}

int
mesh_ip_parse(struct mesh_str s, struct mesh_ip *out)
{
	uint8_t quad[4];

	if (s.len == 0 || s.len >= MESH_IP_TEXT)
		return MESH_ERR_FORMAT;
	if (memchr(s.p, ':', s.len) != NULL)
		return parse_ip6(s, out) ? MESH_OK : MESH_ERR_FORMAT;
	if (!parse_quad(s, quad))
		return MESH_ERR_FORMAT;
	*out = mesh_ip_from4(quad);
	return MESH_OK;
}

int
mesh_prefix_parse(struct mesh_str s, struct mesh_prefix *out)
{
	struct mesh_str ip = mesh_str_cut(&s, '/');
	struct mesh_prefix p;
	uint64_t bits;
	bool is4;

	if (s.p == NULL || s.len > 3 || (s.len > 1 && s.p[0] == '0') ||
	    mesh_ip_parse(ip, &p.ip) != MESH_OK)
		return MESH_ERR_FORMAT;
	is4 = memchr(ip.p, ':', ip.len) == NULL;
	if (mesh_parse_u64(s, is4 ? 32 : 128, &bits) != MESH_OK)
		return MESH_ERR_FORMAT;
	p.bits = (uint8_t)(bits + (is4 ? 96 : 0));
	*out = p;
	return MESH_OK;
}

int
mesh_prefix_or_ip_parse(struct mesh_str s, struct mesh_prefix *out)
{
	struct mesh_ip ip;

	if (s.len > 0 && memchr(s.p, '/', s.len) != NULL)
		return mesh_prefix_parse(s, out);
	if (mesh_ip_parse(s, &ip) != MESH_OK)
		return MESH_ERR_FORMAT;
	*out = mesh_prefix_of(&ip);
	return MESH_OK;
}

int
mesh_endpoint_parse(struct mesh_str s, struct mesh_endpoint *out)
{
	struct mesh_str host = s, port = {NULL, 0};
	struct mesh_endpoint e;
	bool bracket = s.len > 0 && s.p[0] == '[';
	uint64_t v;

	for (size_t i = s.len; i > 0; i--) {
		if (s.p[i - 1] != ':')
			continue;
		host.len = i - 1;
		port = (struct mesh_str){s.p + i, s.len - i};
		break;
	}
	if (bracket) {
		if (host.len < 2 || host.p[host.len - 1] != ']')
			return MESH_ERR_FORMAT;
		host.p++;
		host.len -= 2;
	}
	if (port.len == 0 || port.len > 5 ||
	    mesh_parse_u64(port, UINT16_MAX, &v) != MESH_OK ||
	    mesh_ip_parse(host, &e.ip) != MESH_OK ||
	    bracket != (memchr(host.p, ':', host.len) != NULL))
		return MESH_ERR_FORMAT;
	e.port = (uint16_t)v;
	*out = e;
	return MESH_OK;
}

/* RFC 5952: the first longest run of two or more zero groups becomes "::". */
static void
format_ip6(const uint8_t b[static 16], char *out, size_t size)
{
	unsigned g[8];
	int start = -1, len = 1;
	size_t at = 0;

	for (int i = 0; i < 8; i++)
		g[i] = (unsigned)(b[2 * i] << 8 | b[2 * i + 1]);
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && g[i + n] == 0)
			n++;
		if (n > len) {
			start = i;
			len = n;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			at += (size_t)snprintf(out + at, size - at, "::");
			i += len - 1;
			continue;
		}
		at += (size_t)snprintf(out + at, size - at, "%s%x",
		    i > 0 && i != start + (start < 0 ? 0 : len) ? ":" : "",
		    g[i]);
	}
}

char *
mesh_ip_format(const struct mesh_ip *ip, char out[static MESH_IP_TEXT])
{
	const uint8_t *b = mesh_ip_bytes4(ip);

	if (mesh_ip_is4(ip))
		snprintf(out, MESH_IP_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2],
		    b[3]);
	else
		format_ip6(ip->b, out, MESH_IP_TEXT);
	return out;
}

char *
mesh_prefix_format(const struct mesh_prefix *p,
    char out[static MESH_PREFIX_TEXT])
{
	size_t len;

	mesh_ip_format(&p->ip, out);
	len = strlen(out);
	snprintf(out + len, MESH_PREFIX_TEXT - len, "/%u", mesh_prefix_len(p));
	return out;
}

char *
mesh_endpoint_format(const struct mesh_endpoint *e,
    char out[static MESH_ENDPOINT_TEXT])
{
	char ip[MESH_IP_TEXT];

	snprintf(out, MESH_ENDPOINT_TEXT,
	    mesh_ip_is4(&e->ip) ? "%s:%u" : "[%s]:%u",
	    mesh_ip_format(&e->ip, ip), e->port);
	return out;
}
