/* SPDX-License-Identifier: ISC
 * What nodes are told: the whole map once, differences from then on, one text
 * for all to whom it applies, nothing of whom they may not see.
 */
#include "mesh-controld/mapper.h"

#include "controld_lab.h"

#include <netmap/response.h>
#include <stdlib.h>

#define FRAMES_MAX 64
#define WALL ((struct mesh_wall){1000000, 5})

/* Everything that was sent, decoded. */
struct frame {
	uint64_t reqs[8];
	size_t count;
	char *text;
	struct mesh_arena arena;
	struct mesh_map_response r;
};

static struct {
	struct lab lab;
	struct access *access;
	struct mapper *mapper;
	struct user *alice, *bob;
	char alice_key[AUTHKEY_TEXT], bob_key[AUTHKEY_TEXT],
	    tag_key[AUTHKEY_TEXT];
	struct frame frames[FRAMES_MAX];
	size_t count;
	uint64_t ended[8];
	size_t ended_count;
	char *parts[4]; /* what the front would keep */
	size_t part_count; /* that were sent, and used in the last map */
	size_t parts_used;
} t;

static void
on_frame(void *arg, const uint64_t *reqs, size_t count, struct mesh_str text)
{
	struct frame *f = &t.frames[t.count++];
	struct mesh_diag diag = {""};

	(void)arg;
	assert_true(t.count <= FRAMES_MAX && count <= ARRAY_LEN(f->reqs));
	memcpy(f->reqs, reqs, count * sizeof(*reqs));
	f->count = count;
	f->text = strndup(text.p, text.len);
	mesh_arena_init(&f->arena, MESH_RESPONSE_MEMORY);
	f->r = (struct mesh_map_response){0};
	if (mesh_map_response_parse(mesh_str(f->text), &f->arena, &f->r,
		&diag) != MESH_OK)
		fail_msg("%s in %s", diag.text, f->text);
	assert_true(mesh_wall_is_set(f->r.control_time));
}

static void
on_part(void *arg, uint32_t index, struct mesh_str text)
{
	(void)arg;
	assert_true(index < ARRAY_LEN(t.parts));
	free(t.parts[index]);
	t.parts[index] = strndup(text.p, text.len);
	t.part_count++;
}

/* As the front does: head, parts, tail are one text. */
static void
on_whole(void *arg, uint64_t req, const uint32_t *parts, size_t count,
    struct mesh_str text, size_t head_len)
{
	struct mesh_buf b;

	assert_true(head_len < text.len && count > 0);
	mesh_buf_init(&b, 1 << 20);
	mesh_buf_add(&b, text.p, head_len);
	for (size_t i = 0; i < count; i++)
		mesh_buf_add_str(&b, t.parts[parts[i]]);
	mesh_buf_add(&b, text.p + head_len, text.len - head_len);
	assert_false(b.failed);
	t.parts_used = count;
	on_frame(arg, &req, 1,
	    (struct mesh_str){(const char *)b.data, b.len});
	mesh_buf_release(&b);
}

static void
on_end(void *arg, uint64_t req)
{
	(void)arg;
	assert_true(t.ended_count < ARRAY_LEN(t.ended));
	t.ended[t.ended_count++] = req;
}

static void
forget(void)
{
	for (size_t i = 0; i < t.count; i++) {
		mesh_arena_release(&t.frames[i].arena);
		free(t.frames[i].text);
	}
	t.count = t.ended_count = t.part_count = t.parts_used = 0;
}

static int
setup(void **state)
{
	static const struct mapper_config cfg = {.suffix = "mesh.test",
	    .relays = {"{\"Regions\":{}}", 14},
	    .dns = {"{\"Proxied\":true}", 16}};
	static const struct mapper_sink sink = {on_frame, on_end, on_part,
	    on_whole, NULL};

	(void)state;
	memset(&t, 0, sizeof(t));
	lab_open(&t.lab, ":memory:");
	t.alice = lab_user(&t.lab, "alice");
	t.bob = lab_user(&t.lab, "bob");
	lab_key(&t.lab, t.alice, true, "", t.alice_key);
	lab_key(&t.lab, t.bob, true, "", t.bob_key);
	lab_key(&t.lab, t.bob, true, "tag:server", t.tag_key);
	t.access = access_new();
	t.mapper = mapper_new(&cfg, t.lab.s, t.access, &sink);
	return t.access != NULL && t.mapper != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	forget();
	for (size_t i = 0; i < ARRAY_LEN(t.parts); i++) {
		free(t.parts[i]);
		t.parts[i] = NULL;
	}
	mapper_free(t.mapper);
	access_free(t.access);
	lab_close(&t.lab);
	return 0;
}

