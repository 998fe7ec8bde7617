/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "wire/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_stun_txid txid, back;
	struct mesh_endpoint seen, again;
	uint8_t out[MESH_STUN_RESPONSE_MAX];

	mesh_stun_request_parse(data, size, &txid);
	if (mesh_stun_response_parse(data, size, &txid, &seen) != MESH_OK)
		return 0;
	/* What was understood can be said, and is understood the same way. */
	size_t len = mesh_stun_response(&txid, &seen, out);
	if (mesh_stun_response_parse(out, len, &back, &again) != MESH_OK ||
	    !mesh_endpoint_eq(&seen, &again))
		abort();
	return 0;
}
