/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <sodium.h>

void
mesh_base64_encode(const uint8_t *p, size_t len, char *out)
{
	sodium_bin2base64(out, MESH_BASE64_LEN(len) + 1, p, len,
	    sodium_base64_VARIANT_ORIGINAL);
}

int
mesh_base64_decode(struct mesh_str text, uint8_t *out, size_t max,
    size_t *out_len)
{
	/* Before decoding, so that "too long" and "malformed" stay apart. */
	size_t pad = 0;

	if (text.len % 4 != 0)
		return MESH_ERR_FORMAT;
	while (pad < 2 && pad < text.len && text.p[text.len - 1 - pad] == '=')
		pad++;
	if (text.len / 4 * 3 - pad > max)
		return MESH_ERR_LIMIT;
	if (text.len == 0) {
		*out_len = 0;
		return MESH_OK;
	}
	if (sodium_base642bin(out, max, text.p, text.len, NULL, out_len, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return MESH_ERR_FORMAT;
	return MESH_OK;
}
