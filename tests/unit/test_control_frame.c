/* SPDX-License-Identifier: ISC
 * Messages of a map stream: protocol/vectors-control.md 5, in pieces, damaged,
 * too large, and as bombs. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "control/frame.h"

#define KEEPALIVE MESH_KEEPALIVE_TEXT

struct result {
	int err;
	char text[512]; /* the first message */
	size_t text_len;
	unsigned messages;
	struct mesh_diag diag;
};

/* Feeds all of p, `step` bytes at a time. */
static struct result
read_all(bool zstd, size_t max, size_t text_max, const uint8_t *p, size_t len,
    size_t step)
{
	struct mesh_frame_reader *r = mesh_frame_reader_new(zstd, max,
	    text_max);
	struct result res = {.err = MESH_ERR_AGAIN};
	struct mesh_str text;
	size_t at = 0;

	assert_non_null(r);
	while (at < len &&
	    (res.err == MESH_ERR_AGAIN || res.err == MESH_OK)) {
		size_t n = len - at < step ? len - at : step, used = 999;

		res.err = mesh_frame_reader_input(r, p + at, n, &used, &text,
		    &res.diag);
		if (res.err == MESH_OK && res.messages++ == 0) {
			res.text_len = text.len;
			memcpy(res.text, text.p,
			    text.len < sizeof(res.text) ? text.len
							: sizeof(res.text));
		}
		assert_true(used <= n);
		assert_true(used == n || res.err != MESH_ERR_AGAIN);
		at += used;
	}
	if (res.err == MESH_ERR_AGAIN)
		assert_true(mesh_frame_reader_partial(r));
	mesh_frame_reader_free(r);
	return res;
}

static struct result
read_hex(bool zstd, const char *hex)
{
	uint8_t bytes[512];
	size_t len = test_unhex(hex, bytes, sizeof(bytes));

	return read_all(zstd, 0, 0, bytes, len, len);
}

static void
assert_keepalive(struct result r)
{
	assert_int_equal(r.err, MESH_OK);
	assert_int_equal(r.messages, 1);
	assert_int_equal(r.text_len, strlen(KEEPALIVE));
	assert_memory_equal(r.text, KEEPALIVE, r.text_len);
}

static void
test_vectors(void **state)
{
	(void)state;
	assert_keepalive(read_hex(false,
	    "120000007b224b656570416c697665223a747275657d"));
	assert_keepalive(read_hex(true,
	    "1b00000028b52ffd20129100007b224b656570416c697665223a747275657d"));
	assert_keepalive(read_hex(true,
	    "1f00000028b52ffd24129100007b224b656570416c697665223a747275657d0e26"
	    "0c10"));
	assert_keepalive(read_all(false, 0, 0, mesh_keepalive_plain,
	    sizeof(mesh_keepalive_plain), 1));
	assert_keepalive(read_all(true, 0, 0, mesh_keepalive_zstd,
	    sizeof(mesh_keepalive_zstd), 1));
}