static void
flush(void)
{
	forget();
	mapper_flush(t.mapper, WALL);
}

static void
open_stream(struct member *m, uint64_t req)
{
	assert_int_equal(mapper_open(t.mapper, m, req, &m->rec.key,
			     false, WALL),
	    MESH_OK);
}

static void
policy(const char *text)
{
	struct mesh_diag diag = {""};

	if (access_set_policy(t.access, t.lab.s, mesh_str(text), &diag) !=
	    MESH_OK)
		fail_msg("%s", diag.text);
	mapper_policy_changed(t.mapper);
}

static bool
has_reqs(const struct frame *f, uint64_t a, uint64_t b)
{
	return (f->count == (b ? 2u : 1u)) &&
	    ((f->reqs[0] == a && (!b || f->reqs[1] == b)) ||
		(b && f->reqs[0] == b && f->reqs[1] == a));
}

static void
the_first_frame_has_all(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct mesh_node *self = NULL, *peer = NULL;
	struct mesh_str *peers;

	(void)state;
	lab_join(&t.lab, 2, t.bob_key);
	open_stream(a, 10);
	assert_int_equal(t.count, 1);
	assert_true(has_reqs(&t.frames[0], 10, 0));
	assert_int_equal(mesh_node_parse(t.frames[0].r.node, &self, NULL),
	    MESH_OK);
	assert_string_equal(self->name, "host.mesh.test.");
	assert_true(mesh_node_key_equal(&self->key, &a->rec.key));
	assert_int_equal(self->online, 1);
	assert_int_equal(t.frames[0].r.peers.count, 1);
	peers = t.frames[0].r.peers.items;
	assert_int_equal(mesh_node_parse(peers[0], &peer, NULL), MESH_OK);
	assert_int_equal(peer->id, 2);
	assert_int_equal(peer->online, -1);
	assert_true(peer->endpoints.set); /* [] and not absent */
	assert_int_equal(t.frames[0].r.users.count, 2);
	assert_true(t.frames[0].r.relays.len > 0);
	assert_true(t.frames[0].r.dns.len > 0);
	assert_non_null(strstr(t.frames[0].text, "\"DisableLogTail\":true"));
	assert_non_null(strstr(t.frames[0].text, "\"SrcIPs\":[\"*\"]"));
	mesh_counted_unref(&self->counted);
	mesh_counted_unref(&peer->counted);
}

static void
one_text_for_all_whom_it_concerns(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.alice_key), *c;
	const struct mesh_node_patch *patch;

	(void)state;
	open_stream(a, 10);
	open_stream(b, 20);
	flush();
	c = lab_join(&t.lab, 3, t.bob_key);
	flush();
	assert_int_equal(t.count, 1);
	assert_true(has_reqs(&t.frames[0], 10, 20));
	assert_int_equal(t.frames[0].r.peers_changed.count, 1);
	assert_int_equal(t.frames[0].r.users.count, 1);
	assert_int_equal(t.frames[0].r.peers.count, 0);
	open_stream(c, 30);
	flush();
	assert_int_equal(t.count, 1); /* not to c itself */
	assert_true(has_reqs(&t.frames[0], 10, 20));
	patch = t.frames[0].r.peers_patched.items;
	assert_int_equal(t.frames[0].r.peers_patched.count, 1);
	assert_int_equal(patch->id, 3);
	assert_int_equal(patch->online, 1);
	assert_false(mesh_wall_is_set(patch->last_seen));
	flush();
	assert_int_equal(t.count, 0); /* nothing new */
	assert_int_equal(state_node_remove(t.lab.s, c), MESH_OK);
	flush();
	assert_int_equal(t.count, 2); /* its own: log in again */
	assert_true(t.frames[0].r.node.len > 0);
	assert_int_equal(*(int64_t *)t.frames[1].r.peers_removed.items, 3);
	assert_int_equal(t.ended_count, 0); /* else it would ask at once */
	assert_int_equal(mapper_sessions(t.mapper), 2);
}

