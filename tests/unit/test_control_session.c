/* SPDX-License-Identifier: ISC
 * Both sides of the control channel, joined in memory: whole conversations, cut
 * at every byte, ended at every byte, damaged at every byte. */
#include "control_pair.h"

#include <stdlib.h>

/* Large: not on the stack. */
static struct pair pair;

/* The lite update overtakes the register: its answer is a head alone. */
#define CONVERSATION                                                           \
	"ready\n"                                                              \
	"response OK 200 \n"                                                   \
	"register OK 200 ada\n"                                                \
	"map " PAIR_FIRST "\n"                                                 \
	"map " PAIR_DELTA "\n"
#define CONVERSATION_AT_SERVER                                                 \
	"connected mkey:0faa684e version 131\n"                                \
	"POST /machine/register\n"                                             \
	"POST /machine/map\n"                                                  \
	"POST /machine/map\n"

static int
begin(uint16_t version)
{
	pair = (struct pair){.on_request = pair_serve, .now = {MESH_HOUR}};
	return pair_begin(&pair, version);
}

/* Register, lite update and map stream in a row. */
static int
ask_all(void)
{
	int err = pair_register(&pair);

	if (err == MESH_OK)
		err = pair_map(&pair, false, false, NULL);
	if (err == MESH_OK)
		err = pair_map(&pair, true, false, NULL);
	return err;
}

static void
begin_and_ask(void)
{
	assert_int_equal(begin(0), MESH_OK);
	assert_int_equal(ask_all(), MESH_OK);
}

static bool
starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void
test_conversation(void **state)
{
	(void)state;
	begin_and_ask();
	pair_run(&pair);
	assert_string_equal(pair.client_log, CONVERSATION);
	assert_string_equal(pair.server_log, CONVERSATION_AT_SERVER);
	pair_end(&pair);
}

static void
test_chunks_of_every_size(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 9, 16, 50, 51, 101,
	    1000, 4095, 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		begin_and_ask();
		pair.chunk = sizes[i];
		pair_run(&pair);
		assert_string_equal(pair.client_log, CONVERSATION);
		pair_end(&pair);
	}
}

/* How many bytes go up and down in a whole conversation. */
static void
measure(size_t *up, size_t *down)
{
	begin_and_ask();
	pair_run(&pair);
	*up = pair.up.seen;
	*down = pair.down.seen;
	pair_end(&pair);
}

static void
test_cut_at_every_byte(void **state)
{
	size_t up, down;

	(void)state;
	measure(&up, &down);
	for (size_t at = 1; at < up || at < down; at++) {
		begin_and_ask();
		pair.up.cut_at = pair.down.cut_at = at;
		pair_run(&pair);
		assert_string_equal(pair.client_log, CONVERSATION);
		pair_end(&pair);
	}
}

static void
test_client_sees_every_end(void **state)
{
	size_t up, down;

	(void)state;
	measure(&up, &down);
	for (size_t at = 1; at < down; at++) {
		begin_and_ask();
		pair.down.end_at = at;
		pair_run(&pair);
		assert_true(pair.client_closed);
		assert_non_null(strstr(pair.client_log, "closed "));
		assert_int_equal(mesh_control_client_deadline(pair.client).ns,
		    MESH_NEVER.ns);
		assert_false(mesh_control_client_wants_write(pair.client));
		assert_int_equal(pair_register(&pair), MESH_ERR_STATE);
		pair_end(&pair);
	}
}

static void
test_server_sees_every_end(void **state)
{
	size_t up, down;

	(void)state;
	measure(&up, &down);
	for (size_t at = 1; at < up; at++) {
		begin_and_ask();
		pair.up.end_at = at;
		pair_run(&pair);
		assert_true(pair.server_closed);
		if (pair.server != NULL) {
			assert_non_null(strstr(pair.server_log, "closed "));
			assert_int_equal(
			    mesh_control_server_deadline(pair.server).ns,
			    MESH_NEVER.ns);
		}
		pair_end(&pair);
	}
}

/* A flipped bit is noticed, or changes nothing that anyone reads: it never makes
 * another conversation. */
static void
test_flip_every_byte(void **state)
{
	size_t up, down;

	(void)state;
	measure(&up, &down);
	for (size_t at = 0; at < up || at < down; at++) {
		begin_and_ask();
		if (at < up)
			pair.up.flip_at = at;
		pair_run(&pair);
		assert_true(starts(CONVERSATION, pair.client_log) ||
		    strstr(pair.client_log, "closed ") != NULL);
		pair_end(&pair);

		begin_and_ask();
		if (at < down)
			pair.down.flip_at = at;
		pair_run(&pair);
		assert_true(starts(CONVERSATION, pair.client_log) ||
		    strstr(pair.client_log, "closed ") != NULL);
		pair_end(&pair);
	}
}

