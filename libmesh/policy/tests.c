/* SPDX-License-Identifier: ISC
 * tests.c - the tests section, run against nodes that exist and imagined ones.
 */
#include <stdlib.h>

#include "policy/policy_int.h"

#define IMAGINED_FIRST (UINT64_C(1) << 63) /* ids that no real node has */

/* --- imagined nodes */

static int
imagine(struct mesh_policy_world *w, const char *user, const char *tag)
{
	uint64_t i = w->imagined++;
	struct mesh_ip addresses[2] = {
	    mesh_ip4(100, 127, (uint8_t)(255 - i / 250), (uint8_t)(1 + i % 250)),
	    {{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0xff, 0xff,
		[14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}}};
	struct mesh_policy_node_info info = {
	    .id = IMAGINED_FIRST + i,
	    .user = IMAGINED_FIRST + i,
	    .tags = &tag,
	    .tag_count = tag != NULL,
	    .addresses = addresses,
	    .address_count = 2,
	};
	const struct mesh_policy_user_info owner = {
	    .id = info.user, .name = user};
	struct mesh_policy_node *n;
	int err = MESH_OK;

	if (user != NULL)
		err = mesh_policy_user_put(w, &owner);
	if (err == MESH_OK)
		err = mesh_policy_node_put(w, &info, &n);
	return err;
}

static bool
has_node(const struct mesh_policy_world *w, const struct mesh_policy_who *who)
{
	for (const struct mesh_list *i = w->nodes.next; i != &w->nodes;
	    i = i->next)
		if (mesh_who_names(who, MESH_CONTAINER(i,
		    const struct mesh_policy_node, by_world)))
			return true;
	return false;
}

int
mesh_policy_imagine_user(struct mesh_policy_world *w, struct mesh_str name)
{
	struct mesh_str s = mesh_selector_user(name);
	char *user;
	int err;

	for (const struct mesh_list *i = w->nodes.next; i != &w->nodes;
	    i = i->next) {
		const struct mesh_policy_node *n =
		    MESH_CONTAINER(i, const struct mesh_policy_node, by_world);

		if (n->user != NULL && mesh_policy_user_is(n->user, s))
			return MESH_OK;
	}
	user = strndup(s.p, s.len);
	err = user ? imagine(w, user, NULL) : MESH_ERR_NOMEM;
	free(user);
	return err;
}

int
mesh_policy_world_imagine(struct mesh_policy_world *w)
{
	const struct mesh_policy *p = w->policy;
	int err = MESH_OK;

	w->imagining = true;
	for (uint32_t i = 0; i < p->users.count && err == MESH_OK; i++) {
		const struct mesh_policy_who who = {MESH_WHO_IS_USER, i};

		if (!has_node(w, &who))
			err = imagine(w, p->users.items[i], NULL);
	}
	for (uint32_t i = 0; i < p->tags.count && err == MESH_OK; i++) {
		const struct mesh_policy_who who = {MESH_WHO_IS_TAG, i};

		if (!has_node(w, &who))
			err = imagine(w, NULL, p->tags.items[i]);
	}
	return err;
}

/* --- the tests section */

static void
note_failure(const struct mesh_policy *p, const struct mesh_policy_test *test,
    const struct mesh_policy_probe *probe, int err, struct mesh_buf *out,
    struct mesh_diag *first)
{
	struct mesh_diag one;
	unsigned line, column;

	mesh_json_locate(p->text, probe->offset, &line, &column);
	(void)mesh_fail(&one, err, "line %u, column %u: %s %s %s%s", line, column,
	    test->src_text,
	    err == MESH_ERR_NOTFOUND ? "or"
		: probe->accept	     ? "cannot reach"
				     : "can reach",
	    probe->text,
	    err == MESH_ERR_NOTFOUND ? " names no node"
		: probe->accept	     ? ", but should"
				     : ", but should not");
	(void)mesh_buf_printf(out, "%s\n", one.text);
	if (first->text[0] == 0)
		*first = one;
}

static int
run_test(struct mesh_policy_world *w, const struct mesh_policy_test *test,
    struct mesh_buf *out, struct mesh_diag *first)
{
	for (size_t i = 0; i < test->probe_count; i++) {
		const struct mesh_policy_probe *probe = &test->probes[i];
		struct mesh_policy_verdict v = {0};
		struct mesh_policy_question q = {
		    .src = test->src,
		    .dst = probe->dst,
		    .proto = test->proto,
		    .port = probe->port,
		    .src_user = mesh_str(test->src_text),
		};
		struct mesh_str host, port;
		char buf[MESH_PREFIX_TEXT];
		int err;

		if (mesh_selector_split(mesh_str(probe->text), buf, &host,
			&port))
			q.dst_user = host;
		err = mesh_policy_ask(w, &q, &v);
		if (err == MESH_ERR_NOMEM)
			return err;
		if (err != MESH_OK || v.allowed != probe->accept)
			note_failure(w->policy, test, probe, err, out, first);
	}
	return MESH_OK;
}

int
mesh_policy_run_tests(const struct mesh_policy *p,
    const struct mesh_policy_world *w, struct mesh_buf *out,
    struct mesh_diag *diag)
{
	struct mesh_policy_world *copy = w ? mesh_policy_world_copy(p, w)
					   : mesh_policy_world_new(p);
	struct mesh_diag first = {0};
	int err = copy ? mesh_policy_world_imagine(copy) : MESH_ERR_NOMEM;

	for (size_t i = 0; i < p->test_count && err == MESH_OK; i++)
		err = run_test(copy, &p->tests[i], out, &first);
	mesh_policy_world_free(copy);
	if (err == MESH_OK && first.text[0] != 0)
		return mesh_fail(diag, MESH_ERR_DENIED, "test failed: %.140s",
		    first.text);
	return err;
}
