/* SPDX-License-Identifier: ISC
 * asker.h - the process that asks --admit about clients:
 *
 *	POST URL   {"NodePublic":"nodekey:HEX","Source":"ADDRESS"}
 *	200        {"Allow":true}
 *
 * (protocol/dataplane.md 3.9). One connection a question, ASKER_BUSY at once,
 * each ASKER_NS at most. An answer that is no 200 with "Allow":true means no.
 *No answer at all means: who was allowed here within the last day may come in,
 * others may not; with --admit-fail-open all may, as the stock relay has it.
 *
 * asker.c has the questions and what is known, post.c one question's bytes.
 */
#ifndef RELAYD_ASKER_H
#define RELAYD_ASKER_H

#include "link.h"

#include "base/buf.h"
#include "base/list.h"
#include "control/url.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/types.h>

#define ASKER_BUSY 32u          /* questions under way */
#define ASKER_WAITING 1024u     /* others, which wait; the oldest goes */
#define ASKER_NS (5 * MESH_SEC) /* a question, from when it came */
#define ASKER_ANSWER_MAX 16384u /* bytes, with its head */
#define ASKER_KNOWN 65536u      /* keys remembered; the oldest goes */
#define ASKER_KNOWN_NS (24 * 3600 * MESH_SEC)
#define ASKER_ADDRESSES 4u
#define ASKER_RESOLVE_NS (10 * MESH_SEC) /* between two look-ups */

enum post_verdict {
	POST_YES,
	POST_NO,
	POST_DOWN, /* no answer */
};

struct question {
	struct mesh_list list; /* waiting or busy */
	struct asker *asker;
	struct link_ask ask;
	struct mesh_time since;
	/* post.c */
	struct event io, timer;
	SSL *tls;
	struct mesh_buf out, in;
	int fd; /* -1: not begun */
};

struct asker {
	struct event_base *base;
	struct event link_event;
	SSL_CTX *tls; /* https */
	struct mesh_control_url url;
	char path[MESH_URL_PATH_MAX];
	struct mesh_endpoint addresses[ASKER_ADDRESSES];
	size_t address_count, address; /* the one in use */
	struct mesh_time resolved;
	struct mesh_list waiting, busy;
	size_t waiting_count, busy_count;
	bool fail_open, ended;
};

int asker_main(void);
/* "https://host[:port]/path". */
int asker_check_url(const char *url, struct mesh_diag *diag) MESH_MUST_USE;

/* asker.c: the verdict on q, which goes. */
void asker_done(struct question *q, enum post_verdict v);

/* post.c: begins; asker_done() follows, perhaps at once. */
void post_begin(struct question *q);
/* Gives back what post_begin() took. */
void post_end(struct question *q);

#endif
