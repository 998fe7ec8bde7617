/* SPDX-License-Identifier: ISC */
#include "filter/table.h"

#include <stdlib.h>

#include "base/rd.h"

#define ADDR_MAX 16u /* bytes of an address */

/* Addresses of one family, as they lie in the table: 4 or 16 bytes, lo and hi
 * behind each other, so that memcmp orders them. */
struct family {
	size_t addr_len;
	uint8_t *ranges;   /* range_count * 2 * addr_len */
	size_t range_count;
	struct entry *entries;
	size_t entry_count;
};

struct span { /* of a family's ranges */
	uint32_t from, count;
};

struct set {
	struct span four, six;
};

struct entry {
	uint8_t lo[ADDR_MAX], hi[ADDR_MAX];
	uint16_t first, last; /* ports */
	uint16_t protos;
	uint32_t set;
};

struct mesh_filter_table {
	bool shields;
	size_t set_count, proto_count;
	struct set *sets;
	uint8_t (*protos)[32];
	struct family four, six;
};

void
mesh_filter_table_free(struct mesh_filter_table *t)
{
	if (t == NULL)
		return;
	free(t->sets);
	free(t->protos);
	free(t->four.ranges);
	free(t->four.entries);
	free(t->six.ranges);
	free(t->six.entries);
	free(t);
}

/* --- reading */

/* Ranges of one set behind those read before. They ascend and do not touch. */
static int
read_span(struct mesh_rd *r, struct family *f, struct span *out)
{
	uint32_t count = mesh_rd_u32be(r);
	size_t len = 2 * f->addr_len;
	const uint8_t *p;
	uint8_t *to;

	if (count > MESH_FILTER_RANGES_MAX - f->range_count)
		return MESH_ERR_LIMIT;
	p = mesh_rd_take(r, count * len);
	if (p == NULL)
		return MESH_ERR_FORMAT;
	*out = (struct span){(uint32_t)f->range_count, count};
	if (count == 0)
		return MESH_OK;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *lo = p + i * len;

		if (memcmp(lo, lo + f->addr_len, f->addr_len) > 0 ||
		    (i > 0 && memcmp(lo - f->addr_len, lo, f->addr_len) >= 0))
			return MESH_ERR_FORMAT;
	}
	to = f->ranges + f->range_count * len;
	memcpy(to, p, count * len);
	f->range_count += count;
	return MESH_OK;
}

static int
read_sets(struct mesh_rd *r, struct mesh_filter_table *t)
{
	int err = MESH_OK;

	for (size_t i = 0; i < t->set_count && err == MESH_OK; i++) {
		err = read_span(r, &t->four, &t->sets[i].four);
		if (err == MESH_OK)
			err = read_span(r, &t->six, &t->sets[i].six);
	}
	return err;
}

static int
read_entries(struct mesh_rd *r, const struct mesh_filter_table *t,
    struct family *f)
{
	for (size_t i = 0; i < f->entry_count; i++) {
		struct entry *e = &f->entries[i];

		mesh_rd_copy(r, e->lo, f->addr_len);
		mesh_rd_copy(r, e->hi, f->addr_len);
		e->first = mesh_rd_u16be(r);
		e->last = mesh_rd_u16be(r);
		e->protos = mesh_rd_u16be(r);
		e->set = mesh_rd_u32be(r);
		if (mesh_rd_bad(r) || e->first > e->last ||
		    memcmp(e->lo, e->hi, f->addr_len) > 0 ||
		    e->protos >= t->proto_count || e->set >= t->set_count)
			return MESH_ERR_FORMAT;
	}
	return MESH_OK;
}

/* Memory for what the head announces; the ranges cannot be more than the bytes
 * that are left could hold. */
static int
table_alloc(struct mesh_filter_table *t, size_t left)
{
	if (t->set_count == 0 || t->set_count > MESH_FILTER_SETS_MAX ||
	    t->proto_count > MESH_FILTER_PROTOS_MAX ||
	    t->four.entry_count > MESH_FILTER_ENTRIES_MAX ||
	    t->six.entry_count > MESH_FILTER_ENTRIES_MAX)
		return MESH_ERR_LIMIT;
	t->sets = calloc(t->set_count, sizeof(*t->sets));
	t->protos = calloc(t->proto_count + 1, sizeof(*t->protos));
	t->four.ranges = malloc(left + 1);
	t->six.ranges = malloc(left + 1);
	t->four.entries = calloc(t->four.entry_count + 1,
	    sizeof(struct entry));
	t->six.entries = calloc(t->six.entry_count + 1, sizeof(struct entry));
	if (t->sets == NULL || t->protos == NULL || t->four.ranges == NULL ||
	    t->six.ranges == NULL || t->four.entries == NULL ||
	    t->six.entries == NULL)
		return MESH_ERR_NOMEM;
	return MESH_OK;
}

