/* SPDX-License-Identifier: ISC */
#include "base/range.h"

#include <stdlib.h>

#define RANGES_FIRST 8u /* ranges of the first allocation */

/* IPv4 before IPv6, then by value. */
static int
ip_cmp(const struct mesh_ip *a, const struct mesh_ip *b)
{
	int six_a = !mesh_ip_is4(a), six_b = !mesh_ip_is4(b);

	if (six_a != six_b)
		return six_a - six_b;
	return memcmp(a->b, b->b, sizeof(a->b));
}

/* One up or down; the caller knows that there is a next one. */
static struct mesh_ip
ip_step(struct mesh_ip ip, bool up)
{
	size_t i = sizeof(ip.b);

	while (i-- > 0) {
		ip.b[i] = (uint8_t)(ip.b[i] + (up ? 1 : -1));
		if (ip.b[i] != (up ? 0 : UINT8_MAX))
			break;
	}
	return ip;
}

struct mesh_range
mesh_range_of(const struct mesh_prefix *p)
{
	struct mesh_range r = {.lo = mesh_prefix_masked(*p).ip};

	r.hi = r.lo;
	for (unsigned bit = p->bits; bit < 128; bit++)
		r.hi.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return r;
}

bool
mesh_range_has(const struct mesh_range *r, const struct mesh_ip *ip)
{
	return mesh_ip_is4(&r->lo) == mesh_ip_is4(ip) &&
	    memcmp(r->lo.b, ip->b, sizeof(ip->b)) <= 0 &&
	    memcmp(ip->b, r->hi.b, sizeof(ip->b)) <= 0;
}

bool
mesh_range_overlaps(const struct mesh_range *a, const struct mesh_range *b)
{
	return mesh_ip_is4(&a->lo) == mesh_ip_is4(&b->lo) &&
	    memcmp(a->lo.b, b->hi.b, sizeof(a->lo.b)) <= 0 &&
	    memcmp(b->lo.b, a->hi.b, sizeof(a->lo.b)) <= 0;
}

bool
mesh_range_covers(const struct mesh_range *a, const struct mesh_range *b)
{
	return mesh_range_has(a, &b->lo) &&
	    memcmp(b->hi.b, a->hi.b, sizeof(b->hi.b)) <= 0;
}

int
mesh_range_parse(struct mesh_str s, struct mesh_range *out)
{
	struct mesh_str rest = s, first = mesh_str_cut(&rest, '-');
	struct mesh_prefix p, masked;
	struct mesh_range r;

	if (rest.p != NULL) {
		if (mesh_ip_parse(first, &r.lo) != MESH_OK ||
		    mesh_ip_parse(rest, &r.hi) != MESH_OK ||
		    mesh_ip_is4(&r.lo) != mesh_ip_is4(&r.hi) ||
		    ip_cmp(&r.lo, &r.hi) > 0)
			return MESH_ERR_FORMAT;
		*out = r;
		return MESH_OK;
	}
	if (mesh_prefix_or_ip_parse(s, &p) != MESH_OK)
		return MESH_ERR_FORMAT;
	masked = mesh_prefix_masked(p);
	if (!mesh_prefix_eq(&p, &masked))
		return MESH_ERR_FORMAT;
	*out = mesh_range_of(&p);
	return MESH_OK;
}

/* The prefix that is exactly r, if there is one. */
static bool
range_prefix(const struct mesh_range *r, struct mesh_prefix *out)
{
	struct mesh_prefix p = {.ip = r->lo};
	struct mesh_range whole;

	while (p.bits < 128 && !((r->lo.b[p.bits / 8] ^ r->hi.b[p.bits / 8]) &
				   0x80u >> p.bits % 8))
		p.bits++;
	if (mesh_ip_is4(&r->lo) && p.bits < 96)
		return false;
	whole = mesh_range_of(&p);
	if (memcmp(&whole, r, sizeof(whole)) != 0)
		return false;
	*out = p;
	return true;
}

char *
mesh_range_format(const struct mesh_range *r,
    char out[static MESH_RANGE_TEXT])
{
	char lo[MESH_IP_TEXT], hi[MESH_IP_TEXT];
	struct mesh_prefix p;

	if (range_prefix(r, &p)) {
		if (mesh_prefix_is_single(&p))
			return mesh_ip_format(&p.ip, out);
		return mesh_prefix_format(&p, out);
	}
	(void)mesh_format(out, MESH_RANGE_TEXT, "%s-%s",
	    mesh_ip_format(&r->lo, lo), mesh_ip_format(&r->hi, hi));
	return out;
}

void
mesh_ranges_init(struct mesh_ranges *s, size_t max)
{
	*s = (struct mesh_ranges){.max = max};
}

void
mesh_ranges_release(struct mesh_ranges *s)
{
	free(s->items);
	mesh_ranges_init(s, s->max);
}

static bool
ranges_room(struct mesh_ranges *s, size_t n)
{
	size_t cap = s->cap ? s->cap : RANGES_FIRST;
	struct mesh_range *items;

	if (s->failed || n > s->max - s->count)
		goto fail;
	if (s->cap - s->count >= n)
		return true;
	while (cap - s->count < n)
		cap *= 2;
	items = reallocarray(s->items, cap, sizeof(*items));
	if (items == NULL)
		goto fail;
	s->items = items;
	s->cap = cap;
	return true;
fail:
	s->failed = true;
	return false;
}

