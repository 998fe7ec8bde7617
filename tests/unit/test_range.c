/* SPDX-License-Identifier: ISC
 * Address ranges: text, set arithmetic, and both against a set of small numbers
 * that a bitmap can hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/range.h"

static struct mesh_range
range(const char *text)
{
	struct mesh_range r;

	assert_int_equal(mesh_range_parse(mesh_str(text), &r), MESH_OK);
	return r;
}

static const char *
join(const struct mesh_ranges *s, char out[static 512])
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < s->count; i++) {
		char one[MESH_RANGE_TEXT];

		n += (size_t)snprintf(out + n, 512 - n, "%s%s", i ? " " : "",
		    mesh_range_format(&s->items[i], one));
	}
	return out;
}

static void
test_text(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} rows[] = {
	    {"100.64.0.1", "100.64.0.1"},
	    {"100.64.0.1/32", "100.64.0.1"},
	    {"10.0.0.0/8", "10.0.0.0/8"},
	    {"0.0.0.0/0", "0.0.0.0/0"},
	    {"::/0", "::/0"},
	    {"fd7a:115c:a1e0::/48", "fd7a:115c:a1e0::/48"},
	    {"100.64.0.0-100.115.91.255", "100.64.0.0-100.115.91.255"},
	    {"10.0.0.0-10.0.0.255", "10.0.0.0/24"},
	    {"10.0.0.7-10.0.0.7", "10.0.0.7"},
	    {"fd7a::1-fd7a::2", "fd7a::1-fd7a::2"},
	    {"10.0.0.1/8", NULL},
	    {"10.0.0.2-10.0.0.1", NULL},
	    {"10.0.0.2-fd7a::1", NULL},
	    {"10.0.0.2-", NULL},
	    {"-10.0.0.2", NULL},
	    {"10.0.0.1-10.0.0.2-10.0.0.3", NULL},
	    {"", NULL},
	    {"*", NULL},
	    {"host", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[MESH_RANGE_TEXT];
		struct mesh_range r;
		int err = mesh_range_parse(mesh_str(rows[i].in), &r);

		if (rows[i].out == NULL) {
			assert_int_equal(err, MESH_ERR_FORMAT);
			continue;
		}
		assert_int_equal(err, MESH_OK);
		assert_string_equal(mesh_range_format(&r, text), rows[i].out);
	}
}

/* Adds the ranges of plus, then takes those of minus away. */
static void
test_arithmetic(void **state)
{
	static const struct {
		const char *plus[4], *minus[4], *out;
	} rows[] = {
	    {{"10.0.0.0/25", "10.0.0.128/25"}, {0}, "10.0.0.0/24"},
	    {{"10.0.0.9", "10.0.0.0/8"}, {0}, "10.0.0.0/8"},
	    {{"10.0.0.1", "10.0.0.3"}, {0}, "10.0.0.1 10.0.0.3"},
	    {{"::1", "10.0.0.1"}, {0}, "10.0.0.1 ::1"},
	    {{"255.255.255.255", "::"}, {0}, "255.255.255.255 ::"},
	    {{"100.64.0.0/10"}, {"100.115.92.0/23"},
		"100.64.0.0-100.115.91.255 100.115.94.0-100.127.255.255"},
	    {{"10.0.0.0/24"}, {"10.0.0.0/24"}, ""},
	    {{"10.0.0.0/24"}, {"10.0.0.0", "10.0.0.255"},
		"10.0.0.1-10.0.0.254"},
	    {{"0.0.0.0/0", "::/0"}, {"0.0.0.0/1", "::/1"},
		"128.0.0.0/1 8000::/1"},
	    {{"::/0"}, {"0.0.0.0/0"}, "::/0"},
	    {{"10.0.0.0/8", "12.0.0.0/8"}, {"10.128.0.0-12.0.0.9"},
		"10.0.0.0/9 12.0.0.10-12.255.255.255"},
	    /* the hole ends beside addresses that look mapped */
	    {{"::/0"}, {"::1:0:0:0/80"}, "::/80 ::2:0:0:0-ffff:ffff:ffff:"
					 "ffff:ffff:ffff:ffff:ffff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mesh_ranges s;
		char text[512];

		mesh_ranges_init(&s, 16);
		for (size_t k = 0; k < 4 && rows[i].plus[k] != NULL; k++) {
			struct mesh_range r = range(rows[i].plus[k]);

			mesh_ranges_add(&s, &r);
		}
		mesh_ranges_sort(&s);
		for (size_t k = 0; k < 4 && rows[i].minus[k] != NULL; k++) {
			struct mesh_range r = range(rows[i].minus[k]);

			mesh_ranges_remove(&s, &r);
		}
		assert_false(s.failed);
		assert_string_equal(join(&s, text), rows[i].out);
		mesh_ranges_release(&s);
	}
}

static void
test_limit(void **state)
{
	struct mesh_ranges s;
	struct mesh_range r = range("10.0.0.1");

	(void)state;
	mesh_ranges_init(&s, 2);
	mesh_ranges_add(&s, &r);
	mesh_ranges_add(&s, &r);
	assert_false(s.failed);
	mesh_ranges_add(&s, &r);
	assert_true(s.failed);
	assert_int_equal(s.count, 2);
	mesh_ranges_release(&s);
}

static struct mesh_range
small(unsigned lo, unsigned hi)
{
	return (struct mesh_range){mesh_ip4(10, 0, 0, (uint8_t)lo),
	    mesh_ip4(10, 0, 0, (uint8_t)hi)};
}

static void
check_bitmap(const struct mesh_ranges *s, const bool model[static 256],
    unsigned lo, unsigned hi)
{
	struct mesh_range r = small(lo, hi);
	bool any = false, all = true;

	for (unsigned i = 0; i < 256; i++) {
		struct mesh_ip ip = mesh_ip4(10, 0, 0, (uint8_t)i);

		assert_int_equal(mesh_ranges_has(s, &ip), model[i]);
	}
	for (unsigned i = lo; i <= hi; i++) {
		any |= model[i];
		all &= model[i];
	}
	assert_int_equal(mesh_ranges_overlap(s, &r), any);
	assert_int_equal(mesh_ranges_cover(s, &r), all);
	for (size_t i = 1; i < s->count; i++)
		assert_true(s->items[i - 1].hi.b[15] + 1 <
		    s->items[i].lo.b[15]);
}

static void
test_bitmap(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		bool model[256] = {false};
		struct mesh_ranges s;

		mesh_ranges_init(&s, 256);
		for (int step = 0; step < 20; step++) {
			seed = seed * 1664525u + 1013904223u;
			unsigned lo = seed >> 24, len = seed >> 8 & 31;
			unsigned hi = lo + len > 255 ? 255 : lo + len;
			struct mesh_range r = small(lo, hi);
			bool plus = seed >> 16 & 1;

			if (plus)
				mesh_ranges_add(&s, &r);
			else
				mesh_ranges_remove(&s, &r);
			mesh_ranges_sort(&s);
			for (unsigned i = lo; i <= hi; i++)
				model[i] = plus;
			check_bitmap(&s, model, seed >> 24, hi);
		}
		mesh_ranges_release(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_arithmetic),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_bitmap),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
