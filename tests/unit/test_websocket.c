/* SPDX-License-Identifier: ISC */
#include "test.h"

#include "base/buf.h"
#include "wire/websocket.h"

/* The example of RFC 6455, 1.3. */
static void
the_key_is_answered(void **state)
{
	char text[MESH_WS_ACCEPT_LEN + 1];

	(void)state;
	assert_int_equal(mesh_ws_accept(MESH_STR("dGhlIHNhbXBsZSBub25jZQ=="),
			     text),
	    MESH_OK);
	assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_int_equal(mesh_ws_accept(MESH_STR("dGhlIHNhbXBsZQ=="), text),
	    MESH_ERR_FORMAT);
	assert_int_equal(mesh_ws_accept(MESH_STR(""), text), MESH_ERR_FORMAT);
}

/* "Hello" of RFC 6455, 5.7, as binary data: in two fragments, a ping between.
 */
static const uint8_t frames[] = {0x02, 0x83, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f,
    0x4d, 0x89, 0x82, 0, 0, 0, 0, 'h', 'i', 0x80, 0x82, 1, 2, 3, 4, 'l' ^ 1,
    'o' ^ 2, 0x88, 0x80, 9, 9, 9, 9};

/* What comes out, with frames in pieces of `step` bytes. */
static void
read_all(size_t step, struct mesh_buf *out)
{
	uint8_t copy[sizeof(frames)];
	struct mesh_ws w = {0};
	struct mesh_ws_part part;
	size_t used, at = 0;

	memcpy(copy, frames, sizeof(copy));
	while (at < sizeof(copy)) {
		size_t end =
		    at + step < sizeof(copy) ? at + step : sizeof(copy);

		while (mesh_ws_next(&w, copy + at, end - at, &used, &part) ==
		       MESH_OK) {
			at += used;
			if (part.op != MESH_WS_BINARY)
				mesh_buf_printf(out, "|%u:", (unsigned)part.op);
			mesh_buf_add(out, part.data, part.len);
			if (part.op != MESH_WS_BINARY)
				mesh_buf_add_byte(out, '|');
		}
		at += used;
		assert_int_equal(at, end);
	}
	mesh_buf_add_byte(out, 0);
}

static void
fragments_and_control_frames(void **state)
{
	struct mesh_buf out;

	(void)state;
	for (size_t step = 1; step <= sizeof(frames); step++) {
		mesh_buf_init(&out, 256);
		read_all(step, &out);
		assert_string_equal((char *)out.data, "Hel|9:hi|lo|8:|");
		mesh_buf_release(&out);
	}
}

static void
what_is_refused(void **state)
{
	static const struct {
		uint8_t bytes[14];
		int err;
	} cases[] = {
	    {{0x82, 0x01, 0, 0, 0, 0, 0}, MESH_ERR_PROTO},   /* no mask */
	    {{0x81, 0x81, 0, 0, 0, 0, 'x'}, MESH_ERR_PROTO}, /* text */
	    {{0xc2, 0x81, 0, 0, 0, 0, 'x'}, MESH_ERR_PROTO}, /* extension */
	    {{0x80, 0x81, 0, 0, 0, 0, 'x'}, MESH_ERR_PROTO}, /* no beginning */
	    {{0x09, 0x81, 0, 0, 0, 0, 'x'}, MESH_ERR_PROTO}, /* part of ping */
	    {{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, MESH_ERR_PROTO}, /* long ping */
	    {{0x8b, 0x80, 0, 0, 0, 0}, MESH_ERR_PROTO}, /* unknown control */
	    {{0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0},
		MESH_ERR_LIMIT},
	    {{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
		 0, 0},
		MESH_ERR_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t copy[sizeof(cases[i].bytes)];
		struct mesh_ws w = {0};
		struct mesh_ws_part part;
		size_t used;

		memcpy(copy, cases[i].bytes, sizeof(copy));
		assert_int_equal(mesh_ws_next(&w, copy, sizeof(copy), &used,
				     &part),
		    cases[i].err);
	}
}

static void
heads_that_we_send(void **state)
{
	uint8_t out[MESH_WS_HEAD_MAX];

	(void)state;
	assert_int_equal(mesh_ws_head(MESH_WS_BINARY, 125, out), 2);
	assert_memory_equal(out, "\x82\x7d", 2);
	assert_int_equal(mesh_ws_head(MESH_WS_BINARY, 126, out), 4);
	assert_memory_equal(out, "\x82\x7e\x00\x7e", 4);
	assert_int_equal(mesh_ws_head(MESH_WS_PONG, 65535, out), 4);
	assert_memory_equal(out, "\x8a\x7e\xff\xff", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_key_is_answered),
	    cmocka_unit_test(fragments_and_control_frames),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(heads_that_we_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
