/* SPDX-License-Identifier: ISC
 * fuzz_local.c - what a client may send to the local API, split where the first
 * byte says; and what a daemon may answer to commands. */
#include "local/netmap.h"
#include "local/notify.h"
#include "local/ping.h"
#include "local/server.h"
#include "local/whois.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run_server(const uint8_t *data, size_t size, size_t cut)
{
	struct mesh_local_conn c;
	struct mesh_local_request r;
	char value[MESH_LOCAL_QUERY_MAX];
	int requests = 0;

	mesh_local_conn_init(&c, "1");
	mesh_local_conn_input(&c, data, cut);
	while (mesh_local_conn_next(&c, &r) == MESH_OK) {
		(void)mesh_local_query(&r, "addr", value);
		mesh_local_answer(&c, 200, "text/plain", r.body);
		requests++;
	}
	mesh_local_conn_input(&c, data + cut, size - cut);
	while (mesh_local_conn_next(&c, &r) == MESH_OK)
		requests++;
	if (requests > 0 && (size_t)requests > size / 16)
		abort(); /* "GET / HTTP/1.1\r\n\r\n" has 18 bytes */
	mesh_local_conn_release(&c);
}

static void
run_readers(const char *text, size_t size)
{
	struct mesh_prefs prefs = MESH_PREFS_DEFAULT;
	struct mesh_status status = {0};
	struct mesh_ping_result ping = {0};
	struct mesh_notify notify;
	struct mesh_whois who;
	struct mesh_arena a;

	mesh_arena_init(&a, 1u << 20);
	if (mesh_prefs_edit(&prefs, text, size, &a, NULL) == MESH_OK) {
		mesh_prefs_drop(&prefs);
		if (mesh_prefs_check(&prefs, NULL) != MESH_OK)
			abort();
	}
	(void)mesh_bind_parse(text, size, &mesh_status_schema, &a, &status,
	    NULL);
	(void)mesh_bind_parse(text, size, &mesh_ping_schema, &a, &ping, NULL);
	(void)mesh_notify_parse(text, size, &a, &notify, NULL);
	(void)mesh_whois_parse(text, size, &who, NULL);
	mesh_arena_release(&a);
}

/* What control sent, told to clients. */
static void
run_netmap(const char *text, size_t size)
{
	struct mesh_netmap *nm;
	struct mesh_buf out;
	struct mesh_jw w;

	if (mesh_netmap_parse(text, size, &nm, NULL) != MESH_OK)
		return;
	mesh_buf_init(&out, 1u << 20);
	for (size_t i = 0; i < nm->peer_count; i++) {
		mesh_buf_clear(&out);
		mesh_whois_write(&out, nm, nm->peers[i]);
	}
	mesh_buf_clear(&out);
	mesh_jw_init(&w, &out, false);
	mesh_local_write_netmap(&w, nm);
	mesh_buf_release(&out);
	mesh_netmap_unref(nm);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_netmap((const char *)data, size);
	run_readers((const char *)data, size);
	if (size > 0)
		run_server(data + 1, size - 1, data[0] % size);
	return 0;
}
