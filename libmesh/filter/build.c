/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/rd.h"
#include "filter/table.h"

#define LOCAL_MAX 65536u /* our own ranges, while they are put together */

struct proto_set {
	uint8_t bits[32];
};

struct dest {
	struct mesh_range range;
	uint16_t first, last;
	uint16_t protos;
	uint32_t set;
};

struct mesh_filter_build {
	uint8_t flags;
	int err;
	struct mesh_ranges local, exit, hosts, interfaces;
	struct mesh_ranges *sets; /* finished sources; 0 is local */
	size_t set_count, set_cap;
	struct proto_set protos[MESH_FILTER_PROTOS_MAX];
	size_t proto_count;
	struct dest *dests;
	size_t dest_count, dest_cap;
	/* the rule begun last */
	bool in_rule;
	size_t rule_dest; /* its first destination */
	struct mesh_ranges sources;
	struct proto_set rule_protos;
};

/* What a default route of ours does not open: dataplane.md 10.2 step 5. */
static const char *const exit_hidden[] = {
	"10.0.0.0/8",
	"172.16.0.0/12",
	"192.168.0.0/16",
	"169.254.0.0/16",
	"224.0.0.0/4",
	"100.64.0.0/10",
	"fe80::/10",
	"ff00::/8",
	"fd7a:115c:a1e0::/48",
};

static const uint8_t default_protos[] = {6, 17, 1, 58};

struct mesh_filter_build *
mesh_filter_build_new(void)
{
	struct mesh_filter_build *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	mesh_ranges_init(&b->local, LOCAL_MAX);
	mesh_ranges_init(&b->exit, LOCAL_MAX);
	mesh_ranges_init(&b->hosts, LOCAL_MAX);
	mesh_ranges_init(&b->interfaces, LOCAL_MAX);
	mesh_ranges_init(&b->sources, MESH_FILTER_RANGES_MAX);
	return b;
}

void
mesh_filter_build_free(struct mesh_filter_build *b)
{
	if (b == NULL)
		return;
	mesh_ranges_release(&b->local);
	mesh_ranges_release(&b->exit);
	mesh_ranges_release(&b->hosts);
	mesh_ranges_release(&b->interfaces);
	mesh_ranges_release(&b->sources);
	for (size_t i = 0; i < b->set_count; i++)
		mesh_ranges_release(&b->sets[i]);
	free(b->sets);
	free(b->dests);
	free(b);
}

void
mesh_filter_build_shields(struct mesh_filter_build *b)
{
	b->flags |= MESH_FILTER_SHIELDS_UP;
}

void
mesh_filter_build_local(struct mesh_filter_build *b,
    const struct mesh_prefix *p)
{
	if (mesh_prefix_len(p) == 0)
		mesh_ranges_add_prefix(&b->exit, p);
	else
		mesh_ranges_add_prefix(&b->local, p);
}

void
mesh_filter_build_interface(struct mesh_filter_build *b,
    const struct mesh_prefix *p)
{
	struct mesh_prefix host = mesh_prefix_of(&p->ip);

	mesh_ranges_add_prefix(&b->interfaces, p);
	mesh_ranges_add_prefix(&b->hosts, &host);
}

/* Room for one more item in an array of them; false sticks as NOMEM or LIMIT. */
static bool
build_room(struct mesh_filter_build *b, void **items, size_t count,
    size_t *cap, size_t max, size_t size)
{
	size_t more = *cap ? *cap * 2 : 16;
	void *p;

	if (b->err != MESH_OK)
		return false;
	if (count >= max) {
		b->err = MESH_ERR_LIMIT;
		return false;
	}
	if (count < *cap)
		return true;
	p = reallocarray(*items, more, size);
	if (p == NULL) {
		b->err = MESH_ERR_NOMEM;
		return false;
	}
	*items = p;
	*cap = more;
	return true;
}

/* The index of a set with these ranges, which are handed over. */
static uint32_t
build_set(struct mesh_filter_build *b, struct mesh_ranges *ranges)
{
	void *sets = b->sets;
	size_t i;

	mesh_ranges_sort(ranges);
	if (ranges->failed)
		b->err = MESH_ERR_LIMIT;
	for (i = 1; i < b->set_count; i++)
		if (mesh_ranges_eq(&b->sets[i], ranges))
			return (uint32_t)i;
	if (!build_room(b, &sets, b->set_count, &b->set_cap,
		MESH_FILTER_SETS_MAX, sizeof(*b->sets)))
		return 0;
	b->sets = sets;
	b->sets[b->set_count++] = *ranges;
	mesh_ranges_init(ranges, MESH_FILTER_RANGES_MAX);
	return (uint32_t)i;
}

static uint16_t
build_protos(struct mesh_filter_build *b)
{
	size_t i;

	for (i = 0; i < b->proto_count; i++)
		if (!memcmp(&b->protos[i], &b->rule_protos,
			sizeof(b->rule_protos)))
			return (uint16_t)i;
	if (i == MESH_FILTER_PROTOS_MAX) {
		b->err = MESH_ERR_LIMIT;
		return 0;
	}
	b->protos[b->proto_count++] = b->rule_protos;
	return (uint16_t)i;
}