static void
test_wrong_server_key(void **state)
{
	(void)state;
	begin_and_ask();
	pair.server_cfg.key.b[0] ^= 1;
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "closed AUTH: server closed the connection after the upgrade: its "
	    "key changed, or it does not admit version 131\n");
	assert_string_equal(pair.server_log,
	    "closed AUTH: handshake failed: the client has another key of "
	    "this server\n");
	pair_end(&pair);
	/* The server has the public key that the client knows, not its secret.
	 */
	begin_and_ask();
	pair.server_secret.b[5] ^= 1;
	pair_run(&pair);
	assert_true(starts(pair.client_log, "closed AUTH"));
	pair_end(&pair);
}

static void
test_version_too_low(void **state)
{
	(void)state;
	assert_int_equal(begin(87), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log,
	    "closed REFUSED: server refused the handshake, it says: client too "
	    "old: capability version 87, at least 88 is needed\n");
	assert_string_equal(pair.server_log,
	    "closed VERSION: client too old: capability version 87, at least "
	    "88 is needed\n");
	pair_end(&pair);
	assert_int_equal(begin(88), MESH_OK);
	pair_run(&pair);
	assert_string_equal(pair.client_log, "ready\n");
	assert_string_equal(pair.server_log,
	    "connected mkey:0faa684e version 88\n");
	pair_end(&pair);
}

static void
test_client_is_refused_arguments(void **state)
{
	struct mesh_machine_secret secret = {{1}};
	struct mesh_control_client_config cfg = {.secret = &secret,
	    .authority = "a"};
	uint8_t random[MESH_CONTROL_CLIENT_RANDOM] = {1};
	struct mesh_control_client *c = NULL;
	char name[400];

	(void)state;
	assert_int_equal(mesh_control_client_new(&cfg, random, MESH_NEVER, &c),
	    MESH_ERR_ARG);
	cfg.server_key = mesh_machine_public(&secret);
	cfg.authority = "";
	assert_int_equal(mesh_control_client_new(&cfg, random, MESH_NEVER, &c),
	    MESH_ERR_ARG);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	cfg.authority = name;
	assert_int_equal(mesh_control_client_new(&cfg, random, MESH_NEVER, &c),
	    MESH_ERR_ARG);
	cfg.authority = "a\r\nb: c";
	assert_int_not_equal(mesh_control_client_new(&cfg, random, MESH_NEVER,
				 &c),
	    MESH_OK);
	assert_null(c);
	mesh_control_client_free(NULL);
	mesh_control_server_free(NULL);
}

/* --- time */

static void
test_handshake_times_out(void **state)
{
	(void)state;
	begin_and_ask();
	pair.server_reads = false;
	pair_tick(&pair, 10 * MESH_SEC - 1);
	assert_string_equal(pair.client_log, "");
	assert_int_equal(mesh_control_client_deadline(pair.client).ns,
	    pair.now.ns + 1);
	pair_tick(&pair, 1);
	assert_string_equal(pair.client_log,
	    "closed TIMEOUT: server did not finish the handshake in time\n");
	pair_end(&pair);
}

static void
test_preface_times_out(void **state)
{
	(void)state;
	begin_and_ask();
	pair.up.end_at = PAIR_NEVER;
	pair.client_reads = false; /* the handshake never comes back */
	pair_run(&pair);
	assert_non_null(pair.server);
	pair_tick(&pair, MESH_CONTROL_PREFACE_NS);
	assert_non_null(strstr(pair.server_log,
	    "closed TIMEOUT: client did not begin HTTP/2 in time\n"));
	pair_end(&pair);
}

/* Between 50 and 59 s after the last frame, again and again. */
static void
test_keep_alive(void **state)
{
	struct mesh_time due;

	(void)state;
	begin_and_ask();
	pair_run(&pair);
	for (int i = 0; i < 3; i++) {
		due = mesh_control_server_deadline(pair.server);
		assert_in_range(due.ns - pair.now.ns, 50 * MESH_SEC,
		    59 * MESH_SEC);
		pair.client_log[0] = 0;
		pair_tick(&pair, due.ns - pair.now.ns);
		assert_string_equal(pair.client_log, "keepalive\n");
	}
	pair_end(&pair);
}

static void
test_watchdog(void **state)
{
	(void)state;
	begin_and_ask();
	pair_run(&pair);
	pair.client_log[0] = 0;
	assert_int_equal(mesh_control_client_deadline(pair.client).ns,
	    pair.now.ns + MESH_CONTROL_WATCHDOG_NS);
	pair.client_reads = false; /* keep-alives do not arrive */
	pair_tick(&pair, MESH_CONTROL_WATCHDOG_NS);
	assert_string_equal(pair.client_log, "end TIMEOUT 200\n");
	/* The stream is reset, and another one may follow. */
	pair.client_reads = true;
	pair_run(&pair);
	assert_non_null(strstr(pair.server_log, "gone 5\n"));
	assert_int_equal(pair_map(&pair, true, false, NULL), MESH_OK);
	pair_run(&pair);
	assert_non_null(strstr(pair.client_log, "map " PAIR_DELTA));
	pair_end(&pair);
}

