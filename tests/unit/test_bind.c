/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/addr.h"
#include "base/bind.h"

struct part {
	const char *name;
	int32_t n;
};

struct whole {
	const char *s;
	bool b;
	int8_t opt;
	int64_t i;
	uint16_t port;
	struct mesh_wall at;
	struct mesh_str raw;
	struct part *part;
	struct mesh_bind_list words, parts, ints, ips;
	struct mesh_bind_map by_name, caps;
	struct mesh_endpoint ep;
};

static const struct mesh_field part_fields[] = {
	{"Name", MESH_BIND_STRING, offsetof(struct part, name), 0},
	{"N", MESH_BIND_INT, offsetof(struct part, n), MESH_BIND_OMIT},
};
static const struct mesh_schema part_schema =
    MESH_SCHEMA(struct part, part_fields);

static const struct mesh_field whole_fields[] = {
	{"S", MESH_BIND_STRING, offsetof(struct whole, s), MESH_BIND_OMIT},
	{"B", MESH_BIND_BOOL, offsetof(struct whole, b), MESH_BIND_OMIT},
	{"Opt", MESH_BIND_OPTBOOL, offsetof(struct whole, opt),
	    MESH_BIND_OMIT},
	{"I", MESH_BIND_INT64, offsetof(struct whole, i), MESH_BIND_OMIT},
	{"Port", MESH_BIND_UINT16, offsetof(struct whole, port),
	    MESH_BIND_OMIT},
	{"At", MESH_BIND_WALL, offsetof(struct whole, at), MESH_BIND_OMIT},
	{"Raw", MESH_BIND_RAW, offsetof(struct whole, raw), MESH_BIND_OMIT},
	{"Part", MESH_BIND_OBJECT, offsetof(struct whole, part),
	    MESH_BIND_OMIT, .sub = &part_schema},
	{"Words", MESH_BIND_STRINGS, offsetof(struct whole, words),
	    MESH_BIND_OMIT},
	{"Parts", MESH_BIND_OBJECTS, offsetof(struct whole, parts),
	    MESH_BIND_OMIT, .sub = &part_schema, .max = 3},
	{"Ints", MESH_BIND_INTS, offsetof(struct whole, ints), MESH_BIND_NULL},
	{"IPs", MESH_BIND_CUSTOMS, offsetof(struct whole, ips),
	    MESH_BIND_OMIT, .codec = &mesh_bind_ip},
	{"ByName", MESH_BIND_MAP_OBJECT, offsetof(struct whole, by_name),
	    MESH_BIND_OMIT, .sub = &part_schema},
	{"Caps", MESH_BIND_MAP_RAW, offsetof(struct whole, caps),
	    MESH_BIND_OMIT},
	{"Ep", MESH_BIND_CUSTOM, offsetof(struct whole, ep), MESH_BIND_OMIT,
	    .codec = &mesh_bind_endpoint},
};
static const struct mesh_schema whole_schema =
    MESH_SCHEMA(struct whole, whole_fields);

static const char full[] =
    "{\"S\":\"x\",\"B\":true,\"Opt\":false,\"I\":-5,\"Port\":80,"
    "\"At\":\"2026-01-02T03:04:05Z\",\"Raw\":{\"any\":[1]},"
    "\"Part\":{\"Name\":\"p\",\"N\":1},\"Words\":[\"a\",\"b\"],"
    "\"Parts\":[{\"Name\":\"q\"},{\"Name\":\"\"}],\"Ints\":[1,-2],"
    "\"IPs\":[\"100.64.0.1\",\"fd7a::1\"],"
    "\"ByName\":{\"k\":{\"Name\":\"v\"},\"gone\":null},"
    "\"Caps\":{\"c\":null,\"d\":[1]},\"Ep\":\"1.2.3.4:5\"}";

