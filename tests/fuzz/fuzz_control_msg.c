/* SPDX-License-Identifier: ISC
 * fuzz_control_msg.c - the JSON messages of the control channel, and the small
 * texts beside them. What a parser takes, the writer writes, and the parser
 * takes again.
 */
#include <stdlib.h>
#include <string.h>

#include "control/c2n.h"
#include "control/early.h"
#include "control/keyfetch.h"
#include "control/msg.h"
#include "control/retry.h"
#include "control/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
parse_messages(const char *text, size_t len, struct mesh_arena *a,
    struct mesh_buf *out)
{
	struct mesh_register_request reg;
	struct mesh_register_response answer;
	struct mesh_map_request map;
	struct mesh_map_head head;
	struct mesh_diag diag;

	if (mesh_register_request_parse(text, len, a, &reg, &diag) ==
		MESH_OK &&
	    mesh_register_request_write(&reg, out) == MESH_OK &&
	    mesh_register_request_parse((const char *)out->data, out->len, a,
		&reg, &diag) == MESH_ERR_FORMAT)
		abort();
	mesh_buf_clear(out);
	if (mesh_map_request_parse(text, len, a, &map, &diag) == MESH_OK &&
	    mesh_map_request_write(&map, out) == MESH_OK &&
	    mesh_map_request_parse((const char *)out->data, out->len, a, &map,
		&diag) == MESH_ERR_FORMAT)
		abort();
	mesh_buf_clear(out);
	if (mesh_register_response_parse(text, len, a, &answer, &diag) ==
	    MESH_OK)
		(void)mesh_register_outcome(&answer);
	(void)mesh_map_head_parse(text, len, a, &head, &diag);
}

static void
parse_texts(const char *text, struct mesh_buf *out)
{
	struct mesh_control_url url;
	struct mesh_str s = mesh_str(text);
	struct mesh_str rest = s;
	struct mesh_str first = mesh_str_cut(&rest, '\n');

	(void)mesh_control_url_parse(text, &url, NULL);
	(void)mesh_url_path(text);
	(void)mesh_retry_after(first, rest);
	(void)mesh_c2n_answer(text, out);
}

static void
fetch(const uint8_t *data, size_t size)
{
	struct mesh_server_keys keys;
	struct mesh_diag diag;
	struct mesh_keyfetch f;

	mesh_keyfetch_init(&f);
	for (size_t i = 0; i < size; i += 7)
		if (mesh_keyfetch_input(&f, data + i,
			size - i < 7 ? size - i : 7, &keys, &diag) !=
		    MESH_ERR_AGAIN)
			break;
	mesh_keyfetch_release(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct mesh_arena a;
	struct mesh_diag diag;
	struct mesh_buf out;

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = 0;
	mesh_arena_init(&a, 4 << 20);
	mesh_buf_init(&out, 4 << 20);
	parse_messages(text, size, &a, &out);
	parse_texts(text, &out);
	(void)mesh_early_check(text, size, &diag);
	fetch(data, size);
	mesh_buf_release(&out);
	mesh_arena_release(&a);
	free(text);
	return 0;
}
