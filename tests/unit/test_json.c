/* SPDX-License-Identifier: ISC
 * The kinds of cases of the public JSON test suite (y_: must be taken, n_: must
 * be refused), HuJSON, positions of errors, limits, and the writer. */
#include "test.h"

#include "base/json.h"

static int
check(const char *text, size_t len, unsigned flags, struct mesh_diag *diag)
{
	struct mesh_json j;

	mesh_json_init(&j, text, len, flags);
	mesh_json_skip(&j);
	return mesh_json_done(&j, diag);
}

static const char *const valid[] = {
	"null", "true", "false", "0", "-0", "-1", "0.5", "1e3", "1E+2", "1e-2",
	"123.456e78", "\"\"", "\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"",
	"\"\\u0041\\uD834\\uDD1E\"", "\"\\ud800\"", "\"\x7f\"", "[]", "[1]",
	"[1,2]", "[[],[[]]]", "{}", "{\"a\":1}", "{\"a\":{\"b\":[null]}}",
	"{\"\":0}", "{\"a\":1,\"a\":2}", " [ 1 , 2 ] ", "\t{\n\"a\"\r: 1}\n",
	"\"\xe2\x82\xac\"", "[\"\xf0\x9f\x92\xac\"]", "\"\xff\"",
};

static const char *const invalid[] = {
	"", " ", "nul", "nulll", "True", "+1", "01", "-", "-01", "1.", ".5",
	"1e", "1e+", "0x1", "NaN", "Infinity", "'a'", "\"", "\"a", "\"\\",
	"\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"\\", "[", "]",
	"[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{", "}", "{a:1}",
	"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{1:2}", "{,}",
	"{\"a\":1 \"b\":2}", "1 2", "[]]", "{}{}", "[1}", "{\"a\":1]",
	"// c\n1", "/* c */1", "\xef\xbb\xbf[]", "[\"a\",\"b\"", "\"\t\"",
};

static void
takes_valid_refuses_invalid(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(valid); i++)
		if (check(valid[i], strlen(valid[i]), 0, NULL) != MESH_OK)
			fail_msg("refused: %s", valid[i]);
	for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
		if (check(invalid[i], strlen(invalid[i]), 0, NULL) == MESH_OK)
			fail_msg("taken: %s", invalid[i]);
	assert_int_equal(check("[1\0]", 4, 0, NULL), MESH_ERR_FORMAT);
}

/* No prefix of a valid array or object is valid. */
static void
refuses_every_truncation(void **state)
{
	static const char text[] =
	    "{\"a\":[1.5e3,\"\\u00e9\",true,null],\"b\":{\"c\":\"d\"}}";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_not_equal(check(text, len, 0, NULL), MESH_OK);
	assert_int_equal(check(text, sizeof(text) - 1, 0, NULL), MESH_OK);
}