static void
ranges_trim(struct family *f)
{
	uint8_t *p = realloc(f->ranges, f->range_count * 2 * f->addr_len + 1);

	if (p != NULL)
		f->ranges = p;
}

static int
table_decode(struct mesh_rd *r, struct mesh_filter_table *t)
{
	uint32_t magic = mesh_rd_u32be(r);
	uint8_t flags = mesh_rd_u8(r);
	int err;

	t->shields = flags & MESH_FILTER_SHIELDS_UP;
	t->proto_count = mesh_rd_u16be(r);
	t->set_count = mesh_rd_u32be(r);
	t->four.entry_count = mesh_rd_u32be(r);
	t->six.entry_count = mesh_rd_u32be(r);
	if (mesh_rd_bad(r) || magic != MESH_FILTER_MAGIC ||
	    (flags & ~MESH_FILTER_SHIELDS_UP) != 0)
		return MESH_ERR_FORMAT;
	err = table_alloc(t, mesh_rd_left(r));
	if (err != MESH_OK)
		return err;
	mesh_rd_copy(r, t->protos, t->proto_count * sizeof(*t->protos));
	err = read_sets(r, t);
	if (err == MESH_OK)
		err = read_entries(r, t, &t->four);
	if (err == MESH_OK)
		err = read_entries(r, t, &t->six);
	if (err == MESH_OK && !mesh_rd_done(r))
		err = MESH_ERR_FORMAT;
	return err;
}

int
mesh_filter_table_read(const void *bytes, size_t len,
    struct mesh_filter_table **out, struct mesh_diag *diag)
{
	struct mesh_rd r = mesh_rd_init(bytes, len);
	struct mesh_filter_table *t;
	int err;

	if (len > MESH_FILTER_TABLE_MAX)
		return mesh_fail(diag, MESH_ERR_LIMIT,
		    "filter table of %zu bytes is too long", len);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return MESH_ERR_NOMEM;
	t->four.addr_len = 4;
	t->six.addr_len = 16;
	err = table_decode(&r, t);
	if (err != MESH_OK) {
		mesh_filter_table_free(t);
		return mesh_fail(diag, err, "filter table is broken at byte %zu",
		    len - r.left);
	}
	ranges_trim(&t->four);
	ranges_trim(&t->six);
	*out = t;
	return MESH_OK;
}

/* --- asking */

bool
mesh_filter_table_shields(const struct mesh_filter_table *t)
{
	return t->shields;
}

static const uint8_t *
family_addr(const struct family *f, const struct mesh_ip *ip)
{
	return ip->b + sizeof(ip->b) - f->addr_len;
}

static bool
span_has(const struct family *f, const struct span *s, const uint8_t *addr)
{
	const uint8_t *ranges = f->ranges + s->from * 2 * f->addr_len;
	size_t lo = 0, hi = s->count;

	while (lo < hi) { /* the first range that starts behind addr */
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(ranges + mid * 2 * f->addr_len, addr,
			f->addr_len) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 &&
	    memcmp(addr, ranges + (lo - 1) * 2 * f->addr_len + f->addr_len,
		f->addr_len) <= 0;
}

static bool
set_has(const struct mesh_filter_table *t, uint32_t set, bool four,
    const uint8_t *addr)
{
	return four ? span_has(&t->four, &t->sets[set].four, addr)
		    : span_has(&t->six, &t->sets[set].six, addr);
}

bool
mesh_filter_table_local(const struct mesh_filter_table *t,
    const struct mesh_ip *ip)
{
	bool four = mesh_ip_is4(ip);

	return set_has(t, 0, four, family_addr(four ? &t->four : &t->six, ip));
}

static bool
entry_takes(const struct mesh_filter_table *t, const struct entry *e,
    const struct mesh_filter_ask *ask)
{
	if (ask->match == MESH_FILTER_MATCH_ADDRESSES)
		return true;
	if (!(t->protos[e->protos][ask->proto / 8] & 1u << ask->proto % 8))
		return false;
	if (ask->match == MESH_FILTER_MATCH_ALL_PORTS)
		return e->first == 0 && e->last == UINT16_MAX;
	return e->first <= ask->port && ask->port <= e->last;
}

bool
mesh_filter_table_allows(const struct mesh_filter_table *t,
    const struct mesh_filter_ask *ask)
{
	bool four = mesh_ip_is4(ask->dst);
	const struct family *f = four ? &t->four : &t->six;
	const uint8_t *dst = family_addr(f, ask->dst);
	const uint8_t *src = family_addr(f, ask->src);

	for (size_t i = 0; i < f->entry_count; i++) {
		const struct entry *e = &f->entries[i];

		if (memcmp(e->lo, dst, f->addr_len) <= 0 &&
		    memcmp(dst, e->hi, f->addr_len) <= 0 &&
		    entry_takes(t, e, ask) && set_has(t, e->set, four, src))
			return true;
	}
	return false;
}
