/* SPDX-License-Identifier: ISC */
#include "control/retry.h"

#include "control/backoff.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that is sent today. */
static int
parse_date(struct mesh_str s, struct mesh_wall *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const char shape[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	char text[MESH_RFC3339_MAX], month[4];
	const char *at;

	if (s.len != sizeof(shape) - 1 || s.p[3] != ',' ||
	    memcmp(s.p + 25, " GMT", 4) != 0)
		return MESH_ERR_FORMAT;
	memcpy(month, s.p + 8, 3);
	month[3] = 0;
	at = strstr(months, month);
	if (at == NULL || (at - months) % 3 != 0)
		return MESH_ERR_FORMAT;
	(void)mesh_format(text, sizeof(text), "%.4s-%02d-%.2sT%.8sZ", s.p + 12,
	    (int)(at - months) / 3 + 1, s.p + 5, s.p + 17);
	return mesh_wall_parse(mesh_str(text), out);
}

uint64_t
mesh_retry_after(struct mesh_str value, struct mesh_str date)
{
	struct mesh_wall until, from;
	uint64_t sec = 0;

	if (mesh_parse_u64(value, MESH_RETRY_MAX_NS / MESH_SEC, &sec) ==
	    MESH_OK)
		return sec * MESH_SEC;
	if (parse_date(value, &until) != MESH_OK ||
	    parse_date(date, &from) != MESH_OK || until.sec <= from.sec)
		return 0;
	sec = (uint64_t)(until.sec - from.sec);
	return sec <= MESH_RETRY_MAX_NS / MESH_SEC ? sec * MESH_SEC : 0;
}
