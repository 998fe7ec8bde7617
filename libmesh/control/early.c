/* SPDX-License-Identifier: ISC */
#include "control/early.h"

#include <assert.h>

#include "control/msg.h"

#define CHALLENGE_PREFIX "chalpub:"
#define JSON_FORMAT "{\"nodeKeyChallenge\":\"" CHALLENGE_PREFIX "%s\"}"
#define HEX_LEN (2 * MESH_EARLY_CHALLENGE_LEN)
#define ARENA_MAX (2 * MESH_EARLY_MAX)

static const uint8_t magic[5] = {0xff, 0xff, 0xff, 'T', 'S'};

static_assert(MESH_EARLY_LEN ==
	MESH_EARLY_HEAD_LEN + sizeof(JSON_FORMAT) - 3 + HEX_LEN,
    "the length is that of the JSON");

bool
mesh_early_head(const uint8_t head[static MESH_EARLY_HEAD_LEN],
    uint32_t *out_len)
{
	struct mesh_rd r = mesh_rd_init(head, MESH_EARLY_HEAD_LEN);

	if (memcmp(mesh_rd_take(&r, sizeof(magic)), magic, sizeof(magic)) != 0)
		return false;
	*out_len = mesh_rd_u32be(&r);
	return true;
}

int
mesh_early_check(const char *json, size_t len, struct mesh_diag *diag)
{
	struct mesh_early_noise m = {0};
	struct mesh_arena a;
	int err;

	mesh_arena_init(&a, ARENA_MAX);
	err = mesh_bind_parse(json, len, &mesh_early_noise_schema, &a, &m,
	    diag);
	mesh_arena_release(&a);
	return err;
}

void
mesh_early_write(const uint8_t challenge[static MESH_EARLY_CHALLENGE_LEN],
    uint8_t out[static MESH_EARLY_LEN])
{
	struct mesh_wr w = mesh_wr_init(out, MESH_EARLY_LEN);
	char json[MESH_EARLY_LEN + 1], hex[HEX_LEN + 1];

	mesh_hex_encode(challenge, MESH_EARLY_CHALLENGE_LEN, hex);
	(void)mesh_format(json, sizeof(json), JSON_FORMAT, hex);
	mesh_wr_bytes(&w, magic, sizeof(magic));
	mesh_wr_u32be(&w, MESH_EARLY_LEN - MESH_EARLY_HEAD_LEN);
	mesh_wr_bytes(&w, json, MESH_EARLY_LEN - MESH_EARLY_HEAD_LEN);
	assert(mesh_wr_ok(&w) && w.len == MESH_EARLY_LEN);
}
