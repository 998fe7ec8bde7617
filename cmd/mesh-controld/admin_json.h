/* SPDX-License-Identifier: ISC
 * admin_json.h - the shapes of the admin API: User, PreAuthKey, Node
 * (protocol/services.md 9.3). Numbers that identify are decimal text, as there.
 */
#ifndef CONTROLD_ADMIN_JSON_H
#define CONTROLD_ADMIN_JSON_H

#include "state.h"

#include <base/json.h>

void admin_write_user(struct mesh_jw *w, const struct user *u);
/* text: the whole key, when it is shown for the only time; else NULL. */
void admin_write_key(struct mesh_jw *w, const struct state *s,
    const struct auth_key *k, const char *text);
void admin_write_node(struct mesh_jw *w, const struct state *s,
    const struct member *m);
/* Seconds since 1970 as RFC 3339; 0 as null. */
void admin_write_time(struct mesh_jw *w, const char *name, int64_t sec);

#endif