/* Stored blocks: head by head, then n bytes of content. */
static void
test_stored_blocks(void **state)
{
	static const struct {
		size_t n;
		const char *head;
	} cases[] = {
	    {1, "28b52ffd2001090000"},
	    {255, "28b52ffd20fff90700"},
	    {256, "28b52ffd600000010800"},
	    {300, "28b52ffd602c00610900"},
	    {65535, "28b52ffd60fffef9ff07"},
	    {65791, "28b52ffd60fffff90708"},
	    {65792, "28b52ffda000010100010808"},
	    {131072, "28b52ffda000000200010010"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t *p = malloc(cases[i].n + 64);
		size_t head = test_unhex(cases[i].head, p + 4, 60);
		size_t len = head + cases[i].n;
		struct result r;

		for (unsigned b = 0; b < 4; b++)
			p[b] = (uint8_t)(len >> (8 * b));
		memset(p + 4 + head, 'a', cases[i].n);
		r = read_all(true, 0, 0, p, len + 4, 7777);
		assert_int_equal(r.err, MESH_OK);
		assert_int_equal(r.text_len, cases[i].n);
		assert_int_equal(r.text[0], 'a');
		free(p);
	}
}

static void
test_two_messages(void **state)
{
	uint8_t bytes[2 * sizeof(mesh_keepalive_zstd)];

	(void)state;
	memcpy(bytes, mesh_keepalive_zstd, sizeof(mesh_keepalive_zstd));
	memcpy(bytes + sizeof(mesh_keepalive_zstd), mesh_keepalive_zstd,
	    sizeof(mesh_keepalive_zstd));
	for (size_t step = 1; step <= sizeof(bytes); step++) {
		struct result r = read_all(true, 0, 0, bytes, sizeof(bytes),
		    step);

		assert_int_equal(r.err, MESH_OK);
		assert_int_equal(r.messages, 2);
	}
}

static void
write_frame(const char *text, size_t len, bool zstd, struct mesh_buf *out)
{
	struct mesh_frame_writer *w = mesh_frame_writer_new();

	assert_non_null(w);
	mesh_buf_init(out, 1 << 20);
	assert_int_equal(mesh_frame_writer_add(w, text, len, zstd, out),
	    MESH_OK);
	mesh_frame_writer_free(w);
}

static void
test_cut_and_flipped(void **state)
{
	static const char text[] =
	    "{\"PeersChangedPatch\":[{\"NodeID\":2,\"Online\":true},"
	    "{\"NodeID\":3,\"Online\":true},{\"NodeID\":4,\"Online\":true}]}";
	struct mesh_buf b;
	struct result r;

	(void)state;
	write_frame(text, strlen(text), true, &b);
	r = read_all(true, 0, 0, b.data, b.len, b.len);
	assert_int_equal(r.err, MESH_OK);
	assert_int_equal(r.text_len, strlen(text));
	assert_memory_equal(r.text, text, r.text_len);
	for (size_t len = 1; len < b.len; len++) {
		r = read_all(true, 0, 0, b.data, len, len);
		assert_int_equal(r.err, MESH_ERR_AGAIN);
		/* The length says so, but the frame inside is cut short. */
		if (len > MESH_FRAME_HEAD) {
			uint8_t cut[256];

			memcpy(cut, b.data, len);
			cut[0] = (uint8_t)(len - MESH_FRAME_HEAD);
			r = read_all(true, 0, 0, cut, len, len);
			assert_int_equal(r.err, MESH_ERR_FORMAT);
		}
	}
	/* Our frames have a checksum: a flip never gives another text. */
	for (size_t i = 8 * MESH_FRAME_HEAD; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (uint8_t)(1u << (i % 8));
		r = read_all(true, 0, 0, b.data, b.len, b.len);
		if (r.err == MESH_OK) /* a bit that zstd does not look at */
			assert_memory_equal(r.text, text, strlen(text));
		b.data[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	mesh_buf_release(&b);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *what;
		bool zstd;
		const char *hex;
		int err;
	} cases[] = {
	    {"empty message", false, "00000000", MESH_ERR_FORMAT},
	    {"empty message", true, "00000000", MESH_ERR_FORMAT},
	    {"longer than the limit", false, "01000001", MESH_ERR_LIMIT},
	    {"longest length", true, "ffffffff", MESH_ERR_LIMIT},
	    {"big-endian length", true, "0000001b28b52ffd", MESH_ERR_LIMIT},
	    {"plain text where zstd is due", true,
		"120000007b224b656570416c697665223a747275657d",
		MESH_ERR_FORMAT},
	    {"skippable frame", true, "0a000000502a4d18020000006161",
		MESH_ERR_FORMAT},
	    {"two zstd frames", true,
		"1200000028b52ffd200109000061" "28b52ffd200109000061",
		MESH_ERR_FORMAT},
	    {"a byte behind the frame", true, "0b00000028b52ffd200109000061" "00",
		MESH_ERR_FORMAT},
	    {"content size lies: less is there", true,
		"0a00000028b52ffd200209000061", MESH_ERR_FORMAT},
	    {"content size lies: more is there", true,
		"0b00000028b52ffd20011100006161", MESH_ERR_FORMAT},
	    {"dictionary", true, "0b00000028b52ffd210701090000" "61",
		MESH_ERR_FORMAT},
	    {"content of 2^60 bytes", true,
		"1100000028b52ffde000000000000000100900" "0061",
		MESH_ERR_LIMIT},
	    {"window of 2 GiB, size unknown", true,
		"0a00000028b52ffd00a80900" "0061", MESH_ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct result r = read_hex(cases[i].zstd, cases[i].hex);

		if (r.err != cases[i].err)
			print_error("%s: %d %s\n", cases[i].what, r.err,
			    r.diag.text);
		assert_int_equal(r.err, cases[i].err);
		assert_true(r.diag.text[0] != 0);
	}
}

static size_t
compress(const void *p, size_t len, bool tell_size, uint8_t *out, size_t max)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_outBuffer o = {out + MESH_FRAME_HEAD, max - MESH_FRAME_HEAD, 0};
	ZSTD_inBuffer in = {p, len, 0};

	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, tell_size);
	if (tell_size)
		ZSTD_CCtx_setPledgedSrcSize(c, len);
	assert_int_equal(ZSTD_compressStream2(c, &o, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(c);
	for (unsigned b = 0; b < 4; b++)
		out[b] = (uint8_t)(o.pos >> (8 * b));
	return o.pos + MESH_FRAME_HEAD;
}

/* 60 MB of blanks in a few kB: refused by the ratio, whether it says its size or
 * not; within the ratio, and the allowance for small ones, taken. */
static void
test_bombs(void **state)
{
	size_t big = 60u << 20, small = 900u << 10;
	uint8_t *blanks = malloc(big), out[16384];

	(void)state;
	assert_non_null(blanks);
	memset(blanks, ' ', big);
	for (int tell = 0; tell < 2; tell++) {
		size_t len = compress(blanks, big, tell, out, sizeof(out));
		struct result r = read_all(true, 0, 0, out, len, len);

		assert_int_equal(r.err, MESH_ERR_LIMIT);
		len = compress(blanks, small, tell, out, sizeof(out));
		r = read_all(true, 0, 0, out, len, 5);
		assert_int_equal(r.err, MESH_OK);
		assert_int_equal(r.text_len, small);
		r = read_all(true, 0, small - 1, out, len, len);
		assert_int_equal(r.err, MESH_ERR_LIMIT);
	}
	free(blanks);
}

static void
test_limits_of_the_caller(void **state)
{
	struct result r;

	(void)state;
	r = read_all(false, 17, 0, mesh_keepalive_plain,
	    sizeof(mesh_keepalive_plain), 1);
	assert_int_equal(r.err, MESH_ERR_LIMIT);
	r = read_all(false, 0, 17, mesh_keepalive_plain,
	    sizeof(mesh_keepalive_plain), 1);
	assert_int_equal(r.err, MESH_ERR_LIMIT);
	r = read_all(true, 26, 0, mesh_keepalive_zstd,
	    sizeof(mesh_keepalive_zstd), 1);
	assert_int_equal(r.err, MESH_ERR_LIMIT);
}

static void
test_writer(void **state)
{
	static const bool forms[] = {false, true};
	char text[4000];

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(forms); f++)
		for (size_t len = 1; len < sizeof(text); len += 37) {
			struct mesh_buf b;
			struct result r;

			memset(text, 'x', sizeof(text));
			for (size_t i = 0; i < len; i += 3)
				text[i] = (char)('a' + i % 26);
			write_frame(text, len, forms[f], &b);
			r = read_all(forms[f], 0, 0, b.data, b.len, b.len);
			assert_int_equal(r.err, MESH_OK);
			assert_int_equal(r.messages, 1);
			assert_true(r.text_len >= len && r.text_len <= len + 2);
			mesh_buf_release(&b);
		}
}

/* Stock clients take a frame of a keep-alive's length for one. */
static void
test_never_as_long_as_a_keepalive(void **state)
{
	unsigned padded = 0;

	(void)state;
	for (size_t len = 1; len < 60; len++)
		for (char c = 'a'; c <= 'z'; c++) {
			char text[64];
			struct mesh_buf b;
			struct result r;

			for (size_t i = 0; i < len; i++)
				text[i] = i % 2 ? c : (char)('a' + i % 26);
			write_frame(text, len, true, &b);
			assert_int_not_equal(b.len,
			    sizeof(mesh_keepalive_zstd));
			r = read_all(true, 0, 0, b.data, b.len, b.len);
			assert_int_equal(r.err, MESH_OK);
			assert_memory_equal(r.text, text, len);
			padded += r.text_len > len;
			mesh_buf_release(&b);
		}
	assert_true(padded > 0); /* the case did come up */
}

static void
test_writer_refuses(void **state)
{
	struct mesh_frame_writer *w = mesh_frame_writer_new();
	struct mesh_buf b;

	(void)state;
	mesh_buf_init(&b, 100);
	assert_int_equal(mesh_frame_writer_add(w, "", 0, true, &b),
	    MESH_ERR_ARG);
	assert_int_equal(mesh_frame_writer_add(w, "{}", 2, false, &b),
	    MESH_OK);
	assert_int_equal(mesh_frame_writer_add(w,
			     "0123456789012345678901234567890123456789"
			     "0123456789012345678901234567890123456789"
			     "01234567890123456789",
			     100, false, &b),
	    MESH_ERR_LIMIT);
	assert_int_equal(b.len, 6);
	assert_int_equal(mesh_frame_writer_add(w, "{}", 2, false, &b),
	    MESH_OK);
	assert_int_equal(b.len, 12);
	mesh_buf_release(&b);
	mesh_frame_writer_free(w);
}

/* Parts made one by one, in any order, are one message. */
static void
test_parts(void **state)
{
	static const char *const texts[] = {"{\"Peers\":[", "1,2,", "3]}"};
	struct mesh_frame_writer *w = mesh_frame_writer_new();
	uint8_t bytes[512], *to = bytes + MESH_FRAME_HEAD;
	struct mesh_buf b;
	struct result res;
	size_t len;

	(void)state;
	mesh_buf_init(&b, sizeof(bytes));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mesh_frame_writer_part(w, texts[i],
		    strlen(texts[i]), &b), MESH_OK);
	memcpy(to, b.data, b.len);
	mesh_frame_head(b.len, bytes);
	len = MESH_FRAME_HEAD + b.len;
	for (size_t step = 1; step < len; step += 7) {
		res = read_all(true, 0, 0, bytes, len, step);
		assert_int_equal(res.err, MESH_OK);
		assert_int_equal(res.messages, 1);
		assert_int_equal(res.text_len, 17);
		assert_memory_equal(res.text, "{\"Peers\":[1,2,3]}", 17);
	}
	/* Cut short in the last one; something else behind it. */
	mesh_frame_head(b.len - 1, bytes);
	res = read_all(true, 0, 0, bytes, len - 1, len);
	assert_int_equal(res.err, MESH_ERR_FORMAT);
	mesh_frame_head(b.len + 1, bytes);
	to[b.len] = 'x';
	res = read_all(true, 0, 0, bytes, len + 1, len + 1);
	assert_int_equal(res.err, MESH_ERR_FORMAT);
	mesh_buf_release(&b);
	mesh_frame_writer_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_stored_blocks),
	    cmocka_unit_test(test_two_messages),
	    cmocka_unit_test(test_cut_and_flipped),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_bombs),
	    cmocka_unit_test(test_limits_of_the_caller),
	    cmocka_unit_test(test_writer),
	    cmocka_unit_test(test_never_as_long_as_a_keepalive),
	    cmocka_unit_test(test_writer_refuses),
	    cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
