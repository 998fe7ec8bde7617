/* SPDX-License-Identifier: ISC
 * register_int.h - what register.c (decisions) and pending.c (logins that wait)
 * share.
 */
#ifndef CONTROLD_REGISTER_INT_H
#define CONTROLD_REGISTER_INT_H

#include "register.h"

void register_refuse(struct register_answer *out, const char *why);
void register_answer_member(const struct state *s, const struct member *m,
    int64_t wall, struct register_answer *out);
/* The record that a login makes or renews, without texts. */
struct node register_record(const struct state *s,
    const struct register_ask *ask, int64_t wall);
/* Gives the record texts of its own. */
int register_own_texts(struct node *n, const struct report *r,
    const char *tags);
/* A new node, or a new login of the one that this machine has with that owner.
 * n: without texts. key: spent (may be NULL). */
int register_admit(struct state *s, struct node *n, const struct report *r,
    const char *tags, struct auth_key *key, uint32_t seed,
    struct member **out);

/* Flow B: a followup waits, anybody else gets a URL. */
void pending_ask(struct state *s, const struct register_ask *ask,
    const uint8_t random[static PENDING_RANDOM], struct mesh_time now,
    struct register_answer *out);

#endif