static void
never_answer(struct pair *p, const struct mesh_control_server_event *ev)
{
	(void)p, (void)ev;
}

static void
test_answer_times_out(void **state)
{
	struct mesh_register_request waits = {.followup = "http://x/y"};

	(void)state;
	assert_int_equal(begin(0), MESH_OK);
	pair.on_request = never_answer;
	assert_int_equal(mesh_control_client_register(pair.client, &waits,
			     pair.now, NULL),
	    MESH_OK);
	assert_int_equal(pair_register(&pair), MESH_OK);
	assert_int_equal(pair_map(&pair, false, false, NULL), MESH_OK);
	pair_run(&pair);
	pair_tick(&pair, MESH_CONTROL_ANSWER_NS);
	/* The one that waits for a person still waits. */
	assert_string_equal(pair.client_log,
	    "ready\nregister TIMEOUT 0 -\nresponse TIMEOUT 0 \n");
	assert_string_equal(pair.last.diag.text, "no answer in time");
	assert_true(mesh_time_is_never(
	    mesh_control_client_deadline(pair.client)));
	assert_non_null(strstr(pair.server_log, "gone 3\ngone 5\n"));
	pair_end(&pair);
}

/* --- the end */

static void
test_closed_tells_no_requests(void **state)
{
	(void)state;
	assert_int_equal(begin(0), MESH_OK);
	pair.on_request = never_answer;
	assert_int_equal(ask_all(), MESH_OK);
	pair_run(&pair);
	pair_to_client(&pair, NULL, 0);
	assert_string_equal(pair.client_log,
	    "ready\nclosed CLOSED: server closed the connection\n");
	pair_end(&pair);
}

static void
test_shutdown(void **state)
{
	(void)state;
	begin_and_ask();
	pair_run(&pair);
	mesh_control_server_shutdown(pair.server);
	pair_run(&pair);
	/* What runs goes on, until the server ends it. */
	assert_int_equal(pair_push(&pair, 5, PAIR_DELTA, strlen(PAIR_DELTA)),
	    MESH_OK);
	assert_int_equal(mesh_control_server_end(pair.server, 5), MESH_OK);
	pair_run(&pair);
	assert_non_null(strstr(pair.client_log,
	    "map " PAIR_DELTA "\nmap " PAIR_DELTA "\nend CLOSED 200\n"
	    "closed CLOSED: server ended the session\n"));
	assert_non_null(strstr(pair.server_log, "closed CLOSED"));
	assert_null(strstr(pair.server_log, "gone"));
	pair_end(&pair);
}

#ifndef MESH_SANITIZERS
/* --- memory fails at the n-th call, for each n. The program's own malloc comes
 * before libc's, for the libraries, too. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static size_t fail_in; /* 0: never */
static bool failed;

static bool
fails(void)
{
	if (fail_in == 0 || --fail_in > 0)
		return false;
	failed = true;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

static void
test_memory_fails(void **state)
{
	size_t n = 0;

	(void)state;
	do {
		int err;

		n++;
		failed = false;
		fail_in = n;
		err = begin(0);
		if (err == MESH_OK) {
			err = ask_all();
			pair_run(&pair);
		}
		fail_in = 0;
		/* Either nothing came of it, or it was said. */
		if (failed && err == MESH_OK && !pair.client_closed)
			assert_true(starts(CONVERSATION, pair.client_log) ||
			    strstr(pair.client_log, "NOMEM") != NULL ||
			    strstr(pair.client_log, "CLOSED") != NULL ||
			    strstr(pair.client_log, "end ") != NULL);
		pair_end(&pair);
	} while (failed && n < 5000);
	assert_true(n > 50 && n < 5000);
	assert_string_equal(pair.client_log, CONVERSATION);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conversation),
	    cmocka_unit_test(test_chunks_of_every_size),
	    cmocka_unit_test(test_cut_at_every_byte),
	    cmocka_unit_test(test_client_sees_every_end),
	    cmocka_unit_test(test_server_sees_every_end),
	    cmocka_unit_test(test_flip_every_byte),
	    cmocka_unit_test(test_wrong_server_key),
	    cmocka_unit_test(test_version_too_low),
	    cmocka_unit_test(test_client_is_refused_arguments),
	    cmocka_unit_test(test_handshake_times_out),
	    cmocka_unit_test(test_preface_times_out),
	    cmocka_unit_test(test_keep_alive),
	    cmocka_unit_test(test_watchdog),
	    cmocka_unit_test(test_answer_times_out),
	    cmocka_unit_test(test_closed_tells_no_requests),
	    cmocka_unit_test(test_shutdown),
#ifndef MESH_SANITIZERS
	    cmocka_unit_test(test_memory_fails),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
