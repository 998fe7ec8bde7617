/* SPDX-License-Identifier: ISC
 * sshcheck.h - logins that the policy lets in only after somebody was asked
 * ("check"): what a node is told that asks about one.
 *
 * The node (the destination) asks with two numbers and an account. It is told to
 * accept, to reject, or to hold: to show a URL and to ask again with an id, and
 * then it waits for an administrator. Nothing that it says is trusted but its
 * machine key: the policy is asked again each time, and an id is good for the
 * same source, destination and account alone. What was approved is remembered
 * for as long as the policy says, in memory, until the policy changes.
 * Source: protocol/control.md 4.6, services.md 4.4, 9.5.
 */
#ifndef CONTROLD_SSHCHECK_H
#define CONTROLD_SSHCHECK_H

#include "access.h"

#include <policy/policy.h>

#define SSHCHECK_ID_LEN 24u /* hex digits */
#define SSHCHECK_RANDOM (SSHCHECK_ID_LEN / 2)
#define SSHCHECK_MAX 1024u	     /* then the oldest goes */
#define SSHCHECK_PER_NODE 16u	     /* that wait: of one destination */
#define SSHCHECK_NS (15 * MESH_MIN) /* to be approved, and to be used once */
#define SSHCHECK_ACCOUNT (MESH_POLICY_ACCOUNT_MAX + 1) /* bytes with NUL */

struct sshcheck_ask {
	uint64_t req;
	struct mesh_machine_key machine; /* who asks */
	int64_t src, dst;
	struct mesh_str account;
	struct mesh_str id; /* empty: the first time */
};

enum sshcheck_kind {
	SSHCHECK_UNKNOWN,   /* 404: there is no such destination */
	SSHCHECK_STRANGER,  /* 401: it is not the one who asks */
	SSHCHECK_ACCEPT,
	SSHCHECK_REJECT,
	SSHCHECK_HOLD,	/* with id: show where to approve it */
	SSHCHECK_AGAIN, /* with id: it is decided, ask again */
	SSHCHECK_WAIT, /* no answer now: sshcheck_next() has it later */
};

struct sshcheck_answer {
	uint64_t req;
	enum sshcheck_kind kind;
	char id[SSHCHECK_ID_LEN + 1];
};

struct sshcheck;

struct sshcheck *sshcheck_new(void);
void sshcheck_free(struct sshcheck *c);

void sshcheck_handle(struct sshcheck *c, const struct state *s,
    const struct sshcheck_ask *ask,
    const uint8_t random[static SSHCHECK_RANDOM], struct mesh_time now,
    struct sshcheck_answer *out);
/* The one that waits is gone. */
void sshcheck_cancel(struct sshcheck *c, uint64_t req);
/* The next answer that was waited for; false if there is none. */
bool sshcheck_next(struct sshcheck *c, struct sshcheck_answer *out);

/* id: or a URL that ends in it. False: nothing waits under it. */
bool sshcheck_decide(struct sshcheck *c, struct mesh_str id, bool accept,
    struct mesh_time now);
/* Another policy: what was approved under the old one is over. */
void sshcheck_forget(struct sshcheck *c);
void sshcheck_tick(struct sshcheck *c, struct mesh_time now);

/* An SSHAction, JSON. url: of the server. */
void sshcheck_write(const struct sshcheck_answer *a, const char *url,
    struct mesh_buf *out);

#endif