static void
a_second_stream_ends_the_first(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.alice_key);

	(void)state;
	open_stream(b, 20);
	open_stream(a, 10);
	flush();
	open_stream(a, 11);
	assert_int_equal(t.ended_count, 1);
	assert_int_equal(t.ended[0], 10);
	/* The news that 10 ended changes nothing: a stays online. */
	assert_false(mapper_close(t.mapper, 10, t.lab.now, 1));
	state_tick(t.lab.s, mesh_time_add(t.lab.now, MESH_HOUR), 1);
	flush();
	assert_true(a->online);
	assert_int_equal(t.count, 0);
	assert_true(mapper_close(t.mapper, 11, t.lab.now, 1000001));
	flush();
	assert_int_equal(t.count, 0); /* it may come back at once */
	state_tick(t.lab.s, mesh_time_add(t.lab.now, STATE_OFFLINE_NS), 1);
	flush();
	assert_int_equal(t.count, 1);
	assert_non_null(strstr(t.frames[0].text, "\"Online\":false"));
	assert_non_null(strstr(t.frames[0].text, "\"LastSeen\""));
}

/* Stock 1.102 marks a peer offline whose new key it has from the peer. */
static void
a_new_disco_key_says_online(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.alice_key);
	struct report r = {.disco = {{7}}, .capver = b->rec.capver};
	const struct mesh_node_patch *patch;

	(void)state;
	open_stream(a, 10);
	flush();
	assert_int_equal(state_report(t.lab.s, b, &r), MESH_OK);
	flush();
	assert_int_equal(t.count, 1);
	patch = t.frames[0].r.peers_patched.items;
	assert_true(mesh_disco_key_equal(&patch->disco, &r.disco));
	assert_int_equal(patch->online, 0); /* it is away: nothing is said */
	open_stream(b, 20);
	flush();
	r.disco.b[0] = 8;
	assert_int_equal(state_report(t.lab.s, b, &r), MESH_OK);
	flush();
	assert_int_equal(t.count, 1);
	assert_true(has_reqs(&t.frames[0], 10, 0));
	patch = t.frames[0].r.peers_patched.items;
	assert_true(mesh_disco_key_equal(&patch->disco, &r.disco));
	assert_int_equal(patch->online, 1);
}

static void
nobody_is_told_of_strangers(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.bob_key);
	struct member *s = lab_join(&t.lab, 3, t.tag_key);

	(void)state;
	policy("{\"acls\":[{\"action\":\"accept\",\"src\":[\"alice@\"],"
	       "\"dst\":[\"tag:server:22\"]}],"
	       "\"tagOwners\":{\"tag:server\":[\"bob@\"]}}");
	open_stream(a, 10);
	open_stream(b, 20);
	open_stream(s, 30);
	assert_int_equal(t.frames[0].r.peers.count, 1); /* a: the server */
	assert_int_equal(t.frames[1].r.peers.count, 0); /* b: nobody */
	assert_int_equal(t.frames[2].r.peers.count, 1); /* the server: a */
	assert_null(strstr(t.frames[1].text, "alice"));
	assert_non_null(strstr(t.frames[1].text,
	    "\"PacketFilters\":{\"base\":[]}"));
	flush();
	for (size_t i = 0; i < t.count; i++) /* b hears of nobody */
		for (size_t j = 0; j < t.frames[i].count; j++)
			assert_true(t.frames[i].reqs[j] != 20);
	/* The other way round: removed here, whole there, filters changed. */
	policy("{\"acls\":[{\"action\":\"accept\",\"src\":[\"bob@\"],"
	       "\"dst\":[\"alice@:*\"]}]}");
	flush();
	for (size_t i = 0; i < t.count; i++) {
		const struct mesh_map_response *r = &t.frames[i].r;

		/* What ends, ends first. */
		assert_true(r->filters.count == 0 || i < 2);
		if (r->peers_removed.count > 0)
			assert_int_equal(r->peers_changed.count, 0);
	}
	assert_int_equal(t.count, 6); /* filters of a, s; removed 2; new 2 */
}

