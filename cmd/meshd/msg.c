/* SPDX-License-Identifier: ISC
 * msg.c - the table of messages.
 */
#include "msg.h"

#define M ROLE_MONITOR
#define E ROLE_ENGINE
#define A ROLE_AGENT
#define C ROLE_CONFIG
#define ALL (M | E | A | C)
#define NEW MSG_IN_NEW
#define UP MSG_IN_UP
#define TABLES MSG_IN_TABLES
#define ANY (MSG_IN_UP | MSG_IN_TABLES)
#define FULL MSG_BODY_MAX
#define BULK MSG_BULK_MAX

/* clang-format off */
static const struct msg_def defs[MSG_TYPE_COUNT] = {
	/*                     name          from   to     states  next   fds    bytes */
	[MSG_HELLO] =         {"hello",       ALL,   ALL,   NEW,    UP,     0, 0,  8, 8},
	[MSG_CONF] =          {"conf",        C,     M,     UP,     0,      0, 0, 20, FULL},
	[MSG_ENGINE_START] =  {"engine-start", M,    E,     UP,     0,      0, 3, 63, 63},
	[MSG_NODE_SECRET] =   {"node-secret", M,     E,     ANY,    0,      0, 0, 32, 32},
	[MSG_AGENT_START] =   {"agent-start", M,     A,     UP,     0,      2, 2, 18, FULL},
	[MSG_NETMAP_FILE] =   {"netmap-file", M,     A,     UP,     0,      1, 1,  0, 0},
	[MSG_STOP] =          {"stop",        M,     E|A,   ANY,    0,      0, 0,  0, 0},
	[MSG_LINKS] =         {"links",       M,     E|A,   UP,     0,      0, 0,  3, FULL},
	[MSG_PEER_LINK] =     {"peer-link",   M,     E|A,   UP,     0,      1, 1,  0, 0},
	[MSG_SOCKET_IS] =     {"socket-is",   M,     E|A,   UP,     0,      0, 1,  8, 8},
	[MSG_SOCKET] =        {"socket",      E|A,   M,     UP,     0,      0, 0,  5, 5},
	[MSG_ADDRESSES] =     {"addresses",   A,     M,     UP,     0,      0, 0,  4, FULL},
	[MSG_ROUTES] =        {"routes",      A,     M,     UP,     0,      0, 0,  4, BULK},
	[MSG_REKEY] =         {"rekey",       A,     M,     UP,     0,      0, 0,  0, 0},
	[MSG_STAMP] =         {"stamp",       E,     M,     UP,     0,      0, 0, 12, 12},
	[MSG_READY] =         {"ready",       E|A,   M,     UP,     0,      0, 0,  0, 0},
	[MSG_FAULT] =         {"fault",       E|A,   M,     UP,     0,      0, 0,  0, 0},
	[MSG_BEGIN] =         {"begin",       A,     E,     UP,     TABLES, 0, 0,  1, 1},
	[MSG_SELF] =          {"self",        A,     E,     TABLES, 0,      0, 0, 58, FULL},
	[MSG_PEERS] =         {"peers",       A,     E,     TABLES, 0,      0, 0,  0, BULK},
	[MSG_PEERS_DROP] =    {"peers-drop",  A,     E,     TABLES, 0,      0, 0, 32, BULK},
	[MSG_FILTER] =        {"filter",      A,     E,     TABLES, 0,      0, 0,  0, BULK},
	[MSG_RELAYS] =        {"relays",      A,     E,     TABLES, 0,      0, 0,  0, BULK},
	[MSG_COMMIT] =        {"commit",      A,     E,     TABLES, UP,     0, 0,  0, 0},
	[MSG_WANT_STATE] =    {"want-state",  A,     E,     UP,     0,      0, 0,  0, 0},
	[MSG_WANT_STATUS] =   {"want-status", A,     E,     UP,     0,      0, 0,  4, 4},
	[MSG_PING] =          {"ping",        A,     E,     UP,     0,      0, 0, 57, 57},
	[MSG_CERT_VERDICT] =  {"cert-verdict", A,    E,     ANY,    0,      0, 0,  6, FULL},
	[MSG_ENGINE_STATE] =  {"engine-state", E,    A,     UP,     0,      0, 0, 90, FULL},
	[MSG_PEER_STATUS] =   {"peer-status", E,     A,     UP,     0,      0, 0,  0, FULL},
	[MSG_STATUS_END] =    {"status-end",  E,     A,     UP,     0,      0, 0,  4, 4},
	[MSG_PONG] =          {"pong",        E,     A,     UP,     0,      0, 0, 37, 37},
	[MSG_CERT_ASK] =      {"cert-ask",    E,     A,     UP,     0,      0, 0,  8, FULL},
};
/* clang-format on */

const struct msg_def *
msg_def(unsigned type)
{
	if (type >= MSG_TYPE_COUNT || defs[type].name == NULL)
		return NULL;
	return &defs[type];
}

static uint64_t
fnv1a(uint64_t h, const void *p, size_t len)
{
	for (const uint8_t *b = p; len > 0; b++, len--)
		h = (h ^ *b) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t
msg_build_id(void)
{
	static const char version[] = PACKAGE_VERSION;
	uint64_t h = fnv1a(UINT64_C(0xcbf29ce484222325), version,
	    sizeof(version));

	for (size_t i = 1; i < MSG_TYPE_COUNT; i++) {
		const struct msg_def *d = &defs[i];
		const uint32_t row[] = {(uint32_t)i, d->from, d->to, d->states,
		    d->next, d->fd_min, d->fd_max, d->min, d->max};

		h = fnv1a(h, row, sizeof(row));
	}
	return h;
}
