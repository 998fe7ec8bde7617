/* SPDX-License-Identifier: ISC
 * state_int.h - what state.c (records and indexes), state_admin.c and
 * state_node.c (changes) share.
 */
#ifndef CONTROLD_STATE_INT_H
#define CONTROLD_STATE_INT_H

#include "state.h"

/* Into memory, without the store. out may be NULL. */
int state_keep_user(struct state *s, const struct user *u, struct user **out);
void state_drop_user(struct state *s, struct user *u);
/* k's tags become the state's, also on failure. */
int state_keep_key(struct state *s, struct auth_key *k, struct auth_key **out);
void state_drop_key(struct state *s, struct auth_key *k);

/* A slot and all look-ups for a member, or nothing. */
int state_insert(struct state *s, struct member *m);
int state_index(struct state *s, struct member *m);
void state_unindex(struct state *s, struct member *m);
int state_relabel(struct state *s, struct member *m, const char *label);

/* state_sync() writes it. */
void state_mark_unsaved(struct state *s, struct member *m);

/* Out of all look-ups; peers are told, then it is freed. */
void state_forget(struct state *s, struct member *m);

#endif