/* The rule is whole: its destinations learn their sources and protocols. */
static void
rule_end(struct mesh_filter_build *b)
{
	static const struct proto_set none;
	uint32_t set;
	uint16_t protos;

	if (!b->in_rule || b->dest_count == b->rule_dest)
		return;
	if (!memcmp(&b->rule_protos, &none, sizeof(none)))
		for (size_t i = 0; i < sizeof(default_protos); i++)
			mesh_filter_build_proto(b, default_protos[i]);
	if (b->set_count == 0) { /* the place of `local` */
		struct mesh_ranges local;

		mesh_ranges_init(&local, LOCAL_MAX);
		(void)build_set(b, &local);
	}
	set = build_set(b, &b->sources);
	protos = build_protos(b);
	for (size_t i = b->rule_dest; i < b->dest_count; i++) {
		b->dests[i].set = set;
		b->dests[i].protos = protos;
	}
}

void
mesh_filter_build_rule(struct mesh_filter_build *b)
{
	rule_end(b);
	b->in_rule = true;
	b->rule_dest = b->dest_count;
	b->sources.count = 0;
	b->rule_protos = (struct proto_set){0};
}

void
mesh_filter_build_proto(struct mesh_filter_build *b, uint8_t proto)
{
	b->rule_protos.bits[proto / 8] |= (uint8_t)(1u << proto % 8);
}

void
mesh_filter_build_source(struct mesh_filter_build *b,
    const struct mesh_range *r)
{
	mesh_ranges_add(&b->sources, r);
}

void
mesh_filter_build_dest(struct mesh_filter_build *b, const struct mesh_range *r,
    uint16_t first, uint16_t last)
{
	void *dests = b->dests;

	if (!build_room(b, &dests, b->dest_count, &b->dest_cap,
		MESH_FILTER_ENTRIES_MAX, sizeof(*b->dests)))
		return;
	b->dests = dests;
	b->dests[b->dest_count++] =
	    (struct dest){.range = *r, .first = first, .last = last};
}

/* Our addresses and routes; the internet too for an exit node. */
static void
build_local(struct mesh_filter_build *b)
{
	struct mesh_prefix hidden;

	mesh_ranges_sort(&b->exit);
	for (size_t i = 0; i < sizeof(exit_hidden) / sizeof(*exit_hidden); i++)
		if (mesh_prefix_parse(mesh_str(exit_hidden[i]), &hidden) ==
		    MESH_OK)
			mesh_ranges_remove_prefix(&b->exit, &hidden);
	for (size_t i = 0; i < b->interfaces.count; i++)
		mesh_ranges_remove(&b->exit, &b->interfaces.items[i]);
	if (b->exit.count > 0)
		mesh_ranges_add_set(&b->exit, &b->hosts);
	mesh_ranges_add_set(&b->local, &b->exit);
	mesh_ranges_sort(&b->local);
	if (b->local.failed || b->exit.failed || b->interfaces.failed ||
	    b->hosts.failed)
		b->err = MESH_ERR_LIMIT;
}

static size_t
count_family(const struct mesh_ranges *s, bool four)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += mesh_ip_is4(&s->items[i].lo) == four;
	return n;
}

static void
put_u32(struct mesh_buf *out, size_t v)
{
	uint8_t bytes[4];
	struct mesh_wr w = mesh_wr_init(bytes, sizeof(bytes));

	mesh_wr_u32be(&w, (uint32_t)v);
	(void)mesh_buf_add(out, bytes, sizeof(bytes));
}

static void
put_u16(struct mesh_buf *out, uint16_t v)
{
	(void)mesh_buf_add_byte(out, (uint8_t)(v >> 8));
	(void)mesh_buf_add_byte(out, (uint8_t)v);
}

static void
put_range(struct mesh_buf *out, const struct mesh_range *r, bool four)
{
	size_t skip = four ? 12 : 0;

	(void)mesh_buf_add(out, r->lo.b + skip, 16 - skip);
	(void)mesh_buf_add(out, r->hi.b + skip, 16 - skip);
}

static void
put_set(struct mesh_buf *out, const struct mesh_ranges *s)
{
	for (int four = 1; four >= 0; four--) {
		put_u32(out, count_family(s, four));
		for (size_t i = 0; i < s->count; i++)
			if (mesh_ip_is4(&s->items[i].lo) == four)
				put_range(out, &s->items[i], four);
	}
}

static void
put_dests(const struct mesh_filter_build *b, struct mesh_buf *out, bool four)
{
	for (size_t i = 0; i < b->dest_count; i++) {
		const struct dest *d = &b->dests[i];

		if (mesh_ip_is4(&d->range.lo) != four)
			continue;
		put_range(out, &d->range, four);
		put_u16(out, d->first);
		put_u16(out, d->last);
		put_u16(out, d->protos);
		put_u32(out, d->set);
	}
}

int
mesh_filter_build_finish(struct mesh_filter_build *b, struct mesh_buf *out)
{
	size_t four = 0;

	rule_end(b);
	b->in_rule = false;
	build_local(b);
	if (b->err != MESH_OK)
		return b->err;
	for (size_t i = 0; i < b->dest_count; i++)
		four += mesh_ip_is4(&b->dests[i].range.lo);
	put_u32(out, MESH_FILTER_MAGIC);
	(void)mesh_buf_add_byte(out, b->flags);
	put_u16(out, (uint16_t)b->proto_count);
	put_u32(out, b->set_count ? b->set_count : 1);
	put_u32(out, four);
	put_u32(out, b->dest_count - four);
	(void)mesh_buf_add(out, b->protos,
	    b->proto_count * sizeof(*b->protos));
	put_set(out, &b->local);
	for (size_t i = 1; i < b->set_count; i++)
		put_set(out, &b->sets[i]);
	put_dests(b, out, true);
	put_dests(b, out, false);
	return out->failed ? MESH_ERR_LIMIT : MESH_OK;
}