static void
the_expired_are_alone(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.alice_key);
	size_t removed = 0, self = 0, filters = 0;

	(void)state;
	open_stream(a, 10);
	open_stream(b, 20);
	flush();
	assert_int_equal(state_node_expire(t.lab.s, b, 999999), MESH_OK);
	state_tick(t.lab.s, t.lab.now, 1000000);
	flush();
	for (size_t i = 0; i < t.count; i++) {
		removed += t.frames[i].r.peers_removed.count;
		filters += t.frames[i].r.filters.count;
		self += t.frames[i].r.node.len > 0;
	}
	assert_int_equal(removed, 2); /* each from the other */
	assert_int_equal(self, 1);
	assert_true(filters >= 1);
}

static void
tags_change_who_is_seen(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.bob_key);

	(void)state;
	policy("{\"acls\":[{\"action\":\"accept\",\"src\":[\"alice@\"],"
	       "\"dst\":[\"tag:server:22\"]}],"
	       "\"tagOwners\":{\"tag:server\":[\"bob@\"]}}");
	open_stream(a, 10);
	flush();
	assert_int_equal(state_node_tag(t.lab.s, b, "tag:server"), MESH_OK);
	flush();
	assert_int_equal(t.count, 1);
	assert_int_equal(t.frames[0].r.peers_changed.count, 1);
	assert_non_null(strstr(t.frames[0].text, "tagged-devices"));
	assert_non_null(strstr(t.frames[0].text, "\"Tags\":[\"tag:server\"]"));
}

static void
a_broken_policy_changes_nothing(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct mesh_diag diag = {""};

	(void)state;
	lab_join(&t.lab, 2, t.bob_key);
	policy("{\"acls\":[]}");
	open_stream(a, 10);
	assert_int_equal(t.frames[0].r.peers.count, 0);
	assert_true(access_set_policy(t.access, t.lab.s,
	    MESH_STR("{\"acls\":[\n{]}"), &diag) != MESH_OK);
	assert_non_null(strstr(diag.text, "line 2, column 2"));
	assert_true(access_set_policy(t.access, t.lab.s, MESH_STR(
	    "{\"acls\":[],\"tests\":[{\"src\":\"alice@\","
	    "\"accept\":[\"bob@:22\"]}]}"), &diag) != MESH_OK);
	flush();
	assert_int_equal(t.count, 0);
}

/* Of three sessions two are of one kind: each sees the third, not the other. */
static void
a_kind_need_not_see_itself(void **state)
{
	struct member *a = lab_join(&t.lab, 1, t.alice_key);
	struct member *b = lab_join(&t.lab, 2, t.bob_key);
	struct member *c = lab_join(&t.lab, 3, t.alice_key);
	size_t removed = 0;

	(void)state;
	open_stream(a, 10);
	open_stream(b, 11);
	open_stream(c, 12);
	flush();
	policy("{\"acls\":[{\"action\":\"accept\",\"src\":[\"alice@\"],"
	    "\"dst\":[\"bob@:22\"]}]}");
	flush();
	for (size_t i = 0; i < t.count; i++) {
		const struct frame *f = &t.frames[i];
		const int64_t *ids = f->r.peers_removed.items;

		if (f->r.peers_removed.count == 0)
			continue;
		removed++;
		assert_int_equal(f->r.peers_removed.count, 1);
		assert_true((has_reqs(f, 10, 0) && ids[0] == c->rec.id) ||
		    (has_reqs(f, 12, 0) && ids[0] == a->rec.id));
	}
	assert_int_equal(removed, 2);
}

/* The whole map of m, in parts if that is possible: all others are in it, once,
 * and it is not. */
static void
open_in_parts(struct member *m, uint64_t req, size_t peers)
{
	uint64_t seen[4] = {0};
	struct mesh_bind_list list;

	forget();
	assert_int_equal(mapper_open(t.mapper, m, req, &m->rec.key, true,
	    WALL), MESH_OK);
	assert_int_equal(t.count, 1);
	list = t.frames[0].r.peers;
	assert_int_equal(list.count, peers);
	for (size_t i = 0; i < list.count; i++) {
		struct mesh_str text = ((struct mesh_str *)list.items)[i];
		struct mesh_node *n = NULL;
		struct mesh_diag diag;

		assert_int_equal(mesh_node_parse(text, &n, &diag),
		    MESH_OK);
		assert_true(n->id < 256 && n->id != m->rec.id);
		assert_false(seen[n->id / 64] >> (n->id % 64) & 1);
		seen[n->id / 64] |= UINT64_C(1) << (n->id % 64);
		mesh_counted_unref(&n->counted);
	}
}

