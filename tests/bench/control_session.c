/* SPDX-License-Identifier: ISC
 * control_session.c - what a connected node costs a control server: memory of
 * one server session with an open map stream, and the CPU of a handshake and of
 * one delta to each.
 *
 *	control_session [SESSIONS]
 *
 * Both sides run in this process; the clients are freed before the memory is
 * looked at. Prints "session BYTES", "handshake US" (both sides), "delta NS".
 */
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/client.h"
#include "control/frame.h"
#include "control/h2.h"
#include "control/handshake.h"
#include "control/record.h"
#include "control/server.h"
#include "control/upgrade.h"
#include "crypto/x25519.h"

#define DELTA                                                                  \
	"{\"PeersChangedPatch\":[{\"NodeID\":2,\"Endpoints\":"                 \
	"[\"198.51.100.99:41641\"],\"DERPRegion\":1}],"                        \
	"\"ControlTime\":\"2026-11-22T10:03:00Z\"}"

static struct mesh_machine_secret server_secret = {{1}};
static struct mesh_machine_key server_key;
static const struct mesh_time now = {MESH_HOUR};
static uint8_t buf[1 << 16];
static uint8_t scratch[MESH_H2_SCRATCH]; /* as the server's front has it */

struct session {
	struct mesh_control_server *s;
	int32_t stream;
};

static double
seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static size_t
resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%lu %lu", &size, &pages) != 2)
		abort();
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void
serve(struct session *sn)
{
	struct mesh_control_server_event ev;
	uint8_t shared[32];

	while (mesh_control_server_event(sn->s, &ev))
		switch (ev.kind) {
		case MESH_CONTROL_SERVER_DH:
			if (mesh_x25519(shared, server_secret.b, ev.point) !=
			    MESH_OK)
				abort();
			mesh_control_server_dh(sn->s, shared, now);
			break;
		case MESH_CONTROL_SERVER_REQUEST:
			sn->stream = ev.stream;
			mesh_control_server_open(sn->s, ev.stream, true, true,
			    now);
			break;
		case MESH_CONTROL_SERVER_CLOSED:
			abort();
		default:
			break;
		}
}

/* Client and server until nothing is left to say. */
static void
exchange(struct mesh_control_client *c, struct session *sn)
{
	struct mesh_control_client_event ev;
	bool moved = true;
	size_t n;

	while (moved) {
		moved = false;
		while ((n = mesh_control_client_output(c, buf, sizeof(buf),
			    now)) > 0) {
			moved = true;
			mesh_control_server_input(sn->s, buf, n, now);
			serve(sn);
		}
		while ((n = mesh_control_server_output(sn->s, buf, sizeof(buf),
			    now)) > 0) {
			moved = true;
			mesh_control_client_input(c, buf, n, now);
			while (mesh_control_client_event(c, &ev))
				if (ev.kind == MESH_CONTROL_CLOSED)
					abort();
		}
	}
}

static void
upgrade(struct mesh_control_client *c, struct session *sn, uint32_t seed)
{
	struct mesh_control_server_config cfg = {.key = server_key,
	    .scratch = scratch};
	uint8_t random[MESH_CONTROL_SERVER_RANDOM] = {9};
	uint8_t init[MESH_HANDSHAKE_INIT_LEN];
	size_t n = mesh_control_client_output(c, buf, sizeof(buf), now), len;
	struct mesh_http_head head;
	struct mesh_diag diag;
	unsigned status;

	memcpy(random, &seed, sizeof(seed));
	if (mesh_http_request_parse(buf, n, &head) != MESH_OK ||
	    mesh_upgrade_request_check(&head, init, &len, &status, &diag) !=
		MESH_OK ||
	    mesh_control_server_new(&cfg, init, len, random, now, &sn->s) !=
		MESH_OK)
		abort();
	serve(sn);
}

static void
connect_one(struct session *sn, uint32_t seed)
{
	uint8_t random[MESH_CONTROL_CLIENT_RANDOM] = {7};
	struct mesh_machine_secret machine = {{2}};
	struct mesh_control_client_config cfg = {.server_key = server_key,
	    .secret = &machine,
	    .authority = "control.test"};
	struct mesh_map_request map = {.stream = true,
	    .keep_alive = true,
	    .hostinfo = MESH_STR("{\"OS\":\"linux\",\"Hostname\":\"node\"}")};
	struct mesh_control_client *c;

	memcpy(machine.b + 4, &seed, sizeof(seed));
	memcpy(random, &seed, sizeof(seed));
	if (mesh_control_client_new(&cfg, random, now, &c) != MESH_OK)
		abort();
	upgrade(c, sn, seed);
	if (mesh_control_client_map(c, &map, now, NULL) != MESH_OK)
		abort();
	exchange(c, sn);
	if (sn->stream == 0)
		abort();
	mesh_control_client_free(c);
}

static void
push_all(struct session *all, unsigned count)
{
	struct mesh_frame_writer *w = mesh_frame_writer_new();
	struct mesh_blob *b;
	struct mesh_buf frame;

	mesh_buf_init(&frame, 1 << 16);
	if (w == NULL ||
	    mesh_frame_writer_add(w, DELTA, strlen(DELTA), true, &frame) !=
		MESH_OK)
		abort();
	b = mesh_blob_new(frame.data, frame.len);
	for (unsigned i = 0; i < count; i++) {
		if (mesh_control_server_push(all[i].s, all[i].stream, b,
			now) != MESH_OK ||
		    mesh_control_server_output(all[i].s, buf, sizeof(buf),
			now) == 0)
			abort();
	}
	mesh_blob_unref(b);
	mesh_buf_release(&frame);
	mesh_frame_writer_free(w);
}

int
main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10)
				  : 2000;
	struct session *all = calloc(count, sizeof(*all));
	double begun, took;
	size_t before;

	if (all == NULL || count == 0 || sodium_init() < 0)
		return 1;
	server_key = mesh_machine_public(&server_secret);
	malloc_trim(0);
	before = resident();
	begun = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < count; i++)
		connect_one(&all[i], i);
	took = seconds(CLOCK_PROCESS_CPUTIME_ID) - begun;
	malloc_trim(0);
	printf("session %zu\n", (resident() - before) / count);
	printf("handshake %.0f\n", took * 1e6 / count);
	push_all(all, count);
	begun = seconds(CLOCK_PROCESS_CPUTIME_ID);
	push_all(all, count);
	took = seconds(CLOCK_PROCESS_CPUTIME_ID) - begun;
	printf("delta %.0f\n", took * 1e9 / count);
	printf("session after deltas %zu\n", (resident() - before) / count);
	for (unsigned i = 0; i < count; i++)
		mesh_control_server_free(all[i].s);
	free(all);
	return 0;
}
