/* SPDX-License-Identifier: ISC
 * test.h - what every unit test includes, and helpers that several need. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The bytes of hex digits (blanks between them are skipped); their number. */
static inline size_t
test_unhex(const char *hex, uint8_t *out, size_t max)
{
	size_t len = 0;

	while (*hex != 0) {
		if (*hex == ' ' || *hex == '\n' || *hex == '\t') {
			hex++;
			continue;
		}
		assert_true(len < max);
		assert_int_equal(mesh_hex_decode((struct mesh_str){hex, 2},
				     out + len, 1),
		    MESH_OK);
		hex += 2;
		len++;
	}
	return len;
}

#endif
