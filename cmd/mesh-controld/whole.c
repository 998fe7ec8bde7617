/* SPDX-License-Identifier: ISC
 * whole.c - the whole map that a node gets at first (mapper.h).
 *
 * Most nodes see the same peers. The front keeps the text of those in 64 slots
 * at a time, compressed once, and a map names such parts: what is made anew for
 * each node is its own record, the peers in its own 64 slots, and routers: of
 * their routes not every node may know.
 */
#include "mapper_int.h"

#include "encode.h"

#include <stdlib.h>

#define PART_MIN 8 /* peers; fewer are not worth a part */

void
mapper_release_whole(struct mapper *mp)
{
	bits_release(&mp->rest);
	free(mp->parts);
	free(mp->part_list);
}

static bool
parts_fit(struct mapper *mp, size_t words)
{
	size_t cap = mp->part_cap;
	void *parts, *list;

	if (words <= cap)
		return true;
	parts = reallocarray(mp->parts, 2 * words, sizeof(*mp->parts));
	if (parts == NULL)
		return false;
	mp->parts = parts;
	list = reallocarray(mp->part_list, 2 * words, sizeof(*mp->part_list));
	if (list == NULL)
		return false;
	mp->part_list = list;
	memset(mp->parts + cap, 0, (2 * words - cap) * sizeof(*mp->parts));
	mp->part_cap = 2 * words;
	return true;
}

/* One of these members is not any more what the front was told. */
static void
part_check(struct mapper *mp, size_t i)
{
	uint64_t *stale = &mp->state->stale[i / 64];
	uint64_t bit = UINT64_C(1) << (i % 64);

	if (!(*stale & bit))
		return;
	*stale &= ~bit;
	if (mp->parts[i].told != 0)
		mp->parts[i].wanted = mp->parts[i].told;
	mp->parts[i].told = 0;
}

static bool
part_send(struct mapper *mp, size_t i, uint64_t set)
{
	uint64_t left = set;

	mesh_buf_clear(&mp->part);
	while (left != 0) {
		struct member *m = mp->state->slots[bits_pop(&left, i)];
		struct mesh_str text;

		if (m->rec.routes != NULL)
			return false; /* a router, and not among those yet */
		text = encode_peer(mp->state, m);
		if (text.len == 0)
			return false;
		mesh_buf_add(&mp->part, text.p, text.len);
		mesh_buf_add_byte(&mp->part, ',');
	}
	if (mp->part.failed)
		return false;
	mp->sink.part(mp->sink.arg, (uint32_t)i,
	    (struct mesh_str){(const char *)mp->part.data, mp->part.len});
	return true;
}

/* May a map name the part instead of these peers? The front is told of a set
 * that is asked for a second time. */
static bool
part_ready(struct mapper *mp, size_t i, uint64_t set)
{
	struct part *p = &mp->parts[i];

	part_check(mp, i);
	if (__builtin_popcountll(set) < PART_MIN)
		return false;
	if (p->told == set)
		return true;
	if (p->wanted != set || !part_send(mp, i, set)) {
		p->wanted = set;
		return false;
	}
	p->told = set;
	return true;
}

/* Fills mp->part_list with the parts that stand for some of the peers, and
 * mp->rest with the others: at least one, as no part ends with itself. */
static int
choose_parts(struct mapper *mp, const struct member *m,
    const struct bits *peers, bool parts, size_t *out_count)
{
	bool some = false;
	size_t count = 0;

	if (bits_fit(&mp->rest, mp->state->slot_count) != MESH_OK ||
	    !parts_fit(mp, peers->words))
		return MESH_ERR_NOMEM;
	bits_clear(&mp->rest);
	for (size_t i = 0; i < peers->words; i++) {
		uint64_t set = peers->w[i] &
		    ~bits_word(&mp->state->routers, i);

		mp->rest.w[i] = peers->w[i];
		if (parts && i != m->slot / 64 && part_ready(mp, i, set)) {
			mp->part_list[count++] = (uint32_t)i;
			mp->rest.w[i] &= ~set;
		}
		some |= mp->rest.w[i] != 0;
	}
	if (count > 0 && !some) {
		size_t last = mp->part_list[--count];

		mp->rest.w[last] = peers->w[last];
	}
	*out_count = count;
	return MESH_OK;
}

/* The response has no peers yet: they are what the text ends with. */
static void
send_parts(struct mapper *mp, struct mesh_map_response *r, uint64_t req,
    size_t count)
{
	const struct mesh_str *texts = r->peers.items;
	size_t text_count = r->peers.count, head_len;
	struct mesh_buf *out = &mp->text;

	r->peers = (struct mesh_bind_list){0};
	mesh_buf_clear(out);
	mesh_map_response_write(out, r);
	if (out->failed)
		return;
	mesh_buf_truncate(out, out->len - 1);
	mesh_buf_add_str(out, ",\"Peers\":[");
	head_len = out->len;
	for (size_t i = 0; i < text_count; i++) {
		if (i > 0)
			mesh_buf_add_byte(out, ',');
		mesh_buf_add(out, texts[i].p, texts[i].len);
	}
	mesh_buf_add_str(out, "]}");
	if (!out->failed)
		mp->sink.whole(mp->sink.arg, req, mp->part_list, count,
		    (struct mesh_str){(const char *)out->data, out->len},
		    head_len);
}

int
mapper_whole(struct mapper *mp, struct member *m, const struct bits *peers,
    uint64_t req, bool parts, uint64_t *out_ssh_mark, struct mesh_wall wall)
{
	const char *base = "base";
	struct mesh_str filter = mapper_filter(mp, m);
	struct mesh_map_response r = {
	    .relays = mp->cfg.relays,
	    .dns = mp->cfg.dns,
	    .domain = mp->cfg.suffix,
	    .collect_services = -1,
	    .control_time = wall,
	    /* Else stock nodes send their logs to their vendor. */
	    .debug = MESH_STR("{\"DisableLogTail\":true}"),
	};
	size_t count = 0;

	if (choose_parts(mp, m, peers, parts, &count) != MESH_OK)
		return MESH_ERR_NOMEM;
	r.ssh = mapper_ssh(mp, m, 0, out_ssh_mark);
	if (!mapper_self(mp, m, &r))
		return MESH_ERR_NOMEM;
	r.filters = (struct mesh_bind_map){.names = &base, .items = &filter,
	    .count = 1, .set = true};
	r.peers = mapper_peers(mp, m, &mp->rest);
	r.users = mapper_users(mp, m, peers);
	if (mp->users.failed || mp->filter.failed || mp->routers.failed ||
	    mp->ssh.failed)
		return MESH_ERR_NOMEM;
	if (count > 0)
		send_parts(mp, &r, req, count);
	else
		mapper_send(mp, &r, &req, 1);
	return mp->text.failed ? MESH_ERR_NOMEM : MESH_OK;
}
