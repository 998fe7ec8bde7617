/* SPDX-License-Identifier: ISC
 * hex.c - hex digits of secrets, without a branch or an index on them. Apart
 * from base64.c, so that a program that keeps a key file links libc alone.
 */
#include "base/text.h"

static char
digit(unsigned nibble)
{
	/* 10 and more: (9 - nibble) wraps, its high bits are set. */
	return (char)('0' + nibble + ((9u - nibble) >> 8 & ('a' - '0' - 10)));
}

void
mesh_hex_encode(const uint8_t *p, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = digit(p[i] >> 4);
		*out++ = digit(p[i] & 15u);
	}
	*out = '\0';
}

/* All ones when lo <= c <= hi, else 0. */
static unsigned
within(unsigned c, unsigned lo, unsigned hi)
{
	return ~((c - lo) | (hi - c)) >> 8 & 0xffu;
}

/* The digit's value; *bad collects what is no digit. */
static unsigned
value(char digit_char, unsigned *bad)
{
	unsigned c = (unsigned char)digit_char, letter = c | 0x20u;
	unsigned is_number = within(c, '0', '9');
	unsigned is_letter = within(letter, 'a', 'f');

	*bad |= ~(is_number | is_letter) & 0xffu;
	return (is_number & (c - '0')) | (is_letter & (letter - 'a' + 10));
}

int
mesh_hex_decode(struct mesh_str hex, uint8_t *out, size_t len)
{
	unsigned bad = 0;

	if (hex.len != 2 * len)
		return MESH_ERR_FORMAT;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(value(hex.p[2 * i], &bad) << 4 |
		    value(hex.p[2 * i + 1], &bad));
	if (bad == 0)
		return MESH_OK;
	memset(out, 0, len);
	return MESH_ERR_FORMAT;
}
