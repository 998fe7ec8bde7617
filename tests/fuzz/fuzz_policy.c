/* SPDX-License-Identifier: ISC
 * fuzz_policy - a policy as text. One that is accepted is given nodes and asked
 * everything: nothing may break, filters must be JSON, marks must agree.
 */
#include <assert.h>
#include <stdlib.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(struct mesh_policy_world *w, uint64_t id, const char *tag)
{
	struct mesh_ip ip = mesh_ip4(100, 64, 0, (uint8_t)id);
	struct mesh_prefix route = {mesh_ip4(10, 0, 0, 0), 96 + 8};
	struct mesh_policy_node_info info = {
	    .id = id,
	    .user = 1,
	    .tags = &tag,
	    .tag_count = tag != NULL,
	    .addresses = &ip,
	    .address_count = 1,
	    .routes = &route,
	    .route_count = id % 2,
	};
	struct mesh_policy_node *n;

	if (mesh_policy_node_put(w, &info, &n) != MESH_OK)
		abort();
}

/* What a node is told and what is answered about it agree. */
static void
check_ssh(struct mesh_policy_node *n)
{
	struct mesh_policy_ssh_verdict v;
	struct mesh_buf text;
	struct mesh_json j;
	struct mesh_jw w;

	mesh_buf_init(&text, 1u << 24);
	mesh_jw_init(&w, &text, false);
	mesh_policy_ssh_write(n, "https://x", &w);
	if (!text.failed) {
		mesh_json_init(&j, (const char *)text.data, text.len, 0);
		mesh_json_skip(&j);
		assert(mesh_json_done(&j, NULL) == MESH_OK);
	}
	mesh_policy_ssh_ask(n, n, MESH_STR("root"), &v);
	if (v.allowed && !text.failed)
		assert(memmem(text.data, text.len, "\"root\":\"root\"", 13));
	mesh_buf_release(&text);
}

static void
check_filter(struct mesh_policy_node *n)
{
	uint64_t mark = mesh_policy_filter_mark(n);
	struct mesh_buf text;
	struct mesh_json j;
	struct mesh_jw w;

	mesh_buf_init(&text, 1u << 24);
	mesh_jw_init(&w, &text, false);
	mesh_policy_filter_write(n, &w);
	if (!text.failed) {
		mesh_json_init(&j, (const char *)text.data, text.len, 0);
		mesh_json_skip(&j);
		assert(mesh_json_done(&j, NULL) == MESH_OK);
	}
	assert(mesh_policy_filter_mark(n) == mark);
	(void)mesh_policy_may_route(n,
	    &(struct mesh_prefix){mesh_ip4(10, 1, 0, 0), 96 + 16});
	check_ssh(n);
	(void)mesh_policy_may_route(n, &(struct mesh_prefix){.bits = 0});
	mesh_buf_release(&text);
}

static void
check_world(struct mesh_policy *p)
{
	static const struct mesh_policy_user_info alice = {.id = 1,
	    .name = "alice", .email = "alice@example.com"};
	struct mesh_policy_world *w = mesh_policy_world_new(p);
	struct mesh_policy_verdict v;
	struct mesh_diag diag;
	struct mesh_buf out;

	if (w == NULL || mesh_policy_user_put(w, &alice) != MESH_OK)
		abort();
	put(w, 1, NULL);
	put(w, 2, NULL);
	put(w, 3, "tag:web");
	for (uint64_t a = 1; a <= 3; a++) {
		struct mesh_policy_node *n = mesh_policy_node_find(w, a);

		check_filter(n);
		for (uint64_t b = 1; b <= 3; b++) {
			struct mesh_policy_node *m =
			    mesh_policy_node_find(w, b);

			assert(mesh_policy_visible(n, m) ==
			    mesh_policy_visible(m, n));
		}
	}
	(void)mesh_policy_check(w, "alice@", "tag:web:22", "tcp", &v, &diag);
	(void)mesh_policy_check(w, "100.64.0.3", "10.1.1.1:22", "", &v, &diag);
	mesh_buf_init(&out, 1u << 20);
	(void)mesh_policy_run_tests(p, w, &out, &diag);
	mesh_buf_release(&out);
	mesh_policy_world_free(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_policy *p = NULL;
	struct mesh_diag diag = {0};

	if (mesh_policy_parse((const char *)data, size, &p, &diag) != MESH_OK) {
		assert(p == NULL && diag.text[0] != 0);
		return 0;
	}
	check_world(p);
	mesh_policy_free(p);
	return 0;
}