static void
maps_share_parts(void **state)
{
	struct report report = {.capver = 131, .hostname = MESH_STR("host"),
	    .hostinfo = MESH_STR("{\"x\":1}"), .hostinfo_peer = MESH_STR("{}")};
	struct mesh_prefix route;
	struct member *m[140];

	(void)state;
	for (uint8_t i = 0; i < 140; i++)
		m[i] = lab_join(&t.lab, (uint8_t)(i + 1), t.alice_key);
	flush();
	open_in_parts(m[0], 10, 139);
	assert_int_equal(t.parts_used, 0); /* asked for once: not kept */
	flush();
	open_in_parts(m[1], 11, 139);
	assert_int_equal(t.part_count, 2); /* words 1 and 2, without its own */
	assert_int_equal(t.parts_used, 2);
	flush();
	open_in_parts(m[2], 12, 139);
	assert_int_equal(t.part_count, 0); /* there already */
	assert_int_equal(t.parts_used, 2);

	/* One that changed, not told to the others yet. */
	flush();
	assert_int_equal(state_node_rename(t.lab.s, m[100],
	    MESH_STR("changed")), MESH_OK);
	open_in_parts(m[3], 13, 139);
	assert_int_equal(t.part_count, 1);
	assert_int_equal(t.parts_used, 2);
	assert_non_null(strstr(t.frames[0].text, "changed.mesh.test."));

	/* One that went, and another in its slot. */
	assert_int_equal(state_node_remove(t.lab.s, m[100]), MESH_OK);
	flush();
	open_in_parts(m[4], 14, 138);
	assert_null(strstr(t.frames[0].text, "changed.mesh.test."));
	lab_join(&t.lab, 200, t.alice_key);
	flush();
	open_in_parts(m[5], 15, 139);
	open_in_parts(m[70], 16, 139);

	/* A router: what is said of its routes differs from node to node. */
	report.routes = &route;
	report.route_count = 1;
	assert_int_equal(mesh_prefix_parse(MESH_STR("192.0.2.0/24"), &route),
	    MESH_OK);
	assert_int_equal(state_report(t.lab.s, m[90], &report), MESH_OK);
	for (uint64_t i = 0; i < 3; i++)
		open_in_parts(m[6 + i], 17 + i, 139);
	flush();
	for (uint64_t i = 0; i < 3; i++)
		open_in_parts(m[9 + i], 20 + i, 139);
	assert_int_equal(t.parts_used, 2);
	assert_null(strstr(t.parts[1], "\"ID\":91,"));
}

static void
parts_keep_to_the_policy(void **state)
{
	struct member *m[100];

	(void)state;
	for (uint8_t i = 0; i < 100; i++)
		m[i] = lab_join(&t.lab, (uint8_t)(i + 1),
		    i % 2 ? t.bob_key : t.alice_key);
	policy("{\"acls\":[{\"action\":\"accept\",\"src\":[\"bob@\"],"
	    "\"dst\":[\"bob@:*\"]},{\"action\":\"accept\","
	    "\"src\":[\"alice@\"],\"dst\":[\"alice@:*\"]}]}");
	flush();
	for (uint8_t i = 0; i < 20; i++)
		open_in_parts(m[i], 100 + i, 49);
	for (uint8_t i = 1; i < 20; i += 2)
		open_in_parts(m[i], 100 + i, 49);
	assert_int_equal(t.parts_used, 1);
	assert_null(strstr(t.frames[0].text, "alice"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(the_first_frame_has_all),
	    TEST(one_text_for_all_whom_it_concerns),
	    TEST(a_second_stream_ends_the_first),
	    TEST(a_new_disco_key_says_online),
	    TEST(nobody_is_told_of_strangers),
	    TEST(the_expired_are_alone),
	    TEST(tags_change_who_is_seen),
	    TEST(a_broken_policy_changes_nothing),
	    TEST(a_kind_need_not_see_itself),
	    TEST(maps_share_parts),
	    TEST(parts_keep_to_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