static void
hujson(void **state)
{
	static const char *const good[] = {"// c\n[1, 2,]", "{\"a\": 1, /* x */}",
	    "/**/1//", "[/*a*/1/*b*/,/*c*/]", "{\n// only a comment\n}"};
	static const char *const bad[] = {"[,]", "{,}", "[1,,]", "/* 1", "/",
	    "1 /", "[1 /* ]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (check(good[i], strlen(good[i]), MESH_JSON_HUJSON, NULL))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (!check(bad[i], strlen(bad[i]), MESH_JSON_HUJSON, NULL))
			fail_msg("taken: %s", bad[i]);
}

static void
says_where(void **state)
{
	struct mesh_diag diag;
	static const struct {
		const char *text, *says;
	} table[] = {
		{"{\n  \"a\": 1\n  \"b\": 2\n}",
		    "line 3, column 3: expected ',' or '}'"},
		{"[1,\n 2,\n]", "line 3, column 1: comma before the end"},
		{"{\"a\":tru}", "line 1, column 6: expected true or false"},
		{"[\"x", "line 1, column 2: text without an end"},
		{"[1] x", "line 1, column 5: something follows the value"},
		{"[", "line 1, column 2: the text ends too early"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		check(table[i].text, strlen(table[i].text), 0, &diag);
		assert_string_equal(diag.text, table[i].says);
	}
}

static void
reads_typed_values(void **state)
{
	static const char text[] =
	    "{\"s\":\"a\\u00e9\\ud83d\\ude00z\", \"n\":-12, \"u\":65535,"
	    " \"big\":18446744073709551615, \"d\":-2.5e-1, \"b\":true,"
	    " \"nil\":null, \"l\":[1,[2],{\"x\":3}], \"r\": {\"k\" : [1]} }";
	struct mesh_json j;
	struct mesh_str name, s;
	unsigned seen = 0;

	(void)state;
	mesh_json_init(&j, text, sizeof(text) - 1, 0);
	mesh_json_object(&j);
	while (mesh_json_member(&j, &name)) {
		seen++;
		if (mesh_str_eq(name, "s")) {
			s = mesh_json_string(&j);
			assert_true(mesh_str_eq(s,
			    "a\xc3\xa9\xf0\x9f\x98\x80z"));
		} else if (mesh_str_eq(name, "n")) {
			assert_int_equal(mesh_json_int(&j, -12, 0), -12);
		} else if (mesh_str_eq(name, "u")) {
			assert_int_equal(mesh_json_uint(&j, 65535), 65535);
		} else if (mesh_str_eq(name, "big")) {
			assert_true(mesh_json_uint(&j, UINT64_MAX) ==
			    UINT64_MAX);
		} else if (mesh_str_eq(name, "d")) {
			assert_true(mesh_json_double(&j) == -0.25);
		} else if (mesh_str_eq(name, "b")) {
			assert_true(mesh_json_bool(&j));
		} else if (mesh_str_eq(name, "nil")) {
			assert_true(mesh_json_null(&j));
		} else if (mesh_str_eq(name, "r")) {
			s = mesh_json_raw(&j);
			assert_true(mesh_str_eq(s, "{\"k\" : [1]}"));
		} else {
			mesh_json_skip(&j);
		}
	}
	assert_int_equal(seen, 9);
	assert_int_equal(mesh_json_done(&j, NULL), MESH_OK);
}

static void
refuses_wrong_types_and_ranges(void **state)
{
	struct mesh_json j;

	(void)state;
#define REFUSES(text, call, want)                                              \
	do {                                                                   \
		mesh_json_init(&j, text, strlen(text), 0);                     \
		(void)(call);                                                  \
		assert_int_equal(mesh_json_done(&j, NULL), want);              \
	} while (0)
	REFUSES("65536", mesh_json_uint(&j, 65535), MESH_ERR_LIMIT);
	REFUSES("-1", mesh_json_uint(&j, 65535), MESH_ERR_LIMIT);
	REFUSES("18446744073709551616", mesh_json_uint(&j, UINT64_MAX),
	    MESH_ERR_LIMIT);
	REFUSES("-9223372036854775809",
	    mesh_json_int(&j, INT64_MIN, INT64_MAX), MESH_ERR_LIMIT);
	REFUSES("1.0", mesh_json_int(&j, 0, 9), MESH_ERR_FORMAT);
	REFUSES("1e2", mesh_json_uint(&j, 999), MESH_ERR_FORMAT);
	REFUSES("\"1\"", mesh_json_uint(&j, 9), MESH_ERR_FORMAT);
	REFUSES("1", mesh_json_string(&j).len, MESH_ERR_FORMAT);
	REFUSES("1", mesh_json_bool(&j), MESH_ERR_FORMAT);
	REFUSES("1e999", mesh_json_double(&j), MESH_ERR_LIMIT);
#undef REFUSES
	mesh_json_init(&j, "-9223372036854775808", 20, 0);
	assert_true(mesh_json_int(&j, INT64_MIN, INT64_MAX) == INT64_MIN);
	assert_int_equal(mesh_json_done(&j, NULL), MESH_OK);
}

static void
depth_and_scratch_are_bounded(void **state)
{
	char deep[2 * MESH_JSON_DEPTH + 4], *text;
	struct mesh_arena a;
	struct mesh_json j;
	struct mesh_str got;
	size_t n = MESH_JSON_DEPTH;

	(void)state;
	memset(deep, '[', n);
	memset(deep + n, ']', n);
	assert_int_equal(check(deep, 2 * n, 0, NULL), MESH_OK);
	memset(deep, '[', n + 1);
	memset(deep + n + 1, ']', n + 1);
	assert_int_equal(check(deep, 2 * n + 2, 0, NULL), MESH_ERR_LIMIT);

	n = MESH_JSON_SCRATCH + 10;
	text = test_malloc(n + 4);
	memset(text, 'x', n + 4);
	text[0] = text[n + 3] = '"';
	mesh_json_init(&j, text, n + 4, 0);
	assert_int_equal(mesh_json_string(&j).len, n + 2); /* borrowed */
	memcpy(text + 1, "\\n", 2);
	mesh_json_init(&j, text, n + 4, 0);
	assert_int_equal(mesh_json_string(&j).len, 0);
	assert_int_equal(mesh_json_err(&j), MESH_ERR_LIMIT);

	/* The same into an arena, which has a limit too. */
	mesh_arena_init(&a, 8 * n);
	mesh_json_init(&j, text, n + 4, 0);
	got = mesh_json_text(&j, &a);
	assert_int_equal(got.len, n + 1);
	assert_memory_equal(got.p, "\nx", 2);
	assert_int_equal(mesh_json_done(&j, NULL), MESH_OK);
	mesh_arena_release(&a);
	mesh_arena_init(&a, n);
	mesh_json_init(&j, text, n + 4, 0);
	assert_int_equal(mesh_json_text(&j, &a).len, 0);
	assert_int_equal(mesh_json_err(&j), MESH_ERR_LIMIT);
	mesh_arena_release(&a);
	test_free(text);
}

static void
bad_utf8_becomes_the_replacement(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
		{"\"a\xff\"", "a\xef\xbf\xbd"},
		{"\"\xc0\xaf\"", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\"\\ud800x\"", "\xef\xbf\xbdx"},
		{"\"\\udc00\"", "\xef\xbf\xbd"},
		{"\"\\ud800\\u0041\"", "\xef\xbf\xbd" "A"},
		{"\"\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct mesh_json j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct mesh_str s;

		mesh_json_init(&j, table[i].in, strlen(table[i].in), 0);
		s = mesh_json_string(&j);
		assert_true(mesh_str_eq(s, table[i].out));
		assert_int_equal(mesh_json_done(&j, NULL), MESH_OK);
	}
}

static void
writes_as_go_does(void **state)
{
	struct mesh_buf b;
	struct mesh_jw w;

	(void)state;
	mesh_buf_init(&b, 4096);
	mesh_jw_init(&w, &b, false);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "a");
	mesh_jw_string(&w, "<b>&\"\\\n\x01\xe2\x80\xa8");
	mesh_jw_name(&w, "l");
	mesh_jw_array(&w);
	mesh_jw_int(&w, -1);
	mesh_jw_double(&w, 0.1);
	mesh_jw_null(&w);
	mesh_jw_array(&w);
	mesh_jw_end_array(&w);
	mesh_jw_end_array(&w);
	mesh_jw_name(&w, "e");
	mesh_jw_object(&w);
	mesh_jw_end_object(&w);
	mesh_jw_end_object(&w);
	assert_string_equal(mesh_buf_cstr(&b),
	    "{\"a\":\"\\u003cb\\u003e\\u0026\\\"\\\\\\n\\u0001\\u2028\","
	    "\"l\":[-1,0.1,null,[]],\"e\":{}}");
	mesh_buf_clear(&b);
	mesh_jw_init(&w, &b, true);
	mesh_jw_object(&w);
	mesh_jw_name(&w, "a");
	mesh_jw_array(&w);
	mesh_jw_bool(&w, true);
	mesh_jw_uint(&w, UINT64_MAX);
	mesh_jw_end_array(&w);
	mesh_jw_end_object(&w);
	assert_string_equal(mesh_buf_cstr(&b),
	    "{\n\t\"a\": [\n\t\ttrue,\n\t\t18446744073709551615\n\t]\n}");
	mesh_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_valid_refuses_invalid),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(hujson),
		cmocka_unit_test(says_where),
		cmocka_unit_test(reads_typed_values),
		cmocka_unit_test(refuses_wrong_types_and_ranges),
		cmocka_unit_test(depth_and_scratch_are_bounded),
		cmocka_unit_test(bad_utf8_becomes_the_replacement),
		cmocka_unit_test(writes_as_go_does),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
