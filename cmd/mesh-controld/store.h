/* SPDX-License-Identifier: ISC
 * store.h - the database of the coordination server: SQLite, one file.
 *
 * WAL with synchronous=FULL: what store_commit() has acknowledged survives a
 * power cut (protocol: none; the reason is that Headscale's NORMAL may forget
 * acknowledged registrations). The file may be read and backed up by others
 * while the server runs. The schema has a version (PRAGMA user_version) and is
 * brought up to date when it is opened.
 *
 * Each writing call is one transaction, unless it stands between store_begin()
 * and store_commit(). MESH_OK; MESH_ERR_EXIST: a unique value is taken;
 * MESH_ERR_IO: disk full, file damaged...: store_error() says it in words.
 */
#ifndef CONTROLD_STORE_H
#define CONTROLD_STORE_H

#include "model.h"

#define STORE_FILE "controld.db"

struct store;

/* path: the database, made when missing (mode 0600); it is used as it stands, so
 * a relative one stays relative to the current folder. diag says what is wrong:
 * not permitted, damaged, not ours, written by a newer version. */
int store_open(const char *path, struct store **out, struct mesh_diag *diag);
void store_close(struct store *s);
const char *store_error(const struct store *s);

int store_begin(struct store *s) MESH_MUST_USE;
int store_commit(struct store *s) MESH_MUST_USE;
void store_rollback(struct store *s);

/* Call it now and then, when there is time: what was written goes from the journal
 * into the database and the journal is emptied. A journal that is damaged while
 * the daemon does not run would lose the last changes without a trace; a damaged
 * database is noticed. */
void store_settle(struct store *s);
/* Why something could not be stored since the last time that this was asked:
 * what the disk or the file said. False: all was stored. */
bool store_trouble(struct store *s, char *out, size_t size);

/* _add sets the id. _update writes all but id and created. */
int store_user_add(struct store *s, struct user *u) MESH_MUST_USE;
int store_user_remove(struct store *s, int64_t id) MESH_MUST_USE;
int store_key_add(struct store *s, struct auth_key *k) MESH_MUST_USE;
int store_key_update(struct store *s, const struct auth_key *k) MESH_MUST_USE;
int store_node_add(struct store *s, struct node *n) MESH_MUST_USE;
int store_node_update(struct store *s, const struct node *n) MESH_MUST_USE;
int store_node_remove(struct store *s, int64_t id) MESH_MUST_USE;
/* The newest policy counts; older ones are kept (the last STORE_POLICIES). */
#define STORE_POLICIES 50
int store_policy_set(struct store *s, struct mesh_str text, int64_t now)
    MESH_MUST_USE;

/* Hands out all records in order of id. What a record points to is the
 * receiver's (auth_key_release(), node_release()); an error ends the walk. */
struct store_sink {
	int (*user)(void *arg, const struct user *u);
	int (*key)(void *arg, struct auth_key *k);
	int (*node)(void *arg, struct node *n);
	int (*policy)(void *arg, struct mesh_str text, int64_t created);
	void *arg;
};
int store_load(struct store *s, const struct store_sink *sink) MESH_MUST_USE;

#endif