void
mesh_ranges_add(struct mesh_ranges *s, const struct mesh_range *r)
{
	if (ranges_room(s, 1))
		s->items[s->count++] = *r;
}

void
mesh_ranges_add_prefix(struct mesh_ranges *s, const struct mesh_prefix *p)
{
	struct mesh_range r = mesh_range_of(p);

	mesh_ranges_add(s, &r);
}

void
mesh_ranges_add_set(struct mesh_ranges *s, const struct mesh_ranges *from)
{
	if (from->count == 0 || !ranges_room(s, from->count))
		return;
	memcpy(s->items + s->count, from->items,
	    from->count * sizeof(*from->items));
	s->count += from->count;
}

void
mesh_ranges_add_all(struct mesh_ranges *s)
{
	struct mesh_prefix four = {.ip = mesh_ip4(0, 0, 0, 0), .bits = 96};
	struct mesh_prefix six = {0};

	mesh_ranges_add_prefix(s, &four);
	mesh_ranges_add_prefix(s, &six);
}

static int
range_cmp(const void *a, const void *b)
{
	const struct mesh_range *x = a, *y = b;

	return ip_cmp(&x->lo, &y->lo);
}

/* Does b, which does not start before a, continue a without a gap? */
static bool
range_joins(const struct mesh_range *a, const struct mesh_range *b)
{
	struct mesh_ip next;

	if (mesh_ip_is4(&a->lo) != mesh_ip_is4(&b->lo))
		return false;
	if (memcmp(&b->lo, &a->hi, sizeof(b->lo)) <= 0)
		return true;
	next = ip_step(a->hi, true);
	return mesh_ip_eq(&next, &b->lo);
}

void
mesh_ranges_sort(struct mesh_ranges *s)
{
	size_t n = 0;

	if (s->count < 2)
		return;
	qsort(s->items, s->count, sizeof(*s->items), range_cmp);
	for (size_t i = 1; i < s->count; i++) {
		struct mesh_range *last = &s->items[n], *r = &s->items[i];

		if (!range_joins(last, r))
			s->items[++n] = *r;
		else if (memcmp(&last->hi, &r->hi, sizeof(r->hi)) < 0)
			last->hi = r->hi;
	}
	s->count = n + 1;
}

void
mesh_ranges_remove(struct mesh_ranges *s, const struct mesh_range *r)
{
	size_t count = s->count, n = 0;
	struct mesh_range tail;
	bool split = false;

	for (size_t i = 0; i < count; i++) {
		struct mesh_range it = s->items[i];

		if (!mesh_range_overlaps(&it, r)) {
			s->items[n++] = it;
			continue;
		}
		bool left = memcmp(&it.lo, &r->lo, sizeof(it.lo)) < 0;
		bool right = memcmp(&r->hi, &it.hi, sizeof(it.hi)) < 0;

		if (left && right) {
			/* r lies inside; no other range can overlap it */
			tail = (struct mesh_range){ip_step(r->hi, true), it.hi};
			split = true;
		}
		if (left)
			s->items[n++] = (struct mesh_range){it.lo,
			    ip_step(r->lo, false)};
		else if (right)
			s->items[n++] = (struct mesh_range){
			    ip_step(r->hi, true), it.hi};
	}
	s->count = n;
	if (split) {
		mesh_ranges_add(s, &tail);
		mesh_ranges_sort(s);
	}
}

void
mesh_ranges_remove_prefix(struct mesh_ranges *s, const struct mesh_prefix *p)
{
	struct mesh_range r = mesh_range_of(p);

	mesh_ranges_remove(s, &r);
}

/* The last range of the family that does not start behind ip, or NULL. (The end
 * of an IPv6 range may look like an IPv4 address, so the family is told.) */
static const struct mesh_range *
ranges_before(const struct mesh_ranges *s, bool four, const struct mesh_ip *ip)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct mesh_ip *start = &s->items[mid].lo;
		bool start4 = mesh_ip_is4(start);

		if (start4 == four ? memcmp(start, ip, sizeof(*ip)) <= 0
				   : start4)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? &s->items[lo - 1] : NULL;
}

bool
mesh_ranges_has(const struct mesh_ranges *s, const struct mesh_ip *ip)
{
	const struct mesh_range *r = ranges_before(s, mesh_ip_is4(ip), ip);

	return r != NULL && mesh_range_has(r, ip);
}

bool
mesh_ranges_overlap(const struct mesh_ranges *s, const struct mesh_range *r)
{
	const struct mesh_range *last =
	    ranges_before(s, mesh_ip_is4(&r->lo), &r->hi);

	return last != NULL && mesh_range_overlaps(last, r);
}

bool
mesh_ranges_cover(const struct mesh_ranges *s, const struct mesh_range *r)
{
	const struct mesh_range *last =
	    ranges_before(s, mesh_ip_is4(&r->lo), &r->lo);

	return last != NULL && mesh_range_covers(last, r);
}

bool
mesh_ranges_eq(const struct mesh_ranges *a, const struct mesh_ranges *b)
{
	return a->count == b->count &&
	    (a->count == 0 ||
		!memcmp(a->items, b->items, a->count * sizeof(*a->items)));
}
