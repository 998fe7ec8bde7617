/* SPDX-License-Identifier: ISC
 * Bytes of a stranger as records; and what one who has the keys may put inside
 * a record, which is where the parser is. */
#include <stdlib.h>
#include <string.h>

#include "crypto/tls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t ours[MESH_TLS_SECRET_MAX] = {1};
static const uint8_t theirs[MESH_TLS_SECRET_MAX] = {2};

static struct mesh_tls_records *
open_records(const uint8_t *in, const uint8_t *out)
{
	struct mesh_tls_records *r = NULL;

	if (mesh_tls_records_new(MESH_TLS_CHACHA20_POLY1305_SHA256, in, out, 32,
		&r) != MESH_OK)
		abort();
	return r;
}

static void
take(struct mesh_tls_records *r, uint8_t *p, size_t len)
{
	uint8_t notice[MESH_TLS_NOTICE_MAX];
	struct mesh_tls_got got;
	size_t used;
	int err;

	while (len > 0) {
		err = mesh_tls_open(r, p, len, &used, &got);
		if (err != MESH_OK) {
			(void)mesh_tls_alert_for(err);
			return;
		}
		if (used == 0 || used > len || got.text < p ||
		    got.len > MESH_TLS_TEXT_MAX ||
		    got.text + got.len > p + used)
			abort();
		if (mesh_tls_notice(r, notice) > sizeof(notice))
			abort();
		p += used;
		len -= used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_tls_records *a = open_records(theirs, ours);
	struct mesh_tls_records *b = open_records(ours, theirs);
	char line[512];
	uint8_t secret[MESH_TLS_SECRET_MAX];
	uint8_t *copy = malloc(size + MESH_TLS_OVERHEAD + 1);

	if (copy == NULL || size > MESH_TLS_TEXT_MAX)
		goto out;
	memcpy(copy, data, size);
	take(a, copy, size);
	mesh_tls_records_free(a);
	a = open_records(theirs, ours);
	/* The last byte is its type, and zeros behind it are padding. */
	take(a, copy, mesh_tls_seal_inner(b, data, size, copy));
	memcpy(line, data, size < sizeof(line) ? size : sizeof(line) - 1);
	line[size < sizeof(line) ? size : sizeof(line) - 1] = '\0';
	if (mesh_tls_keylog(line, "SERVER_TRAFFIC_SECRET_0", secret) >
	    sizeof(secret))
		abort();
out:
	free(copy);
	mesh_tls_records_free(a);
	mesh_tls_records_free(b);
	return 0;
}