static void
text_survives_both_ways(void **state)
{
	struct mesh_arena a;
	struct whole w = {0};
	struct mesh_diag diag = {""};
	struct mesh_buf out;
	struct mesh_jw jw;

	(void)state;
	mesh_arena_init(&a, 1 << 16);
	assert_int_equal(mesh_bind_parse(full, sizeof(full) - 1, &whole_schema,
			     &a, &w, &diag),
	    MESH_OK);
	assert_int_equal(w.opt, -1);
	assert_int_equal(w.parts.count, 2);
	assert_true(w.by_name.nulls[1]);
	mesh_buf_init(&out, 4096);
	mesh_jw_init(&jw, &out, false);
	mesh_bind_write(&jw, &whole_schema, &w);
	assert_string_equal(mesh_buf_cstr(&out), full);
	mesh_buf_release(&out);
	mesh_arena_release(&a);
}

static void
absent_is_zero_and_unknown_ignored(void **state)
{
	static const char text[] =
	    "{\"New\":{\"deep\":[{}]},\"S\":null,\"Parts\":null,\"Ints\":[]}";
	struct mesh_arena a;
	struct whole w = {0};
	struct mesh_buf out;
	struct mesh_jw jw;

	(void)state;
	mesh_arena_init(&a, 1 << 16);
	assert_int_equal(mesh_bind_parse(text, sizeof(text) - 1, &whole_schema,
			     &a, &w, NULL),
	    MESH_OK);
	assert_null(w.s);
	assert_false(w.parts.set);
	assert_true(w.ints.set);
	memset(&w, 0, sizeof(w));
	mesh_buf_init(&out, 4096);
	mesh_jw_init(&jw, &out, false);
	mesh_bind_write(&jw, &whole_schema, &w);
	assert_string_equal(mesh_buf_cstr(&out), "{\"Ints\":null}");
	mesh_buf_release(&out);
	mesh_arena_release(&a);
}

static void
refuses_with_a_position(void **state)
{
	static const struct {
		const char *text, *says;
		int err;
	} table[] = {
		{"{\"Port\":65536}", "line 1, column 9: number out of range",
		    MESH_ERR_LIMIT},
		{"{\"S\":1}", "line 1, column 6: expected a text in double "
			      "quotes",
		    MESH_ERR_FORMAT},
		{"{\"S\":\"\\u0000\"}", "line 1, column 6: NUL in a text",
		    MESH_ERR_FORMAT},
		{"{\n\"IPs\":[\"1.2.3\"]}",
		    "line 2, column 8: not an IP address", MESH_ERR_FORMAT},
		{"{\"At\":\"today\"}",
		    "line 1, column 7: not an RFC 3339 time", MESH_ERR_FORMAT},
		{"{\"Parts\":[{},{},{},{}]}",
		    "line 1, column 10: too many items", MESH_ERR_LIMIT},
		{"[]", "line 1, column 1: expected an object",
		    MESH_ERR_FORMAT},
	};
	struct mesh_arena a;
	struct mesh_diag diag;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct whole w = {0};

		mesh_arena_init(&a, 1 << 16);
		assert_int_equal(mesh_bind_parse(table[i].text,
				     strlen(table[i].text), &whole_schema, &a,
				     &w, &diag),
		    table[i].err);
		assert_string_equal(diag.text, table[i].says);
		mesh_arena_release(&a);
	}
}

static void
every_truncation_and_a_small_arena_fail_cleanly(void **state)
{
	struct mesh_arena a;

	(void)state;
	for (size_t len = 0; len < sizeof(full) - 1; len++) {
		struct whole w = {0};

		mesh_arena_init(&a, 1 << 16);
		assert_int_not_equal(mesh_bind_parse(full, len, &whole_schema,
					 &a, &w, NULL),
		    MESH_OK);
		mesh_arena_release(&a);
	}
	for (size_t max = 0; max < 512; max += 16) {
		struct whole w = {0};

		mesh_arena_init(&a, max);
		assert_int_not_equal(mesh_bind_parse(full, sizeof(full) - 1,
					 &whole_schema, &a, &w, NULL),
		    MESH_OK);
		mesh_arena_release(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_survives_both_ways),
		cmocka_unit_test(absent_is_zero_and_unknown_ignored),
		cmocka_unit_test(refuses_with_a_position),
		cmocka_unit_test(
		    every_truncation_and_a_small_arena_fail_cleanly),
	};

	return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
