/* SPDX-License-Identifier: ISC
 * parse_tests.c - the tests section: services.md 6.11.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/parse_int.h"

struct draft {
	size_t offset;
	struct mesh_policy_test test;
	struct mesh_policy_vec probes;
};

static void
read_src(struct mesh_policy_parse *ps, void *into)
{
	struct draft *d = into;
	struct mesh_str s = mesh_json_string(&ps->j);

	if (mesh_policy_complain(ps, s,
		mesh_selector_parse(ps->p, ps->p, MESH_SELECTOR_PROBE, s,
		    &d->test.src)))
		return;
	d->test.src_text = mesh_arena_strndup(&ps->p->arena, s.p, s.len);
	if (d->test.src_text == NULL)
		mesh_policy_nomem(ps);
}

static void
read_proto(struct mesh_policy_parse *ps, void *into)
{
	struct draft *d = into;
	struct mesh_str s = mesh_json_string(&ps->j);

	if (mesh_policy_complain(ps, s, mesh_proto_parse(s, &d->test.proto)))
		return;
	if (!mesh_proto_has_ports(d->test.proto))
		mesh_policy_complain(ps, s,
		    "has no ports: tests can ask for tcp, udp and sctp");
}

static void
read_probe(struct mesh_policy_parse *ps, struct mesh_str s,
    struct mesh_policy_probe *out)
{
	struct mesh_str host, port;
	char buf[MESH_PREFIX_TEXT];
	uint64_t number = 0;

	out->offset = mesh_json_offset(&ps->j);
	out->text = mesh_arena_strndup(&ps->p->arena, s.p, s.len);
	if (out->text == NULL) {
		mesh_policy_nomem(ps);
		return;
	}
	if (!mesh_selector_split(s, buf, &host, &port) ||
	    mesh_parse_u64(port, UINT16_MAX, &number) != MESH_OK ||
	    number == 0) {
		mesh_policy_complain(ps, s,
		    "must end in one port: as 'tag:web:443'");
		return;
	}
	out->port = (uint16_t)number;
	if (mesh_policy_complain(ps, host,
		mesh_selector_parse(ps->p, ps->p, MESH_SELECTOR_PROBE, host,
		    &out->dst)))
		return;
	if (out->dst.is == MESH_WHO_IS_RANGE &&
	    (memchr(host.p, '/', host.len) != NULL ||
		!mesh_ip_eq(&out->dst.range.lo, &out->dst.range.hi)))
		mesh_policy_complain(ps, host,
		    "is a network: a test asks for one host");
}

static void
read_probes(struct mesh_policy_parse *ps, struct draft *d, bool accept)
{
	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j)) {
		struct mesh_str s = mesh_json_string(&ps->j);
		struct mesh_policy_probe *probe;

		if (mesh_json_err(&ps->j) != MESH_OK)
			return;
		probe = mesh_policy_vec_add(ps, &d->probes, sizeof(*probe));
		if (probe == NULL)
			return;
		probe->accept = accept;
		read_probe(ps, s, probe);
	}
}

static void
read_accept(struct mesh_policy_parse *ps, void *into)
{
	read_probes(ps, into, true);
}

static void
read_deny(struct mesh_policy_parse *ps, void *into)
{
	read_probes(ps, into, false);
}

static const struct mesh_policy_member test_members[] = {
	{"src", read_src},
	{"proto", read_proto},
	{"accept", read_accept},
	{"deny", read_deny},
	{"srcPostureAttrs", NULL},
};

static void
read_test(struct mesh_policy_parse *ps, struct mesh_policy_vec *tests)
{
	struct draft d = {.test.proto = MESH_POLICY_PROTO_DEFAULT};
	struct mesh_policy_test *to;
	unsigned seen;

	(void)mesh_json_peek(&ps->j);
	d.offset = mesh_json_offset(&ps->j);
	seen = mesh_policy_read_object(ps, test_members,
	    sizeof(test_members) / sizeof(*test_members), &d);
	if (!(seen & 1u))
		mesh_policy_fail_at(ps, d.offset, "a test needs 'src'");
	if (d.probes.count == 0)
		mesh_policy_fail_at(ps, d.offset,
		    "a test needs 'accept' or 'deny'");
	d.test.probe_count = d.probes.count;
	d.test.probes = mesh_policy_vec_keep(ps, &d.probes,
	    sizeof(*d.test.probes));
	if (tests->count == MESH_POLICY_TESTS_MAX)
		mesh_policy_fail_at(ps, d.offset, "more than %u tests",
		    MESH_POLICY_TESTS_MAX);
	if (mesh_json_err(&ps->j) != MESH_OK)
		return;
	to = mesh_policy_vec_add(ps, tests, sizeof(*to));
	if (to != NULL)
		*to = d.test;
}

void
mesh_policy_read_tests(struct mesh_policy_parse *ps)
{
	struct mesh_policy_vec tests = {0};

	mesh_json_array(&ps->j);
	while (mesh_json_element(&ps->j))
		read_test(ps, &tests);
	ps->p->test_count = tests.count;
	ps->p->tests = mesh_policy_vec_keep(ps, &tests,
	    sizeof(*ps->p->tests));
}
